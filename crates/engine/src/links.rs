//! Links that a person sets right: taking one back, or saying that two keys are one customer's whatever the rules say. Either
//! stands among the evidence, and whoever is concerned is built anew.

use keep::{Entry, KeyNumber, Link, RecordChange, Wanted};
use listen::stitch::said;

use crate::counts::Counts;
use crate::engine::Engine;
use crate::entry::{self, StoredPair, kind};
use crate::error::Error;
use crate::identity::{Around, Most, Seed};
use crate::limits::COLLISIONS_MAX;
use crate::message::{Ranked, is_short, key_bytes, key_of};
use crate::take::NOBODY;
use crate::work::Work;

impl Engine {
    /// Takes back the link of two keys, for good; says whether there was one, and changes nothing where there was none. Evidence for it that comes later is kept and not
    /// followed. The customers concerned are built anew, as if the link had never been. Records `along`, such as who did it, are
    /// written with the change, or neither is.
    ///
    /// # Errors
    /// When one of the keys is not known, or it cannot be kept now.
    pub async fn unlink(&self, a: (&str, &str), b: (&str, &str), along: &[RecordChange]) -> Result<bool, Error> {
        self.say(a, b, false, along).await
    }

    /// Has two keys be one customer's because a person says so, even where the rules would not follow a link of theirs; says
    /// whether that was not said before. The customers concerned are built anew, as if it had always been known. Records `along`
    /// are written with the change, or neither is.
    ///
    /// # Errors
    /// When one of the keys is not known, or they are the same, or it cannot be kept now.
    pub async fn link(&self, a: (&str, &str), b: (&str, &str), along: &[RecordChange]) -> Result<bool, Error> {
        self.say(a, b, true, along).await
    }

    /// Takes in what people said of two keys somewhere else, or before. Keys that nothing has come with become known where they are
    /// linked; a word about what names nobody changes nothing.
    ///
    /// # Errors
    /// When it cannot be kept now.
    pub async fn hear(&self, linked: bool, a: (&str, &str), b: (&str, &str)) -> Result<(), Error> {
        let mut said = self.say(a, b, linked, &[]).await;
        if linked && matches!(said, Err(Error::Invalid(_))) {
            let key = |(kind, value)| Ranked::new(kind, value, &self.rules).filter(|_| is_short(kind, value));
            let (Some(first), Some(second)) = (key(a), key(b)) else { return Ok(()) };
            for key in [first, second] {
                self.take_consents(&key, &[], self.clock.now_us()).await?;
            }
            said = self.say(a, b, linked, &[]).await;
        }
        match said {
            Ok(_) | Err(Error::Invalid(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn say(&self, a: (&str, &str), b: (&str, &str), linked: bool, along: &[RecordChange]) -> Result<bool, Error> {
        let _turn = self.turn().await?;
        let mut bytes = Vec::new();
        for (kind, value) in [a, b] {
            let value = self.rules.comparable(kind, value);
            let value = value.ok_or_else(|| Error::Invalid(format!("the {kind} names nobody")))?;
            bytes.push(key_bytes(kind, &value));
        }
        if bytes[0] == bytes[1] {
            return Err(Error::Invalid("the two keys are one".to_owned()));
        }
        let mut collisions = 0;
        loop {
            let _alone = self.together.write().await;
            match self.try_say(&bytes, linked, along).await {
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

    async fn try_say(
        &self,
        keys: &[Vec<u8>],
        linked: bool,
        along: &[RecordChange],
    ) -> Result<Option<bool>, keep::Error> {
        let now_us = self.clock.now_us();
        let wanted = Wanted { generation: self.generation, keys: keys.to_vec(), ..Wanted::default() };
        let loaded = self.keep.load(&wanted).await?;
        let [Some(a), Some(b)] = loaded.keys.as_slice() else { return Ok(None) };
        let (low, high): (KeyNumber, KeyNumber) = (a.0.min(b.0), a.0.max(b.0));
        let known = self.keep.links(&[low, high], crate::limits::AROUND_LINKS_MAX).await?;
        let of_both: Vec<&Link> = known.iter().filter(|link| link.low == low && link.high == high).collect();
        let said = if linked { link_of(low, high, &of_both) } else { undo_of(low, high, &of_both, now_us) };
        let said = match said {
            Ok(said) => said,
            Err(known) => return Ok(Some(known)),
        };
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
        let mut work = Work::new(self, now_us);
        work.admit_all(&loaded);
        let Some(around) = Around::look(&*self.keep, &self.rules, &seeds, &[said], Most::IN_A_REQUEST).await? else {
            return Err(keep::Error::Invalid { what: "there are too many keys around these two".to_owned() });
        };
        let moved = around.moved();
        self.move_people(&mut work, &around, &moved).await?;
        work.commit.keys.extend(moved.into_iter().map(|moved| moved.key));
        work.commit.links.push(said);
        work.commit.records.extend_from_slice(along);
        let named = |bytes: &[u8]| key_of(bytes).map(|(kind, value)| (kind.to_owned(), value.to_owned()));
        let [a, b] = [&keys[0], &keys[1]].map(|bytes| named(bytes).unwrap_or_default());
        work.commit.entries.push(Entry {
            customer: NOBODY,
            kind: if linked { kind::LINK } else { kind::UNLINK },
            at_us: now_us,
            bytes: entry::bytes(&StoredPair { a, b }),
        });
        let anew = std::mem::take(&mut work.anew);
        if !anew.is_empty() {
            self.rebuild(&mut work, anew, Some(&around)).await?;
        }
        let (commit, aftermath) = work.finish();
        self.commit(commit, aftermath).await?;
        Ok(Some(true))
    }
}

/// The word that takes a link back; where it need not be said, whether the link was taken back before, which is as good.
fn undo_of(low: KeyNumber, high: KeyNumber, known: &[&Link], now_us: i64) -> Result<Link, bool> {
    let link_us = known.iter().find(|link| !link.undo).map(|link| link.at_us);
    let undo_us = known.iter().find(|link| link.undo).map(|link| link.at_us);
    match (link_us, undo_us) {
        (None, None) => Err(false),
        (link_us, Some(undo_us)) if !said::holds(link_us.unwrap_or(now_us), Some(undo_us)) => Err(true),
        // Against evidence any word is enough, so that it can be told when it was said.
        (Some(link_us), None) if !said::is_said(link_us) => Ok(Link { low, high, undo: true, at_us: now_us }),
        _ => Ok(Link { low, high, undo: true, at_us: said::next_us(known.iter().map(|link| link.at_us)) }),
    }
}

/// The word that links two keys; where it need not be said, that nothing is new.
fn link_of(low: KeyNumber, high: KeyNumber, known: &[&Link]) -> Result<Link, bool> {
    let link_us = known.iter().find(|link| !link.undo).map(|link| link.at_us).filter(|at_us| said::is_said(*at_us));
    let undo_us = known.iter().find(|link| link.undo).map(|link| link.at_us);
    if link_us.is_some_and(|link_us| said::holds(link_us, undo_us)) {
        return Err(false);
    }
    Ok(Link { low, high, undo: false, at_us: said::next_us(known.iter().map(|link| link.at_us)) })
}
