use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::wechat::{
    crypt::{CryptError, MsgCrypt},
    message::MessageError,
    query::QueryError,
    signature::sign,
    xml::{XmlError, read_strictly},
};

const NOW: u64 = 1_469_079_992;
const KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(NOW)
}

fn later(seconds: u64) -> SystemTime {
    now() + Duration::from_secs(seconds)
}

fn random(byte: u8) -> impl Fn() -> Option<Randomness> {
    move || {
        Some(Randomness {
            bytes: [byte; 16],
            nonce: format!("nonce{byte}"),
        })
    }
}

fn joke() -> String {
    "一个笑话".to_owned()
}

fn responder(crypt: Option<MsgCrypt>) -> Responder {
    let token = "pamtest".parse().unwrap();
    let keys = AccountKeys { token, crypt };
    Responder::new(keys, Duration::from_secs(300), Words::default())
}

fn plain() -> Responder {
    responder(None)
}

fn msg_crypt() -> MsgCrypt {
    MsgCrypt::new(KEY.parse().unwrap(), "wxb11529c136998cb6".parse().unwrap())
}

fn secure() -> Responder {
    responder(Some(msg_crypt()))
}

fn query_at(timestamp: &str) -> String {
    let signature = sign(&["pamtest", timestamp, "n"]);
    format!("signature={signature}&timestamp={timestamp}&nonce=n&openid=oUser")
}

fn query() -> String {
    query_at(&NOW.to_string())
}

fn encrypted_query(encrypt: &str) -> String {
    let msg_signature = sign(&["pamtest", &NOW.to_string(), "n", encrypt]);
    format!("{}&encrypt_type=aes&msg_signature={msg_signature}", query())
}

fn text(content: &str, msg_id: &str) -> String {
    format!(
        "<xml><ToUserName><![CDATA[gh_1]]></ToUserName>\n\
         <FromUserName><![CDATA[oUser]]></FromUserName>\n\
         <CreateTime>1469079990</CreateTime>\n<MsgType><![CDATA[text]]></MsgType>\n\
         <Content><![CDATA[{content}]]></Content>\n<MsgId>{msg_id}</MsgId>\n</xml>"
    )
}

/// The body of the secure mode around a message, and the query that covers it.
fn secure_post(message: &str) -> (String, String) {
    let encrypt = msg_crypt().encrypt(message, [7; 16]);
    let body = format!(
        "<xml>\n    <ToUserName><![CDATA[gh_1]]></ToUserName>\n    \
         <Encrypt><![CDATA[{encrypt}]]></Encrypt>\n</xml>\n"
    );
    (encrypted_query(&encrypt), body)
}

/// The body of the compatible mode around a message, and the query that covers it.
fn compatible_post(message: &str) -> (String, String) {
    let encrypt = msg_crypt().encrypt(message, [7; 16]);
    let end = format!("<Encrypt><![CDATA[{encrypt}]]></Encrypt>\n</xml>");
    (encrypted_query(&encrypt), message.replace("</xml>", &end))
}

fn post(
    responder: &mut Responder,
    query: &str,
    body: impl AsRef<[u8]>,
    now: SystemTime,
) -> Result<Answer, Rejection> {
    let admitted = responder.admit(query, now)?;
    answer_with(responder, &admitted, body.as_ref(), now, random(1))
}

/// Answers at once, with the joke where one is wanted.
fn answer_with(
    responder: &mut Responder,
    query: &CallbackQuery<'_>,
    body: &[u8],
    now: SystemTime,
    random: impl Fn() -> Option<Randomness>,
) -> Result<Answer, Rejection> {
    match responder.answer(query, body, now, &random)? {
        Outcome::Answer(answer) => Ok(answer),
        Outcome::AwaitJoke(pending) => responder.finish(&pending, joke, now, &random),
    }
}

fn reply_to(body: &str) -> Result<Answer, Rejection> {
    post(&mut plain(), &query(), body, now())
}

/// The text in a plain reply, or nothing for another answer.
fn said(body: &str) -> Option<String> {
    let fields = read_strictly(body).ok()?;
    let content = fields.into_iter().find(|(name, _)| name == "Content")?;
    Some(content.1)
}

/// The plain reply in an encrypted one, whose signature is checked.
fn unsealed(body: &str) -> String {
    let fields = read_strictly(body).unwrap();
    let field = |name| {
        let (_, text) = fields.iter().find(|(found, _)| found == name).unwrap();
        text.as_str()
    };
    let (timestamp, nonce, encrypt) = (field("TimeStamp"), field("Nonce"), field("Encrypt"));
    let expected = sign(&["pamtest", timestamp, nonce, encrypt]);
    assert_eq!(field("MsgSignature"), expected);
    msg_crypt().decrypt(encrypt).unwrap()
}

#[test]
fn a_text_is_answered_backwards() {
    let answer = reply_to(&text("你好/::)", "1")).unwrap();
    assert_eq!(
        answer,
        Answer {
            body: format!(
                "<xml><ToUserName><![CDATA[oUser]]></ToUserName>\
                 <FromUserName><![CDATA[gh_1]]></FromUserName><CreateTime>{NOW}</CreateTime>\
                 <MsgType><![CDATA[text]]></MsgType><Content><![CDATA[/::)好你]]></Content></xml>"
            ),
            content_type: "application/xml",
            msg_type: "text",
            kind: AnswerKind::Text,
        }
    );
}

#[test]
fn a_joke_is_told_when_asked_for() {
    let answer = reply_to(&text("笑话", "1")).unwrap();
    assert_eq!(said(&answer.body), Some(joke()));
    assert_eq!(answer.kind.name(), "joke");
}

/// What `answer` makes of a message that asks for a joke.
fn pending(responder: &mut Responder, body: &str) -> Message {
    let query = query();
    let admitted = responder.admit(&query, now()).unwrap();
    match responder.answer(&admitted, body.as_bytes(), now(), random(1)) {
        Ok(Outcome::AwaitJoke(pending)) => pending,
        outcome => panic!("{outcome:?}"),
    }
}

#[test]
fn a_repeat_that_comes_while_the_first_waits_gets_the_same_joke() {
    let mut responder = plain();
    let ask = text("笑话", "1");
    let waiting = [(); 3].map(|()| pending(&mut responder, &ask));
    let other = pending(&mut responder, &text("笑话", "2"));
    let mut dealt = ["first", "second"].into_iter();
    let mut finish = |pending| {
        let joke = || dealt.next().unwrap().to_owned();
        let answer = responder
            .finish(&pending, joke, later(2), random(1))
            .unwrap();
        (said(&answer.body).unwrap(), answer.kind.name())
    };
    let told = waiting.map(&mut finish);
    let expected = [("first", "joke"), ("first", "repeat"), ("first", "repeat")];
    assert_eq!(told, expected.map(|(joke, word)| (joke.to_owned(), word)));
    assert_eq!(finish(other), ("second".to_owned(), "joke"));
}

#[test]
fn what_has_no_answer_is_a_success() {
    for body in [
        text(" ", "1"),
        text("a", "1").replace("[text]", "[hologram]"),
    ] {
        let answer = reply_to(&body).unwrap();
        assert_eq!(
            (answer.body.as_str(), answer.content_type),
            ("success", "text/plain")
        );
        assert_eq!(answer.kind.name(), "success");
    }
}

#[test]
fn a_handshake_returns_the_echostr_byte_for_byte() {
    let query = query() + "&echostr=%ff%3C%00+a%2541";
    let echoed = plain().admit_handshake(&query, now());
    assert_eq!(echoed, Ok(b"\xff<\0+a%41".to_vec()));
    let echoed = plain().admit_handshake(&self::query(), now());
    assert_eq!(echoed, Err(Rejection::NoEchostr));
}

#[test]
fn admits_by_a_whole_and_right_signature_only() {
    let refusal = |query: &str| plain().admit(query, now()).unwrap_err();
    let missing = |name| Rejection::Query(QueryError::Missing(name));
    assert_eq!(refusal(""), missing("signature"));
    assert_eq!(refusal("signature=a&nonce=n"), missing("timestamp"));
    assert_eq!(refusal("signature=a&timestamp=1"), missing("nonce"));
    assert_eq!(
        refusal(&query().replace("nonce=n", "nonce=m")),
        Rejection::Signature
    );
    assert_eq!(refusal(&query().to_uppercase()), missing("signature"));
    assert_eq!(
        refusal(&(query() + "&nonce=n")),
        Rejection::Query(QueryError::Twice("nonce"))
    );
    let upper = query().replacen(
        &sign(&["pamtest", &NOW.to_string(), "n"]),
        &"A".repeat(40),
        1,
    );
    assert_eq!(refusal(&upper), Rejection::Signature);
}

#[test]
fn admits_what_is_no_further_from_now_than_allowed() {
    let admit = |seconds: u64| {
        plain()
            .admit(&query_at(&seconds.to_string()), now())
            .map(|_| ())
    };
    let allowed = 300;
    assert_eq!(admit(NOW - 300), Ok(()));
    assert_eq!(admit(NOW + 300), Ok(()));
    let refusal = |off, side| Rejection::Age { off, side, allowed };
    assert_eq!(admit(NOW - 301), Err(refusal(301, "past")));
    assert_eq!(admit(NOW + 301), Err(refusal(301, "future")));
    assert_eq!(admit(0), Err(refusal(NOW, "past")));
    let refusal = admit(NOW - 301).unwrap_err().to_string();
    assert!(
        refusal.contains("301 s in the past") && refusal.contains("clock"),
        "{refusal}"
    );
}

#[test]
fn refuses_a_timestamp_that_is_no_number_at_any_allowed_age() {
    for max_age in [Duration::from_secs(300), Duration::ZERO] {
        let mut responder = plain();
        responder.max_age = max_age;
        for wrong in [
            "",
            "-1",
            "%2B1469079992",
            "1469079992.0",
            "0x1",
            "12345678901234567890",
            "00000000001469079992",
            "今天",
        ] {
            let decoded = wrong.replace("%2B", "+");
            let signature = sign(&["pamtest", &decoded, "n"]);
            let query = format!("signature={signature}&timestamp={wrong}&nonce=n");
            let refusal = responder.admit(&query, now()).unwrap_err();
            assert_eq!(refusal, Rejection::Timestamp, "{wrong}");
        }
    }
}

#[test]
fn admits_any_age_where_none_is_set() {
    let mut responder = plain();
    responder.max_age = Duration::ZERO;
    for timestamp in ["0", "9223372036854775807", "0001"] {
        assert!(responder.admit(&query_at(timestamp), now()).is_ok());
    }
}

#[test]
fn the_same_message_gets_the_same_answer_byte_for_byte() {
    let mut responder = plain();
    let first = post(&mut responder, &query(), text("abc", "1"), now()).unwrap();
    let again = post(&mut responder, &query(), text("abc", "1"), later(5)).unwrap();
    assert_eq!(
        again,
        Answer {
            kind: AnswerKind::Repeat,
            ..first.clone()
        }
    );
    let over = post(&mut responder, &query(), text("abc", "1"), later(61)).unwrap();
    assert_ne!(over.body, first.body);
    assert_eq!(over.kind, AnswerKind::Text);
}

#[test]
fn two_messages_are_not_mixed_up() {
    let mut responder = plain();
    let mut say = |body: String| {
        let answer = post(&mut responder, &query(), body, now()).unwrap();
        said(&answer.body).unwrap()
    };
    assert_eq!(say(text("ab", "1")), "ba");
    assert_eq!(say(text("cd", "2")), "dc");
    assert_eq!(say(text("ef", "1").replace("[oUser]", "[oOther]")), "fe");
    assert_eq!(say(text("gh", "1")), "hg");
    let no_id = |content| text(content, "").replace("<MsgId></MsgId>", "");
    assert_eq!(say(no_id("ij")), "ji");
    assert_eq!(say(no_id("kl")), "lk");
}

#[test]
fn both_encrypted_modes_are_answered_encrypted() {
    for (query, body) in [
        secure_post(&text("你好", "1")),
        compatible_post(&text("你好", "1")),
    ] {
        let answer = post(&mut secure(), &query, body, now()).unwrap();
        assert_eq!(answer.content_type, "application/xml");
        assert_eq!(said(&unsealed(&answer.body)).as_deref(), Some("好你"));
    }
}

#[test]
fn an_encrypted_success_is_plain() {
    let (query, body) = secure_post(&text(" ", "1"));
    assert_eq!(
        post(&mut secure(), &query, body, now()).unwrap().body,
        "success"
    );
}

#[test]
fn an_encrypted_repeat_is_the_same_text_newly_encrypted() {
    let mut responder = secure();
    let (query, body) = secure_post(&text("abc", "1"));
    let admitted = responder.admit(&query, now()).unwrap();
    let mut answer = |seconds, byte| {
        answer_with(
            &mut responder,
            &admitted,
            body.as_bytes(),
            later(seconds),
            random(byte),
        )
        .unwrap()
        .body
    };
    let (first, again) = (answer(0, 1), answer(5, 2));
    assert_ne!(first, again);
    assert_eq!(unsealed(&first), unsealed(&again));
    assert!(again.contains(&format!("<TimeStamp>{}</TimeStamp>", NOW + 5)));
    assert!(again.contains("<Nonce><![CDATA[nonce2]]></Nonce>"));
}

#[test]
fn the_compatible_mode_needs_no_key() {
    let (query, body) = compatible_post(&text("abc", "1"));
    let answer = post(&mut plain(), &query, body, now()).unwrap();
    assert_eq!(said(&answer.body).as_deref(), Some("cba"));
}

#[test]
fn the_secure_mode_without_a_key_names_the_variables() {
    let (query, body) = secure_post(&text("abc", "1"));
    let refusal = post(&mut plain(), &query, body, now()).unwrap_err();
    assert_eq!(refusal, Rejection::Message(MessageError::Encrypted));
    assert_eq!(refusal.status().0, 400);
    assert!(
        refusal
            .to_string()
            .contains("WECHAT_ENCODING_AES_KEY and WECHAT_APPID")
    );
}

#[test]
fn with_a_key_nothing_plain_or_altered_gets_in() {
    let (query, body) = secure_post(&text("abc", "1"));
    let refusal = |query: &str, body: &str| post(&mut secure(), query, body, now()).unwrap_err();
    let plain_body = text("abc", "1");
    let xml_error = |error| {
        matches!(
            error,
            Rejection::Envelope(EnvelopeError::Xml(XmlError::NotWellFormed { .. }))
        )
    };
    let refusals = [
        (
            refusal(&self::query(), &plain_body),
            EnvelopeError::EncryptType.into(),
        ),
        (
            refusal(&self::query(), &body),
            EnvelopeError::EncryptType.into(),
        ),
        (
            refusal(&query.replace("=aes", "=raw"), &body),
            EnvelopeError::EncryptType.into(),
        ),
        (
            refusal(&query.replace("msg_s", "s"), &body),
            Rejection::Query(QueryError::Twice("signature")),
        ),
        (
            refusal(&query.replace("&msg_s", "&x"), &body),
            Rejection::Query(QueryError::Missing("msg_signature")),
        ),
        (
            refusal(&query, &plain_body),
            EnvelopeError::NoEncrypt.into(),
        ),
        (
            refusal(&query, &body.replace("]]></Encrypt>", "A]]></Encrypt>")),
            EnvelopeError::MsgSignature.into(),
        ),
    ];
    for (refusal, expected) in refusals {
        assert_eq!(refusal, expected);
        assert_eq!(refusal.status(), (403, "forbidden"));
    }
    let malformed = refusal(&query, &body.replace("</xml>", ""));
    assert_eq!(malformed.status(), (403, "forbidden"));
    assert!(xml_error(malformed));
}

#[test]
fn only_an_encrypted_reply_needs_what_is_random() {
    let none = || None;
    let answer = |mut responder: Responder, (query, body): (String, String)| {
        let admitted = responder.admit(&query, now()).unwrap();
        let body = body.as_bytes();
        let refusal = answer_with(&mut responder, &admitted, body, now(), none).err();
        let again = answer_with(&mut responder, &admitted, body, now(), random(1)).unwrap();
        (refusal, again.kind.name())
    };
    let plainly = |content| (query(), text(content, "1"));
    assert_eq!(answer(plain(), plainly("abc")), (None, "repeat"));
    let refusal = Some(Rejection::NoRandomness);
    assert_eq!(
        answer(secure(), secure_post(&text("abc", "1"))),
        (refusal, "text")
    );
    assert_eq!(
        answer(secure(), secure_post(&text(" ", "1"))),
        (None, "success")
    );
}

#[test]
fn every_refused_decryption_looks_the_same() {
    let file: Value =
        serde_json::from_str(include_str!("../../tests/fixtures/crypto.json")).unwrap();
    let refusals: Vec<_> = file["negative"]
        .as_array()
        .unwrap()
        .iter()
        .skip(1)
        .map(|vector| {
            let encrypt = vector["ciphertext"].as_str().unwrap();
            let body = format!("<xml><Encrypt>{encrypt}</Encrypt></xml>");
            let refusal = post(&mut secure(), &encrypted_query(encrypt), body, now()).unwrap_err();
            assert_eq!(refusal.status(), (403, "forbidden"));
            refusal
        })
        .collect();
    assert_eq!(
        refusals,
        [
            EnvelopeError::Crypt(CryptError::AppId).into(),
            EnvelopeError::Crypt(CryptError::Padding).into(),
            EnvelopeError::Crypt(CryptError::Padding).into(),
            EnvelopeError::Crypt(CryptError::Length).into(),
            EnvelopeError::NoEncrypt.into(),
        ]
    );
}

#[test]
fn a_message_of_the_sdks_vectors_is_opened_in_its_envelope() {
    let file: Value =
        serde_json::from_str(include_str!("../../tests/fixtures/crypto.json")).unwrap();
    let with_envelope = |vector: &&Value| vector["outer_xml"].is_string();
    let vectors: Vec<_> = file["vectors"]
        .as_array()
        .unwrap()
        .iter()
        .filter(with_envelope)
        .collect();
    assert_eq!(vectors.len(), 2);
    for vector in vectors {
        let field = |name: &str| vector[name].as_str().unwrap();
        let keys = AccountKeys {
            token: field("token").parse().unwrap(),
            crypt: Some(MsgCrypt::new(
                field("encoding_aes_key").parse().unwrap(),
                field("appid").parse().unwrap(),
            )),
        };
        let (timestamp, nonce) = (field("timestamp"), field("nonce"));
        let query = format!(
            "signature={}&timestamp={timestamp}&nonce={nonce}&encrypt_type=aes&msg_signature={}",
            sign(&[field("token"), timestamp, nonce]),
            field("msg_signature"),
        );
        let mut responder = Responder::new(keys, Duration::ZERO, Words::default());
        let answer = post(&mut responder, &query, field("outer_xml"), now()).unwrap();
        assert_eq!((answer.msg_type, answer.kind.name()), ("text", "text"));
    }
}

/// Whatever is flipped in a body, there is the message in `<Encrypt>`, or none.
#[test]
fn any_bit_flipped_in_an_encrypted_body_is_refused_or_beside_the_message() {
    let message = text("a\u{2}b 笑", "1").replace('\n', "\n  ");
    for (query, body) in [secure_post(&message), compatible_post(&message)] {
        let responder = secure();
        let admitted = responder.admit(&query, now()).unwrap();
        let right = responder
            .keys
            .read_message(&admitted, body.as_bytes())
            .unwrap();
        let inside = body.find("<Encrypt>").unwrap()..=body.find("</Encrypt>").unwrap();
        for (index, bit) in (0..body.len()).flat_map(|index| (0..8).map(move |bit| (index, bit))) {
            let mut flipped = body.clone().into_bytes();
            flipped[index] ^= 1 << bit;
            match responder.keys.read_message(&admitted, &flipped) {
                Err(refusal) => assert_eq!(refusal.status().0, 403),
                Ok(message) => {
                    assert_eq!(message, right);
                    assert!(
                        !inside.contains(&index),
                        "{}",
                        String::from_utf8_lossy(&flipped)
                    );
                }
            }
        }
    }
}

#[test]
fn any_bit_flipped_in_a_signature_is_refused() {
    let (query, body) = secure_post(&text("abc", "1"));
    let covered = query.replace("&openid=oUser", "");
    for (index, bit) in (0..covered.len()).flat_map(|index| (0..7).map(move |bit| (index, bit))) {
        let mut flipped = covered.clone().into_bytes();
        flipped[index] ^= 1 << bit;
        let flipped = String::from_utf8(flipped).unwrap();
        let refusal = post(&mut secure(), &flipped, &body, now()).unwrap_err();
        assert_eq!(refusal.status().0, 403, "{flipped}");
    }
}

#[test]
fn a_length_is_declared_and_at_most_24_kib() {
    let (responder, query) = (plain(), query());
    let admitted = |length| {
        let admitted = responder.admit_message(&query, length, now());
        admitted.map(|(_, length)| length)
    };
    assert_eq!(admitted(Some(0)), Ok(0));
    assert_eq!(admitted(Some(24_576)), Ok(24_576));
    assert_eq!(admitted(Some(24_577)), Err(Rejection::TooLarge(24_577)));
    assert_eq!(admitted(None), Err(Rejection::LengthRequired));
}

#[test]
fn each_status_has_one_phrase() {
    let allow = "GET, POST";
    let rejections = [
        (Rejection::NoEchostr, 400, "bad request"),
        (
            Rejection::Message(MessageError::Xml(XmlError::NotUtf8)),
            400,
            "bad request",
        ),
        (Rejection::Signature, 403, "forbidden"),
        (Rejection::Timestamp, 403, "forbidden"),
        (Rejection::NotFound, 404, "not found"),
        (
            Rejection::MethodNotAllowed { allow },
            405,
            "method not allowed",
        ),
        (Rejection::LengthRequired, 411, "length required"),
        (Rejection::TooLarge(24_577), 413, "body too large"),
        (Rejection::NoRandomness, 500, "internal error"),
        (Rejection::NoThread, 500, "internal error"),
    ];
    for (rejection, status, phrase) in rejections {
        assert_eq!(rejection.status(), (status, phrase));
    }
}

#[test]
fn nothing_secret_shows_itself() {
    let shown = format!("{:?}", secure());
    assert!(
        !shown.contains("pamtest") && !shown.contains("abcdefgh"),
        "{shown}"
    );
}

proptest! {
    #[test]
    fn any_body_is_answered_or_refused_and_the_next_one_is_answered(
        body: Vec<u8>,
        content in "(\\]\\]>|</?[a-zA-Z]{1,7}>|<!\\[CDATA\\[|[\u{0}-\u{ff}]|\\PC)*",
    ) {
        let mut responder = plain();
        for body in [body, text(&content, "1").into_bytes()] {
            if let Err(refusal) = post(&mut responder, &query(), body, now()) {
                prop_assert_eq!(refusal.status().0, 400);
            }
        }
        let answer = post(&mut responder, &query(), text("abc", "2"), now()).unwrap();
        prop_assert_eq!(said(&answer.body), Some("cba".to_owned()));
    }
}
