//! Work on all cores of the machine.

use std::sync::Mutex;

use journey::Hands;

use crate::error::Error;

/// Runs the same work on every core until all have returned; gives the first error.
pub(crate) fn run_on_all_cores(worker: impl Fn() -> Result<(), Error> + Sync) -> Result<(), Error> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(&worker)).collect();
        let mut result = Ok(());
        for worker in workers {
            let one = worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            result = result.and(one);
        }
        result
    })
}

/// Does the same with each of these: every core takes the next. Gives what came of them in their order.
///
/// # Panics
/// When `work` does.
pub fn each_on_all_cores<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let waiting = Mutex::new(items.into_iter().enumerate());
    let done = Mutex::new(Vec::new());
    let next = || waiting.lock().expect("no holder of this lock panics").next();
    let run = run_on_all_cores(|| {
        while let Some((place, item)) = next() {
            let result = work(item);
            done.lock().expect("no holder of this lock panics").push((place, result));
        }
        Ok(())
    });
    run.expect("nothing fails but by panic");
    let mut done = done.into_inner().expect("no holder of this lock panics");
    done.sort_unstable_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}

/// As many hands as there are cores.
pub(crate) struct AllCores;

impl Hands for AllCores {
    fn share(&self, count: usize, work: &(dyn Fn(usize) + Sync)) {
        each_on_all_cores((0..count).collect(), work);
    }
}
