//! The JSON Schemas under `docs/schemas/` are those of the program. Where one differs, this says how to write it anew.
#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::path::Path;
use std::process::Command;

#[test]
fn the_published_schemas_are_those_of_the_program() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schemas");
    for of in ["charter", "comparison", "customer", "diff", "map-by-type"].into_iter().chain(understand::View::names())
    {
        let out = Command::new(env!("CARGO_BIN_EXE_desireline")).args(["schema", of]).output().unwrap();
        let published = std::fs::read_to_string(folder.join(format!("{of}.json"))).unwrap_or_default();
        assert!(
            published == String::from_utf8(out.stdout).unwrap(),
            "docs/schemas/{of}.json is not what `desireline schema {of}` prints: write it anew"
        );
    }
}
