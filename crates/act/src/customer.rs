//! A customer at a time: what conditions of actions may ask, and what a person wants to see.

use charter::{Answer, Fact, Facts};
use event::{Column, Deadline, Timestamp, Value};

use crate::known::{Known, Promise, Series};
use crate::limits::{CONSENTS_MAX, DECISIONS_MAX, INTERACTIONS_OPEN_MAX, PROMISES_OPEN_MAX, SERIES_MAX};
use crate::plan::{FeaturePlan, Plan, Reads, index};
use crate::state::{Bound, Consent, State};
use crate::value::Kept;

/// What is known of one customer at a time.
#[derive(Debug, Clone)]
pub struct Customer<'a> {
    pub(crate) state: &'a State,
    pub(crate) plan: &'a Plan,
    pub(crate) now_us: i64,
    /// What features are read from where events of the customer lie ahead, by clocks that are ahead: they do not count yet.
    by_now: Option<Box<Known>>,
}

/// How the journeys of one kind stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JourneysStanding<'a> {
    /// The kind.
    pub journey: &'a str,
    /// When the open one began, if one is open.
    pub open_since_us: Option<i64>,
    /// How many reached their goal.
    pub succeeded: u64,
    /// How many were silent for too long.
    pub abandoned: u64,
}

/// A promise that was not fulfilled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenPromise {
    /// When it was made, in microseconds since 1970.
    pub made_us: i64,
    /// Until when it is to be fulfilled.
    pub due_us: i64,
}

/// How an expectation stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectationStanding<'a> {
    /// The expectation.
    pub expectation: &'a str,
    /// How many promises were kept.
    pub kept: u64,
    /// Of these, how many had been told to be broken, because it became known only later that they were kept.
    pub unbroken: u64,
    /// How many fell due and were not kept.
    pub broken: u64,
    /// Of these, how many were fulfilled late.
    pub late: u64,
    /// Those that may still be fulfilled, broken ones included, in the order in which they were made.
    pub open: Vec<OpenPromise>,
    /// How many of them are not due.
    pub pending: u64,
}

/// How the interactions of one kind stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InteractionsStanding<'a> {
    /// The kind.
    pub interaction: &'a str,
    /// How many go on.
    pub open: u64,
    /// How many were resolved.
    pub resolved: u64,
    /// How many were silent for too long.
    pub abandoned: u64,
}

impl State {
    /// The customer at a time.
    pub fn at<'a>(&'a self, plan: &'a Plan, now: Timestamp) -> Customer<'a> {
        let now_us = now.as_micros();
        let by_now = self.lies_ahead(now_us).then(|| Box::new(self.known_by(now_us, plan)));
        Customer { state: self, plan, now_us, by_now }
    }
}

impl<'a> Customer<'a> {
    /// The charter by which it is known.
    pub fn charter(&self) -> &'a charter::Charter {
        self.plan.charter()
    }

    /// How many events that are moments.
    pub fn events(&self) -> u64 {
        self.state.known().events
    }

    /// The stage that the customer is in, and since when.
    pub fn stage(&self) -> Option<(&'a str, i64)> {
        let (stage, since_us) = self.state.known().stage?;
        Some((self.plan.charter().stages[index(stage)].name.as_str(), since_us))
    }

    /// What the customer decided about purposes, in the order of names.
    pub fn consents(&self) -> &'a [Consent] {
        self.state.consents()
    }

    /// Whether the customer has consented to a purpose.
    pub fn consents_to(&self, purpose: &str) -> bool {
        self.consents().iter().any(|consent| consent.purpose == purpose && consent.granted)
    }

    /// The features, in the order of the charter.
    pub fn features(&self) -> impl Iterator<Item = (&'a str, Value<'a>)> {
        let names = self.plan.charter().features.iter().map(|feature| feature.name.as_str());
        names.zip(self.plan.features.iter().map(|feature| self.value(feature)))
    }

    /// All that conditions of actions may name and do, in the order of [`Plan::facts`]; `None` where it is not there: the columns of
    /// the latest event that one of them names, its moment, the stage, surveys, features.
    pub fn facts(&self) -> impl Iterator<Item = Option<Value<'a>>> {
        let (state, plan) = (self.state, self.plan);
        let columns = (0..plan.latest.len()).map(|at| state.latest().get(at).map(Kept::value));
        let moment = state.known().last.and_then(|_| plan.names.get(index(state.known().moment)));
        let moment = moment.map(|name| Value::Text(name));
        let stage = self.stage().map(|(stage, _)| Value::Text(stage));
        let surveys = state.known().surveys.iter().map(|score| Some(score.map_or(Value::Null, Value::Float)));
        let features = self.plan.features.iter().map(|feature| Some(self.value(feature)));
        columns.chain([moment, stage]).chain(surveys).chain(features)
    }

    /// A feature by its name; `None` where the charter has none of that name.
    pub fn feature(&self, name: &str) -> Option<Value<'a>> {
        self.plan.feature(name).map(|feature| self.value(&self.plan.features[feature]))
    }

    /// How often an outcome came; `None` where the charter has none of that name.
    pub fn outcome(&self, name: &str) -> Option<u64> {
        let position = self.plan.charter().outcomes.iter().position(|outcome| outcome.name == name)?;
        Some(self.state.known().outcomes[position].times)
    }

    /// How the journeys stand, in the order of the charter.
    pub fn journeys(&self) -> Vec<JourneysStanding<'a>> {
        let known = self.state.known();
        let last_us = known.last.map_or(0, |(at_us, _)| at_us);
        let journeys = self.plan.charter().journeys.iter().zip(&self.plan.journeys).zip(&known.journeys);
        let standing = journeys.map(|((journey, silence), found)| {
            let is_over = |silence: &Deadline| found.open.is_some() && silence.is_over(last_us, self.now_us);
            let over = silence.as_ref().is_some_and(is_over);
            JourneysStanding {
                journey: &journey.name,
                open_since_us: found.open.filter(|_| !over),
                succeeded: found.succeeded,
                abandoned: found.abandoned.saturating_add(u64::from(over)),
            }
        });
        standing.collect()
    }

    /// How the expectations stand, in the order of the charter.
    pub fn expectations(&self) -> Vec<ExpectationStanding<'a>> {
        let known = self.state.known();
        let expectations = self.plan.charter().expectations.iter().zip(&known.promises).enumerate();
        let standing = expectations.map(|(rule, (expectation, found))| {
            let of = |promise: &&Promise| index(promise.rule) == rule;
            let open: Vec<OpenPromise> =
                known.open.iter().filter(of).map(|p| OpenPromise { made_us: p.made_us, due_us: p.due_us }).collect();
            let pending = open.iter().filter(|promise| promise.due_us > self.now_us).count() as u64;
            let overdue = (open.len() as u64).saturating_sub(pending);
            ExpectationStanding {
                expectation: &expectation.name,
                kept: found.kept,
                unbroken: found.unbroken,
                broken: found.late.saturating_add(overdue),
                late: found.late,
                pending,
                open,
            }
        });
        standing.collect()
    }

    /// How the interactions stand, in the order of the charter.
    pub fn interactions(&self) -> Vec<InteractionsStanding<'a>> {
        let known = self.state.known();
        let interactions = self.plan.charter().interactions.iter().zip(&known.requests).enumerate();
        let standing = interactions.map(|(kind, (interaction, found))| {
            let open = known.requested.iter().filter(|open| index(open.kind) == kind);
            let (mut goes_on, mut over) = (0, 0);
            for open in open {
                *if open.is_over(self.now_us, self.plan) { &mut over } else { &mut goes_on } += 1;
            }
            InteractionsStanding {
                interaction: &interaction.name,
                open: goes_on,
                resolved: found.resolved,
                abandoned: found.abandoned.saturating_add(over),
            }
        });
        standing.collect()
    }

    /// What there was no room for.
    pub fn bounds(&self) -> Vec<Bound> {
        let (known, charter) = (self.state.known(), self.plan.charter());
        let mut bounds = Vec::new();
        let mut reached = |reached: bool, what: String, most: usize| {
            bounds.extend(reached.then_some(Bound { what, most }));
        };
        for (feature, series) in charter.features.iter().zip(&known.series) {
            reached(series.forgotten_us().is_some(), format!("feature.{}", feature.name), SERIES_MAX);
        }
        for (expectation, found) in charter.expectations.iter().zip(&known.promises) {
            reached(found.given_up > 0, format!("expectation.{}", expectation.name), PROMISES_OPEN_MAX);
        }
        for (interaction, found) in charter.interactions.iter().zip(&known.requests) {
            reached(found.given_up > 0, format!("interaction.{}", interaction.name), INTERACTIONS_OPEN_MAX);
        }
        reached(self.state.has_full_rooms(self.plan), "decisions".to_owned(), DECISIONS_MAX);
        reached(self.consents().len() >= CONSENTS_MAX, "consents".to_owned(), CONSENTS_MAX);
        bounds
    }

    fn value(&self, feature: &FeaturePlan) -> Value<'a> {
        let known = self.by_now.as_deref().unwrap_or_else(|| self.state.known());
        let now_us = self.now_us;
        let within =
            |at_us: i64| at_us <= now_us && feature.within.as_ref().is_none_or(|window| !window.is_over(at_us, now_us));
        let series = &known.series[feature.series];
        let open = |rule: u32| known.open.iter().filter(move |promise| promise.rule == rule);
        match feature.reads {
            Reads::Count => count(times(series, within)),
            Reads::Broken(rule) => {
                count(times(series, within).saturating_add(open(rule).filter(|p| within(p.due_us)).count() as u64))
            }
            Reads::Pending(rule) => count(open(rule).filter(|p| p.due_us > now_us && within(p.made_us)).count() as u64),
            Reads::Sum => match series {
                Series::Sum(sum) => Value::Float(*sum),
                Series::Amounts(recent) if recent.forgotten_us.is_some_and(within) => Value::Null,
                Series::Amounts(recent) => {
                    let amounts = recent.entries.iter().filter(|(at_us, _)| within(*at_us));
                    Value::Float(amounts.fold(0.0, |sum, (_, amount)| sum + amount))
                }
                _ => Value::Null,
            },
            Reads::Last => match self.state.last_of(feature.series, now_us, self.plan) {
                Some((at_us, value)) if within(at_us) => value.value(),
                _ => Value::Null,
            },
            Reads::Since => match self.state.last_of(feature.series, now_us, self.plan) {
                Some((at_us, _)) if within(at_us) => Value::Int(now_us.saturating_sub(at_us)),
                _ => Value::Null,
            },
        }
    }

    /// A column of the latest event, as far as conditions name it.
    fn latest(&self, column: &Column) -> Value<'a> {
        let position = self.plan.latest.iter().position(|known| known == column);
        position.and_then(|at| self.state.latest().get(at)).map_or(Value::Null, Kept::value)
    }

    /// The customer in numbers, for propensities that are learnt: each feature, and whether it is known; each survey; the
    /// stage. It is at least one, so that a decision [without any](crate::Decision::features) is one that nothing is learnt from.
    #[expect(clippy::cast_possible_truncation, reason = "seven digits are plenty for a model")]
    pub(crate) fn numbers(&self) -> Vec<f32> {
        const DAY_US: f64 = 86_400e6;
        let squeezed = |number: f64| number.signum() * number.abs().ln_1p();
        let mut numbers = Vec::with_capacity(self.plan.numbers());
        for feature in &self.plan.features {
            let number = match (self.value(feature), feature.reads) {
                (Value::Int(us), Reads::Since) => Some(squeezed(us as f64 / DAY_US)),
                (Value::Int(number), _) => Some(squeezed(number as f64)),
                (Value::Float(number), _) => Some(squeezed(number)),
                (Value::Bool(truth), _) => Some(f64::from(u8::from(truth))),
                _ => None,
            };
            numbers.extend([number.unwrap_or(0.0) as f32, f32::from(u8::from(number.is_some()))]);
        }
        numbers.extend(self.state.known().surveys.iter().map(|score| score.map_or(0.0, squeezed) as f32));
        let stage = self.state.known().stage.map(|(stage, _)| index(stage));
        let stages = 0..self.plan.charter().stages.len();
        numbers.extend(stages.map(|other| f32::from(u8::from(stage == Some(other)))));
        numbers.resize(self.plan.numbers(), 0.0);
        numbers
    }
}

fn count(number: u64) -> Value<'static> {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

fn times(series: &Series, within: impl Fn(i64) -> bool) -> u64 {
    match series {
        Series::Total(total) => *total,
        Series::Times(recent) => {
            let times = recent.entries.iter().map(|(at_us, ())| *at_us).chain(recent.forgotten_us);
            times.filter(|at_us| within(*at_us)).count() as u64
        }
        Series::Sum(_) | Series::Last(_) | Series::Amounts(_) => 0,
    }
}

impl Facts<Fact> for Customer<'_> {
    fn get(&self, column: &Fact) -> Answer<'_> {
        let known = self.state.known();
        match column {
            Fact::Event(Column::At) => {
                known.last.map_or(Value::Null, |(at_us, _)| Value::Time(Timestamp::from_micros(at_us)))
            }
            Fact::Event(column) => self.latest(column),
            Fact::Moment => match known.last.and_then(|_| self.plan.names.get(index(known.moment))) {
                Some(name) => Value::Text(name),
                None => self.latest(&Column::Event),
            },
            Fact::Stage => self.stage().map_or(Value::Null, |(stage, _)| Value::Text(stage)),
            Fact::Feature(name) => self.feature(name).unwrap_or(Value::Null),
            Fact::Survey(name) => {
                let position = self.plan.charter().surveys.iter().position(|survey| survey.name == *name);
                position.and_then(|at| known.surveys[at]).map_or(Value::Null, Value::Float)
            }
        }
        .into()
    }
}
