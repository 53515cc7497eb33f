//! Room for bodies that are being worked on: what all of them may take together.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits::{STRANGER_BYTES_MAX, STRANGERS_APART, STRANGERS_BYTES_MAX};
use crate::problem::{Code, Problem};

/// Room for bodies: what is taken of it is taken of each of these.
#[derive(Debug, Clone)]
pub(crate) struct Room(Vec<Arc<Semaphore>>);

/// What a body takes, until it is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    room: Room,
    permits: Vec<OwnedSemaphorePermit>,
}

impl Room {
    pub(crate) fn new(bytes: usize) -> Self {
        Self(vec![Arc::new(Semaphore::new(bytes))])
    }

    /// Takes nothing of it yet.
    pub(crate) fn hold(&self) -> Held {
        Held { room: self.clone(), permits: Vec::new() }
    }
}

impl Held {
    /// Makes room for so many more bytes, at once or not at all: whoever waited would hold what it has while it waits.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Problem> {
        let bytes = u32::try_from(bytes).map_err(|_| Problem::from(Code::TooLarge))?;
        let each = self.room.0.iter().map(|part| Arc::clone(part).try_acquire_many_owned(bytes));
        let more: Vec<OwnedSemaphorePermit> = each
            .collect::<Result<_, _>>()
            .map_err(|_| Problem::new(Code::Busy, "too many bodies are being read: try again in a moment"))?;
        if self.permits.is_empty() {
            self.permits = more;
        } else {
            self.permits.iter_mut().zip(more).for_each(|(held, more)| held.merge(more));
        }
        Ok(())
    }
}

/// Room for those who are not known by their key. One sender may take a part of it alone, or whoever sends some bodies and does not
/// finish them would keep out all others whose key stands in the body: browsers have it there.
#[derive(Debug)]
pub(crate) struct Strangers {
    whole: Arc<Semaphore>,
    /// The part of each sender who has a body here.
    parts: Mutex<BTreeMap<IpAddr, Weak<Semaphore>>>,
}

impl Default for Strangers {
    fn default() -> Self {
        Self { whole: Arc::new(Semaphore::new(STRANGERS_BYTES_MAX)), parts: Mutex::default() }
    }
}

impl Strangers {
    /// The room of a sender.
    pub(crate) fn room(&self, sender: IpAddr) -> Room {
        let sender = match sender {
            IpAddr::V4(_) => sender,
            // Whoever has one address of version 6 mostly has all that begin with the same 64 bits.
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        };
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        if parts.len() >= STRANGERS_APART {
            parts.retain(|_, part| part.strong_count() > 0);
        }
        let part = parts.get(&sender).and_then(Weak::upgrade).unwrap_or_else(|| {
            let part = Arc::new(Semaphore::new(STRANGER_BYTES_MAX));
            parts.insert(sender, Arc::downgrade(&part));
            part
        });
        Room(vec![Arc::clone(&self.whole), part])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_stranger_takes_its_part_and_gives_it_back() {
        let strangers = Strangers::default();
        let of = |address: &str| strangers.room(address.parse().expect("an address")).hold();
        let (mut held, mut also) = (of("2001:db8::1"), of("2001:db8::2"));
        held.grow(STRANGER_BYTES_MAX - 1).expect("there is room");
        assert!(also.grow(2).is_err(), "it is the same sender");
        also.grow(1).expect("there is room");
        of("2001:db8:0:1::1").grow(STRANGER_BYTES_MAX).expect("another sender");
        drop(held);
        also.grow(STRANGER_BYTES_MAX - 1).expect("there is room again");
        let all: Vec<Held> = (1..=4).map(|n| of(&format!("10.0.0.{n}"))).collect();
        let grown = all.into_iter().map(|mut held| held.grow(STRANGER_BYTES_MAX).map(|()| held));
        assert_eq!(grown.filter_map(Result::ok).collect::<Vec<Held>>().len(), 3, "and together no more than there is");
        for n in 0..2 * STRANGERS_APART {
            let _ = of(&format!("10.1.{}.{}", n / 256, n % 256));
        }
        assert!(strangers.parts.lock().expect("no test panics here").len() <= STRANGERS_APART, "they are forgotten");
    }
}
