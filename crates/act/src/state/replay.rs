//! Building a state anew from a customer's history.

use event::Timestamp;

use super::{Input, State, step};
use crate::news::{News, differences};
use crate::plan::Plan;

/// Builds a customer's state from all its inputs, as it is known at `until`: for imported history, a new charter, a link that
/// was taken back, an event that came [too late](super::Effects::replay). Events have to come in the order of (time, arrival);
/// consents and decisions may stand anywhere among them.
///
/// Also gives all news that hold. What an event changed that came too late is the [difference](differences) between the news
/// with it and without.
///
/// # Panics
/// When events are out of order by more than the state keeps apart.
pub fn replay<'a>(inputs: impl IntoIterator<Item = Input<'a>>, plan: &Plan, until: Timestamp) -> (State, Vec<News>) {
    let mut state = State::new(plan);
    let (mut news, mut withdrawn) = (Vec::new(), Vec::new());
    for input in inputs.into_iter().chain([Input::Wake]) {
        let known = match input {
            Input::Event { event, .. } => event.received_at.unwrap_or(event.at).min(until),
            Input::Consent(_) | Input::Drawn(_) | Input::Decided(_) | Input::Postponed(_) => {
                Timestamp::from_micros(state.seen_us)
            }
            Input::Wake => until,
        };
        let mut effects = step(&mut state, input, plan, known);
        assert!(!effects.replay, "events are replayed in the order of their time");
        news.append(&mut effects.news);
        withdrawn.append(&mut effects.withdrawn);
    }
    (state, differences(withdrawn, news).0)
}
