//! The API of Segment, with what its clients rely on.

use serde_json::json;

use crate::support::{ADMIN, WRITE, basic, start, start_with};

#[tokio::test]
async fn every_address_answers_exactly_200() {
    let server = start().await;
    let mut sent = 0;
    for (path, body) in [
        ("track", r#"{"event":"One","userId":"u"}"#),
        ("identify", r#"{"userId":"u","traits":{"plan":"gold"}}"#),
        ("page", r#"{"userId":"u"}"#),
        ("screen", r#"{"userId":"u","name":"S"}"#),
        ("group", r#"{"userId":"u","groupId":"g"}"#),
        ("alias", r#"{"userId":"u","previousId":"p"}"#),
        ("t", r#"{"event":"One","anonymousId":"a"}"#),
        ("i", r#"{"userId":"u"}"#),
        ("p", r#"{"userId":12345}"#),
        ("s", r#"{"userId":"u"}"#),
        ("g", r#"{"userId":"u","groupId":"g"}"#),
        ("a", r#"{"userId":"u","previousId":"p"}"#),
        ("batch", r#"{"batch":[{"type":"track","event":"In a batch","userId":"u"}]}"#),
        ("b", r#"{"batch":[{"type":"PAGE","userId":"u"}]}"#),
        ("import", r#"{"batch":[{"type":"track","event":"Old","userId":"u","timestamp":"2019-05-05T05:05:05Z"}]}"#),
    ] {
        for slash in ["", "/"] {
            let answer = server.post(&format!("/v1/{path}{slash}"), body).await;
            assert_eq!((answer.status, answer.header("location")), (200, ""), "{path}: {answer:?}");
            assert_eq!(answer.json()["success"], true, "{path}");
            sent += 1;
        }
    }
    assert_eq!(server.entries().await, sent, "each has an id of its own");
    assert_eq!(server.ask("POST", "/v1/m", &[], r#"{"series":[]}"#).await.status, 200);
    assert_eq!(server.entries().await, sent, "what clients measure of themselves is not kept");
    server.stop().await;
}

#[tokio::test]
async fn the_key_may_stand_anywhere() {
    let server = start().await;
    let in_body = json!({"writeKey": WRITE, "batch": [{"type": "page", "userId": "u"}]}).to_string();
    let in_first = json!({"batch": [{"type": "page", "userId": "u", "writeKey": WRITE}]}).to_string();
    let without = r#"{"batch":[{"type":"page","userId":"u"}]}"#;
    let basic = basic(WRITE);
    for (path, headers, body) in [
        ("/v1/batch", vec![("Authorization", basic.as_str())], without),
        ("/v1/batch", vec![], &in_body),
        ("/v1/batch", vec![], &in_first),
        ("/beacon/v1/batch?writeKey=wk_accept", vec![("Content-Type", "text/plain")], without),
        ("/v1/batch", vec![("X-API-Key", WRITE), ("Content-Type", "application/x-www-form-urlencoded")], without),
    ] {
        assert_eq!(server.ask("POST", path, &headers, body).await.status, 200, "{headers:?} {body}");
    }
    let one = json!({"writeKey": WRITE, "userId": "u"}).to_string();
    assert_eq!(server.ask("POST", "/v1/page", &[], one).await.status, 200);
    for entry in keep::Keep::log(&*server.keep, 0, 100).await.expect("memory can be read") {
        assert!(!String::from_utf8_lossy(&entry.bytes).contains(WRITE), "the key is not kept");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_bad_message_does_not_lose_its_neighbours() {
    let server = start().await;
    let body = r#"{"batch":[{"type":"track","event":"Good","userId":"u","messageId":"m1"},{"type":"track","userId":"u","messageId":"m2"},7,{"type":"bogus","userId":"u"}]}"#;
    let answer = server.post("/v1/batch", body).await;
    let json = answer.json();
    assert_eq!((answer.status, &json["accepted"], &json["rejected"]), (200, &json!(1), &json!(3)), "{json}");
    let places: Vec<_> =
        json["errors"].as_array().expect("a list").iter().map(|error| error["index"].clone()).collect();
    assert_eq!(places, [1, 2, 3]);
    assert_eq!((&json["errors"][0]["messageId"], &json["errors"][0]["code"]), (&json!("m2"), &json!("invalid_event")));
    assert_eq!(server.entries().await, 4, "the rejected ones are kept, too");
    server.stop().await;
}

#[tokio::test]
async fn the_same_message_twice_is_one() {
    let server = start().await;
    let body =
        r#"{"batch":[{"type":"page","userId":"u","messageId":"m"},{"type":"page","userId":"u","messageId":"m"}]}"#;
    for _ in 0..2 {
        assert_eq!(server.post("/v1/batch", body).await.json()["accepted"], 2);
    }
    assert_eq!(server.entries().await, 1);
    server.stop().await;
}

#[tokio::test]
async fn a_number_that_is_none_does_not_lose_its_batch() {
    let server = start().await;
    // As `json.dumps` of Python writes it.
    let odd = r#"{"type":"track","userId":"u","event":"A","messageId":"odd","properties":{"price":NaN,"low": -Infinity, "all":[Infinity,NaN],"NaN":"NaN, \"NaN\""}}"#;
    let good = (1..100).map(|n| format!(r#"{{"type":"track","userId":"u","event":"A","messageId":"m{n}"}}"#));
    let batch: Vec<String> = std::iter::once(odd.to_owned()).chain(good).collect();
    let answer = server.post("/v1/batch", format!(r#"{{"batch":[{}]}}"#, batch.join(","))).await;
    assert_eq!((answer.status, &answer.json()["accepted"]), (200, &json!(100)), "{answer:?}");
    let kept = server.get("/api/v1/events?messageId=odd", ADMIN).await.json();
    let properties = json!({"price": null, "low": null, "all": [null, null], "NaN": "NaN, \"NaN\""});
    assert_eq!(kept["events"][0]["properties"], properties);
    server.stop().await;
}

#[tokio::test]
async fn gzip_is_told_by_its_header_or_its_first_bytes() {
    let server = start().await;
    let zipped = gzip(br#"{"batch":[{"type":"page","userId":"u"}]}"#);
    let basic = basic(WRITE);
    let key = ("Authorization", basic.as_str());
    assert_eq!(server.ask("POST", "/v1/batch", &[key, ("Content-Encoding", "gzip")], &zipped).await.status, 200);
    assert_eq!(server.ask("POST", "/v1/batch", &[key], &zipped).await.status, 200);
    let not_gzip = server.ask("POST", "/v1/batch", &[key, ("Content-Encoding", "gzip")], "not gzip").await;
    assert_eq!(not_gzip.said(), "400 broken_gzip");
    let cut = server.ask("POST", "/v1/batch", &[key], &zipped[..zipped.len() - 9]).await;
    assert_eq!(cut.said(), "400 broken_gzip");
    let brotli = server.ask("POST", "/v1/batch", &[key, ("Content-Encoding", "br")], "x").await;
    assert_eq!(brotli.said(), "415 unknown_encoding");
    server.stop().await;
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

#[tokio::test]
async fn a_batch_that_is_cut_at_4_mib_is_taken_in_with_what_stands_around_it() {
    let server = start().await;
    let message = |n| json!({"type": "track", "userId": "u", "event": "A", "messageId": n, "properties": {"a": "x".repeat(32_000)}});
    let batch: Vec<_> = (0..132).map(message).collect();
    let body = json!({"batch": batch, "sentAt": "2026-03-02T09:00:00Z"}).to_string();
    assert!(body.len() > 4 << 20, "clients of RudderStack stop when their messages have that much: {}", body.len());
    let answer = server.post("/v1/batch", body).await;
    assert_eq!((answer.status, &answer.json()["accepted"]), (200, &json!(132)), "{:?}", answer.said());
    server.stop().await;
}

#[tokio::test]
async fn clients_of_posthog_are_understood() {
    let server = start().await;
    let batch = json!({"api_key": WRITE, "batch": [
        {"event": "Seen", "distinct_id": "ann", "uuid": "1", "properties": {"v": 2}},
        {"event": "$create_alias", "distinct_id": "ann", "uuid": "2", "properties": {"alias": "old"}},
        {"event": "Nobody", "uuid": "3"},
    ]});
    let answer =
        server.ask("POST", "/batch/", &[("Content-Encoding", "gzip")], gzip(batch.to_string().as_bytes())).await;
    assert_eq!((answer.status, answer.json()), (200, json!({"status": 1})));
    let one = json!({"token": WRITE, "event": "Seen", "distinct_id": "bob", "uuid": "4"}).to_string();
    for path in ["/e/?compression=gzip-js", "/capture", "/i/v0/e/"] {
        assert_eq!(server.ask("POST", path, &[("Content-Type", "text/plain")], &one).await.status, 200, "{path}");
    }
    assert_eq!(server.entries().await, 4, "three events and a rejected one");
    assert_eq!(
        server.ask("POST", "/batch/", &[], r#"{"api_key":"no","batch":[]}"#).await.said(),
        "401 invalid_write_key"
    );
    assert_eq!(server.ask("POST", "/batch/", &[], r#"{"event":"Seen"}"#).await.said(), "401 missing_key");
    server.stop().await;
}

#[tokio::test]
async fn the_queue_of_posthog_in_a_browser_says_how_long_ago_it_was() {
    let server = start().await;
    let seen = |id: &str, offset: u32| json!({"event": "A", "uuid": id, "properties": {"token": WRITE, "distinct_id": "x"}, "offset": offset});
    let now_us = engine::Clock::now_us(&engine::SystemClock) / 1_000 * 1_000;
    let ago = |seconds: i64| event::Timestamp::from_micros(now_us - seconds * 1_000_000).to_string();
    let at = async |id: &str| {
        let found = server.get(&format!("/api/v1/events?messageId={id}"), ADMIN).await.json();
        found["events"][0]["timestamp"].as_str().unwrap_or_default().to_owned()
    };
    let post = async |query: &str, event: serde_json::Value| {
        let answer = server
            .ask("POST", &format!("/e/?{query}"), &[("Content-Type", "text/plain")], json!([event]).to_string())
            .await;
        assert_eq!(answer.status, 200, "{query}");
    };
    let sent = format!("compression=none&_={}", now_us / 1_000);
    post(&sent, seen("m1", 2_000)).await;
    post(&sent, seen("m2", 0)).await;
    assert_eq!((at("m1").await, at("m2").await), (ago(2), ago(0)));
    post("", seen("m3", 60_000)).await;
    assert!((ago(61)..ago(30)).contains(&at("m3").await), "before it arrived");
    post(&format!("_={}", now_us / 1_000 - 86_400_000), seen("m4", 60_000)).await;
    assert!((ago(61)..ago(30)).contains(&at("m4").await), "its clock is a day behind");
    for odd in ["x", "-1", "99999999999999999999", ""] {
        post(&format!("_={odd}"), seen(&format!("odd{odd}"), u32::MAX)).await;
    }
    let config =
        server.ask("GET", &format!("/array/{WRITE}/config?ip=0"), &[("Origin", "https://shop.test")], "").await;
    assert_eq!((config.status, config.header("access-control-allow-origin")), (200, "https://shop.test"));
    assert_eq!(config.json(), json!({"supportedCompression": ["gzip-js"], "hasFeatureFlags": false}));
    assert_eq!(server.ask("GET", "/array/unknown/config", &[], "").await.said(), "404 unknown_name");
    server.stop().await;
}

#[tokio::test]
async fn a_proxy_that_is_named_may_say_who_sent_it() {
    let message = r#"{"userId":"u","messageId":"m","context":{"library":{"name":"analytics.js"}}}"#;
    let sent_through = async |proxies: &[&str], lines: &[&str]| {
        let proxies: Vec<std::net::IpAddr> = proxies.iter().map(|it| it.parse().expect("an address")).collect();
        let server = start_with(charter::Charter::without_file(), |options| options.proxies = proxies).await;
        let key = basic(WRITE);
        let mut headers = vec![("Authorization", key.as_str())];
        headers.extend(lines.iter().map(|line| ("X-Forwarded-For", *line)));
        server.ask("POST", "/v1/page", &headers, message).await;
        let events = server.get("/api/v1/events", ADMIN).await.json();
        server.stop().await;
        events["events"][0]["context"]["ip"].as_str().unwrap_or_default().to_owned()
    };
    let list = ["6.6.6.6, 203.0.113.7, 10.0.0.9"];
    let proxy = ["127.0.0.1"];
    assert_eq!(sent_through(&[], &list).await, "127.0.0.1", "anybody may write such a header");
    assert_eq!(sent_through(&proxy, &list).await, "10.0.0.9");
    assert_eq!(sent_through(&["127.0.0.1", "10.0.0.9"], &list).await, "203.0.113.7");
    let added = ["6.6.6.6", "203.0.113.7"];
    assert_eq!(
        sent_through(&proxy, &added).await,
        "203.0.113.7",
        "what the proxy says comes after what the client says"
    );
    for (line, ip) in
        [("203.0.113.7:5678", "203.0.113.7"), ("[2001:db8::7]:443", "2001:db8::7"), ("[2001:db8::7]", "2001:db8::7")]
    {
        assert_eq!(sent_through(&proxy, &[line]).await, ip, "{line}");
    }
    for lines in [vec![], vec!["unknown"], vec!["203.0.113.7, unknown"], vec!["203.0.113.7, "]] {
        assert_eq!(sent_through(&proxy, &lines).await, "", "the proxy is not the customer: {lines:?}");
    }
}

#[tokio::test]
async fn browsers_get_their_settings() {
    let server = start().await;
    let answer = server.ask("GET", "/v1/projects/wk_accept/settings", &[], "").await;
    let settings = answer.json();
    assert_eq!((answer.status, answer.header("cache-control")), (200, "public, max-age=300"));
    let segment = &settings["integrations"]["Segment.io"];
    assert_eq!((&segment["apiHost"], &segment["protocol"]), (&json!("h.test/v1"), &json!("http")));
    assert_eq!(settings["remotePlugins"], json!([]));
    for (origin, protocol) in [("https://shop.test", "https"), ("http://shop.test", "http")] {
        let answer = server.ask("GET", "/v1/projects/wk_accept/settings", &[("Origin", origin)], "").await;
        assert_eq!(answer.json()["integrations"]["Segment.io"]["protocol"], protocol, "a page may use nothing else");
        assert_eq!(answer.header("vary"), "Origin");
    }
    for unknown in ["unknown", "ak_read_secret", "%FF"] {
        let answer = server.ask("GET", &format!("/v1/projects/{unknown}/settings"), &[], "").await;
        assert!([400, 404].contains(&answer.status), "{unknown}: {answer:?}");
    }
    for path in ["/sourceConfig", "/sourceConfig/", "/sourceConfig/?writeKey=wk_accept"] {
        let key = basic(if path.contains('?') { "" } else { WRITE });
        let answer = server.ask("GET", path, &[("Authorization", &key)], "").await;
        let source = &answer.json()["source"];
        assert!(
            answer.status == 200 && source["config"].is_object() && source["destinations"].is_array(),
            "{answer:?}"
        );
    }
    let head = server.ask("HEAD", "/sourceConfig", &[("Authorization", &basic(WRITE))], "").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(server.ask("GET", "/sourceConfig?writeKey=no", &[], "").await.said(), "401 invalid_write_key");
    server.stop().await;
}
