use std::io::BufReader;

use super::*;
use crate::mapping::Mapping;
use crate::plan::{Options, PlanError, plan, read};
use crate::sniff::Format;
use crate::testing::Notebook;
use proptest::prelude::*;

/// Plans and reads a file as the program does, over a reader that gives a few bytes at a time.
fn check(bytes: &[u8], options: &Options) -> Result<(Notebook, Result<Summary, ReadError>), PlanError> {
    let plan = plan(Format::Csv, bytes, options)?;
    let mut notebook = Notebook::default();
    let summary = read(&plan, Box::new(BufReader::with_capacity(7, bytes)), &mut notebook);
    Ok((notebook, summary))
}

fn ok(bytes: &[u8]) -> Notebook {
    let (notebook, summary) = check(bytes, &Options::default()).expect("a plan");
    let summary = summary.expect("readable");
    assert_eq!(summary.events, notebook.events.len() as u64);
    assert_eq!(summary.rejected_total(), notebook.rejected.len() as u64);
    assert_eq!(summary.rows, summary.events + summary.rejected_total(), "no row is lost");
    notebook
}

#[test]
fn delimiters_quotes_and_line_ends() {
    let expected = [
        r#"2026-03-02T09:00:00Z A, "b" [user_id=u1] properties={"x":"1,5"}"#,
        r#"2026-03-02T10:00:00Z B [user_id=u2] properties={"x":"l1\nl2"}"#,
    ];
    for delimiter in [",", ";", "\t", "|"] {
        for end in ["\n", "\r\n", "\r"] {
            let rows = [
                ["user_id", "event", "at", "x"],
                ["u1", r#""A, ""b""""#, "2026-03-02T09:00", "\"1,5\""],
                ["u2", "B", "2026-03-02T10:00", "\"l1\nl2\""],
            ];
            let text = rows.map(|row| row.join(delimiter)).join(end) + end;
            assert_eq!(ok(text.as_bytes()).events, expected, "{text:?}");
        }
    }
}

#[test]
fn bad_lines_are_named_with_their_line_and_kept() {
    let mut bytes =
        b"user_id,event,at\nu1,A,2026-03-02\nu2,B\n\nu3,C,2026-03-02,x\nu4,D\0,2026-03-02\nu5,E,soon\n".to_vec();
    bytes.extend_from_slice(b"u6,\xff\xfe\xff,2026-03-02\nu7,\"F,2026-03-02\nu8,G,2026-03-02\n\"x\ny\",H,2026-03-02\n");
    bytes.extend_from_slice(
        b"u9,I,\"2026-03-02\nu10,J,2026-03-02\nu11,K,9999-12-31\nu12,L,\"2026-03-03\nu13,M,2026-03-02",
    );
    let options = Options { encoding: Some(crate::text::Encoding::Utf8), ..Options::default() };
    let (notebook, summary) = check(&bytes, &options).expect("a plan");
    summary.expect("readable");
    assert_eq!(
        notebook.rejected,
        [
            "3: wrong-column-count: 2 fields, and the header has 3",
            "5: wrong-column-count: 4 fields, and the header has 3",
            "6: nul-byte: the line contains a NUL byte",
            "7: bad-time: `soon` in `at` is not a time of the form of this column",
            "8: bad-encoding: the line is not UTF-8; if the file is in another encoding, give --encoding",
            "9: unclosed-quote: a quote is opened and not closed as it should be",
            "13: unclosed-quote: a quote is opened and not closed as it should be",
            "15: placeholder-date: `9999-12-31` in `at` stands for no date",
            "16: unclosed-quote: a quote is opened and not closed as it should be",
        ]
    );
    assert_eq!(notebook.rows[0], b"u2,B");
    assert_eq!(notebook.rows[5], b"u7,\"F,2026-03-02");
    let names: Vec<&str> = notebook.events.iter().map(|line| line.split(' ').nth(1).expect("a name")).collect();
    assert_eq!(names, ["A", "G", "H", "J", "M"]);
}

#[test]
fn other_encodings_and_compression() {
    let text = "Kunde;Aktivität;Zeit\nK1;Über;31.12.2026 09:00\n";
    let options = Options {
        map: Mapping::parse_map("customer=Kunde,event=Aktivität,at=Zeit").expect("a map"),
        ..Options::default()
    };
    let utf16 = |big: bool| -> Vec<u8> {
        let units = text.encode_utf16();
        units.flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
    };
    let (windows, _, _) = encoding_rs::WINDOWS_1252.encode(text);
    let variants = [
        text.as_bytes().to_vec(),
        [b"\xef\xbb\xbf", text.as_bytes()].concat(),
        utf16(false),
        [b"\xfe\xff", utf16(true).as_slice()].concat(),
        windows.into_owned(),
        zstd::encode_all(text.as_bytes(), 1).expect("memory"),
    ];
    for bytes in variants {
        let (notebook, summary) = check(&bytes, &options).expect("a plan");
        summary.expect("readable");
        assert_eq!(notebook.events, ["2026-12-31T09:00:00Z Über [user_id=K1]"]);
    }
}

#[test]
fn a_file_without_header_has_numbered_columns() {
    let bytes = b"u1,A,2026-03-02\nu1,B,2026-03-03\n";
    let error = check(bytes, &Options::default()).expect_err("nobody knows which is which").to_string();
    assert!(error.contains("c1, c2, c3"), "{error}");
    let options = Options { map: Mapping::parse_map("customer=c1,event=c2").expect("a map"), ..Options::default() };
    let (notebook, _) = check(bytes, &options).expect("a plan");
    assert_eq!(notebook.events, ["2026-03-02T00:00:00Z A [user_id=u1]", "2026-03-03T00:00:00Z B [user_id=u1]"]);
}

#[test]
fn the_customer_of_a_table_is_a_column() {
    let bytes = b"user_id,shopper,event,at\nu1,s1,A,2026-03-02\n";
    let options = Options { customer: Some("shopper".to_owned()), ..Options::default() };
    let (notebook, _) = check(bytes, &options).expect("a plan");
    assert_eq!(notebook.events, [r#"2026-03-02T00:00:00Z A [user_id=s1] properties={"user_id":"u1"}"#]);
}

#[test]
fn files_without_events_say_why() {
    let error = |bytes: &[u8]| check(bytes, &Options::default()).expect_err("nothing to read").to_string();
    assert_eq!(error(b""), "the file is empty");
    assert_eq!(error(b"\n\r\n \n"), "the file is empty");
    assert_eq!(error(b"user_id,event,at\n"), "the file has a header (user_id, event, at) but no rows");
    assert!(error(b"user_id^event^at\n1^A^2026-03-02\n").contains("give --delimiter"));
    let options = Options { delimiter: Some(b'^'), ..Options::default() };
    let (notebook, _) = check(b"user_id^event^at\n1^A^2026-03-02\n", &options).expect("a plan");
    assert_eq!(notebook.events.len(), 1);
}

#[test]
fn a_line_of_fifty_megabytes_is_passed_over() {
    let mut bytes = b"user_id,event,at\nu1,A,2026-03-02\nu2,".to_vec();
    bytes.resize(bytes.len() + 50_000_000, b'x');
    bytes.extend_from_slice(b",2026-03-02\nu3,C,2026-03-02\n");
    let plan = plan(Format::Csv, &bytes[..1000], &Options::default()).expect("a plan");
    let mut notebook = Notebook::default();
    let summary = read(&plan, Box::new(bytes.as_slice()), &mut notebook).expect("readable");
    assert_eq!((summary.events, summary.rows), (2, 3));
    assert_eq!(
        notebook.rejected,
        ["3: line-too-long: 50000014 bytes, and a line may have 16777216; only its beginning is kept"]
    );
    assert_eq!(notebook.rows[0].len(), LINE_BYTES_KEPT);
}

#[test]
fn a_cut_gzip_gives_the_rows_before_the_cut_and_an_error() {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(b"user_id,event,at\n").expect("memory");
    for n in 0..20_000 {
        writeln!(encoder, "u{n},A{n},2026-03-02").expect("memory");
    }
    let bytes = encoder.finish().expect("memory");
    let (notebook, summary) = check(&bytes[..bytes.len() / 2], &Options::default()).expect("a plan");
    let error = summary.expect_err("cut");
    assert!(
        matches!(error, ReadError::Truncated { events } if events == notebook.events.len() as u64 && events > 5_000),
        "{error}"
    );
    assert_eq!(notebook.rejected.len(), 1);
    assert!(notebook.rejected[0].contains("truncated"), "{:?}", notebook.rejected);
}

#[test]
fn a_gzip_file_that_is_cut_off_behind_its_header_is_not_taken_for_one_without_rows() {
    use std::io::Write as _;
    let pack = |text: &[u8]| {
        // Stored as it is, so that it is known what lies before the cut.
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
        encoder.write_all(text).expect("memory");
        encoder.finish().expect("memory")
    };
    let refused = |bytes: &[u8]| plan(Format::Csv, bytes, &Options::default()).expect_err("no rows").to_string();
    let header = b"user_id,event,at\n";
    let whole = pack(&[&header[..], b"u1,A,2026-03-02\n"].concat());
    let behind_header = whole.len() - 8 - "u1,A,2026-03-02\n".len();
    for cut in [behind_header - 8, behind_header] {
        let said = refused(whole.get(..cut).expect("shorter"));
        assert!(said.contains("cut off at its very beginning"), "{said}");
    }
    assert!(refused(&pack(header)).contains("has a header (user_id, event, at) but no rows"));
}

#[test]
fn the_sink_can_stop_the_reading() {
    struct Full;
    impl Sink for Full {
        fn event(&mut self, _: &event::Event<'_>) -> Result<(), Stop> {
            Err(Stop::new("the disk is full"))
        }
        fn reject(&mut self, _: &Rejection<'_>) -> Result<(), Stop> {
            Ok(())
        }
    }
    let bytes: &[u8] = b"user_id,event,at\nu1,A,2026-03-02\n";
    let plan = plan(Format::Csv, bytes, &Options::default()).expect("a plan");
    let error = read(&plan, Box::new(bytes), &mut Full).expect_err("stopped");
    assert_eq!(error.to_string(), "the disk is full");
}

fn field(text: &str, quote: bool, delimiter: char) -> String {
    let must = text.contains([delimiter, '"', '\n', '\r']);
    if quote || must { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        rows in proptest::collection::vec(("[a-zé,;\"\n\r ]{0,12}", "[a-z|\t\"\n]{1,9}x", any::<[bool; 4]>()), 1..30),
        delimiter in prop_oneof![Just(','), Just(';'), Just('\t'), Just('|')],
        end in prop_oneof![Just("\n"), Just("\r\n"), Just("\r")],
        last_end in any::<bool>(),
    ) {
        let d = delimiter.to_string();
        let mut lines = vec![["user_id", "event", "at", "note"].join(&d)];
        for (note, name, [a, b, c, e]) in &rows {
            let fields = [field("u1", *a, delimiter), field(name, *b, delimiter), field("2026-03-02", *c, delimiter), field(note, *e, delimiter)];
            lines.push(fields.join(&d));
        }
        let text = lines.join(end) + if last_end { end } else { "" };
        let options = Options { delimiter: Some(delimiter as u8), ..Options::default() };
        let (notebook, summary) = check(text.as_bytes(), &options).expect("a plan");
        summary.expect("readable");
        let expected: Vec<String> = rows.iter().map(|(note, name, _)| {
            let blank = note.bytes().all(|b| b == b' ' || b == b'\t');
            let properties = if blank { String::new() } else { format!(" properties={}", serde_json::json!({ "note": note })) };
            format!("2026-03-02T00:00:00Z {name} [user_id=u1]{properties}")
        }).collect();
        prop_assert_eq!(notebook.events, expected);
        prop_assert_eq!(notebook.rejected, Vec::<String>::new());
    }

    #[test]
    fn no_bytes_make_the_reader_panic_or_lose_a_row(bytes in proptest::collection::vec(any::<u8>(), 0..400), mut tail in "[a-z,\"\n\r;0-9-]{0,200}") {
        tail.insert_str(0, "user_id,event,at\nu,A,2026-03-02\n");
        let all = [tail.as_bytes(), &bytes, b"\n"].concat();
        if let Ok((notebook, summary)) = check(&all, &Options::default()) {
            let summary = summary.expect("readable");
            prop_assert_eq!(summary.rows, (notebook.events.len() + notebook.rejected.len()) as u64);
        }
    }
}
