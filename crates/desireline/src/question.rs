//! Typed options into a question to the lake: which cut, which conditions, which period, compared with what.

use charter::{Charter, Condition, Fact};
use event::{Deadline, Timestamp};
use journey::{Cut, Moments, Selection};
use lake::{Lens, Question, Seen};
use listen::stitch::Rules;

use crate::args::SelectArgs;
use crate::error::Error;

/// A question, and what its groups are called.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Two where periods are compared: one question for each; otherwise one, whose groups are told apart by a condition.
    pub(crate) questions: Vec<Question>,
    /// The names of the two groups that are compared.
    pub(crate) groups: Option<[String; 2]>,
}

/// The charter's view of an event.
pub(crate) fn lens_of(charter: &Charter) -> Lens {
    let seen = |moment: &charter::moments::Moment| Seen {
        name: moment.name.clone(),
        stage: moment.stage.clone(),
        when: moment.when.clone(),
    };
    Lens { moments: charter.moments.iter().map(seen).collect(), ..Lens::default() }
}

/// Makes the question; `moments` learns the charter's, `until_us` is up to when events are known.
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
    let question = Question { lens, selection, rules: Rules::from(&charter.keys) };
    let Some([first, second]) = periods else {
        let groups = select.compare.as_ref().map(|text| [text.clone(), format!("not ({text})")]);
        return Ok(Asked { questions: vec![question], groups: named(select, groups)? });
    };
    if select.from.is_some() || select.to.is_some() {
        return Err(Error::Usage(
            "--compare with two periods says which journeys count; leave --from and --to out".to_owned(),
        ));
    }
    let of_period = |(from, to): (&str, &str)| -> Result<Question, Error> {
        let mut question = question.clone();
        question.selection.from_us = time("--compare", Some(from).filter(|t| !t.is_empty()), charter)?;
        question.selection.to_us = time("--compare", Some(to).filter(|t| !t.is_empty()), charter)?;
        Ok(question)
    };
    let name = |(from, to): (&str, &str)| format!("{from}..{to}");
    let groups = named(select, Some([name(first), name(second)]))?;
    Ok(Asked { questions: vec![of_period(first)?, of_period(second)?], groups })
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
    let mask = |names: &[String]| {
        let mut mask = vec![false; if names.is_empty() { 0 } else { moments.len() }];
        for name in names {
            mask[moments.intern(name).index()] = true;
        }
        mask
    };
    let abandoned_after = journey.abandoned_after.map(|span| Deadline::new(span, &charter.calendar));
    Ok(Some(Cut { starts: mask(&journey.starts), succeeds: mask(&journey.succeeds), abandoned_after, until_us }))
}
