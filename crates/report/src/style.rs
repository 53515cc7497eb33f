//! Colours and style sheets. No script, no font and no picture comes from elsewhere.
//!
//! The eight colours are those of Okabe and Ito ("Color Universal Design", 2008), which colour-blind people can tell
//! apart, with a grey in the place of black. Text never stands on them, but on tints of them that leave enough
//! contrast.

use crate::text::push;
use crate::words::COLOURS;

type Rgb = [u16; 3];

/// Blue, orange, green, purple, sky, vermillion, yellow, grey.
const PALETTE: [Rgb; COLOURS] = [
    [0, 114, 178],
    [230, 159, 0],
    [0, 158, 115],
    [204, 121, 167],
    [86, 180, 233],
    [213, 94, 0],
    [222, 205, 50],
    [126, 132, 140],
];
/// Of what has no stage.
const PLAIN: Rgb = [150, 156, 164];

/// The two looks of the page.
struct Scheme {
    paper: Rgb,
    ink: Rgb,
    /// Less important text.
    faint: Rgb,
    /// Lines between rows.
    rule: Rgb,
    /// Lines of the map.
    line: Rgb,
    /// Lines that go back.
    back: Rgb,
    /// Bars and links.
    accent: Rgb,
    /// How much of a colour is in its tint, in percent: of a box, of a lane.
    tints: [u16; 2],
}

const LIGHT: Scheme = Scheme {
    paper: [255, 255, 255],
    ink: [27, 31, 36],
    faint: [87, 96, 106],
    rule: [216, 222, 228],
    line: [120, 130, 142],
    back: [172, 74, 18],
    accent: [0, 92, 158],
    tints: [22, 7],
};

const DARK: Scheme = Scheme {
    paper: [20, 23, 28],
    ink: [232, 234, 237],
    faint: [164, 172, 182],
    rule: [54, 60, 68],
    line: [128, 138, 150],
    back: [240, 148, 92],
    accent: [96, 176, 240],
    tints: [32, 10],
};

impl Scheme {
    fn tint(&self, colour: Rgb, kind: usize) -> Rgb {
        let share = self.tints[kind];
        std::array::from_fn(|i| (colour[i] * share + self.paper[i] * (100 - share)) / 100)
    }
}

fn hex([r, g, b]: Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

fn colours() -> impl Iterator<Item = (String, Rgb)> {
    let palette = PALETTE.iter().enumerate().map(|(i, colour)| (format!("c{i}"), *colour));
    palette.chain(std::iter::once(("cx".to_owned(), PLAIN)))
}

/// The rules for the light look, for the dark one where a screen wants it, and again for the light one on paper.
fn schemes(rules: impl Fn(&Scheme) -> String) -> String {
    let (light, dark) = (rules(&LIGHT), rules(&DARK));
    format!("{light}@media screen and (prefers-color-scheme:dark){{{dark}}}")
}

/// The style of the map.
pub(crate) fn map_css() -> String {
    let fixed = ".map text{font:11px system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif;\
        font-variant-numeric:tabular-nums;unicode-bidi:isolate}.map .name{font-size:12.5px;font-weight:600}\
        .map .lane text{font-size:13px;font-weight:600}.map .edge path{fill:none;stroke-opacity:.62}\
        .map .edge .tip{stroke:none;fill-opacity:.9}.map .edge.back path{stroke-dasharray:7 4}\
        .map .figure text{font-size:10.5px;text-anchor:middle}.map .figure rect{fill-opacity:.86}\
        .map .edge:hover path{stroke-opacity:1}.map .node .bar,.map .lane .bar{stroke:none}";
    format!("{fixed}{}", schemes(map_rules))
}

fn map_rules(scheme: &Scheme) -> String {
    let [paper, ink, faint, line, back] = [scheme.paper, scheme.ink, scheme.faint, scheme.line, scheme.back].map(hex);
    let mut css = format!(
        ".map .paper,.map .figure rect{{fill:{paper}}}.map text{{fill:{ink}}}.map .mark{{fill:{faint}}}\
         .map .edge path{{stroke:{line}}}.map .edge .tip{{fill:{line}}}\
         .map .edge.back path{{stroke:{back}}}.map .edge.back .tip{{fill:{back}}}.map .figure.back text{{fill:{back}}}"
    );
    for (class, colour) in colours() {
        let (full, tint, pale) = (hex(colour), hex(scheme.tint(colour, 0)), hex(scheme.tint(colour, 1)));
        push(
            &mut css,
            format_args!(
                ".map .node.{class} rect{{fill:{tint};stroke:{full}}}.map .lane.{class} rect{{fill:{pale}}}\
                 .map .{class} rect.bar{{fill:{full}}}"
            ),
        );
    }
    css
}

/// How many types of objects a map tells apart.
pub const TYPES_MAX: usize = 4;

/// The colour of each type, by its place in the palette, and the pattern of its lines: who cannot tell the colours, or prints
/// without, goes by the pattern.
const TYPES: [(usize, &str); TYPES_MAX] = [(0, "none"), (5, "9 4"), (2, "2 3"), (3, "12 3 2 3")];

/// The style of the lines of so many types.
pub(crate) fn types_css(types: usize) -> String {
    let mut css = String::new();
    for (n, (colour, dashes)) in TYPES.iter().take(types).enumerate() {
        let colour = hex(PALETTE[*colour]);
        push(
            &mut css,
            format_args!(
                ".map .edge.k{n} path{{stroke:{colour};stroke-opacity:.85;stroke-dasharray:{dashes}}}\
                 .map .edge.k{n} .tip{{stroke:none;fill:{colour}}}"
            ),
        );
    }
    css
}

/// The style of the page.
pub(crate) fn page_css() -> String {
    format!("{FIXED}{}", schemes(page_rules))
}

/// Sizes and places, the same in every look.
const FIXED: &str = "\
:root{color-scheme:light dark}*{box-sizing:border-box}\
body{margin:0 auto;padding:2rem 1.25rem 4rem;max-width:84rem;font:1rem/1.5 system-ui,-apple-system,'Segoe UI',Roboto,\
'Noto Sans',sans-serif;font-variant-numeric:tabular-nums}\
h1{font-size:1.75rem;line-height:1.2;margin:0 0 .25rem}h2{font-size:1.25rem;margin:2.5rem 0 .5rem}\
p,ul,ol,blockquote{max-width:46rem}p{margin:.4rem 0}\
blockquote{margin:.75rem 0;padding:.1rem 0 .1rem 1rem;border-left:4px solid;font-size:1.1rem}\
.lead{font-size:1rem}.note{font-size:.875rem}td .note{font-size:inherit}\
.banner{max-width:none;padding:.6rem 1rem;border:2px solid;border-radius:6px;\
font-weight:600;margin:0 0 1rem}\
.tiles{display:flex;flex-wrap:wrap;gap:.5rem 2rem;margin:.75rem 0;padding:0;list-style:none;max-width:none}\
.tiles small{font-size:.8125rem;font-weight:400}.tiles li{max-width:15rem}.tiles b{display:block;font-size:1.5rem;line-height:1.2;font-weight:600}.tiles span{font-size:.875rem}\
ol.findings{padding:0;list-style:none;counter-reset:finding;max-width:54rem}\
ol.findings li{counter-increment:finding;position:relative;padding:.5rem 0 .5rem 2.75rem}\
ol.findings li::before{content:counter(finding);position:absolute;left:0;top:.55rem;width:1.9rem;height:1.9rem;\
border-radius:50%;border:2px solid;text-align:center;line-height:1.65rem;font-weight:600}\
.picture{overflow-x:auto;margin:.75rem 0}.picture svg{display:block;height:auto;max-width:100%;min-width:60rem}\
.wide{overflow-x:auto;background-repeat:no-repeat;background-position:0 0,100% 0,0 0,100% 0;\
background-size:1.5rem 100%,1.5rem 100%,.75rem 100%,.75rem 100%;background-attachment:local,local,scroll,scroll}\
.wide::-webkit-scrollbar,.picture::-webkit-scrollbar{height:.6rem}\
.wide::-webkit-scrollbar-thumb,.picture::-webkit-scrollbar-thumb{border-radius:.3rem}table{border-collapse:collapse;margin:.5rem 0;font-size:.875rem;width:100%}\
table.narrow{width:auto}th,td{padding:.3rem .6rem;text-align:left;vertical-align:middle;border-bottom:1px solid}\
th{font-weight:600;vertical-align:bottom}td.n,th.n{text-align:right;white-space:nowrap}\
td.bar{width:24%;min-width:9rem;vertical-align:middle}\
td.bar svg{display:block;width:100%;height:1.1rem;overflow:visible}\
.paths td.bar{width:12%;min-width:6rem}.paths .steps li{max-width:24rem}.paths td:first-child{min-width:15rem}.pairs td:not(.n):not(.bar){white-space:nowrap}\
.heat td{text-align:right;padding:.3rem .45rem;white-space:nowrap}.heat th[scope=row]{font-weight:400}\
.steps{margin:0;padding:0;list-style:none;display:flex;flex-wrap:wrap;gap:.25rem;max-width:none}\
.steps li{overflow-wrap:anywhere;padding:.05rem .45rem;border-radius:4px;border:1px solid;border-left-width:5px}\
.key{display:flex;flex-wrap:wrap;gap:.25rem .9rem;margin:.5rem 0;padding:0;list-style:none;\
font-size:.875rem;max-width:none}\
.key i{display:inline-block;width:.8rem;height:.8rem;border-radius:2px;margin-right:.35rem;vertical-align:-1px}\
.says{font-size:1.125rem;max-width:54rem}\
nav ol{columns:3 16rem;margin:1.5rem 0 0;padding:0;list-style-position:inside;max-width:none;font-size:.9375rem}\
nav li{break-inside:avoid;padding:.1rem 0}section{scroll-margin-top:1rem}code{font-size:.9em;overflow-wrap:anywhere}\
.bars th[scope=row],.bars th[scope=rowgroup]{font-weight:400;min-width:11rem;max-width:22rem;vertical-align:middle}\
.pairs tbody tr:first-child td,.pairs tbody tr:first-child th{border-bottom-width:0}\
.pairs tbody tr:first-child [rowspan]{border-bottom-width:1px;border-bottom-style:solid}\
.board{display:flex;flex-wrap:wrap;gap:.75rem;margin:.75rem 0;padding:0;list-style:none;max-width:none}\
.board li{flex:1 1 11rem;padding:.6rem .75rem;border:1px solid;border-top-width:5px;border-radius:6px;font-size:.875rem}\
.board p{margin:.15rem 0 .5rem}.board .stage{font-weight:600;font-size:1rem}.board .value{font-size:1.5rem}\
.board .small{font-size:1.125rem}.up,.down{font-weight:600}\
.chart{display:block;width:100%;max-width:44rem;height:auto;margin:.75rem 0}.chart text{font-size:12px}\
.chart .middle{text-anchor:middle}.chart .end{text-anchor:end}.chart path{fill:none}.chart .curve{stroke-width:2.5}\
.faults{padding-left:1.1rem;max-width:54rem}.faults li{margin:.4rem 0}\
summary{cursor:pointer;font-size:.875rem;margin:.25rem 0}caption{text-align:left;font-size:.875rem;padding:.25rem 0}\
.whisker{fill:none;stroke-width:1.5;vector-effect:non-scaling-stroke}\
@media (max-width:80rem){td.bar{width:14%;min-width:5rem}.bars th[scope=row],.bars th[scope=rowgroup]{min-width:8rem}}\
@media (max-width:40rem){body{padding:1rem .75rem 3rem}h1{font-size:1.375rem}th,td{padding:.3rem .35rem}\
.tiles{gap:.5rem 1.25rem}.tiles li{flex:1 1 40%}td.bar{min-width:6rem}.bars th[scope=row],.bars th[scope=rowgroup]{min-width:7rem;max-width:9rem}\
.board li{flex-basis:100%}}\
footer{margin-top:3rem;padding-top:.75rem;border-top:1px solid;font-size:.8125rem;overflow-wrap:anywhere}\
@page{size:A4;margin:14mm}@page map{size:A4 landscape;margin:10mm}\
@media print{:root{font-size:9.5pt}body{padding:0;max-width:none}\
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}\
h2,h2+p,h2+p+p,.says,.about,.about+.note,.tiles,caption,summary{break-after:avoid}.pairs tbody,.board li,.chart{break-inside:avoid}tr,li,p,blockquote{break-inside:avoid}thead{display:table-header-group}\
section.map-page{page:map;break-before:page;break-after:page}section.map-page p{max-width:none}\
section.map-page.upright{page:auto}section.map-page.upright .picture svg{max-height:215mm}\
section.map-page h2{margin-top:0}.picture{overflow:visible}\
.picture svg{min-width:0;max-width:100%;max-height:142mm;margin:0 auto}.wide{overflow:visible;background:none}\
.wide table{font-size:7.5pt}.wide th,.wide td{padding:.15rem .2rem;overflow-wrap:anywhere;white-space:normal}\
details:not([open]){display:none}\
h2{margin-top:1.5rem}th,td{padding:.25rem .4rem}td.bar,.paths td.bar{width:14%;min-width:4rem}\
.paths .steps{font-size:.8rem}}";

fn page_rules(scheme: &Scheme) -> String {
    let [paper, ink, faint, rule, accent, back] =
        [scheme.paper, scheme.ink, scheme.faint, scheme.rule, scheme.accent, scheme.back].map(hex);
    let line = hex(scheme.line);
    let cover = cover(&paper, &faint);
    let [kept, late, never] = [PALETTE[0], PALETTE[1], PALETTE[5]].map(hex);
    let mut css = format!(
        "body{{background:{paper};color:{ink}}}.note,.tiles span,caption,footer{{color:{faint}}}\
         th,td,footer{{border-color:{rule}}}blockquote{{border-color:{accent}}}\
         .wide{{background-image:{cover}}}.wide::-webkit-scrollbar-thumb,.picture::-webkit-scrollbar-thumb{{background:{line}}}\
         .wide::-webkit-scrollbar-track,.picture::-webkit-scrollbar-track{{background:{rule}}}\
         .banner{{border-color:{back};color:{back}}}\
         ol.findings li::before{{border-color:{accent};color:{accent}}}summary{{color:{accent}}}\
         a{{color:{accent}}}.board li{{border-color:{rule}}}.chart text{{fill:{ink}}}.chart .grid{{stroke:{rule}}}\
         .chart .curve{{stroke:{accent}}}.chart circle{{fill:{accent}}}.chart .band{{fill:{accent};fill-opacity:.18}}\
         .kept{{fill:{kept}}}.late{{fill:{late}}}.never{{fill:{never}}}.pending{{fill:{rule}}}\
         .key .kept i{{background:{kept}}}.key .late i{{background:{late}}}.key .never i{{background:{never}}}\
         .key .pending i{{background:{rule}}}.under{{fill:{never}}}\
         .fill{{fill:{accent};fill-opacity:.55}}.track{{fill:{rule};fill-opacity:.6}}.whisker{{stroke:{ink}}}"
    );
    for (class, colour) in colours() {
        let (full, tint) = (hex(colour), hex(scheme.tint(colour, 0)));
        push(
            &mut css,
            format_args!(
                ".steps .{class}{{background:{tint};border-color:{full}}}.key .{class} i{{background:{full}}}\
                 .board .{class}{{border-top-color:{full}}}"
            ),
        );
    }
    for (step, tint) in heat_tints(scheme).enumerate() {
        push(&mut css, format_args!(".heat .h{step}{{background:{}}}", hex(tint)));
    }
    css
}

/// Shadows at the edges behind which a wide table goes on. What covers them moves along with the table, so that none is
/// seen where it ends.
fn cover(paper: &str, shadow: &str) -> String {
    let layer = |side: &str, from: &str| format!("linear-gradient(to {side},{from},transparent)");
    let paper = format!("{paper} 40%");
    let shadow = format!("{shadow}80");
    [layer("right", &paper), layer("left", &paper), layer("right", &shadow), layer("left", &shadow)].join(",")
}

/// How many shades a heat table has.
pub(crate) const SHADES: u16 = 10;

fn heat_tints(scheme: &Scheme) -> impl Iterator<Item = Rgb> {
    let (accent, paper) = (scheme.accent, scheme.paper);
    (0..SHADES).map(move |step| {
        let share = step * 5;
        std::array::from_fn(|i| (accent[i] * share + paper[i] * (100 - share)) / 100)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance, WCAG 2.2.
    fn luminance(colour: Rgb) -> f64 {
        let linear = |c: u16| {
            let c = f64::from(c) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(colour[0]) + 0.7152 * linear(colour[1]) + 0.0722 * linear(colour[2])
    }

    fn contrast(a: Rgb, b: Rgb) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn every_text_has_the_contrast_of_wcag_aa() {
        for scheme in [&LIGHT, &DARK] {
            for text in [scheme.ink, scheme.faint, scheme.back, scheme.accent] {
                assert!(contrast(text, scheme.paper) >= 4.5, "{text:?}");
            }
            let boxes = colours().flat_map(|(_, colour)| [scheme.tint(colour, 0), scheme.tint(colour, 1)]);
            for tint in boxes.chain(heat_tints(scheme)) {
                assert!(contrast(scheme.ink, tint) >= 4.5, "{tint:?}");
            }
            for line in [scheme.line, scheme.back] {
                assert!(contrast(line, scheme.paper) >= 3.0, "{line:?}");
            }
        }
    }
}
