//! `daoxiao sign`: a signed query, for `curl`.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use super::{FAILED, fail};
use crate::{
    settings::{self, SettingError},
    wechat::post::stamp,
};

/// Prints `signature=…&timestamp=…&nonce=…`.
pub fn run() -> Result<ExitCode, SettingError> {
    let query = stamp().sign(&settings::wechat()?.token);
    let printed = writeln!(io::stdout(), "{query}");
    Ok(printed.map_or_else(|error| fail(FAILED, &error), |()| ExitCode::SUCCESS))
}
