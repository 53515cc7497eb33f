//! The charter as a whole.

use std::fmt::Write;

use event::{Calendar, Column, Span, Weekdays};
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use crate::actions::{self, Action, Cap, Deciding, Feature, Stakes};
use crate::condition::{Condition, ConditionError, Facts, Truth};
use crate::idle;
use crate::journeys::{self, Expectation, Interaction, Journey, Outcome, Survey};
use crate::keys::{self, Keys};
use crate::moments::{self, Channel, Department, Moment, Stage};
use crate::pilots::{self, Belief, Checklist, Pilot};
use crate::problem::{Code, Problem, Severity};
use crate::read::{Kind, Names, Reader};
use crate::scenario::{self, Scenario};
use crate::segments::{self, Segment};
use crate::sources::{self, SourceMap};
use crate::words::{CustomerWords, Fact};
use crate::yaml::{self, Node, Value};

/// The version of the charter language that this program reads.
pub const VERSION: u32 = 1;

/// An organisation's own shared definition of its customer experience. Everything is computed from it and from events.
///
/// ```
/// let text = "charter: 1\nmoments:\n  order: {when: \"event = 'Order Completed'\"}\n";
/// let (charter, warnings) = charter::Charter::parse(text).expect("it is correct");
/// assert_eq!(charter.moments[0].name, "order");
/// assert_eq!(warnings, []);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Charter {
    /// Whose charter it is.
    pub organisation: Option<String>,
    /// The zone in which times without an offset are meant; UTC where none is given.
    pub timezone: TimeZone,
    /// Whether the charter says that zone itself.
    pub timezone_said: bool,
    /// The currency of all amounts, as three letters.
    pub currency: Option<String>,
    /// What customer experience means here, agreed by all departments.
    pub definition: Option<String>,
    /// When the organisation works.
    pub calendar: Calendar,
    /// How a person is recognised.
    pub keys: Keys,
    /// For how long a message id that came in live is known, in microseconds, so that the same message counts once; as long as
    /// the program has it where none is given.
    pub message_ids_us: Option<i64>,
    /// How rows of files become events.
    pub sources: Vec<SourceMap>,
    /// Where things happen.
    pub channels: Vec<Channel>,
    /// Who owns and does things.
    pub departments: Vec<Department>,
    /// The life cycle, in order.
    pub stages: Vec<Stage>,
    /// What counts, in order: an event is the first moment whose condition holds. Empty: every distinct event name is a
    /// moment of its own.
    pub moments: Vec<Moment>,
    /// How runs of events are cut into journeys. Empty: each customer has one journey.
    pub journeys: Vec<Journey>,
    /// Which events are about one request.
    pub interactions: Vec<Interaction>,
    /// What the business gets.
    pub outcomes: Vec<Outcome>,
    /// What customers are asked.
    pub surveys: Vec<Survey>,
    /// What customers may expect.
    pub expectations: Vec<Expectation>,
    /// Which groups of customers have a name.
    pub segments: Vec<Segment>,
    /// What is known about each customer.
    pub features: Vec<Feature>,
    /// What can be done for a customer.
    pub actions: Vec<Action>,
    /// How much may be done at all.
    pub caps: Vec<Cap>,
    /// Which cases are rare and costly.
    pub stakes: Option<Stakes>,
    /// How it is decided between actions.
    pub deciding: Deciding,
    /// What is being tried.
    pub pilots: Vec<Pilot>,
    /// What is held to be true.
    pub beliefs: Vec<Belief>,
    /// Its tests.
    pub tests: Vec<Scenario>,
    /// The questions of each stage.
    pub checklists: Vec<Checklist>,
    /// The version of this charter: 64 hexadecimal digits of SHA-256 over its content. Comments, layout and the style
    /// of quotes do not change it; any key, value or order does.
    pub hash: String,
}

/// The keys at the top of a charter.
pub(crate) const TOP: &[&str] = &[
    "charter",
    "organisation",
    "timezone",
    "currency",
    "definition",
    "calendar",
    "keys",
    "message_ids",
    "sources",
    "channels",
    "departments",
    "stages",
    "moments",
    "journeys",
    "interactions",
    "outcomes",
    "surveys",
    "expectations",
    "segments",
    "features",
    "actions",
    "caps",
    "stakes",
    "deciding",
    "pilots",
    "beliefs",
    "tests",
    "checklists",
];
pub(crate) const CALENDAR: &[&str] = &["days", "hours", "holidays"];

impl Charter {
    /// Reads and checks a charter: the charter and its warnings, or everything that is wrong with it.
    ///
    /// # Errors
    /// All problems of the text, in the order of their places, warnings included.
    pub fn parse(text: &str) -> Result<(Self, Vec<Problem>), Vec<Problem>> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut reader = Reader::new(text);
        let document = yaml::read(text, &mut reader.problems);
        if document.root.is_none() && reader.problems.is_empty() {
            empty(&mut reader);
        }
        let charter = document.root.and_then(|root| read(&mut reader, &root, &document.broken));
        let mut problems = reader.problems;
        problems.sort_by_key(|problem| (problem.bytes.start, problem.code));
        let wrong = problems.iter().any(|problem| problem.code.severity() == Severity::Error);
        match charter {
            Some(charter) if !wrong => Ok((charter, problems)),
            _ => Err(problems),
        }
    }

    /// The charter of an organisation that has not written one: every distinct event name is a moment, each customer
    /// has one journey.
    ///
    /// # Panics
    /// Never: the shortest charter is correct.
    pub fn without_file() -> Self {
        let (charter, _) = Self::parse("charter: 1\n").expect("the shortest charter is correct");
        charter
    }

    /// The position of a moment by its name.
    pub fn moment(&self, name: &str) -> Option<usize> {
        self.moments.iter().position(|moment| moment.name == name)
    }

    /// The moment that an event is, by its position: the first whose condition holds. `None` when there is none, or
    /// when it depends on something that is still pending; see [`try_moment_of`](Self::try_moment_of).
    pub fn moment_of(&self, facts: &(impl Facts + ?Sized)) -> Option<usize> {
        self.try_moment_of(facts).ok().flatten()
    }

    /// As [`moment_of`](Self::moment_of), where some columns may not be known yet.
    ///
    /// # Errors
    /// The first moment that depends on something pending, when no earlier one holds: from there on, the event itself
    /// has to be asked.
    pub fn try_moment_of(&self, facts: &(impl Facts + ?Sized)) -> Result<Option<usize>, usize> {
        for (i, moment) in self.moments.iter().enumerate() {
            match moment.when.eval(facts) {
                Truth::True => return Ok(Some(i)),
                Truth::Pending => return Err(i),
                Truth::False | Truth::Null => {}
            }
        }
        Ok(None)
    }

    /// The stage of a moment, by their positions.
    pub fn stage_of(&self, moment: usize) -> Option<usize> {
        let stage = self.moments.get(moment)?.stage.as_ref()?;
        self.stages.iter().position(|known| known.name == *stage)
    }

    /// The channel of an event, by its position: the first whose condition holds, or else the one that it names.
    pub fn channel_of(&self, facts: &(impl Facts + ?Sized)) -> Option<usize> {
        let by_condition = |c: &Channel| c.when.as_ref().is_some_and(|when| when.holds(facts));
        self.channels.iter().position(by_condition).or_else(|| {
            let answer = facts.get(&event::Column::Channel);
            let Some(event::Value::Text(name)) = answer.value() else { return None };
            self.channels.iter().position(|channel| channel.name == name)
        })
    }

    /// Everybody who may own a moment or a promise: the departments, then whoever only a moment or an expectation names, since
    /// a charter need not list its departments.
    pub fn owners(&self) -> Vec<&str> {
        let named =
            self.moments.iter().map(|moment| &moment.owner).chain(self.expectations.iter().map(|one| &one.owner));
        let mut owners: Vec<&str> = self.departments.iter().map(|department| department.name.as_str()).collect();
        for owner in named.flatten() {
            if !owners.contains(&owner.as_str()) {
                owners.push(owner);
            }
        }
        owners
    }

    /// How the rows of a file become events: the first source whose pattern matches its name.
    pub fn source_for(&self, path: &str) -> Option<&SourceMap> {
        self.sources.iter().find(|source| source.glob.matches(path))
    }

    /// A condition that is asked of this charter's events: over their columns, `moment` and `stage`.
    ///
    /// # Errors
    /// As [`Condition::parse`].
    pub fn condition(&self, text: &str) -> Result<Condition<Fact>, ConditionError> {
        let mut names = Names::default();
        names.define(Kind::Moment, self.moments.iter().map(|m| m.name.clone()).collect());
        names.define(Kind::Stage, self.stages.iter().map(|s| s.name.clone()).collect());
        Condition::parse_with(text, &CustomerWords { names: &names, live: false }, &self.timezone)
    }

    /// The moments that a condition over events is about, whether it names them itself or their stage. Where the charter has no
    /// moments, every name of an event is one.
    pub fn moments_of(&self, condition: &Condition<Fact>) -> Vec<String> {
        let mut names = condition.compared_with(&Fact::Moment);
        if self.moments.is_empty() {
            names.extend(condition.compared_with(&Fact::Event(Column::Event)));
        }
        let of_stages = self.moments_of_stages(&condition.compared_with(&Fact::Stage));
        names.into_iter().map(str::to_owned).chain(of_stages).collect()
    }

    /// The moments that belong to one of these stages.
    pub(crate) fn moments_of_stages(&self, stages: &[&str]) -> Vec<String> {
        let of = |moment: &&Moment| moment.stage.as_deref().is_some_and(|stage| stages.contains(&stage));
        self.moments.iter().filter(of).map(|moment| moment.name.clone()).collect()
    }
}

fn empty(reader: &mut Reader<'_>) {
    reader.report(Code::MissingKey, 0..0, "this charter is empty", Some("begin it with `charter: 1`".to_owned()));
}

/// Reads the whole charter; of the sections in `broken`, only a part is there.
fn read(reader: &mut Reader<'_>, root: &Node, broken: &[String]) -> Option<Charter> {
    if root.is_null() {
        empty(reader);
        return None;
    }
    let top = reader.fields(root, "a charter", TOP);
    reader.names = Names::collect(root, broken);
    match top.get("charter") {
        None if !matches!(root.value, Value::Map(_)) || broken.iter().any(|name| name == "charter") => {}
        None => {
            let hint = Some("begin it with `charter: 1`".to_owned());
            reader.report(Code::MissingKey, 0..0, "a charter says which version of the language it is in", hint);
        }
        Some(node) => {
            if reader.whole(node, 1).is_some_and(|version| version != VERSION) {
                let reason = format!("this program reads charters of version {VERSION} only");
                reader.report(Code::Version, node.bytes.clone(), reason, None);
            }
        }
    }
    // The zone comes first, because times in conditions are meant in it; then definitions before what refers to them.
    let zone = top.get("timezone").and_then(|n| reader.time_zone(n));
    let (timezone_said, timezone) = (zone.is_some(), zone.unwrap_or(TimeZone::UTC));
    reader.zone = timezone.clone();
    let keys = keys::read(reader, top.get("keys"));
    let moments = top.get("moments").map(|n| moments::read_moments(reader, n)).unwrap_or_default();
    let features = top.get("features").map(|n| actions::read_features(reader, n)).unwrap_or_default();
    let charter = Charter {
        organisation: top.get("organisation").and_then(|n| reader.text(n)),
        currency: top.get("currency").and_then(|n| read_currency(reader, n)),
        definition: top.get("definition").and_then(|n| reader.text(n)),
        calendar: read_calendar(reader, top.get("calendar"), &timezone),
        timezone,
        timezone_said,
        keys,
        message_ids_us: top.get("message_ids").and_then(|n| read_message_ids(reader, n)),
        sources: top.get("sources").map(|n| sources::read(reader, n)).unwrap_or_default(),
        channels: top.get("channels").map(|n| moments::read_channels(reader, n)).unwrap_or_default(),
        departments: top.get("departments").map(|n| moments::read_departments(reader, n)).unwrap_or_default(),
        stages: top.get("stages").map(|n| moments::read_stages(reader, n)).unwrap_or_default(),
        moments,
        journeys: top.get("journeys").map(|n| journeys::read_journeys(reader, n)).unwrap_or_default(),
        interactions: top.get("interactions").map(|n| journeys::read_interactions(reader, n)).unwrap_or_default(),
        outcomes: top.get("outcomes").map(|n| journeys::read_outcomes(reader, n)).unwrap_or_default(),
        surveys: top.get("surveys").map(|n| journeys::read_surveys(reader, n)).unwrap_or_default(),
        expectations: top.get("expectations").map(|n| journeys::read_expectations(reader, n)).unwrap_or_default(),
        segments: top.get("segments").map(|n| segments::read(reader, n)).unwrap_or_default(),
        features,
        actions: top.get("actions").map(|n| actions::read_actions(reader, n)).unwrap_or_default(),
        caps: top.get("caps").map(|n| actions::read_caps(reader, n)).unwrap_or_default(),
        stakes: top.get("stakes").and_then(|n| actions::read_stakes(reader, n)),
        deciding: top.get("deciding").map(|n| actions::read_deciding(reader, n)).unwrap_or_default(),
        pilots: top.get("pilots").map(|n| pilots::read_pilots(reader, n)).unwrap_or_default(),
        beliefs: top.get("beliefs").map(|n| pilots::read_beliefs(reader, n)).unwrap_or_default(),
        tests: top.get("tests").map(|n| scenario::read(reader, n)).unwrap_or_default(),
        checklists: top.get("checklists").map(|n| pilots::read_checklists(reader, n)).unwrap_or_default(),
        hash: hash(root),
    };
    if broken.is_empty() {
        warn_unused(reader, root);
    }
    if reader.problems.iter().all(|problem| problem.code.severity() == Severity::Warning) {
        idle::warn(reader, &top, &charter);
    }
    Some(charter)
}

fn read_message_ids(reader: &mut Reader<'_>, node: &Node) -> Option<i64> {
    match reader.span(node)? {
        Span::Elapsed(micros) if micros > 0 => Some(micros),
        Span::Elapsed(_) | Span::BusinessDays(_) => {
            let reason =
                "message ids are known for some elapsed time, not for none and not for business days".to_owned();
            reader.report(Code::BadValue, node.bytes.clone(), reason, Some("such as 30d".to_owned()));
            None
        }
    }
}

fn read_currency(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let currency = reader.text(node)?;
    if currency.len() == 3 && currency.bytes().all(|b| b.is_ascii_uppercase()) {
        return Some(currency);
    }
    let hint = Some("three capital letters, such as EUR".to_owned());
    reader.report(Code::BadValue, node.bytes.clone(), format!("`{currency}` is not a currency"), hint);
    None
}

fn read_calendar(reader: &mut Reader<'_>, node: Option<&Node>, zone: &TimeZone) -> Calendar {
    let mut calendar = Calendar::weekdays(zone.clone());
    let Some(node) = node else { return calendar };
    let fields = reader.fields(node, "a calendar", CALENDAR);
    if let Some(node) = fields.get("days") {
        calendar.days = reader.weekdays(node).unwrap_or(Weekdays::MONDAY_TO_FRIDAY);
    }
    if let Some(node) = fields.get("hours")
        && let Some((opens, closes)) = reader.hours(node)
    {
        if opens >= closes {
            let hint = Some("work that goes over midnight cannot be counted in business days".to_owned());
            reader.report(Code::BadTime, node.bytes.clone(), "work ends before it begins", hint);
        }
        (calendar.opens, calendar.closes) = (opens, closes);
    }
    if let Some(node) = fields.get("holidays") {
        calendar.holidays = node.items().into_iter().filter_map(|n| reader.date(n)).collect();
    }
    calendar
}

/// Stages and departments that nothing refers to were probably meant to be used.
fn warn_unused(reader: &mut Reader<'_>, root: &Node) {
    let Value::Map(sections) = &root.value else { return };
    for (section, node) in sections {
        let (kind, reason) = match section.scalar().map(|s| s.text.as_str()) {
            Some("stages") => (Kind::Stage, "no moment belongs to the stage"),
            Some("departments") => (Kind::Department, "nothing is owned by the department"),
            _ => continue,
        };
        let Value::Map(entries) = &node.value else { continue };
        for (key, _) in entries {
            if let Some(name) = key.scalar()
                && !reader.names.is_used(kind, &name.text)
            {
                reader.report(Code::Unused, key.bytes.clone(), format!("{reason} `{}`", name.text), None);
            }
        }
    }
}

fn hash(root: &Node) -> String {
    fn feed(node: &Node, digest: &mut Sha256) {
        let put = |digest: &mut Sha256, mark: u8, length: usize| {
            digest.update([mark]);
            digest.update((length as u64).to_le_bytes());
        };
        match &node.value {
            Value::Scalar(scalar) => {
                // `1` and `"1"` are two things, `abc` and `"abc"` are one.
                let bare = node.is_null() || scalar.truth().is_some() || scalar.number().is_some();
                put(digest, if bare { b'p' } else { b't' }, scalar.text.len());
                digest.update(scalar.text.as_bytes());
            }
            Value::List(items) => {
                put(digest, b'l', items.len());
                for item in items {
                    feed(item, digest);
                }
            }
            Value::Map(entries) => {
                put(digest, b'm', entries.len());
                for (key, value) in entries {
                    feed(key, digest);
                    feed(value, digest);
                }
            }
        }
    }
    let mut digest = Sha256::new();
    feed(root, &mut digest);
    digest.finalize().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
