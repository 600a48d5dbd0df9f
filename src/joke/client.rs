//! Fetching pages, along redirects.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    io::{self, Read},
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use encoding_rs::Encoding;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use percent_encoding::{CONTROLS, percent_encode};
use thiserror::Error;
use ureq::{
    Agent, Body, Proxy,
    config::Config,
    http::{Response, Uri},
    unversioned::{
        resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver},
        transport::{DefaultConnector, NextTimeout},
    },
};
use url::{Host, Url};

use super::{
    formats::{MAX_SHOWN, Page},
    url::{UrlError, parse, shown},
};
use crate::{
    network::{SystemError, TlsError, address},
    printable::printable,
};

/// Bytes of an answer at most, after decompression: a page may have pictures inside it. Without
/// them it may have a quarter of this, see `formats`.
const MAX_BODY_BYTES: u64 = 4 << 20;

/// Redirects followed at most: http to https, to `www.`, to a newer path, and two to spare.
const MAX_REDIRECTS: u32 = 5;

/// Some sites answer browsers only; the last word says honestly who is asking.
const USER_AGENT: &str = concat!(
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) ",
    "Chrome/138.0.0.0 Safari/537.36 daoxiao/",
    env!("CARGO_PKG_VERSION")
);

/// Accepted types, best first: markup where there are selectors, else text.
const ACCEPT_MARKUP: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
const ACCEPT_TEXT: &str = "text/plain,application/json;q=0.9,application/rss+xml;q=0.8,\
                           application/atom+xml;q=0.8,application/xml;q=0.7,text/html;q=0.5,*/*;q=0.1";

/// A client that fetches the pages of one source. It lives as long as their fetch, so that an idle
/// bot keeps neither connections nor certificates.
pub(crate) struct Client {
    agent: Agent,
    /// End of the time for all of it: name look-ups, connections, redirects and bodies.
    end: Instant,
    seen_public: Arc<SeenPublic>,
    /// Cookies by host and name. Some sites redirect for ever without them.
    cookies: BTreeMap<(String, String), String>,
}

impl Client {
    /// `has_selectors` is set if the pages are to be searched by selectors; with `use_proxy`, the
    /// proxy that the environment names, if any, fetches them.
    pub(super) fn new(time: Duration, has_selectors: bool, use_proxy: bool) -> Self {
        let accept = if has_selectors {
            ACCEPT_MARKUP
        } else {
            ACCEPT_TEXT
        };
        let mut config = Config::builder()
            .max_redirects(0)
            .http_status_as_error(false)
            // Many sites close the connection after a redirect without announcing it.
            .max_idle_connections(0)
            .user_agent(USER_AGENT)
            .accept(accept);
        if !use_proxy {
            config = config.proxy(None);
        }
        let seen_public = Arc::<SeenPublic>::default();
        let resolver = CheckedResolver(Arc::clone(&seen_public));
        Self {
            agent: Agent::with_parts(config.build(), DefaultConnector::default(), resolver),
            end: Instant::now() + time,
            seen_public,
            cookies: BTreeMap::new(),
        }
    }

    /// Fetches a page.
    pub(super) fn get(&mut self, url: &str) -> Result<Page, FetchError> {
        let mut url = parse(url)?;
        for _ in 0..=MAX_REDIRECTS {
            if self.agent.config().proxy().is_some() {
                // The proxy resolves names, so all but `localhost` count as public.
                self.seen_public.admit(is_public(&url))?;
            }
            let response = self.ask(&url)?;
            let status = response.status();
            if status.is_redirection() {
                let location = response.headers().get("location");
                let location = location.ok_or(FetchError::Status(status.as_u16()))?;
                url = redirected(&url, location.as_bytes())?;
                continue;
            }
            let page = read(response);
            if status.is_success() {
                let url = url.into();
                return Ok(Page { url, ..page? });
            }
            let said = page.ok().and_then(|page| page.api_message());
            let refused = |said| FetchError::Refused(status.as_u16(), said);
            return Err(said.map_or(FetchError::Status(status.as_u16()), refused));
        }
        Err(FetchError::TooManyRedirects)
    }

    /// Asks for one URL, with the cookies that its host has set, and keeps those that it sets now.
    fn ask(&mut self, url: &Url) -> Result<Response<Body>, FetchError> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(FetchError::TimedOut);
        }
        let mut request = self.agent.get(url.as_str());
        let host = url.host_str().unwrap_or_default();
        let cookies = self.cookies.iter().filter(|((of, _), _)| of == host);
        let cookies: Vec<_> = cookies
            .map(|((_, name), value)| format!("{name}={value}"))
            .collect();
        if !cookies.is_empty() {
            request = request.header("Cookie", cookies.join("; "));
        }
        let response = request.config().timeout_global(Some(left)).build().call()?;
        for cookie in response.headers().get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap_or_default().split(';').next();
            if let Some((name, value)) = cookie.and_then(|cookie| cookie.split_once('=')) {
                let key = (host.to_owned(), name.trim().to_owned());
                self.cookies.insert(key, value.trim().to_owned());
            }
        }
        Ok(response)
    }
}

fn read(mut response: Response<Body>) -> Result<Page, FetchError> {
    let header = |name| {
        let value = response.headers().get(name);
        value.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let content_type = header("content-type");
    let encoding = header("content-encoding").unwrap_or_default();
    let body = response
        .body_mut()
        .with_config()
        .limit(MAX_BODY_BYTES)
        .read_to_vec()?;
    Ok(Page {
        content_type,
        body: unpack(body, &encoding)?,
        ..Page::default()
    })
}

/// Unpacks a body that `ureq` has left packed: `ureq` unpacks what it asks for, `gzip` and `br`, if
/// the server names it so. Left are gzip under another name or none, and `deflate`.
fn unpack(body: Vec<u8>, encoding: &str) -> Result<Vec<u8>, FetchError> {
    let name = encoding.trim().to_ascii_lowercase();
    let packed = body.as_slice();
    let reader: Box<dyn Read + '_> = match (name.as_str(), packed) {
        (_, [0x1f, 0x8b, 8, ..]) => Box::new(MultiGzDecoder::new(packed)),
        ("" | "identity" | "none" | "gzip" | "x-gzip", _) => return Ok(body),
        // Not `BR`, which ureq leaves packed.
        _ if encoding == "br" => return Ok(body),
        // Some scripts name the charset here.
        _ if Encoding::for_label(name.as_bytes()).is_some() => return Ok(body),
        // In a zlib wrapper, as the standard says, or without, as some servers send it.
        ("deflate", [first, ..]) if first & 0x0f == 8 => Box::new(ZlibDecoder::new(packed)),
        ("deflate", _) => Box::new(DeflateDecoder::new(packed)),
        _ => return Err(FetchError::Packed(printable(encoding, MAX_SHOWN))),
    };
    let mut unpacked = Vec::new();
    let mut limited = reader.take(MAX_BODY_BYTES + 1);
    match limited.read_to_end(&mut unpacked) {
        Ok(_) if limited.limit() == 0 => Err(FetchError::TooLarge),
        Ok(_) => Ok(unpacked),
        Err(error) => Err(FetchError::Unpack(error.to_string())),
    }
}

fn redirected(from: &Url, location: &[u8]) -> Result<Url, FetchError> {
    let location = match str::from_utf8(location) {
        Ok(location) => Cow::Borrowed(location),
        // Bytes that are not UTF-8 are kept, percent-encoded.
        Err(_) => percent_encode(location, CONTROLS).into(),
    };
    let joined = from.join(&location).ok();
    let to = joined.and_then(|url| parse(url.as_str()).ok());
    let to = to.ok_or_else(|| FetchError::Location(printable(&shown(&location), MAX_SHOWN)))?;
    if from.scheme() == "https" && to.scheme() != "https" {
        return Err(FetchError::NotHttps);
    }
    Ok(to)
}

/// Returns true if a URL's host is a public address, or a name that may have one.
fn is_public(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => address::is_public(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => address::is_public(IpAddr::V6(ip)),
        Some(Host::Domain(name)) => name != "localhost" && !name.ends_with(".localhost"),
        None => false,
    }
}

/// Set once an address was public.
#[derive(Debug, Default)]
struct SeenPublic(AtomicBool);

impl SeenPublic {
    /// Refuses a private address after a public one: a page of the Internet must not lead to what
    /// only this machine can reach, such as its services, its network, its cloud's metadata.
    fn admit(&self, is_public: bool) -> Result<(), FetchError> {
        if is_public {
            self.0.store(true, Ordering::Relaxed);
        } else if self.0.load(Ordering::Relaxed) {
            return Err(FetchError::NotPublic);
        }
        Ok(())
    }
}

/// The system's resolver; if a name has public addresses, only these are used.
#[derive(Debug)]
struct CheckedResolver(Arc<SeenPublic>);

impl Resolver for CheckedResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = DefaultResolver::default().resolve(uri, config, timeout);
        let found = found.map_err(|error| match error {
            ureq::Error::Io(_) => ureq::Error::HostNotFound,
            error => error,
        })?;
        let proxy = config.proxy().map(Proxy::host);
        if proxy.is_some() && proxy == uri.host() {
            return Ok(found);
        }
        let mut public = self.empty();
        let is_public = |address: &&SocketAddr| address::is_public(address.ip());
        for address in found.iter().filter(is_public) {
            public.push(*address);
        }
        let admitted = self.0.admit(!public.is_empty());
        admitted.map_err(|error| ureq::Error::Other(error.into()))?;
        Ok(if public.is_empty() { found } else { public })
    }
}

/// Reason why a page could not be fetched.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum FetchError {
    #[error("no complete answer in time")]
    TimedOut,
    #[error("the site answered with status {0}")]
    Status(u16),
    #[error("the site answered with status {0}: {said}", said = printable(.1, MAX_SHOWN))]
    Refused(u16, String),
    #[error("the page is larger than {} KiB", MAX_BODY_BYTES >> 10)]
    TooLarge,
    #[error("the answer is packed as {0}, which is not understood")]
    Packed(String),
    #[error("more than {MAX_REDIRECTS} redirects")]
    TooManyRedirects,
    #[error("redirected to {0}, which is no URL of a page")]
    Location(String),
    #[error("redirected from https to something else")]
    NotHttps,
    #[error("redirected from a public address to one that is not")]
    NotPublic,
    #[error("the host is not known")]
    NoSuchHost,
    #[error(transparent)]
    Url(#[from] UrlError),
    #[error("the URL can't be used")]
    BadUrl,
    #[error(transparent)]
    Connection(SystemError),
    #[error(transparent)]
    Tls(TlsError),
    #[error("the answer isn't valid HTTP")]
    NotHttp,
    #[error("the answer can't be unpacked: {0}")]
    Unpack(String),
    #[error("{0}")]
    Other(String),
}

impl From<ureq::Error> for FetchError {
    fn from(error: ureq::Error) -> Self {
        match error {
            ureq::Error::Timeout(_) => FetchError::TimedOut,
            ureq::Error::BodyExceedsLimit(_) => FetchError::TooLarge,
            ureq::Error::HostNotFound => FetchError::NoSuchHost,
            // The error repeats the URL, which may have a key in it.
            ureq::Error::BadUri(_) => FetchError::BadUrl,
            ureq::Error::Io(error) if error.kind() == io::ErrorKind::TimedOut => {
                FetchError::TimedOut
            }
            ureq::Error::Io(error) => TlsError::carried_by(&error)
                .map_or_else(|| FetchError::Connection((&error).into()), FetchError::Tls),
            ureq::Error::Rustls(error) => FetchError::Tls((&error).into()),
            ureq::Error::Protocol(_) => FetchError::NotHttp,
            ureq::Error::Decompress(_, error) => FetchError::Unpack(error.to_string()),
            // Of `CheckedResolver`.
            ureq::Error::Other(error) if error.is::<FetchError>() => FetchError::NotPublic,
            error => FetchError::Other(printable(&error.to_string(), MAX_SHOWN)),
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

    /// Starts a site that handles each connection with `serve`, given the request; returns its URL.
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
                    // Fails if the client has closed the connection early.
                    let _ = serve(&mut stream, &String::from_utf8(request).unwrap());
                });
            }
        });
        url
    }

    /// Fetches without any proxy that the environment names.
    fn get_directly(url: &str, time: Duration) -> Result<Page, FetchError> {
        Client::new(time, false, false).get(url)
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
        let page = get_directly(&url, LONG).unwrap();
        assert_eq!((page.content_type, page.body), (None, b"a joke".to_vec()));
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
    fn a_page_of_exactly_4_mib_is_taken() {
        let url = site(|stream, _| {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4194304\r\n\r\n")?;
            stream.write_all(&vec![b'x'; 4 << 20])
        });
        assert_eq!(get_directly(&url, LONG).unwrap().body.len(), 4 << 20);
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
        for location in [
            "file:///etc/passwd",
            "ftp://127.0.0.1/x",
            "http://[::1",
            "javascript:1",
        ] {
            let url = site(|stream, request| {
                let location = request.split(' ').nth(1).unwrap_or_default();
                redirect(stream, location.trim_start_matches("/?"))
            });
            let error = FetchError::Location(location.to_owned());
            assert_eq!(get_directly(&format!("{url}?{location}"), LONG), Err(error));
        }
    }

    #[test]
    fn https_does_not_lead_to_http_but_the_other_way_round() {
        let [http, https] = ["http://x.cn/", "https://x.cn/"].map(|url| url.parse().unwrap());
        assert_eq!(
            redirected(&https, b"http://x.cn/"),
            Err(FetchError::NotHttps)
        );
        assert!(redirected(&http, b"https://x.cn/").is_ok());
        assert!(redirected(&https, b"//y.cn/z").is_ok());
    }

    #[test]
    fn a_redirect_is_relative_to_the_page_it_is_on() {
        let from = "http://x.cn/a/b?c=d".parse().unwrap();
        for (location, to) in [
            ("e", "http://x.cn/a/e"),
            ("/e", "http://x.cn/e"),
            ("?p=1", "http://x.cn/a/b?p=1"),
            ("//y.cn", "http://y.cn/"),
            ("../e f", "http://x.cn/e%20f"),
            ("/笑", "http://x.cn/%E7%AC%91"),
        ] {
            assert_eq!(redirected(&from, location.as_bytes()).unwrap().as_str(), to);
        }
    }

    #[test]
    fn once_an_address_was_public_the_next_must_be() {
        let seen_public = SeenPublic::default();
        assert_eq!(seen_public.admit(false), Ok(()));
        assert_eq!(seen_public.admit(true), Ok(()));
        assert_eq!(seen_public.admit(false), Err(FetchError::NotPublic));
    }

    #[test]
    fn a_resolved_address_is_checked_whatever_the_url_looks_like() {
        let resolver = CheckedResolver(Arc::default());
        let resolve = |uri: &'static str| {
            let timeout = NextTimeout {
                after: ureq::unversioned::transport::time::Duration::NotHappening,
                reason: ureq::Timeout::Global,
                ..NextTimeout::default()
            };
            let found = resolver.resolve(&Uri::from_static(uri), &Config::default(), timeout);
            found.map(|found| found.to_vec()).map_err(FetchError::from)
        };
        assert!(resolve("http://localhost/").is_ok());
        assert!(resolve("http://203.1.113.7/").is_ok());
        let refused = FetchError::NotPublic;
        for inner in [
            "http://localhost/",
            "http://127.0.0.1/",
            "http://[::ffff:10.0.0.1]/",
        ] {
            assert_eq!(resolve(inner), Err(refused.clone()), "{inner}");
        }
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
        assert!(matches!(error, FetchError::NotHttp), "{error:?}");
        let url =
            site(|stream, _| stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nxy"));
        let error = get_directly(&url, LONG).unwrap_err();
        assert!(matches!(error, FetchError::Connection(_)), "{error:?}");
    }
}
