//! The command line: commands and flags, each with its variable, into settings.

mod joke;
mod talk;

use std::{env, ffi::OsString, net::SocketAddr, process::ExitCode, time::Duration};

use clap::{
    Args, Error, Parser, Subcommand,
    error::{ContextKind, ContextValue},
};
use log::LevelFilter;

use self::{
    joke::{JokeArgs, JokeCommand},
    talk::{CgiArgs, ChatArgs, DoctorArgs, SayArgs},
};
use crate::{
    commands::{self, serve::ServeSettings},
    logger,
    server::HEALTH_PATH,
    settings::SettingError,
    survival::Limits,
};

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

const HELP: &str = "\
Without a command, or with flags alone, it serves: daoxiao --listen 0.0.0.0:80 means
daoxiao serve --listen 0.0.0.0:80. The flags and variables: daoxiao serve --help.

Example: WECHAT_TOKEN=mysecrettoken daoxiao --listen 0.0.0.0:80";

/// A WeChat official-account bot: your words backwards, and a joke when asked.
///
/// Without a command it serves; `daoxiao chat` lets you talk to it here and now.
#[derive(Debug, Parser)]
#[command(name = "daoxiao", version, override_usage = "daoxiao [COMMAND] [OPTIONS]", after_help = HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer WeChat's calls; the same as no command
    #[command(after_help = SERVE_HELP)]
    Serve(Box<ServeArgs>),
    /// Talk to the bot in this terminal, without an account and without a network
    #[command(after_help = talk::CHAT_HELP)]
    Chat(Box<ChatArgs>),
    /// Send one message to a bot, as WeChat's server would, and print the reply
    #[command(after_help = talk::SAY_HELP)]
    Say(SayArgs),
    /// Print a signed query for curl: signature=…&timestamp=…&nonce=…
    #[command(after_help = talk::SIGN_HELP)]
    Sign,
    /// Find out why WeChat and a server do not get along
    #[command(after_help = talk::DOCTOR_HELP)]
    Doctor(DoctorArgs),
    /// Fetch jokes now and print them, to try out a source or a selector
    #[command(after_help = joke::JOKE_HELP)]
    Joke(Box<JokeCommand>),
    /// Answer one request of a web server that speaks CGI
    #[command(after_help = talk::CGI_HELP)]
    Cgi(Box<CgiArgs>),
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

/// Reads the command line and does what it says.
pub fn run() -> ExitCode {
    let cli = Cli::try_parse_from(with_command(env::args_os().collect()))
        .unwrap_or_else(|error| name_variable(error).exit());
    let outcome = match cli.command {
        Command::Serve(args) => serve(*args),
        Command::Chat(args) => talk::chat(*args),
        Command::Say(args) => talk::say(args),
        Command::Sign => commands::sign::run(),
        Command::Doctor(args) => talk::doctor(args),
        Command::Joke(args) => joke::joke(*args),
        Command::Cgi(args) => talk::cgi(*args),
    };
    outcome.unwrap_or_else(|error| commands::fail(commands::USAGE, &error))
}

/// Puts `serve` before flags that stand alone. As flags of no command, a variable of theirs that
/// cannot be used would stop every command.
fn with_command(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let is_about_all = |first: &OsString| {
        let general = ["-h", "--help", "-V", "--version"];
        general.iter().any(|flag| first == flag)
    };
    let serves = arguments
        .get(1)
        .is_none_or(|first| first.as_encoded_bytes().starts_with(b"-") && !is_about_all(first));
    if serves {
        arguments.insert(arguments.len().min(1), "serve".into());
    }
    arguments
}

fn serve(args: ServeArgs) -> Result<ExitCode, SettingError> {
    logger::start(args.log.log);
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
