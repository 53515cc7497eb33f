//! Nothing in the repository knows the machine that it was written on, nor where that machine gets its packages.

use super::Complaint;
use super::tree::{File, Tree};

/// Folders that are at the root of somebody's machine.
const FOLDERS: [&str; 4] = ["work", "root", "home", "Users"];

/// The only places that packages come from; a mirror is the affair of the machine's own configuration.
const CRATES: &str = "registry+https://github.com/rust-lang/crates.io-index";
const NPM: &str = "https://registry.npmjs.org/";

/// Settings that name a mirror, cut in two so that this file does not name one.
const MIRRORS: [&str; 4] = [
    concat!("--index", "-url"),
    concat!("--extra-index", "-url"),
    concat!("replace", "-with"),
    concat!("registry", "=http"),
];

pub(crate) fn check(tree: &Tree) -> Vec<Complaint> {
    tree.files.iter().flat_map(check_file).collect()
}

fn check_file(file: &File) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let lock = file.path == "Cargo.lock" || file.is("/Cargo.lock");
    let npm_lock = file.path == "package-lock.json" || file.is("/package-lock.json");
    for (number, line) in file.lines() {
        if let Some(folder) = FOLDERS.iter().find(|folder| names_folder(line, folder)) {
            let what = format!("a path of one machine begins with /{folder}");
            complaints.push(Complaint::new(&file.path, number, what, "make it relative, or take it as an argument"));
        }
        let source = |key: &str| line.trim_start().strip_prefix(key).map(|rest| rest.trim_matches(['"', ',']));
        let foreign = (lock && source("source = ").is_some_and(|from| from != CRATES))
            || (npm_lock && source("\"resolved\": ").is_some_and(|from| !from.starts_with(NPM)))
            || MIRRORS.iter().any(|mirror| line.contains(mirror));
        if foreign {
            let remedy =
                "leave mirrors to the configuration of the machine; only crates.io, PyPI and npm are named here";
            complaints.push(Complaint::new(&file.path, number, "packages come from a host of one machine", remedy));
        }
    }
    complaints
}

/// Whether the line has `/folder/` at the beginning of a path, not inside one or inside a URL.
fn names_folder(line: &str, folder: &str) -> bool {
    let path = format!("/{folder}/");
    line.match_indices(&path).any(|(start, _)| {
        let before = line.get(..start).and_then(|text| text.chars().next_back());
        before.is_none_or(|c| !(c.is_alphanumeric() || "_.-/})]*".contains(c)))
    })
}
