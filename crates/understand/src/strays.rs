//! A few dates that lie far before all others: wrong ones most likely, which must not move a period that begins with the first.

/// One in so many may be dated wrongly; of at least [`SOME`], one may.
const ONE_IN: u64 = 1_000;
const SOME: u64 = 20;
/// So many more may be wrong where all others together take less time than lies between: the dates of a broken clock.
const ONE_IN_FAR: u64 = 20;
/// Between them and the others lies more than so many days ...
const DAYS: i64 = 7;
/// ... and more than this part of the time from the first to the last of the others: less would hardly move a period.
const PART: i64 = 10;

/// How many of the first days hold so little, so far before the rest, that they are taken for wrong; the days come in
/// ascending order, each with how much there is of it.
pub(crate) fn early(days: &[(i64, u64)]) -> usize {
    let all: u64 = days.iter().map(|(_, n)| n).sum();
    let few = (all / ONE_IN).max(u64::from(all >= SOME));
    let some = few.max(all / ONE_IN_FAR);
    let last = days.last().map_or(0, |(day, _)| *day);
    let (mut before, mut early) = (0, 0);
    for (i, pair) in days.windows(2).enumerate() {
        let [(day, n), (next, _)] = [pair[0], pair[1]];
        before += n;
        if before > some {
            break;
        }
        let (gap, others) = (next.saturating_sub(day), last.saturating_sub(next));
        let far = if before > few { others } else { others / PART };
        if gap > DAYS && gap > far {
            early = i + 1;
        }
    }
    early
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_far_before_the_rest() {
        let rest = |n: u64| (1_000..1_100).map(move |day| (day, n));
        let with = |strays: &[(i64, u64)], n: u64| strays.iter().copied().chain(rest(n)).collect::<Vec<_>>();
        assert_eq!(early(&with(&[(0, 1)], 1)), 1, "one of a hundred and one");
        assert_eq!(early(&with(&[(0, 1), (300, 1)], 1)), 2, "two of a hundred and two, both far before");
        assert_eq!(early(&with(&[(0, 5)], 1)), 1, "five of a hundred and five");
        assert_eq!(early(&with(&[(0, 6)], 1)), 0, "six are too many");
        assert_eq!(early(&with(&[(950, 2)], 1)), 0, "two that are not that far");
        assert_eq!(early(&with(&[(0, 1), (300, 1)], 20)), 2, "two of two thousand");
        assert_eq!(early(&with(&[(992, 1)], 1)), 0, "8 days before 99 are less than a tenth");
        assert_eq!(early(&with(&[(989, 1)], 1)), 1);
        assert_eq!(early(&with(&[], 1)), 0);
        let few: Vec<(i64, u64)> = [(0, 1)].into_iter().chain((400..418).map(|day| (day, 1))).collect();
        assert_eq!(early(&few), 0, "of nineteen nothing is concluded");
        assert_eq!(early(&[]), 0);
    }
}
