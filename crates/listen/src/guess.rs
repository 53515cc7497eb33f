//! Which column is what, guessed from names and values, so that most exports can be read without a word.
//!
//! A guess is shown before it is used: each role comes with the reason why its column was taken and whether that is
//! sure. Names decide first, in the order of [`names`]; values decide where names do not. What cannot be decided is an
//! error that says what was looked for.

mod names;
mod values;

use crate::cell::Cell;
use crate::mapping::{Kind, Mapping, MappingError, Member, Members, Role, TimeColumn, Value};
use crate::times::{DateOrder, GuessTimesError};

use values::Column;

/// How often each of the texts that say what happened comes at least, on average, where the column's name says nothing.
const REPEATS: usize = 4;

/// What was guessed about a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guess {
    /// The complete mapping.
    pub mapping: Mapping,
    /// Why it is so, role by role.
    pub notes: Vec<Note>,
}

/// Why a column was taken for a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The role.
    pub role: Role,
    /// The column, or the literal in single quotes.
    pub column: String,
    /// Why this one, and how it is read.
    pub why: String,
    /// Whether it is sure; if not, a person should look at it.
    pub sure: bool,
    /// Whether only its values speak for it, and neither its name nor anybody who said so. Where it is not sure either,
    /// somebody has to confirm it before a row is read: an import of the wrong customers looks like any other.
    pub by_values: bool,
}

/// Why nothing could be guessed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GuessError {
    /// No column can play a role that every event needs.
    #[error(
        "no column says {what} (looked for {looked_for}): give --map {role}=COLUMN{}; the columns are {}{}",
        or_literal(role), columns.join(", "), nor(also)
    )]
    NotFound {
        /// The role.
        role: Role,
        /// What it means.
        what: &'static str,
        /// Which names and values were looked for.
        looked_for: String,
        /// The columns that there are.
        columns: Vec<String>,
        /// What else no column says, and the role that it is.
        also: Vec<(Role, &'static str)>,
    },
    /// The times of a column cannot be read.
    #[error("column `{column}`: {source}{}", say_form(role, column, source))]
    Times {
        /// The role of the column.
        role: Role,
        /// The column.
        column: String,
        /// Why not.
        source: GuessTimesError,
    },
    /// The given mapping does not fit.
    #[error(transparent)]
    Mapping(#[from] MappingError),
}

/// Files in which every row is one and the same event have no column for it.
fn or_literal(role: &Role) -> &'static str {
    if *role == Role::Event { ", or --map \"event='Order'\" where every row is one such event" } else { "" }
}

fn nor(also: &[(Role, &'static str)]) -> String {
    let said =
        also.iter().map(|(role, what)| format!("; nor does one say {what} (--map {role}=COLUMN{})", or_literal(role)));
    said.collect()
}

/// The first error; where something was not found, with all else that was not.
fn all_found(found: [Result<(), GuessError>; 3]) -> Result<(), GuessError> {
    let mut errors = found.into_iter().filter_map(Result::err);
    let Some(mut first) = errors.next() else { return Ok(()) };
    if let GuessError::NotFound { also, .. } = &mut first {
        also.extend(errors.filter_map(|error| match error {
            GuessError::NotFound { role, what, .. } => Some((role, what)),
            _ => None,
        }));
    }
    Err(first)
}

/// How the form of a column is given, where the order of day and month alone does not do.
fn say_form(role: &Role, column: &str, source: &GuessTimesError) -> String {
    if source.is_about_order() {
        return String::new();
    }
    format!("; give --map {role}={column}:{} with the form that it has", source.example_form())
}

/// Completes `given` by guessing which of the columns play the other roles, from their names and a sample of rows.
///
/// `dates` decides between day and month first where the sample does not.
///
/// # Errors
/// When no column can be the event, the customer or the time; when times cannot be read, or both day/month orders are
/// possible; when a given column does not exist.
pub fn guess(
    columns: &[String],
    sample: &[Vec<Cell<'_>>],
    given: &Mapping,
    dates: Option<DateOrder>,
) -> Result<Guess, GuessError> {
    let table: Vec<Column<'_, '_>> = columns
        .iter()
        .enumerate()
        .map(|(at, name)| Column { name, at, rows: sample, unknown: &given.unknown })
        .collect();
    let mut guesser = Guesser { mapping: given.clone(), notes: Vec::new(), table, columns };
    guesser.note_given()?;
    let found = [guesser.times(dates), guesser.event(), guesser.customer()];
    all_found(found)?;
    guesser.others();
    guesser.members();
    Ok(Guess { mapping: guesser.mapping, notes: guesser.notes })
}

struct Guesser<'a, 'c> {
    mapping: Mapping,
    notes: Vec<Note>,
    table: Vec<Column<'a, 'c>>,
    columns: &'a [String],
}

impl<'a, 'c> Guesser<'a, 'c> {
    fn note(&mut self, role: Role, column: &str, why: impl Into<String>, sure: bool) {
        self.notes.push(Note { role, column: column.to_owned(), why: why.into(), sure, by_values: false });
    }

    /// Says of the column that was taken last that only its values speak for it.
    fn by_values(&mut self) {
        self.notes.last_mut().expect("a column was taken").by_values = true;
    }

    fn note_given(&mut self) -> Result<(), GuessError> {
        self.mapping.settle_times(self.columns);
        let used: Vec<(Role, String)> = self.mapping.used().into_iter().map(|(r, c)| (r, c.to_owned())).collect();
        let (there, mut missing): (Vec<_>, Vec<_>) =
            used.into_iter().partition(|(_, column)| self.columns.contains(column));
        let columns = self.columns.to_vec();
        match missing.len() {
            0 => {}
            1 => {
                let (role, column) = missing.remove(0);
                return Err(MappingError::NoSuchColumn { role, column, columns }.into());
            }
            _ => return Err(MappingError::NoSuchColumns { missing, columns }.into()),
        }
        for (role, column) in there {
            self.note(role, &column, "given", true);
        }
        let literals = self.mapping.texts().map(|(role, value)| (role, value.cloned()));
        let keys: Vec<_> = self.mapping.keys.iter().map(|(k, v)| (Role::Key(k.clone()), Some(v.clone()))).collect();
        for (role, value) in literals.into_iter().chain(keys) {
            if let Some(Value::Literal(text)) = value {
                self.note(role, &format!("'{text}'"), "given", true);
            }
        }
        Ok(())
    }

    fn is_free(&self, column: &str) -> bool {
        !self.mapping.used().iter().any(|(_, used)| *used == column)
    }

    /// The first free column with one of these names, in the order of the names, for which `fits` holds.
    fn named(&self, known: &[&'static str], fits: impl Fn(&Column<'a, 'c>) -> bool) -> Option<Column<'a, 'c>> {
        let find = |name: &&str| {
            self.table
                .iter()
                .find(|column| names::normal(column.name) == **name && self.is_free(column.name) && fits(column))
        };
        known.iter().find_map(find).copied()
    }

    /// When things happened: one column, or the two ends of an activity.
    fn times(&mut self, dates: Option<DateOrder>) -> Result<(), GuessError> {
        let given = self.mapping.at.is_some() || self.mapping.start.is_some() || self.mapping.end.is_some();
        if !given {
            self.guess_times()?;
            self.join_time_of_day();
        }
        if self.mapping.received_at.is_none()
            && let Some(column) = self.named(names::RECEIVED_AT, |column| column.looks_like_times(true))
        {
            self.take_time(Role::ReceivedAt, column, "its name", true);
        }
        for role in [Role::At, Role::Start, Role::End, Role::ReceivedAt] {
            self.settle_format(&role, dates)?;
        }
        Ok(())
    }

    fn guess_times(&mut self) -> Result<(), GuessError> {
        let times = |column: &Column<'a, 'c>| column.looks_like_times(true);
        let at = self.named(names::AT, times);
        let start = self.named(names::START, times);
        let end = self.named(names::END, times);
        match (start, end.or(at)) {
            (Some(start), Some(end)) => {
                self.take_time(Role::Start, start, "its name", true);
                self.take_time(Role::End, end, "its name", true);
            }
            (start, end) => {
                if let Some(column) = at.or(end).or(start) {
                    self.take_time(Role::At, column, "its name", true);
                } else {
                    self.guess_time_by_values()?;
                }
            }
        }
        Ok(())
    }

    /// Takes the time of day from a column of its own, where the one that was guessed has dates only: otherwise all of a
    /// day would have happened at midnight.
    fn join_time_of_day(&mut self) {
        let Some(name) = self.mapping.at.as_ref().map(|at| at.column.clone()) else { return };
        let Some(date) = self.table.iter().find(|column| column.name == name) else { return };
        let times: Vec<&str> =
            self.table.iter().filter(|c| self.is_free(c.name) && c.is_times_of_day()).map(|c| c.name).collect();
        let named = names::TIME_OF_DAY.iter().find_map(|known| times.iter().find(|t| names::normal(t) == **known));
        if times.is_empty() || !date.is_dates_only() {
            return;
        }
        let taken = named.unwrap_or(&times[0]);
        let at = self.mapping.at.as_mut().expect("it has a name");
        at.time_of_day = Some((*taken).to_owned());
        let others: Vec<&str> = times.iter().filter(|time| *time != taken).copied().collect();
        let others = if others.is_empty() { String::new() } else { format!("; others are {}", others.join(", ")) };
        self.note(Role::At, taken, format!("the time of day, which `{name}` does not say{others}"), true);
    }

    fn guess_time_by_values(&mut self) -> Result<(), GuessError> {
        let candidates: Vec<Column<'a, 'c>> =
            self.table.iter().filter(|c| self.is_free(c.name) && c.looks_like_times(false)).copied().collect();
        let Some(first) = candidates.first() else {
            // Whoever called a column `at` wants to hear what is wrong with it.
            if let Some(column) = self.named(names::AT, |column| !column.rows.is_empty() && column.has_values())
                && let Err(source) = column.time_format(Some(DateOrder::DayMonthYear))
            {
                return Err(GuessError::Times { role: Role::At, column: column.name.to_owned(), source });
            }
            let looked_for = format!("the names {}, and values that are times", names::shown(names::AT));
            return Err(self.not_found(Role::At, "when it happened", looked_for));
        };
        let others: Vec<&str> = candidates.iter().skip(1).map(|column| column.name).collect();
        let why = match others.as_slice() {
            [] => "the only column of times".to_owned(),
            others => format!("the first column of times; others are {}", others.join(", ")),
        };
        self.take_time(Role::At, *first, &why, others.is_empty());
        self.by_values();
        Ok(())
    }

    fn take_time(&mut self, role: Role, column: Column<'a, 'c>, why: &str, sure: bool) {
        let time = TimeColumn::of(column.name, None);
        let place = self.mapping.time_mut(&role).expect("only roles of times are taken here");
        *place = Some(time);
        self.note(role, column.name, why, sure);
    }

    /// Finds out how the times of a role are written, where nobody has said so.
    fn settle_format(&mut self, role: &Role, dates: Option<DateOrder>) -> Result<(), GuessError> {
        let Some(Some(time)) = self.mapping.time_mut(role) else { return Ok(()) };
        if time.format.is_some() {
            return Ok(());
        }
        let (name, time_of_day) = (time.column.clone(), time.time_of_day.clone());
        let find =
            |name: &str| self.table.iter().find(|column| column.name == name).expect("given columns were checked");
        let format = match time_of_day.as_deref().map(find) {
            Some(time_of_day) => find(&name).joined_format(time_of_day, dates),
            None => find(&name).time_format(dates),
        };
        let format = format.map_err(|source| GuessError::Times { role: role.clone(), column: name.clone(), source })?;
        if let (Some(format), Some(note)) =
            (&format, self.notes.iter_mut().find(|n| n.role == *role && n.column == name))
        {
            note.why = format!("{}; read as {format}", note.why);
        }
        if let Some(Some(time)) = self.mapping.time_mut(role) {
            time.format = format;
        }
        Ok(())
    }

    fn event(&mut self) -> Result<(), GuessError> {
        if self.mapping.event.is_some() {
            return Ok(());
        }
        if let Some(column) = self.named(names::EVENT, Column::has_values) {
            self.take_text(Role::Event, column, "its name", true);
        } else if let Some(column) = self.named(names::EVENT_PERHAPS, Column::has_values) {
            self.take_text(Role::Event, column, "its name", false);
        } else if let Some((column, distinct)) = self.few_values() {
            self.take_text(Role::Event, column, format!("its values repeat most ({distinct} different ones)"), false);
            self.by_values();
        } else {
            let looked_for = format!(
                "the names {}, and texts of two or more kinds, each of them {REPEATS} times or more on average",
                names::shown(names::EVENT)
            );
            return Err(self.not_found(Role::Event, "what happened", looked_for));
        }
        Ok(())
    }

    /// The column of texts with the fewest different values, at least two. One whose name says something else, such as
    /// `channel`, is only taken where there is no other, and an identifier never.
    fn few_values(&self) -> Option<(Column<'a, 'c>, usize)> {
        let free = self.table.iter().filter(|c| self.is_free(c.name) && !names::identifies(c.name) && c.is_words());
        let counted = free.map(|column| (*column, column.distinct()));
        let few = counted.filter(|(column, n)| *n >= 2 && n * REPEATS <= column.filled());
        few.min_by_key(|(column, n)| (names::describes(column.name), *n))
    }

    fn customer(&mut self) -> Result<(), GuessError> {
        if !self.mapping.keys.is_empty() {
            self.case();
            return Ok(());
        }
        for (known, kind, sure) in names::PERSON {
            if self.mapping.keys.iter().any(|(taken, _)| taken == kind) {
                continue;
            }
            if let Some(column) = self.named(known, Column::has_values) {
                self.take_key(kind, column, "its name", *sure);
            }
        }
        if self.mapping.keys.is_empty()
            && let Some(column) = self.named(names::CASE, Column::has_values)
        {
            self.take_key("case", column, "its name; each case is taken for a customer", true);
        }
        if self.mapping.keys.is_empty()
            && let Some(column) = self.named(names::SESSION, Column::has_values)
        {
            self.take_key("session_id", column, "its name; each session is taken for a customer", false);
        }
        if self.mapping.keys.is_empty() {
            let Some(column) = self.many_values() else {
                let names: Vec<&str> =
                    names::PERSON.iter().flat_map(|(known, _, _)| known.iter().take(2).copied()).collect();
                let looked_for = format!(
                    "the names {}, {}, and identifiers that repeat",
                    names.join(", "),
                    names::shown(names::CASE)
                );
                return Err(self.not_found(Role::Key("customer".to_owned()), "who the customer is", looked_for));
            };
            self.take_key("user_id", column, "its values look like identifiers that repeat", false);
            self.by_values();
        }
        self.case();
        Ok(())
    }

    /// The column of identifiers with the most different values, of which some repeat.
    fn many_values(&self) -> Option<Column<'a, 'c>> {
        let free =
            self.table.iter().filter(|c| self.is_free(c.name) && !names::describes(c.name) && c.is_identifiers());
        let counted = free.map(|column| (*column, column.distinct()));
        counted
            .filter(|(column, n)| *n >= 2 && *n < column.filled())
            .max_by_key(|(c, n)| (*n, usize::MAX - c.at))
            .map(|(c, _)| c)
    }

    fn case(&mut self) {
        if self.mapping.case_id.is_none()
            && let Some(column) = self.named(names::CASE, Column::has_values)
        {
            self.take_text(Role::CaseId, column, "its name", true);
        }
    }

    fn others(&mut self) {
        for (role, known) in names::OTHERS {
            let free = self.mapping.text_mut(role).is_some_and(|place| place.is_none());
            if !free {
                continue;
            }
            // An id that repeats is no id of a message: events would be taken for repetitions and lost.
            let fits = |column: &Column<'a, 'c>| {
                column.has_values()
                    && (*role != Role::MessageId || (column.distinct() == column.filled() && column.filled() > 1))
            };
            if let Some(column) = self.named(known, fits) {
                self.take_text(role.clone(), column, "its name", true);
            }
        }
    }

    /// Everything else becomes properties or traits, as numbers and truths where all values are such.
    fn members(&mut self) {
        let rest = [(Role::Properties, &self.mapping.properties), (Role::Traits, &self.mapping.traits)]
            .map(|(role, given)| (role, !matches!(given, Some(Members::Only(_)))));
        self.mapping.settle_members(self.columns);
        for (role, is_rest) in rest {
            let members = if role == Role::Traits { &mut self.mapping.traits } else { &mut self.mapping.properties };
            let Some(Members::Only(members)) = members else { continue };
            for member in members.iter_mut() {
                let column = self.table.iter().find(|column| Some(column.name) == member.from.column());
                member.kind = column.map_or(member.kind, Column::kind);
            }
            if is_rest && !members.is_empty() {
                let shown: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
                let shown = shown.join(", ");
                self.note(role, &shown, "all other columns", true);
            }
        }
        // Of our own exports: one column holds all traits.
        let Some(Members::Only(members)) = &mut self.mapping.properties else { return };
        let is_traits = |member: &Member| member.kind == Kind::Members && member.name == "traits";
        let (traits, rest): (Vec<Member>, Vec<Member>) = std::mem::take(members).into_iter().partition(is_traits);
        *members = rest;
        match &mut self.mapping.traits {
            Some(Members::Only(known)) => known.extend(traits),
            given if !traits.is_empty() => *given = Some(Members::Only(traits)),
            _ => {}
        }
    }

    fn take_text(&mut self, role: Role, column: Column<'a, 'c>, why: impl Into<String>, sure: bool) {
        let place = self.mapping.text_mut(&role).expect("only roles of texts are taken here");
        *place = Some(Value::Column(column.name.to_owned()));
        self.note(role, column.name, why, sure);
    }

    fn take_key(&mut self, kind: &str, column: Column<'a, 'c>, why: &str, sure: bool) {
        self.mapping.keys.push((kind.to_owned(), Value::Column(column.name.to_owned())));
        self.note(Role::Key(kind.to_owned()), column.name, why, sure);
    }

    fn not_found(&self, role: Role, what: &'static str, looked_for: String) -> GuessError {
        GuessError::NotFound { role, what, looked_for, columns: self.columns.to_vec(), also: Vec::new() }
    }
}

#[cfg(test)]
mod tests;
