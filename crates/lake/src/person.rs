//! One person: all keys, the evidence that joins them, and every event, for whoever has to answer to them.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use event::{Event, Timestamp};
use listen::stitch::{Node, Rules};

use crate::error::Error;
use crate::identity::Moves;
use crate::scan::{Part, Projection, Rerouted, read_part};
use crate::schema::EVENTS;
use crate::store::{Lake, bucket_of};

/// A key: its kind and its value, as others see it.
pub(crate) type Key = (String, String);

/// What is known of one person.
#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    /// The number of the customer.
    pub customer: i64,
    /// All keys that lead to the customer, in the order in which they became known.
    pub keys: Vec<Key>,
    /// All evidence in which one of them stands.
    pub links: Vec<Link>,
    /// All events in the order of time; of the same time in the order of arrival.
    pub events: Vec<PersonEvent>,
}

/// Evidence that two keys are one person's: they came together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// One key.
    pub a: Key,
    /// The other.
    pub b: Key,
    /// When they first came together, in microseconds since 1970.
    pub at_us: i64,
    /// What was made of it.
    pub standing: Standing,
}

/// What was made of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The two keys lead to one customer.
    Followed,
    /// Somebody took it back.
    TakenBack,
    /// The rules of the charter did not allow it: one of the keys would be too many.
    Refused,
}

/// An event that owns its texts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PersonEvent {
    at_us: i64,
    received_at_us: Option<i64>,
    /// As the table of events names them.
    texts: [Option<String>; 10],
}

/// The texts of an event, in the order of [`PersonEvent::texts`].
const TEXTS: [&str; 10] =
    ["event", "channel", "source", "message_id", "resource", "department", "case_id", "phase", "properties", "traits"];

impl PersonEvent {
    /// The event, without its keys.
    pub fn event(&self) -> Event<'_> {
        let [event, channel, source, message_id, resource, department, case_id, phase, properties, traits] =
            self.texts.each_ref().map(|text| text.as_deref());
        let plain = Event::new(event.unwrap_or_default(), Timestamp::from_micros(self.at_us), &[]);
        let received_at = self.received_at_us.map(Timestamp::from_micros);
        Event {
            received_at,
            channel,
            source,
            message_id,
            resource,
            department,
            case_id,
            phase,
            properties,
            traits,
            ..plain
        }
    }
}

/// Keys that may have been meant, of a lake with a million of them.
const CANDIDATES_MAX: usize = 1_000_000;

/// The number of a customer, given as `customer:NUMBER`.
pub(crate) fn number_of(kind: &str, value: &str) -> Option<u32> {
    value.parse().ok().filter(|_| kind == "customer")
}

impl Lake {
    /// All that is known of the person of a key, given as `KIND:VALUE`, or as its value alone where only one kind has it; or
    /// of the customer with a number, given as `customer:NUMBER`, unless there are keys of that kind.
    ///
    /// # Errors
    /// `Ok(Err(..))` when nobody has this key: the keys among which it may have been misspelt, as `KIND:VALUE`, or those
    /// that have this value. Otherwise when a file cannot be read.
    pub async fn person(&self, text: &str, rules: &Rules) -> Result<Result<Person, Vec<String>>, Error> {
        let taken = self.settled(async |lake| {
            let (identity, knows_all) = lake.identity_now(rules.clone()).await?;
            // Somebody may have written links whose events are yet to come: keys and rows are told apart by the same ones.
            let renamed = if knows_all { lake.filed(rules).await? } else { None };
            let customers = identity.graph.resolve();
            let moves = match renamed {
                Some(renamed) => Moves { renamed, split: Vec::new() },
                None => identity.moves(&customers),
            };
            let who = Arc::new((identity.graph, customers));
            Ok((lake.parts_by(Rerouted::of(moves, Some(Arc::clone(&who)))).await?, who))
        });
        let ((parts, rerouted), who) = taken.await?;
        let (graph, customers) = who.as_ref();
        let named = text.split_once(':').and_then(|(kind, value)| graph.find(kind.trim(), value));
        let node = named.or_else(|| {
            let kinds: std::collections::BTreeSet<&str> =
                (0u32..).take(graph.len()).map(|n| graph.key(Node(n)).0).collect();
            let mut found = kinds.into_iter().filter_map(|kind| graph.find(kind, text));
            found.next().filter(|_| found.next().is_none())
        });
        // A customer's number is that of the oldest key.
        let node = node.or_else(|| {
            let number = text.split_once(':').and_then(|(kind, value)| number_of(kind, value))?;
            (0u32..)
                .take(graph.len())
                .map(Node)
                .find(|node| node.0 == number && graph.key(*node).0 != crate::identity::ERASED)
        });
        let shown = |node: Node| format!("{}:{}", graph.key(node).0, graph.key(node).1);
        let Some(node) = node else {
            let allowed = text.chars().count() / 3 + 1;
            let wanted = text.chars().count();
            let all = (0u32..).take(graph.len()).map(Node).filter(|node| graph.key(*node).0 != crate::identity::ERASED);
            let alike = all.filter(|node| {
                let (kind, value) = graph.key(*node);
                value == text
                    || value.chars().count().abs_diff(wanted) <= allowed
                    || (kind.len() + 1 + value.chars().count()).abs_diff(wanted) <= allowed
            });
            return Ok(Err(alike.take(CANDIDATES_MAX).map(shown).collect()));
        };
        let customer = customers.of(node);
        let owned = |node: Node| {
            let (kind, value) = graph.key(node);
            (kind.to_owned(), value.to_owned())
        };
        let theirs = |node: &Node| customers.of(*node) == customer;
        let links = graph.links().into_iter().filter(|(a, b, _)| theirs(a) || theirs(b)).map(|(a, b, at_us)| {
            let standing = if graph.is_undone(a, b) {
                Standing::TakenBack
            } else if theirs(&a) && theirs(&b) {
                Standing::Followed
            } else {
                Standing::Refused
            };
            Link { a: owned(a), b: owned(b), at_us, standing }
        });
        let links = links.collect();
        let keys = (0u32..).take(graph.len()).map(Node).filter(theirs).map(owned).collect();
        let customer = i64::from(customer.0);
        let events = Self::events_of(customer, &parts, rerouted.as_ref())?;
        Ok(Ok(Person { customer, keys, links, events }))
    }

    fn events_of(customer: i64, parts: &[Part], rerouted: Option<&Rerouted>) -> Result<Vec<PersonEvent>, Error> {
        let is_theirs = |part: &&Part| part.bucket == bucket_of(customer);
        let projection = Projection { columns: (0..EVENTS.len()).collect(), dictionaries: false };
        let mut events = Vec::new();
        for part in parts.iter().filter(is_theirs) {
            read_part(part, &projection, rerouted, |batch| {
                read_events(batch, customer, &projection, &mut events);
                Ok(())
            })?;
        }
        Ok(events)
    }

    /// How many customers have more than one key. Such a key may be known by what people said of it alone.
    ///
    /// # Errors
    /// When the tables of keys and links cannot be read.
    pub async fn stitched_customers(&self, rules: &Rules) -> Result<u64, Error> {
        let customers = self.settled(async |lake| {
            if let Some(customers) = lake.customers_of_keys(rules).await? {
                return Ok(customers);
            }
            let identity = lake.identity(rules.clone()).await?;
            let customers = identity.graph.resolve();
            Ok((0u32..).take(identity.graph.len()).map(|n| i64::from(customers.of(Node(n)).0)).collect())
        });
        Ok(several_keys(customers.await?))
    }
}

/// How many of these customers, one for each key, are there more than once.
fn several_keys(mut customers: Vec<i64>) -> u64 {
    // They are numbers of keys, nearly always of these, so that to count them takes no more room than they do themselves.
    let numbers = customers.len();
    let mut keys = vec![0u8; numbers];
    customers.retain(|customer| {
        let known = usize::try_from(*customer).ok().and_then(|customer| keys.get_mut(customer));
        known.map(|keys| *keys = keys.saturating_add(1)).is_none()
    });
    // What is left has other numbers.
    customers.sort_unstable();
    let others = customers.chunk_by(|a, b| a == b).filter(|keys| keys.len() > 1).count();
    (keys.iter().filter(|keys| **keys > 1).count() + others) as u64
}

fn read_events(batch: &RecordBatch, customer: i64, projection: &Projection, events: &mut Vec<PersonEvent>) {
    let column = |name: &str| batch.column(projection.position(name));
    let customers = column("customer").as_primitive::<Int64Type>().values();
    let time = |name: &str| column(name).as_primitive::<TimestampMicrosecondType>().clone();
    let (at_us, received_at_us) = (time("at"), time("received_at"));
    let texts = TEXTS.map(|name| column(name).as_string::<i32>());
    for row in (0..batch.num_rows()).filter(|row| customers[*row] == customer) {
        events.push(PersonEvent {
            at_us: at_us.value(row),
            received_at_us: received_at_us.is_valid(row).then(|| received_at_us.value(row)),
            texts: texts.map(|texts| texts.is_valid(row).then(|| texts.value(row).to_owned())),
        });
    }
}
