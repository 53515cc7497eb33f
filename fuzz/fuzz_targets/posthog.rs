//! Bodies of `PostHog`, which become bodies of the Segment API.
#![no_main]

use fuzz::{Checking, received};
use libfuzzer_sys::fuzz_target;
use listen::intake::{Body, Endpoint, Sources, from_posthog};

fuzz_target!(|body: &[u8]| {
    let Ok(batch) = from_posthog(body, None, received().at) else { return };
    let Ok(body) = Body::parse(batch.as_bytes(), Endpoint::Batch) else { return };
    let sources = Sources::default();
    let mut checking = Checking::new(&sources);
    body.read(&received(), &mut checking).expect("nobody stops it");
    assert_eq!(checking.count(), body.len());
});
