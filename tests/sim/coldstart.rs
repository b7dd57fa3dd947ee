//! How long the first words between two users take, in round trips: the whole system, with the
//! same round trip between any two of its three hosts, and nothing lost.

use core::time::Duration;

use peer::app::Strangers;
use peer::command::Command;
use peer::output::Output;
use rendezvous::Policy;
use sim::journal::Pen;
use sim::swarm::seed;
use sim::tincan::{PeerDisk, PeerOptions, PeerProgram, Program, ServerDisk, ServerProgram};
use sim::{Dependence, HostId, Impairment, NatOptions, Probability, Site, World, WorldOptions};
use wire::Secret;

use crate::support::{SERVER, seconds};

/// From any host to any other, there and back.
const ROUND_TRIP: Duration = Duration::from_millis(92);
/// No user is farther away than the other.
const EQUAL: [Duration; 2] = [NO_TIME; 2];
/// What databases take.
const NO_TIME: Duration = Duration::ZERO;

struct Trio {
    world: World<Program>,
    peers: [HostId; 2],
    lives: u64,
}

const ALICE: usize = 0;
const BOB: usize = 1;
const NAMES: [&str; 2] = ["alice", "bob"];

impl Trio {
    /// A server, and two users who have logged in a minute ago and said nothing.
    fn idle(nats: Option<&NatOptions>, farther: [Duration; 2], work: Duration) -> Self {
        let link = |delay| Impairment { delay, ..Impairment::default() };
        let linked = |site, farther| Site {
            up: link(ROUND_TRIP / 4),
            down: link(ROUND_TRIP / 4 + farther),
            ..site
        };
        let options = WorldOptions { work: (work, work), fidget: Probability::NEVER };
        let mut world = World::new(&seed(1), options, None);
        let server = world.add_host(linked(Site::public(SERVER), NO_TIME));
        let program = ServerProgram::start(
            world.now(),
            ServerDisk::new(&seed(1)),
            Policy::default(),
            &seed(2),
        );
        world.boot(server, Program::Server(Box::new(program)));
        let peers = [(1, farther[0]), (2, farther[1])].map(|(number, farther)| match nats {
            None => {
                let site = Site::public(&format!("203.0.113.{number}:6000"));
                world.add_host(linked(site, farther))
            }
            Some(options) => {
                let nat = world.network.add_nat(&format!("203.0.113.{number}"), options.clone());
                let site = Site::public(&format!("192.168.0.{number}:6000"));
                world.add_host(linked(site, farther).behind(nat))
            }
        });
        let mut trio = Self { world, peers, lives: 0 };
        let pen = Pen::default();
        for (user, name) in NAMES.into_iter().enumerate() {
            let mut disk = PeerDisk::new();
            disk.pen = pen.of(name);
            trio.start(user, disk);
            trio.expect(user, |output| matches!(output, Output::LoginNeeded { .. }));
            let (name, password) = (name.to_owned(), Secret::new("a password".to_owned()));
            trio.command(user, Command::Register { name, password });
            trio.expect(user, |output| matches!(output, Output::LoggedIn { .. }));
        }
        trio.world.run_for(seconds(60));
        trio
    }

    fn start(&mut self, user: usize, disk: PeerDisk) {
        self.lives += 1;
        let (host, now) = (self.peers[user], self.world.now());
        let server = vec![SERVER.parse().expect("an address")];
        for address in &server {
            self.world.ledger.solicit(host, *address);
        }
        let addresses = self.world.network.addresses(host).to_vec();
        let options =
            PeerOptions { server, addresses, auto_accept: None, strangers: Strangers::Talk };
        let program = PeerProgram::start(now, disk, &options, &seed(10 + self.lives));
        self.world.boot(host, Program::Peer(Box::new(program)));
    }

    fn command(&mut self, user: usize, command: Command) {
        self.world.with(self.peers[user], |peer, now| peer.peer_mut().command(now, command));
    }

    /// How long it takes until a user is told this, from now on.
    fn expect(&mut self, user: usize, told: impl Fn(&Output) -> bool) -> Duration {
        let (host, from) = (self.peers[user], self.world.now());
        let is_told = |world: &World<Program>| world.machine(host).peer().outputs.iter().any(&told);
        assert!(self.world.run_until(seconds(30), is_told), "{} is not told", NAMES[user]);
        self.world.with(host, |peer, _| peer.peer_mut().outputs.clear());
        self.world.now() - from
    }

    /// How long it takes from the command until the other has read it.
    fn says(&mut self, user: usize) -> Duration {
        let to = NAMES[1 - user].to_owned();
        self.command(user, Command::Message { to, text: "hello".to_owned() });
        self.expect(1 - user, |output| matches!(output, Output::Message { .. }))
    }
}

/// The server's introduction takes one, the handshake (INIT, RESP) another, the message a half. No
/// protocol takes less: nobody knows of the other before the first, or has a fresh key before the
/// second.
#[test]
fn the_first_message_to_anybody_takes_two_and_a_half_round_trips() {
    let filtering = Dependence::EndpointIndependent;
    let open = NatOptions { filtering, ..NatOptions::default() };
    for nats in [None, Some(&open)] {
        for user in [ALICE, BOB] {
            assert_eq!(Trio::idle(nats, EQUAL, NO_TIME).says(user), ROUND_TRIP * 5 / 2, "{nats:?}");
        }
    }
}

/// The way is looked for while the sender's database keeps the message. The receiver's keeps whom
/// it has met and then the message, before that is shown; a job is handed over and back.
#[test]
fn the_first_message_does_not_wait_for_the_senders_database() {
    let work = Duration::from_millis(7);
    let took = Trio::idle(None, EQUAL, work).says(ALICE);
    assert_eq!(took, ROUND_TRIP * 5 / 2 + 2 * (work * 2));
}

/// NATs that let in only whom the host has spoken to. The world's NATs all stand side by side: the
/// first datagrams of both would meet there, and one find the way still closed, if news did not take
/// a little longer to the one who speaks. Beyond the world, a NAT stands near its host.
#[test]
fn strict_nats_cost_the_first_message_no_round_trip() {
    let filtering = Dependence::AddressAndPortDependent;
    let strict = NatOptions { filtering, ..NatOptions::default() };
    let little = Duration::from_millis(1);
    for (user, farther) in [(ALICE, [little, NO_TIME]), (BOB, [NO_TIME, little])] {
        let took = Trio::idle(Some(&strict), farther, NO_TIME).says(user);
        assert_eq!(took, (ROUND_TRIP + little) * 2 + ROUND_TRIP / 2);
    }
}

/// The target is one and a half. A connection is kept for as long as both are there, so that it
/// takes no more than the way.
#[test]
fn the_first_message_of_a_later_conversation_takes_half_a_round_trip() {
    for nats in [None, Some(&NatOptions::default())] {
        let mut trio = Trio::idle(nats, EQUAL, NO_TIME);
        trio.says(ALICE);
        for user in [BOB, ALICE] {
            trio.world.run_for(seconds(3 * 3600));
            assert_eq!(trio.says(user), ROUND_TRIP / 2);
        }
    }
}

/// Here one and a half is out of reach: where somebody is who was away, only the server knows.
#[test]
fn whoever_was_away_is_introduced_anew() {
    for user in [ALICE, BOB] {
        let mut trio = Trio::idle(None, EQUAL, NO_TIME);
        trio.says(ALICE);
        trio.world.run_for(seconds(60));
        trio.command(BOB, Command::Quit { farewell: String::new() });
        trio.world.run_for(seconds(10));
        let Some(Program::Peer(program)) = trio.world.crash(trio.peers[BOB]) else { panic!() };
        trio.start(BOB, program.into_disk());
        trio.expect(BOB, |output| matches!(output, Output::LoggedIn { .. }));
        trio.world.run_for(seconds(60));
        assert_eq!(trio.says(user), ROUND_TRIP * 5 / 2);
    }
}
