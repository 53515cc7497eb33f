#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::run::PAGE_KEYS;
use super::*;
use crate::embedded::journal::numbered;
use crate::embedded::sealed::trying::{assert_damaged, copy, killed_anywhere};

/// So few that runs reach it all the time.
const MOST: u64 = 3_000;

/// What has to be there.
type Model = BTreeSet<Mark>;

/// Numbers that look like chance: `SplitMix64`.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) >> 33).unwrap() % n
    }

    /// Some keys, which are put into the model or taken out of it, too.
    fn keys(&mut self, model: &mut Model) -> BTreeMap<Mark, bool> {
        let mut keys = BTreeMap::new();
        let (count, removals) = ([1, 9, 90, 900][self.below(4)], self.below(4));
        for _ in 0..=self.below(count) {
            let key = key(self.below(2_000));
            let is_there = self.below(4) >= removals;
            if is_there {
                model.insert(key)
            } else {
                model.remove(&key)
            };
            keys.insert(key, is_there);
        }
        keys
    }
}

/// First and last of all, neighbours, and such that begin alike.
fn key(n: usize) -> Mark {
    match n {
        0 => [0; 16],
        1 => [u8::MAX; 16],
        n => ((n as u128 / 8) << 90 | n as u128).to_be_bytes(),
    }
}

fn none(folder: &Path, filtered: bool) -> Runs {
    Runs::none(folder.join("log-of"), filtered, MOST)
}

fn put(runs: &Runs, keys: &BTreeMap<Mark, bool>) -> Runs {
    runs.put(keys.len() as u64, keys.iter().map(|(key, is_there)| (*key, *is_there))).unwrap()
}

fn opened(runs: &Runs, folder: &Path) -> Result<Runs, Error> {
    Runs::none(folder.to_owned(), runs.filtered, runs.most).opened()
}

fn all(runs: &Runs, from: &[u8]) -> Result<Vec<Mark>, Error> {
    runs.from(from).collect()
}

fn assert_has(runs: &Runs, model: &Model, what: &str) {
    assert!(all(runs, &[]).unwrap().iter().eq(model), "{what}");
    assert!((0..2_000).step_by(7).all(|n| runs.has(&key(n)).unwrap() == model.contains(&key(n))), "{what}");
}

fn swept(runs: Runs) -> Runs {
    runs.remove_rest().unwrap();
    let on_disk: Vec<u64> =
        numbered(&runs.folder, KIND.extension).unwrap().into_iter().map(|(number, _)| number).collect();
    assert!(runs.all.iter().map(|run| run.number()).eq(on_disk));
    runs
}

#[test]
fn whatever_is_done_they_have_what_a_set_has() {
    let mut done = [0; 4];
    for seed in 0..12 {
        let folder = tempfile::tempdir().unwrap();
        let (mut runs, mut model) = (none(folder.path(), seed % 2 == 0), Model::new());
        let mut chance = Chance(seed);
        let mut held = (runs.clone(), model.clone());
        for step in 0..50 {
            let what = format!("seed {seed}, step {step}");
            match chance.below(12) {
                0 => {
                    let again = opened(&runs, &runs.folder).unwrap();
                    assert_eq!(again.sizes(), runs.sizes(), "{what}");
                    runs = again;
                    done[0] += 1;
                }
                1 => held = (runs.clone(), model.clone()),
                2 => {
                    if let Some(without) = runs.without_removed().unwrap() {
                        runs = swept(without);
                        done[1] += 1;
                    }
                    assert!(runs.all.iter().all(|run| run.gone == 0), "{what}");
                }
                _ => {
                    runs = swept(put(&runs, &chance.keys(&mut model)));
                    if let Some(gathered) = runs.gathered().unwrap() {
                        runs = swept(gathered);
                        done[2] += 1;
                    }
                    let gone = runs.all.iter().map(|run| run.gone).sum::<u64>();
                    assert!(FOLD * gone <= runs.sizes().iter().sum(), "{what}");
                    done[3] += 1;
                }
            }
            assert_has(&runs, &model, &what);
            assert_has(&held.0, &held.1, &what);
            let from = chance.below(2_000);
            let from = &[&key(from)[..], &[0]].concat()[..chance.below(18)];
            let expected = model.iter().filter(|key| &key[..] >= from);
            assert!(all(&runs, from).unwrap().iter().eq(expected), "{what}: from {from:?}");
        }
    }
    // What never happens proves nothing.
    assert!(done.iter().all(|count| *count > 15), "{done:?}");
}

#[test]
fn keys_of_another_length_are_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let runs = put(&none(folder.path(), true), &[(key(7), true)].into());
    for key in [&key(7)[..15], &[&key(7)[..], &[0]].concat(), &[]] {
        assert!(!runs.has(key).unwrap());
    }
    assert!(runs.has(&key(7)).unwrap());
}

#[test]
fn a_key_is_copied_seldom_and_there_are_few_runs() {
    for (most, each) in [(u64::MAX, 1_u64), (u64::MAX, 77), (100, 1)] {
        let (mut sizes, mut copied, mut largest) = (Vec::new(), 0, 0);
        for n in 0..4_000 {
            // As they come while little does, and much.
            sizes.push(if n % 7 == 0 { 1 } else { each });
            let first = to_gather(&sizes, most);
            if first < sizes.len() {
                let together = sizes.drain(first..).sum::<u64>();
                sizes.push(together);
                copied += together;
                assert!(together <= most);
            }
            largest = largest.max(sizes.len());
        }
        let all = sizes.iter().sum::<u64>();
        assert!(copied <= 7 * all, "{copied} of {all}");
        let full = usize::try_from(all / (most / 4)).unwrap();
        assert!(largest <= 20 + full, "{largest} runs, {sizes:?}");
    }
}

#[test]
fn killed_at_any_moment_they_have_what_was_there_or_what_is() {
    let mut done = [0; 3];
    for seed in 100..103 {
        let folder = tempfile::tempdir().unwrap();
        let (mut runs, mut model, mut chance) = (none(folder.path(), seed % 2 == 0), Model::new(), Chance(seed));
        runs = put(&runs, &chance.keys(&mut model));
        for step in 0..24 {
            let (before, was) = (copy(&runs.folder), model.clone());
            let (way, next) = match chance.below(8) {
                0..4 => (0, Some(put(&runs, &chance.keys(&mut model)))),
                4..7 => (1, runs.gathered().unwrap()),
                _ => (2, runs.without_removed().unwrap()),
            };
            let Some(next) = next else { continue };
            runs = swept(next);
            killed_anywhere(&KIND, before.path(), &runs.folder, |folder, came| {
                let has = if came { &model } else { &was };
                assert_has(&swept(opened(&runs, folder).unwrap()), has, &format!("seed {seed}, step {step}"));
            });
            done[way] += 1;
        }
    }
    assert!(done.iter().all(|count| *count > 5), "{done:?}");
}

/// A folder with runs of two pages, and of one that is not full.
fn some() -> (tempfile::TempDir, Runs, Model) {
    let folder = tempfile::tempdir().unwrap();
    let mut runs = none(folder.path(), true);
    let (few, many) = (PAGE_KEYS / 8, PAGE_KEYS + 3);
    runs = put(&runs, &(100..100 + many).map(|n| (key(n), true)).collect());
    runs = put(&runs, &(100..100 + few).map(|n| (key(n), n % 2 == 0)).collect());
    let model = all(&runs, &[]).unwrap().into_iter().collect();
    (folder, runs, model)
}

#[test]
fn whatever_byte_is_changed_nothing_wrong_is_read() {
    let (_folder, runs, model) = some();
    let mut found = [0; 3];
    for (_, path) in numbered(&runs.folder, KIND.extension).unwrap() {
        let bytes = fs::read(&path).unwrap();
        for at in (0..bytes.len()).filter(|at| at % 29 == 0 || *at < 60 || at + 60 > bytes.len()) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at % 8);
            fs::write(&path, damaged).unwrap();
            let runs = match opened(&runs, &runs.folder) {
                Ok(runs) => runs,
                error => {
                    assert_damaged(error, &path);
                    found[0] += 1;
                    continue;
                }
            };
            assert_damaged(all(&runs, &[]), &path);
            let (right, wrong): (Vec<_>, Vec<_>) =
                (90..500).map(|n| (runs.has(&key(n)), model.contains(&key(n)))).partition(|(has, _)| has.is_ok());
            assert!(right.iter().all(|(has, expected)| has.as_ref().unwrap() == expected));
            found[1 + usize::from(!right.is_empty())] += 1;
            assert!(!wrong.is_empty());
            for (has, _) in wrong {
                assert_damaged(has, &path);
            }
        }
        fs::write(&path, bytes).unwrap();
    }
    // In the footer or at the ends, in a page that is not the only one.
    assert!(found[0] > 10 && found[2] > 10, "{found:?}");
}

#[test]
fn a_file_that_was_cut_off_or_is_another_or_missing_is_told() {
    let (_folder, runs, _) = some();
    let open = || opened(&runs, &runs.folder);
    for (_, path) in numbered(&runs.folder, KIND.extension).unwrap() {
        let bytes = fs::read(&path).unwrap();
        for cut in (0..bytes.len()).step_by(7) {
            fs::write(&path, &bytes[..cut]).unwrap();
            assert_damaged(open(), &path);
        }
        fs::write(&path, bytes).unwrap();
    }
    let [first, second] = [1, 2].map(|n| runs.folder.join(format!("{n:012}.run")));
    let bytes = fs::read(&first).unwrap();
    fs::copy(&second, &first).unwrap();
    assert_damaged(open(), &first);
    fs::remove_file(&first).unwrap();
    assert_damaged(open(), &second);
    fs::write(&first, bytes).unwrap();
    open().unwrap();
}

#[test]
fn what_was_removed_is_in_no_file_and_who_reads_it_reads_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut runs = none(folder.path(), false);
    runs = put(&runs, &(0..600).map(|n| (key(n), true)).collect());
    runs = put(&runs, &(600..700).map(|n| (key(n), true)).chain([(key(300), false)]).collect());
    let reads = runs.clone();
    let in_files = |runs: &Runs| {
        let files = numbered(&runs.folder, KIND.extension).unwrap();
        let bytes: Vec<u8> = files.iter().flat_map(|(_, path)| fs::read(path).unwrap()).collect();
        bytes.windows(16).filter(|window| **window == key(300)).count()
    };
    assert!(in_files(&runs) > 0);
    runs = swept(runs.without_removed().unwrap().unwrap());
    assert_eq!((in_files(&runs), all(&runs, &[]).unwrap().len()), (0, 699));
    assert_eq!(all(&reads, &[]).unwrap().len(), 699);
    assert!(runs.without_removed().unwrap().is_none());
    // Where nothing is older there is nothing to say of it.
    let first = put(&none(&folder.path().join("log-of"), false), &[(key(300), false)].into());
    assert_eq!((in_files(&first), first.sizes()), (0, vec![0]));
}
