//! docs/guide/say-do.md

use std::collections::BTreeMap;

use charter::Charter;
use charter::journeys::{Outcome, Survey};
use event::Span;
use serde_json::{Value, json};

use super::figures::{count, first, interval, limit, most_frequent, newcombe, object, seconds, share};
use super::log::{Customer, Log, Seen, text};
use super::scores::{Said, Score, kind_name, read, said};
use crate::world::Question;

/// Something that customers may do: an outcome, or a contact.
#[derive(Debug, Clone, Copy)]
struct Deed<'a> {
    outcome: Option<&'a Outcome>,
    within_us: i64,
    bad: bool,
}

/// An answer with a score that counts: whose, which event of the run, what it says and why.
#[derive(Debug)]
struct Given<'a> {
    customer: &'a Customer<'a>,
    at: usize,
    said: Said,
    reason: Option<String>,
}

pub(super) fn answer(log: &Log<'_>, question: &Question) -> Option<Value> {
    let charter = log.charter;
    if charter.surveys.is_empty() || charter.outcomes.is_empty() {
        return None;
    }
    let span = |text: &str| text.parse::<Span>().expect("a span").as_micros().expect("elapsed time");
    let within_us = span(question.option("within").unwrap_or("90d"));
    let mut deeds: Vec<Deed<'_>> = Vec::new();
    for outcome in &charter.outcomes {
        let horizon_us = outcome.horizon.and_then(Span::as_micros);
        deeds.push(Deed { outcome: Some(outcome), within_us: horizon_us.unwrap_or(within_us), bad: outcome.bad });
    }
    let human = charter.channels.iter().any(|channel| channel.human);
    if human || charter.interactions.iter().any(|interaction| !interaction.opens.is_empty()) {
        deeds.push(Deed { outcome: None, within_us, bad: true });
    }
    let surveys = charter.surveys.iter().map(|survey| of_survey(log, survey, &deeds, limit(question, 10)));
    Some(json!({"surveys": surveys.collect::<Vec<_>>()}))
}

fn of_survey(log: &Log<'_>, survey: &Survey, deeds: &[Deed<'_>], limit: usize) -> Value {
    let mut answers: Vec<Given<'_>> = Vec::new();
    for journey in &log.journeys {
        for at in journey.start..journey.end {
            let seen = &journey.customer.run[at];
            if seen.moment != survey.moment {
                continue;
            }
            if let Score::Counts(score) = read(survey, seen) {
                let reason = survey.reason.as_ref().and_then(|column| text(seen.event, column));
                answers.push(Given { customer: &journey.customer, at, said: said(survey.kind, score), reason });
            }
        }
    }
    let reason = |given: &Given<'_>| given.reason.clone().unwrap_or_else(|| "(none)".to_owned());
    let reasons = if survey.reason.is_some() { count(answers.iter().map(reason)) } else { BTreeMap::new() };
    let reasons = first(most_frequent(reasons), limit).into_iter().map(|(name, answers_n)| {
        let of: Vec<&Given<'_>> = answers.iter().filter(|given| reason(given) == name).collect();
        let deeds = deeds.iter().map(|deed| group(&name, did(log, deed, &of)));
        json!({"reason": name, "answers": answers_n, "deeds": deeds.collect::<Vec<_>>()})
    });
    json!({
        "survey": survey.name,
        "kind": kind_name(survey.kind),
        "answers": answers.len(),
        "deeds": deeds.iter().map(|deed| done(log, survey, deed, &answers)).collect::<Vec<_>>(),
        "reasons": reasons.collect::<Vec<_>>(),
    })
}

fn is_over(log: &Log<'_>, deed: &Deed<'_>, given: &Given<'_>) -> bool {
    given.customer.run[given.at].at_us + deed.within_us <= log.until_us
}

fn is_contact(charter: &Charter, seen: &Seen<'_>) -> bool {
    let opens = charter.interactions.iter().any(|interaction| interaction.opens.contains(&seen.moment));
    let human = |channel: &String| charter.channels.iter().any(|known| known.human && known.name == *channel);
    opens || seen.channel.as_ref().is_some_and(human)
}

/// How many then did it, of how many whose time is over.
fn did(log: &Log<'_>, deed: &Deed<'_>, answers: &[&Given<'_>]) -> [u64; 2] {
    let over: Vec<_> = answers.iter().filter(|given| is_over(log, deed, given)).collect();
    let did = over.iter().filter(|given| {
        let run = &given.customer.run;
        let end_us = run[given.at].at_us + deed.within_us;
        run[given.at + 1..].iter().filter(|seen| seen.at_us <= end_us).any(|seen| match deed.outcome {
            Some(outcome) => log.holds(&outcome.when, seen),
            None => is_contact(log.charter, seen),
        })
    });
    [did.count() as u64, over.len() as u64]
}

fn group(said: &str, [did, of]: [u64; 2]) -> Value {
    object([json!({"said": said, "did": did, "of": of}), share("share", did, of)])
}

fn done(log: &Log<'_>, survey: &Survey, deed: &Deed<'_>, answers: &[Given<'_>]) -> Value {
    let of = |said: Said| -> [u64; 2] {
        did(log, deed, &answers.iter().filter(|given| given.said == said).collect::<Vec<_>>())
    };
    let [well, neither, badly] = [Said::Well, Said::Neither, Said::Badly].map(of);
    let names = match kind_name(survey.kind) {
        "nps" => ["promoters", "passives", "detractors"],
        _ => ["top", "middle", "low"],
    };
    let difference = newcombe(well, badly);
    // Those who said well did better: more of what is good, less of what is bad.
    let more = difference.is_some_and(|[_, low, _]| low > 0.0);
    let less = difference.is_some_and(|[_, _, high]| high < 0.0);
    let (better, worse) = if deed.bad { (less, more) } else { (more, less) };
    // The good after a high score, and not after a low one.
    let not = |[did, of]: [u64; 2]| of - did;
    let as_said = if deed.bad { not(well) + badly[0] } else { well[0] + not(badly) };
    object([
        json!({
            "deed": deed.outcome.map_or("(contact)", |outcome| &outcome.name),
            "bad": deed.bad,
            "within_s": seconds(deed.within_us),
            "pending": answers.iter().filter(|given| !is_over(log, deed, given)).count(),
            "groups": [group(names[0], well), group(names[1], neither), group(names[2], badly)],
            "as_said": as_said,
            "agreement": if better { "agrees" } else if worse { "diverges" } else { "undecided" },
        }),
        interval("difference", difference),
        share("as_said_share", as_said, well[1] + badly[1]),
    ])
}
