//! What customers say beside what they then do.

use evidence::Share;
use understand::say_do::{Agreement, Answer, Done, Survey};

use super::{Silence, Told};
use crate::data::Unit;
use crate::pictures::{Pair, pairs};
use crate::telling::{Figure, Kind, Telling};
use crate::words::{Noun, Words};

pub(super) fn tell(answer: &Answer, words: &Words) -> Result<Told, Silence> {
    let all = || answer.surveys.iter().flat_map(|survey| survey.deeds.iter().map(move |done| (survey, done)));
    let known = |(_, done): &(&Survey, &Done)| ends(done).is_some_and(|groups| groups.iter().all(|group| group.1 > 0));
    let size = |done: &Done| {
        let clear = done.agreement != Agreement::Undecided;
        (f64::from(u8::from(clear)), done.difference.unwrap_or_default().abs())
    };
    let larger = |a: &Done, b: &Done| size(b).0 > size(a).0 || (size(b).0 >= size(a).0 && size(b).1 > size(a).1);
    let most = all().filter(known).reduce(|a, b| if larger(a.1, b.1) { b } else { a });
    let Some((survey, done)) = most else {
        return Err(
            "too early to say: the time after the answers is not over, or nobody gave a high and nobody a low score"
                .to_owned(),
        );
    };
    let mut rows: Vec<Pair> = all().filter(known).filter_map(|(survey, done)| pair(survey, done, words)).collect();
    // What is clear comes first, since not all may be shown.
    rows.sort_by_key(|row| !row.is_clear());
    Ok(Told {
        says: says(survey, done, words),
        tiles: Vec::new(),
        picture: pairs(
            "Survey, and what was then done",
            ["of those who gave a high score", "of those who gave a low score"],
            &rows,
        ),
        doubts: answer.doubts.clone(),
    })
}

/// How many did it and of how many, of those who said well and of those who said badly.
fn ends(done: &Done) -> Option<[(u64, u64); 2]> {
    let (well, badly) = (done.groups.first()?, done.groups.last()?);
    Some([(well.did, well.of), (badly.did, badly.of)])
}

fn deed<'a>(done: &'a Done, words: &'a Words) -> &'a str {
    if &*done.deed == "(contact)" { "Contact with us again" } else { words.of_kind(Noun::Outcome, &done.deed) }
}

fn pair(survey: &Survey, done: &Done, words: &Words) -> Option<Pair> {
    let groups = ends(done)?.map(|(did, of)| {
        let share = Share::new(did, of);
        ([share.share, share.low, share.high], did, of)
    });
    let name = format!("{}: {}", survey.survey.to_uppercase(), deed(done, words));
    Some(Pair { name, groups, difference: [done.difference, done.difference_low, done.difference_high] })
}

fn says(survey: &Survey, done: &Done, words: &Words) -> crate::Finding {
    let [well, badly] = ends(done).unwrap_or_default().map(|(did, of)| Share::new(did, of));
    let mut telling = Telling::default();
    telling.moment(deed(done, words)).say(" within ").figure(Figure::Seconds(done.within_s)).say(": ");
    telling
        .figure(Figure::Estimate(well))
        .say(&format!(" of those who gave a high {} score, ", survey.survey.to_uppercase()));
    telling.figure(Figure::Estimate(badly)).say(" of those who gave a low one. ");
    telling.say(match done.agreement {
        Agreement::Agrees => "They do as they say.",
        Agreement::Diverges => "They do the opposite of what they say.",
        Agreement::Undecided => "That may be chance: what they say tells little of what they do.",
    });
    let strength = match done.agreement {
        Agreement::Agrees => 0.3 + 0.5 * done.difference.unwrap_or_default().abs(),
        Agreement::Diverges => 0.6 + 0.5 * done.difference.unwrap_or_default().abs(),
        Agreement::Undecided => 0.3,
    };
    telling.finding(Kind::SayDo, strength, well.of.min(badly.of), Unit::Answers)
}
