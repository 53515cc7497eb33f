//! Backups that are made while the server runs. What is in one, and where they lie, is the program's business.

use std::fmt::Debug;

use futures::future::BoxFuture;
use serde::Serialize;

/// A backup, or what there is of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Backup {
    /// What it is called.
    pub name: String,
    /// The folder it lies in.
    pub folder: String,
    /// Whether all of it is there; otherwise it is being made, or was cut off.
    pub whole: bool,
    /// When it was made.
    pub made_at: Option<String>,
    /// Whether live state is in it. In a database it is not, and has to be backed up there, after this.
    pub live: bool,
    /// How many files it has.
    pub files: u64,
    /// How large they are together.
    pub bytes: u64,
}

/// Whoever makes backups.
pub trait Backups: Send + Sync + Debug {
    /// Makes one. What goes wrong is said in words.
    fn make(&self, name: String) -> BoxFuture<'static, Result<Backup, String>>;

    /// All that there are, ordered by name, those that are not whole included.
    ///
    /// # Errors
    /// When they cannot be looked at, in words.
    fn list(&self) -> Result<Vec<Backup>, String>;
}
