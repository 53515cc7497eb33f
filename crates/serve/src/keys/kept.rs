//! Keys as records, and the list of who changed what.

use std::fmt;
use std::sync::Arc;

use keep::{Commit, Keep, RecordChange, Version};
use serde::{Deserialize, Serialize};

use super::{Hash, Role};
use crate::limits::{KEYS_MAX, RECORDS_PAGE};

const KEYS: &str = "key/";
const ENTRIES: &str = "audit/";
const FORMAT: u32 = 1;

/// What goes wrong with kept keys.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeysError {
    #[error(transparent)]
    Keep(#[from] keep::Error),
    #[error("there is no key with the id `{0}`")]
    Unknown(String),
    #[error("{0}")]
    Invalid(String),
    #[error("this is the last admin key: make another first")]
    LastAdmin,
}

/// A key to be made.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Making {
    /// What it is for, for people.
    pub(crate) name: String,
    /// What it may be used for. A key that may only ingest is a write key.
    pub(crate) roles: Vec<Role>,
    /// The source of events that are sent with it.
    #[serde(default)]
    pub(crate) source: Option<String>,
    /// The web sites that may use it, as origins (`https://shop.example`); all where there are none.
    #[serde(default)]
    pub(crate) origins: Vec<String>,
    /// How many requests per second it may send.
    #[serde(default)]
    pub(crate) per_second: Option<u32>,
    /// When it ends, in microseconds since 1970.
    #[serde(default)]
    pub(crate) expires_us: Option<i64>,
}

impl Making {
    /// A key that says nothing but what it is for and may be used for.
    pub(crate) fn new(name: &str, roles: Vec<Role>) -> Self {
        Self { name: name.to_owned(), roles, source: None, origins: Vec::new(), per_second: None, expires_us: None }
    }
}

/// A key as it is kept: all but the key itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) v: u32,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) roles: Vec<Role>,
    pub(crate) hash: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) origins: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) per_second: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires_us: Option<i64>,
    pub(crate) made_us: i64,
    pub(crate) made_by: String,
}

impl Kept {
    /// Whether it may do everything, now.
    fn is_admin(&self, now_us: i64) -> bool {
        self.roles.contains(&Role::Admin) && self.expires_us.is_none_or(|end| now_us < end)
    }
}

/// A key that was made, and its text, which is shown now and never again.
pub(crate) struct Made {
    pub(crate) kept: Kept,
    pub(crate) text: String,
}

impl fmt::Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Made").field("kept", &self.kept.id).finish_non_exhaustive()
    }
}

/// Who changed what, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) at_us: i64,
    /// The id of the key with which it was done.
    pub(crate) who: String,
    /// What was done.
    pub(crate) what: String,
    /// To what: the id of a key, the name of a target.
    pub(crate) of: String,
}

/// Where keys are kept.
#[derive(Debug, Clone)]
pub(crate) struct Store(pub(crate) Arc<dyn Keep>);

impl Store {
    /// All keys that are kept, ordered by id, each with the version of its record.
    pub(crate) async fn all(&self) -> Result<Vec<(Kept, Version)>, KeysError> {
        let mut kept = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = self.0.records(KEYS, after.as_deref(), RECORDS_PAGE).await?;
            let full = page.len() == RECORDS_PAGE;
            after = page.last().map(|record| record.name.clone());
            for record in page {
                let read: Result<Kept, _> = serde_json::from_slice(&record.bytes);
                let read =
                    read.map_err(|error| KeysError::Invalid(format!("the record {} is broken: {error}", record.name)))?;
                kept.push((read, record.version));
            }
            if !full {
                return Ok(kept);
            }
        }
    }

    /// Makes a key.
    pub(crate) async fn make(&self, making: Making, who: &str, now_us: i64) -> Result<Made, KeysError> {
        check(&making, now_us)?;
        if self.all().await?.len() >= KEYS_MAX {
            return Err(KeysError::Invalid(format!("there are {KEYS_MAX} keys, and may be no more")));
        }
        let mut roles = making.roles;
        roles.sort_unstable();
        roles.dedup();
        let id = random(10);
        let text =
            if roles == [Role::Ingest] { format!("wk_{}", random(22)) } else { format!("ak_{id}_{}", random(32)) };
        let kept = Kept {
            v: FORMAT,
            hash: Hash::of(&text).hex(),
            name: making.name,
            roles,
            source: making.source,
            origins: making.origins,
            per_second: making.per_second,
            expires_us: making.expires_us,
            made_us: now_us,
            made_by: who.to_owned(),
            id,
        };
        let bytes = serde_json::to_vec(&kept).expect("a key is valid JSON");
        let record =
            RecordChange { name: format!("{KEYS}{}", kept.id), expected: Some(Version::NONE), bytes: Some(bytes) };
        let entry = note(now_us, who, "key made", &kept.id);
        self.0.commit(Commit { now_us, records: vec![record, entry], ..Commit::default() }).await?;
        Ok(Made { kept, text })
    }

    /// Withdraws a key; the last one that may do everything only where `admin_is_given` besides those that are kept: nobody could
    /// make another one.
    pub(crate) async fn withdraw(
        &self,
        id: &str,
        admin_is_given: bool,
        who: &str,
        now_us: i64,
    ) -> Result<(), KeysError> {
        let (found, others): (Vec<_>, Vec<_>) = self.all().await?.into_iter().partition(|(kept, _)| kept.id == id);
        let (key, version) = found.into_iter().next().ok_or_else(|| KeysError::Unknown(id.to_owned()))?;
        if key.is_admin(now_us) && !admin_is_given && !others.iter().any(|(kept, _)| kept.is_admin(now_us)) {
            return Err(KeysError::LastAdmin);
        }
        let record = RecordChange { name: format!("{KEYS}{id}"), expected: Some(version), bytes: None };
        let entry = note(now_us, who, "key withdrawn", id);
        self.0.commit(Commit { now_us, records: vec![record, entry], ..Commit::default() }).await?;
        Ok(())
    }

    /// Takes note of a change that goes not through live state, before it is made.
    pub(crate) async fn note(&self, now_us: i64, note: RecordChange) -> Result<(), KeysError> {
        self.0.commit(Commit { now_us, records: vec![note], ..Commit::default() }).await?;
        Ok(())
    }

    /// A page of who changed what, in the order of time, and after which the next page begins.
    pub(crate) async fn entries(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Entry>, Option<String>), KeysError> {
        let after = after.map(|after| format!("{ENTRIES}{after}"));
        let page = self.0.records(ENTRIES, after.as_deref(), limit).await?;
        let next = page.last().filter(|_| page.len() == limit);
        let next = next.and_then(|record| record.name.strip_prefix(ENTRIES)).map(str::to_owned);
        Ok((page.iter().filter_map(|record| serde_json::from_slice(&record.bytes).ok()).collect(), next))
    }
}

/// The record of a change, to be written with it: a crash between the two would leave a change that nobody made.
pub(crate) fn note(now_us: i64, who: &str, what: &str, of: &str) -> RecordChange {
    let entry = Entry { at_us: now_us, who: who.to_owned(), what: what.to_owned(), of: of.to_owned() };
    RecordChange {
        name: format!("{ENTRIES}{:020}-{}", now_us.max(0), random(6)),
        expected: None,
        bytes: Some(serde_json::to_vec(&entry).expect("an entry is valid JSON")),
    }
}

fn check(making: &Making, now_us: i64) -> Result<(), KeysError> {
    let invalid = |what: &str| Err(KeysError::Invalid(what.to_owned()));
    let long = |text: &str| text.chars().count() > 200 || text.chars().any(char::is_control);
    if making.roles.is_empty() {
        return invalid("a key needs at least one role: read, decide, ingest or admin");
    }
    if making.name.trim().is_empty() || long(&making.name) {
        return invalid("a key needs a name of at most 200 characters, without control characters");
    }
    if making.source.as_deref().is_some_and(|source| source.trim().is_empty() || long(source)) {
        return invalid("a source has at least 1 and at most 200 characters, and no control characters");
    }
    let is_origin = |origin: &String| {
        url::Url::parse(origin)
            .is_ok_and(|url| url.origin().is_tuple() && url.origin().ascii_serialization() == *origin)
    };
    if making.origins.len() > 100 || !making.origins.iter().all(is_origin) {
        return invalid("origins are at most 100 of the form `https://shop.example`, without a path");
    }
    if making.per_second == Some(0) {
        return invalid("`per_second` is at least 1");
    }
    if making.expires_us.is_some_and(|end| end <= now_us) {
        return invalid("`expires_us` is when it ends, in microseconds since 1970, and lies ahead");
    }
    Ok(())
}

/// Letters and digits that nobody can guess; each is worth almost 6 bits.
fn random(length: usize) -> String {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let mut bytes = [0; 64];
        getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
        // 248 is the largest multiple of 62 in a byte: what is above would make some letters more likely.
        let letters = bytes.iter().filter(|byte| **byte < 248).map(|byte| char::from(LETTERS[usize::from(byte % 62)]));
        text.extend(letters.take(length - text.len()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_texts_have_their_length_and_differ() {
        let texts: std::collections::BTreeSet<String> = (0..100).map(|_| random(22)).collect();
        assert!(texts.len() == 100 && texts.iter().all(|text| text.len() == 22));
        assert!(texts.iter().flat_map(|text| text.chars()).all(|letter| letter.is_ascii_alphanumeric()));
    }

    #[test]
    fn what_is_no_key_is_not_made() {
        let making = |text: &str| serde_json::from_str::<Making>(text).map_err(|error| error.to_string());
        let good =
            making(r#"{"name":"web","roles":["ingest"],"origins":["https://shop.example","http://localhost:8080"]}"#);
        assert!(check(&good.expect("it is of the right form"), 2).is_ok());
        for bad in [
            r#"{"name":"web","roles":[]}"#,
            r#"{"name":" ","roles":["read"]}"#,
            r#"{"name":"a","roles":["read"],"source":""}"#,
            r#"{"name":"a","roles":["ingest"],"origins":["https://shop.example/"]}"#,
            r#"{"name":"a","roles":["ingest"],"origins":["*"]}"#,
            r#"{"name":"a","roles":["read"],"per_second":0}"#,
            r#"{"name":"a","roles":["read"],"expires_us":2}"#,
        ] {
            assert!(check(&making(bad).expect("it is of the right form"), 2).is_err(), "{bad}");
        }
        assert!(
            making(r#"{"name":"a","roles":["king"]}"#).is_err() && making(r#"{"name":"a","roles":[],"x":1}"#).is_err()
        );
    }
}
