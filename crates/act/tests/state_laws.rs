//! What holds whatever happens: the order of arrival, the moments at which a customer is woken and the form on disk change
//! nothing about what is known.

use std::collections::BTreeMap;
use std::sync::Arc;

use act::{
    Arm, ByItself, Consent, Draw, Drawn, Effects, FellOut, History, How, Input, Models, News, Plan, Postponed, State,
    Taken, decide, decide_by_itself, replay, step,
};
use charter::Charter;
use event::{Event, Timestamp, Value};
use proptest::prelude::*;

const CHARTER: &str = "\
charter: 1
timezone: Europe/Berlin
stages: {choice: {}, deal: {}, use: {}}
moments:
  visit:     {stage: choice, when: event = 'visit'}
  order:     {stage: deal, when: event = 'order'}
  delivered: {stage: use, when: event = 'delivered'}
  ticket:    {stage: use, when: event = 'ticket'}
  done:      {when: event = 'done'}
  survey:    {when: event = 'survey'}
  big:       {when: event like 'o%' and properties.amount > 5}
journeys:
  purchase: {starts: visit, succeeds: order, abandoned_after: 9s}
  anything: {abandoned_after: 14s}
interactions:
  ticket: {request: properties.topic, key: properties.id, opens: ticket, resolves: done, window: 11s}
  topic:  {request: properties.topic, opens: [ticket, order], resolves: delivered, window: 6s}
outcomes:
  sale: {when: moment = 'order' or moment = 'big', value: properties.amount}
  rich: {when: properties.amount > 7, horizon: 20s}
surveys: {nps: {moment: survey, score: properties.amount, kind: nps}}
expectations:
  delivery: {after: order, promise: delivered, within: 10s, warn: 3s}
  answer:   {after: ticket, promise: done, within: 5s}
features:
  tickets:       {count: ticket}
  tickets_8s:    {count: ticket, within: 8s}
  tickets_50s:   {count: ticket, within: 50s}
  amount_60s:    {sum: order, value: properties.amount, within: 60s}
  amount:        {sum: order, value: properties.amount}
  last_topic:    {last: ticket, value: properties.topic}
  since_visit:   {since: visit}
  kept_20s:      {kept: delivery, within: 20s}
  broken_20s:    {broken: answer, within: 20s}
  pending:       {pending: delivery}
actions:
  call: {when: tickets_8s >= 2 and channel = 'web', purpose: service, propensity: {from: outcome.rich}, value: 3}
  mail: {when: broken_20s >= 1 or nps < 7, cap: {per: 10s, times: 2}, value: 2}
";

/// Actions that are delivered and such that wait for somebody who asks, with controls and stakes.
const ACTING: &str = "\
charter: 1
moments: {visit: {when: event = 'visit'}, order: {when: event = 'order'}, ticket: {when: event = 'ticket'}}
features: {tickets: {count: ticket, within: 20s}, orders: {count: order, within: 30s}}
actions:
  call: {when: tickets >= 2, cap: {per: 10s, times: 1}, value: 3, deliver: {webhook: crm}}
  mail: {when: orders >= 1, cap: {per: 15s, times: 2}, value: 2, deliver: {webhook: crm}}
  show: {when: tickets >= 1 or orders >= 1, value: 2.5}
deciding: {explore_share: 0.2, random_share: 0.2, none_share: 0.2}
stakes: {high: orders >= 2, then: person}
";

const NAMES: [&str; 8] = ["visit", "order", "delivered", "ticket", "done", "survey", "other", "oops"];

fn plan() -> Plan {
    plan_of(CHARTER)
}

fn plan_of(charter: &str) -> Plan {
    let charter = Charter::parse(charter).unwrap_or_else(|problems| panic!("{problems:#?}")).0;
    Plan::new(Arc::new(charter))
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

/// An event, the delay with which it is received, and what it carries.
#[derive(Debug, Clone)]
struct Sent {
    name: usize,
    at_s: i64,
    delay_s: i64,
    seq: u64,
    amount: u8,
    topic: Option<String>,
    properties: String,
    channel: Option<&'static str>,
}

impl Sent {
    fn received(&self) -> Timestamp {
        at(self.at_s + self.delay_s)
    }

    fn event(&self) -> Event<'_> {
        Event {
            received_at: Some(self.received()),
            channel: self.channel,
            properties: Some(&self.properties),
            ..Event::new(NAMES[self.name], at(self.at_s), &[])
        }
    }

    fn put(&self, state: &mut State, plan: &Plan, now: Timestamp) -> Effects {
        step(state, Input::Event { event: &self.event(), seq: self.seq }, plan, now)
    }
}

fn sent(most: usize) -> impl Strategy<Value = Vec<Sent>> {
    let one = (0..NAMES.len(), 0..60i64, prop_oneof![3 => Just(0i64), 1 => 0..15i64], 0..4u8, 0..10u8, any::<bool>());
    prop::collection::vec(one, 0..most).prop_map(|all| {
        let mut all: Vec<Sent> = all
            .into_iter()
            .map(|(name, at_s, delay_s, id, amount, web)| Sent {
                name,
                at_s,
                delay_s,
                seq: 0,
                amount,
                topic: (id > 0).then(|| format!("t{}", amount % 3)),
                properties: match id {
                    0 => format!("{{\"amount\":{amount}}}"),
                    id => format!("{{\"id\":{id},\"topic\":\"t{}\",\"amount\":\"{amount}\"}}", amount % 3),
                },
                channel: web.then_some("web"),
            })
            .collect();
        all.sort_by_key(|sent| sent.at_s + sent.delay_s);
        all.iter_mut().zip(1..).for_each(|(sent, seq)| sent.seq = seq);
        all
    })
}

/// What remains of all that was told: how often each piece of news holds.
#[derive(Debug, Default, PartialEq)]
struct Told(BTreeMap<News, i64>);

impl Told {
    fn hear(&mut self, effects: &Effects) {
        effects.news.iter().for_each(|news| *self.0.entry(*news).or_default() += 1);
        effects.withdrawn.iter().for_each(|news| *self.0.entry(*news).or_default() -= 1);
        self.0.retain(|_, times| *times != 0);
    }
}

/// All events in the order of time, and nothing in between.
fn in_order(sent: &[Sent], plan: &Plan, until: Timestamp) -> (State, Told) {
    let mut all: Vec<&Sent> = sent.iter().collect();
    all.sort_by_key(|sent| (sent.at_s, sent.seq));
    let events: Vec<(Event<'_>, u64)> = all.iter().map(|sent| (sent.event(), sent.seq)).collect();
    let (state, news) = replay(events.iter().map(|(event, seq)| Input::Event { event, seq: *seq }), plan, until);
    let mut told = Told::default();
    told.hear(&Effects { news, ..Effects::default() });
    // All at once, whatever the order in which they lie there.
    let noted = events.iter().rev().filter_map(|(event, seq)| plan.note(event, *seq));
    let history = History { events: noted.collect(), ..History::default() };
    let (at_once, bytes) = (history.state(plan, until), state.to_bytes(plan));
    assert_eq!((&at_once, at_once.to_bytes(plan)), (&state, bytes.clone()));
    assert_eq!(State::seen_us_of(&bytes), Some(until.as_micros()));
    (state, told)
}

const UNTIL: i64 = 200;

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Arrival as it happens: by when events are received, woken whenever the state asked for it, the state written and read
    /// back in between; what comes too late makes it start over from all that came so far.
    #[test]
    fn live_is_replay(sent in sent(60), lazy in any::<bool>()) {
        let plan = plan();
        let (mut state, mut told) = (State::new(&plan), Told::default());
        let mut wake: Option<i64> = None;
        for (i, one) in sent.iter().enumerate() {
            while !lazy && let Some(due) = wake.filter(|due| *due <= one.received().as_micros()) {
                let effects = step(&mut state, Input::Wake, &plan, Timestamp::from_micros(due));
                prop_assert!(effects.wake_us.is_none_or(|next| next > due), "it makes headway");
                wake = effects.wake_us;
                told.hear(&effects);
            }
            let bytes = state.to_bytes(&plan);
            let read = State::from_bytes(&bytes, &plan).expect("it was just written");
            prop_assert_eq!(&read, &state);
            state = read;
            let effects = one.put(&mut state, &plan, one.received());
            if effects.replay {
                // What was told stays told; what is new is the difference.
                (state, told) = in_order(&sent[..=i], &plan, one.received());
                wake = state.wake_us(&plan);
            } else {
                wake = effects.wake_us;
                told.hear(&effects);
            }
            let again = one.put(&mut state, &plan, one.received());
            prop_assert!(again.news.is_empty() && again.withdrawn.is_empty(), "the same event again is nothing new");
        }
        told.hear(&step(&mut state, Input::Wake, &plan, at(UNTIL)));
        let (replayed, all) = in_order(&sent, &plan, at(UNTIL));
        prop_assert_eq!(&state, &replayed);
        prop_assert_eq!(state.to_bytes(&plan), replayed.to_bytes(&plan));
        prop_assert_eq!(told, all);
    }

    /// Any order of arrival at all.
    #[test]
    fn the_order_of_arrival_does_not_matter(
        (sent, shuffled) in sent(16).prop_flat_map(|sent| (Just(sent.clone()), Just(sent).prop_shuffle())),
        wakes in prop::collection::vec((0..16usize, 0..90i64), 0..4),
    ) {
        let plan = plan();
        let (mut state, mut told) = (State::new(&plan), Told::default());
        for (i, one) in shuffled.iter().enumerate() {
            for (_, now) in wakes.iter().filter(|(before, _)| *before == i) {
                told.hear(&step(&mut state, Input::Wake, &plan, at(*now)));
            }
            let effects = one.put(&mut state, &plan, one.received());
            if effects.replay {
                return Ok(());
            }
            told.hear(&effects);
        }
        told.hear(&step(&mut state, Input::Wake, &plan, at(UNTIL)));
        let (replayed, all) = in_order(&sent, &plan, at(UNTIL));
        prop_assert_eq!(&state, &replayed);
        prop_assert_eq!(told, all);
    }

    /// Two customers who turn out to be one.
    #[test]
    fn joined_is_as_if_they_had_always_been_one(sent in sent(22), whose in prop::collection::vec(any::<bool>(), 22)) {
        let plan = plan();
        let mut states = [State::new(&plan), State::new(&plan)];
        for (one, whose) in sent.iter().zip(&whose) {
            if one.put(&mut states[usize::from(*whose)], &plan, one.received()).replay {
                return Ok(());
            }
        }
        let [mut known, other] = states;
        let before = known.clone();
        if known.join(&other, &plan, at(UNTIL)).replay {
            prop_assert_eq!(known, before);
            return Ok(());
        }
        prop_assert_eq!(known, in_order(&sent, &plan, at(UNTIL)).0);
    }

    /// Consents and decisions are known by their own times.
    #[test]
    fn consents_and_decisions_come_in_any_order(
        inputs in prop::collection::vec((any::<bool>(), 0..4u8, 0..50i64, 0..2u32, any::<bool>()), 0..90).prop_flat_map(
            |inputs| (Just(inputs.clone()), Just(inputs).prop_shuffle()),
        ),
    ) {
        let plan = plan();
        let drawn = |at_us, occasion: u64| Drawn { at_us, occasion, lot: 1.0 / (2 + occasion) as f64 };
        let put = |inputs: &[(bool, u8, i64, u32, bool)]| {
            let mut state = State::new(&plan);
            for (consent, which, at_s, action, granted) in inputs {
                let at_us = at_s * 1_000_000;
                let consent_given = Consent { purpose: format!("p{which}"), at_us, granted: *granted };
                let occasion = u64::from(*which) * 100 + at_s.unsigned_abs() % 30;
                let taken = Taken { at_us, occasion, action: *action, how: How::BEST, features: Vec::new() };
                let input = if *consent { Input::Consent(&consent_given) } else { Input::Decided(&taken) };
                step(&mut state, input, &plan, at(*at_s));
                step(&mut state, Input::Postponed(Postponed { until_us: at_us * 5, occasion }), &plan, at(*at_s));
                if !*consent {
                    step(&mut state, Input::Drawn(&drawn(at_us, occasion)), &plan, at(*at_s));
                }
            }
            step(&mut state, Input::Wake, &plan, at(UNTIL));
            state
        };
        let state = put(&inputs.0);
        prop_assert_eq!(&put(&inputs.1), &state);
        let mut history = History::default();
        for (consent, which, at_s, action, granted) in &inputs.1 {
            let at_us = at_s * 1_000_000;
            let occasion = u64::from(*which) * 100 + at_s.unsigned_abs() % 30;
            history.postponed.push(Postponed { until_us: at_us * 5, occasion });
            if *consent {
                history.consents.push(Consent { purpose: format!("p{which}"), at_us, granted: *granted });
            } else {
                history.drawn.push(drawn(at_us, occasion));
                history.decided.push(Taken { at_us, occasion, action: *action, how: How::BEST, features: Vec::new() });
            }
        }
        prop_assert_eq!(&history.state(&plan, at(UNTIL)), &state);
        prop_assert_eq!(State::from_bytes(&state.to_bytes(&plan), &plan), Ok(state));
    }

    /// Features are what their definitions say, asked of all events in the plainest way.
    #[test]
    fn features_are_what_they_say(sent in sent(60), now_s in 75..110i64) {
        let plan = plan();
        let (state, _) = in_order(&sent, &plan, at(now_s));
        let customer = state.at(&plan, at(now_s));
        let of = |name: &'static str, within_s: i64| {
            let mut all: Vec<&Sent> =
                sent.iter().filter(|sent| NAMES[sent.name] == name && sent.at_s >= now_s - within_s).collect();
            all.sort_by_key(|sent| (sent.at_s, sent.seq));
            all
        };
        let count = |all: Vec<&Sent>| Value::Int(i64::try_from(all.len()).expect("few"));
        let sum = |all: Vec<&Sent>| Value::Float(all.iter().map(|sent| f64::from(sent.amount)).sum());
        let last = of("ticket", 999).last().and_then(|sent| sent.topic.clone());
        let visited = of("visit", 999).last().map(|sent| (now_s - sent.at_s) * 1_000_000);
        let wanted = [
            ("tickets", count(of("ticket", 999))),
            ("tickets_50s", count(of("ticket", 50))),
            ("amount_60s", sum(of("order", 60))),
            ("amount", sum(of("order", 999))),
            ("last_topic", last.as_deref().map_or(Value::Null, Value::Text)),
            ("since_visit", visited.map_or(Value::Null, Value::Int)),
        ];
        for (name, value) in wanted {
            prop_assert_eq!(customer.feature(name), Some(value), "{}", name);
        }
    }

    /// What is decided by itself: nothing where the best of all is not delivered, and otherwise what is drawn among those that
    /// are, by the probabilities that the decision says.
    #[test]
    fn by_itself_it_is_drawn_among_what_is_delivered(sent in sent(30), customer in 0..40u64) {
        let plan = plan_of(ACTING);
        let models = Models::new(&plan);
        let mut state = State::new(&plan);
        let delivered = |action: u32| plan.charter().actions[action as usize].deliver.is_some();
        for one in &sent {
            one.put(&mut state, &plan, one.received());
            let (now, occasion) = (one.received(), one.seq);
            let draw = Draw::new(1, customer, occasion);
            let asked = decide(&state, &plan, &models, now, occasion, &draw);
            let passed = |fell_out| matches!(fell_out, None | Some(FellOut::Outranked | FellOut::Control));
            let passed: Vec<_> = asked.candidates.iter().filter(|one| passed(one.fell_out)).collect();
            let best = passed.iter().copied().reduce(|best, next| if next.score > best.score { next } else { best });
            let decided = decide_by_itself(&state, &plan, &models, now, occasion, &draw);
            let decides = best.is_some_and(|best| delivered(best.action)) && !asked.repeated;
            let mut waits = asked.kept_out(&plan);
            waits.retain(|_| !asked.repeated);
            prop_assert!(waits.is_sorted_by_key(|kept_out| kept_out.until_us));
            let decided = match decided {
                ByItself::Decided(decided) if decides => decided,
                other => {
                    prop_assert!(!decides, "{:?}", asked);
                    let later = if waits.is_empty() { ByItself::Nothing } else { ByItself::Later(waits) };
                    prop_assert_eq!(other, later, "{:?}", asked);
                    continue;
                }
            };
            let sum: f64 = decided.candidates.iter().map(|one| one.probability).sum::<f64>() + decided.none_probability;
            prop_assert!((sum - 1.0).abs() < 1e-12, "{:?}", decided);
            prop_assert!(decided.candidates.iter().all(|one| one.probability == 0.0 || delivered(one.action)));
            prop_assert_eq!(decided.chosen.is_none(), decided.arm == Arm::None);
            prop_assert!(decided.choice().is_none_or(|chosen| chosen.probability > 0.0));
            if let Some(taken) = decided.taken() {
                step(&mut state, Input::Decided(&taken), &plan, now);
            }
        }
    }

    /// Whatever is on the disk, reading it never panics, and what was read can be gone on with.
    #[test]
    fn damaged_bytes_are_an_error_or_a_state(
        sent in sent(30),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let plan = plan();
        let mut bytes = in_order(&sent, &plan, at(90)).0.to_bytes(&plan);
        prop_assert!(State::from_bytes(&bytes[..cut.index(bytes.len())], &plan).is_err(), "it is not whole");
        for (place, byte) in &damage {
            let place = place.index(bytes.len());
            bytes[place] = *byte;
        }
        if let Ok(mut state) = State::from_bytes(&bytes, &plan) {
            for one in &sent {
                one.put(&mut state, &plan, at(80));
            }
            step(&mut state, Input::Wake, &plan, Timestamp::from_micros(i64::MAX));
            let _ = state.at(&plan, at(100)).features().count();
            let _ = state.to_bytes(&plan);
        }
        let _ = State::from_bytes(&damage.iter().map(|(_, byte)| *byte).collect::<Vec<_>>(), &plan);
    }
}
