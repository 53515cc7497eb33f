//! All cores at once, for work that is read from what is kept: some hands read while others compute.

use std::num::NonZero;

use tokio::runtime::Handle;

/// Some of the cores.
#[derive(Debug)]
pub(crate) struct Hands {
    /// In which what is kept may do its own work; a simulation has none.
    runtime: Option<Handle>,
    count: usize,
}

impl Hands {
    /// Every core.
    pub(crate) const ALL: usize = 1;
    /// Every second core: for work beside which requests are answered.
    pub(crate) const HALF: usize = 2;

    /// Does long work where it keeps no request waiting. There it may wait for what is kept by blocking.
    pub(crate) async fn aside<T: Send + 'static>(share: usize, work: impl FnOnce(&Hands) -> T + Send + 'static) -> T {
        let runtime = Handle::try_current().ok();
        let count = std::thread::available_parallelism().map_or(1, NonZero::get);
        let hands = Hands { runtime: runtime.clone(), count: (count / share).max(1) };
        match runtime {
            Some(runtime) => runtime.spawn_blocking(move || work(&hands)).await.ok(),
            // Who waits for a simulation must not wait once more on the same thread.
            None => std::thread::spawn(move || work(&hands)).join().ok(),
        }
        .expect("a panic there is one here, too")
    }

    /// Has every hand do the same, until each finds nothing more to do.
    pub(crate) fn all<R: Send, E: Send>(&self, work: impl Fn() -> Result<R, E> + Sync) -> Result<Vec<R>, E> {
        let one = || {
            let _entered = self.runtime.as_ref().map(Handle::enter);
            work()
        };
        std::thread::scope(|scope| {
            let hands: Vec<_> = (0..self.count).map(|_| scope.spawn(one)).collect();
            hands.into_iter().map(|hand| hand.join().expect("a panic is one here, too")).collect()
        })
    }
}
