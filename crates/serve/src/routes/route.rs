//! A route: what the router, the rights and the documentation need to know of it.

use std::pin::Pin;

use axum::http::Method;
use axum::response::Response;
use serde_json::Value;

use super::Call;
use crate::access::Access;
use crate::problem::Problem;

/// An answer on its way.
pub(crate) type Answering = Pin<Box<dyn Future<Output = Result<Response, Problem>> + Send>>;

/// What answers.
pub(crate) type Handler = fn(Call) -> Answering;

/// Where a parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Where {
    Path,
    Query,
    Header,
}

/// A parameter, for the documentation.
#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) place: Where,
    pub(crate) about: &'static str,
    pub(crate) schema: Value,
}

/// An answer that is no problem, for the documentation.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content: &'static str,
    pub(crate) schema: Value,
}

/// A method at an address.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) access: Access,
    pub(crate) handler: Handler,
    pub(crate) about: &'static str,
    pub(crate) parameters: Vec<Parameter>,
    /// The body that is expected: its schema by each content type that it may have.
    pub(crate) body: Vec<(&'static str, Value)>,
    /// Whether it may be left out.
    pub(crate) body_is_optional: bool,
    pub(crate) answers: Vec<Answer>,
}

impl Route {
    fn new(method: Method, path: &'static str, access: Access, about: &'static str, handler: Handler) -> Self {
        let (parameters, body, answers) = (Vec::new(), Vec::new(), Vec::new());
        Self { method, path, access, handler, about, parameters, body, body_is_optional: false, answers }
    }

    pub(crate) fn get(path: &'static str, access: Access, about: &'static str, handler: Handler) -> Self {
        Self::new(Method::GET, path, access, about, handler)
    }

    pub(crate) fn post(path: &'static str, access: Access, about: &'static str, handler: Handler) -> Self {
        Self::new(Method::POST, path, access, about, handler)
    }

    pub(crate) fn put(path: &'static str, access: Access, about: &'static str, handler: Handler) -> Self {
        Self::new(Method::PUT, path, access, about, handler)
    }

    pub(crate) fn delete(path: &'static str, access: Access, about: &'static str, handler: Handler) -> Self {
        Self::new(Method::DELETE, path, access, about, handler)
    }

    /// With a parameter in the path or the query.
    pub(crate) fn with(mut self, place: Where, name: &'static str, schema: Value, about: &'static str) -> Self {
        self.parameters.push(Parameter { name, place, about, schema });
        self
    }

    /// With a body; may be of several content types.
    pub(crate) fn takes(mut self, content: &'static str, schema: Value) -> Self {
        self.body.push((content, schema));
        self
    }

    /// With a body in JSON, or without.
    pub(crate) fn may_take(self, schema: Value) -> Self {
        Self { body_is_optional: true, ..self.takes("application/json", schema) }
    }

    /// With an answer that is no problem; may be of several content types.
    pub(crate) fn answers(mut self, status: u16, content: &'static str, schema: Value) -> Self {
        self.answers.push(Answer { status, content, schema });
        self
    }
}
