//! Nothing in the repository is a merge that somebody left unfinished.

use super::Complaint;
use super::tree::{File, Tree};

/// What git writes around the two sides of a conflict, made of single characters so that this file has none. The line
/// between the sides is left out: it underlines headings in texts, and never stands without the others.
const MARKS: [char; 3] = ['<', '|', '>'];

/// How often git repeats each.
const TIMES: usize = 7;

pub(crate) fn check(tree: &Tree) -> Vec<Complaint> {
    tree.files.iter().flat_map(check_file).collect()
}

fn check_file(file: &File) -> Vec<Complaint> {
    let marked = file.lines().filter(|(_, line)| MARKS.iter().any(|mark| is_mark(line, *mark)));
    let what = "a merge was left unfinished here";
    marked.map(|(number, _)| Complaint::new(&file.path, number, what, "keep what is right of the two sides")).collect()
}

/// Whether the line is a mark: the character seven times, and then nothing or a space.
fn is_mark(line: &str, mark: char) -> bool {
    let rest = line.trim_start_matches(mark);
    line.len() - rest.len() == TIMES && (rest.is_empty() || rest.starts_with(' '))
}
