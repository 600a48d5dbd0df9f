//! `daoxiao cgi`: the bot as a program that a web server runs for each request.

use std::{
    env,
    io::{self, Write},
    net::IpAddr,
    process::ExitCode,
    sync::mpsc::channel,
    thread,
    time::{Duration, Instant, SystemTime},
};

use clap::Args;
use log::LevelFilter;

use super::{
    CommandError,
    args::LogArgs,
    bot_args::BotArgs,
    printed,
    secrets::{self, EnvironmentError},
};
use crate::{
    access_log::RequestLine,
    callback::{Answer, Outcome, Rejection, Responder},
    entropy::randomness,
    exchange::{self, Response, accepts_html, read_body},
    joke::Jokes,
};

/// So much of a body is read at most: more than a message has, so that a refusal can be read by
/// whoever sends somewhat too much.
const MAX_READ_BYTES: usize = 1024 * 1024;

/// WeChat waits so long for an answer; who sends the body later gets none.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// Answer of a bot that cannot be run; its owner is told more on standard error.
const NOT_SET_UP: &str = "Status: 500 Refused\r\nContent-Type: text/plain\r\n\
                          Content-Length: 22\r\n\r\nthe bot is not set up\n";

const HELP: &str = "\
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
    log: LogArgs,
    #[command(flatten)]
    bot: BotArgs,
}

/// Answers for a bot that cannot be run, if a web server asks.
pub(crate) fn respond_not_set_up() {
    if let Some(request) = CgiRequest::from_environment() {
        let _ = request.read_body();
        // Where nobody takes the answer, nobody is left to be told.
        let _ = io::stdout().write_all(NOT_SET_UP.as_bytes());
    }
}

/// Answers the request in the environment, on standard output.
pub(crate) fn run(args: &CgiArgs) -> Result<ExitCode, CommandError> {
    let begun = Instant::now();
    args.log.start(LevelFilter::Info)?;
    let keys = secrets::keys()?;
    let request = CgiRequest::from_environment().ok_or(EnvironmentError::NoRequest)?;
    let (responder, mut jokes) = args.bot.bot(keys)?;
    // Clients choose HTTP_PROXY: the web server puts their `Proxy` header there (httpoxy).
    jokes.use_proxy = false;
    let response = request.answer(responder, Jokes::new(jokes, || ()));
    let written = write(&response, request.method != "HEAD");
    let line = RequestLine {
        peer: request.peer,
        method: &request.method,
        path: &request.path,
        summary: &response.summary,
        status: response.status,
        took: begun.elapsed(),
    };
    // Not by `access_log::write`, whose lines wait to be flushed.
    log::log!(response.level, "{line}");
    printed(written)
}

/// A request as the web server puts it into variables (RFC 3875).
struct CgiRequest {
    /// `REQUEST_METHOD`.
    method: String,
    /// `SCRIPT_NAME` and `PATH_INFO`, for the log.
    path: String,
    /// `REMOTE_ADDR`, for the log.
    peer: Option<IpAddr>,
    /// Whether `HTTP_ACCEPT` is a browser's.
    is_from_browser: bool,
    /// `QUERY_STRING`; empty if there is none.
    query: String,
    /// `CONTENT_LENGTH`, if it is a number.
    length: Option<usize>,
}

impl CgiRequest {
    /// Takes a request out of the variables; `None` where no web server has set them.
    fn from_environment() -> Option<Self> {
        let variable = |name| Some(env::var_os(name)?.to_string_lossy().into_owned());
        let part = |name| variable(name).unwrap_or_default();
        Some(Self {
            method: variable("REQUEST_METHOD")?,
            path: part("SCRIPT_NAME") + &part("PATH_INFO"),
            peer: part("REMOTE_ADDR").parse().ok(),
            is_from_browser: accepts_html(&part("HTTP_ACCEPT")),
            query: part("QUERY_STRING"),
            length: part("CONTENT_LENGTH").parse().ok(),
        })
    }

    /// Reads the body, by a thread that ends with the process. That comes before all else: a web
    /// server that is kept from passing it on takes no answer, and Apache loses one that comes
    /// earlier.
    fn read_body(&self) -> Result<Vec<u8>, Rejection> {
        let length = match (self.length, self.method.as_str()) {
            (Some(length), _) => length.min(MAX_READ_BYTES),
            (None, "GET" | "HEAD") => 0,
            // It is refused for want of a length, and read all the same.
            (None, _) => MAX_READ_BYTES,
        };
        let (done, read) = channel();
        // Where no thread can be had, there is no sender any more, and so no body.
        let _ = thread::Builder::new().spawn(move || done.send(read_body(io::stdin(), length)));
        read.recv_timeout(BODY_TIMEOUT)
            .unwrap_or(Err(Rejection::BodyEndsEarly))
    }

    fn answer(&self, responder: Responder, jokes: Jokes) -> Response {
        let now = SystemTime::now();
        let body = self.read_body();
        match self.method.as_str() {
            "GET" => {
                exchange::answer_handshake(&responder, &self.query, now, || self.is_from_browser)
            }
            "POST" => self.answer_message(responder, jokes, body, now).into(),
            _ => Rejection::MethodNotAllowed { allow: "GET, POST" }.into(),
        }
    }

    fn answer_message(
        &self,
        mut responder: Responder,
        mut jokes: Jokes,
        body: Result<Vec<u8>, Rejection>,
        now: SystemTime,
    ) -> Result<Answer, Rejection> {
        let (query, _) = responder.admit_message(&self.query, self.length, now)?;
        match responder.answer(&query, &body?, now, randomness)? {
            Outcome::Answer(answer) => Ok(answer),
            Outcome::AwaitJoke(message) => {
                responder.finish(&message, || jokes.wait(now), now, randomness)
            }
        }
    }
}

/// Writes a response as the web server reads it.
fn write(response: &Response, with_body: bool) -> io::Result<()> {
    let reason = if response.status < 400 {
        "OK"
    } else {
        "Refused"
    };
    let mut out = io::stdout().lock();
    write!(out, "Status: {} {reason}\r\n", response.status)?;
    response.write_to(out, with_body)
}
