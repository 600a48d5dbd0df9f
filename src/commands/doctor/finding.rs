//! Doctor's checks and what they can find; the texts are in `translations`.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use crate::simulator::{ReplyError, answer::SendError};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    Address,
    Connection,
    Path,
    Port,
    Handshake,
    Handshake10,
    WrongToken,
    Text,
    Text10,
    Brackets,
    LongText,
    Forged,
    OldRequest,
    Clock,
    Repeat,
    PlainBody,
}

/// Result of a check: what works, or what must be fixed.
pub(crate) type Finding = Result<Fine, Fault>;

/// Finding that works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fine {
    Address(IpAddr),
    /// A connection to this host and port.
    Listens(String, u16),
    Answers(u16),
    /// WeChat calls 80 and 443 only, but a test may use any.
    Port(u16),
    Echoed,
    NoReply,
    /// Beginning of the reply's text.
    Answered(String),
    /// Type of a reply without text.
    AnsweredType(String),
    Rejected(u16),
    /// Rejected without a response.
    Ignored,
    SameAnswer,
    ClocksAgree,
    NoClock,
    /// Works, but the owner should know.
    Warning(Warning),
}

/// Finding that is not right, though it works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Warning {
    /// The server replies to no message, so that a rejection looks the same as an answer.
    CannotTell,
    /// An old request is accepted.
    Replayable,
    ClocksApart(u64),
    /// The name resolves to an address that a proxy on this machine made up.
    ProxyAddress(Ipv4Addr),
    /// The reply's Content-Type is text/html.
    CalledPage,
}

/// Finding that must be fixed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The host resolves to this address, which WeChat cannot reach.
    NotPublic(String, IpAddr),
    OnlyIpv6(String),
    /// The host is an address of IPv6.
    Ipv6Address(String),
    /// The host and port neither accept a connection nor refuse it.
    Dropped(String, u16),
    NoAnswer(SendError),
    /// Redirects to the same address, as a firewall does that wants a cookie.
    RedirectToSame(String, u16),
    /// Redirects to the same address with a slash at the end; with the status.
    RedirectToSlash(String, u16),
    /// Redirects to the same address over https.
    RedirectToHttps(String, u16),
    /// Redirects to the same address over https with a slash at the end.
    RedirectToHttpsAndSlash(String, u16),
    /// Redirects a message, or anything to a page that asks who it is.
    RedirectToLogin(String, u16),
    Redirect(String, u16),
    RedirectNowhere(u16),
    WantsHttps(u16),
    /// Refused with an empty body, as the bot refuses what is not HTTP, such as the PROXY protocol.
    EmptyRefusal(u16),
    WantsPassword(u16),
    ProxyWithoutBot(u16),
    WebServer(u16),
    /// Only browsers get the right answer; with the status that WeChat gets, if any.
    BrowsersOnly(Option<u16>),
    NothingHere,
    NoGet(u16),
    ServerFails(u16),
    OtherStatus(u16),
    WebPage,
    EchoInPage,
    EchoInTags,
    EchoAfterBom,
    EchoInQuotes,
    EchoInWhitespace,
    EchoInLines,
    /// `echostr` with other text around it; with the first line.
    EchoAmid(String),
    /// Part of `echostr`, or `echostr` rounded as a number.
    EchoChanged(String),
    /// `stale`: seconds between the clocks, if they are the reason.
    NoEcho {
        status: u16,
        said: String,
        stale: Option<u64>,
    },
    /// The answer over HTTP/1.0 has chunks, which only HTTP/1.1 has.
    Chunks10,
    /// The connection over HTTP/1.0 stays open, though its end is the answer's.
    KeptOpen10,
    /// HTTP/1.0 is refused with a status that HTTP/1.1 does not get.
    Refused10(u16, String),
    /// HTTP/1.0 gets no answer, and HTTP/1.1 does.
    NoAnswer10(SendError),
    AnyToken,
    Unreadable(ReplyError),
    ReplyInPage,
    RefusedMessage {
        status: u16,
        said: String,
        has_key: bool,
    },
    NotEncrypted,
    EmptyReply,
    NamesNotSwapped,
    Milliseconds,
    WrongTime(String),
    NoMsgType,
    UnknownMsgType(String),
    NoContent,
    LongContent(usize),
    /// A forged message got this reply.
    Forged(String),
    /// An old message got this reply.
    Replayed(String),
    /// An unencrypted message got this reply.
    PlainBody(String),
    RepeatLost,
    RepeatDiffers,
    ClocksApart(u64),
}

/// Instruction for fixing a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fix<'a>(pub(crate) &'a Fault);

/// A message got no reply that can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{seen}\nDo this first: {}.", Fix(cause))]
pub(crate) struct Diagnosis {
    /// What came back.
    pub(crate) seen: Fault,
    /// What is to be fixed.
    pub(crate) cause: Fault,
}

/// Line at the end of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    DoFirst(Fault),
    ButForWarnings,
    Well,
    WellFromHere,
    WellForTest,
    /// Where to see what only WeChat can see.
    PlatformProbe,
}

/// Line about one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CheckLine {
    pub(crate) check: Check,
    pub(crate) finding: Finding,
    pub(crate) took: Duration,
}

impl CheckLine {
    /// Returns whether the owner should read it.
    pub(super) fn needs_attention(&self) -> bool {
        matches!(self.finding, Ok(Fine::Warning(_)) | Err(_))
    }
}
