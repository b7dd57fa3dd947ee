//! By which path a user is reached, in figures, and what is known of the addresses of both sides.

use std::net::{IpAddr, SocketAddr};

use wire::ConnectionHandle;
use wire::app::name::Name;
use wire::app::server::{Introduction, MAX_CANDIDATES};
use wire::relay::is_relayed;

use super::App;
use super::nat::{Nat, is_local};
use crate::output::{ConnectionLine, FileLine, Output, path_word};

/// What an introduction has told of where a user is.
#[derive(Clone, Debug, Default)]
pub(super) struct Whereabouts {
    /// Where the server sees him.
    pub(super) observed: Option<SocketAddr>,
    /// The addresses of his machine, as he says.
    pub(super) own: Vec<SocketAddr>,
    /// Bytes a second that the server carries for each of the two, if it does.
    pub(super) relay_rate: Option<u64>,
    /// Where his first datagrams over a direct path came from: a NAT may be given another port later, which says
    /// nothing of how it maps.
    pub(super) came_from: Option<SocketAddr>,
}

impl Whereabouts {
    pub(super) fn of(introduction: &Introduction) -> Self {
        let mut candidates = introduction.candidates.iter().copied();
        Self {
            observed: candidates.next(),
            own: candidates.take(MAX_CANDIDATES).collect(),
            relay_rate: introduction.relay.as_ref().map(|grant| grant.rate),
            came_from: None,
        }
    }

    pub(super) fn nat(&self) -> Nat {
        Nat::of(self.observed, &self.own, self.came_from)
    }

    /// The first direct path was found.
    pub(super) fn note_path(&mut self, address: Option<SocketAddr>) {
        let direct = address.filter(|address| !is_relayed(*address));
        self.came_from = self.came_from.or(direct);
    }

    /// Whether a path to this address stays in a network of both: it leads to an address of his own machine, and
    /// such an address means something only there (a pair of host candidates, RFC 8445).
    fn is_lan(&self, address: SocketAddr) -> bool {
        let is_his = self.own.contains(&address) || address.ip().to_canonical().is_loopback();
        is_his && is_local(address.ip())
    }
}

impl App {
    /// What is to be thought of this side's NAT.
    pub(super) fn own_nat(&self) -> Nat {
        Nat::of(self.observed, &self.settings.local_candidates, None)
    }

    /// Whether there is an address of IPv6 here by which others far away can be reached.
    pub(super) fn has_ipv6(&self) -> bool {
        let own = self.settings.local_candidates.iter();
        own.map(SocketAddr::ip).any(|ip: IpAddr| ip.is_ipv6() && !is_local(ip))
    }

    fn is_near_by(&self, user: &Name, address: SocketAddr) -> bool {
        self.links.up(user).is_some_and(|up| up.whereabouts.is_lan(address))
    }

    /// The path to a user is another one now, or the first.
    pub(super) fn note_path(&mut self, user: &Name) {
        let Some(endpoint) = &self.endpoint else { return };
        let Some(handle) = self.links.up(user).map(|up| up.handle) else { return };
        let address = endpoint.remote_address(handle);
        if let Some(up) = self.links.up_mut(user) {
            up.whereabouts.note_path(address);
        }
    }

    /// The link to a user in figures, where there is one.
    pub(super) fn link_line(&self, user: &Name) -> Option<ConnectionLine> {
        self.connection_line(Some(user), self.links.up(user)?.handle)
    }

    /// How a transfer goes, when it is one that goes from one user to another now: what a room is offered comes
    /// from many.
    pub(super) fn note_link(&self, file: &mut FileLine) {
        let is_between_two = file.room.is_none() && file.is_under_way();
        let user = Name::new(&file.with).ok().filter(|_| is_between_two);
        let line = user.and_then(|user| self.link_line(&user));
        file.link = line.map(|line| path_word(line.path, line.lan));
    }

    /// `/net`.
    pub(super) fn show_connections(&mut self) {
        let connections = self.connections();
        self.tell(Output::Net { connections });
    }

    /// The connections in figures: the server first, then users by name.
    #[must_use]
    pub fn connections(&self) -> Vec<ConnectionLine> {
        let server = self.server.handle().map(|handle| (None, handle));
        let users = self.links.all_up().map(|(user, up)| (Some(user), up.handle));
        server
            .into_iter()
            .chain(users)
            .filter_map(|(user, handle)| self.connection_line(user, handle))
            .collect()
    }

    pub(super) fn connection_line(
        &self,
        user: Option<&Name>,
        handle: ConnectionHandle,
    ) -> Option<ConnectionLine> {
        let endpoint = self.endpoint.as_ref()?;
        let stats = endpoint.stats(handle)?;
        let address = endpoint.remote_address(handle)?;
        let lan = user.is_some_and(|user| self.is_near_by(user, address));
        let (path, address) = if is_relayed(address) {
            ("relayed", self.server_address().map(|server| server.to_string()))
        } else {
            ("direct", Some(address.to_string()))
        };
        Some(ConnectionLine {
            user: user.map(Name::to_string),
            path,
            lan,
            address: address.unwrap_or_else(|| self.settings.server.clone()),
            rtt_ms: stats.smoothed_rtt.and_then(|rtt| u64::try_from(rtt.as_millis()).ok()),
            lag_ms: stats
                .smoothed_rtt
                .zip(stats.min_rtt)
                .and_then(|(rtt, min)| u64::try_from(rtt.saturating_sub(min).as_millis()).ok()),
            datagram: stats.datagram,
            window: stats.congestion_window,
            rate: stats.delivery_rate,
            datagrams_sent: stats.datagrams_sent,
            datagrams_lost: stats.datagrams_lost,
            bytes_sent: stats.stream_bytes_sent,
            bytes_sent_again: stats.retransmitted_bytes,
        })
    }
}

/// The addresses of an introduction that may be a peer's (security acceptance F01): never the
/// server itself, and on this machine only when the server is on it too.
pub(super) fn worth_probing(mut named: Vec<SocketAddr>, server: &[SocketAddr]) -> Vec<SocketAddr> {
    let canonical = |address: SocketAddr| (address.ip().to_canonical(), address.port());
    let is_local = |address: SocketAddr| address.ip().to_canonical().is_loopback();
    let server_is_local = server.iter().copied().any(is_local);
    named.retain(|named| {
        let is_server = server.iter().any(|one| canonical(*one) == canonical(*named));
        !is_server && (server_is_local || !is_local(*named))
    });
    let mut seen = Vec::new();
    // Whoever has no NAT is named twice.
    named.retain(|named| {
        let is_new = !seen.contains(&canonical(*named));
        seen.push(canonical(*named));
        is_new
    });
    named.truncate(MAX_CANDIDATES);
    named
}
