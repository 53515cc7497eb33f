//! The live side: what comes in becomes one step of a customer and one durable commit, and what follows is carried out.
//!
//! [`Engine::take`] finds whose they are by their keys, moves each customer's state by the pure function of
//! `act`, and commits log, states, keys, links, timers and deliveries together; only then does it return. The same for
//! [`Engine::decide`] and for timers that fall due. What a customer's state follows from stands in the log, so any state can
//! be built anew from there.
//! It is the only place with a clock. It may know stores by their trait; it must not know HTTP servers, files of charters, or
//! what an answer looks like on a screen.

mod calibrated;
mod carried;
mod changes;
mod clock;
mod consent;
mod counts;
mod decide;
pub mod deliver;
mod engine;
mod entry;
mod erase;
mod error;
mod evaluated;
mod everybody;
mod export;
mod follow;
mod hands;
mod identity;
mod lane;
pub mod limits;
mod linked;
mod links;
mod message;
mod models;
mod newcomers;
mod profile;
mod rebuild;
mod redecide;
mod replay;
mod retell;
mod run;
mod seed;
mod sending;
mod shelf;
mod show;
mod tail;
mod take;
mod terms;
mod timers;
mod work;

pub use calibrated::{ShownCalibration, ShownModel};
pub use changes::{Change, Told};
pub use clock::{Clock, HomeClock, SystemClock};
pub use counts::Counts;
pub use decide::{Ask, Decided, Occasion, decision_of};
pub use engine::{Engine, Options};
pub use erase::Forgotten;
pub use error::Error;
pub use evaluated::Evaluated;
pub use export::{History, Part, Reached, Telling};
pub use follow::Followed;
pub use message::{Inbox, Took};
pub use redecide::{Differs, Redecided, ThenAndNow};
pub use replay::Compared;
pub use show::{
    Happened, Shown, ShownConsent, ShownDecided, ShownExpectations, ShownInteractions, ShownJourneys, ShownKey,
    ShownLink, ShownRefusal, ShownStage,
};
