//! What the doctor finds, and what it says to do.

use std::net::TcpListener;

use crate::CHARTER;
use crate::support::Place;

fn standing<'a>(found: &'a serde_json::Value, check: &str) -> &'a str {
    let checks = found["checks"].as_array().expect("a list");
    checks.iter().find(|of| of["check"] == check).and_then(|of| of["standing"].as_str()).unwrap_or("-")
}

#[test]
fn what_is_wrong_is_found_and_what_to_do_is_said() {
    let delivering = CHARTER.to_owned() + "actions: {call: {when: visits >= 1, value: 1, deliver: {webhook: crm}}}\n";
    let place = Place::new(&delivering);
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").to_string();
    let doctor = |listen: &str| {
        let (code, out, err) = place.run(&["--json", "doctor", "--listen", listen]);
        (code, serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}")))
    };
    let (code, found): (i32, serde_json::Value) = doctor(&free);
    assert_eq!((code, standing(&found, "lake"), standing(&found, "backup")), (0, "good", "doubtful"), "{found}");

    let running = place.start();
    running.send(r#"{"userId":"ann","event":"Visit"}"#);
    let (code, found) = doctor(&running.address);
    assert!(code == 0 && found.to_string().contains("a server answers on"), "{found}");
    assert!(found.to_string().contains("a server runs on this home"), "{found}");
    running.stop();
    let (code, found) = doctor(&free);
    assert!(code == 1 && found.to_string().contains("PUT /api/v1/targets/crm"), "what was posted waits: {found}");

    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    std::thread::spawn({
        let other = taken.try_clone().expect("a listener");
        move || other.incoming().for_each(drop)
    });
    let (code, found) = doctor(&taken.local_addr().expect("an address").to_string());
    assert_eq!((code, standing(&found, "address")), (1, "bad"), "{found}");
    std::fs::write(place.home.join("charter.yaml"), "charter: 1\nmoments: {visit: {stage: nowhere, when: x}}\n")
        .expect("a file");
    let (code, found) = doctor(&free);
    assert_eq!((code, standing(&found, "charter"), standing(&found, "live")), (1, "bad", "good"), "{found}");
    let (code, out, _) = place.run(&["doctor", "--listen", &free]);
    assert!(code == 1 && out.contains("BAD   charter") && out.contains("to do: `desireline check`"), "{out}");
}
