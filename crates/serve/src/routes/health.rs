//! Whether the server works, what it counts, and what it can be asked.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use engine::ShownCalibration;
use engine::deliver::ShownTarget;
use engine::deliver::limits::TARGETS_MAX;
use serde_json::json;

use super::{Call, Route, json as answer};
use crate::access::Access;
use crate::app::App;
use crate::limits::COUNTED_FOR;
use crate::metrics::Text;
use crate::openapi;
use crate::problem::{Code, Problem};

/// How long what is kept may take to answer when the server is asked whether it is ready.
const READY_TIME_MAX: Duration = Duration::from_secs(2);

pub(super) fn routes() -> Vec<Route> {
    let ok = json!({"type": "object", "required": ["ok"], "properties": {"ok": {"const": true}}});
    let document = |path| {
        Route::get(path, Access::Open, "This document.", |call| Box::pin(async move { document(&call) })).answers(
            200,
            "application/json",
            json!({"type": "object"}),
        )
    };
    vec![
        Route::get(super::call::ALIVE, Access::Open, "Whether the server runs.", |_| {
            Box::pin(async { answer(&json!({"ok": true})) })
        })
        .answers(200, "application/json", ok.clone()),
        Route::get("/readyz", Access::Open, "Whether the server can take events in.", |call| Box::pin(ready(call)))
            .answers(200, "application/json", ok),
        Route::get(
            "/metrics",
            Access::Open,
            "What is counted, for Prometheus; as OpenMetrics where that is asked for.",
            |call| Box::pin(async move { Ok(metrics(&call).await) }),
        )
        .answers(200, "text/plain", json!({"type": "string"}))
        .answers(200, "application/openmetrics-text", json!({"type": "string"})),
        document("/openapi.json"),
        document("/api/v1/openapi.json"),
    ]
}

async fn ready(call: Call) -> Result<Response, Problem> {
    if *call.app.stop.borrow() {
        return Err(Problem::new(Code::Unavailable, "the server is stopping"));
    }
    let looked = tokio::time::timeout(READY_TIME_MAX, call.app.engine.keep().log_span()).await;
    let looked = looked.map_err(|_| Problem::new(Code::Unavailable, "live state does not answer in time"))?;
    looked.map_err(engine::Error::from)?;
    answer(&json!({"ok": true}))
}

async fn metrics(call: &Call) -> Response {
    let app = &call.app;
    let mut text = Text::accepted(call.header("accept").unwrap_or_default());
    let routes = app.routes.iter().zip(&app.answers);
    app.metrics.write(&mut text, routes.map(|(route, answers)| (route.method.as_str(), route.path, answers)));
    engine_counts(app, &mut text);
    learnt(app, &mut text);
    targets(app, &mut text).await;
    let (content, text) = text.finish();
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content));
    response
}

/// What the engine and the outbox counted.
fn engine_counts(app: &App, text: &mut Text) {
    let (counts, sent) = (app.engine.counts(), app.outbox.counts());
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let refused = counts.refused();
    let mut family = |name: &str, help: &str, label: &str, samples: &[(&str, u64)]| {
        text.family(name, "counter", help);
        for (value, n) in samples {
            text.sample(name, &[(label, value)], n);
        }
    };
    let taken = [
        ("stored", read(&counts.stored)),
        ("duplicate", read(&counts.duplicates)),
        ("rejected", refused.values().sum()),
    ];
    family("desireline_events_total", "Messages, by what became of them.", "result", &taken);
    let refused: Vec<(&str, u64)> = refused.iter().map(|(reason, n)| (*reason, *n)).collect();
    family("desireline_rejected_total", "Messages that could not be events, by reason.", "reason", &refused);
    let doubts =
        [("unreadable-time", read(&counts.unreadable_times)), ("from-the-future", read(&counts.from_the_future))];
    let help =
        "Messages that were taken in with another time than they say: that of their arrival, or another of theirs.";
    family("desireline_doubts_total", help, "doubt", &doubts);
    let decided = [("action", read(&counts.decided)), ("none", read(&counts.undecided))];
    family("desireline_decisions_total", "Decisions, for an action or for none.", "result", &decided);
    let attempts = [("delivered", sent.delivered), ("failed", sent.failed), ("refused", sent.refused)];
    family("desireline_webhook_attempts_total", "Attempts to deliver, by what came of them.", "result", &attempts);
    text.single("desireline_webhook_given_up_total", "counter", "Deliveries that were given up.", sent.given_up);
    let not_sent = [("quiet", sent.postponed), ("consent", sent.withheld)];
    let help = "Times that something was not sent: in its quiet hours, which it waits for, or without consent, which puts it aside.";
    text.family("desireline_webhook_not_sent_total", "counter", help);
    for (why, n) in not_sent {
        text.sample("desireline_webhook_not_sent_total", &[("why", why)], n);
    }
    for (name, help, counter) in [
        ("desireline_timers_total", "Timers that went off.", &counts.timers),
        (
            "desireline_timers_failed_total",
            "Timers that could not be worked off, and come again.",
            &counts.timers_failed,
        ),
        ("desireline_rebuilt_total", "Customers whose state was built anew.", &counts.rebuilt),
        (
            "desireline_collisions_total",
            "Batches that were tried again because others were quicker.",
            &counts.collisions,
        ),
        (
            "desireline_unresolved_total",
            "Times that evidence about keys waits, as there is too much.",
            &counts.unresolved,
        ),
    ] {
        text.single(name, "counter", help, read(counter));
    }
}

/// What was predicted of outcomes of actions before it was known, and what came: where these part, predictions are off.
fn learnt(app: &App, text: &mut Text) {
    let models = app.engine.learnt();
    let mut family = |name: &str, help: &str, of: &dyn Fn(&ShownCalibration) -> f64| {
        text.family(name, "counter", help);
        for (model, calibration) in models.iter().filter_map(|model| Some((model, model.calibration.as_ref()?))) {
            text.sample(name, &[("action", &model.action)], of(calibration));
        }
    };
    let lessons = "Decisions whose outcome is known by now, by action, where it is learnt from.";
    family("desireline_lessons_total", lessons, &|of| of.n as f64);
    let predicted = "The sum of how probable their outcomes were said to be.";
    family("desireline_lessons_predicted_total", predicted, &|of| of.predicted_share * of.n as f64);
    family("desireline_lessons_came_total", "How often their outcomes came.", &|of| of.came as f64);
}

/// What waits at each target, was given up there, and whether it is on hold; nothing while live state does not answer.
async fn targets(app: &App, text: &mut Text) {
    let counted = app.counted.targets(&app.outbox, COUNTED_FOR);
    let Ok(Ok(mut targets)) = tokio::time::timeout(READY_TIME_MAX, counted).await else { return };
    // Those of old charters, which nobody ever made, are not counted among them.
    targets.truncate(TARGETS_MAX);
    let mut family = |name: &str, help: &str, of: &dyn Fn(&ShownTarget) -> u64| {
        text.family(name, "gauge", help);
        for target in &targets {
            text.sample(name, &[("target", &target.name)], of(target));
        }
    };
    family("desireline_deliveries_waiting", "Deliveries that wait, by target.", &|target| target.waiting);
    family("desireline_deliveries_dead", "Deliveries that were given up, by target.", &|target| target.dead);
    family("desireline_target_on_hold", "Whether nothing is sent to a target for now.", &|target| {
        u64::from(target.hold.is_some())
    });
}

fn document(call: &Call) -> Result<Response, Problem> {
    answer(&openapi::document(&call.app.routes))
}
