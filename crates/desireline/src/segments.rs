//! Segments by name or as SQL over the facts of a customer: whom `--segment` keeps and `--compare` sets side by side.

use charter::{Charter, Condition, CustomerFact};

use crate::args::SelectArgs;
use crate::error::Error;

/// A condition over customers.
type OfCustomers = Condition<CustomerFact>;

/// By which segments customers are chosen.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Chosen {
    /// Everybody belongs to this one.
    pub(crate) all: Option<OfCustomers>,
    /// By group that is compared: its segment, and whether its customers belong to it.
    pub(crate) compare: Option<[(OfCustomers, bool); 2]>,
}

impl Chosen {
    /// All conditions.
    pub(crate) fn conditions(&self) -> impl Iterator<Item = &OfCustomers> {
        self.all.iter().chain(self.compare.iter().flatten().map(|(condition, _)| condition))
    }
}

/// What the options say about segments. A name of a segment wins over everything else that `--compare` may be.
pub(crate) fn chosen(select: &SelectArgs, charter: &Charter) -> Result<Chosen, Error> {
    let all = select.segment.as_deref().map(|text| by_name_or_sql(text, charter)).transpose()?;
    let compare = select.compare.as_deref().map(|text| compared(text, charter)).transpose()?.flatten();
    Ok(Chosen { all, compare })
}

fn by_name_or_sql(text: &str, charter: &Charter) -> Result<OfCustomers, Error> {
    if let Some(segment) = charter.segment(text.trim()) {
        return Ok(segment.when.clone());
    }
    if is_a_name(text) {
        return Err(unknown("--segment", text.trim(), charter));
    }
    charter.customer_condition(text).map_err(|wrong| Error::Condition {
        option: "--segment",
        text: text.to_owned(),
        wrong,
    })
}

/// `NAME`, or `A,B`; `None` where it is about something else than segments.
fn compared(text: &str, charter: &Charter) -> Result<Option<[(OfCustomers, bool); 2]>, Error> {
    if let Some(segment) = charter.segment(text.trim()) {
        if charter.condition(text).is_ok() {
            return Err(Error::Usage(format!(
                "--compare: `{text}` is a segment of the charter and a condition over events: rename the segment, or write the condition in parentheses"
            )));
        }
        return Ok(Some([(segment.when.clone(), true), (segment.when.clone(), false)]));
    }
    let Some((a, b)) = text.split_once(',') else {
        let lost = is_a_name(text) && !charter.segments.is_empty() && charter.condition(text).is_err();
        return if lost { Err(unknown("--compare", text.trim(), charter)) } else { Ok(None) };
    };
    let (a, b) = (a.trim(), b.trim());
    match (charter.segment(a), charter.segment(b)) {
        (Some(a), Some(b)) => Ok(Some([(a.when.clone(), true), (b.when.clone(), true)])),
        (None, Some(_)) => Err(unknown("--compare", a, charter)),
        (Some(_), None) => Err(unknown("--compare", b, charter)),
        (None, None) if is_a_name(a) && is_a_name(b) => Err(unknown("--compare", a, charter)),
        (None, None) => Ok(None),
    }
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
