//! What follows from an answer: a pure function, so that days of failures are tested in a moment.

use event::Timestamp;
use keep::{Delivery, Outcome};
use rapidhash::v3::rapidhash_v3;

use super::limits::{DELAYS_US, JITTER_PARTS};
use super::target::{Hold, Holder, Target};
use super::wire::Answer;

/// What follows from an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    /// What becomes of the delivery.
    pub(super) outcome: Outcome,
    /// What becomes of its target, if that changes.
    pub(super) target: Option<Target>,
    /// Until when the target wants to be left alone.
    pub(super) quiet_until_us: Option<i64>,
}

/// What follows from the answer to this delivery.
pub(super) fn judge(target: &Target, delivery: &Delivery, answer: &Answer, now_us: i64) -> Verdict {
    let changed = |after: Target| (after != *target).then_some(after);
    if answer.is_success() {
        let after = Target { failing_since_us: None, ..target.clone() };
        return Verdict { outcome: Outcome::Done, target: changed(after), quiet_until_us: None };
    }
    let why = answer.why();
    let mut after = target.clone();
    after.failing_since_us.get_or_insert(now_us);
    if target.hold.is_none() {
        after.hold = hold(&after, answer, now_us);
    }
    let quiet_until_us = answer.quiet_us(now_us).map(|us| now_us.saturating_add(us));
    let attempts = delivery.attempts.saturating_add(1);
    let outcome = match delay_us(&delivery.post.id, attempts) {
        // The target has to be put right by somebody: until then the delivery waits, whatever it has been through.
        _ if answer.is_gone() => Outcome::Retry { due_us: now_us, why },
        Some(delay_us) => {
            let due_us = now_us.saturating_add(delay_us);
            Outcome::Retry { due_us: due_us.max(quiet_until_us.unwrap_or(due_us)), why }
        }
        None => Outcome::Dead { why },
    };
    Verdict { outcome, target: changed(after), quiet_until_us }
}

/// Whether the target is to be put on hold after this failure, and why.
fn hold(target: &Target, answer: &Answer, now_us: i64) -> Option<Hold> {
    let why = answer.brief();
    if answer.is_gone() {
        return Some(Hold { by: Holder::Gone, since_us: now_us, why });
    }
    let since_us = target.failing_since_us.filter(|_| target.is_lost(now_us))?;
    let why = format!("everything has failed since {}; the last time: {why}", Timestamp::from_micros(since_us));
    Some(Hold { by: Holder::Failing, since_us: now_us, why })
}

/// How long to wait before the next attempt after so many; `None` when there is none. A little longer or shorter, as follows from the
/// id and the attempt.
fn delay_us(id: &[u8], attempts: u32) -> Option<i64> {
    let delay_us = *DELAYS_US.get(attempts as usize)?;
    let span_us = delay_us / JITTER_PARTS;
    let draw = rapidhash_v3(&[id, &attempts.to_le_bytes()].concat()) % (2 * span_us.unsigned_abs() + 1);
    Some(delay_us - span_us + i64::try_from(draw).expect("it is less than twice a tenth of a delay"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_are_those_of_the_schedule_up_to_a_tenth() {
        for attempts in 1..10 {
            let due = DELAYS_US[attempts as usize];
            let all: Vec<_> = (0..200_u32)
                .map(|id| delay_us(&id.to_le_bytes(), attempts).expect("there is another attempt"))
                .collect();
            assert!(all.iter().all(|us| (us - due).abs() <= due / 10), "attempt {attempts}");
            let (low, high) = (all.iter().min().expect("there are some"), all.iter().max().expect("there are some"));
            assert!(high - low > due / 6, "attempt {attempts}: they are spread");
            assert_eq!(delay_us(b"a", attempts), delay_us(b"a", attempts), "nothing is left to chance");
        }
        assert_eq!(delay_us(b"a", 10), None);
        assert_eq!(delay_us(b"a", u32::MAX), None);
    }
}
