//! `daoxiao doctor`: plays WeChat against a server and says what its owner must change.
//!
//! Each check is a function from an answer to a `Finding`; the order of checks is here.

mod handshake;
mod message;
mod reach;
mod report;

use std::{
    array,
    io::{self, Write},
    process::ExitCode,
    time::{Duration, Instant, SystemTime},
};

use clap::Args;

use self::report::{Finding, Report};
use super::{CommandError, FAILED, printed, secrets};
use crate::{
    simulator::{
        Call, Heard, Push, Said, Stamp, WeChat,
        answer::Answer,
        post::{Caller, PostError, msg_id, post, stamp},
        unix_seconds,
        url::BotUrl,
    },
    wechat::crypt::MsgCrypt,
    wechat::signature::Token,
};

const HELP: &str = "\
WECHAT_TOKEN is the Token typed into the platform's form; for an account in secure mode
set WECHAT_ENCODING_AES_KEY and WECHAT_APPID, too. Each check is one line, ✓ or ✗; the last
line says what to do first. It works with any server, not only with daoxiao.
Exit code: 0 all is well, 1 there is something to fix, 2 wrong usage.

Example: WECHAT_TOKEN=mysecrettoken daoxiao doctor http://bot.example.com/wechat";

/// Find out why WeChat and a server do not get along
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct DoctorArgs {
    /// What is typed, or to be typed, into the platform's form
    #[arg(value_name = "URL")]
    url: BotUrl,
}

/// The OpenID of the user that the doctor plays.
const USER: &str = "oDaoxiaoDoctor";

/// A greeting; no bot should be at a loss for an answer.
const GREETING: &str = "你好 daoxiao";

/// Reads the same from both ends, so that a bot that echoes and one that reverses send `]]>`.
const BRACKETS: &str = "]]>]]";

/// As long as a reply may be, for what a bot adds to the user's words.
const LONG_CHARS: usize = 682;

/// The age of a request that ought to be refused for it.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Examines a server, on standard output.
pub(crate) fn run(args: DoctorArgs) -> Result<ExitCode, CommandError> {
    match examine(args.url, secrets::wechat()?, &mut io::stdout()) {
        Ok(true) => Ok(ExitCode::SUCCESS),
        Ok(false) => Ok(ExitCode::from(FAILED)),
        Err(error) => printed(Err(error)),
    }
}

/// Examines a server and writes what it finds; whether all is well.
fn examine(url: BotUrl, wechat: WeChat, out: &mut dyn Write) -> io::Result<bool> {
    let mut doctor = Doctor {
        caller: Caller { url, wechat },
        report: Report::new(out),
    };
    match doctor.run_checks() {
        Ok(()) | Err(Stop::Enough) => doctor.report.close(reach::praise(&doctor.caller.url)),
        Err(Stop::Output(error)) => Err(error),
    }
}

struct Doctor<'a> {
    caller: Caller,
    report: Report<'a>,
}

/// Why no more checks follow.
enum Stop {
    /// The rest would fail for the same reason.
    Enough,
    /// The findings cannot be written.
    Output(io::Error),
}

/// What came back, and how long that took.
type Attempt = (Result<Answer, PostError>, Duration);

impl Doctor<'_> {
    fn run_checks(&mut self) -> Result<(), Stop> {
        self.reach()?;
        let drift = self.verify()?;
        self.wrong_token()?;
        let push = push(GREETING);
        let heard = self.greet(&push)?;
        self.odd_text("text with ]]>", BRACKETS)?;
        self.odd_text("long text", &"倒".repeat(LONG_CHARS))?;
        self.forge(&heard)?;
        self.age()?;
        self.add("clock", Duration::ZERO, handshake::clock(drift))?;
        self.repeat(&push, &heard)?;
        self.plain_body()
    }

    fn reach(&mut self) -> Result<(), Stop> {
        let url = self.caller.url.clone();
        let (connected, took) = timed(|| reach::connect(&url));
        self.require("connection", took, reach::judge(connected, &url))
    }

    /// Verifies the URL; how far the server's clock is off.
    fn verify(&mut self) -> Result<Option<u64>, Stop> {
        let echostr = echostr();
        let call = self.caller.wechat.verification(&stamp(), &echostr);
        let (answer, took) = self.attempt(&call);
        self.require("path", took, handshake::path(&answer))?;
        self.add("port", Duration::ZERO, reach::port(&self.caller.url))?;
        let answer = answer.map_err(|_| Stop::Enough)?;
        let drift = handshake::drift(&answer, SystemTime::now());
        let finding = handshake::echo(&answer, &echostr, drift);
        self.require("handshake", took, finding)?;
        Ok(drift)
    }

    fn wrong_token(&mut self) -> Result<(), Stop> {
        let echostr = echostr();
        let call = stranger(None).verification(&stamp(), &echostr);
        let attempt = self.attempt(&call);
        self.judge("wrong Token", attempt, |answer| {
            handshake::wrong_token(answer, &echostr)
        })
    }

    fn greet(&mut self, push: &Push) -> Result<Heard, Stop> {
        let (answer, took) = timed(|| self.caller.push(push));
        match message::hear(&self.caller.wechat, &answer) {
            Ok(heard) => {
                let finding = message::form(&heard, &self.caller.wechat, push, now());
                self.add("text", took, finding)?;
                Ok(heard)
            }
            Err(finding) => {
                self.require("text", took, finding)?;
                Err(Stop::Enough)
            }
        }
    }

    fn odd_text(&mut self, check: &str, text: &str) -> Result<(), Stop> {
        let push = push(text);
        let (answer, took) = timed(|| self.caller.push(&push));
        let wechat = &self.caller.wechat;
        let finding = match message::hear(wechat, &answer) {
            Ok(heard) => message::form(&heard, wechat, &push, now()),
            Err(finding) => finding,
        };
        self.add(check, took, finding)?;
        answer.map(drop).map_err(|_| Stop::Enough)
    }

    /// A message signed by somebody who has not got the Token. In secure mode it is encrypted as
    /// it should be, so that it is the signature that it is refused for.
    fn forge(&mut self, genuine: &Heard) -> Result<(), Stop> {
        let wechat = self.caller.wechat.clone();
        let forger = stranger(wechat.crypt.clone());
        let attempt = self.attempt(&forger.push(&stamp(), &push(GREETING), [0; 16]));
        self.judge("forged message", attempt, |answer| {
            message::forged(&wechat, answer, genuine)
        })
    }

    fn age(&mut self) -> Result<(), Stop> {
        let echostr = echostr();
        let stamp = Stamp::new(SystemTime::now() - DAY, fastrand::u32(..));
        let call = self.caller.wechat.verification(&stamp, &echostr);
        let attempt = self.attempt(&call);
        self.judge("old request", attempt, |answer| {
            handshake::old(answer, &echostr)
        })
    }

    fn repeat(&mut self, push: &Push, first: &Heard) -> Result<(), Stop> {
        let (answer, took) = timed(|| self.caller.push(push));
        let finding = match message::hear(&self.caller.wechat, &answer) {
            Ok(again) => message::repeat(first, &again),
            Err(finding) => finding,
        };
        self.add("repeated message", took, finding)?;
        answer.map(drop).map_err(|_| Stop::Enough)
    }

    /// In secure mode, a body that is not encrypted.
    fn plain_body(&mut self) -> Result<(), Stop> {
        let wechat = self.caller.wechat.clone();
        if wechat.crypt.is_none() {
            return Ok(());
        }
        let plain = WeChat {
            token: wechat.token.clone(),
            crypt: None,
        };
        let attempt = self.attempt(&plain.push(&stamp(), &push(GREETING), [0; 16]));
        self.judge("body without encryption", attempt, |answer| {
            message::plain(&wechat, answer)
        })
    }

    fn attempt(&self, call: &Call) -> Attempt {
        timed(|| post(&self.caller.url, call))
    }

    /// Adds what an answer means; without one, there is no sense in going on.
    fn judge(
        &mut self,
        check: &str,
        (answer, took): Attempt,
        meaning: impl FnOnce(&Answer) -> Finding,
    ) -> Result<(), Stop> {
        match answer {
            Ok(answer) => self.add(check, took, meaning(&answer)).map(drop),
            Err(error) => self.require(check, took, handshake::no_answer(&error)),
        }
    }

    /// Adds a finding without which no further check makes sense.
    fn require(&mut self, check: &str, took: Duration, finding: Finding) -> Result<(), Stop> {
        if self.add(check, took, finding)? {
            Ok(())
        } else {
            Err(Stop::Enough)
        }
    }

    fn add(&mut self, check: &str, took: Duration, finding: Finding) -> Result<bool, Stop> {
        self.report.add(check, took, finding).map_err(Stop::Output)
    }
}

/// Somebody who has made the Token up.
fn stranger(crypt: Option<MsgCrypt>) -> WeChat {
    WeChat {
        token: Token::random(array::from_fn(|_| fastrand::u8(..))),
        crypt,
    }
}

fn push(text: &str) -> Push {
    Push {
        user: USER.to_owned(),
        create_time: now(),
        msg_id: msg_id(),
        said: Said::Text(text.to_owned()),
    }
}

/// Digits, as WeChat sends them, that no page has by chance.
fn echostr() -> String {
    format!("{:019}", fastrand::u64(..))
}

fn now() -> u64 {
    unix_seconds(SystemTime::now())
}

fn timed<T>(act: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    let result = act();
    (result, begun.elapsed())
}
