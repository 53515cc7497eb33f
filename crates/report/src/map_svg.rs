//! The journey map as a picture: a lane per stage, a box per moment, a line per edge, as thick as it is frequent.

mod boxes;
mod labels;
mod shown;
mod types;

use std::collections::BTreeMap;

use evidence::{counted, grouped};
use understand::map::{self, ByType};

use crate::Words;
use crate::figures::{interval, percent, time};
use crate::layout::{Direction, Edge, Graph, Layout, Node, Point, Rect, Route, Spacing, lanes_from_flow, layout};
use crate::style::map_css;
use crate::text::{in_lines, push, safe, width};
use crate::words::{COLOURS, Colours};
use boxes::MomentBox;
use shown::{Shown, choose};
use types::Types;

/// How much of a map is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct MapOptions {
    /// At most so many moments, the most frequent first.
    pub moments_max: usize,
    /// At most so many edges, but always those that connect the moments.
    pub edges_max: usize,
    /// The share of all transitions, from 0 to 1, at which no further edges are drawn; without it, `edges_max` alone
    /// decides.
    pub coverage: Option<f64>,
}

impl Default for MapOptions {
    fn default() -> Self {
        Self { moments_max: 30, edges_max: 40, coverage: None }
    }
}

/// The picture and what has to be said about it.
#[derive(Debug, Clone, PartialEq)]
pub struct MapPicture {
    /// A whole SVG document, which may also stand inside HTML.
    pub svg: String,
    /// What the picture leaves out, in plain words.
    pub notes: Vec<String>,
    /// Whether it is larger on an upright sheet of paper.
    pub upright: bool,
}

const SPACING: Spacing = Spacing { node_width: 168.0, lane_gap: 108.0, node_gap: 38.0, line_gap: 15.0 };
/// Around the drawing.
const MARGIN: f64 = 20.0;
/// Above and below the text of the lanes' headings.
const HEADING: f64 = 18.0;
const HEADING_SIZE: f64 = 13.0;
const LANE_WIDTH: f64 = SPACING.node_width + 20.0;
/// Without stages, so many columns; more would make the text too small to print.
const LANES_MAX: usize = 6;
const NAME_SIZE: f64 = 12.5;
const FIGURE_SIZE: f64 = 11.0;
const EDGE_SIZE: f64 = 10.5;
/// The room of text in a box.
const TEXT_WIDTH: f64 = SPACING.node_width - 22.0;
/// Starts and ends below this share of the journeys are not marked in the picture.
const TERMINAL_SHARE: f64 = 0.01;
const LINE_WIDTH_MAX: f64 = 10.0;
const LINE_WIDTH_MIN: f64 = 1.2;

/// Draws the map.
pub fn draw_map(answer: &map::Answer, words: &Words, options: &MapOptions) -> MapPicture {
    draw(answer, None, words, options)
}

/// Draws the maps of up to [`TYPES_MAX`](crate::TYPES_MAX) types of objects in one picture; of more, the first.
pub fn draw_map_by_type(by_type: &ByType, words: &Words, options: &MapOptions) -> MapPicture {
    let (types, left_out) = by_type.types.split_at(by_type.types.len().min(crate::TYPES_MAX));
    let drawn = ByType { types: types.to_vec() };
    let (joint, types) = Types::join(&drawn);
    let mut picture = draw(&joint, Some(&types), words, options);
    picture.notes.extend(left_out.iter().map(|one| format!("Not drawn, for lack of colours: {}.", one.of)));
    picture
}

fn draw(answer: &map::Answer, types: Option<&Types<'_>>, words: &Words, options: &MapOptions) -> MapPicture {
    let shown = choose(answer, options);
    let boxes: Vec<MomentBox> = shown.moments.iter().map(|i| MomentBox::of(answer, types, *i, words)).collect();
    let (lane_of, headings) = lanes(answer, words, &shown);
    let graph = graph(answer, &shown, &boxes, &lane_of, headings.len());
    let drawn = layout(&graph, &SPACING);
    let sheet =
        Sheet { answer, types, words, shown: &shown, boxes: &boxes, headings: &headings, graph: &graph, drawn: &drawn };
    let (svg, unlabelled) = sheet.draw();
    let (wide, high) = sheet.size();
    let mut notes = notes(answer, words, &shown, unlabelled, types.is_none());
    notes.extend(types.map(Types::notes).unwrap_or_default());
    MapPicture { svg, notes, upright: larger_upright(wide, high) }
}

/// Whether a picture is larger in what a sheet of paper has left for it when the sheet stands upright than when it lies.
fn larger_upright(wide: f64, high: f64) -> bool {
    // In millimetres, of A4, as the style of the page has it.
    let scale = |paper: (f64, f64)| (paper.0 / wide).min(paper.1 / high);
    scale((182.0, 215.0)) > scale((277.0, 142.0))
}

/// By moment shown, its lane; and by lane, its heading and the colour of its stage.
fn lanes(answer: &map::Answer, words: &Words, shown: &Shown) -> (Vec<usize>, Vec<Heading>) {
    let name = |i: &usize| &*answer.moments[*i].moment;
    if !shown.moments.iter().any(|i| words.stage(name(i)).is_some()) {
        let starts: BTreeMap<&str, u64> = answer.starts.iter().map(|start| (&*start.moment, start.count)).collect();
        let starts: Vec<u64> = shown.moments.iter().map(|i| starts.get(name(i)).copied().unwrap_or(0)).collect();
        let edges: Vec<Edge> = shown.edges.iter().map(|edge| line(answer, *edge)).collect();
        let lane_of = lanes_from_flow(shown.moments.len(), &edges, &starts, LANES_MAX);
        let count = lane_of.iter().max().map_or(0, |last| last + 1);
        return (lane_of, (0..count).map(|_| Heading::none()).collect());
    }
    // Stages in which nothing happened take no room; the notes name them.
    let none = words.stages().len();
    let stages: Vec<usize> = shown.moments.iter().map(|i| words.stage(name(i)).unwrap_or(none)).collect();
    let mut present = stages.clone();
    present.sort_unstable();
    present.dedup();
    let lane_of = stages.iter().map(|stage| present.partition_point(|other| other < stage)).collect();
    let heading = |stage: &usize| match words.stages().get(*stage) {
        Some(text) => Heading::new(text, format!("c{}", stage % COLOURS)),
        None => Heading::new("No stage", "cx".to_owned()),
    };
    (lane_of, present.iter().map(heading).collect())
}

struct Heading {
    text: String,
    /// The text as it fits the lane; none where lanes have no heading.
    lines: Vec<String>,
    class: String,
}

impl Heading {
    fn new(text: &str, class: String) -> Self {
        Self { text: text.to_owned(), lines: in_lines(text, 2, HEADING_SIZE, LANE_WIDTH - 16.0), class }
    }

    fn none() -> Self {
        Self { text: String::new(), lines: Vec::new(), class: String::new() }
    }
}

fn line(answer: &map::Answer, (edge, from, to): (usize, usize, usize)) -> Edge {
    let most = answer.edges.first().map_or(1, |first| first.count).max(1);
    let weight = answer.edges[edge].count as f64;
    Edge { from, to, weight, width: (LINE_WIDTH_MAX * weight / most as f64).max(LINE_WIDTH_MIN) }
}

fn graph(answer: &map::Answer, shown: &Shown, boxes: &[MomentBox], lane_of: &[usize], lanes: usize) -> Graph {
    let nodes = boxes.iter().zip(lane_of).map(|(b, lane)| Node { lane: *lane, height: b.height }).collect();
    Graph { nodes, edges: shown.edges.iter().map(|edge| line(answer, *edge)).collect(), lanes }
}

/// `marked` says whether starts and ends are.
fn notes(answer: &map::Answer, words: &Words, shown: &Shown, unlabelled: usize, marked: bool) -> Vec<String> {
    let mut notes = Vec::new();
    let drawn: u64 = shown.edges.iter().map(|edge| answer.edges[edge.0].count).sum();
    let counted_edges: u64 = answer.edges.iter().map(|edge| edge.count).sum();
    // Every event but the last of its journey is followed by one, also where the answer leaves edges out.
    let all = answer.events.saturating_sub(answer.journeys).max(counted_edges);
    let share = if all == 0 { 1.0 } else { drawn as f64 / all as f64 };
    let whole = drawn == all && shown.moments.len() == answer.moments.len();
    notes.push(if whole {
        "All moments and all edges are drawn.".to_owned()
    } else {
        format!(
            "Drawn: {} of {}, and {} of {}, which are {} of all {} from one moment to the next. The strongest edges that \
             connect the moments come first.",
            shown.moments.len(),
            counted(answer.moments.len() as u64, "moment", "moments"),
            shown.edges.len(),
            counted(answer.of, "edge", "edges"),
            percent(share),
            counted(all, "step", "steps"),
        )
    });
    if unlabelled > 0 {
        let edges = counted(unlabelled as u64, "edge has", "edges have");
        notes.push(format!("{edges} no figures in the picture for lack of room; the table has them."));
    }
    let few = |list: &[map::Terminal]| list.iter().any(|terminal| terminal.share < Some(TERMINAL_SHARE));
    if marked && (few(&answer.starts) || few(&answer.ends)) {
        notes.push(format!(
            "Starts and ends of less than {} of the journeys are in the table only.",
            percent(TERMINAL_SHARE)
        ));
    }
    let empty: Vec<&str> = words
        .stages()
        .iter()
        .enumerate()
        .filter(|(i, _)| !shown.moments.iter().any(|m| words.stage(&answer.moments[*m].moment) == Some(*i)))
        .map(|(_, stage)| stage.as_str())
        .collect();
    if !empty.is_empty() && empty.len() < words.stages().len() {
        notes.push(format!("No moment shown belongs to: {}.", empty.join(", ")));
    }
    notes.extend(answer.doubts.iter().map(|doubt| crate::text::sentence(&doubt.to_string())));
    notes
}

/// Everything that is drawn.
struct Sheet<'a> {
    answer: &'a map::Answer,
    /// Of which type of objects each edge is, where there are several.
    types: Option<&'a Types<'a>>,
    words: &'a Words,
    shown: &'a Shown,
    boxes: &'a [MomentBox],
    headings: &'a [Heading],
    graph: &'a Graph,
    drawn: &'a Layout,
}

impl Sheet<'_> {
    /// The height of the headings.
    fn top(&self) -> f64 {
        let lines = self.headings.iter().map(|heading| heading.lines.len()).max().unwrap_or(0);
        if lines > 0 { HEADING + 16.0 * lines as f64 } else { 0.0 }
    }

    fn size(&self) -> (f64, f64) {
        let (wide, high) = (self.drawn.width + 2.0 * MARGIN, self.drawn.height + 2.0 * MARGIN + self.top());
        self.types.map_or((wide, high), |types| (wide.max(types.legend_width() + MARGIN), high + types::LEGEND))
    }

    /// The picture, and how many edges have no figures in it.
    fn draw(&self) -> (String, usize) {
        let (top, (wide, high)) = (self.top(), self.size());
        let mut svg = String::new();
        push(
            &mut svg,
            format_args!(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"map\" viewBox=\"0 0 {wide:.0} {high:.0}\" \
                 width=\"{wide:.0}\" height=\"{high:.0}\" role=\"img\" aria-label=\"{}\">\n<style>{}{}</style>\n",
                self.said(),
                map_css(),
                self.types.map(Types::css).unwrap_or_default(),
            ),
        );
        push(&mut svg, format_args!("<rect class=\"paper\" width=\"{wide:.0}\" height=\"{high:.0}\"/>\n"));
        let legend = self.types.map_or(0.0, |types| {
            types.legend(&mut svg, MARGIN);
            types::LEGEND
        });
        if legend > 0.0 {
            push(&mut svg, format_args!("<g transform=\"translate(0 {legend:.0})\">\n"));
        }
        self.lanes(&mut svg, high - legend);
        push(&mut svg, format_args!("<g transform=\"translate({MARGIN} {:.0})\">\n", MARGIN + top));
        self.lines(&mut svg);
        self.nodes(&mut svg);
        let unlabelled = self.figures(&mut svg);
        svg.push_str(if legend > 0.0 { "</g>\n</g>\n</svg>\n" } else { "</g>\n</svg>\n" });
        (svg, unlabelled)
    }

    fn said(&self) -> String {
        format!(
            "Journey map of {}: {} and {} drawn",
            counted(self.answer.journeys, "journey", "journeys"),
            counted(self.shown.moments.len() as u64, "moment", "moments"),
            counted(self.shown.edges.len() as u64, "edge", "edges"),
        )
    }

    fn lanes(&self, svg: &mut String, high: f64) {
        for (heading, x) in self.headings.iter().zip(&self.drawn.lanes) {
            if heading.lines.is_empty() {
                continue;
            }
            let (x, wide) = (x + MARGIN - 10.0, LANE_WIDTH);
            push(
                svg,
                format_args!(
                    "<g class=\"lane {}\"><title>{}</title>\
                     <rect x=\"{x:.1}\" y=\"6\" width=\"{wide:.0}\" height=\"{:.0}\" rx=\"6\"/>\
                     <rect class=\"bar\" x=\"{x:.1}\" y=\"6\" width=\"{wide:.0}\" height=\"4\"/>",
                    heading.class,
                    safe(&heading.text),
                    high - 12.0,
                ),
            );
            let mut y = 12.0;
            for line in &heading.lines {
                y += 16.0;
                push(svg, format_args!("<text x=\"{:.1}\" y=\"{y:.0}\">{}</text>", x + 10.0, safe(line)));
            }
            svg.push_str("</g>\n");
        }
    }

    /// The thin lines last, so that none of them lies under a thick one.
    fn lines(&self, svg: &mut String) {
        for (i, edge) in self.shown.edges.iter().enumerate() {
            let route = &self.drawn.routes[i];
            let wide = self.graph.edges[i].width;
            let class = match (self.types, route.direction) {
                (Some(types), _) => &format!("edge {}", types.class(edge.0)),
                (None, Direction::Back) => "edge back",
                (None, _) => "edge",
            };
            push(
                svg,
                format_args!(
                    "<g class=\"{class}\"><path d=\"{}\" stroke-width=\"{wide:.1}\"/><path class=\"tip\" d=\"{}\"/>\
                     <title>{}</title></g>\n",
                    path(route, wide),
                    tip(route, wide),
                    safe(&self.edge_title(edge.0)),
                ),
            );
        }
    }

    fn edge_title(&self, i: usize) -> String {
        let edge = &self.answer.edges[i];
        let mut title = self.types.map_or_else(String::new, |types| format!("{}: ", types.name(i)));
        let who = match self.types {
            Some(_) => counted(edge.customers, "object", "objects"),
            None => counted(edge.customers, "customer", "customers"),
        };
        push(
            &mut title,
            format_args!(
                "{} → {}: {}, {who} ({} of all, {})",
                self.words.label(&edge.from),
                self.words.label(&edge.to),
                counted(edge.count, "time", "times"),
                percent(edge.customers_share),
                interval(edge.customers_share_low, edge.customers_share_high),
            ),
        );
        if let (Some(median), Some(p90)) = (edge.median_s, edge.p90_s) {
            push(&mut title, format_args!("; half within {}, nine in ten within {}", time(median), time(p90)));
        }
        title
    }

    fn nodes(&self, svg: &mut String) {
        let colours = Colours::of(self.words, Some(self.answer));
        for ((i, node), content) in self.shown.moments.iter().zip(&self.drawn.nodes).zip(self.boxes) {
            // Colours are those of types where there are several.
            let class = match self.types {
                Some(_) => "cx".to_owned(),
                None => colours.class(&self.answer.moments[*i].moment),
            };
            let Rect { x, y, width, height } = node;
            push(
                svg,
                format_args!(
                    "<g class=\"node {class}\"><title>{}</title>\
                     <rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.0}\" height=\"{height:.1}\" rx=\"5\"/>\
                     <rect class=\"bar\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"5\" height=\"{height:.1}\" rx=\"2\"/>",
                    safe(&content.title)
                ),
            );
            content.text(svg, node);
            svg.push_str("</g>\n");
        }
    }

    /// The figures of the edges, the strongest first; how many had to be left out.
    fn figures(&self, svg: &mut String) -> usize {
        let routes: Vec<&Route> = self.drawn.routes.iter().collect();
        let texts: Vec<String> = self
            .shown
            .edges
            .iter()
            .map(|(i, ..)| {
                let edge = &self.answer.edges[*i];
                let mark = self.types.map_or_else(String::new, |types| format!("{} ", types.mark(*i)));
                let n = format!("{mark}{}", grouped(edge.count));
                edge.median_s.map_or_else(|| n.clone(), |median| format!("{n} · {}", time(median)))
            })
            .collect();
        let sizes: Vec<(f64, f64)> = texts.iter().map(|text| (width(text, EDGE_SIZE) + 4.0, EDGE_SIZE + 3.0)).collect();
        let within = Rect { x: -MARGIN, y: 0.0, width: self.drawn.width + 2.0 * MARGIN, height: 0.0 };
        let places = labels::places(&routes, &sizes, &self.drawn.nodes, &within);
        let mut left_out = 0;
        for (((text, place), route), (i, ..)) in texts.iter().zip(places).zip(routes).zip(&self.shown.edges) {
            let Some(place) = place else {
                left_out += 1;
                continue;
            };
            let back = self.types.is_none() && route.direction == Direction::Back;
            let class = if back { "figure back" } else { "figure" };
            push(
                svg,
                format_args!(
                    "<g class=\"{class}\"><rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"3\"/>\
                     <text x=\"{:.1}\" y=\"{:.1}\">{}</text><title>{}</title></g>\n",
                    place.x,
                    place.y,
                    place.width,
                    place.height,
                    place.x + place.width / 2.0,
                    place.y + place.height - 4.0,
                    safe(text),
                    safe(&self.edge_title(*i)),
                ),
            );
        }
        left_out
    }
}

/// How long the tip of a line is, and half how wide.
fn tip_size(wide: f64) -> (f64, f64) {
    (5.0 + 0.7 * wide, 3.2 + 0.6 * wide)
}

/// The line up to where its tip begins.
fn path(route: &Route, wide: f64) -> String {
    let mut path = format!("M{:.1} {:.1}", route.start.x, route.start.y);
    let (length, _) = tip_size(wide);
    let arrival = route.arrival();
    let back = Point { x: arrival.x * (length - 1.0), y: arrival.y * (length - 1.0) };
    let last = route.curves.len().saturating_sub(1);
    for (i, [a, b, end]) in route.curves.iter().enumerate() {
        let end = if i == last { Point { x: end.x - back.x, y: end.y - back.y } } else { *end };
        push(&mut path, format_args!("C{:.1} {:.1} {:.1} {:.1} {:.1} {:.1}", a.x, a.y, b.x, b.y, end.x, end.y));
    }
    path
}

fn tip(route: &Route, wide: f64) -> String {
    let (length, half) = tip_size(wide);
    let (end, along) = (route.end(), route.arrival());
    let base = Point { x: end.x - along.x * length, y: end.y - along.y * length };
    let (x, y) = (along.y * half, along.x * half);
    format!("M{:.1} {:.1}L{:.1} {:.1}L{:.1} {:.1}Z", end.x, end.y, base.x + x, base.y - y, base.x - x, base.y + y)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_lies_or_stands_as_it_is_larger() {
        assert!(larger_upright(1_000.0, 1_400.0));
        assert!(larger_upright(1_280.0, 1_340.0));
        assert!(!larger_upright(1_400.0, 700.0));
        assert!(!larger_upright(960.0, 700.0));
    }
}
