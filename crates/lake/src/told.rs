//! All events as they were read, for whoever wants to live through them.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use event::{Event, Key, Timestamp};
use listen::stitch::{Node, Rules};

use crate::cores::each_on_all_cores;
use crate::error::Error;
use crate::run_file::{latest_seq, read_schema};
use crate::scan::{Projection, read_part};
use crate::schema::event_column;
use crate::store::{Lake, number};

/// The keys of an event as they are written: kinds, each with one value or several.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Values {
    One(String),
    Several(Vec<String>),
}

/// How much of a lake has been told: the events that arrived before some number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Told {
    pub(crate) before_seq: i64,
}

impl Lake {
    /// How much has been told, where something came from a file since.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn untold(&self) -> Result<Option<Told>, Error> {
        let imported = self.events.transaction(number::IMPORTED_SEQ).await?.unwrap_or_default();
        let before_seq = self.events.transaction(number::TOLD_SEQ).await?.unwrap_or_default();
        Ok((before_seq < imported).then_some(Told { before_seq }))
    }

    /// Hands out all events that are somebody's and have not been told, a few thousand at a time, those of a customer one
    /// after the other in order of time. Every core takes the next customers. Gives how much has been told with them, which
    /// nobody knows until an import [says so](crate::ImportOptions::told).
    ///
    /// # Errors
    /// When the lake cannot be read; the error of `each`, which ends it.
    pub async fn tell<E: From<Error> + Send>(
        &self,
        rules: &Rules,
        told: Told,
        each: impl Fn(&[Event<'_>]) -> Result<(), E> + Sync,
    ) -> Result<Told, E> {
        let taken = self.settled(async |lake| {
            let next = lake.events.transaction(number::NEXT_SEQ).await?.unwrap_or_default();
            Ok::<_, Error>((lake.parts(rules).await?, Told { before_seq: next }))
        });
        let ((parts, rerouted), now) = taken.await?;
        let since = told.before_seq;
        let projection = Projection { columns: (0..read_schema(false).fields().len()).collect(), dictionaries: false };
        let told = each_on_all_cores(parts, |part| {
            let mut failed = None;
            let part = part.with_runs(|run| Ok(since == 0 || latest_seq(run)?.is_none_or(|seq| seq >= since)))?;
            let read = read_part(&part, &projection, rerouted.as_ref(), |batch| {
                tell_batch(&arrived_since(batch, since)?, &each)?.map_err(|error| {
                    failed = Some(error);
                    Error::Interrupted
                })
            });
            failed.map_or_else(|| read.map_err(E::from), Err)
        });
        told.into_iter().collect::<Result<(), E>>().map(|()| now)
    }
}

/// The rows that arrived from this number on.
fn arrived_since(batch: &RecordBatch, since: i64) -> Result<RecordBatch, Error> {
    let seqs = batch.column(event_column("seq")).as_primitive::<Int64Type>().values();
    if seqs.iter().all(|seq| *seq >= since) {
        return Ok(batch.clone());
    }
    let mask: BooleanArray = seqs.iter().map(|seq| Some(*seq >= since)).collect();
    Ok(filter_record_batch(batch, &mask)?)
}

/// What a person said of two keys, each as kind and value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Whether they are one customer's; otherwise their link was taken back.
    pub linked: bool,
    /// One of them.
    pub a: (String, String),
    /// The other one.
    pub b: (String, String),
}

impl Lake {
    /// The last words of people about two keys, ordered by them.
    ///
    /// # Errors
    /// When the tables of keys and links cannot be read.
    pub async fn said(&self, rules: &Rules) -> Result<Vec<Said>, Error> {
        let graph = self.settled(async |lake| lake.identity(rules.clone()).await).await?.graph;
        let links = graph.links();
        let pairs = links.iter().map(|(a, b, _)| (*a, *b)).chain(graph.undone().map(|(a, b, _)| (a, b)));
        let pairs: BTreeSet<_> = pairs.filter(|(a, b)| graph.is_said(*a, *b) || graph.is_undone(*a, *b)).collect();
        let named = |node: Node| (graph.key(node).0.to_owned(), graph.key(node).1.to_owned());
        let said = |(a, b): (Node, Node)| Said { linked: graph.is_said(a, b), a: named(a), b: named(b) };
        Ok(pairs.into_iter().map(said).collect())
    }
}

/// Hands out the rows of a batch; what `each` says of them, where they can be read.
fn tell_batch<E>(batch: &RecordBatch, each: impl Fn(&[Event<'_>]) -> Result<(), E>) -> Result<Result<(), E>, Error> {
    let text = |name: &str, row: usize| {
        let column = batch.column(event_column(name)).as_string::<i32>();
        column.is_valid(row).then(|| column.value(row))
    };
    let time = |name: &str, row: usize| {
        let column = batch.column(event_column(name)).as_primitive::<TimestampMicrosecondType>();
        column.is_valid(row).then(|| Timestamp::from_micros(column.value(row)))
    };
    let all: Vec<Vec<(String, String)>> =
        (0..batch.num_rows()).map(|row| keys_of(text("keys", row).unwrap_or_default())).collect::<Result<_, _>>()?;
    let keys: Vec<Vec<Key<'_>>> =
        all.iter().map(|keys| keys.iter().map(|(kind, value)| Key { kind, value }).collect()).collect();
    let event = |row: usize| Event {
        received_at: time("received_at", row),
        channel: text("channel", row),
        source: text("source", row),
        message_id: text("message_id", row),
        resource: text("resource", row),
        department: text("department", row),
        case_id: text("case_id", row),
        phase: text("phase", row),
        properties: text("properties", row),
        traits: text("traits", row),
        ..Event::new(text("event", row).unwrap_or_default(), time("at", row).unwrap_or_default(), &keys[row])
    };
    Ok(each(&(0..batch.num_rows()).map(event).collect::<Vec<_>>()))
}

fn keys_of(text: &str) -> Result<Vec<(String, String)>, Error> {
    let bad = |_| Error::Corrupt { what: format!("keys {text:?} of an event are not a JSON object of texts") };
    let kinds: BTreeMap<String, Values> = serde_json::from_str(text).map_err(bad)?;
    let mut keys = Vec::new();
    for (kind, values) in kinds {
        match values {
            Values::One(value) => keys.push((kind, value)),
            Values::Several(values) => keys.extend(values.into_iter().map(|value| (kind.clone(), value))),
        }
    }
    Ok(keys)
}
