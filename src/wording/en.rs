//! English texts of everything but errors.

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
    network::TlsError,
    simulator::{ReplyError, answer::PostError},
};

/// Implements `Display` with a text for each case of a type, or of its field.
macro_rules! english {
    ($type:ty $(, $field:tt)?: $($case:pat $(if $guard:expr)? => $words:literal $(, $value:expr)*;)*) => {
        impl Display for $type {
            fn fmt(&self, f: &mut Formatter<'_>) -> Result {
                match self$(.$field)? {
                    $($case $(if $guard)? => write!(f, $words $(, $value)*),)*
                }
            }
        }
    };
}

english! { Notice<'_>:
    Self::Error(error) => "error: {error}";
    Self::RandomToken => "WECHAT_TOKEN is not set; this Token is random and for this run only. Enter it in the platform's form, and set the variable to keep it.";
    Self::Joke => "(a joke)";
    Self::NoAnswer => "(no answer)";
    Self::Taken => "the bot accepted the message and has no answer to it";
    Self::HowToLeave => "To leave, type quit or 退出, or press Ctrl-D.";
    Self::Listening(address) => "listening on http://{address}";
    Self::SayEnds => "Type the message, and end it with Ctrl-D.";
    Self::WordsEnd => "The file is right. Type a user's messages, one a line, and end with Ctrl-D.";
}

english! { Check:
    Self::Address => "address";
    Self::Connection => "connection";
    Self::Path => "path";
    Self::Port => "port";
    Self::Handshake => "handshake";
    Self::Handshake10 => "handshake over HTTP/1.0";
    Self::WrongToken => "wrong Token";
    Self::Text => "text";
    Self::Text10 => "text over HTTP/1.0";
    Self::Brackets => "text with ]]>";
    Self::LongText => "long text";
    Self::Forged => "forged message";
    Self::OldRequest => "old request";
    Self::Clock => "clock";
    Self::Repeat => "repeated message";
    Self::PlainBody => "unencrypted message";
}

english! { Fine:
    Self::Address(address) => "{address}";
    Self::Listens(host, port) => "connected to {host}, port {port}";
    Self::Answers(status) => "the server responds ({status})";
    Self::Port(port) => "WeChat calls port {port}";
    Self::TestPort(port) => "{port} is for your own tests only: the URL for WeChat needs port 80 or 443";
    Self::Echoed => "echostr came back unchanged";
    Self::NoWords => "accepted without a reply";
    Self::Answered(text) => "replied \"{text}\"";
    Self::AnsweredType(kind) => "replied with a message of type {kind}";
    Self::TurnedAway(status) => "rejected ({status})";
    Self::Ignored => "rejected without a response";
    Self::SameAnswer => "the same message again got the same reply";
    Self::ClocksAgree => "the server's clock agrees with this machine's";
    Self::NoClock => "the server doesn't tell its time";
}

english! { Warning:
    Self::CannotTell => "the server doesn't reply to text, so there is no telling whether it checks the signature";
    Self::Replayable => "a request signed a day ago is accepted: anyone who captured one can reuse it forever";
    Self::ClocksApart(seconds) => "the server's clock and this machine's differ by {seconds} s";
    Self::ProxyAddress(ip) => "{ip} is a fake address from a proxy on this machine: turn the proxy off to see what WeChat sees";
    Self::CalledPage => "the reply's Content-Type is text/html, where application/xml is right";
}

// Descriptions of faults.
english! { Fault:
    Self::NotPublic(host, address) => "{host} resolves to {address}, which WeChat can't reach (its error code: -107)";
    Self::OnlyIpv6(host) => "{host} has only IPv6 addresses, which WeChat doesn't call (its error code: -107)";
    Self::Ipv6Address(host) => "{host} is an IPv6 address, which WeChat doesn't call (its error code: -107)";
    Self::Dropped(host, port) => "no response from {host}, port {port} within 5 s";
    Self::NoAnswer(error) | Self::NoAnswer10(error) => "{error}";
    Self::RedirectToSame(to, status) => "redirects to the same address: {to} ({status})";
    Self::RedirectToSlash(to, status) => "redirects to the same address with a slash at the end: {to} ({status})";
    Self::RedirectToHttps(to, status) => "redirects to https: {to} ({status})";
    Self::RedirectToHttpsAndSlash(to, status) => "redirects to https, with a slash at the end: {to} ({status})";
    Self::Redirect(to, status) | Self::RedirectToLogin(to, status) => "redirects to {to} ({status})";
    Self::RedirectNowhere(status) => "redirects without saying where to ({status})";
    Self::EmptyRefusal(status) => "refused with an empty {status}";
    Self::WantsHttps(status) => "this port speaks https, not http ({status})";
    Self::WantsPassword(status) => "asks for a password ({status})";
    Self::ProxyWithoutBot(status) => "the proxy can't reach the bot ({status})";
    Self::WebServer(status) => "the response is from a web server or a firewall, not from the bot ({status})";
    Self::BrowsersOnly(None) => "a web firewall lets browsers through and gives WeChat no response";
    Self::BrowsersOnly(Some(status)) => "a web firewall lets browsers through and blocks WeChat ({status})";
    Self::NothingHere => "there is nothing at this path (404)";
    Self::NoGet(status) => "GET isn't accepted here ({status})";
    Self::ServerFails(status) => "the server fails ({status})";
    Self::RefusedHandshake { status, said, .. } | Self::RefusedMessage { status, said, .. } if said.is_empty() => "refused with {status}";
    Self::RefusedHandshake { status, said, .. } | Self::RefusedMessage { status, said, .. } => "refused with {status}: {said}";
    Self::EchoChanged(said) => "echostr came back changed: \"{said}\"";
    Self::NoEcho { said, .. } if said.is_empty() => "nothing came back instead of echostr";
    Self::NoEcho { said, .. } => "\"{said}\" came back instead of echostr";
    Self::OtherStatus(status) => "echostr came back with status {status}";
    Self::WebPage => "a web page came back instead of echostr";
    Self::EchoInPage => "echostr came back wrapped in HTML";
    Self::EchoInTags => "echostr came back wrapped in tags";
    Self::EchoAfterBom => "there is a byte order mark (BOM) before echostr";
    Self::EchoInQuotes => "echostr came back in quotes";
    Self::EchoInWhitespace => "there is whitespace around echostr";
    Self::EchoInLines => "there is a line break before or after echostr";
    Self::EchoAmid(text) => "there is something else around echostr: \"{text}\"";
    Self::Chunks10 => "the response is chunked, which HTTP/1.0 doesn't have";
    Self::KeptOpen10 => "the connection stays open after the response; over HTTP/1.0, closing it is what ends the response";
    Self::Refused10(status, said) => "HTTP/1.0 is refused with {status}: {said}";
    Self::AnyToken => "a wrong Token is accepted";
    Self::Unreadable(error) => "{error}";
    Self::ReplyInPage => "the reply is inside a web page (text/html)";
    Self::NotEncrypted => "the reply isn't encrypted";
    Self::EmptyReply => "the reply's <xml> is empty";
    Self::NamesNotSwapped => "the reply isn't addressed from the account to the user";
    Self::Milliseconds => "CreateTime is in milliseconds";
    Self::WrongTime(text) => "CreateTime is \"{text}\", not the current time";
    Self::NoMsgType => "the reply has no MsgType";
    Self::UnknownMsgType(kind) => "the reply's MsgType is \"{kind}\", which WeChat doesn't know";
    Self::NoContent => "the reply has no Content";
    Self::LongContent(bytes) => "Content has {bytes} bytes";
    Self::Forged(text) | Self::Replayed(text) | Self::PlainBody(text) => "replied \"{text}\"";
    Self::RepeatLost => "the same message again got no reply";
    Self::RepeatDiffers => "the same message again got another reply";
    Self::ClocksApart(seconds) => "the server's clock and this machine's differ by {seconds} s";
}

// Instructions for fixing them.
english! { Fix<'_>, 0:
    Fault::NotPublic(..) => "point the name's A record at the server's public address, or use a tunnel";
    Fault::OnlyIpv6(_) => "give the name an A record: WeChat calls IPv4 only";
    Fault::Ipv6Address(_) => "put the server's IPv4 address in the URL, or a name with an A record";
    Fault::Dropped(_, port) => "open port {port} in the server's firewall and in its provider's security group";
    Fault::NoAnswer(PostError::UnknownHost(_)) => "fix the host in the URL, or its DNS record";
    Fault::NoAnswer(PostError::Refused { .. }) => "start the bot on that machine, or fix the port in the URL";
    Fault::NoAnswer(PostError::TooSlow) => "check whether the server runs (systemctl status 'daoxiao*') and what keeps it busy: WeChat waits no longer than 5 s";
    Fault::NoAnswer(PostError::Unreachable { .. }) => "fix the address in the URL, or the network: no way leads from this machine to that address";
    Fault::NoAnswer(PostError::Tls(TlsError::Untrusted)) => "use a certificate from a public authority with its whole chain (fullchain.pem), or http on port 80";
    Fault::NoAnswer(PostError::Tls(TlsError::Expired)) => "renew the certificate, and have it renewed automatically (certbot renew)";
    Fault::NoAnswer(PostError::Tls(TlsError::NotYetValid)) => "set this machine's clock right if it is slow (timedatectl); else use a certificate that is valid already";
    Fault::NoAnswer(PostError::Tls(TlsError::OtherName)) => "use a certificate for the name in the URL, or the name in the certificate";
    Fault::NoAnswer(PostError::Tls(TlsError::NotTls)) => "write http:// in the URL, or put https in front of the bot (Caddy, nginx or a tunnel)";
    Fault::NoAnswer(PostError::Tls(_)) => "fix the server's TLS, or use http on port 80";
    Fault::NoAnswer(PostError::Broken(_)) => "find out what cuts the connection between here and there";
    Fault::NoAnswer(PostError::Closed) => "read the server's log: it hangs up, or something before it does";
    Fault::NoAnswer(PostError::TooLarge) => "make the URL lead to the bot: no reply is so large";
    Fault::NoAnswer(PostError::NotHttp) => "find out what listens on this port";
    Fault::RedirectToSame(..) => "let this path through whatever is in front of the bot, such as a firewall: it wants a cookie or a script, and WeChat has neither";
    Fault::RedirectToSlash(..) => "write the slash in the URL too: WeChat follows no redirects";
    Fault::RedirectToHttps(..) => "write https:// in the URL, or respond over http too: WeChat follows no redirects";
    Fault::RedirectToHttpsAndSlash(..) => "write https:// and the slash in the URL too: WeChat follows no redirects";
    Fault::RedirectToLogin(..) => "have the server answer at this path itself, without a login or a form's token (CSRF): WeChat has neither, and follows no redirects";
    Fault::Redirect(..) => "use the address that it redirects to: WeChat follows no redirects";
    Fault::RedirectNowhere(_) => "respond with status 200: WeChat follows no redirects";
    Fault::EmptyRefusal(_) => "have the proxy forward plain HTTP/1.1, without the PROXY protocol; if there is no proxy, read the server's log";
    Fault::WantsHttps(_) => "write https:// in the URL";
    Fault::WantsPassword(_) => "take the password off this path: WeChat has none";
    Fault::ProxyWithoutBot(_) => "start the bot behind the proxy, or fix its address in the proxy's settings";
    Fault::WebServer(_) => "have the web server or the firewall forward this host and path to the bot, or fix them in the URL";
    Fault::BrowsersOnly(_) => "have the firewall let everyone through on this path: WeChat isn't a browser and calls itself Mozilla/4.0";
    Fault::NothingHere => "fix the path in the URL: daoxiao answers at / and /wechat unless --path says otherwise";
    Fault::NoGet(_) => "have the server answer GET and POST at this path";
    Fault::RefusedHandshake { stale: None, .. } | Fault::NoEcho { stale: None, .. } => "make the Token the same in three places: WECHAT_TOKEN here, WECHAT_TOKEN of the bot, and the platform's form; and have any proxy keep what follows the ? in the URL";
    Fault::RefusedHandshake { stale: Some(apart), .. } | Fault::NoEcho { stale: Some(apart), .. } => "set the clocks right: the server's and this machine's differ by {apart} s";
    Fault::EchoChanged(_) => "respond with echostr as the text that it is: as a number it loses digits";
    Fault::OtherStatus(_) => "respond with status 200: WeChat may accept no other";
    Fault::WebPage => "make the URL lead to the bot: this address, path or proxy leads to a website";
    Fault::EchoInPage => "respond with echostr as plain text, without a template around it";
    Fault::EchoInTags => "respond with echostr as plain text, without a template or XML around it";
    Fault::EchoAfterBom => "save the server's source files as UTF-8 without a BOM";
    Fault::EchoInQuotes => "respond with echostr as plain text, not as JSON";
    Fault::EchoInWhitespace => "write echostr and nothing else";
    Fault::EchoInLines => "write echostr without a line break, and leave no blank lines outside the code";
    Fault::EchoAmid(_) => "respond with echostr and nothing else";
    Fault::Chunks10 => "answer an HTTP/1.0 request with Content-Length, without chunks: WeChat uses both versions";
    Fault::KeptOpen10 => "close the connection after answering an HTTP/1.0 request: WeChat uses both versions";
    Fault::Refused10(..) | Fault::NoAnswer10(_) => "have the server and its proxy accept HTTP/1.0 too: WeChat uses both versions";
    Fault::AnyToken => "check the signature on the server: for now, anyone can pose as WeChat";
    Fault::Unreadable(ReplyError::NotUtf8) => "encode the reply as UTF-8";
    Fault::Unreadable(ReplyError::NotXml(_)) => "reply with well-formed XML, or with the word success: in text, split every ]]> between two CDATA sections";
    Fault::Unreadable(ReplyError::KeyMissing) => "set WECHAT_ENCODING_AES_KEY and WECHAT_APPID here: the server is in secure mode";
    Fault::Unreadable(ReplyError::Missing(_)) => "put Encrypt, MsgSignature, TimeStamp and Nonce in an encrypted reply";
    Fault::Unreadable(ReplyError::MsgSignature) => "compute MsgSignature from Token, TimeStamp, Nonce and Encrypt";
    Fault::ReplyInPage => "reply with the XML and nothing around it, as application/xml";
    Fault::RefusedMessage { status: 404 | 405 | 501, .. } => "have the server answer POST at this path, not only GET";
    Fault::RefusedMessage { status: 413, .. } => "send a shorter message: no user can write one that long";
    Fault::RefusedMessage { status: 400, has_key: true, .. } => "set WECHAT_ENCODING_AES_KEY and WECHAT_APPID on the server: it has no key";
    Fault::RefusedMessage { status: 400..=499, has_key: true, .. } | Fault::Unreadable(ReplyError::Crypt(_)) => "use the same EncodingAESKey and AppID here, for the bot and on the platform; in plaintext mode, set neither";
    Fault::RefusedMessage { status: 400..=499, has_key: false, .. } => "if the server is in secure mode, set WECHAT_ENCODING_AES_KEY and WECHAT_APPID here; if not, read the server's log";
    Fault::RefusedMessage { .. } | Fault::ServerFails(_) => "read the server's log";
    Fault::NotEncrypted => "encrypt the replies: in secure mode WeChat accepts no others";
    Fault::EmptyReply => "reply with ToUserName, FromUserName, CreateTime, MsgType and Content, or with the word success";
    Fault::NamesNotSwapped => "swap the names: ToUserName is the sender's OpenID, FromUserName the account";
    Fault::Milliseconds => "give CreateTime in seconds: divide by 1000";
    Fault::WrongTime(_) => "give CreateTime as a Unix timestamp in seconds";
    Fault::NoMsgType => "give the reply a MsgType, such as text";
    Fault::UnknownMsgType(_) => "reply with a MsgType that WeChat knows: text, image, voice, video, music or news";
    Fault::NoContent => "reply success when there is nothing to say: WeChat refuses an empty Content";
    Fault::LongContent(_) => "cut Content to 2047 bytes: WeChat refuses anything longer";
    Fault::Forged(_) => "check the signature of every POST too: for now, anyone can write in a user's name";
    Fault::Replayed(_) => "refuse a timestamp that is more than minutes from now: anyone who captured a request can reuse it forever";
    Fault::PlainBody(_) => "refuse a body without Encrypt and msg_signature: otherwise the encryption protects nothing";
    Fault::RepeatLost => "give a repeated MsgId its first reply again: WeChat repeats because that one got lost";
    Fault::RepeatDiffers => "keep each reply for a minute by FromUserName and MsgId, and give it to the repeat";
    Fault::ClocksApart(_) => "set the clock that is wrong, and keep it synchronized (timedatectl set-ntp true)";
}

english! { Ending:
    Self::DoFirst(fault) => "Do this first: {}.", Fix(fault);
    Self::ButForWarnings => "Everything works; see the warnings above.";
    Self::Well => "Everything works: enter this URL on the platform.";
    Self::WellFromHere => "Everything works from here. WeChat needs the bot's public address: run doctor with that too.";
    Self::WellForTest => "Everything works for a test; for WeChat, put the bot on port 80 or 443.";
    Self::PlatformProbe => "What only WeChat can see, the platform's own 网络检测 and 消息推送调试 show (developers.weixin.qq.com).";
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

english! { FileReport: Self { path, jokes } => "{}: jokes: {jokes}", path.display(); }

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
