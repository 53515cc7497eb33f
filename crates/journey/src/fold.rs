//! The one shape that every question about the population has.

use std::any::Any;

use crate::{Journey, Moments};

/// A question asked once of every journey. Partial answers merge, so files, cores, machines and days combine.
///
/// `merge` is associative and commutative up to the order that `finish` puts things in, and a fold that saw no journey is
/// neutral: any split of the journeys over folds gives the same answer. A fold allocates per distinct answer, never per event.
///
/// ```
/// use journey::{Fold, Journey, Moments};
///
/// /// How many events there are.
/// #[derive(Default)]
/// struct Events(u64);
///
/// impl Fold for Events {
///     type Answer = u64;
///     fn journey(&mut self, journey: &Journey<'_>) {
///         self.0 += journey.moments.len() as u64;
///     }
///     fn merge(&mut self, other: Self) {
///         self.0 += other.0;
///     }
///     fn finish(self, _: &Moments) -> u64 {
///         self.0
///     }
/// }
/// ```
pub trait Fold: Send + 'static {
    /// What is known at the end.
    type Answer;

    /// Takes in one journey: its events in time order, as borrowed columns.
    fn journey(&mut self, journey: &Journey<'_>);

    /// Takes in what another fold of the same question has seen.
    fn merge(&mut self, other: Self);

    /// The answer, in an order that depends on the journeys alone; `moments` has the names.
    fn finish(self, moments: &Moments) -> Self::Answer;

    /// How many things it has told apart, about, where that may be many: putting those together takes longest, and so begins
    /// first.
    fn size(&self) -> usize {
        0
    }

    /// Puts itself in order once it has seen everything, so that `keep` and `finish`, of which nothing else is asked afterwards,
    /// have little left to do. `hands` do what can be done apart.
    fn settle(&mut self, hands: &dyn Hands) {
        let _ = hands;
    }

    /// What it has counted, for a fold of the same question that [resumes](Self::resume) it another day; the numbers of
    /// moments and words in it are those of the setting. `None` where counting cannot go on from such a state, or where what
    /// was counted since it resumed is more than it could follow: then the question has to be asked afresh.
    ///
    /// It may put itself in order for that: nothing but `finish` is asked of it afterwards.
    fn keep(&mut self) -> Option<Vec<u8>> {
        None
    }

    /// Whether [`keep`](Self::keep) would give anything; quicker to say for a fold that keeps much.
    fn can_keep(&mut self) -> bool {
        self.keep().is_some()
    }

    /// Takes up what another fold has kept; whether it could. A fold that could not has to be replaced.
    fn resume(&mut self, kept: &[u8]) -> bool {
        let _ = kept;
        false
    }

    /// Of a fold that has resumed: the customers who count otherwise when events are known up to `until_us`, although nothing
    /// of theirs is new. What was pending when it was kept has been decided by the time that went by. `None` where there are
    /// more of them than it can tell. How journeys end is not its business: whoever cuts them knows.
    fn due(&self, until_us: i64) -> Option<Vec<i64>> {
        let _ = until_us;
        Some(Vec::new())
    }

    /// Takes out what another fold of the same question has seen and this one has seen too: the inverse of
    /// [`merge`](Self::merge). Only asked of folds that keep.
    fn subtract(&mut self, other: Self)
    where
        Self: Sized,
    {
        drop(other);
        unreachable!("only folds that keep what they count are subtracted from");
    }
}

/// Whoever does work that can be done apart, perhaps several pieces at a time: a fold knows nothing of threads.
pub trait Hands: Sync {
    /// Does every piece of work, from 0 to before `count`, in any order.
    fn share(&self, count: usize, work: &(dyn Fn(usize) + Sync));
}

/// Does one piece of work after the other.
#[derive(Debug, Clone, Copy)]
pub struct OneHand;

impl Hands for OneHand {
    fn share(&self, count: usize, work: &(dyn Fn(usize) + Sync)) {
        (0..count).for_each(work);
    }
}

/// A [`Fold`] whose kind is known only when the program runs, so that several questions share one pass.
pub trait AnyFold: Send {
    /// Takes in journeys one after the other, each as [`Fold::journey`] does.
    fn journeys(&mut self, journeys: &[Journey<'_>]);

    /// As [`Fold::merge`].
    ///
    /// # Panics
    /// When `other` is a fold of another kind.
    fn merge(&mut self, other: Box<dyn AnyFold>);

    /// As [`Fold::size`].
    fn size(&self) -> usize;

    /// As [`Fold::settle`].
    fn settle(&mut self, hands: &dyn Hands);

    /// As [`Fold::keep`].
    fn keep(&mut self) -> Option<Vec<u8>>;

    /// As [`Fold::can_keep`].
    fn can_keep(&mut self) -> bool;

    /// As [`Fold::resume`].
    fn resume(&mut self, kept: &[u8]) -> bool;

    /// As [`Fold::due`].
    fn due(&self, until_us: i64) -> Option<Vec<i64>>;

    /// As [`Fold::subtract`].
    ///
    /// # Panics
    /// When `other` is a fold of another kind, or this one does not keep.
    fn subtract(&mut self, other: Box<dyn AnyFold>);

    /// The fold itself, for whoever knows its kind.
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

impl<F: Fold> AnyFold for F {
    fn journeys(&mut self, journeys: &[Journey<'_>]) {
        for journey in journeys {
            Fold::journey(self, journey);
        }
    }

    fn merge(&mut self, other: Box<dyn AnyFold>) {
        let other = other.into_any().downcast::<F>().expect("only folds of one question are merged");
        Fold::merge(self, *other);
    }

    fn size(&self) -> usize {
        Fold::size(self)
    }

    fn settle(&mut self, hands: &dyn Hands) {
        Fold::settle(self, hands);
    }

    fn keep(&mut self) -> Option<Vec<u8>> {
        Fold::keep(self)
    }

    fn can_keep(&mut self) -> bool {
        Fold::can_keep(self)
    }

    fn resume(&mut self, kept: &[u8]) -> bool {
        Fold::resume(self, kept)
    }

    fn due(&self, until_us: i64) -> Option<Vec<i64>> {
        Fold::due(self, until_us)
    }

    fn subtract(&mut self, other: Box<dyn AnyFold>) {
        let other = other.into_any().downcast::<F>().expect("only folds of one question are subtracted");
        Fold::subtract(self, *other);
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}
