//! `daoxiao chat`: a talk with the bot in the terminal.

pub(crate) mod web;

use std::{
    error::Error,
    io::{self, IsTerminal, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process::ExitCode,
    sync::Arc,
    thread,
};

use clap::Args;
use rustyline::{Config, Editor, error::ReadlineError, history::MemHistory};

use self::web::Bot;
use super::{
    CommandError, FAILED, InputError, Notice, StartError,
    args::{LogArgs, MaxAgeArg, ValueError, address, port_only},
    complain,
    doctor::{self, finding::Fault},
    joke_args::JokeArgs,
    lines, printed, secrets,
    words_arg::WordsArg,
};
use crate::{
    callback::{Account, Callback},
    language::{Language, Say, say, spoken},
    logger,
    server::{Server, Service},
    simulator::{Heard, Said, WeChat, caller::Caller, url::BotUrl},
    survival::health::Health,
};

/// OpenID of the user at the terminal or the page.
const USER: &str = "oDaoxiaoChat";

const PROMPT: &str = "> ";

/// Words that end the talk at a terminal.
const LEAVE: [&str; 3] = ["quit", "exit", "退出"];

pub(super) const HELP: &str = "\
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
    #[arg(long, env = "DAOXIAO_URL", value_name = "URL", value_parser = spoken(str::parse::<BotUrl>))]
    url: Option<BotUrl>,
    #[command(flatten)]
    web: WebArgs,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    bot: BotArgs,
}

/// Settings of the bot that is started for the talk.
#[derive(Debug, Args)]
struct BotArgs {
    #[command(flatten)]
    age: MaxAgeArg,
    #[command(flatten)]
    words: WordsArg,
    #[command(flatten)]
    jokes: JokeArgs,
}

/// Flags of the page.
#[derive(Debug, Args)]
struct WebArgs {
    /// Talk in the browser, on a page that also shows what WeChat really sends
    #[arg(long)]
    web: bool,
    /// Port, or address and port, of the page; port 0 takes a free one. Beyond the loopback
    /// address, the page's address has a key in it
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8081", requires = "web", value_parser = spoken(page_address))]
    listen: SocketAddr,
}

/// Parses the page's address; a port alone is one of the loopback address.
fn page_address(text: &str) -> Result<SocketAddr, ValueError> {
    match port_only(text) {
        Some(port) => Ok((Ipv4Addr::LOCALHOST, port).into()),
        None => address(text),
    }
}

/// Talks until standard input ends: to the bot at `--url`, or to one started for the talk.
pub(crate) fn run(args: ChatArgs, language: Option<Language>) -> Result<ExitCode, CommandError> {
    if args.web.web {
        return show(args, language);
    }
    // More log lines would get between those of the talk.
    args.log.start_quietly()?;
    let talk = |url, wechat| Talk {
        caller: Caller { url, wechat },
        is_quiet: args.log.quiet,
        failed: false,
        last_fault: None,
    };
    if let Some(url) = args.url {
        return talk(url, secrets::wechat()?).run();
    }
    let wechat = secrets::wechat_of(secrets::run_token()?.token)?;
    let bot = Running::start(&wechat, &args.bot)?;
    talk(bot.url.clone(), wechat).run()
}

/// Shows the talk as a page, with everything that the bot logs.
fn show(args: ChatArgs, language: Option<Language>) -> Result<ExitCode, CommandError> {
    args.log.start()?;
    let listen = args.web.listen;
    if let Some(url) = args.url {
        return web::run(listen, language, Bot::elsewhere(url, secrets::wechat()?));
    }
    let wechat = secrets::wechat_of(secrets::run_token()?.token)?;
    let account = wechat.clone();
    let words = args.bot.words.words.clone();
    let start = move || Running::start(&account, &args.bot);
    web::run(
        listen,
        language,
        Bot::start(wechat, words, logger::copy(), start)?,
    )
}

/// A bot in this process, on a loopback port, until it is dropped.
struct Running {
    url: BotUrl,
    health: Arc<Health>,
}

impl Running {
    fn start(wechat: &WeChat, args: &BotArgs) -> Result<Self, CommandError> {
        let account = Account {
            token: wechat.token.clone(),
            crypt: wechat.crypt.clone(),
            max_age: args.age.max_age,
        };
        let words = Arc::new(args.words.read()?);
        let service = Service {
            paths: vec!["/".to_owned()],
            trust_proxy: false,
            jokes: args.jokes.clone().settings(&words)?,
            callback: Callback::new(account, words),
        };
        Self::serve(service).map_err(|error| CommandError::failure(StartError(error)))
    }

    fn serve(service: Service) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let url = format!("http://{}/", listener.local_addr()?).parse()?;
        let health = Arc::<Health>::default();
        let mut server = Server::open(listener, service, Arc::clone(&health))?;
        thread::Builder::new()
            .name("bot".to_owned())
            .spawn(move || server.run())?;
        Ok(Self { url, health })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.health.leave(0);
    }
}

/// A talk in the terminal: one answer to each line.
struct Talk {
    caller: Caller,
    is_quiet: bool,
    /// True if a line was refused or not delivered.
    failed: bool,
    /// The fault that was explained last; the same one again is only named.
    last_fault: Option<Fault>,
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
                Ok(line) if LEAVE.contains(&line.trim().to_lowercase().as_str()) => return Ok(()),
                Ok(line) => {
                    // The talk goes on without a history.
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
        for line in lines() {
            match line {
                Ok(line) => self.answer(line, out)?,
                Err(error) => {
                    self.complain(&error);
                    break;
                }
            }
        }
        Ok(())
    }

    fn answer(&mut self, text: String, out: &mut impl Write) -> io::Result<()> {
        match doctor::talk(&self.caller, USER, Said::Text(text)) {
            Ok(Heard::Acknowledged) => writeln!(out, "{}", say(&Notice::NoAnswer))?,
            Ok(Heard::Reply(reply)) => writeln!(out, "{}", reply.words())?,
            // The next line may succeed.
            Err(fault) if self.last_fault.as_ref() == Some(&fault) => self.complain(&fault),
            Err(fault) => {
                self.last_fault = Some(fault.clone());
                self.complain(&doctor::refusal(&self.caller, fault));
            }
        }
        out.flush()
    }

    fn complain(&mut self, error: &dyn Say) {
        complain(say(&Notice::Error(error)));
        self.failed = true;
    }
}
