//! `report`: one self-contained HTML file.

use std::process::ExitCode;

use crate::args::ReportArgs;
use crate::error::Error;
use crate::home::Home;

/// Writes the report.
pub(crate) async fn run(_: &Home, _: &ReportArgs) -> Result<ExitCode, Error> {
    Err(Error::Usage("not here yet".to_owned()))
}
