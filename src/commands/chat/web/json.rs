//! JSON for the page.

use serde_json::Value;

use super::request::Request;
use crate::{
    commands::doctor::finding::{Finding, Fix},
    language::Localize,
    simulator::{
        BotReply, Push, SignedRequest, answer::HttpAnswer, field, query_fields, target::Target,
    },
    wechat::{
        AccountKeys,
        signature::{Token, sign},
        xml::read_strictly,
    },
};

/// Characters shown at most of a body: a reply has some 2 KiB, a web page may have any length.
const MAX_SHOWN_CHARS: usize = 16 * 1024;

pub(super) fn request_json(target: &Target, request: &Request<'_>, call: &SignedRequest) -> Value {
    let Target { url, keys } = target;
    let method = if call.body.is_some() { "POST" } else { "GET" };
    let line = format!("{method} {} HTTP/1.1", url.target(&call.query));
    let opened = request.push.as_ref().filter(|_| keys.crypt.is_some());
    object([
        ("line", line.into()),
        ("query", pairs(&query_fields(&call.query))),
        ("signings", signings_json(&keys.token, call)),
        ("body", call.body.clone().into()),
        ("opened", opened.map(Push::to_xml).into()),
    ])
}

/// Returns the steps by which a request is signed.
fn signings_json(token: &Token, call: &SignedRequest) -> Value {
    let query = query_fields(&call.query);
    let value = |name| (name, field(&query, name).unwrap_or_default());
    let body = call.body.as_deref().map(read_strictly);
    let body = body.and_then(Result::ok).unwrap_or_default();
    let token = ("Token", token.as_str());
    let (timestamp, nonce) = (value("timestamp"), value("nonce"));
    let mut signings = vec![signing_json(value("signature"), [token, timestamp, nonce])];
    if let Some(encrypt) = field(&body, "Encrypt") {
        let parts = [token, timestamp, nonce, ("Encrypt", encrypt)];
        signings.push(signing_json(value("msg_signature"), parts));
    }
    signings.into()
}

/// Returns the name of a signature, its parts in the order in which they are joined, what they give
/// with the account's Token, and what was sent.
fn signing_json<const N: usize>(
    (name, given): (&str, &str),
    mut parts: [(&str, &str); N],
) -> Value {
    parts.sort_unstable_by_key(|(_, text)| *text);
    let right = sign(&parts.map(|(_, text)| text));
    let parts = parts.map(|(name, text)| {
        // The Token is shown only when the user asks for it.
        let text = (name != "Token").then_some(text);
        object([("name", name.into()), ("value", text.into())])
    });
    object([
        ("name", name.into()),
        ("parts", parts.to_vec().into()),
        ("right", right.into()),
        ("given", given.into()),
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
        Ok(fine) => (true, localized_json(fine), Value::Null),
        Err(fault) => (false, localized_json(fault), localized_json(&Fix(fault))),
    };
    object([("good", is_good.into()), ("seen", seen), ("fix", fix)])
}

/// Returns a text in both languages, since the page can change between them.
pub(super) fn localized_json(text: &dyn Localize) -> Value {
    object([
        ("en", text.to_string().into()),
        ("zh", text.chinese().into()),
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

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use serde_json::json;

    use super::*;
    use crate::{
        simulator::{Stamp, UserAction},
        wechat::crypt::MsgCrypt,
    };

    fn stamp() -> Stamp {
        Stamp::new(UNIX_EPOCH + Duration::from_secs(1_700_000_000), 42)
    }

    fn plain(token: &str) -> AccountKeys {
        AccountKeys {
            token: token.parse().unwrap(),
            crypt: None,
        }
    }

    #[test]
    fn three_strings_are_sorted_and_hashed() {
        let keys = plain("testtoken");
        let call = keys.verification(&stamp(), "1");
        let signature = "9c0a6be3b285fa6a347ea3c22ba94bf205b123dd";
        let parts = json!([
            { "name": "timestamp", "value": "1700000000" },
            { "name": "nonce", "value": "42" },
            { "name": "Token", "value": null },
        ]);
        assert_eq!(
            signings_json(&keys.token, &call),
            json!([{ "name": "signature", "parts": parts, "right": signature, "given": signature }])
        );
    }

    #[test]
    fn a_forged_signature_is_not_the_right_one() {
        let (own, other) = (plain("testtoken"), plain("othertoken"));
        let call = other.verification(&stamp(), "1");
        let signings = signings_json(&own.token, &call);
        assert_ne!(signings[0]["given"], signings[0]["right"]);
        let right = &signings_json(&other.token, &call)[0]["right"];
        assert_eq!(&signings[0]["given"], right);
    }

    #[test]
    fn an_encrypted_message_is_signed_too() {
        let key = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
        let app_id = "wx1234567890abcdef".parse().unwrap();
        let keys = AccountKeys {
            crypt: Some(MsgCrypt::new(key.parse().unwrap(), app_id)),
            ..plain("testtoken")
        };
        let push = Push {
            user: "o".to_owned(),
            create_time: 1,
            msg_id: 1,
            action: UserAction::Image,
        };
        let call = keys.push(&stamp(), &push, [0; 16]);
        let signings = signings_json(&keys.token, &call);
        let signings = signings.as_array().unwrap();
        let names: Vec<&Value> = signings.iter().map(|signing| &signing["name"]).collect();
        assert_eq!(names, ["signature", "msg_signature"]);
        assert_eq!(signings[1]["parts"].as_array().unwrap().len(), 4);
        for signing in signings {
            assert_eq!(signing["given"], signing["right"]);
        }
    }
}
