//! Asking again: what was counted before, less what the customers of whom something has changed counted for then, and with
//! what they count for now.
//!
//! A new event changes the journeys that its customer had, so it cannot just be added. All events of such a customer are read
//! again, and shown twice: as they were, to folds of then, and as they are. Customers of whom nothing is new are touched too
//! where time alone decides about them: what was open is abandoned, what was pending is overdue.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use journey::AnyFold;

use crate::ask::{Before, Question, Taken, asked};
use crate::cores::run_on_all_cores;
use crate::error::Error;
use crate::kept::{Again, Counted, Keeping, Mark};
use crate::limits::{TOUCHED_MIN, TOUCHED_ROWS};
use crate::pass::{Seen, Showing, merged, projection};
use crate::touched::{Touched, newcomers};

/// A question that goes on, with the folds that have resumed.
struct Going<'q> {
    number: usize,
    question: &'q Question<'q>,
    before: &'q Before<'q>,
    counted: Counted,
    /// Customers about whom time has decided.
    due: Vec<i64>,
}

/// Answers questions of which something is kept; `None` for those that have to be asked afresh. Also how many events were
/// read for it.
pub(crate) fn go_on<'q>(
    taken: &Taken,
    keeping: &Keeping,
    questions: &'q [Question<'q>],
) -> Result<(Vec<Option<Counted>>, u64), Error> {
    let mut answers: Vec<Option<Counted>> = questions.iter().map(|_| None).collect();
    let now = &keeping.now;
    let mut by_state: BTreeMap<u64, Vec<Going<'q>>> = BTreeMap::new();
    for (number, question) in questions.iter().enumerate() {
        let Some(going) = resume(number, question, &now.mark) else { continue };
        let head = &going.before.kept.head;
        // No event came and nobody has become somebody else, so nothing has changed.
        if head.mark.next_seq == now.mark.next_seq && head.renamed == now.renamed {
            answers[number] = Some(going.counted);
        } else {
            by_state.entry(head.mark.version).or_default().push(going);
        }
    }
    let mut read = 0;
    for going in by_state.into_values() {
        let then = going[0].before.kept.then();
        let due = going.iter().flat_map(|going| &going.due).copied();
        let touched = Touched::new(newcomers(taken, &then.mark)?, due, &then, now);
        let rows: u64 = taken.rows();
        if touched.customers.len() as u64 > TOUCHED_MIN.max(rows / TOUCHED_ROWS) {
            continue;
        }
        read += exchange(taken, &touched, going, |going, events| {
            let Going { number, question, before, mut counted, .. } = going;
            let again = Again { bytes: before.kept.bytes(), events };
            // What cannot be kept cannot be trusted to be complete either.
            if keeping.keep(&question.names, &question.vocabulary, &mut counted, Some(again)) == [true] {
                answers[number] = Some(counted);
            }
        })?;
    }
    Ok((answers, read))
}

/// The folds of a question as they were left.
fn resume<'q>(number: usize, question: &'q Question<'q>, now: &Mark) -> Option<Going<'q>> {
    let (before, [_]) = (question.kept.as_ref()?, question.names.as_slice()) else { return None };
    let kept = &before.kept;
    let mut due = kept.head.dues.by(now.until_us)?;
    let mut groups: Vec<Vec<Box<dyn AnyFold>>> = Vec::new();
    for bytes in kept.groups() {
        let mut folds = (question.folds)();
        let [fold] = folds.as_mut_slice() else { return None };
        if !fold.resume(bytes) {
            return None;
        }
        due.extend(fold.due(now.until_us)?);
        groups.push(folds);
    }
    let wanted: usize = question.selected.iter().map(|(_, selection)| if selection.compare { 2 } else { 1 }).sum();
    if groups.len() != wanted || kept.head.left_out.len() != question.selected.len() {
        return None;
    }
    let counted = Counted { groups, left_out: kept.head.left_out.clone(), dues: kept.head.dues.clone() };
    Some(Going { number, question, before, counted, due })
}

/// Reads the events of those who are touched; takes out of each question what they counted for and puts in what they count
/// for now. Gives how many events were read.
fn exchange<'q>(
    taken: &Taken,
    touched: &Touched<'_>,
    going: Vec<Going<'q>>,
    mut each: impl FnMut(Going<'q>, u64),
) -> Result<u64, Error> {
    let now = asked(going.iter().map(|going| going.question));
    let was: Vec<_> = going.iter().flat_map(|going| going.question.asked_before(going.before)).collect();
    let Some(projection) = projection(&now) else { return Ok(0) };
    let projection = projection.with(&["customer", "at", "seq"]);
    let (next, done) = (AtomicUsize::new(0), Mutex::new((Vec::new(), Vec::new(), 0)));
    run_on_all_cores(|| {
        let (mut showing_was, mut showing_now) = (Showing::new(&was, &projection), Showing::new(&now, &projection));
        let mut read = 0;
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number > taken.parts.len() {
                break;
            }
            let [was, now] = touched.read(&taken.parts, number, &projection)?;
            read += now.iter().map(|rows| rows.num_rows() as u64).sum::<u64>();
            was.iter().try_for_each(|rows| showing_was.show(rows))?;
            now.iter().try_for_each(|rows| showing_now.show(rows))?;
            showing_was.finish_part();
            showing_now.finish_part();
        }
        let mut done = done.lock().expect("no holder of this lock panics");
        done.0.push(showing_was.into_seen());
        done.1.push(showing_now.into_seen());
        done.2 += read;
        Ok(())
    })?;
    let (was, now, read) = done.into_inner().expect("no holder of this lock panics");
    let [was, now] = [was, now].map(|seen| merged(seen).expect("there is at least one core").into_iter());
    let mut both = was.zip(now);
    for mut going in going {
        let both = both.by_ref().take(going.question.selected.len());
        going.counted.dues.forget(&touched.customers);
        replace(&mut going.counted, both);
        each(going, read);
    }
    Ok(read)
}

/// Takes out what was seen then and puts in what is seen now, selection by selection.
fn replace(counted: &mut Counted, both: impl Iterator<Item = (Seen, Seen)>) {
    let mut folds = counted.groups.iter_mut().flatten();
    for ((was, now), left_out) in both.zip(&mut counted.left_out) {
        let pairs = was.groups.into_iter().flatten().zip(now.groups.into_iter().flatten());
        for ((was, now), fold) in pairs.zip(folds.by_ref()) {
            fold.subtract(was);
            fold.merge(now);
        }
        for (name, n) in now.left_out {
            *left_out.entry(name).or_default() += n;
        }
        for (name, n) in was.left_out {
            *left_out.entry(name).or_default() -= n;
        }
        left_out.retain(|_, n| *n > 0);
        counted.dues.merge(&now.dues);
    }
}
