//! Writing the traffic to a file: Parquet, CSV or JSON Lines, by the file's name.

mod columns;
mod text;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::{Row, Traffic};

/// Why a file of events could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file's name does not say which format is wanted.
    #[error("{} ends with none of .parquet, .csv, .jsonl", path.display())]
    Format {
        /// The file that was asked for.
        path: PathBuf,
    },
    /// The file could not be written.
    #[error("write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: std::io::Error,
    },
    /// The Parquet library refused.
    #[error("write Parquet to {}", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: parquet::errors::ParquetError,
    },
}

/// Plays the whole year into `path` and returns how many events were written.
///
/// # Errors
/// When the ending of `path` is unknown, or when it cannot be written.
pub fn write(traffic: &mut Traffic, path: &Path) -> Result<u64, Error> {
    let create = || File::create(path).map_err(|source| Error::Write { path: path.into(), source });
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("parquet") => {
            columns::write(traffic, create()?).map_err(|source| Error::Parquet { path: path.into(), source })
        }
        Some("csv") => text::write(traffic, BufWriter::with_capacity(1 << 20, create()?), &text::Csv)
            .map_err(|source| Error::Write { path: path.into(), source }),
        Some("jsonl") => text::write(traffic, BufWriter::with_capacity(1 << 20, create()?), &text::JsonLines)
            .map_err(|source| Error::Write { path: path.into(), source }),
        _ => Err(Error::Format { path: path.into() }),
    }
}

/// Writes `u0000123` into `to`: seven digits, more where there are more than ten million customers.
fn write_user(to: &mut impl Write, row: &Row) -> std::io::Result<()> {
    let mut digits = [b'0'; 11];
    let mut n = row.customer;
    let mut start = digits.len();
    while n > 0 || start > digits.len() - 7 {
        start -= 1;
        digits[start] = b'0' + (n % 10) as u8;
        n /= 10;
    }
    start -= 1;
    digits[start] = b'u';
    to.write_all(&digits[start..])
}

#[cfg(test)]
mod tests {
    use std::fs;

    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;

    use super::*;

    #[test]
    fn all_formats_tell_the_same_events() {
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        let written = |name: &str| {
            let path = folder.path().join(name);
            let events = write(&mut Traffic::new(3_000, 4), &path).expect("the folder can be written to");
            assert_eq!(events, 3_000);
            path
        };
        let csv = fs::read_to_string(written("e.csv")).expect("just written");
        let csv: Vec<Vec<&str>> = csv.lines().skip(1).map(|line| line.split(',').collect()).collect();
        let jsonl = fs::read_to_string(written("e.jsonl")).expect("just written");
        let reader =
            SerializedFileReader::new(File::open(written("e.parquet")).expect("just written")).expect("Parquet");
        assert_eq!((csv.len(), jsonl.lines().count()), (3_000, 3_000));
        let rows = reader.get_row_iter(None).expect("rows");
        for ((row, cells), json) in rows.zip(&csv).zip(jsonl.lines()) {
            let row = row.expect("a row");
            let json: serde_json::Value = serde_json::from_str(json).expect("a line of JSON");
            for (column, name) in [(0, "user_id"), (1, "event"), (3, "channel")] {
                assert_eq!(row.get_string(column).expect(name), cells[column], "{name}");
                assert_eq!(json[name], cells[column], "{name}");
            }
            assert_eq!(json["at"], cells[2]);
            let amount = row.get_double(4).map_or(String::new(), |amount| format!("{amount:.2}"));
            assert_eq!(amount, cells[4]);
            assert_eq!(row.get_string(5).map_or("", String::as_str), cells[5]);
        }
    }

    #[test]
    fn an_unknown_ending_is_refused() {
        let refused = write(&mut Traffic::new(1, 1), Path::new("events.xlsx")).expect_err("no such format");
        assert_eq!(refused.to_string(), "events.xlsx ends with none of .parquet, .csv, .jsonl");
    }
}
