//! Requests of a customer that are being dealt with. The same rules as the view `interactions`.

use serde::{Deserialize, Serialize};

use super::{Known, Silence};
use crate::digest::Digest;
use crate::limits::INTERACTIONS_OPEN_MAX;
use crate::news::{Teller, What};
use crate::plan::{Plan, Requested, Role, index, number};

/// The identity of what carries neither a key nor a request.
const UNNAMED: u64 = 0x5EED_0F0B_0D1E_5000;

/// An interaction that is not resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OpenInteraction {
    pub(crate) kind: u32,
    /// The key or the topic by which events find it.
    pub(crate) identity: u64,
    pub(crate) began_us: i64,
    pub(crate) last_us: i64,
}

impl OpenInteraction {
    /// Whether it was silent for too long by then.
    pub(crate) fn is_over(&self, now_us: i64, plan: &Plan) -> bool {
        self.silence(plan).is_some_and(|silence| silence.ends_us < now_us)
    }

    /// When it is over if nothing comes.
    pub(super) fn silence(&self, plan: &Plan) -> Option<Silence> {
        let ends_us = self.last_us.saturating_add(plan.interactions[index(self.kind)].window_us?);
        let (of, began_us, key) = (self.kind, self.began_us, self.identity);
        Some(Silence { what: What::InteractionAbandoned, of, began_us, ends_us, key })
    }
}

/// The interactions of one kind that are over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Requests {
    pub(crate) resolved: u64,
    /// Those that another event showed to be over; whether an open one is by now, is a matter of time.
    pub(crate) abandoned: u64,
    /// Those given up because too many were open.
    pub(crate) given_up: u64,
}

/// What an event has to do with interactions of one kind.
struct Contact {
    kind: u32,
    requested: Requested,
    at_us: i64,
    /// By what it finds its interaction.
    identity: u64,
    /// Whether that is a topic, which ties events together only for a time.
    topic: bool,
}

impl Contact {
    fn new(kind: u32, requested: Requested, digest: &Digest) -> Option<Self> {
        let key = requested.key.map_or(0, |take| digest.sameness(take));
        let topic = requested.request.map_or(0, |take| digest.sameness(take));
        let (identity, topic) = match (key, topic) {
            (0, 0) if !(requested.opens || requested.resolves) => return None,
            (0, 0) => (UNNAMED, true),
            // A key and a topic may read the same.
            (0, topic) => (topic.rotate_left(32) ^ UNNAMED, true),
            (key, _) => (key, false),
        };
        Some(Self { kind, requested, at_us: digest.at_us, identity, topic })
    }
}

impl Known {
    /// An event goes on with interactions, opens and resolves them.
    pub(super) fn request(&mut self, role: &Role, digest: &Digest, plan: &Plan, teller: &mut Teller) {
        for (i, requested) in role.interactions.iter().enumerate() {
            let Some(contact) = Contact::new(number(i), *requested, digest) else { continue };
            let Some(position) = self.join(&contact, plan, teller) else { continue };
            let open = self.requested[position];
            if requested.resolves {
                self.requested.remove(position);
                self.requests[i].resolved = self.requests[i].resolved.saturating_add(1);
                teller.tell(What::InteractionResolved, open.kind, open.began_us, contact.at_us, open.identity);
            } else if let Some(silence) = open.silence(plan).filter(|silence| silence.ends_us < teller.seen_us) {
                // What becomes known only now may be long over.
                teller.tell(silence.what, silence.of, silence.began_us, silence.ends_us, silence.key);
            }
        }
    }

    /// The interaction that an event belongs to, which it may open.
    fn join(&mut self, contact: &Contact, plan: &Plan, teller: &mut Teller) -> Option<usize> {
        let Contact { kind, identity, at_us, .. } = *contact;
        let found = self.requested.iter().position(|open| open.kind == kind && open.identity == identity);
        if let Some(position) = found {
            let silence = self.requested[position].silence(plan);
            let told = silence.as_ref().filter(|silence| silence.ends_us < teller.seen_us);
            let over = silence.as_ref().filter(|silence| contact.topic && silence.ends_us < at_us);
            let Some(over) = over else {
                if let Some(told) = told {
                    teller.withdraw(told.what, kind, told.began_us, told.ends_us, identity);
                }
                self.requested[position].last_us = at_us;
                return Some(position);
            };
            if told.is_none() {
                teller.tell(over.what, kind, over.began_us, over.ends_us, identity);
            }
            let requests = &mut self.requests[index(kind)];
            requests.abandoned = requests.abandoned.saturating_add(1);
            self.requested.remove(position);
        }
        contact.requested.opens.then(|| {
            self.make_room();
            self.requested.push(OpenInteraction { kind, identity, began_us: at_us, last_us: at_us });
            teller.tell(What::InteractionOpened, kind, at_us, at_us, identity);
            self.requested.len() - 1
        })
    }

    fn make_room(&mut self) {
        if self.requested.len() >= INTERACTIONS_OPEN_MAX
            && let Some((longest, _)) = self.requested.iter().enumerate().min_by_key(|(_, open)| open.last_us)
        {
            let given_up = self.requested.remove(longest);
            let requests = &mut self.requests[index(given_up.kind)];
            requests.given_up = requests.given_up.saturating_add(1);
        }
    }
}
