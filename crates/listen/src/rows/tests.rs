use super::*;
use crate::testing::Notebook;

/// Reads rows of texts (separated by spaces, `-` for an empty cell) with a mapping as `--map` takes it.
fn check(map: &str, columns: &str, rows: &[&str]) -> Notebook {
    let mapping = Mapping::parse_map(map).expect("a map");
    let columns: Vec<String> = columns.split(' ').map(str::to_owned).collect();
    let mut mapper = RowMapper::new(&mapping, &columns, TimeZone::UTC).expect("the columns exist");
    let mut notebook = Notebook::default();
    for (line, row) in (1..).zip(rows) {
        let cells: Vec<Cell<'_>> = row.split(' ').map(|t| if t == "-" { Cell::Empty } else { Cell::Text(t) }).collect();
        mapper.row(line, &cells, &|| row.as_bytes().to_vec(), &mut notebook).expect("never stops");
    }
    mapper.finish(&mut notebook).expect("never stops");
    notebook
}

#[test]
fn every_role_has_its_place() {
    let notebook = check(
        "event=e,customer=u,email=m,at=t,received_at=r,channel=c,source='crm',message_id=i,resource=w,department=d,case_id=k,phase=p,traits=m2",
        "e u m t r c i w d k p m2 x y",
        &["Order u1 a@b.de 2026-03-02 2026-03-03 web i1 Ann sales k1 start y@z.de 7 -"],
    );
    assert_eq!(
        notebook.events,
        [concat!(
            "2026-03-02T00:00:00Z Order [user_id=u1 email=a@b.de] received_at=2026-03-03T00:00:00Z channel=web source=crm ",
            "message_id=i1 resource=Ann department=sales case_id=k1 phase=start ",
            r#"properties={"x":"7"} traits={"m2":"y@z.de"}"#
        )]
    );
}

#[test]
fn rows_that_cannot_be_events_are_named_and_kept() {
    let notebook = check(
        "event=e,customer=u,email=m,at=t,unknown=?",
        "e u m t",
        &[
            "A - ? 2026-03-02",
            "- u - 2026-03-02",
            "A u - -",
            "A u - soon",
            "A u - 9999-12-31",
            "A u - 0000-01-01",
            "A u -",
            "A ? m@x.de 2026-03-02",
        ],
    );
    assert_eq!(notebook.events, ["2026-03-02T00:00:00Z A [email=m@x.de]"]);
    assert_eq!(
        notebook.rejected,
        [
            "1: missing-customer: no value for user_id, email",
            "2: missing-event: no value for event",
            "3: missing-time: no value in `t`",
            "4: bad-time: `soon` in `t` is not a time of the form of this column",
            "5: placeholder-date: `9999-12-31` in `t` stands for no date",
            "6: year-out-of-range: `0000-01-01` in `t` is not within the years 1 to 9999",
            "7: wrong-column-count: 3 fields, and the header has 4",
        ]
    );
    assert_eq!(notebook.rows[3], b"A u - soon");
}

#[test]
fn start_and_end_are_two_phases_of_one_activity() {
    let notebook = check(
        "event=e,customer=u,start=s,end=t,message_id=i",
        "e u s t i",
        &[
            "A u 2026-03-02T09:00 2026-03-02T10:00 i1",
            "B u 2026-03-02T09:00 - i2",
            "C u - 2026-03-02T10:00 i3",
            "D u 2026-03-02T09:00 9999-12-31 i4",
            "E u - - i5",
            "F u soon 2026-03-02T10:00 i6",
        ],
    );
    assert_eq!(
        notebook.events,
        [
            "2026-03-02T09:00:00Z A [user_id=u] message_id=i1#start phase=start",
            "2026-03-02T10:00:00Z A [user_id=u] message_id=i1#complete phase=complete",
            "2026-03-02T09:00:00Z B [user_id=u] message_id=i2 phase=start",
            "2026-03-02T10:00:00Z C [user_id=u] message_id=i3 phase=complete",
            "2026-03-02T09:00:00Z D [user_id=u] message_id=i4 phase=start",
        ]
    );
    assert_eq!(notebook.rejected.len(), 2);
}

#[test]
fn rows_of_one_basket_are_one_event() {
    let notebook = check(
        "event='Order',customer=u,at=t,one_per=b,properties=s|sum(v)|sum(n)|count()",
        "u b t s v n",
        &[
            "u1 b1 2026-03-02T09:02 - 0.1 1",
            "u2 b2 2026-03-02T09:01 s2 5 1",
            "u1 b1 2026-03-02T09:00 s1 0.2 2",
            "u3 - 2026-03-02T09:00 s3 1 1",
            "u1 b1 2026-03-02T09:03 s9 many 2",
            "u4 b1 2026-03-02T09:03 s4 1 2",
        ],
    );
    assert_eq!(
        notebook.events,
        [
            r#"2026-03-02T09:00:00Z Order [user_id=u3] properties={"s":"s3","v":1,"n":1,"count":1}"#,
            r#"2026-03-02T09:00:00Z Order [user_id=u1] properties={"s":"s1","v":0.3,"n":3,"count":2}"#,
            r#"2026-03-02T09:01:00Z Order [user_id=u2] properties={"s":"s2","v":5,"n":1,"count":1}"#,
            r#"2026-03-02T09:03:00Z Order [user_id=u4] properties={"s":"s4","v":1,"n":2,"count":1}"#,
        ],
        "the row without a basket stands alone; a basket number of another customer is another basket"
    );
    assert_eq!(notebook.rejected, [r#"5: bad-number: `many` is not a number that can be added up as "v""#]);
}

#[test]
fn typed_cells_are_as_good_as_texts() {
    let mapping = Mapping::parse_map("event=e,customer=u,at=t").expect("a map");
    let columns = ["e", "u", "t", "x"].map(str::to_owned);
    let zone = TimeZone::get("Europe/Berlin").expect("bundled");
    let mut mapper = RowMapper::new(&mapping, &columns, zone).expect("the columns exist");
    let naive = jiff::civil::date(2026, 3, 2).at(9, 0, 0, 0);
    let mut notebook = Notebook::default();
    for (user, at, x) in [
        (Cell::Int(7), Cell::Local(naive), Cell::Float(0.5)),
        (Cell::Float(8.0), Cell::Time(Timestamp::from_micros(0)), Cell::Float(f64::NAN)),
        (Cell::Bool(true), Cell::Text("2026-03-02T09:00Z"), Cell::Json("[1]")),
        (Cell::Int(9), Cell::Time(Timestamp::from_micros(i64::MAX)), Cell::Empty),
        (Cell::Int(9), Cell::Float(f64::NAN), Cell::Empty),
        (Cell::Int(9), Cell::Bool(true), Cell::Empty),
    ] {
        mapper.row(1, &[Cell::Text("A"), user, at, x], &Vec::new, &mut notebook).expect("never stops");
    }
    assert_eq!(
        notebook.events,
        [
            r#"2026-03-02T08:00:00Z A [user_id=7] properties={"x":0.5}"#,
            "1970-01-01T00:00:00Z A [user_id=8]",
            r#"2026-03-02T09:00:00Z A [user_id=true] properties={"x":[1]}"#,
        ]
    );
    assert_eq!(notebook.rejected.len(), 3);
    assert_eq!(mapper.warnings().len(), 1, "one naive time and one with an offset: {:?}", mapper.warnings());
}

#[test]
fn a_mapping_must_fit_the_columns_and_itself() {
    let columns = ["e", "u", "t"].map(str::to_owned);
    let error = |map: &str| {
        let mapping = Mapping::parse_map(map).expect("a map");
        RowMapper::new(&mapping, &columns, TimeZone::UTC).expect_err(map).to_string()
    };
    assert!(error("event=x,customer=u,at=t").contains("no column `x` for event"));
    assert!(error("customer=u,at=t").contains("--map event=COLUMN"));
    assert!(error("event=e,at=t").contains("--map customer=COLUMN"));
    assert!(error("event=e,customer=u").contains("--map at=COLUMN"));
    assert!(error("event=e,customer=u,start=t,one_per=u").contains("one_per"));
    assert!(error("event=e,customer=u,at=t,properties=sum(t)").contains("needs one_per"));
}
