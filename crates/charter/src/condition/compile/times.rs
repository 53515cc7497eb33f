//! Arithmetic, with times and spans of time: two times are subtracted, and what lies between them is a span.

use event::Span;
use sqlparser::ast::{BinaryOperator, Expr as Ast, Interval, Spanned, Value};

use super::{Compiler, Result, Typed, as_time};
use crate::condition::locate::bytes_of;
use crate::condition::tree::{Arithmetic, Expr, Literal};
use crate::condition::{ConditionError, Fault, Type, Vocabulary};

/// What is said where times and spans are taken for numbers.
pub(super) const WAY_OUT: &str =
    "two times are subtracted, and what lies between is a span, written with its unit: `last - first > '30d'`";

impl<V: Vocabulary> Compiler<'_, V> {
    pub(super) fn arithmetic(
        &self,
        ast: &Ast,
        left: &Ast,
        op: &BinaryOperator,
        right: &Ast,
        depth: usize,
    ) -> Result<(Expr<V::Column>, Type)> {
        let how = match op {
            BinaryOperator::Plus => Arithmetic::Add,
            BinaryOperator::Minus => Arithmetic::Subtract,
            BinaryOperator::Multiply => Arithmetic::Multiply,
            BinaryOperator::Divide => Arithmetic::Divide,
            BinaryOperator::Modulo => Arithmetic::Remainder,
            other => return Err(self.unsupported(ast, format!("`{other}`"))),
        };
        let (left, right) = (self.expr(left, depth)?, self.expr(right, depth)?);
        let (left_type, right_type) = (left.of_type, right.of_type);
        let (left, right) = (self.beside(left, how, right_type)?, self.beside(right, how, left_type)?);
        let of_type = match (left.of_type, how, right.of_type) {
            (Type::Time, Arithmetic::Subtract, Type::Time)
            | (Type::Duration, Arithmetic::Add | Arithmetic::Subtract, Type::Duration)
            | (Type::Duration, Arithmetic::Multiply | Arithmetic::Divide, Type::Int | Type::Float | Type::Unknown)
            | (Type::Int | Type::Float | Type::Unknown, Arithmetic::Multiply, Type::Duration) => Type::Duration,
            (Type::Time, Arithmetic::Add | Arithmetic::Subtract, Type::Duration)
            | (Type::Duration, Arithmetic::Add, Type::Time) => Type::Time,
            (Type::Duration, Arithmetic::Divide, Type::Duration) => Type::Float,
            _ => self.of_numbers(&left, &right)?,
        };
        let whole = of_type == Type::Int;
        let how = if whole && how == Arithmetic::Divide { Arithmetic::DivideWhole } else { how };
        Ok((Expr::Arithmetic { how, left: Box::new(left.expr), right: Box::new(right.expr) }, of_type))
    }

    /// The type of what two numbers come to.
    fn of_numbers(&self, left: &Typed<V::Column>, right: &Typed<V::Column>) -> Result<Type> {
        let is_time = |part: &Typed<V::Column>| matches!(part.of_type, Type::Time | Type::Duration);
        match (is_time(left), is_time(right)) {
            (true, false) => return Err(self.wrong_type(right, Type::Duration, Some(WAY_OUT))),
            (false, true) => return Err(self.wrong_type(left, Type::Duration, Some(WAY_OUT))),
            (true, true) => return Err(self.wrong_type(left, Type::Float, Some(WAY_OUT))),
            (false, false) => {}
        }
        self.needs(left, Type::Float)?;
        self.needs(right, Type::Float)?;
        Ok(if left.of_type == Type::Int && right.of_type == Type::Int { Type::Int } else { Type::Float })
    }

    /// `part`, read as a span or a time where it is a text that stands beside one, as a span where it is one beside a number,
    /// and as a time where it is not known what it is and a time is subtracted from it or it from a time.
    fn beside(&self, part: Typed<V::Column>, how: Arithmetic, other: Type) -> Result<Typed<V::Column>> {
        let subtracted = how == Arithmetic::Subtract && other == Type::Time;
        let (expr, of_type) = match &part.expr {
            Expr::Literal(Literal::Text(text)) if subtracted && !is_span(text) => {
                (self.time(text, &part.bytes)?, Type::Time)
            }
            Expr::Literal(Literal::Text(text))
                if matches!(other, Type::Time | Type::Duration) || other.is_number() && is_span(text) =>
            {
                (Self::duration(text, &part.bytes)?, Type::Duration)
            }
            _ if subtracted && part.of_type == Type::Unknown => (as_time(part.expr, self.zone), Type::Time),
            _ => return Ok(part),
        };
        Ok(Typed { expr, of_type, bytes: part.bytes })
    }

    /// `interval '30 days'`, `interval '30' day`.
    pub(super) fn interval(&self, ast: &Ast, interval: &Interval) -> Result<(Expr<V::Column>, Type)> {
        let bytes = bytes_of(self.text, ast.span());
        let number = match &*interval.value {
            Ast::Value(value) => match &value.value {
                Value::SingleQuotedString(text) => Some(text.clone()),
                Value::Number(digits, _) => Some(digits.clone()),
                _ => None,
            },
            _ => None,
        };
        let unit = interval.leading_field.as_ref().map(ToString::to_string).unwrap_or_default();
        let span = number.filter(|_| interval.last_field.is_none()).and_then(|number| span(&number, &unit));
        let micros = span.ok_or_else(|| ConditionError {
            bytes: bytes.clone(),
            fault: Fault::BadLiteral { reason: format!("{} is not a span of time here", self.quote(&bytes)) },
            hint: Some("write a whole number of seconds, minutes, hours, days or weeks: '30d'".to_owned()),
        })?;
        Ok((Expr::Literal(Literal::Int(micros)), Type::Duration))
    }
}

/// Whether a text names a span of time.
fn is_span(text: &str) -> bool {
    text.strip_prefix('-').unwrap_or(text).parse::<Span>().is_ok()
}

/// How SQL names the units of a span, by what they begin with.
const UNITS: [(&str, &str); 5] = [("sec", "s"), ("min", "m"), ("hour", "h"), ("day", "d"), ("week", "w")];

/// `30d`, `30 days`, or `30` and a unit, in microseconds.
fn span(text: &str, unit: &str) -> Option<i64> {
    let text = format!("{text} {unit}").to_ascii_lowercase();
    let (number, unit) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    let unit = UNITS.iter().find(|(name, _)| unit.starts_with(name)).map_or(unit, |(_, short)| short);
    format!("{number}{unit}").parse::<Span>().ok()?.as_micros()
}
