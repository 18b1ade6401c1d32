//! Terms that are ours to keep: the sweeper, and the calendar that moves it on.

mod brake;
mod model;
mod sold;
mod till;
mod turns;
mod upgrades;
mod year;
