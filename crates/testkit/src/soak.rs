//! Tests that have a long form: as many seeds, or rounds, as there is time for. `make soak` runs them.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// For how long a test with a long form goes on (`SOAK_SECONDS`); nothing where its short form is wanted.
pub fn soak() -> Option<Duration> {
    std::env::var("SOAK_SECONDS").ok()?.parse().ok().map(Duration::from_secs)
}

/// Numbers of rounds: `short` of them, or at least `long`, and for as long as it is to go on.
pub fn rounds(short: u32, long: u32) -> impl Iterator<Item = u32> {
    let (soak, began) = (soak(), Instant::now());
    (0..).take_while(move |round| match soak {
        None => *round < short,
        Some(soak) => *round < long || began.elapsed() < soak,
    })
}

/// Runs with one seed after the other: from 0 to `short`, in the long form with others as long as there is time, or with
/// `SEED` alone. If it panics, it is said how that is repeated: `again` names the test for cargo.
pub fn each_seed(again: &'static str, short: u64, mut run: impl FnMut(u64)) {
    let only = std::env::var("SEED").ok().and_then(|seed| seed.parse::<u64>().ok());
    let seeds: Box<dyn Iterator<Item = u64>> = match (only, soak()) {
        (Some(seed), _) => Box::new(seed..=seed),
        (None, None) => Box::new(0..short),
        (None, Some(soak)) => {
            let began = Instant::now();
            // Every run tries seeds that none has tried before.
            let first = SystemTime::now().duration_since(UNIX_EPOCH).map_or(short, |since| since.as_secs() << 24);
            Box::new((0..short).chain(first..).take_while(move |seed| *seed < short || began.elapsed() < soak))
        }
    };
    let mut count = 0_u64;
    for seed in seeds {
        let failing = Failing { again, seed };
        run(seed);
        drop(failing);
        count += 1;
    }
    say(&format!("{count} seeds"));
}

/// Speaks when it is dropped by a panic.
struct Failing {
    again: &'static str,
    seed: u64,
}

impl Drop for Failing {
    fn drop(&mut self) {
        if std::thread::panicking() {
            say(&format!("again: SEED={} cargo nextest run {}", self.seed, self.again));
        }
    }
}

#[expect(clippy::print_stderr, reason = "the output of a test is for whoever runs it")]
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}
