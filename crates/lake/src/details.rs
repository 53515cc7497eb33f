//! Reading what views want to know of an event besides its moment and its time: words, keys and numbers.
//!
//! Columns that come as dictionaries are looked up once per distinct word and batch; members of the properties are read out
//! of their JSON text, and only of the events of which they are wanted.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int32Type};
use charter::Facts;
use charter::moments::Channel;
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
#[derive(Debug)]
struct Wish<'a> {
    column: &'a Column,
    of: Only,
}

#[derive(Debug)]
enum Only {
    All,
    /// By moment.
    Moments(Vec<bool>),
    Flag(u64),
}

impl Only {
    fn includes(&self, moment: Moment, flags: u64) -> bool {
        match self {
            Only::All => true,
            Only::Moments(moments) => moments.get(moment.index()).copied().unwrap_or(false),
            Only::Flag(flag) => flags & flag != 0,
        }
    }
}

/// Words that have been met.
#[derive(Debug, Default)]
struct Known {
    /// Where in the batch the column is, when it comes as a dictionary.
    position: Option<usize>,
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

    /// Learns the words of a batch whose rows are read next.
    pub(crate) fn begin(&mut self, batch: &RecordBatch, projection: &Projection) {
        for (wish, known) in &mut self.words {
            let column = column_of(wish.column);
            let position = projection.columns.binary_search(&column).expect("what is wanted is read");
            let is_path = matches!(wish.column, Column::Property(_) | Column::Trait(_));
            if is_path || !matches!(batch.column(position).data_type(), DataType::Dictionary(..)) {
                continue;
            }
            known.position = Some(position);
            let words = batch.column(position).as_dictionary::<Int32Type>();
            if known.dictionary.as_ref().is_some_and(|known| known.to_data().ptr_eq(&words.values().to_data())) {
                continue;
            }
            let texts = words.values().as_string::<i32>();
            known.by_number.clear();
            known.by_number.extend(texts.iter().map(|text| text.map_or(Word::NONE, |text| self.vocabulary.word(text))));
            known.dictionary = Some(Arc::clone(words.values()));
        }
    }

    /// Appends what is wanted of one event.
    pub(crate) fn read(&mut self, row: &Row<'_>, moment: Moment, flags: u64, details: &mut Details) {
        let (channels, vocabulary) = (self.channels, &self.vocabulary);
        for ((wish, known), column) in self.words.iter_mut().zip(&mut details.words) {
            let included = wish.of.includes(moment, flags);
            let by_charter = || {
                let asked = included && self.conditional && *wish.column == Column::Channel;
                channels.iter().filter(|_| asked).find(|c| c.when.as_ref().is_some_and(|when| when.holds(row)))
            };
            column.push(match by_charter() {
                _ if !included => Word::NONE,
                Some(channel) => known.word(vocabulary, &channel.name),
                None => known.read(vocabulary, wish.column, row),
            });
        }
        for (wish, column) in self.keys.iter().zip(&mut details.keys) {
            let included = wish.of.includes(moment, flags);
            column.push(if included { with_text(row, wish.column, key).unwrap_or(0) } else { 0 });
        }
        for (wish, column) in self.numbers.iter().zip(&mut details.numbers) {
            let included = wish.of.includes(moment, flags);
            column.push(if included { number(row, wish.column) } else { f64::NAN });
        }
    }
}

impl Known {
    fn read(&mut self, vocabulary: &Words, column: &Column, row: &Row<'_>) -> Word {
        let Some(position) = self.position else {
            return with_text(row, column, |text| self.word(vocabulary, text)).unwrap_or(Word::NONE);
        };
        let words = row.batch.column(position).as_dictionary::<Int32Type>();
        let number = usize::try_from(words.keys().value(row.at)).ok().filter(|_| words.is_valid(row.at));
        number.map_or(Word::NONE, |number| self.by_number[number])
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

fn number(row: &Row<'_>, column: &Column) -> f64 {
    let answer = row.get(column);
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
