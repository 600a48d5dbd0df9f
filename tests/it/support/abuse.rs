//! What the open internet sends to port 80, one function for each kind.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use socket2::{Domain, SockRef, Socket, Type};

use super::{signed, signed_at};

/// Sends one abusive request; the connection is to be held as long as the flood lasts.
pub type Abuse = fn(SocketAddr) -> std::io::Result<TcpStream>;

/// All kinds, by name.
pub const KINDS: [(&str, Abuse); 28] = [
    ("idle", |bot| send(bot, "")),
    ("slow header", |bot| send(bot, "POST /wechat HT")),
    ("bomb", |bot| {
        send(
            bot,
            "POST / HTTP/1.1\r\nContent-Length: 99999999999999\r\n\r\nx",
        )
    }),
    ("bomb on GET", |bot| {
        send(
            bot,
            "GET /healthz HTTP/1.1\r\nContent-Length: 99999999999999\r\n\r\nx",
        )
    }),
    ("signed bomb", |bot| {
        send(bot, signed_post("Content-Length: 99999999999999", "x"))
    }),
    ("stalled body", |bot| {
        send(
            bot,
            "POST /wechat HTTP/1.1\r\nContent-Length: 2000\r\n\r\n<xm",
        )
    }),
    ("stalled signed body", |bot| {
        send(bot, signed_post("Content-Length: 2000", "<xm"))
    }),
    ("stalled body on GET", |bot| {
        send(
            bot,
            "GET /healthz HTTP/1.1\r\nContent-Length: 2000\r\n\r\nx",
        )
    }),
    ("expect", |bot| {
        send(
            bot,
            signed_post("Expect: 100-continue\r\nContent-Length: 100", ""),
        )
    }),
    ("chunked", |bot| {
        send(
            bot,
            "POST /wechat HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        )
    }),
    ("upgrade", |bot| {
        send(
            bot,
            signed_post("Connection: upgrade\r\nContent-Length: 50", "<x"),
        )
    }),
    ("large header", |bot| {
        let header = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(200 * 1024));
        send(bot, header)
    }),
    ("garbage", |bot| {
        send(bot, [0x16, 0x03, 0x01, 0xff, 0x00, b'\r', b'\n', 0x80])
    }),
    ("reset", |bot| {
        let stream = send(bot, "GET /")?;
        SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
        drop(stream);
        TcpStream::connect(bot)
    }),
    ("unknown path", |bot| {
        send(bot, "GET /wp-login.php HTTP/1.1\r\n\r\n")
    }),
    ("head", |bot| send(bot, "HEAD / HTTP/1.1\r\n\r\n")),
    ("a version that tiny_http never lets go of", |bot| {
        send(
            bot,
            "POST / HTTP/2.0\r\nContent-Length: 99999999999999\r\n\r\nx",
        )
    }),
    ("forged message", |bot| {
        send(
            bot,
            "POST /wechat?signature=0&timestamp=0&nonce=0 HTTP/1.1\r\nContent-Length: 6\r\n\r\n<xml/>",
        )
    }),
    ("other method", |bot| {
        send(bot, "DELETE /wechat HTTP/1.1\r\n\r\n")
    }),
    ("pipeline, read", |bot| {
        let mut stream = send(bot, "GET /healthz HTTP/1.1\r\n\r\n".repeat(20))?;
        stream.set_read_timeout(Some(Duration::from_millis(200)))?;
        let _ = stream.read(&mut [0; 4096]);
        Ok(stream)
    }),
    ("pipeline, unread", |bot| unread_pipeline(bot, 100)),
    ("signed pipeline, unread", |bot| {
        let echostr = "x".repeat(1000);
        let target = format!("{}&echostr={echostr}", signed("/"));
        unread(bot, &format!("GET {target} HTTP/1.1\r\n\r\n").repeat(100))
    }),
    ("headers without end", |bot| {
        send(
            bot,
            format!("GET / HTTP/1.1\r\n{}", "a:\r\n".repeat(16_000)),
        )
    }),
    ("signed body of many elements", |bot| {
        let elements: Vec<String> = (0..2_000).map(|n| format!("<e{n}/>")).collect();
        let body = format!("<xml>{}</xml>", elements.concat());
        let length = format!("Content-Length: {}", body.len());
        send(bot, signed_post(&length, &body))
    }),
    ("query signed long ago", |bot| {
        let request = format!("GET {}&echostr=1 HTTP/1.1\r\n\r\n", signed_at("/", 1));
        send(bot, request.repeat(20))
    }),
    ("two lengths, and more behind", |bot| {
        let lengths = "Content-Length: 3\r\nContent-Length: 40";
        let behind = "GET / HTTP/1.1\r\n\r\n".repeat(1_000);
        send(
            bot,
            format!("POST / HTTP/1.1\r\n{lengths}\r\n\r\nabc{behind}"),
        )
    }),
    ("two lengths, signed, and more behind", |bot| {
        let lengths = "Content-Length: 3\r\nContent-Length: 40";
        send(bot, signed_post(lengths, "abcGET / HTTP/1.1\r\n\r\n"))
    }),
    ("chunked, signed", |bot| {
        send(
            bot,
            signed_post("Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n"),
        )
    }),
];

/// As [`unread`], so many requests.
pub fn unread_pipeline(bot: SocketAddr, requests: usize) -> std::io::Result<TcpStream> {
    unread(bot, &"GET /healthz HTTP/1.1\r\n\r\n".repeat(requests))
}

/// Sends requests on one connection and reads no answer.
pub fn unread(bot: SocketAddr, requests: &str) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(bot), Type::STREAM, None)?;
    // The peer that takes nothing: the answers fill the bot's side at once.
    socket.set_recv_buffer_size(1)?;
    socket.connect(&bot.into())?;
    let stream = TcpStream::from(socket);
    stream.set_write_timeout(Some(Duration::from_millis(200)))?;
    let _ = (&stream).write_all(requests.as_bytes());
    Ok(stream)
}

fn signed_post(headers: &str, body: &str) -> String {
    format!(
        "POST {} HTTP/1.1\r\n{headers}\r\n\r\n{body}",
        signed("/wechat")
    )
}

fn send(bot: SocketAddr, bytes: impl AsRef<[u8]>) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect(bot)?;
    stream.set_write_timeout(Some(Duration::from_millis(500)))?;
    // A bot that closes early is within its rights.
    let _ = stream.write_all(bytes.as_ref());
    Ok(stream)
}
