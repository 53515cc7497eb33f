//! `moments:`: what an event is.

use crate::home::Home;

const ROWS: &str = "customer,event,channel,at,total\nann,view,web,2026-01-01,\nann,buy,web,2026-01-02,5\n\
                    ben,view,app,2026-01-01,\nben,buy,app,2026-01-03,500\ncem,buy,web,2026-01-04,700\ncem,ping,web,2026-01-05,\n";
const CHARTER: &str = "charter: 1\nstages:\n  look: {label: Look}\n  deal: {label: Deal}\nmoments:\n  \
                       big: {stage: deal, when: \"event = 'buy' and properties.total > 100\"}\n  \
                       order: {stage: deal, when: \"event = 'buy'\"}\n  \
                       seen: {stage: look, when: \"event = 'view' and channel = 'web'\"}\n";

#[test]
fn sql_tells_moments_and_stages_as_views_do() {
    let home = Home::new();
    let charter = home.file("charter.yaml", CHARTER);
    home.run(&["import", &home.file("x.csv", ROWS)]).expect(0, &[]);
    let count =
        "select moment, max(stage) stage, count(*) n from events where moment is not null group by 1 order by 1";
    let rows = home.run(&["sql", count, "--charter", &charter, "--json"]).json();
    let map = home.run(&["view", "map", "--charter", &charter, "--json"]).json();
    let mut of_map: Vec<_> = map["moments"].as_array().unwrap().iter().map(|m| (&m["moment"], &m["events"])).collect();
    of_map.sort_by_key(|(moment, _)| moment.as_str());
    let of_sql: Vec<_> = rows.as_array().unwrap().iter().map(|row| (&row["moment"], &row["n"])).collect();
    assert_eq!(of_sql, of_map);
    assert_eq!(of_sql.len(), 3, "{rows}");
    let none = "select event, channel, at from events where moment is null order by at";
    let none = home.run(&["sql", none, "--charter", &charter, "--json"]).json();
    assert_eq!((&none[0]["channel"], &none[1]["event"]), (&"app".into(), &"ping".into()), "{none}");
    // A column of the lake beside it, and nothing of the lake at all.
    let one = home.run(&["sql", "select stage from events where customer = 0 limit 1", "--json"]);
    one.expect(0, &[]);
    let names = home.run(&["sql", "select distinct moment, stage from events order by 1", "--json"]).json();
    let names: Vec<_> =
        names.as_array().unwrap().iter().map(|row| (row["moment"].as_str(), row["stage"].as_str())).collect();
    assert_eq!(names, [(Some("buy"), None), (Some("ping"), None), (Some("view"), None)], "without a charter");
}
