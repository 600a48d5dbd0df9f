//! Public addresses, as opposed to private and reserved ones.

use std::net::{IpAddr, Ipv4Addr};

/// Returns true for an address of the public Internet, false for one that is set aside for
/// something else (IANA's special-purpose registries).
pub(crate) fn is_public(ip: IpAddr) -> bool {
    let ip = match ip {
        IpAddr::V4(ip) => return is_public_v4(ip),
        IpAddr::V6(ip) => ip,
    };
    match (ip.to_ipv4(), ip.segments()) {
        (Some(mapped), _) => is_public_v4(mapped),
        // NAT64: the last 32 bits are an IPv4 address.
        (None, [0x64, 0xff9b, 0, 0, 0, 0, high, low]) => {
            is_public_v4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)))
        }
        // Global unicast, except protocol assignments such as Teredo, 6to4 and documentation.
        (None, [first, second, ..]) => {
            first & 0xe000 == 0x2000
                && !(first == 0x2001 && second < 0x200)
                && first != 0x2002
                && !(first == 0x3fff && second < 0x1000)
                && (first, second) != (0x2001, 0xdb8)
        }
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let is_special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_documentation()
        // In this order: "this network", carrier-grade NAT, protocol assignments, relays of 6to4,
        // benchmarks, and multicast with all above it.
        || a == 0
        || (a == 100 && b & 0xc0 == 64)
        || (a, b, c) == (192, 0, 0)
        || (a, b, c) == (192, 88, 99)
        || (a == 198 && b & 0xfe == 18)
        || a >= 224;
    !is_special
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(addresses: &str, expected: bool) {
        for ip in addresses.split_whitespace() {
            assert_eq!(is_public(ip.parse().unwrap()), expected, "{ip}");
        }
    }

    #[test]
    fn addresses_of_the_internet_are_public() {
        check(
            "1.1.1.1 9.255.255.255 11.0.0.0 100.63.0.0 100.128.0.0 126.0.0.1 128.0.0.1 \
             169.253.0.1 172.15.0.1 172.32.0.1 192.0.1.0 192.167.0.1 192.169.0.1 198.17.0.1 \
             198.20.0.1 223.255.255.255 192.88.98.1 192.88.100.1 2001:200::1 2001:4860::8888 2400::1 \
             3fff:1000::1 ::ffff:1.1.1.1 64:ff9b::101:101",
            true,
        );
    }

    #[test]
    fn addresses_set_aside_for_something_else_are_not() {
        check(
            "0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.127.255.255 127.0.0.1 127.9.9.9 \
             169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1 192.0.2.1 192.168.1.1 198.18.0.1 \
             198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 240.0.0.1 255.255.255.255 :: ::1 \
             fc00::1 fd00:ec2::254 fe80::1 fec0::1 ff02::1 2001:db8::1 3fff::1 3fff:fff::1 ::ffff:127.0.0.1 \
             ::127.0.0.1 192.88.99.1 2001::1 2001:1ff::1 64:ff9b::a9fe:a9fe 64:ff9b:1::1 2002:101:101::1 100::1",
            false,
        );
    }
}
