//! `sql`: `DataFusion` SQL over the lake.

use std::process::ExitCode;

use evidence::counted;
use lake::Lake;

use crate::args::SqlArgs;
use crate::draw;
use crate::error::Error;
use crate::home::Home;
use crate::question::seen_in;

/// Runs a query.
pub(crate) async fn run(home: &Home, args: &SqlArgs, as_json: bool) -> Result<ExitCode, Error> {
    let moments = seen_in(&home.charter);
    let rows = Lake::open(&home.path).await?.sql(&args.query, &home.rules(), &moments).await?;
    home.say_simulated();
    if as_json {
        draw::data(&rows.json()?);
    } else if args.csv {
        draw::data(&csv(&rows));
    } else {
        let values = |row: &'_ Vec<Option<String>>| {
            row.iter().map(|value| draw::plain(value.as_deref().unwrap_or_default())).collect::<Vec<_>>()
        };
        draw::data(&draw::rows(&rows.columns, rows.rows.iter().map(values)));
        draw::note(&counted(rows.rows.len() as u64, "row", "rows"));
    }
    Ok(ExitCode::SUCCESS)
}

fn csv(rows: &lake::Rows) -> String {
    let quoted = |value: &str| {
        if value.contains([',', '"', '\n', '\r']) {
            format!("\"{}\"", value.replace('"', "\"\""))
        } else {
            value.to_owned()
        }
    };
    let line = |values: &mut dyn Iterator<Item = &str>| values.map(quoted).collect::<Vec<_>>().join(",");
    let mut text = line(&mut rows.columns.iter().map(String::as_str));
    for row in &rows.rows {
        text.push('\n');
        text.push_str(&line(&mut row.iter().map(|value| value.as_deref().unwrap_or(""))));
    }
    text
}
