//! What addresses say of the NAT in front of somebody, by the words of RFC 4787 and RFC 5780. Only what was
//! seen counts: how a NAT treats other destinations, no one address tells.

use std::net::{IpAddr, SocketAddr};

/// What stands between somebody's machine and the network, as far as it was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nat {
    /// Not known.
    Unknown,
    /// None: he is seen at an address of his own machine.
    None,
    /// There is one, and how it maps was not seen.
    Some,
    /// Two destinations saw the same address and port (endpoint-independent mapping).
    Independent,
    /// Another port, or address, towards another destination (address-dependent mapping, or address and
    /// port-dependent).
    Dependent,
}

impl Nat {
    /// What is to be thought of somebody whom the server sees at `observed`, who says that his own addresses are
    /// `own`, and whose first datagram over a direct path came from `came_from`.
    #[must_use]
    pub(crate) fn of(
        observed: Option<SocketAddr>,
        own: &[SocketAddr],
        came_from: Option<SocketAddr>,
    ) -> Self {
        let Some(observed) = observed else { return Self::Unknown };
        if observed.ip().is_loopback() || own.contains(&observed) {
            return Self::None;
        }
        // Who does not tell his addresses may be seen at one of them.
        if !own.iter().any(|own| own.is_ipv4() == observed.is_ipv4()) {
            return Self::Unknown;
        }
        match came_from {
            Some(address) if address == observed => Self::Independent,
            // What comes from his own address, or by another family, has not passed this NAT.
            Some(address) if own.contains(&address) => Self::Some,
            Some(address) if address.is_ipv4() != observed.is_ipv4() => Self::Some,
            Some(_) => Self::Dependent,
            None => Self::Some,
        }
    }

    /// For programs.
    #[must_use]
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::None => "none",
            Self::Some => "some",
            Self::Independent => "endpoint-independent",
            Self::Dependent => "address-dependent",
        }
    }

    /// For people, as the end of a sentence about somebody's side.
    #[must_use]
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Unknown => "whether a NAT is there is not known",
            Self::None => "no NAT: the server sees an address of that machine itself",
            Self::Some => {
                "behind a NAT; whether it gives each destination another port was not seen"
            }
            Self::Independent => {
                "behind a NAT that showed the server and the other side the same port \
                 (endpoint-independent mapping)"
            }
            Self::Dependent => {
                "behind a NAT that gave the other side another port than the server \
                 (address-dependent mapping)"
            }
        }
    }
}

/// Whether an address is one of a network of one's own: private, link-local or unique local (RFC 1918, 3927,
/// 4193, 4291), or of this machine.
#[must_use]
pub(crate) fn is_local(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local() || ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_loopback(),
    }
}

/// An address without what would find anybody: only its kind.
#[must_use]
pub(crate) fn kind(ip: IpAddr) -> &'static str {
    match ip.to_canonical() {
        IpAddr::V4(ip) if ip.is_loopback() => "loopback IPv4",
        IpAddr::V4(ip) if ip.is_private() => "private IPv4",
        IpAddr::V4(ip) if ip.is_link_local() => "link-local IPv4",
        // Shared by a provider's customers (RFC 6598).
        IpAddr::V4(ip) if ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64 => "shared IPv4",
        IpAddr::V4(_) => "public IPv4",
        IpAddr::V6(ip) if ip.is_loopback() => "loopback IPv6",
        IpAddr::V6(ip) if ip.is_unique_local() => "unique local IPv6",
        IpAddr::V6(ip) if ip.is_unicast_link_local() => "link-local IPv6",
        IpAddr::V6(_) => "public IPv6",
    }
}

/// Whether two addresses are of one network, as most are laid out: a /24 of IPv4, a /64 of IPv6.
#[must_use]
pub(crate) fn is_same_network(one: IpAddr, other: IpAddr) -> bool {
    match (one.to_canonical(), other.to_canonical()) {
        (IpAddr::V4(one), IpAddr::V4(other)) => one.octets()[..3] == other.octets()[..3],
        (IpAddr::V6(one), IpAddr::V6(other)) => one.segments()[..4] == other.segments()[..4],
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_what_was_seen_is_said() {
        let of = |observed: &str, own: &[&str], came_from: Option<&str>| {
            let own: Vec<SocketAddr> = own.iter().map(|own| address(own)).collect();
            Nat::of(Some(address(observed)), &own, came_from.map(address))
        };
        let (public, home, six) = ("203.0.113.7:6000", "192.168.0.2:6000", "[2001:db8::7]:6000");
        assert_eq!(Nat::of(None, &[address(home)], None), Nat::Unknown);
        assert_eq!(of(public, &[public], None), Nat::None);
        assert_eq!(of(public, &[home, public], Some(public)), Nat::None);
        assert_eq!(of("127.0.0.1:6000", &[home], None), Nat::None);
        assert_eq!(of(public, &[], None), Nat::Unknown, "he does not say where he is");
        assert_eq!(of(public, &[six], Some(public)), Nat::Unknown);
        assert_eq!(of(public, &[home], None), Nat::Some);
        assert_eq!(of(public, &[home], Some(home)), Nat::Some, "the NAT was not passed");
        assert_eq!(of(public, &[home, six], Some("[2001:db8::8]:6000")), Nat::Some);
        assert_eq!(of(public, &[home], Some(public)), Nat::Independent);
        assert_eq!(of(public, &[home], Some("203.0.113.7:20001")), Nat::Dependent);
        assert_eq!(of(public, &[home], Some("203.0.113.8:6000")), Nat::Dependent, "a pool");
    }

    #[test]
    fn addresses_of_ones_own_network() {
        for (ip, local, kind_of) in [
            ("10.1.2.3", true, "private IPv4"),
            ("172.31.0.1", true, "private IPv4"),
            ("172.32.0.1", false, "public IPv4"),
            ("169.254.1.1", true, "link-local IPv4"),
            ("127.0.0.1", true, "loopback IPv4"),
            ("100.64.0.1", false, "shared IPv4"),
            ("100.128.0.1", false, "public IPv4"),
            ("::ffff:192.168.0.1", true, "private IPv4"),
            ("fd00::1", true, "unique local IPv6"),
            ("fe80::1", true, "link-local IPv6"),
            ("::1", true, "loopback IPv6"),
            ("2001:db8::1", false, "public IPv6"),
        ] {
            let ip: IpAddr = ip.parse().unwrap();
            assert_eq!((is_local(ip), kind(ip)), (local, kind_of), "{ip}");
        }
        let same =
            |one: &str, other: &str| is_same_network(one.parse().unwrap(), other.parse().unwrap());
        assert!(same("192.168.1.2", "::ffff:192.168.1.9") && same("2001:db8::1", "2001:db8::2"));
        assert!(!same("192.168.1.2", "192.168.2.2") && !same("192.168.1.2", "2001:db8::1"));
    }
}
