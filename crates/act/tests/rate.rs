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

/// What happens: seconds after the event before, name, source, department, phase, whether it belongs to the case, properties.
type Line = (u64, &'static str, &'static str, Option<&'static str>, Option<&'static str>, bool, &'static str);

const VISIT: Line =
    (86_400, "Page Viewed", "web", None, None, false, r#""path":"/home","referrer":"https://example.com""#);
const LOOKS: [Line; 2] = [
    (40, "Products Searched", "web", None, None, false, r#""query":"fibre 250""#),
    (60, "Product Viewed", "web", None, None, false, r#""product":"fibre-250","price":39.9"#),
];
const BUYS: [Line; 3] = [
    (60, "Checkout Started", "web", None, None, false, r#""step":1"#),
    (90, "Order Booked", "orders", None, None, true, r#""product":"fibre-250","total":399.00"#),
    (260_000, "Delivered", "deliveries", None, None, true, r#""carrier":"fast","on_time":true"#),
];
const ASKS: [Line; 4] = [
    (3_000, "Call", "calls", Some("service"), Some("start"), false, r#""Thema":"Netz","Ergebnis":"erledigt""#),
    (300, "New", "tickets", Some("service"), None, true, r#""topic":"network","opened":"2025-03-03""#),
    (7_000, "In Progress", "tickets", Some("network"), None, true, r#""topic":"network","opened":"2025-03-03""#),
    (86_400, "Closed", "tickets", Some("network"), None, true, r#""topic":"network","opened":"2025-03-03""#),
];
const READS: [Line; 1] = [(500, "Bill Viewed", "web", None, None, false, r#""month":"2025-03""#)];
const ANSWERS: [Line; 1] =
    [(99_000, "Survey Answered", "surveys", None, None, false, r#""nps":8,"csat":4,"ces":5,"reason":"fast""#)];

/// Some sixteen events: visits, now and then a purchase with its delivery, a ticket with its work, a bill, a survey.
fn life(customer: u64) -> Vec<Told> {
    let mut lot = customer.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut draw = move |n: u64| {
        lot = lot.wrapping_mul(0xD129_42FA_7D5C_1A65).wrapping_add(0x1234_5678_9ABC_DEF1);
        (lot >> 33) % n
    };
    let mut at_us = 1_735_700_000_000_000 + i64::try_from(draw(30 * 86_400)).expect("small") * 1_000_000;
    let mut events = Vec::new();
    for session in 0..2 + draw(3) {
        let case = format!("c-{customer}-{session}");
        at_us += i64::try_from(draw(40) * 86_400).expect("small") * 1_000_000;
        let looks = LOOKS.repeat(usize::try_from(draw(3)).expect("small"));
        let does: &[Line] = [&BUYS[..], &ASKS, &READS, &ANSWERS][usize::try_from(draw(4)).expect("small")];
        for (after_s, event, source, department, phase, of_case, properties) in [VISIT].iter().chain(&looks).chain(does)
        {
            at_us += i64::try_from(*after_s).expect("small") * 1_000_000 + 123_457;
            let id = if *of_case { format!(r#","ticket_id":"{case}""#) } else { String::new() };
            events.push(Told {
                at: Timestamp::from_micros(at_us),
                event,
                source,
                department: *department,
                phase: *phase,
                case_id: of_case.then(|| case.clone()),
                properties: format!("{{{properties}{id}}}"),
            });
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
