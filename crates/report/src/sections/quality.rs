//! Whether the data are fit.

use evidence::grouped;
use understand::quality::{Answer, Feed, Finding as Fault, Kind as Fit};

use super::{Silence, Tile, Told};
use crate::data::Unit;
use crate::telling::{Kind, Telling};
use crate::text::{coded, push, safe, sentence};
use crate::words::{Noun, Words};

/// Findings of one kind that are shown; the table has all.
const FAULTS_MAX: usize = 3;
/// Channels of the picture.
const FEEDS_MAX: usize = 12;

pub(super) fn tell(answer: &Answer, words: &Words) -> Result<Told, Silence> {
    if answer.events == 0 {
        return Err("there are no events".to_owned());
    }
    let mut telling = Telling::default();
    // That imports overlap is no fault of the data.
    let mut faults: Vec<&Fault> = answer.findings.iter().filter(|fault| fault.kind != Fit::SentAgain).collect();
    // What is so of all events is often told of their only channel again, up to how much would have been usual.
    let same = |a: &Fault, b: &Fault| a.kind == b.kind && a.what.split(';').next() == b.what.split(';').next();
    let before = faults.clone();
    let mut nth = 0..;
    faults.retain(|fault| nth.next().is_none_or(|n: usize| before[..n].iter().all(|other| !same(other, fault))));
    match faults.first() {
        None => telling.say("Nothing was found that stands against these data."),
        Some(first) => {
            telling
                .things(faults.len() as u64, "thing stands", "things stand")
                .say(" against these data, first of all: ");
            telling.say(&first.what).say(&format!(" ({}).", first.place))
        }
    };
    let share =
        |share: Option<f64>, low: Option<f64>, high: Option<f64>, what: &str| Tile::share([share, low, high], what);
    let mut tiles = vec![share(
        answer.repeated_share,
        answer.repeated_share_low,
        answer.repeated_share_high,
        "of the events repeat: same customer, moment and second",
    )];
    tiles.push(share(
        answer.single_share,
        answer.single_share_low,
        answer.single_share_high,
        "of the customers have one event",
    ));
    if let Some(stitched) = answer.stitched_customers.filter(|_| answer.customers > 0) {
        let of = evidence::Share::new(stitched.min(answer.customers), answer.customers);
        tiles.push(share(of.share, of.low, of.high, "of the customers are known by more than one key"));
    }
    if let Some(unknown) = answer.unknown.as_ref().filter(|unknown| unknown.events > 0) {
        tiles.push(share(
            unknown.share,
            unknown.share_low,
            unknown.share_high,
            "of all events are no moment of the charter",
        ));
    }
    let mut picture = list(&faults);
    picture.push_str(&timeline(&answer.channels, words));
    Ok(Told {
        says: telling.finding(Kind::Quality, 0.1, answer.events, Unit::Events),
        tiles,
        picture,
        doubts: answer.doubts.clone(),
    })
}

/// Of each kind the first few, and once why they matter and what to do.
fn list(faults: &[&Fault]) -> String {
    if faults.is_empty() {
        return String::new();
    }
    let mut html = String::from("<ul class=\"faults\">\n");
    for kind in faults.chunk_by(|a, b| a.kind == b.kind) {
        html.push_str("<li>");
        for fault in kind.iter().take(FAULTS_MAX) {
            let (place, what) = (safe(&fault.place), coded(&sentence(&fault.what)));
            push(&mut html, format_args!("<b><bdi>{place}</bdi>:</b> <bdi>{what}</bdi><br/>"));
        }
        if kind.len() > FAULTS_MAX {
            push(&mut html, format_args!("… and {} more like these.<br/>", kind.len() - FAULTS_MAX));
        }
        let (why, to_do) = (coded(&sentence(&kind[0].why)), coded(&sentence(&kind[0].to_do)));
        push(&mut html, format_args!("<span class=\"note\">Why it matters: {why} What to do: {to_do}</span></li>\n"));
    }
    html.push_str("</ul>\n");
    html
}

/// From when to when each channel has events, on one scale.
fn timeline(feeds: &[Feed], words: &Words) -> String {
    let known: Vec<(&Feed, f64, f64)> =
        feeds.iter().filter_map(|feed| Some((feed, day(&feed.first)?, day(&feed.last)? + 1.0))).collect();
    let first = known.iter().map(|feed| feed.1).fold(f64::INFINITY, f64::min);
    let last = known.iter().map(|feed| feed.2).fold(f64::NEG_INFINITY, f64::max);
    if known.len() < 2 || last - first < 2.0 {
        return String::new();
    }
    let mut html = String::from(
        "<div class=\"wide\" tabindex=\"0\"><table class=\"bars\"><caption>When each channel has events</caption><thead><tr>\
         <th scope=\"col\">Channel</th><th scope=\"col\">From the first day of the data to the last</th>\
         <th scope=\"col\" class=\"n\">First</th><th scope=\"col\" class=\"n\">Latest</th>\
         <th scope=\"col\" class=\"n\">Events</th><th scope=\"col\" class=\"n\">Silent since, days</th></tr></thead><tbody>\n",
    );
    for (feed, from, to) in known.iter().take(FEEDS_MAX) {
        let place = |day: f64| (day - first) / (last - first) * 100.0;
        let date = |text: &str| safe(text.split([' ', 'T']).next().unwrap_or(text));
        push(
            &mut html,
            format_args!(
                "<tr><th scope=\"row\"><bdi>{}</bdi></th><td class=\"bar\"><svg viewBox=\"0 0 100 10\" \
                 preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect class=\"track\" width=\"100\" height=\"10\"/>\
                 <rect class=\"fill\" x=\"{:.2}\" width=\"{:.2}\" height=\"10\"/></svg></td><td class=\"n\">{}</td>\
                 <td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
                safe(if &*feed.name == "(none)" { "no channel" } else { words.of_kind(Noun::Channel, &feed.name) }),
                place(*from),
                place(*to) - place(*from),
                date(&feed.first),
                date(&feed.last),
                grouped(feed.events),
                grouped(feed.silent_days)
            ),
        );
    }
    html.push_str("</tbody></table></div>\n");
    html
}

/// The number of the day that a time begins with (`2025-03-31…`), counted from some day: Hinnant, "chrono-compatible
/// low-level date algorithms", 2013.
fn day(time: &str) -> Option<f64> {
    let mut parts = time.split([' ', 'T']).next()?.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some((year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_year) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_over_the_ends_of_months_and_leap_years() {
        let apart = |a: &str, b: &str| day(b).expect("a day") - day(a).expect("a day");
        assert!((apart("2024-02-28 10:00", "2024-03-01") - 2.0).abs() < 0.1);
        assert!((apart("2025-01-01T00:00", "2026-01-01") - 365.0).abs() < 0.1);
        assert_eq!(day("yesterday"), None);
    }
}
