//! The command line: what is refused, with which words and exit code.

use std::{
    ffi::OsStr,
    io::Write,
    net::TcpListener,
    os::unix::ffi::OsStrExt,
    process::{Command, Output, Stdio},
};

use crate::{
    owner::columns_of,
    support::{Bot, TOKEN, Temporary, daoxiao, site::Site},
    tools,
};

fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    daoxiao(arguments)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Runs with a bad setting; the first line on standard error.
fn refused(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let output = run(arguments, variables);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert_eq!(output.stdout, b"");
    error
}

#[test]
fn a_bad_setting_is_exit_2_and_names_itself_its_value_and_what_is_accepted() {
    for (arguments, expected) in [
        (
            ["--listen", "here:80"],
            "error: invalid value 'here:80' for '--listen <ADDR>': expected a port, or an address \
             and a port, such as 8080, 0.0.0.0:8080 or [::1]:8080\n",
        ),
        (
            ["--path", "wechat"],
            "error: invalid value 'wechat' for '--path <PATH>': expected / or a path such as \
             /wechat, of visible ASCII without ? and #\n",
        ),
        (
            ["--path", "/,/a?b"],
            "error: invalid value '/a?b' for '--path <PATH>': expected / or a path such as \
             /wechat, of visible ASCII without ? and #\n",
        ),
        (
            ["--path", "/healthz/"],
            "error: invalid value '/healthz/' for '--path <PATH>': /healthz is reserved for \
             health checks\n",
        ),
        (
            ["--max-age", "-1"],
            "error: invalid value '-1' for '--max-age <SECONDS>': expected a whole number from \
             0 to 315360000\n",
        ),
        (
            ["--max-connections", "7"],
            "error: invalid value '7' for '--max-connections <N>': expected a whole number from \
             8 to 100000\n",
        ),
        (
            ["--max-memory", "31"],
            "error: invalid value '31' for '--max-memory <MIB>': expected a whole number from \
             32 to 1048576\n",
        ),
        (
            ["--joke-budget", "4001"],
            "error: invalid value '4001' for '--joke-budget <MS>': expected a whole number from \
             1 to 4000\n",
        ),
        (
            ["--joke-ttl", "soon"],
            "error: invalid value 'soon' for '--joke-ttl <SECONDS>': expected a whole number \
             from 0 to 31536000\n",
        ),
        (
            ["--joke-source", "qiushibaike"],
            "error: invalid value 'qiushibaike' for '--joke-source <NAME>': expected \
             qiushidabaike, zol, biedoul, 60s or none\n",
        ),
        (
            ["--log", "loud"],
            "error: invalid value 'loud' for '--log <LEVEL>': expected off, error, warn, info, \
             debug or trace\n",
        ),
    ] {
        let error = refused(&arguments, &[]);
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn a_bad_variable_is_named() {
    let error = refused(&[], &[("DAOXIAO_LISTEN", "here")]);
    assert!(
        error.contains("the value is from the variable DAOXIAO_LISTEN"),
        "{error}"
    );
    let error = refused(&["--listen", "there"], &[("DAOXIAO_LISTEN", "127.0.0.1:0")]);
    assert!(
        error.contains("'there'") && !error.contains("variable"),
        "{error}"
    );
}

#[test]
fn a_flag_wins_over_its_variable() {
    let bot = Bot::with(&["--path", "/flag"], &[("DAOXIAO_PATH", "/variable")]);
    assert_eq!(bot.get("/flag").status, 403);
    assert_eq!(bot.get("/variable").status, 404);
    let bot = Bot::with(
        &[],
        &[("DAOXIAO_PATH", "/a,/b"), ("DAOXIAO_JOKE_SOURCE", "none")],
    );
    assert_eq!(
        [
            bot.get("/a").status,
            bot.get("/b").status,
            bot.get("/").status
        ],
        [403, 403, 404]
    );
}

#[test]
fn a_bad_secret_is_exit_2_and_is_not_shown() {
    let key = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
    let cases: [(&[(&str, &str)], &str); 9] = [
        (
            &[("WECHAT_TOKEN", "abcdef # mine")],
            "WECHAT_TOKEN cannot be used: a comment behind the value is part of it; put it on a line of its own",
        ),
        (
            &[("export WECHAT_TOKEN", TOKEN)],
            "there is a variable named \"export WECHAT_TOKEN\": write no export in a settings file",
        ),
        (
            &[("NOTIFY_SOCKET", "nobody")],
            "WECHAT_TOKEN is not set: the service's settings file needs a line WECHAT_TOKEN=…, \
             without export",
        ),
        (
            &[("WECHAT_TOKEN", "a!")],
            "WECHAT_TOKEN cannot be used: a Token is 3 to 32 characters of A-Z, a-z and 0-9",
        ),
        (
            &[("WECHAT_TOKEN", "")],
            "WECHAT_TOKEN cannot be used: a Token is 3 to 32 characters of A-Z, a-z and 0-9",
        ),
        (
            &[("WECHAT_TOKEN", "123456789012345678901234567890123")],
            "WECHAT_TOKEN cannot be used: a Token is 3 to 32 characters of A-Z, a-z and 0-9",
        ),
        (
            &[
                ("WECHAT_TOKEN", TOKEN),
                ("WECHAT_ENCODING_AES_KEY", "shortkey"),
            ],
            "WECHAT_ENCODING_AES_KEY cannot be used: ",
        ),
        (
            &[("WECHAT_TOKEN", TOKEN), ("WECHAT_ENCODING_AES_KEY", key)],
            "WECHAT_APPID is not set: WECHAT_ENCODING_AES_KEY is, and encryption needs both",
        ),
        (
            &[
                ("WECHAT_TOKEN", TOKEN),
                ("WECHAT_ENCODING_AES_KEY", key),
                ("WECHAT_APPID", ""),
            ],
            "WECHAT_APPID cannot be used: ",
        ),
    ];
    for (variables, expected) in cases {
        let error = refused(&["--listen", "127.0.0.1:0"], variables);
        assert!(error.starts_with(&format!("error: {expected}")), "{error}");
        for (_, value) in variables.iter().filter(|(_, value)| !value.is_empty()) {
            assert!(!error.contains(value), "{value} in {error}");
        }
    }
}

#[test]
fn a_healthcheck_asks_where_the_bot_is_set_to_listen_and_needs_no_token() {
    let bot = Bot::with(&["--path", "/bot"], &[]);
    let port = bot.address.port();
    for listen in [
        bot.address.to_string(),
        format!("0.0.0.0:{port}"),
        port.to_string(),
    ] {
        for output in [
            run(&["healthcheck"], &[("DAOXIAO_LISTEN", &listen)]),
            run(&["healthcheck", "--listen", &listen], &[]),
        ] {
            assert_eq!(output.status.code(), Some(0), "{listen}: {output:?}");
            assert!(output.stdout.is_empty() && output.stderr.is_empty());
        }
    }
    bot.stop();
    let output = run(&["healthcheck", "--listen", &port.to_string()], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        format!("error: nothing is listening on 0.0.0.0, port {port}\n")
    );
    let other = Site::start(|target, stream| {
        assert_eq!(target.trim_end_matches('?'), "/healthz");
        let _ = stream.write_all(b"HTTP/1.1 503 No\r\nContent-Length: 4\r\n\r\nbusy");
    });
    for (language, told) in [
        (
            "en",
            "error: the health check got status 503, where 200 is right\n",
        ),
        ("zh", "错误：健康检查得到的状态码是 503，应为 200\n"),
    ] {
        let listen = other.address.to_string();
        let output = run(
            &["healthcheck", "--listen", &listen, "--lang", language],
            &[],
        );
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(String::from_utf8(output.stderr).unwrap(), told);
    }
}

#[test]
fn a_password_in_a_url_that_is_refused_is_not_shown() {
    let url = "http://me:secret@bot.cn:0/";
    let by_flag = run(&["say", "--url", url], &[]);
    let by_variable = run(&["say"], &[("DAOXIAO_URL", url)]);
    for output in [by_flag, by_variable] {
        assert_eq!(output.status.code(), Some(2));
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!error.contains("secret"), "{error}");
        assert!(error.contains("@bot.cn:0/"), "{error}");
    }
}

#[test]
fn a_secret_with_whitespace_is_told_to_have_some() {
    for token in ["mysecrettoken ", "my\u{3000}token", "\tmytoken"] {
        assert_eq!(
            refused(&["--listen", "127.0.0.1:0"], &[("WECHAT_TOKEN", token)]),
            "error: WECHAT_TOKEN cannot be used: there is whitespace in it\n"
        );
    }
}

#[test]
fn a_setting_with_a_comment_or_an_export_is_refused_by_its_name() {
    for (name, value) in [
        ("DAOXIAO_WORDS", "/etc/x.toml # mine"),
        ("DAOXIAO_WORDS", "/etc/x.toml #mine"),
        ("DAOXIAO_MAX_AGE", "300 # mine"),
        ("DAOXIAO_LISTEN", "8080\t# mine"),
        ("DAOXIAO_JOKE_BUDGET", "2500 # mine"),
        ("WECHAT_TOKEN_FILE", "/run/token # mine"),
    ] {
        let error = refused(&["--listen", "127.0.0.1:0"], &[(name, value)]);
        assert_eq!(
            error,
            format!(
                "error: {name} cannot be used: a comment behind the value is part of it; \
                 put it on a line of its own\n"
            )
        );
    }
    for variable in ["DAOXIAO_WORDS", "WECHAT_TOKEN", "WECHAT_TOKEN_FILE"] {
        let exported = format!("export {variable}");
        let variables = [("WECHAT_TOKEN", TOKEN), (&exported, "value")];
        assert_eq!(
            refused(&["--listen", "127.0.0.1:0"], &variables),
            format!(
                "error: there is a variable named \"{exported}\": write no export in a settings file\n"
            )
        );
        // Who only asks for help is helped.
        let output = run(&["serve", "--help"], &variables);
        assert_eq!(output.status.code(), Some(0));
    }
    let bot = Bot::with(
        &["--joke-url", "http://127.0.0.1:9/"],
        &[
            ("DAOXIAO_JOKE_ITEM", "div #main"),
            ("export HOME", "/"),
            ("OTHER", "a # comment"),
        ],
    );
    assert_eq!(bot.answer_to("你好"), "好你");
}

#[test]
fn a_file_of_jokes_must_be_readable_and_have_jokes() {
    let error = refused(
        &["--listen", "127.0.0.1:0", "--jokes", "/no/such/file"],
        &[("WECHAT_TOKEN", TOKEN)],
    );
    assert_eq!(
        error,
        "error: --jokes /no/such/file: the file cannot be read: No such file or directory (os error 2)\n"
    );
    let error = refused(
        &["--listen", "127.0.0.1:0", "--jokes", "/dev/null"],
        &[("WECHAT_TOKEN", TOKEN)],
    );
    assert_eq!(
        error,
        "error: --jokes /dev/null: there is no joke in the file; expected jokes with a line % or an empty line between two\n"
    );
}

#[test]
fn version_and_help_are_on_standard_output() {
    let output = run(&["--version"], &[]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        output.stdout,
        format!("daoxiao {}\n", env!("CARGO_PKG_VERSION")).as_bytes()
    );
    let output = run(&["--help"], &[("WECHAT_TOKEN", "verysecret1")]);
    let help = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(!help.contains("verysecret1"), "{help}");
    for command in COMMANDS {
        assert!(help.contains(&format!("\n  {command} ")), "{help}");
    }
    assert!(help.contains("daoxiao serve --help"), "{help}");
    assert_eq!(run(&["-h"], &[]).status.code(), Some(0));
    assert_eq!(run(&["-V"], &[]).stdout, run(&["--version"], &[]).stdout);
}

pub const COMMANDS: [&str; 11] = [
    "serve",
    "chat",
    "say",
    "sign",
    "doctor",
    "joke",
    "words",
    "cgi",
    "healthcheck",
    "completions",
    "man",
];

fn help(command: &str) -> String {
    let output = run(&[command, "--help"], &[("WECHAT_TOKEN", "verysecret1")]);
    assert_eq!(output.status.code(), Some(0));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_help_of_every_command_has_an_example() {
    for command in COMMANDS {
        let help = help(command);
        assert!(help.contains("\nExample"), "{help}");
        assert!(help.contains(&format!("daoxiao {command}")), "{help}");
        assert!(!help.contains("verysecret1"), "{help}");
        let by_help = run(&["help", command], &[]);
        assert_eq!(String::from_utf8(by_help.stdout).unwrap(), help);
    }
    assert_eq!(
        run(&["--log", "info", "--help"], &[]).status.code(),
        Some(0)
    );
}

#[test]
fn the_help_names_the_defaults() {
    let unbroken = |help: String| help.split_whitespace().collect::<Vec<_>>().join(" ");
    let serve = unbroken(help("serve"));
    for (flag, default) in [
        ("--listen <ADDR>", "0.0.0.0:8080"),
        ("--path <PATH>", "/,/wechat"),
        ("--max-age <SECONDS>", "300"),
        ("--max-connections <N>", "4000"),
        ("--max-memory <MIB>", "200"),
        ("--joke-budget <MS>", "2500"),
        ("--joke-ttl <SECONDS>", "600"),
    ] {
        let (_, about) = serve.split_once(flag).unwrap();
        let (_, rest) = about.split_once("[default: ").unwrap();
        assert!(rest.starts_with(&format!("{default}]")), "{flag}: {rest}");
    }
    let say = unbroken(help("say"));
    assert!(
        say.contains("[default: http://127.0.0.1:8080/wechat]"),
        "{say}"
    );
    let cgi = unbroken(help("cgi"));
    assert!(cgi.contains("[default: 300]"), "{cgi}");
}

#[test]
fn a_variable_of_serve_stops_no_other_command() {
    let bad = ("DAOXIAO_LISTEN", "bad");
    let signed = run(&["sign"], &[bad, ("WECHAT_TOKEN", TOKEN)]);
    assert_eq!(signed.status.code(), Some(0));
    let chat = run(&["chat", "--joke-source", "none"], &[bad]);
    assert_eq!(chat.status.code(), Some(0));
    assert_eq!(run(&["--help"], &[bad]).status.code(), Some(0));
    // Nor serve itself, where the flag wins.
    let bot = Bot::with(&[], &[bad, ("DAOXIAO_JOKE_SOURCE", "none")]);
    assert_eq!(bot.get("/healthz").status, 200);
}

#[test]
fn a_command_that_does_not_exist_is_named() {
    let error = refused(&["docter"], &[]);
    assert!(
        error.starts_with("error: unrecognized subcommand 'docter'\n"),
        "{error}"
    );
    assert!(error.contains("'doctor'"), "{error}");
}

#[test]
fn settings_that_contradict_each_other_are_named() {
    assert_eq!(
        refused(&["chat", "--joke-source", "none,zol"], &[]),
        "error: --joke-source none,zol: none goes without others, since it means no source at all\n"
    );
    for (part, value) in [
        ("item", "li"),
        ("title", "li"),
        ("content", "li"),
        ("charset", "gbk"),
    ] {
        let variable = format!("DAOXIAO_JOKE_{}", part.to_uppercase());
        let error = refused(&["joke"], &[(&variable, value)]);
        assert!(
            error.starts_with(
                "error: the following required arguments were not provided:\n  --joke-url <URL>\n"
            ),
            "{part}: {error}"
        );
    }
}

#[test]
fn a_token_that_is_no_text_is_refused_as_any_other() {
    let output = daoxiao(&["sign"])
        .env("WECHAT_TOKEN", OsStr::from_bytes(b"token\xff"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "error: WECHAT_TOKEN cannot be used: a Token is 3 to 32 characters of A-Z, a-z and 0-9\n"
    );
}

#[test]
fn a_random_token_is_shown_once_and_can_be_copied_by_itself() {
    let bot = Bot::spawn(daoxiao(&[
        "--listen",
        "127.0.0.1:0",
        "--joke-source",
        "none",
    ]));
    let line = bot.wait_for_log("Token: ");
    let token = line.strip_prefix("Token: ").unwrap();
    assert_eq!(token.len(), 20);
    assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    bot.wait_for_log(
        "WECHAT_TOKEN is not set; this Token is random and for this run only. Enter it in the \
         platform's form, and set the variable to keep it.",
    );
    let (_, log) = bot.stop();
    assert_eq!(log.matches(token).count(), 1);
    let again = Bot::spawn(daoxiao(&[
        "--listen",
        "127.0.0.1:0",
        "--joke-source",
        "none",
    ]));
    assert_ne!(again.wait_for_log("Token: "), line);
}

/// The first line on standard error of a command that ends with 2, in Chinese.
fn refused_in_chinese(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let error = refused(
        arguments,
        &[variables, &[("LC_ALL", "zh_CN.UTF-8")]].concat(),
    );
    error.lines().next().unwrap().to_owned()
}

#[test]
fn the_language_is_that_of_the_flag_the_variable_or_the_locale() {
    let english = "error: WECHAT_TOKEN is not set: ";
    let chinese = "错误：没有设置 WECHAT_TOKEN：";
    for (arguments, variables, beginning) in [
        (&["sign"][..], &[][..], english),
        (&["sign"], &[("LANG", "zh_CN.UTF-8")], chinese),
        (&["sign"], &[("LC_MESSAGES", "zh_TW")], chinese),
        (&["sign"], &[("LC_ALL", "C"), ("LANG", "zh_CN")], english),
        (&["sign"], &[("DAOXIAO_LANG", "zh"), ("LANG", "C")], chinese),
        (&["sign", "--lang", "zh"], &[], chinese),
        (&["--lang", "zh", "sign"], &[], chinese),
        (&["--lang=zh", "sign"], &[], chinese),
        (&["sign", "--lang=en"], &[("DAOXIAO_LANG", "zh")], english),
        (&["sign", "--lang", "zh-TW"], &[], chinese),
        (&["sign", "--lang", "EN"], &[("LANG", "zh_CN")], english),
        (&["sign"], &[("LANG", "zha_CN.UTF-8")], english),
        (
            &["sign"],
            &[("DAOXIAO_LANG", ""), ("LANG", "zh_CN")],
            chinese,
        ),
    ] {
        let error = refused(arguments, variables);
        assert!(
            error.starts_with(beginning),
            "{arguments:?} {variables:?} {error}"
        );
    }
    // A flag that is right wins over a variable that is wrong, wherever it is.
    for arguments in [&["--lang", "en", "sign"][..], &["sign", "--lang=en"]] {
        let error = refused(arguments, &[("DAOXIAO_LANG", "fr"), ("LANG", "zh_CN")]);
        assert!(error.starts_with(english), "{arguments:?} {error}");
    }
    let unknown = "error: invalid value 'fr' for '--lang <LANG>': expected zh or en\n";
    let error = refused(&["sign"], &[("DAOXIAO_LANG", "fr")]);
    assert!(error.starts_with(unknown), "{error}");
    for arguments in [
        &["--lang", "fr", "say", "-h"][..],
        &["say", "--help", "--lang=fr"],
        &["help", "say", "--lang", "fr"],
        &["--help", "--lang", "fr"],
    ] {
        let error = refused(arguments, &[]);
        assert!(error.starts_with(unknown), "{arguments:?} {error}");
    }
}

#[test]
fn a_language_without_its_name_is_what_is_missing() {
    for arguments in [
        &["--lang"][..],
        &["--lang", "--listen", "8080"],
        &["say", "hi", "--lang"],
        &["--lang", "--"],
        &["--lang", "--help"],
    ] {
        assert_eq!(
            refused(arguments, &[]),
            "error: a value is required for '--lang <LANG>' but none was supplied\n\n\
             For more information, try '--help'.\n",
            "{arguments:?}"
        );
        assert_eq!(
            refused_in_chinese(arguments, &[]),
            "错误：--lang <LANG> 后面要有值"
        );
    }
    // Behind `--`, nothing is a flag.
    let bot = Bot::start();
    let url = format!("http://{}/", bot.address);
    let token = [("WECHAT_TOKEN", TOKEN)];
    let said = run(&["say", "--url", &url, "--", "--lang"], &token);
    assert_eq!(said.stdout, b"gnal--\n", "{said:?}");
}

#[test]
fn help_is_in_the_language_asked_for_behind_it() {
    for (arguments, same) in [
        (&["help", "serve"][..], &["serve", "--help"][..]),
        (&["help"], &["--help"]),
        (&["help", "help"], &["--help"]),
    ] {
        for (language, usage) in [("zh", "\n用法：daoxiao "), ("en", "\nUsage: daoxiao ")] {
            let asked = run(&[arguments, &["--lang", language]].concat(), &[]);
            let help = String::from_utf8(asked.stdout).unwrap();
            assert_eq!(asked.status.code(), Some(0), "{help}");
            assert!(help.contains(usage), "{help}");
            let expected = run(same, &[("LANG", language)]).stdout;
            assert_eq!(help.as_bytes(), expected);
            let before = run(&[&["--lang", language], arguments].concat(), &[]);
            assert_eq!(before.stdout, expected);
        }
    }
    let error = refused(&["help", "docter", "--lang", "zh"], &[]);
    assert_eq!(
        error,
        "错误：没有 docter 这个命令。是不是 doctor？\n用法见 --help。\n"
    );
}

#[test]
fn a_url_that_is_missing_may_come_from_its_variable() {
    let error = refused(&["doctor"], &[("WECHAT_TOKEN", TOKEN)]);
    assert_eq!(
        error,
        "error: the following required arguments were not provided:\n  <URL>\n\n  \
         tip: the variable DAOXIAO_URL can be set instead\n\nUsage: daoxiao doctor <URL>\n\n\
         For more information, try '--help'.\n"
    );
    let english = refused(&["doctor", "--lang", "en"], &[("WECHAT_TOKEN", TOKEN)]);
    assert_eq!(english, error);
    let chinese = refused(&["--lang", "zh", "doctor"], &[("WECHAT_TOKEN", TOKEN)]);
    assert_eq!(
        chinese,
        "错误：缺少 <URL>，应写成 daoxiao doctor <URL>，或设置环境变量 DAOXIAO_URL\n用法见 --help。\n"
    );
    let error = refused(&["words"], &[]);
    assert!(!error.contains("variable"), "{error}");
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of errors")]
fn every_error_of_the_command_line_is_in_chinese_too() {
    for (arguments, expected) in [
        (
            &["docter"][..],
            "错误：没有 docter 这个命令。是不是 doctor？",
        ),
        (&["say", "--bogus"], "错误：没有 --bogus 这个参数"),
        (&["serve", "now"], "错误：多写了 now"),
        (&["sign", "--lang"], "错误：--lang <LANG> 后面要有值"),
        (
            &["doctor"],
            "错误：缺少 <URL>，应写成 daoxiao doctor <URL>，或设置环境变量 DAOXIAO_URL",
        ),
        (
            &["chat", "--joke-item", "li"],
            "错误：缺少 --joke-url <URL>，应写成 daoxiao chat --joke-url <URL> --joke-item <SELECTOR>，或设置环境变量 DAOXIAO_JOKE_URL",
        ),
        (
            &["chat", "--listen", "8081"],
            "错误：缺少 --web，应写成 daoxiao chat --web --listen <ADDR>",
        ),
        (
            &["--listen", "1", "--listen", "2"],
            "错误：--listen <ADDR> 只能写一次",
        ),
        (&["--quiet=3"], "错误：--quiet 不能带值"),
        (
            &["completions", "csh"],
            "错误：<SHELL> 的值“csh”不能用，可用的有 bash、elvish、fish、powershell、zsh。是不是 zsh？",
        ),
        (
            &["say", "--event", "CLICK", "a"],
            "错误：--event <NAME> 不能和 [TEXT]... 一起用",
        ),
        (
            &["doctor", "ftp://a/"],
            "错误：<URL> 的值“ftp://a/”不能用：应为 http://127.0.0.1:8080/wechat 这样的 URL，只含 ASCII 字符，端口从 1 到 65535，也可以不写",
        ),
        (
            &["--listen", "here:80"],
            "错误：--listen <ADDR> 的值“here:80”不能用：应为端口或“地址:端口”，例如 8080、0.0.0.0:8080 或 [::1]:8080",
        ),
        (
            &["--path", "wechat"],
            "错误：--path <PATH> 的值“wechat”不能用：应为 / 或 /wechat 这样的路径，只含可见的 ASCII 字符，不含 ? 和 #",
        ),
        (
            &["--path", "/healthz"],
            "错误：--path <PATH> 的值“/healthz”不能用：/healthz 是机器人自己的健康检查路径，不能占用",
        ),
        (
            &["--max-age", "-1"],
            "错误：--max-age <SECONDS> 的值“-1”不能用：应为 0 到 315360000 之间的整数",
        ),
        (
            &["--log", "loud"],
            "错误：--log <LEVEL> 的值“loud”不能用：应为 off、error、warn、info、debug 或 trace",
        ),
        (
            &["joke", "--joke-source", "none,zol"],
            "错误：--joke-source none,zol：none 表示不用任何来源，不能和别的一起写",
        ),
        (
            &["--listen", "127.0.0.1:0", "--jokes", "/no/such/file"],
            "错误：--jokes /no/such/file：读不了文件：文件不存在",
        ),
        (
            &["--token", "verysecret1"],
            "错误：--token：密钥写在命令行里，别的程序也看得到；请设置环境变量 WECHAT_TOKEN",
        ),
        (
            &["say"],
            "错误：没有消息内容：请把消息写在命令后面，或从标准输入传入",
        ),
        (
            &["words", "/no/such/file"],
            "错误：/no/such/file：读不了文件：文件不存在",
        ),
        (
            &["cgi"],
            "错误：没有设置 REQUEST_METHOD：这个命令由 Web 服务器来运行，请求写在环境变量里",
        ),
    ] {
        assert_eq!(
            refused_in_chinese(arguments, &[("WECHAT_TOKEN", TOKEN)]),
            expected
        );
    }
    for (variables, expected) in [
        (
            &[("WECHAT_TOKEN", "a!")][..],
            "错误：WECHAT_TOKEN 的值不能用：Token 应为 3 到 32 个字母或数字",
        ),
        (
            &[("WECHAT_TOKEN", TOKEN), ("RUST_LOG", "inof")],
            "错误：RUST_LOG=inof：应为 off、error、warn、info、debug、trace，或 daoxiao=debug 这样的过滤规则",
        ),
        (
            &[("DAOXIAO_TRUST_PROXY", "maybe")],
            "错误：--trust-proxy 的值“maybe”不能用：应为 true 或 false（来自环境变量 DAOXIAO_TRUST_PROXY）",
        ),
        (
            &[("DAOXIAO_LISTEN", "x")],
            "错误：--listen <ADDR> 的值“x”不能用：应为端口或“地址:端口”，例如 8080、0.0.0.0:8080 或 [::1]:8080（来自环境变量 DAOXIAO_LISTEN）",
        ),
    ] {
        assert_eq!(refused_in_chinese(&[], variables), expected);
    }
}

#[test]
fn what_is_wrong_with_a_secret_is_said_in_chinese_too() {
    for (variables, expected) in [
        (
            &[("WECHAT_TOKEN", "abcdef # mine")][..],
            "错误：WECHAT_TOKEN 的值不能用：值后面的注释会被当成值的一部分，请另起一行",
        ),
        (
            &[("WECHAT_TOKEN", "abcdef ")],
            "错误：WECHAT_TOKEN 的值不能用：里面有空格或换行",
        ),
        (
            &[("export WECHAT_TOKEN", TOKEN)],
            "错误：有个变量名叫“export WECHAT_TOKEN”：设置文件里不要写 export",
        ),
        (
            &[("NOTIFY_SOCKET", "nobody")],
            "错误：没有设置 WECHAT_TOKEN：服务的设置文件里要有一行 WECHAT_TOKEN=…，前面不要写 export",
        ),
        (
            &[
                ("WECHAT_TOKEN", TOKEN),
                ("WECHAT_ENCODING_AES_KEY", "short"),
            ],
            "错误：WECHAT_ENCODING_AES_KEY 的值不能用：EncodingAESKey 应为 43 个字母或数字",
        ),
        (
            &[("WECHAT_TOKEN", TOKEN), ("WECHAT_APPID", "")],
            "错误：WECHAT_APPID 的值不能用：AppID 应为 1 到 64 个字母或数字，例如 wxb11529c136998cb6",
        ),
        (
            &[
                ("WECHAT_TOKEN", TOKEN),
                (
                    "WECHAT_ENCODING_AES_KEY",
                    "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
                ),
            ],
            "错误：没有设置 WECHAT_APPID：已经设了 WECHAT_ENCODING_AES_KEY，加密要两个都有",
        ),
        (
            &[("WECHAT_TOKEN", TOKEN), ("WECHAT_TOKEN_FILE", "/dev/null")],
            "错误：WECHAT_TOKEN 和 WECHAT_TOKEN_FILE 都设了，只能设一个",
        ),
        (
            &[("WECHAT_TOKEN_FILE", "/no/such/file")],
            "错误：WECHAT_TOKEN_FILE：读不了文件 /no/such/file：文件不存在",
        ),
    ] {
        assert_eq!(
            refused_in_chinese(&["--listen", "127.0.0.1:0"], variables),
            expected
        );
    }
}

#[test]
fn where_it_cannot_listen_is_said_in_chinese_too() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let port = address.rsplit_once(':').unwrap().1;
    let output = run(
        &["--listen", &address],
        &[("LANG", "zh_CN"), ("WECHAT_TOKEN", TOKEN)],
    );
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        format!(
            "错误：无法监听 {address}：端口已被占用；请停掉占用它的程序（用 ss -ltnp 'sport = :{port}' \
             查看），或用 --listen 换一个端口\n"
        )
    );
    // No address of this machine.
    let output = run(
        &["--listen", "192.0.2.1:80"],
        &[("LANG", "zh_CN"), ("WECHAT_TOKEN", TOKEN)],
    );
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "错误：无法监听 192.0.2.1:80：本机没有这个地址；0.0.0.0:80 表示本机的所有地址\n"
    );
}

#[test]
fn what_commands_say_is_in_chinese_too() {
    let bot = Bot::spawn({
        let mut command = daoxiao(&["--listen", "127.0.0.1:0", "--joke-source", "none"]);
        command.env("LANG", "zh_CN.UTF-8");
        command
    });
    bot.wait_for_log(
        "没有设置 WECHAT_TOKEN，这个 Token 是随机生成的，只在本次运行有效：把它填到公众平台的表单里；",
    );
    let said = |command: Command, input: &str| crate::owner::run(command, input);
    let chinese = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = daoxiao(arguments);
        command.env("LANG", "zh_CN.UTF-8");
        command.envs(variables.iter().copied());
        command
    };
    let talk = said(chinese(&["chat", "--joke-source", "none"], &[]), "ab\n\n");
    assert_eq!(
        (talk.code, talk.out.as_str()),
        (Some(0), "ba\n（没有回复）\n")
    );
    let closed = crate::owner::closed_port();
    let token = [("WECHAT_TOKEN", TOKEN)];
    let port = closed.rsplit_once(':').unwrap().1.replace("/wechat", "");
    let unheard = said(chinese(&["say", "--url", &closed, "a"], &token), "");
    let expected = format!(
        "错误：127.0.0.1 的 {port} 端口没有程序在监听\n\
         先做这一步：在那台机器上启动机器人，或者改正 URL 里的端口。\n"
    );
    assert_eq!((unheard.code, unheard.err), (Some(1), expected));
    let bot = Bot::start();
    let url = format!("http://{}/wechat", bot.address);
    let event = ["say", "--url", &url, "--event", "unsubscribe"];
    let unanswered = said(chinese(&event, &token), "");
    assert_eq!(
        (unanswered.code, unanswered.err.as_str()),
        (Some(3), "机器人收到了，但没有回复\n")
    );
    let other = [("WECHAT_TOKEN", "another")];
    let refused = said(chinese(&["say", "--url", &url, "a"], &other), "");
    assert_eq!(
        refused.err,
        "错误：被拒绝，状态码 403：forbidden\n先做这一步：让三处的 Token 相同：这里的环境变量 WECHAT_TOKEN、机器人的 WECHAT_TOKEN、公众平台表单里填的 Token；有反向代理的，还要让它保留 URL 里 ? 后面的部分。\n"
    );
    let none = said(chinese(&["joke", "--joke-source", "none"], &[]), "");
    assert_eq!(
        (none.code, none.err.as_str()),
        (Some(1), "错误：没有笑话：没有来源，也没有 --jokes 文件\n")
    );
    let failed = said(chinese(&["joke", "--joke-url", &closed], &[]), "");
    let expected = format!(
        "自定义：{closed}：连接失败：连接被拒绝，端口上没有程序在监听\n\
         错误：没有笑话：各个来源的情况见上面\n"
    );
    assert_eq!((failed.code, failed.err), (Some(1), expected));
}

#[test]
fn the_help_is_in_chinese_too() {
    for command in COMMANDS {
        let output = run(&["help", command], &[("LC_ALL", "zh_CN.UTF-8")]);
        let help = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{help}");
        assert!(
            help.contains("用法：daoxiao") && help.contains("选项"),
            "{help}"
        );
        for english in [
            "Usage",
            "Options",
            "Print help",
            "[default",
            "[env",
            "Example",
            "OPTIONS",
            "COMMAND]",
        ] {
            assert!(!help.contains(english), "{english} in {help}");
        }
        assert!(
            help.contains("\n选项：\n") && !help.contains(":\n"),
            "{help}"
        );
        assert!(
            help.contains(&format!("daoxiao {command}")) && help.contains("例"),
            "{help}"
        );
    }
    let serve = run(&["serve", "--help", "--lang", "zh"], &[]);
    let serve = String::from_utf8(serve.stdout).unwrap();
    let unbroken: String = serve.split_whitespace().collect();
    assert!(
        unbroken.contains("默认0.0.0.0:8080，环境变量DAOXIAO_LISTEN"),
        "{serve}"
    );
}

#[test]
fn only_what_is_about_jokes_stands_under_that_heading() {
    for (language, options, jokes) in [
        ("en", "\nOptions:\n", "\nJokes:\n"),
        ("zh", "\n选项：\n", "\n笑话：\n"),
    ] {
        for command in ["serve", "chat", "joke", "cgi"] {
            let help = run(&[command, "--help", "--lang", language], &[]);
            let help = String::from_utf8(help.stdout).unwrap();
            let (before, below) = help.split_once(jokes).unwrap();
            let (_, above) = before.split_once(options).unwrap();
            for flag in ["--log <LEVEL>", "--lang <LANG>", "--help"] {
                assert!(above.contains(flag), "{flag} in {help}");
            }
            let flags = below.lines().filter(|line| line.starts_with("      --"));
            let names: Vec<&str> = flags.filter_map(|line| line.split(' ').nth(6)).collect();
            assert!(names.len() > 5, "{help}");
            assert!(names.iter().all(|name| name.contains("joke")), "{names:?}");
        }
    }
}

#[test]
fn a_value_on_the_command_line_is_not_said_to_be_a_variables() {
    let url = [
        ("DAOXIAO_URL", "http://127.0.0.1:1/"),
        ("WECHAT_TOKEN", TOKEN),
    ];
    let given = refused(&["doctor", "ftp://a/"], &url);
    assert!(
        given.contains("'ftp://a/'") && !given.contains("DAOXIAO_URL"),
        "{given}"
    );
    let set = refused(&["doctor"], &[("DAOXIAO_URL", "ftp://a/")]);
    assert!(
        set.contains("the value is from the variable DAOXIAO_URL"),
        "{set}"
    );
}

#[test]
fn where_to_listen_may_be_a_port_only() {
    for (listen, address) in [
        ("0", "0.0.0.0"),
        (":0", "0.0.0.0"),
        ("localhost:0", "127.0.0.1"),
        (" LOCALHOST:0 ", "127.0.0.1"),
        ("*:0", "0.0.0.0"),
        ("127.0.0.1:0", "127.0.0.1"),
    ] {
        let mut command = daoxiao(&["--listen", listen, "--joke-source", "none"]);
        command.env("WECHAT_TOKEN", TOKEN);
        let bot = Bot::spawn(command);
        assert_eq!(bot.address.ip().to_string(), address);
        assert_eq!(bot.get("/healthz").status, 200);
    }
    for listen in ["08080", "+8080", ":00", "127.0.0.1:08080"] {
        let error = refused(&["--listen", listen], &[]);
        let expected = format!(
            "error: invalid value '{listen}' for '--listen <ADDR>': expected a port, or an address"
        );
        assert!(error.starts_with(&expected), "{error}");
        let error = refused(&["chat", "--web", "--listen", listen], &[]);
        assert!(error.starts_with(&expected), "{error}");
    }
}

#[test]
fn a_mistyped_level_of_the_log_is_refused_in_the_variable_too() {
    for command in [
        &["--listen", "127.0.0.1:0"][..],
        &["joke"],
        &["cgi"],
        &["chat"],
    ] {
        assert_eq!(
            refused(command, &[("RUST_LOG", "inof"), ("WECHAT_TOKEN", TOKEN)]),
            "error: RUST_LOG=inof: expected off, error, warn, info, debug, trace, or a filter such \
             as daoxiao=debug\n"
        );
    }
    let filter = [("RUST_LOG", "warn,daoxiao=debug")];
    let bot = Bot::with(&["--joke-source", "none"], &filter);
    bot.get("/healthz");
    bot.wait_for_log("DEBUG 127.0.0.1 GET /healthz - healthy");
    // The flag wins, whatever the variable says.
    let bot = Bot::with(
        &["--joke-source", "none", "--log", "info"],
        &[("RUST_LOG", "inof")],
    );
    bot.get("/nowhere");
    bot.wait_for_log("/nowhere");
}

#[test]
fn an_empty_variable_is_none_and_a_doubtful_switch_is_refused() {
    let empty = [
        "LISTEN",
        "PATH",
        "MAX_AGE",
        "TRUST_PROXY",
        "WORDS",
        "JOKE_URL",
    ];
    let variables = empty.map(|name| (format!("DAOXIAO_{name}"), ""));
    let variables: Vec<_> = variables
        .iter()
        .map(|(name, value)| (name.as_str(), *value))
        .collect();
    let bot = Bot::with(&["--joke-source", "none"], &variables);
    assert_eq!(bot.answer_to("你好"), "好你");
    for switch in ["y", "T", "n", "F"] {
        let variables = [("DAOXIAO_TRUST_PROXY", switch)];
        let bot = Bot::with(&["--joke-source", "none"], &variables);
        assert_eq!(bot.answer_to("你好"), "好你", "{switch}");
    }
    let error = refused(&["serve"], &[("DAOXIAO_TRUST_PROXY", "maybe")]);
    assert_eq!(
        error,
        "error: invalid value 'maybe' for '--trust-proxy': expected true or false\n\n  \
         tip: the value is from the variable DAOXIAO_TRUST_PROXY\n\n\
         For more information, try '--help'.\n"
    );
}

#[test]
fn quietly_only_what_the_owner_must_act_on_is_logged() {
    let bot = Bot::with(&["--joke-source", "none", "-q"], &[]);
    bot.get("/nowhere");
    bot.say("no XML");
    bot.wait_for_log(" WARN  ");
    assert!(!bot.log().contains("INFO"), "{}", bot.log());
}

#[test]
fn a_secret_on_the_command_line_is_not_taken_and_the_way_is_told() {
    for (flag, variable) in [
        ("--token", "WECHAT_TOKEN"),
        ("--aes-key", "WECHAT_ENCODING_AES_KEY"),
        ("--appid", "WECHAT_APPID"),
    ] {
        let expected = format!(
            "error: {flag}: other programs can read a secret on the command line; set {variable} \
             instead\n"
        );
        assert_eq!(refused(&[flag, "verysecret1"], &[]), expected);
        let with_equals = refused(
            &["doctor", &format!("{flag}=verysecret1"), "http://a/"],
            &[],
        );
        assert_eq!(with_equals, expected);
    }
}

#[test]
fn secrets_come_from_files_too() {
    let key = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
    let token = Temporary::write("secret-token", &format!("{TOKEN}\n"));
    let aes_key = Temporary::write("secret-key", key);
    let app_id = Temporary::write("secret-appid", "wx1234567890abcdef\r\n");
    let mut command = daoxiao(&["--listen", "127.0.0.1:0", "--joke-source", "none"]);
    let files = [
        ("WECHAT_TOKEN_FILE", token.path()),
        ("WECHAT_ENCODING_AES_KEY_FILE", aes_key.path()),
        ("WECHAT_APPID_FILE", app_id.path()),
    ];
    command.envs(files);
    let bot = Bot::spawn(command);
    let url = format!("http://{}/", bot.address);
    for variables in [
        &files[..],
        &[
            ("WECHAT_TOKEN", TOKEN),
            ("WECHAT_ENCODING_AES_KEY", key),
            ("WECHAT_APPID", "wx1234567890abcdef"),
        ],
        &[&files[..], &[("WECHAT_TOKEN", ""), ("WECHAT_APPID", "")]].concat(),
    ] {
        let said = run(&["say", "--url", &url, "ab"], variables);
        assert_eq!(said.stdout, b"ba\n", "{said:?}");
    }
    assert_eq!(
        refused(
            &["sign"],
            &[("WECHAT_TOKEN", TOKEN), ("WECHAT_TOKEN_FILE", token.path())]
        ),
        "error: WECHAT_TOKEN and WECHAT_TOKEN_FILE are both set; set one of them\n"
    );
    assert_eq!(
        refused(&["sign"], &[("WECHAT_TOKEN_FILE", "/no/such/file")]),
        "error: WECHAT_TOKEN_FILE: the file /no/such/file cannot be read: No such file or \
         directory (os error 2)\n"
    );
    // As an editor on Windows writes it.
    let marked = Temporary::write("secret-mark", &format!("\u{feff}{TOKEN}\r\n"));
    let signed = run(&["sign"], &[("WECHAT_TOKEN_FILE", marked.path())]);
    assert_eq!(signed.status.code(), Some(0), "{signed:?}");
    // No more is read than a secret has.
    let endless = refused(&["sign"], &[("WECHAT_TOKEN_FILE", "/dev/zero")]);
    assert!(
        endless.contains("WECHAT_TOKEN_FILE cannot be used"),
        "{endless}"
    );
    // Only one line break is none of the secret.
    for (text, expected) in [
        ("notsecret\n\n", "there is whitespace in it"),
        (
            "not!secret\n",
            "a Token is 3 to 32 characters of A-Z, a-z and 0-9",
        ),
    ] {
        let wrong = Temporary::write("secret-wrong", text);
        assert_eq!(
            refused(&["sign"], &[("WECHAT_TOKEN_FILE", wrong.path())]),
            format!("error: WECHAT_TOKEN_FILE cannot be used: {expected}\n")
        );
    }
}

#[test]
fn completions_and_the_man_page_are_printed() {
    for (shell, word) in [
        ("bash", "_daoxiao()"),
        ("zsh", "#compdef daoxiao"),
        ("fish", "complete -c daoxiao"),
    ] {
        let output = run(&["completions", shell], &[]);
        let script = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert!(
            script.contains(word) && script.contains("doctor"),
            "{script}"
        );
    }
    refused(&["completions", "basch"], &[]);
    let output = run(&["man"], &[]);
    let page = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    for part in [
        ".TH daoxiao 1",
        ".TH daoxiao-serve 1",
        ".TH daoxiao-doctor 1",
        "WECHAT_TOKEN",
        "environment variable",
        "DAOXIAO_LISTEN",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
}

/// The headings of man pages in order, each once.
fn headings(pages: &str) -> Vec<String> {
    let mut headings: Vec<String> = Vec::new();
    for heading in pages.lines().filter_map(|line| line.strip_prefix(".SH ")) {
        if !headings.iter().any(|known| known == heading) {
            headings.push(heading.to_owned());
        }
    }
    headings
}

/// A line break becomes a space, which Chinese does not have between sentences and words.
#[test]
fn the_man_page_has_no_spaces_where_lines_of_chinese_end() {
    let pages = run(&["man", "--lang", "zh"], &[]).stdout;
    let pages = String::from_utf8(pages).unwrap();
    for (joined, lines) in [
        ("按 Ctrl\\-D 结束。\\:WECHAT_TOKEN 是机器人的 Token", 1),
        ("签名几分钟内有效\\:（见 daoxiao serve", 1),
        ("那个机器人的\nToken（", 1),
        ("3 到 32 个字母或数字；\n", 1),
    ] {
        assert_eq!(pages.matches(joined).count(), lines, "{joined} in {pages}");
    }
}

#[test]
fn the_man_page_has_its_usual_sections_in_both_languages() {
    for (language, sections, name, usage) in [
        (
            "en",
            "NAME SYNOPSIS DESCRIPTION OPTIONS SUBCOMMANDS NOTES VERSION JOKES",
            "daoxiao \\- A WeChat official\\-account bot: your words backwards, and a joke when asked",
            "\\fBdaoxiao\\fR [COMMAND] [OPTIONS]",
        ),
        (
            "zh",
            "名称 用法 说明 选项 命令 备注 版本 笑话 参数",
            "daoxiao \\- 微信公众号机器人：把你的话倒过来说，要笑话就讲笑话",
            "\\fBdaoxiao\\fR [命令] [选项]",
        ),
    ] {
        let output = run(&["man", "--lang", language], &[]);
        let pages = String::from_utf8(output.stdout).unwrap();
        let (_, below) = pages.split_once(".SH ").unwrap();
        let lines: Vec<&str> = below.lines().take(4).collect();
        assert_eq!((lines[1], lines[3]), (name, usage));
        assert!(
            lines[2].starts_with(".SH "),
            "the name is one line: {pages}"
        );
        assert_eq!(headings(&pages).join(" "), sections, "{pages}");
        assert!(pages.contains("\\fBdaoxiao serve\\fR ["), "{pages}");
        // Each command that is listed has its page.
        for command in COMMANDS {
            let page = format!("daoxiao\\-{command}(1)\n");
            assert!(pages.contains(&page), "{page} in {pages}");
        }
        assert!(!pages.contains("daoxiao\\-help"), "{pages}");
        let Some(man) = tools::find("man") else {
            continue;
        };
        let page = Temporary::write(&format!("man-{language}"), &pages);
        let shown = Command::new(man)
            .args(["-l", "--warnings", page.path()])
            .env("MANWIDTH", "80")
            .env("LANG", "C.UTF-8")
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(shown.stderr).unwrap(), "");
        let shown = String::from_utf8(shown.stdout).unwrap();
        let widest = shown.lines().map(columns_of).max().unwrap();
        assert!((70..=80).contains(&widest), "{widest} in {shown}");
    }
}

/// What bash offers for the last of these words.
fn completed(words: &[&str]) -> Option<Vec<String>> {
    let mut bash = Command::new(tools::find("bash")?);
    let script = String::from_utf8(run(&["completions", "bash"], &[]).stdout).unwrap();
    let last = words.len() - 1;
    let call = format!(
        "{script}\nCOMP_WORDS=({}); COMP_CWORD={last}; _daoxiao daoxiao '{}' '{}'\n\
         printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        words.join(" "),
        words[last],
        words[last - 1],
    );
    let output = bash.args(["--norc", "-c", &call]).output().unwrap();
    let offered = String::from_utf8(output.stdout).unwrap();
    Some(offered.lines().map(str::to_owned).collect())
}

#[test]
fn bash_completes_flags_without_a_command_and_the_values_of_flags() {
    let levels = ["off", "error", "warn", "info", "debug", "trace"];
    for (words, expected) in [
        (&["daoxiao", "--li"][..], &["--listen"][..]),
        (&["daoxiao", "doc"], &["doctor"]),
        (&["daoxiao", "--lang", ""], &["zh", "en"]),
        (&["daoxiao", "say", "--lang", "z"], &["zh"]),
        (&["daoxiao", "--log", ""], &levels),
        (&["daoxiao", "chat", "--log", "d"], &["debug"]),
        (&["daoxiao", "completions", "b"], &["bash"]),
    ] {
        if let Some(offered) = completed(words) {
            assert_eq!(offered, expected, "{words:?}");
        }
    }
}
