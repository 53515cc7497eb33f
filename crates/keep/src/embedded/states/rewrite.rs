//! Writing files of states: what is new, and what is left of files that are mostly of no use any more.

use std::sync::Arc;

use fjall::Slice;

use crate::embedded::sealed;
use crate::embedded::states::file::Begun;
use crate::embedded::states::places::Place;
use crate::embedded::states::{Bounds, Held, States, customer_of};
use crate::error::Error;

impl States {
    /// The same with rows that are new; `None` deletes. They are on the disk when this returns.
    pub(in crate::embedded) fn put(
        &self,
        rows: impl IntoIterator<Item = (Slice, Option<Slice>)>,
    ) -> Result<Self, Error> {
        sealed::make_folder(&self.folder)?;
        self.write(|rewrite| {
            for (key, row) in rows {
                let customer = customer_of(&key).expect("the key of a state is a customer");
                rewrite.append(customer, row.as_deref())?;
            }
            Ok(())
        })
    }

    /// The same with less that is of no use, or in fewer files; nothing where that is not worth it.
    pub(in crate::embedded) fn reclaimed(&self) -> Result<Option<Self>, Error> {
        self.without(&to_reclaim(&self.files, self.bounds))
    }

    /// The same with nothing that is of no use; nothing where it is like that.
    pub(in crate::embedded) fn purged(&self) -> Result<Option<Self>, Error> {
        self.without(&slots(&self.files, |held| held.live < held.bytes))
    }

    /// The same without the files of these slots: what counts in them is in a new file.
    fn without(&self, slots: &[usize]) -> Result<Option<Self>, Error> {
        if slots.is_empty() {
            return Ok(None);
        }
        let moved = |(_, place): &(i64, Place)| slots.contains(&place.slot());
        let states = self.write(|rewrite| {
            for (customer, place) in self.places.from(i64::MIN).filter(moved) {
                rewrite.append(customer, self.read(customer, place)?.as_deref())?;
            }
            Ok(())
        })?;
        Ok(Some(states))
    }

    fn write(&self, fill: impl FnOnce(&mut Rewrite) -> Result<(), Error>) -> Result<Self, Error> {
        let mut rewrite = Rewrite { states: self.clone(), begun: None };
        let written = fill(&mut rewrite).and_then(|()| rewrite.end());
        if let Err(error) = written {
            // It takes up room; where it cannot be deleted now, it is when the home is opened.
            let _ = sealed::remove_part(&self.folder);
            return Err(error);
        }
        Ok(rewrite.states)
    }
}

/// States on their way to the disk.
struct Rewrite {
    /// As they are once they are there.
    states: States,
    /// The file that is being written, and its slot.
    begun: Option<(Begun, usize)>,
}

impl Rewrite {
    fn append(&mut self, customer: i64, state: Option<&[u8]>) -> Result<(), Error> {
        if self.begun.as_ref().is_some_and(|(begun, _)| begun.at() >= self.states.bounds.file_bytes) {
            self.end()?;
        }
        let (mut begun, slot) = self.begun.take().map_or_else(|| self.begin(), Ok)?;
        self.states.set(customer, Place::new(slot, begun.at(), state.map(<[u8]>::len)));
        begun.append(customer, state)?;
        self.begun = Some((begun, slot));
        Ok(())
    }

    fn begin(&mut self) -> Result<(Begun, usize), Error> {
        let newest = self.states.files.iter().flatten().map(|held| held.file.number).max();
        let begun = Begun::new(&self.states.folder, newest.unwrap_or_default() + 1)?;
        let slot = self.states.add(Arc::clone(begun.file()))?;
        Ok((begun, slot))
    }

    /// Ends the file that is being written: those in which nothing is of use do not count any more then.
    fn end(&mut self) -> Result<(), Error> {
        let Some((begun, _)) = self.begun.take() else { return Ok(()) };
        for held in &mut self.states.files {
            held.take_if(|held| held.live == 0);
        }
        let others = self.states.files.iter().flatten().map(|held| held.file.number);
        let mut others: Vec<u64> = others.filter(|number| *number != begun.file().number).collect();
        others.sort_unstable();
        begun.finish(&others)
    }
}

/// The slots of files of which this holds.
fn slots(files: &[Option<Held>], holds: impl Fn(&Held) -> bool) -> Vec<usize> {
    let holds = |slot: &usize| files[*slot].as_ref().is_some_and(&holds);
    (0..files.len()).filter(holds).collect()
}

/// Which files to rewrite. Where less than half of all is of use, those with the smallest share of it, until it is half; where
/// there are many files, the smallest of them, so that each becomes part of a few larger ones one after the other.
fn to_reclaim(files: &[Option<Held>], bounds: Bounds) -> Vec<usize> {
    let held = |slot: &usize| files[*slot].as_ref().expect("only slots of files are looked at");
    let mut all = slots(files, |_| true);
    let sum = |of: fn(&Held) -> u64| all.iter().map(|slot| of(held(slot))).sum::<u64>();
    let (live, mut stale) = (sum(|held| held.live), sum(|held| held.bytes - held.live));
    let mut chosen = Vec::new();
    all.sort_by_key(|slot| held(slot).live * 1_000 / held(slot).bytes.max(1));
    for slot in &all {
        if stale <= live {
            break;
        }
        stale -= held(slot).bytes - held(slot).live;
        chosen.push(*slot);
    }
    if all.len() - chosen.len() > bounds.files {
        all.retain(|slot| !chosen.contains(slot) && held(slot).live < bounds.file_bytes / 2);
        all.sort_by_key(|slot| held(slot).live);
        all.truncate(bounds.files / 4 + 1);
        let several = all.len() > 1;
        // One alone becomes no fewer.
        chosen.extend(all.into_iter().filter(|_| several));
    }
    chosen
}
