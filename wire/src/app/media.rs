//! What a film is, as the one who offers it has read in its headers [W-150]: a claim, and no text.
//!
//! Every kind is a number, so that nothing in it could reach a terminal; one that is not known here is
//! [`Other`](Container::Other).

use serde::{Deserialize, Serialize};

/// A film lasts less: ten thousand hours, in milliseconds.
pub const MAX_DURATION: u64 = 10_000 * 3_600_000;

/// What is said of a film or a sound [W-150]. In postcard's encoding:
///
/// ```text
/// container 1  duration  width  height  video: 0, or 1 and its kind 1  audio: the same  index 1
/// ```
///
/// Duration, width and height are varints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    /// The format of the file.
    pub container: Container,
    /// How long it is, in milliseconds: less than [`MAX_DURATION`]. 0 when the file does not say it.
    pub duration: u64,
    /// Columns of the picture; 0 when the file does not say it, or has no picture.
    pub width: u16,
    /// Rows of it.
    pub height: u16,
    /// How the picture is written, when there is one.
    pub video: Option<VideoCodec>,
    /// How the sound is written, when there is any.
    pub audio: Option<AudioCodec>,
    /// Where that stands which a player needs before it can show anything.
    pub index: Index,
}

impl Media {
    /// Whether an honest program may say this [W-151].
    #[must_use]
    pub const fn is_possible(&self) -> bool {
        let has_size = self.width > 0 && self.height > 0;
        let has_no_size = self.width == 0 && self.height == 0;
        self.duration < MAX_DURATION
            && (has_no_size || has_size && self.video.is_some())
            && (self.video.is_some() || self.audio.is_some())
    }
}

/// The format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "u8", into = "u8")]
pub enum Container {
    /// One that this program does not know.
    Other,
    /// ISO base media file format.
    Mp4,
    /// `QuickTime`, from which that came.
    QuickTime,
    /// Matroska.
    Matroska,
    /// `WebM`, a part of that.
    WebM,
}

/// How a picture is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "u8", into = "u8")]
pub enum VideoCodec {
    /// One that this program does not know.
    Other,
    /// AVC.
    H264,
    /// HEVC.
    H265,
    /// VVC.
    H266,
    /// AV1.
    Av1,
    /// VP8.
    Vp8,
    /// VP9.
    Vp9,
    /// MPEG-4 part 2.
    Mpeg4,
    /// MPEG-2, or MPEG-1.
    Mpeg2,
    /// Theora.
    Theora,
    /// Apple's `ProRes`.
    ProRes,
    /// Pictures of JPEG, one after another.
    Mjpeg,
}

/// How a sound is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "u8", into = "u8")]
pub enum AudioCodec {
    /// One that this program does not know.
    Other,
    /// AAC.
    Aac,
    /// MP3, or its older kin.
    Mp3,
    /// Opus.
    Opus,
    /// Vorbis.
    Vorbis,
    /// FLAC.
    Flac,
    /// ALAC.
    Alac,
    /// Dolby Digital.
    Ac3,
    /// Dolby Digital Plus.
    Eac3,
    /// DTS.
    Dts,
    /// Dolby `TrueHD`.
    TrueHd,
    /// Not compressed.
    Pcm,
}

/// Where that stands in a file which a player needs before it can show anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Index {
    /// Before the film: it plays while it arrives.
    Front,
    /// Behind it.
    End,
}

/// A number on the wire and a word for people, for each of a kind.
macro_rules! numbered {
    ($kind:ident, $($number:literal $variant:ident $name:literal),+) => {
        impl From<u8> for $kind {
            fn from(number: u8) -> Self {
                match number {
                    $($number => Self::$variant,)+
                    _ => Self::Other,
                }
            }
        }

        impl From<$kind> for u8 {
            fn from(kind: $kind) -> Self {
                match kind {
                    $kind::Other => 0,
                    $($kind::$variant => $number,)+
                }
            }
        }

        impl $kind {
            /// What it is called, when it is known here.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    Self::Other => None,
                    $(Self::$variant => Some($name),)+
                }
            }
        }
    };
}

numbered!(Container, 1 Mp4 "MP4", 2 QuickTime "QuickTime", 3 Matroska "Matroska", 4 WebM "WebM");

numbered!(
    VideoCodec, 1 H264 "H.264", 2 H265 "H.265", 3 H266 "H.266", 4 Av1 "AV1", 5 Vp8 "VP8", 6 Vp9 "VP9",
    7 Mpeg4 "MPEG-4", 8 Mpeg2 "MPEG-2", 9 Theora "Theora", 10 ProRes "ProRes", 11 Mjpeg "MJPEG"
);

numbered!(
    AudioCodec, 1 Aac "AAC", 2 Mp3 "MP3", 3 Opus "Opus", 4 Vorbis "Vorbis", 5 Flac "FLAC", 6 Alac "ALAC",
    7 Ac3 "AC-3", 8 Eac3 "E-AC-3", 9 Dts "DTS", 10 TrueHd "TrueHD", 11 Pcm "PCM"
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::framing::{Deframer, encode};
    use crate::app::peer::{Control, Offer, TransferId};

    const FILM: Media = Media {
        container: Container::Mp4,
        duration: 754_000,
        width: 1920,
        height: 1080,
        video: Some(VideoCodec::H264),
        audio: Some(AudioCodec::Aac),
        index: Index::End,
    };

    fn offer(media: Option<Media>) -> Control {
        Control::Offer(Offer {
            id: TransferId([1; 16]),
            name: "n".to_owned(),
            size: 7,
            media_type: "m".to_owned(),
            root: [2; 32],
            share: None,
            media,
            folder: None,
        })
    }

    /// What an offer holds behind the room that it is for, and what it is read as.
    fn behind_the_room(offer: &Control) -> Vec<u8> {
        let bytes = encode(offer);
        let mut deframer = Deframer::default();
        deframer.buffer().extend(&bytes);
        assert_eq!(deframer.next().as_ref(), Ok(&Some(offer.clone())));
        // Length 4, version, kind, id 16, name 2, size 1, media type 2, root 32, no room.
        bytes[4 + 2 + 16 + 2 + 1 + 2 + 32 + 1..].to_vec()
    }

    /// [W-150] byte by byte.
    #[test]
    fn what_an_offer_says_of_a_film_has_this_form() {
        assert_eq!(behind_the_room(&offer(None)), [0, 0]);
        let said = [1, 1, 0xd0, 0x82, 0x2e, 0x80, 0x0f, 0xb8, 0x08, 1, 1, 1, 1, 1, 0];
        assert_eq!(behind_the_room(&offer(Some(FILM))), said);
        let sound = Media { width: 0, height: 0, video: None, index: Index::Front, ..FILM };
        let said = [1, 1, 0xd0, 0x82, 0x2e, 0, 0, 0, 1, 1, 0, 0];
        assert_eq!(behind_the_room(&offer(Some(sound))), said);
    }

    /// [W-150] A program that is newer may name what is not known here.
    #[test]
    fn a_kind_that_is_not_known_is_another() {
        let bytes = encode(&offer(Some(FILM)));
        let film = bytes.len() - 14;
        assert_eq!((bytes[film], bytes[film + 9], bytes[film + 11]), (1, 1, 1));
        let mut newer = bytes.clone();
        (newer[film], newer[film + 9], newer[film + 11]) = (99, 200, 255);
        let mut deframer = Deframer::default();
        deframer.buffer().extend(newer);
        let other = Media {
            container: Container::Other,
            video: Some(VideoCodec::Other),
            audio: Some(AudioCodec::Other),
            ..FILM
        };
        assert_eq!(deframer.next(), Ok(Some(offer(Some(other)))));
        assert!(other.is_possible());
        // Where the index is has two answers only.
        let mut none = bytes;
        let last = none.len() - 2;
        none[last] = 2;
        let mut deframer = Deframer::default();
        deframer.buffer().extend(none);
        assert!(deframer.next::<Control>().is_err());
    }

    /// [W-150] Each number is said of one kind, and read as the same.
    #[test]
    fn numbers_and_kinds_fit() {
        for number in 0..=u8::MAX {
            let kept = |kind: u8, is_known: bool| kind == number || !is_known && kind == 0;
            let (file, picture) = (Container::from(number), VideoCodec::from(number));
            let sound = AudioCodec::from(number);
            assert!(kept(file.into(), file.name().is_some()), "{number}");
            assert!(kept(picture.into(), picture.name().is_some()), "{number}");
            assert!(kept(sound.into(), sound.name().is_some()), "{number}");
        }
    }

    /// [W-151]
    #[test]
    fn what_no_program_says_of_a_film_is_not_possible() {
        assert!(FILM.is_possible());
        assert!(Media { duration: 0, width: 0, height: 0, ..FILM }.is_possible());
        assert!(Media { duration: MAX_DURATION - 1, ..FILM }.is_possible());
        for film in [
            Media { duration: MAX_DURATION, ..FILM },
            Media { duration: u64::MAX, ..FILM },
            Media { width: 0, ..FILM },
            Media { height: 0, ..FILM },
            Media { video: None, ..FILM },
            Media { width: 0, height: 0, video: None, audio: None, ..FILM },
        ] {
            assert!(!film.is_possible(), "{film:?}");
        }
    }
}
