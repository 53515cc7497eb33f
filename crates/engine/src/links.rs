//! Links that a person sets right: taking one back, as a counter-link, and building anew who is concerned.

use keep::{Entry, KeyNumber, Link, Wanted};

use crate::counts::Counts;
use crate::engine::Engine;
use crate::entry::{self, StoredUnlink, kind};
use crate::error::Error;
use crate::identity::{Around, Most, Seed};
use crate::limits::COLLISIONS_MAX;
use crate::message::{key_bytes, key_of};
use crate::take::NOBODY;
use crate::work::Work;

impl Engine {
    /// Takes back the link of two keys, for good; says whether there was one, and changes nothing where there was none. Evidence for it that comes later is kept and not
    /// followed. The customers concerned are built anew, as if the link had never been.
    ///
    /// # Errors
    /// When one of the keys is not known, or it cannot be kept now.
    pub async fn unlink(&self, a: (&str, &str), b: (&str, &str)) -> Result<bool, Error> {
        let _turn = self.turn().await?;
        let mut bytes = Vec::new();
        for (kind, value) in [a, b] {
            let value = self.rules.comparable(kind, value);
            let value = value.ok_or_else(|| Error::Invalid(format!("the {kind} names nobody")))?;
            bytes.push(key_bytes(kind, &value));
        }
        let mut collisions = 0;
        loop {
            let _alone = self.together.write().await;
            match self.try_unlink(&bytes).await {
                Ok(Some(found)) => return Ok(found),
                Ok(None) => return Err(Error::Invalid("one of the keys is not known".to_owned())),
                Err(keep::Error::Conflict(_)) if collisions < COLLISIONS_MAX => {
                    collisions += 1;
                    Counts::add(&self.counts.collisions, 1);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn try_unlink(&self, keys: &[Vec<u8>]) -> Result<Option<bool>, keep::Error> {
        let now_us = self.clock.now_us();
        let wanted = Wanted { generation: self.generation, keys: keys.to_vec(), ..Wanted::default() };
        let loaded = self.keep.load(&wanted).await?;
        let [Some(a), Some(b)] = loaded.keys.as_slice() else { return Ok(None) };
        let (low, high): (KeyNumber, KeyNumber) = (a.0.min(b.0), a.0.max(b.0));
        let known = self.keep.links(&[low, high], crate::limits::AROUND_LINKS_MAX).await?;
        let of_both = |link: &&Link| link.low == low && link.high == high;
        if known.iter().filter(of_both).any(|link| link.undo) {
            return Ok(Some(true));
        }
        if !known.iter().any(|link| of_both(&link)) {
            return Ok(Some(false));
        }
        let seeds: Vec<Seed> = [a, b]
            .into_iter()
            .zip(keys)
            .map(|((number, customer), bytes)| Seed {
                number: *number,
                customer: *customer,
                bytes: bytes.clone(),
                new: false,
            })
            .collect();
        let undo = Link { low, high, undo: true, at_us: now_us };
        let mut work = Work::new(self, now_us);
        work.admit_all(&loaded);
        let Some(around) = Around::look(&*self.keep, &self.rules, &seeds, &[undo], Most::IN_A_REQUEST).await? else {
            return Err(keep::Error::Invalid { what: "there are too many keys around these two".to_owned() });
        };
        let moved = around.moved();
        self.move_people(&mut work, &around, &moved).await?;
        work.commit.keys.extend(moved.into_iter().map(|moved| moved.key));
        work.commit.links.push(undo);
        let named = |bytes: &[u8]| key_of(bytes).map(|(kind, value)| (kind.to_owned(), value.to_owned()));
        let [a, b] = [&keys[0], &keys[1]].map(|bytes| named(bytes).unwrap_or_default());
        work.commit.entries.push(Entry {
            customer: NOBODY,
            kind: kind::UNLINK,
            at_us: now_us,
            bytes: entry::bytes(&StoredUnlink { a, b }),
        });
        let anew = std::mem::take(&mut work.anew);
        if !anew.is_empty() {
            self.rebuild(&mut work, anew, Some(around)).await?;
        }
        let (commit, aftermath) = work.finish();
        self.commit(commit, aftermath).await?;
        Ok(Some(true))
    }
}
