//! Sends messages to a server and reads its replies, as WeChat's server would.

use std::{array, time::SystemTime};

use super::{
    Call, Heard, Push, ReplyError, Said, Stamp, WeChat,
    answer::PostError,
    http::{Client, post},
    url::BotUrl,
};
use crate::wechat::unix_seconds;

/// WeChat's server, for one account at one address.
#[derive(Debug)]
pub(crate) struct Caller {
    /// Address of the bot.
    pub(crate) url: BotUrl,
    /// Keys of the account.
    pub(crate) wechat: WeChat,
}

/// Reason that a message got no answer.
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

impl Caller {
    /// Sends a message now, and reads the reply.
    pub(crate) fn talk(&self, user: &str, said: Said) -> Result<Heard, TalkError> {
        let call = self.call(&Push::now(user, said));
        let answer = post(Client::WeChat, &self.url, &call)?;
        if answer.status == 200 {
            return Ok(self.wechat.read(&answer.body)?);
        }
        Err(TalkError::Status {
            status: answer.status,
            said: answer.first_line(),
        })
    }

    /// Builds the request that delivers a message, signed now.
    pub(crate) fn call(&self, push: &Push) -> Call {
        let random = array::from_fn(|_| fastrand::u8(..));
        self.wechat.push(&stamp(), push, random)
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

/// Returns the current time with a random nonce.
pub(crate) fn stamp() -> Stamp {
    Stamp::new(SystemTime::now(), fastrand::u32(..))
}
