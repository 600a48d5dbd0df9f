//! Fetching a page.

use std::fmt;
use std::io;
use std::time::Duration;

use ureq::config::ConfigBuilder;
use ureq::http::Uri;
use ureq::typestate::AgentScope;
use ureq::{Agent, Error};

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

/// What a site answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The value of `Content-Type`, if there was one.
    pub content_type: Option<String>,
    /// The body, decompressed.
    pub body: Vec<u8>,
}

/// The host in a URL and what stands behind it, as `:80`; `None` if it cannot be fetched from.
pub(super) fn host_and_port(url: &str) -> Option<(String, String)> {
    let uri: Uri = url.parse().ok()?;
    let authority = uri.authority()?;
    let host = authority.host();
    let (_, port) = authority.as_str().rsplit_once(host)?;
    Some((host.to_owned(), port.to_owned()))
}

/// What fetches a page within a time, which covers names, connections, redirects and the body;
/// by the proxy that the environment names, if it may be used.
pub(super) fn get(use_proxy: bool) -> impl Fn(&str, Duration) -> Result<Page, FetchError> {
    move |url, time| {
        let config = config(url, time);
        let config = if use_proxy {
            config
        } else {
            config.proxy(None)
        };
        fetch(config, url)
    }
}

fn config(url: &str, time: Duration) -> ConfigBuilder<AgentScope> {
    Agent::config_builder()
        .timeout_global(Some(time))
        .https_only(url.to_ascii_lowercase().starts_with("https:"))
        .max_redirects(MAX_REDIRECTS)
        // Sites that redirect often hang up then without a word.
        .max_idle_connections(0)
        .user_agent(USER_AGENT)
        .accept("text/html,text/plain;q=0.9,*/*;q=0.5")
}

/// The agent lives as long as the fetch, so that an idle bot keeps neither connections nor
/// certificates.
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

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::thread;
    use std::time::Instant;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_millis(300);

    /// A site on a free port that handles each connection with `serve`, given the request.
    fn site(serve: fn(&mut TcpStream, &str) -> io::Result<()>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                thread::spawn(move || {
                    let mut request = Vec::new();
                    let mut byte = [0];
                    while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
                        request.extend(byte);
                    }
                    // The client hangs up when it has had enough.
                    let _ = serve(&mut stream, &String::from_utf8(request).unwrap());
                });
            }
        });
        url
    }

    /// Past any proxy that the environment names.
    fn get_directly(url: &str, time: Duration) -> Result<Page, FetchError> {
        get(false)(url, time)
    }

    fn redirect(stream: &mut TcpStream, to: &str) -> io::Result<()> {
        write!(
            stream,
            "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"
        )
    }

    #[test]
    fn a_page_comes_with_its_type_and_is_asked_for_as_a_browser_would() {
        let url = site(|stream, request| {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=GBK\r\nConnection: close\r\n\r\n";
            stream.write_all(head.as_bytes())?;
            stream.write_all(request.as_bytes())
        });
        let page = get_directly(&url, LONG).unwrap();
        assert_eq!(page.content_type.as_deref(), Some("text/html; charset=GBK"));
        let request = String::from_utf8(page.body).unwrap();
        assert!(request.starts_with("GET / HTTP/1.1\r\n"), "{request}");
        let agent = request
            .lines()
            .find(|line| line.to_lowercase().starts_with("user-agent:"));
        let agent = agent.unwrap();
        assert!(
            agent.contains("Mozilla/5.0") && agent.contains("daoxiao/"),
            "{agent}"
        );
    }

    #[test]
    fn a_gzipped_page_is_unpacked() {
        let url = site(|stream, _| {
            let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
            gzip.write_all(b"a joke")?;
            let body = gzip.finish()?;
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
                body.len()
            )?;
            stream.write_all(&body)
        });
        assert_eq!(
            get_directly(&url, LONG).unwrap(),
            Page {
                content_type: None,
                body: b"a joke".to_vec()
            }
        );
    }

    #[test]
    fn a_site_that_stalls_or_drips_is_given_up_in_time() {
        for serve in [
            |_: &mut TcpStream, _: &str| -> io::Result<()> {
                thread::park();
                Ok(())
            },
            |stream: &mut TcpStream, _: &str| {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\nx")?;
                thread::park();
                Ok(())
            },
            |stream: &mut TcpStream, _: &str| {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n")?;
                loop {
                    stream.write_all(b"x")?;
                    thread::park_timeout(Duration::from_millis(5));
                }
            },
        ] {
            let begin = Instant::now();
            assert_eq!(get_directly(&site(serve), SHORT), Err(FetchError::TimedOut));
            assert!(begin.elapsed() < SHORT * 3);
        }
    }

    #[test]
    fn a_refusal_is_told_with_its_status() {
        let url =
            site(|stream, _| stream.write_all(b"HTTP/1.1 500 No\r\nContent-Length: 4\r\n\r\noops"));
        assert_eq!(get_directly(&url, LONG), Err(FetchError::Status(500)));
    }

    #[test]
    fn a_page_of_30_mb_is_refused_however_it_is_packed() {
        let plain = site(|stream, _| {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 30000000\r\n\r\n")?;
            stream.write_all(&vec![b'x'; 30_000_000])
        });
        let bomb = site(|stream, _| {
            let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
            gzip.write_all(&vec![0; 30_000_000])?;
            let body = gzip.finish()?;
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
                body.len()
            )?;
            stream.write_all(&body)
        });
        assert_eq!(get_directly(&plain, LONG), Err(FetchError::TooLarge));
        assert_eq!(get_directly(&bomb, LONG), Err(FetchError::TooLarge));
    }

    #[test]
    fn a_page_of_exactly_1_mib_is_taken() {
        let url = site(|stream, _| {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n")?;
            stream.write_all(&vec![b'x'; 1 << 20])
        });
        assert_eq!(get_directly(&url, LONG).unwrap().body.len(), 1 << 20);
    }

    #[test]
    fn redirects_are_followed_five_times() {
        let url = site(|stream, request| {
            let path = request.split(' ').nth(1).unwrap_or_default();
            match path.len() {
                1..=5 => redirect(stream, &format!("{path}x")),
                _ => stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            }
        });
        assert_eq!(get_directly(&url, LONG).unwrap().body, b"ok");
        let url = site(|stream, _| redirect(stream, "/again"));
        assert_eq!(get_directly(&url, LONG), Err(FetchError::TooManyRedirects));
    }

    #[test]
    fn a_redirect_to_something_else_than_a_page_opens_nothing() {
        // `file:` has no host, so it is looked for on the site itself, which has no such page.
        let url = site(|stream, request| {
            if request.starts_with("GET / ") {
                redirect(stream, "file:///etc/passwd")
            } else {
                stream.write_all(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")
            }
        });
        assert_eq!(get_directly(&url, LONG), Err(FetchError::Status(404)));
        let url = site(|stream, _| redirect(stream, "ftp://127.0.0.1/x"));
        let error = FetchError::Other("bad uri: unknown scheme: ftp".to_owned());
        assert_eq!(get_directly(&url, LONG), Err(error));
    }

    #[test]
    fn an_https_source_is_never_read_over_http() {
        let url =
            site(|stream, _| stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
        // The same check as for a redirect: it is made before each request.
        let config = config("HTTPS://x/", LONG).proxy(None);
        assert_eq!(fetch(config, &url), Err(FetchError::NotHttps));
    }

    #[test]
    fn a_site_that_is_not_there_or_speaks_nonsense_is_an_error() {
        let closed = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let error = get_directly(&format!("http://{closed}/"), LONG).unwrap_err();
        assert!(matches!(error, FetchError::Connection(_)), "{error:?}");
        let url = site(|stream, _| stream.write_all(b"\0\xff\x01 nonsense\r\n\r\n"));
        let error = get_directly(&url, LONG).unwrap_err();
        assert!(matches!(error, FetchError::Other(_)), "{error:?}");
        let url =
            site(|stream, _| stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nxy"));
        let error = get_directly(&url, LONG).unwrap_err();
        assert!(matches!(error, FetchError::Connection(_)), "{error:?}");
    }
}
