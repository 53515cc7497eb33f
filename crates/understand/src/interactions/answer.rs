//! From what was counted of interactions to shares, means, usual paths.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use evidence::{Doubt, Mean, Share};
use journey::{Moment, Moments, Word};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{By, InteractionsFold, MEASURES, Strays, Tally};
use crate::compare::{Means, Shares, shorten};
use crate::durations::{Summary, Times};
use crate::question::{Names, crowded};
use crate::sequences::decode;
use crate::sketch::RELATIVE_ERROR;

/// All interactions that the charter names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The number of customers, with or without an interaction.
    pub customers: u64,
    /// Whether the medians are exact.
    pub times: Times,
    /// In the order of the charter.
    pub interactions: Vec<Kind>,
    /// What stands against these figures.
    pub doubts: Vec<Doubt>,
}

/// Interactions of one kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kind {
    /// Its name in the charter.
    pub interaction: Arc<str>,
    /// The time after being resolved within which a new contact on the same request counts against it, in seconds. Without
    /// one nothing is said of first contacts and accuracy.
    pub window_s: Option<f64>,
    /// All of them together.
    pub figures: Figures,
    /// As of each request, in the mean over those that are over. Null where none is.
    pub repeatable: Option<f64>,
    /// Those whose first event had no key, although the charter names one.
    pub without_key: u64,
    /// Those whose first event had no request, although the charter names one.
    pub without_request: u64,
    /// Events that resolve what nobody had opened, or what had been given up; a part of no interaction.
    pub unopened: u64,
    /// Events that resolve what was resolved; a part of no interaction.
    pub resolved_again: u64,
    /// By request, the most frequent first.
    pub requests: Vec<Request>,
    /// By the channel on which they began.
    pub channels: Vec<Group>,
    /// By the last department that an event of theirs names.
    pub departments: Vec<Group>,
    /// By the last resource that an event of theirs names.
    pub resources: Vec<Group>,
    /// First new contacts inside the window after an interaction was resolved, by channels.
    pub recontacts: Vec<Recontact>,
}

/// What became of interactions, and at what effort.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// How many were opened: those resolved, open and abandoned.
    pub opened: u64,
    /// How many were resolved.
    pub resolved: u64,
    /// How many may still be resolved.
    pub open: u64,
    /// How many were silent for longer than the window and never resolved.
    pub abandoned: u64,
    /// Resolved as a share of those resolved or abandoned.
    pub resolved_share: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub resolved_share_low: Option<f64>,
    /// Upper end.
    pub resolved_share_high: Option<f64>,
    /// How many were resolved so long ago that the window after it is over.
    pub judged: u64,
    /// How many of these took one contact, and no other on the same request until the end of the window.
    pub first_contact: u64,
    /// As a share of those judged.
    pub first_contact_share: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub first_contact_share_low: Option<f64>,
    /// Upper end.
    pub first_contact_share_high: Option<f64>,
    /// How many of those judged saw no new contact on the same request within the window after they were resolved.
    pub accurate: u64,
    /// As a share of those judged.
    pub accurate_share: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub accurate_share_low: Option<f64>,
    /// Upper end.
    pub accurate_share_high: Option<f64>,
    /// Contacts until resolved, in the mean of those resolved. Null where none is, as all that follow.
    pub contacts_mean: Option<f64>,
    /// Lower end of its 95 % interval (Student's t); null with fewer than two, or all equal.
    pub contacts_mean_low: Option<f64>,
    /// Upper end.
    pub contacts_mean_high: Option<f64>,
    /// Contacts until resolved, median.
    pub contacts_median: Option<f64>,
    /// Changes of channel until resolved, mean.
    pub switches_mean: Option<f64>,
    /// Lower end of its 95 % interval (Student's t); null with fewer than two, or all equal.
    pub switches_mean_low: Option<f64>,
    /// Upper end.
    pub switches_mean_high: Option<f64>,
    /// Changes of channel until resolved, median.
    pub switches_median: Option<f64>,
    /// Events until resolved whose moment had occurred in the interaction before, mean.
    pub repeats_mean: Option<f64>,
    /// Lower end of its 95 % interval (Student's t); null with fewer than two, or all equal.
    pub repeats_mean_low: Option<f64>,
    /// Upper end.
    pub repeats_mean_high: Option<f64>,
    /// Events until resolved whose moment had occurred in the interaction before, median.
    pub repeats_median: Option<f64>,
    /// Time from the first event until resolved in seconds, mean.
    pub elapsed_mean_s: Option<f64>,
    /// Lower end of its 95 % interval.
    pub elapsed_mean_s_low: Option<f64>,
    /// Upper end.
    pub elapsed_mean_s_high: Option<f64>,
    /// Time from the first event until resolved in seconds, median.
    pub elapsed_median_s: Option<f64>,
    /// How many of those resolved were followed, inside the window, by an answer to the charter's first survey of effort.
    pub ces_n: u64,
    /// The mean of the first of these answers, from 1 to 7. Null without any.
    pub ces_mean: Option<f64>,
    /// Lower end of its 95 % interval (Student's t); null with fewer than two, or all equal.
    pub ces_mean_low: Option<f64>,
    /// Upper end.
    pub ces_mean_high: Option<f64>,
}

/// Interactions that have a channel, a department or a resource in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// What they have in common; null for those that name none.
    pub name: Option<Arc<str>>,
    /// What became of them.
    pub figures: Figures,
}

/// Interactions about the same request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The request; null for those that name none.
    pub request: Option<Arc<str>>,
    /// What became of them.
    pub figures: Figures,
    /// 1 minus the entropy of (path, result) over the largest that so many different ones could have: 1 where all went
    /// the same way to the same result, 0 where all ways were equally frequent. Over those resolved or abandoned; null
    /// where there are none.
    pub repeatable: Option<f64>,
    /// How many different (path, result) there are.
    pub ways: u64,
    /// The most frequent of them.
    pub usual: Option<Usual>,
}

/// The way that interactions about a request most often take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Usual {
    /// The moments in order.
    pub path: Vec<Arc<str>>,
    /// How it ends.
    pub result: Ended,
    /// How many took this path to this result.
    pub count: u64,
    /// As a share of those resolved or abandoned.
    pub share: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub share_low: Option<f64>,
    /// Upper end.
    pub share_high: Option<f64>,
}

/// How an interaction that is over ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// It was resolved.
    Resolved,
    /// It was given up.
    Abandoned,
}

/// New contacts on a request that had been resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recontact {
    /// The last channel of the interaction that was resolved; null where none is known.
    pub from: Option<Arc<str>>,
    /// The channel of the first new contact.
    pub to: Option<Arc<str>>,
    /// How often.
    pub count: u64,
    /// As a share of all first new contacts of this kind.
    pub share: Option<f64>,
    /// Lower end of the 95 % interval of that share.
    pub share_low: Option<f64>,
    /// Upper end.
    pub share_high: Option<f64>,
}

/// What a word says; nothing for none.
type Name = Option<Arc<str>>;

/// What a group is called, the word of that, and what became of it.
type Grouped = (Name, Word, Figures);

/// How the interactions about one request went.
#[derive(Debug, Default)]
struct Ways {
    /// By path and result.
    counts: Vec<u64>,
    /// The count of the most frequent, and its number among the paths.
    usual: Option<(u64, usize)>,
}

/// The answer of each fold of a question, with the requests that are among the first of any of them.
pub(super) fn answers<const N: usize>(folds: [InteractionsFold; N], moments: &Moments) -> [Answer; N] {
    let limit = folds.first().map_or(0, |fold| fold.limit);
    let mut answers = folds.map(|fold| answer(fold, moments));
    for kind in 0..answers.first().map_or(0, |answer| answer.interactions.len()) {
        shorten(&mut answers, limit, "requests", |answer| &mut answer.interactions[kind].requests, |one| &one.request);
    }
    answers
}

fn answer(mut fold: InteractionsFold, moments: &Moments) -> Answer {
    fold.paths.add_waiting(&mut fold.waiting);
    let names = Names::of(moments);
    let words = fold.words.names();
    let ways = ways(&fold, &names);
    let times = fold.measures.times();
    let summaries = fold.measures.finish();
    let mut groups: BTreeMap<(usize, By), Vec<Grouped>> = BTreeMap::new();
    // Groups that nobody is in any more are kept too.
    for ((number, by, word), slot) in fold.slots.into_iter().filter(|(_, slot)| fold.tallies[*slot].opened > 0) {
        let figures = figures(&fold.tallies[slot], &summaries[slot * MEASURES..][..MEASURES]);
        groups.entry((number, by)).or_default().push((word_name(&words, word), word, figures));
    }
    for list in groups.values_mut() {
        list.sort_unstable_by(|a, b| (Reverse(a.2.opened), &a.0).cmp(&(Reverse(b.2.opened), &b.0)));
    }
    let mut doubts: Vec<Doubt> = crowded(&fold.words).into_iter().collect();
    let mut kinds = Vec::new();
    for (number, kind) in fold.kinds.iter().enumerate() {
        let mut take = |by: By| groups.remove(&(number, by)).unwrap_or_default();
        let all = take(By::All).pop().map_or_else(|| figures(&Tally::default(), &[None; MEASURES]), |(_, _, all)| all);
        let requests = take(By::Request);
        let requests: Vec<Request> = requests
            .into_iter()
            .map(|(name, word, figures)| request(name, figures, ways.get(&(number, word)), &fold.paths, &names))
            .collect();
        let mut plain = |by| take(by).into_iter().map(|(name, _, figures)| Group { name, figures }).collect();
        let (channels, departments, resources) = (plain(By::Channel), plain(By::Department), plain(By::Resource));
        let recontacts = fold.recontacts.iter().filter(|((of, _, _), count)| *of == number && **count > 0);
        let recontacts = recontacts
            .map(|((_, from, to), count)| (word_name(&words, *from), word_name(&words, *to), *count))
            .collect();
        doubts.extend(Doubt::few(&format!("interactions `{}` judged", kind.name), all.judged));
        let Strays { unopened, resolved_again, without_key, without_request } = fold.strays[number];
        kinds.push(Kind {
            interaction: Arc::clone(&kind.name),
            window_s: kind.window_us.map(|us| us as f64 / 1e6),
            figures: all,
            repeatable: overall(&requests),
            without_key,
            without_request,
            unopened,
            resolved_again,
            requests,
            channels: first(channels, fold.limit, "channels", &mut doubts),
            departments: first(departments, fold.limit, "departments", &mut doubts),
            resources: first(resources, fold.limit, "resources", &mut doubts),
            recontacts: first(self::recontacts(recontacts), fold.limit, "re-contacts", &mut doubts),
        });
    }
    if times == Times::Sketch {
        doubts.push(Doubt::Approximate { what: "medians".to_owned(), relative_error: RELATIVE_ERROR });
    }
    Answer { customers: fold.customers.count(), times, interactions: kinds, doubts }
}

/// The beginning of a list, with a doubt where it is not all.
fn first<T>(mut list: Vec<T>, limit: usize, what: &str, doubts: &mut Vec<Doubt>) -> Vec<T> {
    let of = list.len() as u64;
    if limit > 0 {
        list.truncate(limit);
    }
    doubts.extend(Doubt::truncated(what, list.len() as u64, of));
    list
}

/// What a word says; nothing for [`Word::NONE`].
pub(crate) fn word_name(words: &[Arc<str>], word: Word) -> Option<Arc<str>> {
    match word {
        Word::NONE => None,
        Word::OTHER => Some("(other)".into()),
        word => words.get(word.index()).cloned(),
    }
}

fn figures(tally: &Tally, measures: &[Option<Summary>]) -> Figures {
    let Tally { opened, resolved, open, judged, first_contact, accurate, effort, ces } = *tally;
    let ces = ces.mean();
    let shares = [Share::new(resolved, opened - open), Share::new(first_contact, judged), Share::new(accurate, judged)];
    let [of_over, at_first, accurately] = shares;
    let [contacts, switches, repeats, elapsed] = effort.map(|sums| sums.mean());
    let median = |m: usize| measures[m].map(|s| s.median_s);
    Figures {
        opened,
        resolved,
        open,
        abandoned: opened - resolved - open,
        resolved_share: of_over.share,
        resolved_share_low: of_over.low,
        resolved_share_high: of_over.high,
        judged,
        first_contact,
        first_contact_share: at_first.share,
        first_contact_share_low: at_first.low,
        first_contact_share_high: at_first.high,
        accurate,
        accurate_share: accurately.share,
        accurate_share_low: accurately.low,
        accurate_share_high: accurately.high,
        contacts_mean: contacts.mean,
        contacts_mean_low: contacts.low,
        contacts_mean_high: contacts.high,
        contacts_median: median(0),
        switches_mean: switches.mean,
        switches_mean_low: switches.low,
        switches_mean_high: switches.high,
        switches_median: median(1),
        repeats_mean: repeats.mean,
        repeats_mean_low: repeats.low,
        repeats_mean_high: repeats.high,
        repeats_median: median(2),
        elapsed_mean_s: elapsed.mean,
        elapsed_mean_s_low: elapsed.low,
        elapsed_mean_s_high: elapsed.high,
        elapsed_median_s: median(3),
        ces_n: ces.n,
        ces_mean: ces.mean,
        ces_mean_low: ces.low,
        ces_mean_high: ces.high,
    }
}

/// How often each request went which way.
fn ways(fold: &InteractionsFold, names: &Names) -> BTreeMap<(usize, Word), Ways> {
    let mut all: BTreeMap<(usize, Word), Ways> = BTreeMap::new();
    let rank = |number: usize| {
        let path = decode(fold.paths.bytes_of(number)).skip(3).map(|moment| names.rank(moment));
        (path.collect::<Vec<_>>(), result(fold.paths.bytes_of(number)))
    };
    for number in fold.paths.numbers() {
        let mut prefix = decode(fold.paths.bytes_of(number));
        let (Some(kind), Some(request)) = (prefix.next(), prefix.next()) else { continue };
        let ways = all.entry((kind.index(), Word(request.0.wrapping_sub(1)))).or_default();
        let count = fold.paths.count(number);
        ways.counts.push(count);
        let better = ways.usual.is_none_or(|(most, usual)| count > most || count == most && rank(number) < rank(usual));
        if better {
            ways.usual = Some((count, number));
        }
    }
    all
}

fn result(bytes: &[u8]) -> Ended {
    if decode(bytes).nth(2) == Some(Moment(1)) { Ended::Resolved } else { Ended::Abandoned }
}

fn request(
    name: Option<Arc<str>>,
    figures: Figures,
    ways: Option<&Ways>,
    paths: &crate::sequences::Sequences,
    names: &Names,
) -> Request {
    let Some(ways) = ways else { return Request { request: name, figures, repeatable: None, ways: 0, usual: None } };
    let over = figures.opened - figures.open;
    let usual = ways.usual.map(|(count, number)| {
        let share = Share::new(count, over);
        let bytes = paths.bytes_of(number);
        Usual {
            path: decode(bytes).skip(3).map(|moment| names.name(moment)).collect(),
            result: result(bytes),
            count,
            share: share.share,
            share_low: share.low,
            share_high: share.high,
        }
    });
    let repeatable = Some(repeatable(ways.counts.clone()));
    Request { request: name, figures, repeatable, ways: ways.counts.len() as u64, usual }
}

/// 1 minus Pielou's evenness: entropy over the logarithm of the number of different ones (Pielou 1966).
pub(super) fn repeatable(mut counts: Vec<u64>) -> f64 {
    if counts.len() < 2 {
        return 1.0;
    }
    // Sums of fractions depend on their order, and the order of the paths on who saw which customer.
    counts.sort_unstable();
    let n = counts.iter().sum::<u64>() as f64;
    let entropy: f64 = counts.iter().map(|count| *count as f64 / n).map(|share| -share * share.ln()).sum();
    (1.0 - entropy / (counts.len() as f64).ln()).clamp(0.0, 1.0)
}

fn overall(requests: &[Request]) -> Option<f64> {
    let (mut sum, mut n) = (0.0, 0.0);
    for request in requests {
        if let Some(repeatable) = request.repeatable {
            let over = (request.figures.opened - request.figures.open) as f64;
            sum += repeatable * over;
            n += over;
        }
    }
    (n > 0.0).then(|| sum / n)
}

fn recontacts(mut list: Vec<(Name, Name, u64)>) -> Vec<Recontact> {
    list.sort_unstable_by(|a, b| (Reverse(a.2), &a.0, &a.1).cmp(&(Reverse(b.2), &b.0, &b.1)));
    let all = list.iter().map(|(_, _, count)| count).sum();
    let recontact = |(from, to, count)| {
        let share = Share::new(count, all);
        Recontact { from, to, count, share: share.share, share_low: share.low, share_high: share.high }
    };
    list.into_iter().map(recontact).collect()
}

/// The shares of each kind and of each request.
pub(super) fn shares(answer: &Answer) -> Shares {
    let mut by_name = BTreeMap::new();
    let mut add = |what: String, figures: &Figures| {
        let Figures { opened, open, resolved, judged, first_contact, accurate, .. } = figures;
        let all = [
            ("resolved", *resolved, opened - open),
            ("at first contact", *first_contact, *judged),
            ("accurate", *accurate, *judged),
        ];
        for (name, count, of) in all {
            by_name.insert(format!("{what}: {name}"), Share::new(count, of));
        }
    };
    for kind in &answer.interactions {
        add(kind.interaction.to_string(), &kind.figures);
        for request in &kind.requests {
            let name = request.request.as_deref().unwrap_or(super::tables::UNNAMED);
            add(format!("{}, {name}", kind.interaction), &request.figures);
        }
    }
    // A request that the other group does not have says nothing about it.
    Shares { of: 0, by_name }
}

/// The mean effort of each kind and of each request.
pub(super) fn means(answer: &Answer) -> Means {
    let mut all = Means::new();
    let mut add = |what: String, figures: &Figures| {
        let Figures { contacts_mean, switches_mean, repeats_mean, elapsed_mean_s, .. } = figures;
        let ends = [
            ("contacts", contacts_mean, figures.contacts_mean_low, figures.contacts_mean_high),
            ("switches", switches_mean, figures.switches_mean_low, figures.switches_mean_high),
            ("repeats", repeats_mean, figures.repeats_mean_low, figures.repeats_mean_high),
            ("seconds until resolved", elapsed_mean_s, figures.elapsed_mean_s_low, figures.elapsed_mean_s_high),
        ];
        for (name, mean, low, high) in ends {
            all.insert(format!("{what}: {name}"), Mean::of_interval(figures.resolved, *mean, low, high).into());
        }
        let ces = Mean::of_interval(figures.ces_n, figures.ces_mean, figures.ces_mean_low, figures.ces_mean_high);
        all.insert(format!("{what}: CES"), ces.into());
    };
    for kind in &answer.interactions {
        add(kind.interaction.to_string(), &kind.figures);
        for request in &kind.requests {
            let name = request.request.as_deref().unwrap_or(super::tables::UNNAMED);
            add(format!("{}, {name}", kind.interaction), &request.figures);
        }
    }
    all
}
