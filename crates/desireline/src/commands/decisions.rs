//! `decisions`: what was decided, as JSON Lines, for whoever evaluates it.

use std::process::ExitCode;

use crate::args::LiveArgs;
use crate::draw;
use crate::error::Error;
use crate::home::Home;
use crate::live::Live;

/// Decisions that are read at once.
const AT_ONCE: usize = 1_000;

/// Writes all of them.
pub(crate) async fn run(home: &Home, args: &LiveArgs) -> Result<ExitCode, Error> {
    let live = Live::existing(home, args.keep.as_deref()).await?;
    let nothing = || format!("nothing was decided live in {}: `desireline serve` decides", home.path.display());
    let Live { keep, engine, .. } = live.ok_or_else(|| Error::NotFound(nothing()))?;
    let mut after = None;
    loop {
        let page = engine.evaluated(after, AT_ONCE).await?;
        page.decisions.iter().for_each(|decision| draw::data(decision.get()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    keep.close().await;
    home.say_simulated();
    Ok(ExitCode::SUCCESS)
}
