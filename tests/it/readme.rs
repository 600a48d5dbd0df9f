//! What stands in the READMEs, run as it stands.

use std::{fs, path::Path, process::Command};

use crate::{
    owner::run,
    support::{Bot, TOKEN, daoxiao},
    tools::{directory, find, write_script},
};

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
fn both_readmes_have_the_same_commands() {
    let of = |readme: &str, language| -> Vec<Vec<String>> {
        let text = read(readme);
        let blocks = blocks(&text, language).into_iter().map(commands);
        let owned = blocks.map(|lines| lines.into_iter().map(str::to_owned).collect());
        owned.collect()
    };
    for language in ["sh", "sh root", "sh internet", "sh slow", "text"] {
        let english = of("README.md", language);
        assert_eq!(english, of("README.zh-CN.md", language));
        assert!(!english.is_empty(), "{language}");
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
    let readmes = ["README.md", "README.zh-CN.md"].map(read);
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
    for block in readmes.iter().flat_map(|readme| blocks(readme, "sh")) {
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
const PRINTED: [(&str, &str); 4] = [
    ("say 你好", "好你\n"),
    (
        "<Content>你好</Content>",
        "<Content><![CDATA[好你]]></Content>",
    ),
    ("?$(daoxiao sign)&echostr=hello", "hello"),
    ("daoxiao cgi", "\r\n\r\nhello"),
];

#[test]
fn what_doctor_is_said_to_say_is_what_it_says() {
    // What doctor prints, line for line, stands in its tests.
    let printed = read("tests/it/doctor.rs");
    for readme in ["README.md", "README.zh-CN.md"].map(read) {
        let lines: Vec<&str> = readme.split("`✗ ").skip(1).collect();
        assert!(lines.len() > 10, "{readme}");
        for line in lines {
            let (line, _) = line.split_once('`').unwrap();
            assert!(printed.contains(&format!("\"✗ {line}")), "✗ {line}");
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
