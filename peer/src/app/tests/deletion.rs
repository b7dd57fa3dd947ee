//! A deleted account: its keys are gone from here, what was said stays, and whoever comes back under
//! the name is somebody else.

use wire::Secret;
use wire::app::name::Name;
use wire::app::server::{Refusal, close};

use super::world::{World, server_address};
use crate::command::Command;
use crate::output::Output;

fn delete(world: &mut World, name: &str, password: &str) {
    let (name, password) = (name.to_owned(), Secret::new(password.to_owned()));
    world.command(0, Command::DeleteAccount { name, password });
}

fn delete_alice(world: &mut World) {
    delete(world, "alice", "password of alice");
}

/// Whether the account is told to be gone from here too.
fn is_deleted(seen: &[Output]) -> bool {
    let at = |wanted: &dyn Fn(&Output) -> bool| seen.iter().position(wanted);
    let out = at(&|output| matches!(output, Output::LoggedOut { .. }));
    let gone = at(&|output| {
        matches!(output, Output::AccountDeleted { user, kept: Some(kept) }
            if user == "alice" && kept == "the data folder")
    });
    let menu = at(&|output| matches!(output, Output::LoginNeeded { reason: None }));
    match (out, gone, menu) {
        (Some(out), Some(gone), Some(menu)) => out < gone && gone < menu,
        _ => false,
    }
}

/// What the server holds of an account.
fn identity(world: &World, name: &str) -> wire::app::identity::IdentityKey {
    world.server.accounts[&Name::new(name).unwrap()].identity.unwrap()
}

fn exists(world: &World) -> bool {
    world.server.accounts.contains_key(&Name::new("alice").unwrap())
}

#[test]
fn a_deleted_account_leaves_the_history_and_no_key() {
    for lose_every in [u64::MAX, 3] {
        let mut world = World::logged_in(2);
        world.line(0, "/msg bob hello");
        world.line(1, "/msg alice hi");
        world.run_ms(2000);
        let former = identity(&world, "alice");
        world.lose_every = lose_every;
        delete_alice(&mut world);
        world.run_ms(10_000);
        world.lose_every = u64::MAX;
        let seen = world.seen(0);
        assert!(is_deleted(&seen), "{seen:?}");
        assert!(!exists(&world));
        // There is nothing to come back with.
        world.line(0, "/reconnect");
        assert!(world.errors(0).contains("Log in first"));
        world.kill(0);
        world.start(0);
        world.run_ms(2000);
        let seen = world.seen(0);
        assert!(seen.iter().any(|output| matches!(output, Output::Ready { user: None, .. })));
        // The same name is somebody else from now on, who finds what was said here.
        world.register(0, "alice");
        world.run_ms(2000);
        assert!(world.errors(0).is_empty());
        assert_ne!(identity(&world, "alice"), former);
        world.line(0, "/history bob 10");
        world.run_ms(100);
        let lines = world.seen(0).into_iter().find_map(|output| match output {
            Output::History { lines, .. } => Some(lines.len()),
            _ => None,
        });
        assert_eq!(lines, Some(2));
        world.seen(1);
        world.line(0, "/msg bob it is me");
        world.run_ms(3000);
        let changed = world.seen(1).into_iter().any(
            |output| matches!(output, Output::IdentityChanged { user, .. } if user == "alice"),
        );
        assert!(changed, "bob is shown another key");
    }
}

#[test]
fn nothing_that_waited_is_sent_by_whoever_has_the_name_next() {
    let mut world = World::logged_in(2);
    world.kill(1);
    world.run_ms(30_000);
    world.line(0, "/msg bob a secret of the former alice");
    world.run_ms(1000);
    delete_alice(&mut world);
    world.run_ms(1000);
    assert!(is_deleted(&world.seen(0)));
    world.register(0, "alice");
    world.run_ms(1000);
    world.line(0, "/outbox");
    world.line(0, "/history bob 10");
    world.run_ms(100);
    let seen = world.seen(0);
    let waits =
        seen.iter().any(|o| matches!(o, Output::Outbox { messages } if !messages.is_empty()));
    assert!(!waits, "{seen:?}");
    let failed = seen.iter().any(|output| {
        matches!(output, Output::History { lines, .. } if lines.len() == 1 && lines[0].state == "failed")
    });
    assert!(failed, "{seen:?}");
    world.start(1);
    world.run_ms(5000);
    assert_eq!(world.texts(1), Vec::<String>::new());
}

#[test]
fn a_slip_deletes_nothing() {
    let mut world = World::logged_in(1);
    for (name, password, why) in [
        ("bob", "password of alice", "that is not what you typed"),
        ("", "password of alice", "that is not what you typed"),
        ("alice", "", "a password needs"),
    ] {
        delete(&mut world, name, password);
        let errors = world.errors(0);
        assert!(errors.contains(why) && errors.starts_with("Not deleted:"), "{errors}");
        assert!(!world.server.log.contains(&"ProveStart".to_owned()));
    }
    delete(&mut world, "alice", "not the password");
    world.run_ms(1000);
    assert!(world.errors(0).contains("not deleted: that is not your current password"));
    assert!(!world.server.log.contains(&"ProveFinish".to_owned()), "it got nothing for it");
    for (request, refusal, why) in [
        ("ProveStart", Refusal::Locked { seconds: 20 }, "try again in 20 s"),
        ("DeleteAccount", Refusal::StorageFailed, "not deleted: the server cannot store"),
        ("DeleteAccount", Refusal::WrongPassword, "not deleted: wrong user name or password"),
    ] {
        world.server.refuse = vec![(request, refusal)];
        delete_alice(&mut world);
        world.run_ms(1000);
        let errors = world.errors(0);
        assert!(errors.contains(why), "{errors}");
    }
    world.server.refuse.clear();
    world.cut.push(server_address());
    world.run_ms(60_000);
    world.seen(0);
    delete_alice(&mut world);
    assert!(world.errors(0).starts_with("Not deleted: the "), "no server to ask");
    world.cut.clear();
    world.run_ms(60_000);
    assert!(exists(&world), "nothing is done later either");
    // Full width, capitals: the same name.
    delete(&mut world, "ＡLICE", "password of alice");
    delete_alice(&mut world);
    assert!(world.errors(0).contains("being proven already"));
    world.run_ms(1000);
    assert!(is_deleted(&world.seen(0)), "nothing is left of the failures");
    delete_alice(&mut world);
    assert!(world.errors(0).contains("Log in first"));
}

/// The connection breaks at each of the steps: before the last one nothing is done, and that is told
/// at once; at the last one it is done, and found out when the server is back.
#[test]
fn a_lost_answer_is_no_failure() {
    for lost in ["ProveStart", "ProveFinish"] {
        let mut world = World::logged_in(1);
        world.server.drop_at = Some(lost);
        delete_alice(&mut world);
        world.run_ms(5000);
        assert!(world.errors(0).contains("not deleted: the server was lost"), "{lost}");
        assert!(exists(&world), "{lost}");
    }
    for refusal in [None, Some(Refusal::UnknownDevice)] {
        let mut world = World::logged_in(1);
        world.server.drop_at = Some("DeleteAccount");
        world.server.refuse.extend(refusal.map(|refusal| ("Resume", refusal)));
        delete_alice(&mut world);
        world.run_ms(10_000);
        let seen = world.seen(0);
        let is_told = seen
            .iter()
            .any(|output| matches!(output, Output::Info { text } if text.contains("found out")));
        assert!(is_told && is_deleted(&seen), "{seen:?}");
        world.run_ms(60_000);
        assert!(world.seen(0).is_empty(), "the server is left alone");
    }
    // The request itself was lost.
    let mut world = World::logged_in(1);
    world.server.drop_at = Some("DeleteAccount");
    world.server.refuse.push(("DeleteAccount", Refusal::StorageFailed));
    delete_alice(&mut world);
    world.run_ms(10_000);
    assert!(world.errors(0).contains("lost before it did that; try again"));
    world.server.refuse.clear();
    delete_alice(&mut world);
    world.run_ms(1000);
    assert!(is_deleted(&world.seen(0)));
}

/// Another machine of the user's has the account too: it is told, keeps the keys at the server's
/// word, and erases them at the user's.
#[test]
fn other_machines_are_told_and_keep_their_keys_until_asked() {
    let mut world = World::new(2);
    world.register(1, "alice");
    world.run_ms(1000);
    world.login(0, "alice");
    world.run_ms(1000);
    world.line(1, "/reconnect");
    world.run_ms(1000);
    world.line(0, "/reconnect");
    world.run_ms(1000);
    world.seen(0);
    world.seen(1);
    delete_alice(&mut world);
    world.run_ms(1000);
    assert!(is_deleted(&world.seen(0)));
    for n in 0..3 {
        world.line(1, "/reconnect");
        world.run_ms(1000);
        let seen = world.seen(1);
        let told = seen.iter().position(|output| {
            matches!(output, Output::AccountDeleted { user, kept: None } if user == "alice")
        });
        let why = seen.iter().position(|output| {
            matches!(output, Output::LoginNeeded { reason: Some(reason) }
                if reason.contains("was deleted") && reason.contains("'/account delete' erases"))
        });
        assert!(told.is_some() && told < why, "{n}: {seen:?}");
    }
    // Nobody proves anything to a server that knows nobody: the keys here are the user's own.
    let command = |name: &str| Command::DeleteAccount {
        name: name.to_owned(),
        password: Secret::new("whatever".to_owned()),
    };
    world.command(1, command("bob"));
    assert!(world.errors(1).contains("not what you typed"));
    world.command(1, command("alice"));
    world.run_ms(100);
    assert!(is_deleted(&world.seen(1)));
    world.kill(1);
    world.start(1);
    world.run_ms(1000);
    let seen = world.seen(1);
    assert!(seen.iter().any(|output| matches!(output, Output::Ready { user: None, .. })));
}

/// A session that the deletion ends, and a server that only says so: nothing is erased.
#[test]
fn a_lying_server_erases_nothing() {
    let mut world = World::logged_in(1);
    let former = identity(&world, "alice");
    let now = world.now;
    world.server.end_session(now, "alice", close::DELETED);
    world.run_ms(1000);
    let seen = world.seen(0);
    assert!(seen.iter().any(|it| matches!(it, Output::AccountDeleted { kept: None, .. })));
    world.kill(0);
    world.start(0);
    world.run_ms(1000);
    let seen = world.seen(0);
    assert!(seen.iter().any(|output| matches!(output, Output::LoggedIn { .. })), "{seen:?}");
    assert_eq!(identity(&world, "alice"), former);
    // It is told once more what it wants to hear, and proves the password.
    delete(&mut world, "alice", "not the password");
    world.run_ms(1000);
    assert!(world.errors(0).contains("not your current password"));
}

/// The program is killed at any moment: the account is there with its keys, or there is none at the
/// server, and the device is told so and done with by the same command.
#[test]
fn a_crash_at_any_moment_leaves_an_account_or_none() {
    let mut deleted = 0;
    for ms in (0..160).step_by(10) {
        let mut world = World::logged_in(1);
        delete_alice(&mut world);
        world.run_ms(ms);
        world.kill(0);
        world.run_ms(1000);
        world.seen(0);
        world.start(0);
        world.run_ms(2000);
        let seen = world.seen(0);
        let is_in = seen.iter().any(|output| matches!(output, Output::LoggedIn { .. }));
        assert_eq!(is_in, exists(&world), "at {ms} ms: {seen:?}");
        if !is_in {
            deleted += 1;
            let is_forgotten =
                seen.iter().any(|output| matches!(output, Output::Ready { user: None, .. }));
            if !is_forgotten {
                delete_alice(&mut world);
                world.run_ms(100);
                assert!(is_deleted(&world.seen(0)), "at {ms} ms");
            }
        }
    }
    assert!((1..16).contains(&deleted), "before and after it: {deleted}");
}

/// Who has asked the former account has asked nobody now.
#[test]
fn what_strangers_asked_goes_with_the_account() {
    let mut world = World::asking(2);
    world.line(1, "/msg alice hello");
    world.run_ms(1000);
    world.kill(1);
    assert!(world.seen(0).iter().any(|output| matches!(output, Output::Request { .. })));
    delete_alice(&mut world);
    world.run_ms(5000);
    assert!(is_deleted(&world.seen(0)));
    world.register(0, "alice");
    world.run_ms(2000);
    world.seen(0);
    world.line(0, "/requests");
    match world.seen(0).pop() {
        Some(Output::Requests { requests, .. }) => assert!(requests.is_empty(), "{requests:?}"),
        other => panic!("{other:?}"),
    }
}
