//! "Did you mean": the known names that look like a misspelt one.

/// A name is a slip for another when at most a third of the longer one has to change.
const CHANGED_SHARE_MAX: usize = 3;

/// How many names are offered.
const OFFERED_MAX: usize = 3;

/// How many letters a slip from `wanted` to `known` changes, apart from case; a letter is dropped, added, changed or
/// swapped with its neighbour (Damerau 1964). `None` when that is too many for a slip.
fn slip(wanted: &str, known: &str) -> Option<usize> {
    let changed = strsim::damerau_levenshtein(wanted, &known.to_lowercase());
    let length = wanted.chars().count().max(known.chars().count());
    (changed * CHANGED_SHARE_MAX <= length).then_some(changed)
}

/// The name that `name` is most probably a slip for, if there is one; of equally near ones the first.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    let slips = known.into_iter().filter_map(|known| Some((slip(&wanted, known)?, known)));
    slips.min_by_key(|(changed, _)| *changed).map(|(_, known)| known)
}

/// The names that `name` may stand for, nearest first, at most three: those that it is a slip for, and those that begin
/// with it.
pub fn similar<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let wanted = name.to_lowercase();
    let begins = |known: &str| wanted.chars().count() >= 3 && known.to_lowercase().starts_with(&wanted);
    let missing = |known: &str| known.chars().count().saturating_sub(wanted.chars().count());
    let found = known
        .into_iter()
        .filter_map(|known| Some((slip(&wanted, known).or_else(|| begins(known).then(|| missing(known)))?, known)));
    let mut found: Vec<(usize, &str)> = found.collect();
    found.sort_unstable();
    found.truncate(OFFERED_MAX);
    found.into_iter().map(|(_, known)| known.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_finger_are_near_and_other_words_are_not() {
        let known = ["order", "visit", "ticket_done"];
        assert_eq!(nearest("oder", known), Some("order"));
        assert_eq!(nearest("Ticket_doen", known), Some("ticket_done"));
        assert_eq!(nearest("delivered", known), None);
        assert_eq!(nearest("ord", ["order_line"]), None, "a beginning is no slip");
    }

    #[test]
    fn names_that_may_be_meant_come_nearest_first() {
        let known = ["visit", "search", "checkout", "order", "Order Completed"];
        assert_eq!(similar("chekout", known), ["checkout"]);
        assert_eq!(similar("oredr", known), ["order"], "swapped letters");
        assert_eq!(similar("VISIT", known), ["visit"]);
        assert_eq!(similar("ord", known), ["order", "Order Completed"], "a beginning");
        assert_eq!(similar("refund", known), [] as [&str; 0]);
        assert_eq!(similar("x", ["a", "b", "x1"]), [] as [&str; 0], "one letter is like no other");
        assert_eq!(similar("X", ["a", "x"]), ["x"]);
    }
}
