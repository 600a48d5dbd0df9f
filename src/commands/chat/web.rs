//! `daoxiao chat --web`: the conversation as a page, beside what WeChat sends.
//!
//! The page is one file, and asks for JSON from three paths. All that it asks for is in the query:
//! so no body has to be waited for, and whoever sends one is refused.
//!
//! A client that reaches the page can write to the bot in a user's name and read the Token. So it
//! is served on loopback, or else only to clients with the key in its address; and pages of other
//! sites, which the user's browser may run, are refused.

mod conversation;
mod json;
mod request;

use std::{
    env,
    io::{self, Write},
    net::{SocketAddr, TcpListener},
    process::{Command, ExitCode, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use nix::sys::socket::Shutdown;
use serde_json::Value;
use socket2::SockRef;
use subtle::ConstantTimeEq;
use tiny_http::{Method, Request, Server};

use self::conversation::Conversation;
use super::bot::Bot;
use crate::{
    commands::{CommandError, announce},
    entropy,
    language::Language,
    logger::copies::LogCopies,
    server::{Body, answer_and_end, note_panics, origin_form, shut_down, values},
    simulator::{field, query_fields},
    survival::{
        exit::ExitReason,
        health::Health,
        socket::{self, ListenError},
    },
    wechat::signature::Token,
};

/// The page, with a placeholder for the nonce of each answer.
const PAGE: &str = include_str!("../../../web/chat.html");

/// Placeholder of the nonce that marks the page's style and script for its Content-Security-Policy.
const NONCE: &str = "{{nonce}}";

/// How long an answer may wait for a peer that reads nothing of it. The whole talk does not fit
/// into the system's buffer.
const SEND_TIMEOUT: Duration = Duration::from_secs(1);

/// How often the page connects to itself. A connection that `tiny_http` has handed to a thread
/// that is busy with another one is taken by the thread of the next connection.
const WAKE_INTERVAL: Duration = Duration::from_millis(500);

/// Error that keeps the page from being served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebError {
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error("the page cannot be served: {0}")]
    Serve(#[from] io::Error),
    #[error("no key for the page can be made up: {0}")]
    NoRandomness(#[from] getrandom::Error),
    #[error("the page {0}")]
    Ended(ExitReason),
}

/// Status line of an answer; a refusal has it as its body, too.
type Status = &'static str;

/// Headers that only this answer has, and its body.
type Content = (String, String);

const TEXT: &str = "Content-Type: text/plain\r\n";

/// Serves the page until the process ends.
pub(super) fn run(
    listen: SocketAddr,
    language: Option<Language>,
    bot: Bot,
    log: Option<LogCopies>,
) -> Result<ExitCode, CommandError> {
    let conversation = Conversation::new(bot, log, language);
    let page = Page::open(listen, conversation).map_err(CommandError::failure)?;
    page.announce();
    Err(CommandError::failure(page.serve()))
}

struct Page {
    http: Server,
    listener: TcpListener,
    address: SocketAddr,
    key: Option<Token>,
    conversation: Conversation,
    health: Arc<Health>,
    begun: Instant,
}

impl Page {
    fn open(listen: SocketAddr, conversation: Conversation) -> Result<Self, WebError> {
        let listener = socket::listen(listen)?;
        SockRef::from(&listener).set_write_timeout(Some(SEND_TIMEOUT))?;
        let address = listener.local_addr()?;
        let http = Server::from_listener(listener.try_clone()?, None);
        let is_shared = !address.ip().is_loopback();
        let health = Arc::<Health>::default();
        note_panics(Arc::clone(&health));
        Ok(Self {
            http: http.map_err(io::Error::other)?,
            listener,
            address,
            key: is_shared.then(entropy::token).transpose()?,
            conversation,
            health,
            begun: Instant::now(),
        })
    }

    /// Prints the page's address, and opens it in a browser if there is one. An address with a key
    /// is only printed: everyone on the machine can read a browser's command line.
    fn announce(&self) {
        let address = self.address;
        if let Some(key) = &self.key {
            announce(&format!("{address}/?key={}", key.as_str()));
        } else {
            announce(&address.to_string());
            open_browser(&format!("http://{address}/"));
        }
    }

    /// Answers requests until that is no longer possible, and returns why.
    fn serve(mut self) -> WebError {
        loop {
            match self.http.recv_timeout(WAKE_INTERVAL) {
                Ok(Some(request)) => self.receive(request),
                // If this fails, nobody else can connect, either.
                Ok(None) => drop(socket::wake_accept(&self.listener)),
                Err(error) => return error.into(),
            }
            if let Some(code) = self.health.trouble(self.begun.elapsed()) {
                return WebError::Ended(ExitReason::of_code(code));
            }
        }
    }

    fn receive(&mut self, request: Request) {
        let url = origin_form(request.url());
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let asked = query_fields(query);
        let body = Body::of(&request);
        let is_empty = body == Body::Available && request.body_length().unwrap_or(0) == 0;
        let answered = match request.method() {
            _ if !self.admits(&request, &asked) => Err("403 Forbidden"),
            _ if !is_empty => Err("413 Content Too Large"),
            method => self.route(method, path, &asked),
        };
        match answered {
            Ok((headers, body)) => send(request, "200 OK", &headers, &body),
            Err(status) if body == Body::Available => send(request, status, TEXT, status),
            // Nothing is read any more.
            Err(status) => {
                if body == Body::Oversized {
                    self.health.add_oversized();
                }
                let headers = format!("{TEXT}Connection: close\r\n");
                let answer = answer(&request, status, &headers, status);
                answer_and_end(request, answer.as_bytes());
            }
        }
    }

    /// Returns whether a request is from the page, or from a user who opens its address.
    fn admits(&self, request: &Request, asked: &[(String, String)]) -> bool {
        let hosts: Vec<&str> = values(request, "Host").collect();
        let is_own = !hosts.is_empty() && hosts.iter().all(|host| self.is_own_host(host));
        let mut origins = values(request, "Origin").map(|origin| origin.strip_prefix("http://"));
        let is_same_origin = origins.all(|origin| hosts.iter().all(|host| origin == Some(*host)));
        let given = field(asked, "key").unwrap_or_default().as_bytes();
        let is_right = |key: &Token| key.as_str().as_bytes().ct_eq(given).into();
        is_own && is_same_origin && self.key.as_ref().is_none_or(is_right)
    }

    /// Returns whether a Host header names this page, by an address or as `localhost`. Other names
    /// are refused, since any site can have its own name lead here (DNS rebinding).
    fn is_own_host(&self, host: &str) -> bool {
        let port = self.address.port();
        let is_own = |host: &str| match host.parse::<SocketAddr>() {
            Ok(it) => it.port() == port && (self.key.is_some() || it.ip().is_loopback()),
            Err(_) => *host == format!("localhost:{port}"),
        };
        // Browsers leave the port of HTTP out.
        is_own(host) || is_own(&format!("{host}:80"))
    }

    fn route(
        &mut self,
        method: &Method,
        path: &str,
        asked: &[(String, String)],
    ) -> Result<Content, Status> {
        match (method, path) {
            (Method::Get, "" | "/") => page(),
            (Method::Get, "/api/talk") => Ok(json(&self.conversation.json())),
            (Method::Post, "/api/token") => Ok(json(&self.conversation.token_json())),
            (Method::Post, "/api/send") => {
                let exchange = self.conversation.send(asked);
                exchange.as_ref().map(json).ok_or("400 Bad Request")
            }
            _ => Err("404 Not Found"),
        }
    }
}

/// Returns the page, which may use only its own script and style, load nothing from elsewhere, and
/// be in no frame of another page.
fn page() -> Result<Content, Status> {
    let nonce = entropy::token().map_err(|_| "500 Internal Server Error")?;
    let nonce = nonce.as_str();
    let headers = format!(
        "Content-Type: text/html; charset=utf-8\r\n\
         Content-Security-Policy: default-src 'none'; script-src 'nonce-{nonce}'; \
         style-src 'nonce-{nonce}'; connect-src 'self'; img-src data:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'\r\n"
    );
    Ok((headers, PAGE.replace(NONCE, nonce)))
}

fn json(body: &Value) -> Content {
    let headers = "Content-Type: application/json\r\n";
    (headers.to_owned(), body.to_string())
}

fn answer(request: &Request, status: Status, headers: &str, body: &str) -> String {
    let head = format!(
        "HTTP/{} {status}\r\n{headers}Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n\
         X-Content-Type-Options: nosniff\r\nContent-Length: {}\r\n\r\n",
        request.http_version(),
        body.len(),
    );
    let has_body = *request.method() != Method::Head;
    head + if has_body { body } else { "" }
}

/// Sends what was asked for; the browser may be gone, which does not matter. One that reads nothing
/// is not waited for again.
fn send(request: Request, status: Status, headers: &str, body: &str) {
    let answer = answer(&request, status, headers, body);
    let peer = request.remote_addr().copied();
    let mut writer = request.into_writer();
    let sent = writer.write_all(answer.as_bytes());
    if sent.and_then(|()| writer.flush()).is_err() {
        shut_down(peer, Shutdown::Both);
    }
}

/// Opens a browser if this machine has a screen.
fn open_browser(address: &str) {
    let mut screens = ["DISPLAY", "WAYLAND_DISPLAY"].into_iter();
    if screens.any(|name| env::var_os(name).is_some()) {
        // If it fails, there is still the printed address.
        let _ = Command::new("xdg-open")
            .arg(address)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
    }
}
