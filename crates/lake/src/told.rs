//! All events as they were read, for whoever wants to live through them; and which of them live state was not told yet.
//!
//! What live state is told is what came from files. What it handed over itself it knows, and nothing else would keep it from
//! taking that in again: the sender may have given no message id, or its id be forgotten. So every import of files notes
//! which arrival numbers it took, in the commit that brings its events, for as long as they were not told; an import from the
//! live log notes nothing. To a live state that is new, everything in the lake is.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use event::{Event, Key, Timestamp};
use listen::stitch::{Node, Rules};

use crate::cores::each_on_all_cores;
use crate::error::Error;
use crate::import::ImportOptions;
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    pub(crate) before_seq: i64,
}

impl Told {
    /// Nothing was told, not even what came from a live log.
    pub const NOTHING: Self = Self { before_seq: 0 };
}

/// Under which numbers it stands where a range begins and ends.
fn untold_range(n: usize) -> [String; 2] {
    ["from", "until"].map(|end| format!("{}_{end}_{n}", number::UNTOLD))
}

/// Where the events of an import come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Origin {
    /// From files: live state has to be told of them.
    #[default]
    Files,
    /// From live state, which knows them.
    Live {
        /// The position of its log before which everything is in the lake with this import; rides in the commit. Without it
        /// the same events may come once more.
        until: Option<u64>,
    },
}

/// What rides in a commit: names, each with its number.
pub(crate) type Numbers = Vec<(Cow<'static, str>, i64)>;

/// What came from files until an arrival number and was not told, as it rides in a commit.
fn imported(untold: &[Range<i64>], until: i64) -> Numbers {
    let count = i64::try_from(untold.len()).expect("a length fits");
    let mut numbers: Numbers = vec![(number::IMPORTED_SEQ.into(), until), (number::UNTOLD.into(), count)];
    for (n, range) in untold.iter().enumerate() {
        let [from, until] = untold_range(n);
        numbers.extend([(from.into(), range.start), (until.into(), range.end)]);
    }
    numbers
}

impl Lake {
    /// The arrival numbers of what came from files and was not told, in order.
    pub(crate) async fn untold(&self) -> Result<Vec<Range<i64>>, Error> {
        let number = async |name: &str| Ok::<_, Error>(self.events.transaction(name).await?.unwrap_or_default());
        let told = number(number::TOLD_SEQ).await?;
        let count = usize::try_from(number(number::UNTOLD).await?).unwrap_or_default();
        let mut untold = Vec::with_capacity(count);
        for [from, until] in (0..count).map(untold_range) {
            untold.push(number(&from).await?.max(told)..number(&until).await?);
        }
        untold.retain(|range| !range.is_empty());
        Ok(untold)
    }

    /// What live state needs to know of an import, which `brings` new events or not, and after which the `next` one gets that
    /// arrival number.
    pub(crate) async fn live_numbers(
        &self,
        options: &ImportOptions,
        brings: bool,
        next: i64,
    ) -> Result<Numbers, Error> {
        let (origin, told) = (options.origin, options.told);
        let mut numbers: Numbers = told.map(|told| (number::TOLD_SEQ.into(), told.before_seq)).into_iter().collect();
        match origin {
            Origin::Live { until } => {
                // Set back behind what is here, it knows no more of what it may be sent once more: that is looked for here.
                let before = self.events.transaction(number::LOG_POSITION).await?.unwrap_or_default();
                if until.is_some_and(|position| position.cast_signed() < before) {
                    numbers.push((number::IMPORTED_SEQ.into(), next));
                }
                numbers.extend(until.map(|position| (number::LOG_POSITION.into(), position.cast_signed())));
            }
            Origin::Files if brings => {
                let begun = self.events.transaction(number::NEXT_SEQ).await?.unwrap_or_default();
                let mut untold = self.untold().await?;
                match untold.last_mut() {
                    Some(last) if last.end == begun => last.end = next,
                    _ => untold.push(begun..next),
                }
                numbers.extend(imported(&untold, next));
            }
            Origin::Files => {}
        }
        // To a new live state all of it is new, and comes back from there.
        if told == Some(Told::NOTHING) {
            numbers.extend(imported(std::slice::from_ref(&(0..next)), next));
        }
        Ok(numbers)
    }

    /// Hands out all events that are somebody's, came from files and have not been told, a few thousand at a time, those of
    /// a customer one after the other in order of time. Every core takes the next customers. Gives how much has been told with
    /// them, which nobody knows until an import [says so](crate::ImportOptions::told); `None` where there were none.
    ///
    /// # Errors
    /// When the lake cannot be read; the error of `each`, which ends it.
    pub async fn tell<E: From<Error> + Send>(
        &self,
        rules: &Rules,
        each: impl Fn(&[Event<'_>]) -> Result<(), E> + Sync,
    ) -> Result<Option<Told>, E> {
        let taken = self.settled(async |lake| {
            let untold = lake.untold().await?;
            if untold.is_empty() {
                return Ok(None);
            }
            let next = lake.events.transaction(number::NEXT_SEQ).await?.unwrap_or_default();
            Ok::<_, Error>(Some((untold, lake.parts(rules).await?, Told { before_seq: next })))
        });
        let Some((untold, (parts, rerouted), now)) = taken.await? else { return Ok(None) };
        let since = untold[0].start;
        let projection = Projection { columns: (0..read_schema(false).fields().len()).collect(), dictionaries: false };
        let told = each_on_all_cores(parts, |part| {
            let mut failed = None;
            let part = part.with_runs(|run| Ok(since == 0 || latest_seq(run)?.is_none_or(|seq| seq >= since)))?;
            let read = read_part(&part, &projection, rerouted.as_ref(), |batch| {
                tell_batch(&arrived_among(batch, &untold)?, &each)?.map_err(|error| {
                    failed = Some(error);
                    Error::Interrupted
                })
            });
            failed.map_or_else(|| read.map_err(E::from), Err)
        });
        told.into_iter().collect::<Result<(), E>>().map(|()| Some(now))
    }
}

/// The rows with these arrival numbers.
fn arrived_among(batch: &RecordBatch, numbers: &[Range<i64>]) -> Result<RecordBatch, Error> {
    let seqs = batch.column(event_column("seq")).as_primitive::<Int64Type>().values();
    let is_among = |seq: &i64| numbers.iter().any(|range| range.contains(seq));
    if seqs.iter().all(is_among) {
        return Ok(batch.clone());
    }
    let mask: BooleanArray = seqs.iter().map(|seq| Some(is_among(seq))).collect();
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
