//! `serve`: the live side, until it is told to stop.

use std::process::ExitCode;
use std::sync::Arc;

use engine::deliver::{Outbox, SystemLookup, Webhooks};
use engine::{Engine, Followed};
use evidence::counted;
use keep::Keep;
use serve::{Given, Role, Server, Traces};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle, JoinSet};

use crate::args::{LogForm, ServeArgs};
use crate::backup::{BACKUPS, Shelf, Whole};
use crate::draw;
use crate::error::Error;
use crate::home::Home;
use crate::live::{LOOKED_EVERY, Live};

mod targets;

/// Serves until Ctrl-C, or a request to end; by another charter as soon as its file says so.
pub(crate) async fn run(home: &Home, args: &ServeArgs) -> Result<ExitCode, Error> {
    if args.log == LogForm::Json {
        draw::remarks_are_json();
    }
    let mut live = Live::open(home, args.live.keep.as_deref()).await?;
    let (end, ending) = watch::channel(false);
    // Before anybody is told that it listens, so that whoever wants it to end meanwhile is heard. Only the first handler of a
    // process counts, which is this one.
    let _ = ctrlc::set_handler(move || {
        let _ = end.send(true);
    });
    let (keep, mut options) = (Arc::clone(&live.keep), options(args));
    options.backups = Some(shelf(home, args, &keep));
    options.traces = Traces::of_environment()?.map(Arc::new);
    let traces = options.traces.clone();
    let mut home = home.clone();
    loop {
        let (next, listener) = serve(&home, live, options.clone(), ending.clone()).await?;
        let Some(next) = next else { break };
        live = Live::over(Arc::clone(&keep), &next, args.live.keep.is_some()).await?;
        (home, options.listener) = (next, listener);
        draw::remark("charter_changed", "the charter was changed: it is in force now", &[("hash", &home.charter.hash)]);
    }
    keep.close().await;
    if let Some(traces) = traces {
        traces.end().await;
    }
    draw::remark("stopped", "stopped: everything that was answered is kept", &[]);
    Ok(ExitCode::SUCCESS)
}

type Listener = Option<Arc<std::net::TcpListener>>;

/// Serves by one charter, until it is to end or the charter is another one; gives the home with that one, and whoever listens.
async fn serve(
    home: &Home,
    live: Live,
    options: serve::Options,
    mut ending: watch::Receiver<bool>,
) -> Result<(Option<Home>, Listener), Error> {
    let is_first = options.listener.is_none();
    let Live { keep, engine, history, .. } = live.clone();
    let wire = Arc::new(Webhooks::new(Arc::new(SystemLookup)));
    let outbox = Outbox::new(keep, Arc::clone(engine.clock()), wire).asking(Arc::<Engine>::clone(&engine));
    let outbox = Arc::new(outbox);
    engine.tell_outbox(Arc::clone(&outbox));
    let (stop, stopping) = watch::channel(false);
    let (learning, is_learning) = watch::channel(is_first);
    let options = serve::Options { learning: Some(is_learning), ..options };
    let tls = options.tls.is_some();
    let server = Server::open(options, Arc::clone(&engine), Arc::clone(&outbox), stopping.clone()).await?;
    let greeting = greeting(&server, tls);
    let serving = tokio::spawn(server.run());
    if is_first {
        // Nothing may come in before what was imported is known: it is taken for all that the lake has.
        match live.learn(&ending).await {
            Ok(0) => {}
            Ok(learnt) => {
                draw::remark("learnt", &format!("learnt from {}", counted(learnt, "event", "events")), &[]);
            }
            Err(error) => {
                let is_ending = *ending.borrow();
                let _ = stop.send(true);
                let _ = serving.await;
                return if is_ending { Ok((None, None)) } else { Err(error.into()) };
            }
        }
        let _ = learning.send(false);
        greet(&greeting);
    }
    let mut background = JoinSet::new();
    background.spawn(Arc::clone(&engine).run(stopping.clone()));
    background.spawn(targets::watch(Arc::clone(&outbox), targets::of(&home.charter), stopping.clone()));
    background.spawn(outbox.run(stopping.clone()));
    background.spawn(Arc::clone(&engine).export(history, stopping.clone()));
    background.spawn(follow(engine, stopping.clone()));
    background.spawn(live.clone().keep_time(stopping.clone()));
    let wanted = async {
        tokio::select! {
            _ = ending.wait_for(|end| *end) => Ok(None),
            next = changed(home) => Ok(Some(next)),
            panic = panicked(&mut background) => Err(panic),
        }
    };
    let ((next, listener), ()) = tokio::join!(until(wanted, serving, stop), live.keep_learning(stopping));
    while let Some(done) = background.join_next().await {
        done.expect(PANICKED);
    }
    Ok((next.transpose().expect(PANICKED).flatten(), listener.expect(PANICKED)))
}

const PANICKED: &str = "a panic there is one here, too";

/// Serves until something else is wanted, which is told by `stop`; gives what that is, and what the server ends with. One that ends
/// by itself, as by a panic, is waited for no longer: nobody would be answered.
async fn until<Next, Served>(
    wanted: impl Future<Output = Next>,
    mut serving: JoinHandle<Served>,
    stop: watch::Sender<bool>,
) -> (Option<Next>, Result<Served, JoinError>) {
    let (next, served) = tokio::select! {
        next = wanted => (Some(next), None),
        served = &mut serving => (None, Some(served)),
    };
    let _ = stop.send(true);
    let served = match served {
        Some(served) => served,
        None => serving.await,
    };
    (next, served)
}

/// Waits until one of these panics. A server in which something is done no more has to end: nobody would notice it.
async fn panicked(background: &mut JoinSet<()>) -> JoinError {
    while let Some(done) = background.join_next().await {
        if let Err(panic) = done {
            return panic;
        }
    }
    std::future::pending().await
}

/// The home with its charter, once that is another one and has no errors.
async fn changed(home: &Home) -> Home {
    let (mut known, mut is_refused) = (None, false);
    loop {
        let now = home.charter_stamp();
        if known != Some(now) {
            known = Some(now);
            match home.again() {
                Ok(next) if next.charter.hash != home.charter.hash => return next,
                Ok(_) if is_refused => {
                    is_refused = false;
                    draw::remark("charter_mended", "the charter has no errors again; it is the one in force", &[]);
                }
                Ok(_) => {}
                Err(error) => {
                    is_refused = true;
                    let why = match error {
                        Error::Charter { rendered, .. } => rendered,
                        error => error.to_string(),
                    };
                    let text = format!("the charter before stays in force, because this one has errors:\n{why}");
                    draw::remark("charter_refused", &text, &[]);
                }
            }
        }
        tokio::time::sleep(LOOKED_EVERY).await;
    }
}

/// Has live state follow the charter.
async fn follow(engine: Arc<Engine>, stopping: watch::Receiver<bool>) {
    match engine.follow(&stopping).await {
        Ok(Followed { customers: 0, .. }) => {}
        Ok(Followed { customers, whole }) => {
            let read = format!("{} read again by the charter", counted(customers, "customer was", "customers were"));
            let text = if whole { read } else { format!("{read}, and the others are when the server goes on") };
            draw::remark(if whole { "charter_followed" } else { "charter_half_followed" }, &text, &[]);
        }
        Err(error) => draw::note(&format!("not everybody was read again by the charter yet: {error}")),
    }
}

/// Where backups are made. What is in a database is backed up there.
fn shelf(home: &Home, args: &ServeArgs, keep: &Arc<dyn Keep>) -> Arc<Shelf> {
    let live = args.live.keep.is_none().then(|| Arc::clone(keep));
    let folder = args.backups.clone().unwrap_or_else(|| home.path.join(BACKUPS));
    Arc::new(Shelf { whole: Whole::new(home, live), folder })
}

/// Keys that are given; a variable that is set to nothing gives none.
fn given(keys: &[String], role: Role) -> impl Iterator<Item = Given> {
    let keys = keys.iter().map(|key| key.trim()).filter(|key| !key.is_empty());
    keys.map(move |key| Given { text: key.to_owned(), roles: vec![role], source: None })
}

fn options(args: &ServeArgs) -> serve::Options {
    let mut options = serve::Options::new(args.listen);
    options.keys = given(&args.write_keys, Role::Ingest).chain(given(&args.api_keys, Role::Admin)).collect();
    options.tls = args.tls_cert.clone().zip(args.tls_key.clone());
    options.public_url.clone_from(&args.public_url);
    options.proxies.clone_from(&args.proxies);
    options.log = Arc::new(|happened| draw::remark(happened.what, happened.text, happened.fields));
    options
}

/// What is said of a server once it takes events in.
struct Greeting {
    address: String,
    first_keys: Option<(String, String)>,
    has_admin_key: bool,
}

fn greeting(server: &Server, tls: bool) -> Greeting {
    let scheme = if tls { "https" } else { "http" };
    let first_keys = server.first_keys().map(|keys| (keys.write_key.clone(), keys.admin_key.clone()));
    let has_admin_key = server.has_admin_key();
    Greeting { address: format!("{scheme}://{}", server.address()), first_keys, has_admin_key }
}

fn greet(Greeting { address, first_keys, has_admin_key }: &Greeting) {
    draw::remark("listening", &format!("listening on {address}; Ctrl-C stops"), &[("address", address)]);
    if let Some((write_key, admin_key)) = first_keys {
        let text = format!(
            "there were no keys yet; these two were made, and are shown this once:\n  \
             write key, may send events:   {write_key}\n  \
             admin key, may do everything: {admin_key}"
        );
        draw::remark("keys_made", &text, &[("write_key", write_key), ("admin_key", admin_key)]);
    }
    if !has_admin_key {
        let text = "there is no admin key, so nobody can make keys or targets: start once with --api-key";
        draw::remark("no_admin_key", text, &[]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn of_what_is_done_beside_a_server_only_a_panic_ends_it() {
        let mut background = JoinSet::new();
        background.spawn(async {});
        background.spawn(async { panic!("the disk is made of cheese") });
        background.spawn(std::future::pending());
        assert!(panicked(&mut background).await.is_panic());
        assert_eq!(background.len(), 1);
    }

    #[tokio::test]
    async fn a_server_that_panics_is_waited_for_no_longer() {
        let (stop, stopping) = watch::channel(false);
        let serving = tokio::spawn(async { panic!("the disk is made of cheese") });
        let (next, served): (Option<()>, Result<(), _>) = until(std::future::pending(), serving, stop).await;
        assert!(next.is_none() && served.is_err_and(|error| error.is_panic()));
        assert!(*stopping.borrow(), "all others are told");
    }
}
