//! What doctor says, in each language.

use std::{
    fmt::{self, Display, Formatter},
    time::Duration,
};

use crate::{
    commands::doctor::finding::{Check, CheckLine, Diagnosis, Ending, Fault, Fine, Fix, Warning},
    language::{Language, Localize},
    network::TlsError,
    simulator::{ReplyError, answer::SendError},
};

texts! { Check:
    Self::Address => "address", "地址";
    Self::Connection => "connection", "连接";
    Self::Path => "path", "路径";
    Self::Port => "port", "端口";
    Self::Handshake => "handshake", "验证 URL";
    Self::Handshake10 => "handshake over HTTP/1.0", "用 HTTP/1.0 验证 URL";
    Self::WrongToken => "wrong Token", "错误的 Token";
    Self::Text => "text", "文本消息";
    Self::Text10 => "text over HTTP/1.0", "用 HTTP/1.0 发文本消息";
    Self::Brackets => "text with ]]>", "含 ]]> 的文本";
    Self::LongText => "long text", "长文本";
    Self::Forged => "forged message", "伪造的消息";
    Self::OldRequest => "old request", "过期的请求";
    Self::Clock => "clock", "时间";
    Self::Repeat => "repeated message", "重发的消息";
    Self::PlainBody => "unencrypted message", "未加密的消息";
}

texts! { Fine, in language:
    Self::Address(address) => "{address}", "{address}";
    Self::Listens(host, port) => "connected to {host}, port {port}", "{host} 的 {port} 端口连得上";
    Self::Answers(status) => "the server responds ({status})", "有响应，状态码 {status}";
    Self::Port(port @ (80 | 443)) => "WeChat calls port {port}", "微信会访问 {port} 端口";
    Self::Port(port) => "{port} is for your own tests only: the URL for WeChat needs port 80 or 443",
        "{port} 端口只能自己测试用，填到公众平台的 URL 必须用 80 或 443 端口";
    Self::Echoed => "echostr came back unchanged", "原样返回了 echostr";
    Self::NoReply => "accepted without a reply", "收到了，没有回复";
    Self::Answered(text) => "replied \"{text}\"", "回复了“{text}”";
    Self::AnsweredType(kind) => "replied with a message of type {kind}", "回复了一条 {kind} 类型的消息";
    Self::Rejected(status) => "rejected ({status})", "拒绝了，状态码 {status}";
    Self::Ignored => "rejected without a response", "拒绝了，没有响应";
    Self::SameAnswer => "the same message again got the same reply", "重发同一条消息，得到同样的回复";
    Self::ClocksAgree => "the server's clock agrees with this machine's", "服务器与本机一致";
    Self::NoClock => "the server doesn't tell its time", "服务器没有给出时间";
    Self::Warning(warning) => "{}", "{}", warning.text(language);
}

texts! { Warning:
    Self::CannotTell => "the server doesn't reply to text, so there is no telling whether it checks the signature",
        "服务器不回复文本消息，看不出它是否校验签名";
    Self::Replayable => "a request signed a day ago is accepted: anyone who captured one can reuse it forever",
        "一天前签名的请求仍然有效：谁截获了一个请求，谁就能一直用下去";
    Self::ClocksApart(seconds) => "the server's clock and this machine's differ by {seconds} s", "服务器与本机相差 {seconds} 秒";
    Self::ProxyAddress(ip) => "{ip} is a fake address from a proxy on this machine: turn the proxy off to see what WeChat sees",
        "{ip} 是本机代理软件给的假地址，看不到微信会解析到哪里：请关掉代理软件再运行一次";
    Self::CalledPage => "the reply's Content-Type is text/html, where application/xml is right", "回复的 Content-Type 是 text/html，建议改成 application/xml";
}

// What was seen.
texts! { Fault, in language:
    Self::NotPublic(host, address) => "{host} resolves to {address}, which WeChat can't reach (its error code: -107)",
        "{host} 指向 {address}，微信访问不到（平台的错误码是 -107）";
    Self::OnlyIpv6(host) => "{host} has only IPv6 addresses, which WeChat doesn't call (its error code: -107)",
        "{host} 只有 IPv6 地址，微信不访问（平台的错误码是 -107）";
    Self::Ipv6Address(host) => "{host} is an IPv6 address, which WeChat doesn't call (its error code: -107)",
        "{host} 是 IPv6 地址，微信不访问（平台的错误码是 -107）";
    Self::Dropped(host, port) => "no response from {host}, port {port} within 5 s", "{host} 的 {port} 端口 5 秒内没有响应";
    Self::NoAnswer(error) | Self::NoAnswer10(error) => "{}", "{}", error.text(language);
    Self::RedirectToSame(to, status) => "redirects to the same address: {to} ({status})", "跳转到了同一个地址：{to}，状态码 {status}";
    Self::RedirectToSlash(to, status) => "redirects to the same address with a slash at the end: {to} ({status})",
        "跳转到了同一个地址，只是末尾多了斜杠：{to}，状态码 {status}";
    Self::RedirectToHttps(to, status) => "redirects to https: {to} ({status})", "跳转到了 https：{to}，状态码 {status}";
    Self::RedirectToHttpsAndSlash(to, status) => "redirects to https, with a slash at the end: {to} ({status})",
        "跳转到了 https，末尾还多了斜杠：{to}，状态码 {status}";
    Self::Redirect(to, status) | Self::RedirectToLogin(to, status) => "redirects to {to} ({status})", "跳转到了 {to}，状态码 {status}";
    Self::RedirectNowhere(status) => "redirects without saying where to ({status})", "要求跳转，却没有说跳到哪里，状态码 {status}";
    Self::EmptyRefusal(status) => "refused with an empty {status}", "被拒绝，状态码 {status}，没有说原因";
    Self::WantsHttps(status) => "this port speaks https, not http ({status})", "这个端口是 https，不是 http，状态码 {status}";
    Self::WantsPassword(status) => "asks for a password ({status})", "要求输入密码，状态码 {status}";
    Self::ProxyWithoutBot(status) => "the proxy can't reach the bot ({status})", "反向代理连不上机器人，状态码 {status}";
    Self::WebServer(status) => "the response is from a web server or a firewall, not from the bot ({status})",
        "响应的是 Web 服务器或防火墙，不是机器人，状态码 {status}";
    Self::BrowsersOnly(None) => "a web firewall lets browsers through and gives WeChat no response", "Web 防火墙（WAF）放行浏览器，却不响应微信";
    Self::BrowsersOnly(Some(status)) => "a web firewall lets browsers through and blocks WeChat ({status})",
        "Web 防火墙（WAF）放行浏览器，却拦下微信，状态码 {status}";
    Self::NothingHere => "there is nothing at this path (404)", "这个路径下什么也没有，状态码 404";
    Self::NoGet(status) => "GET isn't accepted here ({status})", "不接受 GET 请求，状态码 {status}";
    Self::ServerFails(status) => "the server fails ({status})", "服务器出错，状态码 {status}";
    Self::NoEcho { status: status @ 400.., said, .. } | Self::RefusedMessage { status, said, .. } if said.is_empty() => "refused with {status}",
        "被拒绝，状态码 {status}";
    Self::NoEcho { status: status @ 400.., said, .. } | Self::RefusedMessage { status, said, .. } => "refused with {status}: {said}",
        "被拒绝，状态码 {status}：{said}";
    Self::EchoChanged(said) => "echostr came back changed: \"{said}\"", "返回的 echostr 跟发出的不一样：“{said}”";
    Self::NoEcho { said, .. } if said.is_empty() => "nothing came back instead of echostr", "返回的内容是空的，没有 echostr";
    Self::NoEcho { said, .. } => "\"{said}\" came back instead of echostr", "返回的是“{said}”，不是 echostr";
    Self::OtherStatus(status) => "echostr came back with status {status}", "echostr 返回了，但状态码是 {status}";
    Self::WebPage => "a web page came back instead of echostr", "返回的是网页，不是 echostr";
    Self::EchoInPage => "echostr came back wrapped in HTML", "返回的 echostr 外面套了 HTML";
    Self::EchoInTags => "echostr came back wrapped in tags", "返回的 echostr 外面套了标签";
    Self::EchoAfterBom => "there is a byte order mark (BOM) before echostr", "echostr 前面有 BOM（字节顺序标记）";
    Self::EchoInQuotes => "echostr came back in quotes", "返回的 echostr 带了引号";
    Self::EchoInWhitespace => "there is whitespace around echostr", "echostr 前后有空格";
    Self::EchoInLines => "there is a line break before or after echostr", "echostr 前后有换行";
    Self::EchoAmid(text) => "there is something else around echostr: \"{text}\"", "echostr 前后有别的内容：“{text}”";
    Self::Chunks10 => "the response is chunked, which HTTP/1.0 doesn't have", "响应是分块传输的，而 HTTP/1.0 没有分块传输";
    Self::KeptOpen10 => "the connection stays open after the response; over HTTP/1.0, closing it is what ends the response",
        "响应之后没有断开连接，而 HTTP/1.0 要靠断开连接来表示响应结束";
    Self::Refused10(status, said) => "HTTP/1.0 is refused with {status}: {said}", "拒绝了 HTTP/1.0 请求，状态码 {status}：{said}";
    Self::AnyToken => "a wrong Token is accepted", "Token 不对也能通过验证";
    Self::Unreadable(error) => "{}", "{}", error.text(language);
    Self::ReplyInPage => "the reply is inside a web page (text/html)", "回复外面套了网页（text/html）";
    Self::NotEncrypted => "the reply isn't encrypted", "回复没有加密";
    Self::EmptyReply => "the reply's <xml> is empty", "回复的 <xml> 里是空的";
    Self::NamesNotSwapped => "the reply isn't addressed from the account to the user", "回复的收发双方没有对调";
    Self::Milliseconds => "CreateTime is in milliseconds", "CreateTime 用的是毫秒";
    Self::WrongTime(text) => "CreateTime is \"{text}\", not the current time", "CreateTime 是“{text}”，不是当前时间";
    Self::NoMsgType => "the reply has no MsgType", "回复没有 MsgType";
    Self::UnknownMsgType(kind) => "the reply's MsgType is \"{kind}\", which WeChat doesn't know", "回复的 MsgType 是“{kind}”，微信不认识";
    Self::NoContent => "the reply has no Content", "回复没有 Content";
    Self::LongContent(bytes) => "Content has {bytes} bytes", "Content 有 {bytes} 字节";
    Self::Forged(text) | Self::Replayed(text) | Self::PlainBody(text) => "replied \"{text}\"", "本该拒绝，却回复了“{text}”";
    Self::RepeatLost => "the same message again got no reply", "重发同一条消息，没有得到回复";
    Self::RepeatDiffers => "the same message again got another reply", "重发同一条消息，得到了不同的回复";
    Self::ClocksApart(seconds) => "the server's clock and this machine's differ by {seconds} s", "服务器与本机相差 {seconds} 秒";
}

// What to do about it.
texts! { Fix<'_>, field 0:
    Fault::NotPublic(..) => "point the name's A record at the server's public address, or use a tunnel",
        "把域名的 A 记录指向服务器的公网地址，或者使用内网穿透";
    Fault::OnlyIpv6(_) => "give the name an A record: WeChat calls IPv4 only", "给域名加一条 A 记录：微信只访问 IPv4";
    Fault::Ipv6Address(_) => "put the server's IPv4 address in the URL, or a name with an A record", "URL 里改用服务器的 IPv4 地址，或者有 A 记录的域名";
    Fault::Dropped(_, port) => "open port {port} in the server's firewall and in its provider's security group",
        "在服务器的防火墙和云服务商的安全组里放行 {port} 端口";
    Fault::NoAnswer(SendError::UnknownHost(_)) => "fix the host in the URL, or its DNS record", "改正 URL 里的域名，或者域名的 DNS 记录";
    Fault::NoAnswer(SendError::Refused(..)) => "start the bot on that machine, or fix the port in the URL", "在那台机器上启动机器人，或者改正 URL 里的端口";
    Fault::NoAnswer(SendError::TooSlow) => "check whether the server runs (systemctl status 'daoxiao*') and what keeps it busy: WeChat waits no longer than 5 s",
        "看看服务器是不是在运行（systemctl status 'daoxiao*'），是什么拖慢了它：微信只等 5 秒";
    Fault::NoAnswer(SendError::Unreachable(..)) => "fix the address in the URL, or the network: no way leads from this machine to that address",
        "改正 URL 里的地址，或者检查网络：从这台机器到不了那个地址";
    Fault::NoAnswer(SendError::Tls(TlsError::Untrusted)) => "use a certificate from a public authority with its whole chain (fullchain.pem), or http on port 80",
        "换用受信任的证书机构签发的证书，并配上完整的证书链（fullchain.pem），或者改用 80 端口的 http";
    Fault::NoAnswer(SendError::Tls(TlsError::Expired)) => "renew the certificate, and have it renewed automatically (certbot renew)",
        "更新证书，并设好自动续期（certbot renew）";
    Fault::NoAnswer(SendError::Tls(TlsError::NotYetValid)) => "set this machine's clock right if it is slow (timedatectl); else use a certificate that is valid already",
        "本机的时间若是慢了，先校准（timedatectl）；若不慢，就换用已经生效的证书";
    Fault::NoAnswer(SendError::Tls(TlsError::OtherName)) => "use a certificate for the name in the URL, or the name in the certificate",
        "换用这个域名的证书，或者把 URL 改成证书上的域名";
    Fault::NoAnswer(SendError::Tls(TlsError::NotTls)) => "write http:// in the URL, or put https in front of the bot (Caddy, nginx or a tunnel)",
        "把 URL 改成 http://，或者在机器人前面配上 https（Caddy、nginx 或内网穿透）";
    Fault::NoAnswer(SendError::Tls(_)) => "fix the server's TLS, or use http on port 80", "改正服务器的 TLS 配置，或者改用 80 端口的 http";
    Fault::NoAnswer(SendError::Broken(_)) => "find out what cuts the connection between here and there", "检查两边之间的网络，看是什么切断了连接";
    Fault::NoAnswer(SendError::Closed) => "read the server's log: it hangs up, or something before it does", "查看服务器的日志：是它或它前面的程序断开了连接";
    Fault::NoAnswer(SendError::TooLarge) => "make the URL lead to the bot: no reply is so large", "让 URL 指向机器人：回复不会这么大";
    Fault::NoAnswer(SendError::NotHttp) => "find out what listens on this port", "查一查是什么程序在监听这个端口";
    Fault::RedirectToSame(..) => "let this path through whatever is in front of the bot, such as a firewall: it wants a cookie or a script, and WeChat has neither",
        "机器人前面有防火墙之类的程序要求 Cookie 或执行脚本，让它放行这个路径：微信两样都没有";
    Fault::RedirectToSlash(..) => "write the slash in the URL too: WeChat follows no redirects", "URL 末尾也写上斜杠：微信不跟随跳转";
    Fault::RedirectToHttps(..) => "write https:// in the URL, or respond over http too: WeChat follows no redirects",
        "把 URL 改成 https://，或者让 http 也直接响应：微信不跟随跳转";
    Fault::RedirectToHttpsAndSlash(..) => "write https:// and the slash in the URL too: WeChat follows no redirects",
        "把 URL 改成 https://，末尾也写上斜杠：微信不跟随跳转";
    Fault::RedirectToLogin(..) => "have the server answer at this path itself, without a login or a form's token (CSRF): WeChat has neither, and follows no redirects",
        "让服务器在这个路径上直接响应，不要求登录，也不检查 CSRF：微信不会登录，也不跟随跳转";
    Fault::Redirect(..) => "use the address that it redirects to: WeChat follows no redirects", "直接填跳转后的地址：微信不跟随跳转";
    Fault::RedirectNowhere(_) => "respond with status 200: WeChat follows no redirects", "用状态码 200 响应：微信不跟随跳转";
    Fault::EmptyRefusal(_) => "have the proxy forward plain HTTP/1.1, without the PROXY protocol; if there is no proxy, read the server's log",
        "让反向代理用普通的 HTTP/1.1 转发，不要加 PROXY protocol；没有反向代理，就查看服务器的日志";
    Fault::WantsHttps(_) => "write https:// in the URL", "把 URL 改成 https://";
    Fault::WantsPassword(_) => "take the password off this path: WeChat has none", "这个路径不要设密码：微信不会输入密码";
    Fault::ProxyWithoutBot(_) => "start the bot behind the proxy, or fix its address in the proxy's settings",
        "启动反向代理后面的机器人，或者改正反向代理里填的地址";
    Fault::WebServer(_) => "have the web server or the firewall forward this host and path to the bot, or fix them in the URL",
        "让 Web 服务器或防火墙把这个域名和路径转给机器人，或者改正 URL";
    Fault::BrowsersOnly(_) => "have the firewall let everyone through on this path: WeChat isn't a browser and calls itself Mozilla/4.0",
        "让防火墙对这个路径一律放行：微信不是浏览器，它的 User-Agent 是 Mozilla/4.0";
    Fault::NothingHere => "fix the path in the URL: daoxiao answers at / and /wechat unless --path says otherwise",
        "改正 URL 里的路径：daoxiao 默认响应 / 和 /wechat，可以用 --path 修改";
    Fault::NoGet(_) => "have the server answer GET and POST at this path", "让服务器在这个路径上同时响应 GET 和 POST";
    Fault::NoEcho { stale: None, .. } => "make the Token the same in three places: WECHAT_TOKEN here, WECHAT_TOKEN of the bot, and the platform's form; and have any proxy keep what follows the ? in the URL",
        "让三处的 Token 相同：这里的环境变量 WECHAT_TOKEN、机器人的 WECHAT_TOKEN、公众平台表单里填的 Token；有反向代理的，还要让它保留 URL 里 ? 后面的部分";
    Fault::NoEcho { stale: Some(apart), .. } => "set the clocks right: the server's and this machine's differ by {apart} s",
        "校准时间：服务器与本机相差 {apart} 秒";
    Fault::EchoChanged(_) => "respond with echostr as the text that it is: as a number it loses digits", "把 echostr 当作文本原样返回：转成数字会丢掉几位";
    Fault::OtherStatus(_) => "respond with status 200: WeChat may accept no other", "用状态码 200 响应：别的状态码微信未必接受";
    Fault::WebPage => "make the URL lead to the bot: this address, path or proxy leads to a website",
        "让 URL 指向机器人：这个地址、路径或反向代理指向的是网站";
    Fault::EchoInPage => "respond with echostr as plain text, without a template around it", "只返回 echostr 的文本，不要套网页模板";
    Fault::EchoInTags => "respond with echostr as plain text, without a template or XML around it", "只返回 echostr 的文本，不要套模板或 XML";
    Fault::EchoAfterBom => "save the server's source files as UTF-8 without a BOM", "把服务器的代码文件存成不带 BOM 的 UTF-8";
    Fault::EchoInQuotes => "respond with echostr as plain text, not as JSON", "直接返回 echostr 的文本，不要转成 JSON";
    Fault::EchoInWhitespace => "write echostr and nothing else", "只输出 echostr，前后不要加空格";
    Fault::EchoInLines => "write echostr without a line break, and leave no blank lines outside the code", "输出 echostr 时不要换行，代码之外也不要留空行";
    Fault::EchoAmid(_) => "respond with echostr and nothing else", "只返回 echostr，不要有别的内容";
    Fault::Chunks10 => "answer an HTTP/1.0 request with Content-Length, without chunks: WeChat uses both versions",
        "请求是 HTTP/1.0 时，用 Content-Length 响应，不要分块：两种版本微信都会用";
    Fault::KeptOpen10 => "close the connection after answering an HTTP/1.0 request: WeChat uses both versions",
        "请求是 HTTP/1.0 时，响应之后断开连接：两种版本微信都会用";
    Fault::Refused10(..) | Fault::NoAnswer10(_) => "have the server and its proxy accept HTTP/1.0 too: WeChat uses both versions",
        "让服务器和反向代理也接受 HTTP/1.0：两种版本微信都会用";
    Fault::AnyToken => "check the signature on the server: for now, anyone can pose as WeChat", "在服务器上校验签名：现在谁都可以冒充微信";
    Fault::Unreadable(ReplyError::NotUtf8) => "encode the reply as UTF-8", "用 UTF-8 编码回复";
    Fault::Unreadable(ReplyError::NotXml(_)) => "reply with well-formed XML, or with the word success: in text, split every ]]> between two CDATA sections",
        "回复格式正确的 XML，或者只回复 success；文本里的 ]]> 要拆到两个 CDATA 里";
    Fault::Unreadable(ReplyError::KeyMissing) => "set WECHAT_ENCODING_AES_KEY and WECHAT_APPID here: the server is in secure mode",
        "在这里设置 WECHAT_ENCODING_AES_KEY 和 WECHAT_APPID：服务器用的是安全模式";
    Fault::Unreadable(ReplyError::Missing(_)) => "put Encrypt, MsgSignature, TimeStamp and Nonce in an encrypted reply",
        "加密的回复要有 Encrypt、MsgSignature、TimeStamp 和 Nonce";
    Fault::Unreadable(ReplyError::MsgSignature) => "compute MsgSignature from Token, TimeStamp, Nonce and Encrypt",
        "用 Token、TimeStamp、Nonce 和 Encrypt 四项计算 MsgSignature";
    Fault::ReplyInPage => "reply with the XML and nothing around it, as application/xml", "只返回 XML，前后不要有别的内容，Content-Type 用 application/xml";
    Fault::RefusedMessage { status: 404 | 405 | 501, .. } => "have the server answer POST at this path, not only GET",
        "让服务器在这个路径上也响应 POST，不能只有 GET";
    Fault::RefusedMessage { status: 413, .. } => "send a shorter message: no user can write one that long", "把消息缩短一些，用户发不出这么长的消息";
    Fault::RefusedMessage { status: 400, has_key: true, .. } => "set WECHAT_ENCODING_AES_KEY and WECHAT_APPID on the server: it has no key",
        "服务器没有密钥：请给它设置 WECHAT_ENCODING_AES_KEY 和 WECHAT_APPID";
    Fault::RefusedMessage { status: 400..=499, has_key: true, .. } | Fault::Unreadable(ReplyError::Crypt(_)) => "use the same EncodingAESKey and AppID here, for the bot and on the platform; in plaintext mode, set neither",
        "让三处的 EncodingAESKey 和 AppID 相同：这里、机器人、公众平台；明文模式下都不要设";
    Fault::RefusedMessage { status: 400..=499, has_key: false, .. } => "if the server is in secure mode, set WECHAT_ENCODING_AES_KEY and WECHAT_APPID here; if not, read the server's log",
        "服务器若是安全模式，请在这里设置 WECHAT_ENCODING_AES_KEY 和 WECHAT_APPID；若不是，请查看服务器的日志";
    Fault::RefusedMessage { .. } | Fault::ServerFails(_) => "read the server's log", "查看服务器的日志";
    Fault::NotEncrypted => "encrypt the replies: in secure mode WeChat accepts no others", "把回复加密：安全模式下微信只接受加密的回复";
    Fault::EmptyReply => "reply with ToUserName, FromUserName, CreateTime, MsgType and Content, or with the word success",
        "回复里要有 ToUserName、FromUserName、CreateTime、MsgType 和 Content，或者只回复 success";
    Fault::NamesNotSwapped => "swap the names: ToUserName is the sender's OpenID, FromUserName the account",
        "把收发双方对调：回复里的 ToUserName 填用户的 OpenID，FromUserName 填公众号的原始 ID";
    Fault::Milliseconds => "give CreateTime in seconds: divide by 1000", "CreateTime 要用秒：除以 1000";
    Fault::WrongTime(_) => "give CreateTime as a Unix timestamp in seconds", "CreateTime 要用 Unix 时间戳，单位是秒";
    Fault::NoMsgType => "give the reply a MsgType, such as text", "给回复加上 MsgType，例如 text";
    Fault::UnknownMsgType(_) => "reply with a MsgType that WeChat knows: text, image, voice, video, music or news",
        "MsgType 用微信认识的：text、image、voice、video、music 或 news";
    Fault::NoContent => "reply success when there is nothing to say: WeChat refuses an empty Content",
        "没有内容要回时，就返回 success：微信不接受空的 Content";
    Fault::LongContent(_) => "cut Content to 2047 bytes: WeChat refuses anything longer", "把 Content 截到 2047 字节以内：太长的微信不接受";
    Fault::Forged(_) => "check the signature of every POST too: for now, anyone can write in a user's name",
        "每个 POST 请求也要校验签名：现在谁都可以冒用别人的名义发消息";
    Fault::Replayed(_) => "refuse a timestamp that is more than minutes from now: anyone who captured a request can reuse it forever",
        "timestamp 与当前时间相差超过几分钟的请求一律拒绝：否则谁截获了一个请求，谁就能一直用下去";
    Fault::PlainBody(_) => "refuse a body without Encrypt and msg_signature: otherwise the encryption protects nothing",
        "没有 Encrypt 和 msg_signature 的请求一律拒绝：否则加密形同虚设";
    Fault::RepeatLost => "give a repeated MsgId its first reply again: WeChat repeats because that one got lost",
        "遇到重复的 MsgId，把第一次的回复再给一遍：微信重发，就是因为没有收到第一次的";
    Fault::RepeatDiffers => "keep each reply for a minute by FromUserName and MsgId, and give it to the repeat",
        "按 FromUserName 和 MsgId 把回复保留一分钟，重发时给同一个回复";
    Fault::ClocksApart(_) => "set the clock that is wrong, and keep it synchronized (timedatectl set-ntp true)",
        "把时间不准的那台机器校准，并开启自动同步（timedatectl set-ntp true）";
}

chinese! { Diagnosis: Self { seen, cause } => "{}\n先做这一步：{}。", seen.chinese(), Fix(cause).chinese(); }

texts! { Ending, in language:
    Self::DoFirst(fault) => "Do this first: {}.", "先做这一步：{}。", Fix(fault).text(language);
    Self::ButForWarnings => "Everything works; see the warnings above.", "除了上面的警告，一切正常。";
    Self::Well => "Everything works: enter this URL on the platform.", "一切正常，可以把这个 URL 填到公众平台了。";
    Self::WellFromHere => "Everything works from here. WeChat needs the bot's public address: run doctor with that too.",
        "从这里看一切正常。微信要从公网访问，请用公网地址再运行一次 doctor。";
    Self::WellForTest => "Everything works for a test; for WeChat, put the bot on port 80 or 443.", "用来测试没有问题；要接入微信，请改用 80 或 443 端口。";
    Self::PlatformProbe => "What only WeChat can see, the platform's own 网络检测 and 消息推送调试 show (developers.weixin.qq.com).",
        "若仍不通，再用微信开发者平台的“网络检测”和“消息推送调试”来查只有微信那边才看得到的问题。";
}

texts! { CheckLine, in language:
    Self { check, finding: Ok(Fine::Warning(warning)), took } => "✓ {}: warning: {} {}", "✓ {}：警告：{}{}", check.text(language), warning.text(language), Took(*took).text(language);
    Self { check, finding: Ok(fine), took } => "✓ {}: {} {}", "✓ {}：{}{}", check.text(language), fine.text(language), Took(*took).text(language);
    Self { check, finding: Err(fault), took } => "✗ {}: {} {}", "✗ {}：{}{}", check.text(language), fault.text(language), Took(*took).text(language);
}

#[derive(Debug)]
struct Took(Duration);

texts! { Took, field 0:
    took if took.as_secs() == 0 => "({} ms)", "（{} 毫秒）", took.as_millis();
    took => "({:.1} s)", "（{:.1} 秒）", took.as_secs_f32();
}
