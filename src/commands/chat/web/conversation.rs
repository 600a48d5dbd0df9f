//! The conversation on the page, with everything about each exchange.

use std::{
    array,
    collections::VecDeque,
    time::{Duration, Instant, SystemTime},
};

use serde_json::Value;

use super::{
    attempt::{Attempt, Flaw, Request, judge},
    json::{about_json, exchange_json, object},
};
use crate::{
    commands::{
        chat::{USER, bot::Bot},
        doctor::stranger,
    },
    language::Language,
    logger::copies::Copies,
    simulator::{
        BotReply, Push, UserAction, field,
        http::{Client, send},
        target::{Target, stamp},
    },
};

/// Age at which a good server refuses a request.
const LATE: Duration = Duration::from_secs(60 * 60);

/// Exchanges kept at most, the latest ones.
const MAX_EXCHANGES: usize = 200;

pub(super) struct Conversation {
    bot: Bot,
    copies: Option<Copies>,
    language: Option<Language>,
    exchanges: VecDeque<Exchange>,
}

/// Request that was answered, and the page's JSON about both.
struct Exchange {
    id: usize,
    push: Option<Push>,
    heard: Option<BotReply>,
    json: Value,
}

impl Conversation {
    pub(super) fn with(bot: Bot, copies: Option<Copies>, language: Option<Language>) -> Self {
        Self {
            bot,
            copies,
            language,
            exchanges: VecDeque::new(),
        }
    }

    pub(super) fn token_json(&self) -> Value {
        object([("token", self.bot.target.keys.token.as_str().into())])
    }

    /// Returns all that is kept, for a page that has just been opened.
    pub(super) fn json(&self) -> Value {
        let exchanges = self.exchanges.iter().map(|one| one.json.clone());
        let about = about_json(&self.bot, self.language, MAX_EXCHANGES);
        object([("about", about), ("exchanges", exchanges.collect())])
    }

    /// Sends the request that the page asks for, and returns the JSON about it; `None` if what it
    /// asks for is unknown.
    pub(super) fn send(&mut self, asked: &[(String, String)]) -> Option<Value> {
        let request = self.request(asked)?;
        let attempt = self.attempt(&request);
        let first = request.of.and_then(|of| self.exchange(of)?.heard.as_ref());
        let judgement = judge(&self.bot.target, &request, &attempt, first);
        let json = exchange_json(&self.bot.target, &request, &attempt, &judgement);
        if self.exchanges.len() == MAX_EXCHANGES {
            self.exchanges.pop_front();
        }
        self.exchanges.push_back(Exchange {
            id: attempt.id,
            push: request.push,
            heard: judgement.heard,
            json: json.clone(),
        });
        Some(json)
    }

    fn exchange(&self, id: usize) -> Option<&Exchange> {
        self.exchanges.iter().find(|exchange| exchange.id == id)
    }

    fn request<'a>(&self, asked: &'a [(String, String)]) -> Option<Request<'a>> {
        let value = |name| field(asked, name).unwrap_or_default();
        let (action, words) = (value("do"), value("words"));
        let of = value("of").parse().ok();
        let repeated = || self.exchange(of?)?.push.clone();
        let (push, flaw, of) = match action {
            "verify" => (None, None, None),
            "retry" => (Some(repeated()?), None, of),
            "forged" => (Some(repeated()?), Some(Flaw::Forged), of),
            "late" => (Some(repeated()?), Some(Flaw::Late), of),
            _ => {
                let action = user_action(action, words)?;
                (Some(Push::now(USER, action)), None, None)
            }
        };
        Some(Request {
            action,
            words,
            of,
            push,
            flaw,
        })
    }

    fn attempt(&mut self, request: &Request<'_>) -> Attempt {
        let reloaded = self.bot.reload_words();
        if matches!(reloaded, Ok(true)) {
            // The bot has kept none of the answers that a retry would be compared with.
            for exchange in &mut self.exchanges {
                exchange.heard = None;
            }
        }
        let Target { url, keys } = &self.bot.target;
        let forger = stranger(keys.crypt.clone());
        let at = SystemTime::now();
        let (signer, signed_at) = match request.flaw {
            None => (keys, at),
            Some(Flaw::Forged) => (&forger, at),
            Some(Flaw::Late) => (keys, at - LATE),
        };
        let stamp = stamp(signed_at);
        let call = match &request.push {
            Some(push) => signer.push(&stamp, push, array::from_fn(|_| fastrand::u8(..))),
            None => signer.verification(&stamp, &fastrand::u64(..).to_string()),
        };
        let begun = Instant::now();
        let answer = send(Client::WeChat, url, &call);
        Attempt {
            id: self.exchanges.back().map_or(1, |last| last.id + 1),
            words_error: reloaded.err(),
            at,
            call,
            answer,
            took: begun.elapsed(),
            log: self.copies.as_ref().map(Copies::take),
        }
    }
}

/// Returns the action of this name on the page, with the user's words.
fn user_action(action: &str, words: &str) -> Option<UserAction> {
    let event = |name: &str, key: &str| UserAction::Event {
        name: name.to_owned(),
        key: key.to_owned(),
    };
    Some(match action {
        "text" => UserAction::Text(words.to_owned()),
        "image" => UserAction::Image,
        "voice" => UserAction::Voice((!words.is_empty()).then(|| words.to_owned())),
        "location" => UserAction::Location(words.to_owned()),
        "subscribe" | "unsubscribe" => event(action, ""),
        "click" => event("CLICK", words),
        _ => return None,
    })
}
