//! The flag for the owner's file of words, for all commands that answer by it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::Args;
use thiserror::Error;

use super::CommandError;
use crate::words::{Words, WordsError};

#[derive(Debug, Args)]
pub(crate) struct WordsArg {
    /// What the bot says, and to what, as you want it: a file in TOML; see docs/words.md
    #[arg(long, env = "DAOXIAO_WORDS", value_name = "FILE")]
    pub(super) words: Option<PathBuf>,
}

/// Error in a file of words.
#[derive(Debug, Error)]
pub(crate) enum WordsFileError {
    #[error("{}: the file cannot be read: {error}", path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("{}: {error}", path.display())]
    Wrong { path: PathBuf, error: WordsError },
}

impl WordsArg {
    /// Reads the owner's words, or returns the default ones.
    pub(crate) fn read(&self) -> Result<Words, CommandError> {
        match &self.words {
            Some(path) => read(path),
            None => Ok(Words::default()),
        }
    }
}

pub(super) fn read(path: &Path) -> Result<Words, CommandError> {
    Ok(read_file(path)?.0)
}

/// Reads a file of words; returns what is in it, too.
pub(super) fn read_file(path: &Path) -> Result<(Words, Vec<u8>), CommandError> {
    let file = path.to_owned();
    let words = match fs::read(path) {
        Ok(text) => Words::parse(&text)
            .map(|words| (words, text))
            .map_err(|error| WordsFileError::Wrong { path: file, error }),
        Err(error) => Err(WordsFileError::Unreadable { path: file, error }),
    };
    words.map_err(CommandError::usage)
}
