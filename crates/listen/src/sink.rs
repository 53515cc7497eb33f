//! Where a dialect puts what it read: events on one side, named rejections on the other, nothing in between.
//!
//! A reader knows neither stores nor files; whoever calls it hands in a [`Sink`]. An error of the sink (a full disk, a
//! user who pressed Ctrl-C) stops the reading at once and comes back unchanged.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use event::Event;

/// Where read events go.
pub trait Sink {
    /// Takes in one event.
    ///
    /// # Errors
    /// [`Stop`] ends the reading: a full disk, a user who pressed Ctrl-C. Only with [`NamesNobody`] in it, the reading goes
    /// on, and the row comes back as a rejection.
    fn event(&mut self, event: &Event<'_>) -> Result<(), Stop>;

    /// Takes in a row that cannot be an event, by line, reason and the row itself, so that it is never lost.
    ///
    /// # Errors
    /// [`Stop`] ends the reading.
    fn reject(&mut self, rejection: &Rejection<'_>) -> Result<(), Stop>;
}

/// A row that cannot be an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection<'a> {
    /// Where it is: the 1-based line, or for formats without lines the 1-based number of the row or record.
    pub line: u64,
    /// Why it cannot be an event.
    pub reason: Reason,
    /// What exactly is wrong, such as the value that is not a time.
    pub detail: Cow<'a, str>,
    /// The row as it was read; of an overlong line only the beginning.
    pub row: &'a [u8],
}

/// The error by which a sink ends the reading.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Stop(pub Box<dyn std::error::Error + Send + Sync>);

impl Stop {
    /// Stops because of this error.
    pub fn new(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(error.into())
    }
}

/// Why a sink does not take an event: its keys are values that name nobody, such as `null`, which only the sink knows. The
/// reader, who has the row and its line at hand, then rejects it; an event that is taken costs nothing for that.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub struct NamesNobody {
    /// The keys and their values.
    pub detail: String,
    /// What the event says, for events that are no single row of their file.
    pub row: String,
}

impl Stop {
    /// The event that was not taken, where that is all; otherwise the reading ends.
    pub(crate) fn names_nobody(self) -> Result<NamesNobody, Stop> {
        self.0.downcast::<NamesNobody>().map_or_else(|other| Err(Stop(other)), |nobody| Ok(*nobody))
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])+ $variant:ident = $name:literal,)+) => {
        /// Why a row cannot be an event. The names are stable: quarantine files and summaries carry them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Reason {
            $($(#[$doc])+ $variant,)+
        }

        impl Reason {
            /// Every reason there is.
            pub const ALL: &'static [Reason] = &[$(Reason::$variant,)+];

            /// The stable name, such as `missing-customer`.
            pub const fn name(self) -> &'static str {
                match self { $(Reason::$variant => $name,)+ }
            }
        }
    };
}

reasons! {
    /// No key has a value: nobody knows whose event it is.
    MissingCustomer = "missing-customer",
    /// All its keys are values that name nobody.
    JunkKey = "junk-key",
    /// Nothing says what happened.
    MissingEvent = "missing-event",
    /// Nothing says when it happened.
    MissingTime = "missing-time",
    /// The time is not of the form of its column.
    BadTime = "bad-time",
    /// The time lies outside of the years 1 to 9999, or is not a finite number.
    YearOutOfRange = "year-out-of-range",
    /// A date by which systems say "none": 0000-00-00, 0001-01-01, 9999-12-31.
    PlaceholderDate = "placeholder-date",
    /// A value that is to be summed is not a number.
    BadNumber = "bad-number",
    /// The row has more or fewer fields than the header.
    WrongColumnCount = "wrong-column-count",
    /// A quote that is opened in this line is never closed.
    UnclosedQuote = "unclosed-quote",
    /// The line is not JSON.
    BadJson = "bad-json",
    /// The line is JSON, but not an object.
    NotAnObject = "not-an-object",
    /// The message has a type that is not of the Segment API.
    UnknownType = "unknown-type",
    /// A field of the message has a value of the wrong kind.
    BadField = "bad-field",
    /// The bytes are not text in the encoding of the file.
    BadEncoding = "bad-encoding",
    /// The line is longer than a line may be.
    LineTooLong = "line-too-long",
    /// The message is larger than a message may be.
    TooLarge = "too-large",
    /// The line contains a NUL byte.
    NulByte = "nul-byte",
    /// The file ends in the middle of this row.
    Truncated = "truncated",
    /// The event refers to an object that the file does not contain.
    DanglingReference = "dangling-reference",
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// `1 event`, `2 events`.
pub(crate) fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// What came out of reading one input.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Rows, lines, messages or records that were read.
    pub rows: u64,
    /// Events that went to the sink; one row may be two events, and many rows may be one.
    pub events: u64,
    /// Rejected rows by reason.
    pub rejected: BTreeMap<Reason, u64>,
    /// Messages that are no events by their nature, such as Segment's `group`, by kind.
    pub passed_over: BTreeMap<String, u64>,
    /// Times that have no offset, and were taken in the time zone of the plan.
    pub naive: u64,
    /// What was read but may not mean what it seems to.
    pub warnings: Vec<String>,
    /// What the file says about itself (the header of an XES log), as the text of a JSON object.
    pub about: Option<String>,
}

impl Summary {
    /// How many rows were rejected, for whatever reason.
    pub fn rejected_total(&self) -> u64 {
        self.rejected.values().sum()
    }
}

/// A sink that counts what passes through to another one.
pub struct Counting<'a> {
    inner: &'a mut dyn Sink,
    pub(crate) summary: Summary,
}

impl<'a> Counting<'a> {
    /// Counts what goes to `inner` from now on.
    pub fn new(inner: &'a mut dyn Sink) -> Self {
        Self { inner, summary: Summary::default() }
    }

    /// What has been counted so far.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// What has been counted.
    pub fn into_summary(self) -> Summary {
        self.summary
    }
}

impl fmt::Debug for Counting<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counting").field("summary", &self.summary).finish_non_exhaustive()
    }
}

impl Sink for Counting<'_> {
    fn event(&mut self, event: &Event<'_>) -> Result<(), Stop> {
        self.inner.event(event)?;
        self.summary.events += 1;
        Ok(())
    }

    fn reject(&mut self, rejection: &Rejection<'_>) -> Result<(), Stop> {
        *self.summary.rejected.entry(rejection.reason).or_default() += 1;
        self.inner.reject(rejection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_reasons_are_distinct_and_in_kebab_case() {
        let names: std::collections::BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.name()).collect();
        assert_eq!(names.len(), Reason::ALL.len());
        assert!(names.iter().all(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')));
    }

    #[test]
    fn the_error_of_a_sink_comes_back_unchanged() {
        assert_eq!(Stop::new("the disk is full").to_string(), "the disk is full");
    }
}
