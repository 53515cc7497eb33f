//! What a person says of two keys: that they are one customer's, or that they are not. It stands among the evidence, wherever
//! that is kept, under times that no event has: on 1 January of the year 1, a date that is refused as a placeholder. The
//! later of two statements about the same pair has the earlier time, so that of all that is known of a pair, the earliest is
//! the one that counts, as with evidence.

/// The time of the first statement about a pair, in microseconds since 1970: the end of 1 January of the year 1.
const FIRST_US: i64 = (-62_135_596_800 + 86_400) * 1_000_000 - 1;
/// How many statements there are room for, one for each microsecond of that day.
const MOST: i64 = 86_400 * 1_000_000;

/// Which statement about its pair it is, counted from 1; 0 for evidence.
fn number(at_us: i64) -> i64 {
    let number = FIRST_US.saturating_sub(at_us).saturating_add(1);
    if (1..=MOST).contains(&number) { number } else { 0 }
}

/// Whether a person said it; otherwise it is the time of an event.
pub fn is_said(at_us: i64) -> bool {
    number(at_us) > 0
}

/// The time of what a person says now, after all that is known of the same pair.
///
/// ```
/// use listen::stitch::said;
/// let first = said::next_us([1_772_355_600_000_000]);
/// let second = said::next_us([first, 1_772_355_600_000_000]);
/// assert!(said::is_said(first) && second < first);
/// assert!(said::holds(first, None) && !said::holds(first, Some(second)) && said::holds(second, Some(first)));
/// ```
pub fn next_us(known_us: impl IntoIterator<Item = i64>) -> i64 {
    FIRST_US - known_us.into_iter().map(number).max().unwrap_or(0).min(MOST - 1)
}

/// Whether a link is in force beside what was said against it. Against evidence, any word is enough.
pub fn holds(link_us: i64, undo_us: Option<i64>) -> bool {
    undo_us.is_none_or(|undo_us| number(link_us) > number(undo_us))
}

/// The time of an event as the time of evidence, which no event can have a person say.
pub fn evidence_us(at_us: i64) -> i64 {
    if is_said(at_us) { FIRST_US + 1 } else { at_us }
}
