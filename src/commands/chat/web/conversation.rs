//! The conversation on the page, with everything about each exchange.

use std::{
    collections::VecDeque,
    time::{Instant, SystemTime},
};

use serde_json::Value;

use super::{
    json::{answer_json, finding_json, localized_json, object, request_json},
    request::Request,
};
use crate::{
    commands::{
        CommandError,
        chat::{USER, bot::Bot},
    },
    language::Language,
    logger::copies::LogCopies,
    simulator::{
        BotReply, Push, UserAction, field,
        http::{Client, send},
        target::Target,
    },
    wechat::unix_seconds,
};

/// Exchanges kept at most, the latest ones.
const MAX_EXCHANGES: usize = 200;

pub(super) struct Conversation {
    bot: Bot,
    log: Option<LogCopies>,
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
    pub(super) fn new(bot: Bot, log: Option<LogCopies>, language: Option<Language>) -> Self {
        Self {
            bot,
            log,
            language,
            exchanges: VecDeque::new(),
        }
    }

    pub(super) fn token_json(&self) -> Value {
        object([("token", self.bot.target.keys.token.as_str().into())])
    }

    /// Returns all that is kept, for a page that has just been opened.
    pub(super) fn json(&self) -> Value {
        let language = self.language.map(|language| match language {
            Language::English => "en",
            Language::Chinese => "zh",
        });
        let Target { url, keys } = &self.bot.target;
        let mode = keys.crypt.as_ref().map_or("plaintext", |_| "secure");
        let about = object([
            ("language", language.into()),
            ("own", self.bot.is_own().into()),
            ("url", url.to_string().into()),
            ("mode", mode.into()),
            ("limit", MAX_EXCHANGES.into()),
        ]);
        let exchanges = self.exchanges.iter().map(|one| one.json.clone());
        object([("about", about), ("exchanges", exchanges.collect())])
    }

    /// Sends the request that the page asks for, and returns the JSON about it; `None` if what it
    /// asks for is unknown.
    pub(super) fn send(&mut self, asked: &[(String, String)]) -> Option<Value> {
        let words_error = self.reload_words().err();
        let words_error = words_error.map(|error| localized_json(&error));
        let request = self.request(asked)?;
        let target = &self.bot.target;
        let at = SystemTime::now();
        let (call, echostr) = request.sign(&target.keys, at);
        let begun = Instant::now();
        let sent = send(Client::WeChat, &target.url, &call);
        let milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (outcome, heard, finding) = request.judge(target, &echostr, &sent);
        let reply = match &heard {
            Some(BotReply::Passive(reply)) => Some(reply.text()),
            _ => None,
        };
        let id = self.exchanges.back().map_or(1, |last| last.id + 1);
        let answer = sent.ok().map(|answer| answer_json(&target.keys, &answer));
        let json = object([
            ("id", id.into()),
            ("at", unix_seconds(at).into()),
            ("words_error", words_error.into()),
            ("log", self.log.as_ref().map(LogCopies::take).into()),
            ("action", request.action.into()),
            ("said", request.words.into()),
            ("of", request.of.into()),
            ("request", request_json(target, &request, &call)),
            ("answer", answer.into()),
            ("ms", milliseconds.into()),
            ("outcome", outcome.into()),
            ("reply", reply.into()),
            ("finding", finding_json(&finding)),
        ]);
        self.keep(Exchange {
            id,
            push: request.push,
            heard,
            json: json.clone(),
        });
        Some(json)
    }

    fn keep(&mut self, exchange: Exchange) {
        if self.exchanges.len() == MAX_EXCHANGES {
            self.exchanges.pop_front();
        }
        self.exchanges.push_back(exchange);
    }

    /// Has the bot use the words that its owner has saved since.
    fn reload_words(&mut self) -> Result<(), CommandError> {
        if self.bot.reload_words()? {
            // The bot has kept none of the answers that a retry would be compared with.
            for exchange in &mut self.exchanges {
                exchange.heard = None;
            }
        }
        Ok(())
    }

    fn request<'a>(&self, asked: &'a [(String, String)]) -> Option<Request<'a>> {
        let value = |name| field(asked, name).unwrap_or_default();
        let (action, words) = (value("do"), value("words"));
        let (push, of, first) = match action {
            "verify" => (None, None, None),
            "retry" | "forged" | "late" => {
                let of = value("of").parse().ok()?;
                let first = self.exchanges.iter().find(|first| first.id == of)?;
                (Some(first.push.clone()?), Some(of), first.heard.clone())
            }
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
            first,
        })
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
