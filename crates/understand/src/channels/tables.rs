//! Channels as tables.

use std::sync::Arc;

use evidence::counted;

use super::answer::{Answer, Context, Loss};
use crate::table::{Cell, Table};

pub(super) fn tables(answer: &Answer) -> Vec<Table> {
    // Without any channel there is nothing to say but that.
    if answer.channels.is_empty() {
        vec![channels(answer)]
    } else {
        vec![channels(answer), switches(answer), spread(answer)]
    }
}

fn channels(answer: &Answer) -> Table {
    let headers = ["channel", "events", "events_share", "customers", "journeys"];
    let of_journeys = ["journeys_share", "journeys_share_low", "journeys_share_high"];
    let mut table = Table::new("Channels", &[headers.as_slice(), &of_journeys].concat());
    for channel in &answer.channels {
        table.row([
            Cell::Text(Arc::clone(&channel.channel)),
            Cell::Count(channel.events),
            Cell::share(channel.events_share),
            Cell::Count(channel.customers),
            Cell::Count(channel.journeys),
            Cell::share(channel.journeys_share),
            Cell::share(channel.journeys_share_low),
            Cell::share(channel.journeys_share_high),
        ]);
    }
    let (nowhere, events) = (Cell::Count(answer.without_channel), Cell::Count(answer.events));
    table.notes.push(format!("{nowhere} of {events} events name no channel"));
    if answer.channels.is_empty() {
        let what = "to see channels, import with --map channel=COLUMN, or say `channel:` of a source in the charter";
        table.notes.push(what.to_owned());
        return table.doubts(&answer.doubts);
    }
    if let Some(share) = answer.switching_share.map(Cell::Share) {
        let switching = counted(answer.switching_journeys, "journey changes", "journeys change");
        table.notes.push(format!("{switching} the channel, {share} of {}", Cell::Count(answer.journeys)));
    }
    table.doubts(&answer.doubts)
}

/// Of how many changes inside of interactions which share carried the context over, and the ends of its interval.
fn carried(context: Option<&Context>) -> [Cell; 4] {
    let none = [Cell::Empty, Cell::Empty, Cell::Empty, Cell::Empty];
    context.map_or(none, |context| {
        let share = [context.carried_over_share, context.carried_over_share_low, context.carried_over_share_high];
        let [share, low, high] = share.map(Cell::share);
        [Cell::Count(context.switches), share, low, high]
    })
}

fn switches(answer: &Answer) -> Table {
    let headers = [
        "from",
        "to",
        "count",
        "customers",
        "lost",
        "pending",
        "lost_share",
        "lost_share_low",
        "lost_share_high",
        "median_s",
        "p90_s",
    ];
    let of_context = ["switches", "carried_over_share", "carried_over_share_low", "carried_over_share_high"];
    let mut table = Table::new("Changes of channel", &[headers.as_slice(), &of_context].concat());
    for pair in &answer.pairs {
        let row = [
            Cell::Text(Arc::clone(&pair.from)),
            Cell::Text(Arc::clone(&pair.to)),
            Cell::Count(pair.count),
            Cell::Count(pair.customers),
            Cell::Count(pair.lost),
            Cell::Count(pair.pending),
            Cell::share(pair.lost_share),
            Cell::share(pair.lost_share_low),
            Cell::share(pair.lost_share_high),
            Cell::Seconds(pair.median_s),
            Cell::Seconds(pair.p90_s),
        ];
        table.row([row.as_slice(), &carried(pair.context.as_ref())].concat());
    }
    table.notes.push(
        match answer.loss {
            Loss::Abandoned => "lost: no other change follows, and the journey is abandoned",
            Loss::NothingFollowed => "lost: nothing follows the first event on the new channel",
        }
        .to_owned(),
    );
    if let Some(context) = &answer.context {
        table.notes.push(match context.switches {
            0 => "no interaction of the charter goes over more than one channel".to_owned(),
            switches => {
                let [_, share, low, high] = carried(Some(context));
                let (changes, within) =
                    (counted(switches, "change", "changes"), Cell::Within([share, low, high].into()));
                format!("switches: inside of interactions; {changes} together, context carried over in {within}")
            }
        });
    }
    table
}

fn spread(answer: &Answer) -> Table {
    let headers = ["channels", "journeys", "share", "share_low", "share_high"];
    let of_ends = ["succeeded", "succeeded_share", "succeeded_share_low", "succeeded_share_high"];
    let mut table = Table::new("Journeys by number of channels", &[headers.as_slice(), &of_ends].concat());
    for spread in &answer.spread {
        table.row([
            Cell::Count(spread.channels),
            Cell::Count(spread.journeys),
            Cell::share(spread.share),
            Cell::share(spread.share_low),
            Cell::share(spread.share_high),
            spread.succeeded.map_or(Cell::Empty, Cell::Count),
            Cell::share(spread.succeeded_share),
            Cell::share(spread.succeeded_share_low),
            Cell::share(spread.succeeded_share_high),
        ]);
    }
    table
}
