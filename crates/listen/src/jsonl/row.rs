//! One JSON object as a row of cells.

use std::borrow::Cow;

use crate::cell::Cell;
use crate::json::{self, Members};

/// Where the values of the columns are: texts that had escapes have been written out.
#[derive(Debug)]
pub(super) struct Row<'o> {
    values: Vec<Value<'o>>,
    /// For each member of the object, whether it is a column.
    known: Vec<bool>,
}

#[derive(Debug)]
enum Value<'o> {
    Absent,
    Json(&'o str),
    Text(Cow<'o, str>),
}

impl<'o> Row<'o> {
    pub(super) fn of(object: &Members<'o>, columns: &[String]) -> Self {
        let mut known = vec![false; object.0.len()];
        let values = columns.iter().enumerate().map(|(at, column)| {
            // Objects of one file mostly have their members in the same order.
            let is_it = |member: &(Cow<'o, str>, &'o str)| member.0 == *column;
            let position = match object.0.get(at) {
                Some(member) if is_it(member) => Some(at),
                _ => object.0.iter().rposition(is_it),
            };
            let value = match position {
                Some(position) => {
                    known[position] = true;
                    Some(object.0[position].1)
                }
                None => nested(object, column),
            };
            match value {
                None => Value::Absent,
                Some(value) => json::text(value).map_or(Value::Json(value), Value::Text),
            }
        });
        Self { values: values.collect(), known }
    }

    pub(super) fn cells(&self) -> Vec<Cell<'_>> {
        let cell = |value| match value {
            &Value::Absent => Cell::Empty,
            Value::Text(text) => Cell::Text(text),
            Value::Json(json) => scalar(json),
        };
        self.values.iter().map(cell).collect()
    }

    /// Writes the members that are no columns, as members of an object that is being written.
    pub(super) fn write_others(&self, object: &Members<'_>, out: &mut String) {
        for ((name, value), known) in object.0.iter().zip(&self.known) {
            if !known && *value != "null" {
                json::push_name(out, name);
                out.push_str(value);
            }
        }
    }
}

/// A value inside nested objects, by its path: `user.id`.
fn nested<'o>(object: &Members<'o>, path: &str) -> Option<&'o str> {
    let (first, rest) = path.split_once('.')?;
    let inner = Members::parse(object.get(first)?).ok()?;
    inner.get(rest).or_else(|| nested(&inner, rest))
}

/// A JSON value that is no string, as a cell.
fn scalar(json: &str) -> Cell<'_> {
    match json {
        "null" => Cell::Empty,
        "true" => Cell::Bool(true),
        "false" => Cell::Bool(false),
        _ if json.starts_with(['{', '[']) => Cell::Json(json),
        number => match (number.parse::<i64>(), number.parse::<f64>()) {
            (Ok(whole), _) => Cell::Int(whole),
            // Digits that a float would lose make an identifier.
            (_, Ok(float)) if float.is_finite() && number.contains(['.', 'e', 'E']) => Cell::Float(float),
            _ => Cell::Text(number),
        },
    }
}
