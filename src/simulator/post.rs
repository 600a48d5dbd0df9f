//! Carries calls to a server and its answers back, as WeChat's server would.

use std::{
    array,
    io::{self, Read},
    time::{Duration, SystemTime},
};

use ureq::{
    Agent,
    http::{Response, header},
};

use super::{Call, Heard, Push, ReplyError, Said, Stamp, WeChat, answer::Answer, url::BotUrl};
use crate::{printable::printable, wechat::unix_seconds};

/// WeChat waits this long for an answer, then drops the connection.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Enough for a port that did not answer to https to answer to http.
const PROBE_PATIENCE: Duration = Duration::from_secs(1);

/// No more of an answer is read: it may be some web page, and a reply has 2 KiB or so.
const MAX_ANSWER_BYTES: u64 = 1024 * 1024;

/// How much of a redirect's target is shown.
const MAX_LOCATION_CHARS: usize = 200;

/// As WeChat's server calls itself.
const USER_AGENT: &str = "Mozilla/4.0";

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PostError {
    #[error("nobody knows the host {0}")]
    UnknownHost(String),
    #[error("nothing listens on {host}, port {port}")]
    Refused { host: String, port: u16 },
    #[error("no answer within {} s", PATIENCE.as_secs())]
    TooSlow,
    /// A certificate, as a rule.
    #[error("the secure connection failed: {0}")]
    Tls(String),
    /// The port was called by https, and what answered there is not https.
    #[error("this port speaks http, not https")]
    NotTls,
    /// The connection ended, or what came is not HTTP.
    #[error("the connection failed: {0}")]
    Broken(String),
}

/// WeChat's server, for one account at one address.
#[derive(Debug)]
pub(crate) struct Caller {
    /// Where the bot is.
    pub(crate) url: BotUrl,
    /// What both sides know.
    pub(crate) wechat: WeChat,
}

/// Why a message got no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TalkError {
    #[error(transparent)]
    Post(#[from] PostError),
    /// The server refused the message.
    #[error("refused with {status}: {said}")]
    Status { status: u16, said: String },
    #[error(transparent)]
    Reply(#[from] ReplyError),
}

/// Makes the call and takes what comes back within [`PATIENCE`]; follows no redirect, since
/// WeChat does not, and uses no proxy.
pub(crate) fn post(url: &BotUrl, call: &Call) -> Result<Answer, PostError> {
    exchange(url, call).map_err(|error| match why(error, url) {
        PostError::TooSlow if is_plain(url) => PostError::NotTls,
        why => why,
    })
}

/// Whether the port of an `https` URL, which says nothing, does answer to http. Where there is
/// TLS, http is answered with 400 or not at all.
fn is_plain(url: &BotUrl) -> bool {
    let target = format!("http://{}:{}/", url.host(), url.port());
    let ask = || agent(PROBE_PATIENCE).get(target).call();
    url.is_https() && ask().is_ok_and(|answer| answer.status() != 400)
}

fn exchange(url: &BotUrl, call: &Call) -> Result<Answer, ureq::Error> {
    let target = url.with_query(&call.query);
    let agent = agent(PATIENCE);
    let response = match &call.body {
        None => agent.get(target).call(),
        Some(xml) => agent
            .post(target)
            .content_type("text/xml")
            .send(xml.as_str()),
    }?;
    let (head, body) = response.into_parts();
    let mut bytes = Vec::new();
    body.into_reader()
        .take(MAX_ANSWER_BYTES)
        .read_to_end(&mut bytes)?;
    let head = Response::from_parts(head, ());
    Ok(Answer {
        status: head.status().as_u16(),
        location: text_of(&head, &header::LOCATION)
            .map(|url| printable(&url, MAX_LOCATION_CHARS).to_string()),
        content_type: text_of(&head, &header::CONTENT_TYPE),
        date: text_of(&head, &header::DATE).and_then(|date| httpdate::parse_http_date(&date).ok()),
        body: bytes,
    })
}

impl Caller {
    /// Brings a message of now, and reads the reply.
    pub(crate) fn talk(&self, user: &str, said: Said) -> Result<Heard, TalkError> {
        let call = self.call(&Push {
            user: user.to_owned(),
            create_time: unix_seconds(SystemTime::now()),
            msg_id: msg_id(),
            said,
        });
        let answer = post(&self.url, &call)?;
        if answer.status == 200 {
            return Ok(self.wechat.read(&answer.body)?);
        }
        Err(TalkError::Status {
            status: answer.status,
            said: answer.first_line(),
        })
    }

    /// The request that brings a message, signed now.
    pub(crate) fn call(&self, push: &Push) -> Call {
        self.wechat
            .push(&stamp(), push, array::from_fn(|_| fastrand::u8(..)))
    }
}

/// A `MsgId` that no other message has, of as many digits as the platform's.
pub(crate) fn msg_id() -> u64 {
    fastrand::u64(10_000_000_000_000_000..100_000_000_000_000_000)
}

/// Now, with a nonce that nobody has seen.
pub(crate) fn stamp() -> Stamp {
    Stamp::new(SystemTime::now(), fastrand::u32(..))
}

/// One connection a call, so that a connection that was kept open too long spoils none.
fn agent(patience: Duration) -> Agent {
    Agent::config_builder()
        .timeout_global(Some(patience))
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

/// Why a call to this URL got no answer.
fn why(error: ureq::Error, url: &BotUrl) -> PostError {
    use ureq::Error as E;
    match error {
        E::Timeout(_) => PostError::TooSlow,
        E::HostNotFound => PostError::UnknownHost(url.host().to_owned()),
        E::Rustls(error) => why_not_secure(&error.to_string()),
        E::Tls(what) => why_not_secure(what),
        E::Io(error) => match error.kind() {
            io::ErrorKind::ConnectionRefused => PostError::Refused {
                host: url.host().to_owned(),
                port: url.port(),
            },
            io::ErrorKind::TimedOut => PostError::TooSlow,
            // What rustls says of a peer; bad HTTP is no error of the stream.
            io::ErrorKind::InvalidData => why_not_secure(&error.to_string()),
            _ => PostError::Broken(error.to_string()),
        },
        other => PostError::Broken(other.to_string()),
    }
}

/// What rustls says, in words for people.
fn why_not_secure(text: &str) -> PostError {
    let self_signed = "the certificate is self-signed, or the chain to its authority is incomplete";
    let words = [
        ("UnknownIssuer", self_signed),
        ("CaUsedAsEndEntity", self_signed),
        ("xpired", "the certificate has expired"),
        ("NotValidForName", "the certificate is for another name"),
        ("not valid for name", "the certificate is for another name"),
    ];
    if text.contains("InvalidContentType") {
        return PostError::NotTls;
    }
    let known = words.iter().find(|(part, _)| text.contains(part));
    PostError::Tls(known.map_or(text, |(_, words)| words).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_secure_connection_is_said_in_words() {
        for (text, words) in [
            (
                "received corrupt message of type InvalidContentType",
                "this port speaks http, not https",
            ),
            (
                "invalid peer certificate: UnknownIssuer",
                "the secure connection failed: the certificate is self-signed, or the chain to \
                 its authority is incomplete",
            ),
            (
                "invalid peer certificate: certificate expired: verification time 2 (UNIX)",
                "the secure connection failed: the certificate has expired",
            ),
            (
                "invalid peer certificate: certificate not valid for name \"a\"",
                "the secure connection failed: the certificate is for another name",
            ),
            (
                "received fatal alert: HandshakeFailure",
                "the secure connection failed: received fatal alert: HandshakeFailure",
            ),
        ] {
            assert_eq!(why_not_secure(text).to_string(), words);
        }
    }
}
