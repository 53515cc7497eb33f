//! `replay`: every state built anew from the log, and compared with the one that is kept.

use std::process::ExitCode;
use std::time::Instant;

use evidence::{counted, grouped};
use serde_json::json;

use crate::args::LiveArgs;
use crate::draw;
use crate::error::Error;
use crate::home::Home;
use crate::live::Live;

/// Customers that are named where states differ.
const NAMED: usize = 10;

/// Compares what is kept with what follows from the log.
pub(crate) async fn run(home: &Home, args: &LiveArgs, as_json: bool) -> Result<ExitCode, Error> {
    let Live { keep, engine, .. } = Live::open(home, args.keep.as_deref()).await?;
    let start = Instant::now();
    let compared = engine.compare_with_log().await;
    keep.close().await;
    let compared = compared?;
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
