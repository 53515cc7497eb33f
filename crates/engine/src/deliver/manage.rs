//! What operators do: put targets, pause them, look at what waits and what was given up, send it again.
//!
//! What changes something takes records `along`, such as who did it: they are written with the change, or neither is.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use keep::{Commit, RecordChange, Version};
use url::{Host, Url};

use super::error::Error;
use super::limits::{PAGE, TARGETS_MAX, TRIES_MAX};
use super::outbox::Outbox;
use super::secret::Secret;
use super::shown::{ShownDead, ShownTarget, ShownWaiting};
use super::stored::{self, Known, record_name};
use super::target::{Hold, Holder, Target, check_name, parse_allowed, parse_url};

/// A target as it is asked for.
#[derive(Debug, Clone, Default)]
pub struct Put {
    /// Its name, as the charter has it.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// Hosts and addresses that it may have although they are private.
    pub allow: Vec<String>,
    /// What signs. Left out: the present one, or one that is made.
    pub secret: Option<Secret>,
}

impl Outbox {
    /// All targets by name, also those to which something was posted and that nobody has put.
    ///
    /// # Errors
    /// When live state cannot be read.
    pub async fn targets(&self) -> Result<Vec<ShownTarget>, Error> {
        let mut shown = BTreeMap::new();
        for name in self.target_names().await? {
            let target = match self.known(&name).await {
                Ok(Some(known)) => ShownTarget::of(&known.target, self.clock.now_us()),
                Ok(None) => continue,
                Err(Error::Unreadable { what, .. }) => {
                    ShownTarget { problem: Some(what), ..ShownTarget::unknown(&name) }
                }
                Err(error) => return Err(error),
            };
            shown.insert(name, target);
        }
        for queue in self.keep.queues().await? {
            let name = queue.target.clone();
            shown.entry(name).or_insert_with_key(|name| ShownTarget::unknown(name)).add(&queue);
        }
        Ok(shown.into_values().collect())
    }

    /// A target by its name.
    ///
    /// # Errors
    /// When there is no such target, or live state cannot be read.
    pub async fn target(&self, name: &str) -> Result<Target, Error> {
        self.known(name).await?.map(|known| known.target).ok_or_else(|| Error::no_target(name))
    }

    /// Makes a target, or changes where it is and what it allows; a secret that is given takes the place of the present one, which
    /// signs along for a day. Comes back with what signs now.
    ///
    /// # Errors
    /// When name or address are none that a target can have, there are too many targets, or live state cannot be written.
    pub async fn put(&self, put: Put, along: &[RecordChange]) -> Result<Secret, Error> {
        check_name(&put.name)?;
        let allow = parse_allowed(&put.allow)?;
        let url = parse_url(&put.url, &allow)?;
        for _ in 0..TRIES_MAX {
            let (target, expected) = match self.known(&put.name).await {
                Ok(Some(known)) => (known.target, Some(known.version)),
                Ok(None) => (self.new_target(&put.name, &url).await?, Some(Version::NONE)),
                // What nobody can read is replaced, whatever it is.
                Err(Error::Unreadable { .. }) => (self.new_target(&put.name, &url).await?, None),
                Err(error) => return Err(error),
            };
            let mut target = Target { url: url.clone(), allow: allow.clone(), ..target };
            self.sign_with(&mut target, put.secret.as_ref())?;
            if self.write(&target, expected, along).await? {
                return Ok(target.secrets.swap_remove(0).secret);
            }
        }
        Err(Error::Changed { name: put.name })
    }

    /// Has another secret, this one or one that is made, take the place of the present one, which signs along for a day.
    /// Comes back with what signs from now on.
    ///
    /// # Errors
    /// When there is no such target, too many secrets sign already, or live state cannot be written.
    pub async fn rotate(&self, name: &str, secret: Option<Secret>, along: &[RecordChange]) -> Result<Secret, Error> {
        let secret = secret.map_or_else(Secret::random, Ok)?;
        let now_us = self.clock.now_us();
        self.change(name, along, |target| target.rotate(secret.clone(), now_us)).await?;
        Ok(secret)
    }

    /// Pauses a target: what is posted for it waits.
    ///
    /// # Errors
    /// When there is no such target, or live state cannot be written.
    pub async fn pause(&self, name: &str, why: &str, along: &[RecordChange]) -> Result<(), Error> {
        let hold = Hold { by: Holder::Person, since_us: self.clock.now_us(), why: why.to_owned() };
        self.change(name, along, |target| {
            target.hold = Some(hold.clone());
            Ok(())
        })
        .await
    }

    /// Has a target go on, whatever put it on hold: what waited goes out.
    ///
    /// # Errors
    /// When there is no such target, or live state cannot be written.
    pub async fn go_on(&self, name: &str, along: &[RecordChange]) -> Result<(), Error> {
        self.change(name, along, |target| {
            target.hold = None;
            target.failing_since_us = None;
            Ok(())
        })
        .await?;
        self.lane(name).quiet_until_us.store(i64::MIN, Ordering::Relaxed);
        Ok(())
    }

    /// Removes a target. What waits for it is kept, and goes out when there is a target of this name again.
    ///
    /// # Errors
    /// When there is no such target, or live state cannot be written.
    pub async fn remove(&self, name: &str, along: &[RecordChange]) -> Result<(), Error> {
        match self.known(name).await {
            Ok(None) => return Err(Error::no_target(name)),
            Ok(Some(_)) | Err(Error::Unreadable { .. }) => {}
            Err(error) => return Err(error),
        }
        let records = with(RecordChange { name: record_name(name), expected: None, bytes: None }, along);
        let paused = vec![(name.to_owned(), false)];
        self.keep.commit(Commit { now_us: self.clock.now_us(), records, paused, ..Commit::default() }).await?;
        self.posted(name);
        Ok(())
    }

    /// What waits at a target, the first due first, up to `limit`.
    ///
    /// # Errors
    /// When live state cannot be read.
    pub async fn waiting(&self, name: &str, limit: usize) -> Result<Vec<ShownWaiting>, Error> {
        Ok(self.keep.waiting(name, limit).await?.into_iter().map(ShownWaiting::of).collect())
    }

    /// A page of what was given up at a target, by id, from after `after` on.
    ///
    /// # Errors
    /// When live state cannot be read.
    pub async fn dead(&self, name: &str, after: Option<&str>, limit: usize) -> Result<Vec<ShownDead>, Error> {
        Ok(self.keep.dead(name, after.map(str::as_bytes), limit).await?.into_iter().map(ShownDead::of).collect())
    }

    /// Sends again what was given up, under the same id, as if it had never been tried.
    ///
    /// # Errors
    /// When nothing with this id was given up at the target, or live state cannot be written.
    pub async fn resend(&self, name: &str, id: &str, along: &[RecordChange]) -> Result<(), Error> {
        // Nothing is between this and the id but what begins with it, and ids of ours are all of the same length.
        let before = id.as_bytes().split_last().map(|(last, rest)| [rest, &[last.saturating_sub(1), u8::MAX]].concat());
        let found = self.keep.dead(name, before.as_deref(), 1).await?;
        if found.first().is_none_or(|dead| dead.post.id != id.as_bytes()) {
            return Err(Error::NotFound { what: format!("dead delivery `{id}` of target `{name}`") });
        }
        self.resend_ids(name, vec![id.as_bytes().to_vec()], along).await
    }

    /// Sends again everything that was given up at a target; says how much that was.
    ///
    /// # Errors
    /// When live state cannot be read or written; what was read before that is sent again.
    pub async fn resend_all(&self, name: &str, mut along: &[RecordChange]) -> Result<u64, Error> {
        let mut resent = 0;
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = self.keep.dead(name, after.as_deref(), PAGE).await?;
            let ids: Vec<_> = page.into_iter().map(|dead| dead.post.id).collect();
            let Some(last) = ids.last() else { return Ok(resent) };
            after = Some(last.clone());
            resent += ids.len() as u64;
            self.resend_ids(name, ids, std::mem::take(&mut along)).await?;
        }
    }

    async fn resend_ids(&self, name: &str, resent: Vec<Vec<u8>>, along: &[RecordChange]) -> Result<(), Error> {
        let (now_us, records) = (self.clock.now_us(), along.to_vec());
        self.keep.commit(Commit { now_us, resent, records, ..Commit::default() }).await?;
        self.posted(name);
        Ok(())
    }

    /// A target without a secret yet.
    async fn new_target(&self, name: &str, url: &Url) -> Result<Target, Error> {
        if self.target_names().await?.len() >= TARGETS_MAX {
            return Err(Error::invalid(format!(
                "there are {TARGETS_MAX} targets, and no more are possible: remove one"
            )));
        }
        let (name, url, allow) = (name.to_owned(), url.clone(), Vec::<Host>::new());
        Ok(Target { name, url, secrets: Vec::new(), allow, hold: None, failing_since_us: None })
    }

    /// Has a target sign with this secret, or with one that is made where it has none.
    fn sign_with(&self, target: &mut Target, secret: Option<&Secret>) -> Result<(), Error> {
        let present = target.secrets.first().map(|signing| &signing.secret);
        let secret = match (secret, present) {
            (None, Some(_)) => return Ok(()),
            (Some(given), Some(present)) if given == present => return Ok(()),
            (Some(given), _) => given.clone(),
            (None, None) => Secret::random()?,
        };
        target.rotate(secret, self.clock.now_us())
    }

    async fn change(
        &self,
        name: &str,
        along: &[RecordChange],
        change: impl Fn(&mut Target) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for _ in 0..TRIES_MAX {
            let Known { mut target, version } = self.known(name).await?.ok_or_else(|| Error::no_target(name))?;
            change(&mut target)?;
            if self.write(&target, Some(version), along).await? {
                return Ok(());
            }
        }
        Err(Error::Changed { name: name.to_owned() })
    }

    /// Writes a target; `false` where somebody else was quicker.
    async fn write(&self, target: &Target, expected: Option<Version>, along: &[RecordChange]) -> Result<bool, Error> {
        let bytes = Some(stored::encode(target));
        let records = with(RecordChange { name: record_name(&target.name), expected, bytes }, along);
        let paused = vec![(target.name.clone(), target.hold.is_some())];
        match self.keep.commit(Commit { now_us: self.clock.now_us(), records, paused, ..Commit::default() }).await {
            Ok(_) => {}
            Err(keep::Error::Conflict(_)) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        self.targets.notify_one();
        self.posted(&target.name);
        Ok(true)
    }
}

/// A change of a target, and what is written with it.
fn with(change: RecordChange, along: &[RecordChange]) -> Vec<RecordChange> {
    std::iter::once(change).chain(along.iter().cloned()).collect()
}
