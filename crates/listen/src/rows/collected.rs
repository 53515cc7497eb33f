//! What the values of several rows become when the rows are one event.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use charter::sources::Aggregate;

use crate::cell::Cell;
use crate::json;

use super::slots::MemberSlot;

/// What one member has taken from the rows so far.
#[derive(Debug)]
pub(super) enum Collected {
    Nothing,
    /// The JSON text of a value.
    One(Box<str>),
    /// The least or greatest value, and its JSON text.
    Extreme(Rank, Box<str>),
    /// A sum, and of how many numbers.
    Sum(Sum, u64),
    Count(u64),
    /// The JSON texts of the different values.
    Distinct(BTreeSet<Box<str>>),
    /// The JSON texts of all values, with commas between them.
    List(String),
}

impl Collected {
    /// Takes in a value; returns about how many bytes were added. What is to be added up has been checked to be a number.
    pub(super) fn take(&mut self, member: &MemberSlot, cell: &Cell<'_>) -> usize {
        let text = || {
            let mut text = String::new();
            member.write(&mut text, cell);
            text
        };
        match (member.aggregate, &mut *self) {
            (Aggregate::First, Collected::Nothing) | (Aggregate::Last, _) => self.keep(text()),
            (Aggregate::First, _) => 0,
            (Aggregate::Sum | Aggregate::Mean, before) => {
                let Some(more) = number(cell) else { return 0 };
                *self = match before {
                    Collected::Sum(sum, n) => Collected::Sum(sum.add(more), *n + 1),
                    _ => Collected::Sum(more, 1),
                };
                0
            }
            (aggregate @ (Aggregate::Min | Aggregate::Max), before) => {
                let wanted = if aggregate == Aggregate::Min { Ordering::Less } else { Ordering::Greater };
                let rank = Rank::of(cell);
                if let Collected::Extreme(best, _) = before
                    && rank.cmp(best) != wanted
                {
                    return 0;
                }
                let text = text();
                let bytes = 2 * text.len();
                *self = Collected::Extreme(rank, text.into());
                bytes
            }
            (Aggregate::Count, Collected::Count(n)) => {
                *n += 1;
                0
            }
            (Aggregate::Count, _) => {
                *self = Collected::Count(1);
                0
            }
            (Aggregate::Distinct, Collected::Distinct(known)) => {
                let text = text();
                let bytes = text.len() + 32;
                if known.insert(text.into()) { bytes } else { 0 }
            }
            (Aggregate::Distinct, _) => {
                let text = text();
                let bytes = text.len() + 32;
                *self = Collected::Distinct(BTreeSet::from([text.into()]));
                bytes
            }
            (Aggregate::List, Collected::List(list)) => {
                let before = list.len();
                list.push(',');
                member.write(list, cell);
                list.len() - before
            }
            (Aggregate::List, _) => {
                let text = text();
                let bytes = text.len();
                *self = Collected::List(text);
                bytes
            }
        }
    }

    fn keep(&mut self, text: String) -> usize {
        let bytes = text.len();
        *self = Collected::One(text.into());
        bytes
    }

    /// Writes it as JSON; where there was no value, as a count of none.
    pub(super) fn write(&self, aggregate: Aggregate, out: &mut String) {
        let count = |out: &mut String, n: u64| json::push_int(out, i64::try_from(n).unwrap_or(i64::MAX));
        match self {
            Collected::One(text) | Collected::Extreme(_, text) => out.push_str(text),
            Collected::Sum(sum, n) if aggregate == Aggregate::Mean => sum.mean(*n).write(out),
            Collected::Sum(sum, _) => sum.write(out),
            Collected::Count(n) => count(out, *n),
            Collected::Distinct(known) => count(out, known.len() as u64),
            Collected::List(list) => {
                out.push('[');
                out.push_str(list);
                out.push(']');
            }
            Collected::Nothing => out.push('0'),
        }
    }

    /// Whether the member is left out of the event: there was no value, and it is not one that is counted.
    pub(super) fn is_absent(&self, aggregate: Aggregate) -> bool {
        matches!(self, Collected::Nothing) && !matches!(aggregate, Aggregate::Count | Aggregate::Distinct)
    }
}

/// The place of a value among others: numbers by their size, then texts in the order of their letters.
#[derive(Debug)]
pub(super) enum Rank {
    Number(Sum),
    Text(Box<str>),
}

impl Rank {
    fn of(cell: &Cell<'_>) -> Self {
        if let Some(number) = number(cell) {
            return Rank::Number(number);
        }
        let mut text = String::new();
        cell.write_text(&mut text);
        Rank::Text(text.into())
    }

    fn cmp(&self, other: &Rank) -> Ordering {
        match (self, other) {
            (Rank::Number(Sum::Whole(a)), Rank::Number(Sum::Whole(b))) => a.cmp(b),
            (Rank::Number(a), Rank::Number(b)) => a.parts().0.total_cmp(&b.parts().0),
            (Rank::Text(a), Rank::Text(b)) => a.cmp(b),
            (Rank::Number(_), Rank::Text(_)) => Ordering::Less,
            (Rank::Text(_), Rank::Number(_)) => Ordering::Greater,
        }
    }
}

/// A sum of numbers that stays exact for whole numbers and compensates rounding otherwise (Neumaier 1974).
#[derive(Debug, Clone, Copy)]
pub(super) enum Sum {
    Whole(i64),
    Fraction { total: f64, lost: f64 },
}

impl Sum {
    fn add(self, other: Sum) -> Sum {
        if let (Sum::Whole(a), Sum::Whole(b)) = (self, other)
            && let Some(sum) = a.checked_add(b)
        {
            return Sum::Whole(sum);
        }
        let (a, lost) = self.parts();
        let (b, also_lost) = other.parts();
        let total = a + b;
        let rounded = if a.abs() >= b.abs() { (a - total) + b } else { (b - total) + a };
        Sum::Fraction { total, lost: lost + also_lost + rounded }
    }

    fn parts(self) -> (f64, f64) {
        match self {
            Sum::Whole(number) => (number as f64, 0.0),
            Sum::Fraction { total, lost } => (total, lost),
        }
    }

    fn mean(self, n: u64) -> Sum {
        let (total, lost) = self.parts();
        Sum::Fraction { total: (total + lost) / n as f64, lost: 0.0 }
    }

    fn write(self, out: &mut String) {
        match self {
            Sum::Whole(number) => json::push_int(out, number),
            Sum::Fraction { .. } => {
                let (total, lost) = self.parts();
                // Fifteen digits are what a 64-bit float holds surely: 0.1 + 0.2 is 0.3.
                let shown = format!("{:.14e}", total + lost).parse().unwrap_or(total);
                json::push_float(out, if f64::is_finite(shown) { shown } else { f64::MAX });
            }
        }
    }
}

pub(super) fn number(cell: &Cell<'_>) -> Option<Sum> {
    let fraction = |number: f64| number.is_finite().then_some(Sum::Fraction { total: number, lost: 0.0 });
    match cell {
        Cell::Int(number) => Some(Sum::Whole(*number)),
        Cell::Float(number) => fraction(*number),
        Cell::Text(text) => {
            let text = text.trim();
            text.parse().map(Sum::Whole).ok().or_else(|| fraction(text.parse().ok()?))
        }
        _ => None,
    }
}
