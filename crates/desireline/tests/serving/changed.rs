//! A charter that is changed while the server runs.

use std::time::{Duration, Instant};

use crate::CHARTER;
use crate::support::{Place, Running, ask};

/// Waits until the charter in force is another one; whoever asks meanwhile is answered.
fn wait_for_another(running: &Running, hash: &str) -> String {
    let begun = Instant::now();
    loop {
        let (status, charter) = running.admin("GET /api/v1/charter", "");
        assert_eq!(status, 200, "{charter}");
        match charter["hash"].as_str() {
            Some(now) if now != hash => return now.to_owned(),
            _ => assert!(begun.elapsed() < Duration::from_mins(1), "the charter is another one by now"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_charter_that_is_changed_is_in_force_for_the_past_too_and_nobody_is_refused_meanwhile() {
    let place = Place::new(CHARTER);
    let write = |text: &str| std::fs::write(place.home.join("charter.yaml"), text).expect("a file");
    let running = place.start();
    for n in 0..40 {
        running.send(&format!(r#"{{"userId":"u{n}","event":"Visit","messageId":"v{n}"}}"#));
        running.send(&format!(r#"{{"userId":"u{n}","event":"Order","messageId":"o{n}"}}"#));
    }
    let first = running.admin("GET /api/v1/charter", "").1["hash"].as_str().expect("a hash").to_owned();

    write("charter: 1\nmoments: {visit: {when: event ==}}\n");
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(running.admin("GET /api/v1/charter", "").1["hash"], first.as_str(), "one with errors changes nothing");

    write(&format!("{CHARTER}  orders: {{count: order}}\n"));
    let second = wait_for_another(&running, &first);
    let (status, u7) = running.admin("GET /api/v1/customers/user_id:u7", "");
    assert_eq!((status, &u7["features"]["orders"], &u7["features"]["visits"]), (200, &1.into(), &1.into()), "{u7}");
    running.send(r#"{"userId":"u7","event":"Order","messageId":"more"}"#);
    assert_eq!(running.admin("GET /api/v1/customers/user_id:u7", "").1["features"]["orders"], 2);
    assert!(ask(&running.address, "GET /healthz", "", "").is_some_and(|(status, _)| status == 200));

    // By which keys people are known is changed, too: what a whole shop shares names nobody.
    running.send(r#"{"userId":"u1","anonymousId":"kiosk","event":"Visit","messageId":"k1"}"#);
    running.send(r#"{"anonymousId":"kiosk","event":"Visit","messageId":"k2"}"#);
    assert_eq!(running.admin("GET /api/v1/customers/user_id:u1", "").1["features"]["visits"], 3);
    write(&format!(
        "{CHARTER}  orders: {{count: order}}\nkeys:\n  user_id: {{unique: true, priority: 1}}\n  anonymous_id: {{}}\n  junk: [kiosk]\n"
    ));
    wait_for_another(&running, &second);
    let begun = Instant::now();
    while running.admin("GET /api/v1/customers/user_id:u1", "").1["features"]["visits"] != 2 {
        assert!(begun.elapsed() < Duration::from_mins(1), "the kiosk is nobody by now");
        std::thread::sleep(Duration::from_millis(50));
    }
    running.stop();
    let compared = place.json(&["replay"]);
    assert_eq!(compared["equal"], true, "{compared}");
}
