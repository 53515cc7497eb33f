//! What features are read from: counts, sums, latest values, and the times and amounts inside of a sliding window.

use serde::{Deserialize, Serialize};

use crate::limits::SERIES_MAX;
use crate::plan::SeriesKind;
use crate::value::Kept;

/// The values of one feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Series {
    Total(u64),
    Sum(f64),
    /// When, and what.
    Last(Option<(i64, Kept)>),
    Times(Recent<()>),
    Amounts(Recent<f64>),
}

/// What happened inside of a window of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Recent<T> {
    /// When, in microseconds since 1970, and how much.
    pub(crate) entries: Vec<(i64, T)>,
    /// The time of the latest that there was no room for.
    pub(crate) forgotten_us: Option<i64>,
}

impl<T: Copy> Recent<T> {
    fn new() -> Self {
        Self { entries: Vec::new(), forgotten_us: None }
    }

    /// `known_us` is up to when time has certainly come: nobody will ask about a window that ends before.
    fn push(&mut self, at_us: i64, amount: T, window_us: i64, known_us: i64) {
        let from_us = known_us.saturating_sub(window_us);
        self.entries.retain(|(at_us, _)| *at_us >= from_us);
        self.forgotten_us = self.forgotten_us.filter(|at_us| *at_us >= from_us);
        if self.entries.len() >= SERIES_MAX {
            let (at_us, _) = self.entries.remove(0);
            self.forgotten_us = self.forgotten_us.max(Some(at_us));
        }
        self.entries.push((at_us, amount));
    }
}

impl Series {
    pub(crate) fn new(kind: SeriesKind) -> Self {
        match kind {
            SeriesKind::Total => Series::Total(0),
            SeriesKind::Sum => Series::Sum(0.0),
            SeriesKind::Last => Series::Last(None),
            SeriesKind::Times(_) => Series::Times(Recent::new()),
            SeriesKind::Amounts(_) => Series::Amounts(Recent::new()),
        }
    }

    /// Whether it is of this kind.
    pub(crate) fn is(&self, kind: SeriesKind) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(&Series::new(kind))
    }

    /// Adds what happened at `at_us`; `known_us` is the earlier of when it happened and when it became known.
    pub(crate) fn push(&mut self, kind: SeriesKind, at_us: i64, known_us: i64, value: Option<&Kept>) {
        let number = || value.and_then(Kept::number);
        match (self, kind) {
            (Series::Total(total), _) => *total = total.saturating_add(1),
            (Series::Sum(sum), _) => *sum += number().unwrap_or(0.0),
            (Series::Last(last), _) => *last = Some((at_us, value.cloned().unwrap_or_default())),
            (Series::Times(recent), SeriesKind::Times(window_us)) => recent.push(at_us, (), window_us, known_us),
            (Series::Amounts(recent), SeriesKind::Amounts(window_us)) => {
                if let Some(amount) = number() {
                    recent.push(at_us, amount, window_us, known_us);
                }
            }
            (Series::Times(_) | Series::Amounts(_), _) => debug_assert!(false, "a series is of its feature's kind"),
        }
    }

    /// The time of the latest that there was no room for.
    pub(crate) fn forgotten_us(&self) -> Option<i64> {
        match self {
            Series::Times(recent) => recent.forgotten_us,
            Series::Amounts(recent) => recent.forgotten_us,
            Series::Total(_) | Series::Sum(_) | Series::Last(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_left_the_window_is_dropped_and_what_had_no_room_is_remembered() {
        let kind = SeriesKind::Times(10);
        let mut series = Series::new(kind);
        for at in [1, 5, 12] {
            series.push(kind, at, at, None);
        }
        assert_eq!(series, Series::Times(Recent { entries: vec![(5, ()), (12, ())], forgotten_us: None }));
        for _ in 0..SERIES_MAX {
            series.push(kind, 13, 13, None);
        }
        assert_eq!(series.forgotten_us(), Some(12));
        series.push(kind, 30, 30, None);
        assert_eq!(series, Series::Times(Recent { entries: vec![(30, ())], forgotten_us: None }));
        series.push(kind, 4_000, 31, None);
        let Series::Times(recent) = series else { panic!("it stays of its kind") };
        assert_eq!(recent.entries.len(), 2, "a time in the future pushes nothing out");
    }
}
