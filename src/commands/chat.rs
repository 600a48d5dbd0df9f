//! `daoxiao chat`: a talk with the bot in the terminal.

use std::{
    error::Error,
    io::{self, BufRead, IsTerminal, Write},
    net::TcpListener,
    process::ExitCode,
    sync::Arc,
    thread,
    time::Duration,
};

use clap::Args;
use rustyline::{Config, Editor, error::ReadlineError, history::MemHistory};

use super::{
    CommandError, FAILED, InputError, Notice, StartError, args::LogArgs, complain,
    joke_args::JokeArgs, printed, secrets,
};
use crate::{
    callback::Callback,
    language::{Say, say, spoken},
    server::{Server, Service},
    simulator::{Heard, Said, WeChat, caller::Caller, url::BotUrl},
};

/// The OpenID of whoever sits at the terminal.
const USER: &str = "oDaoxiaoChat";

const PROMPT: &str = "> ";

/// What ends the talk when it is typed at a terminal.
const LEAVE: [&str; 3] = ["quit", "exit", "退出"];

pub(super) const HELP: &str = "\
Each line is sent to the bot as a message of a WeChat user, and its answer is printed, or
(no answer) where it has none. At a terminal, lines can be edited, the arrow keys bring back
earlier ones, and quit, 退出 or Ctrl-D ends the talk. Lines can also be piped in. A line that
is refused or not heard is explained on standard error, the talk goes on, and the exit code
is 1 in the end. Of the log only errors are shown, unless --log says otherwise. With --url,
WECHAT_TOKEN must be the Token of the bot that runs there (and the key and AppID, if it has them).

Examples: daoxiao chat
          echo 笑话 | daoxiao chat
          WECHAT_TOKEN=mysecrettoken daoxiao chat --url http://127.0.0.1:8080/wechat";

/// Talk to the bot in this terminal, without an account and without a network
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct ChatArgs {
    /// Talk to the bot that runs here, not to one that is started for this talk
    #[arg(
        long,
        env = "DAOXIAO_URL",
        value_name = "URL",
        value_parser = spoken(str::parse::<BotUrl>)
    )]
    url: Option<BotUrl>,
    #[command(flatten)]
    jokes: JokeArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Talks until standard input ends: to the bot at this URL, or to one of its own.
pub(crate) fn run(args: ChatArgs) -> Result<ExitCode, CommandError> {
    // What the bot logs would stand between the lines of the talk.
    args.log.start_quietly();
    let caller = match args.url {
        Some(url) => Caller {
            url,
            wechat: secrets::wechat()?,
        },
        None => bot_of_its_own(args.jokes)?,
    };
    Talk {
        caller,
        is_quiet: args.log.quiet,
        failed: false,
    }
    .run()
}

/// Starts the server on a loopback port; it ends with this process.
fn bot_of_its_own(jokes: JokeArgs) -> Result<Caller, CommandError> {
    let token = secrets::run_token()?.token;
    let account = secrets::account(token, Duration::ZERO)?;
    let wechat = WeChat {
        token: account.token.clone(),
        crypt: account.crypt.clone(),
    };
    let jokes = jokes.settings()?;
    let service = Service {
        paths: vec!["/".to_owned()],
        callback: Callback::new(account),
        jokes,
    };
    let url = start(service).map_err(|error| CommandError::failure(StartError(error)))?;
    Ok(Caller { url, wechat })
}

fn start(service: Service) -> Result<BotUrl, Box<dyn Error + Send + Sync>> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let url = format!("http://{}/", listener.local_addr()?).parse()?;
    let mut server = Server::open(listener, service, Arc::default())?;
    thread::Builder::new()
        .name("bot".to_owned())
        .spawn(move || server.run())?;
    Ok(url)
}

/// One line, one answer.
struct Talk {
    caller: Caller,
    is_quiet: bool,
    /// Whether a line was refused or not heard.
    failed: bool,
}

impl Talk {
    fn run(mut self) -> Result<ExitCode, CommandError> {
        let mut out = io::stdout();
        let talked = if io::stdin().is_terminal() {
            self.answer_typed(&mut out)
        } else {
            self.answer_piped(&mut out)
        };
        match talked {
            Ok(()) if self.failed => Ok(ExitCode::from(FAILED)),
            outcome => printed(outcome),
        }
    }

    fn answer_typed(&mut self, out: &mut impl Write) -> io::Result<()> {
        let mut editor: Editor<(), _> =
            Editor::with_history(Config::default(), MemHistory::new()).map_err(io::Error::other)?;
        if !self.is_quiet {
            complain(say(&Notice::HowToLeave));
        }
        loop {
            match editor.readline(PROMPT) {
                Ok(line) if LEAVE.contains(&line.trim()) => return Ok(()),
                Ok(line) => {
                    // Without a history the talk goes on.
                    let _ = editor.add_history_entry(&line);
                    self.answer(line, out)?;
                }
                Err(ReadlineError::Eof | ReadlineError::Interrupted) => return Ok(()),
                Err(error) => {
                    self.complain(&InputError(io::Error::other(error)));
                    return Ok(());
                }
            }
        }
    }

    fn answer_piped(&mut self, out: &mut impl Write) -> io::Result<()> {
        for line in io::stdin().lock().split(b'\n') {
            match line {
                Ok(line) => {
                    // What is not UTF-8 is said as well as it can be.
                    let text = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(&line));
                    self.answer(text.into_owned(), out)?;
                }
                Err(error) => {
                    self.complain(&InputError(error));
                    break;
                }
            }
        }
        Ok(())
    }

    fn answer(&mut self, text: String, out: &mut impl Write) -> io::Result<()> {
        match self.caller.talk(USER, Said::Text(text)) {
            Ok(Heard::Acknowledged) => writeln!(out, "{}", say(&Notice::NoAnswer))?,
            Ok(Heard::Reply(reply)) => writeln!(out, "{}", reply.words())?,
            // The next line may fare better.
            Err(error) => self.complain(&error),
        }
        out.flush()
    }

    fn complain(&mut self, error: &dyn Say) {
        complain(say(&Notice::Error(error)));
        self.failed = true;
    }
}
