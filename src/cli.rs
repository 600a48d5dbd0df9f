//! The command line as a whole, with all commands.

use std::{
    env,
    ffi::OsString,
    io::{self, Write},
    process::ExitCode,
};

use clap::{
    Arg, ArgAction, CommandFactory, Error, FromArgMatches, Parser, Subcommand,
    builder::Resettable,
    error::{ContextKind, ContextValue, ErrorKind},
};

use crate::{
    commands::{
        self, CommandError, USAGE,
        cgi::{self, CgiArgs},
        chat::{self, ChatArgs},
        completions::{self, CompletionsArgs},
        doctor::{self, DoctorArgs},
        healthcheck::{self, HealthcheckArgs},
        joke::{self, JokeCommand},
        man::{self, ManArgs},
        say::{self, SayArgs},
        secrets,
        serve::{self, ServeArgs},
        sign::{self, SignArgs},
        words::{self, WordsCommand},
    },
    language::{self, Language, spoken},
    wording::help,
};

const HELP: &str = "\
Without a command, it serves: daoxiao --listen 0.0.0.0:80 is short for
daoxiao serve --listen 0.0.0.0:80. For flags and variables, see daoxiao serve --help.

Example: WECHAT_TOKEN=mysecrettoken daoxiao --listen 0.0.0.0:80";

/// The program's version, with the commit and the date of its build where they are known.
const VERSION: &str = env!("DAOXIAO_VERSION");

/// A WeChat official-account bot: your words backwards, and a joke when asked.
///
/// Without a command it serves; `daoxiao chat` lets you talk to it here and now.
#[derive(Debug, Parser)]
#[command(
    name = "daoxiao",
    version = VERSION,
    override_usage = "daoxiao [COMMAND] [OPTIONS]",
    after_help = HELP,
    max_term_width = help::MAX_WIDTH
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// The language to speak: zh or en
    /// [default: by `LC_ALL`, `LC_MESSAGES` or `LANG`]
    #[arg(long, global = true, env = language::VARIABLE, value_name = "LANG", value_parser = spoken(Language::parse))]
    lang: Option<Language>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(Box<ServeArgs>),
    Chat(Box<ChatArgs>),
    Say(SayArgs),
    Sign(SignArgs),
    Doctor(DoctorArgs),
    Joke(Box<JokeCommand>),
    Words(WordsCommand),
    Cgi(Box<CgiArgs>),
    Healthcheck(HealthcheckArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
}

/// Reads the command line and runs its command.
pub fn run() -> ExitCode {
    let arguments = with_command(env::args_os().collect());
    // Chosen before the command line is parsed, since its errors are in that language, too.
    let flag = language_flag(&arguments);
    Language::choose(flag.as_deref(), |name| env::var(name).ok()).set();
    let named = |name| arguments.get(command_place(&arguments)) == Some(&OsString::from(name));
    let (is_cgi, is_bot) = (named("cgi"), named("cgi") || named("serve"));
    let matches = command().try_get_matches_from(arguments);
    let code = match matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Err(page) if !page.use_stderr() => refuse(page),
        // A comment behind a value says more than that the value is wrong.
        cli => match (secrets::check_environment(), cli) {
            (Err(error), _) if is_bot => commands::fail(&error.into()),
            (_, Err(error)) => refuse(error),
            (_, Ok(cli)) => execute(cli).unwrap_or_else(|error| commands::fail(&error)),
        },
    };
    if is_cgi && code != ExitCode::SUCCESS {
        cgi::refuse();
    }
    code
}

fn execute(cli: Cli) -> Result<ExitCode, CommandError> {
    match cli.command {
        Command::Serve(args) => serve::run(*args),
        Command::Chat(args) => chat::run(*args, cli.lang),
        Command::Say(args) => say::run(&args),
        Command::Sign(args) => sign::run(&args),
        Command::Doctor(args) => doctor::run(args),
        Command::Joke(args) => joke::run(*args),
        Command::Words(command) => words::run(&command),
        Command::Cgi(args) => cgi::run(*args),
        Command::Healthcheck(args) => healthcheck::run(&args),
        Command::Completions(args) => completions::run(&args, command()),
        Command::Man(args) => man::run(&args, command()),
    }
}

/// Returns the command line, with help in the owner's language.
fn command() -> clap::Command {
    let command = Cli::command().mut_args(without_empty_variable);
    let command = command.mut_subcommands(|command| {
        let command = command.mut_args(without_empty_variable);
        command.mut_args(|arg| match arg.get_action() {
            // A value may be a secret. A minus before a number is for the flag's parser to refuse.
            ArgAction::Set | ArgAction::Append => {
                arg.hide_env_values(true).allow_negative_numbers(true)
            }
            _ => arg,
        })
    });
    match Language::current() {
        Language::English => command,
        Language::Chinese => help::in_chinese(command),
    }
}

/// Takes an empty variable for none, as what composes containers leaves it.
fn without_empty_variable(arg: Arg) -> Arg {
    let value = arg.get_env().and_then(env::var_os);
    if value.is_some_and(|value| value.is_empty()) {
        arg.env(Resettable::Reset)
    } else {
        arg
    }
}

/// Returns the value of `--lang`, which is needed before the command line is parsed.
fn language_flag(arguments: &[OsString]) -> Option<String> {
    let arguments = arguments.iter().map(|argument| argument.to_string_lossy());
    let mut flags = arguments.take_while(|argument| argument != "--");
    let flag = flags.find(|flag| flag == "--lang" || flag.starts_with("--lang="))?;
    match flag.strip_prefix("--lang=") {
        Some(name) => Some(name.to_owned()),
        None => flags.next().map(String::from),
    }
}

/// Returns where the command is named, if it is: `--lang` may come before it.
fn command_place(arguments: &[OsString]) -> usize {
    match arguments.get(1) {
        Some(first) if first == "--lang" => 3,
        Some(first) if first.as_encoded_bytes().starts_with(b"--lang=") => 2,
        _ => 1,
    }
}

/// Inserts `serve` before flags without a command. If its flags belonged to the top level, a bad
/// variable for one of them would stop every other command, too.
fn with_command(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let place = command_place(&arguments);
    let serves = arguments.get(place).is_none_or(|first| {
        let about_all = ["-h", "--help", "-V", "--version"];
        let is_about_all = about_all.iter().any(|flag| first == flag);
        first.as_encoded_bytes().starts_with(b"-") && !is_about_all
    });
    if serves {
        arguments.insert(arguments.len().min(place), "serve".into());
    }
    arguments
}

/// Prints the error in the command line, or the help or version that was asked for.
fn refuse(mut error: Error) -> ExitCode {
    if error.kind() == ErrorKind::UnknownArgument
        && let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg)
        && let Some(secret) = secrets::on_command_line(flag)
    {
        return commands::fail(&CommandError::usage(secret));
    }
    if !error.use_stderr() {
        let page = match Language::current() {
            Language::English => error.to_string(),
            Language::Chinese => help::page_in_chinese(&error.to_string()) + "\n",
        };
        let printed = commands::printed(write!(io::stdout(), "{page}"));
        return printed.unwrap_or_else(|error| commands::fail(&error));
    }
    let variable = variable(&error);
    commands::give_up(&match Language::current() {
        Language::English => {
            if let Some(name) = variable {
                let tip = format!("the value is from the variable {name}").into();
                let tips = ContextValue::StyledStrs(vec![tip]);
                error.insert(ContextKind::Suggested, tips);
            }
            error.to_string()
        }
        Language::Chinese => {
            let from = variable.map(|name| format!("（来自环境变量 {name}）"));
            let text = help::error_in_chinese(&error) + &from.unwrap_or_default();
            format!("错误：{text}\n用法见 --help。")
        }
    });
    ExitCode::from(USAGE)
}

/// Returns the variable that a refused value is from; `None` if it is from the command line.
fn variable(error: &Error) -> Option<String> {
    let argument = help::context(error, &[ContextKind::InvalidArg]);
    let value = help::context(error, &[ContextKind::InvalidValue]);
    let flag = argument.split(' ').next().unwrap_or_default();
    let name = flag.trim_matches(['<', '>', '-']).replace('-', "_");
    let variable = format!("DAOXIAO_{}", name.to_uppercase());
    let is_given = env::args_os().any(|given| {
        let given = given.to_string_lossy();
        given.starts_with(flag) || given == value
    });
    (env::var_os(&variable).is_some() && !is_given).then_some(variable)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns whether a text has Hanzi.
    fn is_chinese(text: &str) -> bool {
        text.chars().any(|char| ('一'..='龥').contains(&char))
    }

    #[test]
    fn every_command_and_every_flag_has_its_help_in_chinese() {
        let cli = help::in_chinese(Cli::command());
        let commands = cli.get_subcommands().chain([&cli]);
        for command in commands {
            let name = command.get_name();
            let about = command.get_about().map(ToString::to_string);
            assert!(is_chinese(&about.unwrap_or_default()), "{name}");
            if name != "help" {
                let after = command.get_after_help().map(ToString::to_string);
                assert!(is_chinese(&after.unwrap_or_default()), "{name}");
            }
            for arg in command.get_arguments() {
                let text = arg.get_help().map(ToString::to_string).unwrap_or_default();
                assert!(is_chinese(&text), "{name} {}: {text:?}", arg.get_id());
            }
        }
    }
}
