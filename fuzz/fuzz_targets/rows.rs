//! JSON objects that are read by the sources of a charter.
#![no_main]

use std::sync::LazyLock;

use charter::Charter;
use fuzz::{Checking, received};
use libfuzzer_sys::fuzz_target;
use listen::intake::{Rows, Sources};

static SOURCES: LazyLock<Sources> = LazyLock::new(|| {
    let text = "charter: 1\nsources:\n  tickets: {event: kind, user_id: caller.id, at: opened, properties: \"*\"}\n  \
                calls: {event: \"'Call'\", user_id: caller, start: begin, end: finish}\n";
    let (charter, _) = Charter::parse(text).unwrap_or_else(|problems| panic!("{problems:?}"));
    Sources::of(&charter)
});

fuzz_target!(|bytes: &[u8]| {
    let Some((which, body)) = bytes.split_first() else { return };
    let Ok(rows) = Rows::parse(body) else { return };
    let Ok(source) = SOURCES.named(if which % 2 == 0 { "tickets" } else { "calls" }) else { return };
    let mut checking = Checking::new(&SOURCES);
    rows.read(source, &received(), &mut checking).expect("nobody stops it");
});
