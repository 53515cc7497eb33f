//! Work that nobody waits for gives way to what somebody waits for.

use thread_priority::{ThreadPriority, ThreadPriorityValue, set_current_thread_priority};

/// Between 0, which runs when nothing else does, and 50, which all others have; on Linux a niceness of [`NICENESS`].
const BEHIND: u8 = 25;
const NICENESS: i32 = 9;

/// Has the thread at hand, and those that it starts, get a processor after those that answer somebody, for good. So it is for
/// threads that start none that others use: a runtime that is shared would give way with them. Where the system does not let it,
/// nothing changes but that those who are answered wait longer; and where all of the program gives way as much already.
pub fn give_way() {
    if niceness().is_some_and(|own| own >= NICENESS) {
        // It would come before the others.
        return;
    }
    if let Ok(behind) = ThreadPriorityValue::try_from(BEHIND) {
        let _ = set_current_thread_priority(ThreadPriority::Crossplatform(behind));
    }
}

/// How much the thread at hand gives way, where the system tells it.
fn niceness() -> Option<i32> {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(16)?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn who_gives_way_already_does_not_come_before_anybody() {
        let own = niceness().expect("the system tells it");
        for first in [None, Some(ThreadPriority::Min)] {
            let giving = std::thread::spawn(move || {
                let lowered = first.map(|first| set_current_thread_priority(first).expect("nobody has to allow that"));
                let before = niceness();
                give_way();
                (lowered.is_some(), before, niceness())
            });
            let (is_lowered, before, after) = giving.join().expect("no panic");
            let least = if is_lowered { before } else { Some(own.max(NICENESS)) };
            assert_eq!(after, least, "from {before:?}");
        }
    }
}
