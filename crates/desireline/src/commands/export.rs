//! `export`: all events as a file for other tools.

use std::process::ExitCode;

use evidence::counted;
use lake::{ExportFormat, Lake};

use crate::args::{ExportArgs, ExportAs};
use crate::draw;
use crate::error::Error;
use crate::home::Home;

/// Writes all events to a file.
pub(crate) async fn run(home: &Home, args: &ExportArgs) -> Result<ExitCode, Error> {
    let ending = args.file.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let format = match (args.format, ending.as_str()) {
        (Some(ExportAs::Csv), _) | (None, "csv") => ExportFormat::Csv,
        (Some(ExportAs::Parquet), _) | (None, "parquet") => ExportFormat::Parquet,
        (Some(ExportAs::Xes), _) | (None, "xes") => ExportFormat::Xes,
        (Some(ExportAs::OcelJson), _) | (None, "json" | "jsonocel") => ExportFormat::OcelJson,
        (None, other) => {
            let what =
                format!("`.{other}` is no format of exports: give --format, or one of .csv .parquet .xes .jsonocel");
            return Err(Error::Usage(what));
        }
    };
    let exported = Lake::open(&home.path).await?.export(format, &args.file, &home.rules()).await?;
    draw::note(&format!(
        "{} of {} in {}",
        counted(exported.events, "event", "events"),
        counted(exported.customers, "customer", "customers"),
        args.file.display()
    ));
    Ok(ExitCode::SUCCESS)
}
