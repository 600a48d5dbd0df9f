//! `daoxiao cgi`: the bot as a program that a web server runs for each request.

use std::{
    env, io,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use super::printed;
use crate::{
    access_log::Line,
    callback::Callback,
    cgi::CgiRequest,
    joke::{JokeSettings, Jokes},
    settings::{self, JokeOptions, SettingError},
};

/// Answers the request in the environment, on standard output.
pub fn run(max_age: Duration, jokes: &JokeOptions) -> Result<ExitCode, SettingError> {
    let begun = Instant::now();
    let token = settings::required_token()?;
    let variable = |name: &str| env::var(name).ok();
    let request = CgiRequest::from_variables(variable).ok_or(SettingError::Missing {
        variable: "REQUEST_METHOD",
        why: "a web server runs this command, and says in variables what it was asked",
    })?;
    let jokes = Arc::new(Jokes::new(JokeSettings {
        // The caller chooses HTTP_PROXY: the web server puts his `Proxy` header there.
        use_proxy: false,
        ..settings::jokes(jokes)?
    }));
    let mut callback = Callback::new(settings::account(token, max_age)?, jokes);
    let response = request.answer(io::stdin().lock(), &mut callback, SystemTime::now());
    let written = response.write_to(io::stdout().lock());
    let line = Line {
        method: &request.method,
        path: &request.path,
        said: &response.said,
        status: response.status,
        took: begun.elapsed(),
    };
    log::info!("{line}");
    Ok(printed(written))
}
