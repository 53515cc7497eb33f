//! `init`: a first charter from data.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use charter::Answer;
use charter::draft::{Summary, draft};
use charter::keys::Keys;
use charter::sources::SourceMap;
use event::{Column, Event, Value};
use evidence::counted;
use listen::{Rejection, Sink, Stop};

use crate::args::InitArgs;
use crate::draw;
use crate::error::Error;
use crate::home::Home;
use crate::sources::{self, ReadFailure};

/// How systems write in a channel or department that it is not known.
const UNKNOWN: [&str; 8] = ["?", "-", "--", "n/a", "#n/a", "unknown", "unbekannt", "k.a."];

/// Counts what a first charter is made of.
#[derive(Default)]
struct Counts {
    events: BTreeMap<String, u64>,
    channels: BTreeMap<String, u64>,
    departments: BTreeMap<String, u64>,
    keys: BTreeMap<String, BTreeSet<u64>>,
    /// The kinds of keys that are known without a charter.
    usual: Keys,
    /// Values of the file that is read by which systems say "not known".
    unknown: BTreeSet<String>,
    rejected: u64,
}

impl Sink for Counts {
    fn event(&mut self, event: &Event<'_>) -> Result<(), Stop> {
        let count = |all: &mut BTreeMap<String, u64>, name: Option<&str>| {
            if let Some(name) = name {
                match all.get_mut(name) {
                    Some(n) => *n += 1,
                    None => {
                        all.insert(name.to_owned(), 1);
                    }
                }
            }
        };
        count(&mut self.events, Some(event.event));
        let unknown = &mut self.unknown;
        let mut known = |name: &&str| {
            let known = !UNKNOWN.iter().any(|word| word.eq_ignore_ascii_case(name));
            if !known && !unknown.contains(*name) {
                unknown.insert((*name).to_owned());
            }
            known
        };
        let (channel, department) = (event.channel.filter(&mut known), event.department.filter(&mut known));
        count(&mut self.channels, channel);
        count(&mut self.departments, department);
        let mut key = |kind: &str, value: &str| {
            self.keys.entry(kind.to_owned()).or_default().insert(listen::stitch::fingerprint(value));
        };
        event.keys.iter().for_each(|one| key(one.kind, one.value));
        // An import without a charter takes these too.
        for usual in &self.usual.kinds {
            let Some(Column::Trait(path)) = &usual.from else { continue };
            match charter::json_path(event.traits, path) {
                Answer::Owned(text) => key(&usual.name, &text),
                Answer::Value(Value::Text(text)) => key(&usual.name, text),
                _ => {}
            }
        }
        Ok(())
    }

    fn reject(&mut self, _: &Rejection<'_>) -> Result<(), Stop> {
        self.rejected += 1;
        Ok(())
    }
}

/// Reads files and proposes a charter.
pub(crate) fn run(home: &Home, args: &InitArgs) -> Result<ExitCode, Error> {
    let files = sources::files(&args.read.files, &home.charter)?;
    let mut counts = Counts::default();
    let mut summary = Summary::default();
    for path in &files {
        let source = sources::plan(path, &args.read, &home.charter)?;
        sources::describe(&source);
        match sources::read(&source, &mut counts, &|_| {}, |_| {}) {
            Ok(_) => {}
            Err(ReadFailure::Broken(what) | ReadFailure::Unsaid(what)) => {
                return Err(Error::Input { path: path.clone(), what });
            }
            Err(ReadFailure::Stopped(error)) => {
                return Err(Error::Input { path: path.clone(), what: error.to_string() });
            }
        }
        // Formats that say themselves what everything is need no source, unless the customer was chosen.
        let said = !source.plan.columns.is_empty() || source.plan.customer.is_some();
        let unknown = std::mem::take(&mut counts.unknown).into_iter().collect();
        let source = sources::source_map(&source, &args.read).filter(|_| said);
        summary.sources.extend(source.map(|source| SourceMap { unknown, ..source }));
    }
    if counts.rejected > 0 {
        draw::note(&format!(
            "{} could not be read; `desireline import` would put them aside by reason",
            counted(counts.rejected, "row", "rows")
        ));
    }
    let by_count = |all: BTreeMap<String, u64>| {
        let mut all: Vec<_> = all.into_iter().collect();
        all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        all
    };
    summary.events = by_count(counts.events);
    summary.channels = by_count(counts.channels);
    summary.departments = by_count(counts.departments).into_iter().map(|(name, _)| name).collect();
    summary.keys = counts.keys.into_iter().map(|(kind, values)| (kind, values.len() as u64)).collect();
    if let Some(zone) = &args.read.timezone {
        summary.timezone = Some((zone.clone(), "given".to_owned()));
    }
    draw::data(&draft(&summary));
    Ok(ExitCode::SUCCESS)
}
