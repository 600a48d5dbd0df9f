//! `daoxiao doctor`: plays WeChat against a server and says what its owner must change.
//!
//! Each check is a function from an answer to a `Finding`; the order of checks is here.

mod handshake;
mod message;
mod reach;
mod report;

use std::{
    array, io,
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
        post::{Caller, msg_id, post, stamp},
        url::BotUrl,
    },
    wechat::{crypt::MsgCrypt, signature::Token, unix_seconds},
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
    let mut out = io::stdout();
    let mut doctor = Doctor {
        caller: Caller {
            url: args.url,
            wechat: secrets::wechat()?,
        },
        report: Report::new(&mut out),
    };
    let well = match doctor.run_checks() {
        Ok(()) | Err(Stop::Enough) => doctor.report.close(reach::praise(&doctor.caller.url)),
        Err(Stop::Output(error)) => Err(error),
    };
    match well {
        Ok(true) => Ok(ExitCode::SUCCESS),
        Ok(false) => Ok(ExitCode::from(FAILED)),
        Err(error) => printed(Err(error)),
    }
}

struct Doctor<'a> {
    caller: Caller,
    report: Report<'a>,
}

/// Why no more checks follow.
#[derive(Debug, thiserror::Error)]
enum Stop {
    #[error("the rest would fail for the same reason")]
    Enough,
    #[error("the findings cannot be written: {0}")]
    Output(#[from] io::Error),
}

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
        let begun = Instant::now();
        let connected = reach::connect(&self.caller.url);
        let finding = reach::judge(connected, &self.caller.url);
        self.require("connection", begun.elapsed(), finding)
    }

    /// Verifies the URL; how far the server's clock is off.
    fn verify(&mut self) -> Result<Option<u64>, Stop> {
        let echostr = echostr();
        let call = self.caller.wechat.verification(&stamp(), &echostr);
        let (answer, took) = self.ask("path", &call)?;
        self.require("path", took, handshake::path(&answer))?;
        self.add("port", Duration::ZERO, reach::port(&self.caller.url))?;
        let drift = handshake::drift(&answer, SystemTime::now());
        let finding = handshake::echo(&answer, &echostr, drift);
        self.require("handshake", took, finding)?;
        Ok(drift)
    }

    fn wrong_token(&mut self) -> Result<(), Stop> {
        let echostr = echostr();
        let call = stranger(None).verification(&stamp(), &echostr);
        let (answer, took) = self.ask("wrong Token", &call)?;
        let finding = handshake::wrong_token(&answer, &echostr);
        self.add("wrong Token", took, finding)
    }

    fn greet(&mut self, push: &Push) -> Result<Heard, Stop> {
        let (answer, took) = self.say("text", push)?;
        match message::hear(&self.caller.wechat, &answer) {
            Ok(heard) => {
                let finding = message::form(&heard, &self.caller.wechat, push, now());
                self.add("text", took, finding)?;
                Ok(heard)
            }
            Err(finding) => {
                self.add("text", took, finding)?;
                Err(Stop::Enough)
            }
        }
    }

    fn odd_text(&mut self, check: &str, text: &str) -> Result<(), Stop> {
        let push = push(text);
        let (answer, took) = self.say(check, &push)?;
        let wechat = &self.caller.wechat;
        let finding = message::hear(wechat, &answer).map_or_else(
            |finding| finding,
            |heard| message::form(&heard, wechat, &push, now()),
        );
        self.add(check, took, finding)
    }

    /// A message signed by somebody who has not got the Token. In secure mode it is encrypted as
    /// it should be, so that it is the signature that it is refused for.
    fn forge(&mut self, genuine: &Heard) -> Result<(), Stop> {
        let forger = stranger(self.caller.wechat.crypt.clone());
        let call = forger.push(&stamp(), &push(GREETING), [0; 16]);
        let (answer, took) = self.ask("forged message", &call)?;
        let finding = message::forged(&self.caller.wechat, &answer, genuine);
        self.add("forged message", took, finding)
    }

    fn age(&mut self) -> Result<(), Stop> {
        let echostr = echostr();
        let stamp = Stamp::new(SystemTime::now() - DAY, fastrand::u32(..));
        let call = self.caller.wechat.verification(&stamp, &echostr);
        let (answer, took) = self.ask("old request", &call)?;
        self.add("old request", took, handshake::old(&answer, &echostr))
    }

    fn repeat(&mut self, push: &Push, first: &Heard) -> Result<(), Stop> {
        let (answer, took) = self.say("repeated message", push)?;
        let finding = message::hear(&self.caller.wechat, &answer)
            .map_or_else(|finding| finding, |again| message::repeat(first, &again));
        self.add("repeated message", took, finding)
    }

    /// In secure mode, a body that is not encrypted.
    fn plain_body(&mut self) -> Result<(), Stop> {
        if self.caller.wechat.crypt.is_none() {
            return Ok(());
        }
        let plain = WeChat {
            token: self.caller.wechat.token.clone(),
            crypt: None,
        };
        let call = plain.push(&stamp(), &push(GREETING), [0; 16]);
        let (answer, took) = self.ask("body without encryption", &call)?;
        let finding = message::plain(&self.caller.wechat, &answer);
        self.add("body without encryption", took, finding)
    }

    fn say(&mut self, check: &str, push: &Push) -> Result<(Answer, Duration), Stop> {
        let call = self.caller.call(push);
        self.ask(check, &call)
    }

    /// Makes a call; without an answer, there is no sense in going on.
    fn ask(&mut self, check: &str, call: &Call) -> Result<(Answer, Duration), Stop> {
        let begun = Instant::now();
        let answer = post(&self.caller.url, call);
        let took = begun.elapsed();
        match answer {
            Ok(answer) => Ok((answer, took)),
            Err(error) => {
                self.add(check, took, handshake::no_answer(&error))?;
                Err(Stop::Enough)
            }
        }
    }

    /// Adds a finding without which no further check makes sense.
    fn require(&mut self, check: &str, took: Duration, finding: Finding) -> Result<(), Stop> {
        let is_wrong = matches!(finding, Finding::Wrong { .. });
        self.add(check, took, finding)?;
        if is_wrong { Err(Stop::Enough) } else { Ok(()) }
    }

    fn add(&mut self, check: &str, took: Duration, finding: Finding) -> Result<(), Stop> {
        Ok(self.report.add(check, took, finding)?)
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
