//! What customers said beside what they then did.
//!
//! A score is worth something if those who gave a high one then stay, buy, and ask less than those who gave a low one. So
//! every answer is followed for the time that the charter gives an outcome; only answers for which that time is over count.

use std::collections::BTreeMap;
use std::sync::Arc;

use charter::Charter;
use charter::journeys::{Journey as Drawn, SurveyKind};
use event::{Column, Span};
use evidence::{Difference, Doubt, Share};
use journey::{Fold, Journey, Moment, Moments, Of, Setting, Wanted, Word, Words};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::count::at;
use crate::kept;
use crate::pending::Pending;
use crate::question::{Question, crowded, elapsed_us, number};
use crate::scores::{Places, Said, kind_name, read};
use crate::surveys::{NONE, OTHER, some_survey};
use crate::{Comparison, Error, Table};

mod table;
#[cfg(test)]
mod tests;

/// The options of `say-do`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The time after an answer within which contacts count, and outcomes to which the charter gives no horizon.
    pub within: String,
    /// How many reasons are listed for each survey, the most frequent first; 0 for all.
    pub limit: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { within: "90d".to_owned(), limit: 10 }
    }
}

impl Options {
    fn within_us(&self) -> i64 {
        self.within.parse::<Span>().ok().and_then(Span::as_micros).unwrap_or(0)
    }

    /// Asks for what was said, for what was done, and for the channels that are persons of ours.
    fn read_of(charter: &Charter, wanted: &mut Wanted) -> (Vec<Places>, Vec<usize>, Option<usize>) {
        let places = charter.surveys.iter().map(|survey| Places::of(survey, wanted)).collect();
        let outcomes = charter.outcomes.iter().map(|outcome| wanted.condition(&outcome.when)).collect();
        let human = charter.channels.iter().any(|channel| channel.human);
        (places, outcomes, human.then(|| wanted.word(&Column::Channel, Of::All)))
    }
}

impl Question for Options {
    const NAME: &'static str = "say-do";
    const TITLE: &'static str = "What they say, and what they then do";
    const ABOUT: &'static str = "Whether those who gave a high score then stay, buy, and ask less than those who gave a low one. \
         Answers whose time is not over are left out.";
    const OPTIONS: &'static [(&'static str, &'static str)] = &[
        ("within", "the time after an answer for contacts, and for outcomes without a horizon, such as 90d"),
        ("limit", "how many reasons are listed; 0 for all"),
    ];
    type Answer = Answer;
    type Fold = SayDoFold;

    fn set(&mut self, option: &str, value: &str) -> Result<(), Error> {
        match option {
            "within" => {
                elapsed_us(Self::NAME, option, value)?;
                value.clone_into(&mut self.within);
            }
            "limit" => self.limit = number(Self::NAME, option, value)?,
            _ => return Err(Error::unknown_option(Self::NAME, option, Self::OPTIONS)),
        }
        Ok(())
    }

    fn check(&self) -> Result<(), Error> {
        elapsed_us(Self::NAME, "within", &self.within).map(|_| ())
    }

    fn wants(&self, charter: &Charter, wanted: &mut Wanted) -> Result<(), Error> {
        some_survey(charter, Self::NAME)?;
        if charter.outcomes.is_empty() {
            let example = "outcomes: {renewal: {when: \"event = 'Contract Renewed'\", horizon: 90d}}";
            return Err(Error::charter_lacks(Self::NAME, "outcomes", example));
        }
        Self::read_of(charter, wanted);
        Ok(())
    }

    fn names(&self, charter: &Charter, _: Option<&Drawn>) -> Vec<String> {
        let surveys = charter.surveys.iter().map(|survey| survey.moment.clone());
        let opens = charter.interactions.iter().flat_map(|interaction| interaction.opens.clone());
        let outcomes = charter.outcomes.iter().flat_map(|outcome| charter.moments_of(&outcome.when));
        surveys.chain(opens).chain(outcomes).collect()
    }

    fn fold(&self, setting: &Setting) -> SayDoFold {
        let charter = &setting.charter;
        let (places, conditions, channel) = Self::read_of(charter, &mut (*setting.wanted).clone());
        let horizon = |span: Option<Span>| span.and_then(Span::as_micros).unwrap_or_else(|| self.within_us());
        let outcomes = charter.outcomes.iter().zip(conditions).map(|(outcome, condition)| Deed {
            name: outcome.name.clone(),
            horizon_us: horizon(outcome.horizon),
            bad: outcome.bad,
            what: What::Outcome(condition),
        });
        let opens = charter.interactions.iter().flat_map(|interaction| &interaction.opens);
        let opens: Vec<Moment> = opens.map(|name| setting.moments.intern(name)).collect();
        let human = charter.channels.iter().filter(|channel| channel.human && !channel.name.is_empty());
        let human: Vec<Word> = human.map(|channel| setting.words.word(&channel.name)).collect();
        let contact = (!opens.is_empty() || channel.is_some()).then(|| Deed {
            name: CONTACT.to_owned(),
            horizon_us: self.within_us(),
            bad: true,
            what: What::Contact { opens, human, channel },
        });
        let said = charter.surveys.iter().zip(places).map(|(survey, places)| Asked {
            name: survey.name.clone(),
            kind: survey.kind,
            moment: setting.moments.intern(&survey.moment),
            places,
        });
        let surveys: Vec<Asked> = said.collect();
        SayDoFold {
            limit: if self.limit == 0 { usize::MAX } else { self.limit },
            until_us: setting.until_us,
            words: setting.words.clone(),
            tallies: vec![Tally::default(); surveys.len()],
            surveys,
            deeds: outcomes.chain(contact).collect(),
            pending: Pending::new(setting.until_us),
        }
    }

    fn compare(a: (&str, SayDoFold), b: (&str, SayDoFold), moments: &Moments) -> Result<Comparison<Answer>, Error> {
        Ok(Comparison::new((a.0, a.1.finish(moments)?), (b.0, b.1.finish(moments)?), table::shares))
    }

    fn tables(answer: &Answer) -> Vec<Table> {
        table::tables(answer)
    }
}

/// What a contact is called beside outcomes; the parentheses keep it apart from an outcome of that name.
const CONTACT: &str = "(contact)";

/// What was said and what was then done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The surveys of the charter, in its order.
    pub surveys: Vec<Survey>,
    /// What stands against these figures.
    pub doubts: Vec<Doubt>,
}

/// One survey.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Survey {
    /// Its name.
    pub survey: Arc<str>,
    /// Its scale: `nps`, `csat` or `ces`.
    pub kind: Arc<str>,
    /// How many answers have a score that counts.
    pub answers: u64,
    /// What was done after them: each outcome of the charter, and `(contact)`.
    pub deeds: Vec<Done>,
    /// The same by the reason that was given, the most frequent first.
    pub reasons: Vec<Reason>,
}

/// One thing that customers may do after an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Done {
    /// The outcome, or `(contact)`: a moment that opens an interaction, or in a channel with a person of ours.
    pub deed: Arc<str>,
    /// Whether less of it is better.
    pub bad: bool,
    /// The time after the answer within which it counts, in seconds.
    pub within_s: f64,
    /// Answers for which that time is not over, and which are left out.
    pub pending: u64,
    /// How many did it, by what they said: well, neither, badly.
    pub groups: Vec<Group>,
    /// The share among those who said well less the share among those who said badly.
    pub difference: Option<f64>,
    /// Lower end of the 95 % interval of the difference (Newcombe).
    pub difference_low: Option<f64>,
    /// Upper end.
    pub difference_high: Option<f64>,
    /// Of those who said well or badly, how many did as they said: the good after well, or not after badly.
    pub as_said: u64,
    /// As a share.
    pub as_said_share: Option<f64>,
    /// Lower end of its 95 % interval (Wilson).
    pub as_said_share_low: Option<f64>,
    /// Upper end.
    pub as_said_share_high: Option<f64>,
    /// Whether saying and doing agree.
    pub agreement: Agreement,
}

/// Whether what was said and what was done agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Agreement {
    /// Those who said well did better; the interval of the difference excludes zero.
    Agrees,
    /// Those who said well did worse; the interval of the difference excludes zero.
    Diverges,
    /// The interval of the difference holds zero.
    Undecided,
}

/// Answers that said about the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// `promoters`, `passives`, `detractors`; on other scales `top`, `middle`, `low`.
    pub said: Arc<str>,
    /// How many then did it.
    pub did: u64,
    /// Of how many answers.
    pub of: u64,
    /// As a share.
    pub share: Option<f64>,
    /// Lower end of its 95 % interval (Wilson).
    pub share_low: Option<f64>,
    /// Upper end.
    pub share_high: Option<f64>,
}

/// Answers with the same reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// The reason; `(none)` where none was given.
    pub reason: Arc<str>,
    /// How many answers.
    pub answers: u64,
    /// How many then did what, in the order of `deeds`; `said` is the reason.
    pub deeds: Vec<Group>,
}

#[derive(Debug)]
struct Asked {
    name: String,
    kind: SurveyKind,
    moment: Moment,
    places: Places,
}

#[derive(Debug)]
struct Deed {
    name: String,
    horizon_us: i64,
    bad: bool,
    what: What,
}

#[derive(Debug)]
enum What {
    /// A condition, by its position.
    Outcome(usize),
    /// One of these moments, or one in one of these channels.
    Contact { opens: Vec<Moment>, human: Vec<Word>, channel: Option<usize> },
}

impl Deed {
    /// Whether the event at this place of the run is it.
    fn is(&self, journey: &Journey<'_>, place: usize) -> bool {
        let run = journey.run;
        match &self.what {
            What::Outcome(condition) => run.flags[place] & journey::flag::wanted(*condition) != 0,
            What::Contact { opens, human, channel } => {
                let word = channel.map(|channel| run.details.words[channel][run.begins + place]);
                opens.contains(&run.moments[place]) || word.is_some_and(|word| human.contains(&word))
            }
        }
    }
}

/// What `say-do` counts.
#[derive(Debug)]
pub struct SayDoFold {
    limit: usize,
    until_us: i64,
    words: Words,
    surveys: Vec<Asked>,
    deeds: Vec<Deed>,
    tallies: Vec<Tally>,
    pending: Pending,
}

/// How many did it, of how many.
type Part = (u64, u64);

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Tally {
    answers: u64,
    /// By deed.
    pending: Vec<u64>,
    /// By deed, and in it by what was said.
    groups: Vec<[Part; 3]>,
    /// By reason: how many answers, and by deed.
    reasons: BTreeMap<u32, (u64, Vec<Part>)>,
}

impl Tally {
    /// Does the same with each count of two tallies.
    fn each(&mut self, other: Self, with: impl Fn(&mut u64, u64)) {
        let each = |(did, of): &mut Part, theirs: Part| {
            with(did, theirs.0);
            with(of, theirs.1);
        };
        with(&mut self.answers, other.answers);
        other.pending.iter().enumerate().for_each(|(i, n)| with(at(&mut self.pending, i), *n));
        for (i, groups) in other.groups.into_iter().enumerate() {
            at(&mut self.groups, i).iter_mut().zip(groups).for_each(|(ours, theirs)| each(ours, theirs));
        }
        for (reason, (answers, parts)) in other.reasons {
            let reason = self.reasons.entry(reason).or_default();
            with(&mut reason.0, answers);
            parts.into_iter().enumerate().for_each(|(i, part)| each(at(&mut reason.1, i), part));
        }
        self.reasons.retain(|_, (answers, _)| *answers > 0);
    }
}

impl SayDoFold {
    /// Follows the answer at `i` of a journey for every survey that it answers.
    fn answer(&mut self, journey: &Journey<'_>, i: usize) {
        let place = journey.start + i;
        for (survey, tally) in self.surveys.iter().zip(&mut self.tallies) {
            if survey.moment != journey.moments[i] {
                continue;
            }
            let Ok(score) = read(survey.kind, journey.numbers(survey.places.score)[i]) else { continue };
            let said = Said::of(survey.kind, score) as usize;
            tally.answers += 1;
            let mut reason = survey.places.reason.map(|reason| {
                let (answers, parts) = tally.reasons.entry(journey.words(reason)[i].0).or_default();
                *answers += 1;
                parts
            });
            for (number, deed) in self.deeds.iter().enumerate() {
                let end_us = journey.at_us[i].saturating_add(deed.horizon_us);
                if end_us > self.until_us {
                    self.pending.note(journey.customer, end_us);
                    *at(&mut tally.pending, number) += 1;
                    continue;
                }
                let mut after = (place + 1..journey.run.moments.len()).take_while(|j| journey.run.at_us[*j] <= end_us);
                let did = after.any(|j| deed.is(journey, j));
                count(&mut at(&mut tally.groups, number)[said], did);
                if let Some(parts) = &mut reason {
                    count(at(parts, number), did);
                }
            }
        }
    }
}

fn count(part: &mut Part, did: bool) {
    part.0 += u64::from(did);
    part.1 += 1;
}

impl Fold for SayDoFold {
    type Answer = Result<Answer, Error>;

    fn journey(&mut self, journey: &Journey<'_>) {
        for (i, moment) in journey.moments.iter().enumerate() {
            if self.surveys.iter().any(|survey| survey.moment == *moment) {
                self.answer(journey, i);
            }
        }
    }

    fn merge(&mut self, other: Self) {
        for (ours, theirs) in self.tallies.iter_mut().zip(other.tallies) {
            ours.each(theirs, |ours, theirs| *ours += theirs);
        }
        self.pending.merge(other.pending);
    }

    fn keep(&mut self) -> Option<Vec<u8>> {
        kept::keep(&(&self.tallies, self.pending.keep()))
    }

    fn resume(&mut self, kept: &[u8]) -> bool {
        let Some((tallies, pending)) = kept::resume(kept) else { return false };
        self.tallies = tallies;
        self.pending.resume(pending);
        true
    }

    fn due(&self, until_us: i64) -> Option<Vec<i64>> {
        self.pending.due(until_us)
    }

    fn subtract(&mut self, other: Self) {
        for (ours, theirs) in self.tallies.iter_mut().zip(other.tallies) {
            ours.each(theirs, |ours, theirs| *ours -= theirs);
        }
        self.pending.subtract(other.pending);
    }

    fn finish(self, _: &Moments) -> Result<Answer, Error> {
        let words = self.words.names();
        let mut doubts: Vec<Doubt> = std::iter::once(Doubt::NotRandomised).chain(crowded(&self.words)).collect();
        let mut surveys = Vec::new();
        for (survey, mut tally) in self.surveys.iter().zip(self.tallies) {
            doubts.extend(Doubt::few(&format!("answers of {}", survey.name), tally.answers));
            let done = self.deeds.iter().enumerate().map(|(number, deed)| {
                let pending = tally.pending.get(number).copied().unwrap_or(0);
                done(deed, survey.kind, pending, *at(&mut tally.groups, number))
            });
            let deeds: Vec<Done> = done.collect();
            let word = |number: u32| match Word(number) {
                Word::NONE => NONE.into(),
                Word::OTHER => OTHER.into(),
                word => Arc::clone(&words[word.index()]),
            };
            let reason = |(number, (answers, mut parts)): (u32, (u64, Vec<Part>))| {
                let reason: Arc<str> = word(number);
                let deed = |i: usize| group(&reason, *at(&mut parts, i));
                Reason { answers, deeds: (0..self.deeds.len()).map(deed).collect(), reason }
            };
            let mut reasons: Vec<Reason> = tally.reasons.into_iter().map(reason).collect();
            reasons.sort_by(|a, b| b.answers.cmp(&a.answers).then_with(|| a.reason.cmp(&b.reason)));
            let (shown, of) = (reasons.len().min(self.limit) as u64, reasons.len() as u64);
            doubts.extend(Doubt::truncated(&format!("reasons of {}", survey.name), shown, of));
            reasons.truncate(self.limit);
            surveys.push(Survey {
                survey: survey.name.as_str().into(),
                kind: kind_name(survey.kind).into(),
                answers: tally.answers,
                deeds,
                reasons,
            });
        }
        let differences = surveys.iter().map(|survey| survey.deeds.len() as u64).sum();
        doubts.extend(Doubt::many_compared(differences));
        Ok(Answer { surveys, doubts })
    }
}

fn done(deed: &Deed, kind: SurveyKind, pending: u64, parts: [Part; 3]) -> Done {
    let share = |(did, of): Part| Share::new(did, of);
    let [well, _, badly] = parts;
    let difference = Difference::between(share(well), share(badly));
    let agreement = match (difference.excludes_zero(), (difference.difference > Some(0.0)) == deed.bad) {
        (false, _) => Agreement::Undecided,
        (true, true) => Agreement::Diverges,
        (true, false) => Agreement::Agrees,
    };
    // What is good was done after well and left after badly; the other way round for what is bad.
    let (good, spared) = if deed.bad { (badly, well) } else { (well, badly) };
    let as_said = Share::new(good.0 + (spared.1 - spared.0), good.1 + spared.1);
    Done {
        deed: deed.name.as_str().into(),
        bad: deed.bad,
        within_s: deed.horizon_us as f64 / 1e6,
        pending,
        groups: Said::ALL.into_iter().zip(parts).map(|(said, part)| group(&said.name(kind).into(), part)).collect(),
        difference: difference.difference,
        difference_low: difference.low,
        difference_high: difference.high,
        as_said: as_said.count,
        as_said_share: as_said.share,
        as_said_share_low: as_said.low,
        as_said_share_high: as_said.high,
        agreement,
    }
}

fn group(said: &Arc<str>, (did, of): Part) -> Group {
    let share = Share::new(did, of);
    Group { said: Arc::clone(said), did, of, share: share.share, share_low: share.low, share_high: share.high }
}
