//! Who writes to a lake again and again. What there is to know of it to write a little more, who is who among all, stays in
//! memory, so that adding a thousand events does not take longer the more customers there are.

use std::path::{Path, PathBuf};

use listen::stitch::Customers;

use crate::error::Error;
use crate::identity::Identity;
use crate::import::{ImportOptions, Importer};
use crate::limits::LOCK_WAITED_LIVE;
use crate::store::{Lake, fingerprint, folder, lock, number};
use crate::table::Table;
use crate::torn;
use crate::waiting::Waiting;

/// Starts one import after the other into a lake, which is made where there is none.
#[derive(Debug)]
pub struct Writer {
    home: PathBuf,
    /// With the fingerprint of the rules by which rows lie.
    known: Option<(Stock, i64)>,
    /// A commit of the events, where nothing was untold by then.
    all_told: Option<u64>,
}

impl Writer {
    /// Nothing is known of the lake in this home yet.
    pub fn new(home: &Path) -> Self {
        Self { home: home.to_owned(), known: None, all_told: None }
    }

    /// Starts an import; see [`Lake::importer`].
    ///
    /// # Errors
    /// As [`Lake::importer`] and [`Lake::open_or_create`].
    pub async fn importer(&mut self, options: ImportOptions) -> Result<Importer, Error> {
        if let Some((stock, rules)) = self.known.take()
            && rules == fingerprint(&options.rules)
        {
            let lock = lock(&self.home, options.waits()).await?;
            if stock.is_latest()? {
                return Importer::begin(stock, lock, options).await;
            }
        }
        Lake::open_or_create_within(&self.home, options.waits()).await?.importer(options).await
    }

    /// Sorts everything that an import took in, writes it and commits it.
    ///
    /// # Errors
    /// As [`Importer::finish`].
    pub async fn finish(&mut self, importer: Importer) -> Result<(), Error> {
        let rules = fingerprint(importer.rules());
        let (stock, _) = importer.store().await?;
        self.known = Some((stock, rules));
        Ok(())
    }

    /// Whether files have brought something of which [nobody has said](ImportOptions::told) that live state was told. As long as
    /// nothing is, that costs reading the commits that others have made since this was asked or something was written.
    ///
    /// # Errors
    /// When the lake cannot be read.
    pub async fn has_untold(&mut self) -> Result<bool, Error> {
        let all_told =
            async |lake: &Lake| Ok::<_, Error>(lake.untold().await?.is_empty().then(|| lake.events.version()));
        if let Some((stock, _)) = &self.known
            && stock.lake.events.is_latest()?
        {
            self.all_told = all_told(&stock.lake).await?;
            return Ok(self.all_told.is_none());
        }
        // Where two nodes write in turn, neither knows the latest commit, and to read the whole log each time takes long.
        if let Some(version) = self.all_told.take() {
            let log = folder(&self.home, "events").join("_delta_log");
            self.all_told = torn::unsaid_until(&log, version, number::UNTOLD)?;
        }
        if self.all_told.is_none() {
            self.all_told = match self.lake().await {
                Err(Error::NoLake { .. }) => return Ok(false),
                lake => all_told(&lake?).await?,
            };
        }
        Ok(self.all_told.is_none())
    }

    /// The lake for whoever hands over to it from a live log, and waits less for others that write than a command does: it can be
    /// handed over again.
    ///
    /// # Errors
    /// As [`Lake::open`].
    async fn lake(&self) -> Result<Lake, Error> {
        Lake::open_within(&self.home, LOCK_WAITED_LIVE).await
    }

    /// The position of a live log before which everything is here; 0 where nothing came from one.
    ///
    /// # Errors
    /// When the lake cannot be read.
    pub async fn log_position(&self) -> Result<u64, Error> {
        if let Some((stock, _)) = &self.known
            && stock.is_latest()?
        {
            return stock.lake.log_position().await;
        }
        match self.lake().await {
            Err(Error::NoLake { .. }) => Ok(0),
            lake => lake?.log_position().await,
        }
    }
}

/// What is known of a lake while one writes to it.
#[derive(Debug)]
pub(crate) struct Stock {
    pub(crate) lake: Lake,
    pub(crate) customers_table: Table,
    pub(crate) links_table: Table,
    pub(crate) identity: Identity,
    /// Who is who, where all rows lie by it but those that wait.
    pub(crate) customers: Option<Customers>,
    pub(crate) waiting: Waiting,
}

impl Stock {
    /// Whether nobody has written to the lake since.
    pub(crate) fn is_latest(&self) -> Result<bool, Error> {
        let Stock { lake, customers_table, links_table, .. } = self;
        Ok(lake.events.is_latest()? && customers_table.is_latest()? && links_table.is_latest()?)
    }
}
