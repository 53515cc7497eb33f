//! Journeys of other objects than customers: of the objects of OCEL, of keys, of cases or of whatever else an event names.
//!
//! The lake is sorted by customer. So every event is read once, looked at, and put to each of the objects that it is about; then
//! they are sorted object by object and shown to the same folds. What waits in memory is bounded: where it grows too large, only
//! the objects whose numbers lie in the lower part of a range are kept, and further passes read on for the others.

mod about;
mod names;
mod pile;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::Int64Type;
use event::Column;

use self::about::{About, Finder};
use self::pile::{PartOfObjects, Pile};
use crate::ask::{Answered, LeftOut, Question, asked, check};
use crate::cores::run_on_all_cores;
use crate::error::Error;
use crate::lens::Looking;
use crate::limits::{BATCH_ROWS, OF_BYTES_MAX, OF_PARTS};
use crate::open_file::OpenFile;
use crate::pass::{Asked, Seen, Shown, Through, lenses, merged, projection, settle};
use crate::run_file::read_run;
use crate::scan::Projection;
use crate::store::Lake;

/// Whose journeys are asked about, by a name: objects of that type, keys of that kind, or the values of that column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Of {
    name: String,
    /// Where it is the name of a column.
    column: Option<Column>,
    bytes_max: usize,
}

impl Of {
    /// The objects of this name.
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), column: Column::from_parts(name.split('.')), bytes_max: OF_BYTES_MAX }
    }

    /// The same, with so many bytes of events waiting at a time.
    #[must_use]
    pub fn within(self, bytes_max: usize) -> Self {
        Self { bytes_max, ..self }
    }
}

impl Lake {
    /// Shows the journey of every object of a name to the folds of all questions: of each the events that are about it, whoever
    /// their customers are. An event that is about several is in the journey of each.
    ///
    /// # Errors
    /// [`Error::NotFound`] when no event is about such an object; otherwise as [`ask`](Self::ask).
    pub async fn ask_of(&self, of: &Of, questions: &[Question<'_>]) -> Result<Answered, Error> {
        check(questions)?;
        let files = self.event_files().await?;
        let asked = asked(questions.iter());
        let Some(projection) = projection(&asked) else { return Ok(Answered::new(std::iter::empty(), 0)) };
        let lenses = lenses(&asked);
        let pass = Pass { of, files: &files, lenses: &lenses, projection: &projection };
        let (mut seen, mut events, mut begins) = (None::<Vec<Seen>>, 0, 0);
        while begins < OF_PARTS {
            let gathered = pass.gather(begins)?;
            let mut more = fold(&gathered, begins, &lenses, &asked)?;
            begins = gathered.ends;
            if seen.is_none() {
                // Every pass sees every event, so the first has counted them all.
                if gathered.events == 0 {
                    return Err(self.nothing_of(of).await?);
                }
                events = gathered.events;
                gathered.say_left_out(&lenses, &mut more);
            }
            seen = merged(seen.into_iter().chain([more]).collect());
        }
        let mut seen = seen.expect("there is at least one pass");
        settle(&mut seen);
        let mut seen = seen.into_iter();
        Ok(Answered::new(questions.iter().map(|question| question.counted(seen.by_ref())), events))
    }

    /// All files of events of one state of the lake.
    async fn event_files(&self) -> Result<Vec<OpenFile>, Error> {
        let open = async |lake: &Self| {
            let mut files = lake.events.files().await?;
            files.sort_by_key(|file| std::cmp::Reverse(file.size));
            files.iter().map(|file| OpenFile::open(&lake.events.root().join(&file.path))).collect()
        };
        self.settled(open).await
    }
}

/// Reading all events once.
struct Pass<'a> {
    of: &'a Of,
    files: &'a [OpenFile],
    lenses: &'a [Through<'a>],
    projection: &'a Projection,
}

/// What a pass has put together.
struct Gathered {
    /// By core and lens: by part, what waits.
    piles: Vec<Vec<Vec<Pile>>>,
    /// By core and lens.
    left_out: Vec<Vec<LeftOut>>,
    /// Events that are about any of the objects.
    events: u64,
    /// The part before which it has all objects.
    ends: usize,
}

impl Pass<'_> {
    /// Gathers the objects of the parts from `begins` on, as far as they have room.
    fn gather(&self, begins: usize) -> Result<Gathered, Error> {
        let next = AtomicUsize::new(0);
        let room = Room { bytes_max: self.of.bytes_max, held: AtomicUsize::new(0), ends: AtomicUsize::new(OF_PARTS) };
        let events = AtomicU64::new(0);
        let done = Mutex::new(Vec::new());
        run_on_all_cores(|| {
            let mut hands = Hands::new(self, begins);
            while let Some(file) = self.files.get(next.fetch_add(1, Ordering::Relaxed)) {
                for batch in read_run(file, &hands.finder.wide.columns, true, BATCH_ROWS)? {
                    hands.take(&batch?, &room)?;
                }
            }
            events.fetch_add(hands.events, Ordering::Relaxed);
            let left_out = hands.looks.into_iter().map(Looking::left_out).collect();
            done.lock().expect("no holder of this lock panics").push((hands.piles, left_out));
            Ok(())
        })?;
        let (piles, left_out) = done.into_inner().expect("no holder of this lock panics").into_iter().unzip();
        Ok(Gathered { piles, left_out, events: events.into_inner(), ends: room.ends.into_inner() })
    }
}

impl Gathered {
    /// Says by question what its lens has left out.
    fn say_left_out(&self, lenses: &[Through<'_>], seen: &mut [Seen]) {
        for (lens, through) in lenses.iter().enumerate() {
            for (name, n) in self.left_out.iter().flat_map(|by_lens| &by_lens[lens]) {
                for number in &through.of {
                    *seen[*number].left_out.entry(name.clone()).or_default() += n;
                }
            }
        }
    }
}

/// How much may wait, and which parts still have room.
struct Room {
    bytes_max: usize,
    held: AtomicUsize,
    /// The first part that has no room.
    ends: AtomicUsize,
}

impl Room {
    /// Takes up more; where that is too much, the upper half of the parts goes. One part always has room: a single object has
    /// to be told whole.
    fn take(&self, bytes: usize, begins: usize) {
        let held = self.held.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let ends = self.ends.load(Ordering::Relaxed);
        if held > self.bytes_max && ends - begins > 1 {
            let less = begins + (ends - begins) / 2;
            // Where another core was faster, it has made room.
            let _ = self.ends.compare_exchange(ends, less, Ordering::Relaxed, Ordering::Relaxed);
        }
    }
}

/// One core's part of a pass.
struct Hands<'a> {
    finder: Finder<'a>,
    looks: Vec<Looking<'a>>,
    begins: usize,
    ends: usize,
    piles: Vec<Vec<Pile>>,
    about: About,
    events: u64,
}

impl<'a> Hands<'a> {
    fn new(pass: &Pass<'a>, begins: usize) -> Self {
        let look = |through: &Through<'a>| {
            let vocabulary = through.vocabulary;
            Looking::new(through.lens, pass.projection.clone(), &vocabulary.moments, &vocabulary.words)
        };
        let piles = |through: &Through<'a>| (0..OF_PARTS).map(|_| Pile::new(&through.lens.wanted)).collect();
        Self {
            finder: Finder::new(pass.of, pass.projection),
            looks: pass.lenses.iter().map(look).collect(),
            begins,
            ends: OF_PARTS,
            piles: pass.lenses.iter().map(piles).collect(),
            about: About::default(),
            events: 0,
        }
    }

    /// Puts the events of a batch to what they are about.
    fn take(&mut self, batch: &RecordBatch, room: &Room) -> Result<(), Error> {
        self.finder.find(batch, &mut self.about);
        let (batch, seq) = self.seen(batch)?;
        if batch.num_rows() == 0 {
            return Ok(());
        }
        self.events += batch.num_rows() as u64;
        self.make_room(room);
        let mut taken = 0;
        for (look, piles) in self.looks.iter_mut().zip(&mut self.piles) {
            let columns = look.look(&batch)?;
            for (i, row) in columns.customer.iter().enumerate() {
                let row = usize::try_from(*row).expect("the number of a row of this batch");
                let (objects, same) = self.about.of(row);
                for object in objects {
                    let part = object.part();
                    if (self.begins..self.ends).contains(&part) {
                        taken += piles[part].push(*object, seq[row], same, &columns, i);
                    }
                }
            }
        }
        room.take(taken, self.begins);
        Ok(())
    }

    /// The rows of a batch that are about anything, as a lens sees them, with the number of the row in the place of the
    /// customer; and the order in which they arrived.
    fn seen(&mut self, batch: &RecordBatch) -> Result<(RecordBatch, Vec<i64>), Error> {
        let seq = batch.column(self.finder.seq).as_primitive::<Int64Type>().values().to_vec();
        let narrow = batch.project(&self.finder.narrow)?;
        let mut columns: Vec<ArrayRef> = narrow.columns().to_vec();
        columns[self.finder.customer] = Arc::new(Int64Array::from_iter_values((0i64..).take(batch.num_rows())));
        let numbered = RecordBatch::try_new(narrow.schema(), columns)?;
        let about_any: BooleanArray = (0..batch.num_rows()).map(|row| Some(!self.about.of(row).0.is_empty())).collect();
        if about_any.true_count() == batch.num_rows() {
            return Ok((numbered, seq));
        }
        Ok((filter_record_batch(&numbered, &about_any)?, seq))
    }

    /// Lets go of what has no room any more.
    fn make_room(&mut self, room: &Room) {
        let ends = room.ends.load(Ordering::Relaxed);
        if ends < self.ends {
            let gone = self.piles.iter_mut().flat_map(|piles| &mut piles[ends..self.ends]).map(std::mem::take);
            let bytes: usize = gone.map(|pile| pile.bytes()).sum();
            room.held.fetch_sub(bytes, Ordering::Relaxed);
            self.ends = ends;
        }
    }
}

/// Shows all objects that were gathered to the folds, on all cores.
fn fold(gathered: &Gathered, begins: usize, lenses: &[Through<'_>], asked: &[Asked<'_>]) -> Result<Vec<Seen>, Error> {
    let next = AtomicUsize::new(begins);
    let done = Mutex::new(Vec::new());
    run_on_all_cores(|| {
        let mut shown: Vec<Shown<'_>> = asked.iter().map(Shown::new).collect();
        loop {
            let part = next.fetch_add(1, Ordering::Relaxed);
            if part >= gathered.ends {
                break;
            }
            for (lens, through) in lenses.iter().enumerate() {
                let piles = gathered.piles.iter().map(|by_lens| &by_lens[lens][part]);
                let objects = PartOfObjects::sorted(piles, &through.lens.wanted);
                objects.each(|run| through.of.iter().for_each(|number| shown[*number].show(std::slice::from_ref(run))));
            }
        }
        let seen = shown.into_iter().map(|shown| shown.into_seen(LeftOut::new())).collect();
        done.lock().expect("no holder of this lock panics").push(seen);
        Ok(())
    })?;
    Ok(merged(done.into_inner().expect("no holder of this lock panics")).expect("there is at least one core"))
}
