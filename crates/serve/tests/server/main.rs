//! A real server on a free port, and what clients send: good, bad and hostile.

mod answers;
mod api;
mod cors;
mod document;
mod gone;
mod hostile;
mod keys;
mod segment;
mod support;
mod tls;
