//! `doctor`: whether everything that a server needs is as it should be, and what to do where it is not.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::RangeInclusive;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use charter::Charter;
use charter::actions::Delivery;
use engine::deliver::{Outbox, SystemLookup, Webhooks};
use engine::{Clock, SystemClock};
use evidence::{counted, grouped};
use keep::{Embedded, EmbeddedOptions, Keep, Postgres};
use lake::Lake;
use serde::Serialize;
use serde_json::json;

use crate::args::{Args, DoctorArgs};
use crate::backup::{BACKUPS, Contents};
use crate::draw;
use crate::error::Error;
use crate::home::{Home, free_bytes};
use crate::live::{LIVE, is_told};

/// Less free room than this is worth a word, in bytes.
const ROOM_BYTES: u64 = 5 << 30;
/// With less than this the next import or compaction may fail.
const ROOM_BYTES_MIN: u64 = 512 << 20;
/// How far ahead of the clock what is stored may lie: clocks differ.
const AHEAD_US: i64 = 60 * 1_000_000;
/// Entries of the log that the lake may lack while a server runs.
const BEHIND_MAX: u64 = 100_000;
/// How long a server is waited for.
const ASK_TIME_MAX: Duration = Duration::from_secs(2);

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Standing {
    Good,
    /// It works, and somebody should look.
    Doubtful,
    Bad,
}

/// What was found about one thing.
#[derive(Debug, Serialize)]
struct Checked {
    check: &'static str,
    standing: Standing,
    found: String,
    /// What to do about it; empty where there is nothing to do.
    #[serde(skip_serializing_if = "String::is_empty")]
    todo: String,
}

fn good(check: &'static str, found: impl Into<String>) -> Checked {
    Checked { check, standing: Standing::Good, found: found.into(), todo: String::new() }
}

fn doubtful(check: &'static str, found: impl Into<String>, todo: impl Into<String>) -> Checked {
    Checked { check, standing: Standing::Doubtful, found: found.into(), todo: todo.into() }
}

fn bad(check: &'static str, found: impl Into<String>, todo: impl Into<String>) -> Checked {
    Checked { check, standing: Standing::Bad, found: found.into(), todo: todo.into() }
}

/// Looks at everything, and says what to do.
pub(crate) async fn run(args: &Args, doctor: &DoctorArgs) -> Result<ExitCode, Error> {
    let mut found = vec![home(&args.home)];
    let (charter, of_charter) = charter(args);
    found.push(of_charter);
    found.extend(room(&args.home));
    let (position, of_lake) = lake(&args.home).await;
    found.push(of_lake);
    found.extend(live(&args.home, doctor.live.keep.as_deref(), charter.as_deref(), position).await);
    found.push(address(doctor.listen));
    found.push(backups(&args.home));
    let healthy = found.iter().all(|found| found.standing != Standing::Bad);
    if args.json {
        draw::data(&json!({"healthy": healthy, "checks": found}).to_string());
    } else {
        found.iter().for_each(say);
    }
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn say(found: &Checked) {
    let standing = match found.standing {
        Standing::Good => "good",
        Standing::Doubtful => "look",
        Standing::Bad => "BAD",
    };
    draw::data(&format!("{standing:<5} {:<9} {}", found.check, found.found));
    if !found.todo.is_empty() {
        draw::data(&format!("{:<15} to do: {}", "", found.todo));
    }
}

fn home(path: &Path) -> Checked {
    if path.exists() && !path.is_dir() {
        return bad("home", format!("{} is no folder", path.display()), "name another one by --home");
    }
    if !path.is_dir() {
        let todo = "`desireline import FILE` or `desireline serve` makes it; another one is named by --home";
        return doubtful("home", format!("{} is not there yet", path.display()), todo);
    }
    let probe = path.join("doctor.tmp");
    let written = std::fs::write(&probe, b"a").and_then(|()| std::fs::remove_file(&probe));
    match written {
        Ok(()) => good("home", format!("{} can be read and written", path.display())),
        Err(error) => {
            let todo = "give the user that runs desireline the right to write there, or free some room";
            bad("home", format!("{} cannot be written: {error}", path.display()), todo)
        }
    }
}

fn charter(args: &Args) -> (Option<Arc<Charter>>, Checked) {
    match Home::open(args) {
        Ok(home) => {
            let found = match &home.charter_path {
                Some(path) => good("charter", format!("{} has no errors", path.display())),
                None => doubtful(
                    "charter",
                    "there is none, so events are counted by their names, and nothing is decided",
                    "`desireline init FILE > charter.yaml` proposes one; it belongs into the home",
                ),
            };
            (Some(home.charter), found)
        }
        Err(error) => (None, bad("charter", error.in_full(), "`desireline check` says where, and what would be right")),
    }
}

/// The room on the disk of the home; nothing where nobody can tell.
fn room(home: &Path) -> Option<Checked> {
    let free = free_bytes(home)?;
    let found = format!("{:.1} GB are free", free as f64 / 1e9);
    let todo = "free some, or move the home to a larger disk: imports and compactions need room for a copy";
    Some(match free {
        ..ROOM_BYTES_MIN => bad("disk", found, todo),
        ROOM_BYTES_MIN..ROOM_BYTES => doubtful("disk", found, todo),
        _ => good("disk", found),
    })
}

/// How the lake stands, and up to which position of the log it knows everything.
async fn lake(home: &Path) -> (u64, Checked) {
    let read = async || {
        let lake = Lake::open(home).await?;
        Ok::<_, lake::Error>((lake.since_us().await?, lake.log_position().await?, lake.torn()))
    };
    match read().await {
        Ok((_, position, torn)) if !torn.is_empty() => {
            let names: Vec<String> = torn.iter().map(|path| path.display().to_string()).collect();
            let found = format!("a power cut tore {}, which was put aside", names.join(", "));
            let todo = "of a commit (.json) nobody was told that it was done: import again what was being imported. Then \
                        delete these files";
            (position, doubtful("lake", found, todo))
        }
        Ok((since_us, position, _)) => {
            let since = since_us.map(|us| format!("events since {}", event::Timestamp::from_micros(us)));
            (position, good("lake", since.unwrap_or_else(|| "no events yet".to_owned())))
        }
        Err(lake::Error::NoLake { .. }) => (0, good("lake", "there is none yet; the first event makes it")),
        Err(error) => {
            let todo = "restore a backup (`desireline restore`), or use the program that wrote it";
            (0, bad("lake", Error::from(error).in_full(), todo))
        }
    }
}

/// What is kept live: whether it can be read, whether the clock fits it, whether the lake follows, how targets stand.
async fn live(home: &Path, url: Option<&str>, charter: Option<&Charter>, position: u64) -> Vec<Checked> {
    let keep: Arc<dyn Keep> = match url {
        Some(url) => match Postgres::connect(url, keep::limits::MESSAGES_KNOWN_US).await {
            Ok(keep) => Arc::new(keep),
            Err(error) => {
                let todo = "start the database, or correct --keep or DESIRELINE_KEEP";
                return vec![bad("live", Error::from(error).in_full(), todo)];
            }
        },
        None if !home.join(LIVE).is_dir() => {
            return vec![good("live", "nothing came in live yet"), clock(None, 0..=0)];
        }
        None => match Embedded::open(home.join(LIVE), EmbeddedOptions::default()) {
            Ok(keep) => Arc::new(keep),
            Err(keep::Error::Locked { .. }) => {
                let found = "a server runs on this home; its targets are shown by GET /api/v1/targets";
                return vec![good("live", found), clock(None, 0..=0)];
            }
            Err(error) => {
                let todo = "restore a backup (`desireline restore`), or use the program that wrote it";
                return vec![bad("live", Error::from(error).in_full(), todo)];
            }
        },
    };
    let found = look(&keep, charter, position).await;
    keep.close().await;
    found.unwrap_or_else(|error| {
        vec![bad("live", error.in_full(), "restore a backup (`desireline restore`), or start the database")]
    })
}

async fn look(keep: &Arc<dyn Keep>, charter: Option<&Charter>, position: u64) -> Result<Vec<Checked>, Error> {
    let now_us = SystemClock.now_us();
    let span = keep.log_span().await?;
    let last = keep.log(span.end.saturating_sub(1).max(span.start), 1).await?;
    let behind = span.end.saturating_sub(position.max(span.start));
    let entries = counted(span.end - span.start, "entry", "entries");
    let mut found = vec![if position > span.end && is_told(&**keep).await? {
        let lacks = counted(position - span.end, "entry", "entries");
        bad(
            "live",
            format!("{entries} in the log, which lacks {lacks} that the lake has: live state was set back"),
            "restore live state as it was last; without it, `desireline serve` goes on from here and decides without them",
        )
    } else if behind > BEHIND_MAX {
        let what = format!("{entries} in the log, of which the lake lacks {}", grouped(behind));
        doubtful(
            "live",
            what,
            "let `desireline serve` run, which hands them over; if it does, its log says what is wrong",
        )
    } else {
        good("live", format!("{entries} in the log"))
    }];
    found.push(clock(last.last().map(|logged| logged.at_us), keep.skew_us(now_us).await?));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let outbox = Outbox::new(Arc::clone(keep), clock, Arc::new(Webhooks::new(Arc::new(SystemLookup))));
    let targets = match outbox.targets().await {
        Ok(targets) => targets,
        Err(error) => {
            found.push(bad(
                "target",
                error.to_string(),
                "put those again that cannot be read: PUT /api/v1/targets/NAME",
            ));
            Vec::new()
        }
    };
    let of_charter =
        charter.into_iter().flat_map(|charter| &charter.actions).filter_map(|action| action.deliver.as_ref());
    for Delivery::Webhook(name) in of_charter {
        if !targets.iter().any(|target| target.name == *name) {
            let todo = format!("say where it is: PUT /api/v1/targets/{name}");
            found.push(doubtful(
                "target",
                format!("nobody said where `{name}` is, to which the charter delivers"),
                todo,
            ));
        }
    }
    found.extend(targets.iter().map(target));
    Ok(found)
}

/// Whether the clock fits what was stored last, and the clock of a database.
fn clock(last_us: Option<i64>, skew_us: RangeInclusive<i64>) -> Checked {
    let now_us = SystemClock.now_us();
    let now = event::Timestamp::from_micros(now_us);
    let todo = "set the clock, and have it set from the network";
    if let Some(last_us) = last_us.filter(|last_us| *last_us > now_us + AHEAD_US) {
        let last = event::Timestamp::from_micros(last_us);
        return bad("clock", format!("it says {now}, and something was stored at {last}"), todo);
    }
    // By how much at least.
    let (least, most) = skew_us.into_inner();
    let skew_us = 0.clamp(least, most);
    if skew_us.abs() > AHEAD_US {
        let seconds = skew_us / 1_000_000;
        return doubtful(
            "clock",
            format!("it says {now}, which differs by {seconds} s from that of the database"),
            todo,
        );
    }
    good("clock", format!("it says {now}"))
}

fn target(target: &engine::deliver::ShownTarget) -> Checked {
    let name = &target.name;
    let (waiting, dead) = (grouped(target.waiting), grouped(target.dead));
    let queue = format!("{waiting} wait, {dead} given up");
    let of = format!("/api/v1/targets/{name}");
    if let Some(problem) = &target.problem {
        return bad("target", format!("`{name}` cannot be read: {problem}"), format!("put it again: PUT {of}"));
    }
    if target.url.is_none() {
        return bad("target", format!("`{name}` has no address: {queue}"), format!("say where it is: PUT {of}"));
    }
    if let Some(hold) = &target.hold {
        let what = format!("`{name}` is held since {} ({}): {queue}", hold.since, hold.why);
        return doubtful("target", what, format!("when it is right again: POST {of}/resume"));
    }
    if let Some(since) = &target.failing_since {
        let what = format!("`{name}` has failed since {since}: {queue}");
        return bad("target", what, format!("look at what it answers: GET {of}/waiting"));
    }
    if target.dead > 0 {
        let todo = format!("look at them, and send them again: GET {of}/dead");
        return doubtful("target", format!("`{name}`: {queue}"), todo);
    }
    good("target", format!("`{name}`: {queue}"))
}

fn address(listen: SocketAddr) -> Checked {
    match TcpListener::bind(listen) {
        Ok(_) => good("address", format!("{listen} is free to listen on")),
        Err(_) if answers(listen) => good("address", format!("a server answers on {listen}")),
        Err(error) => {
            let todo = "`desireline serve --listen ADDRESS:PORT` listens elsewhere; so does `doctor --listen`";
            bad(
                "address",
                format!("{listen} cannot be listened on ({error}), and no server of ours answers there"),
                todo,
            )
        }
    }
}

/// Whether a server of ours answers there.
fn answers(address: SocketAddr) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect_timeout(&address, ASK_TIME_MAX)?;
        stream.set_read_timeout(Some(ASK_TIME_MAX))?;
        stream
            .write_all(format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes())?;
        let mut answer = String::new();
        stream.take(4_096).read_to_string(&mut answer)?;
        Ok::<_, std::io::Error>(answer)
    };
    ask().is_ok_and(|answer| answer.contains("{\"ok\":true}"))
}

fn backups(home: &Path) -> Checked {
    let folder = home.join(BACKUPS);
    let entries = std::fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok);
    let last = entries.filter_map(|entry| Contents::read(&entry.path()).ok()).map(|contents| contents.made_at).max();
    match last {
        Some(made_at) => good("backup", format!("the last one here is of {made_at}")),
        None => doubtful(
            "backup",
            format!("there is none in {}", folder.display()),
            "`desireline backup DIR`, or POST /api/v1/backups, better to another disk (`serve --backups DIR`)",
        ),
    }
}
