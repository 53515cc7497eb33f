//! Which customers belong to a segment: its condition, asked of a customer's run.
//!
//! Facts are worked out from the run when the condition asks for them and not before, so that `events > 3` costs nothing
//! more than a length, and a question without a segment nothing at all.

use charter::journeys::Worth;
use charter::{Answer, Charter, Condition, CustomerFact, Facts};
use event::{Column, Timestamp, Value};

use crate::{Cut, Ending, Moment, Moments, Of, Run, Setting, Wanted, Word, flag};

/// A segment, ready to be asked of runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    condition: Condition<CustomerFact>,
    /// How each fact of the condition is worked out.
    ways: Vec<(CustomerFact, Way)>,
    /// By fact that changes as time goes by: how much later than its event it reaches or passes a number that it is
    /// compared with, in microseconds. `None` where time decides in other ways too.
    turns: Option<Vec<(CustomerFact, Vec<i64>)>>,
    until_us: i64,
}

/// How a fact is worked out.
#[derive(Debug, Clone, PartialEq)]
enum Way {
    /// From moments and times alone.
    Run,
    /// From the events of one moment.
    Moment(Moment),
    /// From the moments that have a stage: by moment, its stage.
    Stages(Vec<Option<String>>),
    /// From the names of moments, by number as far as the charter has them; others by the vocabulary.
    Names(Moments),
    /// From the words at this position.
    Channels(usize),
    /// From the words at this position that are this one.
    Channel(usize, Word),
    /// From the journeys that this cut makes; all or those with an ending.
    Journeys(Cut, Option<Ending>),
    /// From the events for which the condition at this position holds, and what each is worth.
    Outcome(usize, Amount),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Amount {
    None,
    Each(f64),
    Number(usize),
}

const DAY_US: f64 = 86_400_000_000.0;

impl Segment {
    /// Says what has to be known of events to tell who belongs to a segment.
    pub fn wants(condition: &Condition<CustomerFact>, charter: &Charter, wanted: &mut Wanted) {
        for fact in condition.columns() {
            match fact {
                CustomerFact::Channels | CustomerFact::ShareOfChannel(_) => {
                    wanted.word(&Column::Channel, Of::All);
                }
                CustomerFact::OutcomesOf(name) | CustomerFact::ValueOf(name) => {
                    outcome(name, charter, wanted);
                }
                _ => {}
            }
        }
    }

    /// A segment, in a setting in which everything is wanted that [`wants`](Self::wants) said.
    pub fn new(condition: &Condition<CustomerFact>, setting: &Setting) -> Self {
        let mut wanted = (*setting.wanted).clone();
        let ways: Vec<(CustomerFact, Way)> =
            condition.columns().iter().map(|fact| (fact.clone(), way(fact, setting, &mut wanted))).collect();
        debug_assert!(wanted == *setting.wanted, "`wants` was asked before");
        let turns = ways.iter().filter(|(fact, _)| changes_with_time(fact)).map(|(fact, _)| {
            let bounds = condition.bounds(fact).filter(|_| !matches!(fact, CustomerFact::AbandonedOf(_)))?;
            Some((fact.clone(), bounds.into_iter().flat_map(turns).collect()))
        });
        let turns = turns.collect();
        Self { condition: condition.clone(), ways, turns, until_us: setting.until_us }
    }

    fn way(&self, fact: &CustomerFact) -> Option<&Way> {
        self.ways.iter().find(|(known, _)| known == fact).map(|(_, way)| way)
    }

    /// Whether a customer belongs to it. What is NULL does not hold.
    pub fn holds(&self, run: &Run<'_>) -> bool {
        self.condition.holds(&Known { segment: self, run })
    }

    /// Whether who belongs to it may change when nothing happens but time goes by.
    pub fn depends_on_now(&self) -> bool {
        self.ways.iter().any(|(fact, _)| changes_with_time(fact))
    }

    /// Whether [`due_us`](Self::due_us) knows when.
    pub fn knows_dues(&self) -> bool {
        self.turns.is_some()
    }

    /// Up to when events have to be known, in microseconds since 1970, for a customer to belong to it who does not, or the
    /// other way round, although nothing of theirs is new: at the earliest. `None` where that never comes.
    pub fn due_us(&self, run: &Run<'_>) -> Option<i64> {
        let known = Known { segment: self, run };
        let mut due_us: Option<i64> = None;
        for (fact, turns) in self.turns.iter().flatten() {
            let Some(since_us) = known.since(fact) else { continue };
            let next = turns.iter().map(|turn_us| since_us.saturating_add(*turn_us)).filter(|at| *at > self.until_us);
            due_us = due_us.into_iter().chain(next).min();
        }
        due_us
    }
}

/// Whether it is another one when events are known up to a later time, although nothing happened.
fn changes_with_time(fact: &CustomerFact) -> bool {
    matches!(
        fact,
        CustomerFact::DaysSinceFirst
            | CustomerFact::DaysSinceLast
            | CustomerFact::DaysSinceFirstOf(_)
            | CustomerFact::DaysSinceLastOf(_)
            | CustomerFact::AbandonedOf(_)
    )
}

/// After how many microseconds a number of days is reached, and after how many it is passed.
fn turns(number: f64) -> [i64; 2] {
    let first = |is: &dyn Fn(f64) -> bool| {
        let (mut low, mut high) = (0, i64::MAX);
        while low < high {
            let middle = i64::midpoint(low, high);
            if is(middle as f64 / DAY_US) { high = middle } else { low = middle + 1 }
        }
        low
    };
    [first(&|days| days >= number), first(&|days| days > number)]
}

fn outcome(name: &str, charter: &Charter, wanted: &mut Wanted) -> Option<(usize, Amount)> {
    let outcome = charter.outcomes.iter().find(|outcome| outcome.name == name)?;
    let position = wanted.condition(&outcome.when);
    let amount = match &outcome.value {
        None => Amount::None,
        Some(Worth::Amount(amount)) => Amount::Each(*amount),
        Some(Worth::Column(column)) => Amount::Number(wanted.number(column, Of::Condition(position))),
    };
    Some((position, amount))
}

fn way(fact: &CustomerFact, setting: &Setting, wanted: &mut Wanted) -> Way {
    let charter = &setting.charter;
    let journeys = |name: &str, ending| {
        let journey = charter.journeys.iter().find(|journey| journey.name == name);
        let cut =
            journey.map(|journey| Cut::of(journey, &setting.charter.calendar, &setting.moments, setting.until_us));
        // The charter was checked: a journey that it does not have is not asked for.
        Way::Journeys(cut.unwrap_or_default(), ending)
    };
    match fact {
        CustomerFact::CountOf(name)
        | CustomerFact::FirstOf(name)
        | CustomerFact::LastOf(name)
        | CustomerFact::DaysSinceFirstOf(name)
        | CustomerFact::DaysSinceLastOf(name) => Way::Moment(setting.moments.intern(name)),
        CustomerFact::Stage => {
            let mut stages = Vec::new();
            for moment in &charter.moments {
                let number = setting.moments.intern(&moment.name).index();
                stages.resize(stages.len().max(number + 1), None);
                stages[number].clone_from(&moment.stage);
            }
            Way::Stages(stages)
        }
        CustomerFact::FirstMoment | CustomerFact::LastMoment => Way::Names(setting.moments.clone()),
        CustomerFact::Channels => Way::Channels(wanted.word(&Column::Channel, Of::All)),
        CustomerFact::ShareOfChannel(name) => {
            Way::Channel(wanted.word(&Column::Channel, Of::All), setting.words.word(name))
        }
        CustomerFact::JourneysOf(name) => journeys(name, None),
        CustomerFact::SucceededOf(name) => journeys(name, Some(Ending::Succeeded)),
        CustomerFact::AbandonedOf(name) => journeys(name, Some(Ending::Abandoned)),
        CustomerFact::OutcomesOf(name) | CustomerFact::ValueOf(name) => {
            outcome(name, charter, wanted).map_or(Way::Run, |(position, amount)| Way::Outcome(position, amount))
        }
        _ => Way::Run,
    }
}

/// What is known of one customer.
struct Known<'a> {
    segment: &'a Segment,
    run: &'a Run<'a>,
}

impl Facts<CustomerFact> for Known<'_> {
    fn get(&self, fact: &CustomerFact) -> Answer<'_> {
        match self.segment.way(fact) {
            None => Value::Null.into(),
            Some(Way::Run) => self.of_run(fact).into(),
            Some(Way::Moment(moment)) => self.of_moment(fact, *moment).into(),
            Some(Way::Stages(stages)) => {
                let stage = |moment: &Moment| stages.get(moment.index()).and_then(Option::as_deref);
                self.run.moments.iter().rev().find_map(stage).map_or(Value::Null, Value::Text).into()
            }
            Some(Way::Names(names)) => {
                let moments = self.run.moments;
                let moment = if *fact == CustomerFact::FirstMoment { moments.first() } else { moments.last() };
                moment
                    .and_then(|moment| names.at(moment.index()))
                    .map_or(Value::Null.into(), |name| Answer::Owned(name.to_string()))
            }
            Some(Way::Channels(position)) => {
                let mut seen: Vec<Word> = self.words(*position).iter().copied().filter(|w| *w != Word::NONE).collect();
                seen.sort_unstable();
                seen.dedup();
                count(seen.len()).into()
            }
            Some(Way::Channel(position, word)) => {
                let words = self.words(*position);
                let through = words.iter().filter(|other| *other == word).count();
                Value::Float(through as f64 / words.len() as f64).into()
            }
            Some(Way::Journeys(cut, wanted)) => {
                let mut journeys = 0;
                cut.journeys(self.run, |_, _, ending| {
                    journeys += usize::from(wanted.is_none_or(|wanted| wanted == ending));
                });
                count(journeys).into()
            }
            Some(Way::Outcome(position, amount)) => {
                let flag = flag::wanted(*position);
                let events = self.run.flags.iter().enumerate().filter(|(_, flags)| **flags & flag != 0);
                if matches!(fact, CustomerFact::OutcomesOf(_)) {
                    return count(events.count()).into();
                }
                let worth = events.map(|(i, _)| match amount {
                    Amount::None => 0.0,
                    Amount::Each(amount) => *amount,
                    // An outcome of which nobody said what it is worth adds nothing.
                    Amount::Number(position) => Some(self.run.details.numbers[*position][self.run.begins + i])
                        .filter(|x| !x.is_nan())
                        .unwrap_or(0.0),
                });
                Value::Float(worth.sum()).into()
            }
        }
    }
}

fn count(n: usize) -> Value<'static> {
    i64::try_from(n).map_or(Value::Null, Value::Int)
}

fn days(from_us: i64, to_us: i64) -> Value<'static> {
    Value::Float(to_us.saturating_sub(from_us) as f64 / DAY_US)
}

fn time(at_us: i64) -> Value<'static> {
    Value::Time(Timestamp::from_micros(at_us))
}

impl Known<'_> {
    fn words(&self, position: usize) -> &[Word] {
        &self.run.details.words[position][self.run.begins..][..self.run.moments.len()]
    }

    fn of_run(&self, fact: &CustomerFact) -> Value<'static> {
        let at_us = self.run.at_us;
        let (Some(first), Some(last)) = (at_us.first().copied(), at_us.last().copied()) else { return Value::Null };
        match fact {
            CustomerFact::Events => count(at_us.len()),
            CustomerFact::First => time(first),
            CustomerFact::Last => time(last),
            CustomerFact::Days => days(first, last),
            CustomerFact::DaysSinceFirst | CustomerFact::DaysSinceLast => self.since_days(fact),
            CustomerFact::DaysBetweenMedian => gap_median(at_us),
            _ => Value::Null,
        }
    }

    fn of_moment(&self, fact: &CustomerFact, moment: Moment) -> Value<'static> {
        let Run { moments, at_us, .. } = self.run;
        let first = || moments.iter().position(|other| *other == moment).map(|i| at_us[i]);
        let last = || moments.iter().rposition(|other| *other == moment).map(|i| at_us[i]);
        match fact {
            CustomerFact::CountOf(_) => count(moments.iter().filter(|other| **other == moment).count()),
            CustomerFact::FirstOf(_) => first().map_or(Value::Null, time),
            CustomerFact::LastOf(_) => last().map_or(Value::Null, time),
            CustomerFact::DaysSinceFirstOf(_) | CustomerFact::DaysSinceLastOf(_) => self.since_days(fact),
            _ => Value::Null,
        }
    }

    /// The time of the event since which days are counted.
    fn since(&self, fact: &CustomerFact) -> Option<i64> {
        let Run { moments, at_us, .. } = self.run;
        let moment = if let Some(Way::Moment(moment)) = self.segment.way(fact) { Some(moment) } else { None };
        let is_it = |other: &Moment| Some(other) == moment;
        let at = match fact {
            CustomerFact::DaysSinceFirst => Some(0),
            CustomerFact::DaysSinceLast => at_us.len().checked_sub(1),
            CustomerFact::DaysSinceFirstOf(_) => moments.iter().position(is_it),
            CustomerFact::DaysSinceLastOf(_) => moments.iter().rposition(is_it),
            _ => None,
        };
        at_us.get(at?).copied()
    }

    fn since_days(&self, fact: &CustomerFact) -> Value<'static> {
        self.since(fact).map_or(Value::Null, |since_us| days(since_us, self.segment.until_us))
    }
}

/// The mean of the two middle times between neighbours.
fn gap_median(at_us: &[i64]) -> Value<'static> {
    let mut gaps: Vec<i64> = at_us.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect();
    if gaps.is_empty() {
        return Value::Null;
    }
    gaps.sort_unstable();
    let (low, high) = (gaps[(gaps.len() - 1) / 2], gaps[gaps.len() / 2]);
    Value::Float(f64::midpoint(low as f64, high as f64) / DAY_US)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_number_of_days_is_reached_and_passed_at_its_turns(number in prop_oneof![-9.0..900.0f64, (0i32..900).prop_map(f64::from)]) {
            let days = |us: i64| us as f64 / DAY_US;
            let [reached, passed] = turns(number);
            prop_assert!(days(reached) >= number && days(passed) > number);
            prop_assert!(reached == 0 || days(reached - 1) < number);
            prop_assert!(passed == 0 || days(passed - 1) <= number);
        }
    }
}
