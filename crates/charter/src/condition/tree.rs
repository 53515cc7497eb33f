//! The compiled form of a condition.

use event::{Timestamp, Value};
use jiff::tz::TimeZone;

use super::like::Pattern;

/// A constant.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Box<str>),
    Time(Timestamp),
}

impl Literal {
    pub(super) fn value(&self) -> Value<'_> {
        match self {
            Literal::Null => Value::Null,
            Literal::Bool(b) => Value::Bool(*b),
            Literal::Int(i) => Value::Int(*i),
            Literal::Float(x) => Value::Float(*x),
            Literal::Text(text) => Value::Text(text),
            Literal::Time(at) => Value::Time(*at),
        }
    }
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// How two numbers make a third.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    /// The exact quotient.
    Divide,
    /// The quotient of two whole numbers, truncated.
    DivideWhole,
    Remainder,
}

/// The functions that conditions have, with the names they go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Lower,
    Upper,
    Length,
    Coalesce,
    Abs,
}

impl Function {
    pub(super) const NAMES: [(&'static str, Function); 6] = [
        ("lower", Function::Lower),
        ("upper", Function::Upper),
        ("length", Function::Length),
        ("char_length", Function::Length),
        ("coalesce", Function::Coalesce),
        ("abs", Function::Abs),
    ];
}

/// What a value is cast to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Target {
    Int,
    Float,
    Text,
    Bool,
    /// A text without an offset is meant in this zone.
    Time(TimeZone),
}

/// An expression whose names and types have been checked.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expr<C> {
    Literal(Literal),
    Column(C),
    Not(Box<Expr<C>>),
    And(Vec<Expr<C>>),
    Or(Vec<Expr<C>>),
    Compare {
        how: Comparison,
        left: Box<Expr<C>>,
        right: Box<Expr<C>>,
    },
    In {
        value: Box<Expr<C>>,
        list: Vec<Expr<C>>,
    },
    Between {
        value: Box<Expr<C>>,
        low: Box<Expr<C>>,
        high: Box<Expr<C>>,
    },
    Like {
        value: Box<Expr<C>>,
        pattern: Pattern,
    },
    IsNull(Box<Expr<C>>),
    /// `is true`, `is false`: never NULL.
    IsBool(Box<Expr<C>>, bool),
    Negate(Box<Expr<C>>),
    Arithmetic {
        how: Arithmetic,
        left: Box<Expr<C>>,
        right: Box<Expr<C>>,
    },
    Call {
        function: Function,
        arguments: Vec<Expr<C>>,
    },
    Cast {
        value: Box<Expr<C>>,
        target: Target,
    },
}

impl<C: Clone + PartialEq> Expr<C> {
    /// Adds the columns that are read, each once.
    pub(super) fn collect_columns(&self, columns: &mut Vec<C>) {
        if let Expr::Column(column) = self
            && !columns.contains(column)
        {
            columns.push(column.clone());
        }
        self.each_part(&mut |part| part.collect_columns(columns));
    }

    /// Adds the numbers that a column is compared with; whether it stands in nothing else.
    pub(super) fn collect_bounds(&self, column: &C, bounds: &mut Vec<f64>) -> bool {
        let is_it = |part: &Expr<C>| matches!(part, Expr::Column(other) if other == column);
        let compared: &[&Expr<C>] = match self {
            Expr::Compare { left, right, .. } if is_it(left) => &[right],
            Expr::Compare { left, right, .. } if is_it(right) => &[left],
            Expr::Between { value, low, high } if is_it(value) => &[low, high],
            Expr::In { value, list } if is_it(value) => &list.iter().collect::<Vec<_>>(),
            Expr::IsNull(part) if is_it(part) => &[],
            _ => {
                let mut only = !is_it(self);
                self.each_part(&mut |part| only &= part.collect_bounds(column, bounds));
                return only;
            }
        };
        compared.iter().all(|part| match part {
            Expr::Literal(Literal::Int(number)) => {
                bounds.push(*number as f64);
                true
            }
            Expr::Literal(Literal::Float(number)) => {
                bounds.push(*number);
                true
            }
            _ => false,
        })
    }

    /// Adds the texts that a column is compared with.
    pub(super) fn collect_compared<'a>(&'a self, column: &C, texts: &mut Vec<&'a str>) {
        let is_it = |part: &Expr<C>| matches!(part, Expr::Column(other) if other == column);
        match self {
            Expr::Compare { left, right, .. } if is_it(left) => right.collect_texts(texts),
            Expr::Compare { left, right, .. } if is_it(right) => left.collect_texts(texts),
            Expr::In { value, list } if is_it(value) => list.iter().for_each(|part| part.collect_texts(texts)),
            _ => self.each_part(&mut |part| part.collect_compared(column, texts)),
        }
    }
}

impl<C> Expr<C> {
    /// How many parts it has, values not counted.
    pub(super) fn words(&self) -> usize {
        let mut words = usize::from(!matches!(self, Expr::Literal(_)));
        self.each_part(&mut |part| words += part.words());
        words
    }

    /// Adds the texts that are written in it.
    pub(super) fn collect_texts<'a>(&'a self, texts: &mut Vec<&'a str>) {
        if let Expr::Literal(Literal::Text(text)) = self {
            texts.push(text);
        }
        self.each_part(&mut |part| part.collect_texts(texts));
    }

    /// Calls `each` with the expressions that this one is directly made of.
    fn each_part<'a>(&'a self, each: &mut impl FnMut(&'a Expr<C>)) {
        match self {
            Expr::Literal(_) | Expr::Column(_) => {}
            Expr::Not(part)
            | Expr::IsNull(part)
            | Expr::IsBool(part, _)
            | Expr::Negate(part)
            | Expr::Like { value: part, .. }
            | Expr::Cast { value: part, .. } => each(part),
            Expr::And(parts) | Expr::Or(parts) | Expr::Call { arguments: parts, .. } => parts.iter().for_each(each),
            Expr::Compare { left, right, .. } | Expr::Arithmetic { left, right, .. } => {
                each(left);
                each(right);
            }
            Expr::In { value, list } => {
                each(value);
                list.iter().for_each(each);
            }
            Expr::Between { value, low, high } => {
                each(value);
                each(low);
                each(high);
            }
        }
    }
}
