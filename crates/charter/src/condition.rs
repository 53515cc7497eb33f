//! Conditions: SQL expressions that are checked when the charter loads and evaluated the same in batch and live.
//!
//! A condition is parsed by `sqlparser` (the parser that `DataFusion` uses), its names are looked up in a
//! [`Vocabulary`] and its types checked, so that nothing can go wrong when it is evaluated. Evaluation follows SQL's
//! three-valued logic and adds a fourth answer, *pending*, for what is not known yet: asked with only the `event`
//! column known, most conditions already say yes or no, and the rest of an event is read only where they do not.
//!
//! What differs from `DataFusion`, on purpose:
//! - a text compared with a number is NULL (in a column of unknown type, where both may occur), never an error or a
//!   guess;
//! - division by zero and overflow are NULL, never an error;
//! - `/` divides whole numbers like `DataFusion` only where both sides are known to be whole when the charter loads:
//!   JSON has one kind of number, so `properties.total / 2` is 3.5 for 7;
//! - a cast that is not possible is NULL.

mod compile;
mod evaluate;
mod like;
mod locate;
mod tree;
mod words;

use std::fmt;
use std::ops::Range;

use event::{Column, Value};
use jiff::tz::TimeZone;

pub use words::{EventColumns, Type, Vocabulary};

use tree::Expr;

/// The longest condition in bytes.
pub const CONDITION_BYTES_MAX: usize = 65_536;

/// The most words and operators in one condition; values and commas are not counted, so lists may be longer.
pub const CONDITION_WORDS_MAX: usize = 1_000;

/// What a condition says of an event or a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Truth {
    /// It does not hold.
    False,
    /// It holds.
    True,
    /// SQL's NULL: nothing can be said, because something that it needs is missing. It counts as "does not hold".
    Null,
    /// It depends on something that is not known yet.
    Pending,
}

/// What is known about one column.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer<'a> {
    /// Nothing yet: it has not been read.
    Pending,
    /// This value; [`Value::Null`] when there is none.
    Value(Value<'a>),
    /// A text that had to be built, such as a JSON string with escapes.
    Owned(String),
}

impl Answer<'_> {
    /// The value; `None` while it is pending.
    pub fn value(&self) -> Option<Value<'_>> {
        match self {
            Answer::Pending => None,
            Answer::Value(value) => Some(*value),
            Answer::Owned(text) => Some(Value::Text(text)),
        }
    }
}

impl<'a> From<Value<'a>> for Answer<'a> {
    fn from(value: Value<'a>) -> Self {
        Answer::Value(value)
    }
}

/// What a condition is evaluated on: an event, or a customer.
pub trait Facts<C = Column> {
    /// What is known about `column`.
    fn get(&self, column: &C) -> Answer<'_>;
}

/// A checked condition over columns of type `C`, ready to be evaluated.
///
/// ```
/// use charter::{Answer, Condition, Facts, Truth};
/// use event::{Column, Value};
/// use jiff::tz::TimeZone;
///
/// /// Only the name of the event has been read.
/// struct Named(&'static str);
///
/// impl Facts for Named {
///     fn get(&self, column: &Column) -> Answer<'_> {
///         if *column == Column::Event { Value::Text(self.0).into() } else { Answer::Pending }
///     }
/// }
///
/// let text = "event = 'Order' and properties.total > 100";
/// let condition = Condition::parse(text, &TimeZone::UTC).expect("it is correct");
/// assert_eq!(condition.eval(&Named("Visit")), Truth::False);
/// assert_eq!(condition.eval(&Named("Order")), Truth::Pending);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Condition<C = Column> {
    text: String,
    columns: Vec<C>,
    root: Expr<C>,
}

impl Condition {
    /// Reads a condition over the columns of an event; times without an offset are meant in `zone`.
    ///
    /// # Errors
    /// When it is not a condition, names a column that does not exist, or compares what cannot be compared.
    pub fn parse(text: &str, zone: &TimeZone) -> Result<Self, ConditionError> {
        Self::parse_with(text, &EventColumns, zone)
    }
}

impl<C: Clone + PartialEq> Condition<C> {
    /// Reads a condition over the names of `words`; times without an offset are meant in `zone`.
    ///
    /// # Errors
    /// As [`Condition::parse`].
    pub fn parse_with(
        text: &str,
        words: &impl Vocabulary<Column = C>,
        zone: &TimeZone,
    ) -> Result<Self, ConditionError> {
        let root = compile::compile(text, words, zone)?;
        let mut columns = Vec::new();
        root.collect_columns(&mut columns);
        Ok(Self { text: text.to_owned(), columns, root })
    }
}

impl<C: Clone + PartialEq> Condition<C> {
    /// The numbers that a column is compared with, in no order: whatever else is the same, the condition says the same for
    /// all values between two of them. `None` where the column stands in anything but comparisons with numbers.
    pub fn bounds(&self, column: &C) -> Option<Vec<f64>> {
        let mut bounds = Vec::new();
        self.root.collect_bounds(column, &mut bounds).then_some(bounds)
    }

    /// The numbers that a column is compared with, whatever else is done with it.
    pub fn numbers_compared_with(&self, column: &C) -> Vec<f64> {
        let mut numbers = Vec::new();
        self.root.collect_bounds(column, &mut numbers);
        numbers
    }

    /// The texts that a column is compared with, one by one or in a list.
    pub fn compared_with(&self, column: &C) -> Vec<&str> {
        let mut texts = Vec::new();
        self.root.collect_compared(column, &mut texts);
        texts
    }
}

impl<C> Condition<C> {
    /// The text that it was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The columns that it reads, each once, in the order of their first mention.
    pub fn columns(&self) -> &[C] {
        &self.columns
    }

    /// The texts that something is compared with.
    pub fn texts(&self) -> Vec<&str> {
        let mut texts = Vec::new();
        self.root.collect_texts(&mut texts);
        texts
    }

    /// What it says of `facts`. Allocates only for `lower`, `upper` and casts to text.
    ///
    /// An answer other than [`Truth::Pending`] stays the same whatever is learnt about pending columns.
    pub fn eval(&self, facts: &(impl Facts<C> + ?Sized)) -> Truth {
        evaluate::truth(&self.root, facts)
    }

    /// Whether it certainly holds for `facts`.
    pub fn holds(&self, facts: &(impl Facts<C> + ?Sized)) -> bool {
        self.eval(facts) == Truth::True
    }
}

impl<C> fmt::Display for Condition<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Why a text is not a condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{fault}")]
pub struct ConditionError {
    /// Where in the text, in bytes.
    pub bytes: Range<usize>,
    /// What is wrong.
    pub fault: Fault,
    /// What would be right, where that can be said.
    pub hint: Option<String>,
}

/// What is wrong with a condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is not SQL.
    #[error("this is not an SQL expression: {reason}")]
    Syntax {
        /// What the parser says.
        reason: String,
    },
    /// A name means nothing here.
    #[error("there is no column `{name}` here")]
    UnknownName {
        /// The name.
        name: String,
    },
    /// A value can never occur.
    #[error("{column} is never '{value}'")]
    UnknownValue {
        /// The column that it is compared with.
        column: String,
        /// The value.
        value: String,
    },
    /// Something has the wrong type.
    #[error("{what} is {found}, but {expected} is needed")]
    WrongType {
        /// What it is about.
        what: String,
        /// Its type.
        found: String,
        /// What would be right.
        expected: String,
    },
    /// Two sides that cannot be compared.
    #[error("{left} cannot be compared with {right}")]
    Incomparable {
        /// The type of the left side.
        left: String,
        /// The type of the right side.
        right: String,
    },
    /// A text that should be a time or a span of time.
    #[error("{reason}")]
    BadLiteral {
        /// Why it is not one.
        reason: String,
    },
    /// SQL that conditions do not have.
    #[error("{what} cannot be used in a condition")]
    Unsupported {
        /// What it is.
        what: String,
    },
    /// A condition longer than [`CONDITION_BYTES_MAX`] or [`CONDITION_WORDS_MAX`], or nested too deeply.
    #[error("this condition is too long or too deeply nested")]
    TooLong,
}

#[cfg(test)]
mod tests;
