//! Small pictures that more than one view needs. Those that can be are tables at the same time, so that whoever cannot
//! see a picture misses nothing.

use evidence::grouped;
use understand::OutcomeBetween;

use crate::charts::{bar, shade};
use crate::figures::{interval, percent, points_between, signed_points};
use crate::text::{push, safe};

/// Rows of one picture; what matters most comes first everywhere, and the tables have the rest.
pub(crate) const ROWS_MAX: usize = 10;

/// A share with its interval, under a name.
#[derive(Debug, Clone)]
pub(crate) struct Bar {
    pub(crate) name: String,
    /// The share and the ends of its interval.
    pub(crate) share: [Option<f64>; 3],
    pub(crate) count: u64,
    pub(crate) of: u64,
    /// What else stands in the row, in the order of the headers.
    pub(crate) besides: Vec<String>,
}

/// Shares as bars from 0 to 100 %. `name` heads the names, `share` the shares, `besides` what else stands in the rows.
/// Rows beyond [`ROWS_MAX`] are left to the tables.
pub(crate) fn bars([name, share]: [&str; 2], besides: &[&str], rows: &[Bar]) -> String {
    let mut html = table_head("bars", &[name, share]);
    for header in ["Share", "Of how many"].iter().chain(besides) {
        push(&mut html, format_args!("<th scope=\"col\" class=\"n\">{}</th>", safe(header)));
    }
    html.push_str("</tr></thead><tbody>\n");
    for row in rows.iter().take(ROWS_MAX) {
        let [share, low, high] = row.share;
        push(&mut html, format_args!("<tr><th scope=\"row\"><bdi>{}</bdi></th>", safe(&row.name)));
        if row.of == 0 {
            html.push_str("<td class=\"bar\"></td><td class=\"n\">not known yet</td><td class=\"n\">0</td>");
        } else {
            push(
                &mut html,
                format_args!(
                    "<td class=\"bar\">{}</td>{}<td class=\"n\">{} of {}</td>",
                    bar(share, low.zip(high)),
                    share_cell(row.share),
                    grouped(row.count),
                    grouped(row.of)
                ),
            );
        }
        for cell in &row.besides {
            push(&mut html, format_args!("<td class=\"n\">{}</td>", unbroken(cell)));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody></table></div>\n");
    html
}

fn table_head(class: &str, headers: &[&str]) -> String {
    let mut html = format!("<div class=\"wide\" tabindex=\"0\"><table class=\"{class}\"><thead><tr>");
    for header in headers {
        push(&mut html, format_args!("<th scope=\"col\">{}</th>", safe(header)));
    }
    html
}

fn share_cell([share, low, high]: [Option<f64>; 3]) -> String {
    format!(
        "<td class=\"n\">{} <span class=\"note\">({})</span></td>",
        unbroken(&percent(share)),
        unbroken(&interval(low, high))
    )
}

/// A text whose line does not end between a number and its unit.
pub(crate) fn unbroken(text: &str) -> String {
    safe(&text.replace(' ', "\u{a0}"))
}

/// The same share in two groups, and the difference.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    pub(crate) name: String,
    /// By group: share, low, high; how many of how many.
    pub(crate) groups: [([Option<f64>; 3], u64, u64); 2],
    /// The first less the second, low, high.
    pub(crate) difference: [Option<f64>; 3],
}

impl Pair {
    /// An outcome in two groups; `None` where one of them is empty.
    pub(crate) fn of(name: String, between: &OutcomeBetween) -> Option<Self> {
        let [a, b] = between.groups.as_slice() else { return None };
        let group = |g: &understand::OutcomeAmong| ([g.share, g.share_low, g.share_high], g.count, g.of);
        let difference = [between.difference, between.difference_low, between.difference_high];
        (a.of > 0 && b.of > 0).then(|| Self { name, groups: [group(a), group(b)], difference })
    }

    /// Whether the interval of the difference leaves out zero.
    pub(crate) fn is_clear(&self) -> bool {
        self.difference[1] > Some(0.0) || self.difference[2].is_some_and(|high| high < 0.0)
    }
}

/// Shares in two groups, one bar under the other, with their difference.
pub(crate) fn pairs(name: &str, groups: [&str; 2], rows: &[Pair]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut html = table_head("bars pairs", &[name, "Among", "Share of them"]);
    html.push_str(
        "<th scope=\"col\" class=\"n\">Share</th><th scope=\"col\" class=\"n\">Of how many</th>\
         <th scope=\"col\" class=\"n\">Difference</th></tr></thead>\n",
    );
    for row in rows.iter().take(ROWS_MAX) {
        html.push_str("<tbody>");
        for (i, (share, count, of)) in row.groups.iter().enumerate() {
            html.push_str("<tr>");
            if i == 0 {
                push(
                    &mut html,
                    format_args!("<th scope=\"rowgroup\" rowspan=\"2\"><bdi>{}</bdi></th>", safe(&row.name)),
                );
            }
            push(
                &mut html,
                format_args!(
                    "<td>{}</td><td class=\"bar\">{}</td>{}<td class=\"n\">{} of {}</td>",
                    safe(groups[i]),
                    bar(share[0], share[1].zip(share[2])),
                    share_cell(*share),
                    grouped(*count),
                    grouped(*of),
                ),
            );
            if i == 0 {
                push(&mut html, format_args!("<td class=\"n\" rowspan=\"2\">{}</td>", difference(row)));
            }
            html.push_str("</tr>\n");
        }
        html.push_str("</tbody>\n");
    }
    html.push_str("</table></div>\n");
    html
}

fn difference(row: &Pair) -> String {
    let [Some(difference), Some(low), Some(high)] = row.difference else { return String::new() };
    let clear = if row.is_clear() { "" } else { "<br/>may be chance" };
    let (size, between) = (unbroken(&signed_points(difference)), unbroken(&points_between(low, high)));
    format!("{size}<br/><span class=\"note\">({between}){clear}</span>")
}

/// What a whole is made of: a name with parts that add up, each with its class and its name.
pub(crate) fn stacks(name: &str, parts: &[(&str, &str)], rows: &[(String, Vec<u64>)]) -> String {
    let mut html = String::from("<ul class=\"key\">");
    for (class, part) in parts {
        push(&mut html, format_args!("<li class=\"{class}\"><i></i>{}</li>", safe(part)));
    }
    html.push_str("</ul>\n");
    html.push_str(&table_head("bars", &[name, "Of all"]));
    for (_, part) in parts {
        push(&mut html, format_args!("<th scope=\"col\" class=\"n\">{}</th>", safe(part)));
    }
    html.push_str("</tr></thead><tbody>\n");
    for (name, counts) in rows {
        let all = counts.iter().sum::<u64>().max(1) as f64;
        let mut drawn = String::from("<svg viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">");
        let mut x = 0.0;
        for ((class, _), count) in parts.iter().zip(counts) {
            let width = *count as f64 / all * 100.0;
            push(&mut drawn, format_args!("<rect class=\"{class}\" x=\"{x:.2}\" width=\"{width:.2}\" height=\"10\"/>"));
            x += width;
        }
        drawn.push_str("</svg>");
        push(
            &mut html,
            format_args!("<tr><th scope=\"row\"><bdi>{}</bdi></th><td class=\"bar\">{drawn}</td>", safe(name)),
        );
        for count in counts {
            push(&mut html, format_args!("<td class=\"n\">{}</td>", grouped(*count)));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody></table></div>\n");
    html
}

/// Counts from each name to each name, shaded by their share of the largest. `names` are shown as `label` says.
pub(crate) fn matrix(
    caption: &str,
    names: &[&str],
    label: impl Fn(&str) -> String,
    count: impl Fn(usize, usize) -> u64,
) -> String {
    let most = (0..names.len()).flat_map(|a| (0..names.len()).map(move |b| (a, b))).map(|(a, b)| count(a, b)).max();
    let most = most.unwrap_or(0).max(1) as f64;
    let mut html = format!(
        "<div class=\"wide\" tabindex=\"0\"><table class=\"heat narrow\"><caption>{}</caption><thead><tr>\
         <th scope=\"col\">from ↓ to →</th>",
        safe(caption)
    );
    for name in names {
        push(&mut html, format_args!("<th scope=\"col\" class=\"n\"><bdi>{}</bdi></th>", safe(&label(name))));
    }
    html.push_str("</tr></thead><tbody>\n");
    for (a, name) in names.iter().enumerate() {
        push(&mut html, format_args!("<tr><th scope=\"row\"><bdi>{}</bdi></th>", safe(&label(name))));
        for b in 0..names.len() {
            let n = count(a, b);
            let text = if n == 0 { String::new() } else { grouped(n) };
            push(&mut html, format_args!("<td class=\"h{}\">{text}</td>", shade(n as f64 / most)));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody></table></div>\n");
    html
}
