//! Who another user is, against servers that lie.

use super::world::World;
use crate::output::Output;
use wire::PublicKey;
use wire::app::identity::{Identity, fingerprint};

fn is_told(outputs: &[Output]) -> Option<(&str, &str)> {
    outputs.iter().find_map(|output| match output {
        Output::IdentityChanged { user, new, .. } => Some((user.as_str(), new.as_str())),
        _ => None,
    })
}

/// Security acceptance G04, G11: another identity under a known name gets nothing, until the
/// person accepts exactly the one that was shown.
#[test]
fn another_identity_gets_nothing_until_trusted() {
    let mut world = World::logged_in(2);
    world.line(0, "@bob one");
    world.run_ms(500);
    // Bob starts anew, and so has another identity under his name.
    world.kill(1);
    world.run_ms(60_000);
    world.server.accounts.remove(&wire::app::name::Name::new("bob").unwrap());
    world.forget(1);
    world.start(1);
    world.run_ms(100);
    world.register(1, "bob");
    world.run_ms(1000);
    world.seen(0);
    world.seen(1);
    world.line(0, "@bob secret");
    world.run_ms(20_000);
    let seen = world.seen(0);
    let (user, new) = is_told(&seen).expect("told");
    assert_eq!(user, "bob");
    assert_eq!(seen.iter().filter(|o| is_told(core::slice::from_ref(o)).is_some()).count(), 1);
    assert!(world.texts(1).is_empty());
    world.line(1, "/fingerprint");
    assert!(
        matches!(&world.seen(1)[0], Output::Fingerprint { fingerprint, .. } if fingerprint == new)
    );
    world.line(0, "/trust bob");
    world.run_ms(70_000);
    assert_eq!(world.texts(1), ["secret"]);
    world.line(0, "/trust bob");
    assert!(world.errors(0).contains("has not changed"));
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

/// The server makes up an identity and a device for a user who is known.
#[test]
fn an_invented_user_is_seen_through() {
    let mut world = World::logged_in(2);
    world.line(0, "@bob one");
    world.run_ms(500);
    world.server.corrupt = Some(|introduction| {
        let mallory = Identity::from_secret(&[66; 32]);
        introduction.identity = mallory.public();
        introduction.certificate =
            mallory.certify(introduction.name.as_str(), PublicKey([9; 32]), 9);
    });
    world.kill(1);
    world.run_ms(60_000);
    world.start(1);
    world.run_ms(1000);
    world.line(0, "@bob two");
    world.run_ms(5000);
    let seen = world.seen(0);
    let mallory = fingerprint(&Identity::from_secret(&[66; 32]).public().0);
    assert_eq!(is_told(&seen), Some(("bob", mallory.as_str())));
    assert_eq!(world.texts(1), ["one"]);
}

/// Who trusts another key wants nothing more to go to the one before, though its link is up.
#[test]
fn the_link_to_the_key_before_ends_with_trust() {
    let mut world = World::logged_in(2);
    world.line(0, "@bob one");
    world.run_ms(500);
    world.server.corrupt = Some(|introduction| {
        let mallory = Identity::from_secret(&[66; 32]);
        introduction.identity = mallory.public();
        introduction.certificate =
            mallory.certify(introduction.name.as_str(), PublicKey([9; 32]), 9);
    });
    world.kill(1);
    world.start(1);
    world.run_ms(500);
    world.line(1, "@alice introduced by a liar");
    world.run_ms(500);
    let seen = world.seen(0);
    assert!(is_told(&seen).is_some(), "{seen:?}");
    world.line(0, "/trust bob");
    world.line(0, "@bob two");
    world.run_ms(10);
    let waits = |output: &Output| {
        matches!(output, Output::MessageState { state: "queued", reason: Some(_), .. })
    };
    let seen = world.seen(0);
    assert!(seen.iter().any(waits), "it went over the link to the key before: {seen:?}");
}
