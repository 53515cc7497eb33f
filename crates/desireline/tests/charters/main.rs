//! What a charter says about files and journeys is what the program does, from a file on disk to the answer; and what
//! neither says is asked of whoever sits in front of it.
#![cfg(unix)]
#![expect(clippy::print_stderr, clippy::unwrap_used, reason = "a test says why it skips, and may fail anywhere")]

#[path = "../bad_input/home.rs"]
#[expect(dead_code, reason = "these tests need a part of it")]
mod home;

mod actions;
mod asking;
mod journeys;
mod keys;
mod moments;
mod sources;
