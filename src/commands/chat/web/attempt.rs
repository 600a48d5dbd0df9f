//! One request to the bot, and what is to be said of its answer.

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

/// How a request comes to the bot.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    Message,
    Retry,
    Forged,
    Late,
    Verification,
}

/// What there is to send: the first time, or once more.
pub(super) struct Request {
    pub(super) manner: Manner,
    pub(super) push: Option<Push>,
    /// What the user does, by the page's name for it.
    pub(super) kind: String,
    pub(super) words: String,
    /// The number of the exchange that is repeated.
    pub(super) of: Option<usize>,
}

/// One try: what was sent, and what came back.
pub(super) struct Attempt {
    /// What number it has, from 1 on.
    pub(super) id: usize,
    /// Why the owner's new words cannot be used.
    pub(super) notice: Option<CommandError>,
    pub(super) at: SystemTime,
    pub(super) stamp: Stamp,
    pub(super) call: Call,
    pub(super) answer: Result<Answer, PostError>,
    pub(super) took: Duration,
    /// What the bot has logged, unless it runs elsewhere.
    pub(super) log: Option<Vec<String>>,
}

/// What is to be said of an answer.
pub(super) struct Judgement {
    pub(super) outcome: &'static str,
    pub(super) heard: Option<Heard>,
    pub(super) finding: Finding,
}

/// What is to be said of it. `first`: what was heard of the message that is sent again.
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
    let wechat = &bot.wechat;
    match (request.manner, &request.push) {
        (Manner::Forged, _) => {
            let genuine = first.unwrap_or(&Heard::Acknowledged);
            turned_away(wechat, answer, message::forged(wechat, answer, genuine))
        }
        (Manner::Late, _) => turned_away(
            wechat,
            answer,
            message::rejected(wechat, answer, Fault::Replayed),
        ),
        (Manner::Message | Manner::Retry, Some(push)) => replied(bot, push, answer, first),
        _ => verified(&attempt.call, answer),
    }
}

/// An answer to a message, or to the same one again after what was `first` heard.
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

/// An answer to somebody who is to get none.
fn turned_away(wechat: &WeChat, answer: &Answer, finding: Finding) -> Judgement {
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

fn verified(call: &Call, answer: &Answer) -> Judgement {
    let fields = query_fields(&call.query);
    let echostr = fields.iter().find(|(name, _)| name == "echostr");
    let echostr = echostr.map(|(_, value)| value.as_str()).unwrap_or_default();
    let finding = handshake::echo(answer, echostr, handshake::drift(answer, SystemTime::now()));
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

impl Manner {
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
