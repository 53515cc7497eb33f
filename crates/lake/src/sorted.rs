//! The rows of a bucket in order, however many there are: as many as have room are sorted in memory, and wait on disk in sorted
//! pieces where there are more.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use listen::stitch::Node;

use crate::error::Error;
use crate::limits::{PIECES_MAX, PIECES_MIN, SORT_BYTES, SORT_BYTES_MIN, SPILL_BUFFER_BYTES};
use crate::rebuild::{Known, filed_under};
use crate::spill::{Row, RowsReader, Spill};

/// A row's place in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    customer: i64,
    at_us: i64,
    seq: u64,
    /// Where it is: in memory its first byte, of those on disk the number of the piece.
    is_at: usize,
}

/// Rows in order of (customer, at, seq), one at a time.
pub(crate) struct Sorted<'a> {
    known: Known<'a>,
    /// The last piece, which is in memory, and in which order its rows are.
    bytes: &'a [u8],
    places: std::vec::IntoIter<Place>,
    pieces: Vec<Piece>,
    /// The next row of each piece, that in memory behind those on disk.
    next: BinaryHeap<Reverse<(Place, usize)>>,
    nodes: Vec<Node>,
}

/// A sorted piece on disk.
struct Piece {
    rows: RowsReader<File>,
    /// Its next row.
    row: Vec<u8>,
    path: PathBuf,
}

impl Drop for Piece {
    fn drop(&mut self) {
        // Left over, it would only take up space until the import is over.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// How many bytes are sorted in memory at a time, of so many.
pub(crate) fn piece_bytes(all: u64) -> usize {
    piece_bytes_on(cores(), all)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The same where so many cores sort a bucket each.
fn piece_bytes_on(cores: usize, all: u64) -> usize {
    (SORT_BYTES / cores).max(SORT_BYTES_MIN).max(few_pieces_on(cores, all))
}

/// How many bytes a piece of so many has at least.
fn few_pieces_on(cores: usize, all: u64) -> usize {
    let pieces = (PIECES_MAX / cores).max(PIECES_MIN) as u64;
    usize::try_from(all.div_ceil(pieces)).unwrap_or(usize::MAX)
}

pub(crate) fn damaged() -> Error {
    Error::Corrupt { what: "a row that waited on disk did not come back as it went".to_owned() }
}

impl<'a> Sorted<'a> {
    /// Sorts the rows of a bucket that wait in any of these, at most so many bytes at a time in `bytes`, or more where that would
    /// be too many pieces. Only those whose customers `keep` wants; each of them is shown to `each` before the first is handed out.
    pub(crate) fn new(
        known: &Known<'a>,
        waiting: &[&Spill],
        (bucket, piece_bytes): (u32, usize),
        bytes: &'a mut Vec<u8>,
        keep: impl Fn(i64) -> bool,
        mut each: impl FnMut(i64, &Row<'_>),
    ) -> Result<Self, Error> {
        let (mut places, mut pieces, mut nodes) = (Vec::new(), Vec::new(), Vec::new());
        let all: u64 = waiting.iter().map(|spill| spill.bytes(bucket)).sum();
        let rows: u64 = waiting.iter().map(|spill| spill.rows(bucket)).sum();
        let piece_bytes = piece_bytes.max(few_pieces_on(cores(), all + rows * size_of::<Place>() as u64));
        bytes.reserve(usize::try_from(all).map_or(piece_bytes, |all| all.min(piece_bytes)));
        for spill in waiting {
            let mut rows = spill.reader(bucket)?;
            loop {
                let begins = bytes.len();
                if !rows.next_into(bytes)? {
                    break;
                }
                let (row, _) = Row::read(&bytes[begins..]).ok_or_else(damaged)?;
                let place = place_of(known, &row, begins, &mut nodes);
                if !keep(place.customer) {
                    bytes.truncate(begins);
                    continue;
                }
                each(place.customer, &row);
                places.push(place);
                if bytes.len() + places.len() * size_of::<Place>() >= piece_bytes {
                    places.sort_unstable();
                    let path = spill.folder().join(format!("{bucket}.{}.sorted", pieces.len()));
                    pieces.push(write(bytes, &places, path)?);
                    bytes.clear();
                    places.clear();
                }
            }
        }
        places.sort_unstable();
        let next = BinaryHeap::with_capacity(pieces.len() + 1);
        let mut sorted = Self { known: *known, bytes, places: places.into_iter(), pieces, next, nodes };
        (0..=sorted.pieces.len()).try_for_each(|piece| sorted.read_on(piece))?;
        Ok(sorted)
    }

    /// The next row, with the customer that it is filed under.
    pub(crate) fn head(&self) -> Result<Option<(i64, Row<'_>)>, Error> {
        let Some(Reverse((place, piece))) = self.next.peek() else { return Ok(None) };
        let bytes = match self.pieces.get(*piece) {
            Some(piece) => piece.row.as_slice(),
            None => &self.bytes[place.is_at..],
        };
        Row::read(bytes).map(|(row, _)| Some((place.customer, row))).ok_or_else(damaged)
    }

    /// Goes on behind it.
    pub(crate) fn advance(&mut self) -> Result<(), Error> {
        match self.next.pop() {
            Some(Reverse((_, piece))) => self.read_on(piece),
            None => Ok(()),
        }
    }

    fn read_on(&mut self, number: usize) -> Result<(), Error> {
        let place = match self.pieces.get_mut(number) {
            None => self.places.next(),
            Some(piece) => {
                piece.row.clear();
                if piece.rows.next_into(&mut piece.row)? {
                    let (row, _) = Row::read(&piece.row).ok_or_else(damaged)?;
                    Some(place_of(&self.known, &row, number, &mut self.nodes))
                } else {
                    None
                }
            }
        };
        self.next.extend(place.map(|place| Reverse((place, number))));
        Ok(())
    }
}

fn place_of(known: &Known<'_>, row: &Row<'_>, is_at: usize, nodes: &mut Vec<Node>) -> Place {
    row.nodes.read(nodes);
    let customer = filed_under(known.graph, known.customers, nodes, row.at_us);
    Place { customer, at_us: row.at_us, seq: row.seq, is_at }
}

/// Writes rows to a file in the order of their places, from which they are read again.
fn write(bytes: &[u8], places: &[Place], path: PathBuf) -> Result<Piece, Error> {
    let mut file =
        BufWriter::with_capacity(SPILL_BUFFER_BYTES, File::create_new(&path).map_err(Error::file("make", &path))?);
    for place in places {
        let all = &bytes[place.is_at..];
        let (_, rest) = Row::read(all).ok_or_else(damaged)?;
        file.write_all(&all[..all.len() - rest.len()]).map_err(Error::file("write", &path))?;
    }
    file.flush().map_err(Error::file("write", &path))?;
    let file = File::open(&path).map_err(Error::file("open", &path))?;
    Ok(Piece { rows: RowsReader::new(file, path.clone()), row: Vec::new(), path })
}

#[cfg(test)]
mod tests {
    use listen::stitch::{Graph, Rules};
    use proptest::prelude::*;

    use super::*;
    use crate::spill::{Nodes, TEXTS, WORDS};
    use crate::words::Words;

    #[test]
    fn files_of_pieces_are_few_enough_to_be_open_on_all_cores_at_once() {
        for cores in [1, 2, 4, 16, 64] {
            for gib in [1, 4, 100] {
                let all = gib << 30;
                let pieces = all / piece_bytes_on(cores, all) as u64;
                // Of 1024 that a process may have, others are open besides.
                assert!(pieces * cores as u64 <= 512, "{pieces} pieces on each of {cores} cores, of {gib} GiB");
            }
        }
    }

    /// Customer, time and text of a row.
    type Said = (u32, i64, String);

    fn put(spill: &mut Spill, seq: u64, (customer, at_us, text): &Said) {
        let mut texts = [None; TEXTS];
        texts[3] = Some(text.as_str());
        let nodes = [Node(*customer)];
        let row = Row {
            at_us: *at_us,
            seq,
            hash: seq,
            file: 1,
            nodes: Nodes::Given(&nodes),
            words: [0; WORDS],
            received_at_us: None,
            texts,
        };
        spill.push(0, &row).expect("written");
    }

    /// The rows in order, and how many were wanted.
    fn sorted(known: &Known<'_>, waiting: &[&Spill], piece_bytes: usize) -> (Vec<(i64, u64, String)>, usize) {
        let (mut bytes, mut wanted) = (Vec::new(), 0);
        let keep = |customer| customer != 3;
        let mut rows =
            Sorted::new(known, waiting, (0, piece_bytes), &mut bytes, keep, |_, _| wanted += 1).expect("sorted");
        let mut all = Vec::new();
        while let Some((customer, row)) = rows.head().expect("a row") {
            all.push((customer, row.seq, row.texts[3].expect("a text").to_owned()));
            rows.advance().expect("more");
        }
        (all, wanted)
    }

    #[test]
    fn small_rows_are_sorted_in_no_more_pieces_than_large_ones() {
        let mut graph = Graph::new(Rules::default());
        graph.restore("user_id", "0");
        let (customers, words) = (graph.resolve(), Words::default());
        let known = Known { graph: &graph, customers: &customers, words: &words };
        let folder = tempfile::tempdir().expect("a folder");
        let mut spill = Spill::new(&folder.path().join("rows"), 1).expect("a spill");
        (0..1000).for_each(|n| put(&mut spill, n, &(0, 0, String::new())));
        let mut bytes = Vec::new();
        let sorted = Sorted::new(&known, &[&spill], (0, 1), &mut bytes, |_| true, |_, _| ()).expect("sorted");
        let most = (PIECES_MAX / cores()).max(PIECES_MIN);
        assert!(sorted.pieces.len() <= most, "{} pieces, of {most}", sorted.pieces.len());
    }

    proptest! {
        #[test]
        fn pieces_are_in_the_order_of_the_whole(
            first in prop::collection::vec((0..5u32, 0..4i64, "[a-z]{0,40}"), 0..30),
            second in prop::collection::vec((0..5u32, 0..4i64, "[a-z]{0,40}"), 0..30),
            piece_bytes in 1..2_000usize,
        ) {
            let mut graph = Graph::new(Rules::default());
            for n in 0..5 {
                graph.restore("user_id", &n.to_string());
            }
            let (customers, words) = (graph.resolve(), Words::default());
            let known = Known { graph: &graph, customers: &customers, words: &words };
            let folder = tempfile::tempdir().expect("a folder");
            let mut spills = ["a", "b"].map(|name| Spill::new(&folder.path().join(name), 1).expect("a spill"));
            for (spill, said) in [(0, &first), (1, &second)] {
                for (seq, said) in (0..).zip(said) {
                    put(&mut spills[spill], seq * 2 + spill as u64, said);
                }
            }
            let [a, b] = &spills;
            let seqs = |spill: u64| (0..).map(move |n| n * 2 + spill);
            let all = seqs(0).zip(&first).chain(seqs(1).zip(&second)).filter(|(_, said)| said.0 != 3);
            let mut all: Vec<_> = all.collect();
            all.sort_by_key(|(seq, (customer, at_us, _))| (*customer, *at_us, *seq));
            let expected: Vec<(i64, u64, String)> =
                all.iter().map(|(seq, (customer, _, text))| (i64::from(*customer), *seq, text.clone())).collect();
            for piece_bytes in [usize::MAX, piece_bytes] {
                let (rows, wanted) = sorted(&known, &[a, b], piece_bytes);
                prop_assert_eq!(&rows, &expected);
                prop_assert_eq!(wanted, expected.len());
            }
            let left = std::fs::read_dir(folder.path().join("a")).expect("a folder").count();
            prop_assert_eq!(left, 0, "no piece is left");
        }
    }
}
