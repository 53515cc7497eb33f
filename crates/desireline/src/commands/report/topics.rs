//! What a report asks: everything that the charter at hand lets it ask, in one pass.

use charter::Charter;
use journey::Wanted;
use understand::{Error as ViewError, View};

use super::Asks;
use crate::args::SelectArgs;
use crate::error::Error;

/// Paths that the report lists.
const PATHS: usize = 10;
/// Journeys of a charter that get sections of their own, the first ones.
const JOURNEYS_MAX: usize = 4;
/// Up to so many days of data, retention is told by day; up to so many, by week; of more, by month.
const DAYS_BY_DAY: i64 = 21;
const DAYS_BY_WEEK: i64 = 182;

/// Views that are asked of the same journeys.
pub(super) struct Topic {
    pub(super) select: SelectArgs,
    pub(super) views: Vec<View>,
    /// The journey that they are about, where each journey of the charter has its own.
    pub(super) journey: Option<String>,
    /// Whether they are about all events of a customer, although the report is about a journey.
    pub(super) whole: bool,
}

/// A heading, and what goes with it.
type Headed = (String, String);

/// All topics, and what there is nothing for.
#[derive(Default)]
pub(super) struct Topics {
    pub(super) all: Vec<Topic>,
    /// What the charter has no part for: heading, and the part.
    lacking: Vec<Headed>,
    /// What has to be asked for: heading, and how.
    unasked: Vec<Headed>,
}

impl Topics {
    /// `days` is how long the data reach.
    pub(super) fn of(charter: &Charter, select: &SelectArgs, asks: Asks<'_>, days: i64) -> Result<Self, Error> {
        let one_group = SelectArgs { compare: None, compare_names: None, ..select.clone() };
        let of_runs = SelectArgs { journey: None, ..one_group.clone() };
        let mut topics = Self::default();
        let limit = PATHS.to_string();
        let mut main = vec![View::parse("map", [])?, View::parse("variants", [("limit", limit.as_str())])?];
        for pattern in asks.patterns {
            main.push(View::parse("paths", [("pattern", pattern.as_str())])?);
        }
        let customers = topics.about_customers(charter, days)?;
        if select.journey.is_none() {
            main.extend(customers);
            topics.add(one_group.clone(), main, None, false);
        } else {
            topics.add(one_group.clone(), main, None, false);
            topics.add(of_runs, customers, None, true);
        }
        topics.about_journeys(charter, &one_group)?;
        if asks.patterns.is_empty() {
            let how = "ask for one with `desireline report --pattern \"visit .. order\"`".to_owned();
            topics.unasked.push((View::named("paths")?.heading().0.to_owned(), how));
        }
        Ok(topics)
    }

    /// What the page leaves out, and why.
    pub(super) fn left_out(&mut self, has_charter: bool) -> Vec<Headed> {
        let mut all = Vec::new();
        if has_charter {
            let why = |(heading, part): Headed| (heading, format!("the charter has no `{part}:`"));
            all.extend(self.lacking.drain(..).map(why));
        } else {
            let headings: Vec<String> = self.lacking.drain(..).map(|(heading, _)| heading).collect();
            let why = "there is no charter; `desireline init FILES > charter.yaml` proposes a first one".to_owned();
            all.push((headings.join("; "), why));
        }
        all.append(&mut self.unasked);
        all
    }

    pub(super) fn add(&mut self, select: SelectArgs, views: Vec<View>, journey: Option<String>, whole: bool) {
        self.all.push(Topic { select, views, journey, whole });
    }

    /// The views that are about customers and all that happened to them.
    fn about_customers(&mut self, charter: &Charter, days: i64) -> Result<Vec<View>, Error> {
        let by = match days {
            _ if days <= DAYS_BY_DAY => "day",
            _ if days <= DAYS_BY_WEEK => "week",
            _ => "month",
        };
        let mut views = vec![View::parse("retention", [("by", by)])?];
        for name in ["stages", "segments", "interactions", "expectations", "absences", "surveys", "say-do", "quality"] {
            views.push(View::parse(name, [])?);
        }
        views.retain(|view| self.can(view, charter));
        Ok(views)
    }

    /// The views that each journey of the charter has its own answer of.
    fn about_journeys(&mut self, charter: &Charter, select: &SelectArgs) -> Result<(), Error> {
        let channels = View::parse("channels", [])?;
        let (abandonment, conformance) = (View::parse("abandonment", [])?, View::parse("conformance", [])?);
        let [can_end, can_part] = [&abandonment, &conformance].map(|view| self.can(view, charter));
        let chosen = |name: &str| select.journey.as_deref().is_none_or(|chosen| chosen == name);
        for journey in charter.journeys.iter().filter(|journey| chosen(&journey.name)).take(JOURNEYS_MAX) {
            let mut views = vec![channels.clone()];
            views.extend(can_end.then(|| abandonment.clone()));
            views.extend((can_part && journey.designed.is_some()).then(|| conformance.clone()));
            let of_journey = SelectArgs { journey: Some(journey.name.clone()), ..select.clone() };
            self.add(of_journey, views, Some(journey.label.clone()), false);
        }
        if charter.journeys.is_empty() {
            self.add(select.clone(), vec![channels], None, false);
        }
        Ok(())
    }

    /// Whether the charter has what a view is about; what it lacks is noted.
    fn can(&mut self, view: &View, charter: &Charter) -> bool {
        let Err(error) = view.wants(charter, &mut Wanted::default()) else { return true };
        let heading = view.heading().0.to_owned();
        match error {
            ViewError::CharterLacks { section, .. } => self.lacking.push((heading, section)),
            ViewError::NoSegments => self.lacking.push((heading, "segments".to_owned())),
            other => self.unasked.push((heading, other.to_string())),
        }
        false
    }
}
