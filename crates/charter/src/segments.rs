//! Groups of customers by what is known of each: how often, since when, through which channel, worth how much.
//!
//! A segment is a condition over a customer's own facts ([`CustomerFact`]), in the same language as every other condition.
//! The vocabulary is small on purpose: a name alone is about the whole customer (`events`, `days_since_last`), a name with a
//! dot about one moment, channel, journey or outcome of the charter (`count_of.order`, `value_of.renewal`).

use crate::Charter;
use crate::condition::{Condition, ConditionError, Fault, Type, Vocabulary};
use crate::moments::label;
use crate::problem::Code;
use crate::read::{Kind, Name, Names, Reader};
use crate::yaml::Node;

/// A group of customers that the organisation has a name for.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// Its name.
    pub name: String,
    /// How it is shown.
    pub label: String,
    /// Which customers belong to it.
    pub when: Condition<CustomerFact>,
}

/// Something that is known of a customer. Events that are no moment of the charter do not count.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CustomerFact {
    /// `events`: how many events.
    Events,
    /// `first`: the time of the first event.
    First,
    /// `last`: the time of the latest event.
    Last,
    /// `days`: days from the first to the latest event.
    Days,
    /// `days_since_first`: days from the first event until now, which is the time of the latest event that is known of anybody.
    DaysSinceFirst,
    /// `days_since_last`: days from the latest event until now.
    DaysSinceLast,
    /// `days_between_median`: the median time from one event to the next, in days; NULL for a single event.
    DaysBetweenMedian,
    /// `channels`: how many different channels.
    Channels,
    /// `stage`: the stage of the latest moment that has one.
    Stage,
    /// `first_moment`: the moment of the first event.
    FirstMoment,
    /// `last_moment`: the moment of the latest event.
    LastMoment,
    /// `count_of.MOMENT`: how many events of this moment.
    CountOf(String),
    /// `first_of.MOMENT`: the time of the first of them; NULL where there is none.
    FirstOf(String),
    /// `last_of.MOMENT`: the time of the latest.
    LastOf(String),
    /// `days_since_first_of.MOMENT`: days from the first of them until now.
    DaysSinceFirstOf(String),
    /// `days_since_last_of.MOMENT`: days from the latest until now.
    DaysSinceLastOf(String),
    /// `share_of_channel.CHANNEL`: the share of the customer's events that went through this channel, from 0 to 1.
    ShareOfChannel(String),
    /// `journeys_of.JOURNEY`: how many journeys of this kind.
    JourneysOf(String),
    /// `succeeded_of.JOURNEY`: how many of them reached their goal.
    SucceededOf(String),
    /// `abandoned_of.JOURNEY`: how many were abandoned.
    AbandonedOf(String),
    /// `outcomes_of.OUTCOME`: how often this outcome.
    OutcomesOf(String),
    /// `value_of.OUTCOME`: what these outcomes are worth together; 0 where there is none.
    ValueOf(String),
}

/// The names that stand alone.
const ALONE: [(&str, CustomerFact, Type); 11] = [
    ("events", CustomerFact::Events, Type::Int),
    ("first", CustomerFact::First, Type::Time),
    ("last", CustomerFact::Last, Type::Time),
    ("days", CustomerFact::Days, Type::Float),
    ("days_since_first", CustomerFact::DaysSinceFirst, Type::Float),
    ("days_since_last", CustomerFact::DaysSinceLast, Type::Float),
    ("days_between_median", CustomerFact::DaysBetweenMedian, Type::Float),
    ("channels", CustomerFact::Channels, Type::Int),
    ("stage", CustomerFact::Stage, Type::Text),
    ("first_moment", CustomerFact::FirstMoment, Type::Text),
    ("last_moment", CustomerFact::LastMoment, Type::Text),
];

/// Makes the fact of a name of the charter.
type Makes = fn(String) -> CustomerFact;

/// The names that take a name of the charter behind a dot.
const OF: [(&str, Kind, Makes, Type); 11] = [
    ("count_of", Kind::Moment, CustomerFact::CountOf, Type::Int),
    ("first_of", Kind::Moment, CustomerFact::FirstOf, Type::Time),
    ("last_of", Kind::Moment, CustomerFact::LastOf, Type::Time),
    ("days_since_first_of", Kind::Moment, CustomerFact::DaysSinceFirstOf, Type::Float),
    ("days_since_last_of", Kind::Moment, CustomerFact::DaysSinceLastOf, Type::Float),
    ("share_of_channel", Kind::Channel, CustomerFact::ShareOfChannel, Type::Float),
    ("journeys_of", Kind::Journey, CustomerFact::JourneysOf, Type::Int),
    ("succeeded_of", Kind::Journey, CustomerFact::SucceededOf, Type::Int),
    ("abandoned_of", Kind::Journey, CustomerFact::AbandonedOf, Type::Int),
    ("outcomes_of", Kind::Outcome, CustomerFact::OutcomesOf, Type::Int),
    ("value_of", Kind::Outcome, CustomerFact::ValueOf, Type::Float),
];

impl CustomerFact {
    /// Whether a name is one of customers, of whatever moment, channel, journey or outcome, known or not.
    pub fn is_named(name: &str) -> bool {
        let (first, of) = name.split_once('.').map_or((name, false), |(first, _)| (first, true));
        let is = |known: &str| known.eq_ignore_ascii_case(first);
        if of { OF.iter().any(|(known, ..)| is(known)) } else { ALONE.iter().any(|(known, ..)| is(known)) }
    }
}

pub(crate) const SEGMENT: &[&str] = &["label", "when"];

/// The vocabulary of conditions over [`CustomerFact`]s.
pub(crate) struct SegmentWords<'a>(pub(crate) &'a Names);

impl Vocabulary for SegmentWords<'_> {
    type Column = CustomerFact;

    fn find(&self, parts: &[&str]) -> Option<(CustomerFact, Type)> {
        let (first, rest) = parts.split_first()?;
        let first = first.to_ascii_lowercase();
        if rest.is_empty() {
            return ALONE.iter().find(|(name, ..)| *name == first).map(|(_, fact, of_type)| (fact.clone(), *of_type));
        }
        let (_, kind, makes, of_type) = OF.iter().find(|(name, ..)| *name == first)?;
        let name = rest.join(".");
        let known = self.0.of(*kind).contains(&name) || !self.0.is_closed(*kind);
        known.then(|| (makes(name), *of_type))
    }

    fn condition(&self, name: &str) -> Option<&Condition<CustomerFact>> {
        self.0.segments.get(name)
    }

    fn names(&self) -> Vec<String> {
        let segments = self.0.segments.keys().map(|name| in_sql(name));
        let alone = ALONE.iter().map(|(name, ..)| (*name).to_owned());
        let of = OF
            .iter()
            .flat_map(|(prefix, kind, ..)| self.0.of(*kind).iter().map(move |name| format!("{prefix}.{name}")));
        segments.chain(alone).chain(of).collect()
    }

    fn values(&self, fact: &CustomerFact) -> Option<Vec<String>> {
        let kind = match fact {
            CustomerFact::Stage => Kind::Stage,
            CustomerFact::FirstMoment | CustomerFact::LastMoment => Kind::Moment,
            _ => return None,
        };
        self.0.is_closed(kind).then(|| self.0.of(kind).to_vec())
    }

    fn hint(&self) -> String {
        let alone: Vec<&str> = ALONE.iter().map(|(name, ..)| *name).collect();
        let of: Vec<String> =
            OF.iter().map(|(name, kind, ..)| format!("{name}.{}", kind.noun().to_uppercase())).collect();
        let segments = if self.0.segments.is_empty() { "" } else { ", and the segments of the charter" };
        format!("a customer has {}, {}{segments}", alone.join(", "), of.join(", "))
    }
}

/// A name as it is written in a condition.
fn in_sql(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_alphanumeric() || c == '_') && !name.starts_with(|c: char| c.is_numeric());
    if plain { name.to_owned() } else { format!("\"{name}\"") }
}

impl Charter {
    /// A condition that is asked of this charter's customers, over their own facts.
    ///
    /// ```
    /// let charter = charter::Charter::without_file();
    /// let often = charter.customer_condition("count_of.visit >= 3 and days_since_last <= 90").expect("it is correct");
    /// assert_eq!(often.columns().len(), 2);
    /// ```
    ///
    /// # Errors
    /// As [`Condition::parse`].
    pub fn customer_condition(&self, text: &str) -> Result<Condition<CustomerFact>, ConditionError> {
        let mut names = Names::default();
        let all = |names: &mut Names, kind, all: Vec<&String>| names.define(kind, all.into_iter().cloned().collect());
        all(&mut names, Kind::Moment, self.moments.iter().map(|m| &m.name).collect());
        all(&mut names, Kind::Stage, self.stages.iter().map(|s| &s.name).collect());
        all(&mut names, Kind::Channel, self.channels.iter().map(|c| &c.name).collect());
        all(&mut names, Kind::Journey, self.journeys.iter().map(|j| &j.name).collect());
        all(&mut names, Kind::Outcome, self.outcomes.iter().map(|o| &o.name).collect());
        names.segments = self.segments.iter().map(|s| (s.name.clone(), s.when.clone())).collect();
        Condition::parse_with(text, &SegmentWords(&names), &self.timezone)
    }

    /// The moments that a condition over customers is about, whether it names them itself or their stage, journey or outcome.
    pub fn moments_in(&self, condition: &Condition<CustomerFact>) -> Vec<String> {
        let journey = |name: &str| self.journeys.iter().find(|journey| journey.name == name);
        let of_fact = |fact: &CustomerFact| -> Vec<String> {
            match fact {
                CustomerFact::CountOf(name)
                | CustomerFact::FirstOf(name)
                | CustomerFact::LastOf(name)
                | CustomerFact::DaysSinceFirstOf(name)
                | CustomerFact::DaysSinceLastOf(name) => vec![name.clone()],
                CustomerFact::FirstMoment | CustomerFact::LastMoment => {
                    condition.compared_with(fact).into_iter().map(str::to_owned).collect()
                }
                CustomerFact::Stage => self.moments_of_stages(&condition.compared_with(fact)),
                CustomerFact::JourneysOf(name) | CustomerFact::AbandonedOf(name) => {
                    journey(name).map(|journey| journey.starts.clone()).unwrap_or_default()
                }
                CustomerFact::SucceededOf(name) => {
                    journey(name).map(|one| [one.starts.clone(), one.succeeds.clone()].concat()).unwrap_or_default()
                }
                CustomerFact::OutcomesOf(name) | CustomerFact::ValueOf(name) => {
                    let outcome = self.outcomes.iter().find(|outcome| outcome.name == *name);
                    outcome.map(|outcome| self.moments_of(&outcome.when)).unwrap_or_default()
                }
                _ => Vec::new(),
            }
        };
        condition.columns().iter().flat_map(of_fact).collect()
    }

    /// The segment of this name.
    pub fn segment(&self, name: &str) -> Option<&Segment> {
        self.segments.iter().find(|segment| segment.name == name)
    }
}

/// A segment whose condition has not been read.
struct Draft<'n> {
    name: Name<'n>,
    label: String,
    when: Option<&'n Node>,
}

pub(crate) fn read(reader: &mut Reader<'_>, node: &Node) -> Vec<Segment> {
    let mut drafts = Vec::new();
    for (name, node) in reader.entries(node, "`segments`") {
        check_name(reader, &name);
        let short = node.scalar().is_some() && !node.is_null();
        let (label, when) = if short {
            (name.owned(), Some(node))
        } else {
            let fields = reader.fields(node, "a segment", SEGMENT);
            (label(reader, &fields, &name), reader.required(&fields, "when"))
        };
        drafts.push(Draft { name, label, when });
    }
    let mut read = vec![false; drafts.len()];
    for i in 0..drafts.len() {
        if !read[i] {
            read_with_named(reader, &drafts, i, &mut read);
        }
    }
    let segment = |draft: Draft<'_>| {
        let when = reader.names.segments.get(draft.name.text)?.clone();
        Some(Segment { name: draft.name.owned(), label: draft.label, when })
    };
    drafts.into_iter().filter_map(segment).collect()
}

fn check_name(reader: &mut Reader<'_>, name: &Name<'_>) {
    let reason = if name.text.contains(',') || name.text.contains("..") {
        format!("`{}` cannot be asked for: `,` and `..` stand between two things to compare", name.text)
    } else if SegmentWords(&reader.names).find(&[name.text]).is_some() {
        format!("`{}` has a meaning in conditions already", name.text)
    } else {
        return;
    };
    reader.report(Code::BadValue, name.bytes.clone(), reason, Some("choose another name".to_owned()));
}

/// Reads the condition of a segment, those that it names first.
fn read_with_named(reader: &mut Reader<'_>, drafts: &[Draft<'_>], first: usize, read: &mut [bool]) {
    // The last one is being read, each of the others waits for the one after it.
    let mut path = vec![first];
    while let Some(i) = path.last().copied() {
        read[i] = true;
        let draft = &drafts[i];
        let named = draft.when.and_then(|when| {
            let text = reader.condition_text(when)?;
            let parsed = Condition::parse_with(&text, &SegmentWords(&reader.names), &reader.zone);
            let named = parsed.as_ref().err().and_then(|wrong| match &wrong.fault {
                Fault::UnknownName { name } => drafts.iter().position(|draft| draft.name.text == name),
                _ => None,
            });
            match named {
                // What is wrong with it has been said.
                Some(other) if read[other] && !path.contains(&other) => None,
                Some(other) => Some((other, when.inside(&parsed.err()?.bytes))),
                None => {
                    let condition = reader.checked(when, parsed)?;
                    reader.names.segments.entry(draft.name.owned()).or_insert(condition);
                    None
                }
            }
        });
        match named {
            None => {
                path.pop();
            }
            Some((other, bytes)) if path.contains(&other) => {
                let circle = path.iter().skip_while(|i| **i != other).chain([&other]);
                let names: Vec<_> = circle.map(|i| format!("`{}`", drafts[*i].name.text)).collect();
                let reason = format!("segments cannot name each other in a circle: {}", names.join(" names "));
                reader.report(Code::Contradiction, bytes, reason, None);
                path.clear();
            }
            Some((other, _)) => path.push(other),
        }
    }
}

#[cfg(test)]
mod tests;
