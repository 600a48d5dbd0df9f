//! The real program beside a bare `tiny_http` loop that only echoes the body: one run on one
//! machine, alternating, medians.
//!
//! Throughput and waits are taken in rounds. Each starts both programs anew, since where the system
//! happens to put a process is worth some per cent, and the two take turns at being first. A figure
//! is the median of the rounds', and a ratio the median of the rounds' ratios: what a round had to
//! share the machine with, both had to. The clients share the two cores with the programs.
//!
//! `cargo bench --bench side_by_side` prints the README's table, and with a word behind it (`kept`,
//! `closed`, `start`, `memory`, `idle`, `jokes`) that part of it. Every message differs, and the
//! log goes to a file at its default level, as on a server.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::indexing_slicing,
    reason = "a benchmark may panic, and prints"
)]

mod bare;
mod load;
mod program;

use std::time::{Duration, Instant};

use load::{Connections, Mix, Report, run};
use program::Program;

/// Alternating rounds; odd, for a median.
const ROUNDS: usize = 41;
/// Messages in a round; a quarter of them, where each has a connection of its own.
const MESSAGES: usize = 20_000;
/// Messages before each round that are not counted: a server is seldom just started.
const WARM_UP: usize = 40_000;
/// Messages while jokes are asked for: a deck is fetched but once in ten minutes, and the fewer
/// messages there are, the more weight those have that wait for it.
const TAIL_MESSAGES: usize = 40_000;
/// Rounds of these; odd, for a median.
const TAIL_ROUNDS: usize = 5;
/// Messages after which memory is looked at.
const MANY_MESSAGES: usize = 200_000;

fn main() {
    if std::env::args().any(|argument| argument == bare::COMMAND) {
        return bare::serve();
    }
    println!("| on this job, this machine, one run | bare loop | daoxiao | ratio |");
    println!("|---|---|---|---|");
    let closed = || compare("connections closed", Connections::Closed);
    let late = || jokes("the site answers in 300 ms", Duration::from_millis(300));
    let parts: [(&str, fn()); 7] = [
        ("kept", || compare("keep-alive", Connections::Kept)),
        ("closed", closed),
        ("start", start_up),
        ("memory", memory),
        ("idle", idle),
        ("jokes", late),
        ("jokes", || jokes("the site hangs", Duration::MAX)),
    ];
    let wanted = std::env::args().skip(1).find(|it| !it.starts_with('-'));
    for (name, part) in parts {
        if wanted.as_ref().is_none_or(|wanted| wanted == name) {
            part();
        }
    }
}

/// Throughput and latency of both, in turns.
fn compare(name: &str, connections: Connections) {
    let part = match connections {
        Connections::Kept => 1,
        Connections::Closed => 4,
    };
    let measure = |program: Program| {
        run(program.address, connections, WARM_UP / part, Mix::Texts);
        run(program.address, connections, MESSAGES / part, Mix::Texts)
    };
    let bare = || measure(Program::bare());
    let daoxiao = || measure(Program::daoxiao(&["--joke-source", "none"]));
    let rounds: Vec<(Report, Report)> = (0..ROUNDS)
        .map(|round| {
            if round % 2 == 0 {
                (bare(), daoxiao())
            } else {
                let daoxiao = daoxiao();
                (bare(), daoxiao)
            }
        })
        .collect();
    let row = |what: &str, unit: &str, value: fn(&Report) -> f64| {
        let bare = median(rounds.iter().map(|(bare, _)| value(bare)));
        let daoxiao = median(rounds.iter().map(|(_, daoxiao)| value(daoxiao)));
        let ratio = median(
            rounds
                .iter()
                .map(|(bare, daoxiao)| value(daoxiao) / value(bare)),
        );
        println!("| {name}: {what} | {bare:.0} {unit} | {daoxiao:.0} {unit} | {ratio:.2} |");
    };
    row("messages a second", "/s", |report| report.throughput);
    row("half wait less than", "µs", |report| report.wait(0.5));
    row("99 % wait less than", "µs", |report| report.wait(0.99));
}

fn start_up() {
    const STARTS: usize = 21;
    let start = |program: fn() -> Program| {
        median((0..STARTS).map(|_| program().start_up.as_secs_f64() * 1000.0))
    };
    let bare = start(Program::bare);
    let daoxiao = start(|| Program::daoxiao(&["--joke-source", "none"]));
    println!(
        "| from start to listening | {bare:.1} ms | {daoxiao:.1} ms | {:.2} |",
        daoxiao / bare
    );
}

fn memory() {
    let site = program::joke_site(Duration::ZERO);
    let url = format!("http://{site}/");
    // Every ask finds the deck too old, so every ask fetches.
    let daoxiao = Program::daoxiao(&[
        "--joke-url",
        &url,
        "--joke-item",
        "div.joke",
        "--joke-ttl",
        "0",
    ]);
    let bare = Program::bare();
    memory_row("memory, idle", &bare, &daoxiao);
    for messages in [MANY_MESSAGES, MANY_MESSAGES] {
        run(bare.address, Connections::Kept, messages, Mix::Texts);
        run(daoxiao.address, Connections::Kept, messages, Mix::Texts);
        run(
            daoxiao.address,
            Connections::Kept,
            10,
            Mix::Jokes { one_in: 1 },
        );
        memory_row(
            "memory after 200,000 more messages and 10 jokes",
            &bare,
            &daoxiao,
        );
    }
    let program = std::fs::metadata(env!("CARGO_BIN_EXE_daoxiao")).unwrap();
    println!(
        "| size of the program | – | {:.1} MB | – |",
        program.len() as f64 / 1e6
    );
}

fn memory_row(what: &str, bare: &Program, daoxiao: &Program) {
    let (bare, daoxiao) = (bare.resident_mb(), daoxiao.resident_mb());
    println!(
        "| {what} | {bare:.1} MB | {daoxiao:.1} MB | {:.2} |",
        daoxiao / bare
    );
}

/// What an idle bot does, all threads of both processes together.
fn idle() {
    const TIME: Duration = Duration::from_secs(60);
    let daoxiao = Program::daoxiao(&["--joke-source", "none"]);
    // It looks less and less often.
    wait(Duration::from_secs(5));
    let (wakes_before, before) = daoxiao.work();
    wait(TIME);
    let (wakes, busy) = daoxiao.work();
    println!(
        "| idle: wake-ups a second, share of a core | – | {:.1}, {:.3} % | – |",
        (wakes - wakes_before) as f64 / TIME.as_secs_f64(),
        (busy - before) / TIME.as_secs_f64() * 100.0
    );
    println!(
        "| memory of the supervisor | – | {:.1} MB | – |",
        daoxiao.supervisor_mb()
    );
}

fn wait(time: Duration) {
    let end = Instant::now() + time;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        std::thread::park_timeout(left);
    }
}

/// What a text waits while one message in twenty asks for a joke, from a cold start, beside the
/// same without any; and what the asker waits.
fn jokes(name: &str, delay: Duration) {
    let site = program::joke_site(delay);
    let url = format!("http://{site}/");
    let measure = |mix| {
        let daoxiao = Program::daoxiao(&["--joke-url", &url, "--joke-item", "div.joke"]);
        run(daoxiao.address, Connections::Kept, TAIL_MESSAGES, mix)
    };
    let rounds: Vec<(Report, Report)> = (0..TAIL_ROUNDS)
        .map(|_| (measure(Mix::Texts), measure(Mix::Jokes { one_in: 20 })))
        .collect();
    for (what, share) in [("99.9 % wait less than", 0.999), ("the longest wait", 1.0)] {
        let without = median(rounds.iter().map(|(without, _)| without.wait(share)));
        let with = median(rounds.iter().map(|(_, with)| with.wait(share)));
        println!(
            "| one in twenty asks for a joke, {name}: texts, {what}, without and with | {:.2} ms | {:.2} ms | {:.2} |",
            without / 1000.0,
            with / 1000.0,
            with / without
        );
    }
    let longest = median(rounds.iter().map(|(_, with)| with.longest_asker()));
    println!(
        "| one in twenty asks for a joke, {name}: the asker waits at most | – | {:.0} ms | – |",
        longest / 1000.0
    );
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
