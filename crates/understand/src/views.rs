//! All views by name, so that a command, a report or a server asks for any of them in one way.

use std::any::Any;

use charter::Charter;
use evidence::Doubt;
use journey::{AnyFold, Moments, Setting, Wanted};
use schemars::{JsonSchema, schema_for};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::question::Question;
use crate::{
    Comparison, Error, Table, abandonment, absences, channels, conformance, expectations, extent, funnel, interactions,
    map, paths, quality, retention, sankey, say_do, segments, stages, steps, surveys, variants,
};

/// A view with its options.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "view", rename_all = "snake_case")]
pub enum View {
    /// The journey map.
    Map(map::Options),
    /// The typical paths.
    Variants(variants::Options),
    /// The funnel.
    Funnel(funnel::Options),
    /// The step matrix.
    Steps(steps::Options),
    /// The flow from or to a moment.
    Sankey(sankey::Options),
    /// Where journeys end without success.
    Abandonment(abandonment::Options),
    /// The channels and the ways between them.
    Channels(channels::Options),
    /// Requests and how they were resolved.
    Interactions(interactions::Options),
    /// Promises kept and broken.
    Expectations(expectations::Options),
    /// What did not happen.
    Absences(absences::Options),
    /// The designed journey beside the real ones.
    Conformance(conformance::Options),
    /// Journeys that match a pattern.
    Paths(paths::Options),
    /// Who comes back.
    Retention(retention::Options),
    /// What customers answered.
    Surveys(surveys::Options),
    /// What customers said beside what they did.
    #[serde(rename = "say-do")]
    SayDo(say_do::Options),
    /// The stage board.
    Stages(stages::Options),
    /// The segments of customers.
    Segments(segments::Options),
    /// Whether the data are fit.
    Quality(quality::Options),
    /// How far events reach; asked beside the others, and none of [`View::all`].
    Extent(extent::Options),
}

/// Does the same with whichever options a view has.
macro_rules! with_options {
    ($view:expr, $options:ident => $what:expr) => {
        match $view {
            View::Map($options) => $what,
            View::Variants($options) => $what,
            View::Funnel($options) => $what,
            View::Steps($options) => $what,
            View::Sankey($options) => $what,
            View::Abandonment($options) => $what,
            View::Channels($options) => $what,
            View::Interactions($options) => $what,
            View::Expectations($options) => $what,
            View::Absences($options) => $what,
            View::Conformance($options) => $what,
            View::Paths($options) => $what,
            View::Retention($options) => $what,
            View::Surveys($options) => $what,
            View::SayDo($options) => $what,
            View::Stages($options) => $what,
            View::Segments($options) => $what,
            View::Quality($options) => $what,
            View::Extent($options) => $what,
        }
    };
}

/// The fold of one group of journeys: what the group is called, and what it saw.
pub type GroupFold = (String, Box<dyn AnyFold>);

impl View {
    /// Every view that may be asked for, with its usual options, in the order in which they are shown.
    pub fn all() -> Vec<View> {
        vec![
            View::Map(map::Options::default()),
            View::Variants(variants::Options::default()),
            View::Funnel(funnel::Options::default()),
            View::Steps(steps::Options::default()),
            View::Sankey(sankey::Options::default()),
            View::Abandonment(abandonment::Options::default()),
            View::Channels(channels::Options::default()),
            View::Interactions(interactions::Options::default()),
            View::Expectations(expectations::Options::default()),
            View::Absences(absences::Options::default()),
            View::Conformance(conformance::Options::default()),
            View::Paths(paths::Options::default()),
            View::Retention(retention::Options::default()),
            View::Surveys(surveys::Options::default()),
            View::SayDo(say_do::Options::default()),
            View::Stages(stages::Options::default()),
            View::Segments(segments::Options::default()),
            View::Quality(quality::Options::default()),
        ]
    }

    /// The names of all views.
    pub fn names() -> Vec<&'static str> {
        Self::all().iter().map(View::name).collect()
    }

    /// The name that people ask for this view by.
    pub fn name(&self) -> &'static str {
        fn name<Q: Question>(_: &Q) -> &'static str {
            Q::NAME
        }
        with_options!(self, options => name(options))
    }

    /// Its heading in a report, and what its figures mean; both empty where it has a part of the report of its own.
    pub fn heading(&self) -> (&'static str, &'static str) {
        fn heading<Q: Question>(_: &Q) -> (&'static str, &'static str) {
            (Q::TITLE, Q::ABOUT)
        }
        with_options!(self, options => heading(options))
    }

    /// The names of the options that this view takes, each with what it means.
    pub fn options(&self) -> &'static [(&'static str, &'static str)] {
        fn names<Q: Question>(_: &Q) -> &'static [(&'static str, &'static str)] {
            Q::OPTIONS
        }
        with_options!(self, options => names(options))
    }

    /// Whether it is about the charter's journeys and says little about a customer's whole run.
    pub fn is_about_journeys(&self) -> bool {
        fn about<Q: Question>(_: &Q) -> bool {
            Q::ABOUT_JOURNEYS
        }
        with_options!(self, options => about(options))
    }

    /// The view of this name with its usual options.
    ///
    /// # Errors
    /// When there is none.
    pub fn named(name: &str) -> Result<View, Error> {
        let known = Self::names();
        Self::all().into_iter().find(|view| view.name() == name).ok_or_else(|| Error::UnknownView {
            name: name.to_owned(),
            nearest: event::similar(name, known.iter().copied()),
            known: known.iter().map(|name| (*name).to_owned()).collect(),
        })
    }

    /// The view of this name with these options, as they stand on a command line or in a URL.
    ///
    /// ```
    /// use understand::View;
    /// let view = View::parse("funnel", [("steps", "visit,order"), ("within", "30d")])?;
    /// assert_eq!(view.name(), "funnel");
    /// # Ok::<(), understand::Error>(())
    /// ```
    ///
    /// # Errors
    /// When there is no such view or option, when an option cannot have its value, or when one is missing.
    pub fn parse<'a>(name: &str, options: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<View, Error> {
        let mut view = Self::named(name)?;
        for (option, value) in options {
            with_options!(&mut view, all => all.set(option, value))?;
        }
        view.check()?;
        Ok(view)
    }

    /// Whether the options make a question.
    ///
    /// # Errors
    /// When they do not.
    pub fn check(&self) -> Result<(), Error> {
        with_options!(self, options => options.check())
    }

    /// Says what has to be known of events besides their moments and times.
    ///
    /// # Errors
    /// When the charter has not what the view is about.
    pub fn wants(&self, charter: &Charter, wanted: &mut Wanted) -> Result<(), Error> {
        with_options!(self, options => options.wants(charter, wanted))
    }

    /// The moments without which its answer says little; `journey` names the charter's journey that runs are cut into.
    pub fn moments(&self, charter: &Charter, journey: Option<&str>) -> Vec<String> {
        let journey = charter.journeys.iter().find(|drawn| Some(drawn.name.as_str()) == journey);
        let ends = journey.into_iter().flat_map(|drawn| drawn.starts.iter().chain(&drawn.succeeds)).cloned();
        with_options!(self, options => options.names(charter, journey)).into_iter().chain(ends).collect()
    }

    /// Whether the answer depends on up to when events are known, however runs are cut: something in it is pending, silent
    /// or not over.
    pub fn depends_on_the_end(&self, charter: &Charter) -> bool {
        match self {
            View::Map(_)
            | View::Variants(_)
            | View::Funnel(_)
            | View::Steps(_)
            | View::Sankey(_)
            | View::Paths(_)
            | View::Channels(_)
            | View::Extent(_) => false,
            // Who belongs to a segment may depend on it.
            View::Surveys(_) => !charter.segments.is_empty(),
            _ => true,
        }
    }

    /// Whether the answer depends on when the first event was, of all or of each customer.
    pub fn depends_on_the_beginning(&self) -> bool {
        matches!(self, View::Stages(_) | View::Retention(_))
    }

    /// Whether it looks at the period before the one that was asked for too.
    pub fn looks_before(&self) -> bool {
        matches!(self, View::Stages(_))
    }

    /// A fold that has seen nothing yet: one per worker and group, all in the same setting.
    pub fn fold(&self, setting: &Setting) -> Box<dyn AnyFold> {
        with_options!(self, options => Box::new(options.fold(setting)))
    }

    /// What a fold of this view has found out.
    ///
    /// # Errors
    /// When the view names a moment that no event is of.
    ///
    /// # Panics
    /// When the fold is one of another view.
    pub fn finish(&self, fold: Box<dyn AnyFold>, moments: &Moments) -> Result<Box<dyn Answered>, Error> {
        fn finish<Q: Question>(_: &Q, fold: Box<dyn AnyFold>, moments: &Moments) -> Result<Box<dyn Answered>, Error> {
            let answer = journey::Fold::finish(downcast::<Q>(fold), moments)?;
            Ok(Box::new(One::<Q>(answer)))
        }
        with_options!(self, options => finish(options, fold, moments))
    }

    /// What the folds of two groups have found out, and how the groups differ.
    ///
    /// # Errors
    /// When the view names a moment that no event is of.
    ///
    /// # Panics
    /// When a fold is one of another view.
    pub fn compare(&self, a: GroupFold, b: GroupFold, moments: &Moments) -> Result<Box<dyn Answered>, Error> {
        fn compare<Q: Question>(
            options: &Q,
            a: GroupFold,
            b: GroupFold,
            moments: &Moments,
        ) -> Result<Box<dyn Answered>, Error> {
            let (fold_a, fold_b) = (downcast::<Q>(a.1), downcast::<Q>(b.1));
            let comparison = Q::compare((a.0.as_str(), fold_a), (b.0.as_str(), fold_b), moments)?;
            Ok(Box::new(Two::<Q> { comparison, limit: options.limit() }))
        }
        with_options!(self, options => compare(options, a, b, moments))
    }

    /// The JSON Schema of the answer.
    pub fn schema(&self) -> Value {
        fn schema<Q: Question>(_: &Q) -> Value {
            schema_for!(Q::Answer).to_value()
        }
        with_options!(self, options => schema(options))
    }

    /// The JSON Schema of the answer for two groups.
    pub fn comparison_schema(&self) -> Value {
        fn schema<Q: Question>(_: &Q) -> Value {
            schema_for!(Comparison<Q::Answer>).to_value()
        }
        with_options!(self, options => schema(options))
    }
}

fn downcast<Q: Question>(fold: Box<dyn AnyFold>) -> Q::Fold {
    *fold.into_any().downcast::<Q::Fold>().expect("a view is finished with its own folds")
}

/// The answer of any view.
pub trait Answered: Send {
    /// The name of the view.
    fn view(&self) -> &'static str;

    /// The answer as a JSON text, on one line or indented.
    fn json(&self, indented: bool) -> String;

    /// The answer as tables, the main one first.
    fn tables(&self) -> Vec<Table>;

    /// The same tables for a program to read, as CSV.
    fn raw_tables(&self) -> Vec<Table> {
        self.tables()
    }

    /// Adds a doubt that only whoever asked can have.
    fn doubt(&mut self, doubt: Doubt);

    /// The answer itself, such as [`map::Answer`], or [`Comparison`] of it, for whoever knows the view.
    fn answer(&self) -> &dyn Any;
}

/// An answer that carries what stands against it, as all do.
pub trait Doubted {
    /// Its doubts.
    fn doubts_mut(&mut self) -> &mut Vec<Doubt>;
}

macro_rules! all_doubted {
    ($($view:ident),*) => {
        $(impl Doubted for $view::Answer {
            fn doubts_mut(&mut self) -> &mut Vec<Doubt> {
                &mut self.doubts
            }
        })*
    };
}

all_doubted!(
    abandonment,
    absences,
    channels,
    conformance,
    expectations,
    extent,
    funnel,
    interactions,
    map,
    paths,
    quality,
    retention,
    sankey,
    say_do,
    segments,
    stages,
    steps,
    surveys,
    variants
);

struct One<Q: Question>(Q::Answer);

/// An answer to which somebody added what a fold cannot know.
pub(crate) fn answered<Q: Question>(_: &Q, answer: Q::Answer) -> Box<dyn Answered> {
    Box::new(One::<Q>(answer))
}

impl<Q: Question> Answered for One<Q> {
    fn view(&self) -> &'static str {
        Q::NAME
    }

    fn json(&self, indented: bool) -> String {
        json(&self.0, indented)
    }

    fn tables(&self) -> Vec<Table> {
        Q::tables(&self.0)
    }

    fn raw_tables(&self) -> Vec<Table> {
        Q::raw_tables(&self.0)
    }

    fn doubt(&mut self, doubt: Doubt) {
        self.0.doubts_mut().push(doubt);
    }

    fn answer(&self) -> &dyn Any {
        &self.0
    }
}

struct Two<Q: Question> {
    comparison: Comparison<Q::Answer>,
    /// To how many rows lists are cut in tables.
    limit: usize,
}

impl<Q: Question> Answered for Two<Q> {
    fn view(&self) -> &'static str {
        Q::NAME
    }

    fn json(&self, indented: bool) -> String {
        json(&self.comparison, indented)
    }

    fn tables(&self) -> Vec<Table> {
        let mut tables = vec![self.comparison.table(Q::NAME, self.limit)];
        tables.extend(self.comparison.means_table(Q::NAME));
        for group in &self.comparison.groups {
            let mut of_group = Q::tables(&group.answer);
            if let Some(main) = of_group.first_mut() {
                main.cut(self.limit, "rows");
            }
            tables.extend(of_group.into_iter().map(|mut table| {
                table.title = format!("{}: {}", group.name, table.title);
                table
            }));
        }
        tables
    }

    fn raw_tables(&self) -> Vec<Table> {
        let mut tables = self.tables();
        tables[0] = self.comparison.raw_table(Q::NAME, self.limit);
        tables
    }

    fn doubt(&mut self, doubt: Doubt) {
        self.comparison.doubts.push(doubt);
    }

    fn answer(&self) -> &dyn Any {
        &self.comparison
    }
}

fn json(answer: &impl Serialize, indented: bool) -> String {
    let text = if indented { serde_json::to_string_pretty(answer) } else { serde_json::to_string(answer) };
    text.expect("answers are made of texts, numbers and lists")
}
