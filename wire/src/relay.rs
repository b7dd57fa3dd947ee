//! Relaying: what two peers of whom neither can reach the other say through the server
//! (PROTOCOL.md, "Relaying").
//!
//! The server gives each of the two a *leg*: a number and a key. A datagram for the other side goes
//! to the server behind a header of that leg; the server takes the header off, puts one of the
//! other's leg on, and sends it on to where the other's session is. It reads nothing of what the
//! header carries, and it never sends to an address that a client has named.
//!
//! ```text
//!   alice                          server                          bob
//!   | RELAY leg 7, number, MAC |   takes 7 for alice's   RELAY leg 9, number, MAC |
//!   | DATA ... CRC             |-> leg to bob's leg 9 -> DATA ... CRC             |
//! ```
//!
//! Inside an endpoint a leg stands for an address of the discard-only prefix, so that probes,
//! handshakes and paths need not know of it: [`is_relayed`] tells it from others.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::connection::numbers::NUMBER_LIMIT;
use crate::connection::replay::ReplayWindow;
use crate::crypto::mac::{equal, keyed};
use crate::crypto::secret::Secret;
use crate::datagram::RELAY;

/// Bytes before the datagram that is carried: type, three zeros, leg, number, MAC [W-111].
pub const HEADER_LEN: usize = 32;
/// Bytes of them that the MAC covers.
const MACD_LEN: usize = 16;
/// A prefix to which nobody routes anything (RFC 6666).
const DISCARD_ONLY: [u16; 4] = [0x100, 0, 0, 0];
/// UDP has to have one; nothing listens there.
const PORT: u16 = 1;

/// One side's half of a relayed call, as the server tells it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LegGrant {
    /// Names the leg in the clear. Random.
    pub leg: u32,
    /// Known to this side and the server: for the MACs of both directions.
    pub key: Secret<[u8; 32]>,
    /// Bytes a second that the server carries for this side's session, over all its legs.
    pub rate: u64,
}

/// Who holds a [`Leg`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// The peer.
    Client,
    /// The server.
    Server,
}

/// Why a RELAY datagram was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Too short, or a reserved byte is not zero.
    Malformed,
    /// The MAC does not fit.
    BadMac,
    /// The number was seen before, or is too old to tell.
    Replayed,
}

/// The keys and numbers of one leg, at either end of it.
pub struct Leg {
    number: u32,
    send: [u8; 32],
    receive: [u8; 32],
    /// Of the next datagram.
    next: u64,
    replay: Box<ReplayWindow>,
}

impl Leg {
    /// For who holds it.
    #[must_use]
    pub fn new(grant: &LegGrant, holder: Holder) -> Self {
        let key = grant.key.expose();
        let up = blake3::derive_key("tincan/1 relay to the server", key);
        let down = blake3::derive_key("tincan/1 relay to the client", key);
        let (send, receive) = match holder {
            Holder::Client => (up, down),
            Holder::Server => (down, up),
        };
        let replay = Box::new(ReplayWindow::new());
        Self { number: grant.leg, send, receive, next: 0, replay }
    }

    /// The header of the next datagram [W-111].
    pub fn seal(&mut self) -> [u8; HEADER_LEN] {
        let mut header = [0; HEADER_LEN];
        header[0] = RELAY;
        header[4..8].copy_from_slice(&self.number.to_be_bytes());
        header[8..MACD_LEN].copy_from_slice(&self.next.to_be_bytes());
        let mac = keyed(&self.send, &header[..MACD_LEN]);
        header[MACD_LEN..].copy_from_slice(&mac);
        self.next += 1;
        header
    }

    /// The datagram that one of this leg carries, each once [W-112]; none at all says that the leg has
    /// ended [W-116].
    ///
    /// # Errors
    /// When it is not one that the other end of this leg made, or came before.
    pub fn open<'a>(&mut self, datagram: &'a mut [u8]) -> Result<&'a mut [u8], Refused> {
        if leg_of(datagram) != Some(self.number) {
            return Err(Refused::Malformed);
        }
        let (header, carried) = datagram.split_at_mut(HEADER_LEN);
        let number = u64::from_be_bytes(*header[8..].first_chunk().expect("it has 32 bytes"));
        if number >= NUMBER_LIMIT || !self.replay.accepts(number) {
            return Err(Refused::Replayed);
        }
        if !equal(&keyed(&self.receive, &header[..MACD_LEN]), &header[MACD_LEN..]) {
            return Err(Refused::BadMac);
        }
        self.replay.commit(number);
        Ok(carried)
    }
}

/// Whether a datagram calls itself RELAY.
#[must_use]
pub fn is_relay(datagram: &[u8]) -> bool {
    datagram.first() == Some(&RELAY)
}

/// The leg that a RELAY datagram names; `None` when it is too short to name one, or none.
#[must_use]
pub fn leg_of(datagram: &[u8]) -> Option<u32> {
    let header: &[u8; HEADER_LEN] = datagram.first_chunk()?;
    (header[..4] == [RELAY, 0, 0, 0])
        .then(|| u32::from_be_bytes([header[4], header[5], header[6], header[7]]))
}

/// The address that stands for a leg inside an endpoint.
pub(crate) const fn place(number: u32) -> SocketAddr {
    let [a, b, c, d] = DISCARD_ONLY;
    let ip = Ipv6Addr::new(a, b, c, d, 0, 0, (number >> 16) as u16, number as u16);
    SocketAddr::new(IpAddr::V6(ip), PORT)
}

/// Whether an address stands for the way through the server, as that of an
/// [`Event::Connected`](crate::Event::Connected) may.
#[must_use]
pub fn is_relayed(address: SocketAddr) -> bool {
    match address.ip() {
        IpAddr::V4(_) => false,
        IpAddr::V6(ip) => ip.segments()[..4] == DISCARD_ONLY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends() -> (Leg, Leg) {
        let grant = LegGrant { leg: 0x0102_0304, key: Secret::new([7; 32]), rate: 1 };
        (Leg::new(&grant, Holder::Client), Leg::new(&grant, Holder::Server))
    }

    fn datagram(leg: &mut Leg, carried: &[u8]) -> Vec<u8> {
        [leg.seal().as_slice(), carried].concat()
    }

    /// [W-111]
    #[test]
    fn the_header_is_what_the_document_says() {
        let (mut client, _) = ends();
        client.next = 0x0506;
        let header = client.seal();
        assert_eq!(header[..16], [11, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 5, 6]);
        let key = blake3::derive_key("tincan/1 relay to the server", &[7; 32]);
        assert_eq!(header[16..], blake3::keyed_hash(&key, &header[..16]).as_bytes()[..16]);
    }

    /// F04: [W-112]
    #[test]
    fn each_is_opened_once_and_only_by_the_other_end() {
        let (mut client, mut server) = ends();
        let sealed = datagram(&mut client, b"carried");
        assert_eq!(client.open(&mut sealed.clone()), Err(Refused::BadMac), "not its own");
        assert_eq!(server.open(&mut sealed.clone()), Ok(b"carried".to_vec().as_mut_slice()));
        assert_eq!(server.open(&mut sealed.clone()), Err(Refused::Replayed));
        let back = datagram(&mut server, b"back");
        assert_eq!(client.open(&mut back.clone()), Ok(b"back".to_vec().as_mut_slice()));
    }

    /// F04: [W-112]
    #[test]
    fn no_changed_header_passes() {
        let (mut client, mut server) = ends();
        let sealed = datagram(&mut client, b"x");
        for place in 0..HEADER_LEN {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert!(server.open(&mut changed).is_err(), "byte {place}");
        }
        for len in 0..HEADER_LEN {
            assert!(server.open(&mut sealed[..len].to_vec()).is_err(), "{len} bytes");
        }
        assert!(server.open(&mut sealed.clone()).is_ok(), "nothing of that has moved the window");
    }

    /// [W-112]: the last numbers would leave no room for one more.
    #[test]
    fn a_number_that_none_follows_is_refused() {
        let (mut client, mut server) = ends();
        for number in [u64::MAX - 1, NUMBER_LIMIT] {
            client.next = number;
            let mut sealed = datagram(&mut client, b"x");
            assert_eq!(server.open(&mut sealed), Err(Refused::Replayed), "{number}");
        }
        client.next = NUMBER_LIMIT - 1;
        assert!(server.open(&mut datagram(&mut client, b"x")).is_ok());
    }

    #[test]
    fn a_place_is_told_from_an_address() {
        assert!(is_relayed(place(0)) && is_relayed(place(u32::MAX)));
        assert_ne!(place(1), place(1 << 16));
        for address in ["[100:0:0:1::1]:1", "[2001:db8::1]:1", "1.0.0.0:1", "[::1]:1"] {
            assert!(!is_relayed(address.parse().unwrap()), "{address}");
        }
    }
}
