//! By what a message is known, whichever way it comes.

use engine::Took;
use event::{Event, Key};
use futures::executor::block_on;
use listen::Sink as _;

use crate::stories::{Shop, track};

/// Takes in an event of u1 that was read from a file.
fn tell(shop: &Shop, event: &str, id: &str) -> Vec<Took> {
    let keys = [Key { kind: "user_id", value: "u1" }];
    let mut inbox = shop.engine.inbox();
    let event = Event { message_id: Some(id), ..Event::new(event, inbox.received(), &keys) };
    inbox.event(&event).expect("it names somebody");
    block_on(shop.engine.take(inbox)).expect("memory takes it")
}

#[test]
fn what_comes_as_a_message_and_in_a_file_counts_once() {
    let shop = Shop::new();
    let send =
        |user: &str, id: &str| shop.send(&track("Visit", &format!(r#""userId":"{user}","messageId":"{id}""#), ""));
    assert_eq!((tell(&shop, "Visit", "m1"), send("u1", "m1")), (vec![Took::Stored], vec![Took::Duplicate]));
    assert_eq!((send("u1", "m2"), tell(&shop, "Visit", "m2")), (vec![Took::Stored], vec![Took::Duplicate]));
    assert_eq!(send("u2", "m1"), [Took::Stored], "it is somebody else's");
    assert_eq!((send("u2", "m3"), tell(&shop, "Visit", "m3")), (vec![Took::Stored], vec![Took::Stored]), "it is, too");
    // What no two have by chance.
    let [long, other] = ["72b9c7be-1e1d-4f0a-9c06-5d1a7e2f0b11", "72b9c7be-1e1d-4f0a-9c06-5d1a7e2f0b12"];
    assert_eq!((tell(&shop, "Visit", long), send("u1", long)), (vec![Took::Stored], vec![Took::Duplicate]));
    assert_eq!((send("u1", other), tell(&shop, "Visit", other)), (vec![Took::Stored], vec![Took::Duplicate]));
    assert_eq!(shop.customer("user_id", "u1").expect("known").events, 5);
    shop.is_its_replay();
}

#[test]
fn a_message_is_no_import_and_no_row_whatever_its_members_are_called() {
    let shop = Shop::new();
    let firsts = [
        r#""importedFrom":{"x":1}"#,
        r#""imported_at":{"x":1}"#,
        r#""imported":{"x":1}"#,
        r#""imported":{"at_us":1}"#,
        r#""mapping":1"#,
        r#""mapping":"crm","row":{"x":1}"#,
    ];
    for (n, first) in firsts.iter().enumerate() {
        let send =
            |ids: &str| shop.send(&format!(r#"{{{first},"type":"track","event":"Order",{ids},"messageId":"m{n}"}}"#));
        assert_eq!(send(r#""anonymousId":"a1""#), [Took::Stored]);
        assert_eq!(send(r#""anonymousId":"a1","userId":"u1""#), [Took::Duplicate], "{first}");
    }
    shop.is_its_replay();
}
