//! Why a request is refused, and what of it the peer and the log are told.

use thiserror::Error;

use crate::{
    callback::{EnvelopeError, MAX_BODY_BYTES},
    wechat::{message::MessageError, query::QueryError},
};

/// Why a request is refused, by `callback` or by the server or CGI before it; displayed, it is the
/// reason for the log.
///
/// It holds nothing that a peer sent but numbers, so no secret, OpenID or message gets into the log
/// by it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Rejection {
    /// No such path.
    #[error("no such path")]
    NotFound,
    /// The path has no such method.
    #[error("only {allow} are answered here")]
    MethodNotAllowed {
        /// The methods that it has, as the `Allow` header names them.
        allow: &'static str,
    },
    /// The query cannot be read.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The signature is not over this Token, timestamp and nonce.
    #[error("the signature is wrong (is WECHAT_TOKEN the platform's?)")]
    Signature,
    /// The timestamp is no number of seconds.
    #[error("the timestamp is not a number of seconds")]
    Timestamp,
    /// The timestamp is in milliseconds.
    #[error("the timestamp is in milliseconds, and WeChat's are in seconds")]
    Milliseconds,
    /// The timestamp is too far from now.
    #[error(
        "the timestamp is {off} s in the {side}, and {allowed} are allowed: check this machine's clock"
    )]
    Age {
        /// By how many seconds.
        off: u64,
        /// Past or future.
        side: &'static str,
        /// How many are allowed.
        allowed: u64,
    },
    /// A handshake without what it wants back.
    #[error("the query has no echostr")]
    NoEchostr,
    /// The length of the body is not declared, or not clearly.
    #[error("the body's length is not declared, or not clearly")]
    LengthRequired,
    /// The body is declared longer than `MAX_BODY_BYTES`.
    #[error("the body is declared as {0} bytes, and {MAX_BODY_BYTES} are allowed")]
    TooLarge(usize),
    /// The connection ended before the body did.
    #[error("the body ended before its declared length")]
    BodyEndsEarly,
    /// The account has a key, and the body holds no message that was encrypted with it.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The body is no message.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// The system gives no random bytes, and an encrypted reply needs some.
    #[error("the system gives no random bytes")]
    NoRandomness,
    /// The system gives no thread, and the body must be waited for.
    #[error("the system gives no thread to read the body")]
    NoThread,
}

impl Rejection {
    /// The HTTP status, and the phrase for the peer: the same for every reason that has the same
    /// status.
    pub fn status(&self) -> (u16, &'static str) {
        match self {
            Self::NotFound => (404, "not found"),
            Self::MethodNotAllowed { .. } => (405, "method not allowed"),
            Self::LengthRequired => (411, "length required"),
            Self::TooLarge(_) => (413, "body too large"),
            Self::NoEchostr | Self::BodyEndsEarly | Self::Message(_) => (400, "bad request"),
            Self::NoRandomness | Self::NoThread => (500, "internal error"),
            Self::Query(_)
            | Self::Signature
            | Self::Timestamp
            | Self::Milliseconds
            | Self::Age { .. }
            | Self::Envelope(_) => (403, "forbidden"),
        }
    }

    /// Whether the account's owner must act. Such a request is correctly signed, and so probably
    /// WeChat's own: a clock, a key or a program is wrong.
    pub(crate) fn needs_owner(&self) -> bool {
        matches!(
            self,
            Self::Timestamp
                | Self::Milliseconds
                | Self::Age { .. }
                | Self::Envelope(_)
                | Self::Message(_)
                | Self::NoRandomness
                | Self::NoThread
        )
    }
}
