//! The commands: each is thin, and says on standard error why it fails.

use std::{
    env, fmt,
    io::{self, Write},
    process::ExitCode,
    time::SystemTime,
};

use log::LevelFilter;

pub mod cgi;
pub mod chat;
pub mod doctor;
pub mod joke;
pub mod say;
pub mod serve;
pub mod sign;

/// Exit code of a command that could not do what it was asked to.
pub const FAILED: u8 = 1;
/// Exit code of a command that was asked wrongly.
pub const USAGE: u8 = 2;

/// Says why a command fails, and returns its exit code.
pub fn fail(code: u8, error: &dyn fmt::Display) -> ExitCode {
    complain(format_args!("error: {error}"));
    ExitCode::from(code)
}

/// The exit code of a command whose last deed was to print. A reader that has enough, `head` for
/// example, is no failure.
pub fn printed(outcome: io::Result<()>) -> ExitCode {
    match outcome {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => fail(
            FAILED,
            &format_args!("standard output cannot be written: {error}"),
        ),
        _ => ExitCode::SUCCESS,
    }
}

/// Writes a line to standard error; when nobody reads it, there is nobody to tell.
pub fn complain(line: impl fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Starts the log on standard error, at this level or at the one that `RUST_LOG` says. Unless that
/// variable wants more, libraries tell errors only: what a parser thinks of a page is no news.
pub fn start_log(level: Option<LevelFilter>) {
    let mut builder = env_logger::Builder::new();
    builder
        .filter_level(LevelFilter::Error)
        // What it calls an error is a start over here, which is counted and told.
        .filter_module("tiny_http", LevelFilter::Off);
    let variable = env::var_os(env_logger::DEFAULT_FILTER_ENV);
    match level {
        None if variable.is_some_and(|value| !value.is_empty()) => builder.parse_default_env(),
        _ => builder.filter_module(env!("CARGO_CRATE_NAME"), level.unwrap_or(LevelFilter::Info)),
    };
    builder
        .format(|out, record| {
            let now = humantime::format_rfc3339_seconds(SystemTime::now());
            writeln!(out, "{now} {:5} {}", record.level(), record.args())
        })
        .init();
}
