//! From the syntax tree of the SQL parser to a checked tree of ours.

use std::ops::Range;

use event::{Span, Timestamp};
use jiff::tz::TimeZone;
use sqlparser::ast::{BinaryOperator, CastKind, Expr as Ast, Ident, Spanned, UnaryOperator, Value, ValueWithSpan};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, Tokenizer};

use super::like::Pattern;
use super::locate::{bytes_of, located};
use super::tree::{Comparison, Expr, Literal, Target};
use super::{CONDITION_BYTES_MAX, CONDITION_WORDS_MAX, ConditionError, Fault, Type, Vocabulary};
use crate::nearest;

mod calls;
mod compare;
mod times;

/// How deeply an expression may be nested.
const DEPTH_MAX: usize = 64;

type Result<T> = std::result::Result<T, ConditionError>;

/// Reads and checks `text`.
pub(super) fn compile<V: Vocabulary>(text: &str, words: &V, zone: &TimeZone) -> Result<Expr<V::Column>> {
    let ast = parse(text)?;
    let compiler = Compiler { text, words, zone };
    let root = compiler.expr(&ast, 0)?;
    compiler.needs(&root, Type::Bool)?;
    if root.expr.words() > CONDITION_WORDS_MAX {
        let hint = "it takes in the conditions that it names".to_owned();
        return Err(ConditionError { bytes: 0..text.len(), fault: Fault::TooLong, hint: Some(hint) });
    }
    Ok(root.expr)
}

fn parse(text: &str) -> Result<Ast> {
    let whole = || 0..text.len();
    let too_long = || ConditionError { bytes: whole(), fault: Fault::TooLong, hint: None };
    if text.len() > CONDITION_BYTES_MAX {
        return Err(too_long());
    }
    let dialect = GenericDialect {};
    let tokens = Tokenizer::new(&dialect, text)
        .tokenize_with_location()
        .map_err(|e| syntax(text, &format!("{}{}", e.message, e.location)))?;
    // The parser and the tree that it builds recurse, so the number of operators bounds the stack.
    let words = tokens.iter().filter(|t| {
        !matches!(t.token, Token::Whitespace(_) | Token::Comma | Token::Number(..) | Token::SingleQuotedString(_))
    });
    if words.count() > CONDITION_WORDS_MAX {
        return Err(too_long());
    }
    let mut parser = Parser::new(&dialect).with_tokens_with_locations(tokens);
    let failed = |error| match error {
        ParserError::RecursionLimitExceeded => too_long(),
        ParserError::ParserError(message) | ParserError::TokenizerError(message) => syntax(text, &message),
    };
    let ast = parser.parse_expr().map_err(failed)?;
    let next = parser.peek_token();
    if next.token != Token::EOF {
        let message = format!("nothing was expected after the condition, found: {}{}", next.token, next.span.start);
        return Err(syntax(text, &message));
    }
    Ok(ast)
}

/// What people write who come from other languages, and what it is in SQL.
const SLIPS: [(&str, &str); 5] = [
    ("&&", "write `and`"),
    ("||", "write `or`"),
    ("==", "write `=` once"),
    ("\u{2019}", "texts take straight quotes: 'like this'"),
    ("\u{201c}", "texts take straight single quotes: 'like this'"),
];

fn slip(text: &str) -> Option<&'static str> {
    SLIPS.iter().find(|(wrong, _)| text.contains(wrong)).map(|(_, right)| *right)
}

fn syntax(text: &str, message: &str) -> ConditionError {
    let (reason, mut bytes) = located(text, message);
    let mut reason = lower_first(&reason);
    if let Some(expected) = reason.strip_suffix("found: EOF") {
        reason = format!("{expected}but the text ends here");
        bytes = text.len()..text.len();
    }
    ConditionError { bytes, fault: Fault::Syntax { reason }, hint: slip(text).map(str::to_owned) }
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// A compiled part, what it is, and where it stands.
struct Typed<C> {
    expr: Expr<C>,
    of_type: Type,
    bytes: Range<usize>,
}

struct Compiler<'a, V> {
    text: &'a str,
    words: &'a V,
    zone: &'a TimeZone,
}

impl<V: Vocabulary> Compiler<'_, V> {
    fn error(&self, ast: &Ast, fault: Fault, hint: Option<&str>) -> ConditionError {
        ConditionError { bytes: bytes_of(self.text, ast.span()), fault, hint: hint.map(str::to_owned) }
    }

    fn unsupported(&self, ast: &Ast, what: impl Into<String>) -> ConditionError {
        let hint = "conditions have and, or, not, comparisons, in, between, like, is null, + - * / %, cast, \
                    lower, upper, length, coalesce, abs";
        let what = what.into();
        let hint = slip(&what).unwrap_or(hint);
        self.error(ast, Fault::Unsupported { what }, Some(hint))
    }

    /// The text at `bytes`, as it is quoted in messages.
    fn quote(&self, bytes: &Range<usize>) -> String {
        format!("`{}`", self.text.get(bytes.clone()).unwrap_or(self.text))
    }

    fn needs(&self, part: &Typed<V::Column>, wanted: Type) -> Result<()> {
        let right = if wanted == Type::Float { part.of_type.may_be_number() } else { part.of_type.may_be(wanted) };
        if right {
            return Ok(());
        }
        let hint = (wanted == Type::Bool).then_some("compare it with something: `… = 'a text'`, `… > 5`");
        Err(self.wrong_type(part, wanted, hint))
    }

    fn wrong_type(&self, part: &Typed<V::Column>, wanted: Type, hint: Option<&str>) -> ConditionError {
        ConditionError {
            bytes: part.bytes.clone(),
            fault: Fault::WrongType {
                what: self.quote(&part.bytes),
                found: part.of_type.to_string(),
                expected: wanted.to_string(),
            },
            hint: hint.map(str::to_owned),
        }
    }

    fn expr(&self, ast: &Ast, depth: usize) -> Result<Typed<V::Column>> {
        if depth > DEPTH_MAX {
            return Err(self.error(ast, Fault::TooLong, None));
        }
        let depth = depth + 1;
        let bytes = bytes_of(self.text, ast.span());
        let (expr, of_type) = match ast {
            Ast::Nested(inner) => return self.expr(inner, depth),
            Ast::Identifier(name) => self.column(std::slice::from_ref(name), &bytes)?,
            Ast::CompoundIdentifier(names) => self.column(names, &bytes)?,
            Ast::Value(value) => self.literal(ast, value)?,
            Ast::TypedString(typed) => self.typed_string(ast, typed)?,
            Ast::UnaryOp { op, expr } => self.unary(ast, *op, expr, depth)?,
            Ast::BinaryOp { left, op, right } => self.binary(ast, left, op, right, depth)?,
            Ast::IsNull(inner) => (Expr::IsNull(self.boxed(inner, depth)?), Type::Bool),
            Ast::IsNotNull(inner) => (not(Expr::IsNull(self.boxed(inner, depth)?)), Type::Bool),
            Ast::IsTrue(inner) => (Expr::IsBool(self.condition(inner, depth)?, true), Type::Bool),
            Ast::IsNotTrue(inner) => (not(Expr::IsBool(self.condition(inner, depth)?, true)), Type::Bool),
            Ast::IsFalse(inner) => (Expr::IsBool(self.condition(inner, depth)?, false), Type::Bool),
            Ast::IsNotFalse(inner) => (not(Expr::IsBool(self.condition(inner, depth)?, false)), Type::Bool),
            Ast::IsUnknown(inner) => (Expr::IsNull(self.condition(inner, depth)?), Type::Bool),
            Ast::IsNotUnknown(inner) => (not(Expr::IsNull(self.condition(inner, depth)?)), Type::Bool),
            Ast::InList { expr, list, negated } => (not_if(*negated, self.in_list(expr, list, depth)?), Type::Bool),
            Ast::Between { expr, negated, low, high } => {
                (not_if(*negated, self.between(expr, low, high, depth)?), Type::Bool)
            }
            Ast::Like { negated, any: false, expr, pattern, escape_char } => {
                let like = self.like(expr, pattern, escape_char.as_ref(), false, depth)?;
                (not_if(*negated, like), Type::Bool)
            }
            Ast::ILike { negated, any: false, expr, pattern, escape_char } => {
                let like = self.like(expr, pattern, escape_char.as_ref(), true, depth)?;
                (not_if(*negated, like), Type::Bool)
            }
            Ast::Interval(interval) => self.interval(ast, interval)?,
            Ast::Function(function) => self.function(ast, function, depth)?,
            Ast::Cast { kind: CastKind::Cast | CastKind::TryCast | CastKind::DoubleColon, expr, data_type, .. } => {
                self.cast(ast, expr, data_type, depth)?
            }
            other => return Err(self.unsupported(other, self.quote(&bytes))),
        };
        Ok(Typed { expr, of_type, bytes })
    }

    fn boxed(&self, ast: &Ast, depth: usize) -> Result<Box<Expr<V::Column>>> {
        Ok(Box::new(self.expr(ast, depth)?.expr))
    }

    /// A part that must be true or false.
    fn condition(&self, ast: &Ast, depth: usize) -> Result<Box<Expr<V::Column>>> {
        let part = self.expr(ast, depth)?;
        self.needs(&part, Type::Bool)?;
        Ok(Box::new(part.expr))
    }

    fn column(&self, names: &[Ident], bytes: &Range<usize>) -> Result<(Expr<V::Column>, Type)> {
        let parts: Vec<&str> = names.iter().map(|name| name.value.as_str()).collect();
        if let Some((column, of_type)) = self.words.find(&parts) {
            return Ok((Expr::Column(column), of_type));
        }
        let name = parts.join(".");
        if let Some(condition) = self.words.condition(&name) {
            // What is NULL does not hold, so that `not loyal` is everybody else.
            return Ok((Expr::IsBool(Box::new(condition.root.clone()), true), Type::Bool));
        }
        let known = self.words.names();
        let hint = match names {
            [only] if only.quote_style == Some('"') => Some(format!("a text takes single quotes: '{name}'")),
            [only] if matches!(only.value.as_str(), "properties" | "traits") => {
                Some(format!("name a member: `{name}.total`"))
            }
            // A column of a file that plays no role is a property, which is not seen from its name alone.
            [only]
                if nearest::nearest(&name, known.iter().map(String::as_str)).is_none()
                    && self.words.find(&["properties", &only.value]).is_some() =>
            {
                Some(format!("`properties.{name}`, if it is a column of the file; others are {}", known.join(", ")))
            }
            _ => nearest::hint(&name, known.iter().map(String::as_str)).or_else(|| Some(self.words.hint())),
        };
        Err(ConditionError { bytes: bytes.clone(), fault: Fault::UnknownName { name }, hint })
    }

    fn literal(&self, ast: &Ast, value: &ValueWithSpan) -> Result<(Expr<V::Column>, Type)> {
        let (literal, of_type) = match &value.value {
            Value::Number(digits, _) => self.number(ast, digits)?,
            Value::SingleQuotedString(text) => (Literal::Text(text.as_str().into()), Type::Text),
            Value::Boolean(b) => (Literal::Bool(*b), Type::Bool),
            Value::Null => (Literal::Null, Type::Unknown),
            other => return Err(self.unsupported(ast, format!("`{other}`"))),
        };
        Ok((Expr::Literal(literal), of_type))
    }

    fn number(&self, ast: &Ast, digits: &str) -> Result<(Literal, Type)> {
        if let Ok(whole) = digits.parse() {
            return Ok((Literal::Int(whole), Type::Int));
        }
        match digits.parse::<f64>() {
            Ok(x) if x.is_finite() => Ok((Literal::Float(x), Type::Float)),
            _ => {
                let reason = format!("`{digits}` is not a number that can be stored");
                Err(self.error(ast, Fault::BadLiteral { reason }, None))
            }
        }
    }

    /// A text as the moment in time that it names.
    fn time(&self, text: &str, bytes: &Range<usize>) -> Result<Expr<V::Column>> {
        // SQL writes a space between date and time where ISO 8601 has a `T`; both are read.
        match Timestamp::parse(text.trim(), self.zone) {
            Ok(at) => Ok(Expr::Literal(Literal::Time(at))),
            Err(e) => Err(ConditionError {
                bytes: bytes.clone(),
                fault: Fault::BadLiteral { reason: e.to_string() },
                hint: None,
            }),
        }
    }

    /// A text as the span of time that it names, in microseconds; below 0 with a minus before it, as differences may be.
    fn duration(text: &str, bytes: &Range<usize>) -> Result<Expr<V::Column>> {
        let wrong = |reason: String| ConditionError {
            bytes: bytes.clone(),
            fault: Fault::BadLiteral { reason },
            hint: Some("such as '30m' or '14d'".to_owned()),
        };
        let (sign, span) = text.strip_prefix('-').map_or((1, text), |span| (-1, span));
        match span.parse::<Span>() {
            Ok(Span::Elapsed(micros)) => Ok(Expr::Literal(Literal::Int(sign * micros))),
            Ok(Span::BusinessDays(_)) => Err(wrong("business days cannot be compared with elapsed time".to_owned())),
            Err(e) => Err(wrong(e.to_string())),
        }
    }

    fn unary(&self, ast: &Ast, op: UnaryOperator, inner: &Ast, depth: usize) -> Result<(Expr<V::Column>, Type)> {
        match op {
            UnaryOperator::Not => Ok((Expr::Not(self.condition(inner, depth)?), Type::Bool)),
            UnaryOperator::Minus | UnaryOperator::Plus => {
                let part = self.expr(inner, depth)?;
                self.needs(&part, Type::Float)?;
                let expr = match (op, part.expr) {
                    (UnaryOperator::Plus, expr) => expr,
                    (_, Expr::Literal(Literal::Int(i))) => Expr::Literal(Literal::Int(-i)),
                    (_, Expr::Literal(Literal::Float(x))) => Expr::Literal(Literal::Float(-x)),
                    (_, expr) => Expr::Negate(Box::new(expr)),
                };
                Ok((expr, part.of_type))
            }
            other => Err(self.unsupported(ast, format!("`{other}`"))),
        }
    }

    fn binary(
        &self,
        ast: &Ast,
        left: &Ast,
        op: &BinaryOperator,
        right: &Ast,
        depth: usize,
    ) -> Result<(Expr<V::Column>, Type)> {
        let comparison = match op {
            BinaryOperator::And => return Ok((Expr::And(self.chain(ast, op, depth)?), Type::Bool)),
            BinaryOperator::Or => return Ok((Expr::Or(self.chain(ast, op, depth)?), Type::Bool)),
            BinaryOperator::Eq => Comparison::Equal,
            BinaryOperator::NotEq => Comparison::NotEqual,
            BinaryOperator::Lt => Comparison::Less,
            BinaryOperator::LtEq => Comparison::LessOrEqual,
            BinaryOperator::Gt => Comparison::Greater,
            BinaryOperator::GtEq => Comparison::GreaterOrEqual,
            _ => return self.arithmetic(ast, left, op, right, depth),
        };
        let (left, right) = self.align(self.expr(left, depth)?, self.expr(right, depth)?)?;
        Ok((Expr::Compare { how: comparison, left: Box::new(left), right: Box::new(right) }, Type::Bool))
    }

    /// The members of `a and b and c …`, which the parser nests to the left as deeply as the chain is long.
    fn chain(&self, ast: &Ast, op: &BinaryOperator, depth: usize) -> Result<Vec<Expr<V::Column>>> {
        let mut members = Vec::new();
        let mut rest = ast;
        while let Ast::BinaryOp { left, op: found, right } = rest
            && found == op
        {
            members.push(&**right);
            rest = left;
        }
        members.push(rest);
        members.iter().rev().map(|member| Ok(*self.condition(member, depth)?)).collect()
    }

    fn like(
        &self,
        value: &Ast,
        pattern: &Ast,
        escape: Option<&ValueWithSpan>,
        fold: bool,
        depth: usize,
    ) -> Result<Expr<V::Column>> {
        let value = self.expr(value, depth)?;
        self.needs(&value, Type::Text)?;
        let Expr::Literal(Literal::Text(text)) = self.expr(pattern, depth)?.expr else {
            let hint = "such as 'Order%': `%` stands for any characters, `_` for one";
            let fault = Fault::Unsupported { what: "a pattern that is not a quoted text".to_owned() };
            return Err(self.error(pattern, fault, Some(hint)));
        };
        let escape = match escape.map(|escape| &escape.value) {
            None => '\\',
            Some(Value::SingleQuotedString(one)) if one.chars().count() == 1 => {
                one.chars().next().expect("it has one character")
            }
            Some(_) => return Err(self.unsupported(pattern, "an escape of more than one character")),
        };
        Ok(Expr::Like { value: Box::new(value.expr), pattern: Pattern::new(&text, fold, escape) })
    }
}

fn not<C>(expr: Expr<C>) -> Expr<C> {
    Expr::Not(Box::new(expr))
}

fn not_if<C>(negated: bool, expr: Expr<C>) -> Expr<C> {
    if negated { not(expr) } else { expr }
}

/// Makes a value of unknown type a time, where it is one.
fn as_time<C>(expr: Expr<C>, zone: &TimeZone) -> Expr<C> {
    Expr::Cast { value: Box::new(expr), target: Target::Time(zone.clone()) }
}
