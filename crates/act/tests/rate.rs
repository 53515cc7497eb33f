//! How fast customers are stepped and decided for, and how large their states are, by the charter of the simulated telecom
//! company. CPU time of this thread, so that whatever else the machine does matters less.
//!
//! `cargo test --release -p act --test rate -- --ignored --nocapture`

use std::io::Write;
use std::sync::Arc;

use act::{Draw, Input, Models, Plan, State, decide, step};
use charter::Charter;
use event::{Event, Timestamp};

const CHARTER: &str = include_str!("../../../charters/telecom/charter.yaml");
const CUSTOMERS: u64 = 20_000;

/// One event of a customer.
struct Told {
    at: Timestamp,
    event: &'static str,
    source: &'static str,
    department: Option<&'static str>,
    phase: Option<&'static str>,
    case_id: Option<String>,
    properties: String,
}

impl Told {
    fn event(&self) -> Event<'_> {
        Event {
            received_at: Some(self.at),
            source: Some(self.source),
            channel: Some("web"),
            department: self.department,
            phase: self.phase,
            case_id: self.case_id.as_deref(),
            properties: Some(&self.properties),
            ..Event::new(self.event, self.at, &[])
        }
    }
}

/// Some twenty events: visits, now and then a purchase with its delivery, a ticket with its work, a call, a survey.
fn life(customer: u64) -> Vec<Told> {
    let mut lot = customer.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut draw = move |n: u64| {
        lot = lot.wrapping_mul(0xD129_42FA_7D5C_1A65).wrapping_add(0x1234_5678_9ABC_DEF1);
        (lot >> 33) % n
    };
    let mut at_us = 1_735_700_000_000_000 + i64::try_from(draw(30 * 86_400)).expect("small") * 1_000_000;
    let mut events = Vec::new();
    let mut tell = |after_s: u64, event, source, department, phase, case_id, properties: String| {
        at_us += i64::try_from(after_s).expect("small") * 1_000_000 + 123_457;
        let at = Timestamp::from_micros(at_us);
        events.push(Told { at, event, source, department, phase, case_id, properties });
    };
    for session in 0..2 + draw(3) {
        tell(
            86_400 * (1 + draw(40)),
            "Page Viewed",
            "web",
            None,
            None,
            None,
            "{\"path\":\"/home\",\"referrer\":\"https://example.com\"}".to_owned(),
        );
        for _ in 0..draw(3) {
            tell(40, "Products Searched", "web", None, None, None, "{\"query\":\"fibre 250\"}".to_owned());
            tell(
                60,
                "Product Viewed",
                "web",
                None,
                None,
                None,
                "{\"product\":\"fibre-250\",\"price\":39.9}".to_owned(),
            );
        }
        match draw(4) {
            0 => {
                let order = format!("o-{customer}-{session}");
                tell(60, "Checkout Started", "web", None, None, None, "{}".to_owned());
                let properties = format!(
                    "{{\"order_id\":\"{order}\",\"product\":\"fibre-250\",\"total\":399.00,\"promised_date\":\"2025-03-03\"}}"
                );
                tell(90, "Order Booked", "orders", None, None, Some(order.clone()), properties);
                let properties = format!("{{\"order_id\":\"{order}\",\"carrier\":\"fast\",\"on_time\":true}}");
                tell(86_400 * (1 + draw(7)), "Delivered", "deliveries", None, None, Some(order), properties);
            }
            1 => {
                let ticket = format!("T-{customer}-{session}");
                let properties =
                    format!("{{\"ticket_id\":\"{ticket}\",\"topic\":\"network\",\"opened\":\"2025-03-03\"}}");
                tell(
                    3_000,
                    "Call",
                    "calls",
                    Some("service"),
                    Some("start"),
                    None,
                    "{\"Thema\":\"Netz\",\"Ergebnis\":\"erledigt\",\"Wartezeit_s\":63}".to_owned(),
                );
                tell(300, "New", "tickets", Some("service"), None, Some(ticket.clone()), properties.clone());
                tell(7_000, "In Progress", "tickets", Some("network"), None, Some(ticket.clone()), properties.clone());
                tell(86_400, "Closed", "tickets", Some("network"), None, Some(ticket), properties);
            }
            2 => tell(500, "Bill Viewed", "web", None, None, None, "{\"month\":\"2025-03\"}".to_owned()),
            _ => tell(
                99_000,
                "Survey Answered",
                "surveys",
                None,
                None,
                None,
                "{\"occasion\":\"order\",\"nps\":8,\"csat\":4,\"ces\":5,\"reason\":\"fast\"}".to_owned(),
            ),
        }
    }
    events
}

/// The time that this thread has spent on a processor, in seconds.
fn cpu_s() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux says so");
    text.split_whitespace().next().and_then(|ns| ns.parse::<f64>().ok()).expect("nanoseconds") / 1e9
}

fn say(what: &str, n: usize, begun_s: f64) {
    let seconds = cpu_s() - begun_s;
    let rate = n as f64 / seconds;
    writeln!(std::io::stderr(), "{what}: {n} in {seconds:.2} s of CPU, {rate:.0} a second").expect("standard error");
}

#[test]
#[ignore = "a measurement"]
fn rates_and_sizes() {
    let charter = Charter::parse(CHARTER).unwrap_or_else(|problems| panic!("{problems:#?}")).0;
    let plan = Plan::new(Arc::new(charter));
    let lives: Vec<Vec<Told>> = (0..CUSTOMERS).map(life).collect();
    let events: usize = lives.iter().map(Vec::len).sum();

    let begun_s = cpu_s();
    let mut news = 0;
    let states: Vec<State> = lives
        .iter()
        .map(|life| {
            let mut state = State::new(&plan);
            for (seq, told) in (1..).zip(life) {
                news += step(&mut state, Input::Event { event: &told.event(), seq }, &plan, told.at).news.len();
            }
            state
        })
        .collect();
    say("replay, events", events, begun_s);
    assert!(news > events);

    let begun_s = cpu_s();
    let mut stored: Vec<Vec<u8>> = states.iter().map(|state| state.to_bytes(&plan)).collect();
    say("to bytes, states", stored.len(), begun_s);
    let begun_s = cpu_s();
    for bytes in &stored {
        assert!(State::from_bytes(bytes, &plan).is_ok());
    }
    say("from bytes, states", stored.len(), begun_s);

    let begun_s = cpu_s();
    let mut live = 0;
    for (bytes, life) in stored.iter_mut().zip(&lives) {
        for (seq, told) in (1_000..).zip(life.iter().take(5)) {
            let mut state = State::from_bytes(bytes, &plan).expect("it was just written");
            let event =
                Event { at: Timestamp::from_micros(told.at.as_micros() + 400 * 86_400_000_000), ..told.event() };
            step(&mut state, Input::Event { event: &event, seq }, &plan, event.at);
            *bytes = state.to_bytes(&plan);
            live += 1;
        }
    }
    say("live (read, step, write), events", live, begun_s);

    let begun_s = cpu_s();
    let models = Models::new(&plan);
    let now = Timestamp::from_micros(1_745_000_000_000_000);
    let chosen =
        states.iter().filter(|state| decide(state, &plan, &models, now, 1, &Draw::BEST).chosen.is_some()).count();
    say("decide (2 actions), states", states.len(), begun_s);

    let mut sizes: Vec<usize> = states.iter().map(|state| state.to_bytes(&plan).len()).collect();
    sizes.sort_unstable();
    let mean = sizes.iter().sum::<usize>() / sizes.len();
    let (median, p99) = (sizes[sizes.len() / 2], sizes[sizes.len() * 99 / 100]);
    let per = events as f64 / CUSTOMERS as f64;
    writeln!(
        std::io::stderr(),
        "{per:.1} events a customer; bytes of a state: mean {mean}, median {median}, 99 of 100 below {p99}; {chosen} chosen"
    )
    .expect("standard error");
}
