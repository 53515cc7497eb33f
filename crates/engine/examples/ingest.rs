//! What the engine makes of messages, without a server: batches of them, from the bytes of a body to the answer that they are durable,
//! over an embedded home in a folder of its own.
//!
//! ```text
//! cargo run --release -p engine --example ingest -- charters/telecom/charter.yaml --events 300000 --customers 100000
//! ```
//! The first round is of customers of whom nobody knows anything yet, the others are of all alike.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a tool for whoever measures")]

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Instant;

use charter::Charter;
use engine::{Clock, Engine, Options, Took};
use keep::{Embedded, EmbeddedOptions, Keep};
use listen::intake::{Body, Endpoint, Received};

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A clock that goes on by a millisecond with each batch, so that the same messages give the same states.
#[derive(Debug)]
struct Steady(AtomicI64);

impl Clock for Steady {
    fn now_us(&self) -> i64 {
        self.0.fetch_add(1_000, Ordering::Relaxed)
    }
}

fn mix(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// A batch of messages like those of the load for a server; in the first round each is of somebody else.
fn body(round: u64, from: u64, until: u64, customers: u64) -> String {
    let mut body = "{\"batch\":[".to_owned();
    for number in from..until {
        let lot = mix(number.wrapping_add(round << 40));
        let user = if round == 0 { number } else { lot } % customers;
        let event =
            ["Page Viewed", "Page Viewed", "Product Added", "Order Booked", "Delivered"][(lot >> 40) as usize % 5];
        let comma = if number == from { "" } else { "," };
        write!(
            body,
            "{comma}{{\"type\":\"track\",\"event\":\"{event}\",\"messageId\":\"{lot:016x}-{round:06}-{number:012}\",\"userId\":\"u{user}\",\"anonymousId\":\"a{user}\",\"properties\":{{\"total\":{},\"sku\":\"sku-{}\",\"url\":\"https://shop.example/p/{}\"}},\"context\":{{\"library\":{{\"name\":\"load\",\"version\":\"1\"}}}}}}",
            lot % 500,
            lot % 97,
            lot % 1009
        )
        .unwrap();
    }
    body + "]}"
}

/// CPU seconds until now: of all threads, and of those that take messages in, without the writer of the home.
fn cpu() -> [f64; 2] {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
    let takes = tasks.filter(|task| std::fs::read_to_string(task.join("comm")).is_ok_and(|name| name == "takes\n"));
    let ns = takes.map(|task| {
        let stat = std::fs::read_to_string(task.join("schedstat")).unwrap();
        stat.split(' ').next().unwrap().parse::<f64>().unwrap()
    });
    [ticks as f64 / 100.0, ns.sum::<f64>() / 1e9]
}

/// Takes in bodies, so many at once, and says how many messages were new.
async fn take_all(engine: &Arc<Engine>, bodies: Vec<String>, at_once: u64) -> usize {
    let (bodies, next) = (Arc::new(bodies), Arc::new(AtomicUsize::new(0)));
    let each = (0..at_once).map(|_| {
        let (engine, bodies, next) = (Arc::clone(engine), Arc::clone(&bodies), Arc::clone(&next));
        tokio::spawn(async move {
            let mut stored = 0;
            while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
                let mut inbox = engine.inbox();
                let received = Received { at: inbox.received(), source: None, peer: None };
                Body::parse(body.as_bytes(), Endpoint::Batch).unwrap().read(&received, &mut inbox).unwrap();
                let took = engine.take(inbox).await.unwrap();
                stored += took.iter().filter(|took| **took == Took::Stored).count();
            }
            stored
        })
    });
    let mut stored = 0;
    for one in each.collect::<Vec<_>>() {
        stored += one.await.unwrap();
    }
    stored
}

async fn run(charter: &str) {
    let args: Vec<String> = std::env::args().collect();
    let option = |name: &str, default: u64| {
        let at = args.iter().position(|arg| arg == name);
        at.and_then(|at| args.get(at + 1)).map_or(default, |value| value.parse().unwrap())
    };
    let (events, customers, batch) =
        (option("--events", 300_000), option("--customers", 100_000), option("--batch", 100));
    let folder = tempfile::tempdir().unwrap();
    let keep: Arc<dyn Keep> = Arc::new(Embedded::open(folder.path(), EmbeddedOptions::default()).unwrap());
    let charter = Arc::new(Charter::parse(&std::fs::read_to_string(charter).unwrap()).unwrap().0);
    let clock = Arc::new(Steady(AtomicI64::new(1_790_000_000_000_000)));
    let options = Options { seed: Some(1), node: 1 };
    let engine = Engine::open(Arc::clone(&keep), charter, clock, options).await.unwrap();
    for round in 0..=option("--rounds", 2) {
        let events = if round == 0 { customers } else { events };
        let from = (0..events).step_by(usize::try_from(batch).unwrap());
        let bodies = from.map(|from| body(round, from, (from + batch).min(events), customers)).collect();
        let (began, before) = (Instant::now(), cpu());
        let stored = take_all(&engine, bodies, option("--at-once", 16)).await;
        let (seconds, after) = (began.elapsed().as_secs_f64(), cpu());
        let [all, takes] = [0, 1].map(|of| (after[of] - before[of]) * 1e6 / events as f64);
        println!(
            "round {round}: {stored} of {events} events, {:.0} a second; {all:.2} us of CPU an event, {takes:.2} of them to take it in",
            events as f64 / seconds
        );
    }
    keep.close().await;
}

fn main() {
    let Some(charter) = std::env::args().nth(1) else {
        println!(
            "usage: ingest CHARTER [--events N] [--customers N] [--batch N] [--at-once N] [--rounds N, after the first]"
        );
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("takes").build().unwrap();
    runtime.block_on(run(&charter));
}
