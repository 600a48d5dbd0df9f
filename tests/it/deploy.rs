//! The files in `deploy/`, with the programs that read them.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use crate::{
    owner::run,
    support::{Bot, Reply, TOKEN, daoxiao, post_request, signed, text_message, try_exchange},
    tools::{Daemon, directory, find, free_address},
};

/// WeChat's tries for one message.
const TRIES: usize = 3;

fn shipped(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("deploy")
        .join(name);
    fs::read_to_string(path).unwrap()
}

/// The text with something else in the place of what must be in it.
fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from} is missing");
    text.replace(from, to)
}

#[test]
fn systemd_accepts_the_units() {
    let Some(analyze) = find("systemd-analyze") else {
        return;
    };
    let directory = directory("units");
    let installed = "/usr/local/bin/daoxiao";
    for name in ["daoxiao.service", "daoxiao@.service", "daoxiao.socket"] {
        let text = shipped(name);
        let text = match name {
            "daoxiao.socket" => text,
            _ => replaced(&text, installed, env!("CARGO_BIN_EXE_daoxiao")),
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
fn the_two_services_differ_in_their_port_alone() {
    let of_its_own = ["#", "Description=", "ExecStart=", "Requires=", "After="];
    let common = |name: &str| -> Vec<String> {
        let text = shipped(name);
        let lines = text.lines().filter(|line| !line.is_empty());
        let lines = lines.filter(|line| !of_its_own.iter().any(|own| line.starts_with(own)));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(common("daoxiao.service"), common("daoxiao@.service"));
}

/// The shipped configuration on loopback: other addresses, and a directory for all that is written.
struct Nginx {
    http: SocketAddr,
    https: SocketAddr,
    directory: PathBuf,
    _daemon: Daemon,
}

impl Nginx {
    fn start(program: &Path, name: &str, bots: [SocketAddr; 2]) -> Self {
        let directory = directory(name);
        let (http, https) = (free_address(), free_address());
        make_certificate(&directory);
        let here = directory.to_str().unwrap();
        let mut text = shipped("nginx.conf");
        for (from, to) in [
            ("user www-data;", String::new()),
            ("/run/nginx.pid", format!("{here}/nginx.pid")),
            ("/var/log/nginx", here.to_owned()),
            ("/etc/letsencrypt/live/bot.example.com", here.to_owned()),
            ("listen 80;", format!("listen {http};")),
            ("listen 443 ssl;", format!("listen {https} ssl;")),
            ("127.0.0.1:8081", bots[0].to_string()),
            ("127.0.0.1:8082", bots[1].to_string()),
            ("http {", format!("http {{ {}", temporary_paths(here))),
        ] {
            text = replaced(&text, from, &to);
        }
        let settings = directory.join("nginx.conf");
        fs::write(&settings, text).unwrap();
        let mut command = Command::new(program);
        command.args(["-e", "stderr", "-g", "daemon off;", "-p", here, "-c"]);
        command.arg(settings);
        Self {
            _daemon: Daemon::start(command, http),
            http,
            https,
            directory,
        }
    }

    /// Sends a text as WeChat does, up to three times with 5 s for each.
    fn answer_to(&self, user: &str, xml: &str) -> Option<Reply> {
        let target = signed("/wechat").replace("openid=oUser", &format!("openid={user}"));
        let request = post_request(&target, xml.as_bytes());
        (0..TRIES).find_map(|_| {
            let begun = Instant::now();
            let reply = try_exchange(self.http, &request).ok()?;
            let in_time = begun.elapsed() < Duration::from_secs(5);
            (in_time && reply.status == 200).then_some(reply)
        })
    }
}

fn temporary_paths(directory: &str) -> String {
    let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let lines = kinds.map(|kind| format!("{kind}_temp_path {directory}/{kind};"));
    lines.join(" ")
}

fn make_certificate(directory: &Path) {
    let mut openssl = Command::new("openssl");
    openssl.args("req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256".split(' '));
    openssl.args("-subj /CN=bot.example.com -keyout privkey.pem -out fullchain.pem".split(' '));
    let output = openssl.current_dir(directory).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn behind_nginx_no_message_is_lost_when_a_process_dies() {
    let (Some(program), Some(_)) = (find("nginx"), find("openssl")) else {
        return;
    };
    let bots = [Bot::start(), Bot::start()];
    let nginx = Nginx::start(&program, "nginx-loss", [bots[0].address, bots[1].address]);
    let [first, second] = bots;
    let mut first = Some(first);
    for number in 0..60 {
        if number == 20 {
            first.take();
        }
        let words = format!("{number}号你好");
        let reply = nginx.answer_to(&format!("oUser{number}"), &text_message(&words));
        let backwards: String = words.chars().rev().collect();
        assert_eq!(reply.unwrap().content(), backwards);
    }
    second.wait_for_log("POST /wechat text");
    let log = fs::read_to_string(nginx.directory.join("access.log")).unwrap();
    assert!(log.contains("\"POST /wechat\" 200 "), "{log}");
    let errors = fs::read_to_string(nginx.directory.join("error.log")).unwrap();
    for secret in ["signature", "nonce", "oUser"] {
        assert!(
            !log.contains(secret) && !errors.contains(secret),
            "{log}{errors}"
        );
    }
}

#[test]
fn behind_nginx_a_repeat_meets_the_process_that_knows_the_answer() {
    let (Some(program), Some(_)) = (find("nginx"), find("openssl")) else {
        return;
    };
    let bots = [Bot::start(), Bot::start()];
    let nginx = Nginx::start(&program, "nginx-repeat", [bots[0].address, bots[1].address]);
    for number in 0..10 {
        let user = format!("oUser{number}");
        // A joke, since two processes would hardly tell the same.
        let message = text_message("笑话");
        let answer = nginx.answer_to(&user, &message).unwrap().content();
        for _ in 0..3 {
            assert_eq!(nginx.answer_to(&user, &message).unwrap().content(), answer);
        }
    }
    for bot in bots {
        // Ten users are too many for one of two.
        bot.wait_for_log("POST /wechat text");
    }
}

#[test]
fn behind_nginx_the_handshake_works_with_and_without_tls() {
    let (Some(program), Some(_), Some(curl)) = (find("nginx"), find("openssl"), find("curl"))
    else {
        return;
    };
    let bots = [Bot::start(), Bot::start()];
    let nginx = Nginx::start(&program, "nginx-tls", [bots[0].address, bots[1].address]);
    let target = format!("{}&echostr=hello%2B", signed("/wechat"));
    for url in [
        format!("http://{}{target}", nginx.http),
        format!("https://{}{target}", nginx.https),
    ] {
        let output = Command::new(&curl)
            .args(["-sfk", "--noproxy", "*", &url])
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            "hello+",
            "{output:?}"
        );
    }
    let mut doctor = daoxiao(&["doctor", &format!("https://{}/wechat", nginx.https)]);
    doctor.env("WECHAT_TOKEN", TOKEN);
    let verdict = run(doctor, "");
    assert!(
        verdict
            .out
            .contains("✗ path: the secure connection failed: "),
        "{verdict:?}"
    );
    assert!(
        verdict.out.contains("Do this first: mend the certificate"),
        "{verdict:?}"
    );
}

#[test]
fn behind_nginx_a_body_is_as_long_as_without() {
    let (Some(program), Some(_)) = (find("nginx"), find("openssl")) else {
        return;
    };
    let bots = [Bot::start(), Bot::start()];
    let nginx = Nginx::start(&program, "nginx-length", [bots[0].address, bots[1].address]);
    let status = |length| {
        let request = post_request(&signed("/wechat"), &vec![b'x'; length]);
        try_exchange(nginx.http, request).unwrap().status
    };
    assert_eq!(status(64 * 1024), 400, "no XML, but not too long");
    assert_eq!(status(64 * 1024 + 1), 413);
}
