//! The loop, and the match on method and path.
//!
//! Whatever WeChat can have sent is decided and answered on the loop's thread. What has no valid
//! signature is answered by the lane; a body that is still on the socket is waited for by a
//! thread of its own, which rings the loop when it is there.

mod request;
pub mod workers;

use std::{
    error::Error,
    fmt,
    net::TcpListener,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    time::{Duration, Instant, SystemTime},
};

use tiny_http::{Method, Request};

use self::request::{Body, Call, HttpResponse, Refused, body_of, read_body, refusal, response};
use crate::{
    access_log::{self, Strangers},
    callback::{Answer, Callback, Rejection, check_length, handshake},
    entropy,
    joke::{JokeSettings, Jokes},
    server::workers::Lane,
    survival::Pulse,
};

/// Path that says whether the bot is there, for load balancers and monitors.
pub const HEALTH_PATH: &str = "/healthz";

/// How long the loop goes on answering what has arrived when it is to end.
const DRAIN: Duration = Duration::from_millis(100);

/// Rings of the bell that may lie in the queue before it is empty.
const MAX_RINGS: u32 = 4;

/// What the bot answers with.
#[derive(Debug)]
pub struct Service {
    /// Paths on which WeChat calls.
    pub paths: Vec<String>,
    /// What is done with a call.
    pub callback: Callback,
    /// Where jokes come from.
    pub jokes: JokeSettings,
}

/// A bot on a socket.
pub struct Server {
    http: Arc<tiny_http::Server>,
    paths: Vec<String>,
    callback: Callback,
    jokes: Jokes,
    pulse: Arc<Pulse>,
    lane: Lane,
    strangers: Strangers,
    mailbox: Receiver<(Call, Vec<u8>)>,
    letters: Sender<(Call, Vec<u8>)>,
}

/// What to do about a message whose query was let in.
enum Decision {
    Answer(Answer),
    /// The body is of this length, and still on the socket.
    AwaitBody(usize),
}

impl Server {
    /// Starts to accept connections.
    pub fn open(
        listener: TcpListener,
        service: Service,
        pulse: Arc<Pulse>,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let (letters, mailbox) = channel();
        let http = Arc::new(tiny_http::Server::from_listener(listener, None)?);
        let woken = Arc::clone(&http);
        Ok(Self {
            http,
            lane: Lane::start(Arc::clone(&pulse))?,
            strangers: Strangers::new(Instant::now()),
            paths: service.paths,
            callback: service.callback,
            jokes: Jokes::new(service.jokes, move || woken.unblock()),
            pulse,
            mailbox,
            letters,
        })
    }

    /// What wakes the loop.
    pub fn bell(&self) -> impl Fn() + Send + use<> {
        let http = Arc::clone(&self.http);
        move || http.unblock()
    }

    /// Answers until it is told to leave, then what has arrived by then.
    pub fn run(&mut self) {
        let mut is_quiet = false;
        while !self.pulse.leaving() {
            let next = if is_quiet {
                // Watched like a request: nobody may read what is written.
                self.attend(|_| log::logger().flush());
                self.http.recv().map(Some)
            } else {
                self.http.try_recv()
            };
            // A ring of the bell counts as quiet, too: before the loop waits, it looks for what the
            // bell was rung for.
            is_quiet = matches!(next, Ok(None));
            match next {
                Ok(Some(request)) => self.attend(|server| server.receive(request)),
                Ok(None) => {}
                Err(error) => self.note(&error),
            }
            self.empty_mailbox();
            self.jokes.collect(SystemTime::now());
        }
        self.drain();
        log::logger().flush();
    }

    /// Answers what has arrived. The time is looked at first: a request that was taken and not
    /// attended to could not be dropped safely.
    fn drain(&mut self) {
        let end = Instant::now() + DRAIN;
        let mut rings = 0;
        while rings < MAX_RINGS && Instant::now() < end {
            match self.http.try_recv() {
                Ok(Some(request)) => self.attend(|server| server.receive(request)),
                // Nothing is there, or the bell was rung.
                _ => rings += 1,
            }
            self.empty_mailbox();
        }
    }

    /// Does what there is to do about one request. A panic costs this request alone: `tiny_http`
    /// answers with 500 when the request is dropped.
    fn attend(&mut self, work: impl FnOnce(&mut Self)) {
        self.pulse.begin();
        // The panic hook has told the log.
        let _ = catch_unwind(AssertUnwindSafe(|| work(self)));
        self.pulse.end();
    }

    /// An error of the system comes from `accept`, after which nothing is accepted any more; the
    /// bell's is none of the system.
    fn note(&self, error: &std::io::Error) {
        if error.raw_os_error().is_some() {
            log::debug!("cannot accept connections: {error}");
            self.pulse.deafen();
        }
    }

    fn empty_mailbox(&mut self) {
        while let Ok((call, body)) = self.mailbox.try_recv() {
            self.attend(|server| server.answer_awaited(call, &body));
        }
    }

    fn receive(&mut self, request: Request) {
        let call = Call::from(request);
        let is_callback = self.paths.iter().any(|path| path == call.facts.path());
        match (&call.facts.method, call.facts.path()) {
            (Method::Get, _) if is_callback => self.shake_hands(call),
            (Method::Post, _) if is_callback => self.take_message(call),
            _ if is_callback => {
                self.refuse(call, &Rejection::MethodNotAllowed { allow: "GET, POST" });
            }
            (Method::Get | Method::Head, HEALTH_PATH) => self.be_healthy(call),
            (_, HEALTH_PATH) => {
                self.refuse(call, &Rejection::MethodNotAllowed { allow: "GET, HEAD" });
            }
            _ => self.refuse(call, &Rejection::NotFound),
        }
    }

    fn shake_hands(&mut self, call: Call) {
        let admitted = self.callback.admit(call.facts.query(), call.time);
        match admitted.and_then(handshake) {
            Ok(echo) => {
                if body_of(&call.request) == Body::Read {
                    call.answer("text/plain", &echo, "- handshake");
                } else {
                    access_log::write(call.facts.line("- handshake", 200));
                    self.send_aside(call, response(200, "text/plain", echo));
                }
            }
            Err(rejection) => self.refuse(call, &rejection),
        }
    }

    fn take_message(&mut self, mut call: Call) {
        match self.decide(&mut call) {
            Ok(Decision::Answer(answer)) => self.reply(call, &answer),
            Ok(Decision::AwaitBody(length)) => self.await_body(call, length),
            Err(rejection) => self.refuse(call, &rejection),
        }
    }

    /// What to do about a message; its query decides whether its body is looked at.
    fn decide(&mut self, call: &mut Call) -> Result<Decision, Rejection> {
        let Self {
            callback, jokes, ..
        } = self;
        let query = callback.admit(call.facts.query(), call.time)?;
        let length = check_length(call.request.body_length())?;
        if body_of(&call.request) != Body::Read {
            return Ok(Decision::AwaitBody(length));
        }
        let body = read_body(&mut call.request, length)?;
        let joke = || jokes.wait(call.time);
        callback
            .answer_with(&query, &body, call.time, joke, entropy::randomness)
            .map(Decision::Answer)
    }

    /// Has a body read that is still on the socket, by a thread that puts it into the mailbox
    /// and rings the loop's bell.
    fn await_body(&mut self, mut call: Call, length: usize) {
        let http = Arc::clone(&self.http);
        let letters = self.letters.clone();
        self.lane.alone(Box::new(move || {
            match read_body(&mut call.request, length) {
                Ok(body) => {
                    // The loop holds the other end for as long as the process lives.
                    if letters.send((call, body)).is_ok() {
                        http.unblock();
                    }
                }
                Err(rejection) => call.refuse(&rejection),
            }
        }));
    }

    /// Answers a message whose body has come after its query was let in.
    fn answer_awaited(&mut self, call: Call, body: &[u8]) {
        let Self {
            callback, jokes, ..
        } = self;
        let joke = || jokes.wait(call.time);
        let answer = callback
            .admit(call.facts.query(), call.time)
            .and_then(|query| {
                callback.answer_with(&query, body, call.time, joke, entropy::randomness)
            });
        match answer {
            Ok(answer) => self.reply(call, &answer),
            Err(rejection) => self.refuse(call, &rejection),
        }
    }

    fn reply(&mut self, call: Call, answer: &Answer) {
        let now = call.time;
        call.answer(
            answer.content_type,
            answer.body.as_bytes(),
            format_args!("{} {}", answer.msg_type, answer.answered),
        );
        self.jokes.refresh(now);
    }

    fn be_healthy(&mut self, call: Call) {
        let response = response(200, "text/plain", b"ok\n".to_vec());
        self.log_stranger(&call.facts.line("- healthy", 200));
        self.send_aside(call, response);
    }

    fn refuse(&mut self, call: Call, rejection: &Rejection) {
        let line = call.facts.line(Refused(rejection), rejection.status());
        if rejection.is_unauthenticated() {
            self.log_stranger(&line);
        } else {
            access_log::write(line);
        }
        self.send_aside(call, refusal(rejection));
    }

    /// Has a response sent by another thread than the loop's.
    fn send_aside(&mut self, call: Call, response: HttpResponse) {
        let body = body_of(&call.request);
        let job = Box::new(move || {
            // A peer that is gone needs no answer.
            let _ = call.request.respond(response);
        });
        match body {
            Body::Read => self.lane.queue(job),
            Body::Waiting => self.lane.alone(job),
            Body::Bomb => self.lane.quarantine(job),
        }
    }

    fn log_stranger(&mut self, line: &impl fmt::Display) {
        let (admitted, left_out) = self.strangers.admit(Instant::now());
        if left_out > 0 {
            access_log::write(format_args!(
                "{left_out} more requests without a valid signature"
            ));
        }
        if admitted {
            access_log::write(line);
        }
    }
}
