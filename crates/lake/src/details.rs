//! Reading what views want to know of an event besides its moment and its time: words, keys and numbers.
//!
//! Columns that come as dictionaries are looked up once per distinct word and batch; members of the properties are read out
//! of their JSON text, and only of the events of which they are wanted.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, RecordBatch};
use arrow::datatypes::{Int32Type, TimestampMicrosecondType};
use charter::moments::Channel;
use charter::{Answer, Facts, json_path};
use event::{Column, Value};
use hashbrown::HashMap;
use journey::{Details, Moment, Moments, Of, Want, Word, Words, flag};
use rapidhash::fast::RandomState;
use rapidhash::v3::rapidhash_v3;

use crate::lens::{Lens, Row, column_of};
use crate::scan::Projection;

/// What is wanted, at work on one core.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    words: Vec<(Wish<'a>, Known)>,
    keys: Vec<Wish<'a>>,
    numbers: Vec<Wish<'a>>,
    channels: &'a [Channel],
    /// Whether the charter decides on channels by more than what events say.
    conditional: bool,
    vocabulary: Words,
}

/// One column, and of which events it is wanted.
#[derive(Debug, PartialEq)]
struct Wish<'a> {
    column: &'a Column,
    of: Only,
}

#[derive(Debug, PartialEq)]
enum Only {
    All,
    /// By moment.
    Moments(Vec<bool>),
    Flag(u64),
}

/// Rows of a batch of which something is wanted.
pub(crate) struct Rows<'b> {
    pub(crate) batch: &'b RecordBatch,
    pub(crate) projection: &'b Projection,
    pub(crate) at: &'b [usize],
}

impl<'b> Rows<'b> {
    /// The column of the batch that a column of an event lies in.
    fn column(&self, column: &Column) -> &'b ArrayRef {
        let position = self.projection.columns.binary_search(&column_of(column)).expect("what is wanted is read");
        self.batch.column(position)
    }

    /// Whether the column of the batch has nothing in any row.
    fn say_nothing(&self, column: &Column) -> bool {
        let column = self.column(column);
        column.null_count() == column.len()
    }

    fn row(&self, row: usize) -> Row<'b> {
        Row::new(self.batch, row, self.projection)
    }
}

/// Words that have been met.
#[derive(Debug, Default)]
struct Known {
    dictionary: Option<ArrayRef>,
    /// By number in the dictionary.
    by_number: Vec<Word>,
    by_text: HashMap<Box<str>, Word, RandomState>,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(lens: &'a Lens, moments: &Moments, vocabulary: &Words) -> Self {
        let wish = |want: &'a Want| Wish {
            column: &want.column,
            of: match &want.of {
                Of::All => Only::All,
                Of::Condition(position) => Only::Flag(flag::wanted(*position)),
                Of::Moments(names) => {
                    let mut mask = Vec::new();
                    for moment in names.iter().map(|name| moments.intern(name).index()) {
                        mask.resize(mask.len().max(moment + 1), false);
                        mask[moment] = true;
                    }
                    Only::Moments(mask)
                }
            },
        };
        Self {
            words: lens.wanted.words.iter().map(|want| (wish(want), Known::default())).collect(),
            keys: lens.wanted.keys.iter().map(wish).collect(),
            numbers: lens.wanted.numbers.iter().map(wish).collect(),
            channels: &lens.channels,
            conditional: lens.channels.iter().any(|channel| channel.when.is_some()),
            vocabulary: vocabulary.clone(),
        }
    }

    /// Appends what is wanted of each row, which is an event of the moment and with the flags in its place.
    pub(crate) fn read(&mut self, rows: &Rows<'_>, moments: &[Moment], flags: &[u64], details: &mut Details) {
        let vocabulary = &self.vocabulary;
        for ((wish, known), column) in self.words.iter_mut().zip(&mut details.words) {
            if let Some(twin) = self.keys.iter().position(|key| key.is_member() && key == wish) {
                let mut both = Vec::with_capacity(rows.at.len());
                wish.each(rows, moments, flags, (Word::NONE, 0), &mut both, |row| {
                    let read = |text: &str| (known.word(vocabulary, text), key(text));
                    with_text(&rows.row(row), wish.column, read).unwrap_or((Word::NONE, 0))
                });
                column.extend(both.iter().map(|(word, _)| word));
                details.keys[twin].extend(both.iter().map(|(_, key)| key));
                continue;
            }
            let by_charter = self.conditional && *wish.column == Column::Channel;
            let channels = if by_charter { self.channels } else { &[] };
            let words = dictionary(wish.column, rows);
            if let Some(words) = words {
                known.learn(words, vocabulary);
            }
            match words {
                Some(words) if channels.is_empty() && words.null_count() == words.len() => {
                    column.resize(column.len() + rows.at.len(), Word::NONE);
                }
                Some(words) if channels.is_empty() && words.null_count() == 0 => {
                    let (keys, by_number) = (words.keys().values(), known.by_number.as_slice());
                    let read = |row: usize| by_number[keys[row].cast_unsigned() as usize];
                    wish.each(rows, moments, flags, Word::NONE, column, read);
                }
                words => wish.each(rows, moments, flags, Word::NONE, column, |row| {
                    let holds =
                        |channel: &&Channel| channel.when.as_ref().is_some_and(|when| when.holds(&rows.row(row)));
                    match (channels.iter().find(holds), words) {
                        (Some(channel), _) => known.word(vocabulary, &channel.name),
                        (None, Some(words)) if words.is_null(row) => Word::NONE,
                        (None, Some(words)) => known.by_number[words.keys().values()[row].cast_unsigned() as usize],
                        (None, None) => known.read(vocabulary, wish.column, &rows.row(row)),
                    }
                }),
            }
        }
        // What is a word too was read with it.
        let told = |key: &Wish<'_>| key.is_member() && self.words.iter().any(|(wish, _)| wish == key);
        for (wish, column) in self.keys.iter().zip(&mut details.keys).filter(|(wish, _)| !told(wish)) {
            if rows.say_nothing(wish.column) {
                column.resize(column.len() + rows.at.len(), 0);
                continue;
            }
            let read = |row: usize| with_text(&rows.row(row), wish.column, key).unwrap_or(0);
            wish.each(rows, moments, flags, 0, column, read);
        }
        self.read_numbers(rows, moments, flags, details);
    }

    fn read_numbers(&self, rows: &Rows<'_>, moments: &[Moment], flags: &[u64], details: &mut Details) {
        for (wish, column) in self.numbers.iter().zip(&mut details.numbers) {
            if rows.say_nothing(wish.column) {
                column.resize(column.len() + rows.at.len(), f64::NAN);
                continue;
            }
            match wish.column {
                Column::At | Column::ReceivedAt => {
                    let times = rows.column(wish.column).as_primitive::<TimestampMicrosecondType>();
                    let read = |row: usize| if times.is_null(row) { f64::NAN } else { times.value(row) as f64 };
                    wish.each(rows, moments, flags, f64::NAN, column, read);
                }
                Column::Property(path) | Column::Trait(path) => {
                    let texts = rows.column(wish.column).as_string::<i32>();
                    let json = |row: usize| texts.is_valid(row).then(|| texts.value(row));
                    let read = |row: usize| number(&json_path(json(row), path));
                    wish.each(rows, moments, flags, f64::NAN, column, read);
                }
                named => {
                    let read = |row: usize| number(&rows.row(row).get(named));
                    wish.each(rows, moments, flags, f64::NAN, column, read);
                }
            }
        }
    }
}

impl Wish<'_> {
    /// Whether it lies inside a JSON text, which takes time to read.
    fn is_member(&self) -> bool {
        matches!(self.column, Column::Property(_) | Column::Trait(_))
    }

    /// Appends what `read` finds in each row, and `none` for those of which it is not wanted.
    #[inline]
    fn each<T: Copy>(
        &self,
        rows: &Rows<'_>,
        moments: &[Moment],
        flags: &[u64],
        none: T,
        column: &mut Vec<T>,
        mut read: impl FnMut(usize) -> T,
    ) {
        let each = rows.at.iter();
        match &self.of {
            Only::All => column.extend(each.map(|row| read(*row))),
            Only::Moments(wanted) => column.extend(each.zip(moments).map(|(row, moment)| {
                let wanted = wanted.get(moment.index()).copied().unwrap_or(false);
                if wanted { read(*row) } else { none }
            })),
            Only::Flag(flag) => {
                let each = each.zip(flags);
                column.extend(each.map(|(row, flags)| if flags & flag != 0 { read(*row) } else { none }));
            }
        }
    }
}

/// The words of a column that comes as a dictionary.
fn dictionary<'b>(column: &Column, rows: &Rows<'b>) -> Option<&'b DictionaryArray<Int32Type>> {
    let is_path = matches!(column, Column::Property(_) | Column::Trait(_));
    rows.column(column).as_dictionary_opt().filter(|_| !is_path)
}

impl Known {
    /// Learns the words of a dictionary, unless it is the one that came before.
    fn learn(&mut self, words: &DictionaryArray<Int32Type>, vocabulary: &Words) {
        if self.dictionary.as_ref().is_some_and(|known| known.to_data().ptr_eq(&words.values().to_data())) {
            return;
        }
        let texts = words.values().as_string::<i32>();
        self.by_number.clear();
        self.by_number.extend(texts.iter().map(|text| text.map_or(Word::NONE, |text| vocabulary.word(text))));
        self.dictionary = Some(Arc::clone(words.values()));
    }

    fn read(&mut self, vocabulary: &Words, column: &Column, row: &Row<'_>) -> Word {
        with_text(row, column, |text| self.word(vocabulary, text)).unwrap_or(Word::NONE)
    }

    fn word(&mut self, vocabulary: &Words, text: &str) -> Word {
        if let Some(word) = self.by_text.get(text) {
            return *word;
        }
        let word = vocabulary.word(text);
        // Beyond the vocabulary's limit everything is the same word, which need not be remembered by text.
        if word != Word::OTHER {
            self.by_text.insert(text.into(), word);
        }
        word
    }
}

/// What two events have in common when their texts are the same.
fn key(text: &str) -> u64 {
    rapidhash_v3(text.as_bytes()).max(1)
}

/// Does something with the text of a column; numbers are written out.
pub(crate) fn with_text<T>(row: &Row<'_>, column: &Column, what: impl FnOnce(&str) -> T) -> Option<T> {
    let answer = row.get(column);
    match answer.value()? {
        Value::Text(text) => Some(what(text)),
        Value::Int(number) => Some(what(&number.to_string())),
        Value::Float(number) => Some(what(&number.to_string())),
        Value::Bool(truth) => Some(what(if truth { "true" } else { "false" })),
        Value::Null | Value::Time(_) => None,
    }
}

fn number(answer: &Answer<'_>) -> f64 {
    match answer.value() {
        Some(Value::Int(number)) => number as f64,
        Some(Value::Float(number)) => number,
        // Exports often quote their numbers.
        Some(Value::Text(text)) => {
            text.trim().parse().ok().filter(|number: &f64| number.is_finite()).unwrap_or(f64::NAN)
        }
        Some(Value::Time(time)) => time.as_micros() as f64,
        Some(Value::Null | Value::Bool(_)) | None => f64::NAN,
    }
}
