//! What is said of the targets to which the charter delivers, while a server runs: what is decided for one that nobody has made,
//! or that is on hold, waits, and nobody would know.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use charter::Charter;
use charter::actions::Delivery;
use engine::deliver::{Error, Holder, Outbox};
use tokio::sync::watch;

use crate::draw;

/// How often it is looked at how the targets stand.
const TARGETS_LOOKED_EVERY: Duration = Duration::from_secs(5);

/// How a target stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Good,
    WithoutAddress,
    OnHold(Holder),
}

/// The targets to which a charter delivers.
pub(super) fn of(charter: &Charter) -> BTreeSet<String> {
    let deliveries = charter.actions.iter().filter_map(|action| action.deliver.as_ref());
    deliveries.map(|Delivery::Webhook(name)| name.clone()).collect()
}

/// Says which of these are in trouble, each as often as that changes.
pub(super) async fn watch(outbox: Arc<Outbox>, names: BTreeSet<String>, mut stopping: watch::Receiver<bool>) {
    let mut known: BTreeMap<&str, Standing> = BTreeMap::new();
    while !*stopping.borrow() {
        for name in &names {
            // What cannot be read now is looked at again.
            let Some(now) = standing(&outbox, name).await else { continue };
            if known.insert(name, now) != Some(now) {
                say(name, now);
            }
        }
        let _ = tokio::time::timeout(TARGETS_LOOKED_EVERY, stopping.changed()).await;
    }
}

async fn standing(outbox: &Outbox, name: &str) -> Option<Standing> {
    match outbox.target(name).await {
        Ok(target) => Some(target.hold.map_or(Standing::Good, |hold| Standing::OnHold(hold.by))),
        Err(Error::NotFound { .. }) => Some(Standing::WithoutAddress),
        Err(_) => None,
    }
}

/// Not why exactly: what a target answers may be about a customer.
fn say(name: &str, standing: Standing) {
    let (by, why) = match standing {
        Standing::Good => return,
        Standing::WithoutAddress => {
            let text = format!(
                "nobody said where `{name}` is, to which the charter delivers, so what goes there waits: PUT /api/v1/targets/{name}"
            );
            return draw::remark("target_without_address", &text, &[("target", name)]);
        }
        Standing::OnHold(Holder::Person) => ("person", "somebody paused it"),
        Standing::OnHold(Holder::Gone) => ("gone", "it answered 410"),
        Standing::OnHold(Holder::Failing) => ("failing", "everything failed there for days"),
    };
    let text =
        format!("nothing is sent to `{name}` for now, as {why}: POST /api/v1/targets/{name}/resume has it go on");
    draw::remark("target_on_hold", &text, &[("target", name), ("by", by)]);
}
