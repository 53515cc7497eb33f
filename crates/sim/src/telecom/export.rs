//! The files as the company's systems would export them: each in its own dialect.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder};

use super::clock::Seconds;

/// Why the files could not be written.
#[derive(Debug, thiserror::Error)]
#[error("write {}", path.display())]
pub struct Error {
    /// The file.
    pub path: PathBuf,
    /// What went wrong.
    #[source]
    pub source: io::Error,
}

/// One of the exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Table {
    Web,
    App,
    Calls,
    Shop,
    Tickets,
    Orders,
    Deliveries,
    Surveys,
    Contracts,
}

/// File name, header and whether it is large enough to be compressed.
const TABLES: [(Table, &str, &str, bool); 9] = [
    (Table::Web, "web.jsonl", "", true),
    (Table::App, "app.jsonl", "", true),
    (Table::Calls, "calls.csv", "Beginn;Ende;Rufnummer;Agent;Abteilung;Thema;Ergebnis;Wartezeit_s", false),
    (Table::Shop, "shop.csv", "time,shop,customer_no,email,event,topic,amount", false),
    (
        Table::Tickets,
        "tickets.csv",
        "ticket_id,caller,opened,updated,status,assignment_group,resource,topic,channel",
        true,
    ),
    (Table::Orders, "orders.csv", "order_id,customer_no,email,ordered_at,channel,product,total,promised_date", false),
    (Table::Deliveries, "deliveries.csv", "order_id,customer_no,promised_date,delivered_at,carrier,on_time", false),
    (Table::Surveys, "surveys.csv", "answered_at,email,occasion,nps,csat,ces,reason", false),
    (Table::Contracts, "contracts.csv", "at,event,customer_no,email,phone,tariff,monthly_fee", false),
];

/// The organisation's files, in memory.
#[derive(Debug)]
pub struct Export {
    lines: Vec<(Table, Seconds, String)>,
    truth: String,
}

impl Export {
    pub(super) fn new(mut lines: Vec<(Table, Seconds, String)>, truth: String) -> Self {
        // Stable, so that what was told at the same time stays in the order in which it was told.
        lines.sort_by_key(|(table, at, _)| (*table, *at));
        Self { lines, truth }
    }

    /// How many events there are in all files.
    pub fn events(&self) -> usize {
        self.lines.len()
    }

    /// What was planted and what happened, as JSON.
    pub fn truth(&self) -> &str {
        &self.truth
    }

    /// The text of every file by its name, without `truth.json`.
    pub fn files(&self) -> impl Iterator<Item = (&'static str, String)> + '_ {
        TABLES.iter().map(|(table, name, header, _)| (*name, self.text(*table, header)))
    }

    fn text(&self, table: Table, header: &str) -> String {
        let mut text = if header.is_empty() { String::new() } else { format!("{header}\n") };
        for (_, _, line) in self.lines.iter().filter(|(of, ..)| *of == table) {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// Writes all files into `folder`, which is made if need be; with `gzip`, the large ones compressed.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, folder: &Path, gzip: bool) -> Result<(), Error> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| Error { path, source }
        };
        std::fs::create_dir_all(folder).map_err(failed(folder))?;
        for (table, name, header, large) in &TABLES {
            let text = self.text(*table, header);
            let path = folder.join(if gzip && *large { format!("{name}.gz") } else { (*name).to_owned() });
            if gzip && *large { compress(&path, &text) } else { std::fs::write(&path, &text) }
                .map_err(failed(&path))?;
        }
        let path = folder.join("truth.json");
        std::fs::write(&path, &self.truth).map_err(failed(&path))
    }
}

/// Without a time in its header, so that the same text gives the same bytes.
fn compress(path: &Path, text: &str) -> io::Result<()> {
    let mut encoder = GzBuilder::new().mtime(0).write(File::create(path)?, Compression::best());
    encoder.write_all(text.as_bytes())?;
    encoder.finish()?.flush()
}
