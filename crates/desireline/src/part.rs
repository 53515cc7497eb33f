//! Views that look at the same journeys, as a question to the lake; a view of which something is kept is one by itself.

use std::fmt::Write;
use std::sync::Arc;
use std::time::SystemTime;

use charter::Charter;
use evidence::Doubt;
use journey::{AnyFold, Segment, Setting, Wanted};
use lake::{Before, Keeping, Kept, Lens, Vocabulary};
use understand::{Answered, View};

use crate::args::SelectArgs;
use crate::error::Error;
use crate::question::{Asked, Asking, ask, time, with_now};
use crate::segments::chosen;

/// What is known before anything is asked.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    /// From when on events are known, in microseconds since 1970.
    pub(crate) since_us: i64,
    /// From when on moments of the charter are known.
    pub(crate) began_us: i64,
    /// Up to when events are known.
    pub(crate) until_us: i64,
    /// How many lie after that.
    pub(crate) ahead: u64,
    /// The names that questions share of which nothing is kept.
    pub(crate) vocabulary: Vocabulary,
}

/// Something with its position among the views of an asking.
pub(crate) type Placed<T> = (usize, T);

/// Finds out the answer to a view.
pub(crate) type Finish = Box<dyn FnOnce() -> Result<Box<dyn Answered>, Error> + Send>;

/// Views of an asking that look at the same journeys.
pub(crate) struct Part {
    asked: Asked,
    setting: Setting,
    /// The views with their positions among those of the asking.
    views: Vec<Placed<View>>,
    /// By view: under which name what it counts is kept.
    names: Vec<String>,
    /// What is kept of its only view, and how that was asked then.
    before: Option<(Kept, Asked, Setting)>,
}

/// Which journeys a part is about.
struct Select {
    args: SelectArgs,
    /// Whether also those of the period before, where moments are known for so long.
    before: bool,
}

impl Asking<'_> {
    pub(crate) fn parts(&self, known: &Known, keeping: Option<&Keeping>) -> Result<Vec<Part>, Error> {
        let (charter, chosen) = (self.charter, &self.select.journey);
        let own = charter.journeys.first().filter(|_| chosen.is_none()).map(|journey| journey.name.clone());
        let views = self.views.iter().map(|view| with_now(view, known.ahead)).enumerate();
        let (of_journeys, others): (Vec<Placed<View>>, Vec<Placed<View>>) =
            views.partition(|(_, view)| own.is_some() && view.is_about_journeys());
        // The stage board looks at the journeys of the period before too, and nobody else does.
        let period = self.select.from.is_some() && self.select.to.is_some() && self.select.compare.is_none();
        let (of_both, others): (Vec<Placed<View>>, Vec<Placed<View>>) =
            others.into_iter().partition(|(_, view)| period && view.looks_before());
        let (mut parts, mut afresh) = (Vec::new(), Vec::new());
        for (journey, before, views) in
            [(chosen.clone(), false, others), (own, false, of_journeys), (chosen.clone(), true, of_both)]
        {
            let select = Select { args: SelectArgs { journey, ..self.select.clone() }, before };
            let mut together = Vec::new();
            for (place, view) in views {
                let name = name(charter, &select.args, &view);
                match keeping.and_then(|keeping| keeping.find(&name)) {
                    Some(kept) => parts.push(self.again(&select, (place, view), name, known, kept)?),
                    None => together.push(((place, view), name)),
                }
            }
            if !together.is_empty() {
                afresh.push((select, together));
            }
        }
        // All of them look through one lens, so that looking is shared.
        let wanted = self.wanted(afresh.iter().flat_map(|(_, views)| views).map(|((_, view), _)| view))?;
        for (select, views) in afresh {
            let (asked, setting) = self.set(&select, known, &wanted)?;
            let (views, names) = views.into_iter().unzip();
            parts.push(Part { asked, setting, views, names, before: None });
        }
        Ok(parts)
    }

    /// A view of which something is kept.
    fn again(
        &self,
        select: &Select,
        view: Placed<View>,
        name: String,
        known: &Known,
        kept: Kept,
    ) -> Result<Part, Error> {
        // What is kept speaks of names by their numbers, so this question has the same.
        let now = Known { vocabulary: kept.vocabulary(), ..*known };
        let then = Known { until_us: kept.until_us(), ..now.clone() };
        let wanted = self.wanted(std::iter::once(&view.1))?;
        let (asked, setting) = self.set(select, &now, &wanted)?;
        let (asked_then, setting_then) = self.set(select, &then, &wanted)?;
        let before = Some((kept, asked_then, setting_then));
        Ok(Part { asked, setting, views: vec![view], names: vec![name], before })
    }

    fn wanted<'v>(&self, mut views: impl Iterator<Item = &'v View>) -> Result<Arc<Wanted>, Error> {
        let mut wanted = Wanted::default();
        views.try_for_each(|view| view.wants(self.charter, &mut wanted))?;
        for condition in chosen(&self.select, self.charter)?.conditions() {
            Segment::wants(condition, self.charter, &mut wanted);
        }
        Ok(Arc::new(wanted))
    }

    fn set(&self, select: &Select, known: &Known, wanted: &Arc<Wanted>) -> Result<(Asked, Setting), Error> {
        let (charter, vocabulary) = (self.charter, &known.vocabulary);
        let Select { args: select, before } = select;
        let mut setting = Setting {
            charter: Arc::clone(charter),
            journey: select.journey.clone(),
            moments: vocabulary.moments.clone(),
            words: vocabulary.words.clone(),
            wanted: Arc::clone(wanted),
            since_us: known.since_us,
            began_us: known.began_us,
            until_us: known.until_us,
            from_us: time("--from", select.from.as_deref(), charter)?,
            to_us: time("--to", select.to.as_deref(), charter)?,
            before_us: None,
        };
        let mut asked = ask(select, charter, &vocabulary.moments, known.until_us)?;
        if *before {
            setting.before_us = setting.period_before_us();
            for (_, selection) in &mut asked.selected {
                selection.from_us = setting.before_us.or(selection.from_us);
            }
        }
        asked.choose(&setting);
        Ok((asked, setting))
    }
}

/// The folds of one group, by view.
type Folds = Vec<Box<dyn AnyFold>>;

impl Part {
    /// It as the lake is asked it.
    pub(crate) fn question(&self) -> lake::Question<'_> {
        let wanted = &self.setting.wanted;
        let lens = |lens: &Lens| Lens { wanted: Arc::clone(wanted), ..lens.clone() };
        let selected = self.asked.selected.iter().map(|(own, selection)| (lens(own), selection.clone()));
        let kept = self.before.as_ref().map(|(kept, asked, setting)| Before {
            kept,
            selections: asked.selected.iter().map(|(_, selection)| selection.clone()).collect(),
            folds: Box::new(|| self.folds(setting)),
        });
        lake::Question {
            selected: selected.collect(),
            vocabulary: Vocabulary { moments: self.setting.moments.clone(), words: self.setting.words.clone() },
            folds: Box::new(|| self.folds(&self.setting)),
            names: if self.asked.depends_on_now() { Vec::new() } else { self.names.clone() },
            kept,
        }
    }

    /// The answer to its only view as it was when it was kept; `None` where it was not.
    pub(crate) fn answer_then(self) -> Result<Option<Box<dyn Answered>>, Error> {
        let (Some((kept, _, then)), [(_, view)]) = (&self.before, self.views.as_slice()) else { return Ok(None) };
        let mut fold = view.fold(then);
        let known = kept.resume(fold.as_mut());
        Ok(if known { Some(view.finish(fold, &then.moments)?) } else { None })
    }

    fn folds(&self, setting: &Setting) -> Folds {
        self.views.iter().map(|(_, view)| view.fold(setting)).collect()
    }

    /// What is left to do for each view once everything has been counted.
    pub(crate) fn finishes(self, mut folds: impl Iterator<Item = Folds>) -> Vec<Placed<Finish>> {
        let moments = &self.setting.moments;
        let shared = self.asked.may_share_customers();
        let longer = self.asked.followed_longer(self.setting.until_us);
        let first = self.views.into_iter().zip(folds.next().expect("a question has at least one group"));
        let Some([a, b]) = self.asked.groups else {
            let finish = |((place, view), fold): (Placed<View>, _)| -> Placed<Finish> {
                let moments = moments.clone();
                (place, Box::new(move || Ok(view.finish(fold, &moments)?)))
            };
            return first.map(finish).collect();
        };
        let both = first.zip(folds.next().expect("a comparison has two groups"));
        let compare = |(((place, view), x), y): ((Placed<View>, _), _)| -> Placed<Finish> {
            let (x, y, moments, longer) = ((a.clone(), x), (b.clone(), y), moments.clone(), longer.clone());
            let finish = move || {
                let mut answer = view.compare(x, y, &moments)?;
                if shared {
                    answer.doubt(Doubt::InBothGroups);
                }
                if let Some(longer) = longer {
                    answer.doubt(longer);
                }
                Ok(answer)
            };
            (place, Box::new(finish))
        };
        both.map(compare).collect()
    }
}

/// All that an answer follows from besides the events: the program, the charter, the view and which journeys it is about.
fn name(charter: &Charter, select: &SelectArgs, view: &View) -> String {
    let view = serde_json::to_string(view).expect("options are texts, numbers and lists");
    // What groups are called is not counted.
    let select = SelectArgs { compare_names: None, ..select.clone() };
    let mut name = program();
    write!(name, "\n{}\n{view}\n{select:?}", charter.hash).expect("a text takes whatever comes");
    name
}

/// The program as it was built: another build may count otherwise.
fn program() -> String {
    let file = std::env::current_exe().and_then(std::fs::metadata);
    let built = file.and_then(|file| Ok((file.len(), file.modified()?.duration_since(SystemTime::UNIX_EPOCH).ok())));
    format!("{} {:?}", env!("CARGO_PKG_VERSION"), built.ok())
}
