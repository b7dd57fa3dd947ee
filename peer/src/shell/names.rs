//! Names of hosts and addresses of this machine: looked up on a thread, because it may take long.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{self, Sender};
use std::thread;

use super::Wake;
use super::workers::Mailbox;

/// Most addresses of one name that are tried.
const MAX_ADDRESSES: usize = 8;
/// Most addresses of this machine that are offered to a peer.
const MAX_CANDIDATES: usize = 8;

/// Looks up the server's name whenever it is asked to.
pub(super) struct Resolver {
    ask: Sender<()>,
}

impl Resolver {
    /// A resolver of `server` (`host:port`) that uses only addresses which the socket can reach.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(super) fn start(server: String, local: SocketAddr, mailbox: Mailbox) -> io::Result<Self> {
        let (ask, asked) = mpsc::channel();
        thread::Builder::new().name("names".to_owned()).spawn(move || {
            while asked.recv().is_ok() {
                // Several questions that came meanwhile have one answer.
                while asked.try_recv().is_ok() {}
                mailbox.put(Wake::Resolved(resolve(&server, local)));
            }
        })?;
        Ok(Self { ask })
    }

    /// Asks; the answer comes as [`Wake::Resolved`].
    pub(super) fn ask(&self) {
        let _ = self.ask.send(());
    }
}

/// The addresses of `server` that a socket bound to `local` can reach.
///
/// # Errors
/// Why there are none.
pub(super) fn resolve(server: &str, local: SocketAddr) -> Result<Vec<SocketAddr>, String> {
    let found = server.to_socket_addrs().map_err(|error| format!("{server}: {error}"))?;
    let mut usable: Vec<SocketAddr> = found.filter(|address| is_usable(*address, local)).collect();
    usable.dedup();
    usable.truncate(MAX_ADDRESSES);
    if usable.is_empty() {
        return Err(format!("{server} has no address that {} can reach", local.ip()));
    }
    Ok(usable)
}

/// A socket bound to `::` takes both families; others only their own.
const fn is_usable(address: SocketAddr, local: SocketAddr) -> bool {
    match (local.ip(), address) {
        (IpAddr::V4(_), SocketAddr::V6(_)) => false,
        (IpAddr::V6(ip), SocketAddr::V4(_)) => ip.is_unspecified(),
        (IpAddr::V4(_), SocketAddr::V4(_)) | (IpAddr::V6(_), SocketAddr::V6(_)) => true,
    }
}

/// Addresses of this machine at which the socket bound to `local` can be reached by machines
/// near by.
pub(super) fn candidates(local: SocketAddr) -> Vec<SocketAddr> {
    if !local.ip().is_unspecified() {
        return vec![local];
    }
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let addresses = interfaces.iter().map(if_addrs::Interface::ip);
    choose(addresses, local)
}

fn choose(addresses: impl Iterator<Item = IpAddr>, local: SocketAddr) -> Vec<SocketAddr> {
    let is_candidate = |ip: &IpAddr| match ip {
        IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_link_local() && !ip.is_unspecified(),
        IpAddr::V6(ip) => {
            local.is_ipv6()
                && !ip.is_loopback()
                && !ip.is_unicast_link_local()
                && !ip.is_unspecified()
        }
    };
    let unique: BTreeSet<IpAddr> = addresses.filter(is_candidate).collect();
    let with_port = unique.into_iter().map(|ip| SocketAddr::new(ip, local.port()));
    with_port.take(MAX_CANDIDATES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_addresses_of_a_family_of_the_socket() {
        let v4 = address("192.0.2.1:5000");
        let v6 = address("[2001:db8::1]:5000");
        assert!(is_usable(v4, address("0.0.0.0:1")) && !is_usable(v6, address("0.0.0.0:1")));
        assert!(is_usable(v4, address("[::]:1")) && is_usable(v6, address("[::]:1")));
        assert!(!is_usable(v4, address("[2001:db8::2]:1")));
        assert_eq!(resolve("127.0.0.1:5", address("[::]:1")), Ok(vec![address("127.0.0.1:5")]));
        assert!(resolve("[::1]:5", address("0.0.0.0:1")).unwrap_err().contains("[::1]:5"));
    }

    #[test]
    fn candidates_are_addresses_that_others_can_reach() {
        let ips = ["127.0.0.1", "192.168.1.7", "169.254.1.1", "::1", "fe80::1", "fd00::7"];
        let ips = || ips.iter().map(|ip| ip.parse().unwrap());
        assert_eq!(choose(ips(), address("0.0.0.0:60")), [address("192.168.1.7:60")]);
        let both = [address("192.168.1.7:60"), address("[fd00::7]:60")];
        assert_eq!(choose(ips(), address("[::]:60")), both);
        assert_eq!(candidates(address("127.0.0.1:60")), [address("127.0.0.1:60")]);
        let many = (0..99).map(|n| IpAddr::from([10, 0, 0, n]));
        assert_eq!(choose(many, address("0.0.0.0:60")).len(), MAX_CANDIDATES);
    }
}
