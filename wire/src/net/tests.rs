//! Two endpoints over real sockets on the loopback interface.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use super::{Clock, Progress, Socket};
use crate::config::{Accept, Config, TransportConfig};
use crate::crypto::static_key::StaticKey;
use crate::endpoint::{Connect, Endpoint, Identify, Read};
use crate::event::Event;
use crate::id::{Class, ConnectionHandle, Seed, StreamId};
use crate::node::Node;

/// What is sent.
const LEN: usize = 48 << 20;

struct Side {
    endpoint: Endpoint,
    socket: Socket,
}

impl Side {
    fn new(key: u8, accept: Accept, address: &str, poll: &mio::Poll) -> Self {
        let config = Config {
            static_key: StaticKey::from_private([key; 32]),
            token_secret: [key; 32],
            token_epoch: 0,
            label: "loopback test",
            accept,
            transport: TransportConfig::default(),
        };
        let mut socket = Socket::bind(address.parse().unwrap()).unwrap();
        let token = mio::Token(key.into());
        poll.registry().register(&mut socket, token, Socket::INTERESTS).unwrap();
        Self { endpoint: Endpoint::new(config, &Seed::new([key; 32])), socket }
    }

    fn turn(&mut self, clock: Clock) -> Progress {
        let (now, endpoint) = (clock.now(), &mut self.endpoint);
        let progress = self.socket.receive(|from, bytes| {
            endpoint.handle_datagram(now, from, bytes);
        });
        endpoint.handle_timeout(now);
        self.socket.send_from(now, endpoint);
        progress.unwrap()
    }
}

/// Writes as much as there is room for.
fn write(client: &mut Endpoint, (handle, stream): (ConnectionHandle, StreamId), left: &mut usize) {
    let piece = vec![7; 1 << 20];
    loop {
        let taken = client.write(handle, stream, &piece[..piece.len().min(*left)]).unwrap();
        *left -= taken;
        if taken == 0 {
            return;
        }
    }
}

/// Sends [`LEN`] bytes, and says in how large datagrams in the end.
fn transfer(address: &str) -> usize {
    let (clock, mut poll) = (Clock::start(), mio::Poll::new().unwrap());
    let mut server = Side::new(1, Accept::Anyone, address, &poll);
    let mut client = Side::new(2, Accept::Announced, address, &poll);
    let remote = server.socket.local_address();
    let connect = Connect { remote, server_key: None, identify: Identify::Anonymous, token: None };
    let handle = client.endpoint.connect(clock.now(), connect);
    let (mut stream, mut unsent, mut read) = (None, LEN, 0);
    let mut events = mio::Events::with_capacity(8);
    while read < LEN {
        let progress = [client.turn(clock), server.turn(clock)];
        while let Some((_, event)) = client.endpoint.poll_event() {
            assert!(!matches!(event, Event::Closed(_)), "{event:?}");
            if stream.is_none() && matches!(event, Event::Connected { .. }) {
                stream = Some((handle, client.endpoint.open(handle, Class::Bulk).unwrap()));
            }
        }
        if let Some(stream) = stream {
            write(&mut client.endpoint, stream, &mut unsent);
        }
        while let Some((handle, event)) = server.endpoint.poll_event() {
            let Event::Readable(stream) = event else { continue };
            let mut bytes = Vec::new();
            while server.endpoint.read(handle, stream, 1 << 20, &mut bytes) == Ok(Read::More) {}
            read += bytes.len();
        }
        let sides = [&mut client, &mut server];
        sides.into_iter().for_each(|side| side.socket.send_from(clock.now(), &mut side.endpoint));
        let timers = [&client, &server].map(|side| side.endpoint.poll_timeout());
        let wait = timers.into_iter().flatten().map(|deadline| deadline.at - clock.now()).min();
        let is_drained = progress.iter().all(|progress| *progress == Progress::Drained);
        match poll.poll(&mut events, if is_drained { wait } else { Some(Duration::ZERO) }) {
            Err(error) if error.kind() != ErrorKind::Interrupted => panic!("{error}"),
            Ok(()) | Err(_) => {}
        }
    }
    client.endpoint.stats(handle).unwrap().datagram
}

/// [W-43] [W-44] What the interface refuses outright (EMSGSIZE) is a lost probe like another: run this with
/// another MTU to see it.
#[test]
fn the_loopback_interface_is_used_to_its_full_size() {
    let mtu = std::fs::read_to_string("/sys/class/net/lo/mtu").unwrap();
    let mtu: usize = mtu.trim().parse().unwrap();
    for (address, headers) in [("127.0.0.1:0", 28), ("[::1]:0", 48)] {
        if std::net::UdpSocket::bind(address.parse::<SocketAddr>().unwrap()).is_err() {
            continue;
        }
        let found = transfer(address);
        let most = (mtu - headers).min(65_507);
        assert!((most - 19..=most).contains(&found), "{address}: {found} of {most}");
    }
}
