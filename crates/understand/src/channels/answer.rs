//! From what was counted of channels to shares and times.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use evidence::{Doubt, Share, counted};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ChannelsFold, Going};
use crate::compare::Shares;
use crate::durations::{Summary, Times};
use crate::interactions::word_name;
use crate::question::crowded;
use crate::sketch::RELATIVE_ERROR;

/// Which channels are used, and how customers go from one to another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The number of journeys.
    pub journeys: u64,
    /// The number of customers.
    pub customers: u64,
    /// The number of events.
    pub events: u64,
    /// How many of them name no channel. They are no part of any other figure here.
    pub without_channel: u64,
    /// How many changes of channel there are.
    pub switches: u64,
    /// Journeys with at least one change of channel.
    pub switching_journeys: u64,
    /// As a share of all journeys.
    pub switching_share: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub switching_share_low: Option<f64>,
    /// Upper end.
    pub switching_share_high: Option<f64>,
    /// What counts as a loss after a change of channel.
    pub loss: Loss,
    /// Whether the times are exact.
    pub times: Times,
    /// The channels, the most used first.
    pub channels: Vec<Channel>,
    /// The changes of channel, the most frequent first.
    pub pairs: Vec<Switch>,
    /// Whether the context was carried over, over all changes inside of interactions. Null where the charter names none.
    pub context: Option<Context>,
    /// Journeys by how many channels they use.
    pub spread: Vec<Spread>,
    /// What stands against these figures.
    pub doubts: Vec<Doubt>,
}

/// What counts as a loss after a change of channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// No other change follows, and the journey is abandoned: the charter says when.
    Abandoned,
    /// Nothing at all follows the first event on the new channel: nothing says how journeys end.
    NothingFollowed,
}

/// What happens on a channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// The channel.
    pub channel: Arc<str>,
    /// Events there.
    pub events: u64,
    /// As a share of the events that name a channel.
    pub events_share: Option<f64>,
    /// Customers who were there.
    pub customers: u64,
    /// Journeys that lead there.
    pub journeys: u64,
    /// As a share of all journeys.
    pub journeys_share: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub journeys_share_low: Option<f64>,
    /// Upper end.
    pub journeys_share_high: Option<f64>,
}

/// Going from one channel to another: of two events that follow each other among those that name a channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    /// The channel that is left.
    pub from: Arc<str>,
    /// The channel that is gone to.
    pub to: Arc<str>,
    /// How often.
    pub count: u64,
    /// By how many customers.
    pub customers: u64,
    /// How many of them were a loss.
    pub lost: u64,
    /// How many are the last of a journey that may still go on.
    pub pending: u64,
    /// Those lost as a share of those not pending.
    pub lost_share: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub lost_share_low: Option<f64>,
    /// Upper end.
    pub lost_share_high: Option<f64>,
    /// Median time from the last event on the one to the first on the other, in seconds.
    pub median_s: f64,
    /// Its 90th percentile.
    pub p90_s: f64,
    /// Whether the context was carried over. Null where no interaction of the charter has this change.
    pub context: Option<Context>,
}

/// Whether customers could go on where they were, after a change of channel inside of an interaction.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Context {
    /// Changes of channel inside of interactions.
    pub switches: u64,
    /// After how many of them the customer did not go back to an earlier step, nor say again who they are or what they
    /// want.
    pub carried_over: u64,
    /// As a share of these changes.
    pub carried_over_share: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub carried_over_share_low: Option<f64>,
    /// Upper end.
    pub carried_over_share_high: Option<f64>,
}

/// Journeys with the same number of channels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    /// How many channels.
    pub channels: u64,
    /// How many journeys.
    pub journeys: u64,
    /// As a share of all journeys.
    pub share: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub share_low: Option<f64>,
    /// Upper end.
    pub share_high: Option<f64>,
    /// How many of them succeeded. Null, as all that follows, where nothing says how journeys end.
    pub succeeded: Option<u64>,
    /// As a share of those that succeeded or were abandoned.
    pub succeeded_share: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub succeeded_share_low: Option<f64>,
    /// Upper end.
    pub succeeded_share_high: Option<f64>,
}

fn context(switches: u64, carried: u64) -> Context {
    let share = Share::new(carried, switches);
    Context {
        switches,
        carried_over: carried,
        carried_over_share: share.share,
        carried_over_share_low: share.low,
        carried_over_share_high: share.high,
    }
}

pub(super) fn answer(fold: ChannelsFold) -> Answer {
    let words = fold.words.names();
    let times = fold.times.times();
    let of_pairs: Vec<_> = fold.pairs().collect();
    let summaries = fold.times.finish();
    let super::Total { journeys, events, nowhere, switching } = fold.total;
    let somewhere = events - nowhere;
    let name = |word| word_name(&words, word).unwrap_or_else(|| "".into());
    let mut channels: Vec<Channel> = fold
        .channels
        .iter()
        // Those of whose events none are left are kept too.
        .filter(|(_, channel)| channel.events > 0)
        .map(|(word, channel)| {
            let share = Share::new(channel.journeys, journeys);
            Channel {
                channel: name(*word),
                events: channel.events,
                events_share: Share::new(channel.events, somewhere).share,
                customers: channel.customers.count(),
                journeys: channel.journeys,
                journeys_share: share.share,
                journeys_share_low: share.low,
                journeys_share_high: share.high,
            }
        })
        .collect();
    channels.sort_unstable_by(|a, b| (Reverse(a.events), &a.channel).cmp(&(Reverse(b.events), &b.channel)));
    let (mut within, mut carried) = (0, 0);
    let mut pairs = Vec::new();
    for (((from, to), going), summary) in of_pairs.into_iter().zip(&fold.switches).zip(&summaries) {
        within += going.within;
        carried += going.carried;
        // Events without a channel lie between, or a customer's other request: a change inside of an interaction need not
        // be one of the journey.
        let Some(summary) = *summary else { continue };
        pairs.push(switch(name(from), name(to), *going, summary));
    }
    pairs.sort_unstable_by(|a, b| (Reverse(a.count), &a.from, &a.to).cmp(&(Reverse(b.count), &b.from, &b.to)));
    let switching_share = Share::new(switching, journeys);
    let approximate = (times == Times::Sketch)
        .then(|| Doubt::Approximate { what: "median_s and p90_s".to_owned(), relative_error: RELATIVE_ERROR });
    Answer {
        journeys,
        customers: fold.customers.count(),
        events,
        without_channel: nowhere,
        switches: pairs.iter().map(|pair| pair.count).sum(),
        switching_journeys: switching,
        switching_share: switching_share.share,
        switching_share_low: switching_share.low,
        switching_share_high: switching_share.high,
        loss: if fold.cut { Loss::Abandoned } else { Loss::NothingFollowed },
        times,
        channels,
        pairs,
        context: (!fold.kinds.is_empty()).then(|| context(within, carried)),
        spread: spread(&fold.spreads, journeys, fold.cut),
        doubts: Doubt::few("journeys", journeys).into_iter().chain(approximate).chain(crowded(&fold.words)).collect(),
    }
}

fn switch(from: Arc<str>, to: Arc<str>, going: Going, summary: Summary) -> Switch {
    let lost = Share::new(going.lost, going.count - going.pending);
    Switch {
        from,
        to,
        count: going.count,
        customers: going.customers.count(),
        lost: going.lost,
        pending: going.pending,
        lost_share: lost.share,
        lost_share_low: lost.low,
        lost_share_high: lost.high,
        median_s: summary.median_s,
        p90_s: summary.p90_s,
        context: (going.within > 0).then(|| context(going.within, going.carried)),
    }
}

fn spread(reaches: &[super::Reach], journeys: u64, cut: bool) -> Vec<Spread> {
    let occur = (0u64..).zip(reaches).filter(|(_, reach)| reach.journeys > 0);
    occur
        .map(|(channels, reach)| {
            let share = Share::new(reach.journeys, journeys);
            let succeeded = cut.then(|| Share::new(reach.succeeded, reach.succeeded + reach.abandoned));
            Spread {
                channels,
                journeys: reach.journeys,
                share: share.share,
                share_low: share.low,
                share_high: share.high,
                succeeded: succeeded.map(|share| share.count),
                succeeded_share: succeeded.and_then(|share| share.share),
                succeeded_share_low: succeeded.and_then(|share| share.low),
                succeeded_share_high: succeeded.and_then(|share| share.high),
            }
        })
        .collect()
}

/// The changes of channel, as their losses are called.
pub(super) fn losses(answer: &Answer) -> impl Iterator<Item = String> + '_ {
    answer.pairs.iter().map(|pair| format!("lost from {} to {}", pair.from, pair.to))
}

/// The shares of one group; `losses` are those of both: a change that a group does not have is lost never and kept never.
pub(super) fn shares(answer: &Answer, losses_of_both: &[String]) -> Shares {
    let mut by_name: BTreeMap<String, Share> =
        losses_of_both.iter().map(|what| (what.clone(), Share::new(0, 0))).collect();
    by_name
        .insert("journeys that change the channel".to_owned(), Share::new(answer.switching_journeys, answer.journeys));
    for channel in &answer.channels {
        by_name.insert(format!("journeys on {}", channel.channel), Share::new(channel.journeys, answer.journeys));
    }
    for spread in &answer.spread {
        let channels = counted(spread.channels, "channel", "channels");
        by_name.insert(format!("journeys on {channels}"), Share::new(spread.journeys, answer.journeys));
    }
    for (what, pair) in losses(answer).zip(&answer.pairs) {
        by_name.insert(what, Share::new(pair.lost, pair.count - pair.pending));
    }
    if let Some(context) = answer.context {
        by_name.insert("context carried over".to_owned(), Share::new(context.carried_over, context.switches));
    }
    Shares { of: answer.journeys, by_name }
}
