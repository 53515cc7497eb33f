//! The map against a slow and obvious way to the same figures, over random logs cut up in random ways: with times from sketches
//! and with more moments than a table holds, which small worlds do not have. Every view against the same of small worlds is a
//! test of `sim`.

use std::collections::{BTreeMap, BTreeSet};

use journey::{Cut, Moments, Run, Runs, Selection, flag};
use proptest::prelude::*;
use testkit::{Log, answer_split, logs, splits};
use understand::{Question, Times, map};

/// One journey, told plainly.
#[derive(Debug, Clone, PartialEq)]
struct Path {
    customer: i64,
    moments: Vec<String>,
    at_us: Vec<i64>,
}

/// The journeys that a selection lets through; which ones these are is tested where selections are.
fn paths(log: &Log, selection: &Selection) -> Vec<Path> {
    let names = log.moments.names();
    let mut paths = Vec::new();
    let mut each = |run: &Run<'_>| {
        selection.journeys(run, |journey, _| {
            paths.push(Path {
                customer: journey.customer,
                moments: journey.moments.iter().map(|moment| names[moment.index()].to_string()).collect(),
                at_us: journey.at_us.to_vec(),
            });
        });
    };
    let mut runs = Runs::default();
    runs.feed(&log.columns(), &mut each);
    runs.finish(&mut each);
    paths
}

fn selections() -> impl Strategy<Value = Selection> {
    (any::<bool>(), prop::option::of(1i64..8), prop::option::of(0i64..20)).prop_map(|(with, silence, from)| Selection {
        cut: silence.map(|silence| Cut {
            abandoned_after: Some(event::Deadline::Elapsed(silence * 1_300_001)),
            ..Cut::default()
        }),
        from_us: from.map(|from| from * 1_300_001),
        with,
        ..Selection::default()
    })
}

fn customers_where(paths: &[Path], holds: impl Fn(&Path) -> bool) -> u64 {
    paths.iter().filter(|path| holds(path)).map(|path| path.customer).collect::<BTreeSet<_>>().len() as u64
}

fn count<T: Ord>(items: impl IntoIterator<Item = T>) -> BTreeMap<T, u64> {
    let mut counts = BTreeMap::new();
    for item in items {
        *counts.entry(item).or_insert(0) += 1;
    }
    counts
}

fn seconds(us: i64) -> f64 {
    us as f64 / 1e6
}

/// numpy's percentile of type 7.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let place = (sorted.len() - 1) as f64 * share;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the list")]
    let low = place.floor() as usize;
    let high = (low + 1).min(sorted.len() - 1);
    sorted[low] + (sorted[high] - sorted[low]) * (place - low as f64)
}

fn close(a: f64, b: f64, relative: f64) -> bool {
    (a - b).abs() <= relative * a.abs().max(b.abs()) + 1e-9
}

fn check_map(paths: &[Path], found: &map::Answer) -> Result<(), TestCaseError> {
    let mut times: BTreeMap<(&str, &str), Vec<f64>> = BTreeMap::new();
    for path in paths {
        for i in 1..path.moments.len() {
            let pair = (&*path.moments[i - 1], &*path.moments[i]);
            times.entry(pair).or_default().push(seconds(path.at_us[i] - path.at_us[i - 1]));
        }
    }
    prop_assert_eq!(found.edges.len(), times.len());
    let relative = if found.times == Times::Exact { 1e-12 } else { 0.005 };
    for edge in &found.edges {
        let times = times.get_mut(&(&*edge.from, &*edge.to)).expect("the edge occurs");
        times.sort_by(f64::total_cmp);
        prop_assert_eq!(edge.count, times.len() as u64);
        let follows = |path: &Path| path.moments.windows(2).any(|pair| *pair[0] == *edge.from && *pair[1] == *edge.to);
        prop_assert_eq!(edge.customers, customers_where(paths, follows));
        prop_assert!(close(edge.mean_s.expect("times"), times.iter().sum::<f64>() / times.len() as f64, 1e-9));
        prop_assert!(close(edge.median_s.expect("times"), percentile(times, 0.5), relative), "{edge:?} {times:?}");
        prop_assert!(close(edge.p90_s.expect("times"), percentile(times, 0.9), relative), "{edge:?} {times:?}");
    }
    let order = |edge: &map::Edge| (std::cmp::Reverse(edge.count), edge.from.to_string(), edge.to.to_string());
    prop_assert!(found.edges.is_sorted_by_key(order));
    let events = count(paths.iter().flat_map(|path| &path.moments));
    prop_assert_eq!(found.moments.len(), events.len());
    for moment in &found.moments {
        prop_assert_eq!(Some(&moment.events), events.get(&moment.moment.to_string()));
        let has = |path: &Path| path.moments.iter().any(|name| **name == *moment.moment);
        prop_assert_eq!(moment.customers, customers_where(paths, has));
    }
    let terminals =
        |list: &[map::Terminal]| list.iter().map(|t| (t.moment.to_string(), t.count)).collect::<BTreeMap<_, _>>();
    prop_assert_eq!(terminals(&found.starts), count(paths.iter().map(|path| path.moments[0].clone())));
    prop_assert_eq!(
        terminals(&found.ends),
        count(paths.iter().map(|path| path.moments[path.moments.len() - 1].clone()))
    );
    prop_assert_eq!(found.journeys, paths.len() as u64);
    prop_assert_eq!(found.customers, customers_where(paths, |_| true));
    prop_assert_eq!(found.events, paths.iter().map(|path| path.moments.len() as u64).sum::<u64>());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_map(log in logs(6, 60, 4), selection in selections(), split in splits(), exact_bytes in 0u64..600) {
        let options = map::Options { exact_bytes, ..map::Options::default() };
        let found = answer_split(&log, &selection, &split, || options.fold(&log.setting())).expect("an answer");
        check_map(&paths(&log, &selection), &found)?;
        let whole = testkit::answer(&log, &selection, || options.fold(&log.setting())).expect("an answer");
        prop_assert_eq!(whole, found);
    }

    /// More moments than pairs are looked up for in a square.
    #[test]
    fn the_map_of_many_moments(mut log in logs(9, 120, 700), factor in 1u32..40, split in splits()) {
        // Numbers with gaps, up to far beyond the limit.
        let moments = Moments::new();
        let names = log.moments.names();
        for number in 0..u32::try_from(names.len()).expect("few") * factor {
            let name = names.get((number / factor) as usize).filter(|_| number % factor == 0);
            moments.intern(name.map_or(&format!("unused {number}"), |name| name));
        }
        for moment in &mut log.moment {
            moment.0 *= factor;
        }
        log.moments = moments;
        let (options, selection) = (map::Options::default(), Selection::default());
        let found = answer_split(&log, &selection, &split, || options.fold(&log.setting())).expect("an answer");
        check_map(&paths(&log, &selection), &found)?;
    }

    #[test]
    fn a_condition_keeps_the_journeys_that_have_such_an_event(log in logs(8, 40, 3)) {
        let selection = Selection { with: true, ..Selection::default() };
        let kept: BTreeSet<i64> = paths(&log, &selection).iter().map(|path| path.customer).collect();
        let flagged = log.customer.iter().zip(&log.flags).filter(|(_, flags)| *flags & flag::WHERE != 0);
        prop_assert_eq!(kept, flagged.map(|(customer, _)| *customer).collect::<BTreeSet<_>>());
    }
}
