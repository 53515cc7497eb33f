//! OCEL as an `SQLite` database: version 2.0 with a table for each type, version 1.0 with three tables.
//!
//! The database is opened in memory, from the bytes that were read.

use std::borrow::Cow;
use std::io::Read;

use hashbrown::HashMap;
use rapidhash::fast::RandomState;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use crate::cell::Cell;
use crate::json;
use crate::plan::{Plan, ReadError};
use crate::sink::{Reason, Sink, Summary};

use super::{Emitter, Found, Objects, hold};

/// Reads a file of OCEL 2.0 or 1.0; events come in the order of their times.
pub(crate) fn read_sqlite(input: impl Read, plan: &Plan, sink: &mut dyn Sink) -> Result<Summary, ReadError> {
    let bytes = hold(input)?;
    let mut database = Connection::open_in_memory().map_err(not_readable)?;
    database.deserialize_read_exact("main", bytes.as_slice(), bytes.len(), true).map_err(not_readable)?;
    check_names(&database)?;
    let new = has_table(&database, "event_object")?;
    if !new && !has_table(&database, "RELATIONS")? {
        let what = "this SQLite database is not OCEL: it has neither a table event_object (2.0) nor RELATIONS (1.0)";
        return Err(ReadError::NotReadable { what: what.to_owned() });
    }
    let objects = if new { objects(&database)? } else { objects_1(&database)? };
    let events = if new { events(&database)? } else { events_1(&database)? };
    let mut relations = relations(&database, new)?;
    let mut emitter = Emitter::new(&objects, plan, sink)?;
    for mut event in events {
        // The relations are in the order of their events' ids; those of each event keep theirs.
        event.objects = relations.remove(event.id.as_ref()).unwrap_or_default();
        let raw = || format!("{}|{}|{}|{}", event.id, event.name, event.time, event.attributes).into_bytes();
        emitter.take(&event, &raw)?;
    }
    for (id, objects) in &relations {
        let detail = format!("the event `{id}` has objects ({}), and is not in the file", objects.len());
        emitter.reject(Reason::DanglingReference, &detail, &|| id.as_bytes().to_vec())?;
    }
    Ok(emitter.finish())
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err takes")]
fn not_readable(error: rusqlite::Error) -> ReadError {
    ReadError::NotReadable { what: format!("this SQLite database cannot be read as OCEL: {error}") }
}

/// Refuses a database whose tables have names that are no text, because asking for such a name panics.
fn check_names(database: &Connection) -> Result<(), ReadError> {
    let mut all_text = true;
    each(database, "select name, sql from sqlite_master", |row| {
        for at in 0..2 {
            if let Ok(ValueRef::Text(bytes) | ValueRef::Blob(bytes)) = row.get_ref(at) {
                all_text &= std::str::from_utf8(bytes).is_ok();
            }
        }
    })?;
    let what = "this SQLite database is damaged: names of its tables or columns are not UTF-8".to_owned();
    if all_text { Ok(()) } else { Err(ReadError::NotReadable { what }) }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn has_table(database: &Connection, name: &str) -> Result<bool, ReadError> {
    let query = "select count(*) from sqlite_master where type in ('table', 'view') and name = ?1";
    database.query_row(query, [name], |row| row.get::<_, i64>(0)).map(|count| count > 0).map_err(not_readable)
}

/// Hands every row of a query to `take`.
fn each(database: &Connection, query: &str, mut take: impl FnMut(&Row<'_>)) -> Result<(), ReadError> {
    let mut statement = database.prepare(query).map_err(not_readable)?;
    let mut rows = statement.query([]).map_err(not_readable)?;
    while let Some(row) = rows.next().map_err(not_readable)? {
        take(row);
    }
    Ok(())
}

/// A value as text, whatever its type.
fn text(row: &Row<'_>, column: &str) -> String {
    let index = row.as_ref().column_index(column);
    index.map(|at| value(row, at, written)).unwrap_or_default()
}

fn written(cell: Cell<'_>) -> String {
    let mut text = String::new();
    cell.write_text(&mut text);
    text
}

fn value<T>(row: &Row<'_>, at: usize, with: impl FnOnce(Cell<'_>) -> T) -> T {
    match row.get_ref(at) {
        Ok(ValueRef::Integer(number)) => with(Cell::Int(number)),
        Ok(ValueRef::Real(number)) => with(Cell::Float(number)),
        Ok(ValueRef::Text(bytes) | ValueRef::Blob(bytes)) => with(Cell::Text(&String::from_utf8_lossy(bytes))),
        Ok(ValueRef::Null) | Err(_) => with(Cell::Empty),
    }
}

/// The columns of a table that are declared as truths; the database itself knows only 0 and 1.
fn truths(database: &Connection, table: &str) -> Result<Vec<String>, ReadError> {
    let mut names = Vec::new();
    let query = "select name from pragma_table_info(?1) where type in ('boolean', 'bool') collate nocase";
    let mut statement = database.prepare(query).map_err(not_readable)?;
    let mut rows = statement.query([table]).map_err(not_readable)?;
    while let Some(row) = rows.next().map_err(not_readable)? {
        names.push(text(row, "name"));
    }
    Ok(names)
}

/// The attributes of an event: every column that has no other meaning.
fn attributes(row: &Row<'_>, except: &[&str], truths: &[String]) -> String {
    let mut out = String::new();
    for (at, name) in row.as_ref().column_names().into_iter().enumerate() {
        if !except.contains(&name) {
            value(row, at, |cell| {
                if !cell.is_empty() {
                    json::push_name(&mut out, name);
                    match cell {
                        Cell::Int(number @ (0 | 1)) if truths.iter().any(|truth| truth == name) => {
                            out.push_str(if number == 1 { "true" } else { "false" });
                        }
                        cell => cell.write_json(&mut out),
                    }
                }
            });
        }
    }
    out
}

/// The types and the tables in which their events or objects are.
fn types(database: &Connection, of: &str) -> Result<Vec<(String, String)>, ReadError> {
    let mut types = Vec::new();
    let query = format!("select ocel_type, ocel_type_map from {of}_map_type order by 1");
    each(database, &query, |row| types.push((text(row, "ocel_type"), format!("{of}_{}", text(row, "ocel_type_map")))))?;
    Ok(types)
}

fn objects(database: &Connection) -> Result<Objects<'static>, ReadError> {
    let mut objects = Objects::default();
    each(database, "select ocel_id, ocel_type from object order by rowid", |row| {
        objects.add(text(row, "ocel_id").into(), text(row, "ocel_type").into());
    })?;
    for (_, table) in types(database, "object")? {
        let meaning = ["ocel_id", "ocel_time", "ocel_changed_field"];
        let mut with = std::collections::BTreeSet::new();
        each(database, &format!("select * from {}", quoted(&table)), |row| {
            if !attributes(row, &meaning, &[]).is_empty() {
                with.insert(text(row, "ocel_id"));
            }
        })?;
        objects.with_attributes += with.len() as u64;
    }
    Ok(objects)
}

fn objects_1(database: &Connection) -> Result<Objects<'static>, ReadError> {
    let mut objects = Objects::default();
    each(database, "select * from OBJECTS order by rowid", |row| {
        objects.with_attributes += u64::from(!attributes(row, &["ocel:oid", "ocel:type"], &[]).is_empty());
        objects.add(text(row, "ocel:oid").into(), text(row, "ocel:type").into());
    })?;
    Ok(objects)
}

fn events(database: &Connection) -> Result<Vec<Found<'static>>, ReadError> {
    let mut listed: Vec<(String, String)> = Vec::new();
    each(database, "select ocel_id, ocel_type from event order by rowid", |row| {
        listed.push((text(row, "ocel_id"), text(row, "ocel_type")));
    })?;
    let mut order: HashMap<String, usize, RandomState> = HashMap::default();
    order.extend(listed.iter().enumerate().map(|(at, (id, _))| (id.clone(), at)));
    let mut events: Vec<Found<'static>> = Vec::new();
    let mut described = vec![false; listed.len()];
    for (name, table) in types(database, "event")? {
        let truths = truths(database, &table)?;
        each(database, &format!("select * from {}", quoted(&table)), |row| {
            let id = text(row, "ocel_id");
            if let Some(at) = order.get(&id) {
                described[*at] = true;
            }
            events.push(Found {
                id: id.into(),
                name: name.clone().into(),
                time: text(row, "ocel_time").into(),
                objects: Vec::new(),
                attributes: attributes(row, &["ocel_id", "ocel_time"], &truths),
            });
        })?;
    }
    // An event that is listed and nowhere described has no time; it is rejected for that, not passed over.
    for ((id, name), _) in listed.iter().zip(&described).filter(|(_, described)| !**described) {
        events.push(Found { id: id.clone().into(), name: name.clone().into(), ..Found::default() });
    }
    // The tables of the types tell nothing about the order between types; the table of all events does.
    events
        .sort_by_cached_key(|event| (event.time.clone(), order.get(event.id.as_ref()).copied().unwrap_or(usize::MAX)));
    Ok(events)
}

fn events_1(database: &Connection) -> Result<Vec<Found<'static>>, ReadError> {
    let mut events = Vec::new();
    each(database, "select * from EVENTS order by \"ocel:timestamp\", rowid", |row| {
        events.push(Found {
            id: text(row, "ocel:eid").into(),
            name: text(row, "ocel:activity").into(),
            time: text(row, "ocel:timestamp").into(),
            objects: Vec::new(),
            attributes: attributes(row, &["ocel:eid", "ocel:timestamp", "ocel:activity"], &[]),
        });
    })?;
    Ok(events)
}

type Relations = std::collections::BTreeMap<String, Vec<(Cow<'static, str>, Cow<'static, str>)>>;

/// The objects of each event, by its id.
fn relations(database: &Connection, new: bool) -> Result<Relations, ReadError> {
    let mut relations = Relations::new();
    let (query, event, object, qualifier) = if new {
        ("select * from event_object order by rowid", "ocel_event_id", "ocel_object_id", "ocel_qualifier")
    } else {
        ("select * from RELATIONS order by rowid", "ocel:eid", "ocel:oid", "ocel:qualifier")
    };
    each(database, query, |row| {
        let relation = (text(row, object).into(), text(row, qualifier).into());
        relations.entry(text(row, event)).or_default().push(relation);
    })?;
    Ok(relations)
}
