//! `daoxiao chat`: a talk with the bot in the terminal.

mod bot;
pub(crate) mod web;

use std::{
    io::{self, IsTerminal, Write},
    iter,
    net::{Ipv4Addr, SocketAddr},
    process::ExitCode,
};

use clap::Args;
use log::LevelFilter;
use rustyline::{DefaultEditor, error::ReadlineError};

use self::bot::Bot;
use super::{
    CommandError, FAILED, Notice,
    args::{LogArgs, ValueError, address, port_only},
    bot_args::BotArgs,
    doctor::{self, finding::Fault},
    lines, printed, to_stderr,
};
use crate::{
    language::{Language, Localize, localized_errors},
    logger::copies::LogCopies,
    simulator::{BotReply, UserAction, target::Target, url::BotUrl},
};

/// OpenID of the user at the terminal or the page.
const USER: &str = "oDaoxiaoChat";

const PROMPT: &str = "> ";

/// Words that end the talk at a terminal.
const LEAVE: [&str; 3] = ["quit", "exit", "退出"];

const HELP: &str = "\
Each line is sent to the bot as a WeChat user's message, and the answer is printed, or
(no answer) if there is none. At a terminal, lines can be edited, the arrow keys bring back
earlier ones, and quit, 退出 or Ctrl-D leaves. Lines can also be piped in. If a line is refused
or can't be delivered, standard error says why, the talk goes on, and the exit code is 1.
Only errors are logged, unless --log or RUST_LOG says otherwise. With --url, set WECHAT_TOKEN
to the Token of the bot that runs there (and the key and AppID, if it has them).

With --web, the talk is a page that only this machine can open. To open it on a phone, use
--listen 0.0.0.0:8081, and put this machine's address in place of 0.0.0.0 in the printed one.

Examples: daoxiao chat
          daoxiao chat --web
          echo 笑话 | daoxiao chat
          WECHAT_TOKEN=mysecrettoken daoxiao chat --url http://127.0.0.1:8080/wechat";

/// Talk to the bot in this terminal, without an account or a network
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct ChatArgs {
    /// Talk to the bot at this URL instead of starting one for the talk
    #[arg(long, env = "DAOXIAO_URL", value_name = "URL", value_parser = localized_errors(str::parse::<BotUrl>))]
    url: Option<BotUrl>,
    /// Talk in the browser, on a page that also shows what WeChat really sends
    #[arg(long)]
    web: bool,
    /// Port, or address and port, of the page; port 0 takes a free one. Beyond the loopback
    /// address, the page's address has a key in it
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8081", requires = "web", value_parser = localized_errors(page_address))]
    listen: SocketAddr,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    bot: BotArgs,
}

/// Parses the page's address; a port alone is one of the loopback address.
fn page_address(text: &str) -> Result<SocketAddr, ValueError> {
    match port_only(text) {
        Some(port) => Ok((Ipv4Addr::LOCALHOST, port).into()),
        None => address(text),
    }
}

/// Talks to the bot at `--url`, or to one started for the talk: on the page until the process ends,
/// or in the terminal until standard input does.
pub(crate) fn run(args: ChatArgs, language: Option<Language>) -> Result<ExitCode, CommandError> {
    if args.web {
        args.log.start(LevelFilter::Info)?;
        // The log of a bot elsewhere is not in this process.
        let log = args.url.is_none().then(LogCopies::start);
        let bot = Bot::open(args.url, args.bot)?;
        return web::run(args.listen, language, bot, log);
    }
    // More log lines would get between those of the talk.
    args.log.start(LevelFilter::Error)?;
    let bot = Bot::open(args.url, args.bot)?;
    talk(&bot.target, args.log.quiet)
}

/// Talks in the terminal: one answer to each line.
fn talk(target: &Target, is_quiet: bool) -> Result<ExitCode, CommandError> {
    let lines: Box<dyn Iterator<Item = _>> = if io::stdin().is_terminal() {
        if !is_quiet {
            to_stderr(Notice::HowToLeave.localized());
        }
        Box::new(typed_lines().map_err(CommandError::Input)?)
    } else {
        Box::new(lines())
    };
    let mut last_fault = None;
    for line in lines {
        let text = line.map_err(CommandError::Input)?;
        let answered = answer(target, text, &mut last_fault);
        if answered.is_err() {
            return printed(answered);
        }
    }
    Ok(last_fault.map_or(ExitCode::SUCCESS, |_| FAILED.into()))
}

/// Sends a line and prints the answer, or the fault that there is in place of one. The last fault
/// was explained already; the same one again, also after answers, is only named.
fn answer(target: &Target, text: String, last_fault: &mut Option<Fault>) -> io::Result<()> {
    let mut out = io::stdout();
    match doctor::deliver(target, USER, UserAction::Text(text)) {
        Ok(BotReply::Acknowledged) => writeln!(out, "{}", Notice::NoAnswer.localized())?,
        Ok(BotReply::Passive(reply)) => writeln!(out, "{}", reply.printable_text())?,
        // The next line may succeed.
        Err(fault) if last_fault.as_ref() == Some(&fault) => {
            to_stderr(Notice::Error(&fault).localized());
        }
        Err(fault) => {
            *last_fault = Some(fault.clone());
            let diagnosis = doctor::diagnose(target, fault);
            to_stderr(Notice::Error(&diagnosis).localized());
        }
    }
    out.flush()
}

/// Returns the lines typed at a terminal, until the user leaves.
fn typed_lines() -> io::Result<impl Iterator<Item = io::Result<String>>> {
    let mut editor = DefaultEditor::new().map_err(io::Error::other)?;
    Ok(iter::from_fn(move || match editor.readline(PROMPT) {
        Ok(line) if LEAVE.contains(&line.trim().to_lowercase().as_str()) => None,
        Ok(line) => {
            // The talk goes on without a history.
            let _ = editor.add_history_entry(&line);
            Some(Ok(line))
        }
        Err(ReadlineError::Eof | ReadlineError::Interrupted) => None,
        Err(error) => Some(Err(io::Error::other(error))),
    }))
}
