//! The platform's protocol: what WeChat sends to an account's server, and what it takes as an
//! answer.

pub mod crypt;
pub mod message;
pub mod query;
pub mod reply;
pub mod signature;
pub mod xml;

use std::time::SystemTime;

/// Whole seconds since 1970, as the platform writes times; a clock before that counts as then.
pub(crate) fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
