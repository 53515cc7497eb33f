//! Load for a server that runs: batches of messages, or questions what to do, over several connections at once.
//!
//! ```text
//! cargo run --release --workspace --example load -- ingest 127.0.0.1:8099 wk_… --events 1000000 --customers 100000
//! cargo run --release --workspace --example load -- decide 127.0.0.1:8099 ak_… --questions 100000 --customers 100000
//! ```
//! `--per-second` holds the rate down; what was asked late because of that counts as waiting. `--with-event 1` has every question
//! say something that just happened.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a tool for whoever measures")]

use std::cell::Cell;
use std::fmt::Write as _;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

struct Wanted {
    what: String,
    address: String,
    key: String,
    number: u64,
    batch: u64,
    customers: u64,
    connections: u64,
    per_second: u64,
    with_event: u64,
    run: u64,
}

fn wanted() -> Wanted {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str, default: u64| {
        let at = args.iter().position(|arg| arg == name);
        at.and_then(|at| args.get(at + 1)).map_or(default, |value| value.parse().unwrap())
    };
    let what = args.first().cloned().unwrap_or_else(|| "ingest".to_owned());
    let default = if what == "ingest" { option("--events", 1_000_000) } else { option("--questions", 100_000) };
    Wanted {
        address: args.get(1).cloned().unwrap_or_else(|| "127.0.0.1:8099".to_owned()),
        key: args.get(2).cloned().unwrap_or_default(),
        number: default,
        batch: option("--batch", 100),
        customers: option("--customers", 100_000),
        connections: option("--connections", 16),
        per_second: option("--per-second", 0),
        with_event: option("--with-event", 0),
        run: option("--run", u64::from(std::process::id())),
        what,
    }
}

fn mix(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// An id of a message as long as those that SDKs give, which are UUIDs or begin with more.
fn message_id(run: u64, number: u64) -> String {
    format!("{:016x}-{run:06}-{number:012}", mix(number))
}

/// A request, and how many things are in it.
fn request(wanted: &Wanted, at: u64) -> (String, u64) {
    let mut body = String::new();
    let (path, header, n) = if wanted.what == "ingest" {
        let n = wanted.batch.min(wanted.number - at * wanted.batch);
        body.push_str("{\"batch\":[");
        for i in 0..n {
            let number = at * wanted.batch + i;
            let lot = mix(number.wrapping_add(wanted.run << 40));
            let user = lot % wanted.customers;
            let event =
                ["Page Viewed", "Page Viewed", "Product Added", "Order Booked", "Delivered"][(lot >> 40) as usize % 5];
            let comma = if i == 0 { "" } else { "," };
            write!(
                body,
                "{comma}{{\"type\":\"track\",\"event\":\"{event}\",\"messageId\":\"{}\",\"userId\":\"u{user}\",\"anonymousId\":\"a{user}\",\"properties\":{{\"total\":{},\"sku\":\"sku-{}\",\"url\":\"https://shop.example/p/{}\"}},\"context\":{{\"library\":{{\"name\":\"load\",\"version\":\"1\"}}}}}}",
                message_id(wanted.run, number),
                lot % 500,
                lot % 97,
                lot % 1009
            )
            .unwrap();
        }
        body.push_str("]}");
        ("/v1/batch", format!("Authorization: Basic {}", base64(format!("{}:", wanted.key).as_bytes())), n)
    } else {
        let user = mix(at.wrapping_add(wanted.run << 40)) % wanted.customers;
        write!(body, "{{\"keys\":{{\"user_id\":\"u{user}\"}}").unwrap();
        if wanted.with_event > 0 {
            let (id, event) = (message_id(wanted.run, at), "\"type\":\"track\",\"event\":\"Page Viewed\"");
            write!(body, ",\"event\":{{{event},\"messageId\":\"{id}\",\"userId\":\"u{user}\"}}").unwrap();
        }
        body.push('}');
        ("/api/v1/decide", format!("X-API-Key: {}", wanted.key), 1)
    };
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {}\r\n{header}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        wanted.address,
        body.len()
    );
    (head + &body, n)
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let word = three.iter().fold(0, |word, byte| word << 8 | usize::from(*byte)) << (8 * (3 - three.len()));
        for digit in 0..4 {
            out.push(if digit <= three.len() { char::from(DIGITS[word >> (18 - 6 * digit) & 63]) } else { '=' });
        }
    }
    out
}

/// Reads one answer, and gives its status.
async fn answer(stream: &mut BufReader<TcpStream>) -> u16 {
    let (mut line, mut status, mut length) = (String::new(), 0, 0);
    loop {
        line.clear();
        stream.read_line(&mut line).await.unwrap();
        if line.trim().is_empty() {
            break;
        }
        if status == 0 {
            status = line.split(' ').nth(1).unwrap_or_default().parse().unwrap_or_default();
        } else if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    status
}

/// What all connections share.
#[derive(Default)]
struct Shared {
    next: Cell<u64>,
    done: Cell<u64>,
    refused: Cell<u64>,
}

/// Sends what is next, over one connection, until nothing is left. Gives how long each answer took.
async fn send(wanted: &Wanted, requests: u64, shared: &Shared, start: Instant) -> Vec<Duration> {
    let stream = TcpStream::connect(&wanted.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut stream, mut waits) = (BufReader::with_capacity(1 << 15, stream), Vec::new());
    loop {
        let at = shared.next.get();
        shared.next.set(at + 1);
        if at >= requests {
            return waits;
        }
        let (text, n) = request(wanted, at);
        let mut asked = Instant::now();
        if wanted.per_second > 0 {
            let due = start + Duration::from_secs_f64((at * n) as f64 / wanted.per_second as f64);
            if asked < due {
                tokio::time::sleep_until(due.into()).await;
                // Timers are good to a millisecond, and nobody waits before having asked.
                asked = Instant::now();
            } else {
                asked = due;
            }
        }
        stream.write_all(text.as_bytes()).await.unwrap();
        let status = answer(&mut stream).await;
        waits.push(asked.elapsed());
        let counter = if status == 200 { &shared.done } else { &shared.refused };
        counter.set(counter.get() + n);
    }
}

/// One thread for all connections: it shares the machine with the server that is measured.
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let wanted = Rc::new(wanted());
    let requests = if wanted.what == "ingest" { wanted.number.div_ceil(wanted.batch) } else { wanted.number };
    let (shared, start, together) = (Rc::new(Shared::default()), Instant::now(), LocalSet::new());
    let each = (0..wanted.connections).map(|_| {
        let (wanted, shared) = (Rc::clone(&wanted), Rc::clone(&shared));
        together.spawn_local(async move { send(&wanted, requests, &shared, start).await })
    });
    let each: Vec<_> = each.collect();
    let mut waits = Vec::new();
    together
        .run_until(async {
            for one in each {
                waits.extend(one.await.unwrap());
            }
        })
        .await;
    let seconds = start.elapsed().as_secs_f64();
    waits.sort_unstable();
    let wait_ms = |of_100: usize| waits[(waits.len() - 1) * of_100 / 100].as_secs_f64() * 1e3;
    let done = shared.done.get();
    println!(
        "{{\"what\":\"{}\",\"done\":{done},\"refused\":{},\"seconds\":{seconds:.3},\"per_second\":{:.0},\"wait_ms_p50\":{:.2},\"wait_ms_p99\":{:.2},\"wait_ms_max\":{:.2}}}",
        wanted.what,
        shared.refused.get(),
        done as f64 / seconds,
        wait_ms(50),
        wait_ms(99),
        wait_ms(100)
    );
}
