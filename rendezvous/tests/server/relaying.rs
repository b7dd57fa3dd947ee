//! What is carried between clients, by clients that keep to nothing.

use rendezvous::{Policy, Relayed, Relaying};
use wire::app::server::{Introduction, Notice, Request, Response};
use wire::relay::{Holder, Leg};
use wire::time::Duration;
use wire::{Ecn, Node, Source};

use crate::world::{World, name};

/// The legs of two users, after one has asked for the other.
fn introduced(world: &mut World, clients: [usize; 2], other: &str) -> [Leg; 2] {
    assert_eq!(world.ask(clients[0], Request::Introduce(name(other))), Response::Done);
    world.pass(Duration::from_millis(100));
    clients.map(|client| {
        let Introduction { relay, .. } = last_introduction(world, client);
        Leg::new(&relay.unwrap(), Holder::Client)
    })
}

fn last_introduction(world: &mut World, client: usize) -> Introduction {
    let told = world.at(client).notices.iter().rev();
    let mut told = told.filter_map(|notice| match notice {
        Notice::Introduction(introduction) => Some(introduction.clone()),
        _ => None,
    });
    told.next().unwrap()
}

/// Sends over a leg, and says what the server has carried since the start.
fn send(world: &mut World, client: usize, leg: &mut Leg) -> Relayed {
    let mut datagram = [leg.seal().as_slice(), &[0; 40]].concat();
    let source = Source { address: world.at(client).address, ecn: Ecn::NotCapable };
    world.server.handle_datagram(world.now, source, &mut datagram);
    world.server.status().relayed
}

/// F05: [W-112]
#[test]
fn a_block_and_a_logout_end_what_is_carried() {
    let mut world = World::new(Policy::default());
    let clients = [world.registered(1, "alice"), world.registered(2, "bob")];
    let [alice, bob] = clients;
    let [mut of_alice, _] = introduced(&mut world, clients, "bob");
    assert_eq!(send(&mut world, alice, &mut of_alice).datagrams, 1);
    assert_eq!(world.ask(bob, Request::Block(name("alice"))), Response::Done);
    let relayed = send(&mut world, alice, &mut of_alice);
    assert_eq!((relayed.datagrams, relayed.refused), (1, 1));
    assert_eq!(world.ask(bob, Request::Unblock(name("alice"))), Response::Done);
    world.pass(Duration::from_secs(3));
    let [mut of_alice, mut of_bob] = introduced(&mut world, clients, "bob");
    assert_eq!(send(&mut world, alice, &mut of_alice).datagrams, 2);
    assert_eq!(world.ask(alice, Request::Logout), Response::Done);
    let relayed = send(&mut world, alice, &mut of_alice);
    assert_eq!((relayed.datagrams, relayed.refused), (2, 2), "at once");
    let relayed = send(&mut world, bob, &mut of_bob);
    assert_eq!((relayed.datagrams, relayed.refused), (2, 2), "he is told [W-116]");
}

#[test]
fn nobody_is_given_a_leg_where_nothing_is_carried() {
    let policy = Policy { relaying: Relaying::Off, ..Policy::default() };
    let mut world = World::new(policy);
    let [alice, bob] = [world.registered(1, "alice"), world.registered(2, "bob")];
    assert_eq!(world.ask(alice, Request::Introduce(name("bob"))), Response::Done);
    world.pass(Duration::from_millis(100));
    for client in [alice, bob] {
        assert_eq!(last_introduction(&mut world, client).relay, None);
    }
}
