//! Mappings as the charter's `sources:` say them.

use charter::keys::Keys;
use charter::sources::{Member as Said, Members as AllSaid, SourceMap, Taken};
use event::Column;

use crate::times::TimeFormat;

use super::{Kind, Mapping, MappingError, Member, Members, Role, TimeColumn, Value};

impl Mapping {
    /// A source of the charter as a mapping. Keys that the charter takes `from` a property or trait which this source names
    /// are mapped too, so that a row without any other key is somebody's.
    ///
    /// # Errors
    /// When a role of times is a literal, or a form of times is not known.
    pub fn of_source(source: &SourceMap, keys: &Keys) -> Result<Self, MappingError> {
        let text = |taken: &Option<Taken>| taken.as_ref().map(value);
        let given = source.keys.iter().map(|(kind, taken)| (kind.clone(), value(taken)));
        Ok(Mapping {
            event: text(&source.event),
            keys: given.chain(keys_from_members(source, keys)).collect(),
            at: time(Role::At, source.at.as_ref())?,
            start: time(Role::Start, source.start.as_ref())?,
            end: time(Role::End, source.end.as_ref())?,
            received_at: time(Role::ReceivedAt, source.received_at.as_ref())?,
            channel: text(&source.channel),
            source: text(&source.source),
            message_id: text(&source.message_id),
            resource: text(&source.resource),
            department: text(&source.department),
            case_id: text(&source.case_id),
            phase: text(&source.phase),
            one_per: source.one_per.clone(),
            properties: source.properties.as_ref().map(members),
            traits: source.traits.as_ref().map(members),
            unknown: source.unknown.clone(),
        })
    }
}

fn value(taken: &Taken) -> Value {
    match taken {
        Taken::Column { column, .. } => Value::Column(column.clone()),
        Taken::Literal(text) => Value::Literal(text.clone()),
    }
}

fn time(role: Role, taken: Option<&Taken>) -> Result<Option<TimeColumn>, MappingError> {
    match taken {
        None => Ok(None),
        Some(Taken::Column { column, format }) => {
            let format = format.as_ref().map(|format| format.parse::<TimeFormat>()).transpose();
            let format = format.map_err(|source| MappingError::Time { role, source })?;
            Ok(Some(TimeColumn::of(column.as_str(), format)))
        }
        Some(Taken::Literal(_)) => Err(MappingError::LiteralTime { role }),
    }
}

fn keys_from_members<'a>(source: &'a SourceMap, keys: &'a Keys) -> impl Iterator<Item = (String, Value)> + 'a {
    let column_of = |members: &'a Option<AllSaid>, path: &[String]| {
        let (Some(AllSaid::Listed(listed)), [name]) = (members, path) else { return None };
        let member = listed.iter().find(|member| member.name == *name)?;
        member.from.column().map(|column| Value::Column(column.to_owned()))
    };
    keys.kinds.iter().filter(|key| source.keys.iter().all(|(given, _)| *given != key.name)).filter_map(move |key| {
        let column = match key.from.as_ref()? {
            Column::Trait(path) => column_of(&source.traits, path),
            Column::Property(path) => column_of(&source.properties, path),
            _ => None,
        };
        Some((key.name.clone(), column?))
    })
}

fn members(members: &AllSaid) -> Members {
    let member = |member: &Said| Member { name: member.name.clone(), from: member.from.clone(), kind: Kind::Number };
    match members {
        AllSaid::All => Members::Rest,
        AllSaid::Listed(listed) => Members::Only(listed.iter().map(member).collect()),
    }
}
