//! What did not happen.

use evidence::Share;
use understand::absences::{Absence, Answer, Kind};

use super::{Silence, Told};
use crate::data::Unit;
use crate::pictures::{Bar, bars};
use crate::telling::{self, Figure, Telling};
use crate::words::{Noun, Words};

pub(super) fn tell(answer: &Answer, words: &Words) -> Result<Told, Silence> {
    // Promises have a section of their own.
    let of_customers = || answer.absences.iter().filter(|absence| absence.kind != Kind::Promise && absence.of > 0);
    let told = |absence: &&Absence| absence.kind != Kind::Stage && absence.count > 0;
    let Some(most) = of_customers().filter(told).reduce(|a, b| if b.share > a.share { b } else { a }) else {
        return Err("nobody passed over a stage, and nobody is silent for longer than is usual for them".to_owned());
    };
    let mut telling = Telling::default();
    telling.count(most.count).say(" of ").things(most.of, "customer", "customers").say(" (");
    telling.figure(Figure::Share(Share::new(most.count, most.of))).say(") ");
    match most.what.as_deref() {
        Some(stage) => {
            telling.say("came to a later stage without ever being in ").moment(words.of_kind(Noun::Stage, stage));
        }
        None => {
            telling.say("have been silent for more than three times as long as is usual for them");
        }
    }
    telling.say(".");
    // Who passed over a stage says more than who never came so far; nobody can pass over the last one.
    let last = answer.absences.iter().rposition(|absence| absence.kind == Kind::Stage);
    let last = last.and_then(|last| answer.absences.get(last));
    let shown = |absence: &&Absence| absence.kind != Kind::Stage || Some(*absence) == last;
    let rows: Vec<Bar> = of_customers().filter(shown).map(|absence| row(absence, words)).collect();
    Ok(Told {
        says: telling.finding(telling::Kind::Absences, 0.15 * most.share.unwrap_or_default(), most.of, Unit::Customers),
        tiles: Vec::new(),
        picture: bars(["What did not happen", "Of the customers to whom it could"], &[], &rows),
        doubts: answer.doubts.clone(),
    })
}

fn row(absence: &Absence, words: &Words) -> Bar {
    let stage = words.of_kind(Noun::Stage, absence.what.as_deref().unwrap_or_default());
    let name = match absence.kind {
        Kind::Stage => format!("Never in ‘{stage}’"),
        Kind::StagePassedOver => format!("In a later stage, never in ‘{stage}’"),
        Kind::Silence => "Silent for longer than is usual for them".to_owned(),
        Kind::Promise => format!("Promise ‘{stage}’"),
    };
    let share = [absence.share, absence.share_low, absence.share_high];
    Bar { name, share, count: absence.count, of: absence.of, besides: Vec::new() }
}
