//! Requests and how they were resolved.

use evidence::Share;
use understand::interactions::{Answer, Figures, Kind, Request};

use super::{Silence, Tile, Told};
use crate::data::Unit;
use crate::figures::{percent, plain, time};
use crate::pictures::{Bar, bars};
use crate::telling::{self, Figure, Telling};
use crate::text::{push, safe};
use crate::words::{Noun, Words};

pub(super) fn tell(answer: &Answer, words: &Words) -> Result<Told, Silence> {
    let kinds: Vec<&Kind> = answer.interactions.iter().filter(|kind| kind.figures.opened > 0).collect();
    let Some(most) = kinds.iter().copied().reduce(|a, b| if b.figures.opened > a.figures.opened { b } else { a })
    else {
        return Err("no moment that opens an interaction of the charter occurred".to_owned());
    };
    let mut picture = String::new();
    for kind in &kinds {
        if kinds.len() > 1 {
            let name = words.of_kind(Noun::Interaction, &kind.interaction);
            push(&mut picture, format_args!("<p><b>{}</b></p>\n", safe(name)));
        }
        picture.push_str(&by_request(kind));
    }
    Ok(Told { says: says(most, words), tiles: tiles(most), picture, doubts: answer.doubts.clone() })
}

fn tiles(kind: &Kind) -> Vec<Tile> {
    let figures = &kind.figures;
    let mut tiles = Vec::new();
    if figures.resolved + figures.abandoned > 0 {
        let share = [figures.resolved_share, figures.resolved_share_low, figures.resolved_share_high];
        tiles.push(Tile::share(share, "resolved, of those resolved or given up"));
    }
    if figures.judged > 0 {
        let share = [figures.first_contact_share, figures.first_contact_share_low, figures.first_contact_share_high];
        tiles.push(Tile::share(share, "resolved at first contact"));
        let share = [figures.accurate_share, figures.accurate_share_low, figures.accurate_share_high];
        tiles.push(Tile::share(share, "accurate: no new contact on the same request"));
    }
    if let Some(repeatable) = kind.repeatable {
        tiles.push(Tile::plain(plain(repeatable), "repeatable: 1 is always the same way to the same result"));
    }
    if let Some(contacts) = figures.contacts_mean {
        tiles.push(Tile::plain(plain(contacts), "contacts until resolved, mean"));
    }
    if let Some(elapsed) = figures.elapsed_median_s {
        tiles.push(Tile::plain(time(elapsed), "until resolved, median"));
    }
    tiles
}

fn says(kind: &Kind, words: &Words) -> crate::Finding {
    let figures = &kind.figures;
    let name = words.of_kind(Noun::Interaction, &kind.interaction);
    let mut telling = Telling::default();
    if figures.judged == 0 {
        let over = Share::new(figures.resolved, figures.resolved + figures.abandoned);
        telling.count(over.count).say(" of ").things(over.of, "request", "requests").say(" (").moment(name).say(", ");
        telling.figure(Figure::Share(over)).say(") were resolved; the others were given up.");
        return telling.finding(
            telling::Kind::Interactions,
            0.3 * (1.0 - over.share.unwrap_or_default()),
            over.of,
            Unit::Requests,
        );
    }
    let first = Share::new(figures.first_contact, figures.judged);
    telling.say("Of ").things(first.of, "request", "requests").say(" (").moment(name).say("), ").count(first.count);
    telling.say(" (").figure(Figure::Share(first)).say(") were resolved at first contact.");
    let judged = kind.requests.iter().filter(|request| request.figures.judged >= evidence::FEW);
    let worst = judged.clone().reduce(|a, b| if first_share(b) < first_share(a) { b } else { a });
    if let Some((worst, what)) = worst.and_then(|worst| Some((worst, worst.request.as_deref()?)))
        && judged.count() > 1
    {
        telling.say(" The fewest of them about ").moment(what).say(": ").count(worst.figures.first_contact);
        telling.say(" of ").count(worst.figures.judged).say(" (");
        telling.figure(Figure::Share(Share::new(worst.figures.first_contact, worst.figures.judged))).say(").");
    }
    telling.finding(
        telling::Kind::Interactions,
        0.3 + 0.5 * (1.0 - first.share.unwrap_or_default()),
        first.of,
        Unit::Requests,
    )
}

fn first_share(request: &Request) -> Option<f64> {
    request.figures.first_contact_share
}

fn by_request(kind: &Kind) -> String {
    let judged = kind.figures.judged > 0;
    let row = |name: &str, figures: &Figures, usual: String| {
        let (share, count, of) = if judged {
            let share =
                [figures.first_contact_share, figures.first_contact_share_low, figures.first_contact_share_high];
            (share, figures.first_contact, figures.judged)
        } else {
            let share = [figures.resolved_share, figures.resolved_share_low, figures.resolved_share_high];
            (share, figures.resolved, figures.resolved + figures.abandoned)
        };
        let accurate = if figures.judged > 0 { percent(figures.accurate_share) } else { String::new() };
        let elapsed = figures.elapsed_median_s.map(time).unwrap_or_default();
        Bar { name: name.to_owned(), share, count, of, besides: vec![accurate, elapsed, usual] }
    };
    let of_request = |request: &Request| {
        let usual = request.usual.as_ref().map_or_else(String::new, |usual| percent(usual.share));
        row(request.request.as_deref().unwrap_or("(none)"), &request.figures, usual)
    };
    let mut rows = vec![row("All requests", &kind.figures, String::new())];
    rows.extend(kind.requests.iter().filter(|_| kind.requests.len() > 1).map(of_request));
    let headers = ["Accurate", "Until resolved, median", "Take the usual way"];
    bars(["Request", if judged { "Resolved at first contact" } else { "Resolved" }], &headers, &rows)
}
