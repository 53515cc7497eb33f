//! What changed about a customer, in the words of the charter, for whoever watches.

use act::{News, Plan};
use event::Timestamp;
use serde::Serialize;

/// Something that changed about a customer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// The customer, by its number.
    pub customer: i64,
    /// What is new.
    pub news: Vec<Told>,
    /// What had been told and turned out not to be so.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub withdrawn: Vec<Told>,
    /// The action that was decided for, if any was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
}

/// A piece of news.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Told {
    /// What kind of news: `moment`, `stage`, `broken`.
    pub what: act::What,
    /// The moment, stage, expectation that it is about, by its name.
    pub of: String,
    /// When, in the time of events.
    pub at: String,
    /// When the journey, promise or interaction began; for all else, when it happened.
    pub began: String,
}

impl Told {
    pub(crate) fn new(news: &News, plan: &Plan) -> Self {
        let time = |us: i64| Timestamp::from_micros(us).to_string();
        Self {
            what: news.what,
            of: plan.name(news.what, news.of).unwrap_or_default().to_owned(),
            at: time(news.at_us),
            began: time(news.began_us),
        }
    }

    pub(crate) fn all(news: &[News], plan: &Plan) -> Vec<Self> {
        news.iter().map(|news| Self::new(news, plan)).collect()
    }
}
