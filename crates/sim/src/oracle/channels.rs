//! docs/guide/channels.md

use std::collections::BTreeMap;

use charter::journeys::Interaction as Definition;
use serde_json::{Value, json};

use super::figures::{count, median, most_frequent, object, percentile, seconds, share};
use super::log::{Ending, Journey, Log, Seen};
use super::requests::{self, gather};
use crate::world::Question;

/// From one channel to another.
type Pair = (String, String);

/// What is known of the changes from one channel to another.
#[derive(Debug, Clone, Default)]
struct Going {
    customers: Vec<i64>,
    times: Vec<f64>,
    lost: u64,
    pending: u64,
    /// Of each change inside of an interaction: whether the context was carried over.
    carried: Vec<bool>,
}

pub(super) fn answer(log: &Log<'_>, question: &Question) -> Value {
    let journeys = log.journeys.len() as u64;
    let events: Vec<&Seen<'_>> = log.journeys.iter().flat_map(Journey::events).collect();
    let by_channel = most_frequent(count(events.iter().filter_map(|seen| seen.channel.clone())));
    let somewhere: u64 = by_channel.iter().map(|(_, count)| count).sum();
    let on = |journey: &Journey<'_>, name: &String| journey.events().iter().any(|s| s.channel.as_ref() == Some(name));
    let channels = by_channel.iter().map(|(name, count)| {
        let of = log.journeys.iter().filter(|journey| on(journey, name)).count() as u64;
        object([
            json!({
                "channel": name,
                "events": count,
                "events_share": *count as f64 / somewhere as f64,
                "customers": log.customers_where(|journey| on(journey, name)),
                "journeys": of,
            }),
            share("journeys_share", of, journeys),
        ])
    });
    let mut goings: BTreeMap<Pair, Going> = BTreeMap::new();
    log.journeys.iter().for_each(|journey| follow(journey, &mut goings));
    let identifies: Vec<&str> = question.option("identifies").map_or(Vec::new(), |names| names.split(',').collect());
    for (journey, kind) in log.journeys.iter().flat_map(|j| log.charter.interactions.iter().map(move |kind| (j, kind)))
    {
        for interaction in gather(log, journey, kind).interactions {
            let own: Vec<&Seen<'_>> = interaction.events.iter().map(|i| &journey.events()[*i]).collect();
            contexts(&own, kind, &identifies, &mut goings);
        }
    }
    let carried: Vec<bool> = goings.values().flat_map(|going| going.carried.clone()).collect();
    let changes = goings.iter().map(|(pair, going)| (pair.clone(), going.times.len() as u64));
    // Between the channels of a request there may be events that are about another: then no change of a journey is meant.
    let pairs = most_frequent(changes.filter(|(_, count)| *count > 0).collect());
    let switching = log.journeys.iter().filter(|journey| used(journey).windows(2).any(|pair| pair[0] != pair[1]));
    let switching = switching.count() as u64;
    object([
        json!({
            "journeys": journeys,
            "customers": log.customers().len(),
            "events": events.len(),
            "without_channel": events.len() as u64 - somewhere,
            "switches": pairs.iter().map(|(_, count)| count).sum::<u64>(),
            "switching_journeys": switching,
            "loss": if log.cut.is_some() { "abandoned" } else { "nothing_followed" },
            "times": "exact",
            "channels": channels.collect::<Vec<_>>(),
            "pairs": pairs.iter().map(|(pair, _)| told(pair, &goings[pair])).collect::<Vec<_>>(),
            "context": (!log.charter.interactions.is_empty()).then(|| context(&carried)),
            "spread": spread(log),
        }),
        share("switching_share", switching, journeys),
    ])
}

/// The channels of a journey in the order of events.
fn used(journey: &Journey<'_>) -> Vec<String> {
    journey.events().iter().filter_map(|seen| seen.channel.clone()).collect()
}

fn follow(journey: &Journey<'_>, goings: &mut BTreeMap<Pair, Going>) {
    let events = journey.events();
    let somewhere: Vec<usize> = (0..events.len()).filter(|i| events[*i].channel.is_some()).collect();
    let changes: Vec<(usize, usize)> = somewhere
        .windows(2)
        .map(|pair| (pair[0], pair[1]))
        .filter(|(from, to)| events[*from].channel != events[*to].channel)
        .collect();
    let name = |i: usize| events[i].channel.clone().expect("events with a channel");
    for (n, (from, to)) in changes.iter().enumerate() {
        let going = goings.entry((name(*from), name(*to))).or_default();
        going.customers.push(journey.customer.number);
        going.times.push(seconds(events[*to].at_us - events[*from].at_us));
        if n + 1 < changes.len() {
            continue;
        }
        // No other change follows.
        let nothing_followed = to + 1 == events.len();
        match journey.ending {
            Ending::Abandoned => going.lost += 1,
            Ending::Whole if nothing_followed => going.lost += 1,
            Ending::Open => going.pending += 1,
            Ending::Whole | Ending::Succeeded => {}
        }
    }
}

/// Whether the customer started again after each change of channel in an interaction.
fn contexts(own: &[&Seen<'_>], kind: &Definition, identifies: &[&str], goings: &mut BTreeMap<Pair, Going>) {
    let own: Vec<&&Seen<'_>> = own.iter().filter(|seen| seen.channel.is_some()).collect();
    let moments: Vec<&str> = own.iter().map(|seen| seen.moment.as_str()).collect();
    // The steps, in the order in which each occurred first.
    let mut steps: Vec<&str> = Vec::new();
    for moment in &moments {
        if !steps.contains(moment) {
            steps.push(moment);
        }
    }
    let step = |moment: &str| steps.iter().position(|step| *step == moment).expect("every moment is a step");
    let changes: Vec<usize> = (1..own.len()).filter(|i| own[i - 1].channel != own[*i].channel).collect();
    for (n, change) in changes.iter().enumerate() {
        let end = changes.get(n + 1).copied().unwrap_or(own.len());
        let before = &moments[..*change];
        let furthest = before.iter().map(|moment| step(moment)).max().expect("something was before a change");
        let again = (*change..end).any(|i| {
            let (moment, had) = (moments[i], before.contains(&moments[i]));
            let back = had && step(moment) < furthest;
            let asked = had && requests::opens(kind, own[i]);
            back || asked || had && identifies.contains(&moment)
        });
        let name = |i: usize| own[i].channel.clone().expect("events with a channel");
        goings.entry((name(change - 1), name(*change))).or_default().carried.push(!again);
    }
}

fn context(carried: &[bool]) -> Value {
    let over = carried.iter().filter(|carried| **carried).count() as u64;
    let switches = carried.len() as u64;
    object([json!({"switches": switches, "carried_over": over}), share("carried_over_share", over, switches)])
}

fn told((from, to): &Pair, going: &Going) -> Value {
    let number = going.times.len() as u64;
    object([
        json!({
            "from": from,
            "to": to,
            "count": number,
            "customers": count(&going.customers).len(),
            "lost": going.lost,
            "pending": going.pending,
            "median_s": median(&going.times),
            "p90_s": percentile(&going.times, 0.9),
            "context": (!going.carried.is_empty()).then(|| context(&going.carried)),
        }),
        share("lost_share", going.lost, number - going.pending),
    ])
}

/// Journeys by how many channels they use.
fn spread(log: &Log<'_>) -> Vec<Value> {
    let channels = |journey: &Journey<'_>| count(used(journey)).len();
    let row = |(number, journeys): (usize, u64)| {
        let ended = |ending: Ending| {
            let of = log.journeys.iter().filter(|journey| channels(journey) == number && journey.ending == ending);
            of.count() as u64
        };
        let (succeeded, abandoned) = (ended(Ending::Succeeded), ended(Ending::Abandoned));
        let outcome = match log.cut {
            Some(_) => {
                let share = share("succeeded_share", succeeded, succeeded + abandoned);
                object([json!({"succeeded": succeeded}), share])
            }
            None => json!({"succeeded": null, "succeeded_share": null, "succeeded_share_low": null,
                           "succeeded_share_high": null}),
        };
        let all = share("share", journeys, log.journeys.len() as u64);
        object([json!({"channels": number, "journeys": journeys}), all, outcome])
    };
    count(log.journeys.iter().map(channels)).into_iter().map(row).collect()
}
