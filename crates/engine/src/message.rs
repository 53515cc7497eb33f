//! Messages: what a dialect makes of the text that is kept of them, the same when they come and when they are read again.

use act::Consent;
use event::{Event, Key, Timestamp};
use keep::MessageId;
use listen::intake::{self, Accepted, Receiver, Rejected, Sources, is_imported, is_row};
use listen::stitch::Rules;
use listen::{NamesNobody, Reason, Rejection, Sink, Stop};
use rapidhash::v3::rapidhash_v3;

use crate::carried::{Carried, content};
use crate::counts::Counts;
use crate::decide::Occasion;
use crate::engine::Engine;
use crate::limits::{AHEAD_US_MAX, COUNTED_ID_BYTES, KEY_BYTES_MAX, KEYS_MAX};

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Took {
    /// It is taken in, durably.
    Stored,
    /// It was taken in before.
    Duplicate,
    /// It cannot be an event. It is kept, to be looked at.
    Refused {
        /// The sender's id of it, where that is readable.
        message_id: Option<String>,
        /// Why.
        reason: Reason,
        /// What exactly is wrong.
        detail: String,
    },
}

/// A key of a message: how it ranks, and how it is compared. Of the same priority, that of the first kind comes first, then that of the
/// first value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ranked {
    priority: u32,
    /// The kind, a zero byte, which no kind contains, and the value.
    key: Box<str>,
    /// How long the kind is.
    kind_len: usize,
}

impl Ranked {
    /// A key by these rules; `None` where its value names nobody.
    pub(crate) fn new(kind: &str, value: &str, rules: &Rules) -> Option<Self> {
        let value = rules.comparable(kind, value)?;
        let key = [kind, "\0", &value].concat().into_boxed_str();
        Some(Self { priority: rules.priority(kind), key, kind_len: kind.len() })
    }

    pub(crate) fn kind(&self) -> &str {
        self.key.get(..self.kind_len).expect("it ends where the zero byte is")
    }

    pub(crate) fn value(&self) -> &str {
        self.key.get(self.kind_len + 1..).expect("it begins behind the zero byte")
    }

    /// As `keep` has it.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.key.as_bytes()
    }
}

/// A key as `keep` has it. No kind contains a zero byte.
pub(crate) fn key_bytes(kind: &str, value: &str) -> Vec<u8> {
    [kind.as_bytes(), &[0], value.as_bytes()].concat()
}

/// The kind and value of a key that `keep` has.
pub(crate) fn key_of(bytes: &[u8]) -> Option<(&str, &str)> {
    std::str::from_utf8(bytes).ok()?.split_once('\0')
}

/// A message that can be taken in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parsed {
    pub(crate) at_us: i64,
    /// `None` where it says nothing, such as an alias of a person to itself.
    pub(crate) event: Option<Carried>,
    /// What names the customer, the highest rank first, each once.
    pub(crate) keys: Vec<Ranked>,
    /// What the customer says about purposes.
    pub(crate) consents: Vec<Consent>,
}

/// Why an event cannot be taken in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Unfit {
    Nobody(String),
    Other(Reason, String),
}

impl Parsed {
    pub(crate) fn new(event: &Event<'_>, text: &str, rules: &Rules) -> Result<Self, Unfit> {
        let (keys, consents) = (keys_of(event, rules)?, consents_of(event, text));
        Ok(Self { at_us: event.at.as_micros(), event: Some(Carried::new(event)), keys, consents })
    }

    /// A message that says nothing, of somebody with these keys.
    fn nothing(keys: &[Key<'_>], at_us: i64, rules: &Rules) -> Result<Self, Unfit> {
        let keys = ranked(keys.iter().map(|key| (key.kind, key.value)), rules)?;
        Ok(Self { at_us, event: None, keys, consents: Vec::new() })
    }

    /// Reads a message that was taken in before.
    pub(crate) fn again(text: &str, sources: &Sources, rules: &Rules) -> Option<Self> {
        let mut parsed = None;
        let read = intake::replay(text, sources, &mut |event| {
            parsed = Self::new(event, text, rules).ok();
            Ok(())
        });
        read.ok().and(parsed)
    }

    /// A message that its sender gave this id, as whoever ranks first among its keys has it. A repetition names that key, too; the
    /// customer may be found to be another one before it comes again.
    fn of_first(&self, id: &str) -> Vec<u8> {
        let key = self.keys.first().expect("a message without keys is refused").bytes();
        [&key.len().to_le_bytes(), key, id.as_bytes()].concat()
    }
}

/// By what a message is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ids {
    /// Its own.
    pub(crate) own: MessageId,
    /// Under which it may have come another way.
    other: Option<MessageId>,
    /// Whether it is kept under the other one, too.
    is_both: bool,
}

/// In which way an event came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Message,
    Row,
    /// In a file.
    Imported,
}

impl Way {
    /// By what is kept of it.
    fn of(text: &str) -> Self {
        if is_imported(text) { Way::Imported } else { Self::sent(text) }
    }

    /// The same where somebody sent it.
    fn sent(text: &str) -> Self {
        if is_row(text) { Way::Row } else { Way::Message }
    }
}

impl Ids {
    /// Those of a message with this id and event; `text` is what is kept of it. Where the sender gives no id, the same content is the
    /// same message, whenever it comes.
    ///
    /// A message of the Segment API has an id that no other has, whoever it is of: a browser that sends it again after a login
    /// names the user, too. Of rows, and in files, others may have the same, as where orders and tickets are both counted from 1: the
    /// id is among those of its customer. A message whose id may be counted has it among these, too, so that an import need not
    /// look for what anybody sent, who may have sent any number.
    fn of(id: Option<&str>, event: Option<&Event<'_>>, parsed: &Parsed, text: &str, way: Way) -> Self {
        let alone = |bytes: &[u8]| Self { own: MessageId::of(bytes), other: None, is_both: false };
        let Some(id) = id else {
            return event.map_or_else(
                || alone(text.as_bytes()),
                |event| {
                    let untimed = Event { received_at: None, ..*event };
                    alone(&[b"~".as_slice(), &content(&untimed)].concat())
                },
            );
        };
        let anybodys = MessageId::of(id.as_bytes());
        let of_first = MessageId::of(&parsed.of_first(id));
        let is_counted = id.len() < COUNTED_ID_BYTES;
        match way {
            Way::Message => Self { own: anybodys, other: Some(of_first), is_both: is_counted },
            Way::Row => Self { own: of_first, other: None, is_both: false },
            Way::Imported => Self { own: of_first, other: (!is_counted).then_some(anybodys), is_both: false },
        }
    }

    /// Under which it may have come before.
    pub(crate) fn all(&self) -> impl Iterator<Item = MessageId> {
        [self.own].into_iter().chain(self.other)
    }

    /// Under which it is kept once it is taken in.
    pub(crate) fn kept(&self) -> impl Iterator<Item = MessageId> {
        [self.own].into_iter().chain(self.other.filter(|_| self.is_both))
    }
}

/// What names the customer of an event, the highest rank first, each once.
pub(crate) fn keys_of(event: &Event<'_>, rules: &Rules) -> Result<Vec<Ranked>, Unfit> {
    let further = rules.further_keys(event);
    let further = further.iter().map(|(kind, value)| (kind.as_str(), value.as_str()));
    ranked(event.keys.iter().map(|key| (key.kind, key.value)).chain(further), rules)
}

/// Whether an event has [such keys](keys_of).
pub(crate) fn names_somebody(event: &Event<'_>, rules: &Rules) -> bool {
    if !rules.is_from_keys_alone() {
        return keys_of(event, rules).is_ok();
    }
    let keys = || event.keys.iter().take(KEYS_MAX);
    keys().all(|key| is_short(key.kind, key.value)) && keys().any(|key| rules.names_somebody(key.kind, key.value))
}

/// What a customer says about purposes in a message. Not later than it arrived, or a clock that is ahead would have its word
/// stand against all that are said until then.
pub(crate) fn consents_of(event: &Event<'_>, text: &str) -> Vec<Consent> {
    let at_us = event.received_at.map_or(event.at, |received_at| event.at.min(received_at)).as_micros();
    let consents = intake::consents(text).into_iter();
    consents.map(|said| Consent { purpose: said.purpose, at_us, granted: said.granted }).collect()
}

/// Whether a key is of a length that can name anybody.
pub(crate) fn is_short(kind: &str, value: &str) -> bool {
    kind.len() + value.len() <= KEY_BYTES_MAX && !kind.contains('\0')
}

/// That a key is not.
pub(crate) fn too_long() -> String {
    format!("the kind and value of a key have at most {KEY_BYTES_MAX} bytes together, and its kind no zero byte")
}

/// What names the customer, the highest rank first, each once.
fn ranked<'a>(keys: impl Iterator<Item = (&'a str, &'a str)> + Clone, rules: &Rules) -> Result<Vec<Ranked>, Unfit> {
    let keys = keys.take(KEYS_MAX);
    let mut found = Vec::new();
    for (kind, value) in keys.clone() {
        if !is_short(kind, value) {
            return Err(Unfit::Other(Reason::BadField, too_long()));
        }
        found.extend(Ranked::new(kind, value, rules));
    }
    if found.is_empty() {
        let named: Vec<String> = keys.map(|(kind, value)| format!("{kind} `{value}`")).collect();
        return Err(Unfit::Nobody(named.join(", ")));
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// A message on its way in.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    Fit { ids: Ids, text: String, parsed: Parsed },
    Refused { message_id: Option<String>, reason: Reason, detail: String, text: String },
}

impl Item {
    /// How long its text is.
    pub(crate) fn bytes(&self) -> usize {
        let (Item::Fit { text, .. } | Item::Refused { text, .. }) = self;
        text.len()
    }

    /// Its keys, by their hashes.
    pub(crate) fn key_hashes(&self) -> impl Iterator<Item = u64> {
        let keys = if let Item::Fit { parsed, .. } = self { parsed.keys.as_slice() } else { &[] };
        keys.iter().map(|key| rapidhash_v3(key.value().as_bytes()))
    }

    /// A message that was taken in before, as it came; `None` where it says nothing, or nothing any more.
    pub(crate) fn again(text: &str, sources: &Sources, rules: &Rules) -> Option<Self> {
        let mut item = None;
        let read = intake::replay(text, sources, &mut |event| {
            let parsed = Parsed::new(event, text, rules).ok();
            item = parsed.map(|parsed| {
                let ids = Ids::of(event.message_id, Some(event), &parsed, text, Way::of(text));
                Item::Fit { ids, text: text.to_owned(), parsed }
            });
            Ok(())
        });
        read.ok().and(item)
    }
}

/// Collects the messages of a body, for [`Engine::take`].
#[derive(Debug)]
pub struct Inbox<'e> {
    engine: &'e Engine,
    received: Timestamp,
    pub(crate) items: Vec<Item>,
    /// Of those that came in a body, their places in it.
    places: Vec<usize>,
}

impl Engine {
    /// Takes messages that are received now.
    pub fn inbox(&self) -> Inbox<'_> {
        Inbox::of(self, Timestamp::from_micros(self.clock.now_us()), Vec::new())
    }
}

impl<'e> Inbox<'e> {
    /// Messages that were received at a time.
    pub(crate) fn of(engine: &'e Engine, received: Timestamp, items: Vec<Item>) -> Self {
        Self { engine, received, items, places: Vec::new() }
    }

    /// Takes a message, or a part of one, with its place in the body.
    fn put(&mut self, place: usize, item: Item) {
        self.items.push(item);
        self.places.push(place);
    }

    /// When its messages are received, by our clock.
    pub fn received(&self) -> Timestamp {
        self.received
    }

    /// For each of its messages, its place in the body that it came in: an object that makes two events has the same twice.
    pub fn places(&self) -> &[usize] {
        &self.places
    }

    /// How many messages there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// What the latest of them gives rise to; `None` where it was refused.
    pub fn occasion(&self) -> Option<Occasion> {
        match self.items.last()? {
            Item::Fit { ids, .. } => Some(Occasion::Message(ids.own)),
            Item::Refused { .. } => None,
        }
    }
}

/// Events that were read from files go in as if they had been sent.
impl Sink for Inbox<'_> {
    fn event(&mut self, event: &Event<'_>) -> Result<(), Stop> {
        let text = intake::record(event);
        match Parsed::new(event, &text, &self.engine.rules) {
            Ok(parsed) => {
                let ids = Ids::of(event.message_id, Some(event), &parsed, &text, Way::Imported);
                self.items.push(Item::Fit { ids, text, parsed });
            }
            Err(Unfit::Nobody(detail)) => return Err(Stop::new(NamesNobody { detail, row: text })),
            Err(Unfit::Other(reason, detail)) => {
                let message_id = event.message_id.map(str::to_owned);
                self.items.push(Item::Refused { message_id, reason, detail, text });
            }
        }
        Ok(())
    }

    /// Whoever reads the file keeps what is rejected of it.
    fn reject(&mut self, _: &Rejection<'_>) -> Result<(), Stop> {
        Ok(())
    }
}

impl Receiver for Inbox<'_> {
    fn accepted(&mut self, accepted: &Accepted<'_>) -> Result<(), Stop> {
        let refused = |reason, detail| Item::Refused {
            message_id: accepted.message_id.map(str::to_owned),
            reason,
            detail,
            text: accepted.text.to_owned(),
        };
        let rules = &self.engine.rules;
        let read = match accepted.event {
            Some(event) => Parsed::new(event, accepted.text, rules),
            None => Parsed::nothing(accepted.keys, self.received.as_micros(), rules),
        };
        let parsed = match read {
            Ok(parsed) => parsed,
            Err(Unfit::Nobody(detail)) => {
                return Err(Stop::new(NamesNobody { detail, row: accepted.text.to_owned() }));
            }
            Err(Unfit::Other(reason, detail)) => {
                self.put(accepted.index, refused(reason, detail));
                return Ok(());
            }
        };
        if parsed.at_us > self.received.as_micros().saturating_add(AHEAD_US_MAX) {
            // No event could come after it for as long as that.
            self.put(accepted.index, refused(Reason::YearOutOfRange, "it lies in the future".to_owned()));
            return Ok(());
        }
        Counts::add(&self.engine.counts.unreadable_times, usize::from(accepted.doubts.unreadable_time));
        Counts::add(&self.engine.counts.from_the_future, usize::from(accepted.doubts.from_the_future));
        let way = Way::sent(accepted.text);
        let ids = Ids::of(accepted.message_id, accepted.event, &parsed, accepted.text, way);
        self.put(accepted.index, Item::Fit { ids, text: accepted.text.to_owned(), parsed });
        Ok(())
    }

    fn rejected(&mut self, rejected: &Rejected<'_>) -> Result<(), Stop> {
        self.put(
            rejected.index,
            Item::Refused {
                message_id: rejected.message_id.map(str::to_owned),
                reason: rejected.reason,
                detail: rejected.detail.to_owned(),
                text: rejected.text.to_owned(),
            },
        );
        Ok(())
    }

    fn new_id(&mut self) -> String {
        // Nobody sends such a message again under the same id, so any will do that no other message has.
        let seq = self.engine.next_seq(self.received.as_micros(), 0);
        format!("made-{:016x}-{:016x}", self.engine.options.node, seq)
    }
}
