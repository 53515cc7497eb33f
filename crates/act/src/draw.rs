//! Chance, handed in: the same seed, customer and occasion draw the same lots.

/// The lots of one decision, each from 0 up to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Draw {
    /// Decides to which arm the customer belongs, if nothing was decided about it before.
    pub arm: f64,
    /// Decides whether to explore.
    pub explore: f64,
    /// Picks among what may be chosen.
    pub pick: f64,
}

impl Draw {
    /// Leaves nothing to chance: what is best is chosen.
    pub const BEST: Draw = Draw { arm: 0.5, explore: 1.0, pick: 0.0 };

    /// The lots for a customer, by a number or hash that stays the same for good, on an occasion.
    ///
    /// ```
    /// let (a, b) = (act::Draw::new(7, 1, 1), act::Draw::new(7, 1, 2));
    /// assert_eq!(a.arm.to_bits(), b.arm.to_bits());
    /// assert_ne!(a.pick.to_bits(), b.pick.to_bits());
    /// ```
    pub fn new(seed: u64, customer: u64, occasion: u64) -> Self {
        let of_customer = mix(mix(seed) ^ customer);
        let of_occasion = mix(of_customer ^ mix(occasion));
        Self { arm: unit(of_customer), explore: unit(mix(of_occasion ^ 1)), pick: unit(mix(of_occasion ^ 2)) }
    }
}

/// A number that looks like chance: the finalizer of `SplitMix64` (Steele, Lea, Flood 2014).
fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

fn unit(number: u64) -> f64 {
    const PER: f64 = 1.0 / (1u64 << 53) as f64;
    (number >> 11) as f64 * PER
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lots_are_even_and_independent() {
        let draws: Vec<Draw> = (0..20_000).map(|i| Draw::new(3, i, i / 7)).collect();
        let share = |of: fn(&Draw) -> bool| draws.iter().filter(|draw| of(draw)).count() as f64 / 20_000.0;
        for share in [share(|d| d.arm < 0.5), share(|d| d.explore < 0.5), share(|d| d.pick < 0.5)] {
            assert!((share - 0.5).abs() < 0.015, "{share}");
        }
        assert!((share(|d| d.arm < 0.5 && d.pick < 0.5) - 0.25).abs() < 0.015);
        assert!((share(|d| d.explore < 0.5 && d.pick < 0.5) - 0.25).abs() < 0.015);
        assert!(draws.iter().all(|draw| (0.0..1.0).contains(&draw.arm)));
    }
}
