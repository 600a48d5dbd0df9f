//! Flags of a bot, for all commands that run one; and the owner's file of words.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::Args;
use thiserror::Error;

use super::{
    CommandError,
    args::{DAY, number},
    joke_args::JokeArgs,
    read_file,
};
use crate::{
    callback::Responder,
    joke::JokeSettings,
    language::localized_errors,
    wechat::AccountKeys,
    words::{Words, WordsError},
};

/// Largest `--max-age`: ten years.
const LONGEST_AGE: u64 = 3650 * DAY;

#[derive(Debug, Args)]
pub(crate) struct BotArgs {
    /// How many seconds a request's timestamp may differ from now; 0 means any. What this can't
    /// prevent is in docs/settings.md
    #[arg(long, env = "DAOXIAO_MAX_AGE", value_name = "SECONDS", default_value = "300", value_parser = localized_errors(number::<u64, 0, LONGEST_AGE>))]
    max_age: u64,
    /// What the bot says, and to what, as you want it: a file in TOML; see docs/words.md
    #[arg(long, env = "DAOXIAO_WORDS", value_name = "FILE")]
    pub(super) words: Option<PathBuf>,
    #[command(flatten)]
    pub(super) jokes: JokeArgs,
}

/// Error in a file of words.
#[derive(Debug, Error)]
#[error("{name}: {error}")]
pub(crate) struct WordsFileError {
    pub(crate) name: String,
    pub(crate) error: WordsError,
}

impl BotArgs {
    /// Returns the bot of an account, and where its jokes come from, with the owner's files read.
    pub(super) fn bot(&self, keys: AccountKeys) -> Result<(Responder, JokeSettings), CommandError> {
        let words = self.words.as_deref().map(read_words).transpose()?;
        let words = Arc::new(words.unwrap_or_default().0);
        let jokes = self.jokes.settings(&words)?;
        Ok((self.responder(keys, words), jokes))
    }

    pub(super) fn responder(&self, keys: AccountKeys, words: Arc<Words>) -> Responder {
        Responder::new(keys, Duration::from_secs(self.max_age), words)
    }
}

/// Reads a file of words; returns its bytes, too, for the copy that a later worker falls back on.
pub(super) fn read_words(path: &Path) -> Result<(Words, Vec<u8>), CommandError> {
    let name = path.display().to_string();
    let text = read_file(path, name.clone())?;
    match Words::parse(&text) {
        Ok(words) => Ok((words, text)),
        Err(error) => Err(CommandError::usage(WordsFileError { name, error })),
    }
}
