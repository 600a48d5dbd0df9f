//! The conversation that the page shows, with everything about each exchange.

use std::{
    array,
    collections::VecDeque,
    time::{Duration, Instant, SystemTime},
};

use serde_json::Value;

use super::{
    attempt::{Attempt, Manner, Request, judge},
    bot::Bot,
    json::{about_json, exchange_json, object},
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

/// More exchanges than these are not kept: the oldest go.
const MAX_EXCHANGES: usize = 200;

/// What has been said so far, and to whom.
pub(super) struct Conversation {
    bot: Bot,
    exchanges: VecDeque<Exchange>,
    /// How many there have been.
    count: usize,
}

/// A request that was made, and what the page shows of it.
struct Exchange {
    id: usize,
    request: Request,
    heard: Option<Heard>,
    json: String,
}

/// What the page asks for cannot be done.
#[derive(Debug, thiserror::Error)]
#[error("no such thing to send")]
pub(super) struct Unknown;

impl Conversation {
    pub(super) fn with(bot: Bot) -> Self {
        Self {
            bot,
            exchanges: VecDeque::new(),
            count: 0,
        }
    }

    pub(super) fn token_json(&self) -> String {
        let token = self.bot.wechat.token.as_str();
        Value::from(object().with("token", token.into())).to_string()
    }

    /// All of it, for a page that has just been opened.
    pub(super) fn json(&self, language: Option<Language>) -> String {
        let exchanges: Vec<&str> = self.exchanges.iter().map(|one| one.json.as_str()).collect();
        let about = about_json(&self.bot, language, MAX_EXCHANGES);
        format!(
            r#"{{"about":{about},"exchanges":[{}]}}"#,
            exchanges.join(",")
        )
    }

    /// Sends what the page asks for, and shows what came of it.
    pub(super) fn send(&mut self, asked: &[(String, String)]) -> Result<String, Unknown> {
        let request = self.request(asked)?;
        let attempt = self.attempt(&request);
        let first = request.of.and_then(|of| self.exchange(of));
        let first = first.and_then(|first| first.heard.as_ref());
        let judgement = judge(&self.bot, &request, &attempt, first);
        let json = exchange_json(&self.bot, &request, &attempt, &judgement).to_string();
        if self.exchanges.len() == MAX_EXCHANGES {
            self.exchanges.pop_front();
        }
        self.exchanges.push_back(Exchange {
            id: attempt.id,
            request,
            heard: judgement.heard,
            json: json.clone(),
        });
        Ok(json)
    }

    fn exchange(&self, id: usize) -> Option<&Exchange> {
        self.exchanges.iter().find(|exchange| exchange.id == id)
    }

    fn request(&self, asked: &[(String, String)]) -> Result<Request, Unknown> {
        let field = |name| asked.iter().find(|(field, _)| field == name);
        let value = |name| field(name).map_or("", |(_, value)| value.as_str());
        let name = value("do");
        let manner = match name {
            "retry" => Manner::Retry,
            "forged" => Manner::Forged,
            "late" => Manner::Late,
            "verify" => Manner::Verification,
            _ => Manner::Message,
        };
        if let Manner::Retry | Manner::Forged | Manner::Late = manner {
            let id = value("of").parse().map_err(|_| Unknown)?;
            let first = &self.exchange(id).ok_or(Unknown)?.request;
            return Ok(Request {
                manner,
                push: Some(first.push.clone().ok_or(Unknown)?),
                kind: first.kind.clone(),
                words: first.words.clone(),
                of: Some(id),
            });
        }
        let words = value("words");
        let push = match manner {
            Manner::Verification => None,
            _ => Some(push(said(name, words)?)),
        };
        Ok(Request {
            manner,
            push,
            kind: name.to_owned(),
            words: words.to_owned(),
            of: None,
        })
    }

    fn attempt(&mut self, request: &Request) -> Attempt {
        self.count += 1;
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
            id: self.count,
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
