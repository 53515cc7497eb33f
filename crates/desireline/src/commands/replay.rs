//! `replay`: every state built anew from the log and compared with the one that is kept, or the decisions of another charter
//! over the same log.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use engine::{Engine, Redecided};
use evidence::{counted, grouped};
use serde_json::json;
use tokio::sync::watch;
use understand::{Cell, Table};

use crate::args::ReplayArgs;
use crate::draw;
use crate::error::Error;
use crate::home::{Home, read_charter};
use crate::live::Live;
use crate::question::time;

/// Customers that are named where states differ.
const NAMED: usize = 10;

/// Carries out what is asked of the log.
pub(crate) async fn run(home: &Home, args: &ReplayArgs, as_json: bool) -> Result<ExitCode, Error> {
    let live = Live::existing(home, args.live.keep.as_deref()).await?;
    let nothing = || format!("nothing came in live in {}: `desireline serve` takes events in", home.path.display());
    let Live { keep, engine, .. } = live.ok_or_else(|| Error::NotFound(nothing()))?;
    // Of a charter that was changed since, states follow first.
    let (_never, stop) = watch::channel(false);
    engine.follow(&stop).await?;
    let done = match &args.policy {
        Some(policy) => decide_again(home, &engine, policy, args, as_json).await,
        None => compare(&engine, as_json).await,
    };
    keep.close().await;
    done
}

/// Compares what is kept with what follows from the log.
async fn compare(engine: &Arc<Engine>, as_json: bool) -> Result<ExitCode, Error> {
    let start = Instant::now();
    let compared = engine.compare_with_log().await?;
    let seconds = start.elapsed().as_secs_f64();
    let equal = compared.differing.is_empty();
    if as_json {
        let different: Vec<i64> = compared.differing.iter().copied().take(NAMED).collect();
        let all = json!({
            "customers": compared.customers,
            "entries": compared.entries,
            "equal": equal,
            "differing": compared.differing.len(),
            "first_differing": different,
            "seconds": seconds,
        });
        draw::data(&all.to_string());
    } else {
        let read = format!(
            "{} of {} in {seconds:.1} s",
            counted(compared.entries, "entry", "entries"),
            counted(compared.customers, "customer", "customers")
        );
        let verdict = if equal {
            "every state is what follows from the log, byte for byte".to_owned()
        } else {
            format!("{} states differ from what follows from the log", grouped(compared.differing.len() as u64))
        };
        draw::data(&format!("{read}: {verdict}"));
    }
    Ok(if equal { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Says what another charter would have decided.
async fn decide_again(
    home: &Home,
    engine: &Engine,
    policy: &Path,
    args: &ReplayArgs,
    as_json: bool,
) -> Result<ExitCode, Error> {
    let charter = Arc::new(read_charter(policy)?);
    let from_us = time("--from", args.from.as_deref(), &charter)?.unwrap_or(i64::MIN);
    let to_us = time("--to", args.to.as_deref(), &charter)?.unwrap_or(i64::MAX);
    if from_us >= to_us {
        return Err(Error::Usage("--from: the period ends before it begins, or where it begins".to_owned()));
    }
    if charter.actions.is_empty() {
        draw::note(&format!("{} has no actions, so it decides for none", policy.display()));
    }
    let redecided = engine.redecide(charter, from_us..to_us, args.examples).await?;
    if as_json {
        draw::data(&serde_json::to_string(&redecided).expect("an answer is made of texts and numbers"));
    } else {
        draw::data(&told(&redecided));
    }
    home.say_simulated();
    Ok(ExitCode::SUCCESS)
}

fn told(redecided: &Redecided) -> String {
    let title = format!(
        "{} read: {} of {} would be decided otherwise",
        counted(redecided.entries, "entry", "entries"),
        grouped(redecided.differing),
        counted(redecided.occasions, "occasion", "occasions"),
    );
    let counts = redecided.actions.iter().map(|of| {
        let [then, now, both] = [of.then, of.now, of.both].map(Cell::Count);
        vec![Cell::Text(of.action.as_str().into()), then, now, both]
    });
    let mut text = draw::table(&table(title, &["action", "then", "now", "both"], counts.collect()));
    if !redecided.examples.is_empty() {
        let action = |name: &Option<String>| name.clone().unwrap_or_else(|| "none".to_owned());
        let rows = redecided.examples.iter().map(|one| {
            let texts = [one.at.clone(), one.customer.clone(), action(&one.then), action(&one.now)];
            texts.map(|text| Cell::Text(text.into())).to_vec()
        });
        let title = "The first that differ".to_owned();
        text.push('\n');
        text.push_str(&draw::table(&table(title, &["at", "customer", "then", "now"], rows.collect())));
    }
    text
}

fn table(title: String, headers: &[&str], rows: Vec<Vec<Cell>>) -> Table {
    let headers = headers.iter().map(|header| (*header).to_owned()).collect();
    Table { title, headers, rows, notes: Vec::new() }
}
