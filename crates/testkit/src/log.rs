//! Small logs as text.

use event::Span;
use journey::{Columns, Details, Moment, Moments, Setting, flag};

/// Events as sorted columns, as the lake would deliver them.
#[derive(Debug, Clone)]
pub struct Log {
    /// The names of the moments.
    pub moments: Moments,
    /// Whose event it is, sorted.
    pub customer: Vec<i64>,
    /// What happened.
    pub moment: Vec<Moment>,
    /// When, in microseconds since 1970, sorted within a customer.
    pub at_us: Vec<i64>,
    /// What the conditions say of it.
    pub flags: Vec<u64>,
    /// What else is known of it.
    pub details: Details,
    /// The charter that it is read by, and what was wanted.
    pub setting: Setting,
}

impl Default for Log {
    fn default() -> Self {
        let moments = Moments::new();
        Self {
            setting: Setting::plain(&moments),
            moments,
            customer: Vec::new(),
            moment: Vec::new(),
            at_us: Vec::new(),
            flags: Vec::new(),
            details: Details::default(),
        }
    }
}

impl Log {
    /// What the folds that are shown this log share.
    pub fn setting(&self) -> Setting {
        self.setting.clone()
    }

    /// A log of these events: customer, moment, microseconds since 1970, flags. They are sorted by customer and time;
    /// events of the same time stay in the order given.
    pub fn new<'a>(events: impl IntoIterator<Item = (i64, &'a str, i64, u64)>) -> Self {
        let mut events: Vec<_> = events.into_iter().collect();
        events.sort_by_key(|(customer, _, at_us, _)| (*customer, *at_us));
        let mut log = Log::default();
        for (customer, moment, at_us, flags) in events {
            log.customer.push(customer);
            log.moment.push(log.moments.intern(moment));
            log.at_us.push(at_us);
            log.flags.push(flags);
        }
        log
    }

    /// The events at these places, by the same names and in the same setting.
    pub fn only(&self, wanted: impl Fn(usize) -> bool) -> Log {
        let places: Vec<usize> = (0..self.customer.len()).filter(|place| wanted(*place)).collect();
        fn part<T: Copy>(column: &[T], places: &[usize]) -> Vec<T> {
            places.iter().map(|place| column[*place]).collect()
        }
        fn parts<T: Copy>(columns: &[Vec<T>], places: &[usize]) -> Vec<Vec<T>> {
            columns.iter().map(|column| part(column, places)).collect()
        }
        Log {
            moments: self.moments.clone(),
            customer: part(&self.customer, &places),
            moment: part(&self.moment, &places),
            at_us: part(&self.at_us, &places),
            flags: part(&self.flags, &places),
            details: Details {
                words: parts(&self.details.words, &places),
                keys: parts(&self.details.keys, &places),
                numbers: parts(&self.details.numbers, &places),
            },
            setting: self.setting(),
        }
    }

    /// The whole log as one batch.
    pub fn columns(&self) -> Columns<'_> {
        self.part(0, self.customer.len())
    }

    /// The events from `start` to before `end` as one batch.
    pub fn part(&self, start: usize, end: usize) -> Columns<'_> {
        Columns {
            customer: &self.customer[start..end],
            moments: &self.moment[start..end],
            at_us: &self.at_us[start..end],
            flags: &self.flags[start..end],
            details: &self.details,
            begins: start,
        }
    }
}

/// Reads a log: `u1: visit@0 search@30s order@2d; u2: visit@5` (customers apart by `;` or lines).
///
/// After `@` comes the time since 1970, as a span; a bare number counts seconds, and without `@` it is one second after
/// the event before. `*` behind an event flags it for `--where`, `+` for `--compare`. Events may stand in any order;
/// customers are numbered from 1 in the order of their first line.
///
/// ```
/// let log = testkit::log("ann: visit order@1m*; bob: visit+");
/// assert_eq!(log.customer, [1, 1, 2]);
/// assert_eq!(log.at_us, [0, 60_000_000, 0]);
/// assert_eq!(log.flags, [0, 1, 2]);
/// ```
///
/// # Panics
/// When the text is not such a log.
pub fn log(text: &str) -> Log {
    let mut customers: Vec<&str> = Vec::new();
    let mut events = Vec::new();
    for line in text.split([';', '\n']).map(str::trim).filter(|line| !line.is_empty()) {
        let (customer, rest) = line.split_once(':').unwrap_or_else(|| panic!("no customer in `{line}`"));
        let number = customers.iter().position(|c| *c == customer).unwrap_or_else(|| {
            customers.push(customer);
            customers.len() - 1
        });
        let mut before_us = -1_000_000;
        for word in rest.split_whitespace() {
            let (moment, at_us, flags) = event(word, before_us);
            before_us = at_us;
            events.push((i64::try_from(number).expect("few customers") + 1, moment, at_us, flags));
        }
    }
    Log::new(events)
}

/// The name, the time and the flags of one event of a log.
pub(crate) fn event(word: &str, before_us: i64) -> (&str, i64, u64) {
    let bare = word.trim_end_matches(['*', '+']);
    let marks = word.strip_prefix(bare).unwrap_or("").chars();
    let flags = marks.fold(0, |all, mark| all | if mark == '*' { flag::WHERE } else { flag::COMPARE });
    let (name, at_us) = match bare.split_once('@') {
        Some((name, time)) => (name, micros(time)),
        None => (bare, before_us + 1_000_000),
    };
    (name, at_us, flags)
}

fn micros(time: &str) -> i64 {
    let text = if time.ends_with(|c: char| c.is_ascii_digit()) { format!("{time}s") } else { time.to_owned() };
    let span: Span = text.parse().unwrap_or_else(|error| panic!("{error}"));
    span.as_micros().unwrap_or_else(|| panic!("`{time}` counts business days, which a log has no calendar for"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_sorted_and_ties_keep_their_order() {
        let log = log("b: z@5 y@5 x@1\n a: w@3\n b: v@5");
        assert_eq!(log.customer, [1, 1, 1, 1, 2]);
        let names = log.moments.names();
        let in_order: Vec<&str> = log.moment.iter().map(|m| &*names[m.index()]).collect();
        assert_eq!(in_order, ["x", "z", "y", "v", "w"]);
    }
}
