//! The customers: how they are recognised, what they like, how patient they are.

use super::clock::{DAY, Seconds};
use crate::Random;

/// Where a customer does something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Channel {
    Web,
    App,
    Call,
    Shop,
}

/// A customer.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) random: Random,
    pub(super) user_id: String,
    pub(super) email: String,
    /// Digits after the country code.
    pub(super) phone: String,
    pub(super) browser: String,
    pub(super) device: String,
    pub(super) prefers: Channel,
    pub(super) visits_per_year: f64,
    pub(super) troubles_per_year: f64,
    /// How long they hold the line, in minutes.
    pub(super) patience_minutes: f64,
    /// Asks more often and leaves more often: a common cause, planted to mislead naive comparisons.
    pub(super) price_sensitive: bool,
    pub(super) renewal_at: Seconds,
    /// Experience so far; 0 is neutral.
    pub(super) mood: f64,
    pub(super) gone: bool,
    pub(super) broken_at: Option<Seconds>,
    pub(super) ticket_at: Option<Seconds>,
    pub(super) second_ticket_at: Option<Seconds>,
}

const FIRST: [&str; 24] = [
    "anna", "ben", "clara", "david", "emma", "felix", "greta", "hannes", "ida", "jonas", "katrin", "lukas", "mia",
    "noah", "olga", "paul", "rosa", "simon", "tina", "uwe", "vera", "wim", "yara", "zoe",
];
const LAST: [&str; 20] = [
    "schmidt", "weber", "fischer", "becker", "wagner", "koch", "richter", "klein", "wolf", "neumann", "schwarz",
    "zimmer", "braun", "hofmann", "lange", "krause", "lehmann", "vogel", "keller", "berger",
];

impl Person {
    pub(super) fn new(number: u32, seed: u64) -> Self {
        let mut random = Random::member(seed, u64::from(number));
        let price_sensitive = random.chance(0.3);
        let (first, last) = (*random.pick(&FIRST), *random.pick(&LAST));
        let contacts = if price_sensitive { 1.5 } else { 1.0 };
        Self {
            user_id: format!("c{number:06}"),
            email: format!("{first}.{last}{number}@example.com"),
            phone: format!("15{}{:07}", random.below(9) + 1, 1_000_000 + number * 37 % 8_999_999),
            browser: format!("b-{:016x}", random.next_u64()),
            device: format!("d-{:016x}", random.next_u64()),
            prefers: *random.weighted(&[
                (Channel::Web, 0.40),
                (Channel::App, 0.30),
                (Channel::Call, 0.20),
                (Channel::Shop, 0.10),
            ]),
            visits_per_year: random.skewed(5.5, 0.6),
            troubles_per_year: contacts * random.skewed(1.4, 0.5),
            patience_minutes: random.skewed(9.0, 0.6),
            price_sensitive,
            renewal_at: i64::from(30 + random.below(330)) * DAY + i64::from(random.below(36_000)) + DAY / 3,
            mood: random.normal() * 0.3,
            gone: false,
            broken_at: None,
            ticket_at: None,
            second_ticket_at: None,
            random,
        }
    }

    /// The number as people and machines write it down; never twice in the same way.
    pub(super) fn phone_as_written(&mut self) -> String {
        let digits = &self.phone;
        let (net, rest) = digits.split_at(3);
        match self.random.below(4) {
            0 => format!("+49 (0){net} {rest}"),
            1 => format!("0049{digits}"),
            2 => format!("+49 {net}/{rest}"),
            _ => format!("+49{digits}"),
        }
    }

    /// The address as a form received it.
    pub(super) fn email_as_written(&mut self) -> String {
        if self.random.chance(0.15) { self.email.to_uppercase() } else { self.email.clone() }
    }
}
