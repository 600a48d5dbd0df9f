//! `daoxiao say`: sends one message, as WeChat's server would.

use std::{
    io::{self, IsTerminal, Read, Write},
    process::ExitCode,
};

use clap::{Args, builder::NonEmptyStringValueParser};
use serde_json::{Value, json};

use super::{
    CommandError, FAILED, NO_ANSWER, Notice, USAGE,
    doctor::{
        self,
        finding::{Diagnosis, Fix},
    },
    printed, secrets, to_stderr,
};
use crate::{
    language::{Localize, localized_errors},
    simulator::{BotReply, UserAction, url::BotUrl},
};

const HELP: &str = "\
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
    #[arg(long, value_name = "NAME", conflicts_with = "text", value_parser = NonEmptyStringValueParser::new())]
    event: Option<String>,
    /// The event's EventKey, such as the key of the menu item that was clicked
    #[arg(long, value_name = "KEY", requires = "event", conflicts_with = "text")]
    key: Option<String>,
    /// The OpenID of the user who sends it
    #[arg(long, value_name = "OPENID", default_value = "oDaoxiaoSay", value_parser = NonEmptyStringValueParser::new())]
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

/// Error in the words to send.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SayError {
    #[error("there is no message: give <TEXT>, or pass it on standard input")]
    NoWords,
    #[error("- reads standard input, and takes no more words")]
    Dash,
}

/// What came of a message; the outer error means that it was not sent.
type Outcome = Result<Result<BotReply, Diagnosis>, CommandError>;

/// Sends the message and prints the reply.
pub(crate) fn run(args: &SayArgs) -> Result<ExitCode, CommandError> {
    let outcome = send(args);
    let code = match &outcome {
        Ok(Ok(BotReply::Passive(_))) => 0,
        Ok(Ok(BotReply::Acknowledged)) => NO_ANSWER,
        Ok(Err(_)) => FAILED,
        Err(error) => error.code(),
    };
    let text = match outcome {
        outcome if args.json => json_of(&outcome).to_string(),
        _ if args.quiet && code != USAGE => return Ok(code.into()),
        Ok(Ok(BotReply::Passive(reply))) if args.raw => reply.xml,
        Ok(Ok(BotReply::Passive(reply))) => reply.printable_text(),
        Ok(Ok(BotReply::Acknowledged)) => {
            to_stderr(Notice::Accepted.localized());
            return Ok(code.into());
        }
        Ok(Err(diagnosis)) => return Err(CommandError::failure(diagnosis)),
        Err(error) => return Err(error),
    };
    printed(writeln!(io::stdout(), "{text}")).map(|_| code.into())
}

fn send(args: &SayArgs) -> Outcome {
    let action = match args.event.clone() {
        Some(name) => UserAction::Event {
            name,
            key: args.key.clone().unwrap_or_default(),
        },
        None => UserAction::Text(words(args)?),
    };
    let target = secrets::target(args.url.clone())?;
    let reply = doctor::deliver(&target, &args.user, action);
    Ok(reply.map_err(|seen| {
        if args.quiet {
            // Nobody is told the cause.
            let cause = seen.clone();
            Diagnosis { seen, cause }
        } else {
            doctor::diagnose(&target, seen)
        }
    }))
}

/// Returns the words of the command line, or those on standard input.
fn words(args: &SayArgs) -> Result<String, CommandError> {
    let words = match args.text.as_slice() {
        [dash, _, ..] if dash == "-" => return Err(CommandError::usage(SayError::Dash)),
        words if words.is_empty() || words == ["-"] => input(args.quiet)?,
        words => words.join(" "),
    };
    if words.trim().is_empty() {
        return Err(CommandError::usage(SayError::NoWords));
    }
    Ok(words)
}

/// Returns standard input without the last line break.
fn input(is_quiet: bool) -> Result<String, CommandError> {
    let mut input = io::stdin();
    if input.is_terminal() && !is_quiet {
        to_stderr(Notice::HowToEndSay.localized());
    }
    let mut bytes = Vec::new();
    let read = input.read_to_end(&mut bytes);
    read.map_err(CommandError::Input)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.strip_suffix('\n').unwrap_or(&text).to_owned())
}

fn json_of(outcome: &Outcome) -> Value {
    let (error, fix) = match outcome {
        Ok(Ok(BotReply::Passive(reply))) => {
            let (kind, text) = (reply.field("MsgType"), reply.field("Content"));
            return json!({
                "answered": true, "type": kind, "text": text, "encrypted": reply.encrypted,
                "xml": reply.xml,
            });
        }
        Ok(Ok(BotReply::Acknowledged)) => return json!({ "answered": false }),
        Ok(Err(diagnosis)) => (
            diagnosis.seen.localized(),
            Some(Fix(&diagnosis.cause).localized()),
        ),
        Err(error) => (error.localized(), None),
    };
    json!({ "answered": false, "error": error, "fix": fix })
}
