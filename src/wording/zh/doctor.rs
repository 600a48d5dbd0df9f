//! What doctor says.

use std::time::Duration;

use crate::{
    commands::doctor::finding::{Check, Ending, Fault, Finding, Fine, Fix, Line, Refusal, Warning},
    language::Say,
    network::TlsError,
    simulator::{ReplyError, answer::PostError},
};

chinese! { Check:
    Self::Address => "地址";
    Self::Connection => "连接";
    Self::Path => "路径";
    Self::Port => "端口";
    Self::Handshake => "验证 URL";
    Self::Handshake10 => "用 HTTP/1.0 验证 URL";
    Self::WrongToken => "错误的 Token";
    Self::Text => "文本消息";
    Self::Text10 => "用 HTTP/1.0 发文本消息";
    Self::Brackets => "含 ]]> 的文本";
    Self::LongText => "长文本";
    Self::Forged => "伪造的消息";
    Self::OldRequest => "过期的请求";
    Self::Clock => "时间";
    Self::Repeat => "重发的消息";
    Self::PlainBody => "未加密的消息";
}

chinese! { Fine:
    Self::Address(address) => "{address}";
    Self::Listens(host, port) => "{host} 的 {port} 端口连得上";
    Self::Answers(status) => "有响应，状态码 {status}";
    Self::Port(port) => "微信会访问 {port} 端口";
    Self::TestPort(port) => "{port} 端口只能自己测试用，填到公众平台的 URL 必须用 80 或 443 端口";
    Self::Echoed => "原样返回了 echostr";
    Self::NoWords => "收到了，没有回复";
    Self::Answered(text) => "回复了“{text}”";
    Self::AnsweredType(kind) => "回复了一条 {kind} 类型的消息";
    Self::TurnedAway(status) => "拒绝了，状态码 {status}";
    Self::Ignored => "拒绝了，没有响应";
    Self::SameAnswer => "重发同一条消息，得到同样的回复";
    Self::ClocksAgree => "服务器与本机一致";
    Self::NoClock => "服务器没有给出时间";
}

chinese! { Warning:
    Self::CannotTell => "服务器不回复文本消息，看不出它是否校验签名";
    Self::Replayable => "一天前签名的请求仍然有效：谁截获了一个请求，谁就能一直用下去";
    Self::ClocksApart(seconds) => "服务器与本机相差 {seconds} 秒";
    Self::ProxyAddress(ip) => "{ip} 是本机代理软件给的假地址，看不到微信会解析到哪里：请关掉代理软件再运行一次";
    Self::CalledPage => "回复的 Content-Type 是 text/html，建议改成 application/xml";
}

// What was seen.
chinese! { Fault:
    Self::NotPublic(host, address) => "{host} 指向 {address}，微信访问不到（平台的错误码是 -107）";
    Self::OnlyIpv6(host) => "{host} 只有 IPv6 地址，微信不访问（平台的错误码是 -107）";
    Self::Ipv6Address(host) => "{host} 是 IPv6 地址，微信不访问（平台的错误码是 -107）";
    Self::Dropped(host, port) => "{host} 的 {port} 端口 5 秒内没有响应";
    Self::NoAnswer(error) | Self::NoAnswer10(error) => "{}", error.chinese();
    Self::RedirectToSame(to, status) => "跳转到了同一个地址：{to}，状态码 {status}";
    Self::RedirectToSlash(to, status) => "跳转到了同一个地址，只是末尾多了斜杠：{to}，状态码 {status}";
    Self::RedirectToHttps(to, status) => "跳转到了 https：{to}，状态码 {status}";
    Self::RedirectToHttpsAndSlash(to, status) => "跳转到了 https，末尾还多了斜杠：{to}，状态码 {status}";
    Self::Redirect(to, status) | Self::RedirectToLogin(to, status) => "跳转到了 {to}，状态码 {status}";
    Self::RedirectNowhere(status) => "要求跳转，却没有说跳到哪里，状态码 {status}";
    Self::EmptyRefusal(status) => "被拒绝，状态码 {status}，没有说原因";
    Self::WantsHttps(status) => "这个端口是 https，不是 http，状态码 {status}";
    Self::WantsPassword(status) => "要求输入密码，状态码 {status}";
    Self::ProxyWithoutBot(status) => "反向代理连不上机器人，状态码 {status}";
    Self::WebServer(status) => "响应的是 Web 服务器或防火墙，不是机器人，状态码 {status}";
    Self::BrowsersOnly(None) => "Web 防火墙（WAF）放行浏览器，却不响应微信";
    Self::BrowsersOnly(Some(status)) => "Web 防火墙（WAF）放行浏览器，却拦下微信，状态码 {status}";
    Self::NothingHere => "这个路径下什么也没有，状态码 404";
    Self::NoGet(status) => "不接受 GET 请求，状态码 {status}";
    Self::ServerFails(status) => "服务器出错，状态码 {status}";
    Self::RefusedHandshake { status, said, .. } | Self::RefusedMessage { status, said, .. } if said.is_empty() => "被拒绝，状态码 {status}";
    Self::RefusedHandshake { status, said, .. } | Self::RefusedMessage { status, said, .. } => "被拒绝，状态码 {status}：{said}";
    Self::EchoChanged(said) => "返回的 echostr 跟发出的不一样：“{said}”";
    Self::NoEcho { said, .. } if said.is_empty() => "返回的内容是空的，没有 echostr";
    Self::NoEcho { said, .. } => "返回的是“{said}”，不是 echostr";
    Self::OtherStatus(status) => "echostr 返回了，但状态码是 {status}";
    Self::WebPage => "返回的是网页，不是 echostr";
    Self::EchoInPage => "返回的 echostr 外面套了 HTML";
    Self::EchoInTags => "返回的 echostr 外面套了标签";
    Self::EchoAfterBom => "echostr 前面有 BOM（字节顺序标记）";
    Self::EchoInQuotes => "返回的 echostr 带了引号";
    Self::EchoInWhitespace => "echostr 前后有空格";
    Self::EchoInLines => "echostr 前后有换行";
    Self::EchoAmid(text) => "echostr 前后有别的内容：“{text}”";
    Self::Chunks10 => "响应是分块传输的，而 HTTP/1.0 没有分块传输";
    Self::KeptOpen10 => "响应之后没有断开连接，而 HTTP/1.0 要靠断开连接来表示响应结束";
    Self::Refused10(status, said) => "拒绝了 HTTP/1.0 请求，状态码 {status}：{said}";
    Self::AnyToken => "Token 不对也能通过验证";
    Self::Unreadable(error) => "{}", error.chinese();
    Self::ReplyInPage => "回复外面套了网页（text/html）";
    Self::NotEncrypted => "回复没有加密";
    Self::EmptyReply => "回复的 <xml> 里是空的";
    Self::NamesNotSwapped => "回复的收发双方没有对调";
    Self::Milliseconds => "CreateTime 用的是毫秒";
    Self::WrongTime(text) => "CreateTime 是“{text}”，不是当前时间";
    Self::NoMsgType => "回复没有 MsgType";
    Self::UnknownMsgType(kind) => "回复的 MsgType 是“{kind}”，微信不认识";
    Self::NoContent => "回复没有 Content";
    Self::LongContent(bytes) => "Content 有 {bytes} 字节";
    Self::Forged(text) | Self::Replayed(text) | Self::PlainBody(text) => "本该拒绝，却回复了“{text}”";
    Self::RepeatLost => "重发同一条消息，没有得到回复";
    Self::RepeatDiffers => "重发同一条消息，得到了不同的回复";
    Self::ClocksApart(seconds) => "服务器与本机相差 {seconds} 秒";
}

// What to do about it.
chinese! { Fix<'_>, 0:
    Fault::NotPublic(..) => "把域名的 A 记录指向服务器的公网地址，或者使用内网穿透";
    Fault::OnlyIpv6(_) => "给域名加一条 A 记录：微信只访问 IPv4";
    Fault::Ipv6Address(_) => "URL 里改用服务器的 IPv4 地址，或者有 A 记录的域名";
    Fault::Dropped(_, port) => "在服务器的防火墙和云服务商的安全组里放行 {port} 端口";
    Fault::NoAnswer(PostError::UnknownHost(_)) => "改正 URL 里的域名，或者域名的 DNS 记录";
    Fault::NoAnswer(PostError::Refused { .. }) => "在那台机器上启动机器人，或者改正 URL 里的端口";
    Fault::NoAnswer(PostError::TooSlow) => "看看服务器是不是在运行（systemctl status 'daoxiao*'），是什么拖慢了它：微信只等 5 秒";
    Fault::NoAnswer(PostError::Unreachable { .. }) => "改正 URL 里的地址，或者检查网络：从这台机器到不了那个地址";
    Fault::NoAnswer(PostError::Tls(TlsError::Untrusted)) => "换用受信任的证书机构签发的证书，并配上完整的证书链（fullchain.pem），或者改用 80 端口的 http";
    Fault::NoAnswer(PostError::Tls(TlsError::Expired)) => "更新证书，并设好自动续期（certbot renew）";
    Fault::NoAnswer(PostError::Tls(TlsError::NotYetValid)) => "本机的时间若是慢了，先校准（timedatectl）；若不慢，就换用已经生效的证书";
    Fault::NoAnswer(PostError::Tls(TlsError::OtherName)) => "换用这个域名的证书，或者把 URL 改成证书上的域名";
    Fault::NoAnswer(PostError::Tls(TlsError::NotTls)) => "把 URL 改成 http://，或者在机器人前面配上 https（Caddy、nginx 或内网穿透）";
    Fault::NoAnswer(PostError::Tls(_)) => "改正服务器的 TLS 配置，或者改用 80 端口的 http";
    Fault::NoAnswer(PostError::Broken(_)) => "检查两边之间的网络，看是什么切断了连接";
    Fault::NoAnswer(PostError::Closed) => "查看服务器的日志：是它或它前面的程序断开了连接";
    Fault::NoAnswer(PostError::TooLarge) => "让 URL 指向机器人：回复不会这么大";
    Fault::NoAnswer(PostError::NotHttp) => "查一查是什么程序在监听这个端口";
    Fault::RedirectToSame(..) => "机器人前面有防火墙之类的程序要求 Cookie 或执行脚本，让它放行这个路径：微信两样都没有";
    Fault::RedirectToSlash(..) => "URL 末尾也写上斜杠：微信不跟随跳转";
    Fault::RedirectToHttps(..) => "把 URL 改成 https://，或者让 http 也直接响应：微信不跟随跳转";
    Fault::RedirectToHttpsAndSlash(..) => "把 URL 改成 https://，末尾也写上斜杠：微信不跟随跳转";
    Fault::RedirectToLogin(..) => "让服务器在这个路径上直接响应，不要求登录，也不检查 CSRF：微信不会登录，也不跟随跳转";
    Fault::Redirect(..) => "直接填跳转后的地址：微信不跟随跳转";
    Fault::RedirectNowhere(_) => "用状态码 200 响应：微信不跟随跳转";
    Fault::EmptyRefusal(_) => "让反向代理用普通的 HTTP/1.1 转发，不要加 PROXY protocol；没有反向代理，就查看服务器的日志";
    Fault::WantsHttps(_) => "把 URL 改成 https://";
    Fault::WantsPassword(_) => "这个路径不要设密码：微信不会输入密码";
    Fault::ProxyWithoutBot(_) => "启动反向代理后面的机器人，或者改正反向代理里填的地址";
    Fault::WebServer(_) => "让 Web 服务器或防火墙把这个域名和路径转给机器人，或者改正 URL";
    Fault::BrowsersOnly(_) => "让防火墙对这个路径一律放行：微信不是浏览器，它的 User-Agent 是 Mozilla/4.0";
    Fault::NothingHere => "改正 URL 里的路径：daoxiao 默认响应 / 和 /wechat，可以用 --path 修改";
    Fault::NoGet(_) => "让服务器在这个路径上同时响应 GET 和 POST";
    Fault::RefusedHandshake { stale: None, .. } | Fault::NoEcho { stale: None, .. } => "让三处的 Token 相同：这里的环境变量 WECHAT_TOKEN、机器人的 WECHAT_TOKEN、公众平台表单里填的 Token；有反向代理的，还要让它保留 URL 里 ? 后面的部分";
    Fault::RefusedHandshake { stale: Some(apart), .. } | Fault::NoEcho { stale: Some(apart), .. } => "校准时间：服务器与本机相差 {apart} 秒";
    Fault::EchoChanged(_) => "把 echostr 当作文本原样返回：转成数字会丢掉几位";
    Fault::OtherStatus(_) => "用状态码 200 响应：别的状态码微信未必接受";
    Fault::WebPage => "让 URL 指向机器人：这个地址、路径或反向代理指向的是网站";
    Fault::EchoInPage => "只返回 echostr 的文本，不要套网页模板";
    Fault::EchoInTags => "只返回 echostr 的文本，不要套模板或 XML";
    Fault::EchoAfterBom => "把服务器的代码文件存成不带 BOM 的 UTF-8";
    Fault::EchoInQuotes => "直接返回 echostr 的文本，不要转成 JSON";
    Fault::EchoInWhitespace => "只输出 echostr，前后不要加空格";
    Fault::EchoInLines => "输出 echostr 时不要换行，代码之外也不要留空行";
    Fault::EchoAmid(_) => "只返回 echostr，不要有别的内容";
    Fault::Chunks10 => "请求是 HTTP/1.0 时，用 Content-Length 响应，不要分块：两种版本微信都会用";
    Fault::KeptOpen10 => "请求是 HTTP/1.0 时，响应之后断开连接：两种版本微信都会用";
    Fault::Refused10(..) | Fault::NoAnswer10(_) => "让服务器和反向代理也接受 HTTP/1.0：两种版本微信都会用";
    Fault::AnyToken => "在服务器上校验签名：现在谁都可以冒充微信";
    Fault::Unreadable(ReplyError::NotUtf8) => "用 UTF-8 编码回复";
    Fault::Unreadable(ReplyError::NotXml(_)) => "回复格式正确的 XML，或者只回复 success；文本里的 ]]> 要拆到两个 CDATA 里";
    Fault::Unreadable(ReplyError::KeyMissing) => "在这里设置 WECHAT_ENCODING_AES_KEY 和 WECHAT_APPID：服务器用的是安全模式";
    Fault::Unreadable(ReplyError::Missing(_)) => "加密的回复要有 Encrypt、MsgSignature、TimeStamp 和 Nonce";
    Fault::Unreadable(ReplyError::MsgSignature) => "用 Token、TimeStamp、Nonce 和 Encrypt 四项计算 MsgSignature";
    Fault::ReplyInPage => "只返回 XML，前后不要有别的内容，Content-Type 用 application/xml";
    Fault::RefusedMessage { status: 404 | 405 | 501, .. } => "让服务器在这个路径上也响应 POST，不能只有 GET";
    Fault::RefusedMessage { status: 413, .. } => "把消息缩短一些，用户发不出这么长的消息";
    Fault::RefusedMessage { status: 400, has_key: true, .. } => "服务器没有密钥：请给它设置 WECHAT_ENCODING_AES_KEY 和 WECHAT_APPID";
    Fault::RefusedMessage { status: 400..=499, has_key: true, .. } | Fault::Unreadable(ReplyError::Crypt(_)) => "让三处的 EncodingAESKey 和 AppID 相同：这里、机器人、公众平台；明文模式下都不要设";
    Fault::RefusedMessage { status: 400..=499, has_key: false, .. } => "服务器若是安全模式，请在这里设置 WECHAT_ENCODING_AES_KEY 和 WECHAT_APPID；若不是，请查看服务器的日志";
    Fault::RefusedMessage { .. } | Fault::ServerFails(_) => "查看服务器的日志";
    Fault::NotEncrypted => "把回复加密：安全模式下微信只接受加密的回复";
    Fault::EmptyReply => "回复里要有 ToUserName、FromUserName、CreateTime、MsgType 和 Content，或者只回复 success";
    Fault::NamesNotSwapped => "把收发双方对调：回复里的 ToUserName 填用户的 OpenID，FromUserName 填公众号的原始 ID";
    Fault::Milliseconds => "CreateTime 要用秒：除以 1000";
    Fault::WrongTime(_) => "CreateTime 要用 Unix 时间戳，单位是秒";
    Fault::NoMsgType => "给回复加上 MsgType，例如 text";
    Fault::UnknownMsgType(_) => "MsgType 用微信认识的：text、image、voice、video、music 或 news";
    Fault::NoContent => "没有内容要回时，就返回 success：微信不接受空的 Content";
    Fault::LongContent(_) => "把 Content 截到 2047 字节以内：太长的微信不接受";
    Fault::Forged(_) => "每个 POST 请求也要校验签名：现在谁都可以冒用别人的名义发消息";
    Fault::Replayed(_) => "timestamp 与当前时间相差超过几分钟的请求一律拒绝：否则谁截获了一个请求，谁就能一直用下去";
    Fault::PlainBody(_) => "没有 Encrypt 和 msg_signature 的请求一律拒绝：否则加密形同虚设";
    Fault::RepeatLost => "遇到重复的 MsgId，把第一次的回复再给一遍：微信重发，就是因为没有收到第一次的";
    Fault::RepeatDiffers => "按 FromUserName 和 MsgId 把回复保留一分钟，重发时给同一个回复";
    Fault::ClocksApart(_) => "把时间不准的那台机器校准，并开启自动同步（timedatectl set-ntp true）";
}

chinese! { Refusal: Self { seen, cause } => "{}\n先做这一步：{}。", seen.chinese(), Fix(cause).chinese(); }

chinese! { Ending:
    Self::DoFirst(fault) => "先做这一步：{}。", Fix(fault).chinese();
    Self::ButForWarnings => "除了上面的警告，一切正常。";
    Self::Well => "一切正常，可以把这个 URL 填到公众平台了。";
    Self::WellFromHere => "从这里看一切正常。微信要从公网访问，请用公网地址再运行一次 doctor。";
    Self::WellForTest => "用来测试没有问题；要接入微信，请改用 80 或 443 端口。";
    Self::PlatformProbe => "若仍不通，再用微信开发者平台的“网络检测”和“消息推送调试”来查只有微信那边才看得到的问题。";
}

impl Say for Line {
    fn chinese(&self) -> String {
        let check = self.check.chinese();
        let said = match &self.finding {
            Finding::Fine(fine) => format!("✓ {check}：{}", fine.chinese()),
            Finding::Warning(warning) => format!("✓ {check}：警告：{}", warning.chinese()),
            Finding::Wrong(fault) => format!("✗ {check}：{}", fault.chinese()),
        };
        if self.took < Duration::from_secs(1) {
            format!("{said}（{} 毫秒）", self.took.as_millis())
        } else {
            format!("{said}（{:.1} 秒）", self.took.as_secs_f32())
        }
    }
}
