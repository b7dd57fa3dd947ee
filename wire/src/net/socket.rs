//! A UDP socket with everything that makes many datagrams cheap: segmentation offload (GSO) on
//! the way out, batches and receive offload (GRO) on the way in, the don't-fragment bit set, ECN
//! bits carried (all by quinn-udp).

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use mio::Interest;
use mio::event::Source as EventSource;
use quinn_udp::{EcnCodepoint, RecvMeta, UdpSockRef, UdpSocketState};
use rustix::io::Errno;

use crate::node::{Ecn, Node, Source, Transmit};
use crate::time::Instant;

/// Kernel buffers wanted, each way; the kernel caps them at its own limit.
const KERNEL_BUFFER: usize = 4 << 20;
/// Receive offload joins at most this much.
const RECEIVE_BUFFER: usize = 65_536;
/// Datagrams (or joined batches of them) taken by one system call.
const BATCH: usize = 8;
/// System calls of one [`Socket::receive`]: then others have their turn.
const ROUNDS: usize = 16;
/// The largest send with segmentation offload, below what IP and UDP headers leave of 64 KiB.
const MAX_BURST: usize = 65_000;

/// Whether [`Socket::receive`] has read everything.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Yes: wait for the next readiness event.
    Drained,
    /// No: call again without waiting, after sending.
    More,
}

/// What became of a send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// The kernel has it, or refuses it for good.
    Over,
    /// The kernel has no room now.
    Waits,
    /// The interface takes no datagrams of this size.
    TooLarge,
}

/// What became of sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendCounters {
    /// Datagrams handed to the kernel.
    pub datagrams: u64,
    /// Datagrams that the kernel refused for good (no route, too big, ...): lost, as the network
    /// loses them, and retransmitted by the transport.
    pub refused: u64,
}

/// What the operating system gives a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Bytes that the kernel keeps of what has come.
    pub receive_buffer: usize,
    /// Bytes that it keeps of what is to go.
    pub send_buffer: usize,
    /// Bytes wanted of each.
    pub buffer_wanted: usize,
    /// Datagrams that one call sends (GSO); 1 without.
    pub send_segments: usize,
    /// Datagrams that one buffer receives (GRO); 1 without.
    pub receive_segments: usize,
}

/// A UDP socket registered with `mio`, edge-triggered.
pub struct Socket {
    io: mio::net::UdpSocket,
    state: UdpSocketState,
    local: SocketAddr,
    /// One per slot of a batch.
    receive_buffers: Vec<Vec<u8>>,
    send_buffer: Vec<u8>,
    /// What is in `send_buffer` when the kernel had no room for it.
    refused: Option<Transmit>,
    counters: SendCounters,
}

impl Socket {
    /// What to register for.
    pub const INTERESTS: Interest = Interest::READABLE.add(Interest::WRITABLE);

    /// Binds a socket. An unspecified IPv6 address takes IPv4 as well.
    ///
    /// # Errors
    /// What the operating system says: address in use, no such address, no right.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let domain = socket2::Domain::for_address(address);
        let socket = socket2::Socket::new(domain, socket2::Type::DGRAM, None)?;
        if address.is_ipv6() {
            socket.set_only_v6(!address.ip().is_unspecified())?;
        }
        socket.set_nonblocking(true)?;
        // Larger buffers only help; a refusal does no harm.
        let _ = socket.set_recv_buffer_size(KERNEL_BUFFER);
        let _ = socket.set_send_buffer_size(KERNEL_BUFFER);
        socket.bind(&address.into())?;
        let io = mio::net::UdpSocket::from_std(socket.into());
        let state = UdpSocketState::new(UdpSockRef::from(&io))?;
        let local = io.local_addr()?;
        Ok(Self {
            io,
            state,
            local,
            receive_buffers: vec![vec![0; RECEIVE_BUFFER]; BATCH],
            send_buffer: Vec::with_capacity(MAX_BURST),
            refused: None,
            counters: SendCounters::default(),
        })
    }

    /// Binds a port on every address of both families, or of IPv4 alone where there is no IPv6.
    ///
    /// # Errors
    /// What the operating system says of IPv4.
    pub fn bind_port(port: u16) -> io::Result<Self> {
        let both = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
        match Self::bind(both) {
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
                Self::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))
            }
            bound => bound,
        }
    }

    /// The address it is bound to, with the port that was picked for port 0.
    #[must_use]
    pub const fn local_address(&self) -> SocketAddr {
        self.local
    }

    /// What the operating system gives it.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        let socket = socket2::SockRef::from(&self.io);
        Capabilities {
            receive_buffer: socket.recv_buffer_size().unwrap_or(0),
            send_buffer: socket.send_buffer_size().unwrap_or(0),
            buffer_wanted: KERNEL_BUFFER,
            send_segments: self.state.max_gso_segments(),
            receive_segments: self.state.gro_segments(),
        }
    }

    /// What became of sends so far.
    #[must_use]
    pub const fn counters(&self) -> SendCounters {
        self.counters
    }

    /// Reads what has arrived and gives it datagram by datagram to `take`.
    ///
    /// # Errors
    /// Only those after which the socket is of no use; what single datagrams or ICMP messages
    /// cause is passed over.
    pub fn receive(&mut self, mut take: impl FnMut(Source, &mut [u8])) -> io::Result<Progress> {
        for _ in 0..ROUNDS {
            let mut metas = [RecvMeta::default(); BATCH];
            let count = {
                let mut slices = self.receive_buffers.iter_mut().map(|b| IoSliceMut::new(b));
                let mut slices: [IoSliceMut<'_>; BATCH] =
                    std::array::from_fn(|_| slices.next().expect("one buffer per slot"));
                match self.state.recv(UdpSockRef::from(&self.io), &mut slices, &mut metas) {
                    Ok(count) => count,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        return Ok(Progress::Drained);
                    }
                    Err(error) if is_fatal(&error) => return Err(error),
                    // An ICMP message about an earlier send: reported once, then gone.
                    Err(_) => continue,
                }
            };
            for (meta, buffer) in metas.iter().zip(&mut self.receive_buffers).take(count) {
                let source = Source { address: canonical(meta.addr), ecn: from_bits(meta.ecn) };
                for datagram in buffer[..meta.len].chunks_mut(meta.stride.max(1)) {
                    take(source, datagram);
                }
            }
            if count < BATCH {
                // The kernel gave all that it had; what comes now is a readiness event of its own.
                return Ok(Progress::Drained);
            }
        }
        Ok(Progress::More)
    }

    /// Sends what `node` has, until it has no more or the kernel takes no more; the rest is sent
    /// at the next call.
    pub fn send_from(&mut self, now: Instant, node: &mut impl Node) {
        let mut waiting = self.refused.take();
        loop {
            let burst = self.state.max_gso_segments().clamp(1, MAX_BURST / 1500);
            let next =
                waiting.take().or_else(|| node.poll_transmit(now, &mut self.send_buffer, burst));
            let Some(transmit) = next else { return };
            match self.send(transmit) {
                Fate::Over => {}
                Fate::Waits => return,
                Fate::TooLarge => node.handle_too_large(now, transmit.segment_size),
            }
        }
    }

    /// Sends `send_buffer`.
    fn send(&mut self, transmit: Transmit) -> Fate {
        let Some(destination) = reachable(transmit.destination, self.local) else {
            self.counters.refused += self.datagrams_in(transmit);
            return Fate::Over;
        };
        let segments = self.datagrams_in(transmit) > 1;
        match self.send_burst(destination, transmit, &self.send_buffer, segments) {
            Ok(()) => self.counters.datagrams += self.datagrams_in(transmit),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.refused = Some(transmit);
                return Fate::Waits;
            }
            // A device without segmentation offload says so with EIO or EINVAL: one by one then.
            Err(_) if segments => return self.send_singly(destination, transmit),
            Err(error) => {
                self.counters.refused += 1;
                return fate(&error);
            }
        }
        Fate::Over
    }

    fn send_singly(&mut self, destination: SocketAddr, transmit: Transmit) -> Fate {
        let mut first = None;
        for datagram in self.send_buffer.chunks(transmit.segment_size) {
            match self.send_burst(destination, transmit, datagram, false) {
                Ok(()) => self.counters.datagrams += 1,
                Err(error) => {
                    self.counters.refused += 1;
                    first.get_or_insert(fate(&error));
                }
            }
        }
        first.unwrap_or(Fate::Over)
    }

    fn send_burst(
        &self,
        destination: SocketAddr,
        transmit: Transmit,
        contents: &[u8],
        segments: bool,
    ) -> io::Result<()> {
        let transmit = quinn_udp::Transmit {
            destination,
            ecn: to_bits(transmit.ecn),
            contents,
            segment_size: segments.then_some(transmit.segment_size),
            src_ip: None,
        };
        let attempt = self.state.try_send(UdpSockRef::from(&self.io), &transmit);
        match attempt {
            // The error of an earlier datagram (ICMP port unreachable) is told once, in place of
            // sending: send again.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                self.state.try_send(UdpSockRef::from(&self.io), &transmit)
            }
            result => result,
        }
    }

    fn datagrams_in(&self, transmit: Transmit) -> u64 {
        self.send_buffer.len().div_ceil(transmit.segment_size.max(1)) as u64
    }
}

impl EventSource for Socket {
    fn register(
        &mut self,
        registry: &mio::Registry,
        token: mio::Token,
        interests: Interest,
    ) -> io::Result<()> {
        self.io.register(registry, token, interests)
    }

    fn reregister(
        &mut self,
        registry: &mio::Registry,
        token: mio::Token,
        interests: Interest,
    ) -> io::Result<()> {
        self.io.reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &mio::Registry) -> io::Result<()> {
        self.io.deregister(registry)
    }
}

/// What an error says about datagrams that were not sent and will not be.
fn fate(error: &io::Error) -> Fate {
    let too_large = error.raw_os_error() == Some(Errno::MSGSIZE.raw_os_error());
    if too_large { Fate::TooLarge } else { Fate::Over }
}

/// Errors that are the program's or the machine's, not the network's.
fn is_fatal(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotConnected
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::OutOfMemory
    )
}

/// An IPv4 address that a dual-stack socket shows as IPv6 is IPv4 to everyone above.
fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::from((ip, address.port())),
        IpAddr::V6(_) => address,
    }
}

/// `destination` as this socket's family spells it; `None` where the families do not meet.
fn reachable(destination: SocketAddr, local: SocketAddr) -> Option<SocketAddr> {
    match (destination, local) {
        (SocketAddr::V4(v4), SocketAddr::V6(local)) if local.ip().is_unspecified() => {
            Some(SocketAddrV6::new(v4.ip().to_ipv6_mapped(), v4.port(), 0, 0).into())
        }
        (SocketAddr::V4(_), SocketAddr::V4(_)) | (SocketAddr::V6(_), SocketAddr::V6(_)) => {
            Some(destination)
        }
        _ => None,
    }
}

const fn from_bits(ecn: Option<EcnCodepoint>) -> Ecn {
    match ecn {
        None => Ecn::NotCapable,
        Some(EcnCodepoint::Ect0) => Ecn::Ect0,
        Some(EcnCodepoint::Ect1) => Ecn::Ect1,
        Some(EcnCodepoint::Ce) => Ecn::Ce,
    }
}

const fn to_bits(ecn: Ecn) -> Option<EcnCodepoint> {
    match ecn {
        Ecn::NotCapable => None,
        Ecn::Ect0 => Some(EcnCodepoint::Ect0),
        Ecn::Ect1 => Some(EcnCodepoint::Ect1),
        Ecn::Ce => Some(EcnCodepoint::Ce),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Deadline;
    use std::collections::VecDeque;

    /// Sends what it is given, and keeps what it gets.
    #[derive(Default)]
    struct Mailbag {
        outgoing: VecDeque<(SocketAddr, Vec<u8>, usize)>,
        too_large: Vec<usize>,
    }

    impl Node for Mailbag {
        fn handle_datagram(&mut self, _: Instant, _: Source, _: &mut [u8]) {}
        fn handle_timeout(&mut self, _: Instant) {}
        fn poll_transmit(&mut self, _: Instant, out: &mut Vec<u8>, _: usize) -> Option<Transmit> {
            let (destination, bytes, segment_size) = self.outgoing.pop_front()?;
            out.clear();
            out.extend(bytes);
            Some(Transmit { destination, segment_size, ecn: Ecn::Ect0 })
        }
        fn handle_too_large(&mut self, _: Instant, size: usize) {
            self.too_large.push(size);
        }
        fn poll_timeout(&self) -> Option<Deadline> {
            None
        }
    }

    fn receive(socket: &mut Socket, want: usize) -> Vec<(SocketAddr, Vec<u8>)> {
        let mut poll = mio::Poll::new().unwrap();
        poll.registry().register(socket, mio::Token(0), Socket::INTERESTS).unwrap();
        let mut events = mio::Events::with_capacity(8);
        let mut got = Vec::new();
        while got.len() < want {
            match poll.poll(&mut events, Some(std::time::Duration::from_secs(10))) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => panic!("{error}"),
                Ok(()) | Err(_) => {}
            }
            let keep =
                |source: Source, bytes: &mut [u8]| got.push((source.address, bytes.to_vec()));
            let _ = socket.receive(keep).unwrap();
        }
        poll.registry().deregister(socket).unwrap();
        got
    }

    #[test]
    fn a_burst_arrives_as_the_datagrams_it_was_made_of() {
        let mut a = Socket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let mut b = Socket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let bytes: Vec<u8> = (0..25_000u32).map(|i| i as u8).collect();
        let mut node = Mailbag::default();
        node.outgoing.push_back((b.local_address(), bytes.clone(), 1200));
        a.send_from(Instant::ZERO, &mut node);
        let got = receive(&mut b, 21);
        assert_eq!(a.counters(), SendCounters { datagrams: 21, refused: 0 });
        assert!(got.iter().all(|(from, _)| *from == a.local_address()));
        assert_eq!(got.iter().map(|(_, d)| d.len()).max(), Some(1200));
        assert_eq!(got.into_iter().flat_map(|(_, d)| d).collect::<Vec<_>>(), bytes);
    }

    #[test]
    fn what_the_system_gives_is_told() {
        let socket = Socket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let told = socket.capabilities();
        assert!(told.receive_buffer > 0 && told.send_buffer > 0, "{told:?}");
        assert!(told.send_segments >= 1 && told.receive_segments >= 1, "{told:?}");
        assert!(told.buffer_wanted >= RECEIVE_BUFFER);
    }

    #[test]
    fn a_dual_stack_socket_serves_both_families() {
        let Ok(mut both) = Socket::bind("[::]:0".parse().unwrap()) else { return };
        let port = both.local_address().port();
        let mut v4 = Socket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let mut node = Mailbag::default();
        node.outgoing.push_back((([127, 0, 0, 1], port).into(), b"four".to_vec(), 4));
        v4.send_from(Instant::ZERO, &mut node);
        let got = receive(&mut both, 1);
        assert_eq!(got, [(v4.local_address(), b"four".to_vec())], "shown as IPv4");
        node.outgoing.push_back((v4.local_address(), b"back".to_vec(), 4));
        both.send_from(Instant::ZERO, &mut node);
        assert_eq!(receive(&mut v4, 1)[0].1, b"back");
    }

    #[test]
    fn families_that_do_not_meet_are_refused_not_fatal() {
        let mut v4 = Socket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let mut node = Mailbag::default();
        node.outgoing.push_back(("[::1]:9".parse().unwrap(), b"x".to_vec(), 1));
        v4.send_from(Instant::ZERO, &mut node);
        assert_eq!(v4.counters().refused, 1);
    }

    /// [W-45]: as a probe of the path's MTU may be, or what was not too large before the interface's
    /// shrank: neither it nor a burst of such keeps others from being sent, and the core is told.
    #[test]
    fn datagrams_that_are_too_large_are_refused_not_fatal() {
        let mut a = Socket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let mut b = Socket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let mut node = Mailbag::default();
        for (len, segment) in [(65_508, 65_508), (131_016, 65_508), (2, 2)] {
            node.outgoing.push_back((b.local_address(), vec![5; len], segment));
        }
        a.send_from(Instant::ZERO, &mut node);
        assert_eq!(a.counters(), SendCounters { datagrams: 1, refused: 3 });
        assert_eq!(node.too_large, [65_508, 65_508]);
        assert_eq!(receive(&mut b, 1), [(a.local_address(), vec![5; 2])]);
    }

    #[test]
    fn a_port_in_use_is_an_error_that_says_so() {
        let first = Socket::bind_port(0).unwrap();
        let again = Socket::bind_port(first.local_address().port());
        assert_eq!(again.err().map(|e| e.kind()), Some(io::ErrorKind::AddrInUse));
    }
}
