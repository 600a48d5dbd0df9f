//! Fetching a page.

use std::fmt;
use std::io;
use std::time::Duration;

use ureq::config::ConfigBuilder;
use ureq::typestate::AgentScope;
use ureq::{Agent, Error};

use super::page::Page;

/// The largest page, in bytes after decompression. List pages have 30 to 200 KB.
const MAX_PAGE_BYTES: u64 = 1 << 20;

/// Redirects in a row: http to https, to `www.`, to a newer path, and two to spare.
const MAX_REDIRECTS: u32 = 5;

/// Some sites answer browsers only; the last word says honestly who is asking.
const USER_AGENT: &str = concat!(
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) ",
    "Chrome/138.0.0.0 Safari/537.36 daoxiao/",
    env!("CARGO_PKG_VERSION")
);

/// Fetches a page within `time`, which covers names, connections, redirects and the body.
pub(super) fn get(url: &str, time: Duration) -> Result<Page, FetchError> {
    fetch(config(url, time), url)
}

fn config(url: &str, time: Duration) -> ConfigBuilder<AgentScope> {
    Agent::config_builder()
        .timeout_global(Some(time))
        .https_only(url.to_ascii_lowercase().starts_with("https:"))
        .max_redirects(MAX_REDIRECTS)
        .user_agent(USER_AGENT)
        .accept("text/html,text/plain;q=0.9,*/*;q=0.5")
}

/// The agent lives as long as the fetch: kept, its TLS roots would be half the idle memory.
fn fetch(config: ConfigBuilder<AgentScope>, url: &str) -> Result<Page, FetchError> {
    let agent = config.build().new_agent();
    let mut response = agent
        .get(url)
        .header("Accept-Language", "zh-CN,zh;q=0.9")
        .call()
        .map_err(FetchError::from_ureq)?;
    let content_type = response.headers().get("content-type");
    let content_type = content_type.map(|value| String::from_utf8_lossy(value.as_bytes()).into());
    let body = response.body_mut().with_config().limit(MAX_PAGE_BYTES);
    Ok(Page {
        content_type,
        body: body.read_to_vec().map_err(FetchError::from_ureq)?,
    })
}

/// Why a page could not be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchError {
    /// The site did not answer, or not to the end, in time.
    TimedOut,
    /// The site answered with this status.
    Status(u16),
    /// The page is larger than 1 MiB.
    TooLarge,
    /// One redirect led to the next, more than 5 times.
    TooManyRedirects,
    /// An https site redirected to something that is not https.
    NotHttps,
    /// The host's name is not known.
    NoSuchHost,
    /// The connection failed in this way.
    Connection(String),
    /// Anything else.
    Other(String),
}

impl FetchError {
    fn from_ureq(error: Error) -> FetchError {
        match error {
            Error::Timeout(_) => FetchError::TimedOut,
            Error::StatusCode(status) => FetchError::Status(status),
            Error::BodyExceedsLimit(_) => FetchError::TooLarge,
            Error::TooManyRedirects => FetchError::TooManyRedirects,
            Error::RequireHttpsOnly(_) => FetchError::NotHttps,
            Error::HostNotFound => FetchError::NoSuchHost,
            Error::Io(error) if error.kind() == io::ErrorKind::TimedOut => FetchError::TimedOut,
            Error::Io(error) => FetchError::Connection(error.to_string()),
            error => FetchError::Other(error.to_string()),
        }
    }
}

impl std::error::Error for FetchError {}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FetchError::TimedOut => f.write_str("no complete answer in time"),
            FetchError::Status(status) => write!(f, "the site answered with status {status}"),
            FetchError::TooLarge => {
                write!(f, "the page is larger than {} KiB", MAX_PAGE_BYTES >> 10)
            }
            FetchError::TooManyRedirects => write!(f, "more than {MAX_REDIRECTS} redirects"),
            FetchError::NotHttps => f.write_str("redirected from https to something else"),
            FetchError::NoSuchHost => f.write_str("the host is not known"),
            FetchError::Connection(reason) | FetchError::Other(reason) => f.write_str(reason),
        }
    }
}
