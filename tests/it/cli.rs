//! The command line: what is refused, with which words and exit code.

use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    process::{Output, Stdio},
};

use crate::support::{Bot, TOKEN, daoxiao};

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
            ["--path", "/healthz"],
            "error: invalid value '/healthz' for '--path <PATH>': /healthz is the bot's own, for \
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
        error.contains("the value is that of the variable DAOXIAO_LISTEN"),
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
    let cases: [(&[(&str, &str)], &str); 6] = [
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

const COMMANDS: [&str; 7] = ["serve", "chat", "say", "sign", "doctor", "joke", "cgi"];

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
fn a_made_up_token_is_shown_once_as_a_line_that_a_shell_can_take() {
    let bot = Bot::spawn(daoxiao(&[
        "--listen",
        "127.0.0.1:0",
        "--joke-source",
        "none",
    ]));
    let line = bot.wait_for_log("WECHAT_TOKEN=");
    let token = line.strip_prefix("WECHAT_TOKEN=").unwrap();
    assert_eq!(token.len(), 20);
    assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    bot.wait_for_log(
        "This Token was made up for this run: type it into the platform's form, and set the \
         variable to keep it for the next one.",
    );
    let (_, log) = bot.stop();
    assert_eq!(log.matches(token).count(), 1);
    let again = Bot::spawn(daoxiao(&[
        "--listen",
        "127.0.0.1:0",
        "--joke-source",
        "none",
    ]));
    assert_ne!(again.wait_for_log("WECHAT_TOKEN="), line);
}
