//! Flags about jokes, for all commands that tell some.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::Args;

use super::{
    CommandError,
    args::{DAY, number},
    read_file,
};
use crate::{
    joke::{Charset, JokeSettings, Layout, PageUrl, Selector, Source, own_jokes},
    language::localized_errors,
    words::Words,
};

/// Largest `--joke-budget`: WeChat waits 5 s, and the answer has to reach it.
const MAX_BUDGET_MS: u64 = 4000;

/// Largest `--joke-ttl`.
const MAX_TTL: u64 = 365 * DAY;

/// Name that means no source at all.
const NONE: &str = "none";

#[derive(Debug, Args)]
#[command(next_help_heading = "Jokes")]
pub(crate) struct JokeArgs {
    /// Known sources in the order to try, or none: qiushidabaike, zol, biedoul, 60s; several are
    /// repeated or separated by commas
    /// [default: all of them]
    #[arg(long, env = "DAOXIAO_JOKE_SOURCE", value_name = "NAME", value_delimiter = ',', value_parser = localized_errors(source_name))]
    joke_source: Vec<String>,
    /// A page of jokes of your own choice, instead of the known sources; {1-50} stands for a page
    /// number
    #[arg(long, env = "DAOXIAO_JOKE_URL", value_name = "URL", value_parser = localized_errors(str::parse::<PageUrl>))]
    joke_url: Option<PageUrl>,
    /// Selector of links on that page: one of them is followed, and the joke is looked for there
    #[arg(long, env = "DAOXIAO_JOKE_LINK", value_name = "SELECTOR", requires = "joke_url", conflicts_with = "joke_item", value_parser = localized_errors(Selector::for_page))]
    joke_link: Option<Selector>,
    /// Selector of one joke on that page, in JSON a path such as data.list; plain text and feeds
    /// need none
    #[arg(long, env = "DAOXIAO_JOKE_ITEM", value_name = "SELECTOR", requires = "joke_url", value_parser = localized_errors(Selector::for_page))]
    joke_item: Option<Selector>,
    /// Selector of the title inside a joke
    #[arg(long, env = "DAOXIAO_JOKE_TITLE", value_name = "SELECTOR", requires = "joke_url", value_parser = localized_errors(Selector::for_item))]
    joke_title: Option<Selector>,
    /// Selector of the text inside a joke; several are separated by commas
    #[arg(long, env = "DAOXIAO_JOKE_CONTENT", value_name = "SELECTOR", requires = "joke_url", value_parser = localized_errors(Selector::for_item))]
    joke_content: Option<Selector>,
    /// Charset of that page, where the page itself says it wrongly
    #[arg(long, env = "DAOXIAO_JOKE_CHARSET", value_name = "NAME", requires = "joke_url", value_parser = localized_errors(str::parse::<Charset>))]
    joke_charset: Option<Charset>,
    /// Word; a fetched joke with it is left out; several are repeated or separated by commas
    #[arg(long, env = "DAOXIAO_JOKE_SKIP", value_name = "WORD")]
    joke_skip: Vec<String>,
    /// Your own jokes, a line % or an empty line between two; one in three that are told is yours
    #[arg(long, env = "DAOXIAO_JOKES", value_name = "FILE")]
    pub(super) jokes: Option<PathBuf>,
    /// How long someone who asks for a joke may wait, in milliseconds
    #[arg(long, env = "DAOXIAO_JOKE_BUDGET", value_name = "MS", default_value = "2500", value_parser = localized_errors(number::<u64, 1, MAX_BUDGET_MS>))]
    joke_budget: u64,
    /// How long fetched jokes are kept before new ones are fetched
    #[arg(long, env = "DAOXIAO_JOKE_TTL", value_name = "SECONDS", default_value = "600", value_parser = localized_errors(number::<u64, 0, MAX_TTL>))]
    joke_ttl: u64,
}

/// Error in the flags about jokes.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JokeArgsError {
    #[error("expected {} or {NONE}", .0.join(", "))]
    NoSuchSource(Vec<&'static str>),
    #[error("--joke-source {0}: none goes without others, since it means no source at all")]
    NoneOfSome(String),
    #[error("--joke-source {0}: it is there twice; name each source once")]
    SourceTwice(String),
    #[error("{0}: the file is in none of UTF-8, UTF-16 and GBK")]
    Charset(String),
    #[error(
        "{0}: there is no joke in the file; expected jokes with a line % or an empty line between two"
    )]
    NoJokes(String),
}

impl JokeArgs {
    /// Returns where jokes come from, with the owner's file read.
    pub(super) fn settings(&self, words: &Arc<Words>) -> Result<JokeSettings, CommandError> {
        let own = self.jokes.as_deref().map(read_jokes).transpose()?;
        self.with_own(own.unwrap_or_default().0, words)
    }

    /// Returns where jokes come from, with these ones of the owner.
    pub(super) fn with_own(
        &self,
        own: Vec<String>,
        words: &Arc<Words>,
    ) -> Result<JokeSettings, CommandError> {
        let sources = match &self.joke_url {
            // With `none` it isn't asked either: one flag is enough to be without a network.
            Some(url) if !self.joke_source.iter().any(|name| name == NONE) => vec![Source {
                name: "custom",
                url: url.clone(),
                layout: Layout {
                    charset: self.joke_charset,
                    link: self.joke_link.clone(),
                    item: self.joke_item.clone(),
                    title: self.joke_title.clone(),
                    content: self.joke_content.clone(),
                },
            }],
            _ => known_sources(&self.joke_source).map_err(CommandError::usage)?,
        };
        Ok(JokeSettings {
            sources,
            own,
            skip: separate_words(&self.joke_skip),
            words: Arc::clone(words),
            budget: Duration::from_millis(self.joke_budget),
            ttl: Duration::from_secs(self.joke_ttl),
            use_proxy: true,
        })
    }
}

/// Reads a file of jokes; returns its bytes, too, for the copy that a later worker falls back on.
pub(super) fn read_jokes(path: &Path) -> Result<(Vec<String>, Vec<u8>), CommandError> {
    let name = format!("--jokes {}", path.display());
    let bytes = read_file(path, name.clone())?;
    match own_jokes(&bytes) {
        Some(jokes) if jokes.is_empty() => Err(CommandError::usage(JokeArgsError::NoJokes(name))),
        Some(jokes) => Ok((jokes, bytes)),
        None => Err(CommandError::usage(JokeArgsError::Charset(name))),
    }
}

/// Returns the sources of these names, in this order: all if there is no name, none for `none`.
fn known_sources(names: &[String]) -> Result<Vec<Source>, JokeArgsError> {
    let known = Source::known();
    if names.is_empty() {
        return Ok(known);
    }
    if names.len() > 1 && names.iter().any(|name| name == NONE) {
        return Err(JokeArgsError::NoneOfSome(names.join(",")));
    }
    let is_twice = |name: &&String| names.iter().filter(|other| other == name).count() > 1;
    if let Some(twice) = names.iter().find(is_twice) {
        return Err(JokeArgsError::SourceTwice(twice.clone()));
    }
    let by_name = |name: &String| known.iter().find(|source| source.name == name);
    Ok(names.iter().filter_map(by_name).cloned().collect())
}

/// Splits lists into words, at Chinese commas and line breaks, too.
fn separate_words(lists: &[String]) -> Vec<String> {
    lists
        .iter()
        .flat_map(|list| list.split([',', '，', '、', '\n']))
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

fn source_name(text: &str) -> Result<String, JokeArgsError> {
    let names: Vec<_> = Source::known().iter().map(|source| source.name).collect();
    match text.trim() {
        name if name == NONE || names.contains(&name) => Ok(name.to_owned()),
        _ => Err(JokeArgsError::NoSuchSource(names)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_separated_by_commas_of_any_kind_and_lines_and_whitespace_around_does_not_count() {
        let lists = [" 坏词, spam ，a b、c\r\nd\n,,", "", "e"].map(str::to_owned);
        assert_eq!(
            separate_words(&lists),
            ["坏词", "spam", "a b", "c", "d", "e"]
        );
        assert_eq!(separate_words(&[" ".to_owned()]), Vec::<String>::new());
    }

    #[test]
    fn a_source_is_known_with_whitespace_around_it() {
        assert_eq!(source_name(" zol ").unwrap(), "zol");
        assert_eq!(source_name("\tnone").unwrap(), "none");
        assert_eq!(
            source_name("qiubai").unwrap_err().to_string(),
            "expected qiushidabaike, zol, biedoul, 60s or none"
        );
    }
}
