//! A sink that writes down what it gets as text, for tests.

use event::Event;

use crate::sink::{Rejection, Sink, Stop};

/// Everything that came, one line each.
#[derive(Debug, Default)]
pub(crate) struct Notebook {
    pub(crate) events: Vec<String>,
    pub(crate) rejected: Vec<String>,
    pub(crate) rows: Vec<Vec<u8>>,
}

impl Sink for Notebook {
    fn event(&mut self, event: &Event<'_>) -> Result<(), Stop> {
        let keys: Vec<String> = event.keys.iter().map(|key| format!("{}={}", key.kind, key.value)).collect();
        let mut line = format!("{} {} [{}]", event.at, event.event, keys.join(" "));
        let received_at = event.received_at.map(|at| at.to_string());
        let texts = [
            ("received_at", received_at.as_deref()),
            ("channel", event.channel),
            ("source", event.source),
            ("message_id", event.message_id),
            ("resource", event.resource),
            ("department", event.department),
            ("case_id", event.case_id),
            ("phase", event.phase),
            ("properties", event.properties),
            ("traits", event.traits),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                line = format!("{line} {name}={text}");
            }
        }
        for json in [event.properties, event.traits].into_iter().flatten() {
            serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(json).expect("a JSON object");
        }
        self.events.push(line);
        Ok(())
    }

    fn reject(&mut self, rejection: &Rejection<'_>) -> Result<(), Stop> {
        self.rejected.push(format!("{}: {}: {}", rejection.line, rejection.reason, rejection.detail));
        self.rows.push(rejection.row.to_vec());
        Ok(())
    }
}
