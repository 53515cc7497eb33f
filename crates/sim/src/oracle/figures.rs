//! Counts, shares, medians and intervals, straight from their formulas.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::{Map, Value, json};

/// The 97.5 % point of the standard normal distribution.
pub(super) const Z: f64 = 1.959_963_984_540_054;

/// One object of the members of several.
pub(super) fn object(parts: impl IntoIterator<Item = Value>) -> Value {
    let mut all = Map::new();
    for part in parts {
        let Value::Object(members) = part else { panic!("{part} is no object") };
        all.extend(members);
    }
    Value::Object(all)
}

/// A figure with the ends of its interval; nothing where nothing is known.
pub(super) type Estimate = Option<[f64; 3]>;

/// A share with Wilson's interval: share, lower end, upper end. A share of nothing is nothing.
pub(super) fn wilson(count: u64, of: u64) -> Estimate {
    if of == 0 {
        return None;
    }
    let (n, p) = (of as f64, count as f64 / of as f64);
    let middle = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let spread = Z / (1.0 + Z * Z / n) * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    Some([p, middle - spread, middle + spread])
}

/// Newcombe's interval of the difference of two shares: difference, lower end, upper end.
pub(super) fn newcombe(a: [u64; 2], b: [u64; 2]) -> Estimate {
    let ([pa, la, ua], [pb, lb, ub]) = (wilson(a[0], a[1])?, wilson(b[0], b[1])?);
    let below = ((pa - la).powi(2) + (ub - pb).powi(2)).sqrt();
    let above = ((ua - pa).powi(2) + (pb - lb).powi(2)).sqrt();
    Some([pa - pb, pa - pb - below, pa - pb + above])
}

/// Three numbers under a name, and that name with `_low` and `_high`; all null where nothing is known.
pub(super) fn interval(name: &str, estimate: Estimate) -> Value {
    let [value, low, high] = [0, 1, 2].map(|n: usize| estimate.map(|estimate| estimate[n]));
    let mut members = Map::new();
    members.insert(name.to_owned(), json!(value));
    members.insert(format!("{name}_low"), json!(low));
    members.insert(format!("{name}_high"), json!(high));
    Value::Object(members)
}

/// A share under a name, with its interval.
pub(super) fn share(name: &str, count: u64, of: u64) -> Value {
    interval(name, wilson(count, of))
}

/// How often each thing occurs.
pub(super) fn count<T: Ord>(items: impl IntoIterator<Item = T>) -> BTreeMap<T, u64> {
    let mut counts = BTreeMap::new();
    for item in items {
        *counts.entry(item).or_insert(0) += 1;
    }
    counts
}

/// Things with how often they occur, the most frequent first, among equals in their own order.
pub(super) fn most_frequent<T: Ord>(counts: BTreeMap<T, u64>) -> Vec<(T, u64)> {
    let mut list: Vec<(T, u64)> = counts.into_iter().collect();
    list.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    list
}

/// The beginning of a list; 0 for all.
pub(super) fn first<T>(mut list: Vec<T>, limit: usize) -> Vec<T> {
    if limit > 0 {
        list.truncate(limit);
    }
    list
}

/// The option `limit`.
pub(super) fn limit(question: &crate::world::Question, usual: usize) -> usize {
    question.option("limit").map_or(usual, |limit| limit.parse().expect("a number"))
}

/// Microseconds as seconds.
pub(super) fn seconds(us: i64) -> f64 {
    us as f64 / 1e6
}

/// The percentile that interpolates between neighbours (type 7 of Hyndman and Fan); of an even number, the median is the mean
/// of the two middle ones.
pub(super) fn percentile(numbers: &[f64], share: f64) -> Option<f64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let place = last as f64 * share;
    let mut below = 0;
    while below < last && ((below + 1) as f64) <= place {
        below += 1;
    }
    let above = (below + 1).min(last);
    Some(sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64))
}

pub(super) fn median(numbers: &[f64]) -> Option<f64> {
    percentile(numbers, 0.5)
}

pub(super) fn mean(numbers: &[f64]) -> Option<f64> {
    (!numbers.is_empty()).then(|| numbers.iter().sum::<f64>() / numbers.len() as f64)
}

/// The variance of a sample; numbers that are all equal tell none.
pub(super) fn variance(numbers: &[f64]) -> Option<f64> {
    let (mean, n) = (mean(numbers)?, numbers.len() as f64);
    let differ = numbers.iter().any(|number| (number - numbers[0]).abs() > 0.0);
    differ.then(|| numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0))
}

/// A mean with Student's interval; the ends are unknown for fewer than two numbers, and for equal ones.
pub(super) fn student(numbers: &[f64]) -> [Option<f64>; 3] {
    let ends = mean(numbers).zip(variance(numbers)).map(|(mean, variance)| {
        let n = numbers.len() as f64;
        let spread = t_97_5(n - 1.0) * (variance / n).sqrt();
        (mean - spread, mean + spread)
    });
    [mean(numbers), ends.map(|ends| ends.0), ends.map(|ends| ends.1)]
}

/// The mean of `a` less that of `b` with Welch's interval.
pub(super) fn welch(a: &[f64], b: &[f64]) -> [Option<f64>; 3] {
    let difference = mean(a).zip(mean(b)).map(|(a, b)| a - b);
    let ends = difference.zip(variance(a)).zip(variance(b)).map(|((difference, of_a), of_b)| {
        let (na, nb) = (a.len() as f64, b.len() as f64);
        let (ea, eb) = (of_a / na, of_b / nb);
        let freedom = (ea + eb).powi(2) / (ea * ea / (na - 1.0) + eb * eb / (nb - 1.0));
        let spread = t_97_5(freedom) * (ea + eb).sqrt();
        (difference - spread, difference + spread)
    });
    [difference, ends.map(|ends| ends.0), ends.map(|ends| ends.1)]
}

/// The 97.5 % point of Student's t: its distribution is the integral of cosⁿ⁻¹ over angles whose tangent is t / √n, which is
/// added up in small steps, smaller ones where the angle is large.
fn t_97_5(freedom: f64) -> f64 {
    const STEPS: u32 = 4_000;
    static KNOWN: Mutex<BTreeMap<u64, f64>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().expect("nobody panics while adding up");
    *known.entry(freedom.to_bits()).or_insert_with(|| {
        let at = |i: f64| std::f64::consts::FRAC_PI_2 * (1.0 - (1.0 - i / f64::from(STEPS)).powi(4));
        // Simpson's rule.
        let area = |from: f64, to: f64| {
            let [a, b, c] = [from, f64::midpoint(from, to), to].map(|angle| angle.cos().max(0.0).powf(freedom - 1.0));
            (to - from) * (a + 4.0 * b + c) / 6.0
        };
        let part = |i: u32| area(at(f64::from(i)), at(f64::from(i) + 1.0));
        let whole: f64 = (0..STEPS).map(part).sum();
        // From the middle, 95 % of the half.
        let mut left = 0.95 * whole;
        let steps = (0..STEPS).find(|i| {
            let here = part(*i);
            let is_in = left < here;
            left -= if is_in { 0.0 } else { here };
            is_in
        });
        // In the step in which the 95 % end, by halving.
        let from = at(f64::from(steps.expect("95 % is less than all")));
        let (mut low, mut high) = (from, at(f64::from(steps.unwrap_or(0)) + 1.0));
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if area(from, middle) < left { low = middle } else { high = middle }
        }
        freedom.sqrt() * low.tan()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R: `qt(0.975, c(1, 5, 29.5, 1000))`.
    #[test]
    fn the_points_of_students_t() {
        for (freedom, t) in
            [(1.0, 12.706_204_736), (5.0, 2.570_581_836), (29.5, 2.043_724_967), (1000.0, 1.962_339_081)]
        {
            let found = t_97_5(freedom);
            assert!((found / t - 1.0).abs() < 1e-7, "{freedom}: {found}, not {t}");
        }
    }
}
