//! What the page asks for, and the judgement on the bot's answer to it.

use std::time::{Duration, SystemTime};

use crate::{
    commands::doctor::{
        finding::{Fault, Finding},
        handshake, message,
    },
    simulator::{BotReply, Push, SignedRequest, http::Sent, target::Target},
    wechat::AccountKeys,
};

/// Age at which a good server refuses a request.
const LATE: Duration = Duration::from_secs(60 * 60);

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
    /// The answer to the message when it was first sent.
    pub(super) first: Option<BotReply>,
}

/// The page's name for an outcome, what the user hears, and the finding.
type Judgement = (&'static str, Option<BotReply>, Finding);

impl Request<'_> {
    /// Signs the request, with the flaw for which a good server refuses it if the page asks for
    /// one; with the `echostr` of a verification.
    pub(super) fn sign(&self, keys: &AccountKeys, now: SystemTime) -> (SignedRequest, String) {
        let (keys, time) = match self.action {
            "forged" => (&keys.forger(), now),
            "late" => (keys, now - LATE),
            _ => (keys, now),
        };
        match &self.push {
            Some(push) => (keys.push_at(time, push), String::new()),
            None => keys.verification_at(time),
        }
    }

    /// Judges an answer. `echostr`: what a verification is to get back.
    pub(super) fn judge(&self, target: &Target, echostr: &str, sent: &Sent) -> Judgement {
        let judged = self.judge_answer(target, echostr, sent);
        judged.unwrap_or_else(|fault| ("failure", None, Err(fault)))
    }

    /// Returns a fault if there is no answer of the kind that was asked for.
    fn judge_answer(
        &self,
        target: &Target,
        echostr: &str,
        sent: &Sent,
    ) -> Result<Judgement, Fault> {
        let Target { url, keys } = target;
        let first = self.first.as_ref();
        let answer = sent.as_ref();
        let answer = answer.map_err(|error| Fault::NoAnswer(error.clone()))?;
        let Some(push) = &self.push else {
            let finding = handshake::judge(answer, url, echostr);
            let outcome = finding.as_ref().map_or("unverified", |_| "verified");
            return Ok((outcome, None, finding));
        };
        let finding = match self.action {
            // A server that fails has refused nothing.
            "forged" | "late" if answer.status >= 500 => {
                return Err(Fault::ServerFails(answer.status));
            }
            "forged" => message::forged(keys, sent, first.unwrap_or(&BotReply::Acknowledged)),
            "late" => message::rejected(keys, sent, Fault::Replayed),
            _ => {
                let (heard, fine) = message::judge(target, answer, push)?;
                let outcome = match heard {
                    BotReply::Passive(_) => "reply",
                    BotReply::Acknowledged => "silence",
                };
                let finding = first.map_or(Ok(fine), |first| message::repeat(first, &heard));
                return Ok((outcome, Some(heard), finding));
            }
        };
        Ok(match finding {
            Ok(_) => ("refused", None, finding),
            Err(_) => ("accepted", keys.read_reply(&answer.body).ok(), finding),
        })
    }
}
