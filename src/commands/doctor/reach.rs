//! Judges whether WeChat can reach the URL.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::finding::{Ending, Fault, Finding, Fine, Warning};
use crate::{
    network::address::is_public,
    simulator::{answer::SendError, url::BotUrl},
};

/// Judges the addresses of the host: WeChat calls only public IPv4 addresses.
pub(super) fn addresses(resolved: &Result<Vec<SocketAddr>, SendError>, url: &BotUrl) -> Finding {
    let addresses = resolved
        .as_ref()
        .map_err(|error| Fault::NoAnswer(error.clone()))?;
    let host = url.host().to_owned();
    let mut ips = addresses.iter().map(SocketAddr::ip);
    match ips.clone().find(IpAddr::is_ipv4).or_else(|| ips.next()) {
        Some(ip) if !is_public(ip) && is_meant_to_be_near(url) => Ok(Fine::Address(ip)),
        Some(IpAddr::V4(ip)) if is_fake(ip) => Ok(Fine::Warning(Warning::ProxyAddress(ip))),
        Some(ip @ IpAddr::V4(_)) if is_public(ip) => Ok(Fine::Address(ip)),
        Some(ip @ IpAddr::V4(_)) => Err(Fault::NotPublic(host, ip)),
        _ if literal(url).is_some() => Err(Fault::Ipv6Address(host)),
        _ => Err(Fault::OnlyIpv6(host)),
    }
}

/// Judges the attempt to connect.
pub(super) fn connection<T>(connected: Result<T, SendError>, url: &BotUrl) -> Finding {
    let (host, port) = (url.host().to_owned(), url.port());
    match connected {
        Ok(_) => Ok(Fine::Listens(host, port)),
        Err(SendError::TooSlow) => Err(Fault::Dropped(host, port)),
        Err(error) => Err(Fault::NoAnswer(error)),
    }
}

/// Returns the ending of a report without a fault.
pub(super) fn success_ending(url: &BotUrl) -> Ending {
    match url.port() {
        _ if is_near(url) => Ending::WellFromHere,
        80 | 443 => Ending::Well,
        _ => Ending::WellForTest,
    }
}

/// Returns whether a host is this machine or in its network, which WeChat cannot reach.
fn is_near(url: &BotUrl) -> bool {
    // A name without a dot is known only in its own network.
    let is_near_name = |(_, last)| ["local", "localhost"].contains(&last);
    match literal(url) {
        Some(address) => !is_public(address),
        None => url.host().rsplit_once('.').is_none_or(is_near_name),
    }
}

/// Returns whether the URL names `localhost` or an IP address, so that its owner can see that it is
/// local. `::` is no machine's address.
fn is_meant_to_be_near(url: &BotUrl) -> bool {
    url.host() == "localhost" || literal(url).is_some_and(|ip| ip != Ipv6Addr::UNSPECIFIED)
}

fn literal(url: &BotUrl) -> Option<IpAddr> {
    url.bare_host().parse().ok()
}

/// Returns whether an address is one that proxies such as Clash make up for every name.
fn is_fake(ip: Ipv4Addr) -> bool {
    matches!(ip.octets(), [198, 18 | 19, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> BotUrl {
        text.parse().unwrap()
    }

    #[test]
    fn a_bot_that_wechat_cannot_reach_is_well_from_here_only() {
        let praise = |text| success_ending(&url(text));
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
            assert_eq!(praise(near), Ending::WellFromHere, "{near}");
        }
        for far in [
            "http://bot.example.com/wechat",
            "https://8.8.8.8/",
            "http://[2001:4860::8888]/",
        ] {
            assert_eq!(praise(far), Ending::Well, "{far}");
        }
        let test = praise("http://bot.example.com:8080/");
        assert_eq!(test, Ending::WellForTest);
    }

    #[test]
    fn a_name_must_lead_to_a_public_address_of_ipv4() {
        let found = |text, ips: &[&str]| {
            let ips = ips
                .iter()
                .map(|ip| SocketAddr::new(ip.parse().unwrap(), 80));
            addresses(&Ok(ips.collect()), &url(text))
        };
        let fine = |ip: &str| Ok(Fine::Address(ip.parse().unwrap()));
        let bot = "http://bot.example.com/";
        assert_eq!(found(bot, &["8.8.8.8"]), fine("8.8.8.8"));
        assert_eq!(found(bot, &["2001:4860::8888", "8.8.8.8"]), fine("8.8.8.8"));
        assert_eq!(
            found("http://127.0.0.1/", &["127.0.0.1"]),
            fine("127.0.0.1")
        );
        assert_eq!(
            found("http://localhost/", &["127.0.0.1"]),
            fine("127.0.0.1")
        );
        let only_ipv6 = |host: &str| Err(Fault::OnlyIpv6(host.to_owned()));
        assert_eq!(found("http://[::1]/", &["::1"]), fine("::1"));
        assert_eq!(
            found("http://ip6-localhost/", &["::1"]),
            only_ipv6("ip6-localhost")
        );
        for (url, host, ip) in [
            ("http://[::]/", "[::]", "::"),
            (
                "http://[2001:4860::8888]/",
                "[2001:4860::8888]",
                "2001:4860::8888",
            ),
        ] {
            let fault = Fault::Ipv6Address(host.to_owned());
            assert_eq!(found(url, &[ip]), Err(fault));
        }
        let of_proxy = |ip: &str| Ok(Fine::Warning(Warning::ProxyAddress(ip.parse().unwrap())));
        assert_eq!(found(bot, &["198.18.0.7"]), of_proxy("198.18.0.7"));
        assert_eq!(found(bot, &["198.20.0.7"]), fine("198.20.0.7"));
        assert_eq!(found(bot, &["100.128.0.1"]), fine("100.128.0.1"));
        for inner in [
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "10.1.2.3",
            "192.168.0.9",
            "169.254.1.1",
            "0.0.0.0",
            "203.0.113.5",
            "224.0.0.1",
        ] {
            let fault = Fault::NotPublic("bot.example.com".to_owned(), inner.parse().unwrap());
            assert_eq!(found(bot, &[inner]), Err(fault));
        }
        assert_eq!(
            found(bot, &["2001:4860::8888"]),
            only_ipv6("bot.example.com")
        );
    }
}
