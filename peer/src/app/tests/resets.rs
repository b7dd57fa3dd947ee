//! A password that the server's operator has set, for a user who forgot his [W-160] [W-161].

use wire::app::identity::IdentityKey;
use wire::app::name::Name;
use wire::app::server::Refusal;

use super::world::World;
use crate::command::Command;
use crate::output::Output;
use wire::Secret;

const OPERATORS: &str = "of the operator";
const OWN: &str = "a password of her own";

/// Alice at one machine, bob, and a machine that knows nobody.
fn world() -> World {
    let mut world = World::new(3);
    world.register(0, "alice");
    world.register(1, "bob");
    world.run_ms(1000);
    world.line(0, "@bob hi");
    world.run_ms(1000);
    for n in 0..3 {
        world.seen(n);
    }
    world
}

fn set_password(world: &mut World) {
    let now = world.now;
    world.server.set_password(now, "alice", OPERATORS);
    world.run_ms(1000);
}

fn identity(world: &World) -> Option<IdentityKey> {
    world.server.accounts[&Name::new("alice").unwrap()].identity
}

fn infos(outputs: &[Output]) -> String {
    let infos = outputs.iter().filter_map(|output| match output {
        Output::Info { text } => Some(text.as_str()),
        _ => None,
    });
    infos.collect::<Vec<_>>().join("\n")
}

fn is_in(outputs: &[Output]) -> bool {
    outputs.iter().any(|output| matches!(output, Output::LoggedIn { .. }))
}

/// Logs in, and says what was told.
fn log_in(world: &mut World, n: usize, password: &str) -> Vec<Output> {
    world.seen(n);
    world.login_with(n, "alice", password);
    world.run_ms(2000);
    world.seen(n)
}

/// What was told of the end of the session: why, and what to do.
fn ends(outputs: &[Output]) -> (String, String) {
    let [Output::LoggedOut { reason: why }, Output::LoginNeeded { reason: Some(what) }] = outputs
    else {
        panic!("{outputs:?}")
    };
    (why.clone(), what.clone())
}

#[test]
fn the_machine_with_the_keys_goes_on_and_another_after_a_password_of_ones_own() {
    let mut world = world();
    let before = identity(&world);
    set_password(&mut world);
    let told = world.seen(0);
    let last: Vec<Output> = told
        .into_iter()
        .filter(|o| matches!(o, Output::LoggedOut { .. } | Output::LoginNeeded { .. }))
        .collect();
    let (why, what) = ends(&last);
    assert_eq!(why, "the server's operator has given this account another password");
    assert!(what.contains("'/login alice' goes on here; your keys and all else stay"), "{what}");
    // Nothing is tried by itself, and not at the next start either.
    world.server.log.clear();
    world.run_ms(120_000);
    assert!(world.server.log.is_empty(), "{:?}", world.server.log);
    world.kill(0);
    world.start(0);
    world.run_ms(60_000);
    assert_eq!(world.server.log, ["Resume"]);
    assert!(world.errors(0).contains("another password"), "told again");

    assert!(!is_in(&log_in(&mut world, 0, "password of alice")), "the one before");
    let told = log_in(&mut world, 0, OPERATORS);
    assert!(is_in(&told), "{told:?}");
    let asked = infos(&told);
    assert!(asked.contains("knows it") && asked.contains("'/passwd'"), "{asked}");
    assert_eq!(identity(&world), before);
    world.line(0, "@bob still me");
    world.run_ms(2000);
    let told = world.seen(1);
    assert!(!told.iter().any(|o| matches!(o, Output::IdentityChanged { .. })), "{told:?}");
    assert!(told.iter().any(|o| matches!(o, Output::Message { text, .. } if text == "still me")));

    // Under the operator's password nothing was sealed: whoever knows it gets no keys by it.
    let told = log_in(&mut world, 2, OPERATORS);
    assert!(!is_in(&told), "{told:?}");
    let [old, new] = [OPERATORS, OWN].map(|text| Secret::new(text.to_owned()));
    world.command(0, Command::ChangePassword { old, new });
    world.run_ms(2000);
    assert!(infos(&world.seen(0)).contains("is changed"));
    let told = log_in(&mut world, 2, OWN);
    assert!(is_in(&told), "{told:?}");
    assert!(!infos(&told).contains("operator"), "{told:?}");
    assert_eq!(identity(&world), before);
}

/// Neither a new identity nor a device of the account is made, and it is told what can be done.
#[test]
fn a_machine_without_the_keys_is_told_and_makes_none() {
    let mut world = world();
    let before = identity(&world);
    let path = world.folder(0).join("me.account");
    let passphrase = Secret::new("a long walk on a short pier".to_owned());
    let export = Command::ExportAccount { path: path.clone(), passphrase: passphrase.clone() };
    world.command(0, export);
    set_password(&mut world);
    world.server.log.clear();
    world.login_with(2, "alice", OPERATORS);
    world.run_ms(2000);
    let told = world.errors(2);
    for part in ["not on this machine", "'/passwd'", "'/account import FILE'", "user del"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert_eq!(world.server.log, ["LoginStart", "LoginFinish"], "and then it went");
    assert_eq!(identity(&world), before);

    // With the keys from a file it goes on as where they were made.
    world.command(2, Command::ImportAccount { path, passphrase });
    let told = log_in(&mut world, 2, OPERATORS);
    assert!(is_in(&told) && infos(&told).contains("'/passwd'"), "{told:?}");
    assert_eq!(identity(&world), before);
}

/// The machine that was off when it happened hears of it when it comes back.
#[test]
fn a_machine_that_was_away_is_told_when_it_comes() {
    let mut world = world();
    world.kill(0);
    set_password(&mut world);
    world.start(0);
    world.run_ms(2000);
    let told = world.seen(0);
    let told: Vec<Output> = told
        .into_iter()
        .filter(|o| matches!(o, Output::LoggedOut { .. } | Output::LoginNeeded { .. }))
        .collect();
    assert!(ends(&told).1.contains("'/login alice'"));
    // What it says meanwhile waits, and is not lost.
    world.line(0, "@bob later");
    world.run_ms(2000);
    assert!(is_in(&log_in(&mut world, 0, OPERATORS)));
    world.run_ms(5000);
    assert_eq!(world.texts(1), ["later"]);
}

/// The operator comes in between two steps of a login.
#[test]
fn a_login_under_way_says_why_it_ended() {
    let mut world = world();
    world.server.refuse.push(("UseDevice", Refusal::NewPassword));
    world.line(0, "/logout");
    let told = log_in(&mut world, 0, "password of alice");
    let is_told = |o: &Output| matches!(o, Output::LoginNeeded { reason: Some(reason) } if reason.contains("another password"));
    assert!(told.iter().any(is_told), "{told:?}");
}

fn sealed(world: &World) -> &[u8] {
    &world.server.accounts[&Name::new("alice").unwrap()].sealed
}

fn choose_own(world: &mut World) {
    let [old, new] = [OPERATORS, OWN].map(|text| Secret::new(text.to_owned()));
    world.seen(0);
    world.command(0, Command::ChangePassword { old, new });
    world.run_ms(2000);
    assert!(infos(&world.seen(0)).contains("is changed"));
}

fn export(world: &mut World, file: &str) {
    let path = world.folder(0).join(file);
    let passphrase = Secret::new("a long walk on a short pier".to_owned());
    world.command(0, Command::ExportAccount { path, passphrase });
    assert!(infos(&world.seen(0)).contains("is in"));
}

/// What the program tells when it is started anew.
fn restart(world: &mut World) -> Vec<Output> {
    world.kill(0);
    world.seen(0);
    world.start(0);
    world.run_ms(5000);
    world.seen(0)
}

/// That an account has no identity is the server's word alone: with keys that others have verified it gets
/// nothing that its operator could open [W-161].
#[test]
fn a_server_that_says_it_has_no_identity_gets_none_sealed() {
    let mut world = world();
    let before = identity(&world);
    set_password(&mut world);
    world.server.forget_identity("alice");
    let told = log_in(&mut world, 0, OPERATORS);
    assert!(is_in(&told), "{told:?}");
    assert_eq!(identity(&world), before);
    assert_eq!(sealed(&world), [0; 0], "the operator knows the password");
    assert!(infos(&told).contains("'/passwd'"), "{told:?}");
    choose_own(&mut world);
    assert!(!sealed(&world).is_empty());
    assert!(is_in(&log_in(&mut world, 2, OWN)));
    assert_eq!(identity(&world), before);
}

/// Keys that are made for an account of the operator's are, and those under a password that the person has
/// chosen.
#[test]
fn new_keys_are_sealed_and_those_under_a_password_of_ones_own() {
    let mut world = world();
    let before = identity(&world);
    set_password(&mut world);
    world.server.forget_identity("alice");
    let told = log_in(&mut world, 2, OPERATORS);
    assert!(is_in(&told) && !infos(&told).contains("'/passwd'"), "{told:?}");
    assert!(!sealed(&world).is_empty());
    assert_ne!(identity(&world), before);

    world.server.accounts.remove(&Name::new("alice").unwrap());
    let password = Secret::new(OWN.to_owned());
    world.command(0, Command::Register { name: "alice".into(), password });
    world.run_ms(2000);
    let told = world.seen(0);
    assert!(is_in(&told) && !infos(&told).contains("'/passwd'"), "{told:?}");
    assert_eq!(identity(&world), before, "made again");
    assert!(!sealed(&world).is_empty());
}

fn is_out(outputs: &[Output]) -> bool {
    outputs.iter().any(|output| matches!(output, Output::LoggedOut { .. }))
}

#[test]
fn the_only_copy_of_the_keys_is_not_erased_by_a_logout() {
    let mut world = world();
    let before = identity(&world);
    set_password(&mut world);
    let refused = |world: &mut World| {
        world.seen(0);
        world.line(0, "/logout");
        world.run_ms(1000);
        let seen = world.seen(0);
        let is_why = |o: &Output| matches!(o, Output::Error { text } if ["on this machine alone", "'/passwd'", "'/account export FILE'"].iter().all(|part| text.contains(part)));
        assert!(!is_out(&seen) && seen.iter().any(is_why), "{seen:?}");
    };
    refused(&mut world);
    restart(&mut world);
    refused(&mut world);
    assert!(is_in(&log_in(&mut world, 0, OPERATORS)));
    refused(&mut world);
    let told = restart(&mut world);
    assert!(is_in(&told) && infos(&told).contains("'/passwd'"), "asked at each login: {told:?}");
    refused(&mut world);

    choose_own(&mut world);
    let told = restart(&mut world);
    assert!(is_in(&told) && !infos(&told).contains("'/passwd'"), "{told:?}");
    world.line(0, "/logout");
    assert!(is_out(&world.seen(0)));
    assert!(is_in(&log_in(&mut world, 0, OWN)));
    assert_eq!(identity(&world), before);
}

/// The way out for who cannot log in any more.
#[test]
fn keys_that_were_written_into_a_file_may_be_erased() {
    let mut world = world();
    set_password(&mut world);
    export(&mut world, "first");
    restart(&mut world);
    world.line(0, "/logout");
    assert!(world.errors(0).contains("on this machine alone"), "the file may be gone by now");
    export(&mut world, "second");
    world.line(0, "/logout");
    assert!(is_out(&world.seen(0)));
    restart(&mut world);
    world.login_with(0, "alice", OPERATORS);
    world.run_ms(2000);
    assert!(world.errors(0).contains("not on this machine"), "they are gone");
}

/// Nor by the login to another account, nor by the server's saying that another identity is the account's.
#[test]
fn the_only_copy_of_the_keys_outlasts_other_logins() {
    let mut world = world();
    let before = identity(&world);
    set_password(&mut world);
    assert!(is_in(&log_in(&mut world, 0, OPERATORS)));
    // By a name under which this data folder has not met the server, anybody may log in.
    world.kill(0);
    world.start_with(0, "elsewhere:5000");
    world.run_ms(1000);
    world.login(0, "bob");
    world.run_ms(2000);
    assert!(is_in(&world.seen(0)));
    let told = restart(&mut world);
    let is_bob = |o: &Output| matches!(o, Output::LoggedIn { user, .. } if user == "bob");
    assert!(told.iter().any(is_bob), "{told:?}");
    world.line(0, "/logout");
    assert!(is_in(&log_in(&mut world, 0, OPERATORS)));
    assert_eq!(identity(&world), before, "they were kept");
    assert!(is_in(&restart(&mut world)), "and she is who is logged in");

    world.server.forget_identity("alice");
    assert!(is_in(&log_in(&mut world, 2, OPERATORS)));
    assert_ne!(identity(&world), before);
    restart(&mut world);
    let told = log_in(&mut world, 0, OPERATORS);
    assert!(!is_in(&told), "{told:?}");
    let is_why = |o: &Output| matches!(o, Output::LoginNeeded { reason: Some(why) } if why.contains("'/account export FILE'"));
    assert!(told.iter().any(is_why), "{told:?}");
    export(&mut world, "third");
    assert!(is_in(&log_in(&mut world, 0, OPERATORS)), "her own wish");
}

/// A seal that does not open is none, whatever the server makes of it.
#[test]
fn what_does_not_open_is_not_sealed() {
    let mut world = world();
    set_password(&mut world);
    world.server.accounts.get_mut(&Name::new("alice").unwrap()).unwrap().sealed = vec![7; 60];
    let told = log_in(&mut world, 0, OPERATORS);
    assert!(is_in(&told) && infos(&told).contains("'/passwd'"), "{told:?}");
    world.line(0, "/logout");
    assert!(world.errors(0).contains("on this machine alone"));
}
