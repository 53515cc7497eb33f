//! What stands against a figure.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{counted, grouped};

/// Below this many cases a share says little: its interval is wider than a third of the whole scale in the middle.
pub const FEW: u64 = 30;

/// A reason to trust an answer less than it looks, for whoever reads it. An answer carries all that apply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "doubt", rename_all = "snake_case", deny_unknown_fields)]
pub enum Doubt {
    /// There are too few cases to say much.
    FewCases {
        /// What there are few of: `journeys`, `customers`.
        what: String,
        /// How many there are.
        n: u64,
        /// How many there should be.
        wanted: u64,
    },
    /// Only a part of the answer is given.
    Truncated {
        /// What is given in part: `variants`.
        what: String,
        /// How many are given.
        shown: u64,
        /// How many there are.
        of: u64,
    },
    /// Some figures are approximate.
    Approximate {
        /// Which figures: `median_s and p90_s`.
        what: String,
        /// By how much they may be off, as a share of the figure.
        relative_error: f64,
    },
    /// Something could not be counted.
    LeftOut {
        /// What was left out: `scores of nps`.
        what: String,
        /// How many.
        n: u64,
        /// Why.
        why: String,
    },
    /// Some cases may mean something else than what they count as.
    Unclear {
        /// What they are: `promises of delivery`.
        what: String,
        /// How many.
        n: u64,
        /// Of how many.
        of: u64,
        /// What is not clear about them.
        why: String,
    },
    /// Something is not there that the answer needs.
    Missing {
        /// What: `event of the moment callback`.
        what: String,
        /// What follows from that.
        why: String,
    },
    /// Some events lie after the time at which they were imported.
    Ahead {
        /// How many.
        n: u64,
        /// Up to when events count as known (RFC 3339): the latest that is not one of them.
        until: String,
    },
    /// Some customers begin so far before all others that they are taken for dated wrongly.
    Early {
        /// How many.
        n: u64,
        /// When all others begin: the day of the first of them.
        since: String,
    },
    /// The groups came about by themselves; what differs between them may have other causes than what tells them apart.
    NotRandomised,
    /// The organisation does not exist: the events were made up.
    Simulated,
    /// A group has nothing that a share could be of.
    EmptyGroup {
        /// What the group is called.
        group: String,
    },
    /// A customer may be in both of the groups, which the intervals take for independent.
    InBothGroups,
    /// So many differences are given at once that some of the intervals leave out zero by chance alone.
    ManyCompared {
        /// How many differences are given.
        n: u64,
    },
}

impl Doubt {
    /// The doubt that `n` is too few, if it is below [`FEW`].
    pub fn few(what: &str, n: u64) -> Option<Self> {
        (n < FEW).then(|| Doubt::FewCases { what: what.to_owned(), n, wanted: FEW })
    }

    /// The doubt that not all is shown, if it is not.
    pub fn truncated(what: &str, shown: u64, of: u64) -> Option<Self> {
        (shown < of).then(|| Doubt::Truncated { what: what.to_owned(), shown, of })
    }

    /// The doubt that `n` things could not be counted, if there are any.
    pub fn left_out(what: &str, n: u64, why: &str) -> Option<Self> {
        (n > 0).then(|| Doubt::LeftOut { what: what.to_owned(), n, why: why.to_owned() })
    }

    /// The doubt that `n` of so many things may mean something else, if there are any.
    pub fn unclear(what: &str, n: u64, of: u64, why: &str) -> Option<Self> {
        (n > 0).then(|| Doubt::Unclear { what: what.to_owned(), n, of, why: why.to_owned() })
    }

    /// The doubt that something is not there.
    pub fn missing(what: &str, why: &str) -> Self {
        Doubt::Missing { what: what.to_owned(), why: why.to_owned() }
    }

    /// The doubt that comes with `n` differences, if they are more than one.
    pub fn many_compared(n: u64) -> Option<Self> {
        (n > 1).then_some(Doubt::ManyCompared { n })
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Doubt::FewCases { what, n: 0, .. } => write!(f, "no {what}: nothing fits the question"),
            Doubt::FewCases { what, n, wanted } => {
                write!(f, "only {}; below {wanted} the shares say little", counted(*n, &one(what), what))
            }
            Doubt::Truncated { what, shown, of } => {
                write!(f, "{} of {} {what} are shown", grouped(*shown), grouped(*of))
            }
            Doubt::Approximate { what, relative_error } => {
                write!(f, "{what} are approximate, by at most {:.1} %", relative_error * 100.0)
            }
            Doubt::LeftOut { what, n, why } => {
                let are = if *n == 1 { "is" } else { "are" };
                write!(f, "{} {are} left out: {why}", counted(*n, &one(what), what))
            }
            Doubt::Unclear { what, n, of, why } => {
                let why = if *n == 1 { it(why) } else { why.clone() };
                write!(f, "{} of {} {why}", grouped(*n), counted(*of, &one(what), what))
            }
            Doubt::Missing { what, why } => write!(f, "no {what}: {why}"),
            Doubt::Ahead { n, until } => {
                let lie = if *n == 1 { "event lies" } else { "events lie" };
                write!(
                    f,
                    "{} {lie} after the import: what is pending, silent or abandoned is decided as of {until}",
                    grouped(*n)
                )
            }
            Doubt::Early { n, since } => {
                let begin = if *n == 1 { "customer begins" } else { "customers begin" };
                write!(
                    f,
                    "{} {begin} long before all others, who begin on {since}: a wrong date most likely, with which no period is \
                     taken to begin; --events \"at >= '{since}'\" leaves it out",
                    grouped(*n)
                )
            }
            Doubt::NotRandomised => {
                f.write_str("the groups were not made by chance, so a difference is an association, not an effect")
            }
            Doubt::Simulated => f.write_str("these events are simulated: the organisation does not exist"),
            Doubt::EmptyGroup { group } => {
                write!(f, "nothing that is counted here is in {group}, so there is nothing to compare with")
            }
            Doubt::InBothGroups => {
                f.write_str("a customer may be in both groups, and the intervals take the groups for independent")
            }
            Doubt::ManyCompared { n } => {
                let by_chance = *n as f64 * 0.05;
                let digits = usize::from(by_chance < 1.0);
                write!(
                    f,
                    "{} differences at 95 % each: about {by_chance:.digits$} would exclude zero by chance alone",
                    grouped(*n)
                )
            }
        }
    }
}

/// One of several things; the first word says what they are: `answers of nps` is `answer of nps`.
fn one(what: &str) -> String {
    let (many, rest) = what.split_once(' ').map_or((what, String::new()), |(many, rest)| (many, format!(" {rest}")));
    let rest = rest.replace(" are ", " is ").replace(" were ", " was ");
    format!("{}{rest}", many.strip_suffix('s').unwrap_or(many))
}

/// What is said of several things, said of one: `have few` is `has few`.
fn it(why: &str) -> String {
    let verbs = [("have ", "has "), ("were ", "was "), ("are ", "is ")];
    let of_one = verbs.iter().find_map(|(many, one)| Some(format!("{one}{}", why.strip_prefix(many)?)));
    of_one.unwrap_or_else(|| why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Share;

    #[test]
    fn few_is_where_the_interval_is_wide() {
        let width = |n| {
            let share = Share::new(n / 2, n);
            share.high.zip(share.low).map(|(high, low)| high - low)
        };
        assert!(width(FEW - 2) > Some(1.0 / 3.0) && width(FEW + 4) < Some(1.0 / 3.0));
        assert_eq!(Doubt::few("journeys", FEW), None);
        let one = Doubt::few("journeys", 1).expect("few");
        assert_eq!(one.to_string(), "only 1 journey; below 30 the shares say little");
        assert!(Doubt::few("journeys", FEW - 1).is_some());
    }

    #[test]
    fn one_is_said_as_one() {
        let said = |doubt: Option<Doubt>| doubt.expect("a doubt").to_string();
        assert!(said(Doubt::few("answers of nps", 1)).starts_with("only 1 answer of nps; "));
        assert!(said(Doubt::few("promises that are decided", 1)).starts_with("only 1 promise that is decided; "));
        assert_eq!(said(Doubt::left_out("scores of nps", 1, "too high")), "1 score of nps is left out: too high");
        assert_eq!(
            said(Doubt::left_out("scores of nps", 1_200, "too high")),
            "1,200 scores of nps are left out: too high"
        );
        assert_eq!(said(Doubt::unclear("promises", 2, 9, "were made twice")), "2 of 9 promises were made twice");
        assert_eq!(said(Doubt::unclear("cohorts", 1, 4, "have few customers")), "1 of 4 cohorts has few customers");
        assert_eq!(Doubt::missing("event", "nothing follows").to_string(), "no event: nothing follows");
    }

    #[test]
    fn who_begins_early_is_told_with_the_way_out() {
        let said = |n| Doubt::Early { n, since: "2026-03-02".to_owned() }.to_string();
        assert!(
            said(1).starts_with("1 customer begins long before all others, who begin on 2026-03-02: "),
            "{}",
            said(1)
        );
        assert!(said(1_200).starts_with("1,200 customers begin"));
        assert!(said(1).ends_with("; --events \"at >= '2026-03-02'\" leaves it out"));
    }

    #[test]
    fn figures_stay_figures_where_they_are_small() {
        let said = |doubt: Option<Doubt>| doubt.expect("a doubt").to_string();
        assert!(said(Doubt::many_compared(2)).contains("about 0.1 would"));
        assert!(said(Doubt::many_compared(278)).contains("about 14 would"));
        assert_eq!(said(Doubt::few("journeys", 0)), "no journeys: nothing fits the question");
    }

    #[test]
    fn a_whole_answer_is_not_doubted() {
        assert_eq!(Doubt::truncated("variants", 5, 5), None);
        let doubt = Doubt::truncated("variants", 20, 845).expect("in part");
        assert_eq!(doubt.to_string(), "20 of 845 variants are shown");
        let doubt = Doubt::truncated("variants", 20, 3_255).expect("in part");
        assert_eq!(doubt.to_string(), "20 of 3,255 variants are shown");
    }
}
