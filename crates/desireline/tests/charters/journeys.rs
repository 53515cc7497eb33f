//! `journeys:`: how runs are cut.

use crate::home::Home;

/// Ann is silent from Friday to Tuesday, Ben over Easter, Cem over three working days.
const ROWS: &str = "customer,event,at\nann,visit,2026-03-06T09:00\nann,visit,2026-03-10T10:00\n\
                    ben,visit,2026-04-02T09:00\nben,visit,2026-04-08T09:00\n\
                    cem,visit,2026-06-01T09:00\ncem,visit,2026-06-04T09:01\n";

#[test]
fn silence_is_counted_in_the_working_days_of_the_charter() {
    let home = Home::new();
    let charter = |after: &str| {
        let text = format!(
            "charter: 1\ntimezone: Europe/Berlin\ncalendar: {{holidays: [2026-04-03, 2026-04-06]}}\n\
             journeys: {{visits: {{abandoned_after: {after}}}}}\n\
             tests:\n  - name: over a weekend\n    events: [{{at: 2026-03-06T09:00, user_id: u, event: visit}}]\n    \
             until: 2026-03-10T09:00\n    expect: {{journey.visits: {}}}\n",
            if after == "3d" { "abandoned" } else { "open" }
        );
        home.file(&format!("{after}.yaml"), text)
    };
    home.run(&["import", &home.file("x.csv", ROWS), "--timezone", "Europe/Berlin"]).expect(0, &[]);
    let journeys = |after: &str| {
        let answer = home.run(&["view", "map", "--journey", "visits", "--charter", &charter(after), "--json"]).json();
        answer["journeys"].as_u64().unwrap()
    };
    assert_eq!(journeys("3d"), 6, "three days are over for all three");
    assert_eq!(journeys("3bd"), 4, "three working days only for Cem");
    assert_eq!(journeys("1bd"), 6);
    for after in ["3d", "3bd"] {
        home.run(&["test", &charter(after)]).expect(0, &[]);
    }
}
