//! What was planted, and what came of it in this year: the answer sheet.

use std::collections::BTreeMap;

use super::Settings;

/// The chance to leave at renewal, as a sum.
pub(super) const CHURN_BASE: f64 = 0.08;
/// Added when a delivery promise was broken in the 90 days before.
pub(super) const CHURN_BROKEN: f64 = 0.22;
/// Added when a second ticket within a week came in the 90 days before.
pub(super) const CHURN_SECOND_TICKET: f64 = 0.16;
/// Added for the price-sensitive, who also ask one and a half times as often.
pub(super) const CHURN_PRICE_SENSITIVE: f64 = 0.06;
/// How far back an experience counts, in days.
pub(super) const REMEMBERED_DAYS: i64 = 90;
/// The share of checkouts that fail technically, and of those who then call.
pub(super) const CHECKOUT_FAILS: f64 = 0.12;
pub(super) const CALLS_AFTER_FAILURE: f64 = 0.35;
/// The share of deliveries that come too late, and in the weeks before Christmas.
pub(super) const LATE: f64 = 0.20;
pub(super) const LATE_BEFORE_CHRISTMAS: f64 = 0.40;
/// What every hand-over of a ticket to another department costs in dispatching, in hours (mean), beside the next queue.
pub(super) const HANDOVER_HOURS: f64 = 6.0;
/// The share of solved requests that were not really solved and come back within a week.
pub(super) const NOT_ACCURATE: f64 = 0.18;
/// The share of requests after an unanswered contact that come back through another channel.
pub(super) const SWITCHES_AFTER_WAITING: f64 = 0.6;

/// Counts of what happened, under names that explain themselves.
#[derive(Debug, Default)]
pub(super) struct Counts(BTreeMap<String, u64>);

impl Counts {
    pub(super) fn add(&mut self, name: &str) {
        *self.0.entry(name.to_owned()).or_default() += 1;
    }

    pub(super) fn add_if(&mut self, holds: bool, name: &str) {
        if holds {
            self.add(name);
        }
    }

    pub(super) fn get(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// The text of `truth.json`.
    pub(super) fn to_json(&self, settings: Settings, shared: &serde_json::Value) -> String {
        let share = |part: &str, whole: &str| self.get(part) as f64 / (self.get(whole).max(1)) as f64;
        let truth = serde_json::json!({
            "simulated": true,
            "made_by": format!("sim telecom --customers {} --seed {}", settings.customers, settings.seed),
            "planted": {
                "churn": {
                    "base": CHURN_BASE,
                    "added_by_broken_delivery_promise": CHURN_BROKEN,
                    "added_by_second_ticket_in_a_week": CHURN_SECOND_TICKET,
                    "added_by_price_sensitivity": CHURN_PRICE_SENSITIVE,
                    "remembered_days": REMEMBERED_DAYS,
                    "note": "chances add up; price sensitivity is never recorded and also multiplies requests by 1.5",
                },
                "checkout_fails": CHECKOUT_FAILS,
                "calls_within_two_hours_after_failed_checkout": CALLS_AFTER_FAILURE,
                "late_deliveries": LATE,
                "late_deliveries_from_20_november_to_24_december": LATE_BEFORE_CHRISTMAS,
                "handover_costs_hours_mean": HANDOVER_HOURS,
                "solved_but_comes_back_within_a_week": NOT_ACCURATE,
                "switches_channel_after_waiting_in_vain": SWITCHES_AFTER_WAITING,
                "surveys": "who is very content or very annoyed answers more often",
            },
            "happened": {
                "counts": self.0,
                "churn_of_all": share("ended", "decided"),
                "churn_after_broken_promise": share("ended, broken", "decided, broken"),
                "churn_without_broken_promise": share("ended, not broken", "decided, not broken"),
                "churn_after_second_ticket": share("ended, second ticket", "decided, second ticket"),
                "churn_without_second_ticket": share("ended, no second ticket", "decided, no second ticket"),
                "delivery_promises_broken": share("deliveries, late", "deliveries"),
                "requests_over_several_channels": share("requests, several channels", "requests"),
            },
            "identities": shared,
        });
        let mut text = serde_json::to_string_pretty(&truth).expect("a value made of numbers and texts");
        text.push('\n');
        text
    }
}
