//! What waits to be told object by object: events as a lens has seen them, each with what it is about.

use hashbrown::HashSet;
use journey::{Columns, Details, Moment, Run, Runs, Wanted};
use rapidhash::fast::RandomState;

use super::about::Object;

/// The place of an event in the journey of a object.
#[derive(Debug, Clone, Copy)]
struct Place {
    object: Object,
    at_us: i64,
    seq: i64,
    /// What rows of one event have in common; 0 where the event has no others.
    same: u64,
    /// Where the rest of it is.
    row: u32,
}

/// Events of the objects of one part, in the order in which they were read.
#[derive(Debug, Default)]
pub(super) struct Pile {
    places: Vec<Place>,
    moments: Vec<Moment>,
    flags: Vec<u64>,
    details: Details,
}

impl Pile {
    pub(super) fn new(wanted: &Wanted) -> Self {
        Self { details: Details::of(wanted), ..Self::default() }
    }

    /// Adds the event at `i` of `columns`; how many bytes that takes.
    pub(super) fn push(&mut self, object: Object, seq: i64, same: u64, columns: &Columns<'_>, i: usize) -> usize {
        let row = u32::try_from(self.places.len()).expect("far fewer events than 2^32 wait in a part");
        self.places.push(Place { object, at_us: columns.at_us[i], seq, same, row });
        self.moments.push(columns.moments[i]);
        self.flags.extend(columns.flags.get(i));
        push_details(&mut self.details, columns.details, columns.begins + i);
        self.bytes_each()
    }

    fn bytes_each(&self) -> usize {
        let Details { words, keys, numbers } = &self.details;
        size_of::<Place>() + size_of::<Moment>() + 8 * (1 + words.len() + keys.len() + numbers.len())
    }

    /// How many bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        self.places.len() * self.bytes_each()
    }
}

fn push_details(details: &mut Details, others: &Details, at: usize) {
    details.words.iter_mut().zip(&others.words).for_each(|(ours, theirs)| ours.push(theirs[at]));
    details.keys.iter_mut().zip(&others.keys).for_each(|(ours, theirs)| ours.push(theirs[at]));
    details.numbers.iter_mut().zip(&others.numbers).for_each(|(ours, theirs)| ours.push(theirs[at]));
}

/// The events of the objects of one part, sorted by (object, at, seq).
pub(super) struct PartOfObjects {
    objects: Vec<i64>,
    moments: Vec<Moment>,
    at_us: Vec<i64>,
    flags: Vec<u64>,
    details: Details,
}

impl PartOfObjects {
    /// Sorts the piles of all cores; of rows that are the same event, a object gets the first.
    pub(super) fn sorted<'p>(piles: impl Iterator<Item = &'p Pile>, wanted: &Wanted) -> Self {
        let piles: Vec<&Pile> = piles.collect();
        let places = piles.iter().enumerate().flat_map(|(n, pile)| pile.places.iter().map(move |place| (*place, n)));
        let mut places: Vec<(Place, usize)> = places.collect();
        places.sort_unstable_by_key(|(place, _)| (place.object, place.at_us, place.seq));
        once_each(&mut places);
        let mut sorted = Self {
            objects: places.iter().map(|(place, _)| place.object.0).collect(),
            at_us: places.iter().map(|(place, _)| place.at_us).collect(),
            moments: Vec::with_capacity(places.len()),
            flags: Vec::new(),
            details: Details::of(wanted),
        };
        for (place, n) in places {
            let (pile, row) = (piles[n], place.row as usize);
            sorted.moments.push(pile.moments[row]);
            sorted.flags.extend(pile.flags.get(row));
            push_details(&mut sorted.details, &pile.details, row);
        }
        sorted
    }

    /// Hands out the events of each object.
    pub(super) fn each(&self, mut each: impl FnMut(&Run<'_>)) {
        let mut runs = Runs::default();
        let columns = Columns {
            customer: &self.objects,
            moments: &self.moments,
            at_us: &self.at_us,
            flags: &self.flags,
            details: &self.details,
            begins: 0,
        };
        runs.feed(&columns, &mut each);
        runs.finish(&mut each);
    }
}

/// Leaves out rows that are an event which its object has already: one that several customers share is a row for each.
fn once_each(places: &mut Vec<(Place, usize)>) {
    let mut seen: HashSet<u64, RandomState> = HashSet::default();
    let mut last = None;
    places.retain(|(place, _)| {
        if last.replace((place.object, place.at_us)) != Some((place.object, place.at_us)) {
            seen.clear();
        }
        place.same == 0 || seen.insert(place.same)
    });
}
