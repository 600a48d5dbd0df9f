//! Judges a server by its answers to messages.

use std::time::SystemTime;

use super::{
    finding::{Fault, Finding, Fine, Warning},
    handshake::reached,
};
use crate::{
    callback::FIRST_MILLISECONDS,
    commands::args::DAY,
    printable::printable,
    simulator::{
        ACCOUNT, BotReply, PassiveReply, Push, ReplyError, answer::HttpAnswer, http::Sent,
        target::Target,
    },
    wechat::{AccountKeys, reply::MAX_CONTENT_BYTES, unix_seconds},
};

/// Characters shown at most of a reply.
const SHOWN_CHARS: usize = 20;

/// Reads the answer to a message, or returns the reason that it cannot be read.
pub(in crate::commands) fn read_reply(
    target: &Target,
    answer: &HttpAnswer,
) -> Result<BotReply, Fault> {
    let Target { url, keys } = target;
    if answer.status != 200 {
        return Err(match reached(answer, url) {
            // Nobody asks WeChat for a login when it verifies the URL; a form's page asks for one.
            Err(Fault::Redirect(to, status)) => Fault::RedirectToLogin(to, status),
            Err(fault) => fault,
            Ok(()) => Fault::RefusedMessage {
                status: answer.status,
                said: answer.first_line(),
                has_key: keys.crypt.is_some(),
            },
        });
    }
    match keys.read_reply(&answer.body) {
        Ok(BotReply::Passive(reply)) if reply.is_empty() => Err(Fault::EmptyReply),
        Err(ReplyError::NotXml(_)) if answer.is_page() && answer.contains("<xml>") => {
            Err(Fault::ReplyInPage)
        }
        heard => heard.map_err(Fault::Unreadable),
    }
}

/// Reads the answer to a message, and judges its form.
pub(in crate::commands) fn judge(
    target: &Target,
    answer: &HttpAnswer,
    push: &Push,
) -> Result<(BotReply, Fine), Fault> {
    let heard = read_reply(target, answer)?;
    let now = unix_seconds(SystemTime::now());
    let fine = form(&heard, answer, &target.keys, push, now)?;
    Ok((heard, fine))
}

/// Judges whether a reply has the form that WeChat accepts. `now` in Unix seconds.
fn form(
    heard: &BotReply,
    answer: &HttpAnswer,
    keys: &AccountKeys,
    push: &Push,
    now: u64,
) -> Finding {
    let BotReply::Passive(reply) = heard else {
        return Ok(Fine::NoReply);
    };
    if keys.crypt.is_some() && !reply.encrypted {
        return Err(Fault::NotEncrypted);
    }
    let (to, from) = (reply.field("ToUserName"), reply.field("FromUserName"));
    if to != Some(push.user.as_str()) || from != Some(ACCOUNT) {
        return Err(Fault::NamesNotSwapped);
    }
    let time = reply.field("CreateTime").unwrap_or_default().trim();
    match time.parse::<u64>() {
        Ok(time) if time >= FIRST_MILLISECONDS => return Err(Fault::Milliseconds),
        Ok(time) if time.abs_diff(now) <= DAY => {}
        _ => return Err(Fault::WrongTime(printable(time, SHOWN_CHARS))),
    }
    let answered = content(reply)?;
    Ok(if answer.has_html_type() {
        Fine::Warning(Warning::CalledPage)
    } else {
        answered
    })
}

fn content(reply: &PassiveReply) -> Finding {
    let kind = reply.field("MsgType").ok_or(Fault::NoMsgType)?;
    let is_known = matches!(
        kind,
        "text" | "image" | "voice" | "video" | "music" | "news" | "transfer_customer_service"
    );
    if !is_known {
        return Err(Fault::UnknownMsgType(printable(kind, SHOWN_CHARS)));
    }
    let content = reply.field("Content");
    match (kind, content.unwrap_or_default().len()) {
        ("text", 0) => Err(Fault::NoContent),
        ("text", bytes) if bytes > MAX_CONTENT_BYTES => Err(Fault::LongContent(bytes)),
        _ => Ok(match content {
            Some(text) => Fine::Answered(printable(text, SHOWN_CHARS)),
            None => Fine::AnsweredType(kind.to_owned()),
        }),
    }
}

/// Judges whether a forged message was rejected. `genuine`: the answer to a correctly signed one.
pub(in crate::commands) fn forged(keys: &AccountKeys, sent: &Sent, genuine: &BotReply) -> Finding {
    Ok(match (rejected(keys, sent, Fault::Forged)?, genuine) {
        (Fine::Rejected(200), BotReply::Acknowledged) => Fine::Warning(Warning::CannotTell),
        (fine, _) => fine,
    })
}

/// Judges whether a message was rejected; if it was not, `fault` is given the reply's text.
pub(in crate::commands) fn rejected(
    keys: &AccountKeys,
    sent: &Sent,
    fault: fn(String) -> Fault,
) -> Finding {
    let Ok(answer) = sent else {
        return Ok(Fine::Ignored);
    };
    match keys.read_reply(&answer.body) {
        Ok(BotReply::Passive(reply)) if answer.status < 400 => {
            Err(fault(printable(&reply.printable_text(), SHOWN_CHARS)))
        }
        _ => Ok(Fine::Rejected(answer.status)),
    }
}

/// Judges whether the same message again got the same answer.
pub(in crate::commands) fn repeat(first: &BotReply, again: &BotReply) -> Finding {
    match (first, again) {
        (BotReply::Acknowledged, BotReply::Acknowledged) => Ok(Fine::SameAnswer),
        (BotReply::Passive(first), BotReply::Passive(again))
            if first.field("Content") == again.field("Content") =>
        {
            Ok(Fine::SameAnswer)
        }
        (BotReply::Passive(_), BotReply::Acknowledged) => Err(Fault::RepeatLost),
        _ => Err(Fault::RepeatDiffers),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{simulator::UserAction, wechat::crypt::MsgCrypt};

    const NOW: u64 = 1_700_000_000;

    fn plain() -> AccountKeys {
        AccountKeys {
            token: "testtoken".parse().unwrap(),
            crypt: None,
        }
    }

    fn secure() -> AccountKeys {
        let key = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
        let app_id = "wx1234567890abcdef".parse().unwrap();
        AccountKeys {
            crypt: Some(MsgCrypt::new(key.parse().unwrap(), app_id)),
            ..plain()
        }
    }

    fn push() -> Push {
        Push {
            user: "oUser".to_owned(),
            create_time: NOW,
            msg_id: 1,
            action: UserAction::Text("a".to_owned()),
        }
    }

    fn answer(status: u16, body: &str) -> HttpAnswer {
        HttpAnswer {
            status,
            body: body.as_bytes().to_vec(),
            ..HttpAnswer::default()
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

    fn heard(body: &str) -> BotReply {
        plain().read_reply(body.as_bytes()).unwrap()
    }

    fn form_of(body: &str) -> Finding {
        form(&heard(body), &answer(200, body), &plain(), &push(), NOW)
    }

    fn read_reply(keys: &AccountKeys, status: u16, body: &str) -> Fault {
        let url = "http://bot.cn/wechat".parse().unwrap();
        let target = Target {
            url,
            keys: keys.clone(),
        };
        super::read_reply(&target, &answer(status, body)).unwrap_err()
    }

    #[test]
    fn a_refusal_is_told_by_its_status_and_the_key() {
        for (keys, has_key) in [(plain(), false), (secure(), true)] {
            for status in [400, 403, 405, 500] {
                let refused = Fault::RefusedMessage {
                    status,
                    said: "forbidden".to_owned(),
                    has_key,
                };
                assert_eq!(read_reply(&keys, status, "forbidden"), refused);
            }
        }
        assert_eq!(read_reply(&plain(), 302, ""), Fault::RedirectNowhere(302));
    }

    #[test]
    fn what_cannot_be_read_is_told_by_its_reason() {
        let unreadable = |keys: AccountKeys, body: &str| match read_reply(&keys, 200, body) {
            Fault::Unreadable(error) => error,
            fault => panic!("{fault:?}"),
        };
        let broken = text("<![CDATA[]]>]]]]>");
        assert!(matches!(
            unreadable(plain(), &broken),
            ReplyError::NotXml(_)
        ));
        let encrypted = "<xml><Encrypt>a</Encrypt></xml>";
        assert_eq!(unreadable(plain(), encrypted), ReplyError::KeyMissing);
        let missing = ReplyError::Missing("TimeStamp");
        assert_eq!(unreadable(secure(), encrypted), missing);
        let page = format!("<html><body>{}</body></html>", text("a"));
        assert_eq!(read_reply(&plain(), 200, &page), Fault::ReplyInPage);
        assert_eq!(read_reply(&plain(), 200, "<xml></xml>"), Fault::EmptyReply);
    }

    #[test]
    fn a_reply_in_the_right_form_is_shown() {
        let fine = |text: &str| Ok(Fine::Answered(text.to_owned()));
        assert_eq!(form_of("success"), Ok(Fine::NoReply));
        assert_eq!(form_of(&text("好你")), fine("好你"));
        let cut = "a".repeat(20) + "…";
        assert_eq!(form_of(&text(&"a".repeat(21))), fine(&cut));
        let image = xml("oUser", &NOW.to_string(), "<MsgType>image</MsgType>");
        let image_type = Fine::AnsweredType("image".to_owned());
        assert_eq!(form_of(&image), Ok(image_type));
        let called_page = HttpAnswer {
            headers: vec![(
                "Content-Type".to_owned(),
                "text/html; charset=utf-8".to_owned(),
            )],
            ..answer(200, &text("a"))
        };
        assert_eq!(
            form(&heard(&text("a")), &called_page, &plain(), &push(), NOW),
            Ok(Fine::Warning(Warning::CalledPage))
        );
    }

    #[test]
    fn each_mistake_in_a_reply_is_told() {
        let rest = "<MsgType>text</MsgType><Content>a</Content>";
        let long = text(&"a".repeat(2048));
        for (body, fault) in [
            (
                xml("gh_daoxiao", "1700000000", rest),
                Fault::NamesNotSwapped,
            ),
            (xml("oUser", "1700000000000", rest), Fault::Milliseconds),
            (xml("oUser", "", rest), Fault::WrongTime(String::new())),
            (xml("oUser", "1", rest), Fault::WrongTime("1".to_owned())),
            (xml("oUser", "1700000000", ""), Fault::NoMsgType),
            (
                xml(
                    "oUser",
                    "1700000000",
                    "<MsgType>foo</MsgType><Content>a</Content>",
                ),
                Fault::UnknownMsgType("foo".to_owned()),
            ),
            (text(""), Fault::NoContent),
            (long, Fault::LongContent(2048)),
        ] {
            assert_eq!(form_of(&body), Err(fault));
        }
        let longest = form_of(&text(&"a".repeat(2047)));
        assert!(longest.is_ok(), "{longest:?}");
        let body = text("a");
        assert_eq!(
            form(&heard(&body), &answer(200, &body), &secure(), &push(), NOW),
            Err(Fault::NotEncrypted)
        );
    }

    #[test]
    fn a_forged_message_is_to_get_no_reply() {
        let forged = |status, body: &str, genuine: &str| {
            forged(&plain(), &Ok(answer(status, body)), &heard(genuine))
        };
        let turned_away = |status| Ok(Fine::Rejected(status));
        let reply = text("a");
        assert_eq!(forged(403, "forbidden", &reply), turned_away(403));
        assert_eq!(forged(200, "success", &reply), turned_away(200));
        assert_eq!(forged(200, "error", &reply), turned_away(200));
        let fault = Fault::Forged("a".to_owned());
        assert_eq!(forged(200, &reply, &reply), Err(fault));
        let cannot_tell = Ok(Fine::Warning(Warning::CannotTell));
        assert_eq!(forged(200, "", "success"), cannot_tell);
        assert_eq!(forged(403, "", "success"), turned_away(403));
    }

    #[test]
    fn a_body_without_encryption_is_to_get_no_reply() {
        let plain =
            |status, body: &str| rejected(&secure(), &Ok(answer(status, body)), Fault::PlainBody);
        let turned_away = Ok(Fine::Rejected(403));
        assert_eq!(plain(403, "forbidden"), turned_away);
        let fault = Fault::PlainBody("a".to_owned());
        assert_eq!(plain(200, &text("a")), Err(fault));
    }

    #[test]
    fn a_repeated_message_is_to_get_its_first_answer() {
        let (a, b, none) = (heard(&text("a")), heard(&text("b")), BotReply::Acknowledged);
        assert_eq!(repeat(&a, &a), Ok(Fine::SameAnswer));
        assert_eq!(repeat(&none, &none), Ok(Fine::SameAnswer));
        assert_eq!(repeat(&a, &none), Err(Fault::RepeatLost));
        assert_eq!(repeat(&a, &b), Err(Fault::RepeatDiffers));
        assert_eq!(repeat(&none, &a), Err(Fault::RepeatDiffers));
    }
}
