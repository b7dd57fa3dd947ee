//! The server over real loopback sockets. Nothing here waits for time to pass: what the server has done
//! is known by what it tells the core, or by what comes over the socket.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use tempfile::TempDir;

use super::server::{MAX_CONNECTIONS, MAX_READING};
use super::*;
use crate::face::samples;
use crate::output::FileLine;

/// Only what never comes takes so long.
const PATIENCE: Duration = Duration::from_secs(30);
const SIZE: usize = 5_000_000;
const ID: TransferId = TransferId([1; 16]);

/// A server with one file on its shelf, of which nothing is here.
struct Stage {
    running: Running,
    readings: Receiver<Reading>,
    film: Vec<u8>,
    partial: PathBuf,
    folder: TempDir,
}

impl Stage {
    fn new() -> Self {
        Self::of_size(Some(SIZE as u64))
    }

    /// `None` for one that grows.
    fn of_size(size: Option<u64>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let partial = folder.path().join("film.part");
        let mut film = vec![0; SIZE];
        blake3::Hasher::new().update(b"film").finalize_xof().fill(&mut film);
        // As long as it will be, and wrong everywhere: what was not verified may be anything.
        std::fs::write(&partial, vec![0xee; SIZE]).unwrap();
        let (told, news) = mpsc::channel();
        let (tell, readings) = mpsc::channel();
        let at = partial.clone();
        let door = Door {
            open: Box::new(move |_, complete| std::fs::File::open(complete.unwrap_or(&at))),
            // A test that has seen enough hears no more.
            tell: Box::new(move |reading| {
                let _ = tell.send(reading);
            }),
        };
        let (server, waker) = Server::new(Clock::start(), door, news).unwrap();
        let address = server.address();
        std::thread::spawn(move || server.run());
        let stage =
            Self { running: Running { address, told, waker }, readings, film, partial, folder };
        let line = FileLine { size, ..samples::file_line() };
        let (media_type, held) = ("video/mp4".to_owned(), Vec::new());
        let shown =
            transfer::Film { line, media_type, held, path: None, position: None, is_paused: false };
        stage.running.tell(Told::Film(Film::new(ID, "/t/film.mp4".to_owned(), shown))).unwrap();
        stage
    }

    fn news(&self, view: View) {
        self.running.tell(Told::News(ViewNews::Of(ID, view))).unwrap();
    }

    /// This part is verified and written.
    fn arrives(&self, from: usize, until: usize) {
        use std::os::unix::fs::FileExt;
        let file = std::fs::File::options().write(true).open(&self.partial).unwrap();
        file.write_all_at(&self.film[from..until], from as u64).unwrap();
        self.news(View::Arrived(from as u64, u32::try_from(until - from).unwrap()));
    }

    /// It gets its final name.
    fn is_complete(&self) {
        let path = self.folder.path().join("film.mp4");
        std::fs::rename(&self.partial, &path).unwrap();
        self.news(View::Complete(path));
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.running.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// A connection on which this was asked.
    fn ask(&self, method: &str, path: &str, more: &str) -> TcpStream {
        let mut stream = self.connect();
        let host = self.running.address;
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n").unwrap();
        stream
    }

    fn get(&self, range: &str) -> TcpStream {
        self.ask("GET", "/t/film.mp4", &format!("Range: bytes={range}\r\n"))
    }

    /// The next thing that the core is told.
    fn reading(&self) -> Reading {
        self.readings.recv_timeout(PATIENCE).expect("the core is told")
    }
}

/// The head of an answer.
fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a head");
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

fn status(stream: &mut TcpStream) -> String {
    head(stream).lines().next().unwrap().strip_prefix("HTTP/1.1 ").unwrap()[..3].to_owned()
}

/// Everything until the other side closes.
fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

fn some(stream: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

#[test]
fn a_response_waits_for_what_is_not_here_and_says_where() {
    let stage = Stage::new();
    let mut player = stage.ask("GET", "/t/film.mp4", "");
    assert_eq!(status(&mut player), "200");
    let first = stage.reading();
    assert_eq!((first.id, first.at), (ID, Some(0)), "told before anything is here");
    // Not from there: it goes on waiting. Then exactly what is here comes.
    stage.arrives(100_000, 200_000);
    stage.arrives(0, 70_000);
    assert!(some(&mut player, 70_000) == stage.film[..70_000]);
    assert_eq!(stage.reading(), Reading { at: Some(70_000), ..first });
    stage.arrives(70_000, 100_000);
    assert!(some(&mut player, 130_000) == stage.film[70_000..200_000]);
    assert_eq!(stage.reading(), Reading { at: Some(200_000), ..first });
    // He hears of a long stretch now and then too, before it ends.
    stage.arrives(200_000, SIZE);
    assert!(rest(player) == stage.film[200_000..]);
    let mut told = vec![];
    while let Reading { at: Some(at), .. } = stage.reading() {
        told.push(at);
    }
    assert!(told.len() >= 3 && told.is_sorted(), "{told:?}");
}

#[test]
fn a_seek_gets_the_tail_before_the_rest_is_here() {
    let stage = Stage::new();
    stage.arrives(SIZE - 100_000, SIZE);
    let mut player = stage.get(&format!("{}-", SIZE - 100_000));
    assert!(head(&mut player).contains(&format!("bytes {}-{}/{SIZE}", SIZE - 100_000, SIZE - 1)));
    assert!(rest(player) == stage.film[SIZE - 100_000..]);
    // As the core would hear it.
    let at = stage.reading();
    assert_eq!(at.at, Some(SIZE as u64 - 100_000));
    assert_eq!(stage.reading(), Reading { at: None, ..at }, "and that nobody reads there any more");
    let mut player = stage.get("-5");
    assert_eq!(status(&mut player), "206");
    assert!(rest(player) == stage.film[SIZE - 5..]);
}

/// It goes on until there is an end, which nobody knows at the beginning.
#[test]
fn what_grows_is_followed_to_its_end() {
    let stage = Stage::of_size(None);
    stage.arrives(0, 1000);
    let mut player = stage.get("0-");
    let first = head(&mut player);
    assert!(first.starts_with("HTTP/1.1 200 ") && !first.contains("Content-Length"), "{first}");
    assert!(some(&mut player, 1000) == stage.film[..1000]);
    stage.arrives(1000, 70_001);
    assert!(some(&mut player, 69_001) == stage.film[1000..70_001]);
    // A part of what is here is given at once.
    let mut part = stage.get("500-70000");
    assert!(head(&mut part).contains("\r\nContent-Range: bytes 500-70000/*\r\n"));
    assert!(rest(part) == stage.film[500..70_001]);
    // It has ended, and then it is looked at as a whole.
    stage.arrives(70_001, SIZE);
    stage.news(View::Sized(SIZE as u64));
    stage.news(View::Holds(vec![(0, SIZE as u64)]));
    assert!(rest(player) == stage.film[70_001..]);
    stage.is_complete();
    assert!(rest_of(stage.get("7-")) == stage.film[7..], "now it is a file as any other");
}

#[test]
fn what_grows_and_comes_to_nothing_ends_what_is_read_of_it() {
    let stage = Stage::of_size(None);
    stage.arrives(0, 10);
    let mut player = stage.ask("GET", "/t/film.mp4", "");
    assert_eq!(status(&mut player), "200");
    assert!(some(&mut player, 10) == stage.film[..10]);
    stage.news(View::Over);
    assert!(rest(player).is_empty());
}

/// What was read of the partial file goes on from the same file, whatever it is called now.
#[test]
fn the_final_name_disturbs_nobody() {
    let stage = Stage::new();
    stage.arrives(0, 1000);
    let mut player = stage.get("0-");
    assert_eq!(status(&mut player), "206");
    assert!(some(&mut player, 1000) == stage.film[..1000]);
    stage.arrives(1000, SIZE);
    stage.is_complete();
    assert!(rest(player) == stage.film[1000..]);
    assert!(rest_of(stage.get("7-")) == stage.film[7..], "and who comes later finds it");
    // Until somebody changes or removes it.
    let path = stage.folder.path().join("film.mp4");
    std::fs::File::options().write(true).open(&path).unwrap().set_len(1000).unwrap();
    assert_eq!(status(&mut stage.get("7-")), "404");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(status(&mut stage.get("7-")), "404");
}

/// To watch a film that is all here is something that the person does [W-163].
#[test]
fn who_watches_what_is_all_here_is_told_too() {
    let stage = Stage::new();
    stage.arrives(0, SIZE);
    stage.is_complete();
    assert!(rest_of(stage.get("7-")) == stage.film[7..]);
    let first = stage.reading();
    assert_eq!((first.id, first.at), (ID, Some(7)));
    let next = core::iter::repeat_with(|| stage.reading()).find(|reading| reading.at.is_none());
    assert_eq!(next, Some(Reading { at: None, ..first }));
}

fn rest_of(mut player: TcpStream) -> Vec<u8> {
    assert_eq!(status(&mut player), "206");
    rest(player)
}

/// The disk looks again, at another file.
#[test]
fn what_is_no_longer_here_is_not_served() {
    let stage = Stage::new();
    stage.arrives(0, 1000);
    let mut player = stage.get("0-");
    assert_eq!(status(&mut player), "206");
    assert!(some(&mut player, 1000) == stage.film[..1000]);
    let first = stage.reading();
    assert_eq!(stage.reading().at, Some(1000));
    std::fs::remove_file(&stage.partial).unwrap();
    std::fs::write(&stage.partial, vec![0xee; SIZE]).unwrap();
    stage.news(View::Holds(vec![]));
    let other = stage.get("500-");
    let second = stage.reading();
    assert_eq!(second.at, Some(500), "it waits for what was here before");
    assert_ne!(second.reader, first.reader);
    stage.arrives(500, SIZE);
    assert!(rest(player) == stage.film[1000..], "from the file that is there now");
    assert!(rest_of(other) == stage.film[500..]);
}

#[test]
fn nothing_is_served_that_never_comes() {
    let stage = Stage::new();
    stage.arrives(0, 1000);
    let mut player = stage.get("0-");
    assert_eq!(status(&mut player), "206");
    assert!(some(&mut player, 1000) == stage.film[..1000]);
    stage.news(View::Over);
    assert!(rest(player).is_empty(), "less than was announced: a player sees that");
    assert_eq!(status(&mut stage.get("0-")), "404");
    let stage = Stage::new();
    let mut player = stage.get("0-");
    assert_eq!(status(&mut player), "206");
    stage.running.tell(Told::News(ViewNews::Anew)).unwrap();
    assert!(rest(player).is_empty(), "another account is here");
}

#[test]
fn a_client_that_hangs_up_is_forgotten() {
    let stage = Stage::new();
    let mut player = stage.get("10-");
    assert_eq!(status(&mut player), "206");
    let at = stage.reading();
    drop(player);
    assert_eq!(stage.reading(), Reading { at: None, ..at });
}

#[test]
fn only_who_knows_where_gets_anything() {
    let stage = Stage::new();
    stage.arrives(0, SIZE);
    let answer = |method: &str, path: &str| status(&mut stage.ask(method, path, ""));
    assert_eq!(answer("GET", "/x/film.mp4"), "404");
    assert_eq!(answer("GET", "/"), "404");
    assert_eq!(answer("PUT", "/t/film.mp4"), "405");
    let mut page = stage.connect();
    write!(page, "GET /t/film.mp4 HTTP/1.1\r\nHost: evil.example\r\n\r\n").unwrap();
    assert_eq!(status(&mut page), "421");
    assert!(rest(page).is_empty());
    let mut beyond = stage.get("5000000-");
    assert!(head(&mut beyond).contains("\r\nContent-Range: bytes */5000000\r\n"));
    let mut player = stage.ask("HEAD", "/t/film.mp4", "");
    assert!(head(&mut player).contains("\r\nContent-Length: 5000000\r\n"));
    assert!(rest(player).is_empty());
    assert!(stage.readings.try_recv().is_err(), "none of them reads");
}

#[test]
fn a_head_without_an_end_is_refused() {
    let stage = Stage::new();
    let mut other = stage.connect();
    let endless = "x".repeat(http::MAX_HEAD);
    write!(other, "GET / HTTP/1.1\r\nA: {endless}").unwrap();
    assert_eq!(status(&mut other), "431");
}

#[test]
fn so_many_read_at_once_and_no_more() {
    let stage = Stage::new();
    let mut players: Vec<TcpStream> = (0..MAX_READING).map(|_| stage.get("0-")).collect();
    for player in &mut players {
        assert_eq!(status(player), "206");
    }
    assert_eq!(status(&mut stage.get("0-")), "503");
    // Who does not read is answered.
    assert_eq!(status(&mut stage.ask("HEAD", "/t/film.mp4", "")), "200");
    let gone: Vec<Reading> = players.iter().map(|_| stage.reading()).collect();
    drop(players.pop());
    let last = stage.reading();
    assert!(last.at.is_none() && gone.iter().any(|it| it.reader == last.reader));
    assert_eq!(status(&mut stage.get("0-")), "206", "a place is free again");
    // Who only connects cannot take more than his part of this program's descriptors either.
    let mut silent: Vec<TcpStream> = (0..MAX_CONNECTIONS).map(|_| stage.connect()).collect();
    let last = silent.last_mut().unwrap().read_to_end(&mut Vec::new());
    assert!(
        matches!(last, Ok(0))
            || last.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset)
    );
}
