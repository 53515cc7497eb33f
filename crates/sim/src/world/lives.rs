//! The lives of a world's customers: chance, and stories in which something is cut fine.

use std::collections::BTreeMap;

use ::charter::Charter;
use event::{Span, Timestamp};

use super::Event;
use super::charter::Setting;
use crate::Random;

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// The properties that events have.
pub(super) const PROPERTIES: [&str; 6] = ["total", "topic", "ticket_id", "score", "ease", "reason"];

/// Times between two events: those at which something turns, and a microsecond more.
const STEPS: [i64; 16] = [
    0,
    0,
    SECOND / 2,
    SECOND,
    10 * MINUTE,
    30 * MINUTE,
    30 * MINUTE + 1,
    HOUR,
    6 * HOUR,
    DAY,
    DAY,
    DAY + 1,
    2 * DAY,
    3 * DAY,
    7 * DAY,
    14 * DAY + 1,
];

/// The events of all customers, in the order of arrival.
pub(super) fn live(random: &mut Random, setting: &Setting, charter: &Charter) -> Vec<Event> {
    let mut events = Vec::new();
    let customers = 1 + i64::from(random.below(24));
    // Sometimes somebody begins with a wrong date.
    let stray = random.chance(0.3).then(|| 1 + i64::from(random.below(u32::try_from(customers).expect("few"))));
    for customer in 1..=customers {
        let mut life = Life { customer, random, setting, charter, at_us: 0, events: &mut events };
        life.at_us = setting.since_us + i64::from(life.random.below(setting.days)) * DAY;
        if stray == Some(customer) {
            life.at_us -= i64::from(life.random.below(900)) * DAY;
        }
        if life.random.chance(0.6) {
            life.at_us += i64::from(life.random.below(86_400)) * SECOND;
        }
        for _ in 0..=life.random.below(6) {
            life.chapter();
        }
    }
    // What happens at the same time arrives in some order, and a customer's events not one after the other.
    let mut shuffled: Vec<(u64, Event)> = events.into_iter().map(|event| (random.next_u64(), event)).collect();
    shuffled.sort_by_key(|(number, _)| *number);
    shuffled.into_iter().map(|(_, event)| event).collect()
}

struct Life<'a> {
    customer: i64,
    random: &'a mut Random,
    setting: &'a Setting,
    charter: &'a Charter,
    /// When it is.
    at_us: i64,
    events: &'a mut Vec<Event>,
}

impl Life<'_> {
    fn chapter(&mut self) {
        let has_promises = !self.charter.expectations.is_empty();
        match self.random.below(8) {
            0 | 1 if has_promises => self.promise(),
            2 | 3 => self.request(),
            4 => self.survey(),
            5 => self.purchase(),
            6 if self.random.chance(0.3) => self.regular(),
            _ => self.wander(),
        }
    }

    fn pass(&mut self) {
        self.at_us += *self.random.pick(&STEPS);
        if self.random.chance(0.3) {
            self.at_us += i64::from(self.random.below(3_600_000)) * 1_000;
        }
    }

    fn wander(&mut self) {
        for _ in 0..=self.random.below(8) {
            let name = *self.random.pick(&self.setting.names);
            self.happen(name, &[]);
            self.pass();
        }
    }

    /// What the drawn journeys are made of, mostly in their order.
    fn purchase(&mut self) {
        for name in ["visit", "search", "cart", "cart", "order", "delivered"] {
            if self.random.chance(0.75) {
                self.happen(name, &[]);
                self.pass();
            }
        }
    }

    /// Something every day or two, so that it is known what is usual.
    fn regular(&mut self) {
        let step = *self.random.pick(&[DAY, DAY + HOUR, 2 * DAY, 23 * HOUR]);
        for _ in 0..4 + self.random.below(8) {
            self.happen("login", &[]);
            self.at_us += step;
        }
        self.at_us += *self.random.pick(&[0, 3 * step, 3 * step + 1]);
    }

    /// A promise, and what comes of it: in time to the microsecond, late by one, twice, or never.
    fn promise(&mut self) {
        let charter = self.charter;
        let expectation = self.random.pick(&charter.expectations);
        let key = self.random.chance(0.5).then(|| self.one_of(&["t1", "t2", "t3"]));
        let carried: Vec<(&'static str, String)> =
            key.iter().flat_map(|key| [("case_id", key.clone()), ("ticket_id", key.clone())]).collect();
        let (after, promise) = (known(&expectation.after), known(&expectation.promise));
        let made_us = self.at_us;
        self.happen(after, &carried);
        if self.random.chance(0.2) {
            self.pass();
            self.happen(after, &carried);
        }
        let due_us = match expectation.within {
            Span::Elapsed(us) => made_us + us,
            Span::BusinessDays(days) => charter
                .calendar
                .after_business_days(Timestamp::from_micros(made_us), days)
                .map_or(made_us, Timestamp::as_micros),
        };
        self.at_us = due_us.max(made_us) + *self.random.pick(&[-HOUR, -1, 0, 0, 1, HOUR, 2 * DAY]);
        self.at_us = self.at_us.max(made_us);
        for _ in 0..*self.random.pick(&[0, 1, 1, 1, 2]) {
            self.happen(promise, &carried);
            if self.random.chance(0.5) {
                self.pass();
            }
        }
    }

    /// A request with its contacts, over some channels, resolved or not, and perhaps once more.
    fn request(&mut self) {
        let topic = self.random.chance(0.8).then(|| ("topic", self.one_of(&["bill", "net", "17"])));
        let key = self.random.chance(0.7).then(|| self.one_of(&["t1", "t2", "t3", "40"]));
        let key = key.into_iter().flat_map(|key| [("ticket_id", key.clone()), ("case_id", key)]);
        let carried: Vec<(&'static str, String)> = topic.into_iter().chain(key).collect();
        for _ in 0..=self.random.below(2) {
            for name in ["ticket", "ticket", "login", "work", "ticket", "done"] {
                if self.random.chance(0.6) {
                    self.happen(name, &carried);
                    self.pass();
                }
            }
        }
    }

    fn survey(&mut self) {
        for _ in 0..self.random.below(3) {
            self.happen("invite", &[]);
            self.pass();
        }
        self.happen("survey", &[]);
        self.pass();
        if self.random.chance(0.5) {
            let name = *self.random.pick(&["order", "ticket", "visit"]);
            self.happen(name, &[]);
        }
    }

    fn one_of(&mut self, texts: &[&str]) -> String {
        (*self.random.pick(texts)).to_owned()
    }

    fn happen(&mut self, name: &'static str, carried: &[(&'static str, String)]) {
        let mut columns = BTreeMap::new();
        let mut properties = BTreeMap::new();
        for (column, choices, chance) in [
            ("channel", ["web", "app", "call", "shop", "fax"], 0.85),
            ("source", ["site", "crm", "crm", "desk", "desk"], 0.8),
            ("resource", ["r1", "r2", "r3", "r3", "r3"], 0.4),
            ("department", ["sales", "service", "service", "service", "other"], 0.4),
        ] {
            if self.random.chance(chance) {
                columns.insert(column, self.one_of(&choices));
            }
        }
        match name {
            "order" => {
                let total = self.one_of(&["30", "4.5", "12.25", "free", "0.1", "199.99"]);
                properties.extend(self.random.chance(0.9).then_some(("total", total)));
            }
            "survey" | "done" => {
                for scale in ["score", "ease"] {
                    let score = match self.random.below(14) {
                        0 => "12".to_owned(),
                        1 => "4.5".to_owned(),
                        2 => "none".to_owned(),
                        3 => "-1".to_owned(),
                        4 => "9,0".to_owned(),
                        5 => String::new(),
                        _ => self.random.below(11).to_string(),
                    };
                    properties.extend(self.random.chance(0.9).then_some((scale, score)));
                }
                let reason = self.one_of(&["price", "speed", "people"]);
                properties.extend(self.random.chance(0.7).then_some(("reason", reason)));
            }
            _ => {}
        }
        for (name, value) in carried {
            if *name == "case_id" {
                columns.insert(name, value.clone());
            } else {
                properties.insert(name, value.clone());
            }
        }
        let late = *self.random.pick(&[0, SECOND, SECOND, HOUR, 31 * DAY, -6 * MINUTE]);
        let (customer, at_us) = (self.customer, self.at_us);
        self.events.push(Event {
            customer,
            name: name.to_owned(),
            at_us,
            received_us: at_us + late,
            columns,
            properties,
        });
        if self.random.chance(0.03) {
            // Twice, as it happens.
            let again = self.events[self.events.len() - 1].clone();
            self.events.push(again);
        }
    }
}

/// The name of an event of this moment: moments of worlds are called as their events are.
fn known(moment: &str) -> &'static str {
    super::charter::MOMENTS.into_iter().find(|name| *name == moment).expect("worlds have no other moments")
}
