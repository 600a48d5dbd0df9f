//! The loop, and the match on method and path.
//!
//! Everything is decided and answered on the loop's thread, which waits for nobody: an answer fits
//! into the system's buffer, or its peer has left others unread and is answered no more. A body
//! that is still on the socket is waited for by a thread of its own, which wakes the loop when it
//! is there.

mod askers;
mod connection;
mod request;

use std::{
    collections::HashMap,
    error::Error,
    io, mem,
    net::{SocketAddr, TcpListener},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{Receiver, SendError, Sender, channel},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use log::Level;
use tiny_http::{Method, Request};

use self::{
    askers::Askers,
    request::{Call, RequestInfo, send},
};
pub(crate) use self::{
    connection::{Body, answer_and_end, shut_down, values},
    request::origin_form,
};
use crate::{
    access_log::{self, REFUSED_LINES, RateLimit},
    callback::{Callback, Outcome, Rejection},
    entropy::randomness,
    exchange::{self, Response, read_body},
    joke::{JokeSettings, Jokes},
    survival::{health::Health, socket::USER_TIMEOUT, worker::DRAIN},
};

/// Path that says whether the bot is there, for load balancers and monitors.
pub(crate) const HEALTH_PATH: &str = "/healthz";

/// How often the loop that is to end asks for what still arrives.
const DRAIN_INTERVAL: Duration = Duration::from_millis(5);

/// A peer that has left answers unread gets no more for this long: then the system has given the
/// connection up.
const IGNORED_FOR: Duration = USER_TIMEOUT;

/// Stack of a thread that reads one body or sends one response.
const STACK_BYTES: usize = 128 * 1024;

/// What the bot answers with.
#[derive(Debug)]
pub(crate) struct Service {
    /// Paths on which WeChat calls.
    pub(crate) paths: Vec<String>,
    /// What is done with a call.
    pub(crate) callback: Callback,
    /// Where jokes come from.
    pub(crate) jokes: JokeSettings,
    /// Whether a proxy stands before the bot and says who asks.
    pub(crate) trust_proxy: bool,
}

/// A request whose body was waited for, and the body.
type Awaited = (Call, Result<Vec<u8>, Rejection>);

/// A bot on a socket.
pub(crate) struct Server {
    http: Arc<tiny_http::Server>,
    paths: Vec<String>,
    trust_proxy: bool,
    callback: Callback,
    jokes: Jokes,
    health: Arc<Health>,
    /// Peers that have left answers unread, and since when.
    ignored: HashMap<SocketAddr, Instant>,
    refused_lines: RateLimit,
    /// Of those who ask whether the bot is there.
    health_lines: RateLimit,
    askers: Askers,
    awaited: Receiver<Awaited>,
    bodies: Sender<Awaited>,
}

impl Server {
    /// Starts to accept connections.
    pub(crate) fn open(
        listener: TcpListener,
        service: Service,
        health: Arc<Health>,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let (bodies, awaited) = channel();
        let http = Arc::new(tiny_http::Server::from_listener(listener, None)?);
        let woken = Arc::clone(&http);
        let wake = move || woken.unblock();
        health.set_waker(wake.clone());
        Ok(Self {
            http,
            paths: service.paths,
            trust_proxy: service.trust_proxy,
            callback: service.callback,
            jokes: Jokes::new(service.jokes, wake),
            ignored: HashMap::new(),
            health,
            refused_lines: RateLimit::new(REFUSED_LINES),
            health_lines: RateLimit::new(REFUSED_LINES),
            askers: Askers::default(),
            awaited,
            bodies,
        })
    }

    /// Answers until it is told to leave, then what has arrived by then.
    pub(crate) fn run(&mut self) {
        let mut is_quiet = false;
        while self.health.exit_code().is_none() {
            let next = if is_quiet {
                // Watched like a request: nobody may read what is written.
                self.attend(|_| log::logger().flush());
                match self.askers.time_left() {
                    Some(time) => self.http.recv_timeout(time),
                    None => self.http.recv().map(Some),
                }
            } else {
                self.http.try_recv()
            };
            // Being woken counts as quiet, too: before the loop waits, it looks for what it was
            // woken for.
            is_quiet = matches!(next, Ok(None));
            self.handle(next);
        }
        // Nobody waits for a joke any more.
        self.answer_askers();
        self.drain();
        self.attend(|_| log::logger().flush());
    }

    /// Answers what has arrived and what still arrives on connections that were accepted.
    fn drain(&mut self) {
        let end = Instant::now() + DRAIN;
        while Instant::now() < end {
            let next = self.http.recv_timeout(DRAIN_INTERVAL);
            let is_quiet = matches!(next, Ok(None));
            self.handle(next);
            if is_quiet && self.health.busy_descriptors() == 0 {
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
        if self.jokes.collect(SystemTime::now(), Duration::ZERO)
            || self.askers.time_left() == Some(Duration::ZERO)
        {
            self.answer_askers();
        }
    }

    /// Does what there is to do about one request. A panic costs only this request: `tiny_http`
    /// answers with 500 when it is dropped.
    fn attend(&mut self, work: impl FnOnce(&mut Self)) {
        self.health.step();
        // The panic hook has told the log.
        let _ = catch_unwind(AssertUnwindSafe(|| work(self)));
        self.health.step();
    }

    fn receive(&mut self, request: Request) {
        if self.is_ignored(&request) {
            return drop(request.into_writer());
        }
        if self.askers.are_before(&request) {
            return self.askers.behind.push(request);
        }
        let call = Call::new(request, self.trust_proxy);
        let RequestInfo { method, time, .. } = &call.info;
        let path = call.info.path();
        let is_callback = self.paths.iter().any(|it| is_same_path(it, path));
        let outcome = match (method, path) {
            (Method::Get, _) if is_callback => {
                let outcome = exchange::shake_hands(&self.callback, call.info.query(), *time);
                match outcome {
                    Err(rejection) if call.is_browsers() => {
                        Ok(Response::from(&rejection).for_browser())
                    }
                    outcome => outcome,
                }
            }
            (Method::Post, _) if is_callback => return self.take_message(call, None),
            _ if is_callback => Err(Rejection::MethodNotAllowed { allow: "GET, POST" }),
            (Method::Get | Method::Head, HEALTH_PATH) => Ok(Response::healthy()),
            (_, HEALTH_PATH) => Err(Rejection::MethodNotAllowed { allow: "GET, HEAD" }),
            _ => Err(Rejection::NotFound),
        };
        self.respond(call, outcome);
    }

    /// Answers a message, or has its body or a joke waited for. `body`: one that was waited for.
    fn take_message(&mut self, mut call: Call, body: Option<Result<Vec<u8>, Rejection>>) {
        let (now, length) = (call.info.time, call.request.body_length());
        let (query, length) = match exchange::admit(&self.callback, call.info.query(), length, now)
        {
            Ok(admitted) => admitted,
            Err(rejection) => return self.respond(call, Err(rejection)),
        };
        let body = match body {
            Some(body) => body,
            None if call.body == Body::Read => read_body(call.request.as_reader(), length),
            None => return self.await_body(call, length),
        };
        let answer = |body: Vec<u8>| self.callback.answer(&query, &body, now, randomness);
        let answer = match body.and_then(answer) {
            Ok(Outcome::Answer(answer)) => Ok(answer),
            Ok(Outcome::AwaitJoke(message)) => {
                let may_wait = self.health.exit_code().is_none() && self.askers.have_room();
                let joke = match self.jokes.ask(now) {
                    None if may_wait => {
                        return self.askers.add(call, message, self.jokes.budget());
                    }
                    joke => joke.unwrap_or_else(|| self.jokes.deal()),
                };
                self.callback.finish(&message, || joke, now, randomness)
            }
            Err(rejection) => Err(rejection),
        };
        let is_answered = answer.is_ok();
        self.respond(call, answer.map(Response::from));
        if is_answered {
            self.jokes.refresh(now);
        }
    }

    /// Answers all who wait for a joke, each with one of their own, and then what has arrived
    /// behind them on their connections.
    fn answer_askers(&mut self) {
        let Askers {
            waiting, behind, ..
        } = mem::take(&mut self.askers);
        let now = SystemTime::now();
        for (call, message) in waiting {
            self.attend(|server| {
                let joke = || server.jokes.deal();
                let answer = server.callback.finish(&message, joke, now, randomness);
                server.respond(call, answer.map(Response::from));
                server.jokes.refresh(now);
            });
        }
        for request in behind {
            self.attend(|server| server.receive(request));
        }
    }

    /// Reads a body that is still on the socket, in a thread of its own.
    fn await_body(&mut self, call: Call, length: usize) {
        let (bodies, http) = (self.bodies.clone(), Arc::clone(&self.http));
        let work = move |mut call: Call| {
            let body = read_body(call.request.as_reader(), length);
            // There is no more of it to wait for.
            call.body = Body::Read;
            // The loop holds the other end for as long as the process lives.
            let _ = bodies.send((call, body));
            http.unblock();
        };
        if let Some(call) = spawn(call, work) {
            self.respond(call, Err(Rejection::NoThread));
        }
    }

    /// Sends a response and writes the line into the log.
    fn respond(&mut self, call: Call, outcome: Result<Response, Rejection>) {
        let response = outcome.unwrap_or_else(|rejection| Response::from(&rejection));
        let connection = call.connection(&self.health);
        if call.body == Body::Read {
            let peer = call.peer();
            let Call { request, info, .. } = call;
            let sent = send(request, &info, &response, connection);
            self.log(&info, &response);
            if sent.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock) {
                self.ignore(peer);
            }
            return;
        }
        self.log(&call.info, &response);
        if call.body == Body::Oversized {
            self.health.add_oversized();
        }
        // A peer that is gone needs no answer, and has its connection looked for everywhere.
        let work = move |(call, response): (Call, Response)| {
            let _ = send(call.request, &call.info, &response, connection);
        };
        if let Some(unsent) = spawn((call, response), work) {
            work(unsent);
        }
    }

    /// Has the requests of a peer dropped that has left answers unread.
    fn ignore(&mut self, peer: Option<SocketAddr>) {
        self.ignored
            .retain(|_, since| since.elapsed() < IGNORED_FOR);
        self.ignored.extend(peer.map(|peer| (peer, Instant::now())));
    }

    fn is_ignored(&self, request: &Request) -> bool {
        let peer = request.remote_addr();
        let since = peer.and_then(|peer| self.ignored.get(peer));
        // A body that is still on its socket would be waited for.
        since.is_some_and(|since| since.elapsed() < IGNORED_FOR) && Body::of(request) == Body::Read
    }

    fn log(&mut self, info: &RequestInfo, response: &Response) {
        // What a stranger can cause.
        let bounded = match response.level {
            _ if response.status >= 400 => Some((
                &mut self.refused_lines,
                Level::Info,
                "requests were refused",
            )),
            Level::Debug => Some((
                &mut self.health_lines,
                Level::Debug,
                "health checks were answered",
            )),
            _ => None,
        };
        if let Some((lines, level, what)) = bounded {
            let Some(left_out) = lines.admit(Instant::now()) else {
                return;
            };
            if left_out > 0 {
                access_log::write(level, format_args!("{left_out} more {what}"));
            }
        }
        access_log::write(response.level, info.line(response));
    }
}

/// Has something done with a request by a thread of its own, or returns the request. Where no
/// thread can be had, its closure is dropped, which must not happen to a request: the thread is
/// sent it when it runs.
pub(crate) fn spawn<T: Send + 'static>(
    request: T,
    work: impl FnOnce(T) + Send + 'static,
) -> Option<T> {
    let (give, given) = channel();
    let thread = thread::Builder::new()
        .name("body".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(move || given.recv().map(work));
    match thread {
        Ok(_) => give.send(request).err().map(|SendError(request)| request),
        Err(_) => Some(request),
    }
}

/// Whether two paths are one: slashes at both ends are easily typed, or forgotten.
fn is_same_path(one: &str, other: &str) -> bool {
    one.trim_matches('/') == other.trim_matches('/')
}
