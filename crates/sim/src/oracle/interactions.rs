//! docs/guide/interactions.md

use charter::journeys::{Interaction as Definition, SurveyKind};
use event::Span;
use serde_json::{Value, json};

use super::figures::{count, first, limit, mean, median, most_frequent, object, seconds, share, student};
use super::log::{Journey, Log};
use super::requests::{self, Interaction, State, gather, opens, silent};
use super::scores::{Score, read};
use crate::world::Question;

/// Contacts that follow each other within this time on the same channel are one.
const CONTACT_US: i64 = 30 * 60 * 1_000_000;

/// What there is to say of one interaction.
#[derive(Debug, Clone)]
struct Told {
    state: State,
    judged: bool,
    accurate: bool,
    first_contact: bool,
    contacts: u64,
    switches: u64,
    repeats: u64,
    elapsed_s: f64,
    ces: Option<f64>,
    request: Option<String>,
    channel: Option<String>,
    department: Option<String>,
    resource: Option<String>,
    path: Vec<String>,
    /// Where the first new contact inside of the window was made, and where the interaction had ended.
    recontact: Option<(Option<String>, Option<String>)>,
    without_key: bool,
    without_request: bool,
}

pub(super) fn answer(log: &Log<'_>, question: &Question) -> Option<Value> {
    if log.charter.interactions.is_empty() {
        return None;
    }
    let limit = limit(question, 20);
    let kinds: Vec<Value> = log.charter.interactions.iter().map(|kind| of_kind(log, kind, limit)).collect();
    Some(json!({"customers": log.customers().len(), "times": "exact", "interactions": kinds}))
}

fn of_kind(log: &Log<'_>, kind: &Definition, limit: usize) -> Value {
    let (mut all, mut unopened, mut resolved_again) = (Vec::new(), 0, 0);
    for journey in &log.journeys {
        let gathered = gather(log, journey, kind);
        all.extend(gathered.interactions.iter().map(|interaction| tell(log, journey, kind, interaction)));
        unopened += gathered.unopened;
        resolved_again += gathered.resolved_again;
    }
    let requests: Vec<Value> = grouped(&all, |told| told.request.clone())
        .into_iter()
        .map(|(request, of)| object([json!({"request": request, "figures": figures(&of)}), ways(&of)]))
        .collect();
    let groups = |by: fn(&Told) -> Option<String>| -> Vec<Value> {
        let group = |(name, of): (Option<String>, Vec<Told>)| json!({"name": name, "figures": figures(&of)});
        first(grouped(&all, by), limit).into_iter().map(group).collect()
    };
    // The mean over requests, weighted by how many are over.
    let weights: Vec<(f64, f64)> = grouped(&all, |told| told.request.clone())
        .into_iter()
        .filter_map(|(_, of)| Some((ways(&of)["repeatable"].as_f64()?, over(&of).len() as f64)))
        .collect();
    let weight: f64 = weights.iter().map(|(_, weight)| weight).sum();
    let repeatable = weights.iter().map(|(repeatable, weight)| repeatable * weight).sum::<f64>() / weight;
    let recontacts = most_frequent(count(all.iter().filter_map(|told| told.recontact.clone())));
    let of: u64 = recontacts.iter().map(|(_, count)| count).sum();
    let recontacts = first(recontacts, limit).into_iter().map(|((from, to), count)| {
        object([json!({"from": from, "to": to, "count": count}), share("share", count, of)])
    });
    json!({
        "interaction": kind.name,
        "window_s": kind.window.and_then(Span::as_micros).map(seconds),
        "figures": figures(&all),
        "repeatable": (weight > 0.0).then_some(repeatable),
        "without_key": all.iter().filter(|told| told.without_key).count(),
        "without_request": all.iter().filter(|told| told.without_request).count(),
        "unopened": unopened,
        "resolved_again": resolved_again,
        "requests": first(requests, limit),
        "channels": groups(|told| told.channel.clone()),
        "departments": groups(|told| told.department.clone()),
        "resources": groups(|told| told.resource.clone()),
        "recontacts": recontacts.collect::<Vec<_>>(),
    })
}

fn tell(log: &Log<'_>, journey: &Journey<'_>, kind: &Definition, interaction: &Interaction) -> Told {
    let events = journey.events();
    let own: Vec<_> = interaction.events.iter().map(|i| &events[*i]).collect();
    let (began, ended) = (interaction.events[0], *interaction.events.last().expect("it has events"));
    let (first_us, last_us) = (events[began].at_us, events[ended].at_us);
    let contacts: Vec<_> = own.iter().filter(|seen| opens(kind, seen)).collect();
    let new = contacts
        .windows(2)
        .filter(|pair| pair[0].channel != pair[1].channel || pair[1].at_us - pair[0].at_us > CONTACT_US);
    // New contacts on the same request: outside of the interaction, with the same key or the same request; where the charter
    // names neither, all of a customer is one request.
    let (key, request) = (requests::key(kind, own[0]), requests::request(kind, own[0]));
    let same = |a: &Option<String>, b: &Option<String>| a.is_some() && a == b;
    let others: Vec<usize> = (began + 1..events.len())
        .filter(|i| opens(kind, &events[*i]) && !interaction.events.contains(i))
        .filter(|i| {
            kind.key.is_none() && kind.request.is_none()
                || same(&requests::key(kind, &events[*i]), &key)
                || same(&requests::request(kind, &events[*i]), &request)
        })
        .collect();
    let resolved = interaction.state == State::Resolved;
    let again = others.iter().find(|i| **i > ended);
    let again = again.filter(|i| resolved && kind.window.is_some() && !silent(kind, last_us, events[**i].at_us));
    let joined = others.iter().any(|i| *i < ended);
    let judged = resolved && silent(kind, last_us, log.until_us);
    // How easy it was, as the next answer inside the window says.
    let survey = log.charter.surveys.iter().find(|survey| survey.kind == SurveyKind::Ces);
    let answers = survey.into_iter().flat_map(|survey| {
        events[ended + 1..].iter().filter(|seen| seen.moment == survey.moment).filter_map(|seen| {
            match read(survey, seen) {
                Score::Counts(score) => Some((seen.at_us, score)),
                _ => None,
            }
        })
    });
    let ces = answers.take(1).find(|(at_us, _)| resolved && kind.window.is_some() && !silent(kind, last_us, *at_us));
    let channels: Vec<String> = own.iter().filter_map(|seen| seen.channel.clone()).collect();
    let path: Vec<String> = own.iter().map(|seen| seen.moment.clone()).collect();
    let column = |name: &str| own.iter().rev().find_map(|seen| seen.event.columns.get(name)).cloned();
    let number = 1 + new.count() as u64;
    Told {
        state: interaction.state,
        judged,
        accurate: judged && again.is_none(),
        first_contact: judged && again.is_none() && !joined && number == 1,
        contacts: number,
        switches: channels.windows(2).filter(|pair| pair[0] != pair[1]).count() as u64,
        repeats: (0..path.len()).filter(|i| path[..*i].contains(&path[*i])).count() as u64,
        elapsed_s: seconds(last_us - first_us),
        ces: ces.map(|(_, score)| score),
        channel: channels.first().cloned(),
        department: column("department"),
        resource: column("resource"),
        path,
        recontact: again.map(|i| (channels.last().cloned(), events[*i].channel.clone())),
        without_key: kind.key.is_some() && key.is_none(),
        without_request: kind.request.is_some() && request.is_none(),
        request,
    }
}

/// Groups by what they have in common, the largest first, then those that have nothing, then by name.
fn grouped(all: &[Told], by: fn(&Told) -> Option<String>) -> Vec<(Option<String>, Vec<Told>)> {
    let groups = most_frequent(count(all.iter().map(by)));
    groups
        .into_iter()
        .map(|(name, _)| (name.clone(), all.iter().filter(|told| by(told) == name).cloned().collect()))
        .collect()
}

fn over(all: &[Told]) -> Vec<&Told> {
    all.iter().filter(|told| told.state != State::Open).collect()
}

fn figures(all: &[Told]) -> Value {
    let number = |holds: fn(&Told) -> bool| all.iter().filter(|told| holds(told)).count() as u64;
    let opened = all.len() as u64;
    let resolved = number(|told| told.state == State::Resolved);
    let open = number(|told| told.state == State::Open);
    let judged = number(|told| told.judged);
    let (at_first, accurate) = (number(|told| told.first_contact), number(|told| told.accurate));
    let of_resolved = |measure: fn(&Told) -> f64| -> Vec<f64> {
        all.iter().filter(|told| told.state == State::Resolved).map(measure).collect()
    };
    let contacts = of_resolved(|told| told.contacts as f64);
    let switches = of_resolved(|told| told.switches as f64);
    let repeats = of_resolved(|told| told.repeats as f64);
    let elapsed = of_resolved(|told| told.elapsed_s);
    let ces: Vec<f64> = all.iter().filter_map(|told| told.ces).collect();
    object([
        json!({
            "opened": opened,
            "resolved": resolved,
            "open": open,
            "abandoned": opened - resolved - open,
            "judged": judged,
            "first_contact": at_first,
            "accurate": accurate,
            "contacts_mean": mean(&contacts),
            "contacts_mean_low": student(&contacts)[1],
            "contacts_mean_high": student(&contacts)[2],
            "contacts_median": median(&contacts),
            "switches_mean": mean(&switches),
            "switches_mean_low": student(&switches)[1],
            "switches_mean_high": student(&switches)[2],
            "switches_median": median(&switches),
            "repeats_mean": mean(&repeats),
            "repeats_mean_low": student(&repeats)[1],
            "repeats_mean_high": student(&repeats)[2],
            "repeats_median": median(&repeats),
            "elapsed_mean_s": mean(&elapsed),
            "elapsed_mean_s_low": student(&elapsed)[1],
            "elapsed_mean_s_high": student(&elapsed)[2],
            "elapsed_median_s": median(&elapsed),
            "ces_n": ces.len(),
            "ces_mean": mean(&ces),
            "ces_mean_low": student(&ces)[1],
            "ces_mean_high": student(&ces)[2],
        }),
        share("resolved_share", resolved, opened - open),
        share("first_contact_share", at_first, judged),
        share("accurate_share", accurate, judged),
    ])
}

/// How repeatable the interactions about one request are: 1 − H / ln k over (path, result).
fn ways(all: &[Told]) -> Value {
    let over = over(all);
    if over.is_empty() {
        return json!({"repeatable": null, "ways": 0, "usual": null});
    }
    let result = |told: &Told| if told.state == State::Resolved { "resolved" } else { "abandoned" };
    // Of equally frequent ways the first by its moments, and one that is resolved before one that is not.
    let told = over.iter().map(|told| (told.path.clone(), std::cmp::Reverse(result(told))));
    let ways = most_frequent(count(told));
    let n = over.len() as f64;
    let entropy: f64 = ways.iter().map(|(_, count)| *count as f64 / n).map(|p| -p * p.ln()).sum();
    let repeatable = if ways.len() == 1 { 1.0 } else { 1.0 - entropy / (ways.len() as f64).ln() };
    let ((path, result), count) = &ways[0];
    json!({
        "repeatable": repeatable,
        "ways": ways.len(),
        "usual": object([
            json!({"path": path, "result": result.0, "count": count}),
            share("share", *count, over.len() as u64),
        ]),
    })
}
