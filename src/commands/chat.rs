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

use super::{FAILED, fail};
use crate::{
    callback::Callback,
    joke::Jokes,
    server::{Server, Service},
    settings::{self, JokeOptions, SettingError},
    survival::Pulse,
    wechat::{
        Heard, Said, WeChat,
        post::{BotUrl, Caller},
    },
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
    let talked = caller.and_then(|caller| talk(&caller));
    Ok(talked.map_or_else(|error| fail(FAILED, &error), |()| ExitCode::SUCCESS))
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
fn talk(caller: &Caller) -> Outcome<()> {
    let input = io::stdin();
    let prompt = if input.is_terminal() { PROMPT } else { "" };
    let mut out = io::stdout();
    write!(out, "{prompt}")?;
    out.flush()?;
    for line in input.lock().lines() {
        let heard = caller.talk(USER, Said::Text(line?))?;
        let words = match &heard {
            Heard::Acknowledged => NO_WORDS.to_owned(),
            Heard::Reply(reply) => reply.words(),
        };
        write!(out, "{words}\n{prompt}")?;
        out.flush()?;
    }
    if !prompt.is_empty() {
        writeln!(out)?;
    }
    Ok(())
}
