//! One request: what of it there is in memory, and how it is answered.

use std::{
    fmt,
    io::{Cursor, Read, Write},
    time::{Instant, SystemTime},
};

use httpdate::HttpDate;
use tiny_http::{Header, Method, Request, Response};

use crate::{
    access_log::{self, Line},
    callback::Rejection,
};

/// Bodies up to this many bytes are in memory before `tiny_http` hands a request over.
const READ_AHEAD_BYTES: usize = 1024;

/// A request that declares more than this is never dropped: `tiny_http` would allocate all that
/// was declared, and a failing allocation aborts the process.
const DROPPABLE_BYTES: usize = 1024 * 1024;

/// The head of an answer has some 120 bytes.
const HEAD_BYTES: usize = 160;

/// A request, and what the log tells of it when it is gone.
pub(super) struct Call {
    pub(super) request: Request,
    pub(super) facts: Facts,
    pub(super) time: SystemTime,
}

pub(super) struct Facts {
    pub(super) method: Method,
    url: String,
    /// Where the path ends in the URL.
    path_end: usize,
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
    /// Answers with 200 on this thread, then writes the line into the log.
    ///
    /// The answer is written as a whole. [`Request::respond`] puts it together from thirty pieces,
    /// and adds the library's name; of some 20 µs that a full server has for a message, that takes 1.
    pub(super) fn answer(self, content_type: &str, body: &[u8], said: impl fmt::Display) {
        let mut bytes = Vec::with_capacity(HEAD_BYTES + body.len());
        // Nothing fails that is written into memory.
        let _ = write!(
            bytes,
            "HTTP/{} 200 OK\r\nDate: {}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
            self.request.http_version(),
            HttpDate::from(SystemTime::now()),
            body.len(),
        );
        bytes.extend_from_slice(body);
        let mut writer = self.request.into_writer();
        // A peer that is gone needs no answer.
        let _ = writer.write_all(&bytes).and_then(|()| writer.flush());
        // The connection's next answer waits for that.
        drop(writer);
        access_log::write(self.facts.line(said, 200));
    }

    /// Refuses on this thread, which is not the loop's, then writes the line into the log.
    pub(super) fn refuse(self, rejection: &Rejection) {
        let _ = self.request.respond(refusal(rejection));
        access_log::write(self.facts.line(Refused(rejection), rejection.status()));
        // The loop may be waiting for a request.
        log::logger().flush();
    }
}

impl From<Request> for Call {
    fn from(request: Request) -> Self {
        let url = request.url();
        Self {
            facts: Facts {
                method: request.method().clone(),
                path_end: url.find('?').unwrap_or(url.len()),
                url: url.to_owned(),
                begun: Instant::now(),
            },
            time: SystemTime::now(),
            request,
        }
    }
}

impl Facts {
    pub(super) fn path(&self) -> &str {
        self.url.get(..self.path_end).unwrap_or_default()
    }

    pub(super) fn query(&self) -> &str {
        self.url.get(self.path_end + 1..).unwrap_or_default()
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

/// What the log says of a refusal.
pub(super) struct Refused<'a>(pub(super) &'a Rejection);

impl fmt::Display for Refused<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "- refused: {}", self.0)
    }
}

pub(super) fn read_body(request: &mut Request, length: usize) -> Result<Vec<u8>, Rejection> {
    let mut body = Vec::with_capacity(length);
    let limit = u64::try_from(length).unwrap_or(u64::MAX);
    match request.as_reader().take(limit).read_to_end(&mut body) {
        Ok(read) if read == length => Ok(body),
        _ => Err(Rejection::BodyEndsEarly),
    }
}

/// A chunked body, and one after `Connection: upgrade`, are left on the socket when the request is
/// dropped; any other is read to its end.
pub(super) fn body_of(request: &Request) -> Body {
    let has = |field: &'static str, value: &str| {
        request.headers().iter().any(|header| {
            header.field.equiv(field) && header.value.as_str().to_ascii_lowercase().contains(value)
        })
    };
    match request.body_length() {
        None | Some(0) => Body::Read,
        Some(length) if length > DROPPABLE_BYTES => Body::Bomb,
        Some(length) if length > READ_AHEAD_BYTES => Body::Waiting,
        Some(_) if has("Expect", "") || has("Connection", "upgrade") => Body::Waiting,
        Some(_) => Body::Read,
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
