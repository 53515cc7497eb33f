//! What customers answered: scores with intervals, by the moment and the channel before, by segment, and the reasons that
//! they gave.

use std::collections::BTreeMap;
use std::sync::Arc;

use charter::Charter;
use charter::journeys::{Journey as Drawn, SurveyKind};
use event::Column;
use evidence::{Doubt, Share};
use journey::{Dues, Fold, Journey, Moment, Moments, Of, Segment, Setting, Wanted, Word, Words};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::count::at;
use crate::kept;
use crate::pending::Pending;
use crate::question::{Names, Question, crowded, known_moment, number};
use crate::scores::{NoScore, Places, Scores, kind_name, read};
use crate::{Comparison, Error, Table};

mod answer;
mod table;
#[cfg(test)]
mod tests;

pub use answer::{Answer, By, BySegment, Given, Survey};

/// The options of the surveys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// How many moments, channels and reasons are listed for each survey, the most frequent first; 0 for all.
    pub limit: usize,
    /// The moment with which a customer is asked, such as an invitation, in place of those of the charter; without any,
    /// nothing tells who was asked.
    pub asked: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { limit: 10, asked: None }
    }
}

impl Question for Options {
    const NAME: &'static str = "surveys";
    const TITLE: &'static str = "What customers say";
    const ABOUT: &'static str = "Answers to the surveys of the charter. Only those who answer are heard, and they may differ from \
         those who do not.";
    const OPTIONS: &'static [(&'static str, &'static str)] = &[
        ("limit", "how many moments, channels and reasons are listed; 0 for all"),
        ("asked", "the moment with which a customer is asked, for the share that answers; usually that of the charter"),
    ];
    type Answer = Answer;
    type Fold = SurveysFold;

    fn set(&mut self, option: &str, value: &str) -> Result<(), Error> {
        match option {
            "limit" => self.limit = number(Self::NAME, option, value)?,
            "asked" => self.asked = Some(value.to_owned()),
            _ => return Err(Error::unknown_option(Self::NAME, option, Self::OPTIONS)),
        }
        Ok(())
    }

    fn wants(&self, charter: &Charter, wanted: &mut Wanted) -> Result<(), Error> {
        some_survey(charter, Self::NAME)?;
        read_of(charter, wanted);
        charter.segments.iter().for_each(|segment| Segment::wants(&segment.when, charter, wanted));
        Ok(())
    }

    fn names(&self, charter: &Charter, _: Option<&Drawn>) -> Vec<String> {
        let of_charter = charter.surveys.iter().filter_map(|survey| survey.asked.clone());
        let asked = of_charter.filter(|_| self.asked.is_none()).chain(self.asked.clone());
        let segments = charter.segments.iter().flat_map(|segment| charter.moments_in(&segment.when));
        charter.surveys.iter().map(|survey| survey.moment.clone()).chain(asked).chain(segments).collect()
    }

    fn fold(&self, setting: &Setting) -> SurveysFold {
        let mut wanted = (*setting.wanted).clone();
        let (places, channel) = read_of(&setting.charter, &mut wanted);
        // A name that the charter's list of moments does not have is refused in the end, so it does not become known here.
        let may_be = |name: &&String| setting.charter.moments.is_empty() || setting.charter.moment(name).is_some();
        let own = self.asked.as_ref().filter(may_be);
        let surveys = setting.charter.surveys.iter().zip(places).map(|(survey, (places, text))| Asked {
            name: survey.name.clone(),
            kind: survey.kind,
            moment: setting.moments.intern(&survey.moment),
            moment_name: survey.moment.clone(),
            places,
            text,
            asks: own.or(survey.asked.as_ref()).map(|name| setting.moments.intern(name)),
            open: false,
            answered: false,
        });
        let surveys: Vec<Asked> = surveys.collect();
        let mut concerned = Vec::new();
        for moment in surveys.iter().flat_map(|survey| [Some(survey.moment), survey.asks]).flatten() {
            *at(&mut concerned, moment.index()) = true;
        }
        let of_charter = &setting.charter.segments;
        SurveysFold {
            limit: if self.limit == 0 { usize::MAX } else { self.limit },
            asked_name: self.asked.clone(),
            channel,
            empty: setting.words.word(""),
            words: setting.words.clone(),
            tallies: vec![
                Tally { parts: vec![Part::default(); 1 + of_charter.len()], ..Tally::default() };
                surveys.len()
            ],
            surveys,
            concerned,
            segments: of_charter.iter().map(|segment| Segment::new(&segment.when, setting)).collect(),
            segment_names: of_charter.iter().map(|segment| segment.name.as_str().into()).collect(),
            customer: None,
            member: Vec::new(),
            pending: Pending::new(setting.until_us),
        }
    }

    fn compare(a: (&str, SurveysFold), b: (&str, SurveysFold), moments: &Moments) -> Result<Comparison<Answer>, Error> {
        Ok(Comparison::new((a.0, a.1.finish(moments)?), (b.0, b.1.finish(moments)?), answer::shares)
            .with_means(answer::means))
    }

    fn tables(answer: &Answer) -> Vec<Table> {
        table::tables(answer)
    }
}

/// The error for a charter that asks customers nothing.
pub(crate) fn some_survey(charter: &Charter, view: &'static str) -> Result<(), Error> {
    let example = "surveys: {nps: {moment: survey, score: properties.score, kind: nps}}";
    if charter.surveys.is_empty() { Err(Error::charter_lacks(view, "surveys", example)) } else { Ok(()) }
}

/// Where scores and reasons, scores as texts, and channels stand.
fn read_of(charter: &Charter, wanted: &mut Wanted) -> (Vec<(Places, usize)>, usize) {
    let places = charter.surveys.iter().map(|survey| {
        let text = wanted.word(&survey.score, Of::Moments(vec![survey.moment.clone()]));
        (Places::of(survey, wanted), text)
    });
    (places.collect(), wanted.word(&Column::Channel, Of::All))
}

/// One survey and where it stands with the present customer.
#[derive(Debug)]
struct Asked {
    name: String,
    kind: SurveyKind,
    moment: Moment,
    moment_name: String,
    places: Places,
    /// Where its scores stand as texts.
    text: usize,
    /// The moment with which a customer is asked, where that is known.
    asks: Option<Moment>,
    /// Whether the customer was asked and has not answered yet.
    open: bool,
    answered: bool,
}

/// What surveys count.
#[derive(Debug)]
pub struct SurveysFold {
    limit: usize,
    asked_name: Option<String>,
    channel: usize,
    words: Words,
    /// A text with nothing in it.
    empty: Word,
    surveys: Vec<Asked>,
    /// By moment, whether it answers a survey or asks for an answer.
    concerned: Vec<bool>,
    segments: Vec<Segment>,
    segment_names: Vec<Arc<str>>,
    customer: Option<i64>,
    /// Which parts of a tally the present customer belongs to; empty while that is not known, since few answer.
    member: Vec<usize>,
    tallies: Vec<Tally>,
    /// Who belongs to other segments later.
    pending: Pending,
}

/// What is counted of everybody, or of a segment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Part {
    customers: u64,
    scores: Scores,
    asked: u64,
    responded: u64,
}

impl Part {
    fn counts(&mut self) -> [&mut u64; 3] {
        [&mut self.customers, &mut self.asked, &mut self.responded]
    }
}

/// What is counted of one survey; moments and words by number.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Tally {
    /// Everybody, then each segment.
    parts: Vec<Part>,
    without_score: u64,
    out_of_range: u64,
    not_whole: u64,
    /// By text: how often it stands where a score should.
    unreadable: BTreeMap<u32, u64>,
    by_moment: BTreeMap<u32, Scores>,
    by_channel: BTreeMap<u32, Scores>,
    reasons: BTreeMap<u32, Scores>,
}

impl Tally {
    fn counts(&mut self) -> impl Iterator<Item = &mut u64> {
        let Self { parts, without_score, out_of_range, not_whole, .. } = self;
        [without_score, out_of_range, not_whole].into_iter().chain(parts.iter_mut().flat_map(Part::counts))
    }

    fn groups(&mut self) -> [&mut BTreeMap<u32, Scores>; 3] {
        [&mut self.by_moment, &mut self.by_channel, &mut self.reasons]
    }

    fn merge(&mut self, mut other: Self) {
        self.counts().zip(other.counts()).for_each(|(ours, theirs)| *ours += *theirs);
        self.parts.iter_mut().zip(&other.parts).for_each(|(ours, theirs)| ours.scores.merge(&theirs.scores));
        for (ours, theirs) in self.groups().into_iter().zip(other.groups()) {
            for (name, scores) in theirs {
                ours.entry(*name).or_default().merge(scores);
            }
        }
        other.unreadable.into_iter().for_each(|(text, n)| *self.unreadable.entry(text).or_default() += n);
    }

    fn subtract(&mut self, mut other: Self) {
        self.counts().zip(other.counts()).for_each(|(ours, theirs)| *ours -= *theirs);
        self.parts.iter_mut().zip(&other.parts).for_each(|(ours, theirs)| ours.scores.subtract(&theirs.scores));
        for (ours, theirs) in self.groups().into_iter().zip(other.groups()) {
            for (name, scores) in theirs {
                ours.entry(*name).or_default().subtract(scores);
            }
            ours.retain(|_, scores| scores.n() > 0);
        }
        other.unreadable.into_iter().for_each(|(text, n)| *self.unreadable.entry(text).or_default() -= n);
        self.unreadable.retain(|_, n| *n > 0);
    }
}

impl SurveysFold {
    /// Finds out to which segments the present customer belongs.
    fn enter(&mut self, journey: &Journey<'_>) {
        if !self.member.is_empty() {
            return;
        }
        self.member.push(0);
        for (number, segment) in (1..).zip(&self.segments) {
            if segment.holds(journey.run) {
                self.member.push(number);
            }
            if let Some(due_us) = segment.due_us(journey.run) {
                self.pending.note(journey.customer, due_us);
            }
        }
    }

    /// Takes in the event at `i` of a journey for every survey that it answers.
    fn answer(&mut self, journey: &Journey<'_>, i: usize) {
        let run = journey.run;
        let place = journey.start + i;
        let before = run.moments[..place].iter().rposition(|moment| !self.surveys.iter().any(|s| s.moment == *moment));
        let channel = |at: usize| run.details.words[self.channel][run.begins + at];
        let before = before.map_or((Moment::NONE.0, Word::NONE.0), |at| (run.moments[at].0, channel(at).0));
        for (survey, tally) in self.surveys.iter_mut().zip(&mut self.tallies) {
            if survey.moment != journey.moments[i] {
                continue;
            }
            let text = journey.words(survey.text)[i];
            let says_nothing = text == Word::NONE || (text == self.empty && text != Word::OTHER);
            let score = match read(survey.kind, journey.numbers(survey.places.score)[i]) {
                Ok(score) => score,
                Err(why) => {
                    match why {
                        NoScore::Missing if says_nothing => tally.without_score += 1,
                        NoScore::Missing => *tally.unreadable.entry(text.0).or_default() += 1,
                        NoScore::NotWhole => tally.not_whole += 1,
                        NoScore::OutOfRange => tally.out_of_range += 1,
                    }
                    // Whoever gives a score that cannot count has answered all the same.
                    if (why != NoScore::Missing || !says_nothing) && std::mem::replace(&mut survey.open, false) {
                        self.member.iter().for_each(|part| tally.parts[*part].responded += 1);
                    }
                    continue;
                }
            };
            let first = u64::from(!std::mem::replace(&mut survey.answered, true));
            let responded = u64::from(std::mem::replace(&mut survey.open, false));
            for part in &self.member {
                let part = &mut tally.parts[*part];
                part.customers += first;
                part.responded += responded;
                part.scores.add(score);
            }
            tally.by_moment.entry(before.0).or_default().add(score);
            tally.by_channel.entry(before.1).or_default().add(score);
            if let Some(reason) = survey.places.reason {
                tally.reasons.entry(journey.words(reason)[i].0).or_default().add(score);
            }
        }
    }
}

impl Fold for SurveysFold {
    type Answer = Result<Answer, Error>;

    fn journey(&mut self, journey: &Journey<'_>) {
        if self.customer.replace(journey.customer) != Some(journey.customer) {
            self.surveys.iter_mut().for_each(|survey| (survey.open, survey.answered) = (false, false));
            self.member.clear();
        }
        for (i, moment) in journey.moments.iter().enumerate() {
            if !self.concerned.get(moment.index()).copied().unwrap_or(false) {
                continue;
            }
            if self.surveys.iter().any(|survey| survey.asks == Some(*moment)) {
                self.enter(journey);
                for (survey, tally) in self.surveys.iter_mut().zip(&mut self.tallies) {
                    if survey.asks == Some(*moment) {
                        survey.open = true;
                        self.member.iter().for_each(|part| tally.parts[*part].asked += 1);
                    }
                }
            }
            if self.surveys.iter().any(|survey| survey.moment == *moment) {
                self.enter(journey);
                self.answer(journey, i);
            }
        }
    }

    fn merge(&mut self, other: Self) {
        self.customer = None;
        self.tallies.iter_mut().zip(other.tallies).for_each(|(ours, theirs)| ours.merge(theirs));
        self.pending.merge(other.pending);
    }

    fn finish(self, moments: &Moments) -> Result<Answer, Error> {
        if let Some(name) = &self.asked_name {
            known_moment(moments, name)?;
        }
        let names = Names::of(moments);
        let words = self.words.names();
        let word = |number: u32| match Word(number) {
            Word::NONE => NONE.into(),
            Word::OTHER => OTHER.into(),
            word => Arc::clone(&words[word.index()]),
        };
        let moment =
            |number: u32| if Moment(number) == Moment::NONE { NONE.into() } else { names.name(Moment(number)) };
        let mut doubts: Vec<Doubt> = crowded(&self.words).into_iter().collect();
        let mut surveys = Vec::new();
        for (survey, tally) in self.surveys.iter().zip(self.tallies) {
            let what = |what: &str| format!("{what} of {}", survey.name);
            let [all, of_segments @ ..] = tally.parts.as_slice() else { continue };
            doubts.extend(Doubt::few(&what("answers"), all.scores.n()));
            doubts.extend(rejected(&what("scores"), &tally, &word));
            let mut list = |all: &BTreeMap<u32, Scores>, name: &dyn Fn(u32) -> Arc<str>, of: &str| {
                let mut list: Vec<By> = all
                    .iter()
                    .map(|(number, scores)| By { name: name(*number), score: scores.score(survey.kind) })
                    .collect();
                list.sort_by(|a, b| b.score.n.cmp(&a.score.n).then_with(|| a.name.cmp(&b.name)));
                doubts.extend(Doubt::truncated(&what(of), list.len().min(self.limit) as u64, list.len() as u64));
                list.truncate(self.limit);
                list
            };
            let response = |part: &Part| survey.asks.map(|_| Share::new(part.responded, part.asked));
            let of_segment = |(name, part): (&Arc<str>, &Part)| {
                let response = response(part);
                BySegment {
                    segment: Arc::clone(name),
                    customers: part.customers,
                    score: part.scores.score(survey.kind),
                    asked: response.map(|share| share.of),
                    response_share: response.and_then(|share| share.share),
                    response_share_low: response.and_then(|share| share.low),
                    response_share_high: response.and_then(|share| share.high),
                }
            };
            let by_segment = self.segment_names.iter().zip(of_segments).map(of_segment).collect();
            let response = response(all);
            surveys.push(Survey {
                survey: survey.name.as_str().into(),
                kind: kind_name(survey.kind).into(),
                moment: survey.moment_name.as_str().into(),
                customers: all.customers,
                score: all.scores.score(survey.kind),
                distribution: all.scores.given().map(|(score, count)| Given { score, count }).collect(),
                without_score: tally.without_score,
                out_of_range: tally.out_of_range,
                not_whole: tally.not_whole,
                unreadable: tally.unreadable.values().sum(),
                asked: response.map(|share| share.of),
                response_share: response.and_then(|share| share.share),
                response_share_low: response.and_then(|share| share.low),
                response_share_high: response.and_then(|share| share.high),
                by_moment: list(&tally.by_moment, &moment, "moments before"),
                by_channel: list(&tally.by_channel, &word, "channels before"),
                by_segment,
                reasons: list(&tally.reasons, &word, "reasons"),
            });
        }
        Ok(Answer { surveys, doubts })
    }

    fn keep(&mut self) -> Option<Vec<u8>> {
        // Where nobody knows when time decides about customers, what was counted today says nothing about tomorrow.
        self.segments.iter().all(Segment::knows_dues).then(|| kept::keep(&(&self.tallies, self.pending.keep())))?
    }

    fn resume(&mut self, kept: &[u8]) -> bool {
        let Some((tallies, pending)) = kept::resume::<(Vec<Tally>, Dues)>(kept) else { return false };
        self.tallies = tallies;
        self.pending.resume(pending);
        true
    }

    fn due(&self, until_us: i64) -> Option<Vec<i64>> {
        self.pending.due(until_us)
    }

    fn subtract(&mut self, other: Self) {
        self.tallies.iter_mut().zip(other.tallies).for_each(|(ours, theirs)| ours.subtract(theirs));
        self.pending.subtract(other.pending);
    }
}

/// What is to be said of scores that do not count.
fn rejected(what: &str, tally: &Tally, word: &dyn Fn(u32) -> Arc<str>) -> impl Iterator<Item = Doubt> {
    let unreadable = tally.unreadable.values().sum();
    let each = [
        Doubt::left_out(what, tally.out_of_range, "outside of the scale"),
        Doubt::left_out(what, tally.not_whole, "not whole"),
        Doubt::left_out(what, unreadable, &no_number(&tally.unreadable, word)),
    ];
    each.into_iter().flatten()
}

/// Why texts are no scores, with the most frequent as an example. A decimal comma is not guessed: `1,000` is no 1.
fn no_number(unreadable: &BTreeMap<u32, u64>, word: &dyn Fn(u32) -> Arc<str>) -> String {
    let all = unreadable.iter().map(|(text, n)| (*n, word(*text)));
    let Some((_, example)) = all.max_by(|a, b| a.0.cmp(&b.0).then_with(|| b.1.cmp(&a.1))) else { return String::new() };
    let comma = example.replacen(',', ".", 1).parse::<f64>().is_ok() && example.contains(',');
    let example: String = example.chars().take(40).collect();
    format!("no number, such as `{example}`{}", if comma { ": a decimal comma is not read" } else { "" })
}

/// What stands where there is nothing; the parentheses keep it apart from a name.
pub(crate) const NONE: &str = "(none)";
/// What stands for texts beyond the limit of distinct ones.
pub(crate) const OTHER: &str = "(other)";
