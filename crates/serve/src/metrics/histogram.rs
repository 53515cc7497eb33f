//! How long things took, in buckets.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Text;

/// The upper ends of the buckets, in microseconds and as Prometheus writes them.
const ENDS: [(u64, &str); 11] = [
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (500_000, "0.5"),
    (1_000_000, "1.0"),
];

/// How long things took.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    /// How many ended in each bucket; the last is beyond all ends.
    counts: [AtomicU64; ENDS.len() + 1],
    sum_us: AtomicU64,
}

impl Histogram {
    pub(crate) fn observe(&self, took: Duration) {
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = ENDS.iter().position(|(end_us, _)| took_us <= *end_us).unwrap_or(ENDS.len());
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(took_us, Ordering::Relaxed);
    }

    pub(super) fn write(&self, text: &mut Text, name: &str) {
        let bucket = format!("{name}_bucket");
        let ends = ENDS.iter().map(|(_, end)| *end).chain(["+Inf"]);
        let mut so_far = 0;
        for (count, end) in self.counts.iter().zip(ends) {
            so_far += count.load(Ordering::Relaxed);
            text.sample(&bucket, &[("le", end)], so_far);
        }
        text.sample(&format!("{name}_sum"), &[], self.sum_us.load(Ordering::Relaxed) as f64 / 1e6);
        text.sample(&format!("{name}_count"), &[], so_far);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_add_up() {
        let histogram = Histogram::default();
        for took_us in [0, 500, 501, 1_000_000, 1_000_001] {
            histogram.observe(Duration::from_micros(took_us));
        }
        let mut text = Text::default();
        histogram.write(&mut text, "x");
        let (_, text) = text.finish();
        for line in [
            "x_bucket{le=\"0.0005\"} 2",
            "x_bucket{le=\"0.001\"} 3",
            "x_bucket{le=\"1.0\"} 4",
            "x_bucket{le=\"+Inf\"} 5",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        assert!(text.ends_with("x_sum 2.001002\nx_count 5\n"), "{text}");
    }
}
