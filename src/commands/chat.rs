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

use super::{FAILED, complain, fail, printed};
use crate::{
    callback::Callback,
    joke::Jokes,
    server::{Server, Service},
    settings::{self, JokeOptions, SettingError},
    simulator::{Heard, Said, WeChat, post::Caller, url::BotUrl},
    survival::Pulse,
};

/// The OpenID of whoever sits at the terminal.
const USER: &str = "oDaoxiaoChat";

const PROMPT: &str = "> ";

/// Stands for an answer without words, so that each line has one.
const NO_WORDS: &str = "(no answer)";

/// Talks until standard input ends: to the bot at this URL, or to one of its own.
pub fn run(url: Option<BotUrl>, jokes: &JokeOptions) -> Result<ExitCode, SettingError> {
    let caller = match url {
        Some(url) => Ok(Caller {
            url,
            wechat: settings::wechat()?,
        }),
        None => bot_of_its_own(jokes)?,
    };
    Ok(match caller {
        Ok(caller) => Talk::new(caller).run(),
        Err(error) => fail(FAILED, &error),
    })
}

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Starts the server on a loopback port; it ends with this process.
fn bot_of_its_own(jokes: &JokeOptions) -> Result<Outcome<Caller>, SettingError> {
    let token = settings::run_token()?.token;
    let account = settings::account(token, Duration::ZERO)?;
    let wechat = WeChat {
        token: account.token.clone(),
        crypt: account.crypt.clone(),
    };
    let jokes = Arc::new(Jokes::new(settings::jokes(jokes)?));
    let service = Service {
        paths: vec!["/".to_owned()],
        callback: Callback::new(account, Arc::clone(&jokes)),
        jokes,
    };
    Ok(start(service).map(|url| Caller { url, wechat }))
}

fn start(service: Service) -> Outcome<BotUrl> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let url = format!("http://{}/", listener.local_addr()?).parse()?;
    let mut server = Server::open(listener, service, Arc::new(Pulse::default()))?;
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

    fn run(mut self) -> ExitCode {
        match self.answer_lines(&mut io::stdout()) {
            Ok(()) if self.failed => ExitCode::from(FAILED),
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
