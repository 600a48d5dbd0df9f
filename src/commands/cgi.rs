//! `daoxiao cgi`: the bot as a program that a web server runs for each request.

use std::{
    env,
    io::{self, Write},
    process::ExitCode,
    sync::Arc,
    time::{Instant, SystemTime},
};

use clap::Args;

use super::{
    CommandError,
    args::{LogArgs, MaxAgeArg},
    joke_args::JokeArgs,
    printed,
    secrets::{self, EnvironmentError},
    words_arg::WordsArg,
};
use crate::{
    access_log::Line,
    callback::Callback,
    cgi::{self, CgiRequest, NOT_SET_UP},
    joke::{JokeSettings, Jokes},
};

pub(super) const HELP: &str = "\
A web server runs this once for each request; the path is up to the web server. The request is
in the variables REQUEST_METHOD, QUERY_STRING and CONTENT_LENGTH, its body on standard input;
the answer goes to standard output, the log to standard error. WECHAT_TOKEN must be set
(and the key and AppID, if the account has them).
Nothing is remembered from one request to the next: each joke is fetched anew, and WeChat's
retries are answered anew.

Example, as a script in cgi-bin:
  #!/bin/sh
  WECHAT_TOKEN=mysecrettoken exec daoxiao cgi";

/// Answer one request of a web server that speaks CGI
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct CgiArgs {
    #[command(flatten)]
    age: MaxAgeArg,
    #[command(flatten)]
    words: WordsArg,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    jokes: JokeArgs,
}

/// Answers for a bot that cannot be run, if a web server asks.
pub(crate) fn respond_not_set_up() {
    if let Some(request) = CgiRequest::from_variables(|name| env::var(name).ok()) {
        let _ = request.read(io::stdin());
        // Where nobody takes the answer, nobody is left to be told.
        let _ = io::stdout().write_all(NOT_SET_UP.as_bytes());
    }
}

/// Answers the request in the environment, on standard output.
pub(crate) fn run(args: CgiArgs) -> Result<ExitCode, CommandError> {
    let begun = Instant::now();
    args.log.start()?;
    let token = secrets::required_token()?;
    let variable = |name: &str| env::var(name).ok();
    let request = CgiRequest::from_variables(variable).ok_or(EnvironmentError::NoRequest)?;
    let words = Arc::new(args.words.read()?);
    let settings = JokeSettings {
        // Clients choose HTTP_PROXY: the web server puts their `Proxy` header there (httpoxy).
        use_proxy: false,
        ..args.jokes.settings(&words)?
    };
    let mut jokes = Jokes::new(settings, || ());
    let mut callback = Callback::new(secrets::keys_of(token)?, args.age.max_age, words);
    let response = request.answer(io::stdin(), &mut callback, &mut jokes, SystemTime::now());
    let written = cgi::write(&response, io::stdout().lock());
    let line = Line {
        peer: request.peer,
        method: &request.method,
        path: &request.path,
        said: &response.said,
        status: response.status,
        took: begun.elapsed(),
    };
    log::log!(response.level, "{line}");
    printed(written)
}
