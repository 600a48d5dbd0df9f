//! The bot that requests go to, and requests with a random nonce.

use std::{array, time::SystemTime};

use super::{Push, SignedRequest, Stamp, UserAction, url::BotUrl};
use crate::wechat::{AccountKeys, signature::Token, unix_seconds};

/// A bot's address, and the keys of its account.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) url: BotUrl,
    pub(crate) keys: AccountKeys,
}

impl AccountKeys {
    /// Builds the request that delivers a message, signed at this time.
    pub(crate) fn push_at(&self, time: SystemTime, push: &Push) -> SignedRequest {
        self.push(&stamp(time), push, array::from_fn(|_| fastrand::u8(..)))
    }

    /// Builds the request that delivers a message, signed now.
    pub(crate) fn push_now(&self, push: &Push) -> SignedRequest {
        self.push_at(SystemTime::now(), push)
    }

    /// Builds a verification of the URL, signed at this time, and its `echostr`: digits, as WeChat
    /// sends them, that no page has by chance.
    pub(crate) fn verification_at(&self, time: SystemTime) -> (SignedRequest, String) {
        let echostr = format!("{:019}", fastrand::u64(..));
        (self.verification(&stamp(time), &echostr), echostr)
    }

    /// Returns the keys of a forger, who does not know the Token. Messages are still encrypted as
    /// they should be, so that only the signature can be the reason for a refusal.
    pub(crate) fn forger(&self) -> Self {
        let token = Token::random(array::from_fn(|_| fastrand::u8(..)));
        let crypt = self.crypt.clone();
        Self { token, crypt }
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
