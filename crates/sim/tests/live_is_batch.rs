//! What is known of customers live is what the views say of them: the same events, one customer and one event at a time
//! through `act`, and all at once through `understand`, give the same counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use act::{Input, News, Plan, State, What, step};
use event::Timestamp;
use journey::{Cut, Ending, Runs, Selection, Wanted};
use proptest::prelude::*;
use testkit::{Log, Told, answer};
use understand::{Question, expectations, interactions, stages};

const CHARTER: &str = "\
charter: 1
stages: {choice: {goal: conversion}, deal: {goal: basket}, use: {goal: lifetime}}
moments:
  visit:     {stage: choice, when: event = 'visit'}
  order:     {stage: deal, when: event = 'order'}
  delivered: {stage: use, when: event = 'delivered'}
  ticket:    {stage: use, when: event = 'ticket'}
  done:      {when: event = 'done'}
  note:      {stage: use, when: event = 'note' and properties.topic = 't1'}
journeys:
  purchase: {starts: visit, succeeds: order, abandoned_after: 5d}
  anything: {abandoned_after: 9d}
  business: {starts: [ticket, visit], succeeds: [done, delivered], abandoned_after: 2bd}
interactions:
  ticket: {request: properties.topic, key: properties.id, opens: ticket, resolves: done, window: 4d}
  topic:  {request: properties.topic, opens: [ticket, order], resolves: [delivered, order], window: 3d}
  any:    {opens: visit, resolves: done, window: 6d}
outcomes:
  sale: {when: moment = 'order'}
  rich: {when: properties.topic = 't2'}
expectations:
  delivery: {after: order, promise: delivered, within: 3bd}
  answer:   {after: ticket, promise: done, within: 30h}
  repeat:   {after: order, promise: order, within: 4d}
";

const NAMES: [&str; 7] = ["visit", "order", "delivered", "ticket", "done", "note", "nothing"];

/// Up to five customers, at most so many events each as are kept apart or many more, with ties in time.
fn logs() -> impl Strategy<Value = String> {
    let event = (0..5u8, 0..NAMES.len(), 0..160u32, 0..4u8, 0..4u8);
    prop::collection::vec(event, 1..140).prop_map(|events| {
        let text = events.iter().map(|(who, what, hours, id, topic)| {
            let id = if *id == 0 { String::new() } else { format!("id={id}") };
            let topic = if *topic == 0 { String::new() } else { format!("topic=t{topic}") };
            format!("u{who}: {}@{}h{{{id} {topic}}}", NAMES[*what], hours * 3)
        });
        text.collect::<Vec<_>>().join("\n")
    })
}

/// Every customer's state at the time of the last event of all, and all that was told of each.
fn live(told: &Told, plan: &Plan, until: Timestamp) -> Vec<(State, Vec<News>)> {
    let mut customers: BTreeMap<i64, (State, Vec<News>)> = BTreeMap::new();
    let mut seq = 0;
    told.each_event(|customer, event| {
        seq += 1;
        let (state, news) = customers.entry(customer).or_insert_with(|| (State::new(plan), Vec::new()));
        let mut effects = step(state, Input::Event { event, seq }, plan, event.at);
        assert!(!effects.replay, "nothing comes late");
        // A key ties events together however long it takes, so what was silent for too long may go on.
        // And at the very time at which a promise falls due, one event may come before the one that keeps it.
        let may_go = |gone: &News| gone.what == What::InteractionAbandoned || gone.at_us == event.at.as_micros();
        assert!(effects.withdrawn.iter().all(may_go), "{:?}", effects.withdrawn);
        news.append(&mut effects.news);
        news.retain(|news| !effects.withdrawn.contains(news));
    });
    for (state, news) in customers.values_mut() {
        news.append(&mut step(state, Input::Wake, plan, until).news);
    }
    customers.into_values().collect()
}

fn ask<Q: Question>(told: &Told, options: &Q) -> (Log, Q::Answer) {
    let log =
        told.log(None, |charter, wanted: &mut Wanted| options.wants(charter, wanted).expect("the charter has it"));
    let answer = answer(&log, &Selection::default(), || options.fold(&log.setting())).expect("an answer");
    (log, answer)
}

/// How often customers went from one stage to another.
fn changes(all: &[(State, Vec<News>)], plan: &Plan) -> BTreeMap<(Arc<str>, Arc<str>), u64> {
    let mut changes = BTreeMap::new();
    for (_, news) in all {
        let stages = news.iter().filter(|news| news.what == What::Stage);
        let stages: Vec<Arc<str>> = stages.map(|n| plan.name(n.what, n.of).expect("a stage").into()).collect();
        for pair in stages.windows(2) {
            *changes.entry((Arc::clone(&pair[0]), Arc::clone(&pair[1]))).or_insert(0) += 1;
        }
    }
    changes
}

/// How the charter's journeys of a kind ended: succeeded, abandoned, open.
fn endings(log: &Log, kind: &charter::journeys::Journey) -> [u64; 3] {
    let setting = log.setting();
    let cut = Cut::of(kind, &setting.charter.calendar, &log.moments, setting.until_us);
    let selection = Selection { cut: Some(cut), ..Selection::default() };
    let mut counts = [0; 3];
    let mut runs = Runs::default();
    let mut each = |run: &journey::Run<'_>| {
        selection.journeys(run, |journey, _| {
            counts[match journey.ending {
                Ending::Succeeded => 0,
                Ending::Abandoned => 1,
                Ending::Open | Ending::Whole => 2,
            }] += 1;
        });
    };
    runs.feed(&log.columns(), &mut each);
    runs.finish(&mut each);
    counts
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn live_counts_are_those_of_the_views(text in logs()) {
        let told = testkit::told(CHARTER, &text);
        let plan = Plan::new(Arc::clone(&told.charter));
        let (log, expected) = ask(&told, &expectations::Options::default());
        let until = Timestamp::from_micros(log.setting().until_us);
        let all = live(&told, &plan, until);
        let customers = || all.iter().map(|(state, _)| state.at(&plan, until));
        let told_times = |what: What, of: usize| {
            let of = u32::try_from(of).expect("few");
            all.iter().flat_map(|(_, news)| news).filter(|news| news.what == what && news.of == of).count() as u64
        };

        for (i, expectation) in expected.expectations.iter().enumerate() {
            let (mut kept, mut broken, mut late, mut pending) = (0, 0, 0, 0);
            for customer in customers() {
                let standing = &customer.expectations()[i];
                kept += standing.kept;
                broken += standing.broken;
                late += standing.late;
                pending += standing.pending;
                prop_assert_eq!(standing.unbroken, 0, "nothing came late");
            }
            let balance = expectation.balance;
            prop_assert_eq!((kept, broken, late, pending), (balance.kept, balance.broken, balance.late, balance.pending));
            let told = [What::Promised, What::Kept, What::Broken, What::Late].map(|what| told_times(what, i));
            prop_assert_eq!(told, [balance.made, balance.kept, balance.broken, balance.late]);
        }

        for (i, kind) in told.charter.journeys.iter().enumerate() {
            let standings = customers().map(|customer| customer.journeys()[i]);
            let found = standings.fold([0; 3], |sum, j| {
                [sum[0] + j.succeeded, sum[1] + j.abandoned, sum[2] + u64::from(j.open_since_us.is_some())]
            });
            prop_assert_eq!(found, endings(&log, kind), "{}", kind.name);
            let told = [What::JourneySucceeded, What::JourneyAbandoned, What::JourneyOpened].map(|what| told_times(what, i));
            prop_assert_eq!(told, [found[0], found[1], found.iter().sum()], "{}", kind.name);
        }

        let (_, requested) = ask(&told, &interactions::Options::default());
        for (i, kind) in requested.interactions.iter().enumerate() {
            let standings = customers().map(|customer| customer.interactions()[i]);
            let found = standings.fold([0; 3], |sum, r| [sum[0] + r.resolved, sum[1] + r.abandoned, sum[2] + r.open]);
            let figures = &kind.figures;
            prop_assert_eq!(found, [figures.resolved, figures.abandoned, figures.open], "{}", kind.interaction);
            let told =
                [What::InteractionResolved, What::InteractionAbandoned, What::InteractionOpened].map(|w| told_times(w, i));
            prop_assert_eq!(told, [figures.resolved, figures.abandoned, figures.opened], "{}", kind.interaction);
        }

        let (_, board) = ask(&told, &stages::Options::default());
        let between = board.transitions.iter().map(|t| ((Arc::clone(&t.from), Arc::clone(&t.to)), t.count));
        prop_assert_eq!(between.collect::<BTreeMap<_, _>>(), changes(&all, &plan));

        let sales = customers().map(|customer| customer.outcome("sale").expect("it is in the charter")).sum::<u64>();
        let order = log.moments.find("order");
        prop_assert_eq!(sales, log.moment.iter().filter(|moment| Some(**moment) == order).count() as u64);
    }
}
