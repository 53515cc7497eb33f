//! How far down things lie: near their neighbours, in their order, and never closer than they may.

use super::Spacing;
use super::order::{Item, Items};

const SWEEPS: usize = 16;

/// By item, the height of its middle.
pub(super) fn middles(items: &Items, spacing: &Spacing) -> Vec<f64> {
    let mut middles = vec![0.0; items.all.len()];
    for lane in &items.lanes {
        let down = offsets(items, lane, spacing);
        let half = down.last().copied().unwrap_or(0.0) / 2.0;
        for (item, down) in lane.iter().zip(&down) {
            middles[*item] = down - half;
        }
    }
    for sweep in 0..SWEEPS {
        let lanes: Vec<usize> =
            if sweep % 2 == 0 { (0..items.lanes.len()).collect() } else { (0..items.lanes.len()).rev().collect() };
        for lane in lanes {
            settle(items, &items.lanes[lane], spacing, &mut middles);
        }
    }
    middles
}

/// Moves the items of a lane as near to the middle of their neighbours as their order and distances allow.
fn settle(items: &Items, lane: &[usize], spacing: &Spacing, middles: &mut [f64]) {
    let down = offsets(items, lane, spacing);
    let wanted: Vec<(f64, f64)> = lane
        .iter()
        .zip(&down)
        .map(|(item, down)| {
            let (mut sum, mut weights) = (0.0, 0.0);
            for neighbour in items.neighbours(*item) {
                // A line that crosses lanes is to be straight there, so its places pull each other most.
                let weight = if items.all[*item].is_node || items.all[neighbour].is_node { 1.0 } else { 4.0 };
                sum += weight * middles[neighbour];
                weights += weight;
            }
            let wanted = if weights > 0.0 { sum / weights } else { middles[*item] };
            (wanted - down, if weights > 0.0 { weights } else { 0.1 })
        })
        .collect();
    for ((item, down), near) in lane.iter().zip(&down).zip(rising(&wanted)) {
        middles[*item] = near + down;
    }
}

/// By place in a lane, how far below the first one it is when everything is as close as it may be.
fn offsets(items: &Items, lane: &[usize], spacing: &Spacing) -> Vec<f64> {
    let mut down = 0.0;
    let mut before: Option<Item> = None;
    let offset = |item: &usize| {
        let item = items.all[*item];
        if let Some(above) = before {
            let gap = if above.is_node && item.is_node { spacing.node_gap } else { spacing.line_gap };
            down += above.height / 2.0 + gap + item.height / 2.0;
        }
        before = Some(item);
        down
    };
    lane.iter().map(offset).collect()
}

/// The never decreasing numbers that are nearest to `wanted`, by weighted least squares: pool adjacent violators (Ayer,
/// Brunk, Ewing, Reid and Silverman 1955).
fn rising(wanted: &[(f64, f64)]) -> Vec<f64> {
    let mut pools: Vec<(f64, f64, usize)> = Vec::new();
    for (value, weight) in wanted {
        let mut pool = (*value, *weight, 1);
        while let Some(above) = pools.pop_if(|above| above.0 > pool.0) {
            let weight = above.1 + pool.1;
            pool = ((above.0 * above.1 + pool.0 * pool.1) / weight, weight, above.2 + pool.2);
        }
        pools.push(pool);
    }
    pools.into_iter().flat_map(|(value, _, count)| std::iter::repeat_n(value, count)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_rising_numbers() {
        assert_eq!(rising(&[(1.0, 1.0), (3.0, 1.0), (2.0, 1.0), (5.0, 1.0)]), [1.0, 2.5, 2.5, 5.0]);
        assert_eq!(rising(&[(4.0, 3.0), (0.0, 1.0)]), [3.0, 3.0]);
        assert!(rising(&[]).is_empty());
    }
}
