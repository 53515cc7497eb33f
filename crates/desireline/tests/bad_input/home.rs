//! A home folder, the program run in it, and what has to hold after every import.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// The header of the small files here.
pub(crate) const HEADER: &str = "customer,event,at\n";

/// The program.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_desireline");

/// A folder with files, and a home in it.
pub(crate) struct Home {
    folder: TempDir,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            // -1 stands for "ended by a signal".
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ended {
    /// Ended with this code, and said all of these.
    #[track_caller]
    pub(crate) fn expect(&self, code: i32, said: &[&str]) {
        assert_eq!(self.code, code, "{self:?}");
        for part in said {
            assert!(self.err.contains(part), "{part:?} was not said in:\n{}", self.err);
        }
        assert!(!self.err.contains("panicked"), "{}", self.err);
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{self:?}");
        serde_json::from_str(&self.out).unwrap()
    }
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// Writes a file beside the home.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.arg("--home").arg(self.path()).args(args).env_remove("DESIRELINE_HOME").stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        self.command(args).output().unwrap().into()
    }

    /// Imports, and checks that every row is an event, was there already, or lies in the quarantine.
    #[track_caller]
    pub(crate) fn import(&self, file: &str, options: &[&str]) -> Value {
        let done = self.run(&[&["import", file, "--json"], options].concat()).json();
        let rejected: u64 = done["rejected"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
        let [rows, events, duplicates] = ["rows", "events", "duplicates"].map(|name| done[name].as_u64().unwrap());
        assert_eq!(events + duplicates + rejected, rows, "{done}");
        let paths = done["quarantine"].as_array().unwrap().iter();
        let kept: Vec<Value> = paths.flat_map(|path| records(Path::new(path.as_str().unwrap()))).collect();
        assert_eq!(kept.len() as u64, rejected, "{done}");
        for record in &kept {
            assert!(done["rejected"].get(record["reason"].as_str().unwrap()).is_some(), "{record}");
            assert!(!record["row"].as_str().unwrap().is_empty() && record["detail"].is_string(), "{record}");
        }
        done
    }

    /// As [`import`](Self::import), for exactly these counts; gives what lies in the quarantine, as (line, reason, row).
    #[track_caller]
    pub(crate) fn import_gives(
        &self,
        file: &str,
        options: &[&str],
        events: u64,
        rejected: &[(&str, u64)],
    ) -> Vec<(u64, String, String)> {
        let done = self.import(file, options);
        assert_eq!(done["events"], events, "{done}");
        let expected: serde_json::Map<String, Value> =
            rejected.iter().map(|(reason, n)| ((*reason).to_owned(), Value::from(*n))).collect();
        assert_eq!(done["rejected"], Value::Object(expected), "{done}");
        assert_eq!(self.events(), events);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let paths = done["quarantine"].as_array().unwrap().iter();
        let kept = paths.flat_map(|path| records(Path::new(path.as_str().unwrap())));
        kept.map(|one| (one["line"].as_u64().unwrap_or_default(), text(&one["reason"]), text(&one["row"]))).collect()
    }

    /// How many events the map counts.
    #[track_caller]
    pub(crate) fn events(&self) -> u64 {
        self.run(&["view", "map", "--json"]).json()["events"].as_u64().unwrap()
    }

    /// Nothing of a failed import is there, and the lake answers, or says that there is none.
    #[track_caller]
    pub(crate) fn keeps_nothing(&self) {
        let asked = self.run(&["view", "map", "--json"]);
        if asked.code == 4 {
            asked.expect(4, &["import something first"]);
        } else {
            assert_eq!(asked.json()["events"], 0);
        }
        assert_eq!(files_in(&self.path().join("quarantine")), Vec::<PathBuf>::new());
        assert_eq!(files_in(&self.path().join("tmp")), Vec::<PathBuf>::new());
    }

    /// An import that fails with wrong input, said so.
    #[track_caller]
    pub(crate) fn refuses(&self, file: &str, options: &[&str], said: &[&str]) {
        self.run(&[&["import", file], options].concat()).expect(3, said);
        self.keeps_nothing();
    }
}

/// Every file below a folder.
pub(crate) fn files_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files_in(&path) } else { vec![path] }).collect()
}

fn records(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A file of `rows` events of `customers` customers, with something to write for each.
pub(crate) fn many(rows: u64, customers: u64) -> String {
    let mut text = "customer,event,at,note\n".to_owned();
    let filler = "something that somebody said on the phone; ".repeat(3);
    for n in 0..rows {
        let (day, second) = (1 + n % 28, n % 86_400);
        let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
        let event = ["visit", "cart", "order"][usize::try_from(n % 3).unwrap()];
        let customer = n.wrapping_mul(7919) % customers;
        let _ = writeln!(text, "c{customer},{event},2026-01-{day:02}T{h:02}:{m:02}:{s:02}Z,{filler}{n}");
    }
    text
}
