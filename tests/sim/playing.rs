//! Files that are read while they arrive, over narrow lines.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks at what it is about")]

use peer::output::Output;
use peer::transfer::{Reader, View, ViewNews};
use rendezvous::Policy;
use sim::Impairment;
use wire::app::peer::TransferId;
use wire::time::Duration;

use crate::party::{ALICE, BOB, CAROL, Party};
use crate::support::{loss, millis, seconds};

/// A megabyte a second, of which headers take a part; some is lost.
fn line() -> Impairment {
    let (delay, rate) = (millis(30), Some(8_000_000));
    Impairment { delay, rate, loss: loss(1.0), ..Impairment::default() }
}

fn film(size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    blake3::Hasher::new().update(b"film").finalize_xof().fill(&mut bytes);
    bytes
}

/// Whether this byte has come, as whoever plays it was told.
fn has_come(views: &[ViewNews], at: u64) -> bool {
    let holds = |view: &ViewNews| match view {
        ViewNews::Of(_, View::Arrived(offset, len)) => {
            (*offset..offset + u64::from(*len)).contains(&at)
        }
        ViewNews::Of(_, View::Plays(film)) => {
            film.held.iter().any(|(from, to)| (*from..*to).contains(&at))
        }
        _ => false,
    };
    views.iter().any(holds)
}

impl Party {
    /// A user plays the only file, as soon as so much of it is here.
    fn play(&mut self, user: usize, done: u64) -> TransferId {
        self.until(user, |o| matches!(o, Output::File { file } if file.done > done));
        self.line(user, "/play 1");
        let views = &self.world.machine(self.host(user)).peer().views;
        let film = views.iter().find_map(|view| match view {
            ViewNews::Of(id, View::Plays(_)) => Some(*id),
            _ => None,
        });
        film.expect("it plays")
    }

    /// A player reads from this byte on; gives how long it waits for it.
    fn seek(&mut self, user: usize, id: TransferId, reader: u64, at: u64) -> Duration {
        let (host, began) = (self.host(user), self.world.now());
        let is_here = |views: &[ViewNews]| has_come(views, at);
        assert!(!is_here(&self.world.machine(host).peer().views), "nothing to wait for");
        self.world.with(host, |peer, now| peer.peer_mut().read_from(now, id, Reader(reader), at));
        let came =
            self.world.run_until(seconds(60), |world| is_here(&world.machine(host).peer().views));
        assert!(came, "it never comes");
        self.world.now() - began
    }
}

/// What comes before the place that is sought is what was asked for already: 1.5 s of the rate.
#[test]
fn a_seek_waits_for_seconds_and_not_for_the_film() {
    let mut party = Party::with(2, Policy::default(), &line());
    let path = party.write_file(ALICE, "film.mp4", &film(20_000_000));
    party.line(ALICE, &format!("/send bob {}", path.display()));
    party.until(BOB, |o| matches!(o, Output::FileOffer { .. }));
    party.line(BOB, "/accept");
    let id = party.play(BOB, 2_000_000);
    let waits: Vec<Duration> = (1..)
        .zip([19_999_999, 10_000_000, 15_000_000])
        .map(|(n, at)| party.seek(BOB, id, n, at))
        .collect();
    println!("{waits:?}");
    assert!(waits.iter().all(|wait| *wait < millis(2500)), "{waits:?}");
}

/// In a room too, where members give what they have, and who offered it the rest.
#[test]
fn a_seek_in_a_file_of_a_room_is_answered_by_whoever_has_it() {
    let content = film(12_000_000);
    let mut party = Party::with(3, Policy::default(), &line());
    party.room("/create team bob carol", "team", &[ALICE, BOB, CAROL]);
    let path = party.write_file(ALICE, "film.mp4", &content);
    party.line(ALICE, &format!("/send #team {}", path.display()));
    for user in [BOB, CAROL] {
        party.until(user, |o| matches!(o, Output::FileOffer { .. }));
        party.line(user, "/accept");
    }
    let id = party.play(BOB, 1_000_000);
    let wait = party.seek(BOB, id, 1, 11_999_999);
    println!("{wait:?}");
    assert!(wait < millis(5000), "{wait:?}");
    party.until(BOB, |o| matches!(o, Output::File { file } if file.state == "complete"));
    let saved = std::fs::read(party.downloads(BOB).join("film.mp4")).expect("it was saved");
    assert!(saved == content);
}
