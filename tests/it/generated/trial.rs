//! A million cases and more in one process, each checked in all that a peer would see.

use std::{
    collections::BTreeMap,
    fs,
    time::{Duration, Instant, SystemTime},
};

use daoxiao::{
    callback::{Answer, Outcome, Randomness, Rejection, Responder},
    wechat::{AccountKeys, crypt::MsgCrypt},
    words::Words,
};
use percent_encoding::percent_decode_str;

use super::{CaseNumber, cases};
use crate::support::{
    TOKEN,
    envelope::{APP_ID, Envelope, KEY, compatible_body, frame, secure_body},
    generator::Generator,
    message, signature, text_message,
};

/// How much more memory may be in use after all cases than after the first tenth, in MiB. A leak of
/// 34 bytes a case would be more in a million cases; the other tests of this program take some,
/// too.
const GROWTH_MIB: u64 = 32;

#[test]
fn generated_bodies_get_a_right_status_and_leave_nothing_behind() {
    let mut trial = Trial::new();
    let (cases, begun) = (cases(), Instant::now());
    let mut memory = 0;
    for case in 0..cases {
        let _guard = CaseNumber(case);
        trial.run(case);
        if case == cases / 10 {
            memory = memory_mib();
        }
    }
    let (took, memory_after) = (begun.elapsed(), memory_mib());
    println!(
        "{cases} cases in {took:.1?}, of which the slowest, {}, took {:.1?}",
        trial.slowest.1, trial.slowest.0
    );
    println!("memory {memory} MiB after a tenth of them, {memory_after} MiB after all");
    for (outcome, count) in &trial.outcomes {
        println!("{count:>8} {outcome}");
    }
    assert!(
        memory_after <= memory + GROWTH_MIB,
        "{memory} to {memory_after} MiB"
    );
}

/// Resident memory of this process.
fn memory_mib() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4 / 1024
}

/// Bots in this process, and what became of the cases.
struct Trial {
    generator: Generator,
    envelope: Envelope,
    plain: Responder,
    secure: Responder,
    /// See the same messages and nothing else.
    twins: (Responder, Responder),
    now: u64,
    outcomes: BTreeMap<String, u64>,
    slowest: (Duration, u64),
}

impl Trial {
    fn new() -> Self {
        Self {
            generator: Generator::new(),
            envelope: Envelope::new(),
            plain: responder(false),
            secure: responder(true),
            twins: (responder(false), responder(true)),
            now: 0,
            outcomes: BTreeMap::new(),
            slowest: (Duration::ZERO, 0),
        }
    }

    fn run(&mut self, case: u64) {
        // 100 messages a second, so that the answers kept for a minute come and go.
        self.now = 1_700_000_000 + case / 100;
        let kind = self.generator.begin(case).u8(..8);
        let begun = Instant::now();
        let (kind, status) = match kind {
            0 => ("query", self.changed_query()),
            1..=3 => ("plain message", self.changed_message()),
            4 => (
                "message in plain and secure mode",
                self.message_in_two_modes(),
            ),
            5 => ("encrypted frame", self.changed_frame()),
            6 => ("encrypted text", self.changed_encrypted_text()),
            _ => ("envelope", self.changed_envelope()),
        };
        self.slowest = self.slowest.max((begun.elapsed(), case));
        *self
            .outcomes
            .entry(format!("{kind}: {status}"))
            .or_default() += 1;
        if case.is_multiple_of(1_000) {
            self.check_alive();
        }
    }

    /// A query gets in only by a signature over its own timestamp and nonce.
    fn changed_query(&mut self) -> u16 {
        let mut changed = format!("{}&echostr=1", query(self.now, None)).into_bytes();
        self.generator.change_some(&mut changed);
        let changed = String::from_utf8_lossy(&changed).into_owned();
        match self.plain.admit(&changed, time(self.now)) {
            Ok(_) => {
                let field = |name| field(&changed, name).unwrap();
                let (timestamp, nonce) = (field("timestamp"), field("nonce"));
                assert_eq!(field("signature"), signature(&[TOKEN, &timestamp, &nonce]));
                assert!(timestamp.parse::<u64>().unwrap().abs_diff(self.now) <= 300);
                200
            }
            Err(rejection) => refused(&rejection, &[403]),
        }
    }

    fn changed_message(&mut self) -> u16 {
        let body = self.generator.message();
        let answer = answer(&mut self.plain, &query(self.now, None), &body, self.now);
        self.check(answer, &[400])
    }

    /// What is said to a message does not depend on the mode.
    fn message_in_two_modes(&mut self) -> u16 {
        let (message, now) = (self.generator.message(), self.now);
        let encrypt = self.envelope.encrypt(&message);
        let body = secure_body("", &encrypt);
        let sealed = answer(
            &mut self.twins.1,
            &query(now, Some(&encrypt)),
            body.as_bytes(),
            now,
        );
        let plain = answer(&mut self.twins.0, &query(now, None), &message, now);
        let is_text = std::str::from_utf8(&message).is_ok();
        match (&sealed, &plain) {
            (Ok(sealed), Ok(plain)) => assert_eq!(self.opened(sealed), plain.body),
            (Err(sealed), Err(plain)) => {
                let expected = if is_text { plain.status().0 } else { 403 };
                assert_eq!(sealed.status().0, expected);
            }
            _ => panic!("{sealed:?} is not {plain:?}"),
        }
        self.check(sealed, if is_text { &[400] } else { &[403] })
    }

    fn changed_frame(&mut self) -> u16 {
        let mut bytes = frame(&self.generator.message(), APP_ID);
        self.generator.change(&mut bytes);
        bytes.truncate(bytes.len() / 16 * 16);
        let encrypt = self.envelope.encrypt_frame(&bytes);
        self.post_encrypted(&encrypt)
    }

    fn changed_encrypted_text(&mut self) -> u16 {
        let mut encrypt = self.envelope.encrypt(self.generator.message()).into_bytes();
        self.generator.change(&mut encrypt);
        let encrypt = String::from_utf8_lossy(&encrypt).into_owned();
        self.post_encrypted(&encrypt)
    }

    /// Whatever it is, it is signed as if WeChat had encrypted it.
    fn post_encrypted(&mut self, encrypt: &str) -> u16 {
        let signed = query(self.now, Some(encrypt));
        let body = secure_body("", encrypt);
        let answer = answer(&mut self.secure, &signed, body.as_bytes(), self.now);
        self.check(answer, &[400, 403])
    }

    /// However the envelope is changed, nothing but the message in it is answered.
    fn changed_envelope(&mut self) -> u16 {
        let plain = message("text", "<Content>abc</Content><MsgId>1</MsgId>");
        let encrypt = self.envelope.encrypt(&plain);
        let mut body = match self.now % 2 {
            0 => secure_body(&plain, &encrypt),
            _ => compatible_body(&plain, &encrypt),
        }
        .into_bytes();
        self.generator.change(&mut body);
        let answer = answer(
            &mut self.secure,
            &query(self.now, Some(&encrypt)),
            &body,
            self.now,
        );
        if let Ok(answer) = &answer {
            assert_eq!(read_reply(&self.opened(answer)).2, "cba");
        }
        self.check(answer, &[403])
    }

    /// Checks all that a peer would see.
    fn check(&self, answer: Result<Answer, Rejection>, refusals: &[u16]) -> u16 {
        let answer = match answer {
            Ok(answer) => answer,
            Err(rejection) => return refused(&rejection, refusals),
        };
        let body = self.opened(&answer);
        if body != "success" {
            let (to, create_time, content) = read_reply(&body);
            assert_ne!(to, "");
            assert!(
                (self.now - 60..=self.now).contains(&create_time),
                "{create_time}"
            );
            assert!(
                content.len() <= 2_047 && !content.trim().is_empty(),
                "{content:?}"
            );
            let is_forbidden =
                |c| matches!(c, '\0'..='\x08' | '\x0b'..='\x1f' | '\u{fffe}' | '\u{ffff}');
            assert!(!body.contains(is_forbidden), "{body:?}");
        }
        200
    }

    /// The plain reply in an answer.
    fn opened(&self, answer: &Answer) -> String {
        match answer.body.strip_prefix("<xml><Encrypt><![CDATA[") {
            Some(rest) => self.envelope.decrypt(rest.split_once("]]>").unwrap().0),
            None => answer.body.clone(),
        }
    }

    fn check_alive(&mut self) {
        let honest = text_message("你好");
        let answer = answer(
            &mut self.plain,
            &query(self.now, None),
            honest.as_bytes(),
            self.now,
        );
        assert_eq!(read_reply(&answer.unwrap().body).2, "好你");
    }
}

/// Unix seconds as a time.
fn time(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// A query signed now, with a `msg_signature` over what is encrypted, if anything is.
fn query(now: u64, encrypt: Option<&str>) -> String {
    let timestamp = now.to_string();
    let parts = [TOKEN, &timestamp, "n"];
    let query = format!(
        "signature={}&timestamp={timestamp}&nonce=n",
        signature(&parts)
    );
    let Some(encrypt) = encrypt else {
        return query;
    };
    let msg_signature = signature(&[&parts[..], &[encrypt]].concat());
    format!("{query}&encrypt_type=aes&msg_signature={msg_signature}")
}

fn responder(is_secure: bool) -> Responder {
    let crypt = MsgCrypt::new(KEY.parse().unwrap(), APP_ID.parse().unwrap());
    let keys = AccountKeys {
        token: TOKEN.parse().unwrap(),
        crypt: is_secure.then_some(crypt),
    };
    Responder::new(keys, Duration::from_secs(300), Words::default())
}

fn answer(
    responder: &mut Responder,
    query: &str,
    body: &[u8],
    now: u64,
) -> Result<Answer, Rejection> {
    let query = responder.admit(query, time(now))?;
    let random = || {
        let (bytes, nonce) = ([7; 16], "n".to_owned());
        Some(Randomness { bytes, nonce })
    };
    let joke = || "只有这一个笑话。".to_owned();
    match responder.answer(&query, body, time(now), random)? {
        Outcome::Answer(answer) => Ok(answer),
        Outcome::AwaitJoke(pending) => responder.finish(&pending, joke, time(now), random),
    }
}

fn refused(rejection: &Rejection, expected: &[u16]) -> u16 {
    let (status, said) = rejection.status();
    assert!(expected.contains(&status), "{status}: {rejection}");
    let phrase = match status {
        403 => "forbidden",
        _ => "bad request",
    };
    assert_eq!(said, phrase);
    status
}

/// The only value of a query's field, decoded.
fn field(query: &str, name: &str) -> Option<String> {
    let pairs = query.split('&');
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let values: Vec<_> = pairs.filter(|(found, _)| *found == name).collect();
    let [(_, value)] = values[..] else {
        return None;
    };
    Some(percent_decode_str(value).decode_utf8().ok()?.into_owned())
}

/// ToUserName, CreateTime and Content of a reply, which must be the platform's XML to the letter.
fn read_reply(xml: &str) -> (String, u64, String) {
    let mut rest = xml.strip_prefix("<xml>").unwrap();
    let to = read_section(&mut rest, "ToUserName");
    assert_ne!(read_section(&mut rest, "FromUserName"), "");
    rest = rest.strip_prefix("<CreateTime>").unwrap();
    let (create_time, after) = rest.split_once("</CreateTime>").unwrap();
    rest = after;
    assert_eq!(read_section(&mut rest, "MsgType"), "text");
    let content = read_section(&mut rest, "Content");
    assert_eq!(rest, "</xml>");
    (to, create_time.parse().unwrap(), content)
}

/// Reads an element whose text is in CDATA sections.
fn read_section(rest: &mut &str, name: &str) -> String {
    let mut text = String::new();
    *rest = rest.strip_prefix(&format!("<{name}>")).unwrap();
    while let Some(inside) = rest.strip_prefix("<![CDATA[") {
        let (section, after) = inside.split_once("]]>").unwrap();
        text.push_str(section);
        *rest = after;
    }
    *rest = rest.strip_prefix(&format!("</{name}>")).unwrap();
    text
}
