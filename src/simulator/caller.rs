//! The requests of WeChat's server for one account, signed now.

use std::{array, time::SystemTime};

use super::{Call, Push, Said, Stamp, WeChat, url::BotUrl};
use crate::wechat::unix_seconds;

/// WeChat's server, for one account at one address.
#[derive(Debug)]
pub(crate) struct Caller {
    /// Address of the bot.
    pub(crate) url: BotUrl,
    /// Keys of the account.
    pub(crate) wechat: WeChat,
}

impl Caller {
    /// Builds the request that delivers a message, signed now.
    pub(crate) fn call(&self, push: &Push) -> Call {
        let random = array::from_fn(|_| fastrand::u8(..));
        self.wechat.push(&stamp(SystemTime::now()), push, random)
    }
}

impl Push {
    /// Creates a message that is sent now.
    pub(crate) fn now(user: &str, said: Said) -> Self {
        Self {
            user: user.to_owned(),
            create_time: unix_seconds(SystemTime::now()),
            msg_id: msg_id(),
            said,
        }
    }
}

/// Returns a random `MsgId` with as many digits as the platform's.
pub(crate) fn msg_id() -> u64 {
    fastrand::u64(10_000_000_000_000_000..100_000_000_000_000_000)
}

/// Returns a time with a random nonce.
pub(crate) fn stamp(time: SystemTime) -> Stamp {
    Stamp::new(time, fastrand::u32(..))
}
