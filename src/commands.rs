//! The commands: one file each, with its flags, its help and what it does.

use std::{
    error::Error,
    fmt::Display,
    io::{self, Write},
    process::ExitCode,
};

pub(crate) mod args;
pub(crate) mod cgi;
pub(crate) mod chat;
pub(crate) mod doctor;
pub(crate) mod joke;
pub(crate) mod joke_args;
pub(crate) mod say;
mod secrets;
pub(crate) mod serve;
pub(crate) mod sign;

/// Exit code of a command that could not do what it was asked to.
pub(crate) const FAILED: u8 = 1;
/// Exit code of a command that was asked wrongly.
const USAGE: u8 = 2;

/// Why a command ends without having done what it was asked to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// It was asked wrongly: a flag or a variable is to be changed.
    #[error("{0}")]
    Usage(Box<dyn Error + Send + Sync>),
    /// It was asked rightly, and it did not work.
    #[error("{0}")]
    Failure(Box<dyn Error + Send + Sync>),
}

/// Nobody takes what a command prints.
#[derive(Debug, thiserror::Error)]
#[error("standard output cannot be written: {0}")]
struct OutputError(#[from] io::Error);

impl CommandError {
    pub(crate) fn usage(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Usage(error.into())
    }

    pub(crate) fn failure(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failure(error.into())
    }
}

/// Says why a command fails, and returns its exit code.
pub(crate) fn fail(error: &CommandError) -> ExitCode {
    complain(format_args!("error: {error}"));
    ExitCode::from(match error {
        CommandError::Usage(_) => USAGE,
        CommandError::Failure(_) => FAILED,
    })
}

/// What becomes of a command whose last deed was to print. A reader that has enough, `head` for
/// example, is no failure.
pub(crate) fn printed(outcome: io::Result<()>) -> Result<ExitCode, CommandError> {
    match outcome {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(CommandError::failure(OutputError(error)))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Writes a line to standard error; when nobody reads it, there is nobody to tell.
pub(crate) fn complain(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
