//! A curve of shares over time, with its interval as a band.

use crate::figures::{interval, percent};
use crate::text::{push, safe};

/// One place on the curve.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    /// What stands under it.
    pub(crate) name: String,
    /// The share and the ends of its interval.
    pub(crate) share: [f64; 3],
}

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 250.0;
/// Room for what is written left of, right of, above and below the curve.
const LEFT: f64 = 48.0;
const RIGHT: f64 = 22.0;
const TOP: f64 = 22.0;
const BELOW: f64 = 44.0;
/// So many names fit under the curve.
const NAMES_MAX: usize = 13;

/// The curve; `under` says what the names under it are.
pub(crate) fn curve(what: &str, under: &str, points: &[Point]) -> String {
    let steps = points.len().saturating_sub(1).max(1) as f64;
    let x = |i: usize| LEFT + (WIDTH - LEFT - RIGHT) * i as f64 / steps;
    let y = |share: f64| TOP + (HEIGHT - TOP - BELOW) * (1.0 - share);
    let said: Vec<String> = points
        .iter()
        .map(|p| format!("{} {} ({})", p.name, percent(p.share[0]), interval(p.share[1], p.share[2])))
        .collect();
    let mut svg = format!(
        "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}: {}\">\n",
        safe(what),
        safe(&said.join("; "))
    );
    for percent in [0, 25, 50, 75, 100] {
        let at = y(f64::from(percent) / 100.0);
        push(
            &mut svg,
            format_args!(
                "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{}\"/><text x=\"{}\" y=\"{:.1}\" class=\"end\">{percent} %</text>\n",
                WIDTH - RIGHT,
                LEFT - 8.0,
                at + 4.0
            ),
        );
    }
    let path = |shares: &mut dyn Iterator<Item = (usize, f64)>| -> String {
        shares.map(|(i, share)| format!("{:.1} {:.1}", x(i), y(share))).collect::<Vec<_>>().join("L")
    };
    let upper = path(&mut points.iter().enumerate().map(|(i, p)| (i, p.share[2])));
    let lower = path(&mut points.iter().enumerate().rev().map(|(i, p)| (i, p.share[1])));
    let middle = path(&mut points.iter().enumerate().map(|(i, p)| (i, p.share[0])));
    push(
        &mut svg,
        format_args!("<path class=\"band\" d=\"M{upper}L{lower}Z\"/><path class=\"curve\" d=\"M{middle}\"/>\n"),
    );
    let every = points.len().div_ceil(NAMES_MAX).max(1);
    for (i, point) in points.iter().enumerate() {
        push(&mut svg, format_args!("<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\"/>", x(i), y(point.share[0])));
        if i % every == 0 {
            push(
                &mut svg,
                format_args!(
                    "<text x=\"{:.1}\" y=\"{:.1}\" class=\"middle\">{}</text><text x=\"{:.1}\" y=\"{:.1}\" class=\"middle\">{}</text>\n",
                    x(i),
                    y(point.share[2]) - 7.0,
                    safe(percent(point.share[0]).trim_end_matches(" %")),
                    x(i),
                    HEIGHT - BELOW + 18.0,
                    safe(&point.name)
                ),
            );
        }
    }
    push(
        &mut svg,
        format_args!("<text x=\"{WIDTH}\" y=\"{}\" class=\"end\">{}</text></svg>\n", HEIGHT - 6.0, safe(under)),
    );
    svg
}
