//! Names that look like a misspelt one.

/// How many names are offered.
const OFFERED_MAX: usize = 3;

/// The names that look like `name`, nearest first, at most three; none when nothing comes close.
///
/// Close is what differs, apart from case, in at most a third of its letters, one letter being dropped, added, changed
/// or swapped with its neighbour; or what begins with `name`.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let wanted: Vec<char> = name.to_lowercase().chars().collect();
    // A name of one letter is like no other.
    let allowed = (wanted.len() / 3).max(1).min(wanted.len().saturating_sub(1));
    let mut close: Vec<(usize, &str)> = known
        .into_iter()
        .filter_map(|other| {
            let letters: Vec<char> = other.to_lowercase().chars().collect();
            let distance = distance(&wanted, &letters);
            let begins = wanted.len() >= 3 && letters.starts_with(&wanted);
            (distance <= allowed || begins).then_some((distance, other))
        })
        .collect();
    close.sort_unstable();
    close.truncate(OFFERED_MAX);
    close.into_iter().map(|(_, other)| other.to_owned()).collect()
}

/// The number of letters to drop, add, change, or swap with a neighbour (optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut next = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let changed = row[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            next[j] = changed.min(row[j] + 1).min(next[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                next[j] = next[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut row, next);
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_names_find_the_right_one() {
        let known = ["visit", "search", "checkout", "order", "Order Completed"];
        assert_eq!(nearest("chekout", known), ["checkout"]);
        assert_eq!(nearest("oredr", known), ["order"], "swapped letters");
        assert_eq!(nearest("VISIT", known), ["visit"]);
        assert_eq!(nearest("ord", known), ["order", "Order Completed"], "a beginning");
        assert_eq!(nearest("refund", known), [] as [&str; 0]);
        assert_eq!(nearest("x", ["a", "b", "x1"]), [] as [&str; 0], "one letter is like no other");
        assert_eq!(nearest("X", ["a", "x"]), ["x"]);
    }
}
