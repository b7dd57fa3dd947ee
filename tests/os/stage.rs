//! A server, and people at their programs, who read and write lines.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sim::programs::{PATIENCE, Process, Scene};
use sim::terminal::Terminal;
use tempfile::TempDir;

/// How course assignments write their commands.
pub(crate) const CLASSROOM: &[&str] = &["--classroom"];

/// The same, where whoever was never written to can only ask.
pub(crate) const ASKED: &[&str] = &["--classroom", "--strangers", "ask"];

/// A server and a folder for everybody who comes.
pub(crate) struct Stage {
    pub(crate) scene: Scene,
    pub(crate) server: Process,
    pub(crate) address: SocketAddr,
    folder: TempDir,
}

impl Stage {
    /// With a server that is started with `options`.
    pub(crate) fn open(options: &[&str]) -> Self {
        Self::prepared(|_| options.iter().map(|option| (*option).to_owned()).collect())
    }

    /// The same, after `prepare` has put something into the folder and given the options.
    pub(crate) fn prepared(prepare: impl FnOnce(&Scene) -> Vec<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let scene = Scene::new(folder.path());
        let options = prepare(&scene);
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let (server, address) = scene.server(&[], "127.0.0.1:0", &options);
        Self { scene, server, address, folder }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts a user's program, which registers him at his first time and logs him in.
    pub(crate) fn enter(&self, user: &str, options: &[&str]) -> Person {
        let mut person = Person::at(self.scene.plain_peer(user, self.address, options));
        person.reads(&format!("* logged in as {user}"));
        person
    }

    /// A terminal in a folder of its own.
    pub(crate) fn terminal(&self, user: &str, options: &str) -> Terminal {
        let folder = self.folder().join(user);
        std::fs::create_dir_all(&folder).unwrap();
        Terminal::start(&folder, self.address, options)
    }
}

/// Somebody at his program, which reads and writes lines.
pub(crate) struct Person {
    pub(crate) program: Process,
    /// What it said, and whether that was awaited already.
    said: Vec<(String, bool)>,
}

impl Person {
    fn at(program: Process) -> Self {
        Self { program, said: Vec::new() }
    }

    pub(crate) fn types(&mut self, line: &str) {
        self.program.type_line(line);
    }

    /// Waits for a line that begins so, said since this was last awaited or before: things that
    /// happen at once are told in any order. Gives the line.
    #[track_caller]
    pub(crate) fn reads(&mut self, beginning: &str) -> String {
        self.reads_within(PATIENCE, beginning)
    }

    /// The same for what is told only after a silence.
    #[track_caller]
    pub(crate) fn reads_within(&mut self, patience: Duration, beginning: &str) -> String {
        loop {
            let is_new = |it: &&mut (String, bool)| !it.1 && it.0.starts_with(beginning);
            if let Some(found) = self.said.iter_mut().find(is_new) {
                found.1 = true;
                return found.0.clone();
            }
            match self.program.try_await_line(patience, |line| Some(line.to_owned())) {
                Some(line) => self.said.push((line, false)),
                None => panic!("no {beginning:?} in:\n{}", self.transcript()),
            }
        }
    }

    /// That nothing with this text was said up to the last line that was awaited.
    #[track_caller]
    pub(crate) fn has_not_read(&self, text: &str) {
        assert!(!self.said.iter().any(|(line, _)| line.contains(text)), "{}", self.transcript());
    }

    /// Leaves with `word`.
    #[track_caller]
    pub(crate) fn leaves(mut self, word: &str) {
        self.types(word);
        assert_eq!(self.program.await_exit().code(), Some(0), "{}", self.transcript());
    }

    fn transcript(&self) -> String {
        self.said.iter().map(|(line, _)| format!("{line}\n")).collect()
    }
}

/// The file that stands at the end of a line like `# file 1 from ...: complete: PATH`.
pub(crate) fn path_in(line: &str) -> PathBuf {
    line.rsplit(" complete: ").next().unwrap().into()
}

/// Answers the questions of a terminal for a new account.
pub(crate) fn register_at(terminal: &mut Terminal, name: &str, password: &str) {
    terminal.await_prompt("[l]og in, [r]egister");
    terminal.type_line("r");
    terminal.await_prompt("Name: ");
    terminal.type_line(name);
    for prompt in ["Password: ", "Again: "] {
        terminal.await_prompt(prompt);
        terminal.type_line(password);
    }
}

/// The same for an account that there is.
pub(crate) fn log_in_at(terminal: &mut Terminal, name: &str, password: &str) {
    terminal.await_prompt("[l]og in, [r]egister");
    terminal.type_line("l");
    terminal.await_prompt("Name: ");
    terminal.type_line(name);
    terminal.await_prompt("Password: ");
    terminal.type_line(password);
}
