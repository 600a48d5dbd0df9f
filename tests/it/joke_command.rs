//! `daoxiao joke`: trying out a source.

use std::{
    io::{Read, Write},
    process::{Output, Stdio},
};

use crate::{
    fake::{Certificate, Fake, HANDSHAKE_FAILURE, INTERNAL_ERROR, PROTOCOL_VERSION},
    support::{Temporary, daoxiao, site::Site},
};

fn joke(arguments: &[&str]) -> Output {
    let mut command = daoxiao(&[&["joke"], arguments].concat());
    command.stdin(Stdio::null()).output().unwrap()
}

fn texts(output: &Output) -> (Option<i32>, &str, &str) {
    let text = |bytes| std::str::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

const LIST: &str =
    "<ul><li>一号笑话在此<li>二号笑话在此<li>短<li>三号笑话，查看更多<li>四号笑话在此</ul>";

#[test]
fn all_jokes_are_printed_and_where_they_are_from_and_what_was_left_out() {
    let site = Site::page("text/html; charset=utf-8", LIST);
    let url = site.url("/");
    let output = joke(&["--all", "--joke-url", &url, "--joke-item", "ul > li"]);
    assert_eq!(
        texts(&output),
        (
            Some(0),
            "一号笑话在此\n%\n二号笑话在此\n%\n四号笑话在此\n",
            &*format!(
                "custom: {url}: HTML in UTF-8 (as its Content-Type says): items matched: 5, jokes: 3, \
                 2 left out: 1 under 6 characters, 1 cut short by the site\n"
            ),
        )
    );
}

#[test]
fn one_joke_is_printed_or_as_many_as_asked_for() {
    let site = Site::page("text/html; charset=utf-8", LIST);
    let url = site.url("/");
    for (count, printed) in [(None, 1), (Some("1"), 1), (Some("2"), 2), (Some("9"), 3)] {
        let mut arguments = vec!["--joke-url", &url, "--joke-item", "li"];
        arguments.extend(count.iter().flat_map(|count| ["--count", count]));
        let output = joke(&arguments);
        let (code, jokes, _) = texts(&output);
        assert_eq!(code, Some(0));
        assert_eq!(jokes.split("\n%\n").count(), printed, "{count:?}: {jokes}");
    }
}

#[test]
fn a_page_range_is_filled_in_and_the_page_is_named() {
    let site = Site::page("text/plain; charset=utf-8", "一个很短的笑话");
    let output = joke(&["--joke-url", &site.url("/{7-7}")]);
    let (code, jokes, said) = texts(&output);
    assert_eq!((code, jokes), (Some(0), "一个很短的笑话\n"));
    assert_eq!(
        said,
        format!(
            "custom: {}: plain text in UTF-8 (as its Content-Type says): items matched: 1, jokes: 1, none left out\n",
            site.url("/7")
        )
    );
}

#[test]
fn without_a_joke_the_reason_is_told_and_the_exit_code_is_1() {
    for (content_type, body, item, reason) in [
        (
            "text/html",
            "<p>x",
            "li",
            "HTML in UTF-8 (which is the default): the item selector matches nothing on the page",
        ),
        ("text/html", "", "li", "the page is empty"),
        (
            "text/html",
            "<html><TITLE>502 Bad Gateway</TITLE><hr>nginx",
            "li",
            "HTML in UTF-8 (which is the default): the answer is an error: 502 Bad Gateway",
        ),
        (
            "text/html",
            "<li>x",
            "li",
            "HTML in UTF-8 (which is the default): 1 items matched and all were left out: 1 under 6 characters",
        ),
        (
            "text/html",
            "<li>x",
            "",
            "HTML in UTF-8 (which is the default): the page is HTML: --joke-item has to say what holds a joke, as li.joke does",
        ),
    ] {
        let site = Site::page(content_type, body);
        let url = site.url("/");
        let mut arguments = vec!["--joke-url", &url];
        if !item.is_empty() {
            arguments.extend(["--joke-item", item]);
        }
        let output = joke(&arguments);
        let said =
            format!("custom: {url}: {reason}\nerror: no joke: see above what each source said\n");
        assert_eq!(texts(&output), (Some(1), "", &*said));
    }
    let output = joke(&["--joke-source", "none"]);
    assert_eq!(
        texts(&output),
        (
            Some(1),
            "",
            "error: no joke: there is no source, and no --jokes file\n"
        )
    );
}

#[test]
fn a_site_that_is_not_there_is_told() {
    let site = Site::start(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 404 Gone\r\nContent-Length: 0\r\n\r\n");
    });
    let output = joke(&["--joke-url", &site.url("/")]);
    let (code, jokes, said) = texts(&output);
    assert_eq!((code, jokes), (Some(1), ""));
    assert!(
        said.contains(": the site answered with status 404\n"),
        "{said}"
    );
}

/// Why no page came, in both languages; what the system or a library says is only in English.
#[test]
fn a_site_that_cannot_be_read_is_told_in_either_language() {
    let nonsense = Site::start(|_, stream| {
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n\r\n");
    });
    let cut = Site::start(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx");
    });
    let packed = Site::start(|_, stream| {
        let _ = stream.write_all(
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Encoding: deflate\r\n\r\n\xff\xff\xff",
        );
    });
    let nameless = format!("http://{}/", "a".repeat(64));
    for (url, english, chinese) in [
        (
            nonsense.url("/"),
            "the answer isn't valid HTTP",
            "收到的不是正确的 HTTP 响应",
        ),
        (
            cut.url("/"),
            "Peer disconnected",
            "连接失败：对方提前关闭了连接",
        ),
        (
            packed.url("/"),
            "the answer can't be unpacked: corrupt deflate stream",
            "响应解压失败",
        ),
        (nameless, "the host is not known", "找不到主机"),
        (
            "http://255.255.255.255/".to_owned(),
            "Network is unreachable (os error 101)",
            "连接失败：没有通往这个网络的路由",
        ),
    ] {
        assert_told(&url, english, chinese);
    }
}

#[test]
fn each_fault_of_tls_is_told_in_either_language() {
    for (fake, english, chinese) in [
        (
            Fake::secure(Certificate::SelfSigned),
            "the certificate is self-signed, or its chain is incomplete",
            "证书是自签名的，或者证书链不完整",
        ),
        (
            Fake::secure(Certificate::NotYetValid),
            "the certificate isn't valid yet",
            "证书还没有生效",
        ),
        (
            Fake::refusing_tls(HANDSHAKE_FAILURE),
            "the server refused the TLS connection: it takes none of the ciphers offered",
            "服务器拒绝了 TLS 连接：双方没有都支持的加密算法",
        ),
        (
            Fake::refusing_tls(PROTOCOL_VERSION),
            "the TLS connection failed: the server speaks only an old TLS",
            "TLS 连接失败：对方只支持旧版 TLS",
        ),
        (
            Fake::refusing_tls(INTERNAL_ERROR),
            "the server refused the TLS connection",
            "服务器拒绝了 TLS 连接",
        ),
    ] {
        assert_told(&fake.url(), english, chinese);
    }
}

/// Why the source gave no joke, in both languages.
#[track_caller]
fn assert_told(url: &str, english: &str, chinese: &str) {
    let english =
        format!("custom: {url}: {english}\nerror: no joke: see above what each source said\n");
    let chinese = format!("自定义：{url}：{chinese}\n错误：没有笑话：各个来源的情况见上面\n");
    for (language, said) in [("en", english), ("zh", chinese)] {
        let output = joke(&["--lang", language, "--joke-url", url]);
        assert_eq!(texts(&output), (Some(1), "", &*said));
    }
}

#[test]
fn a_flag_that_cannot_be_used_is_exit_2_with_the_place() {
    let url = "http://x.cn/";
    for (flags, said) in [
        (
            vec!["--joke-item", "li:first-child"],
            "'li:first-child' for '--joke-item <SELECTOR>': at character 3: `:first-child` is not known; ",
        ),
        (
            vec!["--joke-item", "> li"],
            "'> li' for '--joke-item <SELECTOR>': at character 1: '>' can begin only a selector inside an item; ",
        ),
        (
            vec!["--joke-item", "li", "--joke-title", "h3["],
            "'h3[' for '--joke-title <SELECTOR>': at character 3: a name must follow '['; ",
        ),
        (
            vec!["--joke-item", "li", "--joke-content", "p >"],
            "'p >' for '--joke-content <SELECTOR>': at character 4: an element is missing; ",
        ),
        (
            vec!["--joke-charset", "martian"],
            "'martian' for '--joke-charset <NAME>': no such charset; known are utf-8, gb2312, gbk, ",
        ),
    ] {
        for command in ["joke", "serve"] {
            let mut command = daoxiao(&[&[command, "--joke-url", url], &flags[..]].concat());
            let output = command.stdin(Stdio::null()).output().unwrap();
            let (code, jokes, error) = texts(&output);
            assert_eq!((code, jokes), (Some(2), ""), "{error}");
            let said = format!("error: invalid value {said}");
            assert!(error.starts_with(&said), "{error}");
        }
    }
}

#[test]
fn sources_named_twice_are_exit_2() {
    let output = joke(&["--joke-source", "zol,60s", "--joke-source", "zol"]);
    let said = "error: --joke-source zol: it is there twice; name each source once\n";
    assert_eq!(texts(&output), (Some(2), "", said));
}

#[test]
fn urls_that_cannot_work_are_exit_2() {
    for (url, english, chinese) in [
        (
            "x.cn/{1-50}",
            "a URL begins with http:// or https://",
            "URL 要以 http:// 或 https:// 开头",
        ),
        ("http:///", "empty host", "URL 里没有主机名"),
        (
            "http://x.cn:99999/",
            "invalid port number",
            "URL 里的端口不对，应为 1 到 65535",
        ),
        (
            "http://[::1/",
            "invalid IPv6 address",
            "URL 里的 IP 地址不对",
        ),
        (
            "http://a b/",
            "invalid international domain name",
            "URL 里的主机名不对",
        ),
        (
            "http://xn--a/",
            "invalid international domain name",
            "URL 里的主机名不对",
        ),
        (
            "http://x.cn/{50-1}",
            "braces hold one range of pages, first to last, as in {1-50} or {01-50}",
            "大括号里只能写一个页码范围，从小到大，例如 {1-50} 或 {01-50}",
        ),
    ] {
        for (language, said) in [
            (
                "en",
                format!("error: invalid value '{url}' for '--joke-url <URL>': {english}\n"),
            ),
            (
                "zh",
                format!("错误：--joke-url <URL> 的值“{url}”不能用：{chinese}\n"),
            ),
        ] {
            let output = joke(&["--lang", language, "--joke-url", url]);
            let (code, jokes, error) = texts(&output);
            assert_eq!((code, jokes), (Some(2), ""), "{error}");
            assert!(error.starts_with(&said), "{error}");
        }
    }
}

#[test]
fn a_reader_who_has_enough_is_no_error() {
    let jokes = (0..400)
        .map(|n| format!("<li>第 {n} 号{}", "笑话".repeat(300)))
        .collect::<Vec<_>>()
        .concat();
    let site = Site::page("text/html; charset=utf-8", jokes);
    let mut command = daoxiao(&[
        "joke",
        "--all",
        "--joke-url",
        &site.url("/"),
        "--joke-item",
        "li",
    ]);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut begin = [0; 10];
    let mut reader = child.stdout.take().unwrap();
    reader.read_exact(&mut begin).unwrap();
    drop(reader);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.ends_with("items matched: 400, jokes: 400, none left out\n"),
        "{said}"
    );
}

#[test]
fn the_jokes_in_a_file_are_printed_and_counted() {
    let gbk = encoding_rs::GBK
        .encode("第一个笑话，\n有两行。\n\n短的\n\n\n第三个。\n")
        .0;
    let file = Temporary::write("jokes-to-look-at", &gbk);
    let flags = ["--jokes", file.path(), "--joke-source", "none"];
    let said = format!("{}: jokes: 3\n", file.path());
    let output = joke(&flags);
    let jokes = "第一个笑话，\n有两行。\n%\n短的\n%\n第三个。\n";
    assert_eq!(texts(&output), (Some(0), jokes, &*said));
    let output = joke(&[&flags[..], &["--count", "1"]].concat());
    let (code, jokes, error) = texts(&output);
    assert_eq!((code, error), (Some(0), &*said));
    assert_eq!(jokes.split("\n%\n").count(), 1);
    let site = Site::page("text/plain", "笑话来自网站");
    let url = site.url("/");
    let output = joke(&["--jokes", file.path(), "--joke-url", &url]);
    let said = format!(
        "{said}custom: {url}: plain text in UTF-8 (which is the default): items matched: 1, jokes: 1, none left out\n"
    );
    assert_eq!(texts(&output), (Some(0), "笑话来自网站\n", &*said));
}

#[test]
fn a_file_of_jokes_is_read_as_it_is_written() {
    for (text, jokes) in [
        ("一\n\n二\n%\n三", "一\n\n二\n%\n三\n"),
        ("\u{feff}一\r\n\r\n二\r\n", "一\n%\n二\n"),
        ("只有一个，\n两行", "只有一个，\n两行\n"),
        (
            "1、电梯坏了，我走楼梯上班。\n2、医生说要多喝水，我去海边了。\n",
            "电梯坏了，我走楼梯上班。\n%\n医生说要多喝水，我去海边了。\n",
        ),
        (
            "2 guys walk into a bar.\n\nWhy did the chicken cross the road?\n\n3 men go fishing.",
            "2 guys walk into a bar.\n%\nWhy did the chicken cross the road?\n%\n3 men go fishing.\n",
        ),
        (
            "1、我爱你一生一世。\n2、我明天就戒烟了。\n\n医生说要多喝水，\n我去海边了。",
            "1、我爱你一生一世。\n2、我明天就戒烟了。\n%\n医生说要多喝水，\n我去海边了。\n",
        ),
    ] {
        let file = Temporary::write("jokes-as-written", text);
        let output = joke(&["--jokes", file.path(), "--joke-source", "none"]);
        assert_eq!(texts(&output).1, jokes, "{text:?}");
    }
    let file = Temporary::write("jokes-in-nothing", b"\xff\xfe\xfd jokes \x80");
    let output = joke(&["--jokes", file.path(), "--joke-source", "none"]);
    let said = format!(
        "error: --jokes {}: the file is in none of UTF-8, UTF-16 and GBK\n",
        file.path()
    );
    assert_eq!(texts(&output), (Some(2), "", &*said));
}

#[test]
fn the_proxy_of_the_environment_is_asked_for_the_page() {
    let proxy = Site::start(|target, stream| {
        assert_eq!(target, "jokes.invalid:80");
        let _ = stream.write_all(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
    });
    let mut command = daoxiao(&["joke", "--joke-url", "http://jokes.invalid/"]);
    let output = command.env("HTTP_PROXY", proxy.url("")).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(proxy.hits(), 1);
}

#[test]
fn the_help_tells_what_selectors_are_made_of() {
    let output = joke(&["--help"]);
    let (code, help, _) = texts(&output);
    assert_eq!(code, Some(0));
    for told in [
        "[attr^=beginning]",
        "  > dd ",
        "{1-50} in the URL stands for",
        "--joke-charset is needed only where",
        "Plain text, feeds and the usual JSON need no selector",
    ] {
        assert!(help.contains(told), "{told} in {help}");
    }
}
