//! HTTP as WeChat's server speaks it: 1.1 or 1.0, one request per connection, no redirects, no
//! proxy.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    sync::mpsc::channel,
    thread,
    time::{Duration, Instant, SystemTime},
};

use super::{
    SignedRequest,
    answer::{ANSWER_TIMEOUT, HttpAnswer, SendError},
    tls,
    url::BotUrl,
};
use crate::network::TlsError;

/// Time in which a port that did not speak https is to answer over http.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// An answer of so many bytes is not read any further: a reply has some 2 KiB, but the answer may
/// be anything.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// Client that a request seems to come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    /// WeChat's server over HTTP/1.1.
    WeChat,
    /// WeChat's server over HTTP/1.0: no chunks, and the answer ends with the connection.
    WeChat10,
    /// A web browser.
    Browser,
}

impl Client {
    fn headers(self) -> &'static str {
        match self {
            Self::WeChat | Self::WeChat10 => "User-Agent: Mozilla/4.0\r\nAccept: */*\r\n",
            Self::Browser => {
                "User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 \
                 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\n\
                 Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n\
                 Accept-Language: zh-CN,zh;q=0.9\r\n"
            }
        }
    }

    fn request(self, url: &BotUrl, request: &SignedRequest) -> String {
        let (method, body) = match &request.body {
            None => ("GET", "\r\n".to_owned()),
            Some(xml) => {
                let length = xml.len();
                let headers = format!("Content-Type: text/xml\r\nContent-Length: {length}\r\n");
                ("POST", format!("{headers}\r\n{xml}"))
            }
        };
        let version = if self == Self::WeChat10 { "1.0" } else { "1.1" };
        let (target, host) = (url.target(&request.query), url.host_and_port());
        let headers = self.headers();
        format!("{method} {target} HTTP/{version}\r\nHost: {host}\r\n{headers}{body}")
    }
}

/// What a request that was sent has come to: its answer, or the reason that there is none.
pub(crate) type Sent = Result<HttpAnswer, SendError>;

/// Sends the request and returns the answer that comes within [`ANSWER_TIMEOUT`].
pub(crate) fn send(client: Client, url: &BotUrl, request: &SignedRequest) -> Sent {
    match exchange(client, url, request, ANSWER_TIMEOUT) {
        // An http server takes TLS for a request: it waits for the end of its line, or hangs up.
        Err(SendError::TooSlow | SendError::Closed | SendError::NotHttp | SendError::Broken(_))
            if is_plain(url) =>
        {
            Err(TlsError::NotTls.into())
        }
        sent => sent,
    }
}

/// Returns whether the port of an `https` URL speaks http. A port with TLS answers http with 400 or
/// not at all.
fn is_plain(url: &BotUrl) -> bool {
    let plain = format!("http://{}:{}/", url.host(), url.port());
    let (true, Ok(plain)) = (url.is_https(), plain.parse()) else {
        return false;
    };
    let request = SignedRequest::default();
    let answer = exchange(Client::WeChat, &plain, &request, PROBE_TIMEOUT);
    answer.is_ok_and(|answer| answer.status != 400)
}

fn exchange(client: Client, url: &BotUrl, request: &SignedRequest, timeout: Duration) -> Sent {
    let end = Instant::now() + timeout;
    let tcp = connect(url, &resolve(url)?, end)?;
    let mut stream = Timed { tcp, end };
    let text = client.request(url, request);
    let answer = if url.is_https() {
        call(&mut tls::start(url, stream)?, client, &text)
    } else {
        call(&mut stream, client, &text)
    };
    answer.map_err(|error| send_error(&error, url))
}

/// Resolves the URL's host within [`ANSWER_TIMEOUT`]; the system's resolver may take longer.
pub(crate) fn resolve(url: &BotUrl) -> Result<Vec<SocketAddr>, SendError> {
    let host = url.bare_host().to_owned();
    let port = url.port();
    let (done, result) = channel();
    thread::spawn(move || {
        let addresses = (host.as_str(), port).to_socket_addrs();
        done.send(addresses.map(Iterator::collect).unwrap_or_default())
    });
    match result.recv_timeout(ANSWER_TIMEOUT) {
        // A host without an address counts as unknown, whatever error the resolver gives.
        Ok(addresses) if Vec::is_empty(&addresses) => {
            Err(SendError::UnknownHost(url.host().to_owned()))
        }
        Ok(addresses) => Ok(addresses),
        Err(_) => Err(SendError::TooSlow),
    }
}

/// Connects to the first address that accepts before `end`.
pub(crate) fn connect(
    url: &BotUrl,
    addresses: &[SocketAddr],
    end: Instant,
) -> Result<TcpStream, SendError> {
    let none = Err(ErrorKind::TimedOut.into());
    let connected = addresses.iter().fold(none, |found, address| {
        found.or_else(|_| TcpStream::connect_timeout(address, left(end)?))
    });
    connected.map_err(|error| send_error(&error, url))
}

/// Returns the time until `end`.
fn left(end: Instant) -> io::Result<Duration> {
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(ErrorKind::TimedOut.into());
    }
    Ok(left)
}

/// A connection whose reads and writes time out at `end`.
#[derive(Debug)]
struct Timed {
    tcp: TcpStream,
    end: Instant,
}

impl Read for Timed {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.tcp.set_read_timeout(Some(left(self.end)?))?;
        self.tcp.read(bytes)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.tcp.set_write_timeout(Some(left(self.end)?))?;
        self.tcp.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tcp.flush()
    }
}

/// Sends the request and reads the answer; with HTTP/1.0, until the connection ends.
fn call(stream: &mut (impl Read + Write), client: Client, request: &str) -> io::Result<HttpAnswer> {
    // A server may refuse, and close, before it has read the whole request; its answer counts.
    let sent = stream.write_all(request.as_bytes());
    let sent = sent.and_then(|()| stream.flush());
    let (mut bytes, mut chunk) = (Vec::new(), [0; 8192]);
    while bytes.len() < MAX_ANSWER_BYTES {
        let read = stream.read(&mut chunk);
        bytes.extend(chunk.iter().take(*read.as_ref().unwrap_or(&0)));
        let is_late = read.as_ref().is_err_and(|error| is_timeout(error.kind()));
        let is_http10 = client == Client::WeChat10;
        // A reset ends an answer as well. Over HTTP/1.0, so does a connection that is kept open.
        let has_ended = !matches!(read, Ok(1..)) && (is_http10 || !is_late);
        match (HttpAnswer::parse(&bytes, has_ended), read) {
            (Ok(_), Ok(1..)) if is_http10 => {}
            (Err(ErrorKind::UnexpectedEof), Ok(1..)) => {}
            (Ok(answer), _) => {
                return Ok(HttpAnswer {
                    kept_open: is_late,
                    drift: answer.drift(SystemTime::now()),
                    ..answer
                });
            }
            (Err(_), Err(error)) => return Err(error),
            (Err(_), Ok(_)) if bytes.is_empty() => {
                return sent.and(Err(ErrorKind::ConnectionAborted.into()));
            }
            (Err(error), Ok(_)) => return sent.and(Err(error.into())),
        }
    }
    Err(ErrorKind::FileTooLarge.into())
}

fn is_timeout(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::TimedOut | ErrorKind::WouldBlock)
}

/// Returns why a call to this URL got no answer.
fn send_error(error: &io::Error, url: &BotUrl) -> SendError {
    if let Some(error) = TlsError::carried_by(error) {
        return error.into();
    }
    let host = url.host().to_owned();
    match error.kind() {
        ErrorKind::ConnectionRefused => SendError::Refused(host, url.port()),
        // `InvalidInput`: a link-local address of IPv6, which says nothing of the link.
        ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::NetworkDown
        | ErrorKind::AddrNotAvailable
        | ErrorKind::InvalidInput => SendError::Unreachable(host, error.into()),
        kind if is_timeout(kind) => SendError::TooSlow,
        ErrorKind::ConnectionAborted => SendError::Closed,
        ErrorKind::FileTooLarge => SendError::TooLarge,
        ErrorKind::UnexpectedEof | ErrorKind::InvalidData => SendError::NotHttp,
        _ => SendError::Broken(error.into()),
    }
}
