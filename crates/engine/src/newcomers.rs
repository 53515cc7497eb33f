//! Who is somebody new: of most new customers nobody knew any of their keys, and then nothing has to be looked at to find out that
//! these are one customer's.

/// A key of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Came<'a> {
    pub(crate) kind: &'a str,
    /// Whether nobody had it before.
    pub(crate) is_new: bool,
}

/// Of messages, each with its keys by their places among all, the highest rank first: those that come with the keys of somebody
/// new. All of them are new, all of different kinds, and in no message with any others. No rule has anything against their being one
/// customer's, since each lets somebody have one key of a kind at least. Of several messages with the same keys it is the first.
pub(crate) fn newcomers<'m>(keys: &[Came<'_>], messages: &[&'m [usize]]) -> Vec<&'m [usize]> {
    // With which message each came first, and whether it came with other keys, too.
    let mut with: Vec<(Option<usize>, bool)> = vec![(None, false); keys.len()];
    let several = || messages.iter().enumerate().filter(|(_, places)| places.len() > 1);
    for (message, places) in several() {
        for place in *places {
            let (first, others) = &mut with[*place];
            *others |= messages[*first.get_or_insert(message)] != *places;
        }
    }
    let are_new = |(message, places): &(usize, &&[usize])| {
        places.iter().all(|place| keys[*place].is_new && with[*place] == (Some(*message), false))
            && places.windows(2).all(|two| keys[two[0]].kind != keys[two[1]].kind)
    };
    several().filter(are_new).map(|(_, places)| *places).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use event::Normalise;
    use futures::executor::block_on;
    use keep::{Commit, Customer, Keep, Key, KeyNumber, Link, Memory};
    use listen::stitch::{KeyRule, Rules};
    use proptest::prelude::*;

    use super::*;
    use crate::identity::{Around, Most, Seed, customer_named_by};
    use crate::message::key_bytes;

    fn kinds(message: &[usize]) -> Vec<Came<'static>> {
        let kind = |place: &usize| ["user_id", "email", "user_id", "phone"][*place];
        message.iter().map(|place| Came { kind: kind(place), is_new: *place != 3 }).collect()
    }

    #[test]
    fn somebody_new_has_new_keys_of_different_kinds_and_of_nobody_else() {
        let keys = kinds(&[0, 1, 2, 3]);
        let found = |messages: &[&'static [usize]]| newcomers(&keys, messages);
        assert_eq!(found(&[&[0, 1], &[0], &[0, 1], &[2]]), [[0, 1]]);
        assert_eq!(found(&[&[0], &[1]]), [[0; 2]; 0], "whoever has one key needs nobody");
        assert_eq!(found(&[&[0, 1], &[1, 3]]), [[0; 2]; 0], "a key is shared");
        assert_eq!(found(&[&[1, 3]]), [[0; 2]; 0], "a key is known");
        assert_eq!(found(&[&[0, 2]]), [[0; 2]; 0], "two keys are of a kind");
    }

    const KINDS: [&str; 4] = ["a", "b", "c", "d"];

    prop_compose! {
        fn rules()(each in prop::collection::vec((any::<bool>(), prop::option::of(1u32..3)), KINDS.len())) -> Rules {
            let rule = |(n, (unique, limit)): (usize, (bool, Option<u32>))| {
                let kind = KINDS[n].to_owned();
                KeyRule { kind, priority: u32::try_from(n).expect("few"), unique, limit, normalise: Normalise::Trim }
            };
            Rules::new(each.into_iter().enumerate().map(rule).collect(), [])
        }
    }

    proptest! {
        #[test]
        fn looking_around_finds_the_same(
            rules in rules(),
            // Keys by number: the kind, whether somebody had it before, and with which other one it was seen then.
            keys in prop::collection::vec((0..KINDS.len(), prop::bool::weighted(0.2), 0usize..24), 24),
            messages in prop::collection::vec(prop::collection::btree_set(0usize..24, 1..4), 1..12),
        ) {
            let number = |place: usize| KeyNumber(u32::try_from(place).expect("few"));
            let bytes = |place: usize| key_bytes(KINDS[keys[place].0], &place.to_string());
            let link = |a: usize, b: usize, at_us| Link { low: number(a.min(b)), high: number(a.max(b)), undo: false, at_us };
            let known = || keys.iter().enumerate().filter(|(_, (_, known, _))| *known);
            let before = known().filter(|(place, (_, _, other))| place != other && keys[*other].1);
            let keep = Memory::default();
            let commit = Commit {
                keys: known()
                    .map(|(n, _)| Key { number: number(n), customer: customer_named_by(number(n)), bytes: bytes(n) })
                    .collect(),
                links: before.map(|(place, (_, _, other))| link(place, *other, 1)).collect(),
                ..Commit::default()
            };
            block_on(keep.commit(commit)).expect("memory takes it");
            let ranked = |places: BTreeSet<usize>| {
                let mut places: Vec<usize> = places.into_iter().collect();
                places.sort_by_key(|place| (keys[*place].0, *place));
                places
            };
            let messages: Vec<Vec<usize>> = messages.into_iter().map(ranked).collect();
            let mut links: BTreeMap<(KeyNumber, KeyNumber), Link> = BTreeMap::new();
            for (message, at_us) in messages.iter().zip(2..) {
                for other in &message[1..] {
                    let link = link(message[0], *other, at_us);
                    links.entry((link.low, link.high)).or_insert(link);
                }
            }
            let links: Vec<Link> = links.into_values().collect();
            let used: BTreeSet<usize> = messages.iter().flatten().copied().collect();
            let seed = |place: &usize| Seed {
                number: number(*place),
                customer: customer_named_by(number(*place)),
                bytes: bytes(*place),
                new: !keys[*place].1,
            };
            let seeds: Vec<Seed> = used.iter().map(seed).collect();
            let around = block_on(Around::look(&keep, &rules, &seeds, &links, Most::ALL)).expect("memory is there");
            let around = around.expect("there is room");
            let moved: BTreeMap<KeyNumber, Customer> =
                around.moved().into_iter().map(|moved| (moved.key.number, moved.key.customer)).collect();

            let came: Vec<Came<'_>> =
                keys.iter().map(|(kind, known, _)| Came { kind: KINDS[*kind], is_new: !known }).collect();
            let messages: Vec<&[usize]> = messages.iter().map(Vec::as_slice).collect();
            for places in newcomers(&came, &messages) {
                let lowest = places.iter().min().copied().map(number).expect("there are several");
                for place in places {
                    let customer = moved.get(&number(*place)).copied().unwrap_or(customer_named_by(number(*place)));
                    prop_assert_eq!(customer, customer_named_by(lowest));
                }
                let numbers: Vec<KeyNumber> = places.iter().copied().map(number).collect();
                prop_assert_eq!(around.whose_of(&numbers), Some(customer_named_by(lowest)));
                // And nobody else is one with them.
                let theirs = moved.iter().filter(|(_, customer)| **customer == customer_named_by(lowest)).count();
                prop_assert_eq!(theirs, places.len() - 1);
            }
        }
    }
}
