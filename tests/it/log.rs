//! The log: every request has its line, whatever comes after it.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    time::Instant,
};

use crate::{
    askers::bot_with_held_jokes,
    support::{Bot, LIMIT, parse_reply, poll, post_kept, post_request, signed, text_message},
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
    log.matches(" INFO  POST /wechat text text 200 ").count()
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
    let (bot, site, release) = bot_with_held_jokes(&["一个很长的笑话"], "4000");
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
    let (bot, site, _release) = bot_with_held_jokes(&["一个很长的笑话"], "4000");
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
