//! `export`: all events as a file for other tools.

use std::process::ExitCode;

use evidence::counted;
use lake::{ExportFormat, Lake};
use serde_json::json;

use crate::args::{ExportArgs, ExportAs};
use crate::draw;
use crate::error::Error;
use crate::home::Home;

/// Writes all events to a file.
pub(crate) async fn run(home: &Home, args: &ExportArgs, as_json: bool) -> Result<ExitCode, Error> {
    let format = format_of(args)?;
    let exported = Lake::open(&home.path).await?.export(format, &args.file, &home.rules()).await?;
    home.say_simulated();
    if as_json {
        let lake::Exported { events, customers, left_out } = exported;
        let json = json!({ "file": args.file, "events": events, "customers": customers, "left_out": left_out });
        draw::data(&json.to_string());
        return Ok(ExitCode::SUCCESS);
    }
    draw::note(&format!(
        "{} of {} in {}",
        counted(exported.events, "event", "events"),
        counted(exported.customers, "customer", "customers"),
        args.file.display()
    ));
    if exported.left_out > 0 {
        let events = counted(exported.left_out, "event is", "events are");
        draw::note(&format!(
            "note: {events} no customer's but only about objects, for which OCEL has room, and left out"
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn format_of(args: &ExportArgs) -> Result<ExportFormat, Error> {
    let format = match args.format {
        Some(ExportAs::Csv) => ExportFormat::Csv,
        Some(ExportAs::Parquet) => ExportFormat::Parquet,
        Some(ExportAs::Xes) => ExportFormat::Xes,
        Some(ExportAs::OcelJson) => ExportFormat::OcelJson,
        Some(ExportAs::OcelXml) => ExportFormat::OcelXml,
        Some(ExportAs::OcelSqlite) => ExportFormat::OcelSqlite,
        None => ExportFormat::of_name(&args.file).ok_or_else(|| {
            let name = args.file.display();
            Error::Usage(format!(
                "`{name}` has no ending that says a format: give --format, or one of .csv .parquet .xes .jsonocel \
                 .xmlocel .sqlite"
            ))
        })?,
    };
    let gzip = args.file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gz"));
    if gzip && !format.can_be_gzipped() {
        return Err(Error::Usage("Parquet and SQLite are not compressed as a whole: leave .gz out".to_owned()));
    }
    Ok(format)
}
