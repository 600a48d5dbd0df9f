//! One request from the CGI environment (RFC 3875), through the same steps as the server's.

use std::{
    io::{self, Read, Write},
    net::IpAddr,
    sync::mpsc::channel,
    thread,
    time::{Duration, SystemTime},
};

use crate::{
    callback::{Callback, Rejection},
    exchange::{self, Outcome, Response, accepts_html, read_body},
    joke::Jokes,
};

/// So much of a body is read at most: more than a message has, so that a refusal can be read by
/// whoever sends somewhat too much.
const MAX_READ_BYTES: usize = 1024 * 1024;

/// WeChat waits so long for an answer; who sends the body later gets none.
const PATIENCE: Duration = Duration::from_secs(5);

/// Answer of a bot that cannot be run; its owner is told more on standard error.
pub(crate) const NOT_SET_UP: &str = "Status: 500 Refused\r\nContent-Type: text/plain\r\n\
                                     Content-Length: 22\r\n\r\nthe bot is not set up\n";

/// What the web server says of a request.
#[derive(Debug)]
pub(crate) struct CgiRequest {
    /// `REQUEST_METHOD`.
    pub(crate) method: String,
    /// `SCRIPT_NAME` and `PATH_INFO`, for the log.
    pub(crate) path: String,
    /// `REMOTE_ADDR`, for the log.
    pub(crate) peer: Option<IpAddr>,
    /// Whether `HTTP_ACCEPT` is a browser's.
    is_browsers: bool,
    /// `QUERY_STRING`; empty if there is none.
    query: String,
    /// `CONTENT_LENGTH`, if it is a number.
    length: Option<usize>,
}

impl CgiRequest {
    /// Takes a request out of the variables; `None` where no web server has set them.
    pub(crate) fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let part = |name| variable(name).unwrap_or_default();
        Some(Self {
            method: variable("REQUEST_METHOD")?,
            path: part("SCRIPT_NAME") + &part("PATH_INFO"),
            peer: part("REMOTE_ADDR").parse().ok(),
            is_browsers: accepts_html(&part("HTTP_ACCEPT")),
            query: part("QUERY_STRING"),
            length: variable("CONTENT_LENGTH").and_then(|text| text.parse().ok()),
        })
    }

    /// Reads the body, by a thread that ends with the process. That comes before all else: a web
    /// server that is kept from passing it on takes no answer, and Apache loses one that comes
    /// earlier.
    pub(crate) fn read(&self, body: impl Read + Send + 'static) -> Result<Vec<u8>, Rejection> {
        let length = match (self.length, self.method.as_str()) {
            (Some(length), _) => length.min(MAX_READ_BYTES),
            (None, "GET" | "HEAD") => 0,
            // It is refused for want of a length, and read all the same.
            (None, _) => MAX_READ_BYTES,
        };
        let (done, read) = channel();
        // Where no thread can be had, there is no sender any more, and so no body.
        let _ = thread::Builder::new().spawn(move || done.send(read_body(body, length)));
        read.recv_timeout(PATIENCE)
            .unwrap_or(Err(Rejection::BodyEndsEarly))
    }

    /// Answers it.
    pub(crate) fn answer(
        &self,
        body: impl Read + Send + 'static,
        callback: &mut Callback,
        jokes: &mut Jokes,
        now: SystemTime,
    ) -> Response {
        let body = self.read(body);
        let joke = || Some(jokes.wait(now));
        let answered = match self.method.as_str() {
            "GET" => exchange::shake_hands(callback, &self.query, now),
            "POST" => exchange::answer(
                callback,
                &self.query,
                self.length,
                |_| body.map(Some),
                joke,
                now,
            )
            .and_then(|outcome| match outcome {
                Outcome::Respond(response) => Ok(response),
                // Both are there when they are asked for.
                Outcome::AwaitBody(_) | Outcome::AwaitJoke(_) => Err(Rejection::BodyEndsEarly),
            }),
            _ => Err(Rejection::MethodNotAllowed { allow: "GET, POST" }),
        };
        answered.unwrap_or_else(|rejection| match Response::from(&rejection) {
            response if self.is_browsers && self.method == "GET" => response.for_browser(),
            response => response,
        })
    }
}

/// Writes a response as the web server reads it.
pub(crate) fn write(response: &Response, mut out: impl Write) -> io::Result<()> {
    let reason = if response.status < 400 {
        "OK"
    } else {
        "Refused"
    };
    write!(out, "Status: {} {reason}\r\n", response.status)?;
    response.write_to(out, true)
}
