//! A home in memory that counts what is read of it, in which the history of somebody may be damaged, a commit may have little room or
//! none, and something may happen between two looks at it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::{Range, RangeInclusive};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use keep::{
    Chunk, Commit, Committed, Customer, Dead, Delivery, Due, Erased, Error, Fate, Keep, Key, KeyNumber, Link, Loaded,
    Logged, Memory, Queue, Record, Stored, Take, Waiting, Wanted,
};

/// No customer.
pub(crate) const NOBODYS: i64 = i64::MIN;

/// See above.
#[derive(Debug)]
pub(crate) struct Watched {
    keep: Arc<Memory>,
    /// Entries of the log that were read by whose they are.
    pub(crate) entries_of: AtomicUsize,
    /// Whose history cannot be read; [`NOBODYS`] for nobody's.
    pub(crate) damaged: AtomicI64,
    /// Timers that one commit has room for.
    pub(crate) room: AtomicUsize,
    /// Whether nothing can be written.
    pub(crate) is_full: AtomicBool,
    /// What happens once, after keys were looked at.
    pub(crate) meanwhile: Meanwhile,
    /// What happens once, before somebody is erased, for the time that this says, counted from 0.
    pub(crate) before_erasing: Meanwhile,
    pub(crate) erasing: AtomicUsize,
}

/// Something that happens once.
#[derive(Default)]
pub(crate) struct Meanwhile(pub(crate) Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl Meanwhile {
    fn happens(&self) {
        let happens = self.0.lock().expect("nobody panics").take();
        if let Some(happens) = happens {
            happens();
        }
    }
}

impl fmt::Debug for Meanwhile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meanwhile").finish_non_exhaustive()
    }
}

impl Watched {
    pub(crate) fn new(keep: &Arc<Memory>) -> Arc<Self> {
        let keep = Arc::<Memory>::clone(keep);
        Arc::new(Self {
            keep,
            entries_of: AtomicUsize::new(0),
            damaged: AtomicI64::new(NOBODYS),
            room: AtomicUsize::new(usize::MAX),
            is_full: AtomicBool::new(false),
            meanwhile: Meanwhile::default(),
            before_erasing: Meanwhile::default(),
            erasing: AtomicUsize::new(0),
        })
    }
}

#[async_trait]
impl Keep for Watched {
    async fn log_of(&self, customers: &[Customer], before: u64, limit: usize) -> Result<Vec<Logged>, Error> {
        if customers.contains(&Customer(self.damaged.load(Ordering::Relaxed))) {
            return Err(Error::Corrupt { what: "a chunk of the log".to_owned() });
        }
        let page = self.keep.log_of(customers, before, limit).await?;
        self.entries_of.fetch_add(page.len(), Ordering::Relaxed);
        Ok(page)
    }

    async fn load(&self, wanted: &Wanted) -> Result<Loaded, Error> {
        self.keep.load(wanted).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, Error> {
        if self.is_full.load(Ordering::Relaxed) {
            return Err(Error::Full);
        }
        let (size, most) = (commit.fired.len(), self.room.load(Ordering::Relaxed));
        if size > most {
            return Err(Error::TooLarge { what: "a commit", size, most });
        }
        self.keep.commit(commit).await
    }

    async fn reserve(&self, count: u32, above: Option<KeyNumber>) -> Result<Range<u32>, Error> {
        self.keep.reserve(count, above).await
    }

    async fn keys(&self, numbers: &[KeyNumber]) -> Result<Vec<Key>, Error> {
        let keys = self.keep.keys(numbers).await;
        self.meanwhile.happens();
        keys
    }

    async fn keys_of(&self, customers: &[Customer]) -> Result<Vec<Key>, Error> {
        self.keep.keys_of(customers).await
    }

    async fn links(&self, keys: &[KeyNumber], limit: usize) -> Result<Vec<Link>, Error> {
        self.keep.links(keys, limit).await
    }

    async fn evidence(&self, pairs: &[(KeyNumber, KeyNumber)]) -> Result<Vec<Option<i64>>, Error> {
        self.keep.evidence(pairs).await
    }

    async fn every_key(&self, after: Option<KeyNumber>, limit: usize) -> Result<Vec<Key>, Error> {
        self.keep.every_key(after, limit).await
    }

    async fn every_link(&self, after: Option<Link>, limit: usize) -> Result<Vec<Link>, Error> {
        self.keep.every_link(after, limit).await
    }

    async fn states(&self, generation: u32, after: Option<Customer>, limit: usize) -> Result<Vec<Stored>, Error> {
        self.keep.states(generation, after, limit).await
    }

    async fn drop_generation(&self, generation: u32) -> Result<(), Error> {
        self.keep.drop_generation(generation).await
    }

    async fn log_span(&self) -> Result<Range<u64>, Error> {
        self.keep.log_span().await
    }

    async fn log(&self, from: u64, limit: usize) -> Result<Vec<Logged>, Error> {
        self.keep.log(from, limit).await
    }

    async fn chunks(&self, from: u64, bytes: usize) -> Result<Vec<Chunk>, Error> {
        self.keep.chunks(from, bytes).await
    }

    async fn truncate(&self, before: u64) -> Result<(), Error> {
        self.keep.truncate(before).await
    }

    async fn due(&self, generation: u32, take: Take) -> Result<Vec<Due>, Error> {
        self.keep.due(generation, take).await
    }

    async fn deliveries(&self, target: &str, take: Take) -> Result<Vec<Delivery>, Error> {
        self.keep.deliveries(target, take).await
    }

    async fn queues(&self) -> Result<Vec<Queue>, Error> {
        self.keep.queues().await
    }

    async fn waiting(&self, target: &str, limit: usize) -> Result<Vec<Waiting>, Error> {
        self.keep.waiting(target, limit).await
    }

    async fn dead(&self, target: &str, after: Option<&[u8]>, limit: usize) -> Result<Vec<Dead>, Error> {
        self.keep.dead(target, after, limit).await
    }

    async fn records(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<Record>, Error> {
        self.keep.records(prefix, after, limit).await
    }

    async fn erase(
        &self,
        customers: &[Customer],
        keys: &BTreeSet<KeyNumber>,
        entries: &BTreeMap<u64, Fate>,
    ) -> Result<Erased, Error> {
        if self.erasing.fetch_sub(1, Ordering::Relaxed) == 0 {
            self.before_erasing.happens();
        }
        self.keep.erase(customers, keys, entries).await
    }

    async fn skew_us(&self, now_us: i64) -> Result<RangeInclusive<i64>, Error> {
        self.keep.skew_us(now_us).await
    }

    async fn close(&self) {
        self.keep.close().await;
    }
}
