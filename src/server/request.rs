//! One request: what of it there is in memory, and how it is answered.

use std::{
    io::{self, Write},
    net::{IpAddr, SocketAddr},
    time::{Instant, SystemTime},
};

use httpdate::HttpDate;
use nix::sys::socket::Shutdown;
use tiny_http::{Method, Request, StatusCode};

use super::connection::{Body, Connection, answer_and_end, shut_down, values};
use crate::{
    access_log::RequestLine,
    callback::Rejection,
    exchange::{Response, accepts_html},
    survival::health::Health,
};

/// A response fits, unless its text is long.
const USUAL_BYTES: usize = 1024;

/// A request, what its line in the log is made of, and where its body is.
pub(super) struct Incoming {
    pub(super) request: Request,
    pub(super) info: RequestInfo,
    pub(super) body: Body,
    /// The body, once it was read by a thread of its own.
    pub(super) read_body: Option<Result<Vec<u8>, Rejection>>,
}

/// What is known of a request after it has been answered, which consumes it.
pub(super) struct RequestInfo {
    /// Who asked: the connection's other end, or whom a trusted proxy asks for.
    peer: Option<IpAddr>,
    pub(super) method: Method,
    url: String,
    /// Where the path ends in the URL.
    path_end: usize,
    pub(super) time: SystemTime,
    begun: Instant,
}

impl Incoming {
    pub(super) fn new(request: Request, trust_proxy: bool) -> Self {
        let url = origin_form(request.url());
        let forwarded = trust_proxy.then(|| forwarded_for(&request)).flatten();
        let connected = request.remote_addr();
        Self {
            info: RequestInfo {
                peer: forwarded.or(connected.map(SocketAddr::ip)),
                method: request.method().clone(),
                path_end: url.find('?').unwrap_or(url.len()),
                url: url.to_owned(),
                time: SystemTime::now(),
                begun: Instant::now(),
            },
            body: Body::of(&request),
            read_body: None,
            request,
        }
    }

    /// What is to become of the connection.
    pub(super) fn connection(&self, health: &Health) -> Connection {
        match Connection::of(&self.request) {
            _ if self.body != Body::Available => Connection::ShutDown,
            Connection::Kept | Connection::KeptAsAsked if health.is_closing() => {
                match health.exit_code() {
                    // The process ends, too, and all connections with it.
                    Some(_) => Connection::Closed,
                    None => Connection::Ending,
                }
            }
            connection => connection,
        }
    }

    /// Whether the request comes from a browser, by its `Accept` header.
    pub(super) fn is_from_browser(&self) -> bool {
        let mut accepted = values(&self.request, "Accept");
        accepted.next().is_some_and(accepts_html)
    }
}

/// Sends a response in one piece: [`Request::respond`] writes it in thirty, adds the library's
/// name, and says nothing of the connection.
pub(super) fn send(
    request: Request,
    info: &RequestInfo,
    response: &Response,
    connection: Connection,
) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(USUAL_BYTES);
    write!(
        bytes,
        "HTTP/{} {} {}\r\nDate: {}\r\n{}",
        request.http_version(),
        response.status,
        StatusCode(response.status).default_reason_phrase(),
        HttpDate::from(SystemTime::now()),
        connection.header(),
    )?;
    response.write_to(&mut bytes, info.method != Method::Head)?;
    match connection {
        Connection::ShutDown => {
            answer_and_end(request, &bytes);
            return Ok(());
        }
        Connection::Ending => shut_down(request.remote_addr().copied(), Shutdown::Read),
        Connection::Kept | Connection::KeptAsAsked | Connection::Closed => {}
    }
    let mut writer = request.into_writer();
    writer.write_all(&bytes)?;
    writer.flush()
}

impl RequestInfo {
    pub(super) fn path(&self) -> &str {
        match self.url.get(..self.path_end).unwrap_or_default() {
            "" => "/",
            path => path,
        }
    }

    pub(super) fn query(&self) -> &str {
        self.url.get(self.path_end + 1..).unwrap_or_default()
    }

    pub(super) fn line<'a>(&'a self, response: &'a Response) -> RequestLine<'a> {
        RequestLine {
            peer: self.peer,
            method: self.method.as_str(),
            path: self.path(),
            summary: &response.summary,
            status: response.status,
            took: self.begun.elapsed(),
        }
    }
}

/// Whom the proxy asks for: the last address is what it has added itself.
fn forwarded_for(request: &Request) -> Option<IpAddr> {
    let header = values(request, "X-Forwarded-For").last()?;
    let mut addresses = header.rsplit(',').map(str::trim);
    let last = addresses.find(|address| !address.is_empty())?;
    // Some proxies write the port, too, or only the brackets of an IPv6 address: `:0` completes it.
    let with_port = |text: &str| text.parse().map(|it: SocketAddr| it.ip());
    let completed = || with_port(&format!("{last}:0"));
    let address = last.parse().or_else(|_| with_port(last));
    address.or_else(|_| completed()).ok()
}

/// The path and the query of a request's target, which may name scheme and host before them.
pub(crate) fn origin_form(target: &str) -> &str {
    match target.split_once("://") {
        Some((scheme, rest)) if matches!(&*scheme.to_ascii_lowercase(), "http" | "https") => {
            let authority_end = rest.find(['/', '?']).unwrap_or(rest.len());
            rest.get(authority_end..).unwrap_or_default()
        }
        _ => target,
    }
}
