//! `daoxiao sign`: a signed query, for `curl`.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use super::printed;
use crate::{
    settings::{self, SettingError},
    simulator::post::stamp,
};

/// Prints `signature=…&timestamp=…&nonce=…`.
pub fn run() -> Result<ExitCode, SettingError> {
    let query = stamp().sign(&settings::required_token()?);
    Ok(printed(writeln!(io::stdout(), "{query}")))
}
