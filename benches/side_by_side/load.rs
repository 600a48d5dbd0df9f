//! The load: sixteen clients, each sending its next message when it has its answer.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant, SystemTime},
};

use daoxiao::wechat::signature::sign;

use crate::program::TOKEN;

/// Clients at a time.
const CLIENTS: usize = 16;

/// Whether a client keeps its connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Connections {
    Kept,
    Closed,
}

/// What is sent.
#[derive(Clone, Copy)]
pub enum Mix {
    /// Texts of 20 characters.
    Texts,
    /// The same, and one message in so many asks for a joke; its wait is counted apart.
    Jokes { one_in: usize },
}

/// What came of a load.
pub struct Report {
    /// Messages a second.
    pub throughput: f64,
    texts: Waits,
    askers: Waits,
}

/// Microseconds, sorted.
struct Waits(Vec<f64>);

impl Waits {
    fn of(waits: impl Iterator<Item = Duration>) -> Self {
        let mut waits: Vec<f64> = waits.map(|wait| wait.as_secs_f64() * 1e6).collect();
        waits.sort_by(f64::total_cmp);
        Self(waits)
    }

    fn share(&self, share: f64) -> f64 {
        let last = self.0.len().saturating_sub(1);
        self.0
            .get((share * last as f64) as usize)
            .copied()
            .unwrap_or(0.0)
    }
}

impl Report {
    /// What this share of the texts waited less than, in microseconds.
    pub fn wait(&self, share: f64) -> f64 {
        self.texts.share(share)
    }

    /// What the one who asked for a joke and waited longest waited, in microseconds.
    pub fn longest_asker(&self) -> f64 {
        self.askers.share(1.0)
    }
}

/// Sends so many messages and waits for all answers.
pub fn run(address: SocketAddr, connections: Connections, messages: usize, mix: Mix) -> Report {
    let begun = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let share = messages / CLIENTS + usize::from(client < messages % CLIENTS);
            thread::spawn(move || talk(address, connections, share, mix))
        })
        .collect();
    let waits: Vec<(bool, Duration)> = clients
        .into_iter()
        .flat_map(|client| client.join().unwrap())
        .collect();
    let throughput = messages as f64 / begun.elapsed().as_secs_f64();
    let of = |askers: bool| {
        let some = waits
            .iter()
            .filter(move |(is_asker, _)| *is_asker == askers);
        Waits::of(some.map(|(_, wait)| *wait))
    };
    Report {
        throughput,
        texts: of(false),
        askers: of(true),
    }
}

/// What each message waited for its answer, and whether it asked for a joke.
fn talk(
    address: SocketAddr,
    connections: Connections,
    messages: usize,
    mix: Mix,
) -> Vec<(bool, Duration)> {
    let mut waits = Vec::with_capacity(messages);
    let mut kept = None;
    for number in 1..=messages {
        let is_joke = matches!(mix, Mix::Jokes { one_in } if number % one_in == 0);
        let text = if is_joke {
            "讲个笑话"
        } else {
            "床前明月光疑是地上霜举头望明月低头思故乡"
        };
        let request = request(text, connections);
        let begun = Instant::now();
        let mut stream = kept.take().unwrap_or_else(|| {
            let stream = TcpStream::connect(address).unwrap();
            stream.set_nodelay(true).unwrap();
            stream
        });
        stream.write_all(request.as_bytes()).unwrap();
        read_answer(&mut stream);
        waits.push((is_joke, begun.elapsed()));
        if connections == Connections::Kept {
            kept = Some(stream);
        }
    }
    waits
}

fn request(text: &str, connections: Connections) -> String {
    static NEXT_ID: AtomicU64 = AtomicU64::new(1 << 40);
    let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    let timestamp = since.as_secs().to_string();
    let signature = sign(&[TOKEN, &timestamp, "nonce"]);
    let body = format!(
        "<xml><ToUserName><![CDATA[gh_bench]]></ToUserName>\
         <FromUserName><![CDATA[oBench]]></FromUserName><CreateTime>{timestamp}</CreateTime>\
         <MsgType><![CDATA[text]]></MsgType><Content><![CDATA[{text}]]></Content>\
         <MsgId>{id}</MsgId></xml>"
    );
    let close = match connections {
        Connections::Kept => "",
        Connections::Closed => "Connection: close\r\n",
    };
    format!(
        "POST /wechat?signature={signature}&timestamp={timestamp}&nonce=nonce&openid=oBench HTTP/1.1\r\n\
         Host: bench\r\nContent-Type: text/xml\r\n{close}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Reads one answer with a Content-Length, and asserts that it is 200.
fn read_answer(stream: &mut TcpStream) {
    let mut bytes = [0; 8192];
    let mut length = 0;
    loop {
        let read = stream.read(&mut bytes[length..]).unwrap();
        assert_ne!(read, 0, "the connection ended");
        length += read;
        let text = String::from_utf8_lossy(&bytes[..length]);
        let Some((head, _)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let declared: usize = head
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "))
            .map_or(0, |value| value.parse().unwrap());
        if length >= head.len() + 4 + declared {
            return;
        }
    }
}
