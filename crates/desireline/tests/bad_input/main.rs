//! Whatever is handed to the program, it says clearly what is wrong, ends with the documented code, loses nothing, and
//! leaves a lake that answers. Everything here drives the real program in a home of its own.
#![cfg(unix)]
#![expect(clippy::print_stderr, clippy::unwrap_used, reason = "a test says why it skips, and may fail anywhere")]

mod answers;
mod crashes;
mod files;
mod home;
mod init;
mod json;
mod logs;
mod questions;
mod sizes;
mod sql;
