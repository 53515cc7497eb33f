//! What each moment has to do with: journeys that it starts, promises that it makes, columns that are read of it.

use charter::journeys::{Expectation, Interaction};
use charter::{Answer, Charter, Facts};
use event::{Column, Event, Value};
use memchr::memmem::Finder;

use super::features::Feeds;
use super::number;
use crate::value::Kept;

/// What a moment has to do with. Positions of values are those in [`takes`](Self::takes), and so in a digest.
#[derive(Debug, Default)]
pub(crate) struct Role {
    pub(crate) stage: Option<u32>,
    /// What is copied out of an event of this moment.
    pub(crate) takes: Vec<Take>,
    /// By journey: whether it starts one, and whether one reaches its goal.
    pub(crate) journeys: Vec<(bool, bool)>,
    /// Expectations that it fulfils, each with the position of its key.
    pub(crate) fulfils: Vec<(u32, usize)>,
    /// Expectations that it raises, each with the position of its key.
    pub(crate) promises: Vec<(u32, usize)>,
    /// By interaction.
    pub(crate) interactions: Vec<Requested>,
    /// Series that it adds to, each with the position of the value.
    pub(crate) feeds: Vec<(u32, Option<usize>)>,
    /// Surveys that it answers, each with the position of the score.
    pub(crate) surveys: Vec<(u32, usize)>,
    pub(crate) outcomes: Vec<Outcome>,
}

/// What a moment is to an interaction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Requested {
    pub(crate) opens: bool,
    pub(crate) resolves: bool,
    pub(crate) key: Option<usize>,
    pub(crate) request: Option<usize>,
}

/// An outcome that a moment may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    pub(crate) outcome: u32,
    /// Whether it is, whatever else the event says.
    pub(crate) sure: bool,
}

/// A column that is copied out of an event.
#[derive(Debug)]
pub(crate) struct Take {
    column: Column,
    /// Whether it only matters which are the same.
    same: bool,
    /// For a member of a JSON text, its name: where the text does not contain it, there is no need to read it.
    member: Option<Finder<'static>>,
}

impl Take {
    fn new(column: &Column, same: bool) -> Self {
        let member = match column {
            Column::Property(path) | Column::Trait(path) => path.last(),
            _ => None,
        };
        let member = member.filter(|name| name.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\'));
        Self { column: column.clone(), same, member: member.map(|name| Finder::new(name.as_bytes()).into_owned()) }
    }

    pub(crate) fn read(&self, event: &Event<'_>, charter: &Charter) -> Kept {
        let copy = if self.same { Kept::same } else { Kept::copy };
        if self.column == Column::Channel {
            return copy(channel(event, charter));
        }
        let json = match self.column {
            Column::Property(_) => event.properties,
            Column::Trait(_) => event.traits,
            _ => None,
        };
        if let (Some(member), Some(json)) = (&self.member, json)
            && member.find(json.as_bytes()).is_none()
            // A name may also be written with escapes.
            && !json.as_bytes().contains(&b'\\')
        {
            return Kept::Null;
        }
        let answer: Answer<'_> = event.get(&self.column);
        answer.value().map_or(Kept::Null, copy)
    }
}

/// The channel of an event: that of the charter, or else what the event says.
pub(super) fn channel<'a>(event: &Event<'a>, charter: &'a Charter) -> Value<'a> {
    let named = charter.channel_of(event).map(|channel| charter.channels[channel].name.as_str());
    named.or(event.channel).map_or(Value::Null, Value::Text)
}

/// Compiles the roles of all moments, by number; where the charter lists none, with one more for all other events.
pub(super) fn compile(charter: &Charter, names: &[Box<str>], feeds: &Feeds) -> Vec<Role> {
    let mut roles: Vec<Role> = names.iter().enumerate().map(|(i, name)| role(charter, Some(name), i, feeds)).collect();
    if charter.moments.is_empty() {
        roles.push(role(charter, None, names.len(), feeds));
    }
    roles
}

fn role(charter: &Charter, name: Option<&str>, moment: usize, feeds: &Feeds) -> Role {
    let is = |other: &String| name == Some(other.as_str());
    let any = |others: &[String]| others.iter().any(is);
    let mut role = Role { stage: charter.stage_of(moment).map(number), ..Role::default() };
    for journey in &charter.journeys {
        role.journeys.push((journey.starts.is_empty() || any(&journey.starts), any(&journey.succeeds)));
    }
    for (i, expectation) in charter.expectations.iter().enumerate() {
        let (fulfils, promises) = (is(&expectation.promise), is(&expectation.after));
        if fulfils || promises {
            let key = role.take(&key_of(charter, expectation), true);
            role.fulfils.extend(fulfils.then_some((number(i), key)));
            role.promises.extend(promises.then_some((number(i), key)));
        }
    }
    for interaction in &charter.interactions {
        role.interactions.push(requested(
            &mut role.takes,
            interaction,
            any(&interaction.opens),
            any(&interaction.resolves),
        ));
    }
    for (i, survey) in charter.surveys.iter().enumerate().filter(|(_, survey)| is(&survey.moment)) {
        let score = role.take(&survey.score, false);
        role.surveys.push((number(i), score));
    }
    if let Some(name) = name {
        for (series, column) in feeds.of_moment(name) {
            let value = column.map(|column| role.take(column, false));
            role.feeds.push((series, value));
        }
    }
    let stage = charter.moments.get(moment).and_then(|moment| moment.stage.as_deref());
    role.outcomes = super::outcomes(charter, name, stage);
    role
}

impl Role {
    fn take(&mut self, column: &Column, same: bool) -> usize {
        take(&mut self.takes, column, same)
    }
}

fn take(takes: &mut Vec<Take>, column: &Column, same: bool) -> usize {
    takes.iter().position(|take| take.column == *column && take.same == same).unwrap_or_else(|| {
        takes.push(Take::new(column, same));
        takes.len() - 1
    })
}

/// The key of an expectation is that of the interaction that opens with what makes the promise and is resolved by what
/// fulfils it; where there is none, the case of the events.
fn key_of(charter: &Charter, expectation: &Expectation) -> Column {
    let mut interactions = charter.interactions.iter();
    let interaction = interactions.find(|interaction| {
        interaction.opens.contains(&expectation.after) && interaction.resolves.contains(&expectation.promise)
    });
    interaction.and_then(|interaction| interaction.key.clone()).unwrap_or(Column::CaseId)
}

/// With a key, the request matters only where an interaction opens or is resolved; without one it tells which events belong
/// together.
fn requested(takes: &mut Vec<Take>, interaction: &Interaction, opens: bool, resolves: bool) -> Requested {
    let key = interaction.key.as_ref().map(|column| take(takes, column, true));
    let asked = key.is_none() || opens || resolves;
    let request = interaction.request.as_ref().filter(|_| asked).map(|column| take(takes, column, true));
    Requested { opens, resolves, key, request }
}
