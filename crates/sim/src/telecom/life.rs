//! The year as it happens: one queue of tasks in time order, and what customers and departments do about each.
//!
//! A customer wants something (a visit), has trouble (a request), gets in contact, waits, is helped or is not, and comes back.
//! Each request runs through contacts and tickets until it is solved; what that was like changes the customer's mood, and a
//! broken promise or a second ticket within a week changes the chance that the contract is renewed.

mod help;
mod shopping;
mod verdict;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::clock::{DAY, HOUR, MINUTE, Seconds, YEAR, utc};
use super::desk::Desk;
use super::export::{Export, Table};
use super::person::{Channel, Person};
use super::truth::Counts;
use super::{Settings, clock};
use crate::random::whole;

/// What a request is about.
pub(super) const TOPICS: [(&str, f64); 5] =
    [("network", 0.32), ("billing", 0.28), ("device", 0.18), ("contract", 0.14), ("delivery", 0.08)];

/// A request of a customer, until it is solved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Request {
    topic: &'static str,
    /// Where the first contact was.
    first: Option<Channel>,
    contacts: u8,
    several_channels: bool,
}

/// Something that falls due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Task {
    Visit,
    Bill,
    Trouble(&'static str),
    Contact(Request, Channel),
    Ticket { ticket: u32, request: Request, desk: usize, handovers: u8, opened: Seconds },
    Delivered { order: u32, promised: Seconds, ordered: Seconds },
    Survey(&'static str),
    Renewal,
}

pub(super) struct World {
    settings: Settings,
    people: Vec<Person>,
    desks: [Desk; 4],
    /// By time, then in the order in which they were planned.
    due: BinaryHeap<Reverse<(Seconds, u64, u32, Task)>>,
    planned: u64,
    lines: Vec<(Table, Seconds, String)>,
    counts: Counts,
    orders: u32,
    tickets: u32,
    messages: u64,
}

const SERVICE: usize = 0;
const BILLING: usize = 1;
const NETWORK: usize = 2;
const LOGISTICS: usize = 3;

/// Of a hundred customers, so many groups of three share a telephone.
const FAMILIES_PER_CENT: u32 = 1;
/// Browsers in shops that everybody may use.
const KIOSKS: u32 = 3;
const KIOSK_SHARE: f64 = 0.02;
/// What agents type where an address is required and they have none.
const JUNK_EMAIL: &str = "test@test.com";
const JUNK_SHARE: f64 = 0.01;

impl World {
    pub(super) fn new(settings: Settings) -> Self {
        let mut people: Vec<Person> = (0..settings.customers).map(|n| Person::new(n, settings.seed)).collect();
        let families = settings.customers * FAMILIES_PER_CENT / 100;
        for family in 0..families as usize {
            let phone = people[family * 3].phone.clone();
            for member in &mut people[family * 3 + 1..family * 3 + 3] {
                member.phone.clone_from(&phone);
            }
        }
        // Enough people that queues are short on most days and long after weekends.
        let staff = |people_per_4000: u32| (settings.customers * people_per_4000).div_ceil(4_000).max(1) as usize;
        let desks = [
            Desk::new("service", staff(4), 8..20, true),
            Desk::new("billing", staff(2), 8..17, false),
            Desk::new("network", staff(2), 8..18, false),
            Desk::new("logistics", staff(1), 7..16, true),
        ];
        let mut world = Self {
            settings,
            people,
            desks,
            due: BinaryHeap::new(),
            planned: 0,
            lines: Vec::new(),
            counts: Counts::default(),
            orders: 0,
            tickets: 0,
            messages: 0,
        };
        for who in 0..settings.customers {
            world.plan_year(who);
        }
        world
    }

    /// What a customer will want this year, whatever happens.
    fn plan_year(&mut self, who: u32) {
        self.sign(who);
        let person = &mut self.people[who as usize];
        let mut due = vec![(person.renewal_at, Task::Renewal)];
        let mut at = person.random.exponential(365.0 / person.visits_per_year);
        while at < 365.0 {
            due.push((evening(person, at), Task::Visit));
            at += person.random.exponential(365.0 / person.visits_per_year);
        }
        let mut at = person.random.exponential(365.0 / person.troubles_per_year);
        while at < 365.0 {
            let topic = *person.random.weighted(&TOPICS);
            due.push((evening(person, at) - 4 * HOUR, Task::Trouble(topic)));
            at += person.random.exponential(365.0 / person.troubles_per_year);
        }
        for month in 0..12 {
            if person.random.chance(if person.prefers == Channel::App { 0.4 } else { 0.1 }) {
                due.push((evening(person, f64::from(month) * 30.4 + 3.0), Task::Bill));
            }
        }
        for (at, task) in due {
            self.plan(at, who, task);
        }
    }

    fn plan(&mut self, at: Seconds, who: u32, task: Task) {
        self.planned += 1;
        self.due.push(Reverse((at, self.planned, who, task)));
    }

    /// Lets everything happen that falls due this year.
    pub(super) fn live(&mut self) {
        while let Some(Reverse((at, _, who, task))) = self.due.pop() {
            if at >= YEAR {
                break;
            }
            // What was begun is finished even when the customer has left meanwhile.
            if self.people[who as usize].gone && !matches!(task, Task::Ticket { .. } | Task::Delivered { .. }) {
                continue;
            }
            match task {
                Task::Visit => self.visit(at, who),
                Task::Bill => self.bill(at, who),
                Task::Trouble(topic) => self.trouble(at, who, topic),
                Task::Contact(request, channel) => self.contact(at, who, request, channel),
                Task::Ticket { ticket, request, desk, handovers, opened } => {
                    self.ticket_step(at, who, (ticket, request, desk), handovers, opened);
                }
                Task::Delivered { order, promised, ordered } => self.delivered(at, who, order, promised, ordered),
                Task::Survey(occasion) => self.survey(at, who, occasion),
                Task::Renewal => self.renewal(at, who),
            }
        }
    }

    pub(super) fn finish(self) -> Export {
        let families = self.settings.customers * FAMILIES_PER_CENT / 100;
        let shared = serde_json::json!({
            "customers": self.settings.customers,
            "phones_shared_by_three": families,
            "kiosk_browsers_shared_by_many": (0..KIOSKS).map(kiosk).collect::<Vec<_>>(),
            "junk_email": JUNK_EMAIL,
            "same_person": "customer_no in orders, shop, deliveries, contracts; userId in web and app",
        });
        let truth = self.counts.to_json(self.settings, &shared);
        Export::new(self.lines, truth)
    }

    /// `at`, or if the shops and the hotline are closed then, some time after they open again.
    fn during_hours(&mut self, at: Seconds, who: u32) -> Seconds {
        let open = self.desks[SERVICE].next_open(at);
        let after = i64::from(self.people[who as usize].random.below(10_800));
        if open > at { open + after } else { at }
    }

    fn write(&mut self, table: Table, at: Seconds, line: String) {
        self.lines.push((table, at, line));
    }

    /// One line in Segment's form. `known` says whether the customer is logged in, `browser` where it happens.
    fn segment(&mut self, table: Table, at: Seconds, who: u32, source: &Source, what: &What<'_>) {
        self.messages += 1;
        let person = &mut self.people[who as usize];
        let time = utc(at, person.random.below(1000));
        let mut line = serde_json::json!({
            "messageId": format!("{}-{:08}", if table == Table::Web { "w" } else { "a" }, self.messages),
            "anonymousId": source.anonymous,
            "timestamp": time,
        });
        if source.known {
            line["userId"] = person.user_id.clone().into();
        }
        match what {
            What::Page(path) => {
                line["type"] = if table == Table::App { "screen" } else { "page" }.into();
                line["name"] = (*path).into();
                line["properties"] = serde_json::json!({ "path": path });
            }
            What::Track(event, properties) => {
                line["type"] = "track".into();
                line["event"] = (*event).into();
                line["properties"] = properties.clone();
            }
            What::Identify => {
                line["type"] = "identify".into();
                let phone = person.phone_as_written();
                line["traits"] = serde_json::json!({ "email": person.email, "phone": phone });
            }
        }
        self.write(table, at, line.to_string());
    }

    fn bill(&mut self, at: Seconds, who: u32) {
        let source = Source { anonymous: self.people[who as usize].device.clone(), known: true };
        self.segment(Table::App, at, who, &source, &What::Track("App Opened", serde_json::json!({})));
        let month = clock::iso_date(at);
        let bill = serde_json::json!({ "month": month.get(..7) });
        self.segment(Table::App, at + 20, who, &source, &What::Track("Bill Viewed", bill));
    }
}

/// From which browser or device a message comes, and whether the customer is logged in there.
struct Source {
    anonymous: String,
    known: bool,
}

enum What<'a> {
    Page(&'a str),
    Track(&'a str, serde_json::Value),
    Identify,
}

fn kiosk(number: u32) -> String {
    format!("kiosk-{number:02}")
}

/// A time on that day of the year, mostly in the evening.
fn evening(person: &mut Person, day: f64) -> Seconds {
    let hour = (18.0 + 3.0 * person.random.normal()).clamp(6.0, 23.5);
    whole(day) * DAY + whole(hour * 3600.0) + i64::from(person.random.below(60)) * MINUTE / 60
}
