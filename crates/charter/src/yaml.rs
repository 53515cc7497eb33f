//! YAML as a tree that knows where everything stands.
//!
//! Built on the events of `saphyr-parser`, because what a charter needs is what ordinary loaders drop: the place of
//! every key and value, whether a text was quoted, and keys that are given twice. Aliases are copied in, `<<` merges.

use std::borrow::Cow;
use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use crate::problem::{Code, Problem};

mod recover;

/// The longest charter in bytes.
pub const CHARTER_BYTES_MAX: usize = 4 << 20;
/// The deepest nesting.
const DEPTH_MAX: usize = 32;
/// The most nodes, counting what aliases repeat.
const NODES_MAX: usize = 200_000;

/// A value with its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// Where it stands, in bytes of the text.
    pub(crate) bytes: Range<usize>,
    pub(crate) value: Value,
}

/// A value of YAML. What a scalar means is decided by whoever reads it.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

/// A scalar as it was written.
#[derive(Debug, Clone)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    /// Written without quotes, so that it may be a number, a truth value or nothing.
    pub(crate) plain: bool,
    /// Where the text itself begins, when it stands in the file letter by letter.
    pub(crate) verbatim: Option<usize>,
}

impl Node {
    pub(crate) fn scalar(&self) -> Option<&Scalar> {
        if let Value::Scalar(scalar) = &self.value { Some(scalar) } else { None }
    }

    /// Whether it is nothing: an empty value, `~` or `null`.
    pub(crate) fn is_null(&self) -> bool {
        self.scalar().is_some_and(|s| s.plain && matches!(s.text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// The members of a list; a single value is a list of one.
    pub(crate) fn items(&self) -> Vec<&Node> {
        match &self.value {
            Value::List(items) => items.iter().collect(),
            _ => vec![self],
        }
    }

    /// What it is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            _ if self.is_null() => "nothing",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
            Value::Scalar(s) if s.plain && s.truth().is_some() => "true or false",
            Value::Scalar(s) if s.plain && s.number().is_some() => "a number",
            Value::Scalar(_) => "a text",
        }
    }

    /// Where the part `inner` of its text stands in the file; the whole node where that is not known.
    pub(crate) fn inside(&self, inner: &Range<usize>) -> Range<usize> {
        match self.scalar().and_then(|s| s.verbatim) {
            Some(start) => start + inner.start..start + inner.end,
            None => self.bytes.clone(),
        }
    }
}

impl Scalar {
    pub(crate) fn truth(&self) -> Option<bool> {
        match self.text.as_str() {
            "true" | "True" | "TRUE" if self.plain => Some(true),
            "false" | "False" | "FALSE" if self.plain => Some(false),
            _ => None,
        }
    }

    pub(crate) fn number(&self) -> Option<f64> {
        // Rust also reads "inf" and "nan", which YAML writes otherwise and a charter never needs.
        let digits = self.plain && self.text.bytes().any(|b| b.is_ascii_digit());
        self.text.parse().ok().filter(|x: &f64| digits && x.is_finite())
    }
}

/// What could be read of a text.
pub(crate) struct Document {
    /// `None` when there is nothing.
    pub(crate) root: Option<Node>,
    /// The top-level keys of which only a part could be read.
    pub(crate) broken: Vec<String>,
}

/// Reads a text as YAML; whatever is wrong with it goes to `problems`.
pub(crate) fn read(text: &str, problems: &mut Vec<Problem>) -> Document {
    if text.len() > CHARTER_BYTES_MAX {
        let reason = format!("a charter of more than {CHARTER_BYTES_MAX} bytes cannot be read");
        problems.push(Problem::at(Code::TooLarge, text, 0..0, reason, None));
        return Document { root: None, broken: Vec::new() };
    }
    match parse(text, 0..text.len(), problems) {
        Ok(root) => Document { root, broken: Vec::new() },
        Err(problem) => recover::recover(text, problem, problems),
    }
}

/// Reads the part `range` of `text`; an error is what makes it no YAML.
fn parse(text: &str, range: Range<usize>, problems: &mut Vec<Problem>) -> Result<Option<Node>, Problem> {
    let mut builder = Builder::new(text, range);
    let mut parser = Parser::new_from_str(builder.part);
    while let Some(next) = parser.next_event() {
        let (event, span) = next.map_err(|error| builder.syntax(&error))?;
        builder.take(event, span)?;
    }
    problems.append(&mut builder.problems);
    Ok(builder.root)
}

/// A list or map that is not complete yet.
struct Open {
    start: usize,
    anchor: usize,
    is_map: bool,
    children: Vec<Node>,
}

struct Builder<'t> {
    text: &'t str,
    /// What is read of the text, and where it begins.
    part: &'t str,
    base: usize,
    /// The byte of the part at which each character starts; empty where every character is one byte.
    starts: Vec<usize>,
    open: Vec<Open>,
    anchors: Vec<Option<Node>>,
    nodes: usize,
    documents: usize,
    root: Option<Node>,
    problems: Vec<Problem>,
}

impl<'t> Builder<'t> {
    fn new(text: &'t str, range: Range<usize>) -> Self {
        let base = range.start;
        let part = text.get(range).unwrap_or("");
        let starts = if part.is_ascii() { Vec::new() } else { part.char_indices().map(|(i, _)| i).collect() };
        let (open, anchors, problems) = (Vec::new(), Vec::new(), Vec::new());
        Self { text, part, base, starts, open, anchors, nodes: 0, documents: 0, root: None, problems }
    }

    fn byte(&self, character: usize) -> usize {
        let inside = if self.starts.is_empty() { Some(character) } else { self.starts.get(character).copied() };
        self.base + inside.unwrap_or(self.part.len()).min(self.part.len())
    }

    fn bytes(&self, span: Span) -> Range<usize> {
        let start = self.byte(span.start.index());
        start..self.byte(span.end.index()).max(start)
    }

    fn problem(&self, code: Code, bytes: Range<usize>, reason: &str, hint: Option<&str>) -> Problem {
        Problem::at(code, self.text, bytes, reason.to_owned(), hint.map(str::to_owned))
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Problem> {
        let bytes = self.bytes(span);
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    let reason = "a charter is one YAML document, and here a second one begins";
                    return Err(self.problem(Code::Syntax, bytes, reason, Some("remove the line `---`")));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && tag.is_none_or(|tag| tag.suffix != "str");
                let node = self.scalar(text, style, plain, bytes);
                return self.add(node, anchor);
            }
            Event::Alias(anchor) => {
                let Some(repeated) = self.anchors.get(anchor).and_then(Option::as_ref) else {
                    return Err(self.problem(Code::Syntax, bytes, "an alias that repeats what contains it", None));
                };
                self.nodes += size(repeated);
                if self.nodes > NODES_MAX {
                    let reason = "this is more than a charter can hold: aliases repeat too much";
                    return Err(self.problem(Code::TooLarge, bytes, reason, None));
                }
                let node = repeated.clone();
                return self.add(node, 0);
            }
            Event::SequenceStart(anchor, _) => return self.begin(bytes, anchor, false),
            Event::MappingStart(anchor, _) => return self.begin(bytes, anchor, true),
            Event::SequenceEnd | Event::MappingEnd => return self.end(&bytes),
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd | Event::Nothing => {}
        }
        Ok(())
    }

    fn scalar(&self, text: Cow<'_, str>, style: ScalarStyle, plain: bool, bytes: Range<usize>) -> Node {
        let text = text.into_owned();
        let quoted = usize::from(matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted));
        let start = bytes.start + quoted;
        let verbatim = self.text.get(start..).is_some_and(|rest| rest.starts_with(&text)).then_some(start);
        let end = if style == ScalarStyle::Plain && verbatim.is_some() { start + text.len() } else { bytes.end };
        Node { bytes: bytes.start..end, value: Value::Scalar(Scalar { text, plain, verbatim }) }
    }

    fn begin(&mut self, bytes: Range<usize>, anchor: usize, is_map: bool) -> Result<(), Problem> {
        if self.open.len() >= DEPTH_MAX {
            return Err(self.problem(Code::TooLarge, bytes, "this is nested too deeply", None));
        }
        self.open.push(Open { start: bytes.start, anchor, is_map, children: Vec::new() });
        Ok(())
    }

    fn end(&mut self, bytes: &Range<usize>) -> Result<(), Problem> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let start = open.children.first().map_or(open.start, |first| first.bytes.start.min(open.start));
        // The end of a block is found only where the next one begins, so its last child says it better.
        let last = open.children.last().map_or(bytes.end, |last| last.bytes.end);
        let flow = self.text.get(open.start..).is_some_and(|rest| rest.starts_with(['{', '[']));
        let end = if flow { bytes.end } else { last };
        let value = if open.is_map { self.map(open.children, flow) } else { Value::List(open.children) };
        self.add(Node { bytes: start..end.max(start), value }, open.anchor)
    }

    /// Pairs keys with values; keys given twice are reported, `<<` takes in what it names.
    fn map(&mut self, children: Vec<Node>, flow: bool) -> Value {
        let mut entries: Vec<(Node, Node)> = Vec::with_capacity(children.len() / 2);
        let mut merged = Vec::new();
        let mut children = children.into_iter();
        while let (Some(key), Some(value)) = (children.next(), children.next()) {
            if flow && self.continues(&mut entries, &key, &value) {
                continue;
            }
            let name = key.scalar().map(|s| s.text.clone());
            if name.as_deref() == Some("<<") && key.scalar().is_some_and(|s| s.plain) {
                merged.push(value);
                continue;
            }
            let twice = entries.iter().find(|(k, _)| name.is_some() && k.scalar().map(|s| &s.text) == name.as_ref());
            if let (Some((first, _)), Some(name)) = (twice, name) {
                let line = Problem::at(Code::DuplicateKey, self.text, first.bytes.clone(), String::new(), None).line;
                let reason = format!("`{name}` is given twice; first in line {line}");
                let hint = Some("keep one of the two".to_owned());
                self.problems.push(Problem::at(Code::DuplicateKey, self.text, key.bytes.clone(), reason, hint));
            }
            entries.push((key, value));
        }
        for map in merged {
            let Value::Map(more) = map.value else { continue };
            for (key, value) in more {
                let known = |k: &Node| k.scalar().map(|s| &s.text) == key.scalar().map(|s| &s.text);
                if !entries.iter().any(|(k, _)| known(k)) {
                    entries.push((key, value));
                }
            }
        }
        Value::Map(entries)
    }

    /// In `{label: Search, find, goal: reach}` YAML ends the label at the comma and takes `find` for a key without a
    /// value. Nobody means that, so the text goes on; the warning says how to write it.
    fn continues(&mut self, entries: &mut [(Node, Node)], key: &Node, value: &Node) -> bool {
        let (Some((_, before)), Some(more)) = (entries.last_mut(), key.scalar()) else { return false };
        let bytes = before.bytes.start..key.bytes.end;
        let start = before.bytes.start;
        let Value::Scalar(text) = &mut before.value else { return false };
        let colon = self.text.get(key.bytes.end..).is_some_and(|rest| rest.trim_start().starts_with(':'));
        let words =
            text.plain && !text.text.is_empty() && more.plain && text.number().is_none() && text.truth().is_none();
        let Some(whole) = self.text.get(bytes.clone()).filter(|_| words && value.is_null() && !colon) else {
            return false;
        };
        *text = Scalar { text: whole.to_owned(), plain: true, verbatim: Some(start) };
        before.bytes = bytes.clone();
        let hint = Some(format!("put it in quotes: \"{whole}\""));
        let reason = format!("a text with a comma has to be quoted here; it is read as `{whole}`");
        self.problems.push(Problem::at(Code::Comma, self.text, bytes, reason, hint));
        true
    }

    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Problem> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return Err(self.problem(Code::TooLarge, node.bytes, "this is more than a charter can hold", None));
        }
        if anchor > 0 {
            if self.anchors.len() <= anchor {
                self.anchors.resize(anchor + 1, None);
            }
            self.anchors[anchor] = Some(node.clone());
        }
        match self.open.last_mut() {
            Some(open) => open.children.push(node),
            None => self.root = Some(node),
        }
        Ok(())
    }

    fn syntax(&self, error: &ScanError) -> Problem {
        let written = self.base + self.part.trim_end().len();
        let at = self.byte(error.marker().index()).min(written);
        let line_start = self.text.get(..at).and_then(|t| t.rfind('\n')).map_or(0, |i| i + 1);
        let lines = self.text.get(line_start..).unwrap_or("");
        // The scanner often notices a tab only at the start of the line after it.
        let indent = lines.find(|c| c != ' ' && c != '\t').unwrap_or(lines.len());
        if let Some(tab) = lines.get(..indent).and_then(|t| t.find('\t')) {
            return self::tab(self.text, line_start + tab);
        }
        let reason = format!("this is not YAML: {}", error.info());
        let colon =
            lines.lines().next().is_some_and(|line| line.matches(": ").count() > 1 && !line.contains(['{', '"']));
        let hint = if colon {
            Some("a text that contains `: ` has to be quoted")
        } else if error.info().contains("flow") {
            Some("a bracket before this is not closed, or a text with `: ` or `, ` in it is not quoted")
        } else {
            None
        };
        self.problem(Code::Syntax, at..at, &reason, hint)
    }
}

/// The problem of a tab at `at`.
fn tab(text: &str, at: usize) -> Problem {
    let reason = "a line is indented with a tab, which YAML does not allow".to_owned();
    Problem::at(Code::Tab, text, at..at + 1, reason, Some("indent with spaces".to_owned()))
}

/// How many nodes a tree has.
fn size(node: &Node) -> usize {
    match &node.value {
        Value::Scalar(_) => 1,
        Value::List(children) => 1 + children.iter().map(size).sum::<usize>(),
        Value::Map(entries) => 1 + entries.iter().map(|(key, value)| size(key) + size(value)).sum::<usize>(),
    }
}
