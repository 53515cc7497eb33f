//! What is handed over to history, and why it is not.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use engine::{Error, History, Options, Part, Reached};
use keep::{Commit, Customer, Entry, Keep as _, Memory};

use crate::stories::SHOP;
use crate::{Told, open};

/// A history that hears why nothing comes.
#[derive(Debug, Default)]
struct Waiting(Mutex<Vec<String>>);

#[async_trait]
impl History for Waiting {
    async fn reached(&self) -> Result<Reached, Error> {
        Ok(Reached::default())
    }

    async fn take(&self, _: Arc<Part>) -> Result<(), Error> {
        Ok(())
    }

    fn missed(&self, error: &Error) {
        self.0.lock().expect("nobody panics").push(error.to_string());
    }
}

#[tokio::test]
async fn history_hears_of_an_entry_of_the_log_that_cannot_be_read() {
    let (keep, clock) = (Arc::new(Memory::new(keep::limits::MESSAGES_KNOWN_US)), Arc::new(Told::default()));
    let engine = open(SHOP, &keep, &clock, Options::default()).expect("memory is there");
    // What a refusal is written as, and no more of it.
    let damaged = Entry { customer: Customer(-1), kind: 4, at_us: 0, bytes: vec![9] };
    keep.commit(Commit { entries: vec![damaged], ..Commit::default() }).await.expect("memory is there");
    let (history, (stop, stopping)) = (Arc::new(Waiting::default()), tokio::sync::watch::channel(false));
    let handing_over = tokio::spawn(engine.export(Arc::<Waiting>::clone(&history), stopping));
    let missed = || history.0.lock().expect("nobody panics").clone();
    for _ in 0..100 {
        if missed().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    stop.send(true).expect("it goes on");
    handing_over.await.expect("no panic");
    assert!(missed().first().is_some_and(|why| why.contains("entry 0 of the log")), "{:?}", missed());
}
