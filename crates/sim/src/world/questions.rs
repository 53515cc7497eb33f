//! What is asked about a world: every view, with the options that it takes and those that all take.

use ::charter::{Charter, Pattern};
use event::Timestamp;

use super::{Event, Question};
use crate::Random;

/// How often each view is asked.
const TIMES: usize = 2;

/// The questions about a world.
pub(super) fn ask(random: &mut Random, charter: &Charter, events: &[Event]) -> Vec<Question> {
    let mut questions = Vec::new();
    for _ in 0..TIMES {
        let selection = selection(random, charter, events);
        for view in VIEWS {
            // Lists that are cut off are whole where two groups are compared.
            let whole = selection.iter().any(|(option, _)| *option == "compare");
            let mut options = options(random, view, charter, events);
            if whole && options.iter().any(|(option, _)| *option == "limit") {
                options.retain(|(option, _)| *option != "limit");
                options.push(("limit", "0".to_owned()));
            }
            questions.push(Question { view, options, selection: selection.clone() });
        }
    }
    questions
}

const VIEWS: [&str; 18] = [
    "map",
    "variants",
    "funnel",
    "steps",
    "sankey",
    "abandonment",
    "channels",
    "interactions",
    "expectations",
    "absences",
    "conformance",
    "paths",
    "retention",
    "surveys",
    "say-do",
    "stages",
    "segments",
    "quality",
];

type Options = Vec<(&'static str, String)>;

/// Conditions over events, and whether they need moments of the charter.
const CONDITIONS: [(&str, bool); 7] = [
    ("channel = 'call'", false),
    ("event <> 'login'", false),
    ("properties.total > 10", false),
    ("moment = 'ticket' or source = 'crm'", true),
    ("channel in ('web', 'app') and event <> 'visit'", false),
    ("department is not null", false),
    ("properties.topic = 'bill'", false),
];

fn condition(random: &mut Random, charter: &Charter) -> String {
    let (text, moments) = *random.pick(&CONDITIONS);
    if moments && charter.moments.is_empty() { CONDITIONS[0].0.to_owned() } else { text.to_owned() }
}

fn selection(random: &mut Random, charter: &Charter, events: &[Event]) -> Options {
    let mut options = Options::new();
    if !charter.journeys.is_empty() && random.chance(0.6) {
        options.push(("journey", random.pick(&charter.journeys).name.clone()));
    }
    if random.chance(0.25) {
        options.push(("where", condition(random, charter)));
    }
    // Where every name is a moment, what is not seen is not known.
    if random.chance(0.2) && !charter.moments.is_empty() {
        options.push(("events", condition(random, charter)));
    }
    if !charter.segments.is_empty() && random.chance(0.2) {
        options.push(("segment", random.pick(&charter.segments).name.clone()));
    }
    let at = |random: &mut Random| Timestamp::from_micros(random.pick(events).at_us);
    let (first, second) = (at(random), at(random));
    let (from, to) = (first.min(second), first.max(second));
    match random.below(10) {
        0 => options.push(("from", from.to_string())),
        1 => options.push(("to", from.to_string())),
        2 if from < to => {
            // A period may begin before anything is known, and end after all that is.
            let beyond = |random: &mut Random, at: Timestamp, days: i64| {
                let days = if random.chance(0.3) { days } else { 0 };
                Timestamp::from_micros(at.as_micros() + days * 86_400_000_000).to_string()
            };
            options.extend([("from", beyond(random, from, -30)), ("to", beyond(random, to, 400))]);
        }
        3 => options.push(("compare", condition(random, charter))),
        4 if from < to => options.push(("compare", format!("{from}..{to},{to}.."))),
        5 if !charter.segments.is_empty() => options.push(("compare", random.pick(&charter.segments).name.clone())),
        6 if charter.segments.len() > 1 => {
            let names = [&charter.segments[0].name, &charter.segments[1].name];
            options.push(("compare", format!("{},{}", names[0], names[1])));
        }
        _ => {}
    }
    options
}

/// A moment of the charter, which is known whatever happened.
fn moment(random: &mut Random, charter: &Charter) -> Option<String> {
    (!charter.moments.is_empty()).then(|| random.pick(&charter.moments).name.clone())
}

const PATTERNS: [&str; 12] = [
    "visit .. order",
    "visit (search | cart)+ .. order",
    "ticket work? done",
    "^ visit",
    "order $",
    "cart !order order",
    "visit .. ticket@call",
    "cart .. order{<1d}",
    "visit*",
    "^ .. order",
    "order{<0s}",
    ". .",
];

/// A pattern of moments that are known: of the charter, or of events that there are.
fn pattern(random: &mut Random, charter: &Charter, events: &[Event]) -> String {
    let occurs = |name: &str| !charter.moments.is_empty() || events.iter().any(|event| event.name == name);
    let is_known = |text: &&&str| {
        let pattern = Pattern::parse(text).expect("a pattern");
        pattern.moments().iter().all(|moment| occurs(&moment.name))
    };
    let known: Vec<&str> = PATTERNS.iter().filter(is_known).copied().collect();
    (*random.pick(&known)).to_owned()
}

fn options(random: &mut Random, view: &str, charter: &Charter, events: &[Event]) -> Options {
    let limit = |random: &mut Random| ("limit", random.pick(&["0", "0", "1", "2", "5"]).to_string());
    let mut options = Options::new();
    match view {
        "map" | "variants" | "abandonment" | "interactions" | "expectations" | "conformance" => {
            options.push(limit(random));
        }
        "funnel" => {
            let steps: Vec<String> = match moment(random, charter) {
                Some(first) => {
                    let more = (0..random.below(4)).filter_map(|_| moment(random, charter));
                    std::iter::once(first).chain(more.collect::<Vec<_>>()).collect()
                }
                None => [random.pick(events), random.pick(events)].map(|event| event.name.clone()).into(),
            };
            options.push(("steps", steps.join(",")));
            if random.chance(0.6) {
                options.push(("within", random.pick(&["0s", "30m", "1d", "3d", "7d"]).to_string()));
            }
            if random.chance(0.4) {
                options.push(("from_first", "true".to_owned()));
            }
        }
        "steps" => options.push(("steps", (1 + random.below(8)).to_string())),
        "sankey" => {
            options.extend([("steps", (1 + random.below(5)).to_string()), limit(random)]);
            if let Some(anchor) = moment(random, charter).filter(|_| random.chance(0.7)) {
                options.push((*random.pick(&["from_moment", "to_moment"]), anchor));
                options.extend(random.chance(0.3).then(|| ("first_only", "true".to_owned())));
            }
        }
        "channels" => options
            .extend((!charter.moments.is_empty() && random.chance(0.5)).then(|| ("identifies", "login".to_owned()))),
        "paths" => options.push(("pattern", pattern(random, charter, events))),
        "retention" => {
            options.push(("by", random.pick(&["day", "week", "month"]).to_string()));
            let mode = *random.pick(&["classic", "rolling", "bounded"]);
            options.push(("mode", mode.to_owned()));
            let periods = (1 + random.below(9)).to_string();
            let brackets = random.pick(&["1", "1,3,7", "2,30"]).to_string();
            options.push(if mode == "bounded" { ("brackets", brackets) } else { ("periods", periods) });
            for name in ["moment", "returns"] {
                options.extend(moment(random, charter).filter(|_| random.chance(0.3)).map(|moment| (name, moment)));
            }
        }
        "surveys" => {
            options.push(limit(random));
            options.extend((!charter.moments.is_empty() && random.chance(0.6)).then(|| ("asked", "invite".to_owned())));
        }
        "say-do" => options.extend([("within", random.pick(&["2d", "14d", "90d"]).to_string()), limit(random)]),
        "segments" => options.extend(
            (charter.segments.is_empty() || random.chance(0.4)).then(|| ("sql", "events >= 4 and days < 9".to_owned())),
        ),
        _ => {}
    }
    options
}
