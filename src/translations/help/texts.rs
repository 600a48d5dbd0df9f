//! The help texts of commands and flags.

/// What a command does, in a line; and what stands below its flags.
pub(super) fn command(name: &str) -> (&'static str, &'static str) {
    match name {
        "daoxiao" => (
            "微信公众号机器人：把你的话倒过来说，要笑话就讲笑话",
            DAOXIAO,
        ),
        "serve" => ("响应微信的请求；不写命令时，默认就是它", SERVE),
        "chat" => ("在终端里跟机器人聊天，不需要公众号，也不需要联网", CHAT),
        "say" => ("像微信服务器那样给机器人发一条消息，打印它的回复", SAY),
        "sign" => (
            "打印签好名的查询字符串，给 curl 用：signature=…&timestamp=…&nonce=…",
            SIGN,
        ),
        "doctor" => ("模拟微信服务器，找出微信和你的服务器为什么连不通", DOCTOR),
        "joke" => ("现在就抓取笑话并打印，用来试一个来源或选择器", JOKE),
        "words" => ("检查你自己的回复文件，看看哪句话会得到什么回复", WORDS),
        "cgi" => ("作为 CGI 程序，响应 Web 服务器的一个请求", CGI),
        "healthcheck" => (
            "问问本机上的机器人是否正常，给容器的 HEALTHCHECK 用",
            HEALTHCHECK,
        ),
        "completions" => ("打印命令行补全脚本", COMPLETIONS),
        "man" => ("打印手册页", MAN),
        "help" => ("显示帮助，或某个命令的帮助", ""),
        _ => ("", ""),
    }
}

/// What a flag or argument of a command means.
pub(super) fn argument(command: &str, id: &str) -> &'static str {
    match (command, id) {
        ("help", "subcommand") => "哪个命令",
        ("serve", "listen") => "监听的端口，或地址和端口；端口 0 表示自动选一个空闲端口",
        ("serve", "path") => "微信请求的路径；多个路径可重复这个参数，或用逗号隔开",
        ("serve", "trust_proxy") => {
            "日志里的对方地址改从 X-Forwarded-For 读取；只有前面的反向代理会设置这个请求头时，才能打开"
        }
        ("serve", "max_connections") => "最多同时保持多少个连接",
        ("serve", "max_memory") => "内存上限（MiB），快到时就换一个新的工作进程",
        ("chat", "url") => "跟这个地址上的机器人聊天，而不是临时启动一个",
        ("chat", "web") => "在浏览器里聊天，页面上还能看到微信实际发送的内容",
        ("chat", "listen") => {
            "页面的端口，或地址和端口；端口 0 表示自动选一个空闲端口。不是本机回环地址时，页面的网址里会带一个密钥"
        }
        ("say", "url") => "机器人的地址",
        ("say", "text") => "消息的文字，多个词用空格连起来；不写或写 - 则从标准输入读",
        ("say", "event") => "不发文字，发一个事件：subscribe、unsubscribe、CLICK、VIEW、SCAN……",
        ("say", "key") => "事件的 EventKey，例如被点的菜单项的 key",
        ("say", "user") => "发消息的用户的 OpenID",
        ("say", "raw") => "打印回复的 XML（已解密），而不是文字",
        ("say", "json") => "不论结果如何，打印一个 JSON 对象",
        ("say", "quiet") => "什么也不打印，只看退出码",
        ("doctor", "url") => "公众平台表单里填的、或要填的 URL",
        ("doctor", "json") => "打印一个 JSON 对象，而不是一行一行的文字",
        ("doctor", "quiet") => "只打印有问题的",
        ("joke", "all") => "抓取所有来源，打印全部笑话，而不是抓到笑话就停",
        ("joke", "count") => "随机打印几条；用了 --all 则是每个来源几条；默认 1",
        ("words", "file") => "你自己的回复文件，跟 --words 用的是同一个",
        ("healthcheck", "listen") => "机器人监听的端口，或地址和端口",
        ("completions", "shell") => "哪种 shell：bash、elvish、fish、powershell 或 zsh",
        _ => shared(id),
    }
}

/// What a flag means that several commands have.
fn shared(id: &str) -> &'static str {
    match id {
        "help" => "显示帮助",
        "version" => "显示版本",
        "lang" => "用哪种语言显示：zh 或 en，默认看 LC_ALL、LC_MESSAGES、LANG",
        "log" => {
            "日志级别：off、error、warn、info、debug 或 trace，日志输出到标准错误；默认看环境变量 RUST_LOG，没有则为 info"
        }
        "quiet" => "只记需要你处理的日志，不多于 --log warn",
        "max_age" => {
            "请求的时间戳与现在最多相差几秒；0 表示不检查。它防不住的情况，见 docs/zh/settings.md"
        }
        "words" => "你自己的回复文件（TOML）：收到什么，回什么，见 docs/zh/words.md",
        "joke_source" => {
            "笑话来源，按顺序尝试：qiushidabaike、zol、biedoul、60s（默认全部）；none 表示一个也不用；可重复这个参数，或用逗号隔开"
        }
        "joke_url" => "不用内置的来源，改用你选的网页、订阅源或接口；{1-50} 代表页码",
        "joke_link" => {
            "用选择器选出 --joke-url 网页上的链接；程序会打开其中一个，在打开的网页里找笑话"
        }
        "joke_item" => {
            "选出每条笑话的 CSS 选择器；JSON 接口则写路径，例如 data.list；纯文本和订阅源不用写"
        }
        "joke_title" => "一条笑话里标题的选择器",
        "joke_content" => "一条笑话里正文的选择器；多个之间用逗号隔开",
        "joke_charset" => "--joke-url 网页的编码；网页自己的声明有误时才需要",
        "joke_skip" => "含有这个词的笑话不要；可重复这个参数，或用逗号隔开",
        "jokes" => "你自己的笑话文件，两条之间一行 % 或一个空行；每讲三条，有一条是你的",
        "joke_budget" => "要笑话的人最多等几毫秒",
        "joke_ttl" => "抓来的笑话保留几秒，之后再抓新的",
        _ => "",
    }
}

/// The heading of a part of a man page.
pub(super) fn man_heading(english: &str) -> Option<&'static str> {
    Some(match english {
        "NAME" => "名称",
        "SYNOPSIS" => "用法",
        "DESCRIPTION" => "说明",
        "NOTES" => "备注",
        "VERSION" => "版本",
        _ => return None,
    })
}

const DAOXIAO: &str = "\
不写命令、只写参数，就是启动服务：daoxiao --listen 0.0.0.0:80 等于
daoxiao serve --listen 0.0.0.0:80。参数和环境变量见 daoxiao serve --help。
想马上跟它聊天，用 daoxiao chat。

例：WECHAT_TOKEN=mysecrettoken daoxiao --listen 0.0.0.0:80";

const SERVE: &str = "\
密钥只从环境变量读，或从 …_FILE 变量指定的文件读（例如 WECHAT_TOKEN_FILE）：
  WECHAT_TOKEN             公众平台表单里填的 Token，3 到 32 个字母或数字；
                           不设则每次启动随机生成，并打印出来
  WECHAT_ENCODING_AES_KEY  EncodingAESKey，43 个字母或数字：设了就启用加密
  WECHAT_APPID             与它配套的 AppID

例：WECHAT_TOKEN=mysecrettoken daoxiao --listen 0.0.0.0:80";

const CHAT: &str = "\
每一行作为一条微信消息发给机器人，回复打印出来；没有回复时显示“（没有回复）”。
在终端里可以编辑这一行，用方向键找回以前输入过的内容；输入 quit、“退出”或按 Ctrl-D 结束。
也可以用管道输入。哪一行被拒绝或发不到，就在标准错误上说明原因，聊天继续，最后退出码为 1。
日志只显示错误，除非用 --log 或 RUST_LOG 另行指定。用 --url 时，WECHAT_TOKEN 要设成那个机器人的
Token（有密钥和 AppID 的也要设）。

用 --web 时聊天显示成网页，只有本机能打开；想在手机上打开，就用 --listen 0.0.0.0:8081，
再把打印出来的网址里的 0.0.0.0 换成本机在局域网里的 IP。

例：daoxiao chat
    daoxiao chat --web
    echo 笑话 | daoxiao chat
    WECHAT_TOKEN=mysecrettoken daoxiao chat --url http://127.0.0.1:8080/wechat";

const SAY: &str = "\
不写消息（TEXT），或写 -，则从标准输入读，在终端里按 Ctrl-D 结束。
WECHAT_TOKEN 是机器人的 Token；设了 WECHAT_ENCODING_AES_KEY 和 WECHAT_APPID，
消息就会加密，跟安全模式下的微信一样。
退出码：0 有回复，1 被拒绝或连不上，2 用法不对，3 收到了但没有回复，此时标准输出没有内容。
--json 的字段见 docs/zh/json.md。

例：WECHAT_TOKEN=mysecrettoken daoxiao say 你好
    date | WECHAT_TOKEN=mysecrettoken daoxiao say
    WECHAT_TOKEN=mysecrettoken daoxiao say --event CLICK --key 笑话";

const WORDS: &str = "\
从标准输入读用户发来的话，一行一句（在终端里按 Ctrl-D 结束），每句打印一行：机器人的回复，
一个制表符，用的是哪条规则。规则有几种：“第 5 行的第 1 条规则”是文件第 5 行的 [[reply]]；
joke_words、help_words、no_words、banned、otherwise 是那一项设置；“再讲一个”是用户再要一个
笑话。语音和菜单点击不在这里试。
退出码：0 文件没有问题，2 有问题，错误里说明是哪一行。

例：echo 几点开门 | daoxiao words words.toml";

const SIGN: &str = "\
WECHAT_TOKEN 是机器人的 Token。签名几分钟内有效
（见 daoxiao serve --help 里的 --max-age）。

例：curl \"http://127.0.0.1:8080/wechat?$(daoxiao sign)&echostr=hello\"";

const DOCTOR: &str = "\
WECHAT_TOKEN 是公众平台表单里填的 Token；安全模式的公众号还要设 WECHAT_ENCODING_AES_KEY
和 WECHAT_APPID。每项检查一行，✓ 或 ✗，最后告诉你先做什么。任何公众号服务器都能查，
不限于 daoxiao。
退出码：0 一切正常，1 有问题要改，2 用法不对。--json 的字段见 docs/zh/json.md。

例：WECHAT_TOKEN=mysecrettoken daoxiao doctor http://bot.example.com/wechat";

const JOKE: &str = "\
笑话打印在标准输出，两条之间一行 %，可以直接作为 --jokes 的文件；来源、识别成了什么格式、
舍去几条、为什么舍去，打印在标准错误。--jokes 文件 --joke-source none 打印文件里的笑话。

纯文本、订阅源和常见的 JSON 不需要选择器。HTML 和 XML 的选择器像 CSS 那样选元素。
选择器的每一段由这些组成，段内不写空格：标签名（或 *）、.class、#id、[attr]、[attr=值]、
[attr^=开头]、[attr*=一部分]；含有 ] 的值要加引号。两个选择器之间用逗号。
  dl.joke dd      class 是 joke 的 dl 里面任意一层的 dd
  dl.joke > dd    class 是 joke 的 dl 直接下一层的 dd
  > dd            用于标题或正文：一条笑话的直接下一层
JSON 不用选择器，用路径：--joke-item 写 data.list，--joke-content 写它里面的路径，例如 content；
写几个字段就分行拼起来，例如 setup,punchline。
不写 --joke-content，则标题以外的全部文字都算笑话。
--joke-link 选出网页上的链接，程序打开其中一个，再用 --joke-content 选出那里的笑话。
URL 里的 {1-50} 代表 1 到 50 之间的一个数（{01-50} 是两位数），每次抓取都换一个。
只有抓来的笑话是乱码时才需要 --joke-charset。URL 里有密钥的，最好设 DAOXIAO_JOKE_URL：
同一台机器上的其他人能看到命令行。

例：daoxiao joke --joke-url 'https://60s.viki.moe/v2/duanzi'
    daoxiao joke --all --joke-url 'https://example.com/jokes/{1-50}.html' \\
      --joke-item 'li.joke' --joke-title h3 --joke-content 'div.text'";

const CGI: &str = "\
Web 服务器每收到一个请求就运行它一次，路径由 Web 服务器决定。请求写在环境变量
REQUEST_METHOD、QUERY_STRING、CONTENT_LENGTH 里，请求体在标准输入；
响应写到标准输出，日志写到标准错误。必须设 WECHAT_TOKEN（有密钥和 AppID 的也要设）。
每个请求都重新启动一次，所以什么也不保留：每次要笑话都现抓，微信重发的消息重新回复。

例，放在 cgi-bin 里的脚本：
  #!/bin/sh
  WECHAT_TOKEN=mysecrettoken exec daoxiao cgi";

const HEALTHCHECK: &str = "\
请求的是 /healthz，不需要 Token。退出码：0 机器人有响应，1 没有响应。

例：HEALTHCHECK CMD [\"/daoxiao\", \"healthcheck\"]";

const COMPLETIONS: &str = "\
支持 bash、elvish、fish、powershell、zsh。

例：daoxiao completions bash > ~/.local/share/bash-completion/completions/daoxiao";

const MAN: &str = "\
先是整个程序的手册页，然后每个命令一页。

例：daoxiao man | man -l -";
