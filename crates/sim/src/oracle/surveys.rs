//! docs/guide/surveys.md

use charter::journeys::Survey;
use serde_json::{Value, json};

use super::figures::{count, first, limit, most_frequent, object, share};
use super::log::{Journey, Log, text};
use super::scores::{Score, kind_name, read, summary};
use super::segments::belongs;
use crate::world::Question;

/// One answer with a score that counts.
#[derive(Debug)]
struct Given {
    customer: i64,
    score: f64,
    moment: String,
    channel: String,
    reason: Option<String>,
}

pub(super) fn answer(log: &Log<'_>, question: &Question) -> Option<Value> {
    if log.charter.surveys.is_empty() {
        return None;
    }
    let surveys: Vec<Value> = log.charter.surveys.iter().map(|survey| of_survey(log, survey, question)).collect();
    Some(json!({"surveys": surveys}))
}

fn of_survey(log: &Log<'_>, survey: &Survey, question: &Question) -> Value {
    let limit = limit(question, 10);
    let answers: Vec<Given> = log.journeys.iter().flat_map(|journey| given(log, journey, survey)).collect();
    let of_moment = || log.journeys.iter().flat_map(Journey::events).filter(|seen| seen.moment == survey.moment);
    let number = |wanted: Score| of_moment().filter(|seen| read(survey, seen) == wanted).count();
    let scores: Vec<f64> = answers.iter().map(|given| given.score).collect();
    let by = |name: &dyn Fn(&Given) -> String| -> Vec<Value> {
        let groups = most_frequent(count(answers.iter().map(name)));
        let of = |group: &str| -> Vec<f64> {
            answers.iter().filter(|given| name(given) == group).map(|given| given.score).collect()
        };
        let row = |(group, _): (String, u64)| json!({"name": group, "score": summary(survey.kind, &of(&group))});
        first(groups, limit).into_iter().map(row).collect()
    };
    // Every score has at most two digits, so they sort as texts of one width do.
    let distribution = count(scores.iter().map(|score| format!("{score:2}")))
        .into_iter()
        .map(|(score, count)| json!({"score": score.trim().parse::<u64>().expect("a score"), "count": count}));
    let reasons = if survey.reason.is_some() {
        by(&|given| given.reason.clone().unwrap_or_else(|| "(none)".to_owned()))
    } else {
        Vec::new()
    };
    let everybody: Vec<i64> = log.customers().iter().map(|customer| customer.number).collect();
    let by_segment = log.charter.segments.iter().map(|segment| {
        let all = log.customers().into_iter().filter(|customer| belongs(log, customer, &segment.when));
        let members: Vec<i64> = all.map(|customer| customer.number).collect();
        let of: Vec<&Given> = answers.iter().filter(|given| members.contains(&given.customer)).collect();
        let scores: Vec<f64> = of.iter().map(|given| given.score).collect();
        object([
            json!({
                "segment": segment.name,
                "customers": count(of.iter().map(|given| given.customer)).len(),
                "score": summary(survey.kind, &scores),
            }),
            response(log, survey, question, &members),
        ])
    });
    let by_segment: Vec<Value> = by_segment.collect();
    object([
        response(log, survey, question, &everybody),
        json!({
            "survey": survey.name,
            "kind": kind_name(survey.kind),
            "moment": survey.moment,
            "customers": count(answers.iter().map(|given| given.customer)).len(),
            "score": summary(survey.kind, &scores),
            "distribution": distribution.collect::<Vec<_>>(),
            "without_score": number(Score::Missing),
            "out_of_range": number(Score::OutOfRange),
            "not_whole": number(Score::NotWhole),
            "unreadable": number(Score::Unreadable),
            "by_segment": by_segment,
            "by_moment": by(&|given| given.moment.clone()),
            "by_channel": by(&|given| given.channel.clone()),
            "reasons": reasons,
        }),
    ])
}

fn given(log: &Log<'_>, journey: &Journey<'_>, survey: &Survey) -> Vec<Given> {
    let run = &journey.customer.run;
    let is_answer = |moment: &str| log.charter.surveys.iter().any(|survey| survey.moment == moment);
    let none = || "(none)".to_owned();
    let mut all = Vec::new();
    for i in (journey.start..journey.end).filter(|i| run[*i].moment == survey.moment) {
        let Score::Counts(score) = read(survey, &run[i]) else { continue };
        let before = run[..i].iter().rev().find(|seen| !is_answer(&seen.moment));
        all.push(Given {
            customer: journey.customer.number,
            score,
            moment: before.map_or_else(none, |seen| seen.moment.clone()),
            channel: before.and_then(|seen| seen.channel.clone()).unwrap_or_else(none),
            reason: survey.reason.as_ref().and_then(|column| text(run[i].event, column)),
        });
    }
    all
}

/// How often some customers were asked, and the share that they answered; null where nobody says with which moment.
fn response(log: &Log<'_>, survey: &Survey, question: &Question, customers: &[i64]) -> Value {
    let asked =
        question.option("asked").or(survey.asked.as_deref()).map(|moment| responses(log, survey, moment, customers));
    let (of, count) = asked.unwrap_or_default();
    object([json!({"asked": asked.map(|(asked, _)| asked)}), share("response_share", count, of)])
}

/// How often some customers were asked, and how often they answered before they were asked again.
fn responses(log: &Log<'_>, survey: &Survey, moment: &str, customers: &[i64]) -> (u64, u64) {
    let (mut asked, mut answered) = (0, 0);
    for customer in log.customers().into_iter().filter(|customer| customers.contains(&customer.number)) {
        let own = log.journeys.iter().filter(|journey| journey.customer.number == customer.number);
        let events: Vec<_> = own.flat_map(Journey::events).collect();
        for i in (0..events.len()).filter(|i| events[*i].moment == moment) {
            asked += 1;
            let is_asked_again = |j: usize| j > i && events[j].moment == moment;
            let end = (i..events.len()).find(|j| is_asked_again(*j)).unwrap_or(events.len());
            // What asks may itself be the answer.
            let answers =
                events[i..end].iter().any(|seen| seen.moment == survey.moment && read(survey, seen) != Score::Missing);
            answered += u64::from(answers);
        }
    }
    (asked, answered)
}
