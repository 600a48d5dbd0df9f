//! The URL of a source's pages.

use std::{ops::RangeInclusive, str::FromStr};

use thiserror::Error;
use url::{ParseError, Url};

/// A URL, perhaps with a range of pages in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PageUrl {
    before: String,
    pages: Option<RangeInclusive<u32>>,
    after: String,
}

impl PageUrl {
    /// The URL of one page; `choose` picks its number, if there is a range.
    pub(crate) fn page(&self, choose: impl FnOnce(RangeInclusive<u32>) -> u32) -> String {
        match &self.pages {
            Some(pages) => format!("{}{}{}", self.before, choose(pages.clone()), self.after),
            None => self.before.clone(),
        }
    }
}

impl FromStr for PageUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let (before, pages, after) = match text.split_once('{') {
            None => (text, None, ""),
            Some((before, rest)) => {
                let (pages, after) = rest.split_once('}').ok_or(UrlError::Pages)?;
                (before, Some(range(pages).ok_or(UrlError::Pages)?), after)
            }
        };
        if before.contains('}') || after.contains(['{', '}']) {
            return Err(UrlError::Pages);
        }
        let url = PageUrl {
            before: before.to_owned(),
            pages,
            after: after.to_owned(),
        };
        for end in [RangeInclusive::start, RangeInclusive::end] {
            parse(&url.page(|pages| *end(&pages)))?;
        }
        Ok(url)
    }
}

/// A URL that a page can be fetched from.
pub(super) fn parse(url: &str) -> Result<Url, UrlError> {
    match Url::parse(url) {
        Ok(url) if ["http", "https"].contains(&url.scheme()) => Ok(url),
        Ok(_) | Err(ParseError::RelativeUrlWithoutBase) => Err(UrlError::Scheme),
        Err(error) => Err(UrlError::Parse(error)),
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum UrlError {
    /// It does not begin with `http://` or `https://`.
    #[error("a URL begins with http:// or https://")]
    Scheme,
    /// The braces hold no page range, or there are several.
    #[error("braces hold one range of pages, first to last, without a zero before, as in {{1-50}}")]
    Pages,
    /// It is no URL for this reason.
    #[error("{0}")]
    Parse(ParseError),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(url: &str, choose: impl FnOnce(RangeInclusive<u32>) -> u32) -> String {
        url.parse::<PageUrl>().unwrap().page(choose)
    }

    #[test]
    fn a_page_range_is_filled_with_the_chosen_page() {
        let url = "http://x.cn/{3-50}.html?a=1";
        assert_eq!(page(url, |pages| *pages.start()), "http://x.cn/3.html?a=1");
        assert_eq!(page(url, |pages| *pages.end()), "http://x.cn/50.html?a=1");
        assert_eq!(page("HTTPS://x.cn", |_| 7), "HTTPS://x.cn");
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
            assert!(text.parse::<PageUrl>().is_ok(), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_url_is_refused() {
        for (text, error) in [
            ("", UrlError::Scheme),
            ("x.cn/jokes", UrlError::Scheme),
            ("file:///etc/passwd", UrlError::Scheme),
            ("http://", UrlError::Parse(ParseError::EmptyHost)),
            ("http://:80/", UrlError::Parse(ParseError::EmptyHost)),
            ("http://a<b/", UrlError::Parse(ParseError::IdnaError)),
            ("http://x@/", UrlError::Parse(ParseError::EmptyHost)),
            (
                "http://[::1/",
                UrlError::Parse(ParseError::InvalidIpv6Address),
            ),
            (
                "http://x.cn:65536/",
                UrlError::Parse(ParseError::InvalidPort),
            ),
            ("http://x.cn:x/", UrlError::Parse(ParseError::InvalidPort)),
            (
                "http://x.cn:{1-70000}/",
                UrlError::Parse(ParseError::InvalidPort),
            ),
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
            assert_eq!(text.parse::<PageUrl>(), Err(error), "{text}");
        }
    }
}
