//! Small logs as text, with all that events carry, read by a charter in the plainest way.

use std::collections::BTreeMap;
use std::sync::Arc;

use charter::{Answer, Charter, EventFacts, Facts};
use event::{Column, Event, Timestamp, Value};
use journey::{Details, Moment, Of, Setting, Want, Wanted, Word, flag};
use rapidhash::v3::rapidhash_v3;

use crate::Log;
use crate::log::event;

/// Events of some customers with all that they carry, and a charter.
#[derive(Debug, Clone)]
pub struct Told {
    /// The charter.
    pub charter: Arc<Charter>,
    /// The events, sorted by customer and time.
    pub events: Vec<ToldEvent>,
}

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub struct ToldEvent {
    /// Whose it is.
    pub customer: i64,
    /// What happened, as the event calls it.
    pub name: String,
    /// When, in microseconds since 1970.
    pub at_us: i64,
    /// As [`Log::flags`].
    pub flags: u64,
    /// `channel`, `source`, `resource`, `department`, `case_id` and `phase` are columns, `received_at` is one in microseconds
    /// since 1970; all else are properties, numbers where they look like one.
    pub carries: BTreeMap<String, String>,
}

/// What an event may carry that is no property.
const NAMED: [&str; 6] = ["channel", "source", "resource", "department", "case_id", "phase"];

/// Reads a charter and a log like [`log`](crate::log()) in which events may carry more: `ann: ticket@2d{channel=call topic=bill}
/// done{}`; no spaces inside of values.
///
/// ```
/// let charter = "charter: 1\nmoments:\n  order: {when: \"event = 'order' and properties.total > 10\"}\n";
/// let told = testkit::told(charter, "ann: visit order@1h{total=5} order@1d{total=50 channel=web}");
/// let log = told.log(None, |_, wanted| {
///     wanted.number(&event::Column::Property(vec!["total".to_owned()]), journey::Of::All);
/// });
/// assert_eq!(log.at_us, [86_400_000_000], "what is no moment is no part of the log");
/// assert_eq!(log.details.numbers, [[50.0]]);
/// ```
///
/// # Panics
/// When the text is not such a log, or the charter is wrong.
pub fn told(charter: &str, text: &str) -> Told {
    let charter = Charter::parse(charter).unwrap_or_else(|problems| panic!("{problems:?}")).0;
    let mut customers: Vec<&str> = Vec::new();
    let mut events = Vec::new();
    for line in text.split([';', '\n']).map(str::trim).filter(|line| !line.is_empty()) {
        let (customer, mut rest) = line.split_once(':').unwrap_or_else(|| panic!("no customer in `{line}`"));
        let number = customers.iter().position(|c| *c == customer).unwrap_or_else(|| {
            customers.push(customer);
            customers.len() - 1
        });
        let mut before_us = -1_000_000;
        while !rest.trim().is_empty() {
            rest = rest.trim_start();
            let end = rest.find([' ', '{']).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            let (carried, after) = match after.strip_prefix('{') {
                Some(inside) => inside.split_once('}').unwrap_or_else(|| panic!("no `}}` in `{line}`")),
                None => ("", after),
            };
            rest = after;
            let (name, at_us, flags) = event(word, before_us);
            before_us = at_us;
            let pair = |pair: &str| pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
            let carries = carried.split_whitespace().map(|p| pair(p).unwrap_or_else(|| panic!("no `=` in `{p}`")));
            let carries = carries.collect();
            let customer = i64::try_from(number).expect("few customers") + 1;
            events.push(ToldEvent { customer, name: name.to_owned(), at_us, flags, carries });
        }
    }
    events.sort_by_key(|event| (event.customer, event.at_us));
    Told { charter: Arc::new(charter), events }
}

impl Facts for ToldEvent {
    fn get(&self, column: &Column) -> Answer<'_> {
        let text = |name: &str| self.carries.get(name).map_or(Value::Null, |text| Value::Text(text)).into();
        match column {
            Column::Event => Value::Text(&self.name).into(),
            Column::At => Value::Time(Timestamp::from_micros(self.at_us)).into(),
            Column::ReceivedAt => {
                let received_us = self.carries.get("received_at").and_then(|text| text.parse().ok());
                Value::Time(Timestamp::from_micros(received_us.unwrap_or(self.at_us))).into()
            }
            Column::Property(path) => {
                let name = path.join(".");
                match self.carries.get(&name).map(|text| text.parse::<f64>()) {
                    Some(Ok(number)) => Value::Float(number).into(),
                    _ => text(&name),
                }
            }
            Column::Trait(_) => Value::Null.into(),
            named => text(&named.to_string()),
        }
    }
}

impl Told {
    /// Calls `each` with the customer and the event of every line, customer by customer in the order of time, as a sender
    /// would have sent it.
    pub fn each_event(&self, mut each: impl FnMut(i64, &Event<'_>)) {
        for told in &self.events {
            let carried = |name: &str| told.carries.get(name).map(String::as_str);
            let properties = told.carries.iter().filter(|(name, _)| !NAMED.contains(&name.as_str()));
            let properties = properties.map(|(name, value)| match value.parse::<f64>() {
                Ok(_) => format!("\"{name}\":{value}"),
                Err(_) => format!("\"{name}\":\"{value}\""),
            });
            let properties = format!("{{{}}}", properties.collect::<Vec<_>>().join(","));
            let at = Timestamp::from_micros(told.at_us);
            each(
                told.customer,
                &Event {
                    channel: carried("channel"),
                    source: carried("source"),
                    resource: carried("resource"),
                    department: carried("department"),
                    case_id: carried("case_id"),
                    phase: carried("phase"),
                    properties: Some(&properties),
                    ..Event::new(&told.name, at, &[])
                },
            );
        }
    }

    /// The log as a pass over the lake would show it: what is no moment is left out, and of every event is known what
    /// `wants` says; `journey` names the cut.
    pub fn log(&self, journey: Option<&str>, wants: impl FnOnce(&Charter, &mut Wanted)) -> Log {
        let mut wanted = Wanted::default();
        wants(&self.charter, &mut wanted);
        let mut log = Log::default();
        for moment in &self.charter.moments {
            log.moments.intern(&moment.name);
        }
        log.setting = Setting {
            charter: Arc::clone(&self.charter),
            journey: journey.map(str::to_owned),
            since_us: self.events.iter().map(|event| event.at_us).min().unwrap_or(0),
            began_us: self.events.iter().map(|event| event.at_us).min().unwrap_or(0),
            until_us: self.events.iter().map(|event| event.at_us).max().unwrap_or(0),
            wanted: Arc::new(wanted.clone()),
            ..Setting::plain(&log.moments)
        };
        log.details = Details::of(&wanted);
        for event in &self.events {
            self.tell(event, &wanted, &mut log);
        }
        log
    }

    fn tell(&self, event: &ToldEvent, wanted: &Wanted, log: &mut Log) {
        let charter = &self.charter;
        let (name, stage) = if charter.moments.is_empty() {
            (event.name.as_str(), None)
        } else {
            let Some(moment) = charter.moment_of(event) else { return };
            let moment = &charter.moments[moment];
            (moment.name.as_str(), moment.stage.as_deref())
        };
        let facts = EventFacts { event, moment: Some(name), stage };
        let mut flags = event.flags;
        for (position, condition) in wanted.conditions.iter().enumerate() {
            flags |= if condition.holds(&facts) { flag::wanted(position) } else { 0 };
        }
        let is_of = |want: &Want| match &want.of {
            Of::All => true,
            Of::Moments(moments) => moments.iter().any(|moment| moment == name),
            Of::Condition(position) => flags & flag::wanted(*position) != 0,
        };
        let text = |want: &Want| -> Option<String> {
            if !is_of(want) {
                return None;
            }
            if want.column == Column::Channel
                && let Some(channel) = charter.channel_of(event)
            {
                return Some(charter.channels[channel].name.clone());
            }
            match event.get(&want.column).value()? {
                Value::Text(text) => Some(text.to_owned()),
                Value::Float(number) => Some(number.to_string()),
                _ => None,
            }
        };
        for (want, column) in wanted.words.iter().zip(&mut log.details.words) {
            column.push(text(want).map_or(Word::NONE, |text| log.setting.words.word(&text)));
        }
        for (want, column) in wanted.keys.iter().zip(&mut log.details.keys) {
            column.push(text(want).map_or(0, |text| rapidhash_v3(text.as_bytes()).max(1)));
        }
        for (want, column) in wanted.numbers.iter().zip(&mut log.details.numbers) {
            let number = match event.get(&want.column).value() {
                Some(Value::Float(number)) if is_of(want) => number,
                Some(Value::Time(time)) if is_of(want) => time.as_micros() as f64,
                _ => f64::NAN,
            };
            column.push(number);
        }
        log.customer.push(event.customer);
        log.moment.push(log.moments.intern(name));
        log.at_us.push(event.at_us);
        log.flags.push(flags);
    }

    /// The number of a moment.
    pub fn moment(log: &Log, name: &str) -> Moment {
        log.moments.find(name).unwrap_or(Moment::NONE)
    }
}
