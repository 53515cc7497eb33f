//! The tables of any view as HTML, so that a new view is on the page without a line of its own here.

use understand::{Cell, Table};

use crate::Words;
use crate::pictures::unbroken;
use crate::sections::Section;
use crate::text::{push, safe, sentence};
use crate::words::Noun;

/// Rows of one table; a page with all of them would be slow to open and nobody would read it.
const ROWS_MAX: usize = 20;

/// All tables of a section that have rows, to be unfolded; where nothing else is shown of the section, the main one is open.
pub(crate) fn tables(section: &Section, words: &Words) -> String {
    let mut html = String::new();
    let drawn: Vec<String> = section
        .tables
        .iter()
        .filter(|table| !table.rows.is_empty())
        .map(|one| table(&section.view, &one.for_people(), words))
        .collect();
    match drawn.as_slice() {
        [] if section.says.is_none() => html.push_str("<p>Nothing of the kind is in these data.</p>\n"),
        [] => {}
        [main, others @ ..] if section.says.is_none() => {
            html.push_str(main);
            fold(&mut html, "More tables", others);
        }
        all => fold(&mut html, "The figures as tables", all),
    }
    html
}

fn fold(html: &mut String, summary: &str, tables: &[String]) {
    if !tables.is_empty() {
        push(html, format_args!("<details><summary>{summary}</summary>\n{}</details>\n", tables.concat()));
    }
}

fn table(view: &str, table: &Table, words: &Words) -> String {
    let mut html =
        format!("<div class=\"wide\" tabindex=\"0\"><table><caption>{}</caption><thead><tr>", safe(&table.title));
    // A column is one of numbers when a cell of it is one.
    let number = |column: usize| {
        table.rows.iter().any(|row| !matches!(row[column], Cell::Text(_) | Cell::Path(_) | Cell::Empty))
    };
    let class = |column: usize| if number(column) { " class=\"n\"" } else { "" };
    for (column, header) in table.headers.iter().enumerate() {
        push(&mut html, format_args!("<th scope=\"col\"{}>{}</th>", class(column), safe(&readable(header))));
    }
    html.push_str("</tr></thead><tbody>\n");
    for row in table.rows.iter().take(ROWS_MAX) {
        html.push_str("<tr>");
        for (column, cell) in row.iter().enumerate() {
            let text = match cell {
                Cell::Text(name) => format!("<bdi>{}</bdi>", safe(called(view, &table.headers[column], name, words))),
                Cell::Path(path) => {
                    let path = path.iter().map(|moment| words.label(moment).into()).collect();
                    format!("<bdi>{}</bdi>", safe(&Cell::Path(path).to_string()))
                }
                other => unbroken(&other.to_string()),
            };
            push(&mut html, format_args!("<td{}>{text}</td>", class(column)));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody></table></div>\n");
    if table.rows.len() > ROWS_MAX {
        push(
            &mut html,
            format_args!("<p class=\"note\">The first {ROWS_MAX} of {} rows are listed.</p>\n", table.rows.len()),
        );
    }
    for note in &table.notes {
        push(&mut html, format_args!("<p class=\"note\">{}</p>\n", safe(&sentence(note.trim_end_matches('.')))));
    }
    html
}

/// What a name in a column is called: the same one may be of a moment and of a channel.
fn called<'a>(view: &str, header: &str, name: &'a str, words: &'a Words) -> &'a str {
    let noun = match (view, header) {
        (_, "channel") | ("channels" | "interactions", "from" | "to") => Noun::Channel,
        (_, "owner" | "department") => Noun::Department,
        (_, "stage") | ("stages", "from" | "to") => Noun::Stage,
        (_, "outcome" | "deed") => Noun::Outcome,
        (_, "segment") | ("segments", "a" | "b") => Noun::Segment,
        (_, "expectation") => Noun::Expectation,
        (_, "interaction") => Noun::Interaction,
        (_, "moment" | "from" | "to" | "after" | "first_moment") => return words.label(name),
        _ => return name,
    };
    words.of_kind(noun, name)
}

/// The name of a figure as a header: `customers_share` is “Customers share”, `median_s` “Median”.
fn readable(header: &str) -> String {
    let words = header.strip_suffix("_s").unwrap_or(header).replace('_', " ");
    let mut chars = words.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}", chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_read_well() {
        assert_eq!(
            ["customers_share", "median_s", "of_first"].map(readable),
            ["Customers share", "Median", "Of first"]
        );
    }

    #[test]
    fn a_table_is_safe_and_says_what_it_leaves_out() {
        let rows = (0..25).map(|n| vec![Cell::Text("<b>".into()), Cell::Count(n)]).collect();
        let headers = vec!["moment".to_owned(), "events".to_owned()];
        let of = Table { title: "A & B".to_owned(), headers, rows, notes: vec!["few cases".to_owned()] };
        let section = Section { tables: vec![of], ..Section::default() };
        let html = tables(&section, &Words::default());
        assert!(html.contains("A &amp; B") && html.contains("<bdi>&lt;b&gt;</bdi>") && !html.contains("<b>"));
        assert_eq!(html.matches("<tr>").count(), 1 + ROWS_MAX);
        assert!(html.contains("The first 20 of 25 rows are listed.") && html.contains("Few cases."));
    }
}
