//! Questions, conditions, charters and lakes that are not as they should be.

use std::fs::File;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::home::{Ended, Home, PROGRAM, many};

fn with_events() -> Home {
    let home = Home::new();
    home.import(&home.file("x.csv", many(300, 20)), &[]);
    home
}

#[test]
fn a_question_without_a_lake() {
    let home = Home::new();
    for command in
        [&["view", "map"][..], &["sql", "select 1"], &["export", "x.csv"], &["compact"], &["erase", "email:a@b.c"]]
    {
        home.run(command).expect(4, &["there is no lake in", "import something first"]);
    }
    assert!(!home.path().exists());
}

#[test]
fn names_that_do_not_exist() {
    let home = with_events();
    home.run(&["view", "nonsense"])
        .expect(4, &["`nonsense` is no view; there are map, variants, funnel, steps, sankey, "]);
    home.run(&["view", "mapp"]).expect(4, &["(did you mean `map`?)"]);
    home.run(&["view", "funnel", "--steps", "visit,ordr"])
        .expect(4, &["`ordr` is no moment of these events (did you mean `order`?)"]);
    home.run(&["view", "map", "--journey", "buy"]).expect(4, &["the charter has no journey `buy`"]);
    home.run(&["erase", "email:nobody@example.com"])
        .expect(4, &["no event came with `email:nobody@example.com`: there is none like it"]);
    home.run(&["view", "map", "--from", "soon"]).expect(2, &["--from: `soon`"]);
    home.run(&["view", "funnel", "--steps", "zzzzzzzz"])
        .expect(4, &["`zzzzzzzz` is no moment of these events; there are "]);
    home.run(&["view", "funnel"]).expect(2, &["`funnel` needs `--steps`: write the moments in order"]);
    home.run(&["view", "steps", "--steps", "0"]).expect(2, &["`--steps` of `steps` cannot be `0`"]);
    home.run(&["view", "map", "--from-moment", "visit"])
        .expect(2, &["--from-moment is an option of sankey, not of map"]);
    home.run(&["view", "map,variants", "--within", "3d"])
        .expect(2, &["--within is an option of funnel, say-do, not of map, variants"]);
    for backwards in [&["--from", "2026-02-01", "--to", "2026-01-01"][..], &["--compare", "2026-02-01..2026-01-01,.."]]
    {
        home.run(&[&["view", "map"], backwards].concat()).expect(2, &["the period ends before it begins"]);
    }
    home.run(&["view", "map", "--nonsense"]).expect(2, &["--nonsense"]);
    home.run(&["view", "map", "--charter", "nowhere.yaml"]).expect(3, &["nowhere.yaml: there is no such file"]);
}

#[test]
fn a_condition_that_does_not_compile() {
    let home = with_events();
    home.run(&["view", "map", "--where", "event = 'cart' and propertie.total > 5"]).expect(
        3,
        &[
            "error: --where: there is no column `propertie.total` here\n",
            "  | event = 'cart' and propertie.total > 5\n  |                    ^^^^^^^^^^^^^^^\n",
            "  = hint: ",
        ],
    );
    home.run(&["view", "map", "--events", "evnt = 'é'"])
        .expect(3, &["--events", "  | ^^^^\n  = hint: did you mean `event`?"]);
    home.run(&["view", "map", "--compare", "event ="]).expect(3, &["error: --compare: this is not an SQL expression"]);
    home.run(&["view", "map", "--where", ""]).expect(3, &["--where"]);
    let query = home.run(&["sql", "select nope from events"]);
    query.expect(3, &["the query failed", "No field named nope"]);
    assert_eq!(query.err.matches("nope").count(), 1, "said once: {}", query.err);
}

#[test]
fn a_charter_with_ten_mistakes() {
    let home = Home::new();
    let charter = home.file("charter.yaml", TEN_MISTAKES);
    for args in [&["check", &charter][..], &["import", "x.csv", "--charter", &charter]] {
        let ended = home.run(args);
        ended.expect(3, &["error: 10 problems in", "charter.yaml"]);
        assert_eq!(ended.err.matches("error[DL-C").count(), 10, "{}", ended.err);
        assert_eq!(ended.err.matches("--> ").count(), 10, "each has its place: {}", ended.err);
        assert_eq!(ended.err.lines().filter(|line| line.ends_with('^')).count(), 10, "and is marked: {}", ended.err);
    }
}

const TEN_MISTAKES: &str = "\
charter: 1
timezone: Europe/Nowhere
colour: blue
keys:
  user_id: {priority: high}
stages:
  buy: {label: Buying}
moments:
  visit: {stage: by, when: \"evnt = 'visit'\"}
  order: {stage: buy, when: \"event =\"}
  order: {stage: buy, when: \"event = 'order'\"}
journeys:
  first: {starts: [vist], succeeds: order, abandoned_after: 3 fortnights}
  second: {starts: [visit], succeeds: order, designed: \"visit ( order\"}
";

#[test]
fn a_damaged_file_of_the_lake_is_named() {
    let home = Home::new();
    home.import(&home.file("x.csv", many(300, 20)), &[]);
    let folder = std::fs::read_dir(home.path().join("lake/events")).unwrap();
    let buckets =
        folder.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir() && !path.ends_with("_delta_log"));
    let file = buckets.flat_map(|bucket| std::fs::read_dir(bucket).unwrap()).next().unwrap().unwrap().path();
    let whole = std::fs::read(&file).unwrap();
    let said = ["the lake is damaged: ", file.file_name().unwrap().to_str().unwrap(), " cannot be read"];
    for left in [whole.len() - 20, whole.len() / 2] {
        std::fs::write(&file, &whole[..left]).unwrap();
        home.run(&["view", "map", "--afresh"]).expect(1, &said);
    }
    std::fs::write(&file, &whole).unwrap();
    home.run(&["view", "map", "--afresh"]).expect(0, &[]);
}

#[test]
fn a_lake_of_a_newer_program() {
    let home = with_events();
    let log = home.path().join("lake/events/_delta_log/00000000000000000000.json");
    let text = std::fs::read_to_string(&log).unwrap();
    let newer = text.replace(r#""desireline.format":"1""#, r#""desireline.format":"99""#);
    assert_ne!(text, newer);
    std::fs::write(&log, newer).unwrap();
    let more = home.file("more.csv", many(10, 2));
    for command in [&["view", "map"][..], &["import", &more], &["compact"], &["sql", "select 1"]] {
        home.run(command).expect(1, &["has format 99, this program reads up to 1: use the newer program"]);
    }
}

#[test]
fn a_home_in_which_somebody_else_writes() {
    let home = with_events();
    let lock = File::create(home.path().join("lock")).unwrap();
    lock.lock().unwrap();
    let more = home.file("more.csv", many(10, 2));
    let commands = [&["import", &more][..], &["compact"], &["erase", "user_id:c1"]];
    let start = |command| home.command(command).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut waiting = commands.map(start);
    assert_eq!(home.events(), 300, "reading goes on");
    // Longer than each takes to want to write.
    std::thread::sleep(Duration::from_secs(3));
    assert!(waiting.iter_mut().all(|command| command.try_wait().unwrap().is_none()), "all wait");
    drop(lock);
    for command in waiting {
        Ended::from(command.wait_with_output().unwrap()).expect(0, &[]);
    }
}

#[test]
fn a_check_for_machines_has_all_problems_as_data() {
    let home = Home::new();
    let wrong = home.file("wrong.yaml", "charter: 1\ncurrncy: EUR\nmoments:\n  a: {when: \"event = \"}\n");
    let ended = home.run(&["check", &wrong, "--json"]);
    ended.expect(3, &["error: 2 problems in "]);
    let answer: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(answer["in_order"], false);
    let found: Vec<_> =
        answer["problems"].as_array().unwrap().iter().map(|p| (p["code"].clone(), p["line"].clone())).collect();
    assert_eq!(found, [("DL-C004".into(), 2.into()), ("DL-C009".into(), 4.into())]);
    assert_eq!(answer["problems"][0]["hint"], "did you mean `currency`?");
    let right = home.file("right.yaml", "charter: 1\n");
    let answer = home.run(&["check", &right, "--json"]).json();
    assert_eq!((&answer["in_order"], &answer["problems"]), (&true.into(), &serde_json::json!([])));
}

#[test]
fn everything_counts_the_customers_who_have_events() {
    let home = Home::new();
    // A telephone that three share joins none of them, and no event is its own.
    let rows = ["u1,0301234567,x,2026-01-01", "u2,0301234567,x,2026-01-02", "u3,0301234567,x,2026-01-03"];
    let file = home.file("x.csv", format!("user_id,phone,event,at\n{}\n", rows.join("\n")));
    let charter = home.file("c.yaml", "charter: 1\nkeys:\n  user_id: {unique: true, priority: 1}\n  phone: {}\n");
    let with = ["--charter", charter.as_str()];
    let imported = home.import(&file, &with);
    assert_eq!((&imported["customers"], &imported["keys"]), (&3.into(), &4.into()), "{imported}");
    assert_eq!(home.import(&file, &with)["customers"], 3, "the same again");
    let map = home.run(&[&["view", "map", "--json"], &with[..]].concat()).json();
    assert_eq!(map["customers"], 3);
    home.run(&[&["import", &file], &with[..]].concat()).expect(0, &["0 new events; the lake has 3 customers"]);
    let page = home.path().join("../report.html");
    home.run(&[&["report", "-o", page.to_str().unwrap()], &with[..]].concat()).expect(0, &[]);
    assert!(std::fs::read_to_string(page).unwrap().contains("3 customers"));
}

#[test]
fn a_property_that_no_event_has_is_named() {
    let home = Home::new();
    let rows = "customer,event,at,score,city\na,x,2026-01-01,3,Ulm\nb,x,2026-01-02,,Bonn\n";
    home.import(&home.file("x.csv", rows), &[]);
    let wrong = "--where: no event has a value in `properties.scor`; did you mean `properties.score`?";
    home.run(&["view", "map", "--where", "properties.scor > 2"]).expect(0, &[wrong]);
    home.run(&["view", "map,variants", "--json", "--where", "properties.scor > 2"]).expect(0, &[wrong]);
    home.run(&["view", "map", "--compare", "properties.zzzzzzz = 'a'"])
        .expect(0, &["--compare: no event has a value in `properties.zzzzzzz`; there are city, score"]);
    home.run(&["view", "map", "--events", "traits.age > 2"]).expect(0, &["no event has a value in `traits.age`\n"]);
    let page = home.path().join("../report.html");
    let report = ["report", "-o", page.to_str().unwrap(), "--where", "properties.scor > 2"];
    home.run(&report).expect(3, &[wrong, "no journey fits"]);
    for right in ["properties.score > 2", "properties.score > 20"] {
        let ended = home.run(&["view", "map", "--where", right]);
        ended.expect(0, &[]);
        assert!(!ended.err.contains("no event has"), "{}", ended.err);
    }
}

#[test]
fn two_groups_stand_under_their_names_and_lists_are_cut_where_somebody_says_so() {
    let home = Home::new();
    home.import(&home.file("x.csv", many(1_200, 20)), &[]);
    let compare = ["view", "map", "--compare", "properties.note like '%7'", "--compare-names", "sevens,others"];
    let whole = home.run(&compare).out;
    let heading = whole.lines().find(|line| line.contains("difference ")).unwrap();
    assert_eq!(heading.split_whitespace().collect::<Vec<_>>(), ["what", "sevens", "others", "difference"]);
    assert!(!whole.contains("are shown"), "{whole}");
    let cut = home.run(&[&compare[..], &["--limit", "1"]].concat()).out;
    assert!(cut.contains("differences are shown") && cut.lines().count() < whole.lines().count(), "{cut}");
    let csv = home.run(&[&compare[..], &["--csv"]].concat()).out;
    assert!(csv.starts_with("what,a_group,a,a_count,a_of,b_group,b,b_count,b_of,difference,low,high\r\n"), "{csv}");
    assert!(home.run(&["view", "map"]).out.contains("1,200 events in 20 journeys of 20 customers"));
}

/// Where journeys are cut, each has an earliest first step of its own: a funnel from the first says that.
#[test]
fn a_funnel_from_the_first_says_which_first() {
    let home = Home::new();
    let rows = "customer,event,at\na,visit,2026-01-10\na,visit,2026-03-10\na,order,2026-03-11\n";
    home.import(&home.file("x.csv", rows), &["--timezone", "UTC"]);
    let charter = home.file("charter.yaml", "charter: 1\njourneys: {p: {abandoned_after: 30d}}\n");
    let asked = ["view", "funnel", "--steps", "visit,order", "--within", "30d", "--from-first", "--charter", &charter];
    let buyers =
        |args: &[&str]| home.run(&[&asked[..], args, &["--json"]].concat()).json()["steps"][1]["customers"].clone();
    assert_eq!((buyers(&[]), buyers(&["--journey", "p"])), (0.into(), 1.into()));
    let told = "each journey counts by the chain from its earliest first step, each customer once by the best of these";
    let shown =
        home.run(&[&asked[..], &["--journey", "p"]].concat()).out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(shown.contains(told), "{shown}");
}

#[test]
fn one_picture_is_drawn_of_one_map() {
    let home = Home::new();
    home.import(&home.file("x.csv", "customer,event,at\na,visit,2026-01-10\na,order,2026-03-11\n"), &[]);
    let several = ["view", "map,funnel", "--steps", "visit,order", "--svg"];
    home.run(&several).expect(2, &["--svg draws one map: ask for `view map --svg` alone"]);
    assert!(home.run(&["view", "map", "--svg"]).out.starts_with("<svg"));
}

#[test]
fn a_demo_takes_no_home_and_no_charter() {
    let home = Home::new();
    home.run(&["demo"]).expect(2, &["demo makes a home of its own for each example", "leave out --home and --charter"]);
    assert!(!home.path().exists());
    let after = Command::new(PROGRAM).args(["demo", "--home", "x"]).output().unwrap();
    Ended::from(after).expect(2, &["leave out --home and --charter"]);
    home.run(&["demo", "--help"]).expect(0, &[]);
}
