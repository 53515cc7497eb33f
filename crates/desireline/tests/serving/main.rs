//! The server as a process, with the commands around it.

mod backup;
mod changed;
mod crowd;
mod doctor;
mod erased;
mod joining;
mod killed;
mod learnt;
mod policy;
mod receiver;
mod remarks;
mod saying;
mod shared;
mod support;
mod traced;

pub(crate) const CHARTER: &str = "\
charter: 1
stages: {choice: {}, use: {}}
moments:
  visit: {stage: choice, when: event = 'Visit'}
  order: {stage: use, when: event = 'Order'}
expectations:
  again: {after: order, promise: visit, within: 1d}
features:
  visits: {count: visit}
";
