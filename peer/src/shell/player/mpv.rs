//! What is said to an mpv over its socket: one JSON object in each line (its manual, "JSON IPC").
//!
//! ```text
//! {"command":["get_property","time-pos"],"request_id":2}
//!                                {"event":"..."}          passed over
//!                                {"data":754.5,"request_id":2,"error":"success"}
//! ```
//!
//! It blocks, for at most [`PATIENCE`]: on a thread of its own. What comes from there is believed no more
//! than what comes from the network.

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::{Value, json};
use wire::app::pin::MAX_POSITION;
use wire::net::Clock;
use wire::time::{Duration, Instant};

use crate::watch::{Report, Steering};

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Most bytes that are read for one answer: it may tell of other things before.
const MAX_READ: usize = 256 << 10;

/// Whether this program is an mpv, which is known by its name.
pub(super) fn is_one(program: &Path) -> bool {
    program
        .file_stem()
        .is_some_and(|name| name == "mpv" || name.as_encoded_bytes().starts_with(b"mpv-"))
}

/// What it is started with besides the film.
pub(super) fn options(
    socket: Option<&Path>,
    position: Option<u64>,
    is_paused: bool,
) -> Vec<OsString> {
    let mut options = Vec::new();
    if let Some(socket) = socket {
        let mut option = OsString::from("--input-ipc-server=");
        option.push(socket);
        options.push(option);
    }
    if let Some(position) = position {
        options.push(format!("--start={}", seconds(position)).into());
    }
    if is_paused {
        options.push("--pause".into());
    }
    // What follows is no option, whatever it looks like.
    options.push(OsStr::new("--").to_owned());
    options
}

/// Where in the film at `url` the mpv behind this socket is, in milliseconds.
///
/// # Errors
/// Why that is not known.
pub(super) fn position(socket: &Path, url: &str, clock: Clock) -> Result<u64, String> {
    let mut talk = Talk::about(url, socket, clock)?;
    let answer = talk.ask(&json!(["get_property", "time-pos"]))?;
    moment(&answer).ok_or_else(|| "what it says is no moment of a film".to_owned())
}

/// Seconds as mpv says them, in milliseconds.
fn moment(answer: &Value) -> Option<u64> {
    // Before the first picture it may be a little less than nothing.
    let position = Duration::try_from_secs_f64(answer.as_f64()?.max(0.0)).ok()?;
    u64::try_from(position.as_millis()).ok().filter(|position| *position <= MAX_POSITION)
}

/// Has the mpv behind this socket do this with the film at `url`; gives how it is then. What it cannot
/// say at all, as long as it shows nothing, is passed over.
///
/// # Errors
/// Why it does not.
pub(super) fn steer(
    socket: &Path,
    url: &str,
    steering: Steering,
    clock: Clock,
) -> Result<Report, String> {
    let mut talk = Talk::about(url, socket, clock)?;
    if let Some(paused) = steering.paused {
        talk.ask(&json!(["set_property", "pause", paused]))?;
    }
    if let Some(position) = steering.position_ms {
        talk.ask(&json!(["seek", seconds(position), "absolute+exact"]))?;
    }
    let paused = talk.ask(&json!(["get_property", "pause"]))?.as_bool().unwrap_or_default();
    let seeking = talk.property("seeking")?.as_bool().unwrap_or_default();
    let starving = talk.property("paused-for-cache")?.as_bool().unwrap_or_default();
    let full = talk.property("demuxer-cache-idle")?.as_bool().unwrap_or_default();
    let ahead_ms = moment(&talk.property("demuxer-cache-duration")?);
    // Last, since it is what changes with time.
    let position_ms = moment(&talk.property("time-pos")?);
    let at = talk.clock.now();
    Ok(Report { at, position_ms, paused, seeking, starving, ahead_ms, full })
}

/// Has the mpv behind this socket go to a moment of the film at `url`, which it plays.
///
/// # Errors
/// Why it does not.
pub(super) fn seek(socket: &Path, url: &str, position: u64, clock: Clock) -> Result<(), String> {
    let mut talk = Talk::about(url, socket, clock)?;
    talk.ask(&json!(["seek", seconds(position), "absolute+exact"])).map(|_| ())
}

/// As mpv reads moments.
fn seconds(position: u64) -> String {
    format!("{}.{:03}", position / 1000, position % 1000)
}

/// A conversation with an mpv.
struct Talk {
    stream: UnixStream,
    clock: Clock,
    deadline: Instant,
    /// Of the last question.
    id: u64,
    /// What came and was not looked at.
    unread: Vec<u8>,
    /// How many bytes may still come.
    room: usize,
}

impl Talk {
    /// With one that plays this film: its person may have it play anything.
    fn about(url: &str, socket: &Path, clock: Clock) -> Result<Self, String> {
        let mut talk = Self::open(socket, clock)?;
        match talk.ask(&json!(["get_property", "path"]))?.as_str() {
            Some(path) if path == url => Ok(talk),
            Some(_) | None => Err("it plays something else now".to_owned()),
        }
    }

    fn open(socket: &Path, clock: Clock) -> Result<Self, String> {
        // One that has no room for whoever comes refuses, instead of keeping him waiting.
        let stream = mio::net::UnixStream::connect(socket).map(UnixStream::from);
        let stream = stream.and_then(|it| it.set_nonblocking(false).map(|()| it));
        let stream = stream.map_err(|error| format!("it is not to be reached ({error})"))?;
        let deadline = clock.now() + PATIENCE;
        Ok(Self { stream, clock, deadline, id: 0, unread: Vec::new(), room: MAX_READ })
    }

    /// A property; nothing when it has none now.
    fn property(&mut self, name: &str) -> Result<Value, String> {
        match self.answer(&json!(["get_property", name]))? {
            Ok(value) => Ok(value),
            Err(_) => Ok(Value::Null),
        }
    }

    /// Has a command done, and gives what it answers.
    fn ask(&mut self, command: &Value) -> Result<Value, String> {
        self.answer(command)?
    }

    /// The same; apart from that it does not answer at all stands that it will not.
    fn answer(&mut self, command: &Value) -> Result<Result<Value, String>, String> {
        self.id += 1;
        let mut line = json!({ "command": command, "request_id": self.id }).to_string();
        line.push('\n');
        self.say(line.as_bytes()).map_err(|error| why(&error))?;
        loop {
            let line = self.line().map_err(|error| why(&error))?;
            if let Some(answer) = answer(&line, self.id) {
                return Ok(answer);
            }
        }
    }

    fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        self.stream.write_all(bytes)
    }

    /// The next line.
    fn line(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let rest = self.unread.split_off(end + 1);
                return Ok(std::mem::replace(&mut self.unread, rest));
            }
            if self.room == 0 {
                return Err(io::Error::other("it says too much"));
            }
            self.stream.set_read_timeout(Some(self.left()?))?;
            let mut bytes = [0; 4096];
            let most = self.room.min(bytes.len());
            let Some(count) = read_once(&mut self.stream, &mut bytes[..most])? else { continue };
            self.room -= count;
            self.unread.extend_from_slice(&bytes[..count]);
        }
    }

    /// How long it may still take.
    fn left(&self) -> io::Result<Duration> {
        match self.deadline - self.clock.now() {
            left if left > Duration::ZERO => Ok(left),
            _ => Err(ErrorKind::TimedOut.into()),
        }
    }
}

/// How many bytes came; nothing when it was interrupted: reading with a time limit is not gone on with
/// by the system itself (signal(7)).
fn read_once(stream: &mut impl Read, bytes: &mut [u8]) -> io::Result<Option<usize>> {
    match stream.read(bytes) {
        Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
        Ok(count) => Ok(Some(count)),
        Err(error) if error.kind() == ErrorKind::Interrupted => Ok(None),
        Err(error) => Err(error),
    }
}

/// The answer to this question, if the line is that.
fn answer(line: &[u8], id: u64) -> Option<Result<Value, String>> {
    // Lines that are no JSON are none either.
    let mut said: Value = serde_json::from_slice(line).ok()?;
    if said.get("request_id").and_then(Value::as_u64) != Some(id) || said.get("event").is_some() {
        return None;
    }
    Some(match said.get("error").and_then(Value::as_str) {
        Some("success") => Ok(said.get_mut("data").map(Value::take).unwrap_or_default()),
        Some(error) => Err(format!("it says \"{}\"", error.chars().take(80).collect::<String>())),
        None => Err("it does not say whether it did".to_owned()),
    })
}

fn why(error: &io::Error) -> String {
    let kind = error.kind();
    if matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut) {
        return "it does not answer".to_owned();
    }
    // Closed before it has read all: a reset.
    let is_end = matches!(
        kind,
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
    );
    if is_end { "it hangs up".to_owned() } else { error.to_string() }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::path::PathBuf;
    use std::thread;

    use super::*;

    const URL: &str = "http://127.0.0.1:1/00/film.mp4";

    /// What comes of asking one that says this to each of its questions, after `{}` was put in the place
    /// of its number; and what it was asked.
    fn asked<T>(
        says: &[&str],
        ask: impl FnOnce(&Path) -> Result<T, String>,
    ) -> (Result<T, String>, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let listener = UnixListener::bind(&socket).unwrap();
        let says: Vec<String> = says.iter().map(|&says| says.to_owned()).collect();
        let player = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut questions = Vec::new();
            for says in says {
                let mut question = Vec::new();
                while question.last() != Some(&b'\n') {
                    let mut byte = [0];
                    if stream.read_exact(&mut byte).is_err() {
                        return questions;
                    }
                    question.push(byte[0]);
                }
                let question: Value = serde_json::from_slice(&question).unwrap();
                let said = says.replace("{}", &question["request_id"].to_string());
                questions.push(question["command"].to_string());
                // It may have heard enough already.
                let _ = stream.write_all(said.as_bytes());
            }
            questions
        });
        let answer = ask(&socket);
        (answer, player.join().unwrap())
    }

    fn position_of(says: &[&str]) -> Result<u64, String> {
        asked(says, |socket| position(socket, URL, Clock::start())).0
    }

    const PATH: &str =
        "{\"data\":\"http://127.0.0.1:1/00/film.mp4\",\"request_id\":{},\"error\":\"success\"}\n";

    #[test]
    fn it_is_asked_where_it_is() {
        let time = "{\"event\":\"seek\"}\nno JSON\n{\"request_id\":77,\"error\":\"success\",\"data\":1}\n\
                    {\"data\":754.5,\"request_id\":{},\"error\":\"success\"}\n";
        let (answer, questions) =
            asked(&[PATH, time], |socket| position(socket, URL, Clock::start()));
        assert_eq!(answer, Ok(754_500));
        assert_eq!(questions, [r#"["get_property","path"]"#, r#"["get_property","time-pos"]"#]);
    }

    #[test]
    fn it_is_sent_to_a_moment() {
        let done = "{\"request_id\":{},\"error\":\"success\"}\n";
        let go = |socket: &Path| seek(socket, URL, 754_050, Clock::start());
        let (answer, questions) = asked(&[PATH, done], go);
        assert_eq!(answer, Ok(()));
        let expected = [r#"["get_property","path"]"#, r#"["seek","754.050","absolute+exact"]"#];
        assert_eq!(questions, expected);
        let (answer, questions) = asked(&[done, done], go);
        assert_eq!(answer, Err("it plays something else now".to_owned()));
        assert_eq!(questions.len(), 1);
    }

    #[test]
    fn it_is_steered_and_says_how_it_is() {
        let done = "{\"request_id\":{},\"error\":\"success\"}\n";
        let yes = "{\"data\":true,\"request_id\":{},\"error\":\"success\"}\n";
        let none = "{\"request_id\":{},\"error\":\"property unavailable\"}\n";
        let ahead = "{\"data\":4.25,\"request_id\":{},\"error\":\"success\"}\n";
        let there = Steering { paused: Some(true), position_ms: Some(754_050) };
        let steer = |steering| move |socket: &Path| steer(socket, URL, steering, Clock::start());
        let (report, questions) =
            asked(&[PATH, done, done, yes, none, yes, none, ahead, ahead], steer(there));
        let report = report.unwrap();
        assert_eq!((report.position_ms, report.ahead_ms), (Some(4250), Some(4250)));
        let Report { paused, seeking, starving, full, .. } = report;
        assert_eq!((paused, seeking, starving, full), (true, false, true, false));
        let expected =
            [r#"["set_property","pause",true]"#, r#"["seek","754.050","absolute+exact"]"#];
        assert_eq!(questions[1..3], expected);
        // While it shows nothing yet it says that much.
        let (report, questions) =
            asked(&[PATH, yes, none, none, none, none, none], steer(Steering::default()));
        assert_eq!((report.unwrap().position_ms, questions.len()), (None, 7));
        for (says, why) in [
            (&[PATH, none][..], "\"property unavailable\""),
            (&[PATH, yes][..], "hangs up"),
            (&[none][..], "\"property unavailable\""),
        ] {
            let failed = asked(says, steer(Steering::default())).0.unwrap_err();
            assert!(failed.contains(why), "{failed}");
        }
    }

    #[test]
    fn whatever_it_says_is_no_more_than_an_answer() {
        let with = |time| position_of(&[PATH, time]);
        for (time, expected) in [
            ("{\"data\":-0.04,\"request_id\":{},\"error\":\"success\"}\n", Ok(0)),
            ("{\"data\":null,\"request_id\":{},\"error\":\"success\"}\n", Err("no moment")),
            ("{\"data\":1e300,\"request_id\":{},\"error\":\"success\"}\n", Err("no moment")),
            ("{\"data\":99999999999,\"request_id\":{},\"error\":\"success\"}\n", Err("no moment")),
            ("{\"data\":\"1\",\"request_id\":{},\"error\":\"success\"}\n", Err("no moment")),
            ("{\"request_id\":{},\"error\":\"success\"}\n", Err("no moment")),
            ("{\"request_id\":{},\"data\":1}\n", Err("does not say whether")),
            (
                "{\"request_id\":{},\"error\":\"property unavailable\"}\n",
                Err("\"property unavailable\""),
            ),
            ("{\"request_id\":{},\"error\":\"success\",\"data\":", Err("hangs up")),
        ] {
            match (with(time), expected) {
                (Ok(position), Ok(expected)) => assert_eq!(position, expected),
                (Err(why), Err(expected)) => assert!(why.contains(expected), "{time}: {why}"),
                (answer, _) => panic!("{time}: {answer:?}"),
            }
        }
        let other = "{\"data\":\"other.mp4\",\"request_id\":{},\"error\":\"success\"}\n";
        assert!(position_of(&[other]).unwrap_err().contains("something else"));
        assert_eq!(position_of(&[]), Err("it hangs up".to_owned()), "at once");
    }

    #[test]
    fn there_is_an_end_to_what_is_read_and_awaited() {
        let much = "x".repeat(2 * MAX_READ);
        assert_eq!(position_of(&[&much]), Err("it says too much".to_owned()));
        // It never answers, and does not hang up either: the second question is never asked.
        assert_eq!(position_of(&["", ""]), Err("it does not answer".to_owned()));
        let nowhere = position(&PathBuf::from("/no/such/socket"), URL, Clock::start());
        assert!(nowhere.unwrap_err().contains("not to be reached"));
    }

    #[test]
    fn an_interruption_is_no_end() {
        /// One that is interrupted before it gives a byte.
        struct Interrupted(bool);

        impl Read for Interrupted {
            fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
                if std::mem::replace(&mut self.0, true) {
                    return [7].as_slice().read(bytes);
                }
                Err(ErrorKind::Interrupted.into())
            }
        }

        let (mut stream, mut bytes) = (Interrupted(false), [0; 2]);
        assert_eq!(read_once(&mut stream, &mut bytes).unwrap(), None);
        assert_eq!((read_once(&mut stream, &mut bytes).unwrap(), bytes), (Some(1), [7, 0]));
        let end = read_once(&mut io::empty(), &mut bytes).unwrap_err();
        assert_eq!(end.kind(), ErrorKind::UnexpectedEof);
    }

    #[test]
    fn an_mpv_is_known_by_its_name() {
        for program in ["mpv", "/usr/bin/mpv", "/opt/mpv-0.40.AppImage"] {
            assert!(is_one(Path::new(program)), "{program}");
        }
        for program in ["vlc", "/opt/mpv/vlc", "umpv", "mpvpaper", ""] {
            assert!(!is_one(Path::new(program)), "{program}");
        }
        let socket = Path::new("/run/x/mpv");
        let all = ["--input-ipc-server=/run/x/mpv", "--start=754.500", "--"];
        assert_eq!(options(Some(socket), Some(754_500), false), all);
        assert_eq!(options(None, None, false), ["--"]);
        assert_eq!(options(None, None, true), ["--pause", "--"]);
    }
}
