//! Charters that were damaged: whatever is changed in a text, it is a charter, or a list of problems that can be shown.

use charter::Charter;
use proptest::prelude::*;

const TELECOM: &str = include_str!("golden/telecom.yaml");
/// What steers YAML, SQL and patterns.
const TOKENS: [&str; 24] = [
    ":",
    " ",
    "\n",
    "\n  ",
    "- ",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "#",
    "&a ",
    "*a",
    "!!str ",
    "|",
    ">",
    "..",
    "(",
    ")",
    "\t",
    "\u{0}",
    "🙂",
    "9999999999999999999",
];

/// One change: where, how much goes, and what comes in its place.
fn change() -> impl Strategy<Value = (usize, usize, String)> {
    let token = prop_oneof![
        4 => prop::sample::select(&TOKENS[..]).prop_map(str::to_owned),
        1 => "[a-z ]{0,8}",
        1 => Just(String::new()),
    ];
    (0..TELECOM.len(), prop_oneof![Just(0), 1usize..4, 1usize..400], token)
}

fn changed(text: &str, changes: &[(usize, usize, String)]) -> String {
    let mut text = text.to_owned();
    for (at, gone, new) in changes {
        let floor = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let (begin, end) = (floor(*at), floor(at + gone));
        text.replace_range(begin..end, new);
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_changed_it_is_a_charter_or_says_why_not(changes in prop::collection::vec(change(), 1..5)) {
        let text = changed(TELECOM, &changes);
        let problems = match Charter::parse(&text) {
            Ok((charter, warnings)) => {
                prop_assert!(!charter.hash.is_empty());
                warnings
            }
            Err(problems) => {
                prop_assert!(!problems.is_empty());
                problems
            }
        };
        for problem in problems {
            prop_assert!(!problem.render("charter.yaml", &text).is_empty());
        }
    }
}
