//! How fast a home is: `rates embedded FOLDER`, `rates postgres URL`, `rates open FOLDER` (how long a start takes).
//!
//! A million customers with two keys each, states of 110 to 300 bytes, and every other one with a timer; batches of 100 events of 500
//! bytes that touch 100 of them, found by their keys, changed and committed with their message ids and now and then a timer, as the
//! engine does; customers who are new; single decisions; a backlog of a million due timers worked off beside them.
#![expect(clippy::print_stdout, reason = "this program is there to print what it measures")]
#![expect(clippy::unwrap_used, reason = "whatever goes wrong ends the measurement")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use keep::{
    Change, Commit, Customer, Embedded, EmbeddedOptions, Entry, Error, Fired, Keep, Key, KeyNumber, Link, MessageId,
    Postgres, StateChange, Take, Timer, Version, Wanted, Was,
};

const STATE_BYTES: std::ops::Range<u64> = 110..300;
const NOW_US: i64 = 1_790_000_000_000_000;

/// Who comes while it is measured has numbers from here on.
const NEWCOMERS: i64 = 1 << 40;

const DAY_US: i64 = 24 * 3600 * 1_000_000;

/// Where a state says for when a timer is set; 0 where none is.
const TIMER: std::ops::Range<usize> = 8..16;

/// How much is done, from the environment: CUSTOMERS, SECONDS of each part, SINGLES (seconds of those), TIMERS.
fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 17
    }

    /// Half of it compresses, as in a state of numbers.
    fn state(&mut self) -> Vec<u8> {
        let length = STATE_BYTES.start + self.next() % (STATE_BYTES.end - STATE_BYTES.start);
        let mut bytes = vec![7; usize::try_from(length).unwrap()];
        let half = bytes.len() / 2;
        bytes[..half].fill_with(|| self.next().to_le_bytes()[2]);
        bytes[TIMER].fill(0);
        bytes
    }
}

fn event(customer: i64, n: u64) -> Vec<u8> {
    let page = n % 997;
    let text = format!(
        r#"{{"type":"track","event":"Product Viewed","userId":"user-{customer}","messageId":"ajs-next-{n:016x}","timestamp":"2026-09-21T10:11:{:02}.000Z","context":{{"ip":"203.0.113.7","userAgent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36","page":{{"path":"/shop/{page}","referrer":"https://example.org/","title":"Product {page}"}},"library":{{"name":"analytics.js","version":"2.11.1"}}}},"properties":{{"sku":"SKU-{page}","price":{},"currency":"EUR","position":{}}}}}"#,
        n % 60,
        n % 10_000,
        n % 24
    );
    text.into_bytes()
}

/// The two keys of a customer.
fn keys(customer: i64) -> [Vec<u8>; 2] {
    ["user_id", "anonymous_id"].map(|kind| format!("{kind}\0{kind}-{customer:09}").into_bytes())
}

/// What is new with a customer whose keys have these numbers.
fn add_keys(commit: &mut Commit, customer: i64, numbers: [u32; 2]) {
    let [low, high] = numbers.map(KeyNumber);
    let each = keys(customer).into_iter().zip([low, high]);
    commit.keys.extend(each.map(|(bytes, number)| Key { number, customer: Customer(customer), bytes }));
    commit.links.push(Link { low, high, undo: false, at_us: NOW_US });
}

/// Sets the timer of a customer, and says so in the state.
fn set_timer(commit: &mut Commit, customer: i64, due_us: i64, state: &mut [u8]) {
    let was_us = i64::from_le_bytes(state[TIMER].try_into().unwrap());
    let was = if was_us == 0 { Was::Unset } else { Was::Due(was_us) };
    state[TIMER].copy_from_slice(&due_us.to_le_bytes());
    commit.timers.push(Timer { customer: Customer(customer), id: b"wake".to_vec(), due_us, bytes: Vec::new(), was });
}

fn put(customer: i64, expected: Version, bytes: Vec<u8>) -> StateChange {
    StateChange { customer: Customer(customer), expected, change: Change::Put(bytes) }
}

/// CPU seconds and resident memory of this process.
fn usage() -> (f64, u64) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    (ticks as f64 / 100.0, kib / 1024)
}

/// CPU seconds of the thread that writes.
fn of_writer() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
    let writers = tasks.filter(|task| std::fs::read_to_string(task.join("comm")).is_ok_and(|name| name == "keep\n"));
    let ran = writers.filter_map(|task| std::fs::read_to_string(task.join("schedstat")).ok());
    ran.filter_map(|ran| ran.split_whitespace().next()?.parse::<f64>().ok()).sum::<f64>() / 1e9
}

fn quantile(sorted: &[Duration], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1) as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index between 0 and the length")]
    let index = (last * share).round() as usize;
    sorted.get(index).map_or(0.0, |time| time.as_secs_f64() * 1e3)
}

async fn fill(keep: &Arc<dyn Keep>, customers: u64) {
    let began = Instant::now();
    let mut random = Random(1);
    let customers = i64::try_from(customers).unwrap();
    for from in (0..customers).step_by(2_000) {
        let mut commit = Commit { now_us: NOW_US, ..Commit::default() };
        for n in from..(from + 2_000).min(customers) {
            let mut state = random.state();
            let numbers = keep.reserve(2, None).await.unwrap();
            add_keys(&mut commit, n, [numbers.start, numbers.start + 1]);
            if n % 2 == 0 {
                set_timer(&mut commit, n, NOW_US + DAY_US, &mut state);
            }
            commit.states.push(put(n, Version::NONE, state));
        }
        keep.commit(commit).await.unwrap();
    }
    println!("fill: {customers} states in {:.1} s, {} MiB resident", began.elapsed().as_secs_f64(), usage().1);
}

struct Times {
    load: Vec<Duration>,
    commit: Vec<Duration>,
    conflicts: u64,
}

fn entry(customer: i64, n: u64) -> Entry {
    Entry { customer: Customer(customer), kind: 0, at_us: NOW_US, bytes: event(customer, n) }
}

/// Batches of 100 events of customers of whom nothing is known, above all others.
async fn newcomers(keep: &Arc<dyn Keep>) {
    let (began, cpu, writer) = (Instant::now(), usage().0, of_writer());
    let (mut random, mut count) = (Random(5), 0);
    while began.elapsed() < Duration::from_secs(number("SECONDS", 10)) {
        let numbers = keep.reserve(200, None).await.unwrap();
        let each: Vec<[u32; 2]> = numbers.collect::<Vec<_>>().as_chunks().0.to_vec();
        let whose = |numbers: &[u32; 2]| NEWCOMERS + i64::from(numbers[0]);
        let messages: Vec<_> = each.iter().map(|[n, _]| MessageId::of(&n.to_be_bytes())).collect();
        let keys = each.iter().map(whose).flat_map(keys).collect();
        let loaded = keep.load(&Wanted { messages: messages.clone(), keys, ..Wanted::default() }).await.unwrap();
        let mut commit = Commit { now_us: NOW_US, as_of: loaded.as_of, messages, ..Commit::default() };
        for numbers in each {
            let (customer, mut state) = (whose(&numbers), random.state());
            add_keys(&mut commit, customer, numbers);
            set_timer(&mut commit, customer, NOW_US + DAY_US, &mut state);
            commit.states.push(put(customer, Version::NONE, state));
            commit.entries.push(entry(customer, numbers[0].into()));
            count += 1;
        }
        keep.commit(commit).await.unwrap();
    }
    let (took, cpu_us) = (began.elapsed().as_secs_f64(), (usage().0 - cpu) * 1e6);
    let (count, writer_us) = (f64::from(count), (of_writer() - writer) * 1e6);
    println!(
        "newcomers (1 task, batches of 100): {:.0} events/s; {:.2} CPU us/event, {:.2} of them to write",
        count / took,
        cpu_us / count,
        writer_us / count
    );
}

/// One who loads, changes and commits batches until the time is over.
async fn batches(keep: Arc<dyn Keep>, task: u64, tasks: u64, size: u64, customers: u64, until: Instant) -> Times {
    let mut random = Random(task * 7919 + 13);
    let mut times = Times { load: Vec::new(), commit: Vec::new(), conflicts: 0 };
    let mut n = task << 40;
    while Instant::now() < until {
        // Each has customers of its own, as the engine gives one customer to one task at a time.
        let mut touched: Vec<i64> =
            (0..size).map(|_| i64::try_from((random.next() % (customers / tasks)) * tasks + task).unwrap()).collect();
        touched.sort_unstable();
        touched.dedup();
        let messages: Vec<_> = touched.iter().zip(n..).map(|(_, n)| MessageId::of(&n.to_le_bytes())).collect();
        let wanted = Wanted {
            messages: messages.clone(),
            keys: touched.iter().flat_map(|customer| keys(*customer)).collect(),
            ..Wanted::default()
        };
        let began = Instant::now();
        let loaded = keep.load(&wanted).await.unwrap();
        times.load.push(began.elapsed());
        let mut commit = Commit { now_us: NOW_US, as_of: loaded.as_of, messages, ..Commit::default() };
        for (stored, n) in loaded.states.into_iter().zip(n..) {
            let (customer, mut state) = (stored.customer.0, stored.bytes);
            state[0] = state[0].wrapping_add(1);
            if n % 10 < 3 {
                set_timer(&mut commit, customer, NOW_US + DAY_US + i64::try_from(n % 1_000).unwrap(), &mut state);
            }
            commit.states.push(put(customer, stored.version, state));
        }
        commit.entries.extend(touched.iter().zip(n..).map(|(customer, n)| entry(*customer, n)));
        n += size;
        let began = Instant::now();
        match keep.commit(commit).await {
            Ok(_) => times.commit.push(began.elapsed()),
            Err(Error::Conflict(_)) => times.conflicts += 1,
            Err(error) => panic!("{error:?}"),
        }
    }
    times
}

async fn run(keep: &Arc<dyn Keep>, what: &str, tasks: u64, size: u64, customers: u64, seed: u64) {
    let seconds = if size == 1 { number("SINGLES", 10) } else { number("SECONDS", 10) };
    let (began, cpu, writer) = (Instant::now(), usage().0, of_writer());
    let until = began + Duration::from_secs(seconds);
    let mut running = tokio::task::JoinSet::new();
    for task in 0..tasks {
        let keep = Arc::clone(keep);
        running.spawn(async move {
            // Message ids differ from those of other runs, customers do not.
            batches(keep, task + seed * tasks, tasks, size, customers - tasks * (seed + 1), until).await
        });
    }
    let all = running.join_all().await;
    let took = began.elapsed().as_secs_f64();
    let mut load: Vec<_> = all.iter().flat_map(|times| times.load.iter().copied()).collect();
    let mut commit: Vec<_> = all.iter().flat_map(|times| times.commit.iter().copied()).collect();
    load.sort_unstable();
    commit.sort_unstable();
    let conflicts: u64 = all.iter().map(|times| times.conflicts).sum();
    let rate = commit.len() as f64 / took;
    let (cpu_after, resident) = usage();
    println!(
        "{what} ({tasks} tasks, batches of {size}): {rate:.0} commits/s, {:.0} events/s; load p50 {:.2} p99 {:.2} ms; commit p50 {:.2} p99 {:.2} max {:.2} ms; {:.2} CPU us/event, {:.2} of them to write; {resident} MiB resident; {conflicts} conflicts",
        rate * size as f64,
        quantile(&load, 0.5),
        quantile(&load, 0.99),
        quantile(&commit, 0.5),
        quantile(&commit, 0.99),
        quantile(&commit, 1.0),
        (cpu_after - cpu) * 1e6 / (commit.len() as f64 * size as f64),
        (of_writer() - writer) * 1e6 / (commit.len() as f64 * size as f64),
    );
}

/// A backlog of due timers, worked off while single requests go on.
async fn backlog(keep: &Arc<dyn Keep>, timers: u64, customers: u64) {
    let began = Instant::now();
    let count = i64::try_from(timers).unwrap();
    for from in (0..count).step_by(5_000) {
        let (id, bytes) = (b"late".to_vec(), vec![1; 20]);
        let timer = |n| Timer {
            customer: Customer(n),
            id: id.clone(),
            due_us: NOW_US - n,
            bytes: bytes.clone(),
            was: Was::Unset,
        };
        let timers = (from..(from + 5_000).min(count)).map(timer).collect();
        keep.commit(Commit { now_us: NOW_US, timers, ..Commit::default() }).await.unwrap();
    }
    println!("timers: {timers} set in {:.1} s", began.elapsed().as_secs_f64());
    let stop = Arc::new(AtomicBool::new(false));
    let fired = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let worker = tokio::spawn({
        let (keep, stop, fired) = (Arc::clone(keep), Arc::clone(&stop), Arc::clone(&fired));
        async move {
            loop {
                let due = keep.due(0, Take { now_us: NOW_US, limit: 1000, lease_us: 30_000_000 }).await.unwrap();
                if due.is_empty() {
                    break;
                }
                let gone_off = due.into_iter().map(|due| Fired {
                    customer: due.timer.customer,
                    id: due.timer.id,
                    lease: due.lease,
                });
                let commit = Commit { now_us: NOW_US, fired: gone_off.collect(), ..Commit::default() };
                fired.fetch_add(commit.fired.len() as u64, Ordering::Relaxed);
                keep.commit(commit).await.unwrap();
            }
            stop.store(true, Ordering::Relaxed);
        }
    });
    let mut asked = Vec::new();
    let mut random = Random(99);
    while !stop.load(Ordering::Relaxed) {
        let customer = i64::try_from(random.next() % customers).unwrap();
        let began = Instant::now();
        let loaded = keep.load(&Wanted { customers: vec![Customer(customer)], ..Wanted::default() }).await.unwrap();
        let stored = loaded.states.into_iter().next().unwrap();
        let states = vec![put(customer, stored.version, stored.bytes)];
        let commit = Commit { now_us: NOW_US, as_of: loaded.as_of, states, ..Commit::default() };
        keep.commit(commit).await.unwrap();
        asked.push(began.elapsed());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    worker.await.unwrap();
    asked.sort_unstable();
    let took = began.elapsed().as_secs_f64();
    let all = fired.load(Ordering::Relaxed);
    println!(
        "timers: {all} fired in {took:.1} s ({:.0}/s); a request beside them p50 {:.2} p99 {:.2} max {:.2} ms",
        all as f64 / took,
        quantile(&asked, 0.5),
        quantile(&asked, 0.99),
        quantile(&asked, 1.0)
    );
}

fn opened(folder: &str) -> Embedded {
    let began = Instant::now();
    let keep = Embedded::open(folder, EmbeddedOptions::default()).unwrap();
    println!("open: {:.2} s, {} MiB resident", began.elapsed().as_secs_f64(), usage().1);
    keep
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, kind, place] = arguments.as_slice() else {
        println!("usage: rates embedded FOLDER | rates postgres URL | rates open FOLDER");
        return;
    };
    let keep: Arc<dyn Keep> = match kind.as_str() {
        "postgres" => Arc::new(Postgres::connect(place, keep::limits::MESSAGES_KNOWN_US).await.unwrap()),
        _ => Arc::new(opened(place)),
    };
    if kind == "open" {
        return;
    }
    let customers = number("CUSTOMERS", 1_000_000);
    if keep.states(0, None, 1).await.unwrap().is_empty() {
        fill(&keep, customers).await;
    }
    let seed = NOW_US.unsigned_abs() + u64::from(std::process::id());
    run(&keep, "batches", 1, 100, customers, seed % 1000).await;
    run(&keep, "batches", 4, 100, customers, seed % 1000 + 1).await;
    run(&keep, "batches", 4, 1000, customers, seed % 1000 + 2).await;
    run(&keep, "singles", 1, 1, customers, seed % 1000 + 3).await;
    run(&keep, "singles", 64, 1, customers, seed % 1000 + 4).await;
    newcomers(&keep).await;
    backlog(&keep, number("TIMERS", 1_000_000), customers).await;
    keep.close().await;
}
