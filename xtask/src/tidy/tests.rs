//! Each test is a small repository in a folder of its own, in order but for one thing.

use super::*;

/// A repository that nobody complains about.
const IN_ORDER: [(&str, &str); 10] = [
    ("ARCHITECTURE.md", "# Architecture\n\n```edges\nevent:\nlake: event\nsim: event lake\ntestkit: event\n```\n"),
    ("Cargo.toml", "[workspace.dependencies]\nevent = { path = \"crates/event\" }\narrow = \"59\"\n"),
    ("crates/event/Cargo.toml", "[package]\nname = \"event\"\n"),
    ("crates/event/clippy.toml", "disallowed-types = []\n"),
    ("crates/event/src/lib.rs", "//! One data point.\nconst CODE: &str = \"DL-E001\";\n"),
    (
        "crates/lake/Cargo.toml",
        "[package]\nname = \"lake\"\n\n[dependencies]\nevent.workspace = true\narrow = { workspace = true, features = [\n  \"csv\",\n] }\n\n[dev-dependencies]\ntestkit.workspace = true\n",
    ),
    (
        "crates/sim/Cargo.toml",
        "[package]\nname = \"sim\"\n[dependencies]\nevent.workspace = true\nparquet = { version = \"59\", default-features = false }\n",
    ),
    ("crates/testkit/Cargo.toml", "[package]\nname = \"testkit\"\n[dependencies]\nevent.workspace = true\n"),
    ("docs/errors.md", "# Errors\n\n## DL-E001\nIt means this.\n"),
    (
        "README.md",
        "See [the errors](docs/errors.md#dl-e001), [the folder](docs) and [elsewhere](https://example.com/x).\n",
    ),
];

/// What is complained about when these files are added to the repository, or put in place of its own.
fn complaints(changed: &[(&str, &str)]) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder for the test");
    for (path, text) in IN_ORDER.iter().chain(changed) {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("it is in the folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    tidy(folder.path()).expect("the folder can be read").iter().map(ToString::to_string).collect()
}

/// Whether there is exactly one complaint, which begins like this.
fn one(changed: &[(&str, &str)], begins: &str) {
    let found = complaints(changed);
    assert!(matches!(found.as_slice(), [only] if only.starts_with(begins)), "wanted {begins}\nfound {found:#?}");
}

#[test]
fn a_repository_in_order_is_left_alone() {
    assert_eq!(complaints(&[]), [""; 0]);
    assert_eq!(complaints(&[("target/x.md", "[a](nowhere.md)")]), [""; 0], "what is built is not looked at");
    let apart =
        "[package]\nname = \"fuzz\"\n[workspace]\n[dependencies]\nevent = { path = \"../crates/event\" }\nx = \"1\"\n";
    assert_eq!(complaints(&[("fuzz/Cargo.toml", apart)]), [""; 0], "a workspace of its own");
}

#[test]
fn no_merge_is_left_unfinished() {
    let side = |mark: &str| mark.repeat(7);
    let docs = |line: &str| format!("Limits\n{}\n{line}\n", side("="));
    for mark in ["<", "|", ">"] {
        let found = complaints(&[("docs/limits.md", &docs(&format!("{} main", side(mark))))]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("docs/limits.md:3: a merge was left unfinished here"), "{found:?}");
    }
    for line in [side("-"), format!("{}>", side(">")), format!("a {}", side("<")), format!("{}x", side("|"))] {
        assert_eq!(complaints(&[("docs/limits.md", &docs(&line))]), [""; 0], "{line}");
    }
}

#[test]
fn only_allowed_edges() {
    let event = |lines: &str| format!("[package]\nname = \"event\"\n{lines}\n");
    let with = |lines: &str, begins: &str| one(&[("crates/event/Cargo.toml", &event(lines))], begins);
    with("[dependencies]\nlake.workspace = true", "crates/event/Cargo.toml:4: `event` may not know `lake`; ");
    with("[dev-dependencies]\nlake.workspace = true", "crates/event/Cargo.toml:4: `event` may not know `lake`; ");
    with("[dependencies]\nlake = { workspace = true }", "crates/event/Cargo.toml:4: `event` may not know `lake`; ");
    with("[target.'cfg(unix)'.dependencies]\nlake.workspace = true", "crates/event/Cargo.toml:4: `event` may not know");
    with(
        "[dependencies]\ntestkit.workspace = true",
        "crates/event/Cargo.toml:4: `event` depends on `testkit` outside of",
    );
    with("[dev-dependencies]\nsim.workspace = true", "crates/event/Cargo.toml:4: `event` depends on `sim`, on which");
    with("[dependencies.lake]\nworkspace = true", "crates/event/Cargo.toml:3: this dependency is written in a form");
}

#[test]
fn a_renamed_crate_cannot_hide() {
    let text = "[workspace.dependencies]\nother = { version = \"1\", package = \"arrow\" }\n";
    one(&[("Cargo.toml", text)], "Cargo.toml:2: `other` is another crate under a new name; ");
}

#[test]
fn the_list_of_edges_is_complete_and_true() {
    let new = ("crates/newcomer/Cargo.toml", "[package]\nname = \"newcomer\"\n");
    one(&[new], "crates/newcomer/Cargo.toml:1: the crate `newcomer` has no line in the edges of ARCHITECTURE.md; ");
    let text = "```edges\nevent: ghost\nlake: event\nsim: event lake\ntestkit: event\n```\n";
    one(&[("ARCHITECTURE.md", text)], "ARCHITECTURE.md:2: there is no crate `ghost`; ");
    let none = complaints(&[("ARCHITECTURE.md", "# Architecture\n")]);
    assert!(none.iter().any(|c| c.starts_with("ARCHITECTURE.md:1: it has no block marked `edges`; ")), "{none:#?}");
}

#[test]
fn heavy_libraries_and_versions_have_one_place() {
    let event = |line: &str| format!("[package]\nname = \"event\"\n[dependencies]\n{line}\n");
    let with = |line: &str, begins: &str| one(&[("crates/event/Cargo.toml", &event(line))], begins);
    with("arrow.workspace = true", "crates/event/Cargo.toml:4: `event` names `arrow`, which only lake may; ");
    with(
        "datafusion-sql.workspace = true",
        "crates/event/Cargo.toml:4: `event` names `datafusion-sql`, which only lake",
    );
    with(
        "deltalake-core.workspace = true",
        "crates/event/Cargo.toml:4: `event` names `deltalake-core`, which only lake",
    );
    with("serde = \"1\"", "crates/event/Cargo.toml:4: `serde` has a version of its own; ");
    assert_eq!(complaints(&[("crates/event/Cargo.toml", &event("arrowhead.workspace = true"))]), [""; 0]);
}

#[test]
fn pure_crates_have_the_same_bans() {
    let charter = |bans: &'static str| {
        let edges = "```edges\nevent:\ncharter:\nlake: event\nsim: event lake\ntestkit: event\n```\n";
        let manifest = "[package]\nname = \"charter\"\n";
        let mut files = vec![("ARCHITECTURE.md", edges), ("crates/charter/Cargo.toml", manifest)];
        files.extend((!bans.is_empty()).then_some(("crates/charter/clippy.toml", bans)));
        files
    };
    assert_eq!(complaints(&charter("disallowed-types = []\n")), [""; 0]);
    one(&charter(""), "crates/charter/clippy.toml:1: the bans are missing; copy crates/event/clippy.toml");
    one(&charter("\n"), "crates/charter/clippy.toml:1: the bans differ; copy crates/event/clippy.toml");
}

fn function(lines: usize) -> String {
    format!("    pub(crate) async fn long(\n        a: u8,\n    ) {{\n{}    }}\n", "        a();\n".repeat(lines - 4))
}

#[test]
fn only_a_narrow_band_of_sizes_is_complained_about() {
    let path = "crates/lake/src/scan.rs";
    for (lines, wanted) in [(70, false), (71, true), (80, true), (81, false)] {
        let text = format!("impl X {{\n{}}}\n\nfn declared();\n", function(lines));
        assert_eq!(complaints(&[(path, &text)]).len(), usize::from(wanted), "{lines} lines");
    }
    for (lines, wanted) in [(500, false), (501, true), (550, true), (551, false)] {
        assert_eq!(complaints(&[(path, &"x\n".repeat(lines))]).len(), usize::from(wanted), "{lines} lines");
    }
    let text = format!("impl X {{\n{}}}\n", function(75));
    one(&[(path, &text)], "crates/lake/src/scan.rs:2: `long` has 75 lines, a screen has at most 70; ");
}

#[test]
fn what_stays_in_the_band_is_listed_with_its_reason() {
    let path = "crates/lake/src/scan.rs";
    let text = format!("impl X {{\n{}}}\n", function(75));
    let list = |list| ("xtask/ratchet.txt", list);
    assert_eq!(complaints(&[(path, &text), list("# why\ncrates/lake/src/scan.rs::long a table\n")]), [""; 0]);
    one(
        &[list("crates/lake/src/scan.rs::long a table\n")],
        "xtask/ratchet.txt:1: `crates/lake/src/scan.rs::long` is not in",
    );
    one(
        &[list("crates/lake/src/scan.rs::long\n")],
        "xtask/ratchet.txt:1: `crates/lake/src/scan.rs::long` has no reason; ",
    );
}

#[test]
fn no_place_of_one_machine() {
    let path = |folder: &str| format!("see\n`/{folder}/somebody/file`\n");
    for folder in ["work", "root", "home", "Users"] {
        one(&[("notes.txt", &path(folder))], &format!("notes.txt:2: a path of one machine begins with /{folder}; "));
    }
    assert_eq!(complaints(&[("notes.txt", "https://example.com/home/x, ../root/x, a/work/b\n")]), [""; 0]);
    let lock = |from: &str| format!("[[package]]\nname = \"a\"\nsource = \"{from}\"\n");
    let usual = lock("registry+https://github.com/rust-lang/crates.io-index");
    assert_eq!(complaints(&[("Cargo.lock", &usual)]), [""; 0]);
    one(
        &[("Cargo.lock", &lock("registry+https://mirror.example/index"))],
        "Cargo.lock:3: packages come from a host of",
    );
    let pip = concat!("--index", "-url https://mirror.example/simple\nduckdb\n");
    one(&[("bench/requirements.txt", pip)], "bench/requirements.txt:1: packages come from a host of");
}

#[test]
fn codes_and_their_pages_match() {
    let more = "//! One data point.\nconst CODES: [&str; 2] = [\"DL-E001\", \"DL-E002\"];\n";
    one(
        &[("crates/event/src/lib.rs", more)],
        "crates/event/src/lib.rs:2: DL-E002 is not explained in docs/errors.md; ",
    );
    one(&[("docs/errors.md", "## DL-E001\n## DL-E009\n")], "docs/errors.md:2: no source knows DL-E009; ");
    one(&[("docs/errors.md", "## DL-E001\n## DL-E001\n")], "docs/errors.md:2: DL-E001 has two headings; ");
    assert_eq!(complaints(&[("crates/lake/src/error.rs", "// DL-E000 is none, DL-EX01 neither\n")]), [""; 0]);
}

#[test]
fn a_crate_says_what_it_is_for() {
    one(
        &[("crates/lake/src/lib.rs", "mod scan;\n")],
        "crates/lake/src/lib.rs:1: the crate does not say what it is for; ",
    );
}

#[test]
fn links_lead_somewhere() {
    let page = |link: &str| format!("text\nsee [that]({link}).\n");
    let with = |link: &str, begins: &str| one(&[("docs/guide.md", &page(link))], begins);
    with(
        "errors.markdown",
        "docs/guide.md:2: the link `errors.markdown` leads nowhere: there is no docs/errors.markdown; ",
    );
    with(
        "errors.md#dl-e007",
        "docs/guide.md:2: the link `errors.md#dl-e007` leads nowhere: docs/errors.md has no such",
    );
    with("../../x.md", "docs/guide.md:2: the link `../../x.md` leaves the repository; ");
    with("#here", "docs/guide.md:2: the link `#here` leads nowhere: docs/guide.md has no such heading; ");
    for fine in ["errors.md", "../README.md", ".", "errors.md#errors", "mailto:a@example.com"] {
        assert_eq!(complaints(&[("docs/guide.md", &page(fine))]), [""; 0], "{fine}");
    }
    assert_eq!(complaints(&[("docs/guide.md", "```\n[a](x.md)\n```\nand `[b](y.md)`\n")]), [""; 0], "code is no link");
    one(&[("docs/guide.md", "[name]: gone.md\n")], "docs/guide.md:1: the link `gone.md` leads nowhere");
}
