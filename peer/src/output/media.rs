//! What is told of a film: what its headers say, and how long one waits for it.

use serde::Serialize;
use wire::app::media::{AudioCodec, Index, Media, VideoCodec};

/// What is written for a format or a codec that has no name here.
const UNKNOWN: &str = "unknown";

/// What the headers of a film say. Nothing in it is foreign text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MediaLine {
    /// `MP4`, `QuickTime`, `Matroska`, `WebM`, or `unknown`.
    pub container: &'static str,
    /// How long it is, in milliseconds, when it says so.
    pub duration_ms: Option<u64>,
    /// Columns of the picture, when it says so.
    pub width: Option<u16>,
    /// Rows of it.
    pub height: Option<u16>,
    /// How the picture is written, as in `H.264`; `unknown` when that has no name here, `None` when
    /// there is no picture.
    pub video: Option<&'static str>,
    /// The same of the sound.
    pub audio: Option<&'static str>,
    /// Bits a second on the average, when its length is known.
    pub bitrate: Option<u64>,
    /// Where that stands which a player needs first: `front`, or `end`, from where it is fetched first.
    pub index: &'static str,
    /// Whether the sender says so. Of a file that is here, it was read here.
    pub claimed: bool,
}

impl MediaLine {
    /// Of a file of this size.
    #[must_use]
    pub fn new(media: Media, size: u64, claimed: bool) -> Self {
        let known = |number: u16| Some(number).filter(|number| *number > 0);
        let bitrate = (u128::from(size) * 8000).checked_div(u128::from(media.duration));
        Self {
            container: media.container.name().unwrap_or(UNKNOWN),
            duration_ms: Some(media.duration).filter(|duration| *duration > 0),
            width: known(media.width),
            height: known(media.height),
            video: media.video.map(|codec: VideoCodec| codec.name().unwrap_or(UNKNOWN)),
            audio: media.audio.map(|codec: AudioCodec| codec.name().unwrap_or(UNKNOWN)),
            bitrate: bitrate.and_then(|rate| u64::try_from(rate).ok()),
            index: match media.index {
                Index::Front => "front",
                Index::End => "end",
            },
            claimed,
        }
    }
}

/// After how many seconds one can begin to watch a film without being stopped, when the rest of it
/// comes in `eta` seconds: at once when it comes as fast as it is watched, else when no more is missing
/// than comes meanwhile.
#[must_use]
pub(crate) const fn wait(eta: u64, duration_ms: u64) -> u64 {
    eta.saturating_sub(duration_ms / 1000)
}

#[cfg(test)]
mod tests {
    use wire::app::media::Container;

    use super::*;

    #[test]
    fn one_waits_until_the_rest_comes_while_one_watches() {
        // 100 s of film: as fast as it is watched, twice as fast, half as fast.
        assert_eq!(wait(100, 100_000), 0);
        assert_eq!(wait(50, 100_000), 0);
        assert_eq!(wait(200, 100_000), 100);
        assert_eq!(wait(7, 999), 7);
        assert_eq!(wait(u64::MAX, 0), u64::MAX);
        assert_eq!(wait(0, u64::MAX), 0);
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let media = Media {
            container: Container::Other,
            duration: 0,
            width: 0,
            height: 0,
            video: Some(VideoCodec::Other),
            audio: None,
            index: Index::End,
        };
        let line = MediaLine::new(media, u64::MAX, true);
        assert_eq!((line.container, line.video, line.audio), ("unknown", Some("unknown"), None));
        assert_eq!(
            (line.duration_ms, line.width, line.bitrate, line.index),
            (None, None, None, "end")
        );
        let shortest = MediaLine::new(Media { duration: 1, ..media }, u64::MAX, true);
        assert_eq!(shortest.bitrate, None, "no number for that");
        let film = MediaLine::new(Media { duration: 8000, ..media }, 1_000_000, true);
        assert_eq!(film.bitrate, Some(1_000_000));
    }
}
