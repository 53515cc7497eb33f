//! Charters: every text is a charter, or a list of problems that can be shown.
#![no_main]

use charter::Charter;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match Charter::parse(text) {
        Ok((charter, warnings)) => {
            assert!(!charter.hash.is_empty());
            warnings.iter().for_each(|warning| assert!(!warning.render("charter.yaml", text).is_empty()));
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            problems.iter().for_each(|problem| assert!(!problem.render("charter.yaml", text).is_empty()));
        }
    }
});
