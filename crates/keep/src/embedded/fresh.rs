//! Rows that are in the journal and not in the tables of the store yet. They are found before those of the tables.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::iter::from_fn;

use fjall::Slice;
use hashbrown::HashMap;

use crate::bytes::{Eye, Pen};
use crate::error::Error;
use crate::store::{Table, Writes};

/// A row that is new; `None` where it was deleted.
type Row = Option<Slice>;

/// What a row costs besides its bytes, about.
const ROW_BYTES: usize = 80;

/// The rows of one table.
#[derive(Debug)]
enum Rows {
    /// Of a table in which rows are looked up one by one, and hardly ever in order.
    Apart(HashMap<Slice, Row>),
    InOrder(BTreeMap<Slice, Row>),
}

impl Rows {
    fn of(table: Table) -> Self {
        match table {
            Table::Seen(_) | Table::States(_) | Table::Keys | Table::Numbers => Rows::Apart(HashMap::new()),
            _ => Rows::InOrder(BTreeMap::new()),
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Rows::Apart(rows) => rows.is_empty(),
            Rows::InOrder(rows) => rows.is_empty(),
        }
    }
}

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
        self.tables.iter().filter(|(_, rows)| !rows.is_empty()).map(|(table, _)| *table)
    }

    /// Takes all rows out. What comes next will be about as much: there is room for it at once, because whoever writes would hold
    /// up everybody for as long as it takes to move a hundred thousand rows to where there is more.
    pub(super) fn take(&mut self) -> Self {
        let room = |(table, rows): (&Table, &Rows)| match rows {
            Rows::Apart(rows) => Some((*table, Rows::Apart(HashMap::with_capacity(rows.len())))),
            Rows::InOrder(_) => None,
        };
        let next = Self { tables: self.tables.iter().filter_map(room).collect(), bytes: 0 };
        std::mem::replace(self, next)
    }

    pub(super) fn put(&mut self, table: Table, changed: impl IntoIterator<Item = (Slice, Row)>) {
        let bytes = |row: &Row| row.as_ref().map_or(0, |row| row.len());
        let rows = self.tables.entry(table).or_insert_with(|| Rows::of(table));
        for (key, row) in changed {
            let (key_bytes, row_bytes) = (key.len(), bytes(&row));
            let before = match rows {
                Rows::Apart(rows) => rows.insert(key, row),
                Rows::InOrder(rows) => rows.insert(key, row),
            };
            self.bytes += row_bytes;
            match before {
                Some(before) => self.bytes -= bytes(&before),
                None => self.bytes += key_bytes + ROW_BYTES,
            }
        }
    }

    /// What is new about a row; nothing where it is as it is in the tables.
    pub(super) fn get(&self, table: Table, key: &[u8]) -> Option<&Row> {
        match self.tables.get(&table)? {
            Rows::Apart(rows) => rows.get(key),
            Rows::InOrder(rows) => rows.get(key),
        }
    }

    /// The rows of a table in order, from a key on.
    pub(super) fn from<'a>(&'a self, table: Table, from: &[u8]) -> Box<dyn Iterator<Item = (&'a Slice, &'a Row)> + 'a> {
        match self.tables.get(&table) {
            None => Box::new(std::iter::empty()),
            Some(Rows::InOrder(rows)) => Box::new(rows.range(Slice::from(from)..)),
            Some(Rows::Apart(rows)) if from.is_empty() => {
                let mut rows: Vec<_> = rows.iter().collect();
                rows.sort_unstable_by_key(|(key, _)| *key);
                Box::new(rows.into_iter())
            }
            // Whoever reads a page takes the first of them: these are found without sorting the others.
            Some(Rows::Apart(rows)) => {
                let rest = rows.keys().filter(|key| key.as_ref() >= from).map(Reverse);
                let mut rest: BinaryHeap<_> = rest.collect();
                Box::new(from_fn(move || rest.pop().map(|Reverse(key)| (key, &rows[key]))))
            }
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
                rows.push((key, if eye.u8()? == 0 { None } else { Some(Slice::from(eye.sized()?)) }));
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
        for (key, row) in rows {
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
    fn rows_that_lie_apart_are_read_in_order_and_leave_nothing_behind_when_they_are_taken() {
        let row = |n: u8| (Slice::from([n]), (n != 2).then(|| Slice::from([n; 3])));
        let mut fresh = Fresh::default();
        fresh.put(Table::States(0), [3, 1, 2].map(row));
        let from = |fresh: &Fresh, key: &[u8]| -> Vec<_> {
            fresh.from(Table::States(0), key).map(|(key, row)| (key.clone(), row.clone())).collect()
        };
        assert_eq!(from(&fresh, &[]), [1, 2, 3].map(row));
        assert_eq!(from(&fresh, &[2]), [2, 3].map(row));
        let taken = fresh.take();
        assert_eq!((from(&taken, &[]).len(), taken.tables().collect::<Vec<_>>()), (3, vec![Table::States(0)]));
        assert_eq!((from(&fresh, &[]).len(), fresh.tables().count(), fresh.bytes()), (0, 0, 0));
    }
}
