//! Every error code that a user can meet has its heading in `docs/errors.md`, and every heading a code.

use std::collections::BTreeMap;

use super::Complaint;
use super::tree::{File, Tree};

const PAGE: &str = "docs/errors.md";

pub(crate) fn check(tree: &Tree) -> Vec<Complaint> {
    let mut in_sources: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
    for file in tree.sources().filter(|file| file.path.starts_with("crates/") && file.path.contains("/src/")) {
        for (number, line) in file.lines() {
            for code in codes(line) {
                in_sources.entry(code).or_insert((&file.path, number));
            }
        }
    }
    let headings = tree.file(PAGE).into_iter().flat_map(File::lines).filter(|(_, line)| line.starts_with('#'));
    let mut on_page: BTreeMap<&str, usize> = BTreeMap::new();
    let mut complaints = Vec::new();
    for (number, line) in headings {
        for code in codes(line) {
            if on_page.insert(code, number).is_some() {
                let what = format!("{code} has two headings");
                complaints.push(Complaint::new(PAGE, number, what, "keep one of them"));
            }
        }
    }
    for (code, (path, line)) in &in_sources {
        if !on_page.contains_key(code) {
            let remedy = format!("add a heading `## {code}` there: what it means, what it looks like, what to do");
            complaints.push(Complaint::new(path, *line, format!("{code} is not explained in {PAGE}"), remedy));
        }
    }
    for (code, line) in &on_page {
        if !in_sources.contains_key(code) {
            let what = format!("no source knows {code}");
            complaints.push(Complaint::new(PAGE, *line, what, "take the heading out, or correct the number"));
        }
    }
    complaints
}

/// The codes in a line: `DL-`, an area as a letter, three digits. The number 000 stands for no code.
fn codes(line: &str) -> impl Iterator<Item = &str> {
    const LENGTH: usize = "DL-C001".len();
    line.match_indices("DL-").filter_map(|(start, _)| line.get(start..start + LENGTH)).filter(|code| {
        let area_and_number = code.get(3..).unwrap_or("").as_bytes();
        matches!(area_and_number, [area, number @ ..]
            if area.is_ascii_uppercase() && number.iter().all(u8::is_ascii_digit) && number != b"000")
    })
}
