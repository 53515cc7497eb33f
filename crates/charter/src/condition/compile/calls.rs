//! Functions, casts and typed texts such as `timestamp '2026-03-02'`.

use sqlparser::ast::{
    DataType, Expr as Ast, Function as Call, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Spanned,
    TypedString, Value,
};

use super::times::WAY_OUT;
use super::{Compiler, Result, Typed};
use crate::condition::locate::bytes_of;
use crate::condition::tree::{Expr, Function, Target};
use crate::condition::{Fault, Type, Vocabulary};
use crate::nearest;

/// Functions that databases have for the time between two times.
const OF_TIMES: [&str; 6] = ["age", "date_diff", "datediff", "days_between", "extract", "timestampdiff"];

impl<V: Vocabulary> Compiler<'_, V> {
    pub(super) fn typed_string(&self, ast: &Ast, typed: &TypedString) -> Result<(Expr<V::Column>, Type)> {
        let Value::SingleQuotedString(text) = &typed.value.value else {
            return Err(self.unsupported(ast, format!("`{typed}`")));
        };
        match target(&typed.data_type) {
            Some(Type::Time) => {
                let bytes = bytes_of(self.text, typed.value.span);
                Ok((self.time(text, &bytes)?, Type::Time))
            }
            _ => Err(self.unsupported(ast, format!("`{typed}`"))),
        }
    }

    pub(super) fn cast(&self, ast: &Ast, inner: &Ast, to: &DataType, depth: usize) -> Result<(Expr<V::Column>, Type)> {
        let value = Box::new(self.expr(inner, depth)?.expr);
        let Some(of_type) = target(to) else {
            return Err(self.unsupported(ast, format!("a cast to {to}")));
        };
        let target = match of_type {
            Type::Int => Target::Int,
            Type::Float => Target::Float,
            Type::Bool => Target::Bool,
            Type::Time => Target::Time(self.zone.clone()),
            _ => Target::Text,
        };
        Ok((Expr::Cast { value, target }, of_type))
    }

    pub(super) fn function(&self, ast: &Ast, call: &Call, depth: usize) -> Result<(Expr<V::Column>, Type)> {
        if matches!(call.args, FunctionArguments::None) {
            // SQL has functions without parentheses, such as `user`; here they are names like any other.
            let names: Vec<Ident> = call.name.0.iter().filter_map(|part| part.as_ident().cloned()).collect();
            return self.column(&names, &bytes_of(self.text, ast.span()));
        }
        let name = call.name.to_string().to_lowercase();
        let Some((_, function)) = Function::NAMES.iter().find(|(known, _)| *known == name) else {
            let fault = Fault::Unsupported { what: format!("the function `{name}`") };
            let hint = nearest::hint(&name, Function::NAMES.iter().map(|(known, _)| *known));
            let of_times = OF_TIMES.contains(&name.as_str()).then_some(WAY_OUT);
            return Err(self.error(ast, fault, of_times.or(hint.as_deref())));
        };
        let plain = call.filter.is_none() && call.over.is_none() && call.within_group.is_empty();
        let Some(arguments) = plain.then(|| plain_arguments(&call.args)).flatten() else {
            return Err(self.unsupported(ast, format!("`{call}`")));
        };
        let arguments = arguments.into_iter().map(|a| self.expr(a, depth)).collect::<Result<Vec<_>>>()?;
        if arguments.is_empty() || (*function != Function::Coalesce && arguments.len() > 1) {
            let expected = if *function == Function::Coalesce { "at least one value" } else { "one value" };
            let fault = Fault::WrongType {
                what: format!("`{name}`"),
                found: format!("given {} values", arguments.len()),
                expected: expected.to_owned(),
            };
            return Err(self.error(ast, fault, None));
        }
        let of_type = self.result(*function, &arguments)?;
        Ok((Expr::Call { function: *function, arguments: arguments.into_iter().map(|a| a.expr).collect() }, of_type))
    }

    /// The type of a call, after checking what it is given.
    fn result(&self, function: Function, arguments: &[Typed<V::Column>]) -> Result<Type> {
        let first = &arguments[0];
        match function {
            Function::Lower | Function::Upper => self.needs(first, Type::Text).map(|()| Type::Text),
            Function::Length => self.needs(first, Type::Text).map(|()| Type::Int),
            Function::Abs => self.needs(first, Type::Float).map(|()| first.of_type),
            Function::Coalesce => {
                let mut sum = first.of_type;
                for argument in &arguments[1..] {
                    if !sum.compares_with(argument.of_type) {
                        self.needs(argument, sum)?;
                    }
                    sum = match (sum, argument.of_type) {
                        (a, b) if a == b => a,
                        (Type::Unknown, _) | (_, Type::Unknown) => Type::Unknown,
                        _ => Type::Float,
                    };
                }
                Ok(sum)
            }
        }
    }
}

/// The arguments of a call without `distinct`, names, `*` and the like.
fn plain_arguments(arguments: &FunctionArguments) -> Option<Vec<&Ast>> {
    let FunctionArguments::List(list) = arguments else { return None };
    if list.duplicate_treatment.is_some() || !list.clauses.is_empty() {
        return None;
    }
    list.args
        .iter()
        .map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
            _ => None,
        })
        .collect()
}

/// What a type of SQL is here.
fn target(data_type: &DataType) -> Option<Type> {
    let name = data_type.to_string().to_ascii_lowercase();
    let word = name.split([' ', '(']).next().unwrap_or("");
    Some(match word {
        "int" | "integer" | "bigint" | "smallint" | "int4" | "int8" => Type::Int,
        "double" | "float" | "real" | "numeric" | "decimal" | "float8" => Type::Float,
        "text" | "varchar" | "char" | "string" => Type::Text,
        "bool" | "boolean" => Type::Bool,
        "timestamp" | "timestamptz" | "date" | "datetime" => Type::Time,
        _ => return None,
    })
}
