//! The log's line for each request, and a bound on what refused requests can make the log write.

use std::{
    fmt,
    net::IpAddr,
    time::{Duration, Instant},
};

use log::Level;

use crate::printable::printable;

/// The target of these lines, by which the log tells them from others.
pub(crate) const TARGET: &str = module_path!();

/// Lines a second about requests that are refused, and as many about health checks. A scanner's are
/// all told; a flood would fill the disk with some 10 MB a second, and cost more time than the
/// answers.
pub(crate) const MAX_LINES_PER_SECOND: u32 = 200;

/// The length of the window in which lines are counted.
const WINDOW: Duration = Duration::from_secs(1);

/// A method is cut after this many characters; the longest known ones have 17.
const METHOD_CHARS: usize = 20;

/// A path is cut after this many characters.
const PATH_CHARS: usize = 64;

/// What the log tells of one request. No query, body or OpenID is in it.
#[derive(Debug)]
pub(crate) struct RequestLine<'a> {
    /// Whose request it is, if that is known.
    pub(crate) peer: Option<IpAddr>,
    /// The request's method.
    pub(crate) method: &'a str,
    /// The request's path.
    pub(crate) path: &'a str,
    /// The MsgType and what was answered.
    pub(crate) summary: &'a str,
    /// The HTTP status.
    pub(crate) status: u16,
    /// How long the answer took.
    pub(crate) took: Duration,
}

impl fmt::Display for RequestLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = printable(self.method, METHOD_CHARS);
        let path = printable(self.path, PATH_CHARS);
        let milliseconds = self.took.as_secs() * 1000 + u64::from(self.took.subsec_millis());
        let tenth = self.took.subsec_micros() / 100 % 10;
        match self.peer {
            // IPv4's as such, also where one socket serves both kinds.
            Some(peer) => write!(f, "{}", peer.to_canonical())?,
            None => f.write_str("-")?,
        }
        write!(
            f,
            " {method} {path} {} {} {milliseconds}.{tenth} ms",
            self.summary, self.status
        )
    }
}

/// Logs a line about a request, which may wait in a buffer until the caller flushes the log.
pub(crate) fn write(level: Level, line: impl fmt::Display) {
    log::log!(target: TARGET, level, "{line}");
}

/// Bounds the lines of one kind.
#[derive(Debug)]
pub(crate) struct RateLimit {
    /// Lines in a window.
    limit: u32,
    since: Instant,
    /// All lines of this window, also those that were left out.
    lines: u32,
}

impl RateLimit {
    /// So many lines a second are written.
    pub(crate) fn new(limit: u32) -> Self {
        Self {
            limit,
            since: Instant::now(),
            lines: 0,
        }
    }

    /// Admits one more line, or none now. With the first of a window comes how many were left out
    /// before.
    pub(crate) fn admit(&mut self, now: Instant) -> Option<u32> {
        let mut left_out = 0;
        if now.saturating_duration_since(self.since) >= WINDOW {
            left_out = self.lines.saturating_sub(self.limit);
            (self.since, self.lines) = (now, 0);
        }
        self.lines += 1;
        (self.lines <= self.limit).then_some(left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(path: &str) -> String {
        line_of("GET", path)
    }

    fn line_of(method: &str, path: &str) -> String {
        RequestLine {
            peer: Some([203, 0, 113, 7].into()),
            method,
            path,
            summary: "- refused: nothing is at this path",
            status: 404,
            took: Duration::from_micros(1250),
        }
        .to_string()
    }

    #[test]
    fn a_line_has_peer_method_path_what_was_said_status_and_time() {
        assert_eq!(
            line("/robots.txt"),
            "203.0.113.7 GET /robots.txt - refused: nothing is at this path 404 1.2 ms"
        );
    }

    #[test]
    fn a_strangers_path_and_method_are_escaped_and_cut() {
        assert!(line_of("FOO\n\u{1b}[31m", "/").starts_with("203.0.113.7 FOO\\n\\u{1b}[31m / - "));
        assert!(
            line_of(&"F".repeat(21), "/")
                .starts_with(&format!("203.0.113.7 {}… / - ", "F".repeat(20)))
        );
        assert_eq!(
            line("/\u{1b}[2J"),
            "203.0.113.7 GET /\\u{1b}[2J - refused: nothing is at this path 404 1.2 ms"
        );
        let long = "/".repeat(PATH_CHARS);
        assert!(line(&long).starts_with(&format!("203.0.113.7 GET {long} - ")));
        assert!(line(&format!("{long}x")).starts_with(&format!("203.0.113.7 GET {long}… - ")));
    }

    #[test]
    fn a_flood_is_counted_and_told_once() {
        let mut rate_limit = RateLimit::new(MAX_LINES_PER_SECOND);
        let start = rate_limit.since;
        for _ in 0..MAX_LINES_PER_SECOND {
            assert_eq!(rate_limit.admit(start), Some(0));
        }
        for _ in 0..3 {
            assert_eq!(rate_limit.admit(start), None);
        }
        assert_eq!(rate_limit.admit(start + WINDOW), Some(3));
        assert_eq!(rate_limit.admit(start + WINDOW), Some(0));
    }
}
