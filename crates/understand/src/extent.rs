//! How far the events reach by the words of a charter: from which day on there are moments, and how often each occurs.
//!
//! Nobody asks for it by name. It is asked beside other views, for what they cannot know: an event that is no moment may be
//! years older than the first one, and a moment that never occurs looks like one that nobody came to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use charter::Charter;
use event::{Period, Periods};
use evidence::Doubt;
use journey::{Fold, Journey, Moments, Setting};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::compare::Shares;
use crate::count::at;
use crate::kept;
use crate::question::{Names, Question};
use crate::views::answered;
use crate::{Answered, Comparison, Error, Table, quality, strays};

/// It has no options.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Options {}

impl Question for Options {
    const NAME: &'static str = "extent";
    const OPTIONS: &'static [(&'static str, &'static str)] = &[];
    type Answer = Answer;
    type Fold = ExtentFold;

    fn set(&mut self, option: &str, _: &str) -> Result<(), Error> {
        Err(Error::unknown_option(Self::NAME, option, Self::OPTIONS))
    }

    fn fold(&self, setting: &Setting) -> ExtentFold {
        ExtentFold {
            days: Periods::new(Period::Day, setting.charter.timezone.clone()),
            since_us: setting.since_us,
            until_us: setting.until_us,
            counts: Counts::default(),
        }
    }

    fn compare(a: (&str, ExtentFold), b: (&str, ExtentFold), moments: &Moments) -> Result<Comparison<Answer>, Error> {
        let shares = |_: &Answer| Shares { of: 0, by_name: BTreeMap::new() };
        Ok(Comparison::new((a.0, a.1.finish(moments)?), (b.0, b.1.finish(moments)?), shares))
    }

    fn tables(_: &Answer) -> Vec<Table> {
        Vec::new()
    }
}

/// How far events reach.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The beginning of the first day with a moment, in microseconds since 1970; null without any. Customers who begin so
    /// far before all others that their date is most likely wrong do not count; a doubt tells them.
    pub began_us: Option<i64>,
    /// By moment, how many events.
    pub events: BTreeMap<Arc<str>, u64>,
    /// The names of events that are no moment; empty where they were not looked at.
    pub others: BTreeSet<String>,
    /// What stands against it.
    pub doubts: Vec<Doubt>,
}

impl Answer {
    /// A doubt for each of these moments that never occurs.
    pub fn never(&self, charter: &Charter, of: &[String]) -> Vec<Doubt> {
        let doubt = |name: &str, near: Option<String>| {
            let near = near.map_or_else(String::new, |near| format!("; {near}"));
            let what = format!("event is of the moment `{name}`");
            Doubt::missing(&what, &format!("what needs one never happens{near}"))
        };
        let never = |name: &str| !self.events.contains_key(name);
        if charter.moments.is_empty() {
            // Every name of an event is a moment.
            let names: BTreeSet<&str> = of.iter().map(String::as_str).filter(|name| never(name)).collect();
            let near = |name: &str| {
                let near = event::similar(name, self.events.keys().map(|known| &**known));
                (!near.is_empty()).then(|| format!("did you mean `{}`?", near.join("`, `")))
            };
            return names.into_iter().map(|name| doubt(name, near(name))).collect();
        }
        let moments = charter.moments.iter().filter(|moment| of.contains(&moment.name) && never(&moment.name));
        let others = self.others.iter().map(String::as_str);
        moments.map(|moment| doubt(&moment.name, quality::near(moment, &others))).collect()
    }
}

/// The answer with the names of events that are no moment.
pub fn complete(answer: Answer, others: impl Iterator<Item = String>) -> Box<dyn Answered> {
    answered(&Options::default(), Answer { others: others.collect(), ..answer })
}

/// What is counted of how far events reach.
#[derive(Debug)]
pub struct ExtentFold {
    days: Periods,
    since_us: i64,
    until_us: i64,
    counts: Counts,
}

/// Sums only, so that what was counted can be taken out again: there is no first day that one could take out.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Counts {
    /// By day, of how many customers it is the first one; `None` is beyond the calendar.
    first_days: BTreeMap<Option<i32>, u64>,
    /// By moment.
    events: Vec<u64>,
}

impl Fold for ExtentFold {
    type Answer = Result<Answer, Error>;

    fn journey(&mut self, journey: &Journey<'_>) {
        *self.counts.first_days.entry(self.days.number(journey.at_us[0])).or_default() += 1;
        for moment in journey.moments {
            *at(&mut self.counts.events, moment.index()) += 1;
        }
    }

    fn merge(&mut self, other: Self) {
        for (day, customers) in other.counts.first_days {
            *self.counts.first_days.entry(day).or_default() += customers;
        }
        for (moment, events) in other.counts.events.iter().enumerate() {
            *at(&mut self.counts.events, moment) += events;
        }
    }

    fn keep(&mut self) -> Option<Vec<u8>> {
        kept::keep(&self.counts)
    }

    fn resume(&mut self, kept: &[u8]) -> bool {
        kept::resume(kept).map(|counts| self.counts = counts).is_some()
    }

    fn subtract(&mut self, other: Self) {
        for (day, customers) in other.counts.first_days {
            *self.counts.first_days.entry(day).or_default() -= customers;
        }
        self.counts.first_days.retain(|_, customers| *customers > 0);
        for (moment, events) in other.counts.events.iter().enumerate() {
            *at(&mut self.counts.events, moment) -= events;
        }
    }

    fn finish(mut self, moments: &Moments) -> Result<Answer, Error> {
        let names = Names::of(moments);
        // What lies beyond the calendar lies further back than anything in it, if it does not lie in the future.
        let number = |day: Option<i32>| i64::from(day.unwrap_or(i32::MIN));
        let until = self.days.number(self.until_us).map_or(i64::MAX, i64::from);
        let days = self.counts.first_days.iter().map(|(day, customers)| (number(*day), *customers));
        let days: Vec<(i64, u64)> = days.filter(|(day, _)| *day <= until).collect();
        let (early, rest) = days.split_at(strays::early(&days));
        let first = rest.first().map(|(day, _)| i32::try_from(*day).ok().and_then(|day| self.days.start(day)));
        let began_us = first.map(|start_us| start_us.unwrap_or(self.since_us));
        let since = rest.first().and_then(|(day, _)| i32::try_from(*day).ok()).map(|day| self.days.name(day));
        let early = Some(early.iter().map(|(_, customers)| customers).sum()).filter(|n| *n > 0);
        let early = early.zip(since).map(|(n, since)| Doubt::Early { n, since });
        let events = self.counts.events.into_iter().zip(0..).filter(|(events, _)| *events > 0);
        let events = events.map(|(events, moment)| (names.name(journey::Moment(moment)), events));
        Ok(Answer { began_us, events: events.collect(), others: BTreeSet::new(), doubts: early.into_iter().collect() })
    }
}

#[cfg(test)]
mod tests {
    use journey::Selection;

    use super::*;

    #[test]
    fn one_wrong_date_is_not_the_beginning() {
        let charter = "charter: 1\ntimezone: Europe/Berlin\nmoments:\n  visit: {when: event = 'visit'}\n";
        let began = |strays: &str| {
            let rest: Vec<String> = (0..30).map(|n| format!("c{n}: visit@{}d visit@{}d", 900 + n, 980 + n)).collect();
            let text = format!("{strays}; {}", rest.join("; "));
            let log = testkit::told(charter, &text).log(None, |_, _| {});
            let found = testkit::answer(&log, &Selection::default(), || Options::default().fold(&log.setting()));
            let found = found.expect("an answer");
            (found.began_us.expect("moments") / 3_600_000_000, found.doubts)
        };
        // Midnight in Berlin is 23 o'clock of the day before in Greenwich, in summer 22 o'clock.
        let told = |n, since: &str| vec![Doubt::Early { n, since: since.to_owned() }];
        assert_eq!(began("x: visit@1d visit@901d"), (900 * 24 - 1, told(1, "1972-06-19")));
        assert_eq!(began("x: visit@893d visit@901d"), (893 * 24 - 1, vec![]), "a week may be true");
        assert_eq!(began("x: visit@1d; y: visit@1d"), (23, vec![]), "two of thirty-two are no slip");
    }

    #[test]
    fn what_is_no_moment_is_not_the_beginning_and_what_never_occurs_is_named() {
        let charter = "charter: 1\ntimezone: Europe/Berlin\nmoments:\n  visit: {when: event = 'visit'}\n  \
                       order: {when: event = 'order'}\n  call: {when: event = 'call'}\n";
        let log = testkit::told(charter, "1: other@0d visit@25h visit@3d; 2: visit@4d call@4d").log(None, |_, _| {});
        let new = || Options::default().fold(&log.setting());
        let found = testkit::answer(&log, &Selection::default(), new).expect("an answer");
        // 25 hours after 1970 began in Greenwich it was 2 o'clock on the second in Berlin.
        assert_eq!(found.began_us, Some(23 * 3_600_000_000));
        assert_eq!(found.events.iter().map(|(name, n)| (&**name, *n)).collect::<Vec<_>>(), [("call", 1), ("visit", 3)]);
        let asked = ["order", "visit"].map(str::to_owned);
        let found = Answer { others: ["orders".to_owned()].into(), ..found };
        let doubts: Vec<String> = found.never(&log.setting().charter, &asked).iter().map(Doubt::to_string).collect();
        let near = "did you mean `orders`? events of this name are no moment";
        assert_eq!(doubts, [format!("no event is of the moment `order`: what needs one never happens; {near}")]);

        let every_name = Charter::without_file();
        let asked = ["visits", "call", "visits"].map(str::to_owned);
        let doubts: Vec<String> = found.never(&every_name, &asked).iter().map(Doubt::to_string).collect();
        let said = "no event is of the moment `visits`: what needs one never happens; did you mean `visit`?";
        assert_eq!(doubts, [said], "without a list, every name is a moment");
    }

    #[test]
    fn every_view_doubts_the_moments_that_it_is_about_and_that_never_occur() {
        let charter = "charter: 1\nstages: {look: {goal: conversion}, use: {goal: lifetime}}\nmoments:\n  \
                       visit: {stage: look, when: event = 'visit'}\n  order: {when: event = 'Ordr'}\n  \
                       delivered: {stage: use, when: event = 'Delivred'}\n  survey: {when: event = 'Survy'}\n  \
                       ticket: {when: event = 'Tickt'}\n  login: {when: event = 'Logn'}\n\
                       journeys: {purchase: {starts: [visit], succeeds: order}}\n\
                       interactions: {support: {opens: [ticket], resolves: [visit]}}\n\
                       outcomes: {sale: {when: moment = 'order'}}\n\
                       surveys: {nps: {moment: survey, score: properties.score, kind: nps}}\n\
                       segments: {served: count_of.delivered >= 1}\n";
        let log = testkit::told(charter, "1: visit@0d").log(None, |_, _| {});
        let new = || Options::default().fold(&log.setting());
        let found = testkit::answer(&log, &Selection::default(), new).expect("an answer");
        let doubted = |view: &str, options: &[(&str, &str)]| {
            let charter = &log.setting().charter;
            let view = crate::View::parse(view, options.iter().copied()).expect("a question");
            let doubts = found.never(charter, &view.moments(charter, None)).into_iter().map(|doubt| doubt.to_string());
            doubts.map(|doubt| doubt.split('`').nth(1).unwrap_or("").to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(doubted("stages", &[]), ["order", "delivered"]);
        assert_eq!(doubted("absences", &[]), ["delivered"]);
        assert_eq!(doubted("segments", &[]), ["delivered"]);
        assert_eq!(doubted("segments", &[("sql", "last_moment = 'survey'")]), ["delivered", "survey"]);
        assert_eq!(doubted("surveys", &[]), ["delivered", "survey"]);
        assert_eq!(doubted("say-do", &[]), ["order", "survey", "ticket"]);
        assert_eq!(doubted("channels", &[("identifies", "login")]), ["ticket", "login"]);

        let every_name = Charter::without_file();
        let view = crate::View::parse("segments", [("sql", "count_of.vist >= 1")]).expect("a question");
        let doubts = found.never(&every_name, &view.moments(&every_name, None));
        assert!(doubts.len() == 1 && doubts[0].to_string().ends_with("did you mean `visit`?"), "{doubts:?}");
    }
}
