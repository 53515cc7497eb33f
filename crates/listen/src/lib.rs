//! Dialects: bytes of any origin become [`event::Event`]s, or counted, named rejections.
//!
//! A file is first looked at ([`Format::detect`], [`plan`]), which says what each column is taken for and why; then it
//! is read as planned ([`read`]). One file per dialect; each hands what it reads to a [`Sink`]. Rows of tables, whatever
//! they come from, pass through one [`RowMapper`], so that a CSV file and a Parquet file with the same rows give the
//! same events.
//! It may know formats, encodings and how columns are usually named; it must not know files, sockets or stores.

pub mod limits;
mod plan;
mod sink;
mod sniff;
// from bytes to text
mod text;
mod window;
mod xml;
// from rows to events
mod cell;
mod guess;
mod json;
mod mapping;
mod rows;
pub mod stitch;
mod times;
// dialects
mod csv;
mod jsonl;
mod ocel;
pub mod segment;
// bodies of requests
pub mod intake;
#[cfg(test)]
mod testing;
mod xes;

pub use cell::Cell;
pub use csv::Layout;
pub use guess::{Guess, GuessError, Note, guess};
pub use jsonl::Shape;
pub use mapping::{Kind, Mapping, MappingError, Member, Members, Role, TimeColumn, Value};
pub use plan::{Options, Plan, PlanError, ReadError, plan, read};
pub use rows::RowMapper;
pub use sink::{Counting, NamesNobody, Reason, Rejection, Sink, Stop, Summary};
pub use sniff::{Format, UnknownFormat};
pub use text::{Compression, Counted, Encoding, Progress, decode_sample, decompress, decompress_sample};
pub use times::{Clock, DateOrder, Fault, GuessTimesError, Reading, TimeFormat, TimeFormatError, Unit, guess_times};
