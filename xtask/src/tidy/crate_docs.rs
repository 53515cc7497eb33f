//! Every crate says first what it is for.

use super::Complaint;
use super::tree::Tree;

pub(crate) fn check(tree: &Tree) -> Vec<Complaint> {
    let is_root = |path: &str| path.ends_with("/src/lib.rs") || path.ends_with("/src/main.rs");
    tree.sources()
        .filter(|file| is_root(&file.path) && !file.text.starts_with("//! "))
        .map(|file| {
            let remedy = "begin with `//!` and what the crate is for, what it may know, what it must not know";
            Complaint::new(&file.path, 1, "the crate does not say what it is for", remedy)
        })
        .collect()
}
