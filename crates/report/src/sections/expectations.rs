//! Promises kept and broken.

use evidence::Share;
use understand::OutcomeBetween;
use understand::expectations::{Answer, Expected};

use super::{Silence, Tile, Told};
use crate::data::Unit;
use crate::figures::time;
use crate::pictures::{Pair, pairs, stacks};
use crate::telling::{Figure, Kind, Telling};
use crate::words::{Noun, Words};

pub(super) fn tell(answer: &Answer, words: &Words) -> Result<Told, Silence> {
    let decided = |expected: &&Expected| expected.balance.kept + expected.balance.broken > 0;
    let share = |expected: &Expected| expected.balance.kept_share;
    let worst = answer.expectations.iter().filter(decided).reduce(|a, b| if share(b) < share(a) { b } else { a });
    let Some(worst) = worst else {
        return Err("no promise of the charter is decided: none was made, or none is due yet".to_owned());
    };
    let mut tiles = Vec::new();
    for expected in answer.expectations.iter().filter(decided) {
        let balance = expected.balance;
        let kept = [balance.kept_share, balance.kept_share_low, balance.kept_share_high];
        tiles.push(Tile::share(kept, &format!("kept: {}", expected.label)));
        if let Some(late) = expected.late_median_s {
            tiles.push(Tile::plain(time(late), &format!("late by, median of the late ones: {}", expected.label)));
        }
    }
    let parts = [("kept", "Kept"), ("late", "Late"), ("never", "Never fulfilled"), ("pending", "Pending")];
    let row = |expected: &Expected| {
        let balance = expected.balance;
        (expected.label.clone(), vec![balance.kept, balance.late, balance.never, balance.pending])
    };
    let rows: Vec<_> = answer.expectations.iter().map(row).collect();
    let mut picture = stacks("Promise", &parts, &rows);
    for expected in &answer.expectations {
        let title = format!("What came after ‘{}’ fell due", expected.label);
        picture.push_str(&pairs(&title, ["after a kept one", "after a broken one"], &after(expected, words)));
    }
    Ok(Told { says: says(answer, worst, words), tiles, picture, doubts: answer.doubts.clone() })
}

fn after(expected: &Expected, words: &Words) -> Vec<Pair> {
    let outcome =
        |outcome: &OutcomeBetween| Pair::of(words.of_kind(Noun::Outcome, &outcome.outcome).to_owned(), outcome);
    expected.outcomes.iter().filter_map(outcome).collect()
}

/// The clearest difference between broken and kept promises in what is bad for the business.
fn cost(answer: &Answer) -> Option<(&Expected, &OutcomeBetween)> {
    let all = answer.expectations.iter().flat_map(|expected| expected.outcomes.iter().map(move |one| (expected, one)));
    // Kept less broken: of what is bad, negative is what one would fear.
    let worse = |one: &OutcomeBetween| {
        if one.bad { one.difference_high.is_some_and(|high| high < 0.0) } else { one.difference_low > Some(0.0) }
    };
    let size = |one: &OutcomeBetween| one.difference.unwrap_or_default().abs();
    all.filter(|(_, one)| worse(one)).reduce(|a, b| if size(b.1) > size(a.1) { b } else { a })
}

fn says(answer: &Answer, worst: &Expected, words: &Words) -> crate::Finding {
    let cost = cost(answer);
    let expected = cost.map_or(worst, |(expected, _)| expected);
    let balance = expected.balance;
    let broken = Share::new(balance.broken, balance.kept + balance.broken);
    let mut telling = Telling::default();
    telling.moment(&expected.label).say(" was not kept in ").count(broken.count).say(" of ");
    telling.things(broken.of, "case", "cases").say(" (").figure(Figure::Share(broken)).say(").");
    if let (None, Some(late)) = (cost, expected.late_median_s) {
        telling.say(" Half of the late ones are late by more than ").figure(Figure::Seconds(late)).say(".");
    }
    let mut strength = 0.3 + 0.4 * broken.share.unwrap_or_default();
    if let Some((_, outcome)) = cost {
        let [kept, broken] = [0, 1].map(|i| &outcome.groups[i]);
        telling.say(" After that, ").moment(words.of_kind(Noun::Outcome, &outcome.outcome)).say(" came in ");
        telling.figure(Figure::Estimate(Share::new(broken.count, broken.of))).say(" of the cases, against ");
        telling.figure(Figure::Estimate(Share::new(kept.count, kept.of)));
        telling
            .say(" after a kept promise. That is an association; it does not show that the one comes from the other.");
        strength += 0.2 + outcome.difference.unwrap_or_default().abs();
    }
    telling.finding(Kind::Expectations, strength, broken.of, Unit::Promises)
}
