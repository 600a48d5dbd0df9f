//! The log: every request has its line, whatever comes after it.

use std::{
    fs::{self, File},
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    process::Command,
    time::Instant,
};

use crate::{
    askers::bot_with_held_jokes,
    owner::SECRETS,
    support::{
        Bot, LIMIT, TOKEN, Temporary, exchange, now, parse_reply, poll, post_kept, post_request,
        signed, signed_at, signed_with, text_message,
    },
};

/// So many messages that come one right after the other, as on a busy server.
const BURST: usize = 300;

/// Sends messages on one connection without waiting for answers, then reads them all.
fn burst(bot: &Bot, messages: usize) {
    let mut connection = TcpStream::connect(bot.address).unwrap();
    connection.set_read_timeout(Some(LIMIT)).unwrap();
    for _ in 1..messages {
        let request = post_kept(&signed("/wechat"), text_message("你好").as_bytes());
        connection.write_all(&request).unwrap();
    }
    let last = post_request(&signed("/wechat"), text_message("你好").as_bytes());
    connection.write_all(&last).unwrap();
    let mut answers = String::new();
    connection.read_to_string(&mut answers).unwrap();
    assert_eq!(answers.matches("<![CDATA[好你]]>").count(), messages);
}

fn lines(log: &str) -> usize {
    log.matches(" INFO  127.0.0.1 POST /wechat text text 200 ")
        .count()
}

#[test]
fn each_request_has_its_line_also_when_the_bot_is_replaced_or_ended_at_once() {
    let bot = Bot::start();
    burst(&bot, BURST);
    poll(Instant::now() + LIMIT, || {
        (lines(&bot.log()) == BURST).then_some(())
    })
    .expect("the lines are not written while nothing else is to be done");
    burst(&bot, BURST);
    bot.reload();
    burst(&bot, BURST);
    let (status, log) = bot.stop();
    assert_eq!((status.code(), lines(&log)), (Some(0), 3 * BURST));
}

#[test]
fn what_comes_before_a_joke_is_written_before_the_joke_is_waited_for() {
    let (bot, site, release) = bot_with_held_jokes(&["一个很长的笑话"], &["--joke-budget", "4000"]);
    let mut connection = TcpStream::connect(bot.address).unwrap();
    connection.set_read_timeout(Some(LIMIT)).unwrap();
    let mut requests = post_kept(&signed("/wechat"), text_message("你好").as_bytes());
    requests.extend(post_request(
        &signed("/wechat"),
        text_message("笑话").as_bytes(),
    ));
    connection.write_all(&requests).unwrap();
    bot.wait_for_log("POST /wechat text text 200");
    poll(Instant::now() + LIMIT, || (site.hits() == 1).then_some(())).unwrap();
    assert!(!bot.log().contains("text joke"), "{}", bot.log());
    release.send(()).unwrap();
    let mut answers = String::new();
    connection.read_to_string(&mut answers).unwrap();
    assert!(answers.contains("一个很长的笑话"), "{answers}");
    bot.wait_for_log("POST /wechat text joke 200");
}

#[test]
fn a_refusal_by_another_thread_is_written_while_the_loop_waits() {
    let bot = Bot::start();
    let mut connection = TcpStream::connect(bot.address).unwrap();
    connection.set_read_timeout(Some(LIMIT)).unwrap();
    let request = post_request(&signed("/wechat"), &[b'a'; 2000]);
    connection.write_all(&request[..request.len() - 1]).unwrap();
    connection.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).unwrap();
    let reply = parse_reply(&answer).unwrap();
    assert_eq!((reply.status, reply.text()), (400, "bad request\n"));
    bot.wait_for_log("POST /wechat - refused: the body ended before its declared length 400");
}

#[test]
fn what_is_answered_on_the_way_out_has_its_line() {
    let (bot, site, _release) =
        bot_with_held_jokes(&["一个很长的笑话"], &["--joke-budget", "4000"]);
    let ask = |words: &str, times| {
        let mut connection = TcpStream::connect(bot.address).unwrap();
        connection.set_read_timeout(Some(LIMIT)).unwrap();
        for _ in 0..times {
            let request = post_kept(&signed("/wechat"), text_message(words).as_bytes());
            connection.write_all(&request).unwrap();
        }
        connection
    };
    let asker = ask("笑话", 1);
    poll(Instant::now() + LIMIT, || (site.hits() == 1).then_some(())).unwrap();
    let others = ask("你好", 20);
    bot.signal("TERM");
    let answers = [asker, others].map(|mut connection| {
        let mut answers = Vec::new();
        // What was not answered when the bot ended is cut off.
        let _ = connection.read_to_end(&mut answers);
        let answers = String::from_utf8_lossy(&answers).into_owned();
        answers.matches("HTTP/1.1 200 OK").count()
    });
    let log = bot.stop().1;
    let jokes = log.matches("POST /wechat text joke 200").count();
    assert_eq!([jokes, lines(&log)], answers, "{log}");
    assert_eq!(jokes, 1);
}

/// A bot that takes its standard error for systemd's journal, or for another one's.
fn bot_under_systemd(stream: &str, arguments: &[&str]) -> Bot {
    let mut command = Command::new("/bin/sh");
    let program = env!("CARGO_BIN_EXE_daoxiao");
    let arguments = arguments.join(" ");
    let script = format!("JOURNAL_STREAM={stream} exec {program} {arguments}");
    command.args(["-c", &script]).env_clear();
    command.envs([("WECHAT_TOKEN", TOKEN), ("PATH", "/usr/bin:/bin")]);
    Bot::spawn(command)
}

#[test]
fn under_systemd_lines_have_the_journals_priority_and_no_time() {
    let error = Temporary::write("journal", "");
    let path = error.path().to_owned();
    let here = "$(stat -L -c %d:%i /dev/stderr)";
    let serve = [
        "--listen",
        "127.0.0.1:0",
        "--joke-source",
        "none",
        "--log",
        "debug",
    ];
    let bot = bot_under_systemd(here, &serve);
    bot.say(text_message("你好"));
    bot.get("/healthz");
    let stale = signed_at("/wechat", now() - 1000);
    bot.post(&stale, text_message("你好"));
    let (_, log) = bot.stop();
    for line in [
        "\n<6>127.0.0.1 POST /wechat text text 200 ",
        "\n<7>127.0.0.1 GET /healthz - healthy 200 ",
        "\n<4>127.0.0.1 POST /wechat - refused: the timestamp is 1000 s in the past",
        "<6>SIGTERM: ending\n",
    ] {
        assert!(format!("\n{log}").contains(line), "{line}\n{log}");
    }
    let is_prioritized = |line: &str| line.starts_with('<') && line.as_bytes()[2] == b'>';
    assert!(log.lines().all(is_prioritized), "{log}");
    // What ends the program is an error there, too.
    let script = |program: &str| format!("JOURNAL_STREAM={here} exec {program} --listen x");
    let refused = Command::new("/bin/sh")
        .args(["-c", &script(env!("CARGO_BIN_EXE_daoxiao"))])
        .stderr(File::create(&path).unwrap())
        .status();
    assert_eq!(refused.unwrap().code(), Some(2));
    let error = fs::read_to_string(&path).unwrap();
    assert!(
        error.starts_with("<3>error: invalid value 'x' for '--listen <ADDR>'"),
        "{error}"
    );
    assert!(error.lines().all(is_prioritized), "{error}");
    // Somebody else's journal: the time is told.
    let bot = bot_under_systemd("1:1", &serve[..4]);
    bot.say(text_message("你好"));
    let line = bot.wait_for_log("text text 200");
    assert!(line.contains("Z INFO  127.0.0.1 POST "), "{line}");
}

#[test]
fn the_address_in_the_log_is_the_peers_or_whom_a_trusted_proxy_names() {
    let forwarded = |bot: &Bot, header: &str| {
        let request = format!("GET /nowhere HTTP/1.1\r\n{header}\r\nConnection: close\r\n\r\n");
        exchange(bot.address, request);
        let line = bot.wait_for_log("/nowhere");
        line.split("INFO  ")
            .nth(1)
            .unwrap()
            .split(' ')
            .next()
            .unwrap()
            .to_owned()
    };
    let header = "X-Forwarded-For: 198.51.100.1, 203.0.113.7";
    assert_eq!(forwarded(&Bot::start(), header), "127.0.0.1");
    let trusting = || Bot::with(&["--joke-source", "none", "--trust-proxy"], &[]);
    assert_eq!(forwarded(&trusting(), header), "203.0.113.7");
    let two = format!(
        "X-Forwarded-For: 198.51.100.1\r\n{}",
        "x-forwarded-for: 2001:db8::7"
    );
    assert_eq!(forwarded(&trusting(), &two), "2001:db8::7");
    assert_eq!(
        forwarded(&trusting(), "X-Forwarded-For: \x1b[31m"),
        "127.0.0.1"
    );
    assert_eq!(forwarded(&trusting(), "X-Other: 203.0.113.7"), "127.0.0.1");
    for (written, logged) in [
        ("203.0.113.7:5555", "203.0.113.7"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[fe80::1%2]:443", "fe80::1"),
        ("[fe80::1%2]", "fe80::1"),
        ("[fe80::1%2", "127.0.0.1"),
        ("203.0.113.7, ", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("[[2001:db8::1", "127.0.0.1"),
        ("::1]", "127.0.0.1"),
        ("[1.2.3.4]", "127.0.0.1"),
    ] {
        let header = format!("X-Forwarded-For: {written}");
        assert_eq!(forwarded(&trusting(), &header), logged);
    }
    let by_variable = Bot::with(
        &["--joke-source", "none"],
        &[("DAOXIAO_TRUST_PROXY", "true")],
    );
    assert_eq!(forwarded(&by_variable, header), "203.0.113.7");
}

#[test]
fn what_an_owner_must_act_on_is_a_warning_and_strangers_are_not() {
    let bot = Bot::start();
    bot.post(&signed_at("/wechat", now() - 1000), text_message("你好"));
    bot.post(&signed("/wechat"), "no XML");
    bot.post(&signed_with("another", "/wechat"), text_message("你好"));
    bot.get("/nowhere");
    bot.get("/wechat");
    for line in [
        " WARN  127.0.0.1 POST /wechat - refused: the timestamp is 1000 s in the past",
        " WARN  127.0.0.1 POST /wechat - refused: the body is not XML",
        " INFO  127.0.0.1 POST /wechat - refused: the signature is wrong",
        " INFO  127.0.0.1 GET /nowhere - refused: no such path",
        " INFO  127.0.0.1 GET /wechat - refused: ",
    ] {
        bot.wait_for_log(line);
    }
    let with_key = Bot::with(&["--joke-source", "none"], &SECRETS);
    with_key.say(text_message("你好"));
    with_key
        .wait_for_log(" WARN  127.0.0.1 POST /wechat - refused: the query has no encrypt_type=aes");
    // For monitors that ask every few seconds, more is to be asked for.
    bot.get("/healthz");
    let (_, log) = bot.stop();
    assert!(!log.contains("/healthz"), "{log}");
}

#[test]
fn health_checks_at_debug_are_bounded_and_leave_the_lines_for_refused_requests() {
    let bot = Bot::with(&["--joke-source", "none", "--log", "debug"], &[]);
    let begun = Instant::now();
    let requests = "GET /healthz HTTP/1.1\r\n\r\n".repeat(1_999)
        + "GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n";
    let mut connection = TcpStream::connect(bot.address).unwrap();
    connection.set_read_timeout(Some(LIMIT)).unwrap();
    connection.write_all(requests.as_bytes()).unwrap();
    let mut answers = String::new();
    connection.read_to_string(&mut answers).unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200 OK\r\n").count(), 2_000);
    bot.get("/nowhere");
    bot.wait_for_log("GET /nowhere - refused: no such path 404");
    let windows = begun.elapsed().as_secs() + 1;
    let lines = bot.log().matches("/healthz - healthy 200").count();
    assert!((1..=200 * windows).contains(&(lines as u64)), "{lines}");
    poll(Instant::now() + LIMIT, || {
        bot.get("/healthz");
        let log = bot.log();
        log.contains(" more health checks were answered")
            .then_some(())
    })
    .unwrap();
}

#[test]
fn a_timestamp_in_milliseconds_is_called_that() {
    let bot = Bot::start();
    bot.post(&signed_at("/wechat", now() * 1000), text_message("你好"));
    bot.wait_for_log(
        " WARN  127.0.0.1 POST /wechat - refused: the timestamp is in milliseconds, and WeChat's are in seconds 403",
    );
}
