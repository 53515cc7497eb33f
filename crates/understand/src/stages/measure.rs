//! The measure of a stage's goal, with its interval and its change from the earlier half of the period to the later.

use charter::journeys::{Survey, SurveyKind};
use charter::moments::Goal;
use evidence::{Difference, Mean, MeanDifference, Nps, Share};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::visits::{Halves, Tally, WINDOWS};

/// A figure by which a stage is measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    /// What it is: `reached`, `went on`, `value per outcome`, `value per customer`, `days between first and last moment`,
    /// `active in the last 30 days`, the name of a survey, `came back to an earlier stage`.
    pub measure: String,
    /// In what: `share` (0 to 1), `points` (NPS, -100 to 100), `score`, `days`, the currency of the charter or `value`.
    pub unit: String,
    /// Of how many customers, outcomes or answers.
    pub n: u64,
    /// Of a share: how many of them.
    pub count: Option<u64>,
    /// The figure for the whole period; null where nothing is known.
    pub value: Option<f64>,
    /// Lower end of its 95 % interval: Wilson's of a share, Student's t of a mean, from the multinomial variance of NPS
    /// (null of fewer than 10 answers, and where all are alike).
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// The figure for the earlier half.
    pub earlier: Option<f64>,
    /// The figure for the later half.
    pub later: Option<f64>,
    /// Later less earlier.
    pub change: Option<f64>,
    /// Lower end of its 95 % interval: Newcombe's of shares, Welch's of means. Customers who are in both halves are taken
    /// as if they were different ones, which makes it rather too wide.
    pub change_low: Option<f64>,
    /// Upper end.
    pub change_high: Option<f64>,
}

/// What a measure has to know besides what was counted.
pub(super) struct Context<'a> {
    /// Customers with any event, by window.
    pub(super) customers: [u64; WINDOWS],
    /// The survey of the stage's moments.
    pub(super) survey: Option<&'a Survey>,
    pub(super) currency: Option<&'a str>,
    pub(super) halves: Option<Halves>,
    /// Whether it is the last stage.
    pub(super) last: bool,
    /// Whether nothing can follow: it is the last stage, and no journey says what success is.
    pub(super) ends: bool,
}

pub(super) fn goal_name(goal: Goal) -> &'static str {
    match goal {
        Goal::Reach => "reach",
        Goal::Conversion => "conversion",
        Goal::Basket => "basket",
        Goal::Lifetime => "lifetime",
        Goal::Advocacy => "advocacy",
    }
}

pub(super) fn measures(goal: Goal, windows: [&Tally; WINDOWS], context: &Context<'_>) -> Vec<Measure> {
    let each = |figure: fn(&Tally) -> Share| windows.map(figure);
    let unit = context.currency.unwrap_or("value");
    match goal {
        Goal::Reach => {
            let reached: [Share; WINDOWS] =
                std::array::from_fn(|window| Share::new(windows[window].customers, context.customers[window]));
            vec![of_shares("reached", reached)]
        }
        Goal::Conversion if context.ends => Vec::new(),
        Goal::Conversion => {
            let name = if context.last { "succeeded" } else { "went on to a later stage" };
            vec![of_shares(name, each(|tally| Share::new(tally.went_on, tally.customers)))]
        }
        Goal::Basket => vec![
            of_means("value per outcome", unit, windows.map(|tally| tally.values.mean())),
            of_means("value per customer", unit, windows.map(|tally| tally.per_customer.mean())),
        ],
        Goal::Lifetime => {
            let in_days = windows.map(|tally| in_days(tally.lifetimes_s.mean()));
            let days = of_means("days between first and last moment", "days", in_days);
            let long = context.halves.is_some_and(Halves::are_long);
            let active =
                of_shares("active in the last 30 days", each(|tally| Share::new(tally.active, tally.customers)));
            [Some(days), long.then_some(active)].into_iter().flatten().collect()
        }
        Goal::Advocacy => vec![match context.survey {
            Some(survey) if survey.kind == SurveyKind::Nps => {
                of_nps(&survey.name, windows.map(|tally| tally.scores.nps()))
            }
            Some(survey) => of_means(&survey.name, "score", windows.map(|tally| tally.scores.sums().mean())),
            None => {
                of_shares("came back to an earlier stage", each(|tally| Share::new(tally.fell_back, tally.customers)))
            }
        }],
    }
}

/// A mean of seconds as one of days.
fn in_days(seconds: Mean) -> Mean {
    let days = |seconds: Option<f64>| seconds.map(|seconds| seconds / 86_400.0);
    let Mean { n, mean, deviation, low, high } = seconds;
    Mean { n, mean: days(mean), deviation: days(deviation), low: days(low), high: days(high) }
}

fn of_shares(measure: &str, [whole, earlier, later]: [Share; WINDOWS]) -> Measure {
    let change = Difference::between(later, earlier);
    Measure {
        measure: measure.to_owned(),
        unit: "share".to_owned(),
        n: whole.of,
        count: Some(whole.count),
        value: whole.share,
        low: whole.low,
        high: whole.high,
        earlier: earlier.share,
        later: later.share,
        change: change.difference,
        change_low: change.low,
        change_high: change.high,
    }
}

fn of_means(measure: &str, unit: &str, [whole, earlier, later]: [Mean; WINDOWS]) -> Measure {
    let change = MeanDifference::between(later, earlier);
    Measure {
        measure: measure.to_owned(),
        unit: unit.to_owned(),
        n: whole.n,
        count: None,
        value: whole.mean,
        low: whole.low,
        high: whole.high,
        earlier: earlier.mean,
        later: later.mean,
        change: change.difference,
        change_low: change.low,
        change_high: change.high,
    }
}

fn of_nps(survey: &str, [whole, earlier, later]: [Nps; WINDOWS]) -> Measure {
    let change = later.difference(&earlier);
    let ends = change.and_then(|change| change.1);
    Measure {
        measure: survey.to_owned(),
        unit: "points".to_owned(),
        n: whole.promoters + whole.passives + whole.detractors,
        count: None,
        value: whole.score,
        low: whole.low,
        high: whole.high,
        earlier: earlier.score,
        later: later.score,
        change: change.map(|change| change.0),
        change_low: ends.map(|ends| ends.0),
        change_high: ends.map(|ends| ends.1),
    }
}
