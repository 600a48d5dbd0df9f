//! The conversation on the page, with everything about each exchange.

use std::{
    array,
    collections::VecDeque,
    time::{Duration, Instant, SystemTime},
};

use serde_json::json;

use super::{
    attempt::{Attempt, Kind, Request, judge},
    bot::Bot,
    json::{about_json, exchange_json},
};
use crate::{
    commands::{chat::USER, doctor::stranger},
    language::Language,
    simulator::{
        Heard, Push, Said, Stamp,
        caller::msg_id,
        http::{Client, post},
    },
    wechat::unix_seconds,
};

/// Age at which a good server refuses a request.
const LATE: Duration = Duration::from_secs(60 * 60);

/// Exchanges kept at most, the latest ones.
const MAX_EXCHANGES: usize = 200;

pub(super) struct Conversation {
    bot: Bot,
    exchanges: VecDeque<Exchange>,
    /// Number of all exchanges so far.
    count: usize,
}

/// Request that was answered, and the page's JSON about both.
struct Exchange {
    id: usize,
    request: Request,
    heard: Option<Heard>,
    json: String,
}

impl Conversation {
    pub(super) fn with(bot: Bot) -> Self {
        Self {
            bot,
            exchanges: VecDeque::new(),
            count: 0,
        }
    }

    pub(super) fn token_json(&self) -> String {
        json!({ "token": self.bot.wechat.token.as_str() }).to_string()
    }

    /// Returns all that is kept, for a page that has just been opened.
    pub(super) fn json(&self, language: Option<Language>) -> String {
        let exchanges: Vec<&str> = self.exchanges.iter().map(|one| one.json.as_str()).collect();
        let about = about_json(&self.bot, language, MAX_EXCHANGES);
        format!(
            r#"{{"about":{about},"exchanges":[{}]}}"#,
            exchanges.join(",")
        )
    }

    /// Sends the request that the page asks for, and returns the JSON about it; `None` if what it
    /// asks for is unknown.
    pub(super) fn send(&mut self, asked: &[(String, String)]) -> Option<String> {
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
        Some(json)
    }

    fn exchange(&self, id: usize) -> Option<&Exchange> {
        self.exchanges.iter().find(|exchange| exchange.id == id)
    }

    fn request(&self, asked: &[(String, String)]) -> Option<Request> {
        let field = |name| asked.iter().find(|(field, _)| field == name);
        let value = |name| field(name).map_or("", |(_, value)| value.as_str());
        let (action, words) = (value("do"), value("words"));
        let kind = match action {
            "retry" => Kind::Retry,
            "forged" => Kind::Forged,
            "late" => Kind::Late,
            "verify" => Kind::Verification,
            _ => Kind::Message,
        };
        let request = |push, action: &str, words: &str, of| Request {
            kind,
            push,
            action: action.to_owned(),
            words: words.to_owned(),
            of,
        };
        Some(match kind {
            Kind::Message => request(Some(push(said(action, words)?)), action, words, None),
            Kind::Verification => request(None, action, words, None),
            Kind::Retry | Kind::Forged | Kind::Late => {
                let id = value("of").parse().ok()?;
                let first = &self.exchange(id)?.request;
                let push = Some(first.push.clone()?);
                request(push, &first.action, &first.words, Some(id))
            }
        })
    }

    fn attempt(&mut self, request: &Request) -> Attempt {
        self.count += 1;
        let reloaded = self.bot.reload_words();
        if matches!(reloaded, Ok(true)) {
            // The bot has kept none of the answers that a retry would be compared with.
            for exchange in &mut self.exchanges {
                exchange.heard = None;
            }
        }
        let words_error = reloaded.err();
        let at = SystemTime::now();
        let wechat = &self.bot.wechat;
        let forger = (request.kind == Kind::Forged).then(|| stranger(wechat.crypt.clone()));
        let signer = forger.as_ref().unwrap_or(wechat);
        let signed_at = if request.kind == Kind::Late {
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
            words_error,
            at,
            stamp,
            call,
            answer,
            took,
            log: self.bot.log(),
        }
    }
}

/// Returns the action of this name on the page, with the user's words.
fn said(action: &str, words: &str) -> Option<Said> {
    let event = |name: &str, key: &str| Said::Event {
        name: name.to_owned(),
        key: key.to_owned(),
    };
    Some(match action {
        "text" => Said::Text(words.to_owned()),
        "image" => Said::Image,
        "voice" => Said::Voice((!words.is_empty()).then(|| words.to_owned())),
        "location" => Said::Location(words.to_owned()),
        "subscribe" | "unsubscribe" => event(action, ""),
        "click" => event("CLICK", words),
        _ => return None,
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
