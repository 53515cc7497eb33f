//! Work that nobody waits for gives way to what somebody waits for.

use thread_priority::{ThreadPriority, ThreadPriorityValue, set_current_thread_priority};

/// Between 0, which runs when nothing else does, and 50, which all others have; on Linux a niceness of 9.
const BEHIND: u8 = 25;

/// Has the thread at hand, and those that it starts, get a processor after those that answer somebody, for good. So it is for
/// threads that start none that others use: a runtime that is shared would give way with them. Where the system does not let it,
/// nothing changes but that those who are answered wait longer.
pub fn give_way() {
    if let Ok(behind) = ThreadPriorityValue::try_from(BEHIND) {
        let _ = set_current_thread_priority(ThreadPriority::Crossplatform(behind));
    }
}
