//! What the page is told, as JSON.

use serde_json::{Map, Value};

use super::{
    attempt::{Attempt, Judgement, Request},
    bot::Bot,
};
use crate::{
    commands::doctor::finding::{Finding, Fix},
    language::{Language, Say},
    simulator::{
        Heard, Push, WeChat,
        answer::Answer,
        signing::{Signing, query_fields},
    },
    wechat::unix_seconds,
};

/// How much of an answer is shown: it may be some web page, and a reply has 2 KiB or so.
const MAX_SHOWN_CHARS: usize = 16 * 1024;

/// Whom the page is about. `limit`: how many exchanges are kept.
pub(super) fn about_json(bot: &Bot, language: Option<Language>, limit: usize) -> Value {
    let language = language.map(|language| match language {
        Language::English => "en",
        Language::Chinese => "zh",
    });
    let mode = bot.wechat.crypt.as_ref().map_or("plaintext", |_| "secure");
    object()
        .with("language", language.into())
        .with("own", bot.is_own().into())
        .with("url", bot.url().to_string().into())
        .with("mode", mode.into())
        .with("limit", limit.into())
        .into()
}

/// Everything about an exchange.
pub(super) fn exchange_json(
    bot: &Bot,
    request: &Request,
    attempt: &Attempt,
    judgement: &Judgement,
) -> Value {
    let Request { kind, words, .. } = request;
    let notice = attempt.notice.as_ref().map(|error| words_json(error));
    let milliseconds = u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX);
    let answer = attempt.answer.as_ref().ok();
    object()
        .with("id", attempt.id.into())
        .with("at", unix_seconds(attempt.at).into())
        .with("notice", notice.into())
        .with("log", attempt.log.clone().into())
        .with("manner", request.manner.name().into())
        .with("of", request.of.into())
        .with(
            "said",
            object()
                .with("type", kind.as_str().into())
                .with("words", words.as_str().into())
                .into(),
        )
        .with("request", request_json(bot, request, attempt))
        .with(
            "answer",
            answer.map(|answer| answer_json(&bot.wechat, answer)).into(),
        )
        .with("ms", milliseconds.into())
        .with("outcome", judgement.outcome.into())
        .with("words", judgement.heard.as_ref().and_then(read).into())
        .with("finding", finding_json(&judgement.finding))
        .into()
}

fn request_json(bot: &Bot, request: &Request, attempt: &Attempt) -> Value {
    let call = &attempt.call;
    let method = if call.body.is_some() { "POST" } else { "GET" };
    let opened = request.push.as_ref().filter(|_| bot.wechat.crypt.is_some());
    let signings = bot.wechat.signings(&attempt.stamp, call);
    let line = format!("{method} {} HTTP/1.1", bot.url().target(&call.query));
    object()
        .with("line", line.into())
        .with("query", pairs(query_fields(&call.query)))
        .with("signings", signings.iter().map(signing_json).collect())
        .with("body", call.body.clone().into())
        .with("opened", opened.map(Push::to_xml).into())
        .into()
}

/// The Token itself is left out: it is shown only when it is asked for.
fn signing_json(signing: &Signing) -> Value {
    let parts = signing.parts.iter().map(|(name, text)| {
        let text = (*name != "Token").then_some(text.as_str());
        object()
            .with("name", (*name).into())
            .with("value", text.into())
    });
    object()
        .with("name", signing.name.into())
        .with("parts", parts.collect())
        .with("right", signing.right.as_str().into())
        .with("given", signing.given.as_str().into())
        .into()
}

fn answer_json(wechat: &WeChat, answer: &Answer) -> Value {
    let opened = match wechat.read(&answer.body) {
        Ok(Heard::Reply(reply)) if reply.encrypted => Some(reply.xml),
        _ => None,
    };
    object()
        .with("status", answer.status.into())
        .with("headers", pairs(answer.headers.clone()))
        .with("body", shown(&answer.body).into())
        .with("opened", opened.into())
        .into()
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
    let (is_good, seen, fix) = match finding {
        Finding::Fine(fine) => (true, words_json(fine), Value::Null),
        Finding::Warning(warning) => (true, words_json(warning), Value::Null),
        Finding::Wrong(fault) => (false, words_json(fault), words_json(&Fix(fault))),
    };
    object()
        .with("good", is_good.into())
        .with("seen", seen)
        .with("fix", fix)
        .into()
}

/// In every language, since the page's can be changed.
fn words_json(words: &dyn Say) -> Value {
    object()
        .with("en", words.to_string().into())
        .with("zh", words.chinese().into())
        .into()
}

/// An object that grows by one field at a time: all fields at once, or as the macro of the library
/// writes them, take much more of the binary.
#[derive(Default)]
pub(super) struct Object(Map<String, Value>);

pub(super) fn object() -> Object {
    Object::default()
}

impl Object {
    #[inline(never)]
    pub(super) fn with(mut self, name: &str, value: Value) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::Object(object.0)
    }
}

fn pairs(pairs: Vec<(String, String)>) -> Value {
    let pairs = pairs.into_iter();
    pairs
        .map(|(name, value)| Value::from(vec![name, value]))
        .collect()
}

/// What the user reads; of a reply that is no text, its type in brackets.
fn read(heard: &Heard) -> Option<String> {
    let Heard::Reply(reply) = heard else {
        return None;
    };
    Some(match (reply.field("Content"), reply.field("MsgType")) {
        (Some(content), _) => content.to_owned(),
        (None, kind) => format!("[{}]", kind.unwrap_or_default()),
    })
}
