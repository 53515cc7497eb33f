//! `import`: files into the lake, with progress, a quarantine and a summary.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use evidence::{counted, grouped};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lake::{Ends, ImportOptions, Imported, Importer, Lake};
use listen::stitch::Refusal;
use listen::{Format, Summary};
use serde_json::json;

use crate::args::{ImportArgs, ReadArgs};
use crate::draw;
use crate::error::Error;
use crate::history;
use crate::home::Home;
use crate::question::against;
use crate::reread::{self, ReadAs};
use crate::sources::{self, ReadFailure, Source};

/// Reads files into the lake.
pub(crate) async fn run(home: &Home, args: &ImportArgs, as_json: bool) -> Result<ExitCode, Error> {
    if args.dry_run {
        plan_all(home, &args.read)?.iter().for_each(sources::describe);
        return Ok(ExitCode::SUCCESS);
    }
    let mut done = import(home, &args.read).await?;
    let doubts = against(&Lake::open(&home.path).await?, home).await?;
    done.warnings.extend(doubts.iter().map(ToString::to_string));
    if as_json {
        draw::data(&as_json_text(&done));
    } else {
        summarise(&done);
    }
    let nothing = done.imported.events + done.imported.duplicates == 0;
    if nothing {
        let reasons = done.imported.rejected_by_reason();
        let reasons: Vec<String> = reasons.iter().map(|(reason, n)| format!("{} {reason}", grouped(*n))).collect();
        let reasons = if reasons.is_empty() { "there are none".to_owned() } else { reasons.join(", ") };
        let rows = if done.rows == 1 {
            "the only row is no event".to_owned()
        } else {
            format!("none of the {} rows is an event", grouped(done.rows))
        };
        let what = format!("{rows}: {reasons}");
        return Err(Error::Input { path: args.read.files[0].clone(), what });
    }
    Ok(ExitCode::SUCCESS)
}

/// What an import did, and what there is to say about its files.
pub(crate) struct Done {
    pub(crate) imported: Imported,
    pub(crate) files: Vec<ReadFile>,
    pub(crate) rows: u64,
    pub(crate) warnings: Vec<String>,
    pub(crate) seconds: f64,
    /// Whether there were events in the lake before.
    pub(crate) adds: bool,
}

/// What one file gave.
pub(crate) struct ReadFile {
    pub(crate) name: String,
    pub(crate) events: u64,
    pub(crate) read_as: ReadAs,
}

fn plan_all(home: &Home, args: &ReadArgs) -> Result<Vec<Source>, Error> {
    let files = sources::files(&args.files, &home.charter)?;
    files.iter().map(|path| sources::plan(path, args, &home.charter)).collect()
}

/// Reads files into the lake of this home.
pub(crate) async fn import(home: &Home, args: &ReadArgs) -> Result<Done, Error> {
    let start = Instant::now();
    let sources = plan_all(home, args)?;
    sources.iter().for_each(sources::describe);
    let (read_as, reread) = read_otherwise(home, &sources);
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    // Only the first handler of a process counts, which is this one unless the demo imports twice.
    let _ = ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed));
    std::fs::create_dir_all(&home.path).map_err(Error::file("make the folder", &home.path))?;
    let lake = Lake::open_or_create(&home.path).await?;
    let adds = lake.ends().await? != Ends::default();
    let mut importer =
        lake.importer(ImportOptions { rules: home.rules(), interrupted, ..ImportOptions::default() }).await?;
    let (mut rows, mut files, mut warnings) = (0, Vec::new(), Vec::new());
    for (source, read_as) in sources.iter().zip(read_as) {
        let summary = read_one(source, &mut importer, &mut warnings)?;
        if summary.naive > 0 && !sources::zone_is_said(&source.path, args, &home.charter) {
            warnings.push(format!(
                "{}: {} taken as UTC; --timezone ZONE says otherwise, or `timezone:` in the charter",
                name_of(source),
                counted(summary.naive, "time has no offset and was", "times have no offset and were")
            ));
        }
        rows += summary.rows;
        files.push(ReadFile { name: name_of(source), events: summary.events, read_as });
    }
    let bar = spinner("sorting and writing");
    let finished = importer.finish().await;
    bar.finish_and_clear();
    let (_, imported) = finished.map_err(unfinished)?;
    // Where all of it came out as before, nothing is there twice.
    if reread.iter().map(|(file, _)| files[*file].events).sum::<u64>() > imported.duplicates {
        warnings.extend(reread.into_iter().map(|(_, warning)| warning));
    }
    let done = Done { imported, files, rows, warnings, seconds: start.elapsed().as_secs_f64(), adds };
    history::add(&home.path, &done)?;
    Ok(done)
}

/// How each file is read, and which of them were read otherwise before, with what to say about that.
fn read_otherwise(home: &Home, sources: &[Source]) -> (Vec<ReadAs>, Vec<(usize, String)>) {
    let known = history::files(&home.path);
    let read_as: Vec<ReadAs> = sources.iter().map(ReadAs::of).collect();
    let told =
        |(n, now): (usize, &ReadAs)| Some((n, reread::warning(&name_of(&sources[n]), now, &now.before(&known)?)));
    let otherwise = read_as.iter().enumerate().filter_map(told).collect();
    (read_as, otherwise)
}

fn name_of(source: &Source) -> String {
    source.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn read_one(source: &Source, importer: &mut Importer, warnings: &mut Vec<String>) -> Result<Summary, Error> {
    let name = name_of(source);
    importer.begin_file(&name)?;
    let bar = progress_bar(source);
    let (ticking, done) = (bar.clone(), Arc::new(AtomicBool::new(false)));
    let stop = Arc::clone(&done);
    let mut watcher = None;
    let result = sources::read(source, importer, &|rows| bar.set_position(rows), |bytes| {
        // Text is read in one call, so somebody else has to look how far it is.
        watcher = Some(std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                ticking.set_position(bytes.bytes());
                std::thread::sleep(Duration::from_millis(100));
            }
        }));
    });
    done.store(true, Ordering::Relaxed);
    if let Some(watcher) = watcher {
        let _ = watcher.join();
    }
    bar.finish_and_clear();
    match result {
        Ok(summary) => {
            warnings.extend(summary.warnings.iter().map(|warning| format!("{name}: {warning}")));
            for (kind, count) in &summary.passed_over {
                let messages = counted(*count, "message", "messages");
                let are = if *count == 1 { "is no event and was" } else { "are no events and were" };
                warnings.push(format!("{name}: {messages} of type {kind} {are} passed over"));
            }
            Ok(summary)
        }
        Err(ReadFailure::Stopped(error)) => Err(match error.downcast::<lake::Error>() {
            Ok(error) => incomplete(*error),
            Err(error) => Error::Input { path: source.path.clone(), what: error.to_string() },
        }),
        Err(ReadFailure::Unsaid(what)) => Err(Error::Input { path: source.path.clone(), what }),
        Err(ReadFailure::Broken(what)) => {
            let what = format!("{what}; nothing of this import was kept: repair the file, or leave it out");
            Err(Error::Input { path: source.path.clone(), what })
        }
    }
}

/// An import that the lake could not carry out, such as on a full disk.
fn incomplete(error: lake::Error) -> Error {
    if !matches!(error, lake::Error::Interrupted) {
        draw::note("the import is not complete: once the cause is gone, the same command completes it");
    }
    Error::Lake(error)
}

/// The same when its end was written: its links come before its events, and something may still fail when all is there.
fn unfinished(error: lake::Error) -> Error {
    if !matches!(error, lake::Error::Interrupted) {
        draw::note("the import may not be complete: once the cause is gone, the same command completes it");
        draw::note("keys that came together in it may count as one customer's already; `unmerge` takes that back");
    }
    Error::Lake(error)
}

fn progress_bar(source: &Source) -> ProgressBar {
    let template = if source.plan.format == Format::Parquet {
        "  {bar:30} {percent}% {human_pos} rows {per_sec}, {eta} left"
    } else {
        "  {bar:30} {percent}% {bytes} {bytes_per_sec}, {eta} left"
    };
    let style = ProgressStyle::with_template(template).expect("the template is correct");
    ProgressBar::with_draw_target(Some(source.size), ProgressDrawTarget::stderr()).with_style(style)
}

fn spinner(what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("  {spinner} {msg}, {elapsed}").expect("the template is correct");
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_style(style).with_message(what);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn as_json_text(done: &Done) -> String {
    let imported = &done.imported;
    json!({
        "rows": done.rows,
        "events": imported.events,
        "duplicates": imported.duplicates,
        "rejected": imported.rejected_by_reason(),
        "quarantine": imported.quarantine,
        "customers": imported.customers,
        "keys": imported.keys,
        "refused": imported.refused.iter().map(refusal).collect::<Vec<_>>(),
        "warnings": done.warnings,
        "seconds": done.seconds,
    })
    .to_string()
}

fn refusal(refusal: &Refusal) -> String {
    match refusal {
        Refusal::SharedKey { kind, value, with, count } => {
            format!("{kind} `{value}` came with {count} different {with}: it is shared, and glues nobody together")
        }
        Refusal::Conflict { from, to, of } => {
            format!(
                "{} `{}` and {} `{}` were not joined: one customer would have too many {of}",
                from.0, from.1, to.0, to.1
            )
        }
    }
}

/// How many refusals are told one by one.
const REFUSALS_SHOWN: usize = 5;

/// Says in words what an import did.
pub(crate) fn summarise(done: &Done) {
    let imported = &done.imported;
    let milliseconds = std::time::Duration::from_secs_f64(done.seconds).as_millis().max(1);
    let rate = u64::try_from(u128::from(done.rows) * 1000 / milliseconds).unwrap_or(u64::MAX);
    let customers = counted(imported.customers, "customer", "customers");
    let events = if done.adds {
        format!("{}; the lake has {customers}", counted(imported.events, "new event", "new events"))
    } else {
        format!("{} of {customers}", counted(imported.events, "event", "events"))
    };
    draw::note(&format!(
        "{events} ({} in {:.1} s, {} rows a second)",
        counted(done.rows, "row", "rows"),
        done.seconds,
        grouped(rate)
    ));
    if imported.duplicates > 0 {
        draw::note(&format!(
            "{} there already and not taken twice",
            counted(imported.duplicates, "event was", "events were")
        ));
    }
    for (reason, count) in imported.rejected_by_reason() {
        draw::note(&format!("{} rejected: {reason}", counted(count, "row", "rows")));
    }
    for path in &imported.quarantine {
        draw::note(&format!("  kept in {}", path.display()));
    }
    for one in imported.refused.iter().take(REFUSALS_SHOWN) {
        draw::note(&refusal(one));
    }
    if imported.refused.len() > REFUSALS_SHOWN {
        draw::note(&format!("… and {} more like these (--json lists all)", imported.refused.len() - REFUSALS_SHOWN));
    }
    done.warnings.iter().for_each(|warning| draw::note(&format!("note: {warning}")));
}
