//! What to do for a customer next: asked by somebody who waits, or by an event that came in.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use act::{
    Arm, ByItself, Candidate, Decision, Draw, FellOut, Given, Handling, Input, KeptOut, Postponed, decide,
    decide_by_itself, let_in,
};
use event::Timestamp;
use hashbrown::HashMap;
use keep::{Customer, Entry, Keep, Key, Loaded, Logged, MessageId, Wanted};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::counts::Counts;
use crate::deliver::{Message, message_id};
use crate::engine::Engine;
use crate::entry::{self, StoredDecision, StoredPostponed, kind};
use crate::error::Error;
use crate::identity::customer_named_by;
use crate::limits::{ACTED_ON_US, COLLISIONS_MAX, POSTPONED_ALL_MAX, POSTPONED_MAX};
use crate::message::{Ranked, is_short, too_long};
use crate::terms::{AllTerms, Terms};
use crate::work::Work;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ask {
    /// What names the customer, as kind and value.
    pub keys: Vec<(String, String)>,
    /// What gives rise to the question: the same occasion gives the same decision. Without it every question is a new one.
    pub occasion: Option<Occasion>,
}

/// What gives rise to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Occasion {
    /// What whoever asks calls it.
    Named(String),
    /// This message, see [`Inbox::occasion`](crate::Inbox::occasion): what it has brought about by itself is what was decided.
    Message(MessageId),
}

/// What was decided, in the words of the charter.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decided {
    /// The customer, by its number.
    pub customer: i64,
    /// When.
    pub at: String,
    /// What gave rise to it, as a number.
    pub occasion: String,
    /// The action; `None` for none.
    pub action: Option<String>,
    /// The action that would have been the best, where none is chosen because the customer belongs to those of `none_share`.
    pub withheld: Option<String>,
    /// Who carries it out.
    pub handling: Handling,
    /// By what rule it was chosen.
    pub arm: Arm,
    /// Whether it was drawn by lot.
    pub explored: bool,
    /// Whether it was decided before, on the same occasion.
    pub repeated: bool,
    /// Whether somebody asked; otherwise an event, or time passing, gave rise to it.
    pub asked: bool,
    /// The webhook by which it is delivered.
    pub delivered_to: Option<String>,
    /// How probable it was that nothing would be chosen.
    pub none_probability: f64,
    /// When it is worth asking again, because what kept an action out is over then.
    pub again_at: Option<String>,
    /// The hash of the charter by which it was decided.
    pub charter: String,
    /// All of this as JSON, and in `actions` every action, in the order of the charter: where it fell out, and how it scored.
    #[serde(skip)]
    pub json: String,
}

/// An action, as it came through a decision.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Considered<'a> {
    action: &'a str,
    /// Why it was not chosen: `condition`, `consent`, `cap`, `shared_cap`, `quiet`, `control`, `outranked`.
    fell_out: Option<&'static str>,
    /// When what kept it out will be over, where that is a matter of time alone.
    until: Option<String>,
    /// What it is worth when it brings what it is for.
    value: f64,
    /// How probable that is.
    propensity: f64,
    /// How the situation weighs.
    context_weight: f64,
    /// How the organisation favours it.
    lever: f64,
    /// The product of the four.
    score: f64,
    /// How probable it was that this one would be chosen.
    probability: f64,
}

/// Kinds of key that senders use, whether the charter names them or not.
const KINDS_OF_SENDERS: [&str; 2] = ["anonymous_id", "user_id"];

/// As much as a decision takes in words without its actions, or more.
const TOLD_BYTES: usize = 768;

/// About as much as an action takes in words.
const CONSIDERED_BYTES: usize = 200;

/// How each action came through a decision the last time that it fell out there, as JSON: most come through the next one alike,
/// and putting fifty into words takes longer than deciding. There is one map for each that is in use at a time, so that nobody waits
/// for somebody else's words.
#[derive(Debug, Default)]
pub(crate) struct LastWords(Mutex<Vec<Words>>);

type Words = HashMap<(u32, Option<FellOut>), (Candidate, String)>;

impl LastWords {
    /// Puts all candidates into words, as the members of a JSON list.
    fn tell(&self, candidates: &[Candidate], actions: &[Given], json: &mut String) {
        let name = |candidate: &Candidate| actions.get(candidate.action as usize).map_or("", |action| &action.name);
        let all = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut last = all().pop().unwrap_or_default();
        for (n, candidate) in candidates.iter().enumerate() {
            let place = last.entry((candidate.action, candidate.fell_out));
            let told = place.or_insert_with(|| (*candidate, considered(candidate, name(candidate))));
            if told.0 != *candidate {
                *told = (*candidate, considered(candidate, name(candidate)));
            }
            json.push_str(if n == 0 { "" } else { "," });
            json.push_str(&told.1);
        }
        all().push(last);
    }
}

fn considered(candidate: &Candidate, action: &str) -> String {
    let considered = Considered {
        action,
        fell_out: candidate.fell_out.map(why),
        until: candidate.until_us.map(time),
        value: candidate.value,
        propensity: candidate.propensity,
        context_weight: candidate.context_weight,
        lever: candidate.lever,
        score: candidate.score,
        probability: candidate.probability,
    };
    serde_json::to_string(&considered).expect("texts and numbers can be written")
}

/// The number of an occasion, which others' may have, too.
pub(crate) fn occasion_of(bytes: &[u8]) -> u64 {
    let digest = Sha256::digest(bytes);
    u64::from_le_bytes(digest[..8].try_into().expect("SHA-256 has 32 bytes"))
}

fn time(us: i64) -> String {
    Timestamp::from_micros(us).to_string()
}

pub(crate) fn why(fell_out: FellOut) -> &'static str {
    match fell_out {
        FellOut::Condition => "condition",
        FellOut::Consent => "consent",
        FellOut::Cap => "cap",
        FellOut::SharedCap(_) => "shared_cap",
        FellOut::Quiet => "quiet",
        FellOut::Control => "control",
        FellOut::Outranked => "outranked",
    }
}

impl Engine {
    /// Decides what to do for a customer next, and keeps it: when it returns, the decision is durable, and what it brings
    /// about is on its way.
    ///
    /// # Errors
    /// When nobody is named, or it cannot be kept now.
    pub async fn decide(&self, ask: Ask) -> Result<Decided, Error> {
        let _turn = self.turn().await?;
        let mut keys: Vec<Ranked> = Vec::new();
        for (kind, value) in &ask.keys {
            if !is_short(kind, value) {
                return Err(Error::Invalid(too_long()));
            }
            keys.extend(Ranked::new(kind, value, &self.rules));
        }
        keys.sort_unstable();
        if keys.is_empty() {
            return Err(Error::Invalid("none of the keys names anybody".to_owned()));
        }
        self.refuse_misspelt(&keys).await?;
        let now_us = self.clock.now_us();
        let occasion = match &ask.occasion {
            Some(Occasion::Message(id)) => occasion_of(&id.0),
            // Whose it is does not count: a customer may be asked about by this key and by that.
            Some(Occasion::Named(text)) => occasion_of(&[b"named/", text.as_bytes()].concat()),
            None => occasion_of(&self.next_seq(now_us, 0).to_le_bytes()),
        };
        let mut collisions = 0;
        loop {
            let _together = self.together.read().await;
            match self.try_decide(&keys, occasion, now_us).await {
                Err(keep::Error::Conflict(_)) if collisions < 4 * COLLISIONS_MAX => {
                    collisions += 1;
                    Counts::add(&self.counts.collisions, 1);
                }
                decided => return Ok(decided?),
            }
        }
    }

    /// Refuses to make somebody known, only because there is a question about them, by a kind of key of which nobody ever heard:
    /// it is a mistake in writing.
    pub(crate) async fn refuse_misspelt(&self, keys: &[Ranked]) -> Result<(), Error> {
        let named: Vec<&str> = self.rules.named().collect();
        let is_heard_of = |key: &Ranked| named.contains(&key.kind()) || KINDS_OF_SENDERS.contains(&key.kind());
        let Some(first) = keys.first().filter(|_| !named.is_empty() && !keys.iter().any(is_heard_of)) else {
            return Ok(());
        };
        let wanted = Wanted { keys: keys.iter().map(|key| key.bytes().to_vec()).collect(), ..Wanted::default() };
        if self.keep.load(&wanted).await?.keys.iter().any(Option::is_some) {
            return Ok(());
        }
        let all: BTreeSet<&str> = named.into_iter().chain(KINDS_OF_SENDERS).collect();
        let all: Vec<&str> = all.into_iter().collect();
        Err(Error::Invalid(format!("nobody has a key `{}`: there are {}", first.kind(), all.join(", "))))
    }

    pub(crate) async fn try_decide(&self, keys: &[Ranked], occasion: u64, now_us: i64) -> Result<Decided, keep::Error> {
        let bytes = keys.iter().map(|key| key.bytes().to_vec()).collect();
        let wanted = Wanted { generation: self.generation, keys: bytes, ..Wanted::default() };
        let loaded = self.keep.load(&wanted).await?;
        let mut work = Work::new(self, now_us);
        let (customer, filed) = self.whose(&mut work, &loaded, &keys[0]).await?;
        if !work.woken.is_empty() {
            Box::pin(self.decide_woken(&mut work)).await?;
        }
        let decision = self.consider(&mut work, customer, occasion);
        let stored = self.stored(&mut work, customer, decision, true);
        carry_out(&mut work, customer, &stored, Named { filed, subject: keys[0].value() });
        let told = in_words(customer, &stored, &self.terms.own, &self.last_words);
        work.aftermath.count(told.action.is_some());
        let (commit, aftermath) = work.finish();
        self.commit(commit, aftermath).await?;
        Ok(told)
    }

    /// Puts in who was loaded, as of now, and finds the customer: by the key of the highest rank that is known; where none is, `first`
    /// becomes known. What fell due of them is told, and nothing decided about it. Also gives under which number what comes of it is
    /// filed: that of the key, so that it goes where the key goes, whoever the customer turns out to be.
    pub(crate) async fn whose(
        &self,
        work: &mut Work<'_>,
        loaded: &Loaded,
        first: &Ranked,
    ) -> Result<(Customer, Customer), keep::Error> {
        work.admit_all(loaded);
        let anew = std::mem::take(&mut work.anew);
        if !anew.is_empty() {
            // Apart, like all that is rare: what is not awaited takes room in every decision.
            Box::pin(self.rebuild(work, anew, None)).await?;
        }
        work.wake_overdue();
        if let Some((number, customer)) = loaded.keys.iter().flatten().next() {
            return Ok((*customer, customer_named_by(*number)));
        }
        let number = self.new_numbers(1).await?[0];
        let customer = customer_named_by(number);
        work.commit.keys.push(Key { number, customer, bytes: first.bytes().to_vec() });
        Ok((customer, customer))
    }

    /// Whether an event can bring about an action by itself.
    pub(crate) fn acts_by_itself(&self) -> bool {
        self.charter().actions.iter().any(|action| action.deliver.is_some())
    }

    /// The same of an event of this time.
    pub(crate) fn acts_after(&self, at_us: i64, now_us: i64) -> bool {
        self.acts_by_itself() && at_us >= now_us.saturating_sub(ACTED_ON_US)
    }

    /// After something happened to a customer: decides whether an action is to be delivered for it. One that is not delivered
    /// waits for somebody who asks.
    pub(crate) fn decide_after(
        &self,
        work: &mut Work<'_>,
        customer: Customer,
        named: Named<'_>,
        occasion: u64,
        at_us: i64,
    ) {
        if !self.acts_after(at_us, work.now_us) {
            return;
        }
        let (now, draw) = (Timestamp::from_micros(work.now_us), self.draw(customer, occasion));
        let models = self.models();
        let state = &work.person(customer).profile.state;
        let by_itself = decide_by_itself(state, &self.plan, &models, now, occasion, &draw);
        match by_itself {
            ByItself::Decided(decision) => {
                work.aftermath.count(decision.chosen.is_some());
                let stored = self.stored(work, customer, *decision, false);
                carry_out(work, customer, &stored, named);
            }
            ByItself::Later(kept_out) => self.postpone(work, customer, named.filed, occasion, &kept_out),
            ByItself::Nothing => {}
        }
    }

    /// Has the customer be looked at again when what keeps an action out is over, on the same occasion. As many occasions wait for a
    /// moment as actions may be done then, and no more than that.
    fn postpone(&self, work: &mut Work<'_>, customer: Customer, filed: Customer, occasion: u64, kept_out: &[KeptOut]) {
        let state = &work.person(customer).profile.state;
        let waiting = state.postponed();
        // Before it is looked for a moment: whoever does much at night is asked about with every event.
        if waiting.len() >= POSTPONED_ALL_MAX {
            return;
        }
        // What waits for longer keeps nothing from waiting, but for the bound of all.
        let has_room = |until: &&[KeptOut]| {
            let until_us = until.first().map_or(i64::MAX, |one| one.until_us);
            let sooner = waiting.partition_point(|postponed| postponed.until_us < until_us);
            let by_then = waiting.partition_point(|postponed| postponed.until_us <= until_us);
            by_then < POSTPONED_MAX && by_then - sooner < let_in(state, &self.plan, until)
        };
        let mut moments = kept_out.chunk_by(|one, next| one.until_us == next.until_us);
        let first = moments.find(has_room);
        let Some(&[KeptOut { action, fell_out, until_us }, ..]) = first else { return };
        let postponed = Postponed { until_us, occasion };
        let action = self.charter().actions.get(action as usize).map_or("", |action| &action.name);
        let bytes = entry::bytes(&StoredPostponed { postponed, action, fell_out });
        work.commit.entries.push(Entry { customer: filed, kind: kind::POSTPONED, at_us: work.now_us, bytes });
        work.step(customer, Input::Postponed(postponed));
    }

    /// A decision about a customer as it is written, with what is known of them.
    fn stored(&self, work: &mut Work<'_>, customer: Customer, decision: Decision, asked: bool) -> StoredDecision<'_> {
        let now = Timestamp::from_micros(work.now_us);
        let known = work.person(customer).profile.state.at(&self.plan, now).facts_to_bytes();
        StoredDecision::new(decision, &self.plan, &self.terms.name, asked, known)
    }

    fn draw(&self, customer: Customer, occasion: u64) -> Draw {
        Draw::new(self.seed, customer.0.cast_unsigned(), occasion)
    }

    fn consider(&self, work: &mut Work<'_>, customer: Customer, occasion: u64) -> Decision {
        let now = Timestamp::from_micros(work.now_us);
        let draw = self.draw(customer, occasion);
        decide(&work.person(customer).profile.state, &self.plan, &self.models(), now, occasion, &draw)
    }
}

/// The key by which somebody is decided for: what was decided goes where it goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named<'a> {
    /// What is filed under it: the customer that it would be alone.
    pub(crate) filed: Customer,
    /// By which others know the customer.
    pub(crate) subject: &'a str,
}

/// Puts a decision into the log and the state, and what it brings about into the outbox.
fn carry_out(work: &mut Work<'_>, customer: Customer, stored: &StoredDecision<'_>, named: Named<'_>) {
    let decision = &stored.decision;
    if decision.repeated {
        return;
    }
    let Named { filed, subject } = named;
    let bytes = entry::bytes(stored);
    work.commit.entries.push(Entry { customer: filed, kind: kind::DECISION, at_us: work.now_us, bytes });
    // Also where nothing was chosen: it relies on what the state says, and the first lot is the customer's for good.
    work.step(customer, Input::Drawn(&decision.drawn()));
    if let Some(taken) = &decision.taken() {
        work.step(customer, Input::Decided(taken));
    }
    if let (Some(action), Some(target)) = (stored.chosen(), stored.delivered_to) {
        work.tell_action(customer, action);
        let occasion = occasion_in_words(decision.occasion);
        let of = [target, &filed.0.to_string(), action, &occasion];
        let mut data = json!({
            "customer": subject,
            "action": action,
            "handling": decision.handling,
            "occasion": occasion,
            "charter": stored.charter(),
        });
        let told = decision.chosen.and_then(|action| work.engine.charter().actions.get(action as usize));
        if let Some(purpose) = told.and_then(|action| action.purpose.as_ref()) {
            data["purpose"] = json!(purpose);
        }
        let message = Message {
            id: &message_id(&of),
            kind: "desireline.action.decided",
            source: "/desireline",
            subject: Some(subject),
            at_us: decision.at_us,
            data: &data,
        };
        work.commit.posts.push(message.post(target, filed, work.now_us));
    }
}

pub(crate) fn occasion_in_words(occasion: u64) -> String {
    format!("{occasion:016x}")
}

/// A decision that was read.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) decided: Decided,
    /// What was known of the customer, as JSON.
    pub(crate) known: String,
    pub(crate) at_us: i64,
}

/// What was decided by an entry of the log of a home, in the words of its charter; `None` where it is about something else.
///
/// # Errors
/// [`Error::Damaged`] when it cannot be read; when the home cannot be reached.
pub async fn decision_of(keep: &dyn Keep, logged: &Logged) -> Result<Option<Decided>, Error> {
    let Some(mut stored) = stored(logged)? else { return Ok(None) };
    let terms = Terms::read(keep, &stored).await?;
    terms.complete(&mut stored.decision, logged.position)?;
    Ok(Some(in_words(logged.customer, &stored, &terms, &LastWords::default())))
}

/// The same of an entry that is this customer's now, with what was known.
pub(crate) async fn told_of(
    all: &AllTerms,
    keep: &dyn Keep,
    customer: Customer,
    logged: &Logged,
) -> Result<Option<Told>, Error> {
    let Some(mut stored) = stored(logged)? else { return Ok(None) };
    let terms = all.of(keep, &stored).await?;
    terms.complete(&mut stored.decision, logged.position)?;
    let known = terms.known(&stored.known, logged.position)?;
    let decided = in_words(customer, &stored, &terms, &LastWords::default());
    Ok(Some(Told { decided, known, at_us: stored.decision.at_us }))
}

fn stored(logged: &Logged) -> Result<Option<StoredDecision<'_>>, Error> {
    let is_one = logged.kind == kind::DECISION && !logged.erased;
    is_one.then(|| StoredDecision::read(&logged.bytes, logged.position)).transpose()
}

/// Puts a decision into the words of its charter.
fn in_words(customer: Customer, stored: &StoredDecision<'_>, terms: &Terms, last: &LastWords) -> Decided {
    let decision = &stored.decision;
    let mut told = Decided {
        customer: customer.0,
        at: time(decision.at_us),
        occasion: occasion_in_words(decision.occasion),
        action: stored.chosen().map(str::to_owned),
        withheld: stored.taken.filter(|_| decision.chosen.is_none()).map(str::to_owned),
        handling: decision.handling,
        arm: decision.arm,
        explored: decision.explored,
        repeated: decision.repeated,
        asked: stored.asked,
        delivered_to: stored.delivered_to.map(str::to_owned),
        none_probability: decision.none_probability,
        again_at: decision.again_us.map(time),
        charter: stored.charter().to_owned(),
        json: String::new(),
    };
    let mut json = Vec::with_capacity(TOLD_BYTES + decision.candidates.len() * CONSIDERED_BYTES);
    serde_json::to_writer(&mut json, &told).expect("texts and numbers can be written");
    let mut json = String::from_utf8(json).expect("JSON is a text");
    json.pop();
    json.push_str(",\"actions\":[");
    last.tell(&decision.candidates, &terms.actions, &mut json);
    json.push_str("]}");
    told.json = json;
    told
}
