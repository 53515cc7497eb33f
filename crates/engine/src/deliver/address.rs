//! Which addresses deliveries may go to.
//!
//! Whoever can name a target could otherwise have this server ask things of its own machine and network (server-side request
//! forgery). So only addresses of the public internet are accepted, and the forms in which IPv6 hides an IPv4 address are looked
//! through. Private ones are for those who name them in the target.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is when it is not one of the public internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Of this machine or a private network: allowed by the name of the host, or by the address itself.
    Private(&'static str),
    /// Nothing that a webhook should go to, or where machines of clouds keep their secrets: allowed by the address itself alone.
    Special(&'static str),
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Private(name) | Kind::Special(name) => name,
        }
    }
}

/// The address that is meant: IPv4 inside of IPv6 is IPv4.
pub(super) fn meant(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(v6) => inner(v6).map_or(ip, IpAddr::V4),
        IpAddr::V4(_) => ip,
    }
}

/// What this address is, `None` for one of the public internet.
pub(super) fn kind(ip: IpAddr) -> Option<Kind> {
    match meant(ip) {
        IpAddr::V4(v4) => kind_v4(v4),
        IpAddr::V6(v6) => kind_v6(v6),
    }
}

/// The IPv4 address to which packets for this one go: mapped (`::ffff:a.b.c.d`), translated (`::ffff:0:a.b.c.d`), compatible
/// (`::a.b.c.d`), and the well-known prefix of NAT64 (`64:ff9b::a.b.c.d`), by which networks without IPv4 reach all of it.
fn inner(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let [prefix @ .., high, low] = v6.segments();
    let low = Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match prefix {
        [0, 0, 0, 0, 0, 0xffff] | [0, 0, 0, 0, 0xffff, 0] | [0x64, 0xff9b, 0, 0, 0, 0] => Some(low),
        // `::` and `::1` are addresses of their own.
        [0, 0, 0, 0, 0, 0] if low.to_bits() > 1 => Some(low),
        _ => None,
    }
}

/// After the registry of special-purpose addresses of IANA (RFC 6890), and where clouds keep what their machines may know.
fn kind_v4(ip: Ipv4Addr) -> Option<Kind> {
    let kind = match ip.octets() {
        [127, ..] => Kind::Private("this machine"),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Kind::Private("a private address"),
        [169, 254, 169, 254] | [168, 63, 129, 16] | [100, 100, 100, 200] | [192, 0, 0, 192] => {
            Kind::Special("where a cloud keeps its metadata")
        }
        [100, 64..=127, ..] => Kind::Private("an address shared by the customers of a provider"),
        [169, 254, ..] => Kind::Special("a link-local address"),
        [0, ..] => Kind::Special("an unspecified address"),
        [192, 0, 0, _] | [192, 88, 99, _] | [198, 18..=19, ..] => Kind::Special("an address for special purposes"),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Kind::Special("an address for documentation"),
        [224..=239, ..] => Kind::Special("a multicast address"),
        [240..=255, ..] => Kind::Special("a reserved address"),
        _ => return None,
    };
    Some(kind)
}

/// Of IPv6, only `2000::/3` is given out; what is special in it is left out as well.
fn kind_v6(ip: Ipv6Addr) -> Option<Kind> {
    let kind = match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Kind::Special("an unspecified address"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Kind::Private("this machine"),
        // Inside of the private range, so it has to come first.
        [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254] => Kind::Special("where a cloud keeps its metadata"),
        [0xfc00..=0xfdff, ..] => Kind::Private("a private address"),
        [0xfe80..=0xfebf, ..] => Kind::Special("a link-local address"),
        [0xfec0..=0xfeff, ..] => Kind::Special("a site-local address"),
        [0xff00..=0xffff, ..] => Kind::Special("a multicast address"),
        [0x2002, ..] => Kind::Special("an address of 6to4, which hides another one"),
        [0x2001, 0, ..] => Kind::Special("an address of Teredo, which hides another one"),
        [0x2001, 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => Kind::Special("an address for documentation"),
        [0x2001, 0..=0x01ff, ..] => Kind::Special("an address for special purposes"),
        [0x2000..=0x3fff, ..] => return None,
        _ => Kind::Special("an address that is not given out"),
    };
    Some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expected: Option<&str>, addresses: &[&str]) {
        for address in addresses {
            let ip: IpAddr = address.parse().expect(address);
            assert_eq!(kind(ip).map(Kind::name), expected, "{address}");
        }
    }

    #[test]
    fn addresses_of_the_public_internet_are_no_kind() {
        check(
            None,
            &["1.1.1.1", "8.8.8.8", "172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.1", "223.255.255.255"],
        );
        check(
            None,
            &["192.167.0.1", "169.253.1.1", "11.0.0.1", "128.0.0.1", "198.17.0.1", "198.20.0.1", "9.255.255.255"],
        );
        check(
            None,
            &[
                "2606:4700::1111",
                "2a00:1450::1",
                "2001:4860:4860::8888",
                "2001:200::1",
                "::ffff:8.8.8.8",
                "64:ff9b::808:808",
            ],
        );
    }

    #[test]
    fn all_else_is() {
        check(
            Some("this machine"),
            &["127.0.0.1", "127.1.2.3", "127.255.255.255", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1"],
        );
        check(Some("this machine"), &["::127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::7f00:1"]);
        check(
            Some("a private address"),
            &["10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.1.1"],
        );
        check(
            Some("a private address"),
            &["fc00::1", "fd12:3456::1", "::ffff:10.0.0.1", "::10.0.0.1", "64:ff9b::c0a8:101"],
        );
        check(Some("an address shared by the customers of a provider"), &["100.64.0.1", "100.127.255.255"]);
        check(
            Some("a link-local address"),
            &["169.254.0.1", "169.254.170.2", "fe80::1", "febf::1", "::ffff:169.254.1.1"],
        );
        let metadata = "where a cloud keeps its metadata";
        check(Some(metadata), &["169.254.169.254", "::ffff:a9fe:a9fe", "64:ff9b::a9fe:a9fe", "168.63.129.16"]);
        check(Some(metadata), &["100.100.100.200", "192.0.0.192", "fd00:ec2::254"]);
        check(Some("an unspecified address"), &["0.0.0.0", "0.1.2.3", "::", "::ffff:0.0.0.0"]);
        check(Some("a multicast address"), &["224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"]);
        check(Some("a reserved address"), &["240.0.0.1", "255.255.255.255", "::ffff:255.255.255.255"]);
        check(
            Some("an address for special purposes"),
            &["192.0.0.1", "192.88.99.1", "198.18.0.1", "198.19.255.255", "2001:1::1"],
        );
        check(
            Some("an address for documentation"),
            &["192.0.2.1", "198.51.100.7", "203.0.113.9", "2001:db8::1", "3fff::1"],
        );
        check(
            Some("an address of 6to4, which hides another one"),
            &["2002:7f00:1::", "2002:a00:1::1", "2002:808:808::1"],
        );
        check(Some("an address of Teredo, which hides another one"), &["2001::1", "2001:0:7f00:1::"]);
        check(Some("a site-local address"), &["fec0::1"]);
        check(
            Some("an address that is not given out"),
            &["100::1", "5f00::1", "64:ff9b:1::1", "4000::1", "1::1", "::2:0:0:1"],
        );
    }
}
