//! Small stories: messages as senders write them, and what is known of customers afterwards.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use engine::{Ask, Engine, Inbox, Occasion, Options, Shown, Took};
use event::Timestamp;
use futures::executor::block_on;
use keep::{Keep, Memory, Take};
use listen::intake::{Body, Endpoint, Received};

use crate::{Told, open};

pub(crate) const SHOP: &str = "\
charter: 1
timezone: UTC
keys:
  user_id:      {unique: true, priority: 1}
  email:        {from: traits.email, normalise: email, limit: 3}
  anonymous_id: {limit: 3}
stages: {choice: {}, use: {}}
moments:
  visit:     {stage: choice, when: event = 'Visit'}
  order:     {stage: use, when: event = 'Order'}
  delivered: {stage: use, when: event = 'Delivered'}
  ticket:    {stage: use, when: event = 'Ticket'}
expectations:
  delivery: {after: order, promise: delivered, within: 2d}
features:
  visits:     {count: visit}
  tickets_7d: {count: ticket, within: 7d}
  broken:     {broken: delivery}
actions:
  call:   {when: tickets_7d >= 2, purpose: service, cap: {per: 14d, times: 1}, value: 5, deliver: {webhook: crm}}
  sorry:  {when: broken >= 1, cap: {per: 14d, times: 1}, value: 3, deliver: {webhook: mail}}
  banner: {when: visits >= 1, value: 1}
";

pub(crate) struct Shop {
    pub(crate) engine: Arc<Engine>,
    pub(crate) keep: Arc<Memory>,
    pub(crate) clock: Arc<Told>,
}

fn us(text: &str) -> i64 {
    Timestamp::parse(text, &jiff::tz::TimeZone::UTC).expect("a time").as_micros()
}

impl Shop {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(Told::default());
        clock.0.store(us("2026-03-02T09:00"), Ordering::Relaxed);
        let keep = Arc::new(Memory::new(keep::limits::MESSAGES_KNOWN_US));
        let engine = Self::engine(&keep, &clock);
        Self { engine, keep, clock }
    }

    fn engine(keep: &Arc<Memory>, clock: &Arc<Told>) -> Arc<Engine> {
        // Whoever opens it first gives it its seed.
        open(SHOP, keep, clock, Options { seed: Some(5), ..Options::default() }).expect("memory is there")
    }

    pub(crate) fn at(&self, time: &str) -> &Self {
        self.clock.0.store(us(time), Ordering::Relaxed);
        self
    }

    pub(crate) fn send(&self, messages: &str) -> Vec<Took> {
        self.take(self.inbox(messages))
    }

    fn take(&self, inbox: Inbox<'_>) -> Vec<Took> {
        block_on(self.engine.take(inbox)).expect("memory takes it")
    }

    pub(crate) fn inbox(&self, messages: &str) -> Inbox<'_> {
        let body = format!("{{\"batch\":[{messages}]}}");
        let body = Body::parse(body.as_bytes(), Endpoint::Batch).expect("a body");
        let mut inbox = self.engine.inbox();
        let received = Received { at: inbox.received(), source: Some("web"), peer: None };
        body.read(&received, &mut inbox).expect("nobody stops it");
        inbox
    }

    pub(crate) fn customer(&self, kind: &str, value: &str) -> Option<Shown> {
        block_on(self.engine.customer(kind, value)).expect("memory is there")
    }

    pub(crate) fn wake(&self) -> usize {
        block_on(self.engine.wake_some()).expect("memory is there")
    }

    pub(crate) fn deliveries(&self, target: &str) -> Vec<String> {
        let take = Take { now_us: self.engine.clock().now_us(), limit: 100, lease_us: 1 };
        let found = block_on(self.keep.deliveries(target, take)).expect("memory is there");
        found.into_iter().map(|delivery| String::from_utf8(delivery.post.bytes).expect("JSON")).collect()
    }

    /// Built anew from the log, every state is the same to the byte, once both were looked at until the same time.
    pub(crate) fn is_its_replay(&self) {
        let compared = block_on(self.engine.compare_with_log()).expect("memory is there");
        assert_eq!(compared.differing, [0; 0], "of {} customers", compared.customers);
    }
}

/// What to do for somebody, on an occasion.
pub(crate) fn asked(kind: &str, value: &str, occasion: &str) -> Ask {
    let keys = vec![(kind.to_owned(), value.to_owned())];
    Ask { keys, occasion: Some(Occasion::Named(occasion.to_owned())) }
}

pub(crate) fn track(event: &str, ids: &str, more: &str) -> String {
    format!(r#"{{"type":"track","event":"{event}",{ids}{more}}}"#)
}

#[test]
fn an_anonymous_visitor_who_identifies_is_one_customer() {
    let shop = Shop::new();
    let took = shop
        .send(&[track("Visit", r#""anonymousId":"a1""#, ""), track("Visit", r#""anonymousId":"a1""#, "")].join(","));
    assert_eq!(took, [Took::Stored, Took::Stored]);
    shop.at("2026-03-02T10:00").send(&track("Order", r#""userId":"u1""#, ""));
    assert_ne!(
        shop.customer("user_id", "u1").expect("known").customer,
        shop.customer("anonymous_id", "a1").expect("known").customer
    );
    shop.at("2026-03-02T11:00")
        .send(r#"{"type":"identify","userId":"u1","anonymousId":"a1","traits":{"email":"U1@x.de"}}"#);
    let shown = shop.customer("email", "u1@x.de").expect("known");
    assert_eq!(shown.features["visits"], 2);
    assert_eq!(shown.stage.expect("it has one").stage, "use");
    assert_eq!(shown.keys.len(), 3);
    assert_eq!(shown.expectations[0].pending, 1);
    assert_eq!(shown.timeline.len(), 4);
    shop.is_its_replay();
}

#[test]
fn a_message_counts_once_and_a_bad_one_is_kept() {
    let shop = Shop::new();
    let message = track("Visit", r#""userId":"u1","messageId":"m1""#, "");
    assert_eq!(shop.send(&[message.as_str(), message.as_str()].join(",")), [Took::Stored, Took::Duplicate]);
    assert_eq!(shop.send(&message), [Took::Duplicate]);
    let took = shop.send(r#"{"type":"track","userId":"u1"},{"type":"track","event":"Visit","userId":"null"}"#);
    assert!(took.iter().all(|took| matches!(took, Took::Refused { .. })), "{took:?}");
    let refused = block_on(shop.engine.refused(None, 10)).expect("the log can be read");
    let reasons: Vec<&str> = refused.iter().map(|refused| refused.reason.as_str()).collect();
    assert_eq!(reasons, ["missing-event", "junk-key"]);
    assert_eq!(shop.customer("user_id", "u1").expect("known").events, 1);
    shop.is_its_replay();
}

#[test]
fn a_message_that_is_sent_again_after_a_login_is_the_same_one() {
    let shop = Shop::new();
    let of = |ids: &str, id: &str| track("Order", ids, &format!(r#","messageId":"{id}""#));
    let (before, after) = (r#""anonymousId":"a1""#, r#""anonymousId":"a1","userId":"u1""#);
    assert_eq!(shop.send(&of(before, "ajs-next-1")), [Took::Stored]);
    assert_eq!(shop.send(&of(after, "ajs-next-1")), [Took::Duplicate]);
    assert_eq!(shop.send(&of(after, "ajs-next-2")), [Took::Stored]);
    assert_eq!(shop.send(&of(before, "ajs-next-2")), [Took::Duplicate]);
    assert_eq!(shop.customer("user_id", "u1").expect("known").events, 2);
    shop.is_its_replay();
}

#[test]
fn a_broken_promise_is_noticed_by_time_alone_and_answered_once() {
    let shop = Shop::new();
    shop.send(&track("Order", r#""userId":"u1""#, ""));
    assert_eq!(shop.wake(), 0);
    shop.at("2026-03-04T09:00:01");
    assert_eq!(shop.wake(), 1);
    assert_eq!(shop.wake(), 0);
    assert_eq!(shop.customer("user_id", "u1").expect("known").expectations[0].broken, 1);
    let sent = shop.deliveries("mail");
    assert_eq!(sent.len(), 1);
    assert!(sent[0].contains(r#""subject":"u1""#), "{sent:?}");
    // It came in time, which becomes known late.
    shop.at("2026-03-05T09:00").send(&track("Delivered", r#""userId":"u1""#, r#","timestamp":"2026-03-03T08:00:00Z""#));
    let standing = &shop.customer("user_id", "u1").expect("known").expectations[0];
    assert_eq!((standing.kept, standing.unbroken, standing.broken), (1, 1, 0));
    shop.is_its_replay();
}

#[test]
fn what_is_learnt_of_the_past_is_known_and_brings_about_nothing() {
    let shop = Shop::new();
    let tell_of = |user: &str, event: &str, at: &str| {
        let keys = [event::Key { kind: "user_id", value: user }];
        let at = Timestamp::from_micros(us(at));
        let event = event::Event { message_id: Some(event), ..event::Event::new(event, at, &keys) };
        let mut inbox = shop.engine.inbox();
        listen::Sink::event(&mut inbox, &event).expect("it names somebody");
        shop.take(inbox)
    };
    let tell = |event: &str, at: &str| tell_of("u1", event, at);
    assert_eq!(tell("Order", "2025-12-24T09:00"), [Took::Stored]);
    assert_eq!(tell("Order", "2025-12-24T09:00"), [Took::Duplicate]);
    assert_eq!(tell_of("u2", "Order", "2025-12-24T09:00"), [Took::Stored], "the same id of somebody else");
    while shop.wake() > 0 {}
    let shown = shop.customer("user_id", "u1").expect("known");
    assert_eq!((shown.expectations[0].broken, shown.expectations[0].pending), (1, 0), "nobody delivered");
    assert_eq!(shown.timeline.len(), 1);
    assert_eq!(shop.deliveries("mail"), [""; 0], "that was months ago");
    shop.is_its_replay();
    // A promise of now is one whose breaking is answered.
    shop.send(&track("Order", r#""userId":"u1""#, ""));
    shop.at("2026-03-04T09:01");
    while shop.wake() > 0 {}
    assert_eq!(shop.deliveries("mail").len(), 1);
    shop.is_its_replay();
}

#[test]
fn what_comes_together_does_not_hide_what_an_event_brings_about() {
    let charter =
        SHOP.replace("  banner:", "  thanks: {when: event = 'Order', value: 9, deliver: {webhook: thanks}}\n  banner:");
    let mut shop = Shop::new();
    shop.engine = open(&charter, &shop.keep, &shop.clock, Options::default()).expect("memory is there");
    let of = |event: &str| track(event, r#""userId":"u1""#, "");
    shop.send(&[of("Visit"), of("Order"), of("Visit"), of("Order"), of("Visit")].join(","));
    let sent = shop.deliveries("thanks");
    assert_eq!(sent.len(), 2, "{sent:?}");
    shop.is_its_replay();
}

#[test]
fn who_asks_what_to_do_after_an_event_is_told_what_it_has_brought_about() {
    let charter =
        SHOP.replace("  banner:", "  thanks: {when: event = 'Order', value: 9, deliver: {webhook: thanks}}\n  banner:");
    let mut shop = Shop::new();
    shop.engine = open(&charter, &shop.keep, &shop.clock, Options::default()).expect("memory is there");
    let inbox = shop.inbox(&track("Order", r#""userId":"u1","messageId":"m1""#, ""));
    let ask = Ask { occasion: inbox.occasion(), ..asked("user_id", "u1", "") };
    shop.take(inbox);
    let decided = block_on(shop.engine.decide(ask)).expect("memory takes it");
    assert_eq!((decided.action.as_deref(), decided.repeated), (Some("thanks"), true));
    assert_eq!(shop.deliveries("thanks").len(), 1);
    shop.is_its_replay();
}

#[test]
fn the_same_occasion_by_another_key_of_the_same_customer_is_the_same() {
    let charter = SHOP.replace("  banner: {when: visits >= 1", "  gift: {when: visits >= 1, deliver: {webhook: gifts}");
    let mut shop = Shop::new();
    shop.engine = open(&charter, &shop.keep, &shop.clock, Options::default()).expect("memory is there");
    let old = r#","timestamp":"2026-03-02T07:00:00Z""#;
    shop.send(&track("Visit", r#""anonymousId":"a1""#, old));
    let ask = |kind: &str, value: &str| block_on(shop.engine.decide(asked(kind, value, "cart-17"))).expect("it is");
    let first = ask("anonymous_id", "a1");
    assert_eq!((first.action.as_deref(), first.repeated), (Some("gift"), false));
    shop.send(&format!(r#"{{"type":"identify","userId":"u1","anonymousId":"a1"{old}}}"#));
    let again = ask("user_id", "u1");
    assert_eq!((again.action.as_deref(), again.repeated, &again.occasion), (Some("gift"), true, &first.occasion));
    assert_eq!(shop.deliveries("gifts").len(), 1);
    // Somebody else's is another one, whatever it is called.
    shop.send(&track("Visit", r#""userId":"u2""#, old));
    assert!(!ask("user_id", "u2").repeated);
    assert_eq!(shop.deliveries("gifts").len(), 1, "one more");
    shop.is_its_replay();
}

#[test]
fn a_question_by_a_misspelt_kind_of_key_makes_nobody_known() {
    let shop = Shop::new();
    let ask = |kind: &str| {
        block_on(shop.engine.decide(Ask { keys: vec![(kind.to_owned(), "v1".to_owned())], occasion: None }))
    };
    let refused = ask("userid").expect_err("nobody has such a key").to_string();
    assert_eq!(refused, "nobody has a key `userid`: there are anonymous_id, email, user_id");
    let said = BTreeMap::from([("service".to_owned(), true)]);
    assert!(block_on(shop.engine.consent("userid", "v1", &said)).is_err());
    assert!(shop.customer("userid", "v1").is_none());
    // A visitor may be asked about before the first event comes.
    assert!(ask("anonymous_id").is_ok());
}

#[test]
fn a_shared_device_glues_nobody_and_those_whom_it_had_glued_come_apart() {
    let shop = Shop::new();
    for (minute, user) in ["u1", "u2", "u3", "u4", "u5"].iter().enumerate() {
        shop.at(&format!("2026-03-02T09:0{minute}"));
        shop.send(&track("Visit", &format!(r#""userId":"{user}","anonymousId":"kiosk""#), ""));
        shop.is_its_replay();
    }
    for user in ["u1", "u2", "u3", "u4", "u5"] {
        assert_eq!(shop.customer("user_id", user).expect("known").features["visits"], 1, "{user}");
    }
}

#[test]
fn what_comes_together_with_a_message_of_a_shared_device_is_whose_it_was() {
    let shop = Shop::new();
    shop.send(&track("Visit", r#""anonymousId":"a1""#, ""));
    let own = track("Visit", r#""userId":"u1","anonymousId":"a1""#, "");
    let shared =
        ["u1", "u2", "u3"].map(|user| track("Visit", &format!(r#""userId":"{user}","anonymousId":"kiosk""#), ""));
    for (minute, message) in [&own, &shared[0], &shared[1]].into_iter().enumerate() {
        shop.at(&format!("2026-03-02T09:0{minute}")).send(message);
    }
    // The device is looked at because of who is new there, and not all about those who were there before.
    assert_eq!(shop.at("2026-03-02T10:00").send(&[shared[2].as_str(), &own].join(",")), [Took::Stored, Took::Stored]);
    assert_eq!(shop.customer("user_id", "u1").expect("known").features["visits"], 4);
    shop.is_its_replay();
}

#[test]
fn a_link_that_is_taken_back_never_was() {
    let shop = Shop::new();
    shop.send(&track("Visit", r#""anonymousId":"a1""#, ""));
    shop.at("2026-03-02T10:00").send(&track("Order", r#""userId":"u1","anonymousId":"a1""#, ""));
    assert_eq!(shop.customer("anonymous_id", "a1").expect("known").events, 2);
    assert!(block_on(shop.engine.unlink(("user_id", "u1"), ("anonymous_id", "a1"), &[])).expect("both are known"));
    assert_eq!(shop.customer("anonymous_id", "a1").expect("known").events, 1);
    assert_eq!(shop.customer("user_id", "u1").expect("known").events, 1);
    shop.is_its_replay();
    // Evidence that comes later is not followed.
    shop.at("2026-03-02T11:00").send(&track("Visit", r#""userId":"u1","anonymousId":"a1""#, ""));
    assert_eq!(shop.customer("user_id", "u1").expect("known").events, 2);
    shop.is_its_replay();
}

#[test]
fn an_event_that_comes_after_many_others_finds_its_place() {
    let shop = Shop::new();
    for minute in 10..40 {
        shop.at(&format!("2026-03-02T09:{minute}")).send(&track("Visit", r#""userId":"u1""#, ""));
    }
    shop.send(&track("Order", r#""userId":"u1""#, r#","timestamp":"2026-03-01T00:00:00Z""#));
    let shown = shop.customer("user_id", "u1").expect("known");
    assert_eq!((shown.events, shown.expectations[0].pending), (31, 1));
    assert_eq!(shown.stage.expect("it has one").stage, "choice");
    shop.is_its_replay();
}

#[test]
fn an_event_of_long_ago_finds_all_of_its_customer_whoever_becomes_known_beside_it() {
    let shop = Shop::new();
    shop.send(&[track("Visit", r#""userId":"u1""#, ""), track("Visit", r#""anonymousId":"a1""#, "")].join(","));
    // From here on they are one, and the log has the past of one under another number.
    for minute in 10..40 {
        shop.at(&format!("2026-03-02T09:{minute}")).send(&track("Visit", r#""userId":"u1","anonymousId":"a1""#, ""));
    }
    let old = track("Order", r#""userId":"u1""#, r#","timestamp":"1970-01-01T00:00:00Z""#);
    shop.send(&[old, track("Visit", r#""userId":"u9","anonymousId":"a9""#, "")].join(","));
    assert_eq!(shop.customer("anonymous_id", "a1").expect("known").events, 33);
    shop.is_its_replay();
}

#[test]
fn what_is_kept_outlives_the_engine() {
    let mut shop = Shop::new();
    shop.send(&track("Order", r#""userId":"u1","messageId":"m1""#, ""));
    shop.engine = Shop::engine(&shop.keep, &shop.clock);
    assert_eq!(shop.send(&track("Order", r#""userId":"u1","messageId":"m1""#, "")), [Took::Duplicate]);
    shop.at("2026-03-05T00:00");
    assert_eq!(shop.wake(), 1);
    assert_eq!(shop.customer("user_id", "u1").expect("known").expectations[0].broken, 1);
    shop.is_its_replay();
}

#[test]
fn a_promise_that_another_charter_makes_shorter_breaks_on_time_though_nobody_asks() {
    let mut shop = Shop::new();
    let patient = SHOP.replace("within: 2d", "within: 30d");
    let (_go, stop) = tokio::sync::watch::channel(false);
    let follow = |shop: &Shop| block_on(shop.engine.follow(&stop)).expect("memory is there").customers;
    shop.engine = open(&patient, &shop.keep, &shop.clock, Options::default()).expect("memory is there");
    assert_eq!(follow(&shop), 0, "there is nobody yet");
    shop.send(&track("Order", r#""userId":"u1""#, ""));
    shop.send(&track("Visit", r#""userId":"u2""#, ""));
    assert_eq!(follow(&shop), 0, "nothing has changed");

    shop.engine = Shop::engine(&shop.keep, &shop.clock);
    shop.at("2026-03-03T09:00");
    assert_eq!((follow(&shop), follow(&shop)), (2, 0));
    shop.is_its_replay();
    shop.at("2026-03-04T09:00:01");
    assert_eq!(shop.wake(), 1);
    assert_eq!(shop.deliveries("mail").len(), 1);
    shop.is_its_replay();
}

#[test]
fn a_home_with_more_keys_than_a_request_looks_at_is_compared_whole() {
    let shop = Shop::new();
    for hundred in 0..30_u32 {
        let visits = |ids: &dyn Fn(u32) -> String| {
            let visit = |n: u32| track("Visit", &ids(hundred * 100 + n), "");
            (0..100).map(visit).collect::<Vec<_>>().join(",")
        };
        // Known by two keys one after the other, so that what is logged first stands under another number.
        shop.send(&visits(&|n| format!(r#""userId":"u{n}""#)));
        shop.send(&visits(&|n| format!(r#""anonymousId":"a{n}""#)));
        shop.send(&visits(&|n| format!(r#""userId":"u{n}","anonymousId":"a{n}""#)));
    }
    let compared = block_on(shop.engine.compare_with_log()).expect("memory is there");
    assert_eq!((compared.customers, compared.entries, compared.differing.len()), (3_000, 9_000, 0));
}

#[test]
fn an_hour_ahead_is_a_clock_that_is_wrong_and_a_link_that_never_was_is_not_taken_back() {
    let shop = Shop::new();
    let took = shop.send(&track("Visit", r#""userId":"u1""#, r#","timestamp":"2026-03-02T09:30:00Z""#));
    assert_eq!(took, [Took::Stored]);
    shop.at("2026-03-02T09:10").send(&track("Order", r#""userId":"u1""#, ""));
    assert_eq!(shop.customer("user_id", "u1").expect("known").events, 2);
    shop.send(&track("Visit", r#""anonymousId":"a1""#, ""));
    assert!(!block_on(shop.engine.unlink(("user_id", "u1"), ("anonymous_id", "a1"), &[])).expect("both are known"));
    shop.at("2026-03-02T09:20").send(&track("Visit", r#""userId":"u1","anonymousId":"a1""#, ""));
    assert_eq!(shop.customer("anonymous_id", "a1").expect("known").events, 4);
    shop.is_its_replay();
}

#[test]
fn one_request_with_thousands_of_new_people_knows_who_is_who() {
    let shop = Shop::new();
    let visit = |n: u32| track("Visit", &format!(r#""userId":"u{n}","anonymousId":"a{n}""#), "");
    let took = shop.send(&(0..4_000).map(visit).collect::<Vec<_>>().join(","));
    assert!(took.iter().all(|took| *took == Took::Stored));
    let compared = block_on(shop.engine.compare_with_log()).expect("memory is there");
    assert_eq!((compared.customers, compared.differing.len()), (4_000, 0));
    assert_eq!(shop.customer("anonymous_id", "a3999").expect("known").keys.len(), 2);
}

#[test]
fn who_has_nothing_to_do_with_a_crowd_does_not_suffer_from_it() {
    let mut shop = Shop::new();
    // Nothing bounds how many of these one person may have, so that all become one.
    let boundless = "charter: 1\nkeys: {user_id: {}, anonymous_id: {}}\n";
    shop.engine = open(boundless, &shop.keep, &shop.clock, Options::default()).expect("memory is there");
    let of_crowd = |n: u32| track("Visit", &format!(r#""userId":"crowd","anonymousId":"a{n}""#), "");
    for thousand in 0..6 {
        shop.send(&(0..1_000).map(|n| of_crowd(thousand * 1_000 + n)).collect::<Vec<_>>().join(","));
    }
    let other = track("Visit", r#""userId":"other","anonymousId":"device""#, "");
    let took = shop.send(&[of_crowd(7_000), other, of_crowd(7_001)].join(","));
    assert_eq!(took, [Took::Stored, Took::Stored, Took::Stored]);
    assert_eq!(shop.customer("user_id", "other").expect("known").keys.len(), 2);
    assert_eq!(shop.customer("anonymous_id", "a7000").expect("known").keys.len(), 1, "its evidence waits");
    assert_eq!(shop.engine.counts().unresolved.load(Ordering::Relaxed), 2);
}

#[test]
fn a_word_of_a_person_counts_before_the_rules_until_it_is_taken_back() {
    let shop = Shop::new();
    shop.send(&track("Visit", r#""userId":"u1","anonymousId":"a1""#, ""));
    shop.send(&track("Order", r#""userId":"u2","anonymousId":"a2""#, ""));
    let link = || block_on(shop.engine.link(("user_id", "u1"), ("user_id", "u2"), &[])).expect("both are known");
    let unlink = || block_on(shop.engine.unlink(("user_id", "u1"), ("user_id", "u2"), &[])).expect("both are known");
    assert!(!unlink(), "there is no such link");
    for _ in 0..3 {
        assert!(link() && !link(), "once is enough");
        for (kind, value) in [("user_id", "u1"), ("user_id", "u2"), ("anonymous_id", "a1"), ("anonymous_id", "a2")] {
            assert_eq!(shop.customer(kind, value).expect("known").events, 2, "{value}");
        }
        shop.is_its_replay();
        assert!(unlink() && unlink(), "it stays taken back");
        assert_eq!(shop.customer("user_id", "u1").expect("known").events, 1);
        assert_eq!(shop.customer("anonymous_id", "a2").expect("known").events, 1);
        shop.is_its_replay();
    }
    link();
    // Evidence about others is followed still, and no event can say what a person says.
    shop.send(&track("Visit", r#""userId":"u1","anonymousId":"a3""#, ""));
    assert_eq!(shop.customer("anonymous_id", "a3").expect("known").keys.len(), 5);
    shop.send(&track("Visit", r#""userId":"u3""#, ""));
    shop.send(r#"{"type":"alias","previousId":"u1","userId":"u3","timestamp":"0001-01-01T12:00:00Z"}"#);
    assert_ne!(
        shop.customer("user_id", "u3").expect("known").customer,
        shop.customer("user_id", "u1").expect("known").customer
    );
    shop.is_its_replay();
    assert!(block_on(shop.engine.link(("user_id", "u1"), ("user_id", "nobody"), &[])).is_err());
    assert!(block_on(shop.engine.link(("user_id", "u1"), ("user_id", "u1"), &[])).is_err());
}
