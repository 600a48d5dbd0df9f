//! A request to the bot, its answer, and the judgement on that answer.

use std::time::{Duration, SystemTime};

use crate::{
    commands::{
        CommandError,
        doctor::{
            finding::{Fault, Finding},
            handshake, message,
        },
    },
    simulator::{
        BotReply, Push, SignedRequest,
        answer::{HttpAnswer, SendError},
        field,
        signing::query_fields,
        target::Target,
        url::BotUrl,
    },
    wechat::unix_seconds,
};

/// Request that the page asks for.
pub(super) struct Request<'a> {
    /// The page's name for what is done.
    pub(super) action: &'a str,
    /// The user's words.
    pub(super) words: &'a str,
    /// Number of the exchange that this one repeats.
    pub(super) of: Option<usize>,
    /// Message; `None` to verify the URL.
    pub(super) push: Option<Push>,
    pub(super) flaw: Option<Flaw>,
}

/// Reason for which a good server refuses a message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Signed with another Token.
    Forged,
    Late,
}

/// Request that was sent, and its answer.
pub(super) struct Attempt {
    /// Number of the exchange, from 1 on.
    pub(super) id: usize,
    /// Error in the owner's file of words, if it was saved before this request.
    pub(super) words_error: Option<CommandError>,
    pub(super) at: SystemTime,
    pub(super) call: SignedRequest,
    pub(super) answer: Result<HttpAnswer, SendError>,
    pub(super) took: Duration,
    /// Lines that the bot has logged; `None` if it runs elsewhere.
    pub(super) log: Option<Vec<String>>,
}

pub(super) struct Judgement {
    /// The page's name for the outcome.
    pub(super) outcome: &'static str,
    pub(super) heard: Option<BotReply>,
    pub(super) finding: Finding,
}

/// Judges an answer. `first`: the answer to the message when it was first sent.
pub(super) fn judge(
    target: &Target,
    request: &Request<'_>,
    attempt: &Attempt,
    first: Option<&BotReply>,
) -> Judgement {
    let Target { url, keys } = target;
    let answer = match &attempt.answer {
        Ok(answer) => answer,
        Err(error) => return failure(Fault::NoAnswer(error.clone())),
    };
    let Some(push) = &request.push else {
        return verified(url, &attempt.call, answer);
    };
    let finding = match request.flaw {
        None => return replied(target, push, answer, first).unwrap_or_else(failure),
        // A server that fails has refused nothing.
        Some(_) if answer.status >= 500 => return failure(Fault::ServerFails(answer.status)),
        Some(Flaw::Forged) => {
            message::forged(keys, answer, first.unwrap_or(&BotReply::Acknowledged))
        }
        Some(Flaw::Late) => message::rejected(keys, answer, Fault::Replayed),
    };
    let is_wrong = finding.is_err();
    Judgement {
        outcome: if is_wrong { "accepted" } else { "refused" },
        heard: keys.read_reply(&answer.body).ok().filter(|_| is_wrong),
        finding,
    }
}

fn failure(fault: Fault) -> Judgement {
    Judgement {
        outcome: "failure",
        heard: None,
        finding: Err(fault),
    }
}

/// Judges the answer to a message, or to its repeat.
fn replied(
    target: &Target,
    push: &Push,
    answer: &HttpAnswer,
    first: Option<&BotReply>,
) -> Result<Judgement, Fault> {
    let heard = message::read_reply(target, answer)?;
    let now = unix_seconds(SystemTime::now());
    let form = Ok(message::form(&heard, answer, &target.keys, push, now)?);
    Ok(Judgement {
        outcome: match heard {
            BotReply::Passive(_) => "reply",
            BotReply::Acknowledged => "silence",
        },
        finding: first.map_or(form, |first| message::repeat(first, &heard)),
        heard: Some(heard),
    })
}

/// Judges the answer to the verification of the URL.
fn verified(url: &BotUrl, call: &SignedRequest, answer: &HttpAnswer) -> Judgement {
    let fields = query_fields(&call.query);
    let echostr = field(&fields, "echostr").unwrap_or_default();
    let finding = handshake::judge(answer, url, echostr);
    Judgement {
        outcome: match finding {
            Ok(_) => "verified",
            Err(_) => "unverified",
        },
        heard: None,
        finding,
    }
}
