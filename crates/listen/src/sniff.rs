//! What kind of file this is, told by what is in it; the name only helps where the content does not say.

use crate::text::{Compression, Encoding, decode_sample, decompress_sample};

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Delimited text.
    Csv,
    /// JSON objects: one per line, one after another, or in an array.
    Jsonl,
    /// An XES log.
    Xes,
    /// An object-centric log as JSON.
    OcelJson,
    /// An object-centric log as XML.
    OcelXml,
    /// An object-centric log as an `SQLite` database.
    OcelSqlite,
    /// An Apache Parquet file, which another crate reads.
    Parquet,
}

impl Format {
    /// The name, as messages and options use it.
    pub const fn name(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Jsonl => "jsonl",
            Format::Xes => "xes",
            Format::OcelJson => "ocel-json",
            Format::OcelXml => "ocel-xml",
            Format::OcelSqlite => "ocel-sqlite",
            Format::Parquet => "parquet",
        }
    }

    /// Tells the format of a file by its first bytes (some ten thousand are enough, the whole file is fine), which may
    /// be compressed; `name` is its name.
    ///
    /// # Errors
    /// When it is a kind of file that cannot hold events, with what it seems to be.
    pub fn detect(name: &str, first: &[u8]) -> Result<Self, UnknownFormat> {
        let inner = match Compression::detect(first) {
            Compression::Plain => first.get(..first.len().min(HEAD_BYTES)).unwrap_or_default().to_vec(),
            _ => decompress_sample(first, HEAD_BYTES),
        };
        let unknown = |seems: &'static str| UnknownFormat { seems };
        if inner.starts_with(b"PAR1") {
            return Ok(Format::Parquet);
        }
        if inner.starts_with(b"SQLite format 3\0") {
            return Ok(Format::OcelSqlite);
        }
        if let Some((_, seems)) = OTHERS.iter().find(|(magic, _)| inner.starts_with(magic)) {
            return Err(unknown(seems));
        }
        let text = decode_sample(&inner, Encoding::detect(&inner));
        let text = String::from_utf8_lossy(&text);
        let text = text.trim_start_matches('\u{feff}').trim_start();
        if text.starts_with('<') {
            return xml(text).ok_or_else(|| unknown("XML that is neither XES nor OCEL"));
        }
        if text.starts_with(['{', '[']) {
            return Ok(json(text, name));
        }
        Ok(Format::Csv)
    }
}

/// How much of a file is looked at.
const HEAD_BYTES: usize = 64 << 10;

/// Files that people hand over, and that are not events.
const OTHERS: [(&[u8], &str); 5] = [
    (b"PK\x03\x04", "a zip archive (or an Excel workbook): unpack it, or save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook: save the sheet as CSV"),
    (b"%PDF", "a PDF document"),
    (b"BZh", "compressed by bzip2: unpack it, or use gzip or zstd"),
    (b"\xfd7zXZ", "compressed by xz: unpack it, or use gzip or zstd"),
];

/// A file that cannot hold events.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "this seems to be {seems}; readable are CSV, JSON Lines, Parquet, XES and OCEL, also compressed by gzip or zstd"
)]
pub struct UnknownFormat {
    /// What it seems to be.
    pub seems: &'static str,
}

fn xml(text: &str) -> Option<Format> {
    let has = |part: &str| text.contains(part);
    if !has("<log") {
        return None;
    }
    let ocel_2 = has("<object-types") || has("<event-types") || has("<objects>");
    // OCEL 1.0 is written like XES, but with a scope for objects and events outside of traces.
    let ocel_1 = has("scope=\"object\"") || has("key=\"object-types\"") || (has("<events>") && !has("<trace"));
    Some(if ocel_2 || ocel_1 { Format::OcelXml } else { Format::Xes })
}

fn json(text: &str, name: &str) -> Format {
    let names = ["\"objectTypes\"", "\"eventTypes\"", "\"ocel:global-log\"", "\"ocel:events\"", "\"ocel:objects\""];
    let named = name.to_lowercase();
    let by_name =
        [".jsonocel", ".ocel.json", ".json.ocel"].iter().any(|end| named.trim_end_matches(".gz").ends_with(end));
    if text.starts_with('{') && (by_name || names.iter().any(|n| text.contains(n))) {
        Format::OcelJson
    } else {
        Format::Jsonl
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_comes_before_the_name() {
        let cases: [(&str, &[u8], Format); 12] = [
            ("x.csv", b"PAR1\x15\x04", Format::Parquet),
            ("x", b"SQLite format 3\0", Format::OcelSqlite),
            ("x.json", b"\xef\xbb\xbf{\"a\":1}\n{\"a\":2}", Format::Jsonl),
            ("x.json", b" [ {\"a\":1} ]", Format::Jsonl),
            ("x.json", b"{\"objectTypes\": []", Format::OcelJson),
            ("x.json", b"{\"ocel:global-log\": {}", Format::OcelJson),
            ("x.jsonocel", b"{\"events\": []", Format::OcelJson),
            ("x.csv", b"<?xml version=\"1.0\"?><log xes.version=\"1.0\"><trace>", Format::Xes),
            ("x.xml", b"<log><object-types>", Format::OcelXml),
            ("x.xml", b"<log><global scope=\"object\">", Format::OcelXml),
            ("x.xes", b"a;b;c\n", Format::Csv),
            ("x", b"", Format::Csv),
        ];
        for (name, bytes, format) in cases {
            assert_eq!(Format::detect(name, bytes), Ok(format), "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn compressed_files_are_looked_into() {
        let zstd = zstd::encode_all(&b"<log xes.version='1.0'>"[..], 1).expect("memory");
        assert_eq!(Format::detect("x.gz", &zstd), Ok(Format::Xes));
    }

    #[test]
    fn other_files_are_refused_by_what_they_are() {
        for (bytes, part) in [(&b"PK\x03\x04..."[..], "zip"), (b"%PDF-1.7", "PDF"), (b"<html></html>", "XML")] {
            assert!(Format::detect("x.dat", bytes).expect_err(part).to_string().contains(part));
        }
    }
}
