//! When things run: the [`Desk`] in front answers calls, the [`Runner`] behind does the work, the
//! [`Sweeper`] keeps the terms that are ours to keep.
//!
//! Its place on the line: receive → read → decide → commit → drive → write; this crate is the
//! arrows between *read*, *commit* and *drive*.
//!
//! It is *not* where anything is decided, stored or done: it knows no SQL, no HTTP and no dialect.

mod calendar;
mod clock;
mod desk;
mod handover;
mod ids;
mod runner;
mod sweeper;
mod waiting;

pub use calendar::{Advanced, Calendar, Diary, End, Kept, Next, TermEnds};
pub use clock::SystemClock;
pub use desk::{Answer, Desk};
pub use ids::Ids;
pub use runner::{Runner, RunnerLimits};
pub use sweeper::{Sweeper, Swept};
pub use waiting::Waiting;
