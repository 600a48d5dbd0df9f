//! Errors of everything but jokes, in Chinese; and notices, in each language.

use std::{
    fmt::{self, Display, Formatter},
    io::{self, ErrorKind},
};

use crate::{
    commands::{
        CommandError, Notice,
        args::ValueError,
        bot_args::WordsFileError,
        chat::web::WebError,
        healthcheck::HealthError,
        say::SayError,
        secrets::EnvironmentError,
        serve::{FIRST_THREADS, LimitError, MIN_MEMORY_KIB},
    },
    language::{Language, LanguageError, Localize},
    network::{SystemError, TlsError},
    simulator::{ReplyError, answer::SendError, url::UrlError},
    survival::{
        socket::ListenError,
        supervisor::SupervisorError,
        worker::{self, NoSupervisor},
    },
    wechat::{
        crypt::{AppIdError, CryptError, EncodingAesKeyError},
        signature::TokenError,
        xml::XmlError,
    },
    words::{Reason, Rule, WordsError},
};

texts! { Notice<'_>, in language:
    Self::Error(error) => "error: {}", "错误：{}", error.text(language);
    Self::RandomToken => "WECHAT_TOKEN is not set; this Token is random and for this run only. Enter it in the platform's form, and set the variable to keep it.",
        "没有设置 WECHAT_TOKEN，这个 Token 是随机生成的，只在本次运行有效：把它填到公众平台的表单里；以后还想用它，就设成环境变量。";
    Self::Joke => "(a joke)", "（笑话）";
    Self::NoAnswer => "(no answer)", "（没有回复）";
    Self::Accepted => "the bot accepted the message and has no answer to it", "机器人收到了，但没有回复";
    Self::HowToLeave => "To leave, type quit or 退出, or press Ctrl-D.", "输入“退出”或 quit，或按 Ctrl-D 结束。";
    Self::HowToEndSay => "Type the message, and end it with Ctrl-D.", "请输入消息，按 Ctrl-D 结束。";
    Self::HowToEndWords => "The file is right. Type a user's messages, one a line, and end with Ctrl-D.",
        "文件没有问题。请输入用户的话，每行一句，按 Ctrl-D 结束。";
    Self::OwnJokes { file, jokes } => "{}: jokes: {jokes}", "{}：笑话 {jokes} 条", file.display();
    Self::Listening(address) => "listening on http://{address}", "正在监听 http://{address}";
}

chinese! { CommandError:
    Self::Usage(error) | Self::Failure(error) => "{}", error.chinese();
    Self::Environment(error) => "{}", error.chinese();
    Self::Unreadable { name, error } => "{name}：读不了文件：{}", error.chinese();
    Self::Output(error) => "写不了标准输出：{}", error.chinese();
    Self::Input(error) => "读不了标准输入：{}", error.chinese();
}

chinese! { LanguageError: Self => "可用的值是 zh 和 en"; }

chinese! { ValueError:
    Self::Number { min, max } => "应为 {min} 到 {max} 之间的整数";
    Self::Address => "应为端口或“地址:端口”，例如 8080、0.0.0.0:8080 或 [::1]:8080";
    Self::Path => "应为 / 或 /wechat 这样的路径，只含可见的 ASCII 字符，不含 ? 和 #";
    Self::HealthPath => "/healthz 是机器人自己的健康检查路径，不能占用";
    Self::Level => "应为 off、error、warn、info、debug 或 trace";
    Self::Switch => "应为 true 或 false";
    Self::RustLog(value) => "RUST_LOG={value}：应为 off、error、warn、info、debug、trace，或 daoxiao=debug 这样的过滤规则";
}

chinese! { WordsFileError: Self { name, error } => "{name}：{}", error.chinese(); }

texts! { Rule:
    Self::Reply { number, line } => "reply {number}, line {line}", "第 {line} 行的第 {number} 条规则";
    Self::JokeWords => "joke_words", "joke_words";
    Self::HelpWords => "help_words", "help_words";
    Self::Again => "another joke", "再讲一个";
    Self::NoWords => "no_words", "no_words";
    Self::Banned => "banned", "banned";
    Self::Otherwise => "otherwise", "otherwise";
}

chinese! { WordsError: Self { line, reason } => "第 {line} 行：{}", reason.chinese(); }

chinese! { Reason:
    Self::Toml(reason) => "{}", toml(reason);
    Self::NoValue => "这里缺少 =；文字要换行，请写 \\n 或用 \"\"\"";
    Self::Form(form) => "应写成 {}", form.replace(" or ", " 或 ");
    Self::Twice(name) => "{name} 写了两次，只能写一次";
    Self::FullWidth(full, half) => "{full} 是中文标点，应为英文的 {half}";
    Self::NotUtf8 => "不是 UTF-8 编码，请把文件另存为 UTF-8";
    Self::Empty => "文字是空的，应有看得见的字";
    Self::TooLong(bytes) => "文字有 {bytes} 字节，微信最多收 2047 字节";
    Self::EmptyWord => "词是空的，应有看得见的字";
    Self::NoWords => "这条规则没有词；应有 words = [\"…\"] 或 exactly = [\"…\"]";
    Self::OneAnswer => "应有且只有一种回复：say = \"…\"、do = \"joke\" 或 do = \"nothing\"";
}

/// What the TOML parser says; a setting that there isn't is what an owner gets wrong most often.
fn toml(reason: &str) -> String {
    let rest = reason.strip_prefix("unknown field `");
    if let Some((name, known)) = rest.and_then(|rest| rest.split_once("`, expected one of ")) {
        let known = known.replace(", ", "、").replace('`', "");
        return format!("没有 {name} 这一项，可用的有 {known}");
    }
    match reason.rsplit_once(", expected `") {
        Some((_, missing)) if !missing.contains(',') || missing == ",`" => {
            format!("这里缺少 {}", missing.trim_end_matches('`'))
        }
        _ => {
            let known = SYNTAX.iter().find(|(english, _)| reason.contains(english));
            let otherwise = "不符合 TOML 的写法，应写成 help = \"…\" 这样";
            known.map_or(otherwise, |(_, chinese)| chinese).to_owned()
        }
    }
}

/// What the TOML parser's errors of syntax have in them, and what they mean.
const SYNTAX: [(&str, &str); 7] = [
    ("expected newline, `#`", "这一行末尾有多余的内容"),
    ("unquoted key", "等号左边应为英文的名字，例如 help"),
    ("escaped value", r"\ 后面的字符不对；文字里的 \ 要写成 \\"),
    ("unicode value", r"\ 后面的字符不对；文字里的 \ 要写成 \\"),
    ("extra comma", "多了一个逗号"),
    ("extra `=`", "多了一个等号"),
    ("extra =", "多了一个等号"),
];

chinese! { EnvironmentError:
    Self::Invalid { variable, expected } => "{variable} 的值不能用：{}", expected.chinese();
    Self::NoToken => "没有设置 WECHAT_TOKEN：请设成机器人的 Token，也就是公众平台表单里填的那个";
    Self::NoTokenOfService => "没有设置 WECHAT_TOKEN：服务的设置文件里要有一行 WECHAT_TOKEN=…，前面不要写 export";
    Self::Exported { variable } => "有个变量名叫“export {variable}”：设置文件里不要写 export";
    Self::Commented { variable } => "{variable} 的值不能用：值后面的注释会被当成值的一部分，请另起一行";
    Self::Spaced { variable } => "{variable} 的值不能用：里面有空格或换行";
    Self::NoAppId => "没有设置 WECHAT_APPID：已经设了 WECHAT_ENCODING_AES_KEY，加密要两个都有";
    Self::NoRequest => "没有设置 REQUEST_METHOD：这个命令由 Web 服务器来运行，请求写在环境变量里";
    Self::NoRandomness(error) => "无法随机生成 Token（{error}），请用 WECHAT_TOKEN 指定一个";
    Self::Unreadable { variable, path, error } => "{variable}：读不了文件 {}：{}", path.display(), error.chinese();
    Self::Twice { variable } => "{variable} 和 {variable}_FILE 都设了，只能设一个";
    Self::OnCommandLine { flag, variable } => "{flag}：密钥写在命令行里，别的程序也看得到；请设置环境变量 {variable}";
}

chinese! { TokenError: Self => "Token 应为 3 到 32 个字母或数字"; }
chinese! { EncodingAesKeyError: Self => "EncodingAESKey 应为 43 个字母或数字"; }
chinese! { AppIdError: Self => "AppID 应为 1 到 64 个字母或数字，例如 wxb11529c136998cb6"; }
chinese! { UrlError: Self => "应为 http://127.0.0.1:8080/wechat 这样的 URL，只含 ASCII 字符，端口从 1 到 65535，也可以不写"; }

chinese! { ListenError:
    Self { address, source } if source.kind() == ErrorKind::AddrInUse => "无法监听 {address}：端口已被占用；请停掉占用它的程序（用 ss -ltnp 'sport = :{}' 查看），或用 --listen 换一个端口", address.port();
    Self { address, source } if source.kind() == ErrorKind::PermissionDenied => "无法监听 {address}：监听 1024 以下的端口需要 CAP_NET_BIND_SERVICE；请运行一次 sudo setcap cap_net_bind_service=+ep 程序路径，或用 --listen 换成 1024 或更大的端口";
    Self { address, source } if source.kind() == ErrorKind::AddrNotAvailable => "无法监听 {address}：本机没有这个地址；0.0.0.0:{} 表示本机的所有地址", address.port();
    Self { address, source } => "无法监听 {address}：{}", source.chinese();
}

chinese! { WebError:
    Self::Listen(error) => "{}", error.chinese();
    Self::Serve(error) => "聊天页面意外停止（{error}）";
    Self::Ended(reason) => "聊天页面意外停止（{reason}）";
    Self::NoRandomness(error) => "无法为页面随机生成密钥（{error}）";
}

chinese! { LimitError:
    Self::Memory(allowed) => "允许的内存太少（ulimit -d）：{allowed} KiB，至少要 {MIN_MEMORY_KIB} KiB";
    Self::Threads(error) => "启动不了 {FIRST_THREADS} 个线程（ulimit -u）：{}", error.chinese();
}

chinese! { HealthError: Self(status) => "健康检查得到的状态码是 {status}，应为 200"; }

chinese! { SupervisorError:
    Self::Signals(error) => "无法接收信号：{}", io::Error::from(*error).chinese();
    Self::Worker(reason) => "工作进程启动失败（{reason}）";
}

chinese! { NoSupervisor: Self => "{} 是程序自己用的变量，不能设置", worker::VARIABLE; }

chinese! { SayError:
    Self::NoWords => "没有消息内容：请把消息写在命令后面，或从标准输入传入";
    Self::Dash => "- 表示从标准输入读，后面不能再写别的";
}

chinese! { SendError:
    Self::UnknownHost(host) => "找不到主机 {host}";
    Self::Refused(host, port) => "{host} 的 {port} 端口没有程序在监听";
    Self::TooSlow => "5 秒内没有响应";
    Self::Unreachable(host, error) => "连不上 {host}：{}", error.chinese();
    Self::Tls(error) => "{}", error.chinese();
    Self::Broken(error) => "连接中断：{}", error.chinese();
    Self::Closed => "没有响应，连接就断开了";
    Self::TooLarge => "响应超过 1 MiB";
    Self::NotHttp => "收到的不是 HTTP 响应，或者响应不完整";
}

chinese! { TlsError:
    Self::Untrusted => "证书是自签名的，或者证书链不完整";
    Self::Expired => "证书已过期";
    Self::NotYetValid => "证书还没有生效";
    Self::OtherName => "证书不是发给这个域名的";
    Self::NotTls => "这个端口是 http，不是 https";
    Self::Old => "TLS 连接失败：对方只支持旧版 TLS";
    Self::NoCipher => "服务器拒绝了 TLS 连接：双方没有都支持的加密算法";
    Self::Refused => "服务器拒绝了 TLS 连接";
    Self::Other(error) => "TLS 连接失败（{error}）";
}

chinese! { ReplyError:
    Self::NotUtf8 => "回复不是 UTF-8 编码";
    Self::NotXml(error) => "回复不是格式正确的 XML（{}）", error.chinese();
    Self::KeyMissing => "回复是加密的，而这里没有密钥";
    Self::Missing(name) => "加密的回复缺少 {name}";
    Self::MsgSignature => "回复的 MsgSignature 不对";
    Self::Crypt(error) => "回复无法解密：{}", error.chinese();
}

chinese! { XmlError:
    Self::NotUtf8 => "不是 UTF-8 编码";
    Self::NotWellFormed { row, column } => "第 {row} 行第 {column} 个字符起写得不对";
    Self::Dtd => "里面有 DOCTYPE 声明";
    Self::Root => "最外层不是 <xml>";
    Self::Twice(name) => "{name} 出现了两次";
    Self::TooComplex => "元素、层次或属性太多";
}

chinese! { CryptError:
    Self::Base64 => "密文不是 base64";
    Self::Length => "密文的长度不是 32 字节的整数倍";
    Self::Padding => "填充不对，WECHAT_ENCODING_AES_KEY 是这个公众号的吗？";
    Self::MessageLength => "消息声明的长度超出了实际内容";
    Self::AppId => "消息是发给另一个 AppID 的，WECHAT_APPID 是这个公众号的吗？";
    Self::Utf8 => "解密出来的内容不是 UTF-8 编码";
}

/// What the system says of a failure.
impl Localize for io::Error {
    fn chinese(&self) -> String {
        SystemError::from(self).chinese()
    }
}

chinese! { SystemError:
    Self { kind: ErrorKind::NotFound, .. } => "文件不存在";
    Self { kind: ErrorKind::PermissionDenied, .. } => "没有权限";
    Self { kind: ErrorKind::IsADirectory, .. } => "这是一个目录";
    Self { kind: ErrorKind::AddrInUse, .. } => "端口已被占用";
    Self { kind: ErrorKind::AddrNotAvailable, .. } => "本机没有这个地址";
    Self { kind: ErrorKind::StorageFull, .. } => "磁盘已满";
    Self { kind: ErrorKind::NotADirectory, .. } => "路径中有一段不是目录";
    Self { kind: ErrorKind::ConnectionRefused, .. } => "连接被拒绝，端口上没有程序在监听";
    Self { kind: ErrorKind::ConnectionReset, .. } => "连接被对方重置";
    Self { kind: ErrorKind::ConnectionAborted, .. } => "连接被中止";
    Self { kind: ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof, .. } => "对方提前关闭了连接";
    Self { kind: ErrorKind::HostUnreachable, .. } => "没有通往这台主机的路由";
    Self { kind: ErrorKind::NetworkUnreachable, .. } => "没有通往这个网络的路由";
    Self { kind: ErrorKind::NetworkDown, .. } => "本机的网络没有启用";
    Self { kind: ErrorKind::InvalidInput, .. } => "参数无效";
    Self { kind: ErrorKind::TimedOut, .. } => "超时";
    Self { text, .. } => "系统报错（{text}）";
}
