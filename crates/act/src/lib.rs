//! One customer: what is known of them live, and what to do for them next.
//!
//! [`step()`] moves a customer's [`State`] by one event, consent, decision, or by time passing, and says what follows as
//! data ([`Effects`]); [`decide()`] chooses an action and explains itself. Both are pure, so that live and replay are the same
//! function.
//! It may know events, the charter and what is kept of one customer; it must not know clocks, stores, webhooks, other
//! customers, or whether an action works.

pub mod limits;

mod customer;
mod decide;
mod digest;
mod draw;
mod facts;
mod known;
mod model;
mod news;
mod plan;
mod state;
mod value;

pub use customer::{Customer, ExpectationStanding, InteractionsStanding, JourneysStanding, OpenPromise};
pub use decide::{
    Arm, ByItself, Candidate, Decision, FellOut, Given, Handling, How, KeptOut, decide, decide_by_itself, let_in,
    quiet_until_us,
};
pub use draw::Draw;
pub use facts::facts_of;
pub use model::{Calibrated, Model, Models};
pub use news::{News, What, differences};
pub use plan::Plan;
pub use state::{
    Bound, Consent, Drawn, Effects, History, Input, Lesson, Noted, Postponed, State, StateError, Taken, replay, step,
};
