//! Any number of events in the order in which a live system would receive them, for benchmarks.
//!
//! Five million customers are alive at once, so the events cannot be made customer by customer and sorted afterwards
//! within a gibibyte. Instead each customer is 32 bytes that know their own next moment, and a calendar of hours says whose
//! next moment falls into which hour: one hour after the other is played, sorted and handed out.
//!
//! A customer comes in sessions of a few moments through one channel. Session starts are drawn one after the other as the
//! smallest of so many uniform times as there are sessions to come, which spreads them evenly over what is left of the year.
//! How many events a customer has is log-normal: half of the customers have at most six, a few have thousands.

mod output;
mod vocabulary;

pub use output::{Error, write};
pub use vocabulary::{CHANNELS, MOMENTS, PAGES};

use crate::Random;
use crate::random::whole;
use vocabulary::{Kind, Popularity};

/// The first instant of the year that is played, 2025 in UTC, in microseconds since 1970.
pub const YEAR_STARTS_US: i64 = 1_735_689_600_000_000;
const HOUR_US: i64 = 3_600_000_000;
const HOURS: usize = 365 * 24;
/// The end of that year.
pub const YEAR_ENDS_US: i64 = YEAR_STARTS_US + 365 * 24 * HOUR_US;

/// No customer has more events than this.
pub const EVENTS_PER_CUSTOMER_MAX: u16 = 5_000;
/// The median number of events of a customer; with [`EVENTS_SPREAD`] it makes a mean of 20.
const EVENTS_MEDIAN: f64 = 6.4;
const EVENTS_SPREAD: f64 = 1.5;

const SESSION_EVENTS_MAX: u32 = 40;
/// The share of sessions that go on after each moment: five moments in the mean.
const SESSION_GOES_ON: f64 = 0.8;
const GAP_MEAN_US: f64 = 45e6;
const GAP_MAX_US: f64 = 900e6;
/// How often the moment that usually comes next does come next.
const USUAL_NEXT: f64 = 0.4;

/// Nobody: the end of a list of customers.
const NOBODY: u32 = u32::MAX;

/// One event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// When, in microseconds since 1970 in UTC; strictly increasing within a customer.
    pub at_us: i64,
    /// Whose event it is, counted from 0.
    pub customer: u32,
    /// What was paid or put into the cart, in cents, where the moment has an amount.
    pub amount_cents: Option<std::num::NonZeroU32>,
    /// Which of [`MOMENTS`].
    pub moment: u8,
    /// Which of [`CHANNELS`].
    pub channel: u8,
    /// Which of [`PAGES`], where the moment has a page.
    pub page: Option<u8>,
}

#[derive(Debug)]
struct Customer {
    random: Random,
    /// When the next event happens.
    at_us: i64,
    /// Who else has their next event in the same hour.
    next: u32,
    events_left: u16,
    session_left: u8,
    moment: u8,
    channel: u8,
}

/// The events of a year, hour by hour.
#[derive(Debug)]
pub struct Traffic {
    customers: Vec<Customer>,
    /// By hour: the first customer whose next event falls into it.
    hours: Vec<u32>,
    hour: usize,
    hour_starts_us: i64,
    popularity: Popularity,
}

impl Traffic {
    /// Exactly `events` events from this seed, of as many customers as it takes.
    ///
    /// # Panics
    /// When that would be 2^32 customers or more.
    pub fn new(events: u64, seed: u64) -> Self {
        let mut traffic = Self {
            customers: Vec::new(),
            hours: vec![NOBODY; HOURS],
            hour: 0,
            hour_starts_us: YEAR_STARTS_US,
            popularity: Popularity::new(),
        };
        let mut left = events;
        while left > 0 {
            let number = u32::try_from(traffic.customers.len()).expect("fewer than 2^32 customers fit in memory");
            let mut random = Random::member(seed, u64::from(number));
            let wanted = whole(random.skewed(EVENTS_MEDIAN, EVENTS_SPREAD).round());
            let wanted = u16::try_from(wanted.clamp(1, i64::from(EVENTS_PER_CUSTOMER_MAX))).expect("clamped");
            let events_left = wanted.min(u16::try_from(left).unwrap_or(u16::MAX));
            left -= u64::from(events_left);
            let mut customer = Customer {
                random,
                at_us: YEAR_STARTS_US,
                next: NOBODY,
                events_left,
                session_left: 0,
                moment: 0,
                channel: 0,
            };
            customer.advance(&traffic.popularity);
            traffic.customers.push(customer);
            traffic.enter(number);
        }
        traffic
    }

    /// How many customers there are.
    pub fn customers(&self) -> usize {
        self.customers.len()
    }

    /// Replaces `rows` by the events of the next hour, in time order; `false` once the year is over.
    pub fn next_hour(&mut self, rows: &mut Vec<Row>) -> bool {
        rows.clear();
        let Some(first) = self.hours.get_mut(self.hour) else { return false };
        let mut number = std::mem::replace(first, NOBODY);
        self.hour += 1;
        self.hour_starts_us += HOUR_US;
        let ends_us = self.hour_starts_us;
        while number != NOBODY {
            let customer = &mut self.customers[number as usize];
            let following = customer.next;
            while customer.events_left > 0 && customer.at_us < ends_us {
                rows.push(customer.event(number));
                customer.events_left -= 1;
                customer.advance(&self.popularity);
            }
            if customer.events_left > 0 {
                self.enter(number);
            }
            number = following;
        }
        rows.sort_unstable_by_key(|row| (row.at_us, row.customer));
        true
    }

    /// Puts a customer on the list of the hour of their next event.
    fn enter(&mut self, number: u32) {
        let customer = &mut self.customers[number as usize];
        let hour = usize::try_from((customer.at_us - YEAR_STARTS_US) / HOUR_US).expect("not before the year");
        customer.next = std::mem::replace(&mut self.hours[hour], number);
    }
}

impl Customer {
    /// Moves to the next event: within the session, or to the start of another.
    fn advance(&mut self, popularity: &Popularity) {
        if self.events_left == 0 {
            return;
        }
        let gap = if self.session_left > 0 {
            self.session_left -= 1;
            self.random.exponential(GAP_MEAN_US).min(GAP_MAX_US)
        } else {
            let sessions = f64::from(self.events_left) * (1.0 - SESSION_GOES_ON);
            let left = (YEAR_ENDS_US - self.at_us) as f64;
            self.channel = vocabulary::channel(&mut self.random);
            self.session_left = self.session();
            left * (1.0 - (1.0 - self.random.unit()).powf(1.0 / sessions.max(1.0)))
        };
        // Whatever is drawn, the events still to come must fit into the year, each at a time of its own.
        let room = (YEAR_ENDS_US - 1 - self.at_us) / i64::from(self.events_left);
        self.at_us += whole(gap).clamp(1, room);
        let usual = self.random.chance(USUAL_NEXT);
        self.moment = if usual { MOMENTS[usize::from(self.moment)].next } else { popularity.draw(&mut self.random) };
    }

    /// How many moments follow the first one of a session.
    fn session(&mut self) -> u8 {
        let mut more = 0;
        while more + 1 < SESSION_EVENTS_MAX && self.random.chance(SESSION_GOES_ON) {
            more += 1;
        }
        u8::try_from(more).expect("at most SESSION_EVENTS_MAX")
    }

    fn event(&mut self, number: u32) -> Row {
        let kind = MOMENTS[usize::from(self.moment)].kind;
        Row {
            at_us: self.at_us,
            customer: number,
            amount_cents: (kind == Kind::Money).then(|| self.amount_cents()),
            moment: self.moment,
            channel: self.channel,
            page: (kind == Kind::Page).then(|| vocabulary::page(&mut self.random)),
        }
    }

    fn amount_cents(&mut self) -> std::num::NonZeroU32 {
        let cents = 99 + whole(self.random.exponential(4_000.0));
        u32::try_from(cents).ok().and_then(std::num::NonZeroU32::new).expect("at least 99, and never 2^32")
    }
}

#[cfg(test)]
mod tests;
