//! Who comes back.

use evidence::{FEW, Share};
use understand::retention::{Answer, Cell, Mode};

use super::{Silence, Told};
use crate::curve::{Point, curve};
use crate::data::Unit;
use crate::telling::{Figure, Kind, Telling};
use crate::words::Words;

pub(super) fn tell(answer: &Answer, _: &Words) -> Result<Told, Silence> {
    // The last of many periods often rests on a handful of customers, and says less the further out it is.
    let known: Vec<&Cell> =
        answer.all.iter().filter(|cell| cell.of >= FEW.min(answer.customers) && cell.of > 0).collect();
    let (Some(first), Some(last)) = (known.first(), known.last()) else {
        return Err(
            "the events do not reach far enough: no period after the first is over for enough customers".to_owned()
        );
    };
    let unit = if answer.mode == Mode::Bounded { "day".to_owned() } else { answer.by.to_string() };
    let share = |cell: &Cell| Share::new(cell.returned, cell.of);
    let mut telling = Telling::default();
    telling.say("Of ").things(first.of, "customer", "customers").say(", ").count(first.returned).say(" (");
    telling.figure(Figure::Share(share(first))).say(&format!(") were back one {unit} after their first"));
    if known.len() > 1 {
        telling.say(", and ").figure(Figure::Estimate(share(last))).say(" ").count(u64::from(last.from));
        telling.say(&format!(" {unit}s after it"));
    }
    telling.say(".");
    let point = |cell: &&Cell| {
        Some(Point { name: cell.from.to_string(), share: [cell.share?, cell.share_low?, cell.share_high?] })
    };
    let points: Vec<Point> = known.iter().filter_map(point).collect();
    let under = format!("{unit}s after the first; share of customers who were back, with its 95 % interval");
    let picture =
        if points.len() > 1 { curve("Share of customers who came back", &under, &points) } else { String::new() };
    Ok(Told {
        says: telling.finding(Kind::Retention, 0.25, first.of, Unit::Customers),
        tiles: Vec::new(),
        picture,
        doubts: answer.doubts.clone(),
    })
}
