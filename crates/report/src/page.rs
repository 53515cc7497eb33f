//! The page: one HTML file that is also well-formed XML, with its style inside and nothing from elsewhere.

use evidence::{counted, grouped};
use understand::{Times, funnel, map};

use crate::charts::{compared_table, funnel_table, matrix_table, paths_table};
use crate::data::{Reading, ReportData};
use crate::figures::{interval, percent, time};
use crate::map_svg::draw_map;
use crate::pictures::unbroken;
use crate::sections::{Section, place};
use crate::style::page_css;
use crate::tables::tables;
use crate::text::{coded, push, safe, sentence};
use crate::words::Colours;

/// Rows of the table behind the map; a page with more would be slow to open.
const EDGE_ROWS_MAX: usize = 500;

/// The report as one HTML file.
///
/// ```
/// let page = report::render(&report::ReportData { organisation: Some("Example".into()), ..Default::default() });
/// assert!(page.starts_with("<!DOCTYPE html>") && page.contains("<h1>Example"));
/// ```
pub fn render(data: &ReportData) -> String {
    let colours = Colours::of(&data.words, data.map.as_ref());
    let title = data.organisation.as_deref().map_or_else(
        || "Customer journeys as they really are".to_owned(),
        |organisation| format!("{organisation}: customer journeys as they really are"),
    );
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n<head>\n<meta \
         charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>{}</title>\n\
         <style>{}</style>\n</head>\n<body>\n<main>\n",
        safe(&title),
        page_css(),
    );
    html.push_str(&head(data, &title));
    let mut parts: Vec<Part> = [
        told(data),
        Some(read(&data.reading)),
        map_section(data),
        paths(data, &colours),
        funnel_section(data),
        matrix(data),
        compared(data),
    ]
    .into_iter()
    .flatten()
    .collect();
    parts.extend(more(data));
    parts.extend(left_out(data));
    parts.push(how(data));
    html.push_str(&contents(&parts));
    html.extend(parts.iter().map(Part::html));
    html.push_str("</main>\n");
    html.push_str(&foot(data));
    html.push_str("</body>\n</html>\n");
    html
}

/// A page of more parts than this begins with a list of them.
const PARTS_WITHOUT_CONTENTS: usize = 6;

/// One part of the page under a heading of its own.
struct Part {
    /// What links to it name.
    id: String,
    title: String,
    class: &'static str,
    body: String,
}

impl Part {
    fn new(id: &str, title: &str, body: String) -> Self {
        Self { id: id.to_owned(), title: title.to_owned(), class: "", body }
    }

    fn html(&self) -> String {
        let class = if self.class.is_empty() { String::new() } else { format!(" class=\"{}\"", self.class) };
        let (id, title) = (&self.id, safe(&self.title));
        format!("<section{class} id=\"{id}\">\n<h2>{title}</h2>\n{}</section>\n", self.body)
    }
}

fn contents(parts: &[Part]) -> String {
    if parts.len() <= PARTS_WITHOUT_CONTENTS {
        return String::new();
    }
    let item = |part: &Part| format!("<li><a href=\"#{}\">{}</a></li>\n", part.id, safe(&part.title));
    let items: String = parts.iter().map(item).collect();
    format!("<nav aria-label=\"Contents\"><ol>\n{items}</ol></nav>\n")
}

fn note(text: &str) -> String {
    format!("<p class=\"note\">{}</p>\n", coded(text))
}

fn head(data: &ReportData, title: &str) -> String {
    let mut html = String::from("<header>\n");
    html.push_str(&banner(data));
    push(&mut html, format_args!("<h1>{}</h1>\n", safe(title)));
    if let Some(period) = &data.period {
        push(&mut html, format_args!("<p class=\"lead\">{} to {}</p>\n", safe(&period.from), safe(&period.to)));
    }
    for part in &data.selection {
        push(&mut html, format_args!("<p class=\"lead\">{}</p>\n", safe(part)));
    }
    if let Some(definition) = &data.definition {
        push(
            &mut html,
            format_args!(
                "<blockquote><p>{}</p></blockquote>\n<p class=\"note\">What this organisation means by customer \
                 experience, \
                 from its charter.</p>\n",
                safe(definition.trim())
            ),
        );
    }
    html.push_str("</header>\n");
    html
}

fn banner(data: &ReportData) -> String {
    if !data.simulated {
        return String::new();
    }
    "<p class=\"banner\" role=\"note\">Simulated data: these customers were made up by a program. No figure here says \
     anything about real people.</p>\n"
        .to_owned()
}

/// A line does not end between a number and its sign.
fn unbroken_units(text: &str) -> String {
    coded(text).replace(" %", "\u{a0}%")
}

fn told(data: &ReportData) -> Option<Part> {
    if data.findings.is_empty() {
        return None;
    }
    let item = |text: &str| format!("<li>{}</li>\n", unbroken_units(text));
    let items: String = data.findings.iter().map(|finding| item(&finding.text)).collect();
    let simulated = if data.simulated { note("Simulated data.") } else { String::new() };
    Some(Part::new("findings", "What stands out", format!("<ol class=\"findings\">\n{items}</ol>\n{simulated}")))
}

fn read(reading: &Reading) -> Part {
    let rejected: u64 = reading.rejected.iter().map(|(_, n)| n).sum();
    let tiles = [
        (Some(reading.events), "event", "events"),
        (Some(reading.customers), "customer", "customers"),
        (reading.keys, "key that a customer is recognised by", "keys that customers are recognised by"),
        (reading.links_refused, "link between keys refused", "links between keys refused"),
        (reading.duplicates, "duplicate, counted once", "duplicates, counted once"),
        (Some(rejected), "row rejected", "rows rejected"),
    ];
    let mut html = String::from("<ul class=\"tiles\">\n");
    for (n, one, many) in tiles {
        let Some(n) = n else { continue };
        push(
            &mut html,
            format_args!("<li><b>{}</b><span>{}</span></li>\n", grouped(n), if n == 1 { one } else { many }),
        );
    }
    html.push_str("</ul>\n");
    if !reading.rejected.is_empty() {
        html.push_str("<table class=\"narrow\"><caption>Rejected rows by reason</caption><thead><tr>");
        html.push_str("<th scope=\"col\">Reason</th><th scope=\"col\" class=\"n\">Rows</th></tr></thead><tbody>\n");
        for (reason, n) in &reading.rejected {
            push(
                &mut html,
                format_args!("<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td></tr>\n", safe(reason), grouped(*n)),
            );
        }
        html.push_str("</tbody></table>\n");
    }
    if !reading.files.is_empty() {
        let files = counted(reading.files.len() as u64, "file", "files");
        push(
            &mut html,
            format_args!(
                "<details><summary>{files} read</summary>\n<table class=\"narrow\"><thead><tr><th scope=\"col\">\
                 File</th>\
                 <th scope=\"col\" class=\"n\">Events</th><th scope=\"col\" class=\"n\">Rows rejected</th></tr></thead>\
                 <tbody>\n"
            ),
        );
        for file in &reading.files {
            push(
                &mut html,
                format_args!(
                    "<tr><th scope=\"row\"><bdi>{}</bdi></th><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
                    safe(&file.name),
                    grouped(file.events),
                    grouped(file.rejected)
                ),
            );
        }
        html.push_str("</tbody></table>\n</details>\n");
    }
    Part::new("read", "What was read", html)
}

fn map_section(data: &ReportData) -> Option<Part> {
    let answer = data.map.as_ref()?;
    let picture = draw_map(answer, &data.words, &data.map_options);
    let mut html = format!(
        "<p>{} in {} of {}. A box is a moment, with the number of its events \
         and the share of customers who had it; ▶ counts the journeys that start there, ■ those that end there. A \
         line says \
         which moment directly follows which, with the number of times and the time that half of them took at most. \
         Boxes and \
         lines are as large as they are frequent. Broken lines go back to {}.</p>\n",
        counted(answer.events, "event", "events"),
        counted(answer.journeys, "journey", "journeys"),
        counted(answer.customers, "customer", "customers"),
        if data.words.stages().is_empty() { "what usually comes before" } else { "an earlier stage" },
    );
    html.push_str(&banner_inside(data));
    push(&mut html, format_args!("<div class=\"picture\" tabindex=\"0\">{}</div>\n", picture.svg));
    html.extend(picture.notes.iter().map(|text| note(text)));
    html.push_str(&map_tables(answer, data));
    let class = if picture.upright { "map-page upright" } else { "map-page" };
    Some(Part { class, ..Part::new("map", "How journeys really go", html) })
}

/// Where a picture may be cut out of the page, the words go with it.
fn banner_inside(data: &ReportData) -> String {
    if data.simulated { "<p class=\"note\"><b>Simulated data</b></p>\n".to_owned() } else { String::new() }
}

fn map_tables(answer: &map::Answer, data: &ReportData) -> String {
    let words = &data.words;
    let mut html = String::from(
        "<details><summary>The map as tables</summary>\n<div class=\"wide\" tabindex=\"0\"><table><caption>\
         What directly follows what\
         </caption><thead><tr><th scope=\"col\">From</th><th scope=\"col\">To</th><th scope=\"col\" class=\"n\">\
         Times</th>\
         <th scope=\"col\" class=\"n\">Customers</th><th scope=\"col\" class=\"n\">Of all customers</th>\
         <th scope=\"col\" class=\"n\">Half within</th><th scope=\"col\" class=\"n\">Nine in ten within</th></tr>\
         </thead>\
         <tbody>\n",
    );
    let seconds = |s: Option<f64>| s.map(|s| safe(&time(s))).unwrap_or_default();
    for edge in answer.edges.iter().take(EDGE_ROWS_MAX) {
        push(
            &mut html,
            format_args!(
                "<tr><td><bdi>{}</bdi></td><td><bdi>{}</bdi></td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
                 <td class=\"n\">{} <span class=\"note\">({})</span></td><td class=\"n\">{}</td><td class=\"n\">\
                 {}</td></tr>\n",
                safe(words.label(&edge.from)),
                safe(words.label(&edge.to)),
                grouped(edge.count),
                grouped(edge.customers),
                safe(&percent(edge.customers_share)),
                safe(&interval(edge.customers_share_low, edge.customers_share_high)),
                seconds(edge.median_s),
                seconds(edge.p90_s),
            ),
        );
    }
    html.push_str("</tbody></table></div>\n");
    let rows = answer.edges.len().min(EDGE_ROWS_MAX) as u64;
    if rows < answer.of {
        let (rows, of) = (grouped(rows), grouped(answer.of));
        html.push_str(&note(&format!("The {rows} most frequent of {of} edges are listed.")));
    }
    html.push_str(
        "<div class=\"wide\" tabindex=\"0\"><table><caption>Moments</caption><thead><tr><th scope=\"col\">Moment</th>\
         <th scope=\"col\">Stage</th><th scope=\"col\" class=\"n\">Events</th><th scope=\"col\" class=\"n\">\
         Customers</th>\
         <th scope=\"col\" class=\"n\">Of all customers</th><th scope=\"col\" class=\"n\">Journeys start</th>\
         <th scope=\"col\" class=\"n\">Journeys end</th></tr></thead><tbody>\n",
    );
    let terminal = |list: &[map::Terminal], moment: &str| {
        grouped(list.iter().find(|terminal| *terminal.moment == *moment).map_or(0, |terminal| terminal.count))
    };
    for moment in &answer.moments {
        let stage = words.stage(&moment.moment).and_then(|stage| words.stages().get(stage));
        push(
            &mut html,
            format_args!(
                "<tr><th scope=\"row\"><bdi>{}</bdi></th><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
                 <td class=\"n\">{} <span class=\"note\">({})</span></td><td class=\"n\">{}</td><td class=\"n\">\
                 {}</td></tr>\n",
                safe(words.label(&moment.moment)),
                stage.map(|stage| safe(stage)).unwrap_or_default(),
                grouped(moment.events),
                grouped(moment.customers),
                safe(&percent(moment.customers_share)),
                safe(&interval(moment.customers_share_low, moment.customers_share_high)),
                terminal(&answer.starts, &moment.moment),
                terminal(&answer.ends, &moment.moment),
            ),
        );
    }
    html.push_str("</tbody></table></div>\n</details>\n");
    html
}

fn paths(data: &ReportData, colours: &Colours) -> Option<Part> {
    let answer = data.variants.as_ref()?;
    let mut html = format!(
        "<p>{} taken by {}. Those listed cover {} of the journeys; the same moment several times in a row is written \
         once \
         with its number. The bars compare each path with the most frequent one.</p>\n",
        counted(answer.of, "different path is", "different paths are"),
        counted(answer.journeys, "journey", "journeys"),
        safe(&percent(answer.covered_share)),
    );
    html.push_str(&banner_inside(data));
    if !data.words.stages().is_empty() {
        html.push_str("<ul class=\"key\" aria-label=\"Colours of the stages\">");
        for (i, stage) in data.words.stages().iter().enumerate() {
            let colour = i % crate::words::COLOURS;
            push(&mut html, format_args!("<li class=\"c{colour}\"><i></i>{}</li>", safe(stage)));
        }
        html.push_str("</ul>\n");
    }
    html.push_str(&paths_table(answer, &data.words, colours));
    html.extend(answer.doubts.iter().map(|doubt| note(&sentence(&doubt.to_string()))));
    Some(Part::new("variants", "The typical paths", html))
}

fn funnel_section(data: &ReportData) -> Option<Part> {
    let answer = data.funnel.as_ref()?;
    let within = answer
        .within_s
        .map_or_else(|| "in any time".to_owned(), |within| format!("within {} of the first step", safe(&time(within))));
    let counts = match answer.semantics {
        funnel::Semantics::Window => "each customer counts once, at the furthest step that any chain of theirs reaches",
        funnel::Semantics::FromFirst => {
            "in each journey the chain from its earliest first step counts, and each customer once, by the furthest of \
             these"
        }
    };
    let mut html = format!(
        "<p>Customers who take these steps in this order, {within}, with anything in between; {counts}. {} in all, \
         with or \
         without the first step. The thin lines are 95 % intervals.</p>\n",
        counted(answer.customers, "customer", "customers"),
    );
    html.push_str(&banner_inside(data));
    html.push_str(&funnel_table(answer, &data.words));
    html.extend(answer.doubts.iter().map(|doubt| note(&sentence(&doubt.to_string()))));
    Some(Part::new("funnel", "How far they get", html))
}

fn matrix(data: &ReportData) -> Option<Part> {
    let answer = data.steps.as_ref()?;
    let (table, left_out) = matrix_table(answer, &data.words);
    let mut html = format!(
        "<p>The share of {} that is at each moment at its first, second, third … step. Every column adds up to all of \
         them, \
         ended ones included.</p>\n{}{table}",
        counted(answer.journeys, "journey", "journeys"),
        banner_inside(data),
    );
    html.extend(left_out.iter().map(|text| note(text)));
    html.extend(answer.doubts.iter().map(|doubt| note(&sentence(&doubt.to_string()))));
    Some(Part::new("steps", "Step by step", html))
}

/// The sections of the views, in an order of their own.
fn more(data: &ReportData) -> Vec<Part> {
    let mut sections: Vec<&Section> = data.sections.iter().collect();
    sections.sort_by_key(|section| place(&section.view));
    let mut parts: Vec<Part> = Vec::new();
    for section in sections {
        let body = body(section, data);
        let same = data.sections.iter().take_while(|other| !std::ptr::eq(*other, section));
        let nth = same.filter(|other| other.view == section.view).count();
        let id = if nth == 0 { section.view.clone() } else { format!("{}-{}", section.view, nth + 1) };
        parts.push(Part::new(&id, &section.title, body));
    }
    parts
}

fn body(section: &Section, data: &ReportData) -> String {
    let mut html = String::new();
    if let Some(says) = &section.says {
        push(&mut html, format_args!("<p class=\"says\">{}</p>\n", unbroken_units(&says.text)));
    }
    push(&mut html, format_args!("<p class=\"about\">{}</p>\n", safe(&section.about)));
    let scope = section.scope.as_deref().map(safe);
    let simulated = data.simulated.then(|| "<b>Simulated data</b>".to_owned());
    let marks: Vec<String> = simulated.into_iter().chain(scope).collect();
    if !marks.is_empty() {
        push(&mut html, format_args!("<p class=\"note\">{}</p>\n", marks.join(" · ")));
    }
    if !section.tiles.is_empty() {
        html.push_str("<ul class=\"tiles\">\n");
        for tile in &section.tiles {
            let besides = match tile.besides.as_str() {
                "" => String::new(),
                text => format!(" <small>{}</small>", unbroken(text)),
            };
            let (figure, what) = (unbroken(&tile.figure), safe(&tile.what));
            push(&mut html, format_args!("<li><b>{figure}{besides}</b><span>{what}</span></li>\n"));
        }
        html.push_str("</ul>\n");
    }
    html.push_str(&section.picture);
    html.extend(section.doubts.iter().map(|doubt| note(&sentence(doubt))));
    html.push_str(&tables(section, &data.words));
    html
}

/// What is not here, and why.
fn left_out(data: &ReportData) -> Option<Part> {
    if data.left_out.is_empty() {
        return None;
    }
    let item = |(title, why): &(String, String)| {
        format!("<li><b>{}:</b> {}</li>\n", safe(title), coded(&sentence(why.trim_end_matches('.'))))
    };
    let items: String = data.left_out.iter().map(item).collect();
    Some(Part::new("left-out", "What is not here, and why", format!("<ul>\n{items}</ul>\n")))
}

fn compared(data: &ReportData) -> Option<Part> {
    let compared = data.compared.as_ref()?;
    let mut html = format!(
        "<p>This sets <bdi>{}</bdi> beside <bdi>{}</bdi>: shares of {} and their difference with its 95 % interval. What \
         differs is \
         associated with the groups, and not shown to come from what tells them apart.</p>\n",
        safe(&compared.a),
        safe(&compared.b),
        compared.unit.nouns().1,
    );
    html.push_str(&banner_inside(data));
    html.push_str(&compared_table(compared, &data.words));
    html.extend(compared.doubts.iter().map(|doubt| note(&sentence(&doubt.to_string()))));
    Some(Part::new("compared", "Two groups side by side", html))
}

fn how(data: &ReportData) -> Part {
    let mut items = vec![
        "A journey is one customer's own run of events, as the charter cuts it; without a charter all events of a \
         customer.",
        "“Directly follows” counts pairs of neighbouring moments inside a journey, so a pair that comes twice counts \
         twice. \
         The time is from the one to the other.",
        "Events of the same time stay in the order in which they arrived, everywhere alike.",
        "Intervals hold 95 %: for shares Wilson's, for differences Newcombe's. They assume that the cases are \
         independent of \
         each other; several journeys of one customer are not quite, so shares of journeys are somewhat less sure \
         than they look.",
        "Two things that go together need not be cause and effect. Only a trial with groups made by chance can show a \
         cause.",
    ];
    let sketched = data.map.as_ref().is_some_and(|map| map.times == Times::Sketch)
        || data.funnel.as_ref().is_some_and(|funnel| funnel.times == Times::Sketch);
    let timed = data.map.as_ref().is_some_and(|map| map.times != Times::None) || data.funnel.is_some();
    if sketched {
        items.push(
            "Some typical times are approximate, by at most 0.5 %: there were too many to keep them all. \
                    Counts are exact.",
        );
    } else if timed {
        items.push("All counts and typical times are exact.");
    } else {
        items.push("All counts are exact.");
    }
    let mut html = String::from("<ul>\n");
    for item in items {
        push(&mut html, format_args!("<li>{}</li>\n", safe(item)));
    }
    html.push_str("</ul>\n");
    Part::new("how", "How the numbers are made", html)
}

fn foot(data: &ReportData) -> String {
    let made = &data.made;
    let mut parts = Vec::new();
    if !made.at.is_empty() {
        parts.push(format!("Made {}", made.at));
    }
    if !made.version.is_empty() {
        parts.push(format!("Desireline {}", made.version));
    }
    parts.push(made.charter_hash.as_ref().map_or_else(|| "no charter".to_owned(), |hash| format!("charter {hash}")));
    if data.simulated {
        parts.push("simulated data".to_owned());
    }
    format!("<footer>{}</footer>\n", safe(&sentence(&parts.join(" · "))))
}
