//! Segments, the quality of data and one person, through the real program, on files that are small enough to count by hand
//! and on the simulated organisation.
#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

const CHARTER: &str = r#"charter: 1
timezone: Europe/Berlin
moments:
  visit: {when: "event = 'visit'"}
  order: {when: "event = 'Order Complete'"}
  help: {when: "event = 'help'"}
outcomes:
  help: {when: "moment = 'help'"}
segments:
  regulars: count_of.visit >= 2
  callers: {label: Callers, when: share_of_channel.call > 0.5}
  nobody: events > 1000
"#;

const EVENTS: &str = "\
user_id,email,event,at,channel
u1,ann@example.com,visit,2026-03-02T09:00:00Z,web
u1,,visit,2026-03-03T09:00:00Z,web
u1,,help,2026-03-04T09:00:00Z,call
u2,,help,2026-03-02T09:00:00Z,call
u2,,Order Completed,2026-03-05T09:00:00Z,call
u3,,visit,2026-03-05T09:00:00Z,web
u3,,visit,never,web
";

struct Home(TempDir);

struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Home {
    fn new() -> Self {
        let home = Home(tempfile::tempdir().unwrap());
        std::fs::write(home.0.path().join("charter.yaml"), CHARTER).unwrap();
        std::fs::write(home.0.path().join("events.csv"), EVENTS).unwrap();
        let events = home.0.path().join("events.csv");
        let map = "user_id=user_id,email=email,event=event,at=at,channel=channel";
        home.ok(&["import", events.to_str().unwrap(), "--map", map]);
        home
    }

    fn run(&self, args: &[&str]) -> Ended {
        let charter = self.0.path().join("charter.yaml");
        let mut command = Command::new(env!("CARGO_BIN_EXE_desireline"));
        command.arg("--home").arg(self.0.path().join("home")).arg("--charter").arg(charter).args(args);
        let out = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ended { code: out.status.code(), out: text(out.stdout), err: text(out.stderr) }
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    #[track_caller]
    fn ok(&self, args: &[&str]) -> String {
        let ended = self.run(args);
        assert_eq!(ended.code, Some(0), "{args:?}: {}", ended.err);
        ended.out
    }

    #[track_caller]
    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.ok(&[args, &["--json"]].concat())).unwrap()
    }

    #[track_caller]
    fn fails(&self, args: &[&str], code: i32, said: &str) {
        let ended = self.run(args);
        assert_eq!(ended.code, Some(code), "{args:?}: {}", ended.err);
        assert!(ended.err.contains(said), "{said:?} was not said in {}", ended.err);
    }
}

#[test]
fn segments_are_counted_kept_and_compared() {
    let home = Home::new();
    let found = home.json(&["view", "segments", "--sql", "days_since_last < 1"]);
    let of = |name: &str| {
        found["segments"].as_array().unwrap().iter().find(|s| s["segment"] == name).unwrap()["customers"].clone()
    };
    assert_eq!(found["customers"], 3);
    let counts = ["regulars", "callers", "nobody", "days_since_last < 1"].map(|name| of(name).as_u64().unwrap());
    assert_eq!(counts, [1, 1, 0, 1]);
    assert!(home.ok(&["view", "segments"]).contains("`nobody` is empty"));

    let kept = |segment: &str| home.json(&["view", "map", "--segment", segment])["customers"].clone();
    assert_eq!([kept("regulars"), kept("nobody"), kept("count_of.visit = 1")], [json!(1), json!(0), json!(1)]);
    let groups = |compare: &str| -> Vec<(Value, Value)> {
        let found = home.json(&["view", "map", "--compare", compare]);
        let group = |group: &Value| (group["name"].clone(), group["answer"]["customers"].clone());
        found["groups"].as_array().unwrap().iter().map(group).collect()
    };
    assert_eq!(groups("callers"), [(json!("callers"), json!(1)), (json!("not (callers)"), json!(2))]);
    assert_eq!(groups("regulars, callers"), [(json!("regulars"), json!(1)), (json!("callers"), json!(1))]);
    assert_eq!(groups("moment = 'help'")[0].1, json!(2), "conditions over events mean what they meant");

    // What cannot be about an event is about customers, wherever it stands.
    let with = |text: &str| home.json(&["view", "map", "--where", text])["customers"].clone();
    assert_eq!([with("regulars"), with("count_of.visit = 1"), with("moment = 'help'")], [json!(1), json!(1), json!(2)]);
    let either = "not (count_of.visit = 1)";
    assert_eq!([with("callers or regulars"), with("not callers and events = 1")], [json!(2), json!(1)]);
    assert_eq!(kept("not (regulars or callers)"), json!(1));
    assert_eq!([with("last - first >= '2d'"), kept("last_of.help - first_of.visit < '1d'")], [json!(1), json!(0)]);
    assert_eq!(groups("count_of.visit = 1"), [(json!("count_of.visit = 1"), json!(1)), (json!(either), json!(2))]);
}

#[test]
fn groups_that_may_share_customers_are_doubted() {
    let home = Home::new();
    let shared = |compare: &str| {
        let found = home.json(&["view", "map", "--compare", compare]);
        found["doubts"].as_array().unwrap().iter().any(|doubt| doubt["doubt"] == "in_both_groups")
    };
    let apart = ["callers", "channel = 'web'", "2026-03-01..2026-03-03,2026-03-03..2026-03-05"];
    assert_eq!(apart.map(shared), [false; 3], "whoever is in one group is not in the other");
    assert_eq!(["regulars, callers", "2026-03-01..2026-03-05,2026-03-03.."].map(shared), [true; 2]);
}

#[test]
fn segments_that_do_not_exist() {
    let home = Home::new();
    home.fails(&["view", "map", "--segment", "regular"], 4, "no segment `regular`; did you mean `regulars`?");
    home.fails(&["view", "map", "--compare", "regulars,calers"], 4, "no segment `calers`; did you mean `callers`?");
    home.fails(&["view", "map", "--segment", "count_of.visits > 1"], 3, "did you mean `count_of.visit`?");
    home.fails(&["view", "segments", "--sql", "events"], 2, "true or false is needed");
    home.fails(&["view", "map", "--where", "regular"], 4, "--where: the charter has no segment `regular`");
    // What is said of customers is not told as if it were said of events.
    home.fails(
        &["view", "map", "--where", "count_of.order >= 'x'"],
        3,
        "`count_of.order` (a number) cannot be compared",
    );
    home.fails(&["view", "map", "--where", "share_of_channel.fax > 'x'"], 3, "`share_of_channel.fax` (a number)");
    home.fails(&["view", "map", "--compare", "count_of.oder >= 3"], 3, "did you mean `count_of.order`?");
    home.fails(&["view", "map", "--where", "callrs and count_of.order >= 2"], 3, "did you mean `callers`?");
    let apart = "write what is about events in --where, and what is about customers in --segment";
    home.fails(&["view", "map", "--where", "callers and event = 'visit'"], 2, apart);
    home.fails(&["view", "map", "--segment", "channel = 'web' and callers"], 2, apart);
    home.fails(&["view", "map", "--where", "evnt = 'visit'"], 3, "did you mean `event`?");
}

#[test]
fn a_moment_that_never_occurs_is_said_at_import_and_in_answers_about_it() {
    let home = Home::new();
    let said = "no event is of the moment `order`: what needs one never happens; did you mean `Order Completed`?";
    let doubts = |args: &[&str]| home.json(args)["doubts"].to_string();
    assert!(home.ok(&["view", "funnel", "--steps", "visit,order"]).contains(said));
    assert!(doubts(&["view", "paths", "--pattern", "visit .. order"]).contains("event is of the moment `order`"));
    assert!(!doubts(&["view", "funnel", "--steps", "visit,help"]).contains("missing"));
    // Whoever chooses journeys by it is told so too, however the choice is written.
    let wanting = CHARTER.replace("segments:", "segments:\n  buyers: count_of.order >= 1");
    let wanting = home.file("wanting.yaml", &wanting);
    for choice in [
        ["--segment", "count_of.order >= 1"],
        ["--segment", "buyers"],
        ["--where", "moment = 'order'"],
        ["--where", "buyers or callers"],
        ["--where", "moment in ('visit', 'order') and channel = 'web'"],
        ["--events", "moment <> 'order'"],
        ["--compare", "moment = 'order'"],
        ["--compare", "buyers,callers"],
    ] {
        assert!(home.ok(&[&["view", "map", "--charter", &wanting], &choice[..]].concat()).contains(said), "{choice:?}");
    }
    for choice in [["--segment", "callers"], ["--where", "moment = 'help'"], ["--compare", "2026-03-02..,..2026-03-03"]]
    {
        assert!(!home.ok(&[&["view", "map"], &choice[..]].concat()).contains("no event is of"), "{choice:?}");
    }
    let more = home.file("more.csv", "user_id,event,at\nu9,visit,2026-03-09T10:00:00Z\n");
    let again = home.run(&["import", &more]);
    assert!(again.code == Some(0) && again.err.contains(said), "{}", again.err);
}

#[test]
fn one_event_in_the_future_moves_no_answer_and_is_told() {
    let home = Home::new();
    let silent = |home: &Home| home.json(&["view", "segments", "--sql", "days_since_last < 1"]);
    let own = |found: &Value| found["segments"].as_array().unwrap().last().unwrap()["customers"].clone();
    let before = own(&silent(&home));
    let ahead = home.file("ahead.csv", "user_id,event,at\nu9,visit,2099-01-01T10:00:00Z\n");
    let imported = home.run(&["import", &ahead]);
    assert!(imported.err.contains("1 event lies after the import"), "{}", imported.err);
    let after = silent(&home);
    // Whoever has the event was there later than anything is known, which is less than a day ago too.
    assert_eq!(own(&after).as_u64(), before.as_u64().map(|n| n + 1));
    assert!(after["doubts"].to_string().contains("\"ahead\""), "{after}");
    let quality = home.json(&["view", "quality"]);
    assert!(quality["findings"].as_array().unwrap().iter().any(|f| f["kind"] == "future"), "{quality}");
    for view in
        ["retention", "absences", "stages", "abandonment", "interactions", "expectations", "surveys", "channels"]
    {
        let asked = home.run(&["view", view]);
        assert!(asked.code == Some(0) || asked.err.contains("charter"), "{view}: {}", asked.err);
    }
}

#[test]
fn one_event_of_long_ago_moves_no_period_and_is_told() {
    let home = Home::new();
    let charter = CHARTER
        .replace("moments:", "stages: {look: {label: Look}}\nmoments:")
        .replace("{when: \"event = 'visit'\"}", "{stage: look, when: \"event = 'visit'\"}");
    let charter = home.file("stages.yaml", &charter);
    let rows: Vec<String> = (1..29).map(|day| format!("v{day},visit,2026-03-{day:02}T10:00:00Z\n")).collect();
    let many = home.file("many.csv", &format!("user_id,event,at\n{}", rows.concat()));
    home.ok(&["import", &many]);
    let stages = || home.json(&["view", "stages", "--charter", &charter]);
    let before = stages();
    assert_eq!(before["since"], "2026-03-01T00:00:00+01:00");
    let wrong = home.file("wrong.csv", "user_id,event,at\nv3,visit,1970-01-01T10:00:00Z\n");
    let imported = home.run(&["import", &wrong]);
    let said = "1 customer begins long before all others, who begin on 2026-03-01";
    assert!(imported.err.contains(said), "{}", imported.err);
    let after = stages();
    for of in ["since", "middle", "until"] {
        assert_eq!(after[of], before[of], "{of}");
    }
    assert_eq!(after["stages"][0]["measures"][0]["change"], before["stages"][0]["measures"][0]["change"]);
    assert!(after["doubts"].to_string().contains("\"early\""), "{after}");
    let later = home.json(&["view", "stages", "--charter", &charter, "--events", "at >= '2026-03-15'"]);
    assert_eq!(later["since"], "2026-03-15T00:00:00+01:00", "as far as events are looked at");
    assert!(home.json(&["view", "retention"])["doubts"].to_string().contains("\"early\""));
    let without = home.json(&["view", "retention", "--events", "at >= '2026-03-01'"]);
    assert!(without["cohorts"][0]["cohort"].as_str().unwrap().starts_with("2026"), "{without}");
    assert!(!without["doubts"].to_string().contains("\"early\""), "{without}");
    let quality = home.json(&["view", "quality"]);
    let found = quality["findings"].as_array().unwrap().iter().find(|f| f["kind"] == "long_ago").unwrap();
    assert_eq!((found["count"].as_u64(), found["where"].as_str()), (Some(1), Some("all events")));
    assert!(
        home.ok(&["view", "quality"])
            .contains("1 event is from 1970-01-01, before all others, which begin on 2026-03-01")
    );
}

#[test]
fn the_quality_of_data_knows_what_no_moment_is_and_what_was_rejected() {
    let home = Home::new();
    let found = home.json(&["view", "quality"]);
    let kinds: Vec<(&str, u64)> = found["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| (f["kind"].as_str().unwrap(), f["count"].as_u64().unwrap()))
        .collect();
    assert_eq!(kinds, [("moment_never_occurs", 0), ("unknown_moments", 1), ("rejected", 1)]);
    assert!(found["findings"][0]["to_do"].as_str().unwrap().contains("did you mean `Order Completed`?"));
    assert_eq!((&found["stitched_customers"], &found["unknown"]["events"]), (&json!(1), &json!(1)));
    assert_eq!(found["unknown"]["names"][0]["nearest"], "order");
    home.ok(&["view", "quality", "--csv"]);
    // Of a part of the events, what is counted of all of them is no share.
    for part in
        [["--from", "2026-03-03"], ["--to", "2026-03-05"], ["--segment", "regulars"], ["--where", "channel = 'web'"]]
    {
        let found = home.json(&[["view", "quality"], part].concat());
        assert_eq!([&found["unknown"], &found["stitched_customers"], &found["stitched_share"]], [&json!(null); 3]);
        assert!(found["findings"].as_array().unwrap().iter().all(|f| f["kind"] != "unknown_moments"), "{found}");
    }
    home.ok(&["view", "quality", "--compare", "2026-03-01..2026-03-03,2026-03-03.."]);
}

#[test]
fn of_two_periods_the_earlier_one_is_followed_for_longer() {
    let home = Home::new();
    let said = |compare: &str| {
        let found = home.json(&["view", "map", "--compare", compare]);
        let why = found["doubts"].as_array().unwrap().iter().filter(|d| d["what"] == "equal time for both periods");
        why.map(|doubt| doubt["why"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let longer = "those of 2026-03-01..2026-03-03 had longer than those of 2026-03-03..2026-03-05";
    for compare in ["2026-03-01..2026-03-03,2026-03-03..2026-03-05", "2026-03-03..2026-03-05,2026-03-01..2026-03-03"] {
        let [why] = said(compare).try_into().unwrap();
        let why: String = why;
        assert!(why.contains(longer) && why.ends_with("by 2 days"), "{why}");
    }
    assert!(said("channel = 'web'").is_empty(), "no periods");
}

#[test]
fn one_person_by_any_of_their_keys() {
    let home = Home::new();
    let found = home.json(&["customer", "email:Ann@example.com"]);
    assert_eq!(found, home.json(&["customer", "u1"]), "a value alone is enough where one kind has it");
    let number = home.json(&["sql", "select customer from customers where value = 'u1'"])[0]["customer"].clone();
    assert_eq!(found, home.json(&["customer", &format!("customer:{number}")]), "views name customers by number");
    home.fails(&["customer", "customer:99999"], 4, "no event came with `customer:99999`");
    assert_eq!(found["keys"], json!(["user_id:u1", "email:ann@example.com"]));
    assert_eq!((&found["links"][0]["standing"], found["links"].as_array().unwrap().len()), (&json!("followed"), 1));
    let moments: Vec<&str> =
        found["events"].as_array().unwrap().iter().map(|e| e["moment"].as_str().unwrap()).collect();
    assert_eq!(moments, ["visit", "visit", "help"]);
    assert_eq!(found["events"][0]["at"], "2026-03-02T10:00:00+01:00");
    assert!(home.ok(&["customer", "user_id:u1"]).contains("Why they are one person"));
    home.fails(&["customer", "email:an@example.com"], 4, "did you mean `email:ann@example.com`?");
    home.fails(&["customer", "nobody-at-all-like-this"], 4, "give a key as KIND:VALUE");

    let meant = "did you mean `email:ann@example.com`?";
    home.fails(&["erase", "email:an@example.com"], 4, meant);
    home.fails(&["unmerge", "user_id:u1", "email:an@example.com"], 4, meant);
    home.ok(&["unmerge", "user_id:u1", "email:ann@example.com"]);
    let alone = home.json(&["customer", "u1"]);
    assert_eq!((&alone["keys"], &alone["links"][0]["standing"]), (&json!(["user_id:u1"]), &json!("taken_back")));
}

#[test]
fn a_customer_of_the_simulated_organisation() {
    let charters = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../charters/telecom");
    let home = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_desireline"));
        command.arg("--home").arg(home.path()).arg("--charter").arg(charters.join("charter.yaml")).args(args);
        let out = command.output().unwrap();
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    };
    run(&["import", charters.join("data").to_str().unwrap()]);
    let json = |args: &[&str]| -> Value { serde_json::from_str(&run(args)).unwrap() };
    let one =
        json(&["sql", "select kind, value, count(*) n from customers group by 1, 2 order by 2 limit 1", "--json"]);
    let key = format!("{}:{}", one[0]["kind"].as_str().unwrap(), one[0]["value"].as_str().unwrap());
    let found = json(&["customer", &key, "--json"]);
    assert!(found["keys"].as_array().unwrap().contains(&json!(key)));
    let events = found["events"].as_array().unwrap().len() as u64;
    // Every event, moment or not, is one of the customer's in the tables, too.
    let number = json(&[
        "sql",
        &format!("select customer from customers where value = '{}'", one[0]["value"].as_str().unwrap()),
        "--json",
    ]);
    let counted =
        json(&["sql", &format!("select count(*) n from events where customer = {}", number[0]["customer"]), "--json"]);
    assert_eq!(counted[0]["n"], events);
    let quality = json(&["view", "quality", "--json"]);
    let map = json(&["view", "map", "--json"]);
    assert_eq!((&quality["events"], &quality["customers"]), (&map["events"], &map["customers"]), "views agree");
    let all = json(&["sql", "select count(*) n from events", "--json"]);
    let unknown = quality["unknown"]["events"].as_u64().unwrap();
    assert_eq!(quality["events"].as_u64().unwrap() + unknown, all[0]["n"].as_u64().unwrap(), "nothing is lost");
    let segments = json(&["view", "segments", "--sql", "count_of.order >= 2", "--json"]);
    let kept = json(&["view", "map", "--segment", "count_of.order >= 2", "--json"]);
    let own = segments["segments"].as_array().unwrap().last().unwrap();
    assert_eq!(own["customers"], kept["customers"], "views agree");
}
