//! `daoxiao doctor`: plays WeChat against a server and says what its owner must change.
//!
//! Each check is a function from an answer to a `Finding`; the order of checks is here.

pub(crate) mod finding;
pub(super) mod handshake;
pub(super) mod message;
mod reach;
mod report;

use std::{
    array, io,
    process::ExitCode,
    time::{Duration, Instant, SystemTime},
};

use clap::Args;

use self::{
    finding::{Check, Fault, Finding},
    report::{Form, Report},
};
use super::{CommandError, FAILED, printed, secrets};
use crate::{
    language::spoken,
    simulator::{
        Call, Heard, Push, Said, Stamp, WeChat,
        answer::{Answer, PATIENCE, PostError},
        caller::{Caller, TalkError, msg_id, stamp},
        http::{self, Client, post},
        url::BotUrl,
    },
    wechat::{crypt::MsgCrypt, signature::Token, unix_seconds},
};

pub(super) const HELP: &str = "\
WECHAT_TOKEN is the Token typed into the platform's form; for an account in secure mode
set WECHAT_ENCODING_AES_KEY and WECHAT_APPID, too. Each check is one line, ✓ or ✗; at the end
stands what to do first. It works with any server, not only with daoxiao.
Exit code: 0 all is well, 1 there is something to fix, 2 wrong usage.
The fields of --json: docs/json.md.

Example: WECHAT_TOKEN=mysecrettoken daoxiao doctor http://bot.example.com/wechat";

/// Find out why WeChat and a server do not get along
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct DoctorArgs {
    /// What is typed, or to be typed, into the platform's form
    #[arg(
        value_name = "URL",
        env = "DAOXIAO_URL",
        value_parser = spoken(str::parse::<BotUrl>)
    )]
    url: BotUrl,
    /// Print one JSON object instead of lines
    #[arg(long, conflicts_with = "quiet")]
    json: bool,
    /// Print only what is not as it should be
    #[arg(long, short)]
    quiet: bool,
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
    let form = match (args.json, args.quiet) {
        (true, _) => Form::Json,
        (_, true) => Form::Quiet,
        _ => Form::Lines,
    };
    let mut out = io::stdout();
    let mut doctor = Doctor {
        caller: Caller {
            url: args.url,
            wechat: secrets::wechat()?,
        },
        report: Report::new(&mut out, form),
    };
    let well = match doctor.run_checks() {
        Ok(()) | Err(Stop::Enough) => {
            let url = &doctor.caller.url;
            doctor.report.close(url, reach::praise(url))
        }
        Err(Stop::Output(error)) => Err(error),
    };
    match well {
        Ok(true) => Ok(ExitCode::SUCCESS),
        Ok(false) => Ok(ExitCode::from(FAILED)),
        Err(error) => printed(Err(error)),
    }
}

/// What doctor would say of a message that was refused with 403, the status that has most causes.
pub(super) fn explain(caller: &Caller, error: &TalkError) -> Option<Fault> {
    let TalkError::Status { status: 403, said } = error else {
        return None;
    };
    let echostr = echostr();
    let call = caller.wechat.verification(&stamp(), &echostr);
    let answer = post(Client::WeChat, &caller.url, &call).ok()?;
    let drift = handshake::drift(&answer, SystemTime::now());
    match handshake::echo(&answer, &echostr, drift) {
        Finding::Wrong(fault) => Some(fault),
        _ => Some(Fault::RefusedMessage {
            status: 403,
            said: said.clone(),
            has_key: caller.wechat.crypt.is_some(),
        }),
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
        self.verify_by_http10(drift)?;
        self.wrong_token()?;
        let push = push(GREETING);
        let heard = self.greet(&push)?;
        self.greet_by_http10()?;
        self.odd_text(Check::Brackets, BRACKETS)?;
        self.odd_text(Check::LongText, &"倒".repeat(LONG_CHARS))?;
        self.forge(&heard)?;
        self.age()?;
        self.add(Check::Clock, Duration::ZERO, handshake::clock(drift))?;
        self.repeat(&push, &heard)?;
        self.plain_body()
    }

    fn reach(&mut self) -> Result<(), Stop> {
        let url = self.caller.url.clone();
        let begun = Instant::now();
        let resolved = http::resolve(&url);
        let finding = reach::addresses(&resolved, &url);
        self.add(Check::Address, begun.elapsed(), finding)?;
        let Ok(addresses) = resolved else {
            return Err(Stop::Enough);
        };
        let begun = Instant::now();
        let connected = http::connect(&addresses, begun + PATIENCE);
        let finding = reach::connection(connected, &url);
        self.require(Check::Connection, begun.elapsed(), finding)
    }

    /// Verifies the URL; how far the server's clock is off.
    fn verify(&mut self) -> Result<Option<u64>, Stop> {
        let echostr = echostr();
        let call = self.caller.wechat.verification(&stamp(), &echostr);
        let begun = Instant::now();
        let answer = post(Client::WeChat, &self.caller.url, &call);
        let took = begun.elapsed();
        if let Some(status) = self.lets_browsers_pass(&answer, &call, &echostr) {
            let fault = Fault::BrowsersOnly(status);
            self.require(Check::Path, took, Finding::Wrong(fault))?;
        }
        let answer = self.require_answer(Check::Path, took, answer)?;
        let finding = handshake::path(&answer, &self.caller.url);
        self.require(Check::Path, took, finding)?;
        let port = reach::port(&self.caller.url);
        self.add(Check::Port, Duration::ZERO, port)?;
        let drift = handshake::drift(&answer, SystemTime::now());
        let finding = handshake::echo(&answer, &echostr, drift);
        self.require(Check::Handshake, took, finding)?;
        Ok(drift)
    }

    /// The status by which WeChat is turned away where a browser gets what WeChat wants; 0 for a
    /// connection that is cut.
    fn lets_browsers_pass(
        &self,
        answer: &Result<Answer, PostError>,
        call: &Call,
        echostr: &str,
    ) -> Option<u16> {
        let status = match answer {
            Ok(answer) if handshake::is_echoed(answer, echostr) => return None,
            Ok(answer) => answer.status,
            Err(PostError::Broken(_) | PostError::NotHttp) => 0,
            Err(_) => return None,
        };
        let as_browser = post(Client::Browser, &self.caller.url, call);
        let passes = as_browser.is_ok_and(|answer| handshake::is_echoed(&answer, echostr));
        passes.then_some(status)
    }

    /// Verifies the URL once more, by HTTP/1.0.
    fn verify_by_http10(&mut self, drift: Option<u64>) -> Result<(), Stop> {
        let echostr = echostr();
        let call = self.caller.wechat.verification(&stamp(), &echostr);
        let begun = Instant::now();
        let finding = match post(Client::WeChat10, &self.caller.url, &call) {
            Ok(answer) => match handshake::http10(&answer) {
                Some(fault) => Finding::Wrong(fault),
                None => handshake::echo(&answer, &echostr, drift),
            },
            Err(error) => Finding::Wrong(Fault::NoAnswer(error)),
        };
        self.add(Check::Handshake10, begun.elapsed(), finding)
    }

    /// Greets once more, by HTTP/1.0, unless it is known by now how that would end.
    fn greet_by_http10(&mut self) -> Result<(), Stop> {
        if !self.report.is_well() {
            return Ok(());
        }
        let push = push(GREETING);
        let begun = Instant::now();
        let finding = match post(Client::WeChat10, &self.caller.url, &self.caller.call(&push)) {
            Ok(answer) => match handshake::http10(&answer) {
                Some(fault) => Finding::Wrong(fault),
                None => self.judge(&answer, &push),
            },
            Err(error) => Finding::Wrong(Fault::NoAnswer(error)),
        };
        self.add(Check::Text10, begun.elapsed(), finding)
    }

    fn wrong_token(&mut self) -> Result<(), Stop> {
        let echostr = echostr();
        let call = stranger(None).verification(&stamp(), &echostr);
        let (answer, took) = self.ask(Check::WrongToken, &call)?;
        let finding = handshake::wrong_token(&answer, &echostr);
        self.add(Check::WrongToken, took, finding)
    }

    fn greet(&mut self, push: &Push) -> Result<Heard, Stop> {
        let (answer, took) = self.ask(Check::Text, &self.caller.call(push))?;
        let finding = self.judge(&answer, push);
        self.add(Check::Text, took, finding)?;
        message::hear(&self.caller.wechat, &answer, &self.caller.url).map_err(|_| Stop::Enough)
    }

    fn odd_text(&mut self, check: Check, text: &str) -> Result<(), Stop> {
        let push = push(text);
        let (answer, took) = self.ask(check, &self.caller.call(&push))?;
        self.add(check, took, self.judge(&answer, &push))
    }

    /// What the answer to a message means.
    fn judge(&self, answer: &Answer, push: &Push) -> Finding {
        let Caller { url, wechat } = &self.caller;
        message::hear(wechat, answer, url).map_or_else(Finding::Wrong, |heard| {
            message::form(&heard, answer, wechat, push, now())
        })
    }

    /// A message signed by somebody who has not got the Token. In secure mode it is encrypted as
    /// it should be, so that it is the signature that it is refused for.
    fn forge(&mut self, genuine: &Heard) -> Result<(), Stop> {
        let forger = stranger(self.caller.wechat.crypt.clone());
        let call = forger.push(&stamp(), &push(GREETING), [0; 16]);
        let (answer, took) = self.ask(Check::Forged, &call)?;
        let finding = message::forged(&self.caller.wechat, &answer, genuine);
        self.add(Check::Forged, took, finding)
    }

    fn age(&mut self) -> Result<(), Stop> {
        let echostr = echostr();
        let stamp = Stamp::new(SystemTime::now() - DAY, fastrand::u32(..));
        let call = self.caller.wechat.verification(&stamp, &echostr);
        let (answer, took) = self.ask(Check::OldRequest, &call)?;
        self.add(Check::OldRequest, took, handshake::old(&answer, &echostr))
    }

    fn repeat(&mut self, push: &Push, first: &Heard) -> Result<(), Stop> {
        let (answer, took) = self.ask(Check::Repeat, &self.caller.call(push))?;
        let heard = message::hear(&self.caller.wechat, &answer, &self.caller.url);
        let finding = heard.map_or_else(Finding::Wrong, |again| message::repeat(first, &again));
        self.add(Check::Repeat, took, finding)
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
        let (answer, took) = self.ask(Check::PlainBody, &call)?;
        let finding = message::plain(&self.caller.wechat, &answer);
        self.add(Check::PlainBody, took, finding)
    }

    fn ask(&mut self, check: Check, call: &Call) -> Result<(Answer, Duration), Stop> {
        let begun = Instant::now();
        let answer = post(Client::WeChat, &self.caller.url, call);
        let took = begun.elapsed();
        Ok((self.require_answer(check, took, answer)?, took))
    }

    /// Without an answer, there is no sense in going on.
    fn require_answer(
        &mut self,
        check: Check,
        took: Duration,
        answer: Result<Answer, PostError>,
    ) -> Result<Answer, Stop> {
        match answer {
            Ok(answer) => Ok(answer),
            Err(error) => {
                self.add(check, took, Finding::Wrong(Fault::NoAnswer(error)))?;
                Err(Stop::Enough)
            }
        }
    }

    /// Adds a finding without which no further check makes sense.
    fn require(&mut self, check: Check, took: Duration, finding: Finding) -> Result<(), Stop> {
        let is_wrong = matches!(finding, Finding::Wrong(_));
        self.add(check, took, finding)?;
        if is_wrong { Err(Stop::Enough) } else { Ok(()) }
    }

    fn add(&mut self, check: Check, took: Duration, finding: Finding) -> Result<(), Stop> {
        Ok(self.report.add(check, took, finding)?)
    }
}

/// Somebody who has made the Token up.
pub(super) fn stranger(crypt: Option<MsgCrypt>) -> WeChat {
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
