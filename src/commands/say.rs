//! `daoxiao say`: sends one message, as WeChat's server would.

use std::{
    io::{self, IsTerminal, Read, Write},
    process::ExitCode,
};

use clap::Args;
use serde_json::json;

use super::{
    CommandError, FAILED, InputError, NO_ANSWER, Notice, USAGE,
    doctor::{
        self,
        finding::{Fix, Refusal},
    },
    printed,
    secrets::{self, EnvironmentError},
    to_stderr,
};
use crate::{
    language::{Localize, localized_errors},
    simulator::{Heard, Said, caller::Caller, url::BotUrl},
};

pub(super) const HELP: &str = "\
Without TEXT, or with -, the message is read from standard input.
Set WECHAT_TOKEN to the bot's Token; with WECHAT_ENCODING_AES_KEY and WECHAT_APPID, the
message is encrypted, as WeChat does in secure mode.
Exit code: 0 answered, 1 refused or not delivered, 2 wrong usage, 3 accepted without an
answer, with nothing on standard output. The fields of --json: docs/json.md.

Examples: WECHAT_TOKEN=mysecrettoken daoxiao say 你好
          date | WECHAT_TOKEN=mysecrettoken daoxiao say
          WECHAT_TOKEN=mysecrettoken daoxiao say --event CLICK --key 笑话";

/// Send one message to a bot, as WeChat's server would, and print the reply
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct SayArgs {
    /// The message; several words are joined by spaces; without any, or with -, it is read from
    /// standard input
    #[arg(value_name = "TEXT")]
    text: Vec<String>,
    /// Where the bot is
    #[arg(long, env = "DAOXIAO_URL", value_name = "URL", default_value = "http://127.0.0.1:8080/wechat", value_parser = localized_errors(str::parse::<BotUrl>))]
    url: BotUrl,
    /// Send an event instead of a text: subscribe, unsubscribe, CLICK, VIEW, SCAN …
    #[arg(long, value_name = "NAME", conflicts_with = "text")]
    event: Option<String>,
    /// The event's EventKey, such as the key of the menu item that was clicked
    #[arg(long, value_name = "KEY", requires = "event", conflicts_with = "text")]
    key: Option<String>,
    /// The OpenID of the user who sends it
    #[arg(long, value_name = "OPENID", default_value = "oDaoxiaoSay")]
    user: String,
    /// Print the XML of the reply (decrypted), not its text
    #[arg(long)]
    raw: bool,
    /// Print one JSON object, whatever happens
    #[arg(long, conflicts_with = "raw")]
    json: bool,
    /// Print nothing; the exit code tells
    #[arg(long, short, conflicts_with_all = ["raw", "json"])]
    quiet: bool,
}

/// Error in sending a message, or in its answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SayError {
    #[error("there is no message: give <TEXT>, or pass it on standard input")]
    NoWords,
    #[error("- reads standard input, and takes no more words")]
    Dash,
    #[error(transparent)]
    Input(#[from] InputError),
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    #[error(transparent)]
    Refused(#[from] Box<Refusal>),
}

impl SayError {
    fn code(&self) -> u8 {
        match self {
            Self::NoWords | Self::Dash | Self::Environment(_) => USAGE,
            _ => FAILED,
        }
    }
}

/// Sends the message and prints the reply.
pub(crate) fn run(args: &SayArgs) -> Result<ExitCode, CommandError> {
    let heard = talk(args);
    if args.json {
        return print_json(&heard);
    }
    let failed = heard.as_ref().err().map(SayError::code);
    if let Some(code) = failed.filter(|code| args.quiet && *code != USAGE) {
        return Ok(ExitCode::from(code));
    }
    let heard = heard.map_err(|error| match error.code() {
        USAGE => CommandError::usage(error),
        _ => CommandError::failure(error),
    });
    match heard? {
        Heard::Acknowledged => {
            if !args.quiet {
                to_stderr(Notice::Accepted.localized());
            }
            Ok(ExitCode::from(NO_ANSWER))
        }
        Heard::Reply(_) if args.quiet => Ok(ExitCode::SUCCESS),
        Heard::Reply(reply) if args.raw => printed(writeln!(io::stdout(), "{}", reply.xml)),
        Heard::Reply(reply) => printed(writeln!(io::stdout(), "{}", reply.words())),
    }
}

fn talk(args: &SayArgs) -> Result<Heard, SayError> {
    let said = match args.event.clone() {
        Some(name) => Said::Event {
            name,
            key: args.key.clone().unwrap_or_default(),
        },
        None => Said::Text(words(args)?),
    };
    let caller = Caller {
        url: args.url.clone(),
        wechat: secrets::wechat()?,
    };
    let heard = doctor::talk(&caller, &args.user, said);
    let heard = heard.map_err(|seen| {
        if args.quiet {
            // Nobody is told the cause.
            let cause = seen.clone();
            Refusal { seen, cause }
        } else {
            doctor::refusal(&caller, seen)
        }
    });
    Ok(heard.map_err(Box::new)?)
}

/// Returns the words of the command line, or those on standard input without the last line break.
fn words(args: &SayArgs) -> Result<String, SayError> {
    match args.text.as_slice() {
        [] => {}
        [first, rest @ ..] if first == "-" => {
            if !rest.is_empty() {
                return Err(SayError::Dash);
            }
        }
        words => return some_words(&words.join(" ")),
    }
    let mut input = io::stdin();
    if input.is_terminal() && !args.quiet {
        to_stderr(Notice::HowToEndSay.localized());
    }
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes).map_err(InputError)?;
    let text = String::from_utf8_lossy(&bytes);
    some_words(text.strip_suffix('\n').unwrap_or(&text))
}

fn some_words(text: &str) -> Result<String, SayError> {
    if text.trim().is_empty() {
        return Err(SayError::NoWords);
    }
    Ok(text.to_owned())
}

fn print_json(heard: &Result<Heard, SayError>) -> Result<ExitCode, CommandError> {
    let (object, code) = match heard {
        Ok(Heard::Reply(reply)) => {
            let (kind, text) = (reply.field("MsgType"), reply.field("Content"));
            let object = json!({
                "answered": true, "type": kind, "text": text, "encrypted": reply.encrypted,
                "xml": reply.xml,
            });
            (object, 0)
        }
        Ok(Heard::Acknowledged) => (json!({ "answered": false }), NO_ANSWER),
        Err(error) => {
            let (text, fix) = match error {
                SayError::Refused(refusal) => (
                    refusal.seen.localized(),
                    Some(Fix(&refusal.cause).localized()),
                ),
                error => (error.localized(), None),
            };
            let object = json!({ "answered": false, "error": text, "fix": fix });
            (object, error.code())
        }
    };
    printed(writeln!(io::stdout(), "{object}")).map(|_| code.into())
}
