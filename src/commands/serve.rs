//! `daoxiao serve`: serves the bot and keeps it alive.

use std::{
    io,
    net::SocketAddr,
    process::{self, ExitCode},
    sync::{Arc, Mutex},
    thread,
};

use clap::{ArgAction, Args};
use log::LevelFilter;
use nix::sys::resource::{Resource, getrlimit};

use super::{
    CommandError, Notice, USAGE, announce,
    args::{LogArgs, address, number, path, switch},
    bot_args::{BotArgs, read_words},
    joke_args::read_jokes,
    last_good::{JOKES_COPY, OwnerFiles, WORDS_COPY, copy_in_memory},
    secrets::{self, TOKEN},
    to_stderr,
};
use crate::{
    language::{Localize, localized_errors},
    server::{Server, Service, note_panics},
    survival::{
        Limits,
        exit::ExitReason,
        socket,
        supervisor::{Supervisor, SupervisorError},
        worker::Worker,
    },
    systemd::notify,
};

/// Settings of glibc by which a worker gives the memory back that reading a large file of words
/// took: by default it keeps twice as much as the largest piece ever freed, and pieces that lie
/// between others.
const MALLOC_SETTINGS: [(&str, &str); 2] = [
    ("MALLOC_TRIM_THRESHOLD_", "131072"),
    ("MALLOC_MMAP_THRESHOLD_", "16384"),
];

/// A worker that may have less cannot start.
pub(crate) const MIN_MEMORY_KIB: u64 = 4096;

/// Threads of a worker with one connection: `link`, `watch`, and of `tiny_http` the one that
/// accepts, four that stand by and that of the connection.
pub(crate) const FIRST_THREADS: usize = 8;

const HELP: &str = "\
Secrets are read from variables only, or from the files that WECHAT_TOKEN_FILE and so on name:
  WECHAT_TOKEN             the Token in the platform's form, 3 to 32 letters and digits;
                           without it, each run has a random one and prints it
  WECHAT_ENCODING_AES_KEY  the EncodingAESKey, 43 letters and digits: turns encryption on
  WECHAT_APPID             the AppID that belongs to the key

Example: WECHAT_TOKEN=mysecrettoken daoxiao --listen 0.0.0.0:80";

/// Answer WeChat's calls; the same as no command
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct ServeArgs {
    /// Port, or address and port, to listen on; port 0 takes a free one
    #[arg(long, env = "DAOXIAO_LISTEN", value_name = "ADDR", default_value = "0.0.0.0:8080", value_parser = localized_errors(address))]
    listen: SocketAddr,
    /// Path that WeChat calls; for several, repeat the flag or separate them by commas
    #[arg(long, env = "DAOXIAO_PATH", value_name = "PATH", default_value = "/,/wechat", value_delimiter = ',', value_parser = localized_errors(path))]
    path: Vec<String>,
    /// Log the address in X-Forwarded-For as the caller's: only behind a proxy that sets it
    #[arg(long, env = "DAOXIAO_TRUST_PROXY", value_parser = localized_errors(switch), action = ArgAction::SetTrue)]
    trust_proxy: bool,
    /// Most connections at a time
    #[arg(long, env = "DAOXIAO_MAX_CONNECTIONS", value_name = "N", default_value = "4000", value_parser = localized_errors(number::<u32, 8, 100_000>))]
    max_connections: u32,
    /// Most memory in MiB; a worker is replaced before it has so much
    #[arg(long, env = "DAOXIAO_MAX_MEMORY", value_name = "MIB", default_value = "200", value_parser = localized_errors(number::<u64, 32, 1_048_576>))]
    max_memory: u64,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    bot: BotArgs,
}

/// Runs the supervisor, or the worker that it has started.
pub(crate) fn run(args: &ServeArgs) -> Result<ExitCode, CommandError> {
    args.log.start(LevelFilter::Info)?;
    match Worker::from_environment().map_err(CommandError::usage)? {
        Some(worker) => serve(args, worker),
        None => supervise(args),
    }
}

/// Checks the settings, opens the socket, and has workers serve until a signal ends the command.
/// The owner's files are read by the first worker only: what that takes is given back where a
/// process ends, or as [`MALLOC_SETTINGS`] says.
fn supervise(args: &ServeArgs) -> Result<ExitCode, CommandError> {
    check_memory().map_err(CommandError::failure)?;
    let limits = Limits {
        connections: args.max_connections,
        memory_mib: args.max_memory,
    };
    let (token, is_random) = secrets::token_or_random()?;
    let mut variables = MALLOC_SETTINGS
        .map(|(name, bytes)| (name, bytes.to_owned()))
        .to_vec();
    let random_token = is_random.then(|| token.as_str().to_owned());
    // A mistake must end the command, not each worker.
    secrets::keys_of(token)?;
    let copies = [WORDS_COPY, JOKES_COPY];
    variables.extend(copies.into_iter().filter_map(copy_in_memory));
    let listener = socket::listen(args.listen).map_err(CommandError::failure)?;
    let address = listener.local_addr().map_err(CommandError::failure)?;
    if let Some(token) = random_token {
        // Once: workers find it in their environment.
        to_stderr(format_args!("Token: {token}"));
        to_stderr(Notice::RandomToken.localized());
        variables.push((TOKEN, token));
    }
    let announce = move || {
        announce(&address.to_string());
        notify("READY=1");
    };
    let ended = Supervisor::new(listener, limits, variables, announce).and_then(Supervisor::run);
    match ended {
        Ok(()) => Ok(ExitCode::SUCCESS),
        // The worker has told what is wrong with them.
        Err(SupervisorError::Worker(ExitReason::SettingsRefused)) => Ok(USAGE.into()),
        Err(error) => Err(CommandError::failure(error)),
    }
}

/// Serves until the supervisor or a failure of the worker ends the process. Returns only if serving
/// cannot begin.
fn serve(args: &ServeArgs, worker: Worker) -> Result<ExitCode, CommandError> {
    let health = Arc::clone(&worker.health);
    let keys = secrets::keys()?;
    let mut files = OwnerFiles::new(worker.is_strict);
    let words = Arc::new(files.load(
        WORDS_COPY,
        args.bot.words.as_deref(),
        read_words,
        "the default words, and no word is banned",
    )?);
    let own_jokes = files.load(
        JOKES_COPY,
        args.bot.jokes.jokes.as_deref(),
        read_jokes,
        "the built-in jokes",
    )?;
    let jokes = args.bot.jokes.with_own(own_jokes, &words)?;
    let service = Service {
        paths: args.path.clone(),
        trust_proxy: args.trust_proxy,
        responder: args.bot.responder(keys, words),
    };
    note_panics(Arc::clone(&health));
    try_threads().map_err(CommandError::failure)?;
    files.save_copies();
    let listener = worker.wait_for_go().map_err(CommandError::failure)?;
    let server = Server::open(listener, service, jokes, Arc::clone(&health));
    server.map_err(CommandError::failure)?.run();
    process::exit(health.exit_code().unwrap_or_default())
}

/// The system allows less than a worker begins with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LimitError {
    #[error(
        "too little memory is allowed (ulimit -d): {0} KiB, expected at least {MIN_MEMORY_KIB}"
    )]
    Memory(u64),
    #[error("{FIRST_THREADS} threads cannot be started (ulimit -u): {0}")]
    Threads(io::Error),
}

fn check_memory() -> Result<(), LimitError> {
    // A system that does not tell limits nothing.
    let limit = getrlimit(Resource::RLIMIT_DATA);
    let allowed = limit.map_or(u64::MAX, |(_, hard)| hard) / 1024;
    if allowed < MIN_MEMORY_KIB {
        return Err(LimitError::Memory(allowed));
    }
    Ok(())
}

/// Fails where the threads cannot be had that a worker begins with: `tiny_http` would panic then,
/// in this worker and in each one after it.
fn try_threads() -> Result<(), LimitError> {
    let gate = Mutex::new(());
    thread::scope(|scope| {
        let _closed = gate.lock();
        let wait = || drop(gate.lock());
        let start = |_| thread::Builder::new().spawn_scoped(scope, wait).map(drop);
        let started = (0..FIRST_THREADS).try_for_each(start);
        started.map_err(LimitError::Threads)
    })
}
