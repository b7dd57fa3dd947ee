//! Where a client comes from, as coarsely as one subscriber can be told from another.

use std::net::{IpAddr, Ipv6Addr};

/// An IPv4 address or an IPv6 /64: what limits count. One subscriber of IPv6 has a whole /64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SourcePrefix {
    /// One IPv4 address.
    V4([u8; 4]),
    /// The first 64 bits of an IPv6 address.
    V6([u8; 8]),
}

impl SourcePrefix {
    /// The prefix of an address; an IPv4 address written as IPv6 is the IPv4 address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self::V4(v4.octets()),
            IpAddr::V6(v6) => Self::V6(first_half(v6)),
        }
    }

    /// The bytes under which it is stored; V4 and V6 differ in length.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::V4(bytes) => bytes,
            Self::V6(bytes) => bytes,
        }
    }
}

/// How much of a client's address the log shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressLog {
    /// All of it.
    Full,
    /// The first half of it.
    Masked,
}

impl AddressLog {
    /// An address as the log shows it.
    pub(crate) fn show(self, address: IpAddr) -> String {
        match (self, address.to_canonical()) {
            (Self::Full, address) => address.to_string(),
            (Self::Masked, IpAddr::V4(v4)) => {
                let [a, b, ..] = v4.octets();
                format!("{a}.{b}.*.*")
            }
            (Self::Masked, IpAddr::V6(v6)) => {
                let [a, b, c, ..] = v6.segments();
                format!("{a:x}:{b:x}:{c:x}:*")
            }
        }
    }
}

fn first_half(address: Ipv6Addr) -> [u8; 8] {
    let octets = address.octets();
    core::array::from_fn(|i| octets[i])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masked_addresses_do_not_tell_the_subscriber() {
        let masked = |s: &str| AddressLog::Masked.show(s.parse().unwrap());
        assert_eq!(masked("192.0.2.77"), "192.0.*.*");
        assert_eq!(masked("::ffff:192.0.2.77"), "192.0.*.*");
        assert_eq!(masked("2001:db8:1:2::77"), "2001:db8:1:*");
        assert_eq!(AddressLog::Full.show([192, 0, 2, 77].into()), "192.0.2.77");
    }

    /// Security acceptance B11.
    #[test]
    fn a_whole_subnet_is_one_source() {
        let of = |s: &str| SourcePrefix::of(s.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("192.0.2.1"), of("::ffff:192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
