//! What is answered when something is not as it should be.

use charter::Charter;
use keep::{Fault, Operation};
use tokio::sync::watch;

use crate::support::{ADMIN, READ, WRITE, basic, start, start_with};

const LOST: Fault = Fault::Lost { written: false };

#[tokio::test]
async fn every_problem_says_what_it_is() {
    let server = start().await;
    let basic = basic(WRITE);
    let key = ("Authorization", basic.as_str());
    let many = format!(r#"{{"batch":[{}1]}}"#, "1,".repeat(5_000));
    let deep = format!(r#"{{"userId":"u","event":"e","properties":{}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    for (path, headers, body, said) in [
        ("/v1/batch", vec![key], r#"{"batch":["#, "400 not_json"),
        ("/v1/batch", vec![key], "", "400 not_json"),
        ("/v1/batch", vec![key], "[]", "400 wrong_form"),
        ("/v1/batch", vec![key], r#"{"batch":{}}"#, "400 wrong_form"),
        ("/v1/batch", vec![key], r#"{"batch":null}"#, "400 wrong_form"),
        ("/v1/batch", vec![key], "{}", "400 wrong_form"),
        ("/v1/batch", vec![key], &many, "413 too_large"),
        ("/v1/track", vec![key], r#"{"userId":"u"}"#, "400 invalid_event"),
        ("/v1/track", vec![key], r#"{"event":"e"}"#, "400 invalid_event"),
        ("/v1/track", vec![key], "7", "400 wrong_form"),
        ("/v1/track", vec![key], &deep, "400 invalid_event"),
        ("/v1/batch", vec![], r#"{"batch":[]}"#, "401 missing_key"),
        ("/v1/batch", vec![], r#"{"batch":[],"writeKey":"wrong"}"#, "401 invalid_write_key"),
        ("/v1/batch?writeKey=wrong", vec![], r#"{"batch":[]}"#, "401 invalid_write_key"),
        ("/v1/batch", vec![("X-API-Key", READ)], r#"{"batch":[]}"#, "403 not_allowed"),
        ("/v1/nothing", vec![key], "{}", "404 not_found"),
        ("/", vec![], "", "404 not_found"),
        ("/api/v1/keys", vec![("X-API-Key", ADMIN)], "{", "400 not_json"),
        ("/api/v1/keys", vec![("X-API-Key", ADMIN)], "{}", "400 wrong_form"),
    ] {
        let answer = server.ask("POST", path, &headers, body).await;
        assert_eq!(answer.said(), said, "{path} {body:.60} {answer:?}");
        let json = answer.json();
        assert_eq!(answer.header("content-type"), "application/problem+json", "{said}");
        assert!(json["success"] == false && json["message"].is_string() && json["status"] == answer.status, "{json}");
        assert!(json["type"].is_string() && json["title"].is_string() && json["detail"].is_string(), "{json}");
    }
    server.stop().await;
}

#[tokio::test]
async fn other_methods_are_named() {
    let server = start().await;
    for (method, path, allow) in [
        ("GET", "/v1/track", "POST"),
        ("PUT", "/v1/track", "POST"),
        ("DELETE", "/healthz", "GET,HEAD"),
        ("TRACE", "/api/v1/keys", "GET,HEAD,POST"),
        ("OPTIONS", "/api/v1/keys", "GET,HEAD,POST"),
        ("QUERY", "/healthz", "GET,HEAD"),
    ] {
        let answer = server.ask(method, path, &[], "").await;
        assert_eq!(
            (answer.said().as_str(), answer.header("allow")),
            ("405 method_not_allowed", allow),
            "{method} {path}"
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn what_cannot_be_kept_is_to_be_sent_again() {
    let server = start().await;
    for (fault, said) in
        [(Fault::Busy, "503 busy"), (Fault::Full { written: false }, "503 full"), (LOST, "503 unavailable")]
    {
        server.keep.order_faults(move |operation| matches!(operation, Operation::Commit).then_some(fault));
        let answer = server.post("/v1/page", r#"{"userId":"u"}"#).await;
        assert_eq!(answer.said(), said);
        assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| (1..=300).contains(&seconds)));
    }
    server.keep.order_faults(|_| None);
    assert_eq!(server.post("/v1/page", r#"{"userId":"u"}"#).await.status, 200);
    let log = server.log.lock().expect("no test panics here").join("\n");
    assert!(log.contains("/v1/page") && !log.contains("userId"), "{log}");
    server.stop().await;
}

#[tokio::test]
async fn a_key_that_sends_too_much_is_told_when_to_come_again() {
    let server = start_with(charter::Charter::without_file(), |options| options.requests_per_second = 2).await;
    let mut said = Vec::new();
    for _ in 0..6 {
        let answer = server.post("/v1/page", r#"{"userId":"u"}"#).await;
        if answer.status == 429 {
            assert_eq!(
                (answer.header("retry-after"), answer.json()["code"].as_str()),
                ("1", Some("too_many_requests"))
            );
        }
        said.push(answer.status);
    }
    assert!(said.starts_with(&[200, 200, 200, 200]) && said.contains(&429), "{said:?}");
    assert_eq!(server.get("/api/v1/keys", ADMIN).await.status, 200, "each key counts for itself");
    server.stop().await;
}

#[tokio::test]
async fn it_says_how_it_is_and_what_it_counted() {
    let server = start().await;
    assert_eq!(server.ask("GET", "/healthz", &[], "").await.json()["ok"], true);
    assert_eq!(server.ask("GET", "/readyz", &[], "").await.status, 200);
    server.post("/v1/page", r#"{"userId":"u"}"#).await;
    server.post("/v1/track", r#"{"userId":"u"}"#).await;
    server.post("/nowhere/personal@example.test", "{}").await;
    let put = r#"{"url":"https://crm.example/hook"}"#;
    server.ask("PUT", "/api/v1/targets/crm", &[("X-API-Key", ADMIN)], put).await;
    server.ask("POST", "/api/v1/targets/crm/pause", &[("X-API-Key", ADMIN)], "").await;
    let answer = server.ask("GET", "/metrics", &[], "").await;
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    for line in [
        r#"desireline_http_requests_total{route="/v1/page",method="POST",status="200"} 1"#,
        r#"desireline_http_requests_total{route="/v1/track",method="POST",status="400"} 1"#,
        r#"desireline_http_requests_total{route="",method="",status="404"} 1"#,
        "desireline_ingest_seconds_count 2",
        r#"desireline_rejected_total{reason="missing-event"} 1"#,
        r#"desireline_deliveries_waiting{target="crm"} 0"#,
        r#"desireline_deliveries_dead{target="crm"} 0"#,
        r#"desireline_target_on_hold{target="crm"} 1"#,
        r#"desireline_webhook_attempts_total{result="failed"} 0"#,
        "desireline_webhook_given_up_total 0",
    ] {
        assert!(answer.body.contains(line), "{line} in {}", answer.body);
    }
    assert!(!answer.body.contains(r#"result="given_up""#), "the last attempt at it is counted as failed already");
    assert!(!answer.body.contains("personal"), "no label says anything about anybody");
    server.keep.order_faults(|_| Some(LOST));
    let again = server.ask("GET", "/metrics", &[], "").await;
    assert!(again.body.contains(r#"desireline_deliveries_waiting{target="crm"} 0"#), "what waits is not counted again");
    assert_eq!(server.ask("GET", "/readyz", &[], "").await.said(), "503 unavailable");
    assert_eq!(server.ask("GET", "/healthz", &[], "").await.status, 200);
    server.keep.order_faults(|_| None);
    server.stop().await;
}

#[tokio::test]
async fn as_long_as_it_learns_it_says_only_that_it_runs() {
    let (learning, is_learning) = watch::channel(true);
    let server = start_with(Charter::without_file(), |options| options.learning = Some(is_learning)).await;
    let visit = r#"{"type":"track","event":"Visit","userId":"u1"}"#;
    assert_eq!(server.ask("GET", "/healthz", &[], "").await.status, 200);
    assert_eq!(server.ask("GET", "/readyz", &[], "").await.said(), "503 unavailable");
    assert_eq!(server.post("/v1/track", visit).await.said(), "503 unavailable");
    assert_eq!(server.entries().await, 0);
    learning.send_replace(false);
    assert_eq!(server.ask("GET", "/readyz", &[], "").await.status, 200);
    assert_eq!(server.post("/v1/track", visit).await.status, 200);
    assert_eq!(server.entries().await, 1);
    server.stop().await;
}

/// What a text of metrics says of each family: its kind, and its samples by name and labels.
fn families(text: &str) -> std::collections::BTreeMap<String, (String, Vec<(String, String)>)> {
    let mut families: std::collections::BTreeMap<String, (String, Vec<(String, String)>)> =
        std::collections::BTreeMap::new();
    let mut last = String::new();
    for line in text.lines().filter(|line| *line != "# EOF") {
        if let Some(typed) = line.strip_prefix("# TYPE ") {
            let (name, kind) = typed.split_once(' ').expect("a name and a kind");
            name.clone_into(&mut last);
            assert!(families.insert(last.clone(), (kind.to_owned(), Vec::new())).is_none(), "{name} is there twice");
        } else if !line.starts_with("# HELP ") {
            let (series, value) = line.rsplit_once(' ').expect("a series and a value");
            assert!(value.parse::<f64>().is_ok(), "{line}");
            let family = families.get_mut(&last).expect("it begins with a family");
            assert!(series.starts_with(last.as_str()), "{series} stands in {last}");
            assert!(!family.1.iter().any(|(known, _)| known == series), "{series} is there twice");
            family.1.push((series.to_owned(), value.to_owned()));
        }
    }
    families
}

#[tokio::test]
async fn times_that_were_changed_are_counted() {
    let server = start().await;
    let ahead = event::Timestamp::from_micros(engine::Clock::now_us(&engine::SystemClock) + 2 * 3_600_000_000);
    for time in ["30/11/2026 09:15".to_owned(), ahead.to_string(), "2026-03-02T09:00:00Z".to_owned()] {
        let message = serde_json::json!({"event": "A", "userId": "u", "timestamp": time});
        assert_eq!(server.post("/v1/track", message.to_string()).await.status, 200, "{time}");
    }
    let answer = server.ask("GET", "/metrics", &[], "").await;
    for doubt in ["unreadable-time", "from-the-future"] {
        let line = format!("desireline_doubts_total{{doubt=\"{doubt}\"}} 1\n");
        assert!(answer.body.contains(&line), "{line} in {}", answer.body);
    }
    server.stop().await;
}

#[tokio::test]
async fn metrics_are_text_of_prometheus_and_open_metrics_where_it_is_asked_for() {
    let server = start().await;
    server.post("/v1/track", r#"{"userId":"u","event":"A \"quoted\"\n\\ one"}"#).await;
    server.post("/v1/track", r#"{"userId":"u"}"#).await;
    let plain = server.ask("GET", "/metrics", &[], "").await;
    assert!(plain.header("content-type").starts_with("text/plain; version=0.0.4"));
    let accept = "application/openmetrics-text;version=1.0.0;q=0.7,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
    let open = server.ask("GET", "/metrics", &[("Accept", accept)], "").await;
    assert_eq!(open.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(open.body.ends_with("\n# EOF\n") && open.body.matches("# EOF").count() == 1);
    let (plain, open) = (families(&plain.body), families(&open.body));
    assert_eq!(plain.len(), open.len());
    for (name, (kind, samples)) in &open {
        assert!(!name.ends_with("_total"), "{name}");
        for (series, value) in samples {
            let rest = series.strip_prefix(name.as_str()).expect("a series begins with its family");
            let suffix = rest.split('{').next().unwrap_or_default();
            let fits = match kind.as_str() {
                "counter" => suffix == "_total",
                "gauge" => suffix.is_empty(),
                _ => ["_bucket", "_sum", "_count"].contains(&suffix),
            };
            assert!(fits, "{series} in a {kind}");
            let end = rest.split("le=\"").nth(1).and_then(|rest| rest.split('"').next());
            assert!(end.is_none_or(|end| end == "+Inf" || end.contains('.')), "{series} {value}");
        }
    }
    let events = &open["desireline_events"].1;
    assert!(events.contains(&("desireline_events_total{result=\"stored\"}".to_owned(), "1".to_owned())), "{events:?}");
    server.stop().await;
}

#[tokio::test]
async fn what_a_panic_says_is_told_to_nobody() {
    let server = start().await;
    server.keep.order_faults(|_| panic!("the state of ann cannot be read"));
    let key = [("X-API-Key", ADMIN)];
    for (method, path, body) in [
        ("POST", "/v1/page", r#"{"userId":"ann"}"#),
        ("POST", "/api/v1/decide", r#"{"keys":{"user_id":"ann"}}"#),
        ("GET", "/api/v1/targets", ""),
    ] {
        let answer = server.ask(method, path, &key, body).await;
        assert_eq!(answer.said(), "500 internal", "{path}");
        assert!(!answer.body.contains("ann"), "{path}: {answer:?}");
    }
    server.stop().await;
}
