//! Workers that are replaced, on purpose or because they died, and signals around it.

use std::{
    env,
    fs::{self, File},
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::{fd::OwnedFd, unix::fs::PermissionsExt},
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
    time::{Duration, Instant},
};

use command_fds::{CommandFdExt, FdMapping};
use nix::{
    pty::openpty,
    sys::{
        ptrace,
        signal::{Signal, kill},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};
use socket2::SockRef;

use crate::{
    support::{
        Bot, LIMIT, TOKEN, abuse::unread, children, connect, daoxiao, exchange, poll, post_kept,
        post_request, read_reply, signal, signed, signed_at, signed_with, status_number,
        text_message, try_exchange,
    },
    tools::{find, pass_over},
};

/// A copy of the program that a test may replace.
struct Program(PathBuf);

impl Program {
    fn copy(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let program = Self(path);
        program.replace_by_itself();
        program
    }

    /// Puts another file in its place, as an upgrade does: by renaming.
    fn replace(&self, write: impl FnOnce(&Path)) {
        let new = self.0.with_extension("new");
        write(&new);
        fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(&new, &self.0).unwrap();
    }

    fn replace_by_itself(&self) {
        self.replace(|path| {
            fs::copy(env!("CARGO_BIN_EXE_daoxiao"), path).unwrap();
        });
    }

    fn replace_by_script(&self, script: &str) {
        self.replace(|path| fs::write(path, format!("#!/bin/sh\n{script}\n")).unwrap());
    }

    fn start(&self) -> Bot {
        self.start_with(&[])
    }

    fn start_with(&self, arguments: &[&str]) -> Bot {
        let mut command = Command::new(&self.0);
        command
            .args(["--listen", "127.0.0.1:0", "--joke-source", "none"])
            .args(["--max-connections", "8"])
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("WECHAT_TOKEN", TOKEN);
        Bot::spawn(command)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn every_worker_has_the_made_up_token_and_none_shows_it_again() {
    let mut command = daoxiao(&["--listen", "127.0.0.1:0", "--joke-source", "none"]);
    command.env("PATH", "/usr/bin:/bin");
    let bot = Bot::spawn(command);
    let line = bot.wait_for_log("Token: ");
    let token = line.strip_prefix("Token: ").unwrap().to_owned();
    for replace in [Bot::reload, Bot::kill_worker] {
        replace(&bot);
        let target = signed_with(&token, "/wechat");
        assert_eq!(bot.post(&target, text_message("你好")).content(), "好你");
    }
    let arguments = fs::read(format!("/proc/{}/cmdline", bot.worker_pid())).unwrap();
    assert!(!String::from_utf8(arguments).unwrap().contains(&token));
    let (status, log) = bot.stop();
    assert_eq!(status.code(), Some(0));
    assert_eq!(log.matches(&token).count(), 1, "{log}");
}

#[test]
fn an_upgrade_takes_over_on_the_same_port() {
    let program = Program::copy("upgraded");
    let mut bot = program.start();
    program.replace_by_itself();
    bot.reload();
    bot.wait_for_log(" INFO  SIGHUP: daoxiao 0.1.0 takes over");
    let running = fs::read_link(format!("/proc/{}/exe", bot.worker_pid())).unwrap();
    assert_eq!(running, program.0);
    assert_eq!(bot.answer_to("你好"), "好你");
    assert!(bot.is_running());
}

#[test]
fn a_program_that_does_not_get_ready_does_not_take_over() {
    let program = Program::copy("broken");
    let mut bot = program.start();
    let worker = bot.worker_pid();
    for (script, reason) in [
        ("exit 3", "ended with exit code 3"),
        ("echo ready other 1.0", "is not daoxiao"),
        ("exec sleep 60", "was not ready within 5 s"),
    ] {
        program.replace_by_script(script);
        bot.signal("HUP");
        let line = bot.wait_for_log(reason);
        let path = program.0.display();
        let expected = format!(" ERROR SIGHUP: {path} {reason}; the running worker goes on");
        assert!(line.ends_with(&expected), "{line}");
        assert_eq!(bot.answer_to("你好"), "好你");
        assert_eq!(bot.worker_pid(), worker);
    }
    // A worker that dies does not bring the refused program in.
    bot.kill_worker();
    assert_eq!(bot.answer_to("你好"), "好你");
    fs::remove_file(&program.0).unwrap();
    bot.kill_worker();
    assert_eq!(bot.answer_to("你好"), "好你");
    bot.signal("HUP");
    bot.wait_for_log("cannot be started: No such file or directory (os error 2); the running");
    assert_eq!(bot.answer_to("你好"), "好你");
    assert!(bot.is_running());
    assert_eq!(bot.stop().0.code(), Some(0));
}

#[test]
fn a_program_without_a_version_does_not_take_over() {
    let program = Program::copy("no-version");
    let bot = program.start();
    let worker = bot.worker_pid();
    program.replace_by_script("echo ready daoxiao evil; exec sleep 60");
    bot.signal("HUP");
    bot.wait_for_log("/no-version is not daoxiao; the running worker goes on");
    assert_eq!(bot.answer_to("你好"), "好你");
    assert_eq!(bot.worker_pid(), worker);
}

#[test]
fn workers_that_are_ended_for_their_memory_are_followed_at_once() {
    let program = Program::copy("greedy");
    let bot = program.start_with(&["--max-memory", "32"]);
    let times = program.0.with_extension("times");
    let _ = fs::remove_file(&times);
    // Each serves for a fifth of a second, which is not quick, then uses 26 MB, more than three
    // quarters of what is allowed, and ends as soon as it is told.
    program.replace_by_script(&format!(
        "date +b%s%3N >>{times}; echo ready daoxiao 1; read -r go <&1; sleep 0.2
         text=$(head -c 1000000 /dev/zero | tr '\\0' a)
         for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do
             eval text$i=\\$text
         done
         read -r end <&1; date +e%s%3N >>{times}",
        times = times.display()
    ));
    bot.signal("HUP");
    // From each end to the next beginning.
    let pauses = || -> Vec<u64> {
        let text = fs::read_to_string(&times).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let pairs = lines.windows(2).filter_map(|pair| {
            let (end, begun) = (pair[0].strip_prefix('e')?, pair[1].strip_prefix('b')?);
            Some(begun.parse::<u64>().unwrap() - end.parse::<u64>().unwrap())
        });
        pairs.collect()
    };
    let all = || Some(pauses()).filter(|pauses| pauses.len() >= 12);
    let pauses = poll(Instant::now() + 3 * LIMIT, all).expect("they are not followed");
    bot.wait_for_log(" MiB of memory");
    // After twelve quick exits it would be 640 to 970 ms.
    let last = pauses.iter().rev().take(3).min().unwrap();
    assert!(*last < 300, "{pauses:?}");
    fs::remove_file(times).unwrap();
}

#[test]
fn a_bot_ends_at_once_also_while_the_next_worker_hangs() {
    let program = Program::copy("hanging");
    let bot = program.start();
    program.replace_by_script("exec sleep 60");
    bot.signal("HUP");
    let hangs = || children(bot.pid()).get(1).copied();
    let hanging = poll(Instant::now() + LIMIT, hangs).unwrap();
    let begun = Instant::now();
    let (status, log) = bot.stop();
    // It would go on with the socket.
    let is_gone = || fs::read(format!("/proc/{hanging}/cmdline")).map_or(true, |it| it.is_empty());
    assert_eq!(
        poll(Instant::now() + LIMIT, || is_gone().then_some(())),
        Some(())
    );
    assert_eq!(status.code(), Some(0));
    // After 5 s, it would be killed in any case.
    assert!(begun.elapsed() < Duration::from_secs(4));
    let expected = " INFO  SIGTERM: ending\n";
    assert!(log.ends_with(expected), "{log}");
}

#[test]
fn a_reload_that_waits_for_a_worker_to_end_is_told_and_comes_then() {
    let waiting = " WARN  SIGHUP: waiting until one of 8 workers has ended\n";
    let bot = Bot::start();
    let count = |text: &str| bot.log().matches(text).count();
    let mut kept = Vec::new();
    while count(waiting) == 0 {
        let mut stream = connect(bot.address);
        let request = post_kept(&signed("/wechat"), text_message("你好").as_bytes());
        stream.write_all(&request).unwrap();
        assert_eq!(read_reply(&mut stream).unwrap().content(), "好你");
        kept.push(stream);
        // The worker before may have taken it, so that some of them have none.
        assert!(kept.len() < 30, "{}", bot.log());
        let before = count("takes over");
        bot.signal("HUP");
        let done = || (count("takes over") + count(waiting) > before).then_some(());
        assert_eq!(poll(Instant::now() + LIMIT, done), Some(()));
    }
    let first = count("takes over");
    bot.signal("HUP");
    assert_eq!(bot.answer_to("你好"), "好你");
    let before = count("takes over");
    drop(kept);
    let done = || (count("takes over") > before).then_some(());
    assert_eq!(poll(Instant::now() + LIMIT, done), Some(()));
    assert_eq!(bot.answer_to("你好"), "好你");
    // One without a connection may have ended in between; then the second is a wait of its own.
    assert!(
        count(waiting) <= count("takes over") - first,
        "{}",
        bot.log()
    );
}

#[test]
fn a_broken_program_that_ends_with_2_does_not_keep_the_bot_from_serving() {
    let program = Program::copy("ends-with-2");
    let bot = program.start();
    program.replace_by_script("exit 2");
    bot.kill_worker();
    assert_eq!(bot.answer_to("你好"), "好你");
    program.replace_by_itself();
    bot.reload();
    let running = fs::read_link(format!("/proc/{}/exe", bot.worker_pid())).unwrap();
    assert_eq!(running, program.0);
    assert_eq!(bot.stop().0.code(), Some(0));
}

#[test]
fn the_pause_after_deaths_in_a_row_is_as_short_on_a_bot_that_was_idle() {
    let bot = Bot::start();
    let wakes = || work_of(bot.pid()).0;
    // From one look to the next it is 1.2 s now.
    wait(Duration::from_secs(4));
    let before = wakes();
    poll(Instant::now() + LIMIT, || (wakes() > before).then_some(())).unwrap();
    let begun = Instant::now();
    let mut killed = 0;
    // The last one dies before it is told to serve, and is the fifth that does so soon.
    for _ in 0..6 {
        let new = || {
            children(bot.pid())
                .first()
                .copied()
                .filter(|it| *it != killed)
        };
        let worker = poll(Instant::now() + LIMIT, new).unwrap();
        signal(worker, "SIGKILL").unwrap();
        killed = worker;
    }
    answered_again(&bot);
    let time = begun.elapsed();
    assert!(time >= Duration::from_millis(20), "{time:?}");
    assert!(time < Duration::from_secs(1), "{time:?}");
}

#[test]
fn a_hangup_reads_the_file_of_jokes_anew_and_does_not_lose_them() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("own-jokes");
    fs::write(&file, "第一个笑话\n").unwrap();
    let bot = Bot::with(
        &["--joke-source", "none", "--jokes", file.to_str().unwrap()],
        &[],
    );
    assert_eq!(bot.answer_to("笑话"), "第一个笑话");
    fs::write(&file, "第二个笑话\n").unwrap();
    bot.reload();
    assert_eq!(bot.answer_to("笑话"), "第二个笑话");
    fs::remove_file(&file).unwrap();
    bot.signal("HUP");
    bot.wait_for_log("ended: its settings or files are refused; the running worker goes on");
    assert!(bot.log().contains("own-jokes: the file cannot be read"));
    assert_eq!(bot.answer_to("笑话"), "第二个笑话");
    bot.kill_worker();
    bot.wait_for_log("going on with what was in force before");
    assert_eq!(bot.answer_to("笑话"), "第二个笑话");
    assert_eq!(bot.stop().0.code(), Some(0));
}

#[test]
fn a_connection_that_was_idle_over_a_reload_is_answered_and_told_to_close() {
    let bot = Bot::start();
    let mut kept = connect(bot.address);
    let mut say = |words: &str| {
        let request = post_kept(&signed("/wechat"), text_message(words).as_bytes());
        kept.write_all(&request).unwrap();
        read_reply(&mut kept).unwrap()
    };
    assert_eq!(say("一二").header("Connection"), None);
    let old = bot.worker_pid();
    bot.signal("HUP");
    bot.wait_for_log("takes over");
    // The new worker serves, and the old one is there for this connection.
    assert_eq!(bot.answer_to("你好"), "好你");
    let closed = poll(Instant::now() + LIMIT, || {
        let reply = say("三四");
        assert_eq!(reply.content(), "四三");
        (reply.header("Connection") == Some("close")).then_some(())
    });
    assert_eq!(closed, Some(()), "the old worker keeps the connection");
    let ended = poll(Instant::now() + LIMIT, || {
        (!children(bot.pid()).contains(&old)).then_some(())
    });
    assert_eq!(ended, Some(()), "the old worker is still there");
}

#[test]
fn a_bot_on_all_addresses_of_both_kinds_is_replaced() {
    let mut command = daoxiao(&["--listen", "[::]:0", "--joke-source", "none"]);
    command.env("WECHAT_TOKEN", TOKEN);
    if TcpListener::bind("[::]:0").is_err() {
        return pass_over("there is no IPv6");
    }
    let bot = Bot::spawn(command);
    let here = SocketAddr::from(([127, 0, 0, 1], bot.address.port()));
    bot.reload();
    let request = post_request(&signed("/"), text_message("你好").as_bytes());
    assert_eq!(exchange(here, request).content(), "好你");
}

#[test]
fn the_supervisor_has_one_thread_and_little_memory_of_its_own() {
    let bot = Bot::start();
    assert_eq!(bot.answer_to("你好"), "好你");
    assert_eq!(status_number(bot.pid(), "Threads:"), Some(1));
    let kib = status_number(bot.pid(), "RssAnon:").unwrap();
    assert!(kib <= 3 * 1024, "{kib} KiB");
}

#[test]
fn an_idle_bot_is_idle() {
    let bot = Bot::start();
    assert_eq!(bot.answer_to("你好"), "好你");
    // It looks less and less often, and threads that `tiny_http` has too many end after 5 s.
    wait(Duration::from_secs(6));
    let processes = [bot.pid(), bot.worker_pid()];
    let before = processes.map(work_of);
    let connections_before = connections_to(bot.address);
    let time = Duration::from_secs(5);
    wait(time);
    let after = processes.map(work_of);
    let sum = |work: [(u64, u64); 2]| (work[0].0 + work[1].0, work[0].1 + work[1].1);
    let ((wakes, cpu), (wakes_before, cpu_before)) = (sum(after), sum(before));
    let wakes = wakes - wakes_before;
    assert!(wakes <= 2 * time.as_secs(), "{wakes} times awake");
    // In a test's build, beside other tests; the benchmark measures the real one.
    let cpu = Duration::from_nanos(cpu - cpu_before);
    assert!(cpu < time / 200, "{cpu:?}");
    let new: Vec<String> = connections_to(bot.address)
        .into_iter()
        .filter(|connection| !connections_before.contains(connection))
        .collect();
    assert_eq!(new, Vec::<String>::new());
}

/// The connections to an address as the system lists them, by the address that they come from;
/// those that are over are kept there for a minute.
fn connections_to(address: SocketAddr) -> Vec<String> {
    let remote_port = format!(":{:04X}", address.port());
    let sockets = fs::read_to_string("/proc/net/tcp").unwrap();
    let ends = sockets.lines().filter_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        Some((fields.next()?, fields.next()?))
    });
    ends.filter(|(_local, remote)| remote.ends_with(&remote_port))
        .map(|(local, _remote)| local.to_owned())
        .collect()
}

fn wait(time: Duration) {
    let end = Instant::now() + time;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        std::thread::park_timeout(left);
    }
}

/// How often all threads of a process have been woken, and their time on a processor in
/// nanoseconds.
fn work_of(pid: u32) -> (u64, u64) {
    let mut work = (0, 0);
    for thread in fs::read_dir(format!("/proc/{pid}/task")).unwrap() {
        let thread = thread.unwrap().path();
        let status = fs::read_to_string(thread.join("status")).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        work.0 += line.unwrap().trim().parse::<u64>().unwrap();
        let times = fs::read_to_string(thread.join("schedstat")).unwrap();
        work.1 += times.split(' ').next().unwrap().parse::<u64>().unwrap();
    }
    work
}

#[test]
fn the_log_of_refused_requests_is_bounded_also_where_the_signature_was_right() {
    let bot = Bot::start();
    let begun = Instant::now();
    let request = format!("GET {}&echostr=1 HTTP/1.1\r\n", signed_at("/", 1));
    let requests = format!("{request}\r\n").repeat(2_999) + &request;
    let requests = requests + "Connection: close\r\n\r\n";
    let mut stream = connect(bot.address);
    let mut reader = stream.try_clone().unwrap();
    let reading = std::thread::spawn(move || {
        let mut answers = String::new();
        reader.read_to_string(&mut answers).unwrap();
        answers.matches("HTTP/1.1 403 ").count()
    });
    stream.write_all(requests.as_bytes()).unwrap();
    assert_eq!(reading.join().unwrap(), 3_000);
    let windows = begun.elapsed().as_secs() + 1;
    let lines = bot.log().matches("s in the past").count();
    assert!((1..=200 * windows).contains(&(lines as u64)), "{lines}");
}

/// Runs the bot by a shell, which first does something to itself.
fn bot_behind(shell: &str) -> Option<Bot> {
    let unshare = find("unshare")?;
    let can = Command::new(&unshare).args(["-Urmpf", "true"]).status();
    if !can.is_ok_and(|status| status.success()) {
        pass_over("unshare is not allowed");
        return None;
    }
    let bot = env!("CARGO_BIN_EXE_daoxiao");
    let script = format!("{shell} exec '{bot}' --listen 127.0.0.1:0 --joke-source none");
    let mut command = Command::new(unshare);
    command
        .args(["-Urmpf", "--kill-child", "sh", "-c", &script])
        .env("WECHAT_TOKEN", TOKEN);
    Some(Bot::spawn(command))
}

#[test]
fn process_1_without_proc_or_with_little_address_space_serves_and_ends() {
    for shell in ["", "mount -t tmpfs none /proc &&", "ulimit -v 400000 &&"] {
        let Some(mut bot) = bot_behind(shell) else {
            return;
        };
        let supervisor = children(bot.pid())[0];
        for _ in 0..2 {
            assert_eq!(bot.answer_to("你好"), "好你", "{shell}");
            let worker = children(supervisor)[0];
            signal(worker, "SIGKILL").unwrap();
            let replaced = poll(Instant::now() + LIMIT, || {
                (*children(supervisor).first()? != worker).then_some(())
            });
            assert_eq!(replaced, Some(()), "{shell}");
        }
        signal(supervisor, "SIGTERM").unwrap();
        let status = poll(Instant::now() + LIMIT, || bot.exit_status());
        assert_eq!(status.unwrap().code(), Some(0), "{shell}");
    }
}

#[test]
fn without_proc_a_worker_that_starts_does_without_files_that_are_broken() {
    let words = Path::new(env!("CARGO_TARGET_TMPDIR")).join("words-without-proc");
    let jokes = words.with_extension("jokes");
    fs::write(&words, "banned = [\"某词\"]\n").unwrap();
    fs::write(&jokes, "自己的笑话\n").unwrap();
    let (words_path, jokes_path) = (words.display(), jokes.display());
    let shell = format!(
        "export DAOXIAO_WORDS='{words_path}' DAOXIAO_JOKES='{jokes_path}'; mount -t tmpfs none /proc &&"
    );
    let Some(bot) = bot_behind(&shell) else {
        return;
    };
    assert_ne!(bot.answer_to("词某"), "某词");
    assert_eq!(bot.answer_to("笑话"), "自己的笑话");
    fs::write(&words, "banned = [\n").unwrap();
    fs::remove_file(&jokes).unwrap();
    let supervisor = children(bot.pid())[0];
    signal(children(supervisor)[0], "SIGKILL").unwrap();
    bot.wait_for_log("expected `]`; going on with the default words, and no word is banned");
    bot.wait_for_log(
        "cannot be read: No such file or directory (os error 2); going on with the built-in jokes",
    );
    assert_eq!(bot.answer_to("词某"), "某词");
    assert!(daoxiao::joke::builtin().contains(&bot.answer_to("笑话")));
}

#[test]
fn a_bot_that_may_have_too_few_threads_is_refused_at_the_start() {
    let Some(setpriv) = find("setpriv") else {
        return;
    };
    // The limit is that of all that the user runs, and none for root. That user may not see where
    // the program is.
    let program = env::temp_dir().join(format!("daoxiao-{}", process::id()));
    fs::copy(env!("CARGO_BIN_EXE_daoxiao"), &program).unwrap();
    let bot = program.to_str().unwrap();
    let limited = |threads: u32| {
        let limit = format!("--nproc={threads}");
        let mut command = Command::new(&setpriv);
        command
            .args(["--reuid", "54321", "--clear-groups", "prlimit", &limit])
            .args([bot, "--listen", "127.0.0.1:0"])
            .env("WECHAT_TOKEN", TOKEN)
            .env("DAOXIAO_JOKE_SOURCE", "none");
        command
    };
    let is_allowed = Command::new(&setpriv)
        .args(["--reuid", "54321", "--clear-groups", bot, "--version"])
        .output();
    if !is_allowed.is_ok_and(|output| output.status.success()) {
        return eprintln!("passed over: only root can run the program as another user");
    }
    for threads in [2, 4, 6, 8] {
        let (code, told) = refusal(limited(threads));
        assert_eq!(code, Some(1), "{threads}: {told}");
        assert!(
            told.contains("Resource temporarily unavailable"),
            "{threads}: {told}"
        );
    }
    let served = Bot::spawn(limited(16));
    assert_eq!(served.answer_to("你好"), "好你");
    fs::remove_file(&program).unwrap();
}

/// How a bot ends that cannot serve, and what it says.
fn refusal(mut command: Command) -> (Option<i32>, String) {
    let mut refused = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let status = poll(Instant::now() + LIMIT, || refused.try_wait().unwrap());
    let _ = refused.kill();
    let output = refused.wait_with_output().unwrap();
    assert_eq!(output.stdout, b"");
    let told = String::from_utf8(output.stderr).unwrap();
    (status.expect("it goes on").code(), told)
}

#[test]
fn a_bot_that_may_have_too_little_memory_is_refused_at_the_start() {
    let limited = |kib: u32| {
        let mut command = Command::new("sh");
        let script = format!("ulimit -d {kib} && exec \"$0\" --listen 127.0.0.1:0");
        command
            .args(["-c", &script, env!("CARGO_BIN_EXE_daoxiao")])
            .env("WECHAT_TOKEN", TOKEN)
            .env("DAOXIAO_JOKE_SOURCE", "none");
        command
    };
    for kib in [1536, 2048, 4095] {
        let expected = format!(
            "error: too little memory is allowed (ulimit -d): {kib} KiB, expected at least 4096\n"
        );
        assert_eq!(refusal(limited(kib)), (Some(1), expected));
        let mut chinese = limited(kib);
        chinese.env("DAOXIAO_LANG", "zh");
        let expected = format!("错误：允许的内存太少（ulimit -d）：{kib} KiB，至少要 4096 KiB\n");
        assert_eq!(refusal(chinese), (Some(1), expected));
    }
    // Here it may be the system that cannot start the program.
    assert_ne!(refusal(limited(1024)).0, Some(0));
    let served = Bot::spawn(limited(8192));
    assert_eq!(served.answer_to("你好"), "好你");
}

#[test]
fn process_1_waits_for_what_others_leave_behind() {
    // The second is killed by a real-time signal.
    let Some(bot) = bot_behind("sleep 0 & (kill -40 $(exec sh -c 'echo $PPID')) & sleep 0 &")
    else {
        return;
    };
    let supervisor = children(bot.pid())[0];
    let has_one = || (children(supervisor).len() == 1).then_some(());
    assert_eq!(poll(Instant::now() + LIMIT, has_one), Some(()));
    assert_eq!(bot.answer_to("你好"), "好你");
}

#[test]
fn a_bot_whose_parent_ignores_the_ends_of_its_children_has_the_next_worker_serve() {
    let Some(env) = find("env") else {
        return;
    };
    let ignoring = |program: &str| {
        let mut command = Command::new(&env);
        command.args(["--ignore-signal=CHLD", program]);
        command
    };
    if !ignoring("true").status().unwrap().success() {
        return pass_over("env has no --ignore-signal");
    }
    let mut command = ignoring(env!("CARGO_BIN_EXE_daoxiao"));
    command
        .args(["--listen", "127.0.0.1:0", "--joke-source", "none"])
        .env("WECHAT_TOKEN", TOKEN);
    let bot = Bot::spawn(command);
    for _ in 0..2 {
        bot.kill_worker();
        assert_eq!(bot.answer_to("你好"), "好你");
    }
    bot.reload();
    let (status, log) = bot.stop();
    assert_eq!(status.code(), Some(0));
    assert!(log.contains(" WARN  the worker ended\n"), "{log}");
    // Those that did as they were told.
    let since = log.split_once("takes over").unwrap().1;
    assert!(!since.contains(" WARN "), "{log}");
}

#[test]
fn a_worker_that_is_frozen_does_not_keep_the_next_one_from_serving() {
    let bot = Bot::start();
    let frozen = bot.worker_pid();
    signal(frozen, "SIGSTOP").unwrap();
    bot.signal("HUP");
    bot.wait_for_log(" WARN  the worker did not stop within 5 s");
    assert_eq!(bot.answer_to("你好"), "好你");
    assert!(!children(bot.pid()).contains(&frozen));
}

#[test]
fn a_socket_that_is_handed_in_is_served() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut command = daoxiao(&["--listen", "127.0.0.1:1", "--joke-source", "none"]);
    command.env("WECHAT_TOKEN", TOKEN).env("LISTEN_FDS", "1");
    let parent_fd = OwnedFd::from(listener);
    command
        .fd_mappings(vec![FdMapping {
            parent_fd,
            child_fd: 3,
        }])
        .unwrap();
    let bot = Bot::spawn(command);
    assert_eq!(bot.address, address);
    assert_eq!(bot.answer_to("你好"), "好你");
}

#[test]
fn a_port_in_use_is_exit_1_with_what_to_do() {
    let bot = Bot::start();
    let address = bot.address.to_string();
    // It needs no Token, and so shows none.
    let output = daoxiao(&["--listen", &address])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stdout, b"");
    let port = bot.address.port();
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        format!(
            "error: cannot listen on {address}: the port is in use; stop the program that has it \
             (`ss -ltnp 'sport = :{port}'` shows which), or choose another with --listen\n"
        )
    );
}

/// Opens more connections than a bot with `--max-connections 8` can have, and waits until they are
/// shed.
fn exhaust(bot: &Bot) {
    let idle: Vec<_> = (0..60)
        .map(|_| TcpStream::connect(bot.address).unwrap())
        .collect();
    for mut stream in idle.into_iter().take(8) {
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        assert!(!matches!(stream.read(&mut [0]), Ok(1)));
    }
}

/// Waits until a message is answered, as WeChat's next try would be.
fn answered_again(bot: &Bot) {
    let answered = poll(Instant::now() + LIMIT, || {
        bot.try_say(text_message("你好")).ok()
    });
    assert_eq!(answered.unwrap().content(), "好你");
}

#[test]
fn a_worker_out_of_descriptors_is_replaced() {
    let mut bot = Bot::with(&["--joke-source", "none", "--max-connections", "8"], &[]);
    for _ in 0..3 {
        exhaust(&bot);
        answered_again(&bot);
    }
    assert!(bot.is_running());
    bot.wait_for_log(
        " WARN  the worker ended: no connection could be accepted, for want of descriptors, threads \
         or memory",
    );
    let (status, log) = bot.stop();
    assert_eq!(status.code(), Some(0));
    assert!(!log.contains("ERROR"), "{log}");
}

#[test]
fn a_header_without_end_is_shed_when_memory_is_above_the_limit() {
    let mut bot = Bot::with(&["--joke-source", "none", "--max-memory", "32"], &[]);
    let mut stream = TcpStream::connect(bot.address).unwrap();
    let piece = vec![b'a'; 1 << 20];
    let shed = (0..1000).find(|_| stream.write_all(&piece).is_err());
    assert!(shed.is_some(), "1,000 MiB of header were taken");
    bot.wait_for_log(" MiB of memory");
    answered_again(&bot);
    assert!(bot.is_running());
    assert!(bot.memory_mib() < 32);
}

#[test]
fn more_oversized_requests_than_can_be_kept_have_the_worker_replaced() {
    let bot = Bot::start();
    let worker = bot.worker_pid();
    let bomb = "POST / HTTP/1.1\r\nContent-Length: 99999999999999\r\n\r\nx";
    let _held: Vec<_> = (0..130)
        .map(|_| {
            let mut stream = TcpStream::connect(bot.address).unwrap();
            stream.write_all(bomb.as_bytes()).unwrap();
            stream
        })
        .collect();
    bot.wait_for_log(" WARN  the worker ended: too many oversized requests");
    assert_eq!(bot.answer_to("你好"), "好你");
    assert_ne!(bot.worker_pid(), worker);
}

#[test]
fn peers_that_read_no_answer_keep_nobody_waiting() {
    let bot = Bot::start();
    let worker = bot.worker_pid();
    let handshake = format!("{}&echostr={}", signed("/"), "x".repeat(1000));
    for target in [&handshake, "/healthz", "/nowhere"] {
        let request = format!("GET {target} HTTP/1.1\r\n\r\n");
        let _held = unread(bot.address, &request.repeat(10_000)).unwrap();
        let begun = Instant::now();
        assert_eq!(bot.answer_to("你好"), "好你");
        assert_eq!(bot.get("/healthz").text(), "ok\n");
        // What WeChat waits; without a flood beside it, it is some milliseconds.
        assert!(begun.elapsed() < Duration::from_secs(5), "{target}");
    }
    assert_eq!(bot.worker_pid(), worker);
}

#[test]
fn a_peer_that_reads_no_answer_and_stalls_a_body_behind_it_keeps_nobody_waiting() {
    let bot = Bot::start();
    let worker = bot.worker_pid();
    let stalled = "POST / HTTP/1.1\r\nContent-Length: 2000\r\n\r\n<xm";
    let target = format!("{}&echostr={}", signed("/"), "x".repeat(1000));
    let answered = format!("GET {target} HTTP/1.1\r\n\r\n").repeat(2_000);
    let stream = unread(bot.address, "").unwrap();
    stream.set_write_timeout(Some(LIMIT)).unwrap();
    let requests = answered + stalled;
    (&stream).write_all(requests.as_bytes()).unwrap();
    bot.wait_for_log("POST / - refused: the query has no signature 403");
    assert_eq!(bot.answer_to("你好"), "好你");
    assert_eq!(bot.worker_pid(), worker);
}

/// Stops the loop's thread and no other one, in the midst of a request: where it begins to write
/// the answer. Passes over machines where a test may not do so, as some containers.
fn stick(bot: &Bot) -> Option<Pid> {
    // From here on, it sends nothing but answers.
    assert_eq!(bot.answer_to("你好"), "好你");
    let worker = Pid::from_raw(bot.worker_pid().try_into().unwrap());
    let syscall = format!("/proc/{worker}/syscall");
    let seized = ptrace::seize(worker, ptrace::Options::empty());
    if seized.is_err() || fs::read_to_string(&syscall).is_err() {
        pass_over("ptrace is not allowed");
        return None;
    }
    ptrace::interrupt(worker).unwrap();
    let stopped = || {
        let flags = Some(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL);
        (waitpid(worker, flags).unwrap() != WaitStatus::StillAlive).then_some(())
    };
    poll(Instant::now() + LIMIT, stopped).unwrap();
    let _held = unread(bot.address, "GET /nowhere HTTP/1.1\r\n\r\n").unwrap();
    let send = format!("{} ", nix::libc::SYS_sendto);
    while !fs::read_to_string(&syscall).unwrap().starts_with(&send) {
        ptrace::syscall(worker, None).unwrap();
        poll(Instant::now() + LIMIT, stopped).unwrap();
    }
    Some(worker)
}

/// How a process ended that this one has stopped. Its parent is told of the end only after that.
fn end_of(worker: Pid) -> WaitStatus {
    let ended = poll(Instant::now() + LIMIT, || {
        let flags = Some(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL);
        let status = waitpid(worker, flags).unwrap();
        (status != WaitStatus::StillAlive).then_some(status)
    });
    ended.expect("it goes on")
}

#[test]
fn a_loop_that_is_stuck_is_replaced() {
    let bot = Bot::start();
    let Some(worker) = stick(&bot) else { return };
    assert_eq!(end_of(worker), WaitStatus::Exited(worker, 81));
    bot.wait_for_log(" WARN  the worker ended: the loop was stuck");
    assert_eq!(bot.answer_to("你好"), "好你");
}

#[test]
fn a_loop_that_is_stuck_when_the_bot_ends_is_told() {
    let bot = Bot::start();
    let Some(worker) = stick(&bot) else { return };
    bot.signal("TERM");
    assert_eq!(end_of(worker), WaitStatus::Exited(worker, 81));
    let (status, log) = bot.stop();
    assert_eq!(status.code(), Some(0));
    assert!(
        log.contains(" WARN  the worker ended: the loop was stuck\n"),
        "{log}"
    );
}

#[test]
fn a_worker_that_was_frozen_in_the_midst_of_requests_goes_on() {
    let bot = Bot::start();
    let worker = bot.worker_pid();
    for _ in 0..3 {
        let _held = unread(bot.address, &"GET /nowhere HTTP/1.1\r\n\r\n".repeat(5_000)).unwrap();
        signal(worker, "SIGSTOP").unwrap();
        wait(Duration::from_millis(1700));
        signal(worker, "SIGCONT").unwrap();
        assert_eq!(bot.answer_to("你好"), "好你");
        assert_eq!(bot.worker_pid(), worker);
    }
    assert!(!bot.log().contains("stuck"), "{}", bot.log());
}

#[test]
fn four_hundred_requests_at_once_on_one_connection_are_all_answered() {
    let bot = Bot::start();
    let worker = bot.worker_pid();
    let mut stream = TcpStream::connect(bot.address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let mut requests = "GET /healthz HTTP/1.1\r\n\r\n".repeat(399);
    requests += "GET /nowhere HTTP/1.1\r\nConnection: close\r\n\r\n";
    stream.write_all(requests.as_bytes()).unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200 OK\r\n").count(), 399);
    assert!(answers.ends_with("not found\n"), "{answers}");
    assert_eq!(bot.worker_pid(), worker);
}

#[test]
fn a_bot_without_its_supervisor_ends() {
    let bot = Bot::start();
    let worker = bot.worker_pid();
    signal(bot.pid(), "SIGKILL").unwrap();
    let ended = poll(Instant::now() + LIMIT, || {
        TcpStream::connect(bot.address).is_err().then_some(())
    });
    assert_eq!(ended, Some(()), "worker {worker} is still there");
}

#[test]
fn a_worker_has_no_use_for_a_variable_that_is_the_programs_own() {
    let output = daoxiao(&["--listen", "127.0.0.1:0"])
        .env("DAOXIAO_WORKER", "start")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "error: DAOXIAO_WORKER is the program's own and cannot be set: standard input is no \
         listening socket\n"
    );
}

#[test]
fn requests_without_a_body_get_no_thread_of_their_own() {
    let bot = Bot::start();
    let _held = {
        let stream = TcpStream::connect(bot.address).unwrap();
        SockRef::from(&stream).set_recv_buffer_size(1).unwrap();
        stream
            .set_write_timeout(Some(Duration::from_secs(1)))
            .unwrap();
        let request = "GET / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n";
        let _ = (&stream).write_all(request.repeat(5_000).as_bytes());
        stream
    };
    assert_eq!(bot.answer_to("你好"), "好你");
    let threads = status_number(bot.worker_pid(), "Threads:").unwrap();
    assert!(threads < 30, "{threads} threads");
}

/// A bot whose standard error is a pipe that nobody reads, or such a terminal.
fn unread_bot(flags: &[&str], stderr: impl Into<Stdio>) -> (Child, SocketAddr) {
    bot_with_log(daoxiao(&[]), flags, stderr)
}

fn bot_with_log(
    mut command: Command,
    flags: &[&str],
    stderr: impl Into<Stdio>,
) -> (Child, SocketAddr) {
    let mut child = command
        .args(["--listen", "127.0.0.1:0", "--joke-source", "none"])
        .args(flags)
        .env("WECHAT_TOKEN", TOKEN)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let address = line.trim_end().rsplit('/').next().unwrap();
    (child, address.parse().unwrap())
}

#[test]
fn a_bot_whose_log_file_may_not_grow_serves() {
    let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join("full.log");
    let mut command = Command::new("sh");
    let script = "ulimit -f 0 && exec \"$0\" \"$@\"";
    command.args(["-c", script, env!("CARGO_BIN_EXE_daoxiao")]);
    let (mut child, address) = bot_with_log(command, &[], File::create(log).unwrap());
    for _ in 0..2 {
        let request = post_request(&signed("/"), text_message("你好").as_bytes());
        assert_eq!(exchange(address, request).content(), "好你");
        let worker = children(child.id())[0];
        signal(worker, "SIGKILL").unwrap();
        let replaced = || (*children(child.id()).first()? != worker).then_some(());
        assert_eq!(poll(Instant::now() + LIMIT, replaced), Some(()));
    }
    signal(child.id(), "SIGTERM").unwrap();
    let status = poll(Instant::now() + LIMIT, || child.try_wait().unwrap());
    assert_eq!(status.unwrap().code(), Some(0));
}

#[test]
fn sigterm_ends_a_bot_whose_log_nobody_reads() {
    let (mut child, address) = unread_bot(&[], Stdio::piped());
    // The pipe takes 64 KiB, and then the loop stands.
    let stream = TcpStream::connect(address).unwrap();
    stream
        .set_write_timeout(Some(Duration::from_secs(1)))
        .unwrap();
    stream.set_nonblocking(false).unwrap();
    let request = format!("GET {}&echostr=1 HTTP/1.1\r\n\r\n", signed("/"));
    let _ = (&stream).write_all(request.repeat(2_000).as_bytes());
    let pid = Pid::from_raw(child.id().try_into().unwrap());
    kill(pid, Signal::SIGTERM).unwrap();
    let status = poll(Instant::now() + LIMIT, || child.try_wait().unwrap());
    let _ = child.kill();
    assert_eq!(status.expect("SIGTERM does not end it").code(), Some(0));
}

#[test]
fn a_handed_in_socket_that_does_not_listen_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let connection = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let mut command = daoxiao(&["--listen", "127.0.0.1:0", "--joke-source", "none"]);
    command.env("WECHAT_TOKEN", TOKEN).env("LISTEN_FDS", "1");
    let parent_fd = OwnedFd::from(connection);
    command
        .fd_mappings(vec![FdMapping {
            parent_fd,
            child_fd: 3,
        }])
        .unwrap();
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "error: cannot listen on 127.0.0.1:0: the socket that was handed in does not listen\n"
    );
}

#[test]
fn a_bot_whose_log_nobody_reads_keeps_nobody_waiting_and_says_what_is_missing() {
    let path = format!("/{}", "p".repeat(40));
    let (mut child, address) = unread_bot(&["--path", &path], Stdio::piped());
    let answer = || {
        let request = post_request(&signed(&path), text_message("你好").as_bytes());
        let begun = Instant::now();
        assert_eq!(exchange(address, &request).content(), "好你");
        assert!(begun.elapsed() < Duration::from_secs(1));
    };
    // The pipe takes 64 KiB, some 600 lines.
    for _ in 0..1_000 {
        answer();
    }
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut read = 0;
    while read < 500 {
        read += usize::from(log.next().unwrap().unwrap().contains("text text 200"));
    }
    answer();
    let told = log.find_map(|line| {
        let line = line.unwrap();
        let told = line.strip_suffix(" lines are missing here: nobody read the log")?;
        let (_time, count) = told.split_once("Z WARN  ").unwrap();
        Some(count.parse::<usize>().unwrap())
    });
    let missing = told.unwrap();
    assert!((1..=500).contains(&missing), "{missing}");
    let _ = child.kill();
    let _ = child.wait();
}

#[test]
fn a_bot_at_a_terminal_that_nobody_reads_goes_on_says_what_is_missing_and_ends() {
    let terminal = openpty(None, None).unwrap();
    let (mut child, address) = unread_bot(&[], terminal.slave);
    let request = || post_request(&signed("/"), text_message("你好").as_bytes());
    let answer = || {
        let answered = poll(Instant::now() + LIMIT, || {
            try_exchange(address, request()).ok()
        });
        assert_eq!(answered.unwrap().content(), "好你");
    };
    // A terminal takes some 20 KB, and less than a line of it in the end.
    let workers = children(child.id());
    for _ in 0..1_000 {
        answer();
    }
    assert_eq!(children(child.id()), workers);
    // The supervisor has lines of its own, and starts the next worker.
    for _ in 0..3 {
        let worker = children(child.id())[0];
        signal(worker, "SIGKILL").unwrap();
        let replaced = || (!children(child.id()).contains(&worker)).then_some(());
        assert_eq!(poll(Instant::now() + LIMIT, replaced), Some(()));
        answer();
    }
    // The worker that is there now has left nothing out but what it could not write.
    for _ in 0..10 {
        answer();
    }
    let mut log = BufReader::new(File::from(terminal.master)).lines();
    let shown: Vec<String> = log
        .by_ref()
        .map(|line| line.unwrap())
        .take_while(|line| {
            if line.contains("text text 200") {
                answer();
            }
            !line.ends_with(" lines are missing here: nobody read the log")
        })
        .collect();
    assert!(shown.len() > 100, "{}", shown.len());
    let whole = shown.iter().filter(|line| line.ends_with(" ms")).count();
    assert!(whole + 8 >= shown.len(), "{shown:#?}");
    signal(child.id(), "SIGTERM").unwrap();
    let status = poll(Instant::now() + LIMIT, || child.try_wait().unwrap());
    let _ = child.kill();
    assert_eq!(status.expect("SIGTERM does not end it").code(), Some(0));
}
