//! Judges a server by its answers to URL verification.

use url::Url;

use super::finding::{Fault, Finding, Fine, Warning};
use crate::{
    printable::printable,
    simulator::{answer::HttpAnswer, http::Sent, url::BotUrl},
};

/// Clocks that differ by less count as equal: `Date` has whole seconds, and answers take time.
const EQUAL_CLOCKS: u64 = 30;

/// How nginx, Apache and Caddy answer plain HTTP on a port with TLS.
const HTTPS_WANTED: [&str; 3] = [
    "plain http request was sent to https port",
    "speaking plain http to an ssl-enabled server port",
    "client sent an http request to an https server",
];

/// Characters shown at most of a redirect's target.
const MAX_LOCATION_CHARS: usize = 200;

/// Names of pages that ask who it is, without `.html` or `.php`.
const LOGINS: [&str; 5] = ["login", "signin", "sign_in", "sign-in", "wp-login"];

/// Characters of `echostr` that no body begins or ends with by chance.
const ECHOED_CHARS: usize = 8;

/// Age in seconds at which servers that check it refuse a request; daoxiao's default.
const STALE: u64 = 300;

/// Judges a verification of the URL as a whole.
pub(in crate::commands) fn judge(answer: &HttpAnswer, url: &BotUrl, echostr: &str) -> Finding {
    path(answer, url)?;
    echo(answer, echostr)
}

/// Judges whether anything answers at this path.
pub(super) fn path(answer: &HttpAnswer, url: &BotUrl) -> Finding {
    reached(answer, url)?;
    match answer.status {
        404 => Err(Fault::NothingHere),
        405 | 501 => Err(Fault::NoGet(answer.status)),
        status @ 500.. => Err(Fault::ServerFails(status)),
        status => Ok(Fine::Answers(status)),
    }
}

/// Tells the answers of proxies, firewalls and web servers in front of the bot from the bot's.
pub(super) fn reached(answer: &HttpAnswer, url: &BotUrl) -> Result<(), Fault> {
    let status = answer.status;
    Err(match status {
        300..400 => redirect(answer, url),
        400 if HTTPS_WANTED.iter().any(|words| answer.contains(words)) => Fault::WantsHttps(status),
        400 if answer.body.is_empty() => Fault::EmptyRefusal(status),
        401 | 407 => Fault::WantsPassword(status),
        502..=504 => Fault::ProxyWithoutBot(status),
        // Frameworks also send a page with 405.
        400..500 if status != 405 && answer.is_page() => Fault::WebServer(status),
        _ => return Ok(()),
    })
}

fn redirect(answer: &HttpAnswer, url: &BotUrl) -> Fault {
    let (status, here) = (answer.status, url.to_string());
    let location = match answer.header("Location") {
        None | Some("") => return Fault::RedirectNowhere(status),
        Some(location) => printable(location, MAX_LOCATION_CHARS),
    };
    // Without the query, which has the signature of this call.
    let to = match location.split(['?', '#']).next() {
        None | Some("") => here.as_str(),
        Some(to) => to,
    };
    let fault = Url::parse(&here).and_then(|here| Ok(redirect_fault(&here, &here.join(to)?)));
    fault.unwrap_or(Fault::Redirect)(to.to_owned(), status)
}

/// Returns the fault of a redirect, still without its target and status.
fn redirect_fault(here: &Url, to: &Url) -> fn(String, u16) -> Fault {
    let adds_https = here.scheme() == "http" && to.scheme() == "https";
    let adds_slash = to.path().strip_suffix('/') == Some(here.path());
    // Either both ports are written, or each is its scheme's.
    let is_same = (here.host(), here.port()) == (to.host(), to.port())
        && (adds_https || here.scheme() == to.scheme())
        && (adds_slash || here.path() == to.path());
    match (is_same, adds_https, adds_slash) {
        (true, false, false) => Fault::RedirectToSame,
        (true, false, true) => Fault::RedirectToSlash,
        (true, true, false) => Fault::RedirectToHttps,
        (true, true, true) => Fault::RedirectToHttpsAndSlash,
        (false, ..) if is_login(to) => Fault::RedirectToLogin,
        (false, ..) => Fault::Redirect,
    }
}

fn is_login(to: &Url) -> bool {
    let path = to.path().to_ascii_lowercase();
    let mut names = path.split('/').filter_map(|name| name.split('.').next());
    names.any(|name| LOGINS.contains(&name))
}

/// Judges whether `echostr` came back unchanged.
pub(super) fn echo(answer: &HttpAnswer, echostr: &str) -> Finding {
    let is_echoed = answer.body == echostr.as_bytes();
    let no_echo = Fault::NoEcho {
        status: answer.status,
        said: answer.first_line(),
        stale: answer.drift.filter(|apart| *apart >= STALE),
    };
    match answer.status {
        200 if is_echoed => Ok(Fine::Echoed),
        400.. => Err(no_echo),
        status if is_echoed => Err(Fault::OtherStatus(status)),
        _ => Err(around(answer, echostr).unwrap_or(no_echo)),
    }
}

/// Returns the fault if `echostr` came back with something around it, or a web page instead.
fn around(answer: &HttpAnswer, echostr: &str) -> Option<Fault> {
    let text = answer.text();
    let Some((before, after)) = text.split_once(echostr) else {
        let is_part = is_part(text.trim(), echostr);
        let changed = is_part.then(|| Fault::EchoChanged(answer.first_line()));
        return answer.is_page().then_some(Fault::WebPage).or(changed);
    };
    let quotes = ['"', '\''];
    Some(match (before.trim(), after.trim()) {
        _ if answer.is_page() => Fault::EchoInPage,
        (tag, end) if tag.ends_with('>') && end.starts_with("</") => Fault::EchoInTags,
        _ if before.starts_with('\u{feff}') => Fault::EchoAfterBom,
        _ if before.ends_with(quotes) && after.starts_with(quotes) => Fault::EchoInQuotes,
        ("", "") if [before, after].concat().contains(['\n', '\r']) => Fault::EchoInLines,
        ("", "") => Fault::EchoInWhitespace,
        _ => Fault::EchoAmid(answer.first_line()),
    })
}

/// Returns whether a text is an end of `echostr`, or begins like it, as a number does that was
/// rounded, even one with an exponent: `1.2345678901234567e+18`.
fn is_part(text: &str, echostr: &str) -> bool {
    let digits = text.split(['e', 'E']).next().unwrap_or_default();
    let digits = digits.replace('.', "");
    let number = digits.trim_start_matches('0').chars();
    let same = number.zip(echostr.trim_start_matches('0').chars());
    let same = same.take_while(|(a, b)| a == b);
    text.len() >= ECHOED_CHARS && (same.count() >= ECHOED_CHARS || echostr.ends_with(text))
}

/// Returns an answer over HTTP/1.0, or what keeps WeChat from reading it, whatever its body is.
pub(super) fn http10(sent: Sent) -> Result<HttpAnswer, Fault> {
    let answer = sent.map_err(Fault::NoAnswer10)?;
    match answer.status {
        _ if answer.is_chunked() => Err(Fault::Chunks10),
        _ if answer.kept_open => Err(Fault::KeptOpen10),
        status @ 400.. => Err(Fault::Refused10(status, answer.first_line())),
        _ => Ok(answer),
    }
}

/// Judges whether a verification was rejected. `accepted`: the finding if it was not.
pub(super) fn rejected(sent: &Sent, echostr: &str, accepted: Finding) -> Finding {
    match sent {
        Ok(answer) if answer.status < 400 && answer.text().contains(echostr) => accepted,
        Ok(answer) => Ok(Fine::Rejected(answer.status)),
        Err(_) => Ok(Fine::Ignored),
    }
}

/// Judges the server's clock.
pub(super) fn clock(answer: &HttpAnswer) -> Finding {
    match answer.drift {
        None => Ok(Fine::NoClock),
        Some(0..EQUAL_CLOCKS) => Ok(Fine::ClocksAgree),
        Some(apart @ EQUAL_CLOCKS..STALE) => Ok(Fine::Warning(Warning::ClocksApart(apart))),
        Some(apart) => Err(Fault::ClocksApart(apart)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ECHOSTR: &str = "1234567890";

    fn answer(status: u16, body: &str) -> HttpAnswer {
        HttpAnswer {
            status,
            body: body.as_bytes().to_vec(),
            ..HttpAnswer::default()
        }
    }

    fn header(name: &str, value: &str) -> Vec<(String, String)> {
        vec![(name.to_owned(), value.to_owned())]
    }

    fn here() -> BotUrl {
        "http://bot.cn/wechat".parse().unwrap()
    }

    #[test]
    fn a_path_answers_unless_there_is_nothing_or_nobody() {
        let path = |status| path(&answer(status, ""), &here());
        let fine = |status| Ok(Fine::Answers(status));
        assert_eq!(path(200), fine(200));
        assert_eq!(path(403), fine(403));
        for (status, fault) in [
            (404, Fault::NothingHere),
            (405, Fault::NoGet(405)),
            (501, Fault::NoGet(501)),
            (302, Fault::RedirectNowhere(302)),
            (500, Fault::ServerFails(500)),
            (502, Fault::ProxyWithoutBot(502)),
            (401, Fault::WantsPassword(401)),
        ] {
            assert_eq!(path(status), Err(fault));
        }
    }

    #[test]
    fn what_is_not_the_bot_is_told() {
        let told = |status, body: &str| reached(&answer(status, body), &here()).err();
        let page = "<html><body>blocked</body></html>";
        for status in [400, 403, 404, 418] {
            assert_eq!(told(status, page), Some(Fault::WebServer(status)));
            assert_eq!(told(status, "forbidden"), None);
        }
        for status in [200, 405, 500] {
            assert_eq!(told(status, page), None);
        }
        assert_eq!(told(401, page), Some(Fault::WantsPassword(401)));
        assert_eq!(told(502, page), Some(Fault::ProxyWithoutBot(502)));
        let nginx = "<html><title>400 The plain HTTP request was sent to HTTPS port</title>";
        assert_eq!(told(400, nginx), Some(Fault::WantsHttps(400)));
        let apache = "<p>Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />";
        assert_eq!(told(400, apache), Some(Fault::WantsHttps(400)));
        assert_eq!(told(400, ""), Some(Fault::EmptyRefusal(400)));
        assert_eq!(told(400, "bad request"), None);
    }

    #[test]
    fn a_redirect_is_told_by_what_it_adds() {
        let redirected = |url: &str, to: &str| {
            let answer = HttpAnswer {
                headers: header("Location", to),
                ..answer(301, "")
            };
            redirect(&answer, &url.parse().unwrap())
        };
        let status = 301;
        for to in ["http://bot.cn/wechat/", "/wechat/?signature=1"] {
            let fault = redirected("http://bot.cn/wechat", to);
            let to = to.replace("?signature=1", "");
            assert_eq!(fault, Fault::RedirectToSlash(to, status));
        }
        for (url, to) in [
            ("http://bot.cn/wechat", "https://bot.cn/wechat?signature=1"),
            ("http://bot.cn", "https://bot.cn/"),
        ] {
            let fault = redirected(url, to);
            let to = to.replace("?signature=1", "");
            assert_eq!(fault, Fault::RedirectToHttps(to, status));
        }
        for to in ["wechat/", "//bot.cn/wechat/"] {
            let fault = redirected("http://bot.cn/wechat", to);
            assert_eq!(fault, Fault::RedirectToSlash(to.to_owned(), status));
        }
        let to = "https://bot.cn:8443/wechat/";
        let fault = redirected("http://bot.cn:8443/wechat", to);
        assert_eq!(fault, Fault::RedirectToHttpsAndSlash(to.to_owned(), status));
        for to in [
            "/User/Login",
            "wp-login.php",
            "https://sso.cn/signin/wechat",
        ] {
            let fault = redirected("http://bot.cn/wechat", to);
            assert_eq!(fault, Fault::RedirectToLogin(to.to_owned(), status));
        }
        for to in [
            "https://www.bot.cn/wechat",
            "https://bot.cn:8443/wechat",
            "https://login.designinc.com/wechat/loginhelp?next=/login",
            "/wechat//",
            "http://[/",
        ] {
            let fault = redirected("http://bot.cn/wechat", to);
            let to = to.replace("?next=/login", "");
            assert_eq!(fault, Fault::Redirect(to, status));
        }
        let to = "http://bot.cn/wechat".to_owned();
        let fault = redirected("https://bot.cn/wechat", &to);
        assert_eq!(fault, Fault::Redirect(to.clone(), status));
        assert_eq!(redirected(&to, ""), Fault::RedirectNowhere(status));
        let fault = redirected(&to, "?cookie=1");
        assert_eq!(fault, Fault::RedirectToSame(to.clone(), status));
        for to in [to.as_str(), "/wechat", "wechat"] {
            let fault = redirected("http://bot.cn/wechat", to);
            assert_eq!(fault, Fault::RedirectToSame(to.to_owned(), status));
        }
    }

    #[test]
    fn echostr_is_right_only_as_it_was_sent() {
        let echo = |status, body: &str| echo(&answer(status, body), ECHOSTR);
        assert_eq!(echo(200, ECHOSTR), Ok(Fine::Echoed));
        assert_eq!(echo(201, ECHOSTR), Err(Fault::OtherStatus(201)));
        let no_echo = |said: &str| Fault::NoEcho {
            status: 200,
            said: said.to_owned(),
            stale: None,
        };
        for (body, fault) in [
            ("\u{feff}1234567890", Fault::EchoAfterBom),
            ("\"1234567890\"", Fault::EchoInQuotes),
            ("{\"echostr\":\"1234567890\"}", Fault::EchoInQuotes),
            ("1234567890\n", Fault::EchoInLines),
            ("\r\n 1234567890", Fault::EchoInLines),
            (" 1234567890", Fault::EchoInWhitespace),
            ("ok 1234567890", Fault::EchoAmid("ok 1234567890".to_owned())),
            ("<!DOCTYPE html>1234567890", Fault::EchoInPage),
            ("<html>\n1234567890", Fault::EchoInPage),
            ("\u{feff}\n<html lang=zh>", Fault::WebPage),
            ("<pre>1234567890</pre>\n", Fault::EchoInTags),
            (
                "1.23456789e+9",
                Fault::EchoChanged("1.23456789e+9".to_owned()),
            ),
            ("1.2345678E9", Fault::EchoChanged("1.2345678E9".to_owned())),
            ("1.234567E9", no_echo("1.234567E9")),
            ("12345678", Fault::EchoChanged("12345678".to_owned())),
            ("34567890\n", Fault::EchoChanged("34567890".to_owned())),
            ("1234567900", no_echo("1234567900")),
            ("7890", no_echo("7890")),
            ("", no_echo("")),
            ("error", no_echo("error")),
        ] {
            assert_eq!(echo(200, body), Err(fault));
        }
    }

    #[test]
    fn a_refusal_comes_from_the_token_unless_the_clocks_differ() {
        for (drift, stale) in [(None, None), (Some(299), None), (Some(300), Some(300))] {
            let refused = Fault::NoEcho {
                status: 403,
                said: "forbidden".to_owned(),
                stale,
            };
            let answer = HttpAnswer {
                drift,
                ..answer(403, "forbidden")
            };
            assert_eq!(echo(&answer, ECHOSTR), Err(refused));
        }
    }

    #[test]
    fn an_answer_by_http_1_0_has_no_chunks_and_ends_with_its_connection() {
        assert_eq!(http10(Ok(answer(200, ""))), Ok(answer(200, "")));
        let chunked = HttpAnswer {
            headers: header("Transfer-Encoding", "chunked"),
            ..answer(200, "")
        };
        assert_eq!(http10(Ok(chunked)), Err(Fault::Chunks10));
        let kept_open = HttpAnswer {
            kept_open: true,
            ..answer(200, "")
        };
        assert_eq!(http10(Ok(kept_open)), Err(Fault::KeptOpen10));
        let refused = Fault::Refused10(505, "no".to_owned());
        assert_eq!(http10(Ok(answer(505, "no"))), Err(refused));
    }

    #[test]
    fn a_request_is_turned_away_by_status_or_by_silence() {
        for accepted in [Err(Fault::AnyToken), Ok(Fine::Warning(Warning::Replayable))] {
            let rejected =
                |status, body: &str| rejected(&Ok(answer(status, body)), ECHOSTR, accepted.clone());
            for (status, body) in [(403, ""), (200, ""), (200, "error"), (401, ECHOSTR)] {
                assert_eq!(rejected(status, body), Ok(Fine::Rejected(status)));
            }
            assert_eq!(rejected(200, ECHOSTR), accepted);
        }
    }

    #[test]
    fn clocks_agree_differ_or_are_wrong() {
        let clock = |drift| {
            clock(&HttpAnswer {
                drift,
                ..HttpAnswer::default()
            })
        };
        assert_eq!(clock(None), Ok(Fine::NoClock));
        assert_eq!(clock(Some(29)), Ok(Fine::ClocksAgree));
        let warning = Ok(Fine::Warning(Warning::ClocksApart(30)));
        assert_eq!(clock(Some(30)), warning);
        assert_eq!(clock(Some(300)), Err(Fault::ClocksApart(300)));
    }
}
