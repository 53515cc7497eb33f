//! What there is to ask about, for a name that no event knows.

use std::collections::BTreeSet;

use arrow::array::{Array, AsArray};
use event::{Column, similar};

use super::Of;
use super::about::Mentioned;
use crate::error::Error;
use crate::limits::{BATCH_ROWS, NAMED_ROWS};
use crate::run_file::read_run;
use crate::scan::Projection;
use crate::store::Lake;

/// The columns whose values may have journeys, besides members of properties and traits.
const COLUMNS: [&str; 6] = ["case_id", "channel", "department", "phase", "resource", "source"];

/// What events name.
#[derive(Default)]
struct Known {
    types: BTreeSet<String>,
    kinds: BTreeSet<String>,
    columns: BTreeSet<&'static str>,
}

impl Lake {
    /// The error for a name of which there is nothing.
    pub(super) async fn nothing_of(&self, of: &Of) -> Result<Error, Error> {
        let name = &of.name;
        if let Some(column @ (Column::Property(_) | Column::Trait(_))) = &of.column {
            let unknown = self.unknown_members(std::slice::from_ref(column)).await?;
            let others: BTreeSet<String> = unknown.into_iter().flat_map(|one| one.others).collect();
            let (parent, last) = name.rsplit_once('.').unwrap_or(("", name));
            let near = similar(last, others.iter().map(String::as_str));
            let near: Vec<String> = near.into_iter().map(|near| format!("{parent}.{near}")).collect();
            let hint = hint(&near, &[(parent, others.iter().map(String::as_str).collect())]);
            return Ok(Error::NotFound { what: format!("no event has a value in `{name}`: {hint}") });
        }
        let Known { types, kinds, columns } = self.known().await?;
        let all = types.iter().chain(&kinds).map(String::as_str).chain(columns.iter().copied());
        let near = similar(name, all);
        let lists = [
            ("objects", types.iter().map(String::as_str).collect()),
            ("keys", kinds.iter().map(String::as_str).collect()),
            ("columns", columns.into_iter().collect()),
        ];
        let hint = hint(&near, &lists);
        Ok(Error::NotFound { what: format!("no event has an object, a key or a column `{name}`: {hint}") })
    }

    /// All types of objects; kinds of keys and columns as the first events of each file have them.
    async fn known(&self) -> Result<Known, Error> {
        let mut names = vec!["keys", "properties"];
        names.extend(COLUMNS);
        let projection = Projection { columns: Vec::new(), dictionaries: false }.with(&names);
        let mut known = Known::default();
        for file in self.event_files().await? {
            let mut rows = 0;
            for batch in read_run(&file, &projection.columns, false, BATCH_ROWS)? {
                let batch = batch?;
                let column = |name: &str| batch.column(projection.position(name)).as_string::<i32>();
                column("properties").iter().flatten().for_each(|properties| known.learn_types(properties));
                if rows < NAMED_ROWS {
                    column("keys").iter().flatten().for_each(|keys| known.learn_kinds(keys));
                    known.columns.extend(COLUMNS.iter().filter(|name| column(name).null_count() < batch.num_rows()));
                }
                rows += batch.num_rows();
            }
        }
        Ok(known)
    }
}

impl Known {
    fn learn_types(&mut self, properties: &str) {
        #[derive(serde::Deserialize)]
        struct About<'a> {
            #[serde(borrow)]
            objects: Vec<Mentioned<'a>>,
        }
        if !properties.contains("\"objects\"") {
            return;
        }
        // Properties of another shape have no objects as OCEL means them.
        let Ok(About { objects }) = serde_json::from_str(properties) else { return };
        for object in objects {
            if !object.r#type.is_empty() && !self.types.contains(object.r#type.as_ref()) {
                self.types.insert(object.r#type.into_owned());
            }
        }
    }

    fn learn_kinds(&mut self, keys: &str) {
        let keys: serde_json::Map<String, serde_json::Value> = serde_json::from_str(keys).unwrap_or_default();
        for (kind, _) in keys {
            self.kinds.insert(kind);
        }
    }
}

/// What may have been meant, or else all that there is.
fn hint(near: &[String], lists: &[(&str, Vec<&str>)]) -> String {
    if !near.is_empty() {
        return format!("did you mean `{}`?", near.join("`, `"));
    }
    let lists = lists.iter().filter(|(_, names)| !names.is_empty());
    let lists: Vec<String> = lists.map(|(what, names)| format!("the {what} {}", names.join(", "))).collect();
    if lists.is_empty() { "there are none".to_owned() } else { format!("there are {}", lists.join("; ")) }
}
