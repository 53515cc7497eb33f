//! Channels: where things happen, how customers go from one channel to another, what gets lost on the way, and whether
//! they have to start again.

mod answer;
mod tables;

#[cfg(test)]
mod tests;

use charter::Charter;
use charter::journeys::Journey as Drawn;
use event::Column;
use journey::{Ending, Fold, Hands, Journey, Moment, Moments, Of, Setting, Wanted, Word, Words};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use answer::{Answer, Channel, Context, Loss, Spread, Switch};

use crate::count::{Customers, Pairs, Seen, at};
use crate::durations::Durations;
use crate::interactions::gather::{self, Gatherer};
use crate::kept;
use crate::limits::EXACT_TIMES_BYTES;
use crate::question::Question;
use crate::table::Table;
use crate::{Comparison, Error};

/// The options of the channels.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The moments at which customers say who they are; having to do so again after a change of channel is starting again.
    pub identifies: Vec<String>,
}

impl Question for Options {
    const NAME: &'static str = "channels";
    const TITLE: &'static str = "From channel to channel";
    const ABOUT: &'static str = "Where things happen, how often customers change the channel within a journey, and what is lost on \
         the way.";
    const OPTIONS: &'static [(&'static str, &'static str)] =
        &[("identifies", "the moments at which customers say who they are, with commas between them")];
    type Answer = Answer;
    type Fold = ChannelsFold;

    fn set(&mut self, option: &str, value: &str) -> Result<(), Error> {
        match option {
            "identifies" => {
                let names = value.split(',').map(str::trim).filter(|name| !name.is_empty());
                self.identifies = names.map(str::to_owned).collect();
            }
            _ => return Err(Error::unknown_option(Self::NAME, option, Self::OPTIONS)),
        }
        Ok(())
    }

    fn wants(&self, charter: &Charter, wanted: &mut Wanted) -> Result<(), Error> {
        gather::wants(charter, wanted);
        wanted.word(&Column::Channel, Of::All);
        Ok(())
    }

    fn names(&self, charter: &Charter, _: Option<&Drawn>) -> Vec<String> {
        self.identifies.iter().cloned().chain(gather::names(charter)).collect()
    }

    fn fold(&self, setting: &Setting) -> ChannelsFold {
        let mut wanted = (*setting.wanted).clone();
        ChannelsFold {
            identifies: self.identifies.clone(),
            moments: setting.moments.clone(),
            known: Vec::new(),
            kinds: gather::Kind::all(setting),
            channel: wanted.word(&Column::Channel, Of::All),
            words: setting.words.clone(),
            until_us: setting.until_us,
            cut: setting.journey.is_some(),
            customers: Customers::default(),
            total: Total::default(),
            numbers: Vec::new(),
            channels: Vec::new(),
            slots: Pairs::default(),
            switches: Vec::new(),
            times: Durations::new(EXACT_TIMES_BYTES),
            spreads: Vec::new(),
            gatherer: Some(Box::default()),
            steps: Steps::default(),
        }
    }

    fn compare(
        a: (&str, ChannelsFold),
        b: (&str, ChannelsFold),
        moments: &Moments,
    ) -> Result<Comparison<Answer>, Error> {
        let (of_a, of_b) = (a.1.finish(moments)?, b.1.finish(moments)?);
        let losses: Vec<String> = answer::losses(&of_a).chain(answer::losses(&of_b)).collect();
        Ok(Comparison::new((a.0, of_a), (b.0, of_b), |answer| answer::shares(answer, &losses)))
    }

    fn tables(answer: &Answer) -> Vec<Table> {
        tables::tables(answer)
    }
}

/// What happened on one channel.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Use {
    events: u64,
    customers: Seen,
    journeys: u64,
    /// The last journey of this fold that was here, counted from 1.
    #[serde(skip)]
    last_journey: u64,
}

/// What is counted of going from one channel to another.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Going {
    count: u64,
    customers: Seen,
    lost: u64,
    pending: u64,
    within: u64,
    carried: u64,
}

impl Going {
    fn counts(&mut self) -> [&mut u64; 5] {
        let Self { count, lost, pending, within, carried, .. } = self;
        [count, lost, pending, within, carried]
    }
}

/// Journeys with the same number of channels, by how they ended.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Reach {
    journeys: u64,
    succeeded: u64,
    abandoned: u64,
}

/// What is counted of all journeys.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Total {
    journeys: u64,
    events: u64,
    /// Events without a channel.
    nowhere: u64,
    /// Journeys with a switch.
    switching: u64,
}

/// What is kept besides the times: by channel, by pair of channels in the order of their slots, by number of channels.
type Counted = (Customers, Total, Vec<(Word, Use)>, Vec<((Word, Word), Going)>, Vec<Reach>);

/// The steps of one interaction, numbered in the order in which they first occurred.
#[derive(Debug, Default)]
struct Steps {
    /// By moment, the turn of the last interaction that had it, and its number there.
    of: Vec<(u64, u32)>,
    turn: u64,
    next: u32,
}

/// What the channels count.
#[derive(Debug)]
pub struct ChannelsFold {
    identifies: Vec<String>,
    moments: Moments,
    /// By moment, as far as moments are known: whether customers say there who they are.
    known: Vec<bool>,
    kinds: Vec<gather::Kind>,
    channel: usize,
    words: Words,
    until_us: i64,
    /// Whether the charter says how journeys end.
    cut: bool,
    customers: Customers,
    total: Total,
    /// By word, the number of the channel from 1; 0 for a word that is none yet.
    numbers: Vec<u32>,
    channels: Vec<(Word, Use)>,
    /// Of pairs of channels, by their numbers in the place of moments.
    slots: Pairs,
    switches: Vec<Going>,
    times: Durations,
    /// By number of channels.
    spreads: Vec<Reach>,
    /// Away while its interactions are looked at.
    gatherer: Option<Box<Gatherer>>,
    steps: Steps,
}

impl Fold for ChannelsFold {
    type Answer = Result<Answer, Error>;

    fn journey(&mut self, journey: &Journey<'_>) {
        self.customers.enter(journey.customer);
        self.total.journeys += 1;
        self.total.events += journey.moments.len() as u64;
        // Without a change of channel there is none inside of an interaction.
        if !self.follow(journey) || self.kinds.is_empty() {
            return;
        }
        self.learn();
        let mut gatherer = self.gatherer.take().unwrap_or_default();
        for number in 0..self.kinds.len() {
            gatherer.gather(journey, &self.kinds[number], journey.words(self.channel), self.until_us);
            for interaction in &gatherer.interactions {
                self.context(journey, number, interaction, &gatherer);
            }
        }
        self.gatherer = Some(gatherer);
    }

    fn merge(&mut self, other: Self) {
        self.customers.merge(&other.customers);
        let slots = self.each(&other, |ours, theirs| *ours += theirs, Seen::merge);
        self.times.merge(other.times, &slots);
    }

    fn settle(&mut self, hands: &dyn Hands) {
        self.times.settle(hands);
    }

    fn keep(&mut self) -> Option<Vec<u8>> {
        let switches: Vec<((Word, Word), Going)> = self.pairs().zip(self.switches.iter().copied()).collect();
        let counted = (&self.customers, self.total, &self.channels, switches, &self.spreads);
        kept::keep(&(counted, self.times.keep()?))
    }

    fn resume(&mut self, kept: &[u8]) -> bool {
        let Some((counted, times)) = kept::resume::<(Counted, _)>(kept) else { return false };
        let (customers, total, channels, switches, spreads) = counted;
        (self.customers, self.total, self.spreads) = (customers, total, spreads);
        for (word, channel) in channels {
            let number = self.number(word);
            self.channels[number].1 = channel;
        }
        for ((from, to), going) in switches {
            let slot = self.slot_of(from, to);
            self.switches[slot] = going;
        }
        self.times.resume(times);
        true
    }

    fn subtract(&mut self, other: Self) {
        self.customers.subtract(&other.customers);
        let slots = self.each(&other, |ours, theirs| *ours -= theirs, Seen::subtract);
        self.times.subtract(other.times, &slots);
    }

    fn finish(self, moments: &Moments) -> Result<Answer, Error> {
        for name in &self.identifies {
            crate::question::known_moment(moments, name)?;
        }
        Ok(answer::answer(self))
    }
}

impl ChannelsFold {
    /// Does the same with each count of two folds; gives which of our pairs each of theirs is.
    fn each(&mut self, other: &Self, count: impl Fn(&mut u64, u64), seen: impl Fn(&mut Seen, Seen)) -> Vec<usize> {
        let (ours, theirs) = (&mut self.total, other.total);
        count(&mut ours.journeys, theirs.journeys);
        count(&mut ours.events, theirs.events);
        count(&mut ours.nowhere, theirs.nowhere);
        count(&mut ours.switching, theirs.switching);
        for (word, theirs) in &other.channels {
            let number = self.number(*word);
            let ours = &mut self.channels[number].1;
            count(&mut ours.events, theirs.events);
            count(&mut ours.journeys, theirs.journeys);
            seen(&mut ours.customers, theirs.customers);
            ours.last_journey = 0;
        }
        let mut slots = vec![0; other.switches.len()];
        for (((from, to), mut theirs), slot) in other.pairs().zip(other.switches.iter().copied()).zip(&mut slots) {
            *slot = self.slot_of(from, to);
            let ours = &mut self.switches[*slot];
            seen(&mut ours.customers, theirs.customers);
            ours.counts().into_iter().zip(theirs.counts()).for_each(|(ours, theirs)| count(ours, *theirs));
        }
        for (number, theirs) in other.spreads.iter().enumerate() {
            let ours = at(&mut self.spreads, number);
            count(&mut ours.journeys, theirs.journeys);
            count(&mut ours.succeeded, theirs.succeeded);
            count(&mut ours.abandoned, theirs.abandoned);
        }
        slots
    }

    /// The position of a channel, which becomes known if it was not.
    #[inline]
    fn number(&mut self, word: Word) -> usize {
        // The word that stands for too many has the largest number but one; it comes first instead.
        let index = if word == Word::OTHER { 0 } else { word.index() + 1 };
        let number = at(&mut self.numbers, index);
        if *number == 0 {
            self.channels.push((word, Use::default()));
            *number = u32::try_from(self.channels.len()).expect("fewer channels than words");
        }
        *number as usize - 1
    }

    /// The slot of two channels by their numbers.
    #[inline]
    fn slot(&mut self, from: usize, to: usize) -> usize {
        let moment = |number| Moment(u32::try_from(number).expect("fewer channels than words"));
        let (from, to) = (moment(from), moment(to));
        self.slots.find(from, to).unwrap_or_else(|| {
            let slot = self.slots.slot(from, to);
            at(&mut self.switches, slot);
            self.times.grow(slot + 1);
            slot
        })
    }

    fn slot_of(&mut self, from: Word, to: Word) -> usize {
        let (from, to) = (self.number(from), self.number(to));
        self.slot(from, to)
    }

    /// The pairs of channels, by slot.
    fn pairs(&self) -> impl Iterator<Item = (Word, Word)> + '_ {
        let word = |number: Moment| self.channels[number.index()].0;
        self.slots.iter().map(move |(from, to)| (word(from), word(to)))
    }

    /// Follows a journey from channel to channel; whether it changes from one to another.
    fn follow(&mut self, journey: &Journey<'_>) -> bool {
        let turn = self.customers.turn;
        let (mut before, mut before_us, mut distinct) = (Word::NONE, 0, 0);
        let mut last_switch = None;
        let (mut nowhere, mut number) = (0, 0);
        for (i, word) in journey.words(self.channel).iter().copied().enumerate() {
            if word == Word::NONE {
                nowhere += 1;
                continue;
            }
            let at_us = journey.at_us[i];
            if word != before {
                let from = std::mem::replace(&mut number, self.number(word));
                if before != Word::NONE {
                    let slot = self.slot(from, number);
                    self.switches[slot].count += 1;
                    self.switches[slot].customers.note(turn);
                    self.times.push(slot, at_us.wrapping_sub(before_us).cast_unsigned());
                    self.times.added(1);
                    last_switch = Some((slot, i));
                }
                let channel = &mut self.channels[number].1;
                channel.customers.note(turn);
                let is_new = channel.last_journey != self.total.journeys;
                distinct += usize::from(is_new);
                channel.journeys += u64::from(is_new);
                channel.last_journey = self.total.journeys;
            }
            self.channels[number].1.events += 1;
            (before, before_us) = (word, at_us);
        }
        self.total.nowhere += nowhere;
        self.total.switching += u64::from(last_switch.is_some());
        if let Some((slot, arrival)) = last_switch {
            let nothing_followed = arrival + 1 == journey.moments.len();
            let switch = &mut self.switches[slot];
            match journey.ending {
                Ending::Abandoned => switch.lost += 1,
                Ending::Whole => switch.lost += u64::from(nothing_followed),
                Ending::Open => switch.pending += 1,
                Ending::Succeeded => {}
            }
        }
        let spread = at(&mut self.spreads, distinct);
        spread.journeys += 1;
        spread.succeeded += u64::from(journey.ending == Ending::Succeeded);
        spread.abandoned += u64::from(journey.ending == Ending::Abandoned);
        last_switch.is_some()
    }

    /// Finds out which moments identify, of those that became known since.
    fn learn(&mut self) {
        if self.known.len() < self.moments.len() {
            let names = self.moments.names();
            self.known = names.iter().map(|name| self.identifies.iter().any(|one| **one == **name)).collect();
        }
    }

    /// Looks at each change of channel inside an interaction: does the customer, up to the next change, go back to an
    /// earlier step, or say again who they are or what they want?
    fn context(
        &mut self,
        journey: &Journey<'_>,
        number: usize,
        interaction: &gather::Interaction,
        gatherer: &Gatherer,
    ) {
        let channels = journey.words(self.channel);
        self.steps.turn += 1;
        self.steps.next = 0;
        let mut before = Word::NONE;
        // The switch that is being looked at, the furthest step before it, and whether the customer started again.
        let mut open: Option<(usize, u32, bool)> = None;
        for i in gatherer.events(interaction).filter(|i| channels[*i] != Word::NONE) {
            if before != Word::NONE && channels[i] != before {
                self.close(open.take());
                let furthest = self.steps.next.saturating_sub(1);
                open = Some((self.slot_of(before, channels[i]), furthest, false));
            }
            before = channels[i];
            let moment = journey.moments[i];
            let (step, is_new) = self.steps.step(moment);
            if let Some((_, furthest, again)) = &mut open {
                let named = self.kinds[number].opens(moment) || self.known[moment.index()];
                // What is new since the switch has a number beyond the furthest before it, and is not going back.
                *again |= !is_new && (step < *furthest || (named && step <= *furthest));
            }
        }
        self.close(open);
    }

    fn close(&mut self, open: Option<(usize, u32, bool)>) {
        if let Some((slot, _, again)) = open {
            self.switches[slot].within += 1;
            self.switches[slot].carried += u64::from(!again);
        }
    }
}

impl Steps {
    /// The number of a moment in the present interaction, and whether this is the first time.
    fn step(&mut self, moment: Moment) -> (u32, bool) {
        let (turn, step) = at(&mut self.of, moment.index());
        let is_new = *turn != self.turn;
        if is_new {
            (*turn, *step) = (self.turn, self.next);
            self.next += 1;
        }
        (*step, is_new)
    }
}
