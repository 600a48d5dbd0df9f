//! `daoxiao serve`: the bot on its socket, kept alive.

use std::{
    error::Error,
    io::{self, Write},
    net::SocketAddr,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use super::{FAILED, complain, fail};
use crate::{
    callback::Callback,
    joke::{JokeSettings, JokeState, Jokes},
    server::{Server, Service},
    settings::{self, JokeOptions, RunToken, SettingError, TOKEN},
    survival::{
        Limits, Pulse,
        signals::{self, Farewell, Keeper},
        socket,
        successor::{self, State, Successor},
        watch,
    },
    wechat::signature::Token,
};

/// The joke deck, handed on.
const DECK: &str = "DAOXIAO_HANDED_ON_DECK";
/// The sources' rest, handed on.
const RESTS: &str = "DAOXIAO_HANDED_ON_RESTS";

/// Settings of `serve`, checked as far as each can be checked alone.
#[derive(Debug)]
pub struct ServeSettings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Paths on which WeChat calls.
    pub paths: Vec<String>,
    /// How far a timestamp may be from now; zero = any age.
    pub max_age: Duration,
    /// What is too much.
    pub limits: Limits,
    /// Where jokes come from.
    pub jokes: JokeOptions,
}

/// Serves until a signal ends the process. Returns only when it cannot begin.
pub fn run(settings: ServeSettings) -> Result<ExitCode, SettingError> {
    // Before anything starts a thread, so that every thread has them blocked.
    signals::block();
    let RunToken { token, made_up } = settings::run_token()?;
    let account = settings::account(token.clone(), settings.max_age)?;
    let jokes = Arc::new(Jokes::new(joke_settings(settings.jokes)?));
    if let (Some(deck), Some(rests)) = (successor::handed_on(DECK), successor::handed_on(RESTS)) {
        jokes.take_over(&JokeState { deck, rests });
    }
    let service = Service {
        paths: settings.paths,
        callback: Callback::new(account, Arc::clone(&jokes)),
        jokes: Arc::clone(&jokes),
    };
    let token = made_up.then_some(token);
    if let Some(token) = &token {
        announce(token);
    }
    let state = move || state(&jokes, token.as_ref());
    match begin(settings.listen, settings.limits, service, state) {
        Ok((mut server, farewell)) => {
            server.run();
            farewell.say()
        }
        Err(error) => Ok(fail(FAILED, &error)),
    }
}

/// Where jokes come from. A bot that has served does not end because its owner's file cannot be
/// read any more.
fn joke_settings(options: JokeOptions) -> Result<JokeSettings, SettingError> {
    match settings::jokes(&options) {
        Err(error) if successor::is_successor() => {
            log::error!("{error}; going on with the built-in jokes");
            settings::jokes(&JokeOptions {
                file: None,
                ..options
            })
        }
        settings => settings,
    }
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
fn state(jokes: &Jokes, made_up: Option<&Token>) -> State {
    let JokeState { deck, rests } = jokes.hand_on();
    let token = made_up.map(|token| (TOKEN, token.as_str().to_owned()));
    [(DECK, deck), (RESTS, rests)]
        .into_iter()
        .chain(token)
        .collect()
}

/// Shows the Token that was made up, once: a successor finds it in its environment.
fn announce(token: &Token) {
    complain(format_args!("{TOKEN}={}", token.as_str()));
    complain(
        "This Token was made up for this run: type it into the platform's form, and set the \
         variable to keep it for the next one.",
    );
}
