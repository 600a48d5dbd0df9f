//! WeChat sends a message again when no answer came: it gets the answer that was made.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Instant,
};

use crate::support::{
    Bot, LIMIT, Temporary, element,
    envelope::{Envelope, encrypted_target, secure_body},
    message, now, poll, post_request, signed,
};

/// Jokes of the owner's, of which each asker gets another one.
fn jokes(name: &str) -> Temporary {
    let jokes: Vec<String> = (1..=20).map(|n| format!("第{n}个笑话\n")).collect();
    Temporary::write(name, &jokes.join("%\n"))
}

fn text_of(user: &str, words: &str, msg_id: &str) -> String {
    let elements = format!("<Content><![CDATA[{words}]]></Content><MsgId>{msg_id}</MsgId>");
    message("text", &elements).replace("[oUser]", &format!("[{user}]"))
}

fn click_of(user: &str, key: &str, second: u64) -> String {
    let elements = format!("<Event>CLICK</Event><EventKey><![CDATA[{key}]]></EventKey>");
    let click = message("event", &elements).replace("[oUser]", &format!("[{user}]"));
    click.replace("1348831860", &second.to_string())
}

/// Waits until the clock shows another second, in which a new answer would be another one.
fn next_second() {
    let begun = now();
    poll(Instant::now() + LIMIT, || (now() > begun).then_some(())).unwrap();
}

#[test]
fn the_same_message_gets_the_same_answer_byte_for_byte() {
    let jokes = jokes("retried-jokes");
    let bot = Bot::with(&["--joke-source", "none", "--jokes", jokes.path()], &[]);
    let messages = [
        text_of("oUser", "你好", "1"),
        text_of("oUser", "笑话", "2"),
        text_of("oUser", "帮助", "3"),
        click_of("oUser", "joke", 1),
        message("event", "<Event>subscribe</Event>"),
        message("image", "<MsgId>4</MsgId>"),
        message("event", "<Event>unsubscribe</Event>"),
    ];
    let say_all = || {
        messages
            .each_ref()
            .map(|xml| bot.say(xml).text().to_owned())
    };
    let first = say_all();
    next_second();
    assert_eq!(say_all(), first);
    assert_eq!(say_all(), first);
    bot.wait_for_log("POST /wechat text repeat 200");
    bot.wait_for_log("POST /wechat event repeat 200");
}

#[test]
fn an_answer_that_nobody_took_is_given_to_the_next_try() {
    let jokes = jokes("untaken-jokes");
    let bot = Bot::with(&["--joke-source", "none", "--jokes", jokes.path()], &[]);
    let ask = text_of("oUser", "笑话", "1");
    let mut connection = TcpStream::connect(bot.address).unwrap();
    let request = post_request(&signed("/wechat"), ask.as_bytes());
    connection.write_all(&request).unwrap();
    drop(connection);
    bot.wait_for_log("POST /wechat text joke 200");
    let second = bot.say(&ask);
    bot.wait_for_log("POST /wechat text repeat 200");
    assert_eq!(bot.say(&ask).text(), second.text());
}

#[test]
fn a_retry_that_comes_before_the_answer_gets_the_same() {
    let jokes = jokes("overtaken-jokes");
    let bot = Bot::with(&["--joke-source", "none", "--jokes", jokes.path()], &[]);
    let request = post_request(&signed("/wechat"), text_of("oUser", "笑话", "1").as_bytes());
    let connections = [(); 3].map(|()| {
        let mut connection = TcpStream::connect(bot.address).unwrap();
        connection.set_read_timeout(Some(LIMIT)).unwrap();
        connection.write_all(&request).unwrap();
        connection
    });
    let answers = connections.map(|mut connection| {
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        element(&answer, "Content").unwrap()
    });
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:?}"
    );
}

#[test]
fn messages_that_only_look_the_same_are_not_mixed_up() {
    let jokes = jokes("other-jokes");
    let bot = Bot::with(&["--joke-source", "none", "--jokes", jokes.path()], &[]);
    let messages = [
        text_of("oUser", "笑话", "1"),
        text_of("oUser", "笑话", "2"),
        text_of("oOther", "笑话", "1"),
        text_of("oUser1", "笑话", ""),
        text_of("oUser", "笑话", "11"),
        click_of("oUser", "joke_a", 1),
        click_of("oUser", "joke_b", 1),
        click_of("oUser", "joke_a", 2),
        click_of("oOther", "joke_a", 1),
        click_of("oUser", "joke_a", 1).replace("CLICK", "click"),
    ];
    let answers = messages.map(|xml| bot.say(xml).content());
    // 20 jokes are dealt before one comes again.
    for (index, answer) in answers.iter().enumerate() {
        assert!(answer.ends_with("个笑话"), "{answer}");
        assert!(!answers[..index].contains(answer), "{answers:?}");
    }
    assert_eq!(bot.say(text_of("oOther", "你好", "2")).content(), "好你");
    // A client whose MsgId never changes is answered to what it says.
    assert_eq!(bot.say(text_of("oUser", "另一句", "2")).content(), "句一另");
    assert_eq!(bot.say(text_of("oUser", "笑话", "2")).content(), answers[1]);
    let (picture, place) = (
        message("image", "<MsgId>2</MsgId>"),
        message("location", "<MsgId>2</MsgId>"),
    );
    for xml in [picture, place] {
        assert_eq!(bot.say(xml).content(), "我只认得字，发句话给我吧。");
    }
    let event = message("event", "<Event>subscribe</Event><MsgId>2</MsgId>");
    assert!(bot.say(event).content().starts_with("发我一句话"));
}

#[test]
fn what_has_no_msg_id_is_told_by_what_it_says() {
    let bot = Bot::start();
    for (words, backwards) in [("一二", "二一"), ("三四", "四三")] {
        let xml = text_of("oUser", words, "").replace("<MsgId></MsgId>", "");
        assert_eq!(bot.say(xml).content(), backwards);
    }
}

#[test]
fn an_encrypted_repeat_is_the_same_text_newly_encrypted() {
    let jokes = jokes("encrypted-jokes");
    let bot = Bot::encrypted_with(&["--joke-source", "none", "--jokes", jokes.path()]);
    let envelope = Envelope::new();
    let ask = text_of("oUser", "笑话", "1");
    let post = || {
        // WeChat encrypts and signs each try anew.
        let encrypt = envelope.encrypt(&ask);
        bot.post(&encrypted_target(&encrypt), secure_body(&ask, &encrypt))
    };
    let first = post();
    next_second();
    let second = post();
    assert_eq!(envelope.open(&second), envelope.open(&first));
    for name in ["Encrypt", "MsgSignature", "Nonce", "TimeStamp"] {
        assert_ne!(
            element(second.text(), name),
            element(first.text(), name),
            "{name}"
        );
    }
}
