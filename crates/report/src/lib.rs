//! Answers as a page that a manager reads: one HTML file, no outside requests.
//!
//! [`render`] makes the page from [`ReportData`]; [`section`] says what an answer of a view says; [`draw_map`] makes the picture of the map alone; [`findings`] says in
//! plain words what the answers show most. It may know the answers of `understand` and the words of the charter; it
//! must not know storage, HTTP or clocks: what was read, and when the page is made, come as data.

mod charts;
mod curve;
mod data;
mod figures;
mod findings;
mod layout;
mod map_svg;
mod page;
mod pictures;
mod sections;
mod style;
mod tables;
mod telling;
mod text;
mod words;

pub use data::{Compared, FileRead, Made, Period, Reading, ReportData, Unit};
pub use findings::{Answers, findings, most_telling};
pub use map_svg::{MapOptions, MapPicture, draw_map, draw_map_by_type};
pub use page::render;
pub use sections::{Section, section};
pub use style::TYPES_MAX;
pub use telling::{Figure, Finding, Kind};
pub use words::Words;
