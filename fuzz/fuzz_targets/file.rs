//! Files of every format that is text, or compressed text: CSV, JSON Lines, XES, OCEL. The bytes say which.
#![no_main]

use std::io::Cursor;

use event::Event;
use libfuzzer_sys::fuzz_target;
use listen::{Format, Options, Rejection, Sink, Stop, plan, read};

#[derive(Default)]
struct Counted {
    events: u64,
    rejected: u64,
}

impl Sink for Counted {
    fn event(&mut self, event: &Event<'_>) -> Result<(), Stop> {
        self.events += 1;
        assert!(!event.event.is_empty());
        Ok(())
    }

    fn reject(&mut self, rejection: &Rejection<'_>) -> Result<(), Stop> {
        self.rejected += 1;
        assert!(rejection.line > 0 && !rejection.detail.is_empty());
        Ok(())
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(format) = Format::detect("file", bytes) else { return };
    let Ok(plan) = plan(format, bytes, &Options::default()) else { return };
    let mut sink = Counted::default();
    // What is broken in the middle is an error; what came before it was counted.
    if let Ok(summary) = read(&plan, Box::new(Cursor::new(bytes)), &mut sink) {
        assert_eq!(summary.events, sink.events);
    }
});
