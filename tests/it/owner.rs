//! `say`, `sign` and `chat`, against the real bot.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpListener,
    process::{Command, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use nix::pty::{Winsize, openpty};
use serde_json::{Value, json};

use crate::{
    cli::COMMANDS,
    fake::{Call, Fake, answer, content, ok, reply, right, with_header},
    support::{Bot, TOKEN, Temporary, daoxiao, now},
    tools::{Daemon, free_address},
};

/// Switch encryption on, for a bot and for whoever plays WeChat.
pub const SECRETS: [(&str, &str); 2] = [
    (
        "WECHAT_ENCODING_AES_KEY",
        "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
    ),
    ("WECHAT_APPID", "wx1234567890abcdef"),
];

/// What a command printed, and how it ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Runs a command with the tests' Token and this standard input.
pub fn run(mut command: Command, input: impl AsRef<[u8]>) -> Outcome {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // Whoever does not read it may be gone already.
    let _ = stdin.write_all(input.as_ref());
    drop(stdin);
    child.wait_with_output().unwrap().into()
}

fn with_token(arguments: &[&str]) -> Command {
    let mut command = daoxiao(arguments);
    command.env("WECHAT_TOKEN", TOKEN);
    command
}

fn say_to(bot: &Bot, arguments: &[&str]) -> Outcome {
    let url = format!("http://{}/wechat", bot.address);
    let mut command = with_token(&["say"]);
    command.args(arguments).env("DAOXIAO_URL", url);
    run(command, "")
}

pub fn printed(out: &str) -> Outcome {
    Outcome {
        code: Some(0),
        out: out.to_owned(),
        err: String::new(),
    }
}

#[test]
fn say_prints_the_text_of_the_reply() {
    let bot = Bot::start();
    assert_eq!(say_to(&bot, &["上海自来水"]), printed("水来自海上\n"));
    assert_eq!(say_to(&bot, &["a", "b", "]]>"]), printed(">]] b a\n"));
    assert_eq!(say_to(&bot, &["--", "--raw"]), printed("war--\n"));
}

#[test]
fn say_prints_the_xml_if_asked_to() {
    let bot = Bot::start();
    let said = say_to(&bot, &["--raw", "--user", "o-Me_1", "ab"]);
    assert!(
        said.out
            .starts_with("<xml><ToUserName><![CDATA[o-Me_1]]></ToUserName>"),
        "{said:?}"
    );
    assert!(said.out.ends_with("</xml>\n"), "{said:?}");
    assert!(said.out.contains("<![CDATA[ba]]>"), "{said:?}");
}

#[test]
fn say_prints_nothing_where_there_is_no_reply() {
    let bot = Bot::start();
    let unanswered = Outcome {
        code: Some(3),
        out: String::new(),
        err: "the bot accepted the message and has no answer to it\n".to_owned(),
    };
    assert_eq!(say_to(&bot, &["--event", "unsubscribe"]), unanswered);
    let welcome = say_to(&bot, &["--event", "subscribe"]);
    assert_eq!((welcome.code, welcome.out.is_empty()), (Some(0), false));
    let joke = say_to(&bot, &["--event", "CLICK", "--key", "今日笑话"]);
    assert_eq!((joke.code, joke.out.is_empty()), (Some(0), false));
    assert_ne!(joke.out, welcome.out);
}

#[test]
fn say_encrypts_if_there_is_a_key() {
    let bot = Bot::with(&["--joke-source", "none"], &SECRETS);
    let url = format!("http://{}/wechat", bot.address);
    let mut command = with_token(&["say", "--url", &url, "秘密"]);
    command.envs(SECRETS);
    assert_eq!(run(command, ""), printed("密秘\n"));
    let plain = say_to(&bot, &["秘密"]);
    assert_eq!(
        plain,
        Outcome {
            code: Some(1),
            out: String::new(),
            err: "error: refused with 403: forbidden\nDo this first: if the server is in secure \
                  mode, set WECHAT_ENCODING_AES_KEY and WECHAT_APPID here; if not, read the server's \
                  log.\n"
                .to_owned(),
        }
    );
}

#[test]
fn say_tells_why_it_was_refused_or_not_heard() {
    let bot = Bot::start();
    let nowhere = format!("http://{}/nowhere", bot.address);
    let refused = run(with_token(&["say", "--url", &nowhere, "a"]), "");
    assert_eq!((refused.code, refused.out.as_str()), (Some(1), ""));
    assert_eq!(
        refused.err,
        "error: refused with 404: not found\nDo this first: fix the path in the URL: daoxiao answers at / and \
         /wechat unless --path says otherwise.\n"
    );
    let closed = closed_port();
    let unheard = run(with_token(&["say", "--url", &closed, "a"]), "");
    assert_eq!((unheard.code, unheard.out.as_str()), (Some(1), ""));
    let port = closed.rsplit_once(':').unwrap().1.replace("/wechat", "");
    let expected = format!(
        "error: nothing is listening on 127.0.0.1, port {port}\nDo this first: start the bot on that \
         machine, or fix the port in the URL.\n"
    );
    assert_eq!(unheard.err, expected);
    let https = format!("https://{}/", bot.address);
    let unheard = run(with_token(&["say", "--url", &https, "a"]), "");
    assert_eq!((unheard.code, unheard.out.as_str()), (Some(1), ""));
    assert_eq!(
        unheard.err,
        "error: this port speaks http, not https\nDo this first: write http:// in the URL, or put https in \
         front of the bot (Caddy, nginx or a tunnel).\n"
    );
}

/// The URL of a port that nothing listens on.
pub fn closed_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/wechat", listener.local_addr().unwrap())
}

#[test]
fn commands_that_sign_need_a_token() {
    // The web server waits for an answer.
    let answer = "Status: 500 Refused\r\nContent-Type: text/plain\r\nContent-Length: 22\r\n\r\n\
                  the bot is not set up\n";
    for (arguments, out) in [
        (&["say", "a"][..], ""),
        (&["sign"], ""),
        (&["doctor", "http://127.0.0.1:1/"], ""),
        (&["cgi"], answer),
        (&["chat", "--url", "http://127.0.0.1:1/"], ""),
    ] {
        let mut command = daoxiao(arguments);
        command.env("REQUEST_METHOD", "GET");
        let outcome = run(command, "");
        assert_eq!((outcome.code, outcome.out.as_str()), (Some(2), out));
        assert!(
            outcome.err.starts_with("error: WECHAT_TOKEN is not set: "),
            "{arguments:?}: {outcome:?}"
        );
    }
}

#[test]
fn wrong_usage_ends_with_2_and_names_what_is_wrong() {
    for (arguments, word) in [
        (&["say"][..], "<TEXT>"),
        (&["say", "--key", "k", "a"], "--key"),
        (&["say", "--event", "CLICK", "a"], "--event"),
        (
            &["say", "--url", "wechat", "a"],
            "http://127.0.0.1:8080/wechat",
        ),
        (
            &["say", "--url", "http://127.0.0.1:65536/", "a"],
            "with a port from 1 to 65535 or none",
        ),
        (&["doctor", "http://127.0.0.1:0/"], "with a port from 1"),
        (&["doctor", "http://127.0.0.1/微信"], "of ASCII characters"),
        (&["doctor"], "<URL>"),
        (&["doctor", "ftp://a/"], "http://127.0.0.1:8080/wechat"),
        (&["sign", "now"], "now"),
    ] {
        let outcome = run(with_token(arguments), "");
        assert_eq!((outcome.code, outcome.out.as_str()), (Some(2), ""));
        assert!(outcome.err.contains(word), "{arguments:?}: {outcome:?}");
        assert!(outcome.err.starts_with("error: "), "{outcome:?}");
    }
}

#[test]
fn sign_prints_a_query_that_the_bot_takes() {
    let bot = Bot::start();
    let signed = run(with_token(&["sign"]), "");
    assert_eq!((signed.code, signed.err.as_str()), (Some(0), ""));
    let query = signed.out.strip_suffix('\n').unwrap();
    let reply = bot.get(&format!("/wechat?{query}&echostr=hello"));
    assert_eq!((reply.status, reply.text()), (200, "hello"));
    assert_ne!(run(with_token(&["sign"]), "").out, signed.out);
}

#[test]
fn chat_answers_line_by_line_without_token_and_network() {
    let talk = run(
        daoxiao(&["chat", "--joke-source", "none"]),
        "上海自来水\n\n👨‍👩‍👧 /::)\n",
    );
    assert_eq!(talk, printed("水来自海上\n(no answer)\n/::) 👨‍👩‍👧\n"));
    let joke = run(daoxiao(&["chat", "--joke-source", "none"]), "笑话\n");
    assert_eq!((joke.code, joke.err.as_str()), (Some(0), ""));
    assert!(joke.out.trim().len() > 10, "{joke:?}");
    assert_eq!(
        run(daoxiao(&["chat", "--joke-source", "none"]), ""),
        printed("")
    );
}

#[test]
fn chat_talks_to_a_bot_that_runs_elsewhere() {
    let bot = Bot::with(&["--joke-source", "none"], &SECRETS);
    let url = format!("http://{}/", bot.address);
    let mut command = with_token(&["chat", "--url", &url]);
    command.envs(SECRETS);
    assert_eq!(run(command, "ab\ncd\n"), printed("ba\ndc\n"));
    drop(bot);
    let unheard = run(with_token(&["chat", "--url", &url]), "ab\n");
    assert_eq!((unheard.code, unheard.out.as_str()), (Some(1), ""));
}

#[test]
fn a_line_that_gets_no_answer_does_not_end_the_talk() {
    let long = "a".repeat(70_000);
    let talk = run(
        daoxiao(&["chat", "--joke-source", "none"]),
        format!("{long}\nab\n"),
    );
    assert_eq!((talk.code, talk.out.as_str()), (Some(1), "ba\n"));
    assert_eq!(
        talk.err,
        "error: refused with 413: body too large\nDo this first: send a shorter message: no user can \
         write one that long.\n"
    );
}

#[test]
fn chat_takes_lines_that_are_not_utf_8() {
    let talk = run(
        daoxiao(&["chat", "--joke-source", "none"]),
        b"ab\r\nc\xff\xfed\nef",
    );
    assert_eq!(talk, printed("ba\nd\u{fffd}\u{fffd}c\nfe\n"));
}

#[test]
fn chat_tells_nothing_of_sites_that_fail() {
    let talk = run(
        daoxiao(&["chat", "--joke-url", &closed_port()]),
        "笑话\n笑话\n",
    );
    assert_eq!((talk.code, talk.err.as_str()), (Some(0), ""));
    assert!(talk.out.trim().len() > 10, "{talk:?}");
}

#[test]
fn sign_needs_the_token_alone() {
    let mut command = with_token(&["sign"]);
    command.env("WECHAT_ENCODING_AES_KEY", SECRETS[0].1);
    assert_eq!(run(command, "").code, Some(0));
}

/// Each command that prints, with what it needs for it.
fn printing(url: &str) -> [Command; 5] {
    let mut cgi = with_token(&["cgi", "--log", "off"]);
    cgi.env("REQUEST_METHOD", "GET");
    [
        with_token(&["sign"]),
        with_token(&["say", "--url", url, "ab"]),
        with_token(&["doctor", url]),
        with_token(&["chat", "--url", url]),
        cgi,
    ]
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    let bot = Bot::start();
    for mut command in printing(&format!("http://{}/", bot.address)) {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let _ = child.stdin.take().unwrap().write_all(b"ab\n");
        let outcome = Outcome::from(child.wait_with_output().unwrap());
        assert_eq!(outcome, printed(""), "{command:?}");
    }
}

#[test]
fn an_output_that_cannot_be_written_is_one_failure_for_all() {
    let bot = Bot::start();
    for mut command in printing(&format!("http://{}/", bot.address)) {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(full)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let _ = child.stdin.take().unwrap().write_all(b"ab\n");
        let outcome = Outcome::from(child.wait_with_output().unwrap());
        assert_eq!(outcome.code, Some(1), "{command:?}");
        assert_eq!(
            outcome.err,
            "error: can't write to standard output: No space left on device (os error 28)\n"
        );
    }
}

#[test]
fn a_bot_whose_first_line_nobody_reads_serves() {
    let address = free_address();
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let mut command = with_token(&["--listen", &address.to_string(), "--joke-source", "none"]);
    command.stdout(writer).stderr(Stdio::null());
    let _bot = Daemon::start(command, address);
    let url = format!("http://{address}/");
    let said = run(with_token(&["say", "--url", &url, "ab"]), "");
    assert_eq!(said, printed("ba\n"));
}

#[test]
fn what_a_foreign_server_says_cannot_move_the_cursor_or_turn_the_text() {
    let said = |content: &'static str| {
        let fake = Fake::start(move |call| {
            assert!(call.is_signed());
            ok(&reply(call, &now().to_string(), content))
        });
        run(with_token(&["say", "--url", &fake.url(), "a"]), "")
    };
    assert_eq!(
        said("a\u{202e}b\u{9b}2J\n第二行"),
        printed("a\\u{202e}b\\u{9b}2J\n第二行\n")
    );
    let fake = Fake::start(|_| answer("403 Forbidden", "\x1b]0;owned\x07"));
    assert_eq!(
        run(with_token(&["say", "--url", &fake.url(), "a"]), "").err,
        "error: refused with 403: \\u{1b}]0;owned\\u{7}\nDo this first: make the Token the same in three places: WECHAT_TOKEN here, \
         WECHAT_TOKEN of the bot, and the platform's form; and have any proxy keep what follows the ? in the URL.\n"
    );
}

#[test]
fn say_refused_with_403_says_what_to_do() {
    let bot = Bot::start();
    let mut command = with_token(&["say", "a"]);
    command.envs([
        ("WECHAT_TOKEN", "another"),
        ("DAOXIAO_URL", &format!("http://{}/wechat", bot.address)),
    ]);
    assert_eq!(
        run(command, "").err,
        "error: refused with 403: forbidden\nDo this first: make the Token the same in three places: WECHAT_TOKEN here, \
         WECHAT_TOKEN of the bot, and the platform's form; and have any proxy keep what follows the ? in the URL.\n"
    );
}

/// The page of a web server in front, which knows nothing of Tokens.
#[test]
fn say_refused_by_a_web_server_says_that() {
    let page = "<html><body>403 Forbidden</body></html>";
    let fake = Fake::start(move |_| answer("403 Forbidden", page));
    for (language, hint) in [
        (
            "en",
            "Do this first: have the web server or the firewall forward this host and path to the \
             bot, or fix them in the URL.",
        ),
        (
            "zh",
            "先做这一步：让 Web 服务器或防火墙把这个域名和路径转给机器人，或者改正 URL。",
        ),
    ] {
        let said = run(
            with_token(&["say", "--lang", language, "--url", &fake.url(), "a"]),
            "",
        );
        assert_eq!(said.code, Some(1));
        assert_eq!(said.err.lines().last(), Some(hint), "{said:?}");
    }
}

/// A fault that `say` and `chat` meet, and what they say of it in English and in Chinese.
type Met = (fn(&Call) -> String, &'static str, &'static str);

const MET: [Met; 7] = [
    (
        |_| with_header("Location: /wechat/", &answer("301 Moved Permanently", "")),
        "error: redirects to the same address with a slash at the end: /wechat/ (301)\n\
         Do this first: write the slash in the URL too: WeChat follows no redirects.\n",
        "错误：跳转到了同一个地址，只是末尾多了斜杠：/wechat/，状态码 301\n\
         先做这一步：URL 末尾也写上斜杠：微信不跟随跳转。\n",
    ),
    (
        |_| with_header("Location: http://a/?b", &answer("302 Found", "")),
        "error: redirects to http://a/ (302)\n\
         Do this first: use the address that it redirects to: WeChat follows no redirects.\n",
        "错误：跳转到了 http://a/，状态码 302\n先做这一步：直接填跳转后的地址：微信不跟随跳转。\n",
    ),
    (
        |_| answer("500 Internal Server Error", ""),
        "error: refused with 500\nDo this first: read the server's log.\n",
        "错误：被拒绝，状态码 500\n先做这一步：查看服务器的日志。\n",
    ),
    (
        |call| match call.method.as_str() {
            "GET" => right(call),
            _ => answer("405 Method Not Allowed", "GET only"),
        },
        "error: refused with 405: GET only\n\
         Do this first: have the server answer POST at this path, not only GET.\n",
        "错误：被拒绝，状态码 405：GET only\n\
         先做这一步：让服务器在这个路径上也响应 POST，不能只有 GET。\n",
    ),
    (
        |call| match call.method.as_str() {
            "GET" => right(call),
            _ => ok("<xml></xml>"),
        },
        "error: the reply's <xml> is empty\n\
         Do this first: reply with ToUserName, FromUserName, CreateTime, MsgType and Content, or \
         with the word success.\n",
        "错误：回复的 <xml> 里是空的\n先做这一步：回复里要有 ToUserName、FromUserName、CreateTime、\
         MsgType 和 Content，或者只回复 success。\n",
    ),
    (
        |_| answer("403 Forbidden", "no"),
        "error: refused with 403: no\n\
         Do this first: make the Token the same in three places: WECHAT_TOKEN here, WECHAT_TOKEN of \
         the bot, and the platform's form; and have any proxy keep what follows the ? in the URL.\n",
        "错误：被拒绝，状态码 403：no\n\
         先做这一步：让三处的 Token 相同：这里的环境变量 WECHAT_TOKEN、机器人的 WECHAT_TOKEN、\
         公众平台表单里填的 Token；有反向代理的，还要让它保留 URL 里 ? 后面的部分。\n",
    ),
    (
        |_| ok("<html><body>Welcome</body></html>"),
        "error: the reply isn't valid XML: the body's root is not <xml>\n\
         Do this first: make the URL lead to the bot: this address, path or proxy leads to a \
         website.\n",
        "错误：回复不是格式正确的 XML（最外层不是 <xml>）\n\
         先做这一步：让 URL 指向机器人：这个地址、路径或反向代理指向的是网站。\n",
    ),
];

#[test]
fn say_and_chat_say_what_to_do_as_doctor_does() {
    for (answer, english, chinese) in MET {
        let url = Fake::start(answer).url();
        for (language, said) in [("en", english), ("zh", chinese)] {
            let expected = Outcome {
                code: Some(1),
                out: String::new(),
                err: said.to_owned(),
            };
            let url = ["--url", &url, "--lang", language];
            assert_eq!(
                run(with_token(&[&["say", "a"], &url[..]].concat()), ""),
                expected
            );
            assert_eq!(
                run(with_token(&[&["chat"], &url[..]].concat()), "a\n"),
                expected
            );
        }
    }
}

/// The cause takes another call, which only who reads of it waits for.
#[test]
fn the_cause_of_a_fault_is_asked_for_once_and_only_where_it_is_printed() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let fake = Fake::start(move |call| match call.method.as_str() {
        "GET" => {
            count.fetch_add(1, Ordering::SeqCst);
            answer("404 Not Found", "")
        }
        _ => answer("403 Forbidden", &content(call)),
    });
    let url = fake.url();
    let quiet = run(with_token(&["say", "-q", "--url", &url, "a"]), "");
    let told = (quiet.code, quiet.out + &quiet.err);
    assert_eq!(told, (Some(1), String::new()));
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    let talk = run(with_token(&["chat", "--url", &url]), "a\na\nb\n");
    let fix = "Do this first: fix the path in the URL: daoxiao answers at / and /wechat unless --path \
               says otherwise.\n";
    let expected = format!(
        "error: refused with 403: a\n{fix}error: refused with 403: a\nerror: refused with 403: b\n{fix}"
    );
    assert_eq!((talk.code, talk.err), (Some(1), expected));
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[test]
fn say_reads_standard_input() {
    let bot = Bot::start();
    let say = |arguments: &[&str], input: &str| {
        let mut command = with_token(&["say"]);
        command
            .args(arguments)
            .env("DAOXIAO_URL", format!("http://{}/wechat", bot.address));
        run(command, input)
    };
    assert_eq!(say(&[], "上海\n"), printed("海上\n"));
    assert_eq!(say(&["-"], "ab\ncd"), printed("dc\nba\n"));
    assert_eq!(say(&["a", "-"], "x"), printed("- a\n"));
    assert_eq!(say(&["a"], "x"), printed("a\n"));
    let nothing = say(&[], "\n");
    assert_eq!((nothing.code, nothing.out.as_str()), (Some(2), ""));
    assert_eq!(
        nothing.err,
        "error: there is no message: give <TEXT>, or pass it on standard input\n"
    );
    for (flag, name) in [("--event", "NAME"), ("--user", "OPENID")] {
        let empty = say(&[flag, ""], "a");
        assert_eq!(
            (empty.code, empty.err),
            (
                Some(2),
                format!(
                    "error: a value is required for '{flag} <{name}>' but none was supplied\n\n\
                     For more information, try '--help'.\n"
                )
            )
        );
    }
    for (language, expected) in [
        (
            "en",
            "error: - reads standard input, and takes no more words\n",
        ),
        ("zh", "错误：- 表示从标准输入读，后面不能再写别的\n"),
    ] {
        let both = say(&["--lang", language, "-", "more"], "x");
        assert_eq!((both.code, both.out.as_str()), (Some(2), ""));
        assert_eq!(both.err, expected);
    }
}

#[test]
fn say_prints_json_or_nothing_if_asked_to() {
    let bot = Bot::with(&["--joke-source", "none"], &SECRETS);
    let say = |arguments: &[&str]| {
        let mut command = with_token(&["say", "--json"]);
        command
            .args(arguments)
            .env("DAOXIAO_URL", format!("http://{}/wechat", bot.address))
            .envs(SECRETS);
        let outcome = run(command, "");
        assert_eq!(outcome.err, "");
        let object: Value = serde_json::from_str(&outcome.out).unwrap();
        (outcome.code, object)
    };
    let (code, mut answered) = say(&["ab"]);
    let xml = answered["xml"].take();
    assert!(
        xml.as_str()
            .unwrap()
            .contains("<Content><![CDATA[ba]]></Content>")
    );
    let expected = json!({
        "answered": true, "type": "text", "text": "ba", "encrypted": true, "xml": null,
    });
    assert_eq!((code, answered), (Some(0), expected));
    let unanswered = say(&["--event", "unsubscribe"]);
    assert_eq!(unanswered, (Some(3), json!({ "answered": false })));
    let nowhere = format!("http://{}/nowhere", bot.address);
    let (code, refused) = say(&["--url", &nowhere, "a"]);
    let expected = json!({
        "answered": false, "error": "refused with 404: not found",
        "fix": "fix the path in the URL: daoxiao answers at / and /wechat unless --path says otherwise",
    });
    assert_eq!((code, refused), (Some(1), expected));
    let (code, refused) = say(&["--lang", "zh", "--url", &closed_port(), "a"]);
    assert_eq!((code, &refused["answered"]), (Some(1), &json!(false)));
    assert_eq!(
        refused["fix"],
        "在那台机器上启动机器人，或者改正 URL 里的端口"
    );
    assert!(
        refused["error"]
            .as_str()
            .unwrap()
            .ends_with("端口没有程序在监听")
    );

    let bot = Bot::start();
    assert_eq!(say_to(&bot, &["-q", "ab"]), printed(""));
    let unanswered = say_to(&bot, &["-q", "--event", "unsubscribe"]);
    assert_eq!(
        (unanswered.code, unanswered.out + &unanswered.err),
        (Some(3), String::new())
    );
    let stranger = Bot::with(&["--joke-source", "none"], &[("WECHAT_TOKEN", "another")]);
    let refused = say_to(&stranger, &["-q", "ab"]);
    assert_eq!(
        (refused.code, refused.out + &refused.err),
        (Some(1), String::new())
    );
    assert_eq!(say_to(&bot, &[" "]).code, Some(2));
}

#[test]
fn say_prints_json_even_where_it_has_nothing_to_send() {
    let unreadable = "can't read standard input: Is a directory (os error 21)";
    let say = |mut command: Command, stdin: File| {
        let command = command.args(["--url", &closed_port()]).stdin(stdin);
        Outcome::from(command.output().unwrap())
    };
    let empty = || File::open("/dev/null").unwrap();
    for (command, stdin, code, error) in [
        (
            with_token(&["say", "--json"]),
            empty(),
            2,
            "there is no message: give <TEXT>, or pass it on standard input",
        ),
        (
            daoxiao(&["say", "--json", "a"]),
            empty(),
            2,
            "WECHAT_TOKEN is not set: set it to the bot's Token, the one in the platform's form",
        ),
        (
            with_token(&["say", "--json"]),
            File::open("/").unwrap(),
            1,
            unreadable,
        ),
    ] {
        let outcome = say(command, stdin);
        let object: Value = serde_json::from_str(&outcome.out).unwrap();
        let expected = json!({ "answered": false, "error": error, "fix": null });
        assert_eq!(object, expected);
        assert_eq!((outcome.code, outcome.err.as_str()), (Some(code), ""));
    }
    let plain = say(with_token(&["say"]), File::open("/").unwrap());
    assert_eq!((plain.code, plain.out.as_str()), (Some(1), ""));
    assert_eq!(plain.err, format!("error: {unreadable}\n"));
}

#[test]
fn every_command_that_calls_a_bot_reads_its_url_from_the_environment() {
    let bot = Bot::start();
    for (arguments, input) in [(&["chat"][..], "ab\n"), (&["say"], "ab"), (&["doctor"], "")] {
        let mut command = with_token(arguments);
        command.env("DAOXIAO_URL", format!("{}/wechat", bot.address));
        let outcome = run(command, input);
        assert_eq!(outcome.code, Some(0), "{arguments:?} {outcome:?}");
        let out = if arguments == ["doctor"] {
            "✓ text: "
        } else {
            "ba\n"
        };
        assert!(outcome.out.contains(out), "{outcome:?}");
    }
}

/// Where the cursor stands when chat asks for a line.
const PROMPT: &str = "> \r\x1b[2C\x1b[?2026l";

/// Starts a talk at a terminal of its own and types each line when it is asked for one.
fn at_terminal(arguments: &[&str], lines: &[&str]) -> (Option<i32>, String) {
    let mut command = daoxiao(arguments);
    command.env("TERM", "xterm");
    at_terminal_after(PROMPT, command, lines)
}

/// Starts a command at a terminal of its own and types a line each time when this is shown.
fn at_terminal_after(prompt: &str, mut command: Command, lines: &[&str]) -> (Option<i32>, String) {
    let terminal = openpty(None, None).unwrap();
    for set in [Command::stdin, Command::stdout, Command::stderr] {
        set(&mut command, terminal.slave.try_clone().unwrap());
    }
    let mut child = command.spawn().unwrap();
    drop((terminal.slave, command));
    let mut master = File::from(terminal.master);
    // A read may end within a character.
    let mut shown = Vec::new();
    let (mut typed, mut some) = (lines.iter(), [0; 4096]);
    // A terminal that nobody has open any more ends by an error.
    while let Ok(read @ 1..) = master.read(&mut some) {
        shown.extend_from_slice(&some[..read]);
        if shown.ends_with(prompt.as_bytes()) {
            let line = typed.next().expect("it asks for one more line");
            master.write_all(line.as_bytes()).unwrap();
        }
    }
    let shown = String::from_utf8(shown).unwrap();
    (child.wait().unwrap().code(), shown)
}

#[test]
fn where_it_listens_is_said_in_chinese_at_a_terminal_and_to_programs_as_ever() {
    let commands = [&["serve"][..], &["chat", "--web"]];
    for command in commands {
        let terminal = openpty(None, None).unwrap();
        let mut command = daoxiao(command);
        command
            .args([
                "--lang",
                "zh",
                "--listen",
                "127.0.0.1:0",
                "--joke-source",
                "none",
            ])
            .env("WECHAT_TOKEN", TOKEN)
            .stdout(terminal.slave);
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        let mut shown = BufReader::new(File::from(terminal.master));
        shown.read_line(&mut line).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let port = line
            .strip_prefix("正在监听 http://127.0.0.1:")
            .expect(&line);
        assert!(port.trim_end().parse::<u16>().is_ok(), "{line}");
    }
    let bot = Bot::with(&["--joke-source", "none", "--lang", "zh"], &[]);
    assert_eq!(bot.answer_to("你好"), "好你");
}

#[test]
fn at_a_terminal_say_and_words_say_what_they_wait_for() {
    let bot = Bot::start();
    let url = format!("http://{}/wechat", bot.address);
    let file = Temporary::write("at-terminal", "otherwise = \"嗯\"\n");
    let say = ["say", "--url", &url];
    let words = ["words", file.path()];
    for (arguments, language, notice, said) in [
        (
            &say[..],
            "en",
            "Type the message, and end it with Ctrl-D.",
            "海上\r\n",
        ),
        (&say, "zh", "请输入消息，按 Ctrl-D 结束。", "海上\r\n"),
        (
            &words,
            "en",
            "The file is right. Type a user's messages, one a line, and end with Ctrl-D.",
            "嗯\totherwise\r\n",
        ),
        (
            &words,
            "zh",
            "文件没有问题。请输入用户的话，每行一句，按 Ctrl-D 结束。",
            "嗯\totherwise\r\n",
        ),
    ] {
        let command = with_token(&[arguments, &["--lang", language]].concat());
        let notice = format!("{notice}\r\n");
        let (code, shown) = at_terminal_after(&notice, command, &["上海\n\x04"]);
        assert_eq!(code, Some(0), "{shown}");
        assert!(shown.starts_with(&notice), "{shown}");
        // The terminal shows what is typed, too.
        assert!(shown.contains("上海\r\n"), "{shown}");
        assert!(shown.contains(said), "{shown}");
    }
}

#[test]
fn the_help_is_as_wide_as_the_terminal() {
    let width = |language: &str, columns: u16| {
        let shown = shown_at_width(&["serve", "--help", "--lang", language], columns);
        // Below the flags stands what is laid out by hand.
        let (flags, _) = shown.split_once("WECHAT_TOKEN_FILE").unwrap();
        flags.lines().map(columns_of).max().unwrap()
    };
    for language in ["en", "zh"] {
        let (narrow, wide) = (width(language, 70), width(language, 200));
        assert!((60..=70).contains(&narrow), "{language} {narrow}");
        assert!((90..=100).contains(&wide), "{language} {wide}");
    }
}

#[test]
fn the_help_does_not_run_over_a_narrow_terminal() {
    for command in COMMANDS {
        for (language, columns) in [("en", 40), ("zh", 40), ("en", 60), ("zh", 60)] {
            let shown = shown_at_width(&[command, "--help", "--lang", language], columns);
            for line in shown.lines() {
                // What cannot be broken may.
                let is_whole = line.trim().split(' ').count() == 1 || line.starts_with("Usage: ");
                let is_within = columns_of(line) <= columns.into();
                assert!(is_within || columns == 40 && is_whole, "{columns} {line:?}");
            }
        }
    }
    let narrow = shown_at_width(&["doctor", "--help", "--lang", "zh"], 30);
    assert!(
        narrow.contains("\r\n  -q, --quiet\r\n          只打印有问题的\r\n"),
        "{narrow}"
    );
}

/// What a command shows at a terminal of so many columns.
fn shown_at_width(arguments: &[&str], columns: u16) -> String {
    let size = Winsize {
        ws_row: 24,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    let terminal = openpty(&size, None).unwrap();
    let mut command = daoxiao(arguments);
    for set in [Command::stdin, Command::stdout, Command::stderr] {
        set(&mut command, terminal.slave.try_clone().unwrap());
    }
    let mut child = command.spawn().unwrap();
    drop((terminal.slave, command));
    let mut shown = Vec::new();
    let _ = File::from(terminal.master).read_to_end(&mut shown);
    assert!(child.wait().unwrap().success());
    String::from_utf8(shown).unwrap()
}

/// How many columns a line takes; Hanzi and their punctuation take two.
pub fn columns_of(line: &str) -> usize {
    let columns = line.trim_end().chars().map(|char| match char {
        '\u{3000}'..='\u{9fff}' | '\u{ff00}'..='\u{ff60}' => 2,
        _ => 1,
    });
    columns.sum()
}

#[test]
fn at_a_terminal_chat_says_how_to_leave_and_lines_can_be_edited() {
    let chat = ["chat", "--joke-source", "none"];
    for leave in ["quit\r", "退出\r", "Exit\r", " QUIT \r", "\x04"] {
        // Two letters, back over one, a third between them; then the line before once more.
        let (code, shown) = at_terminal(&chat, &["ac\x1b[Db\r", "\x1b[A\r", leave]);
        assert_eq!(code, Some(0), "{shown}");
        assert!(
            shown.starts_with("To leave, type quit or 退出, or press Ctrl-D.\r\n"),
            "{shown}"
        );
        assert_eq!(shown.matches("\ncba\r\n").count(), 2, "{shown}");
    }
    let chinese = [&chat[..], &["--lang", "zh"]].concat();
    let (code, shown) = at_terminal(&chinese, &["退出\r"]);
    assert_eq!(code, Some(0), "{shown}");
    assert!(
        shown.starts_with("输入“退出”或 quit，或按 Ctrl-D 结束。\r\n"),
        "{shown}"
    );
    let (code, shown) = at_terminal(&[&chat[..], &["-q"]].concat(), &["quit\r"]);
    assert_eq!(
        (code, shown.contains("Ctrl-D")),
        (Some(0), false),
        "{shown}"
    );
    // A terminal that knows no escapes has no editing, and is left as any other.
    let mut dumb = daoxiao(&chat);
    dumb.env("TERM", "dumb");
    let (code, shown) = at_terminal_after("> ", dumb, &["ab\n", "QUIT\n"]);
    assert_eq!(code, Some(0), "{shown}");
    assert_eq!(
        shown,
        "To leave, type quit or 退出, or press Ctrl-D.\r\n> ab\r\nba\r\n> QUIT\r\n"
    );
    // What is piped in is said.
    let talk = run(daoxiao(&chat), "quit\n退出\n");
    assert_eq!(talk, printed("tiuq\n出退\n"));
}
