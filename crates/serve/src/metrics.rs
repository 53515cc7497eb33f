//! What is counted, as Prometheus reads it.
//!
//! Source: Prometheus, "Exposition formats", text format 0.0.4.

mod histogram;
mod process;
mod text;

use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) use histogram::Histogram;
pub(crate) use text::Text;

/// The statuses that are counted one by one; the last stands for all others.
const STATUSES: [u16; 19] =
    [200, 201, 202, 204, 304, 400, 401, 403, 404, 405, 406, 408, 409, 413, 415, 429, 500, 503, 0];

/// Answers at one address, by status.
#[derive(Debug, Default)]
pub(crate) struct Answers([AtomicU64; STATUSES.len()]);

impl Answers {
    pub(crate) fn count(&self, status: u16) {
        let place = STATUSES.iter().position(|known| *known == status).unwrap_or(STATUSES.len() - 1);
        self.0[place].fetch_add(1, Ordering::Relaxed);
    }

    /// Those that came at least once.
    fn counted(&self) -> impl Iterator<Item = (String, u64)> {
        let name = |status: u16| if status == 0 { "other".to_owned() } else { status.to_string() };
        let counted = STATUSES.iter().zip(&self.0).map(move |(status, n)| (name(*status), n.load(Ordering::Relaxed)));
        counted.filter(|(_, n)| *n > 0)
    }
}

/// What the server counts itself; what the engine counts comes from the engine.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// How long it took until what was sent was stored.
    pub(crate) ingest: Histogram,
    /// How long it took to decide.
    pub(crate) decision: Histogram,
    /// Requests to addresses that are none, and with methods that are not known there.
    pub(crate) elsewhere: Answers,
}

impl Metrics {
    /// Writes what was counted; `routes` are the methods and addresses with their answers.
    pub(crate) fn write<'r>(&'r self, text: &mut Text, routes: impl Iterator<Item = (&'r str, &'r str, &'r Answers)>) {
        let elsewhere = std::iter::once(("", "", &self.elsewhere));
        text.family("desireline_http_requests_total", "counter", "Answers, by address and status.");
        for (method, route, answers) in routes.chain(elsewhere) {
            for (status, n) in answers.counted() {
                let labels = [("route", route), ("method", method), ("status", status.as_str())];
                text.sample("desireline_http_requests_total", &labels, n);
            }
        }
        text.family("desireline_ingest_seconds", "histogram", "Time until what was sent was stored.");
        self.ingest.write(text, "desireline_ingest_seconds");
        text.family("desireline_decision_seconds", "histogram", "Time until it was decided.");
        self.decision.write(text, "desireline_decision_seconds");
        process::write(text);
    }
}
