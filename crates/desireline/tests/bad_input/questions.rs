//! Questions, conditions, charters and lakes that are not as they should be.

use std::fs::File;

use crate::home::{Home, many};

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
        .expect(4, &["`nonsense` is no view; there are map, variants, funnel, steps, sankey, segments, quality"]);
    home.run(&["view", "mapp"]).expect(4, &["(did you mean `map`?)"]);
    home.run(&["view", "funnel", "--steps", "visit,ordr"])
        .expect(4, &["`ordr` is no moment of these events (did you mean `order`?)"]);
    home.run(&["view", "map", "--journey", "buy"]).expect(4, &["the charter has no journey `buy`"]);
    home.run(&["erase", "email:nobody@example.com"]).expect(4, &["no event came with email `nobody@example.com`"]);
    home.run(&["view", "map", "--from", "soon"]).expect(2, &["--from: `soon`"]);
    home.run(&["view", "funnel"]).expect(2, &["write the moments in order"]);
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
    for command in [&["import", &more][..], &["compact"], &["erase", "user_id:c1"]] {
        home.run(command).expect(5, &["another desireline works on", "wait until it is done"]);
    }
    assert_eq!(home.events(), 300, "reading goes on");
    drop(lock);
    home.import(&more, &[]);
}
