//! What nobody would send: a few thousand cases each time, a million when asked.
//!
//! `DAOXIAO_FUZZ_CASES=1000000 cargo test --release --test it -- generated_bodies --nocapture`

mod trial;

use std::{env, thread};

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

use crate::support::{
    Bot, Connection,
    envelope::{Envelope, compatible_body, encrypted_target, secure_body, secure_text},
    generator::Generator,
    message, signed,
};

/// How many cases there are, if the variable does not say otherwise.
const USUAL_CASES: u64 = 4_000;

fn cases() -> u64 {
    env::var("DAOXIAO_FUZZ_CASES").map_or(USUAL_CASES, |cases| cases.parse().unwrap())
}

/// Names the case that a test failed in.
struct CaseNumber(u64);

impl Drop for CaseNumber {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("in case {}", self.0);
        }
    }
}

#[test]
fn generated_bodies_on_a_socket_leave_the_bot_answering() {
    let (plain, encrypted) = (Bot::start(), Bot::encrypted());
    let (mut to_plain, mut to_encrypted) = (Connection::open(&plain), Connection::open(&encrypted));
    let (mut generator, envelope) = (Generator::new(), Envelope::new());
    for case in 0..cases() / 10 {
        let _guard = CaseNumber(case);
        let body = match generator.begin(case).u8(..4) {
            0 => generator.bytes(),
            _ => generator.message(),
        };
        let reply = to_plain.post(&signed("/wechat"), &body);
        let right = match reply.status {
            200 => reply.text() == "success" || reply.text().ends_with("</Content></xml>"),
            status => (status, reply.text()) == (400, "bad request\n"),
        };
        assert!(right, "{reply:?}");
        let reply = to_encrypted.post(&encrypted_target("A"), &body);
        assert_eq!((reply.status, reply.text()), (403, "forbidden\n"));
        let encrypt = envelope.encrypt(body);
        let sealed = secure_body("", &encrypt);
        // Base64 makes it longer, perhaps too long.
        if sealed.len() <= 24 * 1024 {
            let reply = to_encrypted.post(&encrypted_target(&encrypt), sealed);
            assert!([200, 400, 403].contains(&reply.status), "{reply:?}");
        }
    }
    assert_eq!(plain.answer_to("还在"), "在还");
    let (target, body) = secure_text("还在", "1");
    assert!(
        envelope
            .open(&encrypted.post(&target, body))
            .contains("[在还]")
    );
}

/// Numbers below the end: all of them, when so many cases are asked for, or else some, evenly
/// spread.
fn sample(end: usize) -> impl Iterator<Item = usize> {
    let wanted = usize::try_from(cases() / 4).unwrap().max(1);
    (0..end).step_by(end.div_ceil(wanted))
}

#[test]
fn generated_bodies_of_one_flipped_bit_are_403_or_say_the_same() {
    let (bot, envelope) = (Bot::encrypted(), Envelope::new());
    let mut connection = Connection::open(&bot);
    let plain = message(
        "text",
        "<Content><![CDATA[a 笑]]></Content>\n<Label/><MsgId>1</MsgId>",
    );
    let encrypt = envelope.encrypt(&plain);
    for body in [
        secure_body(&plain, &encrypt),
        compatible_body(&plain, &encrypt),
    ] {
        let target = encrypted_target(&encrypt);
        let inside = body.find("<Encrypt>").unwrap()..=body.find("</Encrypt>").unwrap();
        for bit in sample(8 * body.len()) {
            let mut flipped = body.clone().into_bytes();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let reply = connection.post(&target, &flipped);
            let about = String::from_utf8_lossy(&flipped);
            if reply.status == 200 && !inside.contains(&(bit / 8)) {
                assert!(envelope.open(&reply).contains("[笑 a]"), "{about}");
            } else {
                assert_eq!(
                    (reply.status, reply.text()),
                    (403, "forbidden\n"),
                    "{about}"
                );
            }
        }
        let reply = connection.post(&target, &body);
        assert!(envelope.open(&reply).contains("[笑 a]"));
    }
}

#[test]
fn generated_bodies_under_a_signature_of_one_flipped_bit_are_403() {
    let bot = Bot::encrypted();
    let mut connection = Connection::open(&bot);
    let (target, body) = secure_text("你好", "1");
    let values = [
        "signature",
        "timestamp",
        "nonce",
        "encrypt_type",
        "msg_signature",
    ];
    for name in values {
        let (before, rest) = target.split_once(&format!("{name}=")).unwrap();
        let value = rest.split('&').next().unwrap();
        for bit in 0..8 * value.len() {
            let mut flipped = value.as_bytes().to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let encoded = percent_encode(&flipped, NON_ALPHANUMERIC);
            let target = format!("{before}{name}={encoded}{}", &rest[value.len()..]);
            let reply = connection.post(&target, &body);
            assert_eq!(
                (reply.status, reply.text()),
                (403, "forbidden\n"),
                "{target}"
            );
        }
    }
    assert_eq!(connection.post(&target, body).status, 200);
}
