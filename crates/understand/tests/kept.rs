//! What was kept of an answer, taken up again when more events are known, gives the answer that all events give at once.
//!
//! This is done as the lake does it: of the customers with new events, and of those about whom the time that went by
//! decided something, what a fold sees before is taken out of what was kept, and what it sees now is put in.

use std::collections::BTreeSet;
use std::fmt::Write;

use journey::{AnyFold, Cut, Ending, Hands, Moments, Runs, Selection, Setting};
use proptest::prelude::*;
use testkit::{Log, Told, told};
use understand::View;

/// A view that keeps, as it is asked.
struct Case {
    view: &'static str,
    options: &'static [(&'static str, &'static str)],
    journey: Option<&'static str>,
    /// Whether so few events can make it lose track, so that it is asked afresh.
    may_lose_track: bool,
}

const fn case(view: &'static str, options: &'static [(&'static str, &'static str)]) -> Case {
    Case { view, options, journey: None, may_lose_track: false }
}

const fn cut(view: &'static str, options: &'static [(&'static str, &'static str)]) -> Case {
    Case { journey: Some("way"), ..case(view, options) }
}

/// All views that keep.
const CASES: &[Case] = &[
    case("map", &[]),
    cut("map", &[("limit", "3")]),
    case("map", &[("times", "false")]),
    // Some answers have fewer times than this, others more.
    Case { may_lose_track: true, ..case("map", &[("exact_bytes", "400")]) },
    Case { may_lose_track: true, ..case("map", &[("exact_bytes", "8")]) },
    case("variants", &[("limit", "2")]),
    cut("variants", &[("limit", "0")]),
    case("funnel", &[("steps", "a,b,a")]),
    cut("funnel", &[("steps", "c,d,b"), ("within", "30h"), ("from_first", "true")]),
    case("steps", &[]),
    cut("steps", &[("steps", "3")]),
    case("sankey", &[("from_moment", "c"), ("limit", "2")]),
    cut("sankey", &[("steps", "2")]),
    case("paths", &[("pattern", "a .. b@call")]),
    cut("paths", &[("pattern", "a .. b")]),
    cut("conformance", &[]),
    cut("abandonment", &[("limit", "3")]),
    case("channels", &[("identifies", "d")]),
    cut("channels", &[]),
    case("interactions", &[]),
    cut("interactions", &[("limit", "2")]),
    case("expectations", &[]),
    cut("expectations", &[("limit", "2")]),
    case("absences", &[]),
    case("retention", &[("by", "day"), ("returns", "b")]),
    case("surveys", &[("asked", "a")]),
    cut("surveys", &[]),
    case("say-do", &[("within", "30h")]),
    // A period that just begins has no halves yet.
    Case { may_lose_track: true, ..case("stages", &[]) },
    Case { may_lose_track: true, ..cut("stages", &[]) },
    case("segments", &[]),
    cut("segments", &[("sql", "count_of.b >= 2")]),
    case("quality", &[]),
];

/// A charter that has what views are about. Moments come hours apart.
const CHARTER: &str = "\
charter: 1
calendar: {days: mon-fri, hours: \"08:00-18:00\"}
departments: {shop: {}, service: {}}
channels: {web: {when: channel = 'web'}, call: {when: channel = 'call'}}
stages: {early: {goal: reach}, middle: {goal: conversion}, late: {goal: advocacy}}
moments:
  a: {stage: early, owner: shop, when: event = 'a'}
  b: {stage: late, owner: service, when: event = 'b'}
  c: {stage: middle, when: event = 'c'}
  d: {when: event = 'd'}
  e: {stage: late, when: event = 'e'}
interactions: {talk: {opens: [a], resolves: [b], window: 30h}, other: {opens: [c], resolves: [d, e], key: properties.request, window: 2d}}
outcomes:
  done: {when: moment = 'b', horizon: 20h}
  lost: {when: moment = 'e', bad: true, value: properties.score}
surveys: {nps: {moment: b, score: properties.score, kind: nps, reason: properties.request}}
segments:
  many: events > 3
  talking: share_of_channel.call >= 0.5
  quiet: days_since_last > 1.5 and not days_since_first between 3 and 8
  waiting: days_since_last_of.c in (1, 2.5) or 4 > days_since_first_of.a
journeys: {way: {starts: [a, c], succeeds: b, abandoned_after: 25h, designed: a (c | d)* b, promised: {a..b: 1bd, c..b: 9h}}}
expectations:
  back: {after: a, promise: b, within: 1bd, owner: service}
  soon: {after: c, promise: d, within: 7h}
";

/// Events in the order in which they became known.
#[derive(Debug, Clone)]
struct Arrived {
    customer: u8,
    moment: char,
    at_h: u32,
    rest: (u8, u8, u8),
    flags: u8,
}

fn arrived() -> impl Strategy<Value = Vec<Arrived>> {
    // Later ones are of later times, mostly, and some are of the same.
    let event = (
        0u8..12,
        prop::sample::select(vec!['a', 'b', 'b', 'c', 'd', 'e']),
        0u32..40,
        (0u8..3, 0u8..3, 0u8..12),
        0u8..8,
    );
    prop::collection::vec(event, 0..120).prop_map(|events| {
        let arrived = |(i, (customer, moment, jitter, rest, flags))| {
            let at_h = u32::try_from(i).expect("few") * 2 + jitter;
            // Some customers came early and then never again.
            let customer = if customer < 4 { u8::try_from(i / 8).expect("few") + 20 } else { customer };
            Arrived { customer, moment, at_h, rest, flags }
        };
        events.into_iter().enumerate().map(arrived).collect()
    })
}

/// A log of all, in which events carry their order of arrival; times are counted in so many hours. The first event is the
/// earliest, as since when anything is known does not change.
fn tell(arrived: &[Arrived], hours: u32) -> Told {
    let mut text = "first: a@1h{seq=0 channel=web}\n".to_owned();
    for (seq, Arrived { customer, moment, at_h, rest: (channel, request, score), flags }) in arrived.iter().enumerate()
    {
        let mark = ["", "", "", "", "*", "+", "*+", ""][usize::from(*flags)];
        let channel = ["channel=web", "channel=call", ""][usize::from(*channel)];
        let (seq, at_h) = (seq + 1, at_h * hours + 1);
        writeln!(text, "{customer}: {moment}@{at_h}h{mark}{{seq={seq} {channel} request=r{request} score={score}}}")
            .expect("a text takes it");
    }
    told(CHARTER, &text)
}

/// All that is known at the end, and how much of it is known at some time.
struct World<'a> {
    case: &'a Case,
    view: View,
    log: Log,
    /// By event, its order of arrival.
    seq: Vec<usize>,
    with: bool,
    compare: bool,
}

/// Hands that take the last piece of work first.
struct Backwards;

impl Hands for Backwards {
    fn share(&self, count: usize, work: &(dyn Fn(usize) + Sync)) {
        (0..count).rev().for_each(work);
    }
}

type Folds = Vec<Box<dyn AnyFold>>;
type Kept = Vec<Vec<u8>>;

impl<'a> World<'a> {
    fn new(case: &'a Case, told: &Told, with: bool, compare: bool) -> Self {
        let view = View::parse(case.view, case.options.iter().copied()).expect(case.view);
        let log = told.log(case.journey, |charter, wanted| view.wants(charter, wanted).expect(case.view));
        let seq = told.events.iter().map(|event| event.carries["seq"].parse().expect("a number"));
        let seq: Vec<usize> = seq.collect();
        assert_eq!(seq.len(), log.customer.len(), "all are moments");
        Self { case, view, log, seq, with, compare }
    }

    /// What is known when so many events are.
    fn setting(&self, known: usize) -> Setting {
        let times = self.log.at_us.iter().zip(&self.seq).filter(|(_, seq)| **seq < known);
        Setting { until_us: times.map(|(at_us, _)| *at_us).max().expect("one at least"), ..self.log.setting() }
    }

    fn selection(&self, setting: &Setting) -> Selection {
        let cut = |journey| Cut::of(journey, &setting.charter.calendar, &setting.moments, setting.until_us);
        Selection { cut: setting.journey().map(cut), with: self.with, compare: self.compare, ..Selection::default() }
    }

    /// What folds count when so many events are known, of these customers.
    fn counted(&self, known: usize, of: impl Fn(i64) -> bool) -> Folds {
        let setting = self.setting(known);
        let selection = self.selection(&setting);
        let folds = || -> Folds { (0..=usize::from(self.compare)).map(|_| self.view.fold(&setting)).collect() };
        let (mut some, mut others) = (folds(), folds());
        let log = self.log.only(|i| self.seq[i] < known && of(self.log.customer[i]));
        let mut runs = Runs::default();
        let mut each = |run: &journey::Run<'_>| {
            let folds = if run.customer % 2 == 0 { &mut some } else { &mut others };
            selection.journeys(run, |journey, group| folds[group].journeys(&[*journey]));
        };
        runs.feed(&log.columns(), &mut each);
        runs.finish(&mut each);
        some.iter_mut().zip(others).for_each(|(some, others)| some.merge(others));
        some
    }

    fn answer(&self, mut folds: Folds) -> String {
        let moments: &Moments = &self.log.moments;
        let last = folds.pop().expect("one at least");
        let answered = match folds.pop() {
            Some(first) => self.view.compare(("with".to_owned(), first), ("without".to_owned(), last), moments),
            None => self.view.finish(last, moments),
        };
        answered.map_or_else(|error| error.to_string(), |answered| answered.json(true))
    }

    /// Customers whose open journeys are abandoned by the time that went by.
    fn abandoned(&self, before: usize, now: usize) -> BTreeSet<i64> {
        let open = |known| {
            let selection = Selection { with: false, compare: false, ..self.selection(&self.setting(known)) };
            let mut open = BTreeSet::new();
            let mut runs = Runs::default();
            let mut each = |run: &journey::Run<'_>| {
                selection.journeys(run, |journey, _| {
                    if journey.ending == Ending::Open {
                        open.insert(journey.customer);
                    }
                });
            };
            runs.feed(&self.log.only(|i| self.seq[i] < before).columns(), &mut each);
            runs.finish(&mut each);
            open
        };
        &open(before) - &open(now)
    }

    fn resumed(&self, known: usize, kept: &Kept) -> Folds {
        let setting = self.setting(known);
        let resumed = |kept: &Vec<u8>| {
            let mut fold = self.view.fold(&setting);
            assert!(fold.resume(kept), "{}: what it kept", self.case.view);
            fold
        };
        kept.iter().map(resumed).collect()
    }

    /// What was kept when `before` events were known, brought to when `now` are; nothing where that cannot be known.
    fn again(&self, kept: &Kept, before: usize, now: usize) -> Option<(Folds, Kept)> {
        let mut folds = self.resumed(now, kept);
        let mut touched = self.abandoned(before, now);
        for fold in &folds {
            touched.extend(fold.due(self.setting(now).until_us)?);
        }
        let new = self.log.customer.iter().zip(&self.seq).filter(|(_, seq)| (before..now).contains(*seq));
        touched.extend(new.map(|(customer, _)| customer));
        let (was, is) = (self.counted(before, |c| touched.contains(&c)), self.counted(now, |c| touched.contains(&c)));
        for ((fold, was), is) in folds.iter_mut().zip(was).zip(is) {
            fold.subtract(was);
            fold.merge(is);
        }
        let kept = folds.iter_mut().map(|fold| fold.keep()).collect::<Option<_>>()?;
        Some((folds, kept))
    }

    fn keeps_what_is_asked_afresh(&self, times: &[usize]) -> Result<(), TestCaseError> {
        let name = self.case.view;
        let mut before: Option<(usize, Kept)> = None;
        for now in times.iter().copied() {
            let mut fresh = self.counted(now, |_| true);
            for fold in &mut fresh {
                fold.settle(&Backwards);
            }
            let mut kept: Option<Kept> = fresh.iter_mut().map(|fold| fold.keep()).collect();
            prop_assert!(kept.is_some(), "{name}: all was seen");
            let answer = self.answer(fresh);
            prop_assert_eq!(&self.answer(self.counted(now, |_| true)), &answer, "{}: without keeping", name);
            if let Some((known, state)) = &before {
                let again = self.again(state, *known, now);
                prop_assert!(again.is_some() || self.case.may_lose_track, "{name}: little is new");
                if let Some((folds, next)) = again {
                    prop_assert_eq!(&self.answer(folds), &answer, "{}: from {} to {}", name, known, now);
                    kept = Some(next);
                }
            }
            let kept = kept.expect("as seen above");
            prop_assert_eq!(&self.answer(self.resumed(now, &kept)), &answer, "{}: nothing is new", name);
            self.refuses_other_bytes(now, &kept[0])?;
            before = Some((now, kept));
        }
        Ok(())
    }

    fn refuses_other_bytes(&self, known: usize, kept: &[u8]) -> Result<(), TestCaseError> {
        let resumes = |bytes: &[u8]| self.view.fold(&self.setting(known)).resume(bytes);
        for place in (0..kept.len()).step_by(kept.len() / 7 + 1) {
            prop_assert!(!resumes(&kept[..place]), "{}: cut at {place}", self.case.view);
            let mut damaged = kept.to_vec();
            damaged[place] ^= 4;
            prop_assert!(!resumes(&damaged), "{}: damaged at {place}", self.case.view);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn kept_is_fresh(
        arrived in arrived(),
        shares in prop::array::uniform3(0usize..=8),
        hours in prop::sample::select(vec![1u32, 24]),
        with in prop::bool::weighted(0.2),
        compare in prop::bool::weighted(0.3),
    ) {
        let told = tell(&arrived, hours);
        let mut times = shares.map(|share| 1 + arrived.len() * share / 8);
        times.sort_unstable();
        for case in CASES {
            World::new(case, &told, with, compare).keeps_what_is_asked_afresh(&times)?;
        }
    }
}
