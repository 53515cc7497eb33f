#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::*;
use crate::embedded::journal::numbered;
use crate::embedded::sealed::trying::{assert_damaged, copy, killed_anywhere};
use crate::limits::VALUE_BYTES_MAX;

/// So small that files are ended, rewritten and put together all the time.
const SMALL: Bounds = Bounds { file_bytes: 2_000, files: 8 };

type Rows = BTreeMap<Slice, Option<Slice>>;

/// What has to be there.
type Model = BTreeMap<i64, Vec<u8>>;

/// Numbers that look like chance: `SplitMix64`.
struct Chance {
    seed: u64,
    customers: usize,
}

impl Chance {
    fn below(&mut self, n: usize) -> usize {
        self.seed = self.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.seed ^ (self.seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) >> 33).unwrap() % n
    }

    /// Dense ones mostly, and some that are not.
    fn customer(&mut self) -> i64 {
        let n = i64::try_from(self.below(self.customers)).unwrap();
        match self.below(10) {
            0 => -n,
            1 => n * 1_000_003,
            2 => [i64::MIN, i64::MIN + n, i64::MAX - n, i64::MAX][self.below(4)],
            _ => n,
        }
    }

    /// Some rows, which are put into the model, too.
    fn rows(&mut self, model: &mut Model) -> Rows {
        let mut rows = Rows::new();
        for _ in 0..=self.below(12) {
            let customer = self.customer();
            if self.below(6) == 0 {
                model.remove(&customer);
                rows.insert(key(customer), None);
            } else {
                let state: Vec<u8> = (0..self.below(700)).map(|_| self.below(256).to_le_bytes()[0]).collect();
                rows.insert(key(customer), Some(Slice::from(&state)));
                model.insert(customer, state);
            }
        }
        rows
    }
}

fn key(customer: i64) -> Slice {
    Slice::from(in_order(customer))
}

fn row(customer: i64, state: &[u8]) -> Rows {
    Rows::from([(key(customer), Some(Slice::from(state)))])
}

fn none(folder: &Path) -> States {
    States::none(folder.join("states.0"), SMALL)
}

fn assert_has(states: &States, model: &Model, what: &str) {
    let all: Model =
        states.from(&[]).map(|row| row.unwrap()).map(|(key, state)| (customer(&key), state.to_vec())).collect();
    assert!(all == *model, "{what}");
    for (customer, state) in model {
        assert_eq!(states.get(&key(*customer)).unwrap().unwrap(), *state, "{what}");
        assert!(states.has(&key(*customer)), "{what}");
    }
    for customer in (-70..70).filter(|customer| !model.contains_key(customer)) {
        assert!(states.get(&key(customer)).unwrap().is_none() && !states.has(&key(customer)), "{what}");
    }
}

fn customer(key: &[u8]) -> i64 {
    customer_of(key).unwrap()
}

/// Number, bytes and live bytes of every file.
fn sizes(states: &States) -> BTreeMap<u64, (u64, u64)> {
    states.files.iter().flatten().map(|held| (held.file.number, (held.bytes, held.live))).collect()
}

fn on_disk(states: &States) -> Vec<u64> {
    numbered(&states.folder, KIND.extension).unwrap().into_iter().map(|(number, _)| number).collect()
}

fn swept(states: States) -> States {
    states.remove_rest().unwrap();
    let counting: Vec<u64> = sizes(&states).into_keys().collect();
    assert_eq!(on_disk(&states), counting);
    states
}

#[test]
fn whatever_is_done_it_has_what_a_map_has() {
    let mut done = [0; 4];
    for seed in 0..8 {
        let folder = tempfile::tempdir().unwrap();
        let (mut states, mut model, mut chance) = (none(folder.path()), Model::new(), Chance { seed, customers: 60 });
        let mut held = (states.clone(), model.clone());
        for step in 0..60 {
            let what = format!("seed {seed}, step {step}");
            match chance.below(12) {
                0 => {
                    let again = States::open_in(&states.folder, SMALL).unwrap();
                    assert_eq!(sizes(&again), sizes(&states), "{what}");
                    states = again;
                    done[0] += 1;
                }
                1 => held = (states.clone(), model.clone()),
                2 => {
                    if let Some(purged) = states.purged().unwrap() {
                        states = swept(purged);
                        done[1] += 1;
                    }
                    assert!(sizes(&states).values().all(|(bytes, live)| bytes == live), "{what}");
                }
                _ => {
                    let rows = chance.rows(&mut model);
                    states = swept(states.put(rows.clone()).unwrap());
                    if let Some(reclaimed) = states.reclaimed().unwrap() {
                        states = swept(reclaimed);
                        done[2] += 1;
                    }
                    let sizes = sizes(&states);
                    let (bytes, live) = sizes.values().fold((0, 0), |sum, size| (sum.0 + size.0, sum.1 + size.1));
                    assert!(bytes <= 2 * live, "{what}: {bytes} of which {live}");
                    let small = sizes.values().filter(|(_, live)| *live < SMALL.file_bytes / 2).count();
                    assert!(small <= SMALL.files + 1, "{what}: {sizes:?}");
                    done[3] += 1;
                }
            }
            assert_has(&states, &model, &what);
            assert_has(&held.0, &held.1, &what);
        }
    }
    // What never happens proves nothing.
    assert!(done.iter().all(|count| *count > 15), "{done:?}");
}

#[test]
fn keys_that_are_no_customers_have_no_state() {
    let folder = tempfile::tempdir().unwrap();
    let states = none(folder.path()).put(row(7, b"seven").into_iter().chain(row(i64::MAX, b"last"))).unwrap();
    for key in [&key(7)[..7], &[&key(7)[..], &[0]].concat(), &[]] {
        assert!(states.get(key).unwrap().is_none() && !states.has(key));
    }
    let from = |key: &[u8]| states.from(key).map(|row| customer(&row.unwrap().0)).collect::<Vec<_>>();
    assert_eq!((from(&key(7)), from(&key(7)[..7])), (vec![7, i64::MAX], vec![7, i64::MAX]));
    assert_eq!(from(&[&key(7)[..], &[0]].concat()), [i64::MAX]);
    assert_eq!(from(&[&key(i64::MAX)[..], &[0]].concat()), [0; 0]);
}

#[test]
fn the_longest_state_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let long: Vec<u8> = (0..VALUE_BYTES_MAX + 8).map(|n| (n / 3).to_le_bytes()[0]).collect();
    let states = none(folder.path()).put(row(1, &long).into_iter().chain(row(2, b"short"))).unwrap();
    for states in [States::open_in(&states.folder, BOUNDS).unwrap(), states] {
        assert!(states.get(&key(1)).unwrap().unwrap() == long);
        assert_eq!(states.get(&key(2)).unwrap().unwrap(), *b"short");
    }
}

#[test]
fn killed_at_any_moment_it_has_what_was_there_or_what_is() {
    const WIDE: Bounds = Bounds { file_bytes: 1 << 20, files: 3 };
    let mut done = [0; 3];
    for seed in 100..106 {
        let folder = tempfile::tempdir().unwrap();
        let mut states = States::none(folder.path().join("states.0"), WIDE);
        let (mut model, mut chance) = (Model::new(), Chance { seed, customers: 12 });
        states = states.put(chance.rows(&mut model)).unwrap();
        for step in 0..30 {
            let (before, was) = (copy(&states.folder), model.clone());
            let (way, next) = match chance.below(16) {
                0..12 => (0, Some(states.put(chance.rows(&mut model)).unwrap())),
                12..15 => (1, states.reclaimed().unwrap()),
                _ => (2, states.purged().unwrap()),
            };
            let Some(next) = next else { continue };
            states = swept(next);
            killed_anywhere(&KIND, before.path(), &states.folder, |folder, came| {
                let (opened, has) = (States::open_in(folder, SMALL).unwrap(), if came { &model } else { &was });
                assert_has(&swept(opened), has, &format!("seed {seed}, step {step}"));
            });
            done[way] += 1;
        }
    }
    assert!(done.iter().all(|count| *count > 5), "{done:?}");
}

/// A folder with files of which each counts.
fn some() -> (tempfile::TempDir, Model) {
    let folder = tempfile::tempdir().unwrap();
    let mut states = none(folder.path());
    for n in 0..3 {
        let rows: Rows = (0..4).flat_map(|m| row(n * 3 + m, format!("state {n} {m}").as_bytes())).collect();
        states = states.put(rows.clone()).unwrap();
    }
    let model = states.from(&[]).map(|row| row.unwrap()).map(|(key, state)| (customer(&key), state.to_vec())).collect();
    (copy(&states.folder), model)
}

#[test]
fn whatever_byte_is_changed_nothing_wrong_is_read() {
    let (folder, model) = some();
    let mut found = [0; 3];
    for (_, path) in numbered(folder.path(), KIND.extension).unwrap() {
        let bytes = fs::read(&path).unwrap();
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at % 8);
            fs::write(&path, damaged).unwrap();
            let states = match States::open_in(folder.path(), SMALL) {
                Ok(states) => states,
                error => {
                    assert_damaged(error, &path);
                    found[0] += 1;
                    continue;
                }
            };
            let (right, wrong): (Vec<_>, Vec<_>) = model
                .iter()
                .map(|(customer, state)| (states.get(&key(*customer)), state))
                .partition(|(read, _)| read.is_ok());
            assert!(right.into_iter().all(|(read, state)| read.unwrap().unwrap() == *state));
            assert!(wrong.len() <= 1, "one record at most");
            found[1 + wrong.len()] += 1;
            for (read, _) in wrong {
                assert_damaged(read, &path);
            }
        }
        fs::write(&path, bytes).unwrap();
    }
    // In the footer, in what was replaced, in a record.
    assert!(found.iter().all(|count| *count > 10), "{found:?}");
}

#[test]
fn a_file_that_was_cut_off_or_is_another_or_missing_is_told() {
    let (folder, _) = some();
    for (_, path) in numbered(folder.path(), KIND.extension).unwrap() {
        let bytes = fs::read(&path).unwrap();
        for cut in 0..bytes.len() {
            fs::write(&path, &bytes[..cut]).unwrap();
            assert_damaged(States::open_in(folder.path(), SMALL), &path);
        }
        fs::write(&path, bytes).unwrap();
    }
    let [first, second, third] = [1, 2, 3].map(|n| folder.path().join(format!("{n:012}.states")));
    let bytes = fs::read(&second).unwrap();
    fs::copy(&first, &second).unwrap();
    assert_damaged(States::open_in(folder.path(), SMALL), &second);
    fs::remove_file(&second).unwrap();
    assert_damaged(States::open_in(folder.path(), SMALL), &third);
    fs::write(&second, bytes).unwrap();
    States::open_in(folder.path(), SMALL).unwrap();
}

#[test]
fn what_was_replaced_or_deleted_is_in_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut states = none(folder.path());
    for n in 10..40 {
        let mut rows = row(100 + n, b"somebody else");
        rows.extend(row(n % 7, format!("Rosalind {n}").as_bytes()));
        states = states.put(rows.clone()).unwrap();
    }
    let deleted = Rows::from([(key(3), None)]);
    states = states.put(deleted.clone()).unwrap();
    let reads = states.clone();
    states = swept(states.purged().unwrap().unwrap());
    let all: Vec<u8> = numbered(&states.folder, KIND.extension)
        .unwrap()
        .iter()
        .flat_map(|(_, path)| fs::read(path).unwrap())
        .collect();
    let occurs = |n: i64| all.windows(11).any(|window| window == format!("Rosalind {n}").as_bytes());
    assert_eq!((10..40).filter(|n| occurs(*n)).collect::<Vec<_>>(), [33, 34, 35, 36, 37, 39]);
    assert_eq!(reads.get(&key(4)).unwrap().unwrap(), *b"Rosalind 39", "who reads it reads on");
}
