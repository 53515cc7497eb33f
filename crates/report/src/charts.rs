//! Funnel, typical paths, step matrix and comparison as HTML: tables that are pictures at the same time, so that
//! whoever cannot see a picture misses nothing.

use evidence::{counted, grouped};
use understand::{funnel, steps, variants};

use crate::Words;
use crate::data::Compared;
use crate::figures::{interval, percent, points_between, signed_points, time};
use crate::style::SHADES;
use crate::text::{push, safe};
use crate::words::Colours;

/// More steps of one path than this are not shown as chips.
const CHIPS_MAX: usize = 24;
/// Rows of the comparison; its table has been sorted by the size of the difference.
const DIFFERENCES_MAX: usize = 12;
/// Rows of the step matrix, the most frequent moments.
const MATRIX_ROWS_MAX: usize = 20;

/// A bar for a share, with a whisker for its interval.
pub(crate) fn bar(share: impl Into<Option<f64>>, whisker: Option<(f64, f64)>) -> String {
    let mut svg = String::from("<svg viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">");
    push(
        &mut svg,
        format_args!(
            "<rect class=\"track\" width=\"100\" height=\"10\"/><rect class=\"fill\" width=\"{:.2}\" height=\"10\"/>",
            share.into().unwrap_or_default() * 100.0
        ),
    );
    if let Some((low, high)) = whisker {
        let (low, high) = (low * 100.0, high * 100.0);
        push(
            &mut svg,
            format_args!("<path class=\"whisker\" d=\"M{low:.2} 5H{high:.2}M{low:.2} 2.5V7.5M{high:.2} 2.5V7.5\"/>"),
        );
    }
    svg.push_str("</svg>");
    svg
}

/// The funnel: a bar per step, its share of the first and of the step before.
pub(crate) fn funnel_table(answer: &funnel::Answer, words: &Words) -> String {
    let mut html = String::from(
        "<div class=\"wide\" tabindex=\"0\"><table><thead><tr><th scope=\"col\">Step</th><th scope=\"col\">\
         Of the first step</th>\
         <th scope=\"col\" class=\"n\">Customers</th><th scope=\"col\" class=\"n\">Of the first</th>\
         <th scope=\"col\" class=\"n\">Of the step before</th><th scope=\"col\" class=\"n\">Half of them within</th>\
         </tr>\
         </thead><tbody>\n",
    );
    for (i, step) in answer.steps.iter().enumerate() {
        let whisker = step.of_first_low.zip(step.of_first_high).filter(|_| i > 0);
        // That all of those at the first step are at the first step says nothing.
        let shares = |share: Option<f64>, low: Option<f64>, high: Option<f64>| match (share, low, high) {
            (Some(share), Some(low), Some(high)) if i > 0 => {
                format!("{} <span class=\"note\">({})</span>", safe(&percent(share)), safe(&interval(low, high)))
            }
            _ => String::new(),
        };
        push(
            &mut html,
            format_args!(
                "<tr><th scope=\"row\">{}. <bdi>{}</bdi></th><td class=\"bar\">{}</td><td class=\"n\">{}</td>\
                 <td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
                i + 1,
                safe(words.label(&step.moment)),
                bar(step.of_first.unwrap_or_default(), whisker),
                grouped(step.customers),
                shares(step.of_first, step.of_first_low, step.of_first_high),
                shares(step.of_previous, step.of_previous_low, step.of_previous_high),
                step.median_s.map(|s| safe(&time(s))).unwrap_or_default(),
            ),
        );
    }
    html.push_str("</tbody></table></div>\n");
    html
}

/// The typical paths, each as a row of coloured steps; the same step several times in a row is one with its number.
pub(crate) fn paths_table(answer: &variants::Answer, words: &Words, colours: &Colours) -> String {
    let most = answer.variants.first().and_then(|first| first.share).unwrap_or(1.0).max(f64::MIN_POSITIVE);
    let mut html = String::from(
        "<div class=\"wide\" tabindex=\"0\"><table class=\"paths\"><thead><tr><th scope=\"col\">Path</th>\
         <th scope=\"col\">\
         Frequency</th>\
         <th scope=\"col\" class=\"n\">Journeys</th><th scope=\"col\" class=\"n\">Share</th>\
         <th scope=\"col\" class=\"n\">Together</th></tr></thead><tbody>\n",
    );
    for variant in &answer.variants {
        push(
            &mut html,
            format_args!(
                "<tr><td>{}</td><td class=\"bar\">{}</td><td class=\"n\">{}</td>\
                 <td class=\"n\">{} <span class=\"note\">({})</span></td><td class=\"n\">{}</td></tr>\n",
                chips(&variant.sequence, words, colours),
                bar(variant.share.map(|share| share / most), None),
                grouped(variant.count),
                safe(&percent(variant.share)),
                safe(&interval(variant.share_low, variant.share_high)),
                safe(&percent(variant.covered_share)),
            ),
        );
    }
    html.push_str("</tbody></table></div>\n");
    html
}

fn chips(sequence: &[std::sync::Arc<str>], words: &Words, colours: &Colours) -> String {
    let mut html = String::from("<ol class=\"steps\">");
    let mut shown = 0;
    for run in sequence.chunk_by(|a, b| a == b).take(CHIPS_MAX) {
        shown += run.len();
        let times = if run.len() > 1 { format!(" ×{}", grouped(run.len() as u64)) } else { String::new() };
        let (class, name) = (colours.class(&run[0]), safe(words.label(&run[0])));
        push(&mut html, format_args!("<li class=\"{class}\"><bdi>{name}</bdi>{times}</li>"));
    }
    if shown < sequence.len() {
        let more = counted((sequence.len() - shown) as u64, "more step", "more steps");
        push(&mut html, format_args!("<li class=\"cx\">… {more}</li>"));
    }
    html.push_str("</ol>");
    html
}

/// The step matrix as a heat table.
pub(crate) fn matrix_table(answer: &steps::Answer, words: &Words) -> (String, Option<String>) {
    let mut rows: Vec<(&str, Vec<f64>)> = Vec::new();
    for (i, step) in answer.steps.iter().enumerate() {
        for at in &step.moments {
            let known = rows.iter().position(|(moment, _)| *moment == &*at.moment);
            let row = known.unwrap_or_else(|| {
                rows.push((&at.moment, vec![0.0; answer.steps.len()]));
                rows.len() - 1
            });
            rows[row].1[i] = at.share.unwrap_or_default();
        }
    }
    let of = rows.len();
    let total = |row: &(&str, Vec<f64>)| row.1.iter().sum::<f64>();
    let mut by_total: Vec<usize> = (0..of).collect();
    by_total.sort_by(|a, b| total(&rows[*b]).total_cmp(&total(&rows[*a])));
    by_total.truncate(MATRIX_ROWS_MAX);
    by_total.sort_unstable();
    let mut html = String::from(
        "<div class=\"wide\" tabindex=\"0\"><table class=\"heat\"><thead><tr>\
    <th scope=\"col\">Moment</th>",
    );
    for step in &answer.steps {
        push(&mut html, format_args!("<th scope=\"col\" class=\"n\">{}</th>", step.step));
    }
    html.push_str("</tr></thead><tbody>\n");
    for i in &by_total {
        let (moment, shares) = &rows[*i];
        matrix_row(&mut html, words.label(moment), shares);
    }
    let mut last = |name: &str, share: fn(&steps::Step) -> Option<f64>| {
        let shares: Vec<f64> = answer.steps.iter().map(|step| share(step).unwrap_or_default()).collect();
        matrix_row(&mut html, name, &shares);
    };
    if answer.steps.iter().any(|step| step.open > 0) {
        last("(open)", |step| step.open_share);
    }
    last("(ended)", |step| step.ended_share);
    html.push_str("</tbody></table></div>\n");
    let shown = by_total.len();
    let note = (shown < of)
        .then(|| format!("The {shown} most frequent of {} are shown.", counted(of as u64, "moment", "moments")));
    (html, note)
}

fn matrix_row(html: &mut String, name: &str, shares: &[f64]) {
    push(html, format_args!("<tr><th scope=\"row\"><bdi>{}</bdi></th>", safe(name)));
    for share in shares {
        let text = if *share > 0.0 { safe(&percent(*share)) } else { String::new() };
        push(html, format_args!("<td class=\"h{}\">{text}</td>", shade(*share)));
    }
    html.push_str("</tr>\n");
}

/// The shade of a share: 0 for none, and the darkest from 90 % on.
pub(crate) fn shade(share: f64) -> u16 {
    (0..SHADES).rev().find(|step| share * f64::from(SHADES) >= f64::from(*step)).unwrap_or(0)
}

/// Two groups: where they differ most.
pub(crate) fn compared_table(compared: &Compared, words: &Words) -> String {
    let mut html = String::from("<div class=\"wide\" tabindex=\"0\"><table><thead><tr><th scope=\"col\">Share</th>");
    for group in [&compared.a, &compared.b] {
        push(&mut html, format_args!("<th scope=\"col\" class=\"n\"><bdi>{}</bdi></th>", safe(group)));
    }
    html.push_str("<th scope=\"col\" class=\"n\">Difference</th></tr></thead><tbody>\n");
    for d in compared.differences.iter().take(DIFFERENCES_MAX) {
        push(
            &mut html,
            format_args!(
                "<tr><th scope=\"row\"><bdi>{}</bdi></th><td class=\"n\">{} <span class=\"note\">({} of {})</span></td>\
                 <td class=\"n\">{} <span class=\"note\">({} of {})</span></td>\
                 <td class=\"n\">{} <span class=\"note\">({})</span></td></tr>\n",
                safe(&words.label_all(&d.what)),
                d.a.map(|share| safe(&percent(share))).unwrap_or_default(),
                grouped(d.a_count),
                grouped(d.a_of),
                d.b.map(|share| safe(&percent(share))).unwrap_or_default(),
                grouped(d.b_count),
                grouped(d.b_of),
                d.difference.map(|points| safe(&signed_points(points))).unwrap_or_default(),
                d.low.zip(d.high).map(|(low, high)| safe(&points_between(low, high))).unwrap_or_default(),
            ),
        );
    }
    html.push_str("</tbody></table></div>\n");
    let (shown, of) = (compared.differences.len().min(DIFFERENCES_MAX), compared.differences.len());
    if shown < of {
        let of = counted(of as u64, "share", "shares");
        push(&mut html, format_args!("<p class=\"note\">The {shown} largest differences of {of} are shown.</p>\n"));
    }
    html
}
