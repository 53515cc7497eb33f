//! A department at work: people, opening hours, and the queue in front of them.

use super::clock::{DAY, HOUR, MINUTE, Seconds, is_working_day, weekday};

/// A department with its people. Work is taken in the order in which it arrives, by whoever is free first.
#[derive(Debug)]
pub(super) struct Desk {
    /// The name that exports use for it.
    pub(super) department: &'static str,
    /// When each person is free again.
    free_at: Vec<Seconds>,
    hours: std::ops::Range<Seconds>,
    saturdays: bool,
}

/// One piece of work that was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Work {
    pub(super) resource: String,
    pub(super) start: Seconds,
    pub(super) end: Seconds,
}

impl Desk {
    pub(super) fn new(department: &'static str, people: usize, hours: std::ops::Range<i64>, saturdays: bool) -> Self {
        let hours = hours.start * HOUR..hours.end * HOUR;
        Self { department, free_at: vec![0; people.max(1)], hours, saturdays }
    }

    /// The first time from `at` on at which the department works.
    pub(super) fn next_open(&self, at: Seconds) -> Seconds {
        let mut day = at.div_euclid(DAY) * DAY;
        let mut from = at;
        loop {
            let open = is_working_day(day) || (self.saturdays && weekday(day) == 5);
            if open && from < day + self.hours.end {
                return from.max(day + self.hours.start);
            }
            day += DAY;
            from = day;
        }
    }

    /// When work that arrives at `at` would begin.
    pub(super) fn begins(&self, at: Seconds) -> Seconds {
        let free = self.free_at.iter().min().expect("a department has people");
        self.next_open(at.max(*free))
    }

    /// Does a piece of work of so many minutes of working time.
    pub(super) fn work(&mut self, at: Seconds, minutes: f64) -> Work {
        let start = self.begins(at);
        let (person, _) =
            self.free_at.iter().enumerate().min_by_key(|(_, free)| **free).expect("a department has people");
        let mut left = crate::random::whole(minutes.max(1.0)) * MINUTE;
        let mut end = start;
        loop {
            let closes = end.div_euclid(DAY) * DAY + self.hours.end;
            if end + left <= closes {
                end += left;
                break;
            }
            left -= closes - end;
            end = self.next_open(closes);
        }
        self.free_at[person] = end;
        Work { resource: format!("{}-{:02}", self.department, person + 1), start, end }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_waits_for_the_person_and_for_the_morning() {
        let mut desk = Desk::new("service", 1, 8..18, false);
        // 2 January 2025 is a Thursday.
        let thursday = DAY;
        let first = desk.work(thursday + 17 * HOUR, 90.0);
        assert_eq!((first.start, first.end), (thursday + 17 * HOUR, thursday + DAY + 8 * HOUR + 30 * MINUTE));
        let second = desk.work(thursday + 17 * HOUR + MINUTE, 30.0);
        assert_eq!((second.start, second.end), (first.end, first.end + 30 * MINUTE));
        assert_eq!(desk.next_open(thursday + 2 * DAY), thursday + 4 * DAY + 8 * HOUR, "not at the weekend");
    }
}
