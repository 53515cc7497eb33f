use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::Charter;
use crate::sources::Glob;

fn source(glob: &str) -> SourceMap {
    let column = |name: &str| Some(Taken::Column { column: name.to_owned(), format: None });
    SourceMap {
        event: column("Activity"),
        keys: vec![("customer".to_owned(), Taken::Column { column: "household id".to_owned(), format: None })],
        at: Some(Taken::Column { column: "when".to_owned(), format: Some("%d/%m/%Y".to_owned()) }),
        channel: Some(Taken::Literal("it's a shop".to_owned())),
        one_per: Some("basket".to_owned()),
        properties: Some(Members::Listed(vec![
            Member { name: "store".to_owned(), from: Taking::Column(Aggregate::First, "store".to_owned()) },
            Member { name: "total".to_owned(), from: Taking::Column(Aggregate::Sum, "sales value".to_owned()) },
            Member { name: "rows".to_owned(), from: Taking::Rows },
        ])),
        unknown: vec!["?".to_owned(), "no".to_owned()],
        timezone: TimeZone::get("Europe/Berlin").ok(),
        delimiter: Some('\t'),
        encoding: Some("windows-1252".to_owned()),
        ..SourceMap::new(Glob::new(glob))
    }
}

fn parse(text: &str) -> Charter {
    match Charter::parse(text) {
        Ok((charter, warnings)) => {
            assert!(warnings.is_empty(), "{warnings:?}\n{text}");
            charter
        }
        Err(problems) => panic!("{}\n{text}", problems.iter().map(|p| p.render("draft", text)).collect::<String>()),
    }
}

fn summary() -> Summary {
    Summary {
        organisation: Some("Müller & Söhne: \"Best\"".to_owned()),
        timezone: Some(("Europe/Berlin".to_owned(), "most times carry its offset".to_owned())),
        events: vec![
            ("Order Completed".to_owned(), 10),
            ("order-completed".to_owned(), 3),
            ("visit".to_owned(), 99),
            ("it's #1".to_owned(), 2),
            ("no".to_owned(), 1),
            ("5".to_owned(), 1),
        ],
        channels: vec![("web".to_owned(), 50), ("no".to_owned(), 2), ("Call centre".to_owned(), 1)],
        departments: vec!["Service".to_owned()],
        keys: vec![("customer".to_owned(), 12), ("email".to_owned(), 5)],
        sources: vec![source("orders*.csv")],
    }
}

#[test]
fn a_draft_parses_and_means_what_was_seen() {
    let summary = summary();
    let text = draft(&summary);
    insta::assert_snapshot!(text);
    let charter = parse(&text);
    assert_eq!(charter.organisation, summary.organisation);
    assert_eq!(charter.sources, summary.sources);
    assert_eq!(charter.moments.len(), 6);
    assert_eq!(charter.moments[0].when.text(), "event = 'visit'");
    assert!(charter.keys.kind("email").is_some_and(|key| key.personal));
    parse(&draft(&Summary::default()));
}

proptest! {
    #[test]
    fn a_draft_parses_whatever_the_data_hold(
        events in prop::collection::vec(("\\PC{0,12}|[\\x00-\\x20\\u{2028}\\u{feff}'\"#:]{0,4}", 0u64..5), 0..8),
        channels in prop::collection::vec(("\\PC{1,8}", 0u64..5), 0..4),
        departments in prop::collection::vec("\\PC{0,8}", 0..3),
        columns in prop::collection::vec("\\PC{1,8}", 3),
        organisation in "\\PC{0,8}",
    ) {
        let listed = columns.iter().map(|c| Member { name: c.clone(), from: Taking::Column(Aggregate::First, c.clone()) }).collect();
        let taken = |i: usize| Some(Taken::Column { column: columns[i].clone(), format: None });
        let of_columns = SourceMap {
            event: taken(0),
            at: taken(1),
            channel: Some(Taken::Literal(columns[2].clone())),
            properties: Some(Members::Listed(listed)),
            ..SourceMap::new(Glob::new("*.csv"))
        };
        let names: Vec<String> = events.iter().map(|(event, _)| event.clone()).collect();
        let summary = Summary {
            organisation: Some(organisation), events, channels, departments, sources: vec![of_columns], ..summary()
        };
        let charter = parse(&draft(&summary));
        for event in names {
            let wanted = format!("event = {}", sql(&event));
            prop_assert!(charter.moments.iter().any(|moment| moment.when.text() == wanted), "{:?}", event);
        }
    }
}

#[test]
fn many_departments_are_not_a_list() {
    let departments = |n: usize| Summary { departments: (0..n).map(|i| format!("G{i}")).collect(), ..summary() };
    let lines = |n| draft(&departments(n)).lines().filter(|line| line.starts_with("#   G")).count();
    assert_eq!((lines(3), lines(40), lines(700)), (3, 40, 40));
    assert!(draft(&departments(700)).contains("and 660 more"));
    assert!(!draft(&departments(40)).contains("more, which"));
}
