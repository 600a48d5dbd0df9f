//! Flags that several commands share, and parsers of their values.

use std::{
    env,
    net::{Ipv4Addr, SocketAddr},
};

use clap::Args;
use log::LevelFilter;

use super::CommandError;
use crate::{
    language::localized_errors,
    logger,
    server::{HEALTH_PATH, is_same_path},
};

/// Seconds of a day.
pub(crate) const DAY: u64 = 24 * 60 * 60;

/// Error in the value of a flag or a variable: what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ValueError {
    #[error("expected a whole number from {min} to {max}")]
    Number { min: u64, max: u64 },
    #[error("expected a port, or an address and a port, such as 8080, 0.0.0.0:8080 or [::1]:8080")]
    Address,
    #[error("expected / or a path such as /wechat, of visible ASCII without ? and #")]
    Path,
    #[error("{HEALTH_PATH} is reserved for health checks")]
    HealthPath,
    #[error("expected off, error, warn, info, debug or trace")]
    Level,
    #[error("expected true or false")]
    Switch,
    #[error(
        "RUST_LOG={0}: expected off, error, warn, info, debug, trace, or a filter such as \
         daoxiao=debug"
    )]
    RustLog(String),
}

#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// What to log to standard error: off, error, warn, info, debug or trace
    /// [default: as the variable RUST_LOG says, or info; for chat without --web, error]
    #[arg(long, value_name = "LEVEL", value_parser = localized_errors(level))]
    log: Option<LevelFilter>,
    /// Log only what you must act on: no more than --log warn does
    #[arg(long, short, conflicts_with = "log")]
    pub(super) quiet: bool,
}

impl LogArgs {
    /// Starts the log at the level that `--log` or `RUST_LOG` asks for, or else at this one.
    pub(crate) fn start(&self, default: LevelFilter) -> Result<(), CommandError> {
        let filter = env::var("RUST_LOG").unwrap_or_default();
        let quiet = self.quiet.then_some(LevelFilter::Warn.min(default));
        let asked = self.log.or(quiet);
        match asked.or(filter.is_empty().then_some(default)) {
            Some(level) => logger::start(&format!("{}={level}", env!("CARGO_CRATE_NAME"))),
            None => logger::start(&checked_filter(filter).map_err(CommandError::usage)?),
        }
        Ok(())
    }
}

/// Refuses mistyped levels in `RUST_LOG`, such as `inof`. The log would take such a word for a
/// module's name; without a level, only this crate's modules are accepted.
fn checked_filter(value: String) -> Result<String, ValueError> {
    let mut directives = value.split('/').next().unwrap_or_default().split(',');
    let is_right = |directive: &str| match directive.trim() {
        "" => true,
        own if own.starts_with(env!("CARGO_CRATE_NAME")) && !own.contains('=') => true,
        other => level(other.split_once('=').map_or(other, |(_, level)| level)).is_ok(),
    };
    if directives.all(is_right) {
        Ok(value)
    } else {
        Err(ValueError::RustLog(value))
    }
}

/// Parses a whole number within bounds.
pub(crate) fn number<T: TryFrom<u64>, const MIN: u64, const MAX: u64>(
    text: &str,
) -> Result<T, ValueError> {
    let number = text.parse().ok();
    let number = number.filter(|number| (MIN..=MAX).contains(number));
    let number = number.and_then(|number| number.try_into().ok());
    number.ok_or(ValueError::Number { min: MIN, max: MAX })
}

/// Parses what turns a flag without a value on or off by its variable.
pub(super) fn switch(text: &str) -> Result<bool, ValueError> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "on" | "1" => Ok(true),
        "false" | "f" | "no" | "n" | "off" | "0" => Ok(false),
        _ => Err(ValueError::Switch),
    }
}

/// Returns the port of `8080` or `:8080`.
pub(super) fn port_only(text: &str) -> Option<u16> {
    let text = text.trim();
    let digits = text.strip_prefix(':').unwrap_or(text);
    let port = digits.parse().ok();
    port.filter(|port: &u16| port.to_string() == digits)
}

/// Parses an address to listen on; a port alone means all IPv4 addresses of this machine.
pub(super) fn address(text: &str) -> Result<SocketAddr, ValueError> {
    let text = text.trim().to_ascii_lowercase();
    let any = text.strip_prefix('*').filter(|rest| rest.starts_with(':'));
    if let Some(port) = port_only(any.unwrap_or(&text)) {
        return Ok((Ipv4Addr::UNSPECIFIED, port).into());
    }
    let address = text.replacen("localhost:", "127.0.0.1:", 1).parse().ok();
    // A port such as 08080 is a mistake in another number.
    let has_port = |address: &SocketAddr| text.ends_with(&format!(":{}", address.port()));
    address.filter(has_port).ok_or(ValueError::Address)
}

/// Parses a path that WeChat calls.
pub(super) fn path(text: &str) -> Result<String, ValueError> {
    let is_plain = |c: char| c.is_ascii_graphic() && c != '?' && c != '#';
    if is_same_path(text, HEALTH_PATH) {
        Err(ValueError::HealthPath)
    } else if text.starts_with('/') && text.chars().all(is_plain) {
        Ok(text.to_owned())
    } else {
        Err(ValueError::Path)
    }
}

fn level(text: &str) -> Result<LevelFilter, ValueError> {
    text.parse().map_err(|_| ValueError::Level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_a_port_only() {
        for (text, expected) in [
            ("8080", "0.0.0.0:8080"),
            (":8080", "0.0.0.0:8080"),
            ("0", "0.0.0.0:0"),
            ("localhost:8080", "127.0.0.1:8080"),
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("[::1]:80", "[::1]:80"),
        ] {
            assert_eq!(address(text), Ok(expected.parse().unwrap()));
        }
        for wrong in [
            "",
            ":",
            "here",
            "65536",
            "+8080",
            "08080",
            "127.0.0.1:08080",
            "[::1]:00",
            "::8080",
            "**:8080",
            "localhost",
            "127.0.0.1",
            "example.com:80",
        ] {
            assert_eq!(address(wrong), Err(ValueError::Address), "{wrong}");
        }
    }

    #[test]
    fn a_filter_of_the_log_has_levels() {
        let check = |value: &str| checked_filter(value.to_owned());
        for right in [
            "",
            "info",
            "WARN",
            "daoxiao=debug",
            "info,daoxiao::joke=trace",
            "daoxiao",
            "ureq=off, warn/bot",
        ] {
            assert_eq!(check(right), Ok(right.to_owned()));
        }
        for wrong in ["inof", "daoxiao=loud", "info,deubg"] {
            assert_eq!(check(wrong), Err(ValueError::RustLog(wrong.to_owned())));
        }
    }
}
