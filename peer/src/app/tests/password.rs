//! Another password: over loss, lost answers and lost servers exactly one holds, and it is told
//! which.

use super::world::{World, server_address};
use crate::command::Command;
use crate::output::Output;
use wire::Secret;
use wire::app::server::Refusal;

const OLD: &str = "password of alice";
const NEW: &str = "another password";

fn change(world: &mut World, old: &str, new: &str) {
    let [old, new] = [old, new].map(|text| Secret::new(text.to_owned()));
    world.command(0, Command::ChangePassword { old, new });
}

fn infos(world: &mut World) -> String {
    let infos = world.seen(0).into_iter().filter_map(|output| match output {
        Output::Info { text } => Some(text),
        _ => None,
    });
    infos.collect::<Vec<_>>().join("\n")
}

/// Whether another machine logs in with this password, and so restores the identity.
fn holds(world: &mut World, password: &str) -> bool {
    world.seen(1);
    world.login_with(1, "alice", password);
    world.run_ms(2000);
    let is_in = world.seen(1).iter().any(|output| matches!(output, Output::LoggedIn { .. }));
    if is_in {
        world.line(1, "/logout");
        world.run_ms(1000);
    }
    is_in
}

/// Alice at one machine; the other one is there for [`holds`].
fn alice() -> World {
    let mut world = World::new(2);
    world.register(0, "alice");
    world.run_ms(1000);
    world.seen(0);
    world
}

#[test]
fn the_new_password_holds_and_the_session_stays() {
    for lose_every in [u64::MAX, 3] {
        let mut world = alice();
        world.lose_every = lose_every;
        change(&mut world, OLD, NEW);
        world.run_ms(10_000);
        assert!(infos(&mut world).contains("is changed"));
        world.lose_every = u64::MAX;
        world.line(0, "/who");
        assert_eq!(world.errors(0), "", "still logged in");
        assert!(holds(&mut world, NEW), "and the identity is sealed for the new one");
        assert!(!holds(&mut world, OLD));
    }
}

#[test]
fn a_wrong_current_password_changes_nothing() {
    let mut world = alice();
    change(&mut world, "not the password", NEW);
    world.run_ms(1000);
    assert!(world.errors(0).contains("not your current password"));
    assert!(!world.server.log.contains(&"ProveFinish".to_owned()), "it got nothing for it");
    assert!(holds(&mut world, OLD));
    let seconds = 20;
    world.line(0, "/reconnect");
    world.run_ms(1000);
    world.seen(0);
    world.server.refuse.push(("ProveStart", Refusal::Locked { seconds }));
    change(&mut world, OLD, NEW);
    world.run_ms(1000);
    assert!(world.errors(0).contains("try again in 20 s"));
    world.server.refuse = vec![("ChangePasswordFinish", Refusal::StorageFailed)];
    change(&mut world, OLD, NEW);
    world.run_ms(1000);
    assert!(world.errors(0).contains("not changed: the server cannot store"));
    world.server.refuse.clear();
    change(&mut world, OLD, NEW);
    world.run_ms(1000);
    assert!(infos(&mut world).contains("is changed"), "nothing is left of the failures");
}

#[test]
fn what_cannot_be_a_password_is_not_sent() {
    let mut world = alice();
    for (old, new, why) in [
        (OLD, "short", "at least 8"),
        (OLD, OLD, "is the current one"),
        ("", NEW, "the current one: a password needs"),
        (OLD, "tab\tand more", "control characters"),
    ] {
        change(&mut world, old, new);
        let errors = world.errors(0);
        assert!(errors.contains(why), "{errors}");
    }
    change(&mut world, OLD, NEW);
    change(&mut world, OLD, NEW);
    assert!(world.errors(0).contains("being changed already"));
    world.run_ms(1000);
    assert!(infos(&mut world).contains("is changed"));
    world.cut.push(server_address());
    world.run_ms(60_000);
    world.seen(0);
    change(&mut world, NEW, OLD);
    assert!(world.errors(0).starts_with("Not done: the "), "no server to ask");
    world.line(0, "/logout");
    change(&mut world, NEW, OLD);
    assert!(world.errors(0).contains("Log in first"));
}

/// The connection breaks at each of the steps: before the last one the old password holds and it
/// is told at once; at the last one it is found out when the server is back.
#[test]
fn a_lost_answer_leaves_one_password_and_it_is_told_which() {
    for lost in ["ProveStart", "ProveFinish", "ChangePasswordStart"] {
        let mut world = alice();
        world.server.drop_at = Some(lost);
        change(&mut world, OLD, NEW);
        world.run_ms(5000);
        assert!(world.errors(0).contains("not changed: the server was lost"), "{lost}");
        assert!(holds(&mut world, OLD), "{lost}");
    }
    let mut world = alice();
    world.server.drop_at = Some("ChangePasswordFinish");
    change(&mut world, OLD, NEW);
    world.run_ms(10_000);
    let infos = infos(&mut world);
    assert!(infos.contains("found out") && infos.contains("is changed"), "{infos}");
    assert!(holds(&mut world, NEW) && !holds(&mut world, OLD));
}

/// The same when the request itself does not arrive, and when the answer to the question is lost
/// once more.
#[test]
fn a_change_that_did_not_arrive_is_found_out() {
    let mut world = alice();
    world.server.drop_at = Some("ChangePasswordFinish");
    world.server.refuse.push(("ChangePasswordFinish", Refusal::StorageFailed));
    change(&mut world, OLD, NEW);
    world.run_ms(100);
    world.server.drop_at = Some("ProveStart");
    world.run_ms(20_000);
    assert!(world.errors(0).contains("before it took the new one"));
    assert!(holds(&mut world, OLD));

    let mut world = alice();
    world.server.drop_at = Some("ChangePasswordFinish");
    change(&mut world, OLD, NEW);
    world.run_ms(100);
    world.server.refuse.push(("ProveStart", Refusal::Locked { seconds: 9 }));
    world.run_ms(20_000);
    assert!(world.errors(0).contains("try the new one first"));
}

/// The program is killed at any moment: whatever it knew, one of the two logs in.
#[test]
fn a_crash_at_any_moment_leaves_one_password() {
    let mut changed = 0;
    for ms in (0..160).step_by(10) {
        let mut world = alice();
        change(&mut world, OLD, NEW);
        world.run_ms(ms);
        world.kill(0);
        world.run_ms(1000);
        let (old, new) = (holds(&mut world, OLD), holds(&mut world, NEW));
        assert!(old != new, "at {ms} ms: {old} {new}");
        changed += usize::from(new);
    }
    assert!((1..16).contains(&changed), "before and after the change: {changed}");
}

/// Security acceptance D05.
#[test]
fn a_server_that_wants_a_dangerous_stretch_gets_no_proof() {
    let mut world = alice();
    let memory_kib = 8 << 20;
    world.server.stretch =
        wire::app::login::Stretch { memory_kib, ..wire::app::login::Stretch::STANDARD };
    change(&mut world, OLD, NEW);
    world.run_ms(1000);
    assert!(world.errors(0).contains("not safe"));
    assert!(!world.server.log.contains(&"ProveFinish".to_owned()));
}
