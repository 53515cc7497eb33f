//! The keys of the tables.

use crate::bytes::{Eye, Pen, in_order};
use crate::error::Error;
use crate::loaded::{Customer, KeyNumber};

pub(super) fn position(position: u64) -> [u8; 8] {
    position.to_be_bytes()
}

pub(super) fn position_of(key: &[u8]) -> Result<u64, Error> {
    Eye::new(key).u64()
}

/// Of [`LogOf`](crate::store::Table::LogOf).
pub(super) fn log_of(of: Customer, position: u64) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&customer(of));
    key[8..].copy_from_slice(&(!position).to_be_bytes());
    key
}

pub(super) fn log_of_position(key: &[u8]) -> Result<u64, Error> {
    let mut eye = Eye::new(key);
    eye.i64()?;
    Ok(!eye.u64()?)
}

pub(super) fn customer(customer: Customer) -> [u8; 8] {
    in_order(customer.0)
}

pub(super) fn customer_of(key: &[u8]) -> Result<Customer, Error> {
    Ok(Customer(Eye::new(key).i64()?))
}

pub(super) fn number(number: KeyNumber) -> [u8; 4] {
    number.0.to_be_bytes()
}

/// Of [`Timers`](crate::store::Table::Timers).
pub(super) fn timer(customer: Customer, id: &[u8]) -> Vec<u8> {
    Pen::with_capacity(8 + id.len()).i64(customer.0).rest(id).done()
}

/// Of [`TimersDue`](crate::store::Table::TimersDue).
pub(super) fn timer_due(due_us: i64, customer: Customer, id: &[u8]) -> Vec<u8> {
    Pen::with_capacity(16 + id.len()).i64(due_us).i64(customer.0).rest(id).done()
}

pub(super) fn timer_due_of(key: &[u8]) -> Result<(i64, Customer, Vec<u8>), Error> {
    let mut eye = Eye::new(key);
    Ok((eye.i64()?, Customer(eye.i64()?), eye.rest().to_vec()))
}

pub(super) fn key_of(of: Customer, number: KeyNumber) -> [u8; 12] {
    let mut key = [0; 12];
    key[..8].copy_from_slice(&customer(of));
    key[8..].copy_from_slice(&number.0.to_be_bytes());
    key
}

/// Of [`Links`](crate::store::Table::Links): seen from its first key.
pub(super) fn link(this: KeyNumber, other: KeyNumber, undo: bool) -> [u8; 9] {
    let mut key = [0; 9];
    key[..4].copy_from_slice(&number(this));
    key[4..8].copy_from_slice(&number(other));
    key[8] = u8::from(undo);
    key
}

/// Begins all keys of [`OutboxDue`](crate::store::Table::OutboxDue) and [`OutboxDead`](crate::store::Table::OutboxDead) of a
/// target.
pub(super) fn target(target: &str) -> Vec<u8> {
    Pen::with_capacity(4 + target.len()).sized(target.as_bytes()).done()
}

pub(super) fn outbox_due(target: &str, due_us: i64, id: &[u8]) -> Vec<u8> {
    Pen::with_capacity(12 + target.len() + id.len()).sized(target.as_bytes()).i64(due_us).rest(id).done()
}

pub(super) fn outbox_dead(target: &str, id: &[u8]) -> Vec<u8> {
    Pen::with_capacity(4 + target.len() + id.len()).sized(target.as_bytes()).rest(id).done()
}

/// With what a key of [`OutboxDue`](crate::store::Table::OutboxDue) begins, up to the end of its target.
pub(super) fn target_prefix_of(key: &[u8]) -> &[u8] {
    let length = Eye::new(key).sized().map_or(key.len(), |target| 4 + target.len());
    &key[..length]
}
