//! JSON for the page.

use serde_json::Value;

use super::attempt::{Attempt, Judgement, Request};
use crate::{
    commands::{
        chat::bot::Bot,
        doctor::finding::{Finding, Fix},
    },
    language::{Language, Localize},
    simulator::{
        BotReply, Push,
        answer::HttpAnswer,
        signing::{Signing, query_fields},
        target::Target,
    },
    wechat::{AccountKeys, unix_seconds},
};

/// Characters shown at most of a body: a reply has some 2 KiB, a web page may have any length.
const MAX_SHOWN_CHARS: usize = 16 * 1024;

/// Returns the bot and the page's settings. `limit`: the number of exchanges that are kept.
pub(super) fn about_json(bot: &Bot, language: Option<Language>, limit: usize) -> Value {
    let language = language.map(|language| match language {
        Language::English => "en",
        Language::Chinese => "zh",
    });
    let Target { url, keys } = &bot.target;
    let mode = keys.crypt.as_ref().map_or("plaintext", |_| "secure");
    object([
        ("language", language.into()),
        ("own", bot.is_own().into()),
        ("url", url.to_string().into()),
        ("mode", mode.into()),
        ("limit", limit.into()),
    ])
}

/// Returns everything about an exchange.
pub(super) fn exchange_json(
    target: &Target,
    request: &Request<'_>,
    attempt: &Attempt,
    judgement: &Judgement,
) -> Value {
    let words_error = attempt.words_error.as_ref().map(|error| words_json(error));
    let answer = attempt.answer.as_ref().ok();
    let answer = answer.map(|answer| answer_json(&target.keys, answer));
    let milliseconds = u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX);
    let reply = match &judgement.heard {
        Some(BotReply::Passive(reply)) => Some(reply.text()),
        _ => None,
    };
    object([
        ("id", attempt.id.into()),
        ("at", unix_seconds(attempt.at).into()),
        ("words_error", words_error.into()),
        ("log", attempt.log.clone().into()),
        ("action", request.action.into()),
        ("said", request.words.into()),
        ("of", request.of.into()),
        ("request", request_json(target, request, attempt)),
        ("answer", answer.into()),
        ("ms", milliseconds.into()),
        ("outcome", judgement.outcome.into()),
        ("reply", reply.into()),
        ("finding", finding_json(&judgement.finding)),
    ])
}

fn request_json(target: &Target, request: &Request<'_>, attempt: &Attempt) -> Value {
    let (Target { url, keys }, Attempt { call, .. }) = (target, attempt);
    let method = if call.body.is_some() { "POST" } else { "GET" };
    let line = format!("{method} {} HTTP/1.1", url.target(&call.query));
    let signings = keys.signings(call);
    let opened = request.push.as_ref().filter(|_| keys.crypt.is_some());
    object([
        ("line", line.into()),
        ("query", pairs(&query_fields(&call.query))),
        ("signings", signings.iter().map(signing_json).collect()),
        ("body", call.body.clone().into()),
        ("opened", opened.map(Push::to_xml).into()),
    ])
}

/// Leaves the Token out, which is shown only when the user asks for it.
fn signing_json(signing: &Signing) -> Value {
    let parts = signing.parts.iter().map(|(name, text)| {
        let text = (*name != "Token").then_some(text.as_str());
        object([("name", (*name).into()), ("value", text.into())])
    });
    object([
        ("name", signing.name.into()),
        ("parts", parts.collect()),
        ("right", signing.right.as_str().into()),
        ("given", signing.given.as_str().into()),
    ])
}

fn answer_json(keys: &AccountKeys, answer: &HttpAnswer) -> Value {
    let opened = match keys.read_reply(&answer.body) {
        Ok(BotReply::Passive(reply)) if reply.encrypted => Some(reply.xml),
        _ => None,
    };
    object([
        ("status", answer.status.into()),
        ("headers", pairs(&answer.headers)),
        ("body", shown(&answer.body).into()),
        ("opened", opened.into()),
    ])
}

/// Returns a body as text, cut after [`MAX_SHOWN_CHARS`].
fn shown(body: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(body).into_owned();
    if let Some((end, _)) = text.char_indices().nth(MAX_SHOWN_CHARS) {
        text.truncate(end);
        text.push('…');
    }
    text
}

fn finding_json(finding: &Finding) -> Value {
    let (is_good, seen, fix) = match finding {
        Ok(fine) => (true, words_json(fine), Value::Null),
        Err(fault) => (false, words_json(fault), words_json(&Fix(fault))),
    };
    object([("good", is_good.into()), ("seen", seen), ("fix", fix)])
}

/// Returns a text in both languages, since the page can change between them.
fn words_json(words: &dyn Localize) -> Value {
    object([
        ("en", words.to_string().into()),
        ("zh", words.chinese().into()),
    ])
}

/// The `json!` macro would take much more of the binary for the same.
pub(super) fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    fields.into_iter().collect()
}

fn pairs(pairs: &[(String, String)]) -> Value {
    let pairs = pairs.iter().map(|(name, value)| [name.as_str(), value]);
    pairs.collect()
}
