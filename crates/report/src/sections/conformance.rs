//! The designed journey beside the real ones.

use evidence::Share;
use understand::conformance::{Answer, Moved, Parting};

use super::{Silence, Tile, Told};
use crate::data::Unit;
use crate::figures::plain;
use crate::pictures::{Bar, Pair, bars, pairs};
use crate::telling::{Figure, Kind, Telling};
use crate::text::safe;
use crate::words::{Noun, Words};

pub(super) fn tell(answer: &Answer, words: &Words) -> Result<Told, Silence> {
    let subject = words.of_kind(Noun::Journey, &answer.journey).to_owned();
    let Some(fitness) = answer.fitness else {
        return Err(format!("{subject}: there are no such journeys"));
    };
    let mut tiles = vec![
        Tile::share(
            [answer.fitting_share, answer.fitting_share_low, answer.fitting_share_high],
            "of the journeys are exactly as drawn",
        ),
        Tile::plain(plain(fitness), "mean fitness: 1 is as drawn, 0 has nothing in common"),
    ];
    for promised in &answer.promised {
        let balance = promised.balance;
        if balance.kept + balance.broken > 0 {
            let what = format!(
                "kept: from ‘{}’ to ‘{}’ within {}",
                words.label(&promised.from),
                words.label(&promised.to),
                promised.within
            );
            tiles.push(Tile::share([balance.kept_share, balance.kept_share_low, balance.kept_share_high], &what));
        }
    }
    let mut picture = format!("<p>Drawn: <code>{}</code></p>\n", safe(&answer.designed));
    picture.push_str(&moves(answer, words));
    picture.push_str(&partings(answer, words));
    Ok(Told { says: says(answer, words), tiles, picture, doubts: answer.doubts.clone() })
}

fn says(answer: &Answer, words: &Words) -> crate::Finding {
    let fitting = Share::new(answer.fitting, answer.journeys);
    let mut telling = Telling::default();
    telling.count(answer.fitting).say(" of ").things(answer.journeys, "journey", "journeys").say(" (");
    telling.figure(Figure::Share(fitting)).say(if answer.fitting == 1 { ") is" } else { ") are" });
    telling.say(" exactly as drawn.");
    if let Some(parting) = answer.partings.first() {
        telling.say(" Most part from it ").say(&after(parting, words)).say(": ").count(parting.journeys);
        if let Some(came) = parting.came.first() {
            telling.say(", most often with ").moment(words.label(&came.moment));
        }
        telling.say(".");
    }
    telling.finding(
        Kind::Conformance,
        0.1 + 0.3 * (1.0 - fitting.share.unwrap_or_default()),
        answer.journeys,
        Unit::Journeys,
    )
}

fn after(parting: &Parting, words: &Words) -> String {
    parting
        .after
        .as_ref()
        .map_or_else(|| "at the start".to_owned(), |moment| format!("after ‘{}’", words.label(moment)))
}

fn moves(answer: &Answer, words: &Words) -> String {
    let row = |what: &str, moved: &Moved| Bar {
        name: format!("{what}: {}", words.label(&moved.moment)),
        share: [moved.journeys_share, moved.journeys_share_low, moved.journeys_share_high],
        count: moved.journeys,
        of: answer.journeys,
        besides: vec![moved.owner.as_deref().map_or("", |owner| words.of_kind(Noun::Department, owner)).to_owned()],
    };
    let skipped = answer.skipped.iter().map(|moved| row("Skipped", moved));
    let mut rows: Vec<Bar> = skipped.chain(answer.added.iter().map(|moved| row("Added", moved))).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.count));
    if rows.is_empty() {
        return String::new();
    }
    bars(["What differs", "Journeys in which it does"], &["Whose moment it is"], &rows)
}

fn partings(answer: &Answer, words: &Words) -> String {
    let name = |parting: &Parting| {
        let text = after(parting, words);
        let mut chars = text.chars();
        let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
        format!("{first}{}", chars.as_str())
    };
    let rows: Vec<Pair> =
        answer.partings.iter().filter_map(|parting| Pair::of(name(parting), &parting.success)).collect();
    let groups = ["went on as drawn", "parted here"];
    let mut html = pairs("Success, by where they part", groups, &rows);
    let of_outcomes = |parting: &Parting| {
        let place = name(parting);
        let each = parting.outcomes.iter().filter_map(|outcome| {
            Pair::of(format!("{place}: {}", words.of_kind(Noun::Outcome, &outcome.outcome)), outcome)
        });
        each.collect::<Vec<_>>()
    };
    let mut rows: Vec<Pair> = answer.partings.iter().flat_map(of_outcomes).collect();
    // What is clear comes first, since not all may be shown.
    rows.sort_by_key(|row| !row.is_clear());
    html.push_str(&pairs("What followed, by where they part", groups, &rows));
    html
}
