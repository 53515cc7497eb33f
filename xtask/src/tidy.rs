//! What no compiler holds: which crate may know which, what stays small, what is written down where.
//!
//! Each check is one file and looks at the whole [`Tree`]; all complaints come at once, in the order of their places.

mod bans;
mod codes;
mod crate_docs;
mod edges;
mod links;
mod manifest;
mod merges;
mod places;
mod ratchet;
mod tree;

use std::fmt;
use std::path::Path;

use manifest::Manifest;
use tree::Tree;

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Complaint {
    /// The file, relative to the root.
    path: String,
    /// The line, from 1.
    line: usize,
    what: String,
    /// What to do about it.
    remedy: String,
}

impl Complaint {
    fn new(path: &str, line: usize, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}; {}", self.path, self.line, self.what, self.remedy)
    }
}

/// Everything that is not as it should be in the repository with this root folder.
///
/// # Errors
/// When the folder cannot be read.
pub(crate) fn tidy(root: &Path) -> anyhow::Result<Vec<Complaint>> {
    let tree = Tree::read(root)?;
    let manifests: Vec<Manifest<'_>> = tree.files.iter().filter_map(Manifest::read).collect();
    let mut complaints = [
        edges::check(&tree, &manifests),
        bans::check(&tree),
        ratchet::check(&tree),
        places::check(&tree),
        codes::check(&tree),
        crate_docs::check(&tree),
        links::check(&tree),
        merges::check(&tree),
    ]
    .concat();
    complaints.sort();
    complaints.dedup();
    Ok(complaints)
}

#[cfg(test)]
mod tests;
