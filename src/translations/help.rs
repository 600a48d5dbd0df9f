//! Help and usage errors of the command line in Chinese; in English they are clap's own. Help is
//! wrapped here in both.

use std::{collections::HashMap, sync::LazyLock};

use clap::{
    Arg, Command, Error,
    error::{ContextKind, ContextValue, ErrorKind},
};
use terminal_size::{Width, terminal_size};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::language::Language;

/// The help in Chinese: tables of texts.
static CHINESE: LazyLock<HashMap<String, HashMap<String, String>>> = LazyLock::new(|| {
    toml::from_str(include_str!("help/zh.toml")).expect("the file has nothing but such tables")
});

/// Layout of a help page.
const TEMPLATE: &str = "{before-help}{about-with-newline}\n用法：{usage}\n\n{all-args}{after-help}";

/// Width of a help page at most, however wide the terminal is.
const MAX_WIDTH: usize = 100;

/// Width of the text's column at least; where there is less beside the flags, it stands below them.
const MIN_WIDTH: usize = 20;

/// Indent of a text below its flags.
const INDENT: usize = 10;

/// Punctuation that must not end a line, and punctuation that must not begin one.
const OPENING: &str = "（“「";
const CLOSING: &str = "，。；：、！？）”」…";

/// Returns the command line with all help in Chinese.
pub(crate) fn in_chinese(mut cli: Command) -> Command {
    cli.build();
    translate(cli)
}

/// The text of this name in a table.
fn chinese(table: &str, name: &str) -> Option<&'static str> {
    Some(CHINESE.get(table)?.get(name)?)
}

fn translate(command: Command) -> Command {
    let name = command.get_name().to_owned();
    let text = |field| chinese(&name, field).unwrap_or_default();
    let (about, after) = (text("about"), text("after"));
    command
        .about(about)
        .long_about(None)
        .after_help(after)
        .help_template(TEMPLATE)
        .subcommand_help_heading("命令")
        .subcommand_value_name("命令")
        .mut_args(|arg| translate_arg(&name, arg))
        .mut_subcommands(translate)
}

fn translate_arg(command: &str, arg: Arg) -> Arg {
    let arg = match arg.get_help_heading() {
        Some(_) => arg.help_heading("笑话"),
        None if arg.is_positional() => arg.help_heading("参数"),
        None => arg.help_heading("选项"),
    };
    let id = arg.get_id().as_str();
    let text = chinese(command, id).or_else(|| chinese("shared", id));
    let text = text.unwrap_or_default();
    let default = arg.get_default_values().first();
    let default = default.filter(|_| arg.get_action().takes_values());
    let default = default.map(|value| format!("默认 {}", value.display()));
    let variable = arg.get_env();
    let variable = variable.map(|name| format!("环境变量 {}", name.display()));
    let notes: Vec<String> = [default, variable].into_iter().flatten().collect();
    let text = match notes.join("，").as_str() {
        "" => text.to_owned(),
        notes => format!("{text}（{notes}）"),
    };
    arg.help(text)
        .long_help(None)
        .hide_default_value(true)
        .hide_env(true)
}

/// Wraps a help page at the terminal's width; in Chinese with clap's own words translated.
pub(crate) fn page(page: &str) -> String {
    let page = match Language::current() {
        Language::English => page.to_owned(),
        Language::Chinese => usage_in_chinese(page).replace(":\n", "：\n"),
    };
    let width = terminal_size().map_or(MAX_WIDTH, |(Width(width), _)| width.into());
    let lines = page.lines().map(|line| wrapped(line, width.min(MAX_WIDTH)));
    lines.collect::<Vec<_>>().join("\n")
}

/// Words the headings of man pages as is usual.
pub(crate) fn man_pages(pages: &str) -> String {
    let pages = pages.replace(".SH EXTRA\n", ".SH NOTES\n");
    match Language::current() {
        Language::English => pages,
        Language::Chinese => man_pages_in_chinese(&pages),
    }
}

/// Translates clap's own words on man pages. Lines end at punctuation, and are not stretched at the
/// few spaces that Chinese has.
fn man_pages_in_chinese(pages: &str) -> String {
    let pages = usage_in_chinese(pages);
    let next = pages.lines().skip(1).chain([""]);
    let lines = pages.lines().zip(next).map(|(line, next)| {
        let heading = line.strip_prefix(".SH ");
        let heading = heading.and_then(|it| chinese("man_headings", it));
        match heading {
            Some(heading) => format!(".SH {heading}\n"),
            None if line.starts_with(".TH ") => format!("{line}\n.ad l\n.nh\n"),
            // The line that whatis shows.
            None if line.contains(" \\- ") => format!("{line}\n"),
            None => {
                let parts = line.split_inclusive(|char| CLOSING.contains(char));
                let line = parts.collect::<Vec<_>>().join("\\:");
                let end = end_of_line(&line, next);
                line + end
            }
        }
    });
    lines.collect()
}

/// Joins two lines that become one sentence, in which a space for the line break would be wrong.
fn end_of_line(line: &str, next: &str) -> &'static str {
    match line.chars().next_back().zip(next.chars().next()) {
        Some((_, first)) if first.is_whitespace() || first == '.' => "\n",
        Some((last, _)) if CLOSING.contains(last) => "\\:",
        Some((last, first)) if is_wide(last) && is_wide(first) => "\\:",
        _ => "\n",
    }
}

fn usage_in_chinese(text: &str) -> String {
    text.replace("[OPTIONS]", "[选项]")
        .replace("[COMMAND]", "[命令]")
}

/// Wraps a line; its further lines begin under its text, which is after its last double space.
fn wrapped(line: &str, width: usize) -> String {
    let gap = line.rfind("  ").map_or(0, |gap| gap + 2);
    let (before, text) = line.split_at(gap);
    let (mut indent, mut page) = (before.width(), before.to_owned());
    if indent + MIN_WIDTH > width {
        let flags = before.trim_end();
        let end = if flags.is_empty() { "" } else { "\n" };
        indent = INDENT;
        page = format!("{flags}{end}{}", " ".repeat(indent));
    }
    let mut column = indent;
    for part in parts(text) {
        if column > indent && column + part.trim_end().width() > width {
            page = format!("{}\n{}", page.trim_end(), " ".repeat(indent));
            column = indent;
        }
        column += part.width();
        page += &part;
    }
    page
}

fn is_wide(char: char) -> bool {
    char.width() == Some(2)
}

/// Splits text where a line may end: at spaces and Hanzi, not after [`OPENING`] or before
/// [`CLOSING`].
fn parts(text: &str) -> Vec<String> {
    let belong_together = |last: &char, next: &char| {
        let is_held = OPENING.contains(*last) || CLOSING.contains(*next);
        *last != ' ' && (is_held || !is_wide(*last) && !is_wide(*next))
    };
    let chars: Vec<char> = text.chars().collect();
    let parts = chars.chunk_by(belong_together);
    parts.map(String::from_iter).collect()
}

/// Says what is wrong with the command line; `variable` is the one that the wrong value is from, or
/// that may be set in place of a missing one.
pub(crate) fn usage_error(mut error: Error, variable: Option<&str>) -> String {
    let is_missing = error.kind() == ErrorKind::MissingRequiredArgument;
    let language = Language::current();
    let tip = variable.map(|name| match (language, is_missing) {
        (Language::English, true) => format!("the variable {name} can be set instead"),
        (Language::English, false) => format!("the value is from the variable {name}"),
        (Language::Chinese, true) => format!("，或设置环境变量 {name}"),
        (Language::Chinese, false) => format!("（来自环境变量 {name}）"),
    });
    if language == Language::Chinese {
        let (text, tip) = (error_in_chinese(&error), tip.unwrap_or_default());
        return format!("错误：{text}{tip}\n用法见 --help。");
    }
    if let Some(tip) = tip {
        let tips = ContextValue::StyledStrs(vec![tip.into()]);
        error.insert(ContextKind::Suggested, tips);
    }
    without_language(&error.to_string())
}

/// Describes in Chinese what is wrong with the command line.
fn error_in_chinese(error: &Error) -> String {
    let known = |kind| context(error, kind);
    let argument = known(ContextKind::InvalidArg);
    let value = known(ContextKind::InvalidValue);
    let said = match error.kind() {
        ErrorKind::InvalidValue if value.is_empty() => format!("{argument} 后面要有值"),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let reason = std::error::Error::source(error).map_or_else(
                || format!("，可用的有 {}", known(ContextKind::ValidValue)),
                |reason| format!("：{reason}"),
            );
            format!("{argument} 的值“{value}”不能用{reason}")
        }
        ErrorKind::UnknownArgument if !argument.starts_with('-') => format!("多写了 {argument}"),
        ErrorKind::UnknownArgument => format!("没有 {argument} 这个参数"),
        ErrorKind::InvalidSubcommand => {
            format!("没有 {} 这个命令", known(ContextKind::InvalidSubcommand))
        }
        ErrorKind::ArgumentConflict => match known(ContextKind::PriorArg) {
            prior if prior == argument => format!("{argument} 只能写一次"),
            prior => format!("{argument} 不能和 {prior} 一起用"),
        },
        ErrorKind::MissingRequiredArgument => {
            let usage = without_language(&known(ContextKind::Usage).replace("Usage: ", ""));
            format!("缺少 {argument}，应写成 {usage}")
        }
        ErrorKind::TooManyValues => format!("{argument} 不能带值"),
        ErrorKind::InvalidUtf8 => "命令行里有不是 UTF-8 的文字".to_owned(),
        _ => error.to_string(),
    };
    let similar = [
        ContextKind::SuggestedArg,
        ContextKind::SuggestedSubcommand,
        ContextKind::SuggestedValue,
    ];
    match similar.map(known).concat().as_str() {
        "" => said,
        similar => format!("{said}。是不是 {similar}？"),
    }
}

/// Returns a usage without the flag that is there only because it was given.
fn without_language(usage: &str) -> String {
    usage.replace(" --lang <LANG>", "")
}

/// Returns what the error has of this kind.
pub(crate) fn context(error: &Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join("、"),
        Some(ContextValue::StyledStr(text)) => text.to_string(),
        _ => String::new(),
    }
}
