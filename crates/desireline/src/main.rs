//! The `desireline` command: arguments become a plan, the plan is carried out by one file per command, errors are drawn here.
//!
//! Data goes to standard output, everything else to standard error.

mod args;
mod asking;
mod backup;
mod commands;
mod draw;
mod error;
mod history;
mod home;
mod live;
mod part;
mod pass;
mod question;
mod reread;
mod scenario;
mod segments;
mod sources;

use std::process::ExitCode;

use clap::parser::ValueSource;
use clap::{CommandFactory, FromArgMatches};

use args::Args;

#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args = typed();
    match commands::run(&args) {
        Ok(code) => code,
        Err(error) => {
            draw::error(&error);
            error.exit_code()
        }
    }
}

/// What was typed; ends the program where that is wrong.
fn typed() -> Args {
    let matches = Args::command().get_matches();
    let mut args = Args::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    args.home_typed = matches.value_source("home") == Some(ValueSource::CommandLine);
    args
}
