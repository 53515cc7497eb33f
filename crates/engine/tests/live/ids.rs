//! By what a message is known, whichever way it comes.

use engine::Took;

use crate::stories::Shop;

#[test]
fn a_message_is_no_import_whatever_its_members_are_called() {
    let shop = Shop::new();
    for first in ["importedFrom", "imported_at", "imported"] {
        let send = |ids: &str| {
            shop.send(&format!(r#"{{"{first}":{{"x":1}},"type":"track","event":"Order",{ids},"messageId":"{first}"}}"#))
        };
        assert_eq!(send(r#""anonymousId":"a1""#), [Took::Stored]);
        assert_eq!(send(r#""anonymousId":"a1","userId":"u1""#), [Took::Duplicate], "{first}");
    }
    shop.is_its_replay();
}
