//! The commands: each is thin, and says on standard error why it fails.

use std::{
    fmt,
    io::{self, Write},
    process::ExitCode,
};

pub mod cgi;
pub mod chat;
pub mod doctor;
pub mod joke;
pub mod say;
pub mod serve;
pub mod sign;

/// Exit code of a command that could not do what it was asked to.
pub const FAILED: u8 = 1;
/// Exit code of a command that was asked wrongly.
pub const USAGE: u8 = 2;

/// Says why a command fails, and returns its exit code.
pub fn fail(code: u8, error: &dyn fmt::Display) -> ExitCode {
    complain(format_args!("error: {error}"));
    ExitCode::from(code)
}

/// The exit code of a command whose last deed was to print. A reader that has enough, `head` for
/// example, is no failure.
pub fn printed(outcome: io::Result<()>) -> ExitCode {
    match outcome {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => fail(
            FAILED,
            &format_args!("standard output cannot be written: {error}"),
        ),
        _ => ExitCode::SUCCESS,
    }
}

/// Writes a line to standard error; when nobody reads it, there is nobody to tell.
pub fn complain(line: impl fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
