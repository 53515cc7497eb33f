//! The live side without a lake: for whoever wants to know what it costs by itself.
//!
//! ```text
//! cargo run --release --workspace --example alone -- CHARTER FOLDER 127.0.0.1:8097
//! cargo run --release --workspace --example load -- ingest 127.0.0.1:8097 wk
//! ```
#![expect(clippy::unwrap_used, reason = "a tool for whoever measures")]

use std::sync::Arc;

use charter::Charter;
use engine::deliver::{Outbox, SystemLookup, Webhooks};
use engine::{Clock, Engine, SystemClock};
use keep::{Embedded, EmbeddedOptions, Keep};
use serve::{Given, Options, Role, Server};
use tokio::sync::watch;

#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(worker_threads = 4)]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, charter, folder, address] = arguments.as_slice() else { panic!("usage: alone CHARTER FOLDER ADDRESS") };
    let charter = Charter::parse(&std::fs::read_to_string(charter).unwrap()).unwrap().0;
    let keep: Arc<dyn Keep> = Arc::new(Embedded::open(folder, EmbeddedOptions::default()).unwrap());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let opened = Engine::open(Arc::clone(&keep), Arc::new(charter), clock, engine::Options::default()).await;
    let engine = opened.unwrap();
    let wire = Arc::new(Webhooks::new(Arc::new(SystemLookup)));
    let outbox = Outbox::new(keep, Arc::clone(engine.clock()), wire).asking(Arc::<Engine>::clone(&engine));
    let outbox = Arc::new(outbox);
    engine.tell_outbox(Arc::clone(&outbox));
    let (_stop, stopping) = watch::channel(false);
    let mut options = Options::new(address.parse().unwrap());
    let given = |text: &str, role| Given { text: text.to_owned(), roles: vec![role], source: None };
    options.keys = vec![given("wk", Role::Ingest), given("ak", Role::Admin)];
    let server = Server::open(options, Arc::clone(&engine), Arc::clone(&outbox), stopping.clone()).await.unwrap();
    tokio::spawn(engine.run(stopping.clone()));
    tokio::spawn(outbox.run(stopping));
    server.run().await;
}
