//! Runs a test of a charter: its events, one customer and one event at a time, as a live system would take them in.

use std::collections::BTreeMap;

use act::{Consent, Customer, Draw, FellOut, How, Input, Models, News, Plan, State, Taken, What, decide, step};
use charter::Charter;
use charter::scenario::{Ending, Expected, Scenario, ScenarioEvent, Standing};
use event::{Span, Timestamp, Value};
use listen::stitch::{Graph, Node, Rules};

/// One customer of a test.
struct Lived {
    state: State,
    news: Vec<News>,
}

/// What came of a test.
struct Outcome<'a> {
    plan: &'a Plan,
    /// The time at which it is looked at.
    until: Timestamp,
    /// The moments of all events, in the order of time.
    moments: Vec<String>,
    customers: usize,
    /// The customer of the last event, whom all that is about one customer is asked of.
    last: Lived,
}

/// What did not come out as it should have.
pub(crate) fn run(plan: &Plan, scenario: &Scenario) -> Vec<String> {
    let outcome = Outcome::of(plan, scenario);
    let customer = outcome.last.state.at(plan, outcome.until);
    let none = || "none".to_owned();
    let mut wrong = Vec::new();
    let mut same = |what: &str, expected: String, found: String| {
        if expected != found {
            wrong.push(format!("{what}: expected {expected}, found {found}"));
        }
    };
    for expected in &scenario.expect {
        match expected {
            Expected::Moments(wanted) => same("moments", wanted.join(", "), outcome.moments.join(", ")),
            Expected::Stage(wanted) => {
                let found = customer.stage().map_or_else(none, |(stage, _)| stage.to_owned());
                same("stage", wanted.clone().unwrap_or_else(none), found);
            }
            Expected::Customers(wanted) => same("customers", wanted.to_string(), outcome.customers.to_string()),
            Expected::Journeys(name, wanted) => {
                let endings = outcome.endings(name);
                let shown = |all: &[Ending]| format!("{all:?}").to_lowercase();
                same(&format!("journey.{name}"), shown(wanted), shown(&endings));
            }
            Expected::Action(wanted) => {
                let (found, why) = outcome.action(wanted.as_deref());
                let wanted = wanted.clone().unwrap_or_else(none);
                let found = if wanted == found { found } else { format!("{found}{why}") };
                same("action", wanted, found);
            }
            Expected::Expectation(name, wanted) => {
                let found = outcome.standing(name).map_or_else(none, |standing| format!("{standing:?}").to_lowercase());
                same(&format!("expectation.{name}"), format!("{wanted:?}").to_lowercase(), found);
            }
            Expected::Feature(name, wanted) => {
                let value = customer.feature(name).unwrap_or(Value::Null);
                let found = if reads(value, wanted) { wanted.clone() } else { shown(&customer, name) };
                same(&format!("feature.{name}"), wanted.clone(), found);
            }
            Expected::Outcome(name, wanted) => {
                let found = customer.outcome(name).unwrap_or(0);
                same(&format!("outcome.{name}"), wanted.to_string(), found.to_string());
            }
        }
    }
    wrong
}

impl<'a> Outcome<'a> {
    fn of(plan: &'a Plan, scenario: &Scenario) -> Self {
        let charter = plan.charter();
        let is_known = |event: &ScenarioEvent| scenario.until.is_none_or(|until| event.received_at <= Some(until));
        let mut events: Vec<(u64, &ScenarioEvent)> =
            (1..).zip(&scenario.events).filter(|(_, event)| is_known(event)).collect();
        events.sort_by_key(|(seq, event)| (event.at, *seq));
        let (owners, customers) = owners(charter, &events);
        let until = scenario.until.or_else(|| events.last().map(|(_, event)| event.at)).unwrap_or_default();
        let mut lives: BTreeMap<Option<Node>, Lived> = BTreeMap::new();
        let mut moments = Vec::new();
        for ((seq, told), owner) in events.iter().zip(&owners) {
            let keys = told.keys();
            let event = told.event(&keys);
            let moment = charter.moment_of(&event).map(|moment| charter.moments[moment].name.as_str());
            // Without moments in the charter, every event is one.
            if let Some(moment) = moment.or(charter.moments.is_empty().then_some(event.event)) {
                moments.push(moment.to_owned());
            }
            let life = lives.entry(*owner).or_insert_with(|| Lived::new(plan));
            // In the order of time nothing comes late; that the order of arrival changes nothing is a law of `act`.
            life.put(Input::Event { event: &event, seq: *seq }, plan, told.at);
        }
        let last = owners.last().and_then(|owner| lives.remove(owner));
        let mut last = last.unwrap_or_else(|| Lived::new(plan));
        for consent in consents(charter, scenario, until) {
            last.put(Input::Consent(&consent), plan, until);
        }
        for taken in decided(charter, scenario, until) {
            last.put(Input::Decided(&taken), plan, until);
        }
        last.put(Input::Wake, plan, until);
        Self { plan, until, moments, customers, last }
    }

    /// The action that is decided for, and if it is another one, why.
    fn action(&self, wanted: Option<&str>) -> (String, String) {
        let actions = &self.plan.charter().actions;
        let decision = decide(&self.last.state, self.plan, &Models::new(self.plan), self.until, 0, &Draw::BEST);
        let chosen = decision.chosen.map_or("none", |action| actions[action as usize].name.as_str());
        let wanted = actions.iter().position(|action| Some(action.name.as_str()) == wanted);
        let fell_out = wanted.and_then(|wanted| decision.candidates[wanted].fell_out);
        let why = fell_out.map(|fell_out| match fell_out {
            FellOut::Condition => "its condition does not hold",
            FellOut::Consent => "the customer has not consented to its purpose",
            FellOut::Cap => "its cap is used up",
            FellOut::SharedCap(_) => "a cap over several actions is used up",
            FellOut::Quiet => "it is in its quiet hours",
            FellOut::Control => "the customer belongs to the control group",
            FellOut::Outranked => "the other one scores higher",
        });
        let why = wanted.zip(why).map(|(wanted, why)| format!(" ({}: {why})", actions[wanted].name));
        (chosen.to_owned(), why.unwrap_or_default())
    }

    /// How the latest promise of an expectation stands.
    fn standing(&self, name: &str) -> Option<Standing> {
        let news = || self.last.news.iter().filter(|news| self.plan.name(news.what, news.of) == Some(name));
        let made = news().filter(|news| news.what == What::Promised).max_by_key(|news| news.began_us)?;
        let of = |what: What| news().any(|n| n.what == what && n.began_us == made.began_us && n.key == made.key);
        Some(match (of(What::Kept), of(What::Broken)) {
            (true, _) => Standing::Kept,
            (false, true) => Standing::Broken,
            (false, false) => Standing::Pending,
        })
    }

    /// How the journeys of a kind ended, in the order of time.
    fn endings(&self, name: &str) -> Vec<Ending> {
        let news = || self.last.news.iter().filter(|news| self.plan.name(news.what, news.of) == Some(name));
        let opened = news().filter(|news| news.what == What::JourneyOpened);
        let ending = |began_us: i64| {
            let of = |what: What| news().any(|news| news.what == what && news.began_us == began_us);
            match (of(What::JourneySucceeded), of(What::JourneyAbandoned)) {
                (true, _) => Ending::Succeeded,
                (false, true) => Ending::Abandoned,
                (false, false) => Ending::Open,
            }
        };
        opened.map(|opened| ending(opened.began_us)).collect()
    }
}

impl Lived {
    fn new(plan: &Plan) -> Self {
        Self { state: State::new(plan), news: Vec::new() }
    }

    fn put(&mut self, input: Input<'_>, plan: &Plan, now: Timestamp) {
        let effects = step(&mut self.state, input, plan, now);
        self.news.extend(effects.news);
        self.news.retain(|news| !effects.withdrawn.contains(news));
    }
}

/// Whose each event is, and how many customers there are.
fn owners(charter: &Charter, events: &[(u64, &ScenarioEvent)]) -> (Vec<Option<Node>>, usize) {
    let rules = Rules::from(&charter.keys);
    let mut graph = Graph::new(rules.clone());
    let mut nodes: Vec<Vec<Node>> = Vec::new();
    for (_, told) in events {
        let keys = told.keys();
        let further = rules.further_keys(&told.event(&keys));
        let further = further.iter().map(|(kind, value)| (kind.as_str(), value.as_str()));
        let all = keys.iter().map(|key| (key.kind, key.value)).chain(further);
        let admitted: Vec<Node> = all.filter_map(|(kind, value)| graph.admit(kind, value)).collect();
        graph.link(&admitted, told.at.as_micros());
        nodes.push(admitted);
    }
    let customers = graph.resolve();
    let owners = nodes.iter().map(|nodes| graph.customer(nodes, &customers)).collect();
    (owners, customers.len())
}

/// The consents of a test: those that it names, or all that an action needs.
fn consents(charter: &Charter, scenario: &Scenario, until: Timestamp) -> Vec<Consent> {
    let needed = || charter.actions.iter().filter_map(|action| action.purpose.clone()).collect();
    let purposes: Vec<String> = scenario.consent.clone().unwrap_or_else(needed);
    let given = |purpose| Consent { purpose, at_us: until.as_micros(), granted: true };
    purposes.into_iter().map(given).collect()
}

/// What had been decided before, each on an occasion of its own.
fn decided(charter: &Charter, scenario: &Scenario, until: Timestamp) -> Vec<Taken> {
    let told = scenario.decided.iter().filter(|decided| decided.at <= until);
    let taken = told.zip(1..).filter_map(|(decided, occasion)| {
        let action = charter.actions.iter().position(|action| action.name == decided.action)?;
        let action = u32::try_from(action).expect("a charter has fewer actions");
        Some(Taken { at_us: decided.at.as_micros(), occasion, action, how: How::BEST, features: Vec::new() })
    });
    taken.collect()
}

/// Whether a value is what was written: numbers by their value, spans of time by their length.
fn reads(value: Value<'_>, written: &str) -> bool {
    let number = |number: f64| written.trim().parse().is_ok_and(|wanted: f64| (wanted - number).abs() < 1e-9);
    let span = |us: i64| written.parse::<Span>().is_ok_and(|span| span.as_micros() == Some(us));
    match value {
        Value::Null => written == "none",
        Value::Bool(truth) => written == if truth { "true" } else { "false" },
        Value::Int(whole) => number(whole as f64) || span(whole),
        Value::Float(part) => number(part),
        Value::Text(text) => text == written,
        Value::Time(at) => at.to_string() == written,
    }
}

fn shown(customer: &Customer<'_>, name: &str) -> String {
    let features = &customer.charter().features;
    let is_span = features.iter().any(|f| f.name == name && f.of_type() == charter::Type::Duration);
    match customer.feature(name).unwrap_or(Value::Null) {
        Value::Null => "none".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Int(us) if is_span => Span::Elapsed(us).to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Text(text) => text.to_owned(),
        Value::Time(at) => at.to_string(),
    }
}
