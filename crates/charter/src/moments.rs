//! Where and with whom things happen, and what happens: channels, departments, stages and moments.

use crate::condition::Condition;
use crate::problem::Code;
use crate::read::{Fields, Kind, Name, Reader};
use crate::yaml::Node;

/// Where it happens.
#[derive(Debug, Clone, PartialEq)]
pub struct Channel {
    /// Its name, as events and the charter use it.
    pub name: String,
    /// How it is shown.
    pub label: String,
    /// Whether a person of ours is at the other end.
    pub human: bool,
    /// Events for which this holds happened here, whatever their own channel says.
    pub when: Option<Condition>,
}

/// Who owns a moment or does the work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Department {
    /// Its name.
    pub name: String,
    /// How it is shown.
    pub label: String,
    /// Whether it sponsors the programme.
    pub sponsor: bool,
}

/// What a stage is for, and so by what it is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// How many come.
    Reach,
    /// How many go on.
    Conversion,
    /// How much they buy.
    Basket,
    /// How long they stay.
    Lifetime,
    /// How many recommend.
    Advocacy,
}

/// A phase of the life cycle of a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// Its name.
    pub name: String,
    /// How it is shown.
    pub label: String,
    /// What it is for.
    pub goal: Option<Goal>,
}

/// How wide an experience is, from the narrowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// One screen, one form.
    Interface,
    /// The use of a site, an app, a device.
    Ux,
    /// A service as a whole.
    Service,
    /// Everything that a customer of ours meets.
    Customer,
    /// Everything that is known of us.
    Brand,
    /// The part that we have in a life.
    Life,
}

/// A kind of event in which customers may form or change their mind.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    /// Its name.
    pub name: String,
    /// How it is shown.
    pub label: String,
    /// The stage that it belongs to.
    pub stage: Option<String>,
    /// How wide it is.
    pub scope: Option<Scope>,
    /// The department that owns it.
    pub owner: Option<String>,
    /// Which events it is. The first moment of the charter whose condition holds is the one.
    pub when: Condition,
}

pub(crate) const CHANNEL: &[&str] = &["label", "human", "when"];
pub(crate) const DEPARTMENT: &[&str] = &["label", "sponsor"];
pub(crate) const STAGE: &[&str] = &["label", "goal"];
pub(crate) const MOMENT: &[&str] = &["label", "stage", "scope", "owner", "when"];

pub(crate) const GOALS: [(&str, Goal); 5] = [
    ("reach", Goal::Reach),
    ("conversion", Goal::Conversion),
    ("basket", Goal::Basket),
    ("lifetime", Goal::Lifetime),
    ("advocacy", Goal::Advocacy),
];

pub(crate) const SCOPES: [(&str, Scope); 6] = [
    ("interface", Scope::Interface),
    ("ux", Scope::Ux),
    ("service", Scope::Service),
    ("customer", Scope::Customer),
    ("brand", Scope::Brand),
    ("life", Scope::Life),
];

/// How something is shown: its label, or its name.
pub(crate) fn label(reader: &mut Reader<'_>, fields: &Fields<'_>, name: &Name<'_>) -> String {
    fields.get("label").and_then(|node| reader.text(node)).unwrap_or_else(|| name.owned())
}

pub(crate) fn read_channels(reader: &mut Reader<'_>, node: &Node) -> Vec<Channel> {
    let mut channels = Vec::new();
    for (name, node) in reader.entries(node, "`channels`") {
        let fields = reader.fields(node, "a channel", CHANNEL);
        channels.push(Channel {
            label: label(reader, &fields, &name),
            human: fields.get("human").and_then(|n| reader.flag(n)).unwrap_or(false),
            when: fields.get("when").and_then(|n| reader.condition(n)),
            name: name.owned(),
        });
    }
    channels
}

pub(crate) fn read_departments(reader: &mut Reader<'_>, node: &Node) -> Vec<Department> {
    let mut departments = Vec::new();
    for (name, node) in reader.entries(node, "`departments`") {
        let fields = reader.fields(node, "a department", DEPARTMENT);
        departments.push(Department {
            label: label(reader, &fields, &name),
            sponsor: fields.get("sponsor").and_then(|n| reader.flag(n)).unwrap_or(false),
            name: name.owned(),
        });
    }
    departments
}

pub(crate) fn read_stages(reader: &mut Reader<'_>, node: &Node) -> Vec<Stage> {
    let mut stages = Vec::new();
    for (name, node) in reader.entries(node, "`stages`") {
        let fields = reader.fields(node, "a stage", STAGE);
        stages.push(Stage {
            label: label(reader, &fields, &name),
            goal: fields.get("goal").and_then(|n| reader.word(n, "a goal of a stage", &GOALS)),
            name: name.owned(),
        });
    }
    stages
}

pub(crate) fn read_moments(reader: &mut Reader<'_>, node: &Node) -> Vec<Moment> {
    let mut moments: Vec<Moment> = Vec::new();
    for (name, node) in reader.entries(node, "`moments`") {
        let fields = reader.fields(node, "a moment", MOMENT);
        let label = label(reader, &fields, &name);
        let stage = fields.get("stage").and_then(|n| reader.reference(n, Kind::Stage));
        let scope = fields.get("scope").and_then(|n| reader.word(n, "a scope", &SCOPES));
        let owner = fields.get("owner").and_then(|n| reader.reference(n, Kind::Department));
        let when = fields.get("when");
        if fields.is_missing("when") {
            let hint = format!("such as `when: \"event = '{}'\"`", name.text);
            reader.report(
                Code::MissingKey,
                name.bytes.clone(),
                "a moment needs `when:`, the events that it is",
                Some(hint),
            );
        }
        let Some(when) = when.and_then(|n| reader.condition(n)) else { continue };
        if let Some(earlier) = moments.iter().find(|moment| moment.when.text() == when.text()) {
            let reason =
                format!("`{}` can never occur: `{}` has the same condition and stands first", name.text, earlier.name);
            reader.report(Code::Unreachable, name.bytes.clone(), reason, None);
        }
        moments.push(Moment { name: name.owned(), label, stage, scope, owner, when });
    }
    moments
}
