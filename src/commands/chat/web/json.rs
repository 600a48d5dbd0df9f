//! JSON for the page.

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

/// Characters shown at most of a body: a reply has some 2 KiB, a web page may have any length.
const MAX_SHOWN_CHARS: usize = 16 * 1024;

/// Returns the bot and the page's settings. `limit`: the number of exchanges that are kept.
pub(super) fn about_json(bot: &Bot, language: Option<Language>, limit: usize) -> Value {
    let language = language.map(|language| match language {
        Language::English => "en",
        Language::Chinese => "zh",
    });
    let mode = bot.wechat.crypt.as_ref().map_or("plaintext", |_| "secure");
    let mut json = Map::new();
    set(&mut json, "language", language.into());
    set(&mut json, "own", bot.is_own().into());
    set(&mut json, "url", bot.url().to_string().into());
    set(&mut json, "mode", mode.into());
    set(&mut json, "limit", limit.into());
    json.into()
}

/// Returns everything about an exchange.
pub(super) fn exchange_json(
    bot: &Bot,
    request: &Request,
    attempt: &Attempt,
    judgement: &Judgement,
) -> Value {
    let words_error = attempt.words_error.as_ref().map(|error| words_json(error));
    let answer = attempt.answer.as_ref().ok();
    let answer = answer.map(|answer| answer_json(&bot.wechat, answer));
    let milliseconds = u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX);
    let mut json = Map::new();
    set(&mut json, "id", attempt.id.into());
    set(&mut json, "at", unix_seconds(attempt.at).into());
    set(&mut json, "words_error", words_error.into());
    set(&mut json, "log", attempt.log.clone().into());
    set(&mut json, "kind", request.kind.name().into());
    set(&mut json, "of", request.of.into());
    set(&mut json, "action", request.action.as_str().into());
    set(&mut json, "said", request.words.as_str().into());
    set(&mut json, "request", request_json(bot, request, attempt));
    set(&mut json, "answer", answer.into());
    set(&mut json, "ms", milliseconds.into());
    set(&mut json, "outcome", judgement.outcome.into());
    set(
        &mut json,
        "reply",
        judgement.heard.as_ref().and_then(read).into(),
    );
    set(&mut json, "finding", finding_json(&judgement.finding));
    json.into()
}

fn request_json(bot: &Bot, request: &Request, attempt: &Attempt) -> Value {
    let call = &attempt.call;
    let method = if call.body.is_some() { "POST" } else { "GET" };
    let opened = request.push.as_ref().filter(|_| bot.wechat.crypt.is_some());
    let signings = bot.wechat.signings(&attempt.stamp, call);
    let line = format!("{method} {} HTTP/1.1", bot.url().target(&call.query));
    let mut json = Map::new();
    set(&mut json, "line", line.into());
    set(&mut json, "query", pairs(query_fields(&call.query)));
    set(
        &mut json,
        "signings",
        signings.iter().map(signing_json).collect(),
    );
    set(&mut json, "body", call.body.clone().into());
    set(&mut json, "opened", opened.map(Push::to_xml).into());
    json.into()
}

/// Leaves the Token out, which is shown only when the user asks for it.
fn signing_json(signing: &Signing) -> Value {
    let parts = signing.parts.iter().map(|(name, text)| {
        let text = (*name != "Token").then_some(text.as_str());
        let mut json = Map::new();
        set(&mut json, "name", (*name).into());
        set(&mut json, "value", text.into());
        Value::from(json)
    });
    let mut json = Map::new();
    set(&mut json, "name", signing.name.into());
    set(&mut json, "parts", parts.collect());
    set(&mut json, "right", signing.right.as_str().into());
    set(&mut json, "given", signing.given.as_str().into());
    json.into()
}

fn answer_json(wechat: &WeChat, answer: &Answer) -> Value {
    let opened = match wechat.read(&answer.body) {
        Ok(Heard::Reply(reply)) if reply.encrypted => Some(reply.xml),
        _ => None,
    };
    let mut json = Map::new();
    set(&mut json, "status", answer.status.into());
    set(&mut json, "headers", pairs(answer.headers.clone()));
    set(&mut json, "body", shown(&answer.body).into());
    set(&mut json, "opened", opened.into());
    json.into()
}

/// Returns a body as text, cut after [`MAX_SHOWN_CHARS`].
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
    let mut json = Map::new();
    set(&mut json, "good", is_good.into());
    set(&mut json, "seen", seen);
    set(&mut json, "fix", fix);
    json.into()
}

/// Returns a text in both languages, since the page can change between them.
fn words_json(words: &dyn Say) -> Value {
    let mut json = Map::new();
    set(&mut json, "en", words.to_string().into());
    set(&mut json, "zh", words.chinese().into());
    json.into()
}

/// Adds a field. The `json!` macro would take much more of the binary for the same.
#[inline(never)]
fn set(json: &mut Map<String, Value>, name: &str, value: Value) {
    json.insert(name.to_owned(), value);
}

fn pairs(pairs: Vec<(String, String)>) -> Value {
    let pairs = pairs.into_iter();
    pairs
        .map(|(name, value)| Value::from(vec![name, value]))
        .collect()
}

/// Returns the text of a reply, as the user sees it.
fn read(heard: &Heard) -> Option<String> {
    match heard {
        Heard::Reply(reply) => Some(reply.text()),
        Heard::Acknowledged => None,
    }
}
