//! One request from the CGI environment (RFC 3875), through the same callback as the server's.

use std::{
    io::{self, Read, Write},
    time::SystemTime,
};

use crate::{
    callback::{Answer, Callback, Rejection, check_length, handshake},
    entropy,
    joke::Jokes,
    wechat::query::CallbackQuery,
};

/// What the web server says of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CgiRequest {
    /// `REQUEST_METHOD`.
    pub method: String,
    /// `SCRIPT_NAME` and `PATH_INFO`, for the log.
    pub path: String,
    /// `QUERY_STRING`; empty if there is none.
    pub query: String,
    /// `CONTENT_LENGTH`, if it is a number.
    pub length: Option<usize>,
}

/// What goes back to the web server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CgiResponse {
    /// HTTP status.
    pub status: u16,
    /// MIME type of the body.
    pub content_type: &'static str,
    /// The methods that are taken, where another one was refused for it.
    pub allow: Option<&'static str>,
    /// The body.
    pub body: Vec<u8>,
    /// What was answered, for the log.
    pub said: String,
}

impl CgiRequest {
    /// Takes a request out of the variables; `None` where no web server has set them.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let part = |name| variable(name).unwrap_or_default();
        Some(Self {
            method: variable("REQUEST_METHOD")?,
            path: part("SCRIPT_NAME") + &part("PATH_INFO"),
            query: part("QUERY_STRING"),
            length: variable("CONTENT_LENGTH").and_then(|text| text.parse().ok()),
        })
    }

    /// Answers it. The body is not touched before the query has proved to be WeChat's.
    pub fn answer(
        &self,
        body: impl Read,
        callback: &mut Callback,
        jokes: &mut Jokes,
        now: SystemTime,
    ) -> CgiResponse {
        let answered = match self.method.as_str() {
            "GET" => callback
                .admit(&self.query, now)
                .and_then(handshake)
                .map(CgiResponse::handshake),
            "POST" => self
                .message(body, callback, jokes, now)
                .map(CgiResponse::reply),
            _ => Err(Rejection::MethodNotAllowed { allow: "GET, POST" }),
        };
        answered.unwrap_or_else(|rejection| CgiResponse::refusal(&rejection))
    }

    fn message(
        &self,
        body: impl Read,
        callback: &mut Callback,
        jokes: &mut Jokes,
        now: SystemTime,
    ) -> Result<Answer, Rejection> {
        let query: CallbackQuery<'_> = callback.admit(&self.query, now)?;
        let length = check_length(self.length)?;
        let mut bytes = Vec::with_capacity(length);
        let limit = u64::try_from(length).unwrap_or(u64::MAX);
        match body.take(limit).read_to_end(&mut bytes) {
            Ok(read) if read == length => {
                callback.answer_with(&query, &bytes, now, || jokes.wait(now), entropy::randomness)
            }
            _ => Err(Rejection::BodyEndsEarly),
        }
    }
}

impl CgiResponse {
    fn handshake(echostr: Vec<u8>) -> Self {
        Self {
            status: 200,
            content_type: "text/plain",
            allow: None,
            body: echostr,
            said: "- handshake".to_owned(),
        }
    }

    fn reply(answer: Answer) -> Self {
        Self {
            status: 200,
            content_type: answer.content_type,
            allow: None,
            said: format!("{} {}", answer.msg_type, answer.answered),
            body: answer.body.into_bytes(),
        }
    }

    fn refusal(rejection: &Rejection) -> Self {
        Self {
            status: rejection.status(),
            content_type: "text/plain",
            allow: match rejection {
                Rejection::MethodNotAllowed { allow } => Some(allow),
                _ => None,
            },
            body: format!("{}\n", rejection.phrase()).into_bytes(),
            said: format!("- refused: {rejection}"),
        }
    }

    /// Writes it as the web server reads it.
    pub fn write_to(&self, mut out: impl Write) -> io::Result<()> {
        let reason = if self.status < 400 { "OK" } else { "Refused" };
        write!(out, "Status: {} {reason}\r\n", self.status)?;
        write!(out, "Content-Type: {}\r\n", self.content_type)?;
        write!(out, "Content-Length: {}\r\n", self.body.len())?;
        if let Some(methods) = self.allow {
            write!(out, "Allow: {methods}\r\n")?;
        }
        out.write_all(b"\r\n")?;
        out.write_all(&self.body)?;
        out.flush()
    }
}
