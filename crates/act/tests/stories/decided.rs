//! What becomes of a decision once it is made: it is answered again, and taught.

use act::{Draw, Effects, Input, Models, State, decide, step};

use super::{SHOP, Story, story};

#[test]
fn asked_again_it_says_how_probable_the_choice_was() {
    let charter = SHOP.replace("stakes:", "deciding: {explore_share: 0.5}\nstakes:");
    let mut ann = story(&charter);
    ann.put("2026-03-02T10:00", "Ticket");
    let now = ann.time("2026-03-02T10:00");
    let first = ann.decision("2026-03-02T10:00", 42, &Draw { explore: 0.1, pick: 0.9, ..Draw::BEST });
    assert!(first.explored && first.choice().is_some_and(|choice| (choice.probability - 0.25).abs() < 1e-12));
    step(&mut ann.state, Input::Decided(&first.taken().expect("chosen")), &ann.plan, now);
    // By now it would have fallen out, and another one be chosen.
    let later = ann.decision("2026-03-20T10:00", 42, &Draw::BEST);
    let choice = later.choice().expect("the same as before");
    assert_eq!((later.repeated, later.chosen, later.explored), (true, first.chosen, true));
    assert_eq!((choice.fell_out, choice.probability.to_bits()), (None, 0.25f64.to_bits()));
    assert_eq!(later.none_probability.to_bits(), 0, "something was chosen");
}

#[test]
fn what_followed_a_decision_is_a_lesson_once_and_when_its_time_is_over() {
    let charter = SHOP.replace("value: 4,", "value: 0,");
    let ready = || {
        let mut ann = story(&charter);
        ann.put("2026-03-02T11:00", "Ticket");
        ann.take("2026-03-02T12:00", 1);
        assert_eq!(ann.state.decided()[0].action, 2);
        let due = ann.state.wake_us(&ann.plan).map(|us| ann.local(us));
        assert_eq!(due.as_deref(), Some("03-12 12:00"), "ten days after the decision");
        ann
    };
    let came = |effects: &Effects| effects.lessons.iter().map(|lesson| lesson.came).collect::<Vec<_>>();
    let mut ann = ready();
    assert_eq!(came(&ann.put("2026-03-05T11:00", "Order")), [] as [bool; 0], "as long as others are waited for");
    assert_eq!(came(&ann.put("2026-03-06T11:00", "Order")), [] as [bool; 0]);
    let features = ann.state.decided()[0].features.clone();
    let taught = ann.wake("2026-03-12T12:01");
    assert_eq!(came(&taught), [true]);
    assert_eq!(taught.lessons[0].features, features);
    assert!(ann.wake("2026-05-01T00:00").lessons.is_empty(), "once");

    let mut bob = ready();
    let missed = bob.put("2026-03-13T11:00", "Order");
    assert_eq!(came(&missed), [false], "that is too late");
    assert!(bob.put("2026-03-13T11:01", "Order").lessons.is_empty());
    assert!(bob.wake("2026-06-01T00:00").lessons.is_empty());
    assert!(bob.state.decided().is_empty(), "by then it matters no more");

    let mut carl = ready();
    let mut lessons = Vec::new();
    for hour in 0..20 * 24 {
        let (day, hour) = (3 + hour / 24, hour % 24);
        let event = if (day, hour) == (4, 11) { "Order" } else { "Ticket" };
        lessons.extend(came(&carl.put(&format!("2026-03-{day:02}T{hour:02}:00"), event)));
    }
    assert_eq!(lessons, [true], "events let the time pass, too, and there were many after the order");
}

/// Of somebody who gets twenty offers, a second apart, and orders nothing: how many lessons come of it.
fn lessons_of_twenty(charter: &str, draw: &Draw) -> usize {
    let mut ann = story(charter);
    ann.put("2026-03-02T10:00", "Ticket");
    for n in 0..20 {
        let now = format!("2026-03-02T11:00:{n:02}");
        let decision = ann.decision(&now, n, draw);
        let (taken, now) = (decision.taken().expect("the offer"), ann.time(&now));
        step(&mut ann.state, Input::Decided(&taken), &ann.plan, now);
    }
    ann.wake("2026-03-12T12:01").lessons.len()
}

#[test]
fn where_nothing_is_known_of_anybody_the_same_decisions_teach() {
    let plain = "charter: 1\noutcomes: {order: {when: event = 'Order', horizon: 10d}}\n\
                 actions: {offer: {when: event = 'Ticket', value: 1, propensity: {from: outcome.order}}}\n\
                 deciding: {none_share: 0.5}\n";
    for charter in [plain, &format!("{plain}stages: {{use: {{}}}}\n")] {
        assert_eq!(lessons_of_twenty(charter, &Draw::BEST), 16, "as many as may wait");
        assert_eq!(lessons_of_twenty(charter, &Draw { arm: 0.1, ..Draw::BEST }), 0, "nothing was done");
    }
}

#[test]
fn what_is_rare_never_seems_frequent() {
    let charter = SHOP.replace("value: 4,", "value: 0,").replace("horizon: 10d", "horizon: 30d");
    let mut models = Models::new(&story(&charter).plan);
    let mut all: Vec<Story> = (0..100).map(|_| story(&charter)).collect();
    let mut learn = |effects: Effects| effects.lessons.iter().for_each(|lesson| models.learn(lesson));
    for (n, one) in all.iter_mut().enumerate() {
        one.put("2026-03-02T11:00", "Ticket");
        one.take("2026-03-02T12:00", 1);
        if n % 20 == 0 {
            learn(one.put("2026-03-03T11:00", "Order"));
        }
    }
    for one in &mut all {
        learn(one.wake("2026-03-04T12:00"));
    }
    let propensity = |models: &Models, one: &Story, now: &str| {
        decide(&one.state, &one.plan, models, one.time(now), 2, &Draw::BEST).candidates[2].propensity
    };
    assert!((propensity(&models, &all[1], "2026-03-04T12:00") - 0.5).abs() < 1e-12, "nothing is known yet");
    let mut learn = |effects: Effects| effects.lessons.iter().for_each(|lesson| models.learn(lesson));
    for one in &mut all {
        learn(one.wake("2026-04-02T12:00"));
    }
    let learnt = propensity(&models, &all[1], "2026-03-04T12:00");
    assert!((learnt - 0.05).abs() < 0.04, "{learnt}");
    assert_eq!(all[0].plan.model(2).and_then(|model| models.model(model)).map(|model| model.lessons), Some(100));
}

#[test]
fn whoever_is_asked_about_often_teaches_what_followed() {
    let charter = SHOP.replace("value: 4,", "value: 0,").replace("per: 7d, times: 2", "per: 1s, times: 1");
    let mut ann = story(&charter);
    ann.put("2026-03-02T10:00", "Ticket");
    let came = |effects: Effects| effects.lessons.into_iter().map(|lesson| lesson.came).collect::<Vec<_>>();
    let mut lessons = Vec::new();
    for n in 0..300 {
        let now = format!("2026-03-02T{}:{:02}:{:02}", 11 + n / 120, n / 2 % 60, n % 2 * 30);
        let decision = ann.decision(&now, n, &Draw::BEST);
        assert_eq!(decision.features.is_empty(), n >= 16, "sixteen wait");
        let (taken, now) = (decision.taken().expect("the offer"), ann.time(&now));
        lessons.extend(came(step(&mut ann.state, Input::Decided(&taken), &ann.plan, now)));
    }
    lessons.extend(came(ann.put("2026-03-03T11:00", "Order")));
    assert_eq!(lessons, [true; 0], "they have their time");
    assert_eq!(State::from_bytes(&ann.state.to_bytes(&ann.plan), &ann.plan).as_ref(), Ok(&ann.state));
    assert_eq!(came(ann.wake("2026-03-12T18:00")), [true; 16]);
}

#[test]
fn decisions_for_which_there_is_no_room_teach_all_the_same() {
    let charter = SHOP.replace("value: 4,", "value: 0,").replace("per: 7d, times: 2", "per: 1s, times: 1");
    // Of many who turn out to be one, more may wait than of one alone.
    let mut all: Vec<Story> = (0..6).map(|_| story(&charter)).collect();
    for (who, one) in all.iter_mut().enumerate() {
        one.put("2026-03-02T10:00", "Ticket");
        (0..16).for_each(|n| one.take(&format!("2026-03-02T11:{n:02}:0{who}"), 16 * who as u64 + n));
    }
    let mut ann = all.remove(0);
    ann.put("2026-03-02T12:00", "Order");
    let now = ann.time("2026-03-02T12:00");
    let mut lessons = Vec::new();
    for other in &all {
        let effects = ann.state.join(&other.state, &ann.plan, now);
        assert!(!effects.replay);
        lessons.extend(effects.lessons.into_iter().map(|lesson| lesson.came));
    }
    assert_eq!(lessons, [true; 32], "the first had to go, and their order had come");
    assert_eq!(ann.state.decided().len(), 64);
}
