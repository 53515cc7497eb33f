//! Journeys of a customer: which is open, and how those before it ended. The same rules as `journey::Cut`.

use serde::{Deserialize, Serialize};

use super::Known;
use crate::news::{Teller, What};
use crate::plan::{Plan, Role, number};

/// The journeys of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Journeys {
    /// When the open one began, in microseconds since 1970.
    pub(crate) open: Option<i64>,
    pub(crate) succeeded: u64,
    /// Those that another event showed to be over; whether the open one is by now, is a matter of time.
    pub(crate) abandoned: u64,
}

impl Known {
    /// Takes an event into the journeys that are open, or opens one. The event before is still the latest.
    pub(super) fn run(&mut self, role: &Role, at_us: i64, plan: &Plan, teller: &mut Teller) {
        let seen_us = teller.seen_us;
        for (i, journeys) in self.journeys.iter_mut().enumerate() {
            let of = number(i);
            if let (Some(began_us), Some((last_us, _)), Some(silence)) = (journeys.open, self.last, &plan.journeys[i]) {
                // A deadline in business days is slow to find, so it is first asked whether it matters.
                let told = silence.is_over(last_us, seen_us);
                if silence.is_over(last_us, at_us) {
                    if !told {
                        teller.tell(What::JourneyAbandoned, of, began_us, silence.ends_us(last_us), 0);
                    }
                    journeys.abandoned = journeys.abandoned.saturating_add(1);
                    journeys.open = None;
                } else if told {
                    teller.withdraw(What::JourneyAbandoned, of, began_us, silence.ends_us(last_us), 0);
                }
            }
            let (starts, succeeds) = role.journeys[i];
            if journeys.open.is_none() && starts {
                journeys.open = Some(at_us);
                teller.tell(What::JourneyOpened, of, at_us, at_us, 0);
            }
            if let Some(began_us) = journeys.open
                && succeeds
            {
                journeys.succeeded = journeys.succeeded.saturating_add(1);
                journeys.open = None;
                teller.tell(What::JourneySucceeded, of, began_us, at_us, 0);
            }
            // What becomes known only now may be long over.
            if let (Some(began_us), Some(silence)) = (journeys.open, &plan.journeys[i])
                && silence.is_over(at_us, seen_us)
            {
                teller.tell(What::JourneyAbandoned, of, began_us, silence.ends_us(at_us), 0);
            }
        }
    }
}
