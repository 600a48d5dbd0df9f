//! What the page is told, as JSON.

use serde_json::Value;

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

/// Whom the page is about.
pub(super) fn about_json(bot: &Bot, language: Option<Language>) -> Value {
    let language = language.map(|language| match language {
        Language::English => "en",
        Language::Chinese => "zh",
    });
    let mode = bot.wechat.crypt.as_ref().map_or("plaintext", |_| "secure");
    object(vec![
        ("language", language.into()),
        ("own", bot.is_own().into()),
        ("url", bot.url().to_string().into()),
        ("mode", mode.into()),
    ])
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
    object(vec![
        ("id", attempt.id.into()),
        ("at", unix_seconds(attempt.at).into()),
        ("notice", notice.into()),
        ("log", attempt.log.clone().into()),
        ("manner", request.manner.name().into()),
        ("of", request.of.map(|place| place + 1).into()),
        (
            "said",
            object(vec![
                ("type", kind.as_str().into()),
                ("words", words.as_str().into()),
            ]),
        ),
        ("request", request_json(bot, request, attempt)),
        (
            "answer",
            answer.map(|answer| answer_json(&bot.wechat, answer)).into(),
        ),
        ("ms", milliseconds.into()),
        ("outcome", judgement.outcome.into()),
        ("words", judgement.heard.as_ref().and_then(read).into()),
        ("finding", finding_json(&judgement.finding)),
    ])
}

fn request_json(bot: &Bot, request: &Request, attempt: &Attempt) -> Value {
    let call = &attempt.call;
    let method = if call.body.is_some() { "POST" } else { "GET" };
    let opened = request.push.as_ref().filter(|_| bot.wechat.crypt.is_some());
    let signings = bot.wechat.signings(&attempt.stamp, call);
    let line = format!("{method} {} HTTP/1.1", bot.url().target(&call.query));
    object(vec![
        ("line", line.into()),
        ("query", pairs(query_fields(&call.query))),
        ("signings", signings.iter().map(signing_json).collect()),
        ("body", call.body.clone().into()),
        ("opened", opened.map(Push::to_xml).into()),
    ])
}

/// The Token itself is left out: it is shown only when it is asked for.
fn signing_json(signing: &Signing) -> Value {
    let parts = signing.parts.iter().map(|(name, text)| {
        let text = (*name != "Token").then_some(text.as_str());
        object(vec![("name", (*name).into()), ("value", text.into())])
    });
    object(vec![
        ("name", signing.name.into()),
        ("parts", parts.collect()),
        ("right", signing.right.as_str().into()),
        ("given", signing.given.as_str().into()),
    ])
}

fn answer_json(wechat: &WeChat, answer: &Answer) -> Value {
    let opened = match wechat.read(&answer.body) {
        Ok(Heard::Reply(reply)) if reply.encrypted => Some(reply.xml),
        _ => None,
    };
    object(vec![
        ("status", answer.status.into()),
        ("headers", pairs(answer.headers.clone())),
        ("body", shown(&answer.body).into()),
        ("opened", opened.into()),
    ])
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
    object(vec![("good", is_good.into()), ("seen", seen), ("fix", fix)])
}

/// In every language, since the page's can be changed.
fn words_json(words: &dyn Say) -> Value {
    object(vec![
        ("en", words.to_string().into()),
        ("zh", words.chinese().into()),
    ])
}

/// One function for all objects: what the macro of the library writes for each field is long.
pub(super) fn object(fields: Vec<(&str, Value)>) -> Value {
    let fields = fields.into_iter();
    Value::Object(
        fields
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
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
