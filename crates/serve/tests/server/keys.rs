//! Who may do what.

use std::sync::{Arc, Mutex};

use charter::Charter;
use keep::{Commit, Keep as _, Memory, RecordChange};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::support::{ADMIN, READ, Running, WRITE, basic, open, start, start_with};

async fn make(server: &Running, body: &Value) -> Value {
    let answer = server.ask("POST", "/api/v1/keys", &[("X-API-Key", ADMIN)], body.to_string()).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()
}

#[tokio::test]
async fn a_key_is_made_used_and_withdrawn() {
    let server = start().await;
    let made = make(&server, &json!({"name": "web shop", "roles": ["ingest"], "source": "web"})).await;
    let key = made["key"].as_str().expect("it is shown once");
    assert!(key.starts_with("wk_") && key.len() == 25, "{key}");
    let page = r#"{"userId":"u"}"#;
    assert_eq!(server.ask("POST", "/v1/page", &[("Authorization", &basic(key))], page).await.status, 200);
    let listed = server.get("/api/v1/keys", ADMIN).await;
    assert!(listed.json()["keys"][0]["name"] == "web shop" && !listed.body.contains(key), "{listed:?}");
    for record in keep::Keep::records(&*server.keep, "", None, 100).await.expect("memory can be read") {
        assert!(!String::from_utf8_lossy(&record.bytes).contains(key), "only a hash is kept: {}", record.name);
    }
    let id = made["id"].as_str().expect("it has an id");
    let gone = server.ask("DELETE", &format!("/api/v1/keys/{id}"), &[("X-API-Key", ADMIN)], "").await;
    assert_eq!((gone.status, gone.body.as_str()), (204, ""));
    let refused = server.ask("POST", "/v1/page", &[("Authorization", &basic(key))], page).await;
    assert_eq!(refused.said(), "401 invalid_write_key");
    let again = server.ask("DELETE", &format!("/api/v1/keys/{id}"), &[("X-API-Key", ADMIN)], "").await;
    assert_eq!(again.said(), "404 unknown_name");
    let audit = server.get("/api/v1/audit?limit=1", ADMIN).await.json();
    assert_eq!(audit["entries"][0]["what"], "key made");
    let next = audit["next"].as_str().expect("there is another page");
    let audit = server.get(&format!("/api/v1/audit?after={next}"), ADMIN).await.json();
    let entry = &audit["entries"][0];
    assert_eq!((&entry["what"], &entry["of"], &entry["who"]), (&json!("key withdrawn"), &json!(id), &json!("given-3")));
    server.stop().await;
}

#[tokio::test]
async fn a_key_may_do_what_its_roles_say() {
    let server = start().await;
    let secret = make(&server, &json!({"name": "crm", "roles": ["read", "decide"]})).await;
    let secret = secret["key"].as_str().expect("it is shown once");
    assert!(secret.starts_with("ak_"), "{secret}");
    for key in [secret, READ, WRITE] {
        assert_eq!(server.get("/api/v1/keys", key).await.said(), "403 not_allowed", "{key}");
        assert_eq!(
            server.ask("GET", "/api/v1/keys", &[("Authorization", &format!("Bearer {key}"))], "").await.status,
            403
        );
    }
    assert_eq!(server.get("/api/v1/keys", "").await.said(), "401 missing_key");
    assert_eq!(server.get("/api/v1/keys", "ak_wrong").await.said(), "401 invalid_api_key");
    assert_eq!(
        server.get("/api/v1/keys?writeKey=ak_admin_secret", "").await.said(),
        "401 missing_key",
        "not in an address"
    );
    server.stop().await;
}

#[tokio::test]
async fn a_write_key_may_be_bound_to_its_sites() {
    let server = start().await;
    let made = make(&server, &json!({"name": "web", "roles": ["ingest"], "origins": ["https://shop.test"]})).await;
    let key = basic(made["key"].as_str().expect("it is shown once"));
    let page = |origin: &'static str| {
        let headers = [("Authorization", key.clone()), ("Origin", origin.to_owned())];
        let server = &server;
        async move {
            let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            server.ask("POST", "/v1/page", &headers, r#"{"userId":"u"}"#).await.said()
        }
    };
    assert_eq!(page("https://shop.test").await, "200 -");
    assert_eq!(page("https://evil.test").await, "403 origin_not_allowed");
    server.stop().await;
}

#[tokio::test]
async fn a_key_ends_when_it_was_to() {
    let server = start().await;
    let past = json!({"name": "old", "roles": ["admin"], "expires_us": 1_000}).to_string();
    assert_eq!(server.ask("POST", "/api/v1/keys", &[("X-API-Key", ADMIN)], past).await.said(), "400 invalid_request");
    let end_us = 4_000_000_000_000_000_i64;
    let made = make(&server, &json!({"name": "old", "roles": ["admin"], "expires_us": end_us})).await;
    assert_eq!(server.get("/api/v1/keys", made["key"].as_str().expect("a key")).await.status, 200);
    // As if that time had come.
    let mut record = server.keep.records("key/", None, 1).await.expect("memory can be read").remove(0);
    record.bytes = String::from_utf8(record.bytes).expect("JSON").replace(&end_us.to_string(), "1").into_bytes();
    let records = vec![RecordChange { name: record.name, expected: None, bytes: Some(record.bytes) }];
    server.keep.commit(Commit { records, ..Commit::default() }).await.expect("memory can be written");
    make(&server, &json!({"name": "another", "roles": ["read"]})).await;
    assert_eq!(server.get("/api/v1/keys", made["key"].as_str().expect("a key")).await.said(), "401 invalid_api_key");
    server.stop().await;
}

#[tokio::test]
async fn the_last_admin_key_stays() {
    let server = start_with(Charter::without_file(), |options| options.keys.clear()).await;
    let admin = server.first_admin.clone().expect("there were no keys");
    let ids = async |name: &str| {
        let listed = server.get("/api/v1/keys", &admin).await.json();
        let keys = listed["keys"].as_array().expect("a list").clone();
        keys.iter().find(|key| key["name"] == name).expect("it is kept")["id"].as_str().expect("a text").to_owned()
    };
    let own = format!("/api/v1/keys/{}", ids("first admin key").await);
    let refused = server.ask("DELETE", &own, &[("X-API-Key", &admin)], "").await;
    assert!(refused.said() == "409 conflict" && refused.body.contains("make another first"), "{refused:?}");
    let write = format!("/api/v1/keys/{}", ids("first write key").await);
    assert_eq!(server.ask("DELETE", &write, &[("X-API-Key", &admin)], "").await.status, 204);
    let second = json!({"name": "second", "roles": ["admin"]}).to_string();
    assert_eq!(server.ask("POST", "/api/v1/keys", &[("X-API-Key", &admin)], second).await.status, 201);
    assert_eq!(server.ask("DELETE", &own, &[("X-API-Key", &admin)], "").await.status, 204);
    server.stop().await;
}

#[tokio::test]
async fn without_keys_two_are_made_and_only_where_nobody_else_can_come() {
    let keep = Arc::new(Memory::new(keep::limits::MESSAGES_KNOWN_US));
    let begin = |address: &'static str| {
        let (keep, (_, stopped)) = (Arc::clone(&keep), watch::channel(false));
        let change = move |options: &mut serve::Options| {
            options.keys.clear();
            options.listen = address.parse().expect("an address");
        };
        open(keep, Charter::without_file(), change, stopped, Arc::new(Mutex::new(Vec::new())))
    };
    assert!(matches!(begin("0.0.0.0:0").await, Err(serve::Error::NoKeys(_))));
    let first = begin("127.0.0.1:0").await.expect("it starts");
    let keys = first.first_keys().expect("there were none");
    assert!(keys.write_key.starts_with("wk_") && keys.admin_key.starts_with("ak_"));
    assert!(begin("127.0.0.1:0").await.expect("it starts").first_keys().is_none(), "they are there by now");
    assert!(begin("0.0.0.0:0").await.is_ok(), "there are keys now");
}
