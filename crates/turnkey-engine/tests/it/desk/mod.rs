//! The desk: answers in time, duplicates that join, dry runs, drivers that need no runner.

mod dry_runs;
mod immediate;
mod in_time;
mod joining;
mod many;
