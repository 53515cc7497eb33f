//! The engine: what all of its parts share.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use act::{Models, Plan};
use charter::Charter;
use keep::{Keep, KeyNumber, Link};
use listen::intake::Sources;
use listen::stitch::Rules;
use tokio::sync::{RwLock, Semaphore, SemaphorePermit, broadcast};

use crate::changes::Change;
use crate::clock::Clock;
use crate::counts::Counts;
use crate::decide::LastWords;
use crate::deliver::Outbox;
use crate::error::Error;
use crate::lane::Lanes;
use crate::limits::{BATCHES_AT_ONCE, BATCHES_WAITING, CHANGES_WAITING, NUMBERS_RESERVED};
use crate::linked::Linked;
use crate::models::Learning;
use crate::tail::Tail;
use crate::terms::AllTerms;

/// How the engine is set up.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// What lots are drawn from in a home that is new: the same seed, customer and occasion draw the same. Where none is given it
    /// is made by chance; it stays the home's for good.
    pub seed: Option<u64>,
    /// What tells this process from others that share what is kept, and from itself before: part of ids that are made here.
    pub node: u64,
}

/// The live side of one organisation. Shared by all requests.
#[derive(Debug)]
pub struct Engine {
    pub(crate) keep: Arc<dyn Keep>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) rules: Rules,
    pub(crate) sources: Sources,
    pub(crate) options: Options,
    /// What lots are drawn from, in this home.
    pub(crate) seed: u64,
    pub(crate) generation: u32,
    /// Numbers for new keys that were reserved and not used yet.
    numbers: tokio::sync::Mutex<Range<u32>>,
    /// Pairs of keys whose link is kept already, with the time of the earliest evidence.
    linked: Mutex<Linked>,
    /// The place in the order of arrival that was given last.
    last_seq: AtomicU64,
    /// Whoever collided too often goes alone; all others go together.
    pub(crate) together: RwLock<()>,
    pub(crate) lanes: Lanes,
    turns: Semaphore,
    waiting: AtomicUsize,
    pub(crate) models: Mutex<Arc<Models>>,
    pub(crate) terms: AllTerms,
    pub(crate) last_words: LastWords,
    /// How far the log was learnt from.
    pub(crate) learning: tokio::sync::Mutex<Learning>,
    /// What was taken in since history was told last.
    pub(crate) tail: Tail,
    changes: broadcast::Sender<Arc<Change>>,
    pub(crate) counts: Counts,
    /// Told when something is to be delivered.
    outbox: OnceLock<Arc<Outbox>>,
}

impl Engine {
    /// An engine over what is kept, by a charter.
    ///
    /// # Errors
    /// When what is kept cannot be reached.
    pub async fn open(
        keep: Arc<dyn Keep>,
        charter: Arc<Charter>,
        clock: Arc<dyn Clock>,
        options: Options,
    ) -> Result<Arc<Self>, Error> {
        let (rules, sources) = (Rules::from(&charter.keys), Sources::of(&charter));
        let plan = Arc::new(Plan::new(charter));
        let (models, learning) = crate::models::load(&*keep, &plan).await?;
        let seed = crate::seed::of(&*keep, options.seed).await?;
        let terms = AllTerms::new(&plan);
        let (changes, _) = broadcast::channel(CHANGES_WAITING);
        let engine = Arc::new(Self {
            keep,
            clock,
            plan,
            rules,
            sources,
            options,
            seed,
            generation: 0,
            numbers: tokio::sync::Mutex::new(0..0),
            linked: Mutex::default(),
            last_seq: AtomicU64::new(0),
            together: RwLock::new(()),
            lanes: Lanes::default(),
            turns: Semaphore::new(BATCHES_AT_ONCE),
            waiting: AtomicUsize::new(0),
            models: Mutex::new(Arc::new(models)),
            terms,
            last_words: LastWords::default(),
            learning: tokio::sync::Mutex::new(learning),
            tail: Tail::default(),
            changes,
            counts: Counts::default(),
            outbox: OnceLock::new(),
        });
        engine.learn().await?;
        Ok(engine)
    }

    /// The charter by which it works.
    pub fn charter(&self) -> &Charter {
        self.plan.charter()
    }

    /// The sources of the charter to which objects can be posted.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Where live state is kept.
    pub fn keep(&self) -> &Arc<dyn Keep> {
        &self.keep
    }

    /// The clock that it goes by.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// What was counted since it was opened.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Tells this outbox from now on when something is to be delivered; it finds out by itself, but later. The first one counts.
    pub fn tell_outbox(&self, outbox: Arc<Outbox>) {
        let _ = self.outbox.set(outbox);
    }

    pub(crate) fn posted(&self, target: &str) {
        if let Some(outbox) = self.outbox.get() {
            outbox.posted(target);
        }
    }

    /// Everything that changes from now on, for whoever watches.
    pub fn changes(&self) -> broadcast::Receiver<Arc<Change>> {
        self.changes.subscribe()
    }

    pub(crate) fn tell(&self, changes: Vec<Change>) {
        for change in changes {
            // Nobody listens: then there is nobody to tell.
            let _ = self.changes.send(Arc::new(change));
        }
    }

    /// Whether anybody watches; otherwise nothing need be put in words.
    pub(crate) fn is_watched(&self) -> bool {
        self.changes.receiver_count() > 0
    }

    /// Waits until this batch has its turn.
    pub(crate) async fn turn(&self) -> Result<SemaphorePermit<'_>, Error> {
        if let Ok(permit) = self.turns.try_acquire() {
            return Ok(permit);
        }
        let waiting = self.waiting.fetch_add(1, Ordering::Relaxed);
        let permit = if waiting < BATCHES_WAITING {
            self.turns.acquire().await.map_err(|_| Error::Busy)
        } else {
            Err(Error::Busy)
        };
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        permit
    }

    /// A number for each of `count` new keys.
    pub(crate) async fn new_numbers(&self, count: usize) -> Result<Vec<KeyNumber>, keep::Error> {
        let mut reserved = self.numbers.lock().await;
        let mut numbers = Vec::with_capacity(count);
        while numbers.len() < count {
            if let Some(number) = reserved.next() {
                numbers.push(KeyNumber(number));
            } else {
                let more = u32::try_from(count - numbers.len()).unwrap_or(u32::MAX).max(NUMBERS_RESERVED);
                *reserved = self.keep.reserve(more, None).await?;
            }
        }
        Ok(numbers)
    }

    /// A place in the order of arrival, higher than all that this process gave before and than `above`. It follows the
    /// clock, in parts of 1/256 microsecond, so that it grows from one run of the program to the next.
    pub(crate) fn next_seq(&self, now_us: i64, above: u64) -> u64 {
        let least = (now_us.max(0).cast_unsigned() << 8).max(above + 1);
        let given = self.last_seq.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(least.max(last + 1)));
        least.max(given.unwrap_or_else(|same| same) + 1)
    }

    /// Those of these links that are not kept, with evidence as early as theirs.
    pub(crate) async fn not_kept(&self, mut links: Vec<Link>) -> Result<Vec<Link>, keep::Error> {
        {
            let mut linked = self.linked();
            links.retain(|link| !linked.knows((link.low, link.high), link.at_us));
        }
        let pairs: Vec<_> = links.iter().map(|link| (link.low, link.high)).collect();
        if pairs.is_empty() {
            return Ok(links);
        }
        let evidence = self.keep.evidence(&pairs).await?;
        let kept = links.iter().zip(&evidence).filter_map(|(link, at_us)| Some(Link { at_us: (*at_us)?, ..*link }));
        let kept: Vec<Link> = kept.collect();
        self.remember_links(&kept);
        let mut evidence = evidence.into_iter();
        links.retain(|link| evidence.next().flatten().is_none_or(|at_us| at_us > link.at_us));
        Ok(links)
    }

    fn linked(&self) -> MutexGuard<'_, Linked> {
        self.linked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers links that are kept.
    pub(crate) fn remember_links(&self, links: &[Link]) {
        self.linked().remember(links);
    }
}
