//! The names that a charter defines, collected before anything that refers to them is read.

use std::collections::{BTreeMap, BTreeSet};

use crate::condition::{Condition, Type};
use crate::segments::CustomerFact;
use crate::yaml::{Node, Value};

/// What a name names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Key,
    Channel,
    Department,
    Stage,
    Moment,
    Journey,
    Outcome,
    Survey,
    Expectation,
    Feature,
    Action,
}

impl Kind {
    const ALL: [(Kind, &'static str, &'static str); 11] = [
        (Kind::Key, "keys", "key"),
        (Kind::Channel, "channels", "channel"),
        (Kind::Department, "departments", "department"),
        (Kind::Stage, "stages", "stage"),
        (Kind::Moment, "moments", "moment"),
        (Kind::Journey, "journeys", "journey"),
        (Kind::Outcome, "outcomes", "outcome"),
        (Kind::Survey, "surveys", "survey"),
        (Kind::Expectation, "expectations", "expectation"),
        (Kind::Feature, "features", "feature"),
        (Kind::Action, "actions", "action"),
    ];

    pub(crate) fn section(self) -> &'static str {
        Kind::ALL.iter().find(|(kind, ..)| *kind == self).map_or("", |(_, section, _)| section)
    }

    pub(crate) fn noun(self) -> &'static str {
        Kind::ALL.iter().find(|(kind, ..)| *kind == self).map_or("", |(.., noun)| noun)
    }

    /// Whether the data may bring names of this kind where the charter defines none.
    fn is_free(self) -> bool {
        matches!(self, Kind::Channel | Kind::Department | Kind::Moment)
    }
}

/// All names of a charter, by kind, in its order.
#[derive(Debug, Default)]
pub(crate) struct Names {
    by_kind: BTreeMap<Kind, Vec<String>>,
    /// Kinds of which not all names could be read, so that none can be called wrong.
    partly: BTreeSet<Kind>,
    used: BTreeSet<(Kind, String)>,
    /// Features that count inside of a window.
    pub(crate) windowed: BTreeSet<String>,
    /// The type of each feature in conditions.
    pub(crate) feature_types: BTreeMap<String, Type>,
    /// The condition of each segment that has been read.
    pub(crate) segments: BTreeMap<String, Condition<CustomerFact>>,
}

impl Names {
    /// Collects the names of every section of the charter.
    ///
    /// Of the sections in `broken`, only a part is there.
    pub(crate) fn collect(root: &Node, broken: &[String]) -> Self {
        let mut names = Names::default();
        let partly = Kind::ALL.iter().filter(|(_, section, _)| broken.iter().any(|name| name == section));
        names.partly = partly.map(|(kind, ..)| *kind).collect();
        let Value::Map(sections) = &root.value else { return names };
        for (section, value) in sections {
            let kind = Kind::ALL.iter().find(|(_, name, _)| section.scalar().is_some_and(|s| s.text == *name));
            let (Some((kind, ..)), Value::Map(entries)) = (kind, &value.value) else { continue };
            let of_kind = entries.iter().filter_map(|(key, _)| key.scalar().map(|s| s.text.clone()));
            names.by_kind.insert(*kind, of_kind.filter(|name| *kind != Kind::Key || name != "junk").collect());
        }
        names
    }

    /// The names of a kind; empty where the charter does not define any.
    pub(crate) fn of(&self, kind: Kind) -> &[String] {
        self.by_kind.get(&kind).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn define(&mut self, kind: Kind, names: Vec<String>) {
        self.by_kind.insert(kind, names);
    }

    /// Whether the charter has a list of this kind, so that other names are mistakes.
    pub(crate) fn is_closed(&self, kind: Kind) -> bool {
        (!self.of(kind).is_empty() || !kind.is_free()) && !self.partly.contains(&kind)
    }

    /// Whether the name may be used; remembers that it was.
    pub(crate) fn use_name(&mut self, kind: Kind, name: &str) -> bool {
        self.used.insert((kind, name.to_owned()));
        !self.is_closed(kind) || self.of(kind).iter().any(|known| known == name)
    }

    pub(crate) fn is_used(&self, kind: Kind, name: &str) -> bool {
        self.used.contains(&(kind, name.to_owned()))
    }
}
