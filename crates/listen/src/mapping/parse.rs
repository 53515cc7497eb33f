//! Mappings as `--map` takes them.

use charter::sources::Taking;

use super::{Kind, Mapping, MappingError, Member, Members, Role, TimeColumn, Value};

pub(super) fn mapping(text: &str) -> Result<Mapping, MappingError> {
    let mut mapping = Mapping::default();
    for part in split(text, ',') {
        let wrong = || MappingError::NotAMapping { part: part.trim().to_owned() };
        let (role, value) = part.split_once('=').ok_or_else(wrong)?;
        let (role, value) = (role.trim(), value.trim());
        if role.is_empty() || value.is_empty() {
            return Err(wrong());
        }
        if role == "unknown" {
            mapping.unknown.extend(split(value, '|').map(unquote));
            continue;
        }
        let (name, role) = (role, Role::from_name(role));
        if let (Role::Key(_), Some(nearest)) = (&role, Role::nearest(name).filter(|nearest| *nearest != name)) {
            return Err(MappingError::UnknownRole { name: name.to_owned(), nearest });
        }
        set(&mut mapping, role, value)?;
    }
    Ok(mapping)
}

fn set(mapping: &mut Mapping, role: Role, value: &str) -> Result<(), MappingError> {
    if let Some(place) = mapping.time_mut(&role) {
        let time = time_column(value);
        return fill(place, time, role);
    }
    if let Some(place) = mapping.text_mut(&role) {
        return fill(place, text_value(value), role);
    }
    match role {
        Role::OnePer => return fill(&mut mapping.one_per, unquote(value), role),
        Role::Properties | Role::Traits => {
            let place = if role == Role::Properties { &mut mapping.properties } else { &mut mapping.traits };
            *place = Some(members(value).ok_or_else(|| MappingError::NotAMapping { part: value.to_owned() })?);
        }
        Role::Key(kind) => mapping.keys.push((kind, text_value(value))),
        other => unreachable!("{other} is a text or a time"),
    }
    Ok(())
}

fn fill<T>(place: &mut Option<T>, value: T, role: Role) -> Result<(), MappingError> {
    if place.replace(value).is_some() { Err(MappingError::Twice { role }) } else { Ok(()) }
}

/// The parts between separators that do not stand in quotes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quote = None;
    text.split(move |c: char| {
        match quote {
            Some(open) if c == open => quote = None,
            None if c == '"' || c == '\'' => quote = Some(c),
            _ => {}
        }
        quote.is_none() && c == separator
    })
}

fn unquote(text: &str) -> String {
    let text = text.trim();
    let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or(text).to_owned()
}

fn text_value(text: &str) -> Value {
    match text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        Some(literal) => Value::Literal(literal.to_owned()),
        None => Value::Column(unquote(text)),
    }
}

/// `column`, `column:dmy`, `column:%d/%m/%Y %H:%M`; a column may have colons itself, as `time:timestamp`.
fn time_column(text: &str) -> TimeColumn {
    let pattern = text.find(":%").and_then(|at| Some((text.get(..at)?, text.get(at + 1..)?)));
    let (column, format) = match pattern.or_else(|| text.rsplit_once(':')) {
        Some((column, format)) => (column, Some(unquote(format).parse())),
        None => (text, None),
    };
    match format {
        Some(Ok(format)) => TimeColumn::of(unquote(column), Some(format)),
        // What follows the colon is no form, so it belongs to the name of the column.
        Some(Err(_)) | None => TimeColumn::of(unquote(text), None),
    }
}

/// `column`, `sum(column)`, `count()`, `'text'`, with `|` between them; `*` means all columns without a role.
///
/// A member is called what its column is called; where that name is taken, what is done with the column comes first.
fn members(text: &str) -> Option<Members> {
    if text.trim() == "*" {
        return Some(Members::Rest);
    }
    let mut members: Vec<Member> = Vec::new();
    for part in split(text, '|') {
        let from = match Taking::parse(part.trim())? {
            Taking::Column(aggregate, column) => Taking::Column(aggregate, unquote(&column)),
            other => other,
        };
        let mut name = match &from {
            Taking::Column(_, column) => column.clone(),
            Taking::Literal(text) => text.clone(),
            Taking::Rows => "count".to_owned(),
        };
        if let (Taking::Column(aggregate, column), true) = (&from, members.iter().any(|known| known.name == name)) {
            name = format!("{}_{column}", aggregate.name());
        }
        members.push(Member { name, from, kind: Kind::Text });
    }
    Some(Members::Only(members))
}
