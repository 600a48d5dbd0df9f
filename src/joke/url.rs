//! The URL of a source's pages.

use std::{ops::RangeInclusive, str::FromStr};

use percent_encoding::percent_decode_str;
use thiserror::Error;
use url::{ParseError, Url};

/// Replacement for a secret in what is shown.
const HIDDEN: &str = "***";

/// Bytes from which on a secret is hidden in a site's texts; a shorter one is in many by chance.
const MIN_SECRET_BYTES: usize = 4;

/// Bytes of a key at least; a shorter run of letters and digits may be a word.
const MIN_KEY_BYTES: usize = 16;

/// Parts of the names of query fields whose values are secrets: `key`, `api_key`, `app_secret`,
/// `access_token`, `pwd`, `sign`.
const SECRET_NAMES: [&str; 8] = [
    "key", "secret", "token", "pass", "pwd", "sign", "auth", "appid",
];

/// A URL, perhaps with a range of pages in it, such as `{1-50}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PageUrl {
    before: String,
    pages: Option<Pages>,
    after: String,
}

/// A range of page numbers, and the least number of digits of each.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pages {
    range: RangeInclusive<u32>,
    digits: usize,
}

impl PageUrl {
    /// Returns the URL of one page; `choose` picks its number if there is a range.
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

/// Parses a URL that a page can be fetched from.
#[inline(never)]
pub(super) fn parse(url: &str) -> Result<Url, UrlError> {
    match Url::parse(url) {
        Ok(url) if ["http", "https"].contains(&url.scheme()) => Ok(url),
        Ok(_) | Err(ParseError::RelativeUrlWithoutBase) => Err(UrlError::Scheme),
        Err(error) => Err(UrlError::Parse(error)),
    }
}

/// Hides the [`secrets`] in a URL, or in a text that was meant to be one.
pub(crate) fn shown(url: &str) -> String {
    let hide = |shown: String, [before, secret, after]: [&str; 3]| {
        let hidden = [before, HIDDEN, after].concat();
        shown.replace(&[before, secret, after].concat(), &hidden)
    };
    secrets(url).into_iter().fold(url.to_owned(), hide)
}

/// Hides the secrets of a URL in what its site said.
pub(super) fn without_secrets(text: &str, url: &str) -> String {
    let secrets = secrets(url).into_iter();
    let secrets = secrets.flat_map(|[_, secret, _]| secret.split(':'));
    let hide = |text: String, secret: &str| {
        let decoded = percent_decode_str(secret).decode_utf8_lossy();
        text.replace(secret, HIDDEN).replace(&*decoded, HIDDEN)
    };
    secrets
        .filter(|secret| secret.len() >= MIN_SECRET_BYTES)
        .fold(text.to_owned(), hide)
}

/// Finds the secrets in a URL, each with what is right before and after it: user and password, the
/// values of query fields whose names tell of a secret, and parts that look like keys.
#[inline(never)]
fn secrets(url: &str) -> Vec<[&str; 3]> {
    let address = url.split_once(':').map_or(url, |(_, rest)| rest);
    let address = address.trim_start_matches(['/', '\\']);
    let authority = match Url::parse(url) {
        Ok(_) => address.split(['/', '\\', '?', '#']).next(),
        // The end of the authority is unclear, so all before the last `@` is hidden.
        Err(_) => Some(address),
    };
    let user = authority.and_then(|authority| authority.rsplit_once('@'));
    let fields = url.split(['?', '&', '#']).skip(1);
    let values = fields.filter_map(|field| field.split_once('='));
    let named = values.filter(|(name, value)| is_secret(name) && !value.is_empty());
    let is_separator = |c: char| !c.is_ascii_alphanumeric();
    let uuids = address.split(|c| is_separator(c) && c != '-');
    let uuids = uuids.filter(|part| is_uuid(part));
    let keys = address.split(is_separator);
    let keys = keys.filter(|part| looks_like_key(part));
    user.into_iter()
        .map(|(user, _)| ["", user, "@"])
        .chain(named.map(|(_, value)| ["=", value, ""]))
        .chain(uuids.chain(keys).map(|key| ["", key, ""]))
        .collect()
}

fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase().replace(['_', '-'], "");
    SECRET_NAMES.iter().any(|part| name.contains(part))
}

/// Returns true for a long run of letters and digits that has both.
fn looks_like_key(part: &str) -> bool {
    let has = |wanted: fn(&u8) -> bool| part.bytes().any(|byte| wanted(&byte));
    part.len() >= MIN_KEY_BYTES && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic)
}

fn is_uuid(part: &str) -> bool {
    let lengths = part.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12])
        && part
            .bytes()
            .all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// Returns the URLs of links, relative to `base`, that lead to other pages of the page's host.
pub(super) fn same_host(page: &str, base: &str, links: &[String]) -> Vec<String> {
    let Ok(page) = parse(page) else {
        return Vec::new();
    };
    let base = page.join(base).unwrap_or_else(|_| page.clone());
    let joined = links.iter().filter_map(|link| {
        let mut url = base.join(link.trim()).ok()?;
        url.set_fragment(None);
        Some(url)
    });
    joined
        .filter(|url| url.host() == page.host() && *url != page)
        .filter(|url| url.scheme() == page.scheme() || url.scheme() == "https")
        .map(String::from)
        .collect()
}

/// Parses a range such as `1-50`, which must not be empty; in `01-50` each number has two digits.
fn range(text: &str) -> Option<Pages> {
    let (first, last) = text.split_once('-')?;
    let (range, digits) = (number(first)?..=number(last)?, first.len());
    (!range.is_empty() && digits <= last.len()).then_some(Pages { range, digits })
}

fn number(text: &str) -> Option<u32> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

/// Reason why a URL cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum UrlError {
    #[error("a URL begins with http:// or https://")]
    Scheme,
    #[error("braces hold one range of pages, first to last, as in {{1-50}} or {{01-50}}")]
    Pages,
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
            ("http:///u:p@x.cn/", "http:///***@x.cn/"),
            ("http://u:p/q@x.cn/", "http://***@x.cn/"),
            ("http://u:p?q@x.cn/", "http://***@x.cn/"),
            ("http://x.cn/@you?to=a@b", "http://x.cn/@you?to=a@b"),
            ("http://x.cn/#token=1", "http://x.cn/#token=***"),
            ("http://x.cn/v1/0123456789abcdef/x", "http://x.cn/v1/***/x"),
            (
                "http://x.cn/20240102030405060708",
                "http://x.cn/20240102030405060708",
            ),
        ] {
            assert_eq!(shown(url), expected);
        }
    }

    #[test]
    fn secrets_that_a_site_repeats_are_not_shown() {
        let url = "http://user:hunter2@x.cn/?key=abcd&id=12345&sign=1";
        assert_eq!(
            without_secrets("abcd of user hunter2 is wrong, 12345, 1", url),
            "*** of *** *** is wrong, 12345, 1"
        );
        let url = "http://x.cn/?key=ab%2Bcd";
        assert_eq!(without_secrets("ab+cd, ab%2Bcd", url), "***, ***");
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
            same_host("http://x.cn/a/1", "", &links),
            [
                "http://x.cn/a/2.html",
                "http://x.cn/3",
                "http://x.cn/4",
                "https://x.cn/6",
                "http://x.cn/a/1?p=7",
                "http://x.cn/8"
            ]
        );
        let below = same_host("https://x.cn/a/1", "/b/", &links);
        assert_eq!(below[..2], ["https://x.cn/b/2.html", "https://x.cn/3"]);
        assert!(!below.iter().any(|link| link.starts_with("http://")));
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
