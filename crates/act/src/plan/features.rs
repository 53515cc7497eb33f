//! Which series of values have to be kept so that every feature can be read.

use charter::Charter;
use charter::actions::{Feature, Measure};
use event::{Calendar, Column, Deadline};

use super::{at_most_us, number};

/// How a series of one feature is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SeriesKind {
    /// How many there were.
    Total,
    /// What they come to.
    Sum,
    /// The latest one.
    Last,
    /// The times of those not older than this, in microseconds.
    Times(i64),
    /// The times and amounts of those not older than this, in microseconds.
    Amounts(i64),
}

/// What a feature is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reads {
    /// How many there are.
    Count,
    /// What they come to.
    Sum,
    /// The latest value.
    Last,
    /// How long ago the latest is.
    Since,
    /// Broken promises: those fulfilled late are in the series, the others are still open.
    Broken(u32),
    /// Open promises that are not due.
    Pending(u32),
}

/// A feature, made ready.
#[derive(Debug)]
pub(crate) struct FeaturePlan {
    pub(crate) reads: Reads,
    /// The series that it is read from.
    pub(crate) series: usize,
    pub(crate) within: Option<Deadline>,
}

/// What adds to which series.
#[derive(Debug, Default)]
pub(crate) struct Feeds {
    moments: Vec<(String, u32, Option<Column>)>,
    kept: Vec<(usize, u32)>,
    broken: Vec<(usize, u32)>,
}

impl Feeds {
    pub(super) fn of_moment(&self, name: &str) -> impl Iterator<Item = (u32, Option<&Column>)> {
        self.moments
            .iter()
            .filter(move |(moment, ..)| moment == name)
            .map(|(_, series, column)| (*series, column.as_ref()))
    }

    pub(super) fn kept(&self, expectation: usize) -> Vec<u32> {
        self.kept.iter().filter(|(of, _)| *of == expectation).map(|(_, series)| *series).collect()
    }

    pub(super) fn broken(&self, expectation: usize) -> Vec<u32> {
        self.broken.iter().filter(|(of, _)| *of == expectation).map(|(_, series)| *series).collect()
    }
}

/// One series for every feature, in the order of the charter.
pub(super) fn compile(charter: &Charter) -> (Vec<SeriesKind>, Vec<FeaturePlan>, Feeds) {
    let mut feeds = Feeds::default();
    let (mut series, mut features) = (Vec::new(), Vec::new());
    for (i, feature) in charter.features.iter().enumerate() {
        let expectation =
            |name: &String| charter.expectations.iter().position(|known| known.name == *name).unwrap_or(0);
        let slot = number(i);
        let reads = match &feature.measure {
            Measure::Count(of) => {
                feeds.moments.push((of.clone(), slot, None));
                Reads::Count
            }
            Measure::Since(of) => {
                feeds.moments.push((of.clone(), slot, None));
                Reads::Since
            }
            Measure::Sum(of, column) => {
                feeds.moments.push((of.clone(), slot, Some(column.clone())));
                Reads::Sum
            }
            Measure::Last(of, column) => {
                feeds.moments.push((of.clone(), slot, Some(column.clone())));
                Reads::Last
            }
            Measure::Kept(of) => {
                feeds.kept.push((expectation(of), slot));
                Reads::Count
            }
            Measure::Broken(of) => {
                feeds.broken.push((expectation(of), slot));
                Reads::Broken(number(expectation(of)))
            }
            Measure::Pending(of) => Reads::Pending(number(expectation(of))),
        };
        series.push(kind(feature, reads, &charter.calendar));
        let within = feature.within.map(|span| Deadline::new(span, &charter.calendar));
        features.push(FeaturePlan { reads, series: i, within });
    }
    (series, features, feeds)
}

fn kind(feature: &Feature, reads: Reads, calendar: &Calendar) -> SeriesKind {
    match (reads, feature.within) {
        (Reads::Last | Reads::Since, _) => SeriesKind::Last,
        (Reads::Sum, None) => SeriesKind::Sum,
        (Reads::Sum, Some(within)) => SeriesKind::Amounts(at_most_us(within, calendar)),
        (_, None) => SeriesKind::Total,
        (_, Some(within)) => SeriesKind::Times(at_most_us(within, calendar)),
    }
}
