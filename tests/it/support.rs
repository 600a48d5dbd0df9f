//! What the tests share: the real program, an HTTP client that does no more than it is told to,
//! WeChat's side of a call, and a joke site.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{self, Child, Command, ExitStatus, Stdio},
    sync::{
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

pub mod abuse;
pub mod browser;
pub mod envelope;
pub mod generator;
pub mod site;

/// Nothing that a test waits for takes longer, unless it fails.
pub const LIMIT: Duration = Duration::from_secs(20);

/// The Token of every bot in the tests.
pub const TOKEN: &str = "testtoken123";

/// The nonce of every signed query.
pub const NONCE: &str = "nonce42";

/// A command that starts the program with a clean environment.
pub fn daoxiao(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_daoxiao"));
    command.args(arguments).env_clear();
    command
}

/// A running `daoxiao serve`, killed when it is dropped.
pub struct Bot {
    child: Child,
    pub address: SocketAddr,
    log: Log,
}

impl Bot {
    /// Starts a bot on a free port, with the tests' Token and without joke sources.
    pub fn start() -> Self {
        Self::with(&["--joke-source", "none"], &[])
    }

    /// Starts a bot on a free port, with the tests' Token and these flags and variables.
    pub fn with(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = daoxiao(&["serve", "--listen", "127.0.0.1:0"]);
        command
            .args(arguments)
            .env("WECHAT_TOKEN", TOKEN)
            .envs(variables.iter().copied());
        Self::spawn(command)
    }

    /// Starts a bot by this command and waits until it listens.
    pub fn spawn(mut command: Command) -> Self {
        let (log, file) = Log::create();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .unwrap();
        let line = first_line(child.stdout.take().unwrap());
        let address = line
            .strip_prefix("listening on http://")
            .unwrap_or_else(|| panic!("unexpected first line: {line:?}"))
            .parse()
            .unwrap();
        Self {
            child,
            address,
            log,
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether the process that was started is still there.
    pub fn is_running(&mut self) -> bool {
        self.exit_status().is_none()
    }

    /// How the process has ended, if it has.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Sends a signal by its name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        signal(self.pid(), &format!("SIG{name}")).unwrap();
    }

    /// The process that serves: the youngest child of the one that was started.
    pub fn worker_pid(&self) -> u32 {
        poll(Instant::now() + LIMIT, || {
            children(self.pid()).last().copied()
        })
        .expect("no worker")
    }

    /// Kills the process that serves, and waits until there is another one.
    pub fn kill_worker(&self) {
        let killed = self.worker_pid();
        signal(killed, "SIGKILL").unwrap();
        poll(Instant::now() + LIMIT, || {
            (self.worker_pid() != killed).then_some(())
        })
        .expect("no other worker");
    }

    /// Has another worker take over, and waits until the old one serves nobody any more.
    pub fn reload(&self) {
        let old = self.worker_pid();
        self.signal("HUP");
        poll(Instant::now() + LIMIT, || {
            (!children(self.pid()).contains(&old)).then_some(())
        })
        .expect("the old worker is still there");
    }

    /// Ends the bot with SIGTERM; its exit status and its log.
    pub fn stop(mut self) -> (ExitStatus, String) {
        self.signal("TERM");
        let end = Instant::now() + LIMIT;
        let status = poll(end, || self.child.try_wait().unwrap()).expect("SIGTERM does not end it");
        (status, self.log.text())
    }

    /// The log so far.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// Waits until the log contains this text, and returns the line.
    pub fn wait_for_log(&self, text: &str) -> String {
        self.log.wait_for(text)
    }

    /// Asks with GET.
    pub fn get(&self, target: &str) -> Reply {
        exchange(
            self.address,
            format!("GET {target} HTTP/1.1\r\nHost: bot\r\nConnection: close\r\n\r\n"),
        )
    }

    /// Posts a body to a target, with a Content-Length.
    pub fn post(&self, target: &str, body: impl AsRef<[u8]>) -> Reply {
        exchange(self.address, post_request(target, body.as_ref()))
    }

    /// Posts a message to `/wechat` as WeChat does, signed now.
    pub fn say(&self, xml: impl AsRef<[u8]>) -> Reply {
        self.post(&signed("/wechat"), xml)
    }

    /// As [`Bot::say`], of a bot whose worker may be gone at that moment.
    pub fn try_say(&self, xml: impl AsRef<[u8]>) -> std::io::Result<Reply> {
        try_exchange(self.address, post_request(&signed("/wechat"), xml.as_ref()))
    }

    /// What the bot replies to a text, out of the reply's Content; "success" stands for itself.
    pub fn answer_to(&self, text: &str) -> String {
        let reply = self.say(text_message(text));
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.content()
    }

    /// Resident memory of the process that serves, in MiB.
    pub fn memory_mib(&self) -> u64 {
        let measured = || status_number(self.worker_pid(), "VmRSS:");
        poll(Instant::now() + LIMIT, measured).unwrap() / 1024
    }
}

/// The children of a process, from the eldest to the youngest.
pub fn children(pid: u32) -> Vec<u32> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let list = list.unwrap_or_default();
    list.split_whitespace()
        .map(|pid| pid.parse().unwrap())
        .collect()
}

/// A number from the status of a process that is still there.
pub fn status_number(pid: u32, field: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Sends a signal to a process.
pub fn signal(pid: u32, name: &str) -> nix::Result<()> {
    let pid = Pid::from_raw(pid.try_into().unwrap());
    kill(pid, name.parse::<Signal>()?)
}

impl Drop for Bot {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A file that is gone after the test.
pub struct Temporary(PathBuf);

impl Temporary {
    pub fn write(name: &str, text: &(impl AsRef<[u8]> + ?Sized)) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&path, text).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A program's standard error, in a file as on a server.
struct Log(PathBuf);

impl Log {
    fn create() -> (Self, File) {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!(
            "log-{}-{}",
            process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let file = File::create(&path).unwrap();
        (Self(path), file)
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.0).unwrap()).into_owned()
    }

    fn wait_for(&self, text: &str) -> String {
        let find = || {
            let log = self.text();
            log.lines()
                .find(|line| line.contains(text))
                .map(str::to_owned)
        };
        poll(Instant::now() + LIMIT, find).unwrap_or_else(|| panic!("no {text:?} in the log"))
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{}", self.text());
        }
        let _ = fs::remove_file(&self.0);
    }
}

fn first_line(stream: impl Read + Send + 'static) -> String {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        let _ = stream.read_line(&mut line);
        let _ = send.send(line.trim_end().to_owned());
        // Whatever else is printed is no part of the promise: nothing may be.
        let mut rest = String::new();
        let _ = stream.read_to_string(&mut rest);
        assert_eq!(rest, "", "more than one line on standard output");
    });
    receive
        .recv_timeout(LIMIT)
        .expect("the program prints no line")
}

/// Tries until there is a value or the time has come.
pub fn poll<T>(end: Instant, mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    loop {
        if let Some(value) = attempt() {
            return Some(value);
        }
        if Instant::now() > end {
            return None;
        }
        thread::park_timeout(Duration::from_millis(5));
    }
}

/// An HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Reply {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The Content of a passive reply, read by a parser that is not the bot's; any other body as
    /// it is.
    pub fn content(&self) -> String {
        element(self.text(), "Content").unwrap_or_else(|| self.text().to_owned())
    }
}

/// The text of an element of a reply whose values stand in CDATA sections, read by hand.
pub fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (mut value, _) = rest.split_once(&format!("</{name}>"))?;
    let mut text = String::new();
    while let Some((before, inside)) = value.split_once("<![CDATA[") {
        assert_eq!(before, "", "text outside CDATA in {xml}");
        let (section, after) = inside.split_once("]]>")?;
        text.push_str(section);
        value = after;
    }
    Some(if text.is_empty() {
        value.to_owned()
    } else {
        text
    })
}

/// The bytes of a POST with a Content-Length, after which the connection is closed.
pub fn post_request(target: &str, body: &[u8]) -> Vec<u8> {
    post_with("Connection: close\r\n", target, body)
}

/// The bytes of a POST with a Content-Length, after which the connection stays open.
pub fn post_kept(target: &str, body: &[u8]) -> Vec<u8> {
    post_with("", target, body)
}

fn post_with(header: &str, target: &str, body: &[u8]) -> Vec<u8> {
    let mut request = format!(
        "POST {target} HTTP/1.1\r\nHost: bot\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n{header}\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}

/// A connection that stays open from one POST to the next.
pub struct Connection(TcpStream);

impl Connection {
    pub fn open(bot: &Bot) -> Self {
        Self(connect(bot.address))
    }

    /// Sends all but the last byte of a request, and nothing more.
    pub fn end_early(&mut self, request: &[u8]) {
        self.0.write_all(&request[..request.len() - 1]).unwrap();
        self.0.shutdown(Shutdown::Write).unwrap();
    }

    /// As [`Bot::post`].
    pub fn post(&mut self, target: &str, body: impl AsRef<[u8]>) -> Reply {
        let request = post_kept(target, body.as_ref());
        self.0.write_all(&request).unwrap();
        read_reply(&mut self.0).unwrap()
    }
}

/// A connection whose peer is waited for as long as a test may take.
pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
}

/// Reads one answer of a connection that may stay open.
pub fn read_reply(stream: &mut TcpStream) -> std::io::Result<Reply> {
    let mut answer = Vec::new();
    loop {
        let mut some = [0; 4096];
        let read = stream.read(&mut some)?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        answer.extend_from_slice(&some[..read]);
        if let Some(reply) = parse_reply(&answer) {
            return Ok(reply);
        }
    }
}

/// Stands between a client and a server that are far from each other: every byte and the end of
/// what is sent take this long.
pub fn delaying_proxy(server: SocketAddr, delay: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for near in listener.incoming() {
            let near = near.unwrap();
            let far = TcpStream::connect(server).unwrap();
            for stream in [&near, &far] {
                stream.set_nodelay(true).unwrap();
            }
            pass_on(near.try_clone().unwrap(), far.try_clone().unwrap(), delay);
            pass_on(far, near, delay);
        }
    });
    address
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, delay: Duration) {
    let (send, receive) = mpsc::channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        for (due, bytes) in receive {
            while let Some(left) = due.checked_duration_since(Instant::now()) {
                thread::park_timeout(left);
            }
            if bytes.is_empty() {
                let _ = to.shutdown(Shutdown::Write);
            } else if to.write_all(&bytes).is_err() {
                return;
            }
        }
    });
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        loop {
            let read = from.read(&mut bytes).unwrap_or(0);
            let piece = (Instant::now() + delay, bytes[..read].to_vec());
            if send.send(piece).is_err() || read == 0 {
                return;
            }
        }
    });
}

/// Sends bytes on a new connection and reads one answer.
pub fn exchange(address: SocketAddr, request: impl AsRef<[u8]>) -> Reply {
    try_exchange(address, request).expect("no answer")
}

/// As [`exchange`], for a server that may be gone.
pub fn try_exchange(address: SocketAddr, request: impl AsRef<[u8]>) -> std::io::Result<Reply> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(LIMIT))?;
    // A server that refuses may close before it has read all of it; its answer counts.
    let sent = stream.write_all(request.as_ref());
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    parse_reply(&answer).ok_or_else(|| match (sent, read) {
        (Err(error), _) | (_, Err(error)) => error,
        _ => std::io::ErrorKind::UnexpectedEof.into(),
    })
}

/// Sends a body in parts, so that some come when it has been refused; the status of the refusal.
pub fn status_while_sending(address: SocketAddr, head: &str, body: &str) -> u16 {
    let mut peer = connect(address);
    let limit = Some(Duration::from_secs(1));
    peer.set_write_timeout(limit).unwrap();
    peer.write_all(head.as_bytes()).unwrap();
    let mut parts = body.as_bytes().chunks(1000);
    let _ = parts.try_for_each(|part| peer.write_all(part));
    read_reply(&mut peer).unwrap().status
}

/// Reads one whole answer with a Content-Length.
pub fn parse_reply(bytes: &[u8]) -> Option<Reply> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
    let mut reply = Reply {
        status: head.get(9..12)?.parse().ok()?,
        head,
        body: bytes[end + 4..].to_vec(),
    };
    let length = reply.header("Content-Length")?.parse().ok()?;
    (reply.body.len() >= length).then(|| reply.body.truncate(length))?;
    Some(reply)
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

/// SHA-1 of the parts, sorted and joined, as the platform defines it.
pub fn signature(parts: &[&str]) -> String {
    let mut parts = parts.to_vec();
    parts.sort_unstable();
    sha1_smol::Sha1::from(parts.concat()).digest().to_string()
}

/// A target with a query that is signed with the tests' Token, now.
pub fn signed(path: &str) -> String {
    signed_at(path, now())
}

/// A target with a query that is signed with the tests' Token at a time.
pub fn signed_at(path: &str, timestamp: u64) -> String {
    query(TOKEN, path, timestamp)
}

/// A target with a query that is signed with another Token, now.
pub fn signed_with(token: &str, path: &str) -> String {
    query(token, path, now())
}

fn query(token: &str, path: &str, timestamp: u64) -> String {
    let timestamp = timestamp.to_string();
    let signature = signature(&[token, &timestamp, NONCE]);
    format!("{path}?signature={signature}&timestamp={timestamp}&nonce={NONCE}&openid=oUser")
}

/// A text message with a MsgId of its own.
pub fn text_message(text: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1_000_000);
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    message(
        "text",
        &format!("<Content><![CDATA[{text}]]></Content><MsgId>{id}</MsgId>"),
    )
}

/// A message of a type with these further elements.
pub fn message(msg_type: &str, elements: &str) -> String {
    format!(
        "<xml><ToUserName><![CDATA[gh_bot]]></ToUserName>\
         <FromUserName><![CDATA[oUser]]></FromUserName><CreateTime>1348831860</CreateTime>\
         <MsgType><![CDATA[{msg_type}]]></MsgType>{elements}</xml>"
    )
}
