//! The stage board.

use evidence::{Share, counted, grouped};
use understand::stages::{Answer, Measure, Stage};

use super::{Silence, Tile, Told};
use crate::data::Unit;
use crate::figures::{interval, percent, plain, points, points_between, time};
use crate::pictures::{matrix, unbroken};
use crate::telling::{Figure, Kind, Telling};
use crate::text::{push, safe};
use crate::words::{COLOURS, Noun, Words};

pub(super) fn tell(answer: &Answer, words: &Words) -> Result<Told, Silence> {
    if answer.stages.iter().all(|stage| stage.customers == 0) {
        return Err("no event is a moment of a stage".to_owned());
    }
    let mut picture = board(answer);
    let names: Vec<&str> = answer.stages.iter().map(|stage| &*stage.stage).collect();
    let count = |a: usize, b: usize| {
        let way = answer.transitions.iter().find(|way| *way.from == *names[a] && *way.to == *names[b]);
        way.map_or(0, |way| way.count)
    };
    if !answer.transitions.is_empty() {
        let label = |name: &str| words.of_kind(Noun::Stage, name).to_owned();
        picture.push_str(&matrix("How often customers go from one stage to another", &names, label, count));
    }
    let mut tiles = Vec::new();
    if !answer.transitions.is_empty() {
        tiles.push(Tile::share(
            [answer.back_share, answer.back_share_low, answer.back_share_high],
            "of the changes of stage lead back to an earlier one",
        ));
    }
    Ok(Told { says: says(answer), tiles, picture, doubts: answer.doubts.clone() })
}

/// What a measure is called; that of a survey has its name, which is an abbreviation.
fn name(measure: &Measure) -> String {
    match measure.unit.as_str() {
        "points" | "score" => measure.measure.to_uppercase(),
        _ => measure.measure.clone(),
    }
}

/// A figure in its unit.
fn figure(measure: &Measure, value: f64) -> String {
    match measure.unit.as_str() {
        "share" => percent(value),
        "points" => plain(value.round()),
        "score" | "value" => plain(value),
        unit => format!("{} {unit}", plain(value)),
    }
}

fn ends(measure: &Measure, low: f64, high: f64) -> String {
    match measure.unit.as_str() {
        "share" => interval(low, high),
        "points" => format!("{} to {}", plain(low.round()), plain(high.round())),
        _ => format!("{} to {}", plain(low), plain(high)),
    }
}

/// Whether the interval of the change leaves out none; one of no width says only that a few are all alike.
fn is_clear(measure: &Measure) -> bool {
    let ends = measure.change_low.zip(measure.change_high);
    ends.is_some_and(|(low, high)| low < high && (low > 0.0 || high < 0.0))
}

/// How far a change lies from none, in half widths of its interval.
fn weight(measure: &Measure) -> f64 {
    match (measure.change, measure.change_low, measure.change_high) {
        (Some(change), Some(low), Some(high)) if high > low => change.abs() / ((high - low) / 2.0),
        _ => 0.0,
    }
}

fn says(answer: &Answer) -> crate::Finding {
    let mut telling = Telling::default();
    let all = answer.stages.iter().flat_map(|stage| stage.measures.iter().map(move |measure| (stage, measure)));
    let clear = all.filter(|(_, measure)| is_clear(measure));
    let most = clear.reduce(|a, b| if weight(b.1) > weight(a.1) { b } else { a });
    let known = most.and_then(|(stage, measure)| Some((stage, measure, measure.earlier?, measure.later?)));
    let Some((stage, measure, earlier, later)) = known else {
        let stage = answer.stages.iter().max_by_key(|stage| stage.customers).unwrap_or(&answer.stages[0]);
        telling.say("Of ").things(answer.customers, "customer", "customers").say(", ").count(stage.customers);
        telling.say(" (").figure(Figure::Share(Share::new(stage.customers, answer.customers))).say(") were in ");
        telling.moment(&stage.label).say(", more than in any other stage.");
        if answer.stages.iter().flat_map(|stage| &stage.measures).any(|measure| measure.change.is_some()) {
            let [from, _] = compared(answer);
            telling.say(&format!(" No measure differs clearly from {from}."));
        }
        return telling.finding(Kind::Stages, 0.15, answer.customers, Unit::Customers);
    };
    let shown = |value: f64| if measure.unit == "share" { Figure::Part(value) } else { Figure::Number(value) };
    let unit = if matches!(measure.unit.as_str(), "share" | "value" | "score") { "" } else { &measure.unit };
    let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
    telling.moment(&stage.label).say(": ").moment(&name(measure));
    telling.say(if later > earlier { " rose from " } else { " fell from " });
    let [first, second] = compared(answer);
    telling.figure(shown(earlier)).say(&unit).say(&format!(" in {first} to ")).figure(shown(later));
    telling.say(&unit).say(&format!(" in {second}."));
    let relative = (later - earlier).abs() / earlier.abs().max(later.abs()).max(f64::MIN_POSITIVE);
    telling.finding(Kind::Stages, 0.2 + 0.4 * relative, stage.customers, Unit::Customers)
}

/// What is compared: the earlier and the later.
fn compared(answer: &Answer) -> [&'static str; 2] {
    if answer.before { ["the period before", "this one"] } else { ["the first half of the period", "the second"] }
}

/// A card for each stage.
fn board(answer: &Answer) -> String {
    let mut html = String::from("<ol class=\"board\">\n");
    for (i, stage) in answer.stages.iter().enumerate() {
        let colour = i % COLOURS;
        push(&mut html, format_args!("<li class=\"c{colour}\"><p class=\"stage\">{}</p>\n", safe(&stage.label)));
        for (nth, measure) in stage.measures.iter().enumerate() {
            html.push_str(&card(measure, nth == 0));
        }
        push(&mut html, format_args!("<p class=\"note\">{}</p></li>\n", besides(stage)));
    }
    html.push_str("</ol>\n");
    if answer.since.is_some() {
        let what = if answer.before {
            "the period differs from the one before"
        } else {
            "the second half of the period differs from the first"
        };
        push(&mut html, format_args!("<p class=\"note\">▲ and ▼ say how {what}, each looked at for itself.</p>\n"));
    }
    html
}

fn card(measure: &Measure, main: bool) -> String {
    let Some(value) = measure.value else {
        return format!("<p>{}: not known</p>\n", safe(&name(measure)));
    };
    let mut html = String::from("<p>");
    let class = if main { "value" } else { "value small" };
    push(&mut html, format_args!("<b class=\"{class}\">{}</b> ", unbroken(&figure(measure, value))));
    if let (Some(low), Some(high)) = (measure.low, measure.high) {
        push(&mut html, format_args!("<span class=\"note\">{}</span>", unbroken(&ends(measure, low, high))));
    }
    push(&mut html, format_args!("<br/>{}", safe(&name(measure))));
    if let (Some(change), Some(low), Some(high)) = (measure.change, measure.change_low, measure.change_high) {
        let share = measure.unit == "share";
        let size = if share { points(change) } else { figure(measure, change.abs()) };
        let signed = |x: f64| format!("{}{}", if x < 0.0 { "−" } else { "+" }, plain(x.abs()));
        let between = if share { points_between(low, high) } else { format!("{} to {}", signed(low), signed(high)) };
        let (sign, class) = if change < 0.0 { ("▼", "down") } else { ("▲", "up") };
        if is_clear(measure) {
            let between = unbroken(&format!("({between})"));
            push(
                &mut html,
                format_args!(
                    "<br/><span class=\"{class}\">{sign} {}</span> <span class=\"note\">{between}</span>",
                    unbroken(&size)
                ),
            );
        } else {
            html.push_str("<br/><span class=\"note\">no clear change</span>");
        }
    }
    html.push_str("</p>\n");
    html
}

fn besides(stage: &Stage) -> String {
    let mut parts = vec![counted(stage.customers, "customer", "customers")];
    if let Some(stay) = stage.stay_median_s {
        parts.push(format!("stay {} (median)", unbroken(&time(stay))));
    }
    if stage.fell_back > 0 {
        parts.push(format!("{} fell back ({})", grouped(stage.fell_back), unbroken(&percent(stage.fell_back_share))));
    }
    parts.join("<br/>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_clear_only_with_an_interval_that_leaves_out_none() {
        let changed = |ends: Option<(f64, f64)>| Measure {
            measure: "csat".to_owned(),
            unit: "score".to_owned(),
            n: 4,
            count: None,
            value: Some(4.5),
            low: None,
            high: None,
            earlier: Some(4.0),
            later: Some(5.0),
            change: Some(1.0),
            change_low: ends.map(|ends| ends.0),
            change_high: ends.map(|ends| ends.1),
        };
        assert!(is_clear(&changed(Some((0.5, 1.5)))) && is_clear(&changed(Some((-1.5, -0.5)))));
        for ends in [None, Some((1.0, 1.0)), Some((-0.5, 2.5))] {
            assert!(!is_clear(&changed(ends)), "{ends:?}");
        }
    }
}
