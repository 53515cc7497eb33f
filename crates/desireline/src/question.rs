//! Typed options into a question to the lake: which cut, which conditions, which period, compared with what.

use std::sync::Arc;

use charter::{Charter, Condition, Fact};
use event::Timestamp;
use journey::{Cut, Member, Moments, Segment, Selection, Setting, Wanted};
use lake::{Lake, LeftOut, Lens, Seen, Vocabulary};
use understand::{Answered, View, quality};

use crate::args::SelectArgs;
use crate::error::Error;
use crate::history;
use crate::home::Home;
use crate::segments::{Chosen, chosen};

/// Which journeys are asked about, and what their groups are called.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Two where periods are compared: one for each; otherwise one, whose groups are told apart by a condition.
    pub(crate) selected: Vec<(Lens, Selection)>,
    /// The names of the two groups that are compared.
    pub(crate) groups: Option<[String; 2]>,
    /// The segments by which customers are chosen.
    pub(crate) segments: Chosen,
}

impl Asked {
    /// Says which customers count, once there is a setting in which all is wanted that the segments need.
    fn choose(&mut self, setting: &Setting) {
        let member =
            |(condition, belongs): &(_, bool)| Member { segment: Segment::new(condition, setting), belongs: *belongs };
        for (group, (_, selection)) in self.selected.iter_mut().enumerate() {
            let of_group = self.segments.compare.as_ref().map(|groups| &groups[group]);
            selection.segments = self
                .segments
                .all
                .iter()
                .map(|all| (all.clone(), true))
                .chain(of_group.cloned())
                .map(|one| member(&one))
                .collect();
        }
    }
}

/// The charter's view of an event.
fn lens_of(charter: &Charter) -> Lens {
    let seen = |moment: &charter::moments::Moment| Seen {
        name: moment.name.clone(),
        stage: moment.stage.clone(),
        when: moment.when.clone(),
    };
    Lens { moments: charter.moments.iter().map(seen).collect(), channels: charter.channels.clone(), ..Lens::default() }
}

/// Turns options into what is looked at; `moments` learns the charter's, `until_us` is up to when events are known.
pub(crate) fn ask(select: &SelectArgs, charter: &Charter, moments: &Moments, until_us: i64) -> Result<Asked, Error> {
    for moment in &charter.moments {
        moments.intern(&moment.name);
    }
    let condition = |option, text: &Option<String>| -> Result<Option<Condition<Fact>>, Error> {
        let parse = |text: &String| {
            charter.condition(text).map_err(|wrong| Error::Condition { option, text: text.clone(), wrong })
        };
        text.as_ref().map(parse).transpose()
    };
    let periods = select.compare.as_deref().and_then(two_periods);
    let segments = chosen(select, charter)?;
    let by_condition = periods.is_none() && segments.compare.is_none();
    let compare = if by_condition { condition("--compare", &select.compare)? } else { None };
    let lens = Lens {
        events: condition("--events", &select.events)?,
        with: condition("--where", &select.with)?,
        compare,
        ..lens_of(charter)
    };
    let selection = Selection {
        segments: Vec::new(),
        cut: cut(select.journey.as_deref(), charter, moments, until_us)?,
        from_us: time("--from", select.from.as_deref(), charter)?,
        to_us: time("--to", select.to.as_deref(), charter)?,
        with: lens.with.is_some(),
        compare: lens.compare.is_some(),
    };
    let Some([first, second]) = periods else {
        let groups = select.compare.as_ref().map(|text| match text.split_once(',') {
            Some((a, b)) if segments.compare.is_some() => [a.trim().to_owned(), b.trim().to_owned()],
            _ => [text.clone(), format!("not ({text})")],
        });
        let selected = if segments.compare.is_some() {
            vec![(lens.clone(), selection.clone()), (lens, selection)]
        } else {
            vec![(lens, selection)]
        };
        return Ok(Asked { selected, groups: named(select, groups)?, segments });
    };
    if select.from.is_some() || select.to.is_some() {
        return Err(Error::Usage(
            "--compare with two periods says which journeys count; leave --from and --to out".to_owned(),
        ));
    }
    let of_period = |(from, to): (&str, &str)| -> Result<(Lens, Selection), Error> {
        let mut selection = selection.clone();
        selection.from_us = time("--compare", Some(from).filter(|t| !t.is_empty()), charter)?;
        selection.to_us = time("--compare", Some(to).filter(|t| !t.is_empty()), charter)?;
        Ok((lens.clone(), selection))
    };
    let name = |(from, to): (&str, &str)| format!("{from}..{to}");
    let groups = named(select, Some([name(first), name(second)]))?;
    Ok(Asked { selected: vec![of_period(first)?, of_period(second)?], groups, segments })
}

/// Asks the lake in one pass and gives the answers in the order of the views.
///
/// A view that is about the charter's journeys looks at the first of them where none is chosen; all others then look at
/// whole runs.
pub(crate) async fn answer(
    lake: &Lake,
    home: &Home,
    select: &SelectArgs,
    views: &[View],
) -> Result<Vec<Box<dyn Answered>>, Error> {
    let charter = &home.charter;
    let vocabulary = Vocabulary::default();
    let (since_us, until_us) = (lake.since_us().await?.unwrap_or_default(), lake.until_us().await?);
    let views: Vec<View> = views.iter().map(|view| with_now(view, until_us)).collect();
    let views = views.as_slice();
    let mut wanted = Wanted::default();
    views.iter().try_for_each(|view| view.wants(charter, &mut wanted))?;
    for condition in chosen(select, charter)?.conditions() {
        Segment::wants(condition, charter, &mut wanted);
    }
    let wanted = Arc::new(wanted);
    let own = charter.journeys.first().filter(|_| select.journey.is_none()).map(|journey| journey.name.clone());
    let (of_journeys, others): (Vec<usize>, Vec<usize>) =
        (0..views.len()).partition(|view| own.is_some() && views[*view].is_about_journeys());
    let mut parts = Vec::new();
    for (journey, views) in [(select.journey.clone(), others), (own, of_journeys)] {
        if views.is_empty() {
            continue;
        }
        let mut asked =
            ask(&SelectArgs { journey: journey.clone(), ..select.clone() }, charter, &vocabulary.moments, until_us)?;
        let setting = Setting {
            charter: Arc::clone(charter),
            journey,
            moments: vocabulary.moments.clone(),
            words: vocabulary.words.clone(),
            wanted: Arc::clone(&wanted),
            since_us,
            until_us,
        };
        asked.choose(&setting);
        parts.push((asked, setting, views));
    }
    let mut questions = Vec::new();
    for (asked, setting, of) in &parts {
        for (lens, selection) in &asked.selected {
            questions.push(lake::Question {
                lens: Lens { wanted: Arc::clone(&wanted), ..lens.clone() },
                selection: selection.clone(),
                folds: Box::new(move || of.iter().map(|view| views[*view].fold(setting)).collect()),
            });
        }
    }
    let asked_all = lake.ask(&home.rules(), &vocabulary, &questions).await?;
    let (mut groups, mut left_out) = (asked_all.groups.into_iter(), asked_all.left_out.into_iter());
    drop(questions);
    let mut answers: Vec<Option<Box<dyn Answered>>> = views.iter().map(|_| None).collect();
    for (asked, _, of) in parts {
        let mut folds = groups.by_ref().take(asked.selected.len()).flatten();
        let left_out: Vec<LeftOut> = left_out.by_ref().take(asked.selected.len()).collect();
        let first = folds.next().expect("a question has at least one group");
        let Some([a, b]) = &asked.groups else {
            for (view, fold) in of.into_iter().zip(first) {
                let answer = views[view].finish(fold, &vocabulary.moments)?;
                answers[view] = Some(match answer.answer().downcast_ref::<quality::Answer>() {
                    Some(found) => quality::complete(found.clone(), &besides(lake, home, &left_out[0]).await?, charter),
                    None => answer,
                });
            }
            continue;
        };
        let second = folds.next().expect("a comparison has two groups");
        for (view, (x, y)) in of.into_iter().zip(first.into_iter().zip(second)) {
            let compared = views[view].compare((a.clone(), x), (b.clone(), y), &vocabulary.moments)?;
            answers[view] = Some(compared);
        }
    }
    Ok(answers.into_iter().map(|answer| answer.expect("every view was asked")).collect())
}

/// What no fold knows of the quality of data.
async fn besides(lake: &Lake, home: &Home, left_out: &LeftOut) -> Result<quality::Besides, Error> {
    let history = history::read(&home.path);
    Ok(quality::Besides {
        left_out: left_out.clone(),
        rejected: history.rejected,
        sent_again: history.duplicates,
        stitched_customers: lake.stitched_customers(&home.rules()).await?,
    })
}

/// The quality of data, with the time that it is now where anything lies in the future and nobody says otherwise.
fn with_now(view: &View, until_us: i64) -> View {
    let now_us = jiff::Timestamp::now().as_microsecond();
    match view {
        View::Quality(quality::Options { now_us: None }) if until_us > now_us => {
            View::Quality(quality::Options { now_us: Some(now_us) })
        }
        other => other.clone(),
    }
}

/// The names of the groups, as they were given or else as they are made.
fn named(select: &SelectArgs, groups: Option<[String; 2]>) -> Result<Option<[String; 2]>, Error> {
    let (Some(names), Some(_)) = (&select.compare_names, &groups) else { return Ok(groups) };
    let two = names.split_once(',').map(|(a, b)| [a.trim().to_owned(), b.trim().to_owned()]);
    let wrong = || Error::Usage(format!("--compare-names: write two names with a comma between them, not `{names}`"));
    two.map(Some).ok_or_else(wrong)
}

/// `FROM..TO,FROM..TO`; a side may be empty.
fn two_periods(text: &str) -> Option<[(&str, &str); 2]> {
    let (first, second) = text.split_once(',')?;
    Some([first.trim().split_once("..")?, second.trim().split_once("..")?])
}

fn time(option: &'static str, text: Option<&str>, charter: &Charter) -> Result<Option<i64>, Error> {
    let parse = |text: &str| {
        Timestamp::parse(text, &charter.timezone)
            .map(Timestamp::as_micros)
            .map_err(|error| Error::Usage(format!("{option}: {error}")))
    };
    text.map(parse).transpose()
}

fn cut(journey: Option<&str>, charter: &Charter, moments: &Moments, until_us: i64) -> Result<Option<Cut>, Error> {
    let Some(name) = journey else { return Ok(None) };
    let Some(journey) = charter.journeys.iter().find(|journey| journey.name == name) else {
        let known: Vec<&str> = charter.journeys.iter().map(|journey| journey.name.as_str()).collect();
        let known = if known.is_empty() { "it has none".to_owned() } else { format!("it has {}", known.join(", ")) };
        return Err(Error::NotFound(format!("--journey: the charter has no journey `{name}`; {known}")));
    };
    Ok(Some(Cut::of(journey, moments, until_us)))
}
