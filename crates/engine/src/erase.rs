//! Erasing a customer from live state.

use std::collections::BTreeSet;

use keep::{Customer, Erased, Wanted};

use crate::engine::Engine;
use crate::error::Error;
use crate::message::key_bytes;
use crate::take::NOBODY;

impl Engine {
    /// Erases the customers whose these keys are, each as kind and value: states, timers, deliveries, keys, links, and what
    /// the log has of them. Messages that were refused go with them, whoever sent them, because nobody knows whose they are, and
    /// so do entries about what people said of two keys, which may name them: what was said stays in force, and history must
    /// have all of the log before.
    ///
    /// # Errors
    /// When what is kept cannot be reached. It may be repeated.
    pub async fn erase(&self, keys: &[(String, String)]) -> Result<Erased, Error> {
        let comparable = |(kind, value): &(String, String)| Some(key_bytes(kind, &self.rules.comparable(kind, value)?));
        let keys = keys.iter().filter_map(comparable).collect();
        let wanted = Wanted { generation: self.generation, keys, ..Wanted::default() };
        let known = self.keep.load(&wanted).await?.keys;
        let customers: BTreeSet<Customer> = known.into_iter().flatten().map(|(_, customer)| customer).collect();
        let gone: Vec<Customer> = customers.into_iter().chain([NOBODY]).collect();
        let erased = self.keep.erase(&gone).await?;
        self.tail.clear();
        Ok(erased)
    }
}
