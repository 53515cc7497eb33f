//! What the answers show most, in plain words.
//!
//! Every kind of finding is a function from answers to at most one candidate with a strength; the strongest of
//! different kinds are told. Texts say how many they rest on and how sure the figures are, and speak of association
//! where nothing shows a cause. Strengths are for choosing only and are never shown: they say how far a finding is from
//! what would be dull.

use evidence::{Difference, Doubt, Share};
use understand::{Differing, funnel, map, variants};

use crate::data::{Compared, Unit};
use crate::telling::{Figure, Finding, Kind, Telling};
use crate::words::{What, Words};

/// The answers that findings are made of; what is not there is not told about.
#[derive(Debug, Clone, Copy)]
pub struct Answers<'a> {
    /// What moments are called.
    pub words: &'a Words,
    /// The journey map.
    pub map: Option<&'a map::Answer>,
    /// The typical paths.
    pub variants: Option<&'a variants::Answer>,
    /// What the journeys are called that all of these are about; none where they are whole runs.
    pub journey: Option<&'a str>,
    /// The funnel.
    pub funnel: Option<&'a funnel::Answer>,
    /// Whether somebody chose the steps of the funnel.
    pub steps_chosen: bool,
    /// Two groups side by side.
    pub compared: Option<&'a Compared>,
}

/// The candidates, one for each kind that the answers have something to say about; in the order of [`Kind`].
pub fn findings(answers: &Answers<'_>) -> Vec<Finding> {
    let words = answers.words;
    [
        answers.variants.and_then(concentration),
        answers.funnel.and_then(|funnel| loss(funnel, answers)),
        answers.map.and_then(|map| waiting(map, words)),
        answers.map.and_then(|map| repeats(map, words)),
        answers.map.and_then(|map| ends(map, words)),
        answers.compared.and_then(|compared| difference(compared, words)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The three strongest candidates of different kinds, the strongest first.
pub fn most_telling(mut candidates: Vec<Finding>) -> Vec<Finding> {
    candidates.sort_by(|a, b| b.strength.total_cmp(&a.strength).then(a.kind.cmp(&b.kind)));
    let mut told: Vec<Finding> = Vec::new();
    for candidate in candidates {
        if told.len() < 3 && told.iter().all(|finding| finding.kind != candidate.kind) {
            told.push(candidate);
        }
    }
    told
}

fn concentration(answer: &variants::Answer) -> Option<Finding> {
    /// So many paths a reader still takes in at once.
    const FEW_PATHS: usize = 5;
    let first = answer.variants.first()?;
    let few = answer.variants.iter().take(FEW_PATHS);
    let covered = few.clone().map(|variant| variant.count).sum::<u64>() as f64 / answer.journeys as f64;
    let mut telling = Telling::default();
    if answer.of == 1 {
        telling
            .say("There is one path only: ")
            .things(answer.journeys, "journey takes it", "journeys take it")
            .say(".");
        return Some(telling.finding(Kind::Concentration, 0.6, answer.journeys, Unit::Journeys));
    }
    if first.count == 1 {
        telling.say("No two of ").things(answer.journeys, "journey", "journeys").say(" are alike.");
        return Some(telling.finding(Kind::Concentration, 0.6, answer.journeys, Unit::Journeys));
    }
    let needed = (1..).zip(few).find(|(_, variant)| variant.covered_share >= Some(0.5));
    let share = Figure::Share(Share::new(first.count, answer.journeys));
    match needed {
        Some((1, _)) => {
            telling
                .count(first.count)
                .say(" of ")
                .things(answer.journeys, "journey", "journeys")
                .say(" (")
                .figure(share);
            telling.say(") take one and the same path; there are ").count(answer.of).say(" different ones.");
        }
        Some((k, variant)) => {
            telling.say("The ").count(k).say(" most frequent of ").count(answer.of).say(" different paths cover ");
            telling.figure(Figure::Part(variant.covered_share.unwrap_or_default()));
            telling.say(" of ").things(answer.journeys, "journey", "journeys").say(".");
        }
        None => {
            telling.say("No path is typical: ").things(answer.journeys, "journey takes", "journeys take").say(" ");
            telling.count(answer.of).say(" different ones. The most frequent is taken by ").count(first.count);
            telling.say(" of them (").figure(share).say(")");
            if answer.variants.len() > 1 {
                telling.say(", the ").count(answer.variants.len() as u64).say(" most frequent together by ");
                telling.figure(Figure::Part(answer.covered_share.unwrap_or_default()));
            }
            telling.say(".");
        }
    }
    Some(telling.finding(Kind::Concentration, 0.65 * covered.max(1.0 - covered), answer.journeys, Unit::Journeys))
}

fn loss(answer: &funnel::Answer, answers: &Answers<'_>) -> Option<Finding> {
    let words = answers.words;
    let (first, last) = (answer.steps.first()?, answer.steps.last()?);
    if answer.steps.len() < 2 || first.customers == 0 {
        return None;
    }
    let lost = |i: usize| answer.steps[i - 1].customers - answer.steps[i].customers;
    // Of equal losses the first one.
    let at = (1..answer.steps.len()).rev().max_by_key(|i| lost(*i))?;
    if lost(at) == 0 {
        return None;
    }
    let mut telling = Telling::default();
    telling.say("Of ").things(first.customers, "customer", "customers").say(" with ");
    telling.moment(words.label(&first.moment));
    if let Some(journey) = answers.journey {
        telling.say(" in journeys ").moment(journey);
    }
    telling.say(", ").count(last.customers).say(" (");
    telling.figure(Figure::Share(Share::new(last.customers, first.customers))).say(")");
    telling.say(if last.customers == 1 { " gets" } else { " get" });
    telling.say(" from there to ").moment(words.label(&last.moment));
    let step_by_step = answer.steps.len() > 2;
    telling.say(if step_by_step { " by way of the steps between" } else { "" });
    if let Some(within) = answer.within_s {
        telling.say(" within ").figure(Figure::Seconds(within));
    }
    telling.say(".");
    if step_by_step {
        let (before, after) = (&answer.steps[at - 1], &answer.steps[at]);
        telling.say(" Most stop between ").moment(words.label(&before.moment)).say(" and ");
        telling.moment(words.label(&after.moment)).say(": ").count(lost(at)).say(" of ").count(before.customers);
        telling.say(" (").figure(Figure::Share(Share::new(lost(at), before.customers))).say(") who come so far ");
        telling.say(if lost(at) == 1 { "has no " } else { "have no " });
        // Who had it before the others, and not after them, is among these and need not be lost.
        telling.moment(words.label(&after.moment)).say(" after that");
        // Who had it when the window was over is among these too.
        if let Some(within) = answer.within_s {
            telling.say(" within ").figure(Figure::Seconds(within)).say(" of the first step");
            telling.say("; what they had before or later does not count.");
        } else {
            telling.say("; what they had before does not count.");
        }
    }
    let share = (first.customers - last.customers) as f64 / first.customers as f64;
    // What becomes of steps that somebody chose is never quite dull.
    let strength = if answers.steps_chosen { 0.2 + 0.8 * share } else { 0.8 * share };
    Some(telling.finding(Kind::Loss, strength, first.customers, Unit::Customers))
}

fn waiting(answer: &map::Answer, words: &Words) -> Option<Finding> {
    /// Longer waits that hardly anybody has would hide the ones that matter.
    const CUSTOMERS_SHARE_MIN: f64 = 0.05;
    let timed = || answer.edges.iter().filter_map(|edge| Some((edge, edge.median_s?, edge.p90_s?, edge.mean_s?)));
    let usual = timed().filter(|(edge, ..)| edge.customers_share >= Some(CUSTOMERS_SHARE_MIN));
    // Of equal waits the most frequent one, which comes first.
    let (edge, median, p90, mean) = usual.reduce(|a, b| if b.1 > a.1 { b } else { a })?;
    if median <= 0.0 {
        return None;
    }
    let all: f64 = timed().map(|(edge, _, _, mean)| mean * edge.count as f64).sum();
    let mut telling = Telling::default();
    telling.say("The longest wait is ");
    if edge.from == edge.to {
        telling.say("from one ").moment(words.label(&edge.from)).say(" to the next");
    } else {
        telling.say("from ").moment(words.label(&edge.from)).say(" to ").moment(words.label(&edge.to));
    }
    telling.say(": half of the time it takes ").figure(Figure::Seconds(median)).say(" or more, one time in ten ");
    telling.figure(Figure::Seconds(p90)).say(" or more (").things(edge.count, "time", "times").say(", for ");
    telling.things(edge.customers, "customer", "customers").say("; among the steps that at least ");
    telling.figure(Figure::Part(CUSTOMERS_SHARE_MIN)).say(" of the customers take).");
    let strength = 0.3 + 0.7 * (mean * edge.count as f64 / all);
    Some(telling.finding(Kind::Waiting, strength, edge.customers, Unit::Customers))
}

fn repeats(answer: &map::Answer, words: &Words) -> Option<Finding> {
    let sum =
        |of: &dyn Fn(&map::Edge) -> bool| answer.edges.iter().filter(|e| of(e)).map(|e| e.count).sum::<u64>() as f64;
    let all = sum(&|_| true);
    // What happens often comes after itself often too; only what goes beyond that is telling.
    let beyond = |edge: &map::Edge| {
        let expected = sum(&|e| e.from == edge.from) * sum(&|e| e.to == edge.to) / all;
        0.8 * (1.0 - expected / edge.count as f64).max(0.0) * edge.customers_share.unwrap_or_default()
    };
    let told = answer.edges.iter().filter(|edge| edge.from == edge.to).map(|edge| (edge, beyond(edge)));
    // Of equals the most frequent one, which comes first.
    let (edge, strength) = told.reduce(|a, b| if b.1 > a.1 { b } else { a })?;
    let mut telling = Telling::default();
    telling.count(edge.customers).say(" of ").things(answer.customers, "customer", "customers").say(" (");
    telling.figure(Figure::Share(Share::new(edge.customers, answer.customers))).say(if edge.customers == 1 {
        ") has "
    } else {
        ") have "
    });
    telling.moment(words.label(&edge.from)).say(" directly after ").moment(words.label(&edge.from)).say(", ");
    telling.things(edge.count, "time", "times").say(" in all.");
    Some(telling.finding(Kind::Repeats, strength, answer.customers, Unit::Customers))
}

fn ends(answer: &map::Answer, words: &Words) -> Option<Finding> {
    let first = answer.ends.first()?;
    let mut telling = Telling::default();
    telling.say("Journeys end most often with ").moment(words.label(&first.moment)).say(": ").count(first.count);
    telling.say(" of ").count(answer.journeys).say(" (");
    telling.figure(Figure::Share(Share::new(first.count, answer.journeys))).say(")");
    if let Some(second) = answer.ends.get(1) {
        telling.say(", then with ").moment(words.label(&second.moment)).say(": ").count(second.count).say(" (");
        telling.figure(Figure::Share(Share::new(second.count, answer.journeys))).say(")");
    }
    telling.say(".");
    Some(telling.finding(Kind::Ends, 0.35 * first.share.unwrap_or_default(), answer.journeys, Unit::Journeys))
}

fn difference(compared: &Compared, words: &Words) -> Option<Finding> {
    // What nobody or everybody in a group has is most likely what the group was chosen by.
    let telling_apart = |count: u64, of: u64| count == 0 || count == of;
    let mut clear = compared.differences.iter().filter_map(|d| {
        let (low, high) = d.low.zip(d.high)?;
        let clear = (low > 0.0 || high < 0.0) && !telling_apart(d.a_count, d.a_of) && !telling_apart(d.b_count, d.b_of);
        clear.then_some((d, Difference::between(Share::new(d.a_count, d.a_of), Share::new(d.b_count, d.b_of))))
    });
    // The largest comes first. Of a funnel, what matters is how many get furthest.
    let largest = clear.next()?;
    let reached = |d: &Differing| if let What::Reached(number, ..) = What::of(&d.what) { number } else { 0 };
    let (d, shares) = clear.fold(largest, |a, b| if reached(b.0) > reached(a.0) { b } else { a });
    let mut telling = Telling::default();
    say_what_differs(&mut telling, d, &shares, compared, words);
    telling.say(" in ").group(&compared.a).say(" than in ").group(&compared.b).say(": ");
    telling.count(d.a_count).say(" of ").count(d.a_of).say(" (");
    telling.figure(Figure::Share(shares.a)).say(") against ");
    telling.count(d.b_count).say(" of ").count(d.b_of).say(" (");
    telling.figure(Figure::Share(shares.b)).say("). The difference (");
    let Difference { difference: Some(size), low: Some(low), high: Some(high), .. } = shares else { return None };
    telling.figure(Figure::Difference(size, low, high));
    telling.say(") is associated with what tells the two apart; that does not show that it comes from it.");
    if compared.differences.len() > 1 {
        telling.say(" ").count(compared.differences.len() as u64);
        telling.say(" differences were looked at, so some of it may be chance.");
    }
    if compared.doubts.contains(&Doubt::InBothGroups) {
        telling.say(" A customer may be in both.");
    }
    let strength = 0.4 + size.abs();
    Some(telling.finding(Kind::Comparison, strength, d.a_of.min(d.b_of), compared.unit))
}

/// `Customers with ‘Visit’ get to ‘Order’ far less often`, up to where the groups follow.
fn say_what_differs(telling: &mut Telling, d: &Differing, shares: &Difference, compared: &Compared, words: &Words) {
    let often = match shares.a.share.unwrap_or_default() / shares.b.share.unwrap_or_default() {
        ratio if ratio <= 0.5 => " far less often",
        ratio if ratio < 1.0 => " less often",
        ratio if ratio < 2.0 => " more often",
        _ => " far more often",
    };
    telling.say(match compared.unit {
        Unit::Customers => "Customers",
        _ => "Journeys",
    });
    match What::of(&d.what) {
        What::Reached(number, moment, _) => {
            let is_first = |d: &&Differing| matches!(What::of(&d.what), What::Reached(1, ..));
            let first = compared.differences.iter().find(is_first).filter(|_| number > 1);
            if let Some(What::Reached(_, first, _)) = first.map(|d| What::of(&d.what)) {
                telling.say(" with ").moment(words.label(first));
            }
            telling.say(" get to ").moment(words.label(moment));
        }
        What::At(step, moment) => {
            telling.say(" have ").moment(words.label(moment)).say(" at step ").count(step as u64);
        }
        What::Path(path) => match (path.as_slice(), compared.unit) {
            ([from, to], Unit::Customers) => {
                telling.say(" go directly from ").moment(words.label(from)).say(" to ").moment(words.label(to));
            }
            _ => {
                telling.say(" take the path ").moment(&words.label_all(&d.what));
            }
        },
    }
    telling.say(often);
}
