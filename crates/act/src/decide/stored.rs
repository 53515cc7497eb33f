//! How candidates are written in the log: a byte for what most of them have in common, and figures only where they are not what
//! they are for nearly everybody. There are as many as the charter has actions, in every decision, so this is most of the log.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serializer};

use super::{Candidate, FellOut, score};

/// The bits of the first byte. The lowest three say where it fell out.
const UNTIL: u8 = 1 << 3;
const PROPENSITY: u8 = 1 << 4;
const CONTEXT_WEIGHT: u8 = 1 << 5;
const LEVER: u8 = 1 << 6;
const PROBABILITY: u8 = 1 << 7;
const FELL_OUT: u8 = UNTIL - 1;

/// Of [`FellOut::SharedCap`], after which its position follows.
const SHARED_CAP: u8 = 4;

fn number_of(fell_out: Option<FellOut>) -> u8 {
    match fell_out {
        None => 0,
        Some(FellOut::Condition) => 1,
        Some(FellOut::Consent) => 2,
        Some(FellOut::Cap) => 3,
        Some(FellOut::SharedCap(_)) => SHARED_CAP,
        Some(FellOut::Quiet) => 5,
        Some(FellOut::Control) => 6,
        Some(FellOut::Outranked) => 7,
    }
}

pub(super) fn serialize<S: Serializer>(candidates: &[Candidate], serializer: S) -> Result<S::Ok, S::Error> {
    let mut bytes = Vec::with_capacity(candidates.len() * 18);
    for candidate in candidates {
        let Candidate { fell_out, until_us, value, propensity, context_weight, lever, probability, .. } = candidate;
        let figures = [
            (PROPENSITY, propensity, 1.0),
            (CONTEXT_WEIGHT, context_weight, 1.0),
            (LEVER, lever, 1.0),
            (PROBABILITY, probability, 0.0),
        ];
        let mut first = number_of(*fell_out) | if until_us.is_some() { UNTIL } else { 0 };
        for (bit, figure, usual) in figures {
            first |= if figure.to_bits() == f64::to_bits(usual) { 0 } else { bit };
        }
        bytes.push(first);
        if let Some(FellOut::SharedCap(cap)) = fell_out {
            bytes.extend_from_slice(&(*cap as u64).to_le_bytes());
        }
        if let Some(until_us) = until_us {
            bytes.extend_from_slice(&until_us.to_le_bytes());
        }
        bytes.extend_from_slice(&value.to_le_bytes());
        for (_, figure, _) in figures.iter().filter(|(bit, ..)| first & bit != 0) {
            bytes.extend_from_slice(&figure.to_le_bytes());
        }
    }
    serializer.serialize_bytes(&bytes)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Candidate>, D::Error> {
    let bytes = <&[u8]>::deserialize(deserializer)?;
    read(bytes).ok_or_else(|| D::Error::custom("candidates of a decision end too soon"))
}

fn read(mut bytes: &[u8]) -> Option<Vec<Candidate>> {
    let mut candidates = Vec::with_capacity(bytes.len() / 9);
    while let Some((first, rest)) = bytes.split_first() {
        bytes = rest;
        let mut eight = || {
            let (eight, rest) = bytes.split_first_chunk::<8>()?;
            bytes = rest;
            Some(*eight)
        };
        let fell_out = match first & FELL_OUT {
            0 => None,
            1 => Some(FellOut::Condition),
            2 => Some(FellOut::Consent),
            3 => Some(FellOut::Cap),
            SHARED_CAP => Some(FellOut::SharedCap(usize::try_from(u64::from_le_bytes(eight()?)).ok()?)),
            5 => Some(FellOut::Quiet),
            6 => Some(FellOut::Control),
            _ => Some(FellOut::Outranked),
        };
        let until_us = if first & UNTIL == 0 { None } else { Some(i64::from_le_bytes(eight()?)) };
        let value = f64::from_le_bytes(eight()?);
        let mut figure =
            |bit: u8, usual: f64| if first & bit == 0 { Some(usual) } else { eight().map(f64::from_le_bytes) };
        let (propensity, context_weight) = (figure(PROPENSITY, 1.0)?, figure(CONTEXT_WEIGHT, 1.0)?);
        let (lever, probability) = (figure(LEVER, 1.0)?, figure(PROBABILITY, 0.0)?);
        candidates.push(Candidate {
            action: u32::try_from(candidates.len()).ok()?,
            fell_out,
            until_us,
            value,
            propensity,
            context_weight,
            lever,
            score: score(value, propensity, context_weight, lever),
            probability,
        });
    }
    Some(candidates)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn figure(usual: f64) -> impl Strategy<Value = f64> {
        prop_oneof![Just(usual), -1e9..1e9, Just(-0.0)]
    }

    fn fell_out() -> impl Strategy<Value = Option<FellOut>> {
        prop_oneof![
            Just(None),
            Just(Some(FellOut::Condition)),
            Just(Some(FellOut::Consent)),
            Just(Some(FellOut::Cap)),
            (0..9_usize).prop_map(|cap| Some(FellOut::SharedCap(cap))),
            Just(Some(FellOut::Quiet)),
            Just(Some(FellOut::Control)),
            Just(Some(FellOut::Outranked)),
        ]
    }

    prop_compose! {
        fn candidate()(
            fell_out in fell_out(),
            until_us in prop::option::of(any::<i64>()),
            value in figure(1.0),
            propensity in figure(1.0),
            context_weight in figure(1.0),
            lever in figure(1.0),
            probability in figure(0.0),
        ) -> Candidate {
            let score = score(value, propensity, context_weight, lever);
            Candidate { action: 0, fell_out, until_us, value, propensity, context_weight, lever, score, probability }
        }
    }

    #[derive(Debug, PartialEq, serde::Serialize, Deserialize)]
    struct Written(#[serde(with = "super")] Vec<Candidate>);

    proptest! {
        #[test]
        fn candidates_are_read_as_they_were_written(mut candidates in prop::collection::vec(candidate(), 0..20)) {
            for (action, candidate) in candidates.iter_mut().enumerate() {
                candidate.action = u32::try_from(action).expect("few");
            }
            let bytes = postcard::to_allocvec(&Written(candidates.clone())).expect("memory takes it");
            let read: Written = postcard::from_bytes(&bytes).expect("it was written");
            // By bits, so that a zero below zero stays one.
            prop_assert_eq!(format!("{:?}", read.0), format!("{:?}", candidates));
            let whole = postcard::to_allocvec(&read).expect("memory takes it");
            prop_assert_eq!(whole, bytes);
        }

        #[test]
        fn what_ends_too_soon_is_refused(candidate in candidate(), cut in 1..9_usize) {
            let bytes = postcard::to_allocvec(&Written(vec![candidate])).expect("memory takes it");
            // Without its length, which postcard checks itself.
            prop_assert!(read(&bytes[1..bytes.len() - cut]).is_none_or(|read| read.is_empty()));
        }
    }
}
