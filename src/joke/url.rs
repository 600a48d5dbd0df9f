//! The URL of a source's pages.

use std::fmt;
use std::ops::RangeInclusive;

use super::client::host_and_port;

/// A URL, perhaps with a range of pages in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url {
    before: String,
    pages: Option<RangeInclusive<u32>>,
    after: String,
}

impl Url {
    pub(super) fn parse(text: &str) -> Result<Url, UrlError> {
        let lower = text.to_ascii_lowercase();
        let rest = lower
            .strip_prefix("https://")
            .or_else(|| lower.strip_prefix("http://"))
            .ok_or(UrlError::Scheme)?;
        if rest.is_empty() || rest.starts_with(['/', '?', '#', ':']) {
            return Err(UrlError::Host);
        }
        if let Some(c) = text.chars().find(|c| !c.is_ascii_graphic()) {
            return Err(UrlError::Character(c));
        }
        let url = match text.split_once('{') {
            None => Url::new(text, None, "")?,
            Some((before, rest)) => {
                let (pages, after) = rest.split_once('}').ok_or(UrlError::Pages)?;
                Url::new(before, Some(range(pages).ok_or(UrlError::Pages)?), after)?
            }
        };
        check(&url.page(|pages| *pages.start()))?;
        check(&url.page(|pages| *pages.end()))?;
        Ok(url)
    }

    fn new(before: &str, pages: Option<RangeInclusive<u32>>, after: &str) -> Result<Url, UrlError> {
        if before.contains('}') || after.contains(['{', '}']) {
            return Err(UrlError::Pages);
        }
        Ok(Url {
            before: before.to_owned(),
            pages,
            after: after.to_owned(),
        })
    }

    /// The URL of one page; `choose` picks its number, if there is a range.
    pub(super) fn page(&self, choose: impl FnOnce(RangeInclusive<u32>) -> u32) -> String {
        match &self.pages {
            Some(pages) => format!("{}{}{}", self.before, choose(pages.clone()), self.after),
            None => self.before.clone(),
        }
    }
}

/// Whether a page can be fetched from there at all.
fn check(url: &str) -> Result<(), UrlError> {
    let (host, port) = host_and_port(url).ok_or(UrlError::Host)?;
    if host.is_empty() {
        return Err(UrlError::Host);
    }
    match port.strip_prefix(':').map(str::parse::<u16>) {
        Some(Err(_) | Ok(0)) => Err(UrlError::Port),
        Some(Ok(_)) | None => Ok(()),
    }
}

/// `1-50` as a range that is not empty.
fn range(text: &str) -> Option<RangeInclusive<u32>> {
    let (first, last) = text.split_once('-')?;
    let (first, last) = (number(first)?, number(last)?);
    (first <= last).then_some(first..=last)
}

fn number(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    // The site would be asked for 1 where 01 stands.
    let plain = text == "0" || !text.starts_with('0');
    (digits && plain).then(|| text.parse().ok())?
}

/// What is wrong with a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlError {
    /// It does not begin with `http://` or `https://`.
    Scheme,
    /// It names no host, or one that cannot be.
    Host,
    /// Its port is not a number from 1 to 65535.
    Port,
    /// This character cannot stand in a URL.
    Character(char),
    /// The braces hold no page range, or there are several.
    Pages,
}

impl std::error::Error for UrlError {}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UrlError::Scheme => f.write_str("a URL begins with http:// or https://"),
            UrlError::Host => f.write_str("the URL names no host that can be"),
            UrlError::Port => f.write_str("a port is a number from 1 to 65535"),
            UrlError::Character(c) => write!(
                f,
                "{c:?} cannot stand in a URL as it is; write it percent-encoded"
            ),
            UrlError::Pages => {
                f.write_str("braces hold one range of pages, first to last, without a zero before, as in {1-50}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_range_is_filled_with_the_chosen_page() {
        let url = Url::parse("http://x.cn/{3-50}.html?a=1").unwrap();
        assert_eq!(url.page(|pages| *pages.start()), "http://x.cn/3.html?a=1");
        assert_eq!(url.page(|pages| *pages.end()), "http://x.cn/50.html?a=1");
        let url = Url::parse("HTTPS://x.cn").unwrap();
        assert_eq!(url.page(|_| 7), "HTTPS://x.cn");
    }

    #[test]
    fn hosts_may_be_names_and_addresses_with_ports() {
        for text in [
            "http://localhost",
            "http://x.cn:1/",
            "http://u:p@x.cn:65535/a@b:c",
            "http://[::1]:8080/",
            "http://[::1]/?x=:0",
            "http://127.0.0.1/{0-9}",
        ] {
            assert!(Url::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_url_is_refused() {
        for (text, error) in [
            ("", UrlError::Scheme),
            ("x.cn/jokes", UrlError::Scheme),
            ("file:///etc/passwd", UrlError::Scheme),
            ("http://", UrlError::Host),
            ("http:///x", UrlError::Host),
            ("http://:80/", UrlError::Host),
            ("http://x.cn/笑话", UrlError::Character('笑')),
            ("http://x.cn/a b", UrlError::Character(' ')),
            ("http://x.cn/\n", UrlError::Character('\n')),
            ("http://a<b/", UrlError::Host),
            ("http://@/", UrlError::Host),
            ("http://x@/", UrlError::Host),
            ("http://[::1/", UrlError::Host),
            ("http://%zz/", UrlError::Host),
            ("http://x.cn:/", UrlError::Port),
            ("http://x.cn:0/", UrlError::Port),
            ("http://x.cn:65536/", UrlError::Port),
            ("http://x.cn:x/", UrlError::Port),
            ("http://u:p@x.cn:99999/", UrlError::Port),
            ("http://[::1]:99999/", UrlError::Port),
            ("http://x.cn:{1-70000}/", UrlError::Port),
            ("http://x.cn/{01-50}", UrlError::Pages),
            ("http://x.cn/{1-2", UrlError::Pages),
            ("http://x.cn/1-2}", UrlError::Pages),
            ("http://x.cn/}{1-2}", UrlError::Pages),
            ("http://x.cn/{1-2}{3-4}", UrlError::Pages),
            ("http://x.cn/{2-1}", UrlError::Pages),
            ("http://x.cn/{+1-2}", UrlError::Pages),
            ("http://x.cn/{-2}", UrlError::Pages),
            ("http://x.cn/{n}", UrlError::Pages),
            ("http://x.cn/{1-99999999999}", UrlError::Pages),
        ] {
            assert_eq!(Url::parse(text), Err(error), "{text}");
        }
    }
}
