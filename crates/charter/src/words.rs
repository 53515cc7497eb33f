//! What conditions about customers may speak of: the event that just happened, the moment that it is, the stage that
//! the customer is in, and what is known from before.

use event::{Column, Value};

use crate::condition::{Answer, EventColumns, Facts, Type, Vocabulary};
use crate::json_path::json_path;
use crate::read::{Kind, Names};

/// Something that a condition about a customer names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fact {
    /// A column of the event (for a customer: of the latest event).
    Event(Column),
    /// `moment`: the moment that the event is.
    Moment,
    /// `stage`: the stage that the moment belongs to (for a customer: of the latest moment with a stage).
    Stage,
    /// A feature, by its name.
    Feature(String),
    /// The latest score in a survey, by its name.
    Survey(String),
}

/// An event together with the moment that it is: what the condition of an outcome, or a question to the events, is
/// asked of. Nothing is known about the customer from before, so features and surveys are NULL.
#[derive(Debug, Clone, Copy)]
pub struct EventFacts<'a, F: ?Sized> {
    /// The event.
    pub event: &'a F,
    /// The name of its moment, if it is one.
    pub moment: Option<&'a str>,
    /// The name of the stage of that moment.
    pub stage: Option<&'a str>,
}

impl<F: Facts + ?Sized> Facts<Fact> for EventFacts<'_, F> {
    fn get(&self, column: &Fact) -> Answer<'_> {
        match column {
            Fact::Event(column) => self.event.get(column),
            Fact::Moment => self.moment.map_or(Value::Null, Value::Text).into(),
            Fact::Stage => self.stage.map_or(Value::Null, Value::Text).into(),
            Fact::Feature(_) | Fact::Survey(_) => Value::Null.into(),
        }
    }
}

fn text(text: Option<&str>) -> Value<'_> {
    text.map_or(Value::Null, Value::Text)
}

impl Facts for event::Event<'_> {
    fn get(&self, column: &Column) -> Answer<'_> {
        let time = |at: Option<event::Timestamp>| at.map_or(Value::Null, Value::Time);
        match column {
            Column::Event => Value::Text(self.event).into(),
            Column::At => time(Some(self.at)).into(),
            Column::ReceivedAt => time(self.received_at).into(),
            Column::Channel => text(self.channel).into(),
            Column::Source => text(self.source).into(),
            Column::MessageId => text(self.message_id).into(),
            Column::Resource => text(self.resource).into(),
            Column::Department => text(self.department).into(),
            Column::CaseId => text(self.case_id).into(),
            Column::Phase => text(self.phase).into(),
            Column::Property(path) => json_path(self.properties, path),
            Column::Trait(path) => json_path(self.traits, path),
        }
    }
}

/// The vocabulary of conditions over [`Fact`]s.
pub(crate) struct CustomerWords<'a> {
    pub(crate) names: &'a Names,
    /// Whether features and surveys may be named: not in what defines an outcome, which is a matter of the event alone.
    pub(crate) live: bool,
}

impl Vocabulary for CustomerWords<'_> {
    type Column = Fact;

    fn find(&self, parts: &[&str]) -> Option<(Fact, Type)> {
        let [name] = parts else {
            return EventColumns.find(parts).map(|(column, of_type)| (Fact::Event(column), of_type));
        };
        match name.to_ascii_lowercase().as_str() {
            "moment" => return Some((Fact::Moment, Type::Text)),
            "stage" => return Some((Fact::Stage, Type::Text)),
            _ => {}
        }
        if self.live && self.names.of(Kind::Feature).iter().any(|known| known == name) {
            let of_type = self.names.feature_types.get(*name).copied().unwrap_or(Type::Unknown);
            return Some((Fact::Feature((*name).to_owned()), of_type));
        }
        if self.live && self.names.of(Kind::Survey).iter().any(|known| known == name) {
            return Some((Fact::Survey((*name).to_owned()), Type::Float));
        }
        EventColumns.find(parts).map(|(column, of_type)| (Fact::Event(column), of_type))
    }

    fn names(&self) -> Vec<String> {
        let mut names = vec!["moment".to_owned(), "stage".to_owned()];
        if self.live {
            names.extend_from_slice(self.names.of(Kind::Feature));
            names.extend_from_slice(self.names.of(Kind::Survey));
        }
        names.extend(EventColumns.names());
        names
    }

    fn values(&self, column: &Fact) -> Option<Vec<String>> {
        let kind = match column {
            Fact::Moment => Kind::Moment,
            Fact::Stage => Kind::Stage,
            _ => return None,
        };
        self.names.is_closed(kind).then(|| self.names.of(kind).to_vec())
    }
}
