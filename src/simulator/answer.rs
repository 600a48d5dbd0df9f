//! A server's HTTP answer, or the reason that there is none.

use std::{
    io::ErrorKind,
    time::{Duration, SystemTime},
};

use httparse::{EMPTY_HEADER, Response, Status, parse_chunk_size};

use crate::{
    network::{SystemError, TlsError},
    printable::printable,
};

/// Time that WeChat waits for an answer before it drops the connection.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Characters shown at most of a line from a server.
const MAX_LINE_CHARS: usize = 80;

/// Characters shown at most of a redirect's target.
const MAX_LOCATION_CHARS: usize = 200;

/// Headers accepted at most; an answer with more counts as not HTTP.
const MAX_HEADERS: usize = 64;

/// An HTTP answer, whatever its status.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Target of a redirect, as it can be shown.
    pub(crate) location: Option<String>,
    /// The `Content-Type` header.
    pub(crate) content_type: Option<String>,
    /// The server's clock, by its `Date` header.
    pub(crate) date: Option<SystemTime>,
    /// True if the body came in chunks.
    pub(crate) chunked: bool,
    /// True if an HTTP/1.0 connection was still open after the answer when time was up.
    pub(crate) kept_open: bool,
    /// Names and values of all headers.
    pub(crate) headers: Vec<(String, String)>,
    /// The body.
    pub(crate) body: Vec<u8>,
}

/// Reason that there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PostError {
    #[error("no such host: {0}")]
    UnknownHost(String),
    #[error("nothing is listening on {host}, port {port}")]
    Refused { host: String, port: u16 },
    #[error("no response within {} s", PATIENCE.as_secs())]
    TooSlow,
    /// No way leads from this machine to the host.
    #[error("{host} can't be reached: {error}")]
    Unreachable { host: String, error: SystemError },
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The connection ended too early.
    #[error("the connection broke: {0}")]
    Broken(SystemError),
    #[error("the connection was closed without a response")]
    Closed,
    #[error("the response is over 1 MiB")]
    TooLarge,
    #[error("the response isn't HTTP, or is cut short")]
    NotHttp,
}

impl Answer {
    /// Parses an answer, which ends with the connection if it declares no length. The error is
    /// `UnexpectedEof` if more has to come, `InvalidData` if it is not HTTP.
    pub(super) fn parse(bytes: &[u8], has_ended: bool) -> Result<Self, ErrorKind> {
        let bytes = final_response(bytes);
        let mut headers = [EMPTY_HEADER; MAX_HEADERS];
        let mut head = Response::new(&mut headers);
        let Status::Complete(length) = head.parse(bytes).map_err(|_| ErrorKind::InvalidData)?
        else {
            return Err(ErrorKind::UnexpectedEof);
        };
        let headers = head.headers.iter().map(|header| {
            let value = String::from_utf8_lossy(header.value);
            (header.name.to_owned(), value.into_owned())
        });
        let headers: Vec<(String, String)> = headers.collect();
        let header = |wanted: &str| {
            let mut found = headers.iter();
            let found = found.find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.map(|(_, value)| value.clone())
        };
        let rest = bytes.get(length..).unwrap_or_default();
        let chunked = header("Transfer-Encoding")
            .is_some_and(|coding| coding.to_ascii_lowercase().contains("chunked"));
        let length = header("Content-Length").and_then(|length| length.parse().ok());
        let body = match length {
            _ if chunked => unchunk(rest)?,
            Some(length) => rest.get(..length).ok_or(ErrorKind::UnexpectedEof)?.to_vec(),
            None if has_ended || matches!(head.code, Some(204 | 304)) => rest.to_vec(),
            None => return Err(ErrorKind::UnexpectedEof),
        };
        Ok(Self {
            status: head.code.unwrap_or_default(),
            location: header("Location").map(|url| printable(&url, MAX_LOCATION_CHARS).to_string()),
            content_type: header("Content-Type"),
            date: header("Date").and_then(|date| httpdate::parse_http_date(&date).ok()),
            chunked,
            kept_open: false,
            headers,
            body,
        })
    }

    /// Returns the first line of the body, for a person to read.
    pub(crate) fn first_line(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let line = text.trim_start().lines().next().unwrap_or_default();
        printable(line, MAX_LINE_CHARS).to_string()
    }

    /// Returns whether the body contains these words, given in lower case.
    pub(crate) fn contains(&self, words: &str) -> bool {
        let text = String::from_utf8_lossy(&self.body);
        text.to_ascii_lowercase().contains(words)
    }

    /// Returns whether the type is a web page's, which PHP and Flask give to any text by default.
    pub(crate) fn has_html_type(&self) -> bool {
        let name = self.content_type.as_ref();
        name.is_some_and(|name| name.to_ascii_lowercase().starts_with("text/html"))
    }

    /// Returns whether the body is a web page, by its beginning.
    pub(crate) fn is_page(&self) -> bool {
        let text = String::from_utf8_lossy(&self.body).to_ascii_lowercase();
        let text = text.trim_start_matches('\u{feff}').trim_start();
        text.starts_with("<!doctype html")
            || text.starts_with("<html")
            || self.has_html_type() && text.starts_with('<') && !text.starts_with("<xml")
    }
}

/// Skips what comes before the final response, such as `100 Continue`.
fn final_response(mut bytes: &[u8]) -> &[u8] {
    loop {
        let mut headers = [EMPTY_HEADER; MAX_HEADERS];
        let mut head = Response::new(&mut headers);
        match (head.parse(bytes), head.code) {
            (Ok(Status::Complete(length)), Some(100..200)) => {
                bytes = bytes.get(length..).unwrap_or_default();
            }
            _ => return bytes,
        }
    }
}

/// Joins the chunks of a body.
fn unchunk(mut rest: &[u8]) -> Result<Vec<u8>, ErrorKind> {
    let mut body = Vec::new();
    loop {
        let size = parse_chunk_size(rest).map_err(|_| ErrorKind::InvalidData)?;
        let Status::Complete((start, size)) = size else {
            return Err(ErrorKind::UnexpectedEof);
        };
        if size == 0 {
            return Ok(body);
        }
        let size = usize::try_from(size).map_err(|_| ErrorKind::InvalidData)?;
        let end = start.checked_add(size).ok_or(ErrorKind::InvalidData)?;
        body.extend(rest.get(start..end).ok_or(ErrorKind::UnexpectedEof)?);
        // Skips the line break that ends a chunk.
        rest = rest.get(end + 2..).ok_or(ErrorKind::UnexpectedEof)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: &[u8]) -> Answer {
        Answer {
            status: 403,
            body: body.to_vec(),
            ..Answer::default()
        }
    }

    #[test]
    fn what_is_shown_of_an_answer_is_one_short_line() {
        assert_eq!(
            answer(b"\n for\x1b[2Jbidden\nmore").first_line(),
            r"for\u{1b}[2Jbidden"
        );
        assert_eq!(answer(b"").first_line(), "");
        let cut = "a".repeat(80) + "…";
        assert_eq!(answer(&[b'a'; 99]).first_line(), cut);
    }

    #[test]
    fn a_web_page_is_told_by_its_beginning_or_by_its_type() {
        let is_page = |content_type: &str, body: &str| {
            let answer = Answer {
                content_type: Some(content_type.to_owned()),
                ..answer(body.as_bytes())
            };
            answer.is_page()
        };
        assert!(is_page("", "\u{feff}\n<!DOCTYPE html>"));
        assert!(is_page("text/plain", "<HTML>"));
        assert!(is_page("text/html; charset=gbk", "<head>"));
        assert!(!is_page("application/xml", "<head>"));
        assert!(!is_page("text/html", "<xml></xml>"));
        assert!(!is_page("text/html", "forbidden"));
        assert!(!is_page("text/html", ""));
    }

    #[test]
    fn an_answer_ends_by_its_length_its_chunks_or_its_connection() {
        let body = |head: &str, body: &str, has_ended| {
            let bytes = format!("HTTP/1.1 200 OK\r\n{head}\r\n{body}");
            let answer = Answer::parse(bytes.as_bytes(), has_ended)?;
            Ok(String::from_utf8(answer.body).unwrap())
        };
        let whole = |text: &str| Ok(text.to_owned());
        assert_eq!(body("content-length: 2\r\n", "abc", false), whole("ab"));
        assert_eq!(body("", "abc", true), whole("abc"));
        let chunked = "Transfer-Encoding: Chunked\r\n";
        let chunks = "2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n";
        assert_eq!(body(chunked, chunks, false), whole("abc"));
        for (head, text, has_ended) in [
            ("Content-Length: 4\r\n", "abc", true),
            ("", "abc", false),
            (chunked, "2\r\nab\r\n", true),
            (chunked, "5\r\nab", true),
        ] {
            assert_eq!(body(head, text, has_ended), Err(ErrorKind::UnexpectedEof));
        }
        assert_eq!(body(chunked, "xy\r\n", true), Err(ErrorKind::InvalidData));
        assert_eq!(
            body(chunked, "ffffffffffffffff\r\n", true),
            Err(ErrorKind::InvalidData)
        );
        let parse = |bytes: &[u8]| Answer::parse(bytes, true).map(|answer| answer.status);
        assert_eq!(
            parse(b"SSH-2.0-OpenSSH_9.2\r\n"),
            Err(ErrorKind::InvalidData)
        );
        assert_eq!(parse(b"HTTP/1.0 204 \r\n\r\n"), Ok(204));
        let before = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n";
        assert_eq!(parse(before), Err(ErrorKind::UnexpectedEof));
        let all = [&before[..], b"HTTP/1.1 200 OK\r\n\r\n"].concat();
        assert_eq!(parse(&all), Ok(200));
        assert_eq!(parse(b""), Err(ErrorKind::UnexpectedEof));
    }
}
