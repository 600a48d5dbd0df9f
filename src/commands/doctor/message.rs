//! What the answers to messages say about a server.

use super::{handshake::obstacle, report::Finding};
use crate::{
    printable::printable,
    simulator::{ACCOUNT, Heard, PassiveReply, Push, ReplyError, WeChat, answer::Answer},
    wechat::reply::MAX_CONTENT_BYTES,
};

/// CreateTime beyond this is in milliseconds: as seconds it would be the year 5138.
const MILLISECONDS: u64 = 100_000_000_000;

/// CreateTime may differ this much from now before it is called wrong.
const DAY: u64 = 24 * 60 * 60;

/// How much of a reply is shown.
const SHOWN_CHARS: usize = 20;

/// What was heard, if it can be read at all.
pub(super) fn hear(wechat: &WeChat, answer: &Answer) -> Result<Heard, Finding> {
    if answer.status != 200 {
        return Err(refused(wechat, answer));
    }
    wechat.read(&answer.body).map_err(|error| {
        let fix = match error {
            ReplyError::NotUtf8 | ReplyError::NotXml(_) => "answer with well-formed XML, or with the word success: in text, split every ]]> between two CDATA sections",
            ReplyError::KeyMissing => KEY_MISSING,
            ReplyError::Missing(_) | ReplyError::MsgSignature => "put Encrypt, MsgSignature, TimeStamp and Nonce into an encrypted reply, and sign Token, TimeStamp, Nonce and Encrypt",
            ReplyError::Crypt(_) => SAME_KEY,
        };
        Finding::wrong(error.to_string(), fix)
    })
}

const KEY_MISSING: &str =
    "set WECHAT_ENCODING_AES_KEY and WECHAT_APPID here: the server is in secure mode";

const SAME_KEY: &str = "use the same EncodingAESKey and AppID here, at the platform and on the server, or none in plaintext mode";

fn refused(wechat: &WeChat, answer: &Answer) -> Finding {
    if let Some(finding) = obstacle(answer) {
        return finding;
    }
    let fix = match answer.status {
        404 | 405 | 501 => "let the server answer POST at this path, not only GET",
        400 if wechat.crypt.is_some() => {
            "set WECHAT_ENCODING_AES_KEY and WECHAT_APPID on the server: it has no key"
        }
        400..=499 if wechat.crypt.is_some() => SAME_KEY,
        400..=499 => {
            "set WECHAT_ENCODING_AES_KEY and WECHAT_APPID here if the server is in secure mode; if it is not, read the server's log"
        }
        _ => "read the server's log",
    };
    Finding::wrong(
        format!("refused with {}: {}", answer.status, answer.first_line()),
        fix,
    )
}

/// Whether a reply has the form that WeChat takes. `now` in Unix seconds.
pub(super) fn form(heard: &Heard, wechat: &WeChat, push: &Push, now: u64) -> Finding {
    let Heard::Reply(reply) = heard else {
        return Finding::fine("received, and no words in return");
    };
    let encryption = (wechat.crypt.is_some() && !reply.encrypted).then(|| {
        Finding::wrong(
            "the reply is not encrypted",
            "encrypt the replies: in secure mode WeChat takes no other",
        )
    });
    encryption
        .or_else(|| names(reply, push))
        .or_else(|| create_time(reply, now))
        .or_else(|| content(reply))
        .unwrap_or_else(|| Finding::fine(format!("answered with {}", summary(reply))))
}

fn names(reply: &PassiveReply, push: &Push) -> Option<Finding> {
    let (to, from) = (reply.field("ToUserName"), reply.field("FromUserName"));
    (to != Some(push.user.as_str()) || from != Some(ACCOUNT)).then(|| {
        Finding::wrong(
            "the reply does not go from the account to the user",
            "swap the names: ToUserName is the OpenID that wrote, FromUserName the account",
        )
    })
}

fn create_time(reply: &PassiveReply, now: u64) -> Option<Finding> {
    let text = reply.field("CreateTime").unwrap_or_default().trim();
    match text.parse::<u64>() {
        Ok(time) if time >= MILLISECONDS => Some(Finding::wrong(
            "CreateTime is in milliseconds",
            "give CreateTime in seconds: divide by 1000",
        )),
        Ok(time) if time.abs_diff(now) <= DAY => None,
        _ => Some(Finding::wrong(
            format!("CreateTime is {text:?}, not the current time"),
            "give CreateTime as the number of seconds since 1970",
        )),
    }
}

fn content(reply: &PassiveReply) -> Option<Finding> {
    let Some(kind) = reply.field("MsgType") else {
        return Some(Finding::wrong(
            "the reply has no MsgType",
            "give the reply a MsgType, such as text",
        ));
    };
    let bytes = reply.field("Content").unwrap_or_default().len();
    match bytes {
        _ if kind != "text" => None,
        0 => Some(Finding::wrong(
            "the reply has no Content",
            "answer success where there is nothing to say: WeChat refuses an empty Content",
        )),
        1..=MAX_CONTENT_BYTES => None,
        _ => Some(Finding::wrong(
            format!("Content has {bytes} bytes"),
            format!("cut Content to {MAX_CONTENT_BYTES} bytes: WeChat refuses what is longer"),
        )),
    }
}

fn summary(reply: &PassiveReply) -> String {
    let Some(text) = reply.field("Content") else {
        return format!(
            "a reply of type {}",
            printable(reply.field("MsgType").unwrap_or_default(), SHOWN_CHARS)
        );
    };
    format!("\"{}\"", printable(text, SHOWN_CHARS))
}

/// Whether a message that WeChat did not sign was turned away. `genuine`: what a signed one got.
pub(super) fn forged(wechat: &WeChat, answer: &Answer, genuine: &Heard) -> Finding {
    match unanswered(wechat, answer) {
        Ok(_) if answer.status == 200 && *genuine == Heard::Acknowledged => Finding::warning(
            "cannot tell whether the server looks at the signature: it answers no text",
        ),
        Ok(how) => Finding::fine(how),
        Err(seen) => Finding::wrong(
            seen,
            "check the signature of every POST too: as it is, anyone can write in a user's name",
        ),
    }
}

/// Whether a body without encryption was turned away by a server that has a key.
pub(super) fn plain(wechat: &WeChat, answer: &Answer) -> Finding {
    match unanswered(wechat, answer) {
        Ok(how) => Finding::fine(how),
        Err(seen) => Finding::wrong(
            seen,
            "refuse a body without Encrypt and msg_signature: else the encryption protects nothing",
        ),
    }
}

/// How it was turned away, or the reply that it got nonetheless.
fn unanswered(wechat: &WeChat, answer: &Answer) -> Result<String, String> {
    match wechat.read(&answer.body) {
        Ok(Heard::Reply(reply)) if answer.status < 400 => {
            Err(format!("answered with {}", summary(&reply)))
        }
        _ => Ok(format!("turned away ({})", answer.status)),
    }
}

/// Whether the same message again got the same answer.
pub(super) fn repeat(first: &Heard, again: &Heard) -> Finding {
    let text = |heard: &Heard| match heard {
        Heard::Acknowledged => None,
        Heard::Reply(reply) => Some(reply.field("Content").map(str::to_owned)),
    };
    match (text(first), text(again)) {
        (first, again) if first == again => {
            Finding::fine("the same message again, the same answer")
        }
        (Some(_), None) => Finding::wrong(
            "the same message again got no answer",
            "give a repeated MsgId its first answer again: WeChat repeats because that one was lost",
        ),
        _ => Finding::wrong(
            "the same message again got another answer",
            "keep each answer for a minute by FromUserName and MsgId, and give it to the repeat",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{simulator::Said, wechat::crypt::MsgCrypt};

    const NOW: u64 = 1_700_000_000;

    fn plain() -> WeChat {
        WeChat {
            token: "testtoken".parse().unwrap(),
            crypt: None,
        }
    }

    fn secure() -> WeChat {
        let key = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
        let app_id = "wx1234567890abcdef".parse().unwrap();
        WeChat {
            crypt: Some(MsgCrypt::new(key.parse().unwrap(), app_id)),
            ..plain()
        }
    }

    fn push() -> Push {
        Push {
            user: "oUser".to_owned(),
            create_time: NOW,
            msg_id: 1,
            said: Said::Text("a".to_owned()),
        }
    }

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            location: None,
            content_type: None,
            date: None,
            body: body.as_bytes().to_vec(),
        }
    }

    fn xml(to: &str, time: &str, rest: &str) -> String {
        format!(
            "<xml><ToUserName>{to}</ToUserName><FromUserName>gh_daoxiao</FromUserName>\
             <CreateTime>{time}</CreateTime>{rest}</xml>"
        )
    }

    fn text(content: &str) -> String {
        let rest = format!("<MsgType>text</MsgType><Content>{content}</Content>");
        xml("oUser", &NOW.to_string(), &rest)
    }

    fn heard(body: &str) -> Heard {
        plain().read(body.as_bytes()).unwrap()
    }

    fn form_of(body: &str) -> Finding {
        form(&heard(body), &plain(), &push(), NOW)
    }

    #[track_caller]
    fn assert_fix(finding: Finding, words: &str) {
        match finding {
            Finding::Wrong { fix, .. } => assert!(fix.contains(words), "{fix}"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_refusal_is_told_by_its_status_and_the_key() {
        let hear =
            |wechat: WeChat, status| hear(&wechat, &answer(status, "forbidden")).unwrap_err();
        assert_fix(hear(plain(), 403), "set WECHAT_ENCODING_AES_KEY");
        assert_fix(hear(secure(), 403), "same EncodingAESKey");
        assert_fix(hear(secure(), 400), "on the server: it has no key");
        assert_fix(hear(plain(), 400), "read the server's log");
        assert_fix(hear(plain(), 405), "POST at this path");
        assert_fix(hear(plain(), 500), "server's log");
        assert_fix(hear(plain(), 302), "follows no redirect");
    }

    #[test]
    fn what_cannot_be_read_is_told_by_its_reason() {
        let hear = |wechat: WeChat, body| hear(&wechat, &answer(200, body)).unwrap_err();
        let broken = text("<![CDATA[]]>]]]]>");
        assert_fix(hear(plain(), &broken), "split every ]]>");
        assert_fix(
            hear(plain(), "<xml><Encrypt>a</Encrypt></xml>"),
            "here: the server is in secure mode",
        );
        assert_fix(
            hear(secure(), "<xml><Encrypt>a</Encrypt></xml>"),
            "put Encrypt, MsgSignature",
        );
    }

    #[test]
    fn a_reply_in_the_right_form_is_shown() {
        assert_eq!(
            form_of("success"),
            Finding::fine("received, and no words in return")
        );
        assert_eq!(
            form_of(&text("好你")),
            Finding::fine("answered with \"好你\"")
        );
        let long = text(&"a".repeat(21));
        let shown = format!("answered with \"{}…\"", "a".repeat(20));
        assert_eq!(form_of(&long), Finding::fine(shown));
        let image = xml("oUser", &NOW.to_string(), "<MsgType>image</MsgType>");
        assert_eq!(
            form_of(&image),
            Finding::fine("answered with a reply of type image")
        );
    }

    #[test]
    fn each_mistake_in_a_reply_is_told() {
        let rest = "<MsgType>text</MsgType><Content>a</Content>";
        assert_fix(
            form_of(&xml("gh_daoxiao", "1700000000", rest)),
            "swap the names",
        );
        assert_fix(
            form_of(&xml("oUser", "1700000000000", rest)),
            "divide by 1000",
        );
        assert_fix(form_of(&xml("oUser", "", rest)), "seconds since 1970");
        assert_fix(form_of(&xml("oUser", "1", rest)), "seconds since 1970");
        assert_fix(form_of(&xml("oUser", "1700000000", "")), "MsgType");
        assert_fix(form_of(&text("")), "answer success");
        assert_eq!(
            form_of(&text(&"a".repeat(2048))),
            Finding::wrong(
                "Content has 2048 bytes",
                "cut Content to 2047 bytes: WeChat refuses what is longer",
            )
        );
        assert!(matches!(
            form_of(&text(&"a".repeat(2047))),
            Finding::Fine(_)
        ));
        assert_fix(
            form(&heard(&text("a")), &secure(), &push(), NOW),
            "encrypt the replies",
        );
    }

    #[test]
    fn a_forged_message_is_to_get_no_reply() {
        let forged = |status, body: &str, genuine: &str| {
            forged(&plain(), &answer(status, body), &heard(genuine))
        };
        let reply = text("a");
        assert_eq!(
            forged(403, "forbidden", &reply),
            Finding::fine("turned away (403)")
        );
        assert_eq!(
            forged(200, "success", &reply),
            Finding::fine("turned away (200)")
        );
        assert_eq!(
            forged(200, "error", &reply),
            Finding::fine("turned away (200)")
        );
        assert_fix(
            forged(200, &reply, &reply),
            "check the signature of every POST",
        );
        assert!(matches!(forged(200, "", "success"), Finding::Warning(_)));
        assert_eq!(
            forged(403, "", "success"),
            Finding::fine("turned away (403)")
        );
    }

    #[test]
    fn a_body_without_encryption_is_to_get_no_reply() {
        let plain = |status, body: &str| super::plain(&secure(), &answer(status, body));
        assert_eq!(plain(403, "forbidden"), Finding::fine("turned away (403)"));
        assert_fix(plain(200, &text("a")), "refuse a body without Encrypt");
    }

    #[test]
    fn a_repeated_message_is_to_get_its_first_answer() {
        let (a, b, none) = (heard(&text("a")), heard(&text("b")), Heard::Acknowledged);
        assert!(matches!(repeat(&a, &a), Finding::Fine(_)));
        assert!(matches!(repeat(&none, &none), Finding::Fine(_)));
        assert_fix(repeat(&a, &none), "first answer again");
        assert_fix(repeat(&a, &b), "keep each answer");
        assert_fix(repeat(&none, &a), "keep each answer");
    }
}
