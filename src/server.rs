//! The loop, and the match on method and path.
//!
//! Everything is decided on the loop's thread, which waits for nobody. It answers, too: an answer
//! fits into the system's buffer, or its peer has left earlier ones unread and gets no more. Where
//! part of a request is still on the socket, a thread of its own reads that and wakes the loop, or
//! sends the answer and ends the connection.

mod connection;
mod joke_queue;
mod request;

use std::{
    collections::HashMap,
    io, mem,
    net::{SocketAddr, TcpListener},
    panic::{self, AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, SendError, Sender, channel},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use log::Level;
use tiny_http::{Method, Request};

pub(crate) use self::{
    connection::{Body, answer_and_end, shut_down, values},
    request::origin_form,
};
use self::{
    connection::{Connection, length_of_body},
    joke_queue::JokeQueue,
    request::{Incoming, RequestInfo, send},
};
use crate::{
    access_log::{self, MAX_LINES_PER_SECOND, RateLimit},
    callback::{Outcome, Rejection, Responder},
    entropy::randomness,
    exchange::{self, Response, read_body},
    joke::{JokeSettings, Jokes},
    survival::{health::Health, socket::USER_TIMEOUT},
};

/// Path that says whether the bot is there, for load balancers and monitors.
pub(crate) const HEALTH_PATH: &str = "/healthz";

/// How long the loop goes on answering what has arrived when it is to end.
const DRAIN: Duration = Duration::from_millis(100);

/// How often it then asks for what still arrives.
const DRAIN_INTERVAL: Duration = Duration::from_millis(5);

/// A peer that has left answers unread gets no more for this long; by then the system has given the
/// connection up.
const IGNORED_FOR: Duration = USER_TIMEOUT;

/// Name of the threads that read one body or send one response: what goes wrong in them is the
/// peer's doing.
const SLOW_PEER_THREAD: &str = "slow-peer";

/// Who is answered, and how.
#[derive(Debug)]
pub(crate) struct Service {
    /// Paths on which WeChat calls.
    pub(crate) paths: Vec<String>,
    /// Decides what is answered.
    pub(crate) responder: Responder,
    /// Whether a proxy in front of the bot says whose request it passes on.
    pub(crate) trust_proxy: bool,
}

/// A bot on a socket.
pub(crate) struct Server {
    http: Arc<tiny_http::Server>,
    service: Service,
    jokes: Jokes,
    health: Arc<Health>,
    /// Peers that have left answers unread, or whose connections are being ended, and since when.
    ignored: Arc<Mutex<HashMap<SocketAddr, Instant>>>,
    refused_lines: RateLimit,
    health_check_lines: RateLimit,
    joke_queue: JokeQueue,
    /// Requests whose bodies were read by threads of their own.
    completed: Receiver<Incoming>,
    completed_sender: Sender<Incoming>,
}

impl Server {
    /// Starts to accept connections.
    pub(crate) fn open(
        listener: TcpListener,
        service: Service,
        jokes: JokeSettings,
        health: Arc<Health>,
    ) -> io::Result<Self> {
        let (completed_sender, completed) = channel();
        let http = tiny_http::Server::from_listener(listener, None).map_err(io::Error::other)?;
        let http = Arc::new(http);
        let woken = Arc::clone(&http);
        let wake = move || woken.unblock();
        health.set_waker(wake.clone());
        Ok(Self {
            http,
            service,
            jokes: Jokes::new(jokes, wake),
            health,
            ignored: Arc::default(),
            refused_lines: RateLimit::new(MAX_LINES_PER_SECOND),
            health_check_lines: RateLimit::new(MAX_LINES_PER_SECOND),
            joke_queue: JokeQueue::default(),
            completed,
            completed_sender,
        })
    }

    /// Answers until it is told to leave, then what has arrived by then.
    pub(crate) fn run(&mut self) {
        let mut is_idle = false;
        while self.health.exit_code().is_none() {
            let next = if is_idle {
                // Guarded like a request: the log's reader may be slow.
                self.guarded(|_| log::logger().flush());
                match self.joke_queue.time_left() {
                    Some(time) => self.http.recv_timeout(time),
                    None => self.http.recv().map(Some),
                }
            } else {
                self.http.try_recv()
            };
            is_idle = self.turn(next);
        }
        // Nobody waits for a joke any more.
        self.answer_joke_queue();
        let end = Instant::now() + DRAIN;
        while Instant::now() < end {
            let next = self.http.recv_timeout(DRAIN_INTERVAL);
            if self.turn(next) && self.health.busy_descriptors() == 0 {
                break;
            }
        }
        self.guarded(|_| log::logger().flush());
    }

    /// Does what has come up: a request, bodies, jokes. Returns whether the loop may wait now: no
    /// request had come. A wake-up comes as an error, after which the loop looks once more.
    fn turn(&mut self, next: io::Result<Option<Request>>) -> bool {
        let is_idle = matches!(next, Ok(None));
        match next {
            Ok(Some(request)) => self.guarded(|server| server.receive(request)),
            // The system's errors come from `accept`, after which nothing is accepted any more; a
            // wake-up has no code of the system.
            Err(error) if error.raw_os_error().is_some() => {
                log::debug!("no connection is accepted any more: {error}");
                self.health.end_accepting();
            }
            _ => {}
        }
        while let Ok(incoming) = self.completed.try_recv() {
            self.guarded(|server| server.take_message(incoming));
        }
        if self.jokes.collect(SystemTime::now(), Duration::ZERO)
            || self.joke_queue.time_left() == Some(Duration::ZERO)
        {
            self.answer_joke_queue();
        }
        is_idle
    }

    /// Does what there is to do about one request; the watch sees when that begins and ends. A
    /// panic costs only this request: `tiny_http` answers it with 500 when it is dropped.
    fn guarded(&mut self, work: impl FnOnce(&mut Self)) {
        self.health.step();
        // The panic hook has told the log.
        let _ = catch_unwind(AssertUnwindSafe(|| work(self)));
        self.health.step();
    }

    fn receive(&mut self, request: Request) {
        if self.is_ignored(&request) {
            return drop(request.into_writer());
        }
        if self.joke_queue.has_waiter_on_connection_of(&request) {
            return self.joke_queue.held_back.push(request);
        }
        let service = &self.service;
        let incoming = Incoming::new(request, service.trust_proxy);
        let RequestInfo { method, time, .. } = &incoming.info;
        let path = incoming.info.path();
        let is_callback = service.paths.iter().any(|it| is_same_path(it, path));
        let response = match (method, path) {
            (Method::Get, _) if is_callback => {
                let is_browser = || incoming.is_from_browser();
                let query = incoming.info.query();
                exchange::answer_handshake(&service.responder, query, *time, is_browser)
            }
            (Method::Post, _) if is_callback => return self.take_message(incoming),
            _ if is_callback => Rejection::MethodNotAllowed { allow: "GET, POST" }.into(),
            (Method::Get | Method::Head, HEALTH_PATH) => Response::healthy(),
            (_, HEALTH_PATH) => Rejection::MethodNotAllowed { allow: "GET, HEAD" }.into(),
            _ => Rejection::NotFound.into(),
        };
        self.respond(incoming, response);
    }

    /// Answers a message, or has its body or a joke waited for. A thread that has read the body
    /// gives the message back: it is admitted again as of when it came, with the same result.
    fn take_message(&mut self, mut incoming: Incoming) {
        let responder = &mut self.service.responder;
        let (now, length) = (incoming.info.time, length_of_body(&incoming.request));
        let (query, length) = match responder.admit_message(incoming.info.query(), length, now) {
            Ok(admitted) => admitted,
            Err(rejection) => return self.respond(incoming, rejection.into()),
        };
        let body = match incoming.read_body.take() {
            Some(body) => body,
            None if incoming.body == Body::Available => {
                read_body(incoming.request.as_reader(), length)
            }
            None => return self.await_body(incoming, length),
        };
        let answer = |body: Vec<u8>| responder.answer(&query, &body, now, randomness);
        let answer = match body.and_then(answer) {
            Ok(Outcome::Answer(answer)) => Ok(answer),
            Ok(Outcome::AwaitJoke(message)) => {
                let may_wait = self.health.exit_code().is_none() && self.joke_queue.has_room();
                let joke = match self.jokes.ask(now) {
                    None if may_wait => {
                        return self.joke_queue.add(incoming, message, self.jokes.budget());
                    }
                    joke => joke.unwrap_or_else(|| self.jokes.deal()),
                };
                responder.finish(&message, || joke, now, randomness)
            }
            Err(rejection) => Err(rejection),
        };
        let is_answered = answer.is_ok();
        self.respond(incoming, answer.into());
        if is_answered {
            self.jokes.refresh(now);
        }
    }

    /// Answers all who wait for a joke, each with one of their own, and then what was held back
    /// behind them.
    fn answer_joke_queue(&mut self) {
        let queue = mem::take(&mut self.joke_queue);
        let now = SystemTime::now();
        for (incoming, message) in queue.waiting {
            self.guarded(|server| {
                let joke = || server.jokes.deal();
                let responder = &mut server.service.responder;
                let answer = responder.finish(&message, joke, now, randomness);
                server.respond(incoming, answer.into());
                server.jokes.refresh(now);
            });
        }
        for request in queue.held_back {
            self.guarded(|server| server.receive(request));
        }
    }

    /// Reads a body that is still on the socket, in a thread of its own.
    fn await_body(&mut self, incoming: Incoming, length: usize) {
        let (completed, http) = (self.completed_sender.clone(), Arc::clone(&self.http));
        let work = move |mut incoming: Incoming| {
            incoming.read_body = Some(read_body(incoming.request.as_reader(), length));
            // Nothing of it is left on the socket.
            incoming.body = Body::Available;
            // The loop holds the other end for as long as the process lives.
            let _ = completed.send(incoming);
            http.unblock();
        };
        if let Some(incoming) = spawn(incoming, work) {
            self.respond(incoming, Rejection::NoThread.into());
        }
    }

    /// Sends a response and logs its line.
    fn respond(&mut self, incoming: Incoming, response: Response) {
        let connection = incoming.connection(&self.health);
        let peer = incoming.request.remote_addr().copied();
        if connection != Connection::ShutDown {
            let Incoming { request, info, .. } = incoming;
            let sent = send(request, &info, &response, connection);
            self.log(&info, &response);
            if sent.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock) {
                self.ignore(peer);
            }
            return;
        }
        self.log(&incoming.info, &response);
        if incoming.body == Body::Oversized {
            self.health.add_oversized();
        }
        // By a thread of its own: the connection is looked for everywhere if its peer is gone. An
        // answer to what comes behind would wait for that.
        self.ignore(peer);
        let ignored = Arc::clone(&self.ignored);
        let work = move |(incoming, response): (Incoming, Response)| {
            let _ = send(incoming.request, &incoming.info, &response, connection);
            let _ = peer.map(|peer| locked(&ignored).remove(&peer));
        };
        if let Some(unsent) = spawn((incoming, response), work.clone()) {
            work(unsent);
        }
    }

    /// Has the next requests of a peer dropped.
    fn ignore(&self, peer: Option<SocketAddr>) {
        let mut ignored = locked(&self.ignored);
        ignored.retain(|_, since| since.elapsed() < IGNORED_FOR);
        ignored.extend(peer.map(|peer| (peer, Instant::now())));
    }

    fn is_ignored(&self, request: &Request) -> bool {
        let ignored = locked(&self.ignored);
        let since = request.remote_addr().and_then(|peer| ignored.get(peer));
        // Dropping a request waits for a body that is still on the socket.
        since.is_some_and(|since| since.elapsed() < IGNORED_FOR)
            && Body::of(request) == Body::Available
    }

    fn log(&mut self, info: &RequestInfo, response: &Response) {
        // What strangers can cause is bounded.
        let (lines, what) = match response.level {
            _ if response.status >= 400 => (&mut self.refused_lines, "requests were refused"),
            Level::Debug => (&mut self.health_check_lines, "health checks were answered"),
            level => return access_log::write(level, info.line(response)),
        };
        let Some(left_out) = lines.admit(Instant::now()) else {
            return;
        };
        if left_out > 0 {
            // The count of lines left out is never a warning, even where the next line is one.
            let level = response.level.max(Level::Info);
            access_log::write(level, format_args!("{left_out} more {what}"));
        }
        access_log::write(response.level, info.line(response));
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Logs panics, and notices the one that matters: in the thread of `tiny_http` that accepts
/// connections, after which nothing is accepted any more. Its threads have no names; in that of a
/// connection, a peer that is gone before its address was read makes `client.rs` panic.
///
/// The threads with names are ours.
pub(crate) fn note_panics(health: Arc<Health>) {
    panic::set_hook(Box::new(move |info| {
        let thread = thread::current();
        let file = info.location().map_or("", panic::Location::file);
        // What strangers can cause does not fill the log.
        let level = match thread.name() {
            None | Some(SLOW_PEER_THREAD) => Level::Debug,
            Some(_) => Level::Error,
        };
        log::log!(level, "{info}");
        if thread.name().is_none() && !file.ends_with("client.rs") {
            health.end_accepting();
        }
    }));
}

/// Does something with a request in a thread of its own; returns the request where there is no
/// thread to be had. The closure is dropped then, which must not happen to a request, so the thread
/// is sent it once it runs.
fn spawn<T: Send + 'static>(request: T, work: impl FnOnce(T) + Send + 'static) -> Option<T> {
    let (give, given) = channel();
    let thread = thread::Builder::new()
        .name(SLOW_PEER_THREAD.to_owned())
        .spawn(move || given.recv().map(work));
    match thread {
        Ok(_) => give.send(request).err().map(|SendError(request)| request),
        Err(_) => Some(request),
    }
}

/// Whether two paths are the same: a slash at either end is easily added, or forgotten.
pub(crate) fn is_same_path(one: &str, other: &str) -> bool {
    one.trim_matches('/') == other.trim_matches('/')
}
