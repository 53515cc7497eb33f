//! HTTP: what others speak at their paths, and our own API.
