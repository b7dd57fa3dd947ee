//! A server whose operator changes his mind while it runs.

use std::fs;

use rustix::process::Signal;
use sim::programs::Scene;

/// Features part 5: HUP reloads, and what is wrong changes nothing.
#[test]
fn a_server_reads_its_configuration_anew() {
    let folder = tempfile::tempdir().expect("a folder of our own");
    let scene = Scene::new(folder.path());
    let file = folder.path().join("rendezvous.toml");
    let write = |text: &str| fs::write(&file, text).expect("a folder of our own");
    write("motd = \"closed\"\nopen-registration = \"no\"\n");
    let option = ["--config", file.to_str().expect("a plain path")];
    let (mut server, address) = scene.server(&[], "127.0.0.1:0", &option);
    let mut alice = scene.plain_peer("alice", address, &[]);
    alice.await_line("refusal", |line| line.contains("takes no new accounts").then_some(()));
    alice.kill();

    write("motd = \"come in\"\nlobby = true\n");
    server.signal(Signal::HUP);
    server.await_line("the lobby", |line| line.contains("--lobby").then_some(()));
    server.await_line("news", |line| line.contains("configuration read anew").then_some(()));
    let mut bob = scene.plain_peer("bob", address, &[]);
    bob.await_line("greeting", |line| line.contains("come in").then_some(()));

    write("motd = \"come in\"\nmax-failed = 6\n");
    server.signal(Signal::HUP);
    server.await_line("complaint", |line| {
        (line.contains("stays as it was") && line.contains("6")).then_some(())
    });
    let mut carol = scene.plain_peer("carol", address, &[]);
    carol.await_line("greeting", |line| line.contains("come in").then_some(()));
}
