//! The URL of a bot, as it is typed into the platform's form.

use std::{fmt, str::FromStr};

use ureq::http::{Uri, uri::Authority};

use crate::wechat::reply::is_invisible;

/// URL of a bot: `http` or `https`, with a host. Not a `url::Url`, which changes path and host, so
/// that they would not be those that WeChat calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BotUrl(Uri);

/// Punctuation that stands around a URL in a text.
const AROUND: &str = "<>\"'“”‘’《》「」【】（）。，、；";

/// The text is not the URL of a bot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a URL such as http://127.0.0.1:8080/wechat, of ASCII characters, \
     with a port from 1 to 65535 or none"
)]
pub(crate) struct UrlError;

impl BotUrl {
    /// Returns the host: a name or an address, IPv6 in brackets.
    pub(crate) fn host(&self) -> &str {
        self.0.host().unwrap_or_default()
    }

    /// Returns the host as it is resolved: IPv6 without its brackets.
    pub(crate) fn bare_host(&self) -> &str {
        self.host().trim_matches(['[', ']'])
    }

    pub(crate) fn is_https(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }

    /// Returns the port; if none is given, the scheme's.
    pub(crate) fn port(&self) -> u16 {
        let usual = if self.is_https() { 443 } else { 80 };
        self.0.port_u16().unwrap_or(usual)
    }

    /// Returns host and port as in the `Host` header.
    pub(super) fn host_and_port(&self) -> &str {
        self.authority().rsplit('@').next().unwrap_or_default()
    }

    fn authority(&self) -> &str {
        self.0.authority().map_or("", Authority::as_str)
    }

    /// Returns path and query with `query` added to the owner's own.
    pub(crate) fn target(&self, query: &str) -> String {
        let path = self.0.path_and_query().map_or("/", |path| path.as_str());
        let joint = if self.0.query().is_some() { '&' } else { '?' };
        format!("{path}{joint}{query}")
    }
}

impl FromStr for BotUrl {
    type Err = UrlError;

    /// Accepts a URL as it is copied from a browser or a text, or typed by a Chinese input method:
    /// see [`cleaned`].
    fn from_str(text: &str) -> Result<Self, UrlError> {
        let text = cleaned(text);
        let (scheme, rest) = match text.split_once(":/") {
            Some((scheme, rest)) if !scheme.contains(['/', '?', '.', ':']) => {
                (Some(scheme), rest.trim_start_matches('/'))
            }
            _ => (None, text.strip_prefix("//").unwrap_or(&text)),
        };
        let uri = format!("{}://{rest}", scheme.unwrap_or("http")).parse();
        let url = Self(uri.map_err(|_| UrlError)?);
        let has_port = url.0.port_u16().is_some_and(|port| port > 0);
        let is_right = !url.host().is_empty() && (has_port || url.host_and_port() == url.host());
        // A single word, as in `daoxiao doctor help`, is probably a mistake, not a host.
        let is_place =
            scheme.is_some() || url.host() == "localhost" || url.authority().contains(['.', ':']);
        match url.0.scheme_str() {
            Some("http" | "https") if is_right && is_place && text.is_ascii() => Ok(url),
            _ => Err(UrlError),
        }
    }
}

/// Returns the text without what stands around a URL in other text, and with ASCII for the
/// punctuation of Chinese input methods.
fn cleaned(text: &str) -> String {
    let is_around = |char: char| char.is_whitespace() || AROUND.contains(char);
    // What cannot be seen comes with a copy from a web page; a space inside is a mistake, though.
    let text = text.replace(|char: char| is_invisible(char) && !char.is_whitespace(), "");
    let ascii = text.trim_matches(is_around).chars().map(|char| match char {
        '：' => ':',
        '／' => '/',
        '．' | '。' => '.',
        char => char,
    });
    ascii.collect()
}

impl fmt::Display for BotUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> BotUrl {
        text.parse().unwrap()
    }

    #[test]
    fn a_bots_url_has_a_scheme_and_a_host() {
        for right in [
            "http://a",
            "http://a:65535",
            "http://a:1@b/",
            "https://a.b/c?d=e",
            "http://[::1]:8080/",
        ] {
            assert!(right.parse::<BotUrl>().is_ok(), "{right}");
        }
        for wrong in [
            "",
            "a",
            "/wechat",
            "//",
            "//wechat",
            "//a b",
            "ftp:/a.b",
            "ftp://a/",
            "ftp://a.b/",
            "http://",
            "http://a b",
            "http://a:0/",
            "http://a:65536/",
            "http://a:b/",
            "http://a:/",
            "http://[::1]:99999/",
            "http://a/微信",
            "http://微信.cn/",
        ] {
            assert_eq!(wrong.parse::<BotUrl>(), Err(UrlError), "{wrong}");
        }
    }

    #[test]
    fn a_url_is_understood_as_it_is_copied_or_typed() {
        for (text, meant) in [
            (" http://a/b\n", "http://a/b"),
            ("127.0.0.1:8080/wechat", "http://127.0.0.1:8080/wechat"),
            ("\tbot.example.com/wechat ", "http://bot.example.com/wechat"),
            ("localhost/", "http://localhost/"),
            ("bot:8080", "http://bot:8080/"),
            ("http：//a.b/c", "http://a.b/c"),
            ("http：／／a。b：81／c。", "http://a.b:81/c"),
            ("\u{feff}\u{200b}http://a/b\u{200b}", "http://a/b"),
            ("//a.b/c", "http://a.b/c"),
            ("http:/a.b/c", "http://a.b/c"),
            ("https:/a", "https://a/"),
            ("HTTP://a.b/c", "http://a.b/c"),
            ("<https://a.b/c>", "https://a.b/c"),
            ("“a.b/c”，", "http://a.b/c"),
            ("【\u{202a}a.b/c\u{ad}\u{2069}】", "http://a.b/c"),
            ("a.b/c?d=e:/f", "http://a.b/c?d=e:/f"),
        ] {
            assert_eq!(url(text).to_string(), meant);
        }
    }

    #[test]
    fn a_port_that_is_not_named_is_the_schemes() {
        assert_eq!(url("http://a/").port(), 80);
        assert_eq!(url("https://a/").port(), 443);
        assert_eq!(url("https://a:8443/").port(), 8443);
    }

    #[test]
    fn the_owners_own_query_stays() {
        assert_eq!(url("http://a").target("x=1"), "/?x=1");
        assert_eq!(url("http://a/b?c=d").target("x=1"), "/b?c=d&x=1");
    }

    #[test]
    fn the_host_header_has_no_password() {
        assert_eq!(url("http://me:secret@a:81/").host_and_port(), "a:81");
        assert_eq!(url("https://[::1]/").host_and_port(), "[::1]");
    }
}
