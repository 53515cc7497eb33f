//! OCEL as an `SQLite` database: a table for each type, with a column for each attribute.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::declared;
use super::stage::Stage;
use crate::error::Error;
use crate::export::fields::Kind;
use crate::limits::SQLITE_COLUMNS_MAX;

const TABLES: &str = "
    create table main.event_map_type (ocel_type text primary key, ocel_type_map text);
    create table main.object_map_type (ocel_type text primary key, ocel_type_map text);
    create table main.event (ocel_id text primary key, ocel_type text references event_map_type (ocel_type));
    create table main.object (ocel_id text primary key, ocel_type text references object_map_type (ocel_type));
    create table main.event_object (
        ocel_event_id text references event (ocel_id), ocel_object_id text references object (ocel_id),
        ocel_qualifier text, primary key (ocel_event_id, ocel_object_id, ocel_qualifier));
    create table main.object_object (
        ocel_source_id text references object (ocel_id), ocel_target_id text references object (ocel_id),
        ocel_qualifier text, primary key (ocel_source_id, ocel_target_id, ocel_qualifier));";

/// Writes the log into the stage's main database.
pub(super) fn write(stage: &Stage) -> Result<(), Error> {
    let database = stage.database();
    database.execute_batch(TABLES)?;
    for (kind, table) in tables(database, "object", stage.object_types()?)? {
        database.execute_batch(&format!(
            "create table main.{table} (ocel_id text primary key references object (ocel_id),
                 ocel_time TIMESTAMP, ocel_changed_field text)"
        ))?;
        let objects = "from stage.object where kind = ?1 order by rowid";
        database.execute(&format!("insert into main.object select id, kind {objects}"), [&kind])?;
        let times = "'1970-01-01T00:00:00Z', null";
        database.execute(&format!("insert into main.{table} select id, {times} {objects}"), [&kind])?;
    }
    let inserts = event_tables(stage)?;
    let mut event_row = database.prepare("insert into main.event values (?1, ?2)")?;
    // One object may be named twice by an event; the table has room for one.
    let mut relation = database.prepare("insert or ignore into main.event_object values (?1, ?2, ?3)")?;
    stage.each_event(|event| {
        event_row.execute([&event.id, &event.kind])?;
        let (insert, places) = &inserts[&event.kind];
        let mut values = vec![Value::Null; places.len() + 2];
        values[0] = Value::Text(event.id.clone());
        values[1] = Value::Text(event.at.clone());
        for field in declared(stage, event) {
            values[places[field.name.as_ref()]] = value(field.kind, field.value.into_owned());
        }
        database.prepare_cached(insert)?.execute(params_from_iter(values))?;
        for (id, qualifier) in &event.objects {
            relation.execute([&event.id, id, qualifier])?;
        }
        Ok(())
    })
}

/// A value as the database has it; a number that it has no room for stays a text.
fn value(kind: Kind, text: String) -> Value {
    let number = match kind {
        Kind::Integer => text.parse().map(Value::Integer).ok(),
        Kind::Float => text.parse().ok().filter(|number: &f64| number.is_finite()).map(Value::Real),
        Kind::Truth => Some(Value::Integer(i64::from(text == "true"))),
        Kind::Text => None,
    };
    number.unwrap_or(Value::Text(text))
}

/// By type: how an event is put into its table, and the place of each attribute.
type Inserts = BTreeMap<String, (String, BTreeMap<String, usize>)>;

/// Makes the tables of events.
fn event_tables(stage: &Stage) -> Result<Inserts, Error> {
    let database = stage.database();
    let mut inserts = Inserts::new();
    for (kind, table) in tables(database, "event", stage.event_types.keys().cloned().collect())? {
        let own = &stage.event_types[&kind];
        if own.len() + 2 > SQLITE_COLUMNS_MAX {
            let what = format!(
                "events `{kind}` have {} attributes, and a table of SQLite has at most {SQLITE_COLUMNS_MAX} columns: \
                 export to .jsonocel or .xmlocel",
                own.len()
            );
            return Err(Error::Invalid { what });
        }
        let mut names = Distinct::new(["ocel_id", "ocel_time"]);
        let mut columns = "ocel_id text primary key references event (ocel_id), ocel_time TIMESTAMP".to_owned();
        for (name, attribute) in own {
            let column = quoted(&names.of(name));
            let _ = write!(columns, ", {column} {}", column_type(*attribute));
        }
        database.execute_batch(&format!("create table main.{table} ({columns})"))?;
        let marks = vec!["?"; own.len() + 2].join(",");
        let places = own.keys().cloned().zip(2..).collect();
        inserts.insert(kind, (format!("insert into main.{table} values ({marks})"), places));
    }
    Ok(inserts)
}

fn column_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Integer => "integer",
        Kind::Float => "real",
        Kind::Truth => "boolean",
        Kind::Text => "text",
    }
}

/// Names the table of each type, and writes down which is whose.
fn tables(database: &Connection, of: &str, kinds: Vec<String>) -> Result<Vec<(String, String)>, Error> {
    // The names of the tables that every log has.
    let mut names = Distinct::new(["map_type", "object"]);
    let mut tables = Vec::new();
    for kind in kinds {
        let plain: String = kind.chars().filter(char::is_ascii_alphanumeric).collect();
        let map = names.of(if plain.is_empty() { "type" } else { &plain });
        database.execute(&format!("insert into main.{of}_map_type values (?1, ?2)"), [&kind, &map])?;
        tables.push((kind, format!("{of}_{map}")));
    }
    Ok(tables)
}

/// Names that differ also for a database, to which small and capital letters are one.
struct Distinct(BTreeSet<String>);

impl Distinct {
    fn new<const N: usize>(taken: [&str; N]) -> Self {
        Self(taken.map(str::to_owned).into())
    }

    /// The name, or with a number behind it where it is taken.
    fn of(&mut self, name: &str) -> String {
        let numbered = (2u64..).map(|n| format!("{name}_{n}"));
        let mut all = std::iter::once(name.to_owned()).chain(numbered);
        all.find(|name| self.0.insert(name.to_ascii_lowercase())).expect("numbers do not end")
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
