//! Files that are written once, whole, under another name until they are on the disk, and never changed; and the folders in which they
//! lie, one for each table that is kept in such files.
//!
//! A mark, whatever is in it, then the footer: lines, and the numbers of the other files that count beside this one. At the end how many
//! there are of both, the checksum of the footer, and the mark once more. The newest file says which others count, so that one that
//! is missing is noticed, and one that a crash left over is deleted.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::bytes::{Eye, Pen};
use crate::embedded::files::explain;
use crate::embedded::fresh;
use crate::embedded::journal::{numbered, sync};
use crate::error::Error;
use crate::store::Table;

/// What is in a file, which decides how it is told from others.
pub(super) struct Kind {
    /// With what a file begins and ends.
    pub(super) mark: [u8; MARK_BYTES],
    /// The ending of the names of all files but the one that is being written. They are numbers.
    pub(super) extension: &'static str,
    /// Bytes of a line of the footer.
    pub(super) line_bytes: usize,
    /// What is being done when reading goes wrong, and when writing does.
    pub(super) reading: &'static str,
    pub(super) writing: &'static str,
}

const MARK_BYTES: usize = 8;

/// Where what is in a file begins.
pub(super) const FIRST: u64 = MARK_BYTES as u64;

/// What is in the footer, its checksum, and the mark.
const TAIL_BYTES: u64 = 4 + 4 + 8 + MARK_BYTES as u64;

/// Bytes that are gathered before they are written.
const WRITTEN_BYTES: usize = 256 << 10;

/// The name of a file that is not whole yet.
const PART: &str = "part";

/// A file, open.
pub(super) struct Sealed {
    pub(super) number: u64,
    kind: &'static Kind,
    path: PathBuf,
    file: File,
}

/// What a file says at its end.
pub(super) struct Footer {
    /// Where it begins, which is where what is in the file ends.
    pub(super) at: u64,
    pub(super) lines: Vec<u8>,
    /// The numbers of the other files that count beside this one, as long as it is the newest; in order.
    others: Vec<u64>,
}

impl Sealed {
    /// Reads what is at a place.
    pub(super) fn read(&self, at: u64, bytes: &mut [u8]) -> Result<(), Error> {
        self.file.read_exact_at(bytes, at).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => self.damaged(at),
            _ => explain(self.kind.reading, &self.path, error.into()),
        })
    }

    /// What is said where it is not as it was written.
    pub(super) fn damaged(&self, at: u64) -> Error {
        Error::corrupt(format!("{} cannot be read from byte {at} on", self.path.display()))
    }

    fn open(kind: &'static Kind, path: PathBuf, number: u64) -> Result<(Arc<Self>, Footer), Error> {
        let opened = File::open(&path).and_then(|file| Ok((file.metadata()?.len(), file)));
        let (length, file) = opened.map_err(|error| explain(kind.reading, &path, error.into()))?;
        let file = Self { number, kind, path, file };
        let at = length.checked_sub(TAIL_BYTES).ok_or_else(|| file.damaged(0))?;
        let tail = file.bytes(at, TAIL_BYTES)?;
        let mut eye = Eye::new(&tail);
        let (lines, others, sum) = (u64::from(eye.u32()?), u64::from(eye.u32()?), eye.u64()?);
        let lines_bytes = lines * kind.line_bytes as u64;
        let footer_bytes = lines_bytes + others * 8;
        let end = at.checked_sub(footer_bytes).filter(|end| *end >= FIRST && eye.rest() == kind.mark);
        let end = end.ok_or_else(|| file.damaged(at))?;
        let mut lines = file.bytes(end, footer_bytes)?;
        if xxh3_64_with_seed(&lines, number) != sum || file.bytes(0, FIRST)? != kind.mark {
            return Err(file.damaged(end));
        }
        let numbers = lines.split_off(usize::try_from(lines_bytes).expect("they were read"));
        let others = numbers.as_chunks().0.iter().map(|number| u64::from_le_bytes(*number)).collect();
        Ok((Arc::new(file), Footer { at: end, lines, others }))
    }

    fn bytes(&self, at: u64, length: u64) -> Result<Vec<u8>, Error> {
        let mut bytes = vec![0; usize::try_from(length).map_err(|_| self.damaged(at))?];
        self.read(at, &mut bytes)?;
        Ok(bytes)
    }
}

/// A file that is being written.
pub(super) struct Begun {
    pub(super) file: Arc<Sealed>,
    /// Where that begins which comes next.
    pub(super) at: u64,
    /// What is not written yet.
    written: Vec<u8>,
}

impl Begun {
    /// Begins the file of this number in a folder. There is one at a time.
    pub(super) fn new(kind: &'static Kind, folder: &Path, number: u64) -> Result<Self, Error> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(folder.join(PART));
        let path = folder.join(format!("{number:012}.{}", kind.extension));
        let file = file.map_err(|error| explain(kind.writing, folder, error.into()))?;
        let file = Arc::new(Sealed { number, kind, path, file });
        Ok(Self { file, at: FIRST, written: kind.mark.to_vec() })
    }

    /// Appends to what is in it.
    pub(super) fn append(&mut self, parts: &[&[u8]]) -> Result<(), Error> {
        for part in parts {
            self.written.extend_from_slice(part);
            self.at += part.len() as u64;
        }
        if self.written.len() >= WRITTEN_BYTES {
            self.write(&self.written)?;
            self.written.clear();
            // Whoever waits for the disk to answer somebody waits for this much, and not for the whole file.
            let synced = self.file.file.sync_data();
            synced.map_err(|error| explain(self.file.kind.writing, &self.file.path, error.into()))?;
        }
        Ok(())
    }

    fn write(&self, bytes: &[u8]) -> Result<(), Error> {
        let written = (&self.file.file).write_all(bytes);
        written.map_err(|error| explain(self.file.kind.writing, &self.file.path, error.into()))
    }

    /// Ends it: from now on it counts, and these beside it, whose numbers are in order. It is on the disk when this returns.
    pub(super) fn finish(self, mut lines: Vec<u8>, others: &[u64]) -> Result<(), Error> {
        let Sealed { number, kind, path, file } = &*self.file;
        let count = |bytes: usize| u32::try_from(bytes).expect("a file has room for far fewer");
        let counted = count(lines.len() / kind.line_bytes);
        lines.extend(others.iter().flat_map(|number| number.to_le_bytes()));
        let counts = Pen::default().u32(counted).u32(count(others.len()));
        let tail = counts.u64(xxh3_64_with_seed(&lines, *number)).rest(&kind.mark).done();
        for bytes in [&self.written, &lines, &tail] {
            self.write(bytes)?;
        }
        let folder = path.parent().expect("it is in a folder");
        let named = file.sync_all().and_then(|()| fs::rename(folder.join(PART), path)).and_then(|()| sync(folder));
        named.map_err(|error| explain(kind.writing, path, error.into()))
    }
}

/// Opens the files in a folder that count, the oldest first, and deletes what a crash left over.
pub(super) fn open_files(kind: &'static Kind, folder: &Path) -> Result<Vec<(Arc<Sealed>, Footer)>, Error> {
    let failed = |error: std::io::Error| explain(kind.reading, folder, error.into());
    remove_part(folder).map_err(failed)?;
    let files = numbered(folder, kind.extension).map_err(failed)?;
    let Some(((number, path), older)) = files.split_last() else { return Ok(Vec::new()) };
    let (newest, footer) = Sealed::open(kind, path.clone(), *number)?;
    let mut others = footer.others.iter().peekable();
    let mut open = Vec::new();
    for (number, path) in older {
        if others.next_if_eq(&number).is_some() {
            open.push(Sealed::open(kind, path.clone(), *number)?);
        }
    }
    if let Some(missing) = others.next() {
        let what = format!("{missing:012}.{} is missing, which {} counts on", kind.extension, path.display());
        return Err(Error::corrupt(what));
    }
    open.push((newest, footer));
    remove_rest(kind, folder, |number| open.iter().any(|(file, _)| file.number == number))?;
    Ok(open)
}

/// Deletes files that do not count any more. Who reads them has them open, and reads on.
pub(super) fn remove_rest(kind: &Kind, folder: &Path, counts: impl Fn(u64) -> bool) -> Result<(), Error> {
    let remove = || {
        let mut rest = numbered(folder, kind.extension)?;
        rest.retain(|(number, _)| !counts(*number));
        rest.iter().try_for_each(|(_, path)| fs::remove_file(path))?;
        if rest.is_empty() { Ok(()) } else { sync(folder) }
    };
    remove().map_err(|error| explain("delete old files of live state", folder, error.into()))
}

/// Deletes a file that was begun and not ended, if there is one.
pub(super) fn remove_part(folder: &Path) -> std::io::Result<()> {
    match fs::remove_file(folder.join(PART)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whether a table is kept in such files.
pub(super) fn holds(table: Table) -> bool {
    matches!(table, Table::States(_)) || fresh::is_of_marks(table)
}

/// The folder of a table, in that of a home.
pub(super) fn folder_of(home: &Path, table: Table) -> PathBuf {
    home.join(table.name())
}

/// The ending of the name of a folder that is being deleted.
const GONE: &str = ".gone";

fn gone_of(home: &Path, table: Table) -> PathBuf {
    home.join(table.name() + GONE)
}

/// The tables that have a folder of their own in that of a home. What is left of one that was being deleted is deleted.
pub(super) fn tables(home: &Path) -> Result<Vec<Table>, Error> {
    let failed = |error: std::io::Error| explain("open live state", home, error.into());
    let mut tables = Vec::new();
    for file in fs::read_dir(home).map_err(failed)? {
        let path = file.map_err(failed)?.path();
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        let gone = name.strip_suffix(GONE);
        let Some(table) = Table::named(gone.unwrap_or(name)).filter(|table| holds(*table)) else { continue };
        if gone.is_some() {
            fs::remove_dir_all(path).map_err(failed)?;
        } else {
            tables.push(table);
        }
    }
    Ok(tables)
}

/// Makes the folder of a table, where it is not there.
pub(super) fn make_folder(folder: &Path) -> Result<(), Error> {
    let home = folder.parent().expect("it is in that of a home");
    let made = match fs::create_dir(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => sync(home),
    };
    made.map_err(|error| explain("make a folder of live state", folder, error.into()))
}

/// Has a table under a name where nobody looks for it: it is there whole or not at all.
pub(super) fn set_aside(home: &Path, table: Table) -> Result<(), Error> {
    let renamed = fs::rename(folder_of(home, table), gone_of(home, table));
    renamed.map_err(|error| explain("drop a table", home, error.into()))
}

/// Deletes what was set aside.
pub(super) fn remove(home: &Path, table: Table) -> Result<(), Error> {
    let removed = sync(home).and_then(|()| fs::remove_dir_all(gone_of(home, table)));
    removed.map_err(|error| explain("drop a table", home, error.into()))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail anywhere")]
pub(super) mod trying {
    use super::*;

    pub(in crate::embedded) fn copy(from: &Path) -> tempfile::TempDir {
        let to = tempfile::tempdir().unwrap();
        for file in fs::read_dir(from).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), to.path().join(file.file_name())).unwrap();
        }
        to
    }

    pub(in crate::embedded) fn assert_damaged<T>(result: Result<T, Error>, path: &Path) {
        let Err(Error::Corrupt { what }) = result else { panic!("{} is damaged", path.display()) };
        assert!(what.contains(path.to_str().unwrap()), "{what}");
    }

    /// Files of the second folder that are not in the first, oldest first.
    fn new_in(kind: &Kind, before: &Path, after: &Path) -> Vec<PathBuf> {
        let files = numbered(after, kind.extension).unwrap().into_iter().map(|(_, path)| path);
        files.filter(|path| !before.join(path.file_name().unwrap()).exists()).collect()
    }

    /// Every moment at which it may be killed on the way from one folder to the other, by one file that is new: `assert` opens what is
    /// there, and is told whether that file came to be. What is left over is gone then.
    pub(in crate::embedded) fn killed_anywhere(kind: &Kind, before: &Path, after: &Path, assert: impl Fn(&Path, bool)) {
        let [new] = new_in(kind, before, after).try_into().expect("little goes into one file");
        let bytes = fs::read(&new).unwrap();
        for cut in [0, 1, 8, bytes.len() / 2, bytes.len() - 1, bytes.len()] {
            let killed = copy(before);
            fs::write(killed.path().join(PART), &bytes[..cut]).unwrap();
            assert(killed.path(), false);
            assert!(!killed.path().join(PART).exists());
        }
        let old = new_in(kind, after, before);
        for deleted in 0..=old.len() {
            let killed = copy(before);
            fs::copy(&new, killed.path().join(new.file_name().unwrap())).unwrap();
            for path in &old[..deleted] {
                fs::remove_file(killed.path().join(path.file_name().unwrap())).unwrap();
            }
            assert(killed.path(), true);
            let there = [(killed.path(), after), (after, killed.path())].map(|(one, other)| new_in(kind, one, other));
            assert!(there.iter().all(Vec::is_empty), "{there:?}");
        }
    }

    #[test]
    fn tables_are_there_whole_or_not_at_all() {
        let home = tempfile::tempdir().unwrap();
        let all = [Table::LogOf, Table::Seen(9), Table::States(0), Table::States(7), Table::States(12)];
        for table in all {
            make_folder(&folder_of(home.path(), table)).unwrap();
            make_folder(&folder_of(home.path(), table)).unwrap();
            fs::write(folder_of(home.path(), table).join(PART), []).unwrap();
        }
        // None of a table that is kept elsewhere.
        for name in ["keyspaces", "log"] {
            fs::create_dir(home.path().join(name)).unwrap();
        }
        fs::write(home.path().join("lock"), []).unwrap();
        let names = || {
            let names = fs::read_dir(home.path()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
            names.collect::<std::collections::BTreeSet<_>>()
        };
        let tables = || {
            let mut tables = tables(home.path()).unwrap();
            tables.sort();
            tables
        };
        assert_eq!(tables(), all);
        set_aside(home.path(), Table::States(7)).unwrap();
        set_aside(home.path(), Table::Seen(9)).unwrap();
        assert!(names().contains("seen.9.gone"));
        assert_eq!(tables(), [Table::LogOf, Table::States(0), Table::States(12)]);
        assert_eq!(names(), ["keyspaces", "lock", "log", "log-of", "states.0", "states.12"].map(str::to_owned).into());
        set_aside(home.path(), Table::LogOf).unwrap();
        remove(home.path(), Table::LogOf).unwrap();
        assert_eq!(names(), ["keyspaces", "lock", "log", "states.0", "states.12"].map(str::to_owned).into());
    }
}
