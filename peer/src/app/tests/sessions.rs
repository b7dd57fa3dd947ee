//! Registration, login, resumption, loss and return of the server, the ways out.

use super::world::{World, server_address};
use crate::command::Command;
use crate::output::{Output, ServerState};
use wire::app::login::Stretch;
use wire::app::name::Name;
use wire::app::server::{Refusal, close};

fn logged_in(outputs: &[Output]) -> Option<(&str, bool)> {
    outputs.iter().find_map(|output| match output {
        Output::LoggedIn { user, new_account, .. } => Some((user.as_str(), *new_account)),
        _ => None,
    })
}

#[test]
fn registers_resumes_and_logs_in_on_another_machine() {
    let mut world = World::new(2);
    assert!(matches!(
        world.seen(0)[..],
        [Output::Ready { user: None, .. }, Output::LoginNeeded { .. }, ..]
    ));
    world.register(0, "Alice");
    world.run_ms(1000);
    let seen = world.seen(0);
    assert_eq!(logged_in(&seen), Some(("alice", true)));
    let fingerprints = |seen: &[Output]| {
        seen.iter().filter(|o| matches!(o, Output::ServerFingerprint { .. })).count()
    };
    assert_eq!(fingerprints(&seen), 1);
    let identity = world.server.accounts[&Name::new("alice").unwrap()].identity;

    world.kill(0);
    world.start(0);
    world.run_ms(1000);
    let seen = world.seen(0);
    assert!(matches!(&seen[0], Output::Ready { user: Some(user), .. } if user == "alice"));
    assert_eq!(logged_in(&seen), Some(("alice", false)));
    assert_eq!(fingerprints(&seen), 0, "shown once");
    assert_eq!(world.server.log.iter().filter(|word| *word == "Resume").count(), 1);

    world.login_with(1, "alice", "password of Alice");
    world.run_ms(1000);
    let seen = world.seen(1);
    assert_eq!(logged_in(&seen), Some(("alice", false)), "{seen:?}");
    world.line(1, "/fingerprint");
    let own = wire::app::identity::fingerprint(&identity.unwrap().0);
    let seen = world.seen(1);
    assert!(matches!(&seen[0], Output::Fingerprint { fingerprint, .. } if *fingerprint == own));

    // The first machine was told that it is out, and does not fight for the session.
    world.run_ms(60_000);
    let seen = world.seen(0);
    assert!(seen.iter().any(|o| matches!(o, Output::LoggedOut { .. })), "{seen:?}");
    assert_eq!(world.server.online().len(), 1);
    // Whoever asks for the session there has it back, and others do not take the device for an
    // old one.
    world.command(0, Command::Reconnect);
    world.run_ms(1000);
    assert_eq!(logged_in(&world.seen(0)), Some(("alice", false)));
    let newest = world.server.accounts[&Name::new("alice").unwrap()].certificate.unwrap();
    assert_eq!(newest.generation, 3);
    assert!(world.seen(1).iter().any(|o| matches!(o, Output::LoggedOut { .. })));
}

/// A fingerprint that is shown only after the password was typed comes too late to keep it from a
/// false server.
#[test]
fn the_server_is_met_before_anything_is_typed_for_it() {
    let mut world = World::new(1);
    world.run_ms(1000);
    let seen = world.seen(0);
    assert!(matches!(
        seen[..],
        [
            Output::Ready { user: None, .. },
            Output::LoginNeeded { .. },
            Output::Server { state: ServerState::Connecting },
            Output::ServerFingerprint { .. },
            Output::Server { state: ServerState::Connected },
        ]
    ));
    world.run_ms(120_000);
    assert!(world.seen(0).is_empty(), "no connection is kept that is not logged in");
    world.line(0, "/reconnect");
    assert!(matches!(world.seen(0)[..], [Output::Error { .. }]));
    world.register(0, "alice");
    world.run_ms(1000);
    let seen = world.seen(0);
    assert_eq!(logged_in(&seen), Some(("alice", true)));
    assert!(!seen.iter().any(|o| matches!(o, Output::ServerFingerprint { .. })), "shown once");
}

/// As after a signal: neither the login nor what waits for it holds the program up, and nobody
/// believes that it was done.
#[test]
fn a_login_under_way_does_not_keep_the_program() {
    let mut world = World::new(1);
    world.run_ms(10);
    world.register(0, "alice");
    world.line(0, "@bob hi");
    world.command(0, Command::Quit { farewell: String::new() });
    assert!(world.app(0).poll_exit().is_none(), "it waits for the message");
    let now = world.now;
    world.app(0).leave(now);
    world.run_ms(1000);
    assert!(world.app(0).poll_exit().is_some());
    assert!(world.errors(0).contains("before the login is done"));
}

#[test]
fn a_connection_that_comes_back_by_itself_takes_no_session_away() {
    let mut world = World::new(2);
    world.register(0, "alice");
    world.run_ms(1000);
    // The first machine hears nothing of the second login.
    world.cut.push(world.address(0));
    world.login_with(1, "alice", "password of alice");
    world.run_ms(1000);
    assert!(logged_in(&world.seen(1)).is_some());
    world.cut.clear();
    world.seen(0);
    world.run_ms(120_000);
    let seen = world.seen(0);
    let is_told = |output: &Output| matches!(output, Output::LoggedOut { reason } if reason.contains("somewhere else"));
    assert!(seen.iter().any(is_told), "{seen:?}");
    assert_eq!(logged_in(&seen), None);
    assert!(!world.seen(1).iter().any(|o| matches!(o, Output::LoggedOut { .. })));
}

/// A server that knows a newer device than any is not asked again at once.
#[test]
fn a_server_that_finds_no_device_new_enough_is_tried_ever_more_rarely() {
    let mut world = World::logged_in(1);
    let newer = Refusal::NewerDevice { generation: 5 };
    world.server.refuse = vec![("Resume", newer.clone()), ("UseDevice", newer)];
    world.kill(0);
    world.start(0);
    world.server.log.clear();
    world.run_ms(120_000);
    let asked = world.server.log.iter().filter(|word| *word == "UseDevice").count();
    assert!((2..=16).contains(&asked), "{asked} times in two minutes");
    world.server.refuse.clear();
    world.seen(0);
    world.run_ms(60_000);
    assert!(logged_in(&world.seen(0)).is_some(), "and is let in when the server comes to reason");
}

#[test]
fn a_login_that_is_turned_away_may_be_tried_again() {
    let mut world = World::new(1);
    world.server.drop_code = close::REVOKED;
    world.server.drop_at = Some("RegisterStart");
    world.register(0, "alice");
    world.run_ms(5000);
    assert!(world.errors(0).contains("no longer belongs"));
    world.register(0, "alice");
    world.run_ms(1000);
    assert_eq!(logged_in(&world.seen(0)), Some(("alice", true)));
}

#[test]
fn a_wrong_password_is_told_and_nothing_is_kept() {
    let mut world = World::logged_in(1);
    world.line(0, "/logout");
    world.seen(0);
    world.login_with(0, "alice", "not the password");
    world.line(0, "/who");
    world.run_ms(1000);
    let errors = world.errors(0);
    assert!(errors.starts_with("wrong user name or password"), "{errors}");
    assert!(errors.contains("Log in first"), "the command waited for the login: {errors}");
    world.kill(0);
    world.start(0);
    world.run_ms(1000);
    assert!(matches!(world.seen(0)[0], Output::Ready { user: None, .. }));
    world.login(0, "alice");
    world.run_ms(1000);
    assert_eq!(logged_in(&world.seen(0)), Some(("alice", false)));
}

/// A server that was set up from an old backup, or that lies.
#[test]
fn an_account_that_the_server_lost_is_made_again_with_the_same_identity() {
    let alice = Name::new("alice").unwrap();
    for word in [Some(Refusal::UnknownUser), Some(Refusal::UnknownDevice), None] {
        let mut world = World::logged_in(2);
        world.line(1, "/msg alice before");
        world.run_ms(2000);
        let before = world.server.accounts[&alice].certificate.unwrap();
        let identity = world.server.accounts[&alice].identity;
        assert!(identity.is_some());
        world.seen(0);

        let now = world.now;
        match &word {
            Some(refusal) => {
                world.server.refuse.push(("Resume", refusal.clone()));
                world.server.end_session(now, "alice", close::SHUTDOWN);
            }
            None => world.server.end_session(now, "alice", close::REVOKED),
        }
        world.server.accounts.remove(&alice);
        world.run_ms(5000);
        let told = world.errors(0);
        assert!(told.contains("'/register alice'"), "{word:?}: {told}");
        world.kill(0);
        world.start(0);
        world.run_ms(5000);
        let kept =
            |o: &Output| matches!(o, Output::Ready { user: Some(user), .. } if user == "alice");
        let seen = world.seen(0);
        assert!(seen.iter().any(kept), "{word:?}: {seen:?}");
        world.register(0, "dave");
        assert!(world.errors(0).contains("erases its keys"), "another name does not replace it");

        world.register(0, "alice");
        world.run_ms(2000);
        assert_eq!(logged_in(&world.seen(0)), Some(("alice", true)), "{word:?}");
        assert_eq!(world.server.accounts[&alice].identity, identity, "{word:?}");
        let after = world.server.accounts[&alice].certificate.unwrap();
        assert!(after.generation > before.generation, "{word:?}");
        world.seen(1);
        world.line(1, "/msg alice after");
        world.run_ms(5000);
        assert_eq!(world.texts(0), ["after"], "{word:?}");
        let changed = |o: &Output| matches!(o, Output::IdentityChanged { .. });
        assert!(!world.seen(1).iter().any(changed), "{word:?}");
    }
}

/// Security acceptance D05.
#[test]
fn a_server_that_wants_a_dangerous_stretch_gets_nothing() {
    let mut world = World::logged_in(1);
    world.line(0, "/logout");
    for memory_kib in [8 << 20, 2 << 20] {
        world.server.stretch = Stretch { memory_kib, ..Stretch::STANDARD };
        world.server.log.clear();
        world.login(0, "alice");
        world.run_ms(1000);
        assert!(world.errors(0).contains("not safe"));
        assert!(!world.server.log.contains(&"LoginFinish".to_owned()));
    }
}

#[test]
fn a_registration_whose_answer_is_lost_succeeds_once() {
    for lost in ["RegisterStart", "RegisterFinish"] {
        let mut world = World::new(1);
        world.server.drop_at = Some(lost);
        world.register(0, "alice");
        world.run_ms(5000);
        assert_eq!(logged_in(&world.seen(0)), Some(("alice", true)), "{lost}");
        assert_eq!(world.server.accounts.len(), 1);
    }
}

#[test]
fn a_taken_name_is_refused() {
    let mut world = World::logged_in(2);
    world.line(1, "/logout");
    world.seen(1);
    world.register(1, "alice");
    world.run_ms(1000);
    assert!(world.errors(1).contains("taken"));
    for (name, password) in [("a b", "long enough"), ("dave", "short"), ("dave", "")] {
        let password = wire::Secret::new(password.to_owned());
        world.command(1, Command::Register { name: name.into(), password });
        assert!(!world.errors(1).is_empty());
    }
}

#[test]
fn a_lost_server_is_tried_again_with_a_countdown() {
    let mut world = World::logged_in(1);
    world.seen(0);
    world.cut.push(server_address());
    world.run_ms(60_000);
    let seen = world.seen(0);
    let waits: Vec<u64> = seen
        .iter()
        .filter_map(|output| match output {
            Output::Server { state: ServerState::Waiting { seconds, .. } } => Some(*seconds),
            _ => None,
        })
        .collect();
    assert!(waits.windows(2).any(|pair| pair[0] == pair[1] + 1), "each second: {waits:?}");
    world.cut.clear();
    world.run_ms(40_000);
    assert!(logged_in(&world.seen(0)).is_some(), "came back by itself");

    world.cut.push(server_address());
    world.run_ms(60_000);
    world.cut.clear();
    world.command(0, Command::Reconnect);
    world.run_ms(2000);
    assert!(logged_in(&world.seen(0)).is_some(), "came back when asked");
}

#[test]
fn a_server_that_restarts_is_back_soon() {
    let mut world = World::logged_in(1);
    world.server.restart([1; 32]);
    world.run_ms(15_000);
    assert!(logged_in(&world.seen(0)).is_some());
    let now = world.now;
    world.server.end_session(now, "alice", close::SHUTDOWN);
    world.run_ms(2000);
    assert!(logged_in(&world.seen(0)).is_some());
}

/// Security acceptance C07.
#[test]
fn another_server_key_is_refused_until_it_is_trusted() {
    let mut world = World::logged_in(1);
    world.server.restart([77; 32]);
    world.server.log.clear();
    world.run_ms(60_000);
    let seen = world.seen(0);
    let said = |wanted: &dyn Fn(&Output) -> bool| seen.iter().any(wanted);
    assert!(said(&|o| matches!(o, Output::Error { text } if text.contains("another key"))));
    assert!(said(&|o| matches!(o, Output::Server { state: ServerState::Refused })), "{seen:?}");
    assert!(world.server.log.is_empty(), "nothing was said to it");
    world.line(0, "/trust server");
    world.run_ms(2000);
    let seen = world.seen(0);
    assert!(seen.iter().any(|o| matches!(o, Output::ServerFingerprint { .. })));
    assert!(logged_in(&seen).is_some(), "{seen:?}");
    // The account has gone with the server to its new key.
    world.kill(0);
    world.start(0);
    world.run_ms(2000);
    assert_eq!(logged_in(&world.seen(0)), Some(("alice", false)));
}

/// Both keys of a server have been known in one folder: the profile in use goes on, nothing fails.
#[test]
fn a_server_that_comes_with_a_key_known_by_another_name_is_told_apart_clearly() {
    let mut world = World::logged_in(1);
    world.line(0, "/msg nobody-yet hi");
    // The server is set up anew, and first reached under another of its names.
    world.server.restart([77; 32]);
    world.kill(0);
    world.start_with(0, "10.0.0.1:5000");
    world.run_ms(1000);
    world.login(0, "alice");
    world.run_ms(2000);
    world.line(0, "/logout");
    world.run_ms(1000);
    world.kill(0);
    world.start(0);
    world.run_ms(1000);
    world.login(0, "alice");
    world.run_ms(60_000);
    let seen = world.seen(0);
    assert!(format!("{seen:?}").contains("shows another key"), "{seen:?}");
    world.line(0, "/trust server");
    assert_eq!(world.errors(0), "", "nobody need be logged in for that");
    world.login(0, "alice");
    world.run_ms(2000);
    let seen = world.seen(0);
    assert!(logged_in(&seen).is_some(), "{seen:?}");
    assert!(format!("{seen:?}").contains("had another profile of alice"), "{seen:?}");
    assert!(!format!("{seen:?}").contains("is not kept"), "{seen:?}");
    world.kill(0);
    world.start(0);
    world.run_ms(2000);
    assert_eq!(logged_in(&world.seen(0)), Some(("alice", false)));
    world.line(0, "/history all");
    let lines = |o: &Output| matches!(o, Output::History { lines, .. } if lines.len() == 1);
    assert!(world.seen(0).iter().any(lines), "the profile with the history goes on");
}

#[test]
fn nonsense_from_the_server_ends_the_connection_only() {
    for bytes in
        [&b"\xff\xff\xff\xff"[..], &[0, 0, 0, 3, 1, 0, 99], &[0, 0, 0, 0], &[0, 0, 0, 2, 9, 9]]
    {
        let mut world = World::logged_in(1);
        world.seen(0);
        world.server.babble("alice", bytes);
        world.run_ms(100);
        let seen = world.seen(0);
        let waiting =
            |o: &Output| matches!(o, Output::Server { state: ServerState::Waiting { .. } });
        assert!(seen.iter().any(waiting), "{bytes:?} {seen:?}");
        world.run_ms(3000);
        assert!(logged_in(&world.seen(0)).is_some());
    }
}

#[test]
fn accounts_of_one_folder_do_not_mix() {
    let mut world = World::logged_in(1);
    world.line(0, "/msg nobody-yet hi");
    world.line(0, "/logout");
    world.register(0, "dave");
    world.run_ms(1000);
    assert_eq!(logged_in(&world.seen(0)), Some(("dave", true)));
    let device = |name: &str, world: &World| {
        world.server.accounts[&Name::new(name).unwrap()].certificate.unwrap().device
    };
    assert_ne!(device("alice", &world), device("dave", &world));
    let before = device("alice", &world);
    world.line(0, "/logout");
    world.login(0, "alice");
    world.run_ms(1000);
    assert_eq!(logged_in(&world.seen(0)), Some(("alice", false)));
    assert_eq!(device("alice", &world), before, "numbers count on");
}

/// An account belongs to the server's key: by another name of the server it is the same.
#[test]
fn an_account_is_found_under_every_name_of_its_server() {
    let mut world = World::logged_in(1);
    world.line(0, "/msg nobody-yet hi");
    let device = |world: &World| {
        world.server.accounts[&Name::new("alice").unwrap()].certificate.unwrap().device
    };
    let before = device(&world);
    world.kill(0);
    world.seen(0);
    world.start_with(0, "10.0.0.1:5000");
    world.run_ms(1000);
    let seen = world.seen(0);
    let asked = |o: &Output| matches!(o, Output::LoginNeeded { .. });
    assert!(seen.iter().any(asked), "whose server that is, is not known yet: {seen:?}");
    world.login(0, "alice");
    world.run_ms(2000);
    let seen = world.seen(0);
    assert_eq!(logged_in(&seen), Some(("alice", false)), "{seen:?}");
    assert_eq!(device(&world), before, "numbers count on");
    world.line(0, "/history all");
    let lines = |o: &Output| matches!(o, Output::History { lines, .. } if lines.len() == 1);
    assert!(world.seen(0).iter().any(lines));
    // From now on both names lead there without a password.
    for server in ["10.0.0.1:5000", "server:5000"] {
        world.kill(0);
        world.start_with(0, server);
        world.run_ms(1000);
        assert_eq!(logged_in(&world.seen(0)), Some(("alice", false)), "{server}");
    }
}

#[test]
fn quitting_says_goodbye_and_ends() {
    let mut world = World::logged_in(1);
    world.line(0, "/quit");
    world.run_ms(50);
    assert_eq!(world.app(0).poll_exit(), Some(()));
    assert!(world.server.online().is_empty());

    let mut world = World::new(1);
    world.line(0, "/quit");
    assert_eq!(world.app(0).poll_exit(), Some(()), "nothing to wait for");
}

#[test]
fn an_unusable_database_ends_the_program_with_a_reason() {
    let mut world = World::new(1);
    world.kill(0);
    world.break_database(0, Some("Load"));
    world.start(0);
    world.run_ms(10);
    assert!(world.errors(0).contains("disk full"));
    assert_eq!(world.app(0).poll_exit(), Some(()));
}
