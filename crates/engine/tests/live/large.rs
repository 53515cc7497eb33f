//! What is too much for one commit.

use std::fmt::Write as _;

use engine::{Options, Took};
use futures::executor::block_on;
use keep::{Keep as _, Wanted};

use crate::open;
use crate::stories::{Shop, track};

#[test]
fn decisions_about_a_whole_batch_that_are_too_much_at_once_are_made_in_parts() {
    // A decision says of every action how it fared, by its name.
    let mut charter = "charter: 1\nmoments: {visit: {when: event = 'Visit'}}\nactions:\n".to_owned();
    for n in 0..30 {
        let name = format!("a{n}_{}", "x".repeat(1_000));
        writeln!(charter, "  {name}: {{when: event = 'Visit', value: {n}, deliver: {{webhook: mail}}}}").expect("text");
    }
    let mut shop = Shop::new();
    shop.engine = open(&charter, &shop.keep, &shop.clock, Options::default()).expect("memory is there");
    let visit = |n: u32| track("Visit", &format!(r#""userId":"u{n}""#), "");
    let took = shop.send(&(0..3_000).map(visit).collect::<Vec<_>>().join(","));
    assert!(took.len() == 3_000 && took.iter().all(|took| *took == Took::Stored));
    let commits = block_on(shop.keep.load(&Wanted::default())).expect("memory is there").as_of.0;
    assert!((2..10).contains(&commits), "{commits} commits");
    assert_eq!(shop.deliveries("mail").len(), 100, "as many as are asked for");
    assert_eq!(shop.customer("user_id", "u2999").expect("known").decided.len(), 1);
}
