//! Two persons at their terminals watch a film together, each in a player of his.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use serde_json::{Value, json};
use sim::programs::{PATIENCE, write_noise};
use sim::terminal::Terminal;
use wire::net::Clock;
use wire::time::Instant;

use crate::comments::{Player, reads, socket};
use crate::stage::Stage;

/// A film in a player.
struct Showing {
    url: String,
    /// In seconds, at `since`.
    position: f64,
    since: Instant,
    paused: bool,
    starving: bool,
}

/// What an mpv is to whoever speaks with it: each answer as mpv 0.40 gives it.
#[derive(Clone)]
struct Mpv {
    clock: Clock,
    showing: Arc<(Mutex<Showing>, Condvar)>,
}

impl Mpv {
    /// Listens where a player of these arguments is to listen, for as long as the test runs.
    fn listen(arguments: &[String]) -> Self {
        let clock = Clock::start();
        let showing = Showing {
            url: arguments.last().unwrap().clone(),
            position: 0.0,
            since: clock.now(),
            paused: arguments.contains(&"--pause".to_owned()),
            starving: false,
        };
        let mpv = Self { clock, showing: Arc::new((Mutex::new(showing), Condvar::new())) };
        let (listener, listens) = (UnixListener::bind(socket(arguments)).unwrap(), mpv.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let _ = listens.answer(stream.unwrap());
            }
        });
        mpv
    }

    fn answer(&self, stream: UnixStream) -> std::io::Result<()> {
        let mut writer = stream.try_clone()?;
        for line in BufReader::new(stream).lines() {
            let asked: Value = serde_json::from_str(&line?)?;
            let mut answer = self.obey(&asked["command"]);
            answer["request_id"] = asked["request_id"].clone();
            writeln!(writer, "{answer}")?;
        }
        Ok(())
    }

    fn obey(&self, command: &Value) -> Value {
        let words: Vec<&Value> = command.as_array().unwrap().iter().collect();
        let word = |n: usize| words[n].as_str().unwrap_or_default();
        let now = |it: &mut Showing| it.position;
        let data = match (word(0), word(1)) {
            ("get_property", "path") => self.change(|it| json!(it.url)),
            ("get_property", "pause") => self.change(|it| json!(it.paused)),
            ("get_property", "paused-for-cache") => self.change(|it| json!(it.starving)),
            ("get_property", "seeking") => json!(false),
            ("get_property", "demuxer-cache-idle") => json!(true),
            ("get_property", "demuxer-cache-duration") => {
                return json!({ "error": "property unavailable" });
            }
            ("get_property", "time-pos") => json!(self.change(now)),
            ("set_property", "pause") => {
                let paused = words[2].as_bool().unwrap();
                self.change(|it| it.paused = paused);
                Value::Null
            }
            ("seek", to) => {
                assert_eq!(word(2), "absolute+exact");
                let to = to.parse().unwrap();
                self.change(|it| it.position = to);
                Value::Null
            }
            _ => panic!("no mpv does {command}"),
        };
        json!({ "error": "success", "data": data })
    }

    /// Does something with it; so does its person.
    fn change<T>(&self, f: impl FnOnce(&mut Showing) -> T) -> T {
        let mut it = self.showing.0.lock().unwrap();
        let now = self.clock.now();
        if !it.paused && !it.starving {
            it.position += (now - it.since).as_secs_f64();
        }
        it.since = now;
        let result = f(&mut it);
        self.showing.1.notify_all();
        result
    }

    #[track_caller]
    fn until(&self, what: &str, is_so: impl Fn(&Showing) -> bool) {
        let guard = self.showing.0.lock().unwrap();
        let waited = self.showing.1.wait_timeout_while(guard, PATIENCE, |it| !is_so(it)).unwrap();
        assert!(!waited.1.timed_out(), "never {what}");
    }
}

fn person(stage: &Stage, name: &str, player: &Player) -> Terminal {
    let password = stage.folder().join("password");
    fs::write(&password, "hunter2 and more\n").unwrap();
    let options = format!(
        "--plain --user {name} --register --password-file {} --player {}",
        password.display(),
        player.program().display()
    );
    let mut terminal = stage.terminal(name, &options);
    reads(&mut terminal, &format!("logged in as {name}"));
    terminal
}

#[test]
fn what_one_does_in_his_player_the_other_sees() {
    let stage = Stage::open(&[]);
    let players = ["alice", "bob"].map(|name| {
        let folder = stage.folder().join(format!("{name}-player"));
        fs::create_dir(&folder).unwrap();
        Player::new(&folder)
    });
    let mut alice = person(&stage, "alice", &players[0]);
    let mut bob = person(&stage, "bob", &players[1]);
    let path = stage.folder().join("film.mp4");
    write_noise(&path, 100_000).unwrap();
    alice.type_line(&format!("/send bob {}", path.display()));
    reads(&mut bob, "/accept 1 or /decline 1");
    bob.type_line("/watch 1");
    reads(&mut bob, "Nothing of transfer 1 is here");
    bob.type_line("/accept 1");
    reads(&mut bob, "(100 kB) complete: ");

    alice.type_line("/watch 1 bob");
    reads(&mut bob, "alice wants to watch \"film.mp4\" with you: '/watch 1' joins");
    reads(&mut alice, "watching \"film.mp4\" (1): all wait for bob at 00:00");
    let arguments = players[0].arguments();
    assert_eq!(arguments[1..3], ["--pause", "--"]);
    let hers = Mpv::listen(&arguments);
    bob.type_line("/watch 1");
    reads(&mut alice, "bob is in");
    reads(&mut bob, "you are in, with alice");
    let arguments = players[1].arguments();
    assert_eq!(arguments[1..4], ["--start=0.000", "--pause", "--"]);
    let his = Mpv::listen(&arguments);
    for (terminal, mpv) in [(&mut alice, &hers), (&mut bob, &his)] {
        reads(terminal, "it plays from 00:00 on");
        mpv.until("played", |it| !it.paused);
    }

    his.change(|it| it.position = 600.0);
    reads(&mut alice, "bob goes to 10:0");
    hers.until("at his place", |it| it.position >= 600.0);
    hers.change(|it| it.paused = true);
    reads(&mut bob, "alice pauses at 10:0");
    his.until("paused", |it| it.paused);
    his.change(|it| it.paused = false);
    reads(&mut alice, "bob goes on at 10:");
    hers.until("played", |it| !it.paused);

    // Who cannot play on is waited for.
    his.change(|it| it.starving = true);
    reads(&mut alice, "all wait for bob at 10:");
    hers.until("paused", |it| it.paused);
    his.change(|it| it.starving = false);
    for (terminal, mpv) in [(&mut alice, &hers), (&mut bob, &his)] {
        reads(terminal, "it plays from 10:");
        mpv.until("played", |it| !it.paused);
    }

    players[1].ends("0");
    reads(&mut bob, "it is over: no mpv that this program has started plays the film");
    reads(&mut alice, "bob is out");
    reads(&mut alice, "it is over: nobody else is there any more");
    assert!(!hers.change(|it| it.paused), "hers goes on");
    players[0].ends("0");
}
