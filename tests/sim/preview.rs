//! How long a film takes is told before it is taken, as it was measured over the same line.

use peer::output::Output;
use rendezvous::Policy;
use sim::Impairment;
use wire::time::Instant;

use crate::party::{ALICE, BOB, CAROL, Party};
use crate::support::{loss, millis};

/// A megabyte a second, of which headers take a part; some is lost.
fn line() -> Impairment {
    let (delay, rate) = (millis(30), Some(8_000_000));
    Impairment { delay, rate, loss: loss(1.0), ..Impairment::default() }
}

/// Eight seconds of film, and so many bytes behind it.
fn film(more: usize) -> Vec<u8> {
    let clip = concat!(env!("CARGO_MANIFEST_DIR"), "/media/clip.mp4");
    let mut bytes = std::fs::read(clip).expect("it belongs to the tests");
    let mut noise = vec![0; more];
    blake3::Hasher::new().update(b"film").finalize_xof().fill(&mut noise);
    bytes.extend(noise);
    bytes
}

/// Alice offers a film; gives what Bob is told of how long it takes, and when he can watch it.
fn offered(party: &mut Party, name: &str, more: usize) -> (Option<u64>, Option<u64>) {
    let path = party.write_file(ALICE, name, &film(more));
    party.line(ALICE, &format!("/send bob {}", path.display()));
    let is_it = |o: &Output| matches!(o, Output::FileOffer { name: it, .. } if it == name);
    party.until(BOB, is_it);
    let told = party.take(BOB).into_iter().rfind(|o| is_it(o));
    let Some(Output::FileOffer { media: Some(media), eta, wait, .. }) = told else {
        panic!("{told:?}")
    };
    assert!(media.claimed && media.width == Some(320), "{media:?}");
    (eta, wait)
}

/// Bob takes what was offered; gives how many seconds that lasts.
fn taken(party: &mut Party, id: u64) -> u64 {
    let began: Instant = party.world.now();
    party.line(BOB, &format!("/accept {id}"));
    let is_done = |o: &Output| matches!(o, Output::File { file } if file.id == id && file.state == "complete" && file.reason.is_none());
    party.until(BOB, is_done);
    (party.world.now() - began).as_secs()
}

#[test]
fn how_long_a_film_takes_is_told_before_it_is_taken() {
    let mut party = Party::with(2, Policy::default(), &line());
    assert_eq!(offered(&mut party, "first.mp4", 4_000_000), (None, None), "nothing came before");
    taken(&mut party, 1);
    // One that comes faster than it is watched, and one that does not.
    let (eta, wait) = offered(&mut party, "short.mp4", 4_000_000);
    assert!((4..8).contains(&eta.expect("it was measured")), "{eta:?}");
    assert_eq!(wait, Some(0));
    let (eta, wait) = offered(&mut party, "long.mp4", 20_000_000);
    let eta = eta.expect("it was measured");
    assert_eq!(wait, Some(eta - 8));
    party.line(BOB, "/decline 2");
    let lasted = taken(&mut party, 3);
    println!("{eta} s expected, {lasted} s it was");
    assert!(lasted.abs_diff(eta) <= eta / 4, "{eta} s expected, {lasted} s it was");
}

#[test]
fn all_members_of_a_room_are_told_what_a_film_is() {
    let mut party = Party::with(3, Policy::default(), &line());
    party.room("/create team bob carol", "team", &[ALICE, BOB, CAROL]);
    let path = party.write_file(ALICE, "film.mp4", &film(100_000));
    party.line(ALICE, &format!("/send #team {}", path.display()));
    let is_said =
        |o: &Output| matches!(o, Output::FileOffer { media: Some(said), .. } if said.claimed);
    let is_read = |o: &Output| {
        let Output::File { file } = o else { return false };
        file.state == "complete" && file.media.as_ref().is_some_and(|media| !media.claimed)
    };
    for user in [BOB, CAROL] {
        party.until(user, is_said);
        party.line(user, "/accept");
    }
    for user in [BOB, CAROL] {
        party.until(user, is_read);
    }
}
