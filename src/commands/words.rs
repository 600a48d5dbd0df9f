//! `daoxiao words`: shows how the bot answers by the owner's file, and why.

use std::{
    io::{self, IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::Args;

use super::{CommandError, Notice, bot_args::read_words, lines, printed, to_stderr};
use crate::{
    language::Localize,
    printable::printable,
    wechat::reply::MAX_CONTENT_BYTES,
    words::{Action, Input},
};

const HELP: &str = "\
Each line of standard input is taken as a user's message, and one line is printed for it: the
answer, a tab, and the rule behind it, which is a reply with its line in the file, or joke_words,
another joke, help_words, no_words, banned or otherwise. Voice and clicks are not tried.
Exit code: 0 the file is right, 2 it isn't; the error says where.

Example: echo 几点开门 | daoxiao words words.toml";

/// Check a file of your own words, and show which message gets which answer
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct WordsCommand {
    /// The file, as --words takes it
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(crate) fn run(command: &WordsCommand) -> Result<ExitCode, CommandError> {
    let words = read_words(&command.file)?.0;
    if io::stdin().is_terminal() {
        to_stderr(Notice::HowToEndWords.localized());
    }
    let mut out = io::stdout().lock();
    let mut after_joke = false;
    for line in lines() {
        let line = line.map_err(CommandError::Input)?;
        let (action, rule) = words.hear(Input::Text, &line, after_joke, |count| {
            fastrand::usize(..count)
        });
        after_joke = action == Action::TellJoke;
        let answer = match action {
            Action::Reply(content) => printable(content.as_str(), MAX_CONTENT_BYTES),
            Action::TellJoke => Notice::Joke.localized(),
            Action::Acknowledge => Notice::NoAnswer.localized(),
        };
        let written = writeln!(out, "{answer}\t{}", rule.localized());
        if written.is_err() {
            return printed(written);
        }
    }
    Ok(ExitCode::SUCCESS)
}
