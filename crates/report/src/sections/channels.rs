//! The channels, and the ways between them.

use evidence::Share;
use understand::channels::{Answer, Loss, Spread};

use super::{Silence, Tile, Told};
use crate::data::Unit;
use crate::pictures::{Bar, bars, matrix};
use crate::telling::{Figure, Kind, Telling};
use crate::words::{Noun, Words};

/// Rows and columns of the picture, the most used channels.
const CHANNELS_MAX: usize = 8;

pub(super) fn tell(answer: &Answer, words: &Words) -> Result<Told, Silence> {
    match answer.channels.as_slice() {
        [] => {
            return Err(
                "no event names a channel: give a column the role `channel`, or `channel:` to a source".to_owned()
            );
        }
        [one] => {
            let name = words.of_kind(Noun::Channel, &one.channel);
            return Err(format!("all events that name a channel come through ‘{name}’"));
        }
        _ => {}
    }
    let lost: u64 = answer.pairs.iter().map(|pair| pair.lost).sum();
    let decided: u64 = answer.pairs.iter().map(|pair| pair.count - pair.pending).sum();
    let mut tiles = vec![Tile::share(
        [answer.switching_share, answer.switching_share_low, answer.switching_share_high],
        "of the journeys change the channel",
    )];
    if decided > 0 {
        let share = Share::new(lost, decided);
        let what = match answer.loss {
            Loss::Abandoned => "of the changes are the last, and the journey is abandoned",
            Loss::NothingFollowed => "of the changes are followed by nothing more",
        };
        tiles.push(Tile::share([share.share, share.low, share.high], what));
    }
    if let Some(context) = answer.context.filter(|context| context.switches > 0) {
        tiles.push(Tile::share(
            [context.carried_over_share, context.carried_over_share_low, context.carried_over_share_high],
            "of the changes within a request: the customer could go on where they were",
        ));
    }
    Ok(Told { says: says(answer, words), tiles, picture: picture(answer, words), doubts: answer.doubts.clone() })
}

fn says(answer: &Answer, words: &Words) -> crate::Finding {
    let mut telling = Telling::default();
    telling.count(answer.switching_journeys).say(" of ").things(answer.journeys, "journey", "journeys").say(" (");
    telling.figure(Figure::Share(Share::new(answer.switching_journeys, answer.journeys)));
    telling.say(if answer.switching_journeys == 1 { ") changes the channel" } else { ") change the channel" });
    if let Some(pair) = answer.pairs.first() {
        telling.say(", most often from ").moment(words.of_kind(Noun::Channel, &pair.from)).say(" to ");
        telling.moment(words.of_kind(Noun::Channel, &pair.to)).say(" (").things(pair.count, "time", "times").say(")");
    }
    telling.say(".");
    let mut strength = 0.25 * answer.switching_share.unwrap_or_default();
    if let Some(context) = answer.context.filter(|context| context.switches > 0) {
        let again = Share::new(context.switches - context.carried_over, context.switches);
        telling.say(" In ").count(again.count).say(" of ").things(again.of, "change", "changes");
        telling.say(" within a request (").figure(Figure::Share(again)).say(") the customer had to start again.");
        strength += 0.35 * again.share.unwrap_or_default();
    }
    telling.finding(Kind::Channels, strength, answer.journeys, Unit::Journeys)
}

fn picture(answer: &Answer, words: &Words) -> String {
    let names: Vec<&str> = answer.channels.iter().take(CHANNELS_MAX).map(|channel| &*channel.channel).collect();
    let count = |a: usize, b: usize| {
        let pair = answer.pairs.iter().find(|pair| *pair.from == *names[a] && *pair.to == *names[b]);
        pair.map_or(0, |pair| pair.count)
    };
    let label = |name: &str| words.of_kind(Noun::Channel, name).to_owned();
    let mut html = matrix("How often customers change from one channel to another", &names, label, count);
    let known = |spread: &&Spread| spread.channels > 0 && spread.succeeded.is_some();
    let rows: Vec<Bar> = answer.spread.iter().filter(known).map(row).collect();
    if rows.len() > 1 {
        html.push_str(&bars(
            ["Journeys over", "Succeeded, of those that succeeded or were abandoned"],
            &["Journeys"],
            &rows,
        ));
    }
    html
}

fn row(spread: &Spread) -> Bar {
    let [share, low, high] = [spread.succeeded_share, spread.succeeded_share_low, spread.succeeded_share_high];
    let count = spread.succeeded.unwrap_or(0);
    // How many are over is not in the answer, but follows from the share, or where that is 0 from its interval.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was a count")]
    let of = match (share, high) {
        (Some(share), _) if share > 0.0 => (count as f64 / share).round() as u64,
        (_, Some(high)) if high < 1.0 => (evidence::Z.powi(2) * (1.0 / high - 1.0)).round() as u64,
        _ => 0,
    };
    Bar {
        name: evidence::counted(spread.channels, "channel", "channels"),
        share: [share, low, high],
        count,
        of,
        besides: vec![evidence::grouped(spread.journeys)],
    }
}
