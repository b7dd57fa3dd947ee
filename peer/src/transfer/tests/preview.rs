//! What is told of a film before it is taken, and whether that was so.

use wire::app::media::{AudioCodec, Container, Index, Media, VideoCodec};
use wire::app::peer::{Folder, Offer};

use super::super::*;
use super::world::*;
use crate::files::headers::samples;
use crate::output::MediaLine;

/// Hashed, and not yet told to anybody.
fn hashed(bytes: &[u8]) -> World {
    let mut world = World::apart(Policy::default());
    world.send("film.mp4", bytes);
    world.settle();
    world
}

/// What Alice's program says of her film.
fn said(world: &World) -> Media {
    world.sides[ALICE].transfers.table.get(1).unwrap().record.media.unwrap()
}

fn say(world: &mut World, media: Media) {
    world.sides[ALICE].transfers.table.get_mut(1).unwrap().record.media = Some(media);
}

fn offers(world: &World) -> Vec<(Option<MediaLine>, Option<u64>, Option<u64>)> {
    let outputs = world.sides[BOB].outputs.iter();
    let offers = outputs.filter_map(|output| {
        let Output::FileOffer { media, eta, wait, .. } = output else { return None };
        Some((media.clone(), *eta, *wait))
    });
    offers.collect()
}

fn take(world: &mut World) {
    world.with(BOB, |transfers, cx| transfers.accept(cx, None));
    world.settle();
}

/// It is said with the offer, kept over a restart, and read again from what has come.
#[test]
fn what_the_headers_say_comes_with_the_offer() {
    for index_is_first in [true, false] {
        let bytes = samples::mp4(index_is_first);
        let mut world = hashed(&bytes);
        // Nobody was there to hear it yet.
        world.restart(ALICE);
        world.join();
        world.settle();
        let (media, eta, wait) = offers(&world).pop().unwrap();
        let media = media.unwrap();
        assert_eq!(
            (media.duration_ms, media.width, media.height),
            (Some(754_000), Some(1920), Some(1080))
        );
        assert_eq!(
            (media.container, media.video, media.audio),
            ("MP4", Some("H.264"), Some("AAC"))
        );
        assert_eq!(media.bitrate, Some(bytes.len() as u64 * 8 / 754));
        assert_eq!(
            (media.index, media.claimed),
            (if index_is_first { "front" } else { "end" }, true)
        );
        assert_eq!((eta, wait), (None, None), "nothing ever came from her");
        assert_eq!(world.line(BOB, 1).media, Some(media.clone()));
        let read_here = MediaLine { claimed: false, ..media.clone() };
        assert_eq!(world.line(ALICE, 1).media, Some(read_here.clone()), "her own");

        world.restart(BOB);
        assert_eq!(offers(&world).pop().unwrap().0, Some(media));
        world.join();
        take(&mut world);
        world.settle();
        assert_eq!(world.states(1), ["complete", "complete"]);
        let line = world.line(BOB, 1);
        assert_eq!((line.media, line.reason), (Some(read_here.clone()), None));
        world.restart(BOB);
        assert_eq!(world.line(BOB, 1).media, Some(read_here));
    }
}

#[test]
fn what_is_no_film_has_no_card() {
    let mut world = World::new();
    world.send("film.mp4", b"only called so");
    world.settle();
    assert_eq!(offers(&world), [(None, None, None)]);
    take(&mut world);
    let line = world.line(BOB, 1);
    assert_eq!((line.state, line.media, line.reason), ("complete", None, None));
}

/// [W-152]
#[test]
fn a_film_that_is_not_what_was_said_is_told() {
    let film = said(&hashed(&samples::mp4(true)));
    let lies = [
        Media { duration: 3_600_000, ..film },
        Media { container: Container::WebM, ..film },
        Media { width: 3840, height: 2160, ..film },
        Media { video: Some(VideoCodec::H265), ..film },
        Media { audio: None, ..film },
        Media { index: Index::End, ..film },
    ];
    for lie in lies {
        let mut world = hashed(&samples::mp4(true));
        say(&mut world, lie);
        world.join();
        world.settle();
        take(&mut world);
        let told = world.sides[BOB].outputs.iter().filter_map(|output| {
            let Output::File { file } = output else { return None };
            file.reason.clone().filter(|_| file.state == "complete")
        });
        let expected = "it is not what was said: it is MP4, 12:34, 1920x1080, H.264 + AAC, ";
        let told: Vec<String> = told.collect();
        assert!(told.iter().any(|why| why.starts_with(expected)), "{lie:?}: {told:?}");
        // From here on what was read here counts.
        let media = world.line(BOB, 1).media.unwrap();
        assert_eq!((media.duration_ms, media.claimed), (Some(754_000), false));
        // That it is something else is told once.
        world.restart(BOB);
        assert_eq!((world.line(BOB, 1).media, world.line(BOB, 1).reason), (Some(media), None));
    }
    // Of what is no film at all.
    let mut world = hashed(b"no film");
    say(&mut world, film);
    world.join();
    world.settle();
    take(&mut world);
    let why = world.line(BOB, 1).reason.unwrap();
    assert_eq!(why, "it is not what was said: its headers cannot be read");
    // A codec that one of the two programs does not know is no lie.
    let mut world = hashed(&samples::mp4(true));
    let (video, audio) = (Some(VideoCodec::Other), Some(AudioCodec::Other));
    say(&mut world, Media { container: Container::Other, video, audio, ..film });
    world.join();
    world.settle();
    take(&mut world);
    assert_eq!(world.line(BOB, 1).reason, None);
}

/// The program ended after the file had its name, perhaps by reading its headers. [W-152]
#[test]
fn headers_that_may_have_ended_the_program_are_not_read_again() {
    let mut world = hashed(&samples::mp4(true));
    world.join();
    world.settle();
    world.with(BOB, |transfers, cx| transfers.accept(cx, None));
    world.until(|world| world.sides[BOB].count_in_log("Write") > 0);
    world.sides[BOB].store_fails = true;
    world.settle();
    assert_eq!(world.sides[BOB].count_in_log("Finish"), 1);
    world.sides[BOB].store_fails = false;
    world.restart(BOB);
    world.join();
    world.settle();
    assert_eq!(world.sides[BOB].count_in_log("Finish"), 2);
    let line = world.line(BOB, 1);
    assert_eq!((line.state, line.media, line.reason), ("complete", None, None));
    world.restart(BOB);
    assert_eq!((world.line(BOB, 1).state, world.line(BOB, 1).media), ("complete", None));
}

/// [W-151]
#[test]
fn what_nobody_can_mean_is_declined() {
    let film = said(&hashed(&samples::mp4(true)));
    let mut world = World::new();
    let mut number = 0;
    let mut hear = |world: &mut World, media: Media, folder: Option<Folder>| {
        number += 1;
        let id = TransferId([number; 16]);
        let (name, media_type) = ("film.mp4".to_owned(), "video/mp4".to_owned());
        let media = Some(media);
        let offer =
            Offer { id, name, size: 7, media_type, root: [0; 32], share: None, media, folder };
        let control = Control::Offer(offer);
        world.with(BOB, |transfers, cx| transfers.on_control(cx, &user(ALICE), control));
        offers(world).len()
    };
    let endless = Media { duration: u64::MAX, ..film };
    assert_eq!(hear(&mut world, endless, None), 0);
    assert_eq!(hear(&mut world, Media { width: 0, ..film }, None), 0);
    assert_eq!(hear(&mut world, film, None), 1);
    // Of a folder as a whole it says nothing.
    assert_eq!(hear(&mut world, film, Some(Folder::Whole { files: 2 })), 2);
    assert_eq!(offers(&world)[1].0, None);
    assert_eq!(hear(&mut world, endless, Some(Folder::Whole { files: 2 })), 3);
    assert_eq!(offers(&world)[2].0, None);
    // Of one file in it that is no more possible than of any other.
    let of = TransferId([3; 16]);
    assert_eq!(hear(&mut world, endless, Some(Folder::Part { of, path: "a".to_owned() })), 3);
}

/// How fast files came from the same user before says how long this one takes; a limit is one.
#[test]
fn how_long_it_takes_is_told_as_it_was_before() {
    let mut world = World::new();
    let bytes = samples::mp4(true);
    world.send("film.mp4", &bytes);
    world.settle();
    take(&mut world);
    assert_eq!(world.line(BOB, 1).eta, None);
    // A thousandth of what the film takes.
    let transfer = world.sides[BOB].transfers.table.get_mut(1).unwrap();
    transfer.record.rate = 5;
    let record = transfer.record.clone();
    let size = bytes.len() as u64;
    world.send("again.mp4", &bytes);
    world.settle();
    let (_, eta, wait) = offers(&world).pop().unwrap();
    assert_eq!((eta, wait), (Some(size / 5), Some(size / 5 - 754)));
    let line = world.line(BOB, 2);
    assert_eq!((line.rate, line.eta, line.wait), (5, eta, wait));
    assert_eq!(world.line(ALICE, 2).eta, None, "she knows nothing of it");
    // Kept with what came, and never more than is wished.
    world.sides[BOB].transfers.table.get_mut(2).unwrap().record.rate = 0;
    assert_eq!(record.rate, 5);
    let limit_down = Some(2);
    let policy = Policy { limit_down, ..Policy::default() };
    world.with(BOB, |transfers, cx| transfers.set_policy(cx, policy));
    assert_eq!(world.sides[BOB].transfers.pace_of(&user(ALICE)), 2);
    assert_eq!(world.sides[BOB].transfers.pace_of(&Name::new("carol").unwrap()), 0);
}

/// Before it is taken; whoever takes it all the same is told by the disk.
#[test]
fn an_offer_for_which_there_is_no_room_says_so() {
    let mut world = World::new();
    for (byte, size) in [(1, 1 << 59), (2, 1000)] {
        let (name, media_type) = ("film.mp4".to_owned(), "video/mp4".to_owned());
        let (root, id) = ([0; 32], TransferId([byte; 16]));
        let offer =
            Offer { id, name, size, media_type, root, share: None, media: None, folder: None };
        let control = Control::Offer(offer);
        world.with(BOB, |transfers, cx| transfers.on_control(cx, &user(ALICE), control));
    }
    world.settle();
    let line = world.line(BOB, 1);
    let why = line.reason.unwrap();
    assert!(why.starts_with("there is room for ") && why.ends_with("it needs 576 PB"), "{why}");
    assert_eq!((line.state, world.line(BOB, 2).reason), ("offered", None));
    let told = world.sides[BOB].outputs.iter().filter(|output| {
        matches!(output, Output::File { file } if file.state == "offered" && file.reason.is_some())
    });
    assert_eq!(told.count(), 1);
    assert_eq!(world.sides[BOB].disk_log, ["Room"], "asked once for both");
    world.with(BOB, |transfers, cx| transfers.accept(cx, Some(1)));
    assert_eq!(world.line(BOB, 1).reason, None);
}

/// A film that is recorded: what it is, is told when it has ended. [W-151]
#[test]
fn a_film_that_grew_is_described_when_it_has_ended() {
    for is_lie in [false, true] {
        let mut world = World::new();
        let path = world.sides[ALICE].dir.path().join("cam.mp4");
        let bytes = samples::mp4(false);
        let (first, rest) = bytes.split_at(3000);
        std::fs::write(&path, first).unwrap();
        let mut recorder = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        world.with(ALICE, |transfers, cx| transfers.send_live(cx, user(BOB), path, None));
        world.settle();
        assert_eq!(offers(&world), [(None, None, None)]);
        take(&mut world);
        std::io::Write::write_all(&mut recorder, rest).unwrap();
        world.pass(2);
        assert_eq!((world.line(BOB, 1).state, world.line(BOB, 1).media), ("running", None));
        if is_lie {
            let id = world.sides[ALICE].transfers.table.get(1).unwrap().record.id;
            let media = Some(Media { duration: u64::MAX, ..said(&hashed(&bytes)) });
            let (name, media_type) = ("cam.mp4".to_owned(), String::new());
            let size = bytes.len() as u64;
            let root = *blake3::hash(&bytes).as_bytes();
            let offer =
                Offer { id, name, size, media_type, root, share: None, media, folder: None };
            let control = Control::Offer(offer);
            world.with(BOB, |transfers, cx| transfers.on_control(cx, &user(ALICE), control));
            assert_eq!(world.line(BOB, 1).state, "failed");
            continue;
        }
        drop(recorder);
        world.pass(8);
        assert_eq!(world.states(1), ["complete", "complete"]);
        world.assert_arrived("cam.mp4", &bytes);
        let line = world.line(BOB, 1);
        let media = line.media.unwrap();
        assert_eq!((media.duration_ms, media.index, line.reason), (Some(754_000), "end", None));
        assert_eq!(world.line(ALICE, 1).media, Some(media));
    }
}
