//! Who asks for a joke may wait for it, and nobody else does.

use std::{
    collections::HashSet,
    io::{Read, Write},
    net::TcpStream,
    sync::{
        Mutex,
        mpsc::{Sender, channel},
    },
    time::{Duration, Instant},
};

use crate::support::{
    Bot, LIMIT, children, connect, exchange, poll, post_kept, post_request, read_reply,
    signal as send_signal, signed,
    site::{Site, http_ok},
    text_message,
};

/// Askers that may wait at a time.
const MAX_WAITING: usize = 256;

/// No wait for the site, whatever else the machine is doing.
const AT_ONCE: Duration = Duration::from_secs(1);

/// A bot whose joke site answers with these jokes when the sender is used, or not in this test.
pub fn bot_with_held_jokes(jokes: &[&str], flags: &[&str]) -> (Bot, Site, Sender<()>) {
    let (release, gate) = channel::<()>();
    let gate = Mutex::new(gate);
    let page = jokes.join("\n\n");
    let site = Site::start(move |_, stream| {
        let _ = gate.lock().unwrap().recv_timeout(LIMIT);
        let _ = stream.write_all(&http_ok("text/plain", page.as_bytes()));
    });
    let url = site.url("/");
    let bot = Bot::with(&[&["--joke-url", url.as_str()], flags].concat(), &[]);
    (bot, site, release)
}

const SIX: [&str; 6] = [
    "第一个很长的笑话",
    "第二个很长的笑话",
    "第三个很长的笑话",
    "第四个很长的笑话",
    "第五个很长的笑话",
    "第六个很长的笑话",
];

/// Sends a message and does not wait for the answer.
fn send(bot: &Bot, message: &str) -> TcpStream {
    let mut stream = connect(bot.address);
    let request = post_request(&signed("/wechat"), message.as_bytes());
    stream.write_all(&request).unwrap();
    stream
}

fn ask(bot: &Bot) -> TcpStream {
    send(bot, &text_message("笑话"))
}

fn wait_for_hit(site: &Site) {
    let hit = poll(Instant::now() + LIMIT, || (site.hits() > 0).then_some(()));
    assert_eq!(hit, Some(()), "the site is not asked");
}

fn is_builtin(joke: &str) -> bool {
    daoxiao::joke::builtin().iter().any(|it| it == joke)
}

#[test]
fn texts_are_answered_while_a_joke_is_waited_for_and_each_asker_gets_one_of_their_own() {
    let (bot, site, release) = bot_with_held_jokes(&SIX, &["--joke-budget", "4000"]);
    let mut askers: Vec<TcpStream> = (0..4).map(|_| ask(&bot)).collect();
    wait_for_hit(&site);
    let begun = Instant::now();
    for _ in 0..20 {
        assert_eq!(bot.answer_to("你好"), "好你");
    }
    assert_eq!(bot.get("/healthz").text(), "ok\n");
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    release.send(()).unwrap();
    let jokes: HashSet<String> = askers
        .iter_mut()
        .map(|asker| read_reply(asker).unwrap().content())
        .collect();
    assert_eq!(jokes.len(), 4, "{jokes:?}");
    assert!(jokes.iter().all(|joke| SIX.contains(&joke.as_str())));
    assert_eq!(site.hits(), 1);
}

#[test]
fn the_same_message_again_gets_the_joke_of_the_first_whichever_connection_is_still_there() {
    let (bot, site, release) = bot_with_held_jokes(&SIX, &["--joke-budget", "4000"]);
    let message = text_message("笑话");
    let first = send(&bot, &message);
    let mut again = [send(&bot, &message), send(&bot, &message)];
    wait_for_hit(&site);
    drop(first);
    assert_eq!(bot.answer_to("你好"), "好你");
    release.send(()).unwrap();
    let [one, two] = again
        .each_mut()
        .map(|stream| read_reply(stream).unwrap().content());
    assert_eq!(one, two);
    assert!(SIX.contains(&one.as_str()), "{one}");
    let repeat = exchange(
        bot.address,
        post_request(&signed("/wechat"), message.as_bytes()),
    );
    assert_eq!(repeat.content(), one);
}

#[test]
fn an_asker_waits_no_longer_than_the_budget_and_the_next_not_at_all() {
    let (bot, site, _release) = bot_with_held_jokes(&SIX, &["--joke-budget", "400"]);
    let begun = Instant::now();
    let joke = read_reply(&mut ask(&bot)).unwrap().content();
    let waited = begun.elapsed();
    assert!(is_builtin(&joke), "{joke}");
    let budget = Duration::from_millis(400);
    assert!((budget..budget + AT_ONCE).contains(&waited), "{waited:?}");
    let begun = Instant::now();
    assert!(is_builtin(&bot.answer_to("笑话")));
    assert!(begun.elapsed() < budget, "{:?}", begun.elapsed());
    assert_eq!(site.hits(), 1);
}

#[test]
fn more_askers_than_may_wait_get_a_joke_of_the_bots_own_at_once() {
    let (bot, site, release) = bot_with_held_jokes(&SIX, &["--joke-budget", "4000"]);
    let waiting: Vec<TcpStream> = (0..MAX_WAITING).map(|_| ask(&bot)).collect();
    wait_for_hit(&site);
    let begun = Instant::now();
    // The last ones may still be on their way when the first one more is there.
    let more = (0..10).map(|_| bot.answer_to("笑话"));
    assert!(more.into_iter().any(|joke| is_builtin(&joke)));
    assert!(begun.elapsed() < Duration::from_secs(5));
    release.send(()).unwrap();
    for mut asker in waiting {
        assert!(!read_reply(&mut asker).unwrap().content().is_empty());
    }
}

#[test]
fn a_signal_gives_those_who_wait_a_joke_of_the_bots_own_at_once() {
    for signal in ["TERM", "INT"] {
        let (mut bot, site, _release) = bot_with_held_jokes(&SIX, &["--joke-budget", "4000"]);
        let mut askers = [ask(&bot), ask(&bot)];
        wait_for_hit(&site);
        let begun = Instant::now();
        // A terminal and systemd send it to all processes.
        send_signal(bot.worker_pid(), &format!("SIG{signal}")).unwrap();
        bot.signal(signal);
        for asker in &mut askers {
            let joke = read_reply(asker).unwrap().content();
            assert!(is_builtin(&joke), "{joke}");
        }
        let status = poll(Instant::now() + LIMIT, || bot.exit_status()).unwrap();
        assert_eq!(status.code(), Some(0), "SIG{signal}");
        assert!(begun.elapsed() < Duration::from_secs(3));
        assert_eq!(bot.log().matches("text joke 200").count(), 2);
    }
}

#[test]
fn what_comes_behind_an_asker_on_the_same_connection_keeps_its_order_and_nobody_else_waits() {
    let (bot, site, release) = bot_with_held_jokes(&["一个很长的笑话"], &["--joke-budget", "4000"]);
    let mut connection = connect(bot.address);
    for text in ["你好", "笑话", "笑话", "再见"] {
        let request = post_kept(&signed("/wechat"), text_message(text).as_bytes());
        connection.write_all(&request).unwrap();
    }
    connection
        .write_all(b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n")
        .unwrap();
    wait_for_hit(&site);
    assert_eq!(read_reply(&mut connection).unwrap().content(), "好你");
    assert_eq!(bot.answer_to("上海"), "海上");
    release.send(()).unwrap();
    let mut answers = String::new();
    connection.read_to_string(&mut answers).unwrap();
    let places: Vec<Option<usize>> = ["一个很长的笑话", "见再", "ok\n"]
        .iter()
        .map(|text| answers.find(text))
        .collect();
    assert!(places.is_sorted() && places[0].is_some(), "{answers}");
    assert_eq!(answers.matches("一个很长的笑话").count(), 2, "{answers}");
}

#[test]
fn a_reload_and_a_new_worker_leave_no_asker_without_a_joke() {
    let (bot, site, release) = bot_with_held_jokes(&SIX, &["--joke-budget", "4000"]);
    let mut asker = ask(&bot);
    wait_for_hit(&site);
    let old = bot.worker_pid();
    bot.signal("HUP");
    bot.wait_for_log("takes over");
    assert_eq!(bot.answer_to("你好"), "好你");
    release.send(()).unwrap();
    let joke = read_reply(&mut asker).unwrap().content();
    assert!(SIX.contains(&joke.as_str()), "{joke}");
    drop(asker);
    let ended = poll(Instant::now() + LIMIT, || {
        (!children(bot.pid()).contains(&old)).then_some(())
    });
    assert_eq!(ended, Some(()), "the old worker is still there");
    // The new worker has no jokes yet, and fetches its own.
    release.send(()).unwrap();
    assert!(SIX.contains(&bot.answer_to("笑话").as_str()));
    assert_eq!(site.hits(), 2);
}

/// The worker gives the askers their answers before it ends.
fn assert_jokes_before_the_end(bot: &Bot, worker: u32, askers: Vec<TcpStream>) {
    for mut asker in askers {
        let joke = read_reply(&mut asker).unwrap().content();
        assert!(is_builtin(&joke), "{joke}");
    }
    let ended = poll(Instant::now() + LIMIT, || {
        (!children(bot.pid()).contains(&worker)).then_some(())
    });
    assert_eq!(ended, Some(()), "the worker is still there");
}

#[test]
fn a_worker_that_is_to_end_gives_those_who_wait_a_joke_of_the_bots_own_first() {
    let (bot, site, _release) = bot_with_held_jokes(&SIX, &["--joke-budget", "4000"]);
    // One after the other, as under a flood that never ends.
    for time in 1..=3 {
        let worker = bot.worker_pid();
        let askers = vec![ask(&bot), ask(&bot)];
        let asked = poll(Instant::now() + LIMIT, || {
            (site.hits() == time).then_some(())
        });
        assert_eq!(asked, Some(()), "the site is not asked");
        let bomb = b"POST / HTTP/1.1\r\nContent-Length: 99999999999999\r\n\r\nx";
        let _held: Vec<_> = (0..130)
            .map(|_| {
                let mut stream = connect(bot.address);
                stream.write_all(bomb).unwrap();
                stream
            })
            .collect();
        assert_jokes_before_the_end(&bot, worker, askers);
    }
    bot.wait_for_log(" WARN  the worker ended: too many oversized requests");
}

#[test]
fn a_worker_out_of_descriptors_gives_those_who_wait_a_joke_of_the_bots_own_first() {
    let flags = ["--joke-budget", "4000", "--max-connections", "8"];
    let (bot, site, _release) = bot_with_held_jokes(&SIX, &flags);
    let worker = bot.worker_pid();
    let askers = vec![ask(&bot)];
    wait_for_hit(&site);
    let _idle: Vec<_> = (0..60).map(|_| TcpStream::connect(bot.address)).collect();
    assert_jokes_before_the_end(&bot, worker, askers);
    bot.wait_for_log(" WARN  the worker ended: no connection could be accepted");
}
