//! "Did you mean" as a hint of a problem.

pub(crate) use event::nearest;

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
    fn few_names_are_listed_where_none_is_near() {
        let known = ["order", "visit", "ticket_done"];
        assert_eq!(hint("oder", known).as_deref(), Some("did you mean `order`?"));
        assert_eq!(hint("delivered", ["order", "visit", "order"]).as_deref(), Some("one of: order, visit"));
        assert_eq!(hint("delivered", known).as_deref(), Some("one of: order, visit, ticket_done"));
        assert_eq!(hint("delivered", []), None);
    }
}
