//! SQL over everything, by `DataFusion`: the tables of the lake as they are read by folds, so that both see the same rows.

mod events;
mod json_get;

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::{Int64Type, SchemaRef};
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;
use datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};
use listen::stitch::Rules;

use crate::error::Error;
use crate::identity::read_all;
use crate::lens::Seen;
use crate::scan::Rerouted;
use crate::schema::arrow_schema;
use crate::sql::events::Events;
use crate::store::{EVIDENCE, KEYS, Lake};

/// What a query gave.
#[derive(Debug, Clone)]
pub struct Rows {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The values as text, row by row; `None` is NULL.
    pub rows: Vec<Vec<Option<String>>>,
    batches: Vec<RecordBatch>,
}

impl Rows {
    /// The rows as JSON objects, with numbers as numbers.
    ///
    /// # Errors
    /// When a column has a type that JSON cannot show.
    pub fn json(&self) -> Result<String, Error> {
        let mut writer = arrow::json::ArrayWriter::new(Vec::new());
        self.batches.iter().try_for_each(|batch| writer.write(batch))?;
        writer.finish()?;
        let text = String::from_utf8(writer.into_inner()).expect("JSON is UTF-8");
        Ok(if text.is_empty() { "[]".to_owned() } else { text })
    }
}

impl Lake {
    /// Runs a query over the tables `events`, `customers` and `links`. The columns `moment` and `stage` of an event say what the
    /// first of `moments` is that it is, or its name where there are none; `json_get(properties, 'a.b')`, or
    /// `properties->>'a.b'`, is a member of what is kept as JSON. It only reads: whatever would write or open a file, or
    /// change what the tables are, is refused before anything of it is carried out.
    ///
    /// # Errors
    /// When it is no SQL, is no question, names what does not exist, or a file cannot be read.
    pub async fn sql(&self, query: &str, rules: &Rules, moments: &[Seen]) -> Result<Rows, Error> {
        let context = self.session(rules, moments).await?;
        let plan = context.state().create_logical_plan(query).await.map_err(|error| unknown_table(error, &context))?;
        let only_reads = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        only_reads.verify_plan(&plan).map_err(|refused| Error::Invalid {
            what: format!("SQL only reads the lake here: write one SELECT ({})", refused.message()),
        })?;
        let frame = context.execute_logical_plan(plan).await?;
        let schema = SchemaRef::clone(frame.schema().inner());
        let batches = frame.collect().await?;
        let columns = schema.fields().iter().map(|field| field.name().clone()).collect();
        let mut rows = Vec::new();
        for batch in &batches {
            let options = arrow::util::display::FormatOptions::default();
            let formatters = batch
                .columns()
                .iter()
                .map(|column| arrow::util::display::ArrayFormatter::try_new(column, &options))
                .collect::<Result<Vec<_>, _>>()?;
            for row in 0..batch.num_rows() {
                let value =
                    |(column, formatter): (&arrow::array::ArrayRef, &arrow::util::display::ArrayFormatter<'_>)| {
                        column.is_valid(row).then(|| formatter.value(row).to_string())
                    };
                rows.push(batch.columns().iter().zip(&formatters).map(value).collect());
            }
        }
        Ok(Rows { columns, rows, batches })
    }

    async fn session(&self, rules: &Rules, moments: &[Seen]) -> Result<SessionContext, Error> {
        let context = SessionContext::new_with_config(SessionConfig::new().with_information_schema(true));
        json_get::register(&context)?;
        let taken = self.settled(async |lake| {
            let mut tables = Vec::new();
            for which in [KEYS, EVIDENCE] {
                tables.push((which, read_all(lake.identity_table(which).await?.as_ref()).await?));
            }
            Ok((lake.parts(rules).await?, tables))
        });
        let ((parts, rerouted), tables) = taken.await?;
        let (parts, rerouted) = (Arc::new(parts), rerouted.map(Arc::new));
        let events = Events { parts, rerouted: rerouted.clone(), moments: moments.into() };
        context.register_table("events", Arc::new(events))?;
        for (which, batches) in tables {
            let schema = arrow_schema(which.columns);
            let as_now = |batch: RecordBatch| {
                let mut columns = batch.columns().to_vec();
                if let Some(rerouted) = rerouted.as_ref().filter(|_| which.name == KEYS.name) {
                    columns[3] = whose_now(&columns[0], &columns[3], rerouted);
                }
                RecordBatch::try_new(Arc::clone(&schema), columns)
            };
            let batches = batches.into_iter().map(as_now).collect::<Result<Vec<_>, _>>()?;
            context.register_table(which.name, Arc::new(MemTable::try_new(schema, vec![batches])?))?;
        }
        Ok(context)
    }
}

/// The customers of keys, by where their rows are filed.
fn whose_now(keys: &ArrayRef, filed: &ArrayRef, rerouted: &Rerouted) -> ArrayRef {
    let [keys, filed] = [keys, filed].map(|column| column.as_primitive::<Int64Type>().values());
    let now = keys.iter().zip(filed).map(|(key, filed)| rerouted.customer_of_key(*key, *filed));
    Arc::new(Int64Array::from_iter_values(now))
}

/// The error for a table that is not there, with those that are.
fn unknown_table(error: DataFusionError, context: &SessionContext) -> Error {
    let text = error.strip_backtrace();
    let named = text.split_once("table '").and_then(|(_, rest)| rest.split_once("' not found"));
    let Some(name) = named.and_then(|(name, _)| name.rsplit('.').next()) else { return error.into() };
    let schema = context.catalog("datafusion").and_then(|catalog| catalog.schema("public"));
    let mut known = schema.map_or_else(Vec::new, |schema| schema.table_names());
    known.sort_unstable();
    let near = event::nearest(name, known.iter().map(String::as_str));
    let near = near.map_or_else(String::new, |near| format!(" (did you mean `{near}`?)"));
    Error::Invalid { what: format!("there is no table `{name}`{near}; there are {}", known.join(", ")) }
}
