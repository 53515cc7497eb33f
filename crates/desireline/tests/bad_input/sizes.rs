//! Customers with very many events, and very many customers. `DESIRELINE_FULL=1` takes the sizes of the specification,
//! otherwise a tenth of them.

use std::fmt::Write as _;

use crate::home::{HEADER, Home};

fn scaled(full: u64) -> u64 {
    if std::env::var_os("DESIRELINE_FULL").is_some() { full } else { full / 10 }
}

fn time(n: u64) -> String {
    format!(
        "2026-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        1 + n / 2_332_800 % 12,
        1 + n / 86_400 % 27,
        n / 3600 % 24,
        n / 60 % 60,
        n % 60
    )
}

#[test]
fn a_customer_with_two_million_events() {
    let events = scaled(2_000_000);
    let home = Home::new();
    let mut text = HEADER.to_owned();
    for n in 0..events {
        let _ = writeln!(text, "one,{},{}", ["visit", "cart", "order"][usize::try_from(n % 3).unwrap()], time(n));
    }
    home.import_gives(&home.file("x.csv", text), &[], events, &[]);
    let all = home.run(&["view", "map,variants,steps,funnel", "--steps", "visit,cart,order", "--json"]).json();
    let edges = all["map"]["edges"].as_array().unwrap();
    assert_eq!(edges.iter().map(|edge| edge["count"].as_u64().unwrap()).sum::<u64>(), events - 1);
    assert_eq!((&all["variants"]["journeys"], &all["variants"]["of"]), (&1.into(), &1.into()));
    assert_eq!(all["funnel"]["steps"][2]["customers"], 1, "{}", all["funnel"]);
}

#[test]
fn five_million_customers_with_one_event() {
    let customers = scaled(5_000_000);
    let home = Home::new();
    let mut text = HEADER.to_owned();
    for n in 0..customers {
        let _ = writeln!(text, "customer-{n},visit,{}", time(n));
    }
    home.import_gives(&home.file("x.csv", text), &[], customers, &[]);
    let map = home.run(&["view", "map", "--json"]).json();
    assert_eq!((&map["customers"], &map["journeys"]), (&customers.into(), &customers.into()));
    assert_eq!(map["edges"].as_array().unwrap().len(), 0);
}
