//! Our own API: what is asked of customers, decisions, events and targets.

use std::time::Duration;

use charter::Charter;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpStream;

use crate::support::{ADMIN, READ, Running, WRITE, basic, request, start, start_with};

fn charter() -> Charter {
    let text = r#"
charter: 1
organisation: Shop
channels:
  call: {label: Call}
stages:
  choice: {label: Choice}
  deal: {label: Deal}
moments:
  visit: {stage: choice, when: "event = 'Visited'"}
  order: {stage: deal, when: "event = 'Order Completed'"}
sources:
  "tickets": {event: "'Visited'", user_id: caller, message_id: number}
  "calls": {event: "'Called'", user_id: who, message_id: id, start: from, end: to}
  "desk": {event: what, user_id: "'kiosk'", anonymous_id: "'it''s'", message_id: id}
features:
  orders_7d: {count: order, within: 7d}
actions:
  call_back: {when: "orders_7d >= 1", channel: call, value: 12.0, propensity: 0.5}
"#;
    let (charter, _) = Charter::parse(text).unwrap_or_else(|problems| panic!("{problems:?}"));
    charter
}

async fn shop() -> Running {
    start_with(charter(), |_| {}).await
}

async fn admin(server: &Running, method: &str, path: &str, body: &Value) -> crate::support::Reply {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    server.ask(method, path, &[("X-API-Key", ADMIN)], body).await
}

#[tokio::test]
async fn a_customer_is_shown_as_it_is_now() {
    let server = shop().await;
    let batch = json!({"batch": [
        {"type": "track", "event": "Visited", "anonymousId": "a/1", "messageId": "m1"},
        {"type": "identify", "userId": "ann", "anonymousId": "a/1", "messageId": "m2"},
        {"type": "track", "event": "Order Completed", "userId": "ann", "messageId": "m3"},
    ]});
    assert_eq!(server.post("/v1/batch", batch.to_string()).await.json()["accepted"], 3);
    let shown = server.get("/api/v1/customers/user_id:ann", READ).await.json();
    assert_eq!((&shown["stage"]["stage"], &shown["features"]["orders_7d"]), (&json!("deal"), &json!(1)), "{shown}");
    let by_other = server.get("/api/v1/customers/anonymous_id%3Aa%2F1", READ).await.json();
    assert_eq!(by_other["customer"], shown["customer"]);
    assert!(shown["timeline"].as_array().is_some_and(|timeline| timeline.len() >= 3), "{shown}");
    for (path, said) in [
        ("/api/v1/customers/user_id:bob", "404 unknown_customer"),
        ("/api/v1/customers/ann", "400 invalid_request"),
        ("/api/v1/customers/%FF", "400 invalid_request"),
        ("/api/v1/customers/", "404 not_found"),
    ] {
        assert_eq!(server.get(path, READ).await.said(), said, "{path}");
    }
    let unlink = json!({"from": {"kind": "user_id", "value": "ann"}, "to": {"kind": "anonymous_id", "value": "a/1"}});
    let asked = server.ask("DELETE", "/api/v1/links", &[("X-API-Key", READ)], unlink.to_string()).await;
    assert_eq!(asked.said(), "403 not_allowed");
    assert_eq!(admin(&server, "DELETE", "/api/v1/links", &unlink).await.json(), json!({"found": true}));
    let ann = server.get("/api/v1/customers/user_id:ann", READ).await.json();
    let other = server.get("/api/v1/customers/anonymous_id:a%2F1", READ).await.json();
    assert_ne!(other["customer"], ann["customer"], "they are two now");
    let audit = server.get("/api/v1/audit", ADMIN).await;
    assert!(audit.body.contains("link taken back") && !audit.body.contains("ann"), "{audit:?}");
    server.stop().await;
}

#[tokio::test]
async fn events_are_found_by_what_is_asked_of_them() {
    let server = shop().await;
    let batch = json!({"batch": [
        {"type": "track", "event": "Visited", "userId": "ann", "messageId": "m1", "properties": {"a": [null, 1.5]}},
        {"type": "track", "event": "Visité", "userId": "ann", "messageId": "m2"},
        {"type": "page", "userId": 7, "anonymousId": "x", "messageId": "m3"},
    ]});
    // As Python writes it.
    let body = batch.to_string().replace('é', "\\u00e9");
    assert_eq!(server.post("/v1/batch", body).await.json()["accepted"], 3);
    let found = async |query: &str| {
        let answer = server.get(&format!("/api/v1/events?{query}"), READ).await.json();
        let ids = answer["events"].as_array().expect("a list").iter().map(|event| event["messageId"].clone());
        ids.map(|id| id.as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(found("").await, "m3 m2 m1", "the newest first");
    assert_eq!(found("userId=ann").await, "m2 m1");
    assert_eq!(found("userId=ann&event=Visit%C3%A9").await, "m2");
    assert_eq!(found("type=page").await, "m3");
    assert_eq!(found("userId=7&anonymousId=x").await, "m3");
    assert_eq!(found("messageId=m1&limit=1").await, "m1");
    let page = async |query: &str| server.get(&format!("/api/v1/events?limit=1{query}"), READ).await.json();
    let (mut after, mut pages) = (String::new(), Vec::new());
    while pages.len() < 9 {
        let found = page(&format!("&userId=ann{after}")).await;
        pages.extend(found["events"].as_array().expect("a list").iter().map(|event| event["messageId"].clone()));
        let Some(next) = found["next"].as_u64() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(pages, ["m2", "m1"], "page by page");
    assert_eq!(page("&after=0").await, json!({"events": [], "next": null}), "nothing is older than the first");
    assert_eq!(server.get("/api/v1/events?after=m1", READ).await.said(), "400 invalid_request");
    assert_eq!(found("event=Visit").await, "", "a part of a name is another name");
    assert_eq!(server.get("/api/v1/events?limit=0", READ).await.said(), "400 invalid_request");
    let misspelt = server.get("/api/v1/events?user=ann&limit=1", READ).await;
    assert!(
        misspelt.said() == "400 invalid_request" && misspelt.body.contains("did you mean `userId`?"),
        "{misspelt:?}"
    );
    assert_eq!(server.get("/api/v1/keys?limit=1", ADMIN).await.said(), "400 invalid_request", "it has no parameters");
    assert_eq!(server.get("/api/v1/events", WRITE).await.said(), "403 not_allowed", "a write key reads nothing");
    server.stop().await;
}

#[tokio::test]
async fn any_text_may_be_a_user() {
    let server = shop().await;
    for user in ["'kiosk'", "a\"b\\c", "a:b/c?d#e&f=g+h%41;i", "☃ é", "%", "[7]"] {
        let message = json!({"event": "Visited", "userId": user}).to_string();
        assert_eq!(server.post("/v1/track", message).await.status, 200, "{user}");
        let encoded = user.bytes().fold(String::new(), |all, byte| all + &format!("%{byte:02X}"));
        let found = server.get(&format!("/api/v1/events?userId={encoded}"), READ).await.json();
        let users: Vec<&Value> = found["events"].as_array().expect("a list").iter().map(|e| &e["userId"]).collect();
        assert_eq!(users, [user], "{found}");
        let shown = server.get(&format!("/api/v1/customers/user_id:{encoded}"), READ).await.json();
        assert_eq!(shown["keys"], json!([{"kind": "user_id", "value": user}]), "{shown}");
    }
    server.stop().await;
}

#[tokio::test]
async fn the_kind_and_value_of_a_key_have_1000_bytes_together() {
    let server = shop().await;
    for (bytes, event, asked) in [(993, 200, "200 -"), (994, 400, "400 invalid_request")] {
        let user = "u".repeat(bytes);
        let message = json!({"event": "Visited", "userId": user}).to_string();
        assert_eq!(server.post("/v1/track", message).await.status, event, "{bytes}");
        let question = json!({"keys": {"user_id": user}});
        assert_eq!(
            admin(&server, "POST", "/api/v1/decide", &question).await.said(),
            asked,
            "{bytes}: no event could come"
        );
        let (path, consent) = (format!("/api/v1/customers/user_id:{user}/consent"), json!({"service": true}));
        assert_eq!(admin(&server, "PUT", &path, &consent).await.said(), asked, "{bytes}");
    }
    server.stop().await;
}

#[tokio::test]
async fn rejected_messages_can_be_looked_at() {
    let server = shop().await;
    for n in 0..3 {
        server.post("/v1/track", format!(r#"{{"userId":"u","messageId":"m{n}"}}"#)).await;
    }
    let page = server.get("/api/v1/rejected?limit=2", READ).await.json();
    assert_eq!(page["rejected"][1]["message_id"], "m1", "{page}");
    assert_eq!(page["rejected"][0]["reason"], "missing-event");
    let next = page["next"].as_u64().expect("there is another page");
    let page = server.get(&format!("/api/v1/rejected?after={next}"), READ).await.json();
    assert_eq!((&page["rejected"][0]["message_id"], &page["next"]), (&json!("m2"), &Value::Null));
    assert_eq!(server.get("/api/v1/rejected?after=x", READ).await.said(), "400 invalid_request");
    server.stop().await;
}

#[tokio::test]
async fn a_decision_explains_itself() {
    let server = shop().await;
    let ask = json!({"keys": {"user_id": "ann"}, "occasion": "one"});
    let decided = admin(&server, "POST", "/api/v1/decide", &ask).await.json();
    assert_eq!(
        (&decided["action"], &decided["actions"][0]["fell_out"]),
        (&Value::Null, &json!("condition")),
        "{decided}"
    );
    let event = json!({"type": "track", "event": "Order Completed", "userId": "ann", "messageId": "m1"});
    let ask = json!({"event": event});
    let decided = admin(&server, "POST", "/api/v1/decide", &ask).await.json();
    assert_eq!((&decided["action"], &decided["repeated"]), (&json!("call_back"), &json!(false)), "{decided}");
    assert_eq!(decided["actions"][0]["score"], 6.0, "{decided}");
    let again = admin(&server, "POST", "/api/v1/decide", &ask).await.json();
    assert_eq!(
        (&again["action"], &again["repeated"]),
        (&json!("call_back"), &json!(true)),
        "the same event is the same occasion"
    );
    for (ask, said) in [
        (json!({}), "400 invalid_request"),
        (json!({"keys": {"user_id": ""}}), "400 invalid_request"),
        (json!({"keys": {"user_id": 7}}), "400 wrong_form"),
        (json!({"key": "ann"}), "400 wrong_form"),
        (json!({"event": {"type": "track", "userId": "ann"}}), "400 invalid_event"),
        (json!({"event": 7}), "400 invalid_event"),
    ] {
        assert_eq!(admin(&server, "POST", "/api/v1/decide", &ask).await.said(), said, "{ask}");
    }
    let made = admin(&server, "POST", "/api/v1/keys", &json!({"name": "crm", "roles": ["decide"]})).await.json();
    let key = made["key"].as_str().expect("a key");
    let asked = server.ask("POST", "/api/v1/decide", &[("X-API-Key", key)], json!({"event": event}).to_string()).await;
    assert_eq!(asked.said(), "403 not_allowed", "to send an event, a key has to be allowed to");
    server.stop().await;
}

#[tokio::test]
async fn a_message_of_a_client_may_ask_what_to_do_next() {
    let server = shop().await;
    let message = json!({"event": "Order Completed", "userId": "bob", "messageId": "m1"});
    let answer = admin(&server, "POST", "/v1/track?decide=true", &message).await.json();
    let decision = &answer["decision"];
    assert_eq!((&answer["success"], &decision["action"]), (&json!(true), &json!("call_back")), "{answer}");
    let again = &admin(&server, "POST", "/v1/track?decide=true", &message).await.json()["decision"];
    assert_eq!((&again["occasion"], &again["repeated"]), (&decision["occasion"], &json!(true)), "it is the occasion");
    let plain = admin(&server, "POST", "/v1/track?decide=false", &json!({"event": "Visit", "userId": "bob"})).await;
    assert_eq!(plain.json(), json!({"success": true}));
    assert_eq!(admin(&server, "POST", "/v1/track?decide=perhaps", &message).await.said(), "400 invalid_request");
    assert_eq!(
        admin(&server, "POST", "/v1/track?decide=true", &json!({"userId": "bob"})).await.said(),
        "400 invalid_event"
    );
    // A write key may send events, and so may everybody who reads the page that it stands in.
    let made = admin(&server, "POST", "/api/v1/keys", &json!({"name": "web", "roles": ["ingest"]})).await.json();
    let body = json!({"event": "Visit", "userId": "eve", "messageId": "e1", "writeKey": made["key"]});
    let asked = server.ask("POST", "/v1/track?decide=true", &[], body.to_string()).await;
    assert_eq!(asked.said(), "403 not_allowed");
    let found = server.get("/api/v1/events?userId=eve", READ).await.json();
    assert_eq!(found["events"], json!([]), "nothing was taken in");
    server.stop().await;
}

/// What is told as it changes, to whoever has this key.
async fn live(server: &Running, key: &str, query: &str) -> Lines<BufReader<TcpStream>> {
    let mut stream = TcpStream::connect(server.address).await.expect("it listens");
    let headers = [("X-API-Key", key), ("Accept", "text/event-stream")];
    stream.write_all(&request("GET", &format!("/api/v1/live{query}"), &headers, b"")).await.expect("it reads");
    let mut lines = BufReader::new(stream).lines();
    let mut head = String::new();
    while let Some(line) = lines.next_line().await.expect("it answers") {
        if line.is_empty() {
            break;
        }
        head += &line;
    }
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("text/event-stream"), "{head}");
    lines
}

#[tokio::test]
async fn changes_of_others_do_not_put_off_the_sign_of_life() {
    let server = start_with(charter(), |options| options.alive_every = Duration::from_millis(300)).await;
    let mut lines = live(&server, READ, "?customer=1000").await;
    let alive = async { while lines.next_line().await.expect("it goes on").is_none_or(|line| line != ": alive") {} };
    let others = async {
        for n in 0_u64.. {
            let visit = json!({"event": "Order Completed", "userId": "ann", "messageId": n});
            assert_eq!(server.post("/v1/track", visit.to_string()).await.status, 200);
        }
    };
    tokio::select! {
        () = alive => {}
        () = others => {}
        () = tokio::time::sleep(Duration::from_secs(10)) => panic!("no sign of life"),
    }
    server.stop().await;
}

#[tokio::test]
async fn nothing_is_told_to_a_key_that_was_withdrawn() {
    let server = shop().await;
    let made = admin(&server, "POST", "/api/v1/keys", &json!({"name": "screen", "roles": ["read"]})).await.json();
    let mut lines = live(&server, made["key"].as_str().expect("a key"), "").await;
    let path = format!("/api/v1/keys/{}", made["id"].as_str().expect("an id"));
    assert_eq!(admin(&server, "DELETE", &path, &Value::Null).await.status, 204);
    server.post("/v1/track", r#"{"event":"Order Completed","userId":"ann"}"#).await;
    while let Some(line) = lines.next_line().await.expect("it ends as it should") {
        assert!(!line.starts_with("event: "), "{line}");
    }
    server.stop().await;
}

#[tokio::test]
async fn what_changes_is_told_as_it_changes() {
    let server = shop().await;
    assert_eq!(server.get("/api/v1/live", READ).await.said(), "406 not_acceptable", "it would wait for an end");
    let mut lines = live(&server, READ, "").await;
    server.post("/v1/track", r#"{"event":"Order Completed","userId":"ann"}"#).await;
    let mut seen = Vec::new();
    while let Some(line) = lines.next_line().await.expect("it goes on") {
        if line.starts_with("event: ") || line.starts_with("data: ") {
            seen.push(line);
        }
        if seen.len() == 2 {
            break;
        }
    }
    assert_eq!(seen[0], "event: change");
    assert!(seen[1].contains("\"order\"") && seen[1].contains("\"deal\""), "{seen:?}");
    server.tell_to_stop();
    while lines.next_line().await.expect("it ends").is_some() {}
    server.stop().await;
}

#[tokio::test]
async fn targets_are_put_paused_and_removed() {
    let server = shop().await;
    let target = json!({"url": "https://crm.example/hook"});
    let put = admin(&server, "PUT", "/api/v1/targets/crm", &target).await.json();
    assert!(put["secret"].as_str().is_some_and(|secret| secret.starts_with("whsec_")), "{put}");
    let listed = server.get("/api/v1/targets", READ).await;
    assert_eq!(listed.json()["targets"][0]["url"], "https://crm.example/hook");
    assert!(!listed.body.contains("whsec_"), "{listed:?}");
    let nothing = Value::Null;
    for (method, path, body, said) in [
        ("POST", "crm/pause", &json!({"why": "moving"}), "204 -"),
        ("POST", "crm/pause", &nothing, "204 -"),
        ("POST", "crm/resume", &nothing, "204 -"),
        ("POST", "crm/resend", &json!({}), "200 -"),
        ("POST", "crm/resend", &nothing, "200 -"),
        ("POST", "crm/resend", &json!({"id": "msg_1"}), "404 unknown_name"),
        ("POST", "other/pause", &nothing, "404 unknown_name"),
        ("GET", "crm/waiting", &nothing, "200 -"),
        ("GET", "crm/dead", &nothing, "200 -"),
        ("PUT", "crm", &json!({"url": "http://127.0.0.1/hook"}), "400 invalid_request"),
        ("PUT", "crm", &json!({"url": "https://crm.example/\r\nX: y"}), "400 invalid_request"),
        ("PUT", "crm", &json!({"url": "https://crm.example/", "secret": "whsec_x"}), "400 invalid_request"),
        ("DELETE", "crm", &nothing, "204 -"),
        ("DELETE", "crm", &nothing, "404 unknown_name"),
    ] {
        let answer = admin(&server, method, &format!("/api/v1/targets/{path}"), body).await;
        assert_eq!(answer.said(), said, "{method} {path} {body}: {answer:?}");
    }
    let audit = server.get("/api/v1/audit", ADMIN).await.json();
    let whats: Vec<_> = audit["entries"].as_array().expect("a list").iter().map(|entry| &entry["what"]).collect();
    assert_eq!(whats.first(), Some(&&json!("target put")), "{audit}");
    assert_eq!(whats.last(), Some(&&json!("target removed")), "{audit}");
    server.stop().await;
}

#[tokio::test]
async fn objects_come_in_as_the_charter_maps_them() {
    let server = shop().await;
    let basic = basic(WRITE);
    let key = [("Authorization", basic.as_str())];
    let tickets = r#"[{"caller":"ann","number":"t1"},{"number":"t2"}]"#;
    let answer = server.ask("POST", "/v1/webhooks/tickets", &key, tickets).await;
    assert_eq!((&answer.json()["accepted"], &answer.json()["rejected"]), (&json!(1), &json!(1)), "{answer:?}");
    let again =
        server.ask("POST", "/v1/webhooks/tickets?writeKey=wk_accept", &[], r#"{"caller":"ann","number":"t1"}"#).await;
    assert_eq!(again.status, 200, "{again:?}");
    let shown = server.get("/api/v1/customers/user_id:ann", READ).await.json();
    assert_eq!((&shown["events"], &shown["stage"]["stage"]), (&json!(1), &json!("choice")), "{shown}");
    for query in ["event=Visited", "messageId=t1&event=Visited", "event=Visited&userId=ann"] {
        let found = server.get(&format!("/api/v1/events?{query}"), READ).await.json();
        assert_eq!(found["events"][0]["messageId"], "t1", "its name stands in the charter: {query} {found}");
    }
    assert_eq!(server.get("/api/v1/events?event=Visit", READ).await.json()["events"], json!([]));
    let desk = server.ask("POST", "/v1/webhooks/desk", &key, r#"{"what":"Visited","id":"d1"}"#).await;
    assert_eq!(desk.json()["accepted"], 1, "{desk:?}");
    for query in ["userId=kiosk", "anonymousId=it%27s&userId=kiosk"] {
        let found = server.get(&format!("/api/v1/events?{query}"), READ).await.json();
        assert_eq!(found["events"][0]["messageId"], "d1", "whose it is stands in the charter: {query} {found}");
    }
    assert_eq!(server.ask("POST", "/v1/webhooks/other", &key, tickets).await.said(), "404 unknown_name");
    assert_eq!(server.ask("POST", "/v1/webhooks/tickets", &[], tickets).await.said(), "401 missing_key");
    server.stop().await;
}

#[tokio::test]
async fn errors_name_the_object_of_the_body_where_one_makes_two_events() {
    let server = shop().await;
    let call =
        |id: u32, who: &str| format!(r#"{{"id":{id}{who},"from":"2026-03-02T09:00:00Z","to":"2026-03-02T09:05:00Z"}}"#);
    let check = |answer: &crate::support::Reply| {
        let said = answer.json();
        assert_eq!(
            (&said["accepted"], &said["rejected"], &said["errors"][0]["index"]),
            (&json!(1), &json!(1), &json!(1))
        );
        assert_eq!(said["errors"].as_array().map(Vec::len), Some(1), "{said}");
    };
    let calls = format!("[{},{}]", call(1, r#","who":"ann""#), call(2, ""));
    check(&server.post("/v1/webhooks/calls", calls).await);
    assert_eq!(server.entries().await, 3, "a beginning, an end, and a rejected one");
    let one = server.post("/v1/webhooks/calls", call(3, r#","who":"ann""#)).await;
    assert_eq!(one.json(), json!({"success": true}));
    assert_eq!(server.post("/v1/webhooks/calls", call(4, "")).await.said(), "400 invalid_event");
    let event = |id: u32, who: &str| {
        let inside = r#""from":"2026-03-02T10:00:00Z","to":"2026-03-02T10:05:00Z""#;
        format!(r#"{{"specversion":"1.0","id":"{id}","source":"calls","type":"call"{who},{inside}}}"#)
    };
    let basic = basic(WRITE);
    let headers = [("Authorization", basic.as_str()), ("Content-Type", "application/cloudevents-batch+json")];
    let events = format!("[{},{}]", event(5, r#","who":"ann""#), event(6, ""));
    check(&server.ask("POST", "/v1/cloudevents", &headers, events).await);
    server.stop().await;
}

#[tokio::test]
async fn cloud_events_come_in_one_by_one_as_a_list_and_in_headers() {
    let server = start().await;
    let basic = basic(WRITE);
    let key = ("Authorization", basic.as_str());
    let one =
        r#"{"specversion":"1.0","id":"1","source":"/s","type":"order.placed","subject":"ann","data":{"total":5}}"#;
    let post = async |content: &str, body: &str| {
        server.ask("POST", "/v1/cloudevents", &[key, ("Content-Type", content)], body).await
    };
    let answer = post("application/cloudevents+json; charset=utf-8", one).await;
    assert_eq!((answer.status, answer.body.as_str()), (202, ""));
    assert_eq!(
        post("application/cloudevents-batch+json", &format!("[{one},{}]", one.replace("\"1\"", "\"2\""))).await.status,
        202
    );
    let headers = [
        key,
        ("Content-Type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-id", "3"),
        ("ce-source", "/s"),
        ("ce-type", "t"),
        ("ce-subject", "ann"),
    ];
    assert_eq!(server.ask("POST", "/v1/cloudevents", &headers, "{}").await.status, 202);
    assert_eq!(server.entries().await, 3, "the same source and id are the same event");
    assert_eq!(post("application/cloudevents+avro", one).await.said(), "415 unknown_format");
    assert_eq!(post("application/json", one).await.said(), "415 unknown_format");
    assert_eq!(post("application/cloudevents+json", "{}").await.said(), "400 wrong_form");
    let nobody = one.replace("\"subject\":\"ann\",", "");
    assert_eq!(post("application/cloudevents+json", &nobody).await.said(), "400 invalid_event");
    let mixed =
        post("application/cloudevents-batch+json", &format!("[{nobody},{}]", one.replace("\"1\"", "\"4\""))).await;
    assert_eq!((mixed.status, &mixed.json()["rejected"]), (200, &json!(1)));
    let asks = [("WebHook-Request-Origin", "sender.example")];
    let welcome = server.ask("OPTIONS", "/v1/cloudevents", &asks, "").await;
    assert_eq!((welcome.status, welcome.header("webhook-allowed-origin")), (200, "sender.example"));
    server.stop().await;
}
