//! Writing JSON text piece by piece into a reused buffer: the properties of an event are stored as such a text, and
//! building a tree for each row first would cost more than everything else together.

mod members;

use std::fmt::Write as _;

pub(crate) use members::{Members, Name, identifier, push_members, text};

/// Appends a JSON string.
pub(crate) fn push_string(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|b| b < 0x20 || b == b'"' || b == b'\\') {
        let (plain, tail) = rest.split_at(at);
        out.push_str(plain);
        let (special, tail) = tail.split_at(1);
        push_escape(out, special.as_bytes()[0]);
        rest = tail;
    }
    out.push_str(rest);
    out.push('"');
}

/// A text as a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    push_string(&mut out, text);
    out
}

fn push_escape(out: &mut String, byte: u8) {
    match byte {
        b'"' => out.push_str("\\\""),
        b'\\' => out.push_str("\\\\"),
        b'\n' => out.push_str("\\n"),
        b'\r' => out.push_str("\\r"),
        b'\t' => out.push_str("\\t"),
        control => {
            let _ = write!(out, "\\u{control:04x}");
        }
    }
}

/// Appends a whole number.
pub(crate) fn push_int(out: &mut String, number: i64) {
    let _ = write!(out, "{number}");
}

/// Appends a finite number so that it reads back as the same one, and as a float: `17.0`.
pub(crate) fn push_float(out: &mut String, number: f64) {
    debug_assert!(number.is_finite(), "JSON has no way to write {number}");
    // `Debug` writes the shortest text that reads back equal, with an exponent for very large and small numbers.
    let _ = write!(out, "{number:?}");
}

/// Opens the object at the first member, or separates it from the member before; then writes the name.
pub(crate) fn push_name(out: &mut String, name: &str) {
    out.push(if out.is_empty() { '{' } else { ',' });
    push_string(out, name);
    out.push(':');
}

/// How many digits of a number are surely exact in 64-bit floats, in which most readers hold JSON numbers.
const EXACT_DIGITS_MAX: usize = 15;

/// Whether this text may be written as a JSON number without losing anything of it: no leading zeros or plus sign, and
/// not more digits than survive. So `007`, `+49` and an account number of 20 digits stay texts.
pub(crate) fn is_number(text: &str) -> bool {
    let digits = |bytes: &[u8]| bytes.iter().take_while(|b| b.is_ascii_digit()).count();
    let bytes = text.as_bytes();
    let unsigned = bytes.strip_prefix(b"-").unwrap_or(bytes);
    let whole = digits(unsigned);
    let leading_zero = whole > 1 && unsigned[0] == b'0';
    if whole == 0 || leading_zero {
        return false;
    }
    let (mut rest, mut fraction) = (&unsigned[whole..], 0);
    if let [b'.', tail @ ..] = rest {
        fraction = digits(tail);
        if fraction == 0 {
            return false;
        }
        rest = &tail[fraction..];
    }
    if let [b'e' | b'E', tail @ ..] = rest {
        let tail = tail.strip_prefix(b"-").or_else(|| tail.strip_prefix(b"+")).unwrap_or(tail);
        // Two digits keep the number finite.
        return (1..=2).contains(&tail.len()) && digits(tail) == tail.len() && whole + fraction <= EXACT_DIGITS_MAX;
    }
    rest.is_empty() && whole + fraction <= EXACT_DIGITS_MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn strings_read_back_equal(text in any::<String>()) {
            let mut out = String::new();
            push_string(&mut out, &text);
            prop_assert_eq!(serde_json::from_str::<String>(&out).expect("valid JSON"), text);
        }

        #[test]
        fn floats_read_back_equal(number in any::<f64>().prop_filter("finite", |n| n.is_finite())) {
            let mut out = String::new();
            push_float(&mut out, number);
            let back: f64 = out.parse().expect("a number");
            prop_assert_eq!(back.to_bits(), number.to_bits());
            prop_assert!(serde_json::from_str::<serde_json::Value>(&out).is_ok());
        }

        #[test]
        fn what_counts_as_a_number_is_json(text in "-?[0-9]{0,3}\\.?[0-9]{0,3}([eE][+-]?[0-9]{0,3})?") {
            if is_number(&text) {
                prop_assert!(serde_json::from_str::<f64>(&text).is_ok_and(f64::is_finite), "{}", text);
            }
        }
    }

    #[test]
    fn identifiers_that_look_like_numbers_stay_texts() {
        for text in ["0", "-1", "12.50", "1e5", "123456789012345"] {
            assert!(is_number(text), "{text}");
        }
        for text in ["", "-", "007", "+49", "1.", ".5", "1e", "1e999", "12345678901234567890", "1 000", "0x1f", "NaN"] {
            assert!(!is_number(text), "{text}");
        }
    }
}
