//! Moments, and other words that events carry, as small numbers, so that a fold compares and counts without touching text.

use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, RwLock};

use hashbrown::HashMap;
use rapidhash::fast::RandomState;
use serde::{Deserialize, Serialize};

/// A kind of event, as a number that [`Moments`] gave to its name. Only meaningful together with those `Moments`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Moment(pub u32);

impl Moment {
    /// The mark of an event that is no moment of the charter, and so is no part of any journey.
    pub const NONE: Moment = Moment(u32::MAX);

    /// The number, to index by.
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A text that an event carries (a channel, a request, a reason), as a number that [`Words`] gave to it. Only meaningful
/// together with those `Words`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Word(pub u32);

impl Word {
    /// The mark of an event that has no such text, or of which it was not asked.
    pub const NONE: Word = Word(u32::MAX);
    /// What all texts share that came after there were as many distinct ones as [`Words`] tell apart.
    pub const OTHER: Word = Word(u32::MAX - 1);

    /// The number, to index by.
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl From<u32> for Moment {
    fn from(number: u32) -> Self {
        Moment(number)
    }
}

impl From<u32> for Word {
    fn from(number: u32) -> Self {
        Word(number)
    }
}

/// The names of all moments of one question.
pub type Moments = Names<Moment>;

/// The texts that events carry, of one question.
pub type Words = Names<Word>;

/// The most distinct texts that one question tells apart; whatever comes later is [`Word::OTHER`]. Free text in a column
/// that should hold a kind of request would otherwise fill the memory.
pub const WORDS_MAX: usize = 1 << 20;

/// Names by number: dense, from 0, and never changed once given.
///
/// Workers that read different files share one, so that their partial answers speak of the same numbers.
#[derive(Clone)]
pub struct Names<Id> {
    known: Arc<RwLock<Known>>,
    /// How many texts become words.
    most: usize,
    id: PhantomData<Id>,
}

impl<Id> Default for Names<Id> {
    fn default() -> Self {
        Self { known: Arc::default(), most: WORDS_MAX, id: PhantomData }
    }
}

impl<Id> fmt::Debug for Names<Id> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.known.fmt(f)
    }
}

/// Two are equal when they are the same names, shared.
impl<Id> PartialEq for Names<Id> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.known, &other.known)
    }
}

#[derive(Debug, Default)]
struct Known {
    by_number: Vec<Arc<str>>,
    by_name: HashMap<Arc<str>, u32, RandomState>,
}

impl<Id: From<u32>> Names<Id> {
    /// No names yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of this name, which becomes known if it was not.
    pub fn intern(&self, name: &str) -> Id {
        self.intern_up_to(usize::MAX, name).expect("fewer than 2^32 distinct names fit in memory")
    }

    fn intern_up_to(&self, most: usize, name: &str) -> Option<Id> {
        if let Some(known) = self.find(name) {
            return Some(known);
        }
        let mut names = self.known.write().expect("no holder of this lock panics");
        if let Some(known) = names.by_name.get(name) {
            return Some((*known).into());
        }
        if names.by_number.len() >= most {
            return None;
        }
        let number = u32::try_from(names.by_number.len()).ok()?;
        let name: Arc<str> = name.into();
        names.by_number.push(Arc::clone(&name));
        names.by_name.insert(name, number);
        Some(number.into())
    }

    /// The number of this name, if it is known.
    pub fn find(&self, name: &str) -> Option<Id> {
        self.known.read().expect("no holder of this lock panics").by_name.get(name).map(|number| (*number).into())
    }

    /// All names, by number.
    pub fn names(&self) -> Vec<Arc<str>> {
        self.known.read().expect("no holder of this lock panics").by_number.clone()
    }

    /// The name at this place, by number.
    pub(crate) fn at(&self, index: usize) -> Option<Arc<str>> {
        self.known.read().expect("no holder of this lock panics").by_number.get(index).cloned()
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.known.read().expect("no holder of this lock panics").by_number.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Words {
    /// No texts yet, of which so many are told apart instead of [`WORDS_MAX`].
    pub fn up_to(most: usize) -> Self {
        Self { most, ..Self::default() }
    }

    /// The number of this text, [`Word::OTHER`] when there are too many.
    pub fn word(&self, text: &str) -> Word {
        self.intern_up_to(self.most, text).unwrap_or(Word::OTHER)
    }

    /// Whether all further texts are [`Word::OTHER`].
    pub fn are_full(&self) -> bool {
        self.len() >= self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_dense_and_stay() {
        let moments = Moments::new();
        let (a, b) = (moments.intern("a"), moments.intern("b"));
        assert_eq!((a, b, moments.intern("a")), (Moment(0), Moment(1), Moment(0)));
        assert_eq!(moments.find("c"), None);
        assert_eq!(moments.names().iter().map(|n| &**n).collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn beyond_the_bound_all_texts_are_one_word() {
        let words = Words::up_to(2);
        assert_eq!((words.word("a"), words.are_full()), (Word(0), false));
        assert_eq!(
            [words.word("b"), words.word("c"), words.word("d"), words.word("a")].map(|word| word.0),
            [1, Word::OTHER.0, Word::OTHER.0, 0]
        );
        assert!(words.are_full() && words.len() == 2);
    }
}
