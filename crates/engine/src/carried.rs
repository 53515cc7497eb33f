//! An event on its way from the dialect that read it to the step that takes it in: borrowed there, so copied once, as bytes.

use event::{Event, Key, Timestamp};
use serde::{Deserialize, Serialize};

/// An event as bytes; [`with`](Self::with) lends it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Carried(Vec<u8>);

#[derive(Serialize, Deserialize)]
struct Parts<'a> {
    event: &'a str,
    at_us: i64,
    received_us: Option<i64>,
    #[serde(borrow)]
    texts: [Option<&'a str>; 9],
    #[serde(borrow)]
    keys: Vec<(&'a str, &'a str)>,
}

impl Carried {
    pub(crate) fn new(event: &Event<'_>) -> Self {
        let parts = Parts {
            event: event.event,
            at_us: event.at.as_micros(),
            received_us: event.received_at.map(Timestamp::as_micros),
            texts: [
                event.channel,
                event.source,
                event.message_id,
                event.resource,
                event.department,
                event.case_id,
                event.phase,
                event.properties,
                event.traits,
            ],
            keys: event.keys.iter().map(|key| (key.kind, key.value)).collect(),
        };
        Self(postcard::to_allocvec(&parts).expect("memory takes what is written"))
    }

    /// What it is carried as: the same for the same event.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Lends the event.
    pub(crate) fn with<T>(&self, take: impl FnOnce(&Event<'_>) -> T) -> T {
        let opened = self.open();
        take(&opened.event(&opened.keys()))
    }

    /// Opens it, to lend many at once.
    pub(crate) fn open(&self) -> Opened<'_> {
        Opened(postcard::from_bytes(&self.0).expect("it was written by `new`"))
    }
}

/// A carried event, opened.
pub(crate) struct Opened<'a>(Parts<'a>);

impl Opened<'_> {
    pub(crate) fn keys(&self) -> Vec<Key<'_>> {
        self.0.keys.iter().map(|(kind, value)| Key { kind, value }).collect()
    }

    /// The event, with its [`keys`](Self::keys).
    pub(crate) fn event<'b>(&'b self, keys: &'b [Key<'b>]) -> Event<'b> {
        let [channel, source, message_id, resource, department, case_id, phase, properties, traits] = self.0.texts;
        Event {
            event: self.0.event,
            at: Timestamp::from_micros(self.0.at_us),
            received_at: self.0.received_us.map(Timestamp::from_micros),
            channel,
            source,
            message_id,
            keys,
            resource,
            department,
            case_id,
            phase,
            properties,
            traits,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_comes_out_as_it_went_in() {
        let keys = [Key { kind: "user_id", value: "u1" }, Key { kind: "email", value: "ä@x" }];
        let event = Event {
            received_at: Some(Timestamp::from_micros(-5)),
            channel: Some("web"),
            phase: Some(""),
            properties: Some("{\"a\":1}"),
            ..Event::new("Order", Timestamp::from_micros(7), &keys)
        };
        assert!(Carried::new(&event).with(|again| *again == event));
    }
}
