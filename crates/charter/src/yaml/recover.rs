//! Reading on after a text turned out not to be YAML.
//!
//! One stray tab should not hide nine other mistakes. So each section is read on its own, and of a section that cannot
//! be read, each entry: what is wrong is then reported where it is, and everything else is checked as usual.

use std::ops::Range;

use super::{Node, Value, parse};
use crate::problem::Problem;

use super::Document;

/// A text in which errors are looked for one by one is at most this long, in bytes; of a longer one the first is
/// reported.
const RECOVERED_BYTES_MAX: usize = 1 << 20;

/// Reads what can be read of `text`, which as a whole fails with `first`.
pub(super) fn recover(text: &str, first: Problem, problems: &mut Vec<Problem>) -> Document {
    let mut document = Document { root: None, broken: Vec::new() };
    if text.len() > RECOVERED_BYTES_MAX {
        problems.push(first);
        return document;
    }
    let mut found = Vec::new();
    let mut sections = Vec::new();
    for block in blocks(text, 0..text.len(), false) {
        let name = || text.get(block.clone()).and_then(|b| b.split(':').next()).unwrap_or("").trim().to_owned();
        match parse(text, block.clone(), &mut found) {
            Ok(Some(node)) => sections.push(node),
            Ok(None) => {}
            Err(problem) => {
                sections.extend(entries(text, &block, problem, &mut found));
                document.broken.push(name());
            }
        }
    }
    if found.iter().all(|problem| problem.bytes.start != first.bytes.start) && !found.iter().any(is_syntax) {
        // Every part is YAML by itself and only the whole is not.
        found.push(first);
    }
    problems.append(&mut found);
    document.root = join(sections);
    document
}

fn is_syntax(problem: &Problem) -> bool {
    matches!(problem.code, crate::Code::Syntax | crate::Code::Tab | crate::Code::TooLarge)
}

/// Reads the entries of a section that fails as a whole with `first`.
fn entries(text: &str, section: &Range<usize>, first: Problem, problems: &mut Vec<Problem>) -> Option<Node> {
    let part = text.get(section.clone())?;
    let (header, _) = part.split_once('\n').unwrap_or((part, ""));
    let head = header.split('#').next().unwrap_or("").trim_end();
    let inner = section.start + header.len()..section.end;
    let blocks = if head.ends_with(':') { blocks(text, inner, true) } else { Vec::new() };
    let before = problems.len();
    let mut children = Vec::new();
    for block in blocks {
        let tab = text.get(block.clone()).is_some_and(|b| b.starts_with('\t'));
        match parse(text, block.clone(), problems) {
            Ok(_) if tab => problems.push(super::tab(text, block.start)),
            Ok(node) => children.extend(node),
            // An anchor of another entry is not known here, which is nobody's mistake.
            Err(problem) if problem.reason.contains("anchor") => {}
            Err(problem) => problems.push(problem),
        }
    }
    if !problems.iter().skip(before).any(is_syntax) && !first.reason.contains("anchor") {
        problems.push(first);
    }
    let value = join(children)?;
    let mut key = parse(text, section.start..section.start + head.trim_end_matches(':').len(), problems).ok()??;
    key.bytes.end = key.bytes.end.max(key.bytes.start);
    let bytes = key.bytes.start..value.bytes.end;
    Some(Node { bytes, value: Value::Map(vec![(key, value)]) })
}

/// The members of all maps, or of all lists, in one.
fn join(nodes: Vec<Node>) -> Option<Node> {
    let mut nodes = nodes.into_iter();
    let mut all = nodes.next()?;
    for node in nodes {
        match (&mut all.value, node.value) {
            (Value::Map(entries), Value::Map(more)) => entries.extend(more),
            (Value::List(items), Value::List(more)) => items.extend(more),
            _ => continue,
        }
        all.bytes.end = node.bytes.end;
    }
    Some(all)
}

/// The parts of `range` that begin with the least indented lines, and, where `tabs`, with lines that tabs indent.
fn blocks(text: &str, range: Range<usize>, tabs: bool) -> Vec<Range<usize>> {
    let mut lines = Vec::new();
    let mut at = range.start;
    for line in text.get(range.clone()).unwrap_or("").split_inclusive('\n') {
        let content = line.trim_start_matches([' ', '\t']);
        if !content.trim().is_empty() && !content.starts_with(['#', '}', ']']) {
            lines.push((at, line.len() - content.len(), line.starts_with('\t')));
        }
        at += line.len();
    }
    let least = lines.iter().filter(|(_, _, tab)| !tab).map(|(_, indent, _)| *indent).min();
    let begins = |indent: usize, tab: bool| if tab { tabs } else { Some(indent) == least };
    let starts: Vec<usize> =
        lines.iter().filter(|(_, indent, tab)| begins(*indent, *tab)).map(|(at, ..)| *at).collect();
    let ends = starts.iter().skip(1).copied().chain([range.end]);
    starts.iter().zip(ends).map(|(start, end)| *start..end).collect()
}
