//! Web servers before the bot, each with the settings that `deploy/` has for it: what comes
//! through, and that no honest message is lost while something goes wrong behind or beside it.

use std::{
    env,
    fmt::Write as _,
    fs::{self, File},
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use socket2::{Domain, Socket, Type};

use crate::{
    deploy::{replaced, shipped},
    owner::run,
    support::{
        Bot, LIMIT, Reply, TOKEN, daoxiao, exchange, poll, post_request, signed, text_message,
        try_exchange,
    },
    tools::{Daemon, directory, find, free_address},
};

/// WeChat's tries for one message, and the least time between two of them.
const TRIES: usize = 3;
const BETWEEN_TRIES: Duration = Duration::from_millis(300);

/// Senders of honest messages, each of one after the other.
const SENDERS: usize = 4;

/// How long each trouble lasts, unless the variable says otherwise.
const TROUBLE_SECONDS: f64 = 1.0;

/// Where Debian has Apache's modules.
pub const APACHE_MODULES: &str = "/usr/lib/apache2/modules";

/// A web server on loopback with the shipped settings: other addresses, and a directory for all
/// that is written.
struct Front {
    http: SocketAddr,
    https: SocketAddr,
    directory: PathBuf,
    _daemon: Daemon,
}

/// What to make of the shipped settings, for a front that is about to be started.
struct Place {
    http: SocketAddr,
    https: SocketAddr,
    directory: PathBuf,
}

impl Place {
    fn new(name: &str) -> Self {
        Self {
            http: free_address(),
            https: free_address(),
            directory: directory(name),
        }
    }

    fn path(&self) -> &str {
        self.directory.to_str().unwrap()
    }

    /// Writes the shipped settings with these changes, each of which must have a place.
    fn settings<const N: usize>(&self, file: &str, changes: [(&str, String); N]) -> PathBuf {
        let change = |text: String, (from, to): (&str, String)| replaced(&text, from, &to);
        let text = changes.into_iter().fold(shipped(file), change);
        self.write(file, &text)
    }

    fn write(&self, file: &str, text: &str) -> PathBuf {
        let path = self.directory.join(file);
        fs::write(&path, text).unwrap();
        path
    }

    /// Starts the front; what it says goes into files.
    fn start(self, mut command: Command) -> Front {
        command.stdout(File::create(self.directory.join("stdout")).unwrap());
        command.stderr(File::create(self.directory.join("stderr")).unwrap());
        Front {
            _daemon: Daemon::start(command, self.http),
            http: self.http,
            https: self.https,
            directory: self.directory,
        }
    }
}

fn nginx(name: &str, bots: &[Bot]) -> Option<Front> {
    let (program, _) = (find("nginx")?, find("openssl")?);
    let place = Place::new(name);
    make_certificate(&place.directory);
    let here = place.path();
    let settings = place.settings(
        "nginx.conf",
        [
            ("user www-data;", String::new()),
            ("/run/nginx.pid", format!("{here}/nginx.pid")),
            ("/var/log/nginx", here.to_owned()),
            ("/var/www/certbot", here.to_owned()),
            ("/etc/letsencrypt/live/bot.example.com", here.to_owned()),
            ("listen 80;", format!("listen {};", place.http)),
            ("listen 443 ssl;", format!("listen {} ssl;", place.https)),
            ("127.0.0.1:8081", bots[0].address.to_string()),
            ("127.0.0.1:8082", bots[1].address.to_string()),
            ("http {", format!("http {{ {}", temporary_paths(here))),
        ],
    );
    let mut command = Command::new(program);
    command.args(["-e", "stderr", "-g", "daemon off;", "-p", here, "-c"]);
    command.arg(settings);
    Some(place.start(command))
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

/// For an address of this machine, Caddy makes the certificate itself.
fn caddy(name: &str, bots: &[Bot]) -> Option<Front> {
    let program = find("caddy")?;
    let place = Place::new(name);
    let offline = "admin off\nskip_install_trust\nauto_https disable_redirects";
    let (http, https) = (place.http.port(), place.https);
    let settings = place.settings(
        "Caddyfile",
        [
            (
                "\nbot.example.com {",
                format!("\n{{\n{offline}\n}}\nhttp://:{http}, https://{https} {{"),
            ),
            ("127.0.0.1:8080", bots[0].address.to_string()),
        ],
    );
    let mut command = Command::new(program);
    command.args(["run", "--adapter", "caddyfile", "--config"]);
    command.arg(settings).env("HOME", &place.directory);
    for variable in ["XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
        command.env_remove(variable);
    }
    Some(place.start(command))
}

fn haproxy(name: &str, bots: &[Bot]) -> Option<Front> {
    haproxy_with(name, bots, "")
}

/// With one line more about the bot.
fn haproxy_with(name: &str, bots: &[Bot], line: &str) -> Option<Front> {
    let program = find("haproxy")?;
    let place = Place::new(name);
    let settings = place.settings(
        "haproxy.cfg",
        [
            ("    user haproxy\n    group haproxy\n", String::new()),
            ("bind :80", format!("bind {}", place.http)),
            (
                "log /dev/log local0",
                "log stdout format raw local0".to_owned(),
            ),
            ("backend daoxiao\n", format!("backend daoxiao\n{line}\n")),
            ("127.0.0.1:8080", bots[0].address.to_string()),
        ],
    );
    let mut command = Command::new(program);
    command.arg("-f").arg(settings);
    Some(place.start(command))
}

fn apache(name: &str, bots: &[Bot]) -> Option<Front> {
    let program = find("apache2")?;
    let place = Place::new(name);
    let here = place.path();
    let site = place.settings(
        "apache.conf",
        [
            ("*:80", place.http.to_string()),
            ("${APACHE_LOG_DIR}", here.to_owned()),
            ("127.0.0.1:8080", bots[0].address.to_string()),
        ],
    );
    let modules = ["proxy", "proxy_http"];
    let settings = apache_settings(&place.directory, place.http, &modules, &site);
    let mut command = Command::new(program);
    command.args(["-D", "FOREGROUND", "-f"]).arg(settings);
    Some(place.start(command))
}

/// What Debian's Apache has around the settings of one site.
pub fn apache_settings(
    directory: &Path,
    address: SocketAddr,
    modules: &[&str],
    site: &Path,
) -> PathBuf {
    let here = directory.display();
    let mut text = format!(
        "ServerRoot {here}\nPidFile {here}/pid\nErrorLog {here}/error.log\n\
         ServerName bot.example.com\nListen {address}\n"
    );
    for module in ["mpm_event", "authz_core"].iter().chain(modules) {
        let file = format!("{APACHE_MODULES}/mod_{module}.so");
        writeln!(text, "LoadModule {module}_module {file}").unwrap();
    }
    writeln!(text, "Include {}", site.display()).unwrap();
    let path = directory.join("main.conf");
    fs::write(&path, text).unwrap();
    path
}

fn lighttpd(name: &str, bots: &[Bot]) -> Option<Front> {
    let program = find("lighttpd")?;
    let place = Place::new(name);
    let bot = bots[0].address;
    let site = place.settings(
        "lighttpd.conf",
        [
            ("\"127.0.0.1\"", format!("\"{}\"", bot.ip())),
            ("8080", bot.port().to_string()),
        ],
    );
    let text = format!(
        "server.document-root = \"{}\"\nserver.bind = \"{}\"\nserver.port = {}\ninclude \"{}\"\n",
        place.path(),
        place.http.ip(),
        place.http.port(),
        site.display()
    );
    let settings = place.write("main.conf", &text);
    let mut command = Command::new(program);
    command.arg("-D").arg("-f").arg(settings);
    Some(place.start(command))
}

/// A thing that goes wrong, so many times a second.
struct Trouble {
    name: &'static str,
    rate: u32,
    cause: fn(&[Bot], SocketAddr),
    /// Whether what was in hand needs another try.
    interrupts: bool,
}

const TROUBLES: [Trouble; 4] = [
    Trouble {
        name: "killed workers",
        rate: 4,
        cause: |bots, _| bots.iter().for_each(Bot::kill_worker),
        interrupts: true,
    },
    Trouble {
        name: "reloads",
        rate: 4,
        cause: |bots, _| bots.iter().for_each(|bot| bot.signal("HUP")),
        interrupts: false,
    },
    Trouble {
        name: "a stranger's chunked bodies",
        rate: 20,
        cause: |_, front| {
            stranger(
                front,
                "POST /wechat",
                "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0",
            );
        },
        interrupts: false,
    },
    Trouble {
        name: "a header and a path beyond ASCII",
        rate: 10,
        cause: |_, front| {
            stranger(front, "GET /", "User-Agent: 微信");
            stranger(front, "GET /微信", "X: x");
        },
        interrupts: false,
    },
];

/// Sends a request, and waits for an answer or the end of the connection.
fn stranger(front: SocketAddr, request: &str, rest: &str) {
    let mut stream = TcpStream::connect(front).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let request = format!("{request} HTTP/1.1\r\nHost: bot.example.com\r\n{rest}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let _ = stream.read(&mut [0; 1024]);
}

/// What became of the honest messages.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    sent: usize,
    answered: usize,
    at_first_try: usize,
}

fn message_request(user: &str, xml: &str) -> String {
    let target = signed("/wechat").replace("openid=oUser", &format!("openid={user}"));
    let request = String::from_utf8(post_request(&target, xml.as_bytes())).unwrap();
    replaced(&request, "Host: bot\r\n", "Host: bot.example.com\r\n")
}

/// Sends a message as WeChat does, up to three times with 5 s for each; at which try it was
/// answered, and what.
fn answer_to(front: SocketAddr, user: &str, xml: &str) -> Option<(usize, Reply)> {
    let request = message_request(user, xml);
    (1..=TRIES).find_map(|tried| {
        let begun = Instant::now();
        let answer = try_exchange(front, &request);
        let in_time = begun.elapsed() < Duration::from_secs(5);
        match answer {
            Ok(reply) if in_time && reply.status == 200 => Some((tried, reply)),
            other => {
                eprintln!("no answer but {:?}", other.map(|reply| reply.head));
                wait_until(begun + BETWEEN_TRIES);
                None
            }
        }
    })
}

fn wait_until(due: Instant) {
    while let Some(left) = due.checked_duration_since(Instant::now()) {
        thread::park_timeout(left);
    }
}

/// Sends honest messages through a front, one after the other, until the time has come.
fn send_until(end: Instant, front: SocketAddr, user: &str) -> Tally {
    let mut tally = Tally::default();
    while Instant::now() < end {
        let answer = answer_to(front, user, &text_message("你好"));
        tally.sent += 1;
        if let Some((tried, reply)) = answer {
            assert_eq!(reply.content(), "好你");
            tally.answered += 1;
            tally.at_first_try += usize::from(tried == 1);
        }
    }
    tally
}

/// Several senders at once, while there is trouble.
fn traffic(front: SocketAddr, bots: &[Bot], trouble: &Trouble) -> Tally {
    let seconds = env::var("DAOXIAO_FLOOD_SECONDS")
        .map_or(TROUBLE_SECONDS, |seconds| seconds.parse().unwrap());
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut due = Instant::now();
            while !is_over.load(Ordering::Relaxed) {
                (trouble.cause)(bots, front);
                due += Duration::from_secs(1) / trouble.rate;
                wait_until(due);
            }
        });
        let senders: Vec<_> = (0..SENDERS)
            .map(|number| scope.spawn(move || send_until(end, front, &format!("oUser{number}"))))
            .collect();
        let mut total = Tally::default();
        for sender in senders {
            let tally = sender.join().unwrap();
            total.sent += tally.sent;
            total.answered += tally.answered;
            total.at_first_try += tally.at_first_try;
        }
        is_over.store(true, Ordering::Relaxed);
        total
    })
}

/// One trouble after the other: each message is answered, and at the first try unless the trouble
/// ends what is in hand.
fn assert_loses_nothing(name: &str, start: fn(&str, &[Bot]) -> Option<Front>) {
    let bots = [Bot::start(), Bot::start()];
    let Some(front) = start(name, &bots) else {
        return;
    };
    for trouble in &TROUBLES {
        let tally = traffic(front.http, &bots, trouble);
        println!("{name}, {}: {tally:?}", trouble.name);
        assert_eq!(tally.answered, tally.sent, "{name}, {}", trouble.name);
        if !trouble.interrupts {
            assert_eq!(tally.at_first_try, tally.sent, "{name}, {}", trouble.name);
        }
    }
}

#[test]
fn nginx_loses_nothing() {
    assert_loses_nothing("nginx", nginx);
}

#[test]
fn caddy_loses_nothing() {
    assert_loses_nothing("caddy", caddy);
}

#[test]
fn haproxy_loses_nothing() {
    assert_loses_nothing("haproxy", haproxy);
}

#[test]
fn haproxy_loses_nothing_when_strangers_share_its_connections() {
    assert_loses_nothing("haproxy-shared", |name, bots| {
        haproxy_with(name, bots, "http-reuse always")
    });
}

#[test]
fn apache_loses_nothing() {
    assert_loses_nothing("apache", apache);
}

#[test]
fn lighttpd_loses_nothing() {
    assert_loses_nothing("lighttpd", lighttpd);
}

#[test]
fn no_log_of_a_front_has_a_query() {
    let bots = [Bot::start(), Bot::start()];
    for (front, log) in [
        (nginx("nginx-log", &bots), "access.log"),
        (apache("apache-log", &bots), "daoxiao.log"),
        (haproxy("haproxy-log", &bots), "stdout"),
    ] {
        let Some(front) = front else { continue };
        assert!(answer_to(front.http, "oUser", &text_message("你好")).is_some());
        let forged = message_request("oUser", "").replace("nonce=", "nonce=0");
        assert_eq!(exchange(front.http, forged).status, 403);
        // Some write after they have answered, and not in that order.
        let path = front.directory.join(log);
        let log = poll(Instant::now() + LIMIT, || {
            let log = fs::read_to_string(&path).unwrap();
            let has = |status| log.contains(&format!("\"POST /wechat\" {status} "));
            (has(200) && has(403)).then_some(log)
        })
        .unwrap();
        for secret in ["signature", "nonce", "oUser"] {
            assert!(!log.contains(secret), "{log}");
        }
    }
}

#[test]
fn behind_nginx_no_message_is_lost_when_a_process_dies() {
    let bots = [Bot::start(), Bot::start()];
    let Some(front) = nginx("nginx-loss", &bots) else {
        return;
    };
    let [first, second] = bots;
    let mut first = Some(first);
    for number in 0..60 {
        if number == 20 {
            first.take();
        }
        let words = format!("{number}号你好");
        let answer = answer_to(front.http, &format!("oUser{number}"), &text_message(&words));
        let backwards: String = words.chars().rev().collect();
        assert_eq!(answer.unwrap().1.content(), backwards);
    }
    second.wait_for_log("POST /wechat text");
}

#[test]
fn behind_nginx_a_repeat_meets_the_process_that_knows_the_answer() {
    let bots = [Bot::start(), Bot::start()];
    let Some(front) = nginx("nginx-repeat", &bots) else {
        return;
    };
    let answer = |user: &str, message: &str| {
        let (_, reply) = answer_to(front.http, user, message).unwrap();
        reply.content()
    };
    // Where a user belongs depends on the ports; a hundred users are too many for one of two.
    for number in 0..100 {
        let user = format!("oUser{number}");
        // A joke, since two processes would hardly tell the same.
        let message = text_message("笑话");
        let joke = answer(&user, &message);
        for _ in 0..3 {
            assert_eq!(answer(&user, &message), joke);
        }
    }
    for bot in bots {
        bot.wait_for_log("POST /wechat text");
    }
}

#[test]
fn the_handshake_works_with_and_without_tls() {
    let Some(curl) = find("curl") else { return };
    let bots = [Bot::start(), Bot::start()];
    let target = format!("{}&echostr=hello%2B", signed("/wechat"));
    for start in [nginx, caddy] {
        let Some(front) = start("front-tls", &bots) else {
            continue;
        };
        for url in [
            format!("http://{}{target}", front.http),
            format!("https://{}{target}", front.https),
        ] {
            let mut command = Command::new(&curl);
            command.args([
                "-sfk",
                "--retry",
                "3",
                "--retry-all-errors",
                "--noproxy",
                "*",
                &url,
            ]);
            let output = command.output().unwrap();
            let echo = String::from_utf8_lossy(&output.stdout);
            assert_eq!(echo, "hello+", "{url}: {output:?}");
        }
    }
}

#[test]
fn each_front_tells_a_trusting_bot_who_asks() {
    for start in [nginx, caddy, haproxy, apache, lighttpd] {
        let trusting = || Bot::with(&["--joke-source", "none", "--trust-proxy"], &[]);
        let bots = [trusting(), trusting()];
        let Some(front) = start("front-asks", &bots) else {
            continue;
        };
        // Another address of this machine than the front calls from, and one that is made up.
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let from: SocketAddr = "127.0.0.9:0".parse().unwrap();
        socket.bind(&from.into()).unwrap();
        socket.connect(&front.http.into()).unwrap();
        let mut stream = TcpStream::from(socket);
        let target = signed("/wechat");
        let head = "Host: bot.example.com\r\nX-Forwarded-For: 198.51.100.1\r\nConnection: close";
        let request = format!("GET {target}&echostr=1 HTTP/1.1\r\n{head}\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
        let found = poll(Instant::now() + LIMIT, || {
            let logs: String = bots.iter().map(Bot::log).collect();
            logs.contains("INFO  127.0.0.9 GET /wechat - handshake")
                .then_some(())
        });
        assert!(found.is_some(), "{}", front.directory.display());
    }
}

#[test]
fn doctor_says_that_a_certificate_is_not_one_for_wechat() {
    let bots = [Bot::start(), Bot::start()];
    let Some(front) = nginx("nginx-doctor", &bots) else {
        return;
    };
    let mut doctor = daoxiao(&["doctor", &format!("https://{}/wechat", front.https)]);
    doctor.env("WECHAT_TOKEN", TOKEN);
    let verdict = run(doctor, "");
    assert!(
        verdict
            .out
            .contains("✗ path: the certificate is for another name"),
        "{verdict:?}"
    );
}

#[test]
fn certbot_can_renew_while_nginx_runs() {
    let bots = [Bot::start(), Bot::start()];
    let Some(front) = nginx("nginx-certbot", &bots) else {
        return;
    };
    let challenges = front.directory.join(".well-known/acme-challenge");
    fs::create_dir_all(&challenges).unwrap();
    fs::write(challenges.join("token"), "answer").unwrap();
    let request = "GET /.well-known/acme-challenge/token HTTP/1.1\r\nHost: bot.example.com\r\n\
                   Connection: close\r\n\r\n";
    let reply = exchange(front.http, request);
    assert_eq!((reply.status, reply.text()), (200, "answer"));
}

#[test]
fn behind_nginx_a_body_is_as_long_as_without() {
    let bots = [Bot::start(), Bot::start()];
    let Some(front) = nginx("nginx-length", &bots) else {
        return;
    };
    let status = |length| {
        let request = post_request(&signed("/wechat"), &vec![b'x'; length]);
        exchange(front.http, request).status
    };
    assert_eq!(status(24 * 1024), 400, "no XML, but not too long");
    assert_eq!(status(24 * 1024 + 1), 413);
}
