//! Groups of customers.

use evidence::Share;
use understand::segments::{Answer, One};

use super::{Silence, Told};
use crate::data::Unit;
use crate::figures::percent;
use crate::pictures::{Bar, bars};
use crate::telling::{Figure, Kind, Telling};
use crate::words::{Noun, Words};

/// Outcomes that stand beside each segment; the table has all.
const OUTCOMES_MAX: usize = 4;

pub(super) fn tell(answer: &Answer, words: &Words) -> Result<Told, Silence> {
    if answer.customers == 0 {
        return Err("there are no customers".to_owned());
    }
    let beyond = |one: &One| events_share(one, answer) - one.customers_share.unwrap_or_default();
    let all = answer.segments.iter().filter(|one| one.customers > 0);
    let Some(most) = all.reduce(|a, b| if beyond(b).abs() > beyond(a).abs() { b } else { a }) else {
        return Err("no customer belongs to any of the charter's segments".to_owned());
    };
    let mut telling = Telling::default();
    telling.moment(&most.label).say(": ").count(most.customers).say(" of ");
    telling.things(answer.customers, "customer", "customers").say(" (");
    telling.figure(Figure::Share(Share::new(most.customers, answer.customers))).say("), with ");
    telling.figure(Figure::Part(events_share(most, answer))).say(" of all events.");
    let outcomes: Vec<String> = answer.segments[0]
        .outcomes
        .iter()
        .take(OUTCOMES_MAX)
        .map(|reached| format!("Had ‘{}’", words.of_kind(Noun::Outcome, &reached.outcome)))
        .collect();
    let mut headers = vec!["Of all events"];
    headers.extend(outcomes.iter().map(String::as_str));
    let rows: Vec<Bar> = answer.segments.iter().map(|one| row(one, answer)).collect();
    Ok(Told {
        says: telling.finding(Kind::Segments, 0.2 + 0.3 * beyond(most).abs(), answer.customers, Unit::Customers),
        tiles: Vec::new(),
        picture: bars(["Segment", "Of all customers"], &headers, &rows),
        doubts: answer.doubts.clone(),
    })
}

fn events_share(one: &One, answer: &Answer) -> f64 {
    one.events as f64 / answer.events.max(1) as f64
}

fn row(one: &One, answer: &Answer) -> Bar {
    let mut besides = vec![percent(events_share(one, answer))];
    besides.extend(
        one.outcomes
            .iter()
            .take(OUTCOMES_MAX)
            .map(|reached| if one.customers == 0 { String::new() } else { percent(reached.customers_share) }),
    );
    Bar {
        name: one.label.clone(),
        share: [one.customers_share, one.customers_share_low, one.customers_share_high],
        count: one.customers,
        of: answer.customers,
        besides,
    }
}
