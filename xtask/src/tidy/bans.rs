//! The bans of the pure crates are one text, which clippy wants beside each manifest.

use super::Complaint;
use super::tree::Tree;

/// The crates without clock, random source, files, network, threads and async.
const PURE: [&str; 8] = ["event", "charter", "journey", "evidence", "listen", "understand", "act", "report"];

pub(crate) fn check(tree: &Tree) -> Vec<Complaint> {
    let path = |name: &&str| format!("crates/{name}/clippy.toml");
    let exists = |name: &&&str| tree.paths.contains(&format!("crates/{name}"));
    let bans: Vec<(String, Option<&str>)> = PURE
        .iter()
        .filter(exists)
        .map(|name| (path(name), tree.file(&path(name)).map(|file| file.text.as_str())))
        .collect();
    let Some(first) = bans.iter().find_map(|(path, text)| text.map(|text| (path, text))) else {
        let missing =
            |(path, _): &(String, _)| Complaint::new(path, 1, "the bans are missing", "add them: this crate is pure");
        return bans.iter().map(missing).collect();
    };
    let differs = |(path, text): &(String, Option<&str>)| {
        let what = if text.is_some() { "the bans differ" } else { "the bans are missing" };
        let remedy = format!("copy {}: all pure crates have the same", first.0);
        (*text != Some(first.1)).then(|| Complaint::new(path, 1, what, remedy))
    };
    bans.iter().filter_map(differs).collect()
}
