//! Which events are about one request of one customer.
//!
//! Two views and the timeline of a person speak of interactions, so all gather them here: one pass over a customer's
//! events, in which every event that may belong to one finds the interaction of its key (or of its topic) by one look, and each
//! interaction is a chain through the events. Nothing is allocated but when a customer has more than any before.

use std::sync::Arc;

use charter::Charter;
use charter::journeys::Interaction as Definition;
use event::Column;
use hashbrown::HashMap;
use journey::{Journey, Moment, Moments, Of, Setting, Wanted, Word};
use rapidhash::fast::SeedableState;

use crate::count::empty;
use crate::limits::CONTACT_US;

/// No event, no interaction.
pub(crate) const NONE: u32 = u32::MAX;

const OPENS: u8 = 1;
const RESOLVES: u8 = 2;

/// The identity of what carries neither a key nor a request.
const UNNAMED: u64 = 0x5EED_0F0B_0D1E_5000;

/// One of the charter's interactions, with the numbers of its moments and columns.
#[derive(Debug, Clone)]
pub(crate) struct Kind {
    pub(crate) name: Arc<str>,
    /// By moment.
    roles: Vec<u8>,
    pub(crate) window_us: Option<i64>,
    pub(crate) key: Option<usize>,
    pub(crate) request: Option<usize>,
    /// Where the same texts stand as keys, where they may be too many to be words of their own.
    topic: Option<usize>,
}

/// The moments that open or resolve interactions.
pub(crate) fn names(charter: &Charter) -> Vec<String> {
    let of = charter.interactions.iter();
    of.flat_map(|interaction| interaction.opens.iter().chain(&interaction.resolves)).cloned().collect()
}

/// Says what has to be known of events so that interactions can be gathered.
pub(crate) fn wants(charter: &Charter, wanted: &mut Wanted) {
    for interaction in &charter.interactions {
        columns(interaction, wanted);
    }
}

/// The positions of the key, of the request, and of the request as a key. With a key, the request matters only where an
/// interaction opens or resolves; without one it tells which events belong together.
fn columns(interaction: &Definition, wanted: &mut Wanted) -> [Option<usize>; 3] {
    let key = interaction.key.as_ref().map(|column| wanted.key(column, Of::All));
    let of = match key {
        Some(_) => Of::Moments(interaction.opens.iter().chain(&interaction.resolves).cloned().collect()),
        None => Of::All,
    };
    let request = interaction.request.as_ref();
    // Texts that events repeat come as a dictionary, and reading them one by one would cost more than all else.
    let free = |column: &&Column| matches!(column, Column::Property(_) | Column::Trait(_) | Column::CaseId);
    let topic = request.filter(free).map(|column| wanted.key(column, of.clone()));
    [key, request.map(|column| wanted.word(column, of)), topic]
}

impl Kind {
    /// All of the charter's interactions.
    pub(crate) fn all(setting: &Setting) -> Vec<Kind> {
        Self::of(&setting.charter, &setting.moments, &mut (*setting.wanted).clone())
    }

    /// All of a charter's interactions, with what they want to know of events.
    pub(crate) fn of(charter: &Charter, moments: &Moments, wanted: &mut Wanted) -> Vec<Kind> {
        let kind = |interaction: &Definition| {
            let [key, request, topic] = columns(interaction, wanted);
            let mut roles = Vec::new();
            for (names, role) in [(&interaction.opens, OPENS), (&interaction.resolves, RESOLVES)] {
                for name in names {
                    *crate::count::at(&mut roles, moments.intern(name).index()) |= role;
                }
            }
            let window_us = interaction.window.and_then(event::Span::as_micros);
            Kind { name: interaction.name.as_str().into(), roles, window_us, key, request, topic }
        };
        charter.interactions.iter().map(kind).collect()
    }

    #[inline]
    fn role(&self, moment: Moment) -> u8 {
        self.roles.get(moment.index()).copied().unwrap_or(0)
    }

    /// Whether a moment is a contact of the customer.
    pub(crate) fn opens(&self, moment: Moment) -> bool {
        self.role(moment) & OPENS != 0
    }

    pub(crate) fn silent(&self, from_us: i64, to_us: i64) -> bool {
        self.window_us.is_some_and(|window| to_us.saturating_sub(from_us) > window)
    }

    /// The first contact on the same request within the window after an interaction was resolved.
    pub(crate) fn again(&self, journey: &Journey<'_>, interaction: &Interaction) -> Option<usize> {
        let again = (interaction.again != NONE).then_some(interaction.again as usize)?;
        let judged = interaction.state == State::Resolved && self.window_us.is_some();
        (judged && !self.silent(journey.at_us[interaction.last as usize], journey.at_us[again])).then_some(again)
    }

    /// What a later contact has to have in common with one so that both are about the same request; 0 for nothing.
    fn about(&self, key: u64, topic: u64) -> [u64; 2] {
        match (self.key, self.request) {
            (None, None) => [UNNAMED, 0],
            _ => [key, topic],
        }
    }
}

/// What events with the same request have in common; 0 for nothing. `hash` is of its text.
fn topic(request: Word, hash: u64) -> u64 {
    match request {
        Word::NONE => 0,
        // A key and a request may read the same.
        Word::OTHER => hash.rotate_left(32) ^ UNNAMED,
        // Odd and far from what hashes of keys look like by chance.
        request => (u64::from(request.0) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
    }
}

/// What an event has to do with requests.
#[derive(Debug, Clone, Copy)]
struct Asked {
    /// The hash of its key, 0 without one.
    key: u64,
    request: Word,
    topic: u64,
    role: u8,
}

/// How an interaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Open,
    Resolved,
    Abandoned,
}

/// The events about one request, from the one that opened it to the one that resolved it. Events are positions in the
/// journey.
#[derive(Debug, Clone)]
pub(crate) struct Interaction {
    pub(crate) first: u32,
    pub(crate) last: u32,
    pub(crate) state: State,
    /// What it is about.
    pub(crate) request: Word,
    /// Whether the event that opened it had a key.
    pub(crate) keyed: bool,
    /// How often the customer made contact in it.
    pub(crate) contacts: u64,
    /// Whether the customer made contact on the same request elsewhere while it was open.
    pub(crate) joined: bool,
    /// The first contact on the same request after it was resolved.
    pub(crate) again: u32,
    last_contact: u32,
    about: [u64; 2],
}

/// The latest interaction of each identity. Most journeys have a few identities, which are looked through faster than hashed:
/// every event asks.
#[derive(Debug)]
struct Latest {
    few: Vec<(u64, u32)>,
    /// All of them, once they are more than a few.
    many: HashMap<u64, u32, SeedableState<'static>>,
}

/// So many identities are looked through.
const FEW: usize = 8;

impl Default for Latest {
    fn default() -> Self {
        Self { few: Vec::with_capacity(FEW), many: HashMap::with_hasher(SeedableState::fixed()) }
    }
}

impl Latest {
    fn clear(&mut self) {
        self.few.clear();
        empty(&mut self.many);
    }

    #[inline]
    fn of(&self, identity: u64) -> Option<u32> {
        if self.many.is_empty() {
            return self.few.iter().find(|(other, _)| *other == identity).map(|(_, number)| *number);
        }
        self.many.get(&identity).copied()
    }

    fn set(&mut self, identity: u64, number: u32) {
        if let Some((_, other)) = self.few.iter_mut().find(|(other, _)| *other == identity) {
            *other = number;
        } else if self.few.len() < FEW {
            self.few.push((identity, number));
        } else if self.many.is_empty() {
            self.many.extend(self.few.iter().copied());
        }
        if !self.many.is_empty() {
            self.many.insert(identity, number);
        }
    }
}

/// Gathers the interactions of one journey after the other.
#[derive(Debug)]
pub(crate) struct Gatherer {
    /// Those of the present journey, in the order in which they opened.
    pub(crate) interactions: Vec<Interaction>,
    /// Events that resolve, of requests that nobody had opened, or that had been given up.
    pub(crate) unopened: u64,
    /// Events that resolve what was resolved.
    pub(crate) resolved_again: u64,
    /// By event, the next one of its interaction.
    next: Vec<u32>,
    /// How many are open and were not given up, as far as events that ask for them came, and when any was joined last.
    open: usize,
    joined_us: i64,
    /// By identity, its latest interaction.
    latest: Latest,
    /// By what a request is about, the interactions that have not seen a contact from elsewhere, as a list in `nodes`.
    waiting: HashMap<u64, u32, SeedableState<'static>>,
    nodes: Vec<(u32, u32)>,
}

impl Default for Gatherer {
    fn default() -> Self {
        Self {
            interactions: Vec::new(),
            unopened: 0,
            resolved_again: 0,
            next: Vec::new(),
            open: 0,
            joined_us: i64::MIN,
            latest: Latest::default(),
            waiting: HashMap::with_hasher(SeedableState::fixed()),
            nodes: Vec::new(),
        }
    }
}

impl Gatherer {
    /// Finds the interactions of this kind in a journey.
    pub(crate) fn gather(&mut self, journey: &Journey<'_>, kind: &Kind, channels: &[Word], until_us: i64) {
        self.interactions.clear();
        (self.unopened, self.resolved_again) = (0, 0);
        if !journey.moments.iter().any(|moment| kind.role(*moment) != 0) {
            return;
        }
        self.latest.clear();
        empty(&mut self.waiting);
        self.nodes.clear();
        self.next.clear();
        self.next.resize(journey.moments.len(), NONE);
        (self.open, self.joined_us) = (0, i64::MIN);
        let keys = kind.key.map(|position| journey.keys(position));
        let requests = kind.request.map(|position| journey.words(position));
        let topics = kind.topic.map(|position| journey.keys(position));
        for (event, i) in (0u32..).zip(0..journey.moments.len()) {
            let role = kind.role(journey.moments[i]);
            // Most events come while there is nothing that they could join.
            if role == 0 && self.nothing_is_open(kind, journey.at_us[i], until_us) {
                continue;
            }
            let key = keys.map_or(0, |keys| keys[i]);
            let request = requests.map_or(Word::NONE, |requests| requests[i]);
            let topic = topic(request, topics.map_or(0, |topics| topics[i]));
            let identity = match (key, topic) {
                (0, 0) if role == 0 => continue,
                (0, 0) => UNNAMED,
                (0, topic) => topic,
                (key, _) => key,
            };
            let asked = Asked { key, request, topic, role };
            let Some(number) = self.join(journey, kind, identity, event, asked) else { continue };
            if role & OPENS != 0 {
                self.contact(journey, number, event, channels, kind.about(key, topic));
            }
            if role & RESOLVES != 0 {
                self.interactions[number as usize].state = State::Resolved;
                self.open -= 1;
                self.wait(number);
            }
        }
        for interaction in &mut self.interactions {
            let last_us = journey.at_us[interaction.last as usize];
            if interaction.state == State::Open && kind.silent(last_us, until_us) {
                interaction.state = State::Abandoned;
            }
        }
    }

    /// Whether an event of this time that opens and resolves nothing cannot belong to any interaction: all are resolved, or
    /// given up by then. What lies behind the end of what is known gives nothing up.
    #[inline]
    fn nothing_is_open(&self, kind: &Kind, at_us: i64, until_us: i64) -> bool {
        // A key ties events together however long it takes.
        self.open == 0 || kind.key.is_none() && at_us <= until_us && kind.silent(self.joined_us, at_us)
    }

    /// The number of the interaction that an event belongs to, which it may open.
    fn join(
        &mut self,
        journey: &Journey<'_>,
        kind: &Kind,
        identity: u64,
        event: u32,
        Asked { key, request, topic, role }: Asked,
    ) -> Option<u32> {
        let latest = self.latest.of(identity);
        if let Some(number) = latest {
            let interaction = &mut self.interactions[number as usize];
            let last_us = journey.at_us[interaction.last as usize];
            // A key ties events together however long it takes; a topic only as long as the charter says.
            if interaction.state == State::Open && key == 0 && kind.silent(last_us, journey.at_us[event as usize]) {
                interaction.state = State::Abandoned;
                self.open -= 1;
            }
            if interaction.state == State::Open {
                self.next[interaction.last as usize] = event;
                interaction.last = event;
                self.joined_us = journey.at_us[event as usize];
                return Some(number);
            }
        }
        if role & OPENS == 0 {
            let resolved = latest.is_some_and(|n| self.interactions[n as usize].state == State::Resolved);
            self.resolved_again += u64::from(role & RESOLVES != 0 && resolved);
            self.unopened += u64::from(role & RESOLVES != 0 && !resolved);
            return None;
        }
        let number = u32::try_from(self.interactions.len()).expect("fewer interactions than events");
        self.interactions.push(Interaction {
            first: event,
            last: event,
            state: State::Open,
            request,
            keyed: key != 0,
            contacts: 0,
            joined: false,
            again: NONE,
            last_contact: NONE,
            about: kind.about(key, topic),
        });
        self.latest.set(identity, number);
        self.open += 1;
        self.joined_us = journey.at_us[event as usize];
        self.wait(number);
        Some(number)
    }

    /// The customer makes contact in an interaction, which is news to all others about the same request.
    fn contact(&mut self, journey: &Journey<'_>, number: u32, event: u32, channels: &[Word], about: [u64; 2]) {
        let interaction = &mut self.interactions[number as usize];
        let before = interaction.last_contact;
        let goes_on = before != NONE
            && channels[before as usize] == channels[event as usize]
            && journey.at_us[event as usize] - journey.at_us[before as usize] <= CONTACT_US;
        interaction.contacts += u64::from(!goes_on);
        interaction.last_contact = event;
        for id in about.into_iter().filter(|id| *id != 0) {
            let mut node = self.waiting.insert(id, NONE).unwrap_or(NONE);
            let mut own = false;
            while node != NONE {
                let (other, next) = self.nodes[node as usize];
                node = next;
                let interaction = &mut self.interactions[other as usize];
                if other == number {
                    own = true;
                } else if interaction.state != State::Resolved {
                    interaction.joined = true;
                } else if interaction.again == NONE {
                    interaction.again = event;
                }
            }
            if own {
                self.wait_for(id, number);
            }
        }
    }

    fn wait(&mut self, number: u32) {
        for id in self.interactions[number as usize].about {
            if id != 0 {
                self.wait_for(id, number);
            }
        }
    }

    fn wait_for(&mut self, id: u64, number: u32) {
        let node = u32::try_from(self.nodes.len()).expect("a few for each event");
        let head = self.waiting.insert(id, node).unwrap_or(NONE);
        self.nodes.push((number, head));
    }

    /// The events of an interaction, as positions in the journey.
    pub(crate) fn events<'a>(&'a self, interaction: &Interaction) -> impl Iterator<Item = usize> + use<'a> {
        let mut event = interaction.first;
        std::iter::from_fn(move || {
            let here = (event != NONE).then_some(event as usize)?;
            event = self.next[here];
            Some(here)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn few_identities_and_many_are_known_alike(
            set in prop::collection::vec((0u64..24, any::<u32>()), 0..40),
            again in prop::collection::vec((0u64..4, any::<u32>()), 0..8),
        ) {
            let mut latest = Latest::default();
            for set in [set, again] {
                let mut known = std::collections::HashMap::new();
                latest.clear();
                for (identity, number) in set {
                    latest.set(identity, number);
                    known.insert(identity, number);
                    (0..24).for_each(|identity| assert_eq!(latest.of(identity), known.get(&identity).copied()));
                }
            }
        }
    }
}
