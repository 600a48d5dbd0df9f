//! Whether anything listens where the URL points.

use std::{
    io::{self, ErrorKind},
    net::{TcpStream, ToSocketAddrs},
    sync::mpsc::channel,
    thread,
};

use super::report::Finding;
use crate::wechat::post::{BotUrl, PATIENCE};

/// Connects to the URL's host and port; waits no longer than WeChat would.
pub(super) fn connect(url: &BotUrl) -> io::Result<()> {
    let host = url.host().trim_matches(['[', ']']).to_owned();
    let port = url.port();
    let (done, result) = channel();
    // Name servers may take longer than anyone should wait.
    thread::spawn(move || done.send(connect_to(&host, port)));
    result
        .recv_timeout(PATIENCE)
        .unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
}

fn connect_to(host: &str, port: u16) -> io::Result<()> {
    // Whatever the resolver calls it, a name without an address is not found.
    let addresses = (host, port)
        .to_socket_addrs()
        .map_err(|_| io::Error::from(ErrorKind::NotFound))?;
    let mut last = ErrorKind::NotFound.into();
    for address in addresses {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(_) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// What the attempt to connect means.
pub(super) fn judge(connected: io::Result<()>, url: &BotUrl) -> Finding {
    let (host, port) = (url.host(), url.port());
    let Err(error) = connected else {
        return Finding::fine(format!("something listens on {host}, port {port}"));
    };
    match error.kind() {
        ErrorKind::NotFound => Finding::wrong(
            format!("nobody knows the host {host}"),
            "mend the host in the URL, or the DNS record of its name",
        ),
        ErrorKind::ConnectionRefused => Finding::wrong(
            format!("nothing listens on {host}, port {port}"),
            "start the bot on that machine, or mend the port in the URL",
        ),
        ErrorKind::TimedOut => Finding::wrong(
            format!(
                "no answer from {host}, port {port} in {} s",
                PATIENCE.as_secs()
            ),
            format!(
                "open port {port} in the machine's firewall and in its provider's security group"
            ),
        ),
        _ => Finding::wrong(
            format!("{host}, port {port} cannot be reached: {error}"),
            "mend the network between here and there",
        ),
    }
}

/// WeChat calls two ports only; a test may use any.
pub(super) fn port(url: &BotUrl) -> Finding {
    match url.port() {
        port @ (80 | 443) => Finding::fine(format!("WeChat calls port {port}")),
        port => Finding::fine(format!(
            "{port} is fine for a test, but WeChat calls none but 80 and 443"
        )),
    }
}

/// What to say of a bot that has no fault.
pub(super) fn praise(url: &BotUrl) -> &'static str {
    match url.port() {
        80 | 443 => "All is well: give this URL to the platform.",
        _ => "All is well for a test; for WeChat, put the bot on port 80 or 443.",
    }
}
