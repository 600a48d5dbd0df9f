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
                r#"{"code":101,"msg":"wrong key"}"#.as_bytes(),
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
    ] {
        let printed = joke(&url, &["--log", "trace"]);
        assert_eq!(printed.jokes, "");
        assert!(
            printed.said.contains("***") && !printed.said.contains("hunter2"),
            "{}",
            printed.said
        );
    }
    let mut command = daoxiao(&["joke"]);
    command
        .env("DAOXIAO_JOKE_URL", with_user)
        .env("RUST_LOG", "trace");
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("***") && !said.contains("hunter2"), "{said}");
}
