//! All events as they were read, for whoever wants to live through them; and which of them live state was not told yet.
//!
//! What live state is told is what came from files. What it handed over itself it knows, and nothing else would keep it from
//! taking that in again: the sender may have given no message id, or its id be forgotten. So every import of files notes
//! which arrival numbers it took, in the commit that brings its events, for as long as they were not told; an import from the
//! live log notes nothing. To a live state that is new, everything in the lake is. What was told is remembered for a while, so
//! that a live state that was set back, and knows how much it had been told, is told again what it lacks.

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
use crate::limits::TOLD_RANGES;
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

/// How much of a lake has been told to live state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// Nothing: it is new, and does not even know what came from a live log.
    Nothing,
    /// What came from files and arrived before this number.
    Before(i64),
    /// No more than that, although it had been told more: it was set back to an earlier state.
    BackTo(i64),
}

/// Under which numbers it stands where a range of either list begins and ends.
fn range_names(list: &str, n: usize) -> [String; 2] {
    ["from", "until"].map(|end| format!("{list}_{end}_{n}"))
}

/// A range, as it rides in a commit.
fn range_numbers(list: &str, n: usize, range: &Range<i64>) -> Numbers {
    range_names(list, n).into_iter().map(Cow::Owned).zip([range.start, range.end]).collect()
}

/// The same numbers in as few ranges as can be, in order.
fn united(mut ranges: Vec<Range<i64>>) -> Vec<Range<i64>> {
    ranges.sort_by_key(|range| range.start);
    let mut united: Vec<Range<i64>> = Vec::with_capacity(ranges.len());
    for range in ranges.into_iter().filter(|range| !range.is_empty()) {
        match united.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => united.push(range),
        }
    }
    united
}

/// Where the events of an import come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Origin {
    /// From files: live state has to be told of them.
    #[default]
    Files,
    /// From live state, which knows them.
    Live {
        /// The position of its log before which everything is in the lake with this import; rides in the commit. `None` where
        /// nothing of its log comes with it.
        until: Option<u64>,
    },
}

/// What rides in a commit: names, each with its number.
pub(crate) type Numbers = Vec<(Cow<'static, str>, i64)>;

/// What came from files and was not told, as it rides in a commit.
fn noted(untold: &[Range<i64>]) -> Numbers {
    let count = i64::try_from(untold.len()).expect("a length fits");
    let each = untold.iter().enumerate().flat_map(|(n, range)| range_numbers(number::UNTOLD, n, range));
    std::iter::once((number::UNTOLD.into(), count)).chain(each).collect()
}

/// The same where the last of it came with this very import, after which the next event gets this arrival number.
fn imported(untold: &[Range<i64>], next: i64) -> Numbers {
    std::iter::once((number::IMPORTED_SEQ.into(), next)).chain(noted(untold)).collect()
}

impl Lake {
    async fn number(&self, name: &str) -> Result<i64, Error> {
        Ok(self.events.transaction(name).await?.unwrap_or_default())
    }

    async fn range(&self, list: &str, n: usize) -> Result<Range<i64>, Error> {
        let [from, until] = range_names(list, n);
        Ok(self.number(&from).await?..self.number(&until).await?)
    }

    /// The arrival numbers of what came from files and was not told, in order.
    pub(crate) async fn untold(&self) -> Result<Vec<Range<i64>>, Error> {
        let told = self.number(number::TOLD_SEQ).await?;
        let count = usize::try_from(self.number(number::UNTOLD).await?).unwrap_or_default();
        let mut untold = Vec::with_capacity(count);
        for n in 0..count {
            let range = self.range(number::UNTOLD, n).await?;
            untold.push(range.start.max(told)..range.end);
        }
        untold.retain(|range| !range.is_empty());
        Ok(untold)
    }

    /// The arrival number before which everything from files was told, as far as the lake knows.
    ///
    /// # Errors
    /// When the lake cannot be read.
    pub async fn told_before(&self) -> Result<i64, Error> {
        self.number(number::TOLD_SEQ).await
    }

    /// Whether it is known of everything that arrived from this number on whether it was told: only the latest is remembered.
    ///
    /// # Errors
    /// When the lake cannot be read.
    pub async fn remembers_since(&self, seq: i64) -> Result<bool, Error> {
        let (count, remembered) = self.remembered().await?;
        let first = remembered.iter().map(|range| range.start).min();
        Ok(count <= remembered.len() || first.is_none_or(|first| first <= seq))
    }

    /// How many ranges were told, and those of them that are remembered, in no order.
    async fn remembered(&self) -> Result<(usize, Vec<Range<i64>>), Error> {
        let count = usize::try_from(self.number(number::TOLD).await?).unwrap_or_default();
        let mut remembered = Vec::new();
        for n in 0..count.min(TOLD_RANGES) {
            remembered.push(self.range(number::TOLD, n).await?);
        }
        Ok((count, remembered))
    }

    /// What was not told until now and has been, as it rides in a commit: the latest takes the place of the oldest, or goes on
    /// where the one before it ends.
    async fn now_told(&self, before_seq: i64) -> Result<Numbers, Error> {
        // Who was slower may say less than others have said by now.
        let before_seq = before_seq.max(self.number(number::TOLD_SEQ).await?);
        let mut count = usize::try_from(self.number(number::TOLD).await?).unwrap_or_default();
        let mut last = match count.checked_sub(1) {
            Some(last) => Some(self.range(number::TOLD, last % TOLD_RANGES).await?),
            None => None,
        };
        let mut told: BTreeMap<usize, Range<i64>> = BTreeMap::new();
        for range in self.untold().await? {
            let mut range = range.start..range.end.min(before_seq);
            if range.is_empty() {
                continue;
            }
            match last.take().filter(|last| last.end == range.start) {
                Some(before) => range.start = before.start,
                None => count += 1,
            }
            told.insert((count - 1) % TOLD_RANGES, range.clone());
            last = Some(range);
        }
        let mut numbers: Numbers = told.iter().flat_map(|(n, range)| range_numbers(number::TOLD, *n, range)).collect();
        let count = i64::try_from(count).expect("a count fits");
        numbers.extend([(number::TOLD_SEQ.into(), before_seq), (number::TOLD.into(), count)]);
        Ok(numbers)
    }

    /// What live state was told since it was told so much, and what it was not told yet, as it rides in a commit.
    async fn untold_again(&self, before_seq: i64) -> Result<Numbers, Error> {
        let (_, mut ranges) = self.remembered().await?;
        for range in &mut ranges {
            range.start = range.start.max(before_seq);
        }
        ranges.append(&mut self.untold().await?);
        let mut numbers = noted(&united(ranges));
        numbers.push((number::TOLD_SEQ.into(), before_seq));
        Ok(numbers)
    }

    /// What live state needs to know of an import, which `brings` new events or not, and after which the `next` one gets that
    /// arrival number.
    pub(crate) async fn live_numbers(
        &self,
        options: &ImportOptions,
        brings: bool,
        next: i64,
    ) -> Result<Numbers, Error> {
        let mut numbers = match options.told {
            None => Numbers::new(),
            Some(Told::Nothing) => vec![(number::TOLD_SEQ.into(), 0)],
            Some(Told::Before(seq)) => self.now_told(seq).await?,
            Some(Told::BackTo(seq)) => self.untold_again(seq).await?,
        };
        // To a new live state all of it is new, and comes back from there.
        let is_new = options.told == Some(Told::Nothing);
        if is_new {
            numbers.extend(imported(std::slice::from_ref(&(0..next)), next));
        }
        match options.origin {
            Origin::Live { until } => {
                // Set back behind what is here, it knows no more of what it may be sent once more: that is looked for here.
                let before = self.number(number::LOG_POSITION).await?;
                if until.is_some_and(|position| position.cast_signed() < before) && !is_new {
                    numbers.push((number::IMPORTED_SEQ.into(), next));
                }
                numbers.extend(until.map(|position| (number::LOG_POSITION.into(), position.cast_signed())));
            }
            Origin::Files if brings && !is_new => {
                let begun = self.number(number::NEXT_SEQ).await?;
                let mut untold = self.untold().await?;
                match untold.last_mut() {
                    Some(last) if last.end == begun => last.end = next,
                    _ => untold.push(begun..next),
                }
                numbers.extend(imported(&untold, next));
            }
            Origin::Files => {}
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
            let next = lake.number(number::NEXT_SEQ).await?;
            Ok::<_, Error>(Some((untold, lake.parts(rules).await?, Told::Before(next))))
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
    let bad = |_| Error::Corrupt { what: "keys of an event are not a JSON object of texts".to_owned() };
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
