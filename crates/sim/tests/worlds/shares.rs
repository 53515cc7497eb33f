//! Which shares of an answer are set beside those of another group, and of how many each is one.

use std::collections::BTreeMap;

use serde_json::Value;

/// The shares of one group.
#[derive(Debug, Default)]
pub(crate) struct Shares {
    /// Of how many those of the group as a whole are.
    all: u64,
    /// Shares of the whole group: what the answer does not name never occurs there.
    whole: BTreeMap<String, u64>,
    /// Shares of a part of it: where the answer does not name that part, nobody is in it.
    parts: BTreeMap<String, [u64; 2]>,
}

impl Shares {
    pub(crate) fn of(view: &str, answer: &Value) -> Self {
        let mut shares = Self::default();
        match view {
            "map" | "variants" | "steps" | "sankey" | "conformance" | "segments" | "channels" => {
                shares.whole(view, answer);
            }
            _ => shares.parts(view, answer),
        }
        if view == "channels" {
            for pair in list(&answer["pairs"]) {
                let what = format!("lost from {} to {}", text(&pair["from"]), text(&pair["to"]));
                shares.part(&what, &pair["lost"], number(&pair["count"]) - number(&pair["pending"]));
            }
            let context = &answer["context"];
            if context.is_object() {
                shares.part("context carried over", &context["carried_over"], number(&context["switches"]));
            }
        }
        shares
    }

    /// How many of how many it is here, where this group or the other has it.
    pub(crate) fn find(&self, what: &str, other: &Self) -> Option<[u64; 2]> {
        let own = self.whole.get(what).map(|count| [*count, self.all]).or(self.parts.get(what).copied());
        let not_here = || other.whole.contains_key(what).then_some([0, self.all]);
        own.or_else(not_here).or_else(|| other.parts.contains_key(what).then_some([0, 0]))
    }

    /// Those that are shares of anything.
    pub(crate) fn names(&self) -> impl Iterator<Item = &String> {
        let parts = self.parts.iter().filter(|(_, [_, of])| *of > 0).map(|(what, _)| what);
        self.whole.keys().filter(|_| self.all > 0).chain(parts)
    }

    fn part(&mut self, what: &str, count: &Value, of: u64) {
        self.parts.insert(what.to_owned(), [number(count), of]);
    }

    fn whole(&mut self, view: &str, answer: &Value) {
        let of = match view {
            "map" | "segments" => "customers",
            "sankey" => "occurrences",
            _ => "journeys",
        };
        self.all = number(&answer[of]);
        let mut add = |what: String, count: &Value| self.whole.insert(what, number(count));
        for edge in list(&answer["edges"]) {
            add(format!("{} → {}", text(&edge["from"]), text(&edge["to"])), &edge["customers"]);
        }
        for variant in list(&answer["variants"]) {
            let path: Vec<&str> = list(&variant["sequence"]).iter().map(text).collect();
            add(path.join(" → "), &variant["count"]);
        }
        for step in list(&answer["steps"]) {
            let at = &step["step"];
            for moment in list(&step["moments"]) {
                add(format!("step {at}: {}", text(&moment["moment"])), &moment["count"]);
            }
            add(format!("step {at}: (ended)"), &step["ended"]);
            if step["open"] != 0 {
                add(format!("step {at}: (open)"), &step["open"]);
            }
        }
        for node in list(&answer["nodes"]) {
            let label = node["moment"].as_str().map_or_else(|| format!("({})", text(&node["kind"])), str::to_owned);
            add(format!("step {}: {label}", node["step"]), &node["count"]);
        }
        for segment in list(&answer["segments"]) {
            add(text(&segment["segment"]).to_owned(), &segment["customers"]);
        }
        if view == "conformance" {
            add("as drawn from start to end".to_owned(), &answer["fitting"]);
            for moves in ["skipped", "added"] {
                for one in list(&answer[moves]) {
                    add(format!("{moves}: {}", text(&one["moment"])), &one["journeys"]);
                }
            }
        }
        if view == "channels" {
            add("journeys that change the channel".to_owned(), &answer["switching_journeys"]);
            for channel in list(&answer["channels"]) {
                add(format!("journeys on {}", text(&channel["channel"])), &channel["journeys"]);
            }
            for spread in list(&answer["spread"]) {
                let channels = if spread["channels"] == 1 { "channel" } else { "channels" };
                add(format!("journeys on {} {channels}", spread["channels"]), &spread["journeys"]);
            }
        }
    }

    fn parts(&mut self, view: &str, answer: &Value) {
        match view {
            "funnel" => self.funnel(answer),
            "abandonment" => self.abandonment(answer),
            "interactions" => self.interactions(answer),
            "expectations" => {
                for one in list(&answer["expectations"]) {
                    let [kept, broken] = ["kept", "broken"].map(|name| number(&one["balance"][name]));
                    self.part(&format!("{}: kept", text(&one["expectation"])), &one["balance"]["kept"], kept + broken);
                }
            }
            "absences" => self.absences(answer),
            "paths" => self.part("matching", &answer["matching"], number(&answer["journeys"])),
            "retention" => self.retention(answer),
            "surveys" => self.surveys(answer),
            "say-do" => {
                for survey in list(&answer["surveys"]) {
                    for deed in list(&survey["deeds"]) {
                        for group in list(&deed["groups"]) {
                            let names = [&survey["survey"], &deed["deed"], &group["said"]].map(text);
                            let what = format!("{}: {} after {}", names[0], names[1], names[2]);
                            self.part(&what, &group["did"], number(&group["of"]));
                        }
                    }
                }
            }
            "stages" => self.stages(answer),
            "quality" => {
                let [customers, events] = ["customers", "events"].map(|name| number(&answer[name]));
                self.part("customers with one event", &answer["single_customers"], customers);
                self.part("events that repeat", &answer["repeated_events"], events);
                self.part("events at midnight", &answer["midnight_events"], events);
            }
            _ => panic!("what is compared of {view}?"),
        }
    }

    fn funnel(&mut self, answer: &Value) {
        let steps = list(&answer["steps"]);
        for (i, step) in steps.iter().enumerate() {
            let (of, whose) = match i {
                0 => (&answer["customers"], "all customers"),
                _ => (&steps[0]["customers"], "the first step"),
            };
            let what = format!("{}. {}, of {whose}", i + 1, text(&step["moment"]));
            self.part(&what, &step["customers"], number(of));
        }
    }

    fn abandonment(&mut self, answer: &Value) {
        let [succeeded, abandoned] = ["succeeded", "abandoned"].map(|name| number(&answer[name]));
        self.part("abandoned", &answer["abandoned"], succeeded + abandoned);
        self.part("came back after that", &answer["came_back"]["count"], abandoned);
        for place in list(&answer["moments"]) {
            let what = format!("abandoned at {}, of those who were there", text(&place["moment"]));
            self.part(&what, &place["abandoned"], number(&place["journeys"]));
        }
    }

    fn interactions(&mut self, answer: &Value) {
        for kind in list(&answer["interactions"]) {
            let name = text(&kind["interaction"]);
            let of_request = |row: &Value| format!("{name}, {}", row["request"].as_str().unwrap_or("(none)"));
            let requests = list(&kind["requests"]).iter().map(|row| (of_request(row), row));
            for (name, row) in requests.chain([(name.to_owned(), kind)]) {
                let figures = &row["figures"];
                let closed = number(&figures["opened"]) - number(&figures["open"]);
                self.part(&format!("{name}: resolved"), &figures["resolved"], closed);
                for (what, count) in [("at first contact", "first_contact"), ("accurate", "accurate")] {
                    self.part(&format!("{name}: {what}"), &figures[count], number(&figures["judged"]));
                }
            }
        }
    }

    fn absences(&mut self, answer: &Value) {
        for absence in list(&answer["absences"]) {
            let what = absence["what"].as_str().unwrap_or_default();
            let name = match text(&absence["kind"]) {
                "promise" => format!("`{what}` had not come when it fell due"),
                "stage" => format!("never entered the stage `{what}`"),
                "stage_passed_over" => format!("entered a later stage, but never `{what}`"),
                _ => "silent for longer than is usual for them".to_owned(),
            };
            self.part(&name, &absence["count"], number(&absence["of"]));
        }
    }

    fn retention(&mut self, answer: &Value) {
        let unit = if answer["mode"] == "bounded" { "day" } else { text(&answer["by"]) };
        for cell in list(&answer["all"]) {
            let (from, to) = (&cell["from"], &cell["to"]);
            let what = match to {
                Value::Null => format!("{unit} {from} or later"),
                to if to == from => format!("{unit} {from}"),
                to => format!("{unit}s {from} to {to}"),
            };
            self.part(&what, &cell["returned"], number(&cell["of"]));
        }
    }

    fn surveys(&mut self, answer: &Value) {
        for survey in list(&answer["surveys"]) {
            let names = if survey["kind"] == "nps" { ["promoters", "detractors"] } else { ["top", "low"] };
            let n = number(&survey["score"]["n"]);
            for (name, share) in names.into_iter().zip(["top_share", "low_share"]) {
                let count = (survey["score"][share].as_f64().unwrap_or_default() * n as f64).round();
                let what = format!("{}: {name}", text(&survey["survey"]));
                self.parts.insert(what, [format!("{count}").parse().expect("a count"), n]);
            }
        }
    }

    fn stages(&mut self, answer: &Value) {
        for stage in list(&answer["stages"]) {
            let name = text(&stage["stage"]);
            self.part(&format!("{name}: reached"), &stage["customers"], number(&answer["customers"]));
            self.part(&format!("{name}: fell back"), &stage["fell_back"], number(&stage["customers"]));
            for measure in list(&stage["measures"]).iter().filter(|measure| measure["unit"] == "share") {
                self.part(&format!("{name}: {}", text(&measure["measure"])), &measure["count"], number(&measure["n"]));
            }
        }
    }
}

fn list(rows: &Value) -> &[Value] {
    rows.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no count"))
}
