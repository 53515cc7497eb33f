//! The tables of the lake, as Delta and Arrow see them.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use deltalake_core::kernel::{DataType as DeltaType, PrimitiveType, StructField};

/// Column types that the lake uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Long,
    Time,
    Text,
    Flag,
    Int,
}

/// A column: its name, its type and whether a value may be missing.
pub(crate) type Column = (&'static str, Type, bool);

/// The name of the partition column of the events table.
pub(crate) const BUCKET: &str = "bucket";

/// One row an event. `bucket`, the partition column, is not in the files.
pub(crate) const EVENTS: &[Column] = &[
    ("customer", Type::Long, false),
    ("at", Type::Time, false),
    ("seq", Type::Long, false),
    ("event", Type::Text, false),
    ("channel", Type::Text, true),
    ("source", Type::Text, true),
    ("message_id", Type::Text, false),
    ("keys", Type::Text, false),
    ("resource", Type::Text, true),
    ("department", Type::Text, true),
    ("case_id", Type::Text, true),
    ("phase", Type::Text, true),
    ("properties", Type::Text, true),
    ("traits", Type::Text, true),
    ("received_at", Type::Time, true),
];

/// One row a key: its own number, and the customer under which its events are filed.
pub(crate) const CUSTOMERS: &[Column] = &[
    ("number", Type::Long, false),
    ("kind", Type::Text, false),
    ("value", Type::Text, false),
    ("customer", Type::Long, false),
];

/// One row a piece of evidence that two keys are one customer's, or (`undo`) that they are not.
pub(crate) const LINKS: &[Column] = &[
    ("at", Type::Time, false),
    ("kind", Type::Text, false),
    ("value", Type::Text, false),
    ("other_kind", Type::Text, false),
    ("other_value", Type::Text, false),
    ("undo", Type::Flag, false),
];

/// The time zone of all times, as Delta wants it.
pub(crate) fn utc() -> Arc<str> {
    "UTC".into()
}

/// The Arrow schema of these columns.
pub(crate) fn arrow_schema(columns: &[Column]) -> SchemaRef {
    let field = |(name, kind, nullable): &Column| {
        let kind = match kind {
            Type::Long => DataType::Int64,
            Type::Int => DataType::Int32,
            Type::Time => DataType::Timestamp(TimeUnit::Microsecond, Some(utc())),
            Type::Text => DataType::Utf8,
            Type::Flag => DataType::Boolean,
        };
        Field::new(*name, kind, *nullable)
    };
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

/// The same columns for the Delta log.
pub(crate) fn delta_columns(columns: &[Column]) -> Vec<StructField> {
    let field = |(name, kind, nullable): &Column| {
        let kind = match kind {
            Type::Long => PrimitiveType::Long,
            Type::Int => PrimitiveType::Integer,
            Type::Time => PrimitiveType::Timestamp,
            Type::Text => PrimitiveType::String,
            Type::Flag => PrimitiveType::Boolean,
        };
        StructField::new((*name).to_owned(), DeltaType::Primitive(kind), *nullable)
    };
    columns.iter().map(field).collect()
}

/// Where a column of the events table is, by name.
pub(crate) fn event_column(name: &str) -> usize {
    EVENTS.iter().position(|(column, ..)| *column == name).expect("only columns of the table are asked for")
}
