//! What the server's loop and CGI have in common: a handshake's answer, the reading of a body, and
//! the response to each request.

use std::{
    borrow::Cow,
    io::{self, Read, Write},
    time::SystemTime,
};

use log::Level;

use crate::callback::{Answer, Rejection, Responder};

/// Page for a browser that opens the address meant for WeChat.
const BROWSER_PAGE: &str = include_str!("browser.html");

/// Returns whether an `Accept` header is a browser's.
pub(crate) fn accepts_html(accept: &str) -> bool {
    accept.to_ascii_lowercase().contains("text/html")
}

/// Response to a request, and its line in the log.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    content_type: &'static str,
    /// Methods that the path takes, if the response refuses another one.
    allow: Option<&'static str>,
    pub(crate) body: Vec<u8>,
    /// For the log: the MsgType or `-`, and the kind of the answer.
    pub(crate) summary: Cow<'static, str>,
    pub(crate) level: Level,
}

/// Answers a handshake. A person who opens WeChat's address in a browser gets a page that says what
/// this address is for, and nothing about the account.
pub(crate) fn answer_handshake(
    responder: &Responder,
    query: &str,
    now: SystemTime,
    is_browser: impl FnOnce() -> bool,
) -> Response {
    let mut response = match responder.admit_handshake(query, now) {
        Ok(echostr) => return Response::ok("text/plain", echostr, "- handshake"),
        Err(rejection) => Response::from(rejection),
    };
    if response.status == 403 && is_browser() {
        response.content_type = "text/html; charset=utf-8";
        response.body = BROWSER_PAGE.into();
    }
    response
}

/// Reads a body of this length.
pub(crate) fn read_body(mut source: impl Read, length: usize) -> Result<Vec<u8>, Rejection> {
    let mut body = vec![0; length];
    let read = source.read_exact(&mut body);
    read.map(|()| body).map_err(|_| Rejection::BodyEndsEarly)
}

impl Response {
    pub(crate) fn ok(
        content_type: &'static str,
        body: Vec<u8>,
        summary: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status: 200,
            content_type,
            allow: None,
            body,
            summary: summary.into(),
            level: Level::Info,
        }
    }

    /// Answer to a health check, logged at debug.
    pub(crate) fn healthy() -> Self {
        Self {
            level: Level::Debug,
            ..Self::ok("text/plain", b"ok\n".to_vec(), "- healthy")
        }
    }

    /// Writes what HTTP and CGI have in common: headers, an empty line, and the body if wanted.
    pub(crate) fn write_to(&self, mut out: impl Write, with_body: bool) -> io::Result<()> {
        write!(out, "Content-Type: {}\r\n", self.content_type)?;
        if let Some(methods) = self.allow {
            write!(out, "Allow: {methods}\r\n")?;
        }
        write!(out, "Content-Length: {}\r\n\r\n", self.body.len())?;
        if with_body {
            out.write_all(&self.body)?;
        }
        out.flush()
    }
}

impl From<Answer> for Response {
    fn from(answer: Answer) -> Self {
        let summary = [answer.msg_type, answer.kind.name()].join(" ");
        Self::ok(answer.content_type, answer.body.into_bytes(), summary)
    }
}

impl From<Result<Answer, Rejection>> for Response {
    fn from(answer: Result<Answer, Rejection>) -> Self {
        answer.map_or_else(Self::from, Self::from)
    }
}

impl From<Rejection> for Response {
    fn from(rejection: Rejection) -> Self {
        let (status, phrase) = rejection.status();
        Self {
            status,
            content_type: "text/plain",
            allow: match rejection {
                Rejection::MethodNotAllowed { allow } => Some(allow),
                _ => None,
            },
            body: format!("{phrase}\n").into_bytes(),
            summary: format!("- refused: {rejection}").into(),
            level: if rejection.needs_owner() {
                Level::Warn
            } else {
                Level::Info
            },
        }
    }
}
