//! Which members properties and traits have: for conditions that name one that no event has.

use std::collections::BTreeSet;

use arrow::array::AsArray;
use charter::{Answer, json_path};
use event::{Column, Value};

use crate::error::Error;
use crate::lens::column_of;
use crate::limits::{BATCH_ROWS, NAMED_ROWS};
use crate::open_file::OpenFile;
use crate::run_file::read_run;
use crate::store::Lake;

/// A property or trait that no event has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// The property or trait.
    pub column: Column,
    /// What there is in its place.
    pub others: BTreeSet<String>,
}

impl Lake {
    /// Those of these properties and traits that no event has a value for; other columns are passed over. Stops reading as
    /// soon as each has been found.
    ///
    /// # Errors
    /// When the log or an event file cannot be read.
    pub async fn unknown_members(&self, columns: &[Column]) -> Result<Vec<Unknown>, Error> {
        let files = self.settled(async |lake| {
            let files = lake.events.files().await?;
            files.iter().map(|file| OpenFile::open(&lake.events.root().join(&file.path))).collect::<Result<Vec<_>, _>>()
        });
        let files = files.await?;
        let members = columns.iter().filter(|column| path_of(column).is_some());
        let mut unknown: Vec<Unknown> =
            members.map(|column| Unknown { column: column.clone(), others: BTreeSet::new() }).collect();
        let mut rows = 0;
        for file in files {
            let mut wanted: Vec<usize> = unknown.iter().map(|one| column_of(&one.column)).collect();
            wanted.sort_unstable();
            wanted.dedup();
            if wanted.is_empty() {
                break;
            }
            for batch in read_run(&file, &wanted, false, BATCH_ROWS)? {
                let batch = batch?;
                unknown.retain_mut(|one| {
                    let at = wanted.binary_search(&column_of(&one.column)).expect("all that is unknown is read");
                    let texts = batch.column(at).as_string::<i32>();
                    !texts.iter().enumerate().any(|(n, text)| one.is_in(text, rows + n < NAMED_ROWS))
                });
                rows += batch.num_rows();
            }
        }
        Ok(unknown)
    }
}

impl Unknown {
    /// Whether it has a value in this JSON object; where not, learns what there is instead.
    fn is_in(&mut self, object: Option<&str>, learn: bool) -> bool {
        let (Some(path), Some(text)) = (path_of(&self.column), object) else { return false };
        if !matches!(json_path(Some(text), path), Answer::Value(Value::Null)) {
            return true;
        }
        if learn && let Ok(value) = serde_json::from_str::<serde_json::Value>(text) {
            let parent = path.iter().take(path.len() - 1).try_fold(&value, |value, name| value.get(name));
            let names = parent.and_then(serde_json::Value::as_object).into_iter().flat_map(serde_json::Map::keys);
            // Most events of a kind have the same names, so hardly any is new.
            for name in names.filter(|name| name.as_str() != path[path.len() - 1]) {
                if !self.others.contains(name) {
                    self.others.insert(name.clone());
                }
            }
        }
        false
    }
}

/// The path of a property or trait.
fn path_of(column: &Column) -> Option<&[String]> {
    match column {
        Column::Property(path) | Column::Trait(path) if !path.is_empty() => Some(path),
        _ => None,
    }
}
