//! Evaluation in SQL's three-valued logic, with *pending* for what is not known yet.

use std::cmp::Ordering;

use event::{Timestamp, Value};

use super::tree::{Arithmetic, Comparison, Expr, Function, Target};
use super::{Answer, Facts, Truth};

impl Truth {
    fn of(held: bool) -> Truth {
        if held { Truth::True } else { Truth::False }
    }

    fn negated(self) -> Truth {
        match self {
            Truth::True => Truth::False,
            Truth::False => Truth::True,
            other => other,
        }
    }

    fn answer(self) -> Answer<'static> {
        match self {
            Truth::Pending => Answer::Pending,
            Truth::Null => Answer::Value(Value::Null),
            Truth::True => Answer::Value(Value::Bool(true)),
            Truth::False => Answer::Value(Value::Bool(false)),
        }
    }
}

/// What `expr` says, taken as a condition.
pub(super) fn truth<C>(expr: &Expr<C>, facts: &(impl Facts<C> + ?Sized)) -> Truth {
    match expr {
        Expr::Not(part) => truth(part, facts).negated(),
        Expr::And(parts) => all(parts.iter().map(|part| truth(part, facts))),
        Expr::Or(parts) => all(parts.iter().map(|part| truth(part, facts).negated())).negated(),
        Expr::Compare { how, left, right } => {
            with_value(left, facts, |left| with_value(right, facts, |right| compare(*how, left, right)))
        }
        Expr::In { value: searched, list } => {
            let searched = value(searched, facts);
            let differs = |one: Option<Value<'_>>| compare(Comparison::NotEqual, searched.value(), one);
            all(list.iter().map(|one| with_value(one, facts, differs))).negated()
        }
        Expr::Between { value: inner, low, high } => {
            let inner = value(inner, facts);
            let is = |how, bound| with_value(bound, facts, |bound| compare(how, inner.value(), bound));
            let above = is(Comparison::GreaterOrEqual, low);
            let below = is(Comparison::LessOrEqual, high);
            all([above, below])
        }
        Expr::Like { value: text, pattern } => match value(text, facts).value() {
            None => Truth::Pending,
            Some(Value::Text(text)) => Truth::of(pattern.matches(text)),
            Some(_) => Truth::Null,
        },
        Expr::IsNull(part) => match value(part, facts) {
            Answer::Pending => Truth::Pending,
            answer => Truth::of(answer.value().is_none_or(|v| v.is_null())),
        },
        Expr::IsBool(part, wanted) => match truth(part, facts) {
            Truth::Pending => Truth::Pending,
            found => Truth::of(found == Truth::of(*wanted)),
        },
        other => match value(other, facts).value() {
            None => Truth::Pending,
            Some(Value::Bool(held)) => Truth::of(held),
            Some(_) => Truth::Null,
        },
    }
}

/// AND: false if any is; otherwise pending if any is (it may still turn out false); otherwise NULL if any is.
fn all(parts: impl IntoIterator<Item = Truth>) -> Truth {
    let mut sum = Truth::True;
    for part in parts {
        sum = match (sum, part) {
            (_, Truth::False) => return Truth::False,
            (_, Truth::Pending) | (Truth::Pending, _) => Truth::Pending,
            (_, Truth::Null) | (Truth::Null, _) => Truth::Null,
            (_, Truth::True) => Truth::True,
        };
    }
    sum
}

/// Hands the value of `expr` to `then`; `None` while it is pending. A constant is not wrapped first.
#[inline]
fn with_value<C, R>(expr: &Expr<C>, facts: &(impl Facts<C> + ?Sized), then: impl FnOnce(Option<Value<'_>>) -> R) -> R {
    match expr {
        Expr::Literal(literal) => then(Some(literal.value())),
        Expr::Column(column) => then(facts.get(column).value()),
        other => then(value(other, facts).value()),
    }
}

#[inline]
fn compare(how: Comparison, left: Option<Value<'_>>, right: Option<Value<'_>>) -> Truth {
    let (left, right) = match (left, right) {
        // Whatever the other side turns out to be, the comparison is NULL.
        (Some(Value::Null), _) | (_, Some(Value::Null)) => return Truth::Null,
        (Some(left), Some(right)) => (left, right),
        _ => return Truth::Pending,
    };
    // The commonest question; texts of different lengths are told apart without reading them.
    if let (Value::Text(left), Value::Text(right)) = (left, right) {
        match how {
            Comparison::Equal => return Truth::of(left == right),
            Comparison::NotEqual => return Truth::of(left != right),
            _ => {}
        }
    }
    let Some(order) = order(left, right) else { return Truth::Null };
    Truth::of(match how {
        Comparison::Equal => order.is_eq(),
        Comparison::NotEqual => order.is_ne(),
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterOrEqual => order.is_ge(),
    })
}

/// How two values are ordered; `None` when they are not of one kind. Texts are ordered by their bytes; NaN equals
/// itself and is greater than every number, as in `DataFusion`.
fn order(left: Value<'_>, right: Value<'_>) -> Option<Ordering> {
    match (left, right) {
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(&b)),
        (Value::Time(a), Value::Time(b)) => Some(a.cmp(&b)),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(&b)),
        (Value::Text(a), Value::Int(_) | Value::Float(_)) => order(read_number(a)?, right),
        (Value::Int(_) | Value::Float(_), Value::Text(b)) => order(left, read_number(b)?),
        (a, b) => {
            let (a, b) = (number(a)?, number(b)?);
            Some(a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan())))
        }
    }
}

fn number(value: Value<'_>) -> Option<f64> {
    match value {
        Value::Int(i) => Some(i as f64),
        Value::Float(x) => Some(x),
        Value::Text(text) => read_number(text).and_then(number),
        _ => None,
    }
}

/// A text that is a number. Whoever compares a property with a number means numbers, also where the sender wrote `"40"`, or
/// the column had none yet when its kind was guessed.
fn read_number(text: &str) -> Option<Value<'static>> {
    let text = text.trim();
    let whole = text.parse().ok().map(Value::Int);
    whole.or_else(|| text.parse().ok().filter(|x: &f64| x.is_finite()).map(Value::Float))
}

/// The value of `expr`.
pub(super) fn value<'a, C>(expr: &'a Expr<C>, facts: &'a (impl Facts<C> + ?Sized)) -> Answer<'a> {
    match expr {
        Expr::Literal(literal) => Answer::Value(literal.value()),
        Expr::Column(column) => facts.get(column),
        Expr::Negate(part) => unary(&value(part, facts), |v| match v {
            Value::Int(i) => i.checked_neg().map_or(Value::Null, Value::Int),
            Value::Float(x) => Value::Float(-x),
            _ => Value::Null,
        }),
        Expr::Arithmetic { how, left, right } => {
            let (left, right) = (value(left, facts), value(right, facts));
            match (left.value(), right.value()) {
                (Some(Value::Null), _) | (_, Some(Value::Null)) => Answer::Value(Value::Null),
                (Some(left), Some(right)) => Answer::Value(calculate(*how, left, right)),
                _ => Answer::Pending,
            }
        }
        Expr::Call { function, arguments } => call(*function, arguments, facts),
        Expr::Cast { value: part, target } => cast(value(part, facts), target),
        condition => truth(condition, facts).answer(),
    }
}

/// Applies `change` to a value that is known; NULL stays NULL.
fn unary(answer: &Answer<'_>, change: impl FnOnce(Value<'_>) -> Value<'static>) -> Answer<'static> {
    match answer.value() {
        None => Answer::Pending,
        Some(Value::Null) => Answer::Value(Value::Null),
        Some(value) => Answer::Value(change(value)),
    }
}

fn calculate(how: Arithmetic, left: Value<'_>, right: Value<'_>) -> Value<'static> {
    let exact = |x: f64| if x.is_nan() { Value::Null } else { Value::Float(x) };
    if let (Value::Int(a), Value::Int(b)) = (left, right) {
        let whole = match how {
            Arithmetic::Add => a.checked_add(b),
            Arithmetic::Subtract => a.checked_sub(b),
            Arithmetic::Multiply => a.checked_mul(b),
            Arithmetic::DivideWhole => a.checked_div(b),
            Arithmetic::Remainder => a.checked_rem(b),
            Arithmetic::Divide if b == 0 => None,
            Arithmetic::Divide => return exact(a as f64 / b as f64),
        };
        return whole.map_or(Value::Null, Value::Int);
    }
    if let (Value::Time(_), _) | (_, Value::Time(_)) = (left, right) {
        return between(how, left, right).unwrap_or(Value::Null);
    }
    let (Some(a), Some(b)) = (number(left), number(right)) else { return Value::Null };
    match how {
        Arithmetic::Add => exact(a + b),
        Arithmetic::Subtract => exact(a - b),
        Arithmetic::Multiply => exact(a * b),
        // `b == 0.0` also holds for -0.0, which is meant.
        Arithmetic::Divide | Arithmetic::DivideWhole | Arithmetic::Remainder if b.abs() < f64::MIN_POSITIVE => {
            Value::Null
        }
        Arithmetic::Divide | Arithmetic::DivideWhole => exact(a / b),
        Arithmetic::Remainder => exact(a % b),
    }
}

/// The microseconds between two times, or a time so many of them away from another.
fn between(how: Arithmetic, left: Value<'_>, right: Value<'_>) -> Option<Value<'static>> {
    let micros = |value: Value<'_>| match value {
        Value::Time(at) => Some(at.as_micros()),
        Value::Float(span) => match whole(span) {
            Value::Int(micros) => Some(micros),
            _ => None,
        },
        Value::Int(micros) => Some(micros),
        _ => None,
    };
    let sum = match how {
        Arithmetic::Add => micros(left)?.checked_add(micros(right)?)?,
        Arithmetic::Subtract => micros(left)?.checked_sub(micros(right)?)?,
        _ => return None,
    };
    let times = [left, right].into_iter().filter(|side| matches!(side, Value::Time(_))).count();
    Some(if times == 1 { Value::Time(Timestamp::from_micros(sum)) } else { Value::Int(sum) })
}

fn call<'a, C>(function: Function, arguments: &'a [Expr<C>], facts: &'a (impl Facts<C> + ?Sized)) -> Answer<'a> {
    if function == Function::Coalesce {
        let mut answers = arguments.iter().map(|argument| value(argument, facts));
        let known = answers.find(|answer| answer.value().is_none_or(|v| !v.is_null()));
        return known.unwrap_or(Answer::Value(Value::Null));
    }
    let Some(first) = arguments.first() else { return Answer::Value(Value::Null) };
    let answer = value(first, facts);
    match (function, answer.value()) {
        (_, None) => Answer::Pending,
        (Function::Lower, Some(Value::Text(text))) => Answer::Owned(text.to_lowercase()),
        (Function::Upper, Some(Value::Text(text))) => Answer::Owned(text.to_uppercase()),
        (Function::Length, Some(Value::Text(text))) => {
            Answer::Value(i64::try_from(text.chars().count()).map_or(Value::Null, Value::Int))
        }
        (Function::Abs, Some(Value::Int(i))) => Answer::Value(i.checked_abs().map_or(Value::Null, Value::Int)),
        (Function::Abs, Some(Value::Float(x))) => Answer::Value(Value::Float(x.abs())),
        _ => Answer::Value(Value::Null),
    }
}

fn cast<'a>(answer: Answer<'a>, target: &Target) -> Answer<'a> {
    let Some(value) = answer.value() else { return Answer::Pending };
    let known = match (target, value) {
        (Target::Text, Value::Text(_)) => return answer,
        (Target::Text, Value::Bool(b)) => return Answer::Owned(b.to_string()),
        (Target::Text, Value::Int(i)) => return Answer::Owned(i.to_string()),
        (Target::Text, Value::Float(x)) => return Answer::Owned(x.to_string()),
        (Target::Text, Value::Time(at)) => return Answer::Owned(at.to_string()),
        (Target::Int, Value::Int(i)) => Value::Int(i),
        (Target::Int, Value::Float(x)) => whole(x),
        (Target::Int, Value::Text(text)) => text.trim().parse().map_or(Value::Null, Value::Int),
        (Target::Int, Value::Bool(b)) => Value::Int(i64::from(b)),
        (Target::Float, Value::Int(i)) => Value::Float(i as f64),
        (Target::Float, Value::Float(x)) => Value::Float(x),
        (Target::Float, Value::Text(text)) => text.trim().parse().map_or(Value::Null, Value::Float),
        (Target::Bool, Value::Bool(b)) => Value::Bool(b),
        (Target::Bool, Value::Text(text)) => match text.trim() {
            "true" | "t" | "TRUE" | "True" => Value::Bool(true),
            "false" | "f" | "FALSE" | "False" => Value::Bool(false),
            _ => Value::Null,
        },
        (Target::Bool, Value::Int(i)) => Value::Bool(i != 0),
        (Target::Time(_), Value::Time(at)) => Value::Time(at),
        (Target::Time(zone), Value::Text(text)) => Timestamp::parse(text, zone).map_or(Value::Null, Value::Time),
        _ => Value::Null,
    };
    Answer::Value(known)
}

/// The whole part of a number that fits into 64 bits.
fn whole(x: f64) -> Value<'static> {
    let fits = x > i64::MIN as f64 && x < i64::MAX as f64;
    #[expect(clippy::cast_possible_truncation, reason = "the range was checked, and the fraction is meant to go")]
    if fits { Value::Int(x as i64) } else { Value::Null }
}
