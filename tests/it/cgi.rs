//! `daoxiao cgi`, by hand and under web servers.

use std::{
    ffi::OsStr,
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::PathBuf,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    fronts::apache_settings,
    owner::{Outcome, SECRETS, closed_port, run},
    support::{
        LIMIT, TOKEN, daoxiao, now, poll, post_request, signed, signed_at, site::Site, text_message,
    },
    tools::{Daemon, directory, find, free_address, write_script},
};

/// Runs one request by hand; CGI's own lines end as those of HTTP do.
fn cgi(variables: &[(&str, &str)], body: &str) -> Outcome {
    let mut command = daoxiao(&["cgi", "--joke-source", "none", "--log", "off"]);
    command
        .env("WECHAT_TOKEN", TOKEN)
        .envs(variables.iter().copied());
    run(command, body)
}

fn query(target: &str) -> &str {
    target.split_once('?').unwrap().1
}

#[track_caller]
fn assert_answer(outcome: &Outcome, head: &str, body: &str) {
    let expected = format!("{}\r\n\r\n{body}", head.replace('\n', "\r\n"));
    assert_eq!(outcome.out, expected, "{outcome:?}");
    assert_eq!((outcome.code, outcome.err.as_str()), (Some(0), ""));
}

#[test]
fn a_handshake_gives_echostr_back() {
    let query = format!("{}&echostr=a%20b", query(&signed("/")));
    assert_answer(
        &cgi(&[("REQUEST_METHOD", "GET"), ("QUERY_STRING", &query)], ""),
        "Status: 200 OK\nContent-Type: text/plain\nContent-Length: 3",
        "a b",
    );
}

#[test]
fn a_message_is_answered() {
    let target = signed("/");
    let message = text_message("上海自来水");
    let length = message.len().to_string();
    let variables = [
        ("REQUEST_METHOD", "POST"),
        ("QUERY_STRING", query(&target)),
        ("CONTENT_LENGTH", &length),
    ];
    let answered = cgi(&variables, &message);
    assert!(
        answered
            .out
            .starts_with("Status: 200 OK\r\nContent-Type: application/xml\r\n")
    );
    assert!(
        answered
            .out
            .contains("<Content><![CDATA[水来自海上]]></Content>"),
        "{answered:?}"
    );
    // What the web server declares is what is read: more may belong to nobody.
    let longer = cgi(&variables, &format!("{message}more"));
    assert!(
        longer
            .out
            .contains("<Content><![CDATA[水来自海上]]></Content>"),
        "{longer:?}"
    );
    let short = cgi(&variables, &message[..message.len() - 1]);
    assert!(short.out.starts_with("Status: 400 "), "{short:?}");
}

#[test]
fn a_message_in_secure_mode_needs_encryption() {
    let target = signed("/");
    let message = text_message("a");
    let length = message.len().to_string();
    let variables = [
        SECRETS[0],
        SECRETS[1],
        ("REQUEST_METHOD", "POST"),
        ("QUERY_STRING", query(&target)),
        ("CONTENT_LENGTH", &length),
    ];
    let refused = cgi(&variables, &message);
    assert!(
        refused.out.starts_with("Status: 403 Refused\r\n"),
        "{refused:?}"
    );
}

#[test]
fn the_age_that_a_call_may_have_can_be_set() {
    let target = signed_at("/", now() - 1000);
    let query = format!("{}&echostr=a", query(&target));
    for (flags, status) in [
        (&[][..], 403),
        (&["--max-age", "1100"], 200),
        (&["--max-age", "0"], 200),
    ] {
        let mut command = daoxiao(&["cgi", "--joke-source", "none", "--log", "off"]);
        command.args(flags).env("WECHAT_TOKEN", TOKEN);
        command.envs([("REQUEST_METHOD", "GET"), ("QUERY_STRING", &query)]);
        let answered = run(command, "");
        let line = format!("Status: {status} ");
        assert!(answered.out.starts_with(&line), "{flags:?}: {answered:?}");
    }
}

#[test]
fn what_the_server_refuses_is_refused_here() {
    let target = signed("/");
    let signed_query = query(&target);
    let old = signed_at("/", 1_000_000_000);
    for (status, method, query, length) in [
        (403, "GET", "", ""),
        (403, "POST", "signature=0&timestamp=0&nonce=0", "1"),
        (403, "POST", query(&old), "1"),
        (400, "GET", signed_query, ""),
        (411, "POST", signed_query, ""),
        (411, "POST", signed_query, "-1"),
        (411, "POST", signed_query, "many"),
        (413, "POST", signed_query, "24577"),
        (413, "POST", signed_query, "99999999999999"),
        (400, "POST", signed_query, "1"),
    ] {
        let variables = [
            ("REQUEST_METHOD", method),
            ("QUERY_STRING", query),
            ("CONTENT_LENGTH", length),
        ];
        let refused = cgi(&variables, "x");
        let line = format!("Status: {status} Refused\r\nContent-Type: text/plain\r\n");
        assert!(refused.out.starts_with(&line), "{variables:?}: {refused:?}");
    }
    assert_answer(
        &cgi(
            &[("REQUEST_METHOD", "DELETE"), ("QUERY_STRING", signed_query)],
            "",
        ),
        "Status: 405 Refused\nContent-Type: text/plain\nAllow: GET, POST\nContent-Length: 19",
        "method not allowed\n",
    );
    assert_answer(
        &cgi(&[("REQUEST_METHOD", "HEAD")], ""),
        "Status: 405 Refused\nContent-Type: text/plain\nAllow: GET, POST\nContent-Length: 19",
        "",
    );
}

#[test]
fn a_body_that_never_comes_is_waited_for_as_long_as_wechat_waits() {
    let target = signed("/");
    let begun = Instant::now();
    let mut child = daoxiao(&["cgi", "--joke-source", "none", "--log", "off"])
        .env("WECHAT_TOKEN", TOKEN)
        .env("REQUEST_METHOD", "POST")
        .env("QUERY_STRING", query(&target))
        .env("CONTENT_LENGTH", "100")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut held = child.stdin.take().unwrap();
    held.write_all(b"<xml>").unwrap();
    let status = poll(Instant::now() + LIMIT, || child.try_wait().unwrap());
    let waited = begun.elapsed();
    let _ = child.kill();
    assert_eq!(status.unwrap().code(), Some(0));
    let mut answer = String::new();
    let mut out = child.stdout.take().unwrap();
    out.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("Status: 400 Refused\r\n"), "{answer}");
    let (least, most) = (Duration::from_secs(5), Duration::from_secs(8));
    assert!((least..most).contains(&waited), "{waited:?}");
}

/// Passes on a body, as a web server that answers nothing before all of it is taken.
fn pass_on(mut command: Command, body: &[u8]) -> Outcome {
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = pipes.stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(body).expect("it reads to the end");
    drop(input);
    child.wait_with_output().unwrap().into()
}

#[test]
fn a_bot_that_cannot_be_run_reads_its_input_and_answers() {
    for (variable, error) in [
        (("WECHAT_TOKEN", "a!"), "WECHAT_TOKEN cannot be used: "),
        (
            ("export WECHAT_APPID", "wx1234"),
            "there is a variable named \"export WECHAT_APPID\": ",
        ),
        (("DAOXIAO_WORDS", "/no/such/file"), "/no/such/file: "),
        (("DAOXIAO_MAX_AGE", "soon"), "invalid value 'soon' for "),
    ] {
        for length in [Some("200000"), None] {
            let mut command = daoxiao(&["--lang", "en", "cgi", "--joke-source", "none"]);
            command.env("WECHAT_TOKEN", TOKEN);
            command.envs([("REQUEST_METHOD", "POST"), variable]);
            command.envs(length.map(|length| ("CONTENT_LENGTH", length)));
            let outcome = pass_on(command, &vec![b'x'; 200_000]);
            let answer = "Status: 500 Refused\r\nContent-Type: text/plain\r\n\
                          Content-Length: 22\r\n\r\nthe bot is not set up\n";
            assert_eq!((outcome.code, outcome.out.as_str()), (Some(2), answer));
            let error = format!("error: {error}");
            assert!(outcome.err.starts_with(&error), "{outcome:?}");
        }
    }
}

#[test]
fn a_body_of_a_length_that_is_not_told_is_read_to_its_end_and_refused() {
    for (query, status) in [("", 403), (query(&signed("/")), 411)] {
        for length in ["", "many"] {
            let mut command = daoxiao(&["cgi", "--joke-source", "none", "--log", "off"]);
            command.env("WECHAT_TOKEN", TOKEN);
            command.envs([("REQUEST_METHOD", "POST"), ("QUERY_STRING", query)]);
            command.env("CONTENT_LENGTH", length);
            let refused = pass_on(command, &vec![b'x'; 200_000]);
            let line = format!("Status: {status} Refused\r\n");
            assert!(refused.out.starts_with(&line), "{refused:?}");
        }
    }
}

#[test]
fn a_handshake_waits_for_no_input() {
    let target = format!("{}&echostr=a", signed("/"));
    let mut command = daoxiao(&["cgi", "--joke-source", "none", "--log", "off"]);
    command.env("WECHAT_TOKEN", TOKEN);
    command.envs([("REQUEST_METHOD", "GET"), ("QUERY_STRING", query(&target))]);
    let begun = Instant::now();
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    let held = child.stdin.take();
    let output = child.wait_with_output().unwrap();
    assert!(output.stdout.ends_with(b"\r\n\r\na"), "{output:?}");
    assert!(begun.elapsed() < Duration::from_secs(5));
    drop(held);
}

#[test]
fn without_a_web_server_it_says_what_it_is_for() {
    let outcome = cgi(&[], "");
    assert_eq!((outcome.code, outcome.out.as_str()), (Some(2), ""));
    assert!(
        outcome
            .err
            .starts_with("error: REQUEST_METHOD is not set: "),
        "{outcome:?}"
    );
}

#[test]
fn the_log_has_a_line_without_the_query() {
    let target = signed("/");
    let mut command = daoxiao(&["cgi"]);
    command.env("WECHAT_TOKEN", TOKEN).envs([
        ("REQUEST_METHOD", "GET"),
        ("SCRIPT_NAME", "/cgi-bin/wechat"),
        ("QUERY_STRING", query(&target)),
    ]);
    let outcome = run(command, "");
    assert!(
        outcome.err.contains(" GET /cgi-bin/wechat - refused: "),
        "{outcome:?}"
    );
    assert!(!outcome.err.contains("signature="), "{outcome:?}");
}

#[test]
fn bytes_that_are_no_text_hide_neither_the_path_nor_the_fields() {
    let mut target = format!("{}&echostr=hello&x=", signed("/")).into_bytes();
    target.push(0xff);
    let mut command = daoxiao(&["cgi"]);
    command.env("WECHAT_TOKEN", TOKEN).envs([
        ("REQUEST_METHOD", OsStr::new("GET")),
        ("REMOTE_ADDR", OsStr::new("::ffff:203.0.113.7")),
        ("SCRIPT_NAME", OsStr::from_bytes(b"/\xc4\xe3")),
        ("QUERY_STRING", OsStr::from_bytes(&target[2..])),
    ]);
    let outcome = run(command, "");
    assert!(outcome.out.ends_with("\r\n\r\nhello"), "{outcome:?}");
    let line = " 203.0.113.7 GET /\u{fffd}\u{fffd} - handshake 200 ";
    assert!(outcome.err.contains(line), "{outcome:?}");
}

#[test]
fn the_callers_proxy_is_not_asked_for_jokes() {
    let proxy = Site::page("text/plain", "这个笑话是坏人讲的");
    let target = signed("/");
    let message = text_message("笑话");
    let mut command = daoxiao(&["cgi", "--joke-url", &closed_port()]);
    command.env("WECHAT_TOKEN", TOKEN).envs([
        ("REQUEST_METHOD", "POST"),
        ("QUERY_STRING", query(&target)),
        ("CONTENT_LENGTH", &message.len().to_string()),
        // from the header `Proxy: …` of the request
        ("HTTP_PROXY", &proxy.url("")),
        ("http_proxy", &proxy.url("")),
    ]);
    let outcome = run(command, &message);
    assert!(outcome.out.starts_with("Status: 200 OK\r\n"), "{outcome:?}");
    assert_eq!(proxy.hits(), 0);
}

/// A page directory with scripts that run daoxiao: one that answers, and one that lacks a Token.
fn site(name: &str) -> PathBuf {
    let directory = directory(name);
    fs::create_dir(directory.join("cgi-bin")).unwrap();
    for (script, token) in [("wechat", TOKEN), ("broken", "")] {
        write_script(
            &directory.join("cgi-bin").join(script),
            &format!(
                "#!/bin/sh\nWECHAT_TOKEN={token} exec '{}' cgi --joke-source none\n",
                env!("CARGO_BIN_EXE_daoxiao")
            ),
        );
    }
    directory
}

fn assert_serves(address: SocketAddr) {
    let target = format!("{}&echostr=hello", signed("/cgi-bin/wechat"));
    let request = format!("GET {target} HTTP/1.1\r\nHost: bot\r\nConnection: close\r\n\r\n");
    let handshake = whole(address, request.as_bytes());
    assert!(handshake.starts_with("HTTP/1."), "{handshake}");
    assert!(handshake.contains(" 200 OK\r\n"), "{handshake}");
    assert!(handshake.ends_with("\r\n\r\nhello"), "{handshake}");

    let message = text_message("上海自来水");
    let answered = whole(
        address,
        &post_request(&signed("/cgi-bin/wechat"), message.as_bytes()),
    );
    assert!(
        answered.contains("<Content><![CDATA[水来自海上]]></Content>"),
        "{answered}"
    );

    let forged = signed("/cgi-bin/wechat").replace("timestamp=1", "timestamp=2");
    // A refusal arrives however long the body is that nobody wants to know.
    for length in [1, 2_000, 16_000, 60_000, 900_000] {
        for (target, status) in [
            (&forged, " 403 "),
            (
                &signed("/cgi-bin/wechat"),
                if length > 24 * 1024 { " 413 " } else { " 400 " },
            ),
        ] {
            let refused = whole(address, &post_request(target, &vec![b'x'; length]));
            assert!(refused.contains(status), "{length} bytes: {refused}");
        }
        let broken = post_request(&signed("/cgi-bin/broken"), &vec![b'x'; length]);
        let refused = whole(address, &broken);
        assert!(
            refused.contains(" 500 ") && refused.ends_with("the bot is not set up\n"),
            "{length} bytes: {refused}"
        );
    }
}

/// All that comes back until the server closes; in HTTP/1.0, where nothing comes in chunks.
fn whole(address: SocketAddr, request: &[u8]) -> String {
    let request = String::from_utf8_lossy(request).replace(" HTTP/1.1\r\n", " HTTP/1.0\r\n");
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn busybox_httpd_runs_it() {
    let Some(busybox) = find("busybox") else {
        return;
    };
    let home = site("cgi-busybox");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // As inetd does: one process for each connection, which it finds as its standard input.
    thread::spawn(move || {
        for stream in listener.incoming() {
            let socket = OwnedFd::from(stream.unwrap());
            let mut httpd = Command::new(&busybox);
            httpd.args(["httpd", "-i", "-h"]).arg(&home);
            httpd.stdout(socket.try_clone().unwrap()).stdin(socket);
            assert!(httpd.status().is_ok());
        }
    });
    assert_serves(address);
}

#[test]
fn apache_runs_it() {
    let Some(apache) = find("apache2") else {
        return;
    };
    let home = site("cgi-apache");
    let address = free_address();
    let text = format!(
        "ScriptSock {0}/cgisock\nScriptAlias /cgi-bin/ {0}/cgi-bin/\n",
        home.display()
    );
    let site = home.join("site.conf");
    fs::write(&site, text).unwrap();
    let settings = apache_settings(&home, address, &["alias", "cgid"], &site);
    let mut command = Command::new(apache);
    command.args(["-D", "FOREGROUND", "-f"]).arg(settings);
    let _daemon = Daemon::start(command, address);
    assert_serves(address);
}

#[test]
fn lighttpd_runs_it() {
    let Some(lighttpd) = find("lighttpd") else {
        return;
    };
    let home = site("cgi-lighttpd");
    let address = free_address();
    let settings = home.join("lighttpd.conf");
    let text = format!(
        "server.modules = (\"mod_cgi\")\n\
         server.document-root = \"{}\"\n\
         server.bind = \"127.0.0.1\"\n\
         server.port = {}\n\
         $HTTP[\"url\"] =~ \"^/cgi-bin/\" {{ cgi.assign = (\"\" => \"\") }}\n",
        home.display(),
        address.port()
    );
    fs::write(&settings, text).unwrap();
    let mut command = Command::new(lighttpd);
    command.arg("-D").arg("-f").arg(settings);
    let _daemon = Daemon::start(command, address);
    assert_serves(address);
}
