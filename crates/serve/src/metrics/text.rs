//! The text that Prometheus reads, in either of its forms.
//!
//! Source: Prometheus, "Exposition formats", text format 0.0.4; `OpenMetrics` 1.0, where a counter is called without the
//! `_total` of its samples, and the text says where it ends.

use std::fmt::{Display, Write as _};

/// What is written so far.
#[derive(Debug, Default)]
pub(crate) struct Text {
    text: String,
    open_metrics: bool,
}

impl Text {
    /// Nothing yet, of the form that a client asks for.
    pub(crate) fn accepted(accept: &str) -> Self {
        Self { text: String::new(), open_metrics: accept.contains("application/openmetrics-text") }
    }

    /// Begins a family of samples.
    pub(crate) fn family(&mut self, name: &str, kind: &str, help: &str) {
        let name = if self.open_metrics { name.trim_end_matches("_total") } else { name };
        writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}").expect("a string takes everything");
    }

    /// Writes a sample.
    pub(crate) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.text.push_str(name);
        for (place, (label, value)) in labels.iter().enumerate() {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let begin = if place == 0 { '{' } else { ',' };
            write!(self.text, "{begin}{label}=\"{value}\"").expect("a string takes everything");
        }
        let end = if labels.is_empty() { "" } else { "}" };
        writeln!(self.text, "{end} {value}").expect("a string takes everything");
    }

    /// A family with one sample.
    pub(crate) fn single(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }

    /// The content type, and the text to its end.
    pub(crate) fn finish(mut self) -> (&'static str, String) {
        if self.open_metrics {
            self.text.push_str("# EOF\n");
            return ("application/openmetrics-text; version=1.0.0; charset=utf-8", self.text);
        }
        ("text/plain; version=0.0.4; charset=utf-8", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        let mut text = Text::default();
        text.single("a_total", "counter", "All.", 1);
        text.sample("b", &[("x", "a\"b\\c\nd"), ("y", "")], 0.5);
        assert_eq!(
            text.finish().1,
            "# HELP a_total All.\n# TYPE a_total counter\na_total 1\nb{x=\"a\\\"b\\\\c\\nd\",y=\"\"} 0.5\n"
        );
    }
}
