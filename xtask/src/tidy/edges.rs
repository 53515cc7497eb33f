//! Which crate may know which: the allowed edges stand in `ARCHITECTURE.md`, in the block marked `edges`, and nowhere else.

use std::collections::BTreeMap;

use super::Complaint;
use super::manifest::{Dependency, Kind, Manifest};
use super::tree::Tree;

const ARCHITECTURE: &str = "ARCHITECTURE.md";

/// Heavy libraries and the crates that may name them. A name stands for itself and for every `name-…`.
const HEAVY: [(&str, &[&str]); 12] = [
    ("arrow", &["lake"]),
    ("axum", &["serve"]),
    ("buoyant_kernel", &["lake"]),
    ("datafusion", &["lake"]),
    ("deltalake", &["lake"]),
    ("fjall", &["keep"]),
    ("hyper", &["serve"]),
    ("object_store", &["lake"]),
    // `sim` writes files for benchmarks with the low-level writer, which does not bring Arrow.
    ("parquet", &["lake", "sim"]),
    ("reqwest", &["engine", "serve"]),
    ("tokio", &["lake", "keep", "engine", "serve", "desireline"]),
    ("tokio-postgres", &["keep"]),
];

/// Dependencies with a version of their own, and why.
const OWN_VERSIONS: [(&str, &str, &str); 1] =
    [("sim", "parquet", "the shared one has the feature `arrow`, which a member cannot switch off again")];

/// Nothing depends on these, except that tests may use the second.
const PROVING_GROUND: [&str; 2] = ["sim", "testkit"];

pub(crate) fn check(tree: &Tree, manifests: &[Manifest<'_>]) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let members: Vec<&Manifest<'_>> = manifests.iter().filter(|manifest| !manifest.name.is_empty()).collect();
    let ours: Vec<&str> = members.iter().map(|manifest| manifest.name).collect();
    let allowed = allowed(tree, &ours, &mut complaints);
    for manifest in manifests {
        for line in &manifest.unread {
            let what = "this dependency is written in a form that tidy does not read";
            complaints.push(Complaint::new(manifest.path, *line, what, "write `name.workspace = true`, one a line"));
        }
        for dependency in &manifest.dependencies {
            if dependency.wording.contains("package =") {
                let what = format!("`{}` is another crate under a new name", dependency.name);
                complaints.push(Complaint::new(manifest.path, dependency.line, what, "use the crate's own name"));
            }
        }
    }
    for manifest in members {
        let of_crate = allowed.get(manifest.name);
        if of_crate.is_none() && manifest.path.starts_with("crates/") {
            let what = format!("the crate `{}` has no line in the edges of {ARCHITECTURE}", manifest.name);
            complaints.push(Complaint::new(manifest.path, 1, what, "add it there, with what it may use"));
        }
        for dependency in &manifest.dependencies {
            let uses = of_crate.map_or(&[] as &[String], Vec::as_slice);
            let found = [own_version(manifest, dependency), heavy(manifest, dependency)];
            complaints.extend(found.into_iter().flatten());
            if ours.contains(&dependency.name) {
                complaints.extend(edge(manifest, dependency, uses));
            }
        }
    }
    complaints
}

/// The allowed edges: by crate, what it may use.
fn allowed(tree: &Tree, ours: &[&str], complaints: &mut Vec<Complaint>) -> BTreeMap<String, Vec<String>> {
    let mut edges = BTreeMap::new();
    let Some(file) = tree.file(ARCHITECTURE) else {
        complaints.push(Complaint::new(ARCHITECTURE, 1, "the file is missing", "it holds the allowed edges"));
        return edges;
    };
    let block = file.lines().skip_while(|(_, line)| *line != "```edges").skip(1).take_while(|(_, line)| *line != "```");
    for (number, line) in block {
        let Some((name, uses)) = line.split_once(':') else { continue };
        let uses: Vec<String> = uses.split_whitespace().map(str::to_owned).collect();
        let unknown = uses.iter().map(String::as_str).chain([name]).filter(|name| !ours.contains(name));
        for unknown in unknown {
            let what = format!("there is no crate `{unknown}`");
            complaints.push(Complaint::new(ARCHITECTURE, number, what, "list the crates that exist"));
        }
        edges.insert(name.to_owned(), uses);
    }
    if edges.is_empty() {
        let remedy = "list the allowed edges there, as in `journey: event charter`";
        complaints.push(Complaint::new(ARCHITECTURE, 1, "it has no block marked `edges`", remedy));
    }
    edges
}

fn edge(manifest: &Manifest<'_>, dependency: &Dependency<'_>, uses: &[String]) -> Option<Complaint> {
    let [sim, testkit] = PROVING_GROUND;
    let complaint = |what: String, remedy: &str| Some(Complaint::new(manifest.path, dependency.line, what, remedy));
    if dependency.name == sim {
        return complaint(
            format!("`{}` depends on `sim`, on which nothing may depend", manifest.name),
            "move the test into `sim`",
        );
    }
    if dependency.name == testkit {
        let is_test = dependency.kind == Kind::Dev;
        let what = || format!("`{}` depends on `testkit` outside of tests", manifest.name);
        return if is_test { None } else { complaint(what(), "put it under [dev-dependencies]") };
    }
    if uses.iter().any(|allowed| allowed == dependency.name) {
        return None;
    }
    let what = format!("`{}` may not know `{}`", manifest.name, dependency.name);
    complaint(
        what,
        "hand the value over from above, or change the edges in ARCHITECTURE.md in a commit of its own that says why",
    )
}

fn own_version(manifest: &Manifest<'_>, dependency: &Dependency<'_>) -> Option<Complaint> {
    let shared = dependency.wording.contains("workspace = true");
    let excepted = OWN_VERSIONS.iter().any(|(by, name, _)| *by == manifest.name && *name == dependency.name);
    if shared || excepted {
        return None;
    }
    let what = format!("`{}` has a version of its own", dependency.name);
    let remedy = "put the version into [workspace.dependencies] and write `.workspace = true` here";
    Some(Complaint::new(manifest.path, dependency.line, what, remedy))
}

fn heavy(manifest: &Manifest<'_>, dependency: &Dependency<'_>) -> Option<Complaint> {
    let is = |name: &str| {
        dependency.name.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
    };
    let (_, holders) = HEAVY.iter().find(|(name, holders)| is(name) && !holders.contains(&manifest.name))?;
    let what = format!("`{}` names `{}`, which only {} may", manifest.name, dependency.name, holders.join(" and "));
    let remedy = format!("add what is needed to the interface of `{}`", holders[0]);
    Some(Complaint::new(manifest.path, dependency.line, what, remedy))
}
