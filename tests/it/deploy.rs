//! The units in `deploy/`, with the program that reads them.

use std::{
    env, fs,
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixDatagram},
    },
    path::Path,
    process::{self, Command},
    time::Instant,
};

use crate::{
    support::{Bot, LIMIT, TOKEN, daoxiao},
    tools::{directory, find},
};

/// A file in `deploy/`.
pub fn shipped(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("deploy")
        .join(name);
    fs::read_to_string(path).unwrap()
}

/// The text with something else in the place of what must be in it.
pub fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from} is missing");
    text.replace(from, to)
}

#[test]
fn systemd_accepts_the_units() {
    let Some(analyze) = find("systemd-analyze") else {
        return;
    };
    let directory = directory("units");
    for name in ["daoxiao.service", "daoxiao@.service", "daoxiao.socket"] {
        let text = shipped(name);
        let text = match name {
            "daoxiao.socket" => text,
            // systemd looks for a plain name in /usr/local/bin, then in /usr/bin.
            _ => replaced(
                &text,
                "=daoxiao ",
                concat!("=", env!("CARGO_BIN_EXE_daoxiao"), " "),
            ),
        };
        fs::write(directory.join(name), text).unwrap();
    }
    for name in ["daoxiao.service", "daoxiao@8081.service", "daoxiao.socket"] {
        let mut command = Command::new(&analyze);
        command
            .args(["verify", "--man=no"])
            .arg(directory.join(name));
        let output = command.output().unwrap();
        let complaints = String::from_utf8_lossy(&output.stderr);
        // What it says of other units of this machine is not about ours.
        let ours = complaints.lines().filter(|line| line.contains("daoxiao"));
        assert_eq!(ours.collect::<Vec<_>>(), Vec::<&str>::new());
        assert!(output.status.success(), "{name}: {complaints}");
    }
}

#[test]
fn the_two_services_differ_only_in_their_port() {
    let of_its_own = ["#", "Description=", "ExecStart=", "Requires=", "After="];
    let common = |name: &str| -> Vec<String> {
        let text = shipped(name);
        let lines = text.lines().filter(|line| !line.is_empty());
        let lines = lines.filter(|line| !of_its_own.iter().any(|own| line.starts_with(own)));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(common("daoxiao.service"), common("daoxiao@.service"));
}

/// systemd's end of what a service says of itself.
struct Manager {
    socket: UnixDatagram,
    /// What it has services find in `NOTIFY_SOCKET`.
    place: String,
}

impl Manager {
    /// By a path, which must be short; that of this repository need not be.
    fn at_path(name: &str) -> Self {
        let path = env::temp_dir().join(format!("daoxiao-{}-{name}", process::id()));
        let _ = fs::remove_file(&path);
        let place = path.to_str().unwrap().to_owned();
        Self::bind(&SocketAddr::from_pathname(&path).unwrap(), place)
    }

    /// By a name that is no file.
    fn at_name(name: &str) -> Self {
        let name = format!("daoxiao-{}-{name}", process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        Self::bind(&address, format!("@{name}"))
    }

    fn bind(address: &SocketAddr, place: String) -> Self {
        let socket = UnixDatagram::bind_addr(address).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        Self { socket, place }
    }

    /// Has so much wait to be read that there is room for nothing more.
    fn fill(&self) {
        let other = UnixDatagram::unbound().unwrap();
        other.set_nonblocking(true).unwrap();
        let mut sent = 0;
        while other.send_to(b"WATCHDOG=1\n", &self.place).is_ok() {
            sent += 1;
        }
        assert!(sent > 0);
    }

    /// A bot that it starts with this Token.
    fn command(&self, token: &str) -> Command {
        let mut command = daoxiao(&["--listen", "127.0.0.1:0", "--joke-source", "none"]);
        command.env("WECHAT_TOKEN", token);
        command.env("NOTIFY_SOCKET", &self.place);
        command
    }

    fn wait_for(&self, word: &str) {
        let mut bytes = [0; 256];
        let end = Instant::now() + LIMIT;
        while Instant::now() < end {
            let length = self.socket.recv(&mut bytes).expect(word);
            if &bytes[..length] == format!("{word}\n").as_bytes() {
                return;
            }
            assert_eq!(&bytes[..length], b"WATCHDOG=1\n");
        }
        panic!("systemd is not told {word}");
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        // A name that is no path is none of a file either.
        let _ = fs::remove_file(&self.place);
    }
}

#[test]
fn systemd_is_told_when_the_bot_serves_that_it_lives_and_when_it_ends() {
    for manager in [Manager::at_path("told"), Manager::at_name("told")] {
        let bot = Bot::spawn(manager.command(TOKEN));
        manager.wait_for("READY=1");
        manager.wait_for("WATCHDOG=1");
        bot.kill_worker();
        bot.wait_for_log("the worker was killed by SIGKILL");
        manager.wait_for("WATCHDOG=1");
        bot.signal("TERM");
        manager.wait_for("STOPPING=1");
    }
}

#[test]
fn a_service_manager_that_does_not_read_holds_nothing_up() {
    let manager = Manager::at_path("deaf");
    manager.fill();
    let bot = Bot::spawn(manager.command(TOKEN));
    for _ in 0..3 {
        bot.kill_worker();
        assert_eq!(bot.answer_to("你好"), "好你");
    }
    let (status, log) = bot.stop();
    assert_eq!(status.code(), Some(0), "{log}");
}

#[test]
fn systemd_is_told_nothing_by_a_bot_that_cannot_start() {
    let manager = Manager::at_path("untold");
    let output = manager.command("no Token").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    manager.socket.set_nonblocking(true).unwrap();
    assert!(manager.socket.recv(&mut [0; 256]).is_err());
}
