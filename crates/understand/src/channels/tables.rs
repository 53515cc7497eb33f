//! Channels as tables.

use std::sync::Arc;

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
    let headers = ["channel", "events", "events_share", "customers", "journeys", "journeys_share"];
    let mut table = Table::new("Channels", &headers);
    for channel in &answer.channels {
        table.row([
            Cell::Text(Arc::clone(&channel.channel)),
            Cell::Count(channel.events),
            Cell::share(channel.events_share),
            Cell::Count(channel.customers),
            Cell::Count(channel.journeys),
            Cell::share(channel.journeys_share),
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
        let [switching, all] = [answer.switching_journeys, answer.journeys].map(Cell::Count);
        table.notes.push(format!("{switching} journeys change the channel, {share} of {all}"));
    }
    table.doubts(&answer.doubts)
}

fn carried(context: Option<&Context>) -> Cell {
    context.map_or(Cell::Empty, |context| Cell::share(context.carried_over_share))
}

fn switches(answer: &Answer) -> Table {
    let headers = ["from", "to", "count", "customers", "lost", "lost_share", "median_s", "p90_s", "carried_over_share"];
    let mut table = Table::new("Changes of channel", &headers);
    for pair in &answer.pairs {
        table.row([
            Cell::Text(Arc::clone(&pair.from)),
            Cell::Text(Arc::clone(&pair.to)),
            Cell::Count(pair.count),
            Cell::Count(pair.customers),
            Cell::Count(pair.lost),
            Cell::share(pair.lost_share),
            Cell::Seconds(pair.median_s),
            Cell::Seconds(pair.p90_s),
            carried(pair.context.as_ref()),
        ]);
    }
    table.notes.push(
        match answer.loss {
            Loss::Abandoned => "lost: no other change follows, and the journey is abandoned",
            Loss::NothingFollowed => "lost: nothing follows the first event on the new channel",
        }
        .to_owned(),
    );
    if let Some(context) = &answer.context {
        let (switches, share) = (Cell::Count(context.switches), carried(Some(context)));
        table.notes.push(match context.switches {
            0 => "no interaction of the charter goes over more than one channel".to_owned(),
            _ => format!("inside of interactions: {switches} changes, context carried over in {share}"),
        });
    }
    table
}

fn spread(answer: &Answer) -> Table {
    let mut table = Table::new(
        "Journeys by number of channels",
        &["channels", "journeys", "share", "succeeded", "succeeded_share"],
    );
    for spread in &answer.spread {
        table.row([
            Cell::Count(spread.channels),
            Cell::Count(spread.journeys),
            Cell::share(spread.share),
            spread.succeeded.map_or(Cell::Empty, Cell::Count),
            Cell::share(spread.succeeded_share),
        ]);
    }
    table
}
