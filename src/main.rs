//! The `daoxiao` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    daoxiao::cli::run()
}
