//! The real server in want: under a flood, short of descriptors, and with many sessions.
#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that panics has failed, as it should, whatever else came"
)]

use std::ffi::OsString;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use sim::barrage::{Barrage, backlog};
use sim::programs::{PATIENCE, Scene, pause, program, write_noise};
use sim::swarm::seed;
use wire::net::{Clock, Progress, Socket};
use wire::time::{Duration, Instant};
use wire::{
    Accept, Config, Connect, Endpoint, Event, Identify, Node, PublicKey, StaticKey, TransportConfig,
};

use crate::text;

/// A shell that runs the words after it with at most so many open files.
fn with_files(most: u32) -> Vec<OsString> {
    let script = format!("ulimit -n {most} && exec \"$@\"");
    ["sh", "-c", &script, "sh"].map(OsString::from).to_vec()
}

/// Fires at `target`, faster than it reads, until told to stop.
fn flood(target: SocketAddr, stop: &AtomicBool) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut barrage = Barrage::new(target, u64::MAX, &seed(5));
    let (mut buffer, mut ammunition) = (Vec::new(), Vec::new());
    while ammunition.len() < 1000 {
        let transmit = barrage.poll_transmit(Instant::ZERO, &mut buffer, 1).unwrap();
        ammunition.extend(buffer.chunks(transmit.segment_size).map(<[u8]>::to_vec));
    }
    for datagram in ammunition.iter().cycle() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        // A server that has gone refuses them; that is no failure of the flood.
        let _ = socket.send_to(datagram, target);
    }
}

/// Security acceptance J07: a flood keeps neither the signal out nor the goodbye in.
#[test]
fn a_flooded_server_ends_when_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let (mut server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    let mut alice = scene.peer(&[], "alice", address, &[]);
    let stop = AtomicBool::new(false);
    let clock = Clock::start();
    let (status, took) = thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| flood(address, &stop));
        }
        // Whichever of them is the faster here: a server that does not run is flooded soon, and has
        // all that its socket holds still before it when it is told.
        let flooded = || backlog(address.port()).1 > 1000;
        server.suspend();
        while !flooded() && clock.now() - Instant::ZERO < PATIENCE {
            pause(Duration::from_millis(10));
        }
        let was_flooded = flooded();
        let told = clock.now();
        server.terminate();
        server.resume();
        let status = server.await_exit();
        stop.store(true, Ordering::Relaxed);
        assert!(was_flooded, "more came than the server could take");
        (status, clock.now() - told)
    });
    assert!(status.success(), "{status}: {}", server.tail());
    assert!(took < Duration::from_secs(10), "{took:?}: {}", server.tail());
    assert!(server.errors().contains("ended"), "{}", server.tail());
    alice.await_line("word of the end", |line| line.contains("shutting down").then_some(()));
}

/// Security acceptance J07: what is too little is said, and harms nothing.
#[test]
fn a_server_with_too_few_descriptors_says_so_and_with_enough_serves() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    for most in [4, 6, 8, 10] {
        let prefix = with_files(most);
        let output = Command::new(&prefix[0])
            .args(&prefix[1..])
            .arg(program("rendezvous"))
            .args(["--bind", "127.0.0.1:0", "--data"])
            .arg(scene.folder_of("server"))
            .output()
            .unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{most}: {said}");
        assert_eq!(said.lines().count(), 1, "{most}: one clear line: {said}");
        assert!(said.starts_with("rendezvous: ") && said.contains("open"), "{most}: {said}");
    }
    // What those have begun is no hindrance, and a whole life fits under a small limit.
    let (mut server, address) = scene.server(&with_files(32), "127.0.0.1:0", &[]);
    let alice = scene.peer(&[], "alice", address, &[]);
    let _bob = scene.peer(&[], "bob", address, &[]);
    drop(alice);
    let _alice = scene.peer(&[], "alice", address, &[]);
    server.terminate();
    assert!(server.await_exit().success(), "{}", server.tail());
}

/// Many connections of one program to a server.
struct Visitors {
    endpoint: Endpoint,
    socket: Socket,
    poll: mio::Poll,
    clock: Clock,
    server: SocketAddr,
}

impl Visitors {
    fn new(server: SocketAddr) -> Self {
        let config = Config {
            static_key: StaticKey::from_private([3; 32]),
            token_secret: [0; 32],
            token_epoch: 0,
            label: wire::app::server::LABEL,
            accept: Accept::Announced,
            transport: TransportConfig::default(),
        };
        let mut socket = Socket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let poll = mio::Poll::new().unwrap();
        poll.registry().register(&mut socket, mio::Token(0), Socket::INTERESTS).unwrap();
        let endpoint = Endpoint::new(config, &seed(6));
        Self { endpoint, socket, poll, clock: Clock::start(), server }
    }

    /// Adds so many, a few at a time, so that it is no load; gives the server's key.
    fn come(&mut self, count: usize, server_key: Option<PublicKey>) -> PublicKey {
        let (mut asked, mut here, mut key) = (0, 0, None);
        let begun = self.clock.now();
        let mut events = mio::Events::with_capacity(8);
        while here < count {
            let now = self.clock.now();
            assert!(now - begun < PATIENCE, "{here} of {count}");
            while asked < count.min(here + 8) {
                let identify = Identify::Known;
                let connect = Connect { remote: self.server, server_key, identify, token: None };
                self.endpoint.connect(now, connect);
                asked += 1;
            }
            let endpoint = &mut self.endpoint;
            let mut take = |from, bytes: &mut [u8]| endpoint.handle_datagram(now, from, bytes);
            while self.socket.receive(&mut take).unwrap() == Progress::More {}
            endpoint.handle_timeout(now);
            while let Some((_, event)) = endpoint.poll_event() {
                match event {
                    Event::Connected { remote_static, .. } => {
                        here += 1;
                        key = remote_static;
                    }
                    Event::Closed(error) => panic!("{error} with {here} of {count}"),
                    _ => {}
                }
            }
            self.socket.send_from(now, endpoint);
            let wait = Duration::from_millis(if here < count { 1 } else { 0 });
            match self.poll.poll(&mut events, Some(wait)) {
                Err(error) if error.kind() != ErrorKind::Interrupted => panic!("{error}"),
                Ok(()) | Err(_) => {}
            }
        }
        key.unwrap()
    }
}

/// Registering, with the stretching of a password, and a file that is larger than the bound.
#[test]
fn a_peer_stays_under_sixty_four_mib() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let (_server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    let mut alice = scene.peer(&[], "alice", address, &[]);
    let mut bob = scene.peer(&[], "bob", address, &["--auto-accept", "1G"]);
    let stretched = alice.peak_memory_kib();
    assert!(stretched > 46 << 10, "{stretched} KiB: Argon2id has taken its memory");
    let file = folder.path().join("large.mp4");
    write_noise(&file, 96 << 20).unwrap();
    alice.type_line(&format!("/send bob {}", file.display()));
    alice.await_event("file", |event| event["state"] == "complete");
    bob.await_event("file", |event| event["state"] == "complete");
    for peer in [&alice, &bob] {
        let peak = peer.peak_memory_kib();
        assert!(peak < 64 << 10, "{peak} KiB");
    }
}

/// Security acceptance E06: what a session costs the server while nothing happens in it. They have
/// shown a device key and not logged in; a login adds a name, two keys and a signature.
#[test]
fn two_thousand_idle_sessions_take_at_most_sixteen_kib_each() {
    const SESSIONS: u64 = 2000;
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let (server, address) = scene.server(&[], "127.0.0.1:0", &[]);
    let mut visitors = Visitors::new(address);
    let key = visitors.come(1, None);
    // Tables that are made once are there now.
    visitors.come(200, Some(key));
    let before = server.memory_kib();
    visitors.come(usize::try_from(SESSIONS).unwrap(), Some(key));
    let grown = server.memory_kib() - before;
    assert!(grown <= SESSIONS * 16, "{grown} KiB for {SESSIONS} sessions");
}
