//! Keys: who may do what.
//!
//! A *write key* may only send events and is public: it stands in web pages. Every other key is a secret. Of both, only a
//! hash is kept; the key itself is shown once, when it is made.

mod bucket;
mod kept;

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use bucket::Bucket;
pub(crate) use kept::{Kept, KeysError, Making, Store, note};

/// What a key may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// See events, customers, rejections and what changes.
    Read,
    /// Ask what to do for a customer.
    Decide,
    /// Send events.
    Ingest,
    /// Everything, keys and targets included.
    Admin,
}

impl Role {
    /// All of them, with their names.
    pub const NAMED: [(&'static str, Role); 4] =
        [("read", Role::Read), ("decide", Role::Decide), ("ingest", Role::Ingest), ("admin", Role::Admin)];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::NAMED.iter().find(|(_, role)| *role == self).map_or("", |(name, _)| *name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::NAMED.iter().find(|(name, _)| *name == text);
        found
            .map(|(_, role)| *role)
            .ok_or_else(|| format!("`{text}` is no role; there are read, decide, ingest and admin"))
    }
}

/// The SHA-256 of a key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hash([u8; 32]);

impl Hash {
    pub(crate) fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// Where it is looked for; says nothing about whether it is the same.
    fn place(&self) -> [u8; 8] {
        self.0[..8].try_into().expect("a hash has 32 bytes")
    }

    /// Whether both are the same, in a time that says nothing about where they differ.
    fn is(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
    }

    fn hex(&self) -> String {
        let digit = |four: u8| char::from_digit(u32::from(four), 16).expect("four bits are a digit");
        self.0.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
    }

    fn from_hex(text: &str) -> Option<Self> {
        let byte = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
        let bytes: Option<Vec<u8>> = (0..64).step_by(2).map(byte).collect();
        (text.len() == 64).then_some(Self(bytes?.try_into().ok()?))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hash(..)")
    }
}

/// A key that is given when the server starts, and is not kept.
#[derive(Clone)]
pub struct Given {
    /// The key itself.
    pub text: String,
    /// What it may be used for.
    pub roles: Vec<Role>,
    /// The source of events that are sent with it.
    pub source: Option<String>,
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Given").field("roles", &self.roles).field("source", &self.source).finish_non_exhaustive()
    }
}

/// A key that is in force.
#[derive(Debug)]
pub(crate) struct Key {
    /// Its id, which is no secret.
    pub(crate) id: String,
    pub(crate) roles: Vec<Role>,
    /// The source of events that are sent with it.
    pub(crate) source: Option<String>,
    /// The web sites that may use it, as origins; all where there are none.
    pub(crate) origins: Vec<String>,
    /// When it ends, in microseconds since 1970.
    expires_us: Option<i64>,
    bucket: Bucket,
    hash: Hash,
    /// Which writing of its record it was read from.
    version: Option<keep::Version>,
}

impl Key {
    fn given(number: usize, given: &Given, per_second: u32) -> Self {
        Self {
            id: format!("given-{}", number + 1),
            roles: given.roles.clone(),
            source: given.source.clone(),
            origins: Vec::new(),
            expires_us: None,
            bucket: Bucket::new(per_second),
            hash: Hash::of(&given.text),
            version: None,
        }
    }

    fn kept(kept: &Kept, hash: Hash, version: keep::Version, per_second: u32) -> Self {
        Self {
            id: kept.id.clone(),
            roles: kept.roles.clone(),
            source: kept.source.clone(),
            origins: kept.origins.clone(),
            expires_us: kept.expires_us,
            bucket: Bucket::new(kept.per_second.unwrap_or(per_second)),
            hash,
            version: Some(version),
        }
    }

    /// Whether it may be used for this.
    pub(crate) fn may(&self, role: Role) -> bool {
        self.roles.contains(&role) || self.roles.contains(&Role::Admin)
    }

    /// Whether it has not ended.
    fn is_in_force(&self, now_us: i64) -> bool {
        self.expires_us.is_none_or(|end| now_us < end)
    }

    /// Whether it is no secret.
    pub(crate) fn is_public(&self) -> bool {
        self.roles == [Role::Ingest]
    }

    /// Takes note of a request; says after how many seconds to come again where there are too many.
    pub(crate) fn takes(&self, now_us: i64) -> Result<(), u64> {
        self.bucket.take(now_us)
    }
}

/// All keys that are in force.
#[derive(Debug)]
pub(crate) struct Keys {
    given: Vec<Arc<Key>>,
    per_second: u32,
    known: RwLock<HashMap<[u8; 8], Arc<Key>>>,
}

impl Keys {
    pub(crate) fn new(given: &[Given], per_second: u32) -> Self {
        let given: Vec<Arc<Key>> =
            given.iter().enumerate().map(|(number, given)| Arc::new(Key::given(number, given, per_second))).collect();
        let known = given.iter().map(|key| (key.hash.place(), Arc::clone(key))).collect();
        Self { given, per_second, known: RwLock::new(known) }
    }

    /// The key with this text, if it is in force.
    pub(crate) fn find(&self, text: &str, now_us: i64) -> Option<Arc<Key>> {
        let hash = Hash::of(text);
        let found = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&hash.place()).cloned()?;
        (found.hash.is(&hash) && found.is_in_force(now_us)).then_some(found)
    }

    /// Whether a key that was found is in force still.
    pub(crate) fn have(&self, key: &Key, now_us: i64) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(&key.hash.place()).is_some_and(|known| known.hash.is(&key.hash) && known.is_in_force(now_us))
    }

    /// Puts these in the place of the kept ones. Those that have not changed go on counting where they were.
    pub(crate) fn replace(&self, kept: &[(Kept, keep::Version)]) {
        let before = self.known.read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut known: HashMap<[u8; 8], Arc<Key>> = HashMap::new();
        for (kept, version) in kept {
            let Some(hash) = Hash::from_hex(&kept.hash) else { continue };
            let same = before.get(&hash.place()).filter(|key| key.version == Some(*version));
            let key = same.map(Arc::clone);
            let key = key.unwrap_or_else(|| Arc::new(Key::kept(kept, hash, *version, self.per_second)));
            known.insert(hash.place(), key);
        }
        known.extend(self.given.iter().map(|key| (key.hash.place(), Arc::clone(key))));
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
    }

    /// Whether one that may do everything is given, besides those that are kept.
    pub(crate) fn admin_is_given(&self) -> bool {
        self.given.iter().any(|key| key.may(Role::Admin))
    }

    /// Whether one of them may do everything.
    pub(crate) fn have_admin(&self, now_us: i64) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.values().any(|key| key.may(Role::Admin) && key.is_in_force(now_us))
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.known.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(text: &str, roles: &[Role]) -> Given {
        Given { text: text.to_owned(), roles: roles.to_vec(), source: None }
    }

    #[test]
    fn a_key_is_found_by_its_whole_text() {
        let keys = Keys::new(&[given("wk_accept", &[Role::Ingest]), given("ak_accept", &[Role::Read])], 10);
        let found = keys.find("wk_accept", 0).expect("it is given");
        assert!(found.is_public() && found.may(Role::Ingest) && !found.may(Role::Read));
        for wrong in ["", "wk_accep", "wk_accept ", "WK_ACCEPT", "wk_accept\0"] {
            assert!(keys.find(wrong, 0).is_none(), "{wrong:?}");
        }
    }

    #[test]
    fn an_admin_may_do_everything() {
        let keys = Keys::new(&[given("ak_admin", &[Role::Admin])], 10);
        let key = keys.find("ak_admin", 0).expect("it is given");
        assert!(Role::NAMED.iter().all(|(_, role)| key.may(*role)) && !key.is_public());
    }

    #[test]
    fn a_hash_is_read_as_it_was_written() {
        let hash = Hash::of("ak_1_secret");
        assert!(Hash::from_hex(&hash.hex()).is_some_and(|read| read.is(&hash)));
        assert!(Hash::from_hex("zz").is_none() && Hash::from_hex(&"é".repeat(32)).is_none());
        assert!(!Hash::of("a").is(&Hash::of("b")));
    }

    #[test]
    fn neither_a_key_nor_its_hash_is_printed() {
        let given = given("ak_secret", &[Role::Read]);
        let text = format!("{given:?} {:?}", Keys::new(std::slice::from_ref(&given), 10));
        assert!(!text.contains("ak_secret") && !text.contains(&Hash::of("ak_secret").hex()));
    }
}
