//! The funnel: how many customers take certain steps in order, within a time counted from the first.

use std::sync::Arc;

use charter::Charter;
use charter::journeys::Journey as Drawn;
use evidence::{Doubt, Share};
use journey::{Fold, Hands, Journey, Moment, Moments, Setting};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::compare::Shares;
use crate::count::Customers;
use crate::durations::{Durations, Times};
use crate::kept;
use crate::limits::EXACT_TIMES_BYTES;
use crate::question::{Question, elapsed_us, known_moment, yes_or_no};
use crate::sketch::RELATIVE_ERROR;
use crate::table::{Cell, Table};
use crate::{Comparison, Error};

/// The options of the funnel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The moments that are the steps, in order; a moment may come several times.
    pub steps: Vec<String>,
    /// The time from the first step within which the others count, such as `30d`; without it, any time.
    pub within: Option<String>,
    /// Whether the earliest first step starts the only chain that counts, and each next step is the earliest that
    /// follows.
    pub from_first: bool,
}

impl Question for Options {
    const NAME: &'static str = "funnel";
    const OPTIONS: &'static [(&'static str, &'static str)] = &[
        ("steps", "the moments, in order, with commas between them"),
        ("within", "the time from the first step within which the others count, such as 30d"),
        ("from_first", "take the earliest first step and go on from there, instead of the best chain over every start"),
    ];
    type Answer = Answer;
    type Fold = FunnelFold;

    fn set(&mut self, option: &str, value: &str) -> Result<(), Error> {
        match option {
            "steps" => self.steps = steps(value)?,
            "within" => {
                elapsed_us(Self::NAME, option, value)?;
                self.within = Some(value.to_owned());
            }
            "from_first" => self.from_first = yes_or_no(Self::NAME, option, value)?,
            _ => return Err(Error::unknown_option(Self::NAME, option, Self::OPTIONS)),
        }
        Ok(())
    }

    fn check(&self) -> Result<(), Error> {
        if self.steps.is_empty() {
            return Err(Error::wrong_value(Self::NAME, "steps", "", "the moments in order, as in visit,cart,order"));
        }
        self.within.as_deref().map_or(Ok(()), |within| elapsed_us(Self::NAME, "within", within).map(|_| ()))
    }

    fn names(&self, _: &Charter, _: Option<&Drawn>) -> Vec<String> {
        self.steps.clone()
    }

    fn fold(&self, setting: &Setting) -> FunnelFold {
        let within = self.within.as_deref().and_then(|within| elapsed_us(Options::NAME, "within", within).ok());
        let count = self.steps.len();
        let mut durations = Durations::new(EXACT_TIMES_BYTES);
        durations.grow(count);
        FunnelFold {
            options: self.clone(),
            within_us: within.map_or(u64::MAX, i64::unsigned_abs),
            moments: setting.moments.clone(),
            roles: Vec::new(),
            wanted: vec![Moment::NONE; count + 1],
            same_before: vec![NONE; count],
            chains: vec![Chain::default(); count + 1],
            journeys: 0,
            customers: Customers::default(),
            furthest: 0,
            reached: vec![0; count],
            durations,
        }
    }

    fn compare(a: (&str, FunnelFold), b: (&str, FunnelFold), moments: &Moments) -> Result<Comparison<Answer>, Error> {
        Ok(Comparison::new((a.0, a.1.finish(moments)?), (b.0, b.1.finish(moments)?), shares))
    }

    fn tables(answer: &Answer) -> Vec<Table> {
        vec![table(answer)]
    }
}

/// Reads `visit,cart,order`, or a JSON list of texts for names with commas.
fn steps(value: &str) -> Result<Vec<String>, Error> {
    if value.starts_with('[') {
        let expected = r#"a list of texts, as in ["visit","cart"]"#;
        return serde_json::from_str(value).map_err(|_| Error::wrong_value(Options::NAME, "steps", value, expected));
    }
    Ok(value.split(',').map(str::trim).filter(|step| !step.is_empty()).map(str::to_owned).collect())
}

/// What makes a customer's events a way through the funnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Semantics {
    /// The furthest step that any chain from any first step reaches.
    Window,
    /// The furthest step that the chain from the earliest first step of a journey reaches.
    FromFirst,
}

/// How many customers get how far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Which chains count.
    pub semantics: Semantics,
    /// The time from the first step within which the others count, in seconds.
    pub within_s: Option<f64>,
    /// The number of journeys.
    pub journeys: u64,
    /// The number of customers, with or without the first step.
    pub customers: u64,
    /// Whether the times are exact.
    pub times: Times,
    /// The steps in order.
    pub steps: Vec<Step>,
    /// What stands against these figures.
    pub doubts: Vec<Doubt>,
}

/// One step of the funnel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The moment.
    pub moment: Arc<str>,
    /// How many customers got at least here; each counts once, with the journey that got furthest.
    pub customers: u64,
    /// As a share of those with the first step; null where nobody has it.
    pub of_first: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub of_first_low: Option<f64>,
    /// Upper end.
    pub of_first_high: Option<f64>,
    /// As a share of those with the step before; 1 at the first step, null where nobody has the one before.
    pub of_previous: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub of_previous_low: Option<f64>,
    /// Upper end.
    pub of_previous_high: Option<f64>,
    /// Median time since the step before in seconds, in the chain that first got here: among those that did at the same
    /// event, the one that started last. Null at the first step and where nobody got.
    pub median_s: Option<f64>,
}

/// What the funnel counts.
#[derive(Debug)]
pub struct FunnelFold {
    options: Options,
    within_us: u64,
    moments: Moments,
    /// By moment, as far as moments are known.
    roles: Vec<Role>,
    /// By step, its moment; `Moment::NONE` while that is not known, and after the last step.
    wanted: Vec<Moment>,
    /// By step: the step before it that is the same moment, or `NONE`.
    same_before: Vec<usize>,
    /// At `s`: the chain through the steps before `s` that started last. The one at 0 starts at the present event.
    chains: Vec<Chain>,
    journeys: u64,
    customers: Customers,
    /// How many steps the present customer took in the best journey so far.
    furthest: usize,
    reached: Vec<u64>,
    durations: Durations,
}

/// The mark of no step.
const NONE: usize = usize::MAX;

/// Which steps a moment is.
#[derive(Debug, Clone, Copy)]
struct Role {
    first: usize,
    last: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Chain {
    started_us: i64,
    at_us: i64,
}

impl FunnelFold {
    /// Finds out which steps the moments are that became known since.
    #[cold]
    fn learn(&mut self) {
        for (moment, name) in (0..).map(Moment).zip(self.moments.names()).skip(self.roles.len()) {
            let mut role = Role { first: NONE, last: NONE };
            for (step, wanted) in self.options.steps.iter().enumerate() {
                if **wanted == *name {
                    self.wanted[step] = moment;
                    self.same_before[step] = role.last;
                    role = Role { first: role.first.min(step), last: step };
                }
            }
            self.roles.push(role);
        }
    }

    /// How many steps the moments hold in order, at whatever times: no chain takes more. Most journeys end here, at one
    /// comparison per event.
    #[inline]
    fn most(&mut self, moments: &[Moment]) -> usize {
        let (mut depth, mut largest) = (0, 0);
        let mut wanted = self.wanted[0];
        for moment in moments {
            largest = largest.max(moment.0);
            if *moment == wanted {
                depth += 1;
                wanted = self.wanted[depth];
            }
        }
        if largest as usize >= self.roles.len() {
            self.learn();
            return self.most(moments);
        }
        depth
    }

    fn best_chain(&mut self, journey: &Journey<'_>, most: usize) {
        let mut depth = 0;
        for (moment, at_us) in journey.moments.iter().zip(journey.at_us) {
            let role = self.roles[moment.index()];
            if role.first > depth {
                continue;
            }
            self.chains[0] = Chain { started_us: *at_us, at_us: *at_us };
            // The last step first, so that one event is not two steps of the same chain.
            let mut step = role.last;
            while step != NONE {
                if step <= depth {
                    depth = self.extend(step, depth, *at_us);
                }
                step = self.same_before[step];
            }
            if depth == most {
                return;
            }
        }
    }

    /// Takes `step` with the event at `at_us`, if a chain is there to be extended; how many steps are taken then.
    #[inline]
    fn extend(&mut self, step: usize, depth: usize, at_us: i64) -> usize {
        let chain = self.chains[step];
        if at_us.wrapping_sub(chain.started_us).cast_unsigned() > self.within_us {
            return depth;
        }
        if step == depth {
            self.chains[step + 1] = Chain { started_us: chain.started_us, at_us };
            self.reach(step, chain.at_us, at_us);
            return depth + 1;
        }
        // A chain that started later lasts longer, so it takes the place of the one that was there.
        if chain.started_us > self.chains[step + 1].started_us {
            self.chains[step + 1] = Chain { started_us: chain.started_us, at_us };
        }
        depth
    }

    fn first_chain(&mut self, journey: &Journey<'_>) {
        let (mut depth, mut started_us, mut before_us) = (0, 0, 0);
        for (moment, at_us) in journey.moments.iter().zip(journey.at_us) {
            if *moment != self.wanted[depth] {
                continue;
            }
            if depth == 0 {
                (started_us, before_us) = (*at_us, *at_us);
            } else if at_us.wrapping_sub(started_us).cast_unsigned() > self.within_us {
                return;
            }
            self.reach(depth, before_us, *at_us);
            before_us = *at_us;
            depth += 1;
        }
    }

    /// A journey of the present customer gets to a step; it counts if none did before.
    #[inline]
    fn reach(&mut self, step: usize, before_us: i64, at_us: i64) {
        if step < self.furthest {
            return;
        }
        self.furthest = step + 1;
        self.reached[step] += 1;
        if step > 0 {
            self.durations.push(step, at_us.wrapping_sub(before_us).cast_unsigned());
            self.durations.added(1);
        }
    }
}

impl Fold for FunnelFold {
    type Answer = Result<Answer, Error>;

    #[inline]
    fn journey(&mut self, journey: &Journey<'_>) {
        self.journeys += 1;
        if self.customers.enter(journey.customer) {
            self.furthest = 0;
        }
        match self.most(journey.moments) {
            0 => {}
            // The first step has no time before it.
            1 => self.reach(0, 0, 0),
            _ if self.options.from_first => self.first_chain(journey),
            most => self.best_chain(journey, most),
        }
    }

    fn merge(&mut self, other: Self) {
        self.journeys += other.journeys;
        self.customers.merge(&other.customers);
        for (ours, theirs) in self.reached.iter_mut().zip(&other.reached) {
            *ours += theirs;
        }
        let same: Vec<usize> = (0..other.reached.len()).collect();
        self.durations.merge(other.durations, &same);
    }

    fn settle(&mut self, hands: &dyn Hands) {
        self.durations.settle(hands);
    }

    fn keep(&mut self) -> Option<Vec<u8>> {
        kept::keep(&(self.journeys, &self.customers, &self.reached, self.durations.keep()?))
    }

    fn resume(&mut self, kept: &[u8]) -> bool {
        let Some((journeys, customers, reached, durations)) = kept::resume(kept) else { return false };
        (self.journeys, self.customers, self.reached) = (journeys, customers, reached);
        self.durations.resume(durations);
        true
    }

    fn subtract(&mut self, other: Self) {
        self.journeys -= other.journeys;
        self.customers.subtract(&other.customers);
        for (ours, theirs) in self.reached.iter_mut().zip(&other.reached) {
            *ours -= theirs;
        }
        let same: Vec<usize> = (0..other.reached.len()).collect();
        self.durations.subtract(other.durations, &same);
    }

    fn finish(self, moments: &Moments) -> Result<Answer, Error> {
        for step in &self.options.steps {
            known_moment(moments, step)?;
        }
        let times = self.durations.times();
        let medians: Vec<Option<f64>> =
            self.durations.finish().into_iter().map(|summary| summary.map(|s| s.median_s)).collect();
        let first = self.reached.first().copied().unwrap_or(0);
        let mut previous = first;
        let mut steps = Vec::with_capacity(self.reached.len());
        for ((name, reached), median_s) in self.options.steps.iter().zip(self.reached).zip(medians) {
            let (of_first, of_previous) = (Share::new(reached, first), Share::new(reached, previous));
            previous = reached;
            steps.push(Step {
                moment: name.as_str().into(),
                customers: reached,
                of_first: of_first.share,
                of_first_low: of_first.low,
                of_first_high: of_first.high,
                of_previous: of_previous.share,
                of_previous_low: of_previous.low,
                of_previous_high: of_previous.high,
                median_s,
            });
        }
        let approximate = (times == Times::Sketch)
            .then(|| Doubt::Approximate { what: "median_s".to_owned(), relative_error: RELATIVE_ERROR });
        Ok(Answer {
            semantics: if self.options.from_first { Semantics::FromFirst } else { Semantics::Window },
            within_s: self.options.within.is_some().then_some(self.within_us as f64 / 1e6),
            journeys: self.journeys,
            customers: self.customers.count(),
            times,
            steps,
            doubts: Doubt::few("customers with the first step", first).into_iter().chain(approximate).collect(),
        })
    }
}

/// The first step of all customers, the others of those with the first step.
fn shares(answer: &Answer) -> Shares {
    let first = answer.steps.first().map_or(0, |step| step.customers);
    let share = |(i, step): (usize, &Step)| {
        let (of, of_what) = if i == 0 { (answer.customers, "all customers") } else { (first, "the first step") };
        (format!("{}. {}, of {of_what}", i + 1, step.moment), Share::new(step.customers, of))
    };
    Shares { of: first, by_name: answer.steps.iter().enumerate().map(share).collect() }
}

fn table(answer: &Answer) -> Table {
    let shares = ["of_first", "of_first_low", "of_first_high", "of_previous", "of_previous_low", "of_previous_high"];
    let mut table = Table::new("Funnel", &[&["moment", "customers"][..], &shares, &["median_s"]].concat());
    for step in &answer.steps {
        let of_first = [step.of_first, step.of_first_low, step.of_first_high];
        let of_previous = [step.of_previous, step.of_previous_low, step.of_previous_high];
        let shares = [of_first, of_previous].concat().into_iter().map(Cell::share);
        let counted = [Cell::Text(Arc::clone(&step.moment)), Cell::Count(step.customers)];
        let median = step.median_s.map_or(Cell::Empty, Cell::Seconds);
        table.row(counted.into_iter().chain(shares).chain([median]).collect::<Vec<_>>());
    }
    let chain = match answer.semantics {
        Semantics::Window => "each customer counts once, by the best chain from any first step",
        Semantics::FromFirst => {
            "each journey counts by the chain from its earliest first step, each customer once by the best of these"
        }
    };
    let window = answer.within_s.map_or(String::new(), |s| format!(", within {} of it", Cell::Seconds(s)));
    table.notes.push(format!("{chain}{window}"));
    table.doubts(&answer.doubts)
}

#[cfg(test)]
mod tests;
