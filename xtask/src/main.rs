//! Automation that is longer than three lines of the `Makefile`: `cargo run -p xtask -- tidy`.
//!
//! It may know how the repository is laid out; it must not know what the program does, and nothing depends on it.

mod tidy;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "usage: cargo run -p xtask -- tidy [FOLDER]";

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let root = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["tidy"] => PathBuf::from("."),
        ["tidy", folder] => PathBuf::from(folder),
        _ => anyhow::bail!(USAGE),
    };
    let complaints = tidy::tidy(&root)?;
    let mut out = std::io::stdout().lock();
    for complaint in &complaints {
        writeln!(out, "{complaint}")?;
    }
    writeln!(out, "tidy: {} complaints", complaints.len())?;
    Ok(if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
