//! Comments on films, as people at their terminals and their players see them.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use sim::programs::{PATIENCE, write_noise};
use sim::terminal::Terminal;

use crate::stage::Stage;

/// A player that says with what it was started, and ends when it is told with what: what stands between
/// is the test's.
pub(crate) struct Player {
    folder: PathBuf,
}

impl Player {
    pub(crate) fn new(folder: &Path) -> Self {
        let player = Self { folder: folder.join("player") };
        fs::create_dir(&player.folder).unwrap();
        let (said, told) = (player.pipe("said"), player.pipe("told"));
        let program = player.program();
        let lines = format!(
            "#!/bin/sh\nprintf '%s\\n' \"$@\" >'{}'\nread -r code <'{}'\nexit \"$code\"\n",
            said.display(),
            told.display()
        );
        fs::write(&program, lines).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        player
    }

    /// It is an mpv by its name.
    pub(crate) fn program(&self) -> PathBuf {
        self.folder.join("mpv")
    }

    fn pipe(&self, name: &str) -> PathBuf {
        let pipe = self.folder.join(name);
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        pipe
    }

    /// Waits until it is started; gives its arguments.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let said = fs::read_to_string(self.folder.join("said")).unwrap();
        said.lines().map(str::to_owned).collect()
    }

    pub(crate) fn ends(&self, code: &str) {
        fs::write(self.folder.join("told"), code).unwrap();
    }
}

/// One that still waits when a test has failed is told to end.
impl Drop for Player {
    fn drop(&mut self) {
        let now = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
        let told = OpenOptions::new().write(true).custom_flags(now).open(self.folder.join("told"));
        // Where nobody waits, nobody is to be told.
        let _ = told.and_then(|mut told| told.write_all(b"0\n"));
    }
}

/// Where the player of these arguments is to listen.
pub(crate) fn socket(arguments: &[String]) -> PathBuf {
    arguments[0].strip_prefix("--input-ipc-server=").unwrap().into()
}

/// One conversation with the program: hears a command, and answers it by this.
fn hears(reader: &mut BufReader<UnixStream>, answer: &Value) -> Value {
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let asked: Value = serde_json::from_str(&line).unwrap();
    let mut answer = answer.clone();
    answer["request_id"] = asked["request_id"].clone();
    // Players tell of other things at any time.
    write!(reader.get_mut(), "{{\"event\":\"tick\"}}\n{answer}\n").unwrap();
    asked["command"].clone()
}

fn accept(listener: &UnixListener) -> BufReader<UnixStream> {
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    BufReader::new(stream)
}

/// Waits until this stands on a terminal, wherever its rows are broken.
#[track_caller]
pub(crate) fn reads(terminal: &mut Terminal, text: &str) {
    let is_of_text = |c: &char| !c.is_whitespace() && *c != '|';
    let wanted: String = text.chars().filter(is_of_text).collect();
    terminal.await_screen(text, |screen| {
        screen.contents().chars().filter(is_of_text).collect::<String>().contains(&wanted)
    });
}

#[test]
fn the_player_tells_where_it_is_and_is_sent_to_a_moment() {
    let stage = Stage::open(&[]);
    let player = Player::new(stage.folder());
    let mut alice = stage.scene.peer(&[], "alice", stage.address, &[]);
    let password = stage.folder().join("password");
    fs::write(&password, "hunter2 and more\n").unwrap();
    let options = format!(
        "--plain --user bob --register --password-file {} --player {}",
        password.display(),
        player.program().display()
    );
    let mut bob = stage.terminal("bob", &options);
    reads(&mut bob, "logged in as bob");
    let path = stage.folder().join("film.mp4");
    write_noise(&path, 100_000).unwrap();
    alice.type_line(&format!("/send bob {}", path.display()));
    reads(&mut bob, "/accept 1 or /decline 1");
    bob.type_line("/accept 1");
    reads(&mut bob, "(100 kB) complete: ");
    bob.type_line("/msg alice");
    reads(&mut bob, "what you type goes to alice now");
    bob.type_line("/mark nothing plays yet");
    reads(&mut bob, "not sent to alice: no mpv that '/play' has started plays this file.");

    bob.type_line("/play at 12:34");
    reads(&mut bob, "plays from 12:34 on at http://127.0.0.1:");
    let arguments = player.arguments();
    let socket = socket(&arguments);
    let [_, start, end, url] = &arguments[..] else { panic!("{arguments:?}") };
    assert_eq!((start.as_str(), end.as_str()), ("--start=754.000", "--"));
    let folder = socket.parent().unwrap();
    assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);

    let listener = UnixListener::bind(&socket).unwrap();
    bob.type_line("/mark look at the left");
    let mut talk = accept(&listener);
    let asked = hears(&mut talk, &json!({ "error": "success", "data": url }));
    assert_eq!(asked, json!(["get_property", "path"]));
    let asked = hears(&mut talk, &json!({ "error": "success", "data": 754.5 }));
    assert_eq!(asked, json!(["get_property", "time-pos"]));
    let message = alice.await_event("message", |_| true);
    assert_eq!((&message["from"], &message["text"]), (&"bob".into(), &"look at the left".into()));
    let pin = &message["pin"];
    assert_eq!((&pin["id"], &pin["position_ms"]), (&1.into(), &754_500.into()));
    assert_eq!(pin["name"], "film.mp4");

    // A player that makes no sense is no more than that.
    bob.type_line("/mark and here");
    writeln!(accept(&listener).get_mut(), "\u{1b}[2J}}").unwrap();
    reads(&mut bob, "not sent to alice: your player does not say where it is: it hangs up.");

    // The one that plays it is sent to another moment.
    bob.type_line("/play 1 at 1:00:00");
    let mut talk = accept(&listener);
    hears(&mut talk, &json!({ "error": "success", "data": url }));
    let asked = hears(&mut talk, &json!({ "error": "success" }));
    assert_eq!(asked, json!(["seek", "3600.000", "absolute+exact"]));
    player.ends("7");
    reads(&mut bob, "mpv has failed with code 7");
    assert!(!folder.exists(), "{}", folder.display());

    // When the program ends, the player goes on, and nothing of ours is left.
    bob.type_line("/play 1");
    let arguments = player.arguments();
    assert_eq!(arguments[1..], ["--".to_owned(), url.clone()]);
    let folder = self::socket(&arguments).parent().unwrap().to_owned();
    assert!(folder.exists());
    bob.type_line("/quit");
    bob.await_end(0);
    assert!(!folder.exists(), "{}", folder.display());
    player.ends("0");
}

#[test]
fn comments_are_read_found_and_become_chapters() {
    let stage = Stage::open(&[]);
    let mut alice = stage.enter("alice", &[]);
    let mut bob = stage.enter("bob", &[]);
    let path = stage.folder().join("film.mp4");
    write_noise(&path, 1000).unwrap();
    alice.types(&format!("/send bob {}", path.display()));
    bob.reads("# file 1 from alice: \"film.mp4\" (1.00 kB, video/mp4)");
    bob.types("/accept 1");
    bob.reads("# file 1 from alice: \"film.mp4\" (1.00 kB) complete: ");
    alice.types("/msg bob");
    bob.types("/msg alice");
    alice.types("/at 12:34 look at the left");
    bob.reads("<alice> [12:34 film.mp4] look at the left");
    bob.types("/at 1 90s the harbour = home");
    alice.reads("<bob> [01:30 film.mp4] the harbour = home");
    alice.types("/search harbour");
    assert!(alice.reads("[20").ends_with("<bob> [01:30 film.mp4] the harbour = home"));

    let chapters = stage.folder().join("film.ffmetadata");
    bob.types(&format!("/export {}", chapters.display()));
    bob.reads("* lines exported: 2, to ");
    assert_eq!(
        fs::read_to_string(&chapters).unwrap(),
        ";FFMETADATA1\ntitle=film.mp4\n\n\
         [CHAPTER]\nTIMEBASE=1/1000\nSTART=90000\nEND=754000\ntitle=bob: the harbour \\= home\n\n\
         [CHAPTER]\nTIMEBASE=1/1000\nSTART=754000\nEND=754000\ntitle=alice: look at the left\n"
    );
    bob.types("/play at 12:34");
    bob.reads("# file 1 from alice: \"film.mp4\" plays from 12:34 on at http://127.0.0.1:");
    alice.leaves("/quit");
    bob.leaves("/quit");
}
