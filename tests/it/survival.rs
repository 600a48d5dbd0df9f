//! Starting over: on purpose, with everything handed on, and signals around it.

use std::{
    fs,
    net::TcpListener,
    os::{fd::OwnedFd, unix::fs::PermissionsExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use command_fds::{CommandFdExt, FdMapping};

use crate::support::{
    Bot, LIMIT, TOKEN, daoxiao, exchange, poll, post_request, signed_with, site::Site, text_message,
};

/// A copy of the program that a test may replace.
struct Program(PathBuf);

impl Program {
    fn copy(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let program = Self(path);
        program.replace(|path| drop(fs::copy(env!("CARGO_BIN_EXE_daoxiao"), path).unwrap()));
        program
    }

    /// Puts another file in its place, as an upgrade does: by renaming.
    fn replace(&self, write: impl FnOnce(&Path)) {
        let new = self.0.with_extension("new");
        write(&new);
        fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(&new, &self.0).unwrap();
    }

    fn replace_by_script(&self, script: &str) {
        self.replace(|path| fs::write(path, format!("#!/bin/sh\n{script}\n")).unwrap());
    }

    fn start(&self) -> Bot {
        let mut command = Command::new(&self.0);
        command
            .args(["--listen", "127.0.0.1:0", "--joke-source", "none"])
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
fn a_hangup_hands_the_made_up_token_on_and_shows_nothing_again() {
    let mut command = daoxiao(&["--listen", "127.0.0.1:0", "--joke-source", "none"]);
    command.env("PATH", "/usr/bin:/bin");
    let mut bot = Bot::spawn(command);
    let line = bot.wait_for_log("WECHAT_TOKEN=");
    let token = line.strip_prefix("WECHAT_TOKEN=").unwrap().to_owned();
    for _ in 0..3 {
        bot.signal("HUP");
    }
    bot.wait_for_log("takes over");
    let target = signed_with(&token, "/wechat");
    assert_eq!(bot.post(&target, text_message("你好")).content(), "好你");
    assert!(bot.is_running());
    let (status, log) = bot.stop();
    assert_eq!(status.code(), Some(0));
    assert_eq!(log.matches(&token).count(), 1, "{log}");
}

#[test]
fn an_upgrade_takes_over_on_the_same_port() {
    let program = Program::copy("upgraded");
    let mut bot = program.start();
    program.replace(|path| drop(fs::copy(env!("CARGO_BIN_EXE_daoxiao"), path).unwrap()));
    bot.signal("HUP");
    let executable = format!("/proc/{}/exe", bot.pid());
    let replaced = poll(Instant::now() + LIMIT, || {
        let path = fs::read_link(&executable).ok()?;
        (path == program.0).then_some(())
    });
    assert_eq!(replaced, Some(()), "the old program still runs");
    assert_eq!(bot.answer_to("你好"), "好你");
    assert!(bot.is_running());
}

#[test]
fn a_program_that_cannot_say_its_version_does_not_take_over() {
    let program = Program::copy("broken");
    let bot = program.start();
    for (script, reason) in [
        (
            "exit 3",
            "--version failed (exit status: 3); this program goes on",
        ),
        (
            "echo other 1.0",
            "--version is not daoxiao's; this program goes on",
        ),
        (
            "exec sleep 60",
            "--version took longer than 2 s; this program goes on",
        ),
    ] {
        program.replace_by_script(script);
        bot.signal("HUP");
        bot.wait_for_log(reason);
        assert_eq!(bot.answer_to("你好"), "好你");
    }
    fs::remove_file(&program.0).unwrap();
    bot.signal("HUP");
    bot.wait_for_log("--version cannot be started (No such file or directory");
    assert_eq!(bot.answer_to("你好"), "好你");
    assert_eq!(bot.stop().0.code(), Some(0));
}

#[test]
fn a_hangup_reads_the_file_of_jokes_anew() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("own-jokes");
    fs::write(&file, "第一个笑话\n").unwrap();
    let bot = Bot::with(
        &["--joke-source", "none", "--jokes", file.to_str().unwrap()],
        &[],
    );
    assert_eq!(bot.answer_to("笑话"), "第一个笑话");
    fs::write(&file, "第二个笑话\n").unwrap();
    bot.signal("HUP");
    let second = poll(Instant::now() + LIMIT, || {
        // A call that the old process accepted is lost, and WeChat calls again.
        let reply = bot.try_say(text_message("笑话")).ok()?;
        (reply.content() == "第二个笑话").then_some(())
    });
    assert_eq!(second, Some(()));
    fs::remove_file(&file).unwrap();
    bot.signal("HUP");
    bot.wait_for_log("own-jokes: the file cannot be read");
    assert!(!bot.answer_to("笑话").is_empty());
    assert_eq!(bot.stop().0.code(), Some(0));
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
fn a_signal_lets_the_request_in_hand_end() {
    for signal in ["TERM", "INT"] {
        let (hit, was_hit) = std::sync::mpsc::channel();
        let (go_on, may_go_on) = std::sync::mpsc::channel::<()>();
        let may_go_on = std::sync::Mutex::new(may_go_on);
        let site = Site::start(move |_, stream| {
            hit.send(()).unwrap();
            let _ = may_go_on.lock().unwrap().recv();
            let answer = crate::support::site::http_ok("text/plain", "一个很好笑的笑话".as_bytes());
            drop(std::io::Write::write_all(stream, &answer));
        });
        let mut bot = Bot::with(&["--joke-url", &site.url("/")], &[]);
        let address = bot.address;
        let asker = std::thread::spawn(move || {
            exchange(
                address,
                post_request(
                    &crate::support::signed("/"),
                    text_message("笑话").as_bytes(),
                ),
            )
        });
        was_hit.recv_timeout(LIMIT).unwrap();
        bot.signal(signal);
        bot.wait_for_log("ending");
        go_on.send(()).unwrap();
        assert_eq!(asker.join().unwrap().content(), "一个很好笑的笑话");
        let status = poll(Instant::now() + LIMIT, || bot.exit_status()).unwrap();
        assert_eq!(status.code(), Some(0), "SIG{signal}");
    }
}

#[test]
fn a_port_in_use_is_exit_1_with_what_to_do() {
    let bot = Bot::start();
    let address = bot.address.to_string();
    let output = daoxiao(&["--listen", &address])
        .env("WECHAT_TOKEN", TOKEN)
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
