//! Floods of every kind, while honest messages arrive as WeChat sends them: 5 s for an answer,
//! three tries.
//!
//! `DAOXIAO_FLOOD_SECONDS` makes the floods longer than in a quick run, and those of idle, slow and
//! bomb-throwing peers as dense as the mixed one.

use std::{
    collections::VecDeque,
    env,
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::support::{
    Bot, LIMIT,
    abuse::{Abuse, KINDS, unread_pipeline},
    children, connect, delaying_proxy, poll, post_kept, post_request, read_reply, signal, signed,
    site::Site,
    text_message, try_exchange,
};

/// The variable that says how long a flood lasts.
const SECONDS: &str = "DAOXIAO_FLOOD_SECONDS";

/// WeChat's tries for one message.
const TRIES: usize = 3;

/// The least time between two tries. WeChat's are some 5 s apart; at none, all three could fall
/// into one start over, which takes a tenth of a second where other tests run beside it.
const BETWEEN_TRIES: Duration = Duration::from_millis(300);

/// Abusive connections that are held at a time: more than a bot accepts by default.
const HELD: usize = 700;

/// Held by a test while it has the machine to load.
static LOAD: Mutex<()> = Mutex::new(());

/// Floods come one after the other: two at once would measure the machine.
fn alone() -> MutexGuard<'static, ()> {
    LOAD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What became of the honest messages.
#[derive(Debug, Default)]
struct Tally {
    sent: usize,
    answered: usize,
    at_first_try: usize,
    slowest: Duration,
}

impl Tally {
    fn add(&mut self, (tries, wait): (Option<usize>, Duration)) {
        self.sent += 1;
        self.answered += usize::from(tries.is_some());
        self.at_first_try += usize::from(tries == Some(1));
        self.slowest = self.slowest.max(wait);
    }
}

/// Sends one message as WeChat does; at which try it was answered, and after how long.
fn honest_message(bot: SocketAddr) -> (Option<usize>, Duration) {
    honest_try(bot, "你好", |answer| answer == "好你")
}

fn honest_try(
    bot: SocketAddr,
    text: &str,
    is_right: impl Fn(&str) -> bool,
) -> (Option<usize>, Duration) {
    let begun = Instant::now();
    let request = post_request(&signed("/wechat"), text_message(text).as_bytes());
    let tries = (1..=TRIES).find(|_| {
        let tried = Instant::now();
        let reply = try_exchange(bot, &request);
        if let Err(error) = &reply {
            println!("lost after {:?}: {error}", tried.elapsed());
            wait_until(tried + BETWEEN_TRIES);
        }
        reply.is_ok_and(|reply| {
            assert!(
                reply.status == 200 && is_right(&reply.content()),
                "{reply:?}"
            );
            true
        })
    });
    (tries, begun.elapsed())
}

/// Asks for jokes one after the other, 8 a second, for as long as it is told to.
fn honest_askers(bot: SocketAddr, seconds: f64) -> Tally {
    let mut tally = Tally::default();
    let begun = Instant::now();
    while begun.elapsed().as_secs_f64() < seconds {
        tally.add(honest_try(bot, "讲个笑话", |joke| !joke.is_empty()));
        pace(begun, tally.sent, 8);
    }
    tally
}

/// Sends honest messages one after the other, 80 a second, for as long as it is told to.
fn honest_traffic(bot: SocketAddr, seconds: f64) -> Tally {
    let mut tally = Tally::default();
    let begun = Instant::now();
    while begun.elapsed().as_secs_f64() < seconds {
        tally.add(honest_message(bot));
        pace(begun, tally.sent, 80);
    }
    tally
}

/// Abuses the bot so many times a second until it is told to stop.
fn abuse(
    bot: SocketAddr,
    kinds: Vec<Abuse>,
    rate: usize,
    stop: &Arc<AtomicBool>,
) -> JoinHandle<usize> {
    let stop = Arc::clone(stop);
    thread::spawn(move || {
        let mut held: VecDeque<TcpStream> = VecDeque::new();
        let begun = Instant::now();
        let mut sent = 0;
        for kind in kinds.iter().cycle() {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            held.extend(kind(bot));
            held.drain(..held.len().saturating_sub(HELD));
            sent += 1;
            pace(begun, sent, rate);
        }
        sent
    })
}

/// Waits until it is time for the next of a series.
fn pace(begun: Instant, sent: usize, rate: usize) {
    wait_until(begun + Duration::from_secs_f64(sent as f64 / rate as f64));
}

fn wait_until(due: Instant) {
    while let Some(left) = due.checked_duration_since(Instant::now()) {
        thread::park_timeout(left);
    }
}

/// Honest traffic under a flood by several threads; asserts what every flood must leave whole.
fn flood(name: &str, kinds: &[Abuse], rate: usize, seconds: f64) -> Tally {
    const THREADS: usize = 4;
    let _alone = alone();
    let mut bot = Bot::start();
    let stop = Arc::default();
    let threads: Vec<_> = (0..THREADS)
        .map(|first| {
            let mut kinds = kinds.to_vec();
            let offset = first % kinds.len();
            kinds.rotate_left(offset);
            abuse(bot.address, kinds, rate.div_ceil(THREADS), &stop)
        })
        .collect();
    let tally = honest_traffic(bot.address, seconds);
    let memory = bot.memory_mib();
    stop.store(true, Ordering::Relaxed);
    let sent: usize = threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .sum();
    println!("{name}: {sent} abusive requests, {tally:?}, {memory} MiB");
    assert!(sent > 0);
    assert_eq!(tally.answered, tally.sent, "{name}: a message was lost");
    assert!(tally.slowest < slowest_allowed(), "{name}: {tally:?}");
    assert!(memory <= 220, "{name}: {memory} MiB");
    assert!(honest_message(bot.address).0.is_some(), "{name}");
    assert!(bot.is_running(), "{name}: the process is another one");
    let (status, log) = bot.stop();
    for line in log.lines().filter(|line| line.contains(" WARN ")) {
        println!("{line}");
    }
    assert_eq!(status.code(), Some(0), "{name}: SIGTERM");
    tally
}

fn is_long() -> bool {
    env::var_os(SECONDS).is_some()
}

/// A long run has the machine for itself. In a quick one, other tests run beside it, and the limit
/// is what WeChat waits.
fn slowest_allowed() -> Duration {
    Duration::from_secs(if is_long() { 1 } else { 5 })
}

fn seconds(quick: f64) -> f64 {
    env::var(SECONDS).map_or(quick, |text| text.parse().unwrap())
}

fn all_kinds() -> Vec<Abuse> {
    KINDS.iter().map(|(_, kind)| *kind).collect()
}

#[test]
fn a_flood_of_each_kind_alone_loses_no_honest_message() {
    for (name, kind) in KINDS {
        let is_cheap = ["idle", "slow", "stalled", "bomb"]
            .iter()
            .any(|it| name.contains(it));
        let rate = match name {
            // 3.5 MB a second
            "signed pipeline, unread" => 27,
            _ if is_long() && is_cheap => 400,
            _ => 100,
        };
        flood(name, &[kind], rate, seconds(0.4));
    }
}

#[test]
fn a_flood_of_all_kinds_mixed_loses_no_honest_message() {
    let rate = if is_long() { 400 } else { 200 };
    let tally = flood("all kinds mixed", &all_kinds(), rate, seconds(3.0));
    // In a quick run one start over weighs as much as five in a long one.
    let least = if is_long() { 97 } else { 90 };
    assert!(tally.at_first_try * 100 >= tally.sent * least, "{tally:?}");
}

#[test]
fn a_flood_while_jokes_are_asked_for_and_their_site_hangs_loses_no_honest_message() {
    let _alone = alone();
    let site = Site::start(|_, stream| drop(stream.read(&mut [0])));
    let bot = Bot::with(&["--joke-url", &site.url("/")], &[]);
    let (address, seconds) = (bot.address, seconds(3.0));
    let stop = Arc::default();
    let rate = if is_long() { 100 } else { 50 };
    let abusers: Vec<_> = (0..4)
        .map(|_| abuse(address, all_kinds(), rate, &stop))
        .collect();
    let askers = thread::spawn(move || honest_askers(address, seconds));
    let texts = honest_traffic(address, seconds);
    let askers = askers.join().unwrap();
    stop.store(true, Ordering::Relaxed);
    for abuser in abusers {
        abuser.join().unwrap();
    }
    println!("all kinds mixed, and jokes: texts {texts:?}, askers {askers:?}");
    assert_eq!((texts.answered, askers.answered), (texts.sent, askers.sent));
    assert!(texts.slowest < slowest_allowed(), "{texts:?}");
    assert!(askers.slowest < Duration::from_secs(5), "{askers:?}");
    assert_eq!(bot.stop().0.code(), Some(0));
}

#[test]
fn five_thousand_idle_connections_a_second_lose_no_honest_message() {
    let idle: Abuse = |bot| TcpStream::connect(bot);
    flood("idle connections", &[idle], 5_000, seconds(2.0));
}

#[test]
fn headers_without_end_on_64_connections_lose_no_honest_message() {
    let _alone = alone();
    let bot = Bot::start();
    let stop = Arc::default();
    let senders: Vec<_> = (0..4)
        .map(|_| endless_headers(bot.address, &stop))
        .collect();
    let tally = honest_traffic(bot.address, seconds(2.0));
    let memory = bot.memory_mib();
    stop.store(true, Ordering::Relaxed);
    let sent: usize = senders
        .into_iter()
        .map(|sender| sender.join().unwrap())
        .sum();
    println!(
        "headers without end: {} MB, {tally:?}, {memory} MiB",
        sent / 1_000_000
    );
    assert_eq!(tally.answered, tally.sent);
    assert!(tally.slowest < slowest_allowed(), "{tally:?}");
    assert!(memory <= 220, "{memory} MiB");
}

/// Sends headers on sixteen connections, 12 MB a second; how many bytes were taken.
fn endless_headers(bot: SocketAddr, stop: &Arc<AtomicBool>) -> JoinHandle<usize> {
    let stop = Arc::clone(stop);
    let piece = "a:\r\n".repeat(4_000);
    thread::spawn(move || {
        let mut streams: Vec<Option<TcpStream>> = (0..16).map(|_| None).collect();
        let begun = Instant::now();
        let (mut pieces, mut taken) = (0, 0);
        while !stop.load(Ordering::Relaxed) {
            for stream in &mut streams {
                let sent = match stream {
                    Some(stream) => stream.write(piece.as_bytes()),
                    None => TcpStream::connect(bot).and_then(|mut new| {
                        new.write_all(b"GET / HTTP/1.1\r\n")?;
                        new.set_nonblocking(true)?;
                        *stream = Some(new);
                        Ok(0)
                    }),
                };
                match sent {
                    Ok(bytes) => taken += bytes,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(_) => *stream = None,
                }
                pieces += 1;
            }
            pace(begun, pieces, 750);
        }
        taken
    })
}

#[test]
fn uploads_that_are_refused_keep_nobody_waiting_where_other_connections_are_ended() {
    let _alone = alone();
    let bot = Bot::start();
    let two_lengths = "Content-Length: 3\r\nContent-Length: 40";
    let two_wishes = "Connection: TE\r\nConnection: close";
    for ended in [
        format!("POST / HTTP/1.1\r\n{two_lengths}\r\n\r\nabcGET / HTTP/1.1\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{two_wishes}\r\n\r\n"),
    ] {
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| upload_again_and_again(bot.address, &stop));
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        let _ = try_exchange(bot.address, &ended);
                    }
                });
            }
            let mut waits: Vec<_> = (0..9).map(|_| honest_message(bot.address).1).collect();
            stop.store(true, Ordering::Relaxed);
            waits.sort();
            println!("{ended}{waits:?}");
            assert!(waits[4] < Duration::from_millis(300), "{ended}{waits:?}");
        });
    }
}

#[test]
fn uploads_that_are_refused_do_not_keep_a_reload_waiting() {
    let _alone = alone();
    let bot = Bot::start();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..24 {
            scope.spawn(|| upload_again_and_again(bot.address, &stop));
        }
        let waits: Option<Vec<_>> = (0..3).map(|_| wait_after_reload(&bot)).collect();
        stop.store(true, Ordering::Relaxed);
        let mut waits = waits.expect("an answer");
        waits.sort();
        println!("kept connections after a reload: {waits:?}");
        assert!(waits[1] < Duration::from_millis(300), "{waits:?}");
    });
}

/// How long a kept connection waits for its last answer from a worker that is replaced.
fn wait_after_reload(bot: &Bot) -> Option<Duration> {
    let mut stream = connect(bot.address);
    let mut say = || {
        let request = post_kept(&signed("/wechat"), text_message("你好").as_bytes());
        stream.write_all(&request).ok()?;
        read_reply(&mut stream).ok()
    };
    say()?;
    let workers = || children(bot.pid()).len();
    bot.signal("HUP");
    poll(Instant::now() + LIMIT, || (workers() == 2).then_some(()))?;
    let begun = Instant::now();
    // The first answer that says so is of a worker that is replaced.
    poll(Instant::now() + LIMIT, || {
        let reply = say()?;
        reply.header("Connection").map(str::to_owned)
    })?;
    let wait = begun.elapsed();
    poll(Instant::now() + LIMIT, || (workers() == 1).then_some(()))?;
    Some(wait)
}

/// Sends bodies in chunks that are refused at once, as fast as they are taken.
fn upload_again_and_again(bot: SocketAddr, stop: &AtomicBool) {
    let head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let end = Instant::now() + LIMIT;
    while !stop.load(Ordering::Relaxed) && Instant::now() < end {
        let mut stream = connect(bot);
        let mut sent = stream.write_all(head.as_bytes());
        for _ in 0..40 {
            sent = sent.and_then(|()| stream.write_all(chunk.as_bytes()));
        }
    }
}

#[test]
fn a_thousand_honest_messages_at_once_are_all_answered_at_the_first_try() {
    let _alone = alone();
    let bot = Bot::start();
    for messages in [300, 1_000] {
        let senders: Vec<_> = (0..messages)
            .map(|_| {
                let address = bot.address;
                let thread = thread::Builder::new().stack_size(128 * 1024);
                thread.spawn(move || honest_message(address)).unwrap()
            })
            .collect();
        let mut tally = Tally::default();
        for sender in senders {
            tally.add(sender.join().unwrap());
        }
        println!("{messages} at once: {tally:?}");
        assert_eq!(tally.at_first_try, messages, "{tally:?}");
    }
}

#[test]
fn a_worker_that_is_killed_twenty_times_a_second_loses_no_honest_message() {
    let _alone = alone();
    let bot = Bot::start();
    let duration = if is_long() { 10.0 } else { 2.0 };
    let address = bot.address;
    let honest: Vec<_> = (0..4)
        .map(|_| thread::spawn(move || honest_traffic(address, duration)))
        .collect();
    let begun = Instant::now();
    let mut killed = 0;
    while begun.elapsed().as_secs_f64() < duration {
        for worker in children(bot.pid()) {
            killed += usize::from(signal(worker, "SIGKILL").is_ok());
        }
        wait_until(Instant::now() + Duration::from_millis(50));
    }
    for honest in honest {
        let tally = honest.join().unwrap();
        println!("killed {killed} times: {tally:?}");
        assert_eq!(tally.answered, tally.sent);
    }
    assert!(killed >= 5, "{killed}");
    let (status, log) = bot.stop();
    assert_eq!(status.code(), Some(0));
    assert!(
        log.contains(" WARN  the worker was killed by SIGKILL"),
        "{log}"
    );
}

/// Sends messages one after the other, on a connection that is kept as long as the bot keeps it, or
/// on a new one each; how many were sent. None may be lost, not even at its first try.
fn talk(address: SocketAddr, is_kept: bool, stop: &AtomicBool) -> usize {
    let mut kept: Option<TcpStream> = None;
    let mut sent = 0;
    while !stop.load(Ordering::Relaxed) {
        let message = text_message("你好");
        let mut stream = kept.take().unwrap_or_else(|| connect(address));
        let request = if is_kept { post_kept } else { post_request };
        stream
            .write_all(&request(&signed("/wechat"), message.as_bytes()))
            .unwrap();
        let reply = read_reply(&mut stream).unwrap_or_else(|error| {
            panic!("message {sent}, kept: {is_kept}: {error}");
        });
        assert_eq!((reply.status, reply.content().as_str()), (200, "好你"));
        sent += 1;
        if is_kept && reply.header("Connection") != Some("close") {
            kept = Some(stream);
        }
    }
    sent
}

#[test]
fn reloads_under_load_lose_nothing_on_kept_and_closed_connections_near_and_far() {
    let _alone = alone();
    let bot = Bot::start();
    let far = delaying_proxy(bot.address, Duration::from_millis(10));
    let stop = AtomicBool::new(false);
    let sent: Vec<usize> = thread::scope(|scope| {
        let talks: Vec<_> = [bot.address, far]
            .into_iter()
            .flat_map(|address| [(address, true), (address, false)])
            .flat_map(|talk| [talk, talk])
            .map(|(address, is_kept)| {
                let stop = &stop;
                scope.spawn(move || talk(address, is_kept, stop))
            })
            .collect();
        let begun = Instant::now();
        for reload in 1..=if is_long() { 30 } else { 6 } {
            let before = bot.worker_pid();
            bot.signal("HUP");
            let replaced = poll(Instant::now() + LIMIT, || {
                (bot.worker_pid() != before).then_some(())
            });
            assert_eq!(replaced, Some(()));
            pace(begun, reload, 3);
        }
        stop.store(true, Ordering::Relaxed);
        talks.into_iter().map(|talk| talk.join().unwrap()).collect()
    });
    println!("reloads: {sent:?} messages, none lost");
    assert!(sent.iter().all(|sent| *sent > 0), "{sent:?}");
    assert_eq!(bot.stop().0.code(), Some(0));
}

#[test]
fn five_unread_pipelines_a_second_lose_no_honest_message() {
    let pipeline: Abuse = |bot| unread_pipeline(bot, if is_long() { 20_000 } else { 4_000 });
    flood("unread pipelines", &[pipeline], 5, seconds(2.0));
}

#[test]
fn eight_hangups_in_three_seconds_under_load_lose_no_honest_message() {
    let _alone = alone();
    let bot = Bot::start();
    let address = bot.address;
    let honest = thread::spawn(move || honest_traffic(address, 3.0));
    let begun = Instant::now();
    for sent in 1..=8 {
        bot.signal("HUP");
        pace(begun, sent * 3, 8);
    }
    let tally = honest.join().unwrap();
    println!("eight SIGHUPs: {tally:?}");
    assert_eq!(tally.answered, tally.sent);
    let (status, log) = bot.stop();
    assert_eq!(status.code(), Some(0));
    assert!(log.contains("SIGHUP: daoxiao 0.1.0 takes over"), "{log}");
}

#[test]
fn one_abusive_request_of_each_kind_delays_the_next_message_by_less_than_a_second() {
    let _alone = alone();
    let bot = Bot::start();
    for (name, kind) in KINDS {
        let _held = kind(bot.address);
        let (tries, wait) = honest_message(bot.address);
        println!("after {name}: {wait:?}");
        assert_eq!(tries, Some(1), "after {name}");
        assert!(wait < Duration::from_secs(1), "after {name}: {wait:?}");
    }
    let _held = unread_pipeline(bot.address, 20_000);
    let (tries, wait) = honest_message(bot.address);
    assert!(
        tries == Some(1) && wait < Duration::from_secs(1),
        "after a long pipeline: {wait:?}"
    );
}
