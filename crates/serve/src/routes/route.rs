//! A route: what the router, the rights and the documentation need to know of it.

use std::pin::Pin;

use axum::http::Method;
use axum::response::Response;
use serde_json::Value;

use super::Call;
use crate::access::Access;
use crate::problem::Problem;

/// What answers.
pub(crate) type Handler = fn(Call) -> Pin<Box<dyn Future<Output = Result<Response, Problem>> + Send>>;

/// Where a parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Where {
    Path,
    Query,
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
    /// The body that is expected: its content type and schema.
    pub(crate) body: Option<(&'static str, Value)>,
    pub(crate) answers: Vec<Answer>,
}

impl Route {
    fn new(method: Method, path: &'static str, access: Access, about: &'static str, handler: Handler) -> Self {
        Self { method, path, access, handler, about, parameters: Vec::new(), body: None, answers: Vec::new() }
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

    /// With a body.
    pub(crate) fn takes(mut self, content: &'static str, schema: Value) -> Self {
        self.body = Some((content, schema));
        self
    }

    /// With an answer that is no problem.
    pub(crate) fn answers(mut self, status: u16, content: &'static str, schema: Value) -> Self {
        self.answers.push(Answer { status, content, schema });
        self
    }
}
