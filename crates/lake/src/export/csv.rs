//! Comma-separated text: one row an event, properties as JSON text.

use super::{COLUMNS, Out, Row, Write, columns};
use crate::error::Error;

pub(super) struct CsvOut(Out);

impl CsvOut {
    pub(super) fn new(mut out: Out) -> Result<Self, Error> {
        out.put(&COLUMNS.join(","))?;
        out.put("\n")?;
        Ok(Self(out))
    }
}

impl Write for CsvOut {
    fn event(&mut self, row: &Row<'_>) -> Result<(), Error> {
        let at = row.at.to_string();
        let mut line = String::new();
        for (n, value) in columns(row, &at).into_iter().enumerate() {
            if n > 0 {
                line.push(',');
            }
            let value = value.unwrap_or_default();
            if value.contains([',', '"', '\n', '\r']) {
                line.push('"');
                line.push_str(&value.replace('"', "\"\""));
                line.push('"');
            } else {
                line.push_str(value);
            }
        }
        line.push('\n');
        self.0.put(&line)
    }

    fn finish(self: Box<Self>) -> Result<(), Error> {
        self.0.finish()
    }
}
