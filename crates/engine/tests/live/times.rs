//! Times that are seldom: clocks that change, days that are left out or put in, events of 1970 and of 2100.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use engine::{Engine, Options, ShownExpectations, Took};
use event::Timestamp;
use futures::executor::block_on;
use jiff::tz::TimeZone;
use keep::Memory;
use listen::intake::{Body, Endpoint, Received};

use crate::{Told, open};

struct Shop {
    engine: Arc<Engine>,
    clock: Arc<Told>,
    zone: TimeZone,
}

impl Shop {
    /// A shop in this time zone, at this time there, that promises a delivery within this span.
    fn new(zone: &str, now: &str, within: &str) -> Self {
        let charter = format!(
            "charter: 1\ntimezone: {zone}\nstages: {{use: {{}}}}\nmoments:\n  order: {{stage: use, when: event = 'Order'}}\n  \
             delivered: {{stage: use, when: event = 'Delivered'}}\nexpectations:\n  delivery: {{after: order, promise: \
             delivered, within: {within}}}\n"
        );
        let zone = TimeZone::get(zone).expect("bundled");
        let clock = Arc::new(Told(AtomicI64::new(0)));
        let keep = Arc::new(Memory::new(keep::limits::MESSAGES_KNOWN_US));
        let engine = open(&charter, &keep, &clock, Options::default()).expect("memory is there");
        let shop = Self { engine, clock, zone };
        shop.set(shop.us(now));
        shop
    }

    fn us(&self, text: &str) -> i64 {
        Timestamp::parse(text, &self.zone).expect("a time").as_micros()
    }

    fn set(&self, us: i64) {
        self.clock.0.store(us, Ordering::Relaxed);
    }

    fn send(&self, event: &str, more: &str) -> Took {
        let body = format!(r#"{{"batch":[{{"type":"track","event":"{event}","userId":"ann"{more}}}]}}"#);
        let body = Body::parse(body.as_bytes(), Endpoint::Batch).expect("a body");
        let mut inbox = self.engine.inbox();
        let received = Received { at: inbox.received(), source: None, peer: None };
        body.read(&received, &mut inbox).expect("nobody stops it");
        block_on(self.engine.take(inbox)).expect("memory takes it").remove(0)
    }

    fn promise(&self) -> ShownExpectations {
        let shown = block_on(self.engine.customer("user_id", "ann")).expect("memory is there").expect("she is known");
        shown.expectations.into_iter().next().expect("it is in the charter")
    }

    fn is_its_replay(&self) {
        let compared = block_on(self.engine.compare_with_log()).expect("memory is there");
        assert_eq!(compared.differing, [0; 0]);
    }
}

/// What was promised in this zone at `from` is broken at `due`, and not before.
fn check(zone: &str, within: &str, from: &str, due: &str) {
    let shop = Shop::new(zone, from, within);
    assert_eq!(shop.send("Order", ""), Took::Stored);
    let due_us = shop.us(due);
    for (at_us, broken) in [(due_us - 1, 0), (due_us, 1)] {
        shop.set(at_us);
        while block_on(shop.engine.wake_some()).expect("memory is there") > 0 {}
        let promise = shop.promise();
        assert_eq!((promise.pending, promise.broken), (1 - broken, broken), "{zone} {within} from {from} at {at_us}");
    }
    // Late, and it un-breaks the promise.
    assert_eq!(shop.send("Delivered", &format!(r#","timestamp":"{}""#, Timestamp::from_micros(due_us))), Took::Stored);
    assert_eq!((shop.promise().kept, shop.promise().broken), (1, 0), "{zone} {within} from {from}");
    shop.is_its_replay();
}

#[test]
fn promises_end_when_they_should_where_clocks_change() {
    // Cairo: from 24:00 of 23 April 2026 an hour forward, from 24:00 of 29 October an hour back.
    check("Africa/Cairo", "1bd", "2026-04-23T09:00", "2026-04-24T09:00+03:00");
    check("Africa/Cairo", "24h", "2026-04-23T09:00", "2026-04-24T10:00+03:00");
    check("Africa/Cairo", "24h", "2026-10-29T09:00", "2026-10-30T08:00+02:00");
    // Midnight does not exist: the day begins at 1:00.
    check("Africa/Cairo", "1bd", "2026-04-23T00:00", "2026-04-24T01:00+03:00");
    // Lord Howe: half an hour back on 5 April 2026, a Sunday; half an hour forward on 4 October.
    check("Australia/Lord_Howe", "1bd", "2026-04-03T09:00", "2026-04-06T09:00+10:30");
    check("Australia/Lord_Howe", "2d", "2026-04-04T09:00", "2026-04-06T08:30+10:30");
    check("Australia/Lord_Howe", "1d", "2026-10-03T09:00", "2026-10-04T09:30+11:00");
    // Samoa left out Friday, 30 December 2011: elapsed time does not care.
    check("Pacific/Apia", "1d", "2011-12-29T09:00", "2011-12-31T09:00+14:00");
}

#[test]
fn promises_go_over_leap_days_and_where_there_is_none() {
    check("UTC", "1d", "2028-02-28T09:00", "2028-02-29T09:00");
    check("UTC", "2bd", "2028-02-28T09:00", "2028-03-01T09:00");
    check("UTC", "1d", "2100-02-28T09:00", "2100-03-01T09:00");
    check("UTC", "1bd", "2100-02-26T09:00", "2100-03-01T09:00");
    check("UTC", "1d", "1970-01-01T00:00", "1970-01-02T00:00");
}

#[test]
fn events_of_1970_and_of_2100_fall_into_their_places() {
    let shop = Shop::new("UTC", "2026-03-02T09:00", "2d");
    assert_eq!(shop.send("Order", ""), Took::Stored);
    assert_eq!(shop.send("Order", r#","timestamp":"1970-01-01T00:00:00Z""#), Took::Stored);
    // What is said to be of 2100 is of when it came.
    assert_eq!(shop.send("Order", r#","timestamp":"2100-01-01T00:00:00Z""#), Took::Stored);
    assert_eq!((shop.promise().pending, shop.promise().broken), (2, 1), "that of 1970 was broken long ago");
    shop.set(shop.us("2026-03-05T09:00"));
    while block_on(shop.engine.wake_some()).expect("memory is there") > 0 {}
    assert_eq!((shop.promise().pending, shop.promise().broken), (0, 3));
    assert_eq!(shop.send("Delivered", r#","timestamp":"1970-01-01T00:00:01Z""#), Took::Stored);
    assert_eq!((shop.promise().kept, shop.promise().broken), (1, 2));
    shop.is_its_replay();
}
