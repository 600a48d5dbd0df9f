//! What sites, feeds and APIs really send, and what `daoxiao joke` makes of it. The pages are in
//! `tests/fixtures/jokes`.

use std::{collections::BTreeSet, fs, io::Write, net::TcpStream, path::Path};

use flate2::{
    Compression,
    write::{DeflateEncoder, GzEncoder, ZlibEncoder},
};

use crate::support::{
    daoxiao,
    site::{Site, http_ok},
};

/// What `daoxiao joke` printed: its exit code, the jokes, and what it said about them.
#[derive(Debug)]
struct Printed {
    code: Option<i32>,
    jokes: String,
    said: String,
}

fn joke(url: &str, flags: &[&str]) -> Printed {
    let mut command = daoxiao(&[&["joke", "--all", "--joke-url", url], flags].concat());
    let output = command.output().unwrap();
    Printed {
        code: output.status.code(),
        jokes: String::from_utf8(output.stdout).unwrap(),
        said: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A site with the pages of `tests/fixtures/jokes`. Beside a page may be `FILE.headers`, the lines
/// of its head; a `FILE.raw` is a whole answer.
fn site() -> Site {
    Site::start(|target, stream| drop(serve(target, stream)))
}

fn serve(target: &str, stream: &mut TcpStream) -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/jokes");
    let beside = |extension: &str| fs::read(root.join(format!("{}{extension}", &target[1..])));
    if let Ok(answer) = beside(".raw") {
        return stream.write_all(&answer);
    }
    let Ok(body) = beside("") else {
        return stream.write_all(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
    };
    let by_name = match target.rsplit('.').next() {
        Some("html") => "text/html",
        Some("json") => "application/json",
        Some("xml") => "application/xml",
        _ => "text/plain; charset=utf-8",
    };
    let headers = beside(".headers").map(|head| String::from_utf8(head).unwrap());
    let headers = headers.unwrap_or_else(|_| format!("Content-Type: {by_name}"));
    write!(
        stream,
        "HTTP/1.1 200 OK\r\n{}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        headers.trim_end(),
        body.len()
    )?;
    stream.write_all(&body)
}

const LI_J: [&str; 2] = ["--joke-item", "li.j"];
const FEED: [&str; 6] = [
    "--joke-item",
    "item",
    "--joke-title",
    "title",
    "--joke-content",
    "description",
];
const TWO: &str = "电梯坏了，我走楼梯上班，发现公司在一楼。\n%\n医生说要多喝水，我就去海边住了。\n";
const JSON: &str = "老师：用“虽然…但是…”造句。小林：虽然我没写作业，但是我很诚实。\n%\n\
                    同事说他从不迟到，因为他从来不说几点到。\n";
const LAMP: &str = "Why did the lamp go to school?\nTo get brighter.\n";

/// Pages with their flags, and the jokes on them.
const TOLD: [(&str, &[&str], &str); 18] = [
    ("cs-header-utf8-body-gbk/page.html", &LI_J, TWO),
    (
        "cs-meta-gb2312-silent/page.html",
        &LI_J,
        "电梯坏了我走楼梯上班发现公司在一楼\n%\n医生说多喝水我就去海边住了几天\n%\n\
         同事从不迟到因为他从来不说几点到\n",
    ),
    ("cs-none-body-gbk/page.html", &LI_J, TWO),
    (
        "cut-words-in-joke/page.html",
        &LI_J,
        "小编写标题总爱写“点击查看全文”，结果他的简历也写了：点击查看全文。\n",
    ),
    (
        "double-escaped/page.html",
        &LI_J,
        "他说：“明天一定早起。” 第二天他确实说了同样的话。😂\n%\n老师问：3<5对吗？\n学生答：看心情。\n",
    ),
    ("enc-br/page.html", &LI_J, TWO),
    (
        "html-preline/page.html",
        &["--joke-item", ".j"],
        "甲：你为什么迟到？\n乙：我在路上捡到了时间。\n甲：那还给老师吧。\n",
    ),
    ("json-no-selector/page.json", &[], JSON),
    (
        "json-with-selector/page.json",
        &["--joke-item", "data", "--joke-content", "content"],
        JSON,
    ),
    ("json-twopart/page.json", &[], LAMP),
    (
        "numbered-one-block/page.html",
        &["--joke-item", "div.article"],
        "经理问谁愿意加班。\n没人说话。\n经理说：那就抽签吧，签都写好了。\n%\n\
         奶奶学会了发语音，\n每条都是六十秒，前五十秒在找按键。\n%\n\
         我的闹钟很懂事，\n从来不打扰我睡觉。\n",
    ),
    (
        "php-plain-text-as-html/page.html",
        &[],
        "我跟体重秤商量了一下，\n它决定明天开始说好话。\n",
    ),
    (
        "rss-cdata-br/page.xml",
        &FEED,
        "《第一则》\n小李问：伞呢？\n小张答：那是拐杖！\n小李：那昨天下雨时你撑的是什么？\n%\n\
         《第二则》\n看了新电影，说实话，还是预告片比较好看。\n",
    ),
    (
        "rss-escaped-html/page.xml",
        &FEED,
        "《电梯》\n电梯坏了，我走楼梯上班。\n公司在一楼。\n",
    ),
    (
        "rss-escaped-html/page.xml",
        &[],
        "《电梯》\n电梯坏了，我走楼梯上班。\n公司在一楼。\n",
    ),
    (
        "text-fortune-percent/page.txt",
        &[],
        "邻居问我几点睡。\n我说：看手机几点没电。\n%\n我的镜子坏了，\n里面的人一直学我。\n%\n\
         闹钟很懂事，从来不打扰我睡觉。\n",
    ),
    ("text-jokeapi-twopart/page.txt", &[], LAMP),
    (
        "zero-padded-range/{02-02}.txt",
        &[],
        "第 02 页：电梯坏了，我走楼梯上班。\n",
    ),
];

#[test]
fn what_sites_send_comes_out_as_the_jokes_that_are_in_it() {
    let site = site();
    for (page, flags, jokes) in TOLD {
        let printed = joke(&site.url(&format!("/{page}")), flags);
        assert_eq!(printed.jokes, jokes, "{page}: {}", printed.said);
        assert_eq!(printed.code, Some(0), "{page}");
    }
}

#[test]
fn what_is_no_joke_is_not_told_and_the_reason_is() {
    let site = site();
    let cut: [&str; 4] = ["--joke-item", "li.j", "--joke-content", "p"];
    let links: [&str; 2] = ["--joke-item", "ul.list li"];
    for (page, flags, said) in [
        (
            "cut-marks/page.html",
            &cut[..],
            "HTML in UTF-8 (as it says itself): 15 items matched and all were left out: 15 cut short \
             by the site",
        ),
        (
            "error-json-as-joke/page.txt",
            &[],
            "JSON in UTF-8 (as its Content-Type says): the answer is an error: request exceeds the \
             limit!",
        ),
        (
            "list-detail/page.html",
            &links,
            "HTML in UTF-8 (as it says itself): 2 items matched and all were left out: 2 only a link \
             (--joke-link follows it)",
        ),
    ] {
        let url = site.url(&format!("/{page}"));
        let printed = joke(&url, flags);
        assert_eq!(
            (printed.code, printed.jokes.as_str()),
            (Some(1), ""),
            "{page}"
        );
        let expected =
            format!("custom: {url}: {said}\nerror: no joke: see above what each source said\n");
        assert_eq!(printed.said, expected);
    }
}

#[test]
fn unclosed_links_are_not_nested_and_500_jokes_are_enough() {
    let site = site();
    let url = site.url("/html-unclosed-anchors/page.html");
    let printed = joke(&url, &["--joke-item", "p.j"]);
    assert_eq!(printed.jokes.split("\n%\n").count(), 500);
    assert_eq!(
        printed.said,
        format!(
            "custom: {url}: HTML in UTF-8 (as it says itself): items matched: 600, jokes: 500, 100 \
             left out: 100 more than 500\n"
        )
    );
}

#[test]
fn a_selector_that_the_browser_copied_is_refused_with_what_to_do() {
    let printed = joke(
        "http://x.cn/",
        &["--joke-item", "body > ul > li:nth-child(1)"],
    );
    assert_eq!(printed.code, Some(2));
    let said = "error: invalid value 'body > ul > li:nth-child(1)' for '--joke-item <SELECTOR>': at \
                character 15: `:nth-child` is not known; the browser's Copy selector gives such: \
                leave it out, so that all items match; a selector is made of ";
    assert!(printed.said.starts_with(said), "{}", printed.said);
}

fn send(stream: &mut TcpStream, head: &str, body: &[u8]) {
    let head = format!(
        "HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(body);
}

#[test]
fn without_a_selector_text_is_asked_for_first_and_with_one_html_is() {
    // As icanhazdadjoke.com and api.chucknorris.io answer.
    let site = Site::with_heads(|head, stream| {
        let accept = head.lines().find_map(|line| {
            line.to_lowercase()
                .strip_prefix("accept: ")
                .map(str::to_owned)
        });
        let accept = accept.unwrap_or_default();
        let first = accept.split([',', ';']).next().unwrap_or_default();
        let body = match first {
            "text/html" => "<p class=j>My clock has no legs, so it does not run.",
            "text/plain" => "My clock has no legs, so it does not run.",
            _ => "{}",
        };
        send(
            stream,
            &format!("200 OK\r\nContent-Type: {first}"),
            body.as_bytes(),
        );
    });
    for (flags, read_as) in [(&[][..], "plain text"), (&["--joke-item", ".j"], "HTML")] {
        let printed = joke(&site.url("/json-or-text"), flags);
        assert_eq!(printed.jokes, "My clock has no legs, so it does not run.\n");
        assert!(
            printed.said.contains(&format!(": {read_as} in UTF-8")),
            "{}",
            printed.said
        );
    }
}

#[test]
fn redirects_are_followed_as_they_are_meant() {
    let page = "<li class=j>电梯坏了，我走楼梯上班，公司在一楼。</li>";
    let gbk = encoding_rs::GBK.encode("/笑话").0.into_owned();
    for (location, target) in [
        ("?p=1".as_bytes(), "/dir/list?p=1"),
        ("/笑话 1".as_bytes(), "/%E7%AC%91%E8%AF%9D%201"),
        (&gbk, "/%D0%A6%BB%B0"),
        (b"../other", "/other"),
    ] {
        let location = location.to_vec();
        let site = Site::start(move |asked, stream| {
            if asked == "/dir/list" {
                let head = [
                    b"HTTP/1.1 302 Found\r\nLocation: ",
                    &location[..],
                    b"\r\nContent-Length: 0\r\n\r\n",
                ];
                let _ = stream.write_all(&head.concat());
            } else if asked == target {
                let _ = stream.write_all(&http_ok("text/html; charset=utf-8", page.as_bytes()));
            } else {
                send(stream, "404 Not Found", asked.as_bytes());
            }
        });
        let printed = joke(&site.url("/dir/list"), &LI_J);
        assert_eq!(
            printed.jokes, "电梯坏了，我走楼梯上班，公司在一楼。\n",
            "{target}: {}",
            printed.said
        );
    }
}

#[test]
fn a_cookie_that_is_set_on_the_way_is_sent_back() {
    let site = Site::with_heads(|head, stream| {
        let cookies = "cookie: a=1; b=3";
        if head.to_lowercase().contains(cookies) {
            send(stream, "200 OK", "带着饼干来的笑话".as_bytes());
        } else {
            let cookies = "Set-Cookie: a=1; path=/\r\nSet-Cookie: b=2\r\nSet-Cookie: b=3; HttpOnly";
            send(
                stream,
                &format!("302 Found\r\nLocation: /\r\n{cookies}"),
                b"",
            );
        }
    });
    assert_eq!(joke(&site.url("/"), &[]).jokes, "带着饼干来的笑话\n");
    assert_eq!(site.hits(), 2);
}

#[test]
fn a_redirect_to_nowhere_is_no_page() {
    let site = Site::start(|_, stream| {
        send(
            stream,
            "302 Found\r\nContent-Type: text/plain",
            b"Redirecting to the login page",
        );
    });
    let printed = joke(&site.url("/"), &[]);
    assert_eq!(printed.jokes, "");
    let said = ": the site answered with status 302\n";
    assert!(printed.said.contains(said), "{}", printed.said);
}

#[test]
fn hosts_and_queries_may_be_in_chinese() {
    let proxy = Site::start(|_, stream| drop(stream.write_all(b"HTTP/1.1 403 No\r\n\r\n")));
    let mut command = daoxiao(&["joke", "--joke-url", "http://笑话.中国/"]);
    command.env("HTTP_PROXY", proxy.url("")).output().unwrap();
    let head = proxy.heads().concat();
    assert!(
        head.starts_with("CONNECT xn--rvzz75a.xn--fiqs8s:80 HTTP/1.1\r\n"),
        "{head}"
    );
    let site = Site::page("text/plain", "用中文要来的笑话");
    assert_eq!(
        joke(&site.url("/找?词=笑话"), &[]).jokes,
        "用中文要来的笑话\n"
    );
    let head = site.heads().concat();
    assert!(
        head.starts_with("GET /%E6%89%BE?%E8%AF%8D=%E7%AC%91%E8%AF%9D HTTP/1.1\r\n"),
        "{head}"
    );
}

#[test]
fn what_is_packed_is_unpacked_or_refused_by_its_name() {
    let joke_bytes = "一个打包来的笑话".as_bytes();
    let fast = Compression::fast();
    let mut gzip = GzEncoder::new(Vec::new(), fast);
    let mut zlib = ZlibEncoder::new(Vec::new(), fast);
    let mut raw = DeflateEncoder::new(Vec::new(), fast);
    for packer in [&mut gzip as &mut dyn Write, &mut zlib, &mut raw] {
        packer.write_all(joke_bytes).unwrap();
    }
    let gzip = gzip.finish().unwrap();
    let (zlib, raw) = (zlib.finish().unwrap(), raw.finish().unwrap());
    for (encoding, body) in [
        ("gzip", &gzip),
        ("GZIP", &gzip),
        ("x-gzip", &gzip),
        ("deflate", &zlib),
        ("Deflate", &raw),
        ("identity", &joke_bytes.to_vec()),
        // What scripts send that mean something else, and files that are packed already.
        ("UTF-8", &joke_bytes.to_vec()),
        ("none", &joke_bytes.to_vec()),
        ("", &gzip),
    ] {
        let body = body.clone();
        let site = Site::start(move |_, stream| {
            send(
                stream,
                &format!("200 OK\r\nContent-Encoding: {encoding}"),
                &body,
            );
        });
        let printed = joke(&site.url("/"), &[]);
        assert_eq!(
            printed.jokes, "一个打包来的笑话\n",
            "{encoding}: {}",
            printed.said
        );
    }
    let site = Site::start(|_, stream| {
        send(
            stream,
            "200 OK\r\nContent-Encoding: zstd",
            b"\x28\xb5\x2f\xfd",
        );
    });
    let printed = joke(&site.url("/"), &[]);
    assert_eq!((printed.code, printed.jokes.as_str()), (Some(1), ""));
    assert!(
        printed
            .said
            .contains(": the answer is packed as zstd, which is not understood\n"),
        "{}",
        printed.said
    );
}

/// A list of links, three of which lead elsewhere, and the pages of two jokes.
fn list_and_details() -> Site {
    let list = fs::read("tests/fixtures/jokes/list-detail/page.html").unwrap();
    let elsewhere = "<li><a href='http://127.0.0.2:1/ad'>广告</a><li><a href='#top'>顶</a>";
    let list = [list, elsewhere.as_bytes().to_vec()].concat();
    Site::start(move |target, stream| {
        let (title, text) = match target {
            "/list" => return drop(stream.write_all(&http_ok("text/html", &list))),
            "/joke/20240102.html" => ("楼梯", "电梯坏了，我走楼梯。"),
            "/joke/20240103.html" => ("喝水", "医生让我多喝水。"),
            _ => return send(stream, "404 Not Found", b""),
        };
        let page = format!(
            "<meta charset=utf-8><h1>{title}</h1><div class=text>1、{text}<br><br>第二段在这里。</div>"
        );
        send(stream, "200 OK\r\nContent-Type: text/html", page.as_bytes());
    })
}

#[test]
fn a_link_is_followed_to_the_joke() {
    let site = list_and_details();
    let flags = [
        "--joke-link",
        "ul.list a, li a",
        "--joke-title",
        "h1",
        "--joke-content",
        ".text",
    ];
    let mut seen = BTreeSet::new();
    for _ in 0..20 {
        let printed = joke(&site.url("/list"), &flags);
        assert_eq!(printed.code, Some(0), "{}", printed.said);
        seen.insert(printed.jokes);
    }
    let jokes = [
        "《喝水》\n医生让我多喝水。\n第二段在这里。\n".to_owned(),
        "《楼梯》\n电梯坏了，我走楼梯。\n第二段在这里。\n".to_owned(),
    ];
    assert_eq!(Vec::from_iter(seen), jokes);
}

#[test]
fn a_link_is_followed_with_the_cookies_and_from_the_base_of_its_page() {
    let site = Site::with_heads(|head, stream| {
        if head.starts_with("GET /list ") {
            let head = "200 OK\r\nContent-Type: text/html\r\nSet-Cookie: session=7; path=/";
            send(
                stream,
                head,
                b"<base href='/deep/'><a href=one.html>one</a>",
            );
        } else if head.starts_with("GET /deep/one.html ") && head.contains("ookie: session=7\r\n") {
            let page = "<p>1、电梯坏了，我走楼梯上班。</p><p>2、医生说要多喝水，我去海边了。</p>";
            send(
                stream,
                "200 OK\r\nContent-Type: text/html; charset=utf-8",
                page.as_bytes(),
            );
        } else {
            send(stream, "403 Forbidden", b"");
        }
    });
    let printed = joke(
        &site.url("/list"),
        &["--joke-link", "a", "--joke-content", "p"],
    );
    assert_eq!(printed.jokes, TWO_STAIRS, "{}", printed.said);
}

#[test]
fn why_a_link_leads_to_no_joke_is_told() {
    let site = list_and_details();
    for (link, content, said) in [
        (
            "a.none",
            ".text",
            "the link selector matches no link on the page",
        ),
        (
            "li > a[href^=http]",
            "p",
            "the links that were found lead to no other page of the same host",
        ),
        (
            "ul.list a",
            ".none",
            "1 items matched and all were left out: 1 without text",
        ),
    ] {
        let flags = ["--joke-link", link, "--joke-content", content];
        let printed = joke(&site.url("/list"), &flags);
        assert!(
            printed.said.contains(&format!(": {said}\n")),
            "{}",
            printed.said
        );
    }
    let printed = joke(&site.url("/list"), &["--joke-link", "ul.list a"]);
    let said =
        ": the page that the link leads to is HTML: --joke-content has to say what the joke is\n";
    assert!(printed.said.contains(said), "{}", printed.said);
}

#[test]
fn keys_and_passwords_in_a_url_are_shown_nowhere() {
    let site = Site::start(|target, stream| {
        if target.starts_with("/?") {
            send(
                stream,
                "302 Found\r\nLocation: ftp://user:hunter2@x/?key=hunter2",
                b"",
            );
        } else {
            send(
                stream,
                "200 OK",
                br#"{"code":101,"msg":"wrong key: hunter2"}"#,
            );
        }
    });
    let with_user = site.url("/").replace("http://", "http://user:hunter2@");
    for url in [
        site.url("/?api_key=hunter2&page=1"),
        site.url("/list?Token=hunter2"),
        with_user.clone() + "list",
        with_user.clone() + "?key=hunter2",
        "http://user:hunter2@x:99999/?key=hunter2".to_owned(),
        "x?key=hunter2".to_owned(),
        with_user.replace("http://", "http:///") + "list",
        "http://user:hunter2/x@y/".to_owned(),
        "http://user:hunter2?x@y/".to_owned(),
    ] {
        let printed = joke(&url, &["--log", "trace"]);
        assert_eq!(printed.jokes, "");
        assert!(
            printed.said.contains("***") && !printed.said.contains("hunter2"),
            "{}",
            printed.said
        );
    }
    let printed = joke(&site.url("/v1/0123456789abcdef/list"), &[]);
    assert!(printed.said.contains("/v1/***/list: "), "{}", printed.said);
    let uuid = "/v1/123e4567-e89b-12d3-a456-426614174000/how-to-tell-jokes-in-2024-and-later";
    let printed = joke(&site.url(uuid), &[]);
    let shown = "/v1/***/how-to-tell-jokes-in-2024-and-later: ";
    assert!(printed.said.contains(shown), "{}", printed.said);
    let printed = joke(&site.url("/list?key=hunter%32"), &[]);
    let said = ": the answer is an error: wrong key: ***\n";
    assert!(printed.said.contains(said), "{}", printed.said);
    let mut command = daoxiao(&["joke"]);
    command
        .env("DAOXIAO_JOKE_URL", with_user)
        .env("RUST_LOG", "trace");
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("***") && !said.contains("hunter2"), "{said}");
}

/// What `daoxiao joke` makes of a page of this type and body, with these flags.
fn joke_of(content_type: &str, body: &[u8], flags: &[&str]) -> Printed {
    joke(&Site::page(content_type, body).url("/"), flags)
}

/// Bodies with their flags, and the jokes in them.
type Bodies<'a> = [(&'a str, &'a [&'a str], &'a str)];

fn check_each(content_type: &str, bodies: &Bodies<'_>) {
    for (body, flags, jokes) in bodies {
        let printed = joke_of(content_type, body.as_bytes(), flags);
        assert_eq!(printed.jokes, *jokes, "{body}: {}", printed.said);
    }
}

const ONE_STAIR: &str = "电梯坏了，我走楼梯上班。\n";
const TWO_STAIRS: &str = "电梯坏了，我走楼梯上班。\n%\n医生说要多喝水，我去海边了。\n";
const THREE_STAIRS: &str = "电梯坏了，我走楼梯上班。\n%\n医生说要多喝水，我去海边了。\n%\n闹钟很懂事，从来不打扰我睡觉。\n";

#[test]
fn the_usual_shapes_of_json_need_no_selector() {
    check_each(
        "application/json",
        &[
            (r#""电梯坏了，我走楼梯上班。""#, &[], ONE_STAIR),
            (
                r#"{"code":200,"data":"电梯坏了，我走楼梯上班。"}"#,
                &[],
                ONE_STAIR,
            ),
            (
                r#"{"message":"ok","data":["电梯坏了，我走楼梯上班。","医生说要多喝水，我去海边了。"]}"#,
                &[],
                TWO_STAIRS,
            ),
            (
                r#"{"error_code":0,"result":{"data":[{"content":"电梯坏了，我走楼梯上班。","hashId":"x"},{"content":"医生说要多喝水，我去海边了。"}]}}"#,
                &[],
                TWO_STAIRS,
            ),
            (
                r#"{"DataStatus":{"StatusCode":100},"Data":[{"Content":"电梯坏了，我走楼梯上班。"}]}"#,
                &[],
                ONE_STAIR,
            ),
            (
                r#"{"code":0,"data":{"list":[{"title":"电梯","text":"电梯坏了，<br/>我走楼梯。&nbsp;完"}]}}"#,
                &[],
                "《电梯》\n电梯坏了，\n我走楼梯。 完\n",
            ),
            (
                r#"[{"setup":"What do you call a bee?","punchline":"A maybe."},{"question":"Is this two?","answer":"Yes."}]"#,
                &[],
                "What do you call a bee?\nA maybe.\n%\nIs this two?\nYes.\n",
            ),
            (
                "{\"joke\":\"电梯坏了，我走楼梯上班。\"}\n{\"joke\":\"医生说要多喝水，我去海边了。\"}\n",
                &[],
                TWO_STAIRS,
            ),
            (
                r#"{"status":200,"id":"R7","joke":"电梯坏了，我走楼梯上班。"}"#,
                &[],
                ONE_STAIR,
            ),
        ],
    );
}

#[test]
fn paths_lead_through_objects_and_lists_of_json() {
    let list = r#"{"data":{"list":[{"t":"电梯","a":"电梯坏了","b":["我走楼梯，","上班。"]},{"t":"医生","a":"医生说"}]}}"#;
    check_each(
        "text/plain",
        &[
            (
                list,
                &[
                    "--joke-item",
                    "data.list",
                    "--joke-title",
                    "t",
                    "--joke-content",
                    "a,b",
                ],
                "《电梯》\n电梯坏了\n我走楼梯，\n上班。\n",
            ),
            (
                list,
                &["--joke-item", "$.data.list.0", "--joke-content", "b"],
                "我走楼梯，\n上班。\n",
            ),
            (
                list,
                &["--joke-content", "data.list.a,data.list.b"],
                "电梯坏了\n我走楼梯，\n上班。\n",
            ),
        ],
    );
    let printed = joke_of(
        "text/plain",
        list.as_bytes(),
        &["--joke-item", "data.items"],
    );
    let said = ": JSON in UTF-8 (which is the default): the page is JSON, in which data.items leads to \
                nothing: --joke-item is a path such as data.list, --joke-content one in it\n";
    assert!(printed.said.contains(said), "{}", printed.said);
}

#[test]
fn what_an_api_says_with_a_bad_status_is_told() {
    let site = Site::start(|_, stream| {
        let body = r#"{"message":"You have exceeded the rate limit"}"#;
        send(stream, "429 Too Many Requests", body.as_bytes());
    });
    let printed = joke(&site.url("/"), &[]);
    let said = ": the site answered with status 429: You have exceeded the rate limit\n";
    assert!(printed.said.contains(said), "{}", printed.said);
    // 4 MiB of JSON would take hundreds of MiB to look through.
    let body = format!(
        "{{\"message\":\"no\",\"x\":[{}0]}}",
        "{\"\":0},".repeat(1 << 19)
    );
    let site = Site::start(move |_, stream| send(stream, "500 Error", body.as_bytes()));
    let printed = joke(&site.url("/"), &[]);
    let said = ": the site answered with status 500\n";
    assert!(printed.said.contains(said), "{}", printed.said);
}

#[test]
fn an_answer_that_is_an_error_is_no_joke_whatever_is_asked_for() {
    for (body, flags, said) in [
        (
            r#"{"code":0,"msg":"app_id 不能为空","data":null}"#,
            &[][..],
            "app_id 不能为空",
        ),
        (r#"{"code":"1001","msg":"key error"}"#, &[], "key error"),
        (
            r#"{"code":400,"msg":"密钥错误，请检查您的密钥"}"#,
            &["--joke-content", "msg"],
            "密钥错误，请检查您的密钥",
        ),
        (
            r#"{"success":false,"data":"系统繁忙，请稍后再试","message":"busy"}"#,
            &[],
            "busy",
        ),
        (
            r#"{"status":"error","content":"系统繁忙，请稍后再试"}"#,
            &[],
            "no reason given",
        ),
        (
            r#"{"error":{"message":"too many requests"},"joke":"not a joke"}"#,
            &[],
            "too many requests",
        ),
    ] {
        let printed = joke_of("application/json", body.as_bytes(), flags);
        assert_eq!(
            (printed.code, printed.jokes.as_str()),
            (Some(1), ""),
            "{body}"
        );
        assert!(
            printed
                .said
                .contains(&format!(": the answer is an error: {said}\n")),
            "{}",
            printed.said
        );
    }
    for body in [
        r#"{"code":200,"data":{"joke":"电梯坏了"#,
        "[\"电梯坏了，我走楼梯上班。\",",
    ] {
        let printed = joke_of("text/plain", body.as_bytes(), &[]);
        assert_eq!(
            (printed.code, printed.jokes.as_str()),
            (Some(1), ""),
            "{body}"
        );
        assert!(
            printed
                .said
                .contains(": the page looks like JSON and cannot be read: EOF "),
            "{}",
            printed.said
        );
    }
}

#[test]
fn feeds_and_other_xml_are_read_as_they_are_made() {
    let rss = |item: &str| {
        format!(
            "<rss version='2.0' xmlns:content='http://purl.org/rss/1.0/modules/content/'><channel><title>x</title>{item}</channel></rss>"
        )
    };
    let long = rss(
        "<item><title>电梯</title><description>摘要在这里写着。</description><content:encoded><![CDATA[<p>电梯坏了，我走楼梯。</p><p>公司在一楼。</p>]]></content:encoded></item>",
    );
    let told = "《电梯》\n电梯坏了，我走楼梯。\n公司在一楼。\n";
    let atom = "<?xml version='1.0'?><feed xmlns='http://www.w3.org/2005/Atom'><entry><title>Why did the lamp go</title>\
                <content type='html'>&lt;!-- SC_OFF --&gt;&lt;div&gt;&lt;p&gt;To get brighter &amp;amp; better.&lt;/p&gt;&lt;/div&gt; \
                &amp;#32; submitted by &lt;a href='/u/a'&gt;/u/a&lt;/a&gt;&lt;br/&gt;&lt;a href='/1'&gt;[link]&lt;/a&gt;</content></entry></feed>";
    let xhtml = "<feed xmlns='http://www.w3.org/2005/Atom'><entry><content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'>\
                 电梯坏了<br/>我走楼梯上班。<p>完</p></div></content></entry></feed>";
    check_each(
        "application/xml; charset=utf-8",
        &[
            (&long, &[], told),
            (
                &long,
                &["--joke-item", "item", "--joke-content", "content:encoded"],
                "电梯坏了，我走楼梯。\n公司在一楼。\n",
            ),
            (
                &long,
                &[
                    "--joke-item",
                    "channel > item",
                    "--joke-content",
                    "description",
                ],
                "摘要在这里写着。\n",
            ),
            (
                atom,
                &[],
                "《Why did the lamp go》\nTo get brighter & better.\n",
            ),
            (xhtml, &[], "电梯坏了\n我走楼梯上班。\n完\n"),
            (
                &rss("<item><title>电梯坏了，我走楼梯上班。</title></item>"),
                &[],
                ONE_STAIR,
            ),
            (
                &rss("<item><description>电梯坏了，&nbsp;我走楼梯 & 上班。</description></item>"),
                &[],
                "电梯坏了， 我走楼梯 & 上班。\n",
            ),
            (
                "<?xml version='1.0'?><jokes><joke id='1'><c>电梯坏了，我走楼梯上班。</c></joke></jokes>",
                &["--joke-item", "joke[id]", "--joke-content", "c"],
                ONE_STAIR,
            ),
        ],
    );
}

#[test]
fn xml_in_another_charset_is_read_and_xml_without_jokes_is_explained() {
    check_each(
        "application/xhtml+xml",
        &[(
            "<?xml version='1.0'?><!DOCTYPE html PUBLIC 'x'><html><body><li>电梯坏了，我走楼梯上班。</li></body></html>",
            &["--joke-item", "li"],
            ONE_STAIR,
        )],
    );
    let cp1251 = encoding_rs::WINDOWS_1251.encode("<?xml version='1.0' encoding='windows-1251'?><rss><item><description>Шёл медведь по лесу.</description></item></rss>").0;
    let printed = joke_of("text/xml", &cp1251, &[]);
    assert_eq!(printed.jokes, "Шёл медведь по лесу.\n");
    let printed = joke_of(
        "text/xml",
        b"<?xml version='1.0'?><jokes><joke>one joke</joke></jokes>",
        &[],
    );
    assert!(printed.said.contains(": the page is XML, and no feed: --joke-item has to say what holds a joke, as li.joke does\n"), "{}", printed.said);
    let printed = joke_of(
        "text/xml",
        b"<?xml version='1.0'?><rss><item><title>half",
        &[],
    );
    assert!(
        printed
            .said
            .contains(": the page is XML and cannot be read: "),
        "{}",
        printed.said
    );
}

#[test]
fn plain_text_is_divided_as_it_was_meant() {
    check_each(
        "text/plain; charset=utf-8",
        &[
            (
                "电梯坏了，我走楼梯上班。\n医生说要多喝水，我去海边了。\n闹钟很懂事，从来不打扰我睡觉。",
                &[],
                THREE_STAIRS,
            ),
            (
                "老板问我为什么迟到。\n我说：“路上堵车。”\n老板说那你明天不用来了。",
                &[],
                "老板问我为什么迟到。\n我说：“路上堵车。”\n老板说那你明天不用来了。\n",
            ),
            (
                "1、电梯坏了，我走楼梯上班。\n2、医生说要多喝水，我去海边了。\n3、闹钟很懂事，从来不打扰我睡觉。",
                &[],
                THREE_STAIRS,
            ),
            (
                "1. 电梯坏了，我走楼梯上班。\n\n2. 医生说要多喝水，我去海边了。",
                &[],
                TWO_STAIRS,
            ),
            (
                "(11)电梯坏了，我走楼梯上班。\n(12)医生说要多喝水，我去海边了。",
                &[],
                TWO_STAIRS,
            ),
            (
                "①电梯坏了，我走楼梯上班。\n②医生说要多喝水，我去海边了。",
                &[],
                TWO_STAIRS,
            ),
            (
                "今日笑话\n\n一、电梯坏了，我走楼梯上班。\n二、医生说要多喝水，我去海边了。",
                &[],
                TWO_STAIRS,
            ),
            (
                "我有三个优点：\n1、长得很帅气\n2、非常诚实可靠\n3、前两条是假的",
                &[],
                "我有三个优点：\n1、长得很帅气\n2、非常诚实可靠\n3、前两条是假的\n",
            ),
        ],
    );
}

#[test]
fn titles_rows_questions_and_tags_in_plain_text_are_what_they_look_like() {
    check_each(
        "text/plain; charset=utf-8",
        &[
            (
                "电梯与楼梯\n\n电梯坏了，我走楼梯上班。\n发现公司在一楼。",
                &[],
                "《电梯与楼梯》\n电梯坏了，我走楼梯上班。\n发现公司在一楼。\n",
            ),
            (
                "今日笑话精选\n\n电梯坏了，我走楼梯上班。\n\n医生说要多喝水，我去海边了。",
                &[],
                TWO_STAIRS,
            ),
            (
                "电梯坏了，\n\n我走楼梯。\n-----\n医生说要多喝水。\n=====\n闹钟很懂事。真的。",
                &[],
                "电梯坏了，\n我走楼梯。\n%\n医生说要多喝水。\n%\n闹钟很懂事。真的。\n",
            ),
            (
                "One single joke here.\n\n---------------\n\nTwo parts?\n\nYes.",
                &[],
                "One single joke here.\n%\nTwo parts?\nYes.\n",
            ),
            (
                "I'm reading a book about anti-gravity.\n\nIt's impossible to put down!",
                &[],
                "I'm reading a book about anti-gravity.\nIt's impossible to put down!\n",
            ),
            (
                "为什么电梯坏了？\n\n因为公司在一楼。",
                &[],
                "为什么电梯坏了？\n因为公司在一楼。\n",
            ),
            (
                "电梯坏了，<br>我走楼梯上班。&nbsp;真的",
                &[],
                "电梯坏了，\n我走楼梯上班。 真的\n",
            ),
            (
                "[笑话] 小明说：今天天气不错。",
                &[],
                "[笑话] 小明说：今天天气不错。\n",
            ),
        ],
    );
}

#[test]
fn one_block_of_a_page_with_several_jokes_gives_several() {
    let flags: &[&str] = &["--joke-item", "div.a"];
    let titled = &["--joke-item", "div.a", "--joke-title", "b"];
    check_each(
        "text/html; charset=utf-8",
        &[
            (
                "<div class=a>电梯坏了，我走楼梯上班。<br><br>医生说要多喝水，我去海边了。<br>\n<br/>闹钟很懂事，从来不打扰我睡觉。</div>",
                flags,
                THREE_STAIRS,
            ),
            (
                "<div class=a>21.电梯坏了，我走楼梯上班。<br>22.医生说要多喝水，我去海边了。</div>",
                flags,
                TWO_STAIRS,
            ),
            (
                "<div class=a><h1>笑话两则</h1><p>【1】电梯坏了，我走楼梯上班。</p><p>【2】医生说要多喝水，我去海边了。</p></div>",
                flags,
                TWO_STAIRS,
            ),
            (
                "<div class=a><h3>1、电梯</h3><p>电梯坏了，我走楼梯。</p><h3>2、医生</h3><p>医生说要多喝水，</p><p>我去海边了。</p></div>",
                flags,
                "《电梯》\n电梯坏了，我走楼梯。\n%\n《医生》\n医生说要多喝水，\n我去海边了。\n",
            ),
            (
                "<div class=a><b>电梯</b>电梯坏了，我走楼梯。<b>医生</b>医生说要多喝水。</div>",
                titled,
                "《电梯》\n电梯坏了，我走楼梯。\n%\n《医生》\n医生说要多喝水。\n",
            ),
            (
                "<div class=a>谁把电梯弄坏了？<br><br>我不知道，我走的楼梯。</div>",
                flags,
                "谁把电梯弄坏了？\n我不知道，我走的楼梯。\n",
            ),
            (
                "<div class=a>1、电梯坏了，我走楼梯。</div><div class=a>2、医生说<br><br>要多喝水。</div>",
                flags,
                "电梯坏了，我走楼梯。\n%\n医生说\n要多喝水。\n",
            ),
        ],
    );
}

#[test]
fn a_link_to_the_rest_means_that_a_joke_without_an_end_is_cut() {
    let li: &[&str] = &["--joke-item", "li"];
    check_each(
        "text/html; charset=utf-8",
        &[(
            "<li>从前有座山，山里有座庙 <a href=/1>[阅读全文]</a><li>从前有座山<a href=/2>继续阅读→</a>\
             <li>从前有座山，山里有座庙。<a href=/3>查看详情</a>",
            li,
            "从前有座山，山里有座庙。\n",
        )],
    );
}

#[test]
fn headings_in_bold_and_counted_jokes_divide_a_block() {
    let flags: &[&str] = &["--joke-item", "div.a"];
    check_each(
        "text/html; charset=utf-8",
        &[
            (
                "<div class=a><p><strong>电梯</strong></p><p>电梯坏了，我走楼梯。</p><p><b>医生</b></p><p>医生说要多喝水。</p></div>",
                flags,
                "《电梯》\n电梯坏了，我走楼梯。\n%\n《医生》\n医生说要多喝水。\n",
            ),
            (
                "<div class=a>第1则：电梯坏了，我走楼梯上班。<br>第2则：医生说要多喝水，我去海边了。</div>",
                flags,
                TWO_STAIRS,
            ),
        ],
    );
    check_each(
        "text/plain",
        &[(
            "Why did the lamp go to school?\nTo get brighter.\nWhat do you call a fake noodle?\nAn impasta!",
            &[],
            "Why did the lamp go to school?\nTo get brighter.\n%\nWhat do you call a fake noodle?\nAn impasta!\n",
        )],
    );
}

#[test]
fn a_joke_with_paragraphs_is_one_where_it_is_said_to_be_one() {
    let two = "电梯坏了，我走楼梯上班。\n医生说要多喝水，我去海边了。\n";
    let html = "电梯坏了，我走楼梯上班。<br><br>医生说要多喝水，我去海边了。";
    check_each(
        "text/html; charset=utf-8",
        &[
            (
                &format!("<div><p>{html}</p></div>"),
                &["--joke-item", "div", "--joke-content", "p"],
                two,
            ),
            (
                &format!("{{\"data\":{{\"content\":\"{html}\"}}}}"),
                &[],
                two,
            ),
            (
                &format!("<rss><item><description><![CDATA[{html}]]></description></item></rss>"),
                &[],
                two,
            ),
            (
                "<li>他点了<a href=/1>查看更多</a>，然后就没有然后了<li>别的笑话在这里",
                &["--joke-item", "li"],
                "他点了查看更多，然后就没有然后了\n%\n别的笑话在这里\n",
            ),
        ],
    );
}

#[test]
fn lines_faces_links_and_pictures_of_a_page_are_understood() {
    let li: &[&str] = &["--joke-item", "li"];
    let picture = format!(
        "<img src='data:image/png;base64,{}'>",
        "iVBORw0KGgo".repeat(15_000)
    );
    let pictures = format!("<li>电梯坏了，我走楼梯上班。{}", picture.repeat(10));
    assert!(pictures.len() > 1 << 20);
    check_each(
        "text/html; charset=utf-8",
        &[
            (
                "<style>li.j{color:red; white-space : pre-line}</style><li class=j>甲：一二三四\n乙：五六七八",
                li,
                "甲：一二三四\n乙：五六七八\n",
            ),
            (
                "<div style='white-space:pre'><li>甲：一二三四\n乙：五六七八</div>",
                li,
                "甲：一二三四\n乙：五六七八\n",
            ),
            (
                "<li>今天真开心<img alt='[笑哭]'><img alt='😂'><img alt='小图片'>",
                li,
                "今天真开心[笑哭]😂\n",
            ),
            (&pictures, li, ONE_STAIR),
            (
                "<li>电梯坏了，我走楼梯上班。<a href=//ad>更多精彩笑话请关注我们</a>\
                 <li>医生说要多喝水，我去海边了。<br><a href=/s>分享</a> | <a href=/p>评论(3)</a>",
                li,
                TWO_STAIRS,
            ),
            (
                "<li>我去过北京的<a href=/gg>故宫</a><li>我去了<a href=/bj>北京</a>，好大啊",
                li,
                "我去过北京的故宫\n%\n我去了北京，好大啊\n",
            ),
            (
                "<li>从前有座山，山里有庙... <a href=/1>从前有座山</a><li>从前有座山，山里有庙……<a href=/1>评论</a>",
                li,
                "从前有座山，山里有庙……\n",
            ),
            (
                "<li>点&lt;a href='//x'&gt;这里&lt;/a&gt;看更多的笑话吧<li>weixin&#58;//dl/x 一二三四五六",
                li,
                "点这里看更多的笑话吧\n",
            ),
        ],
    );
}
