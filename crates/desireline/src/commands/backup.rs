//! `backup`, `restore`: a home into a folder, and back.

use std::process::ExitCode;
use std::sync::Arc;

use evidence::counted;
use keep::{Embedded, EmbeddedOptions, Keep};
use serde_json::json;

use crate::args::{Args, BackupArgs, RestoreArgs};
use crate::backup::{Contents, Whole, make};
use crate::draw;
use crate::error::Error;
use crate::home::Home;
use crate::live::LIVE;

/// Makes a backup of a home on which no server runs.
pub(crate) async fn run(home: &Home, args: &BackupArgs, as_json: bool) -> Result<ExitCode, Error> {
    if !home.path.is_dir() {
        return Err(Error::NotFound(format!("there is no home in {}", home.path.display())));
    }
    let folder = home.path.join(LIVE);
    let live: Option<Arc<dyn Keep>> = if args.live.keep.is_none() && folder.is_dir() {
        let opened = Embedded::open(folder, EmbeddedOptions::default()).inspect_err(|error| {
            if matches!(error, keep::Error::Locked { .. }) {
                draw::note("a server that runs makes backups itself: POST /api/v1/backups with an admin key");
            }
        });
        Some(Arc::new(opened?))
    } else {
        None
    };
    let made = make(&Whole::new(home, live.clone()), &args.to).await;
    if let Some(live) = live {
        live.close().await;
    }
    let contents = made?;
    if args.live.keep.is_some() {
        draw::note("live state is in the database, and not in this backup: back it up there, after this");
    }
    told(&contents, &format!("in {}", args.to.display()), as_json);
    Ok(ExitCode::SUCCESS)
}

/// Makes a home of a backup.
pub(crate) fn restore(args: &Args, from: &RestoreArgs) -> Result<ExitCode, Error> {
    let contents = crate::backup::restore(&from.from, &args.home)?;
    if contents.live {
        draw::note("what was on its way to targets when the backup was made is sent again once it is served");
    }
    told(&contents, &format!("of {} restored in {}", contents.made_at, args.home.display()), args.json);
    Ok(ExitCode::SUCCESS)
}

fn told(contents: &Contents, what: &str, as_json: bool) {
    let (files, bytes) = (contents.files(), contents.bytes());
    if as_json {
        let all = json!({"files": files, "bytes": bytes, "made_at": contents.made_at, "live": contents.live});
        draw::data(&all.to_string());
    } else {
        draw::note(&format!("{}, {:.1} MB, {what}", counted(files, "file", "files"), bytes as f64 / 1e6));
    }
}
