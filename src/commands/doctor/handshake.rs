//! What the answers to URL verification say about a server.

use std::time::SystemTime;

use super::report::Finding;
use crate::{
    simulator::{answer::Answer, post::PostError},
    wechat::unix_seconds,
};

/// Clocks that differ by less are called equal: the header has whole seconds, the way takes time.
const EQUAL_CLOCKS: u64 = 30;

/// Servers that check a request's age allow it some minutes; daoxiao 5.
const STALE: u64 = 300;

/// Whether the path is one that answers.
pub(super) fn path(answer: &Answer) -> Finding {
    if let Some(finding) = obstacle(answer) {
        return finding;
    }
    match answer.status {
        404 => Finding::wrong(
            "there is nothing at this path (404)",
            "fix the path in the URL: daoxiao answers at / and /wechat unless --path says otherwise",
        ),
        405 | 501 => Finding::wrong(
            format!("GET is not taken here ({})", answer.status),
            "let the server answer GET and POST at this path",
        ),
        status @ 500.. => Finding::wrong(
            format!("the server fails ({status})"),
            "read the server's log",
        ),
        status => Finding::fine(format!("it answers ({status})")),
    }
}

/// What else than the bot has answered, if that can be told.
pub(super) fn obstacle(answer: &Answer) -> Option<Finding> {
    let status = answer.status;
    let finding = match (status, &answer.location) {
        (300..400, Some(location)) => Finding::wrong(
            format!("it sends the caller to {location} ({status})"),
            "use the address that it leads to: WeChat follows no redirect",
        ),
        (300..400, None) => Finding::wrong(
            format!("it sends the caller away and does not say where ({status})"),
            "answer with status 200: WeChat follows no redirect",
        ),
        (400, _) if answer.contains("plain http request was sent to https port") => Finding::wrong(
            "this port speaks https, not http (400)",
            "write https:// in the URL",
        ),
        (401 | 407, _) => Finding::wrong(
            format!("a password is asked for ({status})"),
            "let WeChat in without a password at this path: it has none",
        ),
        (502..=504, _) => Finding::wrong(
            format!("the proxy reaches no bot ({status})"),
            "start the bot behind the proxy, or fix its address in the proxy's settings",
        ),
        // Frameworks say these by a page, too.
        (405, _) => return None,
        (400..500, _) if answer.is_page() => Finding::wrong(
            format!("a web server or a firewall answers, not the bot ({status})"),
            "let the web server or the firewall pass this host and path on to the bot, or fix them in the URL",
        ),
        _ => return None,
    };
    Some(finding)
}

/// What to do about a server that gave no answer at all.
pub(super) fn no_answer(error: &PostError) -> Finding {
    let fix = match error {
        PostError::TooSlow => "make the server answer within 5 s: WeChat waits no longer",
        PostError::Tls(_) => "fix the certificate, or use http on port 80",
        PostError::NotTls => {
            "write http:// in the URL, or put TLS before the bot (nginx or a tunnel)"
        }
        PostError::UnknownHost(_) | PostError::Refused { .. } => {
            "keep the server running: it was there a moment ago"
        }
        PostError::Broken(_) => {
            "find out what listens on this port: it does not speak HTTP, or not to the end"
        }
    };
    Finding::wrong(error.to_string(), fix)
}

/// Whether `echostr` came back as it was sent. `drift`: how far the clocks are apart.
pub(super) fn echo(answer: &Answer, echostr: &str, drift: Option<u64>) -> Finding {
    if answer.status == 200 && answer.body == echostr.as_bytes() {
        return Finding::fine("echostr came back as it was sent");
    }
    if answer.status >= 400 {
        return Finding::wrong(
            format!("refused with {}: {}", answer.status, answer.first_line()),
            cause_of_refusal(drift),
        );
    }
    if answer.body == echostr.as_bytes() {
        return Finding::wrong(
            format!("echostr came back with status {}", answer.status),
            "answer with status 200: WeChat may take no other",
        );
    }
    if answer.is_page() {
        return Finding::wrong(
            "a web page came back, not echostr",
            "let the URL lead to the bot: this address, path or proxy leads to a website",
        );
    }
    around(answer, echostr).unwrap_or_else(|| {
        Finding::wrong(
            format!("{:?} came back, not echostr", answer.first_line()),
            cause_of_refusal(drift),
        )
    })
}

fn cause_of_refusal(drift: Option<u64>) -> String {
    match drift {
        Some(apart) if apart >= STALE => {
            format!("set the clocks right: the server's and this machine's are {apart} s apart")
        }
        _ => "use the same Token in WECHAT_TOKEN here, at the platform and on the server, \
              and let the proxy pass the query on"
            .to_owned(),
    }
}

/// What stands around an `echostr` that did come back.
fn around(answer: &Answer, echostr: &str) -> Option<Finding> {
    let text = String::from_utf8_lossy(&answer.body);
    let (before, after) = text.split_once(echostr)?;
    let finding = if before.starts_with('\u{feff}') {
        Finding::wrong(
            "a byte order mark (BOM) stands before echostr",
            "save the server's files as UTF-8 without BOM",
        )
    } else if before.ends_with(['"', '\'']) && after.starts_with(['"', '\'']) {
        Finding::wrong(
            "echostr came back in quotes",
            "answer with the bare text of echostr, not with JSON",
        )
    } else if before.trim().is_empty() && after.trim().is_empty() {
        Finding::wrong(
            "whitespace stands around echostr",
            "write echostr without a line break, and leave nothing outside the program's code",
        )
    } else {
        Finding::wrong(
            format!("something stands around echostr: {:?}", answer.first_line()),
            "answer with echostr and nothing else",
        )
    };
    Some(finding)
}

/// Whether a request with a wrong Token was turned away.
pub(super) fn wrong_token(answer: &Answer, echostr: &str) -> Finding {
    if echoes(answer, echostr) {
        return Finding::wrong(
            "a wrong Token is taken for right",
            "check the signature on the server: as it is, anyone can pose as WeChat",
        );
    }
    Finding::fine(format!("turned away ({})", answer.status))
}

/// Whether a request signed a day ago was turned away; most servers do not look.
pub(super) fn old(answer: &Answer, echostr: &str) -> Finding {
    if echoes(answer, echostr) {
        return Finding::warning(
            "a request signed a day ago is answered: whoever saw one can use it for ever",
        );
    }
    Finding::fine(format!("turned away ({})", answer.status))
}

fn echoes(answer: &Answer, echostr: &str) -> bool {
    answer.status < 400 && String::from_utf8_lossy(&answer.body).contains(echostr)
}

/// How far the server's clock is from this one, in seconds, if it says what time it is.
pub(super) fn drift(answer: &Answer, now: SystemTime) -> Option<u64> {
    answer
        .date
        .map(|date| unix_seconds(date).abs_diff(unix_seconds(now)))
}

/// What the server's clock says.
pub(super) fn clock(drift: Option<u64>) -> Finding {
    match drift {
        None => Finding::fine("the server does not tell its time"),
        Some(0..EQUAL_CLOCKS) => Finding::fine("the server's and this one agree"),
        Some(apart @ EQUAL_CLOCKS..STALE) => {
            Finding::warning(format!("the server's and this one are {apart} s apart"))
        }
        Some(apart) => Finding::wrong(
            format!("the server's and this one are {apart} s apart"),
            "set the clock that is wrong, and keep it right (timedatectl set-ntp true)",
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const ECHOSTR: &str = "1234567890";

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            location: None,
            content_type: None,
            date: None,
            body: body.as_bytes().to_vec(),
        }
    }

    fn fix(finding: Finding) -> String {
        match finding {
            Finding::Wrong { fix, .. } => fix,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn assert_fix(finding: Finding, words: &str) {
        let fix = fix(finding);
        assert!(fix.contains(words), "{fix}");
    }

    #[test]
    fn a_path_answers_unless_there_is_nothing_or_nobody() {
        let path = |status| path(&answer(status, ""));
        assert_eq!(path(200), Finding::fine("it answers (200)"));
        assert_eq!(path(403), Finding::fine("it answers (403)"));
        assert_fix(path(404), "fix the path");
        assert_fix(path(405), "GET and POST");
        assert_fix(path(302), "follows no redirect");
        assert_fix(path(500), "server's log");
        assert_fix(path(502), "start the bot behind the proxy");
    }

    #[test]
    fn no_answer_is_told_by_its_reason() {
        let path = |error| no_answer(&error);
        let refused = PostError::Refused {
            host: "a".to_owned(),
            port: 1,
        };
        assert_fix(path(PostError::TooSlow), "answer within 5 s");
        assert_fix(path(PostError::Tls("expired".to_owned())), "certificate");
        assert_fix(path(PostError::NotTls), "write http://");
        assert_fix(path(refused), "keep the server running");
        assert_fix(
            path(PostError::Broken("?".to_owned())),
            "does not speak HTTP",
        );
    }

    #[test]
    fn what_is_not_the_bot_is_told() {
        let told = |status, body: &str| match obstacle(&answer(status, body)) {
            Some(Finding::Wrong { seen, .. }) => seen,
            other => format!("{other:?}"),
        };
        let page = "<html><body>blocked</body></html>";
        for status in [400, 403, 404, 418] {
            assert_eq!(
                told(status, page),
                format!("a web server or a firewall answers, not the bot ({status})")
            );
            assert_eq!(told(status, "forbidden"), "None");
        }
        for status in [200, 405, 500] {
            assert_eq!(told(status, page), "None");
        }
        assert_eq!(told(401, page), "a password is asked for (401)");
        assert_eq!(told(502, page), "the proxy reaches no bot (502)");
        let nginx = "<html><title>400 The plain HTTP request was sent to HTTPS port</title>";
        assert_eq!(told(400, nginx), "this port speaks https, not http (400)");
        assert_eq!(
            told(302, ""),
            "it sends the caller away and does not say where (302)"
        );
    }

    #[test]
    fn echostr_with_another_status_is_not_right() {
        assert_eq!(
            echo(&answer(201, ECHOSTR), ECHOSTR, None),
            Finding::wrong(
                "echostr came back with status 201",
                "answer with status 200: WeChat may take no other"
            )
        );
    }

    #[test]
    fn echostr_is_right_only_as_it_was_sent() {
        let echo = |body: &str| echo(&answer(200, body), ECHOSTR, None);
        assert_eq!(
            echo("1234567890"),
            Finding::fine("echostr came back as it was sent")
        );
        assert_fix(echo("\u{feff}1234567890"), "without BOM");
        assert_fix(echo("\"1234567890\""), "not with JSON");
        assert_fix(echo("{\"echostr\":\"1234567890\"}"), "not with JSON");
        assert_fix(echo("1234567890\n"), "without a line break");
        assert_fix(echo("\r\n 1234567890"), "without a line break");
        assert_fix(echo("ok 1234567890"), "nothing else");
        assert_fix(echo("<!DOCTYPE html>1234567890"), "leads to a website");
        assert_fix(echo("\u{feff}\n<html lang=zh>"), "leads to a website");
        assert_fix(echo(""), "same Token");
        assert_fix(echo("error"), "same Token");
    }

    #[test]
    fn a_refusal_comes_from_the_token_unless_the_clocks_differ() {
        let refused = |drift| echo(&answer(403, "forbidden"), ECHOSTR, drift);
        assert_fix(refused(None), "same Token");
        assert_fix(refused(Some(299)), "same Token");
        assert_fix(refused(Some(300)), "300 s apart");
    }

    #[test]
    fn a_request_is_turned_away_by_status_or_by_silence() {
        for (status, body) in [(403, ""), (200, ""), (200, "error"), (401, ECHOSTR)] {
            let turned_away = Finding::Fine(format!("turned away ({status})"));
            assert_eq!(wrong_token(&answer(status, body), ECHOSTR), turned_away);
            assert_eq!(old(&answer(status, body), ECHOSTR), turned_away);
        }
        let echo = answer(200, ECHOSTR);
        assert_fix(wrong_token(&echo, ECHOSTR), "check the signature");
        assert!(matches!(old(&echo, ECHOSTR), Finding::Warning(_)));
    }

    #[test]
    fn clocks_agree_differ_or_are_wrong() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let mut answer = answer(200, "");
        assert_eq!(drift(&answer, now), None);
        answer.date = Some(now - Duration::from_secs(40));
        assert_eq!(drift(&answer, now), Some(40));
        assert!(matches!(clock(None), Finding::Fine(_)));
        assert!(matches!(clock(Some(29)), Finding::Fine(_)));
        assert!(matches!(clock(Some(30)), Finding::Warning(_)));
        assert_fix(clock(Some(300)), "set the clock");
    }
}
