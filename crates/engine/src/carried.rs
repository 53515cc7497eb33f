//! An event on its way from the dialect that read it to the step that takes it in: borrowed there, so copied once, as one text.

use std::sync::Arc;

use event::{Event, Key, Timestamp};
use serde::Serialize;

/// An event that is its own; [`with`](Self::with) lends it again. A copy shares what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Carried(Arc<Parts>);

/// Columns that are texts and may be missing.
const COLUMNS: usize = 9;

#[derive(Debug, PartialEq, Eq)]
struct Parts {
    /// One behind the other: the name of the event, its columns, of each key the kind and the value.
    text: String,
    /// Where the name ends in it.
    name_end: u32,
    /// Where a column ends that is not missing.
    ends: [Option<u32>; COLUMNS],
    /// Where the kind of each key ends, and its value.
    keys: Vec<[u32; 2]>,
    at_us: i64,
    received_us: Option<i64>,
}

fn columns<'a>(event: &Event<'a>) -> [Option<&'a str>; COLUMNS] {
    let Event { channel, source, message_id, resource, department, case_id, phase, properties, traits, .. } = *event;
    [channel, source, message_id, resource, department, case_id, phase, properties, traits]
}

impl Carried {
    pub(crate) fn new(event: &Event<'_>) -> Self {
        let columns = columns(event);
        let of_keys: usize = event.keys.iter().map(|key| key.kind.len() + key.value.len()).sum();
        let bytes = event.event.len() + columns.iter().flatten().map(|text| text.len()).sum::<usize>() + of_keys;
        let mut text = String::with_capacity(bytes);
        let mut add = |more: &str| {
            text.push_str(more);
            u32::try_from(text.len()).expect("an event is far shorter than 4 GiB")
        };
        let name_end = add(event.event);
        let ends = columns.map(|column| column.map(&mut add));
        let keys = event.keys.iter().map(|key| [add(key.kind), add(key.value)]).collect();
        let (at_us, received_us) = (event.at.as_micros(), event.received_at.map(Timestamp::as_micros));
        Self(Arc::new(Parts { text, name_end, ends, keys, at_us, received_us }))
    }

    /// How many bytes its texts take.
    pub(crate) fn len(&self) -> usize {
        self.0.text.len()
    }

    /// Lends the event.
    pub(crate) fn with<T>(&self, take: impl FnOnce(&Event<'_>) -> T) -> T {
        let opened = self.open();
        take(&opened.event(&opened.keys()))
    }

    /// Opens it, to lend many at once.
    pub(crate) fn open(&self) -> Opened<'_> {
        let Parts { text, name_end, ends, .. } = &*self.0;
        let mut begin = 0;
        let mut next = |end| part(text, &mut begin, end);
        Opened { name: next(*name_end), columns: ends.map(|end| end.map(&mut next)), parts: &self.0, begin }
    }
}

/// The text from where the last one ended to where this one does.
fn part<'a>(text: &'a str, begin: &mut usize, end: u32) -> &'a str {
    let end = end as usize;
    text.get(std::mem::replace(begin, end)..end).expect("texts end where they were put in")
}

/// A carried event, opened.
pub(crate) struct Opened<'a> {
    name: &'a str,
    columns: [Option<&'a str>; COLUMNS],
    parts: &'a Parts,
    /// Where keys begin.
    begin: usize,
}

impl Opened<'_> {
    pub(crate) fn keys(&self) -> Vec<Key<'_>> {
        let mut begin = self.begin;
        let mut next = |end| part(&self.parts.text, &mut begin, end);
        self.parts.keys.iter().map(|[kind, value]| Key { kind: next(*kind), value: next(*value) }).collect()
    }

    /// The event, with its [`keys`](Self::keys).
    pub(crate) fn event<'b>(&'b self, keys: &'b [Key<'b>]) -> Event<'b> {
        let [channel, source, message_id, resource, department, case_id, phase, properties, traits] = self.columns;
        Event {
            event: self.name,
            at: Timestamp::from_micros(self.parts.at_us),
            received_at: self.parts.received_us.map(Timestamp::from_micros),
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

/// All that an event says, as bytes: the same for the same event, whichever version of the program says it, since the ids of
/// messages that bring none are made of it.
pub(crate) fn content(event: &Event<'_>) -> Vec<u8> {
    #[derive(Serialize)]
    struct Content<'a> {
        event: &'a str,
        at_us: i64,
        received_us: Option<i64>,
        texts: [Option<&'a str>; COLUMNS],
        keys: Vec<(&'a str, &'a str)>,
    }
    let content = Content {
        event: event.event,
        at_us: event.at.as_micros(),
        received_us: event.received_at.map(Timestamp::as_micros),
        texts: columns(event),
        keys: event.keys.iter().map(|key| (key.kind, key.value)).collect(),
    };
    postcard::to_allocvec(&content).expect("memory takes what is written")
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
        let carried = Carried::new(&event);
        assert!(carried.with(|again| *again == event));
        let texts = ["Order", "web", "", "{\"a\":1}", "user_id", "u1", "email", "ä@x"];
        assert_eq!(carried.len(), texts.concat().len());
    }

    /// Of these bytes ids are made that are kept for weeks: they may not change.
    #[test]
    fn what_an_event_says_is_the_same_bytes_for_good() {
        let keys = [Key { kind: "id", value: "u" }];
        let event = Event { phase: Some("p"), ..Event::new("Order", Timestamp::from_micros(-3), &keys) };
        let bytes = [b"\x05Order\x05\0".as_slice(), &[0; 6], b"\x01\x01p", &[0; 2], b"\x01\x02id\x01u"];
        assert_eq!(content(&event), bytes.concat());
    }
}
