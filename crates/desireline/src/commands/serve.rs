//! `serve`: the live side, until it is told to stop.

use std::process::ExitCode;
use std::sync::Arc;

use engine::deliver::{Outbox, SystemLookup, Webhooks};
use evidence::counted;
use keep::Keep;
use serve::{Given, Role, Server};
use tokio::sync::watch;

use crate::args::ServeArgs;
use crate::backup::{BACKUPS, Shelf, Whole};
use crate::draw;
use crate::error::Error;
use crate::home::Home;
use crate::live::Live;

/// Serves until Ctrl-C, or a request to end.
pub(crate) async fn run(home: &Home, args: &ServeArgs) -> Result<ExitCode, Error> {
    let live = Live::open(home, args.live.keep.as_deref()).await?;
    match live.learn().await? {
        0 => {}
        learnt => draw::note(&format!("learnt from {}", counted(learnt, "event", "events"))),
    }
    let Live { keep, engine, history } = live.clone();
    let wire = Arc::new(Webhooks::new(Arc::new(SystemLookup)));
    let outbox = Arc::new(Outbox::new(Arc::clone(&keep), Arc::clone(engine.clock()), wire));
    engine.tell_outbox(Arc::clone(&outbox));
    let (stop, stopping) = watch::channel(false);
    // Before anybody is told that it listens, so that whoever wants it to end meanwhile is heard. Only the first handler of a
    // process counts, which is this one.
    let _ = ctrlc::set_handler(move || {
        let _ = stop.send(true);
    });
    let options = serve::Options { backups: Some(shelf(home, args, &keep)), ..options(args) };
    let server = Server::open(options, Arc::clone(&engine), Arc::clone(&outbox), stopping.clone()).await?;
    greet(&server, args.tls_cert.is_some());
    let background = [
        tokio::spawn(Arc::clone(&engine).run(stopping.clone())),
        tokio::spawn(outbox.run(stopping.clone())),
        tokio::spawn(Arc::clone(&engine).export(history, stopping.clone())),
    ];
    tokio::join!(server.run(), live.keep_learning(stopping));
    for task in background {
        let _ = task.await;
    }
    keep.close().await;
    draw::note("stopped: everything that was answered is kept");
    Ok(ExitCode::SUCCESS)
}

/// Where backups are made. What is in a database is backed up there.
fn shelf(home: &Home, args: &ServeArgs, keep: &Arc<dyn Keep>) -> Arc<Shelf> {
    let live = args.live.keep.is_none().then(|| Arc::clone(keep));
    let folder = args.backups.clone().unwrap_or_else(|| home.path.join(BACKUPS));
    Arc::new(Shelf { whole: Whole::new(home, live), folder })
}

fn options(args: &ServeArgs) -> serve::Options {
    let given = |text: &String, roles: &[Role]| Given { text: text.clone(), roles: roles.to_vec(), source: None };
    let write = args.write_keys.iter().map(|key| given(key, &[Role::Ingest]));
    let secret = args.api_keys.iter().map(|key| given(key, &[Role::Admin]));
    let mut options = serve::Options::new(args.listen);
    options.keys = write.chain(secret).collect();
    options.tls = args.tls_cert.clone().zip(args.tls_key.clone());
    options.public_url.clone_from(&args.public_url);
    options.proxies.clone_from(&args.proxies);
    options.log = Arc::new(draw::note);
    options
}

fn greet(server: &Server, tls: bool) {
    let scheme = if tls { "https" } else { "http" };
    draw::note(&format!("listening on {scheme}://{}; Ctrl-C stops", server.address()));
    if let Some(keys) = server.first_keys() {
        draw::note("there were no keys yet; these two were made, and are shown this once:");
        draw::note(&format!("  write key, may send events:   {}", keys.write_key));
        draw::note(&format!("  admin key, may do everything: {}", keys.admin_key));
    }
}
