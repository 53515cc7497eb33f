//! From what was counted about expectations to the answer and its tables.

use std::cmp::Reverse;
use std::sync::Arc;

use evidence::{Doubt, Share};
use journey::{Moment, Moments, Word};

use super::{Answer, ByChannel, Counted, ExpectationsFold, Expected, Next, Owner};
use crate::Times;
use crate::limits::CHANNELS_SHOWN_MAX;
use crate::outcomes;
use crate::promises::{BALANCE, Tally, balance};
use crate::question::{Names, crowded};
use crate::sketch::RELATIVE_ERROR;
use crate::table::{Cell, Table};

const GROUPS: [&str; 2] = ["kept", "broken"];

pub(super) fn answer(fold: ExpectationsFold, moments: &Moments) -> Answer {
    let (names, words) = (Names::of(moments), fold.words.names());
    let times = fold.late.times();
    let late = fold.late.finish();
    let mut owners: Vec<(Option<String>, Tally)> = Vec::new();
    let known = fold.charter.owners().into_iter().map(|owner| Some(owner.to_owned()));
    owners.extend(known.chain([None]).map(|owner| (owner, Tally::default())));
    let mut expectations = Vec::new();
    let mut doubts: Vec<Doubt> = crowded(&fold.words).into_iter().collect();
    for ((charter, counted), late) in fold.charter.expectations.iter().zip(fold.counted).zip(late) {
        let mut total = Tally::default();
        counted.channels.values().for_each(|tally| total.merge(*tally));
        if let Some((_, tally)) = owners.iter_mut().find(|(owner, _)| *owner == charter.owner) {
            tally.merge(total);
        }
        let balance = total.balance();
        doubts.extend(Doubt::few(&format!("promises of `{}` that are decided", charter.name), balance.share().of));
        doubts.extend(Doubt::unclear(
            &format!("promises of `{}`", charter.name),
            counted.unclear,
            balance.made,
            "were made while another was open, and no key says whether they are the same again",
        ));
        let (channels, more) = channels(&counted, &words);
        doubts.extend(more);
        expectations.push(Expected {
            expectation: charter.name.clone(),
            label: charter.label.clone(),
            after: charter.after.clone(),
            promise: charter.promise.clone(),
            within: charter.within.to_string(),
            owner: charter.owner.clone(),
            balance,
            late_median_s: late.map(|late| late.median_s),
            late_p90_s: late.map(|late| late.p90_s),
            unasked: counted.unasked,
            channels,
            next: next(&counted, fold.limit, &names),
            outcomes: fold.outcomes.finish(&counted.outcomes, GROUPS),
        });
    }
    let owners = owners.into_iter().map(|(owner, tally)| Owner { owner, balance: tally.balance() });
    let approximate = (times == Times::Sketch).then(|| Doubt::Approximate {
        what: "late_median_s and late_p90_s".to_owned(),
        relative_error: RELATIVE_ERROR,
    });
    doubts.extend(approximate);
    let compared: Vec<_> = expectations.iter().flat_map(|expected| expected.outcomes.iter().cloned()).collect();
    doubts.extend(outcomes::doubts(&compared));
    Answer {
        journeys: fold.journeys,
        customers: fold.customers.count(),
        times,
        expectations,
        owners: owners.filter(|owner| owner.balance.made > 0).collect(),
        doubts,
    }
}

fn channels(counted: &Counted, words: &[Arc<str>]) -> (Vec<ByChannel>, Option<Doubt>) {
    let name =
        |word: Word| if word == Word::OTHER { Some("(others)".into()) } else { words.get(word.index()).cloned() };
    let by_channel = counted.channels.iter();
    let mut channels: Vec<ByChannel> =
        by_channel.map(|(word, tally)| ByChannel { channel: name(*word), balance: tally.balance() }).collect();
    channels.sort_by(|a, b| b.balance.made.cmp(&a.balance.made).then_with(|| a.channel.cmp(&b.channel)));
    let doubt = Doubt::truncated("channels", channels.len().min(CHANNELS_SHOWN_MAX) as u64, channels.len() as u64);
    channels.truncate(CHANNELS_SHOWN_MAX);
    (channels, doubt)
}

fn next(counted: &Counted, limit: usize, names: &Names) -> Vec<Next> {
    let of = [0, 1].map(|group: usize| counted.nothing[group] + counted.next[group].iter().sum::<u64>());
    let count = |group: usize, moment: usize| counted.next[group].get(moment).copied().unwrap_or(0);
    let moments = 0..counted.next[0].len().max(counted.next[1].len());
    let counts = moments.map(|moment| (u32::try_from(moment).ok().map(Moment), [count(0, moment), count(1, moment)]));
    let mut counts: Vec<(Option<Moment>, [u64; 2])> =
        counts.chain([(None, counted.nothing)]).filter(|(_, count)| count.iter().sum::<u64>() > 0).collect();
    counts.sort_by_key(|(moment, count)| (Reverse(count.iter().sum::<u64>()), moment.map(|m| names.rank(m))));
    if limit > 0 {
        counts.truncate(limit);
    }
    let next = |(moment, count): (Option<Moment>, [u64; 2])| {
        let (kept, broken) = (Share::new(count[0], of[0]), Share::new(count[1], of[1]));
        Next {
            moment: moment.map(|moment| names.name(moment)),
            kept: kept.count,
            kept_share: kept.share,
            kept_share_low: kept.low,
            kept_share_high: kept.high,
            broken: broken.count,
            broken_share: broken.share,
            broken_share_low: broken.low,
            broken_share_high: broken.high,
        }
    };
    counts.into_iter().map(next).collect()
}

pub(super) fn tables(answer: &Answer) -> Vec<Table> {
    let mut tables = vec![main(answer), owners(answer), by_channel(answer)];
    for expected in &answer.expectations {
        tables.push(followed(expected));
        if !expected.outcomes.is_empty() {
            let title = format!("Outcomes after `{}` fell due", expected.expectation);
            tables.push(outcomes::table(&title, GROUPS, &expected.outcomes));
        }
    }
    tables
}

fn main(answer: &Answer) -> Table {
    let mut headers = vec!["expectation", "within", "owner"];
    headers.extend(BALANCE);
    headers.extend(["late_median_s", "late_p90_s"]);
    let mut table = Table::new("Expectations", &headers);
    for expected in &answer.expectations {
        let text = |text: &str| Cell::Text(text.into());
        let owner = expected.owner.as_deref().map_or(Cell::Empty, text);
        let seconds = |seconds: Option<f64>| seconds.map_or(Cell::Empty, Cell::Seconds);
        let mut row = vec![text(&expected.expectation), text(&expected.within), owner];
        row.extend(balance(&expected.balance));
        row.extend([seconds(expected.late_median_s), seconds(expected.late_p90_s)]);
        table.row(row);
        if expected.unasked > 0 {
            let (unasked, promise) = (Cell::Count(expected.unasked), &expected.promise);
            table.notes.push(format!(
                "{}: {unasked} times `{promise}` came that no promise was open for",
                expected.expectation
            ));
        }
    }
    table.doubts(&answer.doubts)
}

fn owners(answer: &Answer) -> Table {
    let mut table = Table::new("By owner", &[["owner"].as_slice(), &BALANCE].concat());
    for owner in &answer.owners {
        let name = owner.owner.as_deref().map_or(Cell::Empty, |name| Cell::Text(name.into()));
        table.row([vec![name], balance(&owner.balance)].concat());
    }
    table
}

fn by_channel(answer: &Answer) -> Table {
    let title = "By the channel on which the promise was made";
    let mut table = Table::new(title, &[["expectation", "channel"].as_slice(), &BALANCE].concat());
    for expected in &answer.expectations {
        for channel in &expected.channels {
            let name = channel.channel.as_ref().map_or(Cell::Empty, |name| Cell::Text(Arc::clone(name)));
            let row = [vec![Cell::Text(expected.expectation.as_str().into()), name], balance(&channel.balance)];
            table.row(row.concat());
        }
    }
    table
}

fn followed(expected: &Expected) -> Table {
    let title = format!("The first moment after `{}` fell due", expected.expectation);
    let kept = ["moment", "kept", "kept_share", "kept_share_low", "kept_share_high"];
    let broken = ["broken", "broken_share", "broken_share_low", "broken_share_high"];
    let mut table = Table::new(&title, &[kept.as_slice(), &broken].concat());
    for next in &expected.next {
        table.row([
            Cell::Text(next.moment.clone().unwrap_or_else(|| "(nothing so far)".into())),
            Cell::Count(next.kept),
            Cell::share(next.kept_share),
            Cell::share(next.kept_share_low),
            Cell::share(next.kept_share_high),
            Cell::Count(next.broken),
            Cell::share(next.broken_share),
            Cell::share(next.broken_share_low),
            Cell::share(next.broken_share_high),
        ]);
    }
    table
}
