//! Jokes from a site: which page, which words, when it is fetched.

use std::{
    collections::BTreeSet,
    fs,
    io::{Read, Write},
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    time::{Duration, Instant},
};

use crate::{
    support::{
        Bot, LIMIT, Temporary, message, poll,
        site::{Site, http_ok},
    },
    tools,
};

/// A bot whose only source is this site, with these further flags.
fn bot(site: &Site, flags: &[&str]) -> Bot {
    let url = site.url("/");
    let flags = [&["--joke-url", &url, "--joke-item", "li"], flags].concat();
    Bot::with(&flags, &[])
}

/// Jokes as the items of a list, numbered from `first`.
fn list(first: usize, count: usize) -> (String, Vec<String>) {
    let jokes: Vec<String> = (first..first + count)
        .map(|n| format!("第 {n} 个笑话在此"))
        .collect();
    (format!("<ul><li>{}</ul>", jokes.join("<li>")), jokes)
}

#[test]
fn a_joke_comes_from_a_gbk_page_with_breaks_and_a_script_in_it() {
    let page = "<html><head><meta http-equiv=Content-Type content='text/html; charset=gb2312'></head>\
                <body><div class=joke><h3>买菜</h3><div class=text>妈妈让我去买菜，<br>我去了。\
                <script>document.write('广告')</script>&nbsp;&nbsp;<p>回来忘了菜。</p></div>\
                <a href=/1>查看全文</a></div></body></html>";
    let site = Site::page("text/html", encoding_rs::GBK.encode(page).0.into_owned());
    let bot = Bot::with(
        &[
            "--joke-url",
            &site.url("/jokes/{1-50}.html"),
            "--joke-item",
            "div.joke",
            "--joke-title",
            "> h3",
            "--joke-content",
            "> .text",
        ],
        &[],
    );
    assert_eq!(
        bot.answer_to("讲个笑话吧"),
        "《买菜》\n妈妈让我去买菜，\n我去了。\n回来忘了菜。"
    );
    let head = site.heads().remove(0);
    let page = head
        .strip_prefix("GET /jokes/")
        .and_then(|rest| rest.split_once(".html "))
        .and_then(|(page, _)| page.parse::<u32>().ok());
    assert!(page.is_some_and(|page| (1..=50).contains(&page)), "{head}");
    let head = head.to_lowercase();
    assert!(head.contains("user-agent: mozilla/5.0"), "{head}");
    assert!(head.contains("daoxiao/0."), "{head}");
}

#[test]
fn the_charset_is_found_wherever_the_page_says_it_and_where_the_owner_does() {
    let text = "<li>笑话一则，請看</li>";
    let gbk = encoding_rs::GBK.encode(text).0.into_owned();
    let big5 = encoding_rs::BIG5
        .encode("<li>笑話一則，請看</li>")
        .0
        .into_owned();
    let marked = [b"\xef\xbb\xbf".as_slice(), text.as_bytes()].concat();
    let meta = [b"<META CharSet = 'GBK'>".as_slice(), &gbk].concat();
    let gb18030 = encoding_rs::GB18030.encode(text).0.into_owned();
    for (content_type, body, charset, told) in [
        (
            "text/html",
            text.as_bytes().to_vec(),
            None,
            "笑话一则，請看",
        ),
        (
            "text/html; Charset=\"GB2312\"",
            gbk.clone(),
            None,
            "笑话一则，請看",
        ),
        ("TEXT/HTML;charset=gb18030", gb18030, None, "笑话一则，請看"),
        ("text/html; charset=big5", big5, None, "笑話一則，請看"),
        ("text/html", meta, None, "笑话一则，請看"),
        ("text/html; charset=gbk", marked, None, "笑话一则，請看"),
        (
            "text/html; charset=utf-8",
            gbk,
            Some("gb2312"),
            "笑话一则，請看",
        ),
    ] {
        let site = Site::page(content_type, body);
        let flags = charset.map(|charset| ["--joke-charset", charset]);
        let bot = bot(&site, flags.as_ref().map_or(&[], |flags| flags));
        assert_eq!(bot.answer_to("笑话"), told, "{content_type} {charset:?}");
    }
}

#[test]
fn plain_text_is_a_joke_and_needs_no_selector() {
    let site = Site::page(
        "text/plain; charset=utf-8",
        "一个纯文本的笑话。\n第二行。\n",
    );
    let bot = Bot::with(&["--joke-url", &site.url("/")], &[]);
    assert_eq!(bot.answer_to("joke"), "一个纯文本的笑话。\n第二行。");
}

#[test]
fn one_page_is_dealt_without_repeating_and_without_asking_again() {
    let (page, jokes) = list(1, 12);
    let site = Site::page("text/html; charset=utf-8", page);
    let bot = bot(&site, &[]);
    let told: Vec<String> = (0..36).map(|_| bot.answer_to("笑话")).collect();
    for pair in told.windows(2) {
        assert_ne!(pair[0], pair[1]);
    }
    let mut rounds: Vec<Vec<String>> = told.chunks(12).map(<[String]>::to_vec).collect();
    assert_ne!(rounds[0], rounds[1], "not dealt in random order");
    let mut jokes = jokes;
    jokes.sort();
    for round in &mut rounds {
        round.sort();
        assert_eq!(*round, jokes);
    }
    assert_eq!(site.hits(), 1);
}

#[test]
fn every_way_to_ask_gets_a_joke_and_a_retry_the_same_one() {
    let (page, jokes) = list(1, 12);
    let site = Site::page("text/html; charset=utf-8", page);
    let bot = bot(&site, &[]);
    for xml in [
        message("text", "<Content>講個笑話</Content><MsgId>71</MsgId>"),
        message("text", "<Content>a JOKE please</Content><MsgId>72</MsgId>"),
        message(
            "voice",
            "<Recognition>来个笑话。</Recognition><MsgId>73</MsgId>",
        ),
        message("event", "<Event>CLICK</Event><EventKey>joke</EventKey>"),
    ] {
        let told = bot.say(&xml).content();
        assert!(jokes.contains(&told), "{told}");
        assert_eq!(bot.say(&xml).content(), told);
    }
}

#[test]
fn a_stale_deck_serves_at_once_and_is_replaced_after_the_reply() {
    let (page, old) = list(1, 8);
    let site = Site::page("text/html; charset=utf-8", page);
    let bot = bot(&site, &["--joke-ttl", "0"]);
    assert!(old.contains(&bot.answer_to("笑话")));
    // With no time to live, each joke has the next page fetched, which now takes for ever.
    site.change(|_, _| std::thread::park());
    let begin = Instant::now();
    for _ in 0..5 {
        assert!(old.contains(&bot.answer_to("笑话")));
    }
    assert!(begin.elapsed() < Duration::from_secs(2));
    bot.wait_for_log("jokes: none from custom: no complete answer in time");
    assert!(old.contains(&bot.answer_to("笑话")));
}

#[test]
fn a_new_page_replaces_a_stale_deck() {
    let (page, old) = list(1, 8);
    let site = Site::page("text/html; charset=utf-8", page);
    let bot = bot(&site, &["--joke-ttl", "0"]);
    assert!(old.contains(&bot.answer_to("笑话")));
    let (page, new) = list(100, 8);
    let answer = http_ok("text/html; charset=utf-8", page.as_bytes());
    site.change(move |_, stream| drop(stream.write_all(&answer)));
    let told = poll(Instant::now() + LIMIT, || {
        let told = bot.answer_to("笑话");
        new.contains(&told).then_some(())
    });
    assert_eq!(told, Some(()), "the old deck stays");
}

#[test]
fn a_small_deck_is_not_fetched_more_often_than_every_ten_seconds() {
    let site = Site::page("text/plain; charset=utf-8", "只有这一个笑话。");
    let bot = Bot::with(&["--joke-url", &site.url("/")], &[]);
    for _ in 0..20 {
        assert_eq!(bot.answer_to("笑话"), "只有这一个笑话。");
    }
    assert_eq!(site.hits(), 1);
}

#[test]
fn with_the_site_down_the_bot_tells_one_of_its_own_at_once_and_lets_the_site_rest() {
    let site = Site::start(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
    });
    let bot = bot(&site, &[]);
    let begin = Instant::now();
    let told: Vec<String> = (0..10).map(|_| bot.answer_to("笑话")).collect();
    assert!(begin.elapsed() < Duration::from_secs(2));
    let builtin = daoxiao::joke::builtin();
    for joke in &told {
        assert!(builtin.contains(joke), "{joke}");
    }
    for pair in told.windows(2) {
        assert_ne!(pair[0], pair[1]);
    }
    assert_eq!(site.hits(), 1);
    bot.wait_for_log("jokes: none from custom: the site answered with status 500");
}

#[test]
fn the_owners_jokes_take_the_place_of_the_built_in_ones() {
    let file = Temporary::write(
        "own-jokes.txt",
        "我自己的笑话，\n有坏词也行。\n%\n短\n%\n\n",
    );
    let bot = Bot::with(
        &[
            "--joke-source",
            "none",
            "--jokes",
            file.path(),
            "--joke-skip",
            "坏词",
        ],
        &[],
    );
    let mut told = [bot.answer_to("笑话"), bot.answer_to("笑话")];
    told.sort();
    assert_eq!(told, ["我自己的笑话，\n有坏词也行。", "短"]);
}

#[test]
fn cut_short_long_and_unwanted_items_are_not_told() {
    let long = "长".repeat(683);
    let page = format!(
        "<li>好好的一个笑话<li>太短了<li>说到一半……>>查看更多<li>说到一半……查看全文\
         <li>说到一半……展开全文<li>里面有坏词的笑话<li>里面有 SPAM 的笑话<li>{long}"
    );
    let site = Site::page("text/html; charset=utf-8", page);
    let bot = Bot::with(
        &["--joke-url", &site.url("/"), "--joke-item", "li"],
        &[("DAOXIAO_JOKE_SKIP", "坏词,spam")],
    );
    for _ in 0..10 {
        assert_eq!(bot.answer_to("笑话"), "好好的一个笑话");
    }
    bot.wait_for_log("jokes: 1 from custom, 7 left out");
}

#[test]
fn the_words_to_skip_are_separated_by_any_comma() {
    let page = "<li>里面有坏词的笑话<li>里面有脏话的笑话<li>里面有 SPAM 的笑话<li>好好的一个笑话";
    let site = Site::page("text/html; charset=utf-8", page);
    for skip in ["坏词，脏话、spam", " 坏词 , 脏话 ,\nspam\n"] {
        let bot = Bot::with(
            &["--joke-url", &site.url("/"), "--joke-item", "li"],
            &[("DAOXIAO_JOKE_SKIP", skip)],
        );
        assert_eq!(bot.answer_to("笑话"), "好好的一个笑话");
        bot.wait_for_log("jokes: 1 from custom, 3 left out");
    }
}

#[test]
fn what_the_parser_thinks_of_a_page_is_not_logged() {
    let page = "<table>字直接在表格里<tr><td><ul><li>好好的一个笑话</ul></table>";
    let site = Site::page("text/html; charset=utf-8", page);
    let bot = bot(&site, &[]);
    assert_eq!(bot.answer_to("笑话"), "好好的一个笑话");
    let (_, log) = bot.stop();
    let about_jokes: Vec<&str> = log
        .lines()
        .filter(|line| !line.contains("POST /") && !line.contains("SIGTERM"))
        .collect();
    let [line] = about_jokes[..] else {
        panic!("not one line: {log}");
    };
    assert!(line.ends_with("jokes: 1 from custom, 0 left out"), "{line}");
}

#[test]
fn a_joke_that_just_fits_is_told_whole() {
    let joke = format!("{}。。", "长".repeat(676));
    let page = format!("<li><b>标题</b>{joke}");
    let site = Site::page("text/html; charset=utf-8", page);
    let bot = bot(&site, &["--joke-title", "b"]);
    let told = bot.answer_to("笑话");
    assert_eq!(told.len(), 2047);
    assert_eq!(told, format!("《标题》\n{joke}"));
}

#[test]
fn a_redirect_from_a_public_address_to_an_inner_one_is_not_followed() {
    let inner = Site::page("text/plain", "what only this machine may see");
    let target = inner.url("/latest/meta-data/");
    // The proxy stands for the way into the Internet; behind it is a public address.
    let proxy = Site::start(move |_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        let mut head = [0; 4096];
        let _ = stream.read(&mut head);
        let _ = write!(
            stream,
            "HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n"
        );
    });
    let bot = Bot::with(
        &["--joke-url", "http://93.184.215.14/jokes"],
        &[("ALL_PROXY", &proxy.url(""))],
    );
    assert!(daoxiao::joke::builtin().contains(&bot.answer_to("笑话")));
    bot.wait_for_log(
        "jokes: none from custom: redirected from a public address to one that is not",
    );
    assert_eq!((proxy.hits(), inner.hits()), (1, 0));
}

#[test]
fn an_inner_site_may_redirect_to_another_one() {
    let other = Site::page("text/plain", "一个搬了家的笑话");
    let target = other.url("/");
    let site = Site::start(move |_, stream| {
        let _ = write!(
            stream,
            "HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n"
        );
    });
    let bot = Bot::with(&["--joke-url", &site.url("/")], &[]);
    assert_eq!(bot.answer_to("笑话"), "一个搬了家的笑话");
}

#[test]
fn what_a_site_says_in_a_location_is_escaped_in_the_log() {
    let site = Site::start(|_, stream| {
        let location = "javascript:\u{9b}2J\u{202e}x".repeat(100);
        let _ = write!(
            stream,
            "HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
        );
    });
    let bot = Bot::with(&["--joke-url", &site.url("/")], &[]);
    bot.answer_to("笑话");
    let line = bot.wait_for_log("jokes: none from custom: redirected to javascript:");
    assert!(line.contains("\\u{9b}2J\\u{202e}x"), "{line}");
    assert!(line.len() < 600, "{line}");
}

#[test]
fn jokes_that_spoil_the_text_around_them_are_told_without_what_does_or_not_at_all() {
    let page = format!(
        "<li>正着\u{202e}念的\u{2067}笑话<li>带帽子的e{}笑话<li>{}",
        "\u{301}\u{200b}\u{301}\u{202e}\u{301}".repeat(14),
        "一行又一行<br>".repeat(31)
    );
    let site = Site::page("text/html; charset=utf-8", page);
    let bot = bot(&site, &[]);
    let mut told = [bot.answer_to("笑话"), bot.answer_to("笑话")];
    told.sort();
    assert_eq!(told, ["带帽子的e\u{301}\u{301}笑话", "正着念的笑话"]);
    bot.wait_for_log("jokes: 2 from custom, 1 left out");
}

#[test]
fn a_file_of_jokes_that_is_broken_at_a_reload_keeps_the_jokes_that_were_in_force() {
    let file = Temporary::write("jokes-to-break", "原来的那个笑话");
    let bot = Bot::with(&["--joke-source", "none", "--jokes", file.path()], &[]);
    assert_eq!(bot.answer_to("笑话"), "原来的那个笑话");
    fs::write(file.path(), "%\n").unwrap();
    bot.signal("HUP");
    bot.wait_for_log("the running worker goes on");
    bot.wait_for_log("there is no joke in the file");
    assert_eq!(bot.answer_to("笑话"), "原来的那个笑话");
    fs::write(file.path(), "换过的那个笑话").unwrap();
    bot.signal("HUP");
    let told = poll(Instant::now() + LIMIT, || {
        (bot.answer_to("笑话") == "换过的那个笑话").then_some(())
    });
    assert_eq!(told, Some(()), "the new jokes are not told");
}

#[test]
fn the_owners_jokes_are_dealt_with_those_of_the_site() {
    let (page, jokes) = list(1, 12);
    let site = Site::page("text/html; charset=utf-8", page);
    let file = Temporary::write("jokes-beside", "我自己的第一个\n%\n我自己的第二个");
    let bot = bot(&site, &["--jokes", file.path()]);
    let told: Vec<String> = (0..90).map(|_| bot.answer_to("笑话")).collect();
    for pair in told.windows(2) {
        assert_ne!(pair[0], pair[1]);
    }
    let own = told
        .iter()
        .filter(|joke| joke.starts_with("我自己的"))
        .count();
    // One in three: fewer than 10 or more than 55 of 90 come once in ten million times.
    assert!((10..=55).contains(&own), "{own} of 90");
    assert!(
        told.iter()
            .all(|joke| joke.starts_with("我自己的") || jokes.contains(joke))
    );
}

#[test]
fn a_joke_with_a_banned_word_is_not_dealt_wherever_it_comes_from() {
    let page = "<li>里面有某 词的笑话<li>里面有ＢＡＤ的笑话<li>好好的一个笑话在此";
    let site = Site::page("text/html; charset=utf-8", page);
    let words = Temporary::write("words-that-ban", "banned = [\"某词\", \"bad\"]\n");
    let own = Temporary::write("jokes-with-banned", "自己的某词笑话\n%\n自己的好笑话在此");
    let bot = bot(&site, &["--words", words.path(), "--jokes", own.path()]);
    let told: BTreeSet<String> = (0..30).map(|_| bot.answer_to("笑话")).collect();
    assert_eq!(
        Vec::from_iter(told),
        ["好好的一个笑话在此", "自己的好笑话在此"]
    );
    bot.wait_for_log("jokes: 1 from custom, 2 left out");
}

#[test]
fn a_joke_with_a_link_is_never_told() {
    let page = "<li>点&lt;a href=\"//x\" 这里看更多笑话<li>&amp;#119;eixin://dl/chat?一二三<li>看http://x.cn/一二三四\
                <li>好好的一个笑话在此";
    let site = Site::page("text/html; charset=utf-8", page);
    let bot = bot(&site, &[]);
    for _ in 0..8 {
        assert_eq!(bot.answer_to("笑话"), "好好的一个笑话在此");
    }
    bot.wait_for_log("jokes: 1 from custom, 3 left out");
}

#[test]
fn where_all_of_the_owners_jokes_are_banned_the_built_in_ones_are_told() {
    let words = Temporary::write("words-that-ban-all", "banned = [\"某词\"]\n");
    let own = Temporary::write("jokes-all-banned", "自己的某词笑话\n%\n又一个某词笑话");
    let flags = [
        "--joke-source",
        "none",
        "--words",
        words.path(),
        "--jokes",
        own.path(),
    ];
    let bot = Bot::with(&flags, &[]);
    for _ in 0..5 {
        assert!(daoxiao::joke::builtin().contains(&bot.answer_to("笑话")));
    }
    let all = Temporary::write(
        "words-that-ban-every-joke",
        "banned = [\"，\", \"。\", \"？\"]\nrefusal = \"no\"\n",
    );
    let bot = Bot::with(&["--joke-source", "none", "--words", all.path()], &[]);
    assert_eq!(bot.answer_to("笑话"), "no");
}

#[test]
fn with_no_source_a_url_is_not_asked_and_own_jokes_are_told() {
    let site = Site::page("text/plain", "这是网站上的一个笑话。");
    let own = Temporary::write("jokes-beside-a-url", "这是自己的一个笑话。");
    let url = site.url("/");
    let flags = [
        "--joke-source",
        "none",
        "--joke-url",
        &url,
        "--jokes",
        own.path(),
    ];
    let bot = Bot::with(&flags, &[]);
    for _ in 0..5 {
        assert_eq!(bot.answer_to("笑话"), "这是自己的一个笑话。");
    }
    assert_eq!(site.hits(), 0);
}

#[test]
fn a_source_that_gives_nothing_for_a_day_is_told_once_with_what_to_do() {
    let Some(clock) = tools::faked_clock() else {
        return;
    };
    let site = Site::start(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
    });
    let time = Temporary::write("time-of-the-bot", "+0");
    let url = site.url("/");
    let bot = Bot::with(
        &["--joke-url", &url, "--max-age", "0"],
        &[
            ("LD_PRELOAD", &clock),
            ("FAKETIME_TIMESTAMP_FILE", time.path()),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ],
    );
    for (hits, later) in ["+0", "+23h", "+25h", "+26h"].into_iter().enumerate() {
        fs::write(time.path(), later).unwrap();
        assert!(daoxiao::joke::builtin().contains(&bot.answer_to("笑话")));
        let asked = poll(Instant::now() + LIMIT, || {
            (site.hits() > hits).then_some(())
        });
        assert_eq!(asked, Some(()), "{later}: {}", bot.log());
    }
    let (_, log) = bot.stop();
    let said = "jokes: custom has given nothing for a day: try it by `daoxiao joke`, and name others \
                by --joke-source or --joke-url if it is gone\n";
    assert_eq!(log.matches(said).count(), 1, "{log}");
}

#[test]
fn a_name_of_this_machine_is_not_reached_from_a_public_address() {
    let inner = Site::page("text/plain", "what only this machine may see");
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let is_inner = |address: SocketAddr| match address.ip() {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private(),
        IpAddr::V6(ip) => ip.is_loopback(),
    };
    // The resolver is asked only for a name that the proxy is not.
    let names = [host.trim(), "ip6-localhost"].into_iter().filter(|name| {
        let addresses = (*name, 80).to_socket_addrs();
        addresses.is_ok_and(|mut addresses| addresses.all(is_inner))
    });
    for (name, direct) in names.map(|name| (name, name)).chain([("localhost", "")]) {
        let target = format!("http://{name}:{}/", inner.address.port());
        let proxy = Site::start(move |_, stream| {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            let mut head = [0; 4096];
            let _ = stream.read(&mut head);
            let _ = write!(
                stream,
                "HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n"
            );
        });
        let bot = Bot::with(
            &["--joke-url", "http://93.184.215.14/jokes"],
            &[("ALL_PROXY", &proxy.url("")), ("NO_PROXY", direct)],
        );
        assert!(daoxiao::joke::builtin().contains(&bot.answer_to("笑话")));
        bot.wait_for_log("redirected from a public address to one that is not");
        assert_eq!((proxy.hits(), inner.hits()), (1, 0), "{name}");
    }
}
