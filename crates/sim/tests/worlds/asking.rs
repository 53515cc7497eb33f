//! A question of a world, asked of the views in memory as the program would ask it of the lake.

use std::sync::Arc;

use charter::{Charter, Condition, CustomerFact, EventFacts, Fact};
use event::Timestamp;
use journey::{Cut, Member, Run, Runs, Segment, Selection, Setting, flag};
use serde_json::Value;
use sim::world::{Event, Question, World};
use testkit::{Log, Told, ToldEvent};
use understand::{Error, View};

/// The answer as the program would write it.
pub(crate) fn answer(world: &World, question: &Question) -> Result<Value, Error> {
    let charter = &world.charter;
    let view = View::parse(question.view, question.options.iter().map(|(name, value)| (*name, value.as_str())))?;
    let own = charter.journeys.first().filter(|_| view.is_about_journeys()).map(|journey| journey.name.as_str());
    let journey = question.select("journey").or(own);
    let chosen = Chosen::of(charter, question);
    let mut refused = Ok(());
    let mut log = told(world, question).log(journey, |charter, wanted| {
        refused = view.wants(charter, wanted);
        let of_customers = chosen.groups.iter().flat_map(|group| &group.segments);
        of_customers.for_each(|(condition, _)| Segment::wants(condition, charter, wanted));
    });
    refused?;
    let times = || world.events.iter().map(|event| event.at_us);
    let time = |name| question.select(name).map(|text| at(charter, text));
    log.setting.since_us = times().min().unwrap_or(0);
    log.setting.until_us = times().max().unwrap_or(0);
    (log.setting.from_us, log.setting.to_us) = (time("from"), time("to"));
    log.setting.began_us = sim::oracle::began_us(charter, &world.events, question).unwrap_or(log.setting.since_us);
    if question.view == "stages" {
        log.setting.before_us = log.setting.period_before_us().filter(|_| question.select("compare").is_none());
    }
    let folds = chosen.groups.iter().map(|group| {
        let selection = group.selection(&log.setting(), question);
        group_folds(&view, &log, &selection, chosen.condition)
    });
    let mut folds = folds.flatten();
    let first = folds.next().expect("there is a group");
    let answered = match &chosen.names {
        None => view.finish(first, &log.moments)?,
        Some([a, b]) => {
            let second = folds.next().expect("two are compared");
            view.compare((a.clone(), first), (b.clone(), second), &log.moments)?
        }
    };
    Ok(serde_json::from_str(&answered.json(false)).expect("JSON"))
}

type Folds = Vec<Box<dyn journey::AnyFold>>;

/// One fold, or two where a condition over events tells two groups apart.
fn group_folds(view: &View, log: &Log, selection: &Selection, two: bool) -> Folds {
    let mut folds: Folds = (0..=usize::from(two)).map(|_| view.fold(&log.setting())).collect();
    let mut each = |run: &Run<'_>| selection.journeys(run, |journey, group| folds[group].journeys(&[*journey]));
    let mut runs = Runs::default();
    runs.feed(&log.columns(), &mut each);
    runs.finish(&mut each);
    folds
}

fn at(charter: &Charter, text: &str) -> i64 {
    Timestamp::parse(text, &charter.timezone).expect("a time").as_micros()
}

/// The events that are looked at, with what the conditions of the question say of them.
fn told(world: &World, question: &Question) -> Told {
    let charter = &world.charter;
    let condition = |text: &str| charter.condition(text).ok();
    let [only, with, compare] = ["events", "where", "compare"].map(|name| question.select(name).and_then(condition));
    let holds = |event: &ToldEvent, condition: &Condition<Fact>| {
        let moment = charter.moment_of(event).map(|moment| &charter.moments[moment]);
        let name = moment.map_or(event.name.as_str(), |moment| &moment.name);
        let stage = moment.and_then(|moment| moment.stage.as_deref());
        condition.holds(&EventFacts { event, moment: Some(name), stage })
    };
    let mut events: Vec<ToldEvent> = world.events.iter().map(event).collect();
    events.retain(|event| only.as_ref().is_none_or(|only| holds(event, only)));
    for event in &mut events {
        let asked = [(&with, flag::WHERE), (&compare, flag::COMPARE)];
        let flags = asked.into_iter().filter(|(asked, _)| asked.as_ref().is_some_and(|asked| holds(event, asked)));
        event.flags = flags.map(|(_, flag)| flag).sum();
    }
    // The sort keeps the order of arrival of what is at the same time.
    events.sort_by_key(|event| (event.customer, event.at_us));
    Told { charter: Arc::new(charter.clone()), events }
}

fn event(event: &Event) -> ToldEvent {
    let columns =
        event.columns.iter().chain(&event.properties).map(|(name, value)| ((*name).to_owned(), value.clone()));
    let received = ("received_at".to_owned(), event.received_us.to_string());
    ToldEvent {
        customer: event.customer,
        name: event.name.clone(),
        at_us: event.at_us,
        flags: 0,
        carries: columns.chain([received]).collect(),
    }
}

/// The groups that are asked about.
struct Chosen {
    names: Option<[String; 2]>,
    groups: Vec<Group>,
    /// Whether a condition over events tells two groups apart, so that one pass sees both.
    condition: bool,
}

#[derive(Default)]
struct Group {
    segments: Vec<(Condition<CustomerFact>, bool)>,
    period: Option<(Option<i64>, Option<i64>)>,
    compare: bool,
}

impl Chosen {
    fn of(charter: &Charter, question: &Question) -> Self {
        let segment = |name: &str| charter.segment(name).map(|segment| segment.when.clone());
        let all: Vec<_> = question.select("segment").and_then(segment).map(|when| (when, true)).into_iter().collect();
        let group = |more: Option<(Condition<CustomerFact>, bool)>| Group {
            segments: all.iter().cloned().chain(more).collect(),
            ..Group::default()
        };
        let Some(compare) = question.select("compare") else {
            return Self { names: None, groups: vec![group(None)], condition: false };
        };
        let either = [compare.to_owned(), format!("not ({compare})")];
        let two = compare.split_once(',').map(|(a, b)| [a.to_owned(), b.to_owned()]);
        if let Some(when) = segment(compare) {
            let groups = vec![group(Some((when.clone(), true))), group(Some((when, false)))];
            return Self { names: Some(either), groups, condition: false };
        }
        if let Some([a, b]) = &two
            && let (Some(of_a), Some(of_b)) = (segment(a), segment(b))
        {
            let groups = vec![group(Some((of_a, true))), group(Some((of_b, true)))];
            return Self { names: two, groups, condition: false };
        }
        if let Some([a, b]) = &two
            && a.contains("..")
        {
            let period = |text: &str| {
                let (from, to) = text.split_once("..").expect("a period");
                let time = |text: &str| (!text.is_empty()).then(|| at(charter, text));
                Group { period: Some((time(from), time(to))), ..group(None) }
            };
            return Self { groups: vec![period(a), period(b)], names: two, condition: false };
        }
        Self { names: Some(either), groups: vec![Group { compare: true, ..group(None) }], condition: true }
    }
}

impl Group {
    fn selection(&self, setting: &Setting, question: &Question) -> Selection {
        let charter = &setting.charter;
        let cut = setting.journey();
        let from_us = setting.before_us.or(setting.from_us);
        let (from_us, to_us) = self.period.unwrap_or((from_us, setting.to_us));
        let member = |(condition, belongs): &(Condition<CustomerFact>, bool)| Member {
            segment: Segment::new(condition, setting),
            belongs: *belongs,
        };
        Selection {
            segments: self.segments.iter().map(member).collect(),
            cut: cut.map(|cut| Cut::of(cut, &charter.calendar, &setting.moments, setting.until_us)),
            from_us,
            to_us,
            with: question.select("where").is_some(),
            compare: self.compare,
        }
    }
}
