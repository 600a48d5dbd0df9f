//! `daoxiao chat`: a talk with the bot in the terminal.

use std::{
    error::Error,
    fmt,
    io::{self, BufRead, IsTerminal, Write},
    net::TcpListener,
    process::ExitCode,
    sync::Arc,
    thread,
    time::Duration,
};

use clap::Args;

use super::{CommandError, FAILED, args::LogArgs, complain, joke_args::JokeArgs, printed, secrets};
use crate::{
    callback::Callback,
    server::{Server, Service},
    simulator::{Heard, Said, WeChat, post::Caller, url::BotUrl},
};

/// The OpenID of whoever sits at the terminal.
const USER: &str = "oDaoxiaoChat";

const PROMPT: &str = "> ";

/// Stands for an answer without words, so that each line has one.
const NO_WORDS: &str = "(no answer)";

const HELP: &str = "\
Each line is sent to the bot as a message of a WeChat user, and its answer is printed;
Ctrl-D ends the talk. Lines can also be piped in. A line that gets no answer is
explained on standard error, and the exit code is 1 in the end. Of the log only errors
are shown, unless --log says otherwise. With --url, WECHAT_TOKEN must be the
Token of the bot that runs there (and the key and AppID, if it has them).

Examples: daoxiao chat
          echo 笑话 | daoxiao chat
          WECHAT_TOKEN=mysecrettoken daoxiao chat --url http://127.0.0.1:8080/wechat";

/// Talk to the bot in this terminal, without an account and without a network
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct ChatArgs {
    /// Talk to the bot that runs here, not to one that is started for this talk
    #[arg(long, value_name = "URL")]
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
    Talk::new(caller).run()
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
    let url = start(service).map_err(CommandError::Failure)?;
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
    prompt: &'static str,
    /// Whether a line got no answer.
    failed: bool,
}

impl Talk {
    fn new(caller: Caller) -> Self {
        let at_terminal = io::stdin().is_terminal();
        Self {
            caller,
            prompt: if at_terminal { PROMPT } else { "" },
            failed: false,
        }
    }

    fn run(mut self) -> Result<ExitCode, CommandError> {
        match self.answer_lines(&mut io::stdout()) {
            Ok(()) if self.failed => Ok(ExitCode::from(FAILED)),
            outcome => printed(outcome),
        }
    }

    fn answer_lines(&mut self, out: &mut impl Write) -> io::Result<()> {
        self.show(out, "")?;
        for line in io::stdin().lock().split(b'\n') {
            let line = match line {
                Ok(line) => line,
                Err(error) => {
                    self.complain(&format_args!("standard input cannot be read: {error}"));
                    break;
                }
            };
            // What is not UTF-8 is said as well as it can be.
            let text = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(&line));
            match self.caller.talk(USER, Said::Text(text.into_owned())) {
                Ok(Heard::Acknowledged) => self.show(out, &format!("{NO_WORDS}\n"))?,
                Ok(Heard::Reply(reply)) => self.show(out, &format!("{}\n", reply.words()))?,
                Err(error) => {
                    self.complain(&error);
                    self.show(out, "")?;
                }
            }
        }
        let end = if self.prompt.is_empty() { "" } else { "\n" };
        out.write_all(end.as_bytes())
    }

    fn show(&self, out: &mut impl Write, words: &str) -> io::Result<()> {
        write!(out, "{words}{}", self.prompt)?;
        out.flush()
    }

    /// The next line may fare better.
    fn complain(&mut self, error: &dyn fmt::Display) {
        complain(format_args!("error: {error}"));
        self.failed = true;
    }
}
