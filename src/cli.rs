//! The command line as a whole: which commands there are.

use std::{env, ffi::OsString, process::ExitCode};

use clap::{
    ArgAction, CommandFactory, Error, FromArgMatches, Parser, Subcommand,
    error::{ContextKind, ContextValue},
};

use crate::commands::{
    self,
    cgi::{self, CgiArgs},
    chat::{self, ChatArgs},
    doctor::{self, DoctorArgs},
    joke::{self, JokeCommand},
    say::{self, SayArgs},
    serve::{self, ServeArgs},
    sign::{self, SignArgs},
};

const HELP: &str = "\
Without a command, or with flags only, it serves: daoxiao --listen 0.0.0.0:80 means
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
    Serve(Box<ServeArgs>),
    Chat(Box<ChatArgs>),
    Say(SayArgs),
    Sign(SignArgs),
    Doctor(DoctorArgs),
    Joke(Box<JokeCommand>),
    Cgi(Box<CgiArgs>),
}

/// Reads the command line and does what it says.
pub fn run() -> ExitCode {
    let command = Cli::command().mut_subcommands(|command| {
        command.mut_args(|arg| match arg.get_action() {
            // A value may be a secret, or begin with a minus that is its own mistake.
            ArgAction::Set | ArgAction::Append => {
                arg.hide_env_values(true).allow_negative_numbers(true)
            }
            _ => arg,
        })
    });
    let cli = command
        .try_get_matches_from(with_command(env::args_os().collect()))
        .and_then(|matches| Cli::from_arg_matches(&matches))
        .unwrap_or_else(|error| name_variable(error).exit());
    let outcome = match cli.command {
        Command::Serve(args) => serve::run(*args),
        Command::Chat(args) => chat::run(*args),
        Command::Say(args) => say::run(args),
        Command::Sign(args) => sign::run(&args),
        Command::Doctor(args) => doctor::run(args),
        Command::Joke(args) => joke::run(*args),
        Command::Cgi(args) => cgi::run(*args),
    };
    outcome.unwrap_or_else(|error| commands::fail(&error))
}

/// Puts `serve` before flags that stand without a command. As flags of no command, a variable of
/// theirs that cannot be used would stop every command.
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
