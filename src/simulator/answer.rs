//! A server's HTTP answer, or the reason that there is none.

use std::{
    borrow::Cow,
    io::ErrorKind,
    time::{Duration, SystemTime},
};

use httparse::{EMPTY_HEADER, Response, Status, parse_chunk_size};

use crate::{
    network::{SystemError, TlsError},
    printable::printable,
    wechat::unix_seconds,
};

/// Time that WeChat waits for an answer before it drops the connection.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Characters shown at most of a line from a server.
const MAX_LINE_CHARS: usize = 80;

/// Headers accepted at most; an answer with more counts as not HTTP.
const MAX_HEADERS: usize = 64;

/// An HTTP answer, whatever its status.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct HttpAnswer {
    pub(crate) status: u16,
    /// Names and values of all headers.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// True if an HTTP/1.0 connection was still open after the answer when time was up.
    pub(crate) kept_open: bool,
    /// Seconds between the server's clock, by its `Date` header, and this machine's.
    pub(crate) drift: Option<u64>,
}

/// Reason that there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SendError {
    #[error("no such host: {0}")]
    UnknownHost(String),
    /// At this host and port.
    #[error("nothing is listening on {0}, port {1}")]
    Refused(String, u16),
    #[error("no response within {} s", ANSWER_TIMEOUT.as_secs())]
    TooSlow,
    /// No way leads from this machine to the host.
    #[error("{0} can't be reached: {1}")]
    Unreachable(String, SystemError),
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

impl HttpAnswer {
    /// Parses an answer, which ends with the connection if it declares no length. The error is
    /// `UnexpectedEof` if more has to come, `InvalidData` if it is not HTTP.
    pub(super) fn parse(bytes: &[u8], has_ended: bool) -> Result<Self, ErrorKind> {
        let (mut answer, mut rest) = Self::parse_head(bytes)?;
        // What comes before the final response, such as `100 Continue`.
        while (100..200).contains(&answer.status) {
            (answer, rest) = Self::parse_head(rest)?;
        }
        let length = answer.header("Content-Length");
        answer.body = match length.and_then(|length| length.parse().ok()) {
            _ if answer.is_chunked() => unchunk(rest)?,
            Some(length) => rest.get(..length).ok_or(ErrorKind::UnexpectedEof)?.to_vec(),
            None if has_ended || matches!(answer.status, 204 | 304) => rest.to_vec(),
            None => return Err(ErrorKind::UnexpectedEof),
        };
        Ok(answer)
    }

    /// Returns an answer without its body, and the bytes after its head.
    fn parse_head(bytes: &[u8]) -> Result<(Self, &[u8]), ErrorKind> {
        let mut headers = [EMPTY_HEADER; MAX_HEADERS];
        let mut head = Response::new(&mut headers);
        let parsed = head.parse(bytes).map_err(|_| ErrorKind::InvalidData)?;
        let Status::Complete(length) = parsed else {
            return Err(ErrorKind::UnexpectedEof);
        };
        let headers = head.headers.iter().map(|header| {
            let value = String::from_utf8_lossy(header.value);
            (header.name.to_owned(), value.into_owned())
        });
        let answer = Self {
            status: head.code.unwrap_or_default(),
            headers: headers.collect(),
            ..Self::default()
        };
        Ok((answer, bytes.get(length..).unwrap_or_default()))
    }

    /// Returns the value of the first header of this name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Returns the seconds between the server's clock and `now`, if the server tells the time.
    pub(super) fn drift(&self, now: SystemTime) -> Option<u64> {
        let date = httpdate::parse_http_date(self.header("Date")?).ok()?;
        Some(unix_seconds(date).abs_diff(unix_seconds(now)))
    }

    /// Returns whether the body came in chunks.
    pub(crate) fn is_chunked(&self) -> bool {
        let coding = self.header("Transfer-Encoding").unwrap_or_default();
        coding.to_ascii_lowercase().contains("chunked")
    }

    /// Returns the body as text.
    pub(crate) fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// Returns the first line of the body, for a person to read.
    pub(crate) fn first_line(&self) -> String {
        let text = self.text();
        let line = text.trim_start().lines().next().unwrap_or_default();
        printable(line, MAX_LINE_CHARS)
    }

    /// Returns whether the body contains these words, given in lower case.
    pub(crate) fn contains(&self, words: &str) -> bool {
        self.text().to_ascii_lowercase().contains(words)
    }

    /// Returns whether the type is a web page's, which PHP and Flask give to any text by default.
    pub(crate) fn has_html_type(&self) -> bool {
        let name = self.header("Content-Type").unwrap_or_default();
        name.to_ascii_lowercase().starts_with("text/html")
    }

    /// Returns whether the body is a web page, by its beginning.
    pub(crate) fn is_page(&self) -> bool {
        let text = self.text().to_ascii_lowercase();
        let text = text.trim_start_matches('\u{feff}').trim_start();
        text.starts_with("<!doctype html")
            || text.starts_with("<html")
            || self.has_html_type() && text.starts_with('<') && !text.starts_with("<xml")
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

    fn answer(body: &[u8]) -> HttpAnswer {
        HttpAnswer {
            status: 403,
            body: body.to_vec(),
            ..HttpAnswer::default()
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
            let answer = HttpAnswer {
                headers: vec![("content-type".to_owned(), content_type.to_owned())],
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
    fn the_servers_clock_is_read_in_seconds() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let date = |date: &str| HttpAnswer {
            headers: vec![("date".to_owned(), date.to_owned())],
            ..HttpAnswer::default()
        };
        assert_eq!(date("Tue, 14 Nov 2023 22:12:40 GMT").drift(now), Some(40));
        assert_eq!(date("Tue, 14 Nov 2023 22:14:00 GMT").drift(now), Some(40));
        assert_eq!(date("now").drift(now), None);
        assert_eq!(HttpAnswer::default().drift(now), None);
    }

    #[test]
    fn an_answer_ends_by_its_length_its_chunks_or_its_connection() {
        let body = |head: &str, body: &str, has_ended| {
            let bytes = format!("HTTP/1.1 200 OK\r\n{head}\r\n{body}");
            let answer = HttpAnswer::parse(bytes.as_bytes(), has_ended)?;
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
        let parse = |bytes: &[u8]| HttpAnswer::parse(bytes, true).map(|answer| answer.status);
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
