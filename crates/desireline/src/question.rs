//! Typed options into a question to the lake: which cut, which conditions, which period, compared with what.

use std::sync::Arc;

use charter::{Charter, Condition, Fact};
use event::{Column, Timestamp};
use journey::{Cut, Member, Moments, Segment, Selection, Setting};
use lake::{Lake, LeftOut, Lens, Of, Seen, Vocabulary};
use listen::stitch::Rules;
use understand::{Answered, View, quality};

use crate::args::SelectArgs;
use crate::error::Error;
use crate::history;
use crate::home::Home;
use crate::part::{Known, Part};
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
    /// Whether time alone changes which customers count.
    pub(crate) fn depends_on_now(&self) -> bool {
        let members = self.selected.iter().flat_map(|(_, selection)| &selection.segments);
        members.into_iter().any(|member| member.segment.depends_on_now())
    }

    /// Whether a customer may have a journey in each of the groups: not where customers are told apart, and not where a
    /// customer has one journey only.
    pub(crate) fn may_share_customers(&self) -> bool {
        let several_journeys = self.selected.iter().any(|(_, selection)| selection.cut.is_some());
        self.groups.is_some() && self.segments.compare.is_none() && several_journeys
    }

    /// Says which customers count, once there is a setting in which all is wanted that the segments need.
    pub(crate) fn choose(&mut self, setting: &Setting) {
        let member =
            |(condition, belongs): &(_, bool)| Member { segment: Segment::new(condition, setting), belongs: *belongs };
        for (group, (_, selection)) in self.selected.iter_mut().enumerate() {
            let of_group = self.segments.compare.as_ref().map(|compare| &compare.groups[group]);
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
        with: if segments.in_where { None } else { condition("--where", &select.with)? },
        compare,
        ..lens_of(charter)
    };
    let selection = Selection {
        cut: cut(select.journey.as_deref(), charter, moments, until_us)?,
        from_us: time("--from", select.from.as_deref(), charter)?,
        to_us: time("--to", select.to.as_deref(), charter)?,
        with: lens.with.is_some(),
        compare: lens.compare.is_some(),
        segments: Vec::new(),
    };
    not_backwards("--from", &selection)?;
    let Some([first, second]) = periods else {
        let both = segments.compare.as_ref().and_then(|compare| compare.names.clone());
        let groups =
            select.compare.as_ref().map(|text| both.unwrap_or_else(|| [text.clone(), format!("not ({text})")]));
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
        not_backwards("--compare", &selection)?;
        Ok((lens.clone(), selection))
    };
    let name = |(from, to): (&str, &str)| format!("{from}..{to}");
    let groups = named(select, Some([name(first), name(second)]))?;
    Ok(Asked { selected: vec![of_period(first)?, of_period(second)?], groups, segments })
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
            let near = match event::nearest(last, others.iter().map(String::as_str)) {
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
    Ok(answer_all(lake, home, &home.rules(), &[asking]).await?.remove(0))
}

/// Asks the lake everything at once and gives the answers in the order of the views of each asking.
///
/// A view that is about the charter's journeys looks at the first of them where none is chosen; all others then look at
/// whole runs.
pub(crate) async fn answer_all(
    lake: &Lake,
    home: &Home,
    rules: &Rules,
    askings: &[Asking<'_>],
) -> Result<Vec<Vec<Box<dyn Answered>>>, Error> {
    // All that is asked at once is about the same objects. What is counted of customers is kept, and nothing else.
    let of = askings.iter().find_map(|asking| asking.select.of.as_deref()).map(Of::named);
    let afresh = of.is_some() || askings.iter().any(|asking| asking.select.afresh);
    let keeping = if afresh { None } else { lake.keeping(rules).await? };
    if lake.since_us().await?.is_none() && history::files(&home.path).is_empty() {
        let what = "nothing is imported yet, or the first import is not complete: import something first";
        return Err(Error::NotFound(format!("{}: {what}", home.path.display())));
    }
    let known = Known {
        since_us: lake.since_us().await?.unwrap_or_default(),
        until_us: lake.until_us().await?,
        vocabulary: Vocabulary::default(),
    };
    let mut parts = Vec::new();
    for asking in askings {
        parts.push(asking.parts(&known, keeping.as_ref())?);
    }
    let questions: Vec<lake::Question<'_>> = parts.iter().flatten().map(Part::question).collect();
    let answered = match &of {
        Some(of) => lake.ask_of(of, &questions).await.map_err(in_flags)?,
        None => lake.ask(rules, &questions, keeping.as_ref()).await?,
    };
    let (mut groups, mut left_out) = (answered.groups.into_iter(), answered.left_out.into_iter());
    drop(questions);
    let (mut finishes, mut places) = (Vec::new(), Vec::new());
    for (asking, parts) in parts.into_iter().enumerate() {
        for part in parts {
            let (folds, left_out) = groups.next().zip(left_out.next()).expect("every part was asked");
            for finish in part.finishes(folds.into_iter()) {
                finishes.push(finish);
                places.push((asking, left_out.clone()));
            }
        }
    }
    let mut answers: Vec<Vec<Option<Box<dyn Answered>>>> =
        askings.iter().map(|asking| asking.views.iter().map(|_| None).collect()).collect();
    let finished = lake::each_on_all_cores(finishes, |finish| finish());
    for ((asking, left_out), finished) in places.into_iter().zip(finished) {
        let (view, answer) = finished?;
        answers[asking][view] = Some(match answer.answer().downcast_ref::<quality::Answer>() {
            Some(found) => {
                let besides = besides(lake, home, left_out).await?;
                quality::complete(found.clone(), &besides, askings[asking].charter)
            }
            None => answer,
        });
    }
    let every = |answers: Vec<Option<Box<dyn Answered>>>| {
        answers.into_iter().map(|answer| answer.expect("every view was asked")).collect()
    };
    Ok(answers.into_iter().map(every).collect())
}

/// The same error, with what was typed.
fn in_flags(error: lake::Error) -> lake::Error {
    match error {
        lake::Error::NotFound { what } => lake::Error::NotFound { what: format!("--of: {what}") },
        other => other,
    }
}

/// What no fold knows of the quality of data.
async fn besides(lake: &Lake, home: &Home, left_out: LeftOut) -> Result<quality::Besides, Error> {
    let history = history::read(&home.path);
    Ok(quality::Besides {
        left_out,
        rejected: history.rejected,
        sent_again: history.duplicates,
        stitched_customers: lake.stitched_customers(&home.rules()).await?,
    })
}

/// The quality of data, with the time that it is now where anything lies in the future and nobody says otherwise.
pub(crate) fn with_now(view: &View, until_us: i64) -> View {
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

/// No journey starts in a period that ends before it begins, and no answer says so as well as an error does.
fn not_backwards(option: &str, selection: &Selection) -> Result<(), Error> {
    match (selection.from_us, selection.to_us) {
        (Some(from), Some(to)) if from >= to => {
            Err(Error::Usage(format!("{option}: the period ends before it begins, or where it begins")))
        }
        _ => Ok(()),
    }
}

pub(crate) fn time(option: &'static str, text: Option<&str>, charter: &Charter) -> Result<Option<i64>, Error> {
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
    Ok(Some(Cut::of(journey, &charter.calendar, moments, until_us)))
}
