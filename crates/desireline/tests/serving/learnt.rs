//! What was imported before there was a server.

use crate::CHARTER;
use crate::support::Place;

const ROWS: &str = "user_id,anonymous_id,event,at\nu1,,Visit,2026-01-01T08:00Z\nu1,a1,Order,2026-01-02T08:00Z\n\
                    ,a1,Visit,2026-01-02T09:00Z\n,a2,Visit,2026-01-03T08:00Z\nu2,,Order,2026-01-04T08:00Z\nu2,a3,Visit,2026-01-04T09:00Z\n";

#[test]
fn who_was_imported_is_known_live_once_and_as_people_said() {
    let place = Place::new(CHARTER);
    let rows = place.beside("rows.csv");
    std::fs::write(&rows, ROWS).expect("a file");
    let (code, _, err) = place.run(&["import", rows.to_str().expect("text")]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(place.run(&["unmerge", "user_id:u2", "anonymous_id:a3"]).0, 0);
    let map = place.json(&["view", "map"]);

    // The second start has learnt already.
    for _ in 0..2 {
        let running = place.start();
        let (status, u1) = running.admin("GET /api/v1/customers/anonymous_id:a1", "");
        assert_eq!((status, &u1["events"], &u1["features"]["visits"]), (200, &3.into(), &2.into()), "{u1}");
        assert_eq!(u1["stage"]["stage"], "choice");
        assert_eq!((&u1["expectations"][0]["kept"], &u1["expectations"][0]["pending"]), (&1.into(), &0.into()), "{u1}");
        assert_eq!(u1["timeline"].as_array().map(Vec::len), Some(3));
        assert_eq!(running.admin("GET /api/v1/customers/user_id:u2", "").1["events"], 2);
        assert_eq!(running.admin("GET /api/v1/customers/anonymous_id:a3", "").1["events"], 0, "it was taken apart");
        running.stop();
    }
    assert_eq!(place.json(&["view", "map"]), map, "the lake has nothing twice");
    let compared = place.json(&["replay"]);
    assert_eq!(compared["equal"], true, "{compared}");

    // What comes now goes on from there.
    let running = place.start();
    running.send(r#"{"userId":"u1","event":"Visit"}"#);
    assert_eq!(running.admin("GET /api/v1/customers/user_id:u1", "").1["features"]["visits"], 3);
    running.stop();
    // Three that were learnt, one that came, and the one about the two who were taken apart, which might name them.
    assert_eq!(place.json(&["erase", "user_id:u1"])["live"]["entries"], 5);
}
