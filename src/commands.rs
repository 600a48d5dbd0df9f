//! Commands, one file each with flags and help, and what they share: exit codes, errors, output.

use std::{
    fmt::Display,
    fs,
    io::{self, BufRead, IsTerminal, Write},
    path::Path,
    process::ExitCode,
};

use log::Level;

use self::secrets::EnvironmentError;
use crate::{
    language::{Language, Localize},
    logger,
};

pub(crate) mod args;
pub(crate) mod bot_args;
pub(crate) mod cgi;
pub(crate) mod chat;
pub(crate) mod completions;
pub(crate) mod doctor;
pub(crate) mod healthcheck;
pub(crate) mod joke;
pub(crate) mod joke_args;
mod last_good;
pub(crate) mod man;
pub(crate) mod say;
pub(crate) mod secrets;
pub(crate) mod serve;
pub(crate) mod sign;
pub(crate) mod words;

/// Exit code of a command that failed.
pub(crate) const FAILED: u8 = 1;
/// Exit code of wrong usage: a flag or a variable that cannot be used. `survival` knows it as that
/// of a worker whose settings are refused.
pub(crate) const USAGE: u8 = 2;
/// Exit code of `say` if the bot accepted the message without an answer.
pub(crate) const NO_ANSWER: u8 = 3;

/// Error that ends a command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// A flag or a variable is wrong.
    #[error("{0}")]
    Usage(Box<dyn Localize>),
    /// The usage was right, but the command failed.
    #[error("{0}")]
    Failure(Box<dyn Localize>),
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// A file of the owner.
    #[error("{name}: the file cannot be read: {error}")]
    Unreadable { name: String, error: io::Error },
    #[error("can't write to standard output: {0}")]
    Output(io::Error),
    #[error("can't read standard input: {0}")]
    Input(io::Error),
}

/// Texts that commands print beside their results or in place of one.
#[derive(Debug)]
pub(crate) enum Notice<'a> {
    /// Error of a command, or of one line of a talk.
    Error(&'a dyn Localize),
    /// Explains the random Token printed before it.
    RandomToken,
    /// Placeholder for a joke.
    Joke,
    /// Placeholder for an answer that did not come.
    NoAnswer,
    /// A message was accepted, and no answer came.
    Accepted,
    HowToLeave,
    HowToEndSay,
    HowToEndWords,
    /// Number of jokes in the owner's file.
    OwnJokes {
        file: &'a Path,
        jokes: usize,
    },
    /// Where a command listens.
    Listening(&'a str),
}

impl CommandError {
    pub(crate) fn usage(error: impl Localize + 'static) -> Self {
        Self::Usage(Box::new(error))
    }

    pub(crate) fn failure(error: impl Localize + 'static) -> Self {
        Self::Failure(Box::new(error))
    }

    /// Returns the exit code of a command that fails so.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Environment(_) | Self::Unreadable { .. } => USAGE,
            Self::Failure(_) | Self::Output(_) | Self::Input(_) => FAILED,
        }
    }
}

/// Reads a file of the owner; errors call it by this name.
pub(crate) fn read_file(path: &Path, name: String) -> Result<Vec<u8>, CommandError> {
    fs::read(path).map_err(|error| CommandError::Unreadable { name, error })
}

/// Prints where a command listens, at a terminal in the owner's language. Programs wait for the
/// English line; one that is gone does not matter.
pub(crate) fn announce(address: &str) {
    let language = if io::stdout().is_terminal() {
        Language::current()
    } else {
        Language::English
    };
    let line = Notice::Listening(address).text(language);
    let _ = writeln!(io::stdout(), "{line}");
}

/// Prints why a command fails, and returns its exit code.
pub(crate) fn fail(error: &CommandError) -> ExitCode {
    print_error(&Notice::Error(error).localized());
    error.code().into()
}

/// Prints why a command ends; for systemd's journal, with a priority on each line.
pub(crate) fn print_error(text: &str) {
    for line in text.trim_end().lines() {
        to_stderr(format_args!("{}{line}", logger::priority(Level::Error)));
    }
}

/// Returns the exit code of a command that has printed. A closed pipe, as with `head`, is no
/// failure.
pub(crate) fn printed(outcome: io::Result<()>) -> Result<ExitCode, CommandError> {
    match outcome {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CommandError::Output(error)),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Returns the lines of standard input, with U+FFFD for invalid UTF-8.
pub(crate) fn lines() -> impl Iterator<Item = io::Result<String>> {
    io::stdin().lock().split(b'\n').map(|line| {
        let line = line?;
        let text = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(&line));
        Ok(text.into_owned())
    })
}

/// Writes a line to standard error, whose own failure could be reported nowhere.
pub(crate) fn to_stderr(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
