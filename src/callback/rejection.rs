//! Why a request is refused, and what of it the peer and the log are told.

use std::error::Error;
use std::fmt;

use super::{EnvelopeError, MAX_BODY_BYTES};
use crate::wechat::message::MessageError;
use crate::wechat::query::QueryError;

/// Why a request is refused; displayed, it is the reason for the log.
///
/// It holds nothing that a peer sent but numbers, so no secret, OpenID or message gets into the log by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// No such path.
    NotFound,
    /// The path has no such method.
    MethodNotAllowed {
        /// The methods that it has, as the `Allow` header names them.
        allow: &'static str,
    },
    /// The query cannot be read.
    Query(QueryError),
    /// The query has not the named field.
    Missing(&'static str),
    /// The signature is not over this Token, timestamp and nonce.
    Signature,
    /// The timestamp is no number of seconds.
    Timestamp,
    /// The timestamp is too far in the past.
    Past {
        /// By how many seconds.
        off: u64,
        /// How many are allowed.
        allowed: u64,
    },
    /// The timestamp is too far in the future.
    Future {
        /// By how many seconds.
        off: u64,
        /// How many are allowed.
        allowed: u64,
    },
    /// A handshake without what it wants back.
    NoEchostr,
    /// The length of the body is not declared.
    LengthRequired,
    /// The body is declared longer than [`MAX_BODY_BYTES`].
    TooLarge(usize),
    /// The connection ended before the body did.
    BodyEndsEarly,
    /// The account has a key, and the body holds no message that was encrypted with it.
    Envelope(EnvelopeError),
    /// The body is no message.
    Message(MessageError),
    /// The system gives no random bytes, and an encrypted reply needs some.
    NoRandomness,
}

impl Rejection {
    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::NotFound => 404,
            Self::MethodNotAllowed { .. } => 405,
            Self::LengthRequired => 411,
            Self::TooLarge(_) => 413,
            Self::NoEchostr | Self::BodyEndsEarly | Self::Message(_) => 400,
            Self::NoRandomness => 500,
            Self::Query(_)
            | Self::Missing(_)
            | Self::Signature
            | Self::Timestamp
            | Self::Past { .. }
            | Self::Future { .. }
            | Self::Envelope(_) => 403,
        }
    }

    /// Whether nothing about the request has proved to be WeChat's.
    pub fn is_of_stranger(&self) -> bool {
        matches!(
            self,
            Self::NotFound
                | Self::MethodNotAllowed { .. }
                | Self::Query(_)
                | Self::Missing(_)
                | Self::Signature
        )
    }

    /// The body for the peer: the same for every reason that has the same status.
    #[must_use]
    pub fn phrase(&self) -> &'static str {
        match self.status() {
            400 => "bad request",
            404 => "not found",
            405 => "method not allowed",
            411 => "length required",
            413 => "body too large",
            500 => "internal error",
            _ => "forbidden",
        }
    }
}

impl From<EnvelopeError> for Rejection {
    fn from(error: EnvelopeError) -> Self {
        Self::Envelope(error)
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("no such path"),
            Self::MethodNotAllowed { allow } => write!(f, "only {allow} are answered here"),
            Self::Query(error) => error.fmt(f),
            Self::Missing(name) => write!(f, "the query has no {name}"),
            Self::Signature => {
                f.write_str("the signature is wrong (is WECHAT_TOKEN the platform's?)")
            }
            Self::Timestamp => f.write_str("the timestamp is no number of seconds"),
            Self::Past { off, allowed } => write_age(f, *off, "past", *allowed),
            Self::Future { off, allowed } => write_age(f, *off, "future", *allowed),
            Self::NoEchostr => f.write_str("the query has no echostr"),
            Self::LengthRequired => f.write_str("the body's length is not declared"),
            Self::TooLarge(length) => {
                write!(
                    f,
                    "the body is declared as {length} bytes, and {MAX_BODY_BYTES} are allowed"
                )
            }
            Self::Envelope(error) => error.fmt(f),
            Self::Message(error) => error.fmt(f),
            Self::BodyEndsEarly => f.write_str("the body ended before its declared length"),
            Self::NoRandomness => f.write_str("the system gives no random bytes"),
        }
    }
}

fn write_age(f: &mut fmt::Formatter<'_>, off: u64, when: &str, allowed: u64) -> fmt::Result {
    write!(
        f,
        "the timestamp is {off} s in the {when}, and {allowed} are allowed: \
         check this machine's clock"
    )
}

impl Error for Rejection {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Query(error) => Some(error),
            Self::Envelope(error) => Some(error),
            Self::Message(error) => Some(error),
            _ => None,
        }
    }
}
