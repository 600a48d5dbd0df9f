//! A request to the bot, its answer, and the judgement on that answer.

use std::time::{Duration, SystemTime};

use super::bot::Bot;
use crate::{
    commands::{
        CommandError,
        doctor::{
            finding::{Fault, Finding},
            handshake, message,
        },
    },
    simulator::{
        Call, Heard, Push, Stamp, WeChat,
        answer::{Answer, PostError},
        signing::query_fields,
    },
    wechat::unix_seconds,
};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Message,
    Retry,
    Forged,
    Late,
    Verification,
}

/// Request that the page asks for.
pub(super) struct Request {
    pub(super) kind: Kind,
    /// Message; `None` to verify the URL.
    pub(super) push: Option<Push>,
    /// The page's name for the user's action.
    pub(super) action: String,
    pub(super) words: String,
    /// Number of the exchange that this one repeats.
    pub(super) of: Option<usize>,
}

/// Request that was sent, and its answer.
pub(super) struct Attempt {
    /// Number of the exchange, from 1 on.
    pub(super) id: usize,
    /// Error in the owner's file of words, if it was saved before this request.
    pub(super) words_error: Option<CommandError>,
    pub(super) at: SystemTime,
    pub(super) stamp: Stamp,
    pub(super) call: Call,
    pub(super) answer: Result<Answer, PostError>,
    pub(super) took: Duration,
    /// Lines that the bot has logged; `None` if it runs elsewhere.
    pub(super) log: Option<Vec<String>>,
}

pub(super) struct Judgement {
    /// The page's name for the outcome.
    pub(super) outcome: &'static str,
    pub(super) heard: Option<Heard>,
    pub(super) finding: Finding,
}

/// Judges an answer. `first`: the answer to the message when it was first sent.
pub(super) fn judge(
    bot: &Bot,
    request: &Request,
    attempt: &Attempt,
    first: Option<&Heard>,
) -> Judgement {
    let answer = match &attempt.answer {
        Ok(answer) => answer,
        Err(error) => return Judgement::failure(Fault::NoAnswer(error.clone())),
    };
    let Some(push) = &request.push else {
        return verified(bot, &attempt.call, answer);
    };
    let wechat = &bot.wechat;
    match request.kind {
        // A server that fails has refused nothing.
        Kind::Forged | Kind::Late if answer.status >= 500 => {
            Judgement::failure(Fault::ServerFails(answer.status))
        }
        Kind::Forged => {
            let genuine = first.unwrap_or(&Heard::Acknowledged);
            refused(wechat, answer, message::forged(wechat, answer, genuine))
        }
        Kind::Late => refused(
            wechat,
            answer,
            message::rejected(wechat, answer, Fault::Replayed),
        ),
        _ => replied(bot, push, answer, first),
    }
}

/// Judges the answer to a message, or to its repeat.
fn replied(bot: &Bot, push: &Push, answer: &Answer, first: Option<&Heard>) -> Judgement {
    let heard = match message::hear(&bot.wechat, answer, bot.url()) {
        Ok(heard) => heard,
        Err(fault) => return Judgement::failure(fault),
    };
    let now = unix_seconds(SystemTime::now());
    let form = match message::form(&heard, answer, &bot.wechat, push, now) {
        Finding::Wrong(fault) => return Judgement::failure(fault),
        form => form,
    };
    Judgement {
        outcome: match heard {
            Heard::Reply(_) => "reply",
            Heard::Acknowledged => "silence",
        },
        finding: first.map_or(form, |first| message::repeat(first, &heard)),
        heard: Some(heard),
    }
}

/// Judges the answer to a message that must be refused.
fn refused(wechat: &WeChat, answer: &Answer, finding: Finding) -> Judgement {
    match finding {
        Finding::Wrong(_) => Judgement {
            outcome: "accepted",
            heard: wechat.read(&answer.body).ok(),
            finding,
        },
        _ => Judgement {
            outcome: "refused",
            heard: None,
            finding,
        },
    }
}

/// Judges the answer to the verification of the URL.
fn verified(bot: &Bot, call: &Call, answer: &Answer) -> Judgement {
    let fields = query_fields(&call.query);
    let echostr = fields.iter().find(|(name, _)| name == "echostr");
    let echostr = echostr.map(|(_, value)| value.as_str()).unwrap_or_default();
    let finding = match handshake::path(answer, bot.url()) {
        Finding::Fine(_) => {
            handshake::echo(answer, echostr, handshake::drift(answer, SystemTime::now()))
        }
        wrong => wrong,
    };
    Judgement {
        outcome: match finding {
            Finding::Wrong(_) => "unverified",
            _ => "verified",
        },
        heard: None,
        finding,
    }
}

impl Judgement {
    fn failure(fault: Fault) -> Self {
        Self {
            outcome: "failure",
            heard: None,
            finding: Finding::Wrong(fault),
        }
    }
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Retry => "retry",
            Self::Forged => "forged",
            Self::Late => "late",
            Self::Verification => "verification",
        }
    }
}
