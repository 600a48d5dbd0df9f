//! Flags that several commands share, and the value parsers of numbers.

use std::time::Duration;

use clap::Args;
use log::LevelFilter;

use crate::logger;

/// Seconds of a day, for the bounds of a flag.
pub(crate) const DAY: u64 = 24 * 60 * 60;

/// The longest `--max-age`: ten years.
const LONGEST_AGE: u64 = 3650 * DAY;

#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// What to log on standard error: off, error, warn, info, debug or trace
    /// [default: the variable `RUST_LOG`, or info]
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    log: Option<LevelFilter>,
}

#[derive(Debug, Args)]
pub(crate) struct MaxAgeArg {
    /// How far a call's timestamp may be from now; 0 = any age. WeChat's signature doesn't tell
    /// timestamp and nonce apart: a call that was seen passes at any age if its nonce reads like
    /// a time of now and the two are swapped
    #[arg(long, env = "DAOXIAO_MAX_AGE", value_name = "SECONDS", default_value = "300", value_parser = seconds::<0, LONGEST_AGE>)]
    pub(crate) max_age: Duration,
}

impl LogArgs {
    /// Starts the log at the level that was asked for.
    pub(crate) fn start(&self) {
        logger::start(self.log);
    }

    /// Starts the log for a command whose output shares the terminal with it: only errors, unless
    /// more is asked for.
    pub(crate) fn start_quietly(&self) {
        logger::start(Some(self.log.unwrap_or(LevelFilter::Error)));
    }
}

/// Parses a whole number within bounds.
pub(crate) fn number<T: TryFrom<u64>, const MIN: u64, const MAX: u64>(
    text: &str,
) -> Result<T, String> {
    let number = text
        .parse()
        .ok()
        .filter(|number| (MIN..=MAX).contains(number));
    number
        .and_then(|number| number.try_into().ok())
        .ok_or_else(|| format!("expected a whole number from {MIN} to {MAX}"))
}

pub(crate) fn seconds<const MIN: u64, const MAX: u64>(text: &str) -> Result<Duration, String> {
    number::<_, MIN, MAX>(text).map(Duration::from_secs)
}

fn level(text: &str) -> Result<LevelFilter, String> {
    text.parse()
        .map_err(|_| "expected off, error, warn, info, debug or trace".to_owned())
}
