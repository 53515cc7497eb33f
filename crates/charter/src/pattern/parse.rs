//! Reading the text of a pattern.

use std::ops::Range;

use event::Span;

use super::automaton::{MomentTest, StepTest, TimeTest};
use super::{Named, PATTERN_STEPS_MAX, PatternError};

/// How deeply a pattern may be nested.
const DEPTH_MAX: usize = 32;

/// A pattern as a tree.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Tree {
    Step(StepTest),
    Sequence(Vec<Tree>),
    Either(Vec<Tree>),
    Optional(Box<Tree>),
    AnyNumber(Box<Tree>),
    AtLeastOnce(Box<Tree>),
}

/// What was read.
pub(super) struct Parsed {
    pub(super) root: Tree,
    pub(super) moments: Vec<Named>,
    pub(super) channels: Vec<Named>,
    pub(super) from_start: bool,
    pub(super) to_end: bool,
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Name(String),
    Channel(String),
    Time(TimeTest),
    Gap,
    Mark(char),
}

type Result<T> = std::result::Result<T, PatternError>;

fn wrong<T>(bytes: Range<usize>, reason: impl Into<String>, hint: Option<&str>) -> Result<T> {
    Err(PatternError { bytes, reason: reason.into(), hint: hint.map(str::to_owned) })
}

pub(super) fn parse(text: &str) -> Result<Parsed> {
    let tokens = tokens(text)?;
    let mut rest = tokens.as_slice();
    let mark = |token: Option<&(Token, Range<usize>)>, c| token.is_some_and(|(t, _)| *t == Token::Mark(c));
    let from_start = mark(rest.first(), '^');
    rest = &rest[usize::from(from_start)..];
    let to_end = mark(rest.last(), '$');
    rest = &rest[..rest.len() - usize::from(to_end)];
    let mut parser =
        Parser { tokens: rest, next: 0, end: text.len(), moments: Vec::new(), channels: Vec::new(), steps: 0 };
    let root = parser.either(0)?;
    if let Some((token, bytes)) = parser.peek() {
        let hint = match token {
            Token::Mark('^') => Some("`^` means the start of the journey, so it stands first"),
            Token::Mark('$') => Some("`$` means the end of the journey, so it stands last"),
            _ => None,
        };
        return wrong(bytes.clone(), "this cannot stand here", hint);
    }
    Ok(Parsed { root, moments: parser.moments, channels: parser.channels, from_start, to_end })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-'
}

fn tokens(text: &str) -> Result<Vec<(Token, Range<usize>)>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) {
        let rest = text.get(at + c.len_utf8()..).unwrap_or("");
        let word = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        let to = |inner: usize| at..at + c.len_utf8() + inner;
        let (token, bytes) = match c {
            c if c.is_whitespace() => {
                at += c.len_utf8();
                continue;
            }
            '.' if rest.starts_with('.') => (Token::Gap, to(1)),
            '^' | '$' | '(' | ')' | '|' | '?' | '*' | '+' | '!' | '.' => (Token::Mark(c), to(0)),
            '@' if word > 0 => (Token::Channel(rest.get(..word).unwrap_or("").to_owned()), to(word)),
            '@' => return wrong(to(0), "`@` is followed by the name of a channel", Some("as in `order@web`")),
            '{' => time(rest, at)?,
            '\'' => match rest.find('\'') {
                Some(end) if end > 0 => (Token::Name(rest.get(..end).unwrap_or("").to_owned()), to(end + 1)),
                _ => return wrong(at..text.len(), "a quoted name without its end", Some("as in `'Order Completed'`")),
            },
            c if is_word(c) => (Token::Name(text.get(to(word)).unwrap_or("").to_owned()), to(word)),
            _ => {
                let hint = "there are names, `..`, `|`, `( )`, `?`, `*`, `+`, `!`, `.`, `^`, `$`, `@channel`, \
                            `{<2d}`";
                return wrong(to(0), format!("`{c}` means nothing in a pattern"), Some(hint));
            }
        };
        at = bytes.end;
        tokens.push((token, bytes));
    }
    Ok(tokens)
}

/// Reads `{<2d}`, of which `rest` follows the brace at `at`.
fn time(rest: &str, at: usize) -> Result<(Token, Range<usize>)> {
    let hint = Some("write the time since the moment before, as in `order{<2d}`");
    let Some(end) = rest.find('}') else {
        return wrong(at..at + 1, "a brace without its end", hint);
    };
    let bytes = at..at + end + 2;
    let inner = rest.get(..end).unwrap_or("").trim();
    let comparisons = [("<=", true, true), (">=", false, true), ("<", true, false), (">", false, false)];
    let found = comparisons
        .iter()
        .find_map(|(sign, at_most, or_equal)| Some((*at_most, *or_equal, inner.strip_prefix(sign)?.trim())));
    let Some((at_most, or_equal, span)) = found else {
        return wrong(bytes, format!("`{{{inner}}}` is not a time"), hint);
    };
    match span.parse::<Span>() {
        Ok(Span::Elapsed(limit_us)) => Ok((Token::Time(TimeTest { at_most, or_equal, limit_us }), bytes)),
        Ok(Span::BusinessDays(_)) => wrong(bytes, "a pattern counts elapsed time, not business days", hint),
        Err(e) => wrong(bytes, e.to_string(), hint),
    }
}

fn too_long<T>(bytes: &Range<usize>) -> Result<T> {
    wrong(bytes.clone(), format!("a pattern has at most {PATTERN_STEPS_MAX} steps"), None)
}

/// The position of a name among those that were met, at which it is put if it was not.
fn symbol(names: &mut Vec<Named>, name: &str, bytes: &Range<usize>) -> Result<u8> {
    let position = names.iter().position(|named| named.name == name).unwrap_or_else(|| {
        names.push(Named { name: name.to_owned(), bytes: bytes.clone() });
        names.len() - 1
    });
    u8::try_from(position).or_else(|_| too_long(bytes))
}

struct Parser<'t> {
    tokens: &'t [(Token, Range<usize>)],
    next: usize,
    end: usize,
    moments: Vec<Named>,
    channels: Vec<Named>,
    steps: usize,
}

impl<'t> Parser<'t> {
    fn peek(&self) -> Option<&'t (Token, Range<usize>)> {
        self.tokens.get(self.next)
    }

    fn eat(&mut self, mark: char) -> bool {
        let found = self.peek().is_some_and(|(token, _)| *token == Token::Mark(mark));
        self.next += usize::from(found);
        found
    }

    /// Where the next token stands, or the end of the pattern.
    fn here(&self) -> Range<usize> {
        self.peek().map_or(self.end..self.end, |(_, bytes)| bytes.clone())
    }

    fn either(&mut self, depth: usize) -> Result<Tree> {
        if depth > DEPTH_MAX {
            return wrong(self.here(), "this pattern is nested too deeply", None);
        }
        let mut parts = vec![self.sequence(depth)?];
        while self.eat('|') {
            parts.push(self.sequence(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Tree::Either(parts) })
    }

    fn sequence(&mut self, depth: usize) -> Result<Tree> {
        let mut parts = Vec::new();
        while let Some((token, _)) = self.peek() {
            match token {
                Token::Mark('|' | ')' | '^' | '$') => break,
                _ => parts.push(self.repeated(depth)?),
            }
        }
        match parts.len() {
            0 => wrong(self.here(), "a moment is missing here", Some("name a moment, or write `.` for any")),
            1 => Ok(parts.remove(0)),
            _ => Ok(Tree::Sequence(parts)),
        }
    }

    fn repeated(&mut self, depth: usize) -> Result<Tree> {
        let mut tree = self.atom(depth)?;
        // More than one of them says no more than the widest, so a chain of them cannot deepen the tree.
        let (mut optional, mut many) = (false, false);
        loop {
            if self.eat('?') {
                optional = true;
            } else if self.eat('*') {
                (optional, many) = (true, true);
            } else if self.eat('+') {
                many = true;
            } else {
                break;
            }
        }
        tree = match (optional, many) {
            (false, false) => tree,
            (true, false) => Tree::Optional(Box::new(tree)),
            (true, true) => Tree::AnyNumber(Box::new(tree)),
            (false, true) => Tree::AtLeastOnce(Box::new(tree)),
        };
        Ok(tree)
    }

    fn atom(&mut self, depth: usize) -> Result<Tree> {
        let Some((token, bytes)) = self.peek() else {
            return wrong(self.here(), "a moment is missing here", None);
        };
        self.next += 1;
        match token {
            Token::Mark('(') => {
                let inner = self.either(depth + 1)?;
                if !self.eat(')') {
                    return wrong(bytes.clone(), "this bracket is never closed", None);
                }
                Ok(inner)
            }
            Token::Gap => {
                let any = self.step(MomentTest::Any, bytes)?;
                Ok(Tree::AnyNumber(Box::new(Tree::Step(any))))
            }
            Token::Mark('.') => self.step(MomentTest::Any, bytes).map(Tree::Step),
            Token::Mark('!') => {
                let but = self.names()?;
                self.step(MomentTest::AnyBut(but), bytes).map(Tree::Step)
            }
            Token::Name(name) => {
                let symbol = symbol(&mut self.moments, name, bytes)?;
                self.step(MomentTest::Is(symbol), bytes).map(Tree::Step)
            }
            Token::Channel(_) | Token::Time(_) => wrong(
                bytes.clone(),
                "a condition stands directly after the moment that it is about",
                Some("as in `order@web`"),
            ),
            Token::Mark(c) => wrong(bytes.clone(), format!("`{c}` has nothing to stand on"), None),
        }
    }

    /// The names after `!`: one, or several in brackets.
    fn names(&mut self) -> Result<Vec<u8>> {
        let bracket = self.eat('(');
        let mut names = Vec::new();
        loop {
            let here = self.here();
            let Some((Token::Name(name), bytes)) = self.peek() else {
                return wrong(
                    here,
                    "`!` is followed by the moments that it excludes",
                    Some("as in `!order` or `!(order | visit)`"),
                );
            };
            self.next += 1;
            names.push(symbol(&mut self.moments, name, bytes)?);
            if !bracket || !self.eat('|') {
                break;
            }
        }
        if bracket && !self.eat(')') {
            return wrong(self.here(), "only names and `|` can stand in the brackets after `!`", None);
        }
        Ok(names)
    }

    /// A step, with the conditions that follow it.
    fn step(&mut self, moment: MomentTest, bytes: &Range<usize>) -> Result<StepTest> {
        self.steps += 1;
        if self.steps > PATTERN_STEPS_MAX {
            return too_long(bytes);
        }
        let mut test = StepTest { moment, channel: None, time: None };
        while let Some((token, bytes)) = self.peek() {
            match token {
                Token::Channel(channel) if test.channel.is_none() => {
                    test.channel = Some(symbol(&mut self.channels, channel, bytes)?);
                }
                Token::Time(time) if test.time.is_none() => test.time = Some(*time),
                Token::Channel(_) | Token::Time(_) => {
                    return wrong(bytes.clone(), "this step has such a condition already", None);
                }
                _ => break,
            }
            self.next += 1;
        }
        Ok(test)
    }
}
