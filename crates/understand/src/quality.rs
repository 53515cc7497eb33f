//! Whether the data are fit to be asked: gaps, channels that fell silent, what came twice, clocks that were wrong.
//!
//! A figure of any other view is only as good as the events under it, and most faults of data look like behaviour: a feed
//! that broke looks like customers who stayed away. So every finding says what was found, where, how often, why it matters
//! and what to do. The fold counts per hour, channel and source; what only imports and keys know is added by [`complete`].

use std::ops::Range;
use std::sync::Arc;

use charter::Charter;
use event::Column;
use evidence::{Doubt, Share};
use hashbrown::HashMap;
use journey::{Fold, Journey, Moments, Of, Setting, Wanted, Word, Words};
use rapidhash::fast::RandomState;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::compare::Shares;
use crate::count::at;
use crate::kept;
use crate::question::{Question, crowded};
use crate::table::Table;
use crate::{Comparison, Error};

mod answer;
mod findings;
mod hours;
mod series;
mod table;

pub use answer::{Answer, Feed};
pub(crate) use findings::near;
pub use findings::{Besides, Finding, Kind, Unknown, complete};

use hours::{Hour, Hours, Offset, Offsets, is_new_year};
use series::{Series, Summary};

/// The options of the quality of data.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The time that counts as now, in microseconds since 1970: what happened later lies in the future. Without it, nothing
    /// does.
    pub now_us: Option<i64>,
}

/// A clock may be wrong by so much before it is said: 5 minutes.
const CLOCK_US: f64 = 300e6;
/// An event that is received so much later than it happened is late: 30 days.
const LATE_US: f64 = 30.0 * 86_400e6;
const SECOND_US: i64 = 1_000_000;
/// More events than this of one customer in one second are no person's.
const BURST_EVENTS: usize = 10;
/// So many counts wait until they are added up.
const WAITING_MAX: usize = 256;

impl Question for Options {
    const NAME: &'static str = "quality";
    const TITLE: &'static str = "Are the data fit?";
    const ABOUT: &'static str = "Most faults of data look like behaviour: a feed that broke looks like customers who stayed away. So \
         this is what stands against the data themselves.";
    const OPTIONS: &'static [(&'static str, &'static str)] =
        &[("now_us", "the time that counts as now, in microseconds since 1970; what happened later is reported")];
    type Answer = Answer;
    type Fold = QualityFold;

    fn set(&mut self, option: &str, value: &str) -> Result<(), Error> {
        let wrong = || Error::wrong_value(Self::NAME, option, value, "microseconds since 1970");
        match option {
            "now_us" => self.now_us = Some(value.parse().map_err(|_| wrong())?),
            _ => return Err(Error::unknown_option(Self::NAME, option, Self::OPTIONS)),
        }
        Ok(())
    }

    fn wants(&self, _: &Charter, wanted: &mut Wanted) -> Result<(), Error> {
        positions(wanted);
        Ok(())
    }

    fn fold(&self, setting: &Setting) -> QualityFold {
        let offsets = Offsets::of(&setting.charter.timezone, setting.since_us, setting.until_us);
        QualityFold {
            options: self.clone(),
            positions: positions(&mut (*setting.wanted).clone()),
            charter: Arc::clone(&setting.charter),
            words: setting.words.clone(),
            customer: None,
            repeats: false,
            bursts: false,
            counts: Counts::default(),
            events: Hours::new(&offsets),
            pairs: Pairs::default(),
            waiting: Vec::new(),
            channels: Hours::new(&offsets),
            sources: Hours::new(&offsets),
            offsets,
        }
    }

    fn compare(a: (&str, QualityFold), b: (&str, QualityFold), moments: &Moments) -> Result<Comparison<Answer>, Error> {
        Ok(Comparison::new((a.0, a.1.finish(moments)?), (b.0, b.1.finish(moments)?), shares))
    }

    fn tables(answer: &Answer) -> Vec<Table> {
        table::tables(answer)
    }
}

/// Where channel, source and time of receipt are.
fn positions(wanted: &mut Wanted) -> [usize; 3] {
    let (channel, source) = (wanted.word(&Column::Channel, Of::All), wanted.word(&Column::Source, Of::All));
    [channel, source, wanted.number(&Column::ReceivedAt, Of::All)]
}

/// What the quality of data counts.
#[derive(Debug)]
pub struct QualityFold {
    options: Options,
    positions: [usize; 3],
    charter: Arc<Charter>,
    words: Words,
    offsets: Offsets,
    customer: Option<i64>,
    /// Whether the present customer has repeated events already, and bursts.
    repeats: bool,
    bursts: bool,
    counts: Counts,
    /// Events by channel and source, and by hour: of what this fold saw itself.
    events: Hours,
    pairs: Pairs,
    /// What is not counted yet: by pair and hour, how many. Counts lie far apart, and to wait for one after the other would
    /// take longer than all else; many at once are fetched together.
    waiting: Vec<(Word, i64, u64)>,
    /// The same by channel, and by source, once they were told apart.
    channels: Hours,
    sources: Hours,
}

/// Numbers channels and sources that events come with.
#[derive(Debug, Default)]
struct Pairs {
    /// By number.
    all: Vec<(Word, Word)>,
    numbers: HashMap<(Word, Word), Word, RandomState>,
    /// The pair that came last, and its number.
    last: Option<((Word, Word), Word)>,
}

impl Pairs {
    #[inline]
    fn number(&mut self, pair: (Word, Word)) -> Word {
        if let Some((last, number)) = self.last
            && last == pair
        {
            return number;
        }
        let next = Word(u32::try_from(self.all.len()).expect("far fewer than 2^32 channels and sources"));
        let number = *self.numbers.entry(pair).or_insert(next);
        if number == next {
            self.all.push(pair);
        }
        self.last = Some((pair, number));
        number
    }
}

/// Differences only, so that what was counted can be kept, and taken out again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Counts {
    customers: u64,
    single_customers: u64,
    events: u64,
    repeated_customers: u64,
    burst_seconds: u64,
    burst_events: u64,
    burst_customers: u64,
    received: u64,
    ahead: u64,
    late: u64,
    future: u64,
    /// By moment: events, and those that were there before.
    moments: Vec<u64>,
    repeated: Vec<u64>,
    /// By source (see [`place`]): events exactly at midnight, and those of them on the first of January.
    midnight: Vec<u64>,
    new_year: Vec<u64>,
}

impl Counts {
    fn each(&mut self, other: &Self, with: impl Fn(&mut u64, u64)) {
        for (ours, theirs) in [
            (&mut self.customers, other.customers),
            (&mut self.single_customers, other.single_customers),
            (&mut self.events, other.events),
            (&mut self.repeated_customers, other.repeated_customers),
            (&mut self.burst_seconds, other.burst_seconds),
            (&mut self.burst_events, other.burst_events),
            (&mut self.burst_customers, other.burst_customers),
            (&mut self.received, other.received),
            (&mut self.ahead, other.ahead),
            (&mut self.late, other.late),
            (&mut self.future, other.future),
        ] {
            with(ours, theirs);
        }
        for (ours, theirs) in [
            (&mut self.moments, &other.moments),
            (&mut self.repeated, &other.repeated),
            (&mut self.midnight, &other.midnight),
            (&mut self.new_year, &other.new_year),
        ] {
            ours.resize(ours.len().max(theirs.len()), 0);
            ours.iter_mut().zip(theirs).for_each(|(ours, theirs)| with(ours, *theirs));
        }
    }
}

/// Where a word is counted: what has none, and what is one of too many, come first.
fn place(word: Word) -> usize {
    match word {
        Word::NONE => 0,
        Word::OTHER => 1,
        known => known.index() + 2,
    }
}

impl QualityFold {
    /// What the clocks showed at these events, which are `events` of the journey and lie in one hour.
    fn clocks(&mut self, journey: &Journey<'_>, events: Range<usize>, hour: Hour) {
        let [channels, sources, _] = self.positions;
        let (channels, sources) = (&journey.words(channels)[events.clone()], &journey.words(sources)[events.clone()]);
        let mut from = 0;
        while from < events.len() {
            let pair = (channels[from], sources[from]);
            let rest = channels[from + 1..].iter().copied().zip(sources[from + 1..].iter().copied());
            let same = 1 + rest.take_while(|other| *other == pair).count();
            self.waiting.push((self.pairs.number(pair), hour.number, same as u64));
            from += same;
        }
        if hour.number.rem_euclid(24) == 0 {
            let exactly = journey.at_us[events].iter().zip(sources).filter(|(at_us, _)| **at_us == hour.begins_us);
            for place in exactly.map(|(_, source)| place(*source)) {
                *at(&mut self.counts.midnight, place) += 1;
                if is_new_year(hour.number.div_euclid(24)) {
                    *at(&mut self.counts.new_year, place) += 1;
                }
            }
        }
    }

    /// How far the clocks of whoever sent the events were from ours.
    fn arrivals(&mut self, journey: &Journey<'_>) {
        let (at_us, received) = (journey.at_us, journey.numbers(self.positions[2]));
        for (at_us, received_us) in at_us.iter().zip(received).filter(|(_, received_us)| !received_us.is_nan()) {
            let behind_us = received_us - *at_us as f64;
            self.counts.received += 1;
            self.counts.ahead += u64::from(behind_us < -CLOCK_US);
            self.counts.late += u64::from(behind_us > LATE_US);
        }
        if let Some(now_us) = self.options.now_us {
            self.counts.future += (at_us.len() - at_us.partition_point(|at_us| *at_us <= now_us)) as u64;
        }
    }

    /// Counts what waits.
    fn count(&mut self) {
        let rows = self.events.rows_max();
        for (pair, hour, n) in self.waiting.drain(..) {
            if pair.index() < rows {
                *self.events.of(pair, hour) += n;
            } else {
                let (channel, source) = self.pairs.all[pair.index()];
                *self.channels.of(channel, hour) += n;
                *self.sources.of(source, hour) += n;
            }
        }
    }

    /// Tells channels and sources apart, which are counted together while events come.
    fn tell_apart(&mut self) {
        self.count();
        for ((pair, hour), n) in self.events.iter() {
            let (channel, source) = self.pairs.all[Word(pair).index()];
            *self.channels.of(channel, hour) += n;
            *self.sources.of(source, hour) += n;
        }
        self.events = Hours::new(&self.offsets);
    }

    /// Events of one customer in one second.
    fn second(&mut self, moments: &[journey::Moment]) {
        if moments.len() > BURST_EVENTS {
            self.counts.burst_seconds += 1;
            self.counts.burst_events += moments.len() as u64;
            self.counts.burst_customers += u64::from(!self.bursts);
            self.bursts = true;
        }
        let mut sorted = moments.to_vec();
        sorted.sort_unstable();
        for pair in sorted.windows(2).filter(|pair| pair[0] == pair[1]) {
            *at(&mut self.counts.repeated, pair[0].index()) += 1;
            self.counts.repeated_customers += u64::from(!self.repeats);
            self.repeats = true;
        }
    }
}

impl Fold for QualityFold {
    type Answer = Result<Answer, Error>;

    fn journey(&mut self, journey: &Journey<'_>) {
        if self.customer != Some(journey.customer) {
            (self.customer, self.repeats, self.bursts) = (Some(journey.customer), false, false);
            self.counts.customers += 1;
            self.counts.single_customers += u64::from(journey.run.moments.len() == 1);
        }
        self.counts.events += journey.moments.len() as u64;
        for moment in journey.moments {
            *at(&mut self.counts.moments, moment.index()) += 1;
        }
        let (mut from, mut offset) = (0, None);
        while let Some(first_us) = journey.at_us.get(from) {
            // Most events come soon after the one before, and before the clocks change.
            let now = offset.filter(|offset: &Offset| *first_us < offset.until_us);
            let now = *offset.insert(now.unwrap_or_else(|| self.offsets.at(*first_us)));
            let hour = now.hour_of(*first_us);
            let more = journey.at_us[from + 1..].iter().take_while(|at_us| **at_us < hour.until_us).count();
            self.clocks(journey, from..from + 1 + more, hour);
            from += 1 + more;
        }
        if self.waiting.len() >= WAITING_MAX {
            self.count();
        }
        self.arrivals(journey);
        if !journey.at_us.windows(2).any(|pair| pair[1] < pair[0].saturating_add(SECOND_US)) {
            return;
        }
        let mut start = 0;
        let second = |at_us: i64| at_us.div_euclid(SECOND_US);
        for same in journey.at_us.chunk_by(|a, b| *b < a.saturating_add(SECOND_US) && second(*a) == second(*b)) {
            if same.len() > 1 {
                self.second(&journey.moments[start..start + same.len()]);
            }
            start += same.len();
        }
    }

    fn merge(&mut self, mut other: Self) {
        self.customer = None;
        self.tell_apart();
        other.tell_apart();
        self.counts.each(&other.counts, |ours, theirs| *ours += theirs);
        for (ours, theirs) in [(&mut self.channels, other.channels), (&mut self.sources, other.sources)] {
            theirs.iter().for_each(|((word, hour), n)| *ours.of(Word(word), hour) += n);
        }
    }

    fn keep(&mut self) -> Option<Vec<u8>> {
        self.tell_apart();
        let sorted = |hours: &Hours| {
            let mut all: Vec<((u32, i64), u64)> = hours.iter().collect();
            all.sort_unstable();
            all
        };
        // What lies in the future is another question tomorrow.
        let lasting = self.options.now_us.is_none();
        lasting.then(|| kept::keep(&(&self.counts, sorted(&self.channels), sorted(&self.sources))))?
    }

    fn resume(&mut self, kept: &[u8]) -> bool {
        type Kept = (Counts, Vec<((u32, i64), u64)>, Vec<((u32, i64), u64)>);
        let Some((counts, channels, sources)) = kept::resume::<Kept>(kept) else { return false };
        self.counts = counts;
        for (ours, kept) in [(&mut self.channels, channels), (&mut self.sources, sources)] {
            for ((word, hour), n) in kept {
                *ours.of(Word(word), hour) = n;
            }
        }
        true
    }

    fn subtract(&mut self, mut other: Self) {
        self.customer = None;
        self.tell_apart();
        other.tell_apart();
        self.counts.each(&other.counts, |ours, theirs| *ours -= theirs);
        for (ours, theirs) in [(&mut self.channels, other.channels), (&mut self.sources, other.sources)] {
            theirs.iter().for_each(|((word, hour), n)| *ours.of(Word(word), hour) -= n);
        }
    }

    fn finish(mut self, moments: &Moments) -> Result<Answer, Error> {
        self.tell_apart();
        let counts = &self.counts;
        let names = self.words.names();
        let channels = series::by_name(&self.channels, &names);
        let sources = series::by_name(&self.sources, &names);
        let all = series::together(&self.channels);
        let holidays = self.charter.calendar.holidays.iter().filter_map(|date| hours::day_of(*date, &self.charter));
        let holidays: Vec<i64> = holidays.map(|at_us| self.offsets.hour_of(at_us).number.div_euclid(24)).collect();
        let end = all.end();
        let feeds =
            |series: &[(Arc<str>, Series)]| series.iter().map(|(name, one)| feed(name, &one.summary(end))).collect();
        let repeated: u64 = counts.repeated.iter().sum();
        let midnight: u64 = counts.midnight.iter().sum();
        let single_share = Share::new(counts.single_customers, counts.customers);
        let repeated_share = Share::new(repeated, counts.events);
        let midnight_share = Share::new(midnight, counts.events);
        let findings = findings::found(&findings::Seen {
            counts,
            all: &all,
            channels: &channels,
            sources: &sources,
            end,
            holidays: &holidays,
            words: &names,
            moments: &moments.names(),
            charter: &self.charter,
        });
        Ok(Answer {
            events: counts.events,
            customers: counts.customers,
            single_customers: counts.single_customers,
            single_share: single_share.share,
            single_share_low: single_share.low,
            single_share_high: single_share.high,
            repeated_events: repeated,
            repeated_share: repeated_share.share,
            repeated_share_low: repeated_share.low,
            repeated_share_high: repeated_share.high,
            midnight_events: midnight,
            midnight_share: midnight_share.share,
            midnight_share_low: midnight_share.low,
            midnight_share_high: midnight_share.high,
            stitched_customers: None,
            stitched_share: None,
            stitched_share_low: None,
            stitched_share_high: None,
            unknown: None,
            channels: feeds(&channels),
            sources: feeds(&sources),
            findings,
            doubts: Doubt::few("customers", counts.customers).into_iter().chain(crowded(&self.words)).collect(),
        })
    }
}

fn feed(name: &Arc<str>, summary: &Summary) -> Feed {
    Feed {
        name: Arc::clone(name),
        events: summary.events,
        first: hours::shown(summary.first),
        last: hours::shown(summary.last),
        days: summary.days,
        gap_days_p90: summary.gap_days_p90,
        silent_days: summary.silent_days,
    }
}

fn shares(answer: &Answer) -> Shares {
    let by_name = [
        ("customers with one event", Share::new(answer.single_customers, answer.customers)),
        ("events that repeat", Share::new(answer.repeated_events, answer.events)),
        ("events at midnight", Share::new(answer.midnight_events, answer.events)),
    ];
    Shares { of: answer.events, by_name: by_name.map(|(what, share)| (what.to_owned(), share)).into() }
}

#[cfg(test)]
mod tests;
