//! Where events wait until all types and objects are known: a database beside the file, as large as the log.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, params};
use serde_json::Value;

use super::CUSTOMER;
use crate::error::Error;
use crate::export::fields::{Field, Kind};
use crate::export::{Draft, Row};

/// The tables in which everything waits; a file that is not complete is thrown away, so nothing is written twice to be
/// safe. Numbers follow the order of events; `was` is an id as the lake has it.
const TABLES: &str = "
    pragma main.journal_mode = off; pragma main.synchronous = off; pragma main.cache_size = -65536;
    pragma stage.journal_mode = off; pragma stage.synchronous = off; pragma stage.cache_size = -65536;
    create table stage.event (n integer primary key, id text, kind text, at text, customer text, qualifier text,
                              attributes text);
    create table stage.relation (event integer, kind text, was text, qualifier text);
    create table stage.object (kind text, was text, id text);
    begin";

/// Makes ids unique that are not: of those that clash, the first keeps its own. Done again until nothing changes, which
/// ends, because what is changed grows and what it clashes with does not.
const UNIQUE_EVENTS: &str = "update stage.event set id = id || '#' || n
    where exists (select 1 from stage.event o where o.id = event.id and o.n < event.n)";
const UNIQUE_OBJECTS: &str = "update stage.object set id = kind || ':' || id
    where exists (select 1 from stage.object o where o.id = object.id and o.rowid < object.rowid)";

/// All of a log, on disk.
pub(super) struct Stage {
    /// The database to write as `main`, in memory where none is written; what waits as `stage`.
    database: Connection,
    file: Draft,
    /// By type of event: its attributes.
    pub(super) event_types: BTreeMap<String, BTreeMap<String, Kind>>,
    /// Ids of objects that are not what they were, by type and what they were.
    renamed: BTreeMap<(String, String), String>,
    events: i64,
}

/// One event.
pub(super) struct Event {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) at: String,
    /// A JSON object.
    pub(super) attributes: String,
    /// Ids and qualifiers of its objects, the customer first where there is one.
    pub(super) objects: Vec<(String, String)>,
}

impl Stage {
    pub(super) fn new(main: Option<&Path>, file: Draft) -> Result<Self, Error> {
        let database = main.map_or_else(Connection::open_in_memory, Connection::open)?;
        let path = file.path().to_string_lossy();
        database.execute("attach ?1 as stage", [path.as_ref()])?;
        database.execute_batch(TABLES)?;
        Ok(Self { database, file, event_types: BTreeMap::new(), renamed: BTreeMap::new(), events: 0 })
    }

    /// The database, in which everything may be read by SQL.
    pub(super) fn database(&self) -> &Connection {
        &self.database
    }

    /// Takes in a customer.
    pub(super) fn customer(&self, name: &str) -> Result<(), Error> {
        let mut insert = self.database.prepare_cached("insert into stage.object values (?1, ?2, ?2)")?;
        insert.execute([CUSTOMER, name])?;
        Ok(())
    }

    /// Takes in an event, with its attributes and the type, id and qualifier of whatever else it was about.
    pub(super) fn event<'a>(
        &mut self,
        row: &Row<'_>,
        qualifier: &str,
        own: &[Field<'_>],
        others: impl Iterator<Item = (&'a str, &'a str, &'a str)>,
    ) -> Result<(), Error> {
        self.events += 1;
        if !self.event_types.contains_key(row.event) {
            self.event_types.insert(row.event.to_owned(), BTreeMap::new());
        }
        let kinds = self.event_types.get_mut(row.event).expect("it is there now");
        let mut attributes = String::from("{");
        for field in own {
            match kinds.get_mut(field.name.as_ref()) {
                Some(kind) => *kind = kind.with(field.kind),
                None => drop(kinds.insert(field.name.clone().into_owned(), field.kind)),
            }
            let text = |text: &str| Value::from(text).to_string();
            let value = if field.kind == Kind::Text { text(&field.value) } else { field.value.clone().into_owned() };
            attributes.push_str(if attributes.len() > 1 { "," } else { "" });
            attributes.push_str(&text(&field.name));
            attributes.push(':');
            attributes.push_str(&value);
        }
        attributes.push('}');
        let mut event = self.database.prepare_cached("insert into stage.event values (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
        let at = row.at.to_string();
        let customer = (!row.customer.is_empty()).then_some(row.customer);
        event.execute(params![self.events, row.message_id, row.event, at, customer, qualifier, attributes])?;
        let mut relation = self.database.prepare_cached("insert into stage.relation values (?1, ?2, ?3, ?4)")?;
        for (kind, id, qualifier) in others {
            relation.execute(params![self.events, kind, id, qualifier])?;
        }
        Ok(())
    }

    /// All is there: gives every event and every object an id of its own.
    pub(super) fn settle(&mut self) -> Result<(), Error> {
        let database = &self.database;
        database.execute_batch(
            "create index stage.event_id on event (id);
             insert into stage.object select distinct kind, was, was from stage.relation;
             create index stage.object_id on object (id);",
        )?;
        for unique in [UNIQUE_EVENTS, UNIQUE_OBJECTS] {
            while database.execute(unique, [])? > 0 {}
        }
        let mut renamed = database.prepare("select kind, was, id from stage.object where id <> was")?;
        let renamed = renamed.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?;
        self.renamed = renamed.collect::<Result<_, _>>()?;
        Ok(())
    }

    /// The types of objects.
    pub(super) fn object_types(&self) -> Result<Vec<String>, Error> {
        let mut kinds = self.database.prepare("select distinct kind from stage.object order by 1")?;
        Ok(kinds.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// Hands out every object, as (id, type).
    pub(super) fn each_object(&self, mut each: impl FnMut(&str, &str) -> Result<(), Error>) -> Result<(), Error> {
        let mut objects = self.database.prepare("select id, kind from stage.object order by rowid")?;
        let mut rows = objects.query([])?;
        while let Some(row) = rows.next()? {
            each(row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?)?;
        }
        Ok(())
    }

    /// Hands out every event, in order.
    pub(super) fn each_event(&self, mut each: impl FnMut(&Event) -> Result<(), Error>) -> Result<(), Error> {
        let mut relations =
            self.database.prepare("select event, kind, was, qualifier from stage.relation order by rowid")?;
        let mut relations = relations.query([])?;
        let mut relation = relations.next()?;
        let mut events = self.database.prepare("select * from stage.event order by n")?;
        let mut rows = events.query([])?;
        while let Some(row) = rows.next()? {
            let n: i64 = row.get(0)?;
            let customer: Option<String> = row.get(4)?;
            let mut objects: Vec<(String, String)> = Vec::new();
            if let Some(customer) = customer {
                objects.push((customer, row.get(5)?));
            }
            while let Some(other) = relation.filter(|other| other.get(0).is_ok_and(|event: i64| event == n)) {
                let key: (String, String) = (other.get(1)?, other.get(2)?);
                let id = self.renamed.get(&key).cloned().unwrap_or(key.1);
                objects.push((id, other.get(3)?));
                relation = relations.next()?;
            }
            each(&Event { id: row.get(1)?, kind: row.get(2)?, at: row.get(3)?, attributes: row.get(6)?, objects })?;
        }
        Ok(())
    }

    /// Ends it, so that what was written to `main` is complete.
    pub(super) fn close(self) -> Result<(), Error> {
        let Self { database, file, .. } = self;
        database.execute_batch("commit")?;
        database.close().map_err(|(_, error)| error)?;
        drop(file);
        Ok(())
    }
}
