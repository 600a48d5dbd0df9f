//! `daoxiao doctor`: plays WeChat against a server and says what its owner must change.
//!
//! Each check is a function from an answer to a `Finding`; their order is here.

pub(crate) mod finding;
pub(super) mod handshake;
pub(super) mod message;
mod reach;
mod report;

use std::{
    process::ExitCode,
    time::{Duration, Instant, SystemTime},
};

use clap::Args;

use self::{
    finding::{Check, Diagnosis, Fault, Finding, Fine, Warning},
    report::Report,
};
use super::{CommandError, FAILED, args::DAY, printed, secrets};
use crate::{
    language::localized_errors,
    simulator::{
        BotReply, Push, SignedRequest, UserAction,
        answer::{ANSWER_TIMEOUT, HttpAnswer},
        http::{self, Client, Sent, send},
        target::Target,
        url::BotUrl,
    },
};

const HELP: &str = "\
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
const OLD: Duration = Duration::from_secs(DAY);

/// Examines a server, and prints the findings.
pub(crate) fn run(args: &DoctorArgs) -> Result<ExitCode, CommandError> {
    let mut doctor = Doctor {
        target: &secrets::target(args.url.clone())?,
        report: Report::new(args),
    };
    // `None` means that the rest would fail for the same reason, or that nobody reads the output.
    let _ = doctor.run_checks();
    let has_no_fault = doctor.report.has_no_fault();
    let code = if has_no_fault { 0 } else { FAILED };
    printed(doctor.report.close()).map(|_| code.into())
}

/// Sends a message now and reads the reply.
pub(super) fn deliver(target: &Target, user: &str, action: UserAction) -> Result<BotReply, Fault> {
    let push = Push::now(user, action);
    let sent = send(Client::WeChat, &target.url, &target.keys.push_now(&push));
    message::read_reply(target, &sent.map_err(Fault::NoAnswer)?)
}

/// Finds out what is to be fixed where this was seen, with one more call: the fault that the
/// verification of the URL shows, if the server answers at all.
pub(super) fn diagnose(target: &Target, seen: Fault) -> Diagnosis {
    let (request, echostr) = target.keys.verification_at(SystemTime::now());
    let answer = match seen {
        Fault::NoAnswer(_) => None,
        _ => send(Client::WeChat, &target.url, &request).ok(),
    };
    let cause = answer.and_then(|answer| handshake::judge(&answer, &target.url, &echostr).err());
    let cause = cause.unwrap_or_else(|| seen.clone());
    Diagnosis { seen, cause }
}

struct Doctor<'a> {
    target: &'a Target,
    report: Report<'a>,
}

/// Each check returns `None` if no more checks make sense.
impl Doctor<'_> {
    fn run_checks(&mut self) -> Option<()> {
        self.reach()?;
        let clock = self.verify()?;
        self.verify_by_http10()?;
        self.verify_forged()?;
        let greeting = push(GREETING);
        let answer = self.say(Check::Text, &greeting, None)?;
        let heard = message::read_reply(self.target, &answer).ok()?;
        // A fault would show again.
        if self.report.has_no_fault() {
            self.greet_by_http10()?;
        }
        self.say(Check::Brackets, &push(BRACKETS), None)?;
        self.say(Check::LongText, &push(&"倒".repeat(LONG_CHARS)), None)?;
        self.forge(&heard)?;
        self.verify_late()?;
        self.report.add(Check::Clock, Duration::ZERO, clock)?;
        self.say(Check::Repeat, &greeting, Some(&heard))?;
        self.say_plainly()
    }

    fn reach(&mut self) -> Option<()> {
        let url = &self.target.url;
        let (resolved, took) = timed(|| http::resolve(url));
        let finding = reach::addresses(&resolved, url);
        self.report.add(Check::Address, took, finding)?;
        let addresses = resolved.ok()?;
        let end = Instant::now() + ANSWER_TIMEOUT;
        let (connected, took) = timed(|| http::connect(url, &addresses, end));
        let finding = reach::connection(connected, url);
        self.report.require(Check::Connection, took, finding)
    }

    /// Returns the finding about the server's clock.
    fn verify(&mut self) -> Option<Finding> {
        let Target { url, keys } = self.target;
        let (request, echostr) = keys.verification_at(SystemTime::now());
        let is_right = |answer: &_| handshake::echo(answer, &echostr).is_ok();
        let (answer, took) = self.ask(Check::Path, &request, &|| request.clone(), &is_right)?;
        let report = &mut self.report;
        report.require(Check::Path, took, handshake::path(&answer, url))?;
        report.add(Check::Port, Duration::ZERO, Ok(Fine::Port(url.port())))?;
        report.require(Check::Handshake, took, handshake::echo(&answer, &echostr))?;
        Some(handshake::clock(&answer))
    }

    fn verify_by_http10(&mut self) -> Option<()> {
        let (request, echostr) = self.target.keys.verification_at(SystemTime::now());
        let (sent, took) = self.send(Client::WeChat10, &request);
        let finding = handshake::http10(sent).and_then(|answer| handshake::echo(&answer, &echostr));
        self.report.add(Check::Handshake10, took, finding)
    }

    fn greet_by_http10(&mut self) -> Option<()> {
        let push = push(GREETING);
        let (sent, took) = self.send(Client::WeChat10, &self.target.keys.push_now(&push));
        let answer = handshake::http10(sent);
        let judged = answer.and_then(|answer| message::judge(self.target, &answer, &push));
        let finding = judged.map(|(_, fine)| fine);
        self.report.add(Check::Text10, took, finding)
    }

    fn verify_forged(&mut self) -> Option<()> {
        let forger = self.target.keys.forger();
        let (request, echostr) = forger.verification_at(SystemTime::now());
        let (sent, took) = self.send(Client::WeChat, &request);
        let finding = handshake::rejected(&sent, &echostr, Err(Fault::AnyToken));
        self.report.add(Check::WrongToken, took, finding)
    }

    fn verify_late(&mut self) -> Option<()> {
        let then = SystemTime::now() - OLD;
        let (request, echostr) = self.target.keys.verification_at(then);
        let (sent, took) = self.send(Client::WeChat, &request);
        let accepted = Ok(Fine::Warning(Warning::Replayable));
        let finding = handshake::rejected(&sent, &echostr, accepted);
        self.report.add(Check::OldRequest, took, finding)
    }

    fn forge(&mut self, genuine: &BotReply) -> Option<()> {
        let keys = &self.target.keys;
        let request = keys.forger().push_now(&push(GREETING));
        let (sent, took) = self.send(Client::WeChat, &request);
        let finding = message::forged(keys, &sent, genuine);
        self.report.add(Check::Forged, took, finding)
    }

    /// In secure mode, sends a body that is not encrypted.
    fn say_plainly(&mut self) -> Option<()> {
        let keys = &self.target.keys;
        let mut plain = keys.clone();
        plain.crypt.take()?;
        let (sent, took) = self.send(Client::WeChat, &plain.push_now(&push(GREETING)));
        let finding = message::rejected(keys, &sent, Fault::PlainBody);
        self.report.add(Check::PlainBody, took, finding)
    }

    /// Sends a message. `first`: the answer that it got when it was first sent.
    fn say(&mut self, check: Check, push: &Push, first: Option<&BotReply>) -> Option<HttpAnswer> {
        let target = self.target;
        let is_right = |answer: &_| message::read_reply(target, answer).is_ok();
        let request = target.keys.push_now(push);
        // A message that came already is answered in another way than one that did not.
        let another = || {
            let push = Push::now(USER, push.action.clone());
            target.keys.push_now(&push)
        };
        let (answer, took) = self.ask(check, &request, &another, &is_right)?;
        let finding = match first {
            Some(first) => message::read_reply(target, &answer)
                .and_then(|again| message::repeat(first, &again)),
            None => message::judge(target, &answer, push).map(|(_, fine)| fine),
        };
        self.report.add(check, took, finding)?;
        Some(answer)
    }

    /// Returns the answer to a request; without one, or if only browsers get a right one, adds the
    /// fault and ends the checks. `another`: makes such a request once more.
    fn ask(
        &mut self,
        check: Check,
        request: &SignedRequest,
        another: &dyn Fn() -> SignedRequest,
        is_right: &dyn Fn(&HttpAnswer) -> bool,
    ) -> Option<(HttpAnswer, Duration)> {
        let (sent, took) = self.send(Client::WeChat, request);
        // What sends a text with 200 lets WeChat through.
        let is_blocked = sent.as_ref().map_or(true, |answer| {
            !is_right(answer) && (answer.status != 200 || answer.is_page())
        });
        let passes = |client| {
            let (sent, _) = self.send(client, &another());
            sent.is_ok_and(|answer| is_right(&answer))
        };
        // A server that was only slow answers WeChat, too, the next time.
        let fault = match sent {
            sent if is_blocked && passes(Client::Browser) && !passes(Client::WeChat) => {
                Fault::BrowsersOnly(sent.ok().map(|answer| answer.status))
            }
            Ok(answer) => return Some((answer, took)),
            Err(error) => Fault::NoAnswer(error),
        };
        self.report.add(check, took, Err(fault))?;
        None
    }

    fn send(&self, client: Client, request: &SignedRequest) -> (Sent, Duration) {
        timed(|| send(client, &self.target.url, request))
    }
}

/// Returns the result of `act`, and the time it took.
fn timed<T>(act: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    (act(), begun.elapsed())
}

fn push(text: &str) -> Push {
    Push::now(USER, UserAction::Text(text.to_owned()))
}
