//! History: all events at rest, in Delta tables that anybody may read, and the operator that asks them questions.
//!
//! This is the only crate that names `DataFusion` and Arrow, so it also reads Parquet on import. Events of one customer lie in
//! one bucket, sorted by (customer, at, seq); see `ARCHITECTURE.md` for why that makes questions fast.
//! It may know files and threads; it must not know decisions or HTTP.

mod again;
mod ask;
mod cores;
mod details;
mod ends;
mod error;
mod export;
mod identity;
mod import;
mod kept;
mod lens;
mod limits;
mod maintain;
mod members;
mod message_id;
mod objects;
mod of;
mod open_file;
mod parquet_in;
mod pass;
mod person;
mod quarantine;
mod rebuild;
mod run_file;
mod scan;
mod schema;
mod spill;
mod sql;
mod store;
mod table;
mod told;
mod torn;
mod touched;
mod waiting;
mod words;
mod writer;

pub use ask::{Answered, Before, Groups, LeftOut, MakeFolds, Question, Vocabulary};
pub use cores::each_on_all_cores;
pub use ends::Ends;
pub use error::Error;
pub use export::{ExportFormat, Exported};
pub use import::{ImportOptions, Imported, Importer, Rejected};
pub use kept::{Keeping, Kept};
pub use lens::{Lens, Seen};
pub use maintain::{Compacted, Receipt};
pub use members::Unknown;
pub use of::Of;
pub use parquet_in::{ParquetError, parquet_rows, plan_parquet, read_parquet};
pub use person::{Link, Person, PersonEvent, Standing};
pub use sql::Rows;
pub use store::{Held, Lake};
pub use told::{Origin, Said, Told};
pub use writer::Writer;
