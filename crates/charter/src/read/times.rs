//! Times, dates, periods and spans as they are written in a charter.

use event::{Span, Timestamp, Weekdays};
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

use super::Reader;
use crate::nearest;
use crate::problem::Code;
use crate::yaml::Node;

/// The days of the week as they are written, Monday first.
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl Reader<'_> {
    fn bad_time(&mut self, node: &Node, reason: String, hint: &str) {
        self.report(Code::BadTime, node.bytes.clone(), reason, Some(hint.to_owned()));
    }

    /// A span of time, such as `14d` or `3bd`.
    pub(crate) fn span(&mut self, node: &Node) -> Option<Span> {
        let text = self.datum(node)?;
        text.parse()
            .map_err(|error: event::SpanError| self.report(Code::BadTime, node.bytes.clone(), error.to_string(), None))
            .ok()
    }

    /// A span of elapsed time; `reason` says why it cannot be one of business days.
    pub(crate) fn elapsed(&mut self, node: &Node, reason: &str, hint: &str) -> Option<Span> {
        let span = self.span(node)?;
        if span.as_micros().is_none() {
            self.bad_time(node, reason.to_owned(), hint);
            return None;
        }
        Some(span)
    }

    /// A moment in time; without an offset it is meant in the zone of the charter.
    pub(crate) fn timestamp(&mut self, node: &Node) -> Option<Timestamp> {
        let text = self.datum(node)?;
        let parsed = Timestamp::parse(&text, &self.zone);
        parsed.map_err(|error| self.report(Code::BadTime, node.bytes.clone(), error.to_string(), None)).ok()
    }

    pub(crate) fn date(&mut self, node: &Node) -> Option<Date> {
        let text = self.datum(node)?;
        let parsed = text.parse::<Date>();
        parsed.map_err(|_| self.bad_time(node, format!("`{text}` is not a date"), "write it as 2026-12-25")).ok()
    }

    /// A time zone by its name.
    pub(crate) fn time_zone(&mut self, node: &Node) -> Option<TimeZone> {
        let text = self.text(node)?;
        if let Ok(zone) = TimeZone::get(&text) {
            return Some(zone);
        }
        let known: Vec<String> = jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect();
        let near = nearest::nearest(&text, known.iter().map(String::as_str));
        let hint = near.map_or("write it as Europe/Berlin or UTC".to_owned(), |near| format!("did you mean `{near}`?"));
        self.bad_time(node, format!("there is no time zone `{text}`"), &hint);
        None
    }

    /// Two times of day, such as `08:00-18:00`; 24:00 is the end of the day.
    pub(crate) fn hours(&mut self, node: &Node) -> Option<(Time, Time)> {
        let text = self.datum(node)?;
        let time = |part: &str| match part.trim() {
            "24:00" => Some(Time::MAX),
            part => part.parse::<Time>().ok(),
        };
        let hours = text.split_once('-').and_then(|(from, to)| Some((time(from)?, time(to)?)));
        if hours.is_none() {
            self.bad_time(node, format!("`{text}` is not a period of the day"), "write it as \"08:00-18:00\"");
        }
        hours
    }

    /// Days of the week: `mon-fri`, `mon-fri, sun`, or a list.
    pub(crate) fn weekdays(&mut self, node: &Node) -> Option<Weekdays> {
        let mut days = [false; 7];
        for item in node.items() {
            let text = self.text(item)?;
            for part in text.split(',') {
                let (from, to) = part.split_once('-').unwrap_or((part, part));
                let (Some(from), Some(to)) = (day(from), day(to)) else {
                    let reason = format!("`{}` is not a day of the week, or several", part.trim());
                    self.bad_time(item, reason, "write it as mon-fri, or [mon, tue, sat]");
                    return None;
                };
                // `fri-mon` goes over the end of the week.
                (0..7).map(|n| (from + n) % 7).take((to + 7 - from) % 7 + 1).for_each(|d| days[d] = true);
            }
        }
        Some(Weekdays(days))
    }
}

/// The number of a day by its name, Monday 0; full names are understood by their first three letters.
fn day(name: &str) -> Option<usize> {
    let name = name.trim().to_lowercase();
    let number = DAYS.iter().position(|known| name.starts_with(known))?;
    let weekday = Weekday::from_monday_zero_offset(i8::try_from(number).ok()?).ok()?;
    let full = format!("{weekday:?}").to_lowercase();
    (name == DAYS[number] || name == full).then_some(number)
}
