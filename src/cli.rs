//! The command line as a whole, with all commands.

use std::{
    borrow::Cow,
    env,
    ffi::OsString,
    io::{self, Write},
    process::ExitCode,
};

use clap::{
    Arg, CommandFactory, Error, FromArgMatches, Parser, Subcommand,
    builder::Resettable,
    error::{ContextKind, ContextValue, ErrorKind},
};

use crate::{
    commands::{
        self, CommandError, USAGE, cgi, chat, completions, doctor, healthcheck, joke, man, say,
        secrets, serve, sign, words,
    },
    joke::shown,
    language::{self, Language, localized_errors},
    translations::help,
};

const HELP: &str = "\
Without a command, it serves: daoxiao --listen 0.0.0.0:80 is short for
daoxiao serve --listen 0.0.0.0:80. For flags and variables, see daoxiao serve --help.

Example: WECHAT_TOKEN=mysecrettoken daoxiao --listen 0.0.0.0:80";

/// A WeChat official-account bot: your words backwards, and a joke when asked.
///
/// Without a command it serves; `daoxiao chat` lets you talk to it here and now.
#[derive(Debug, Parser)]
#[command(
    name = "daoxiao",
    // With the commit and the date of the build where they are known.
    version = env!("DAOXIAO_VERSION"),
    override_usage = "daoxiao [COMMAND] [OPTIONS]",
    after_help = HELP,
    // Wrapped when it is printed: clap wraps at spaces, which Chinese does not have.
    term_width = 0
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// The language to speak: zh or en
    /// [default: by LC_ALL, LC_MESSAGES or LANG]
    #[arg(long, global = true, env = language::DAOXIAO_LANG, value_name = "LANG", value_parser = localized_errors(Language::parse))]
    lang: Option<Language>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(Box<serve::ServeArgs>),
    Chat(Box<chat::ChatArgs>),
    Say(say::SayArgs),
    Sign(sign::SignArgs),
    Doctor(doctor::DoctorArgs),
    Joke(Box<joke::JokeCommand>),
    Words(words::WordsCommand),
    Cgi(Box<cgi::CgiArgs>),
    Healthcheck(healthcheck::HealthcheckArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

/// Reads the command line and runs its command.
pub fn run() -> ExitCode {
    let mut arguments: Vec<OsString> = env::args_os().collect();
    let flag = take_language(&mut arguments);
    // Chosen before the command line is parsed, since its errors are in that language, too.
    Language::choose(flag.as_deref(), |name| env::var(name).ok()).set();
    let mut arguments = with_explicit_command(arguments);
    let named = |name| arguments.get(1) == Some(&OsString::from(name));
    let (is_cgi, is_service) = (named("cgi"), named("cgi") || named("serve"));
    // On both levels: on one without it, clap would read DAOXIAO_LANG, and refuse a wrong one.
    for place in [2, 1] {
        let flag = flag.as_ref().map(|flag| format!("--lang={flag}").into());
        let place = arguments.len().min(place);
        arguments.splice(place..place, flag);
    }
    let matches = command().try_get_matches_from(arguments);
    let result = match matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Err(page) if !page.use_stderr() => {
            commands::printed(writeln!(io::stdout(), "{}", help::page(&page.to_string())))
        }
        // The environment's mistakes first: of `X=value # comment` and `export X=value`, clap would
        // say only that a value is wrong.
        cli => match (secrets::check_environment(), cli) {
            (Err(error), _) if is_service => Err(error.into()),
            (_, Err(error)) => refuse(error),
            (_, Ok(cli)) => execute(cli),
        },
    };
    let code = result.unwrap_or_else(|error| commands::fail(&error));
    if is_cgi && code != ExitCode::SUCCESS {
        cgi::respond_not_set_up();
    }
    code
}

fn execute(cli: Cli) -> Result<ExitCode, CommandError> {
    match cli.command {
        Command::Serve(args) => serve::run(&args),
        Command::Chat(args) => chat::run(*args, cli.lang),
        Command::Say(args) => say::run(&args),
        Command::Sign(args) => sign::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Joke(args) => joke::run(&args),
        Command::Words(command) => words::run(&command),
        Command::Cgi(args) => cgi::run(&args),
        Command::Healthcheck(args) => healthcheck::run(&args),
        Command::Completions(args) => completions::run(&args, command()),
        Command::Man(args) => man::run(&args, command(), help::man_pages),
    }
}

/// Returns the command line, with help in the owner's language.
fn command() -> clap::Command {
    let command = Cli::command().mut_args(without_empty_variable);
    let command = command.mut_subcommands(|command| {
        command.mut_args(without_empty_variable).mut_args(|arg| {
            // A value may be a secret. A minus before a number is for the flag's parser to refuse.
            let has_value = arg.get_action().takes_values();
            arg.hide_env_values(has_value)
                .allow_negative_numbers(has_value)
        })
    });
    match Language::current() {
        Language::English => command,
        Language::Chinese => help::in_chinese(command),
    }
}

/// Takes an empty variable for none, as Docker Compose leaves one that is not set.
fn without_empty_variable(arg: Arg) -> Arg {
    let value = arg.get_env().and_then(env::var_os);
    if value.is_some_and(|value| value.is_empty()) {
        arg.env(Resettable::Reset)
    } else {
        arg
    }
}

/// Takes `--lang` out of the arguments, wherever it is, and returns its value. Without one it is
/// left for clap to refuse.
fn take_language(arguments: &mut Vec<OsString>) -> Option<String> {
    let texts = arguments.iter().map(|argument| argument.to_string_lossy());
    let texts: Vec<_> = texts.take_while(|text| text != "--").collect();
    let is_flag = |text: &Cow<'_, str>| text == "--lang" || text.starts_with("--lang=");
    let at = texts.iter().position(is_flag)?;
    let (value, end) = match texts.get(at)?.split_once('=') {
        Some((_, value)) => (value, at),
        None => (texts.get(at + 1)?.as_ref(), at + 1),
    };
    let value = (end == at || !value.starts_with('-')).then(|| value.to_owned())?;
    arguments.drain(at..=end);
    Some(value)
}

/// Puts the arguments as clap is to read them: flags without a command are those of `serve`, since
/// a bad variable for one of them would stop every other command if they belonged to the top level;
/// and `help serve` is `serve --help`.
fn with_explicit_command(mut arguments: Vec<OsString>) -> Vec<OsString> {
    while arguments.get(1).is_some_and(|first| first == "help") {
        arguments.remove(1);
        arguments.insert(arguments.len().min(2), "--help".into());
    }
    let first = arguments.get(1);
    let is_flag = first.is_none_or(|first| first.as_encoded_bytes().starts_with(b"-"));
    let about_all = ["-h", "--help", "-V", "--version"];
    let is_about_all = first.is_some_and(|first| about_all.iter().any(|flag| first == flag));
    if is_flag && !is_about_all {
        arguments.insert(arguments.len().min(1), "serve".into());
    }
    arguments
}

/// Prints what clap refuses, or returns the error of a secret in the command line.
fn refuse(mut error: Error) -> Result<ExitCode, CommandError> {
    if error.kind() == ErrorKind::UnknownArgument
        && let Some(secret) =
            secrets::on_command_line(help::context(&error, ContextKind::InvalidArg))
    {
        return Err(CommandError::usage(secret));
    }
    let variable = variable(&error);
    if help::context(&error, ContextKind::InvalidArg).contains("URL") {
        // It may have a key or a password in it.
        let url = shown(&help::context(&error, ContextKind::InvalidValue));
        error.insert(ContextKind::InvalidValue, ContextValue::String(url));
    }
    commands::print_error(&help::usage_error(error, variable.as_deref()));
    Ok(ExitCode::from(USAGE))
}

/// Returns the variable that a refused value is from, or that may be set in place of a missing one;
/// `None` if the value is from the command line.
fn variable(error: &Error) -> Option<String> {
    let argument = help::context(error, ContextKind::InvalidArg);
    let value = help::context(error, ContextKind::InvalidValue);
    let mut cli = Cli::command();
    cli.build();
    let mut all = cli
        .get_subcommands()
        .chain([&cli])
        .flat_map(clap::Command::get_arguments);
    let variable = all.find_map(|arg| arg.get_env().filter(|_| arg.to_string() == argument))?;
    let flag = argument.split(' ').next().unwrap_or_default();
    let is_given = env::args_os().any(|given| {
        let given = given.to_string_lossy();
        given.starts_with(flag) || given == value
    });
    let is_missing = error.kind() == ErrorKind::MissingRequiredArgument;
    let is_set = env::var_os(variable).is_some();
    ((is_missing || is_set) && !is_given).then(|| variable.to_string_lossy().into_owned())
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
