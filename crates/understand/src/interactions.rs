//! Interactions: was each request resolved, at first contact, accurately, in the usual way, and at what effort?
//!
//! The charter says which moments open and resolve an interaction and what tells one request from another. The fold
//! gathers a customer's interactions (in `gather`) and counts each under its request, channel, department and resource.
//! What is not known yet counts neither way: an open interaction is not unresolved, and whether a resolved one was
//! accurate is asked only once the charter's window after it is over.

pub(crate) mod gather;

mod answer;
mod tables;

#[cfg(test)]
mod tests;

use charter::Charter;
use charter::journeys::{Journey as Drawn, SurveyKind};
use event::Column;
use evidence::Sums;
use hashbrown::HashMap;
use journey::{Fold, Hands, Journey, Moment, Moments, Of, Setting, Wanted, Word, Words};
use rapidhash::fast::SeedableState;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use answer::word_name;
pub use answer::{Answer, Ended, Figures, Group, Kind, Recontact, Request, Usual};

use crate::count::{Customers, at};
use crate::durations::Durations;
use crate::interactions::gather::{Gatherer, Interaction, State};
use crate::kept;
use crate::limits::EXACT_TIMES_BYTES;
use crate::pending::Pending;
use crate::question::{Question, number};
use crate::scores::{Places, read};
use crate::sequences::{Sequences, Waiting};
use crate::table::Table;
use crate::{Comparison, Error};

/// The options of the interactions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// How many requests, channels, departments, resources and re-contacts are shown of each interaction, the most
    /// frequent first; 0 for all.
    pub limit: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { limit: 20 }
    }
}

const EXAMPLE: &str = "interactions:\n  ticket: {request: properties.topic, key: properties.ticket_id, opens: [ticket], \
                       resolves: [ticket_done], window: 7d}";

impl Question for Options {
    const NAME: &'static str = "interactions";
    const TITLE: &'static str = "Requests and how they were resolved";
    const ABOUT: &'static str = "A request goes from the moment that opens it to the one that resolves it. At first contact: one \
         contact, and no other on the same request within the charter's time. Accurate: resolved, and no new \
         contact on the same request within that time.";
    const OPTIONS: &'static [(&'static str, &'static str)] =
        &[("limit", "how many requests, channels, departments and resources are listed; 0 for all")];
    type Answer = Answer;
    type Fold = InteractionsFold;

    fn set(&mut self, option: &str, value: &str) -> Result<(), Error> {
        match option {
            "limit" => self.limit = number(Self::NAME, option, value)?,
            _ => return Err(Error::unknown_option(Self::NAME, option, Self::OPTIONS)),
        }
        Ok(())
    }

    fn wants(&self, charter: &Charter, wanted: &mut Wanted) -> Result<(), Error> {
        if charter.interactions.is_empty() {
            return Err(Error::charter_lacks(Self::NAME, "interactions", EXAMPLE));
        }
        gather::wants(charter, wanted);
        places(wanted);
        asked(charter, wanted);
        Ok(())
    }

    fn names(&self, charter: &Charter, _: Option<&Drawn>) -> Vec<String> {
        gather::names(charter)
    }

    fn fold(&self, setting: &Setting) -> InteractionsFold {
        let kinds = gather::Kind::all(setting);
        let mut wanted = (*setting.wanted).clone();
        InteractionsFold {
            limit: self.limit,
            strays: vec![Strays::default(); kinds.len()],
            kinds,
            places: places(&mut wanted),
            words: setting.words.clone(),
            until_us: setting.until_us,
            customers: Customers::default(),
            gatherer: Some(Box::default()),
            slots: HashMap::with_hasher(SeedableState::fixed()),
            tallies: Vec::new(),
            measures: Durations::new(EXACT_TIMES_BYTES),
            paths: Sequences::default(),
            recontacts: HashMap::with_hasher(SeedableState::fixed()),
            asked: asked(&setting.charter, &mut wanted).map(|(moment, score)| (setting.moments.intern(moment), score)),
            answers: Vec::new(),
            path: Vec::new(),
            waiting: Waiting::default(),
            seen: Vec::new(),
            turn: 0,
            pending: Pending::new(setting.until_us),
        }
    }

    fn compare(
        a: (&str, InteractionsFold),
        b: (&str, InteractionsFold),
        moments: &Moments,
    ) -> Result<Comparison<Answer>, Error> {
        let [of_a, of_b] = answer::answers([a.1, b.1], moments);
        Ok(Comparison::new((a.0, of_a), (b.0, of_b), answer::shares).with_means(answer::means))
    }

    fn tables(answer: &Answer) -> Vec<Table> {
        tables::tables(answer)
    }
}

/// The positions of channel, department and resource.
fn places(wanted: &mut Wanted) -> [usize; 3] {
    [Column::Channel, Column::Department, Column::Resource].map(|column| wanted.word(&column, Of::All))
}

/// The moment of the first survey of effort, and where its score stands.
fn asked<'c>(charter: &'c Charter, wanted: &mut Wanted) -> Option<(&'c str, usize)> {
    let survey = charter.surveys.iter().find(|survey| survey.kind == SurveyKind::Ces)?;
    Some((&survey.moment, Places::of(survey, wanted).score))
}

/// What interactions are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum By {
    All,
    Request,
    Channel,
    Department,
    Resource,
}

/// What is measured of each resolved interaction, in the order of the slots of a group.
const MEASURES: usize = 4;
/// Counts are kept among durations as so many seconds.
const ONE: u64 = 1_000_000;

/// How many interactions of a group came to what.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Tally {
    opened: u64,
    resolved: u64,
    open: u64,
    /// Those whose window after being resolved is over.
    judged: u64,
    first_contact: u64,
    accurate: u64,
    /// By measure, the sums over those resolved; of times in seconds.
    effort: [Sums; MEASURES],
    /// Of those resolved and asked how easy it was: what was answered.
    ces: Sums,
}

impl Tally {
    fn counts(&mut self) -> [&mut u64; 6] {
        let Self { opened, resolved, open, judged, first_contact, accurate, effort: _, ces: _ } = self;
        [opened, resolved, open, judged, first_contact, accurate]
    }

    /// Adds one interaction: where it was not resolved it has no sums.
    fn add(&mut self, one: &Tally) {
        self.opened += one.opened;
        self.resolved += one.resolved;
        self.open += one.open;
        self.judged += one.judged;
        self.first_contact += one.first_contact;
        self.accurate += one.accurate;
        if one.resolved > 0 {
            self.effort.iter_mut().zip(&one.effort).for_each(|(ours, more)| ours.merge(more));
            self.ces.merge(&one.ces);
        }
    }

    /// Does the same with each count and each sum of two.
    fn each(&mut self, mut other: Tally, with: impl Fn(&mut u64, u64), sums: fn(&mut Sums, &Sums)) {
        self.counts().into_iter().zip(other.counts()).for_each(|(ours, theirs)| with(ours, *theirs));
        self.effort.iter_mut().zip(&other.effort).for_each(|(ours, theirs)| sums(ours, theirs));
        sums(&mut self.ces, &other.ces);
    }
}

/// What of a kind is no interaction as it should be.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Strays {
    unopened: u64,
    resolved_again: u64,
    without_key: u64,
    without_request: u64,
}

impl Strays {
    fn counts(&mut self) -> [&mut u64; 4] {
        let Self { unopened, resolved_again, without_key, without_request } = self;
        [unopened, resolved_again, without_key, without_request]
    }
}

/// What the interactions count.
#[derive(Debug)]
pub struct InteractionsFold {
    limit: usize,
    kinds: Vec<gather::Kind>,
    /// Where channel, department and resource stand.
    places: [usize; 3],
    words: Words,
    until_us: i64,
    customers: Customers,
    /// Away while its interactions are looked at.
    gatherer: Option<Box<Gatherer>>,
    slots: HashMap<Grouped, usize, SeedableState<'static>>,
    tallies: Vec<Tally>,
    measures: Durations,
    /// Kind, request, result and moments of those that are over.
    paths: Sequences,
    recontacts: HashMap<Recontacted, u64, SeedableState<'static>>,
    strays: Vec<Strays>,
    /// The moment of the answers to how easy it was, and where their scores stand.
    asked: Option<(Moment, usize)>,
    /// Of the present journey, those answers: which event, when, the score.
    answers: Vec<(u32, i64, f64)>,
    /// The present interaction's path.
    path: Vec<Moment>,
    /// Paths that are not counted yet.
    waiting: Waiting,
    /// By moment, the turn of the last interaction that had it.
    seen: Vec<u64>,
    turn: u64,
    pending: Pending,
}

/// A kind, and what interactions of it have in common.
type Grouped = (usize, By, Word);
/// A kind, and the channels of the last contact before and the first after an interaction was resolved.
type Recontacted = (usize, Word, Word);
/// What is kept besides measures and paths: groups in the order of their slots, re-contacts, strays.
type Counted = (Customers, Vec<(Grouped, Tally)>, Vec<(Recontacted, u64)>, Vec<Strays>);

/// What a walk along an interaction finds.
#[derive(Debug, Clone, Copy)]
struct Walk {
    /// The first channel, the last department, the last resource that an event names.
    groups: [Word; 3],
    last_channel: Word,
    switches: u64,
    repeats: u64,
}

impl Fold for InteractionsFold {
    type Answer = Result<Answer, Error>;

    fn journey(&mut self, journey: &Journey<'_>) {
        self.customers.enter(journey.customer);
        self.answers.clear();
        if let Some((moment, score)) = self.asked {
            for (i, _) in (0u32..).zip(journey.moments).filter(|(_, one)| **one == moment) {
                if let Ok(score) = read(SurveyKind::Ces, journey.numbers(score)[i as usize]) {
                    self.answers.push((i, journey.at_us[i as usize], score as f64));
                }
            }
        }
        let mut gatherer = self.gatherer.take().unwrap_or_default();
        for number in 0..self.kinds.len() {
            let channels = journey.words(self.places[0]);
            gatherer.gather(journey, &self.kinds[number], channels, self.until_us);
            for interaction in &gatherer.interactions {
                self.count(journey, number, interaction, &gatherer);
            }
            self.strays[number].unopened += gatherer.unopened;
            self.strays[number].resolved_again += gatherer.resolved_again;
        }
        self.gatherer = Some(gatherer);
    }

    fn merge(&mut self, mut other: Self) {
        self.paths.add_waiting(&mut self.waiting);
        other.paths.add_waiting(&mut other.waiting);
        self.customers.merge(&other.customers);
        let slots = self.each(&other, |ours, theirs| *ours += theirs, Sums::merge);
        self.measures.merge(other.measures, &slots);
        self.paths.merge(other.paths);
        self.pending.merge(other.pending);
    }

    fn settle(&mut self, hands: &dyn Hands) {
        self.paths.add_waiting(&mut self.waiting);
        self.measures.settle(hands);
    }

    fn keep(&mut self) -> Option<Vec<u8>> {
        self.paths.add_waiting(&mut self.waiting);
        let mut groups = vec![((0, By::All, Word::NONE), Tally::default()); self.tallies.len()];
        for (group, slot) in &self.slots {
            groups[*slot] = (*group, self.tallies[*slot]);
        }
        let recontacts: Vec<(Recontacted, u64)> = self.recontacts.iter().map(|(pair, count)| (*pair, *count)).collect();
        let counted = (&self.customers, groups, recontacts, &self.strays);
        kept::keep(&(counted, self.measures.keep()?, self.paths.keep()?, self.pending.keep()))
    }

    fn resume(&mut self, kept: &[u8]) -> bool {
        let Some((counted, measures, paths, pending)) = kept::resume::<(Counted, _, _, _)>(kept) else { return false };
        let (customers, groups, recontacts, strays) = counted;
        (self.customers, self.strays) = (customers, strays);
        for (group, tally) in groups {
            let slot = self.slot(group);
            self.tallies[slot] = tally;
        }
        self.recontacts.extend(recontacts);
        self.pending.resume(pending);
        self.measures.resume(measures);
        self.paths.resume(paths);
        true
    }

    fn due(&self, until_us: i64) -> Option<Vec<i64>> {
        self.pending.due(until_us)
    }

    fn subtract(&mut self, mut other: Self) {
        self.paths.add_waiting(&mut self.waiting);
        other.paths.add_waiting(&mut other.waiting);
        self.customers.subtract(&other.customers);
        let slots = self.each(&other, |ours, theirs| *ours -= theirs, Sums::subtract);
        self.measures.subtract(other.measures, &slots);
        self.paths.subtract(other.paths);
        self.pending.subtract(other.pending);
    }

    fn finish(self, moments: &Moments) -> Result<Answer, Error> {
        let [answer] = answer::answers([self], moments);
        Ok(answer)
    }
}

impl InteractionsFold {
    /// Does the same with each count of two folds; gives which of our lists of measures each of theirs is.
    fn each(&mut self, other: &Self, with: impl Fn(&mut u64, u64), sums: fn(&mut Sums, &Sums)) -> Vec<usize> {
        let mut slots = vec![0; other.tallies.len() * MEASURES];
        for (group, slot) in &other.slots {
            let ours = self.slot(*group);
            self.tallies[ours].each(other.tallies[*slot], &with, sums);
            for measure in 0..MEASURES {
                slots[slot * MEASURES + measure] = ours * MEASURES + measure;
            }
        }
        for (pair, count) in &other.recontacts {
            with(self.recontacts.entry(*pair).or_insert(0), *count);
        }
        for (ours, mut theirs) in self.strays.iter_mut().zip(other.strays.iter().copied()) {
            ours.counts().into_iter().zip(theirs.counts()).for_each(|(ours, theirs)| with(ours, *theirs));
        }
        slots
    }

    fn slot(&mut self, group: Grouped) -> usize {
        let next = self.tallies.len();
        let slot = *self.slots.entry(group).or_insert(next);
        if slot == next {
            self.tallies.push(Tally::default());
            self.measures.grow(self.tallies.len() * MEASURES);
        }
        slot
    }

    fn count(&mut self, journey: &Journey<'_>, number: usize, interaction: &Interaction, gatherer: &Gatherer) {
        let walk = self.walk(journey, number, interaction, gatherer);
        let kind = &self.kinds[number];
        self.strays[number].without_key += u64::from(kind.key.is_some() && !interaction.keyed);
        self.strays[number].without_request += u64::from(kind.request.is_some() && interaction.request == Word::NONE);
        let (first_us, last_us) = (journey.at_us[interaction.first as usize], journey.at_us[interaction.last as usize]);
        let resolved = interaction.state == State::Resolved;
        let judged = resolved && kind.silent(last_us, self.until_us);
        if let Some(window_us) = kind.window_us {
            // What is open by then is given up, and what was resolved is judged.
            self.pending.note(journey.customer, last_us.saturating_add(window_us).saturating_add(1));
        }
        let again = kind.again(journey, interaction);
        let elapsed = last_us.wrapping_sub(first_us).cast_unsigned();
        let measures = [interaction.contacts * ONE, walk.switches * ONE, walk.repeats * ONE, elapsed];
        let mut effort = [Sums::default(); MEASURES];
        if resolved {
            effort.iter_mut().zip(measures).for_each(|(sums, us)| _ = sums.add(us as f64 / 1e6));
        }
        let mut ces = Sums::default();
        let next = self.answers.partition_point(|(i, ..)| *i <= interaction.last);
        if let Some((_, at_us, score)) = self.answers.get(next).copied()
            && resolved
            && kind.window_us.is_some()
            && !kind.silent(last_us, at_us)
        {
            ces.add(score);
        }
        let tally = Tally {
            ces,
            effort,
            opened: 1,
            resolved: u64::from(resolved),
            open: u64::from(interaction.state == State::Open),
            judged: u64::from(judged),
            first_contact: u64::from(judged && interaction.contacts == 1 && !interaction.joined && again.is_none()),
            accurate: u64::from(judged && again.is_none()),
        };
        if let Some(event) = again {
            let to = journey.words(self.places[0])[event];
            *self.recontacts.entry((number, walk.last_channel, to)).or_insert(0) += 1;
        }
        let [channel, department, resource] = walk.groups;
        let groups = [
            (By::All, Word::NONE),
            (By::Request, interaction.request),
            (By::Channel, channel),
            (By::Department, department),
            (By::Resource, resource),
        ];
        for (by, word) in groups {
            let slot = self.slot((number, by, word));
            self.tallies[slot].add(&tally);
            if resolved {
                for (measure, value) in measures.into_iter().enumerate() {
                    self.measures.push(slot * MEASURES + measure, value);
                }
                self.measures.added(MEASURES as u64);
            }
        }
        if interaction.state != State::Open && self.waiting.push(&self.path) {
            self.paths.add_waiting(&mut self.waiting);
        }
    }

    /// Follows an interaction from its first event to its last, and writes down its path.
    fn walk(&mut self, journey: &Journey<'_>, number: usize, interaction: &Interaction, gatherer: &Gatherer) -> Walk {
        let [channels, departments, resources] = self.places.map(|position| journey.words(position));
        let mut walk = Walk { groups: [Word::NONE; 3], last_channel: Word::NONE, switches: 0, repeats: 0 };
        self.turn += 1;
        self.path.clear();
        let resolved = u32::from(interaction.state == State::Resolved);
        // Unknown words come last, so that one more than any number stands for none.
        let kind = u32::try_from(number).expect("few kinds of interactions");
        self.path.extend([kind, interaction.request.0.wrapping_add(1), resolved].map(Moment));
        for i in gatherer.events(interaction) {
            let moment = journey.moments[i];
            self.path.push(moment);
            let seen = at(&mut self.seen, moment.index());
            walk.repeats += u64::from(*seen == self.turn);
            *seen = self.turn;
            if channels[i] != Word::NONE {
                walk.switches += u64::from(walk.last_channel != Word::NONE && walk.last_channel != channels[i]);
                walk.last_channel = channels[i];
                if walk.groups[0] == Word::NONE {
                    walk.groups[0] = channels[i];
                }
            }
            for (group, words) in [(1, departments), (2, resources)] {
                if words[i] != Word::NONE {
                    walk.groups[group] = words[i];
                }
            }
        }
        walk
    }
}
