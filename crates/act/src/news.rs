//! What is new about a customer, as data for whoever listens.

use serde::{Deserialize, Serialize};

/// What kind of thing is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A moment occurred.
    Moment,
    /// An outcome came.
    Outcome,
    /// The customer is in another stage.
    Stage,
    /// A journey began.
    JourneyOpened,
    /// It reached its goal.
    JourneySucceeded,
    /// It was silent for too long.
    JourneyAbandoned,
    /// Something was promised.
    Promised,
    /// A promise will soon be broken.
    AboutToBreak,
    /// A promise was kept.
    Kept,
    /// A promise fell due and was not kept.
    Broken,
    /// What was promised came, late.
    Late,
    /// An interaction began.
    InteractionOpened,
    /// It was resolved.
    InteractionResolved,
    /// It was silent for too long.
    InteractionAbandoned,
}

/// Something new about a customer. Two that are equal are the same piece of news, so one that is told twice can be told
/// apart from one that happened twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct News {
    /// When, in microseconds since 1970: in the time of events, which may lie well before it became known.
    pub at_us: i64,
    /// What it is.
    pub what: What,
    /// Which moment, outcome, stage, journey, expectation or interaction, by its position in the charter; see
    /// [`Plan::name`](crate::Plan::name).
    pub of: u32,
    /// When the journey, promise or interaction began, in microseconds since 1970; for all else, when it happened.
    pub began_us: i64,
    /// What tells it from others of the same time: the key of the promise or interaction, the arrival of the event.
    pub key: u64,
}

/// Collects what is new, and what turned out not to be so.
#[derive(Debug, Default)]
pub(crate) struct Teller {
    /// Up to when has been told what follows from time alone, in microseconds since 1970.
    pub(crate) seen_us: i64,
    pub(crate) news: Vec<News>,
    pub(crate) withdrawn: Vec<News>,
    /// Whether nobody listens.
    pub(crate) mute: bool,
}

impl Teller {
    /// For whoever starts afresh: nothing has been told yet.
    pub(crate) fn afresh() -> Self {
        Self { seen_us: i64::MIN, ..Self::default() }
    }

    /// Tells nobody.
    pub(crate) fn mute() -> Self {
        Self { mute: true, ..Self::afresh() }
    }

    pub(crate) fn tell(&mut self, what: What, of: u32, began_us: i64, at_us: i64, key: u64) {
        if !self.mute {
            self.news.push(News { at_us, what, of, began_us, key });
        }
    }

    pub(crate) fn withdraw(&mut self, what: What, of: u32, began_us: i64, at_us: i64, key: u64) {
        if !self.mute {
            self.withdrawn.push(News { at_us, what, of, began_us, key });
        }
    }
}

/// What of `after` is not in `before`, and what of `before` is not in `after`, each in the order of time; a piece of news that
/// stands there twice is two.
pub fn differences(mut before: Vec<News>, mut after: Vec<News>) -> (Vec<News>, Vec<News>) {
    before.sort_unstable();
    after.sort_unstable();
    let (mut gained, mut lost) = (Vec::new(), Vec::new());
    let (mut old, mut new) = (before.into_iter().peekable(), after.into_iter().peekable());
    while let Some(next) = new.peek().or(old.peek()).copied() {
        match (old.peek(), new.peek()) {
            (Some(a), Some(b)) if a == b => {
                old.next();
                new.next();
            }
            (Some(a), Some(b)) if a < b => lost.extend(old.next()),
            (_, Some(_)) => gained.extend(new.next()),
            _ => {
                lost.push(next);
                old.next();
            }
        }
    }
    (gained, lost)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_of_collections_in_which_things_may_occur_twice() {
        let news = |at_us| News { at_us, what: What::Moment, of: 0, began_us: at_us, key: 0 };
        let all = |times: &[i64]| times.iter().map(|at| news(*at)).collect::<Vec<_>>();
        let differ = |before: &[i64], after: &[i64]| differences(all(before), all(after));
        assert_eq!(differ(&[1, 2, 2, 4], &[3, 2, 1]), (all(&[3]), all(&[2, 4])));
        assert_eq!(differ(&[], &[2, 1]), (all(&[1, 2]), all(&[])));
        assert_eq!(differ(&[5, 5], &[5]), (all(&[]), all(&[5])));
    }
}
