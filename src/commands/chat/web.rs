//! `daoxiao chat --web`: the conversation as a page, beside what WeChat sends.
//!
//! The page is one file, and asks for JSON from three paths. A client that reaches it can write to
//! the bot in a user's name and read the Token. So it is served on loopback, or else only to
//! clients with the key in its address; and pages of other sites, which the user's browser may run,
//! are refused.

mod attempt;
mod bot;
mod conversation;
mod json;

use std::{
    env,
    hint::black_box,
    io::{self, Write},
    net::{IpAddr, SocketAddr, TcpListener},
    process::{Command, ExitCode, Stdio},
    sync::mpsc::channel,
    thread,
    time::Duration,
};

use subtle::ConstantTimeEq;
use tiny_http::{Method, Request, Server};

pub(super) use self::bot::Bot;
use self::conversation::Conversation;
use crate::{
    commands::{CommandError, announce},
    entropy,
    language::Language,
    server::{Connection, answer_and_close, origin_form, values},
    simulator::signing::query_fields,
    survival::socket::ListenError,
};

/// The page, with a placeholder for the nonce of each answer.
const PAGE: &str = include_str!("../../../web/chat.html");

/// Placeholder of the nonce that marks the page's style and script for its Content-Security-Policy.
const NONCE: &str = "{{nonce}}";

/// Longest body of a request from the page.
const MAX_ASKED_BYTES: usize = 64 * 1024;

/// How long a body is waited for, by everybody.
const MAX_BODY_TIME: Duration = Duration::from_secs(2);

/// Error that keeps the page from being served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebError {
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error("the page cannot be served: {0}")]
    Serve(Box<dyn std::error::Error + Send + Sync>),
    #[error("no key for the page can be made up: {0}")]
    NoRandomness(#[from] getrandom::Error),
}

/// Status line of a refusal, which is also its body.
struct Refusal(&'static str);

const BAD_REQUEST: Refusal = Refusal("400 Bad Request");
const FORBIDDEN: Refusal = Refusal("403 Forbidden");
const NOT_FOUND: Refusal = Refusal("404 Not Found");
const TOO_LARGE: Refusal = Refusal("413 Content Too Large");
const BROKEN: Refusal = Refusal("500 Internal Server Error");

/// Headers that only this answer has, and its body.
type Content = (String, String);

const TEXT: &str = "Content-Type: text/plain\r\n";

/// Serves the page until the process ends.
pub(super) fn run(
    listen: SocketAddr,
    language: Option<Language>,
    bot: Bot,
) -> Result<ExitCode, CommandError> {
    let conversation = Conversation::with(bot);
    let page = Page::open(listen, language, conversation).map_err(CommandError::failure)?;
    page.announce();
    Err(page.serve())
}

struct Page {
    http: Server,
    address: SocketAddr,
    key: Option<String>,
    conversation: Conversation,
    language: Option<Language>,
}

impl Page {
    fn open(
        listen: SocketAddr,
        language: Option<Language>,
        conversation: Conversation,
    ) -> Result<Self, WebError> {
        let failed = |source| ListenError {
            address: listen,
            source,
        };
        let listener = TcpListener::bind(listen).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let key = (!address.ip().is_loopback())
            .then(entropy::token)
            .transpose()?;
        Ok(Self {
            http: Server::from_listener(listener, None).map_err(WebError::Serve)?,
            address,
            key: key.map(|key| key.as_str().to_owned()),
            conversation,
            language,
        })
    }

    /// Prints the page's address, and opens it in a browser if there is one. An address with a key
    /// is only printed: everyone on the machine can read a browser's command line.
    fn announce(&self) {
        let address = self.address;
        if let Some(key) = &self.key {
            announce(&format!("{address}/?key={key}"));
        } else {
            announce(&address.to_string());
            open_browser(&format!("http://{address}/"));
        }
    }

    fn serve(mut self) -> CommandError {
        loop {
            match self.http.recv() {
                Ok(request) => self.answer(request),
                Err(error) => return CommandError::failure(WebError::Serve(error.into())),
            }
        }
    }

    fn answer(&mut self, request: Request) {
        let is_large = request.body_length() > Some(MAX_ASKED_BYTES);
        let admitted = match self.admit(&request) {
            Ok(()) if is_large => Err(TOO_LARGE),
            admitted => admitted,
        };
        if let Err(refusal) = admitted {
            return refuse(request, refusal);
        }
        let Some((request, body)) = with_body(request) else {
            return;
        };
        match self.route(&request, body) {
            Ok((headers, body)) => send(request, "200 OK", &headers, &body),
            Err(refusal) => refuse(request, refusal),
        }
    }

    /// Admits requests from the page, and from a user who opens its address.
    fn admit(&self, request: &Request) -> Result<(), Refusal> {
        let header = |name: &'static str| values(request, name).next();
        let host = header("Host")
            .filter(|host| self.is_own_host(host))
            .ok_or(FORBIDDEN)?;
        let is_same_origin =
            header("Origin").is_none_or(|origin| origin == format!("http://{host}"));
        let has_key = self.key.as_deref().is_none_or(|key| {
            let (_, query) = path_and_query(request);
            let given = query
                .split('&')
                .find_map(|field| field.strip_prefix("key="));
            given.is_some_and(|given| given.as_bytes().ct_eq(key.as_bytes()).into())
        });
        (is_same_origin && has_key).then_some(()).ok_or(FORBIDDEN)
    }

    /// Returns whether a Host header names this page, by an address or as `localhost`. Other names
    /// are refused, since any site can have its own name lead here (DNS rebinding).
    fn is_own_host(&self, host: &str) -> bool {
        let port = self.address.port();
        let name = host.strip_suffix(&format!(":{port}"));
        let name = name.or((port == 80).then_some(host)).unwrap_or_default();
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        match bare.parse::<IpAddr>() {
            Ok(address) => self.key.is_some() || address.is_loopback(),
            Err(_) => name == "localhost",
        }
    }

    fn route(&mut self, request: &Request, body: io::Result<String>) -> Result<Content, Refusal> {
        let (path, _) = path_and_query(request);
        match (request.method(), path) {
            (Method::Get, "" | "/") => page(),
            (Method::Get, "/api/talk") => Ok(json(self.conversation.json(self.language))),
            (Method::Post, "/api/token") => Ok(json(self.conversation.token_json())),
            (Method::Post, "/api/send") => {
                let asked = query_fields(&body.map_err(|_| BAD_REQUEST)?);
                let exchange = self.conversation.send(&asked);
                exchange.map(json).ok_or(BAD_REQUEST)
            }
            _ => Err(NOT_FOUND),
        }
    }
}

fn path_and_query(request: &Request) -> (&str, &str) {
    let url = origin_form(request.url());
    url.split_once('?').unwrap_or((url, ""))
}

/// Reads the body of a request, unless it does not come in time.
fn with_body(mut request: Request) -> Option<(Request, io::Result<String>)> {
    if request.body_length().is_none() {
        return Some((request, Ok(String::new())));
    }
    let (give, given) = channel();
    let read = move || {
        let mut body = String::new();
        let read = request.as_reader().read_to_string(&mut body);
        let _ = give.send((request, read.map(|_| body)));
    };
    thread::Builder::new().spawn(read).ok()?;
    given.recv_timeout(MAX_BODY_TIME).ok()
}

/// Refuses a request in a thread: `tiny_http` waits for the rest of a body, which may never come.
/// That of a large one is not waited for.
fn refuse(request: Request, Refusal(status): Refusal) {
    let length = request.body_length().unwrap_or(0);
    let refuse = move || {
        if length > MAX_ASKED_BYTES {
            Connection::ShutDown.end_reading(request.remote_addr().copied());
            // `tiny_http` allocates all of it to drop it; where that fails, the process ends.
            let mut rest = Vec::<u8>::new();
            if black_box(&mut rest).try_reserve_exact(length).is_err() {
                let answer = answer(&request, status, TEXT, status);
                return answer_and_close(request, answer.as_bytes());
            }
        }
        send(request, status, TEXT, status);
    };
    drop(thread::Builder::new().spawn(refuse));
}

/// Returns the page, which may use only its own script and style, load nothing from elsewhere, and
/// be in no frame of another page.
fn page() -> Result<Content, Refusal> {
    let nonce = entropy::token().map_err(|_| BROKEN)?;
    let nonce = nonce.as_str();
    let headers = format!(
        "Content-Type: text/html; charset=utf-8\r\n\
         Content-Security-Policy: default-src 'none'; script-src 'nonce-{nonce}'; \
         style-src 'nonce-{nonce}'; connect-src 'self'; img-src data:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'\r\n"
    );
    Ok((headers, PAGE.replace(NONCE, nonce)))
}

fn json(body: String) -> Content {
    ("Content-Type: application/json\r\n".to_owned(), body)
}

fn answer(request: &Request, status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/{} {status}\r\n{headers}Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n\
         X-Content-Type-Options: nosniff\r\nContent-Length: {}\r\n\r\n{body}",
        request.http_version(),
        body.len(),
    )
}

/// Sends an answer; the browser may be gone, which does not matter.
fn send(request: Request, status: &str, headers: &str, body: &str) {
    let answer = answer(&request, status, headers, body);
    let mut writer = request.into_writer();
    let _ = writer.write_all(answer.as_bytes());
    let _ = writer.flush();
}

/// Opens a browser if this machine has a screen.
fn open_browser(address: &str) {
    let has_screen = ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .any(|name| env::var_os(name).is_some());
    let opener = if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    if has_screen || cfg!(target_os = "macos") {
        let mut command = Command::new(opener);
        command
            .arg(address)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // If it fails, there is still the printed address.
        let _ = command.spawn();
    }
}
