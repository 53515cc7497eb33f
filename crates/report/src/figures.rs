//! Numbers as people read them: `12,345`, `34 %`, `2.4 h`.

use evidence::Share;

/// A share as a percentage: whole from 1 % to 99 %, with a digit behind the point outside, where whole numbers would
/// say `0 %` of what happens and `100 %` of what does not always happen.
pub(crate) fn percent(share: impl Into<Option<f64>>) -> String {
    share.into().map_or_else(|| UNKNOWN.to_owned(), |share| format!("{} %", percent_digits(share)))
}

/// What stands for a share of nothing.
const UNKNOWN: &str = "–";

fn percent_digits(share: f64) -> String {
    let percent = share * 100.0;
    if percent <= 0.0 {
        "0".to_owned()
    } else if percent >= 100.0 {
        "100".to_owned()
    } else if percent < 0.05 {
        "<0.1".to_owned()
    } else if percent >= 99.95 {
        ">99.9".to_owned()
    } else if !(0.95..99.5).contains(&percent) {
        format!("{percent:.1}")
    } else {
        format!("{percent:.0}")
    }
}

/// An interval of shares: `24–29 %`; nothing where nothing is known.
pub(crate) fn interval(low: impl Into<Option<f64>>, high: impl Into<Option<f64>>) -> String {
    let ends = low.into().zip(high.into());
    ends.map_or_else(String::new, |(low, high)| format!("{}–{} %", percent_digits(low), percent_digits(high)))
}

/// A share with its interval: `26 %, 24–29 %`.
pub(crate) fn with_interval(share: &Share) -> String {
    format!("{}, {}", percent(share.share), interval(share.low, share.high))
}

/// A difference of shares in points, without sign: `17 points`.
pub(crate) fn points(difference: f64) -> String {
    let size = difference.abs() * 100.0;
    let digits = if size < 9.95 { format!("{size:.1}") } else { format!("{size:.0}") };
    format!("{digits} {}", if digits == "1.0" { "point" } else { "points" })
}

/// A difference of shares in points, with its sign: `−17 points`; one that is nothing in the digits shown has none.
pub(crate) fn signed_points(difference: f64) -> String {
    let text = points(difference);
    let sign = if text.starts_with("0.0") {
        ""
    } else if difference < 0.0 {
        "−"
    } else {
        "+"
    };
    format!("{sign}{text}")
}

/// The ends of an interval of differences: `−49 to −43`.
pub(crate) fn points_between(low: f64, high: f64) -> String {
    let [low, high] = [low, high].map(|end| {
        let text = signed_points(end);
        text.split(' ').next().unwrap_or_default().to_owned()
    });
    format!("{low} to {high}")
}

/// A number with thousands apart and as many digits as say something: `12,345`, `123`, `4.1`, `0.25`.
pub(crate) fn plain(number: f64) -> String {
    let size = number.abs();
    let digits = match size {
        _ if size >= 99.95 => 0,
        _ if size >= 0.995 || size <= 0.0 => 1,
        _ => 2,
    };
    let text = format!("{size:.digits$}");
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let whole = whole.parse().map_or_else(|_| whole.to_owned(), evidence::grouped);
    let zero = text.bytes().all(|b| matches!(b, b'0' | b'.'));
    let sign = if number < 0.0 && !zero { "−" } else { "" };
    let point = if part.is_empty() || part.bytes().all(|b| b == b'0') { "" } else { "." };
    format!("{sign}{whole}{point}{}", if point.is_empty() { "" } else { part })
}

/// A length of time in the unit that people would use: `40 s`, `3 min`, `2.4 h`, `5 d`.
pub(crate) fn time(seconds: f64) -> String {
    const UNITS: [(f64, f64, &str); 4] =
        [(1.0, 60.0, "s"), (60.0, 3_600.0, "min"), (3_600.0, 86_400.0, "h"), (86_400.0, f64::INFINITY, "d")];
    if seconds > 0.0 && seconds < 0.05 {
        return "<0.1 s".to_owned();
    }
    for (size, next, unit) in UNITS {
        // Up to one and a half of the next unit, where a digit behind the point would hide what is there.
        if seconds < 1.5 * next {
            let number = seconds / size;
            let digits = if number < 9.95 { format!("{number:.1}") } else { format!("{number:.0}") };
            return format!("{} {unit}", digits.strip_suffix(".0").unwrap_or(&digits));
        }
    }
    String::new()
}

/// A length of time in words: `40 seconds`, `1 day`, `2.4 hours`.
pub(crate) fn time_in_words(seconds: f64) -> String {
    let short = time(seconds);
    let Some((number, unit)) = short.split_once(' ') else { return short };
    let unit = match unit {
        "s" => "second",
        "min" => "minute",
        "h" => "hour",
        _ => "day",
    };
    format!("{number} {unit}{}", if number == "1" { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let shares = [0.0, 0.0001, 0.004, 0.262, 0.996, 0.9999, 1.0].map(percent);
        assert_eq!(shares, ["0 %", "<0.1 %", "0.4 %", "26 %", "99.6 %", ">99.9 %", "100 %"]);
        assert_eq!(with_interval(&Share::new(410, 1_559)), "26 %, 24–29 %");
        assert_eq!([points(-0.17), points(0.01), points(0.0449)], ["17 points", "1.0 point", "4.5 points"]);
        let numbers = [0.0, 0.25, 4.13, -12.0, 99.96, 1_234.5, -0.001].map(plain);
        assert_eq!(numbers, ["0", "0.25", "4.1", "−12", "100", "1,234", "0"]);
        assert_eq!([signed_points(-0.17), signed_points(0.0004)], ["−17 points", "0.0 points"]);
        assert_eq!(points_between(-0.0004, 0.131), "0.0 to +13");
        let times = [0.0, 0.001, 40.0, 89.0, 180.0, 8_640.0, 100_000.0, 432_000.0, 8.64e7].map(time);
        assert_eq!(times, ["0 s", "<0.1 s", "40 s", "89 s", "3 min", "2.4 h", "28 h", "5 d", "1000 d"]);
        let times = [1.0, 180.0, 8_640.0, 432_000.0].map(time_in_words);
        assert_eq!(times, ["1 second", "3 minutes", "2.4 hours", "5 days"]);
    }
}
