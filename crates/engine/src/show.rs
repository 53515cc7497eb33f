//! What is shown of live state: one customer, messages as they came, what was refused.

use std::collections::BTreeMap;
use std::ops::Range;

use act::{Consent, JourneysStanding, Plan};
use event::{Timestamp, Value};
use keep::{Customer, KeyNumber, Logged, Wanted};
use listen::stitch::said;
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::decide::{occasion_in_words, told_of, why};
use crate::engine::Engine;
use crate::entry::{self, StoredMessage, StoredPostponed, StoredRefusal, kind};
use crate::error::Error;
use crate::limits::{AROUND_LINKS_MAX, LOG_AT_ONCE, LOG_BACKWARDS, TIMELINE_EVENTS};
use crate::message::{key_bytes, key_of};

/// One customer, as of now.
#[derive(Debug, Clone, Serialize)]
pub struct Shown {
    /// Its number.
    pub customer: i64,
    /// What names it.
    pub keys: Vec<ShownKey>,
    /// Which keys came together when, and which links were taken back.
    pub links: Vec<ShownLink>,
    /// The stage it is in, and since when.
    pub stage: Option<ShownStage>,
    /// Events that are moments.
    pub events: u64,
    /// How its journeys stand.
    pub journeys: Vec<ShownJourneys>,
    /// How its interactions stand.
    pub interactions: Vec<ShownInteractions>,
    /// How its expectations stand.
    pub expectations: Vec<ShownExpectations>,
    /// Its features.
    pub features: BTreeMap<String, serde_json::Value>,
    /// What it decided about purposes.
    pub consents: Vec<ShownConsent>,
    /// What was decided for it, as far as it still matters for caps.
    pub decided: Vec<ShownDecided>,
    /// When it is looked at again by itself.
    pub wakes_at: Option<String>,
    /// What there was no room for.
    pub bounds: Vec<act::Bound>,
    /// The latest of what happened, the newest last.
    pub timeline: Vec<Happened>,
}

/// A key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownKey {
    /// Its kind.
    pub kind: String,
    /// Its value.
    pub value: String,
}

/// A link between two keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownLink {
    /// One end.
    pub from: ShownKey,
    /// The other end.
    pub to: ShownKey,
    /// When it was first seen, or taken back; not known of what a person said.
    pub at: Option<String>,
    /// Whether a person said it; otherwise two keys came together.
    pub said: bool,
    /// Whether it was taken back.
    pub undone: bool,
}

/// A stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownStage {
    /// The stage.
    pub stage: String,
    /// Since when.
    pub since: String,
}

/// How the journeys of one kind stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownJourneys {
    /// The kind.
    pub journey: String,
    /// When the open one began.
    pub open_since: Option<String>,
    /// How many reached their goal.
    pub succeeded: u64,
    /// How many were silent for too long.
    pub abandoned: u64,
}

/// How the interactions of one kind stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownInteractions {
    /// The kind.
    pub interaction: String,
    /// How many go on.
    pub open: u64,
    /// How many were resolved.
    pub resolved: u64,
    /// How many were silent for too long.
    pub abandoned: u64,
}

/// How an expectation stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownExpectations {
    /// The expectation.
    pub expectation: String,
    /// Promises that may still be kept.
    pub pending: u64,
    /// Promises that were kept.
    pub kept: u64,
    /// Of these, how many had been told to be broken before it became known.
    pub unbroken: u64,
    /// Promises that fell due and were not kept.
    pub broken: u64,
    /// Of these, how many were fulfilled late.
    pub late: u64,
    /// Until when each of those that were not fulfilled is, or was, to be.
    pub due: Vec<String>,
}

/// What a customer decided about a purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownConsent {
    /// The purpose.
    pub purpose: String,
    /// Whether it may be done.
    pub granted: bool,
    /// When.
    pub at: String,
}

/// What was decided for a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownDecided {
    /// The action.
    pub action: String,
    /// When.
    pub at: String,
    /// Whether it was withheld, because the customer belongs to those for whom nothing is chosen.
    pub withheld: bool,
}

/// Something on the timeline of a customer.
#[derive(Debug, Clone, Serialize)]
pub struct Happened {
    /// When.
    pub at: String,
    /// What kind of thing: `event`, `consent`, `decision`, `postponed`.
    pub kind: &'static str,
    /// What: the message, the consent, the decision, or until when which action was kept out.
    pub what: Box<RawValue>,
}

/// A message that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownRefusal {
    /// Where it stands in the log.
    pub position: u64,
    /// When it was received.
    pub at: String,
    /// The name of the reason.
    pub reason: String,
    /// What exactly is wrong.
    pub detail: String,
    /// The sender's id of it, where that was readable.
    pub message_id: Option<String>,
    /// The message.
    pub text: String,
}

fn time(us: i64) -> String {
    Timestamp::from_micros(us).to_string()
}

fn raw(text: String) -> Box<RawValue> {
    RawValue::from_string(text).unwrap_or_else(|_| RawValue::from_string("null".to_owned()).expect("null is JSON"))
}

pub(crate) fn json_of(value: Value<'_>) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(truth) => truth.into(),
        Value::Int(number) => number.into(),
        Value::Float(number) => number.into(),
        Value::Text(text) => text.into(),
        Value::Time(time) => time.to_string().into(),
    }
}

impl Engine {
    /// One customer, by a key; `None` where nobody has it.
    ///
    /// # Errors
    /// When what is kept cannot be reached.
    pub async fn customer(&self, kind: &str, value: &str) -> Result<Option<Shown>, Error> {
        let Some(value) = self.rules.comparable(kind, value) else { return Ok(None) };
        let wanted = Wanted { generation: self.generation, keys: vec![key_bytes(kind, &value)], ..Wanted::default() };
        let loaded = self.keep.load(&wanted).await?;
        let Some((_, customer)) = loaded.keys.first().copied().flatten() else { return Ok(None) };
        let mut work = crate::work::Work::new(self, self.clock.now_us());
        loaded.states.iter().for_each(|stored| work.admit(stored));
        let anew = std::mem::take(&mut work.anew);
        if !anew.is_empty() {
            self.rebuild(&mut work, anew, None).await?;
        }
        let (keys, links) = self.keys_and_links(customer).await?;
        let now_us = work.now_us;
        let mut shown = show(&work.person(customer).profile, &self.plan, now_us);
        (shown.customer, shown.keys, shown.links) = (customer.0, keys, links);
        shown.timeline = self.timeline(customer, TIMELINE_EVENTS).await?;
        Ok(Some(shown))
    }

    async fn keys_and_links(&self, customer: Customer) -> Result<(Vec<ShownKey>, Vec<ShownLink>), Error> {
        let keys = self.keep.keys_of(&[customer]).await?;
        let numbers: Vec<KeyNumber> = keys.iter().map(|key| key.number).collect();
        let links = self.keep.links(&numbers, AROUND_LINKS_MAX).await?;
        let ends: Vec<KeyNumber> = links.iter().flat_map(|link| [link.low, link.high]).collect();
        let ends: BTreeMap<KeyNumber, ShownKey> =
            self.keep.keys(&ends).await?.into_iter().map(|key| (key.number, shown_key(&key.bytes))).collect();
        let links = links.iter().filter_map(|link| {
            let (from, to) = (ends.get(&link.low)?.clone(), ends.get(&link.high)?.clone());
            let said = link.undo || said::is_said(link.at_us);
            let at = (!said::is_said(link.at_us)).then(|| time(link.at_us));
            Some(ShownLink { from, to, at, said, undone: link.undo })
        });
        Ok((keys.iter().map(|key| shown_key(&key.bytes)).collect(), links.collect()))
    }

    async fn timeline(&self, customer: Customer, limit: usize) -> Result<Vec<Happened>, Error> {
        let keys = self.keep.keys_of(&[customer]).await?;
        let of: Vec<Customer> = keys.iter().map(|key| Customer(key.number.0.into())).collect();
        let mut found: Vec<(i64, Happened)> = Vec::new();
        let mut before = u64::MAX;
        while found.len() < limit {
            let page = self.keep.log_of(&of, before, limit).await?;
            let Some(last) = page.last() else { break };
            before = last.position;
            for logged in &page {
                found.extend(self.happened(customer, logged).await?);
            }
        }
        found.truncate(limit);
        found.reverse();
        found.sort_by_key(|(at_us, _)| *at_us);
        Ok(found.into_iter().map(|(_, happened)| happened).collect())
    }

    async fn happened(&self, customer: Customer, logged: &Logged) -> Result<Option<(i64, Happened)>, Error> {
        let happened = |at_us: i64, kind: &'static str, what: String| {
            Ok(Some((at_us, Happened { at: time(at_us), kind, what: raw(what) })))
        };
        match logged.kind {
            kind::MESSAGE => {
                let stored: StoredMessage<'_> = entry::read(&logged.bytes, logged.position)?;
                let parsed = crate::message::Parsed::again(stored.text, &self.sources, &self.rules);
                let at_us = parsed.map_or(logged.at_us, |parsed| parsed.at_us);
                happened(at_us, "event", listen::intake::normalised(stored.text, &self.sources).unwrap_or_default())
            }
            kind::CONSENT => {
                let consent: Consent = entry::read(&logged.bytes, logged.position)?;
                let at_us = consent.at_us;
                happened(at_us, "consent", serde_json::to_string(&consent).unwrap_or_default())
            }
            kind::POSTPONED => {
                let StoredPostponed { postponed, action, fell_out } = entry::read(&logged.bytes, logged.position)?;
                let occasion = occasion_in_words(postponed.occasion);
                let until = time(postponed.until_us);
                let what = json!({"action": action, "fell_out": why(fell_out), "until": until, "occasion": occasion});
                happened(logged.at_us, "postponed", what.to_string())
            }
            _ => match told_of(&self.terms, &*self.keep, customer, logged).await? {
                Some(told) => happened(logged.at_us, "decision", told.decided.json),
                None => Ok(None),
            },
        }
    }

    /// Messages that were taken in, the newest first, as their senders would write them; those for which `wanted` holds, from
    /// before a position of the log where one is given. Each comes behind its own position.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn messages(
        &self,
        wanted: &(dyn Fn(&str) -> bool + Sync),
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(u64, Box<RawValue>)>, Error> {
        let span = self.keep.log_span().await?;
        let mut end = before.unwrap_or(span.end).min(span.end);
        let mut found = Vec::new();
        while end > span.start {
            let start = end.saturating_sub(LOG_BACKWARDS).max(span.start);
            let entries = self.entries_between(start..end).await?;
            let messages = entries.iter().rev().filter(|logged| !logged.erased && logged.kind == kind::MESSAGE);
            for logged in messages {
                let stored: StoredMessage<'_> = entry::read(&logged.bytes, logged.position)?;
                if wanted(stored.text) {
                    let message = listen::intake::normalised(stored.text, &self.sources).unwrap_or_default();
                    found.push((logged.position, raw(message)));
                    if found.len() == limit {
                        return Ok(found);
                    }
                }
            }
            end = start;
        }
        Ok(found)
    }

    /// All that the log has at these positions.
    async fn entries_between(&self, positions: Range<u64>) -> Result<Vec<Logged>, keep::Error> {
        let (mut all, mut from) = (Vec::new(), positions.start);
        while from < positions.end {
            let most = usize::try_from(positions.end - from).unwrap_or(LOG_AT_ONCE);
            let mut page = self.keep.log(from, most).await?;
            let Some(last) = page.last() else { break };
            from = last.position + 1;
            all.append(&mut page);
        }
        Ok(all)
    }

    /// Messages that were refused, from after a position of the log on.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn refused(&self, after: Option<u64>, limit: usize) -> Result<Vec<ShownRefusal>, Error> {
        let mut found = Vec::new();
        self.each_entry::<Error>(after.map_or(0, |after| after.saturating_add(1)), &mut |logged| {
            if logged.kind == kind::REFUSED {
                let stored: StoredRefusal<'_> = entry::read(&logged.bytes, logged.position)?;
                found.push(ShownRefusal {
                    position: logged.position,
                    at: time(logged.at_us),
                    reason: stored.reason.to_owned(),
                    detail: stored.detail.to_owned(),
                    message_id: stored.message_id.map(str::to_owned),
                    text: stored.text.to_owned(),
                });
            }
            Ok(found.len() < limit)
        })
        .await?;
        Ok(found)
    }

    /// All that the log has of these customers, in order.
    pub(crate) async fn entries_of(&self, customers: &[Customer]) -> Result<Vec<Logged>, keep::Error> {
        let (mut all, mut before) = (Vec::new(), u64::MAX);
        loop {
            let mut page = self.keep.log_of(customers, before, LOG_AT_ONCE).await?;
            let Some(last) = page.last() else { break };
            before = last.position;
            all.append(&mut page);
        }
        all.reverse();
        Ok(all)
    }

    /// Reads the log from a position on, until `visit` says that it is enough. Entries of erased customers are passed over.
    pub(crate) async fn each_entry<E: From<keep::Error>>(
        &self,
        from: u64,
        visit: &mut (dyn FnMut(&Logged) -> Result<bool, E> + Send),
    ) -> Result<(), E> {
        let span = self.keep.log_span().await?;
        let mut from = from.max(span.start);
        while from < span.end {
            let page = self.keep.log(from, LOG_AT_ONCE).await?;
            let Some(last) = page.last() else { break };
            from = last.position + 1;
            for logged in page.iter().filter(|logged| !logged.erased) {
                if !visit(logged)? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

fn shown_key(bytes: &[u8]) -> ShownKey {
    let (kind, value) = key_of(bytes).unwrap_or_default();
    ShownKey { kind: kind.to_owned(), value: value.to_owned() }
}

fn show(profile: &crate::profile::Profile, plan: &Plan, now_us: i64) -> Shown {
    let customer = profile.state.at(plan, Timestamp::from_micros(now_us));
    let charter = plan.charter();
    let journeys = customer.journeys().into_iter().map(|standing: JourneysStanding<'_>| ShownJourneys {
        journey: standing.journey.to_owned(),
        open_since: standing.open_since_us.map(time),
        succeeded: standing.succeeded,
        abandoned: standing.abandoned,
    });
    let interactions = customer.interactions().into_iter().map(|standing| ShownInteractions {
        interaction: standing.interaction.to_owned(),
        open: standing.open,
        resolved: standing.resolved,
        abandoned: standing.abandoned,
    });
    let expectations = customer.expectations().into_iter().map(|standing| ShownExpectations {
        expectation: standing.expectation.to_owned(),
        pending: standing.pending,
        kept: standing.kept,
        unbroken: standing.unbroken,
        broken: standing.broken,
        late: standing.late,
        due: standing.open.iter().map(|promise| time(promise.due_us)).collect(),
    });
    let consents = customer.consents().iter().map(|consent| ShownConsent {
        purpose: consent.purpose.clone(),
        granted: consent.granted,
        at: time(consent.at_us),
    });
    let decided = profile.state.decided().iter().filter_map(|taken| {
        let action = charter.actions.get(taken.action as usize)?;
        Some(ShownDecided { action: action.name.clone(), at: time(taken.at_us), withheld: taken.is_withheld() })
    });
    Shown {
        customer: 0,
        keys: Vec::new(),
        links: Vec::new(),
        stage: customer.stage().map(|(stage, since)| ShownStage { stage: stage.to_owned(), since: time(since) }),
        events: customer.events(),
        journeys: journeys.collect(),
        interactions: interactions.collect(),
        expectations: expectations.collect(),
        features: customer.features().map(|(name, value)| (name.to_owned(), json_of(value))).collect(),
        consents: consents.collect(),
        decided: decided.collect(),
        wakes_at: profile.wake_us.map(time),
        bounds: customer.bounds(),
        timeline: Vec::new(),
    }
}
