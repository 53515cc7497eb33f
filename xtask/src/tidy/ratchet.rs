//! Small things do not creep over the edge, and old debts do not block work: complaints are about a narrow band of sizes
//! only. `xtask/ratchet.txt` lists what may stay in the band, each with its reason.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::Complaint;
use super::tree::{File, Tree};

const FUNCTION_LINES: RangeInclusive<usize> = 71..=80;
const FILE_LINES: RangeInclusive<usize> = 501..=550;
const LISTED: &str = "xtask/ratchet.txt";

pub(crate) fn check(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut listed = listed(tree, &mut complaints);
    let mut complain = |name: &str, complaint: Complaint| {
        if listed.remove(name).is_none() {
            complaints.push(complaint);
        }
    };
    for file in tree.sources() {
        let lines = file.text.lines().count();
        if FILE_LINES.contains(&lines) {
            let what = format!("the file has {lines} lines, one subject wants at most {}", FILE_LINES.start() - 1);
            let remedy = format!("split it by responsibility, or list `{}` in {LISTED} with the reason", file.path);
            complain(&file.path, Complaint::new(&file.path, 1, what, remedy));
        }
        for (line, function, lines) in functions(file) {
            if FUNCTION_LINES.contains(&lines) {
                let name = format!("{}::{function}", file.path);
                let limit = FUNCTION_LINES.start() - 1;
                let what = format!("`{function}` has {lines} lines, a screen has at most {limit}");
                let remedy =
                    format!("leave computing to functions of its own, or list `{name}` in {LISTED} with the reason");
                complain(&name, Complaint::new(&file.path, line, what, remedy));
            }
        }
    }
    for (name, line) in listed {
        let what = format!("`{name}` is not in the band any more");
        complaints.push(Complaint::new(LISTED, line, what, "take the line out"));
    }
    complaints
}

/// What may stay, with the line that says so: `path reason` or `path::function reason`.
fn listed<'a>(tree: &'a Tree, complaints: &mut Vec<Complaint>) -> BTreeMap<&'a str, usize> {
    let mut listed = BTreeMap::new();
    for (number, line) in tree.file(LISTED).into_iter().flat_map(File::lines) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some((name, _)) = line.split_once(' ') {
            listed.insert(name, number);
        } else {
            let what = format!("`{line}` has no reason");
            complaints.push(Complaint::new(LISTED, number, what, "write it behind the name"));
        }
    }
    listed
}

/// The functions of a file that rustfmt has seen: the line, the name and the number of lines from the first line of the
/// signature to the closing bracket, which rustfmt sets under the first letter of the signature.
fn functions(file: &File) -> Vec<(usize, &str, usize)> {
    let lines: Vec<&str> = file.text.lines().collect();
    let mut all = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indent = line.len() - line.trim_start().len();
        let end = format!("{}}}", " ".repeat(indent));
        let rest = lines.iter().skip(start);
        // A signature that ends with a semicolon has no body; one that ends with its bracket has all of it in one line.
        let body = rest.clone().find(|line| line.ends_with(['{', '}', ';'])).is_some_and(|line| line.ends_with('{'));
        let length = rest.take_while(|line| **line != end).count() + 1;
        if body {
            all.push((start + 1, name, length));
        }
    }
    all
}

fn function_name(line: &str) -> Option<&str> {
    const BEFORE: [&str; 6] = ["pub", "const", "async", "unsafe", "extern", "default"];
    let (before, after) = line.trim_start().split_once("fn ")?;
    let is_modifier = |word: &str| BEFORE.contains(&word) || word.starts_with("pub(") || word.starts_with('"');
    if !before.split_whitespace().all(is_modifier) || !(before.is_empty() || before.ends_with(' ')) {
        return None;
    }
    let name = after.split(|c: char| !(c.is_alphanumeric() || c == '_')).next()?;
    (!name.is_empty()).then_some(name)
}
