//! pm4py reads our exports and finds what our own views say. Only when asked, because it takes minutes and needs Python:
//! `DESIRELINE_PM4PY=1` makes a virtual environment and installs pm4py from `PyPI`; `DESIRELINE_PYTHON=…/bin/python` takes one
//! that has it. pm4py is under the AGPL, so it is a separate process.
#![expect(clippy::print_stderr, clippy::unwrap_used, reason = "a test says why it skips, and may fail anywhere")]

use std::path::{Path, PathBuf};
use std::process::Command;

const PM4PY: &str = "pm4py==2.7.23.11";
const LOGS: [&str; 3] = ["receipt_wabo/receipt.xes.gz", "helpdesk_italian/helpdesk.xes.gz", "sepsis/SEPSIS.xes.gz"];

fn succeed(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
}

/// A Python that has pm4py; `None` when nobody asked.
fn python(folder: &Path) -> Option<PathBuf> {
    if let Some(python) = std::env::var_os("DESIRELINE_PYTHON") {
        return Some(python.into());
    }
    std::env::var_os("DESIRELINE_PM4PY")?;
    let environment = folder.join("python");
    succeed(Command::new("python3").args(["-m", "venv"]).arg(&environment));
    let python = environment.join("bin/python");
    succeed(Command::new(&python).args(["-m", "pip", "install", "--quiet", PM4PY]));
    Some(python)
}

#[test]
fn pm4py_finds_in_our_exports_what_our_views_say() {
    let folder = tempfile::tempdir().unwrap();
    let Some(python) = python(folder.path()) else {
        eprintln!("skipped: set DESIRELINE_PM4PY=1 to compare with pm4py");
        return;
    };
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let data = here.join("../../../shared/data");
    if !data.is_dir() {
        eprintln!("skipped: the real logs are not in {}", data.display());
        return;
    }
    let mut script = Command::new(python);
    script.arg(here.join("tests/pm4py/roundtrip.py")).arg(env!("CARGO_BIN_EXE_desireline"));
    succeed(script.args(LOGS.map(|log| data.join(log))));
}

#[test]
fn pm4py_finds_the_same_object_centric_map() {
    let folder = tempfile::tempdir().unwrap();
    let Some(python) = python(folder.path()) else {
        eprintln!("skipped: set DESIRELINE_PM4PY=1 to compare with pm4py");
        return;
    };
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut script = Command::new(python);
    script.arg(here.join("tests/pm4py/ocdfg.py")).arg(env!("CARGO_BIN_EXE_desireline"));
    succeed(script.arg("3000"));
}
