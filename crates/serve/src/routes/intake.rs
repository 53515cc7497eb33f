//! From a body to what the engine makes of it, and to the answer: the same for all dialects.

use std::sync::Arc;
use std::time::Instant;

use axum::response::Response;
use engine::{Inbox, Took};
use listen::Stop;
use listen::intake::Received;
use serde_json::{Value, json};
use tokio::runtime::{Handle, RuntimeFlavor};

use super::{Call, json as answer};
use crate::keys::Key;
use crate::limits::INLINE_BYTES_MAX;
use crate::problem::{Code, Problem};

/// What reads a body into messages.
type Read = dyn FnOnce(&mut Call, &mut Inbox<'_>) -> Result<(), Problem> + Send;

/// Takes in what a body says, and tells what became of each of its objects, in order; when it returns, that is durable.
pub(super) async fn take(mut call: Call, read: Box<Read>) -> Result<(Call, Vec<Took>), Problem> {
    let began = Instant::now();
    let engine = Arc::clone(&call.app.engine);
    let mut inbox = engine.inbox();
    let long = call.body.bytes.len() > INLINE_BYTES_MAX;
    if long && Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread {
        // Other requests are answered by another thread meanwhile.
        tokio::task::block_in_place(|| read(&mut call, &mut inbox))?;
    } else {
        read(&mut call, &mut inbox)?;
    }
    let places = inbox.places().to_vec();
    let took = by_object(engine.take(inbox).await?, &places);
    call.app.metrics.ingest.observe(began.elapsed());
    Ok((call, took))
}

/// What became of each object of a body: one that makes two events is refused where any of them is.
fn by_object(took: Vec<Took>, places: &[usize]) -> Vec<Took> {
    let mut objects: Vec<Took> = Vec::with_capacity(took.len());
    let mut last = None;
    for (took, place) in took.into_iter().zip(places) {
        match objects.last_mut().filter(|_| last == Some(place)) {
            None => objects.push(took),
            Some(Took::Refused { .. }) => {}
            Some(object) => *object = took,
        }
        last = Some(place);
    }
    objects
}

/// How a body was received with a key.
pub(super) fn received<'k>(call: &Call, key: &'k Key, inbox: &Inbox<'_>) -> Received<'k> {
    Received { at: inbox.received(), source: key.source.as_deref(), peer: call.sender() }
}

/// What a dialect says when it cannot go on.
#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
pub(super) fn stopped(stop: Stop) -> Problem {
    Problem::new(Code::Internal, stop.to_string())
}

/// The answer to one message.
pub(super) fn single(took: &[Took]) -> Result<Response, Problem> {
    match took.first() {
        Some(Took::Refused { detail, .. }) => Err(Problem::new(Code::InvalidEvent, detail.as_str())),
        _ => answer(&json!({"success": true})),
    }
}

/// The answer to a batch: a bad message does not lose its neighbours.
pub(super) fn batch(took: &[Took]) -> Result<Response, Problem> {
    let error = |(index, took): (usize, &Took)| {
        let Took::Refused { message_id, reason, detail } = took else { return None };
        let code = Code::InvalidEvent.name();
        let reason = reason.name();
        Some(json!({"index": index, "messageId": message_id, "code": code, "reason": reason, "message": detail}))
    };
    let errors: Vec<Value> = took.iter().enumerate().filter_map(error).collect();
    let accepted = took.len() - errors.len();
    answer(&json!({"success": true, "accepted": accepted, "rejected": errors.len(), "errors": errors}))
}
