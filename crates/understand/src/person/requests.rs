//! The requests of one person, by the rules of the view `interactions`.

use charter::Charter;
use event::Column;
use journey::{Details, Ending, Journey, Moment, Moments, Of, Run, Want, Wanted, Word, Words};
use rapidhash::v3::rapidhash_v3;

use super::{OneInteraction, Told, channel, shown, text};
use crate::interactions::gather::{Gatherer, Kind, State};
use crate::interactions::word_name;

/// The interactions of each kind, in the order in which they were opened.
pub(super) fn interactions(charter: &Charter, told: &[Told<'_>], until_us: i64) -> Vec<OneInteraction> {
    let (numbers, words, mut wanted) = (Moments::new(), Words::new(), Wanted::default());
    let kinds = Kind::of(charter, &numbers, &mut wanted);
    let channels = wanted.word(&Column::Channel, Of::All);
    let seen: Vec<(&Told<'_>, &str)> = told.iter().filter_map(|told| Some((told, told.name(charter)?))).collect();
    let moments: Vec<Moment> = seen.iter().map(|(_, name)| numbers.intern(name)).collect();
    let at_us: Vec<i64> = seen.iter().map(|(told, _)| told.at_us).collect();
    let details = details(charter, &wanted, &seen, &words);
    let run = Run { details: &details, ..Run::plain(0, &moments, &at_us) };
    let whole = Journey { customer: 0, moments: &moments, at_us: &at_us, ending: Ending::Whole, run: &run, start: 0 };
    let names = words.names();
    let mut gatherer = Gatherer::default();
    let mut found = Vec::new();
    for (kind, of) in kinds.iter().zip(&charter.interactions) {
        gatherer.gather(&whole, kind, whole.words(channels), until_us);
        for one in &gatherer.interactions {
            let (first, last) = (one.first as usize, one.last as usize);
            let at = |event: usize| shown(at_us[event], charter);
            let ending = match one.state {
                State::Resolved => "resolved",
                State::Abandoned => "abandoned",
                State::Open => "open",
            };
            found.push(OneInteraction {
                interaction: of.name.clone(),
                request: word_name(&names, one.request).map(|name| name.to_string()),
                key: text(seen[first].0.event, of.key.as_ref()),
                opened: at(first),
                ending: ending.to_owned(),
                resolved: (one.state == State::Resolved).then(|| at(last)),
                contacts: one.contacts,
                again: kind.again(&whole, one).map(at),
            });
        }
    }
    found
}

/// What is wanted of each event, as the lake tells it to the views.
fn details(charter: &Charter, wanted: &Wanted, seen: &[(&Told<'_>, &str)], words: &Words) -> Details {
    let mut details = Details::of(wanted);
    for (told, name) in seen {
        let text = |want: &Want| match &want.of {
            Of::Moments(names) if !names.iter().any(|one| one == name) => None,
            _ if want.column == Column::Channel => channel(charter, told.event).map(str::to_owned),
            _ => text(told.event, Some(&want.column)),
        };
        for (want, column) in wanted.words.iter().zip(&mut details.words) {
            column.push(text(want).map_or(Word::NONE, |text| words.word(&text)));
        }
        for (want, column) in wanted.keys.iter().zip(&mut details.keys) {
            column.push(text(want).map_or(0, |text| rapidhash_v3(text.as_bytes()).max(1)));
        }
    }
    details
}
