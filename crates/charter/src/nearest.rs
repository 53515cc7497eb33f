//! "Did you mean": the known name that is nearest to a misspelt one.

/// Two names are alike when at most a third of the longer one has to change.
const CHANGED_SHARE_MAX: usize = 3;

/// The candidate that `name` most probably stands for, if one is near enough.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let distance = strsim::damerau_levenshtein(&wanted, &candidate.to_lowercase());
            let length = wanted.chars().count().max(candidate.chars().count());
            (distance * CHANGED_SHARE_MAX <= length).then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// A hint that names the nearest candidate, or lists all of them where they are few and none is near.
pub(crate) fn hint<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    /// More names than this are not worth reading.
    const LISTED_MAX: usize = 20;
    let mut candidates: Vec<&str> = candidates.into_iter().collect();
    // A name that is defined twice is one name.
    let mut seen = std::collections::BTreeSet::new();
    candidates.retain(|candidate| seen.insert(*candidate));
    if let Some(near) = nearest(name, candidates.iter().copied()) {
        return Some(format!("did you mean `{near}`?"));
    }
    if candidates.is_empty() || candidates.len() > LISTED_MAX {
        return None;
    }
    Some(format!("one of: {}", candidates.join(", ")))
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
        assert_eq!(hint("delivered", ["order", "visit", "order"]).as_deref(), Some("one of: order, visit"));
        assert_eq!(hint("delivered", known).as_deref(), Some("one of: order, visit, ticket_done"));
    }
}
