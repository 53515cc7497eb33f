//! SQL over everything, by `DataFusion`: the tables of the lake as they are read by folds, so that both see the same rows.

mod json_get;

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result as SqlResult;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::{MemTable, TableType};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions,
};
use datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};
use listen::stitch::Rules;

use crate::error::Error;
use crate::identity::read_all;
use crate::run_file::read_schema;
use crate::scan::{Part, Projection, Rerouted, read_part};
use crate::schema::arrow_schema;
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
    /// Runs a query over the tables `events`, `customers` and `links`; `json_get(properties, 'a.b')`, or
    /// `properties->>'a.b'`, is a member of what is kept as JSON. It only reads: whatever would write or open a file, or
    /// change what the tables are, is refused before anything of it is carried out.
    ///
    /// # Errors
    /// When it is no SQL, is no question, names what does not exist, or a file cannot be read.
    pub async fn sql(&self, query: &str, rules: &Rules) -> Result<Rows, Error> {
        let context = self.session(rules).await?;
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

    async fn session(&self, rules: &Rules) -> Result<SessionContext, Error> {
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
        let events = Events { parts: Arc::new(parts), rerouted: rerouted.map(Arc::new) };
        context.register_table("events", Arc::new(events))?;
        for (which, batches) in tables {
            let schema = arrow_schema(which.columns);
            let batches = batches
                .into_iter()
                .map(|batch| RecordBatch::try_new(Arc::clone(&schema), batch.columns().to_vec()))
                .collect::<Result<Vec<_>, _>>()?;
            context.register_table(which.name, Arc::new(MemTable::try_new(schema, vec![batches])?))?;
        }
        Ok(context)
    }
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

/// The events table.
#[derive(Debug)]
struct Events {
    parts: Arc<Vec<Part>>,
    rerouted: Option<Arc<Rerouted>>,
}

#[async_trait]
impl TableProvider for Events {
    fn schema(&self) -> SchemaRef {
        read_schema(false)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> SqlResult<Arc<dyn ExecutionPlan>> {
        let wanted = projection.cloned().unwrap_or_else(|| (0..read_schema(false).fields().len()).collect());
        Ok(Arc::new(EventsScan::new(Arc::clone(&self.parts), self.rerouted.clone(), wanted)?))
    }
}

/// Reads the parts of the events table, one a partition, each sorted by customer and time.
#[derive(Debug)]
struct EventsScan {
    parts: Arc<Vec<Part>>,
    rerouted: Option<Arc<Rerouted>>,
    wanted: Vec<usize>,
    properties: Arc<PlanProperties>,
}

impl EventsScan {
    fn new(parts: Arc<Vec<Part>>, rerouted: Option<Arc<Rerouted>>, wanted: Vec<usize>) -> SqlResult<Self> {
        let schema = Arc::new(read_schema(false).project(&wanted)?);
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(parts.len().max(1)),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Ok(Self { parts, rerouted, wanted, properties: Arc::new(properties) })
    }
}

impl DisplayAs for EventsScan {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventsScan: parts={}", self.parts.len())
    }
}

impl ExecutionPlan for EventsScan {
    fn name(&self) -> &'static str {
        "EventsScan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> SqlResult<TreeNodeRecursion>,
    ) -> SqlResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> SqlResult<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> SqlResult<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, _: Arc<TaskContext>) -> SqlResult<SendableRecordBatchStream> {
        let schema = Arc::new(read_schema(false).project(&self.wanted)?);
        let mut stream = RecordBatchReceiverStream::builder(Arc::clone(&schema), 2);
        let sender = stream.tx();
        let (parts, rerouted, wanted) = (Arc::clone(&self.parts), self.rerouted.clone(), self.wanted.clone());
        stream.spawn_blocking(move || {
            let Some(part) = parts.get(partition) else { return Ok(()) };
            // Rows that moved are told by their customer, so that column is read even when it is not wanted.
            let mut columns = wanted.clone();
            columns.push(crate::schema::event_column("customer"));
            columns.sort_unstable();
            columns.dedup();
            let order: Vec<usize> =
                wanted.iter().map(|c| columns.binary_search(c).expect("all that is wanted is read")).collect();
            let projection = Projection { columns, dictionaries: false };
            let result = read_part(part, &projection, rerouted.as_deref(), |batch| {
                let batch = RecordBatch::try_new_with_options(
                    Arc::clone(&schema),
                    order.iter().map(|i| Arc::clone(batch.column(*i))).collect(),
                    &arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows())),
                )?;
                // A receiver that is gone wants no more (LIMIT), which ends the reading.
                sender.blocking_send(Ok(batch)).map_err(|_| Error::Interrupted)
            });
            match result {
                Ok(()) | Err(Error::Interrupted) => Ok(()),
                Err(error) => Err(DataFusionError::External(Box::new(error))),
            }
        });
        Ok(stream.build())
    }
}
