//! The files that belong to the repository.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::Context;

/// A text file.
#[derive(Debug)]
pub(crate) struct File {
    /// Relative to the root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    /// The lines with their numbers, from 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines())
    }

    /// Whether the name ends with this.
    pub(crate) fn is(&self, ending: &str) -> bool {
        self.path.ends_with(ending)
    }
}

/// Everything that is or would be committed.
#[derive(Debug)]
pub(crate) struct Tree {
    /// The text files, in the order of their paths.
    pub(crate) files: Vec<File>,
    /// The paths of all files, and of the folders that they are in.
    pub(crate) paths: BTreeSet<String>,
}

/// Folders that never belong to a repository, for trees without a `.git`.
const LEFT_OUT: [&str; 3] = [".git", "target", "node_modules"];

impl Tree {
    /// Reads what git would commit; in a folder without git, all files.
    pub(crate) fn read(root: &Path) -> anyhow::Result<Self> {
        let mut names = Vec::new();
        if root.join(".git").exists() {
            names = listed_by_git(root)?;
        } else {
            walk(root, "", &mut names)?;
        }
        names.sort();
        let mut tree = Tree { files: Vec::new(), paths: BTreeSet::new() };
        for name in names {
            // What git lists may be deleted in the checkout.
            let Ok(bytes) = std::fs::read(root.join(&name)) else { continue };
            let ends = name.match_indices('/').map(|(end, _)| end);
            tree.paths.extend(ends.filter_map(|end| name.get(..end)).map(str::to_owned));
            tree.paths.insert(name.clone());
            if let Ok(text) = String::from_utf8(bytes)
                && !text.contains('\0')
            {
                tree.files.push(File { path: name, text });
            }
        }
        Ok(tree)
    }

    /// The text file of this path.
    pub(crate) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// The Rust sources of crates and of this automation.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.is(".rs"))
    }
}

fn listed_by_git(root: &Path) -> anyhow::Result<Vec<String>> {
    let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").arg("-C").arg(root).args(arguments).output().context("git cannot be started")?;
    anyhow::ensure!(output.status.success(), "git ls-files failed: {}", String::from_utf8_lossy(&output.stderr));
    let names = String::from_utf8(output.stdout).context("a file name is not UTF-8")?;
    Ok(names.split_terminator('\0').map(str::to_owned).collect())
}

fn walk(root: &Path, folder: &str, names: &mut Vec<String>) -> anyhow::Result<()> {
    let path = root.join(folder);
    for entry in std::fs::read_dir(&path).with_context(|| format!("the folder {} cannot be read", path.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        if !entry.file_type()?.is_dir() {
            names.push(path);
        } else if !LEFT_OUT.contains(&name.as_str()) {
            walk(root, &path, names)?;
        }
    }
    Ok(())
}
