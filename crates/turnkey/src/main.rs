//! `turnkey`: paid marketplace orders in, running instances out.

use std::process::ExitCode;

fn main() -> ExitCode {
    turnkey::cli::main()
}

/// Answers are made on one thread and let go on another; the system's allocator locks for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
