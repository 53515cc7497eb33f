//! What a `Cargo.toml` says about dependencies, with the lines where it says so.
//!
//! Only the forms that this repository uses are read (one entry a line or with its brackets on several); any other form in
//! a table of dependencies is reported rather than guessed at. A full TOML parser would not know the lines.

use super::tree::File;

/// In which table a dependency stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `[dependencies]` or `[build-dependencies]`, also of a target.
    Normal,
    /// `[dev-dependencies]`.
    Dev,
    /// `[workspace.dependencies]`.
    Shared,
}

/// One dependency.
#[derive(Debug)]
pub(crate) struct Dependency<'a> {
    pub(crate) line: usize,
    pub(crate) name: &'a str,
    pub(crate) kind: Kind,
    /// What stands behind the name: `.workspace = true`, ` = "1"`.
    pub(crate) wording: &'a str,
}

/// The dependencies of one manifest.
#[derive(Debug)]
pub(crate) struct Manifest<'a> {
    pub(crate) path: &'a str,
    /// The name of the package; empty in the workspace's own manifest.
    pub(crate) name: &'a str,
    pub(crate) dependencies: Vec<Dependency<'a>>,
    /// Lines of tables of dependencies that are of no known form.
    pub(crate) unread: Vec<usize>,
}

impl<'a> Manifest<'a> {
    /// Reads a file, if it is a manifest of this workspace. One that is a workspace of its own, as that of the fuzz targets, has
    /// its own versions, and nothing of ours is built with it.
    pub(crate) fn read(file: &'a File) -> Option<Self> {
        let is_root = file.path == "Cargo.toml";
        if !is_root && (!file.is("/Cargo.toml") || file.lines().any(|(_, line)| line.trim() == "[workspace]")) {
            return None;
        }
        let mut manifest = Manifest { path: &file.path, name: "", dependencies: Vec::new(), unread: Vec::new() };
        let (mut table, mut open) = ("", 0);
        for (number, line) in file.lines() {
            let text = line.trim();
            if open > 0 {
                open += brackets(text);
                continue;
            }
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            if let Some(header) = text.strip_prefix('[') {
                table = header.trim_end_matches(']');
                if table.contains("dependencies.") {
                    manifest.unread.push(number);
                }
                continue;
            }
            open = brackets(text);
            manifest.entry(number, table, text);
        }
        Some(manifest)
    }

    fn entry(&mut self, line: usize, table: &str, text: &'a str) {
        if table == "package" {
            if let Some(name) = text.strip_prefix("name = ") {
                self.name = name.trim_matches('"');
            }
            return;
        }
        let Some(kind) = kind_of(table) else { return };
        let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "-_".contains(c))).unwrap_or(text.len());
        match text.split_at_checked(end) {
            Some((name, wording)) if !name.is_empty() && wording.contains('=') => {
                self.dependencies.push(Dependency { line, name, kind, wording });
            }
            _ => self.unread.push(line),
        }
    }
}

fn kind_of(table: &str) -> Option<Kind> {
    match table {
        "workspace.dependencies" => Some(Kind::Shared),
        _ if table.ends_with("dev-dependencies") => Some(Kind::Dev),
        _ if table.ends_with("dependencies") => Some(Kind::Normal),
        _ => None,
    }
}

/// How many more brackets a line opens than it closes, texts in quotes left out.
fn brackets(line: &str) -> i32 {
    let outside: String = line.split('"').step_by(2).collect();
    outside
        .split('#')
        .next()
        .unwrap_or("")
        .chars()
        .map(|c| match c {
            '[' | '{' => 1,
            ']' | '}' => -1,
            _ => 0,
        })
        .sum()
}
