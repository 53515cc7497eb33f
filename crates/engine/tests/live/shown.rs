//! What is shown of what came in.

use futures::executor::block_on;

use crate::stories::{Shop, track};

#[test]
fn messages_are_shown_from_the_newest_back_page_by_page() {
    let shop = Shop::new();
    let visit = |n: u32| track("Visit", r#""userId":"u1""#, &format!(r#","messageId":"m{n}""#));
    // More than are read of the log at once, and in batches that are of no use to a page.
    (0..7).for_each(|n| drop(shop.send(&(n * 100..n * 100 + 100).map(visit).collect::<Vec<_>>().join(","))));
    let (mut found, mut before) = (Vec::new(), None);
    loop {
        let odd = |text: &str| !text.contains("00\"");
        let page = block_on(shop.engine.messages(&odd, before, 90)).expect("the log can be read");
        before = page.last().map(|(position, _)| *position);
        let ids =
            page.iter().map(|(_, message)| serde_json::from_str::<serde_json::Value>(message.get()).expect("JSON"));
        found.extend(ids.map(|message| message["messageId"].as_str().expect("it has one").to_owned()));
        if page.len() < 90 {
            break;
        }
    }
    let all: Vec<String> = (0..700).rev().map(|n| format!("m{n}")).filter(|id| !id.ends_with("00")).collect();
    assert_eq!(found, all);
}
