//! Where journeys end without success.

use evidence::Share;
use understand::abandonment::{Answer, Place};

use super::{Silence, Tile, Told};
use crate::data::Unit;
use crate::figures::{plain, time};
use crate::pictures::{Bar, bars};
use crate::telling::{Figure, Kind, Telling};
use crate::words::{Noun, Words};

pub(super) fn tell(answer: &Answer, words: &Words) -> Result<Told, Silence> {
    let Some(journey) = &answer.journey else {
        return Err(
            "the charter cuts no journeys: add `journeys:` with `starts`, `succeeds` and `abandoned_after`".to_owned()
        );
    };
    let subject = words.of_kind(Noun::Journey, journey).to_owned();
    if answer.abandoned_after.is_none() {
        return Err(format!(
            "{subject}: the charter does not say after what silence it is abandoned; add `abandoned_after: 14d`"
        ));
    }
    let over = answer.succeeded + answer.abandoned;
    if over == 0 {
        return Err(format!("{subject}: no journey is over"));
    }
    let mut tiles = vec![
        Tile::share(
            [answer.abandoned_share, answer.abandoned_share_low, answer.abandoned_share_high],
            "of the journeys that are over were abandoned",
        ),
        Tile::plain(evidence::grouped(answer.open), "may still go on"),
    ];
    let back = answer.came_back;
    if answer.abandoned > 0 {
        tiles.push(Tile::share(
            [back.share, back.share_low, back.share_high],
            "of the abandoned were followed by another attempt",
        ));
    }
    if answer.value.total > 0.0 {
        let currency = answer.currency.as_deref().unwrap_or_default();
        tiles.push(Tile::plain(
            format!("{} {currency}", plain(answer.value.total)).trim_end().to_owned(),
            "were in abandoned journeys",
        ));
    }
    Ok(Told { says: says(answer, words, over), tiles, picture: picture(answer, words), doubts: answer.doubts.clone() })
}

fn says(answer: &Answer, words: &Words, over: u64) -> crate::Finding {
    let mut telling = Telling::default();
    let share = Share::new(answer.abandoned, over);
    telling.count(answer.abandoned).say(" of ").things(over, "journey that is over", "journeys that are over");
    telling.say(" (").figure(Figure::Share(share)).say(if answer.abandoned == 1 {
        ") was abandoned"
    } else {
        ") were abandoned"
    });
    if let Some(place) = answer.moments.first().filter(|place| place.abandoned > 0) {
        telling.say(", most often after ").moment(words.label(&place.moment)).say(": ").count(place.abandoned);
        if let Some(wait) = place.wait_p90_s {
            telling.say(". Who goes on from there does so within ").figure(Figure::Seconds(wait));
            telling.say(" in nine of ten cases");
        }
    }
    telling.say(".");
    // The funnel tells of much the same, and of more than one place.
    telling.finding(Kind::Abandonment, 0.5 * share.share.unwrap_or_default(), over, Unit::Journeys)
}

fn picture(answer: &Answer, words: &Words) -> String {
    let left = |place: &&Place| place.abandoned > 0;
    let rows: Vec<Bar> = answer.moments.iter().filter(left).map(|place| row(place, words)).collect();
    if rows.is_empty() {
        return String::new();
    }
    let headers = ["Those who go on do so within (half / nine in ten)", "Come back after all"];
    bars(["The last moment", "Abandoned there, of the journeys that were there"], &headers, &rows)
}

fn row(place: &Place, words: &Words) -> Bar {
    let wait = match (place.wait_median_s, place.wait_p90_s) {
        (Some(median), Some(p90)) => format!("{} / {}", time(median), time(p90)),
        _ => String::new(),
    };
    Bar {
        name: words.label(&place.moment).to_owned(),
        share: [place.abandoned_share, place.abandoned_share_low, place.abandoned_share_high],
        count: place.abandoned,
        of: place.journeys,
        besides: vec![wait, crate::figures::percent(place.came_back.share)],
    }
}
