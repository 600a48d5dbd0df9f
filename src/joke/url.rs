//! The URL of a source's pages.

use std::{ops::RangeInclusive, str::FromStr};

use thiserror::Error;
use url::{ParseError, Url};

/// Stands where something is not shown.
const HIDDEN: &str = "***";

/// Parts of the names of query fields whose values are secrets: `key`, `api_key`, `app_secret`,
/// `access_token`, `pwd`, `sign`.
const SECRET_NAMES: [&str; 8] = [
    "key", "secret", "token", "pass", "pwd", "sign", "auth", "appid",
];

/// A URL, perhaps with a range of pages in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PageUrl {
    before: String,
    pages: Option<Pages>,
    after: String,
}

/// A range of page numbers, and how many digits each has at least.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pages {
    range: RangeInclusive<u32>,
    digits: usize,
}

impl PageUrl {
    /// The URL of one page; `choose` picks its number, if there is a range.
    pub(crate) fn page(&self, choose: impl FnOnce(RangeInclusive<u32>) -> u32) -> String {
        let number = self.pages.as_ref().map_or(String::new(), |pages| {
            let digits = pages.digits;
            format!("{:0digits$}", choose(pages.range.clone()))
        });
        format!("{}{number}{}", self.before, self.after)
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

/// A URL, or what was meant to be one, as it can be shown: without a password, and without the
/// values of query fields that are named like a secret.
pub(crate) fn shown(url: &str) -> String {
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
    let authority = rest.split('/').next().unwrap_or_default();
    let address = match authority.rsplit_once('@') {
        Some((user, _)) => {
            let host_and_path = rest.strip_prefix(user).unwrap_or_default();
            format!("{scheme}://{HIDDEN}{host_and_path}")
        }
        None => address.to_owned(),
    };
    let fields = query.split('&').map(|field| match field.split_once('=') {
        Some((name, _)) if is_secret(name) => format!("{name}={HIDDEN}"),
        _ => field.to_owned(),
    });
    match query {
        "" => address,
        _ => format!("{address}?{}", fields.collect::<Vec<_>>().join("&")),
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase().replace(['_', '-'], "");
    SECRET_NAMES.iter().any(|part| name.contains(part))
}

/// The links of a page that lead to other pages of its host.
pub(super) fn same_host(page: &str, links: &[String]) -> Vec<String> {
    let Ok(page) = parse(page) else {
        return Vec::new();
    };
    let joined = links.iter().filter_map(|link| {
        let mut url = page.join(link.trim()).ok()?;
        url.set_fragment(None);
        Some(url)
    });
    joined
        .filter(|url| url.host() == page.host() && url.scheme() == page.scheme() && *url != page)
        .map(String::from)
        .collect()
}

/// `1-50` as a range that is not empty; `01-50` has two digits in each number.
fn range(text: &str) -> Option<Pages> {
    let (first, last) = text.split_once('-')?;
    let digits = if first.len() > 1 && first.starts_with('0') {
        first.len()
    } else {
        1
    };
    let range = number(first)?..=number(last)?;
    (!range.is_empty() && digits <= last.len()).then_some(Pages { range, digits })
}

fn number(text: &str) -> Option<u32> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
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
        assert_eq!(
            page("http://x.cn/{01-10}", |pages| *pages.start()),
            "http://x.cn/01"
        );
        assert_eq!(
            page("http://x.cn/{01-10}", |pages| *pages.end()),
            "http://x.cn/10"
        );
        assert_eq!(page("http://x.cn/{000-10000}", |_| 7), "http://x.cn/007");
        assert_eq!(page("http://x.cn/{0-9}", |_| 7), "http://x.cn/7");
    }

    #[test]
    fn secrets_in_a_url_are_not_shown() {
        for (url, expected) in [
            ("http://x.cn/a?b=c", "http://x.cn/a?b=c"),
            ("http://u:p@x.cn/", "http://***@x.cn/"),
            ("http://token@x.cn/", "http://***@x.cn/"),
            (
                "http://x.cn/?id=1&Key=2&app_secret=3&APP_ID=4&accessToken=5&sign=6",
                "http://x.cn/?id=1&Key=***&app_secret=***&APP_ID=***&accessToken=***&sign=***",
            ),
            ("http://x.cn/?passwd&page=1", "http://x.cn/?passwd&page=1"),
            ("ftp://u:p@x.cn:99999?key=1", "ftp://***@x.cn:99999?key=***"),
            ("x.cn/?key=1", "x.cn/?key=***"),
        ] {
            assert_eq!(shown(url), expected);
        }
    }

    #[test]
    fn links_lead_to_other_pages_of_the_same_host() {
        let links = [
            "2.html",
            "/3",
            "http://x.cn/4#top",
            "http://y.cn/5",
            "#top",
            "javascript:void(0)",
            "",
            "https://x.cn/6",
            "?p=7",
            "mailto:a@x.cn",
            "//x.cn/8",
        ];
        let links = links.map(str::to_owned);
        assert_eq!(
            same_host("http://x.cn/a/1", &links),
            [
                "http://x.cn/a/2.html",
                "http://x.cn/3",
                "http://x.cn/4",
                "http://x.cn/a/1?p=7",
                "http://x.cn/8"
            ]
        );
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
