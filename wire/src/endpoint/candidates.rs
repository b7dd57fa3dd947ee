//! Addresses that others name, before anything is sent to them.

use std::net::{IpAddr, SocketAddr};

use crate::relay::is_relayed;

/// The address in its one spelling, if it may be probed: a unicast address of a single host, and
/// a port at which no well-known service answers strangers (F01) [W-35].
pub(super) fn usable(address: SocketAddr) -> Option<SocketAddr> {
    let ip = address.ip().to_canonical();
    let unicast = match ip {
        // 0.0.0.0/8 is "this host", 224.0.0.0/4 multicast, 240.0.0.0/4 reserved and broadcast.
        IpAddr::V4(ip) => (1..224).contains(&ip.octets()[0]),
        // ::/96 spells IPv4 once more; ::1 is in it.
        IpAddr::V6(ip) => !ip.is_multicast() && (ip.is_loopback() || ip.segments()[..6] != [0; 6]),
    };
    let unicast = unicast && !is_relayed(address);
    let port = ![0, 53].contains(&address.port());
    let spelled = match (ip, address) {
        // Keeps the scope of a link-local address.
        (IpAddr::V6(_), SocketAddr::V6(_)) => address,
        (ip, _) => SocketAddr::new(ip, address.port()),
    };
    (unicast && port).then_some(spelled)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F01: [W-35]
    #[test]
    fn what_is_no_single_host_is_refused_in_every_spelling() {
        for refused in [
            "0.0.0.0:4000",
            "0.1.2.3:4000",
            "255.255.255.255:4000",
            "240.0.0.1:4000",
            "224.0.0.1:4000",
            "239.255.255.255:4000",
            "[::]:4000",
            "[ff02::1]:4000",
            "[::ffff:255.255.255.255]:4000",
            "[::ffff:224.0.0.1]:4000",
            "[::ffff:0.0.0.0]:4000",
            "[::192.0.2.1]:4000",
            "192.0.2.1:0",
            "192.0.2.1:53",
            "[2001:db8::1]:53",
            "[100::7]:4000",
        ] {
            assert_eq!(usable(refused.parse().unwrap()), None, "{refused}");
        }
        for (given, kept) in [
            ("192.0.2.1:4000", "192.0.2.1:4000"),
            ("[::ffff:192.0.2.1]:4000", "192.0.2.1:4000"),
            ("127.0.0.1:4000", "127.0.0.1:4000"),
            ("[::1]:4000", "[::1]:4000"),
            ("[2001:db8::1]:4000", "[2001:db8::1]:4000"),
            ("[fe80::1%2]:4000", "[fe80::1%2]:4000"),
        ] {
            assert_eq!(usable(given.parse().unwrap()), Some(kept.parse().unwrap()));
        }
    }
}
