//! What an answer means.

use super::limits::{ANSWER_SHOWN_MAX, RETRY_AFTER_US_MAX, SECOND_US};
use super::wire::Answer;

impl Answer {
    /// Whether it arrived.
    pub(super) fn is_success(&self) -> bool {
        matches!(self, Answer::Status { status: 200..=299, .. })
    }

    /// Whether the target says that it is there no more.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self, Answer::Status { status: 410, .. })
    }

    /// Why it is a failure, without what others wrote.
    pub(super) fn brief(&self) -> String {
        match self {
            Answer::Failed { why } | Answer::Refused { why } => why.clone(),
            Answer::Status { status: status @ 300..=399, .. } => {
                format!("answered {status}: redirects are not followed")
            }
            Answer::Status { status, .. } => format!("answered {status}"),
        }
    }

    /// Why it is a failure, for whoever looks at the delivery: with how the answer begins, which may say anything, and is kept no
    /// longer than the delivery.
    pub(super) fn why(&self) -> String {
        let printable = |c: char| if c.is_control() { ' ' } else { c };
        let text: String = match self {
            Answer::Status { status: 300..=399, .. } | Answer::Failed { .. } | Answer::Refused { .. } => String::new(),
            Answer::Status { text, .. } => text.trim().chars().take(ANSWER_SHOWN_MAX).map(printable).collect(),
        };
        if text.is_empty() { self.brief() } else { format!("{}: {text}", self.brief()) }
    }

    /// How long the target wants to be left alone, in microseconds; up to a bound, since a slip there would be a message that is
    /// never sent.
    pub(super) fn quiet_us(&self, now_us: i64) -> Option<i64> {
        let Answer::Status { status: 429 | 502 | 503 | 504, retry_after: Some(text), .. } = self else { return None };
        let text = text.trim();
        let us = match text.parse::<u64>() {
            Ok(seconds) => i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(SECOND_US),
            Err(_) => date_us(text)?.saturating_sub(now_us),
        };
        Some(us.clamp(0, RETRY_AFTER_US_MAX))
    }
}

/// A date as HTTP writes it: `Sun, 06 Nov 1994 08:49:37 GMT`.
fn date_us(text: &str) -> Option<i64> {
    let zoned = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(zoned.timestamp().as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16, retry_after: Option<&str>, text: &str) -> Answer {
        Answer::Status { status, retry_after: retry_after.map(str::to_owned), text: text.to_owned() }
    }

    #[test]
    fn a_target_may_say_when_to_come_back() {
        let quiet = |code, text| status(code, Some(text), "").quiet_us(784_111_770 * SECOND_US);
        assert_eq!(quiet(429, "120"), Some(120 * SECOND_US));
        assert_eq!(quiet(503, " 1 "), Some(SECOND_US));
        assert_eq!(quiet(502, "Sun, 06 Nov 1994 08:49:37 GMT"), Some(7 * SECOND_US));
        assert_eq!(quiet(504, "Sat, 06 Nov 1993 08:49:37 GMT"), Some(0), "before now");
        assert_eq!(quiet(429, "99999999999999999999"), None, "no number of seconds");
        assert_eq!(quiet(429, "18446744073709551615"), Some(RETRY_AFTER_US_MAX));
        assert_eq!(quiet(503, "Fri, 06 Nov 2093 08:49:37 GMT"), Some(RETRY_AFTER_US_MAX));
        for text in ["", "-1", "soon", "1.5", "Sun, 99 Nov 1994"] {
            assert_eq!(quiet(429, text), None, "{text}");
        }
        assert_eq!(quiet(500, "120"), None, "means nothing there");
        assert_eq!(status(429, None, "").quiet_us(0), None);
    }

    #[test]
    fn a_failure_says_what_came_back() {
        assert_eq!(status(500, None, " out of\r\nmemory ").why(), "answered 500: out of  memory");
        assert_eq!(status(500, None, "of ann").brief(), "answered 500");
        assert_eq!(status(404, None, "").why(), "answered 404");
        assert_eq!(status(302, None, "<html>").why(), "answered 302: redirects are not followed");
        assert_eq!(
            status(500, None, &"ä".repeat(9_999)).why().chars().count(),
            "answered 500: ".len() + ANSWER_SHOWN_MAX
        );
    }
}
