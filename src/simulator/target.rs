//! The bot that requests go to, and requests that are signed now.

use std::{array, time::SystemTime};

use super::{Push, SignedRequest, Stamp, UserAction, url::BotUrl};
use crate::wechat::{AccountKeys, unix_seconds};

/// A bot's address, and the keys of its account.
#[derive(Debug)]
pub(crate) struct Target {
    /// Address of the bot.
    pub(crate) url: BotUrl,
    /// Keys of the account.
    pub(crate) keys: AccountKeys,
}

impl Target {
    /// Builds the request that delivers a message, signed now.
    pub(crate) fn signed_request(&self, push: &Push) -> SignedRequest {
        let random = array::from_fn(|_| fastrand::u8(..));
        self.keys.push(&stamp(SystemTime::now()), push, random)
    }
}

impl Push {
    /// Creates a message that is sent now.
    pub(crate) fn now(user: &str, action: UserAction) -> Self {
        Self {
            user: user.to_owned(),
            create_time: unix_seconds(SystemTime::now()),
            // As many digits as the platform's have.
            msg_id: fastrand::u64(10_000_000_000_000_000..100_000_000_000_000_000),
            action,
        }
    }
}

/// Returns a time with a random nonce.
pub(crate) fn stamp(time: SystemTime) -> Stamp {
    Stamp::new(time, fastrand::u32(..))
}
