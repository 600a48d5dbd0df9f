//! Joke sites that are slow, broken or ill-willed: nobody waits for them longer than WeChat does.

use std::{
    io::{self, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use flate2::{Compression, write::GzEncoder};

use crate::support::{
    Bot, LIMIT, poll,
    site::{Site, http_ok},
    status_number,
};

/// The longest that anybody may wait for an answer.
const LONGEST: Duration = Duration::from_secs(3);

/// What counts as at once: no wait for the site, whatever else the machine is doing.
const AT_ONCE: Duration = Duration::from_secs(1);

/// The most memory the bot may take, in MiB.
const MEMORY_MIB: u64 = 200;

type Serve = fn(&str, &mut TcpStream) -> io::Result<()>;

/// Each kind of bad site, by name; an item selector is looked for on its page.
const BAD_SITES: [(&str, Serve); 37] = [
    ("stalls before it answers", |_, _| {
        wait();
        Ok(())
    }),
    ("stalls in its head", |_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-")?;
        wait();
        Ok(())
    }),
    ("stalls in its page", |_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n<li>")?;
        wait();
        Ok(())
    }),
    ("drips its page", |_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n")?;
        drip(stream)
    }),
    ("drips its head", |_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nX: ")?;
        drip(stream)
    }),
    ("hangs up", |_, _| Ok(())),
    ("hangs up in its page", |_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n<li>")
    }),
    ("speaks no HTTP", |_, stream| {
        stream.write_all(b"\0\xff\x01\r\n\r\n")
    }),
    ("answers 500", |_, stream| {
        stream.write_all(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
    }),
    ("answers nothing", |_, stream| send(stream, b"")),
    ("has no items", |_, stream| {
        send(stream, b"<p>Nothing here.")
    }),
    ("sends 30 MB", |_, stream| {
        send(stream, &b"<li>joke</li>".repeat(2_400_000))
    }),
    ("sends 30 MB without end", |_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")?;
        loop {
            stream.write_all(&[b'x'; 65_536])?;
        }
    }),
    ("sends a gzip bomb", |_, stream| {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        for _ in 0..30 {
            gzip.write_all(&vec![b'<'; 1 << 20])?;
        }
        let body = gzip.finish()?;
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )?;
        stream.write_all(&body)
    }),
    ("sends what is not gzip", |_, stream| {
        stream.write_all(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
        )
    }),
    ("sends binary", |_, stream| {
        let bytes: Vec<u8> = (0..=255).cycle().take(500_000).collect();
        send(stream, &bytes)
    }),
    ("redirects to itself", |_, stream| {
        redirect(stream, "/again")
    }),
    ("redirects to a file", |path, stream| match path {
        "/" => redirect(stream, "file:///etc/passwd"),
        _ => redirect(stream, "file:///etc/hosts"),
    }),
    ("nests 200,000 tags", |_, stream| {
        send(stream, &b"<div>".repeat(200_000))
    }),
    ("nests as many tags as are parsed", |_, stream| {
        send(stream, &b"<li><div>".repeat(6_000))
    }),
    ("leaves formatting open", |_, stream| {
        let tags = (0..11_000).map(|n| format!("<b a{n}>x"));
        send(stream, tags.collect::<String>().as_bytes())
    }),
    ("misnests formatting", |_, stream| {
        let tags = (0..5_900).map(|n| format!("<p><font a{n}></p>"));
        send(stream, tags.collect::<String>().as_bytes())
    }),
    ("has a tag with 100,000 attributes", |_, stream| {
        let attributes = (0..100_000).map(|n| format!(" a{n}"));
        let tag = format!("<li{}>", attributes.collect::<String>());
        send(stream, tag.as_bytes())
    }),
    ("closes what was never opened", |_, stream| {
        let page = format!("{}{}", "<span>".repeat(11_000), "</p></i>".repeat(9_000));
        send(stream, page.as_bytes())
    }),
    ("nests 500,000 brackets", |_, stream| {
        send_as("application/json", stream, &b"[".repeat(500_000))
    }),
    ("sends a JSON number of 30 MB", |_, stream| {
        send_as(
            "application/json",
            stream,
            &[&b"[1"[..], &[b'2'; 30_000_000], b"]"].concat(),
        )
    }),
    ("sends a JSON number of 1 MB", |_, stream| {
        send_as(
            "application/json",
            stream,
            &[&b"[1"[..], &[b'2'; 1_000_000], b"]"].concat(),
        )
    }),
    ("sends JSON with a million keys", |_, stream| {
        let keys = (0..1_000_000).map(|n| format!("\"{n}\":0,"));
        let object = format!("{{{}\"z\":0}}", keys.collect::<String>());
        send_as("application/json", stream, object.as_bytes())
    }),
    ("sends JSON with all the keys that are read", |_, stream| {
        let keys = (0..95_000).map(|n| format!("\"{n}\":[],"));
        let object = format!("{{{}\"z\":0}}", keys.collect::<String>());
        send_as("application/json", stream, object.as_bytes())
    }),
    ("sends a list of 500,000 numbers", |_, stream| {
        send_as(
            "application/json",
            stream,
            &[b"[", &b"0,".repeat(500_000)[..], b"0]"].concat(),
        )
    }),
    ("nests XML", |_, stream| {
        let xml = [&b"<?xml version='1.0'?>"[..], &b"<item>".repeat(11_000)].concat();
        send_as("application/xml", stream, &xml)
    }),
    ("nests XML and closes it", |_, stream| {
        let xml = [
            &b"<rss>"[..],
            &b"<li>".repeat(6_000),
            &b"</li>".repeat(6_000),
            b"</rss>",
        ];
        send_as("application/xml", stream, &xml.concat())
    }),
    ("defines XML entities by others", |_, stream| {
        let define = |n: u32| format!("<!ENTITY e{n} \"{}\">", format!("&e{};", n - 1).repeat(10));
        let entities: String = (1..20).map(define).collect();
        let xml =
            format!("<!DOCTYPE rss [<!ENTITY e0 \"ha\">{entities}]><rss><item>&e19;</item></rss>");
        send_as("application/xml", stream, xml.as_bytes())
    }),
    (
        "has an XML tag with 900 attributes, a thousand times",
        |_, stream| {
            let attributes: Vec<String> = (0..900).map(|n| format!(" a{n}=''")).collect();
            let attributes = attributes.concat();
            let xml = format!("<rss>{}</rss>", format!("<p{attributes}/>").repeat(100));
            send_as("application/xml", stream, xml.as_bytes())
        },
    ),
    ("escapes tags in tags", |_, stream| {
        let tags = "&lt;div&gt;".repeat(60_000);
        send_as(
            "application/xml",
            stream,
            format!("<rss><item><title>x</title><description>{tags}</description></item></rss>")
                .as_bytes(),
        )
    }),
    ("has 9,000 links at the end of a long text", |_, stream| {
        let links = "<a href=/>赞</a>".repeat(9_000);
        let page = format!("<li>{}。{links}", "笑".repeat(200_000));
        send(stream, page.as_bytes())
    }),
    ("has style sheets with 10,000 rules", |_, stream| {
        let rules = ".a .b .c{white-space:pre}".repeat(10_000);
        let page = format!("<style>{rules}</style>{}", "<p><i>x</i>".repeat(2_000));
        send(stream, page.as_bytes())
    }),
];

/// Sites that are asked without a selector.
const BAD_TEXTS: [(&str, Serve); 6] = [
    ("has a line of 1 MB", |_, stream| {
        send_as("text/plain", stream, "看".repeat(340_000).as_bytes())
    }),
    ("has 80,000 numbered lines", |_, stream| {
        let lines: Vec<String> = (0..80_000).map(|n| format!("{n}、短\n")).collect();
        send_as("text/plain", stream, lines.concat().as_bytes())
    }),
    ("has 60,000 numbers in a line", |_, stream| {
        let parts: Vec<String> = (0..60_000).map(|n| format!("{n}、短。")).collect();
        send_as("text/plain", stream, parts.concat().as_bytes())
    }),
    ("has JSON in JSON in JSON", |_, stream| {
        let wrap = |json: String, _| format!("{{\"data\":{}}}", serde_json::json!(json));
        let json = (0..16).fold("1".to_owned(), wrap);
        send_as("application/json", stream, json.as_bytes())
    }),
    ("has XML with prefixes that nobody declared", |_, stream| {
        let elements: Vec<String> = (0..11_000).map(|n| format!("<p{n}:x/>")).collect();
        let xml = format!("<rss>{}</rss>", elements.concat());
        send_as("application/xml", stream, xml.as_bytes())
    }),
    ("has JSON that is not closed", |_, stream| {
        let json = format!("[{}", "\"a\\\"\n\",".repeat(100_000));
        send_as("application/json", stream, json.as_bytes())
    }),
];

/// Longer than anybody waits for an answer.
fn wait() {
    thread::park_timeout(Duration::from_secs(60));
}

fn drip(stream: &mut TcpStream) -> io::Result<()> {
    loop {
        stream.write_all(b"x")?;
        thread::park_timeout(Duration::from_millis(20));
    }
}

fn send(stream: &mut TcpStream, page: &[u8]) -> io::Result<()> {
    send_as("text/html", stream, page)
}

fn send_as(content_type: &str, stream: &mut TcpStream, page: &[u8]) -> io::Result<()> {
    stream.write_all(&http_ok(content_type, page))
}

fn redirect(stream: &mut TcpStream, to: &str) -> io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"
    )
}

/// How long the bot took for something.
fn time<T>(act: impl FnOnce() -> T) -> (T, Duration) {
    let begin = Instant::now();
    (act(), begin.elapsed())
}

/// The most memory that the bot ever had, in MiB.
fn peak_memory_mib(bot: &Bot) -> u64 {
    status_number(bot.worker_pid(), "VmHWM:").unwrap() / 1024
}

/// Asks for a joke, says something right behind, and asks again: how long each waited.
fn try_site(name: &str, serve: Serve, flags: &[&str]) -> [Duration; 3] {
    let site = Site::start(move |path, stream| drop(serve(path, stream)));
    let url = site.url("/");
    let bot = Bot::with(&[&["--joke-url", &url], flags].concat(), &[]);
    let ((asker, behind), after) = thread::scope(|scope| {
        let asker = scope.spawn(|| time(|| bot.answer_to("笑话")));
        let behind = scope.spawn(|| {
            // Behind the joke, as soon as the site is asked for it.
            poll(Instant::now() + LIMIT, || (site.hits() > 0).then_some(()));
            time(|| bot.answer_to("你好"))
        });
        let (asker, behind) = (asker.join().unwrap(), behind.join().unwrap());
        ((asker, behind), time(|| bot.answer_to("笑话")))
    });
    let builtin = daoxiao::joke::builtin();
    assert!(builtin.contains(&asker.0), "{name}: {}", asker.0);
    assert_eq!(behind.0, "好你");
    assert!(builtin.contains(&after.0), "{name}: {}", after.0);
    let memory = peak_memory_mib(&bot);
    assert!(memory < MEMORY_MIB, "{name}: {memory} MiB");
    let (status, log) = bot.stop();
    assert_eq!(status.code(), Some(0), "{name}");
    assert!(!log.contains("the worker"), "{name}: {log}");
    println!(
        "a site that {name}: asker {:?}, behind {:?}, next {:?}, {memory} MiB",
        asker.1, behind.1, after.1
    );
    [asker.1, behind.1, after.1]
}

#[test]
fn whatever_the_site_does_there_is_a_joke_in_3_s_and_the_next_answer_comes_at_once() {
    let item = &["--joke-item", "li"][..];
    let sites = BAD_SITES.map(|(name, serve)| (name, serve, item));
    let texts = BAD_TEXTS.map(|(name, serve)| (name, serve, &[][..]));
    let all = [&sites[..], &texts[..]].concat();
    thread::scope(|scope| {
        for sites in all.chunks(all.len().div_ceil(2)) {
            scope.spawn(move || {
                for (name, serve, flags) in sites {
                    let [asker, behind, after] = try_site(name, *serve, flags);
                    assert!(asker < LONGEST, "{name}: the asker waited {asker:?}");
                    assert!(behind < AT_ONCE, "{name}: the one behind waited {behind:?}");
                    assert!(after < AT_ONCE, "{name}: the next waited {after:?}");
                }
            });
        }
    });
}

/// A bot with all the known sources, which it can reach only by this proxy.
fn bot_behind(proxy: &Site) -> Bot {
    Bot::with(&[], &[("ALL_PROXY", &proxy.url(""))])
}

/// The hosts that the proxy was asked for.
fn hosts(proxy: &Site) -> Vec<String> {
    let host = |head: &String| head.split(' ').nth(1).unwrap_or_default().to_owned();
    proxy.heads().iter().map(host).collect()
}

const KNOWN_HOSTS: [&str; 4] = [
    "qiushidabaike.com:443",
    "xiaohua.zol.com.cn:443",
    "www.biedoul.com:443",
    "60s.viki.moe:443",
];

#[test]
fn the_known_sources_are_asked_in_turn_and_all_rest_when_none_answers() {
    let proxy = Site::start(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n");
    });
    let bot = bot_behind(&proxy);
    for _ in 0..5 {
        assert!(daoxiao::joke::builtin().contains(&bot.answer_to("笑话")));
    }
    assert_eq!(hosts(&proxy), KNOWN_HOSTS);
}

#[test]
fn sources_that_hang_hold_the_next_up_for_their_share_only_and_are_left_alone_then() {
    let proxy = Site::start(|_, _| wait());
    let bot = bot_behind(&proxy);
    let (joke, waited) = time(|| bot.answer_to("笑话"));
    assert!(daoxiao::joke::builtin().contains(&joke));
    assert!(waited < LONGEST, "{waited:?}");
    assert_eq!(hosts(&proxy), KNOWN_HOSTS);
    for host in ["qiushidabaike", "zol", "biedoul", "60s"] {
        bot.wait_for_log(&format!(
            "jokes: none from {host}: no complete answer in time"
        ));
    }
    let (_, waited) = time(|| bot.answer_to("笑话"));
    assert!(waited < AT_ONCE, "{waited:?}");
    assert_eq!(proxy.hits(), 4);
}

#[test]
fn ten_fetches_leave_no_memory_behind() {
    let page = (0..40)
        .map(|n| {
            format!(
                "<li><a href='/{n}'>题目 {n}</a><p>第 {n} 个笑话{}</p></li>",
                "很长".repeat(150)
            )
        })
        .collect::<Vec<_>>()
        .concat();
    let site = Site::page("text/html; charset=utf-8", page);
    let bot = Bot::with(
        &[
            "--joke-url",
            &site.url("/"),
            "--joke-item",
            "li",
            "--joke-ttl",
            "0",
        ],
        &[],
    );
    let idle = bot.memory_mib();
    let fetch = |wanted: usize| {
        while site.hits() < wanted {
            bot.answer_to("笑话");
        }
    };
    fetch(10);
    let after_ten = bot.memory_mib();
    fetch(60);
    let after_sixty = bot.memory_mib();
    println!("idle {idle} MiB, after 10 fetches {after_ten} MiB, after 60 {after_sixty} MiB");
    assert!(
        after_sixty <= after_ten + 8,
        "{after_ten} MiB, then {after_sixty} MiB"
    );
}
