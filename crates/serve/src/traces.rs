//! Traces of requests in the form of OpenTelemetry, where somebody collects them.
//!
//! A span says which route was asked, how it was answered and how long that took, and belongs to the trace of whoever asked.
//! It never says whose request it was: no part of a path that a request brings, no header, no key.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, Method, StatusCode};
use futures::future::BoxFuture;
use opentelemetry::KeyValue;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{Span as _, SpanKind, Status, Tracer as _, TracerProvider as _};
use opentelemetry_http::{Bytes, HeaderExtractor, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, Span};

use crate::server::Error;

/// What names a collector, as everywhere with OpenTelemetry.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];
/// A collector that takes longer gets no more of these spans.
const SENDING_MAX: Duration = Duration::from_secs(10);

/// Sends traces to a collector.
pub struct Traces {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    propagator: TraceContextPropagator,
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traces").finish_non_exhaustive()
    }
}

impl Traces {
    /// Traces for the collector that the environment names with the variables of OpenTelemetry (`OTEL_EXPORTER_OTLP_ENDPOINT`,
    /// and those for headers, sampling, names and queues); `None` where it names none. To be asked where a runtime is.
    ///
    /// # Errors
    /// When what the environment says cannot be followed.
    pub fn of_environment() -> Result<Option<Self>, Error> {
        let said = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let is_off = said("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
            || said("OTEL_TRACES_EXPORTER").is_some_and(|value| value == "none");
        if is_off || ENDPOINTS.iter().all(|name| said(name).is_none()) {
            return Ok(None);
        }
        let client = reqwest::Client::builder()
            .timeout(SENDING_MAX)
            .build()
            .map_err(|error| Error::Traces(error.to_string()))?;
        let sender = Sender { client, runtime: tokio::runtime::Handle::current() };
        let exporter = SpanExporter::builder().with_http().with_http_client(sender).build();
        let exporter = exporter.map_err(|error| Error::Traces(error.to_string()))?;
        let mut resource = Resource::builder();
        if said("OTEL_SERVICE_NAME").is_none() {
            resource = resource.with_service_name("desireline");
        }
        let provider =
            SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource.build()).build();
        let tracer = provider.tracer("desireline");
        Ok(Some(Self { provider, tracer, propagator: TraceContextPropagator::new() }))
    }

    /// A request that begins to be answered.
    pub(crate) fn begin(&self, method: &Method, headers: &HeaderMap) -> Span {
        let asked_by = self.propagator.extract(&HeaderExtractor(headers));
        let method = KeyValue::new("http.request.method", method.to_string());
        let span = self.tracer.span_builder("request").with_kind(SpanKind::Server).with_attributes([method]);
        span.start_with_context(&self.tracer, &asked_by)
    }

    /// Sends what waits, and no more after that.
    pub async fn end(self: Arc<Self>) {
        // Whoever collects may be gone, which is no reason not to stop.
        let _ = tokio::task::spawn_blocking(move || drop(self.provider.shutdown())).await;
    }
}

/// The request was answered.
pub(crate) fn end(mut span: Span, method: &Method, route: &'static str, status: StatusCode) {
    span.update_name(format!("{method} {route}"));
    span.set_attribute(KeyValue::new("http.route", route));
    span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
    if status.is_server_error() {
        span.set_status(Status::error(""));
    }
    span.end();
}

/// Posts with the client that is there anyway; the exporter has a thread of its own, which is none of the runtime.
#[derive(Debug)]
struct Sender {
    client: reqwest::Client,
    runtime: tokio::runtime::Handle,
}

impl HttpClient for Sender {
    fn send_bytes<'a: 'r, 'r>(&'a self, request: Request<Bytes>) -> BoxFuture<'r, Result<Response<Bytes>, HttpError>>
    where
        Self: 'r,
    {
        let client = self.client.clone();
        let sent = self.runtime.spawn(async move {
            let response = client.execute(request.map(reqwest::Body::from).try_into()?).await?;
            let status = response.status();
            let mut answer = Response::new(response.bytes().await?);
            *answer.status_mut() = status;
            Ok(answer)
        });
        Box::pin(async move { sent.await? })
    }
}
