//! Consent that a customer gives or withdraws where no event tells of it, such as in a preference centre.

use std::collections::BTreeMap;

use act::limits::{CONSENTS_MAX, PURPOSE_BYTES_MAX};
use act::{Consent, Input};
use keep::{Customer, Entry, Wanted};

use crate::counts::Counts;
use crate::engine::Engine;
use crate::entry::{self, kind};
use crate::error::Error;
use crate::limits::COLLISIONS_MAX;
use crate::message::{Ranked, is_short, too_long};
use crate::work::Work;

impl Engine {
    /// Takes in what a customer says about purposes: whether each may be done, from now on. Whoever is not known yet becomes
    /// known. When it returns, it is durable; gives the number of the customer.
    ///
    /// # Errors
    /// When the key names nobody, a purpose is none, or it cannot be kept now.
    pub async fn consent(&self, kind: &str, value: &str, said: &BTreeMap<String, bool>) -> Result<i64, Error> {
        let _turn = self.turn().await?;
        if !is_short(kind, value) {
            return Err(Error::Invalid(too_long()));
        }
        let named = Ranked::new(kind, value, &self.rules);
        let key = named.ok_or_else(|| Error::Invalid(format!("the {kind} names nobody")))?;
        if said.is_empty() || said.len() > CONSENTS_MAX {
            return Err(Error::Invalid(format!("there are 1 to {CONSENTS_MAX} purposes: {{\"marketing\": true}}")));
        }
        if said.keys().any(|purpose| purpose.trim().is_empty() || purpose.len() > PURPOSE_BYTES_MAX) {
            return Err(Error::Invalid(format!("a purpose has a name of at most {PURPOSE_BYTES_MAX} bytes")));
        }
        let at_us = self.clock.now_us();
        let each = said.iter().map(|(purpose, granted)| Consent { purpose: purpose.clone(), at_us, granted: *granted });
        let consents: Vec<Consent> = each.collect();
        self.refuse_misspelt(std::slice::from_ref(&key)).await?;
        Ok(self.take_consents(&key, &consents, at_us).await?.0)
    }

    /// Whoever is not known yet becomes known, also where there are no consents.
    pub(crate) async fn take_consents(
        &self,
        key: &Ranked,
        consents: &[Consent],
        at_us: i64,
    ) -> Result<Customer, keep::Error> {
        let mut collisions = 0;
        loop {
            let _together = self.together.read().await;
            match self.try_consent(key, consents, at_us).await {
                Err(keep::Error::Conflict(_)) if collisions < 4 * COLLISIONS_MAX => {
                    collisions += 1;
                    Counts::add(&self.counts.collisions, 1);
                }
                taken => return taken,
            }
        }
    }

    pub(crate) async fn try_consent(
        &self,
        key: &Ranked,
        consents: &[Consent],
        now_us: i64,
    ) -> Result<Customer, keep::Error> {
        let wanted = Wanted { generation: self.generation, keys: vec![key.bytes().to_vec()], ..Wanted::default() };
        let loaded = self.keep.load(&wanted).await?;
        let mut work = Work::new(self, now_us);
        let (customer, filed) = self.whose(&mut work, &loaded, key).await?;
        for consent in consents {
            let bytes = entry::bytes(consent);
            work.commit.entries.push(Entry { customer: filed, kind: kind::CONSENT, at_us: now_us, bytes });
            work.step(customer, Input::Consent(consent));
        }
        self.decide_woken(&mut work).await?;
        let (commit, aftermath) = work.finish();
        self.commit(commit, aftermath).await?;
        Ok(customer)
    }
}
