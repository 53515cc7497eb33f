//! What a report is made from: plain data that the caller gathers.

use evidence::Doubt;
use understand::{Comparison, Differing, funnel, map, steps, variants};

use crate::{Finding, MapOptions, Section, Words};

/// All that stands on the page. What is `None` or empty is left out of it.
#[derive(Debug, Clone, Default)]
pub struct ReportData {
    /// Whose customers these are.
    pub organisation: Option<String>,
    /// What the organisation means by customer experience, from its charter.
    pub definition: Option<String>,
    /// Whether the data are made by a simulation; the page says so wherever it shows figures.
    pub simulated: bool,
    /// The period that the answers are about.
    pub period: Option<Period>,
    /// What else narrows the answers down, in plain words: the cut of journeys, conditions.
    pub selection: Vec<String>,
    /// What was read and rejected.
    pub reading: Reading,
    /// What the answers show most, in the order to be shown in.
    pub findings: Vec<Finding>,
    /// The labels of moments and stages.
    pub words: Words,
    /// The journey map.
    pub map: Option<map::Answer>,
    /// How much of the map is drawn.
    pub map_options: MapOptions,
    /// The typical paths.
    pub variants: Option<variants::Answer>,
    /// The funnel.
    pub funnel: Option<funnel::Answer>,
    /// The step matrix.
    pub steps: Option<steps::Answer>,
    /// What other views say.
    pub sections: Vec<Section>,
    /// What is not on the page, and why: the heading that it would have, and what to do.
    pub left_out: Vec<(String, String)>,
    /// Two groups side by side.
    pub compared: Option<Compared>,
    /// How the page came about.
    pub made: Made,
}

/// A period, both ends as they are to be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Period {
    /// The first day or moment.
    pub from: String,
    /// The last day or moment.
    pub to: String,
}

/// What was read and what was not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// The files, in the order in which they were read.
    pub files: Vec<FileRead>,
    /// How many events are in the lake.
    pub events: u64,
    /// How many customers they are of.
    pub customers: u64,
    /// How many different keys the customers were recognised by, where that is known.
    pub keys: Option<u64>,
    /// How many links between keys were refused, since they would have glued strangers together.
    pub links_refused: Option<u64>,
    /// How many events came more than once and count once.
    pub duplicates: Option<u64>,
    /// Rows that could not be read: the reason and how many.
    pub rejected: Vec<(String, u64)>,
}

/// One file that was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileRead {
    /// Its name.
    pub name: String,
    /// How many events were read from it.
    pub events: u64,
    /// How many rows were rejected.
    pub rejected: u64,
}

/// How the page came about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Made {
    /// When, as it is to be read.
    pub at: String,
    /// Which version of the program.
    pub version: String,
    /// The hash of the charter, if there is one.
    pub charter_hash: Option<String>,
}

/// Two groups and how they differ, whatever the view.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// What the first group is called.
    pub a: String,
    /// What the second group is called.
    pub b: String,
    /// What the differences are between.
    pub unit: Unit,
    /// Every share that both groups have, the largest difference first.
    pub differences: Vec<Differing>,
    /// What stands against these figures.
    pub doubts: Vec<Doubt>,
}

/// What a share is a share of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Customers, who are independent of each other.
    Customers,
    /// Journeys, of which a customer may have several.
    Journeys,
    /// Requests of customers.
    Requests,
    /// Promises that are decided.
    Promises,
    /// Answers to a survey.
    Answers,
    /// Events.
    Events,
}

impl Unit {
    /// The noun, for one and for many.
    pub(crate) fn nouns(self) -> (&'static str, &'static str) {
        match self {
            Unit::Customers => ("customer", "customers"),
            Unit::Journeys => ("journey", "journeys"),
            Unit::Requests => ("request", "requests"),
            Unit::Promises => ("promise", "promises"),
            Unit::Answers => ("answer", "answers"),
            Unit::Events => ("event", "events"),
        }
    }
}

impl Compared {
    fn new<A>(comparison: &Comparison<A>, unit: Unit) -> Self {
        let name = |i: usize| comparison.groups.get(i).map(|group| group.name.clone()).unwrap_or_default();
        let (differences, doubts) = (comparison.differences.clone(), comparison.doubts.clone());
        Self { a: name(0), b: name(1), unit, differences, doubts }
    }
}

impl From<&Comparison<map::Answer>> for Compared {
    fn from(comparison: &Comparison<map::Answer>) -> Self {
        Self::new(comparison, Unit::Customers)
    }
}

impl From<&Comparison<funnel::Answer>> for Compared {
    fn from(comparison: &Comparison<funnel::Answer>) -> Self {
        Self::new(comparison, Unit::Customers)
    }
}

impl From<&Comparison<variants::Answer>> for Compared {
    fn from(comparison: &Comparison<variants::Answer>) -> Self {
        Self::new(comparison, Unit::Journeys)
    }
}

impl From<&Comparison<steps::Answer>> for Compared {
    fn from(comparison: &Comparison<steps::Answer>) -> Self {
        Self::new(comparison, Unit::Journeys)
    }
}
