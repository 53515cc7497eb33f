//! Decisions as they were made, each with what was known then and what came of it since: all that it takes to say what another
//! policy would have been worth.

use std::collections::{BTreeMap, BTreeSet};

use event::Timestamp;
use keep::{Customer, KeyNumber, Logged, Wanted};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::decide::{Told, told_of};
use crate::engine::Engine;
use crate::entry::kind;
use crate::error::Error;
use crate::identity::Most;
use crate::limits::{DECISIONS_AT_ONCE, ENTRIES_A_DECISION, LOG_AT_ONCE};
use crate::rebuild::{Recalled, numbers_of};
use crate::work::Work;

/// A page of decisions.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Evaluated {
    /// The decisions, in the order of the log, each as JSON.
    pub decisions: Vec<Box<RawValue>>,
    /// After which position of the log the next page begins, which may be of any length, as this one; `None` where this one is the last.
    pub next: Option<u64>,
}

/// Whether an outcome came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct ShownOutcome {
    /// When it came first; null where it has not.
    came_at: Option<String>,
    /// Until when it counts.
    until: String,
    /// Whether that is known for good: it came, or its time is over.
    over: bool,
}

/// What is said of a decision besides itself.
#[derive(Debug, Serialize)]
struct Besides<'a> {
    /// Where it stands in the log.
    position: u64,
    /// What was known of the customer, by the words of conditions.
    known: &'a RawValue,
    /// By outcome of the charter.
    outcomes: BTreeMap<&'a str, ShownOutcome>,
}

/// Outcomes of a customer, by their positions in the charter, and when they came, in the order of time.
type Came = Vec<(i64, usize)>;

/// What came of the customers of a page.
#[derive(Debug, Default)]
struct Outcomes {
    /// Of whom all is there.
    asked: BTreeSet<Customer>,
    came: BTreeMap<Customer, Came>,
}

impl Engine {
    /// Every decision in the log from after a position on, whoever asked for it, each with what was known, how probable each choice was
    /// and which outcomes of this charter followed within their horizons, for whomever the customer turned out to be. There are `limit` in
    /// a page at most, and as few as none where the log has few among many other entries.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn evaluated(&self, after: Option<u64>, limit: usize) -> Result<Evaluated, Error> {
        let (mut logged, mut next): (Vec<Logged>, Option<u64>) = (Vec::new(), None);
        let mut entries = 0;
        self.each_entry::<Error>(after.map_or(0, |after| after.saturating_add(1)), &mut |entry| {
            logged.extend((entry.kind == kind::DECISION).then(|| entry.clone()));
            entries += 1;
            let goes_on = logged.len() < limit && entries < ENTRIES_A_DECISION.saturating_mul(limit);
            next = (!goes_on).then_some(entry.position);
            Ok(goes_on)
        })
        .await?;
        let mut decisions = Vec::with_capacity(logged.len());
        // Of a device that many share, there may be as many decisions as there is room for in a page: its history is read once.
        let mut outcomes = Outcomes::default();
        for some in logged.chunks(DECISIONS_AT_ONCE) {
            let whose = self.came(some, &mut outcomes).await?;
            for (logged, customer) in some.iter().zip(whose) {
                let came = outcomes.came.get(&customer).map_or(&[][..], Vec::as_slice);
                if let Some(told) = told_of(&self.terms, &*self.keep, logged.customer, logged).await? {
                    decisions.push(self.with_what_followed(logged.position, told, came));
                }
            }
        }
        Ok(Evaluated { decisions, next })
    }

    /// Whose each of these decisions is; and adds the outcomes of those customers who are not there yet.
    async fn came(&self, decisions: &[Logged], outcomes: &mut Outcomes) -> Result<Vec<Customer>, Error> {
        let filed = decisions.iter().filter_map(|logged| u32::try_from(logged.customer.0).ok()).map(KeyNumber);
        let filed: BTreeSet<KeyNumber> = filed.collect();
        let keys = self.keep.keys(&filed.into_iter().collect::<Vec<_>>()).await?;
        let customers: BTreeSet<Customer> = keys.iter().map(|key| key.customer).collect();
        let whom: Vec<Customer> = customers.iter().copied().collect();
        let around = self.around(whom.clone(), Most::ALL).await?.expect("everything is looked at");
        let wanted = Wanted { generation: self.generation, customers: whom, ..Wanted::default() };
        let mut work = Work::new(self, self.clock.now_us());
        work.admit_all(&self.keep.load(&wanted).await?);
        let new: BTreeSet<Customer> = customers.difference(&outcomes.asked).copied().collect();
        let mut numbers: BTreeSet<i64> = numbers_of(&around, &new).into_iter().collect();
        for customer in &new {
            numbers.insert(customer.0);
            numbers.extend(&work.person(*customer).profile.elsewhere);
        }
        let numbers: Vec<Customer> = numbers.into_iter().map(Customer).collect();
        let came = &mut outcomes.came;
        let mut before = u64::MAX;
        while !numbers.is_empty() {
            // A part at a time: all that the log has of a device that many share may be more than memory holds.
            let page = self.keep.log_of(&numbers, before, LOG_AT_ONCE).await?;
            let Some(last) = page.last() else { break };
            before = last.position;
            for (whose, recalled) in self.recall_each(&around, &page).await? {
                if let Some(Recalled::Event(_, Some(noted), _)) = recalled {
                    came.entry(whose).or_default().extend(noted.outcomes().map(|(outcome, at_us)| (at_us, outcome)));
                }
            }
        }
        for came in came.values_mut() {
            // Where two were one, what stands under the number of both was read for either.
            came.sort_unstable();
            came.dedup();
        }
        outcomes.asked.extend(new);
        Ok(self.recall_each(&around, decisions).await?.into_iter().map(|(whose, _)| whose).collect())
    }

    fn with_what_followed(&self, position: u64, told: Told, came: &[(i64, usize)]) -> Box<RawValue> {
        let Told { decided, known, at_us } = told;
        let now_us = self.clock.now_us();
        let time = |us: i64| Timestamp::from_micros(us).to_string();
        let outcomes = self.charter().outcomes.iter().enumerate().map(|(outcome, told)| {
            let until_us = at_us.saturating_add(self.plan.horizon_us(outcome));
            let mut in_time = came.iter().filter(|(at, of)| *of == outcome && at_us < *at && *at <= until_us);
            let came_us = in_time.next().map(|(at, _)| *at);
            let over = came_us.is_some() || until_us < now_us;
            (told.name.as_str(), ShownOutcome { came_at: came_us.map(time), until: time(until_us), over })
        });
        let known = RawValue::from_string(known).expect("it was written as JSON");
        let besides = Besides { position, known: &known, outcomes: outcomes.collect() };
        let besides = serde_json::to_string(&besides).expect("texts and numbers can be written");
        let mut json = decided.json;
        json.pop();
        json.push(',');
        json.push_str(besides.get(1..).expect("it begins with a brace"));
        RawValue::from_string(json).expect("two objects put together are one")
    }
}
