//! `demo`: the two example organisations.

use std::process::ExitCode;

use crate::args::DemoArgs;
use crate::error::Error;

/// Imports both and says what is found.
pub(crate) async fn run(_: &DemoArgs) -> Result<ExitCode, Error> {
    Err(Error::Usage("not here yet".to_owned()))
}
