//! OCEL 2.0: customers, and whatever else events were about, as objects.
//!
//! Source: Berti et al., "OCEL (Object-Centric Event Log) 2.0 Specification", 2023.
//!
//! A file of OCEL begins with what is known only at its end (the types, their attributes, all objects), and its ids are
//! unique, while two customers may have events of one id, and orders numbers that are customers' as well. So events wait in
//! a database beside the file ([`Stage`]), on disk: memory follows the types and the ids that clash, and nothing else.

mod json;
mod sqlite;
mod stage;
mod xml;

use std::path::Path;

use serde::Deserialize;

use self::stage::{Event, Stage};
use super::fields::{Field, fields, members};
use super::{Draft, ExportFormat, Out, Row, Write};
use crate::error::Error;

/// The object type of customers.
const CUSTOMER: &str = "customer";

/// What objects of a type of this name are called instead: an event that touches two customers would be two events.
const OTHER_CUSTOMER: &str = "other customer";

/// How OCEL calls what an event has of its own, in the order of [`fields`].
const COLUMNS: [&str; 6] = ["channel", "source", "resource", "department", "case_id", "phase"];

/// What else the columns of the database mean.
const TAKEN: [&str; 2] = ["ocel_id", "ocel_time"];

/// The property in which the import of OCEL keeps what else an event was about.
const OBJECTS: &str = "objects";

/// A member of that property.
#[derive(Deserialize)]
struct Object {
    id: String,
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    qualifier: String,
}

enum Document {
    Json(Out),
    Xml(Out),
    Sqlite(Draft),
}

pub(super) struct OcelOut {
    stage: Stage,
    document: Document,
}

impl OcelOut {
    pub(super) fn new(format: ExportFormat, path: &Path) -> Result<Self, Error> {
        let (document, main) = match format {
            ExportFormat::OcelXml => (Document::Xml(Out::new(path)?), None),
            ExportFormat::OcelSqlite => {
                let draft = Draft::new(path)?;
                let main = draft.path().to_owned();
                (Document::Sqlite(draft), Some(main))
            }
            _ => (Document::Json(Out::new(path)?), None),
        };
        Ok(Self { stage: Stage::new(main.as_deref(), Draft::scratch(path)?)?, document })
    }
}

impl Write for OcelOut {
    fn event(&mut self, row: &Row<'_>) -> Result<(), Error> {
        let objects = members(row.properties).get(OBJECTS).and_then(|json| objects(json.get()));
        let mut own = fields(row, COLUMNS, &TAKEN);
        if objects.is_some() {
            own.retain(|field| field.name != OBJECTS);
        }
        let names = [row.customer, row.key];
        let is_customer = |object: &Object| !row.customer.is_empty() && names.contains(&object.id.as_str());
        let (customer, others): (Vec<_>, Vec<_>) = objects.unwrap_or_default().into_iter().partition(is_customer);
        let qualifier = customer.into_iter().next().map_or_else(String::new, |object| object.qualifier);
        if row.new_customer {
            self.stage.customer(row.customer)?;
        }
        let relations = others.iter().map(|other| {
            let kind = if other.r#type == CUSTOMER { OTHER_CUSTOMER } else { &other.r#type };
            (kind, other.id.as_str(), other.qualifier.as_str())
        });
        self.stage.event(row, &qualifier, &own, relations)
    }

    fn finish(mut self: Box<Self>) -> Result<(), Error> {
        self.stage.settle()?;
        match self.document {
            Document::Json(out) => json::write(&self.stage, out),
            Document::Xml(out) => xml::write(&self.stage, out),
            Document::Sqlite(draft) => {
                sqlite::write(&self.stage)?;
                self.stage.close()?;
                draft.finish()
            }
        }
    }
}

/// What an event was about, if the property says it as the import does.
fn objects(json: &str) -> Option<Vec<Object>> {
    serde_json::from_str(json).ok()
}

/// The attributes of an event as they are declared for its type.
fn declared<'a>(stage: &Stage, event: &'a Event) -> Vec<Field<'a>> {
    let types = &stage.event_types[&event.kind];
    let field = |(name, json): (String, &'a serde_json::value::RawValue)| super::fields::field(name, json.get());
    let mut own: Vec<Field<'a>> = members(Some(&event.attributes)).into_iter().filter_map(field).collect();
    for field in &mut own {
        field.kind = types[field.name.as_ref()];
    }
    own
}
