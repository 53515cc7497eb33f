//! Segments by name or as SQL over the facts of a customer: whom `--segment` keeps and `--compare` sets side by side.

use charter::{Charter, Condition, ConditionError, CustomerFact, Fault};

use crate::args::SelectArgs;
use crate::error::Error;

/// A condition over customers.
type OfCustomers = Condition<CustomerFact>;

/// By which segments customers are chosen.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Chosen {
    /// Everybody belongs to all of these.
    pub(crate) all: Vec<OfCustomers>,
    /// Whether `--where` is one of them, and no condition over events.
    pub(crate) in_where: bool,
    /// What is compared.
    pub(crate) compare: Option<Compared>,
}

/// Two groups of customers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Compared {
    /// By group: its segment, and whether its customers belong to it.
    pub(crate) groups: [(OfCustomers, bool); 2],
    /// The names of both, where two segments were named.
    pub(crate) names: Option<[String; 2]>,
}

impl Chosen {
    /// All conditions.
    pub(crate) fn conditions(&self) -> impl Iterator<Item = &OfCustomers> {
        let compared = self.compare.iter().flat_map(|compare| &compare.groups);
        self.all.iter().chain(compared.map(|(condition, _)| condition))
    }
}

/// What the options say about segments. A name of a segment wins over everything else that `--where` and `--compare` may be;
/// SQL is about events where it can be, and otherwise about customers.
pub(crate) fn chosen(select: &SelectArgs, charter: &Charter) -> Result<Chosen, Error> {
    let own = select.segment.as_deref().map(|text| by_name_or_sql(text, charter)).transpose()?;
    let condition = select.with.as_deref().map(|text| customers("--where", text, charter)).transpose()?.flatten();
    let compare = select.compare.as_deref().map(|text| compared(text, charter)).transpose()?.flatten();
    Ok(Chosen { in_where: condition.is_some(), all: own.into_iter().chain(condition).collect(), compare })
}

/// The segment that a text names, or what it says of customers where it cannot be about events.
fn customers(option: &'static str, text: &str, charter: &Charter) -> Result<Option<OfCustomers>, Error> {
    let about_events = charter.condition(text);
    let of_events = about_events.is_ok();
    match charter.segment(text.trim()) {
        Some(_) if of_events => Err(Error::Usage(format!(
            "{option}: `{text}` is a segment of the charter and a condition over events: rename the segment, or write the condition in parentheses"
        ))),
        Some(segment) => Ok(Some(segment.when.clone())),
        None if of_events => Ok(None),
        None if is_a_name(text) && !charter.segments.is_empty() => Err(unknown(option, text.trim(), charter)),
        None => match (charter.customer_condition(text), about_events) {
            (Ok(condition), _) => Ok(Some(condition)),
            (Err(wrong), Err(of_events)) if meant(&of_events, charter) => Err(explained(option, text, wrong, charter)),
            (Err(_), _) => Ok(None),
        },
    }
}

/// Whether the name that no event has is one of customers, or nearly that of a segment.
fn meant(of_events: &ConditionError, charter: &Charter) -> bool {
    let Fault::UnknownName { name } = &of_events.fault else { return false };
    let segments = charter.segments.iter().map(|segment| segment.name.as_str());
    CustomerFact::is_named(name) || event::nearest(name, segments).is_some()
}

/// Why a text is no condition over customers.
fn explained(option: &'static str, text: &str, wrong: ConditionError, charter: &Charter) -> Error {
    match &wrong.fault {
        Fault::UnknownName { name } if charter.condition(&format!("{name} is null")).is_ok() => Error::Usage(format!(
            "{option}: `{name}` is known of events, and the rest is about customers: write what is about events in --where, and what is about customers in --segment"
        )),
        _ => Error::Condition { option, text: text.to_owned(), wrong },
    }
}

fn by_name_or_sql(text: &str, charter: &Charter) -> Result<OfCustomers, Error> {
    if let Some(segment) = charter.segment(text.trim()) {
        return Ok(segment.when.clone());
    }
    if is_a_name(text) {
        return Err(unknown("--segment", text.trim(), charter));
    }
    charter.customer_condition(text).map_err(|wrong| explained("--segment", text, wrong, charter))
}

/// `NAME`, SQL over customers, or `A,B`; `None` where it is about something else than customers.
fn compared(text: &str, charter: &Charter) -> Result<Option<Compared>, Error> {
    if let Some((a, b)) = text.split_once(',') {
        let (a, b) = (a.trim(), b.trim());
        match (charter.segment(a), charter.segment(b)) {
            (Some(of_a), Some(of_b)) => {
                let groups = [(of_a.when.clone(), true), (of_b.when.clone(), true)];
                return Ok(Some(Compared { groups, names: Some([a.to_owned(), b.to_owned()]) }));
            }
            (None, Some(_)) => return Err(unknown("--compare", a, charter)),
            (Some(_), None) => return Err(unknown("--compare", b, charter)),
            (None, None) if is_a_name(a) && is_a_name(b) => return Err(unknown("--compare", a, charter)),
            (None, None) => {}
        }
    }
    let one = customers("--compare", text, charter)?;
    Ok(one.map(|when| Compared { groups: [(when.clone(), true), (when, false)], names: None }))
}

/// Whether it can be nothing else than a name: no fact of a customer is true or false by itself.
fn is_a_name(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}

fn unknown(option: &str, name: &str, charter: &Charter) -> Error {
    let known: Vec<&str> = charter.segments.iter().map(|segment| segment.name.as_str()).collect();
    let near = event::similar(name, known.iter().copied());
    let hint = match (near.as_slice(), known.as_slice()) {
        (_, []) => "it has none; add `segments:`, such as `segments: {loyal: events >= 10}`".to_owned(),
        ([], known) => format!("it has {}", known.join(", ")),
        (near, _) => format!("did you mean `{}`?", near.join("`, `")),
    };
    Error::NotFound(format!("{option}: the charter has no segment `{name}`; {hint}"))
}
