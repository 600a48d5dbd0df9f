//! `daoxiao say`: one message, as WeChat's server would send it.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use super::{FAILED, fail, printed};
use crate::{
    settings::{self, SettingError},
    simulator::{Heard, Said, post::Caller, url::BotUrl},
};

/// Settings of `say`.
#[derive(Debug)]
pub struct SaySettings {
    /// Where the bot is.
    pub url: BotUrl,
    /// The OpenID of the user who says it.
    pub user: String,
    /// What is said or done.
    pub said: Said,
    /// Whether the reply's XML is printed, not its text.
    pub raw: bool,
}

/// Sends the message and prints the reply.
pub fn run(settings: SaySettings) -> Result<ExitCode, SettingError> {
    let caller = Caller {
        url: settings.url,
        wechat: settings::wechat()?,
    };
    Ok(match caller.talk(&settings.user, settings.said) {
        Ok(heard) => printed(print(&heard, settings.raw)),
        Err(error) => fail(FAILED, &error),
    })
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
