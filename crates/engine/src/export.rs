//! From the log to history: what came in is handed over in order, exactly once, soon after it was stored.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use event::Event;
use tokio::sync::watch;

use crate::carried::Carried;
use crate::engine::Engine;
use crate::entry::{self, StoredMessage, StoredPair, StoredRefusal, kind};
use crate::error::Error;
use crate::limits::{EXPORT_AT_ONCE, EXPORT_BYTES, EXPORT_ENTRIES, EXPORT_EVERY_US, EXPORT_RETRY_US, LOG_AT_ONCE};
use crate::message::Parsed;

/// Where events are kept for good.
#[async_trait]
pub trait History: Send + Sync + Debug {
    /// How far it is.
    ///
    /// # Errors
    /// When that cannot be told now.
    async fn reached(&self) -> Result<Reached, Error>;

    /// Takes in a part of the log, all of it or nothing, together with the position at which it ends. A part of a log that was
    /// [set back](Part::is_set_back) tells nothing, and only says where the log goes on.
    ///
    /// # Errors
    /// When it cannot be taken in now, or somebody was [erased](Part::erasures) since; it is handed over again, as it stands in
    /// the log by then.
    async fn take(&self, part: Arc<Part>) -> Result<(), Error>;

    /// Hears why nothing was handed over, be it for the log or for history itself, each time before it is tried again.
    fn missed(&self, _: &Error) {}
}

/// How far history is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reached {
    /// The position of the log before which everything is there.
    pub position: u64,
    /// A number that is another one whenever somebody was erased from history. From the log, that one was erased before.
    pub erasures: u64,
}

/// A part of the log on its way into history.
#[derive(Debug)]
pub struct Part {
    from: u64,
    until: u64,
    erasures: u64,
    told: Vec<Told>,
}

/// What an entry of the log says. Nearly all are events, by the hundred thousand, so that the others take no room beside them.
#[derive(Debug)]
enum Told {
    Event(Carried),
    Refused(Box<Refused>),
    Linked(Box<StoredPair>),
    Unlinked(Box<StoredPair>),
}

/// A message that was refused.
#[derive(Debug)]
struct Refused {
    position: u64,
    at_us: i64,
    reason: String,
    detail: String,
    text: String,
}

/// What history is told.
#[derive(Debug)]
pub enum Telling<'a> {
    /// An event.
    Event(&'a Event<'a>),
    /// A message that was refused.
    Refused {
        /// Where it stands in the log.
        position: u64,
        /// When it was stored, in microseconds since 1970.
        at_us: i64,
        /// The name of the reason.
        reason: &'a str,
        /// What exactly is wrong.
        detail: &'a str,
        /// The message.
        text: &'a str,
    },
    /// Two keys, each as kind and value, are one customer's because a person says so.
    Linked {
        /// One of them.
        a: (&'a str, &'a str),
        /// The other one.
        b: (&'a str, &'a str),
    },
    /// The link of two keys, each as kind and value, was taken back.
    Unlinked {
        /// One of them.
        a: (&'a str, &'a str),
        /// The other one.
        b: (&'a str, &'a str),
    },
}

impl Part {
    /// The position at which it begins: everything before is in history, as far as whoever reads the log knows.
    pub fn from(&self) -> u64 {
        self.from
    }

    /// The position at which it ends: that of the next entry.
    pub fn until(&self) -> u64 {
        self.until
    }

    /// What was [said](Reached::erasures) of erasures before it was gathered: what it tells may be of somebody who was erased
    /// since.
    pub fn erasures(&self) -> u64 {
        self.erasures
    }

    /// Whether the log ends before what history has of it: it was put back to an earlier state, and grows anew from there.
    pub fn is_set_back(&self) -> bool {
        self.until < self.from
    }

    /// Tells everything, in order, as long as it is wanted.
    ///
    /// # Errors
    /// The error of `hear`.
    pub fn tell<E>(&self, hear: &mut dyn FnMut(Telling<'_>) -> Result<(), E>) -> Result<(), E> {
        self.told.iter().try_for_each(|told| told.tell(hear))
    }

    /// The same of all that is no event: nearly all are, and are passed over at once.
    ///
    /// # Errors
    /// The error of `hear`.
    pub fn tell_but_events<E>(&self, hear: &mut dyn FnMut(Telling<'_>) -> Result<(), E>) -> Result<(), E> {
        let mut others = self.told.iter().filter(|told| !matches!(told, Told::Event(_)));
        others.try_for_each(|told| told.tell(hear))
    }
}

impl Told {
    fn tell<E>(&self, hear: &mut dyn FnMut(Telling<'_>) -> Result<(), E>) -> Result<(), E> {
        match self {
            Told::Event(carried) => carried.with(|event| hear(Telling::Event(event))),
            Told::Refused(refused) => {
                let Refused { position, at_us, reason, detail, text } = &**refused;
                hear(Telling::Refused { position: *position, at_us: *at_us, reason, detail, text })
            }
            Told::Linked(pair) => {
                let StoredPair { a, b } = &**pair;
                hear(Telling::Linked { a: (&a.0, &a.1), b: (&b.0, &b.1) })
            }
            Told::Unlinked(pair) => {
                let StoredPair { a, b } = &**pair;
                hear(Telling::Unlinked { a: (&a.0, &a.1), b: (&b.0, &b.1) })
            }
        }
    }
}

impl Engine {
    /// Hands over what came in since, until `stop` says so and nothing is left. Errors are met by trying again.
    pub async fn export(self: Arc<Self>, history: Arc<dyn History>, mut stop: watch::Receiver<bool>) {
        let mut reached = None;
        loop {
            let stopping = *stop.borrow();
            let wait_us = match self.export_some(&*history, &mut reached).await {
                // Writing a little costs nearly as much as writing a lot.
                Ok(true) if stopping || self.is_behind(reached).await => continue,
                Ok(_) => EXPORT_EVERY_US,
                Err(error) => {
                    history.missed(&error);
                    reached = None;
                    EXPORT_RETRY_US
                }
            };
            if stopping {
                return;
            }
            tokio::select! {
                () = self.clock.sleep_us(wait_us) => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// Whether so much waits to be handed over that it is worth not to wait for more.
    async fn is_behind(&self, reached: Option<Reached>) -> bool {
        let end = self.keep.log_span().await.map_or(0, |span| span.end);
        reached.is_none_or(|reached| end.saturating_sub(reached.position) > EXPORT_AT_ONCE)
    }

    /// Hands over the next part of the log, from where history is on, which moves; says whether there was any. Where that fails,
    /// history has to be asked anew how far it is.
    ///
    /// # Errors
    /// When the log cannot be read, or history takes nothing in.
    pub async fn export_some(&self, history: &dyn History, reached: &mut Option<Reached>) -> Result<bool, Error> {
        let now = match *reached {
            Some(reached) => reached,
            None => self.go_on_from(history).await?,
        };
        let from = now.position;
        let span = self.keep.log_span().await?;
        if from > span.end {
            // The log was set back while it was handed over: somebody may have told history by now.
            *reached = None;
            return Ok(true);
        }
        let (mut at, mut bytes) = (from.max(span.start), 0);
        let mut told = Vec::new();
        while at < span.end && bytes < EXPORT_BYTES && told.len() < EXPORT_ENTRIES {
            let next = match self.tail.take(at) {
                Ok(chunk) => {
                    at = chunk.until;
                    bytes += chunk.bytes;
                    told.extend(chunk.events.into_iter().map(Told::Event));
                    continue;
                }
                Err(next) => next,
            };
            let most = next.map_or(LOG_AT_ONCE, |next| usize::try_from(next - at).unwrap_or(LOG_AT_ONCE));
            let page = self.keep.log(at, most.min(LOG_AT_ONCE)).await?;
            let Some(last) = page.last() else { break };
            at = last.position + 1;
            for logged in page.iter().filter(|logged| !logged.erased) {
                bytes += logged.bytes.len();
                told.extend(self.to_tell(logged)?);
            }
        }
        // What history has no use for need not be written down at once.
        if !told.is_empty() {
            history.take(Arc::new(Part { from, until: at, erasures: now.erasures, told })).await?;
        }
        *reached = Some(Reached { position: at, ..now });
        Ok(at > from)
    }

    /// How far history is, and so from where on it wants to be told. Where live state was set back behind history, as by an old copy of its
    /// database, that is where the log ends now: what was there before cannot be told, and what comes must not be left out
    /// until the log is as long as it was.
    ///
    /// # Errors
    /// When the log or history cannot be asked, or history does not take in that the log was set back.
    pub async fn go_on_from(&self, history: &dyn History) -> Result<Reached, Error> {
        let reached = history.reached().await?;
        let (from, erasures) = (reached.position, reached.erasures);
        // It may hold what somebody sent who is erased now, by another node. From the log that is gone.
        self.tail.clear();
        // In this order: whoever hands over meanwhile does not make it seem that the log is shorter.
        let until = self.keep.log_span().await?.end;
        if from > until {
            history.take(Arc::new(Part { from, until, erasures, told: Vec::new() })).await?;
        }
        Ok(Reached { position: from.min(until), erasures })
    }

    fn to_tell(&self, logged: &keep::Logged) -> Result<Option<Told>, Error> {
        Ok(match logged.kind {
            kind::MESSAGE => {
                let stored: StoredMessage<'_> = entry::read(&logged.bytes, logged.position)?;
                let parsed = Parsed::again(stored.text, &self.sources, &self.rules);
                parsed.and_then(|parsed| parsed.event).map(Told::Event)
            }
            kind::REFUSED => {
                let stored: StoredRefusal<'_> = entry::read(&logged.bytes, logged.position)?;
                Some(Told::Refused(Box::new(Refused {
                    position: logged.position,
                    at_us: logged.at_us,
                    reason: stored.reason.to_owned(),
                    detail: stored.detail.to_owned(),
                    text: stored.text.to_owned(),
                })))
            }
            kind::LINK => Some(Told::Linked(Box::new(entry::read(&logged.bytes, logged.position)?))),
            kind::UNLINK => Some(Told::Unlinked(Box::new(entry::read(&logged.bytes, logged.position)?))),
            _ => None,
        })
    }
}
