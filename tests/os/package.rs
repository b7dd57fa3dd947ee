//! The Debian package, unpacked into a folder of its own.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sim::programs::{Process, program};

use crate::text;

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Makes the package of the programs that are built, and unpacks it here.
fn unpack(folder: &Path) -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/deb");
    let built = program("peer").parent().unwrap().to_owned();
    let package = run(Command::new(script).arg(folder).env("BUILT", built));
    let root = folder.join("unpacked");
    run(Command::new("dpkg-deb").arg("-x").arg(package.lines().last().unwrap()).arg(&root));
    root
}

/// The words with which the unit starts the server.
fn start_words(unit: &str) -> Vec<&str> {
    let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    line.split(' ').collect()
}

#[test]
fn the_package_holds_programs_that_run_and_what_belongs_to_them() {
    let folder = tempfile::tempdir().unwrap();
    let root = unpack(folder.path());
    for name in ["peer", "rendezvous"] {
        let program = root.join("usr/bin").join(name);
        assert!(run(Command::new(&program).arg("--version")).starts_with(name));
        for (page, which) in
            [(format!("man1/{name}.1"), "program"), (format!("man5/{name}.toml.5"), "config")]
        {
            let page = root.join(format!("usr/share/man/{page}.gz"));
            let page = run(Command::new("gzip").arg("-dc").arg(page));
            assert_eq!(page, run(Command::new(&program).args(["man", which])));
        }
        let completions = root.join("usr/share/bash-completion/completions").join(name);
        let script = fs::read_to_string(completions).unwrap();
        assert_eq!(script, run(Command::new(&program).args(["completions", "bash"])));
    }
    // The server is started as the unit says, but at another address and for another folder.
    let unit = root.join("usr/lib/systemd/system/tincan-rendezvous.service");
    let unit = fs::read_to_string(unit).unwrap();
    assert!(unit.contains("\nEnvironment=TINCAN_RENDEZVOUS_DATA=/var/lib/tincan\n"));
    let words = start_words(&unit);
    let ["/usr/bin/rendezvous", "--bind", "[::]:5000"] = words[..] else { panic!("{words:?}") };
    let data = folder.path().join("data");
    let arguments = ["--bind", "127.0.0.1:0", "--data"].map(OsString::from);
    let arguments: Vec<OsString> = arguments.into_iter().chain([data.clone().into()]).collect();
    let name = root.join("usr/bin/rendezvous");
    let mut server = Process::start("rendezvous", &[], &name, &arguments);
    server.await_line("its address", |line| line.contains("127.0.0.1:").then_some(()));
    server.terminate();
    assert!(server.await_exit().success());
    assert!(data.read_dir().unwrap().next().is_some(), "its key and accounts are there");
}
