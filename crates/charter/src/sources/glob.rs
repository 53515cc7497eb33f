//! Patterns over file names: `orders*.parquet`.

use std::fmt;

/// A pattern over file names: `*` stands for any characters but `/`, `?` for any one of them, everything else for
/// itself.
///
/// A pattern without `/` is about the last part of a path, one with `/` about as many parts as it has.
///
/// ```
/// let glob = charter::sources::Glob::new("orders*.parquet");
/// assert!(glob.matches("exports/orders-2026.parquet"));
/// assert!(!glob.matches("orders.csv"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob(String);

impl Glob {
    /// The pattern of this text; every text is one.
    pub fn new(text: &str) -> Self {
        Self(text.replace('\\', "/"))
    }

    /// Whether a path, or its last parts, are what the pattern says. Both kinds of slash separate parts.
    pub fn matches(&self, path: &str) -> bool {
        let path = path.replace('\\', "/");
        let parts = self.0.matches('/').count() + 1;
        let tail_start = path.rmatch_indices('/').nth(parts - 1).map_or(0, |(i, _)| i + 1);
        let tail: Vec<char> = path.get(tail_start..).unwrap_or("").chars().collect();
        matches(&self.0.chars().collect::<Vec<_>>(), &tail)
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Compares from the left and, on a mismatch, lets the last `*` take one character more.
fn matches(pattern: &[char], text: &[char]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == text[t] || (*c == '?' && text[t] != '/') => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((star_p, star_t)) if text[star_t] != '/' => {
                    star = Some((star_p, star_t + 1));
                    (p, t) = (star_p + 1, star_t + 1);
                }
                _ => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_paths() {
        for (glob, path) in [
            ("*.csv", "a.csv"),
            ("*.csv", "/data/2026/a.csv"),
            ("*.csv", "C:\\data\\a.csv"),
            ("orders*", "orders"),
            ("a*b*c.xes", "a-b-b-c.xes"),
            ("2026/*.csv", "data/2026/a.csv"),
            ("log?.csv", "log1.csv"),
            ("ä*.csv", "ärger.csv"),
        ] {
            assert!(Glob::new(glob).matches(path), "{glob} {path}");
        }
        for (glob, path) in [
            ("*.csv", "a.csv.gz"),
            ("*.csv", "a.csv/b"),
            ("2026/*.csv", "2025/a.csv"),
            ("2026/*.csv", "2026/x/a.csv"),
            ("log?.csv", "log.csv"),
            ("", "a"),
        ] {
            assert!(!Glob::new(glob).matches(path), "{glob} {path}");
        }
    }
}
