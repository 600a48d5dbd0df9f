//! `daoxiao say`: one message, as WeChat's server would send it.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Args;

use super::{CommandError, printed, secrets};
use crate::simulator::{Heard, Said, post::Caller, url::BotUrl};

const HELP: &str = "\
WECHAT_TOKEN is the Token that the bot has; with WECHAT_ENCODING_AES_KEY and
WECHAT_APPID the message is encrypted, as WeChat does in secure mode.
Exit code: 0 answered, 1 refused or not reached, 2 wrong usage. Nothing is printed
where the bot took the message without an answer.

Examples: WECHAT_TOKEN=mysecrettoken daoxiao say 你好
          WECHAT_TOKEN=mysecrettoken daoxiao say --event CLICK --key 笑话";

/// Send one message to a bot, as WeChat's server would, and print the reply
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct SayArgs {
    /// The words of the message; several are joined by spaces
    #[arg(value_name = "TEXT", required_unless_present = "event")]
    text: Vec<String>,
    /// Where the bot is
    #[arg(
        long,
        env = "DAOXIAO_URL",
        value_name = "URL",
        default_value = "http://127.0.0.1:8080/wechat"
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

/// Sends the message and prints the reply.
pub(crate) fn run(args: SayArgs) -> Result<ExitCode, CommandError> {
    let said = match args.event {
        Some(name) => Said::Event {
            name,
            key: args.key.unwrap_or_default(),
        },
        None => Said::Text(args.text.join(" ")),
    };
    let caller = Caller {
        url: args.url,
        wechat: secrets::wechat()?,
    };
    let heard = caller
        .talk(&args.user, said)
        .map_err(CommandError::failure)?;
    printed(print(&heard, args.raw))
}

/// Nothing is printed where nothing was replied.
fn print(heard: &Heard, raw: bool) -> io::Result<()> {
    let Heard::Reply(reply) = heard else {
        return Ok(());
    };
    let mut out = io::stdout().lock();
    if raw {
        writeln!(out, "{}", reply.xml)
    } else {
        writeln!(out, "{}", reply.words())
    }
}
