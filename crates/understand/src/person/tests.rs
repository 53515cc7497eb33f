use super::*;
use crate::question::Question;

const CHARTER: &str = "\
charter: 1
timezone: Europe/Berlin
stages: {look: {label: Look}, use: {label: Use}}
departments: {service: {label: Service}}
channels: {call: {label: Call, when: \"event = 'call'\"}}
moments:
  visit: {stage: look, when: \"event = 'visit'\"}
  order: {when: \"event = 'order'\"}
  ticket: {stage: use, when: \"event = 'call'\"}
  done: {stage: use, when: \"event = 'done'\"}
journeys:
  purchase: {starts: [visit], succeeds: order, abandoned_after: 14d}
interactions:
  support: {request: properties.topic, key: properties.id, opens: [ticket], resolves: [done]}
outcomes:
  order: {when: moment = 'order', value: properties.total}
expectations:
  answer: {after: ticket, promise: done, within: 1d, owner: service}
  care: {after: order, promise: visit, within: 2bd}
";

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text, &jiff::tz::TimeZone::UTC).expect(text)
}

fn event<'a>(name: &'a str, when: &str, properties: Option<&'a str>) -> Event<'a> {
    Event { properties, ..Event::new(name, at(when), &[]) }
}

fn known(until: &str, events: &[Event<'_>]) -> Answer {
    let charter = Charter::parse(CHARTER).unwrap_or_else(|problems| panic!("{problems:?}")).0;
    timeline(&charter, events, at(until).as_micros())
}

#[test]
fn a_life_from_visit_to_answer() {
    let found = known(
        "2026-03-20",
        &[
            event("visit", "2026-03-02T08:00", None),
            event("order", "2026-03-02T08:30", Some(r#"{"total": 12.5}"#)),
            event("nonsense", "2026-03-03T08:00", None),
            event("call", "2026-03-04T09:00", Some(r#"{"id": 7, "topic": "bill"}"#)),
            event("call", "2026-03-04T12:00", Some(r#"{"id": 7, "topic": "bill"}"#)),
            event("done", "2026-03-06T09:00", Some(r#"{"id": 7}"#)),
            event("visit", "2026-03-19T08:00", None),
        ],
    );
    let moments: Vec<_> = found.events.iter().map(|e| (e.moment.as_deref(), e.stage.as_deref())).collect();
    assert_eq!(
        moments,
        [
            (Some("visit"), Some("look")),
            (Some("order"), None),
            (None, None),
            (Some("ticket"), Some("use")),
            (Some("ticket"), Some("use")),
            (Some("done"), Some("use")),
            (Some("visit"), Some("look")),
        ]
    );
    assert_eq!(found.events[0].at, "2026-03-02T09:00:00+01:00", "the charter's time zone");
    assert_eq!(found.events[1].outcomes, [Outcome { outcome: "order".to_owned(), value: Some(12.5) }]);
    assert_eq!((found.events[3].channel.as_deref(), found.stage.as_deref()), (Some("call"), Some("look")));
    let journeys: Vec<_> = found.journeys.iter().map(|j| (j.ending.as_str(), j.moments.len())).collect();
    assert_eq!(journeys, [("succeeded", 2), ("open", 1)]);
    let request = &found.interactions[0];
    assert_eq!(found.interactions.len(), 1);
    assert_eq!((request.key.as_deref(), request.contacts, request.ending.as_str()), (Some("7"), 2, "resolved"));
    assert_eq!(request.resolved.as_deref(), Some("2026-03-06T10:00:00+01:00"));
    let promises: Vec<_> = found.promises.iter().map(|p| (p.expectation.as_str(), p.standing, p.late_s)).collect();
    assert_eq!(
        promises,
        [
            ("answer", PromiseStanding::Broken, Some(86_400.0)),
            ("care", PromiseStanding::Broken, Some(14.0 * 86_400.0 + 23.5 * 3_600.0)),
        ],
        "the second call was about the first; the other was due on the 4th at 8:30 and came on the 19th at 8:00"
    );
    assert!(tables(&found).iter().all(|table| !table.rows.is_empty()));
}

#[test]
fn what_is_not_yet_due_is_pending_and_what_comes_in_time_is_kept() {
    let calls = [event("call", "2026-03-04T09:00", None), event("done", "2026-03-05T09:00", None)];
    assert_eq!(known("2026-03-09", &calls).promises[0].standing, PromiseStanding::Kept, "the last moment counts");
    assert_eq!(known("2026-03-05T08:59", &calls[..1]).promises[0].standing, PromiseStanding::Pending);
    let due = &known("2026-03-05T09:00", &calls[..1]).promises[0];
    assert_eq!(
        due.standing,
        PromiseStanding::Broken,
        "what comes at the limit itself would be known, as in `expectations`"
    );
    assert_eq!(known("2026-03-05T09:01", &calls[..1]).promises[0].late_s, Some(60.0));
}

#[test]
fn what_resolves_nothing_is_no_request_and_what_comes_back_is_another() {
    let id = |n: u32| format!(r#"{{"id": {n}}}"#);
    let (one, two) = (id(1), id(2));
    let found = known(
        "2026-04-01",
        &[
            event("done", "2026-03-01", Some(&one)),
            event("call", "2026-03-02", Some(&one)),
            event("call", "2026-03-03", Some(&two)),
            event("done", "2026-03-04", Some(&one)),
            event("call", "2026-03-05", Some(&one)),
        ],
    );
    let shown: Vec<_> = found.interactions.iter().map(|i| (i.key.as_deref(), i.contacts, i.ending.as_str())).collect();
    assert_eq!(shown, [(Some("1"), 1, "resolved"), (Some("2"), 1, "open"), (Some("1"), 1, "open")]);
}

#[test]
fn requests_are_those_of_the_view() {
    let text = "charter: 1\nmoments: {ask: {when: \"event = 'ask'\"}, done: {when: \"event = 'done'\"}}\n\
                interactions: {help: {opens: [ask], resolves: [done], window: 7d}}\n";
    let charter = Charter::parse(text).unwrap_or_else(|problems| panic!("{problems:?}")).0;
    let on = |channel, name, when| Event { channel: Some(channel), ..event(name, when, None) };
    let events = [
        on("web", "ask", "2026-03-02T08:00"),
        on("web", "ask", "2026-03-02T08:20"),
        on("call", "ask", "2026-03-02T09:00"),
        on("call", "done", "2026-03-02T10:00"),
        on("shop", "ask", "2026-03-04T10:00"),
        on("shop", "done", "2026-03-04T11:00"),
        on("web", "ask", "2026-04-01T08:00"),
    ];
    let found = timeline(&charter, &events, at("2026-04-20").as_micros()).interactions;
    let shown: Vec<_> = found.iter().map(|i| (i.contacts, i.ending.as_str(), i.again.as_deref())).collect();
    let again = Some("2026-03-04T10:00:00+00:00");
    assert_eq!(shown, [(2, "resolved", again), (1, "resolved", None), (1, "abandoned", None)]);

    let word = |event: &Event<'_>| {
        let [name, channel] = [event.event, event.channel.expect("a channel")];
        let minutes = (event.at.as_micros() - events[0].at.as_micros()) / 60_000_000;
        format!("{name}@{minutes}m{{channel={channel}}}")
    };
    let line = format!("a: {}", events.iter().map(word).collect::<Vec<_>>().join(" "));
    let options = crate::interactions::Options::default();
    let mut log = testkit::told(text, &line).log(None, |charter, wanted| {
        options.wants(charter, wanted).expect("the charter has interactions");
    });
    log.setting.until_us += 19 * 86_400_000_000;
    let view = testkit::answer(&log, &Selection::default(), || options.fold(&log.setting())).expect("an answer");
    let figures = &view.interactions[0].figures;
    assert_eq!((figures.opened, figures.resolved, figures.abandoned, figures.contacts_mean), (3, 2, 1, Some(1.5)));
}

#[test]
fn promises_are_those_of_the_view_whether_the_charter_lists_moments_or_not() {
    let expects = "charter: 1\nexpectations: {d: {after: order, promise: done, within: 3d}}\n";
    let lists = "moments: {order: {when: \"event = 'order'\"}, done: {when: \"event = 'done'\"}}\n";
    for text in [expects.to_owned(), format!("{expects}{lists}")] {
        let charter = Charter::parse(&text).unwrap_or_else(|problems| panic!("{problems:?}")).0;
        let events = [
            event("order", "1970-01-01", None),
            event("done", "1970-01-03", None),
            event("order", "1970-01-04", None),
            event("done", "1970-01-09", None),
        ];
        let found = timeline(&charter, &events, events[3].at.as_micros()).promises;
        let standings: Vec<PromiseStanding> = found.iter().map(|promise| promise.standing).collect();
        assert_eq!(standings, [PromiseStanding::Kept, PromiseStanding::Broken], "{text}");

        let options = expectations::Options::default();
        let told = testkit::told(&text, "a: order@0d done@2d order@3d done@8d");
        let log = told.log(None, |charter, wanted| options.wants(charter, wanted).expect("there are expectations"));
        let view = testkit::answer(&log, &Selection::default(), || options.fold(&log.setting())).expect("an answer");
        let balance = &view.expectations[0].balance;
        assert_eq!((balance.made, balance.kept, balance.broken), (2, 1, 1), "{text}");
    }
}

#[test]
fn nobody_and_no_charter() {
    assert_eq!(known("2026-04-01", &[]).journeys, []);
    let found = timeline(&Charter::without_file(), &[event("visit", "2026-03-01", None)], 0);
    assert_eq!(found.events[0].moment.as_deref(), Some("visit"));
}
