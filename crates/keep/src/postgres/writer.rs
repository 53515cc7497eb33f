//! The task that commits. There is one in a node, and it takes all that waits at once, so that they share a transaction and
//! its flush; what touches the same thing waits for the next one.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{mpsc, oneshot};
use tokio_postgres::{Config, Row};

use crate::error::{Conflict, Error};
use crate::ledger::Prepared;
use crate::limits::{COLLISIONS_MAX, GROUP_BYTES_MAX, MESSAGE_BUCKETS};
use crate::loaded::{Committed, Customer, TimerId, Version};
use crate::postgres::bundle::{Bundle, Claims, Found};
use crate::postgres::connection::{Connection, Params, Silences, is_collision};
use crate::postgres::queries;

/// How many versions a node takes at once; the sequence counts in these steps.
const VERSIONS: i64 = 1000;

/// Commits of a group: no more than there are versions in a step, so that one step is always enough.
const GROUP_COMMITS_MAX: usize = 1000;

pub(super) type Answer = oneshot::Sender<Result<Committed, Error>>;

pub(super) enum Job {
    Commit(Box<Prepared>, Answer),
    Close(oneshot::Sender<()>),
}

pub(super) struct Writer {
    pub(super) config: Config,
    silences: Silences,
    pub(super) known_us: i64,
    pub(super) queued_bytes: Arc<AtomicUsize>,
    connection: Option<Connection>,
    versions: std::ops::Range<i64>,
    /// The part of `seen` that is in use: the time up to which ids are put into it.
    seen_until_us: Option<i64>,
}

/// What became of a group: each position and version, or whose conflicts kept it from being written.
enum Tried {
    Written(Vec<Committed>),
    Conflicts(Vec<Option<Conflict>>),
}

impl Writer {
    pub(super) fn new(config: Config, silences: Silences, known_us: i64, queued_bytes: Arc<AtomicUsize>) -> Self {
        Self { config, silences, known_us, queued_bytes, connection: None, versions: 0..0, seen_until_us: None }
    }

    pub(super) async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut waiting = VecDeque::new();
        loop {
            if waiting.is_empty() {
                match jobs.recv().await {
                    Some(Job::Commit(prepared, answer)) => waiting.push_back((prepared, answer)),
                    Some(Job::Close(closed)) => {
                        // Nobody waits for it where nobody listens.
                        let _ = closed.send(());
                        return;
                    }
                    None => return,
                }
            }
            let mut closing = None;
            while closing.is_none() {
                match jobs.try_recv() {
                    Ok(Job::Commit(prepared, answer)) => waiting.push_back((prepared, answer)),
                    Ok(Job::Close(closed)) => closing = Some(closed),
                    Err(_) => break,
                }
            }
            self.commit_group(&mut waiting).await;
            if let Some(closed) = closing {
                while !waiting.is_empty() {
                    self.commit_group(&mut waiting).await;
                }
                let _ = closed.send(());
                return;
            }
        }
    }

    /// Commits as many of those that wait as fit into one transaction.
    async fn commit_group(&mut self, waiting: &mut VecDeque<(Box<Prepared>, Answer)>) {
        let mut claims = Claims::default();
        let mut group = Vec::new();
        let mut answers = Vec::new();
        let mut bytes = 0;
        let mut later = VecDeque::new();
        for (prepared, answer) in waiting.drain(..) {
            let generation =
                group.first().map_or(prepared.commit.generation, |first: &Prepared| first.commit.generation);
            let fits = bytes < GROUP_BYTES_MAX && group.len() < GROUP_COMMITS_MAX;
            let fits = fits && generation == prepared.commit.generation;
            if fits && claims.claim(&prepared.commit) {
                bytes += prepared.bytes;
                group.push(*prepared);
                answers.push(answer);
            } else {
                later.push_back((prepared, answer));
            }
        }
        *waiting = later;
        self.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.commit_all(group, answers).await;
    }

    async fn commit_all(&mut self, mut group: Vec<Prepared>, mut answers: Vec<Answer>) {
        let mut collisions = 0;
        while !group.is_empty() {
            match self.commit(&group).await {
                Ok(Tried::Written(committed)) => {
                    // Whoever asked may have gone; it is committed all the same.
                    answers.into_iter().zip(committed).for_each(|(answer, committed)| drop(answer.send(Ok(committed))));
                    return;
                }
                Ok(Tried::Conflicts(conflicts)) => {
                    let all = group.into_iter().zip(answers).zip(conflicts);
                    (group, answers) = all
                        .filter_map(|((prepared, answer), conflict)| match conflict {
                            None => Some((prepared, answer)),
                            Some(conflict) => {
                                let _ = answer.send(Err(Error::Conflict(Box::new(conflict))));
                                None
                            }
                        })
                        .unzip();
                }
                Err(error) if is_collision(&error) => {
                    collisions += 1;
                    if collisions == COLLISIONS_MAX {
                        answer_all(answers, &Error::Busy);
                        return;
                    }
                }
                Err(error) => {
                    self.connection = None;
                    answer_all(answers, &error);
                    return;
                }
            }
        }
    }

    async fn commit(&mut self, group: &[Prepared]) -> Result<Tried, Error> {
        if self.connection.as_ref().is_none_or(Connection::is_lost) {
            self.connection = Some(Connection::open(&self.config, &self.silences).await?);
        }
        let connection = self.connection.as_ref().expect("it was just made");
        let count = i64::try_from(group.len()).expect("a group is bounded");
        if self.versions.end - self.versions.start < count {
            // What is left of the old ones is given up.
            let from: i64 = connection.rows(queries::NEXT_VERSIONS, &[]).await?[0].get(0);
            self.versions = from..from + VERSIONS;
        }
        let first_version = self.versions.start;
        let bundle = Bundle::new(group, first_version);
        let now_us = group.iter().map(|prepared| prepared.commit.now_us).max().unwrap_or_default();
        if !bundle.messages.is_empty() && self.seen_until_us.is_none_or(|until| until <= now_us) {
            self.seen_until_us = Some(seen_part(connection, now_us, self.known_us).await?);
        }
        let seen_until_us = self.seen_until_us.unwrap_or_default();
        let (found, next) = match Box::pin(change(connection, &bundle, seen_until_us)).await {
            Ok(done) => done,
            Err(error) => {
                connection.run("roll back", "rollback").await?;
                return Err(error);
            }
        };
        let conflicts: Vec<_> = group.iter().map(|prepared| found.conflict(&prepared.commit)).collect();
        if conflicts.iter().any(|conflict| !conflict.is_empty()) {
            connection.run("roll back", "rollback").await?;
            return Ok(Tried::Conflicts(
                conflicts.into_iter().map(|conflict| Some(conflict).filter(|c| !c.is_empty())).collect(),
            ));
        }
        // No version is used twice, also where the answer is lost and nobody knows whether this was committed.
        self.versions.start += count;
        connection.run("commit", "commit").await?;
        Ok(Tried::Written(committed(group, first_version, next - bundle.entries)))
    }
}

/// Tells everybody that it failed. Whoever asked may have gone.
fn answer_all(answers: Vec<Answer>, error: &Error) {
    for answer in answers {
        let _ = answer.send(Err(error.clone()));
    }
}

fn committed(group: &[Prepared], first_version: i64, first_position: i64) -> Vec<Committed> {
    let mut position = first_position.cast_unsigned();
    let mut all = Vec::with_capacity(group.len());
    for (prepared, version) in group.iter().zip(first_version..) {
        all.push(Committed { position, version: Version(version.cast_unsigned()) });
        position += prepared.commit.entries.len() as u64;
    }
    all
}

/// The part of `seen` for this time: the one that is in use, or a new one. Parts whose time is over are dropped whole.
async fn seen_part(connection: &Connection, now_us: i64, known_us: i64) -> Result<i64, Error> {
    let parts: Vec<i64> = connection.rows(queries::PARTS, &[]).await?.iter().map(|row| row.get(0)).collect();
    if let Some(current) = parts.iter().find(|until| **until > now_us) {
        return Ok(*current);
    }
    let span = known_us / MESSAGE_BUCKETS;
    let until = (now_us.div_euclid(span) + 1).saturating_mul(span);
    let name = |until: i64| format!("seen_{}", until.to_string().replace('-', "m"));
    // Under a lock of its own, because another node comes to the same idea in the same moment.
    let mut sql =
        "begin; select pg_advisory_xact_lock(hashtext('desireline parts'), hashtext(current_schema()));".to_owned();
    for old in parts.iter().filter(|part| part.saturating_add(known_us) <= now_us) {
        let _ = write!(sql, "drop table if exists {}; delete from seen_parts where until_us = {old};", name(*old));
    }
    // Writing to a text cannot fail.
    let _ = write!(
        sql,
        "create table if not exists {} partition of seen for values in ({until}); \
         insert into seen_parts values ({until}) on conflict do nothing; commit",
        name(until)
    );
    if let Err(error) = connection.run("make a part for message ids", &sql).await {
        // It is the transaction that failed; whether it can be ended shows with the next statement.
        let _ = connection.run("roll back", "rollback").await;
        return Err(error);
    }
    Ok(until)
}

/// Runs everything up to the commit, all statements on their way at once, and returns what they found and the next position.
async fn change(connection: &Connection, bundle: &Bundle<'_>, seen_until_us: i64) -> Result<(Found, i64), Error> {
    let (begun, states, messages, identity, timers, deliveries, records, next) = tokio::join!(
        biased;
        connection.run("begin", "begin"),
        change_states(connection, bundle),
        change_messages(connection, bundle, seen_until_us),
        change_identity(connection, bundle),
        change_timers(connection, bundle),
        change_deliveries(connection, bundle),
        change_records(connection, bundle),
        append(connection, bundle),
    );
    begun?;
    // The first that failed says why; those behind it only that something had failed before.
    let (locked, inserted) = states?;
    let (known, taken_in) = messages?;
    let (keys, put) = identity?;
    let fired = timers?;
    let settled = deliveries?;
    let records = records?;
    let mut found = Found::default();
    found.versions.extend(locked.iter().map(|row| (row.get::<_, i64>(0), row.get::<_, i64>(1))));
    found.inserted.extend(inserted.iter().map(|row| row.get::<_, i64>(0)));
    found.known.extend(known.iter().map(|row| row.get::<_, crate::MessageId>(0)));
    found.taken_in.extend(taken_in.iter().map(|row| row.get::<_, crate::MessageId>(0)));
    for row in keys {
        let (number, bytes): (i64, Vec<u8>) = (row.get(0), row.get(1));
        found.number_keys.insert(number, bytes.clone());
        found.key_numbers.insert(bytes, number);
    }
    found.keys_put.extend(put.iter().map(|row| row.get::<_, i64>(0)));
    found.fired.extend(fired.iter().map(|row| TimerId { customer: Customer(row.get(0)), id: row.get(1) }));
    found.settled.extend(settled.iter().map(|row| row.get::<_, Vec<u8>>(0)));
    found.records.extend(records.iter().map(|row| (row.get::<_, String>(0), row.get::<_, i64>(1))));
    Ok((found, next?))
}

/// Runs a query unless there is nothing for it to do.
macro_rules! unless {
    ($idle:expr, $connection:expr, $query:expr, $params:expr) => {
        async { if $idle { Ok(Vec::new()) } else { $connection.rows($query, $params).await } }
    };
}

/// Takes rows apart into columns.
macro_rules! columns {
    ($rows:expr => $($n:tt)*) => { ($($rows.iter().map(|row| &row.$n).collect::<Vec<_>>(),)*) };
}

async fn change_states(connection: &Connection, bundle: &Bundle<'_>) -> Result<(Vec<Row>, Vec<Row>), Error> {
    let generation = &bundle.generation;
    let updated = columns!(bundle.updated => 0 1 2 3);
    let inserted = columns!(bundle.inserted => 0 1 2);
    let deleted = columns!(bundle.deleted => 0 1);
    let idle = |rows: usize| rows == 0;
    let (locked, up, new, gone) = tokio::join!(
        biased;
        unless!(idle(bundle.customers.len()), connection, queries::LOCK_STATES, &[generation, &bundle.customers]),
        unless!(idle(updated.0.len()), connection, queries::UPDATE_STATES, &[generation, &updated.0, &updated.1, &updated.2, &updated.3]),
        unless!(idle(inserted.0.len()), connection, queries::INSERT_STATES, &[generation, &inserted.0, &inserted.1, &inserted.2]),
        unless!(idle(deleted.0.len()), connection, queries::DELETE_STATES, &[generation, &deleted.0, &deleted.1]),
    );
    let locked = locked?;
    up?;
    let new = new?;
    gone?;
    Ok((locked, new))
}

async fn change_messages(
    connection: &Connection,
    bundle: &Bundle<'_>,
    until_us: i64,
) -> Result<(Vec<Row>, Vec<Row>), Error> {
    let idle = bundle.messages.is_empty();
    let (known, taken_in) = tokio::join!(
        biased;
        unless!(idle, connection, queries::KNOWN, &[&bundle.messages]),
        unless!(idle, connection, queries::INSERT_SEEN, &[&until_us, &bundle.messages]),
    );
    Ok((known?, taken_in?))
}

async fn change_identity(connection: &Connection, bundle: &Bundle<'_>) -> Result<(Vec<Row>, Vec<Row>), Error> {
    let keys = columns!(bundle.keys => 0 1 2);
    let links = columns!(bundle.links => 0 1 2 3);
    let idle = keys.0.is_empty();
    let (taken, put, linked) = tokio::join!(
        biased;
        unless!(idle, connection, queries::TAKEN_KEYS, &[&keys.0, &keys.2]),
        unless!(idle, connection, queries::UPSERT_KEYS, &[&keys.0, &keys.1, &keys.2]),
        unless!(links.0.is_empty(), connection, queries::UPSERT_LINKS, &[&links.0, &links.1, &links.2, &links.3]),
    );
    let (taken, put) = (taken?, put?);
    linked?;
    Ok((taken, put))
}

async fn change_timers(connection: &Connection, bundle: &Bundle<'_>) -> Result<Vec<Row>, Error> {
    let generation = &bundle.generation;
    let fired = columns!(bundle.fired => 0 1 2);
    let cleared = columns!(bundle.cleared => 0 1);
    let timers = columns!(bundle.timers => 0 1 2 3);
    let (gone_off, unset, clear, set) = tokio::join!(
        biased;
        unless!(fired.0.is_empty(), connection, queries::FIRE, &[generation, &fired.0, &fired.1, &fired.2]),
        unless!(bundle.unset.is_empty(), connection, queries::UNSET, &[generation, &bundle.unset]),
        unless!(cleared.0.is_empty(), connection, queries::CLEAR, &[generation, &cleared.0, &cleared.1]),
        unless!(timers.0.is_empty(), connection, queries::SET, &[generation, &timers.0, &timers.1, &timers.2, &timers.3]),
    );
    let gone_off = gone_off?;
    unset?;
    clear?;
    set?;
    Ok(gone_off)
}

async fn change_deliveries(connection: &Connection, bundle: &Bundle<'_>) -> Result<Vec<Row>, Error> {
    let done = columns!(bundle.done => 0 1);
    let later = columns!(bundle.later => 0 1 2 3 4 5);
    let resent = columns!(bundle.resent => 0 1);
    let posts = columns!(bundle.posts => 0 1 2 3 4);
    let (settled, postponed, again, posted, paused, going_on) = tokio::join!(
        biased;
        unless!(done.0.is_empty(), connection, queries::SETTLE_DONE, &[&done.0, &done.1]),
        unless!(later.0.is_empty(), connection, queries::SETTLE_LATER, &[&later.0, &later.1, &later.2, &later.3, &later.4, &later.5]),
        unless!(resent.0.is_empty(), connection, queries::RESEND, &[&resent.0, &resent.1]),
        unless!(posts.0.is_empty(), connection, queries::POST, &[&posts.0, &posts.1, &posts.2, &posts.3, &posts.4]),
        unless!(bundle.paused.is_empty(), connection, queries::PAUSE, &[&bundle.paused]),
        unless!(bundle.going_on.is_empty(), connection, queries::GO_ON, &[&bundle.going_on]),
    );
    let mut settled = settled?;
    settled.extend(postponed?);
    again?;
    posted?;
    paused?;
    going_on?;
    Ok(settled)
}

async fn change_records(connection: &Connection, bundle: &Bundle<'_>) -> Result<Vec<Row>, Error> {
    let records = columns!(bundle.records => 0 1 2);
    let idle = bundle.record_names.is_empty();
    let (locked, versions, put, gone) = tokio::join!(
        biased;
        unless!(idle, connection, queries::LOCK_RECORDS, &[]),
        unless!(idle, connection, queries::RECORD_VERSIONS, &[&bundle.record_names]),
        unless!(records.0.is_empty(), connection, queries::UPSERT_RECORDS, &[&records.0, &records.1, &records.2]),
        unless!(bundle.records_gone.is_empty(), connection, queries::DELETE_RECORDS, &[&bundle.records_gone]),
    );
    locked?;
    let versions = versions?;
    put?;
    gone?;
    Ok(versions)
}

async fn append(connection: &Connection, bundle: &Bundle<'_>) -> Result<i64, Error> {
    let chunks = columns!(bundle.chunks => 0 1);
    let rows = if bundle.entries == 0 {
        // Nothing to be put in order with others.
        connection.rows(queries::SPAN, &[]).await?.first().map(|row| row.get(1))
    } else {
        let of = columns!(bundle.entries_of => 0 1);
        let params: Params<'_> = &[&bundle.entries, &chunks.0, &chunks.1, &of.0, &of.1];
        connection.rows(queries::APPEND, params).await?.first().map(|row| row.get(0))
    };
    rows.ok_or_else(|| Error::corrupt("the row of `head` is missing"))
}
