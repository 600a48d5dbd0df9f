//! Servers that are not ours: right in all but what a test changes.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::{ServerConfig, ServerConnection, StreamOwned, crypto::ring, pki_types::PrivateKeyDer};
use socket2::SockRef;

use crate::{
    owner::SECRETS,
    support::{NONCE, TOKEN, element, envelope::Envelope, now, signature},
};

/// A request as a server reads it.
pub struct Call {
    pub method: String,
    query: String,
    /// The first line and the headers.
    head: String,
    pub body: String,
}

impl Call {
    /// A field of the query; the tests send none that is escaped.
    pub fn field(&self, name: &str) -> &str {
        let fields = self.query.split('&');
        let found = fields.filter_map(|field| field.split_once('='));
        let mut values = found.filter(|(field, _)| *field == name);
        values.next().map_or("", |(_, value)| value)
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> &str {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(": "));
        let found = headers.find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    pub fn is_http10(&self) -> bool {
        self.head.contains(" HTTP/1.0\r\n")
    }

    /// Whether it says that it comes from a browser of today; WeChat calls itself Mozilla/4.0.
    pub fn is_of_browser(&self) -> bool {
        self.header("User-Agent").starts_with("Mozilla/5.0 ")
    }

    pub fn is_signed(&self) -> bool {
        let (timestamp, nonce) = (self.field("timestamp"), self.field("nonce"));
        self.field("signature") == signature(&[TOKEN, timestamp, nonce])
    }

    /// Whether its encrypted message is signed.
    pub fn has_msg_signature(&self) -> bool {
        let (timestamp, nonce) = (self.field("timestamp"), self.field("nonce"));
        let encrypt = element(&self.body, "Encrypt").unwrap_or_default();
        self.field("msg_signature") == signature(&[TOKEN, timestamp, nonce, &encrypt])
    }

    /// Whether it was signed in the last five minutes.
    pub fn is_new(&self) -> bool {
        let timestamp: u64 = self.field("timestamp").parse().unwrap();
        timestamp.abs_diff(now()) <= 300
    }
}

/// A server on loopback. Its threads end with the test program.
pub struct Fake {
    address: SocketAddr,
    scheme: &'static str,
}

/// What a fake does with a connection after its answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Then {
    Close,
    /// Waits until the other side closes.
    Wait,
    /// Waits if its answer was empty.
    WaitUnanswered,
}

/// Alerts of TLS.
pub const HANDSHAKE_FAILURE: u8 = 40;
pub const PROTOCOL_VERSION: u8 = 70;
pub const INTERNAL_ERROR: u8 = 80;

/// What is wrong with a certificate beside that nobody knows who signed it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Certificate {
    SelfSigned,
    Expired,
    NotYetValid,
    OtherName,
}

impl Fake {
    /// Answers each call with a whole HTTP answer.
    pub fn start<A: AsRef<[u8]>>(answer: impl Fn(&Call) -> A + Send + Sync + 'static) -> Self {
        Self::listen(answer, Then::Close)
    }

    pub fn listen<A: AsRef<[u8]>>(
        answer: impl Fn(&Call) -> A + Send + Sync + 'static,
        then: Then,
    ) -> Self {
        Self::accept("http", move |mut stream| serve(&mut stream, &answer, then))
    }

    /// A server that is right in all but its certificate.
    pub fn secure(certificate: Certificate) -> Self {
        let config = Arc::new(certificate.config());
        Self::accept("https", move |stream| {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            serve(
                &mut StreamOwned::new(connection, stream),
                &right,
                Then::Close,
            )
        })
    }

    /// A server that refuses every TLS handshake with this alert.
    pub fn refusing_tls(alert: u8) -> Self {
        Self::accept("https", move |mut stream| {
            stream.write_all(&[0x15, 3, 3, 0, 2, 2, alert])?;
            stream.read_to_end(&mut Vec::new())?;
            Ok(())
        })
    }

    /// A server that resets every connection on which it has read a request.
    pub fn resetting() -> Self {
        Self::accept("http", |mut stream| {
            read(&mut stream);
            SockRef::from(&stream).set_linger(Some(Duration::ZERO))
        })
    }

    fn accept(
        scheme: &'static str,
        serve: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let serve = Arc::new(serve);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let serve = Arc::clone(&serve);
                // WeChat may go at any time.
                thread::spawn(move || serve(stream.unwrap()).unwrap_or_default());
            }
        });
        Self { address, scheme }
    }

    pub fn url(&self) -> String {
        format!("{}://{}/wechat", self.scheme, self.address)
    }
}

impl Certificate {
    fn config(self) -> ServerConfig {
        let name = match self {
            Self::OtherName => "other.example.com",
            Self::SelfSigned | Self::Expired | Self::NotYetValid => "127.0.0.1",
        };
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        match self {
            Self::Expired => params.not_after = date_time_ymd(2020, 1, 1),
            Self::NotYetValid => params.not_before = date_time_ymd(4000, 1, 1),
            Self::SelfSigned | Self::OtherName => {}
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        ServerConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap()
    }
}

/// Answers one call. Who only tries whether the port is open sends none.
fn serve<A: AsRef<[u8]>>(
    stream: &mut (impl Read + Write),
    answer: &impl Fn(&Call) -> A,
    then: Then,
) -> io::Result<()> {
    let Some(call) = read(stream) else {
        return Ok(());
    };
    let answer = answer(&call);
    stream.write_all(answer.as_ref())?;
    stream.flush()?;
    if then == Then::Wait || then == Then::WaitUnanswered && answer.as_ref().is_empty() {
        stream.read_to_end(&mut Vec::new())?;
    }
    Ok(())
}

fn read(stream: &mut impl Read) -> Option<Call> {
    let mut lines = BufReader::new(stream);
    let mut head = String::new();
    while lines.read_line(&mut head).is_ok_and(|read| read > 2) {}
    let (method, rest) = head.split_once(' ')?;
    let (target, _) = rest.split_once(' ')?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.parse().unwrap())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    lines.read_exact(&mut body).ok()?;
    Some(Call {
        method: method.to_owned(),
        query: target
            .split_once('?')
            .map_or("", |(_, query)| query)
            .to_owned(),
        head: head.clone(),
        body: String::from_utf8(body).unwrap(),
    })
}

/// A whole answer.
pub fn answer(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

/// A whole answer in chunks of one byte and the rest.
pub fn chunks(body: &str) -> String {
    let (first, rest) = body.split_at(1);
    let length = rest.len();
    format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n\
         1\r\n{first}\r\n{length:x}\r\n{rest}\r\n0\r\n\r\n"
    )
}

/// A whole answer with one more header.
pub fn with_header(header: &str, answer: &str) -> String {
    answer.replacen("\r\n", &format!("\r\n{header}\r\n"), 1)
}

pub fn ok(body: &str) -> String {
    answer("200 OK", body)
}

/// A server that is right in all.
pub fn right(call: &Call) -> String {
    if !call.is_signed() || !call.is_new() {
        return answer("403 Forbidden", "forbidden");
    }
    if call.method == "GET" {
        return ok(call.field("echostr"));
    }
    ok(&reply(call, &now().to_string(), &cdata(&content(call))))
}

/// A server in secure mode that is right in all, or lets messages in that it should not.
pub fn secure(call: &Call, lets_in: bool) -> String {
    if call.method == "GET" {
        return right(call);
    }
    let Some(encrypt) = element(&call.body, "Encrypt").filter(|_| lets_in) else {
        return answer("403 Forbidden", "forbidden");
    };
    let envelope = Envelope::of(SECRETS[0].1, SECRETS[1].1);
    let opened = Call {
        method: call.method.clone(),
        query: call.query.clone(),
        head: call.head.clone(),
        body: envelope.decrypt(&encrypt),
    };
    let time = now().to_string();
    let encrypt = envelope.encrypt(reply(&opened, &time, &cdata(&content(&opened))));
    let msg_signature = signature(&[TOKEN, &time, NONCE, &encrypt]);
    ok(&format!(
        "<xml><Encrypt>{encrypt}</Encrypt><MsgSignature>{msg_signature}</MsgSignature>\
         <TimeStamp>{time}</TimeStamp><Nonce>{NONCE}</Nonce></xml>"
    ))
}

/// What the user wrote.
pub fn content(call: &Call) -> String {
    element(&call.body, "Content").unwrap()
}

/// A reply to a call, with this time and this Content as it stands.
pub fn reply(call: &Call, create_time: &str, content: &str) -> String {
    let name = |name| element(&call.body, name).unwrap();
    format!(
        "<xml><ToUserName>{}</ToUserName><FromUserName>{}</FromUserName>\
         <CreateTime>{create_time}</CreateTime><MsgType>text</MsgType>\
         <Content>{content}</Content></xml>",
        name("FromUserName"),
        name("ToUserName"),
    )
}

/// A text as it should be written.
pub fn cdata(text: &str) -> String {
    format!("<![CDATA[{}]]>", text.replace("]]>", "]]]]><![CDATA[>"))
}
