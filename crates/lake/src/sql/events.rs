//! The events table, with what the charter sees in each event.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result as SqlResult;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::TableType;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions,
};

use crate::error::Error;
use crate::lens::{ByNameAlone, Row, Seen, by_name, column_of, first_of};
use crate::run_file::read_schema;
use crate::scan::{Part, Projection, Rerouted, read_part};
use crate::schema::event_column;

/// The events table.
#[derive(Debug)]
pub(super) struct Events {
    pub(super) parts: Arc<Vec<Part>>,
    pub(super) rerouted: Option<Arc<Rerouted>>,
    /// The moments of the charter in its order; none: every event is the moment that it is called after.
    pub(super) moments: Arc<[Seen]>,
}

/// The columns of the lake, then what the charter sees: NULL where an event is no moment, or the moment is of no stage.
fn schema() -> SchemaRef {
    let seen = [MOMENT, STAGE].map(|name| Arc::new(Field::new(name, DataType::Utf8, true)));
    Arc::new(Schema::new(read_schema(false).fields().iter().cloned().chain(seen).collect::<Vec<_>>()))
}

const MOMENT: &str = "moment";
const STAGE: &str = "stage";

/// What the charter sees in events, remembered by name where the name is enough.
struct Sight<'a> {
    moments: &'a [Seen],
    by_name: HashMap<String, ByNameAlone>,
}

impl<'a> Sight<'a> {
    fn of(&mut self, name: &str, row: &Row<'_>) -> Option<&'a Seen> {
        let moments = self.moments;
        if !self.by_name.contains_key(name) {
            self.by_name.insert(name.to_owned(), by_name(moments, name));
        }
        let place = match self.by_name[name] {
            ByNameAlone::Moment(place) => Some(place),
            ByNameAlone::NoMoment => None,
            ByNameAlone::Depends => first_of(moments, row),
        };
        place.map(|place| &moments[place])
    }

    /// Moments and stages of a batch.
    fn columns(&mut self, batch: &RecordBatch, projection: &Projection) -> [ArrayRef; 2] {
        let [mut moments, mut stages] = [StringBuilder::new(), StringBuilder::new()];
        let names = batch.column(projection.position("event")).as_string::<i32>();
        for row in 0..batch.num_rows() {
            let name = names.value(row);
            if self.moments.is_empty() {
                moments.append_value(name);
                stages.append_null();
                continue;
            }
            let seen = self.of(name, &Row::new(batch, row, projection));
            moments.append_option(seen.map(|seen| &seen.name));
            stages.append_option(seen.and_then(|seen| seen.stage.as_ref()));
        }
        [Arc::new(moments.finish()), Arc::new(stages.finish())]
    }
}

#[async_trait]
impl TableProvider for Events {
    fn schema(&self) -> SchemaRef {
        schema()
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
        let wanted = projection.cloned().unwrap_or_else(|| (0..schema().fields().len()).collect());
        let schema = Arc::new(schema().project(&wanted)?);
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(self.parts.len().max(1)),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        let (parts, rerouted, moments) = (Arc::clone(&self.parts), self.rerouted.clone(), Arc::clone(&self.moments));
        Ok(Arc::new(EventsScan { parts, rerouted, moments, wanted, schema, properties: Arc::new(properties) }))
    }
}

/// Reads the parts of the events table, one a partition, each sorted by customer and time.
#[derive(Debug)]
struct EventsScan {
    parts: Arc<Vec<Part>>,
    rerouted: Option<Arc<Rerouted>>,
    moments: Arc<[Seen]>,
    wanted: Vec<usize>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
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
        let schema = Arc::clone(&self.schema);
        let mut stream = RecordBatchReceiverStream::builder(Arc::clone(&schema), 2);
        let sender = stream.tx();
        let (parts, rerouted, wanted) = (Arc::clone(&self.parts), self.rerouted.clone(), self.wanted.clone());
        let moments = Arc::clone(&self.moments);
        stream.spawn_blocking(move || {
            let Some(part) = parts.get(partition) else { return Ok(()) };
            let stored = read_schema(false).fields().len();
            let is_told = wanted.iter().any(|column| *column >= stored);
            // Rows that moved are told by their customer, so that column is read even when it is not wanted.
            let mut columns: Vec<usize> = wanted.iter().copied().filter(|column| *column < stored).collect();
            columns.push(event_column("customer"));
            if is_told {
                columns.push(event_column("event"));
                columns.extend(moments.iter().flat_map(|seen| seen.when.columns()).map(column_of));
            }
            columns.sort_unstable();
            columns.dedup();
            let projection = Projection { columns, dictionaries: false };
            let mut sight = Sight { moments: &moments, by_name: HashMap::new() };
            let result = read_part(part, &projection, rerouted.as_deref(), |batch| {
                let told = is_told.then(|| sight.columns(batch, &projection));
                let column = |column: &usize| {
                    if let (Some(told), Some(which)) = (&told, column.checked_sub(stored)) {
                        return Arc::clone(&told[which]);
                    }
                    let place = projection.columns.binary_search(column).expect("all that is wanted is read");
                    Arc::clone(batch.column(place))
                };
                let batch = RecordBatch::try_new_with_options(
                    Arc::clone(&schema),
                    wanted.iter().map(column).collect(),
                    &RecordBatchOptions::new().with_row_count(Some(batch.num_rows())),
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
