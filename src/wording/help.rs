//! Help and usage errors of the command line in Chinese; in English they are clap's own.

use clap::{
    Arg, Command, Error,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::zh::help;

/// How a page of help is laid out.
const TEMPLATE: &str = "{before-help}{about-with-newline}\n用法：{usage}\n\n{all-args}{after-help}";

/// The command line with all help texts in Chinese.
pub(crate) fn in_chinese(mut cli: Command) -> Command {
    cli.build();
    translate(cli)
}

fn translate(command: Command) -> Command {
    let name = command.get_name().to_owned();
    let after_help = help::after_help(&name);
    let mut command = command
        .help_template(TEMPLATE)
        .subcommand_help_heading("命令")
        .subcommand_value_name("命令")
        .mut_args(|arg| translate_arg(&name, arg))
        .mut_subcommands(translate);
    if let Some(about) = help::about(&name) {
        command = command.about(about).long_about(None);
    }
    match after_help {
        Some(text) => command.after_help(text),
        None => command,
    }
}

fn translate_arg(command: &str, arg: Arg) -> Arg {
    let heading = match arg.get_help_heading() {
        Some(_) => "笑话",
        None if arg.is_positional() => "参数",
        None => "选项",
    };
    let text = help::argument(command, arg.get_id().as_str());
    let defaults = arg.get_default_values().iter();
    let defaults: Vec<_> = defaults.map(|value| value.to_string_lossy()).collect();
    let variable = arg.get_env().map(|name| name.to_string_lossy());
    let notes = [
        (!defaults.is_empty() && arg.get_action().takes_values())
            .then(|| format!("默认 {}", defaults.join(","))),
        variable.map(|name| format!("变量 {name}")),
    ];
    let notes: Vec<String> = notes.into_iter().flatten().collect();
    let text = match (text, notes.is_empty()) {
        (None, _) => return arg.help_heading(heading),
        (Some(text), true) => text.to_owned(),
        (Some(text), false) => format!("{text}（{}）", notes.join("，")),
    };
    arg.help_heading(heading)
        .help(text)
        .long_help(None)
        .hide_default_value(true)
        .hide_env(true)
        .hide_possible_values(true)
}

/// What is wrong with the command line, in Chinese.
pub(crate) fn error_in_chinese(error: &Error) -> String {
    let argument = context(error, &[ContextKind::InvalidArg]);
    let value = context(error, &[ContextKind::InvalidValue]);
    let said = match error.kind() {
        ErrorKind::InvalidValue if value.is_empty() => format!("{argument} 后面要有值"),
        ErrorKind::InvalidValue => format!("{argument} 的值“{value}”不能用"),
        ErrorKind::ValueValidation => {
            let reason = std::error::Error::source(error).map(ToString::to_string);
            format!(
                "{argument} 的值“{value}”不能用：{}",
                reason.unwrap_or_default()
            )
        }
        ErrorKind::UnknownArgument => format!("没有 {argument} 这个参数"),
        ErrorKind::InvalidSubcommand => {
            let command = context(error, &[ContextKind::InvalidSubcommand]);
            format!("没有 {command} 这个命令")
        }
        ErrorKind::ArgumentConflict => {
            let prior = context(error, &[ContextKind::PriorArg]);
            format!("{argument} 不能和 {prior} 一起用")
        }
        ErrorKind::MissingRequiredArgument => format!("缺少 {argument}"),
        ErrorKind::TooManyValues => format!("{argument} 的值太多"),
        ErrorKind::InvalidUtf8 => "命令行里有不是 UTF-8 的文字".to_owned(),
        _ => error.to_string(),
    };
    let similar = [
        ContextKind::SuggestedArg,
        ContextKind::SuggestedSubcommand,
        ContextKind::SuggestedValue,
    ];
    let hint = match context(error, &similar).as_str() {
        "" => String::new(),
        similar => format!("。是不是 {similar}？"),
    };
    said + &hint
}

/// What clap knows of an error, by kind; of several kinds it knows one.
fn context(error: &Error, kinds: &[ContextKind]) -> String {
    let texts = kinds.iter().map(|kind| match error.get(*kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join("、"),
        _ => String::new(),
    });
    texts.collect()
}
