//! `doctor` against servers that are well, and against each illness it knows.

use std::{
    collections::HashSet,
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};

use crate::{
    fake::{
        Call, Certificate, Fake, HANDSHAKE_FAILURE, Then, answer, cdata, chunks, content, ok,
        reply, right, secure, with_header,
    },
    owner::{Outcome, SECRETS, closed_port, run},
    support::{Bot, NONCE, TOKEN, Temporary, daoxiao, element, now, signature},
    tools::{find, pass_over},
};

/// So much longer than WeChat and a browser wait that a busy machine is in time to tell.
const TOO_LONG: Duration = Duration::from_secs(30);

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

    /// What is said at the end, before the platform's own probe is named.
    fn last(&self) -> &str {
        let (probe, lines) = self.lines.split_last().unwrap();
        assert!(PROBE.contains(&probe.as_str()), "{self:#?}");
        lines.last().unwrap()
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
        assert_eq!(self.last(), WELL);
        let lines = &self.lines[..self.lines.len() - 2];
        let name = |line: &str| line.split(": ").next().unwrap().to_owned();
        let names: Vec<String> = lines.iter().map(|line| name(line)).collect();
        let expected: Vec<String> = checks.iter().map(|check| format!("✓ {check}")).collect();
        assert_eq!(names, expected, "{self:#?}");
    }
}

const WELL: &str =
    "Everything works from here. WeChat needs the bot's public address: run doctor with that too.";

const SAME_TOKEN: [&str; 2] = [
    "make the Token the same in three places: WECHAT_TOKEN here, WECHAT_TOKEN of the bot, and the platform's form; and have any proxy keep what follows the ? in the URL",
    "让三处的 Token 相同：这里的环境变量 WECHAT_TOKEN、机器人的 WECHAT_TOKEN、公众平台表单里填的 Token；有反向代理的，还要让它保留 URL 里 ? 后面的部分",
];

const IN_TIME: [&str; 2] = [
    "check whether the server runs (systemctl status 'daoxiao*') and what keeps it busy: WeChat waits no longer than 5 s",
    "看看服务器是不是在运行（systemctl status 'daoxiao*'），是什么拖慢了它：微信只等 5 秒",
];

const SAME_KEY: [&str; 2] = [
    "use the same EncodingAESKey and AppID here, for the bot and on the platform; in plaintext mode, set neither",
    "让三处的 EncodingAESKey 和 AppID 相同：这里、机器人、公众平台；明文模式下都不要设",
];

/// What doctor ends with, in English and in Chinese.
const PROBE: [&str; 2] = [
    "What only WeChat can see, the platform's own 网络检测 and 消息推送调试 show (developers.weixin.qq.com).",
    "若仍不通，再用微信开发者平台的“网络检测”和“消息推送调试”来查只有微信那边才看得到的问题。",
];

const CHECKS: [&str; 15] = [
    "address",
    "connection",
    "path",
    "port",
    "handshake",
    "handshake over HTTP/1.0",
    "wrong Token",
    "text",
    "text over HTTP/1.0",
    "text with ]]>",
    "long text",
    "forged message",
    "old request",
    "clock",
    "repeated message",
];

fn examine(url: &str, variables: &[(&str, &str)]) -> Verdict {
    examine_in("en", url, variables)
}

fn examine_in(language: &str, url: &str, variables: &[(&str, &str)]) -> Verdict {
    let mut command = daoxiao(&["doctor", url, "--lang", language]);
    command
        .env("WECHAT_TOKEN", TOKEN)
        .envs(variables.iter().copied());
    verdict(&run(command, ""))
}

fn verdict(outcome: &Outcome) -> Verdict {
    assert_eq!(outcome.err, "", "{outcome:?}");
    Verdict {
        code: outcome.code,
        lines: outcome.out.lines().map(without_time).collect(),
    }
}

/// Each line but the last ends with its time in brackets.
fn without_time(line: &str) -> String {
    for (open, close) in [(" (", &["s)"][..]), ("（", &["秒）"])] {
        match line.rsplit_once(open) {
            Some((line, time)) if close.iter().any(|close| time.ends_with(close)) => {
                return line.to_owned();
            }
            _ => {}
        }
    }
    line.to_owned()
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
fn a_healthy_bot_is_well_in_chinese() {
    let bot = Bot::start();
    let url = url(&bot, "/wechat");
    let verdict = examine_in("zh", &url, &[]);
    let port = bot.address.port();
    let expected = [
        "✓ 地址：127.0.0.1",
        &format!("✓ 连接：127.0.0.1 的 {port} 端口连得上"),
        "✓ 路径：有响应，状态码 200",
        &format!("✓ 端口：{port} 端口只能自己测试用，填到公众平台的 URL 必须用 80 或 443 端口"),
        "✓ 验证 URL：原样返回了 echostr",
        "✓ 用 HTTP/1.0 验证 URL：原样返回了 echostr",
        "✓ 错误的 Token：拒绝了，状态码 403",
        "✓ 文本消息：回复了“oaixoad 好你”",
        "✓ 用 HTTP/1.0 发文本消息：回复了“oaixoad 好你”",
        "✓ 含 ]]> 的文本：回复了“]]>]]”",
        "✓ 长文本：回复了“倒倒倒倒倒倒倒倒倒倒倒倒倒倒倒倒倒倒倒倒…”",
        "✓ 伪造的消息：拒绝了，状态码 403",
        "✓ 过期的请求：拒绝了，状态码 403",
        "✓ 时间：服务器与本机一致",
        "✓ 重发的消息：重发同一条消息，得到同样的回复",
        "从这里看一切正常。微信要从公网访问，请用公网地址再运行一次 doctor。",
        PROBE[1],
    ];
    assert_eq!(
        (verdict.code, &verdict.lines[..]),
        (Some(0), &expected.map(str::to_owned)[..])
    );
}

#[test]
fn a_healthy_bot_is_well_in_secure_mode() {
    let bot = Bot::with(&["--joke-source", "none"], &SECRETS);
    let checks = [&CHECKS[..], &["unencrypted message"]].concat();
    examine(&url(&bot, "/"), &SECRETS).assert_well(&checks);
}

#[test]
fn a_strangers_healthy_server_is_well() {
    examine_fake(right).assert_well(&CHECKS);
}

#[test]
fn every_check_tells_its_time() {
    let fake = Fake::start(right);
    for (language, unit) in [("en", " ms)"), ("zh", " 毫秒）")] {
        let mut command = daoxiao(&["doctor", &fake.url(), "--lang", language]);
        command.env("WECHAT_TOKEN", TOKEN);
        let outcome = run(command, "");
        let lines: Vec<&str> = outcome.out.lines().collect();
        assert_eq!(lines.len(), CHECKS.len() + 2, "{outcome:?}");
        for line in &lines[..CHECKS.len()] {
            assert!(line.starts_with("✓ ") && line.ends_with(unit), "{line}");
        }
    }
}

#[test]
fn a_wrong_token() {
    let bot = Bot::start();
    Told {
        english: ["handshake: refused with 403: forbidden", SAME_TOKEN[0]],
        chinese: ["验证 URL：被拒绝，状态码 403：forbidden", SAME_TOKEN[1]],
    }
    .assert_with(&url(&bot, "/wechat"), &[("WECHAT_TOKEN", "another")]);
}

#[test]
fn a_closed_port() {
    let url = closed_port();
    let port = url.rsplit_once(':').unwrap().1.replace("/wechat", "");
    let verdict = examine(&url, &[]);
    assert_eq!(verdict.lines.len(), 4, "{verdict:#?}");
    verdict.assert_wrong(
        &format!("✗ connection: nothing is listening on 127.0.0.1, port {port}"),
        "Do this first: start the bot on that machine, or fix the port in the URL.",
    );
    examine_in("zh", &url, &[]).assert_wrong(
        &format!("✗ 连接：127.0.0.1 的 {port} 端口没有程序在监听"),
        "先做这一步：在那台机器上启动机器人，或者改正 URL 里的端口。",
    );
}

/// No connection leads to the broadcast address, in whatever network.
#[test]
fn an_address_that_cannot_be_reached() {
    Told {
        english: [
            "connection: 255.255.255.255 can't be reached: Network is unreachable (os error 101)",
            "fix the address in the URL, or the network: no way leads from this machine to that address",
        ],
        chinese: [
            "连接：连不上 255.255.255.255：没有通往这个网络的路由",
            "改正 URL 里的地址，或者检查网络：从这台机器到不了那个地址",
        ],
    }
    .assert("http://255.255.255.255/wechat");
}

#[test]
fn an_unknown_host() {
    // No name has a part of more than 63 letters, so nobody needs to be asked.
    let host = "a".repeat(64);
    let url = format!("http://{host}/wechat");
    examine(&url, &[]).assert_wrong(
        &format!("✗ address: no such host: {host}"),
        "Do this first: fix the host in the URL, or its DNS record.",
    );
    examine_in("zh", &url, &[]).assert_wrong(
        &format!("✗ 地址：找不到主机 {host}"),
        "先做这一步：改正 URL 里的域名，或者域名的 DNS 记录。",
    );
}

#[test]
fn a_server_that_answers_messages_too_late() {
    let begun = Instant::now();
    let get_only = |call: &Call| match call.method.as_str() {
        "GET" => right(call),
        _ => String::new(),
    };
    let fake = Fake::listen(get_only, Then::WaitUnanswered);
    Told {
        english: ["text: no response within 5 s", IN_TIME[0]],
        chinese: ["文本消息：5 秒内没有响应", IN_TIME[1]],
    }
    .assert(&fake.url());
    assert!(begun.elapsed() < TOO_LONG);
}

#[test]
fn a_server_that_answers_everything_too_late() {
    let begun = Instant::now();
    let fake = Fake::listen(|_| "", Then::Wait);
    Told {
        english: ["path: no response within 5 s", IN_TIME[0]],
        chinese: ["路径：5 秒内没有响应", IN_TIME[1]],
    }
    .assert(&fake.url());
    assert!(begun.elapsed() < TOO_LONG);
}

/// The first call takes too long, all others are quick: that is no firewall.
#[test]
fn a_server_whose_first_answer_comes_too_late() {
    for (language, line, first) in [
        (
            "en",
            "✗ path: no response within 5 s",
            format!("Do this first: {}.", IN_TIME[0]),
        ),
        (
            "zh",
            "✗ 路径：5 秒内没有响应",
            format!("先做这一步：{}。", IN_TIME[1]),
        ),
    ] {
        let calls = AtomicUsize::new(0);
        let late = move |call: &Call| match calls.fetch_add(1, Ordering::SeqCst) {
            0 => String::new(),
            _ => right(call),
        };
        let fake = Fake::listen(late, Then::WaitUnanswered);
        examine_in(language, &fake.url(), &[]).assert_wrong(line, &first);
    }
}

/// A server that answers a message as `first` does when it comes, and with `success` when it comes
/// again.
fn only_once(first: fn() -> String) -> Fake {
    let seen = Mutex::new(HashSet::new());
    let answer = move |call: &Call| {
        if call.method == "GET" || !call.is_signed() {
            return right(call);
        }
        let id = element(&call.body, "MsgId").unwrap();
        if seen.lock().unwrap().insert(id) {
            first()
        } else {
            ok("success")
        }
    };
    Fake::listen(answer, Then::WaitUnanswered)
}

#[test]
fn a_slow_bot_that_acknowledges_repeats() {
    Told {
        english: ["text: no response within 5 s", IN_TIME[0]],
        chinese: ["文本消息：5 秒内没有响应", IN_TIME[1]],
    }
    .assert(&only_once(String::new).url());
}

/// Bots that wait for another service work so: what was too late is the answer to the repeat.
#[test]
fn a_bot_that_answers_only_repeats_in_time() {
    let seen = Mutex::new(HashSet::new());
    let answer = move |call: &Call| {
        if call.method == "GET" || !call.is_signed() {
            return right(call);
        }
        let id = element(&call.body, "MsgId").unwrap();
        let mut seen = seen.lock().unwrap();
        if seen.remove(&id) {
            right(call)
        } else {
            seen.insert(id);
            String::new()
        }
    };
    Told {
        english: ["text: no response within 5 s", IN_TIME[0]],
        chinese: ["文本消息：5 秒内没有响应", IN_TIME[1]],
    }
    .assert(&Fake::listen(answer, Then::WaitUnanswered).url());
}

#[test]
fn a_bot_that_replies_no_xml_and_acknowledges_repeats() {
    Told {
        english: [
            "text: the reply isn't valid XML: the body is not XML at line 1, character 1",
            "reply with well-formed XML, or with the word success: in text, split every ]]> between two CDATA sections",
        ],
        chinese: [
            "文本消息：回复不是格式正确的 XML（第 1 行第 1 个字符起写得不对）",
            "回复格式正确的 XML，或者只回复 success；文本里的 ]]> 要拆到两个 CDATA 里",
        ],
    }
    .assert(&only_once(|| ok("{\"reply\":\"hi\"}")).url());
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
    for url in [Fake::start(echo).url(), Fake::start(reverse).url()] {
        for (language, line, first) in [
            (
                "en",
                "✗ text with ]]>: the reply isn't valid XML: ",
                "split every ]]> between two CDATA sections.",
            ),
            (
                "zh",
                "✗ 含 ]]> 的文本：回复不是格式正确的 XML（",
                "文本里的 ]]> 要拆到两个 CDATA 里。",
            ),
        ] {
            let verdict = examine_in(language, &url, &[]);
            assert_eq!(verdict.wrong().len(), 1, "{verdict:#?}");
            assert!(verdict.wrong()[0].starts_with(line), "{verdict:#?}");
            assert!(verdict.last().ends_with(first), "{verdict:#?}");
        }
    }
}

#[test]
fn an_old_request_that_is_answered_is_a_warning() {
    let fake = Fake::start(|call| {
        if call.is_signed() && call.method == "GET" {
            ok(call.field("echostr"))
        } else {
            right(call)
        }
    });
    assert_warned(
        &fake.url(),
        "old request: warning: a request signed a day ago is accepted: anyone who captured one can reuse it forever",
        "过期的请求：警告：一天前签名的请求仍然有效：谁截获了一个请求，谁就能一直用下去",
    );
}

/// There is this warning, and nothing that is wrong.
fn assert_warned(url: &str, english: &str, chinese: &str) {
    for (language, line, last) in [
        ("en", english, "Everything works; see the warnings above."),
        ("zh", chinese, "除了上面的警告，一切正常。"),
    ] {
        let verdict = examine_in(language, url, &[]);
        assert_eq!(
            (verdict.code, verdict.last()),
            (Some(0), last),
            "{verdict:#?}"
        );
        let line = format!("✓ {line}");
        assert!(verdict.lines.contains(&line), "{verdict:#?}");
    }
}

/// An answer of a server whose clock is this many seconds late.
fn late(seconds: u64, answer: &str) -> String {
    let date = httpdate::fmt_http_date(SystemTime::now() - Duration::from_secs(seconds));
    with_header(&format!("Date: {date}"), answer)
}

#[test]
fn a_clock_that_is_wrong() {
    let refused = Fake::start(|_| late(1000, &answer("403 Forbidden", "forbidden")));
    let no_echo = Fake::start(|_| late(1000, &ok("no")));
    let answered = Fake::start(|call| late(1000, &right(call)));
    for (fake, language, line, first) in [
        (
            &refused,
            "en",
            "✗ handshake: refused with 403: forbidden",
            "Do this first: set the clocks right: the server's and this machine's differ by 100",
        ),
        (
            &refused,
            "zh",
            "✗ 验证 URL：被拒绝，状态码 403：forbidden",
            "先做这一步：校准时间：服务器与本机相差 100",
        ),
        (
            &no_echo,
            "en",
            "✗ handshake: \"no\" came back instead of echostr",
            "Do this first: set the clocks right: the server's and this machine's differ by 100",
        ),
        (
            &no_echo,
            "zh",
            "✗ 验证 URL：返回的是“no”，不是 echostr",
            "先做这一步：校准时间：服务器与本机相差 100",
        ),
        (
            &answered,
            "en",
            "✗ clock: the server's clock and this machine's differ by 100",
            "Do this first: set the clock that is wrong, and keep it synchronized (timedatectl set-ntp true).",
        ),
        (
            &answered,
            "zh",
            "✗ 时间：服务器与本机相差 100",
            "先做这一步：把时间不准的那台机器校准，并开启自动同步（timedatectl set-ntp true）。",
        ),
    ] {
        let verdict = examine_in(language, &fake.url(), &[]);
        assert_eq!(verdict.wrong().len(), 1, "{verdict:#?}");
        assert!(verdict.wrong()[0].starts_with(line), "{verdict:#?}");
        assert!(verdict.last().starts_with(first), "{verdict:#?}");
    }
}

#[test]
fn a_clock_that_is_somewhat_wrong_is_a_warning() {
    let fake = Fake::start(|call| late(100, &right(call)));
    for (language, line) in [
        (
            "en",
            "✓ clock: warning: the server's clock and this machine's differ by 10",
        ),
        ("zh", "✓ 时间：警告：服务器与本机相差 10"),
    ] {
        let verdict = examine_in(language, &fake.url(), &[]);
        assert_eq!(verdict.code, Some(0), "{verdict:#?}");
        assert!(
            verdict.lines.iter().any(|found| found.starts_with(line)),
            "{verdict:#?}"
        );
    }
}

#[test]
fn a_server_that_answers_no_message_cannot_be_seen_to_check() {
    let fake = Fake::start(|call| match call.method.as_str() {
        "GET" => right(call),
        _ => ok("success"),
    });
    assert_warned(
        &fake.url(),
        "forged message: warning: the server doesn't reply to text, so there is no telling whether it checks the signature",
        "伪造的消息：警告：服务器不回复文本消息，看不出它是否校验签名",
    );
}

/// As nginx does by `return 444`.
#[test]
fn a_server_that_hangs_up_on_what_it_rejects_is_well() {
    let fake = Fake::start(|call| {
        if call.is_signed() && call.is_new() {
            right(call)
        } else {
            String::new()
        }
    });
    examine(&fake.url(), &[]).assert_well(&CHECKS);
    let lines = examine_in("zh", &fake.url(), &[]).lines;
    for check in ["错误的 Token", "伪造的消息", "过期的请求"] {
        let line = format!("✓ {check}：拒绝了，没有响应");
        assert!(lines.contains(&line), "{lines:#?}");
    }
}

/// A server that answers each further call with other words.
fn counting(word: fn(usize) -> String) -> Fake {
    let count = AtomicUsize::new(0);
    Fake::start(move |call| {
        right_but(call, || {
            let word = word(count.fetch_add(1, Ordering::SeqCst));
            if word.is_empty() {
                return "success".to_owned();
            }
            reply(call, &now().to_string(), &word)
        })
    })
}

#[test]
fn a_repeat_that_is_answered_anew() {
    for (language, line, first) in [
        (
            "en",
            "✗ repeated message: the same message again got another reply",
            "Do this first: keep each reply for a minute by FromUserName and MsgId, and give it to the repeat.",
        ),
        (
            "zh",
            "✗ 重发的消息：重发同一条消息，得到了不同的回复",
            "先做这一步：按 FromUserName 和 MsgId 把回复保留一分钟，重发时给同一个回复。",
        ),
    ] {
        let fake = counting(|number| number.to_string());
        examine_in(language, &fake.url(), &[]).assert_wrong(line, first);
    }
}

#[test]
fn a_repeat_that_gets_no_answer() {
    for (language, line, first) in [
        (
            "en",
            "✗ repeated message: the same message again got no reply",
            "Do this first: give a repeated MsgId its first reply again: WeChat repeats because that one got lost.",
        ),
        (
            "zh",
            "✗ 重发的消息：重发同一条消息，没有得到回复",
            "先做这一步：遇到重复的 MsgId，把第一次的回复再给一遍：微信重发，就是因为没有收到第一次的。",
        ),
    ] {
        // After four other messages.
        let fake = counting(|number| "a".repeat(usize::from(number < 4)));
        examine_in(language, &fake.url(), &[]).assert_wrong(line, first);
    }
}

#[test]
fn a_secure_server_without_the_key_here() {
    let bot = Bot::with(&["--joke-source", "none"], &SECRETS);
    Told {
        english: [
            "text: refused with 403: forbidden",
            "if the server is in secure mode, set WECHAT_ENCODING_AES_KEY and WECHAT_APPID here; if not, read the server's log",
        ],
        chinese: [
            "文本消息：被拒绝，状态码 403：forbidden",
            "服务器若是安全模式，请在这里设置 WECHAT_ENCODING_AES_KEY 和 WECHAT_APPID；若不是，请查看服务器的日志",
        ],
    }
    .assert(&url(&bot, "/wechat"));
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
        Told {
            english: ["text: refused with 403: forbidden", SAME_KEY[0]],
            chinese: ["文本消息：被拒绝，状态码 403：forbidden", SAME_KEY[1]],
        }
        .assert_with(&url(&bot, "/wechat"), &[SECRETS[0], SECRETS[1], other]);
    }
}

#[test]
fn a_secure_bot_without_its_key() {
    let bot = Bot::start();
    Told {
        english: [
            "text: refused with 400: bad request",
            "set WECHAT_ENCODING_AES_KEY and WECHAT_APPID on the server: it has no key",
        ],
        chinese: [
            "文本消息：被拒绝，状态码 400：bad request",
            "服务器没有密钥：请给它设置 WECHAT_ENCODING_AES_KEY 和 WECHAT_APPID",
        ],
    }
    .assert_with(&url(&bot, "/wechat"), &SECRETS);
}

#[test]
fn a_secure_server() {
    let checks = [&CHECKS[..], &["unencrypted message"]].concat();
    let fake = Fake::start(|call| secure(call, call.has_msg_signature()));
    examine(&fake.url(), &SECRETS).assert_well(&checks);
}

#[test]
fn a_secure_server_that_looks_at_no_signature_of_messages() {
    let fake = Fake::start(|call| secure(call, true));
    Told {
        english: [
            "forged message: replied \"你好 daoxiao\"",
            "check the signature of every POST too: for now, anyone can write in a user's name",
        ],
        chinese: [
            "伪造的消息：本该拒绝，却回复了“你好 daoxiao”",
            "每个 POST 请求也要校验签名：现在谁都可以冒用别人的名义发消息",
        ],
    }
    .assert_with(&fake.url(), &SECRETS);
}

#[test]
fn a_port_without_tls() {
    let bot = Bot::start();
    Told {
        english: [
            "path: this port speaks http, not https",
            "write http:// in the URL, or put https in front of the bot (Caddy, nginx or a tunnel)",
        ],
        chinese: [
            "路径：这个端口是 http，不是 https",
            "把 URL 改成 http://，或者在机器人前面配上 https（Caddy、nginx 或内网穿透）",
        ],
    }
    .assert(&format!("https://{}/wechat", bot.address));
}

/// Whether a server of http waits at what TLS sends or hangs up depends on its random bytes.
#[test]
fn a_port_without_tls_that_hangs_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, mut first) = (client.unwrap(), [0; 4096]);
            let read = client.read(&mut first).unwrap();
            if first[..read].starts_with(b"GET ") {
                client.write_all(ok("It works!").as_bytes()).unwrap();
            }
        }
    });
    let verdict = examine(&url, &[]);
    assert_eq!(
        verdict.wrong(),
        ["✗ path: this port speaks http, not https"]
    );
}

/// A proxy that tells the peer's address by the PROXY protocol, which the bot does not know.
fn proxy_protocol(bot: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, mut server) = (client.unwrap(), TcpStream::connect(bot).unwrap());
            let head = b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n";
            server.write_all(head).unwrap();
            let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            // Either side may go first.
            thread::spawn(move || io::copy(&mut from, &mut to).unwrap_or_default());
            thread::spawn(move || io::copy(&mut server, &mut client).unwrap_or_default());
        }
    });
    address
}

#[test]
fn a_proxy_that_speaks_the_proxy_protocol() {
    let bot = Bot::start();
    Told {
        english: [
            "path: refused with an empty 400",
            "have the proxy forward plain HTTP/1.1, without the PROXY protocol; if there is no proxy, read the server's log",
        ],
        chinese: [
            "路径：被拒绝，状态码 400，没有说原因",
            "让反向代理用普通的 HTTP/1.1 转发，不要加 PROXY protocol；没有反向代理，就查看服务器的日志",
        ],
    }
    .assert(&format!("http://{}/wechat", proxy_protocol(bot.address)));
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
    let (url, port) = (format!("http://{address}/"), address.port());
    examine(&url, &[]).assert_wrong(
        &format!("✗ connection: no response from 127.0.0.1, port {port} within 5 s"),
        &format!("Do this first: open port {port} in the server's firewall and in its provider's security group."),
    );
    examine_in("zh", &url, &[]).assert_wrong(
        &format!("✗ 连接：127.0.0.1 的 {port} 端口 5 秒内没有响应"),
        &format!("先做这一步：在服务器的防火墙和云服务商的安全组里放行 {port} 端口。"),
    );
}

/// What doctor says of one fault, and what to do first; in English and in Chinese.
struct Told {
    english: [&'static str; 2],
    chinese: [&'static str; 2],
}

impl Told {
    fn assert(&self, url: &str) {
        self.assert_with(url, &[]);
    }

    /// Both languages at a time, as some faults take their time.
    fn assert_with(&self, url: &str, variables: &[(&str, &str)]) {
        let [line, first] = self.english;
        let english = [line.to_owned(), format!("Do this first: {first}.")];
        let [line, first] = self.chinese;
        let chinese = [line.to_owned(), format!("先做这一步：{first}。")];
        thread::scope(|scope| {
            for (language, [line, first]) in [("en", english), ("zh", chinese)] {
                scope.spawn(move || {
                    let line = format!("✗ {}", line.replace("{url}", url));
                    examine_in(language, url, variables).assert_wrong(&line, &first);
                });
            }
        });
    }
}

impl Told {
    /// The first of several faults, in both languages.
    #[track_caller]
    fn assert_first(&self, url: &str, variables: &[(&str, &str)]) {
        for (language, [line, first]) in [("en", self.english), ("zh", self.chinese)] {
            let verdict = examine_in(language, url, variables);
            assert_eq!(verdict.code, Some(1), "{verdict:#?}");
            assert_eq!(verdict.wrong()[0], format!("✗ {line}"), "{verdict:#?}");
            assert!(verdict.last().contains(first), "{verdict:#?}");
        }
    }
}

/// What a server answers.
type Answer = fn(&Call) -> String;

/// Of servers with a fault, each with what is told of it.
fn assert_each(faults: &[(Answer, Told)]) {
    for (answer, told) in faults {
        told.assert(&Fake::start(*answer).url());
    }
}

fn redirect(to: &str) -> String {
    with_header(
        &format!("Location: {to}"),
        &answer("301 Moved Permanently", ""),
    )
}

/// A web page, as a template or a website makes it.
fn page(status: &str, text: &str) -> String {
    let page = format!("<!DOCTYPE html>\n<html><body>{text}</body></html>");
    with_header(
        "Content-Type: text/html; charset=utf-8",
        &answer(status, &page),
    )
}

/// Right in all but the answer to a signed message, which has this body.
fn right_but(call: &Call, body: impl Fn() -> String) -> String {
    if call.method == "GET" || !call.is_signed() {
        return right(call);
    }
    ok(&body())
}

/// A reply that is right in all but what is exchanged in it.
fn reply_with(call: &Call, from: &str, to: &str) -> String {
    right_but(call, || {
        let whole = reply(call, &now().to_string(), "a");
        assert!(whole.contains(from), "{whole}");
        whole.replace(from, to)
    })
}

const SOMETHING_ELSE: &[(Answer, Told)] = &[
    (
        |_| redirect("/wechat/?signature=1"),
        Told {
            english: [
                "path: redirects to the same address with a slash at the end: /wechat/ (301)",
                "write the slash in the URL too: WeChat follows no redirects",
            ],
            chinese: [
                "路径：跳转到了同一个地址，只是末尾多了斜杠：/wechat/，状态码 301",
                "URL 末尾也写上斜杠：微信不跟随跳转",
            ],
        },
    ),
    (
        |_| redirect("wechat/"),
        Told {
            english: [
                "path: redirects to the same address with a slash at the end: wechat/ (301)",
                "write the slash in the URL too: WeChat follows no redirects",
            ],
            chinese: [
                "路径：跳转到了同一个地址，只是末尾多了斜杠：wechat/，状态码 301",
                "URL 末尾也写上斜杠：微信不跟随跳转",
            ],
        },
    ),
    (
        |_| redirect("/wechat?cookie=1"),
        Told {
            english: [
                "path: redirects to the same address: /wechat (301)",
                "let this path through whatever is in front of the bot, such as a firewall: it wants a cookie or a script, and WeChat has neither",
            ],
            chinese: [
                "路径：跳转到了同一个地址：/wechat，状态码 301",
                "机器人前面有防火墙之类的程序要求 Cookie 或执行脚本，让它放行这个路径：微信两样都没有",
            ],
        },
    ),
    (
        |_| redirect("https://login.designinc.com/"),
        Told {
            english: [
                "path: redirects to https://login.designinc.com/ (301)",
                "use the address that it redirects to: WeChat follows no redirects",
            ],
            chinese: [
                "路径：跳转到了 https://login.designinc.com/，状态码 301",
                "直接填跳转后的地址：微信不跟随跳转",
            ],
        },
    ),
    (
        |_| redirect("/user/login?next=/wechat"),
        Told {
            english: [
                "path: redirects to /user/login (301)",
                "have the server answer at this path itself, without a login or a form's token (CSRF): WeChat has neither, and follows no redirects",
            ],
            chinese: [
                "路径：跳转到了 /user/login，状态码 301",
                "让服务器在这个路径上直接响应，不要求登录，也不检查 CSRF：微信不会登录，也不跟随跳转",
            ],
        },
    ),
    (
        |_| redirect("https://a/"),
        Told {
            english: [
                "path: redirects to https://a/ (301)",
                "use the address that it redirects to: WeChat follows no redirects",
            ],
            chinese: [
                "路径：跳转到了 https://a/，状态码 301",
                "直接填跳转后的地址：微信不跟随跳转",
            ],
        },
    ),
    (
        |_| answer("302 Found", ""),
        Told {
            english: [
                "path: redirects without saying where to (302)",
                "respond with status 200: WeChat follows no redirects",
            ],
            chinese: [
                "路径：要求跳转，却没有说跳到哪里，状态码 302",
                "用状态码 200 响应：微信不跟随跳转",
            ],
        },
    ),
    (
        |_| {
            page(
                "400 Bad Request",
                "400 The plain HTTP request was sent to HTTPS port",
            )
        },
        Told {
            english: [
                "path: this port speaks https, not http (400)",
                "write https:// in the URL",
            ],
            chinese: [
                "路径：这个端口是 https，不是 http，状态码 400",
                "把 URL 改成 https://",
            ],
        },
    ),
    (
        |_| {
            answer(
                "400 Bad Request",
                "Client sent an HTTP request to an HTTPS server.\n",
            )
        },
        Told {
            english: [
                "path: this port speaks https, not http (400)",
                "write https:// in the URL",
            ],
            chinese: [
                "路径：这个端口是 https，不是 http，状态码 400",
                "把 URL 改成 https://",
            ],
        },
    ),
    (
        |_| answer("401 Unauthorized", ""),
        Told {
            english: [
                "path: asks for a password (401)",
                "take the password off this path: WeChat has none",
            ],
            chinese: [
                "路径：要求输入密码，状态码 401",
                "这个路径不要设密码：微信不会输入密码",
            ],
        },
    ),
    (
        |_| answer("502 Bad Gateway", ""),
        Told {
            english: [
                "path: the proxy can't reach the bot (502)",
                "start the bot behind the proxy, or fix its address in the proxy's settings",
            ],
            chinese: [
                "路径：反向代理连不上机器人，状态码 502",
                "启动反向代理后面的机器人，或者改正反向代理里填的地址",
            ],
        },
    ),
    (
        |_| page("403 Forbidden", "403"),
        Told {
            english: [
                "path: the response is from a web server or a firewall, not from the bot (403)",
                "have the web server or the firewall forward this host and path to the bot, or fix them in the URL",
            ],
            chinese: [
                "路径：响应的是 Web 服务器或防火墙，不是机器人，状态码 403",
                "让 Web 服务器或防火墙把这个域名和路径转给机器人，或者改正 URL",
            ],
        },
    ),
    (
        |call| {
            if call.is_of_browser() {
                right(call)
            } else {
                answer("403 Forbidden", "blocked")
            }
        },
        Told {
            english: [
                "path: a web firewall lets browsers through and blocks WeChat (403)",
                "have the firewall let everyone through on this path: WeChat isn't a browser and calls itself Mozilla/4.0",
            ],
            chinese: [
                "路径：Web 防火墙（WAF）放行浏览器，却拦下微信，状态码 403",
                "让防火墙对这个路径一律放行：微信不是浏览器，它的 User-Agent 是 Mozilla/4.0",
            ],
        },
    ),
    (
        |call| {
            if call.is_of_browser() {
                right(call)
            } else {
                String::new()
            }
        },
        Told {
            english: [
                "path: a web firewall lets browsers through and gives WeChat no response",
                "have the firewall let everyone through on this path: WeChat isn't a browser and calls itself Mozilla/4.0",
            ],
            chinese: [
                "路径：Web 防火墙（WAF）放行浏览器，却不响应微信",
                "让防火墙对这个路径一律放行：微信不是浏览器，它的 User-Agent 是 Mozilla/4.0",
            ],
        },
    ),
    (
        |_| answer("404 Not Found", ""),
        Told {
            english: [
                "path: there is nothing at this path (404)",
                "fix the path in the URL: daoxiao answers at / and /wechat unless --path says otherwise",
            ],
            chinese: [
                "路径：这个路径下什么也没有，状态码 404",
                "改正 URL 里的路径：daoxiao 默认响应 / 和 /wechat，可以用 --path 修改",
            ],
        },
    ),
    (
        |_| answer("405 Method Not Allowed", ""),
        Told {
            english: [
                "path: GET isn't accepted here (405)",
                "have the server answer GET and POST at this path",
            ],
            chinese: [
                "路径：不接受 GET 请求，状态码 405",
                "让服务器在这个路径上同时响应 GET 和 POST",
            ],
        },
    ),
    (
        |_| answer("500 Internal Server Error", ""),
        Told {
            english: ["path: the server fails (500)", "read the server's log"],
            chinese: ["路径：服务器出错，状态码 500", "查看服务器的日志"],
        },
    ),
    (
        |_| "SSH-2.0-OpenSSH_9.2\r\n".to_owned(),
        Told {
            english: [
                "path: the response isn't HTTP, or is cut short",
                "find out what listens on this port",
            ],
            chinese: [
                "路径：收到的不是 HTTP 响应，或者响应不完整",
                "查一查是什么程序在监听这个端口",
            ],
        },
    ),
    (
        |_| "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n1".to_owned(),
        Told {
            english: [
                "path: the response isn't HTTP, or is cut short",
                "find out what listens on this port",
            ],
            chinese: [
                "路径：收到的不是 HTTP 响应，或者响应不完整",
                "查一查是什么程序在监听这个端口",
            ],
        },
    ),
    (
        |_| String::new(),
        Told {
            english: [
                "path: the connection was closed without a response",
                "read the server's log: it hangs up, or something before it does",
            ],
            chinese: [
                "路径：没有响应，连接就断开了",
                "查看服务器的日志：是它或它前面的程序断开了连接",
            ],
        },
    ),
    (
        |_| ok(&"x".repeat(1_100_000)),
        Told {
            english: [
                "path: the response is over 1 MiB",
                "make the URL lead to the bot: no reply is so large",
            ],
            chinese: ["路径：响应超过 1 MiB", "让 URL 指向机器人：回复不会这么大"],
        },
    ),
];

#[test]
fn where_something_else_answers() {
    assert_each(SOMETHING_ELSE);
}

const FIREWALL: [&str; 2] = [
    "have the firewall let everyone through on this path: WeChat isn't a browser and calls itself Mozilla/4.0",
    "让防火墙对这个路径一律放行：微信不是浏览器，它的 User-Agent 是 Mozilla/4.0",
];

#[test]
fn a_firewall_that_leaves_wechat_without_a_response() {
    let browsers_only = |call: &Call| {
        if call.is_of_browser() {
            right(call)
        } else {
            String::new()
        }
    };
    Told {
        english: [
            "path: a web firewall lets browsers through and gives WeChat no response",
            FIREWALL[0],
        ],
        chinese: [
            "路径：Web 防火墙（WAF）放行浏览器，却不响应微信",
            FIREWALL[1],
        ],
    }
    .assert(&Fake::listen(browsers_only, Then::WaitUnanswered).url());
}

#[test]
fn a_firewall_that_blocks_only_messages() {
    let blocks = |call: &Call| call.method == "POST" && !call.is_of_browser();
    let refuses = move |call: &Call| {
        if blocks(call) {
            page("403 Forbidden", "blocked")
        } else {
            right(call)
        }
    };
    let drops = move |call: &Call| {
        if blocks(call) {
            String::new()
        } else {
            right(call)
        }
    };
    Told {
        english: [
            "text: a web firewall lets browsers through and blocks WeChat (403)",
            FIREWALL[0],
        ],
        chinese: [
            "文本消息：Web 防火墙（WAF）放行浏览器，却拦下微信，状态码 403",
            FIREWALL[1],
        ],
    }
    .assert(&Fake::start(refuses).url());
    let refuses_with_200 = move |call: &Call| {
        if blocks(call) {
            page("200 OK", "<xml id=\"reason\">blocked</xml>")
        } else {
            right(call)
        }
    };
    Told {
        english: [
            "text: a web firewall lets browsers through and blocks WeChat (200)",
            FIREWALL[0],
        ],
        chinese: [
            "文本消息：Web 防火墙（WAF）放行浏览器，却拦下微信，状态码 200",
            FIREWALL[1],
        ],
    }
    .assert(&Fake::start(refuses_with_200).url());
    Told {
        english: [
            "text: a web firewall lets browsers through and gives WeChat no response",
            FIREWALL[0],
        ],
        chinese: [
            "文本消息：Web 防火墙（WAF）放行浏览器，却不响应微信",
            FIREWALL[1],
        ],
    }
    .assert(&Fake::start(drops).url());
}

#[test]
fn where_the_same_address_is_wanted_by_https() {
    let fake = Fake::start(|call| redirect(&format!("https://{}/wechat?a=b", call.header("Host"))));
    let url = fake.url().replace("http://", "");
    Told {
        english: [
            "path: redirects to https: https://{url} (301)",
            "write https:// in the URL, or respond over http too: WeChat follows no redirects",
        ],
        chinese: [
            "路径：跳转到了 https：https://{url}，状态码 301",
            "把 URL 改成 https://，或者让 http 也直接响应：微信不跟随跳转",
        ],
    }
    .assert(&url);
}

#[test]
fn where_a_redirect_adds_a_slash_or_https_whatever_it_is_written_like() {
    for (scheme, english, chinese) in [
        (
            "",
            [
                "redirects to the same address with a slash at the end: ",
                "write the slash in the URL too: WeChat follows no redirects",
            ],
            [
                "跳转到了同一个地址，只是末尾多了斜杠：",
                "URL 末尾也写上斜杠：微信不跟随跳转",
            ],
        ),
        (
            "https:",
            [
                "redirects to https, with a slash at the end: ",
                "write https:// and the slash in the URL too: WeChat follows no redirects",
            ],
            [
                "跳转到了 https，末尾还多了斜杠：",
                "把 URL 改成 https://，末尾也写上斜杠：微信不跟随跳转",
            ],
        ),
    ] {
        let to = move |host: &str| format!("{scheme}//{host}/wechat/");
        let fake = Fake::start(move |call| redirect(&to(call.header("Host"))));
        let url = fake.url();
        let to = to(url
            .strip_prefix("http://")
            .unwrap()
            .trim_end_matches("/wechat"));
        examine(&url, &[]).assert_wrong(
            &format!("✗ path: {}{to} (301)", english[0]),
            &format!("Do this first: {}.", english[1]),
        );
        examine_in("zh", &url, &[]).assert_wrong(
            &format!("✗ 路径：{}{to}，状态码 301", chinese[0]),
            &format!("先做这一步：{}。", chinese[1]),
        );
    }
}

const OTHER_ECHOSTR: &[(Answer, Told)] = &[
    (
        |call| ok(&format!("\u{feff}{}", call.field("echostr"))),
        Told {
            english: [
                "handshake: there is a byte order mark (BOM) before echostr",
                "save the server's source files as UTF-8 without a BOM",
            ],
            chinese: [
                "验证 URL：echostr 前面有 BOM（字节顺序标记）",
                "把服务器的代码文件存成不带 BOM 的 UTF-8",
            ],
        },
    ),
    (
        |call| ok(&format!("\"{}\"", call.field("echostr"))),
        Told {
            english: [
                "handshake: echostr came back in quotes",
                "respond with echostr as plain text, not as JSON",
            ],
            chinese: [
                "验证 URL：返回的 echostr 带了引号",
                "直接返回 echostr 的文本，不要转成 JSON",
            ],
        },
    ),
    (
        |call| ok(&format!("{}\n", call.field("echostr"))),
        Told {
            english: [
                "handshake: there is a line break before or after echostr",
                "write echostr without a line break, and leave no blank lines outside the code",
            ],
            chinese: [
                "验证 URL：echostr 前后有换行",
                "输出 echostr 时不要换行，代码之外也不要留空行",
            ],
        },
    ),
    (
        |call| ok(&format!(" {}", call.field("echostr"))),
        Told {
            english: [
                "handshake: there is whitespace around echostr",
                "write echostr and nothing else",
            ],
            chinese: [
                "验证 URL：echostr 前后有空格",
                "只输出 echostr，前后不要加空格",
            ],
        },
    ),
    (
        |call| page("200 OK", call.field("echostr")),
        Told {
            english: [
                "handshake: echostr came back wrapped in HTML",
                "respond with echostr as plain text, without a template around it",
            ],
            chinese: [
                "验证 URL：返回的 echostr 外面套了 HTML",
                "只返回 echostr 的文本，不要套网页模板",
            ],
        },
    ),
    (
        |call| ok(&format!("<string>{}</string>", call.field("echostr"))),
        Told {
            english: [
                "handshake: echostr came back wrapped in tags",
                "respond with echostr as plain text, without a template or XML around it",
            ],
            chinese: [
                "验证 URL：返回的 echostr 外面套了标签",
                "只返回 echostr 的文本，不要套模板或 XML",
            ],
        },
    ),
    (
        |_| ok(""),
        Told {
            english: [
                "handshake: nothing came back instead of echostr",
                SAME_TOKEN[0],
            ],
            chinese: ["验证 URL：返回的内容是空的，没有 echostr", SAME_TOKEN[1]],
        },
    ),
    (
        |_| answer("403 Forbidden", ""),
        Told {
            english: ["handshake: refused with 403", SAME_TOKEN[0]],
            chinese: ["验证 URL：被拒绝，状态码 403", SAME_TOKEN[1]],
        },
    ),
    (
        |call| ok(&format!("1{}", call.field("echostr")).replace(call.field("echostr"), "2")),
        Told {
            english: [
                "handshake: \"12\" came back instead of echostr",
                "make the Token the same in three places: WECHAT_TOKEN here, WECHAT_TOKEN of the bot, and the platform's form; and have any proxy keep what follows the ? in the URL",
            ],
            chinese: [
                "验证 URL：返回的是“12”，不是 echostr",
                "让三处的 Token 相同：这里的环境变量 WECHAT_TOKEN、机器人的 WECHAT_TOKEN、公众平台表单里填的 Token；有反向代理的，还要让它保留 URL 里 ? 后面的部分",
            ],
        },
    ),
    (
        |_| page("200 OK", "Welcome to nginx!"),
        Told {
            english: [
                "handshake: a web page came back instead of echostr",
                "make the URL lead to the bot: this address, path or proxy leads to a website",
            ],
            chinese: [
                "验证 URL：返回的是网页，不是 echostr",
                "让 URL 指向机器人：这个地址、路径或反向代理指向的是网站",
            ],
        },
    ),
    (
        |call| match call.method.as_str() {
            "GET" if call.is_signed() => answer("201 Created", call.field("echostr")),
            _ => right(call),
        },
        Told {
            english: [
                "handshake: echostr came back with status 201",
                "respond with status 200: WeChat may accept no other",
            ],
            chinese: [
                "验证 URL：echostr 返回了，但状态码是 201",
                "用状态码 200 响应：别的状态码微信未必接受",
            ],
        },
    ),
    (
        |call| match call.method.as_str() {
            "GET" => ok(call.field("echostr")),
            _ => ok("success"),
        },
        Told {
            english: [
                "wrong Token: a wrong Token is accepted",
                "check the signature on the server: for now, anyone can pose as WeChat",
            ],
            chinese: [
                "错误的 Token：Token 不对也能通过验证",
                "在服务器上校验签名：现在谁都可以冒充微信",
            ],
        },
    ),
];

#[test]
fn where_echostr_does_not_come_back_as_it_was_sent() {
    assert_each(OTHER_ECHOSTR);
}

/// As where it was read as a number, and lost its zeros or was rounded.
#[test]
fn where_only_a_part_of_echostr_comes_back() {
    let beginning = |echostr: &str| echostr[..15].to_owned() + "00000";
    let end = |echostr: &str| echostr[1..].to_owned();
    // As Python and PHP write a number of that many digits.
    let of_python = |echostr: &str| {
        let number: f64 = echostr.parse().unwrap();
        format!("{number:e}").replace('e', "e+")
    };
    let of_php = |echostr: &str| {
        let number: f64 = echostr.parse().unwrap();
        format!("{number:.13E}").replace('E', "E+")
    };
    for part in [beginning as fn(&str) -> String, end, of_python, of_php] {
        let fake = Fake::start(move |call| ok(&part(call.field("echostr"))));
        for (language, line, first) in [
            (
                "en",
                "✗ handshake: echostr came back changed: \"",
                "Do this first: respond with echostr as the text that it is: as a number it loses digits.",
            ),
            (
                "zh",
                "✗ 验证 URL：返回的 echostr 跟发出的不一样：“",
                "先做这一步：把 echostr 当作文本原样返回：转成数字会丢掉几位。",
            ),
        ] {
            let verdict = examine_in(language, &fake.url(), &[]);
            assert!(verdict.wrong()[0].starts_with(line), "{verdict:#?}");
            assert_eq!((verdict.code, verdict.last()), (Some(1), first));
        }
    }
}

#[test]
fn where_something_stands_around_echostr() {
    let fake = Fake::start(|call| ok(&format!("ok\n{}", call.field("echostr"))));
    Told {
        english: [
            "handshake: there is something else around echostr: \"ok\"",
            "respond with echostr and nothing else",
        ],
        chinese: [
            "验证 URL：echostr 前后有别的内容：“ok”",
            "只返回 echostr，不要有别的内容",
        ],
    }
    .assert(&fake.url());
}

#[test]
fn a_connection_that_breaks() {
    Told {
        english: [
            "path: the connection broke: Connection reset by peer (os error 104)",
            "find out what cuts the connection between here and there",
        ],
        chinese: [
            "路径：连接中断：连接被对方重置",
            "检查两边之间的网络，看是什么切断了连接",
        ],
    }
    .assert(&Fake::resetting().url());
    Told {
        english: [
            "path: the server refused the TLS connection: it takes none of the ciphers offered",
            "fix the server's TLS, or use http on port 80",
        ],
        chinese: [
            "路径：服务器拒绝了 TLS 连接：双方没有都支持的加密算法",
            "改正服务器的 TLS 配置，或者改用 80 端口的 http",
        ],
    }
    .assert(&Fake::refusing_tls(HANDSHAKE_FAILURE).url());
}

const NO_HTTP10: &[(Answer, Told)] = &[
    (
        |call| {
            if call.is_http10() {
                String::new()
            } else {
                right(call)
            }
        },
        Told {
            english: [
                "handshake over HTTP/1.0: the connection was closed without a response",
                "have the server and its proxy accept HTTP/1.0 too: WeChat uses both versions",
            ],
            chinese: [
                "用 HTTP/1.0 验证 URL：没有响应，连接就断开了",
                "让服务器和反向代理也接受 HTTP/1.0：两种版本微信都会用",
            ],
        },
    ),
    (
        |call| match call.method.as_str() {
            "GET" if call.is_signed() && call.is_new() => chunks(call.field("echostr")),
            _ => right(call),
        },
        Told {
            english: [
                "handshake over HTTP/1.0: the response is chunked, which HTTP/1.0 doesn't have",
                "answer an HTTP/1.0 request with Content-Length, without chunks: WeChat uses both versions",
            ],
            chinese: [
                "用 HTTP/1.0 验证 URL：响应是分块传输的，而 HTTP/1.0 没有分块传输",
                "请求是 HTTP/1.0 时，用 Content-Length 响应，不要分块：两种版本微信都会用",
            ],
        },
    ),
    (
        |call| {
            if call.is_http10() {
                answer("505 HTTP Version Not Supported", "only 1.1")
            } else {
                right(call)
            }
        },
        Told {
            english: [
                "handshake over HTTP/1.0: HTTP/1.0 is refused with 505: only 1.1",
                "have the server and its proxy accept HTTP/1.0 too: WeChat uses both versions",
            ],
            chinese: [
                "用 HTTP/1.0 验证 URL：拒绝了 HTTP/1.0 请求，状态码 505：only 1.1",
                "让服务器和反向代理也接受 HTTP/1.0：两种版本微信都会用",
            ],
        },
    ),
    (
        |call| match call.method.as_str() {
            "POST" if call.is_http10() => {
                chunks(&reply(call, &now().to_string(), &cdata(&content(call))))
            }
            _ => right(call),
        },
        Told {
            english: [
                "text over HTTP/1.0: the response is chunked, which HTTP/1.0 doesn't have",
                "answer an HTTP/1.0 request with Content-Length, without chunks: WeChat uses both versions",
            ],
            chinese: [
                "用 HTTP/1.0 发文本消息：响应是分块传输的，而 HTTP/1.0 没有分块传输",
                "请求是 HTTP/1.0 时，用 Content-Length 响应，不要分块：两种版本微信都会用",
            ],
        },
    ),
];

#[test]
fn where_http_1_0_is_not_answered_as_it_should_be() {
    assert_each(NO_HTTP10);
}

#[test]
fn a_server_that_keeps_a_connection_of_http_1_0_open() {
    let without_length = |call: &Call| {
        if call.is_http10() {
            right(call).replace("Content-Length", "X-Length")
        } else {
            right(call)
        }
    };
    let told = Told {
        english: [
            "handshake over HTTP/1.0: the connection stays open after the response; over HTTP/1.0, closing it is what ends the response",
            "close the connection after answering an HTTP/1.0 request: WeChat uses both versions",
        ],
        chinese: [
            "用 HTTP/1.0 验证 URL：响应之后没有断开连接，而 HTTP/1.0 要靠断开连接来表示响应结束",
            "请求是 HTTP/1.0 时，响应之后断开连接：两种版本微信都会用",
        ],
    };
    told.assert(&Fake::listen(right, Then::Wait).url());
    told.assert(&Fake::listen(without_length, Then::Wait).url());
}

/// Faults of every reply; the first one is to be told first.
const WRONG_REPLIES: &[(Answer, Told)] = &[
    (
        |call| {
            right_but(call, || {
                format!("<!DOCTYPE html>\n{}", reply(call, &now().to_string(), "a"))
            })
        },
        Told {
            english: [
                "text: the reply is inside a web page (text/html)",
                "reply with the XML and nothing around it, as application/xml",
            ],
            chinese: [
                "文本消息：回复外面套了网页（text/html）",
                "只返回 XML，前后不要有别的内容，Content-Type 用 application/xml",
            ],
        },
    ),
    (
        |call| right_but(call, || "<xml></xml>".to_owned()),
        Told {
            english: [
                "text: the reply's <xml> is empty",
                "reply with ToUserName, FromUserName, CreateTime, MsgType and Content, or with the word success",
            ],
            chinese: [
                "文本消息：回复的 <xml> 里是空的",
                "回复里要有 ToUserName、FromUserName、CreateTime、MsgType 和 Content，或者只回复 success",
            ],
        },
    ),
    (
        |call| {
            reply_with(
                call,
                "<ToUserName>oDaoxiaoDoctor<",
                "<ToUserName>gh_daoxiao<",
            )
        },
        Told {
            english: [
                "text: the reply isn't addressed from the account to the user",
                "swap the names: ToUserName is the sender's OpenID, FromUserName the account",
            ],
            chinese: [
                "文本消息：回复的收发双方没有对调",
                "把收发双方对调：回复里的 ToUserName 填用户的 OpenID，FromUserName 填公众号的原始 ID",
            ],
        },
    ),
    (
        |call| right_but(call, || reply(call, &format!("{}000", now()), "a")),
        Told {
            english: [
                "text: CreateTime is in milliseconds",
                "give CreateTime in seconds: divide by 1000",
            ],
            chinese: [
                "文本消息：CreateTime 用的是毫秒",
                "CreateTime 要用秒：除以 1000",
            ],
        },
    ),
    (
        |call| right_but(call, || reply(call, "now", "a")),
        Told {
            english: [
                "text: CreateTime is \"now\", not the current time",
                "give CreateTime as a Unix timestamp in seconds",
            ],
            chinese: [
                "文本消息：CreateTime 是“now”，不是当前时间",
                "CreateTime 要用 Unix 时间戳，单位是秒",
            ],
        },
    ),
    (
        |call| reply_with(call, "<MsgType>text</MsgType>", "<MsgType>foo</MsgType>"),
        Told {
            english: [
                "text: the reply's MsgType is \"foo\", which WeChat doesn't know",
                "reply with a MsgType that WeChat knows: text, image, voice, video, music or news",
            ],
            chinese: [
                "文本消息：回复的 MsgType 是“foo”，微信不认识",
                "MsgType 用微信认识的：text、image、voice、video、music 或 news",
            ],
        },
    ),
    (
        |call| reply_with(call, "<MsgType>text</MsgType>", ""),
        Told {
            english: [
                "text: the reply has no MsgType",
                "give the reply a MsgType, such as text",
            ],
            chinese: [
                "文本消息：回复没有 MsgType",
                "给回复加上 MsgType，例如 text",
            ],
        },
    ),
    (
        |call| right_but(call, || reply(call, &now().to_string(), "")),
        Told {
            english: [
                "text: the reply has no Content",
                "reply success when there is nothing to say: WeChat refuses an empty Content",
            ],
            chinese: [
                "文本消息：回复没有 Content",
                "没有内容要回时，就返回 success：微信不接受空的 Content",
            ],
        },
    ),
];

#[test]
fn where_a_reply_is_not_in_the_right_form() {
    for (answer, told) in WRONG_REPLIES {
        told.assert_first(&Fake::start(*answer).url(), &[]);
    }
}

#[test]
fn a_reply_that_is_not_utf_8() {
    let fake = Fake::start(|call| match call.method.as_str() {
        "POST" if call.is_signed() => {
            let head = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n";
            [head.as_bytes(), b"\xff"].concat()
        }
        _ => right(call).into_bytes(),
    });
    Told {
        english: ["text: the reply isn't UTF-8", "encode the reply as UTF-8"],
        chinese: ["文本消息：回复不是 UTF-8 编码", "用 UTF-8 编码回复"],
    }
    .assert_first(&fake.url(), &[]);
}

#[test]
fn a_reply_that_is_no_xml() {
    for (body, english, chinese) in [
        (
            "hello",
            "the body is not XML at line 1, character 1",
            "第 1 行第 1 个字符起写得不对",
        ),
        ("<a/>", "the body's root is not <xml>", "最外层不是 <xml>"),
        (
            "<!DOCTYPE a><xml/>",
            "the body has a document type declaration",
            "里面有 DOCTYPE 声明",
        ),
    ] {
        let fake = Fake::start(move |call| right_but(call, || body.to_owned()));
        let wrong = |language| {
            let verdict = examine_in(language, &fake.url(), &[]);
            verdict.wrong()[0].to_owned()
        };
        let line = format!("✗ text: the reply isn't valid XML: {english}");
        assert_eq!(wrong("en"), line);
        let line = format!("✗ 文本消息：回复不是格式正确的 XML（{chinese}）");
        assert_eq!(wrong("zh"), line);
    }
}

/// Faults of every encrypted reply.
const WRONG_ENCRYPTION: &[(Answer, Told)] = &[
    (
        |call| right_but(call, || "<xml><Encrypt>a</Encrypt></xml>".to_owned()),
        Told {
            english: [
                "text: the encrypted reply has no TimeStamp",
                "put Encrypt, MsgSignature, TimeStamp and Nonce in an encrypted reply",
            ],
            chinese: [
                "文本消息：加密的回复缺少 TimeStamp",
                "加密的回复要有 Encrypt、MsgSignature、TimeStamp 和 Nonce",
            ],
        },
    ),
    (
        |call| secure(call, call.has_msg_signature()).replace("<TimeStamp>1", "<TimeStamp>2"),
        Told {
            english: [
                "text: the reply's MsgSignature is wrong",
                "compute MsgSignature from Token, TimeStamp, Nonce and Encrypt",
            ],
            chinese: [
                "文本消息：回复的 MsgSignature 不对",
                "用 Token、TimeStamp、Nonce 和 Encrypt 四项计算 MsgSignature",
            ],
        },
    ),
    (
        |call| {
            right_but(call, || {
                let msg_signature = signature(&[TOKEN, "1", NONCE, "AAAA"]);
                format!(
                    "<xml><Encrypt>AAAA</Encrypt><MsgSignature>{msg_signature}</MsgSignature>\
                     <TimeStamp>1</TimeStamp><Nonce>{NONCE}</Nonce></xml>"
                )
            })
        },
        Told {
            english: [
                "text: the reply can't be decrypted: the encrypted bytes are not a whole number of blocks of 32",
                SAME_KEY[0],
            ],
            chinese: [
                "文本消息：回复无法解密：密文的长度不是 32 字节的整数倍",
                SAME_KEY[1],
            ],
        },
    ),
    (
        |call| {
            right_but(call, || {
                let names = "<ToUserName>oDaoxiaoDoctor</ToUserName><FromUserName>gh_daoxiao</FromUserName>";
                let time = now();
                format!(
                    "<xml>{names}<CreateTime>{time}</CreateTime><MsgType>text</MsgType><Content>a</Content></xml>"
                )
            })
        },
        Told {
            english: [
                "text: the reply isn't encrypted",
                "encrypt the replies: in secure mode WeChat accepts no others",
            ],
            chinese: [
                "文本消息：回复没有加密",
                "把回复加密：安全模式下微信只接受加密的回复",
            ],
        },
    ),
];

#[test]
fn where_a_reply_is_not_encrypted_as_it_should_be() {
    for (answer, told) in WRONG_ENCRYPTION {
        told.assert_first(&Fake::start(*answer).url(), &SECRETS);
    }
    // And one that is, where there is no key.
    let fake = Fake::start(|call| right_but(call, || "<xml><Encrypt>a</Encrypt></xml>".to_owned()));
    Told {
        english: [
            "text: the reply is encrypted, but there is no key here",
            "set WECHAT_ENCODING_AES_KEY and WECHAT_APPID here: the server is in secure mode",
        ],
        chinese: [
            "文本消息：回复是加密的，而这里没有密钥",
            "在这里设置 WECHAT_ENCODING_AES_KEY 和 WECHAT_APPID：服务器用的是安全模式",
        ],
    }
    .assert_first(&fake.url(), &[]);
}

#[test]
fn a_secure_server_that_takes_bodies_without_encryption() {
    let fake = Fake::start(|call| {
        if call.body.contains("<Encrypt>") {
            secure(call, call.has_msg_signature())
        } else {
            right(call)
        }
    });
    Told {
        english: [
            "unencrypted message: replied \"你好 daoxiao\"",
            "refuse a body without Encrypt and msg_signature: otherwise the encryption protects nothing",
        ],
        chinese: [
            "未加密的消息：本该拒绝，却回复了“你好 daoxiao”",
            "没有 Encrypt 和 msg_signature 的请求一律拒绝：否则加密形同虚设",
        ],
    }
    .assert_with(&fake.url(), &SECRETS);
}

const REFUSED_MESSAGES: &[(Answer, Told)] = &[
    (
        |call| match call.method.as_str() {
            "GET" => right(call),
            _ => answer("405 Method Not Allowed", "GET only"),
        },
        Told {
            english: [
                "text: refused with 405: GET only",
                "have the server answer POST at this path, not only GET",
            ],
            chinese: [
                "文本消息：被拒绝，状态码 405：GET only",
                "让服务器在这个路径上也响应 POST，不能只有 GET",
            ],
        },
    ),
    (
        |call| match call.method.as_str() {
            "GET" => right(call),
            _ => page("403 Forbidden", "403"),
        },
        Told {
            english: [
                "text: the response is from a web server or a firewall, not from the bot (403)",
                "have the web server or the firewall forward this host and path to the bot, or fix them in the URL",
            ],
            chinese: [
                "文本消息：响应的是 Web 服务器或防火墙，不是机器人，状态码 403",
                "让 Web 服务器或防火墙把这个域名和路径转给机器人，或者改正 URL",
            ],
        },
    ),
    (
        |call| match call.method.as_str() {
            "GET" => right(call),
            _ => redirect("/"),
        },
        Told {
            english: [
                "text: redirects to / (301)",
                "have the server answer at this path itself, without a login or a form's token (CSRF): WeChat has neither, and follows no redirects",
            ],
            chinese: [
                "文本消息：跳转到了 /，状态码 301",
                "让服务器在这个路径上直接响应，不要求登录，也不检查 CSRF：微信不会登录，也不跟随跳转",
            ],
        },
    ),
    (
        |call| match call.method.as_str() {
            "GET" => right(call),
            _ => answer("500 Internal Server Error", "oops"),
        },
        Told {
            english: ["text: refused with 500: oops", "read the server's log"],
            chinese: ["文本消息：被拒绝，状态码 500：oops", "查看服务器的日志"],
        },
    ),
];

#[test]
fn a_message_that_is_refused_where_the_handshake_is_not() {
    assert_each(REFUSED_MESSAGES);
}

const WRONG_ANSWERS: &[(Answer, Told)] = &[
    (
        |call| match call.method.as_str() {
            "GET" => right(call),
            _ => ok(&reply(call, &now().to_string(), &cdata(&content(call)))),
        },
        Told {
            english: [
                "forged message: replied \"你好 daoxiao\"",
                "check the signature of every POST too: for now, anyone can write in a user's name",
            ],
            chinese: [
                "伪造的消息：本该拒绝，却回复了“你好 daoxiao”",
                "每个 POST 请求也要校验签名：现在谁都可以冒用别人的名义发消息",
            ],
        },
    ),
    (
        |call| {
            right_but(call, || {
                let words = format!("You said: {}", content(call));
                reply(call, &now().to_string(), &cdata(&words))
            })
        },
        Told {
            english: [
                "long text: Content has 2056 bytes",
                "cut Content to 2047 bytes: WeChat refuses anything longer",
            ],
            chinese: [
                "长文本：Content 有 2056 字节",
                "把 Content 截到 2047 字节以内：太长的微信不接受",
            ],
        },
    ),
];

#[test]
fn where_a_message_is_answered_that_should_not_be_or_otherwise() {
    assert_each(WRONG_ANSWERS);
}

#[test]
fn a_reply_that_is_sent_as_a_web_page_is_a_warning() {
    let fake = Fake::start(|call| with_header("Content-Type: text/html", &right(call)));
    assert_warned(
        &fake.url(),
        "text: warning: the reply's Content-Type is text/html, where application/xml is right",
        "文本消息：警告：回复的 Content-Type 是 text/html，建议改成 application/xml",
    );
}

#[test]
fn each_fault_of_a_certificate() {
    for (certificate, told) in [
        (
            Certificate::SelfSigned,
            Told {
                english: [
                    "path: the certificate is self-signed, or its chain is incomplete",
                    "use a certificate from a public authority with its whole chain (fullchain.pem), or http on port 80",
                ],
                chinese: [
                    "路径：证书是自签名的，或者证书链不完整",
                    "换用受信任的证书机构签发的证书，并配上完整的证书链（fullchain.pem），或者改用 80 端口的 http",
                ],
            },
        ),
        (
            Certificate::Expired,
            Told {
                english: [
                    "path: the certificate has expired",
                    "renew the certificate, and have it renewed automatically (certbot renew)",
                ],
                chinese: [
                    "路径：证书已过期",
                    "更新证书，并设好自动续期（certbot renew）",
                ],
            },
        ),
        (
            Certificate::NotYetValid,
            Told {
                english: [
                    "path: the certificate isn't valid yet",
                    "set this machine's clock right if it is slow (timedatectl); else use a certificate that is valid already",
                ],
                chinese: [
                    "路径：证书还没有生效",
                    "本机的时间若是慢了，先校准（timedatectl）；若不慢，就换用已经生效的证书",
                ],
            },
        ),
        (
            Certificate::OtherName,
            Told {
                english: [
                    "path: the certificate is for another name",
                    "use a certificate for the name in the URL, or the name in the certificate",
                ],
                chinese: [
                    "路径：证书不是发给这个域名的",
                    "换用这个域名的证书，或者把 URL 改成证书上的域名",
                ],
            },
        ),
    ] {
        told.assert(&Fake::secure(certificate).url());
    }
}

/// `127.1` is no address in a URL, but a name that every resolver knows without being asked.
#[test]
fn a_name_that_leads_to_this_machine() {
    let url = Fake::start(right).url().replace("127.0.0.1", "127.1");
    Told {
        english: [
            "address: 127.1 resolves to 127.0.0.1, which WeChat can't reach (its error code: -107)",
            "point the name's A record at the server's public address, or use a tunnel",
        ],
        chinese: [
            "地址：127.1 指向 127.0.0.1，微信访问不到（平台的错误码是 -107）",
            "把域名的 A 记录指向服务器的公网地址，或者使用内网穿透",
        ],
    }
    .assert(&url);
}

#[test]
fn a_url_as_it_is_copied() {
    let fake = Fake::start(right);
    let bare = fake.url().replace("http://", "");
    for url in [
        &bare,
        &format!(" {bare}\n"),
        &format!("\t{} ", fake.url()),
        &format!("//{bare}"),
        &format!("http:/{bare}"),
        &format!("http：／／{bare}。"),
        &format!("\u{200b}<{}>\u{feff}", fake.url()),
        &format!("【\u{202a}{}\u{2069}】", fake.url()),
    ] {
        examine(url, &[]).assert_well(&CHECKS);
    }
}

/// Of all addresses of IPv6, the one that leads to this machine without being its own.
#[test]
fn a_host_that_is_an_address_of_ipv6() {
    for (language, line, first) in [
        (
            "en",
            "✗ address: [::] is an IPv6 address, which WeChat doesn't call (its error code: -107)",
            "Do this first: put the server's IPv4 address in the URL, or a name with an A record.",
        ),
        (
            "zh",
            "✗ 地址：[::] 是 IPv6 地址，微信不访问（平台的错误码是 -107）",
            "先做这一步：URL 里改用服务器的 IPv4 地址，或者有 A 记录的域名。",
        ),
    ] {
        assert_first(&examine_in(language, "http://[::]:9/", &[]), line, first);
    }
}

/// In a namespace of its own the system knows one more name.
#[test]
fn a_name_with_ipv6_only() {
    let Some(unshare) = find("unshare") else {
        return;
    };
    let hosts = Temporary::write("hosts-with-ipv6", "::1 six.example.com\n");
    let script = "mount --bind \"$0\" /etc/hosts && exec \"$@\"";
    let examine = |language| {
        let mut command = Command::new(&unshare);
        command.args(["-Urm", "sh", "-c", script, hosts.path(), "env"]);
        command.args([
            &format!("WECHAT_TOKEN={TOKEN}"),
            env!("CARGO_BIN_EXE_daoxiao"),
        ]);
        command.args(["doctor", "http://six.example.com:9/", "--lang", language]);
        run(command, "")
    };
    let can = Command::new(&unshare).args(["-Urm", "true"]).status();
    if !can.is_ok_and(|status| status.success()) {
        return pass_over("unshare is not allowed");
    }
    for (language, line, first) in [
        (
            "en",
            "✗ address: six.example.com has only IPv6 addresses, which WeChat doesn't call (its error code: -107)",
            "Do this first: give the name an A record: WeChat calls IPv4 only.",
        ),
        (
            "zh",
            "✗ 地址：six.example.com 只有 IPv6 地址，微信不访问（平台的错误码是 -107）",
            "先做这一步：给域名加一条 A 记录：微信只访问 IPv4。",
        ),
    ] {
        assert_first(&verdict(&examine(language)), line, first);
    }
}

/// Of several faults, this is the first.
#[track_caller]
fn assert_first(verdict: &Verdict, line: &str, first: &str) {
    let told = (verdict.code, verdict.wrong()[0], verdict.last());
    assert_eq!(told, (Some(1), line, first), "{verdict:#?}");
}

#[test]
fn a_server_of_http_1_0_is_well() {
    examine_fake(|call| right(call).replace("HTTP/1.1", "HTTP/1.0")).assert_well(&CHECKS);
}

#[test]
fn wechat_is_no_browser() {
    let fake = Fake::start(|call| {
        assert!(call.header("User-Agent") == "Mozilla/4.0");
        right(call)
    });
    examine(&fake.url(), &[]).assert_well(&CHECKS);
}

#[test]
fn quietly_only_what_is_wrong_is_said() {
    let run_quietly = |url: &str| {
        let mut command = daoxiao(&["doctor", "-q", "--lang", "en", url]);
        command.env("WECHAT_TOKEN", TOKEN);
        run(command, "")
    };
    let bot = Bot::start();
    let well = run_quietly(&url(&bot, "/wechat"));
    assert_eq!((well.code, well.out.as_str()), (Some(0), ""));
    let ill = run_quietly(&url(&bot, "/nowhere"));
    let lines: Vec<String> = ill.out.lines().map(without_time).collect();
    let first = "Do this first: fix the path in the URL: daoxiao answers at / and /wechat unless --path says otherwise.";
    assert_eq!(
        lines,
        ["✗ path: there is nothing at this path (404)", first]
    );
    assert_eq!(ill.code, Some(1));
}

#[test]
fn a_fault_is_one_even_where_nobody_reads_of_it() {
    let bot = Bot::start();
    for form in ["-q", "--json"] {
        for (path, code) in [("/wechat", 0), ("/nowhere", 1)] {
            let (reader, writer) = io::pipe().unwrap();
            drop(reader);
            let mut command = daoxiao(&["doctor", form, &url(&bot, path)]);
            let output = command.env("WECHAT_TOKEN", TOKEN).stdout(writer).output();
            let output = output.unwrap();
            let told = (output.status.code(), output.stderr.as_slice());
            assert_eq!(told, (Some(code), &b""[..]), "{form} {path}");
        }
    }
}

#[test]
fn as_json_it_is_one_object() {
    let examine = |url: &str, lang: &str| {
        let mut command = daoxiao(&["doctor", "--json", "--lang", lang]);
        command.envs([("WECHAT_TOKEN", TOKEN), ("DAOXIAO_URL", url)]);
        let outcome = run(command, "");
        assert_eq!((outcome.out.lines().count(), outcome.err.as_str()), (1, ""));
        let object: Value = serde_json::from_str(&outcome.out).unwrap();
        (outcome.code, object)
    };
    let bot = Bot::start();
    let (code, well) = examine(&url(&bot, "/wechat"), "en");
    assert_eq!(code, Some(0));
    assert_eq!(well["url"], url(&bot, "/wechat"));
    assert_eq!(
        (&well["well"], &well["first"]),
        (&json!(true), &Value::Null)
    );
    let checks = well["checks"].as_array().unwrap();
    let names: Vec<&str> = checks
        .iter()
        .map(|check| check["check"].as_str().unwrap())
        .collect();
    assert_eq!(names, CHECKS);
    assert!(checks.iter().all(|check| check["milliseconds"].is_u64()));
    let (code, ill) = examine(&url(&bot, "/nowhere"), "zh");
    assert_eq!(code, Some(1));
    let mut last = ill["checks"].as_array().unwrap().last().unwrap().clone();
    last["milliseconds"].take();
    let fix = "改正 URL 里的路径：daoxiao 默认响应 / 和 /wechat，可以用 --path 修改";
    assert_eq!(
        last,
        json!({
            "check": "path", "result": "fault", "fix": fix, "milliseconds": null,
            "message": "这个路径下什么也没有，状态码 404",
        })
    );
    assert_eq!((&ill["well"], &ill["first"]), (&json!(false), &json!(fix)));
}
