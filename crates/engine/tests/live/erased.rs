//! Who is erased: all that is theirs is gone, whatever number it was filed under, and all that is of others is there.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use engine::Options;
use futures::executor::block_on;
use keep::{Erased, Keep};

use crate::open;
use crate::stories::{SHOP, Shop, track};
use crate::watched::Watched;

fn visit(ids: &str) -> String {
    track("Visit", ids, "")
}

impl Shop {
    fn erase(&self, kind: &str, value: &str) -> Erased {
        let keys = [(kind.to_owned(), value.to_owned())];
        let forgotten = block_on(self.engine.erase(&keys)).expect("memory is there");
        self.is_its_replay();
        forgotten.erased
    }

    fn events_of(&self, kind: &str, value: &str) -> u64 {
        self.customer(kind, value).expect("known").events
    }

    /// Builds all states anew: by the charter in other words, and by a promise of another length.
    fn read_all_again(&mut self) {
        let (_go, stop) = tokio::sync::watch::channel(false);
        let patient = SHOP.replace("within: 2d", "within: 30d");
        for charter in [patient.as_str(), SHOP] {
            self.engine = open(charter, &self.keep, &self.clock, Options::default()).expect("memory is there");
            for (kind, value) in [("user_id", "u1"), ("anonymous_id", "a1"), ("anonymous_id", "a2")] {
                self.customer(kind, value);
            }
            block_on(self.engine.follow(&stop)).expect("memory is there");
            self.is_its_replay();
        }
    }

    /// Whether a word occurs in the log or in a post.
    fn holds(&self, word: &str) -> bool {
        let log = block_on(self.keep.log(0, 1_000)).expect("memory is there");
        let is_in = |bytes: &[u8]| bytes.windows(word.len()).any(|window| window == word.as_bytes());
        log.iter().any(|logged| is_in(&logged.bytes))
            || ["crm", "mail"].iter().any(|target| self.deliveries(target).iter().any(|post| is_in(post.as_bytes())))
    }
}

#[test]
fn who_is_erased_leaves_nothing() {
    let shop = Shop::new();
    shop.send(&track("Order", r#""userId":"u1","anonymousId":"a1""#, ""));
    shop.send(&track("Order", r#""userId":"u2""#, ""));
    shop.send(r#"{"type":"track","userId":"u1"}"#);
    let erased = shop.erase("anonymous_id", "a1");
    assert_eq!(
        (erased.states, erased.timers, erased.keys.len(), erased.links, erased.entries),
        (2, 1, 2, 1, 2),
        "with the place where the device was"
    );
    assert!(shop.customer("user_id", "u1").is_none() && shop.customer("user_id", "u2").is_some());
    assert!(block_on(shop.engine.refused(None, 10)).expect("the log can be read").is_empty());
    let compared = block_on(shop.engine.compare_with_log()).expect("memory is there");
    assert_eq!((compared.entries, compared.customers), (1, 1), "what was erased is no entry");
}

#[test]
fn what_came_by_a_device_before_it_was_known_whose_it_is_goes_with_its_owner() {
    let shop = Shop::new();
    let ticket = |ids: &str| track("Ticket", ids, r#","context":{"consent":{"categoryPreferences":{"service":true}}}"#);
    shop.send(&[visit(r#""userId":"u1""#), visit(r#""userId":"u9""#)].join(","));
    let before = [ticket(r#""anonymousId":"device""#), ticket(r#""userId":"u9""#), ticket(r#""anonymousId":"device""#)];
    shop.send(&before.join(","));
    assert_eq!(shop.deliveries("crm").len(), 1, "the device has had trouble twice");
    shop.send(r#"{"type":"identify","userId":"u1","anonymousId":"device"}"#);
    assert!(shop.holds("device") && shop.events_of("user_id", "u1") == 3);
    let erased = shop.erase("user_id", "u1");
    assert_eq!((erased.keys.len(), erased.links, erased.deliveries), (2, 1, 1));
    assert!(!shop.holds("device") && !shop.holds("u1"));
    assert_eq!(block_on(shop.keep.states(0, None, 9)).expect("memory is there").len(), 1);
    let messages = block_on(shop.engine.messages(&|_| true, None, 10)).expect("the log can be read");
    assert_eq!(messages.len(), 2, "those of another one are there");
    assert_eq!(shop.events_of("user_id", "u9"), 2);
    // Who comes again is new.
    shop.send(&visit(r#""userId":"u1","anonymousId":"device""#));
    assert_eq!(shop.events_of("user_id", "u1"), 1);
    shop.is_its_replay();
}

#[test]
fn what_came_by_a_device_that_was_taken_from_somebody_stays() {
    let mut shop = Shop::new();
    shop.send(&visit(r#""userId":"u1","anonymousId":"a1""#));
    shop.send(&[track("Order", r#""anonymousId":"a1""#, ""), visit(r#""userId":"u1""#)].join(","));
    assert!(block_on(shop.engine.unlink(("user_id", "u1"), ("anonymous_id", "a1"), &[])).expect("both are known"));
    let erased = shop.erase("user_id", "u1");
    // With the word that was said of both.
    assert_eq!((erased.keys.len(), erased.entries), (1, 3));
    assert!(!shop.holds("u1") && shop.holds("a1"));
    assert_eq!(shop.events_of("anonymous_id", "a1"), 1);
    assert_eq!(shop.customer("anonymous_id", "a1").expect("known").timeline.len(), 1);
    shop.read_all_again();
    assert_eq!(shop.events_of("anonymous_id", "a1"), 1);
    shop.erase("anonymous_id", "a1");
    assert!(!shop.holds("a1"));
}

#[test]
fn what_was_said_of_others_stays() {
    let shop = Shop::new();
    shop.send(&["u1", "u2", "u3"].map(|user| visit(&format!(r#""userId":"{user}""#))).join(","));
    for (a, b) in [("u1", "u2"), ("u2", "u3")] {
        assert!(block_on(shop.engine.link(("user_id", a), ("user_id", b), &[])).expect("both are known"));
        assert!(block_on(shop.engine.unlink(("user_id", a), ("user_id", b), &[])).expect("both are known"));
    }
    let erased = shop.erase("user_id", "u1");
    assert_eq!(erased.entries, 3, "a visit and two words");
    assert!(!shop.holds("u1") && shop.holds("u2") && shop.holds("u3"));
    let log = block_on(shop.keep.log(0, 100)).expect("memory is there");
    assert_eq!(log.iter().filter(|logged| logged.customer.0 < 0 && !logged.erased).count(), 2, "words of others");
}

#[test]
fn who_was_one_with_somebody_through_a_third_is_not_taken_for_them() {
    for gone in ["u1", "a1", "a2"] {
        let mut shop = Shop::new();
        let order = |ids: &str| track("Order", ids, "");
        shop.send(&visit(r#""userId":"u1","anonymousId":"a1""#));
        shop.send(&visit(r#""anonymousId":"a2""#));
        assert!(
            block_on(shop.engine.link(("anonymous_id", "a1"), ("anonymous_id", "a2"), &[])).expect("both are known")
        );
        // All three are one, and filed under one number.
        shop.send(&[order(r#""anonymousId":"a2""#), order(r#""anonymousId":"a1""#)].join(","));
        for (a, b) in [(("user_id", "u1"), ("anonymous_id", "a1")), (("anonymous_id", "a1"), ("anonymous_id", "a2"))] {
            assert!(block_on(shop.engine.unlink(a, b, &[])).expect("both are known"));
            shop.is_its_replay();
            shop.read_all_again();
        }
        let kind = |value: &str| if value == "u1" { "user_id" } else { "anonymous_id" };
        shop.erase(kind(gone), gone);
        for (value, events) in [("u1", 1), ("a1", 1), ("a2", 2)] {
            let found = shop.customer(kind(value), value).map(|shown| shown.events);
            assert_eq!(found, (value != gone).then_some(events), "{value}, once {gone} is erased");
        }
        shop.read_all_again();
        for value in ["u1", "a1", "a2"].into_iter().filter(|value| *value != gone) {
            shop.erase(kind(value), value);
        }
        let log = block_on(shop.keep.log(0, 100)).expect("memory is there");
        assert!(log.iter().all(|logged| logged.erased));
    }
}

#[test]
fn a_device_that_too_many_used_is_the_last_ones_when_the_others_are_erased() {
    let shop = Shop::new();
    let users = ["u1", "u2", "u3", "u4", "u5"];
    for (minute, user) in users.iter().enumerate() {
        shop.at(&format!("2026-03-02T09:0{minute}"));
        shop.send(&visit(&format!(r#""userId":"{user}","anonymousId":"kiosk""#)));
        shop.send(&track("Order", r#""anonymousId":"kiosk""#, ""));
    }
    let customer = |value: &str| shop.customer("user_id", value).expect("known").customer;
    let kiosk = || shop.customer("anonymous_id", "kiosk").map(|shown| shown.customer);
    for gone in ["u3", "u1", "u5", "u4"] {
        assert_ne!(kiosk(), Some(customer("u2")));
        shop.erase("user_id", gone);
        assert!(!shop.holds(&format!("\"{gone}\"")), "{gone}");
    }
    assert_eq!(kiosk(), Some(customer("u2")));
    assert_eq!(shop.events_of("user_id", "u2"), 6);
}

#[test]
fn who_becomes_one_with_somebody_while_being_erased_goes_with_them() {
    // The one who is both is named by the oldest key. Before the log is rewritten, and before what is known of them goes.
    for (is_device_older, time) in [(true, 0), (false, 0), (true, 1), (false, 1)] {
        let shop = Shop::new();
        let device = || drop(shop.send(&visit(r#""anonymousId":"a9""#)));
        if is_device_older {
            device();
        }
        shop.send(&visit(r#""userId":"u1","anonymousId":"a1""#));
        if !is_device_older {
            device();
        }
        shop.send(&visit(r#""userId":"u2""#));
        let watched = Watched::new(&shop.keep);
        let eraser = open(SHOP, &watched, &shop.clock, Options { seed: None, node: 2 }).expect("memory is there");
        let node =
            Shop { engine: Arc::clone(&shop.engine), keep: Arc::clone(&shop.keep), clock: Arc::clone(&shop.clock) };
        watched.erasing.store(time, Ordering::Relaxed);
        *watched.before_erasing.0.lock().expect("nobody panics") = Some(Box::new(move || {
            let logs_in = r#"{"type":"identify","userId":"u1","anonymousId":"a9"},{"type":"track","userId":"u1"}"#;
            // Whoever waits on this thread waits already.
            std::thread::spawn(move || drop(node.send(logs_in))).join().expect("memory is there");
        }));
        let erased = block_on(eraser.erase(&[("user_id".to_owned(), "u1".to_owned())])).expect("memory is there");
        assert!(watched.before_erasing.0.lock().expect("nobody panics").is_none(), "it has happened");
        for (kind, value) in [("user_id", "u1"), ("anonymous_id", "a1"), ("anonymous_id", "a9")] {
            assert!(shop.customer(kind, value).is_none(), "{value}: {erased:?}");
            assert!(erased.keys.contains(&(kind.to_owned(), value.to_owned())), "{value}: {erased:?}");
            assert!(!shop.holds(value), "{value} at {time}");
        }
        assert_eq!(block_on(shop.keep.states(0, None, 9)).expect("memory is there").len(), 1, "that of u2");
        assert_eq!(shop.events_of("user_id", "u2"), 1);
        shop.is_its_replay();
    }
}

#[test]
fn whose_key_becomes_somebody_elses_while_being_erased_takes_nobody_along() {
    // The earlier evidence counts, and it may come in before the log is rewritten, or before what is known of them goes. The one
    // who has the key then is named by the oldest key.
    let logs_in = |user: &str, at: &str| {
        track("Visit", &format!(r#""userId":"{user}","anonymousId":"a9""#), &format!(r#","timestamp":"{at}""#))
    };
    for (is_other_older, time) in [(true, 0), (false, 0), (true, 1), (false, 1)] {
        let unique = SHOP.replace("anonymous_id: {limit: 3}", "anonymous_id: {unique: true}");
        let mut shop = Shop::new();
        shop.engine = open(&unique, &shop.keep, &shop.clock, Options::default()).expect("memory is there");
        let other = || drop(shop.send(&visit(r#""userId":"u2""#)));
        if is_other_older {
            other();
        }
        shop.send(&logs_in("u1", "2026-03-02T08:00:00Z"));
        // It is u1's when the erasure begins.
        shop.send(&visit(r#""anonymousId":"a9""#));
        if !is_other_older {
            other();
        }
        let watched = Watched::new(&shop.keep);
        let eraser = open(&unique, &watched, &shop.clock, Options { seed: None, node: 2 }).expect("memory is there");
        let node =
            Shop { engine: Arc::clone(&shop.engine), keep: Arc::clone(&shop.keep), clock: Arc::clone(&shop.clock) };
        watched.erasing.store(time, Ordering::Relaxed);
        let earlier = logs_in("u2", "2026-03-02T07:00:00Z");
        *watched.before_erasing.0.lock().expect("nobody panics") = Some(Box::new(move || {
            std::thread::spawn(move || drop(node.send(&earlier))).join().expect("memory is there");
        }));
        let erased = block_on(eraser.erase(&[("user_id".to_owned(), "u1".to_owned())])).expect("memory is there");
        assert!(watched.before_erasing.0.lock().expect("nobody panics").is_none(), "it has happened");
        assert_eq!(erased.keys, [("user_id".to_owned(), "u1".to_owned())].into(), "{time}");
        assert!(shop.customer("user_id", "u1").is_none() && !shop.holds("\"u1\""), "{time}");
        assert_eq!(shop.events_of("user_id", "u2"), 2, "{time}: the visit and the one with the device");
        assert_eq!(shop.events_of("anonymous_id", "a9"), 2);
        shop.is_its_replay();
    }
}

#[test]
fn what_was_said_of_a_key_as_it_was_written_once_goes_too() {
    let mut shop = Shop::new();
    shop.engine = open(&SHOP.replace("normalise: email, ", ""), &shop.keep, &shop.clock, Options::default())
        .expect("memory is there");
    let mails =
        |user: &str, mail: &str| format!(r#"{{"type":"identify","userId":"{user}","traits":{{"email":"{mail}"}}}}"#);
    shop.send(&mails("u7", "Ann@X.org"));
    assert!(block_on(shop.engine.unlink(("user_id", "u7"), ("email", "Ann@X.org"), &[])).expect("both are known"));
    shop.engine = open(SHOP, &shop.keep, &shop.clock, Options::default()).expect("memory is there");
    let (_go, stop) = tokio::sync::watch::channel(false);
    block_on(shop.engine.follow(&stop)).expect("memory is there");
    shop.at("2026-03-02T10:00").send(&mails("u8", "ann@x.org"));
    shop.erase("user_id", "u8");
    let log = block_on(shop.keep.log(0, 100)).expect("memory is there");
    assert_eq!(log.iter().filter(|logged| logged.customer.0 < 0 && !logged.erased).count(), 0, "words of them");
    assert!(shop.customer("user_id", "u7").is_some());
}

#[test]
fn a_key_as_it_was_written_once_is_erased_by_what_it_was() {
    let once = SHOP.replace("normalise: email, ", "");
    let names_nobody = SHOP.replace("normalise: email, ", "normalise: phone, ");
    let visit = |device: &str, email: &str| {
        let traits = format!(r#","context":{{"traits":{{"email":"{email}"}}}}"#);
        track("Visit", &format!(r#""anonymousId":"{device}""#), &traits)
    };
    let (_go, stop) = tokio::sync::watch::channel(false);
    for now in [SHOP, &names_nobody] {
        let mut shop = Shop::new();
        shop.engine = open(&once, &shop.keep, &shop.clock, Options::default()).expect("memory is there");
        shop.send(&visit("a1", "Ann@X.org"));
        shop.engine = open(now, &shop.keep, &shop.clock, Options::default()).expect("memory is there");
        block_on(shop.engine.follow(&stop)).expect("memory is there");
        if now == SHOP {
            // Whoever is known by it now is not who was known by what it was.
            shop.at("2026-03-02T10:00").send(&visit("a2", "ann@x.org"));
            assert_eq!(shop.erase("email", "Ann@X.org").keys.len(), 2);
            assert!(shop.holds("Ann@X.org") && !shop.holds("ann@x.org"));
        }
        let erased = shop.erase("email", "Ann@X.org");
        assert_eq!((erased.keys.len(), erased.entries), (2, 1));
        assert!(!shop.holds("Ann@X.org"));
    }
}

#[test]
fn a_mistyped_key_takes_no_refused_messages_along_but_those_in_which_it_stands() {
    let shop = Shop::new();
    let refuse = |ids: &str| shop.send(&format!(r#"{{"type":"track",{ids}}}"#));
    for ids in [r#""userId":"U-17""#, r#""userId":"u18","traits":{"phone":"+49 30 123456"}"#, r#""userId":"u\u00e919""#]
    {
        refuse(ids);
    }
    let refused = || block_on(shop.engine.refused(None, 10)).expect("the log can be read").len();
    assert_eq!((shop.erase("user_id", "u16").entries, refused()), (0, 3));
    assert_eq!((shop.erase("user_id", "u-17").entries, refused()), (1, 2));
    assert_eq!((shop.erase("phone", "+4930123456").entries, refused()), (1, 1));
    assert_eq!((shop.erase("user_id", "ué19").entries, refused()), (1, 0));
    // Of somebody who is known nobody knows which are theirs.
    shop.send(&visit(r#""userId":"u1""#));
    refuse(r#""userId":"u18""#);
    assert_eq!((shop.erase("user_id", "u1").entries, refused()), (2, 0));
}
