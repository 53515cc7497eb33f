//! `like` and `ilike`: `%` stands for any run of characters, `_` for any one, `\` takes the next one as it is.

/// One element of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Run,
    One,
    Char(char),
}

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    pieces: Vec<Piece>,
    /// Upper and lower case are the same.
    fold: bool,
}

impl Pattern {
    /// Compiles `text`; `escape` takes the next character as it is.
    pub(super) fn new(text: &str, fold: bool, escape: char) -> Self {
        let mut pieces = Vec::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            pieces.push(match c {
                c if c == escape => Piece::Char(chars.next().unwrap_or(escape)),
                '%' => Piece::Run,
                '_' => Piece::One,
                c => Piece::Char(c),
            });
        }
        pieces.dedup_by(|a, b| *a == Piece::Run && *b == Piece::Run);
        Self { pieces, fold }
    }

    /// Whether all of `text` matches. Never allocates; on a mismatch it returns to the last `%` only, which suffices.
    pub(super) fn matches(&self, text: &str) -> bool {
        let mut rest = text.chars();
        let mut piece = 0;
        let mut last_run = None;
        loop {
            let before = rest.clone();
            let matched = match (self.pieces.get(piece), rest.next()) {
                (None, None) => return true,
                (Some(Piece::Run), next) => {
                    if piece + 1 == self.pieces.len() {
                        return true;
                    }
                    if next.is_none() {
                        return false;
                    }
                    last_run = Some((piece, before.clone()));
                    rest = before;
                    true
                }
                (Some(Piece::One), Some(_)) => true,
                (Some(Piece::Char(wanted)), Some(found)) => self.same(*wanted, found),
                (_, None) => return false,
                (None, Some(_)) => false,
            };
            if matched {
                piece += 1;
                continue;
            }
            let Some((run, mut from)) = last_run else { return false };
            from.next();
            (piece, rest) = (run + 1, from.clone());
            last_run = Some((run, from));
        }
    }

    fn same(&self, wanted: char, found: char) -> bool {
        wanted == found || (self.fold && wanted.to_lowercase().eq(found.to_lowercase()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn like(text: &str, pattern: &str) -> bool {
        Pattern::new(pattern, false, '\\').matches(text)
    }

    #[test]
    fn runs_and_single_characters() {
        for (text, pattern) in [
            ("", ""),
            ("", "%"),
            ("order", "order"),
            ("order", "o%"),
            ("order", "%er"),
            ("order", "%rd%"),
            ("order", "_rde_"),
            ("aab", "%ab"),
            ("größe", "gr__e"),
            ("100%", "100\\%"),
            ("a\\", "a\\"),
            ("abcabd", "%ab_"),
        ] {
            assert!(like(text, pattern), "{text} like {pattern}");
        }
        for (text, pattern) in
            [("", "_"), ("order", ""), ("order", "ord"), ("Order", "order"), ("100", "100\\%"), ("ab", "%a")]
        {
            assert!(!like(text, pattern), "{text} not like {pattern}");
        }
        assert!(Pattern::new("ÄRGER%", true, '\\').matches("ärger im Laden"));
    }

    /// The definition itself, slow and obvious.
    fn plainly(text: &[char], pattern: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('%', rest)) => (0..=text.len()).any(|skip| plainly(&text[skip..], rest)),
            Some(('_', rest)) => !text.is_empty() && plainly(&text[1..], rest),
            Some((c, rest)) => text.first() == Some(c) && plainly(&text[1..], rest),
        }
    }

    proptest! {
        #[test]
        fn it_is_what_its_definition_says(text in "[ab]{0,8}", pattern in "[ab%_]{0,6}") {
            let chars = |s: &str| s.chars().collect::<Vec<_>>();
            prop_assert_eq!(like(&text, &pattern), plainly(&chars(&text), &chars(&pattern)));
        }
    }
}
