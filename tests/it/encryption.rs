//! The encryption modes: what gets in, what does not, and that nobody can tell why.

use std::collections::HashSet;

use crate::{
    protocol::{fixtures, text},
    support::{
        Bot, Connection, NONCE, Reply, TOKEN, element,
        envelope::{
            APP_ID, Envelope, KEY, compatible_body, encrypted_target, frame, secure_body,
            secure_text,
        },
        message, now, signature, signed, signed_at, signed_with, text_message,
    },
};

/// The Content of an encrypted reply.
fn said(reply: &Reply) -> String {
    let inner = Envelope::new().open(reply);
    element(&inner, "Content").unwrap()
}

#[test]
fn both_encrypted_modes_are_answered_encrypted_and_success_is_plain() {
    let (bot, envelope) = (Bot::encrypted(), Envelope::new());
    for content in ["你好", "a]]>b", "<Encrypt>", &"长".repeat(600)] {
        let message = text_message(content);
        let encrypt = envelope.encrypt(&message);
        let backwards: String = content.chars().rev().collect();
        for body in [
            secure_body(&message, &encrypt),
            compatible_body(&message, &encrypt),
        ] {
            let reply = bot.post(&encrypted_target(&encrypt), body);
            assert_eq!(said(&reply), backwards);
        }
    }
    let event = message("event", "<Event>unsubscribe</Event>");
    let encrypt = envelope.encrypt(&event);
    let reply = bot.post(&encrypted_target(&encrypt), secure_body(&event, &encrypt));
    assert_eq!((reply.status, reply.text()), (200, "success"));
    assert_eq!(reply.header("Content-Type"), Some("text/plain"));
    let reply = bot.get(&format!("{}&echostr=ok", signed("/")));
    assert_eq!((reply.status, reply.text()), (200, "ok"));
}

#[test]
fn every_reply_has_random_bytes_and_a_nonce_of_its_own() {
    let bot = Bot::encrypted();
    let mut seen = HashSet::new();
    for id in 0..20 {
        let (target, body) = secure_text("同一句话", &id.to_string());
        let reply = bot.post(&target, body);
        assert_eq!(said(&reply), "话句一同");
        let field = |name| element(reply.text(), name).unwrap();
        // AES's first block holds the random bytes, and 16 bytes are 21 characters and a part.
        assert!(seen.insert(field("Encrypt")[..21].to_owned()));
        assert!(seen.insert(field("Nonce")));
    }
}

#[test]
fn a_key_with_stray_trailing_bits_is_taken() {
    for last in ["G", "H"] {
        let key = format!("{}{last}", &KEY[..42]);
        let variables = [
            ("WECHAT_ENCODING_AES_KEY", key.as_str()),
            ("WECHAT_APPID", APP_ID),
        ];
        let bot = Bot::with(&["--joke-source", "none"], &variables);
        let (target, body) = secure_text("你好", "1");
        assert_eq!(said(&bot.post(&target, body)), "好你");
    }
}

/// A bot of the account that a vector of `crypto.json` is for, at any age.
fn bot_of(vector: &serde_json::Value) -> Bot {
    Bot::with(
        &["--joke-source", "none", "--max-age", "0"],
        &[
            ("WECHAT_TOKEN", text(vector, "token")),
            ("WECHAT_ENCODING_AES_KEY", text(vector, "encoding_aes_key")),
            ("WECHAT_APPID", text(vector, "appid")),
        ],
    )
}

/// The target under which a vector was, or would have been, posted.
fn target_of(vector: &serde_json::Value) -> String {
    let field = |name| vector[name].as_str();
    let (token, encrypt) = (text(vector, "token"), text(vector, "ciphertext"));
    let timestamp = field("timestamp").unwrap_or("1409304348");
    let nonce = field("nonce").unwrap_or("xxxxxx");
    let signature_of_all = signature(&[token, timestamp, nonce, encrypt]);
    let msg_signature = field("msg_signature").unwrap_or(&signature_of_all);
    assert_eq!(msg_signature, signature_of_all);
    let signature = signature(&[token, timestamp, nonce]);
    format!(
        "/?signature={signature}&timestamp={timestamp}&nonce={nonce}&encrypt_type=aes&msg_signature={msg_signature}"
    )
}

#[test]
fn every_encrypted_vector_of_the_public_sdks_is_read() {
    let vectors = fixtures(include_str!("../fixtures/crypto.json"), "vectors");
    let mut answers = Vec::new();
    for vector in &vectors {
        let encrypt = text(vector, "ciphertext");
        let envelope = Envelope::of(text(vector, "encoding_aes_key"), text(vector, "appid"));
        assert_eq!(envelope.decrypt(encrypt), text(vector, "plaintext"));
        let body = vector["outer_xml"]
            .as_str()
            .map_or_else(|| secure_body("", encrypt), str::to_owned);
        let reply = bot_of(vector).post(&target_of(vector), body);
        let content = element(reply.text(), "Encrypt")
            .map(|encrypt| element(&envelope.decrypt(&encrypt), "Content").unwrap());
        answers.push((text(vector, "id"), reply.status, content));
    }
    let says = |text: &str| Some(text.to_owned());
    assert_eq!(
        answers,
        [
            ("wechatpy-work-encrypt-fixed-random", 200, says("tset")),
            ("wechatpy-work-decrypt", 200, says("tset")),
            ("easywechat-official-decrypt", 200, says("olleh")),
            // A bare text: decrypted, and then no message.
            ("wxjava-encrypt-1", 400, None),
        ]
    );
}

#[test]
fn every_negative_vector_is_refused_in_the_same_words() {
    let vectors = fixtures(include_str!("../fixtures/crypto.json"), "negative");
    assert_eq!(vectors.len(), 6);
    let bot = bot_of(&vectors[0]);
    let mut refusals = Vec::new();
    for vector in &vectors {
        let body = secure_body("", text(vector, "ciphertext"));
        let reply = bot.post(&target_of(vector), body);
        match text(vector, "should") {
            "accept" => assert_eq!(reply.status, 200),
            _ => refusals.push(without_date(&reply)),
        }
    }
    assert_eq!(refusals.len(), 5);
    assert!(
        refusals.iter().all(|refusal| *refusal == refusals[0]),
        "{refusals:#?}"
    );
    assert!(refusals[0].starts_with("HTTP/1.1 403 "));
}

/// All that the peer sees of an answer, but for the time of day.
fn without_date(reply: &Reply) -> String {
    let head = reply
        .head
        .lines()
        .filter(|line| !line.starts_with("Date: "));
    format!(
        "{}\n\n{}",
        head.collect::<Vec<_>>().join("\n"),
        reply.text()
    )
}

/// A message that would get in.
struct Right {
    plain: String,
    encrypt: String,
    target: String,
    body: String,
}

impl Right {
    fn new() -> Self {
        let plain = message("text", "<Content>abc</Content>");
        let encrypt = Envelope::new().encrypt(&plain);
        Self {
            target: encrypted_target(&encrypt),
            body: secure_body(&plain, &encrypt),
            plain,
            encrypt,
        }
    }

    /// Its frame with a change, encrypted.
    fn framed(&self, change: impl Fn(&mut Vec<u8>)) -> String {
        let mut bytes = frame(self.plain.as_bytes(), APP_ID);
        change(&mut bytes);
        Envelope::new().encrypt_frame(&bytes)
    }

    /// It as a message for another account.
    fn for_account(&self, app_id: &str) -> String {
        Envelope::of(KEY, app_id).encrypt(&self.plain)
    }
}

/// Requests of which none may get in, with the reason that the log gives.
fn forgeries() -> Vec<(String, Vec<u8>, &'static str)> {
    let right = Right::new();
    let mut forgeries = vec![
        (
            signed("/wechat"),
            right.plain.clone().into(),
            "no encrypt_type=aes",
        ),
        (
            right.target.clone(),
            [right.body.as_bytes(), b"\xff"].concat(),
            "not UTF-8",
        ),
    ];
    for (target, reason) in wrong_queries(&right) {
        forgeries.push((target, right.body.clone().into(), reason));
    }
    for (body, reason) in wrong_envelopes(&right) {
        forgeries.push((right.target.clone(), body.into(), reason));
    }
    for (encrypt, reason) in wrongly_encrypted(&right)
        .into_iter()
        .chain(wrong_frames(&right))
    {
        let body = secure_body(&right.plain, &encrypt);
        forgeries.push((encrypted_target(&encrypt), body.into(), reason));
    }
    forgeries
}

fn wrong_queries(right: &Right) -> Vec<(String, &'static str)> {
    let target = &right.target;
    let (before, msg_signature) = target.rsplit_once('=').unwrap();
    let with = |msg_signature: &str| format!("{before}={msg_signature}");
    let (wrong, no_aes) = ("the msg_signature is wrong", "no encrypt_type=aes");
    vec![
        (signed("/wechat"), no_aes),
        (target.replace("=aes", "=raw"), no_aes),
        (target.replace("=aes", "=AES"), no_aes),
        (target.replace("=aes", "="), no_aes),
        (target.replace("&msg_", "&x_"), "no msg_signature"),
        (with(""), wrong),
        (with(&"0".repeat(40)), wrong),
        (with(&msg_signature.to_uppercase()), wrong),
        (with(&msg_signature[..39]), wrong),
        (with(&signature(&[TOKEN, NONCE, &right.encrypt])), wrong),
        (format!("{target}&msg_signature=0"), "msg_signature twice"),
        (target.replace(NONCE, "nonce43"), "the signature is wrong"),
        (
            signed_with("othertoken", "/wechat"),
            "the signature is wrong",
        ),
        (signed_at("/wechat", now() - 400), "s in the past"),
        ("/wechat".to_owned(), "the query has no signature"),
    ]
}

fn wrong_envelopes(right: &Right) -> Vec<(String, &'static str)> {
    let body = &right.body;
    vec![
        (right.plain.clone(), "no Encrypt"),
        (body.replace("Encrypt>", "encrypt>"), "no Encrypt"),
        (
            compatible_body(&right.plain, &right.encrypt).replace("Encrypt>", "E>"),
            "no Encrypt",
        ),
        (body.replace("</xml>", "<Encrypt/></xml>"), "Encrypt twice"),
        (
            body.replace("<Encrypt>", "<Encrypt>A"),
            "the msg_signature is wrong",
        ),
        (body.replace("</xml>", ""), "not XML"),
        (String::new(), "not XML"),
        (format!("<!DOCTYPE xml>{body}"), "document type declaration"),
        (body.replace("xml>", "XML>"), "not <xml>"),
        (
            body.replace("</xml>", &format!("{}</xml>", "<A/>".repeat(63))),
            "more elements",
        ),
    ]
}

fn wrongly_encrypted(right: &Right) -> Vec<(String, &'static str)> {
    let encrypt = &right.encrypt;
    let other_key = Envelope::of(&KEY.replace('a', "b"), APP_ID);
    let (base64, blocks) = ("is not base64", "not a whole number of blocks");
    vec![
        (String::new(), "no Encrypt"),
        ("YWJj".to_owned(), blocks),
        ("A".to_owned(), base64),
        ("笑话".to_owned(), base64),
        (encrypt.replace('A', "-"), base64),
        (format!("{encrypt}===="), base64),
        (encrypt.replacen('A', "A\n", 1), base64),
        (other_key.encrypt(&right.plain), "the padding is wrong"),
        (right.for_account("wx0123456789abcdef"), "another AppID"),
        (right.for_account(""), "another AppID"),
        (right.for_account(&APP_ID[..17]), "another AppID"),
        (right.for_account(&format!("{APP_ID}0")), "another AppID"),
        (right.for_account(&APP_ID.to_uppercase()), "another AppID"),
    ]
}

fn wrong_frames(right: &Right) -> Vec<(String, &'static str)> {
    let last = frame(right.plain.as_bytes(), APP_ID).len() - 1;
    let (padding, length) = ("the padding is wrong", "longer than what was sent");
    vec![
        (right.framed(|bytes| bytes[last] = 0), padding),
        (right.framed(|bytes| bytes[last] = 33), padding),
        (right.framed(|bytes| bytes[last] = 255), padding),
        (right.framed(|bytes| bytes[last - 1] ^= 1), padding),
        (right.framed(|bytes| bytes.truncate(last - 31)), padding),
        (
            right.framed(|bytes| bytes.truncate(last - 15)),
            "blocks of 32",
        ),
        (right.framed(|bytes| *bytes = vec![32; 32]), length),
        (right.framed(|bytes| bytes[16] = 0xff), length),
        (right.framed(|bytes| bytes[18] = 0x7f), length),
        (right.framed(|bytes| bytes[19] += 1), "another AppID"),
        (right.framed(|bytes| bytes[19] -= 1), "another AppID"),
        (right.framed(|bytes| bytes[20] = 0xff), "not UTF-8"),
    ]
}

#[test]
fn nothing_forged_gets_in_and_nobody_can_tell_why_but_the_owner() {
    let bot = Bot::encrypted();
    let forgeries = forgeries();
    let refusals = forgeries.iter().map(|(target, body, reason)| {
        let body_text = String::from_utf8_lossy(body);
        let about = format!("{reason}: {target} {body_text}");
        (without_date(&bot.post(target, body)), about)
    });
    let refusals: Vec<(String, String)> = refusals.collect();
    for (refusal, about) in &refusals {
        assert_eq!(refusal, &refusals[0].0, "{about}");
    }
    let seen = refusals[0].0.lines();
    assert_eq!(
        seen.filter(|line| !line.starts_with("Server: "))
            .collect::<Vec<_>>(),
        [
            "HTTP/1.1 403 Forbidden",
            "Connection: close",
            "Content-Type: text/plain",
            "Content-Length: 10",
            "",
            "forbidden"
        ]
    );
    let (target, body) = secure_text("还在", "1");
    assert_eq!(said(&bot.post(&target, body)), "在还");
    let (_, log) = bot.stop();
    let refused = |line: &&str| line.contains(" - refused: ");
    for (line, (.., reason)) in log.lines().filter(refused).zip(forgeries) {
        assert!(line.contains(reason), "{reason} is not in {line}");
    }
}

#[test]
fn what_stands_beside_the_encrypted_message_is_neither_read_nor_compared() {
    let bot = Bot::encrypted();
    let plain = message(
        "text",
        "<Content>4711</Content><MsgId>6543210987654321</MsgId>",
    );
    let encrypt = Envelope::new().encrypt(&plain);
    let (target, body) = (encrypted_target(&encrypt), secure_body(&plain, &encrypt));
    let beside = |elements: &str| body.replace("</xml>", &format!("{elements}</xml>"));
    let bodies = [
        body.clone(),
        body.replace("gh_bot", "gh_other"),
        compatible_body(&plain.replace("4711", "4712"), &encrypt),
        compatible_body(&plain.replace("[oUser]", "[oOther]"), &encrypt),
        beside("<Nonsense/>"),
        beside("<FromUserName>oOther</FromUserName><MsgType>event</MsgType><MsgType>x</MsgType>"),
        beside("!"),
    ];
    for body in bodies {
        let inner = Envelope::new().open(&bot.post(&target, &body));
        assert_eq!(
            element(&inner, "Content").as_deref(),
            Some("1174"),
            "{body}"
        );
        assert_eq!(
            element(&inner, "ToUserName").as_deref(),
            Some("oUser"),
            "{body}"
        );
        assert_eq!(
            element(&inner, "FromUserName").as_deref(),
            Some("gh_bot"),
            "{body}"
        );
    }
}

#[test]
fn an_encrypted_body_that_ends_early_is_403_wherever_it_ends() {
    let bot = Bot::encrypted();
    let mut connection = Connection::open(&bot);
    let (target, body) = secure_text("你好", "1");
    let body = body.trim_end();
    for length in 0..body.len() {
        let reply = connection.post(&target, &body[..length]);
        assert_eq!(
            (reply.status, reply.text()),
            (403, "forbidden\n"),
            "{length}"
        );
    }
    assert_eq!(connection.post(&target, body).status, 200);
}

#[test]
fn what_is_encrypted_rightly_and_no_message_is_400() {
    let (bot, envelope) = (Bot::encrypted(), Envelope::new());
    for message in ["", "hello", "<xml/>", "<xml>", "<!DOCTYPE xml><xml/>"] {
        let encrypt = envelope.encrypt(message);
        let reply = bot.post(&encrypted_target(&encrypt), secure_body("", &encrypt));
        assert_eq!(
            (reply.status, reply.text()),
            (400, "bad request\n"),
            "{message}"
        );
    }
}

#[test]
fn without_a_key_the_compatible_mode_works_and_the_secure_mode_names_the_variables() {
    let (bot, envelope) = (Bot::start(), Envelope::new());
    let message = text_message("你好");
    let encrypt = envelope.encrypt(&message);
    let target = encrypted_target(&encrypt);
    let reply = bot.post(&target, compatible_body(&message, &encrypt));
    assert_eq!((reply.status, reply.content().as_str()), (200, "好你"));
    let reply = bot.post(&target, secure_body(&message, &encrypt));
    assert_eq!((reply.status, reply.text()), (400, "bad request\n"));
    bot.wait_for_log("the body is encrypted: set WECHAT_ENCODING_AES_KEY and WECHAT_APPID, or choose the plaintext mode");
}

#[test]
fn no_log_of_an_encrypted_bot_tells_a_secret_at_any_level() {
    let bot = Bot::encrypted_with(&["--joke-source", "none", "--log", "trace"]);
    let (target, body) = secure_text("天机不可泄露", "77123");
    let encrypt = element(&body, "Encrypt").unwrap();
    assert_eq!(said(&bot.post(&target, &body)), "露泄可不机天");
    bot.get(&format!("{}&echostr=secretecho", signed("/")));
    for (target, body, _) in forgeries() {
        bot.post(&target, body);
    }
    let (status, log) = bot.stop();
    assert_eq!(status.code(), Some(0));
    assert!(log.contains("POST /wechat text text 200"), "{log}");
    let secrets = [
        TOKEN,
        KEY,
        APP_ID,
        NONCE,
        "oUser",
        "gh_bot",
        "gh_other",
        "天机",
        "泄露",
        "abc",
        "77123",
        "secretecho",
        "signature=",
        &encrypt[..20],
    ];
    for secret in secrets {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}
