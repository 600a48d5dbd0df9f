//! Every way in: paths, methods, lengths, the handshake, and what the log tells of them.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::UNIX_EPOCH,
};

use crate::support::{
    Bot, LIMIT, TOKEN, daoxiao, exchange, message, now, parse_reply, post_request, signature,
    signed, signed_at, signed_with, status_while_sending, text_message,
};

fn request(head: &str) -> String {
    format!("{head}\r\nConnection: close\r\n\r\n")
}

#[test]
fn the_handshake_returns_the_echostr_byte_for_byte() {
    let bot = Bot::start();
    for (sent, expected) in [
        ("5927782489442352469", &b"5927782489442352469"[..]),
        ("a%2Bb+c%20d", b"a+b+c d"),
        ("%00%FF%0D%0A%26", b"\0\xff\r\n&"),
        ("%E4%BD%A0", "你".as_bytes()),
        ("%3Cscript%3E", b"<script>"),
        ("%2541", b"%41"),
        ("", b""),
    ] {
        let reply = bot.get(&format!("{}&echostr={sent}", signed("/")));
        assert_eq!((reply.status, &reply.body[..]), (200, expected), "{sent}");
        assert_eq!(reply.header("Content-Type"), Some("text/plain"));
    }
    let long = "x".repeat(1024);
    let echo = |echostr: &str| bot.get(&format!("{}&echostr={echostr}", signed("/wechat")));
    assert_eq!(echo(&long).text(), long);
    let refused = echo(&format!("{long}x"));
    assert_eq!((refused.status, refused.text()), (403, "forbidden\n"));
    bot.wait_for_log("GET /wechat - refused: the query's field echostr is too long 403");
    bot.wait_for_log("GET / - handshake 200");
}

#[test]
fn a_handshake_needs_a_signature_a_timestamp_of_now_and_an_echostr() {
    let bot = Bot::start();
    let forged = signed_with("othertoken", "/");
    for target in [
        "/".to_owned(),
        "/?echostr=1".to_owned(),
        format!("{forged}&echostr=1"),
        format!("{}&echostr=1&nonce=nonce42", signed("/")),
        format!("{}&echostr=1&echostr=1", signed("/")),
        format!("{}&echostr=1", signed_at("/", now() - 400)),
        format!("{}&echostr=1", signed_at("/", now() + 400)),
    ] {
        let reply = bot.get(&target);
        assert_eq!(
            (reply.status, reply.text()),
            (403, "forbidden\n"),
            "{target}"
        );
    }
    let reply = bot.get(&signed("/"));
    assert_eq!((reply.status, reply.text()), (400, "bad request\n"));
    bot.wait_for_log(
        "GET / - refused: the signature is wrong (is WECHAT_TOKEN the platform's?) 403",
    );
    bot.wait_for_log("GET / - refused: the query has no echostr 400");
}

#[test]
fn odd_timestamps_are_403_and_any_age_means_any_age() {
    let bot = Bot::start();
    let any_age = Bot::with(&["--joke-source", "none", "--max-age", "0"], &[]);
    for (timestamp, status) in [
        ("1348831860", 200),
        ("0", 200),
        ("", 403),
        ("now", 403),
        ("-5", 403),
        ("+5", 403),
        ("1e9", 403),
        ("0000000001348831860", 200),
        ("00000000001348831860", 403),
        ("99999999999999999999", 403),
    ] {
        let signature = signature(&[TOKEN, timestamp, "n"]);
        let query = format!("?signature={signature}&timestamp={timestamp}&nonce=n&echostr=1");
        assert_eq!(bot.get(&format!("/{query}")).status, 403, "{timestamp:?}");
        assert_eq!(
            any_age.get(&format!("/{query}")).status,
            status,
            "{timestamp:?}"
        );
    }
}

/// What `--max-age` does not do, as the page that its help names says.
#[test]
fn an_old_call_passes_if_its_nonce_reads_like_now_and_the_two_are_swapped() {
    let bot = Bot::start();
    let (old, now) = ((now() - 100_000).to_string(), now().to_string());
    let signature = signature(&[TOKEN, &old, &now]);
    let call = |timestamp: &str, nonce: &str| {
        let query = format!("signature={signature}&timestamp={timestamp}&nonce={nonce}");
        bot.get(&format!("/?{query}&echostr=1")).status
    };
    assert_eq!(call(&old, &now), 403);
    assert_eq!(call(&now, &old), 200);
    let help = daoxiao(&["serve", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(help.contains("docs/settings.md"), "{help}");
    let page = include_str!("../../docs/settings.md");
    assert!(page.contains("stays right when timestamp and nonce change places"));
}

#[test]
fn the_age_limit_is_in_both_directions_and_the_log_says_by_how_much() {
    let bot = Bot::with(&["--joke-source", "none", "--max-age", "1000"], &[]);
    for (timestamp, status) in [
        (now() - 990, 200),
        (now() + 990, 200),
        (now() - 1010, 403),
        (now() + 1010, 403),
    ] {
        let reply = bot.post(&signed_at("/", timestamp), text_message("你好"));
        assert_eq!(reply.status, status, "{timestamp}");
    }
    bot.wait_for_log("s in the past, and 1000 are allowed: check this machine's clock 403");
    bot.wait_for_log("s in the future, and 1000 are allowed: check this machine's clock 403");
}

#[test]
fn unknown_paths_and_methods_are_404_and_405() {
    let bot = Bot::start();
    for (head, status, allow, body) in [
        ("GET /wechat/x HTTP/1.1", 404, None, "not found\n"),
        ("POST /nowhere HTTP/1.1", 404, None, "not found\n"),
        ("PUT /nowhere?x=1 HTTP/1.1", 404, None, "not found\n"),
        (
            "PUT / HTTP/1.1",
            405,
            Some("GET, POST"),
            "method not allowed\n",
        ),
        (
            "DELETE /wechat HTTP/1.1",
            405,
            Some("GET, POST"),
            "method not allowed\n",
        ),
        (
            "OPTIONS / HTTP/1.1",
            405,
            Some("GET, POST"),
            "method not allowed\n",
        ),
        (
            "BREW / HTTP/1.1",
            405,
            Some("GET, POST"),
            "method not allowed\n",
        ),
        (
            "POST /healthz HTTP/1.1",
            405,
            Some("GET, HEAD"),
            "method not allowed\n",
        ),
        ("GET /healthz HTTP/1.1", 200, None, "ok\n"),
        ("GET /healthz?x HTTP/1.0", 200, None, "ok\n"),
    ] {
        let reply = exchange(bot.address, request(head));
        assert_eq!((reply.status, reply.text()), (status, body), "{head}");
        assert_eq!(reply.header("Allow"), allow, "{head}");
    }
    let log = bot.wait_for_log("BREW / - refused: only GET, POST are answered here 405");
    assert!(log.contains("INFO"), "{log}");
}

#[test]
fn a_head_request_has_no_body() {
    let bot = Bot::start();
    for (path, status) in [("/healthz", 200), ("/", 405), ("/nowhere", 404)] {
        let mut stream = TcpStream::connect(bot.address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream
            .write_all(request(&format!("HEAD {path} HTTP/1.1")).as_bytes())
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    }
}

#[test]
fn the_declared_length_decides_before_the_body() {
    let bot = Bot::start();
    let target = signed("/");
    let declaring = |length: usize, body: &str| {
        format!(
            "POST {target} HTTP/1.1\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
    };
    // At the limit it is waited for and read; one past it is refused without a look at it.
    let xml = text_message("你好");
    let padded = format!("{xml}{}", " ".repeat(24 * 1024 - xml.len()));
    assert_eq!(
        exchange(bot.address, declaring(24_576, &padded)).content(),
        "好你"
    );
    let reply = exchange(bot.address, declaring(24_577, &format!("{padded} ")));
    assert_eq!((reply.status, reply.text()), (413, "body too large\n"));
    let reply = exchange(bot.address, request(&format!("POST {target} HTTP/1.1")));
    assert_eq!((reply.status, reply.text()), (411, "length required\n"));
    let chunked = format!(
        "POST {target} HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    );
    assert_eq!(exchange(bot.address, chunked).status, 411);
    let nonsense =
        format!("POST {target} HTTP/1.1\r\nContent-Length: many\r\nConnection: close\r\n\r\n");
    assert_eq!(exchange(bot.address, nonsense).status, 411);
    bot.wait_for_log(
        "POST / - refused: the body is declared as 24577 bytes, and 24576 are allowed 413",
    );
}

#[test]
fn what_comes_behind_a_refusal_is_never_taken_for_requests() {
    const ASKED: usize = 20;
    let bot = Bot::start();
    let piece = format!(
        "{} / HTTP/1.1\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n",
        "A".repeat(900)
    );
    let plain = piece.repeat(400_000 / piece.len());
    let length = format!("Content-Length: {}", plain.len());
    let chunks = format!("{:x}\r\n{piece}\r\n", piece.len()).repeat(400_000 / piece.len());
    for (header, body) in [
        (length.as_str(), plain),
        ("Transfer-Encoding: chunked", chunks),
    ] {
        for _ in 0..ASKED / 2 {
            let head = format!("POST / HTTP/1.1\r\n{header}\r\n\r\n");
            assert_eq!(status_while_sending(bot.address, &head, &body), 403);
        }
    }
    assert_eq!(bot.get("/end").status, 404);
    bot.wait_for_log("GET /end");
    let log = bot.log();
    let lines = |text: &str| log.lines().filter(|line| line.contains(text)).count();
    assert_eq!((lines("POST / "), lines("smuggled")), (ASKED, 0), "{log}");
}

#[test]
fn a_vast_length_is_no_harm_however_it_is_declared() {
    let bot = Bot::start();
    let worker = bot.worker_pid();
    let vast = "Content-Length: 99999999999999\r\n";
    for headers in [vast.to_owned(), vast.repeat(2)] {
        let reply = exchange(bot.address, format!("POST / HTTP/1.1\r\n{headers}\r\nx"));
        assert_eq!(reply.status, 403);
        assert_eq!(reply.header("Connection"), Some("close"));
    }
    assert_eq!(bot.answer_to("你好"), "好你");
    assert_eq!(bot.worker_pid(), worker);
}

#[test]
fn the_query_decides_before_the_length() {
    let bot = Bot::start();
    let forged = signed_with("othertoken", "/");
    let request =
        format!("POST {forged} HTTP/1.1\r\nContent-Length: 24577\r\nConnection: close\r\n\r\n");
    let mut stream = TcpStream::connect(bot.address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 403");
}

#[test]
fn a_body_of_every_size_around_the_read_ahead_arrives_whole() {
    let bot = Bot::start();
    for size in [1, 300, 1023, 1024, 1025, 4096, 24_000] {
        let xml = text_message(&"好".repeat(3));
        let size = size.max(xml.len());
        let body = format!("{xml}{}", " ".repeat(size - xml.len()));
        for header in ["", "Expect: 100-continue\r\n", "Connection: upgrade\r\n"] {
            let mut request = post_request(&signed("/"), body.as_bytes());
            if !header.is_empty() {
                let text = String::from_utf8(request).unwrap();
                let text = text.replace("Connection: close\r\n", header);
                request = text.into_bytes();
            }
            let mut stream = TcpStream::connect(bot.address).unwrap();
            stream.set_read_timeout(Some(LIMIT)).unwrap();
            stream.write_all(&request).unwrap();
            let reply = read_final_reply(&mut stream);
            assert_eq!(reply.status, 200, "{size} {header}");
        }
    }
}

/// Reads until there is an answer that is not `100 Continue`.
fn read_final_reply(stream: &mut TcpStream) -> crate::support::Reply {
    let mut bytes = Vec::new();
    loop {
        let mut some = [0; 4096];
        let read = stream.read(&mut some).unwrap();
        assert_ne!(read, 0, "the connection ended");
        bytes.extend_from_slice(&some[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let start = if text.starts_with("HTTP/1.1 100") {
            text.find("\r\n\r\n").map_or(0, |end| end + 4)
        } else {
            0
        };
        if let Some(reply) = parse_reply(&bytes[start..]) {
            return reply;
        }
    }
}

#[test]
fn a_body_that_ends_early_is_refused_and_nobody_waits_for_one_that_stalls() {
    let bot = Bot::start();
    let head = format!(
        "POST {} HTTP/1.1\r\nContent-Length: 2000\r\n\r\n<xml>",
        signed("/")
    );
    let mut stalling = TcpStream::connect(bot.address).unwrap();
    stalling.write_all(head.as_bytes()).unwrap();
    assert_eq!(bot.answer_to("你好"), "好你");
    stalling.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = [0; 12];
    stalling.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 400");
}

#[test]
fn requests_on_one_connection_are_answered_in_order() {
    let bot = Bot::start();
    let mut stream = TcpStream::connect(bot.address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let long = format!("{}{}", text_message("二"), " ".repeat(2000));
    for body in [text_message("一"), long, text_message("三")] {
        let request = String::from_utf8(post_request(&signed("/"), body.as_bytes())).unwrap();
        stream
            .write_all(request.replace("Connection: close\r\n", "").as_bytes())
            .unwrap();
    }
    stream
        .write_all(request("GET /healthz HTTP/1.1").as_bytes())
        .unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    let position = |text: &str| {
        answers
            .find(text)
            .unwrap_or_else(|| panic!("no {text} in {answers}"))
    };
    assert!(position("[一]") < position("[二]") && position("[二]") < position("[三]"));
    assert!(position("[三]") < position("ok\n"));
}

#[test]
fn the_log_has_a_line_a_request_and_no_secret() {
    let bot = Bot::start();
    bot.say(text_message("天机不可泄露"));
    bot.say(message("image", "<MediaId>m</MediaId><MsgId>77</MsgId>"));
    bot.post(&signed_with("othertoken", "/wechat"), text_message("x"));
    bot.get("/\u{1b}[2J");
    exchange(bot.address, request("FOO\u{1b}[31m / HTTP/1.1"));
    bot.get("/healthz");
    let (status, log) = bot.stop();
    assert_eq!(status.code(), Some(0));
    // The supervisor's line and the worker's last one are written at the same time.
    let (ending, lines): (Vec<&str>, Vec<&str>) = log
        .lines()
        .partition(|line| line.ends_with("SIGTERM: ending"));
    assert_eq!((ending.len(), lines.len()), (1, 5), "{log}");
    let stamp = lines[0].split(' ').next().unwrap();
    assert_eq!((stamp.len(), stamp.ends_with('Z')), (20, true), "{stamp}");
    assert!(
        lines[0].contains(" INFO  127.0.0.1 POST /wechat text text 200 "),
        "{log}"
    );
    assert!(lines[0].ends_with(" ms"));
    assert!(
        lines[1].contains(" INFO  127.0.0.1 POST /wechat image text 200 "),
        "{log}"
    );
    assert!(
        lines[2].contains("POST /wechat - refused: the signature is wrong"),
        "{log}"
    );
    assert!(
        lines[3].contains("GET /\\u{1b}[2J - refused: no such path 404 "),
        "{log}"
    );
    assert!(
        lines[4].contains("FOO\\u{1b}[31m / - refused: only GET, POST are answered here 405 "),
        "{log}"
    );
    for secret in [TOKEN, "oUser", "gh_bot", "nonce42", "天机", "signature="] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}

#[test]
fn the_log_level_is_chosen_by_flag_or_variable() {
    let quiet = Bot::with(
        &["--joke-source", "none", "--log", "off"],
        &[("RUST_LOG", "debug")],
    );
    quiet.get("/healthz");
    assert_eq!(quiet.stop().1, "");
    let quiet = Bot::with(&["--joke-source", "none"], &[("RUST_LOG", "error")]);
    quiet.get("/healthz");
    assert_eq!(quiet.stop().1, "");
}

#[test]
fn an_answer_has_the_version_that_was_asked_in_and_no_more_than_it_needs() {
    let bot = Bot::start();
    for version in ["1.1", "1.0"] {
        let body = text_message("你好");
        let request = post_request(&signed("/"), body.as_bytes());
        let request = String::from_utf8(request).unwrap();
        let begun = now();
        let reply = exchange(
            bot.address,
            request.replace("HTTP/1.1", &format!("HTTP/{version}")),
        );
        let date = reply.header("Date").unwrap();
        let sent = httpdate::parse_http_date(date).unwrap();
        let sent = sent.duration_since(UNIX_EPOCH).unwrap().as_secs();
        assert!((begun..=now()).contains(&sent), "{date}");
        let expected = format!(
            "HTTP/{version} 200 OK\r\nDate: {date}\r\nConnection: close\r\n\
             Content-Type: application/xml\r\nContent-Length: {}",
            reply.body.len()
        );
        assert_eq!(reply.head, expected);
        assert_eq!(reply.content(), "好你");
    }
}

#[test]
fn slashes_too_many_or_too_few_are_forgiven() {
    let bot = Bot::with(&["--joke-source", "none", "--path", "/wechat/"], &[]);
    for path in ["/wechat", "/wechat/", "//wechat", "//wechat//"] {
        let reply = bot.get(&format!("{}&echostr=hello", signed(path)));
        assert_eq!((reply.status, reply.text()), (200, "hello"), "{path}");
        let reply = bot.post(&signed(path), text_message("ab"));
        assert_eq!(reply.content(), "ba", "{path}");
    }
    for path in ["/", "//", "/we/chat", "/wechat/x"] {
        assert_eq!(bot.get(&signed(path)).status, 404, "{path}");
    }
}

#[test]
fn a_browser_is_told_what_is_here_and_scripts_are_not() {
    let bot = Bot::start();
    let open = |target: &str, accept: &str| {
        let request =
            format!("GET {target} HTTP/1.1\r\nAccept: {accept}\r\nConnection: close\r\n\r\n");
        exchange(bot.address, request)
    };
    let browser = "text/html,application/xhtml+xml,*/*;q=0.8";
    let page = open("/wechat", browser);
    assert_eq!(page.status, 403);
    assert_eq!(
        page.header("Content-Type"),
        Some("text/html; charset=utf-8")
    );
    for words in [
        "这个地址供微信服务器访问",
        "“服务器配置”（微信开发者平台上是“消息与事件推送”，测试号是“接口配置信息”）",
        "必须是从公网能访问到的网址",
        "This is where WeChat calls",
        "its address on the public internet",
    ] {
        assert!(page.text().contains(words), "{}", page.text());
    }
    // One page, whoever asks and for whatever reason it is refused.
    let stale = format!("{}&echostr=1", signed_at("/wechat", now() - 1000));
    assert_eq!(open(&stale, browser).body, page.body);
    bot.wait_for_log("127.0.0.1 GET /wechat - refused: ");
    for accept in ["*/*", "application/json"] {
        let reply = open("/wechat", accept);
        assert_eq!((reply.status, reply.text()), (403, "forbidden\n"));
    }
    assert_eq!(open("/nowhere", browser).text(), "not found\n");
    let echoed = open(&format!("{}&echostr=hello", signed("/wechat")), browser);
    assert_eq!((echoed.status, echoed.text()), (200, "hello"));
}
