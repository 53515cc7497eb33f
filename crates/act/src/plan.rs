//! A charter, made ready for one customer after another: every name looked up once, every condition asked beforehand as far
//! as it depends on the name of an event alone.

mod actions;
mod features;
mod roles;

use std::sync::Arc;

use charter::journeys::{Interaction, Outcome};
use charter::moments::Moment;
use charter::{Answer, Charter, EventFacts, Fact, Facts, Truth};
use event::{Calendar, Column, Deadline, Event, Span, Value};
use hashbrown::HashMap;
use rapidhash::fast::SeedableState;

pub(crate) use actions::{ActionPlan, SharedCap};
pub(crate) use features::{FeaturePlan, Reads, SeriesKind};
pub(crate) use roles::{Requested, Role};

use crate::digest::Digest;
use crate::known::Known;
use crate::news::What;
use crate::value::Kept;

/// A charter, compiled for [`step`](crate::step()) and [`decide`](crate::decide()). Built once; never changes.
///
/// ```
/// use std::sync::Arc;
/// let (charter, _) = charter::Charter::parse("charter: 1\nmoments: {order: {when: event = 'Order'}}\n").expect("correct");
/// let plan = act::Plan::new(Arc::new(charter));
/// assert_eq!(plan.name(act::What::Moment, 0), Some("order"));
/// ```
#[derive(Debug)]
pub struct Plan {
    charter: Arc<Charter>,
    /// The first bytes of the hash of the charter, by which a state knows whose it is.
    pub(crate) fingerprint: [u8; 8],
    /// What is kept of a customer without events, see [`Known`]: that of most before the latest few.
    pub(crate) nothing: Vec<u8>,
    /// The names of moments, by number: those of the charter, or where it lists none, all that something refers to.
    pub(crate) names: Vec<Box<str>>,
    /// By moment. Where the charter lists no moments there is one more, for events that nothing refers to.
    pub(crate) roles: Vec<Role>,
    /// What the name of an event says about its moment, of the names that conditions mention.
    by_event: HashMap<Box<str>, Resolved, SeedableState<'static>>,
    pub(crate) journeys: Vec<Option<Deadline>>,
    pub(crate) expectations: Vec<ExpectationPlan>,
    /// By interaction, the silence after which it is over, and whether a key tells one from another.
    pub(crate) interactions: Vec<InteractionPlan>,
    pub(crate) series: Vec<SeriesKind>,
    pub(crate) features: Vec<FeaturePlan>,
    by_feature: HashMap<Box<str>, u32, SeedableState<'static>>,
    /// The columns of the latest event that conditions of actions name.
    pub(crate) latest: Vec<Column>,
    pub(crate) actions: Vec<ActionPlan>,
    pub(crate) caps: Vec<SharedCap>,
}

/// What is known of an event's moment by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Resolved {
    Moment(u32),
    None,
    /// Moments from this one on have to be asked.
    From(u32),
}

#[derive(Debug)]
pub(crate) struct ExpectationPlan {
    pub(crate) within: Deadline,
    pub(crate) warn_us: Option<i64>,
    pub(crate) kept: Vec<u32>,
    pub(crate) broken: Vec<u32>,
}

#[derive(Debug)]
pub(crate) struct InteractionPlan {
    pub(crate) window_us: Option<i64>,
}

/// An event of which nothing but the name is known.
struct Named<'a>(&'a str);

impl Facts for Named<'_> {
    fn get(&self, column: &Column) -> Answer<'_> {
        if *column == Column::Event { Value::Text(self.0).into() } else { Answer::Pending }
    }
}

/// The position of an item, as states have it.
pub(crate) fn number(position: usize) -> u32 {
    u32::try_from(position).expect("a charter of 4 MiB has fewer than 2^32 names")
}

/// The position that a state has, to index by.
pub(crate) fn index(number: u32) -> usize {
    number as usize
}

/// A length of time that is certainly as long as a span.
pub(crate) fn at_most_us(span: Span, calendar: &Calendar) -> i64 {
    match span {
        Span::Elapsed(us) => us,
        Span::BusinessDays(days) => calendar.at_most_us(days),
    }
}

impl Plan {
    /// Compiles a charter.
    pub fn new(charter: Arc<Charter>) -> Self {
        let names = names(&charter);
        let (series, features, feeds) = features::compile(&charter);
        let roles = roles::compile(&charter, &names, &feeds);
        let calendar = &charter.calendar;
        let deadline = |span: Span| Deadline::new(span, calendar);
        let expectations = charter.expectations.iter().enumerate().map(|(i, expectation)| ExpectationPlan {
            within: deadline(expectation.within),
            warn_us: expectation.warn.and_then(Span::as_micros),
            kept: feeds.kept(i),
            broken: feeds.broken(i),
        });
        let expectations = expectations.collect();
        let interactions = charter.interactions.iter();
        let interactions = interactions
            .map(|i: &Interaction| InteractionPlan { window_us: i.window.and_then(Span::as_micros) })
            .collect();
        let journeys = charter.journeys.iter().map(|j| j.abandoned_after.map(deadline)).collect();
        let mut by_feature = HashMap::with_hasher(SeedableState::fixed());
        for (i, feature) in charter.features.iter().enumerate() {
            by_feature.insert(feature.name.as_str().into(), number(i));
        }
        let actions = actions::compile(&charter);
        let mut plan = Self {
            nothing: Vec::new(),
            fingerprint: fingerprint(&charter),
            by_event: by_event(&charter, &names),
            latest: actions::latest(&charter),
            caps: actions::shared(&charter),
            names,
            roles,
            journeys,
            expectations,
            interactions,
            series,
            features,
            by_feature,
            actions,
            charter,
        };
        plan.nothing = postcard::to_allocvec(&Known::new(&plan)).expect("memory takes what is written");
        plan
    }

    /// The charter that it was compiled from.
    pub fn charter(&self) -> &Charter {
        &self.charter
    }

    /// The model that the propensity of an action is learnt by; `None` where it is not learnt.
    pub fn model(&self, action: usize) -> Option<u64> {
        self.actions.get(action)?.model
    }

    /// How long after a decision an outcome counts, in microseconds; by its position in the charter.
    pub fn horizon_us(&self, outcome: usize) -> i64 {
        actions::horizon_us(&self.charter, outcome)
    }

    /// Whether anything is learnt.
    pub fn learns(&self) -> bool {
        self.actions.iter().any(|action| action.model.is_some())
    }

    /// The name of what a piece of news is about.
    pub fn name(&self, what: What, of: u32) -> Option<&str> {
        let (at, charter) = (index(of), &self.charter);
        match what {
            What::Moment => self.names.get(at).map(AsRef::as_ref),
            What::Outcome => charter.outcomes.get(at).map(|outcome: &Outcome| outcome.name.as_str()),
            What::Stage => charter.stages.get(at).map(|stage| stage.name.as_str()),
            What::JourneyOpened | What::JourneySucceeded | What::JourneyAbandoned => {
                charter.journeys.get(at).map(|journey| journey.name.as_str())
            }
            What::Promised | What::AboutToBreak | What::Kept | What::Broken | What::Late => {
                charter.expectations.get(at).map(|expectation| expectation.name.as_str())
            }
            What::InteractionOpened | What::InteractionResolved | What::InteractionAbandoned => {
                charter.interactions.get(at).map(|interaction| interaction.name.as_str())
            }
        }
    }

    /// How many numbers a customer is told in, where propensities are learnt; one that says nothing where the charter has none.
    pub(crate) fn numbers(&self) -> usize {
        (2 * self.features.len() + self.charter.surveys.len() + self.charter.stages.len()).max(1)
    }

    /// The position of a feature.
    pub(crate) fn feature(&self, name: &str) -> Option<usize> {
        self.by_feature.get(name).map(|position| index(*position))
    }

    /// The name of a moment, and the stage that it belongs to.
    fn moment_and_stage<'a>(&'a self, moment: usize, event: &'a str) -> (&'a str, Option<&'a str>) {
        let name = self.names.get(moment).map_or(event, AsRef::as_ref);
        let stage = self.charter.moments.get(moment).and_then(|moment: &Moment| moment.stage.as_deref());
        (name, stage)
    }

    /// The moment that an event is, by its number.
    pub(crate) fn moment_of(&self, event: &Event<'_>) -> Option<usize> {
        let from = match self.by_event.get(event.event) {
            Some(Resolved::Moment(moment)) => return Some(index(*moment)),
            Some(Resolved::None) => return None,
            Some(Resolved::From(from)) => index(*from),
            // Without moments in the charter, what nothing refers to is a moment all the same.
            None if self.charter.moments.is_empty() => return Some(self.names.len()),
            None => 0,
        };
        let asked = self.charter.moments.get(from..)?;
        asked.iter().position(|moment| moment.when.holds(event)).map(|position| from + position)
    }

    /// What is kept of an event; `None` of one that is no moment. `seq` is its place in the order of arrival.
    pub(crate) fn digest(&self, event: &Event<'_>, seq: u64) -> Option<Digest> {
        let moment = self.moment_of(event)?;
        let role = &self.roles[moment];
        let (name, stage) = self.moment_and_stage(moment, event.event);
        let facts = EventFacts { event, moment: Some(name), stage };
        let is = |asked: &&roles::Outcome| asked.sure || self.charter.outcomes[index(asked.outcome)].when.holds(&facts);
        let taken = role.takes.iter().map(|take| take.read(event, &self.charter));
        let at_us = event.at.as_micros();
        let takes_us = |rule: u32| match self.expectations[index(rule)].within.ends_us(at_us) {
            i64::MAX => Kept::Null,
            due_us => Kept::Int(due_us.saturating_sub(at_us)),
        };
        let values = taken.chain(role.promises.iter().map(|(rule, _)| takes_us(*rule))).collect();
        Some(Digest {
            at_us,
            seq,
            received_us: event.received_at.unwrap_or(event.at).as_micros(),
            moment: number(moment),
            outcomes: role.outcomes.iter().filter(is).map(|asked| asked.outcome).collect(),
            values,
        })
    }

    /// The columns of an event that conditions of actions name, as they are kept of the latest one.
    pub(crate) fn latest_of(&self, event: &Event<'_>) -> Vec<Kept> {
        let copy = |column: &Column| match column {
            Column::Channel => Kept::copy(roles::channel(event, &self.charter)),
            column => event.get(column).value().map_or(Kept::Null, Kept::copy),
        };
        self.latest.iter().map(copy).collect()
    }
}

fn fingerprint(charter: &Charter) -> [u8; 8] {
    let digits = charter.hash.get(..16).unwrap_or("0");
    u64::from_str_radix(digits, 16).unwrap_or(0).to_be_bytes()
}

/// The names that moments have: those of the charter, or where it lists none, those that something refers to.
fn names(charter: &Charter) -> Vec<Box<str>> {
    use charter::actions::Measure;
    if !charter.moments.is_empty() {
        return charter.moments.iter().map(|moment| moment.name.as_str().into()).collect();
    }
    let journeys = charter.journeys.iter().flat_map(|journey| journey.starts.iter().chain(&journey.succeeds));
    let interactions = charter.interactions.iter().flat_map(|i| i.opens.iter().chain(&i.resolves));
    let expectations = charter.expectations.iter().flat_map(|e| [&e.after, &e.promise]);
    let surveys = charter.surveys.iter().map(|survey| &survey.moment);
    let features = charter.features.iter().filter_map(|feature| match &feature.measure {
        Measure::Count(of) | Measure::Sum(of, _) | Measure::Last(of, _) | Measure::Since(of) => Some(of),
        Measure::Kept(_) | Measure::Broken(_) | Measure::Pending(_) => None,
    });
    let all = journeys.chain(interactions).chain(expectations).chain(surveys).chain(features);
    let mut names: Vec<Box<str>> = all.map(|name| name.as_str().into()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Asks the conditions of all moments beforehand about every event name that one of them mentions.
fn by_event(charter: &Charter, names: &[Box<str>]) -> HashMap<Box<str>, Resolved, SeedableState<'static>> {
    let mut by_event = HashMap::with_hasher(SeedableState::fixed());
    if charter.moments.is_empty() {
        by_event.extend(names.iter().enumerate().map(|(i, name)| (name.clone(), Resolved::Moment(number(i)))));
        return by_event;
    }
    for name in charter.moments.iter().flat_map(|moment| moment.when.texts()) {
        let resolved = match charter.try_moment_of(&Named(name)) {
            Ok(Some(moment)) => Resolved::Moment(number(moment)),
            Ok(None) => Resolved::None,
            Err(from) => Resolved::From(number(from)),
        };
        by_event.insert(name.into(), resolved);
    }
    by_event
}

/// A moment of which nothing but its name and stage is known.
struct OnlyMoment<'a> {
    moment: Option<&'a str>,
    stage: Option<&'a str>,
}

impl Facts<Fact> for OnlyMoment<'_> {
    fn get(&self, column: &Fact) -> Answer<'_> {
        match column {
            Fact::Event(_) => Answer::Pending,
            Fact::Moment => self.moment.map_or(Answer::Pending, |name| Value::Text(name).into()),
            Fact::Stage => self.stage.map_or(Value::Null, Value::Text).into(),
            Fact::Feature(_) | Fact::Survey(_) => Value::Null.into(),
        }
    }
}

/// Which outcomes a moment may be: each with whether it certainly is.
fn outcomes(charter: &Charter, moment: Option<&str>, stage: Option<&str>) -> Vec<roles::Outcome> {
    let facts = OnlyMoment { moment, stage };
    let asked = charter.outcomes.iter().enumerate().filter_map(|(i, outcome)| match outcome.when.eval(&facts) {
        Truth::True => Some(roles::Outcome { outcome: number(i), sure: true }),
        Truth::Pending => Some(roles::Outcome { outcome: number(i), sure: false }),
        Truth::False | Truth::Null => None,
    });
    asked.collect()
}
