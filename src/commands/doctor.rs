//! `daoxiao doctor`: plays WeChat against a server and says what its owner must change.
//!
//! Each check is a function from an answer to a `Finding`; their order is here.

pub(crate) mod finding;
pub(super) mod handshake;
pub(super) mod message;
mod reach;
mod report;

use std::{
    array,
    process::ExitCode,
    time::{Duration, Instant, SystemTime},
};

use clap::Args;

use self::{
    finding::{Check, Fault, Finding, Fine, Line, Refusal},
    report::{Form, Report},
};
use super::{CommandError, FAILED, printed, secrets};
use crate::{
    language::localized_errors,
    simulator::{
        Call, Heard, Push, Said, Stamp, WeChat,
        answer::{Answer, PATIENCE, PostError},
        caller::{Caller, stamp},
        http::{self, Client, post},
        url::BotUrl,
    },
    wechat::{crypt::MsgCrypt, signature::Token, unix_seconds},
};

pub(super) const HELP: &str = "\
Set WECHAT_TOKEN to the Token in the platform's form, and for an account in secure mode
WECHAT_ENCODING_AES_KEY and WECHAT_APPID too. Each check prints one line, ✓ or ✗, and the end
says what to do first. It works with any server, not only with daoxiao.
Exit code: 0 everything works, 1 there is something to fix, 2 wrong usage.
The fields of --json: docs/json.md.

Example: WECHAT_TOKEN=mysecrettoken daoxiao doctor http://bot.example.com/wechat";

/// Find out why WeChat and a server do not get along
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct DoctorArgs {
    /// The URL that is in the platform's form, or is going to be
    #[arg(value_name = "URL", env = "DAOXIAO_URL", value_parser = localized_errors(str::parse::<BotUrl>))]
    url: BotUrl,
    /// Print one JSON object instead of lines
    #[arg(long, conflicts_with = "quiet")]
    json: bool,
    /// Print only what needs attention
    #[arg(long, short)]
    quiet: bool,
}

/// OpenID of the user that the doctor plays.
const USER: &str = "oDaoxiaoDoctor";

/// A greeting, which any bot should have an answer to.
const GREETING: &str = "你好 daoxiao";

/// Contains `]]>`, and is a palindrome: bots that echo and bots that reverse both have to send it.
const BRACKETS: &str = "]]>]]";

/// 682 three-byte characters have 2,046 bytes: a bot that adds a word exceeds a reply's limit.
const LONG_CHARS: usize = 682;

/// Age at which a good server refuses a request.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Examines a server, and prints the findings.
pub(crate) fn run(args: DoctorArgs) -> Result<ExitCode, CommandError> {
    let form = match (args.json, args.quiet) {
        (true, _) => Form::Json,
        (_, true) => Form::Quiet,
        _ => Form::Lines,
    };
    let mut doctor = Doctor {
        caller: Caller {
            url: args.url,
            wechat: secrets::wechat()?,
        },
        report: Report::new(form),
        drift: None,
    };
    // `None` means that the rest would fail for the same reason, or that nobody reads the output.
    let _ = doctor.run_checks();
    let url = &doctor.caller.url;
    let code = if doctor.report.is_well() { 0 } else { FAILED };
    printed(doctor.report.close(url, reach::praise(url))).map(|_| code.into())
}

/// Sends a message now and reads the reply.
pub(super) fn talk(caller: &Caller, user: &str, said: Said) -> Result<Heard, Fault> {
    let call = caller.call(&Push::now(user, said));
    let answer = post(Client::WeChat, &caller.url, &call).map_err(Fault::NoAnswer);
    answer.and_then(|answer| message::hear(&caller.wechat, &answer, &caller.url))
}

/// Finds out what is to be fixed where this was seen, with one more call.
pub(super) fn refusal(caller: &Caller, seen: Fault) -> Refusal {
    let cause = cause(caller, &seen).unwrap_or_else(|| seen.clone());
    Refusal { seen, cause }
}

/// Returns the fault that the verification of the URL shows, if the server answers at all.
fn cause(caller: &Caller, seen: &Fault) -> Option<Fault> {
    if matches!(seen, Fault::NoAnswer(_)) {
        return None;
    }
    let (call, echostr) = verification(&caller.wechat);
    let answer = post(Client::WeChat, &caller.url, &call).ok()?;
    let drift = handshake::drift(&answer, SystemTime::now());
    let findings = [
        handshake::path(&answer, &caller.url),
        handshake::echo(&answer, &echostr, drift),
    ];
    findings.into_iter().find_map(|finding| match finding {
        Finding::Wrong(fault) => Some(fault),
        _ => None,
    })
}

struct Doctor {
    caller: Caller,
    report: Report,
    /// Seconds between the server's clock and this machine's, if the server tells the time.
    drift: Option<u64>,
}

/// Each check returns `None` if no more checks make sense.
impl Doctor {
    fn run_checks(&mut self) -> Option<()> {
        self.reach()?;
        self.verify()?;
        self.verify_by_http10()?;
        self.verify_by_stranger()?;
        let greeting = push(GREETING);
        let answer = self.say(Check::Text, &greeting)?;
        let heard = self.hear(&answer).ok()?;
        self.greet_by_http10()?;
        self.say(Check::Brackets, &push(BRACKETS))?;
        self.say(Check::LongText, &push(&"倒".repeat(LONG_CHARS)))?;
        self.forge(&heard)?;
        self.verify_late()?;
        self.add(Check::Clock, Duration::ZERO, handshake::clock(self.drift))?;
        self.repeat(&greeting, &heard)?;
        self.say_plainly()
    }

    fn reach(&mut self) -> Option<()> {
        let url = self.caller.url.clone();
        let (resolved, took) = timed(|| http::resolve(&url));
        self.add(Check::Address, took, reach::addresses(&resolved, &url))?;
        let addresses = resolved.ok()?;
        let (connected, took) =
            timed(|| http::connect(&url, &addresses, Instant::now() + PATIENCE));
        self.require(Check::Connection, took, reach::connection(connected, &url))
    }

    fn verify(&mut self) -> Option<()> {
        let (call, echostr) = verification(&self.caller.wechat);
        let is_right = |_: &_, answer: &_| handshake::is_echoed(answer, &echostr);
        let again = |_: &_| call.clone();
        let (answer, took) = self.call(Check::Path, &call, again, is_right)?;
        let finding = handshake::path(&answer, &self.caller.url);
        self.require(Check::Path, took, finding)?;
        let port = reach::port(&self.caller.url);
        self.add(Check::Port, Duration::ZERO, port)?;
        self.drift = handshake::drift(&answer, SystemTime::now());
        let finding = handshake::echo(&answer, &echostr, self.drift);
        self.require(Check::Handshake, took, finding)
    }

    fn verify_by_http10(&mut self) -> Option<()> {
        let (call, echostr) = verification(&self.caller.wechat);
        let judge = |answer: &Answer| handshake::echo(answer, &echostr, self.drift);
        let (finding, took) = self.ask_by_http10(&call, judge);
        self.add(Check::Handshake10, took, finding)
    }

    /// Greets once more, over HTTP/1.0, unless a fault was found, since it would show again.
    fn greet_by_http10(&mut self) -> Option<()> {
        if !self.report.is_well() {
            return Some(());
        }
        let push = push(GREETING);
        let call = self.caller.call(&push);
        let (finding, took) = self.ask_by_http10(&call, |answer| self.judge(answer, &push));
        self.add(Check::Text10, took, finding)
    }

    fn ask_by_http10(
        &self,
        call: &Call,
        judge: impl FnOnce(&Answer) -> Finding,
    ) -> (Finding, Duration) {
        let (answer, took) = self.post(Client::WeChat10, call);
        let finding = match answer {
            Ok(answer) => handshake::http10(&answer).map_or_else(|| judge(&answer), Finding::Wrong),
            Err(error) => Finding::Wrong(Fault::NoAnswer10(error)),
        };
        (finding, took)
    }

    fn verify_by_stranger(&mut self) -> Option<()> {
        let (call, echostr) = verification(&stranger(None));
        let judge = |_: &_, answer: &_| handshake::wrong_token(answer, &echostr);
        self.intrude(Check::WrongToken, &call, judge)
    }

    /// Sends a message signed with a wrong Token. In secure mode it is encrypted as it should be,
    /// so that only the signature can be the reason for a refusal.
    fn forge(&mut self, genuine: &Heard) -> Option<()> {
        let forger = stranger(self.caller.wechat.crypt.clone());
        let call = forger.push(&stamp(), &push(GREETING), [0; 16]);
        let judge = |wechat: &_, answer: &_| message::forged(wechat, answer, genuine);
        self.intrude(Check::Forged, &call, judge)
    }

    fn verify_late(&mut self) -> Option<()> {
        let echostr = echostr();
        let stamp = Stamp::new(SystemTime::now() - DAY, fastrand::u32(..));
        let call = self.caller.wechat.verification(&stamp, &echostr);
        let judge = |_: &_, answer: &_| handshake::old(answer, &echostr);
        self.intrude(Check::OldRequest, &call, judge)
    }

    /// In secure mode, sends a body that is not encrypted.
    fn say_plainly(&mut self) -> Option<()> {
        let mut plain = self.caller.wechat.clone();
        plain.crypt.take()?;
        let call = plain.push(&stamp(), &push(GREETING), [0; 16]);
        let judge = |wechat: &_, answer: &_| message::rejected(wechat, answer, Fault::PlainBody);
        self.intrude(Check::PlainBody, &call, judge)
    }

    /// Makes a call that should be rejected; no response counts as a rejection.
    fn intrude(
        &mut self,
        check: Check,
        call: &Call,
        judge: impl FnOnce(&WeChat, &Answer) -> Finding,
    ) -> Option<()> {
        let (answer, took) = self.post(Client::WeChat, call);
        let finding = answer.map_or(Finding::Fine(Fine::Ignored), |answer| {
            judge(&self.caller.wechat, &answer)
        });
        self.add(check, took, finding)
    }

    fn say(&mut self, check: Check, push: &Push) -> Option<Answer> {
        let (answer, took) = self.ask(check, push)?;
        self.add(check, took, self.judge(&answer, push))?;
        Some(answer)
    }

    fn repeat(&mut self, push: &Push, first: &Heard) -> Option<()> {
        let (answer, took) = self.ask(Check::Repeat, push)?;
        let heard = self.hear(&answer);
        let finding = heard.map_or_else(Finding::Wrong, |again| message::repeat(first, &again));
        self.add(Check::Repeat, took, finding)
    }

    /// Judges the answer to a message.
    fn judge(&self, answer: &Answer, push: &Push) -> Finding {
        self.hear(answer).map_or_else(Finding::Wrong, |heard| {
            message::form(&heard, answer, &self.caller.wechat, push, now())
        })
    }

    fn hear(&self, answer: &Answer) -> Result<Heard, Fault> {
        message::hear(&self.caller.wechat, answer, &self.caller.url)
    }

    fn ask(&mut self, check: Check, push: &Push) -> Option<(Answer, Duration)> {
        let call = self.caller.call(push);
        // A message that came already is answered in another way than one that did not.
        let again = |doctor: &Self| doctor.caller.call(&Push::now(USER, push.said.clone()));
        self.call(check, &call, again, |doctor, answer| {
            doctor.hear(answer).is_ok()
        })
    }

    /// Returns the answer to a call; without one, or if only browsers get a right one, adds the
    /// fault and ends the checks. `again` makes such a call once more.
    fn call(
        &mut self,
        check: Check,
        call: &Call,
        again: impl Fn(&Self) -> Call,
        is_right: impl Fn(&Self, &Answer) -> bool,
    ) -> Option<(Answer, Duration)> {
        let (answer, took) = self.post(Client::WeChat, call);
        // What sends a text with 200 lets WeChat through.
        let is_blocked = answer.as_ref().map_or(true, |answer| {
            !is_right(self, answer) && (answer.status != 200 || answer.is_page())
        });
        let passes = |client| {
            let (answer, _) = self.post(client, &again(self));
            answer.is_ok_and(|answer| is_right(self, &answer))
        };
        // A server that was only slow answers WeChat, too, the next time.
        let fault = if is_blocked && passes(Client::Browser) && !passes(Client::WeChat) {
            Fault::BrowsersOnly(answer.ok().map(|answer| answer.status))
        } else {
            match answer {
                Ok(answer) => return Some((answer, took)),
                Err(error) => Fault::NoAnswer(error),
            }
        };
        self.add(check, took, Finding::Wrong(fault))?;
        None
    }

    fn post(&self, client: Client, call: &Call) -> (Result<Answer, PostError>, Duration) {
        timed(|| post(client, &self.caller.url, call))
    }

    /// Adds a finding, and ends the checks if it is a fault.
    fn require(&mut self, check: Check, took: Duration, finding: Finding) -> Option<()> {
        let is_wrong = matches!(finding, Finding::Wrong(_));
        self.add(check, took, finding)?;
        (!is_wrong).then_some(())
    }

    fn add(&mut self, check: Check, took: Duration, finding: Finding) -> Option<()> {
        self.report.add(Line {
            check,
            finding,
            took,
        })
    }
}

/// Returns the result of `act`, and the time it took.
fn timed<T>(act: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    (act(), begun.elapsed())
}

/// Returns the keys of a forger, whose Token is made up.
pub(super) fn stranger(crypt: Option<MsgCrypt>) -> WeChat {
    WeChat {
        token: Token::random(array::from_fn(|_| fastrand::u8(..))),
        crypt,
    }
}

/// Returns a verification of the URL, signed now, and its `echostr`.
fn verification(wechat: &WeChat) -> (Call, String) {
    let echostr = echostr();
    (wechat.verification(&stamp(), &echostr), echostr)
}

fn push(text: &str) -> Push {
    Push::now(USER, Said::Text(text.to_owned()))
}

/// Returns digits, as WeChat sends them, that no page has by chance.
fn echostr() -> String {
    format!("{:019}", fastrand::u64(..))
}

fn now() -> u64 {
    unix_seconds(SystemTime::now())
}
