//! The conversation that the page shows, with everything about each exchange.

use std::{
    array,
    time::{Duration, Instant, SystemTime},
};

use serde_json::{Value, json};

use crate::{
    commands::doctor::{
        finding::{Fault, Finding, Fix},
        handshake, message, stranger,
    },
    language::{Language, Say},
    simulator::{
        Call, Heard, Push, Said, Stamp, WeChat,
        answer::{Answer, PostError},
        caller::msg_id,
        http::{Client, post},
        signing::{Signing, query_fields},
    },
    wechat::unix_seconds,
};

use super::bot::Bot;

/// The OpenID of whoever sits at the page.
const USER: &str = "oDaoxiaoChat";

/// The age of a request that ought to be refused for it.
const LATE: Duration = Duration::from_secs(60 * 60);

/// How much of an answer is shown: it may be some web page, and a reply has 2 KiB or so.
const MAX_SHOWN_CHARS: usize = 16 * 1024;

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

/// How a request comes to the bot.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Message,
    Retry,
    Forged,
    Late,
    Verification,
}

/// What the page asks for cannot be done.
#[derive(Debug, thiserror::Error)]
#[error("no such thing to send")]
pub(super) struct Unknown;

/// What there is to send: the first time, or once more.
struct Request {
    manner: Manner,
    push: Option<Push>,
    said: Value,
    /// The place of the exchange that is repeated.
    of: Option<usize>,
}

/// One try: what was sent, and what came back.
struct Attempt {
    stamp: Stamp,
    call: Call,
    answer: Result<Answer, PostError>,
    took: Duration,
}

/// What is to be said of an answer.
struct Judgement {
    outcome: &'static str,
    heard: Option<Heard>,
    finding: Finding,
}

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
        let mode = if self.bot.wechat.crypt.is_some() {
            "secure"
        } else {
            "plaintext"
        };
        json!({
            "about": {
                "language": language.map(|language| match language {
                    Language::English => "en",
                    Language::Chinese => "zh",
                }),
                "own": self.bot.is_own(),
                "url": self.bot.url().to_string(),
                "mode": mode,
            },
            "exchanges": self.exchanges.iter().map(|one| &one.json).collect::<Vec<_>>(),
        })
    }

    /// Sends what the page asks for, and shows what came of it.
    pub(super) fn send(&mut self, asked: &Value) -> Result<Value, Unknown> {
        let request = self.request(asked)?;
        let notice = self.bot.renew();
        let at = SystemTime::now();
        let attempt = self.attempt(&request, at);
        let judgement = self.judge(&request, &attempt);
        let mut json = exchange_json(&self.bot, &request, &attempt, &judgement);
        if let Some(fields) = json.as_object_mut() {
            fields.insert("id".to_owned(), json!(self.exchanges.len() + 1));
            fields.insert("at".to_owned(), json!(unix_seconds(at)));
            fields.insert(
                "notice".to_owned(),
                json!(notice.as_ref().map(|error| words_json(error))),
            );
            fields.insert("log".to_owned(), json!(self.bot.log()));
        }
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

    fn attempt(&self, request: &Request, at: SystemTime) -> Attempt {
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
            stamp,
            call,
            answer,
            took,
        }
    }

    fn judge(&self, request: &Request, attempt: &Attempt) -> Judgement {
        let answer = match &attempt.answer {
            Ok(answer) => answer,
            Err(error) => return Judgement::failure(Fault::NoAnswer(error.clone())),
        };
        let wechat = &self.bot.wechat;
        let first = request
            .of
            .and_then(|of| self.exchanges.get(of)?.heard.as_ref());
        match (request.manner, &request.push) {
            (Manner::Forged, _) => {
                let genuine = first.unwrap_or(&Heard::Acknowledged);
                turned_away(wechat, answer, message::forged(wechat, answer, genuine))
            }
            (Manner::Late, _) => turned_away(wechat, answer, message::replayed(wechat, answer)),
            (Manner::Message | Manner::Retry, Some(push)) => {
                replied(&self.bot, push, answer, first)
            }
            _ => verified(&attempt.call, answer),
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
    fn name(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Retry => "retry",
            Self::Forged => "forged",
            Self::Late => "late",
            Self::Verification => "verification",
        }
    }
}

/// Everything about an exchange.
fn exchange_json(bot: &Bot, request: &Request, attempt: &Attempt, judgement: &Judgement) -> Value {
    json!({
        "manner": request.manner.name(),
        "of": request.of.map(|place| place + 1),
        "said": request.said,
        "request": request_json(bot, request, attempt),
        "answer": attempt.answer.as_ref().ok().map(|answer| answer_json(&bot.wechat, answer)),
        "ms": u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX),
        "outcome": judgement.outcome,
        "words": judgement.heard.as_ref().and_then(words),
        "finding": finding_json(&judgement.finding),
    })
}

fn request_json(bot: &Bot, request: &Request, attempt: &Attempt) -> Value {
    let call = &attempt.call;
    let method = if call.body.is_some() { "POST" } else { "GET" };
    let opened = request.push.as_ref().filter(|_| bot.wechat.crypt.is_some());
    let signings = bot.wechat.signings(&attempt.stamp, call);
    json!({
        "line": format!("{method} {} HTTP/1.1", bot.url().target(&call.query)),
        "query": query_fields(&call.query),
        "signings": signings.iter().map(signing_json).collect::<Vec<_>>(),
        "body": call.body,
        "opened": opened.map(Push::to_xml),
    })
}

/// The Token itself is left out: it is shown only when it is asked for.
fn signing_json(signing: &Signing) -> Value {
    let parts = signing.parts.iter().map(|(name, text)| {
        let text = (*name != "Token").then_some(text);
        json!({"name": name, "value": text})
    });
    json!({
        "name": signing.name,
        "parts": parts.collect::<Vec<_>>(),
        "right": signing.right,
        "given": signing.given,
    })
}

fn answer_json(wechat: &WeChat, answer: &Answer) -> Value {
    let opened = match wechat.read(&answer.body) {
        Ok(Heard::Reply(reply)) if reply.encrypted => Some(reply.xml),
        _ => None,
    };
    json!({
        "status": answer.status,
        "headers": answer.headers,
        "body": shown(&answer.body),
        "opened": opened,
    })
}

/// As text, and no more of it than there is to look at.
fn shown(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let mut chars = text.chars();
    let mut shown: String = chars.by_ref().take(MAX_SHOWN_CHARS).collect();
    if chars.next().is_some() {
        shown.push('…');
    }
    shown
}

fn finding_json(finding: &Finding) -> Value {
    match finding {
        Finding::Fine(fine) => json!({"good": true, "seen": words_json(fine), "fix": null}),
        Finding::Warning(warning) => {
            json!({"good": true, "seen": words_json(warning), "fix": null})
        }
        Finding::Wrong(fault) => json!({
            "good": false,
            "seen": words_json(fault),
            "fix": words_json(&Fix(fault)),
        }),
    }
}

/// In every language, since the page's can be changed.
fn words_json(words: &dyn Say) -> Value {
    json!({"en": words.to_string(), "zh": words.chinese()})
}

/// What the user reads; of a reply that is no text, its type in brackets.
fn words(heard: &Heard) -> Option<String> {
    let Heard::Reply(reply) = heard else {
        return None;
    };
    Some(match (reply.field("Content"), reply.field("MsgType")) {
        (Some(content), _) => content.to_owned(),
        (None, kind) => format!("[{}]", kind.unwrap_or_default()),
    })
}
