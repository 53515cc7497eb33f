//! Journeys that hold a pattern.

use evidence::Share;
use understand::paths::{Answer, Extent};

use super::{Silence, Tile, Told};
use crate::data::Unit;
use crate::figures::time;
use crate::pictures::{Pair, pairs};
use crate::telling::{Figure, Kind, Telling};
use crate::words::{Noun, Words};

pub(super) fn tell(answer: &Answer, words: &Words) -> Result<Told, Silence> {
    match answer.extent {
        Extent::Impossible => return Err(format!("`{}` asks for what cannot be", answer.pattern)),
        Extent::None => return Err(format!("no journey holds `{}`", answer.pattern)),
        Extent::Some | Extent::All | Extent::Always => {}
    }
    let matching = Share::new(answer.matching, answer.journeys);
    let mut telling = Telling::default();
    telling.count(matching.count).say(" of ").things(matching.of, "journey", "journeys").say(" (");
    telling.figure(Figure::Share(matching)).say(if matching.count == 1 { ") holds " } else { ") hold " });
    telling.moment(&answer.pattern);
    if let Some(whole) = answer.whole {
        telling.say("; from its first to its last step it takes ").figure(Figure::Seconds(whole.median_s));
        telling
            .say(" or more in half of the cases, ")
            .figure(Figure::Seconds(whole.p90_s))
            .say(" or more in one of ten");
    }
    telling.say(".");
    let mut tiles = vec![Tile::share([matching.share, matching.low, matching.high], "of the journeys hold it")];
    if answer.parts.len() > 1 {
        let parts = answer.parts.iter();
        tiles.extend(parts.map(|part| {
            Tile::plain(
                time(part.took.median_s),
                &format!("from {} to {}, median", words.label(&part.from), words.label(&part.to)),
            )
        }));
    }
    let rows: Vec<Pair> = answer
        .outcomes
        .iter()
        .filter_map(|one| Pair::of(words.of_kind(Noun::Outcome, &one.outcome).to_owned(), one))
        .collect();
    Ok(Told {
        says: telling.finding(Kind::Paths, 0.3, matching.of, Unit::Journeys),
        tiles,
        picture: pairs("Outcome", ["journeys that hold it", "all others"], &rows),
        doubts: answer.doubts.clone(),
    })
}
