//! docs/guide/stages.md

use charter::journeys::{Survey, SurveyKind, Worth};
use charter::moments::Goal;
use serde_json::{Value, json};

use super::figures::{Z, count, mean, median, most_frequent, newcombe, object, seconds, share, student, welch, wilson};
use super::log::{Journey, Log, Seen, number, shown};
use super::scores::{Score, nps, read};

const DAY_US: i64 = 86_400_000_000;

/// A part of the period: the events of each customer that lie in it, journey by journey.
#[derive(Debug)]
struct Window<'l> {
    customers: Vec<Vec<&'l Seen<'l>>>,
    /// The last 30 days of it, where it is longer than that.
    active_us: Option<(i64, i64)>,
}

/// What is known of one stage in a window, by customer in it.
#[derive(Debug, Default)]
struct Told {
    went_on: Vec<bool>,
    fell_back: Vec<bool>,
    active: Vec<bool>,
    values: Vec<f64>,
    per_customer: Vec<f64>,
    days: Vec<f64>,
    scores: Vec<f64>,
}

pub(super) fn answer(log: &Log<'_>) -> Option<Value> {
    let charter = log.charter;
    if charter.stages.is_empty() {
        return None;
    }
    let since_us = log.from_us.unwrap_or(log.began_us).max(log.began_us);
    let until_us = log.to_us.map_or(log.until_us, |to_us| (to_us - 1).min(log.until_us));
    // The middle of the period is a whole second after its start.
    let half_us = (until_us + 1 - since_us) / 2 / 1_000_000 * 1_000_000;
    let halves = (since_us < until_us).then(|| match log.before_us() {
        Some(before_us) => (before_us, since_us, until_us),
        None => (since_us, since_us + half_us, until_us),
    });
    let before = halves.is_some() && log.before_us().is_some();
    let earlier = if before { &log.earlier } else { &log.journeys };
    let windows: [Window<'_>; 3] = match halves {
        Some((since, middle, until)) => [
            window(&log.journeys, (i64::MIN, i64::MAX), (if before { middle } else { since }, until)),
            window(earlier, (since, middle - 1), (since, middle)),
            window(&log.journeys, (middle, until), (middle, until)),
        ],
        None => [(i64::MIN, i64::MAX), (0, -1), (0, -1)].map(|bounds| window(&log.journeys, bounds, (0, 0))),
    };
    let time = |us: i64| shown(charter, us);
    let end = |until_us: i64| if log.to_us == Some(until_us + 1) { until_us + 1 } else { until_us };
    let long = halves.is_some_and(|(since, middle, until)| (middle - since).min(until - middle) > 30 * DAY_US);
    let (transitions, back, all) = transitions(log);
    let stages = (0..charter.stages.len()).map(|stage| of_stage(log, stage, &windows, long));
    Some(object([
        json!({
            "since": halves.map(|halves| time(halves.0)),
            "middle": halves.map(|halves| time(halves.1)),
            "until": halves.map(|halves| time(end(halves.2))),
            "before": before,
            "currency": charter.currency,
            "journeys": log.journeys.len(),
            "customers": log.customers().len(),
            "times": "exact",
            "stages": stages.collect::<Vec<_>>(),
            "transitions": transitions,
            "back": back,
        }),
        share("back_share", back, all),
    ]))
}

/// The events from one time to another, both included; `bounds` are those of the window itself.
fn window<'l>(journeys: &'l [Journey<'_>], (from_us, to_us): (i64, i64), bounds: (i64, i64)) -> Window<'l> {
    let mut customers = Vec::new();
    for of_customer in journeys.chunk_by(|a, b| a.customer.number == b.customer.number) {
        let events = of_customer.iter().flat_map(Journey::events);
        let events: Vec<&Seen<'_>> = events.filter(|seen| (from_us..=to_us).contains(&seen.at_us)).collect();
        if !events.is_empty() {
            customers.push(events);
        }
    }
    let long = bounds.1 - bounds.0 > 30 * DAY_US;
    Window { customers, active_us: long.then_some((bounds.1 - 30 * DAY_US, bounds.1)) }
}

/// The survey that measures a stage: of its moments, an NPS if there is one.
fn survey<'c>(log: &Log<'c>, stage: usize) -> Option<&'c Survey> {
    let charter = log.charter;
    let of = charter.surveys.iter().filter(|survey| {
        let moment = charter.moments.iter().find(|moment| moment.name == survey.moment);
        moment.and_then(|moment| moment.stage.as_ref()) == Some(&charter.stages[stage].name)
    });
    let of: Vec<&Survey> = of.collect();
    of.iter().find(|survey| survey.kind == SurveyKind::Nps).or(of.first()).copied()
}

/// The moments with which a journey succeeds, of the chosen one or of all.
fn succeeds<'c>(log: &Log<'c>) -> Vec<&'c str> {
    let cuts = log.charter.journeys.iter().filter(|cut| log.cut.is_none_or(|chosen| chosen.name == cut.name));
    cuts.flat_map(|cut| &cut.succeeds).map(String::as_str).collect()
}

fn tell(log: &Log<'_>, stage: usize, window: &Window<'_>) -> Told {
    let (mut told, survey, succeeds) = (Told::default(), survey(log, stage), succeeds(log));
    let last = stage + 1 == log.charter.stages.len();
    for events in &window.customers {
        let here: Vec<usize> = (0..events.len()).filter(|i| events[*i].stage == Some(stage)).collect();
        let Some(first) = here.first() else { continue };
        let after = &events[*first..];
        told.went_on.push(
            after
                .iter()
                .any(|seen| seen.stage.is_some_and(|later| later > stage) || last && succeeds.contains(&&*seen.moment)),
        );
        told.fell_back.push(after.iter().any(|seen| seen.stage.is_some_and(|earlier| earlier < stage)));
        let times: Vec<i64> = here.iter().map(|i| events[*i].at_us).collect();
        let in_time = |at_us: &i64| window.active_us.is_some_and(|(from, to)| *at_us > from && *at_us <= to);
        told.active.push(times.iter().any(in_time));
        let (begin, end) = (times.iter().min().expect("some"), times.iter().max().expect("some"));
        told.days.push((end - begin) as f64 / DAY_US as f64);
        let mut values = Vec::new();
        for seen in here.iter().map(|i| events[*i]) {
            for outcome in log.charter.outcomes.iter().filter(|outcome| log.holds(&outcome.when, seen)) {
                values.extend(match &outcome.value {
                    Some(Worth::Amount(amount)) => Some(*amount),
                    Some(Worth::Column(column)) => number(seen.event, column),
                    None => None,
                });
            }
            if let Some(survey) = survey
                && seen.moment == survey.moment
                && let Score::Counts(score) = read(survey, seen)
            {
                told.scores.push(score);
            }
        }
        told.per_customer.push(values.iter().sum());
        told.values.extend(values);
    }
    told
}

fn of_stage(log: &Log<'_>, stage: usize, windows: &[Window<'_>; 3], long: bool) -> Value {
    let known = &log.charter.stages[stage];
    let told: Vec<Told> = windows.iter().map(|window| tell(log, stage, window)).collect();
    let all: Vec<u64> = windows.iter().map(|window| window.customers.len() as u64).collect();
    let whole = &told[0];
    let customers = whole.days.len() as u64;
    let fell_back = whole.fell_back.iter().filter(|fell| **fell).count() as u64;
    let lifetimes: Vec<f64> = whole.days.iter().map(|days| days * 86_400.0).collect();
    object([
        json!({
            "stage": known.name,
            "label": known.label,
            "goal": known.goal.map(goal_name),
            "customers": customers,
            "events": windows[0].customers.iter().flatten().filter(|seen| seen.stage == Some(stage)).count(),
            "fell_back": fell_back,
            "stay_median_s": median(&stays(log, stage)),
            "lifetime_median_s": median(&lifetimes),
            "measures": known.goal.map_or(Vec::new(), |goal| measures(log, stage, goal, &told, &all, long)),
        }),
        share("fell_back_share", fell_back, customers),
    ])
}

fn goal_name(goal: Goal) -> &'static str {
    match goal {
        Goal::Reach => "reach",
        Goal::Conversion => "conversion",
        Goal::Basket => "basket",
        Goal::Lifetime => "lifetime",
        Goal::Advocacy => "advocacy",
    }
}

fn measures(log: &Log<'_>, stage: usize, goal: Goal, told: &[Told], all: &[u64], long: bool) -> Vec<Value> {
    let last = stage + 1 == log.charter.stages.len();
    let yes = |list: &[bool]| [list.iter().filter(|one| **one).count() as u64, list.len() as u64];
    let each = |of: &dyn Fn(&Told) -> [u64; 2]| [of(&told[0]), of(&told[1]), of(&told[2])];
    let lists = |of: fn(&Told) -> &Vec<f64>| [of(&told[0]), of(&told[1]), of(&told[2])];
    let unit = log.charter.currency.as_deref().unwrap_or("value");
    match goal {
        Goal::Reach => {
            let reached: Vec<[u64; 2]> = (0..3).map(|i| [told[i].days.len() as u64, all[i]]).collect();
            vec![of_shares("reached", [reached[0], reached[1], reached[2]])]
        }
        Goal::Conversion if last && succeeds(log).is_empty() => Vec::new(),
        Goal::Conversion => {
            let name = if last { "succeeded" } else { "went on to a later stage" };
            vec![of_shares(name, each(&|told| yes(&told.went_on)))]
        }
        Goal::Basket => vec![
            of_means("value per outcome", unit, lists(|told| &told.values)),
            of_means("value per customer", unit, lists(|told| &told.per_customer)),
        ],
        Goal::Lifetime => {
            let days = of_means("days between first and last moment", "days", lists(|told| &told.days));
            let active = of_shares("active in the last 30 days", each(&|told| yes(&told.active)));
            if long { vec![days, active] } else { vec![days] }
        }
        Goal::Advocacy => vec![match survey(log, stage) {
            None => of_shares("came back to an earlier stage", each(&|told| yes(&told.fell_back))),
            Some(survey) if survey.kind == SurveyKind::Nps => of_nps(&survey.name, lists(|told| &told.scores)),
            Some(survey) => of_means(&survey.name, "score", lists(|told| &told.scores)),
        }],
    }
}

/// A measure: its name and unit, of how many, how many of them, the figure of the whole with its interval, those of both
/// halves, and the change with its interval.
fn measure(
    (name, unit): (&str, &str),
    (n, number): (u64, Option<u64>),
    whole: [Option<f64>; 3],
    halves: [Option<f64>; 2],
    change: [Option<f64>; 3],
) -> Value {
    json!({
        "measure": name, "unit": unit, "n": n, "count": number,
        "value": whole[0], "low": whole[1], "high": whole[2],
        "earlier": halves[0], "later": halves[1],
        "change": change[0], "change_low": change[1], "change_high": change[2],
    })
}

fn of_shares(name: &str, [whole, earlier, later]: [[u64; 2]; 3]) -> Value {
    let half = |[count, of]: [u64; 2]| wilson(count, of).map(|share| share[0]);
    let figures = [wilson(whole[0], whole[1]), newcombe(later, earlier)];
    let [value, changed] = figures.map(|f| [0, 1, 2].map(|i: usize| f.map(|f| f[i])));
    measure((name, "share"), (whole[1], Some(whole[0])), value, [half(earlier), half(later)], changed)
}

fn of_means(name: &str, unit: &str, [whole, earlier, later]: [&Vec<f64>; 3]) -> Value {
    let halves = [mean(earlier), mean(later)];
    measure((name, unit), (whole.len() as u64, None), student(whole), halves, welch(later, earlier))
}

fn of_nps(name: &str, [whole, earlier, later]: [&Vec<f64>; 3]) -> Value {
    let score = |scores: &[f64]| nps(scores).map(|nps| nps.0);
    let ends =
        nps(whole).and_then(|(score, error)| Some([(score - Z * error?).max(-100.0), (score + Z * error?).min(100.0)]));
    let value = [score(whole), ends.map(|ends| ends[0]), ends.map(|ends| ends[1])];
    let change = score(later).zip(score(earlier)).map(|(later, earlier)| later - earlier);
    let error = |scores: &[f64]| nps(scores).and_then(|nps| nps.1);
    let spread = error(later).zip(error(earlier)).map(|(a, b)| Z * (a.powi(2) + b.powi(2)).sqrt());
    let around = change.zip(spread);
    let changed =
        [change, around.map(|(change, spread)| change - spread), around.map(|(change, spread)| change + spread)];
    let halves = [score(earlier), score(later)];
    measure((name, "points"), (whole.len() as u64, None), value, halves, changed)
}

/// The stages of a journey with their times; moments without one are passed over.
fn staged(journey: &Journey<'_>) -> Vec<(usize, i64)> {
    journey.events().iter().filter_map(|seen| Some((seen.stage?, seen.at_us))).collect()
}

/// How long stays lasted that something followed: from the first moment to the first of the next stage.
fn stays(log: &Log<'_>, stage: usize) -> Vec<f64> {
    let mut stays = Vec::new();
    for journey in &log.journeys {
        let moments = staged(journey);
        let visits: Vec<&[(usize, i64)]> = moments.chunk_by(|a, b| a.0 == b.0).collect();
        let followed = visits.windows(2).filter(|pair| pair[0][0].0 == stage);
        stays.extend(followed.map(|pair| seconds(pair[1][0].1 - pair[0][0].1)));
    }
    stays
}

/// The changes from one stage to another, how many of them lead back, and how many there are.
fn transitions(log: &Log<'_>) -> (Vec<Value>, u64, u64) {
    let mut changes: Vec<((usize, usize), i64, f64)> = Vec::new();
    for journey in &log.journeys {
        for pair in staged(journey).windows(2).filter(|pair| pair[0].0 != pair[1].0) {
            changes.push(((pair[0].0, pair[1].0), journey.customer.number, seconds(pair[1].1 - pair[0].1)));
        }
    }
    let name = |stage: usize| log.charter.stages[stage].name.as_str();
    let row = |((from, to), number): ((usize, usize), u64)| {
        let of: Vec<_> = changes.iter().filter(|change| change.0 == (from, to)).collect();
        json!({
            "from": name(from),
            "to": name(to),
            "back": to < from,
            "count": number,
            "customers": count(of.iter().map(|change| change.1)).len(),
            "median_s": median(&of.iter().map(|change| change.2).collect::<Vec<_>>()),
        })
    };
    let rows = most_frequent(count(changes.iter().map(|change| change.0))).into_iter().map(row).collect();
    let back = changes.iter().filter(|((from, to), _, _)| to < from).count() as u64;
    (rows, back, changes.len() as u64)
}
