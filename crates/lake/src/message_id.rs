//! The identity of a message: the sender's own id, or one that follows from the content, so that the same file twice is once.

use event::Event;
use rapidhash::v3::rapidhash_v3;

/// Marks an id that follows from the content.
const DERIVED: &str = "~";

/// A number for this id: its hash, or for a derived one the number that it was made from.
pub(crate) fn hash(id: &str) -> u64 {
    let derived =
        id.strip_prefix(DERIVED).filter(|hex| hex.len() == 16).and_then(|hex| u64::from_str_radix(hex, 16).ok());
    derived.unwrap_or_else(|| rapidhash_v3(id.as_bytes()))
}

/// The text of a derived id.
pub(crate) fn text(hash: u64) -> String {
    format!("{DERIVED}{hash:016x}")
}

/// The number of the n-th of equal rows, counted from 0.
pub(crate) fn nth(hash: u64, n: u64) -> u64 {
    if n == 0 {
        return hash;
    }
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&hash.to_le_bytes());
    bytes[8..].copy_from_slice(&n.to_le_bytes());
    rapidhash_v3(&bytes)
}

/// A number that follows from everything that an event says; where it came from does not count.
pub(crate) fn content_hash(event: &Event<'_>) -> u64 {
    let mut hasher = rapidhash::v3::RapidStreamHasherV3::new(&rapidhash::v3::DEFAULT_RAPID_SECRETS);
    let mut put = |text: Option<&str>| {
        hasher.write(&text.map_or(u64::MAX, |text| text.len() as u64).to_le_bytes());
        hasher.write(text.unwrap_or_default().as_bytes());
    };
    put(Some(event.event));
    for key in event.keys {
        put(Some(key.kind));
        put(Some(key.value));
    }
    for text in
        [event.channel, event.resource, event.department, event.case_id, event.phase, event.properties, event.traits]
    {
        put(text);
    }
    hasher.write(&event.at.as_micros().to_le_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_derived_id_is_its_number() {
        for n in [0, 1, u64::MAX, 0x1234_5678_9abc_def0] {
            assert_eq!(hash(&text(n)), n);
        }
        assert_ne!(hash("~x"), hash("x"));
        assert_ne!(nth(5, 1), nth(5, 2));
    }
}
