//! The conversation that the page shows, with everything about each exchange.

use std::{
    array,
    time::{Duration, Instant, SystemTime},
};

use serde_json::{Value, json};

use super::{
    attempt::{Attempt, Manner, Request, judge},
    bot::Bot,
    json::{about_json, exchange_json},
};
use crate::{
    commands::doctor::stranger,
    language::Language,
    simulator::{
        Heard, Push, Said, Stamp,
        caller::msg_id,
        http::{Client, post},
    },
    wechat::unix_seconds,
};

/// The OpenID of whoever sits at the page.
const USER: &str = "oDaoxiaoChat";

/// The age of a request that ought to be refused for it.
const LATE: Duration = Duration::from_secs(60 * 60);

/// What has been said so far, and to whom.
pub(super) struct Conversation {
    bot: Bot,
    exchanges: Vec<Exchange>,
}

/// A request that was made, and what the page shows of it.
struct Exchange {
    push: Option<Push>,
    heard: Option<Heard>,
    json: Value,
}

/// What the page asks for cannot be done.
#[derive(Debug, thiserror::Error)]
#[error("no such thing to send")]
pub(super) struct Unknown;

impl Conversation {
    pub(super) fn with(bot: Bot) -> Self {
        Self {
            bot,
            exchanges: Vec::new(),
        }
    }

    pub(super) fn token(&self) -> &str {
        self.bot.wechat.token.as_str()
    }

    /// All of it, for a page that has just been opened.
    pub(super) fn json(&self, language: Option<Language>) -> Value {
        let exchanges: Vec<&Value> = self.exchanges.iter().map(|one| &one.json).collect();
        json!({"about": about_json(&self.bot, language), "exchanges": exchanges})
    }

    /// Sends what the page asks for, and shows what came of it.
    pub(super) fn send(&mut self, asked: &Value) -> Result<Value, Unknown> {
        let request = self.request(asked)?;
        let attempt = self.attempt(&request);
        let first = request.of.and_then(|of| self.exchanges.get(of));
        let first = first.and_then(|first| first.heard.as_ref());
        let judgement = judge(&self.bot, &request, &attempt, first);
        let json = exchange_json(&self.bot, &request, &attempt, &judgement);
        self.exchanges.push(Exchange {
            push: request.push,
            heard: judgement.heard,
            json: json.clone(),
        });
        Ok(json)
    }

    fn request(&self, asked: &Value) -> Result<Request, Unknown> {
        let name = asked["do"].as_str().ok_or(Unknown)?;
        let manner = match name {
            "retry" => Manner::Retry,
            "forged" => Manner::Forged,
            "late" => Manner::Late,
            "verify" => Manner::Verification,
            _ => Manner::Message,
        };
        if let Manner::Retry | Manner::Forged | Manner::Late = manner {
            let of = asked["of"].as_u64().and_then(|id| usize::try_from(id).ok());
            let place = of.and_then(|of| of.checked_sub(1)).ok_or(Unknown)?;
            let first = self.exchanges.get(place).ok_or(Unknown)?;
            return Ok(Request {
                manner,
                push: Some(first.push.clone().ok_or(Unknown)?),
                said: first.json.get("said").cloned().unwrap_or_default(),
                of: Some(place),
            });
        }
        let words = asked["words"].as_str().unwrap_or_default();
        let push = match manner {
            Manner::Verification => None,
            _ => Some(push(said(name, words)?)),
        };
        Ok(Request {
            manner,
            push,
            said: json!({"type": name, "words": words}),
            of: None,
        })
    }

    fn attempt(&mut self, request: &Request) -> Attempt {
        let notice = self.bot.renew();
        let at = SystemTime::now();
        let wechat = &self.bot.wechat;
        let forger = (request.manner == Manner::Forged).then(|| stranger(wechat.crypt.clone()));
        let signer = forger.as_ref().unwrap_or(wechat);
        let signed_at = if request.manner == Manner::Late {
            at - LATE
        } else {
            at
        };
        let stamp = Stamp::new(signed_at, fastrand::u32(..));
        let call = match &request.push {
            Some(push) => signer.push(&stamp, push, array::from_fn(|_| fastrand::u8(..))),
            None => signer.verification(&stamp, &fastrand::u64(..).to_string()),
        };
        let begun = Instant::now();
        let answer = post(Client::WeChat, self.bot.url(), &call);
        let took = begun.elapsed();
        Attempt {
            id: self.exchanges.len() + 1,
            notice,
            at,
            stamp,
            call,
            answer,
            took,
            log: self.bot.log(),
        }
    }
}

/// What a user has done, by the page's name for it.
fn said(name: &str, words: &str) -> Result<Said, Unknown> {
    let event = |name: &str, key: &str| Said::Event {
        name: name.to_owned(),
        key: key.to_owned(),
    };
    Ok(match name {
        "text" => Said::Text(words.to_owned()),
        "image" => Said::Image,
        "voice" => Said::Voice((!words.is_empty()).then(|| words.to_owned())),
        "location" => Said::Location(words.to_owned()),
        "subscribe" | "unsubscribe" => event(name, ""),
        "click" => event("CLICK", words),
        _ => return Err(Unknown),
    })
}

fn push(said: Said) -> Push {
    Push {
        user: USER.to_owned(),
        create_time: unix_seconds(SystemTime::now()),
        msg_id: msg_id(),
        said,
    }
}
