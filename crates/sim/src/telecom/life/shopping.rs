//! Visits, checkouts, orders and their deliveries.

use super::super::truth::{CALLS_AFTER_FAILURE, CHECKOUT_FAILS, LATE, LATE_BEFORE_CHRISTMAS};
use super::{
    Channel, DAY, HOUR, KIOSK_SHARE, KIOSKS, MINUTE, Request, Seconds, Source, Table, Task, What, World, clock, kiosk,
    whole,
};

const PRODUCTS: [(&str, u32); 6] = [
    ("Phone Basic", 14_900),
    ("Phone Plus", 39_900),
    ("Phone Max", 89_900),
    ("Router", 12_900),
    ("Tablet", 34_900),
    ("Headset", 5_900),
];
const PATHS: [&str; 6] = ["/", "/offers", "/phones", "/tariffs", "/help", "/account"];

/// How far a visit goes: to products, to the cart, to the checkout.
const SEARCHES: f64 = 0.55;
const ADDS: f64 = 0.55;
const CHECKS_OUT: f64 = 0.75;

/// From 20 November to Christmas Eve.
const BEFORE_CHRISTMAS: std::ops::Range<i64> = 323 * DAY..358 * DAY;

/// Where the customer is during one visit, and when.
struct Visit {
    at: Seconds,
    who: u32,
    table: Table,
    source: Source,
}

impl World {
    pub(super) fn visit(&mut self, at: Seconds, who: u32) {
        let person = &mut self.people[who as usize];
        if person.prefers == Channel::Shop && person.random.chance(0.5) {
            return self.shop_visit(at, who);
        }
        let app = person.prefers == Channel::App && person.random.chance(0.7);
        let kiosk = (!app && person.random.chance(KIOSK_SHARE)).then(|| kiosk(person.random.below(KIOSKS)));
        let anonymous = if app { &person.device } else { &person.browser };
        let source = Source { anonymous: kiosk.unwrap_or_else(|| anonymous.clone()), known: app };
        let mut visit = Visit { at, who, table: if app { Table::App } else { Table::Web }, source };
        self.browse(&mut visit);
    }

    fn browse(&mut self, visit: &mut Visit) {
        if visit.table == Table::App {
            self.track(visit, "App Opened", serde_json::json!({}));
        }
        for _ in 0..=self.draw(visit).random.below(3) {
            let path = *self.draw(visit).random.pick(&PATHS);
            self.pause(visit);
            self.segment(visit.table, visit.at, visit.who, &visit.source, &What::Page(path));
        }
        if !visit.source.known && self.draw(visit).random.chance(0.3) {
            self.log_in(visit);
        }
        if !self.draw(visit).random.chance(SEARCHES) {
            return;
        }
        self.track(visit, "Products Searched", serde_json::json!({}));
        let (product, cents) = *self.draw(visit).random.pick(&PRODUCTS);
        let details = serde_json::json!({ "product": product, "price": f64::from(cents) / 100.0 });
        self.track(visit, "Product Viewed", details.clone());
        if !self.draw(visit).random.chance(ADDS) {
            return;
        }
        self.track(visit, "Product Added", details);
        if self.draw(visit).random.chance(CHECKS_OUT) {
            self.check_out(visit, product, cents);
        }
    }

    fn check_out(&mut self, visit: &mut Visit, product: &'static str, cents: u32) {
        if !visit.source.known {
            self.log_in(visit);
        }
        self.counts.add("checkouts");
        self.track(visit, "Checkout Started", serde_json::json!({ "product": product }));
        if self.draw(visit).random.chance(CHECKOUT_FAILS) {
            self.counts.add("checkouts, failed");
            self.track(visit, "Checkout Failed", serde_json::json!({ "error": "payment gateway timeout" }));
            return self.after_failure(visit);
        }
        let channel = if visit.table == Table::App { "app" } else { "web" };
        let order = self.order(visit.at + MINUTE, visit.who, channel, product, cents);
        let placed = serde_json::json!({ "order_id": order, "total": f64::from(cents) / 100.0, "product": product });
        self.track(visit, "Order Completed", placed);
    }

    /// Some call, some try again, some go to a shop; the others are lost.
    fn after_failure(&mut self, visit: &Visit) {
        let (at, who) = (visit.at, visit.who);
        let person = self.draw(visit);
        person.mood -= 0.4;
        let request = Request { topic: "checkout", first: None, contacts: 0, several_channels: false };
        let draw = person.random.unit();
        if draw < CALLS_AFTER_FAILURE {
            let soon = at + 5 * MINUTE + whole(person.random.exponential(30.0).min(110.0)) * MINUTE;
            self.counts.add("checkouts, failed, then called");
            self.counts.add("requests");
            self.plan(soon, who, Task::Contact(request, Channel::Call));
        } else if draw < CALLS_AFTER_FAILURE + 0.25 {
            let again = at + whole(person.random.exponential(8.0)) * HOUR + HOUR;
            self.plan(again, who, Task::Visit);
        } else if draw < CALLS_AFTER_FAILURE + 0.40 {
            let later = at + i64::from(1 + person.random.below(3)) * DAY;
            self.counts.add("requests");
            self.plan(later, who, Task::Contact(request, Channel::Shop));
        }
    }

    /// Writes the order, promises a date and lets logistics do what it does.
    pub(super) fn order(&mut self, at: Seconds, who: u32, channel: &str, product: &str, cents: u32) -> String {
        self.orders += 1;
        self.counts.add("orders");
        let order = self.orders;
        let promised = clock::after_business_days(at, 3);
        let person = &mut self.people[who as usize];
        let late = person.random.chance(if BEFORE_CHRISTMAS.contains(&at) { LATE_BEFORE_CHRISTMAS } else { LATE });
        let days = if late { 4 + person.random.below(5) } else { 1 + person.random.below(3) };
        // Carriers come by day; on the promised day that is before the promised hour only if it was ordered late.
        let arrives =
            clock::after_business_days(at, days) / DAY * DAY + 8 * HOUR + i64::from(person.random.below(32_000));
        let arrives = if late { arrives } else { arrives.min(promised - MINUTE).max(at + 12 * HOUR) };
        let asks = late && person.random.chance(0.5);
        let (email, user_id) = (person.email_as_written(), person.user_id.clone());
        let (ordered_at, promised_date) = (clock::iso_local(at), clock::iso_date(promised));
        let total = f64::from(cents) / 100.0;
        let line = format!("O{order:06},{user_id},{email},{ordered_at},{channel},{product},{total:.2},{promised_date}");
        self.write(Table::Orders, at, line);
        self.plan(arrives, who, Task::Delivered { order, promised, ordered: at });
        if asks {
            self.plan(promised + 15 * HOUR, who, Task::Trouble("delivery"));
        }
        format!("O{order:06}")
    }

    pub(super) fn delivered(&mut self, at: Seconds, who: u32, order: u32, promised: Seconds, ordered: Seconds) {
        let late = at > promised;
        self.counts.add("deliveries");
        self.counts.add_if(late, "deliveries, late");
        let person = &mut self.people[who as usize];
        if late {
            person.broken_at = Some(at);
            person.mood -= 0.9;
        } else {
            person.mood += 0.2;
        }
        let carrier = *person.random.pick(&["Blitz", "Schnell & Sohn"]);
        let on_time = if late { "no" } else { "yes" };
        let (promised, delivered) = (clock::iso_date(promised), clock::iso_local(at));
        let line = format!("O{order:06},{},{promised},{delivered},{carrier},{on_time}", person.user_id);
        let asked = person.random.chance(0.3);
        debug_assert!(ordered < at, "nothing is delivered before it is ordered");
        self.write(Table::Deliveries, at, line);
        if asked {
            self.plan(at + DAY, who, Task::Survey("delivery"));
        }
    }

    fn shop_visit(&mut self, at: Seconds, who: u32) {
        let at = self.during_hours(at - 5 * HOUR, who);
        let person = &mut self.people[who as usize];
        let buys = person.random.chance(0.3);
        let (product, cents) = *person.random.pick(&PRODUCTS);
        let row = person.shop_row(at, "Shop Visited", "", None);
        let bought = person.shop_row(at + 20 * MINUTE, "Shop Purchase", product, Some(cents));
        self.write(Table::Shop, at, row);
        if buys {
            self.write(Table::Shop, at + 20 * MINUTE, bought);
        }
    }

    fn log_in(&mut self, visit: &mut Visit) {
        visit.source.known = true;
        self.pause(visit);
        self.segment(visit.table, visit.at, visit.who, &visit.source, &What::Identify);
        self.track(visit, "Signed In", serde_json::json!({}));
    }

    fn track(&mut self, visit: &mut Visit, event: &str, properties: serde_json::Value) {
        self.pause(visit);
        self.segment(visit.table, visit.at, visit.who, &visit.source, &What::Track(event, properties));
    }

    fn pause(&mut self, visit: &mut Visit) {
        visit.at += 1 + whole(self.draw(visit).random.exponential(40.0));
    }

    fn draw(&mut self, visit: &Visit) -> &mut super::Person {
        &mut self.people[visit.who as usize]
    }
}
