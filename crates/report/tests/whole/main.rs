//! The crate as its callers see it: logs as text, through the real folds, to whole pages, pictures and findings.

mod findings;
mod logs;
mod pages;
mod sections;
