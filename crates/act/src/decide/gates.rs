//! The gates that an action has to pass, in their order.

use charter::actions::{Handling as Told, QuietHours};
use event::{Deadline, Timestamp};
use jiff::ToSpan;
use jiff::tz::TimeZone;

use super::{FellOut, Handling};
use crate::customer::Customer;
use crate::plan::index;

/// Who gets the case.
pub(super) fn handling(customer: &Customer<'_>) -> Handling {
    let stakes = customer.plan.charter().stakes.as_ref();
    let person = stakes.is_some_and(|stakes| stakes.then == Told::Person && stakes.high.holds(customer));
    if person { Handling::Person } else { Handling::Script }
}

/// Whether an action may be chosen; if not, why, and until when where that is a matter of time alone.
pub(super) fn pass(customer: &Customer<'_>, action: usize, occasion: u64) -> Result<(), (FellOut, Option<i64>)> {
    let plan = customer.plan;
    let told = &plan.charter().actions[action];
    if !told.when.holds(customer) {
        return Err((FellOut::Condition, None));
    }
    if told.purpose.as_ref().is_some_and(|purpose| !customer.consents_to(purpose)) {
        return Err((FellOut::Consent, None));
    }
    let used_up =
        |per: &Deadline, times: usize, counts: &dyn Fn(usize) -> bool| used_up(customer, occasion, per, times, counts);
    if let Some((per, times)) = &plan.actions[action].cap
        && let Some(until_us) = used_up(per, *times, &|other| other == action)
    {
        return Err((FellOut::Cap, Some(until_us)));
    }
    for (i, cap) in plan.caps.iter().enumerate().filter(|(_, cap)| cap.counts[action]) {
        if let Some(until_us) = used_up(&cap.per, cap.times, &|other| cap.counts[other]) {
            return Err((FellOut::SharedCap(i), Some(until_us)));
        }
    }
    let zone = &plan.charter().timezone;
    match told.quiet.and_then(|quiet| quiet_until_us(quiet, customer.now_us, zone)) {
        Some(until_us) => Err((FellOut::Quiet, (until_us < i64::MAX).then_some(until_us))),
        None => Ok(()),
    }
}

/// Until when a cap is used up, in microseconds since 1970; `None` where it is not. What was decided on this very occasion
/// does not count.
fn used_up(
    customer: &Customer<'_>,
    occasion: u64,
    per: &Deadline,
    times: usize,
    counts: &dyn Fn(usize) -> bool,
) -> Option<i64> {
    let decided = customer.state.decided();
    let counted = decided.iter().filter(|taken| taken.occasion != occasion && counts(index(taken.action)));
    let counted = counted.map(|taken| taken.at_us).filter(|at_us| !per.is_over(*at_us, customer.now_us));
    let counted: Vec<i64> = counted.collect();
    let oldest = counted.get(counted.len().checked_sub(times)?)?;
    Some(per.ends_us(*oldest).saturating_add(1))
}

/// When the quiet hours end that a time lies in, in microseconds since 1970, `i64::MAX` where they never do; `None` where it lies
/// in none.
pub fn quiet_until_us(quiet: QuietHours, now_us: i64, zone: &TimeZone) -> Option<i64> {
    if quiet.from == quiet.to {
        return Some(i64::MAX);
    }
    let local = Timestamp::from_micros(now_us).to_jiff().to_zoned(zone.clone()).datetime();
    let time = local.time();
    let over_midnight = quiet.from >= quiet.to;
    let is_quiet =
        if over_midnight { time >= quiet.from || time < quiet.to } else { time >= quiet.from && time < quiet.to };
    if !is_quiet {
        return None;
    }
    let tomorrow = over_midnight && time >= quiet.from;
    let date = if tomorrow { local.date().saturating_add(1.day()) } else { local.date() };
    let ends = zone.to_ambiguous_timestamp(date.to_datetime(quiet.to));
    let ends_us = |ends: Option<jiff::Timestamp>| ends.map(jiff::Timestamp::as_microsecond).filter(|us| *us > now_us);
    // In an hour that clocks go through twice, its end may be the second one.
    ends_us(ends.compatible().ok()).or_else(|| ends_us(ends.later().ok())).or(Some(now_us.saturating_add(1)))
}

#[cfg(test)]
mod tests;
