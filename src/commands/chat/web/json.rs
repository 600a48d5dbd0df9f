//! JSON for the page.

use serde_json::Value;

use super::request::Request;
use crate::{
    commands::doctor::finding::{Finding, Fix},
    language::Localize,
    simulator::{
        BotReply, Push, SignedRequest,
        answer::HttpAnswer,
        signing::{Signing, query_fields},
        target::Target,
    },
    wechat::AccountKeys,
};

/// Characters shown at most of a body: a reply has some 2 KiB, a web page may have any length.
const MAX_SHOWN_CHARS: usize = 16 * 1024;

pub(super) fn request_json(target: &Target, request: &Request<'_>, call: &SignedRequest) -> Value {
    let Target { url, keys } = target;
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

pub(super) fn answer_json(keys: &AccountKeys, answer: &HttpAnswer) -> Value {
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

pub(super) fn finding_json(finding: &Finding) -> Value {
    let (is_good, seen, fix) = match finding {
        Ok(fine) => (true, words_json(fine), Value::Null),
        Err(fault) => (false, words_json(fault), words_json(&Fix(fault))),
    };
    object([("good", is_good.into()), ("seen", seen), ("fix", fix)])
}

/// Returns a text in both languages, since the page can change between them.
pub(super) fn words_json(words: &dyn Localize) -> Value {
    object([
        ("en", words.to_string().into()),
        ("zh", words.chinese().into()),
    ])
}

/// The `json!` macro would take much more of the binary for the same.
pub(super) fn object(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    fields.into_iter().collect()
}

fn pairs(pairs: &[(String, String)]) -> Value {
    let pairs = pairs.iter().map(|(name, value)| [name.as_str(), value]);
    pairs.collect()
}
