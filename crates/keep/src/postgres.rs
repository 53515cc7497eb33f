//! The home that many nodes share: a `PostgreSQL` database.

mod bundle;
mod connection;
mod queries;
mod schema;
mod writer;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Config, Row};

use crate::Keep;
use crate::commit::{Commit, Link, Post, Timer, Was};
use crate::error::Error;
use crate::ledger::chunk::Chunk;
use crate::ledger::{Prepared, chunk};
use crate::limits::{
    DELETED_ROWS, LOG_PAGE_BYTES, LOG_READ_BYTES, MESSAGES_KNOWN_US_MIN, QUEUED_BYTES_MAX, QUEUED_COMMITS_MAX,
};
use crate::loaded::{
    Committed, Customer, Dead, Delivery, Due, Erased, Fate, Key, KeyNumber, Lease, Loaded, Logged, MessageId, Queue,
    Record, Stored, Take, Version, Waiting, Wanted,
};
use connection::{Connection, Params, Pool, Silences, explain};
use writer::{Job, Writer};

/// Live state in `PostgreSQL` 15 or newer, shared by any number of nodes.
///
/// Tables are made in the schema that the connection names (`?options=-csearch_path%3Dname`, otherwise the user's default).
/// TLS is not supported: the way to the server has to be private.
///
/// Erasing deletes rows. The server keeps their bytes in its pages until it vacuums and writes over them, and in its log
/// and backups for as long as it keeps those: that is for whoever runs the server to bound.
pub struct Postgres {
    config: Config,
    pool: Pool,
    jobs: mpsc::Sender<Job>,
    queued_bytes: Arc<AtomicUsize>,
    closed: AtomicBool,
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Postgres").field("hosts", &self.config.get_hosts()).finish_non_exhaustive()
    }
}

fn closed() -> Error {
    Error::unavailable("live state was closed")(std::io::Error::from(std::io::ErrorKind::NotConnected))
}

impl ToSql for MessageId {
    fn to_sql(&self, _: &Type, out: &mut bytes::BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::UUID
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for MessageId {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw.try_into()?))
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::UUID
    }
}

impl Postgres {
    /// Connects to `postgres://user:password@host:5432/database`, and makes the tables if they are not there. Message ids are
    /// known for this long, and at most a third longer.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an address that is none, [`Error::Unavailable`], [`Error::NewerFormat`].
    pub async fn connect(url: &str, messages_known_us: i64) -> Result<Self, Error> {
        let config = connection::config(url)?;
        schema::make(&config).await?;
        let queued_bytes = Arc::new(AtomicUsize::new(0));
        let known_us = messages_known_us.max(MESSAGES_KNOWN_US_MIN);
        let (jobs, waiting) = mpsc::channel(QUEUED_COMMITS_MAX);
        let silences = Silences::default();
        let writer = Writer::new(config.clone(), silences.clone(), known_us, Arc::clone(&queued_bytes));
        tokio::spawn(writer.run(waiting));
        let pool = Pool::new(config.clone(), silences);
        Ok(Self { config, pool, jobs, queued_bytes, closed: AtomicBool::new(false) })
    }

    async fn connection(&self) -> Result<Arc<Connection>, Error> {
        if self.closed.load(Ordering::Relaxed) {
            return Err(closed());
        }
        self.pool.get().await
    }

    async fn rows(&self, query: &'static str, params: Params<'_>) -> Result<Vec<Row>, Error> {
        self.connection().await?.rows(query, params).await
    }
}

/// A limit for a query.
fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn numbers(keys: &[KeyNumber]) -> Vec<i64> {
    keys.iter().map(|number| i64::from(number.0)).collect()
}

fn number(row: &Row, column: usize) -> Result<KeyNumber, Error> {
    let number = u32::try_from(row.get::<_, i64>(column));
    Ok(KeyNumber(number.map_err(|_| Error::corrupt("the number of a key is none"))?))
}

fn version(row: &Row, column: usize) -> Version {
    Version(row.get::<_, i64>(column).cast_unsigned())
}

fn lease(row: &Row, column: usize) -> Lease {
    Lease(row.get::<_, i64>(column).cast_unsigned())
}

fn stored(row: &Row) -> Stored {
    Stored { customer: Customer(row.get(0)), version: version(row, 1), bytes: row.get(2) }
}

fn key(row: &Row) -> Result<Key, Error> {
    Ok(Key { number: number(row, 0)?, customer: Customer(row.get(1)), bytes: row.get(2) })
}

fn link(row: &Row) -> Result<Link, Error> {
    Ok(Link { low: number(row, 0)?, high: number(row, 1)?, undo: row.get(2), at_us: row.get(3) })
}

/// What is to be delivered to a target; its columns come first.
fn post(row: &Row, target: &str) -> Post {
    let (id, customer, due_us, bytes) = (row.get(0), Customer(row.get(1)), row.get(2), row.get(3));
    Post { target: target.to_owned(), id, customer, due_us, bytes }
}

fn attempts(row: &Row, column: usize) -> u32 {
    u32::try_from(row.get::<_, i64>(column)).unwrap_or(u32::MAX)
}

#[async_trait]
impl Keep for Postgres {
    async fn load(&self, wanted: &Wanted) -> Result<Loaded, Error> {
        let customers: Vec<i64> = wanted.customers.iter().map(|customer| customer.0).collect();
        let generation = wanted.generation.cast_signed();
        let rows = self.rows(queries::LOAD, &[&wanted.messages, &wanted.keys, &customers, &generation]).await?;
        let mut known = std::collections::HashSet::new();
        let mut keys = std::collections::HashMap::new();
        let mut states = std::collections::BTreeMap::new();
        let none = |customer| Stored { customer, version: Version::NONE, bytes: Vec::new() };
        states.extend(wanted.customers.iter().map(|customer| (*customer, none(*customer))));
        for row in &rows {
            match row.get::<_, i32>(0) {
                0 => {
                    let customer = Customer(row.get(4));
                    keys.insert(row.get::<_, Vec<u8>>(2), (number(row, 3)?, customer));
                    states.entry(customer).or_insert_with(|| none(customer));
                }
                1 => drop(known.insert(row.get::<_, MessageId>(1))),
                _ => {
                    let customer = Customer(row.get(4));
                    states.insert(customer, Stored { customer, version: version(row, 5), bytes: row.get(2) });
                }
            }
        }
        Ok(Loaded {
            // The database looks at every row that it writes in any case.
            as_of: Version::NONE,
            known: wanted.messages.iter().map(|message| known.contains(message)).collect(),
            keys: wanted.keys.iter().map(|key| keys.get(key).copied()).collect(),
            states: states.into_values().collect(),
        })
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, Error> {
        let prepared = Box::new(Prepared::new(commit)?);
        let bytes = prepared.bytes;
        let (answer, answered) = oneshot::channel();
        let before = self.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        let fits = before == 0 || before + bytes <= QUEUED_BYTES_MAX;
        let sent = if fits {
            self.jobs.try_send(Job::Commit(prepared, answer)).map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => Error::Busy,
                mpsc::error::TrySendError::Closed(_) => closed(),
            })
        } else {
            Err(Error::Busy)
        };
        if let Err(error) = sent {
            self.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
            return Err(error);
        }
        answered.await.map_err(|_| closed())?
    }

    async fn reserve(&self, count: u32, above: Option<KeyNumber>) -> Result<Range<u32>, Error> {
        let full = || Error::TooLarge { what: "the number of keys", size: usize::MAX, most: u32::MAX as usize };
        let least = above.map_or(0, |number| i64::from(number.0) + 1);
        if u32::try_from(least + i64::from(count)).is_err() {
            return Err(full());
        }
        let rows = self.rows(queries::RESERVE, &[&least, &i64::from(count)]).await?;
        let end = rows.first().and_then(|row| u32::try_from(row.get::<_, i64>(0)).ok()).ok_or_else(full)?;
        Ok(end - count..end)
    }

    async fn keys(&self, keys: &[KeyNumber]) -> Result<Vec<Key>, Error> {
        self.rows(queries::KEYS, &[&numbers(keys)]).await?.iter().map(key).collect()
    }

    async fn keys_of(&self, customers: &[Customer]) -> Result<Vec<Key>, Error> {
        let customers: Vec<i64> = customers.iter().map(|customer| customer.0).collect();
        self.rows(queries::KEYS_OF, &[&customers]).await?.iter().map(key).collect()
    }

    async fn links(&self, keys: &[KeyNumber], most: usize) -> Result<Vec<Link>, Error> {
        self.rows(queries::LINKS, &[&numbers(keys), &limit(most)]).await?.iter().map(link).collect()
    }

    async fn every_key(&self, after: Option<KeyNumber>, most: usize) -> Result<Vec<Key>, Error> {
        let after = after.map_or(-1, |number| i64::from(number.0));
        self.rows(queries::EVERY_KEY, &[&after, &limit(most)]).await?.iter().map(key).collect()
    }

    async fn every_link(&self, after: Option<Link>, most: usize) -> Result<Vec<Link>, Error> {
        let (low, high, undo) =
            after.map_or((-1, -1, false), |after| (i64::from(after.low.0), i64::from(after.high.0), after.undo));
        self.rows(queries::EVERY_LINK, &[&low, &high, &undo, &limit(most)]).await?.iter().map(link).collect()
    }

    async fn evidence(&self, pairs: &[(KeyNumber, KeyNumber)]) -> Result<Vec<Option<i64>>, Error> {
        let (low, high): (Vec<KeyNumber>, Vec<KeyNumber>) = pairs.iter().copied().unzip();
        let rows = self.rows(queries::EVIDENCE, &[&numbers(&low), &numbers(&high)]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    async fn states(&self, generation: u32, after: Option<Customer>, most: usize) -> Result<Vec<Stored>, Error> {
        let after = after.map(|customer| customer.0);
        let rows = self.rows(queries::STATES, &[&generation.cast_signed(), &after, &limit(most)]).await?;
        Ok(rows.iter().map(stored).collect())
    }

    async fn drop_generation(&self, generation: u32) -> Result<(), Error> {
        let generation = generation.cast_signed();
        let client = connection::connect(&self.config).await?;
        for table in ["states", "timers"] {
            // In pieces, so that nobody waits for long and the server's log stays small.
            let sql = format!(
                "delete from {table} where ctid = any(array(select ctid from {table} where generation = $1 limit {DELETED_ROWS}))"
            );
            let delete = async || client.execute(&sql, &[&generation]).await;
            while delete().await.map_err(|error| explain("drop a generation", error))? > 0 {}
        }
        Ok(())
    }

    async fn log_span(&self) -> Result<Range<u64>, Error> {
        let rows = self.rows(queries::SPAN, &[]).await?;
        let row = rows.first().ok_or_else(|| Error::corrupt("the row of `head` is missing"))?;
        Ok(row.get::<_, i64>(0).cast_unsigned()..row.get::<_, i64>(1).cast_unsigned())
    }

    async fn log(&self, from: u64, most: usize) -> Result<Vec<Logged>, Error> {
        let span = self.log_span().await?;
        if from < span.start {
            return Err(Error::Truncated { first: span.start });
        }
        let mut page: Vec<Logged> = Vec::new();
        let mut bytes = 0;
        let mut at = from;
        loop {
            let rows = self.rows(queries::LOG, &[&at.cast_signed(), &LOG_READ_BYTES]).await?;
            let Some(last) = rows.last().map(|row| row.get::<_, i64>(0)) else { return Ok(page) };
            for row in &rows {
                for entry in chunk::decode(row.get::<_, i64>(0).cast_unsigned(), row.get(1))? {
                    if page.len() == most || bytes >= LOG_PAGE_BYTES {
                        return Ok(page);
                    }
                    if entry.position >= from {
                        bytes += entry.bytes.len();
                        page.push(entry);
                    }
                }
            }
            at = last.cast_unsigned() + 1;
        }
    }

    async fn chunks(&self, from: u64, bytes: usize) -> Result<Vec<Chunk>, Error> {
        let first = self.log_span().await?.start;
        if from < first {
            return Err(Error::Truncated { first });
        }
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        let rows = self.rows(queries::LOG, &[&from.cast_signed(), &bytes]).await?;
        let chunk = |row: &Row| Chunk::new(from, row.get::<_, i64>(0).cast_unsigned(), row.get(1));
        Ok(rows.iter().map(chunk).collect())
    }

    async fn log_of(&self, customers: &[Customer], before: u64, most: usize) -> Result<Vec<Logged>, Error> {
        let numbers: Vec<i64> = customers.iter().map(|customer| customer.0).collect();
        let before = i64::try_from(before).unwrap_or(i64::MAX);
        let rows = self.rows(queries::LOG_OF, &[&numbers, &before, &limit(most), &LOG_READ_BYTES]).await?;
        let first = self.log_span().await?.start;
        let mut page: Vec<Logged> = Vec::new();
        let mut bytes = 0;
        for row in &rows {
            if page.len() >= most || bytes >= LOG_PAGE_BYTES {
                break;
            }
            let entries = chunk::decode(row.get::<_, i64>(0).cast_unsigned(), row.get(1))?.into_iter().rev();
            let from = page.len();
            page.extend(
                entries.filter(|entry| !entry.erased && entry.position >= first && customers.contains(&entry.customer)),
            );
            bytes += page[from..].iter().map(|entry| entry.bytes.len()).sum::<usize>();
        }
        Ok(page)
    }

    async fn truncate(&self, before: u64) -> Result<(), Error> {
        let before = i64::try_from(before).unwrap_or(i64::MAX);
        self.rows(queries::TRUNCATE, &[&before]).await.map(drop)
    }

    async fn due(&self, generation: u32, take: Take) -> Result<Vec<Due>, Error> {
        let until_us = take.now_us.saturating_add(take.lease_us);
        let rows =
            self.rows(queries::DUE, &[&generation.cast_signed(), &take.now_us, &limit(take.limit), &until_us]).await?;
        let due = |row: &Row| {
            let (customer, id, due_us, bytes) = (Customer(row.get(0)), row.get(1), row.get(2), row.get(3));
            let timer = Timer { customer, id, due_us, bytes, was: Was::Unknown };
            Due { timer, lease: lease(row, 4) }
        };
        let mut all: Vec<_> = rows.iter().map(due).collect();
        all.sort_by(|a, b| {
            let [a, b] = [&a.timer, &b.timer];
            (a.due_us, a.customer, &a.id).cmp(&(b.due_us, b.customer, &b.id))
        });
        Ok(all)
    }

    async fn deliveries(&self, target: &str, take: Take) -> Result<Vec<Delivery>, Error> {
        let until_us = take.now_us.saturating_add(take.lease_us);
        let rows = self.rows(queries::DELIVERIES, &[&target, &take.now_us, &limit(take.limit), &until_us]).await?;
        let delivery =
            |row: &Row| Delivery { post: post(row, target), attempts: attempts(row, 4), lease: lease(row, 5) };
        let mut all: Vec<_> = rows.iter().map(delivery).collect();
        all.sort_by(|a, b| (a.post.due_us, &a.post.id).cmp(&(b.post.due_us, &b.post.id)));
        Ok(all)
    }

    async fn queues(&self) -> Result<Vec<Queue>, Error> {
        let queue = |row: &Row| Queue {
            target: row.get(0),
            paused: row.get(1),
            waiting: row.get::<_, i64>(2).cast_unsigned(),
            first_due_us: row.get(3),
            dead: row.get::<_, i64>(4).cast_unsigned(),
        };
        // It looks at all that waits.
        let rows = connection::connect(&self.config).await?.query(queries::QUEUES, &[]).await;
        Ok(rows.map_err(|error| explain("count what waits", error))?.iter().map(queue).collect())
    }

    async fn waiting(&self, target: &str, most: usize) -> Result<Vec<Waiting>, Error> {
        let rows = self.rows(queries::WAITING, &[&target, &limit(most)]).await?;
        let waiting = |row: &Row| Waiting { post: post(row, target), attempts: attempts(row, 4), why: row.get(5) };
        Ok(rows.iter().map(waiting).collect())
    }

    async fn dead(&self, target: &str, after: Option<&[u8]>, most: usize) -> Result<Vec<Dead>, Error> {
        let rows = self.rows(queries::DEAD, &[&target, &after, &limit(most)]).await?;
        let dead = |row: &Row| Dead { post: post(row, target), attempts: attempts(row, 4), why: row.get(5) };
        Ok(rows.iter().map(dead).collect())
    }

    async fn records(&self, prefix: &str, after: Option<&str>, most: usize) -> Result<Vec<Record>, Error> {
        let rows = self.rows(queries::RECORDS, &[&prefix, &after, &limit(most)]).await?;
        let record = |row: &Row| Record { name: row.get(0), version: version(row, 1), bytes: row.get(2) };
        Ok(rows.iter().map(record).collect())
    }

    async fn erase(
        &self,
        customers: &[Customer],
        keys: &BTreeSet<KeyNumber>,
        entries: &BTreeMap<u64, Fate>,
    ) -> Result<Erased, Error> {
        schema::erase(&mut connection::connect(&self.config).await?, customers, keys, entries).await
    }

    async fn skew_us(&self, now_us: i64) -> Result<RangeInclusive<i64>, Error> {
        let began = Instant::now();
        let now_us = || now_us.saturating_add(i64::try_from(began.elapsed().as_micros()).unwrap_or(i64::MAX));
        let connection = self.connection().await?;
        let asked_us = now_us();
        let rows = connection.rows(queries::NOW, &[]).await?;
        let row = rows.first().ok_or_else(|| Error::corrupt("PostgreSQL does not know the time"))?;
        // It looked at its clock at some time in between: at the end where something long was in front of it.
        Ok(row.get::<_, i64>(0) - now_us()..=row.get::<_, i64>(0) - asked_us)
    }

    async fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        let (closed, is_closed) = oneshot::channel();
        if self.jobs.send(Job::Close(closed)).await.is_ok() {
            // The task may be gone already.
            let _ = is_closed.await;
        }
        self.pool.close().await;
    }
}
