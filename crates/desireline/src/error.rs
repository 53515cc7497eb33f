//! Everything that can go wrong, by what the person at the keyboard can do about it.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::ExitCode;

/// An error that ends the command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The charter is wrong; the problems have their places.
    #[error("{} in {}", evidence::counted(problems.len() as u64, "problem", "problems"), path.display())]
    Charter { path: PathBuf, problems: Vec<charter::Problem>, rendered: String },
    /// Tests of the charter fail.
    #[error("{failed} of {all} tests fail")]
    Tests { failed: usize, all: usize },
    /// What was typed does not make sense together.
    #[error("{0}")]
    Usage(String),
    /// An input cannot be read.
    #[error("{}: {what}", path.display())]
    Input { path: PathBuf, what: String },
    /// A condition cannot be understood.
    #[error("{option}: {wrong}")]
    Condition { option: &'static str, text: String, wrong: charter::ConditionError },
    /// Something that the charter was to define does not exist.
    #[error("{0}")]
    NotFound(String),
    /// A view cannot be answered.
    #[error(transparent)]
    View(#[from] understand::Error),
    /// The lake.
    #[error(transparent)]
    Lake(#[from] lake::Error),
    /// Live state.
    #[error(transparent)]
    Keep(#[from] keep::Error),
    /// The live side.
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// The server.
    #[error(transparent)]
    Serve(#[from] serve::Error),
    /// A file could not be read or written.
    #[error("could not {doing} {}", path.display())]
    File { doing: &'static str, path: PathBuf, source: std::io::Error },
}

/// What happened, with what lies behind it.
pub(crate) fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut behind = error.source();
    while let Some(source) = behind {
        text = format!("{text}: {source}");
        behind = source.source();
    }
    text
}

/// Exit codes, one per next step of the caller; listed in `docs/exit-codes.md`.
mod code {
    pub(super) const FAILED: u8 = 1;
    pub(super) const USAGE: u8 = 2;
    pub(super) const INPUT: u8 = 3;
    pub(super) const NOT_FOUND: u8 = 4;
    pub(super) const BUSY: u8 = 5;
    pub(super) const INTERRUPTED: u8 = 130;
}

impl Error {
    /// A file error with what was being done.
    pub(crate) fn file(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.into();
        move |source| Error::File { doing, path, source }
    }

    /// An input that cannot be opened or read.
    pub(crate) fn unreadable(path: impl Into<PathBuf>, error: &std::io::Error) -> Self {
        let what = match error.kind() {
            ErrorKind::NotFound => "there is no such file".to_owned(),
            ErrorKind::InvalidData => "this is not a text in UTF-8".to_owned(),
            _ => format!("it cannot be read: {error}"),
        };
        Error::Input { path: path.into(), what }
    }

    /// What happened, with what lies behind it.
    pub(crate) fn in_full(&self) -> String {
        in_full(self)
    }

    /// What the command ends with.
    pub(crate) fn exit_code(&self) -> ExitCode {
        let code = match self {
            Error::Lake(lake::Error::Interrupted) => code::INTERRUPTED,
            Error::NotFound(_)
            | Error::View(
                understand::Error::UnknownMoment { .. }
                | understand::Error::UnknownChannel { .. }
                | understand::Error::UnknownView { .. },
            )
            | Error::Lake(lake::Error::NoLake { .. } | lake::Error::NotFound { .. }) => code::NOT_FOUND,
            Error::Usage(_)
            | Error::View(_)
            | Error::Keep(keep::Error::Invalid { .. })
            | Error::Serve(serve::Error::NoKeys(_) | serve::Error::Tls(_) | serve::Error::Traces(_)) => code::USAGE,
            Error::Lake(lake::Error::Locked { .. }) | Error::Keep(keep::Error::Locked { .. }) => code::BUSY,
            Error::Charter { .. }
            | Error::Input { .. }
            | Error::Condition { .. }
            | Error::Lake(lake::Error::Invalid { .. } | lake::Error::Sql(_)) => code::INPUT,
            Error::Tests { .. }
            | Error::Lake(_)
            | Error::Keep(_)
            | Error::Engine(_)
            | Error::Serve(_)
            | Error::File { .. } => code::FAILED,
        };
        ExitCode::from(code)
    }
}
