//! What a server answers, as HTTP has it.

use std::time::SystemTime;

use crate::printable::printable;

/// How much of a stranger's answer is shown.
const MAX_LINE_CHARS: usize = 80;

/// What came back, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// HTTP status.
    pub(crate) status: u16,
    /// Where it sends the caller, if it is a redirect.
    pub(crate) location: Option<String>,
    /// The MIME type that it says its body has.
    pub(crate) content_type: Option<String>,
    /// The server's clock, by its `Date` header.
    pub(crate) date: Option<SystemTime>,
    /// The body, at most 1 MiB of it.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The first line of its body, for a person to read.
    pub(crate) fn first_line(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let line = text.trim_start().lines().next().unwrap_or_default();
        printable(line, MAX_LINE_CHARS).to_string()
    }

    /// Whether its body contains these words, which are in lower case.
    pub(crate) fn contains(&self, words: &str) -> bool {
        let text = String::from_utf8_lossy(&self.body);
        text.to_ascii_lowercase().contains(words)
    }

    /// Whether it is a web page. Its type is not enough: that is what PHP says of any text.
    pub(crate) fn is_page(&self) -> bool {
        let text = String::from_utf8_lossy(&self.body).to_ascii_lowercase();
        let text = text.trim_start_matches('\u{feff}').trim_start();
        let is_called_page = self.content_type.as_ref();
        let is_called_page = is_called_page.is_some_and(|name| name.starts_with("text/html"));
        text.starts_with("<!doctype html")
            || text.starts_with("<html")
            || is_called_page && text.starts_with('<') && !text.starts_with("<xml")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_of_an_answer_is_one_short_line() {
        let answer = |body: &[u8]| Answer {
            status: 403,
            location: None,
            content_type: None,
            date: None,
            body: body.to_vec(),
        };
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
                status: 200,
                location: None,
                content_type: Some(content_type.to_owned()),
                date: None,
                body: body.as_bytes().to_vec(),
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
}
