//! From what was counted of journeys that end to shares, times, amounts and tables.

use std::cmp::Reverse;
use std::sync::Arc;

use evidence::{Doubt, Share};
use journey::{Moment, Moments};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ABANDONED, AbandonmentFold, At, OPEN, SUCCEEDED, Sum};
use crate::compare::{Shares, shorten};
use crate::durations::{Summary, Times};
use crate::question::Names;
use crate::sketch::RELATIVE_ERROR;
use crate::table::{Cell, Table};

/// Where journeys end without success.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The charter's journey.
    pub journey: Option<String>,
    /// The silence after which it counts as abandoned, as in the charter.
    pub abandoned_after: Option<String>,
    /// The number of journeys: those that succeeded, that may still go on, and that were abandoned.
    pub journeys: u64,
    /// The number of customers.
    pub customers: u64,
    /// Journeys that reached their goal.
    pub succeeded: u64,
    /// Journeys that may still go on.
    pub open: u64,
    /// Journeys that were abandoned.
    pub abandoned: u64,
    /// Abandoned as a share of those that succeeded or were abandoned.
    pub abandoned_share: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub abandoned_share_low: Option<f64>,
    /// Upper end.
    pub abandoned_share_high: Option<f64>,
    /// Who started another journey after an abandoned one.
    pub came_back: Returned,
    /// The currency of all amounts.
    pub currency: Option<String>,
    /// What was in abandoned journeys, all outcomes together that have a value and are not bad.
    pub value: Value,
    /// The same by outcome of the charter, bad ones included, over the journeys in which it has a value.
    pub outcomes: Vec<Valued>,
    /// Whether the times are exact.
    pub times: Times,
    /// The last moments of journeys, those first at which most were abandoned.
    pub moments: Vec<Place>,
    /// What stands against these figures.
    pub doubts: Vec<Doubt>,
}

/// Who came back after an abandoned journey.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Returned {
    /// After how many abandoned journeys the same customer started another one, as far as is known yet.
    pub count: u64,
    /// As a share of the abandoned journeys.
    pub share: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub share_low: Option<f64>,
    /// Upper end.
    pub share_high: Option<f64>,
    /// Median time from the last event of the one to the first of the other, in seconds.
    pub median_s: Option<f64>,
}

/// Amounts in journeys, in the currency of the charter.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Value {
    /// In how many journeys an event says what it is worth; the others hold nothing that counts, or nothing that is a number.
    pub priced: u64,
    /// All together.
    pub total: f64,
    /// Per journey, of an outcome per journey that is priced; null where there is none.
    pub mean: Option<f64>,
}

/// What journeys hold of an outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Valued {
    /// The outcome.
    pub outcome: String,
    /// How many abandoned journeys have it.
    pub abandoned: u64,
    /// What it was worth in them.
    pub in_abandoned: Value,
    /// How many journeys that succeeded have it.
    pub succeeded: u64,
    /// What it was worth in them.
    pub in_succeeded: Value,
}

/// A moment, and what ends and goes on there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The moment.
    pub moment: Arc<str>,
    /// Journeys that ever were here.
    pub journeys: u64,
    /// Journeys that were abandoned here: it was their last moment.
    pub abandoned: u64,
    /// As a share of those that ever were here.
    pub abandoned_share: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub abandoned_share_low: Option<f64>,
    /// Upper end.
    pub abandoned_share_high: Option<f64>,
    /// Journeys whose last moment it is so far, and that may still go on.
    pub open: u64,
    /// Journeys that succeeded here.
    pub succeeded: u64,
    /// What was in those abandoned here.
    pub value: Value,
    /// What was, in the mean, in the journeys that were here and ended elsewhere or succeeded.
    pub others_value_mean: Option<f64>,
    /// How often the moment occurred.
    pub events: u64,
    /// How often the journey went on from here.
    pub went_on: u64,
    /// As a share of how often the moment occurred.
    pub went_on_share: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub went_on_share_low: Option<f64>,
    /// Upper end.
    pub went_on_share_high: Option<f64>,
    /// Median wait until the next moment where it went on, in seconds.
    pub wait_median_s: Option<f64>,
    /// Its 90th percentile: a longer silence is unusual here.
    pub wait_p90_s: Option<f64>,
    /// Who started another journey after one abandoned here.
    pub came_back: Returned,
}

fn amount(millionths: i128) -> f64 {
    millionths as f64 / 1e6
}

impl Value {
    /// What journeys are worth: those without an amount hold nothing.
    fn of(sum: Sum) -> Self {
        Self::over(sum, sum.journeys)
    }

    /// What an outcome is worth in journeys that have it: what it is worth in those without an amount is not known.
    fn known(sum: Sum) -> Self {
        Self::over(sum, sum.priced)
    }

    fn over(sum: Sum, journeys: u64) -> Self {
        let total = amount(sum.millionths);
        Self { priced: sum.priced, total, mean: (journeys > 0).then(|| total / journeys as f64) }
    }
}

impl Returned {
    fn new(count: u64, of: u64, median_s: Option<f64>) -> Self {
        let share = Share::new(count, of);
        Self { count, share: share.share, share_low: share.low, share_high: share.high, median_s }
    }
}

/// The answer of each fold of a question, with the moments that are among the first of any of them.
pub(super) fn answers<const N: usize>(folds: [AbandonmentFold; N], moments: &Moments) -> [Answer; N] {
    let limit = folds.first().map_or(0, |fold| fold.limit);
    let mut answers = folds.map(|fold| answer(fold, moments));
    shorten(&mut answers, limit, "moments", |answer| &mut answer.moments, |place| &place.moment);
    answers
}

fn answer(fold: AbandonmentFold, moments: &Moments) -> Answer {
    let names = Names::of(moments);
    let times = if fold.waits.times() == Times::Sketch { Times::Sketch } else { fold.returns.times() };
    let waits = fold.waits.finish();
    let returns = fold.returns.finish();
    let [succeeded, open, abandoned] = fold.counts.endings;
    let came_back: u64 = fold.counts.moments.iter().map(|at| at.came_back).sum();
    let placed =
        |(moment, at): (Moment, &At)| place(names.name(moment), at, waits[moment.index()], returns[moment.index() + 1]);
    let mut places: Vec<Place> =
        (0..).map(Moment).zip(&fold.counts.moments).filter(|(_, at)| at.events > 0).map(placed).collect();
    places.sort_unstable_by(|a, b| {
        (Reverse(a.abandoned), Reverse(a.journeys), &a.moment).cmp(&(
            Reverse(b.abandoned),
            Reverse(b.journeys),
            &b.moment,
        ))
    });
    let left = fold.counts.moments.iter().fold(Sum::default(), |mut all, at| {
        all.merge(at.left);
        all
    });
    let valued = fold.outcomes.iter().zip(&fold.counts.values).map(|(outcome, values)| Valued {
        outcome: outcome.name.clone(),
        abandoned: values[ABANDONED].journeys,
        in_abandoned: Value::known(values[ABANDONED]),
        succeeded: values[SUCCEEDED].journeys,
        in_succeeded: Value::known(values[SUCCEEDED]),
    });
    let share = Share::new(abandoned, succeeded + abandoned);
    let approximate = (times == Times::Sketch)
        .then(|| Doubt::Approximate { what: "medians and percentiles".to_owned(), relative_error: RELATIVE_ERROR });
    let doubts = [Doubt::few("journeys that succeeded or were abandoned", succeeded + abandoned), approximate];
    Answer {
        journey: fold.journey,
        abandoned_after: fold.abandoned_after,
        journeys: succeeded + open + abandoned,
        customers: fold.counts.customers.count(),
        succeeded,
        open,
        abandoned,
        abandoned_share: share.share,
        abandoned_share_low: share.low,
        abandoned_share_high: share.high,
        came_back: Returned::new(
            came_back,
            abandoned,
            returns.first().copied().flatten().map(|summary| summary.median_s),
        ),
        currency: fold.currency,
        value: Value::of(left),
        outcomes: valued.collect(),
        times,
        moments: places,
        doubts: doubts.into_iter().flatten().collect(),
    }
}

fn place(moment: Arc<str>, at: &At, wait: Option<Summary>, back: Option<Summary>) -> Place {
    let (left, went_on) = (Share::new(at.ended[ABANDONED], at.journeys), Share::new(at.went_on, at.events));
    Place {
        moment,
        journeys: at.journeys,
        abandoned: left.count,
        abandoned_share: left.share,
        abandoned_share_low: left.low,
        abandoned_share_high: left.high,
        open: at.ended[OPEN],
        succeeded: at.ended[SUCCEEDED],
        value: Value::of(at.left),
        others_value_mean: Value::of(at.others).mean,
        events: at.events,
        went_on: at.went_on,
        went_on_share: went_on.share,
        went_on_share_low: went_on.low,
        went_on_share_high: went_on.high,
        wait_median_s: wait.map(|wait| wait.median_s),
        wait_p90_s: wait.map(|wait| wait.p90_s),
        came_back: Returned::new(at.came_back, left.count, back.map(|back| back.median_s)),
    }
}

pub(super) fn shares(answer: &Answer) -> Shares {
    let mut by_name = std::collections::BTreeMap::new();
    let over = answer.succeeded + answer.abandoned;
    by_name.insert("abandoned".to_owned(), Share::new(answer.abandoned, over));
    by_name.insert("came back after that".to_owned(), Share::new(answer.came_back.count, answer.abandoned));
    for place in &answer.moments {
        let what = format!("abandoned at {}, of those who were there", place.moment);
        by_name.insert(what, Share::new(place.abandoned, place.journeys));
    }
    // At a moment that the other group never was at, nothing is known of it.
    Shares { of: 0, by_name }
}

pub(super) fn tables(answer: &Answer) -> Vec<Table> {
    let mut tables = vec![endings(answer)];
    if !answer.outcomes.is_empty() {
        tables.push(outcomes(answer));
    }
    tables
}

fn endings(answer: &Answer) -> Table {
    let mut table = Table::new(
        "Where journeys end without success",
        &[
            "moment",
            "abandoned",
            "abandoned_share",
            "abandoned_share_low",
            "abandoned_share_high",
            "journeys",
            "value_priced",
            "value_total",
            "value_mean",
            "others_value_mean",
            "went_on_share",
            "went_on_share_low",
            "went_on_share_high",
            "wait_median_s",
            "wait_p90_s",
            "came_back_share",
            "came_back_share_low",
            "came_back_share_high",
            "came_back_median_s",
        ],
    );
    let priced = answer.outcomes.iter().any(|outcome| outcome.abandoned + outcome.succeeded > 0);
    let number = |number: Option<f64>| number.filter(|_| priced).map_or(Cell::Empty, Cell::Number);
    let seconds = |seconds: Option<f64>| seconds.map_or(Cell::Empty, Cell::Seconds);
    for place in &answer.moments {
        table.row([
            Cell::Text(Arc::clone(&place.moment)),
            Cell::Count(place.abandoned),
            Cell::share(place.abandoned_share),
            Cell::share(place.abandoned_share_low),
            Cell::share(place.abandoned_share_high),
            Cell::Count(place.journeys),
            if priced { Cell::Count(place.value.priced) } else { Cell::Empty },
            number(Some(place.value.total)),
            number(place.value.mean),
            number(place.others_value_mean),
            Cell::share(place.went_on_share),
            Cell::share(place.went_on_share_low),
            Cell::share(place.went_on_share_high),
            seconds(place.wait_median_s),
            seconds(place.wait_p90_s),
            Cell::share(place.came_back.share),
            Cell::share(place.came_back.share_low),
            Cell::share(place.came_back.share_high),
            seconds(place.came_back.median_s),
        ]);
    }
    table.notes = notes(answer, priced);
    table.doubts(&answer.doubts)
}

fn notes(answer: &Answer, priced: bool) -> Vec<String> {
    let mut notes = Vec::new();
    let [journeys, succeeded, open, abandoned, back] =
        [answer.journeys, answer.succeeded, answer.open, answer.abandoned, answer.came_back.count].map(Cell::Count);
    notes.push(format!(
        "{journeys} journeys: {succeeded} succeeded, {open} may still go on, {abandoned} were abandoned; after {back} of \
         these the customer came back"
    ));
    match &answer.abandoned_after {
        Some(silence) => notes.push(format!("abandoned: silent for longer than {silence}, without success")),
        None => notes.push(
            "the charter names no `abandoned_after:` for this journey, so none is ever abandoned; add for instance \
             `abandoned_after: 14d`"
                .to_owned(),
        ),
    }
    if priced {
        let currency = answer.currency.as_deref().unwrap_or("the currency of the events");
        notes.push(format!("amounts in {currency}"));
    }
    notes
}

fn outcomes(answer: &Answer) -> Table {
    let mut table = Table::new(
        "What was in them",
        &[
            "outcome",
            "abandoned",
            "abandoned_priced",
            "abandoned_total",
            "abandoned_mean",
            "succeeded",
            "succeeded_priced",
            "succeeded_total",
            "succeeded_mean",
        ],
    );
    let mean = |value: &Value| value.mean.map_or(Cell::Empty, Cell::Number);
    for outcome in &answer.outcomes {
        table.row([
            Cell::Text(outcome.outcome.as_str().into()),
            Cell::Count(outcome.abandoned),
            Cell::Count(outcome.in_abandoned.priced),
            Cell::Number(outcome.in_abandoned.total),
            mean(&outcome.in_abandoned),
            Cell::Count(outcome.succeeded),
            Cell::Count(outcome.in_succeeded.priced),
            Cell::Number(outcome.in_succeeded.total),
            mean(&outcome.in_succeeded),
        ]);
    }
    table
}
