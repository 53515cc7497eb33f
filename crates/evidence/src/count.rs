//! Counts as people read them, wherever they are shown.

/// A count with its thousands apart: `12,345`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count with its noun: `1 customer`, `1,434 customers`.
pub fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(n), if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_read_well() {
        let shown = [0, 7, 999, 1_000, 1_434, 1_234_567].map(grouped);
        assert_eq!(shown, ["0", "7", "999", "1,000", "1,434", "1,234,567"]);
        assert_eq!([counted(1, "path", "paths"), counted(0, "path", "paths")], ["1 path", "0 paths"]);
    }
}
