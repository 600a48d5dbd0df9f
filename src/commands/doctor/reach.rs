//! Whether anything listens where the URL points.

use std::{
    io::{self, ErrorKind},
    net::{IpAddr, TcpStream, ToSocketAddrs},
    sync::mpsc::channel,
    thread,
};

use super::report::Finding;
use crate::simulator::{post::PATIENCE, url::BotUrl};

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
            "fix the host in the URL, or the DNS record of its name",
        ),
        ErrorKind::ConnectionRefused => Finding::wrong(
            format!("nothing listens on {host}, port {port}"),
            "start the bot on that machine, or fix the port in the URL",
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
            "fix the network between here and there",
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
        _ if is_near(url.host()) => {
            "All is well from here. WeChat needs the bot's public address: run doctor with that, too."
        }
        80 | 443 => "All is well: give this URL to the platform.",
        _ => "All is well for a test; for WeChat, put the bot on port 80 or 443.",
    }
}

/// Whether a host is this machine or in its own network, where WeChat cannot come.
fn is_near(host: &str) -> bool {
    match host.trim_matches(['[', ']']).parse() {
        Ok(IpAddr::V4(ip)) => {
            ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified()
        }
        Ok(IpAddr::V6(ip)) => {
            ip.is_loopback()
                || ip.is_unique_local()
                || ip.is_unicast_link_local()
                || ip.is_unspecified()
        }
        // A name without a dot is known in its own network only.
        Err(_) => match host.rsplit_once('.') {
            Some((_, last)) => ["local", "localhost"].contains(&last),
            None => true,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bot_that_wechat_cannot_reach_is_well_from_here_only() {
        let praise = |url: &str| praise(&url.parse().unwrap());
        for near in [
            "http://localhost/",
            "http://127.0.0.1/",
            "http://10.0.0.1/",
            "http://192.168.1.1:8080/",
            "http://[::1]/",
            "http://[fd00::1]/",
            "http://bot/",
            "http://bot.local/",
        ] {
            assert_eq!(
                praise(near),
                "All is well from here. WeChat needs the bot's public address: run doctor with that, too.",
                "{near}"
            );
        }
        for far in [
            "http://bot.example.com/wechat",
            "https://8.8.8.8/",
            "http://[2001:db8::1]/",
        ] {
            assert_eq!(
                praise(far),
                "All is well: give this URL to the platform.",
                "{far}"
            );
        }
        assert_eq!(
            praise("http://bot.example.com:8080/"),
            "All is well for a test; for WeChat, put the bot on port 80 or 443."
        );
    }
}
