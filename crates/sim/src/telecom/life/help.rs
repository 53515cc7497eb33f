//! Requests: contacts, calls, tickets, hand-overs, and coming back.

use super::super::truth::{HANDOVER_HOURS, NOT_ACCURATE, SWITCHES_AFTER_WAITING};
use super::{
    BILLING, Channel, DAY, HOUR, JUNK_EMAIL, JUNK_SHARE, LOGISTICS, MINUTE, NETWORK, Request, SERVICE, Seconds, Source,
    Table, Task, What, World, clock, whole,
};

/// The department that knows about a topic, where service does not.
fn expert(topic: &str) -> usize {
    match topic {
        "billing" | "contract" => BILLING,
        "delivery" => LOGISTICS,
        _ => NETWORK,
    }
}

/// How often service settles a request itself.
const SETTLED_ON_CALL: f64 = 0.6;
const SETTLED_IN_SHOP: f64 = 0.7;
const SERVICE_SETTLES_TICKET: f64 = 0.45;
/// How often an expert sends a ticket to yet another department.
const PASSED_ON: f64 = 0.12;

impl World {
    pub(super) fn trouble(&mut self, at: Seconds, who: u32, topic: &'static str) {
        self.counts.add("requests");
        let person = &mut self.people[who as usize];
        let channel = match person.prefers {
            other if person.random.chance(0.6) => other,
            _ => *person.random.weighted(&[(Channel::Call, 0.6), (Channel::Web, 0.25), (Channel::App, 0.15)]),
        };
        let request = Request { topic, first: None, contacts: 0, several_channels: false };
        self.plan(at, who, Task::Contact(request, channel));
    }

    pub(super) fn contact(&mut self, at: Seconds, who: u32, mut request: Request, channel: Channel) {
        request.contacts = request.contacts.saturating_add(1);
        let first = *request.first.get_or_insert(channel);
        if first != channel && !request.several_channels {
            request.several_channels = true;
            self.counts.add("requests, several channels");
        }
        self.counts.add("contacts");
        match channel {
            Channel::Call => self.call(at, who, request),
            Channel::Shop => self.advice(at, who, request),
            Channel::Web | Channel::App => self.form(at, who, request, channel),
        }
    }

    fn call(&mut self, at: Seconds, who: u32, request: Request) {
        let at = self.during_hours(at, who);
        let wait = self.desks[SERVICE].begins(at) - at;
        let person = &mut self.people[who as usize];
        let patience = whole(person.patience_minutes * 60.0).max(30);
        if wait > patience {
            person.mood -= 0.3;
            self.counts.add("calls, given up");
            self.call_row(who, (at, at + patience), "", "", request.topic, "aufgelegt");
            return self.after_waiting(at + patience, who, request);
        }
        let minutes = person.random.skewed(6.0, 0.5).min(40.0);
        let settled = person.random.chance(SETTLED_ON_CALL);
        let work = self.desks[SERVICE].work(at, minutes);
        let result = if settled { "erledigt" } else { "Ticket" };
        let department = self.desks[SERVICE].department;
        self.call_row(who, (at, work.end), &work.resource, department, request.topic, result);
        if settled {
            self.solved(work.end, who, request, 0.3);
        } else {
            self.open_ticket(work.end, who, request, "call");
        }
    }

    fn call_row(
        &mut self,
        who: u32,
        time: (Seconds, Seconds),
        agent: &str,
        department: &str,
        topic: &str,
        result: &str,
    ) {
        let person = &mut self.people[who as usize];
        let (begin, end) = (clock::german(time.0), clock::german(time.1));
        let wait = if agent.is_empty() { time.1 - time.0 } else { i64::from(person.random.below(90)) };
        let line = format!("{begin};{end};{};{agent};{department};{topic};{result};{wait}", person.phone_as_written());
        self.write(Table::Calls, time.0, line);
    }

    /// Nobody answered: most try again, many of them elsewhere.
    fn after_waiting(&mut self, at: Seconds, who: u32, request: Request) {
        let person = &mut self.people[who as usize];
        if request.contacts > 5 || !person.random.chance(0.8) {
            self.counts.add("requests, given up");
            return;
        }
        let elsewhere = person.random.chance(SWITCHES_AFTER_WAITING);
        let channel = if !elsewhere {
            Channel::Call
        } else if person.prefers == Channel::App {
            Channel::App
        } else {
            *person.random.weighted(&[(Channel::Web, 0.7), (Channel::Shop, 0.3)])
        };
        let later = at + 10 * MINUTE + whole(person.random.exponential(6.0) * 60.0) * MINUTE;
        self.plan(later, who, Task::Contact(request, channel));
    }

    fn advice(&mut self, at: Seconds, who: u32, request: Request) {
        let at = self.during_hours(at, who);
        let person = &mut self.people[who as usize];
        let row = person.shop_row(at, "Shop Advice", request.topic, None);
        let settled = person.random.chance(SETTLED_IN_SHOP);
        self.write(Table::Shop, at, row);
        let done = at + 25 * MINUTE;
        if settled { self.solved(done, who, request, 0.4) } else { self.open_ticket(done, who, request, "shop") }
    }

    fn form(&mut self, at: Seconds, who: u32, request: Request, channel: Channel) {
        let person = &self.people[who as usize];
        let (table, anonymous, name) = match channel {
            Channel::App => (Table::App, person.device.clone(), "app"),
            _ => (Table::Web, person.browser.clone(), "web"),
        };
        let source = Source { anonymous, known: true };
        let topic = serde_json::json!({ "topic": request.topic });
        self.segment(table, at, who, &source, &What::Page("/help"));
        self.segment(table, at + 60, who, &source, &What::Track("Help Article Viewed", topic.clone()));
        if self.people[who as usize].random.chance(0.25) {
            return self.solved(at + 120, who, request, 0.2);
        }
        self.segment(table, at + 180, who, &source, &What::Track("Help Form Sent", topic));
        self.open_ticket(at + 180, who, request, name);
    }

    fn open_ticket(&mut self, at: Seconds, who: u32, request: Request, channel: &'static str) {
        self.tickets += 1;
        self.counts.add("tickets");
        let person = &mut self.people[who as usize];
        if person.ticket_at.is_some_and(|before| at - before <= 7 * DAY) {
            person.second_ticket_at = Some(at);
            person.mood -= 0.6;
            self.counts.add("tickets, second in a week");
        }
        person.ticket_at = Some(at);
        let ticket = self.tickets;
        self.ticket_row(who, (ticket, request.topic, channel), (at, at), "New", "service", "");
        self.plan(at, who, Task::Ticket { ticket, request, desk: SERVICE, handovers: 0, opened: at });
    }

    pub(super) fn ticket_step(
        &mut self,
        at: Seconds,
        who: u32,
        (ticket, request, desk): (u32, Request, usize),
        handovers: u8,
        opened: Seconds,
    ) {
        let person = &mut self.people[who as usize];
        let minutes = person.random.skewed(if desk == SERVICE { 45.0 } else { 120.0 }, 0.6).min(900.0);
        let settles = match desk {
            SERVICE => SERVICE_SETTLES_TICKET,
            _ if handovers > 4 => 1.0,
            _ => 1.0 - PASSED_ON,
        };
        let settled = person.random.chance(settles);
        let dispatch = whole(person.random.exponential(HANDOVER_HOURS) * 60.0) * MINUTE;
        let anyone = [SERVICE, BILLING, NETWORK, LOGISTICS].into_iter().filter(|other| *other != desk);
        let others: Vec<usize> = anyone.collect();
        let passed_to = *person.random.pick(&others);
        let work = self.desks[desk].work(at, minutes);
        let what = (ticket, request.topic, "");
        let group = self.desks[desk].department;
        self.ticket_row(who, what, (opened, work.start), "In Progress", group, &work.resource);
        if settled {
            self.ticket_row(who, what, (opened, work.end), "Closed", group, &work.resource);
            return self.closed(work.end, who, request, handovers, opened);
        }
        let next = if desk == SERVICE { expert(request.topic) } else { passed_to };
        self.counts.add("handovers");
        self.ticket_row(who, what, (opened, work.end), "Assigned", self.desks[next].department, "");
        let task = Task::Ticket { ticket, request, desk: next, handovers: handovers + 1, opened };
        self.plan(work.end + dispatch, who, task);
    }

    fn ticket_row(
        &mut self,
        who: u32,
        (ticket, topic, channel): (u32, &str, &str),
        (opened, updated): (Seconds, Seconds),
        status: &str,
        group: &str,
        resource: &str,
    ) {
        let person = &mut self.people[who as usize];
        let written = person.email_as_written();
        let caller = if person.random.chance(JUNK_SHARE) { JUNK_EMAIL.to_owned() } else { written };
        let (opened, at) = (clock::iso_local(opened), clock::iso_local(updated));
        let line = format!("T{ticket:06},{caller},{opened},{at},{status},{group},{resource},{topic},{channel}");
        self.write(Table::Tickets, updated, line);
    }

    fn closed(&mut self, at: Seconds, who: u32, request: Request, handovers: u8, opened: Seconds) {
        let in_time = at <= clock::after_business_days(opened, 1);
        self.counts.add("tickets, closed");
        self.counts.add_if(!in_time, "tickets, closed late");
        let person = &mut self.people[who as usize];
        person.mood += if in_time { 0.3 } else { -0.2 } - 0.15 * f64::from(handovers);
        if person.random.chance(0.6) {
            self.plan(at + HOUR, who, Task::Survey("ticket"));
        }
        self.solved(at, who, request, 0.0);
    }

    /// Solved, or so it seems: some come back with the same request within the week.
    fn solved(&mut self, at: Seconds, who: u32, request: Request, pleased: f64) {
        self.counts.add("requests, solved");
        self.counts.add_if(request.contacts == 1, "requests, solved at first contact");
        let person = &mut self.people[who as usize];
        person.mood += pleased;
        if request.contacts < 6 && person.random.chance(NOT_ACCURATE) {
            self.counts.add("requests, not really solved");
            let person = &mut self.people[who as usize];
            person.mood -= 0.4;
            let channel = if person.random.chance(0.7) { Channel::Call } else { person.prefers };
            let later = at + 12 * HOUR + whole(person.random.between(0.0, 5.5) * 86_400.0);
            self.plan(later, who, Task::Contact(request, channel));
        }
    }
}
