//! Promises that a customer was made, and what became of each. The same rules as the view `expectations`: all is decided by
//! the times of the events, and when one became known only decides what had been told before.

use serde::{Deserialize, Serialize};

use super::Known;
use crate::digest::Digest;
use crate::limits::PROMISES_OPEN_MAX;
use crate::news::{Teller, What};
use crate::plan::{Plan, Role, index};

/// A promise that was not fulfilled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Promise {
    pub(crate) rule: u32,
    pub(crate) made_us: i64,
    /// Until when it is to be fulfilled.
    pub(crate) due_us: i64,
    /// What tells it from others; 0 for nothing.
    pub(crate) key: u64,
}

impl Promise {
    /// From when on it is about to break; `i64::MAX` where the charter wants no warning.
    pub(super) fn warn_us(&self, plan: &Plan) -> i64 {
        let warn_us = plan.expectations[index(self.rule)].warn_us;
        warn_us.map_or(i64::MAX, |before_us| self.due_us.saturating_sub(before_us).max(self.made_us))
    }
}

/// The promises of one kind that are over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Promises {
    pub(crate) kept: u64,
    /// Those of the kept ones that had been told to be broken, because what was promised became known only afterwards.
    pub(crate) unbroken: u64,
    pub(crate) late: u64,
    /// Those given up because too many were open.
    pub(crate) given_up: u64,
}

impl Known {
    /// An event fulfils promises, and makes others.
    pub(super) fn promise(&mut self, role: &Role, digest: &Digest, plan: &Plan, teller: &mut Teller) {
        for (rule, key) in &role.fulfils {
            if let Some(open) = self.oldest(*rule, digest.sameness(*key)) {
                let promise = self.open.remove(open);
                self.fulfil(promise, digest, plan, teller);
            }
        }
        for (i, (rule, key)) in role.promises.iter().enumerate() {
            // A second attempt at what is open promises nothing new.
            let key = digest.sameness(*key);
            if key != 0 && self.open.iter().any(|promise| promise.rule == *rule && promise.key == key) {
                continue;
            }
            if self.open.len() >= PROMISES_OPEN_MAX {
                let given_up = self.open.remove(0);
                let counts = &mut self.promises[index(given_up.rule)];
                counts.given_up = counts.given_up.saturating_add(1);
            }
            let due_us = digest.due_us(role.takes.len() + i);
            let promise = Promise { rule: *rule, made_us: digest.at_us, due_us, key };
            self.open.push(promise);
            teller.tell(What::Promised, *rule, promise.made_us, promise.made_us, promise.key);
            // Of what becomes known only now, all that has passed is told at once.
            let warn_us = promise.warn_us(plan);
            if warn_us <= teller.seen_us {
                teller.tell(What::AboutToBreak, *rule, promise.made_us, warn_us, promise.key);
            }
            if due_us <= teller.seen_us {
                teller.tell(What::Broken, *rule, promise.made_us, due_us, promise.key);
            }
        }
    }

    /// A moment with a key fulfils the oldest promise with the same key, or else the oldest without any; a moment without a
    /// key fulfils the oldest.
    fn oldest(&self, rule: u32, key: u64) -> Option<usize> {
        let of = |key: u64| self.open.iter().position(|promise| promise.rule == rule && promise.key == key);
        if key == 0 {
            return self.open.iter().position(|promise| promise.rule == rule);
        }
        of(key).or_else(|| of(0))
    }

    fn fulfil(&mut self, promise: Promise, digest: &Digest, plan: &Plan, teller: &mut Teller) {
        let Promise { rule, made_us, due_us, key } = promise;
        let (at_us, seen_us) = (digest.at_us, teller.seen_us);
        let expectation = &plan.expectations[index(rule)];
        let counts = &mut self.promises[index(rule)];
        let warn_us = promise.warn_us(plan);
        match (warn_us < at_us, warn_us <= seen_us) {
            (true, false) => teller.tell(What::AboutToBreak, rule, made_us, warn_us, key),
            (false, true) => teller.withdraw(What::AboutToBreak, rule, made_us, warn_us, key),
            _ => {}
        }
        let kept = at_us <= due_us;
        match (kept, due_us <= seen_us) {
            (false, false) => teller.tell(What::Broken, rule, made_us, due_us, key),
            (true, true) => teller.withdraw(What::Broken, rule, made_us, due_us, key),
            _ => {}
        }
        let known_us = at_us.min(digest.received_us);
        let fed = if kept { &expectation.kept } else { &expectation.broken };
        if kept {
            counts.kept = counts.kept.saturating_add(1);
            counts.unbroken = counts.unbroken.saturating_add(u64::from(digest.received_us > due_us));
            teller.tell(What::Kept, rule, made_us, at_us, key);
        } else {
            counts.late = counts.late.saturating_add(1);
            teller.tell(What::Late, rule, made_us, at_us, key);
        }
        let when_us = if kept { at_us } else { due_us };
        for series in fed {
            self.series[index(*series)].push(plan.series[index(*series)], when_us, known_us, None);
        }
    }
}
