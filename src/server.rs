//! The loop, and the match on method and path.
//!
//! Everything is decided and answered on the loop's thread, which waits for nobody: an answer fits
//! into the system's buffer, or its peer has left others unread and is answered no more. A body
//! that is still on the socket is waited for by a thread of its own, which wakes the loop when it
//! is there.

mod connection;
mod request;
mod workers;

use std::{
    collections::HashMap,
    error::Error,
    io,
    net::{SocketAddr, TcpListener},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    time::{Duration, Instant, SystemTime},
};

use tiny_http::{Method, Request};

use self::{
    request::{Body, Call, RequestInfo, send},
    workers::Workers,
};
use crate::{
    access_log::{self, RateLimit},
    callback::{Callback, Rejection},
    exchange::{self, Outcome, Response, read_body},
    joke::{JokeSettings, Jokes},
    survival::{health::Health, worker::DRAIN},
};

/// Path that says whether the bot is there, for load balancers and monitors.
pub(crate) const HEALTH_PATH: &str = "/healthz";

/// From one look to the next for what arrives while the loop is to end.
const DRAIN_INTERVAL: Duration = Duration::from_millis(5);

/// A peer that did not read is not written to for this long. It is gone after that, and another one
/// may have its port.
const MUTE: Duration = Duration::from_secs(10);

/// So many such peers are remembered.
const MAX_MUTED: usize = 4096;

/// What the bot answers with.
#[derive(Debug)]
pub(crate) struct Service {
    /// Paths on which WeChat calls.
    pub(crate) paths: Vec<String>,
    /// What is done with a call.
    pub(crate) callback: Callback,
    /// Where jokes come from.
    pub(crate) jokes: JokeSettings,
}

/// A request whose body was waited for, and the body.
type Awaited = (Call, Result<Vec<u8>, Rejection>);

/// A bot on a socket.
pub(crate) struct Server {
    http: Arc<tiny_http::Server>,
    paths: Vec<String>,
    callback: Callback,
    jokes: Jokes,
    health: Arc<Health>,
    workers: Workers,
    rate_limit: RateLimit,
    awaited: Receiver<Awaited>,
    bodies: Sender<Awaited>,
    /// Peers that did not read, and since when.
    muted: HashMap<SocketAddr, Instant>,
}

impl Server {
    /// Starts to accept connections.
    pub(crate) fn open(
        listener: TcpListener,
        service: Service,
        health: Arc<Health>,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let (bodies, awaited) = channel();
        health.begin_serving();
        let http = Arc::new(tiny_http::Server::from_listener(listener, None)?);
        let woken = Arc::clone(&http);
        Ok(Self {
            http,
            paths: service.paths,
            callback: service.callback,
            jokes: Jokes::new(service.jokes, move || woken.unblock()),
            workers: Workers::new(Arc::clone(&health)),
            health,
            rate_limit: RateLimit::new(Instant::now()),
            awaited,
            bodies,
            muted: HashMap::new(),
        })
    }

    /// What wakes the loop.
    pub(crate) fn waker(&self) -> impl Fn() + Send + Sync + use<> {
        let http = Arc::clone(&self.http);
        move || http.unblock()
    }

    /// Answers until it is told to leave, then what has arrived by then.
    pub(crate) fn run(&mut self) {
        let mut is_quiet = false;
        while self.health.exit_code().is_none() {
            let next = if is_quiet {
                // Watched like a request: nobody may read what is written.
                self.attend(|_| log::logger().flush());
                self.http.recv().map(Some)
            } else {
                self.http.try_recv()
            };
            // Being woken counts as quiet, too: before the loop waits, it looks for what it was
            // woken for.
            is_quiet = matches!(next, Ok(None));
            self.handle(next);
        }
        self.drain();
        log::logger().flush();
    }

    /// Answers what has arrived and what still arrives on connections that were accepted.
    fn drain(&mut self) {
        let end = Instant::now() + DRAIN;
        while Instant::now() < end {
            let next = self.http.recv_timeout(DRAIN_INTERVAL);
            let is_quiet = matches!(next, Ok(None));
            self.handle(next);
            if is_quiet && self.health.busy_descriptors() == Some(0) {
                break;
            }
        }
    }

    fn handle(&mut self, next: io::Result<Option<Request>>) {
        match next {
            Ok(Some(request)) => self.attend(|server| server.receive(request)),
            // The system's errors come from `accept`, after which nothing is accepted any more;
            // being woken is none of the system's.
            Err(error) if error.raw_os_error().is_some() => {
                log::debug!("no connection is accepted any more: {error}");
                self.health.end_accepting();
            }
            _ => {}
        }
        while let Ok((call, body)) = self.awaited.try_recv() {
            self.attend(|server| server.take_message(call, Some(body)));
        }
        self.jokes.collect(SystemTime::now());
    }

    /// Does what there is to do about one request. A panic costs only this request: `tiny_http`
    /// answers with 500 when it is dropped.
    fn attend(&mut self, work: impl FnOnce(&mut Self)) {
        self.health.begin();
        // The panic hook has told the log.
        let _ = catch_unwind(AssertUnwindSafe(|| work(self)));
        self.health.end();
    }

    fn receive(&mut self, request: Request) {
        let call = Call::from(request);
        if self.is_muted(&call) {
            return self.dispose(call, |call| drop(call.request.into_writer()));
        }
        let RequestInfo { method, time, .. } = &call.info;
        let path = call.info.path();
        let is_callback = self.paths.iter().any(|it| it == path);
        let outcome = match (method, path) {
            (Method::Get, _) if is_callback => {
                exchange::shake_hands(&self.callback, call.info.query(), *time)
            }
            (Method::Post, _) if is_callback => return self.take_message(call, None),
            _ if is_callback => Err(Rejection::MethodNotAllowed { allow: "GET, POST" }),
            (Method::Get | Method::Head, HEALTH_PATH) => {
                Ok(Response::ok("text/plain", b"ok\n".to_vec(), "- healthy"))
            }
            (_, HEALTH_PATH) => Err(Rejection::MethodNotAllowed { allow: "GET, HEAD" }),
            _ => Err(Rejection::NotFound),
        };
        self.respond(call, outcome);
    }

    /// Answers a message, whose body is the one that was waited for, or has it waited for.
    fn take_message(&mut self, mut call: Call, awaited: Option<Result<Vec<u8>, Rejection>>) {
        let Self {
            callback, jokes, ..
        } = self;
        let (info, place) = (&call.info, call.body);
        let request = &mut call.request;
        let length = request.body_length();
        let body = |length| match (awaited, place) {
            (Some(body), _) => body.map(Some),
            (None, Body::Read) => read_body(request.as_reader(), length).map(Some),
            _ => Ok(None),
        };
        let joke = || jokes.wait(info.time);
        match exchange::answer(callback, info.query(), length, body, joke, info.time) {
            Ok(Outcome::AwaitBody(length)) => self.await_body(call, length),
            Ok(Outcome::Respond(response)) => {
                let now = info.time;
                self.respond(call, Ok(response));
                self.jokes.refresh(now);
            }
            Err(rejection) => self.respond(call, Err(rejection)),
        }
    }

    /// Has a body read that is still on the socket.
    fn await_body(&mut self, call: Call, length: usize) {
        let (bodies, wake) = (self.bodies.clone(), self.waker());
        self.workers.spawn(call, move |mut call| {
            let body = read_body(call.request.as_reader(), length);
            // There is no more of it to wait for.
            call.body = Body::Read;
            // The loop holds the other end for as long as the process lives.
            let _ = bodies.send((call, body));
            wake();
        });
    }

    /// Sends a response and writes the line into the log.
    fn respond(&mut self, call: Call, outcome: Result<Response, Rejection>) {
        let is_limited = outcome.is_err() || call.info.path() == HEALTH_PATH;
        let response = outcome.unwrap_or_else(|rejection| Response::from(&rejection));
        let connection = call.connection(self.health.is_closing());
        if call.body == Body::Read {
            let peer = call.peer();
            let Call { request, info, .. } = call;
            let sent = send(request, &info, &response, connection);
            self.log(&info, &response, is_limited);
            return self.note_peer(peer, &sent);
        }
        self.log(&call.info, &response, is_limited);
        self.dispose(call, move |call| {
            // A peer that is gone needs no answer.
            let _ = send(call.request, &call.info, &response, connection);
        });
    }

    /// Has the end of a request done where it keeps nobody.
    fn dispose(&mut self, call: Call, end: impl FnOnce(Call) + Send + 'static) {
        match call.body {
            Body::Read => end(call),
            Body::Waiting => self.workers.spawn(call, end),
            Body::Oversized => self.workers.keep(call),
        }
    }

    fn log(&mut self, info: &RequestInfo, response: &Response, is_limited: bool) {
        if is_limited {
            let (is_admitted, left_out) = self.rate_limit.admit(Instant::now());
            if left_out > 0 {
                access_log::write(format_args!("{left_out} more requests were refused"));
            }
            if !is_admitted {
                return;
            }
        }
        access_log::write(info.line(response));
    }

    /// Remembers a peer that does not read.
    fn note_peer(&mut self, peer: Option<SocketAddr>, sent: &io::Result<()>) {
        let has_to_wait = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
        if let (Some(peer), true) = (peer, sent.as_ref().is_err_and(has_to_wait)) {
            if self.muted.len() >= MAX_MUTED {
                self.muted.clear();
            }
            self.muted.insert(peer, Instant::now());
        }
    }

    fn is_muted(&self, call: &Call) -> bool {
        let since = call.peer().and_then(|peer| self.muted.get(&peer));
        since.is_some_and(|since| since.elapsed() < MUTE)
    }
}
