//! Rejected rows at rest, and taking a customer's out of them.
//!
//! A rejected row is no event, so nothing says for certain whom it names: every row goes in which one of the customer's keys
//! stands as a word, however it was written. Rather one row too many than one too few.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// Takes every line that names one of these keys, as (kind, value), out of the files of a folder; gives how many, and adds the
/// files to `places`.
pub(crate) fn erase(folder: &Path, keys: &[(&str, &str)], places: &mut Vec<String>) -> Result<u64, Error> {
    let names: Vec<Name> = keys.iter().map(|(_, value)| Name::new(value)).collect();
    let mut gone = 0;
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(0) };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    paths.sort();
    for path in paths {
        let text = std::fs::read_to_string(&path).map_err(Error::file("read", &path))?;
        let (theirs, others): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| {
            let line = comparable(&plain(line));
            names.iter().any(|name| name.is_in(&line))
        });
        if theirs.is_empty() {
            continue;
        }
        gone += theirs.len() as u64;
        let temporary = path.with_extension("tmp");
        let mut file = std::fs::File::create(&temporary).map_err(Error::file("make", &temporary))?;
        for line in others {
            writeln!(file, "{line}").map_err(Error::file("write", &temporary))?;
        }
        file.sync_all().map_err(Error::file("sync", &temporary))?;
        std::fs::rename(&temporary, &path).map_err(Error::file("replace", &path))?;
        places.push(format!("quarantine/{}", path.file_name().unwrap_or_default().to_string_lossy()));
    }
    Ok(gone)
}

/// All texts of a line of a quarantine file; the line itself where it is not as we write it.
fn plain(line: &str) -> String {
    let Ok(serde_json::Value::Object(record)) = serde_json::from_str(line) else { return line.to_owned() };
    let texts: Vec<&str> = record.values().filter_map(serde_json::Value::as_str).collect();
    // A row of JSON or CSV has escapes of its own.
    let unescaped = texts.join("\n").replace("\\\"", "\"").replace("\"\"", "\"").replace("\\\\", "\\");
    format!("{}\n{unescaped}", texts.join("\n"))
}

/// A text as keys are compared: without regard to case, and to how space is written.
fn comparable(text: &str) -> String {
    text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A key value as it may stand in a row.
struct Name {
    text: String,
    /// What a telephone number looks like whatever stands between its digits.
    digits: Option<String>,
}

/// Fewer digits than these are no telephone number.
const PHONE_DIGITS_MIN: usize = 6;

impl Name {
    fn new(value: &str) -> Self {
        let digits = value.strip_prefix('+').unwrap_or(value);
        let is_phone = digits.len() >= PHONE_DIGITS_MIN && digits.bytes().all(|b| b.is_ascii_digit());
        Self { text: comparable(value), digits: is_phone.then(|| digits.to_owned()) }
    }

    fn is_in(&self, line: &str) -> bool {
        stands_in(&self.text, line)
            || self.digits.as_ref().is_some_and(|digits| {
                let joined: String = line.replace("(0)", "").chars().filter(|c| !" +-./()".contains(*c)).collect();
                joined.contains(digits)
            })
    }
}

/// Whether a word stands in a line with no letter or digit before or after it.
fn stands_in(word: &str, line: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric();
    !word.is_empty()
        && line.match_indices(word).any(|(at, found)| {
            let before = line.get(..at).and_then(|before| before.chars().next_back());
            let after = line.get(at + found.len()..).and_then(|after| after.chars().next());
            !before.is_some_and(part_of_word) && !after.is_some_and(part_of_word)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_name_a_key_go_however_it_was_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let line =
            |row: &str| serde_json::json!({"line": 1, "reason": "no-time", "detail": "", "row": row}).to_string();
        let theirs = [
            "7,Visit,never",
            "x,ANN@Example.com,never",
            "x;+49 (0)30 / 123-456;never",
            r#"{"user_id":"O\"Hara","at":"never"}"#,
            r#""O""Hara",Visit,never"#,
        ];
        let others = ["77,Visit,never", "a7,Visit,never", "joann@example.community,never"];
        let text: Vec<String> = theirs.iter().chain(&others).map(|row| line(row)).collect();
        let path = folder.path().join("a.csv.jsonl");
        std::fs::write(&path, text.join("\n")).expect("written");
        let keys = [("user_id", "7"), ("email", "ann@example.com"), ("phone", "+4930123456"), ("user_id", "O\"Hara")];
        let mut places = Vec::new();
        assert_eq!(erase(folder.path(), &keys, &mut places).expect("erased"), theirs.len() as u64);
        let left = std::fs::read_to_string(&path).expect("a file");
        assert_eq!(left.lines().collect::<Vec<_>>(), others.map(line));
        assert_eq!(places, ["quarantine/a.csv.jsonl"]);
    }
}
