//! The command line: commands and flags, each with its variable, into settings.

use std::{env, net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use clap::{
    Args, Error, Parser, Subcommand,
    error::{ContextKind, ContextValue},
};
use log::LevelFilter;

use crate::{
    commands::{self, serve::ServeSettings},
    joke::KNOWN_SOURCES,
    server::HEALTH_PATH,
    settings::{self, JokeOptions, SettingError},
    survival::Limits,
};

/// The longest `--joke-budget`: WeChat waits 5 s, and the answer has to reach it.
const MAX_JOKE_BUDGET_MS: u64 = 4000;

/// What the loop may need for a request beyond waiting for a joke, before it counts as stuck.
const REQUEST_ROOM: Duration = Duration::from_millis(1500);

const DAY: u64 = 24 * 60 * 60;

const SERVE_HELP: &str = "\
Secrets come from the environment only:
  WECHAT_TOKEN             the Token typed into the platform, 3 to 32 of A-Z a-z 0-9;
                           without it one is made up for this run and printed
  WECHAT_ENCODING_AES_KEY  the EncodingAESKey, 43 of A-Z a-z 0-9: switches encryption on
  WECHAT_APPID             the AppID that belongs to the key

Example: WECHAT_TOKEN=mysecrettoken daoxiao --listen 0.0.0.0:80";

const JOKE_HELP: &str = "\
The jokes are on standard output, a line % between two, as --jokes FILE takes them; where they
come from, and how many were left out and why, is on standard error.

Example: daoxiao joke --all --joke-url 'https://example.com/jokes/{1-50}.html' \\
             --joke-item 'li.joke' --joke-title h3 --joke-content 'div.text'";

/// A WeChat official-account bot: your words backwards, and a joke when asked.
///
/// Without a command it serves; `daoxiao chat` lets you talk to it here and now.
#[derive(Debug, Parser)]
#[command(name = "daoxiao", version, args_conflicts_with_subcommands = true, after_help = SERVE_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer WeChat's calls; the same as no command
    #[command(after_help = SERVE_HELP)]
    Serve(Box<ServeArgs>),
    /// Fetch jokes now and print them, to try out a source or a selector
    #[command(after_help = JOKE_HELP)]
    Joke(Box<JokeCommand>),
}

#[derive(Debug, Args)]
struct JokeCommand {
    /// Ask every source, not only until one has jokes, and print all their jokes
    #[arg(long)]
    all: bool,
    /// How many jokes to print, at random; of each source with --all [default: 1]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = number::<1, 1000>)]
    count: Option<u64>,
    #[command(flatten)]
    jokes: JokeArgs,
    #[command(flatten)]
    log: LogArgs,
}

#[derive(Debug, Args)]
struct ServeArgs {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, env = "DAOXIAO_LISTEN", value_name = "ADDR", default_value = "0.0.0.0:8080", hide_env_values = true, value_parser = address)]
    listen: SocketAddr,
    /// Path that WeChat calls; several are repeated or separated by commas
    #[arg(long, env = "DAOXIAO_PATH", value_name = "PATH", default_value = "/,/wechat", hide_env_values = true, value_delimiter = ',', value_parser = path)]
    path: Vec<String>,
    /// How far a call's timestamp may be from now; 0 = any age
    #[arg(long, env = "DAOXIAO_MAX_AGE", value_name = "SECONDS", default_value = "300", hide_env_values = true, allow_negative_numbers = true, value_parser = number::<0, { 3650 * DAY }>)]
    max_age: u64,
    /// Connections at a time
    #[arg(long, env = "DAOXIAO_MAX_CONNECTIONS", value_name = "N", default_value = "256", hide_env_values = true, allow_negative_numbers = true, value_parser = number::<8, 100_000>)]
    max_connections: u64,
    /// Memory above which the process starts over
    #[arg(long, env = "DAOXIAO_MAX_MEMORY", value_name = "MIB", default_value = "200", hide_env_values = true, allow_negative_numbers = true, value_parser = number::<32, 1_048_576>)]
    max_memory: u64,
    #[command(flatten)]
    jokes: JokeArgs,
    #[command(flatten)]
    log: LogArgs,
}

#[derive(Debug, Args)]
struct LogArgs {
    /// What to log on standard error: off, error, warn, info, debug or trace
    /// [default: the variable `RUST_LOG`, or info]
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    log: Option<LevelFilter>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Jokes")]
struct JokeArgs {
    /// Known sources in the order to try, or none: qiushidabaike, zol, biedoul, 60s
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
        hide_env_values = true,
        requires = "joke_url"
    )]
    joke_item: Option<String>,
    /// Selector of the title inside a joke
    #[arg(
        long,
        env = "DAOXIAO_JOKE_TITLE",
        value_name = "SELECTOR",
        hide_env_values = true,
        requires = "joke_item"
    )]
    joke_title: Option<String>,
    /// Selector of the text inside a joke
    #[arg(
        long,
        env = "DAOXIAO_JOKE_CONTENT",
        value_name = "SELECTOR",
        hide_env_values = true,
        requires = "joke_item"
    )]
    joke_content: Option<String>,
    /// Charset of that page, where the page itself says it wrongly
    #[arg(
        long,
        env = "DAOXIAO_JOKE_CHARSET",
        value_name = "NAME",
        hide_env_values = true,
        requires = "joke_url"
    )]
    joke_charset: Option<String>,
    /// Words; a fetched joke with one of them is left out
    #[arg(
        long,
        env = "DAOXIAO_JOKE_SKIP",
        value_name = "WORD",
        hide_env_values = true,
        value_delimiter = ','
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
    #[arg(long, env = "DAOXIAO_JOKE_BUDGET", value_name = "MS", default_value = "2500", hide_env_values = true, allow_negative_numbers = true, value_parser = number::<1, MAX_JOKE_BUDGET_MS>)]
    joke_budget: u64,
    /// How long fetched jokes are kept before new ones are fetched
    #[arg(long, env = "DAOXIAO_JOKE_TTL", value_name = "SECONDS", default_value = "600", hide_env_values = true, allow_negative_numbers = true, value_parser = number::<0, { 365 * DAY }>)]
    joke_ttl: u64,
}

/// Reads the command line and does what it says.
pub fn run() -> ExitCode {
    let cli = Cli::try_parse().unwrap_or_else(|error| name_variable(error).exit());
    let command = cli
        .command
        .unwrap_or_else(|| Command::Serve(Box::new(cli.serve)));
    let outcome = match command {
        Command::Serve(args) => serve(*args),
        Command::Joke(args) => joke(*args),
    };
    outcome.unwrap_or_else(|error| commands::fail(2, &error))
}

fn serve(args: ServeArgs) -> Result<ExitCode, SettingError> {
    commands::start_log(args.log.log);
    let budget = Duration::from_millis(args.jokes.joke_budget);
    let limits = Limits {
        connections: u32::try_from(args.max_connections).unwrap_or(u32::MAX),
        memory_mib: args.max_memory,
        request: budget + REQUEST_ROOM,
    };
    commands::serve::run(ServeSettings {
        listen: args.listen,
        paths: args.path,
        max_age: Duration::from_secs(args.max_age),
        limits,
        jokes: args.jokes.into(),
    })
}

fn joke(args: JokeCommand) -> Result<ExitCode, SettingError> {
    commands::start_log(args.log.log);
    let jokes = settings::jokes(&args.jokes.into())?;
    let count = args.count.or((!args.all).then_some(1));
    let count = count.and_then(|count| usize::try_from(count).ok());
    Ok(commands::joke::run(&jokes, args.all, count))
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
            skip: args.joke_skip,
            file: args.jokes,
            budget: Duration::from_millis(args.joke_budget),
            ttl: Duration::from_secs(args.joke_ttl),
        }
    }
}

/// Adds to an error about a flag's value that the value is its variable's, where it is.
fn name_variable(mut error: Error) -> Error {
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else {
        return error;
    };
    let flag = argument.split(' ').next().unwrap_or_default();
    let variable = flag
        .replacen("--", "DAOXIAO-", 1)
        .replace('-', "_")
        .to_uppercase();
    if env::var_os(&variable).is_some() && !env::args().any(|given| given.starts_with(flag)) {
        let tip = format!("the value is that of the variable {variable}");
        error.insert(
            ContextKind::Suggested,
            ContextValue::StyledStrs(vec![tip.into()]),
        );
    }
    error
}

fn number<const MIN: u64, const MAX: u64>(text: &str) -> Result<u64, String> {
    text.parse()
        .ok()
        .filter(|number| (MIN..=MAX).contains(number))
        .ok_or_else(|| format!("accepted is a whole number from {MIN} to {MAX}"))
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "accepted is an IP address with a port, such as 0.0.0.0:8080 or [::1]:8080".to_owned()
    })
}

fn path(text: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_graphic() && c != '?' && c != '#';
    if text == HEALTH_PATH {
        Err(format!(
            "{HEALTH_PATH} is where the bot says that it is there"
        ))
    } else if text.starts_with('/') && text.chars().all(is_plain) {
        Ok(text.to_owned())
    } else {
        Err("accepted is / or a path such as /wechat, of visible ASCII without ? and #".to_owned())
    }
}

fn level(text: &str) -> Result<LevelFilter, String> {
    text.parse()
        .map_err(|_| "accepted are off, error, warn, info, debug and trace".to_owned())
}

fn joke_source(text: &str) -> Result<String, String> {
    if text == "none" || KNOWN_SOURCES.contains(&text) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "accepted are {} and none",
            KNOWN_SOURCES.join(", ")
        ))
    }
}
