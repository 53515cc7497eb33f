//! From the columns of a batch to moments and flags: what a charter and the conditions of a question see in an event.
//!
//! The `event` column comes as a dictionary, so most is decided once per distinct name and not per event: a condition is
//! first asked with nothing but the name known, and only where it cannot say (*pending*) is the rest of the event read.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, RecordBatch};
use arrow::datatypes::{DataType, Int32Type, Int64Type, TimestampMicrosecondType};
use charter::{Answer, Condition, EventFacts, Fact, Facts, Truth, json_path};
use event::{Column, Timestamp, Value};
use hashbrown::HashMap;
use journey::{Columns, Details, Moment, Moments, Wanted, Words, flag};
use rapidhash::fast::RandomState;

use crate::details::{Reading, Rows};
use crate::error::Error;
use crate::scan::Projection;
use crate::schema::event_column;

/// What is seen in an event.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lens {
    /// The moments of the charter in its order; none: every distinct event name is a moment.
    pub moments: Vec<Seen>,
    /// Only events for which this holds.
    pub events: Option<Condition<Fact>>,
    /// Sets [`flag::WHERE`].
    pub with: Option<Condition<Fact>>,
    /// Sets [`flag::COMPARE`].
    pub compare: Option<Condition<Fact>>,
    /// The channels of the charter.
    pub channels: Vec<charter::moments::Channel>,
    /// What views want to know besides.
    pub wanted: Arc<Wanted>,
}

/// A moment of the charter, as a lens needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Its name.
    pub name: String,
    /// The stage that it belongs to.
    pub stage: Option<String>,
    /// Which events it is.
    pub when: Condition,
}

impl Lens {
    /// The conditions that an event is asked: `events`, `with`, `compare`, then those that are wanted.
    fn asked(&self) -> impl Iterator<Item = Option<&Condition<Fact>>> {
        let own = [&self.events, &self.with, &self.compare].map(Option::as_ref);
        own.into_iter().chain(self.wanted.conditions.iter().map(Some))
    }

    /// The columns that have to be read.
    pub(crate) fn projection(&self) -> Projection {
        let asked = self.asked().flatten().flat_map(Condition::columns).filter_map(|fact| match fact {
            Fact::Event(column) => Some(column),
            _ => None,
        });
        let details = self.wanted.columns().chain(self.channel_conditions().flat_map(Condition::columns));
        let moments = self.moments.iter().flat_map(|seen| seen.when.columns());
        let mut columns: Vec<usize> = moments.chain(asked).chain(details).map(column_of).collect();
        columns.extend(["customer", "at", "event"].map(event_column));
        columns.sort_unstable();
        columns.dedup();
        Projection { columns, dictionaries: true }
    }

    /// What decides on channels, where any view wants to know them.
    fn channel_conditions(&self) -> impl Iterator<Item = &Condition> {
        let wanted = self.wanted.words.iter().any(|want| want.column == Column::Channel);
        self.channels.iter().filter(move |_| wanted).filter_map(|channel| channel.when.as_ref())
    }
}

/// The column of the table that a column of a condition lies in.
pub(crate) fn column_of(column: &Column) -> usize {
    match column {
        Column::Property(_) => event_column("properties"),
        Column::Trait(_) => event_column("traits"),
        named => event_column(&named.to_string()),
    }
}

/// What is known of an event by its name alone.
#[derive(Debug, Clone)]
struct Word {
    /// Its moment; `None` when that depends on more than the name.
    moment: Option<Moment>,
    /// By condition that is asked: what it says.
    says: Vec<Truth>,
    /// What is seen in an event of this name, where that depends on nothing else.
    sight: Option<Sight>,
    /// How many events of this name were left out because they are no moment.
    left_out: u64,
}

/// What is seen in an event.
#[derive(Debug, Clone, Copy)]
enum Sight {
    /// It is no moment.
    NoMoment,
    /// It is a moment, and not looked at.
    PassedOver,
    /// A moment and its flags.
    Taken(Moment, u64),
}

impl Sight {
    /// Of an event that is this moment, when the conditions say this of it, in their order; `None` while they cannot say.
    fn of(moment: Moment, mut says: impl Iterator<Item = Truth>) -> Option<Self> {
        if moment == Moment::NONE {
            return Some(Self::NoMoment);
        }
        match says.next() {
            Some(Truth::Pending) => return None,
            Some(Truth::False | Truth::Null) => return Some(Self::PassedOver),
            Some(Truth::True) | None => {}
        }
        let flag = |n| match n {
            0 => flag::WHERE,
            1 => flag::COMPARE,
            n => flag::wanted(n - 2),
        };
        says.enumerate().try_fold(Self::Taken(moment, 0), |sight, (n, says)| match (sight, says) {
            (_, Truth::Pending) => None,
            (Self::Taken(moment, flags), Truth::True) => Some(Self::Taken(moment, flags | flag(n))),
            _ => Some(sight),
        })
    }
}

/// A lens at work on one core.
#[derive(Debug)]
pub(crate) struct Looking<'a> {
    lens: &'a Lens,
    numbers: Vec<Moment>,
    /// By moment: what the charter says of it.
    told: Vec<Option<&'a Seen>>,
    moments: Moments,
    projection: Projection,
    /// The dictionary that `words` is about.
    dictionary: Option<ArrayRef>,
    /// By number in the dictionary: the number of its word in `known`.
    words: Vec<usize>,
    /// All words that were met: where runs are merged dictionaries change every few rows, and words stay the same.
    known: Vec<Word>,
    by_name: HashMap<String, usize, RandomState>,
    /// Whether any condition becomes a flag.
    flagged: bool,
    /// Whether every word is a moment by its name alone, and nothing else is asked.
    plain: bool,
    details: Details,
    reading: Reading<'a>,
    /// The rows of the batch that are taken.
    rows: Vec<usize>,
    customer: Vec<i64>,
    seen: Vec<Moment>,
    at_us: Vec<i64>,
    flags: Vec<u64>,
}

impl<'a> Looking<'a> {
    pub(crate) fn new(lens: &'a Lens, projection: Projection, moments: &Moments, words: &Words) -> Self {
        let numbers: Vec<Moment> = lens.moments.iter().map(|seen| moments.intern(&seen.name)).collect();
        let mut told = vec![None; numbers.iter().map(|moment| moment.index() + 1).max().unwrap_or(0)];
        for (moment, seen) in numbers.iter().zip(&lens.moments) {
            told[moment.index()].get_or_insert(seen);
        }
        Self {
            details: Details::of(&lens.wanted),
            reading: Reading::new(lens, moments, words),
            flagged: lens.with.is_some() || lens.compare.is_some() || !lens.wanted.conditions.is_empty(),
            lens,
            numbers,
            told,
            moments: moments.clone(),
            projection,
            dictionary: None,
            words: Vec::new(),
            known: Vec::new(),
            by_name: HashMap::default(),
            plain: false,
            rows: Vec::new(),
            customer: Vec::new(),
            seen: Vec::new(),
            at_us: Vec::new(),
            flags: Vec::new(),
        }
    }

    /// The batch as a fold sees it.
    pub(crate) fn look<'b>(&'b mut self, batch: &'b RecordBatch) -> Result<Columns<'b>, Error> {
        let [customer, at, event] = ["customer", "at", "event"].map(|name| self.projection.position(name));
        let customer = batch.column(customer).as_primitive::<Int64Type>().values();
        let at_us = batch.column(at).as_primitive::<TimestampMicrosecondType>().values();
        let names = batch.column(event).as_dictionary::<Int32Type>();
        self.learn(names)?;
        self.seen.clear();
        if self.plain {
            let (words, known) = (&self.words, &self.known);
            let moment = |key: &i32| known[words[key.cast_unsigned() as usize]].moment.unwrap_or(Moment::NONE);
            self.seen.extend(names.keys().values().iter().map(moment));
            return Ok(Columns { customer, moments: &self.seen, at_us, flags: &[], details: Details::NONE, begins: 0 });
        }
        self.look_closely(batch, names);
        let (mut customers, mut times): (&[i64], &[i64]) = (customer, at_us);
        if self.rows.len() < batch.num_rows() {
            self.customer.clear();
            self.customer.extend(self.rows.iter().map(|row| customer[*row]));
            self.at_us.clear();
            self.at_us.extend(self.rows.iter().map(|row| at_us[*row]));
            (customers, times) = (&self.customer, &self.at_us);
        }
        Ok(Columns {
            customer: customers,
            moments: &self.seen,
            at_us: times,
            flags: &self.flags,
            details: &self.details,
            begins: 0,
        })
    }

    /// Takes the rows that count, and reads what is wanted of them, column by column.
    fn look_closely(&mut self, batch: &RecordBatch, names: &DictionaryArray<Int32Type>) {
        self.rows.clear();
        self.flags.clear();
        for (row, key) in names.keys().values().iter().enumerate() {
            let number = self.words[key.cast_unsigned() as usize];
            let word = &self.known[number];
            match word.sight.unwrap_or_else(|| self.look_at(word, &Row::new(batch, row, &self.projection))) {
                Sight::NoMoment => self.known[number].left_out += 1,
                Sight::PassedOver => {}
                Sight::Taken(moment, flags) => {
                    self.rows.push(row);
                    self.seen.push(moment);
                    if self.flagged {
                        self.flags.push(flags);
                    }
                }
            }
        }
        self.details.clear();
        let taken = Rows { batch, projection: &self.projection, at: &self.rows };
        self.reading.read(&taken, &self.seen, &self.flags, &mut self.details);
    }

    /// What is seen in an event of which the name does not say enough.
    fn look_at(&self, word: &Word, row: &Row<'_>) -> Sight {
        let moment = word.moment.unwrap_or_else(|| self.moment_of(row));
        let told = self.told(moment);
        let name = told.map(|seen| seen.name.as_str()).or_else(|| row.text("event"));
        let facts = EventFacts { event: row, moment: name, stage: told.and_then(|seen| seen.stage.as_deref()) };
        let says = word.says.iter().zip(self.lens.asked()).map(|(by_name, condition)| match (by_name, condition) {
            (Truth::Pending, Some(condition)) if condition.holds(&facts) => Truth::True,
            (Truth::Pending, _) => Truth::False,
            (known, _) => *known,
        });
        Sight::of(moment, says).expect("an event of which all is known is asked")
    }

    fn moment_of(&self, facts: &impl Facts) -> Moment {
        first_of(&self.lens.moments, facts).map_or(Moment::NONE, |place| self.numbers[place])
    }

    /// What conditions may know of a moment that has been told.
    fn told(&self, moment: Moment) -> Option<&'a Seen> {
        self.told.get(moment.index()).copied().flatten()
    }

    /// Learns what the words of a new dictionary mean.
    fn learn(&mut self, names: &DictionaryArray<Int32Type>) -> Result<(), Error> {
        if self.dictionary.as_ref().is_some_and(|known| known.to_data().ptr_eq(&names.values().to_data())) {
            return Ok(());
        }
        if names.null_count() > 0 {
            return Err(Error::Corrupt { what: "an event has no name".to_owned() });
        }
        self.words.clear();
        for name in names.values().as_string::<i32>().iter().map(Option::unwrap_or_default) {
            let number = match self.by_name.get(name) {
                Some(number) => *number,
                None => self.meet(name),
            };
            self.words.push(number);
        }
        let asked = self.lens.asked().any(|condition| condition.is_some()) || !self.lens.wanted.is_empty();
        let is_moment = |number: &usize| self.known[*number].moment.is_some_and(|moment| moment != Moment::NONE);
        self.plain = !asked && self.words.iter().all(is_moment);
        self.dictionary = Some(Arc::clone(names.values()));
        Ok(())
    }

    /// Learns what a word means; gives its number.
    fn meet(&mut self, name: &str) -> usize {
        let moment = self.moment_by_name(name);
        let facts = ByName { name, known: moment.is_some(), told: moment.and_then(|moment| self.told(moment)) };
        let asked = self.lens.asked();
        let says: Vec<Truth> =
            asked.map(|condition| condition.map_or(Truth::True, |condition| condition.eval(&facts))).collect();
        let sight = moment.and_then(|moment| Sight::of(moment, says.iter().copied()));
        self.known.push(Word { moment, says, sight, left_out: 0 });
        self.by_name.insert(name.to_owned(), self.known.len() - 1);
        self.known.len() - 1
    }

    /// By name: how many events were left out because they are no moment.
    pub(crate) fn left_out(self) -> BTreeMap<String, u64> {
        let all = self.by_name.into_iter().map(|(name, number)| (name, self.known[number].left_out));
        all.filter(|(_, left_out)| *left_out > 0).collect()
    }

    fn moment_by_name(&self, name: &str) -> Option<Moment> {
        if self.lens.moments.is_empty() {
            return Some(self.moments.intern(name));
        }
        match by_name(&self.lens.moments, name) {
            ByNameAlone::Moment(place) => Some(self.numbers[place]),
            ByNameAlone::NoMoment => Some(Moment::NONE),
            ByNameAlone::Depends => None,
        }
    }
}

/// The place of the first moment that an event is.
pub(crate) fn first_of(moments: &[Seen], facts: &impl Facts) -> Option<usize> {
    moments.iter().position(|seen| seen.when.eval(facts) == Truth::True)
}

/// What the name of an event says of which moment it is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ByNameAlone {
    /// This one, by its place.
    Moment(usize),
    NoMoment,
    /// It depends on more.
    Depends,
}

/// Which moment an event of this name is.
pub(crate) fn by_name(moments: &[Seen], name: &str) -> ByNameAlone {
    for (place, seen) in moments.iter().enumerate() {
        match seen.when.eval(&Named(name)) {
            Truth::True => return ByNameAlone::Moment(place),
            Truth::Pending => return ByNameAlone::Depends,
            Truth::False | Truth::Null => {}
        }
    }
    ByNameAlone::NoMoment
}

/// An event of which only the name is known.
struct Named<'a>(&'a str);

impl Facts for Named<'_> {
    fn get(&self, column: &Column) -> Answer<'_> {
        if *column == Column::Event { Value::Text(self.0).into() } else { Answer::Pending }
    }
}

/// An event of which the name is known, and perhaps which moment it is.
struct ByName<'a> {
    name: &'a str,
    known: bool,
    told: Option<&'a Seen>,
}

impl Facts<Fact> for ByName<'_> {
    fn get(&self, fact: &Fact) -> Answer<'_> {
        let text = match fact {
            Fact::Event(Column::Event) => Some(self.name),
            Fact::Event(_) => return Answer::Pending,
            Fact::Moment | Fact::Stage if !self.known => return Answer::Pending,
            Fact::Moment => Some(self.told.map_or(self.name, |seen| &seen.name)),
            Fact::Stage => self.told.and_then(|seen| seen.stage.as_deref()),
            Fact::Feature(_) | Fact::Survey(_) => None,
        };
        text.map_or(Value::Null, Value::Text).into()
    }
}

/// One row of a batch.
pub(crate) struct Row<'a> {
    pub(crate) batch: &'a RecordBatch,
    pub(crate) at: usize,
    projection: &'a Projection,
}

impl<'a> Row<'a> {
    pub(crate) fn new(batch: &'a RecordBatch, at: usize, projection: &'a Projection) -> Self {
        Self { batch, at, projection }
    }

    fn text(&self, name: &str) -> Option<&str> {
        let column = self.batch.column(self.projection.position(name));
        if column.is_null(self.at) {
            return None;
        }
        match column.data_type() {
            DataType::Dictionary(..) => {
                let words = column.as_dictionary::<Int32Type>();
                let key = usize::try_from(words.keys().value(self.at)).ok()?;
                Some(words.values().as_string::<i32>().value(key))
            }
            _ => Some(column.as_string::<i32>().value(self.at)),
        }
    }

    fn time(&self, name: &str) -> Value<'_> {
        let column = self.batch.column(self.projection.position(name));
        if column.is_null(self.at) {
            return Value::Null;
        }
        Value::Time(Timestamp::from_micros(column.as_primitive::<TimestampMicrosecondType>().value(self.at)))
    }
}

impl Facts for Row<'_> {
    fn get(&self, column: &Column) -> Answer<'_> {
        match column {
            Column::At => self.time("at").into(),
            Column::ReceivedAt => self.time("received_at").into(),
            Column::Property(path) => json_path(self.text("properties"), path),
            Column::Trait(path) => json_path(self.text("traits"), path),
            named => self.text(&named.to_string()).map_or(Value::Null, Value::Text).into(),
        }
    }
}
