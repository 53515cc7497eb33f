//! What somebody said about a file is in the charter that `init` proposes, so that nobody has to say it again.

use crate::home::Home;

#[test]
fn a_proposed_charter_reads_the_files_as_they_were_read_for_it() {
    let home = Home::new();
    let rows = "kunde~event~at~department\nJörg~x~01/02/2026 08:00~Sales\nb~x~03/04/2026 09:00~?\n";
    let latin: Vec<u8> = rows.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let file = home.file("x.csv", latin);
    let said = ["--dates", "dmy", "--delimiter", "~", "--encoding", "windows-1252", "--timezone", "Europe/Berlin"];
    let draft = home.run(&[&["init", &file], &said[..]].concat());
    draft.expect(0, &[]);
    for line in [
        "timezone: Europe/Berlin",
        "    at: {column: \"at\", format: \"dmy\"}",
        "    delimiter: \"~\"",
        "    encoding: \"windows-1252\"",
        "    timezone: \"Europe/Berlin\"",
        "    unknown: [\"?\"]",
    ] {
        assert!(draft.out.contains(line), "{line} is not in\n{}", draft.out);
    }
    assert!(!draft.out.contains("\"?\": {}"), "{}", draft.out);
    let charter = home.file("charter.yaml", &draft.out);
    home.import_gives(&file, &["--charter", &charter], 2, &[]);
    let query = "select cast(at as varchar) at, department from events order by 1";
    let events = home.run(&["sql", query, "--json", "--charter", &charter]).json();
    assert!(events[0]["at"].as_str().unwrap().starts_with("2026-02-01T07:00"), "{events}");
    assert!(events[1].get("department").is_none_or(serde_json::Value::is_null), "{events}");
}
