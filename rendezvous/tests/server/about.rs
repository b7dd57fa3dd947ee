//! What the server tells to everybody.

use rendezvous::{Policy, Relaying};
use wire::Identify;
use wire::app::server::{About, Request, Response};

use crate::world::World;

/// [W-178]
#[test]
fn whoever_is_connected_learns_how_he_is_seen() {
    for (relaying, relay) in
        [(Relaying::UpTo { bytes_per_second: 300_000 }, Some(300_000)), (Relaying::Off, None)]
    {
        let mut world = World::new(Policy { relaying, ..Policy::default() });
        let stranger = world.client(1);
        world.connect(stranger, Identify::Anonymous);
        let user = world.registered(2, "alice");
        for client in [stranger, user] {
            let observed = world.at(client).address;
            let Response::About(about) = world.ask(client, Request::About) else {
                panic!("it is answered");
            };
            let unix = world.unix();
            assert!(unix.abs_diff(about.unix) <= 1, "{about:?} at {unix}");
            assert_eq!(about, About { observed, unix: about.unix, relay });
        }
    }
}
