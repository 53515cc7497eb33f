//! Lakes in temporary folders, and what the tests ask of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use event::{Event, Key, Timestamp};
use journey::{AnyFold, Fold, Journey, Moments, Selection};
use lake::{ImportOptions, Importer, Lake, Lens, Origin, Question, Said, Told as HowMuch, Vocabulary, Writer};
use listen::Sink;
use listen::stitch::{Graph, Node, Rules};

/// How many journeys have each sequence of (moment, time).
#[derive(Default)]
pub(crate) struct Sequences(BTreeMap<Vec<(u32, i64)>, u64>);

/// By sequence of events with their times: how many customers have it.
pub(crate) type Told = BTreeMap<Vec<(String, i64)>, u64>;

impl Fold for Sequences {
    type Answer = Told;

    fn journey(&mut self, journey: &Journey<'_>) {
        let sequence = journey.moments.iter().map(|m| m.0).zip(journey.at_us.iter().copied()).collect();
        *self.0.entry(sequence).or_default() += 1;
    }

    fn merge(&mut self, other: Self) {
        other.0.into_iter().for_each(|(sequence, n)| *self.0.entry(sequence).or_default() += n);
    }

    fn finish(self, moments: &Moments) -> Self::Answer {
        let names = moments.names();
        let named = |sequence: Vec<(u32, i64)>| {
            sequence.into_iter().map(|(m, at)| (names[m as usize].to_string(), at)).collect()
        };
        self.0.into_iter().map(|(sequence, n)| (named(sequence), n)).collect()
    }
}

pub(crate) type Keys = Vec<(&'static str, String)>;

/// An event as a test writes it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Row {
    pub(crate) keys: Keys,
    pub(crate) event: String,
    pub(crate) at: i64,
    pub(crate) id: Option<String>,
    /// Channel, case id, phase, department, resource.
    pub(crate) words: [Option<String>; 5],
    pub(crate) properties: Option<String>,
}

impl Row {
    pub(crate) fn new(keys: Keys, event: &str, at: i64) -> Self {
        Self { keys, event: event.to_owned(), at, ..Self::default() }
    }
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

pub(crate) async fn import(home: &Path, rows: &[Row]) -> lake::Imported {
    import_by(home, rows, &Rules::default()).await
}

pub(crate) async fn import_by(home: &Path, rows: &[Row], rules: &Rules) -> lake::Imported {
    let lake = Lake::open_or_create(home).await.expect("a lake");
    let options = ImportOptions { rules: rules.clone(), ..ImportOptions::default() };
    let mut importer = lake.importer(options).await.expect("an importer");
    take_in(&mut importer, rows);
    importer.finish().await.expect("committed").1
}

/// Imports rows of a live log up to a position.
pub(crate) async fn export(writer: &mut Writer, rows: &[Row], rules: &Rules, position: usize) {
    take_from_live(writer, rows, rules, position as u64).await;
    assert_eq!(writer.log_position().await.expect("a position"), position as u64);
}

/// The same, where the position may be behind what the lake has already.
pub(crate) async fn take_from_live(writer: &mut Writer, rows: &[Row], rules: &Rules, until: u64) {
    let origin = Origin::Live { until: Some(until) };
    let options = ImportOptions { rules: rules.clone(), origin, ..ImportOptions::default() };
    let mut importer = writer.importer(options).await.expect("an importer");
    take_in(&mut importer, rows);
    writer.finish(importer).await.expect("committed");
}

/// Notes what a live log has to do with the lake.
pub(crate) async fn note(writer: &mut Writer, origin: Origin, told: Option<HowMuch>) {
    let importer = writer.importer(ImportOptions { origin, told, ..ImportOptions::default() }).await;
    writer.finish(importer.expect("an importer")).await.expect("committed");
}

/// Has the lake hear what people said, with nothing else.
pub(crate) async fn say(home: &Path, words: &[Said], rules: &Rules) {
    hear(&mut Writer::new(home), words, rules).await;
}

/// The same, by whoever writes again and again.
pub(crate) async fn hear(writer: &mut Writer, words: &[Said], rules: &Rules) {
    let origin = Origin::Live { until: None };
    let options = ImportOptions { rules: rules.clone(), origin, ..ImportOptions::default() };
    let mut importer = writer.importer(options).await.expect("an importer");
    for said in words {
        importer.say(said);
    }
    writer.finish(importer).await.expect("committed");
}

/// That a person says that two keys are one customer's.
pub(crate) fn linked(a: (&str, &str), b: (&str, &str)) -> Said {
    Said { linked: true, a: own(a), b: own(b) }
}

fn take_in(importer: &mut Importer, rows: &[Row]) {
    importer.begin_file("test").expect("a file");
    for row in rows {
        let keys: Vec<Key<'_>> = row.keys.iter().map(|(kind, value)| Key { kind, value }).collect();
        let mut event = Event::new(&row.event, Timestamp::from_micros(row.at), &keys);
        event.message_id = row.id.as_deref();
        [event.channel, event.case_id, event.phase, event.department, event.resource] =
            [0, 1, 2, 3, 4].map(|n: usize| row.words[n].as_deref());
        event.properties = row.properties.as_deref();
        importer.event(&event).expect("taken in");
    }
}

pub(crate) async fn sequences(home: &Path) -> Told {
    sequences_by(home, &Rules::default()).await
}

pub(crate) async fn sequences_by(home: &Path, rules: &Rules) -> Told {
    answer::<Sequences>(&Lake::open(home).await.expect("a lake"), rules, Lens::default()).await
}

/// What one fold says of all journeys.
pub(crate) async fn answer<F: Fold + Default>(lake: &Lake, rules: &Rules, lens: Lens) -> F::Answer {
    answer_after(lake, rules, lens, F::default).await
}

/// What a fold says that `new` makes while the files are being read.
pub(crate) async fn answer_after<F: Fold>(
    lake: &Lake,
    rules: &Rules,
    lens: Lens,
    new: impl Fn() -> F + Sync,
) -> F::Answer {
    let vocabulary = Vocabulary::default();
    let question = Question {
        selected: vec![(lens, Selection::default())],
        vocabulary: vocabulary.clone(),
        folds: Box::new(|| vec![Box::new(new()) as Box<dyn AnyFold>]),
        names: Vec::new(),
        kept: None,
    };
    let answered = lake.ask(rules, &[question], None).await.expect("an answer");
    let fold = answered.groups.into_iter().flatten().flatten().next().expect("one fold");
    fold.into_any().downcast::<F>().expect("of this kind").finish(&vocabulary.moments)
}

/// The name of events that are only there so that the keys of a test lie in many buckets.
const BALLAST: &str = "ballast";

/// The rows, each behind so many customers of no interest that neighbouring rows have keys in different buckets.
pub(crate) fn spread(rows: &[Row]) -> Vec<Row> {
    let ballast = |n: i64| Row::new(vec![(BALLAST, format!("b{n}"))], BALLAST, n);
    let before = |n: usize| (0..130).map(move |i| ballast(i64::try_from(n).expect("few rows") * 130 + i));
    rows.iter().enumerate().flat_map(|(n, row)| before(n).chain([row.clone()])).collect()
}

/// Journeys without those of [`spread`].
pub(crate) fn without_ballast(told: Told) -> Told {
    told.into_iter().filter(|(sequence, _)| sequence.iter().all(|(event, _)| event != BALLAST)).collect()
}

/// What a lake should know, computed the slow way: from all rows that ever came, again each time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    pub(crate) rows: Vec<Row>,
    /// How many rows ever came, those of erased customers included.
    pub(crate) arrived: usize,
    pub(crate) undone: BTreeSet<[(String, String); 2]>,
}

fn own((kind, value): (&str, &str)) -> (String, String) {
    (kind.to_owned(), value.to_owned())
}

impl Model {
    pub(crate) fn graph(&self, rules: &Rules) -> (Graph, Vec<Vec<Node>>) {
        let mut graph = Graph::new(rules.clone());
        let mut nodes = Vec::new();
        for row in &self.rows {
            let keys: Vec<Node> = row.keys.iter().filter_map(|(kind, value)| graph.admit(kind, value)).collect();
            graph.link(&keys, row.at);
            nodes.push(keys);
        }
        for [a, b] in &self.undone {
            if let (Some(a), Some(b)) = (graph.find(&a.0, &a.1), graph.find(&b.0, &b.1)) {
                graph.undo(a, b);
            }
        }
        (graph, nodes)
    }

    /// Links that are followed or could be, by their keys.
    pub(crate) fn links(&self, rules: &Rules) -> Vec<[(String, String); 2]> {
        let (graph, _) = self.graph(rules);
        let all = graph.links().into_iter().filter(|(a, b, _)| !graph.is_undone(*a, *b));
        all.map(|(a, b, _)| [own(graph.key(a)), own(graph.key(b))]).collect()
    }

    pub(crate) fn told(&self, rules: &Rules) -> Told {
        let (graph, nodes) = self.graph(rules);
        let customers = graph.resolve();
        let mut by_customer: BTreeMap<Node, Vec<(String, i64)>> = BTreeMap::new();
        for (row, nodes) in self.rows.iter().zip(&nodes) {
            let customer = graph.customer(nodes, &customers).expect("every row has a key");
            by_customer.entry(customer).or_default().push((row.event.clone(), row.at));
        }
        let mut told = Told::new();
        for mut sequence in by_customer.into_values() {
            // Stable: rows at one time stay in the order in which they came.
            sequence.sort_by_key(|(_, at)| *at);
            *told.entry(sequence).or_default() += 1;
        }
        told
    }

    /// As if the customer of this key had never come; gives the values of the customer's keys.
    pub(crate) fn erase(&mut self, rules: &Rules, key: &(&'static str, String)) -> BTreeSet<String> {
        let (graph, nodes) = self.graph(rules);
        let customers = graph.resolve();
        let gone = customers.of(graph.find(key.0, &key.1).expect("a key of the rows"));
        let theirs = |kind: &str, value: &str| graph.find(kind, value).is_some_and(|n| customers.of(n) == gone);
        let rows = self.rows.iter().zip(&nodes).filter(|(_, n)| graph.customer(n, &customers) != Some(gone));
        let rows: Vec<Row> = rows.map(|(row, _)| row.clone()).collect();
        let keys = self.rows.iter().flat_map(|row| &row.keys).filter(|(kind, value)| theirs(kind, value));
        let keys = keys.map(|(_, value)| value.clone()).collect();
        self.undone.retain(|pair| !pair.iter().any(|(kind, value)| theirs(kind, value)));
        self.rows = rows;
        self.rows.iter_mut().for_each(|row| row.keys.retain(|(kind, value)| !theirs(kind, value)));
        keys
    }
}
