//! Promises that customers were made, and what became of each: the part that expectations, absences and the promised times
//! of a journey share.
//!
//! A moment makes a promise, another one fulfils it, and which fulfils which has to be decided where several are open at
//! once. All is decided by the times of the events; when an event became known does not matter.

use std::collections::VecDeque;

use event::{Calendar, Due, Span};
use evidence::Share;
use hashbrown::HashMap;
use journey::{Moment, Moments};
use rapidhash::fast::SeedableState;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::count::{at, empty};
use crate::table::Cell;

/// What became of promises.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Balance {
    /// How many were made.
    pub made: u64,
    /// How many were fulfilled in time.
    pub kept: u64,
    /// How many were not: those that came late and those that never came.
    pub broken: u64,
    /// Of the broken ones, how many were fulfilled late.
    pub late: u64,
    /// Of the broken ones, how many were never fulfilled, as far as is known.
    pub never: u64,
    /// How many are neither fulfilled nor due.
    pub pending: u64,
    /// `kept / (kept + broken)`.
    pub kept_share: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub kept_share_low: Option<f64>,
    /// Upper end.
    pub kept_share_high: Option<f64>,
}

/// The columns of a balance in a table.
pub(crate) const BALANCE: [&str; 8] =
    ["made", "kept", "late", "never", "pending", "kept_share", "kept_share_low", "kept_share_high"];

/// The cells of a balance, in the order of [`BALANCE`].
pub(crate) fn balance(balance: &Balance) -> Vec<Cell> {
    let counts = [balance.made, balance.kept, balance.late, balance.never, balance.pending].map(Cell::Count);
    let shares = [balance.kept_share, balance.kept_share_low, balance.kept_share_high];
    counts.into_iter().chain(shares.map(Cell::share)).collect()
}

/// Promises by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    kept: u64,
    late: u64,
    never: u64,
    pending: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, state: State) {
        *match state {
            State::Kept => &mut self.kept,
            State::Late(_) => &mut self.late,
            State::Never => &mut self.never,
            State::Pending => &mut self.pending,
        } += 1;
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.kept += other.kept;
        self.late += other.late;
        self.never += other.never;
        self.pending += other.pending;
    }

    pub(crate) fn subtract(&mut self, other: Self) {
        self.kept -= other.kept;
        self.late -= other.late;
        self.never -= other.never;
        self.pending -= other.pending;
    }

    pub(crate) fn balance(self) -> Balance {
        let Self { kept, late, never, pending } = self;
        let broken = late + never;
        let share = Share::new(kept, kept + broken);
        Balance {
            made: kept + broken + pending,
            kept,
            broken,
            late,
            never,
            pending,
            kept_share: share.share,
            kept_share_low: share.low,
            kept_share_high: share.high,
        }
    }
}

impl Balance {
    /// The share kept of those that are decided.
    pub(crate) fn share(&self) -> Share {
        Share::new(self.kept, self.kept + self.broken)
    }
}

/// What is promised after what.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    /// The moment that makes the promise.
    pub(crate) after: String,
    /// The moment that fulfils it.
    pub(crate) promise: String,
    /// Within how long.
    pub(crate) within: Span,
    /// Whether it is made anew only once it was fulfilled: a second attempt at the same step promises nothing new.
    pub(crate) once: bool,
}

/// A promise that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Made {
    /// By which rule.
    pub(crate) rule: usize,
    /// By which event, by its position.
    pub(crate) at: usize,
    /// Until when it is to be fulfilled; far in the future where the calendar has no such day.
    pub(crate) due_us: i64,
    /// When it was fulfilled.
    pub(crate) fulfilled_us: Option<i64>,
    /// Whether another one was open and nothing says whether this is the same again.
    pub(crate) unclear: bool,
    /// Which promise with the same key was made next.
    next: u32,
}

/// What became of a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Fulfilled in time.
    Kept,
    /// Fulfilled, so many microseconds late.
    Late(u64),
    /// Not fulfilled, and overdue.
    Never,
    /// Not fulfilled, and not yet due.
    Pending,
}

impl Made {
    /// What is known at `until_us`.
    pub(crate) fn state(&self, until_us: i64) -> State {
        match self.fulfilled_us {
            Some(at_us) if at_us <= self.due_us => State::Kept,
            Some(at_us) => State::Late(at_us.abs_diff(self.due_us)),
            None if self.due_us <= until_us => State::Never,
            None => State::Pending,
        }
    }
}

const NONE: u32 = u32::MAX;

/// The rules that a moment has to do with.
#[derive(Debug, Clone, Default)]
struct Role {
    fulfils: Vec<usize>,
    makes: Vec<usize>,
}

/// Finds the promises of one customer after the other.
#[derive(Debug)]
pub(crate) struct Watch {
    rules: Vec<Rule>,
    due: Vec<Due>,
    moments: Moments,
    /// By moment, as far as moments are known.
    roles: Vec<Option<Box<Role>>>,
    /// Of the customer at hand, in the order in which they were made.
    made: Vec<Made>,
    /// By rule, those that may still be open, the oldest first.
    open: Vec<VecDeque<u32>>,
    /// By rule and key, the first and the last that may still be open.
    by_key: HashMap<(usize, u64), (u32, u32), SeedableState<'static>>,
    /// By rule, the same of those without a key.
    without_key: Vec<Option<(u32, u32)>>,
    /// By rule, how many promised moments came that nothing had been open for.
    unasked: Vec<u64>,
}

impl Watch {
    pub(crate) fn new(rules: Vec<Rule>, calendar: &Calendar, moments: &Moments) -> Self {
        Self {
            due: rules.iter().map(|rule| Due::new(rule.within, calendar)).collect(),
            moments: moments.clone(),
            roles: Vec::new(),
            made: Vec::new(),
            open: vec![VecDeque::new(); rules.len()],
            by_key: HashMap::with_hasher(SeedableState::fixed()),
            without_key: vec![None; rules.len()],
            unasked: vec![0; rules.len()],
            rules,
        }
    }

    /// Finds the promises that these events made, in the order in which they were made: [`made`](Self::made) has them. `key`
    /// gives the key of an event for a rule, 0 where it has none; it is asked of none but the moments of that rule.
    ///
    /// A moment with a key fulfils the oldest open promise with the same key, or else the oldest one without any; a moment
    /// without a key fulfils the oldest open promise. A moment that fulfils and makes promises fulfils first. While a promise
    /// with the same key is open, nothing new is promised.
    pub(crate) fn look(&mut self, moments: &[Moment], at_us: &[i64], key: impl Fn(usize, usize) -> u64) {
        self.forget();
        for (i, moment) in moments.iter().enumerate() {
            if moment.index() >= self.roles.len() {
                self.learn();
            }
            let Some(role) = self.roles[moment.index()].take() else { continue };
            for rule in &role.fulfils {
                match self.oldest(*rule, key(*rule, i)) {
                    Some(made) => self.made[made as usize].fulfilled_us = Some(at_us[i]),
                    None => self.unasked[*rule] += 1,
                }
            }
            for rule in &role.makes {
                let key = key(*rule, i);
                let open = self.oldest_of_any_key(*rule).is_some();
                let same = key != 0 && self.oldest_of_key(*rule, key).is_some();
                if !(same || open && self.rules[*rule].once) {
                    self.make(*rule, i, at_us[i], key, open && key == 0);
                }
            }
            self.roles[moment.index()] = Some(role);
        }
    }

    /// The promises of the customer at hand.
    pub(crate) fn made(&self) -> &[Made] {
        &self.made
    }

    /// How many promised moments came that nothing had been open for, by rule, of the customer at hand.
    pub(crate) fn unasked(&self) -> &[u64] {
        &self.unasked
    }

    fn forget(&mut self) {
        self.made.clear();
        self.open.iter_mut().for_each(VecDeque::clear);
        self.unasked.fill(0);
        empty(&mut self.by_key);
        self.without_key.fill(None);
    }

    #[cold]
    fn learn(&mut self) {
        for (moment, name) in self.moments.names().iter().enumerate().skip(self.roles.len()) {
            let by = |of: fn(&Rule) -> &str| (0..self.rules.len()).filter(|i| of(&self.rules[*i]) == &**name).collect();
            let role = Role { fulfils: by(|rule| &rule.promise), makes: by(|rule| &rule.after) };
            let has_any = !(role.fulfils.is_empty() && role.makes.is_empty());
            *at(&mut self.roles, moment) = has_any.then(|| Box::new(role));
        }
    }

    fn make(&mut self, rule: usize, i: usize, at_us: i64, key: u64, unclear: bool) {
        let number = u32::try_from(self.made.len()).expect("fewer than 2^32 events of one customer fit in memory");
        let due_us = self.due[rule].after(at_us);
        self.made.push(Made { rule, at: i, due_us, fulfilled_us: None, unclear, next: NONE });
        self.open[rule].push_back(number);
        let (_, last) = match key {
            0 => self.without_key[rule].get_or_insert((number, number)),
            key => self.by_key.entry((rule, key)).or_insert((number, number)),
        };
        if *last != number {
            self.made[*last as usize].next = number;
            *last = number;
        }
    }

    fn oldest(&mut self, rule: usize, key: u64) -> Option<u32> {
        if key == 0 {
            return self.oldest_of_any_key(rule);
        }
        self.oldest_of_key(rule, key).or_else(|| self.oldest_of_key(rule, 0))
    }

    fn oldest_of_any_key(&mut self, rule: usize) -> Option<u32> {
        let open = &mut self.open[rule];
        while open.front().is_some_and(|made| self.made[*made as usize].fulfilled_us.is_some()) {
            open.pop_front();
        }
        open.front().copied()
    }

    fn oldest_of_key(&mut self, rule: usize, key: u64) -> Option<u32> {
        let (first, last) = match key {
            0 => self.without_key[rule].as_mut()?,
            key => self.by_key.get_mut(&(rule, key))?,
        };
        while self.made[*first as usize].fulfilled_us.is_some() {
            if first == last {
                match key {
                    0 => self.without_key[rule] = None,
                    key => _ = self.by_key.remove(&(rule, key)),
                }
                return None;
            }
            *first = self.made[*first as usize].next;
        }
        Some(*first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use charter::Charter;

    fn rule(within: &str, once: bool) -> Rule {
        let within = within.parse().expect("a span");
        Rule { after: "order".to_owned(), promise: "delivered".to_owned(), within, once }
    }

    /// Of each promise, when it was made and when fulfilled, in seconds; keys are written behind events as `/3`.
    fn looked(events: &str, once: bool) -> (Vec<(i64, Option<i64>)>, u64) {
        let moments = Moments::new();
        let mut watch = Watch::new(vec![rule("10s", once)], &Charter::without_file().calendar, &moments);
        let (mut seen, mut at_us, mut keys) = (Vec::new(), Vec::new(), Vec::new());
        for word in events.split_whitespace() {
            let (word, key) = word.split_once('/').unwrap_or((word, "0"));
            let (name, at) = word.split_once('@').expect("a time");
            seen.push(moments.intern(name));
            at_us.push(at.parse::<i64>().expect("seconds") * 1_000_000);
            keys.push(key.parse().expect("a key"));
        }
        watch.look(&seen, &at_us, |_, i| keys[i]);
        let made =
            watch.made().iter().map(|m| (at_us[m.at] / 1_000_000, m.fulfilled_us.map(|us| us / 1_000_000))).collect();
        (made, watch.unasked()[0])
    }

    #[test]
    fn the_oldest_open_promise_is_fulfilled_first() {
        assert_eq!(looked("order@0 order@5 delivered@7 x@8 delivered@9", false), (vec![(0, Some(7)), (5, Some(9))], 0));
        assert_eq!(looked("order@0 order@5 delivered@7", false), (vec![(0, Some(7)), (5, None)], 0));
        assert_eq!(looked("delivered@0 order@5 delivered@7 delivered@8", false), (vec![(5, Some(7))], 2));
    }

    #[test]
    fn keys_say_which_promise_is_meant() {
        let swapped = "order@0/1 order@5/2 delivered@7/2 delivered@9/1";
        assert_eq!(looked(swapped, false), (vec![(0, Some(9)), (5, Some(7))], 0));
        assert_eq!(looked("order@0/1 delivered@7/2", false), (vec![(0, None)], 1), "of another order");
        assert_eq!(looked("order@0/1 order@1 delivered@7/2", false), (vec![(0, None), (1, Some(7))], 0));
        let without = "order@0/1 order@1/2 delivered@3/1 delivered@7 delivered@8/2";
        assert_eq!(looked(without, false), (vec![(0, Some(3)), (1, Some(7))], 1), "what was fulfilled is not open");
    }

    #[test]
    fn the_same_key_while_it_is_open_is_the_same_promise() {
        let again = "order@0/1 order@2/2 order@3/1 delivered@7/1 order@8/1 delivered@9/2";
        assert_eq!(looked(again, false), (vec![(0, Some(7)), (2, Some(9)), (8, None)], 0));
        assert_eq!(looked("order@0/1 order@20/1 delivered@25/1", false).0, [(0, Some(25))], "overdue is open");
        assert_eq!(looked("order@0/1 delivered@1 order@2/1", false).0, [(0, Some(1)), (2, None)]);
    }

    #[test]
    fn a_second_attempt_promises_nothing_new_where_it_is_made_once() {
        let events = "order@0 order@5 delivered@7 order@8";
        assert_eq!(looked(events, true).0, [(0, Some(7)), (8, None)]);
    }

    #[test]
    fn kept_late_never_and_pending() {
        let made = |fulfilled_us| Made { rule: 0, at: 0, due_us: 10, fulfilled_us, unclear: false, next: NONE };
        assert_eq!(made(Some(10)).state(10), State::Kept, "at the last moment");
        assert_eq!(made(Some(11)).state(20), State::Late(1));
        assert_eq!(made(None).state(10), State::Never, "what comes at the limit itself would be known");
        assert_eq!(made(None).state(9), State::Pending);
    }
}
