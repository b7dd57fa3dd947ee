//! Who another user is, against servers that lie and users who begin anew.

use super::world::World;
use crate::output::{KeyMark, Output};
use wire::PublicKey;
use wire::app::identity::{Identity, fingerprint};
use wire::app::name::Name;
use wire::app::server::Introduction;

/// The new fingerprint, and whether nothing is sent.
fn warning(output: &Output) -> Option<(&str, bool)> {
    match output {
        Output::IdentityChanged { new, held, .. } => Some((new, *held)),
        _ => None,
    }
}

fn warnings(outputs: &[Output]) -> Vec<(&str, bool)> {
    outputs.iter().filter_map(warning).collect()
}

fn place(outputs: &[Output], is_it: impl Fn(&Output) -> bool) -> usize {
    outputs.iter().position(is_it).unwrap_or_else(|| panic!("not there: {outputs:?}"))
}

fn is_delivered(output: &Output) -> bool {
    matches!(output, Output::MessageState { state: "delivered", .. })
}

fn is_link(output: &Output) -> bool {
    matches!(output, Output::Link { state: "direct", .. })
}

fn mark(world: &mut World, n: usize, user: &str) -> Option<KeyMark> {
    world.app(n).key_marks().get(user).copied()
}

/// `n` compares the key of `user` and says so.
fn verify(world: &mut World, n: usize, user: &str) {
    world.line(n, &format!("/fingerprint {user}"));
    world.run_ms(100);
    world.line(n, &format!("/trust {user}"));
    let seen = world.seen(n);
    assert!(seen.iter().any(|output| matches!(output, Output::Trusted { .. })), "{seen:?}");
    assert_eq!(mark(world, n, user), Some(KeyMark::Verified));
}

/// Alice and bob, who have met.
fn met() -> World {
    let mut world = World::logged_in(2);
    world.line(0, "@bob one");
    world.run_ms(500);
    assert_eq!(world.texts(1), ["one"]);
    world.seen(0);
    world
}

/// Bob starts anew, and so has another identity under his name.
fn begin_anew(world: &mut World) {
    world.kill(1);
    world.run_ms(60_000);
    world.server.accounts.remove(&Name::new("bob").unwrap());
    world.forget(1);
    world.start(1);
    world.run_ms(100);
    world.register(1, "bob");
    world.run_ms(1000);
    world.seen(0);
    world.seen(1);
}

/// A server that invents an identity and a device for everybody.
fn invent(introduction: &mut Introduction) {
    let mallory = Identity::from_secret(&[66; 32]);
    introduction.identity = mallory.public();
    introduction.certificate = mallory.certify(introduction.name.as_str(), PublicKey([9; 32]), 9);
}

fn invented() -> String {
    fingerprint(&Identity::from_secret(&[66; 32]).public().0)
}

fn restart(world: &mut World, n: usize) {
    world.kill(n);
    world.start(n);
    world.run_ms(1000);
}

/// Security acceptance G04, a contact who was not verified: told before any message, which goes on;
/// neither a message nor a restart dismisses it.
#[test]
fn another_key_of_somebody_not_verified_is_told_before_any_message() {
    let mut world = met();
    assert_eq!(mark(&mut world, 0, "bob"), None, "first seen, not verified");
    begin_anew(&mut world);
    world.line(0, "@bob two");
    world.run_ms(20_000);
    assert_eq!(world.texts(1), ["two"]);
    let seen = world.seen(0);
    assert!(matches!(warnings(&seen)[..], [(_, false)]), "once: {seen:?}");
    assert!(place(&seen, |it| warning(it).is_some()) < place(&seen, is_delivered));

    world.line(1, "@alice three");
    world.run_ms(500);
    assert_eq!(world.texts(0), ["three"]);
    assert_eq!(mark(&mut world, 0, "bob"), Some(KeyMark::Changed));
    restart(&mut world, 0);
    world.line(1, "@alice four");
    world.run_ms(60_000);
    let seen = world.seen(0);
    let is_message = |output: &Output| matches!(output, Output::Message { .. });
    assert!(place(&seen, |it| warning(it).is_some()) < place(&seen, is_message));

    verify(&mut world, 0, "bob");
    restart(&mut world, 0);
    world.line(0, "@bob five");
    world.run_ms(60_000);
    assert!(warnings(&world.seen(0)).is_empty());
    assert_eq!(world.texts(1), ["five"]);
    assert_eq!(mark(&mut world, 0, "bob"), Some(KeyMark::Verified));
}

/// A link is told of by the warning before it, and the next link again.
#[test]
fn each_link_to_another_key_is_preceded_by_a_warning() {
    let mut world = met();
    begin_anew(&mut world);
    for text in ["two", "three"] {
        world.line(0, &format!("@bob {text}"));
        world.run_ms(70_000);
        let seen = world.seen(0);
        assert!(place(&seen, |it| warning(it).is_some()) < place(&seen, is_link), "{seen:?}");
        assert_eq!(warnings(&seen).len(), 1);
        world.kill(1);
        world.run_ms(60_000);
        world.start(1);
        world.run_ms(1000);
    }
}

/// Security acceptance G04, a verified contact: nothing is sent and nothing is heard until the
/// person accepts exactly the key that he was shown, over restarts too.
#[test]
fn another_key_of_somebody_verified_gets_nothing_until_trusted() {
    let mut world = met();
    verify(&mut world, 0, "bob");
    begin_anew(&mut world);
    world.line(0, "@bob secret");
    world.line(1, "@alice let me in");
    world.run_ms(20_000);
    let seen = world.seen(0);
    assert!(matches!(warnings(&seen)[..], [(_, true)]), "once: {seen:?}");
    assert!(!seen.iter().any(is_link), "{seen:?}");
    assert!(world.texts(1).is_empty());
    restart(&mut world, 0);
    world.run_ms(20_000);
    let seen = world.seen(0);
    let [(new, true)] = warnings(&seen)[..] else { panic!("once more: {seen:?}") };
    let new = new.to_owned();
    assert!(!seen.iter().any(is_link), "{seen:?}");
    assert!(world.texts(1).is_empty());
    world.line(1, "/fingerprint");
    assert!(
        matches!(&world.seen(1)[0], Output::Fingerprint { fingerprint, .. } if *fingerprint == new)
    );

    world.line(0, "/trust bob");
    assert!(world.errors(0).contains("Nothing is accepted unseen"));
    verify(&mut world, 0, "bob");
    world.run_ms(70_000);
    assert_eq!(world.texts(1), ["secret"]);
    assert_eq!(world.texts(0), ["let me in"]);
    world.line(0, "/trust bob");
    assert!(world.errors(0).contains("verified already"));
}

/// Security acceptance G04, both ends at once: a server that puts itself between two users.
#[test]
fn a_server_between_two_users_is_seen_at_both_ends() {
    for verified in [false, true] {
        let mut world = met();
        if verified {
            verify(&mut world, 0, "bob");
            verify(&mut world, 1, "alice");
        }
        world.server.corrupt = Some(invent);
        restart(&mut world, 1);
        world.line(0, "@bob two");
        world.line(1, "@alice two");
        world.run_ms(5000);
        for n in [0, 1] {
            let seen = world.seen(n);
            assert_eq!(warnings(&seen), [(invented().as_str(), verified)], "{seen:?}");
            assert!(!seen.iter().any(is_link), "the invented device is nobody's: {seen:?}");
        }
        // It stops lying. Nothing need be accepted: the keys that are known are proven again.
        world.server.corrupt = None;
        restart(&mut world, 1);
        world.run_ms(70_000);
        for n in [0, 1] {
            let seen = world.seen(n);
            let is_back = |output: &Output| matches!(output, Output::Info { text } if text.contains("known before"));
            assert!(seen.iter().any(is_back), "{verified}: {seen:?}");
            assert!(seen.iter().any(is_delivered), "{verified}: {seen:?}");
            let expected = verified.then_some(KeyMark::Verified);
            assert_eq!(mark(&mut world, n, ["bob", "alice"][n]), expected);
        }
    }
}

/// Both sides see the same number; whoever is not met yet can be verified before the first word.
#[test]
fn the_number_is_the_same_at_both_ends() {
    let mut world = World::logged_in(2);
    let number = |world: &mut World, n: usize, user: &str| {
        world.seen(n);
        world.line(n, &format!("/verify {user}"));
        world.run_ms(100);
        match &world.seen(n)[..] {
            [Output::Fingerprint { safety_number: Some(number), qr: Some(qr), verified, .. }] => {
                (number.clone(), qr.clone(), *verified)
            }
            other => panic!("{other:?}"),
        }
    };
    let (seen_by_alice, code, verified) = number(&mut world, 0, "bob");
    assert_eq!(verified, Some(false));
    assert_eq!(number(&mut world, 1, "alice"), (seen_by_alice.clone(), code.clone(), verified));
    assert!(code.starts_with("tincan ") && code.ends_with(&seen_by_alice), "{code}");
    verify(&mut world, 0, "bob");
    assert_eq!(number(&mut world, 0, "bob").2, Some(true));

    world.server.corrupt = Some(invent);
    world.line(0, "@bob hi");
    world.run_ms(5000);
    assert_eq!(warnings(&world.seen(0)), [(invented().as_str(), true)]);
    assert!(world.texts(1).is_empty());
}

/// Security acceptance G11: what was compared is accepted, never what is shown since.
#[test]
fn a_key_that_changes_after_it_was_shown_is_not_accepted() {
    let mut world = met();
    world.line(0, "/fingerprint bob");
    world.server.corrupt = Some(invent);
    restart(&mut world, 1);
    world.line(1, "@alice hi");
    world.run_ms(2000);
    assert_eq!(warnings(&world.seen(0)).len(), 1);
    world.line(0, "/trust bob");
    assert!(world.errors(0).contains("look again"));
    assert_eq!(mark(&mut world, 0, "bob"), Some(KeyMark::Changed));
    world.line(0, "/fingerprint bob");
    let seen = world.seen(0);
    let [Output::Fingerprint { fingerprint, verified: Some(false), former: Some(former), .. }] =
        &seen[..]
    else {
        panic!("{seen:?}")
    };
    assert_eq!(*fingerprint, invented());
    assert_ne!(*former, invented());
}

/// The same when a handshake with another device is under way while the person accepts a key.
#[test]
fn a_handshake_under_way_does_not_replace_the_key_that_was_accepted() {
    let mut world = World::logged_in(2);
    world.seen(0);
    world.line(0, "@bob hi");
    world.run_ms(12);
    // From now on the directory names another key than the introduction that is on its way.
    let bob = Name::new("bob").unwrap();
    let other = Identity::from_secret(&[66; 32]).public();
    world.server.accounts.get_mut(&bob).unwrap().identity = Some(other);
    world.line(0, "/fingerprint bob");
    world.run_ms(21);
    world.line(0, "/trust bob");
    assert_eq!(mark(&mut world, 0, "bob"), Some(KeyMark::Verified));
    world.run_ms(5000);
    assert!(world.texts(1).is_empty());
    let seen = world.seen(0);
    assert!(!seen.iter().any(is_link), "{seen:?}");
    world.line(0, "/fingerprint bob");
    assert!(
        matches!(&world.seen(0)[..], [Output::Fingerprint { fingerprint, verified: Some(true), .. }]
            if *fingerprint == invented())
    );
}

/// Security acceptance C09: the server gives a device of its own.
#[test]
fn a_forged_certificate_is_no_introduction() {
    let mut world = World::logged_in(2);
    world.server.corrupt = Some(|introduction| {
        let mallory = Identity::from_secret(&[66; 32]);
        introduction.certificate =
            mallory.certify(introduction.name.as_str(), PublicKey([9; 32]), 9);
    });
    world.line(0, "@bob hi");
    world.run_ms(5000);
    assert!(world.errors(0).contains("not genuine"));
    assert!(world.texts(1).is_empty());
    world.server.corrupt = None;
    world.run_ms(60_000);
    assert_eq!(world.texts(1), ["hi"]);
}

/// Who trusts another key wants nothing more to go to the one before, though its link is up.
#[test]
fn the_link_to_the_key_before_ends_with_trust() {
    let mut world = met();
    verify(&mut world, 0, "bob");
    world.server.corrupt = Some(invent);
    world.kill(1);
    world.start(1);
    world.run_ms(500);
    world.line(1, "@alice introduced by a liar");
    world.run_ms(500);
    let seen = world.seen(0);
    assert_eq!(warnings(&seen).len(), 1, "{seen:?}");
    verify(&mut world, 0, "bob");
    world.line(0, "@bob two");
    world.run_ms(10);
    let waits = |output: &Output| {
        matches!(output, Output::MessageState { state: "queued", reason: Some(_), .. })
    };
    let seen = world.seen(0);
    assert!(seen.iter().any(waits), "it went over the link to the key before: {seen:?}");
}

#[test]
fn only_others_are_verified() {
    let mut world = World::logged_in(1);
    world.line(0, "/trust alice");
    assert!(world.errors(0).contains("That is you"));
    world.line(0, "/fingerprint alice");
    assert!(matches!(
        &world.seen(0)[..],
        [Output::Fingerprint { of, verified: None, safety_number: None, .. }] if of == "alice"
    ));
}
