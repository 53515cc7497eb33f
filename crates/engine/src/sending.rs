//! Whether what was decided may still be sent: quiet hours and consent are asked once more before every attempt, which may be
//! days after the decision, by the charter that is in force then.

use act::{Consent, State, quiet_until_us};
use async_trait::async_trait;
use event::Timestamp;
use keep::{Customer, KeyNumber, Post, Wanted};
use serde::Deserialize;

use crate::deliver::{Gate, Sending};
use crate::engine::Engine;
use crate::error::Error;
use crate::limits::COLLISIONS_MAX;
use crate::profile::Kept;
use crate::work::Work;

/// What is read of a message again.
#[derive(Deserialize)]
struct Told {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    action: String,
    /// What it needed consent for when it was decided.
    purpose: Option<String>,
}

#[async_trait]
impl Gate for Engine {
    async fn ask(&self, post: &Post, now_us: i64) -> Result<Sending, Error> {
        // What is no decision may always be sent.
        let Ok(Told { data }) = serde_json::from_slice(&post.bytes) else { return Ok(Sending::Now) };
        let action = self.charter().actions.iter().find(|action| action.name == data.action);
        let purposes = data.purpose.as_ref().into_iter().chain(action.and_then(|action| action.purpose.as_ref()));
        let purposes: Vec<&String> = purposes.collect();
        if !purposes.is_empty() {
            let consents = self.consents_of(post.customer).await?;
            let granted = |purpose: &str| consents.iter().any(|said| said.purpose == purpose && said.granted);
            if let Some(refused) = purposes.into_iter().find(|purpose| !granted(purpose)) {
                return Ok(Sending::Never { why: format!("the customer does not consent to `{refused}` any more") });
            }
        }
        let quiet = action.and_then(|action| action.quiet);
        Ok(match quiet.and_then(|quiet| quiet_until_us(quiet, now_us, &self.charter().timezone)) {
            None => Sending::Now,
            Some(i64::MAX) => Sending::Never { why: "its quiet hours never end".to_owned() },
            Some(until_us) => {
                let why = format!("quiet hours until {}", Timestamp::from_micros(until_us));
                Sending::NotBefore { until_us, why }
            }
        })
    }
}

impl Engine {
    /// What the customer decided about purposes who has the key of this number now.
    async fn consents_of(&self, filed: Customer) -> Result<Vec<Consent>, Error> {
        let number = u32::try_from(filed.0).ok().map(KeyNumber);
        let mut looks = 0;
        let loaded = loop {
            let keys = self.keep.keys(&Vec::from_iter(number)).await?;
            let customer = keys.first().map_or(filed, |key| key.customer);
            let wanted = Wanted { generation: self.generation, customers: vec![customer], ..Wanted::default() };
            let loaded = self.keep.load(&wanted).await?;
            looks += 1;
            // Between the two the key may have become another customer's, who has what was said.
            let is_moved = loaded.states.iter().any(|stored| stored.bytes == Kept::MOVED_BYTES);
            if !is_moved || looks > COLLISIONS_MAX {
                break loaded;
            }
        };
        let state = loaded.states.first().and_then(|stored| Kept::state_of(&stored.bytes));
        if let Some(consents) = state.and_then(State::consents_of) {
            return Ok(consents);
        }
        let mut work = Work::new(self, self.clock.now_us());
        work.admit_all(&loaded);
        let anew = std::mem::take(&mut work.anew);
        if !anew.is_empty() {
            self.rebuild(&mut work, anew, None).await?;
        }
        let consents = loaded.states.first().map(|stored| work.person(stored.customer).profile.state.consents());
        Ok(consents.unwrap_or_default().to_vec())
    }
}
