//! `CloudEvents`: the first byte says of which form, all others are the body.
#![no_main]

use fuzz::{Checking, received};
use libfuzzer_sys::fuzz_target;
use listen::intake::{CloudEvents, Sources};

fuzz_target!(|bytes: &[u8]| {
    let Some((which, body)) = bytes.split_first() else { return };
    let headers: &[(&str, &[u8])] = match which % 3 {
        0 => &[("content-type", b"application/cloudevents+json")],
        1 => &[("content-type", b"application/cloudevents-batch+json")],
        _ => &[
            ("content-type", b"application/json"),
            ("ce-specversion", b"1.0"),
            ("ce-id", b"1"),
            ("ce-source", b"shop"),
            ("ce-type", b"order"),
            ("ce-subject", b"ann"),
        ],
    };
    let Ok(events) = CloudEvents::parse(headers, body) else { return };
    let sources = Sources::default();
    let mut checking = Checking::new(&sources);
    events.read(&sources, &received(), &mut checking).expect("nobody stops it");
    assert_eq!(checking.count(), events.len());
});
