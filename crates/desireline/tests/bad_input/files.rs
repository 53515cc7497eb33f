//! Tables that are not as they should be.

use std::fmt::Write as _;

use crate::home::{HEADER, Home};

fn with_header(rows: &str) -> String {
    format!("{HEADER}{rows}")
}

fn good_rows(count: u32) -> String {
    (0..count).fold(String::new(), |mut text, n| {
        let _ = writeln!(text, "c{},visit,2026-01-{:02}T10:{:02}:00Z", n % 7, 1 + n % 28, n % 60);
        text
    })
}

#[test]
fn an_empty_file() {
    let home = Home::new();
    home.refuses(&home.file("x.csv", ""), &[], &["x.csv: the file is empty"]);
    home.refuses(&home.file("blank.csv", "\n  \n\n"), &[], &["blank.csv: the file is empty"]);
}

#[test]
fn a_header_and_nothing_else() {
    let home = Home::new();
    home.refuses(&home.file("x.csv", HEADER), &[], &["x.csv: the file has a header (customer, event, at) but no rows"]);
}

#[test]
fn a_wrong_delimiter() {
    let home = Home::new();
    let odd = with_header(&good_rows(9)).replace(',', "!");
    let file = home.file("x.csv", odd);
    home.refuses(&file, &[], &["only one column was found", "give --delimiter", "`customer!event!at`"]);
    home.refuses(&file, &["--delimiter", ";"], &["the columns are customer!event!at"]);
    home.run(&["import", &file, "--delimiter", "!!"]).expect(2, &["--delimiter: `!!` is not one character"]);
    home.import_gives(&file, &["--delimiter", "!"], 9, &[]);
}

#[test]
fn a_column_that_is_not_there() {
    let home = Home::new();
    let file = home.file("x.csv", with_header(&good_rows(9)));
    let said = ["there is no column `buyer` for user_id; the columns are customer, event, at"];
    home.refuses(&file, &["--map", "customer=buyer,event=event,at=at"], &said);
    let without = home.file("y.csv", "customer,event\na,visit\nb,visit\n");
    home.refuses(
        &without,
        &[],
        &["no column says when it happened", "--map at=COLUMN", "the columns are customer, event"],
    );
}

#[test]
fn two_time_zones_in_one_column() {
    let home = Home::new();
    let rows = "a,one,2026-01-01T10:00:00+02:00\na,two,2026-01-01T10:00:00-05:00\na,three,2026-01-01 10:00:00\n";
    let file = home.file("x.csv", with_header(rows));
    let done = home.import(&file, &["--timezone", "Europe/Berlin"]);
    assert_eq!(done["events"], 3);
    assert!(done["warnings"][0].as_str().unwrap().contains("2 times have an offset and 1 none"), "{done}");
    let times = home.run(&["sql", "select event, cast(at as varchar) at from events order by at", "--json"]).json();
    let hour = |n: usize| times[n]["at"].as_str().unwrap().get(11..13).unwrap().to_owned();
    assert_eq!([hour(0), hour(1), hour(2)], ["08", "09", "15"], "{times}");
}

#[test]
fn dates_at_the_ends_of_time() {
    let home = Home::new();
    let rows = "a,x,0001-01-01\nb,x,9999-12-31\nc,x,0001-06-01 10:00:00\nd,x,9999-06-01 10:00:00\n\
                e,x,10000-01-01\nf,x,2026-01-01\n";
    let kept = home.import_gives(
        &home.file("x.csv", with_header(rows)),
        &[],
        3,
        &[("placeholder-date", 2), ("year-out-of-range", 1)],
    );
    assert_eq!(kept[0], (2, "placeholder-date".to_owned(), "a,x,0001-01-01".to_owned()));
    assert_eq!(kept[2], (6, "year-out-of-range".to_owned(), "e,x,10000-01-01".to_owned()));
    let all = home.run(&["view", "map,variants,steps,sankey", "--json"]).json();
    assert_eq!(all["variants"]["journeys"], 3);
}

#[test]
fn values_that_are_no_numbers_or_huge_ones() {
    let home = Home::new();
    let rows = "customer,event,at,amount\na,x,2026-01-01,NaN\na,y,2026-01-02,1e400\n\
                a,z,2026-01-03,123456789012345678901234567890\nb,x,NaN,1\nb,x,inf,1\n";
    let kept = home.import_gives(&home.file("x.csv", rows), &[], 3, &[("bad-time", 2)]);
    assert_eq!(kept[0], (5, "bad-time".to_owned(), "b,x,NaN,1".to_owned()));
    let values = home.run(&["sql", "select properties from events order by at", "--json"]).json();
    assert_eq!(values[2]["properties"], r#"{"amount":"123456789012345678901234567890"}"#);
    let asked = home.run(&["view", "map", "--json", "--where", "properties.amount > 5"]).json();
    assert!(asked["journeys"].as_u64().unwrap() <= 1);
}

#[test]
fn times_as_numbers_that_are_none() {
    let home = Home::new();
    let rows = "a,x,1767225600\nb,x,NaN\nc,x,1e400\nd,x,99999999999999999999999999\ne,x,-1e308\n";
    let kept = home.import_gives(
        &home.file("x.csv", with_header(rows)),
        &["--map", "customer=customer,event=event,at=at:unix"],
        1,
        &[("year-out-of-range", 4)],
    );
    assert_eq!(kept.iter().map(|one| one.0).collect::<Vec<_>>(), [3, 4, 5, 6]);
}

#[test]
fn a_line_of_50_megabytes() {
    let long = "x".repeat(50_000_000);
    for (rows, line, events) in [
        (format!("a,x,2026-01-01\nb,{long},2026-01-01\nc,x,2026-01-02\n"), 3, 2),
        (format!("b,{long},2026-01-01\nc,x,2026-01-02\n"), 2, 1),
    ] {
        let home = Home::new();
        let kept = home.import_gives(&home.file("x.csv", with_header(&rows)), &[], events, &[("line-too-long", 1)]);
        assert_eq!((kept[0].0, kept[0].2.len()), (line, 64 << 10));
    }
    let home = Home::new();
    home.refuses(&home.file("x.csv", &long), &[], &["only one column was found"]);
}

#[test]
fn a_nul_byte() {
    let home = Home::new();
    let file = home.file("x.csv", with_header("a,x,2026-01-01\nb,x\0y,2026-01-01\nc,x,2026-01-02\n"));
    let kept = home.import_gives(&file, &[], 2, &[("nul-byte", 1)]);
    assert_eq!(kept, [(3, "nul-byte".to_owned(), "b,x\0y,2026-01-01".to_owned())]);
    let binary: Vec<u8> = (0..=255).cycle().take(20_000).collect();
    Home::new().refuses(&home.file("binary.csv", binary), &[], &["the columns are"]);
}

#[test]
fn a_quote_that_is_never_closed() {
    let home = Home::new();
    let file = home.file("x.csv", with_header("a,\"x,2026-01-01\nb,y,2026-01-02\nc,z,2026-01-03\n"));
    let kept = home.import_gives(&file, &[], 2, &[("unclosed-quote", 1)]);
    assert_eq!((kept[0].0, kept[0].2.as_str()), (2, "a,\"x,2026-01-01"));
}

#[test]
fn day_or_month_first_where_nobody_can_be_asked() {
    let home = Home::new();
    let file = home.file("x.csv", with_header("a,x,01/02/2026\nb,y,03/04/2026\n"));
    home.refuses(&file, &[], &["`01/02/2026` may be 2026-02-01", "give --dates dmy or --dates mdy"]);
    home.import_gives(&file, &["--dates", "dmy"], 2, &[]);
    let first = home.run(&["sql", "select cast(min(at) as varchar) at from events", "--json"]).json();
    assert!(first[0]["at"].as_str().unwrap().starts_with("2026-02-01"), "{first}");
}

#[test]
fn a_customer_that_only_values_speak_for_is_not_assumed() {
    let row = |n: u32| format!("hotel {},{},2026-01-{:02}\n", ["a", "b"][n as usize % 2], n * 7 % 11, 1 + n);
    let rows: String = (0..20).map(row).collect();
    let home = Home::new();
    let file = home.file("x.csv", format!("event,lead_time,date\n{rows}"));
    home.refuses(
        &file,
        &[],
        &["who the customer is, and `lead_time` is only a guess", "give --map customer=lead_time, otherwise another"],
    );
    home.import_gives(&file, &["--map", "customer=lead_time"], 20, &[]);
    let file = home.file("y.csv", format!("what,lead_time,date\n{rows}"));
    home.run(&["import", &file]).expect(3, &["what happened, and `what`", "--map event=what,customer=lead_time"]);
}

#[test]
fn question_marks_and_junk_instead_of_values() {
    let rows = "customer,event,at\n?,x,2026-01-01\nb,?,2026-01-01\nc,x,?\nd,x,2026-01-01\n,x,2026-01-01\n\
                undefined,x,2026-01-02\n";
    let home = Home::new();
    let file = home.file("x.csv", rows);
    // Nobody said that `?` stands for nothing, so it is what is written there; as a time it cannot be one.
    home.import_gives(&file, &[], 3, &[("bad-time", 1), ("junk-key", 1), ("missing-customer", 1)]);
    let charter = home.file(
        "charter.yaml",
        "charter: 1\nsources:\n  \"x.csv\": {event: event, user_id: customer, at: at, unknown: [\"?\"]}\n",
    );
    let home = Home::new();
    let kept = home.import_gives(
        &file,
        &["--charter", &charter],
        1,
        &[("junk-key", 1), ("missing-customer", 2), ("missing-event", 1), ("missing-time", 1)],
    );
    let junk = kept.iter().find(|one| one.1 == "junk-key").unwrap();
    assert_eq!((junk.0, junk.2.as_str()), (7, "undefined,x,2026-01-02"));
}

#[test]
fn a_row_whose_keys_name_nobody_is_kept_with_its_line_whatever_the_format() {
    let junk = |name: &str, content: &str, options: &[&str], events: u64| {
        let home = Home::new();
        let kept = home.import_gives(&home.file(name, content), options, events, &[("junk-key", 1)]);
        (kept[0].0, kept[0].2.clone())
    };
    let csv = "customer,event,at\na,x,2026-01-01\nnull,x,2026-01-02\n";
    assert_eq!(junk("x.csv", csv, &[], 1), (3, "null,x,2026-01-02".to_owned()));
    let line = r#"{"customer":"null","event":"x","at":"2026-01-02"}"#;
    let jsonl = format!("{}\n{line}\n", line.replace("null", "a"));
    assert_eq!(junk("x.jsonl", &jsonl, &[], 1), (2, line.to_owned()));
    let message = r#"{"type":"track","event":"x","userId":"null","timestamp":"2026-01-02T00:00:00Z"}"#;
    let messages = format!("{}\n{message}\n", message.replace("null", "a"));
    assert_eq!(junk("x.jsonl", &messages, &[], 1), (2, message.to_owned()));
    let event =
        r#"<event><string key="concept:name" value="x"/><date key="time:timestamp" value="2026-01-02"/></event>"#;
    let trace = |name: &str| format!(r#"<trace><string key="concept:name" value="{name}"/>{event}</trace>"#);
    let xes = format!(r#"<log xes.version="1.0">{}{}</log>"#, trace("a"), trace("null"));
    let (line, row) = junk("x.xes", &xes, &[], 1);
    assert!(line == 2 && row.contains(r#""case:concept:name":"null""#), "{line}: {row}");
    // Two rows that are one event: where it begins, and what they came to.
    let grouped = "customer,event,at,basket\na,x,2026-01-01,1\nnull,x,2026-01-02,2\n";
    let map = ["--map", "customer=customer,event=event,at=at,one_per=basket"];
    let (line, row) = junk("x.csv", grouped, &map, 1);
    assert!(line == 3 && row.contains("2026-01-02"), "{line}: {row}");
}

#[test]
fn a_file_of_which_no_row_is_an_event() {
    let home = Home::new();
    let file = home.file("x.csv", with_header("a,x,2026-01-01,1\nb,x\nc\n,,\nd,x,\n"));
    let ended = home.run(&["import", &file, "--map", "customer=customer,event=event,at=at"]);
    ended.expect(3, &["none of the 5 rows is an event: 2 missing-time, 3 wrong-column-count", "kept in"]);
    assert_eq!(home.events(), 0);
}

#[test]
fn files_of_the_same_name_keep_their_rejected_rows_apart() {
    let home = Home::new();
    let one = home.file("one/my orders.csv", with_header("a,x,2026-01-01\nb,x,never\n"));
    let two = home.file("two/my orders.csv", with_header("c,x,2026-01-01\nd,x,tomorrow\n"));
    let quarantine = || {
        let mut texts: Vec<String> = crate::home::files_in(&home.path().join("quarantine"))
            .iter()
            .map(|path| std::fs::read_to_string(path).unwrap())
            .collect();
        texts.sort();
        texts
    };
    let map = ["--map", "customer=customer,event=event,at=at:%Y-%m-%d"];
    home.run(&[&["import", &one, &two], &map[..]].concat()).expect(0, &["2 rows rejected: bad-time"]);
    let both = quarantine();
    assert!(both.len() == 2 && both[0].contains("never") && both[1].contains("tomorrow"), "{both:?}");
    // The same files again change nothing; another one of the same name takes nothing away.
    home.import(&one, &map);
    assert_eq!(quarantine(), both);
    home.import(&home.file("one/my orders.csv", with_header("e,x,2026-01-01\nf,x,yesterday\n")), &map);
    assert_eq!(quarantine().len(), 3);
}

#[test]
fn an_import_that_was_noted_by_half_takes_no_other_with_it() {
    let home = Home::new();
    let import = |name: &str| drop(home.import(&home.file(name, with_header(&good_rows(3))), &[]));
    let notes = home.path().join("imports.jsonl");
    import("one.csv");
    // A full disk, within the letter ö.
    let mut torn = std::fs::read(&notes).unwrap();
    torn.extend("{\"files\":[{\"name\":\"ö".as_bytes());
    torn.pop();
    std::fs::write(&notes, torn).unwrap();
    import("two.csv");
    import("three.csv");
    let text = std::fs::read(&notes).unwrap();
    let whole = String::from_utf8_lossy(&text);
    let records = whole.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let names: Vec<String> = records.map(|record| record["files"][0]["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!((names, whole.lines().count()), (["one.csv", "two.csv", "three.csv"].map(str::to_owned).to_vec(), 4));
}

#[test]
fn what_is_not_there_or_no_file_of_events() {
    let home = Home::new();
    home.refuses("nowhere.csv", &[], &["nowhere.csv: there is no such file"]);
    std::fs::create_dir_all(home.path().join("../empty")).unwrap();
    home.refuses(home.path().join("../empty").to_str().unwrap(), &[], &["there are no files in this folder"]);
    home.refuses(&home.file("x.zip", b"PK\x03\x04 and so on"), &[], &["a zip archive", "unpack it"]);
    home.refuses(&home.file("x.bz2", b"BZh91AY&SY"), &[], &["compressed by bzip2: unpack it"]);
    home.refuses(&home.file("x.html", "<html></html>"), &[], &["XML that is neither XES nor OCEL"]);
    home.file("folder/.DS_Store", [0, 1, 2]);
    let inside = home.file("folder/a.csv", with_header(&good_rows(9)));
    home.import_gives(inside.strip_suffix("/a.csv").unwrap(), &[], 9, &[]);
}

#[test]
fn a_file_that_is_cut_off() {
    let home = Home::new();
    let rows = with_header(&good_rows(20_000));
    let plain = home.file("rows.csv", &rows);
    for (program, ending) in [("gzip", "gz"), ("zstd", "zst")] {
        let Ok(packed) = std::process::Command::new(program).args(["-c", &plain]).output() else {
            eprintln!("skipped: {program} is not installed");
            continue;
        };
        let whole = packed.stdout;
        let cut = home.file(&format!("cut.csv.{ending}"), &whole[..whole.len() / 2]);
        home.refuses(
            &cut,
            &[],
            &["ends too early", "nothing of this import was kept: repair the file, or leave it out"],
        );
        let stump = home.file(&format!("stump.csv.{ending}"), &whole[..12]);
        home.refuses(&stump, &[], &["holds nothing, or is cut off"]);
    }
    home.import_gives(&plain, &[], 20_000, &[]);
}

#[test]
fn a_parquet_file_that_is_cut_off_or_broken_inside() {
    let home = Home::new();
    home.import(&home.file("rows.csv", with_header(&good_rows(5_000))), &[]);
    let path = home.path().join("../all.parquet");
    let path = path.to_str().unwrap();
    home.run(&["export", path]).expect(0, &[]);
    let whole = std::fs::read(path).unwrap();
    let home = Home::new();
    let said = ["cut off or not a Parquet file"];
    home.refuses(&home.file("cut.parquet", &whole[..whole.len() / 2]), &[], &said);
    home.refuses(&home.file("stump.parquet", b"PAR1"), &[], &said);
    let mut broken = whole.clone();
    broken[whole.len() / 8..whole.len() / 2].fill(0xff);
    let ended = home.run(&["import", &home.file("broken.parquet", &broken)]);
    ended.expect(3, &["broken.parquet: "]);
    home.keeps_nothing();
    home.import_gives(&home.file("whole.parquet", &whole), &[], 5_000, &[]);
}

#[test]
fn the_line_by_which_excel_says_what_separates_fields() {
    let rows = "customer;event;at\na,1;x;2026-01-01\nb,2;never\n";
    for first in ["sep=;\n", "sep=;\r\n", "SEP=;\r", "\"sep=;\"\n", "\u{feff}sep=;\n"] {
        let home = Home::new();
        let kept =
            home.import_gives(&home.file("x.csv", format!("{first}{rows}")), &[], 1, &[("wrong-column-count", 1)]);
        assert_eq!((kept[0].0, kept[0].2.as_str()), (4, "b,2;never"), "{first:?}");
        let customer = home.run(&["sql", "select keys from events", "--json"]).json();
        assert_eq!(customer[0]["keys"], r#"{"user_id":"a,1"}"#);
    }
}

#[test]
fn a_delimiter_for_a_file_that_has_none() {
    let home = Home::new();
    home.import(&home.file("rows.csv", with_header(&good_rows(50))), &["--delimiter", ","]);
    let path = home.path().join("../all.parquet");
    let path = path.to_str().unwrap();
    home.run(&["export", path]).expect(0, &[]);
    home.run(&["import", path, "--delimiter", ";"]).expect(2, &["--delimiter is for delimited text", "is parquet"]);
}

#[test]
fn times_that_could_be_something_else_say_how_to_have_them_read() {
    let first = |rows: &str, format: &str, said: &str| {
        let home = Home::new();
        let file = home.file("x.csv", with_header(rows));
        home.refuses(&file, &[], &[said, "; give --map at=at:"]);
        home.import_gives(&file, &["--map", &format!("at=at:{format}")], 2, &[]);
        let at = home.run(&["sql", "select cast(min(at) as varchar) at from events", "--json"]).json();
        at[0]["at"].as_str().unwrap().to_owned()
    };
    let american = "a,x,1/2/24 3:04 PM\nb,x,1/13/24 3:05 PM\n";
    let at = first(american, "%m/%d/%y %I:%M %p", "(perhaps %d/%m/%y %I:%M %p or %m/%d/%y %I:%M %p)");
    assert!(at.starts_with("2024-01-02T15:04:00"), "{at}");
    let at = first("a,x,45293.5\nb,x,45294\n", "excel", "(perhaps excel, which counts days: 2024-01-02)");
    assert!(at.starts_with("2024-01-02T12:00:00"), "{at}");
}
