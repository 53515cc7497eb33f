//! `serve`: the live side, until it is told to stop.

use std::process::ExitCode;
use std::sync::Arc;

use charter::Charter;
use engine::deliver::{Outbox, SystemLookup, Webhooks};
use engine::{Clock, Engine, SystemClock};
use keep::{Embedded, EmbeddedOptions, Keep, Postgres};
use serve::{Given, Role, Server};
use tokio::sync::watch;

use crate::args::ServeArgs;
use crate::draw;
use crate::error::Error;
use crate::home::Home;
use crate::live::LakeHistory;

/// The folder of live state in a home.
const LIVE: &str = "live";

/// Serves until Ctrl-C, or a request to end.
pub(crate) async fn run(home: &Home, args: &ServeArgs) -> Result<ExitCode, Error> {
    std::fs::create_dir_all(&home.path).map_err(Error::file("make the folder", &home.path))?;
    let keep = open_keep(home, args.keep.as_deref()).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let engine = open_engine(&keep, &home.charter, &clock).await?;
    let wire = Arc::new(Webhooks::new(Arc::new(SystemLookup)));
    let outbox = Arc::new(Outbox::new(Arc::clone(&keep), clock, wire));
    engine.tell_outbox(Arc::clone(&outbox));
    let (stop, stopping) = watch::channel(false);
    // Before anybody is told that it listens, so that whoever wants it to end meanwhile is heard. Only the first handler of a
    // process counts, which is this one.
    let _ = ctrlc::set_handler(move || {
        let _ = stop.send(true);
    });
    let server = Server::open(options(args), Arc::clone(&engine), Arc::clone(&outbox), stopping.clone()).await?;
    greet(&server, args.tls_cert.is_some());
    let history = Arc::new(LakeHistory::new(home.path.clone(), home.rules()));
    let background = [
        tokio::spawn(Arc::clone(&engine).run(stopping.clone())),
        tokio::spawn(outbox.run(stopping.clone())),
        tokio::spawn(engine.export(history, stopping)),
    ];
    server.run().await;
    for task in background {
        let _ = task.await;
    }
    keep.close().await;
    draw::note("stopped: everything that was answered is kept");
    Ok(ExitCode::SUCCESS)
}

/// Opens what is kept: in the home, or in a database that others share.
pub(crate) async fn open_keep(home: &Home, url: Option<&str>) -> Result<Arc<dyn Keep>, Error> {
    Ok(match url {
        Some(url) => Arc::new(Postgres::connect(url, keep::limits::MESSAGES_KNOWN_US).await?),
        None => Arc::new(Embedded::open(home.path.join(LIVE), EmbeddedOptions::default())?),
    })
}

pub(crate) async fn open_engine(
    keep: &Arc<dyn Keep>,
    charter: &Arc<Charter>,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<Engine>, Error> {
    let node = clock.now_us().cast_unsigned() ^ (u64::from(std::process::id()) << 48);
    let options = engine::Options { node, ..engine::Options::default() };
    Ok(Engine::open(Arc::clone(keep), Arc::clone(charter), Arc::clone(clock), options).await?)
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
