//! `erase`, `unmerge`, `compact`: keeping the lake right.

use std::process::ExitCode;

use lake::Lake;
use serde_json::json;

use crate::draw;
use crate::error::Error;
use crate::home::Home;

fn key(text: &str) -> Result<(&str, &str), Error> {
    let wrong = || Error::Usage(format!("`{text}` is not a key: write it as KIND:VALUE, such as user_id:u17"));
    text.split_once(':').filter(|(kind, value)| !kind.is_empty() && !value.is_empty()).ok_or_else(wrong)
}

/// Erases a customer and prints the receipt.
pub(crate) async fn erase(home: &Home, text: &str) -> Result<ExitCode, Error> {
    let now = jiff::Timestamp::now().to_string();
    let receipt = Lake::open(&home.path).await?.erase(key(text)?, &home.rules(), &now).await?;
    let receipt = json!({
        "request_sha256": receipt.request_sha256,
        "at": receipt.at,
        "keys": receipt.keys,
        "events": receipt.events,
        "links": receipt.links,
        "quarantined_rows": receipt.quarantined_rows,
        "places": receipt.places,
    });
    draw::data(&format!("{receipt:#}"));
    Ok(ExitCode::SUCCESS)
}

/// Takes back the link between two keys.
pub(crate) async fn unmerge(home: &Home, a: &str, b: &str, as_json: bool) -> Result<ExitCode, Error> {
    Lake::open(&home.path).await?.unmerge(key(a)?, key(b)?, &home.rules()).await?;
    if as_json {
        draw::data(&json!({ "unmerged": [a, b] }).to_string());
        return Ok(ExitCode::SUCCESS);
    }
    draw::note(&format!("{a} and {b} are no longer linked; every answer from now on knows it"));
    Ok(ExitCode::SUCCESS)
}

/// Merges the lake's files.
pub(crate) async fn compact(home: &Home, as_json: bool) -> Result<ExitCode, Error> {
    let done = Lake::open(&home.path).await?.compact(&home.rules()).await?;
    if as_json {
        let json = json!({"files_before": done.files_before, "files_after": done.files_after, "events": done.events});
        draw::data(&json.to_string());
    } else {
        draw::note(&format!(
            "{} files became {}, with {} events",
            done.files_before,
            done.files_after,
            draw::grouped(done.events)
        ));
    }
    Ok(ExitCode::SUCCESS)
}
