//! `daoxiao serve`: the bot on its socket, kept alive.

use std::{
    error::Error,
    io::{self, Write},
    net::SocketAddr,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use clap::Args;

use super::{
    CommandError,
    args::{LogArgs, MaxAgeArg, number},
    complain,
    joke_args::JokeArgs,
    secrets::{self, RunToken, TOKEN},
};
use crate::{
    callback::Callback,
    joke::JokeSettings,
    server::{HEALTH_PATH, Server, Service},
    survival::{
        Limits, Pulse,
        signals::{self, Farewell, Keeper},
        socket,
        successor::{self, State, Successor},
        watch,
    },
    wechat::signature::Token,
};

/// What the loop may need for a request beyond waiting for a joke, before it counts as stuck.
const REQUEST_ROOM: Duration = Duration::from_millis(1500);

const HELP: &str = "\
Secrets come from the environment only:
  WECHAT_TOKEN             the Token typed into the platform, 3 to 32 of A-Z a-z 0-9;
                           without it one is made up for this run and printed
  WECHAT_ENCODING_AES_KEY  the EncodingAESKey, 43 of A-Z a-z 0-9: switches encryption on
  WECHAT_APPID             the AppID that belongs to the key

Example: WECHAT_TOKEN=mysecrettoken daoxiao --listen 0.0.0.0:80";

/// Answer WeChat's calls; the same as no command
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct ServeArgs {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(
        long,
        env = "DAOXIAO_LISTEN",
        value_name = "ADDR",
        default_value = "0.0.0.0:8080",
        hide_env_values = true,
        value_parser = address
    )]
    listen: SocketAddr,
    /// Path that WeChat calls; several are repeated or separated by commas
    #[arg(
        long,
        env = "DAOXIAO_PATH",
        value_name = "PATH",
        default_value = "/,/wechat",
        hide_env_values = true,
        value_delimiter = ',',
        value_parser = path
    )]
    path: Vec<String>,
    #[command(flatten)]
    age: MaxAgeArg,
    /// Connections at a time
    #[arg(
        long,
        env = "DAOXIAO_MAX_CONNECTIONS",
        value_name = "N",
        default_value = "256",
        hide_env_values = true,
        allow_negative_numbers = true,
        value_parser = number::<u32, 8, 100_000>
    )]
    max_connections: u32,
    /// Memory above which the process starts over
    #[arg(
        long,
        env = "DAOXIAO_MAX_MEMORY",
        value_name = "MIB",
        default_value = "200",
        hide_env_values = true,
        allow_negative_numbers = true,
        value_parser = number::<u64, 32, 1_048_576>
    )]
    max_memory: u64,
    #[command(flatten)]
    jokes: JokeArgs,
    #[command(flatten)]
    log: LogArgs,
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "expected an IP address with a port, such as 0.0.0.0:8080 or [::1]:8080".to_owned()
    })
}

fn path(text: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_graphic() && c != '?' && c != '#';
    if text == HEALTH_PATH {
        Err(format!("{HEALTH_PATH} is the bot's own, for health checks"))
    } else if text.starts_with('/') && text.chars().all(is_plain) {
        Ok(text.to_owned())
    } else {
        Err("expected / or a path such as /wechat, of visible ASCII without ? and #".to_owned())
    }
}

/// Serves until a signal ends the process. Returns only when it cannot begin.
pub(crate) fn run(args: ServeArgs) -> Result<ExitCode, CommandError> {
    args.log.start();
    let limits = Limits {
        connections: args.max_connections,
        memory_mib: args.max_memory,
        request: args.jokes.joke_budget + REQUEST_ROOM,
    };
    // Before anything starts a thread, so that every thread has them blocked.
    signals::block();
    let RunToken { token, made_up } = secrets::run_token()?;
    let account = secrets::account(token.clone(), args.age.max_age)?;
    let jokes = joke_settings(args.jokes)?;
    let service = Service {
        paths: args.path,
        callback: Callback::new(account),
        jokes,
    };
    let token = made_up.then_some(token);
    if let Some(token) = &token {
        announce(token);
    }
    let state = move || state(token.as_ref());
    match begin(args.listen, limits, service, state) {
        Ok((mut server, farewell)) => {
            server.run();
            farewell.say()
        }
        Err(error) => Err(CommandError::Failure(error)),
    }
}

/// Where jokes come from. A bot that has served does not end because its owner's file cannot be
/// read any more.
fn joke_settings(args: JokeArgs) -> Result<JokeSettings, CommandError> {
    if !successor::is_successor() {
        return args.settings();
    }
    let mut without_file = args.clone();
    without_file.jokes = None;
    args.settings().or_else(|error| {
        log::error!("{error}; going on with the built-in jokes");
        without_file.settings()
    })
}

/// Opens the socket and starts the threads that keep the bot alive.
fn begin(
    address: SocketAddr,
    limits: Limits,
    service: Service,
    state: impl Fn() -> State + Send + 'static,
) -> Result<(Server, Farewell), Box<dyn Error + Send + Sync>> {
    let listener = socket::listen(address)?;
    let bound = listener.local_addr()?;
    let pulse = Arc::new(Pulse::default());
    watch::note_panics(Arc::clone(&pulse));
    watch::limit_descriptors(limits.connections);
    let server = Server::open(listener.try_clone()?, service, Arc::clone(&pulse))?;
    let successor = Successor::prepare(listener, state)?;
    let farewell = signals::start(Keeper {
        pulse: Arc::clone(&pulse),
        limits,
        bell: Box::new(server.bell()),
        successor,
    })?;
    watch::start(pulse, limits, bound)?;
    if !successor::is_successor() {
        // Whoever waited for the line may be gone; WeChat is not.
        let _ = writeln!(io::stdout(), "listening on http://{bound}");
    }
    Ok((server, farewell))
}

/// What a successor is to know, as variables.
fn state(made_up: Option<&Token>) -> State {
    let token = made_up.map(|token| (TOKEN, token.as_str().to_owned()));
    token.into_iter().collect()
}

/// Shows the Token that was made up, once: a successor finds it in its environment.
fn announce(token: &Token) {
    complain(format_args!("{TOKEN}={}", token.as_str()));
    complain(
        "This Token was made up for this run: type it into the platform's form, and set the \
         variable to keep it for the next one.",
    );
}
