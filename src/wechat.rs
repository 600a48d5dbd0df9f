//! The platform's protocol: what WeChat sends to an account's server, and what it takes as an
//! answer.

pub mod crypt;
pub mod message;
pub mod query;
pub mod reply;
pub mod signature;
pub mod xml;

use std::{ops::RangeInclusive, time::SystemTime};

use self::{crypt::MsgCrypt, signature::Token};

/// What an account and the platform share. `callback` does the bot's side with them, `simulator`
/// WeChat's.
#[derive(Debug, Clone)]
pub struct AccountKeys {
    /// Signs every query.
    pub token: Token,
    /// Encrypts messages and replies, if the account is in secure mode.
    pub crypt: Option<MsgCrypt>,
}

/// Whole seconds since 1970, as the platform writes times; a clock before that counts as then.
pub(crate) fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// Whether a text is so many letters and digits, like all that an owner copies from the platform.
fn is_alphanumeric(text: &str, length: RangeInclusive<usize>) -> bool {
    length.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
