//! Answers that leave something out, are about nobody, or stand under another name, and files that were read before.

use crate::home::{Home, many};

/// Customers who go from visit to order over the web, some by a path of their own.
fn shop() -> Home {
    let home = Home::new();
    let rows = (0..40).map(|n| {
        let day = n % 28 + 1;
        let own = if n % 4 == 0 { format!("u{n},own{n},2026-01-{day:02} 10:30,web\n") } else { String::new() };
        format!("u{n},visit,2026-01-{day:02} 10:00,web\n{own}u{n},order,2026-01-{day:02} 11:00,web\n")
    });
    let rows = rows.collect::<String>();
    home.import(&home.file("x.csv", format!("customer,event,at,channel\n{rows}")), &["--timezone", "UTC"]);
    home
}

#[test]
fn csv_is_whole_or_says_what_it_leaves_out() {
    let home = shop();
    let variants = home.run(&["view", "variants", "--csv"]);
    assert_eq!(variants.out.lines().count(), 1 + 11, "{}", variants.out);
    assert!(
        variants.out.starts_with("sequence,count,share,share_low,share_high,covered_share\r\n"),
        "{}",
        variants.out
    );
    assert!(!variants.err.contains(" are shown"), "{}", variants.err);
    home.run(&["view", "variants", "--csv", "--limit", "2"]).expect(0, &["note: 2 of 11 variants are shown"]);
    let map = home.run(&["view", "map", "--csv"]);
    map.expect(0, &["this is the table what-directly-follows-what; --table NAME gives another: moments"]);
    assert!(map.out.starts_with("from,to,count,customers,customers_share,customers_share_low,"), "{}", map.out);
    let moments = home.run(&["view", "map", "--csv", "--table", "Moments"]);
    assert!(moments.out.starts_with("moment,events,customers,customers_share,customers_share_low,"), "{}", moments.out);
    assert!(moments.out.contains("\r\nvisit,40,40,1,") && moments.out.contains(",40,0\r\n"), "{}", moments.out);
    home.run(&["view", "map", "--csv", "--table", "nodes"])
        .expect(4, &["--table: there is no table `nodes`; there are what-directly-follows-what, moments"]);
}

#[test]
fn names_of_a_charter_that_is_not_there() {
    let home = shop();
    let lacks = format!("note: there is no charter in {}: give --charter FILE", home.path().display());
    for question in [
        &["view", "map", "--journey", "purchase"][..],
        &["view", "map", "--segment", "loyal"],
        &["view", "funnel", "--steps", "visit,basket"],
        &["view", "expectations"],
    ] {
        let asked = home.run(question);
        assert!(asked.err.contains(&lacks), "{question:?}: {}", asked.err);
    }
    home.run(&["schema", "foo"]).expect(4, &["`foo` is no view", "besides, there are charter,"]);
}

#[test]
fn addresses_that_are_none() {
    let home = Home::new();
    for (option, value, said) in [
        ("--listen", "localhost:8099", "give an IP address and a port, such as 127.0.0.1:8099"),
        ("--public-url", "journeys.example", "give an address such as https://journeys.example"),
        ("--public-url", "https://", "give an address such as https://journeys.example"),
        ("--public-url", "ftp://journeys.example", "give an address such as https://journeys.example"),
    ] {
        home.run(&["serve", option, value]).expect(2, &[said]);
    }
    std::fs::write(home.path(), "a file").expect("nothing is there yet");
    let found = home.run(&["doctor"]);
    assert!(found.code == 1 && found.out.contains("is no folder"), "{found:?}");
}

#[test]
fn a_group_of_nobody_has_no_shares() {
    let home = shop();
    let compare = ["view", "map", "--compare", "channel='web'", "--compare-names", "Web,App"];
    let table = home.run(&compare);
    assert!(table.out.contains("visit → order") && !table.out.contains("+100.0") && !table.out.contains(" 0.0 %"));
    assert!(table.out.contains("nothing that is counted here is in App"), "{}", table.out);
    let json = home.run(&[&compare[..], &["--json"]].concat()).json();
    assert!(json["differences"][0]["b"].is_null() && json["differences"][0]["difference"].is_null(), "{json}");
    let csv = home.run(&[&compare[..], &["--csv"]].concat());
    csv.expect(0, &["note: nothing that is counted here is in App", "--table NAME gives another: web-"]);
    assert!(csv.out.contains(",Web,0.75,30,40,App,,0,0,,,\r\n"), "{}", csv.out);
    let steps = ["view", "funnel", "--steps", "visit,own0,order", "--where", "event = 'own4'"];
    let funnel = home.run(&[&steps[..], &["--json"]].concat()).json();
    assert!(funnel["steps"][1]["of_first"] == 0.0 && funnel["steps"][2]["of_previous"].is_null(), "{funnel}");
}

#[test]
fn a_report_is_a_page_about_something() {
    let home = shop();
    let folder = home.path();
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    home.run(&["report", "-o", &path("x.pdf")]).expect(2, &["x.html; for a PDF, open it in a browser and print it"]);
    for nothing in [["--from", "2030-01-01"], ["--where", "channel='appp'"]] {
        home.run(&[&["report", "-o", &path("x.html")], &nothing[..]].concat())
            .expect(3, &["no journey fits what was asked for, so no report was written"]);
    }
    assert!(!folder.join("x.pdf").exists() && !folder.join("x.html").exists());
    home.run(&["report", "-o", &path("x.html")]).expect(0, &["the report is in "]);
}

#[test]
fn a_first_import_that_is_not_complete_is_no_answer() {
    let home = Home::new();
    home.refuses(&home.file("x.xes", "<log><trace>"), &[], &["broken XML"]);
    assert!(home.path().join("lake").exists(), "it was made for the import");
    home.run(&["view", "map"]).expect(4, &["nothing is imported yet, or the first import is not complete"]);
}

/// A file that is read otherwise than before is there twice, and somebody has to know.
#[test]
fn another_reading_of_the_same_file_is_told() {
    let home = Home::new();
    let rows = "id,customer,date,time,status\n1,c1,2025-01-05,14:30:00,paid\n2,c1,2025-01-05,09:10:00,visit\n";
    let file = home.file("x.csv", rows);
    let map = |at: &str| format!("event=status,customer=customer,at={at}");
    home.import(&file, &["--map", &map("date"), "--timezone", "UTC"]);
    let other = home.import(&file, &["--map", &map("date+time"), "--timezone", "UTC"]);
    let warning = other["warnings"][0].as_str().unwrap();
    assert!(warning.contains("at from `date+time:iso`, before from `date:iso`"), "{warning}");
    assert!(warning.contains("import all files into a new home"), "{warning}");
    assert_eq!(home.events(), 4);
    let same = home.import(&home.file("y.csv", rows), &["--map", &map("date+time"), "--timezone", "UTC"]);
    assert!(same["warnings"].as_array().unwrap().is_empty() && home.events() == 4, "{same}");
    let again = home.run(&["import", &file, "--map", &map("date+time"), "--timezone", "Europe/Berlin"]);
    again.expect(0, &["note: x.csv was imported before and read otherwise", "timezone from `Europe/Berlin`"]);
    assert_eq!(again.err.matches("was imported before").count(), 1, "{}", again.err);
}

/// Of a reading that gave no events nothing is there, so nothing can stay of it.
#[test]
fn a_reading_that_gave_nothing_is_not_told() {
    let home = Home::new();
    let file = home.file("x.csv", "customer,event,at\na,visit,2026-01-01\na,order,2026-01-02\n");
    home.run(&["import", &file, "--map", "at=at:%d/%m/%Y"]).expect(3, &["none of the 2 rows is an event"]);
    let done = home.import(&file, &["--timezone", "UTC"]);
    assert!(done["warnings"].as_array().unwrap().is_empty() && done["events"] == 2, "{done}");
}

#[test]
fn a_time_of_day_in_a_column_of_its_own_is_taken() {
    let home = Home::new();
    let rows = "id,customer_id,date,time,status\n1,c1,05.01.2025,2:30 PM,paid\n2,c1,05.01.2025,9:10 AM,visit\n";
    let file = home.file("x.csv", rows);
    home.run(&["import", &file, "--dry-run"]).expect(0, &["at           date", "at           time – the time of day"]);
    home.import(&file, &[]);
    let map = home.run(&["view", "map", "--json"]).json();
    assert_eq!((&map["edges"][0]["from"], &map["edges"][0]["median_s"]), (&"visit".into(), &19_200.0.into()), "{map}");
    home.run(&["import", &home.file("y.csv", rows), "--timezone", "UTC"]).expect(0, &["2 events were there already"]);
}

#[test]
fn times_without_an_offset_say_where_they_were_taken() {
    let home = Home::new();
    let file = home.file("x.csv", "customer,event,at\na,x,2026-01-01 10:00\n");
    home.run(&["import", &file]).expect(0, &["x.csv: 1 time has no offset and was taken as UTC; --timezone ZONE says"]);
    let mixed = home.file("y.csv", "customer,event,at\na,x,2026-01-01 10:00\nb,x,2026-01-01T10:00:00Z\n");
    home.run(&["import", &mixed, "--timezone", "Europe/Berlin"])
        .expect(0, &["those without were taken in the time zone Europe/Berlin"]);
}

#[test]
fn a_charter_that_says_no_zone_does_not_hide_that_times_were_taken_as_utc() {
    let told = |charter: &str| {
        let home = Home::new();
        let charter = home.file("charter.yaml", charter);
        let file = home.file("x.csv", "customer,event,at\na,x,2026-01-01 10:00\n");
        let ended = home.run(&["import", &file, "--charter", &charter]);
        ended.expect(0, &[]);
        ended.err.contains("1 time has no offset and was taken as UTC; --timezone ZONE says otherwise")
    };
    assert!(told("charter: 1\n"));
    assert!(!told("charter: 1\ntimezone: UTC\n"));
    assert!(!told("charter: 1\nsources: {x.csv: {event: event, user_id: customer, at: at, timezone: UTC}}\n"));
}

/// Texts that repeat, and not often enough: what was looked for says how often they have to.
#[test]
fn a_column_that_says_what_happened_has_to_repeat_as_often_as_is_said() {
    let home = Home::new();
    let rows = |each: usize| {
        "user_id,at,thing\nu1,2026-01-01,login\nu2,2026-01-02,buy\n".to_owned()
            + &"u1,2026-01-03,login\nu2,2026-01-04,buy\n".repeat(each - 1)
    };
    let said = "texts of two or more kinds, each of them 4 times or more on average";
    home.refuses(&home.file("few.csv", rows(3)), &[], &["no column says what happened", said]);
    let guessed = "`thing` is only a guess (its values repeat most (2 different ones))";
    home.refuses(&home.file("enough.csv", rows(4)), &[], &[guessed]);
}

#[test]
fn what_is_simulated_says_so() {
    let home = shop();
    let charter = home.file("charter.yaml", "charter: 1\norganisation: A shop (simulated)\n");
    let with = |args: &[&str]| home.run(&[args, &["--charter", &charter]].concat());
    let said = "these events are simulated";
    assert!(with(&["view", "map"]).out.contains(said));
    assert_eq!(with(&["view", "map", "--json"]).json()["doubts"][0]["doubt"], "simulated");
    with(&["view", "map", "--csv"]).expect(0, &[said]);
    with(&["sql", "select 1"]).expect(0, &[said]);
    let same = home.run(&["diff", &charter, &charter]);
    same.expect(0, &[said]);
    assert!(same.out.contains("no figure changes"), "{}", same.out);
    let file = home.path().join("../all.csv");
    with(&["export", file.to_str().unwrap()]).expect(0, &[said]);
    assert!(!home.run(&["view", "map"]).out.contains(said));
}

#[test]
fn what_is_missing_is_named_with_how_to_say_it() {
    let home = Home::new();
    let orders = home.file("x.csv", "household_id,price,when_paid\n1,2.5,2026-01-01\n2,3.5,2026-01-02\n");
    let literal = "or --map \"event='Order'\" where every row is one such event";
    home.refuses(&orders, &[], &["no column says what happened", literal]);
    home.run(&["init", &orders]).expect(3, &[literal]);
    let no_times = home.file("y.csv", "household_id,price\n1,2.5\n2,3.5\n");
    home.refuses(&no_times, &[], &["no column says when it happened", "nor does one say what happened", literal]);
    let map = ["--map", "event=evnt,customer=who,at=wen"];
    home.refuses(&orders, &map, &["`evnt` for event", "`who` for user_id", "`wen` for at"]);
    home.run(&["import", &orders, "--map", "evnt=price"]).expect(2, &["`evnt` is no role (did you mean `event`?)"]);
    let same = home.file("z.csv", "customer,event,at\na,x,01/01/2025\nb,x,01/01/2025\n");
    home.refuses(&same, &[], &["all values read the same with day or month first, as `01/01/2025` does: give --dates"]);
    let short = home.file("s.csv", "customer,event,at\na,x,1/15/25\nb,x,1/15/25\n");
    home.refuses(&short, &[], &["(perhaps %m/%d/%y); give --map at=at:%m/%d/%y with the form that it has"]);
    assert!(many(1, 1).starts_with("customer,"), "these files are as the others are");
}

#[test]
fn names_in_logs_that_are_not_there() {
    let home = Home::new();
    let event = "<event><string key=\"concept:name\" value=\"x\"/><date key=\"time:timestamp\" value=\"2026-01-01T00:00:00Z\"/>\
                 <string key=\"group\" value=\"g\"/></event>";
    let xes =
        home.file("x.xes", format!("<log><trace><string key=\"concept:name\" value=\"t\"/>{event}</trace></log>"));
    home.refuses(
        &xes,
        &["--customer", "groups"],
        &["no trace or event has an attribute `groups` (did you mean `group`?)"],
    );
    let cut = home.file(
        "x.xmlocel",
        "<?xml version=\"1.0\"?><log><events><event id=\"e1\" type=\"x\" time=\"2025-01-01T00:00:00Z\">",
    );
    home.refuses(&cut, &["--customer", "c"], &["broken XML", "elements open"]);
    let json = home.file("x.jsonl", "{\"customer\":[\"a\"],\"event\":\"x\",\"at\":\"2026-01-01T00:00:00Z\"}\n{\"customer\":\"a\",\"event\":{\"n\":1},\"at\":\"2026-01-01T00:00:00Z\"}\n{\"customer\":\"a\",\"event\":\"x\",\"at\":\"2026-01-01T00:00:00Z\"}\n");
    let rejected = home.import_gives(&json, &[], 1, &[("bad-field", 2)]);
    assert_eq!(rejected.len(), 2);
}
