//! The maps of several types of objects in one picture: boxes they share, and lines that each type has of its own, told apart by
//! colour, by the pattern of the line and by a mark.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use evidence::{counted, grouped};
use understand::map::{Answer, ByType, Edge, MomentCount, Terminal};

use crate::figures::percent;
use crate::style::{TYPES_MAX, types_css};
use crate::text::{push, safe, width};

/// In front of the figures of each type.
const MARKS: [&str; TYPES_MAX] = ["●", "◆", "▲", "■"];
/// Above the map.
pub(super) const LEGEND: f64 = 30.0;
const SIZE: f64 = 12.5;
const SAMPLE: f64 = 34.0;

/// What is known of each type.
pub(super) struct Types<'a> {
    by_type: &'a ByType,
    /// By edge of the joint answer, its type.
    of_edge: Vec<usize>,
}

impl<'a> Types<'a> {
    /// All edges of all types in one answer, the most frequent first, and which type each is of.
    pub(super) fn join(by_type: &'a ByType) -> (Answer, Self) {
        let answers = || by_type.types.iter().map(|one| &one.answer);
        let mut edges: Vec<(usize, &Edge)> =
            answers().enumerate().flat_map(|(n, answer)| answer.edges.iter().map(move |edge| (n, edge))).collect();
        edges.sort_by_key(|(_, edge)| Reverse(edge.count));
        let sum = |of: fn(&Answer) -> u64| answers().map(of).sum::<u64>();
        let joint = Answer {
            journeys: sum(|answer| answer.journeys),
            customers: sum(|answer| answer.customers),
            events: sum(|answer| answer.events),
            times: answers().map(|answer| answer.times).next().unwrap_or(understand::Times::None),
            shown: sum(|answer| answer.shown),
            of: sum(|answer| answer.of),
            moments: moments(answers()),
            edges: edges.iter().map(|(_, edge)| (*edge).clone()).collect(),
            starts: terminals(answers().flat_map(|answer| &answer.starts)),
            ends: terminals(answers().flat_map(|answer| &answer.ends)),
            doubts: Vec::new(),
        };
        (joint, Self { by_type, of_edge: edges.into_iter().map(|(n, _)| n).collect() })
    }

    /// The CSS class of an edge.
    pub(super) fn class(&self, edge: usize) -> String {
        format!("k{}", self.of_edge[edge])
    }

    /// The mark of an edge's type.
    pub(super) fn mark(&self, edge: usize) -> &'static str {
        MARKS[self.of_edge[edge]]
    }

    /// The name of an edge's type.
    pub(super) fn name(&self, edge: usize) -> &str {
        &self.by_type.types[self.of_edge[edge]].of
    }

    /// A line for each type that has the moment, for its box.
    pub(super) fn figures(&self, moment: &str) -> Vec<String> {
        let figures = |(n, found): (usize, &MomentCount)| {
            format!("{} {} · {}", MARKS[n], grouped(found.events), percent(found.customers_share))
        };
        self.with(moment).map(figures).collect()
    }

    /// The same in words.
    pub(super) fn title(&self, label: &str, moment: &str) -> String {
        let said: Vec<String> = self
            .with(moment)
            .map(|(n, found)| {
                let of = &self.by_type.types[n].of;
                let events = counted(found.events, "event", "events");
                format!("{of}: {events}, {} ({} of all)", grouped(found.customers), percent(found.customers_share))
            })
            .collect();
        format!("{label}: {}", said.join("; "))
    }

    fn with(&self, moment: &str) -> impl Iterator<Item = (usize, &MomentCount)> {
        let types = self.by_type.types.iter().enumerate();
        types.filter_map(move |(n, one)| Some((n, one.answer.moments.iter().find(|found| &*found.moment == moment)?)))
    }

    /// What stands against the figures of each type.
    pub(super) fn notes(&self) -> Vec<String> {
        let doubts = self.by_type.types.iter().flat_map(|one| one.answer.doubts.iter().map(move |d| (&one.of, d)));
        let mut notes: Vec<String> = doubts.map(|(of, doubt)| format!("{of}: {doubt}")).collect();
        notes.push("Where the journeys of each type start and end is in the table.".to_owned());
        notes
    }

    pub(super) fn css(&self) -> String {
        types_css(self.by_type.types.len())
    }

    /// How wide the legend is.
    pub(super) fn legend_width(&self) -> f64 {
        self.entries().map(|(_, text)| SAMPLE + 38.0 + width(&text, SIZE)).sum()
    }

    /// Which line is whose.
    pub(super) fn legend(&self, svg: &mut String, mut x: f64) {
        let y = LEGEND / 2.0 + 4.0;
        for (n, text) in self.entries() {
            let end = x + SAMPLE;
            push(
                svg,
                format_args!(
                    "<g class=\"edge k{n}\"><path d=\"M{x:.1} {y:.1}H{:.1}\" stroke-width=\"3\"/>\
                     <path class=\"tip\" d=\"M{end:.1} {y:.1}L{:.1} {:.1}L{:.1} {:.1}Z\"/></g>\
                     <text class=\"name\" x=\"{:.1}\" y=\"{:.1}\">{}</text>\n",
                    end - 7.0,
                    end - 8.0,
                    y - 5.0,
                    end - 8.0,
                    y + 5.0,
                    end + 8.0,
                    y + 4.0,
                    safe(&text),
                ),
            );
            x += SAMPLE + 38.0 + width(&text, SIZE);
        }
    }

    fn entries(&self) -> impl Iterator<Item = (usize, String)> {
        self.by_type.types.iter().enumerate().map(|(n, one)| {
            (n, format!("{} {} ({})", MARKS[n], one.of, counted(one.answer.journeys, "journey", "journeys")))
        })
    }
}

/// Every moment once, as frequent as it is in all journeys together.
fn moments<'a>(answers: impl Iterator<Item = &'a Answer>) -> Vec<MomentCount> {
    let mut all: Vec<MomentCount> = Vec::new();
    let mut places: BTreeMap<Arc<str>, usize> = BTreeMap::new();
    for moment in answers.flat_map(|answer| &answer.moments) {
        let place = *places.entry(Arc::clone(&moment.moment)).or_insert(all.len());
        match all.get_mut(place) {
            Some(known) => known.events += moment.events,
            None => all.push(moment.clone()),
        }
    }
    all.sort_by_key(|moment| Reverse(moment.events));
    all
}

fn terminals<'a>(all: impl Iterator<Item = &'a Terminal>) -> Vec<Terminal> {
    let mut joint: Vec<Terminal> = Vec::new();
    for one in all {
        match joint.iter_mut().find(|known| known.moment == one.moment) {
            Some(known) => known.count += one.count,
            None => joint.push(one.clone()),
        }
    }
    joint
}
