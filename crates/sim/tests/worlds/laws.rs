//! Views add up, each in itself and with each other: what two of them count alike is the same number.

use serde_json::Value;
use sim::world::{Question, World};

use crate::asking;

/// The answers about one selection of a world, by view; null where the charter has not what a view is about.
struct Answers<'a> {
    world: &'a World,
    selection: Vec<(&'static str, String)>,
}

impl Answers<'_> {
    fn of(&self, view: &'static str, options: &[(&'static str, &str)]) -> Value {
        let options = options.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let question = Question { view, options, selection: self.selection.clone() };
        asking::answer(self.world, &question).unwrap_or_default()
    }

    fn same(&self, what: &str, numbers: &[u64]) {
        let (seed, selection) = (self.world.seed, &self.selection);
        assert!(numbers.windows(2).all(|two| two[0] == two[1]), "world {seed} {selection:?}: {what}: {numbers:?}");
    }
}

const ALL: &[(&str, &str)] = &[("limit", "0")];

fn number(of: &Value, name: &str) -> u64 {
    of[name].as_u64().unwrap_or_else(|| panic!("{name} is no count in {of}"))
}

fn sum(rows: &Value, name: &str) -> u64 {
    list(rows).iter().map(|row| number(row, name)).sum()
}

fn list(rows: &Value) -> &[Value] {
    rows.as_array().map_or(&[], Vec::as_slice)
}

/// Runs something with every world, whole and cut into each of its journeys.
fn each(what: impl Fn(&Answers<'_>)) {
    for seed in 1..=60 {
        let world = World::new(seed);
        let cuts = world.charter.journeys.iter().map(|journey| vec![("journey", journey.name.clone())]);
        for selection in std::iter::once(Vec::new()).chain(cuts) {
            what(&Answers { world: &world, selection });
        }
    }
}

#[test]
fn journeys_events_and_customers_are_the_same_in_every_view() {
    each(|asked| {
        let map = asked.of("map", &[]);
        let (journeys, customers, events) =
            (number(&map, "journeys"), number(&map, "customers"), number(&map, "events"));
        let variants = asked.of("variants", ALL);
        asked.same("journeys by variant", &[journeys, sum(&variants["variants"], "count")]);
        let steps = asked.of("steps", &[("steps", "3")]);
        for step in list(&steps["steps"]) {
            let gone = number(step, "open") + number(step, "ended");
            asked.same("journeys at a step", &[journeys, gone + sum(&step["moments"], "count")]);
        }
        let channels = asked.of("channels", &[]);
        let somewhere = sum(&channels["channels"], "events");
        asked.same("events", &[events, number(&channels, "events"), somewhere + number(&channels, "without_channel")]);
        asked.same("journeys by channels", &[journeys, sum(&channels["spread"], "journeys")]);
        asked.same("changes of channel", &[number(&channels, "switches"), sum(&channels["pairs"], "count")]);
        let quality = asked.of("quality", &[]);
        asked.same("events by channel", &[events, number(&quality, "events"), sum(&quality["channels"], "events")]);
        let retention = asked.of("retention", &[]);
        asked.same("customers", &[customers, number(&retention, "customers"), sum(&retention["cohorts"], "customers")]);
        for moment in list(&map["moments"]) {
            let name = moment["moment"].as_str().expect("a name");
            let funnel = asked.of("funnel", &[("steps", name)]);
            asked.same("customers", &[number(moment, "customers"), number(&funnel["steps"][0], "customers")]);
        }
        let segments = asked.of("segments", &[]);
        for segment in list(&segments["segments"]) {
            let name = segment["segment"].as_str().expect("a name");
            let selection = asked.selection.iter().cloned().chain([("segment", name.to_owned())]).collect();
            let of_segment = Answers { world: asked.world, selection }.of("map", &[]);
            for what in ["customers", "journeys", "events"] {
                asked.same("of a segment", &[number(segment, what), number(&of_segment, what)]);
            }
        }
    });
}

#[test]
fn no_difference_depends_on_how_long_lists_are() {
    for seed in 1..=30 {
        let world = World::new(seed);
        let cut = world.charter.journeys.first().map(|journey| ("journey", journey.name.clone()));
        let compare = ("compare", "channel = 'call'".to_owned());
        let asked = Answers { world: &world, selection: cut.into_iter().chain([compare]).collect() };
        for view in ["map", "variants", "abandonment", "interactions"] {
            let whole = asked.of(view, ALL);
            for (limit, figures) in ["1", "2"].into_iter().flat_map(|limit| [(limit, "differences"), (limit, "means")])
            {
                let short = asked.of(view, &[("limit", limit)]);
                for row in list(&short[figures]) {
                    let all = list(&whole[figures]);
                    assert!(all.contains(row), "world {seed}, {view} --limit {limit}: {row} is not in {all:?}");
                }
            }
        }
    }
}

#[test]
fn endings_are_the_same_in_every_view() {
    each(|asked| {
        let left = asked.of("abandonment", ALL);
        if asked.selection.is_empty() || left.is_null() {
            return;
        }
        let map = asked.of("map", &[]);
        let parts = ["succeeded", "open", "abandoned"].map(|name| number(&left, name));
        asked.same("journeys", &[number(&map, "journeys"), number(&left, "journeys"), parts.iter().sum()]);
        for (name, part) in ["succeeded", "open", "abandoned"].into_iter().zip(parts) {
            asked.same("journeys by last moment", &[part, sum(&left["moments"], name)]);
        }
        for moment in list(&left["moments"]) {
            let ends: u64 = ["succeeded", "open", "abandoned"].iter().map(|name| number(moment, name)).sum();
            let went_on = number(moment, "went_on");
            asked.same("events of a moment", &[number(moment, "events"), went_on + ends]);
        }
        let beside = asked.of("conformance", ALL);
        if beside.is_null() {
            return;
        }
        for ending in list(&beside["endings"]) {
            let name = ending["ending"].as_str().expect("a name");
            asked.same("journeys by ending", &[number(ending, "journeys"), number(&left, name)]);
        }
        for (moves, name) in [("skipped", "skipped"), ("added", "added")] {
            asked.same("moves by owner", &[sum(&beside[moves], "count"), sum(&beside["departments"], name)]);
        }
        let [as_drawn, parted] = [0, 1].map(|group: usize| number(&beside["success"]["groups"][group], "of"));
        asked.same("journeys that are over", &[as_drawn + parted, parts[0] + parts[2]]);
    });
}

#[test]
fn requests_and_promises_add_up() {
    each(|asked| {
        for kind in list(&asked.of("interactions", ALL)["interactions"]) {
            let rows = |name: &str| list(&kind[name]).to_vec();
            let all =
                [kind.clone()].into_iter().chain(rows("requests")).chain(rows("channels")).chain(rows("resources"));
            for figures in all.map(|row| row["figures"].clone()) {
                let parts = ["resolved", "open", "abandoned"].map(|name| number(&figures, name));
                asked.same("opened", &[number(&figures, "opened"), parts.into_iter().sum()]);
                assert!(number(&figures, "first_contact") <= number(&figures, "accurate"));
                assert!(number(&figures, "accurate") <= number(&figures, "judged"));
            }
            for name in ["requests", "channels", "departments", "resources"] {
                for figure in ["opened", "resolved", "judged", "accurate", "first_contact"] {
                    let of_rows = list(&kind[name]).iter().map(|row| number(&row["figures"], figure)).sum();
                    asked.same(&format!("{figure} by {name}"), &[number(&kind["figures"], figure), of_rows]);
                }
            }
        }
        let expectations = asked.of("expectations", ALL);
        let absences = asked.of("absences", &[]);
        let made = |row: &Value| number(&row["balance"], "made");
        let by_owner: u64 = list(&expectations["owners"]).iter().map(made).sum();
        asked.same("promises", &[list(&expectations["expectations"]).iter().map(made).sum(), by_owner]);
        for (i, expected) in list(&expectations["expectations"]).iter().enumerate() {
            let balance = &expected["balance"];
            let of = |name: &str| number(balance, name);
            asked.same("made", &[of("made"), of("kept") + of("broken") + of("pending")]);
            asked.same("broken", &[of("broken"), of("late") + of("never")]);
            asked.same("by channel", &[of("made"), list(&expected["channels"]).iter().map(made).sum()]);
            if asked.selection.is_empty() {
                let absent = &absences["absences"][i];
                asked.same("broken promises", &[number(absent, "count"), of("broken")]);
                asked.same("came late", &[number(absent, "came_late"), of("late")]);
                asked.same("decided promises", &[number(absent, "of"), of("kept") + of("broken")]);
            }
        }
    });
}

#[test]
fn answers_and_stages_add_up() {
    each(|asked| {
        let (said, done) = (asked.of("surveys", ALL), asked.of("say-do", ALL));
        for (i, survey) in list(&said["surveys"]).iter().enumerate() {
            let n = number(&survey["score"], "n");
            let by_moment: u64 = list(&survey["by_moment"]).iter().map(|row| number(&row["score"], "n")).sum();
            asked.same("answers", &[n, sum(&survey["distribution"], "count"), by_moment]);
            if done.is_null() {
                continue;
            }
            let beside = &done["surveys"][i];
            asked.same("answers in two views", &[n, number(beside, "answers")]);
            for deed in list(&beside["deeds"]) {
                asked.same("followed", &[n, number(deed, "pending") + sum(&deed["groups"], "of")]);
            }
        }
        let (stages, absences) = (asked.of("stages", &[]), asked.of("absences", &[]));
        if !asked.selection.is_empty() || stages.is_null() {
            return;
        }
        for stage in list(&stages["stages"]) {
            let never =
                list(&absences["absences"]).iter().find(|a| a["kind"] == "stage" && a["what"] == stage["stage"]);
            let never = number(never.expect("every stage may be missed"), "count");
            asked.same("customers", &[number(&stages, "customers"), number(stage, "customers") + never]);
        }
        asked.same(
            "changes",
            &[
                number(&stages, "back"),
                list(&stages["transitions"])
                    .iter()
                    .filter(|change| change["back"] == true)
                    .map(|change| number(change, "count"))
                    .sum(),
            ],
        );
    });
}
