//! An account carried to another machine in a file.

use std::path::PathBuf;

use super::world::World;
use crate::command::Command;
use crate::output::{KeyMark, Output};
use wire::Secret;
use wire::app::name::Name;

const PASSPHRASE: &str = "a long walk on a short pier";

fn passphrase(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

/// Exports the account of client `n`.
fn export(world: &mut World, n: usize) -> PathBuf {
    let path = world.folder(n).join("me.account");
    let command = Command::ExportAccount { path: path.clone(), passphrase: passphrase(PASSPHRASE) };
    world.command(n, command);
    let told = infos(world, n);
    assert!(told.contains("is in ") && told.contains("keep the two apart"), "{told}");
    path
}

fn import(world: &mut World, n: usize, path: &std::path::Path, text: &str) {
    let command = Command::ImportAccount { path: path.to_owned(), passphrase: passphrase(text) };
    world.command(n, command);
}

fn infos(world: &mut World, n: usize) -> String {
    let infos = world.seen(n).into_iter().filter_map(|output| match output {
        Output::Info { text } => Some(text),
        _ => None,
    });
    infos.collect::<Vec<_>>().join("\n")
}

fn is_logged_in(world: &mut World, n: usize) -> bool {
    world.seen(n).iter().any(|output| matches!(output, Output::LoggedIn { .. }))
}

fn alice() -> Name {
    Name::new("alice").unwrap()
}

/// Alice and bob, who knows her; a third machine that knows nobody. Alice has verified bob.
fn world() -> World {
    let mut world = World::new(3);
    world.register(0, "alice");
    world.register(1, "bob");
    world.run_ms(1000);
    world.line(0, "@bob hi");
    world.run_ms(1000);
    world.line(0, "/fingerprint bob");
    world.line(0, "/trust bob");
    for n in 0..3 {
        world.seen(n);
    }
    world
}

#[test]
fn an_imported_account_logs_in_with_its_identity_and_what_was_verified() {
    let mut world = world();
    let path = export(&mut world, 0);
    let identity = world.server.accounts[&alice()].identity;
    import(&mut world, 2, &path, PASSPHRASE);
    let told = infos(&mut world, 2);
    assert!(told.contains("alice is imported. '/login alice'"), "{told}");
    assert_eq!(world.app(2).key_marks().get("bob"), Some(&KeyMark::Verified));
    world.login(2, "alice");
    world.run_ms(2000);
    assert!(is_logged_in(&mut world, 2));
    assert_eq!(world.server.accounts[&alice()].identity, identity);
    world.line(2, "@bob from the other machine");
    world.run_ms(5000);
    assert_eq!(world.texts(1), ["from the other machine"]);
    world.kill(2);
    world.start(2);
    world.run_ms(1000);
    assert!(is_logged_in(&mut world, 2), "and by its device's key from now on");
}

/// The server has lost everything: the account is made again, and those who know it see no other
/// key and no older device.
#[test]
fn an_imported_account_is_made_again_with_its_identity() {
    let mut world = world();
    let path = export(&mut world, 0);
    let identity = world.server.accounts[&alice()].identity;
    // A device that was added since the file was written, and that bob has seen.
    world.line(0, "/logout");
    for _ in 0..3 {
        world.login(0, "alice");
        world.run_ms(1000);
        world.line(0, "@bob once more");
        world.run_ms(2000);
        world.line(0, "/logout");
        world.run_ms(1000);
    }
    world.kill(0);
    world.server.accounts.remove(&alice());
    import(&mut world, 2, &path, PASSPHRASE);
    world.register(2, "alice");
    world.run_ms(2000);
    assert!(is_logged_in(&mut world, 2));
    assert_eq!(world.server.accounts[&alice()].identity, identity);
    world.seen(1);
    world.line(2, "@bob I am back");
    world.run_ms(5000);
    let seen = world.seen(1);
    assert!(!seen.iter().any(|it| matches!(it, Output::IdentityChanged { .. })), "{seen:?}");
    assert!(
        seen.iter().any(|it| matches!(it, Output::Message { text, .. } if text == "I am back"))
    );
}

/// The account at the server may be another's by now, or the same man's with other keys.
#[test]
fn another_identity_at_the_server_goes_before_the_one_of_the_file() {
    let mut world = world();
    let path = export(&mut world, 0);
    world.kill(0);
    world.run_ms(60_000);
    world.server.accounts.remove(&alice());
    world.forget(0);
    world.start(0);
    world.run_ms(100);
    world.register(0, "alice");
    world.run_ms(1000);
    let identity = world.server.accounts[&alice()].identity;
    import(&mut world, 2, &path, PASSPHRASE);
    world.login(2, "alice");
    world.run_ms(2000);
    assert!(infos(&mut world, 2).contains("from now on it is the server's"));
    assert_eq!(world.server.accounts[&alice()].identity, identity);
}

#[test]
fn without_the_passphrase_there_is_nothing() {
    let mut world = world();
    let path = export(&mut world, 0);
    import(&mut world, 2, &path, "another passphrase");
    let errors = world.errors(2);
    assert!(errors.contains("passphrase is wrong, or the file is damaged"), "{errors}");
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();
    import(&mut world, 2, &path, PASSPHRASE);
    assert_eq!(world.errors(2), errors, "the two look the same");
    std::fs::write(&path, "something else").unwrap();
    import(&mut world, 2, &path, PASSPHRASE);
    assert!(world.errors(2).contains("no account file"));
    import(&mut world, 2, &path, "");
    assert!(world.errors(2).contains("at least one character"));
    world.login(2, "alice");
    world.run_ms(1000);
    assert!(is_logged_in(&mut world, 2), "nothing is left of it");
}

#[test]
fn an_export_overwrites_nothing_and_needs_an_account() {
    let mut world = world();
    let path = export(&mut world, 0);
    for (n, text, why) in [
        (0, PASSPHRASE, "nothing is overwritten"),
        (0, "short", "at least 8"),
        (2, PASSPHRASE, "Log in first"),
    ] {
        let command = Command::ExportAccount { path: path.clone(), passphrase: passphrase(text) };
        world.command(n, command);
        let errors = world.errors(n);
        assert!(errors.contains(why), "{errors}");
    }
}

#[test]
fn an_import_waits_for_no_login_and_takes_nobodys_place() {
    let mut world = world();
    let path = export(&mut world, 0);
    import(&mut world, 1, &path, PASSPHRASE);
    assert!(world.errors(1).contains("bob is kept here"));
    assert!(world.server.online().contains(&Name::new("bob").unwrap()));
    // A login that the server does not answer.
    world.cut.push(super::world::server_address());
    world.login(2, "carol");
    world.run_ms(30_000);
    world.seen(2);
    import(&mut world, 2, &path, PASSPHRASE);
    assert!(world.errors(2).contains("a login is under way"));
    // Whoever logs in at once after the import gets what was imported.
    world.cut.clear();
    world.line(2, "/logout");
    import(&mut world, 2, &path, PASSPHRASE);
    world.login(2, "alice");
    world.run_ms(5000);
    assert!(is_logged_in(&mut world, 2));
    assert_eq!(world.app(2).key_marks().get("bob"), Some(&KeyMark::Verified));
}

/// The folder belongs to another server: the account is kept for its own, and what is open here
/// is not mixed with it.
#[test]
fn an_account_of_another_server_is_kept_for_it() {
    let mut world = world();
    let path = export(&mut world, 0);
    world.kill(2);
    world.forget(2);
    world.server.restart([77; 32]);
    world.start_with(2, "other:5000");
    world.run_ms(100);
    world.register(2, "dave");
    world.run_ms(2000);
    world.line(2, "/logout");
    world.run_ms(100);
    world.seen(2);
    import(&mut world, 2, &path, PASSPHRASE);
    let told = infos(&mut world, 2);
    assert!(told.contains("start with '--server server:5000'"), "{told}");
    world.login(2, "dave");
    world.run_ms(2000);
    assert!(is_logged_in(&mut world, 2));
    world.line(2, "/history all");
    assert_eq!(world.errors(2), "");

    world.line(2, "/logout");
    world.kill(2);
    world.server.restart([1; 32]);
    world.start_with(2, "server:5000");
    world.run_ms(1000);
    import(&mut world, 2, &path, PASSPHRASE);
    world.login(2, "alice");
    world.run_ms(3000);
    assert!(is_logged_in(&mut world, 2));
}

/// What cannot be kept is told, and nothing of it is half there.
#[test]
fn a_full_disk_keeps_no_half_of_it() {
    let mut world = world();
    let path = export(&mut world, 0);
    world.break_database(2, Some("Import"));
    import(&mut world, 2, &path, PASSPHRASE);
    assert!(world.errors(2).contains("disk full"));
    world.break_database(2, None);
    import(&mut world, 2, &path, PASSPHRASE);
    assert!(infos(&mut world, 2).contains("is imported"));
}
