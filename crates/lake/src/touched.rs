//! Reading the events of a few customers: those of whom something has changed.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::Int64Type;
use parquet::arrow::arrow_reader::RowSelection;

use crate::ask::Taken;
use crate::cores::run_on_all_cores;
use crate::error::Error;
use crate::kept::{Mark, Then};
use crate::limits::BATCH_ROWS;
use crate::open_file::OpenFile;
use crate::run_file::{Places, read_run};
use crate::scan::{Part, Projection, in_order, with_customers};
use crate::schema::event_column;
use crate::store::bucket_of;

impl Taken {
    /// How many events there are.
    pub(crate) fn rows(&self) -> u64 {
        self.runs().map(OpenFile::rows).sum()
    }

    fn runs(&self) -> impl Iterator<Item = &OpenFile> {
        self.parts.iter().flat_map(|part| &part.runs)
    }
}

/// The customers who have events that arrived after `then`, in no order.
pub(crate) fn newcomers(taken: &Taken, then: &Mark) -> Result<Vec<i64>, Error> {
    let newer: Vec<&OpenFile> = taken.runs().filter(|run| run.version() > then.version).collect();
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let columns = ["customer", "seq"].map(event_column);
    run_on_all_cores(|| {
        let mut customers = Vec::new();
        while let Some(run) = newer.get(next.fetch_add(1, Ordering::Relaxed)) {
            for batch in read_run(run, &columns, false, BATCH_ROWS)? {
                let batch = batch?;
                let [customer, seq] = [0, 1].map(|n| batch.column(n).as_primitive::<Int64Type>().values());
                let of_customers = customer.iter().zip(seq).filter(|(customer, _)| **customer >= 0);
                let new = of_customers.filter(|(_, seq)| **seq >= then.next_seq);
                customers.extend(new.map(|(customer, _)| *customer));
                customers.dedup();
            }
        }
        found.lock().expect("no holder of this lock panics").extend(customers);
        Ok(())
    })?;
    Ok(found.into_inner().expect("no holder of this lock panics"))
}

/// Of whom something has changed, and where their events lie.
#[derive(Debug)]
pub(crate) struct Touched<'a> {
    /// Who, as they are called then or now; ascending.
    pub(crate) customers: Vec<i64>,
    /// Those whose events lie all and alone where they belong, then and now.
    at_home: Vec<i64>,
    /// Under whom the events of all others are filed.
    away: Vec<i64>,
    then: &'a Then,
    now: &'a Then,
}

impl<'a> Touched<'a> {
    /// Those under whom new events were filed, those about whom time has decided, and those who became somebody else.
    pub(crate) fn new(newcomers: Vec<i64>, due: impl Iterator<Item = i64>, then: &'a Then, now: &'a Then) -> Self {
        let newcomers = newcomers.into_iter().map(|filed| of(filed, now));
        let renamed: BTreeSet<i64> = then.renamed.keys().chain(now.renamed.keys()).copied().collect();
        let changed = renamed.iter().filter(|filed| of(**filed, then) != of(**filed, now));
        let changed = changed.flat_map(|filed| [of(*filed, then), of(*filed, now)]);
        let customers: BTreeSet<i64> = newcomers.chain(due).chain(changed).collect();
        let theirs = |filed: &&i64| [then, now].iter().any(|state| customers.contains(&of(**filed, state)));
        let mut away: BTreeSet<i64> = renamed.iter().filter(theirs).copied().collect();
        away.extend(away.clone().into_iter().flat_map(|filed| [of(filed, then), of(filed, now)]));
        Self {
            at_home: customers.difference(&away).copied().collect(),
            customers: customers.into_iter().collect(),
            away: away.into_iter().collect(),
            then,
            now,
        }
    }

    /// Their events in the part of this number, as they were and as they are; `None` where there are none. Those that are not
    /// all where they belong are in one part more than there are.
    pub(crate) fn read(
        &self,
        parts: &[Part],
        number: usize,
        projection: &Projection,
    ) -> Result<Option<[RecordBatch; 2]>, Error> {
        let found = match parts.get(number) {
            Some(Part { bucket, runs }) => {
                read_touched(*bucket, runs, &self.at_home, projection)?.map(|rows| [rows.clone(), rows])
            }
            None => self.read_away(parts, projection)?,
        };
        let Some([was, now]) = found else { return Ok(None) };
        Ok(Some([arrived_before(&was, self.then.mark.next_seq, projection)?, now]))
    }

    fn read_away(&self, parts: &[Part], projection: &Projection) -> Result<Option<[RecordBatch; 2]>, Error> {
        let mut found = Vec::new();
        for Part { bucket, runs } in parts {
            found.extend(read_touched(*bucket, runs, &self.away, projection)?);
        }
        if found.is_empty() {
            return Ok(None);
        }
        let filed = concat_batches(&projection.schema()?, &found)?;
        let by = |state| in_order(&with_customers(&filed, projection, |_, filed| Ok(of(filed, state)))?, projection);
        Ok(Some([by(self.then)?, by(self.now)?]))
    }
}

/// Whose the events are that are filed under this customer.
fn of(filed: i64, state: &Then) -> i64 {
    *state.renamed.get(&filed).unwrap_or(&filed)
}

/// All events of these customers, who are in ascending order, that lie in a bucket, sorted by (customer, at, seq); `None`
/// where there are none.
pub(crate) fn read_touched(
    bucket: u32,
    runs: &[OpenFile],
    touched: &[i64],
    projection: &Projection,
) -> Result<Option<RecordBatch>, Error> {
    let theirs: Vec<i64> = touched.iter().copied().filter(|customer| bucket_of(*customer) == bucket).collect();
    if theirs.is_empty() {
        return Ok(None);
    }
    let mut found = Vec::new();
    let mut sorted = true;
    for run in runs {
        let places = Places::of(run, projection.dictionaries)?;
        let rows = rows_of(&places, &theirs)?;
        if !rows.selects_any() {
            continue;
        }
        sorted = found.is_empty();
        for batch in places.read(&projection.columns, Some(rows))? {
            found.push(batch?);
        }
    }
    if found.is_empty() {
        return Ok(None);
    }
    let all = concat_batches(&projection.schema()?, &found)?;
    Ok(Some(if sorted { all } else { in_order(&all, projection)? }))
}

/// Where in a run the rows of these customers lie.
pub(crate) fn rows_of(run: &Places, theirs: &[i64]) -> Result<RowSelection, Error> {
    let (mut ranges, mut begins) = (Vec::new(), 0);
    for batch in run.read(&[event_column("customer")], None)? {
        let batch = batch?;
        let customers: &[i64] = batch.column(0).as_primitive::<Int64Type>().values();
        let (first, last) = (customers[0], customers[customers.len() - 1]);
        let from = theirs.partition_point(|customer| *customer < first);
        for customer in theirs[from..].iter().take_while(|customer| **customer <= last) {
            let start = customers.partition_point(|other| other < customer);
            let end = customers.partition_point(|other| other <= customer);
            if start < end {
                ranges.push(begins + start..begins + end);
            }
        }
        begins += customers.len();
    }
    Ok(RowSelection::from_consecutive_ranges(ranges.into_iter(), begins))
}

/// The rows that had arrived before this number.
pub(crate) fn arrived_before(rows: &RecordBatch, seq: i64, projection: &Projection) -> Result<RecordBatch, Error> {
    let seqs = rows.column(projection.position("seq")).as_primitive::<Int64Type>();
    let mask: BooleanArray = seqs.values().iter().map(|own| Some(*own < seq)).collect();
    Ok(filter_record_batch(rows, &mask)?)
}
