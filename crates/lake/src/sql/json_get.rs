//! `json_get(properties, 'a.b')`: one member of a JSON text in SQL, found as the conditions of a charter find it.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::datatypes::DataType;
use charter::{Answer, json_path};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::registry::FunctionRegistry;
use datafusion::logical_expr::sqlparser::ast::BinaryOperator;
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarUDF, Volatility, create_udf};
use datafusion::prelude::SessionContext;
use event::Value;

/// Makes the function known, and the operator `->>` that means it.
pub(super) fn register(context: &SessionContext) -> Result<()> {
    let function = Arc::new(function());
    context.register_udf(function.as_ref().clone());
    context.state_ref().write().register_expr_planner(Arc::new(Arrow(function)))
}

fn function() -> ScalarUDF {
    let text = DataType::Utf8;
    create_udf("json_get", vec![text.clone(), text.clone()], text, Volatility::Immutable, Arc::new(evaluate))
}

fn evaluate(arguments: &[ColumnarValue]) -> Result<ColumnarValue> {
    let arrays = ColumnarValue::values_to_arrays(arguments)?;
    let (texts, paths) = (arrays[0].as_string::<i32>(), arrays[1].as_string::<i32>());
    let mut known = (String::new(), Vec::new());
    let members = (0..texts.len()).map(|row| {
        if texts.is_null(row) || paths.is_null(row) {
            return None;
        }
        // The path is the same for all rows, as good as always.
        if known.1.is_empty() || known.0 != paths.value(row) {
            paths.value(row).clone_into(&mut known.0);
            known.1 = known.0.split('.').map(str::to_owned).collect();
        }
        match json_path(Some(texts.value(row)), &known.1) {
            Answer::Owned(text) => Some(text),
            Answer::Value(value) => text_of(&value),
            Answer::Pending => None,
        }
    });
    let members: StringArray = members.collect();
    Ok(ColumnarValue::Array(Arc::new(members) as ArrayRef))
}

/// A value as text, from which SQL makes numbers by itself where it compares with one.
fn text_of(value: &Value<'_>) -> Option<String> {
    match value {
        Value::Text(text) => Some((*text).to_owned()),
        Value::Int(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Time(_) => None,
    }
}

/// `properties->>'a.b'`.
#[derive(Debug)]
struct Arrow(Arc<ScalarUDF>);

impl ExprPlanner for Arrow {
    fn plan_binary_op(&self, expr: RawBinaryExpr, _: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        if expr.op != BinaryOperator::LongArrow {
            return Ok(PlannerResult::Original(expr));
        }
        let call = ScalarFunction::new_udf(Arc::clone(&self.0), vec![expr.left, expr.right]);
        Ok(PlannerResult::Planned(Expr::ScalarFunction(call)))
    }
}
