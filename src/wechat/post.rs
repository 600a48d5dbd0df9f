//! Carries calls to a server and its answers back, as WeChat's server would.

use std::{
    error::Error,
    fmt,
    io::{self, Read},
    str::FromStr,
    time::{Duration, SystemTime},
};

use ureq::{
    Agent,
    http::{Response, Uri, header},
};

use crate::entropy;

use super::{Call, Heard, Push, ReplyError, Said, Stamp, WeChat, unix_seconds};

/// WeChat waits this long for an answer, then drops the connection.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// No more of an answer is read: it may be some web page, and a reply has 2 KiB or so.
const MAX_ANSWER_BYTES: u64 = 1024 * 1024;

/// How much of a stranger's answer is shown.
const MAX_LINE_CHARS: usize = 80;

/// As WeChat's server calls itself.
const USER_AGENT: &str = "Mozilla/4.0";

/// Where a bot is: an `http` or `https` URL with a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BotUrl(Uri);

/// What came back, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Where it sends the caller, if it is a redirect.
    pub location: Option<String>,
    /// The server's clock, by its `Date` header.
    pub date: Option<SystemTime>,
    /// The body, at most 1 MiB of it.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PostError {
    /// Nobody knows the host's name.
    UnknownHost,
    /// Nothing listens on the port.
    Refused,
    /// It took longer than [`PATIENCE`].
    TooSlow,
    /// The secure connection failed: a certificate, as a rule.
    Tls(String),
    /// The connection ended or what came is not HTTP.
    Broken(String),
}

/// WeChat's server, for one account at one address.
#[derive(Debug)]
pub struct Caller {
    /// Where the bot is.
    pub url: BotUrl,
    /// What both sides know.
    pub wechat: WeChat,
}

/// Why a message got no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TalkError {
    /// Nothing came back.
    Post(PostError),
    /// The server refused the message.
    Status {
        /// HTTP status.
        status: u16,
        /// The first line of what it said.
        said: String,
    },
    /// What came back is no reply.
    Reply(ReplyError),
}

/// Why a text is not the URL of a bot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlError;

/// Makes the call and takes what comes back within [`PATIENCE`]; follows no redirect, since
/// WeChat does not, and uses no proxy.
pub fn post(url: &BotUrl, call: &Call) -> Result<Answer, PostError> {
    let target = url.with_query(&call.query);
    let response = match &call.body {
        None => agent().get(target).call(),
        Some(xml) => agent()
            .post(target)
            .content_type("text/xml")
            .send(xml.as_str()),
    }?;
    let (head, body) = response.into_parts();
    let mut bytes = Vec::new();
    body.into_reader()
        .take(MAX_ANSWER_BYTES)
        .read_to_end(&mut bytes)
        .map_err(ureq::Error::from)?;
    let head = Response::from_parts(head, ());
    Ok(Answer {
        status: head.status().as_u16(),
        location: text_of(&head, &header::LOCATION),
        date: text_of(&head, &header::DATE).and_then(|date| httpdate::parse_http_date(&date).ok()),
        body: bytes,
    })
}

impl Caller {
    /// Brings a message of now, and reads the reply.
    pub fn talk(&self, user: &str, said: Said) -> Result<Heard, TalkError> {
        let answer = self.push(&Push {
            user: user.to_owned(),
            create_time: unix_seconds(SystemTime::now()),
            msg_id: msg_id(),
            said,
        })?;
        if answer.status == 200 {
            return Ok(self.wechat.read(&answer.body)?);
        }
        Err(TalkError::Status {
            status: answer.status,
            said: answer.first_line(),
        })
    }

    /// Brings a message, signed now.
    pub fn push(&self, push: &Push) -> Result<Answer, PostError> {
        let random = entropy::randomness().map_err(|error| PostError::Broken(error.to_string()))?;
        post(&self.url, &self.wechat.push(&stamp(), push, random.bytes))
    }
}

/// A `MsgId` that no other message has, of as many digits as the platform's.
pub fn msg_id() -> u64 {
    fastrand::u64(10_000_000_000_000_000..100_000_000_000_000_000)
}

/// Now, with a nonce that nobody has seen.
pub fn stamp() -> Stamp {
    Stamp::new(SystemTime::now(), fastrand::u32(..))
}

impl Answer {
    /// The first line of its body, for a person to read: cut, and without control characters.
    pub fn first_line(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let line = text.trim_start().lines().next().unwrap_or_default();
        let plain = line.chars().filter(|c| !c.is_control());
        plain.take(MAX_LINE_CHARS).collect()
    }
}

impl BotUrl {
    /// Its host: a name or an address, IPv6 in brackets.
    pub fn host(&self) -> &str {
        self.0.host().unwrap_or_default()
    }

    /// Its port, or the scheme's own.
    pub fn port(&self) -> u16 {
        let usual = if self.0.scheme_str() == Some("https") {
            443
        } else {
            80
        };
        self.0.port_u16().unwrap_or(usual)
    }

    /// The URL with more behind the `?`; what an owner put there stays.
    fn with_query(&self, query: &str) -> String {
        let joint = if self.0.query().is_some() { '&' } else { '?' };
        format!("{}{joint}{query}", self.0)
    }
}

/// One connection a call, so that a connection that was kept open too long spoils none.
fn agent() -> Agent {
    Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_idle_connections(0)
        .proxy(None)
        .user_agent(USER_AGENT)
        .accept("*/*")
        .accept_encoding("")
        .build()
        .into()
}

fn text_of(head: &Response<()>, name: &header::HeaderName) -> Option<String> {
    let value = head.headers().get(name)?;
    value.to_str().ok().map(str::to_owned)
}

impl FromStr for BotUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let uri: Uri = text.parse().map_err(|_| UrlError)?;
        let has_host = uri.host().is_some_and(|host| !host.is_empty());
        match uri.scheme_str() {
            Some("http" | "https") if has_host => Ok(Self(uri)),
            _ => Err(UrlError),
        }
    }
}

impl fmt::Display for BotUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a URL such as http://127.0.0.1:8080/wechat")
    }
}

impl Error for UrlError {}

impl From<ureq::Error> for PostError {
    fn from(error: ureq::Error) -> Self {
        use ureq::Error as E;
        match error {
            E::Timeout(_) => Self::TooSlow,
            E::HostNotFound => Self::UnknownHost,
            E::Rustls(error) => Self::Tls(error.to_string()),
            E::Tls(what) => Self::Tls(what.to_owned()),
            E::Io(error) => match error.kind() {
                io::ErrorKind::ConnectionRefused => Self::Refused,
                io::ErrorKind::TimedOut => Self::TooSlow,
                // What rustls says of a peer; bad HTTP is no error of the stream.
                io::ErrorKind::InvalidData => Self::Tls(error.to_string()),
                _ => Self::Broken(error.to_string()),
            },
            other => Self::Broken(other.to_string()),
        }
    }
}

impl fmt::Display for PostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownHost => f.write_str("nobody knows this host's name"),
            Self::Refused => f.write_str("nothing listens on this port"),
            Self::TooSlow => write!(f, "no answer within {} s", PATIENCE.as_secs()),
            Self::Tls(what) => write!(f, "the secure connection failed: {what}"),
            Self::Broken(what) => write!(f, "the connection failed: {what}"),
        }
    }
}

impl Error for PostError {}

impl fmt::Display for TalkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Post(error) => error.fmt(f),
            Self::Status { status, said } => write!(f, "refused with {status}: {said}"),
            Self::Reply(error) => error.fmt(f),
        }
    }
}

impl Error for TalkError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Post(error) => Some(error),
            Self::Reply(error) => Some(error),
            Self::Status { .. } => None,
        }
    }
}

impl From<PostError> for TalkError {
    fn from(error: PostError) -> Self {
        Self::Post(error)
    }
}

impl From<ReplyError> for TalkError {
    fn from(error: ReplyError) -> Self {
        Self::Reply(error)
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
        for right in ["http://a", "https://a.b/c?d=e", "http://[::1]:8080/"] {
            assert!(right.parse::<BotUrl>().is_ok(), "{right}");
        }
        for wrong in [
            "",
            "a",
            "/wechat",
            "127.0.0.1:8080",
            "ftp://a/",
            "http://",
            "http://a b",
        ] {
            assert_eq!(wrong.parse::<BotUrl>(), Err(UrlError), "{wrong}");
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
        assert_eq!(url("http://a").with_query("x=1"), "http://a/?x=1");
        assert_eq!(
            url("http://a/b?c=d").with_query("x=1"),
            "http://a/b?c=d&x=1"
        );
    }

    #[test]
    fn what_is_shown_of_an_answer_is_one_short_line() {
        let answer = |body: &[u8]| Answer {
            status: 403,
            location: None,
            date: None,
            body: body.to_vec(),
        };
        assert_eq!(
            answer(b"\n for\x1b[2Jbidden\nmore").first_line(),
            "for[2Jbidden"
        );
        assert_eq!(answer(b"").first_line(), "");
        assert_eq!(answer(&[b'a'; 99]).first_line(), "a".repeat(80));
    }
}
