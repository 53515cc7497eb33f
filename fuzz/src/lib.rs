//! What has to hold whatever the bytes are: every message comes out once, in order, and what is kept of it is read again as
//! the same event.

use event::{Event, Timestamp};
use listen::Stop;
use listen::intake::{Accepted, Received, Receiver, Rejected, Sources, consents, normalised, replay};

/// Takes messages in, and checks each.
pub struct Checking<'s> {
    sources: &'s Sources,
    last: Option<usize>,
    ids: u32,
}

impl<'s> Checking<'s> {
    /// Nothing yet.
    pub fn new(sources: &'s Sources) -> Self {
        Self { sources, last: None, ids: 0 }
    }

    /// How many messages there were.
    pub fn count(&self) -> usize {
        self.last.map_or(0, |last| last + 1)
    }

    fn see(&mut self, index: usize) {
        // A row that has a beginning and an end is two events.
        let next = self.count();
        assert!(index == next || index + 1 == next, "message {index} comes after {:?}", self.last);
        self.last = Some(index);
    }
}

fn notes(event: &Event<'_>) -> String {
    format!("{event:?}")
}

impl Receiver for Checking<'_> {
    fn accepted(&mut self, accepted: &Accepted<'_>) -> Result<(), Stop> {
        self.see(accepted.index);
        assert!(!accepted.keys.is_empty());
        let mut again = Vec::new();
        let read = replay(accepted.text, self.sources, &mut |event| {
            again.push(notes(event));
            Ok(())
        });
        assert!(read.is_ok(), "{}", accepted.text);
        assert_eq!(again, Vec::from_iter(accepted.event.map(notes)), "{}", accepted.text);
        assert!(normalised(accepted.text, self.sources).is_ok(), "{}", accepted.text);
        consents(accepted.text);
        Ok(())
    }

    fn rejected(&mut self, rejected: &Rejected<'_>) -> Result<(), Stop> {
        self.see(rejected.index);
        assert!(!rejected.detail.is_empty());
        Ok(())
    }

    fn new_id(&mut self) -> String {
        self.ids += 1;
        format!("made-{}", self.ids)
    }
}

/// A request that came in at a fixed time.
pub fn received() -> Received<'static> {
    Received { at: Timestamp::from_micros(1_772_355_600_000_000), source: Some("web"), peer: None }
}
