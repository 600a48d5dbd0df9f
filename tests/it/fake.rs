//! Servers that are not ours: right in all but what a test changes.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use crate::{
    owner::SECRETS,
    support::{NONCE, TOKEN, element, envelope::Envelope, now, signature},
};

/// A request as a server reads it.
pub struct Call {
    pub method: String,
    query: String,
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
}

impl Fake {
    /// Answers each call with a whole HTTP answer.
    pub fn start(answer: impl Fn(&Call) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let answer = Arc::new(answer);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let answer = Arc::clone(&answer);
                thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    // Who only tries whether the port is open sends nothing.
                    if let Some(call) = read(&stream) {
                        // WeChat may have gone by now.
                        let _ = stream.write_all(answer(&call).as_bytes());
                    }
                });
            }
        });
        Self { address }
    }

    pub fn url(&self) -> String {
        format!("http://{}/wechat", self.address)
    }
}

fn read(stream: &TcpStream) -> Option<Call> {
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
        body: String::from_utf8(body).unwrap(),
    })
}

/// A whole answer.
pub fn answer(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
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
