//! Moments as small numbers, so that a fold compares and counts without touching text.

use std::sync::{Arc, RwLock};

use hashbrown::HashMap;
use rapidhash::fast::RandomState;

/// A kind of event, as a number that [`Moments`] gave to its name. Only meaningful together with those `Moments`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

/// The names of all moments of one question; numbers are dense, from 0, and never change once given.
///
/// Workers that read different files share one `Moments`, so that their partial answers speak of the same numbers.
#[derive(Debug, Clone, Default)]
pub struct Moments {
    names: Arc<RwLock<Names>>,
}

#[derive(Debug, Default)]
struct Names {
    by_number: Vec<Arc<str>>,
    by_name: HashMap<Arc<str>, Moment, RandomState>,
}

impl Moments {
    /// No names yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The moment of this name, which becomes known if it was not.
    pub fn intern(&self, name: &str) -> Moment {
        if let Some(known) = self.find(name) {
            return known;
        }
        let mut names = self.names.write().expect("no holder of this lock panics");
        if let Some(known) = names.by_name.get(name) {
            return *known;
        }
        let moment =
            Moment(u32::try_from(names.by_number.len()).expect("fewer than 2^32 distinct names fit in memory"));
        let name: Arc<str> = name.into();
        names.by_number.push(Arc::clone(&name));
        names.by_name.insert(name, moment);
        moment
    }

    /// The moment of this name, if it is known.
    pub fn find(&self, name: &str) -> Option<Moment> {
        self.names.read().expect("no holder of this lock panics").by_name.get(name).copied()
    }

    /// All names, by number.
    pub fn names(&self) -> Vec<Arc<str>> {
        self.names.read().expect("no holder of this lock panics").by_number.clone()
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.names.read().expect("no holder of this lock panics").by_number.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
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
}
