//! `daoxiao chat --web`: the page in a real browser, and what it is made of over plain HTTP.

use std::{
    env, fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    fake::{Fake, answer, cdata, ok, reply, right},
    owner::{SECRETS, run},
    support::{
        Bot, LIMIT, Reply, TOKEN, Temporary,
        abuse::unread,
        browser::{Browser, DESKTOP, PHONE, View},
        children, connect, daoxiao, element, exchange, now, poll, read_reply, status_number,
        status_while_sending,
    },
    tools::{directory, write_script},
};

/// Keys, as the driver names them.
const ENTER: &str = "\u{e007}";
const TAB: &str = "\u{e004}";
const ESCAPE: &str = "\u{e00c}";

/// What WeChat shows when a server fails.
const FAILURE: &str = "该公众号提供的服务出现故障，请稍后再试";

/// The page, with a bot of its own.
fn page(arguments: &[&str], variables: &[(&str, &str)]) -> Bot {
    // A port alone is one of the loopback address.
    let mut command = daoxiao(&["chat", "--web", "--listen", " 0 "]);
    command
        .args(arguments)
        .env("WECHAT_TOKEN", TOKEN)
        .env("DAOXIAO_JOKE_SOURCE", "none")
        .envs(variables.iter().copied());
    Bot::spawn(command)
}

fn url(page: &Bot) -> String {
    format!("http://{}/", page.address)
}

/// A browser that looks at the page.
fn open(name: &str, page: &Bot, view: View) -> Option<Browser> {
    let browser = Browser::start(name)?;
    browser.open(&url(page), view);
    browser.wait("document.querySelector('#menu button')");
    Some(browser)
}

/// Does something that is sent to the bot, and waits until all of it is shown.
fn after(browser: &Browser, act: impl FnOnce()) {
    let shown = "document.querySelectorAll('.details').length";
    let before = browser.run(&format!("return {shown}"));
    act();
    browser.wait(&format!("{shown} > {before}"));
}

fn write(browser: &Browser, words: &str) {
    after(browser, || {
        browser.type_into("#words", &format!("{words}{ENTER}"));
    });
}

/// What the account's last bubble says.
fn last_bubble(browser: &Browser) -> String {
    let bubbles = "[...document.querySelectorAll('.row:not(.mine) .bubble')]";
    let text = browser.run(&format!("return {bubbles}.at(-1).textContent"));
    text.as_str().unwrap().to_owned()
}

/// What the last exchange shows in the chat.
fn last_item(browser: &Browser) -> String {
    browser.text("#talk li:last-child")
}

/// Shows the part of the page that a phone has no room for beside the other.
fn show(browser: &Browser, part: &str, view: View) {
    if view.width == PHONE.width {
        browser.click(&format!("[data-show={part}]"));
    }
}

/// Clicks on one of the buttons that send the exchange again in some way.
fn again(browser: &Browser, place: u32, view: View) {
    show(browser, "wire", view);
    after(browser, || {
        browser.click(&format!(".again button:nth-child({place})"));
    });
}

/// Nothing was wrong, and nobody else was asked for anything.
fn assert_clean(browser: &Browser, page: &Bot) {
    assert_eq!(browser.console(), Vec::<Value>::new());
    let own = url(page);
    let foreign = |url: &String| !url.starts_with(&own) && !url.starts_with("data:");
    let requested = browser.requested();
    assert!(requested.contains(&own), "{requested:?}");
    let foreign: Vec<String> = requested.into_iter().filter(foreign).collect();
    assert_eq!(foreign, Vec::<String>::new());
}

fn talk_as_a_user(name: &str, view: View) {
    let page = page(&[], &[]);
    let Some(browser) = open(name, &page, view) else {
        return;
    };
    write(&browser, "上海自来水");
    assert_eq!(last_bubble(&browser), "水来自海上");
    after(&browser, || browser.click("[data-do=subscribe]"));
    assert!(last_item(&browser).contains("你关注了该公众号"));
    assert!(last_bubble(&browser).contains("我给你讲一个笑话"));
    after(&browser, || browser.click("#menu button:first-child"));
    assert!(last_item(&browser).contains("你点了菜单：笑话"));
    write(&browser, "讲个笑话");
    let joke = last_bubble(&browser);
    again(&browser, 1, view);
    assert_eq!(last_bubble(&browser), joke);
    assert!(last_item(&browser).contains("微信重发 #4"));
    again(&browser, 2, view);
    assert!(
        last_item(&browser).contains("✓ 403"),
        "{}",
        last_item(&browser)
    );
    show(&browser, "wire", view);
    let explained = browser.text("#wire");
    for words in [
        "合格的服务器：拒绝",
        "签名不对就说明来的不是微信",
        "HTTP 403",
        "≠ 请求里的 signature",
        "毫秒（微信最多等 5 秒）",
    ] {
        assert!(explained.contains(words), "no {words} in {explained}");
    }
    assert!(
        explained.contains("refused: the signature is wrong"),
        "{explained}"
    );
    again(&browser, 3, view);
    let late = last_item(&browser);
    assert!(
        late.contains("#4 带着一小时前的签名发来\n\n✓ 403"),
        "{late}"
    );
    show(&browser, "chat", view);
    after(&browser, || browser.click("[data-do=verify]"));
    assert!(last_item(&browser).contains("✓ 验证通过"));
    let fits = browser.run("return document.documentElement.scrollWidth <= innerWidth");
    assert_eq!(fits, true, "wider than the screen");
    assert_clean(&browser, &page);
}

#[test]
fn a_talk_on_a_wide_screen() {
    talk_as_a_user("web-wide", DESKTOP);
}

#[test]
fn a_talk_on_a_phone() {
    talk_as_a_user("web-phone", PHONE);
}

/// A page about a server that is not ours.
fn page_about(server: &Fake) -> Bot {
    page(&["--url", &server.url()], &[])
}

#[test]
fn what_a_hostile_server_says_is_text() {
    const SCRIPT: &str = "<script>stolen=1</script><img src=x onerror=stolen=2></xml>&lt;b&gt;";
    let server = Fake::start(|call| {
        let hostile = format!("<![CDATA[{SCRIPT}]]>");
        match call.body.as_str() {
            body if body.contains("CDATA[status") => {
                answer("500 <script>stolen=3</script>", SCRIPT)
            }
            body if body.contains("CDATA[deep") => ok(&"<a>".repeat(5000)),
            body if body.contains("CDATA[xml") => ok("<xml><script>stolen=4</script></xml></xml>"),
            _ => ok(&reply(call, &now().to_string(), &hostile)),
        }
    });
    let page = page_about(&server);
    let Some(browser) = open("web-hostile", &page, DESKTOP) else {
        return;
    };
    write(&browser, "<script>stolen=5</script>");
    assert_eq!(last_bubble(&browser), SCRIPT);
    assert!(last_item(&browser).contains("<script>stolen=5</script>"));
    let wire = browser.text("#wire");
    assert!(wire.contains(&format!("<![CDATA[{SCRIPT}]]>")), "{wire}");
    write(&browser, "xml");
    assert!(
        last_item(&browser).contains(FAILURE),
        "{}",
        last_item(&browser)
    );
    assert!(browser.text("#wire").contains("stolen=4</script>"));
    write(&browser, "status");
    assert!(
        last_item(&browser).contains(FAILURE),
        "{}",
        last_item(&browser)
    );
    assert!(browser.text("#wire").contains(SCRIPT));
    write(&browser, "deep");
    let longest = "return Math.max(...[...document.querySelectorAll('pre')].map((pre) => pre.textContent.length))";
    assert!(browser.run(longest).as_u64().unwrap() < 5000 * 20);
    let markup = browser
        .run("return [typeof stolen, document.querySelectorAll('body script, img, b').length]");
    // The page has one script of its own.
    assert_eq!(markup, json!(["undefined", 1]));
    assert_clean(&browser, &page);
}

#[test]
fn a_server_that_fails_is_shown_as_wechat_shows_it_with_the_reason() {
    let server = Fake::start(|call| {
        if call.body.contains("CDATA[never") {
            // Longer than WeChat waits.
            thread::park_timeout(Duration::from_secs(6));
        }
        let time = now().to_string();
        match call.body.as_str() {
            body if body.contains("CDATA[error") => {
                answer("500 Internal Server Error", "traceback")
            }
            body if body.contains("CDATA[long") => {
                ok(&reply(call, &time, &cdata(&"a".repeat(2048))))
            }
            body if body.contains("CDATA[milliseconds") => {
                ok(&reply(call, &format!("{time}000"), &cdata("a")))
            }
            _ => right(call),
        }
    });
    let page = page_about(&server);
    let Some(browser) = open("web-failing", &page, DESKTOP) else {
        return;
    };
    for (words, reason) in [
        ("error", "500"),
        ("long", "2048"),
        ("milliseconds", "CreateTime"),
        ("never", "5 秒内没有响应"),
    ] {
        write(&browser, words);
        let item = last_item(&browser);
        assert!(item.contains(FAILURE) && item.contains(reason), "{item}");
        assert_eq!(
            browser.run("return document.querySelectorAll('.verdict.bad').length"),
            1
        );
    }
    write(&browser, "right");
    assert_eq!(
        browser.run("return document.querySelectorAll('.verdict.bad').length"),
        0
    );
    assert!(browser.text("#wire").contains("机器人在别处运行"));
}

#[test]
fn a_url_that_cannot_be_verified_is_told_for_what_it_is() {
    for (status, reason) in [
        ("404 Not Found", "there is nothing at this path (404)"),
        ("500 Internal Server Error", "(500)"),
        ("403 Forbidden", "refused with 403"),
    ] {
        let server = Fake::start(move |_| answer(status, "no"));
        let page = page_about(&server);
        let exchange = send(&page, "do=verify").to_string();
        assert!(exchange.contains(reason), "{exchange}");
        assert_eq!(
            exchange.contains("make the Token the same"),
            status.starts_with("403")
        );
    }
}

#[test]
fn a_server_that_fails_has_refused_nothing() {
    let server = Fake::start(|_| answer("500 Internal Server Error", "no"));
    let page = page_about(&server);
    send(&page, "do=text&words=a");
    for kind in ["forged", "late"] {
        let exchange = send(&page, &format!("do={kind}&of=1"));
        assert_eq!(exchange["outcome"], "failure");
        assert_eq!(exchange["finding"]["seen"]["en"], "the server fails (500)");
    }
}

#[test]
fn why_an_answer_is_no_reply_is_told_for_what_it_is() {
    let server = Fake::start(|call| {
        let right = right(call);
        match element(&call.body, "Content").unwrap().as_str() {
            "continue" => format!("HTTP/1.1 100 Continue\r\n\r\n{right}"),
            "large" => ok(&"x".repeat(1_100_000)),
            "foo" => right.replace("<MsgType>text<", "<MsgType>foo <"),
            _ => String::new(),
        }
    });
    let page = page_about(&server);
    for (words, outcome, seen) in [
        ("continue", "reply", "replied \"continue\""),
        ("large", "failure", "the response is over 1 MiB"),
        (
            "foo",
            "failure",
            "the reply's MsgType is \"foo \", which WeChat doesn't know",
        ),
        (
            "nothing",
            "failure",
            "the connection was closed without a response",
        ),
    ] {
        let exchange = send(&page, &format!("do=text&words={words}"));
        assert_eq!(exchange["outcome"], outcome, "{exchange}");
        assert_eq!(exchange["finding"]["seen"]["en"], seen);
    }
}

#[test]
fn a_warning_is_told_without_the_word_that_doctor_puts_before_it() {
    let server = Fake::start(|_| ok("success"));
    let page = page_about(&server);
    let first = send(&page, "do=text&words=a%2Bb");
    let heard = (&first["said"], &first["outcome"]);
    assert_eq!(heard, (&json!("a+b"), &json!("silence")), "{first}");
    let forged = send(&page, &format!("do=forged&of={}", first["id"]));
    assert_eq!(
        forged["finding"]["seen"],
        json!({
            "en": "the server doesn't reply to text, so there is no telling whether it checks the signature",
            "zh": "服务器不回复文本消息，看不出它是否校验签名",
        }),
        "{forged}"
    );
}

#[test]
fn a_server_that_takes_everything_is_told_what_to_do() {
    let server = Fake::start(|call| match call.method.as_str() {
        "GET" => ok("hello"),
        _ => ok(&reply(
            call,
            &now().to_string(),
            &cdata(call.field("nonce")),
        )),
    });
    let page = page_about(&server);
    let Some(browser) = open("web-careless", &page, DESKTOP) else {
        return;
    };
    write(&browser, "a");
    for place in 1..=3 {
        again(&browser, place, DESKTOP);
        let verdict = browser.text(".verdict.bad");
        assert!(verdict.contains("怎么办："), "{verdict}");
    }
    after(&browser, || browser.click("[data-do=verify]"));
    assert!(
        last_item(&browser).contains("✗ 验证没有通过"),
        "{}",
        last_item(&browser)
    );
}

#[test]
fn in_secure_mode_the_ciphertext_and_what_was_in_it_are_shown() {
    let page = page(&[], &SECRETS);
    let Some(browser) = open("web-secure", &page, DESKTOP) else {
        return;
    };
    write(&browser, "秘密");
    assert_eq!(last_bubble(&browser), "密秘");
    let wire = browser.text("#wire");
    for words in [
        "encrypt_type\taes",
        "<Encrypt><![CDATA[",
        "<Content><![CDATA[秘密]]></Content>",
        "<Content><![CDATA[密秘]]></Content>",
        "<MsgSignature>",
        "4 个字符串",
        "= 请求里的 msg_signature，签名正确",
        "= 请求里的 signature，签名正确",
    ] {
        assert!(wire.contains(words), "no {words} in {wire}");
    }
    again(&browser, 2, DESKTOP);
    let wire = browser.text("#wire");
    assert!(wire.contains("HTTP 403"), "{wire}");
}

#[test]
fn the_token_is_dots_until_it_is_asked_for() {
    let page = page(&[], &[]);
    let Some(browser) = open("web-token", &page, DESKTOP) else {
        return;
    };
    write(&browser, "a");
    let html = "return document.documentElement.outerHTML";
    let is_shown = || browser.run(html).as_str().unwrap().contains(TOKEN);
    assert!(!is_shown() && browser.text(".joined").contains("••••••••"));
    assert!(!get(page.address, "/api/talk").text().contains(TOKEN));
    browser.click(".reveal");
    browser.wait(&format!(
        "document.querySelector('.joined').textContent.includes('{TOKEN}')"
    ));
    let steps = browser.run(
        "const [joined, hash] = document.querySelectorAll('.joined, .joined ~ pre');
         return [joined.textContent, hash.textContent.split(' ')[0]]",
    );
    let sha1 = sha1_smol::Sha1::from(steps[0].as_str().unwrap())
        .digest()
        .to_string();
    assert_eq!(steps[1], sha1);
    browser.click(".reveal");
    browser.wait("document.querySelector('.joined').textContent.includes('••••••••')");
    assert!(!is_shown());
}

/// Goes from one control to the next until the one of this selector has the focus.
fn tab_to(browser: &Browser, selector: &str) {
    for _ in 0..40 {
        let has_focus = format!("return document.activeElement.matches({})", json!(selector));
        if browser.run(&has_focus) == true {
            return;
        }
        browser.press(TAB);
    }
    panic!("the focus never comes to {selector}");
}

#[test]
fn all_of_it_can_be_done_by_the_keyboard() {
    let page = page(&[], &[]);
    let Some(browser) = open("web-keyboard", &page, PHONE) else {
        return;
    };
    after(&browser, || browser.press(&format!("ab{ENTER}")));
    assert_eq!(last_bubble(&browser), "ba");
    tab_to(&browser, "#menu button:nth-child(2)");
    after(&browser, || browser.press(ENTER));
    assert!(last_item(&browser).contains("你点了菜单：帮助"));
    tab_to(&browser, "#voice");
    browser.press(ENTER);
    browser.wait("document.querySelector('#voice-dialog').open");
    browser.press(ESCAPE);
    browser.wait("!document.querySelector('#voice-dialog').open");
    browser.press(ENTER);
    after(&browser, || browser.press(&format!("cd{ENTER}")));
    assert_eq!(last_bubble(&browser), "dc");
    tab_to(&browser, "[data-show=wire]");
    browser.press(ENTER);
    tab_to(&browser, ".again button:nth-child(2)");
    after(&browser, || browser.press(ENTER));
    assert!(
        last_item(&browser).contains("✓ 403"),
        "{}",
        last_item(&browser)
    );
    // What was pressed is hidden now; and a step back leaves the focus on the button for the next.
    let focus = || browser.run("return document.activeElement.id || document.activeElement.name");
    assert_eq!(focus(), "talk");
    tab_to(&browser, "#talk li:last-child .details");
    browser.press(ENTER);
    assert_eq!(focus(), "wire");
    tab_to(&browser, "[name=earlier]");
    for title in ["#3", "#2", "#1"] {
        browser.press(ENTER);
        assert!(browser.text("#wire h2").starts_with(title));
    }
    assert_eq!(focus(), "wire");
    assert_clean(&browser, &page);
}

#[test]
fn the_enter_that_ends_a_word_of_an_input_method_sends_nothing() {
    let page = page(&[], &[]);
    let Some(browser) = open("web-composing", &page, DESKTOP) else {
        return;
    };
    browser.type_into("#words", "nihao");
    // As Chromium and as Safari tell of it.
    for told in ["isComposing: true", "keyCode: 229"] {
        browser.run(&format!(
            "const enter = new KeyboardEvent('keydown', {{ key: 'Enter', cancelable: true, {told} }});
             $('words').dispatchEvent(enter)"
        ));
    }
    assert_eq!(browser.run("return $('words').value"), "nihao");
    write(&browser, "");
    assert_eq!(talk(&page).len(), 1);
}

#[test]
fn the_latest_exchanges_are_kept_and_no_more() {
    let page = page(&[], &[]);
    for number in 1..=199 {
        send(&page, &format!("do=text&words={number}"));
    }
    let Some(browser) = open("web-many", &page, DESKTOP) else {
        return;
    };
    let ids =
        || browser.run("const ids = exchanges.map((one) => one.id); return [ids[0], ids.at(-1)]");
    let items = || browser.run("return document.querySelectorAll('#talk li').length");
    write(&browser, "200");
    assert_eq!((ids(), items()), (json!([1, 200]), json!(200)));
    browser.type_into("#words", &format!("201{ENTER}"));
    browser.wait("exchanges.at(-1).id === 201 && document.querySelector('#wire h2').textContent === '#201 201'");
    assert_eq!((ids(), items()), (json!([2, 201]), json!(200)));
    assert!(browser.text("#talk li:first-child").contains("#2 ·"));
    let kept = talk(&page);
    assert_eq!((kept.len(), &kept[0]["id"]), (200, &json!(2)));
    // What is gone cannot be sent again.
    let host = page.address.to_string();
    let again = |of| {
        let line = format!("POST /api/send?do=retry&of={of}");
        ask(page.address, &line, &[("Host", &host)]).status
    };
    assert_eq!((again(1), again(2)), (400, 200));
}

#[test]
fn a_page_takes_up_what_another_one_has_sent() {
    let page = page(&[], &[]);
    let Some(browser) = open("web-two", &page, DESKTOP) else {
        return;
    };
    write(&browser, "ab");
    assert_eq!(send(&page, "do=text&words=cd")["reply"], "dc");
    browser.type_into("#words", &format!("ef{ENTER}"));
    browser.wait("document.querySelectorAll('.details').length === 3");
    for words in ["ba", "dc", "fe"] {
        assert!(browser.text("#talk").contains(words));
    }
    // And says so where there is no longer what it means.
    browser.run("send({ do: 'retry', of: 9 })");
    browser.wait("$('talk').innerText.includes('已经没有这条记录了')");
    // What was written stays where nobody answers any more.
    drop(page);
    browser.type_into("#words", &format!("gh{ENTER}"));
    browser.wait("$('talk').lastChild.innerText.includes('daoxiao 没有响应')");
    assert!(last_item(&browser).contains("gh"));
}

#[test]
fn everything_a_user_can_do_is_answered_and_stays_when_the_page_is_loaded_again() {
    let page = page(&[], &[]);
    let Some(browser) = open("web-kinds", &page, DESKTOP) else {
        return;
    };
    write(&browser, "笑[微笑]/::)");
    assert_eq!(last_bubble(&browser), "/::)[微笑]笑");
    let time = browser.run(
        "const time = document.querySelector('.when').textContent;
         const now = [0, 60].map((ago) => clock(Date.now() / 1000 - ago));
         return now.includes(time) && /^\\d\\d:\\d\\d$/.test(time)",
    );
    assert_eq!(time, true);
    // So much can be sent, and no more be written.
    write(&browser, &"长".repeat(2500));
    let length = browser
        .run("return [...document.querySelectorAll('.mine .bubble')].at(-1).innerText.length");
    assert_eq!(length, 2000);
    for button in ["image", "location"] {
        after(&browser, || browser.click(&format!("[data-do={button}]")));
        assert_eq!(last_bubble(&browser), "我只认得字，发句话给我吧。");
    }
    after(&browser, || {
        browser.click("#voice");
        browser.type_into("#voice-words", &format!("上海{ENTER}"));
    });
    assert_eq!(last_bubble(&browser), "海上");
    after(&browser, || {
        browser.click("#voice");
        browser.click("#voice-dialog .send");
    });
    assert_eq!(last_bubble(&browser), "我只认得字，发句话给我吧。");
    browser.click("#menu .edit");
    browser.run("document.querySelector('#menu-lines').value = ''");
    browser.type_into("#menu-lines", "我的 = 笑话=一则\nxyz");
    browser.click("#menu-dialog .send");
    browser.wait("document.querySelector('#menu').innerText === '我的\\nxyz\\n菜单…'");
    browser.wait("document.activeElement.matches('#menu .edit')");
    after(&browser, || browser.click("#menu button:first-child"));
    assert!(
        browser
            .text("#wire")
            .contains("<EventKey><![CDATA[笑话=一则]]></EventKey>")
    );
    after(&browser, || browser.click("[data-do=unsubscribe]"));
    assert!(last_item(&browser).contains("你已取消关注"));
    let long = "很长的话\u{e008}\u{e007}\u{e008}".repeat(3) + "完";
    write(&browser, &long);
    let mine =
        browser.run("return [...document.querySelectorAll('.mine .bubble')].at(-1).innerText");
    assert_eq!(mine, "很长的话\n很长的话\n很长的话\n完");
    assert!(
        last_item(&browser).contains("不再显示"),
        "{}",
        last_item(&browser)
    );
    let before = browser.text("#talk");
    browser.open(&url(&page), DESKTOP);
    browser.wait("document.querySelectorAll('.details').length === 9");
    assert_eq!(browser.text("#talk"), before);
    assert_eq!(browser.text("#menu"), "我的\nxyz\n菜单…");
    assert_clean(&browser, &page);
}

#[test]
fn the_page_speaks_the_browsers_language_or_the_one_that_was_asked_for() {
    let english = View {
        language: "en-US",
        ..DESKTOP
    };
    let page = page(&[], &[]);
    let Some(browser) = open("web-language", &page, english) else {
        return;
    };
    assert_eq!(browser.text("[data-do=subscribe]"), "Follow");
    browser.click("#language");
    assert_eq!(browser.text("[data-do=subscribe]"), "关注");
    assert_eq!(browser.run("return document.documentElement.lang"), "zh-CN");
    let differences = browser.run(
        "const names = (language) => Object.keys(WORDS[language]);
         const missing = (from, to) => names(from).filter((name) => !(name in WORDS[to]));
         const used = [...document.querySelectorAll('[data-text], [data-label]')]
           .map((node) => node.dataset.text ?? node.dataset.label);
         const source = document.querySelector('script').textContent;
         const called = [...source.matchAll(/\\bt\\('([^']+)'/g)].map(([, name]) => name);
         const unknown = [...used, ...called].filter((name) => !(name in WORDS.en));
         return [...missing('en', 'zh'), ...missing('zh', 'en'), ...unknown]",
    );
    assert_eq!(differences, json!([]));
    let asked = self::page(&["--lang", "en"], &[]);
    browser.open(&url(&asked), DESKTOP);
    browser.wait("document.querySelector('#menu button')");
    assert_eq!(browser.text("[data-do=subscribe]"), "Follow");
    write(&browser, "ab");
    assert!(
        browser
            .text("#wire")
            .contains("A good server answers within 5 seconds")
    );
}

/// Asks the page as a browser would that was led to this host.
fn ask(page: SocketAddr, line: &str, headers: &[(&str, &str)]) -> Reply {
    let mut head = format!("{line} HTTP/1.1\r\nConnection: close\r\nContent-Length: 0\r\n");
    for (name, value) in headers {
        head = head + name + ": " + value + "\r\n";
    }
    exchange(page, head + "\r\n")
}

fn get(page: SocketAddr, path: &str) -> Reply {
    ask(page, &format!("GET {path}"), &[("Host", &page.to_string())])
}

#[test]
fn a_request_that_is_refused_as_a_whole_leaves_its_connection_to_the_next() {
    let page = page(&[], &[]);
    let mut peer = connect(page.address);
    for _ in 0..2 {
        peer.write_all(b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n")
            .unwrap();
        let reply = read_reply(&mut peer).unwrap();
        assert_eq!((reply.status, reply.header("Connection")), (403, None));
    }
}

#[test]
fn a_foreign_host_or_origin_is_refused() {
    let page = page(&[], &[]);
    let address = page.address.to_string();
    let port = page.address.port();
    let statuses = |headers: &[(&str, &str)]| {
        [
            "GET /",
            "GET /api/talk",
            "POST /api/send?do=verify",
            "POST /api/token",
        ]
        .map(|line| ask(page.address, line, headers).status)
    };
    let localhost = format!("localhost:{port}");
    let own = format!("http://{address}");
    let loopback6 = format!("[::1]:{port}");
    for headers in [
        vec![("Host", address.as_str())],
        vec![("Host", &localhost)],
        vec![("Host", &loopback6)],
        vec![("Host", &address), ("Origin", &own)],
    ] {
        assert_eq!(statuses(&headers), [200; 4], "{headers:?}");
    }
    let other_port = format!("http://127.0.0.1:{}", port ^ 1);
    let by_name = format!("http://{localhost}");
    let by_https = format!("https://{address}");
    let other_host = format!("127.0.0.1:{}", port ^ 1);
    let evil = format!("evil.example:{port}");
    let ipv4_in_brackets = format!("[127.0.0.1]:{port}");
    let many_brackets = format!("[[127.0.0.1]]:{port}");
    let no_brackets = format!("::1:{port}");
    for headers in [
        vec![("Host", ipv4_in_brackets.as_str())],
        vec![("Host", &many_brackets)],
        vec![("Host", &no_brackets)],
        vec![("Host", &address), ("Host", &evil)],
        vec![("Host", &evil), ("Host", &address)],
        vec![
            ("Host", &address),
            ("Origin", &own),
            ("Origin", "http://evil.example"),
        ],
        vec![],
        vec![("Host", "evil.example")],
        vec![("Host", &evil)],
        vec![("Host", "127.0.0.1")],
        vec![("Host", "10.0.0.1")],
        vec![("Host", &address), ("Origin", "http://evil.example")],
        vec![("Host", &address), ("Origin", "null")],
        vec![("Host", &address), ("Origin", &other_port)],
        vec![("Host", &address), ("Origin", &by_name)],
        vec![("Host", &address), ("Origin", &by_https)],
        vec![("Host", &other_host)],
    ] {
        assert_eq!(statuses(&headers), [403; 4], "{headers:?}");
    }
    // Nothing of it came to the bot.
    assert_eq!(talk(&page).len(), 4);
}

#[test]
fn the_page_allows_itself_nothing_that_it_does_not_need() {
    let page = page(&[], &[]);
    let reply = get(page.address, "/");
    let nonce = |reply: &Reply| {
        let (_, rest) = reply.text().split_once("<script nonce=\"").unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    };
    let own = nonce(&reply);
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{own}'; style-src 'nonce-{own}'; connect-src 'self'; \
         img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    assert_eq!(
        reply.header("Content-Security-Policy"),
        Some(policy.as_str())
    );
    assert_eq!(
        reply.header("Content-Type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(reply.header("X-Content-Type-Options"), Some("nosniff"));
    assert_eq!(reply.header("Referrer-Policy"), Some("no-referrer"));
    assert_eq!(reply.header("Cache-Control"), Some("no-store"));
    assert_ne!(nonce(&get(page.address, "/")), own);
}

/// Sends something to the bot as the page does; all that the page is told of it.
fn send(page: &Bot, asked: &str) -> Value {
    let host = page.address.to_string();
    let line = format!("POST /api/send?{asked}");
    let reply = ask(page.address, &line, &[("Host", &host)]);
    assert_eq!(reply.status, 200, "{reply:?}");
    serde_json::from_slice(&reply.body).unwrap()
}

/// All exchanges that there have been.
fn talk(page: &Bot) -> Vec<Value> {
    let talk: Value = serde_json::from_slice(&get(page.address, "/api/talk").body).unwrap();
    talk["exchanges"].as_array().unwrap().clone()
}

#[test]
fn words_that_were_saved_are_what_the_bot_says_next() {
    let file = Temporary::write("web-words.toml", "welcome = \"一\"\n");
    let page = page(&["--words", file.path()], &[]);
    let first = send(&page, "do=subscribe");
    assert_eq!(
        (&first["reply"], &first["words_error"]),
        (&json!("一"), &Value::Null)
    );
    fs::write(file.path(), "welcome = \"二\"\nhelp = \"帮\"\n").unwrap();
    assert_eq!(send(&page, "do=subscribe")["reply"], "二");
    assert_eq!(send(&page, "do=text&words=help")["reply"], "帮");
    // A file that cannot be used changes nothing, and the page says why for as long as it is there.
    fs::write(file.path(), "welcome = 三\n").unwrap();
    for _ in 0..2 {
        let broken = send(&page, "do=subscribe");
        assert_eq!(broken["reply"], "二");
        for language in ["en", "zh"] {
            let notice = broken["words_error"][language].as_str().unwrap();
            assert!(notice.contains("web-words.toml"), "{notice}");
        }
    }
    fs::write(file.path(), "welcome = \"四\"\n").unwrap();
    let retry = send(&page, &format!("do=retry&of={}", first["id"]));
    assert_eq!(
        (
            &retry["reply"],
            &retry["words_error"],
            &retry["finding"]["good"]
        ),
        (&json!("四"), &Value::Null, &json!(true))
    );
    // The log goes on, too: one line for each of them.
    let logged = send(&page, "do=text&words=ab")["log"].to_string();
    assert!(logged.contains("POST / text text 200"), "{logged}");
}

#[test]
fn what_the_page_never_asks_is_refused_and_does_not_stop_it() {
    let page = page(&[], &[]);
    let host = page.address.to_string();
    let status = |line: &str| ask(page.address, line, &[("Host", &host)]).status;
    assert_eq!(status("GET /api/none"), 404);
    assert_eq!(status(&format!("GET http://{host}/api/talk")), 200);
    assert_eq!(status("DELETE /"), 404);
    assert_eq!(status("GET /api/token"), 404);
    assert_eq!(status("GET /api/send?do=verify"), 404);
    for asked in [
        "",
        "do",
        "do=dance",
        "do=retry",
        "do=retry&of=1",
        "do=late&of=0",
        "do=late&of=-1",
    ] {
        assert_eq!(status(&format!("POST /api/send?{asked}")), 400, "{asked}");
    }
    let chunked = format!(
        "POST /api/send?do=text HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
         Transfer-Encoding: chunked\r\n\r\n7\r\ndo=text\r\n0\r\n\r\n"
    );
    assert_eq!(exchange(page.address, chunked).status, 413);
    assert_eq!(talk(&page), Vec::<Value>::new());
}

#[test]
fn an_answer_to_head_has_no_body() {
    let page = page(&[], &[]);
    let host = page.address.to_string();
    for (host, status) in [
        (host.as_str(), "404 Not Found"),
        ("evil.example", "403 Forbidden"),
    ] {
        let mut peer = connect(page.address);
        write!(
            peer,
            "HEAD / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        peer.read_to_string(&mut answer).unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}\r\n")),
            "{answer}"
        );
        assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    }
}

#[test]
fn answers_that_nobody_reads_do_not_stop_the_page() {
    let page = page(&[], &[]);
    let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", page.address);
    let _unread = unread(page.address, &request.repeat(2000)).unwrap();
    assert_eq!(get(page.address, "/").status, 200);
}

/// How the page ends, and what it says then.
fn end(mut page: Bot) -> (Option<i32>, String) {
    let status = poll(Instant::now() + LIMIT, || page.exit_status()).expect("it goes on");
    (status.code(), page.log())
}

#[test]
fn a_page_that_accepts_no_connection_any_more_ends() {
    // With an odd number of descriptors left, the last connection gets one of the two it needs.
    for limit in [60, 61] {
        let mut command = Command::new("sh");
        let script = format!("ulimit -n {limit} && exec \"$0\" \"$@\"");
        command
            .args(["-c", &script, env!("CARGO_BIN_EXE_daoxiao")])
            .args(["chat", "--web", "--listen", "127.0.0.1:0", "--lang", "en"])
            .env_clear()
            .env("DAOXIAO_JOKE_SOURCE", "none");
        let page = Bot::spawn(command);
        let _idle: Vec<_> = (0..40).map(|_| TcpStream::connect(page.address)).collect();
        let (code, log) = end(page);
        assert_eq!(code, Some(1), "{log}");
        let expected = [
            "error: the page ended: no connection could be accepted, for want of descriptors, \
             threads or memory\n",
            "error: the page cannot be served: Too many open files (os error 24)\n",
        ];
        assert!(expected.iter().any(|it| log.ends_with(it)), "{log}");
    }
}

#[test]
fn a_page_ends_with_too_many_requests_that_can_never_be_dropped() {
    let page = page(&["--lang", "en"], &[]);
    for _ in 0..128 {
        let mut peer = begin(&page, "evil.example", 99_999_999_999_999, "x");
        assert_eq!(read_reply(&mut peer).unwrap().status, 403);
    }
    let (code, log) = end(page);
    assert_eq!(code, Some(1));
    assert!(
        log.ends_with("error: the page ended: too many oversized requests\n"),
        "{log}"
    );
}

#[test]
fn bodies_that_never_come_hold_up_nobody() {
    let page = page(&[], &[]);
    let host = page.address.to_string();
    for (host, status) in [("evil.example", 403), (host.as_str(), 413)] {
        let mut begun: Vec<_> = (0..8).map(|_| begin(&page, host, 2000, "{")).collect();
        assert_eq!(get(page.address, "/").status, 200);
        for peer in &mut begun {
            assert_eq!(read_reply(peer).unwrap().status, status);
        }
    }
    assert_eq!(talk(&page), Vec::<Value>::new());
}

/// Sends a request and the beginning of its body.
fn begin(page: &Bot, host: &str, length: usize, body: &str) -> TcpStream {
    let mut peer = connect(page.address);
    let head = format!(
        "POST /api/send?do=text&words=a HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}"
    );
    // It may be refused, and the connection closed, before all of it was sent.
    let _ = peer.write_all(format!("{head}\r\n\r\n{body}").as_bytes());
    peer
}

#[test]
fn a_large_body_is_refused_whatever_its_length_and_leaves_nothing_behind() {
    let page = page(&[], &[]);
    let host = page.address.to_string();
    let descriptors = || {
        let open = fs::read_dir(format!("/proc/{}/fd", page.pid())).unwrap();
        open.count()
    };
    let threads = || status_number(page.pid(), "Threads:").unwrap();
    assert_eq!(get(page.address, "/").status, 200);
    let left = |before| {
        poll(Instant::now() + LIMIT, || {
            (descriptors() <= before).then_some(())
        })
    };
    let (descriptors_before, threads_before) = (descriptors(), threads());
    let refused = |length: usize| {
        let whole = "x".repeat(length.min(2_000_000));
        for body in ["x", &whole] {
            for (host, status) in [("evil.example", 403), (host.as_str(), 413)] {
                let mut peer = begin(&page, host, length, body);
                let reply = read_reply(&mut peer).unwrap();
                let connection = reply.header("Connection");
                assert_eq!((reply.status, connection), (status, Some("close")));
                assert_eq!(peer.read(&mut [0]).unwrap_or(0), 0);
            }
        }
    };
    let mut peer = begin(&page, &host, 5, "small");
    assert_eq!(read_reply(&mut peer).unwrap().status, 413);
    drop(peer);
    for _ in 0..20 {
        refused(70_000);
        refused(999_999);
    }
    assert_eq!(left(descriptors_before), Some(()), "{}", descriptors());
    // Those that `tiny_http` keeps for a while are fewer.
    assert!(threads() < threads_before + 20, "{}", threads());
    // So much as the last one no memory holds.
    for length in [2_000_000, 500_000_000, 99_999_999_999_999] {
        refused(length);
    }
    assert_eq!(left(descriptors_before), Some(()), "{}", descriptors());
    assert_eq!(get(page.address, "/").status, 200);
}

#[test]
fn what_comes_behind_a_refusal_is_never_taken_for_requests() {
    let page = page(&[], &[]);
    let host = page.address.to_string();
    // The first line of each piece may be cut anywhere.
    let piece = format!(
        "{} / HTTP/1.1\r\n\r\nPOST /api/send?do=text&words=smuggled HTTP/1.1\r\nHost: {host}\r\n\r\n",
        "A".repeat(900),
    );
    for length in [60_000, 1_000_000, 30_000_000] {
        let body = piece.repeat(length / piece.len());
        let head = format!(
            "POST / HTTP/1.1\r\nHost: {host}\r\nOrigin: http://evil.example\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        for _ in 0..15 {
            assert_eq!(status_while_sending(page.address, &head, &body), 403);
        }
    }
    assert_eq!(talk(&page), Vec::<Value>::new());
}

/// A page on all addresses of the machine, killed when it is dropped.
struct Keyed {
    child: Child,
    address: SocketAddr,
    key: String,
}

impl Keyed {
    fn start() -> Self {
        Self::with(&[])
    }

    fn with(variables: &[(&str, &str)]) -> Self {
        let mut child = daoxiao(&["chat", "--web", "--listen", "0.0.0.0:0"])
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let (port, key) = line
            .strip_prefix("listening on http://0.0.0.0:")
            .and_then(|rest| rest.trim_end().split_once("/?key="))
            .unwrap_or_else(|| panic!("{line}"));
        Self {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap())),
            key: key.to_owned(),
        }
    }
}

impl Drop for Keyed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn beyond_loopback_the_page_is_for_those_who_have_its_key() {
    let page = Keyed::start();
    assert!(page.key.len() == 20 && page.key.chars().all(|char| char.is_ascii_alphanumeric()));
    assert_ne!(page.key, Keyed::start().key);
    let right = format!("?key={}", page.key);
    let port = page.address.port();
    let lan = format!("192.0.2.7:{port}");
    let name = format!("evil.example:{port}");
    let status = |host: &str, path: &str| {
        ask(page.address, &format!("GET {path}"), &[("Host", host)]).status
    };
    for path in ["/", "/api/talk"] {
        assert_eq!(status(&lan, &format!("{path}{right}")), 200);
        assert_eq!(status(&name, &format!("{path}{right}")), 403);
        let short = &right[..right.len() - 1];
        for wrong in [
            "",
            "?key=",
            "?key=aaaaaaaaaaaaaaaaaaaa",
            short,
            &format!("{right}a"),
        ] {
            assert_eq!(status(&lan, &format!("{path}{wrong}")), 403, "{wrong}");
        }
    }
    let Some(browser) = Browser::start("web-key") else {
        return;
    };
    browser.open(&format!("http://{}/{right}", page.address), DESKTOP);
    browser.wait("document.querySelector('#menu button')");
    write(&browser, "ab");
    assert_eq!(last_bubble(&browser), "ba");
}

#[test]
fn where_there_is_a_screen_the_browser_is_opened_at_an_address_without_a_key() {
    let bin = directory("web-opener");
    let opened = bin.join("opened");
    let script = format!("#!/bin/sh\nprintf '%s' \"$*\" > {}\n", opened.display());
    write_script(&bin.join("xdg-open"), &script);
    let path = bin.to_str().unwrap();
    for screen in ["DISPLAY", "WAYLAND_DISPLAY"] {
        let page = page(&[], &[("PATH", path), (screen, ":0")]);
        let address = poll(Instant::now() + LIMIT, || {
            let address = fs::read_to_string(&opened).ok()?;
            (!address.is_empty()).then_some(address)
        });
        assert_eq!(address, Some(url(&page)));
        assert_eq!(children(page.pid()).len(), 1);
        fs::remove_file(&opened).unwrap();
    }
    let no_screen = page(&[], &[("PATH", path)]);
    let keyed = Keyed::with(&[("PATH", path), ("DISPLAY", ":0")]);
    for (pid, address) in [
        (no_screen.pid(), no_screen.address),
        (keyed.child.id(), keyed.address),
    ] {
        // A browser would have been started before the first answer.
        ask(address, "GET /", &[]);
        assert_eq!(children(pid), Vec::<u32>::new());
    }
}

#[test]
fn an_address_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let outcome = run(daoxiao(&["chat", "--web", "--listen", &address]), "");
    assert_eq!((outcome.code, outcome.out.as_str()), (Some(1), ""));
    let expected = format!("error: cannot listen on {address}: the port is in use; ");
    assert!(outcome.err.starts_with(&expected), "{outcome:?}");
    let outcome = run(daoxiao(&["chat", "--listen", "127.0.0.1:0"]), "");
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(outcome.err.contains("--web"), "{outcome:?}");
}

#[test]
fn it_looks_like_a_chat_by_day_and_by_night() {
    let page = page(&[], &[]);
    let Some(browser) = open("web-looks", &page, DESKTOP) else {
        return;
    };
    let colours = || {
        browser.run(
            "return ['.chat', '.wire', '.tools'].map((part) =>
               getComputedStyle(document.querySelector(part)).backgroundColor)",
        )
    };
    let day = [
        "rgb(237, 237, 237)",
        "rgb(255, 255, 255)",
        "rgb(247, 247, 247)",
    ];
    let night = ["rgb(17, 17, 17)", "rgb(25, 25, 25)", "rgb(28, 28, 28)"];
    assert_eq!(colours(), json!(day));
    browser.look(View {
        dark: true,
        ..DESKTOP
    });
    assert_eq!(colours(), json!(night));
}

/// With `DAOXIAO_SCREENSHOT` set, the pictures are made anew.
#[test]
fn the_readmes_show_the_page() {
    for (language, readme, picture) in [
        ("en", "README.md", "docs/chat.png"),
        ("zh", "README.zh-CN.md", "docs/chat.zh-CN.png"),
    ] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let text = fs::read_to_string(root.join(readme)).unwrap();
        assert!(
            text.contains(&format!("]({picture})")),
            "{readme} has no {picture}"
        );
        let Some(seen) = screenshot(language) else {
            return;
        };
        let path = root.join(picture);
        if env::var_os("DAOXIAO_SCREENSHOT").is_some() {
            fs::write(&path, &seen).unwrap();
        }
        let kept = fs::read(&path).unwrap();
        assert!(kept.len() <= 150_000, "{picture} has {} bytes", kept.len());
        // What a PNG begins with: that it is one, and its size in pixels.
        assert_eq!(kept[..24], seen[..24], "{picture} is not the page's");
    }
}

/// The page after a short talk.
fn screenshot(language: &str) -> Option<Vec<u8>> {
    let page = page(&["--lang", language], &[]);
    let view = View {
        width: 1200,
        height: 760,
        ..DESKTOP
    };
    let browser = open("web-picture", &page, view)?;
    after(&browser, || browser.click("[data-do=subscribe]"));
    write(&browser, "讲个笑话");
    write(&browser, "上海自来水");
    // Neither the caret nor the ring around what has the focus is part of the picture.
    browser.run("document.activeElement.blur()");
    Some(browser.screenshot())
}
