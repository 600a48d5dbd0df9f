//! One callback, from its query to the body of the answer.
//!
//! The order of a message: [`Callback::admit`] by the query, [`check_length`] by the declared
//! length, read the body, [`Callback::answer`]. Jokes are not the callback's: where a message asks
//! for one, `answer` gives [`Outcome::AwaitJoke`], and the caller, once it has a joke, ends it by
//! [`Callback::finish`].
//!
//! The same message again is [`Outcome::AwaitJoke`] too while the first one waits. The first of
//! them to be finished takes the joke, and the others repeat it.

mod account;
mod recent;
mod rejection;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use self::recent::{Answered, Recent};
pub use self::{account::EnvelopeError, rejection::Rejection};
use crate::{
    bot::decide,
    wechat::{
        AccountKeys,
        message::Message,
        query::CallbackQuery,
        reply::{Content, SUCCESS},
        signature::check_signature,
        unix_seconds,
    },
    words::{Action, Words},
};

/// The longest body that is read. The longest that WeChat sends is a text of 2,048 characters of
/// four bytes in compatible mode: 8 KiB, and its encrypted form of 11 KiB beside it.
pub(crate) const MAX_BODY_BYTES: usize = 24 * 1024;

/// Random values for one answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Randomness {
    /// Begins an encrypted reply.
    pub bytes: [u8; 16],
    /// Signs an encrypted reply; letters and digits.
    pub nonce: String,
}

impl Randomness {
    /// One of so many, from 0.
    fn pick(&self, count: usize) -> usize {
        let number = u128::from_le_bytes(self.bytes) % u128::try_from(count).unwrap_or(1).max(1);
        usize::try_from(number).unwrap_or_default()
    }
}

/// Answers callbacks.
#[derive(Debug)]
pub struct Callback {
    keys: AccountKeys,
    /// How far a timestamp may be from now, either way; zero for any age.
    max_age: Duration,
    words: Arc<Words>,
    recent: Recent,
}

/// A timestamp beyond this is in milliseconds: as seconds it would be the year 5138.
const MILLISECONDS: u64 = 100_000_000_000;

/// What there is to do about a message.
#[derive(Debug)]
pub enum Outcome {
    /// Send this back.
    Answer(Answer),
    /// The user wants a joke: get one, and [`Callback::finish`] it.
    AwaitJoke(Pending),
}

/// A message that is answered when there is a joke.
#[derive(Debug)]
pub struct Pending {
    message: Message,
}

/// What is sent back, and what the log tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The response's body.
    pub body: String,
    /// The response's `Content-Type`.
    pub content_type: &'static str,
    /// The message's type in a word.
    pub msg_type: &'static str,
    /// What was answered, in a word.
    pub answered: &'static str,
}

impl Callback {
    /// A callback of the account that has answered nothing yet.
    #[must_use]
    pub fn new(keys: AccountKeys, max_age: Duration, words: impl Into<Arc<Words>>) -> Self {
        Self {
            keys,
            max_age,
            words: words.into(),
            recent: Recent::default(),
        }
    }

    /// Lets a request in by its query alone: its fields, its signature, its age.
    pub fn admit<'a>(
        &self,
        query: &'a str,
        now: SystemTime,
    ) -> Result<CallbackQuery<'a>, Rejection> {
        let query = CallbackQuery::parse(query)?;
        let CallbackQuery {
            signature,
            timestamp,
            nonce,
            ..
        } = &query;
        if !check_signature(signature, &[self.keys.token.as_str(), timestamp, nonce]) {
            return Err(Rejection::Signature);
        }
        self.check_age(timestamp, now)?;
        Ok(query)
    }

    /// Refuses a timestamp that is further from now than allowed: a signed query can be
    /// sent again by anyone who has seen it.
    fn check_age(&self, timestamp: &str, now: SystemTime) -> Result<(), Rejection> {
        let signed_at = seconds(timestamp).ok_or(Rejection::Timestamp)?;
        let now = unix_seconds(now);
        let allowed = self.max_age.as_secs();
        let off = signed_at.abs_diff(now);
        if allowed == 0 || off <= allowed {
            return Ok(());
        }
        if signed_at >= MILLISECONDS {
            return Err(Rejection::Milliseconds);
        }
        let side = if signed_at < now { "past" } else { "future" };
        Err(Rejection::Age { off, side, allowed })
    }

    /// Answers the message in the body of an admitted request, or says that a joke is wanted first.
    ///
    /// `random` is called only for an encrypted reply or a choice among answers, because the system
    /// takes longer to give it than a plain reply takes.
    pub fn answer<E>(
        &mut self,
        query: &CallbackQuery<'_>,
        body: &[u8],
        now: SystemTime,
        random: impl Fn() -> Result<Randomness, E>,
    ) -> Result<Outcome, Rejection> {
        let message = self.keys.read_message(query, body)?;
        if let Some(kept) = self.recent.find(message.fingerprint, now) {
            let answer = self.reply(&message, Some(kept), "repeat", now, random)?;
            return Ok(Outcome::Answer(answer));
        }
        let after_joke = self.recent.is_after_joke(&message.from_user_name, now);
        let pick = |count| random().map_or(0, |random| random.pick(count));
        let (content, word) = match decide(&message, &self.words, after_joke, pick) {
            Action::TellJoke => return Ok(Outcome::AwaitJoke(Pending { message })),
            Action::Reply(content) => (Some(content), "text"),
            Action::Acknowledge => (None, "success"),
        };
        let answer = self.say(&message, content, word, now, random)?;
        Ok(Outcome::Answer(answer))
    }

    /// Answers a message that waited for a joke. None is taken if the same message was finished
    /// before: its joke is told again.
    pub fn finish<E>(
        &mut self,
        pending: Pending,
        joke: impl FnOnce() -> String,
        now: SystemTime,
        random: impl FnOnce() -> Result<Randomness, E>,
    ) -> Result<Answer, Rejection> {
        let message = pending.message;
        if let Some(kept) = self.recent.find(message.fingerprint, now) {
            return self.reply(&message, Some(kept), "repeat", now, random);
        }
        let content = self.words.tell(&joke());
        let answer = self.say(&message, content, "joke", now, random)?;
        self.recent.told_joke(message.from_user_name, now);
        Ok(answer)
    }

    /// The response to a message of which this is said, or nothing; it is kept for the next try.
    fn say<E>(
        &mut self,
        message: &Message,
        content: Option<Content>,
        word: &'static str,
        now: SystemTime,
        random: impl FnOnce() -> Result<Randomness, E>,
    ) -> Result<Answer, Rejection> {
        let said = content.map(|content| Answered { content, at: now });
        let answer = self.reply(message, said.as_ref(), word, now, random)?;
        if let Some(said) = said {
            self.recent.keep(message.fingerprint, said);
            self.recent.told_something(&message.from_user_name);
        }
        Ok(answer)
    }

    /// The response to a message of which this was said, or nothing.
    fn reply<E>(
        &self,
        message: &Message,
        said: Option<&Answered>,
        word: &'static str,
        now: SystemTime,
        random: impl FnOnce() -> Result<Randomness, E>,
    ) -> Result<Answer, Rejection> {
        let msg_type = message.kind.name();
        let Some(said) = said else {
            return Ok(Answer {
                body: SUCCESS.to_owned(),
                content_type: "text/plain",
                msg_type,
                answered: word,
            });
        };
        let (to, from) = (&message.from_user_name, &message.to_user_name);
        let plain = said.content.xml(to, from, unix_seconds(said.at));
        let body = match &self.keys.crypt {
            Some(crypt) => {
                let random = random().map_err(|_| Rejection::NoRandomness)?;
                self.keys.seal(crypt, &plain, now, &random)
            }
            None => plain,
        };
        Ok(Answer {
            body,
            content_type: "application/xml",
            msg_type,
            answered: word,
        })
    }
}

/// The `echostr` by which an admitted handshake ends.
pub fn handshake(query: CallbackQuery<'_>) -> Result<Vec<u8>, Rejection> {
    let echostr = query.echostr.ok_or(Rejection::NoEchostr)?;
    Ok(echostr.into_owned())
}

/// Whether a body of this declared length is read.
pub fn check_length(declared: Option<usize>) -> Result<usize, Rejection> {
    let length = declared.ok_or(Rejection::LengthRequired)?;
    if length > MAX_BODY_BYTES {
        return Err(Rejection::TooLarge(length));
    }
    Ok(length)
}

/// The most digits of a number that certainly fits 64 bits.
const MAX_TIMESTAMP_DIGITS: usize = 19;

/// A time written in digits only: `parse` would take a sign, too, and any number of zeros.
fn seconds(timestamp: &str) -> Option<u64> {
    let is_plain = timestamp.len() <= MAX_TIMESTAMP_DIGITS
        && timestamp.bytes().all(|byte| byte.is_ascii_digit());
    timestamp.parse().ok().filter(|_| is_plain)
}

#[cfg(test)]
mod tests;
