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

/// The text of each block of code of a language. Behind `sh` may stand what a block needs that a
/// test has not: root, an account or the internet.
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

#[test]
fn both_readmes_have_the_same_commands() {
    for language in ["sh", "sh root", "sh internet", "text"] {
        assert_eq!(
            blocks(&read("README.md"), language),
            blocks(&read("README.zh-CN.md"), language),
        );
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
    let readme = read("README.md");
    let blocks = blocks(&readme, "sh");
    assert!(blocks.len() >= 6, "{blocks:?}");
    for block in blocks {
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
        assert!(
            outcome.out.contains(expected(block)),
            "{block}\n{outcome:?}"
        );
    }
}

/// What a block prints, among other things.
fn expected(block: &str) -> &'static str {
    match block {
        _ if block.contains("echostr=hello") => "hello",
        _ if block.contains("你好") => "好你",
        _ => "",
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
