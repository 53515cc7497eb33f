//! What only time keeps out, quiet hours and caps that end; and what is asked once more when something is sent.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use engine::deliver::{Answer, Gate, Outbox, Put, Request, Sending, Target, Wire};
use engine::{Engine, Error, Options};
use futures::executor::block_on;
use keep::{Keep, Memory, Post};

use crate::open;
use crate::stories::{Shop, track};
use crate::watched::Watched;

/// Receives everything.
#[derive(Debug, Default)]
struct Receiver(Mutex<usize>);

#[async_trait]
impl Wire for Receiver {
    async fn send(&self, _: &Target, _: &Request<'_>) -> Answer {
        *self.0.lock().expect("nobody panics") += 1;
        Answer::Status { status: 204, retry_after: None, text: String::new() }
    }
}

/// An outbox that asks before it sends, with a target.
fn outbox(shop: &Shop) -> (Outbox, Arc<Receiver>) {
    let (keep, receiver) = (Arc::<Memory>::clone(&shop.keep) as Arc<dyn Keep>, Arc::<Receiver>::default());
    let outbox = Outbox::new(keep, Arc::clone(shop.engine.clock()), Arc::<Receiver>::clone(&receiver));
    let outbox = outbox.asking(Arc::<Engine>::clone(&shop.engine));
    let put = Put { name: "crm".to_owned(), url: "https://crm.example/".to_owned(), allow: Vec::new(), secret: None };
    block_on(outbox.put(put, &[])).expect("memory is there");
    (outbox, receiver)
}

#[test]
fn quiet_hours_and_consent_are_asked_again_when_it_is_sent() {
    let mut shop = shop();
    reopen(&mut shop, &NIGHT.replace("value: 1", "value: 1, purpose: marketing"));
    let says = |shop: &Shop, granted| {
        let said = BTreeMap::from([("marketing".to_owned(), granted)]);
        let _ = block_on(shop.engine.consent("user_id", "u1", &said)).expect("memory is there");
    };
    let (outbox, receiver) = outbox(&shop);
    let sends = |shop: &Shop, at: &str| {
        shop.at(at);
        block_on(outbox.deliver_due()).expect("memory is there");
        std::mem::take(&mut *receiver.0.lock().expect("nobody panics"))
    };
    says(shop.at("2026-03-02T19:00"), true);
    shop.send(&track("Ticket", r#""userId":"u1""#, ""));
    assert_eq!(sends(&shop, "2026-03-02T21:00"), 0, "it is night by now");
    let [waiting] = block_on(outbox.waiting("crm", 10)).expect("memory is there").try_into().expect("one waits");
    let shown = (waiting.attempts, waiting.due_at.as_str(), waiting.why.as_deref());
    assert_eq!(shown, (0, "2026-03-03T08:00:00Z", Some("quiet hours until 2026-03-03T08:00:00Z")));
    assert_eq!(sends(&shop, "2026-03-03T07:59"), 0);
    says(&shop, false);
    assert_eq!(sends(&shop, "2026-03-03T08:00"), 0, "it was decided with consent, which is gone");
    let dead = || block_on(outbox.dead("crm", None, 10)).expect("memory is there");
    assert_eq!((dead()[0].attempts, &*dead()[0].why), (0, "the customer does not consent to `marketing` any more"));
    block_on(outbox.resend_all("crm", &[])).expect("memory is there");
    assert_eq!((sends(&shop, "2026-03-03T09:00"), dead().len()), (0, 1), "whoever sends it again");
    says(&shop, true);
    block_on(outbox.resend_all("crm", &[])).expect("memory is there");
    assert_eq!((sends(&shop, "2026-03-03T10:00"), dead().len()), (1, 0));
    let counts = outbox.counts();
    assert_eq!((counts.postponed, counts.withheld, counts.given_up, counts.delivered), (1, 2, 0, 1));
}

#[test]
fn a_refusal_is_asked_of_whoever_has_the_key_now() {
    let mut shop = shop();
    reopen(&mut shop, &NIGHT.replace("value: 1", "value: 1, purpose: marketing"));
    let (outbox, receiver) = outbox(&shop);
    let said = |granted| BTreeMap::from([("marketing".to_owned(), granted)]);
    let says = |kind, value, granted| block_on(shop.engine.consent(kind, value, &said(granted))).expect("it is kept");
    says("anonymous_id", "a1", true);
    shop.at("2026-03-02T10:00").send(&track("Ticket", r#""anonymousId":"a1""#, ""));
    shop.send(&track("Visit", r#""userId":"u1","anonymousId":"a1""#, ""));
    says("user_id", "u1", false);
    block_on(outbox.deliver_due()).expect("memory is there");
    assert_eq!((*receiver.0.lock().expect("nobody panics"), outbox.counts().withheld), (0, 1));
}

#[test]
fn whoever_becomes_one_with_somebody_while_it_is_asked_consents_still() {
    // Whichever of the two is the one that is both.
    for is_known_first in [true, false] {
        let mut shop = shop();
        let charter = NIGHT.replace("value: 1", "value: 1, purpose: marketing");
        reopen(&mut shop, &charter);
        let (_, receiver) = outbox(&shop);
        let visits = || drop(shop.at("2026-03-02T09:00").send(&track("Visit", r#""userId":"u1""#, "")));
        if !is_known_first {
            visits();
        }
        let says = r#","context":{"consent":{"categoryPreferences":{"marketing":true}}}"#;
        shop.at("2026-03-02T09:00").send(&track("Visit", r#""anonymousId":"a1""#, says));
        if is_known_first {
            visits();
        }
        shop.at("2026-03-02T10:00").send(&track("Ticket", r#""anonymousId":"a1""#, ""));
        let watched = Watched::new(&shop.keep);
        let gate = open(&charter, &watched, &shop.clock, Options { seed: None, node: 2 }).expect("memory is there");
        let keep = Arc::<Memory>::clone(&shop.keep) as Arc<dyn Keep>;
        let outbox = Outbox::new(keep, Arc::clone(shop.engine.clock()), Arc::<Receiver>::clone(&receiver)).asking(gate);
        let engine = Arc::clone(&shop.engine);
        let (keep, clock) = (Arc::clone(&shop.keep), Arc::clone(&shop.clock));
        *watched.meanwhile.0.lock().expect("nobody panics") = Some(Box::new(move || {
            let shop = Shop { engine, keep, clock };
            let joins = move || drop(shop.send(&track("Visit", r#""userId":"u1","anonymousId":"a1""#, "")));
            // Whoever waits on this thread waits already.
            std::thread::spawn(joins).join().expect("memory is there");
        }));
        block_on(outbox.deliver_due()).expect("memory is there");
        assert!(watched.meanwhile.0.lock().expect("nobody panics").is_none(), "it has happened");
        let received = *receiver.0.lock().expect("nobody panics");
        assert_eq!((received, outbox.counts().withheld), (1, 0), "{is_known_first}");
    }
}

/// Does not know whether anything may be sent, as long as this is so.
#[derive(Debug)]
struct Unsure(AtomicBool);

#[async_trait]
impl Gate for Unsure {
    async fn ask(&self, _: &Post, _: i64) -> Result<Sending, Error> {
        if self.0.load(Ordering::Relaxed) { Err(Error::Damaged("a state".to_owned())) } else { Ok(Sending::Now) }
    }
}

#[test]
fn what_may_be_sent_nobody_knows_is_asked_again_ever_later_and_says_so() {
    let shop = shop();
    let (outbox, receiver) = outbox(&shop);
    shop.at("2026-03-02T10:00").send(&track("Ticket", r#""userId":"u1""#, ""));
    let keep = Arc::<Memory>::clone(&shop.keep) as Arc<dyn Keep>;
    let unsure = Outbox::new(keep, Arc::clone(shop.engine.clock()), Arc::<Receiver>::clone(&receiver));
    let gate = Arc::new(Unsure(AtomicBool::new(true)));
    let unsure = unsure.asking(Arc::<Unsure>::clone(&gate));
    let delivers = |outbox: &Outbox| block_on(outbox.deliver_due()).expect("memory is there");
    let due_at = || {
        let waiting = block_on(outbox.waiting("crm", 10)).expect("memory is there").try_into();
        let [waiting]: [engine::deliver::ShownWaiting; 1] = waiting.expect("one waits");
        let why = waiting.why.expect("it is told");
        assert!(why.contains("whether it may be sent") && why.contains("a state"), "{why}");
        assert_eq!(waiting.attempts, 0);
        waiting.due_at
    };
    for due in ["10:00:05", "10:00:15", "10:00:35", "10:01:15", "10:02:35", "10:05:15", "10:10:15", "10:15:15"] {
        delivers(&unsure);
        assert_eq!(due_at(), format!("2026-03-02T{due}Z"));
        delivers(&outbox);
        assert_eq!(*receiver.0.lock().expect("nobody panics"), 0);
        shop.at(&format!("2026-03-02T{due}"));
    }
    gate.0.store(false, Ordering::Relaxed);
    delivers(&unsure);
    assert_eq!(*receiver.0.lock().expect("nobody panics"), 1);
}

/// A mail that nobody gets at night, and once in two weeks.
const NIGHT: &str = "\
charter: 1
timezone: UTC
actions:
  mail: {when: event = 'Ticket', cap: {per: 14d, times: 1}, quiet: \"20:00-08:00\", value: 1, deliver: {webhook: crm}}
";

fn shop() -> Shop {
    let mut shop = Shop::new();
    reopen(&mut shop, NIGHT);
    shop
}

fn reopen(shop: &mut Shop, charter: &str) {
    shop.engine = open(charter, &shop.keep, &shop.clock, Options::default()).expect("memory is there");
}

fn wakes_at(shop: &Shop) -> Option<String> {
    shop.customer("user_id", "u1").expect("known").wakes_at
}

#[test]
fn what_happens_at_night_is_acted_on_in_the_morning_and_what_a_cap_kept_out_when_it_ends() {
    let shop = shop();
    let ticket = track("Ticket", r#""userId":"u1""#, "");
    shop.at("2026-03-02T21:00").send(&[ticket.as_str(), ticket.as_str()].join(","));
    assert_eq!((shop.deliveries("crm").len(), wakes_at(&shop).as_deref()), (0, Some("2026-03-03T08:00:00Z")));
    let shown = shop.customer("user_id", "u1").expect("known");
    let postponed = shown.timeline.iter().filter(|happened| happened.kind == "postponed");
    let postponed: Vec<_> = postponed.map(|happened| happened.what.get()).collect();
    assert_eq!(postponed.len(), 1, "both wait for the same hour: {postponed:?}");
    assert!(postponed[0].contains(r#""action":"mail","fell_out":"quiet""#), "{postponed:?}");
    shop.is_its_replay();
    assert_eq!(shop.at("2026-03-03T07:59:59").wake(), 0);
    assert_eq!(shop.at("2026-03-03T08:00").wake(), 1);
    assert_eq!((shop.deliveries("crm").len(), wakes_at(&shop)), (1, None));
    shop.is_its_replay();

    shop.at("2026-03-04T10:00").send(&ticket);
    assert_eq!(wakes_at(&shop).as_deref(), Some("2026-03-17T08:00:00.000001Z"));
    shop.at("2026-03-17T08:00:01").wake();
    assert_eq!(shop.deliveries("crm").len(), 2);
    shop.at("2026-04-17T08:00:01").wake();
    assert_eq!(shop.deliveries("crm").len(), 2, "once for what happened");
    shop.is_its_replay();
}

#[test]
fn nothing_that_waits_is_lost_when_a_charter_changes_or_somebody_comes_first() {
    let visits =
        |shop: &Shop, more: &str| drop(shop.send(&track("Visit", r#""anonymousId":"a1","userId":"u1""#, more)));
    let comes = |shop: &Shop| visits(shop, "");
    let agrees = |shop: &Shop| {
        let other = BTreeMap::from([("news".to_owned(), true)]);
        let _ = block_on(shop.engine.consent("user_id", "u1", &other)).expect("memory is there");
    };
    // Who asks everybody for consent says it with every message.
    let says = |said: &'static str| {
        let says = format!(r#","context":{{"consent":{{"categoryPreferences":{{{said}}}}}}}"#);
        move |shop: &Shop| visits(shop, &says)
    };
    let refuses = says(r#""mail":false"#);
    let (repeats, repeats_more) = (says(r#""mail":true"#), says(r#""ads":true,"mail":true,"news":false"#));
    // It was buffered, and nobody refuses it any more.
    let refused = |shop: &Shop| {
        let says =
            r#","context":{"consent":{"categoryPreferences":{"mail":false}}},"timestamp":"2026-03-02T20:00:00Z""#;
        visits(shop, says);
    };
    for (first, deliveries) in
        [(&comes as &dyn Fn(&Shop), 1), (&agrees, 1), (&repeats, 1), (&repeats_more, 1), (&refused, 1), (&refuses, 0)]
    {
        let mut shop = shop();
        let wanted = BTreeMap::from([("mail".to_owned(), true)]);
        let _ =
            block_on(shop.at("2026-03-02T20:59").engine.consent("user_id", "u1", &wanted)).expect("memory is there");
        reopen(&mut shop, &NIGHT.replace("value: 1", "value: 1, purpose: mail"));
        shop.at("2026-03-02T21:00").send(&track("Ticket", r#""userId":"u1""#, ""));
        reopen(&mut shop, &NIGHT.replace("value: 1", "value: 2, purpose: mail"));
        first(shop.at("2026-03-03T09:00"));
        assert_eq!(shop.deliveries("crm").len(), deliveries, "it was due before somebody came");
        shop.is_its_replay();
    }
}

#[test]
fn what_is_said_about_another_purpose_for_the_first_time_or_anew_loses_nothing_that_waits() {
    let letter = "  letter: {when: event = 'Order', purpose: news, value: 1, deliver: {webhook: crm}}\n";
    for (before, now) in [(None, true), (None, false), (Some(true), false), (Some(false), true)] {
        let mut shop = shop();
        reopen(&mut shop, &format!("{NIGHT}{letter}"));
        if let Some(granted) = before {
            let said = BTreeMap::from([("news".to_owned(), granted)]);
            let said = block_on(shop.at("2026-03-02T20:00").engine.consent("user_id", "u1", &said));
            assert!(said.is_ok());
        }
        shop.at("2026-03-02T21:00").send(&track("Ticket", r#""userId":"u1""#, ""));
        // With the first page after it was asked for.
        let says = format!(r#","context":{{"consent":{{"categoryPreferences":{{"news":{now}}}}}}}"#);
        shop.at("2026-03-03T09:00").send(&track("Visit", r#""userId":"u1""#, &says));
        assert_eq!(shop.deliveries("crm").len(), 1, "the mail needs no consent: {before:?}, {now}");
        shop.is_its_replay();
    }
}

/// Two things that nobody gets at night, for two reasons, each once a year.
fn two(quiet_of_b: &str) -> Shop {
    let mut shop = Shop::new();
    let charter = format!(
        "charter: 1\ntimezone: UTC\nmoments: {{visit: {{when: event = 'Visit'}}, ticket: {{when: event = 'Ticket'}}}}\n\
         features: {{visits: {{count: visit}}, tickets: {{count: ticket}}}}\nactions:\n  \
         a: {{when: tickets >= 1, quiet: \"20:00-08:00\", cap: {{per: 365d, times: 1}}, value: 1, deliver: {{webhook: crm}}}}\n  \
         b: {{when: visits >= 1, quiet: \"{quiet_of_b}\", cap: {{per: 365d, times: 1}}, value: 2, deliver: {{webhook: crm}}}}\n"
    );
    reopen(&mut shop, &charter);
    shop.at("2026-03-02T21:00").send(&track("Ticket", r#""userId":"u1""#, ""));
    for minute in 5..9 {
        shop.at(&format!("2026-03-02T21:0{minute}")).send(&track("Visit", r#""userId":"u1""#, ""));
    }
    shop.is_its_replay();
    shop
}

#[test]
fn what_waits_for_the_morning_keeps_nothing_else_from_waiting() {
    let sent = |shop: &Shop| {
        while shop.wake() > 0 {}
        shop.is_its_replay();
        shop.deliveries("crm").len()
    };
    let shop = two("20:00-09:00");
    assert_eq!((sent(shop.at("2026-03-03T08:00")), sent(shop.at("2026-03-03T09:00"))), (1, 2));
    assert_eq!(sent(shop.at("2027-06-03T09:00")), 2, "the others do not wait for a year");
    // Nobody was there in the morning.
    assert_eq!(sent(two("20:00-09:00").at("2026-03-03T10:00")), 2);
    assert_eq!(sent(two("20:00-08:00").at("2026-03-03T08:00")), 2, "both are let in at once");
}

/// Actions for whoever has been here, of each of which more is told, and what else there is in the charter.
fn for_visitors(actions: &[&str], others: &str, caps: &str) -> Shop {
    let told = actions.iter().enumerate();
    let told =
        told.map(|(n, more)| format!("  a{n}: {{when: visits >= 1, {more}value: 1, deliver: {{webhook: crm}}}}\n"));
    let mut shop = Shop::new();
    let charter = format!(
        "charter: 1\ntimezone: UTC\nmoments: {{visit: {{when: event = 'Visit'}}, ticket: {{when: event = 'Ticket'}}}}\n\
         features: {{visits: {{count: visit}}}}\n{caps}actions:\n{}{others}",
        told.collect::<String>()
    );
    reopen(&mut shop, &charter);
    shop
}

/// Somebody comes every minute, so many times.
fn comes(shop: &Shop, times: usize) {
    for minute in 0..times {
        shop.at(&format!("2026-03-02T10:{minute:02}")).send(&track("Visit", r#""userId":"u1""#, ""));
    }
    shop.is_its_replay();
}

fn all_sent(shop: &Shop) -> usize {
    while shop.wake() > 0 {}
    shop.is_its_replay();
    shop.deliveries("crm").len()
}

#[test]
fn of_all_that_one_cap_keeps_out_one_is_done_when_it_ends() {
    let (a_day, by_mail, by_text) = ("cap: {per: 1d, times: 1}, ", "channel: email, ", "channel: sms, ");
    let all = "caps: [{per: 1d, times: 1}]\n";
    let mails_and_all = "caps: [{per: 1d, times: 1, channel: email}, {per: 1d, times: 1}]\n";
    for (actions, caps, deliveries) in [
        ([""; 3], all, 2),
        // Another cap besides, its own or of its channel, does not change that.
        ([a_day, "", ""], all, 2),
        ([by_mail, by_text, by_mail], mails_and_all, 2),
        // Each may be done when its own ends.
        ([a_day; 3], "", 6),
    ] {
        let shop = for_visitors(&actions, "", caps);
        comes(&shop, 7);
        let sent = (3..=12).map(|day| all_sent(shop.at(&format!("2026-03-{day:02}T12:00"))));
        let sent: Vec<usize> = sent.collect();
        assert_eq!(sent.last(), Some(&deliveries), "{caps}{actions:?}");
    }
}

#[test]
fn as_many_wait_for_the_end_of_a_cap_as_it_lets_in_at_once() {
    // What is done on a Saturday counts from Monday morning.
    for (times, last) in [(2, "T15:00"), (3, "T15:59")] {
        let shop = for_visitors(&["", ""], "", &format!("caps: [{{per: 3bd, times: {times}}}]\n"));
        let visits = |at: &str| drop(shop.at(&format!("2026-03-07{at}")).send(&track("Visit", r#""userId":"u1""#, "")));
        for at in ["T12:00", "T13:00", last] {
            visits(at);
        }
        assert_eq!(shop.deliveries("crm").len(), times);
        for minute in 0..9 {
            visits(&format!("T16:{minute:02}"));
        }
        shop.is_its_replay();
        assert_eq!(all_sent(shop.at("2026-03-10T12:00")), times);
        // No more than there are actions: each may be done once at that moment.
        assert_eq!(all_sent(shop.at("2026-03-12T12:00")), times + 2, "{times}");
        assert_eq!(all_sent(shop.at("2026-05-12T12:00")), times + 2, "the others wait for nothing");
    }
}

#[test]
fn what_waits_for_a_month_keeps_nothing_from_waiting_for_the_morning() {
    let calls = |count: usize| {
        let call = |n| {
            format!(
                "  c{n}: {{when: event = 'Ticket', quiet: \"20:00-08:00\", cap: {{per: 365d, times: 1}}, value: 9, \
                 deliver: {{webhook: crm}}}}\n"
            )
        };
        (0..count).map(call).collect::<String>()
    };
    for (count, tickets, sent) in [(1, 2, 1), (20, 40, 16)] {
        let shop = for_visitors(&["cap: {per: 30d, times: 1}, "; 16], &calls(count), "");
        comes(&shop, 40);
        assert_eq!(shop.deliveries("crm").len(), 16);
        for minute in 10..10 + tickets {
            shop.at(&format!("2026-03-02T21:{minute}")).send(&track("Ticket", r#""userId":"u1""#, ""));
        }
        shop.is_its_replay();
        assert_eq!(all_sent(shop.at("2026-03-03T08:00")), 16 + sent);
        assert_eq!(all_sent(shop.at("2026-04-03T08:00")), 32 + sent);
    }
}
