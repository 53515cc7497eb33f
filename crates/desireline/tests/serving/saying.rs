//! What an operator says of two keys, and what a customer says of a purpose: over the API, live, in the lake, and replayed.

use crate::CHARTER;
use crate::support::Place;

fn pair(a: &str, b: &str) -> String {
    format!(r#"{{"from":{{"kind":"user_id","value":"{a}"}},"to":{{"kind":"user_id","value":"{b}"}}}}"#)
}

#[test]
fn two_known_people_are_one_because_an_operator_says_so_and_two_again() {
    let place = Place::new(CHARTER);
    let running = place.start();
    running.send(r#"{"userId":"ann","anonymousId":"a1","event":"Visit"}"#);
    running.send(r#"{"userId":"anna","anonymousId":"a2","event":"Order"}"#);
    let alias = r#"{"type":"alias","previousId":"ann","userId":"anna"}"#;
    assert_eq!(running.admin("POST /v1/alias", alias).0, 200);
    let customer = |key: &str| running.admin(&format!("GET /api/v1/customers/{key}"), "").1;
    let events = |key: &str| customer(key)["events"].clone();
    assert_ne!(customer("user_id:ann")["customer"], customer("user_id:anna")["customer"], "the rules keep them apart");

    let said = running.admin("POST /api/v1/links", &pair("ann", "anna"));
    assert_eq!(said, (200, serde_json::json!({"changed": true})));
    assert_eq!(running.admin("POST /api/v1/links", &pair("anna", "ann")).1["changed"], false);
    for key in ["user_id:ann", "user_id:anna", "anonymous_id:a1", "anonymous_id:a2"] {
        assert_eq!(events(key), 2, "{key}");
    }
    assert_eq!(customer("user_id:ann")["stage"]["stage"], "use");
    // Evidence about others that comes later is still followed.
    running.send(r#"{"userId":"ann","anonymousId":"a3","event":"Visit"}"#);
    assert_eq!(events("anonymous_id:a3"), 3);
    // Taken back, said again, taken back.
    for (request, of_ann) in [("DELETE", 2), ("POST", 3), ("DELETE", 2)] {
        assert_eq!(running.admin(&format!("{request} /api/v1/links"), &pair("ann", "anna")).0, 200);
        assert_eq!(events("user_id:ann"), of_ann, "{request}");
    }
    assert_eq!(running.admin("POST /api/v1/links", &pair("ann", "anna")).0, 200);
    assert_eq!(running.admin("POST /api/v1/links", &pair("ann", "ann")).0, 400);
    assert_eq!(running.admin("POST /api/v1/links", &pair("ann", "nobody")).0, 400);
    let audit = running.admin("GET /api/v1/audit", "").1.to_string();
    assert!(audit.contains("keys linked") && audit.contains("link taken back") && !audit.contains("anna"), "{audit}");
    running.stop();

    assert_eq!(place.run(&["replay"]).0, 0, "states are what follows from the log");
    let in_lake = place.json(&["customer", "user_id:ann"]);
    let keys = in_lake["keys"].to_string();
    assert!(["ann", "anna", "a1", "a2", "a3"].iter().all(|key| keys.contains(&format!(":{key}\""))), "{in_lake}");
    assert!(in_lake.to_string().contains("said by a person"), "{in_lake}");
    let charter = place.home.join("charter.yaml");
    let same = place.json(&["replay", "--policy", charter.to_str().expect("text")]);
    assert_eq!(same["differing"], 0, "{same}");
}

const ASKING: &str = "\
charter: 1
stages: {choice: {}}
moments:
  visit: {stage: choice, when: event = 'Visit'}
features:
  visits: {count: visit}
actions:
  letter: {when: visits >= 1, purpose: marketing, value: 2}
";

#[test]
fn consent_comes_over_the_api_and_is_replayed() {
    let place = Place::new(ASKING);
    let running = place.start();
    running.send(r#"{"userId":"ann","event":"Visit"}"#);
    let decide = |occasion: &str| {
        let ask = format!(r#"{{"keys":{{"user_id":"ann"}},"occasion":"{occasion}"}}"#);
        running.admin("POST /api/v1/decide", &ask).1["action"].clone()
    };
    assert!(decide("first").is_null(), "nobody asked her");
    let put = |key: &str, body: &str| running.admin(&format!("PUT /api/v1/customers/{key}/consent"), body).0;
    assert_eq!(put("user_id:ann", r#"{"marketing": true, "analytics": false}"#), 200);
    assert_eq!(decide("second"), "letter");
    assert_eq!(put("user_id:ann", r#"{"marketing": false}"#), 200);
    assert!(decide("third").is_null());
    assert_eq!(put("email:new@x.de", r#"{"marketing": false}"#), 200, "before anything else is known");
    let shown = running.admin("GET /api/v1/customers/email:new@x.de", "").1;
    assert_eq!(
        (&shown["consents"][0]["purpose"], &shown["timeline"][0]["kind"]),
        (&"marketing".into(), &"consent".into())
    );
    for (key, body) in [("ann", "{\"a\":true}"), ("user_id:null", "{\"a\":true}"), ("user_id:ann", "{}")] {
        assert_eq!(put(key, body), 400, "{key} {body}");
    }
    assert_eq!(put("user_id:ann", r#"{"marketing": "yes"}"#), 400);
    running.stop();

    assert_eq!(place.run(&["replay"]).0, 0, "states are what follows from the log");
    // By a charter that asks for another purpose, the letter goes on another occasion.
    let other = place.beside("other.yaml");
    std::fs::write(&other, ASKING.replace("purpose: marketing, ", "")).expect("a file");
    let free = place.json(&["replay", "--policy", other.to_str().expect("text")]);
    assert_eq!((&free["occasions"], &free["actions"][0]["now"]), (&3.into(), &3.into()), "{free}");
}
