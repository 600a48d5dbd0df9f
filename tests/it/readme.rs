//! What stands in the READMEs and in `docs/`, run as it stands.

use std::{
    collections::BTreeSet,
    fs,
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::{
    owner::{closed_port, run},
    support::{
        Bot, Connection, TOKEN, daoxiao, exchange, message, now, post_request, signed, signed_at,
        signed_with, text_message,
    },
    tools::{Daemon, directory, find, free_address, write_script},
};

/// Pages that say the same in two languages.
const PAIRS: [[&str; 2]; 6] = [
    ["README.md", "README.zh-CN.md"],
    ["docs/scripts.md", "docs/zh/scripts.md"],
    ["docs/jokes.md", "docs/zh/jokes.md"],
    ["docs/settings.md", "docs/zh/settings.md"],
    ["docs/measured.md", "docs/zh/measured.md"],
    ["docs/json.md", "docs/zh/json.md"],
];

/// Stands for cargo, which built what is tested: the same commands, without building it again.
const CARGO: &str = "#!/bin/sh
case \"$*\" in
  'run --release -- '*) shift 3; exec daoxiao \"$@\" ;;
  'test --locked') ;; # this is it
  *) echo \"cargo $*?\" >&2; exit 1 ;;
esac
";

fn read(readme: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(root.join(readme)).unwrap()
}

/// The text of each block of code of a language. Behind `sh` may stand why no test runs a block:
/// it needs root, or the internet, or is slow.
fn blocks<'a>(markdown: &'a str, language: &str) -> Vec<&'a str> {
    let mut parts = markdown.split("```");
    parts.next();
    let fences = parts.step_by(2);
    let blocks = fences.filter_map(|fence| fence.split_once('\n'));
    blocks
        .filter(|(found, _)| *found == language)
        .map(|(_, code)| code)
        .collect()
}

/// The lines of a block without the comments, which each language has of its own.
fn commands(block: &str) -> Vec<&str> {
    let lines = block.lines().map(|line| match line.split_once(" # ") {
        Some((command, _)) => command.trim_end(),
        None => line,
    });
    lines.filter(|line| !line.starts_with("# ")).collect()
}

#[test]
fn both_languages_have_the_same_commands() {
    let of = |page: &str, language| -> Vec<Vec<String>> {
        let text = read(page);
        let blocks = blocks(&text, language).into_iter().map(commands);
        let owned = blocks.map(|lines| lines.into_iter().map(str::to_owned).collect());
        owned.collect()
    };
    for language in ["sh", "sh root", "sh internet", "sh slow", "text"] {
        let mut blocks = 0;
        for [english, chinese] in PAIRS {
            assert_eq!(of(english, language), of(chinese, language), "{english}");
            blocks += of(english, language).len();
        }
        assert!(blocks > 0, "{language}");
    }
}

#[test]
fn every_command_that_needs_nothing_runs_as_it_stands() {
    let (Some(curl), Some(_)) = (find("curl"), find("sha1sum")) else {
        return;
    };
    let bot = Bot::start();
    let bin = directory("readme");
    write_script(&bin.join("cargo"), CARGO);
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_daoxiao"), bin.join("daoxiao")).unwrap();
    let path = format!(
        "{}:{}:/usr/bin:/bin",
        bin.display(),
        curl.parent().unwrap().display()
    );
    let pages = PAIRS.concat().into_iter().map(read);
    let pages: Vec<String> = pages.collect();
    let run_block = |block: &str| {
        let mut shell = Command::new("sh");
        shell
            .args(["-e", "-u", "-c", block])
            .current_dir(&bin)
            .env_clear();
        shell.envs([
            ("PATH", path.as_str()),
            ("WECHAT_TOKEN", TOKEN),
            ("DAOXIAO_URL", &format!("http://{}/wechat", bot.address)),
            ("DAOXIAO_JOKE_SOURCE", "none"),
        ]);
        let outcome = run(shell, "");
        assert_eq!(outcome.code, Some(0), "{block}\n{outcome:?}");
        outcome.out
    };
    for block in pages.iter().flat_map(|page| blocks(page, "sh")) {
        let out = run_block(block);
        // Whoever tries other words at once gets another answer, not the first one again.
        let other = run_block(&block.replace("你好", "再见"));
        for (command, printed) in PRINTED {
            if block.contains(command) {
                assert!(out.contains(printed), "{block}\n{out}");
                let printed = printed.replace("好你", "见再");
                assert!(other.contains(&printed), "{block}\n{other}");
            }
        }
    }
}

/// What a block that contains the first prints, among other things.
const PRINTED: [(&str, &str); 5] = [
    ("say 你好", "好你\n"),
    (
        "<Content>你好</Content>",
        "<Content><![CDATA[好你]]></Content>",
    ),
    ("?$(daoxiao sign)&echostr=hello", "hello"),
    ("daoxiao cgi", "\r\n\r\nhello"),
    (
        "--jokes my-jokes.txt",
        "我的闹钟很懂事，\n从来不打扰我睡觉。\n%\n电梯坏了，我走楼梯。\n",
    ),
];

#[test]
fn what_doctor_is_said_to_say_is_what_it_says() {
    // What doctor prints, line for line, stands in its tests.
    let printed = read("tests/it/doctor.rs");
    for (page, least) in [
        ("README.md", 5),
        ("docs/doctor.md", 17),
        ("README.zh-CN.md", 5),
        ("docs/zh/doctor.md", 20),
    ] {
        let text = read(page);
        let lines: Vec<&str> = text.split("`✗ ").skip(1).collect();
        assert!(lines.len() >= least, "{page}");
        for line in lines {
            let (line, _) = line.split_once('`').unwrap();
            // Dots stand for what differs from server to server.
            for part in line.split('…').map(str::trim) {
                assert!(printed.contains(part), "{page}: ✗ {line}");
            }
        }
    }
}

#[test]
fn the_talk_at_the_top_is_what_chat_says() {
    let readme = read("README.md");
    let talk = blocks(&readme, "text")[0];
    let (asked, answered): (Vec<&str>, Vec<&str>) =
        talk.lines().partition(|line| line.starts_with("> "));
    let input = asked.join("\n").replace("> ", "") + "\n";
    let outcome = run(daoxiao(&["chat", "--joke-source", "none"]), &input);
    let (words, joke) = answered.split_at(2);
    let words = words.join("\n") + "\n";
    assert!(outcome.out.starts_with(&words), "{outcome:?}");
    let builtin = read("src/joke/builtin.txt");
    assert!(builtin.contains(&joke.join("\n")), "{joke:?}");
}

/// What pages quote of the log: the first column of the tables of its words.
fn words_of_the_log(page: &str) -> Vec<String> {
    let text = read(page);
    let tables = text.split("| 日志里的词 |").skip(1);
    let rows = tables.flat_map(|table| {
        let rows = table.lines().skip(2);
        rows.take_while(|row| row.starts_with('|'))
    });
    let cells = rows.filter_map(|row| row.split('|').nth(1));
    let words = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    words.map(str::to_owned).collect()
}

/// The log of a bot that has met everything that the pages explain.
fn log_of_all() -> String {
    let bot = Bot::with(&["--joke-url", &closed_port()], &[]);
    let target = signed("/wechat");
    bot.get(&format!("{target}&echostr=1"));
    let text = text_message("你好");
    bot.say(&text);
    bot.say(&text);
    bot.say(text_message("笑话"));
    bot.say(message(
        "voice",
        "<Recognition>你好</Recognition><MsgId>1</MsgId>",
    ));
    bot.say(message(
        "event",
        "<Event>VIEW</Event><EventKey>a</EventKey>",
    ));
    bot.get("/wx");
    bot.get("/wechat");
    bot.get(&signed_with("another", "/wechat"));
    bot.get(&format!("{target}&nonce=1"));
    bot.get(&signed_at("/wechat", now() - 1000));
    bot.get(&signed_at("/wechat", now() * 1000));
    bot.get(&format!("/wechat?nonce={}", "1".repeat(200)));
    bot.post(&target, vec![b'a'; 65_537]);
    bot.post(&target, b"{}");
    bot.post(&target, b"<xml></xml>");
    for request in [
        "DELETE /wechat HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned(),
        format!("POST {target} HTTP/1.1\r\nConnection: close\r\n\r\n"),
    ] {
        exchange(bot.address, request);
    }
    let mut cut = Connection::open(&bot);
    cut.end_early(&post_request(&target, &[b'a'; 2000]));
    bot.wait_for_log("ended before");
    bot.stop().1
}

#[test]
fn the_words_of_the_log_are_what_the_log_says() {
    let log = log_of_all();
    for (page, least) in [("README.zh-CN.md", 5), ("docs/zh/log.md", 15)] {
        let words = words_of_the_log(page);
        assert!(words.len() >= least, "{page}: {words:?}");
        for words in words {
            assert!(log.contains(&words), "{page}: {words}\n{log}");
        }
    }
    assert!(log.contains("jokes: none from"), "{log}");
}

/// What the command for it writes to a file below `/etc`.
fn written(file: &str) -> String {
    let pages = read("README.md") + &read("docs/deployment.md");
    let mut lines = pages.lines();
    let line = lines.find(|line| line.ends_with(file)).unwrap();
    let (printf, _) = line.split_once(" | ").unwrap();
    let mut shell = Command::new("sh");
    shell.args(["-c", printf]);
    run(shell, "").out
}

#[test]
fn the_settings_of_fronts_are_the_same_on_each_page() {
    let page = read("docs/zh/https.md");
    let caddyfile = written("/etc/caddy/Caddyfile");
    assert_eq!(caddyfile.lines().count(), 3);
    assert_eq!(blocks(&page, "text"), [caddyfile]);
    assert_eq!(
        blocks(&page, "nginx"),
        [written("/etc/nginx/conf.d/daoxiao.conf")]
    );
}

/// Whether doctor finds nothing wrong behind a front that is started with these settings.
fn assert_well_behind(mut front: Command, settings: &Path, text: &str, address: SocketAddr) {
    fs::write(settings, text).unwrap();
    front.arg(settings);
    let _front = Daemon::start(front, address);
    let mut doctor = daoxiao(&["doctor", &format!("http://{address}/wechat")]);
    doctor.env("WECHAT_TOKEN", TOKEN);
    let outcome = run(doctor, "");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

#[test]
fn behind_the_readmes_nginx_all_is_well() {
    let Some(program) = find("nginx") else {
        return;
    };
    let (bot, address) = (Bot::start(), free_address());
    let directory = directory("readme-nginx");
    let here = directory.to_str().unwrap();
    let server = written("/etc/nginx/conf.d/daoxiao.conf")
        .replace("listen 80;", &format!("listen {address};"))
        .replace("127.0.0.1:8080", &bot.address.to_string());
    let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let paths = kinds.map(|kind| format!("{kind}_temp_path {here}/{kind};"));
    let text = format!(
        "pid {here}/pid; events {{}} http {{ access_log off; {}\n{server}}}",
        paths.concat()
    );
    let mut nginx = Command::new(program);
    nginx.args(["-e", "stderr", "-g", "daemon off;", "-p", here, "-c"]);
    assert_well_behind(nginx, &directory.join("nginx.conf"), &text, address);
}

#[test]
fn behind_the_readmes_caddy_all_is_well() {
    let Some(program) = find("caddy") else {
        return;
    };
    let (bot, address) = (Bot::start(), free_address());
    let directory = directory("readme-caddy");
    let site = written("/etc/caddy/Caddyfile")
        .replace("bot.example.com", &format!("http://{address}"))
        .replace("127.0.0.1:8080", &bot.address.to_string());
    let mut caddy = Command::new(program);
    caddy
        .args(["run", "--adapter", "caddyfile", "--config"])
        .env("HOME", &directory)
        .stderr(Stdio::null());
    let text = format!("{{\nadmin off\n}}\n{site}");
    assert_well_behind(caddy, &directory.join("Caddyfile"), &text, address);
}

/// The fields in the tables of a page of JSON objects: those of doctor, of a check, and of say.
fn fields(page: &str) -> Vec<BTreeSet<String>> {
    let text = read(page);
    let tables = text.split("|---|---|\n").skip(1);
    let names = tables.map(|table| {
        let rows = table.lines().take_while(|row| row.starts_with('|'));
        let cells = rows.filter_map(|row| row.split('`').nth(1));
        cells.map(str::to_owned).collect()
    });
    names.collect()
}

/// The fields of the objects that these arguments make the program print, one after the other.
fn printed_fields(url: &str, calls: &[&[&str]]) -> Vec<Value> {
    let objects = calls.iter().map(|arguments| {
        let mut command = daoxiao(arguments);
        command.envs([("WECHAT_TOKEN", TOKEN), ("DAOXIAO_URL", url)]);
        serde_json::from_str(&run(command, "").out).unwrap()
    });
    objects.collect()
}

#[test]
fn the_fields_of_json_are_the_ones_on_its_pages() {
    let bot = Bot::start();
    let url = format!("http://{}/wechat", bot.address);
    let keys =
        |object: &Value| -> Vec<String> { object.as_object().unwrap().keys().cloned().collect() };
    let doctor = printed_fields(&url, &[&["doctor", "--json"]]).remove(0);
    let nowhere = closed_port();
    let say = printed_fields(
        &url,
        &[
            &["say", "--json", "a"],
            &["say", "--json", "--url", &nowhere, "a"],
        ],
    );
    let say: BTreeSet<String> = say.iter().flat_map(keys).collect();
    let expected: Vec<BTreeSet<String>> = vec![
        keys(&doctor).into_iter().collect(),
        keys(&doctor["checks"][0]).into_iter().collect(),
        say,
    ];
    for page in ["docs/json.md", "docs/zh/json.md"] {
        assert_eq!(fields(page), expected, "{page}");
    }
}
