//! One callback, from its query to the body of the answer.
//!
//! The order of a message: `Responder::admit_message` by the query and the declared length, read
//! the body, [`Responder::answer`]. Jokes are not the responder's: where a message asks for one,
//! `answer` gives [`Outcome::AwaitJoke`], and the caller, once it has a joke, ends it by
//! [`Responder::finish`].
//!
//! The same message again is [`Outcome::AwaitJoke`] too while the first one waits. The first of
//! them to be finished takes the joke, and the others repeat it.

mod account;
mod joke_listeners;
mod kept_answers;
mod rejection;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

pub use self::{account::EnvelopeError, rejection::Rejection};
use self::{
    joke_listeners::JokeListeners,
    kept_answers::{KeptAnswer, KeptAnswers},
};
use crate::{
    bot::decide,
    wechat::{
        AccountKeys, message::Message, query::CallbackQuery, reply::SUCCESS,
        signature::check_signature, unix_seconds,
    },
    words::{Action, Words},
};

/// The longest body that is read. The longest that WeChat sends is a text of 2,048 characters of
/// four bytes in compatible mode: 8 KiB, and its encrypted form of 11 KiB beside it.
pub(crate) const MAX_BODY_BYTES: usize = 24 * 1024;

/// Random values for one answer: `bytes` also choose its text, where there are several.
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

/// A timestamp from this on is in milliseconds: as seconds it would be in the year 5138.
pub(crate) const FIRST_MILLISECONDS: u64 = 100_000_000_000;

/// Answers the callbacks of one account.
#[derive(Debug)]
pub struct Responder {
    keys: AccountKeys,
    /// How far a timestamp may be from now, either way; zero for any age.
    max_age: Duration,
    words: Arc<Words>,
    kept: KeptAnswers,
    listeners: JokeListeners,
}

/// What there is to do about a message.
#[derive(Debug)]
pub enum Outcome {
    /// Send this back.
    Answer(Answer),
    /// The user who sent this wants a joke: get one, and [`Responder::finish`] the message.
    AwaitJoke(Message),
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
    /// What was answered.
    pub kind: AnswerKind,
}

/// What was answered to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerKind {
    /// A text.
    Text,
    /// A joke.
    Joke,
    /// The same as to the same message before.
    Repeat,
    /// Nothing that the user sees.
    Success,
}

impl AnswerKind {
    /// The kind in a word for the log.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Joke => "joke",
            Self::Repeat => "repeat",
            Self::Success => "success",
        }
    }
}

impl Responder {
    /// A responder that has answered nothing yet.
    pub fn new(keys: AccountKeys, max_age: Duration, words: impl Into<Arc<Words>>) -> Self {
        Self {
            keys,
            max_age,
            words: words.into(),
            kept: KeptAnswers::default(),
            listeners: JokeListeners::default(),
        }
    }

    /// Lets a request in by its query alone: its fields, its signature, its age.
    pub fn admit<'a>(
        &self,
        query: &'a str,
        now: SystemTime,
    ) -> Result<CallbackQuery<'a>, Rejection> {
        let query = CallbackQuery::parse(query)?;
        let signed = [self.keys.token.as_str(), &query.timestamp, &query.nonce];
        if !check_signature(&query.signature, &signed) {
            return Err(Rejection::Signature);
        }
        self.check_age(&query.timestamp, now)?;
        Ok(query)
    }

    /// Lets a handshake in, and returns its `echostr`, which answers it.
    pub(crate) fn admit_handshake(
        &self,
        query: &str,
        now: SystemTime,
    ) -> Result<Vec<u8>, Rejection> {
        let echostr = self.admit(query, now)?.echostr;
        Ok(echostr.ok_or(Rejection::NoEchostr)?.into_owned())
    }

    /// Lets a message in by its query and the declared length of its body, which is read only then.
    pub(crate) fn admit_message<'a>(
        &self,
        query: &'a str,
        length: Option<usize>,
        now: SystemTime,
    ) -> Result<(CallbackQuery<'a>, usize), Rejection> {
        let query = self.admit(query, now)?;
        match length {
            Some(length) if length > MAX_BODY_BYTES => Err(Rejection::TooLarge(length)),
            Some(length) => Ok((query, length)),
            None => Err(Rejection::LengthRequired),
        }
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
        if signed_at >= FIRST_MILLISECONDS {
            return Err(Rejection::Milliseconds);
        }
        let side = if signed_at < now { "past" } else { "future" };
        Err(Rejection::Age { off, side, allowed })
    }

    /// Answers the message in the body of an admitted request, or says that a joke is wanted first.
    ///
    /// `random` is called only for an encrypted reply or a choice among answers, because the system
    /// takes longer to give it than a plain reply takes.
    pub fn answer(
        &mut self,
        query: &CallbackQuery<'_>,
        body: &[u8],
        now: SystemTime,
        random: impl Fn() -> Option<Randomness>,
    ) -> Result<Outcome, Rejection> {
        let message = self.keys.read_message(query, body)?;
        let after_joke = self.listeners.contains(&message.from_user_name, now);
        let dated = |content| KeptAnswer { content, at: now };
        let pick = |count| random().map_or(0, |random| random.pick(count));
        let (content, kind) = match self.kept.find(message.fingerprint, now) {
            Some(kept) => (Some(kept.clone()), AnswerKind::Repeat),
            None => match decide(&message, &self.words, after_joke, pick) {
                Action::TellJoke => return Ok(Outcome::AwaitJoke(message)),
                Action::Reply(content) => (Some(dated(content)), AnswerKind::Text),
                Action::Acknowledge => (None, AnswerKind::Success),
            },
        };
        let answer = self.reply(&message, content, kind, now, random)?;
        Ok(Outcome::Answer(answer))
    }

    /// Answers a message that waited for a joke. None is taken if the same message was finished
    /// before: its joke is told again.
    pub fn finish(
        &mut self,
        message: &Message,
        joke: impl FnOnce() -> String,
        now: SystemTime,
        random: impl FnOnce() -> Option<Randomness>,
    ) -> Result<Answer, Rejection> {
        let dated = |content| KeptAnswer { content, at: now };
        let (content, kind) = match self.kept.find(message.fingerprint, now) {
            Some(kept) => (Some(kept.clone()), AnswerKind::Repeat),
            None => match self.words.tell(&joke()) {
                // The refusal in place of a banned joke counts as one.
                Some(told) => (Some(dated(told)), AnswerKind::Joke),
                None => (None, AnswerKind::Success),
            },
        };
        self.reply(message, content, kind, now, random)
    }

    /// Builds the answer from this content, which is kept for WeChat's retries; without one it is a
    /// bare `success`.
    fn reply(
        &mut self,
        message: &Message,
        content: Option<KeptAnswer>,
        kind: AnswerKind,
        now: SystemTime,
        random: impl FnOnce() -> Option<Randomness>,
    ) -> Result<Answer, Rejection> {
        let (body, content_type) = match &content {
            Some(KeptAnswer { content, at }) => {
                let (to, from) = (&message.from_user_name, &message.to_user_name);
                let plain = content.xml(to, from, unix_seconds(*at));
                (self.keys.seal(plain, now, random)?, "application/xml")
            }
            None => (SUCCESS.to_owned(), "text/plain"),
        };
        if let Some(content) = content.filter(|_| kind != AnswerKind::Repeat) {
            let was_joke = kind == AnswerKind::Joke;
            self.listeners.note(&message.from_user_name, was_joke, now);
            self.kept.keep(message.fingerprint, content);
        }
        Ok(Answer {
            body,
            content_type,
            msg_type: message.kind.name(),
            kind,
        })
    }
}

/// Whether something noted at `at` is too old to be kept. A clock that was set back makes nothing
/// older.
fn is_expired(at: SystemTime, now: SystemTime, kept_for: Duration) -> bool {
    now.duration_since(at).is_ok_and(|age| age > kept_for)
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
