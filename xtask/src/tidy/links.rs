//! Links between the pages of this repository lead somewhere.

use super::Complaint;
use super::tree::{File, Tree};

pub(crate) fn check(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for page in tree.files.iter().filter(|file| file.is(".md")) {
        for (number, line) in prose(page) {
            for target in targets(&line) {
                if let Some(what) = broken(tree, page, target) {
                    complaints.push(Complaint::new(&page.path, number, what, "correct the link"));
                }
            }
        }
    }
    complaints
}

/// The lines outside of code blocks, with code inside of lines taken out.
fn prose(page: &File) -> Vec<(usize, String)> {
    let mut in_code = false;
    let mut lines = Vec::new();
    for (number, line) in page.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code {
            lines.push((number, line.split('`').step_by(2).collect()));
        }
    }
    lines
}

/// What the links of a line lead to: `[text](target)` and `[name]: target`.
fn targets(line: &str) -> Vec<&str> {
    let mut targets: Vec<&str> = line
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', ' ']).next())
        .map(|target| target.trim_matches(['<', '>']))
        .collect();
    if line.starts_with('[')
        && let Some((_, target)) = line.split_once("]: ")
    {
        targets.push(target.trim());
    }
    targets
}

/// What is wrong with a link, if anything is.
fn broken(tree: &Tree, page: &File, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let Some(path) = resolve(&page.path, file) else {
        return Some(format!("the link `{target}` leaves the repository"));
    };
    if !path.is_empty() && !tree.paths.contains(&path) {
        return Some(format!("the link `{target}` leads nowhere: there is no {path}"));
    }
    let (anchor, linked) = (anchor?, tree.file(&path)?);
    let found = !linked.is(".md") || prose_headings(linked).any(|heading| slug(heading) == anchor);
    (!found).then(|| format!("the link `{target}` leads nowhere: {path} has no such heading"))
}

/// The path from the root that a link in this page means; an empty link means the page itself.
fn resolve(page: &str, link: &str) -> Option<String> {
    if link.is_empty() {
        return Some(page.to_owned());
    }
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

fn prose_headings(page: &File) -> impl Iterator<Item = &str> {
    page.lines()
        .map(|(_, line)| line)
        .filter(|line| line.starts_with('#'))
        .map(|line| line.trim_start_matches('#').trim())
}

/// The anchor that a heading gets where Markdown is shown: small letters, spaces as hyphens, no punctuation.
fn slug(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || " -_".contains(*c);
    heading.to_lowercase().chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect()
}
