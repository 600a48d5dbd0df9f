//! What doctor looks at, and what it can find; the words are in `wording`.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use crate::simulator::{ReplyError, answer::PostError};

/// What is looked at.
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

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finding {
    /// As it should be.
    Fine(Fine),
    /// Works, and yet its owner should know.
    Warning(Warning),
    /// To be fixed.
    Wrong(Fault),
}

/// What is as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fine {
    Address(IpAddr),
    /// At this host and port.
    Listens(String, u16),
    Answers(u16),
    Port(u16),
    TestPort(u16),
    Echoed,
    NoWords,
    /// With this text, cut.
    Answered(String),
    /// With a reply of this type.
    AnsweredType(String),
    TurnedAway(u16),
    /// Turned away without a response.
    Ignored,
    SameAnswer,
    ClocksAgree,
    NoClock,
}

/// What works and is not right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Warning {
    /// A server that answers nothing cannot be seen to refuse.
    CannotTell,
    /// An old request is answered.
    Replayable,
    ClocksApart(u64),
    /// The name leads, here, to an address that this machine's proxy made up.
    ProxyAddress(Ipv4Addr),
    /// The reply's Content-Type is text/html.
    CalledPage,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The host leads to this address.
    NotPublic(String, IpAddr),
    OnlyIpv6(String),
    /// The host and its port, which does not even refuse.
    Dropped(String, u16),
    NoAnswer(PostError),
    /// It redirects to the same address with a slash at its end, with this status.
    RedirectToSlash(String, u16),
    /// It redirects to the same address by https.
    RedirectToHttps(String, u16),
    Redirect(String, u16),
    RedirectNowhere(u16),
    WantsHttps(u16),
    /// As the bot answers what is no HTTP, such as the PROXY protocol before a request.
    EmptyRefusal(u16),
    WantsPassword(u16),
    ProxyWithoutBot(u16),
    WebServer(u16),
    BrowsersOnly(u16),
    NothingHere,
    NoGet(u16),
    ServerFails(u16),
    /// `stale`: how far the clocks are apart, if that is why.
    RefusedHandshake {
        status: u16,
        said: String,
        stale: Option<u64>,
    },
    OtherStatus(u16),
    WebPage,
    EchoInPage,
    EchoAfterBom,
    EchoInQuotes,
    EchoInWhitespace,
    /// Something else around it.
    EchoAmid(String),
    NoEcho {
        said: String,
        stale: Option<u64>,
    },
    /// HTTP/1.0 knows no chunks.
    Chunks10,
    /// By HTTP/1.0 the connection's end is the answer's.
    KeptOpen10,
    /// HTTP/1.0 is refused by a status that HTTP/1.1 does not get.
    Refused10(u16, String),
    /// HTTP/1.0 gets no answer where HTTP/1.1 does.
    NoAnswer10(PostError),
    AnyToken,
    Unreadable(ReplyError),
    ReplyInPage,
    RefusedMessage {
        status: u16,
        said: String,
        has_key: bool,
    },
    NotEncrypted,
    NamesNotSwapped,
    Milliseconds,
    WrongTime(String),
    NoMsgType,
    NoContent,
    LongContent(usize),
    /// A forged message got this answer.
    Forged(String),
    /// A message of long ago got this answer.
    Replayed(String),
    /// A message without encryption got this answer.
    PlainBody(String),
    RepeatLost,
    RepeatDiffers,
    ClocksApart(u64),
}

/// What its owner must do about a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fix<'a>(pub(crate) &'a Fault);

/// What is said at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    DoFirst(Fault),
    ButForWarnings,
    Well,
    WellFromHere,
    WellForTest,
    /// What only WeChat can see.
    PlatformProbe,
}

/// What is said of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) check: Check,
    pub(crate) finding: Finding,
    pub(crate) took: Duration,
}
