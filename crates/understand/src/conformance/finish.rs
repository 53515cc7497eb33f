//! From what was counted about conformance to the answer and its tables.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use charter::pattern::Aligner;
use charter::{Charter, Pattern};
use evidence::{Doubt, Share};
use journey::{Moment, Moments};

use super::tally::{self, Place, Tally};
use super::{Answer, ByEnding, Came, ConformanceFold, Department, ENDINGS, Moved, Parting, Promised};
use crate::compare::Shares;
use crate::outcomes;
use crate::promises::{BALANCE, balance};
use crate::question::Names;
use crate::sketch::RELATIVE_ERROR;
use crate::table::{Cell, Table};
use crate::{OutcomeBetween, Times};

/// Journeys that never parted from the drawing, and those that did.
const GROUPS: [&str; 2] = ["as_drawn", "parted"];

pub(super) fn answer(fold: ConformanceFold, name: &str, designed: &Pattern, moments: &Moments) -> Answer {
    let names = Names::of(moments);
    let ConformanceFold { tally, charter, journeys, .. } = fold;
    let owner = |moment: &str| charter.moments.iter().find(|known| known.name == moment)?.owner.clone();
    let labels = tally.skipped.iter().enumerate();
    let skipped = labels.map(|(label, counts)| (tally::name(designed, label).into(), *counts)).collect();
    let skipped = moved(skipped, journeys, owner);
    let moments = (0..).map(Moment).zip(tally.added.iter().copied());
    let added = moments.map(|(moment, counts)| (names.name(moment), counts)).collect();
    let added = moved(added, journeys, owner);
    let shortest = u64::from(Aligner::new(designed).shortest());
    let (fitness, fitting) = fitness(tally.costs.iter().flatten(), shortest);
    let fitting = Share::new(fitting, journeys);
    let outcomes = fold.outcomes.finish(&fold.counts, GROUPS);
    let times = fold.times.times();
    let promised = promised(&charter, name, &fold.promised, fold.times);
    let success = OutcomeBetween::new("success", GROUPS, tally.success);
    let mut doubts: Vec<Doubt> = Doubt::few("journeys", journeys).into_iter().collect();
    doubts.extend(
        (times == Times::Sketch)
            .then(|| Doubt::Approximate { what: "median_s and p90_s".to_owned(), relative_error: RELATIVE_ERROR }),
    );
    if !designed.can_draw() {
        doubts.push(Doubt::missing(
            "journey can be like the drawing",
            "it asks for less than no time, or for time before its first moment",
        ));
    } else if designed.draws_everything() {
        doubts.push(Doubt::missing("journey can part from the drawing", "it draws every journey"));
    }
    let after = |place: Option<Moment>| {
        let counts = fold.places.get(place.map_or(0, |moment| moment.index() + 1));
        counts.map(|counts| fold.outcomes.finish(counts, GROUPS)).unwrap_or_default()
    };
    let partings = partings(&tally.places, journeys, fold.limit, &names, owner, after);
    // Each place and the journeys as a whole have differences of their own.
    let of_places = partings.iter().flat_map(|parting| std::iter::once(&parting.success).chain(&parting.outcomes));
    let compared = outcomes.iter().chain([&success]).chain(of_places);
    doubts.extend(outcomes::doubts(&compared.cloned().collect::<Vec<_>>()));
    Answer {
        journey: name.to_owned(),
        designed: designed.text().to_owned(),
        journeys,
        customers: fold.customers.count(),
        variants: (!designed.automaton().is_conditional()).then(|| fold.variants.numbers().count() as u64),
        fitness,
        fitting: fitting.count,
        fitting_share: fitting.share,
        fitting_share_low: fitting.low,
        fitting_share_high: fitting.high,
        endings: endings(&tally, shortest),
        departments: departments(&charter, &skipped, &added),
        skipped,
        added,
        partings,
        success,
        outcomes,
        promised,
        times,
        doubts,
    }
}

/// Mean fitness and how many fit, of journeys by cost and length. The order of adding is that of the costs, so that it does
/// not depend on which journey came first.
fn fitness<'a>(costs: impl Iterator<Item = (&'a (u32, u64), &'a u64)>, shortest: u64) -> (Option<f64>, u64) {
    let (mut sum, mut journeys, mut fitting) = (0.0, 0, 0);
    for ((cost, length), count) in costs {
        // A journey has at least one moment, so the worst is never nothing.
        let lost = f64::from(*cost) / (length + shortest) as f64;
        sum += (1.0 - lost) * *count as f64;
        journeys += count;
        fitting += if *cost == 0 { *count } else { 0 };
    }
    ((journeys > 0).then(|| sum / journeys as f64), fitting)
}

fn endings(tally: &Tally, shortest: u64) -> Vec<ByEnding> {
    let by_ending = ENDINGS.iter().zip(&tally.costs).filter(|(_, costs)| !costs.is_empty());
    let answer = |(ending, costs): (&&str, &BTreeMap<(u32, u64), u64>)| {
        let (fitness, fitting) = fitness(costs.iter(), shortest);
        let journeys = costs.values().sum();
        Some(ByEnding { ending: (*ending).to_owned(), journeys, fitting, fitness: fitness? })
    };
    by_ending.filter_map(answer).collect()
}

/// By moment, how often and in how many journeys.
type Moves = Vec<(Arc<str>, [u64; 2])>;

fn moved(moves: Moves, journeys: u64, owner: impl Fn(&str) -> Option<String>) -> Vec<Moved> {
    let moved = |(moment, [count, in_journeys]): (Arc<str>, [u64; 2])| {
        let share = Share::new(in_journeys, journeys);
        Moved {
            owner: owner(&moment),
            moment,
            count,
            journeys: in_journeys,
            journeys_share: share.share,
            journeys_share_low: share.low,
            journeys_share_high: share.high,
        }
    };
    let mut all: Vec<Moved> = moves.into_iter().filter(|(_, [count, _])| *count > 0).map(moved).collect();
    all.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.moment.cmp(&b.moment)));
    all
}

fn departments(charter: &Charter, skipped: &[Moved], added: &[Moved]) -> Vec<Department> {
    let owners = charter.owners().into_iter().map(|owner| Some(owner.to_owned())).chain([None]);
    let of = |moves: &[Moved], owner: &Option<String>| {
        moves.iter().filter(|moved| moved.owner == *owner).map(|moved| moved.count).sum()
    };
    let departments = owners.map(|owner| Department { skipped: of(skipped, &owner), added: of(added, &owner), owner });
    departments.filter(|department| department.skipped + department.added > 0).collect()
}

fn partings(
    places: &BTreeMap<Option<Moment>, Place>,
    journeys: u64,
    limit: usize,
    names: &Names,
    owner: impl Fn(&str) -> Option<String>,
    outcomes: impl Fn(Option<Moment>) -> Vec<OutcomeBetween>,
) -> Vec<Parting> {
    let parting = |(place_after, place): (&Option<Moment>, &Place)| {
        let mut came: Vec<(Moment, u64)> = place.came.iter().map(|(moment, count)| (*moment, *count)).collect();
        came.sort_by_key(|(moment, count)| (Reverse(*count), names.rank(*moment)));
        let share = Share::new(came.iter().map(|(_, count)| count).sum(), journeys);
        came.truncate(if limit == 0 { came.len() } else { limit });
        let after = place_after.map(|moment| names.name(moment));
        Parting {
            owner: after.as_deref().and_then(&owner),
            after,
            journeys: share.count,
            share: share.share,
            share_low: share.low,
            share_high: share.high,
            came: came.into_iter().map(|(moment, journeys)| Came { moment: names.name(moment), journeys }).collect(),
            success: OutcomeBetween::new("success", GROUPS, place.success),
            outcomes: outcomes(*place_after),
        }
    };
    let mut all: Vec<Parting> = places.iter().filter(|(_, place)| !place.came.is_empty()).map(parting).collect();
    all.sort_by(|a, b| b.journeys.cmp(&a.journeys).then_with(|| a.after.cmp(&b.after)));
    all
}

fn promised(
    charter: &Charter,
    name: &str,
    tallies: &[crate::promises::Tally],
    times: crate::durations::Durations,
) -> Vec<Promised> {
    let promises = charter.journeys.iter().find(|journey| journey.name == name).map(|journey| &journey.promised);
    let each = promises.into_iter().flatten().zip(tallies).zip(times.finish());
    each.map(|((promise, tally), times)| Promised {
        from: promise.from.clone(),
        to: promise.to.clone(),
        within: promise.within.to_string(),
        balance: tally.balance(),
        median_s: times.map(|times| times.median_s),
        p90_s: times.map(|times| times.p90_s),
    })
    .collect()
}

pub(super) fn shares(answer: &Answer) -> Shares {
    let mut by_name =
        BTreeMap::from([("as drawn from start to end".to_owned(), Share::new(answer.fitting, answer.journeys))]);
    for (moves, what) in [(&answer.skipped, "skipped"), (&answer.added, "added")] {
        by_name
            .extend(moves.iter().map(|m| (format!("{what}: {}", m.moment), Share::new(m.journeys, answer.journeys))));
    }
    Shares { of: answer.journeys, by_name }
}

pub(super) fn tables(answer: &Answer) -> Vec<Table> {
    let mut tables = vec![moves(answer), partings_table(answer)];
    for parting in answer.partings.iter().filter(|parting| !parting.outcomes.is_empty()) {
        let place =
            parting.after.as_deref().map_or_else(|| "at the start".to_owned(), |after| format!("after `{after}`"));
        tables.push(outcomes::table(&format!("What followed where journeys part {place}"), GROUPS, &parting.outcomes));
    }
    tables.push(endings_table(answer));
    if !answer.departments.is_empty() {
        let mut table = Table::new("Moves by department", &["owner", "skipped", "added"]);
        for department in &answer.departments {
            let owner = department.owner.as_deref().map_or(Cell::Empty, |owner| Cell::Text(owner.into()));
            table.row([owner, Cell::Count(department.skipped), Cell::Count(department.added)]);
        }
        tables.push(table);
    }
    if !answer.promised.is_empty() {
        let headers = ["from", "to", "within"].into_iter().chain(BALANCE).chain(["median_s", "p90_s"]);
        let mut table = Table::new("Promised times", &headers.collect::<Vec<_>>());
        for promised in &answer.promised {
            let mut row =
                [&promised.from, &promised.to, &promised.within].map(|t| Cell::Text(t.as_str().into())).to_vec();
            row.extend(balance(&promised.balance));
            row.extend([promised.median_s, promised.p90_s].map(|s| s.map_or(Cell::Empty, Cell::Seconds)));
            table.row(row);
        }
        tables.push(table);
    }
    let outcomes: Vec<OutcomeBetween> = std::iter::once(&answer.success).chain(&answer.outcomes).cloned().collect();
    tables.push(outcomes::table(
        "Journeys that kept to the drawing against those that parted from it",
        GROUPS,
        &outcomes,
    ));
    tables
}

fn moves(answer: &Answer) -> Table {
    let headers = ["move", "moment", "owner", "count", "journeys"];
    let of_journeys = ["journeys_share", "journeys_share_low", "journeys_share_high"];
    let title = format!("How `{}` differs from the drawing", answer.journey);
    let mut table = Table::new(&title, &[headers.as_slice(), &of_journeys].concat());
    for (moves, what) in [(&answer.skipped, "skipped"), (&answer.added, "added")] {
        for moved in moves {
            table.row([
                Cell::Text(what.into()),
                Cell::Text(Arc::clone(&moved.moment)),
                moved.owner.as_deref().map_or(Cell::Empty, |owner| Cell::Text(owner.into())),
                Cell::Count(moved.count),
                Cell::Count(moved.journeys),
                Cell::share(moved.journeys_share),
                Cell::share(moved.journeys_share_low),
                Cell::share(moved.journeys_share_high),
            ]);
        }
    }
    table.notes.push(format!("drawn: {}", answer.designed));
    if let Some((share, fitness)) = answer.fitting_share.map(Cell::Share).zip(answer.fitness) {
        let journeys = Cell::Count(answer.journeys);
        table.notes.push(format!(
            "{journeys} journeys, {share} of them as drawn from start to end (fitting); mean fitness {fitness:.3}"
        ));
    }
    table.doubts(&answer.doubts)
}

fn partings_table(answer: &Answer) -> Table {
    let headers = ["after", "owner", "journeys", "share", "share_low", "share_high", "came"];
    let success = ["succeeded_as_drawn", "succeeded_parted", "difference", "difference_low", "difference_high"];
    let mut table = Table::new("Where journeys part from the drawing", &[headers.as_slice(), &success].concat());
    for parting in &answer.partings {
        let came: Vec<String> =
            parting.came.iter().map(|came| format!("{} ({})", came.moment, came.journeys)).collect();
        let success = &parting.success;
        let mut row = vec![
            Cell::Text(parting.after.clone().unwrap_or_else(|| "(start)".into())),
            parting.owner.as_deref().map_or(Cell::Empty, |owner| Cell::Text(owner.into())),
            Cell::Count(parting.journeys),
            Cell::share(parting.share),
            Cell::share(parting.share_low),
            Cell::share(parting.share_high),
            Cell::Text(came.join(", ").into()),
        ];
        row.extend(success.groups.iter().map(|group| Cell::share(group.share)));
        row.extend([success.difference, success.difference_low, success.difference_high].map(Cell::difference));
        table.row(row);
    }
    table
}

fn endings_table(answer: &Answer) -> Table {
    let mut table = Table::new("By how journeys ended", &["ending", "journeys", "fitting", "fitness"]);
    for ending in &answer.endings {
        let fitness = Cell::Number(ending.fitness);
        table.row([
            Cell::Text(ending.ending.as_str().into()),
            Cell::Count(ending.journeys),
            Cell::Count(ending.fitting),
            fitness,
        ]);
    }
    table
}
