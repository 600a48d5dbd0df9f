//! The command line of whoever plays WeChat (`chat`, `say`, `sign`, `doctor`), and of `cgi`.

use std::{process::ExitCode, time::Duration};

use clap::Args;
use log::LevelFilter;

use super::{DAY, LogArgs, joke::JokeArgs, number};
use crate::{
    commands::{self, say::SaySettings},
    logger,
    settings::SettingError,
    simulator::{Said, url::BotUrl},
};

pub(super) const CHAT_HELP: &str = "\
Each line is sent to the bot as a message of a WeChat user, and its answer is printed;
Ctrl-D ends the talk. Lines can also be piped in. A line that gets no answer is
explained on standard error, and the exit code is 1 in the end. Of the log only errors
are shown, unless --log says otherwise. With --url, WECHAT_TOKEN must be the
Token of the bot that runs there (and the key and AppID, if it has them).

Examples: daoxiao chat
          echo 笑话 | daoxiao chat
          WECHAT_TOKEN=mysecrettoken daoxiao chat --url http://127.0.0.1:8080/wechat";

pub(super) const SAY_HELP: &str = "\
WECHAT_TOKEN is the Token that the bot has; with WECHAT_ENCODING_AES_KEY and
WECHAT_APPID the message is encrypted, as WeChat does in secure mode.
Exit code: 0 answered, 1 refused or not reached, 2 wrong usage. Nothing is printed
where the bot took the message without an answer.

Examples: WECHAT_TOKEN=mysecrettoken daoxiao say 你好
          WECHAT_TOKEN=mysecrettoken daoxiao say --event CLICK --key 笑话";

pub(super) const SIGN_HELP: &str = "\
WECHAT_TOKEN is the Token that the bot has. A signature is good for a few minutes
(see `daoxiao serve --help`, --max-age).

Example: curl \"http://127.0.0.1:8080/wechat?$(daoxiao sign)&echostr=hello\"";

pub(super) const DOCTOR_HELP: &str = "\
WECHAT_TOKEN is the Token typed into the platform's form; for an account in secure mode
set WECHAT_ENCODING_AES_KEY and WECHAT_APPID, too. Each check is one line, ✓ or ✗; the last
line says what to do first. It works with any server, not with daoxiao alone.
Exit code: 0 all is well, 1 there is something to mend, 2 wrong usage.

Example: WECHAT_TOKEN=mysecrettoken daoxiao doctor http://bot.example.com/wechat";

pub(super) const CGI_HELP: &str = "\
A web server runs this for each request and chooses the path itself. The request is in the
variables REQUEST_METHOD, QUERY_STRING and CONTENT_LENGTH, its body on standard input;
the answer goes to standard output, the log to standard error. WECHAT_TOKEN must be set
(and the key and AppID, if the account has them).
What `serve` keeps in memory does not outlive a request here: jokes are fetched for each
asker, and WeChat's retries are answered anew.

Example, as a script in cgi-bin:
  #!/bin/sh
  WECHAT_TOKEN=mysecrettoken exec daoxiao cgi";

#[derive(Debug, Args)]
pub(super) struct ChatArgs {
    /// Talk to the bot that runs here, not to one that is started for this talk
    #[arg(long, value_name = "URL")]
    url: Option<BotUrl>,
    #[command(flatten)]
    jokes: JokeArgs,
    #[command(flatten)]
    log: LogArgs,
}

#[derive(Debug, Args)]
pub(super) struct SayArgs {
    /// The words of the message; several are joined by blanks
    #[arg(value_name = "TEXT", required_unless_present = "event")]
    text: Vec<String>,
    /// Where the bot is
    #[arg(
        long,
        env = "DAOXIAO_URL",
        value_name = "URL",
        default_value = "http://127.0.0.1:8080/wechat",
        hide_env_values = true
    )]
    url: BotUrl,
    /// Send an event instead of words: subscribe, unsubscribe, CLICK, VIEW, SCAN …
    #[arg(long, value_name = "NAME", conflicts_with = "text")]
    event: Option<String>,
    /// The event's EventKey, such as the key of the menu item that was clicked
    #[arg(long, value_name = "KEY", requires = "event", conflicts_with = "text")]
    key: Option<String>,
    /// The OpenID of the user who says it
    #[arg(long, value_name = "OPENID", default_value = "oDaoxiaoSay")]
    user: String,
    /// Print the XML of the reply (decrypted), not its text
    #[arg(long)]
    raw: bool,
}

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// What is typed, or to be typed, into the platform's form
    #[arg(value_name = "URL")]
    url: BotUrl,
}

#[derive(Debug, Args)]
pub(super) struct CgiArgs {
    /// How far a call's timestamp may be from now; 0 = any age
    #[arg(long, env = "DAOXIAO_MAX_AGE", value_name = "SECONDS", default_value = "300", hide_env_values = true, allow_negative_numbers = true, value_parser = number::<0, { 3650 * DAY }>)]
    max_age: u64,
    #[command(flatten)]
    jokes: JokeArgs,
    #[command(flatten)]
    log: LogArgs,
}

pub(super) fn chat(args: ChatArgs) -> Result<ExitCode, SettingError> {
    // What the bot logs would stand between the lines of the talk.
    logger::start(Some(args.log.log.unwrap_or(LevelFilter::Error)));
    commands::chat::run(args.url, &args.jokes.into())
}

pub(super) fn say(args: SayArgs) -> Result<ExitCode, SettingError> {
    let said = match args.event {
        Some(name) => Said::Event {
            name,
            key: args.key.unwrap_or_default(),
        },
        None => Said::Text(args.text.join(" ")),
    };
    commands::say::run(SaySettings {
        url: args.url,
        user: args.user,
        said,
        raw: args.raw,
    })
}

pub(super) fn cgi(args: CgiArgs) -> Result<ExitCode, SettingError> {
    logger::start(args.log.log);
    commands::cgi::run(Duration::from_secs(args.max_age), &args.jokes.into())
}

pub(super) fn doctor(args: DoctorArgs) -> Result<ExitCode, SettingError> {
    commands::doctor::run(args.url)
}
