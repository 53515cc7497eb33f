//! Bodies of the Segment API: the first byte says to which address, all others are the body.
#![no_main]

use fuzz::{Checking, received};
use libfuzzer_sys::fuzz_target;
use listen::intake::{Body, Endpoint, Sources, decode};
use listen::segment::Kind;

fuzz_target!(|bytes: &[u8]| {
    let Some((which, body)) = bytes.split_first() else { return };
    let kinds = Kind::NAMED.len();
    let endpoint = match usize::from(*which) % (kinds + 1) {
        at if at < kinds => Endpoint::Message(Kind::NAMED[at].1),
        _ => Endpoint::Batch,
    };
    let Ok(body) = decode(body, None, 1 << 20) else { return };
    let Ok(body) = Body::parse(&body, endpoint) else { return };
    body.write_key();
    let sources = Sources::default();
    let mut checking = Checking::new(&sources);
    body.read(&received(), &mut checking).expect("nobody stops it");
    assert_eq!(checking.count(), body.len());
});
