//! The text that Prometheus reads.

use std::fmt::{Display, Write as _};

/// What is written so far.
#[derive(Debug, Default)]
pub(crate) struct Text(String);

impl Text {
    /// Begins a family of samples.
    pub(crate) fn family(&mut self, name: &str, kind: &str, help: &str) {
        writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}").expect("a string takes everything");
    }

    /// Writes a sample.
    pub(crate) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (place, (label, value)) in labels.iter().enumerate() {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let begin = if place == 0 { '{' } else { ',' };
            write!(self.0, "{begin}{label}=\"{value}\"").expect("a string takes everything");
        }
        let end = if labels.is_empty() { "" } else { "}" };
        writeln!(self.0, "{end} {value}").expect("a string takes everything");
    }

    /// A family with one sample.
    pub(crate) fn single(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }

    pub(crate) fn into_string(self) -> String {
        self.0
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
            text.into_string(),
            "# HELP a_total All.\n# TYPE a_total counter\na_total 1\nb{x=\"a\\\"b\\\\c\\nd\",y=\"\"} 0.5\n"
        );
    }
}
