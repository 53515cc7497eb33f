//! The boxes of moments: what stands in them, and how high that makes them.

use evidence::{counted, grouped};
use understand::map;

use super::types::Types;
use super::{FIGURE_SIZE, NAME_SIZE, TERMINAL_SHARE, TEXT_WIDTH};
use crate::Words;
use crate::figures::{interval, percent};
use crate::layout::Rect;
use crate::text::{in_lines, push, safe, width};

/// What stands in a moment's box.
pub(super) struct MomentBox {
    name: Vec<String>,
    /// A line, or one for each type of objects.
    figures: Vec<String>,
    starts: Option<String>,
    ends: Option<String>,
    pub(super) title: String,
    pub(super) height: f64,
}

impl MomentBox {
    /// The box of the moment at `i` of the answer.
    pub(super) fn of(answer: &map::Answer, types: Option<&Types<'_>>, i: usize, words: &Words) -> Self {
        let moment = &answer.moments[i];
        let label = words.label(&moment.moment);
        let name = in_lines(label, 3, NAME_SIZE, TEXT_WIDTH);
        let terminal = |list: &[map::Terminal]| {
            let found = list.iter().find(|terminal| terminal.moment == moment.moment);
            found.map_or((0, None), |terminal| (terminal.count, terminal.share))
        };
        let (starts, ends) = (terminal(&answer.starts), terminal(&answer.ends));
        let marked = |(n, share): (u64, Option<f64>)| (n > 0 && share >= Some(TERMINAL_SHARE)).then(|| grouped(n));
        let title = format!(
            "{label}: {}, {} ({} of all, {}); {} with it, {} with it",
            counted(moment.events, "event", "events"),
            counted(moment.customers, "customer", "customers"),
            percent(moment.customers_share),
            interval(moment.customers_share_low, moment.customers_share_high),
            counted(starts.0, "journey starts", "journeys start"),
            counted(ends.0, "journey ends", "journeys end"),
        );
        // Of several types together these would be nobody's.
        let (starts, ends) = if types.is_some() { (None, None) } else { (marked(starts), marked(ends)) };
        let figures = types.map_or_else(
            || vec![format!("{} · {}", grouped(moment.events), percent(moment.customers_share))],
            |types| types.figures(&moment.moment),
        );
        let title = types.map_or(title, |types| types.title(label, &moment.moment));
        let lines = lines(name.len(), figures.len(), starts.is_some() || ends.is_some());
        let most = answer.moments.first().map_or(1, |first| first.events).max(1);
        let extra = 28.0 * (moment.events as f64 / most as f64).sqrt();
        Self { name, figures, starts, ends, title, height: lines + 14.0 + extra }
    }

    /// Writes the text.
    pub(super) fn text(&self, svg: &mut String, at: &Rect) {
        let lines = lines(self.name.len(), self.figures.len(), self.starts.is_some() || self.ends.is_some());
        let x = at.x + 13.0;
        let mut y = at.middle() - lines / 2.0 - 3.0;
        for line in &self.name {
            y += 15.0;
            push(svg, format_args!("<text class=\"name\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", safe(line)));
        }
        for line in &self.figures {
            y += 15.0;
            push(svg, format_args!("<text x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", safe(line)));
        }
        y += 16.0;
        let mut x = x;
        if let Some(starts) = &self.starts {
            let (top, bottom) = (y - 8.5, y - 0.5);
            push(
                svg,
                format_args!(
                    "<path class=\"mark\" d=\"M{x:.1} {top:.1}L{:.1} {:.1}L{x:.1} {bottom:.1}Z\"/>\
                     <text x=\"{:.1}\" y=\"{y:.1}\">{starts}</text>",
                    x + 8.0,
                    y - 4.5,
                    x + 12.0,
                ),
            );
            x += 26.0 + width(starts, FIGURE_SIZE);
        }
        if let Some(ends) = &self.ends {
            push(
                svg,
                format_args!(
                    "<path class=\"mark\" d=\"M{x:.1} {:.1}h8v8h-8Z\"/><text x=\"{:.1}\" y=\"{y:.1}\">{ends}</text>",
                    y - 8.5,
                    x + 12.0,
                ),
            );
        }
    }
}

/// How high the text of a box is.
fn lines(name: usize, figures: usize, terminals: bool) -> f64 {
    (name + figures) as f64 * 15.0 + if terminals { 16.0 } else { 0.0 }
}
