//! Typed options into a question to the lake: which cut, which conditions, which period, compared with what.

use std::cmp::Ordering;
use std::sync::Arc;

use charter::{Charter, Condition, Fact};
use event::{Column, Timestamp};
use evidence::{Doubt, counted};
use journey::{Cut, Member, Moments, Segment, Selection, Setting};
use lake::{Ends, Lake, Lens, Of, Seen, Vocabulary};
use listen::stitch::Rules;
use understand::{Answered, View, extent, person, quality};

use crate::args::SelectArgs;
use crate::error::Error;
use crate::history;
use crate::home::Home;
use crate::part::Known;
use crate::pass::Pass;
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
    /// The doubt that journeys of one of two periods had longer for what may follow: all are followed to the end of the data.
    pub(crate) fn followed_longer(&self, until_us: i64) -> Option<Doubt> {
        let ([(_, first), (_, second)], [a, b]) = (self.selected.as_slice(), self.groups.as_ref()?) else {
            return None;
        };
        let bounds = |period: &Selection| (period.to_us.unwrap_or(until_us).min(until_us), period.from_us);
        let (of_a, of_b) = (bounds(first), bounds(second));
        let (longer, shorter) = match of_a.cmp(&of_b) {
            Ordering::Less => (a, b),
            Ordering::Greater => (b, a),
            Ordering::Equal => return None,
        };
        let days = (of_a.0 - of_b.0).unsigned_abs() / 86_400_000_000;
        let by = if days > 0 { format!(", by {}", counted(days, "day", "days")) } else { String::new() };
        let why = format!(
            "all journeys are followed to the end of the data, so those of {longer} had longer than those of {shorter} for \
             what may follow{by}"
        );
        Some(Doubt::missing("equal time for both periods", &why))
    }

    /// Whether time alone changes which customers count.
    pub(crate) fn depends_on_now(&self) -> bool {
        let members = self.selected.iter().flat_map(|(_, selection)| &selection.segments);
        members.into_iter().any(|member| member.segment.depends_on_now())
    }

    /// Whether a customer may be in both groups: with two segments, periods that overlap, or several journeys.
    pub(crate) fn may_share_customers(&self) -> bool {
        match (&self.segments.compare, self.selected.as_slice()) {
            (Some(compared), _) => compared.names.is_some(),
            (None, [(_, a), (_, b)]) => a.cut.is_some() || a.overlaps(b),
            (None, selected) => self.groups.is_some() && selected.iter().any(|(_, one)| one.cut.is_some()),
        }
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

/// The moments of a charter, as they are seen in events.
pub(crate) fn seen_in(charter: &Charter) -> Vec<Seen> {
    let seen = |moment: &charter::moments::Moment| Seen {
        name: moment.name.clone(),
        stage: moment.stage.clone(),
        when: moment.when.clone(),
    };
    charter.moments.iter().map(seen).collect()
}

/// The charter's view of an event.
fn lens_of(charter: &Charter) -> Lens {
    Lens { moments: seen_in(charter), channels: charter.channels.clone(), ..Lens::default() }
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
    let conditions = of_events(select, charter);
    if conditions.is_empty() || !answers.iter().any(|answer| is_about_nothing(answer.as_ref())) {
        return Ok(Vec::new());
    }
    let mut said = Vec::new();
    for (option, condition) in conditions {
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

/// The options that are conditions over events. Segments are none, and neither are two periods.
fn of_events(select: &SelectArgs, charter: &Charter) -> Vec<(&'static str, Condition<Fact>)> {
    let options = [("--where", &select.with), ("--events", &select.events), ("--compare", &select.compare)];
    let parse = |(option, text): (_, &Option<String>)| Some((option, charter.condition(text.as_deref()?).ok()?));
    options.into_iter().filter_map(parse).collect()
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
/// whole runs. How far events reach is asked beside what needs to know it: in the same pass, or before where the views
/// themselves need it.
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
    let (since_us, ends) = (lake.since_us().await?.unwrap_or_default(), lake.ends().await?);
    let Ends { until_us, ahead } = ends;
    let known = Known { since_us, began_us: since_us, until_us, ahead, vocabulary: Vocabulary::default() };
    let pass = Pass { lake, home, rules, of, keeping };
    let extents: Vec<Asking<'_>> = askings.iter().map(Asking::extent).collect();
    let (mut answers, reached) = pass.ask_all(askings, &extents, &known).await?;
    for ((asking, answers), reached) in askings.iter().zip(&mut answers).zip(&reached) {
        asking.doubt(answers, extent(reached), ends);
    }
    Ok(answers)
}

/// How far events reach, where that was asked.
pub(crate) fn extent(answers: &[Box<dyn Answered>]) -> Option<&extent::Answer> {
    answers.first()?.answer().downcast_ref()
}

/// When what is asked about begins, in microseconds since 1970: a few customers who are far before all others do not count.
pub(crate) async fn began(lake: &Lake, home: &Home, select: &SelectArgs) -> Result<Option<i64>, Error> {
    let first_us = lake.since_us().await?;
    if first_us.is_none() {
        return Ok(None);
    }
    let asking = Asking { charter: &home.charter, select: select.clone(), views: &[] };
    let answers = answer(lake, home, &asking.extent_args(), &[View::Extent(extent::Options {})]).await?;
    Ok(extent(&answers).and_then(|extent| extent.began_us).or(first_us))
}

/// What is to be said of a lake by itself: moments of the charter that never occur, and events that lie in the future or
/// far back.
pub(crate) async fn against(lake: &Lake, home: &Home) -> Result<Vec<Doubt>, Error> {
    if lake.since_us().await?.is_none() {
        return Ok(Vec::new());
    }
    let names: Vec<String> = home.charter.moments.iter().map(|moment| moment.name.clone()).collect();
    let ends = lake.ends().await?;
    let mut doubts: Vec<Doubt> = ahead(ends, &home.charter).into_iter().collect();
    let views = [View::Extent(extent::Options {})];
    let answers = answer(lake, home, &SelectArgs::default(), &views).await?;
    if let Some(extent) = extent(&answers) {
        doubts.extend(extent.doubts.iter().cloned());
        doubts.extend(extent.never(&home.charter, &names));
    }
    Ok(doubts)
}

fn ahead(ends: Ends, charter: &Charter) -> Option<Doubt> {
    (ends.ahead > 0).then(|| Doubt::Ahead { n: ends.ahead, until: person::shown(ends.until_us, charter) })
}

impl Asking<'_> {
    /// Whether any view needs to know how far events reach.
    fn needs_extent(&self) -> bool {
        self.views.iter().any(|view| view.depends_on_the_beginning() || !self.moments(view).is_empty())
    }

    /// The charter's journey that a view looks at.
    fn journey(&self, view: &View) -> Option<&str> {
        let own = self.charter.journeys.first().filter(|_| view.is_about_journeys());
        self.select.journey.as_deref().or(own.map(|journey| journey.name.as_str()))
    }

    /// The moments without which the answer to a view says little: those that it is about, and those by which journeys are
    /// chosen.
    fn moments(&self, view: &View) -> Vec<String> {
        let mut moments = view.moments(self.charter, self.journey(view));
        for (_, condition) in of_events(&self.select, self.charter) {
            moments.extend(self.charter.moments_of(&condition));
        }
        // What cannot be read is an error of whoever asks.
        for condition in chosen(&self.select, self.charter).unwrap_or_default().conditions() {
            moments.extend(self.charter.moments_in(condition));
        }
        moments
    }

    /// How far events reach by the words of this charter, where any view needs to know it.
    fn extent(&self) -> Asking<'_> {
        const EXTENT: &[View] = &[View::Extent(extent::Options {})];
        let views = if self.needs_extent() { EXTENT } else { &[] };
        Asking { charter: self.charter, select: self.extent_args(), views }
    }

    /// About which events that is asked.
    fn extent_args(&self) -> SelectArgs {
        let SelectArgs { of, events, afresh, .. } = self.select.clone();
        SelectArgs { of, events, afresh, ..SelectArgs::default() }
    }

    /// Says what stands against all answers: moments that never occur, and events that lie in the future or far back.
    fn doubt(&self, answers: &mut [Box<dyn Answered>], extent: Option<&extent::Answer>, ends: Ends) {
        for (view, answer) in self.views.iter().zip(answers) {
            let names = self.moments(view);
            let mut doubts = extent.map_or_else(Vec::new, |extent| extent.never(self.charter, &names));
            // Who says where to begin needs no other beginning, but where nothing is known yet.
            let from_us = time("--from", self.select.from.as_deref(), self.charter).ok().flatten();
            let begins = |extent: &&extent::Answer| from_us.is_none_or(|from_us| Some(from_us) < extent.began_us);
            let beginning = extent.filter(begins).filter(|_| view.depends_on_the_beginning());
            doubts.extend(beginning.iter().flat_map(|extent| extent.doubts.clone()));
            if view.depends_on_the_end(self.charter) || self.journey(view).is_some() {
                doubts.extend(ahead(ends, self.charter));
            }
            for doubt in doubts {
                answer.doubt(doubt);
            }
        }
    }
}

/// The quality of data, with the time that it is now where anything lies in the future and nobody says otherwise.
pub(crate) fn with_now(view: &View, ahead: u64) -> View {
    match view {
        View::Quality(quality::Options { now_us: None }) if ahead > 0 => {
            let now_us = Some(jiff::Timestamp::now().as_microsecond());
            View::Quality(quality::Options { now_us })
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
