//! `daoxiao sign`: prints a signed query for `curl`.

use std::{
    io::{self, Write},
    process::ExitCode,
    time::SystemTime,
};

use clap::Args;

use super::{CommandError, printed, secrets};
use crate::simulator::target::stamp;

const HELP: &str = "\
Set WECHAT_TOKEN to the bot's Token. A signature is valid for a few minutes
(see --max-age in daoxiao serve --help).

Example: curl \"http://127.0.0.1:8080/wechat?$(daoxiao sign)&echostr=hello\"";

/// Print a signed query for curl: signature=…&timestamp=…&nonce=…
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct SignArgs {}

/// Prints `signature=…&timestamp=…&nonce=…`.
pub(crate) fn run(_: &SignArgs) -> Result<ExitCode, CommandError> {
    let query = stamp(SystemTime::now()).signed_query(&secrets::required_token()?);
    printed(writeln!(io::stdout(), "{query}"))
}
