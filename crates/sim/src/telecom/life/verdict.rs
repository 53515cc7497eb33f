//! What customers say, and what they do: surveys, renewals and ends of contracts.

use super::super::truth::{CHURN_BASE, CHURN_BROKEN, CHURN_PRICE_SENSITIVE, CHURN_SECOND_TICKET, REMEMBERED_DAYS};
use super::{DAY, Person, Seconds, Table, World, clock, whole};

const TARIFFS: [(&str, &str); 4] = [("Start", "14.99"), ("Home", "29.99"), ("Family", "44.99"), ("Unlimited", "59.99")];

impl World {
    /// The contract that the customer had before the year began: the one export that names all keys of a person.
    pub(super) fn sign(&mut self, who: u32) {
        let person = &mut self.people[who as usize];
        let signed = person.renewal_at - 731 * DAY;
        let line = person.contract_row(signed, "Contract Started", who);
        self.write(Table::Contracts, signed, line);
    }

    pub(super) fn survey(&mut self, at: Seconds, who: u32, occasion: &str) {
        self.counts.add("surveys sent");
        let person = &mut self.people[who as usize];
        let feeling = person.mood + 0.5 * person.random.normal();
        // Who feels strongly answers more often.
        if !person.random.chance((0.20 + 0.16 * feeling.abs()).min(0.8)) {
            return;
        }
        self.counts.add("surveys answered");
        let nps = whole((7.6 + 2.0 * feeling).round().clamp(0.0, 10.0));
        let csat = whole((3.8 + feeling).round().clamp(1.0, 5.0));
        let ces = whole((5.0 + 1.2 * feeling).round().clamp(1.0, 7.0));
        let reason = match (feeling < -0.3, occasion) {
            (true, "delivery") => "came too late",
            (true, _) => "had to ask again",
            (false, _) if person.price_sensitive => "price",
            (false, _) if feeling > 0.6 => "friendly and quick",
            (false, _) => "",
        };
        let (email, answered) = (person.email_as_written(), clock::iso_local(at));
        self.write(Table::Surveys, at, format!("{answered},{email},{occasion},{nps},{csat},{ces},{reason}"));
    }

    pub(super) fn renewal(&mut self, at: Seconds, who: u32) {
        let person = &mut self.people[who as usize];
        let remembered = |when: Option<Seconds>| when.is_some_and(|when| at - when <= REMEMBERED_DAYS * DAY);
        let (broken, second) = (remembered(person.broken_at), remembered(person.second_ticket_at));
        let added = |holds: bool, chance: f64| if holds { chance } else { 0.0 };
        let chance = CHURN_BASE
            + added(broken, CHURN_BROKEN)
            + added(second, CHURN_SECOND_TICKET)
            + added(person.price_sensitive, CHURN_PRICE_SENSITIVE);
        let ends = person.random.chance(chance);
        person.gone = ends;
        let event = if ends { "Contract Ended" } else { "Contract Renewed" };
        let line = person.contract_row(at, event, who);
        self.write(Table::Contracts, at, line);
        for (of, holds) in [("", true), (", broken", broken), (", not broken", !broken)] {
            self.decided(holds, ends, of);
        }
        for (of, holds) in [(", second ticket", second), (", no second ticket", !second)] {
            self.decided(holds, ends, of);
        }
    }

    fn decided(&mut self, holds: bool, ends: bool, of: &str) {
        self.counts.add_if(holds, &format!("decided{of}"));
        self.counts.add_if(holds && ends, &format!("ended{of}"));
    }
}

impl Person {
    fn contract_row(&mut self, at: Seconds, event: &str, who: u32) -> String {
        let (tariff, fee) = TARIFFS[who as usize % TARIFFS.len()];
        let phone = self.phone_as_written();
        format!("{},{event},{},{},{phone},{tariff},{fee}", clock::iso_local(at), self.user_id, self.email)
    }

    /// A line of the shop's till: most show their card, some give their address, some neither.
    pub(super) fn shop_row(&mut self, at: Seconds, event: &str, topic: &str, cents: Option<u32>) -> String {
        let shop = *self.random.pick(&["Mitte", "Nord", "Hafen"]);
        let amount = cents.map_or(String::new(), |cents| format!("{:.2}", f64::from(cents) / 100.0));
        let card = self.random.chance(0.7);
        let (number, email) =
            if card { (self.user_id.clone(), String::new()) } else { (String::new(), self.email.clone()) };
        format!("{},{shop},{number},{email},{event},{topic},{amount}", clock::iso_local(at))
    }
}
