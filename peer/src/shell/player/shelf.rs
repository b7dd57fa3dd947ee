//! The files that can be played, and what of each is here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use wire::app::peer::TransferId;

use crate::transfer::{self, Ranges, View, ViewNews};

/// What stands for itself in a URL (RFC 3986, "unreserved"); all else of a name is encoded.
const NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What a media type that is not for players is called: no browser takes it for a page or a script.
const UNKNOWN: &str = "application/octet-stream";

/// Where a file of this name is found by whoever knows the token.
pub(super) fn path(token: [u8; 16], name: &str) -> String {
    let token: String = token.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("/{token}/{}", utf8_percent_encode(name, NAME))
}

/// A file that can be played.
#[derive(Debug)]
pub(super) struct Film {
    pub(super) id: TransferId,
    /// Where in the URL it is found: nobody else knows that.
    path: String,
    /// Safe in a head, and for players only.
    pub(super) media_type: String,
    /// Bytes of all of it; `None` while it grows.
    pub(super) size: Option<u64>,
    held: Ranges,
    /// The file, when all of it is there.
    complete: Option<PathBuf>,
    /// How often the disk has looked anew: what was opened before may be another file.
    pub(super) looks: u64,
}

impl Film {
    /// What the core says, under this path.
    pub(super) fn new(id: TransferId, path: String, film: transfer::Film) -> Self {
        let transfer::Film { line, media_type, held, path: complete, .. } = film;
        Self {
            id,
            path,
            media_type: playable(&media_type).to_owned(),
            size: line.size,
            held: Ranges::of(&held),
            complete,
            looks: 0,
        }
    }

    /// How far it is here from this byte on, without a gap.
    pub(super) fn reach(&self, from: u64) -> u64 {
        self.held.reach(from)
    }

    /// Where all of it is.
    pub(super) fn complete(&self) -> Option<&Path> {
        self.complete.as_deref()
    }
}

/// A media type of films or sounds, or [`UNKNOWN`]: it is foreign text.
fn playable(foreign: &str) -> &str {
    let is_token = |c: u8| c.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&c);
    match foreign.split_once('/') {
        Some(("video" | "audio", kind)) if !kind.is_empty() && kind.bytes().all(is_token) => {
            foreign
        }
        _ => UNKNOWN,
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    films: BTreeMap<TransferId, Film>,
}

impl Shelf {
    /// One more, or one anew.
    pub(super) fn put(&mut self, film: Film) {
        let looks = self.films.get(&film.id).map_or(0, |known| known.looks + 1);
        self.films.insert(film.id, Film { looks, ..film });
    }

    /// Something became of one.
    pub(super) fn learn(&mut self, news: ViewNews) {
        let (id, view) = match news {
            ViewNews::Anew => return self.films.clear(),
            ViewNews::Of(id, view) => (id, view),
        };
        let Some(film) = self.films.get_mut(&id) else { return };
        match view {
            View::Holds(ranges) => {
                film.held = Ranges::of(&ranges);
                film.looks += 1;
            }
            View::Sized(size) => film.size = Some(size),
            View::Arrived(offset, len) => film.held.put(offset, len),
            View::Complete(path) => {
                film.held = Ranges::of(&[(0, film.size.unwrap_or(0))]);
                film.complete = Some(path);
            }
            View::Over => {
                self.films.remove(&id);
            }
            // They come another way.
            View::Plays(_) | View::Asks(_) | View::Steers(..) | View::Opens(..) => {}
        }
    }

    /// The one that is found under a path. How long that takes tells nothing about other paths.
    pub(super) fn find(&self, path: &str) -> Option<&Film> {
        let is_meant =
            |film: &&Film| verify_slices_are_equal(film.path.as_bytes(), path.as_bytes()).is_ok();
        self.films.values().find(is_meant)
    }

    /// The one of this transfer.
    pub(super) fn get(&self, id: TransferId) -> Option<&Film> {
        self.films.get(&id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The name is somebody else's text, and so is the type.
    #[test]
    fn foreign_text_stays_one_word_of_a_url_and_of_a_head() {
        let path = path([0xab; 16], "Käse & \"x\"/../%41\r\n?#.mp4");
        let token = "ab".repeat(16);
        assert_eq!(
            path,
            format!("/{token}/K%C3%A4se%20%26%20%22x%22%2F..%2F%2541%0D%0A%3F%23.mp4")
        );
        for (foreign, expected) in [
            ("video/mp4", "video/mp4"),
            ("audio/ogg", "audio/ogg"),
            ("video/vnd.avi", "video/vnd.avi"),
            ("text/html", UNKNOWN),
            ("image/svg+xml", UNKNOWN),
            ("video/", UNKNOWN),
            ("video", UNKNOWN),
            ("video/mp4\r\nSet-Cookie: a=b", UNKNOWN),
            ("video/mp4; codecs=x", UNKNOWN),
            ("", UNKNOWN),
        ] {
            assert_eq!(playable(foreign), expected, "{foreign:?}");
        }
    }
}
