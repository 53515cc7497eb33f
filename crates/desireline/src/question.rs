//! Typed options into a question to the lake: which cut, which conditions, which period, compared with what.

use std::sync::Arc;

use charter::{Charter, Condition, Fact};
use event::{Column, Timestamp};
use journey::{AnyFold, Cut, Moments, Selection, Setting, Wanted};
use lake::{Lake, Lens, Seen, Vocabulary};
use listen::stitch::Rules;
use understand::{Answered, View};

use crate::args::SelectArgs;
use crate::error::Error;
use crate::home::Home;

/// Which journeys are asked about, and what their groups are called.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Two where periods are compared: one for each; otherwise one, whose groups are told apart by a condition.
    pub(crate) selected: Vec<(Lens, Selection)>,
    /// The names of the two groups that are compared.
    pub(crate) groups: Option<[String; 2]>,
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
    let compare = if periods.is_some() { None } else { condition("--compare", &select.compare)? };
    let lens = Lens {
        events: condition("--events", &select.events)?,
        with: condition("--where", &select.with)?,
        compare,
        ..lens_of(charter)
    };
    let selection = Selection {
        cut: cut(select.journey.as_deref(), charter, moments, until_us)?,
        from_us: time("--from", select.from.as_deref(), charter)?,
        to_us: time("--to", select.to.as_deref(), charter)?,
        with: lens.with.is_some(),
        compare: lens.compare.is_some(),
    };
    not_backwards("--from", &selection)?;
    let Some([first, second]) = periods else {
        let groups = select.compare.as_ref().map(|text| [text.clone(), format!("not ({text})")]);
        return Ok(Asked { selected: vec![(lens, selection)], groups: named(select, groups)? });
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
        not_backwards("--compare", &selection)?;
        Ok((lens.clone(), selection))
    };
    let name = |(from, to): (&str, &str)| format!("{from}..{to}");
    let groups = named(select, Some([name(first), name(second)]))?;
    Ok(Asked { selected: vec![of_period(first)?, of_period(second)?], groups })
}

/// Where an answer is about nothing: what the conditions name and no event has, a sentence each.
pub(crate) async fn unknown_members(
    lake: &Lake,
    charter: &Charter,
    select: &SelectArgs,
    answers: &[Box<dyn Answered>],
) -> Result<Vec<String>, Error> {
    if !answers.iter().any(|answer| is_about_nothing(answer.as_ref())) {
        return Ok(Vec::new());
    }
    let mut said = Vec::new();
    for (option, text) in [("--where", &select.with), ("--events", &select.events), ("--compare", &select.compare)] {
        // Two periods are no condition.
        let Some(condition) = text.as_deref().and_then(|text| charter.condition(text).ok()) else { continue };
        let of_event = |fact: &Fact| if let Fact::Event(column) = fact { Some(column.clone()) } else { None };
        let columns: Vec<Column> = condition.columns().iter().filter_map(of_event).collect();
        for lake::Unknown { column, others } in lake.unknown_members(&columns).await? {
            let name = column.to_string();
            let (parent, last) = name.rsplit_once('.').unwrap_or(("", &name));
            let near = match understand::nearest(last, others.iter().map(String::as_str)).first() {
                Some(near) => format!("; did you mean `{parent}.{near}`?"),
                None if others.is_empty() => String::new(),
                None => {
                    let shown: Vec<&str> = others.iter().take(MEMBERS_SHOWN).map(String::as_str).collect();
                    let more = if others.len() > MEMBERS_SHOWN { " …" } else { "" };
                    format!("; there are {}{more}", shown.join(", "))
                }
            };
            said.push(format!("{option}: no event has a value in `{name}`{near}"));
        }
    }
    Ok(said)
}

/// So many names are listed where none is near.
const MEMBERS_SHOWN: usize = 12;

/// Whether no journey is in the answer, or in that of one of its groups.
fn is_about_nothing(answer: &dyn Answered) -> bool {
    let Ok(answer) = serde_json::from_str::<serde_json::Value>(&answer.json(false)) else { return false };
    let groups = answer["groups"].as_array();
    let none = |answer: &serde_json::Value| answer["journeys"] == 0;
    groups.map_or_else(|| none(&answer), |groups| groups.iter().any(|group| none(&group["answer"])))
}

/// Views that are asked of the same journeys, as one charter sees them.
#[derive(Debug)]
pub(crate) struct Asking<'a> {
    pub(crate) charter: &'a Arc<Charter>,
    pub(crate) select: SelectArgs,
    pub(crate) views: &'a [View],
}

/// The answers in the order of the views.
pub(crate) async fn answer(
    lake: &Lake,
    home: &Home,
    select: &SelectArgs,
    views: &[View],
) -> Result<Vec<Box<dyn Answered>>, Error> {
    let asking = Asking { charter: &home.charter, select: select.clone(), views };
    Ok(answer_all(lake, &home.rules(), &[asking]).await?.remove(0))
}

/// Asks the lake everything in one pass and gives the answers in the order of the views of each asking.
///
/// A view that is about the charter's journeys looks at the first of them where none is chosen; all others then look at
/// whole runs.
pub(crate) async fn answer_all(
    lake: &Lake,
    rules: &Rules,
    askings: &[Asking<'_>],
) -> Result<Vec<Vec<Box<dyn Answered>>>, Error> {
    let vocabulary = Vocabulary::default();
    let known = (lake.since_us().await?.unwrap_or_default(), lake.until_us().await?);
    let mut parts = Vec::new();
    for asking in askings {
        parts.push(asking.parts(&vocabulary, known)?);
    }
    let mut questions = Vec::new();
    for (asking, part) in askings.iter().zip(&parts).flat_map(|(asking, parts)| parts.iter().map(move |p| (asking, p)))
    {
        for (lens, selection) in &part.asked.selected {
            questions.push(lake::Question {
                lens: Lens { wanted: Arc::clone(&part.setting.wanted), ..lens.clone() },
                selection: selection.clone(),
                folds: Box::new(move || part.views.iter().map(|v| asking.views[*v].fold(&part.setting)).collect()),
            });
        }
    }
    let mut groups = lake.ask(rules, &vocabulary, &questions).await?.groups.into_iter();
    drop(questions);
    let mut answers = Vec::new();
    for (asking, parts) in askings.iter().zip(parts) {
        let mut of_views: Vec<Option<Box<dyn Answered>>> = asking.views.iter().map(|_| None).collect();
        for part in parts {
            let folds = groups.by_ref().take(part.asked.selected.len()).flatten();
            for (view, answer) in part.finish(asking.views, folds, &vocabulary.moments)? {
                of_views[view] = Some(answer);
            }
        }
        answers.push(of_views.into_iter().map(|answer| answer.expect("every view was asked")).collect());
    }
    Ok(answers)
}

/// Views of an asking that look at the same journeys.
struct Part {
    asked: Asked,
    setting: Setting,
    /// Positions among the views of the asking.
    views: Vec<usize>,
}

impl Asking<'_> {
    fn parts(&self, vocabulary: &Vocabulary, (since_us, until_us): (i64, i64)) -> Result<Vec<Part>, Error> {
        let (charter, chosen) = (self.charter, &self.select.journey);
        let mut wanted = Wanted::default();
        self.views.iter().try_for_each(|view| view.wants(charter, &mut wanted))?;
        let wanted = Arc::new(wanted);
        let own = charter.journeys.first().filter(|_| chosen.is_none()).map(|journey| journey.name.clone());
        let (of_journeys, others): (Vec<usize>, Vec<usize>) =
            (0..self.views.len()).partition(|view| own.is_some() && self.views[*view].is_about_journeys());
        let mut parts = Vec::new();
        for (journey, views) in [(chosen.clone(), others), (own, of_journeys)] {
            if views.is_empty() {
                continue;
            }
            let select = SelectArgs { journey: journey.clone(), ..self.select.clone() };
            let setting = Setting {
                charter: Arc::clone(charter),
                journey,
                moments: vocabulary.moments.clone(),
                words: vocabulary.words.clone(),
                wanted: Arc::clone(&wanted),
                since_us,
                until_us,
            };
            parts.push(Part { asked: ask(&select, charter, &vocabulary.moments, until_us)?, setting, views });
        }
        Ok(parts)
    }
}

/// The folds of one group, by view.
type Folds = Vec<Box<dyn AnyFold>>;

impl Part {
    /// The answers by the positions of their views.
    fn finish(
        self,
        views: &[View],
        mut folds: impl Iterator<Item = Folds>,
        moments: &Moments,
    ) -> Result<Vec<(usize, Box<dyn Answered>)>, Error> {
        let first = self.views.into_iter().zip(folds.next().expect("a question has at least one group"));
        let Some([a, b]) = self.asked.groups else {
            return first.map(|(view, fold)| Ok((view, views[view].finish(fold, moments)?))).collect();
        };
        let both = first.zip(folds.next().expect("a comparison has two groups"));
        both.map(|((view, x), y)| Ok((view, views[view].compare((a.clone(), x), (b.clone(), y), moments)?))).collect()
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

/// No journey starts in a period that ends before it begins, and no answer says so as well as an error does.
fn not_backwards(option: &str, selection: &Selection) -> Result<(), Error> {
    match (selection.from_us, selection.to_us) {
        (Some(from), Some(to)) if from >= to => {
            Err(Error::Usage(format!("{option}: the period ends before it begins, or where it begins")))
        }
        _ => Ok(()),
    }
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
    let mask = |names: &[String]| {
        let mut mask = vec![false; if names.is_empty() { 0 } else { moments.len() }];
        for name in names {
            mask[moments.intern(name).index()] = true;
        }
        mask
    };
    let abandoned_after_us = match journey.abandoned_after {
        None => None,
        Some(span) => Some(span.as_micros().ok_or_else(|| {
            Error::Usage(format!(
                "journey `{name}`: abandoned_after in business days is not supported here; write it in days"
            ))
        })?),
    };
    Ok(Some(Cut { starts: mask(&journey.starts), succeeds: mask(&journey.succeeds), abandoned_after_us, until_us }))
}
