//! The outside world, called with an operation key.
//!
//! Its place on the line: receive → read → decide → commit → **drive** → write.
//!
//! A driver is *not* part of any transaction: it may be asked twice, even at the same time, always
//! with the same key, and the second ask must repeat the first answer. Only what asks
//! another vendor ([`market`]) knows a dialect.

pub mod answer;
mod command;
mod demo;
mod manual;
pub mod market;
mod pool;
pub mod reach;
mod redact;
mod spi;
mod spoken;
mod webhook;

pub use command::{CommandDriver, CommandSettings};
pub use demo::DemoDriver;
pub use manual::ManualDriver;
pub use market::ClientError;
pub use pool::PoolDriver;
pub use reach::{Reach, ReachError};
pub use spi::{PlanWords, SpiDriver, SpiSettings, VENDOR_INSTANCE_ID, speaks_of_instances};
pub use webhook::{WebhookDriver, WebhookSecret, WebhookSecretError, WebhookSettings};
