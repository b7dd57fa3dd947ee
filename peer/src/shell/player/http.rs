//! What a request asks for, and the head of the answer: as much of HTTP/1.1 (RFC 9110, RFC 9112) as
//! players use. Nothing here touches a socket.

use std::net::SocketAddr;
use std::ops::Range;

use http_range_header::parse_range_header;
use httparse::{EMPTY_HEADER, Header, Status};
use wire::app::peer::TransferId;

use super::shelf::{Film, Shelf};

/// Longest head of a request, in bytes.
pub(super) const MAX_HEAD: usize = 8 << 10;
/// Most lines in it.
const MAX_LINES: usize = 64;

/// An answer: its head, and what of which file follows.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) head: Vec<u8>,
    /// Bytes of a file, perhaps none; `None` when the head is all. Of one that grows the end may lie
    /// beyond all that ever comes.
    pub(super) body: Option<(TransferId, Range<u64>)>,
}

/// Why there is nothing for who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// That is no request.
    Malformed,
    /// Nothing is found there: no token that was given out stands in it, or the file is gone.
    NotFound,
    /// Neither GET nor HEAD.
    Method,
    /// No byte of what is asked for is in a file of this size.
    Range(u64),
    /// A browser was told that another name means this machine, so that a page of others could ask.
    Host,
    /// Too much of a head.
    TooLong,
    /// As many read as may.
    TooMany,
}

impl Refusal {
    /// The answer that says so.
    pub(super) fn answer(self) -> Answer {
        let (status, more) = match self {
            Self::Malformed => ("400 Bad Request", String::new()),
            Self::NotFound => ("404 Not Found", String::new()),
            Self::Method => ("405 Method Not Allowed", "Allow: GET, HEAD\r\n".to_owned()),
            Self::Range(size) => {
                ("416 Range Not Satisfiable", format!("Content-Range: bytes */{size}\r\n"))
            }
            Self::Host => ("421 Misdirected Request", String::new()),
            Self::TooLong => ("431 Request Header Fields Too Large", String::new()),
            Self::TooMany => ("503 Service Unavailable", "Retry-After: 1\r\n".to_owned()),
        };
        Answer { head: head(status, 0, &more), body: None }
    }
}

/// A head; each answer is the last of its connection, so that the end of that ends it too.
fn head(status: &str, length: impl Into<Option<u64>>, more: &str) -> Vec<u8> {
    let common = "Cache-Control: no-store\r\nConnection: close\r\n";
    let length = length.into().map(|length| format!("Content-Length: {length}\r\n"));
    let length = length.unwrap_or_default();
    format!("HTTP/1.1 {status}\r\n{length}{more}{common}\r\n").into_bytes()
}

/// The answer to what has come of a request so far; `None` as long as more of it is to come. `own` is
/// where this server listens.
pub(super) fn answer(came: &[u8], own: SocketAddr, shelf: &Shelf) -> Option<Answer> {
    let mut lines = [EMPTY_HEADER; MAX_LINES];
    let mut request = httparse::Request::new(&mut lines);
    match request.parse(came) {
        Ok(Status::Complete(_)) => {}
        Ok(Status::Partial) if came.len() < MAX_HEAD => return None,
        Ok(Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            return Some(Refusal::TooLong.answer());
        }
        Err(_) => return Some(Refusal::Malformed.answer()),
    }
    Some(judge(&request, own, shelf).unwrap_or_else(Refusal::answer))
}

fn judge(
    request: &httparse::Request<'_, '_>,
    own: SocketAddr,
    shelf: &Shelf,
) -> Result<Answer, Refusal> {
    let host = only(request.headers, "host").ok_or(Refusal::Malformed)?;
    if !is_own(host, own) {
        return Err(Refusal::Host);
    }
    let film = request.path.and_then(|path| shelf.find(path)).ok_or(Refusal::NotFound)?;
    // Of one that grows, what is here is all that can be chosen from.
    let size = film.size.unwrap_or_else(|| film.reach(0));
    let range = match request.method {
        Some("GET") if film.size.is_none() && is_from_the_start(request.headers) => None,
        Some("GET") => asked(request.headers, size)?,
        Some("HEAD") => None,
        _ => return Err(Refusal::Method),
    };
    let answer = found(film, range);
    // Its head is all that was asked for.
    let body = answer.body.filter(|_| request.method == Some("GET"));
    Ok(Answer { body, ..answer })
}

fn found(film: &Film, range: Option<Range<u64>>) -> Answer {
    // A player that believed that it can seek in one that grows would look for the index at its end.
    let ranges = if film.size.is_some() { "Accept-Ranges: bytes\r\n" } else { "" };
    let about =
        format!("Content-Type: {}\r\n{ranges}X-Content-Type-Options: nosniff\r\n", film.media_type);
    let (head, bytes) = match range {
        None => (head("200 OK", film.size, &about), 0..film.size.unwrap_or(u64::MAX)),
        Some(range) => {
            let last = range.end - 1;
            let size = film.size.map_or_else(|| "*".to_owned(), |size| size.to_string());
            let more = format!("{about}Content-Range: bytes {}-{last}/{size}\r\n", range.start);
            (head("206 Partial Content", range.end - range.start, &more), range)
        }
    };
    Answer { head, body: Some((film.id, bytes)) }
}

/// The value of a line that stands there once.
fn only<'a>(lines: &[Header<'a>], name: &str) -> Option<&'a str> {
    let mut values = lines.iter().filter(|line| line.name.eq_ignore_ascii_case(name));
    let value = values.next()?.value;
    if values.next().is_some() { None } else { std::str::from_utf8(value).ok().map(str::trim) }
}

fn is_own(host: &str, own: SocketAddr) -> bool {
    host == own.to_string() || host.eq_ignore_ascii_case(&format!("localhost:{}", own.port()))
}

/// Whether all is asked for from the first byte on, as many players say.
fn is_from_the_start(lines: &[Header<'_>]) -> bool {
    let is = |text: &str| text.replace(' ', "").eq_ignore_ascii_case("bytes=0-");
    only(lines, "range").is_some_and(is)
}

/// The part of a file that is asked for; `None` for all of it. Several at once may be passed over, and a
/// condition that names no version of ours must be (RFC 9110, sections 14.2 and 13.1.5).
fn asked(lines: &[Header<'_>], size: u64) -> Result<Option<Range<u64>>, Refusal> {
    let is_conditional = lines.iter().any(|line| line.name.eq_ignore_ascii_case("if-range"));
    let Some(text) = only(lines, "range").filter(|_| !is_conditional) else { return Ok(None) };
    let ranges = parse_range_header(text).and_then(|ranges| ranges.validate(size));
    match ranges.map_err(|_| Refusal::Range(size))?.as_slice() {
        [range] => Ok(Some(*range.start()..range.end() + 1)),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::samples;
    use crate::output::FileLine;
    use crate::transfer;

    const SIZE: u64 = 1000;

    fn own() -> SocketAddr {
        "127.0.0.1:4000".parse().unwrap()
    }

    fn shelf() -> Shelf {
        shelf_of(Some(SIZE), Vec::new())
    }

    fn shelf_of(size: Option<u64>, held: Vec<(u64, u64)>) -> Shelf {
        let line = FileLine { size, ..samples::file_line() };
        let media_type = "video/mp4".to_owned();
        let film =
            transfer::Film { line, media_type, held, path: None, position: None, is_paused: false };
        let mut shelf = Shelf::default();
        shelf.put(Film::new(TransferId([1; 16]), "/t/film.mp4".to_owned(), film));
        shelf
    }

    /// The status, the lines of the head, and the bytes of the file.
    fn asked_with(request: &str) -> (String, Vec<String>, Option<Range<u64>>) {
        asked_of(&shelf(), request)
    }

    fn asked_of(shelf: &Shelf, request: &str) -> (String, Vec<String>, Option<Range<u64>>) {
        let request = request.replace('\n', "\r\n");
        let answer = answer(request.as_bytes(), own(), shelf).expect("it is whole");
        let head = String::from_utf8(answer.head).unwrap();
        let mut lines = head.strip_suffix("\r\n\r\n").expect("an end").split("\r\n");
        let status = lines.next().unwrap().strip_prefix("HTTP/1.1 ").unwrap().to_owned();
        (status, lines.map(str::to_owned).collect(), answer.body.map(|(_, bytes)| bytes))
    }

    fn get(more: &str) -> (String, Vec<String>, Option<Range<u64>>) {
        asked_with(&format!("GET /t/film.mp4 HTTP/1.1\nHost: 127.0.0.1:4000\n{more}\n"))
    }

    #[test]
    fn all_of_it_or_its_head() {
        let (status, lines, body) = get("");
        assert_eq!((status.as_str(), body), ("200 OK", Some(0..SIZE)));
        for line in [
            "Content-Type: video/mp4",
            "Content-Length: 1000",
            "Accept-Ranges: bytes",
            "X-Content-Type-Options: nosniff",
            "Connection: close",
        ] {
            assert!(lines.iter().any(|found| found == line), "{line} in {lines:?}");
        }
        // A range means nothing to HEAD.
        let head =
            asked_with("HEAD /t/film.mp4 HTTP/1.1\nhost: LocalHost:4000\nRange: bytes=1-2\n\n");
        assert_eq!(head, (status, lines, None));
    }

    #[test]
    fn one_range_is_served_whichever_way_it_is_written() {
        for (asked, range) in [
            ("bytes=0-0", 0..1),
            ("bytes=10-19", 10..20),
            ("bytes=990-", 990..SIZE),
            ("bytes=-10", 990..SIZE),
            ("bytes=-5000", 0..SIZE),
            ("bytes=990-5000", 990..SIZE),
        ] {
            let (status, lines, body) = get(&format!("Range: {asked}\n"));
            assert_eq!(
                (status.as_str(), body),
                ("206 Partial Content", Some(range.clone())),
                "{asked}"
            );
            let (last, count) = (range.end - 1, range.end - range.start);
            for line in [
                format!("Content-Range: bytes {}-{last}/1000", range.start),
                format!("Content-Length: {count}"),
            ] {
                assert!(lines.contains(&line), "{line} in {lines:?}");
            }
        }
        for asked in ["bytes=1000-", "bytes=-0", "bytes=9-3", "bytes=x"] {
            let (status, lines, body) = get(&format!("Range: {asked}\n"));
            assert_eq!((status.as_str(), body), ("416 Range Not Satisfiable", None), "{asked}");
            assert!(lines.contains(&"Content-Range: bytes */1000".to_owned()), "{lines:?}");
        }
        for more in ["Range: bytes=0-1,5-6\n", "If-Range: \"x\"\nRange: bytes=0-1\n"] {
            let (status, _, body) = get(more);
            assert_eq!((status.as_str(), body), ("200 OK", Some(0..SIZE)), "{more}");
        }
    }

    /// Its length nobody knows: only what is here can be chosen from.
    #[test]
    fn of_what_grows_all_that_comes_or_a_part_of_what_is_here() {
        let shelf = shelf_of(None, vec![(0, 700)]);
        let get = |more: &str| {
            asked_of(&shelf, &format!("GET /t/film.mp4 HTTP/1.1\nHost: localhost:4000\n{more}\n"))
        };
        for more in ["", "Range: bytes=0-\n", "Range: bytes=0-1,5-6\n"] {
            let (status, lines, body) = get(more);
            assert_eq!((status.as_str(), body), ("200 OK", Some(0..u64::MAX)), "{more}");
            let starts = |start| lines.iter().any(|line| line.starts_with(start));
            assert!(!starts("Content-Length") && !starts("Accept-Ranges"), "{lines:?}");
        }
        for (asked, range) in [
            ("0-0", 0..1),
            ("10-19", 10..20),
            ("690-", 690..700),
            ("-10", 690..700),
            ("5-900", 5..700),
        ] {
            let (status, lines, body) = get(&format!("Range: bytes={asked}\n"));
            assert_eq!(
                (status.as_str(), body),
                ("206 Partial Content", Some(range.clone())),
                "{asked}"
            );
            let expected = format!("Content-Range: bytes {}-{}/*", range.start, range.end - 1);
            assert!(lines.contains(&expected), "{lines:?}");
        }
        for asked in ["700-", "900-901"] {
            let (status, _, body) = get(&format!("Range: bytes={asked}\n"));
            assert_eq!((status.as_str(), body), ("416 Range Not Satisfiable", None), "{asked}");
        }
        let nothing = shelf_of(None, Vec::new());
        let request = "GET /t/film.mp4 HTTP/1.1\nHost: localhost:4000\nRange: bytes=5-\n\n";
        assert!(asked_of(&nothing, request).0.starts_with("416 "));
    }

    #[test]
    fn nobody_else_gets_anything() {
        let status = |request: &str| asked_with(request).0;
        let host = "Host: 127.0.0.1:4000\n\n";
        for (request, expected) in [
            (format!("GET / HTTP/1.1\n{host}"), "404 Not Found"),
            (format!("GET /u/film.mp4 HTTP/1.1\n{host}"), "404 Not Found"),
            (format!("GET /t/film.mp4?x HTTP/1.1\n{host}"), "404 Not Found"),
            (format!("GET /t/ HTTP/1.1\n{host}"), "404 Not Found"),
            (format!("POST /t/film.mp4 HTTP/1.1\n{host}"), "405 Method Not Allowed"),
            ("GET /t/film.mp4 HTTP/1.1\n\n".to_owned(), "400 Bad Request"),
            (format!("GET /t/film.mp4 HTTP/1.1\nHost: x\n{host}"), "400 Bad Request"),
            ("nonsense\n\n".to_owned(), "400 Bad Request"),
            (format!("GET / HTTP/1.1\n{}{host}", "A: b\n".repeat(MAX_LINES)), "431 Request"),
        ] {
            assert!(status(&request).starts_with(expected), "{request}: {}", status(&request));
        }
        // Whoever has a browser ask in the name of a page.
        for host in ["evil.example:4000", "127.0.0.1", "127.0.0.1:80", "localhost", "[::1]:4000"] {
            let request = format!("GET /t/film.mp4 HTTP/1.1\nHost: {host}\n\n");
            assert_eq!(status(&request), "421 Misdirected Request", "{host}");
        }
    }

    #[test]
    fn a_head_is_waited_for_and_bounded() {
        let whole = "GET /t/film.mp4 HTTP/1.1\r\nHost: 127.0.0.1:4000\r\n\r\n".as_bytes();
        for len in 0..whole.len() {
            assert!(answer(&whole[..len], own(), &shelf()).is_none(), "{len}");
        }
        let mut endless = b"GET /t/film.mp4 HTTP/1.1\r\nA: ".to_vec();
        endless.resize(MAX_HEAD, b'a');
        let answer = answer(&endless, own(), &shelf()).expect("an end");
        assert!(answer.head.starts_with(b"HTTP/1.1 431 "));
    }
}
