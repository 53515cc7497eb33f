//! Rows that are in the journal and not in the tables of the store yet. They are found before those of the tables.

use std::collections::BTreeMap;
use std::ops::Bound;

use fjall::Slice;

use crate::bytes::{Eye, Pen};
use crate::error::Error;
use crate::map::Map;
use crate::store::{Row, Table, Writes};

/// What a row costs besides its bytes, about.
const ROW_BYTES: usize = 80;

/// The key of a row that has nothing beside it.
pub(super) type Mark = [u8; 16];

/// What such a row costs in all, about.
const MARK_BYTES: usize = 32;

/// Room for so many rows is not worth giving back, since it grows by doubling.
const SPARE_ROWS: usize = 1 << 15;

/// Whether a table is of keys of this length, and nothing beside them.
pub(super) fn is_of_marks(table: Table) -> bool {
    matches!(table, Table::Seen(_) | Table::LogOf)
}

/// The rows of one table.
#[derive(Debug)]
enum Rows {
    Whole(Map<Slice, Row>),
    /// Of a table in which nothing is beside a key: whether it is there.
    Marks(Map<Mark, bool>),
}

/// Does the same with whichever rows there are.
macro_rules! with_map {
    ($rows:expr, $map:ident => $what:expr) => {
        match $rows {
            Rows::Whole($map) => $what,
            Rows::Marks($map) => $what,
        }
    };
}

impl Rows {
    fn of(table: Table) -> Self {
        if is_of_marks(table) { Rows::Marks(table.map()) } else { Rows::Whole(table.map()) }
    }

    fn room_for_as_many(&self) -> Option<Self> {
        match self {
            Rows::Whole(rows) => rows.room_for_as_many().map(Rows::Whole),
            Rows::Marks(marks) => marks.room_for_as_many().map(Rows::Marks),
        }
    }

    /// Puts in a row; gives by how many bytes they become more, and fewer.
    fn put(&mut self, key: Slice, row: Row) -> (usize, usize) {
        let (key_bytes, row_bytes) = (key.len(), bytes(&row));
        match self {
            Rows::Whole(rows) => match rows.insert(key, row) {
                Some(before) => (row_bytes, bytes(&before)),
                None => (key_bytes + ROW_BYTES + row_bytes, 0),
            },
            Rows::Marks(marks) => {
                let before = marks.insert(mark(&key).expect("it is a key of this table"), row.is_some());
                (if before.is_none() { MARK_BYTES } else { 0 }, 0)
            }
        }
    }
}

/// The row of a mark that is there or not.
fn marked(there: bool) -> Row {
    there.then(|| Slice::from([]))
}

/// Where marks begin that are no less than a key: what is longer than a mark comes behind the one that it begins with, and what is
/// shorter before all that begin with it.
pub(super) fn first_mark(from: &[u8]) -> Bound<Mark> {
    let mut first = Mark::default();
    let len = from.len().min(first.len());
    first[..len].copy_from_slice(&from[..len]);
    if from.len() > len { Bound::Excluded(first) } else { Bound::Included(first) }
}

fn bytes(row: &Row) -> usize {
    row.as_ref().map_or(0, |row| row.len())
}

fn mark(key: &[u8]) -> Option<Mark> {
    key.try_into().ok()
}

/// Whether a row can be one of a table.
fn fits(table: Table, key: &Slice, row: &Row) -> bool {
    !is_of_marks(table) || (mark(key).is_some() && bytes(row) == 0)
}

/// Rows as they are read in order.
type InOrder<'a> = Box<dyn Iterator<Item = (Slice, Row)> + 'a>;

/// Rows of all tables.
#[derive(Debug, Default)]
pub(super) struct Fresh {
    tables: BTreeMap<Table, Rows>,
    bytes: usize,
}

impl Fresh {
    /// About how much memory they take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn tables(&self) -> impl Iterator<Item = Table> {
        self.tables.iter().filter(|(_, rows)| !with_map!(rows, map => map.is_empty())).map(|(table, _)| *table)
    }

    /// Takes all rows out. Where as much comes next there is `room` for it at once, because whoever writes would hold up
    /// everybody for as long as it takes to move a hundred thousand rows to where there is more.
    pub(super) fn take(&mut self, room: bool) -> Self {
        let tables = self.tables.iter().filter(|_| room);
        let tables = tables.filter_map(|(table, rows)| Some((*table, rows.room_for_as_many()?))).collect();
        std::mem::replace(self, Self { tables, bytes: 0 })
    }

    /// Whether there is room for many rows of which there are none.
    pub(super) fn has_room_to_spare(&self) -> bool {
        self.tables.values().any(|rows| with_map!(rows, map => map.spare()) > SPARE_ROWS)
    }

    /// Gives back the room of which nothing is there.
    pub(super) fn shrink(&mut self) {
        self.tables.values_mut().for_each(|rows| with_map!(rows, map => map.shrink()));
    }

    pub(super) fn put(&mut self, table: Table, changed: impl IntoIterator<Item = (Slice, Row)>) {
        let rows = self.tables.entry(table).or_insert_with(|| Rows::of(table));
        for (key, row) in changed {
            let (more, fewer) = rows.put(key, row);
            self.bytes = self.bytes + more - fewer;
        }
    }

    /// What is new about a row; nothing where it is as it is in the tables.
    pub(super) fn get(&self, table: Table, key: &[u8]) -> Option<Row> {
        match self.tables.get(&table)? {
            Rows::Whole(rows) => rows.get(key).cloned(),
            Rows::Marks(marks) => marks.get(&mark(key)?).copied().map(marked),
        }
    }

    /// The rows of a table in order, from a key on.
    pub(super) fn from<'a>(&'a self, table: Table, from: &[u8]) -> InOrder<'a> {
        let is_all = from.is_empty();
        match self.tables.get(&table) {
            None => Box::new(std::iter::empty()),
            Some(Rows::Whole(rows)) => {
                let first = if is_all { Bound::Unbounded } else { Bound::Included(Slice::from(from)) };
                Box::new(rows.from(first).map(|(key, row)| (key.clone(), row.clone())))
            }
            Some(Rows::Marks(marks)) => {
                let first = if is_all { Bound::Unbounded } else { first_mark(from) };
                Box::new(marks.from(first).map(|(mark, there)| (Slice::from(mark), marked(*there))))
            }
        }
    }

    /// The marks of a table that has nothing else: how many, and each in order, with whether it is there.
    pub(super) fn marks(&self, table: Table) -> (u64, Box<dyn Iterator<Item = (Mark, bool)> + '_>) {
        match self.tables.get(&table) {
            Some(Rows::Marks(marks)) => {
                let rows = marks.from(Bound::Unbounded).map(|(mark, is_there)| (*mark, *is_there));
                (marks.len() as u64, Box::new(rows))
            }
            _ => (0, Box::new(std::iter::empty())),
        }
    }

    /// Puts in what a record of the journal holds.
    pub(super) fn put_all(&mut self, record: &[u8]) -> Result<(), Error> {
        let mut eye = Eye::new(record);
        while !eye.is_at_end() {
            let name = eye.text()?;
            let table = Table::named(&name).ok_or_else(|| Error::corrupt(format!("no table is called {name:?}")))?;
            let mut rows = Vec::new();
            for _ in 0..eye.u32()? {
                let key = Slice::from(eye.sized()?);
                let row = if eye.u8()? == 0 { None } else { Some(Slice::from(eye.sized()?)) };
                if !fits(table, &key, &row) {
                    return Err(Error::corrupt(format!("a row of the table {name:?} is none")));
                }
                rows.push((key, row));
            }
            self.put(table, rows);
        }
        Ok(())
    }
}

/// Writes changes as a record of the journal holds them.
pub(super) fn encode(writes: &Writes, record: &mut Vec<u8>) {
    let mut pen = Pen::after(std::mem::take(record));
    for (table, rows) in writes {
        let count = u32::try_from(rows.len()).expect("a group of commits has far fewer rows");
        pen = pen.sized(table.name().as_bytes()).u32(count);
        for (key, row) in rows.iter() {
            pen = pen.sized(key);
            pen = match row {
                None => pen.u8(0),
                Some(row) => pen.u8(1).sized(row),
            };
        }
    }
    *record = pen.done();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_rows_with_nothing_beside_their_key() {
        for table in [Table::Seen(7), Table::LogOf] {
            let mut fresh = Fresh::default();
            let key = |n: u8| Slice::from([n; 16]);
            fresh.put(table, [3, 1, 2].map(|n| (key(n), (n != 2).then(|| Slice::from([])))));
            let from = |from: &[u8]| -> Vec<(u8, bool)> {
                fresh.from(table, from).map(|(key, row)| (key[0], row.is_some())).collect()
            };
            assert_eq!(from(&[]), [(1, true), (2, false), (3, true)]);
            assert_eq!(from(&[2]), [(2, false), (3, true)], "what begins with it is longer");
            assert_eq!((from(&[2; 16]), from(&[2; 17])), (vec![(2, false), (3, true)], vec![(3, true)]));
            let rows = [1, 2, 9].map(|n| fresh.get(table, &[n; 16]).map(|row| row.is_some()));
            assert_eq!((rows, fresh.get(table, &[1])), ([Some(true), Some(false), None], None));
            assert_eq!(fresh.bytes(), 3 * MARK_BYTES);
        }
    }

    #[test]
    fn a_record_with_a_row_that_is_none_of_its_table_is_damaged() {
        let mut record = Vec::new();
        let rows = BTreeMap::from([(Slice::from([1; 15]), Some(Slice::from([])))]);
        encode(&[(Table::LogOf, Map::InOrder(rows))].into(), &mut record);
        assert!(Fresh::default().put_all(&record).is_err());
    }

    #[test]
    fn room_is_made_for_as_many_and_given_back() {
        let mut fresh = Fresh::default();
        let many = u32::try_from(2 * SPARE_ROWS).expect("few");
        fresh.put(Table::Numbers, (0..many).map(|n| (Slice::from(n.to_be_bytes()), None)));
        fresh.take(true);
        assert!(fresh.has_room_to_spare());
        fresh.shrink();
        assert!(!fresh.has_room_to_spare());
        fresh.put(Table::Numbers, (0..many).map(|n| (Slice::from(n.to_be_bytes()), None)));
        fresh.take(false);
        assert!(!fresh.has_room_to_spare());
    }

    #[test]
    fn rows_that_lie_apart_are_read_in_order_and_leave_nothing_behind_when_they_are_taken() {
        let row = |n: u8| (Slice::from([n]), (n != 2).then(|| Slice::from([n; 3])));
        let mut fresh = Fresh::default();
        fresh.put(Table::States(0), [3, 1, 2].map(row));
        let from = |fresh: &Fresh, key: &[u8]| -> Vec<_> {
            fresh.from(Table::States(0), key).map(|(key, row)| (key.clone(), row.clone())).collect()
        };
        assert_eq!(from(&fresh, &[]), [1, 2, 3].map(row));
        assert_eq!(from(&fresh, &[2]), [2, 3].map(row));
        let taken = fresh.take(true);
        assert_eq!((from(&taken, &[]).len(), taken.tables().collect::<Vec<_>>()), (3, vec![Table::States(0)]));
        assert_eq!((from(&fresh, &[]).len(), fresh.tables().count(), fresh.bytes()), (0, 0, 0));
    }
}
