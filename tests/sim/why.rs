//! What `/why` says, where the simulator knows the truth.

use peer::output::{Output, WhyFigures};
use rendezvous::{Policy, Relaying};
use sim::{Dependence, Impairment, NatOptions, Site};

use crate::party::{ALICE, BOB, Party};
use crate::support::{millis, seconds};

const MEGABYTE: usize = 1_000_000;

/// What stands before the two.
#[derive(Clone, Copy, Debug)]
enum Front {
    Nothing,
    /// A NAT that gives a new port to every destination this depends on.
    Nat(Dependence),
}

/// Both say something to the other, in front of each what is given.
fn talking(fronts: [Front; 2]) -> Party {
    let link = Impairment { delay: millis(10), ..Impairment::default() };
    let mut party = Party::placed(2, Policy::default(), |world, user| {
        let outside = format!("203.0.113.{}", user + 1);
        match fronts[user] {
            Front::Nothing => Site::public(&format!("{outside}:6000")).linked(&link),
            Front::Nat(mapping) => {
                let nat = NatOptions { mapping, ..NatOptions::default() };
                let nat = world.network.add_nat(&outside, nat);
                Site::public(&format!("192.168.{user}.2:6000")).linked(&link).behind(nat)
            }
        }
    });
    talk(&mut party);
    party
}

fn talk(party: &mut Party) {
    party.line(ALICE, "@bob hello");
    party.until(BOB, |o| matches!(o, Output::Message { text, .. } if text == "hello"));
    party.run(seconds(1));
}

fn why(party: &mut Party, user: usize, line: &str) -> (String, WhyFigures) {
    party.take(user);
    party.line(user, line);
    let answer = party.take(user).into_iter().find_map(|output| {
        let Output::Why { lines, figures, .. } = output else { return None };
        Some((lines.join("\n"), *figures))
    });
    answer.expect("it is answered at once")
}

/// A file on its way from one to the other, for this long.
fn under_way(party: &mut Party, from: usize, to: usize, bytes: usize, time: u64) {
    let content: Vec<u8> = (0..bytes).map(|at| (at * 31 % 251) as u8).collect();
    let path = party.write_file(from, "secret-film.mp4", &content);
    let user = crate::party::name(to);
    party.line(from, &format!("/send {user} {}", path.display()));
    party.until(to, |o| matches!(o, Output::FileOffer { .. }));
    party.line(to, "/accept");
    party.run(seconds(time));
}

/// What is said to hold the only transfer up, at Alice's and at Bob's.
fn held_up(party: &mut Party) -> [Option<&'static str>; 2] {
    [(ALICE, "/why bob"), (BOB, "/why alice")].map(|(user, line)| {
        let (text, figures) = why(party, user, line);
        assert!(figures.held_up.len() <= 1, "{text}");
        figures.held_up.first().map(|it| it.by)
    })
}

#[test]
fn without_nats_none_are_spoken_of() {
    let mut party = talking([Front::Nothing; 2]);
    let (text, figures) = why(&mut party, ALICE, "/why bob");
    assert_eq!((figures.path, figures.lan), (Some("direct"), false), "{text}");
    assert_eq!((figures.nat_here, figures.nat_there), ("none", "none"), "{text}");
    assert!(text.contains("Addresses of bob to try: 203.0.113.2:6000 (as the server sees bob)."));
    assert!(text.contains("The direct path to 203.0.113.2:6000: a round trip takes"), "{text}");
    assert!(!text.contains("What helps"), "nothing has to: {text}");
}

/// The usual routers: one port for all destinations.
#[test]
fn nats_that_keep_the_port_are_seen_by_the_other_side() {
    let front = Front::Nat(Dependence::EndpointIndependent);
    let mut party = talking([front; 2]);
    for (user, line) in [(ALICE, "/why bob"), (BOB, "/why alice")] {
        let (text, figures) = why(&mut party, user, line);
        assert_eq!((figures.path, figures.lan), (Some("direct"), false), "{text}");
        // Of one's own only the other side has seen how it maps.
        assert_eq!(
            (figures.nat_here, figures.nat_there),
            ("some", "endpoint-independent"),
            "{text}"
        );
    }
    let (text, _) = why(&mut party, ALICE, "/why bob");
    assert!(text.contains("192.168.1.2:6000"), "what was tried too: {text}");
}

#[test]
fn a_nat_with_a_port_for_each_destination_is_told_by_its_port() {
    for mapping in [Dependence::AddressDependent, Dependence::AddressAndPortDependent] {
        let mut party = talking([Front::Nothing, Front::Nat(mapping)]);
        let (text, figures) = why(&mut party, ALICE, "/why bob");
        assert_eq!(figures.path, Some("direct"), "{text}");
        assert_eq!((figures.nat_here, figures.nat_there), ("none", "address-dependent"), "{text}");
        let (text, figures) = why(&mut party, BOB, "/why alice");
        assert_eq!((figures.nat_here, figures.nat_there), ("some", "none"), "{text}");
    }
}

/// F09: nothing passes but through the server, and it is said what would help.
#[test]
fn two_such_nats_leave_the_relay_and_it_is_said_what_would_help() {
    let front = Front::Nat(Dependence::AddressAndPortDependent);
    let mut party = talking([front; 2]);
    let (text, figures) = why(&mut party, ALICE, "/why bob");
    assert_eq!((figures.path, figures.lan), (Some("relayed"), false), "{text}");
    assert_eq!((figures.nat_here, figures.nat_there), ("some", "some"), "{text}");
    assert!(text.contains("through the server (relay)"), "{text}");
    assert!(text.contains("Both sides are behind NATs") && text.contains("(--udp)"), "{text}");
    assert!(text.contains("IPv6 on both sides"), "{text}");
}

/// Behind one router: the path is in their own network, and no NAT is passed.
#[test]
fn neighbours_are_told_that_they_are() {
    let link = Impairment { delay: millis(10), ..Impairment::default() };
    let shared = std::cell::Cell::new(None);
    let mut party = Party::placed(2, Policy::default(), |world, user| {
        let nat = shared.get().unwrap_or_else(|| {
            let mapping = Dependence::AddressAndPortDependent;
            let nat = NatOptions { mapping, ..NatOptions::default() };
            world.network.add_nat("203.0.113.1", nat)
        });
        shared.set(Some(nat));
        Site::public(&format!("192.168.0.{}:6000", user + 2)).linked(&link).behind(nat)
    });
    talk(&mut party);
    let (text, figures) = why(&mut party, ALICE, "/why bob");
    assert_eq!((figures.path, figures.lan), (Some("direct"), true), "{text}");
    assert!(text.contains("192.168.0.3:6000, in your own network (LAN)"), "{text}");
    let link = |o: &Output| matches!(o, Output::Whois { path: Some("direct"), lan: true, .. });
    party.line(ALICE, "/whois bob");
    party.until(ALICE, link);
}

#[test]
fn when_something_went_last_each_way_is_told() {
    let mut party = talking([Front::Nothing; 2]);
    let (text, figures) = why(&mut party, ALICE, "/why bob");
    let at_once = [figures.received_ms, figures.sent_ms, figures.heard_ms];
    assert!(at_once.iter().all(|ms| ms.is_some_and(|ms| ms < 2000)), "{text}");
    // The line is cut: what is sent goes on, and nothing comes any more.
    let (alice, bob, server) = (party.host(ALICE), party.host(BOB), party.server);
    party.world.network.separate(alice, bob);
    party.world.network.separate(server, bob);
    party.line(ALICE, "@bob are you there");
    party.run(seconds(12));
    let (text, figures) = why(&mut party, ALICE, "/why bob");
    assert!(figures.received_ms.is_some_and(|ms| ms >= 12_000), "{text}");
    assert!(figures.heard_ms.is_some_and(|ms| ms >= 12_000), "{text}");
    assert!(figures.sent_ms.is_some_and(|ms| ms < 4000), "{text}");
    assert!(text.contains("The last datagram of bob came 1"), "{text}");
}

#[test]
fn a_narrow_link_is_what_holds_a_file_up() {
    let link = Impairment { delay: millis(20), rate: Some(4_000_000), ..Impairment::default() };
    let mut party = Party::with(2, Policy::default(), &link);
    under_way(&mut party, ALICE, BOB, 6 * MEGABYTE, 6);
    assert_eq!(held_up(&mut party), [Some("path"), Some("other-side")]);
    let (text, _) = why(&mut party, ALICE, "/why bob");
    assert!(text.contains("The path takes no more"), "{text}");
    let (text, _) = why(&mut party, BOB, "/why alice");
    assert!(text.contains("'/why' there tells which"), "{text}");
    party.line(BOB, "/pause 1");
    party.run(seconds(1));
    assert_eq!(held_up(&mut party), [Some("paused-by-them"), Some("paused-by-you")]);
}

#[test]
fn the_servers_rate_is_what_holds_a_relayed_file_up() {
    let relaying = Relaying::UpTo { bytes_per_second: 300_000 };
    let mut party = Party::behind_nats(2, Policy { relaying, ..Policy::default() });
    under_way(&mut party, ALICE, BOB, 6 * MEGABYTE, 12);
    assert_eq!(held_up(&mut party), [Some("relay"), Some("relay")]);
    let (text, _) = why(&mut party, ALICE, "/why bob");
    assert!(text.contains("The server carries 300 kB/s for each user"), "{text}");
}

/// A report says the same, and names neither users nor addresses nor files.
#[test]
fn a_report_names_nobody() {
    let nat = Front::Nat(Dependence::EndpointIndependent);
    for fronts in
        [[nat; 2], [Front::Nothing; 2], [Front::Nat(Dependence::AddressAndPortDependent); 2]]
    {
        let mut party = talking(fronts);
        under_way(&mut party, ALICE, BOB, 9 * MEGABYTE, 0);
        party.line(ALICE, "/pause 1");
        party.run(seconds(1));
        let (open, figures) = why(&mut party, ALICE, "/why bob");
        party.line(ALICE, "/why bob --report");
        let told = party.take(ALICE);
        let report = told.iter().find(|o| matches!(o, Output::Why { .. })).expect("it is told");
        let Output::Why { user: None, figures: same, .. } = report else { panic!("{report:?}") };
        assert_eq!((same.path, same.nat_there), (figures.path, figures.nat_there));
        let text = peer::face::json::line(report);
        for word in ["bob", "alice", "203.0", "192.168", "198.51", "6000", "secret", "hello"] {
            assert!(!text.contains(word), "{word} in {text}");
        }
        assert!(open.contains("203.0.113.2"), "which are here: {open}");
        assert!(text.contains("public IPv4") && text.contains("Report of peer "), "{text}");
        assert!(text.contains("The server sees both in the same network, at different addresses"));
        assert!(text.contains("File 1 to X is paused by you"), "{text}");
    }
}
