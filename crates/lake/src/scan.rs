//! Reading the events of a bucket in order: one run as it lies, several merged, rows that moved left out and put in again
//! where they belong now.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, UInt32Array};
use arrow::compute::{filter_record_batch, interleave_record_batch, take_record_batch};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use listen::stitch::{Customers, Graph, Names, Node};

use crate::error::Error;
use crate::identity::{Identity, Moves, is_erased};
use crate::limits::{BATCH_BYTES, BATCH_ROWS, ROW_GROUP_BYTES};
use crate::open_file::OpenFile;
use crate::portions::{self, text_bytes};
use crate::rebuild::nodes_of_keys;
use crate::run_file::read_run;
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

    /// Where its columns are in batches of another one that has all of them.
    fn places_in(&self, wide: &Self) -> Vec<usize> {
        self.columns.iter().map(|c| wide.columns.binary_search(c).expect("wide has all")).collect()
    }
}

/// What is read at a time: the rows that belong into a bucket.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) bucket: u32,
    /// Its runs. Rows of theirs may belong elsewhere, and others may lie elsewhere that belong here: see [`Rerouted`].
    pub(crate) runs: Vec<OpenFile>,
}

impl Part {
    /// The same with only some of its runs.
    pub(crate) fn with_runs(self, wanted: impl Fn(&OpenFile) -> Result<bool, Error>) -> Result<Self, Error> {
        let runs = self.runs.into_iter().map(|run| Ok(wanted(&run)?.then_some(run)));
        Ok(Self { runs: runs.filter_map(Result::transpose).collect::<Result<_, Error>>()?, ..self })
    }
}

/// Which rows no longer lie where they belong, and whose they are now.
#[derive(Debug)]
pub(crate) struct Rerouted {
    moves: Moves,
    /// Under whom rows are filed that are somebody else's, or may be; ascending.
    gone: Vec<i64>,
    /// Where these lie: buckets and their runs.
    runs: Vec<(u32, Vec<OpenFile>)>,
    /// Who is who; not known where whole customers have moved alone.
    who: Option<Arc<Who>>,
    /// What was read of these rows, by the columns of it: for every bucket those that belong there.
    arrived: Mutex<Vec<(Projection, Arc<Arrived>)>>,
}

/// All keys, and who is who by their links.
pub(crate) type Who = (Graph, Customers);

/// By bucket: the rows that belong there and lie elsewhere, in order.
type Arrived = BTreeMap<u32, Vec<RecordBatch>>;

impl Rerouted {
    /// What follows from identity as it is known now; `None` when every row lies where it belongs.
    pub(crate) fn new(identity: Identity) -> Option<Self> {
        let customers = identity.graph.resolve();
        Self::of(identity.moves(&customers), Some(Arc::new((identity.graph, customers))))
    }

    /// Where all rows of these customers are somebody else's; `None` where there are none.
    pub(crate) fn renamed(renamed: Renamed) -> Option<Self> {
        Self::of(Moves { renamed, split: Vec::new() }, None)
    }

    /// What follows from these moves; `who` is who where customers are split.
    pub(crate) fn of(moves: Moves, who: Option<Arc<Who>>) -> Option<Self> {
        let mut gone: Vec<i64> = moves.renamed.keys().chain(&moves.split).copied().collect();
        gone.sort_unstable();
        (!gone.is_empty()).then(|| Self { moves, gone, runs: Vec::new(), who, arrived: Mutex::default() })
    }

    /// The same, with the runs of all buckets to find these rows in.
    pub(crate) fn among<'a>(self, buckets: impl Iterator<Item = (u32, &'a [OpenFile])>) -> Self {
        let theirs: BTreeSet<u32> = self.gone.iter().map(|customer| bucket_of(*customer)).collect();
        let runs = buckets.filter(|(bucket, _)| theirs.contains(bucket));
        Self { runs: runs.map(|(bucket, runs)| (bucket, runs.to_vec())).collect(), ..self }
    }

    /// Whose rows are somebody else's, where that is all there is to know.
    pub(crate) fn only_renamed(&self) -> Option<&Renamed> {
        self.who.is_none().then_some(&self.moves.renamed)
    }

    /// What customers are called, as who is who is known now.
    pub(crate) fn names<'a>(&'a self, identity: &'a Identity) -> Names<'a> {
        let Some((graph, customers)) = self.who.as_deref() else { return identity.names(&self.moves.renamed) };
        let customer = |key: Node| (!is_erased(graph, key)).then(|| customers.of(key));
        Names::new(graph, (0u32..).take(graph.len()).map(|n| customer(Node(n))).collect())
    }

    /// Whose a key is whose rows are filed under this customer.
    pub(crate) fn customer_of_key(&self, key: i64, filed: i64) -> i64 {
        let known = self.who.as_deref().and_then(|(graph, customers)| {
            let key = u32::try_from(key).ok().map(Node).filter(|key| !is_erased(graph, *key))?;
            Some(i64::from(customers.of(key).0))
        });
        known.unwrap_or_else(|| *self.moves.renamed.get(&filed).unwrap_or(&filed))
    }

    /// The rows of a batch whose customers are who they were; `None` where there are none.
    fn staying(&self, batch: RecordBatch, customer: usize) -> Result<Option<RecordBatch>, Error> {
        let customers = batch.column(customer).as_primitive::<Int64Type>().values();
        let (Some(first), Some(last)) = (customers.first(), customers.last()) else { return Ok(None) };
        let from = self.gone.partition_point(|gone| gone < first);
        if self.gone.get(from).is_none_or(|gone| gone > last) {
            return Ok(Some(batch));
        }
        let mask: BooleanArray = customers.iter().map(|c| Some(self.gone.binary_search(c).is_err())).collect();
        Ok(Some(filter_record_batch(&batch, &mask)?).filter(|batch| batch.num_rows() > 0))
    }

    /// All rows that lie where they do not belong, under those whose they are now; `wide` has customer, at and seq. They are
    /// read once: whoever comes first reads, all others wait.
    fn arrived(&self, wide: &Projection) -> Result<Arc<Arrived>, Error> {
        let mut known = self.arrived.lock().expect("no holder of this lock panics");
        if let Some((_, arrived)) = known.iter().find(|(projection, _)| projection == wide) {
            return Ok(Arc::clone(arrived));
        }
        // Only what is told apart row by row needs the keys that rows came with.
        let read = if self.who.is_some() { wide.with(&["keys"]) } else { wide.clone() };
        let mut found = Vec::new();
        for (bucket, runs) in &self.runs {
            for batch in read_touched(*bucket, runs, &self.gone, &read)? {
                let batch = with_customers(&batch, &read, |row, filed| self.customer(row, filed, &batch, &read))?;
                found.push(batch.project(&wide.places_in(&read))?);
            }
        }
        let (mut arrived, customer) = (Arrived::new(), wide.position("customer"));
        for batch in in_order(&found, wide)? {
            let mut rows: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
            for (row, customer) in (0..).zip(batch.column(customer).as_primitive::<Int64Type>().values()) {
                rows.entry(bucket_of(*customer)).or_default().push(row);
            }
            for (bucket, rows) in rows {
                let rows = take_record_batch(&batch, &UInt32Array::from(rows))?;
                arrived.entry(bucket).or_default().push(rows);
            }
        }
        let arrived = Arc::new(arrived);
        known.push((wide.clone(), Arc::clone(&arrived)));
        Ok(arrived)
    }

    /// Whose a row is that is filed under this customer.
    fn customer(&self, row: usize, filed: i64, batch: &RecordBatch, read: &Projection) -> Result<i64, Error> {
        let (Ok(_), Some((graph, customers))) = (self.moves.split.binary_search(&filed), self.who.as_deref()) else {
            return Ok(*self.moves.renamed.get(&filed).unwrap_or(&filed));
        };
        let mut nodes = Vec::new();
        nodes_of_keys(graph, batch.column(read.position("keys")).as_string::<i32>().value(row), &mut nodes)?;
        Ok(i64::from(graph.customer(&nodes, customers).expect("an event of the lake has a key").0))
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
    let Some(rerouted) = rerouted else { return read_runs(&part.runs, projection, each) };
    let wide = projection.with(&["customer", "at", "seq"]);
    let arrived = rerouted.arrived(&wide)?;
    let Some(arrived) = arrived.get(&part.bucket) else {
        let at = projection.position("customer");
        return read_runs(&part.runs, projection, |batch| {
            rerouted.staying(batch.clone(), at)?.map_or(Ok(()), |batch| each(&batch))
        });
    };
    let at = wide.position("customer");
    let mut sources: Vec<Box<dyn Iterator<Item = Result<RecordBatch, Error>> + '_>> =
        vec![Box::new(arrived.iter().cloned().map(Ok))];
    for run in &part.runs {
        let staying = move |batch: Result<RecordBatch, Error>| rerouted.staying(batch?, at);
        let batches = read_run(run, &wide.columns, wide.dictionaries, BATCH_ROWS)?;
        sources.push(Box::new(batches.filter_map(move |batch| staying(batch).transpose())));
    }
    merge(sources, &wide, projection, each)
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
    /// Text in a row of what is handed out, on average.
    row_bytes: usize,
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
    let narrow = projection.places_in(wide);
    let mut cursors = Vec::new();
    let mut waiting: Vec<RecordBatch> = Vec::new();
    for mut reader in sources {
        if let Some(batch) = reader.next().transpose()? {
            waiting.push(batch.project(&narrow)?);
            cursors.push(Cursor { reader, batch, row: 0, row_bytes: row_bytes(&waiting), waiting: waiting.len() - 1 });
        }
    }
    let mut taken: Vec<(usize, usize)> = Vec::with_capacity(BATCH_ROWS);
    let (mut taken_bytes, mut waiting_bytes) = (0, 0);
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
            taken_bytes += alone.len() * cursor.row_bytes;
            taken.extend(alone.map(|row| (cursor.waiting, row)));
        } else {
            taken_bytes = 0;
            emit(&waiting, &mut taken, &mut each)?;
            each(&waiting[cursor.waiting].slice(alone.start, alone.len()))?;
        }
        let exhausted = cursor.row == cursor.batch.num_rows();
        let too_many = waiting.len() > 4 * cursors.len() || waiting_bytes > ROW_GROUP_BYTES;
        if taken.len() >= BATCH_ROWS || taken_bytes >= BATCH_BYTES || (exhausted && too_many) {
            emit(&waiting, &mut taken, &mut each)?;
            waiting = cursors.iter().map(|cursor| waiting[cursor.waiting].clone()).collect();
            cursors.iter_mut().enumerate().for_each(|(number, cursor)| cursor.waiting = number);
            (taken_bytes, waiting_bytes) = (0, 0);
        }
        if exhausted {
            match cursors[first].reader.next().transpose()? {
                Some(batch) => {
                    waiting.push(batch.project(&narrow)?);
                    let cursor = &mut cursors[first];
                    (cursor.batch, cursor.row, cursor.waiting) = (batch, 0, waiting.len() - 1);
                    cursor.row_bytes = row_bytes(&waiting);
                    waiting_bytes += cursor.batch.num_rows() * cursor.row_bytes;
                }
                None => {
                    cursors.remove(first);
                }
            }
        }
    }
    emit(&waiting, &mut taken, &mut each)
}

/// How much text a row of the last of these batches has, on average.
fn row_bytes(waiting: &[RecordBatch]) -> usize {
    waiting.last().map_or(0, |batch| text_bytes(batch, 0..batch.num_rows()) / batch.num_rows().max(1))
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
pub(crate) fn in_order(batches: &[RecordBatch], projection: &Projection) -> Result<Vec<RecordBatch>, Error> {
    portions::in_order(batches, ["customer", "at", "seq"].map(|name| projection.position(name)))
}
