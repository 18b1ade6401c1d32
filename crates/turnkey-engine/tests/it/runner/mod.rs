//! The runner: leases, back-off, the dead letter, bounds, order, and what a stop leaves behind.

mod backoff;
mod leases;
mod order;
mod stops;
mod unwell;
