//! `daoxiao joke`: fetches jokes now and prints them, for trying out a source or a selector.

use std::{
    io::{self, Write},
    process::ExitCode,
    sync::Arc,
};

use clap::Args;
use log::LevelFilter;

use super::{
    CommandError, Notice,
    args::{LogArgs, number},
    joke_args::JokeArgs,
    printed, to_stderr,
};
use crate::{
    joke::{to_fortune, try_sources},
    language::{Localize, localized_errors},
};

const HELP: &str = "\
The jokes are on standard output, a line % between two, as --jokes FILE takes them; where they
come from, what the answer was taken for, and how many were left out and why, is on standard error.
--jokes FILE --joke-source none prints the jokes in a file.

Plain text, feeds and the usual JSON need no selector. In HTML and XML a selector names elements as
in CSS, by parts without a space between them: tag (or *), .class, #id, [attr], [attr=value],
[attr^=beginning], [attr*=part]; a value with a ] in it is quoted; a comma stands between two.
  dl.joke dd      a dd anywhere inside a dl of the class joke
  dl.joke > dd    a dd directly inside it
  > dd            as title or content: directly inside the item
In JSON it is a path, such as data.list or, inside the item, content; several are joined by lines,
as setup,punchline. Without --joke-content all of the item but its title is the joke.
--joke-link follows a link on the page, and --joke-content says what the joke is there.
{1-50} in the URL stands for a number from 1 to 50 ({01-50}: two digits), another one for each fetch.
--joke-charset is needed only where the jokes come out garbled. A URL with a key in it is better
set as DAOXIAO_JOKE_URL: others on the machine can read a command line.

Examples: daoxiao joke --joke-url 'https://60s.viki.moe/v2/duanzi'
          daoxiao joke --all --joke-url 'https://example.com/jokes/{1-50}.html' \\
             --joke-item 'li.joke' --joke-title h3 --joke-content 'div.text'";

/// Fetch jokes now and print them, to try out a source or a selector
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct JokeCommand {
    /// Ask every source, not only until one has jokes, and print all their jokes
    #[arg(long)]
    all: bool,
    /// How many jokes to print, at random; of each source with --all [default: 1]
    #[arg(long, value_name = "N", value_parser = localized_errors(number::<usize, 1, 1000>))]
    count: Option<usize>,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    jokes: JokeArgs,
}

/// Reason that no joke is printed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JokeError {
    #[error("no joke: there is no source, and no --jokes file")]
    NoSource,
    #[error("no joke: see above what each source said")]
    NoJoke,
}

/// Asks the sources in turn until one has jokes, or all of them, and prints jokes of each in
/// fortune format, with where they came from on standard error. Without sources, prints the
/// owner's.
pub(crate) fn run(args: &JokeCommand) -> Result<ExitCode, CommandError> {
    args.log.start(LevelFilter::Info)?;
    let settings = args.jokes.settings(&Arc::default())?;
    if let Some(file) = &args.jokes.jokes {
        let jokes = settings.own.len();
        to_stderr(Notice::OwnJokes { file, jokes }.localized());
    }
    match settings.sources.as_slice() {
        [] if settings.own.is_empty() => return Err(CommandError::failure(JokeError::NoSource)),
        [] => return print(&choose(settings.own, args.count)),
        _ => {}
    }
    let count = args.count.or((!args.all).then_some(1));
    let results = try_sources(settings, args.all);
    for result in &results {
        to_stderr(result.localized());
    }
    let found = results.into_iter().filter_map(|result| result.outcome.ok());
    let jokes: Vec<String> = found.flat_map(|found| choose(found.jokes, count)).collect();
    if jokes.is_empty() {
        return Err(CommandError::failure(JokeError::NoJoke));
    }
    print(&jokes)
}

/// Returns `count` jokes at random, or all in order.
fn choose(mut jokes: Vec<String>, count: Option<usize>) -> Vec<String> {
    if let Some(count) = count {
        fastrand::shuffle(&mut jokes);
        jokes.truncate(count);
    }
    jokes
}

fn print(jokes: &[String]) -> Result<ExitCode, CommandError> {
    printed(writeln!(io::stdout(), "{}", to_fortune(jokes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jokes() -> Vec<String> {
        (1..=9).map(|n| format!("joke {n}\n%")).collect()
    }

    #[test]
    fn all_jokes_come_in_order_and_some_at_random() {
        assert_eq!(choose(jokes(), None), jokes());
        assert_eq!(choose(jokes(), Some(99)).len(), 9);
        let mut two = choose(jokes(), Some(2));
        two.dedup();
        assert_eq!(two.len(), 2);
    }
}
