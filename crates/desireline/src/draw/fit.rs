//! Tables that are wider than the terminal: long texts are broken into lines, and what still does not fit goes on below,
//! under the same first columns. A figure is never broken, and nothing is left out.

use comfy_table::CellAlignment;
use evidence::grouped;
use understand::{Cell, Table};

/// A text that is longer is not made narrower than this.
const TEXT_MIN: usize = 24;
/// What stands left and right of a cell.
const PADDING: usize = 2;
/// What stands between two columns.
const BETWEEN: usize = 1;
/// In narrower terminals all is as in one of this width.
const WIDTH_MIN: usize = 40;

/// How many characters fit into a line: what `COLUMNS` says, or else the terminal; `None` where the output goes elsewhere,
/// to a file or another program that has no such bounds.
pub(super) fn width() -> Option<usize> {
    let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse::<usize>().ok());
    let terminal = || console::Term::stdout().size_checked().map(|(_, columns)| usize::from(columns));
    said.or_else(terminal).map(|columns| columns.max(WIDTH_MIN))
}

/// A cell as it is shown: its text, and on which side it stands.
pub(super) fn shown(cell: &Cell) -> (String, CellAlignment) {
    match cell {
        Cell::Empty => (String::new(), CellAlignment::Left),
        // As people read them: without anything in them that would steer the terminal.
        Cell::Text(_) => (super::shortened(&cell.to_string()), CellAlignment::Left),
        Cell::Path(_) => (cell.to_string(), CellAlignment::Left),
        Cell::Count(count) => (grouped(*count), CellAlignment::Right),
        Cell::Share(share) => (format!("{:.1} %", share * 100.0), CellAlignment::Right),
        Cell::Difference(difference) => (format!("{:+.1} pts", difference * 100.0), CellAlignment::Right),
        Cell::Seconds(seconds) => (super::span(*seconds), CellAlignment::Right),
        Cell::Number(_) => (cell.to_string(), CellAlignment::Right),
        Cell::Within(parts) => {
            let [figure, low, high] = parts.each_ref().map(|part| shown(part).0);
            (understand::within(&figure, &low, &high), CellAlignment::Right)
        }
    }
}

/// A column of a table, and how wide it may be at most.
pub(super) type Column = (usize, usize);

/// The blocks in which a table fits into so many characters.
pub(super) fn fit(table: &Table, most: usize) -> Vec<Vec<Column>> {
    let length = |text: &str| text.chars().count();
    let rows = |column: usize| table.rows.iter().map(move |row| &row[column]);
    let is_text = |column: usize| rows(column).any(|cell| matches!(cell, Cell::Text(_) | Cell::Path(_)));
    let natural = |column: usize| {
        let cells = rows(column).map(|cell| length(&shown(cell).0)).max().unwrap_or(0);
        cells.max(length(&table.headers[column]))
    };
    let columns: Vec<Column> = (0..table.headers.len()).map(|column| (column, natural(column))).collect();
    let least = |(column, width): Column| (column, if is_text(column) { width.min(TEXT_MIN) } else { width });
    let line = |block: &[Column]| {
        block.iter().map(|(_, width)| width + PADDING + BETWEEN).sum::<usize>().saturating_sub(BETWEEN)
    };
    // Every row is told from the others by the names that it begins with.
    let names = columns.iter().take_while(|(column, _)| is_text(*column)).count().clamp(1, 2).min(columns.len());
    let (first, others) = columns.split_at(names);
    let mut blocks = vec![first.to_vec()];
    for column in others {
        let block = blocks.last_mut().expect("there is one from the beginning");
        block.push(*column);
        if line(&block.iter().copied().map(least).collect::<Vec<_>>()) > most && block.len() > names + 1 {
            block.pop();
            blocks.push([first, &[*column]].concat());
        }
    }
    for block in &mut blocks {
        // The longest text gives way first.
        while line(block) > most {
            let texts = block.iter_mut().filter(|(column, width)| is_text(*column) && *width > TEXT_MIN);
            let Some((_, longest)) = texts.max_by_key(|(_, width)| *width) else { break };
            *longest -= 1;
        }
    }
    blocks
}

/// A text in lines of at most so many characters, broken between words where there are any.
pub(super) fn broken(text: &str, most: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        if let Some(line) = lines.last_mut()
            && line.chars().count() + 1 + word.len() <= most
        {
            line.push(' ');
            line.extend(word);
            continue;
        }
        while word.len() > most {
            lines.push(word.drain(..most).collect());
        }
        lines.push(word.into_iter().collect());
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: usize) -> Table {
        let row = |n: usize| {
            let text = |text: &str| Cell::Text(text.into());
            let why = "a feed that broke looks like customers who stayed away, in every view that is asked";
            vec![text("channel web"), Cell::Count(n as u64), text(why), Cell::Share(0.5), Cell::Seconds(90.0)]
        };
        let headers = ["where", "count", "why", "kept_share", "late_median_s"].map(str::to_owned).to_vec();
        Table { title: "t".to_owned(), headers, rows: (0..rows).map(row).collect(), notes: Vec::new() }
    }

    #[test]
    fn a_wide_table_fits_and_loses_nothing() {
        for most in [40, 60, 80, 120, 300] {
            let table = table(3);
            let text = super::super::table_within(&table, Some(most));
            let widest = text.lines().map(|line| line.trim_end().chars().count()).max().expect("lines");
            assert!(widest <= most, "{widest} > {most}\n{text}");
            let words = ["channel web", "count", "customers", "asked", "50.0 %", "1.5 min", "late_median_s"];
            assert!(words.iter().all(|word| text.contains(word)), "{text}");
        }
        let whole = super::super::table_within(&table(3), None);
        assert_eq!(whole, super::super::table_within(&table(3), Some(300)), "where it fits, nothing changes");
    }

    #[test]
    fn texts_break_between_words() {
        assert_eq!(broken("no event for 3 hours", 8), "no event\nfor 3\nhours");
        assert_eq!(broken("abcdefgh ij", 3), "abc\ndef\ngh\nij");
        assert_eq!(broken("", 5), "");
    }
}
