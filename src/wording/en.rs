//! The English of what is no error.

use std::{
    fmt::{Display, Formatter, Result},
    time::Duration,
};

use crate::{
    commands::{
        Notice,
        doctor::finding::{Check, Ending, Fault, Finding, Fine, Fix, Line, Warning},
        joke::{FileReport, Report},
    },
    simulator::{ReplyError, answer::PostError},
};

/// Words for each case of a type.
macro_rules! english {
    ($type:ty: $($case:pat => $words:literal;)*) => {
        impl Display for $type {
            fn fmt(&self, f: &mut Formatter<'_>) -> Result {
                match self {
                    $($case => write!(f, $words),)*
                }
            }
        }
    };
}

/// Words for each fault: what was seen, and what to do about it.
macro_rules! english_faults {
    ($($case:pat => $seen:literal, $fix:literal;)*) => {
        #[allow(unused_variables, reason = "not every detail is named in both")]
        impl Display for Fault {
            fn fmt(&self, f: &mut Formatter<'_>) -> Result {
                match self {
                    $($case => write!(f, $seen),)*
                }
            }
        }

        #[allow(unused_variables, reason = "not every detail is named in both")]
        impl Display for Fix<'_> {
            fn fmt(&self, f: &mut Formatter<'_>) -> Result {
                match self.0 {
                    $($case => write!(f, $fix),)*
                }
            }
        }
    };
}

english! { Notice<'_>:
    Self::Error(error) => "error: {error}";
    Self::TokenMadeUp => "This Token was made up for this run: type it into the platform's form, and set the variable to keep it for the next one.";
    Self::NoAnswer => "(no answer)";
    Self::Taken => "the bot took the message and has no answer to it";
    Self::HowToLeave => "To leave: quit, or Ctrl-D.";
    Self::SayEnds => "Type the message; Ctrl-D ends it.";
}

english! { Check:
    Self::Address => "address";
    Self::Connection => "connection";
    Self::Path => "path";
    Self::Port => "port";
    Self::Handshake => "handshake";
    Self::Handshake10 => "handshake by HTTP/1.0";
    Self::WrongToken => "wrong Token";
    Self::Text => "text";
    Self::Text10 => "text by HTTP/1.0";
    Self::Brackets => "text with ]]>";
    Self::LongText => "long text";
    Self::Forged => "forged message";
    Self::OldRequest => "old request";
    Self::Clock => "clock";
    Self::Repeat => "repeated message";
    Self::PlainBody => "body without encryption";
}

english! { Fine:
    Self::Address(address) => "{address}";
    Self::Listens { host, port } => "something listens on {host}, port {port}";
    Self::Answers(status) => "it answers ({status})";
    Self::Port(port) => "WeChat calls port {port}";
    Self::TestPort(port) => "{port} is fine for a test, but WeChat calls none but 80 and 443";
    Self::Echoed => "echostr came back as it was sent";
    Self::NoWords => "received, and no words in return";
    Self::Answered(text) => "answered with \"{text}\"";
    Self::AnsweredType(kind) => "answered with a reply of type {kind}";
    Self::TurnedAway(status) => "turned away ({status})";
    Self::SameAnswer => "the same message again, the same answer";
    Self::ClocksAgree => "the server's and this one agree";
    Self::NoClock => "the server does not tell its time";
}

english! { Warning:
    Self::CannotTell => "cannot tell whether the server looks at the signature: it answers no text";
    Self::Replayable => "a request signed a day ago is answered: whoever saw one can use it for ever";
    Self::ClocksApart(seconds) => "the server's and this one are {seconds} s apart";
    Self::ProxyAddress(ip) => "{ip} is made up by a proxy on this machine: switch that off to see what WeChat sees";
    Self::CalledPage => "the reply is sent as text/html: send it as application/xml";
}

english_faults! {
    Fault::NotPublic { host, address } => "{host} leads to {address}, where WeChat cannot come (its code for that: -107)",
        "let the name's A record lead to the server's public address, or use a tunnel";
    Fault::OnlyIpv6(host) => "{host} has only IPv6 addresses, which WeChat does not call (its code for that: -107)",
        "give the name an A record: WeChat calls IPv4 only";
    Fault::Dropped { host, port } => "no answer from {host}, port {port} in 5 s",
        "open port {port} in the machine's firewall and in its provider's security group";
    Fault::NoAnswer(error @ PostError::UnknownHost(_)) => "{error}",
        "fix the host in the URL, or the DNS record of its name";
    Fault::NoAnswer(error @ PostError::Refused { .. }) => "{error}",
        "start the bot on that machine, or fix the port in the URL";
    Fault::NoAnswer(error @ PostError::TooSlow) => "{error}",
        "see whether the server runs (systemctl status daoxiao) and what keeps it busy: WeChat waits no longer than 5 s";
    Fault::NoAnswer(error @ PostError::UntrustedCertificate) => "{error}",
        "use a certificate of a known authority with its whole chain (fullchain.pem), or http on port 80";
    Fault::NoAnswer(error @ PostError::ExpiredCertificate) => "{error}",
        "renew the certificate, and let that happen by itself (certbot renew)";
    Fault::NoAnswer(error @ PostError::OtherCertificate) => "{error}",
        "use a certificate for the name in the URL, or the name that the certificate is for";
    Fault::NoAnswer(error @ PostError::Tls(_)) => "{error}",
        "fix the server's TLS, or use http on port 80";
    Fault::NoAnswer(error @ PostError::NotTls) => "{error}",
        "write http:// in the URL, or put TLS before the bot (nginx or a tunnel)";
    Fault::NoAnswer(error @ PostError::Broken(_)) => "{error}",
        "fix the network between here and there, or what cuts the connection";
    Fault::NoAnswer(error @ PostError::NotHttp) => "{error}",
        "find out what listens on this port";
    Fault::RedirectToSlash { to, status } => "it sends the caller to the same address with a slash: {to} ({status})",
        "write the slash into the URL, too: WeChat follows no redirect";
    Fault::RedirectToHttps { to, status } => "it sends the caller to https: {to} ({status})",
        "write https:// in the URL, or answer by http, too: WeChat follows no redirect";
    Fault::Redirect { to, status } => "it sends the caller to {to} ({status})",
        "use the address that it leads to: WeChat follows no redirect";
    Fault::RedirectNowhere(status) => "it sends the caller away and does not say where ({status})",
        "answer with status 200: WeChat follows no redirect";
    Fault::EmptyRefusal(status) => "refused with {status} and not a word",
        "let the proxy pass requests on by plain HTTP/1.1, without the PROXY protocol; if there is none, read the server's log";
    Fault::WantsHttps(status) => "this port speaks https, not http ({status})",
        "write https:// in the URL";
    Fault::WantsPassword(status) => "a password is asked for ({status})",
        "let WeChat in without a password at this path: it has none";
    Fault::ProxyWithoutBot(status) => "the proxy reaches no bot ({status})",
        "start the bot behind the proxy, or fix its address in the proxy's settings";
    Fault::WebServer(status) => "a web server or a firewall answers, not the bot ({status})",
        "let the web server or the firewall pass this host and path on to the bot, or fix them in the URL";
    Fault::BrowsersOnly(0) => "a web firewall lets browsers pass and cuts WeChat's connection",
        "let the firewall pass this path whoever calls: WeChat is no browser and calls itself Mozilla/4.0";
    Fault::BrowsersOnly(status) => "a web firewall lets browsers pass and turns WeChat away ({status})",
        "let the firewall pass this path whoever calls: WeChat is no browser and calls itself Mozilla/4.0";
    Fault::NothingHere => "there is nothing at this path (404)",
        "fix the path in the URL: daoxiao answers at / and /wechat unless --path says otherwise";
    Fault::NoGet(status) => "GET is not taken here ({status})",
        "let the server answer GET and POST at this path";
    Fault::ServerFails(status) => "the server fails ({status})",
        "read the server's log";
    Fault::RefusedHandshake { status, said, stale: None } => "refused with {status}: {said}",
        "use the same Token in WECHAT_TOKEN here, at the platform and on the server, and let the proxy pass the query on";
    Fault::RefusedHandshake { status, said, stale: Some(apart) } => "refused with {status}: {said}",
        "set the clocks right: the server's and this machine's are {apart} s apart";
    Fault::NoEcho { said, stale: Some(apart) } => "\"{said}\" came back, not echostr",
        "set the clocks right: the server's and this machine's are {apart} s apart";
    Fault::NoEcho { said, stale: None } => "\"{said}\" came back, not echostr",
        "use the same Token in WECHAT_TOKEN here, at the platform and on the server, and let the proxy pass the query on";
    Fault::OtherStatus(status) => "echostr came back with status {status}",
        "answer with status 200: WeChat may take no other";
    Fault::WebPage => "a web page came back, not echostr",
        "let the URL lead to the bot: this address, path or proxy leads to a website";
    Fault::EchoInPage => "echostr came back inside a web page",
        "answer with the bare text of echostr, without a template around it";
    Fault::EchoAfterBom => "a byte order mark (BOM) stands before echostr",
        "save the server's files as UTF-8 without BOM";
    Fault::EchoInQuotes => "echostr came back in quotes",
        "answer with the bare text of echostr, not with JSON";
    Fault::EchoInWhitespace => "whitespace stands around echostr",
        "write echostr without a line break, and leave nothing outside the program's code";
    Fault::EchoAmid(text) => "something stands around echostr: \"{text}\"",
        "answer with echostr and nothing else";
    Fault::Chunks10 => "the answer came in chunks, which HTTP/1.0 does not have",
        "answer with Content-Length and without chunks where the request is HTTP/1.0: WeChat calls by both versions";
    Fault::KeptOpen10 => "the connection stays open after the answer, which by HTTP/1.0 ends with it",
        "close the connection after answering a request of HTTP/1.0: WeChat calls by both versions";
    Fault::Refused10 { status, said } => "HTTP/1.0 is refused with {status}: {said}",
        "let the server and the proxy take HTTP/1.0, too: WeChat calls by both versions";
    Fault::AnyToken => "a wrong Token is taken for right",
        "check the signature on the server: as it is, anyone can pose as WeChat";
    Fault::Unreadable(error @ (ReplyError::NotUtf8 | ReplyError::NotXml(_))) => "{error}",
        "answer with well-formed XML, or with the word success: in text, split every ]]> between two CDATA sections";
    Fault::Unreadable(error @ ReplyError::KeyMissing) => "{error}",
        "set WECHAT_ENCODING_AES_KEY and WECHAT_APPID here: the server is in secure mode";
    Fault::Unreadable(error @ (ReplyError::Missing(_) | ReplyError::MsgSignature)) => "{error}",
        "put Encrypt, MsgSignature, TimeStamp and Nonce into an encrypted reply, and sign Token, TimeStamp, Nonce and Encrypt";
    Fault::Unreadable(error @ ReplyError::Crypt(_)) => "{error}",
        "use the same EncodingAESKey and AppID here, at the platform and on the server, or none in plaintext mode";
    Fault::ReplyInPage => "the reply stands inside a web page (text/html)",
        "answer with the XML and nothing around it, as application/xml";
    Fault::RefusedMessage { status: status @ (404 | 405 | 501), said, .. } => "refused with {status}: {said}",
        "let the server answer POST at this path, not only GET";
    Fault::RefusedMessage { status: status @ 400, said, has_key: true } => "refused with {status}: {said}",
        "set WECHAT_ENCODING_AES_KEY and WECHAT_APPID on the server: it has no key";
    Fault::RefusedMessage { status: status @ 400..=499, said, has_key: true } => "refused with {status}: {said}",
        "use the same EncodingAESKey and AppID here, at the platform and on the server, or none in plaintext mode";
    Fault::RefusedMessage { status: status @ 400..=499, said, has_key: false } => "refused with {status}: {said}",
        "set WECHAT_ENCODING_AES_KEY and WECHAT_APPID here if the server is in secure mode; if it is not, read the server's log";
    Fault::RefusedMessage { status, said, .. } => "refused with {status}: {said}",
        "read the server's log";
    Fault::NotEncrypted => "the reply is not encrypted",
        "encrypt the replies: in secure mode WeChat takes no other";
    Fault::NamesNotSwapped => "the reply does not go from the account to the user",
        "swap the names: ToUserName is the OpenID that wrote, FromUserName the account";
    Fault::Milliseconds => "CreateTime is in milliseconds",
        "give CreateTime in seconds: divide by 1000";
    Fault::WrongTime(text) => "CreateTime is \"{text}\", not the current time",
        "give CreateTime as the number of seconds since 1970";
    Fault::NoMsgType => "the reply has no MsgType",
        "give the reply a MsgType, such as text";
    Fault::NoContent => "the reply has no Content",
        "answer success where there is nothing to say: WeChat refuses an empty Content";
    Fault::LongContent(bytes) => "Content has {bytes} bytes",
        "cut Content to 2047 bytes: WeChat refuses what is longer";
    Fault::Forged(text) => "answered with \"{text}\"",
        "check the signature of every POST too: as it is, anyone can write in a user's name";
    Fault::Replayed(text) => "answered with \"{text}\"",
        "refuse a timestamp that is more than minutes from now: whoever saw one request can use it for ever";
    Fault::PlainBody(text) => "answered with \"{text}\"",
        "refuse a body without Encrypt and msg_signature: else the encryption protects nothing";
    Fault::RepeatLost => "the same message again got no answer",
        "give a repeated MsgId its first answer again: WeChat repeats because that one was lost";
    Fault::RepeatDiffers => "the same message again got another answer",
        "keep each answer for a minute by FromUserName and MsgId, and give it to the repeat";
    Fault::ClocksApart(seconds) => "the server's and this one are {seconds} s apart",
        "set the clock that is wrong, and keep it right (timedatectl set-ntp true)";
}

impl Display for Ending {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::DoFirst(fault) => return write!(f, "Do this first: {}.", Fix(fault)),
            Self::ButForWarnings => "All is well, but for the warnings above.",
            Self::Well => "All is well: give this URL to the platform.",
            Self::WellFromHere => {
                "All is well from here. WeChat needs the bot's public address: run doctor with that, too."
            }
            Self::WellForTest => {
                "All is well for a test; for WeChat, put the bot on port 80 or 443."
            }
            Self::PlatformProbe => {
                "What only WeChat can see, the platform shows by 网络检测 and 消息推送调试 (developers.weixin.qq.com)."
            }
        })
    }
}

impl Display for Line {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let check = self.check;
        match &self.finding {
            Finding::Fine(fine) => write!(f, "✓ {check}: {fine}")?,
            Finding::Warning(warning) => write!(f, "✓ {check}: warning: {warning}")?,
            Finding::Wrong(fault) => write!(f, "✗ {check}: {fault}")?,
        }
        if self.took < Duration::from_secs(1) {
            write!(f, " ({} ms)", self.took.as_millis())
        } else {
            write!(f, " ({:.1} s)", self.took.as_secs_f32())
        }
    }
}

impl Display for FileReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}: jokes: {}", self.path.display(), self.jokes)
    }
}

impl Display for Report<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let result = self.0;
        write!(f, "{}: {}: ", result.source, result.url)?;
        if let Some(read_as) = result.read_as {
            write!(f, "{read_as}: ")?;
        }
        match &result.outcome {
            Ok(found) => {
                let (matched, jokes) = (found.matched, found.jokes.len());
                write!(f, "items matched: {matched}, jokes: {jokes}, ")?;
                match found.left_out.total() {
                    0 => f.write_str("none left out"),
                    total => write!(f, "{total} left out: {}", found.left_out),
                }
            }
            Err(error) => error.fmt(f),
        }
    }
}
