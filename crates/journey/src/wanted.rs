//! What a question wants to know of each event besides its moment and its time.
//!
//! Most of an event lies unread: a column costs time to decode, a property costs the reading of a JSON text. So a view says
//! beforehand what it needs ([`Wanted`]), and of which events; the lake reads that once for all views of a pass, and hands
//! it out beside moments and times ([`Details`]).

use std::ops::Range;

use charter::{Condition, Fact};
use event::Column;

use crate::Word;

/// What the views of one pass want to know of events. Positions, once given, stay.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wanted {
    /// Texts, to be told apart and shown. `channel` means the channel as the charter sees it.
    pub words: Vec<Want>,
    /// Texts of which only matters whether two are the same, such as the number of a ticket.
    pub keys: Vec<Want>,
    /// Numbers; times as microseconds since 1970.
    pub numbers: Vec<Want>,
    /// Conditions, each of which becomes a [`flag`](crate::flag).
    pub conditions: Vec<Condition<Fact>>,
}

/// A column of some events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    /// The column.
    pub column: Column,
    /// Of which events.
    pub of: Of,
}

/// Of which events something is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Of {
    /// Of all.
    All,
    /// Of the events of these moments.
    Moments(Vec<String>),
    /// Of the events for which a condition holds, by its position in [`Wanted::conditions`].
    Condition(usize),
}

impl Wanted {
    /// The position of these words, which become wanted if they were not.
    pub fn word(&mut self, column: &Column, of: Of) -> usize {
        position(&mut self.words, Want { column: column.clone(), of })
    }

    /// The position of these keys, which become wanted if they were not.
    pub fn key(&mut self, column: &Column, of: Of) -> usize {
        position(&mut self.keys, Want { column: column.clone(), of })
    }

    /// The position of these numbers, which become wanted if they were not.
    pub fn number(&mut self, column: &Column, of: Of) -> usize {
        position(&mut self.numbers, Want { column: column.clone(), of })
    }

    /// The position of this condition, which becomes wanted if it was not.
    pub fn condition(&mut self, condition: &Condition<Fact>) -> usize {
        position(&mut self.conditions, condition.clone())
    }

    /// Whether nothing is wanted.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// All columns, with those of the conditions left out.
    pub fn columns(&self) -> impl Iterator<Item = &Column> {
        self.words.iter().chain(&self.keys).chain(&self.numbers).map(|want| &want.column)
    }
}

fn position<T: PartialEq>(list: &mut Vec<T>, item: T) -> usize {
    list.iter().position(|known| *known == item).unwrap_or_else(|| {
        list.push(item);
        list.len() - 1
    })
}

/// What was wanted of events, as columns in the order of [`Wanted`], each as long as the others.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Details {
    /// Texts.
    pub words: Vec<Vec<Word>>,
    /// Hashes of texts, 0 where there is none.
    pub keys: Vec<Vec<u64>>,
    /// Numbers, NaN where there is none.
    pub numbers: Vec<Vec<f64>>,
}

impl Details {
    /// Nothing was wanted.
    pub const NONE: &'static Details = &Details { words: Vec::new(), keys: Vec::new(), numbers: Vec::new() };

    /// Room for what is wanted, of no event yet.
    pub fn of(wanted: &Wanted) -> Self {
        Self {
            words: vec![Vec::new(); wanted.words.len()],
            keys: vec![Vec::new(); wanted.keys.len()],
            numbers: vec![Vec::new(); wanted.numbers.len()],
        }
    }

    /// Forgets all events.
    pub fn clear(&mut self) {
        self.words.iter_mut().for_each(Vec::clear);
        self.keys.iter_mut().for_each(Vec::clear);
        self.numbers.iter_mut().for_each(Vec::clear);
    }

    /// Appends some of the events of `others`.
    pub(crate) fn extend(&mut self, others: &Details, events: Range<usize>) {
        fn each<T: Copy>(ours: &mut Vec<Vec<T>>, others: &[Vec<T>], events: &Range<usize>) {
            ours.resize_with(others.len(), Vec::new);
            for (ours, others) in ours.iter_mut().zip(others) {
                ours.extend_from_slice(&others[events.clone()]);
            }
        }
        each(&mut self.words, &others.words, &events);
        each(&mut self.keys, &others.keys, &events);
        each(&mut self.numbers, &others.numbers, &events);
    }
}
