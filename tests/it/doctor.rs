//! `doctor` against servers that are well, and against each illness it knows.

use std::{
    net::{SocketAddr, TcpStream},
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use socket2::{Domain, Socket, Type};

use crate::{
    fake::{Call, Fake, answer, cdata, content, ok, reply, right, secure},
    owner::{SECRETS, closed_port, run},
    support::{Bot, TOKEN, daoxiao, now},
    tools::{Daemon, directory, find, free_address},
};

/// Longer than WeChat waits.
const SIX_SECONDS: Duration = Duration::from_secs(6);

/// What the doctor printed, without the times.
#[derive(Debug)]
struct Verdict {
    code: Option<i32>,
    lines: Vec<String>,
}

impl Verdict {
    /// The lines about what is wrong.
    fn wrong(&self) -> Vec<&str> {
        let lines = self.lines.iter().map(String::as_str);
        lines.filter(|line| line.starts_with('✗')).collect()
    }

    fn last(&self) -> &str {
        self.lines.last().unwrap()
    }

    /// One thing is wrong, and it is the thing to do first.
    #[track_caller]
    fn assert_wrong(&self, line: &str, last: &str) {
        assert_eq!(self.code, Some(1), "{self:#?}");
        assert_eq!(self.wrong(), [line], "{self:#?}");
        assert_eq!(self.last(), last, "{self:#?}");
    }

    #[track_caller]
    fn assert_well(&self, checks: &[&str]) {
        assert_eq!(self.code, Some(0), "{self:#?}");
        let (last, lines) = self.lines.split_last().unwrap();
        assert_eq!(last, WELL);
        let name = |line: &str| line.split(": ").next().unwrap().to_owned();
        let names: Vec<String> = lines.iter().map(|line| name(line)).collect();
        let expected: Vec<String> = checks.iter().map(|check| format!("✓ {check}")).collect();
        assert_eq!(names, expected, "{self:#?}");
    }
}

const WELL: &str =
    "All is well from here. WeChat needs the bot's public address: run doctor with that, too.";

const SAME_TOKEN: &str = "Do this first: use the same Token in WECHAT_TOKEN here, at the platform and on the server, and let the proxy pass the query on.";

const CHECKS: [&str; 12] = [
    "connection",
    "path",
    "port",
    "handshake",
    "wrong Token",
    "text",
    "text with ]]>",
    "long text",
    "forged message",
    "old request",
    "clock",
    "repeated message",
];

fn examine(url: &str, variables: &[(&str, &str)]) -> Verdict {
    let mut command = daoxiao(&["doctor", url]);
    command
        .env("WECHAT_TOKEN", TOKEN)
        .envs(variables.iter().copied());
    let outcome = run(command, "");
    assert_eq!(outcome.err, "", "{outcome:?}");
    Verdict {
        code: outcome.code,
        lines: outcome.out.lines().map(without_time).collect(),
    }
}

/// Each line but the last ends with its time in brackets.
fn without_time(line: &str) -> String {
    match line.rsplit_once(" (") {
        Some((line, time)) if time.ends_with("s)") => line.to_owned(),
        _ => line.to_owned(),
    }
}

fn examine_fake(answer: impl Fn(&Call) -> String + Send + Sync + 'static) -> Verdict {
    examine(&Fake::start(answer).url(), &[])
}

fn url(bot: &Bot, path: &str) -> String {
    format!("http://{}{path}", bot.address)
}

#[test]
fn a_healthy_bot_is_well_in_plaintext_mode() {
    let bot = Bot::start();
    examine(&url(&bot, "/wechat"), &[]).assert_well(&CHECKS);
}

#[test]
fn a_healthy_bot_is_well_in_secure_mode() {
    let bot = Bot::with(&["--joke-source", "none"], &SECRETS);
    let checks = [&CHECKS[..], &["body without encryption"]].concat();
    examine(&url(&bot, "/"), &SECRETS).assert_well(&checks);
}

#[test]
fn a_strangers_healthy_server_is_well() {
    examine_fake(right).assert_well(&CHECKS);
}

#[test]
fn every_check_tells_its_time() {
    let fake = Fake::start(right);
    let mut command = daoxiao(&["doctor", &fake.url()]);
    command.env("WECHAT_TOKEN", TOKEN);
    let outcome = run(command, "");
    let (_, checks) = outcome
        .out
        .trim_end()
        .rsplit_once('\n')
        .map(|(a, b)| (b, a))
        .unwrap();
    for line in checks.lines() {
        assert!(line.starts_with("✓ ") && line.ends_with(" ms)"), "{line}");
    }
}

#[test]
fn a_wrong_path() {
    let bot = Bot::start();
    examine(&url(&bot, "/nowhere"), &[]).assert_wrong(
        "✗ path: there is nothing at this path (404)",
        "Do this first: fix the path in the URL: daoxiao answers at / and /wechat unless --path says otherwise.",
    );
}

#[test]
fn a_wrong_token() {
    let bot = Bot::start();
    examine(&url(&bot, "/wechat"), &[("WECHAT_TOKEN", "another")])
        .assert_wrong("✗ handshake: refused with 403: forbidden", SAME_TOKEN);
}

#[test]
fn a_closed_port() {
    let url = closed_port();
    let verdict = examine(&url, &[]);
    assert_eq!(verdict.lines.len(), 2, "{verdict:#?}");
    assert!(verdict.wrong()[0].starts_with("✗ connection: nothing listens on 127.0.0.1, port "));
    assert_eq!(
        (verdict.code, verdict.last()),
        (
            Some(1),
            "Do this first: start the bot on that machine, or fix the port in the URL."
        )
    );
}

#[test]
fn an_unknown_host() {
    // No name has a part of more than 63 letters, so nobody needs to be asked.
    let host = "a".repeat(64);
    examine(&format!("http://{host}/wechat"), &[]).assert_wrong(
        &format!("✗ connection: nobody knows the host {host}"),
        "Do this first: fix the host in the URL, or the DNS record of its name.",
    );
}

#[test]
fn a_server_that_answers_messages_after_six_seconds() {
    let begun = Instant::now();
    examine_fake(|call| {
        if call.method == "POST" {
            thread::sleep(SIX_SECONDS);
        }
        right(call)
    })
    .assert_wrong(
        "✗ text: no answer within 5 s",
        "Do this first: make the server answer within 5 s: WeChat waits no longer.",
    );
    assert!(begun.elapsed() < SIX_SECONDS);
}

#[test]
fn a_server_that_answers_everything_after_six_seconds() {
    let begun = Instant::now();
    examine_fake(|call| {
        thread::sleep(SIX_SECONDS);
        right(call)
    })
    .assert_wrong(
        "✗ path: no answer within 5 s",
        "Do this first: make the server answer within 5 s: WeChat waits no longer.",
    );
    assert!(begun.elapsed() < SIX_SECONDS);
}

#[test]
fn a_static_web_page() {
    examine_fake(|_| ok("<!DOCTYPE html><html><body>Welcome to nginx!</body></html>")).assert_wrong(
        "✗ handshake: a web page came back, not echostr",
        "Do this first: let the URL lead to the bot: this address, path or proxy leads to a website.",
    );
}

#[test]
fn a_server_that_echoes_anything() {
    let verdict = examine_fake(|call| match call.method.as_str() {
        "GET" => ok(call.field("echostr")),
        _ => ok("success"),
    });
    verdict.assert_wrong(
        "✗ wrong Token: a wrong Token is taken for right",
        "Do this first: check the signature on the server: as it is, anyone can pose as WeChat.",
    );
}

#[test]
fn a_create_time_in_milliseconds() {
    let verdict = examine_fake(|call| {
        if call.method == "GET" || !call.is_signed() {
            return right(call);
        }
        ok(&reply(
            call,
            &format!("{}000", now()),
            &cdata(&content(call)),
        ))
    });
    assert_eq!(verdict.code, Some(1));
    assert_eq!(verdict.wrong()[0], "✗ text: CreateTime is in milliseconds");
    assert_eq!(
        verdict.last(),
        "Do this first: give CreateTime in seconds: divide by 1000."
    );
}

#[test]
fn a_reply_that_breaks_at_the_end_of_a_section() {
    let naive = |text: &str| format!("<![CDATA[{text}]]>");
    let echo = move |call: &Call| {
        if call.method == "GET" || !call.is_signed() {
            return right(call);
        }
        ok(&reply(call, &now().to_string(), &naive(&content(call))))
    };
    let reverse = move |call: &Call| {
        if call.method == "GET" || !call.is_signed() {
            return right(call);
        }
        let backwards: String = content(call).chars().rev().collect();
        ok(&reply(call, &now().to_string(), &naive(&backwards)))
    };
    for verdict in [examine_fake(echo), examine_fake(reverse)] {
        assert_eq!(
            (verdict.code, verdict.wrong().len()),
            (Some(1), 1),
            "{verdict:#?}"
        );
        assert!(verdict.wrong()[0].starts_with("✗ text with ]]>: the answer is no reply: "));
        assert!(
            verdict
                .last()
                .ends_with("split every ]]> between two CDATA sections.")
        );
    }
}

#[test]
fn an_echostr_with_something_around_it() {
    for (before, after, line, first) in [
        (
            "\u{feff}",
            "",
            "a byte order mark (BOM) stands before echostr",
            "save the server's files as UTF-8 without BOM",
        ),
        (
            "\"",
            "\"",
            "echostr came back in quotes",
            "answer with the bare text of echostr, not with JSON",
        ),
        (
            "",
            "\n",
            "whitespace stands around echostr",
            "write echostr without a line break, and leave nothing outside the program's code",
        ),
    ] {
        examine_fake(move |call| ok(&format!("{before}{}{after}", call.field("echostr"))))
            .assert_wrong(
                &format!("✗ handshake: {line}"),
                &format!("Do this first: {first}."),
            );
    }
}

#[test]
fn a_forged_message_that_is_answered() {
    examine_fake(|call| match call.method.as_str() {
        "GET" => right(call),
        _ => ok(&reply(call, &now().to_string(), &cdata(&content(call)))),
    })
    .assert_wrong(
        "✗ forged message: answered with \"你好 daoxiao\"",
        "Do this first: check the signature of every POST too: as it is, anyone can write in a user's name.",
    );
}

#[test]
fn an_old_request_that_is_answered_is_a_warning() {
    let verdict = examine_fake(|call| {
        if call.is_signed() && call.method == "GET" {
            ok(call.field("echostr"))
        } else {
            right(call)
        }
    });
    assert_eq!(
        (verdict.code, verdict.wrong().len()),
        (Some(0), 0),
        "{verdict:#?}"
    );
    assert!(
        verdict.lines[9].starts_with("✓ old request: warning: "),
        "{verdict:#?}"
    );
    assert_eq!(verdict.last(), "All is well, but for the warnings above.");
}

#[test]
fn a_clock_that_is_wrong() {
    let late = "HTTP/1.1 403 Forbidden\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let verdict = examine_fake(|_| late.to_owned());
    assert_eq!(verdict.wrong(), ["✗ handshake: refused with 403: "]);
    assert!(
        verdict
            .last()
            .starts_with("Do this first: set the clocks right: "),
        "{verdict:#?}"
    );
}

#[test]
fn a_long_text_that_is_answered_with_a_longer_one() {
    examine_fake(|call| {
        if call.method == "GET" || !call.is_signed() {
            return right(call);
        }
        let words = format!("You said: {}", content(call));
        ok(&reply(call, &now().to_string(), &cdata(&words)))
    })
    .assert_wrong(
        "✗ long text: Content has 2056 bytes",
        "Do this first: cut Content to 2047 bytes: WeChat refuses what is longer.",
    );
}

#[test]
fn a_repeat_that_is_answered_anew() {
    let count = AtomicUsize::new(0);
    examine_fake(move |call| {
        if call.method == "GET" || !call.is_signed() {
            return right(call);
        }
        let number = count.fetch_add(1, Ordering::SeqCst).to_string();
        ok(&reply(call, &now().to_string(), &number))
    })
    .assert_wrong(
        "✗ repeated message: the same message again got another answer",
        "Do this first: keep each answer for a minute by FromUserName and MsgId, and give it to the repeat.",
    );
}

#[test]
fn a_secure_server_without_the_key_here() {
    let bot = Bot::with(&["--joke-source", "none"], &SECRETS);
    examine(&url(&bot, "/wechat"), &[]).assert_wrong(
        "✗ text: refused with 403: forbidden",
        "Do this first: set WECHAT_ENCODING_AES_KEY and WECHAT_APPID here if the server is in secure mode; if it is not, read the server's log.",
    );
}

#[test]
fn a_secure_server_with_another_key_or_account() {
    let bot = Bot::with(&["--joke-source", "none"], &SECRETS);
    for other in [
        ("WECHAT_APPID", "wxfedcba0987654321"),
        (
            "WECHAT_ENCODING_AES_KEY",
            "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefg",
        ),
    ] {
        let variables = [SECRETS[0], SECRETS[1], other];
        examine(&url(&bot, "/wechat"), &variables).assert_wrong(
            "✗ text: refused with 403: forbidden",
            "Do this first: use the same EncodingAESKey and AppID here, at the platform and on the server, or none in plaintext mode.",
        );
    }
}

#[test]
fn a_plain_reply_in_secure_mode() {
    let verdict = examine(&Fake::start(|call| match call.method.as_str() {
        "GET" => right(call),
        _ if !call.is_signed() => right(call),
        _ => ok(&format!(
            "<xml><ToUserName>oDaoxiaoDoctor</ToUserName><FromUserName>gh_daoxiao</FromUserName>\
             <CreateTime>{}</CreateTime><MsgType>text</MsgType><Content>a</Content></xml>",
            now()
        )),
    })
    .url(), &SECRETS);
    assert_eq!(verdict.wrong()[0], "✗ text: the reply is not encrypted");
    assert_eq!(
        verdict.last(),
        "Do this first: encrypt the replies: in secure mode WeChat takes no other."
    );
    assert!(
        verdict
            .wrong()
            .iter()
            .any(|line| line.starts_with("✗ body without encryption: "))
    );
}

#[test]
fn a_server_that_fails_or_leads_elsewhere() {
    examine_fake(|_| answer("502 Bad Gateway", "")).assert_wrong(
        "✗ path: the proxy reaches no bot (502)",
        "Do this first: start the bot behind the proxy, or fix its address in the proxy's settings.",
    );
    let moved = "HTTP/1.1 301 Moved\r\nLocation: https://a/\r\nContent-Length: 0\r\n\r\n";
    examine_fake(|_| moved.to_owned()).assert_wrong(
        "✗ path: it sends the caller to https://a/ (301)",
        "Do this first: use the address that it leads to: WeChat follows no redirect.",
    );
}

#[test]
fn a_secure_bot_without_its_key() {
    let bot = Bot::start();
    examine(&url(&bot, "/wechat"), &SECRETS).assert_wrong(
        "✗ text: refused with 400: bad request",
        "Do this first: set WECHAT_ENCODING_AES_KEY and WECHAT_APPID on the server: it has no key.",
    );
}

#[test]
fn a_secure_server() {
    let checks = [&CHECKS[..], &["body without encryption"]].concat();
    let fake = Fake::start(|call| secure(call, call.has_msg_signature()));
    examine(&fake.url(), &SECRETS).assert_well(&checks);
}

#[test]
fn a_secure_server_that_looks_at_no_signature_of_messages() {
    let fake = Fake::start(|call| secure(call, true));
    examine(&fake.url(), &SECRETS).assert_wrong(
        "✗ forged message: answered with \"你好 daoxiao\"",
        "Do this first: check the signature of every POST too: as it is, anyone can write in a user's name.",
    );
}

#[test]
fn a_port_without_tls() {
    let bot = Bot::start();
    examine(&format!("https://{}/wechat", bot.address), &[]).assert_wrong(
        "✗ path: this port speaks http, not https",
        "Do this first: write http:// in the URL, or put TLS before the bot (nginx or a tunnel).",
    );
}

#[test]
fn a_certificate_that_is_self_signed() {
    let Some(openssl) = find("openssl") else {
        return;
    };
    let directory = directory("self-signed");
    let made = Command::new(&openssl)
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt"])
        .args(["ec_paramgen_curve:prime256v1", "-nodes", "-subj"])
        .args(["/CN=bot", "-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(&directory)
        .stderr(Stdio::null())
        .status();
    assert!(made.unwrap().success());
    let address = free_address();
    let mut server = Command::new(&openssl);
    server
        .args(["s_server", "-quiet", "-www", "-key", "key.pem"])
        .args(["-cert", "cert.pem", "-accept", &address.to_string()])
        .current_dir(&directory)
        .stderr(Stdio::null());
    let _server = Daemon::start(server, address);
    examine(&format!("https://{address}/wechat"), &[]).assert_wrong(
        "✗ path: the secure connection failed: the certificate is self-signed, or the chain to its authority is incomplete",
        "Do this first: fix the certificate, or use http on port 80.",
    );
}

#[test]
fn a_port_that_a_firewall_drops() {
    // One connection waits to be accepted; the kernel drops the calls of those that come after it.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any_port: SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&any_port.into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let _waiting = TcpStream::connect(address).unwrap();
    let verdict = examine(&format!("http://{address}/"), &[]);
    assert_eq!(verdict.code, Some(1), "{verdict:#?}");
    let line = "✗ connection: no answer from 127.0.0.1, port ";
    assert!(verdict.wrong()[0].starts_with(line), "{verdict:#?}");
    assert!(
        verdict.last().starts_with("Do this first: open port "),
        "{verdict:#?}"
    );
}

#[test]
fn a_web_server_or_a_firewall_before_the_bot() {
    let page = "<html><head><title>403</title></head></html>";
    let fix = "Do this first: let the web server or the firewall pass this host and path on to the bot, or fix them in the URL.";
    examine_fake(move |_| answer("403 Forbidden", page)).assert_wrong(
        "✗ path: a web server or a firewall answers, not the bot (403)",
        fix,
    );
    let typed =
        "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<body>";
    examine_fake(move |_| typed.to_owned()).assert_wrong(
        "✗ path: a web server or a firewall answers, not the bot (404)",
        fix,
    );
    examine_fake(move |call| match call.method.as_str() {
        "GET" => right(call),
        _ => answer("403 Forbidden", page),
    })
    .assert_wrong(
        "✗ text: a web server or a firewall answers, not the bot (403)",
        fix,
    );
    examine_fake(|_| answer("401 Unauthorized", "")).assert_wrong(
        "✗ path: a password is asked for (401)",
        "Do this first: let WeChat in without a password at this path: it has none.",
    );
    let https = "<html><title>400 The plain HTTP request was sent to HTTPS port</title></html>";
    examine_fake(move |_| answer("400 Bad Request", https)).assert_wrong(
        "✗ path: this port speaks https, not http (400)",
        "Do this first: write https:// in the URL.",
    );
}

#[test]
fn a_status_that_is_not_200() {
    examine_fake(|call| match call.method.as_str() {
        "GET" if call.is_signed() => answer("201 Created", call.field("echostr")),
        _ => right(call),
    })
    .assert_wrong(
        "✗ handshake: echostr came back with status 201",
        "Do this first: answer with status 200: WeChat may take no other.",
    );
    examine_fake(|call| match call.method.as_str() {
        "GET" => right(call),
        _ => answer("302 Found", ""),
    })
    .assert_wrong(
        "✗ text: it sends the caller away and does not say where (302)",
        "Do this first: answer with status 200: WeChat follows no redirect.",
    );
}
