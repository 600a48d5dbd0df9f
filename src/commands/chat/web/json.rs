//! What the page is told, as JSON.

use serde_json::{Value, json};

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
    json!({
        "language": language.map(|language| match language {
            Language::English => "en",
            Language::Chinese => "zh",
        }),
        "own": bot.is_own(),
        "url": bot.url().to_string(),
        "mode": bot.wechat.crypt.as_ref().map_or("plaintext", |_| "secure"),
    })
}

/// Everything about an exchange.
pub(super) fn exchange_json(
    bot: &Bot,
    request: &Request,
    attempt: &Attempt,
    judgement: &Judgement,
) -> Value {
    json!({
        "id": attempt.id,
        "at": unix_seconds(attempt.at),
        "notice": attempt.notice.as_ref().map(|error| words_json(error)),
        "log": attempt.log,
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
