//! Floods of every kind, while honest messages arrive as WeChat sends them: 5 s for an answer,
//! three tries.
//!
//! `DAOXIAO_FLOOD_SECONDS` makes the floods longer than in a quick run, and those of idle, slow and
//! bomb-throwing peers as dense as the mixed one.

use std::{
    collections::VecDeque,
    env,
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::support::{
    Bot,
    abuse::{Abuse, KINDS, unread_pipeline},
    post_request, signed, text_message, try_exchange,
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
    let begun = Instant::now();
    let request = post_request(&signed("/wechat"), text_message("你好").as_bytes());
    let tries = (1..=TRIES).find(|_| {
        let tried = Instant::now();
        let reply = try_exchange(bot, &request);
        if let Err(error) = &reply {
            println!("lost after {:?}: {error}", tried.elapsed());
            wait_until(tried + BETWEEN_TRIES);
        }
        reply.is_ok_and(|reply| {
            assert_eq!((reply.status, reply.content().as_str()), (200, "好你"));
            true
        })
    });
    (tries, begun.elapsed())
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
    for line in log.lines().filter(|line| !line.contains(" INFO ")) {
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
        let rate = if is_long() && is_cheap { 400 } else { 100 };
        flood(name, &[kind], rate, seconds(0.4));
    }
}

#[test]
fn a_flood_of_all_kinds_mixed_loses_no_honest_message() {
    let tally = flood("all kinds mixed", &all_kinds(), 400, seconds(3.0));
    // In a quick run one start over weighs as much as five in a long one.
    let least = if is_long() { 97 } else { 90 };
    assert!(tally.at_first_try * 100 >= tally.sent * least, "{tally:?}");
}

#[test]
fn five_unread_pipelines_a_second_lose_no_honest_message() {
    let pipeline: Abuse = |bot| unread_pipeline(bot, 20_000);
    flood("unread pipelines", &[pipeline], 5, seconds(2.0));
}

#[test]
fn eight_hangups_in_three_seconds_under_load_lose_no_honest_message() {
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
