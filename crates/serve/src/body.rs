//! Reading a body, whole, before anything else: then every answer comes after the sender has sent all of it, and nobody takes
//! an answer for a broken connection.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_LENGTH, EXPECT};
use axum::http::request::Parts;
use futures::StreamExt as _;

use crate::limits::{BODY_BYTES_MAX, DRAINED_BYTES_MAX};
use crate::problem::{Code, Problem};
use crate::room::{Held, Room};

/// A body, which takes room until it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Received {
    pub(crate) bytes: Bytes,
    /// Nothing where it is empty.
    held: Option<Held>,
}

impl Received {
    /// Makes room for so many more bytes.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Problem> {
        self.held.as_mut().map_or(Ok(()), |held| held.grow(bytes))
    }
}

/// Reads a body, which may take this long. A problem means that not all of it was read, or that it was thrown away.
pub(crate) async fn read(head: &Parts, body: Body, room: &Room, time_max: Duration) -> Result<Received, Problem> {
    let length = head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length == Some(0) {
        return Ok(Received::default());
    }
    if length.is_some_and(|length| length > BODY_BYTES_MAX as u64) && head.headers.contains_key(EXPECT) {
        // It asks first, so there is nothing to throw away.
        return Err(too_large());
    }
    let reading = tokio::time::timeout(time_max, collect(body, room));
    reading.await.unwrap_or_else(|_| {
        Err(Problem::new(Code::TooSlow, format!("the body took more than {} s", time_max.as_secs())))
    })
}

async fn collect(body: Body, room: &Room) -> Result<Received, Problem> {
    let mut stream = body.into_data_stream();
    let mut held = room.hold();
    let mut parts: Vec<Bytes> = Vec::new();
    let mut length = 0;
    while let Some(part) = stream.next().await {
        let part = part.map_err(|error| Problem::new(Code::BrokenBody, format!("the body broke off: {error}")))?;
        length += part.len();
        let fits = if length > BODY_BYTES_MAX { Err(too_large()) } else { held.grow(part.len()) };
        if let Err(problem) = fits {
            drop((parts, held));
            drain(&mut stream).await;
            return Err(problem);
        }
        parts.push(part);
    }
    let bytes = if parts.len() == 1 { parts.remove(0) } else { Bytes::from(parts.concat()) };
    Ok(Received { bytes, held: Some(held) })
}

/// Throws away what is still to come, up to a bound.
async fn drain(stream: &mut axum::body::BodyDataStream) {
    let mut drained = 0;
    while drained <= DRAINED_BYTES_MAX
        && let Some(Ok(part)) = stream.next().await
    {
        drained += part.len() as u64;
    }
}

fn too_large() -> Problem {
    Problem::new(Code::TooLarge, format!("the body has more than {BODY_BYTES_MAX} bytes"))
}
