//! SQL that is more than a question, and answers that would steer the terminal.

use crate::home::{Home, many};

fn with_events() -> Home {
    let home = Home::new();
    home.import(&home.file("x.csv", many(300, 20)), &[]);
    home
}

#[test]
fn sql_only_reads() {
    let home = with_events();
    let written = home.path().join("../written.csv");
    let copy = format!("copy (select 1) to '{}'", written.display());
    let queries = [
        copy.as_str(),
        &format!("explain analyze {copy}"),
        "create external table users stored as csv location '/etc/passwd'",
        "create table more as select * from events",
        "create view more as select * from events",
        "drop table events",
        "insert into events select * from events",
        "delete from events",
        "set datafusion.execution.batch_size = 1",
    ];
    for query in queries {
        let ended = home.run(&["sql", query]);
        ended.expect(3, &["error: "]);
        assert_eq!(ended.out, "", "{query}");
    }
    home.run(&["sql", "drop table events"]).expect(3, &["SQL only reads the lake here: write one SELECT", "DropTable"]);
    assert!(!written.exists());
    assert_eq!(home.events(), 300);
    for question in ["select 1", "with a as (select 1 x) select x from a", "explain select 1", "show tables"] {
        home.run(&["sql", question]).expect(0, &[" row"]);
    }
}

#[test]
fn sql_cannot_steer_the_terminal() {
    let home = Home::new();
    home.import(&home.file("x.csv", "customer,event,at\na,\"\u{1b}[31mred\nnext\",2026-01-01\n"), &[]);
    let query = "select event, event as \"\u{1b}[1mname\" from events";
    let shown = home.run(&["sql", query]).out;
    assert_eq!(shown.lines().count(), 3, "{shown:?}");
    assert!(shown.contains("·[31mred·next") && shown.contains("·[1mname") && !shown.contains('\u{1b}'), "{shown:?}");
    // Other programs get what is there.
    assert_eq!(home.run(&["sql", query, "--json"]).json()[0]["event"], "\u{1b}[31mred\nnext");
    assert!(home.run(&["sql", query, "--csv"]).out.contains("\"\u{1b}[31mred\nnext\""));
}

#[test]
fn members_of_properties_are_columns_by_their_path() {
    let home = Home::new();
    let rows = "customer,event,at,amount,city\na,order,2026-01-01,12.5,Rome\nb,order,2026-01-02,7,\n";
    home.import(&home.file("x.csv", rows), &[]);
    let query = "select json_get(properties, 'city') city, properties->>'amount' amount from events \
                 where cast(properties->>'amount' as double) > 1 order by at";
    let found = home.run(&["sql", query, "--json"]).json();
    assert_eq!((&found[0]["city"], &found[0]["amount"]), (&"Rome".into(), &"12.5".into()), "{found}");
    assert!(found[1]["city"].is_null() && found[1]["amount"] == "7", "{found}");
    home.run(&["sql", "select * from evnts"])
        .expect(3, &["there is no table `evnts` (did you mean `events`?); there are customers, events, links"]);
}
