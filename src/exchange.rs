//! What the server's loop and CGI have in common: the steps before a message is answered, and the
//! response to each request.

use std::{
    borrow::Cow,
    io::{self, Read, Write},
    time::SystemTime,
};

use log::Level;

use crate::{
    callback::{Answer, Callback, Rejection, check_length, handshake},
    wechat::query::CallbackQuery,
};

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
    pub(crate) said: Cow<'static, str>,
    pub(crate) level: Level,
}

/// Answers a handshake.
pub(crate) fn shake_hands(
    callback: &Callback,
    query: &str,
    now: SystemTime,
) -> Result<Response, Rejection> {
    let echostr = callback.admit(query, now).and_then(handshake)?;
    Ok(Response::ok("text/plain", echostr, "- handshake"))
}

/// Admits a message by its query and the declared length of its body, which is read only then.
pub(crate) fn admit<'q>(
    callback: &Callback,
    query: &'q str,
    length: Option<usize>,
    now: SystemTime,
) -> Result<(CallbackQuery<'q>, usize), Rejection> {
    let query = callback.admit(query, now)?;
    Ok((query, check_length(length)?))
}

/// Reads a body of this length.
pub(crate) fn read_body(source: impl Read, length: usize) -> Result<Vec<u8>, Rejection> {
    let mut body = Vec::with_capacity(length);
    let limit = u64::try_from(length).unwrap_or(u64::MAX);
    match source.take(limit).read_to_end(&mut body) {
        Ok(read) if read == length => Ok(body),
        _ => Err(Rejection::BodyEndsEarly),
    }
}

impl Response {
    pub(crate) fn ok(
        content_type: &'static str,
        body: Vec<u8>,
        said: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status: 200,
            content_type,
            allow: None,
            body,
            said: said.into(),
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

    /// Turns a 403 into a page for a person who opened WeChat's address in a browser. It says what
    /// this address is for, and nothing about the account.
    #[must_use]
    pub(crate) fn for_browser(self) -> Self {
        match self.status {
            403 => Self {
                content_type: "text/html; charset=utf-8",
                body: BROWSER_PAGE.as_bytes().to_vec(),
                ..self
            },
            _ => self,
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
        let said = format!("{} {}", answer.msg_type, answer.kind.name());
        Self::ok(answer.content_type, answer.body.into_bytes(), said)
    }
}

impl From<&Rejection> for Response {
    fn from(rejection: &Rejection) -> Self {
        let (status, phrase) = rejection.status();
        Self {
            status,
            content_type: "text/plain",
            allow: match rejection {
                Rejection::MethodNotAllowed { allow } => Some(allow),
                _ => None,
            },
            body: format!("{phrase}\n").into_bytes(),
            said: format!("- refused: {rejection}").into(),
            level: if rejection.needs_owner() {
                Level::Warn
            } else {
                Level::Info
            },
        }
    }
}
