//! One request: what of it there is in memory, and how it is answered.

use std::{
    fmt,
    io::{Cursor, Read},
    time::{Instant, SystemTime},
};

use tiny_http::{Header, Method, Request, Response};

use crate::{access_log::Line, callback::Rejection};

/// Bodies up to this many bytes are in memory before `tiny_http` hands a request over.
const READ_AHEAD_BYTES: usize = 1024;

/// A request that declares more than this is never dropped: `tiny_http` would allocate all that
/// was declared, and a failing allocation aborts the process.
const DROPPABLE_BYTES: usize = 1024 * 1024;

/// A request, and what the log tells of it when it is gone.
pub(super) struct Call {
    pub(super) request: Request,
    pub(super) facts: Facts,
    pub(super) time: SystemTime,
}

pub(super) struct Facts {
    pub(super) method: Method,
    url: String,
    begun: Instant,
}

/// Where the body of a request is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    /// In memory, or there is none: the request can be answered and dropped at once.
    Read,
    /// On the socket: reading it or dropping the request takes as long as the peer likes.
    Waiting,
    /// Declared so large that the request can never be dropped.
    Bomb,
}

pub(super) type HttpResponse = Response<Cursor<Vec<u8>>>;

impl Call {
    /// Answers on this thread, then writes the line into the log.
    pub(super) fn respond(self, response: HttpResponse, said: impl fmt::Display) {
        let status = response.status_code().0;
        // A peer that is gone needs no answer.
        let _ = self.request.respond(response);
        log::info!("{}", self.facts.line(said, status));
    }
}

impl From<Request> for Call {
    fn from(request: Request) -> Self {
        Self {
            facts: Facts {
                method: request.method().clone(),
                url: request.url().to_owned(),
                begun: Instant::now(),
            },
            time: SystemTime::now(),
            request,
        }
    }
}

impl Facts {
    pub(super) fn path(&self) -> &str {
        split(&self.url).0
    }

    pub(super) fn query(&self) -> &str {
        split(&self.url).1
    }

    pub(super) fn line<S: fmt::Display>(&self, said: S, status: u16) -> Line<'_, S> {
        Line {
            method: self.method.as_str(),
            path: self.path(),
            said,
            status,
            took: self.begun.elapsed(),
        }
    }
}

/// The path and the query of a URL.
fn split(url: &str) -> (&str, &str) {
    url.split_once('?').unwrap_or((url, ""))
}

pub(super) fn read_body(request: &mut Request, length: usize) -> Result<Vec<u8>, Rejection> {
    let mut body = Vec::with_capacity(length);
    let limit = u64::try_from(length).unwrap_or(u64::MAX);
    match request.as_reader().take(limit).read_to_end(&mut body) {
        Ok(read) if read == length => Ok(body),
        _ => Err(Rejection::BodyEndsEarly),
    }
}

pub(super) fn body_of(request: &Request) -> Body {
    let declares = |field: &'static str, value: &str| {
        request.headers().iter().any(|header| {
            header.field.equiv(field) && header.value.as_str().to_ascii_lowercase().contains(value)
        })
    };
    match request.body_length() {
        Some(length) if length > DROPPABLE_BYTES => Body::Bomb,
        Some(length) if length > READ_AHEAD_BYTES => Body::Waiting,
        _ if declares("Transfer-Encoding", "") => Body::Waiting,
        _ if declares("Expect", "") || declares("Connection", "upgrade") => Body::Waiting,
        _ => Body::Read,
    }
}

pub(super) fn refusal(rejection: &Rejection) -> HttpResponse {
    let response = response(
        rejection.status(),
        "text/plain",
        format!("{}\n", rejection.phrase()).into_bytes(),
    );
    match rejection {
        Rejection::MethodNotAllowed { allow } => with_header(response, "Allow", allow),
        _ => response,
    }
}

pub(super) fn response(status: u16, content_type: &str, body: Vec<u8>) -> HttpResponse {
    let response = Response::from_data(body)
        .with_status_code(status)
        // The body is in memory as a whole, so its length can be told however long it is.
        .with_chunked_threshold(usize::MAX);
    with_header(response, "Content-Type", content_type)
}

fn with_header(response: HttpResponse, field: &str, value: &str) -> HttpResponse {
    match Header::from_bytes(field, value) {
        Ok(header) => response.with_header(header),
        // Every header is one of ours, in ASCII.
        Err(()) => response,
    }
}
