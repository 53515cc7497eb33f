//! Reading the events of a bucket in order: one run as it lies, several merged, rows that moved left out and put in again
//! where they belong now.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch};
use arrow::compute::{
    SortColumn, concat_batches, filter_record_batch, interleave_record_batch, lexsort_to_indices, take_record_batch,
};
use arrow::datatypes::{Int64Type, SchemaRef, TimestampMicrosecondType};
use listen::stitch::{Customers, Graph, Names, Node};

use crate::error::Error;
use crate::identity::{Identity, Moves, is_erased};
use crate::limits::BATCH_ROWS;
use crate::open_file::OpenFile;
use crate::rebuild::nodes_of_keys;
use crate::run_file::{read_run, read_schema};
use crate::schema::event_column;
use crate::store::bucket_of;
use crate::touched::read_touched;
use crate::waiting::Renamed;

/// Which columns of the events table are read, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Projection {
    /// Positions in the table, ascending; customer, at and seq are always among them when runs are merged.
    pub columns: Vec<usize>,
    /// Words as dictionaries.
    pub dictionaries: bool,
}

impl Projection {
    /// Where a column of the table is in a batch.
    pub(crate) fn position(&self, name: &str) -> usize {
        let column = event_column(name);
        self.columns.binary_search(&column).expect("only columns of the projection are asked for")
    }

    /// The columns of both.
    pub(crate) fn and(self, other: Self) -> Self {
        let mut columns = [self.columns, other.columns].concat();
        columns.sort_unstable();
        columns.dedup();
        Self { columns, dictionaries: self.dictionaries }
    }

    /// With these columns.
    pub(crate) fn with(&self, names: &[&str]) -> Self {
        let mut columns = self.columns.clone();
        columns.extend(names.iter().map(|name| event_column(name)));
        columns.sort_unstable();
        columns.dedup();
        Self { columns, dictionaries: self.dictionaries }
    }

    /// The schema of the batches.
    pub(crate) fn schema(&self) -> Result<SchemaRef, Error> {
        Ok(Arc::new(read_schema(self.dictionaries).project(&self.columns)?))
    }
}

/// What is read: a bucket's runs, or the rows that moved.
#[derive(Debug, Clone)]
pub(crate) enum Part {
    /// A bucket and its runs.
    Bucket(u32, Vec<OpenFile>),
    /// Rows of customers that are concerned by moves, from these buckets and their runs.
    Moved(Vec<(u32, Vec<OpenFile>)>),
}

impl Part {
    /// The same with only some of its runs.
    pub(crate) fn with_runs(self, wanted: impl Fn(&OpenFile) -> Result<bool, Error>) -> Result<Self, Error> {
        let some = |runs: Vec<OpenFile>| -> Result<Vec<OpenFile>, Error> {
            let kept = runs.into_iter().map(|run| Ok(wanted(&run)?.then_some(run)));
            kept.filter_map(Result::transpose).collect()
        };
        Ok(match self {
            Part::Bucket(bucket, runs) => Part::Bucket(bucket, some(runs)?),
            Part::Moved(buckets) => {
                let buckets = buckets.into_iter().map(|(bucket, runs)| Ok((bucket, some(runs)?)));
                Part::Moved(buckets.collect::<Result<_, Error>>()?)
            }
        })
    }

    /// The same run by run, for whom the order of rows in different runs does not matter.
    pub(crate) fn runs(&self) -> Vec<Part> {
        match self {
            Part::Bucket(bucket, runs) => runs.iter().map(|run| Part::Bucket(*bucket, vec![run.clone()])).collect(),
            Part::Moved(_) => vec![self.clone()],
        }
    }
}

/// Which rows no longer lie where they belong, and whose they are now.
#[derive(Debug)]
pub(crate) struct Rerouted {
    moves: Moves,
    /// Everyone whose journey is touched: whose rows go and whose rows come; ascending.
    concerned: Vec<i64>,
    /// Who is who; not known where whole customers have moved alone.
    who: Option<(Graph, Customers)>,
}

impl Rerouted {
    /// What follows from identity as it is known now; `None` when every row lies where it belongs.
    pub(crate) fn new(identity: Identity) -> Option<Self> {
        let customers = identity.graph.resolve();
        let moves = identity.moves(&customers);
        if moves.is_empty() {
            return None;
        }
        let mut concerned: Vec<i64> = (0u32..)
            .zip(&identity.filed)
            .filter(|(_, filed)| moves.concerns(**filed))
            .flat_map(|(n, filed)| [*filed, i64::from(customers.of(Node(n)).0)])
            .collect();
        concerned.sort_unstable();
        concerned.dedup();
        Some(Self { moves, concerned, who: Some((identity.graph, customers)) })
    }

    /// Where all rows of these customers are somebody else's; `None` where there are none.
    pub(crate) fn renamed(renamed: Renamed) -> Option<Self> {
        let concerned: BTreeSet<i64> = renamed.iter().flat_map(|(filed, customer)| [*filed, *customer]).collect();
        let moves = Moves { renamed, split: Vec::new() };
        (!moves.is_empty()).then(|| Self { moves, concerned: concerned.into_iter().collect(), who: None })
    }

    /// Whose rows are somebody else's, where that is all there is to know.
    pub(crate) fn only_renamed(&self) -> Option<&Renamed> {
        self.who.is_none().then_some(&self.moves.renamed)
    }

    /// What customers are called, as who is who is known now.
    pub(crate) fn names<'a>(&'a self, identity: &'a Identity) -> Names<'a> {
        let Some((graph, customers)) = &self.who else { return identity.names(&self.moves.renamed) };
        let customer = |key: Node| (!is_erased(graph, key)).then(|| customers.of(key));
        Names::new(graph, (0u32..).take(graph.len()).map(|n| customer(Node(n))).collect())
    }

    /// The buckets in which rows of anyone concerned lie.
    pub(crate) fn buckets(&self) -> Vec<u32> {
        let mut buckets: Vec<u32> = self.concerned.iter().map(|customer| bucket_of(*customer)).collect();
        buckets.sort_unstable();
        buckets.dedup();
        buckets
    }

    fn any_concerned(&self, customers: &[i64]) -> bool {
        let (Some(first), Some(last)) = (customers.iter().min(), customers.iter().max()) else { return false };
        let from = self.concerned.partition_point(|c| c < first);
        self.concerned.get(from).is_some_and(|c| c <= last)
    }

    fn mask(&self, customers: &[i64], concerned: bool) -> BooleanArray {
        customers.iter().map(|c| Some(self.concerned.binary_search(c).is_ok() == concerned)).collect()
    }
}

/// Hands out the rows of a part that are customers', sorted by (customer, at, seq), batch by batch. Customer is always one of
/// the columns.
pub(crate) fn read_part(
    part: &Part,
    projection: &Projection,
    rerouted: Option<&Rerouted>,
    mut each: impl FnMut(&RecordBatch) -> Result<(), Error>,
) -> Result<(), Error> {
    let at = projection.position("customer");
    read_part_whole(part, projection, rerouted, |batch| {
        let customers = batch.column(at).as_primitive::<Int64Type>().values();
        // What is nobody's has a number below all others, so it comes first.
        match customers.partition_point(|customer| *customer < 0) {
            0 => each(batch),
            of_nobody => each(&batch.slice(of_nobody, batch.num_rows() - of_nobody)),
        }
    })
}

/// The same with the rows that are nobody's.
pub(crate) fn read_part_whole(
    part: &Part,
    projection: &Projection,
    rerouted: Option<&Rerouted>,
    mut each: impl FnMut(&RecordBatch) -> Result<(), Error>,
) -> Result<(), Error> {
    match (part, rerouted) {
        (Part::Bucket(_, runs), None) => read_runs(runs, projection, each),
        (Part::Bucket(_, runs), Some(rerouted)) => {
            let at = projection.position("customer");
            read_runs(runs, projection, |batch| {
                let customers = batch.column(at).as_primitive::<Int64Type>().values();
                if rerouted.any_concerned(customers) {
                    each(&filter_record_batch(batch, &rerouted.mask(customers, false))?)
                } else {
                    each(batch)
                }
            })
        }
        (Part::Moved(buckets), Some(rerouted)) => each(&read_moved(buckets, projection, rerouted)?),
        (Part::Moved(_), None) => Ok(()),
    }
}

fn read_runs(
    runs: &[OpenFile],
    projection: &Projection,
    mut each: impl FnMut(&RecordBatch) -> Result<(), Error>,
) -> Result<(), Error> {
    if let [only] = runs {
        for batch in read_run(only, &projection.columns, projection.dictionaries, BATCH_ROWS)? {
            each(&batch?)?;
        }
        return Ok(());
    }
    merge_runs(runs, projection, each)
}

/// A run that is being merged: its current batch, and how far it has been taken.
struct Cursor<I> {
    reader: I,
    batch: RecordBatch,
    row: usize,
    /// Which of the batches that wait for output this one is.
    waiting: usize,
}

/// Where customer, at and seq are in the batches of a merge.
#[derive(Clone, Copy)]
struct Order([usize; 3]);

impl Order {
    fn of(self, batch: &RecordBatch, row: usize) -> (i64, i64, i64) {
        let long = |column: usize| batch.column(column).as_primitive::<Int64Type>().value(row);
        let at = batch.column(self.0[1]).as_primitive::<TimestampMicrosecondType>().value(row);
        (long(self.0[0]), at, long(self.0[2]))
    }

    /// The first row of a batch from `row` on that does not come before `limit`: near rows are looked at first, since runs
    /// that were written at the same time alternate often.
    fn reaches(self, batch: &RecordBatch, row: usize, limit: Option<(i64, i64, i64)>) -> usize {
        let Some(limit) = limit else { return batch.num_rows() };
        let is_before = |row: usize| self.of(batch, row) < limit;
        let (mut before, mut step) = (row, 1);
        while before + step < batch.num_rows() && is_before(before + step) {
            (before, step) = (before + step, step * 2);
        }
        let (mut low, mut high) = (before, (before + step).min(batch.num_rows()));
        while low < high {
            let middle = usize::midpoint(low, high);
            if is_before(middle) { low = middle + 1 } else { high = middle }
        }
        low
    }
}

/// From so many rows on that one run has alone, they are handed out as they lie and not put together row by row.
const ALONE_ROWS: usize = 256;

fn merge_runs(
    runs: &[OpenFile],
    projection: &Projection,
    each: impl FnMut(&RecordBatch) -> Result<(), Error>,
) -> Result<(), Error> {
    let wide = projection.with(&["customer", "at", "seq"]);
    let open = |run| read_run(run, &wide.columns, wide.dictionaries, BATCH_ROWS);
    merge(runs.iter().map(open).collect::<Result<Vec<_>, _>>()?, &wide, projection, each)
}

/// Merges what is sorted by (customer, at, seq) already: batches of `wide`, which has these columns, handed out as those of
/// `projection`.
pub(crate) fn merge<I: Iterator<Item = Result<RecordBatch, Error>>>(
    sources: Vec<I>,
    wide: &Projection,
    projection: &Projection,
    mut each: impl FnMut(&RecordBatch) -> Result<(), Error>,
) -> Result<(), Error> {
    let order = Order(["customer", "at", "seq"].map(|name| wide.position(name)));
    let narrow: Vec<usize> =
        projection.columns.iter().map(|c| wide.columns.binary_search(c).expect("wide has all")).collect();
    let mut cursors = Vec::new();
    let mut waiting: Vec<RecordBatch> = Vec::new();
    for mut reader in sources {
        if let Some(batch) = reader.next().transpose()? {
            waiting.push(batch.project(&narrow)?);
            cursors.push(Cursor { reader, batch, row: 0, waiting: waiting.len() - 1 });
        }
    }
    let mut taken: Vec<(usize, usize)> = Vec::with_capacity(BATCH_ROWS);
    while !cursors.is_empty() {
        let first = (0..cursors.len())
            .min_by_key(|i| order.of(&cursors[*i].batch, cursors[*i].row))
            .expect("there is at least one cursor");
        // What the others have next: up to there, this run goes on alone.
        let limit =
            (0..cursors.len()).filter(|i| *i != first).map(|i| order.of(&cursors[i].batch, cursors[i].row)).min();
        let cursor = &mut cursors[first];
        let alone = cursor.row..order.reaches(&cursor.batch, cursor.row, limit);
        cursor.row = alone.end;
        if alone.len() < ALONE_ROWS {
            taken.extend(alone.map(|row| (cursor.waiting, row)));
        } else {
            emit(&waiting, &mut taken, &mut each)?;
            each(&waiting[cursor.waiting].slice(alone.start, alone.len()))?;
        }
        let exhausted = cursor.row == cursor.batch.num_rows();
        if taken.len() >= BATCH_ROWS || (exhausted && waiting.len() > 4 * cursors.len()) {
            emit(&waiting, &mut taken, &mut each)?;
            waiting = cursors.iter().map(|cursor| waiting[cursor.waiting].clone()).collect();
            cursors.iter_mut().enumerate().for_each(|(number, cursor)| cursor.waiting = number);
        }
        if exhausted {
            match cursors[first].reader.next().transpose()? {
                Some(batch) => {
                    waiting.push(batch.project(&narrow)?);
                    let cursor = &mut cursors[first];
                    (cursor.batch, cursor.row, cursor.waiting) = (batch, 0, waiting.len() - 1);
                }
                None => {
                    cursors.remove(first);
                }
            }
        }
    }
    emit(&waiting, &mut taken, &mut each)
}

/// Hands out the rows that were taken, each a batch that waits and a row of it.
fn emit(
    waiting: &[RecordBatch],
    taken: &mut Vec<(usize, usize)>,
    each: &mut impl FnMut(&RecordBatch) -> Result<(), Error>,
) -> Result<(), Error> {
    let Some((number, first)) = taken.first().copied() else { return Ok(()) };
    // Few rows that came late stand between many of one run, mostly alone: these are handed out as they lie, too.
    let as_they_lie = taken.iter().zip(first..).all(|(taken, row)| *taken == (number, row));
    let batch = if as_they_lie {
        waiting[number].slice(first, taken.len())
    } else {
        interleave_record_batch(&waiting.iter().collect::<Vec<_>>(), taken)?
    };
    taken.clear();
    each(&batch)
}

/// All rows of everyone concerned, under the customers that they belong to now.
fn read_moved(
    buckets: &[(u32, Vec<OpenFile>)],
    projection: &Projection,
    rerouted: &Rerouted,
) -> Result<RecordBatch, Error> {
    let wide = projection.with(&["customer", "at", "seq", "keys"]);
    let keys = wide.position("keys");
    let mut found = Vec::new();
    for (bucket, runs) in buckets {
        if let Some(batch) = read_touched(*bucket, runs, &rerouted.concerned, &wide)? {
            found.push(with_customers(&batch, &wide, |row, filed| rerouted.customer(row, filed, &batch, keys))?);
        }
    }
    let sorted = in_order(&concat_batches(&wide.schema()?, &found)?, &wide)?;
    let narrow: Vec<usize> =
        projection.columns.iter().map(|c| wide.columns.binary_search(c).expect("wide has all")).collect();
    Ok(sorted.project(&narrow)?)
}

/// Rows under other customers: by row and under whom it is filed, whose it is.
pub(crate) fn with_customers(
    batch: &RecordBatch,
    projection: &Projection,
    mut customer: impl FnMut(usize, i64) -> Result<i64, Error>,
) -> Result<RecordBatch, Error> {
    let at = projection.position("customer");
    let filed = batch.column(at).as_primitive::<Int64Type>().values();
    let now: Int64Array =
        filed.iter().enumerate().map(|(row, filed)| customer(row, *filed)).collect::<Result<_, _>>()?;
    let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
    columns[at] = Arc::new(now);
    Ok(RecordBatch::try_new(batch.schema(), columns)?)
}

/// Rows sorted by (customer, at, seq).
pub(crate) fn in_order(batch: &RecordBatch, projection: &Projection) -> Result<RecordBatch, Error> {
    let by = ["customer", "at", "seq"]
        .map(|name| SortColumn { values: Arc::clone(batch.column(projection.position(name))), options: None });
    Ok(take_record_batch(batch, &lexsort_to_indices(&by, None)?)?)
}

impl Rerouted {
    /// Whose a key is whose rows are filed under this customer.
    pub(crate) fn customer_of_key(&self, key: i64, filed: i64) -> i64 {
        let known = self.who.as_ref().and_then(|(graph, customers)| {
            let key = u32::try_from(key).ok().map(Node).filter(|key| !is_erased(graph, *key))?;
            Some(i64::from(customers.of(key).0))
        });
        known.unwrap_or_else(|| *self.moves.renamed.get(&filed).unwrap_or(&filed))
    }

    /// Whose a row is that is filed under this customer.
    fn customer(&self, row: usize, filed: i64, batch: &RecordBatch, keys: usize) -> Result<i64, Error> {
        let (Ok(_), Some((graph, customers))) = (self.moves.split.binary_search(&filed), &self.who) else {
            return Ok(*self.moves.renamed.get(&filed).unwrap_or(&filed));
        };
        let mut nodes = Vec::new();
        nodes_of_keys(graph, batch.column(keys).as_string::<i32>().value(row), &mut nodes)?;
        Ok(i64::from(graph.customer(&nodes, customers).expect("an event of the lake has a key").0))
    }
}
