//! `turnkey`: paid marketplace orders in, running instances out.

use std::process::ExitCode;

fn main() -> ExitCode {
    turnkey::cli::main()
}
