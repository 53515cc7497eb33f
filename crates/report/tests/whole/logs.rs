//! Logs to make pages of, and the words for them.

use std::fmt::Write;
use std::path::Path;

use charter::Charter;
use journey::flag;
use report::Words;
use testkit::Log;

const SHOP: &str = r#"
charter: 1
organisation: Example Shop
stages:
  presale: {label: Pre-sale}
  choice: {label: Search & choice}
  deal: {label: Deal}
  use: {label: Use}
  review: {label: "Review, end or repurchase"}
moments:
  advert: {stage: presale, label: Advertisement seen, when: "event = 'advert'"}
  visit: {stage: presale, label: Visit, when: "event = 'visit'"}
  search: {stage: choice, label: Search, when: "event = 'search'"}
  product: {stage: choice, label: Product looked at, when: "event = 'product'"}
  cart: {stage: choice, label: Added to the cart, when: "event = 'cart'"}
  checkout: {stage: deal, label: Checkout begun, when: "event = 'checkout'"}
  order: {stage: deal, label: Order placed, when: "event = 'order'"}
  delivered: {stage: use, label: Delivered, when: "event = 'delivered'"}
  ticket: {stage: use, label: Ticket opened with customer service, when: "event = 'ticket'"}
  ticket_done: {stage: use, label: Ticket closed, when: "event = 'ticket_done'"}
  returned: {stage: review, label: Goods returned, when: "event = 'returned'"}
  survey: {stage: review, label: Survey answered, when: "event = 'survey'"}
"#;

/// The words of a shop.
pub(crate) fn shop_words() -> Words {
    let (charter, problems) = Charter::parse(SHOP).expect("the charter is well written");
    assert!(problems.is_empty(), "{problems:?}");
    Words::of(&charter)
}

/// Some of the letters in three stages, the others in none.
pub(crate) fn letter_words() -> Words {
    let mut text =
        "charter: 1\nstages: {one: {label: One}, two: {label: Two}, three: {label: Three}}\nmoments:\n".to_owned();
    for (i, letter) in ('a'..='t').enumerate() {
        let stage = ["one", "two", "three"][i % 3];
        writeln!(text, "  {letter}: {{stage: {stage}, when: \"event = '{letter}'\"}}").expect("writing does not fail");
    }
    Words::of(&Charter::parse(&text).expect("the charter is well written").0)
}

/// Where to, how likely as a weight, and after about how many seconds.
type Ways = &'static [(&'static str, u64, i64)];

/// Where a shop's customers go from a moment.
const WAYS: [(&str, Ways); 13] = [
    ("start", &[("advert", 30, 0), ("visit", 55, 0), ("search", 15, 0)]),
    ("advert", &[("visit", 80, 90_000), ("end", 20, 0)]),
    ("visit", &[("search", 45, 60), ("product", 25, 45), ("visit", 10, 80_000), ("ticket", 2, 500), ("end", 18, 0)]),
    ("search", &[("product", 60, 40), ("search", 22, 30), ("end", 18, 0)]),
    ("product", &[("product", 20, 50), ("cart", 45, 120), ("search", 15, 60), ("end", 20, 0)]),
    ("cart", &[("checkout", 55, 200), ("product", 15, 90), ("visit", 12, 170_000), ("end", 18, 0)]),
    ("checkout", &[("order", 75, 240), ("cart", 10, 100), ("ticket", 5, 900), ("end", 10, 0)]),
    ("order", &[("delivered", 85, 210_000), ("ticket", 12, 260_000), ("end", 3, 0)]),
    (
        "delivered",
        &[
            ("survey", 25, 400_000),
            ("ticket", 10, 90_000),
            ("returned", 8, 500_000),
            ("visit", 17, 2_000_000),
            ("end", 40, 0),
        ],
    ),
    ("ticket", &[("ticket_done", 70, 100_000), ("ticket", 20, 50_000), ("end", 10, 0)]),
    ("ticket_done", &[("delivered", 30, 150_000), ("survey", 20, 90_000), ("ticket", 15, 200_000), ("end", 35, 0)]),
    ("returned", &[("survey", 30, 200_000), ("visit", 20, 900_000), ("end", 50, 0)]),
    ("survey", &[("visit", 20, 3_000_000), ("end", 80, 0)]),
];

/// 2,000 made-up customers of a shop, the same in every run; those who saw an advertisement are marked for `--compare`.
pub(crate) fn shop() -> Log {
    let mut seed = 7_u64;
    let mut draw = |below: u64| {
        // The generator of Knuth's MMIX: good enough to make up customers.
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let mut events = Vec::new();
    for customer in 1..=2_000 {
        let (mut at, mut seconds) = ("start", i64::try_from(draw(10_000_000)).expect("small"));
        for _ in 0..60 {
            let ways = WAYS.iter().find(|(from, _)| *from == at).expect("every moment leads somewhere").1;
            let mut left = draw(ways.iter().map(|way| way.1).sum());
            let way = ways.iter().find(|way| {
                let here = left < way.1;
                left = left.saturating_sub(way.1);
                here
            });
            let way = way.expect("the weights add up");
            if way.0 == "end" {
                break;
            }
            let spread = i64::try_from(draw(200)).expect("small");
            seconds += way.2 * (20 + spread) / 100;
            let mark = if way.0 == "advert" { flag::COMPARE } else { 0 };
            events.push((customer, way.0, seconds * 1_000_000, mark));
            at = way.0;
        }
    }
    Log::new(events)
}

/// The building permits of the receipt log, if the file is there.
pub(crate) fn receipt(path: &Path) -> Option<Log> {
    let mut rows = csv::Reader::from_path(path).ok()?;
    let headers = rows.headers().expect("a header").clone();
    let column = |name: &str| headers.iter().position(|header| header == name).expect("the column is there");
    let (case, activity, time) = (column("case:concept:name"), column("concept:name"), column("time:timestamp"));
    let mut cases: Vec<String> = Vec::new();
    let mut numbers = std::collections::BTreeMap::new();
    let mut events: Vec<(i64, String, i64)> = Vec::new();
    for row in rows.records() {
        let row = row.expect("the file is sound");
        let customer = *numbers.entry(row[case].to_owned()).or_insert_with(|| {
            cases.push(row[case].to_owned());
            i64::try_from(cases.len()).expect("small")
        });
        let at: jiff::Timestamp = row[time].replacen(' ', "T", 1).parse().expect("a time");
        events.push((customer, row[activity].to_owned(), at.as_microsecond()));
    }
    Some(Log::new(events.iter().map(|(customer, moment, at)| (*customer, &**moment, *at, 0))))
}
