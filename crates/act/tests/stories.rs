//! Small stories of customers, as somebody who knows the business would tell them.

#[path = "stories/decided.rs"]
mod decided;

use std::sync::Arc;

use act::{
    Consent, Draw, Effects, FellOut, Handling, How, Input, Models, News, Plan, State, StateError, Taken, What, decide,
    step,
};
use charter::Charter;
use event::{Event, Timestamp, Value};
use jiff::tz::TimeZone;

const SHOP: &str = "\
charter: 1
timezone: Europe/Berlin
calendar: {days: mon-fri, hours: \"08:00-18:00\", holidays: [2026-04-03, 2026-04-06]}
stages: {choice: {}, deal: {}, use: {}}
moments:
  visit:     {stage: choice, when: event = 'Visit'}
  order:     {stage: deal, when: event = 'Order'}
  delivered: {stage: use, when: event = 'Delivered'}
  ticket:    {stage: use, when: event = 'Ticket'}
journeys:
  purchase: {starts: visit, succeeds: order, abandoned_after: 14d}
outcomes:
  order: {when: moment = 'order', horizon: 10d}
expectations:
  delivery: {after: order, promise: delivered, within: 3bd, warn: 1d}
features:
  tickets_7d:  {count: ticket, within: 7d}
  spent_30d:   {sum: order, value: properties.total, within: 30d}
  spent:       {sum: order, value: properties.total}
  last_plan:   {last: order, value: properties.plan}
  since_visit: {since: visit}
  broken_30d:  {broken: delivery, within: 30d}
  pending:     {pending: delivery}
actions:
  call:
    {when: \"tickets_7d >= 2 and stage = 'use'\", channel: call, purpose: service, cap: {per: 14d, times: 1},
     quiet: \"20:00-08:00\", value: 12, propensity: 0.5}
  mail:  {when: broken_30d >= 1 or tickets_7d >= 1, channel: email, value: 4, context: {when: channel = 'app', weight: 2}}
  offer: {when: tickets_7d >= 1, channel: email, value: 10, propensity: {from: outcome.order}, lever: 0.5}
caps: [{channel: email, per: 7d, times: 2}]
stakes: {high: spent > 5000, then: person}
";

struct Story {
    plan: Plan,
    state: State,
    seq: u64,
}

fn story(charter: &str) -> Story {
    let charter = Charter::parse(charter).unwrap_or_else(|problems| panic!("{problems:#?}")).0;
    let plan = Plan::new(Arc::new(charter));
    Story { state: State::new(&plan), plan, seq: 0 }
}

impl Story {
    fn time(&self, text: &str) -> Timestamp {
        Timestamp::parse(text, &self.plan.charter().timezone).expect("a time")
    }

    /// Something happened, and was known at once.
    fn put(&mut self, at: &str, event: &str) -> Effects {
        self.late(at, at, event)
    }

    /// Something happened, and was known later; `event` may carry properties behind its name.
    fn late(&mut self, at: &str, received: &str, event: &str) -> Effects {
        self.put_of_case(at, received, event, None)
    }

    fn put_of_case(&mut self, at: &str, received: &str, event: &str, case_id: Option<&str>) -> Effects {
        self.seq += 1;
        let (name, properties) = event.split_once(' ').map_or((event, None), |(name, rest)| (name, Some(rest)));
        let event = Event {
            received_at: Some(self.time(received)),
            properties,
            case_id,
            channel: Some("app"),
            ..Event::new(name, self.time(at), &[])
        };
        let now = self.time(received);
        step(&mut self.state, Input::Event { event: &event, seq: self.seq }, &self.plan, now)
    }

    fn wake(&mut self, now: &str) -> Effects {
        let now = self.time(now);
        step(&mut self.state, Input::Wake, &self.plan, now)
    }

    fn consent(&mut self, purpose: &str, now: &str, granted: bool) {
        let now = self.time(now);
        let consent = Consent { purpose: purpose.to_owned(), at_us: now.as_micros(), granted };
        step(&mut self.state, Input::Consent(&consent), &self.plan, now);
    }

    /// What is about to be told, in the local time of the charter.
    fn told(&self, news: &[News]) -> Vec<String> {
        let told = |news: &News| {
            format!("{:?} {} {}", news.what, self.plan.name(news.what, news.of).unwrap_or("?"), self.local(news.at_us))
        };
        news.iter().filter(|news| news.what != What::Moment).map(told).collect()
    }

    fn local(&self, at_us: i64) -> String {
        let zone: TimeZone = self.plan.charter().timezone.clone();
        Timestamp::from_micros(at_us).to_jiff().to_zoned(zone).strftime("%m-%d %H:%M").to_string()
    }

    fn feature(&self, name: &str, now: &str) -> Value<'_> {
        self.state.at(&self.plan, self.time(now)).feature(name).expect("it is in the charter")
    }

    /// Of every action, why it fell out, and until when; and what was chosen.
    fn decide(&self, now: &str) -> (Option<&str>, Vec<String>) {
        let decision = self.decision(now, 1, &Draw::BEST);
        let name = |action: u32| self.plan.charter().actions[action as usize].name.as_str();
        let reasons = decision.candidates.iter().map(|candidate| {
            let until = candidate.until_us.map(|us| format!(" until {}", self.local(us))).unwrap_or_default();
            let reason = candidate.fell_out.map_or("chosen".to_owned(), |fell_out| format!("{fell_out:?}"));
            format!("{}: {reason}{until}", name(candidate.action))
        });
        (decision.chosen.map(name), reasons.collect())
    }

    fn decision(&self, now: &str, occasion: u64, draw: &Draw) -> act::Decision {
        decide(&self.state, &self.plan, &Models::new(&self.plan), self.time(now), occasion, draw)
    }

    fn take(&mut self, now: &str, occasion: u64) {
        let taken = self.decision(now, occasion, &Draw::BEST).taken().expect("something was chosen");
        let now = self.time(now);
        step(&mut self.state, Input::Decided(&taken), &self.plan, now);
    }
}

#[test]
fn a_late_delivered_mends_a_broken_promise_and_both_stay_known() {
    let mut ann = story(SHOP);
    // Maundy Thursday; Good Friday and Easter Monday are holidays.
    let ordered = ann.put("2026-04-02T09:00", "Order");
    assert_eq!(
        ann.told(&ordered.news),
        ["Outcome order 04-02 09:00", "Stage deal 04-02 09:00", "Promised delivery 04-02 09:00"]
    );
    assert_eq!(ordered.wake_us.map(|us| ann.local(us)).as_deref(), Some("04-08 09:00"), "a day before it falls due");
    let warned = ann.wake("2026-04-08T09:00");
    assert_eq!(ann.told(&warned.news), ["AboutToBreak delivery 04-08 09:00"]);
    assert_eq!(warned.wake_us.map(|us| ann.local(us)).as_deref(), Some("04-09 09:00"));
    let again = ann.wake("2026-04-08T09:00");
    assert_eq!((again.news.as_slice(), again.wake_us), ([].as_slice(), warned.wake_us), "waking twice changes nothing");
    let broken = ann.wake("2026-04-09T09:00");
    assert_eq!(ann.told(&broken.news), ["Broken delivery 04-09 09:00"]);
    assert_eq!(broken.wake_us, None);
    assert_eq!(ann.feature("broken_30d", "2026-04-10T09:00"), Value::Int(1));

    let mended = ann.late("2026-04-08T15:00", "2026-04-10T11:00", "Delivered");
    assert_eq!(ann.told(&mended.withdrawn), ["Broken delivery 04-09 09:00"]);
    assert_eq!(ann.told(&mended.news), ["Stage use 04-08 15:00", "Kept delivery 04-08 15:00"]);
    let customer = ann.state.at(&ann.plan, ann.time("2026-04-10T12:00"));
    let standing = &customer.expectations()[0];
    assert_eq!((standing.kept, standing.unbroken, standing.broken, standing.pending), (1, 1, 0, 0));
    assert_eq!(ann.feature("broken_30d", "2026-04-10T12:00"), Value::Int(0));
}

#[test]
fn a_second_attempt_at_what_is_open_promises_nothing_new() {
    let mut ann = story(SHOP);
    let promised = |effects: &Effects| effects.news.iter().filter(|news| news.what == What::Promised).count();
    let mut of_case = |at: &str, case: &str| ann.put_of_case(at, at, "Order", Some(case));
    let first = of_case("2026-03-02T09:00", "O1");
    let again = of_case("2026-03-02T10:00", "O1");
    let other = of_case("2026-03-02T11:00", "O2");
    assert_eq!([&first, &again, &other].map(promised), [1, 0, 1]);
}

#[test]
fn what_comes_too_late_is_late() {
    let mut ann = story(SHOP);
    ann.put("2026-03-02T09:00", "Order");
    let late = ann.put("2026-03-05T10:00", "Delivered");
    let told = ann.told(&late.news);
    assert_eq!(
        told[..2],
        ["AboutToBreak delivery 03-04 09:00", "Broken delivery 03-05 09:00"],
        "nobody had woken the customer"
    );
    assert_eq!(told.last().map(String::as_str), Some("Late delivery 03-05 10:00"));
    assert_eq!(ann.feature("broken_30d", "2026-04-04T09:00"), Value::Int(1));
    assert_eq!(
        ann.feature("broken_30d", "2026-04-04T10:01"),
        Value::Int(0),
        "30 days after it fell due, clocks changed"
    );
    let at_the_limit = {
        let mut bob = story(SHOP);
        bob.put("2026-03-02T09:00", "Order");
        let kept = bob.put("2026-03-05T09:00", "Delivered");
        bob.told(&kept.news)
    };
    assert!(!at_the_limit.contains(&"Broken delivery 03-05 09:00".to_owned()), "{at_the_limit:?}");
}

#[test]
fn silence_ends_a_journey_and_what_arrives_late_takes_it_up_again() {
    let mut ann = story(SHOP);
    let opened = ann.put("2026-03-02T09:00", "Visit");
    assert_eq!(opened.wake_us.map(|us| ann.local(us)).as_deref(), Some("03-16 09:00"));
    let abandoned = ann.wake("2026-03-17T00:00");
    assert_eq!(ann.told(&abandoned.news), ["JourneyAbandoned purchase 03-16 09:00"]);
    let late = ann.late("2026-03-10T09:00", "2026-03-18T09:00", "Visit");
    assert_eq!(ann.told(&late.withdrawn), ["JourneyAbandoned purchase 03-16 09:00"]);
    assert_eq!(late.wake_us.map(|us| ann.local(us)).as_deref(), Some("03-24 09:00"));
    let order = ann.put("2026-03-23T09:00", "Order");
    assert!(ann.told(&order.news).contains(&"JourneySucceeded purchase 03-23 09:00".to_owned()));
    let customer = ann.state.at(&ann.plan, ann.time("2026-05-01T00:00"));
    let journeys = customer.journeys()[0];
    assert_eq!((journeys.open_since_us, journeys.succeeded, journeys.abandoned), (None, 1, 0));
}

#[test]
fn features_are_exact_at_the_edges_of_their_windows() {
    let mut ann = story(SHOP);
    assert_eq!(ann.feature("since_visit", "2026-03-01T00:00"), Value::Null);
    assert_eq!(ann.feature("last_plan", "2026-03-01T00:00"), Value::Null);
    ann.put("2026-03-22T12:00", "Visit");
    ann.put("2026-03-22T12:00", "Ticket");
    ann.put("2026-03-25T12:00", "Ticket");
    ann.put("2026-03-25T13:00", "Order {\"total\":100,\"plan\":\"flat\"}");
    ann.put("2026-03-26T13:00", "Order {\"total\":\"20.5\",\"plan\":null}");
    ann.put("2026-03-27T13:00", "Order {\"total\":\"much\"}");
    // Seven days are 168 hours, and in between clocks went forward.
    assert_eq!(ann.feature("tickets_7d", "2026-03-29T13:00"), Value::Int(2));
    assert_eq!(ann.feature("tickets_7d", "2026-03-29T13:01"), Value::Int(1));
    assert_eq!(ann.feature("tickets_7d", "2026-03-24T00:00"), Value::Int(1), "what is yet to come does not count");
    assert_eq!(ann.feature("spent_30d", "2026-03-30T00:00"), Value::Float(120.5));
    assert_eq!(ann.feature("spent_30d", "2026-04-24T14:01"), Value::Float(20.5));
    assert_eq!(ann.feature("spent", "2027-01-01T00:00"), Value::Float(120.5));
    assert_eq!(ann.feature("since_visit", "2026-03-23T12:00"), Value::Int(86_400_000_000));
    assert_eq!(ann.feature("last_plan", "2026-03-30T00:00"), Value::Null, "the latest order says nothing of it");
    assert_eq!(ann.feature("pending", "2026-03-28T00:00"), Value::Int(3));
}

#[test]
fn every_gate_says_why() {
    let mut ann = story(SHOP);
    ann.put("2026-03-02T10:00", "Ticket");
    let all = |decided: (Option<&str>, Vec<String>)| (decided.0.map(str::to_owned), decided.1.join(", "));
    let chosen = |name: &str| Some(name.to_owned());
    let first = all(ann.decide("2026-03-02T10:00"));
    assert_eq!(first, (chosen("mail"), "call: Condition, mail: chosen, offer: Outranked".to_owned()));
    ann.put("2026-03-03T10:00", "Ticket");
    assert!(all(ann.decide("2026-03-03T10:00")).1.starts_with("call: Consent,"));
    ann.consent("service", "2026-03-03T10:00", true);
    assert_eq!(all(ann.decide("2026-03-03T10:00")).0, chosen("mail"), "8 against 6");
    let score = |story: &Story, now: &str| {
        story.decision(now, 1, &Draw::BEST).candidates.iter().map(|c| c.score).collect::<Vec<_>>()
    };
    assert_eq!(score(&ann, "2026-03-03T10:00"), [6.0, 8.0, 2.5]);
    ann.take("2026-03-03T10:00", 7);
    ann.take("2026-03-03T11:00", 8);
    let capped = all(ann.decide("2026-03-03T12:00"));
    let expected = "call: chosen, mail: SharedCap(0) until 03-10 10:00, offer: SharedCap(0) until 03-10 10:00";
    assert_eq!(capped, (chosen("call"), expected.to_owned()));
    assert!(all(ann.decide("2026-03-03T21:30")).1.starts_with("call: Quiet until 03-04 08:00"));
    assert!(all(ann.decide("2026-03-04T07:59")).1.starts_with("call: Quiet until 03-04 08:00"));
    assert_eq!(all(ann.decide("2026-03-04T08:00")).0, chosen("call"));
    ann.take("2026-03-04T08:00", 9);
    let nothing = ann.decision("2026-03-04T08:00", 10, &Draw::BEST);
    assert_eq!(nothing.chosen, None);
    assert_eq!(
        nothing.again_us.map(|us| ann.local(us)).as_deref(),
        Some("03-10 10:00"),
        "then it is worth asking again"
    );
    assert!(
        all(ann.decide("2026-03-10T10:00")).1.starts_with("call: Condition,"),
        "the first ticket is eight days old"
    );
    ann.consent("service", "2026-03-05T10:00", false);
    ann.put("2026-03-09T10:00", "Ticket");
    assert!(all(ann.decide("2026-03-09T10:00")).1.starts_with("call: Consent,"), "it was taken back");
}

#[test]
fn the_same_occasion_gives_the_same_decision() {
    let mut ann = story(SHOP);
    ann.put("2026-03-02T10:00", "Ticket");
    let first = ann.decision("2026-03-02T10:00", 42, &Draw::BEST);
    assert!(!first.repeated);
    assert_eq!(ann.decision("2026-03-02T10:00", 42, &Draw::BEST), first);
    ann.take("2026-03-02T10:00", 42);
    ann.take("2026-03-02T10:00", 42);
    assert_eq!(ann.state.decided().len(), 1, "taken twice is taken once");
    let again = ann.decision("2026-03-02T10:00", 42, &Draw { explore: 0.0, pick: 0.99, ..Draw::BEST });
    assert!(again.repeated);
    assert_eq!(
        (again.chosen, &again.candidates),
        (first.chosen, &first.candidates),
        "its own use of a cap does not count"
    );
    assert_ne!(first.taken(), None);
}

#[test]
fn high_stakes_go_to_a_person_and_nothing_is_left_to_chance() {
    let charter = SHOP.replace("stakes:", "deciding: {explore_share: 1, none_share: 1}\nstakes:");
    let mut ann = story(&charter);
    ann.put("2026-03-02T10:00", "Order {\"total\":5000.5}");
    ann.put("2026-03-02T11:00", "Ticket");
    let decision = ann.decision("2026-03-02T12:00", 1, &Draw::new(1, 2, 3));
    assert_eq!((decision.handling, decision.explored), (Handling::Person, false));
    assert_eq!(decision.choice().map(|choice| choice.probability), Some(1.0));
    let mut bob = story(&charter);
    bob.put("2026-03-02T11:00", "Ticket");
    let decision = bob.decision("2026-03-02T12:00", 1, &Draw::new(1, 2, 3));
    assert_eq!((decision.handling, decision.chosen), (Handling::Script, None));
    assert_eq!(decision.candidates[1].fell_out, Some(FellOut::Control));
    assert!((decision.none_probability - 1.0).abs() < 1e-12);
}

#[test]
fn lots_fall_as_probably_as_the_decision_says() {
    let charter =
        SHOP.replace("stakes:", "deciding: {explore_share: 0.2, random_share: 0.1, none_share: 0.05}\nstakes:");
    let mut ann = story(&charter);
    ann.put("2026-03-02T11:00", "Ticket");
    let n = 20_000;
    let mut arms = [0.0; 3];
    let (mut offered, mut expected) = (0.0, 0.0);
    for customer in 0..n {
        let draw = Draw::new(5, customer, 9);
        let decision = ann.decision("2026-03-02T12:00", 1, &draw);
        arms[decision.arm as usize] += 1.0 / n as f64;
        offered += f64::from(u8::from(decision.chosen == Some(2))) / n as f64;
        expected += decision.candidates[2].probability / n as f64;
        let sum: f64 = decision.candidates.iter().map(|c| c.probability).sum::<f64>() + decision.none_probability;
        assert!((sum - 1.0).abs() < 1e-12);
        assert_eq!(decision.candidates[0].probability.to_bits(), 0, "what fell out cannot be drawn");
        let other = ann.decision("2026-03-02T12:00", 1, &Draw::new(5, customer, 10));
        assert_eq!(other.arm, decision.arm, "a customer stays in an arm");
    }
    for (found, wanted) in arms.into_iter().zip([0.85, 0.1, 0.05]) {
        assert!((found - wanted).abs() < 0.01, "{found} of {wanted}");
    }
    assert!(
        (offered - expected).abs() < 0.01 && (expected - (0.85 * 0.1 + 0.1 * 0.5)).abs() < 0.01,
        "{offered} {expected}"
    );
}

#[test]
fn what_belongs_before_all_that_is_kept_apart_asks_for_the_history() {
    let mut ann = story(SHOP);
    for hour in 10..24 {
        ann.put(&format!("2026-03-02T{hour}:00"), "Visit");
    }
    let before = ann.state.clone();
    let late = ann.late("2026-03-02T10:30", "2026-03-03T00:00", "Order");
    assert!(late.replay);
    let known = |state: &State| state.at(&ann.plan, ann.time("2026-03-03T00:00")).events();
    assert_eq!(known(&ann.state), known(&before), "it was not taken in");
    assert!(!ann.late("2026-03-02T12:30", "2026-03-03T00:00", "Order").replay, "this one has room");
}

#[test]
fn every_bound_shows_where_it_was_reached() {
    let charter = format!("{SHOP}interactions: {{help: {{key: properties.id, opens: ticket}}}}\n");
    let mut ann = story(&charter);
    let bounds = |ann: &Story| {
        let customer = ann.state.at(&ann.plan, ann.time("2026-03-02T20:00"));
        customer.bounds().into_iter().map(|bound| bound.what).collect::<Vec<_>>()
    };
    for i in 0..70 {
        ann.put(&format!("2026-03-02T10:{:02}:{:02}", i / 60, i % 60), &format!("Ticket {{\"id\":{i}}}"));
    }
    assert_eq!(bounds(&ann), ["feature.tickets_7d", "interaction.help"]);
    assert_eq!(ann.feature("tickets_7d", "2026-03-02T11:00"), Value::Int(65), "more than 64");
    // Those that had no room were the first six.
    assert_eq!(ann.feature("tickets_7d", "2026-03-09T10:00:05"), Value::Int(65));
    assert_eq!(ann.feature("tickets_7d", "2026-03-09T10:00:06"), Value::Int(64));
    for i in 0..65 {
        ann.put(&format!("2026-03-02T10:{}:{:02}", 30 + i / 60, i % 60), "Order {\"total\":1}");
        let known = if i < 64 { Value::Float(f64::from(i + 1)) } else { Value::Null };
        assert_eq!(ann.feature("spent_30d", "2026-03-02T10:40"), known, "more than 64 amounts: {i}");
    }
    for i in 0..70 {
        ann.put(&format!("2026-03-02T11:{:02}:{:02}", i / 60, i % 60), "Order");
    }
    assert!(bounds(&ann).contains(&"expectation.delivery".to_owned()));
    let now = ann.time("2026-03-02T12:00");
    for occasion in 0..70 {
        let taken = Taken { at_us: now.as_micros(), occasion, action: 0, how: How::BEST, features: Vec::new() };
        step(&mut ann.state, Input::Decided(&taken), &ann.plan, now);
        ann.consent(&format!("purpose {occasion}"), "2026-03-02T12:00", true);
    }
    assert!(bounds(&ann).ends_with(&["decisions".to_owned(), "consents".to_owned()]), "{:?}", bounds(&ann));
    assert!(ann.state.to_bytes(&ann.plan).len() < 8_000, "{}", ann.state.to_bytes(&ann.plan).len());
    let mail = ann.decision("2026-03-02T12:30", 99, &Draw::BEST).candidates[1];
    assert_eq!(mail.fell_out, None, "what was forgotten of others uses up no cap of this one");
}

#[test]
fn without_moments_every_name_is_one() {
    let charter = "charter: 1\njourneys: {all: {succeeds: Order, abandoned_after: 2d}}\n\
                   features: {orders: {count: Order}}\noutcomes: {o: {when: moment = 'Order'}, x: {when: event like 'V%'}}\n";
    let mut ann = story(charter);
    ann.put("2026-03-02T10:00", "Visit");
    ann.put("2026-03-03T10:00", "Something");
    let news = ann.put("2026-03-04T10:00", "Order").news;
    let kinds: Vec<What> = news.iter().map(|news| news.what).collect();
    assert_eq!(kinds, [What::Moment, What::Outcome, What::JourneySucceeded]);
    assert_eq!(ann.feature("orders", "2026-03-05T00:00"), Value::Int(1));
    let customer = ann.state.at(&ann.plan, ann.time("2026-03-05T00:00"));
    assert_eq!(
        (customer.events(), customer.outcome("o"), customer.outcome("x"), customer.outcome("y")),
        (3, Some(1), Some(1), None)
    );
}

/// A state that version 3 of the form wrote, of the charter of these stories.
const SAMPLE: &str = include_str!("golden/state_v3.hex");

/// What is shown on every page, and what somebody may get once a year.
const PAGES: &str = "\
charter: 1
actions:
  banner: {when: event = 'Page', value: 1}
  call:   {when: event = 'Ticket', value: 100, cap: {per: 365d, times: 1}}
";

#[test]
fn what_no_cap_counts_pushes_out_nothing_that_one_counts() {
    let mut ann = story(PAGES);
    let pages = |ann: &mut Story, day: &str, occasion: u64| {
        ann.put(&format!("2026-03-{day}T09:00"), "Page");
        (0..65).for_each(|n| ann.take(&format!("2026-03-{day}T10:{:02}", n % 60), occasion + n));
    };
    pages(&mut ann, "02", 1_000);
    ann.put("2026-03-02T12:00", "Ticket");
    assert_eq!(ann.decide("2026-03-02T12:00").0, Some("call"), "it was never given");
    ann.take("2026-03-02T12:00", 2);
    pages(&mut ann, "03", 2_000);
    ann.put("2026-03-03T12:00", "Ticket");
    let (chosen, why) = ann.decide("2026-03-03T12:00");
    assert_eq!((chosen, &*why[1]), (None, "call: Cap until 03-02 12:00"), "it was given");
    let bounds = ann.state.at(&ann.plan, ann.time("2026-03-03T12:00")).bounds();
    assert_eq!(bounds.iter().map(|bound| (&*bound.what, bound.most)).collect::<Vec<_>>(), [("decisions", 64)]);
    assert_eq!(State::from_bytes(&ann.state.to_bytes(&ann.plan), &ann.plan), Ok(ann.state.clone()));
    ann.wake("2026-03-12T12:00");
    assert_eq!(ann.state.decided().len(), 1, "an occasion is remembered for a week");
}

#[test]
fn without_moments_conditions_know_every_event_by_its_name() {
    let mut ann = story(
        "charter: 1\nactions:\n  a: {when: moment = 'Ticket Opened', value: 1}\n  b: {when: \"moment like 'Vis%'\", value: 1}\n",
    );
    for (event, chosen) in [("Ticket Opened", Some("a")), ("Visit", Some("b")), ("Order", None)] {
        ann.seq += 1;
        let now = ann.time("2026-03-02T09:00");
        let event = Event::new(event, now, &[]);
        step(&mut ann.state, Input::Event { event: &event, seq: ann.seq }, &ann.plan, now);
        assert_eq!(ann.decide("2026-03-02T09:00").0, chosen);
    }
}

#[test]
fn a_channel_in_a_condition_is_that_of_the_charter() {
    let mut ann = story(
        "charter: 1\nchannels: {web: {when: event = 'Visit'}, app: {}}\nactions:\n  \
         a: {when: channel = 'web', value: 2}\n  b: {when: channel = 'app', value: 1}\n",
    );
    for (event, chosen) in [("Visit", "a"), ("Order", "b")] {
        ann.put("2026-03-02T09:00", event);
        assert_eq!(ann.decide("2026-03-02T09:00").0, Some(chosen), "the event says that it was the app");
    }
}

#[test]
fn what_lies_ahead_does_not_count_yet() {
    let mut ann = story(SHOP);
    ann.put("2026-03-02T09:00", "Visit");
    ann.put("2026-03-02T09:30", "Order {\"total\":20,\"plan\":\"flat\"}");
    // A clock that is ahead: it is ten o'clock.
    ann.late("2026-03-02T10:20", "2026-03-02T10:00", "Visit");
    ann.late("2026-03-02T10:30", "2026-03-02T10:00", "Order {\"total\":70,\"plan\":\"fat\"}");
    let of = |now: &str| {
        let (spent, last) = (ann.feature("spent", now), ann.feature("last_plan", now));
        (spent, ann.feature("spent_30d", now), last, ann.feature("since_visit", now))
    };
    let hour = Value::Int(3_600_000_000);
    assert_eq!(of("2026-03-02T10:00"), (Value::Float(20.0), Value::Float(20.0), Value::Text("flat"), hour));
    let later = (Value::Float(90.0), Value::Float(90.0), Value::Text("fat"), Value::Int(600_000_000));
    assert_eq!(of("2026-03-02T10:30"), later);
}

#[test]
fn where_few_days_are_worked_windows_and_caps_in_business_days_are_long() {
    let mut ann = story(
        "charter: 1\ntimezone: Europe/Berlin\ncalendar: {days: [sat], hours: \"08:00-18:00\"}\n\
         features: {v: {count: Visit, within: 12bd}}\nactions:\n  \
         a: {when: event = 'Visit', value: 1, cap: {per: 12bd, times: 1}}\n",
    );
    ann.put("2026-01-03T09:00", "Visit");
    ann.take("2026-01-03T09:00", 7);
    ann.put("2026-03-14T09:00", "Visit");
    assert_eq!(ann.feature("v", "2026-03-14T09:00"), Value::Int(2));
    let (chosen, why) = ann.decide("2026-03-14T09:00");
    assert_eq!((chosen, &*why[0]), (None, "a: Cap until 03-28 09:00"));
}

#[test]
fn what_two_had_who_turn_out_to_be_one_counts_twice() {
    let charter = "charter: 1\nactions:\n  a: {when: event = 'Page', value: 1, cap: {per: 30d, times: 2}}\n";
    let (mut ann, mut bob) = (story(charter), story(charter));
    ann.put("2026-03-02T10:00", "Page");
    bob.put("2026-03-02T11:00", "Page");
    ann.take("2026-03-02T10:00", 7);
    bob.take("2026-03-02T11:00", 7);
    let now = ann.time("2026-03-02T12:00");
    assert!(!ann.state.join(&bob.state, &ann.plan, now).replay);
    let (chosen, why) = ann.decide("2026-03-02T12:00");
    assert_eq!((chosen, &*why[0]), (None, "a: Cap until 04-01 10:00"));
    assert!(ann.decision("2026-03-02T12:00", 7, &Draw::BEST).repeated, "whoever asks again has the same answer");
}

#[test]
fn a_state_that_was_written_long_ago_is_read_as_what_it_was() {
    let mut ann = story(SHOP);
    for day in 10..26 {
        ann.put(&format!("2026-03-{day}T10:00"), if day % 5 == 0 { "Ticket" } else { "Visit" });
    }
    ann.put("2026-03-26T10:00", "Order {\"total\":99.5,\"plan\":\"flat\"}");
    ann.consent("service", "2026-03-26T10:00", true);
    ann.take("2026-03-26T11:00", 3);
    let bytes = ann.state.to_bytes(&ann.plan);
    let hex = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    assert_eq!(hex, SAMPLE.trim_end(), "a new form needs a new version, and a way to read this one");
    assert_eq!(State::from_bytes(&bytes, &ann.plan), Ok(ann.state.clone()));

    for found in [2, 4] {
        let other = [&[found], &bytes[1..]].concat();
        assert_eq!(State::from_bytes(&other, &ann.plan), Err(StateError::Version { found }));
    }
    let other = story(&SHOP.replace("within: 3bd", "within: 4bd"));
    assert_eq!(State::from_bytes(&bytes, &other.plan), Err(StateError::OtherCharter));
    assert_eq!(State::from_bytes(&[&bytes[..], &[0]].concat(), &ann.plan), Err(StateError::Damaged));
    assert_eq!(State::from_bytes(&[], &ann.plan), Err(StateError::Damaged));
}
