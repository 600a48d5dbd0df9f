//! The command line about jokes, of `joke` and of all that tell some.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::Args;

use super::{
    CommandError,
    args::{DAY, LogArgs, number},
    joke,
};
use crate::{
    joke::KNOWN_SOURCES,
    settings::{self, JokeOptions},
};

/// The longest `--joke-budget`: WeChat waits 5 s, and the answer has to reach it.
const MAX_JOKE_BUDGET_MS: u64 = 4000;

pub(crate) const JOKE_HELP: &str = "\
The jokes are on standard output, a line % between two, as --jokes FILE takes them; where they
come from, and how many were left out and why, is on standard error.

A selector names elements as in CSS, by parts without a blank between them: tag (or *), .class,
#id, [attr], [attr=value], [attr^=beginning], [attr*=part]; a value with a ] in it is quoted.
  dl.joke dd      a dd anywhere inside a dl of the class joke
  dl.joke > dd    a dd directly inside it
  > dd            as title or content: directly inside the item
Without --joke-content all of the item but its title is the joke.
{1-50} in the URL stands for a number from 1 to 50, another one for each fetch.
--joke-charset is needed only where the jokes come out garbled, as from a GBK page that says it
is in UTF-8, or nothing. Plain text needs no selector: jokes with blank lines between.

Examples: daoxiao joke --joke-url 'https://60s.viki.moe/v2/duanzi?encoding=text'
          daoxiao joke --all --joke-url 'https://example.com/jokes/{1-50}.html' \\
             --joke-item 'li.joke' --joke-title h3 --joke-content 'div.text'";

#[derive(Debug, Args)]
pub(crate) struct JokeCommand {
    /// Ask every source, not only until one has jokes, and print all their jokes
    #[arg(long)]
    all: bool,
    /// How many jokes to print, at random; of each source with --all [default: 1]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = number::<u64, 1, 1000>)]
    count: Option<u64>,
    #[command(flatten)]
    jokes: JokeArgs,
    #[command(flatten)]
    log: LogArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Jokes")]
pub(crate) struct JokeArgs {
    /// Known sources in the order to try, or none: qiushidabaike, zol, biedoul, 60s; several are
    /// repeated or separated by commas
    /// [default: all of them]
    #[arg(long, env = "DAOXIAO_JOKE_SOURCE", value_name = "NAME", hide_env_values = true, value_delimiter = ',', value_parser = joke_source)]
    joke_source: Vec<String>,
    /// A page of jokes of your own choice, instead of the known sources; {1-50} stands for a page number
    #[arg(
        long,
        env = "DAOXIAO_JOKE_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    joke_url: Option<String>,
    /// Selector of one joke on that page; a text/plain answer needs none
    #[arg(
        long,
        env = "DAOXIAO_JOKE_ITEM",
        value_name = "SELECTOR",
        hide_env_values = true
    )]
    joke_item: Option<String>,
    /// Selector of the title inside a joke
    #[arg(
        long,
        env = "DAOXIAO_JOKE_TITLE",
        value_name = "SELECTOR",
        hide_env_values = true
    )]
    joke_title: Option<String>,
    /// Selector of the text inside a joke
    #[arg(
        long,
        env = "DAOXIAO_JOKE_CONTENT",
        value_name = "SELECTOR",
        hide_env_values = true
    )]
    joke_content: Option<String>,
    /// Charset of that page, where the page itself says it wrongly
    #[arg(
        long,
        env = "DAOXIAO_JOKE_CHARSET",
        value_name = "NAME",
        hide_env_values = true
    )]
    joke_charset: Option<String>,
    /// Word; a fetched joke with it is left out; several are repeated or separated by commas
    #[arg(
        long,
        env = "DAOXIAO_JOKE_SKIP",
        value_name = "WORD",
        hide_env_values = true
    )]
    joke_skip: Vec<String>,
    /// Your own jokes, a line % between two, instead of the built-in ones
    #[arg(
        long,
        env = "DAOXIAO_JOKES",
        value_name = "FILE",
        hide_env_values = true
    )]
    jokes: Option<PathBuf>,
    /// How long someone who asks for a joke may wait, in milliseconds
    #[arg(long, env = "DAOXIAO_JOKE_BUDGET", value_name = "MS", default_value = "2500", hide_env_values = true, allow_negative_numbers = true, value_parser = number::<u64, 1, MAX_JOKE_BUDGET_MS>)]
    pub(crate) joke_budget: u64,
    /// How long fetched jokes are kept before new ones are fetched
    #[arg(long, env = "DAOXIAO_JOKE_TTL", value_name = "SECONDS", default_value = "600", hide_env_values = true, allow_negative_numbers = true, value_parser = number::<u64, 0, { 365 * DAY }>)]
    joke_ttl: u64,
}

pub(crate) fn joke(args: JokeCommand) -> Result<ExitCode, CommandError> {
    args.log.start();
    let jokes = settings::jokes(&args.jokes.into()).map_err(CommandError::usage)?;
    let count = args.count.or((!args.all).then_some(1));
    let count = count.and_then(|count| usize::try_from(count).ok());
    joke::run(&jokes, args.all, count)
}

impl From<JokeArgs> for JokeOptions {
    fn from(args: JokeArgs) -> Self {
        Self {
            sources: args.joke_source,
            url: args.joke_url,
            item: args.joke_item,
            title: args.joke_title,
            content: args.joke_content,
            charset: args.joke_charset,
            skip: words(&args.joke_skip),
            file: args.jokes,
            budget: Duration::from_millis(args.joke_budget),
            ttl: Duration::from_secs(args.joke_ttl),
        }
    }
}

/// The words of lists, which may be separated as in Chinese, too.
fn words(lists: &[String]) -> Vec<String> {
    lists
        .iter()
        .flat_map(|list| list.split([',', '，', '、', '\n']))
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

fn joke_source(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text == "none" || KNOWN_SOURCES.contains(&text) {
        Ok(text.to_owned())
    } else {
        Err(format!("expected {} or none", KNOWN_SOURCES.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_separated_by_commas_of_any_kind_and_lines_and_blanks_around_do_not_count() {
        let lists = [" 坏词, spam ，a b、c\r\nd\n,,", "", "e"].map(str::to_owned);
        assert_eq!(words(&lists), ["坏词", "spam", "a b", "c", "d", "e"]);
        assert_eq!(words(&[" ".to_owned()]), Vec::<String>::new());
    }

    #[test]
    fn a_source_is_known_with_blanks_around_it() {
        assert_eq!(joke_source(" zol ").unwrap(), "zol");
        assert_eq!(joke_source("\tnone").unwrap(), "none");
        assert_eq!(
            joke_source("qiubai").unwrap_err(),
            "expected qiushidabaike, zol, biedoul, 60s or none"
        );
    }
}
