use std::fmt::Write;

use proptest::prelude::*;

use super::*;

fn steps(pattern: &Pattern, journey: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for word in journey.split_whitespace() {
        // Written as `moment@channel+hours`.
        let (word, hours) =
            word.split_once('+').map_or((word, 1), |(word, hours)| (word, hours.parse().expect("hours")));
        let (name, channel) = word.split_once('@').map_or((word, None), |(name, channel)| (name, Some(channel)));
        let since_us = (!steps.is_empty()).then_some(hours * 3_600_000_000);
        let channel = channel.and_then(|name| pattern.channels().iter().position(|known| known.name == name));
        let channel = channel.map(|position| u8::try_from(position).expect("few channels"));
        steps.push(Step { moment: pattern.symbol(name), channel, since_us });
    }
    steps
}

#[test]
fn journeys_that_match_and_that_do_not() {
    for (text, journey, anywhere, whole) in [
        ("a b", "a b", true, true),
        ("a b", "x a b x", true, false),
        ("a b", "a x b", false, false),
        ("a .. b", "a x y b", true, true),
        ("a .. b", "a b", true, true),
        ("a .. b", "b a", false, false),
        ("^ a", "x a", false, false),
        ("^a .. b$", "a x b", true, true),
        ("^a .. b$", "a b x", false, false),
        ("a $", "x a", true, false),
        ("a | b c", "b c", true, true),
        ("(a | b) c", "a c", true, true),
        ("visit (search | cart)* cart checkout order", "visit search cart search cart checkout order", true, true),
        ("visit (search | cart)* cart checkout order", "visit search checkout order", false, false),
        ("a? b+", "b b", true, true),
        ("a? b+", "a", false, false),
        ("a*", "", true, true),
        ("^ !a $", "x", true, true),
        ("^ !a $", "a", false, false),
        ("^ !(a | b)+ $", "x y", true, true),
        ("^ !(a | b)+ $", "x b", false, false),
        (". . $", "x y", true, true),
        ("a@web", "a@shop", false, false),
        ("a@web b", "a@web b", true, true),
        ("a b{<2h}", "a b+1", true, true),
        ("a b{<2h}", "a b+2", false, false),
        ("a b{<=2h}", "a b+2", true, true),
        ("a b{>= 1d}@web", "a b@web+24", true, true),
        ("a{<2h}", "a", false, false),
        ("'a b' c", "c", false, false),
    ] {
        let pattern = Pattern::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        let steps = steps(&pattern, journey);
        assert_eq!((pattern.matches(&steps), pattern.matches_whole(&steps)), (anywhere, whole), "{text} on {journey}");
    }
    let quoted = Pattern::parse("'Order Completed' ..").expect("it is correct");
    assert_eq!(quoted.moments()[0].name, "Order Completed");
    assert!(quoted.matches_whole(&[Step::at(Some(0)), Step::at(None)]));
}

#[test]
fn mistakes_are_explained() {
    let mut report = String::new();
    let texts = [
        "",
        "a (b",
        "a ) b",
        "a | | b",
        "* a",
        "a ^ b",
        "a $ b",
        "a, b",
        "a@",
        "a{2d}",
        "a{<2x}",
        "a{<2bd}",
        "a{<2d",
        "!",
        "!(a b)",
        "'a",
        "@web",
        "a@web@app",
        "a -> b",
    ];
    for text in texts {
        let error = Pattern::parse(text).expect_err(text);
        let blamed = text.get(error.bytes.clone()).expect("on character boundaries");
        let _ = write!(report, "{text:?} at {blamed:?}: {error}");
        report.push_str(&error.hint.map_or(String::new(), |hint| format!(" ({hint})")));
        report.push('\n');
    }
    insta::assert_snapshot!(report);
    assert!(Pattern::parse(&"a ".repeat(PATTERN_STEPS_MAX)).is_ok());
    assert!(Pattern::parse(&"a ".repeat(PATTERN_STEPS_MAX + 1)).is_err());
    assert!(Pattern::parse(&"(".repeat(10_000)).is_err());
}

/// Patterns over `a`, `b`, and what they mean as sets of words, slowly.
#[derive(Debug, Clone)]
enum Plain {
    Word(char),
    Then(Box<Plain>, Box<Plain>),
    Or(Box<Plain>, Box<Plain>),
    Many(Box<Plain>),
}

impl Plain {
    fn text(&self) -> String {
        match self {
            Plain::Word(c) => c.to_string(),
            Plain::Then(a, b) => format!("({} {})", a.text(), b.text()),
            Plain::Or(a, b) => format!("({} | {})", a.text(), b.text()),
            Plain::Many(a) => format!("({})*", a.text()),
        }
    }

    /// The lengths of the beginnings of `word` that it accepts.
    fn ends(&self, word: &[char]) -> Vec<usize> {
        let mut ends = match self {
            Plain::Word(c) => {
                if word.first() == Some(c) {
                    vec![1]
                } else {
                    vec![]
                }
            }
            Plain::Then(a, b) => {
                a.ends(word).into_iter().flat_map(|n| b.ends(&word[n..]).into_iter().map(move |m| n + m)).collect()
            }
            Plain::Or(a, b) => [a.ends(word), b.ends(word)].concat(),
            Plain::Many(a) => {
                let mut all = vec![0];
                let mut next = 0;
                while let Some(n) = all.get(next).copied() {
                    for m in a.ends(&word[n..]) {
                        if !all.contains(&(n + m)) {
                            all.push(n + m);
                        }
                    }
                    next += 1;
                }
                all
            }
        };
        ends.sort_unstable();
        ends.dedup();
        ends
    }
}

fn plain() -> impl Strategy<Value = Plain> {
    prop_oneof![Just(Plain::Word('a')), Just(Plain::Word('b'))].prop_recursive(4, 16, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Plain::Then(Box::new(a), Box::new(b))),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Plain::Or(Box::new(a), Box::new(b))),
            inner.prop_map(|a| Plain::Many(Box::new(a))),
        ]
    })
}

/// What an alignment with exactly this word costs: all moments of both but those of their longest common subsequence.
fn cost(journey: &[char], word: &[char]) -> usize {
    let mut common = vec![0; word.len() + 1];
    for moment in journey {
        let mut diagonal = 0;
        for (i, c) in word.iter().enumerate() {
            let longest = if moment == c { diagonal + 1 } else { common[i].max(common[i + 1]) };
            diagonal = std::mem::replace(&mut common[i + 1], longest);
        }
    }
    journey.len() + word.len() - 2 * common[word.len()]
}

proptest! {
    #[test]
    fn an_alignment_costs_what_the_nearest_word_costs(
        plain in plain(),
        journey in prop::collection::vec(prop::sample::select(vec!['a', 'b', 'x']), 0..5),
    ) {
        let pattern = Pattern::parse(&plain.text()).expect("it is made to be correct");
        let mut aligner = Aligner::new(&pattern);
        let shortest = aligner.shortest() as usize;
        // A word takes part with at most the moments of the journey and, of those skipped, as many again and the shortest.
        let longest = 2 * journey.iter().filter(|c| **c != 'x').count() + shortest;
        prop_assume!(longest <= 12);
        let words = (0..=longest).flat_map(|length| (0..1u32 << length).map(move |bits| (length, bits)));
        let words = words.map(|(length, bits)| (0..length).map(|i| if bits >> i & 1 == 0 { 'a' } else { 'b' }).collect());
        let drawn = words.filter(|word: &Vec<char>| plain.ends(word).contains(&word.len()));
        let (least, least_words) = drawn.fold((usize::MAX, usize::MAX), |(least, short), word| {
            (least.min(cost(&journey, &word)), short.min(word.len()))
        });
        let steps: Vec<Step> = journey.iter().map(|c| Step::at(pattern.symbol(&c.to_string()))).collect();
        let alignment = aligner.align(&steps).clone();
        prop_assert_eq!(alignment.cost as usize, least);
        prop_assert_eq!(shortest, least_words);
        // What is left of the journey together with what is skipped is a word of the pattern.
        let mut word = Vec::new();
        let mut skipped = alignment.skipped.iter().rev().peekable();
        for i in 0..=steps.len() {
            while let Some((state, _)) = skipped.next_if(|(_, before)| *before == i) {
                let Some(MomentTest::Is(symbol)) = pattern.automaton().test(*state).map(|test| test.moment.clone()) else {
                    unreachable!("these patterns name every step");
                };
                word.push(Step::at(Some(symbol)));
            }
            word.extend(steps.get(i).filter(|_| !alignment.added.contains(&i)));
        }
        prop_assert!(pattern.matches_whole(&word));
    }

    #[test]
    fn a_beginning_is_what_some_word_begins_with(
        plain in plain(),
        journey in prop::collection::vec(prop::sample::select(vec!['a', 'b']), 0..5),
    ) {
        let pattern = Pattern::parse(&plain.text()).expect("it is made to be correct");
        let steps: Vec<Step> = journey.iter().map(|c| Step::at(pattern.symbol(&c.to_string()))).collect();
        let kept = pattern.automaton().beginning(&steps);
        let goes_on = |n: &usize| {
            let words = (0..=8usize).flat_map(|length| (0..1u32 << length).map(move |bits| (length, bits)));
            words.into_iter().any(|(length, bits)| {
                let rest = (0..length).map(|i| if bits >> i & 1 == 0 { 'a' } else { 'b' });
                let word: Vec<char> = journey[..*n].iter().copied().chain(rest).collect();
                plain.ends(&word).contains(&word.len())
            })
        };
        prop_assume!(Aligner::new(&pattern).shortest() <= 4);
        let expected = (0..=steps.len()).rev().find(goes_on).unwrap_or(0);
        prop_assert_eq!(kept, expected);
    }

    #[test]
    fn the_automaton_accepts_what_the_pattern_says(plain in plain(), word in prop::collection::vec(prop::sample::select(vec!['a', 'b']), 0..8)) {
        let pattern = Pattern::parse(&plain.text()).expect("it is made to be correct");
        let journey: Vec<Step> = word.iter().map(|c| Step::at(pattern.symbol(&c.to_string()))).collect();
        prop_assert_eq!(pattern.matches_whole(&journey), plain.ends(&word).contains(&word.len()));
        prop_assert_eq!(pattern.matches(&journey), (0..=word.len()).any(|i| !plain.ends(&word[i..]).is_empty()));
    }

    #[test]
    fn arbitrary_text_never_panics(text in "[ab'.!|()?*+^$@{}<2d ä]{0,24}") {
        match Pattern::parse(&text) {
            Ok(pattern) => { pattern.matches(&[Step::at(Some(0)), Step::at(None)]); }
            Err(error) => prop_assert!(text.get(error.bytes).is_some()),
        }
    }
}
