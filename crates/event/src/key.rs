//! Making identifiers comparable: the same person should not become two because of a capital letter or a space.

use std::borrow::Cow;

/// How the values of a key are made comparable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Normalise {
    /// Surrounding space is dropped, nothing else.
    #[default]
    Trim,
    /// As an e-mail address, see [`normalise_email`].
    Email,
    /// As a telephone number, see [`normalise_phone`].
    Phone,
}

impl Normalise {
    /// The comparable form of a value; `None` when it is not one of its kind (an e-mail address without `@`).
    pub fn apply(self, value: &str) -> Option<Cow<'_, str>> {
        match self {
            Normalise::Trim => Some(value.trim().into()).filter(|v: &Cow<'_, str>| !v.is_empty()),
            Normalise::Email => normalise_email(value),
            Normalise::Phone => normalise_phone(value),
        }
    }
}

/// An e-mail address in lower case without surrounding space; `None` when it is not an address.
///
/// Dots and `+tags` are kept: providers differ in what they mean, and gluing two people together is worse than missing one.
pub fn normalise_email(value: &str) -> Option<Cow<'_, str>> {
    let value = value.trim();
    let (name, domain) = value.rsplit_once('@')?;
    let plausible = !name.is_empty() && domain.contains('.') && !value.contains(char::is_whitespace);
    if !plausible {
        return None;
    }
    if value.chars().any(char::is_uppercase) { Some(value.to_lowercase().into()) } else { Some(value.into()) }
}

/// The shortest and longest number of digits in a telephone number (E.164 allows 15).
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 6..=15;

/// A telephone number as its digits, with `+` in front when it is an international one (`+…` or `00…`); `None` when it is
/// not a number of 6 to 15 digits.
///
/// National numbers stay national: without knowing the country, nothing may be guessed.
pub fn normalise_phone(value: &str) -> Option<Cow<'_, str>> {
    let value = value.trim();
    if value.chars().any(|c| !c.is_ascii_digit() && !" +-./()".contains(c)) {
        return None;
    }
    // "+49 (0)30 …" is the usual way to write both forms at once.
    let digits: String = value.replace("(0)", "").chars().filter(char::is_ascii_digit).collect();
    let (international, digits) = match digits.strip_prefix("00") {
        Some(rest) => (true, rest),
        None => (value.starts_with('+'), digits.as_str()),
    };
    if !PHONE_DIGITS.contains(&digits.len()) || digits.bytes().all(|d| d == b'0') {
        return None;
    }
    Some(if international { format!("+{digits}") } else { digits.to_owned() }.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_differ_in_case_and_space_only() {
        assert_eq!(normalise_email(" Ann@Example.COM "), Some("ann@example.com".into()));
        assert_eq!(normalise_email("ann+shop@example.com"), Some("ann+shop@example.com".into()));
        for wrong in ["", "ann", "@example.com", "ann@localhost", "a b@example.com"] {
            assert_eq!(normalise_email(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn numbers_differ_in_punctuation_only() {
        assert_eq!(normalise_phone("+49 (0)30 / 123-456"), Some("+4930123456".into()));
        assert_eq!(normalise_phone("0049 30 123456"), Some("+4930123456".into()));
        assert_eq!(normalise_phone("030 123456"), Some("030123456".into()));
        for wrong in ["", "12", "call me", "000000", "+", "1234567890123456"] {
            assert_eq!(normalise_phone(wrong), None, "{wrong}");
        }
    }
}
