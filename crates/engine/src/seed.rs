//! What lots are drawn from: one number for each home, made when the home is, so that two homes draw different ones, and every
//! process of a home, and its replay, the same.

use keep::{Commit, Keep, RecordChange, Version};

use crate::error::Error;

/// The record that says it.
const SEED: &str = "seed";

/// The seed of a home; one that has none gets this one, or one by chance.
pub(crate) async fn of(keep: &dyn Keep, given: Option<u64>) -> Result<u64, Error> {
    loop {
        if let Some(seed) = kept(keep).await? {
            return Ok(seed);
        }
        let seed = match given {
            Some(seed) => seed,
            None => by_chance()?,
        };
        let bytes = Some(seed.to_le_bytes().to_vec());
        let record = RecordChange { name: SEED.to_owned(), expected: Some(Version::NONE), bytes };
        match keep.commit(Commit { records: vec![record], ..Commit::default() }).await {
            Ok(_) => return Ok(seed),
            // Another process has given it one.
            Err(keep::Error::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

async fn kept(keep: &dyn Keep) -> Result<Option<u64>, Error> {
    let record = keep.records(SEED, None, 1).await?.into_iter().find(|record| record.name == SEED);
    let read = |bytes: Vec<u8>| {
        let eight = bytes.try_into().map_err(|_| Error::Damaged("the seed of this home cannot be read".to_owned()))?;
        Ok(u64::from_le_bytes(eight))
    };
    record.map(|record| read(record.bytes)).transpose()
}

fn by_chance() -> Result<u64, Error> {
    let mut bytes = [0; 8];
    let unavailable = |error: getrandom::Error| Error::Unavailable(std::sync::Arc::new(error));
    getrandom::fill(&mut bytes).map_err(unavailable)?;
    Ok(u64::from_le_bytes(bytes))
}
