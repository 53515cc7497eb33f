//! Bringing the two sides of a comparison to one type.

use sqlparser::ast::Expr as Ast;

use super::{Compiler, Result, Typed, as_time};
use crate::condition::tree::{Expr, Literal};
use crate::condition::{ConditionError, Fault, Type, Vocabulary};
use crate::nearest;

/// Both sides of a comparison.
type Pair<C> = (Expr<C>, Expr<C>);
/// A value, and what it is compared with.
type OneAndMany<C> = (Expr<C>, Vec<Expr<C>>);

impl<V: Vocabulary> Compiler<'_, V> {
    /// Both sides, made comparable: a quoted text beside a time is read as one when the charter loads, a value of
    /// unknown type beside a time when it is evaluated.
    pub(super) fn align(&self, left: Typed<V::Column>, right: Typed<V::Column>) -> Result<Pair<V::Column>> {
        self.check_value(&left, &right)?;
        self.check_value(&right, &left)?;
        let (left_type, right_type) = (left.of_type, right.of_type);
        let left = self.towards(left, right_type)?;
        let right = self.towards(right, left_type)?;
        if !left.of_type.compares_with(right.of_type) {
            return Err(self.incomparable(&left, &right));
        }
        Ok((left.expr, right.expr))
    }

    /// `part`, read as a time or a span where `other` is one.
    fn towards(&self, part: Typed<V::Column>, other: Type) -> Result<Typed<V::Column>> {
        let expr = match (&part.expr, other) {
            (Expr::Literal(Literal::Text(text)), Type::Time) => self.time(text, &part.bytes)?,
            (Expr::Literal(Literal::Text(text)), Type::Duration) => Self::duration(text, &part.bytes)?,
            (Expr::Literal(Literal::Null), _) => return Ok(part),
            (_, Type::Time) if part.of_type == Type::Unknown => as_time(part.expr, self.zone),
            _ => return Ok(part),
        };
        Ok(Typed { expr, of_type: other, bytes: part.bytes })
    }

    /// That a text compared with a column is one that it can hold.
    fn check_value(&self, column: &Typed<V::Column>, value: &Typed<V::Column>) -> Result<()> {
        let (Expr::Column(name), Expr::Literal(Literal::Text(text))) = (&column.expr, &value.expr) else {
            return Ok(());
        };
        let Some(known) = self.words.values(name) else { return Ok(()) };
        if known.iter().any(|one| **one == **text) {
            return Ok(());
        }
        Err(ConditionError {
            bytes: value.bytes.clone(),
            fault: Fault::UnknownValue { column: self.quote(&column.bytes), value: text.to_string() },
            hint: nearest::hint(text, known.iter().map(String::as_str)),
        })
    }

    fn incomparable(&self, left: &Typed<V::Column>, right: &Typed<V::Column>) -> ConditionError {
        let side = |part: &Typed<V::Column>| format!("{} ({})", self.quote(&part.bytes), part.of_type);
        let hint = match (left.of_type, right.of_type) {
            (Type::Text, Type::Int | Type::Float) => {
                Some(format!("a text takes single quotes: '{}'", self.bare(right)))
            }
            (Type::Duration, Type::Int | Type::Float) | (Type::Int | Type::Float, Type::Duration) => {
                Some("a span of time is written with its unit: '30d', '36h'".to_owned())
            }
            (Type::Int | Type::Float, Type::Text) => Some("a number takes no quotes, and no unit".to_owned()),
            _ => None,
        };
        ConditionError {
            bytes: left.bytes.start.min(right.bytes.start)..left.bytes.end.max(right.bytes.end),
            fault: Fault::Incomparable { left: side(left), right: side(right) },
            hint,
        }
    }

    fn bare(&self, part: &Typed<V::Column>) -> &str {
        self.text.get(part.bytes.clone()).unwrap_or("")
    }

    pub(super) fn in_list(&self, value: &Ast, list: &[Ast], depth: usize) -> Result<Expr<V::Column>> {
        let items = list.iter().map(|item| self.expr(item, depth)).collect::<Result<Vec<_>>>()?;
        let (value, list) = self.align_all(self.expr(value, depth)?, items)?;
        Ok(Expr::In { value: Box::new(value), list })
    }

    pub(super) fn between(&self, value: &Ast, low: &Ast, high: &Ast, depth: usize) -> Result<Expr<V::Column>> {
        let bounds = vec![self.expr(low, depth)?, self.expr(high, depth)?];
        let (value, mut bounds) = self.align_all(self.expr(value, depth)?, bounds)?;
        let high = Box::new(bounds.pop().expect("there are two bounds"));
        let low = Box::new(bounds.pop().expect("there are two bounds"));
        Ok(Expr::Between { value: Box::new(value), low, high })
    }

    /// One value and everything that it is compared with.
    fn align_all(&self, value: Typed<V::Column>, others: Vec<Typed<V::Column>>) -> Result<OneAndMany<V::Column>> {
        let any_time = others.iter().any(|other| other.of_type == Type::Time);
        let value = if any_time { self.towards(value, Type::Time)? } else { value };
        let mut aligned = Vec::with_capacity(others.len());
        for other in others {
            self.check_value(&value, &other)?;
            let other = self.towards(other, value.of_type)?;
            if !value.of_type.compares_with(other.of_type) {
                return Err(self.incomparable(&value, &other));
            }
            aligned.push(other.expr);
        }
        Ok((value.expr, aligned))
    }
}
