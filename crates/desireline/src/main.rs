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
mod question;
mod reread;
mod scenario;
mod segments;
mod sources;

use std::process::ExitCode;

#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args = args::Args::typed();
    match commands::run(&args) {
        Ok(code) => code,
        Err(error) => {
            draw::error(&error);
            error.exit_code()
        }
    }
}
