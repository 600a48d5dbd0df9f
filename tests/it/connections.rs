//! What becomes of a connection is what the answer says, byte by byte on real sockets.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    thread,
    time::{Duration, Instant},
};

use crate::support::{
    Bot, LIMIT, Reply, TOKEN, parse_reply, poll, post_kept, post_request, signed, signed_with,
    text_message,
};

fn connect(bot: &Bot) -> TcpStream {
    let stream = TcpStream::connect(bot.address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
}

/// All answers that come on a connection until the bot closes it.
#[track_caller]
fn answers_until_closed(mut stream: TcpStream) -> Vec<Reply> {
    let mut bytes = Vec::new();
    if let Err(error) = stream.read_to_end(&mut bytes) {
        // A peer that has sent more than was read may be told so.
        let is_reset = error.kind() == std::io::ErrorKind::ConnectionReset;
        assert!(
            is_reset,
            "{error}, after {}",
            String::from_utf8_lossy(&bytes)
        );
    }
    let mut rest = &bytes[..];
    let mut replies = Vec::new();
    while let Some(reply) = parse_reply(rest) {
        rest = &rest[reply.head.len() + 4 + reply.body.len()..];
        replies.push(reply);
    }
    assert_eq!(rest, b"", "{}", String::from_utf8_lossy(&bytes));
    replies
}

/// Sends bytes; the one answer, after which the bot closes the connection without being asked to.
#[track_caller]
fn only_answer(bot: &Bot, bytes: impl AsRef<[u8]>) -> Reply {
    let mut stream = connect(bot);
    // A bot that refuses may close before it has read all of it; its answer counts.
    let _ = stream.write_all(bytes.as_ref());
    let mut replies = answers_until_closed(stream);
    let reply = replies.pop().expect("no answer");
    assert_eq!(replies, [], "more than one answer");
    reply
}

/// As [`only_answer`], which has this status and says that the connection is closed.
#[track_caller]
fn assert_closes(bot: &Bot, status: u16, bytes: impl AsRef<[u8]>) {
    let reply = only_answer(bot, bytes);
    assert_eq!(
        (reply.status, reply.header("Connection")),
        (status, Some("close")),
        "{}",
        reply.head
    );
}

/// Sends a request that leaves the connection open; its answer.
#[track_caller]
fn kept_answer(stream: &mut TcpStream, request: impl AsRef<[u8]>) -> Reply {
    stream.write_all(request.as_ref()).unwrap();
    let mut bytes = Vec::new();
    loop {
        let mut some = [0; 4096];
        let read = stream.read(&mut some).unwrap();
        assert_ne!(read, 0, "the connection was closed");
        bytes.extend_from_slice(&some[..read]);
        if let Some(reply) = parse_reply(&bytes) {
            return reply;
        }
    }
}

fn forged() -> String {
    signed_with("othertoken", "/wechat")
}

#[test]
fn a_chunked_body_gets_one_answer_and_ends_the_connection() {
    let bot = Bot::start();
    let message = text_message("你好");
    for (status, request) in [
        (403, format!("POST {}", forged())),
        (411, format!("POST {}", signed("/wechat"))),
        (404, "POST /nowhere".to_owned()),
        (405, "PUT /".to_owned()),
        (200, "GET /healthz".to_owned()),
        (200, format!("GET {}&echostr=a", signed("/wechat"))),
    ] {
        let head = format!("{request} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
        for body in [
            // whole, and with another request behind it
            format!("{:x}\r\n{message}\r\n0\r\n\r\n", message.len()),
            format!("1\r\na\r\n0\r\n\r\n{request} HTTP/1.1\r\n\r\n"),
            // begun, and not even that
            "5\r\nhe".to_owned(),
            String::new(),
        ] {
            assert_closes(&bot, status, format!("{head}{body}"));
        }
    }
    assert_eq!(bot.answer_to("你好"), "好你");
}

#[test]
fn a_body_of_unclear_length_ends_the_connection() {
    let bot = Bot::start();
    for lengths in [
        "Content-Length: many",
        "Content-Length: -1",
        "Content-Length: 3, 3",
        "Content-Length: 3\r\nContent-Length: 40",
        "Content-Length: 0\r\nContent-Length: 40",
        "Content-Length: 3\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: identity",
    ] {
        for (status, target) in [(403, forged()), (411, signed("/wechat"))] {
            let request = format!(
                "POST {target} HTTP/1.1\r\n{lengths}\r\n\r\nabcGET /healthz HTTP/1.1\r\n\r\n"
            );
            assert_closes(&bot, status, request);
        }
    }
    let (_, log) = bot.stop();
    assert!(!log.contains("WARN"), "{log}");
}

#[test]
fn with_few_connections_refused_bodies_cost_no_honest_message_and_no_worker() {
    let bot = Bot::with(&["--joke-source", "none", "--max-connections", "8"], &[]);
    let worker = bot.worker_pid();
    // Each oversized one stays in the worker, which is to be replaced after 128 of them.
    let lengths = [
        "Content-Length: 99999999999999",
        "Content-Length: 3\r\nContent-Length: 40",
        "Content-Length: many",
        "Transfer-Encoding: chunked",
        "Content-Length: 900000",
    ];
    let honest = post_request(&signed("/wechat"), text_message("ab").as_bytes());
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for length in lengths.iter().cycle().take(12 * lengths.len()) {
                    let head = format!("POST {} HTTP/1.1\r\n{length}\r\n\r\nabc", forged());
                    assert_closes(&bot, 403, head);
                    let mut stream = connect(&bot);
                    stream.write_all(&honest).unwrap();
                    let replies = answers_until_closed(stream);
                    assert_eq!(replies.len(), 1);
                    assert_eq!(
                        (replies[0].status, replies[0].content().as_str()),
                        (200, "ba")
                    );
                }
            });
        }
    });
    assert_eq!(bot.worker_pid(), worker);
    let (_, log) = bot.stop();
    assert!(!log.contains("WARN"), "{log}");
}

#[test]
fn what_comes_behind_a_message_is_answered_after_it_whatever_the_headers_say_of_the_connection() {
    let bot = Bot::start();
    let message = text_message("ab");
    for header in [
        "Connection: TE\r\nConnection: upgrade\r\n",
        "Connection: keep-alive\r\nConnection: Upgrade, HTTP2-Settings\r\n",
        "Expect: 100-continue\r\n",
        "Expect: 100-continue\r\nExpect: nothing\r\n",
        "Expect: 100-continue\r\nConnection: TE\r\nConnection: upgrade\r\n",
    ] {
        let request = String::from_utf8(post_kept(&signed("/wechat"), message.as_bytes())).unwrap();
        let request = request.replacen("\r\n\r\n", &format!("\r\n{header}\r\n"), 1);
        let behind = "GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n";
        let mut stream = connect(&bot);
        stream
            .write_all(format!("{request}{behind}").as_bytes())
            .unwrap();
        let mut answers = String::new();
        stream.read_to_string(&mut answers).unwrap();
        let position = |text: &str| {
            answers
                .find(text)
                .unwrap_or_else(|| panic!("{header}{answers}"))
        };
        assert!(position("<![CDATA[ba]]>") < position("ok\n"), "{answers}");
    }
    let (_, log) = bot.stop();
    assert!(!log.contains("WARN"), "{log}");
}

/// What ends a connection by its descriptor would, now and then, end or read the next one, to which
/// the system has given the same number.
#[test]
fn what_ends_one_connection_touches_no_other() {
    let bot = Bot::start();
    let head = format!("POST {} HTTP/1.1\r\nContent-Length: 3\r\n", forged());
    let ended = format!("{head}Content-Length: 40\r\n\r\nabc");
    let honest = post_request(&signed("/wechat"), text_message("ab").as_bytes());
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..300 {
                    assert_closes(&bot, 403, &ended);
                    let mut hung_up = connect(&bot);
                    hung_up.write_all(ended.as_bytes()).unwrap();
                    hung_up.shutdown(Shutdown::Write).unwrap();
                    assert_eq!(answers_until_closed(hung_up)[0].status, 403);
                    let mut stream = connect(&bot);
                    stream.write_all(&honest).unwrap();
                    assert_eq!(answers_until_closed(stream)[0].status, 200);
                }
            });
        }
    });
}

#[test]
fn a_refused_body_is_not_waited_for_and_ends_the_connection() {
    let bot = Bot::start();
    for (status, target, length) in [
        (403, forged(), 2_000),
        (403, forged(), 900_000),
        (404, "/nowhere".to_owned(), 2_000),
        (413, signed("/wechat"), 900_000),
    ] {
        let head = format!("POST {target} HTTP/1.1\r\nContent-Length: {length}\r\n\r\n");
        let begun = Instant::now();
        assert_closes(&bot, status, &head);
        assert_closes(&bot, status, format!("{head}begun"));
        assert_closes(&bot, status, format!("{head}{}", "a".repeat(length)));
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
    bot.wait_for_log("POST /nowhere - refused: no such path 404");
}

#[test]
fn who_waits_to_be_told_to_go_on_is_refused_without_that_and_the_connection_ends() {
    let bot = Bot::start();
    for length in [3, 2_000] {
        let request = format!(
            "POST {} HTTP/1.1\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n",
            forged()
        );
        assert_closes(&bot, 403, request);
    }
}

#[test]
fn after_a_wish_to_upgrade_the_connection_ends_and_the_answer_says_so() {
    let bot = Bot::start();
    // As Java's client asks over http, if it is not told otherwise.
    let wish = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA";
    let body = text_message("你好");
    let post = |target: &str| {
        let request = String::from_utf8(post_request(target, body.as_bytes())).unwrap();
        request.replace("Connection: close", wish)
    };
    assert_closes(
        &bot,
        200,
        format!("GET /healthz HTTP/1.1\r\n{wish}\r\n\r\n"),
    );
    assert_closes(&bot, 403, post(&forged()));
    let reply = only_answer(&bot, post(&signed("/wechat")));
    assert_eq!(reply.header("Connection"), Some("close"));
    assert_eq!((reply.status, reply.content().as_str()), (200, "好你"));
}

#[test]
fn a_connection_is_kept_or_closed_as_the_peer_asks_and_the_answer_says_which() {
    let bot = Bot::start();
    let health =
        |version: &str, header: &str| format!("GET /healthz HTTP/{version}\r\n{header}\r\n");
    let message = text_message("你好");
    let post = |version: &str, header: &str| {
        let request = post_request(&signed("/wechat"), message.as_bytes());
        let request = String::from_utf8(request).unwrap();
        request
            .replace("HTTP/1.1", &format!("HTTP/{version}"))
            .replace("Connection: close\r\n", header)
    };
    for (version, header) in [
        ("1.1", "Connection: close\r\n"),
        ("1.1", "connection: Close, TE\r\n"),
        ("1.0", ""),
        ("1.0", "Connection: TE\r\n"),
        ("1.1", "Connection: keep-alive\r\nConnection: close\r\n"),
        ("1.1", "Connection: TE\r\nConnection: TE, Close\r\n"),
        ("1.0", "Connection: keep-alive\r\nConnection: close\r\n"),
        ("1.1", "Connection: close\r\nConnection: keep-alive\r\n"),
    ] {
        assert_closes(&bot, 200, health(version, header));
        assert_closes(&bot, 200, post(version, header));
    }
    for (version, header, said) in [
        ("1.1", "", None),
        ("1.1", "Connection: keep-alive\r\n", None),
        ("1.0", "Connection: Keep-Alive\r\n", Some("keep-alive")),
    ] {
        let mut stream = connect(&bot);
        for _ in 0..2 {
            for request in [health(version, header), post(version, header)] {
                let reply = kept_answer(&mut stream, request);
                assert_eq!(
                    (reply.status, reply.header("Connection")),
                    (200, said),
                    "{header}"
                );
            }
        }
        // Refusals keep a connection, too, when nothing is left unread.
        let request = post(version, header).replace("nonce=", "nonce=0");
        let reply = kept_answer(&mut stream, request);
        assert_eq!((reply.status, reply.header("Connection")), (403, said));
        assert_eq!(
            kept_answer(&mut stream, health(version, header)).status,
            200
        );
    }
}

#[test]
fn an_absolute_target_means_its_path() {
    let bot = Bot::start();
    let path_and_query = format!("{}&echostr=hello", signed("/wechat"));
    for origin in [
        "http://bot.example.com",
        "HTTP://127.0.0.1:8080",
        "https://bot.example.com",
    ] {
        let close = "Host: bot\r\nConnection: close\r\n\r\n";
        let reply = only_answer(
            &bot,
            format!("GET {origin}{path_and_query} HTTP/1.1\r\n{close}"),
        );
        assert_eq!((reply.status, reply.text()), (200, "hello"), "{origin}");
        let reply = only_answer(&bot, format!("GET {origin} HTTP/1.1\r\n{close}"));
        assert_eq!(
            (reply.status, reply.text()),
            (403, "forbidden\n"),
            "{origin}"
        );
        let query = path_and_query.trim_start_matches("/wechat");
        let reply = only_answer(&bot, format!("GET {origin}{query} HTTP/1.1\r\n{close}"));
        assert_eq!((reply.status, reply.text()), (200, "hello"), "{origin}");
        let reply = only_answer(
            &bot,
            format!("GET {origin}/nowhere?a=/wechat HTTP/1.1\r\n{close}"),
        );
        assert_eq!(reply.status, 404, "{origin}");
    }
    let (_, log) = bot.stop();
    assert!(log.contains(" GET /wechat - handshake 200 "), "{log}");
    assert!(
        log.contains(" GET /nowhere - refused: no such path 404 "),
        "{log}"
    );
    assert!(log.contains(" GET / - refused: "), "{log}");
    for secret in [TOKEN, "nonce", "example.com"] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[test]
fn after_a_reload_a_kept_connection_is_answered_and_then_closed() {
    let bot = Bot::start();
    let message = text_message("你好");
    let post = post_kept(&signed("/wechat"), message.as_bytes());
    let mut stream = connect(&bot);
    assert_eq!(kept_answer(&mut stream, &post).header("Connection"), None);
    bot.signal("HUP");
    bot.wait_for_log("SIGHUP: ");
    let said = poll(Instant::now() + LIMIT, || {
        let reply = kept_answer(&mut stream, &post);
        assert_eq!((reply.status, reply.content().as_str()), (200, "好你"));
        reply.header("Connection").map(str::to_owned)
    });
    assert_eq!(said.as_deref(), Some("close"));
    assert_eq!(answers_until_closed(stream), []);
}
