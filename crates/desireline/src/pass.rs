//! All that is asked at once, in one pass over the events: how far events reach is asked beside what needs to know it.

use event::{Period, Periods};
use lake::{Keeping, Lake, LeftOut, Of};
use listen::stitch::Rules;
use tokio::runtime::Handle;
use understand::{Answered, View, extent as reach, quality};

use crate::args::SelectArgs;
use crate::error::Error;
use crate::history;
use crate::home::Home;
use crate::part::{Known, Part};
use crate::question::{Asking, extent};

/// By asking: the answers in the order of its views.
pub(crate) type Answers = Vec<Vec<Box<dyn Answered>>>;

/// A pass over the events, or over those of whom something is new.
pub(crate) struct Pass<'a> {
    pub(crate) lake: &'a Lake,
    pub(crate) home: &'a Home,
    pub(crate) rules: &'a Rules,
    pub(crate) of: Option<Of>,
    pub(crate) keeping: Option<Keeping>,
}

impl Pass<'_> {
    /// The answers of all askings, and how far events reach for each.
    pub(crate) async fn ask_all(
        &self,
        askings: &[Asking<'_>],
        extents: &[Asking<'_>],
        known: &Known,
    ) -> Result<(Answers, Answers), Error> {
        let known_all = || extents.iter().map(|extent| (extent, known.clone()));
        let since = |began: &[i64]| -> Vec<(&Asking<'_>, Known)> {
            let known = began.iter().map(|began_us| Known { began_us: *began_us, ..known.clone() });
            askings.iter().zip(known).collect()
        };
        let began = |reached: &Answers| -> Vec<i64> {
            let began_us = |reached| extent(reached).and_then(|extent: &reach::Answer| extent.began_us);
            reached.iter().map(|reached| began_us(reached).unwrap_or(known.since_us)).collect()
        };
        let looks_before = askings.iter().any(|asking| asking.views.iter().any(View::looks_before));
        let guess =
            if looks_before { self.guess(extents, known).await? } else { Some(vec![known.since_us; askings.len()]) };
        if let Some(guess) = guess {
            let mut all = since(&guess);
            all.extend(known_all());
            let mut answers = self.ask(&all).await?;
            let reached = answers.split_off(askings.len());
            if !looks_before || began(&reached) == guess {
                return Ok((answers, reached));
            }
        }
        let reached = self.ask(&known_all().collect::<Vec<_>>()).await?;
        Ok((self.ask(&since(&began(&reached))).await?, reached))
    }

    /// Where moments begin for each of these, most likely: where they did when that was kept, or on the day of the first of
    /// all events. `None` where that cannot be told.
    async fn guess(&self, extents: &[Asking<'_>], known: &Known) -> Result<Option<Vec<i64>>, Error> {
        let mut began = Vec::new();
        for asking in extents {
            let Some(part) = asking.parts(known, self.keeping.as_ref())?.pop() else { return Ok(None) };
            let first_us = match part.answer_then()? {
                Some(then) => extent(&[then]).and_then(|extent| extent.began_us),
                None if asking.select.events.is_some() => None,
                None => {
                    let mut days = Periods::new(Period::Day, asking.charter.timezone.clone());
                    let begins_us = self.lake.begins_us().await?;
                    begins_us.and_then(|at_us| days.number(at_us)).and_then(|day| days.start(day))
                }
            };
            let Some(first_us) = first_us else { return Ok(None) };
            began.push(first_us);
        }
        Ok(Some(began))
    }

    /// The answers in the order of the views of each asking.
    async fn ask(&self, askings: &[(&Asking<'_>, Known)]) -> Result<Answers, Error> {
        let mut parts = Vec::new();
        for (asking, known) in askings {
            parts.push(asking.parts(known, self.keeping.as_ref())?);
        }
        if parts.iter().all(Vec::is_empty) {
            return Ok(askings.iter().map(|_| Vec::new()).collect());
        }
        let questions: Vec<lake::Question<'_>> = parts.iter().flatten().map(Part::question).collect();
        let answered = match &self.of {
            Some(of) => self.lake.ask_of(of, &questions).await.map_err(in_flags)?,
            None => self.lake.ask(self.rules, &questions, self.keeping.as_ref()).await?,
        };
        let (mut groups, mut left_out) = (answered.groups.into_iter(), answered.left_out.into_iter());
        drop(questions);
        let mut finishes = Vec::new();
        for (asking, parts) in parts.into_iter().enumerate() {
            for part in parts {
                let (folds, left_out) = groups.next().zip(left_out.next()).expect("every part was asked");
                let all = part.finishes(folds.into_iter()).into_iter();
                finishes.extend(all.map(|(view, finish)| ((asking, view), left_out.clone(), finish)));
            }
        }
        // What has to read something is not to be the last that others wait for.
        finishes.sort_by_key(|((asking, view), ..)| !matches!(askings[*asking].0.views[*view], View::Quality(_)));
        let handle = Handle::current();
        let finished = lake::each_on_all_cores(finishes, |((asking, view), left_out, finish)| {
            let answer = handle.block_on(self.complete(finish()?, left_out, askings[asking].0))?;
            Ok::<_, Error>(((asking, view), answer))
        });
        let mut answers: Vec<Vec<Option<Box<dyn Answered>>>> =
            askings.iter().map(|(asking, _)| asking.views.iter().map(|_| None).collect()).collect();
        for finished in finished {
            let ((asking, view), answer) = finished?;
            answers[asking][view] = Some(answer);
        }
        let every = |answers: Vec<Option<Box<dyn Answered>>>| {
            answers.into_iter().map(|answer| answer.expect("every view was asked")).collect()
        };
        Ok(answers.into_iter().map(every).collect())
    }

    /// The answer with what its fold does not know.
    async fn complete(
        &self,
        answer: Box<dyn Answered>,
        left_out: LeftOut,
        asking: &Asking<'_>,
    ) -> Result<Box<dyn Answered>, Error> {
        if let Some(found) = answer.answer().downcast_ref::<quality::Answer>() {
            let found = found.clone();
            let whole = is_whole(&asking.select);
            let besides = quality::Besides { whole, ..besides(self.lake, self.home, left_out).await? };
            return Ok(quality::complete(found, &besides, asking.charter));
        }
        let found = answer.answer().downcast_ref::<reach::Answer>().cloned();
        Ok(found.map_or(answer, |found| reach::complete(found, left_out.into_keys())))
    }
}

/// The same error, with what was typed.
fn in_flags(error: lake::Error) -> lake::Error {
    match error {
        lake::Error::NotFound { what } => lake::Error::NotFound { what: format!("--of: {what}") },
        other => other,
    }
}

/// Whether all events of all customers count.
fn is_whole(select: &SelectArgs) -> bool {
    let SelectArgs { of, journey, with, segment, events, from, to, compare, compare_names: _, afresh: _ } = select;
    [of, journey, with, segment, events, from, to, compare].into_iter().all(Option::is_none)
}

/// What no fold knows of the quality of data.
async fn besides(lake: &Lake, home: &Home, left_out: LeftOut) -> Result<quality::Besides, Error> {
    let history = history::read(&home.path);
    Ok(quality::Besides {
        whole: false,
        left_out,
        rejected: history.rejected,
        sent_again: history.duplicates,
        stitched_customers: lake.stitched_customers(&home.rules()).await?,
    })
}
