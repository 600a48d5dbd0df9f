//! What is said about sources of jokes: of their errors in Chinese, of all else in each language.

use std::fmt::{self, Display, Formatter};

use url::ParseError;

use crate::{
    commands::{joke::JokeError, joke_args::JokeArgsError},
    joke::{
        CharsetError, CharsetReason, FetchError, LeftOut, MAX_SHOWN, Mistake, PageError, ReadAs,
        Reason, SelectorError, SourceError, SourceResult, TooComplex, UrlError,
    },
    language::{Language, Localize},
    printable::printable,
};

chinese! { JokeError:
    Self::NoSource => "没有笑话：没有来源，也没有 --jokes 文件";
    Self::NoJoke => "没有笑话：各个来源的情况见上面";
}

texts! { SourceResult, in language:
    result @ SourceResult { outcome: Ok(found), .. } if found.left_out.total() == 0 => "{}items matched: {}, jokes: {}, none left out",
        "{}选中 {} 条，笑话 {} 条，没有舍去的", Origin(result).text(language), found.jokes.len(), found.jokes.len();
    result @ SourceResult { outcome: Ok(found), .. } => "{}items matched: {}, jokes: {}, {} left out: {}", "{}选中 {} 条，笑话 {} 条，舍去 {} 条：{}",
        Origin(result).text(language), found.jokes.len() + found.left_out.total(), found.jokes.len(), found.left_out.total(), found.left_out.text(language);
    result @ SourceResult { outcome: Err(error), .. } => "{}{}", "{}{}", Origin(result).text(language), error.text(language);
}

/// Where an answer is from, and what it was taken for.
#[derive(Debug)]
struct Origin<'a>(&'a SourceResult);

texts! { Origin<'_>, in language, field 0:
    SourceResult { source, url, read_as: None, .. } => "{}: {url}: ", "{}：{url}：", term(source, language);
    SourceResult { source, url, read_as: Some(read_as), .. } => "{}: {url}: {}: ", "{}：{url}：{}：", term(source, language), read_as.text(language);
}

chinese! { ReadAs, in language: Self { format, charset, reason } => "{}，编码 {charset}（{}）", term(format, language), reason.chinese(); }

/// Words the terms that are the same wherever they are said.
fn term(english: &'static str, language: Language) -> &'static str {
    match (language, english) {
        (Language::Chinese, "custom") => "自定义",
        (Language::Chinese, "plain text") => "纯文本",
        (Language::Chinese, "XML, and no feed") => "XML，但不是订阅源",
        _ => english,
    }
}

chinese! { CharsetReason:
    Self::Set => "按 --joke-charset";
    Self::Mark => "按 BOM";
    Self::Header => "按 Content-Type";
    Self::Page => "按网页自己的声明";
    Self::Default => "默认";
    Self::IsUtf8 => "内容是这种编码，与声明不符";
    Self::Fits => "内容符合这种编码，不符合声明";
}

chinese! { JokeArgsError:
    Self::NoSuchSource(names) => "应为 {} 或 none", names.join("、");
    Self::NoneOfSome(names) => "--joke-source {names}：none 表示不用任何来源，不能和别的一起写";
    Self::SourceTwice(name) => "--joke-source {name}：写了两次，每个来源只写一次";
    Self::NoJokes(name) => "{name}：文件里没有笑话；每两条笑话之间要有一行 % 或一个空行";
    Self::Charset(name) => "{name}：文件不是 UTF-8、UTF-16 或 GBK";
}

chinese! { SourceError:
    Self::Fetch(error) => "{}", error.chinese();
    Self::Page(error) => "{}", error.chinese();
    Self::ForeignLinks => "选中的链接都不指向本站的其他网页";
    Self::Panic => "daoxiao 出错了（程序的 bug），读不了这个网页";
    Self::NoThread => "没有可用的线程来抓取";
}

chinese! { FetchError:
    Self::TimedOut => "没有在限定时间内返回";
    Self::Status(status) => "网站响应的状态码是 {status}";
    Self::Refused(status, said) => "网站响应的状态码是 {status}：{}", printable(said, MAX_SHOWN);
    Self::TooLarge => "网页太大";
    Self::Packed(name) => "响应是用 {name} 压缩的，读不了";
    Self::TooManyRedirects => "跳转次数太多";
    Self::Location(url) => "跳转到了 {url}，那不是网页的 URL";
    Self::NotHttps => "从 https 跳转到了别的协议";
    Self::NotPublic => "从公网地址跳转到了非公网地址";
    Self::NoSuchHost => "找不到主机";
    Self::Url(error) => "{}", error.chinese();
    Self::Connection(error) => "连接失败：{}", error.chinese();
    Self::Tls(error) => "{}", error.chinese();
    Self::NotHttp => "收到的不是正确的 HTTP 响应";
    Self::Unpack(_) => "响应解压失败";
    Self::BadUrl => "这个 URL 不能用";
    Self::Other(error) => "抓取失败（{error}）";
}

chinese! { PageError:
    Self::Empty => "网页是空的";
    Self::TooLarge => "网页太大";
    Self::Type(kind) => "网页的类型是 {kind}，里面不会有笑话";
    Self::NoSelector(format) => "网页是 {}，需要用 --joke-item 选出每条笑话，例如 li.joke", term(format, Language::Chinese);
    Self::NoContentSelector => "链接指向的网页是 HTML，需要用 --joke-content 选出笑话";
    Self::NoMarkup => "网页是纯文本，没有元素可选；纯文本不需要选择器";
    Self::Data => "网页是表格或程序代码，不在里面找笑话；能读的是 JSON、订阅源、HTML 和纯文本";
    Self::BrokenJson(error) => "网页像是 JSON，但读不了（{error}）";
    Self::BrokenXml(error) => "网页是 XML，但读不了（{error}）";
    Self::ApiError(message) => "接口返回的是错误：{}", printable(message, MAX_SHOWN);
    Self::NoPath(path) => "网页是 JSON，按 {path} 什么也找不到：--joke-item 是路径，例如 data.list，--joke-content 是它里面的路径";
    Self::NoUsualPath => "网页是 JSON，里面没有常见的笑话字段：--joke-item 是路径，例如 data.list，--joke-content 是它里面的路径";
    Self::NoLinks => "选择器（--joke-link）在网页上没有选中链接";
    Self::TooComplex(error) => "网页太复杂：{}", error.chinese();
    Self::TooDeep => "网页的嵌套太深";
    Self::NoItems => "选择器（--joke-item）在网页上什么也没选中";
    Self::NothingLeft(left_out) => "选中 {} 条，全部舍去：{}", left_out.total(), left_out.chinese();
}

chinese! { TooComplex:
    Self::Tags => "标签太多";
    Self::Levels => "起始标签太多";
    Self::Attributes => "有的标签属性太多";
}

impl Localize for LeftOut {
    fn chinese(&self) -> String {
        let counts = self.iter();
        let counts = counts.map(|(reason, count)| format!("{} {count} 条", reason.chinese()));
        counts.collect::<Vec<_>>().join("，")
    }
}

chinese! { Reason:
    Self::Empty => "没有文字的";
    Self::Short => "太短的";
    Self::Long => "太长、放不进一条回复的";
    Self::Lines => "行数太多的";
    Self::Cut => "网站没有给全的";
    Self::OnlyLink => "只有一个链接的（可用 --joke-link 打开它）";
    Self::Skipped => "含有要跳过的词的";
    Self::Banned => "含有违禁词的";
    Self::Link => "含有链接的";
    Self::Markup => "还留着标签的";
    Self::Secret => "含有网址里的密钥的";
    Self::Garbled => "有乱码的（编码对吗？）";
    Self::Twice => "重复的";
    Self::More => "已经够多、用不上的";
}

chinese! { UrlError:
    Self::Scheme => "URL 要以 http:// 或 https:// 开头";
    Self::Pages => "大括号里只能写一个页码范围，从小到大，例如 {{1-50}} 或 {{01-50}}";
    Self::Parse(ParseError::EmptyHost) => "URL 里没有主机名";
    Self::Parse(ParseError::InvalidPort) => "URL 里的端口不对，应为 1 到 65535";
    Self::Parse(ParseError::InvalidIpv4Address | ParseError::InvalidIpv6Address) => "URL 里的 IP 地址不对";
    Self::Parse(ParseError::IdnaError | ParseError::InvalidDomainCharacter) => "URL 里的主机名不对";
    Self::Parse(error) => "不是正确的 URL（{error}）";
}

chinese! { CharsetError: Self => "没有这种编码；可用的有 utf-8、gb2312、gbk、gb18030、big5，以及 WHATWG 编码标准里的其他名称"; }

chinese! { SelectorError:
    Self { at, mistake } => "第 {at} 个字符：{}；选择器由标签名、*、.class、#id、[attr]、[attr=值]、[attr^=开头]、[attr*=一部分] 组成，中间用空格（里面任意一层）或 >（直接的下一层）连接",
        mistake.chinese();
}

chinese! { Mistake:
    Self::NothingHere => "缺少元素";
    Self::Unexpected(char) => "{char:?} 在这里没有意义";
    Self::PseudoClass(name) => "不认识 {name}；浏览器的“复制选择器”会带它，去掉它才能选中每一条";
    Self::NoName(char) => "{char:?} 后面要有名称";
    Self::Unclosed(char) => "{char:?} 没有配对";
    Self::NoValue => "后面要有值";
    Self::LeadingChild => "只有在一条笑话里面选，才能以 > 开头";
}
