//! The programs under load, each its own process, and the joke site.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::bare;

/// The Token of the programs under load.
pub const TOKEN: &str = "benchtoken";

/// A program that listens, killed when it is dropped.
pub struct Program {
    child: Child,
    pub address: SocketAddr,
    /// From start to the listening line.
    pub start_up: Duration,
}

impl Program {
    /// The bare loop.
    pub fn bare() -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg(bare::COMMAND);
        Self::start(command)
    }

    /// The bot.
    pub fn daoxiao(arguments: &[&str]) -> Self {
        let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join("side_by_side.log");
        let mut command = Command::new(env!("CARGO_BIN_EXE_daoxiao"));
        command
            .args(["--listen", "127.0.0.1:0"])
            .args(arguments)
            .env_clear()
            .env("WECHAT_TOKEN", TOKEN)
            .stderr(File::create(log).unwrap());
        Self::start(command)
    }

    fn start(mut command: Command) -> Self {
        let begun = Instant::now();
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let start_up = begun.elapsed();
        let address = line.trim_end().rsplit('/').next().unwrap().parse().unwrap();
        Self {
            child,
            address,
            start_up,
        }
    }

    /// The process that serves: a child of the one that was started, or that one.
    fn server(&self) -> u32 {
        let pid = self.child.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        let child = children.split_whitespace().next_back();
        child.map_or(pid, |child| child.parse().unwrap())
    }

    /// Resident memory of the process that serves.
    pub fn resident_mb(&self) -> f64 {
        kib(&format!("/proc/{}/status", self.server()), "VmRSS:") * 1024.0 / 1e6
    }

    /// Memory of the process that was started, of which what it shares counts in part.
    pub fn supervisor_mb(&self) -> f64 {
        kib(&format!("/proc/{}/smaps_rollup", self.child.id()), "Pss:") * 1024.0 / 1e6
    }

    /// How often all threads have been woken, and their seconds on a processor.
    pub fn work(&self) -> (u64, f64) {
        let (mut wakes, mut nanoseconds) = (0, 0);
        for pid in [self.child.id(), self.server()] {
            for thread in fs::read_dir(format!("/proc/{pid}/task")).unwrap() {
                let thread = thread.unwrap().path();
                let status = fs::read_to_string(thread.join("status")).unwrap();
                let line = status
                    .lines()
                    .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
                wakes += line.unwrap().trim().parse::<u64>().unwrap();
                let times = fs::read_to_string(thread.join("schedstat")).unwrap();
                nanoseconds += times.split(' ').next().unwrap().parse::<u64>().unwrap();
            }
        }
        (wakes, nanoseconds as f64 / 1e9)
    }
}

fn kib(file: &str, field: &str) -> f64 {
    let text = fs::read_to_string(file).unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(field));
    value
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap()
        .parse()
        .unwrap()
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a joke site that answers after a while; with `Duration::MAX`, never.
pub fn joke_site(delay: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let jokes: Vec<String> = (0..20)
        .map(|n| format!("<div class='joke'>第{n}个笑话，说的是一只会倒着走路的猫。</div>"))
        .collect();
    let jokes = jokes.concat();
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{jokes}",
        jokes.len()
    );
    thread::spawn(move || {
        for stream in listener.incoming() {
            let answer = answer.clone();
            thread::spawn(move || {
                let mut stream = stream.unwrap();
                let _ = stream.read(&mut [0; 4096]);
                thread::park_timeout(delay);
                let _ = stream.write_all(answer.as_bytes());
            });
        }
    });
    address
}
