//! Every view against a slow and obvious way to the same figures, over random logs cut up in random ways.

use std::collections::{BTreeMap, BTreeSet};

use journey::{Cut, Moments, Run, Runs, Selection, flag};
use proptest::prelude::*;
use testkit::{Log, answer_split, logs, splits};
use understand::{Question, Times, funnel, map, sankey, steps, variants};

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

/// For every step, when the step before and the step itself were taken where a chain first got to it.
type Taken = Vec<Option<(i64, i64)>>;

/// By trying every start: from each event of the first step, each next step at the earliest event after.
fn by_every_start(path: &Path, wanted: &[String], within_us: i64) -> Taken {
    let mut best: Vec<Option<(usize, i64, i64)>> = vec![None; wanted.len()];
    for start in (0..path.moments.len()).filter(|i| path.moments[*i] == wanted[0]) {
        let mut at = start;
        best[0] = best[0].or(Some((start, path.at_us[start], path.at_us[start])));
        for step in 1..wanted.len() {
            let Some(next) = (at + 1..path.moments.len()).find(|i| path.moments[*i] == wanted[step]) else { break };
            if path.at_us[next] - path.at_us[start] > within_us {
                break;
            }
            // The earliest event counts; among chains that get to it, the one that started last, the first of those if
            // several started at the same time.
            let before_us = path.at_us[at];
            let better = best[step]
                .is_none_or(|(event, started_us, _)| next < event || (next == event && path.at_us[start] > started_us));
            if better {
                best[step] = Some((next, path.at_us[start], before_us));
            }
            at = next;
        }
    }
    best.into_iter().map(|best| best.map(|(event, _, before_us)| (before_us, path.at_us[event]))).collect()
}

fn from_first(path: &Path, wanted: &[String], within_us: i64) -> Taken {
    let mut taken = vec![None; wanted.len()];
    let mut next = 0;
    let mut start_us = None;
    let mut before_us = 0;
    for (moment, at_us) in path.moments.iter().zip(&path.at_us) {
        if next < wanted.len() && *moment == wanted[next] && start_us.is_none_or(|start| at_us - start <= within_us) {
            start_us = start_us.or(Some(*at_us));
            taken[next] = Some((if next == 0 { *at_us } else { before_us }, *at_us));
            before_us = *at_us;
            next += 1;
        }
    }
    taken
}

fn check_funnel(
    paths: &[Path],
    options: &funnel::Options,
    within_us: i64,
    found: &funnel::Answer,
) -> Result<(), TestCaseError> {
    let mut reached: BTreeMap<i64, Vec<Option<f64>>> = BTreeMap::new();
    for path in paths {
        let way = if options.from_first { from_first } else { by_every_start };
        let times = reached.entry(path.customer).or_insert_with(|| vec![None; options.steps.len()]);
        for (time, taken) in times.iter_mut().zip(way(path, &options.steps, within_us)) {
            *time = time.or(taken.map(|(before_us, at_us)| seconds(at_us - before_us)));
        }
    }
    for (i, step) in found.steps.iter().enumerate() {
        let mut times: Vec<f64> = reached.values().filter_map(|times| times[i]).collect();
        prop_assert_eq!(step.customers, times.len() as u64, "step {} of {:?}", i, paths);
        times.sort_by(f64::total_cmp);
        match step.median_s {
            None => prop_assert!(i == 0 || times.is_empty()),
            Some(median) => {
                prop_assert!(close(median, percentile(&times, 0.5), 1e-12), "step {i}: {times:?} in {paths:?}");
            }
        }
        let share = |of: u64| if of == 0 { 0.0 } else { step.customers as f64 / of as f64 };
        prop_assert!(close(step.of_first, share(found.steps[0].customers), 1e-12));
        prop_assert!(close(step.of_previous, share(found.steps[i.saturating_sub(1)].customers), 1e-12));
    }
    prop_assert_eq!(found.customers, reached.len() as u64);
    Ok(())
}

fn check_sankey(paths: &[Path], options: &sankey::Options, found: &sankey::Answer) -> Result<(), TestCaseError> {
    let mut nodes = BTreeMap::new();
    let mut links = BTreeMap::new();
    let anchor = options.from.as_ref().or(options.to.as_ref());
    for path in paths {
        let (mut moments, direction) = (path.moments.clone(), if options.to.is_some() { -1 } else { 1 });
        let mut places: Vec<usize> =
            (0..moments.len()).filter(|i| anchor.map_or(*i == 0, |anchor| moments[*i] == *anchor)).collect();
        if options.first_only {
            places.truncate(1);
        }
        if options.to.is_some() {
            moments.reverse();
            places = places.into_iter().map(|place| path.moments.len() - 1 - place).collect();
        }
        for place in places {
            let mut before: Option<String> = None;
            for step in 0..=options.steps {
                let here = moments.get(place + step).cloned();
                let signed = direction * i64::try_from(step).expect("few");
                *nodes.entry((signed, here.clone())).or_insert(0u64) += 1;
                if let Some(before) = before {
                    *links.entry((signed, before, here.clone())).or_insert(0u64) += 1;
                }
                let Some(name) = here else { break };
                before = Some(name);
            }
        }
    }
    let name = |node: &sankey::Node| node.moment.as_ref().map(ToString::to_string);
    let found_nodes: BTreeMap<_, _> = found.nodes.iter().map(|node| ((node.step, name(node)), node.count)).collect();
    prop_assert_eq!(found_nodes, nodes);
    let found_links: BTreeMap<_, _> = found
        .links
        .iter()
        .map(|link| {
            let (near, far) = if options.to.is_some() { (link.to, link.from) } else { (link.from, link.to) };
            let (near, far) = (&found.nodes[near], &found.nodes[far]);
            ((far.step, name(near).expect("something follows"), name(far)), link.count)
        })
        .collect();
    prop_assert_eq!(found_links, links);
    Ok(())
}

fn letters(count: usize) -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "c", "d"]).prop_map(str::to_owned), 1..=count)
}

/// A log in which every letter is known, so that no question names an unknown one.
fn known(log: Log) -> Log {
    for name in ["a", "b", "c", "d"] {
        log.moments.intern(name);
    }
    log
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
    fn the_variants(log in logs(30, 60, 3), selection in selections(), split in splits(), limit in 0usize..5) {
        let options = variants::Options { limit };
        let found = answer_split(&log, &selection, &split, || options.fold(&log.setting())).expect("an answer");
        let paths = paths(&log, &selection);
        let mut wanted: Vec<_> = count(paths.iter().map(|path| path.moments.clone())).into_iter().collect();
        // They are in the order of their names already.
        wanted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        prop_assert_eq!((found.journeys, found.of), (paths.len() as u64, wanted.len() as u64));
        wanted.truncate(if limit == 0 { usize::MAX } else { limit });
        let name = |v: &variants::Variant| (v.sequence.iter().map(ToString::to_string).collect::<Vec<_>>(), v.count);
        prop_assert_eq!(found.variants.iter().map(name).collect::<Vec<_>>(), wanted);
        let covered: u64 = found.variants.iter().map(|v| v.count).sum();
        prop_assert!(paths.is_empty() || close(found.covered_share, covered as f64 / paths.len() as f64, 1e-12));
    }

    #[test]
    fn the_funnel(
        log in logs(5, 60, 4).prop_map(known),
        selection in selections(),
        split in splits(),
        steps in letters(5),
        within in prop::option::of(0i64..30),
        from_first in any::<bool>(),
    ) {
        let options = funnel::Options { steps, within: within.map(|within| format!("{within}s")), from_first };
        let found = answer_split(&log, &selection, &split, || options.fold(&log.setting())).expect("known moments");
        let within_us = within.map_or(i64::MAX, |within| within * 1_000_000);
        check_funnel(&paths(&log, &selection), &options, within_us, &found)?;
    }

    #[test]
    fn the_steps(log in logs(8, 60, 4), selection in selections(), split in splits(), n in 1usize..6) {
        let options = steps::Options { steps: n };
        let found = answer_split(&log, &selection, &split, || options.fold(&log.setting())).expect("an answer");
        let paths = paths(&log, &selection);
        prop_assert_eq!(found.steps.len(), n);
        for (i, step) in found.steps.iter().enumerate() {
            let counts = count(paths.iter().filter_map(|path| path.moments.get(i).cloned()));
            prop_assert_eq!(step.ended, paths.len() as u64 - counts.values().sum::<u64>());
            let found = step.moments.iter().map(|at| (at.moment.to_string(), at.count));
            prop_assert_eq!(found.collect::<BTreeMap<_, _>>(), counts);
        }
    }

    #[test]
    fn the_flow(
        log in logs(5, 60, 4).prop_map(known),
        selection in selections(),
        split in splits(),
        anchor in prop::option::of((any::<bool>(), letters(1))),
        n in 1usize..5,
        first_only in any::<bool>(),
    ) {
        let mut options = sankey::Options { steps: n, limit: 0, first_only, ..sankey::Options::default() };
        if let Some((forwards, mut name)) = anchor {
            *(if forwards { &mut options.from } else { &mut options.to }) = name.pop();
        }
        let found = answer_split(&log, &selection, &split, || options.fold(&log.setting())).expect("known moments");
        check_sankey(&paths(&log, &selection), &options, &found)?;
    }

    #[test]
    fn a_condition_keeps_the_journeys_that_have_such_an_event(log in logs(8, 40, 3)) {
        let selection = Selection { with: true, ..Selection::default() };
        let kept: BTreeSet<i64> = paths(&log, &selection).iter().map(|path| path.customer).collect();
        let flagged = log.customer.iter().zip(&log.flags).filter(|(_, flags)| *flags & flag::WHERE != 0);
        prop_assert_eq!(kept, flagged.map(|(customer, _)| *customer).collect::<BTreeSet<_>>());
    }
}
