//! The states of customers: in files of our own that are only ever written whole, with the place of each in memory.
//!
//! A state is read with one look into memory and one read of a file, and nothing is ever merged to find it. What was replaced or
//! deleted stays in its file until that is rewritten without it: when more than half of all is of no use any more, or
//! when it has to be off the disk.

mod file;
mod places;
mod rewrite;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fjall::Slice;

use crate::bytes::{Eye, in_order};
use crate::embedded::sealed::{self, Sealed};
use crate::error::Error;
use crate::limits::{STATES_FILE_BYTES, STATES_FILES_MAX};
use crate::store::Table;
use file::KIND;
use places::{Place, Places};

/// The states of one generation, as of one moment. What is new makes another one; who has this one reads on.
#[derive(Clone)]
pub(super) struct States {
    folder: PathBuf,
    bounds: Bounds,
    places: Places,
    /// A file is named by its slot here. Slots are used again.
    files: Vec<Option<Held>>,
}

/// How large files become, and how many there are before small ones are put together.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    file_bytes: u64,
    files: usize,
}

const BOUNDS: Bounds = Bounds { file_bytes: STATES_FILE_BYTES, files: STATES_FILES_MAX };

/// A file, and how much of it is of use.
#[derive(Clone)]
struct Held {
    file: Arc<Sealed>,
    /// Bytes of all its records.
    bytes: u64,
    /// Bytes of those that are the newest of their customers.
    live: u64,
}

impl States {
    /// None of a generation, in the folder of a home.
    pub(super) fn new(home: &Path, generation: u32) -> Self {
        Self::none(sealed::folder_of(home, Table::States(generation)), BOUNDS)
    }

    /// Opens those of a generation, in the folder of a home.
    pub(super) fn open(home: &Path, generation: u32) -> Result<Self, Error> {
        Self::open_in(&sealed::folder_of(home, Table::States(generation)), BOUNDS)
    }

    fn none(folder: PathBuf, bounds: Bounds) -> Self {
        Self { folder, bounds, places: Places::default(), files: Vec::new() }
    }

    /// Opens what is in a folder.
    fn open_in(folder: &Path, bounds: Bounds) -> Result<Self, Error> {
        let mut states = Self::none(folder.to_owned(), bounds);
        // Each has what is newer than what those before it have.
        for (file, footer) in sealed::open_files(&KIND, folder)? {
            let slot = states.add(Arc::clone(&file))?;
            for (customer, at, length) in file::records(&file, &footer)? {
                states.set(customer, Place::new(slot, at, length));
            }
        }
        Ok(states)
    }

    /// Adds a file to those that count; returns its slot.
    fn add(&mut self, file: Arc<Sealed>) -> Result<usize, Error> {
        let slot = self.files.iter().position(Option::is_none).unwrap_or(self.files.len());
        if slot >= places::SLOTS {
            return Err(Error::TooLarge { what: "the number of files of states", size: slot + 1, most: places::SLOTS });
        }
        let held = Held { file, bytes: 0, live: 0 };
        if slot < self.files.len() {
            self.files[slot] = Some(held);
        } else {
            self.files.push(Some(held));
        }
        Ok(slot)
    }

    /// Says where the newest record of a customer is.
    fn set(&mut self, customer: i64, place: Place) {
        if let Some(before) = self.places.set(customer, place) {
            self.held_mut(before).live -= before.bytes();
        }
        let held = self.held_mut(place);
        held.bytes += place.bytes();
        held.live += place.bytes();
    }

    fn held(&self, place: Place) -> &Held {
        self.files[place.slot()].as_ref().expect("a file stays as long as a record in it is the newest")
    }

    fn held_mut(&mut self, place: Place) -> &mut Held {
        self.files[place.slot()].as_mut().expect("a file stays as long as a record in it is the newest")
    }

    fn read(&self, customer: i64, place: Place) -> Result<Option<Slice>, Error> {
        let read = |length| file::read(&self.held(place).file, customer, place.at(), length);
        place.length().map(read).transpose()
    }

    /// Where the state is that has this key, and whose it is.
    fn place(&self, key: &[u8]) -> Option<(i64, Place)> {
        let customer = customer_of(key)?;
        Some((customer, self.places.get(customer)?))
    }

    /// The state that has this key.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Slice>, Error> {
        self.place(key).map_or(Ok(None), |(customer, place)| self.read(customer, place))
    }

    /// Whether there is one, which takes no look into a file.
    pub(super) fn has(&self, key: &[u8]) -> bool {
        self.place(key).is_some_and(|(_, place)| place.length().is_some())
    }

    /// All states with their keys in order, from a key on.
    pub(super) fn from(&self, from: &[u8]) -> impl Iterator<Item = Result<(Slice, Slice), Error>> + use<'_> {
        let places = first_from(from).map(|first| self.places.from(first));
        places.into_iter().flatten().filter_map(|(customer, place)| {
            let state = self.read(customer, place).transpose()?;
            Some(state.map(|state| (Slice::from(in_order(customer)), state)))
        })
    }

    /// Deletes files that do not count any more. Who reads them has them open, and reads on.
    pub(super) fn remove_rest(&self) -> Result<(), Error> {
        let counts = |number: u64| self.files.iter().flatten().any(|held| held.file.number == number);
        sealed::remove_rest(&KIND, &self.folder, counts)
    }
}

/// The customer whose key this is; there is none where it is not that of a customer.
fn customer_of(key: &[u8]) -> Option<i64> {
    if key.len() == 8 { Eye::new(key).i64().ok() } else { None }
}

/// The first customer whose key is not before this one; nothing where all are.
fn first_from(key: &[u8]) -> Option<i64> {
    let mut first = [0; 8];
    let length = key.len().min(8);
    first[..length].copy_from_slice(&key[..length]);
    let first = customer_of(&first)?;
    if key.len() > 8 { first.checked_add(1) } else { Some(first) }
}
