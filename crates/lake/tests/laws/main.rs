//! What must hold of the lake whatever happens to it: one target, because linking it takes longer than running it.

mod conditions;
mod crashes;
mod ends;
mod export;
mod home;
mod kept;
mod life;
mod of;
mod readers;
mod refused;
mod splits;
mod told;
mod traces;
mod waiting;
